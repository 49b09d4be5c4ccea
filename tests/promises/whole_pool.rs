//! Commands that concern every shard answer what one server would of all the keys.

use std::collections::BTreeMap;

use ketch::internals::lab::{NodeOptions, Program, Server};
use ketch::internals::resp::Value;

use crate::support::{Setting, Stage, bulk, expect_error, ok, still_open};

fn names(reply: &Value) -> Vec<String> {
    let mut names: Vec<String> =
        reply.elements().unwrap().iter().map(|name| name.text().unwrap().to_owned()).collect();
    names.sort();
    names
}

#[test]
fn keys_and_sizes_are_those_of_all_shards() {
    let stage = Stage::shards(3);
    let alone =
        Server::start(stage.home(), &Program::redis().unwrap(), "alone", &NodeOptions::default()).unwrap();
    let (mut ketch, mut redis) = (stage.client(), alone.client().unwrap());
    for n in 0..2000 {
        let request = ["SET", &format!("key:{n}"), "v"];
        assert_eq!(ketch.ask(&request).unwrap(), redis.ask(&request).unwrap());
    }
    for pattern in ["*", "key:1?", "key:[12]*9", "none*", "\\*"] {
        let (ours, theirs) = [&mut ketch, &mut redis].map(|c| c.ask(&["KEYS", pattern]).unwrap()).into();
        assert_eq!(names(&ours), names(&theirs), "{pattern}");
    }
    assert_eq!(ketch.ask(&["DBSIZE"]).unwrap(), Value::Integer(2000));
    assert_eq!(ketch.ask(&["FLUSHDB", "ASYNC"]).unwrap(), ok());
    assert_eq!(ketch.ask(&["KEYS", "*"]).unwrap(), Value::Array(vec![]));
    expect_error(&ketch.ask(&["FLUSHALL", "NEVER"]).unwrap(), "ERR syntax error");
    still_open(&mut ketch);
}

#[test]
fn more_keys_than_gather_limit_allows_are_an_error_and_nothing_breaks() {
    let tables = "[pool.main.limits]\ngather_limit = \"64KiB\"\n".to_owned();
    let stage = Stage::start(Setting { shards: 2, tables, ..Setting::default() });
    let mut client = stage.client();
    for some in (0..4000).collect::<Vec<_>>().chunks(500) {
        let pairs = some.iter().flat_map(|n| [format!("a-key-with-a-long-name:{n}"), "v".into()]);
        let request: Vec<String> = [String::from("MSET")].into_iter().chain(pairs).collect();
        assert_eq!(client.ask(&request).unwrap(), ok());
    }
    expect_error(&client.ask(&["KEYS", "*"]).unwrap(), "ERR gather_limit (64KiB)");
    assert_eq!(names(&client.ask(&["KEYS", "*:77"]).unwrap()), ["a-key-with-a-long-name:77"]);
}

#[test]
fn a_random_key_comes_from_every_shard_by_its_size_and_is_nil_only_without_keys() {
    let stage = Stage::shards(3);
    let mut client = stage.client();
    assert_eq!(client.ask(&["RANDOMKEY"]).unwrap(), Value::Nil);
    let lonely = stage.keys_on(2, 1).remove(0);
    client.ask(&["SET", &lonely, "v"]).unwrap();
    for _ in 0..50 {
        assert_eq!(client.ask(&["RANDOMKEY"]).unwrap(), bulk(&lonely));
    }
    client.ask(&["DEL", &lonely]).unwrap();
    // One key in ten on the first shard, nine on the second.
    for key in stage.keys_on(0, 10).iter().chain(&stage.keys_on(1, 90)) {
        client.ask(&["SET", key, "v"]).unwrap();
    }
    let mut drawn = [0; 3];
    for _ in 0..2000 {
        let key = client.ask(&["RANDOMKEY"]).unwrap();
        drawn[stage.shard_of(key.text().unwrap())] += 1;
    }
    assert!((100..350).contains(&drawn[0]) && drawn[2] == 0, "{drawn:?}");
}

