//! Commands that are in no table: a node that knows them by other names stands for one that has a module
//! or is newer than Ketch. They are routed like any other, or refused with a reason; what no node knows is
//! never forwarded.

use std::time::Instant;

use ketch::internals::lab::{Client, NodeOptions, Server, wait_until};
use ketch::internals::resp::Value;

use crate::support::{SOON, Setting, Stage, bulk, error, expect_error, ok, still_open};

fn renamed(names: &[(&str, &str)]) -> NodeOptions {
    let lines = names.iter().map(|(own, other)| format!("rename-command {own} {other}")).collect();
    NodeOptions { lines, ..NodeOptions::default() }
}

/// How often a node was asked about commands.
fn asked(node: &Server) -> u64 {
    let calls = |name: &str| {
        let stats = node.info("commandstats", &format!("cmdstat_command|{name}"));
        stats.and_then(|s| s.strip_prefix("calls=")?.split(',').next()?.parse::<u64>().ok()).unwrap_or(0)
    };
    calls("info")
}

/// How many requests with unknown names a node got.
fn unknown(node: &Server) -> u64 {
    let errors = node.info("errorstats", "errorstat_ERR");
    errors.and_then(|s| s.strip_prefix("count=")?.parse().ok()).unwrap_or(0)
}

#[test]
fn a_command_that_nobody_knew_is_routed_by_its_keys_and_flags() {
    let node = renamed(&[("GET", "XGET"), ("SET", "XSET"), ("ZUNIONSTORE", "XUNION"), ("EVAL", "XEVAL")]);
    let listeners = vec!["", "reads = \"replica\""];
    let stage = Stage::start(Setting { shards: 2, replicas: 1, node, listeners, ..Setting::default() });
    let keys = stage.key_each();
    let mut client = stage.client();
    // At once, and in a pipeline: the client waits until the nodes were asked.
    let pipeline: Vec<Vec<&str>> = vec![
        vec!["xset", &keys[0], "a"],
        vec!["PING"],
        vec!["XSET", &keys[1], "b"],
        vec!["XGET", &keys[0]],
        vec!["xGet", &keys[1]],
    ];
    let expected = [ok(), Value::Simple("PONG".into()), ok(), bulk("a"), bulk("b")];
    assert_eq!(client.pipeline(&pipeline).unwrap(), expected);
    for shard in 0..2 {
        let size = stage.primary(shard).ask(&["DBSIZE"]).unwrap();
        assert_eq!(size, Value::Integer(1), "each key is on its own shard");
    }
    // A read goes to the replicas, where these are to be read from.
    let calls = |node: &Server| crate::rig::calls(node, &["get"]);
    let before = calls(stage.primary(0));
    let mut reader = crate::support::client(stage.listener(1));
    let read = || reader.ask(&["XGET", &keys[0]]).unwrap() == bulk("a");
    wait_until(SOON, "the replica has the key", read).unwrap();
    for _ in 0..20 {
        assert_eq!(reader.ask(&["XGET", &keys[0]]).unwrap(), bulk("a"));
    }
    assert!(calls(stage.node(0, 1)) > 20);
    assert_eq!(calls(stage.primary(0)), before);
    // Keys that are counted, behind another one.
    let crossed = client.ask(&["XUNION", &keys[0], "1", &keys[1]]).unwrap();
    expect_error(&crossed, "CROSSSLOT");
    let there = stage.keys_on(1, 3);
    client.ask(&["ZADD", &there[1], "1", "m"]).unwrap();
    let union = client.ask(&["XUNION", &there[2], "1", &there[1]]).unwrap();
    assert_eq!(union, Value::Integer(1));
    expect_error(&client.ask(&["XGET"]).unwrap(), "ERR wrong number of arguments for 'xget' command");
}

