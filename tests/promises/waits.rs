//! WAIT counts the replicas that have what this client wrote, whichever connection it went by.

use std::thread;
use std::time::{Duration, Instant};

use ketch::internals::lab::{Group, Options, wait_until};
use ketch::internals::resp::Value;

use crate::rig::{KETCH, Ketch, SOON, prefixes};
use crate::support::{Setting, Stage, bulk, error, ok, still_open};

const LONG: &str = "15000";

/// A replica gets the first bytes after its sync only once it has told its primary where it is, up to a second
/// later: that is waited for.
fn two_replicas(shards: usize) -> Stage {
    let stage = Stage::start(Setting { shards, replicas: 2, ..Setting::default() });
    let mut client = stage.client();
    for key in stage.key_each() {
        client.ask(&["SET", &key, "first"]).unwrap();
    }
    assert_eq!(client.ask(&["WAIT", "2", LONG]).unwrap(), Value::Integer(2));
    stage
}

#[test]
fn a_write_is_counted_where_it_has_arrived_and_soon() {
    let stage = two_replicas(2);
    let mut client = stage.client();
    let keys = stage.key_each();
    let began = Instant::now();
    for n in 0..20 {
        let key = &keys[n % 2];
        assert_eq!(client.ask(&["SET", key, &n.to_string()]).unwrap(), ok());
        assert_eq!(client.ask(&["WAIT", "2", LONG]).unwrap(), Value::Integer(2));
        let shard = stage.shard_of(key);
        for replica in 1..=2 {
            assert_eq!(stage.node(shard, replica).ask(&["GET", key]).unwrap(), bulk(n.to_string()));
        }
    }
    // Replicas tell their primary once a second; whoever asked only there would need as many seconds.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    println!("20 writes and WAITs took {:?}", began.elapsed());
}

#[test]
fn the_least_count_over_the_shards_that_were_written_to_is_the_answer() {
    let stage = two_replicas(2);
    let keys = stage.key_each();
    let (mut one, mut both) = (stage.client(), stage.client());
    stage.node(1, 1).pause();
    assert_eq!(one.ask(&["SET", &keys[0], "v"]).unwrap(), ok());
    assert_eq!(
        one.ask(&["WAIT", "2", LONG]).unwrap(),
        Value::Integer(2),
        "it wrote to the healthy shard alone"
    );
    assert_eq!(both.ask(&["MSET", &keys[0], "v", &keys[1], "v"]).unwrap(), ok());
    let began = Instant::now();
    assert_eq!(both.ask(&["WAIT", "2", "300"]).unwrap(), Value::Integer(1));
    assert!(began.elapsed() >= Duration::from_millis(300));
    assert_eq!(both.ask(&["WAIT", "1", LONG]).unwrap(), Value::Integer(1));
    // Without a limit, until the replica is back.
    both.send(&["WAIT", "2", "0"]).unwrap();
    thread::sleep(Duration::from_millis(100));
    stage.node(1, 1).resume();
    assert_eq!(both.read().unwrap(), Value::Integer(2));
}

#[test]
fn nobody_else_waits_and_the_waiting_client_keeps_its_order() {
    let stage = two_replicas(1);
    let (mut waits, mut other) = (stage.client(), stage.client());
    stage.node(0, 1).pause();
    for request in [&["SET", "k", "1"][..], &["WAIT", "2", "1000"], &["SET", "k", "2"], &["GET", "k"]] {
        waits.send(request).unwrap();
    }
    assert_eq!(waits.read().unwrap(), ok());
    let began = Instant::now();
    for n in 0..200 {
        assert_eq!(other.ask(&["SET", "other", &n.to_string()]).unwrap(), ok());
        assert_eq!(other.ask(&["GET", "k"]).unwrap(), bulk("1"), "what stands behind WAIT is not run");
        if n == 100 {
            assert!(began.elapsed() < Duration::from_secs(1));
            break;
        }
    }
    assert_eq!(waits.read().unwrap(), Value::Integer(1));
    assert_eq!(waits.read().unwrap(), ok());
    assert_eq!(waits.read().unwrap(), bulk("2"));
    stage.node(0, 1).resume();
}

#[test]
fn without_a_write_every_replica_counts_and_mistakes_are_called_as_redis_calls_them() {
    let stage = two_replicas(1);
    let mut client = stage.client();
    assert_eq!(client.ask(&["WAIT", "2", "0"]).unwrap(), Value::Integer(2));
    assert_eq!(client.ask(&["WAIT", "0", "0"]).unwrap(), Value::Integer(2));
    let began = Instant::now();
    assert_eq!(client.ask(&["WAIT", "3", "200"]).unwrap(), Value::Integer(2));
    assert!(began.elapsed() >= Duration::from_millis(200));
    for request in [
        &["WAIT"][..],
        &["WAIT", "1"],
        &["WAIT", "x", "0"],
        &["WAIT", "1", "x"],
        &["WAIT", "1", "-1"],
        &["WAIT", "1", "1.5"],
        &["WAIT", "-3", "100"],
    ] {
        assert_eq!(client.ask(request).unwrap(), stage.primary(0).ask(request).unwrap(), "{request:?}");
    }
    still_open(&mut client);
}

