//! MGET, MSET, DEL, UNLINK, EXISTS and TOUCH over several shards answer what one server would.

use ketch::internals::lab::{Client, Program, Server};
use ketch::internals::resp::Value;

use super::support::{Setting, Stage, bulk, expect_error, ok, still_open};

const CROSSED: &str = "CROSSSLOT Keys in request don't hash to the same shard";

/// A small generator, so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn splits_answer_what_one_server_answers_on_the_same_data() {
    let stage = Stage::shards(3);
    let alone =
        Server::start(stage.home(), &Program::redis().unwrap(), "alone", &Default::default()).unwrap();
    let (mut ketch, mut redis) = (stage.client(), alone.client().unwrap());
    let mut dice = Dice(20);
    for round in 0..3000 {
        let request = any_request(&mut dice, round);
        let (ours, theirs) = (ketch.ask(&request).unwrap(), redis.ask(&request).unwrap());
        assert_eq!(ours, theirs, "round {round}: {request:?}");
    }
    let held: i64 =
        (0..3).map(|shard| stage.primary(shard).ask(&["DBSIZE"]).unwrap().number().unwrap()).sum();
    assert_eq!(Some(held), redis.ask(&["DBSIZE"]).unwrap().number());
}

/// Of 40 keys, some of which hold lists; keys are missing and come twice.
fn any_request(dice: &mut Dice, round: u32) -> Vec<String> {
    let names = ["MGET", "MSET", "DEL", "UNLINK", "EXISTS", "TOUCH", "MGET", "MSET", "RPUSH", "mget"];
    let name = names[dice.below(names.len() as u64) as usize];
    let mut request = vec![name.to_owned()];
    let keys = if name == "RPUSH" { 1 } else { 1 + dice.below(24) };
    for n in 0..keys {
        request.push(format!("{}:k", dice.below(40)));
        if matches!(name, "MSET" | "RPUSH") {
            request.push(format!("{round}:{n}"));
        }
    }
    request
}

#[test]
fn duplicates_missing_keys_and_wrong_types_count_as_on_one_server() {
    let stage = Stage::shards(3);
    let mut client = stage.client();
    let keys = stage.key_each();
    let [a, b, c] = [&keys[0][..], &keys[1], &keys[2]];
    let mut is =
        |request: &[&str], reply: Value| assert_eq!(client.ask(request).unwrap(), reply, "{request:?}");
    is(&["MSET", a, "1", b, "2", a, "3"], ok());
    is(&["RPUSH", c, "x"], Value::Integer(1));
    is(
        &["MGET", c, a, b, "none", a],
        Value::Array(vec![Value::Nil, bulk("3"), bulk("2"), Value::Nil, bulk("3")]),
    );
    is(&["EXISTS", a, a, b, "none"], Value::Integer(3));
    is(&["TOUCH", a, a, "none", c], Value::Integer(3));
    is(&["DEL", a, a, b], Value::Integer(2));
    is(&["UNLINK", a, c, "none", c], Value::Integer(1));
}

