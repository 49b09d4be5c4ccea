//! Client libraries as applications use them, through three shards of Redis 7 and of Valkey 9: redis-py
//! and ioredis by the sessions in tests/clients, redis-rs by a session here.

use std::collections::HashMap;
use std::path::Path;
use std::process::Command;

use ketch::internals::lab::{Home, NodeOptions, Program, Server};
use redis::streams::{StreamRangeReply, StreamReadReply};
use redis::{Commands, Connection, ErrorKind, Pipeline, RedisResult, Script, ServerErrorKind};

use crate::rig::{KETCH, Ketch, calls};

/// Checks that need what Ketch does not do yet.
const REDIS_PY_WITHOUT: [&str; 0] = [];
const IOREDIS_WITHOUT: [&str; 0] = [];

/// Three shards of that program, and a Ketch in front.
struct World {
    ketch: Ketch,
    nodes: Vec<Server>,
    _home: Home,
}

impl World {
    fn start(program: &Program) -> World {
        let home = Home::new(KETCH.as_ref()).unwrap();
        let node = |n| Server::start(&home, program, &format!("node{n}"), &NodeOptions::default()).unwrap();
        let nodes: Vec<Server> = (1..=3).map(node).collect();
        let ketch = Ketch::of_nodes(&home, &nodes);
        World { ketch, nodes, _home: home }
    }

    /// Each shard had its part, or it was no test of several. (Some sessions leave no key behind.)
    fn expect_keys_everywhere(&self) {
        for node in &self.nodes {
            assert!(calls(node, &["set", "mset"]) > 0, "{} was never written to", node.name());
        }
    }
}

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn valkey() -> Program {
    Program::valkey(Some(project())).unwrap()
}

/// Runs a session in tests/clients, and quotes what it said if a check failed.
fn session(runtime: &str, script: &str, needs: &str, world: &World, without: &[&str]) {
    let root = project();
    assert!(root.join(needs).exists(), "{needs} is missing: run scripts/setup.sh");
    // One below the project goes before what is on PATH.
    let program = Some(root.join(runtime)).filter(|path| path.exists()).unwrap_or_else(|| runtime.into());
    let mut command = Command::new(program);
    command.arg(root.join("tests/clients").join(script)).arg(world.ketch.listen().to_string());
    without.iter().for_each(|check| {
        command.args(["--without", check]);
    });
    let said = command.current_dir(root).output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout) + String::from_utf8_lossy(&said.stderr);
    println!("{text}");
    assert!(said.status.success(), "{script}: {:?}\n{text}", said.status);
    world.expect_keys_everywhere();
}

fn redis_py(program: &Program) {
    let world = World::start(program);
    session(".venv/bin/python", "redis_py.py", ".venv/bin/python", &world, &REDIS_PY_WITHOUT);
}

fn ioredis(program: &Program) {
    let world = World::start(program);
    session("node", "ioredis.mjs", "tests/clients/node_modules/ioredis", &world, &IOREDIS_WITHOUT);
}

#[test]
fn a_redis_py_session_passes_on_redis() {
    redis_py(&Program::redis().unwrap());
}

#[test]
fn a_redis_py_session_passes_on_valkey() {
    redis_py(&valkey());
}

#[test]
fn an_ioredis_session_passes_on_redis() {
    ioredis(&Program::redis().unwrap());
}

#[test]
fn an_ioredis_session_passes_on_valkey() {
    ioredis(&valkey());
}

#[test]
fn a_redis_rs_session_passes_on_redis() {
    redis_rs(&Program::redis().unwrap());
}

#[test]
fn a_redis_rs_session_passes_on_valkey() {
    redis_rs(&valkey());
}