#[test]
fn databases_are_swapped_and_moved_between_on_every_shard() {
    let stage = Stage::shards(2);
    let mut client = stage.client();
    let keys = stage.key_each();
    for key in &keys {
        client.ask(&["SET", key, "here"]).unwrap();
    }
    assert_eq!(client.ask(&["SWAPDB", "0", "1"]).unwrap(), ok());
    assert_eq!(client.ask(&["DBSIZE"]).unwrap(), Value::Integer(0));
    assert_eq!(client.ask(&["SWAPDB", "1", "0"]).unwrap(), ok());
    assert_eq!(client.ask(&["DBSIZE"]).unwrap(), Value::Integer(2));
    expect_error(&client.ask(&["SWAPDB", "0", "99"]).unwrap(), "ERR DB index is out of range");
    assert_eq!(client.ask(&["MOVE", &keys[1], "3"]).unwrap(), Value::Integer(1));
    assert_eq!(client.ask(&["EXISTS", &keys[1]]).unwrap(), Value::Integer(0));
    assert_eq!(client.ask(&["COPY", &keys[0], &keys[0], "DB", "2"]).unwrap(), Value::Integer(1));
    let mut node = stage.primary(stage.shard_of(&keys[1])).client().unwrap();
    node.ask(&["SELECT", "3"]).unwrap();
    assert_eq!(node.ask(&["GET", &keys[1]]).unwrap(), bulk("here"));
}

/// Each database, and each version of the protocol, has connections of its own: what is asked of all shards is
/// asked by those of the client.
#[test]
fn the_whole_pool_is_seen_in_the_clients_own_database_and_protocol() {
    let stage = Stage::shards(3);
    let (mut first, mut third) = (stage.client(), stage.client());
    let keys: Vec<String> = (0..300).map(|n| format!("key:{n}")).collect();
    assert_eq!(third.ask(&["SELECT", "3"]).unwrap(), ok());
    assert!(!third.ask(&["HELLO", "3"]).unwrap().is_error());
    for key in &keys {
        third.ask(&["SET", key, "v"]).unwrap();
    }
    first.ask(&["SET", "alone", "v"]).unwrap();
    for (client, count) in [(&mut first, 1), (&mut third, 300)] {
        assert_eq!(client.ask(&["DBSIZE"]).unwrap(), Value::Integer(count));
        let all = names(&client.ask(&["KEYS", "*"]).unwrap());
        assert_eq!(all.len() as i64, count);
        assert!(all.contains(&client.ask(&["RANDOMKEY"]).unwrap().text().unwrap().to_owned()));
        let (mut cursor, mut found) = ("0".to_owned(), Vec::new());
        loop {
            let reply = client.ask(&["SCAN", &cursor]).unwrap();
            let [next, some] = reply.elements().unwrap() else { panic!("{reply:?}") };
            found.extend(names(some));
            cursor = next.text().unwrap().to_owned();
            if cursor == "0" {
                break;
            }
        }
        found.sort();
        assert_eq!(found, all);
        assert_eq!(client.ask(&["WAIT", "0", "0"]).unwrap(), Value::Integer(0));
    }
    assert_eq!(third.ask(&["FLUSHDB"]).unwrap(), ok());
    assert_eq!(third.ask(&["RANDOMKEY"]).unwrap(), Value::Nil);
    assert_eq!(first.ask(&["DBSIZE"]).unwrap(), Value::Integer(1));
}

#[test]
fn saving_is_done_by_every_shard() {
    let stage = Stage::shards(2);
    let mut client = stage.client();
    let before = client.ask(&["LASTSAVE"]).unwrap().number().unwrap();
    assert_eq!(client.ask(&["SAVE"]).unwrap(), ok());
    let saved = |shard: usize| stage.primary(shard).ask(&["LASTSAVE"]).unwrap().number().unwrap();
    let oldest = saved(0).min(saved(1));
    assert!(oldest >= before);
    assert_eq!(client.ask(&["LASTSAVE"]).unwrap(), Value::Integer(oldest), "all of it was saved then");
    assert_eq!(client.ask(&["BGSAVE"]).unwrap(), Value::Simple("Background saving started".into()));
    let text = client.ask(&["BGREWRITEAOF"]).unwrap();
    assert!(text.text().is_some_and(|t| t.starts_with("Background append only file rewriting")), "{text:?}");
    assert_eq!(client.ask(&["PFSELFTEST"]).unwrap(), ok());
    assert_eq!(client.ask(&["MODULE", "LIST"]).unwrap(), Value::Array(vec![]));
}

