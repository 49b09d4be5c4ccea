//! Values of all sizes in one pipeline, clients that dribble, stop and vanish, connections that are cut
//! under them: what is answered is right, in order, and nobody else notices.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ketch::internals::lab::{Client, wait_until};
use ketch::internals::resp::Value;

use super::support::{SOON, Setting, Stage, bulk, encode, error, expect_error, noise, ok, still_open};

/// Below, at and above the size from which values pass through in pieces.
const SIZES: [usize; 10] = [0, 1, 100, 4_000, 65_000, 65_535, 65_536, 65_537, 150_000, 700_000];

/// A small generator, so that a run can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % n
    }
}

/// A pipeline on four keys of a client's own, with the replies that are due.
fn pipeline(dice: &mut Dice, keys: &[String], known: &mut [Option<Vec<u8>>]) -> (Vec<u8>, Vec<Value>) {
    let (mut bytes, mut due) = (Vec::new(), Vec::new());
    for _ in 0..12 {
        let at = dice.below(keys.len());
        let key = keys[at].as_bytes();
        match dice.below(5) {
            0 | 1 => {
                let value = noise(SIZES[dice.below(SIZES.len())], dice.0);
                bytes.extend(encode(&[&b"SET"[..], key, &value]));
                due.push(ok());
                known[at] = Some(value);
            }
            2 => {
                bytes.extend(encode(&["GET", &keys[at]]));
                due.push(known[at].as_ref().map_or(Value::Nil, bulk));
            }
            3 => {
                bytes.extend(encode(&["STRLEN", &keys[at]]));
                due.push(Value::Integer(known[at].as_ref().map_or(0, Vec::len) as i64));
            }
            _ => {
                bytes.extend(encode(&["MGET", &keys[0], &keys[at], "none"]));
                let value =
                    |at: usize, known: &[Option<Vec<u8>>]| known[at].as_ref().map_or(Value::Nil, bulk);
                due.push(Value::Array(vec![value(0, known), value(at, known), Value::Nil]));
            }
        }
    }
    (bytes, due)
}

/// Many clients, each with pipelines of values of all sizes, for a while.
fn converse(stage: &Stage, clients: u64, rounds: usize) {
    thread::scope(|scope| {
        for n in 0..clients {
            let mut client = stage.client();
            scope.spawn(move || {
                let mut dice = Dice(n);
                let keys: Vec<String> = (0..4).map(|i| format!("{i}:of:{n}")).collect();
                let mut known = vec![None; keys.len()];
                for round in 0..rounds {
                    let (bytes, due) = pipeline(&mut dice, &keys, &mut known);
                    let mut stream = client.stream().try_clone().unwrap();
                    let writer = thread::spawn(move || io::Write::write_all(&mut stream, &bytes));
                    for (i, value) in due.iter().enumerate() {
                        let reply = client.read().unwrap_or_else(|e| panic!("client {n}.{round}.{i}: {e}"));
                        let shown = matches!(reply, Value::Error(_)).then_some(&reply);
                        assert!(
                            reply == *value,
                            "client {n}, round {round}: reply {i} is another: {shown:?}"
                        );
                    }
                    writer.join().unwrap().unwrap();
                }
            });
        }
    });
}

#[test]
fn values_of_all_sizes_in_one_pipeline_keep_their_order() {
    converse(&Stage::shards(3), 12, 30);
}

#[test]
fn values_of_all_sizes_keep_their_order_with_replicas() {
    let pool = "reads = \"any\"".to_owned();
    let stage = Stage::start(Setting { replicas: 1, pool, ..Setting::default() });
    // What is read in a later pipeline may be older on a replica; within one it may not.
    thread::scope(|scope| {
        for n in 0..6 {
            let mut client = stage.client();
            scope.spawn(move || {
                let key = format!("of:{n}");
                for round in 0..60 {
                    let value = noise(SIZES[round % SIZES.len()], round as u64);
                    let requests =
                        [encode(&[&b"SET"[..], key.as_bytes(), &value]), encode(&["GET", &key])].concat();
                    // The end of the one comes with the other, in one packet; an empty value has its line end.
                    let end = 1 + value.len().min(10);
                    let cut = requests.len() - encode(&["GET", &key]).len() - end;
                    client.send_raw(&requests[..cut]).unwrap();
                    client.send_raw(&requests[cut..]).unwrap();
                    assert_eq!(client.read().unwrap(), ok());
                    assert!(client.read().unwrap() == bulk(&value), "client {n}, round {round}");
                }
            });
        }
    });
}

#[test]
fn few_upstreams_are_enough_for_many_clients_with_large_values() {
    let tables = "[pool.main.limits]\nmax_upstreams = 2\n".to_owned();
    let stage = Stage::start(Setting { shards: 2, tables, ..Setting::default() });
    converse(&stage, 12, 10);
}