fn redis_rs(program: &Program) {
    let world = World::start(program);
    let url = format!("redis://{}/", world.ketch.listen());
    let mut r = redis::Client::open(url.as_str()).unwrap().get_connection().unwrap();
    let session: [fn(&mut Connection) -> RedisResult<()>; 8] =
        [typed_values, hashes_and_lists, sorted_sets, streams, scripts, many_keys, pipelines, errors];
    for (n, part) in session.iter().enumerate() {
        part(&mut r).unwrap_or_else(|error| panic!("part {n} of the session: {error}"));
    }
    let mut subscriber = redis::Client::open(url).unwrap().get_connection().unwrap();
    messages(&mut r, &mut subscriber).unwrap_or_else(|error| panic!("messages: {error}"));
    world.expect_keys_everywhere();
}

fn messages(r: &mut Connection, subscriber: &mut Connection) -> RedisResult<()> {
    let mut subscriber = subscriber.as_pubsub();
    // One by one: it waits for one confirmation a call.
    for channel in ["one", "two", "three"] {
        subscriber.subscribe(channel)?;
    }
    subscriber.psubscribe("t*")?;
    for (channel, reached) in [("one", 1), ("two", 2), ("three", 2)] {
        assert_eq!(r.publish::<_, _, i64>(channel, "message")?, reached);
        for _ in 0..reached {
            let message = subscriber.get_message()?;
            assert_eq!(
                (message.get_channel_name(), message.get_payload::<String>()?),
                (channel, "message".into())
            );
            assert!(!message.from_pattern() || message.get_pattern::<String>()? == "t*");
        }
    }
    subscriber.unsubscribe("one")?;
    assert_eq!(r.publish::<_, _, i64>("one", "message")?, 0);
    Ok(())
}

fn typed_values(r: &mut Connection) -> RedisResult<()> {
    assert_eq!(redis::cmd("PING").query::<String>(r)?, "PONG");
    let () = r.set("text", "grüße, 世界")?;
    assert_eq!(r.get::<_, String>("text")?, "grüße, 世界");
    let () = r.set("number", -7)?;
    assert_eq!(r.incr::<_, _, i64>("number", 10)?, 3);
    assert_eq!(r.get::<_, Option<u8>>("number")?, Some(3));
    let bytes: Vec<u8> = (0..=255).collect();
    let () = r.set(&bytes, &bytes)?;
    assert_eq!(r.get::<_, Vec<u8>>(&bytes)?, bytes);
    assert_eq!(r.get::<_, Option<String>>("missing")?, None);
    let () = r.set_ex("short", "v", 100)?;
    assert!((1..=100).contains(&r.ttl::<_, i64>("short")?));
    assert_eq!(r.append::<_, _, usize>("short", "w")?, 2);
    assert_eq!(r.get_del::<_, String>("short")?, "vw");
    assert!(!r.exists::<_, bool>("short")?);
    Ok(())
}

fn hashes_and_lists(r: &mut Connection) -> RedisResult<()> {
    let () = r.hset_multiple("hash", &[("a", "1"), ("b", "two")])?;
    let all: HashMap<String, String> = r.hgetall("hash")?;
    assert_eq!(all, HashMap::from([("a".into(), "1".into()), ("b".into(), "two".into())]));
    assert_eq!(r.hincr::<_, _, _, i64>("hash", "a", 4)?, 5);
    assert_eq!(r.hget::<_, _, Option<String>>("hash", "c")?, None);
    assert_eq!(r.rpush::<_, _, usize>("list", &["x", "y", "z"])?, 3);
    assert_eq!(r.lrange::<_, Vec<String>>("list", 0, -1)?, ["x", "y", "z"]);
    assert_eq!(r.lpop::<_, Vec<String>>("list", core::num::NonZero::new(2))?, ["x", "y"]);
    assert_eq!(r.sadd::<_, _, usize>("set", &["x", "y"])?, 2);
    assert!(r.sismember::<_, _, bool>("set", "x")?);
    Ok(())
}

fn sorted_sets(r: &mut Connection) -> RedisResult<()> {
    let () = r.zadd_multiple("board", &[(1.5, "a"), (-3.0, "b"), (f64::INFINITY, "c")])?;
    let scores: Vec<(String, f64)> = r.zrange_withscores("board", 0, -1)?;
    assert_eq!(scores, [("b".into(), -3.0), ("a".into(), 1.5), ("c".into(), f64::INFINITY)]);
    assert_eq!(r.zscore::<_, _, f64>("board", "a")?, 1.5);
    assert_eq!(r.zrank::<_, _, Option<usize>>("board", "missing")?, None);
    Ok(())
}