#[test]
fn a_split_write_that_failed_in_part_says_how_far_it_came() {
    let stage = Stage::shards(3);
    let keys = stage.key_each();
    let mset = ["MSET", &keys[0], "1", &keys[1], "1", &keys[2], "1"];
    let mut client = stage.client();
    let oom = "OOM command not allowed when used memory > 'maxmemory'.";
    for (full, tail) in [(1, " (applied on 2 of 3 shards)"), (2, " (applied on 1 of 3 shards)"), (0, "")] {
        stage.primary(full).ask(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
        assert_eq!(client.ask(&mset).unwrap(), Value::Error(format!("{oom}{tail}")));
        still_open(&mut client);
    }
    // What reads and deletes is not refused for want of memory.
    let mget = client.ask(&["MGET", &keys[0], &keys[1], &keys[2]]).unwrap();
    assert_eq!(mget, Value::Array(vec![bulk("1"), Value::Nil, bulk("1")]));
    assert_eq!(client.ask(&["DEL", &keys[0], &keys[1], &keys[2]]).unwrap(), Value::Integer(2));
}

#[test]
fn a_split_read_that_failed_in_part_fails_as_a_whole() {
    let stage = Stage::shards(2);
    let keys = stage.key_each();
    // A node that may not serve this: a rule for everybody on it.
    let rule = ["ACL", "SETUSER", "default", "-mget"];
    stage.primary(1).ask(&rule).unwrap();
    let mut client = stage.client();
    expect_error(&client.ask(&["MGET", &keys[0], &keys[1]]).unwrap(), "NOPERM");
    let alone = client.ask(&["MGET", &keys[0]]).unwrap();
    assert_eq!(alone, Value::Array(vec![Value::Nil]));
}

#[test]
fn writes_over_shards_can_be_forbidden() {
    let pool = "cross_shard_writes = false".to_owned();
    let stage = Stage::start(Setting { shards: 3, pool, ..Setting::default() });
    let keys = stage.key_each();
    let same = stage.keys_on(1, 2);
    let mut client = stage.client();
    for request in [
        &["MSET", &keys[0], "1", &keys[1], "1"][..],
        &["DEL", &keys[0], &keys[1]],
        &["UNLINK", &keys[0], &keys[1]],
    ] {
        let reply = client.ask(request).unwrap();
        expect_error(&reply, CROSSED);
        assert!(super::support::error(&reply).contains("cross_shard_writes = false"), "{reply:?}");
    }
    assert_eq!(client.ask(&["EXISTS", &keys[0], &keys[1]]).unwrap(), Value::Integer(0));
    assert_eq!(client.ask(&["MSET", &same[0], "1", &same[1], "1"]).unwrap(), ok());
    assert_eq!(client.ask(&["MGET", &keys[0], &same[1]]).unwrap(), Value::Array(vec![Value::Nil, bulk("1")]));
}

#[test]
fn other_commands_with_keys_on_several_shards_are_refused_and_the_client_stays() {
    let stage = Stage::shards(3);
    let keys = stage.key_each();
    let [a, b] = [&keys[0][..], &keys[1]];
    let mut client = stage.client();
    for request in [
        &["SINTER", a, b][..],
        &["SUNIONSTORE", a, b],
        &["RENAME", a, b],
        &["MSETNX", a, "1", b, "2"],
        &["BITOP", "AND", a, b],
        &["PFCOUNT", a, b],
        &["ZUNIONSTORE", a, "1", b],
        &["LMOVE", a, b, "LEFT", "LEFT"],
        &["COPY", a, b],
        &["LMPOP", "2", a, b, "LEFT"],
        &["EVAL", "return 1", "2", a, b],
        &["XREAD", "STREAMS", a, b, "0", "0"],
        &["SORT", a, "STORE", b],
    ] {
        expect_error(&client.ask(request).unwrap(), CROSSED);
    }
    on_one_shard(&mut client, &stage.keys_on(2, 2));
}

fn on_one_shard(client: &mut Client, keys: &[String]) {
    let [a, b] = [&keys[0][..], &keys[1]];
    assert_eq!(client.ask(&["MSETNX", a, "1", b, "2"]).unwrap(), Value::Integer(1));
    assert_eq!(client.ask(&["RENAME", a, b]).unwrap(), ok());
    let both = client.ask(&["EVAL", "return redis.call('mget', KEYS[1], KEYS[2])", "2", a, b]).unwrap();
    assert_eq!(both, Value::Array(vec![Value::Nil, bulk("1")]));
}

#[test]
fn a_sort_that_would_read_keys_of_other_shards_is_refused_and_says_what_to_do() {
    let setting = Setting { shards: 3, pool: "hash_tag = \"{}\"".into(), ..Setting::default() };
    let stage = Stage::start(setting);
    let mut client = stage.client();
    client.ask(&["RPUSH", "{u}list", "2", "1"]).unwrap();
    client.ask(&["MSET", "{u}w1", "20", "{u}w2", "10", "{u}n1", "one", "{u}n2", "two"]).unwrap();
    for name in ["SORT", "SORT_RO"] {
        for request in [&[name, "{u}list", "BY", "w*"][..], &[name, "{u}list", "GET", "#", "GET", "*{u}"]] {
            expect_error(
                &client.ask(request).unwrap(),
                "ERR BY and GET of SORT may read keys on other shards",
            );
        }
        let sorted = client.ask(&[name, "{u}list", "BY", "{u}w*", "GET", "{u}n*", "GET", "#"]).unwrap();
        assert_eq!(sorted, Value::Array(["two", "2", "one", "1"].map(bulk).to_vec()));
        let plain = client.ask(&[name, "{u}list", "BY", "nosort", "GET", "#"]).unwrap();
        assert_eq!(plain, Value::Array(["2", "1"].map(bulk).to_vec()));
    }
    still_open(&mut client);
    // On one shard there is nothing to cross.
    let alone = Stage::shards(1);
    let mut client = alone.client();
    client.ask(&["RPUSH", "list", "1"]).unwrap();
    assert_eq!(client.ask(&["SORT", "list", "GET", "w*"]).unwrap(), Value::Array(vec![Value::Nil]));
}
