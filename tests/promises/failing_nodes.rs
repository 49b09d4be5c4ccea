//! Nodes that hang, die and come late: whose requests are held, sent again, refused, or told as unknown.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ketch::internals::lab::{Client, NodeOptions, Traffic, TrafficOptions, wait_until};
use ketch::internals::resp::Value;

use super::support::{SOON, Setting, Stage, bulk, error, expect_error, ok, still_open};

fn timeouts(request: &str, dead_after: &str) -> String {
    format!("[pool.main.timeouts]\nrequest = \"{request}\"\ndead_after = \"{dead_after}\"\n")
}

/// A stage of two shards with a key on each: the first shard's node will fail.
fn two_shards(hold: &str, tables: String) -> (Stage, Vec<String>) {
    let pool = format!("hold = \"{hold}\"");
    let stage = Stage::start(Setting { shards: 2, pool, tables, ..Setting::default() });
    let keys = stage.key_each();
    for key in &keys {
        assert_eq!(stage.client().ask(&["SET", key, key]).unwrap(), ok());
    }
    (stage, keys)
}

/// Whatever was answered late, or not at all, must not be taken for the reply of another request. The key
/// is none that was written before: such a write may still be executed.
#[track_caller]
fn expect_no_wrong_answer(client: &mut Client, key: &str) {
    for i in 0..50 {
        let text = i.to_string();
        assert_eq!(client.ask(&["ECHO", &text]).unwrap(), bulk(&text));
        assert_eq!(client.ask(&["SET", key, &text]).unwrap(), ok());
        assert_eq!(client.ask(&["GET", key]).unwrap(), bulk(&text));
        assert_eq!(client.ask(&["STRLEN", key]).unwrap(), Value::Integer(text.len() as i64));
    }
}

#[test]
fn a_node_that_hangs_costs_its_own_requests_a_time_out_and_the_other_shards_nothing() {
    let (stage, keys) = two_shards("10s", timeouts("600ms", "8s"));
    let mut clients: Vec<Client> = (0..4).map(|_| stage.client()).collect();
    let mut others = [stage.client(), stage.client()];
    stage.primary(0).pause();
    let since = Instant::now();
    clients[0].send(&["GET", &keys[0]]).unwrap();
    clients[1].send(&["STRLEN", &keys[0]]).unwrap();
    clients[2].send(&["APPEND", &keys[0], "!"]).unwrap();
    clients[3].send(&["MSET", &keys[0], "m", &keys[1], "m"]).unwrap();
    for _ in 0..300 {
        for other in &mut others {
            assert_eq!(
                other.ask(&["APPEND", &keys[1], ""]).map(|reply| reply.number().is_some()).ok(),
                Some(true)
            );
            assert_eq!(other.ask(&["EXISTS", &keys[1]]).unwrap(), Value::Integer(1));
        }
    }
    expect_error(&clients[0].read().unwrap(), "TIMEOUT shard s1 of pool main");
    expect_error(&clients[1].read().unwrap(), "TIMEOUT");
    expect_error(&clients[2].read().unwrap(), "OUTCOMEUNKNOWN");
    let split = clients[3].read().unwrap();
    expect_error(&split, "OUTCOMEUNKNOWN");
    assert!(error(&split).ends_with(" (applied on 1 of 2 shards)"), "{split:?}");
    assert!(since.elapsed() < Duration::from_secs(6), "{:?}", since.elapsed());
    stage.primary(0).resume();
    let fresh = stage.keys_on(0, 2).remove(1);
    for client in &mut clients {
        expect_no_wrong_answer(client, &fresh);
    }
}

#[test]
fn a_node_that_stays_silent_is_left_its_writes_are_unknown_and_its_reads_are_answered_later() {
    let (stage, keys) = two_shards("15s", timeouts("10s", "700ms"));
    let (mut reader, mut writer) = (stage.client(), stage.client());
    stage.primary(0).pause();
    let since = Instant::now();
    reader.send(&["GET", &keys[0]]).unwrap();
    writer.send(&["APPEND", &keys[0], "!"]).unwrap();
    expect_error(&writer.read().unwrap(), "OUTCOMEUNKNOWN");
    assert!(since.elapsed() < Duration::from_secs(6), "{:?}", since.elapsed());
    stage.primary(0).resume();
    // The append was executed, or not yet, or not at all: the read may see either.
    let value = reader.read().unwrap();
    assert!(value == bulk(&keys[0]) || value == bulk(format!("{}!", keys[0])), "{value:?}");
    let fresh = stage.keys_on(0, 2).remove(1);
    expect_no_wrong_answer(&mut reader, &fresh);
    expect_no_wrong_answer(&mut writer, &fresh);
}

