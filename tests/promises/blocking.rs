//! Commands that block, through Ketch: they get what comes, in time; whoever is blocked hinders nobody; what
//! is popped is popped for somebody; and a failover is no reason to hear nothing.

use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant};

use ketch::internals::lab::{Client, Group, NodeOptions, Options, Program, Server, wait_until};
use ketch::internals::resp::Value;

use crate::rig::{FAILOVER, KETCH, Ketch};
use crate::support::{SOON, Setting, Stage, bulk, error, expect_error, ok, still_open};
use crate::transactions::Raw;

/// Until so many connections are blocked in a command at a node.
#[track_caller]
fn blocked_at(node: &Server, count: usize) {
    let blocked = || node.info("clients", "blocked_clients").and_then(|n| n.parse::<usize>().ok());
    let waited = wait_until(SOON, "they are blocked", || blocked() == Some(count));
    waited.unwrap_or_else(|error| panic!("{error}: {:?} instead of {count}", blocked()));
}

fn pair(key: &str, element: &str) -> Value {
    Value::Array(vec![bulk(key), bulk(element)])
}

/// The requests and what another client does to serve each.
const SERVED: &[(&str, &str)] = &[
    ("BLPOP l 5", "RPUSH l a b"),
    ("BRPOP none l 5", "RPUSH l a b"),
    ("BLMOVE l m LEFT RIGHT 5", "RPUSH l a"),
    ("BRPOPLPUSH l m 5", "RPUSH l a"),
    ("BLMPOP 5 2 none l LEFT COUNT 2", "RPUSH l a b c"),
    ("BZPOPMIN z 5", "ZADD z 1 a 2 b"),
    ("BZPOPMAX z 5", "ZADD z 1 a 2 b"),
    ("BZMPOP 5 1 z MAX", "ZADD z 1 a 2 b"),
    ("XREAD BLOCK 5000 STREAMS s 0", "XADD s 1-1 f v"),
    ("XREAD COUNT 3 BLOCK 5000 STREAMS s $", "XADD s 1-1 f v"),
    ("XREADGROUP GROUP g c BLOCK 5000 STREAMS s >", "XADD s 1-1 f v"),
];

#[test]
fn each_command_that_blocks_is_served_as_by_redis() {
    let stage = Stage::shards(1);
    let program = Program::redis().unwrap();
    let alone = Server::start(stage.home(), &program, "alone", &NodeOptions::default()).unwrap();
    for (waits, serves) in SERVED {
        let answers =
            [(stage.address(), stage.primary(0)), (alone.address(), &alone)].map(|(address, node)| {
                let mut other = Raw::connect(address);
                other.ask("FLUSHALL");
                if waits.starts_with("XREADGROUP") {
                    other.ask("XGROUP CREATE s g $ MKSTREAM");
                }
                let mut blocked = Raw::connect(address);
                blocked.send(waits);
                blocked_at(node, 1);
                let served = other.ask(serves);
                (served, blocked.read(), other.ask("LRANGE l 0 -1"), other.ask("LRANGE m 0 -1"))
            });
        assert_eq!(answers[0], answers[1], "{waits}");
        blocked_at(stage.primary(0), 0);
    }
}

