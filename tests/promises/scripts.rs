//! Scripts and functions on several shards: a script whose text went through Ketch once runs by its digest
//! everywhere, whatever happened to the nodes' own caches since.

use std::thread;
use std::time::{Duration, Instant};

use ketch::internals::lab::{Client, Group, NodeOptions, Options, Server, wait_until};
use ketch::internals::resp::Value;
use ketch::internals::topology::Digest;

use crate::rig::{self, KETCH, Ketch, prefixes};
use crate::support::{SOON, Setting, Stage, bulk, error, expect_error, ok, still_open};

/// Sets its key to its argument and answers how many scripts of this text have run on it.
const SET: &str = "redis.call('set', KEYS[1], ARGV[1]) return redis.call('incr', KEYS[1] .. ':runs')";

fn digest(text: &str) -> String {
    String::from_utf8(Digest::of(text.as_bytes()).hex().to_vec()).unwrap()
}

fn evalsha(text: &str, key: &str, argument: &str) -> Vec<String> {
    ["EVALSHA", &digest(text), "1", key, argument].map(str::to_owned).to_vec()
}

fn set(key: &str, value: &str) -> Vec<String> {
    ["SET", key, value].map(str::to_owned).to_vec()
}

fn flush(node: &Server) {
    assert_eq!(node.ask(&["SCRIPT", "FLUSH"]).unwrap(), ok());
}

fn has(node: &Server, text: &str) -> bool {
    node.ask(&["SCRIPT", "EXISTS", &digest(text)]).unwrap() == Value::Array(vec![Value::Integer(1)])
}

fn numbers(numbers: &[i64]) -> Value {
    Value::Array(numbers.iter().map(|n| Value::Integer(*n)).collect())
}

#[test]
fn a_script_runs_by_its_digest_on_every_shard_once_its_text_was_seen() {
    let stage = Stage::shards(3);
    let keys = stage.key_each();
    let mut client = stage.client();
    assert_eq!(client.ask(&evalsha(SET, &keys[0], "x")).unwrap(), no_script());
    // Its text goes to one shard, by another client.
    let eval = ["EVAL", SET, "1", &keys[0], "x"];
    assert_eq!(stage.client().ask(&eval).unwrap(), Value::Integer(1));
    for (shard, key) in keys.iter().enumerate() {
        let runs = if shard == 0 { 2 } else { 1 };
        assert_eq!(client.ask(&evalsha(SET, key, "y")).unwrap(), Value::Integer(runs), "{key}");
        assert_eq!(client.ask(&["GET", key]).unwrap(), bulk("y"));
    }
    // Upper case names the same script.
    let upper = ["EVALSHA", &digest(SET).to_uppercase(), "1", &keys[2], "z"];
    assert_eq!(client.ask(&upper).unwrap(), Value::Integer(2));
}

fn no_script() -> Value {
    Value::Error("NOSCRIPT No matching script. Please use EVAL.".into())
}