#[test]
fn requests_of_a_shard_that_stays_away_are_refused_after_the_hold() {
    let (stage, keys) = two_shards("700ms", String::new());
    let (mut reader, mut writer, mut both) = (stage.client(), stage.client(), stage.client());
    stage.primary(0).kill();
    let since = Instant::now();
    let mut split = stage.client();
    split.send(&["MSET", &keys[0], &keys[0], &keys[1], &keys[1]]).unwrap();
    reader.send(&["GET", &keys[0]]).unwrap();
    writer.send(&["SET", &keys[0], "x"]).unwrap();
    both.send(&["MGET", &keys[0], &keys[1]]).unwrap();
    for client in [&mut reader, &mut writer, &mut both] {
        expect_error(&client.read().unwrap(), "SHARDDOWN shard s1 of pool main has had no primary for");
        assert!(since.elapsed() >= Duration::from_millis(500), "{:?}", since.elapsed());
        // The other shard serves it as ever.
        assert_eq!(client.ask(&["GET", &keys[1]]).unwrap(), bulk(&keys[1]));
    }
    let reply = split.read().unwrap();
    expect_error(&reply, "SHARDDOWN");
    assert!(error(&reply).ends_with(" (applied on 1 of 2 shards)"), "{reply:?}");
    assert!(since.elapsed() < Duration::from_secs(5), "{:?}", since.elapsed());
    stage.primary(0).restart().unwrap();
    let again = || writer.ask(&["SET", &keys[0], "y"]).unwrap() == ok();
    wait_until(SOON, "the shard serves again", again).unwrap();
}

#[test]
fn requests_wait_for_a_node_that_comes_late() {
    let setting = Setting { shards: 2, pool: "hold = \"15s\"".into(), ..Setting::default() };
    let stage = Stage::without_waiting(setting, |shards| shards[0][0].kill());
    let keys = stage.key_each();
    let mut clients: Vec<Client> = Vec::new();
    let listening = || Client::connect(stage.address(), SOON).map(|client| clients.push(client)).is_ok();
    wait_until(SOON, "Ketch listens", listening).unwrap();
    clients.extend((0..3).map(|_| stage.client()));
    for (i, client) in clients.iter_mut().enumerate() {
        client.send(&["SET", &keys[0], &i.to_string()]).unwrap();
        client.send(&["GET", &keys[0]]).unwrap();
        client.send(&["GET", &keys[1]]).unwrap();
        client.send(&["MGET", &keys[1], &keys[0]]).unwrap();
    }
    assert_eq!(stage.client().ask(&["SET", &keys[1], "there"]).unwrap(), ok());
    stage.primary(0).restart().unwrap();
    for client in &mut clients {
        assert_eq!(client.read().unwrap(), ok());
        assert!(matches!(client.read().unwrap(), Value::Bulk(_)));
        client.read().unwrap();
        assert_eq!(client.read().unwrap().elements().map(<[Value]>::len), Some(2));
        still_open(client);
    }
}

#[test]
fn requests_are_refused_when_a_node_never_comes() {
    let setting = Setting { pool: "hold = \"400ms\"".into(), ..Setting::default() };
    let stage = Stage::without_waiting(setting, |shards| shards[0][0].kill());
    let mut client = None;
    let listening = || {
        client = Client::connect(stage.address(), SOON).ok();
        client.is_some()
    };
    wait_until(SOON, "Ketch listens", listening).unwrap();
    let mut client = client.unwrap();
    for request in [&["SET", "k", "v"][..], &["GET", "k"], &["DBSIZE"], &["PING"], &["EVAL", "return 1", "0"]]
    {
        let reply = client.ask(request).unwrap();
        match request[0] {
            "PING" => assert_eq!(reply, Value::Simple("PONG".into())),
            _ => expect_error(&reply, "SHARDDOWN shard s1 of pool main has had no primary for"),
        }
    }
}

/// Data that a killed node finds again: what it acknowledged was written before.
fn durable() -> NodeOptions {
    NodeOptions { lines: vec!["appendonly yes".into(), "appendfsync no".into()], ..NodeOptions::default() }
}

