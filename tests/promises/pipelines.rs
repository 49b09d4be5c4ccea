//! Replies come in the order of the requests, whatever shards they went to and however the requests
//! came.

use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ketch::internals::lab::Client;
use ketch::internals::resp::Value;

use super::support::{SOON, Setting, Stage, bulk, encode, noise, ok, still_open};

/// Sends requests in one write, while their replies are read; each must be the one that is due.
#[track_caller]
fn converse(client: &mut Client, talk: &[(Vec<String>, Value)]) {
    let bytes: Vec<u8> = talk.iter().flat_map(|(request, _)| encode(request)).collect();
    let mut stream = client.stream().try_clone().unwrap();
    let writer = thread::spawn(move || stream.write_all(&bytes).unwrap());
    for (request, reply) in talk {
        assert_eq!(client.read().unwrap(), *reply, "{request:?}");
    }
    writer.join().unwrap();
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

/// Writes and reads of keys that nobody else has, over all shards, with some requests between them
/// that Ketch answers or splits.
fn talk(prefix: &str, requests: usize) -> Vec<(Vec<String>, Value)> {
    (0..requests)
        .map(|n| {
            let i = n / 5;
            match n % 5 {
                0 => (words(&format!("SET {i}:{prefix} v{i}")), ok()),
                1 => (words(&format!("ECHO e{i}")), bulk(format!("e{i}"))),
                2 => (words(&format!("GET {i}:{prefix}")), bulk(format!("v{i}"))),
                3 => (words(&format!("INCR count:{prefix}")), Value::Integer(i as i64 + 1)),
                _ => (
                    words(&format!("MGET {i}:{prefix} none:{prefix} 0:{prefix}")),
                    Value::Array(vec![bulk(format!("v{i}")), Value::Nil, bulk("v0")]),
                ),
            }
        })
        .collect()
}

#[test]
fn ten_thousand_requests_in_one_write_are_answered_in_order_over_three_shards() {
    let stage = Stage::shards(3);
    converse(&mut stage.client(), &talk("one", 10_000));
    for shard in 0..3 {
        assert!(stage.primary(shard).ask(&["DBSIZE"]).unwrap().number() > Some(100), "shard {shard}");
    }
}

#[test]
fn many_clients_at_once_get_their_own_replies_in_order() {
    let stage = Stage::shards(3);
    thread::scope(|scope| {
        for n in 0..40 {
            let mut client = stage.client();
            scope.spawn(move || {
                for round in 0..4 {
                    converse(&mut client, &talk(&format!("c{n}r{round}"), 500));
                }
            });
        }
    });
}

#[test]
fn more_requests_than_a_client_may_have_in_flight_are_answered_all_the_same() {
    let stage = Stage::shards(2);
    let talk: Vec<_> =
        (0..100_000).map(|i| (words(&format!("INCR n{}", i % 7)), Value::Integer(i / 7 + 1))).collect();
    converse(&mut stage.client(), &talk);
}

/// One client whose packets are looked at, and two that tell when each worker has read all before.
struct Packets {
    client: Client,
    probes: [Client; 2],
}

impl Packets {
    fn new(stage: &Stage) -> Packets {
        Packets { client: stage.client(), probes: [stage.client(), stage.client()] }
    }

    /// Sends a packet, and waits until whoever it is for has read it: a worker that has answered a
    /// probe sent later has.
    fn send(&mut self, bytes: &[u8]) {
        self.client.send_raw(bytes).unwrap();
        self.probes.iter_mut().for_each(still_open);
    }

    #[track_caller]
    fn expect(&mut self, replies: &[Value], what: &str) {
        for reply in replies {
            assert_eq!(self.client.read().unwrap(), *reply, "{what}");
        }
    }
}

#[test]
fn a_request_is_understood_wherever_packets_cut_it() {
    let stage = Stage::shards(3);
    let mut packets = Packets::new(&stage);
    let pair = |a: &str, b: &str| Value::Array(vec![bulk(a), bulk(b)]);
    let three = Value::Array(vec![bulk("1"), Value::Nil, bulk("a b")]);
    let cases: Vec<(Vec<u8>, Vec<Value>)> = vec![
        (
            [encode(&["MSET", "a", "1", "b", "22", "c", "a b"]), encode(&["MGET", "a", "none", "c"])]
                .concat(),
            vec![ok(), three],
        ),
        (
            [encode(&["EVAL", "return {KEYS[1],ARGV[1]}", "1", "k", "x"]), encode(&["ECHO", "\r\n$1\r\n"])]
                .concat(),
            vec![pair("k", "x"), bulk("\r\n$1\r\n")],
        ),
        (
            b"set inline \"a \\x41\\\"\"\r\n\r\n GET  inline\nPING\r\n*0\r\n".to_vec(),
            vec![ok(), bulk("a A\""), Value::Simple("PONG".into())],
        ),
    ];
    for (bytes, replies) in &cases {
        for cut in 1..bytes.len() {
            packets.send(&bytes[..cut]);
            packets.send(&bytes[cut..]);
            packets.expect(replies, &format!("{} cut at {cut}", bytes.escape_ascii()));
        }
        for byte in bytes {
            packets.send(&[*byte]);
        }
        packets.expect(replies, "byte by byte");
    }
}

#[test]
fn a_large_value_is_understood_wherever_packets_cut_it() {
    let stage = Stage::shards(2);
    let mut packets = Packets::new(&stage);
    let value = noise(70_000, 1);
    let set = encode(&[&b"SET"[..], b"large", &value[..]]);
    let request = [&set[..], &encode(&["STRLEN", "large"]), &encode(&["GET", "large"])].concat();
    let head = set.len() - value.len() - 2;
    let cuts =
        (1..=head + 2).chain((0..12).map(|i| head + i * 6_000 + 1)).chain(set.len() - 4..request.len());
    for cut in cuts {
        packets.send(&request[..cut]);
        packets.send(&request[cut..]);
        packets.expect(&[ok(), Value::Integer(70_000), bulk(&value)], &format!("cut at {cut}"));
    }
}

/// X asks A then B, Y asks B then A, replies too large for any buffer: whoever waits for the other
/// would wait for ever.
fn cross(threads: usize) {
    let stage = Stage::start(Setting { shards: 2, threads, ..Setting::default() });
    let keys = stage.key_each();
    let values: Vec<Vec<u8>> = (0..2).map(|seed| noise(2 << 20, seed)).collect();
    for (key, value) in keys.iter().zip(&values) {
        assert_eq!(stage.client().ask(&[&b"SET"[..], key.as_bytes(), value]).unwrap(), ok());
    }
    thread::scope(|scope| {
        for n in 0..8 {
            let (mut client, keys, values) = (stage.client(), &keys, &values);
            scope.spawn(move || {
                for round in 0..20 {
                    let (first, second) = (n % 2, 1 - n % 2);
                    client
                        .send_raw(&[encode(&["GET", &keys[first]]), encode(&["GET", &keys[second]])].concat())
                        .unwrap();
                    for i in [first, second] {
                        let reply = client.read().unwrap_or_else(|e| panic!("client {n} round {round}: {e}"));
                        assert!(reply == bulk(&values[i]), "client {n} round {round}: another value");
                    }
                }
            });
        }
    });
}

#[test]
fn clients_that_cross_over_two_shards_with_large_replies_do_not_stop_each_other() {
    cross(2);
}

#[test]
fn clients_that_cross_over_two_shards_do_not_stop_each_other_in_one_thread() {
    cross(1);
}

#[test]
fn a_half_closed_client_gets_all_that_it_is_owed_and_then_the_end() {
    let stage = Stage::shards(3);
    let keys = stage.key_each();
    let large = noise(1 << 20, 3);
    stage.client().ask(&[&b"SET"[..], b"large", &large[..]]).unwrap();
    let set: Vec<u8> = (0..2000).flat_map(|i| encode(&["SET", &format!("{i}:k"), "v"])).collect();
    let mget = encode(&["MGET", &keys[0], &keys[1], &keys[2]]);
    let reply_of_large = [format!("${}\r\n", large.len()).as_bytes(), &large, b"\r\n"].concat();
    let cases: Vec<(Vec<u8>, Vec<u8>)> = vec![
        (vec![], vec![]),
        (b"PING\r\n".to_vec(), b"+PONG\r\n".to_vec()),
        (set.clone(), b"+OK\r\n".repeat(2000)),
        (mget, b"*3\r\n$-1\r\n$-1\r\n$-1\r\n".to_vec()),
        (encode(&["GET", "large"]).repeat(3), reply_of_large.repeat(3)),
        (encode(&[&b"SET"[..], b"other", &large[..]]), b"+OK\r\n".to_vec()),
        // The last one is incomplete: it is never answered.
        ([&set[..], b"*2\r\n$3\r\nGET\r\n$5\r\nlar"].concat(), b"+OK\r\n".repeat(2000)),
        ([&set[..], b"PING"].concat(), b"+OK\r\n".repeat(2000)),
    ];
    for (case, (requests, replies)) in cases.into_iter().enumerate() {
        let mut client = stage.client();
        client.send_raw(&requests).unwrap();
        client.stream().shutdown(Shutdown::Write).unwrap();
        let came = client.read_to_end().unwrap_or_else(|e| panic!("case {case}: {e}"));
        assert!(came == replies, "case {case}: {} bytes came, {} were due", came.len(), replies.len());
    }
    // Of one that has gone to its node in part it may be said that nothing was written.
    let mut client = stage.client();
    client
        .send_raw(&[&b"PING\r\n"[..], &encode(&[&b"SET"[..], b"cut", &large[..]])[..500_000]].concat())
        .unwrap();
    client.stream().shutdown(Shutdown::Write).unwrap();
    let came = String::from_utf8(client.read_to_end().unwrap()).unwrap();
    assert!(came == "+PONG\r\n" || came.starts_with("+PONG\r\n-NOTAPPLIED "), "{came}");
    assert_eq!(stage.client().ask(&["EXISTS", "cut"]).unwrap(), Value::Integer(0));
}

#[test]
fn a_half_closed_client_waits_for_a_node_that_is_slow() {
    let stage = Stage::shards(2);
    let keys = stage.key_each();
    stage.primary(0).pause();
    let mut client = stage.client();
    client.send_raw(&[encode(&["SET", &keys[1], "1"]), encode(&["SET", &keys[0], "0"])].concat()).unwrap();
    client.stream().shutdown(Shutdown::Write).unwrap();
    // The other shard's reply is there, and the connection stays.
    assert_eq!(client.read().unwrap(), ok());
    stage.primary(0).resume();
    client.set_limit(SOON);
    assert_eq!(client.read_to_end().unwrap(), b"+OK\r\n");
}

#[test]
fn two_thousand_clients_are_served_at_once() {
    let stage = Stage::shards(2);
    let mut clients: Vec<Client> = (0..2000).map(|_| stage.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&["SET", &format!("{n}:k"), &n.to_string()]).unwrap();
        client.send(&["GET", &format!("{n}:k")]).unwrap();
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.read().unwrap(), ok());
        assert_eq!(client.read().unwrap(), bulk(n.to_string()));
    }
}

#[test]
fn clients_with_long_pipelines_leave_room_for_those_with_single_requests() {
    let stage = Stage::shards(2);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for n in 0..4 {
            let (mut client, over) = (stage.client(), &over);
            scope.spawn(move || {
                let talk: Vec<_> = (0..20_000).map(|i| (words(&format!("SET {i}:{n} v")), ok())).collect();
                while !over.load(Ordering::Relaxed) {
                    converse(&mut client, &talk);
                }
            });
        }
        let mut singles = [stage.client(), stage.client()];
        let mut longest = Duration::ZERO;
        for _ in 0..100 {
            for single in &mut singles {
                let since = Instant::now();
                assert_eq!(single.ask(&["STRLEN", "none"]).unwrap(), Value::Integer(0));
                longest = longest.max(since.elapsed());
            }
        }
        over.store(true, Ordering::Relaxed);
        println!("the longest of 200 single requests beside four long pipelines took {longest:?}");
        assert!(longest < Duration::from_secs(2), "{longest:?}");
    });
}
