//! Large values pass through in pieces: they cost Ketch little memory, and a client that reads its own
//! slowly holds up nobody else.
//!
//! Ketch is a process of its own here, so that its memory can be looked at. Margins are wide: this is
//! a build with debug assertions.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use ketch::internals::lab::{Client, wait_until};
use ketch::internals::resp::Value;

use super::support::{SOON, Setting, Stage, bulk, encode, noise, ok, still_open};

/// What Ketch may need for large values beyond what it has when idle, in KiB.
const MARGIN: u64 = 40 << 10;
const LARGE: usize = 64 << 20;

#[track_caller]
fn expect_memory(stage: &Stage, before: u64, margin: u64) {
    let (_, most) = stage.memory();
    assert!(most < before + margin, "{most} KiB at most, {before} KiB before");
}

#[test]
fn values_of_64_mib_pass_through_in_little_memory() {
    let stage = Stage::shards(2);
    let (before, _) = stage.memory();
    let value = noise(LARGE, 5);
    thread::scope(|scope| {
        for n in 0..4 {
            let (mut client, value) = (stage.client(), &value);
            scope.spawn(move || {
                client.set_limit(4 * SOON);
                let key = format!("large:{n}");
                assert_eq!(client.ask(&[&b"SET"[..], key.as_bytes(), value]).unwrap(), ok());
                assert!(client.ask(&["GET", &key]).unwrap() == bulk(value), "another value came back");
            });
        }
    });
    expect_memory(&stage, before, MARGIN);
    assert_eq!(stage.client().ask(&["STRLEN", "large:0"]).unwrap(), Value::Integer(LARGE as i64));
}

#[test]
fn a_client_that_reads_a_large_value_slowly_stops_nobody() {
    let stage = Stage::shards(1);
    let value = noise(LARGE, 6);
    let mut others = [stage.client(), stage.client()];
    others[0].set_limit(4 * SOON);
    assert_eq!(others[0].ask(&[&b"SET"[..], b"large", &value[..]]).unwrap(), ok());
    others[0].ask(&["SET", "small", "v"]).unwrap();
    let (before, _) = stage.memory();
    let mut slow: Vec<Client> = (0..4).map(|_| stage.client()).collect();
    for client in &mut slow {
        client.send(&["GET", "large"]).unwrap();
        // The first bytes are here: the reply is on its way.
        assert_ne!(client.stream().peek(&mut [0]).unwrap(), 0);
    }
    for _ in 0..200 {
        for other in &mut others {
            assert_eq!(other.ask(&["GET", "small"]).unwrap(), bulk("v"));
            assert_eq!(other.ask(&["SET", "small", "v"]).unwrap(), ok());
        }
    }
    // With nobody behind it, a client may be as slow as it likes.
    for client in &mut slow {
        client.set_limit(4 * SOON);
        assert!(client.read().unwrap() == bulk(&value), "another value came");
        still_open(client);
    }
    expect_memory(&stage, before, MARGIN);
}

#[test]
fn whoever_is_behind_a_slow_client_waits_no_longer_than_the_stall_limit() {
    let pool = String::new();
    let tables = "[pool.main.limits]\nstall_limit = \"300ms\"\n".to_owned();
    let stage = Stage::start(Setting { pool, tables, ..Setting::default() });
    stage.client().ask(&[&b"SET"[..], b"large", &noise(LARGE, 7)[..]]).unwrap();
    stage.client().ask(&["SET", "small", "v"]).unwrap();
    // One a worker; the same again for those behind.
    let (mut slow, mut behind) = ([stage.client(), stage.client()], [stage.client(), stage.client()]);
    stage.primary(0).pause();
    let mut probes = [stage.client(), stage.client()];
    for client in &mut slow {
        client.send(&["GET", "large"]).unwrap();
    }
    // Each worker has read what was sent before.
    probes.iter_mut().for_each(still_open);
    for client in &mut behind {
        client.send(&["GET", "small"]).unwrap();
    }
    probes.iter_mut().for_each(still_open);
    stage.primary(0).resume();
    let since = Instant::now();
    for client in &mut behind {
        assert_eq!(client.read().unwrap(), bulk("v"));
    }
    assert!(since.elapsed() < Duration::from_secs(5), "they waited for {:?}", since.elapsed());
    for client in &mut slow {
        // What it was given already is cut off: it can't be taken for the value.
        let end = client.read().unwrap_err();
        let closed = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];
        assert!(closed.contains(&end.kind()), "{end}");
    }
}

