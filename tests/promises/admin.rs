//! What people, probes and scrapers see over HTTP while a primary dies and everything dies after it.

use std::time::{Duration, Instant};

use ketch::internals::lab::{Group, Options, Server};
use serde_json::Value;

use crate::rig::{FAILOVER, KETCH, Ketch};

/// Each line of an exposition: a comment, or a series of a family that was declared above it.
fn expect_exposition(text: &str) {
    let mut declared = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(["counter", "gauge"].contains(&kind) && !declared.contains(&name), "{line}");
            declared.push(name);
        } else if !line.starts_with("# HELP ") {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
            let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
            assert_eq!(declared.last(), Some(&name), "{line}");
            assert!(labels.ends_with('}') && value.parse::<f64>().is_ok(), "{line}");
        }
    }
    assert!(declared.len() > 20, "{declared:?}");
}

/// Roles of a shard's nodes by their ports.
fn role(snapshot: &Value, node: &Server) -> String {
    let nodes = snapshot["pools"][0]["shards"][0]["nodes"].as_array().unwrap();
    let found = nodes.iter().find(|n| n["address"] == node.address().to_string()).unwrap();
    found["role"].as_str().unwrap().to_owned()
}

#[test]
fn probes_metrics_and_the_snapshot_tell_what_is_going_on() {
    let group = Group::start(&Options::new(KETCH).unwrap()).unwrap();
    let ketch = Ketch::before(&group, "hold = \"2s\"");
    let mut client = ketch.client();
    for n in 0..10 {
        client.ask(&["SET", &format!("k{n}"), "1"]).unwrap();
        client.ask(&["GET", &format!("k{n}")]).unwrap();
    }
    let old = group.primary(0).unwrap();
    let node = |node: &Server| format!("node=\"{}\"", node.address());

    assert_eq!(ketch.get("/livez"), (200, "live\n".to_owned()));
    assert_eq!(ketch.get("/readyz").0, 200);
    let verbose = ketch.get("/readyz?verbose").1;
    assert!(verbose.contains("[+] 1 of 1 shards writable") && verbose.ends_with("\nready\n"), "{verbose}");
    expect_exposition(&ketch.get("/metrics").1);
    assert_eq!(ketch.metric("ketch_commands_total", &["cmd=\"set\"", "class=\"write\""]), 10.0);
    assert_eq!(ketch.metric("ketch_commands_total", &["cmd=\"get\"", "class=\"read\""]), 10.0);
    assert_eq!(ketch.metric("ketch_node_requests_total", &[&node(old), "shard=\"shard1\""]), 20.0);
    assert_eq!(ketch.metric("ketch_node_up", &[]), 3.0);
    assert_eq!(ketch.metric("ketch_node_role", &[&node(old), "role=\"primary\""]), 1.0);
    assert_eq!(ketch.metric("ketch_client_connections", &[]), 1.0);
    assert_eq!(ketch.metric("ketch_failovers_total", &["pool=\"main\"", "shard=\"shard1\""]), 0.0);
    assert_eq!(ketch.metric("ketch_shard_writable", &[]), 1.0);
    let snapshot = ketch.snapshot();
    let shard = &snapshot["pools"][0]["shards"][0];
    assert_eq!((&shard["name"], &shard["gate"]), (&"shard1".into(), &"open".into()));
    assert_eq!(shard["primary"], old.address().to_string());
    assert_eq!(role(&snapshot, old), "primary");
    assert!(group.replicas(0).iter().all(|replica| role(&snapshot, replica) == "replica"));

    old.kill();
    let new = group.wait_for_failover(0, old, FAILOVER).unwrap();
    ketch.wait("the failover is counted", |ketch| {
        ketch.metric("ketch_failovers_total", &["pool=\"main\"", "shard=\"shard1\""]) == 1.0
    });
    client.ask(&["SET", "k", "1"]).unwrap();
    assert_eq!(ketch.metric("ketch_node_requests_total", &[&node(new), "shard=\"shard1\""]), 1.0);
    assert!(ketch.metric("ketch_upstream_closed_total", &[&node(old)]) >= 1.0);
    let snapshot = ketch.snapshot();
    assert_eq!(snapshot["pools"][0]["failovers_total"], 1);
    assert_eq!((role(&snapshot, old), role(&snapshot, new)), ("deposed".to_owned(), "primary".to_owned()));

    // Nobody is left who could be the primary.
    group.nodes(0).iter().for_each(Server::kill);
    ketch.wait("no shard is writable", |ketch| ketch.get("/readyz").0 == 503);
    let said = ketch.get("/readyz").1;
    assert!(said.contains("[-] 0 of 1 shards writable, main/shard1: "), "{said}");
    assert_eq!(ketch.get("/livez").0, 200);
    assert_eq!(ketch.metric("ketch_shard_writable", &[]), 0.0);
    assert_eq!(ketch.snapshot()["pools"][0]["shards"][0]["gate"], "held");
    ketch.wait("all nodes are seen to be down", |ketch| ketch.metric("ketch_node_up", &[]) == 0.0);
    expect_exposition(&ketch.get("/metrics").1);
    group.check_tilt().unwrap();

    // With nothing in flight there is nothing to wait for.
    let began = Instant::now();
    let ended = ketch.terminate();
    assert!(ended.is_some_and(|status| status.success()), "{ended:?}{}", ketch.last_words());
    assert!(began.elapsed() < Duration::from_secs(5));
}