#[test]
fn client_unblock_ends_a_wait() {
    let stage = two_replicas(1);
    let (mut waits, mut other) = (stage.client(), stage.client());
    let id = waits.ask(&["CLIENT", "ID"]).unwrap().number().unwrap().to_string();
    assert_eq!(waits.ask(&["SET", "k", "v"]).unwrap(), ok());
    for (how, answer) in [
        (&["TIMEOUT"][..], Value::Integer(2)),
        (&["ERROR"], Value::Error("UNBLOCKED client unblocked via CLIENT UNBLOCK".into())),
    ] {
        waits.send(&["WAIT", "9", "0"]).unwrap();
        let unblock = [&["CLIENT", "UNBLOCK", &id], how].concat();
        // The replicas have all of it by then, and the client is one that waits.
        thread::sleep(Duration::from_millis(300));
        wait_until(SOON, "it waits", || other.ask(&unblock).unwrap() == Value::Integer(1)).unwrap();
        assert_eq!(waits.read().unwrap(), answer);
    }
    still_open(&mut waits);
}

#[test]
fn within_a_block_the_node_counts_at_once() {
    let stage = two_replicas(1);
    let mut client = stage.client();
    for (request, reply) in [
        (&["MULTI"][..], ok()),
        (&["SET", "k", "v"], Value::Simple("QUEUED".into())),
        (&["WAIT", "9", "0"], Value::Simple("QUEUED".into())),
    ] {
        assert_eq!(client.ask(request).unwrap(), reply);
    }
    let done = client.ask(&["EXEC"]).unwrap();
    assert!(matches!(&done.elements().unwrap()[1], Value::Integer(0..=2)), "{done:?}");
}

#[test]
fn a_client_that_goes_while_it_waits_leaves_nothing_behind() {
    let stage = two_replicas(1);
    for half in [false, true] {
        let mut client = stage.client();
        client.ask(&["SET", "k", "v"]).unwrap();
        client.send(&["WAIT", "9", "0"]).unwrap();
        thread::sleep(Duration::from_millis(50));
        if half {
            client.stream().shutdown(std::net::Shutdown::Write).unwrap();
            assert_eq!(client.read_to_end().unwrap(), b"");
        }
    }
    let asked = || stage.primary(0).info("commandstats", "cmdstat_info").unwrap();
    let quiet = || {
        let before = asked();
        thread::sleep(Duration::from_millis(300));
        // The question itself is one call.
        let calls = |text: &str| text.split(['=', ',']).nth(1).unwrap().parse::<u64>().unwrap();
        calls(&asked()) <= calls(&before) + 2
    };
    wait_until(SOON, "nodes are not asked any more", quiet).unwrap();
}

/// The new primary's offset would say nothing of what was written to the old one.
#[test]
fn after_a_failover_a_write_to_the_old_primary_is_not_vouched_for() {
    let group = Group::start(&Options { shards: 2, ..Options::new(KETCH).unwrap() }).unwrap();
    let ketch = Ketch::before(&group, "");
    let prefixes = prefixes(2);
    let (mut wrote, mut waits, mut elsewhere) = (ketch.client(), ketch.client(), ketch.client());
    let key = format!("{}k", prefixes[0]);
    assert_eq!(wrote.ask(&["SET", &key, "v"]).unwrap(), ok());
    assert_eq!(waits.ask(&["SET", &key, "w"]).unwrap(), ok());
    assert_eq!(waits.ask(&["WAIT", "2", LONG]).unwrap(), Value::Integer(2));
    assert_eq!(elsewhere.ask(&["SET", &format!("{}k", prefixes[1]), "v"]).unwrap(), ok());
    // It is waiting when the primary dies.
    waits.send(&["WAIT", "9", "0"]).unwrap();
    let old = group.primary(0).unwrap();
    old.kill();
    let lost = waits.read().unwrap();
    assert!(error(&lost).starts_with("UNBLOCKED the primary of shard"), "{lost:?}");
    let lost = wrote.ask(&["WAIT", "1", LONG]).unwrap();
    assert!(error(&lost).starts_with("UNBLOCKED the primary of shard"), "{lost:?}");
    assert_eq!(wrote.ask(&["SET", &key, "new"]).unwrap(), ok());
    assert_eq!(wrote.ask(&["WAIT", "1", LONG]).unwrap(), Value::Integer(1), "a new write is vouched for");
    assert_eq!(elsewhere.ask(&["WAIT", "2", LONG]).unwrap(), Value::Integer(2));
    group.check_tilt().unwrap();
}