#[test]
fn what_can_be_answered_at_once_is_answered_as_by_redis() {
    let stage = Stage::shards(1);
    let program = Program::redis().unwrap();
    let alone = Server::start(stage.home(), &program, "alone", &NodeOptions::default()).unwrap();
    let script = [
        "RPUSH l a b c",
        "BLPOP l 0",
        "BLMOVE l m LEFT LEFT 0",
        "SET str x",
        "BLPOP str 0",
        "BLPOP none 0.05",
        "BLMOVE none m LEFT LEFT 0.05",
        "BRPOPLPUSH none m 0.05",
        "BLMPOP 0.05 1 none LEFT",
        "BZMPOP 0.05 1 none MIN",
        "XREAD BLOCK 50 STREAMS s $",
        "XREAD BLOCK 50 STREAMS str $",
        "XADD s 5-5 f v",
        "XREAD BLOCK 50 STREAMS s $",
        "XREAD BLOCK 50 STREAMS s 0",
        "XREADGROUP GROUP g c BLOCK 0 STREAMS s >",
        "XREADGROUP GROUP g c BLOCK 50 STREAMS s $",
        "BLPOP none -1",
        "BLPOP none x",
        "BLPOP none inf",
        "BLPOP none 1e20",
        "BLPOP none",
        "BLMPOP 0 0 l LEFT",
        "BLMOVE l m UP LEFT 0",
        "XREAD BLOCK -1 STREAMS s $",
        "XREAD BLOCK x STREAMS s $",
        "XREAD BLOCK 1.5 STREAMS s $",
        "LRANGE m 0 -1",
    ];
    let [ours, theirs] = [stage.address(), alone.address()].map(|address| {
        let mut client = Raw::connect(address);
        script.map(|line| client.ask(line))
    });
    for (at, line) in script.iter().enumerate() {
        assert_eq!(ours[at], theirs[at], "{line}");
    }
}

#[test]
fn a_time_out_is_the_client_s_own_and_what_is_said_behind_it_waits() {
    // Far shorter than what the client wants to wait.
    let tables = "[pool.main.timeouts]\nrequest = \"200ms\"\n".to_owned();
    let stage = Stage::start(Setting { tables, shards: 3, ..Setting::default() });
    let keys = stage.key_each();
    let mut client = stage.client();
    let began = Instant::now();
    let pipeline: Vec<Vec<&str>> =
        vec![vec!["BLPOP", &keys[0], "1.2"], vec!["SET", &keys[1], "v"], vec!["GET", &keys[1]]];
    thread::scope(|scope| {
        let blocked = scope.spawn(|| client.pipeline(&pipeline).unwrap());
        blocked_at(stage.primary(0), 1);
        // Nobody else is hindered, and nothing of the pipeline is executed before its time.
        let mut other = stage.client();
        assert_eq!(other.ask(&["GET", &keys[1]]).unwrap(), Value::Nil);
        still_open(&mut other);
        assert_eq!(blocked.join().unwrap(), [Value::Nil, ok(), bulk("v")]);
    });
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(1200) && took < Duration::from_secs(10), "{took:?}");
    let mut forever = stage.client();
    forever.send(&["BLPOP", &keys[0], "0"]).unwrap();
    blocked_at(stage.primary(0), 1);
    stage.client().ask(&["RPUSH", &keys[0], "late"]).unwrap();
    assert_eq!(forever.read().unwrap(), pair(&keys[0], "late"));
}

#[test]
fn nothing_is_popped_for_a_client_that_has_gone() {
    let stage = Stage::shards(1);
    let node = stage.primary(0);
    let mut writer = stage.client();
    for round in 0..20 {
        let mut gone = stage.client();
        gone.send(&["BLPOP", "l", "0"]).unwrap();
        blocked_at(node, 1);
        match round % 2 {
            0 => drop(gone),
            // Half-closed: nobody may be there any more to read.
            _ => {
                gone.stream().shutdown(Shutdown::Write).unwrap();
                assert_eq!(gone.read_to_end().unwrap(), b"");
            }
        }
        blocked_at(node, 0);
        assert_eq!(writer.ask(&["RPUSH", "l", "x"]).unwrap(), Value::Integer(1));
        assert_eq!(writer.ask(&["LPOP", "l"]).unwrap(), bulk("x"), "round {round}");
    }
}