/// What a node keeps of a key is told by the primary, also where replicas serve reads.
#[test]
fn how_a_key_is_kept_is_told_by_its_primary() {
    let setting =
        Setting { shards: 2, replicas: 1, listeners: vec!["reads = \"replica\""], ..Setting::default() };
    let stage = Stage::start(setting);
    let mut client = stage.client();
    for key in stage.key_each() {
        client.ask(&["SET", &key, "12345"]).unwrap();
        stage
            .primary(stage.shard_of(&key))
            .ask(&["CONFIG", "SET", "maxmemory-policy", "allkeys-lfu"])
            .unwrap();
        assert_eq!(client.ask(&["WAIT", "1", "10000"]).unwrap(), Value::Integer(1));
        assert_eq!(client.ask(&["OBJECT", "ENCODING", &key]).unwrap(), bulk("int"));
        assert!(client.ask(&["OBJECT", "REFCOUNT", &key]).unwrap().number().is_some());
        assert!(client.ask(&["MEMORY", "USAGE", &key]).unwrap().number() > Some(10));
        // The replica's policy is another: it would be an error there.
        assert!(client.ask(&["OBJECT", "FREQ", &key]).unwrap().number().is_some());
        assert_eq!(client.ask(&["TOUCH", &key]).unwrap(), Value::Integer(1));
    }
    assert!(client.ask(&["OBJECT", "HELP"]).unwrap().elements().is_some());
}