#[test]
fn another_name_of_what_needs_a_connection_of_its_own_is_refused() {
    let names = [("MULTI", "XMULTI"), ("SUBSCRIBE", "XSUB"), ("BLPOP", "XPOP"), ("SHUTDOWN", "XDOWN")];
    let more = [("CONFIG", "XCONFIG"), ("CLIENT", "XCLIENT"), ("FLUSHALL", "XFLUSH"), ("SORT", "XSORT")];
    let node = renamed(&[names, more].concat());
    let stage = Stage::start(Setting { shards: 2, node, ..Setting::default() });
    let keys = stage.key_each();
    let mut client = stage.client();
    for request in [
        &["XMULTI"][..],
        &["XSUB", "c"],
        &["XPOP", "k", "0"],
        &["XDOWN"],
        &["XCONFIG", "GET", "port"],
        &["XCLIENT", "KILL", "ID", "1"],
        &["XSORT", "k", "BY", "other_*"],
    ] {
        let reply = client.ask(request).unwrap();
        assert!(error(&reply).contains("is never forwarded: it is another name"), "{request:?}: {reply:?}");
    }
    let reply = client.ask(&["XCONFIG", "NOSUCH"]).unwrap();
    assert_eq!(error(&reply), "ERR unknown subcommand 'NOSUCH'. Try XCONFIG HELP.");
    // What goes to every shard does so by any name.
    assert_eq!(client.ask(&["MSET", &keys[0], "1", &keys[1], "2"]).unwrap(), ok());
    assert_eq!(client.ask(&["XFLUSH"]).unwrap(), ok());
    assert_eq!(client.ask(&["DBSIZE"]).unwrap(), Value::Integer(0));
    still_open(&mut client);
}

#[test]
fn a_name_that_no_node_knows_gets_redis_s_words_and_is_never_forwarded() {
    let stage = Stage::shards(2);
    let mut client = stage.client();
    let before = unknown(stage.primary(0)) + unknown(stage.primary(1));
    let text = "ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' ";
    for _ in 0..3 {
        assert_eq!(error(&client.ask(&["NOSUCH", "a", "b"]).unwrap()), text);
    }
    let replies = client.pipeline(&[vec!["GETT", "a"], vec!["PING"], vec!["two words"]]).unwrap();
    expect_error(&replies[0], "ERR unknown command 'GETT'");
    assert_eq!(replies[1], Value::Simple("PONG".into()));
    expect_error(&replies[2], "ERR unknown command 'two words'");
    assert_eq!(unknown(stage.primary(0)) + unknown(stage.primary(1)), before);
}

#[test]
fn many_random_names_cost_the_nodes_little_and_other_clients_nothing() {
    let stage = Stage::shards(1);
    let (mut client, mut other) = (stage.client(), stage.client());
    let before = asked(stage.primary(0));
    let names: Vec<Vec<String>> = (0..3000).map(|n| vec![format!("RANDOM{n}"), "x".into()]).collect();
    for request in &names {
        client.send(request).unwrap();
    }
    let began = Instant::now();
    for _ in 0..50 {
        still_open(&mut other);
    }
    assert!(began.elapsed() < crate::support::SOON / 4, "{:?}", began.elapsed());
    for request in &names {
        let reply = client.read().unwrap();
        assert!(error(&reply).starts_with(&format!("ERR unknown command '{}'", request[0])), "{reply:?}");
    }
    let more = asked(stage.primary(0)) - before;
    assert!(more < 200, "{more} questions for {} names", names.len());
    still_open(&mut client);
}

#[test]
fn whoever_has_not_authenticated_learns_nothing() {
    let tables = "[[pool.main.user]]\nname = \"default\"\npassword = \"secret\"\n".to_owned();
    let node = renamed(&[("GET", "XGET")]);
    let stage = Stage::start(Setting { node, tables, ..Setting::default() });
    let mut client: Client = stage.client();
    expect_error(&client.ask(&["XGET", "k"]).unwrap(), "NOAUTH");
    expect_error(&client.ask(&["NOSUCH"]).unwrap(), "NOAUTH");
    assert_eq!(client.ask(&["AUTH", "secret"]).unwrap(), ok());
    assert_eq!(client.ask(&["XGET", "k"]).unwrap(), Value::Nil);
}