#[test]
fn clients_that_vanish_at_any_moment_disturb_nobody() {
    let stage = Stage::shards(2);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for n in 0..3 {
            let (stage, over) = (&stage, &over);
            scope.spawn(move || {
                let mut dice = Dice(n);
                let keys: Vec<String> = (0..4).map(|i| format!("{i}:of:nobody")).collect();
                while !over.load(Ordering::Relaxed) {
                    let mut client = stage.client();
                    let mut known = vec![None; keys.len()];
                    let (bytes, due) = pipeline(&mut dice, &keys, &mut known);
                    let cut = dice.below(bytes.len() + 1);
                    if client.send_raw(&bytes[..cut]).is_ok() && dice.below(2) == 0 {
                        client.set_limit(Duration::from_millis(5));
                        for _ in 0..dice.below(due.len()) {
                            let _ = client.read();
                        }
                    }
                }
            });
        }
        converse(&stage, 6, 40);
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_client_that_stops_in_the_middle_of_a_large_value_stops_nobody() {
    let stage = Stage::shards(1);
    let value = noise(1 << 20, 2);
    let set = encode(&[&b"SET"[..], b"large", &value[..]]);
    let mut stopped: Vec<Client> = (0..8).map(|_| stage.client()).collect();
    for client in &mut stopped {
        client.send_raw(&set[..500_000]).unwrap();
    }
    let mut others = [stage.client(), stage.client()];
    for _ in 0..200 {
        for other in &mut others {
            assert_eq!(other.ask(&["SET", "small", "v"]).unwrap(), ok());
            assert_eq!(other.ask(&["EXISTS", "small", "large"]).unwrap(), Value::Integer(1));
        }
    }
    // Half of them go on, the others go away.
    let rest = stopped.split_off(4);
    drop(stopped);
    for mut client in rest {
        client.send_raw(&set[500_000..]).unwrap();
        assert_eq!(client.read().unwrap(), ok());
        still_open(&mut client);
    }
    assert!(others[0].ask(&["GET", "large"]).unwrap() == bulk(&value));
}

#[test]
fn a_large_value_may_take_longer_than_a_request_may() {
    let tables = "[pool.main.timeouts]\nrequest = \"300ms\"\ndead_after = \"300ms\"\n".to_owned();
    let stage = Stage::start(Setting { tables, ..Setting::default() });
    let value = noise(600_000, 3);
    let set = encode(&[&b"SET"[..], b"large", &value[..]]);
    let mut client = stage.client();
    let since = Instant::now();
    let pieces = set.chunks(60_000);
    for piece in pieces {
        client.send_raw(piece).unwrap();
        // A client that is slow on purpose, beyond both time-outs in all.
        thread::sleep(Duration::from_millis(100));
    }
    assert!(since.elapsed() > Duration::from_millis(900));
    assert_eq!(client.read().unwrap(), ok());
    assert!(client.ask(&["GET", "large"]).unwrap() == bulk(&value));
}

#[test]
fn more_large_values_at_once_than_upstreams_all_arrive() {
    let stage = Stage::shards(1);
    let value = noise(200_000, 4);
    let mut clients: Vec<Client> = (0..160).map(|_| stage.client()).collect();
    let requests: Vec<Vec<u8>> =
        (0..160).map(|n| encode(&[&b"SET"[..], format!("large:{n}").as_bytes(), &value])).collect();
    for (client, request) in clients.iter_mut().zip(&requests) {
        client.send_raw(&request[..100_000]).unwrap();
    }
    for (client, request) in clients.iter_mut().zip(&requests) {
        client.send_raw(&request[100_000..]).unwrap();
    }
    for client in &mut clients {
        assert_eq!(client.read().unwrap(), ok());
    }
    assert_eq!(stage.client().ask(&["DBSIZE"]).unwrap(), Value::Integer(160));
}

#[test]
fn a_large_value_that_its_node_refuses_leaves_the_client_where_it_was() {
    let stage = Stage::shards(1);
    let mut client = stage.client();
    let value = noise(3 << 20, 5);
    let set = encode(&[&b"SET"[..], b"large", &value[..]]);
    stage.primary(0).ask(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    for _ in 0..3 {
        client.send_raw(&[&set[..], &encode(&["ECHO", "behind"])].concat()).unwrap();
        expect_error(&client.read().unwrap(), "OOM");
        assert_eq!(client.read().unwrap(), bulk("behind"));
    }
    stage.primary(0).ask(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    // A node that wants no bulk of that size says so before it has read it, and closes.
    stage.primary(0).ask(&["CONFIG", "SET", "proto-max-bulk-len", "1mb"]).unwrap();
    for _ in 0..3 {
        client.send_raw(&[&set[..], &encode(&["ECHO", "behind"])].concat()).unwrap();
        let reply = client.read().unwrap();
        assert!(!error(&reply).is_empty());
        assert_eq!(client.read().unwrap(), bulk("behind"), "{reply:?}");
    }
    let small = noise(500_000, 6);
    assert_eq!(client.ask(&[&b"SET"[..], b"large", &small]).unwrap(), ok());
    assert!(client.ask(&["GET", "large"]).unwrap() == bulk(&small));
}

#[test]
fn a_large_request_or_reply_whose_node_is_lost_is_never_taken_for_whole() {
    let stage = Stage::start(Setting { pool: "hold = \"10s\"".into(), ..Setting::default() });
    let value = noise(32 << 20, 7);
    let mut reader = stage.client();
    reader.set_limit(3 * SOON);
    assert_eq!(reader.ask(&[&b"SET"[..], b"large", &value[..]]).unwrap(), ok());
    let kill = ["CLIENT", "KILL", "TYPE", "normal"];
    // Half of a request has gone out.
    let received =
        || stage.primary(0).info("stats", "total_net_input_bytes").unwrap().parse::<u64>().unwrap();
    let (mut writer, before) = (stage.client(), received());
    let set = encode(&[&b"SET"[..], b"other", &value[..2 << 20]]);
    writer.send_raw(&set[..1 << 20]).unwrap();
    // Its upstream has taken all that there is.
    let taken = || received() >= before + (1 << 20);
    wait_until(SOON, "the node has half of it", taken).unwrap();
    stage.primary(0).ask(&kill).unwrap();
    expect_error(&writer.read().unwrap(), "NOTAPPLIED the way to shard s1 of pool main was lost");
    writer.send_raw(&set[1 << 20..]).unwrap();
    still_open(&mut writer);
    assert_eq!(writer.ask(&["EXISTS", "other"]).unwrap(), Value::Integer(0));
    // Half of a reply has come in.
    reader.send(&["GET", "large"]).unwrap();
    assert_ne!(reader.stream().peek(&mut [0]).unwrap(), 0);
    stage.primary(0).ask(&kill).unwrap();
    let end = reader.read().unwrap_err();
    let closed = [io::ErrorKind::UnexpectedEof, io::ErrorKind::ConnectionReset];
    assert!(closed.contains(&end.kind()), "{end}");
    assert_eq!(writer.ask(&["SET", "other", "v"]).unwrap(), ok());
}

#[test]
fn connections_that_the_node_closes_are_made_again_unnoticed() {
    let stage = Stage::shards(1);
    let mut clients = [stage.client(), stage.client()];
    for round in 0..20 {
        for client in &mut clients {
            assert_eq!(client.ask(&["SET", "k", &round.to_string()]).unwrap(), ok());
        }
        stage.primary(0).ask(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
        for client in &mut clients {
            assert_eq!(client.ask(&["GET", "k"]).unwrap(), bulk(round.to_string()));
        }
    }
}

#[test]
fn requests_of_a_hundred_thousand_arguments_over_shards_are_quick_and_right() {
    let stage = Stage::shards(3);
    let mut client = stage.client();
    let count = 100_000;
    let keys: Vec<String> = (0..count).map(|i| format!("{i}:key")).collect();
    let mset: Vec<&str> = ["MSET"].into_iter().chain(keys.iter().flat_map(|k| [k.as_str(), k])).collect();
    let since = Instant::now();
    for piece in encode(&mset).chunks(1_400) {
        client.send_raw(piece).unwrap();
    }
    assert_eq!(client.read().unwrap(), ok());
    let with =
        |name: &'static str| [name].into_iter().chain(keys.iter().map(String::as_str)).collect::<Vec<&str>>();
    let values = client.ask(&with("MGET")).unwrap();
    assert!(values == Value::Array(keys.iter().map(bulk).collect()));
    assert_eq!(client.ask(&with("EXISTS")).unwrap(), Value::Integer(count));
    assert_eq!(client.ask(&with("DEL")).unwrap(), Value::Integer(count));
    // Quadratic parsing would take minutes.
    assert!(since.elapsed() < Duration::from_secs(15), "{:?}", since.elapsed());
}

#[test]
fn what_is_gathered_is_bounded_and_the_bound_is_named() {
    let tables = "[pool.main.limits]\ngather_limit = \"1MiB\"\n".to_owned();
    let stage = Stage::start(Setting { shards: 3, tables, ..Setting::default() });
    let keys = stage.key_each();
    let mut client = stage.client();
    let value = noise(500_000, 8);
    for key in &keys {
        assert_eq!(client.ask(&[&b"SET"[..], key.as_bytes(), &value]).unwrap(), ok());
    }
    for _ in 0..5 {
        let two = client.ask(&["MGET", &keys[0], &keys[1]]).unwrap();
        assert!(two == Value::Array(vec![bulk(&value), bulk(&value)]));
        let three = client.ask(&["MGET", &keys[0], &keys[1], &keys[2]]).unwrap();
        expect_error(&three, "ERR gather_limit (1MiB) of pool main");
        still_open(&mut client);
    }
}