/// Every command with more than one key, with its keys on one shard and on two: the one is as on a server, the
/// other is split, or refused before anything is done.
#[test]
fn commands_of_several_keys_work_on_one_shard_and_are_split_or_refused_on_two() {
    let stage = Stage::shards(2);
    let alone =
        Server::start(stage.home(), &Program::redis().unwrap(), "alone", &NodeOptions::default()).unwrap();
    let (mut ketch, mut redis) = (stage.client(), alone.client().unwrap());
    let here = stage.keys_on(0, 10);
    let there = stage.keys_on(1, 1).remove(0);
    let mut both = |request: &[&str]| {
        let (ours, theirs) = (ketch.ask(request).unwrap(), redis.ask(request).unwrap());
        assert_eq!(ours, theirs, "{request:?}");
    };
    let [a, b, c, d, e, f, g, h, none, near] = core::array::from_fn(|i| here[i].as_str());
    for setup in [
        &["SADD", a, "x", "y"][..],
        &["SADD", b, "y", "z"],
        &["ZADD", c, "1", "m", "2", "n"],
        &["ZADD", d, "3", "m"],
        &["GEOADD", e, "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania"],
        &["RPUSH", f, "3", "1", "2"],
        &["PFADD", g, "1", "2"],
        &["XADD", h, "1-1", "k", "v"],
    ] {
        both(setup);
    }
    // The destination, or one more source, is `K`.
    let commands = [
        format!("SINTER {a} {b} K"),
        format!("SUNION {a} {b} K"),
        format!("SDIFF {a} {b} K"),
        format!("SINTERSTORE K {a} {b}"),
        format!("SUNIONSTORE K {a} {b}"),
        format!("SDIFFSTORE K {a} {b}"),
        format!("SINTERCARD 3 {a} {b} K LIMIT 1"),
        format!("SMOVE {a} K x"),
        format!("ZUNION 3 {c} {d} K WITHSCORES"),
        format!("ZINTER 3 {c} {d} K"),
        format!("ZDIFF 3 {c} {d} K"),
        format!("ZINTERCARD 3 {c} {d} K"),
        format!("ZUNIONSTORE K 2 {c} {d} WEIGHTS 1 2 AGGREGATE MAX"),
        format!("ZINTERSTORE K 2 {c} {d}"),
        format!("ZDIFFSTORE K 2 {c} {d}"),
        format!("ZRANGESTORE K {c} 0 -1"),
        format!("ZMPOP 2 K {d} MIN"),
        format!("GEOSEARCHSTORE K {e} FROMLONLAT 15 37 BYRADIUS 200 km ASC"),
        format!("GEORADIUS {e} 15 37 200 km STORE K"),
        format!("GEORADIUS {e} 15 37 200 km STOREDIST K"),
        format!("GEORADIUSBYMEMBER {e} Palermo 200 km STORE K"),
        format!("SORT {f} STORE K"),
        format!("SORT {f} BY nosort LIMIT 0 2 DESC STORE K"),
        format!("RPOPLPUSH {f} K"),
        format!("LMOVE {f} K LEFT RIGHT"),
        format!("LMPOP 2 K {f} LEFT COUNT 2"),
        format!("BITOP OR K {none}"),
        format!("PFCOUNT {g} K"),
        format!("PFMERGE K {g}"),
        format!("XREAD COUNT 1 STREAMS {h} K 0 0"),
        format!("COPY {a} K REPLACE"),
        format!("RENAME {c} K"),
        format!("RENAMENX {d} K"),
        format!("MSETNX {none} v K v"),
        format!("LCS {none} K"),
    ];
    for line in &commands {
        let words: Vec<&str> = line.split(' ').collect();
        let on = |key: &str| -> Vec<String> {
            words.iter().map(|w| if *w == "K" { key.to_owned() } else { (*w).to_owned() }).collect()
        };
        // First the one that must do nothing.
        let before = stage.primary(0).ask(&["INFO", "commandstats"]).unwrap();
        let refused = ketch.ask(&on(&there)).unwrap();
        assert!(refused.is_error(), "{line}: {refused:?}");
        expect_error(&refused, "CROSSSLOT Keys in request don't hash to the same shard");
        assert_eq!(
            count(&before),
            count(&stage.primary(0).ask(&["INFO", "commandstats"]).unwrap()),
            "{line}"
        );
        let request = on(near);
        let (ours, theirs) = (ketch.ask(&request).unwrap(), redis.ask(&request).unwrap());
        // Members of sets come in the order of a process's own hashes.
        let unordered = ["SINTER", "SUNION", "SDIFF"].contains(&words[0]);
        let [ours, theirs] = [ours, theirs].map(|reply| match reply {
            Value::Array(_) if unordered => Value::Array(names(&reply).into_iter().map(bulk).collect()),
            other => other,
        });
        assert_eq!(ours, theirs, "{line}");
        for client in [&mut ketch, &mut redis] {
            client.ask(&["DEL", near, none]).unwrap();
        }
    }
    still_open(&mut ketch);
}

/// Calls of commands that touch data.
fn count(stats: &Value) -> BTreeMap<String, String> {
    let text = stats.text().unwrap();
    let calls = text.lines().filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="));
    let own = ["info", "role", "ping", "client|no-evict", "config|get", "replconf", "psync"];
    let of = |(name, rest): (&str, &str)| (name.to_owned(), rest.split(',').next().unwrap().to_owned());
    calls.map(of).filter(|(name, _)| !own.contains(&name.as_str())).collect()
}

#[test]
fn sort_patterns_go_where_they_can_be_served() {
    let stage = Stage::shards(2);
    let mut client = stage.client();
    let list = stage.keys_on(0, 1).remove(0);
    client.ask(&["RPUSH", &list, "2", "1"]).unwrap();
    for request in [
        &["SORT", &list, "BY", "w_*"][..],
        &["SORT", &list, "GET", "o_*"],
        &["SORT_RO", &list, "BY", "w_*->f"],
    ] {
        expect_error(
            &client.ask(request).unwrap(),
            "ERR BY and GET of SORT may read keys on other shards of pool main",
        );
    }
    let sorted = client.ask(&["SORT", &list, "BY", "nosort", "GET", "#"]).unwrap();
    assert_eq!(sorted, Value::Array(vec![bulk("2"), bulk("1")]));
}
