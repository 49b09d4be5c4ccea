//! What valkey-server has and redis-server 7.0 has not works through Ketch as it does directly.

use std::path::Path;

use ketch::internals::lab::Program;
use ketch::internals::resp::Value;

use crate::support::{Setting, Stage, bulk, error, expect_error, ok};

fn stage() -> Stage {
    let program = Program::valkey(Some(Path::new(env!("CARGO_MANIFEST_DIR")))).unwrap();
    Stage::start(Setting { shards: 3, program, ..Setting::default() })
}

fn numbers(numbers: &[i64]) -> Value {
    Value::Array(numbers.iter().map(|n| Value::Integer(*n)).collect())
}

#[test]
fn fields_of_hashes_expire_by_themselves() {
    let stage = stage();
    let mut client = stage.client();
    for key in stage.key_each() {
        let mut is = |words: &str, reply: Value| {
            let words: Vec<&str> = words.split(' ').map(|w| if w == "k" { &key } else { w }).collect();
            assert_eq!(client.ask(&words).unwrap(), reply, "{words:?}");
        };
        is("HSET k a 1 b 2 c 3", Value::Integer(3));
        is("HEXPIRE k 100 FIELDS 2 a nosuch", numbers(&[1, -2]));
        is("HTTL k FIELDS 2 a b", numbers(&[100, -1]));
        is("HPEXPIRE k 100000 FIELDS 1 b", numbers(&[1]));
        is("HPERSIST k FIELDS 1 a", numbers(&[1]));
        is("HEXPIREAT k 9999999999 FIELDS 1 a", numbers(&[1]));
        is("HEXPIRETIME k FIELDS 1 a", numbers(&[9_999_999_999]));
        is("HPEXPIREAT k 9999999999000 FIELDS 1 b", numbers(&[1]));
        is("HPEXPIRETIME k FIELDS 1 b", numbers(&[9_999_999_999_000]));
        is("HGETEX k EX 50 FIELDS 2 a c", Value::Array(vec![bulk("1"), bulk("3")]));
        is("HSETEX k EX 60 FIELDS 1 d 4", Value::Integer(1));
        is("HTTL k FIELDS 2 c d", numbers(&[50, 60]));
        is("HEXPIRE k 0 FIELDS 1 a", numbers(&[2]));
        is("HEXISTS k a", Value::Integer(0));
    }
}

#[test]
fn values_are_set_and_deleted_on_a_condition() {
    let stage = stage();
    let mut client = stage.client();
    for key in stage.key_each() {
        assert_eq!(client.ask(&["SET", &key, "1"]).unwrap(), ok());
        assert_eq!(client.ask(&["SET", &key, "2", "IFEQ", "no"]).unwrap(), Value::Nil);
        assert_eq!(client.ask(&["SET", &key, "2", "IFEQ", "1"]).unwrap(), ok());
        assert_eq!(client.ask(&["DELIFEQ", &key, "no"]).unwrap(), Value::Integer(0));
        assert_eq!(client.ask(&["DELIFEQ", &key, "2"]).unwrap(), Value::Integer(1));
    }
}

#[test]
fn scripts_are_shown_and_repaired_in_valkey_s_words_too() {
    let stage = stage();
    let keys = stage.key_each();
    let mut client = stage.client();
    let Value::Bulk(digest) = client.ask(&["SCRIPT", "LOAD", "return 42"]).unwrap() else { panic!() };
    let digest = String::from_utf8(digest).unwrap();
    assert_eq!(client.ask(&["SCRIPT", "SHOW", &digest]).unwrap(), bulk("return 42"));
    for (shard, key) in keys.iter().enumerate() {
        assert_eq!(client.ask(&["EVALSHA", &digest, "1", key]).unwrap(), Value::Integer(42));
        assert_eq!(stage.primary(shard).ask(&["SCRIPT", "FLUSH"]).unwrap(), ok());
        assert_eq!(client.ask(&["EVALSHA", &digest, "1", key]).unwrap(), Value::Integer(42));
    }
    assert_eq!(client.ask(&["SCRIPT", "FLUSH"]).unwrap(), ok());
    let reply = client.ask(&["EVALSHA", &digest, "1", &keys[0]]).unwrap();
    assert_eq!(error(&reply), "NOSCRIPT No matching script.");
}

#[test]
fn what_needs_valkey_s_cluster_is_refused() {
    let stage = stage();
    let mut client = stage.client();
    let reply = client.ask(&["CLUSTERSCAN", "0"]).unwrap();
    expect_error(&reply, "ERR ");
    assert!(error(&reply).contains("cluster"), "{reply:?}");
}
