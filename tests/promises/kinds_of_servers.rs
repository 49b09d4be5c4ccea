//! The same session before each kind of server that Ketch is for.

use std::path::Path;

use ketch::internals::lab::Program;
use ketch::internals::resp::Value;

use super::support::{Setting, Stage, bulk, noise, ok};

fn session(program: Program) {
    let stage = Stage::start(Setting { shards: 2, replicas: 1, program, ..Setting::default() });
    let keys = stage.key_each();
    let [a, b] = [&keys[0][..], &keys[1]];
    let mut client = stage.client();
    let mut is =
        |request: &[&str], reply: Value| assert_eq!(client.ask(request).unwrap(), reply, "{request:?}");
    is(&["MSET", a, "1", b, "2"], ok());
    is(&["MGET", b, a, "none"], Value::Array(vec![bulk("2"), bulk("1"), Value::Nil]));
    is(&["INCRBY", a, "41"], Value::Integer(42));
    is(&["SET", a, "x", "NX"], Value::Nil);
    is(&["SET", b, "y", "GET"], bulk("2"));
    is(&["DBSIZE"], Value::Integer(2));
    is(&["DEL", a, b, a], Value::Integer(2));
    is(&["RPUSH", a, "p", "q"], Value::Integer(2));
    is(&["LRANGE", a, "0", "-1"], Value::Array(vec![bulk("p"), bulk("q")]));
    is(&["HSET", b, "f", "v"], Value::Integer(1));
    is(&["HGETALL", b], Value::Array(vec![bulk("f"), bulk("v")]));
    is(&["ZADD", "z", "1.5", "m"], Value::Integer(1));
    is(&["ZSCORE", "z", "m"], bulk("1.5"));
    is(&["EVAL", "return redis.call('llen', KEYS[1])", "1", a], Value::Integer(2));
    is(&["GET", a], Value::Error("WRONGTYPE Operation against a key holding the wrong kind of value".into()));
    is(&["FLUSHALL"], ok());
    is(&["DBSIZE"], Value::Integer(0));
    let large = noise(300_000, 9);
    assert_eq!(client.ask(&[b"SET", a.as_bytes(), &large]).unwrap(), ok());
    assert_eq!(client.ask(&["GET", a]).unwrap(), bulk(&large));
}

#[test]
fn a_session_before_redis() {
    session(Program::redis().unwrap());
}

#[test]
fn a_session_before_valkey() {
    session(Program::valkey(Some(Path::new(env!("CARGO_MANIFEST_DIR")))).unwrap());
}