#[test]
fn script_load_reaches_every_shard_and_flush_empties_every_cache() {
    let stage = Stage::shards(3);
    let keys = stage.key_each();
    let mut client = stage.client();
    assert_eq!(client.ask(&["SCRIPT", "LOAD", SET]).unwrap(), bulk(digest(SET)));
    assert!((0..3).all(|shard| has(stage.primary(shard), SET)));
    let exists = |client: &mut Client, texts: &[&str]| {
        let mut words = vec!["SCRIPT".to_owned(), "EXISTS".to_owned()];
        words.extend(texts.iter().map(|text| digest(text)));
        client.ask(&words).unwrap()
    };
    assert_eq!(exists(&mut client, &[SET, "return 'no such'"]), numbers(&[1, 0]));
    // What runs by its digest exists, although one node alone has it so far.
    assert_eq!(client.ask(&["EVAL", "return 7", "1", &keys[1]]).unwrap(), Value::Integer(7));
    assert_eq!(exists(&mut client, &["return 7"]), numbers(&[1]));
    assert!((0..3).all(|shard| has(stage.primary(shard), "return 7")));

    // What one node has and Ketch has not seen does not exist: it would not run elsewhere.
    stage.primary(0).ask(&["SCRIPT", "LOAD", "return 'by the back door'"]).unwrap();
    assert_eq!(exists(&mut client, &["return 'by the back door'", SET]), numbers(&[0, 1]));

    assert_eq!(client.ask(&["SCRIPT", "FLUSH", "ASYNC"]).unwrap(), ok());
    assert!((0..3).all(|shard| !has(stage.primary(shard), SET)));
    assert_eq!(exists(&mut client, &[SET, "return 7"]), numbers(&[0, 0]));
    for client in [&mut client, &mut stage.client(), &mut stage.client()] {
        assert_eq!(client.ask(&evalsha(SET, &keys[0], "x")).unwrap(), no_script());
    }
}

#[test]
fn a_pipeline_of_scripts_that_a_node_has_lost_is_answered_in_order() {
    let stage = Stage::shards(2);
    let keys = stage.key_each();
    let mut client = stage.client();
    client.ask(&["SCRIPT", "LOAD", SET]).unwrap();
    client.ask(&evalsha(SET, &keys[0], "first")).unwrap();
    // Somebody flushes the scripts of the nodes, and tells nobody.
    (0..2).for_each(|shard| flush(stage.primary(shard)));
    let requests: Vec<Vec<String>> = (0..300).map(|n| evalsha(SET, &keys[n % 2], &n.to_string())).collect();
    let replies = client.pipeline(&requests).unwrap();
    for (n, reply) in replies.iter().enumerate() {
        let first = i64::from(n % 2 == 0);
        assert_eq!(*reply, Value::Integer(n as i64 / 2 + 1 + first), "{n}");
    }
    assert_eq!(client.ask(&["GET", &keys[1]]).unwrap(), bulk("299"));
}

#[test]
fn a_node_that_was_restarted_runs_scripts_as_before() {
    let stage = Stage::shards(2);
    let keys = stage.key_each();
    let mut client = stage.client();
    client.ask(&["EVAL", SET, "1", &keys[0], "x"]).unwrap();
    client.ask(&evalsha(SET, &keys[0], "x")).unwrap();
    stage.primary(0).kill();
    stage.primary(0).restart().unwrap();
    assert!(!has(stage.primary(0), SET));
    // A write behind each script: one that was not there would be found too late.
    let requests: Vec<Vec<String>> =
        (0..20).flat_map(|n| [evalsha(SET, &keys[0], &n.to_string()), set(&keys[0], "set")]).collect();
    wait_until(SOON, "the shard takes writes", || !client.ask(&["SET", &keys[0], "x"]).unwrap().is_error())
        .unwrap();
    let replies = client.pipeline(&requests).unwrap();
    assert!(replies.iter().all(|reply| !reply.is_error()), "{replies:?}");
    assert_eq!(replies.last(), Some(&ok()));
}