#[test]
fn a_client_that_reads_steadily_but_too_slowly_makes_others_wait_no_longer() {
    let tables = "[pool.main.limits]\nstall_limit = \"300ms\"\n".to_owned();
    let stage = Stage::start(Setting { threads: 1, tables, ..Setting::default() });
    stage.client().ask(&[&b"SET"[..], b"large", &noise(LARGE, 7)[..]]).unwrap();
    let (mut slow, mut behind, mut probe) = (stage.client(), stage.client(), stage.client());
    stage.primary(0).pause();
    slow.send(&["GET", "large"]).unwrap();
    still_open(&mut probe);
    behind.send(&["STRLEN", "small"]).unwrap();
    still_open(&mut probe);
    let reader = thread::spawn(move || {
        let mut piece = vec![0; 400_000];
        // 64 MiB would take sixteen seconds.
        while io::Read::read(&mut slow.stream(), &mut piece).is_ok_and(|n| n > 0) {
            thread::sleep(Duration::from_millis(100));
        }
    });
    stage.primary(0).resume();
    let since = Instant::now();
    assert_eq!(behind.read().unwrap(), Value::Integer(0));
    assert!(since.elapsed() < Duration::from_secs(5), "it waited for {:?}", since.elapsed());
    reader.join().unwrap();
}

#[test]
fn slow_readers_of_large_values_do_not_take_the_last_upstream_from_everybody() {
    let tables = "[pool.main.limits]\nmax_upstreams = 4\nstall_limit = \"300ms\"\n".to_owned();
    let stage = Stage::start(Setting { tables, ..Setting::default() });
    stage.client().ask(&[&b"SET"[..], b"large", &noise(LARGE, 7)[..]]).unwrap();
    let mut slow: Vec<Client> = (0..12).map(|_| stage.client()).collect();
    let mut others = [stage.client(), stage.client()];
    let since = Instant::now();
    for client in &mut slow {
        client.send(&["GET", "large"]).unwrap();
        for other in &mut others {
            assert_eq!(other.ask(&["SET", "small", "v"]).unwrap(), ok());
        }
    }
    assert!(since.elapsed() < Duration::from_secs(10), "they waited for {:?}", since.elapsed());
}

#[test]
fn slow_senders_of_large_values_do_not_take_the_last_upstream_from_everybody() {
    let tables = "[pool.main.limits]\nmax_upstreams = 4\n".to_owned();
    let stage = Stage::start(Setting { tables, ..Setting::default() });
    let set = encode(&[&b"SET"[..], b"large", &noise(1 << 20, 7)[..]]);
    let mut slow: Vec<Client> = (0..12).map(|_| stage.client()).collect();
    let mut others = [stage.client(), stage.client()];
    let since = Instant::now();
    for client in &mut slow {
        client.send_raw(&set[..200_000]).unwrap();
        for other in &mut others {
            assert_eq!(other.ask(&["SET", "small", "v"]).unwrap(), ok());
            // A reply that takes its upstream for itself: others need another one.
            assert_eq!(other.ask(&["GET", "small"]).unwrap(), bulk("v"));
        }
    }
    assert!(since.elapsed() < Duration::from_secs(5), "they waited for {:?}", since.elapsed());
    // Whoever goes on is served, in turn.
    for mut client in slow {
        client.send_raw(&set[200_000..]).unwrap();
        assert_eq!(client.read().unwrap(), ok());
    }
}

#[test]
fn a_client_that_never_reads_is_bounded_in_memory() {
    let stage = Stage::shards(2);
    let keys = stage.key_each();
    let value = noise(50_000, 8);
    for key in &keys {
        stage.client().ask(&[&b"SET"[..], key.as_bytes(), &value]).unwrap();
    }
    let (before, _) = stage.memory();
    let requests = [encode(&["GET", &keys[0]]), encode(&["GET", &keys[1]])].concat().repeat(2_000);
    let mut greedy: Vec<Client> = (0..2).map(|_| stage.client()).collect();
    for client in &mut greedy {
        // What is not taken any more is proof enough that Ketch has stopped reading.
        client.stream().set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        let _ = client.send_raw(&requests);
    }
    let mut others = [stage.client(), stage.client()];
    for _ in 0..100 {
        for other in &mut others {
            assert_eq!(other.ask(&["GET", &keys[0]]).unwrap(), bulk(&value));
        }
    }
    // Each may have `output_limit` (64 MiB) unread, and no more.
    expect_memory(&stage, before, 2 * (64 << 10) + MARGIN);
    drop(greedy);
    let freed = || stage.memory().0 < before + MARGIN;
    wait_until(SOON, "the memory of clients that went is free", freed).unwrap();
}
