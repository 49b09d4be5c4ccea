//! Several pools in one process, their databases, and what belongs to a pool as a whole.

use std::collections::BTreeSet;

use ketch::internals::lab::{Client, NodeOptions, Program, Server};
use ketch::internals::resp::Value;

use super::support::{self, Setting, Stage, bulk, expect_error, noise, ok};

#[test]
fn pools_of_one_process_know_nothing_of_each_other() {
    let home = support::home();
    let start =
        |name: &str| Server::start(&home, &Program::redis().unwrap(), name, &NodeOptions::default()).unwrap();
    let nodes = [[start("a1"), start("a2")], [start("b1"), start("b2")]];
    let admin = support::local(home.port().unwrap());
    let listen: Vec<_> = (0..2).map(|_| support::local(home.port().unwrap())).collect();
    let mut toml = format!("threads = 2\n[admin]\nlisten = \"{admin}\"\n");
    for (pool, (address, nodes)) in ["a", "b"].iter().zip(listen.iter().zip(&nodes)) {
        toml += &format!("[pool.{pool}]\nlisten = \"{address}\"\n[pool.{pool}.limits]\nmax_clients = 4\n");
        for (i, node) in nodes.iter().enumerate() {
            toml += &support::shard_table(pool, &support::shard_name(i), std::slice::from_ref(node));
        }
    }
    let ketch = support::run(&home, "ketch", &toml);
    support::wait_until_ready(&ketch, admin);
    let mut clients: Vec<Client> = listen.iter().map(|address| support::client(*address)).collect();
    for (i, client) in clients.iter_mut().enumerate() {
        for key in 0..100 {
            assert_eq!(client.ask(&["SET", &format!("k{key}"), &i.to_string()]).unwrap(), ok());
        }
    }
    for (i, client) in clients.iter_mut().enumerate() {
        for key in 0..100 {
            assert_eq!(client.ask(&["GET", &format!("k{key}")]).unwrap(), bulk(i.to_string()));
        }
        assert_eq!(client.ask(&["DBSIZE"]).unwrap(), Value::Integer(100));
    }
    // One pool's nodes are no concern of the other.
    nodes[0].iter().for_each(Server::kill);
    assert_eq!(clients[1].ask(&["FLUSHALL"]).unwrap(), ok());
    assert_eq!(clients[1].ask(&["DBSIZE"]).unwrap(), Value::Integer(0));
    // Nor are its clients: a full pool leaves the other as it is.
    let mut full: Vec<Client> = (0..3).map(|_| support::client(listen[0])).collect();
    full.iter_mut().for_each(support::still_open);
    assert_eq!(support::client(listen[0]).read_to_end().unwrap(), b"-ERR max number of clients reached\r\n");
    support::still_open(&mut support::client(listen[1]));
}