#[test]
fn scripts_go_on_over_a_failover_that_takes_the_nodes_caches_away() {
    let group = Group::start(&Options { shards: 3, replicas: 1, ..Options::new(KETCH).unwrap() }).unwrap();
    let ketch = Ketch::before(&group, "");
    let keys: Vec<String> = prefixes(3).iter().map(|prefix| format!("{prefix}key")).collect();
    let mut client = ketch.client();
    client.ask(&["EVAL", SET, "1", &keys[0], "0"]).unwrap();
    let old = group.primary(0).unwrap();
    let replica = group.replicas(0)[0];
    assert!(!has(replica, SET), "replicas are not sent the texts of scripts");
    group.sentinel_failover(0).unwrap();
    let until = Instant::now() + rig::FAILOVER;
    let (mut asked, mut unknown) = (0, 0);
    let moved = || !old.says_master() && group.primary(0).is_some_and(|node| node.port() != old.port());
    while Instant::now() < until && !(moved() && has(replica, SET)) {
        let requests: Vec<Vec<String>> =
            keys.iter().flat_map(|key| [evalsha(SET, key, "x"), set(key, "y")]).collect();
        for reply in client.pipeline(&requests).unwrap() {
            asked += 1;
            match &reply {
                Value::Error(text) if text.starts_with("OUTCOMEUNKNOWN") => unknown += 1,
                reply => assert!(!reply.is_error(), "{reply:?}"),
            }
        }
        thread::sleep(Duration::from_millis(5));
    }
    assert!(has(replica, SET), "{asked} requests later");
    assert!(unknown <= 2, "{unknown} of {asked}");
    assert!(!client.ask(&evalsha(SET, &keys[0], "z")).unwrap().is_error());
}

#[test]
fn a_script_that_only_reads_runs_on_replicas_that_never_saw_it() {
    const GET: &str = "return redis.call('get', KEYS[1])";
    let listeners = vec!["reads = \"replica\""];
    let stage = Stage::start(Setting { replicas: 2, listeners, ..Setting::default() });
    let mut client = stage.client();
    let replicas = [stage.node(0, 1), stage.node(0, 2)];
    assert_eq!(client.ask(&["SET", "k", "v"]).unwrap(), ok());
    let replicated = || replicas.iter().all(|node| node.ask(&["EXISTS", "k"]).unwrap() == Value::Integer(1));
    wait_until(SOON, "both replicas have the key", replicated).unwrap();
    client.ask(&["SCRIPT", "LOAD", GET]).unwrap();
    assert!(replicas.iter().all(|node| !has(node, GET)));
    let request = ["EVALSHA_RO", &digest(GET), "1", "k"];
    wait_until(SOON, "both replicas have run it", || {
        assert_eq!(client.ask(&request).unwrap(), bulk("v"));
        replicas.iter().all(|node| has(node, GET))
    })
    .unwrap();
    replicas.iter().for_each(|node| flush(node));
    wait_until(SOON, "both replicas have run it again", || {
        assert_eq!(client.ask(&request).unwrap(), bulk("v"));
        replicas.iter().all(|node| has(node, GET))
    })
    .unwrap();
}

#[test]
fn a_script_that_fails_or_writes_too_much_says_so_in_redis_s_words() {
    let stage = Stage::shards(2);
    let key = &stage.key_each()[1];
    let (mut client, mut node) = (stage.client(), stage.primary(1).client().unwrap());
    let lie = "redis.call('incr', KEYS[1]) return redis.error_reply('NOSCRIPT No matching script. Please use EVAL.')";
    client.ask(&["EVAL", lie, "1", key]).unwrap();
    assert_eq!(client.ask(&["EVALSHA", &digest(lie), "1", key]).unwrap(), no_script());
    assert_eq!(client.ask(&["GET", key]).unwrap(), bulk("2"), "it was not run again");
    for request in [
        &["EVAL", "foo bar", "1", key][..],
        &["EVAL", "return redis.call('nosuch')", "1", key],
        &["EVAL", "return redis.call('lpush', KEYS[1], 1)", "1", key],
        &["EVAL_RO", "return redis.call('set', KEYS[1], 1)", "1", key],
        &["EVALSHA", "short", "1", key],
        &["EVALSHA", &digest("never seen"), "1", key],
        &["EVAL", "return 1", "-1", key],
        &["EVAL", "return 1", "x", key],
        &["EVAL", "return 1", "2", key],
        &["EVAL", "return 1"],
        &["SCRIPT", "LOAD", "foo bar"],
        &["SCRIPT", "EXISTS"],
        &["SCRIPT", "FLUSH", "LATER"],
        &["SCRIPT", "KILL"],
        &["SCRIPT", "NOSUCH"],
        &["FCALL", "nosuch", "1", key],
        &["FUNCTION", "KILL"],
        &["FUNCTION", "DELETE", "nosuch"],
        &["FUNCTION", "LOAD", "no shebang"],
    ] {
        assert_eq!(client.ask(request).unwrap(), node.ask(request).unwrap(), "{request:?}");
    }
    expect_error(&client.ask(&["SCRIPT", "DEBUG", "YES"]).unwrap(), "ERR 'script|debug' is never forwarded");
    still_open(&mut client);
}