#[test]
fn a_primary_that_is_killed_and_comes_back_loses_and_doubles_nothing() {
    let setting = Setting { shards: 2, node: durable(), pool: "hold = \"15s\"".into(), ..Setting::default() };
    let stage = Stage::start(setting);
    let options = TrafficOptions {
        writers: 8,
        readers: 4,
        per_second: 4000,
        reads: 50,
        keys: 64,
        ..TrafficOptions::to(stage.address())
    };
    let mut traffic = Traffic::start(options);
    for round in 0..4 {
        let started = Instant::now();
        let flows = || traffic.all_have_written_since(started);
        wait_until(SOON, "everybody writes", flows).unwrap();
        stage.primary(round % 2).kill();
        thread::sleep(Duration::from_millis(50));
        stage.primary(round % 2).restart().unwrap();
    }
    let started = Instant::now();
    wait_until(SOON, "everybody writes", || traffic.all_have_written_since(started)).unwrap();
    let counts = traffic.stop();
    assert!(counts.is_clean() && counts.client_errors() == 0, "{counts}: {:?}", counts.errors);
    let verdict = traffic.verify();
    assert!(verdict.is_clean(), "{verdict:?}");
    // Reads go to the primary alone: none may be older than what was acknowledged.
    assert_eq!(counts.stale_reads, 0);
}

#[test]
fn increments_in_a_pipeline_are_executed_once_or_told_as_unknown_when_their_node_is_killed() {
    let stage =
        Stage::start(Setting { node: durable(), pool: "hold = \"15s\"".into(), ..Setting::default() });
    let mut known = 0;
    for round in 0..5 {
        let mut client = stage.client();
        let requests: Vec<Vec<&str>> = (0..5000).map(|_| vec!["INCR", "count"]).collect();
        let replies = thread::scope(|scope| {
            let pipeline = scope.spawn(|| client.pipeline(&requests).unwrap());
            let began = || stage.primary(0).ask(&["GET", "count"]).is_ok_and(|r| r.number() > Some(known));
            let _ = wait_until(Duration::from_secs(5), "it has begun", began);
            stage.primary(0).kill();
            stage.primary(0).restart().unwrap();
            pipeline.join().unwrap()
        });
        let (last, unknown) = judge_increments(known, &replies);
        known = stage.client().ask(&["GET", "count"]).unwrap().number().unwrap();
        assert!(
            known >= last && known <= last + unknown,
            "round {round}: {known} after {last}, {unknown} unknown"
        );
    }
}

/// Each increment that was answered counts one more than the last, but for those of unknown outcome
/// between them. The last number that was told, and how many behind it are unknown.
#[track_caller]
fn judge_increments(before: i64, replies: &[Value]) -> (i64, i64) {
    let (mut last, mut unknown) = (before, 0);
    for reply in replies {
        match reply {
            Value::Integer(n) => {
                assert!(*n > last && *n <= last + 1 + unknown, "{n} after {last}, {unknown} unknown");
                (last, unknown) = (*n, 0);
            }
            Value::Error(text) if text.starts_with("OUTCOMEUNKNOWN") => unknown += 1,
            other => panic!("{other:?}"),
        }
    }
    (last, unknown)
}

#[test]
fn increments_are_executed_once_or_told_as_unknown_when_their_connections_are_cut() {
    let stage = Stage::shards(1);
    let over = AtomicBool::new(false);
    let unknown: i64 = thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|n| {
                let mut client = stage.client();
                scope.spawn(move || {
                    let key = format!("count:{n}");
                    let (mut known, mut all) = (0, 0);
                    for _ in 0..60 {
                        let requests: Vec<Vec<&str>> = (0..200).map(|_| vec!["INCR", &key]).collect();
                        let (last, unknown) = judge_increments(known, &client.pipeline(&requests).unwrap());
                        known = client.ask(&["GET", &key]).unwrap().number().unwrap_or(0);
                        assert!(
                            known >= last && known <= last + unknown,
                            "{known}: {last}, {unknown} unknown"
                        );
                        all += unknown;
                    }
                    all
                })
            })
            .collect();
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                stage.primary(0).ask(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
                thread::sleep(Duration::from_millis(3));
            }
        });
        let unknown = clients.into_iter().map(|client| client.join().unwrap()).sum();
        over.store(true, Ordering::Relaxed);
        unknown
    });
    println!("{unknown} of 48000 increments were of unknown outcome at the end of their pipeline");
}