#[test]
fn a_pool_s_database_holds_its_keys_and_no_other() {
    let stage = Stage::start(Setting { shards: 2, replicas: 1, pool: "db = 3".into(), ..Setting::default() });
    let keys = stage.key_each();
    for shard in 0..2 {
        stage.primary(shard).ask(&["SET", "in:database:0", "v"]).unwrap();
    }
    let mut client = stage.client();
    assert_eq!(client.ask(&["MSET", &keys[0], "a", &keys[1], "b"]).unwrap(), ok());
    let large = noise(200_000, 4);
    let key = &stage.keys_on(1, 2)[1];
    assert_eq!(client.ask(&[&b"SET"[..], key.as_bytes(), &large]).unwrap(), ok());
    assert_eq!(client.ask(&["GET", key]).unwrap(), bulk(&large));
    assert_eq!(client.ask(&["DBSIZE"]).unwrap(), Value::Integer(3));
    for (shard, count) in [(0, 1), (1, 2)] {
        let mut node = stage.primary(shard).client().unwrap();
        assert_eq!(node.ask(&["DBSIZE"]).unwrap(), Value::Integer(1));
        node.ask(&["SELECT", "3"]).unwrap();
        assert_eq!(node.ask(&["EXISTS", &keys[shard]]).unwrap(), Value::Integer(1));
        assert_eq!(node.ask(&["DBSIZE"]).unwrap(), Value::Integer(count));
    }
    assert_eq!(client.ask(&["SELECT", "3"]).unwrap(), ok());
    assert_eq!(client.ask(&["SELECT", "0"]).unwrap(), ok());
    assert_eq!(client.ask(&["GET", &keys[0]]).unwrap(), Value::Nil);
    assert_eq!(client.ask(&["SELECT", "3"]).unwrap(), ok());
    assert_eq!(client.ask(&["FLUSHDB"]).unwrap(), ok());
    assert_eq!(client.ask(&["DBSIZE"]).unwrap(), Value::Integer(0));
    for shard in 0..2 {
        assert_eq!(stage.primary(shard).ask(&["EXISTS", "in:database:0"]).unwrap(), Value::Integer(1));
    }
    // A new connection to the node begins in its database 0, and must not stay there.
    stage.primary(0).ask(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
    assert_eq!(client.ask(&["SET", &keys[0], "again"]).unwrap(), ok());
    assert_eq!(stage.primary(0).ask(&["EXISTS", &keys[0]]).unwrap(), Value::Integer(0));
}

#[test]
fn client_ids_are_unique_over_the_workers() {
    let stage = Stage::shards(1);
    let mut clients: Vec<Client> = (0..20).map(|_| stage.client()).collect();
    let ids: BTreeSet<i64> =
        clients.iter_mut().map(|client| client.ask(&["CLIENT", "ID"]).unwrap().number().unwrap()).collect();
    assert_eq!(ids.len(), 20);
    for client in &mut clients {
        let id = client.ask(&["CLIENT", "ID"]).unwrap().number().unwrap();
        let info = client.ask(&["CLIENT", "INFO"]).unwrap();
        assert!(info.text().unwrap().starts_with(&format!("id={id} ")), "{info:?}");
    }
}

#[test]
fn scripts_go_to_the_shard_of_their_keys() {
    let stage = Stage::shards(3);
    let mut client = stage.client();
    for shard in 0..3 {
        let keys = stage.keys_on(shard, 3);
        let script = "redis.call('SET', KEYS[1], ARGV[1]) redis.call('SET', KEYS[2], ARGV[2]) return redis.call('GET', KEYS[1])";
        let reply = client.ask(&["EVAL", script, "2", &keys[0], &keys[1], "x", "y"]).unwrap();
        assert_eq!(reply, bulk("x"));
        assert_eq!(stage.primary(shard).ask(&["GET", &keys[1]]).unwrap(), bulk("y"));
        assert_eq!(
            client.ask(&["EVAL_RO", "return redis.call('GET', KEYS[1])", "1", &keys[1]]).unwrap(),
            bulk("y")
        );
    }
    assert_eq!(
        client.ask(&["EVAL", "return {1, 'two'}", "0"]).unwrap(),
        Value::Array(vec![Value::Integer(1), bulk("two")])
    );
    let keys = stage.key_each();
    let crossed = client.ask(&["EVAL", "return 1", "2", &keys[0], &keys[2]]).unwrap();
    expect_error(&crossed, "CROSSSLOT Keys in request don't hash to the same shard");
    // A script's own error, even one that looks like a node's, is the client's to see.
    let reply =
        client.ask(&["EVAL", "return redis.error_reply('READONLY not really')", "1", &keys[0]]).unwrap();
    assert_eq!(reply, Value::Error("READONLY not really".into()));
}

#[test]
fn what_concerns_the_whole_pool_is_asked_of_every_shard() {
    let stage = Stage::shards(3);
    let mut client = stage.client();
    for i in 0..300 {
        assert_eq!(client.ask(&["SET", &format!("{i}:k"), "v"]).unwrap(), ok());
    }
    let each: Vec<i64> =
        (0..3).map(|s| stage.primary(s).ask(&["DBSIZE"]).unwrap().number().unwrap()).collect();
    assert!(each.iter().all(|n| *n > 0) && each.iter().sum::<i64>() == 300, "{each:?}");
    assert_eq!(client.ask(&["DBSIZE"]).unwrap(), Value::Integer(300));
    // Behind writes to each shard, in their order.
    let replies = client
        .pipeline(&[
            vec!["SET", "new", "v"],
            vec!["DBSIZE"],
            vec!["FLUSHALL"],
            vec!["DBSIZE"],
            vec!["GET", "new"],
        ])
        .unwrap();
    assert_eq!(replies, [ok(), Value::Integer(301), ok(), Value::Integer(0), Value::Nil]);
}

#[test]
fn the_limits_of_one_pool_are_not_those_of_another() {
    let home = support::home();
    let node = Server::start(&home, &Program::redis().unwrap(), "node", &NodeOptions::default()).unwrap();
    let admin = support::local(home.port().unwrap());
    let listen: Vec<_> = (0..2).map(|_| support::local(home.port().unwrap())).collect();
    let mut toml = format!("threads = 2\n[admin]\nlisten = \"{admin}\"\n");
    for ((pool, args), address) in [("a", 3), ("b", 100)].iter().zip(&listen) {
        toml += &format!("[pool.{pool}]\nlisten = \"{address}\"\n[pool.{pool}.limits]\nmax_args = {args}\n");
        toml += &support::shard_table(pool, "s1", std::slice::from_ref(&node));
    }
    let ketch = support::run(&home, "ketch", &toml);
    support::wait_until_ready(&ketch, admin);
    for request in [&b"EXISTS a b c d e\r\n"[..], &support::encode(&["EXISTS", "a", "b", "c", "d", "e"])] {
        let mut narrow = support::client(listen[0]);
        narrow.send_raw(request).unwrap();
        let said = String::from_utf8(narrow.read_to_end().unwrap()).unwrap();
        assert!(said.contains("max_args is 3"), "{said}");
        let mut wide = support::client(listen[1]);
        wide.send_raw(request).unwrap();
        assert_eq!(wide.read().unwrap(), Value::Integer(0));
    }
}