#[test]
fn functions_are_on_every_shard() {
    const LIBRARY: &str = "#!lua name=lib\nredis.register_function('put', function(keys, args) \
        return redis.call('set', keys[1], args[1]) end)\nredis.register_function{function_name='peek', \
        callback=function(keys) return redis.call('get', keys[1]) end, flags={'no-writes'}}";
    let stage = Stage::shards(3);
    let keys = stage.key_each();
    let mut client = stage.client();
    assert_eq!(client.ask(&["FUNCTION", "LOAD", LIBRARY]).unwrap(), bulk("lib"));
    expect_error(&client.ask(&["FUNCTION", "LOAD", LIBRARY]).unwrap(), "ERR Library 'lib' already exists");
    assert_eq!(client.ask(&["FUNCTION", "LOAD", "REPLACE", LIBRARY]).unwrap(), bulk("lib"));
    for key in &keys {
        assert_eq!(client.ask(&["FCALL", "put", "1", key, "v"]).unwrap(), ok());
        assert_eq!(client.ask(&["FCALL_RO", "peek", "1", key]).unwrap(), bulk("v"));
    }
    let list = client.ask(&["FUNCTION", "LIST"]).unwrap();
    assert_eq!(list.elements().map(<[Value]>::len), Some(1), "{list:?}");
    let Value::Bulk(dump) = client.ask(&["FUNCTION", "DUMP"]).unwrap() else { panic!("no dump") };
    assert!(!client.ask(&["FUNCTION", "STATS"]).unwrap().is_error());
    assert_eq!(client.ask(&["FUNCTION", "DELETE", "lib"]).unwrap(), ok());
    for shard in 0..3 {
        assert_eq!(stage.primary(shard).ask(&["FUNCTION", "LIST"]).unwrap(), Value::Array(vec![]));
    }
    expect_error(&client.ask(&["FCALL", "put", "1", &keys[2], "v"]).unwrap(), "ERR Function not found");
    assert_eq!(client.ask(&[b"FUNCTION", &b"RESTORE"[..], &dump]).unwrap(), ok());
    assert_eq!(client.ask(&["FCALL_RO", "peek", "1", &keys[2]]).unwrap(), bulk("v"));
    assert_eq!(client.ask(&["FUNCTION", "FLUSH"]).unwrap(), ok());
    assert_eq!(stage.primary(1).ask(&["FUNCTION", "LIST"]).unwrap(), Value::Array(vec![]));
}

#[test]
fn texts_are_kept_up_to_script_cache_and_the_oldest_goes() {
    let tables = "[pool.main.limits]\nscript_cache = \"64KiB\"\n".to_owned();
    let stage = Stage::start(Setting { tables, ..Setting::default() });
    let mut client = stage.client();
    let text = |n: usize| format!("return {n} --{}", "x".repeat(10_000));
    for n in 0..8 {
        assert_eq!(client.ask(&["EVAL", &text(n), "0"]).unwrap(), Value::Integer(n as i64));
    }
    flush(stage.primary(0));
    for n in [7, 6, 5] {
        assert_eq!(client.ask(&["EVALSHA", &digest(&text(n)), "0"]).unwrap(), Value::Integer(n as i64));
    }
    assert_eq!(client.ask(&["EVALSHA", &digest(&text(0)), "0"]).unwrap(), no_script());
    let large = format!("return 1 --{}", "x".repeat(100_000));
    assert_eq!(client.ask(&["EVAL", &large, "0"]).unwrap(), Value::Integer(1));
    assert_eq!(client.ask(&["EVALSHA", &digest(&large), "0"]).unwrap(), Value::Integer(1));
    flush(stage.primary(0));
    assert_eq!(client.ask(&["EVALSHA", &digest(&large), "0"]).unwrap(), no_script(), "it was too large");
}