#[test]
fn a_thousand_are_blocked_at_once_and_one_more_is_told_the_limit() {
    let stage = Stage::shards(1);
    let node = stage.primary(0);
    let mut blocked: Vec<Client> = (0..1000).map(|_| stage.client()).collect();
    for client in &mut blocked {
        client.send(&["BLPOP", "l", "0"]).unwrap();
    }
    blocked_at(node, 1000);
    let mut one_more = stage.client();
    let reply = one_more.ask(&["BLPOP", "l", "0"]).unwrap();
    assert!(error(&reply).starts_with("ERR max_pinned (1000) of pool main reached"), "{reply:?}");
    let reply = one_more.ask(&["WATCH", "k"]).unwrap();
    assert!(error(&reply).starts_with("ERR max_pinned (1000) of pool main reached"), "{reply:?}");
    still_open(&mut one_more);
    let elements: Vec<String> = (0..1000).map(|n| n.to_string()).collect();
    let push: Vec<&str> = ["RPUSH", "l"].into_iter().chain(elements.iter().map(String::as_str)).collect();
    one_more.ask(&push).unwrap();
    let mut popped: Vec<i64> = blocked
        .iter_mut()
        .map(|client| client.read().unwrap().elements().unwrap()[1].number().unwrap())
        .collect();
    popped.sort_unstable();
    assert_eq!(popped, (0..1000).collect::<Vec<i64>>(), "each was given to one");
    // All are closed but a few that wait for the next.
    let connected = || {
        let clients = node.info("clients", "connected_clients").and_then(|n| n.parse::<usize>().ok());
        clients.is_some_and(|n| n < 60)
    };
    wait_until(SOON, "they are given back", connected).unwrap();
    assert_eq!(one_more.ask(&["WATCH", "k"]).unwrap(), ok(), "there is room again");
}

#[test]
fn client_unblock_ends_what_another_client_waits_for() {
    let stage = Stage::shards(3);
    let key = stage.keys_on(1, 1).remove(0);
    for (how, expected) in [
        (&[][..], Value::Nil),
        (&["TIMEOUT"], Value::Nil),
        (&["ERROR"], Value::Error("UNBLOCKED client unblocked via CLIENT UNBLOCK".into())),
    ] {
        // On both workers.
        for _ in 0..2 {
            let (mut blocked, mut other) = (stage.client(), stage.client());
            let id = blocked.ask(&["CLIENT", "ID"]).unwrap().number().unwrap().to_string();
            assert_eq!(other.ask(&["CLIENT", "UNBLOCK", &id]).unwrap(), Value::Integer(0));
            blocked.send(&["BLPOP", &key, "0"]).unwrap();
            blocked_at(stage.primary(1), 1);
            let ask: Vec<&str> = ["CLIENT", "UNBLOCK", &id].into_iter().chain(how.iter().copied()).collect();
            assert_eq!(other.ask(&ask).unwrap(), Value::Integer(1));
            assert_eq!(blocked.read().unwrap(), expected);
            still_open(&mut blocked);
            assert_eq!(other.ask(&ask).unwrap(), Value::Integer(0));
            blocked_at(stage.primary(1), 0);
        }
    }
}

#[test]
fn blocked_clients_are_counted_and_named() {
    let stage = Stage::shards(1);
    let mut other = stage.client();
    let mut blocked = stage.client();
    blocked.send(&["BLPOP", "l", "0"]).unwrap();
    blocked_at(stage.primary(0), 1);
    let info = other.ask(&["INFO", "clients"]).unwrap();
    assert!(info.text().unwrap().contains("\r\nblocked_clients:1\r\n"), "{info:?}");
    let list = other.ask(&["CLIENT", "LIST"]).unwrap();
    let line = list.text().unwrap().lines().find(|line| line.contains("cmd=blpop")).unwrap().to_owned();
    assert!(line.contains(" flags=b "), "{line}");
    other.ask(&["RPUSH", "l", "x"]).unwrap();
    blocked.read().unwrap();
    let info = other.ask(&["INFO", "clients"]).unwrap();
    assert!(info.text().unwrap().contains("\r\nblocked_clients:0\r\n"), "{info:?}");
}

/// Clients that block on a group's only shard, and what they ask.
struct Waiting {
    pops: Vec<Client>,
    reads: Vec<Client>,
}

