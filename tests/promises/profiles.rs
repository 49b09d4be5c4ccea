//! What a client chooses for its connection: the database, the version of the protocol, and to begin anew.
//! What comes back is compared byte by byte with what a node answers to the same bytes.

use std::path::Path;

use ketch::internals::lab::{Client, NodeOptions, Program, Server};
use ketch::internals::resp::{ReplyScan, ReplyScanner, Value};

use super::support::{Setting, Stage, bulk, encode, error, expect_error, noise, ok};

fn valkey() -> Program {
    Program::valkey(Some(Path::new(env!("CARGO_MANIFEST_DIR")))).unwrap()
}

/// Everything that comes back until the connection ends.
fn said(mut client: Client, bytes: &[u8]) -> String {
    client.send_raw(bytes).unwrap();
    String::from_utf8_lossy(&client.read_to_end().unwrap()).into_owned()
}

/// Reply by reply, but for greetings: those name the server and number its clients.
fn replies(bytes: &str) -> Vec<String> {
    let (mut rest, mut all) = (bytes, Vec::new());
    while let ReplyScan::Done(len) = ReplyScanner::default().advance(rest.as_bytes()) {
        let (reply, behind) = rest.split_at(len);
        rest = behind;
        if !reply.contains("$5\r\nproto\r\n") {
            all.push(reply.to_owned());
        }
    }
    assert_eq!(rest, "", "whole replies");
    all
}

/// The same bytes, to Ketch and to a node of its own kind that holds nothing yet.
fn same_as_a_node(stage: &Stage, program: &Program, scripts: &[Vec<u8>]) {
    let node = Server::start(stage.home(), program, "beside", &NodeOptions::default()).unwrap();
    for script in scripts {
        let [ours, theirs] = [stage.client(), node.client().unwrap()].map(|client| said(client, script));
        let (ours, theirs) = (replies(&ours), replies(&theirs));
        for (n, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "reply {n} to {}", script.escape_ascii());
        }
        assert_eq!(ours.len(), theirs.len(), "{}", script.escape_ascii());
    }
}

fn script(lines: &[&[&str]]) -> Vec<u8> {
    let all = lines.iter().copied().chain([&["QUIT"][..]]);
    all.flat_map(|words| encode(words)).collect()
}

fn forms(program: Program) {
    let stage = Stage::start(Setting { program: program.clone(), ..Setting::default() });
    let lua = |body: &str| format!("redis.setresp(3) return {body}");
    let deep = [
        lua("redis.call('HGETALL', KEYS[1])"),
        lua("{double=3.5}"),
        lua("{map={a={set={x=true}}}}"),
        lua("{big_number='123456789012345678901234567890'}"),
        lua("{verbatim_string={format='txt', string='x y'}}"),
        lua("{true, false, {ok='fine'}}"),
    ];
    let mut lines: Vec<Vec<&str>> = [
        "SET a 1",
        "HSET h f v",
        "SADD s m",
        "ZADD z 1.5 m",
        "XADD x 1-1 f v",
        "GET none",
        "HELLO 2",
        "GET none",
        "CLIENT GETNAME",
        "EVAL return{1,false} 0",
        "SELECT 3",
        "GET a",
        "SET a 3",
        "SELECT 0",
        "GET a",
    ]
    .map(|line| line.split(' ').collect())
    .to_vec();
    // Asked for in both versions, one right behind the other.
    for version in ["3", "2", "3"] {
        lines.push(vec!["CLIENT", "SETNAME", "me"]);
        lines.push(vec!["ECHO", version]);
        lines.push(vec!["RESET"]);
        lines.push(vec!["CLIENT", "GETNAME"]);
        lines.push(vec!["HELLO", version]);
        if version == "3" {
            lines.push(vec!["EVAL", "return redis.call('GET', KEYS[1])", "1", "none"]);
        }
        for line in [
            "HGETALL h",
            "SMEMBERS s",
            "ZSCORE z m",
            "ZRANGE z 0 -1 WITHSCORES",
            "GET none",
            "MGET a none",
            "XRANGE x - +",
            "GEOPOS h m",
            "CONFIG GET nosuch",
            "COMMAND INFO nosuch",
            "SPOP none",
            "LPOP none 2",
            "SELECT 99",
            "SELECT -1",
            "SELECT x",
            "HELLO 4",
            "HELLO x",
            "HELLO 3 FOO",
            "HELLO 3 SETNAME",
        ] {
            lines.push(line.split(' ').collect());
        }
        for body in &deep {
            lines.push(vec!["EVAL", body, "1", "h"]);
        }
    }
    let lines: Vec<&[&str]> = lines.iter().map(|line| &line[..]).collect();
    let switching: Vec<Vec<u8>> = vec![script(&lines)];
    same_as_a_node(&stage, &program, &switching);
    // HELLO's own answer differs in the client's number only.
    let mut client = stage.client();
    let Value::Map(greeting) = client.ask(&["HELLO", "3", "SETNAME", "me"]).unwrap() else {
        panic!("no map")
    };
    let of = |name: &str| greeting.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, v)| v.clone());
    assert_eq!(of("proto"), Some(Value::Integer(3)));
    assert_eq!(client.ask(&["CLIENT", "GETNAME"]).unwrap(), bulk("me"));
    assert_eq!(client.ask(&["HGETALL", "h"]).unwrap(), Value::Map(vec![(bulk("f"), bulk("v"))]));
    assert!(matches!(client.ask(&["HELLO", "2"]).unwrap(), Value::Array(_)));
    assert_eq!(client.ask(&["HGETALL", "h"]).unwrap(), Value::Array(vec![bulk("f"), bulk("v")]));
}