#[test]
fn a_script_that_does_not_end_is_killed() {
    let node = NodeOptions { lines: vec!["busy-reply-threshold 50".into()], ..NodeOptions::default() };
    let stage = Stage::start(Setting { shards: 2, node, ..Setting::default() });
    let key = &stage.key_each()[1];
    // Of the two workers one each: behind the script, on its own worker's connection, everything waits.
    let (mut client, mut other) = (stage.client(), stage.client());
    for client in [&mut client, &mut other] {
        assert_eq!(client.ask(&["SET", key, "v"]).unwrap(), ok());
    }
    let began = Instant::now();
    client.send(&["EVAL", "while true do end", "1", key]).unwrap();
    wait_until(SOON, "the script is killed", || other.ask(&["SCRIPT", "KILL"]).unwrap() == ok()).unwrap();
    let reply = client.read().unwrap();
    assert!(error(&reply).contains("killed by user with SCRIPT KILL"), "{reply:?}");
    assert!(began.elapsed() < Duration::from_secs(2), "before its node counted as dead");
    expect_error(&other.ask(&["SCRIPT", "KILL"]).unwrap(), "NOTBUSY");
    assert_eq!(client.ask(&["GET", key]).unwrap(), bulk("v"));
}

#[test]
fn scripts_run_in_transactions_on_nodes_that_never_saw_them() {
    let stage = Stage::shards(2);
    let keys = stage.key_each();
    let mut client = stage.client();
    client.ask(&["EVAL", SET, "1", &keys[0], "x"]).unwrap();
    let multi = |words: &str| vec![words.to_owned()];
    for key in &keys {
        let block =
            [multi("MULTI"), evalsha(SET, key, "1"), set(key, "2"), evalsha(SET, key, "3"), multi("EXEC")];
        let replies = client.pipeline(&block).unwrap();
        let runs = i64::from(*key == keys[0]);
        let [first, second] = [1, 2].map(|n| Value::Integer(runs + n));
        assert_eq!(replies[4], Value::Array(vec![first, ok(), second]), "{key}");
        let watch = ["WATCH", key];
        assert_eq!(client.ask(&watch).unwrap(), ok());
        assert!(!client.ask(&evalsha(SET, key, "4")).unwrap().is_error());
        assert_eq!(client.ask(&["UNWATCH"]).unwrap(), ok());
    }
}

#[test]
fn without_keys_a_script_runs_on_the_first_shard() {
    let stage = Stage::shards(3);
    let mut client = stage.client();
    let where_it_runs = "return redis.call('config', 'get', 'port')[2]";
    let reply = client.ask(&["EVAL", where_it_runs, "0"]).unwrap();
    // CONFIG is no command for scripts: the error comes from a node, not from Ketch.
    assert!(error(&reply).contains("not allowed from script"), "{reply:?}");
    client.ask(&["EVAL", "return redis.call('set', 'no-keys-declared', 'x')", "0"]).unwrap();
    let sizes: Vec<Value> = (0..3).map(|s| stage.primary(s).ask(&["DBSIZE"]).unwrap()).collect();
    assert_eq!(sizes.iter().filter(|size| **size == Value::Integer(1)).count(), 1, "{sizes:?}");
    for _ in 0..5 {
        assert_eq!(client.ask(&["EVAL", "return redis.call('dbsize')", "0"]).unwrap(), Value::Integer(1));
    }
}