fn streams(r: &mut Connection) -> RedisResult<()> {
    let first: String = r.xadd("stream", "*", &[("n", "1")])?;
    let second: String = r.xadd("stream", "*", &[("n", "2")])?;
    assert_eq!(r.xlen::<_, usize>("stream")?, 2);
    let range: StreamRangeReply = r.xrange_all("stream")?;
    assert_eq!(range.ids.iter().map(|id| id.id.as_str()).collect::<Vec<_>>(), [&first, &second]);
    let read: StreamReadReply = r.xread(&["stream"], &[&first])?;
    assert_eq!(read.keys[0].ids[0].get::<String>("n"), Some("2".into()));
    let () = r.xgroup_create("stream", "readers", "0")?;
    let read: StreamReadReply = redis::cmd("XREADGROUP")
        .arg(&["GROUP", "readers", "me", "COUNT", "1", "STREAMS", "stream", ">"])
        .query(r)?;
    assert_eq!(read.keys[0].ids[0].id, first);
    assert_eq!(r.xack::<_, _, _, usize>("stream", "readers", &[&first])?, 1);
    Ok(())
}

fn scripts(r: &mut Connection) -> RedisResult<()> {
    let text = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
    // Asks by the script's hash, and turns to SCRIPT LOAD on NOSCRIPT.
    let add = Script::new(text);
    for n in 0..30 {
        assert_eq!(add.key(format!("script:{n}")).arg(n).invoke::<i64>(r)?, n);
    }
    Ok(())
}

fn many_keys(r: &mut Connection) -> RedisResult<()> {
    let names: Vec<String> = (0..300).map(|n| format!("many:{n}")).collect();
    let items: Vec<(&str, usize)> = names.iter().map(String::as_str).zip(0..).collect();
    let () = r.mset(&items)?;
    assert_eq!(r.mget::<_, Vec<usize>>(&names)?, (0..300).collect::<Vec<_>>());
    let with_gap: Vec<Option<usize>> = r.mget(&["many:7", "missing", "many:7"])?;
    assert_eq!(with_gap, [Some(7), None, Some(7)]);
    assert_eq!(r.exists::<_, usize>(&names[..10])?, 10);
    assert_eq!(r.del::<_, usize>(&names[..100])?, 100);
    assert_eq!(r.unlink::<_, usize>(&names)?, 200);
    Ok(())
}

fn pipelines(r: &mut Connection) -> RedisResult<()> {
    let mut pipeline = Pipeline::new();
    for n in 0..2000 {
        let key = format!("pipe:{}", n % 50);
        pipeline.set(&key, n).ignore().get(&key);
    }
    assert_eq!(pipeline.query::<Vec<i64>>(r)?, (0..2000).collect::<Vec<_>>());
    Ok(())
}

fn errors(r: &mut Connection) -> RedisResult<()> {
    let () = r.set("error", "v")?;
    let wrong = r.lpush::<_, _, usize>("error", "x").unwrap_err();
    assert_eq!(wrong.code(), Some("WRONGTYPE"), "{wrong:?}");
    let unknown = redis::cmd("NOSUCHCOMMAND").arg("error").query::<()>(r).unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::Server(ServerErrorKind::ResponseError), "{unknown:?}");
    // Some of so many keys lie on another shard than the first.
    let crossing: Vec<_> =
        (0..30).filter_map(|n| r.sinter::<_, ()>(&["none", &format!("none:{n}")]).err()).collect();
    assert!(!crossing.is_empty() && crossing.iter().all(|e| e.code() == Some("CROSSSLOT")), "{crossing:?}");
    // The connection is as good as before.
    assert_eq!(r.get::<_, String>("error")?, "v");
    Ok(())
}