#[test]
fn replies_come_in_the_form_that_was_spoken_when_they_were_asked_for_on_redis() {
    forms(Program::redis().unwrap());
}

#[test]
fn replies_come_in_the_form_that_was_spoken_when_they_were_asked_for_on_valkey() {
    forms(valkey());
}

#[test]
fn what_is_no_request_is_answered_as_a_node_answers_it() {
    let stage = Stage::shards(1);
    let quit = "*1\r\n$4\r\nQUIT\r\n";
    let scripts: Vec<Vec<u8>> = [
        "PING\r\n",
        "\r\n\r\nPING\r\n",
        "ECHO \"a b\\x41\\n\" \r\n",
        "ECHO 'it''s'\r\n",
        "ECHO 'it\\'s'\r\n",
        "ECHO \"unbalanced\r\n",
        "ECHO 'x'y\r\n",
        "   PING   \r\n",
        "PING\n",
        "*0\r\n",
        "*-1\r\n",
        "*-7\r\n",
        "*99999999999999999999\r\n",
        "*x\r\n",
        "*1\r\n:1\r\n",
        "*1\r\nPING\r\n",
        "*1\r\n$-1\r\n",
        "*1\r\n$536870913\r\n",
        "*1\r\n$x\r\n",
        "*2\r\n$4\r\nECHO\r\n$0\r\n\r\n",
        "*1\r\n$0\r\n\r\n",
        "SELECT\r\n",
        "PING\r\n*x\r\n",
        "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$-5\r\n",
    ]
    .map(|bytes| format!("{bytes}{quit}").into_bytes())
    .to_vec();
    same_as_a_node(&stage, &Program::redis().unwrap(), &scripts);
}

#[test]
fn databases_are_apart_on_every_shard_and_in_every_way_that_a_request_takes() {
    for program in [Program::redis().unwrap(), valkey()] {
        let stage = Stage::start(Setting { shards: 3, program, pool: "db = 1".into(), ..Setting::default() });
        let keys = stage.key_each();
        let [a, b, c] = [&keys[0][..], &keys[1], &keys[2]];
        let large = noise(200_000, 7);
        let mut clients: Vec<Client> = (0..4).map(|_| stage.client()).collect();
        for (db, client) in clients.iter_mut().enumerate() {
            let version = ["2", "3"][db % 2];
            let mut requests: Vec<Vec<Vec<u8>>> = Vec::new();
            let mut say = |words: &[&[u8]]| requests.push(words.iter().map(|w| w.to_vec()).collect());
            let number = db.to_string();
            say(&[b"HELLO", version.as_bytes()]);
            say(&[b"SELECT", number.as_bytes()]);
            say(&[b"MSET", a.as_bytes(), number.as_bytes(), b.as_bytes(), number.as_bytes()]);
            say(&[b"SET", c.as_bytes(), &[number.as_bytes(), &large].concat()]);
            say(&[b"MGET", a.as_bytes(), b"none", b.as_bytes()]);
            let replies = client.pipeline(&requests).unwrap();
            assert_eq!(replies[1..4], [ok(), ok(), ok()]);
            assert_eq!(replies[4], Value::Array(vec![bulk(&number), Value::Nil, bulk(&number)]));
        }
        for (db, client) in clients.iter_mut().enumerate() {
            let number = db.to_string();
            assert_eq!(client.ask(&["GET", a]).unwrap(), bulk(&number));
            assert_eq!(client.ask(&["GET", c]).unwrap(), bulk([number.as_bytes(), &large].concat()));
            assert_eq!(client.ask(&["DBSIZE"]).unwrap(), Value::Integer(3));
            let mut node = stage.primary(0).client().unwrap();
            node.ask(&["SELECT", &number]).unwrap();
            assert_eq!(node.ask(&["GET", a]).unwrap(), bulk(&number));
        }
        // The pool's own database is 1: what RESET leads back to.
        assert_eq!(clients[3].ask(&["RESET"]).unwrap(), Value::Simple("RESET".into()));
        assert_eq!(clients[3].ask(&["GET", a]).unwrap(), bulk("1"));
        expect_error(&clients[3].ask(&["SELECT", "16"]).unwrap(), "ERR DB index is out of range");
        assert_eq!(clients[3].ask(&["GET", a]).unwrap(), bulk("1"), "it stayed where it was");
        assert_eq!(clients[2].ask(&["FLUSHDB"]).unwrap(), ok());
        assert_eq!(clients[2].ask(&["DBSIZE"]).unwrap(), Value::Integer(0));
        assert_eq!(clients[0].ask(&["DBSIZE"]).unwrap(), Value::Integer(3));
    }
}