impl Waiting {
    fn start(ketch: &Ketch, node: &Server) -> Waiting {
        let mut client = ketch.client();
        client.ask(&["XADD", "s", "1-1", "f", "before"]).unwrap();
        let start = |words: &[&str]| {
            (0..3)
                .map(|_| {
                    let mut client = ketch.client();
                    client.set_limit(FAILOVER * 2);
                    client.send(words).unwrap();
                    client
                })
                .collect::<Vec<_>>()
        };
        let pops = start(&["BLPOP", "l", "0"]);
        let reads = start(&["XREAD", "BLOCK", "0", "STREAMS", "s", "$"]);
        blocked_at(node, 6);
        Waiting { pops, reads }
    }

    /// Something is added for each, and read by each.
    fn expect_entries(&mut self, ketch: &Ketch) {
        let mut client = ketch.client();
        assert_eq!(client.ask(&["XADD", "s", "2-1", "f", "after"]).unwrap(), bulk("2-1"));
        for client in &mut self.reads {
            let entry = client.read().unwrap();
            let entries = entry.elements().unwrap()[0].elements().unwrap()[1].elements().unwrap();
            assert_eq!(entries.len(), 1, "{entry:?}");
            assert_eq!(entries[0].elements().unwrap()[0], bulk("2-1"));
        }
    }
}

#[test]
fn whoever_is_blocked_in_a_sentinel_failover_is_served_by_the_next_primary() {
    let group = Group::start(&Options::new(KETCH).unwrap()).unwrap();
    let ketch = Ketch::before(&group, "");
    let old = group.primary(0).unwrap();
    let mut waiting = Waiting::start(&ketch, old);
    let mut bounded = ketch.client();
    bounded.send(&["BLPOP", "other", "9"]).unwrap();
    let began = Instant::now();
    group.sentinel_failover(0).unwrap();
    let new = group.wait_for_failover(0, old, FAILOVER).unwrap();
    println!("{:?} until Sentinel has told everybody", began.elapsed());
    blocked_at(new, 7);
    println!("blocked on the next primary {:?} after the failover was asked for", began.elapsed());
    // Not only once the old one is made a replica, eight seconds later.
    assert!(old.says_master(), "the old one was asked, and did not just let go");
    let mut client = ketch.client();
    for n in 0..3 {
        client.ask(&["RPUSH", "l", &n.to_string()]).unwrap();
    }
    let mut popped: Vec<Value> = waiting.pops.iter_mut().map(|client| client.read().unwrap()).collect();
    popped.sort_by_key(|reply| format!("{reply:?}"));
    assert_eq!(popped, [0, 1, 2].map(|n| pair("l", &n.to_string())), "each was given to one");
    waiting.expect_entries(&ketch);
    // With the time that was left.
    assert_eq!(bounded.read().unwrap(), Value::Nil);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(8900) && took < Duration::from_secs(12), "{took:?}");
    group.check_tilt().unwrap();
}

#[test]
fn a_primary_that_dies_leaves_a_pop_unknown_and_a_read_going_on() {
    let group = Group::start(&Options::new(KETCH).unwrap()).unwrap();
    let ketch = Ketch::before(&group, "");
    let old = group.primary(0).unwrap();
    let mut waiting = Waiting::start(&ketch, old);
    old.kill();
    for client in &mut waiting.pops {
        expect_error(&client.read().unwrap(), "OUTCOMEUNKNOWN ");
        still_open(client);
    }
    // One that begins while there is no primary waits for the next, and times out by itself.
    let mut late = ketch.client();
    late.set_limit(FAILOVER * 2);
    late.send(&["BLPOP", "l", "0"]).unwrap();
    let mut brief = ketch.client();
    let began = Instant::now();
    assert_eq!(brief.ask(&["BLPOP", "l", "0.3"]).unwrap(), Value::Nil);
    assert!(began.elapsed() >= Duration::from_millis(290));
    let new = group.wait_for_failover(0, old, FAILOVER).unwrap();
    blocked_at(new, 4);
    waiting.expect_entries(&ketch);
    ketch.client().ask(&["RPUSH", "l", "x"]).unwrap();
    assert_eq!(late.read().unwrap(), pair("l", "x"));
    group.check_tilt().unwrap();
}