#[test]
fn more_databases_than_connections_share_them_and_nothing_goes_astray() {
    let tables = "[pool.main.limits]\nmax_upstreams = 4\n".to_owned();
    let stage = Stage::start(Setting { threads: 1, tables, ..Setting::default() });
    let mut clients: Vec<(usize, Client)> = (0..32).map(|n| (n % 16, stage.client())).collect();
    for (db, client) in &mut clients {
        client.ask(&["SELECT", &db.to_string()]).unwrap();
    }
    for round in 0..20 {
        for (n, (db, client)) in clients.iter_mut().enumerate() {
            let (key, value) = (format!("{n}:{round}"), db.to_string());
            for words in [&["SET", &key, &value][..], &["GET", &key], &["INCR", "count"]] {
                client.send(words).unwrap();
            }
        }
        for (db, client) in &mut clients {
            assert_eq!(client.read().unwrap(), ok());
            assert_eq!(client.read().unwrap(), bulk(db.to_string()));
            assert!(client.read().unwrap().number().is_some());
        }
    }
    for (_, client) in &mut clients {
        assert_eq!(client.ask(&["GET", "count"]).unwrap(), bulk("40"));
        assert_eq!(client.ask(&["DBSIZE"]).unwrap(), Value::Integer(41));
    }
    let connections = stage.primary(0).info("clients", "connected_clients").unwrap();
    let connections: usize = connections.parse().unwrap();
    assert!(connections <= 4 + 3, "{connections} connections, of which one asks and the prober has some");
}

#[test]
fn a_database_that_a_node_lacks_is_refused_in_its_words_where_nobody_knew() {
    // A user that may not ask how many there are.
    let node = NodeOptions {
        lines: vec!["databases 4".into(), "user default on nopass ~* &* +@all -config".into()],
        ..NodeOptions::default()
    };
    let stage = Stage::start(Setting { node, ..Setting::default() });
    let mut client = stage.client();
    assert_eq!(client.ask(&["SELECT", "9"]).unwrap(), ok(), "nobody knows better yet");
    for _ in 0..3 {
        let replies = client.pipeline(&[vec!["SET", "k", "v"], vec!["GET", "k"]]).unwrap();
        assert_eq!(replies.iter().map(error).collect::<Vec<_>>(), ["ERR DB index is out of range"; 2]);
    }
    assert_eq!(client.ask(&["SELECT", "3"]).unwrap(), ok());
    assert_eq!(client.ask(&["SET", "k", "v"]).unwrap(), ok());
    assert_eq!(client.ask(&["SELECT", "0"]).unwrap(), ok());
    assert_eq!(client.ask(&["GET", "k"]).unwrap(), Value::Nil);
}

#[test]
fn reset_brings_a_client_back_to_its_beginning() {
    let tables = "[[pool.main.user]]\nname = \"default\"\npassword = \"pw\"\n".to_owned();
    let stage = Stage::start(Setting { tables, ..Setting::default() });
    let mut client = stage.client();
    let greeting = client.ask(&["HELLO", "3", "AUTH", "default", "pw", "SETNAME", "me"]).unwrap();
    assert!(matches!(greeting, Value::Map(_)), "{greeting:?}");
    assert_eq!(client.ask(&["SELECT", "2"]).unwrap(), ok());
    assert_eq!(client.ask(&["SET", "k", "2"]).unwrap(), ok());
    assert_eq!(client.ask(&["WATCH", "k"]).unwrap(), ok());
    assert_eq!(client.ask(&["MULTI"]).unwrap(), ok());
    assert_eq!(client.ask(&["SET", "k", "never"]).unwrap(), Value::Simple("QUEUED".into()));
    assert_eq!(client.ask(&["RESET"]).unwrap(), Value::Simple("RESET".into()));
    expect_error(&client.ask(&["GET", "k"]).unwrap(), "NOAUTH ");
    assert_eq!(client.ask(&["AUTH", "pw"]).unwrap(), ok());
    assert_eq!(client.ask(&["GET", "k"]).unwrap(), Value::Nil, "database 0");
    client.send_raw(&encode(&["CLIENT", "GETNAME"])).unwrap();
    assert_eq!(client.read().unwrap(), Value::Nil);
    assert!(matches!(client.ask(&["HGETALL", "none"]).unwrap(), Value::Array(_)), "RESP2");
    expect_error(&client.ask(&["EXEC"]).unwrap(), "ERR EXEC without MULTI");
    client.ask(&["SELECT", "2"]).unwrap();
    assert_eq!(client.ask(&["GET", "k"]).unwrap(), bulk("2"));
    client.send(&["CLIENT", "REPLY", "OFF"]).unwrap();
    client.send(&["GET", "k"]).unwrap();
    assert_eq!(client.ask(&["RESET"]).unwrap(), Value::Simple("RESET".into()));
}
