//! MULTI and its kind as one Redis has them: what every odd sequence answers, byte for byte; that a block is
//! executed whole or not at all, over failovers too; that keys watched by one client never spoil another's
//! block.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use ketch::internals::lab::{Client, Group, NodeOptions, Options, Program, Server, wait_until};
use ketch::internals::resp::{ReplyScan, ReplyScanner, Value};

use crate::rig::{FAILOVER, KETCH, Ketch};
use crate::support::{SOON, Setting, Stage, bulk, encode, error, expect_error, ok};

/// A client that sees replies as they came.
pub(crate) struct Raw {
    stream: TcpStream,
    unread: Vec<u8>,
}

impl Raw {
    pub(crate) fn connect(address: SocketAddr) -> Raw {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Raw { stream, unread: Vec::new() }
    }

    pub(crate) fn send(&mut self, line: &str) {
        self.stream.write_all(&encode(&line.split(' ').collect::<Vec<_>>())).unwrap();
    }

    pub(crate) fn read(&mut self) -> String {
        let mut scanner = ReplyScanner::default();
        let mut scanned = 0;
        loop {
            match scanner.advance(&self.unread[scanned..]) {
                ReplyScan::Done(n) => {
                    let reply: Vec<u8> = self.unread.drain(..scanned + n).collect();
                    return String::from_utf8_lossy(&reply).into_owned();
                }
                ReplyScan::More => scanned = self.unread.len(),
                ReplyScan::Error(error) => panic!("{error}"),
            }
            let mut piece = [0; 4096];
            let n = self.stream.read(&mut piece).unwrap();
            assert!(n > 0, "the connection was closed");
            self.unread.extend_from_slice(&piece[..n]);
        }
    }

    pub(crate) fn ask(&mut self, line: &str) -> String {
        self.send(line);
        self.read()
    }
}

/// A Ketch before one shard, and a Redis beside it.
fn pair() -> (Stage, Server) {
    let stage = Stage::shards(1);
    let alone =
        Server::start(stage.home(), &Program::redis().unwrap(), "alone", &NodeOptions::default()).unwrap();
    (stage, alone)
}

/// Sequences; "2:" is said by a second client.
const ODD: &[&[&str]] = &[
    &["MULTI", "EXEC"],
    &["EXEC", "DISCARD", "UNWATCH"],
    &["MULTI", "MULTI", "SET a 1", "EXEC", "GET a"],
    &["MULTI", "WATCH a", "SET a 1", "EXEC"],
    &["MULTI", "NOSUCH x", "SET a 1", "EXEC", "EXEC"],
    &["MULTI", "SET a", "EXEC", "GET a"],
    &["MULTI", "CONFIG NOSUCH", "EXEC"],
    &["MULTI", "SET a 1", "EXEC x", "SET a 2", "EXEC"],
    &["MULTI", "DISCARD x", "EXEC"],
    &["MULTI", "UNWATCH x", "EXEC"],
    &["MULTI", "SAVE", "EXEC"],
    &["MULTI", "SET a 1", "DISCARD", "GET a", "EXEC"],
    &["WATCH", "WATCH a", "UNWATCH x", "UNWATCH"],
    &["WATCH a", "2:SET a 1", "MULTI", "SET a 2", "EXEC", "GET a"],
    &["WATCH a", "2:SET b 1", "MULTI", "SET a 2", "EXEC", "GET a"],
    &["WATCH a", "SET a 1", "MULTI", "SET a 2", "EXEC", "GET a"],
    &["WATCH a", "2:SET a 1", "UNWATCH", "MULTI", "SET a 2", "EXEC", "GET a"],
    &["WATCH a", "2:SET a 1", "MULTI", "DISCARD", "MULTI", "SET a 2", "EXEC", "GET a"],
    &["WATCH a", "2:SET a 1", "EXEC", "MULTI", "GET a", "EXEC"],
    &["WATCH a", "2:SET a 1", "MULTI", "EXEC", "MULTI", "EXEC"],
    &["WATCH a b", "WATCH c", "2:DEL c", "MULTI", "PING", "EXEC"],
    &["SET c 1", "WATCH a b", "WATCH c", "2:DEL c", "MULTI", "PING", "EXEC"],
    &["WATCH a", "2:SET a 1", "MULTI", "NOSUCH", "EXEC", "MULTI", "SET a 3", "EXEC"],
    &["WATCH a", "GET a", "MULTI", "INCR a", "PING", "ECHO x", "GET a", "EXEC", "GET a"],
    &["MULTI", "INCR a", "LPUSH a x", "INCR a", "EXEC"],
    &["MULTI", "MSET a 1 b", "MGET a b", "DEL a b", "EXISTS a b", "EXEC"],
    &["MULTI", "EVAL x y", "EVAL return 0", "EXEC"],
    &["MULTI", "UNWATCH", "SELECT 0", "SELECT 99999", "SELECT x", "PING a", "PING", "EXEC", "GET a"],
    &["MULTI", "BLPOP l 0", "BRPOP l m 1", "BLMOVE l m LEFT RIGHT 0", "BRPOPLPUSH l m 0", "EXEC"],
    &["MULTI", "BZPOPMIN z 0", "BLMPOP 0 1 l LEFT", "XREAD BLOCK 0 STREAMS s $", "EXEC"],
    &["MULTI", "RPUSH l a b", "BLPOP l 0", "BLPOP l 0", "BLPOP l 0", "EXEC"],
    &["MULTI", "DBSIZE", "FLUSHALL", "DBSIZE", "EXEC"],
    &["2:BLPOP l 0.05", "MULTI", "RPUSH l a", "EXEC", "LRANGE l 0 -1"],
    &["MULTI", "AUTH x", "ECHO", "ECHO a", "EXEC"],
    &["SUBSTR", "MULTI", "SET", "EXEC", "SET a 1"],
];

/// Says a script to one server, on two fresh connections; what came back.
fn said(address: SocketAddr, script: &[&str]) -> Vec<String> {
    let mut clients = [Raw::connect(address), Raw::connect(address)];
    let mut answers = Vec::new();
    for line in script {
        let (client, line) = line.strip_prefix("2:").map_or((0, *line), |line| (1, line));
        answers.push(clients[client].ask(line));
    }
    answers
}

#[test]
fn odd_sequences_are_answered_as_by_redis_byte_for_byte() {
    let (stage, alone) = pair();
    for script in ODD {
        for address in [stage.address(), alone.address()] {
            Raw::connect(address).ask("FLUSHALL");
        }
        let (ours, theirs) = (said(stage.address(), script), said(alone.address(), script));
        assert_eq!(ours, theirs, "{script:?}");
    }
}

/// Sequences that nobody thought of: the same from each seed.
fn random_script(seed: u64) -> Vec<String> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut below = |n: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % n as u64) as usize
    };
    let mut script = Vec::new();
    for _ in 0..120 {
        let key = ["a", "b", "c"][below(3)];
        let line = match below(20) {
            0..=2 => "MULTI".to_owned(),
            3 | 4 => "EXEC".to_owned(),
            5 => "DISCARD".to_owned(),
            6..=8 => format!("WATCH {key}"),
            9 => "UNWATCH".to_owned(),
            10 | 11 => format!("SET {key} {}", below(9)),
            12 => format!("INCR {key}"),
            13 => format!("GET {key}"),
            14 => format!("LPUSH {key} x"),
            15 => format!("DEL {key}"),
            16 => ["PING", "ECHO y", "PING z"][below(3)].to_owned(),
            17 => ["NOSUCH", "GET", "EXEC x", "MULTI x"][below(4)].to_owned(),
            18 => format!("MGET {key} a"),
            _ => format!("APPEND {key} w"),
        };
        script.push(if below(3) == 0 { format!("2:{line}") } else { line });
    }
    script
}

#[test]
fn random_sequences_are_answered_as_by_redis_byte_for_byte() {
    let (stage, alone) = pair();
    for seed in 1..=30 {
        for address in [stage.address(), alone.address()] {
            Raw::connect(address).ask("FLUSHALL");
        }
        let script = random_script(seed);
        let lines: Vec<&str> = script.iter().map(String::as_str).collect();
        let (ours, theirs) = (said(stage.address(), &lines), said(alone.address(), &lines));
        for (at, line) in lines.iter().enumerate() {
            assert_eq!(ours[at], theirs[at], "seed {seed}, {at}: {line}, behind {:?}", &lines[..at]);
        }
    }
}

#[test]
fn whole_scripts_in_one_write_are_answered_as_by_redis() {
    let (stage, alone) = pair();
    for seed in 100..=130 {
        let script: Vec<String> =
            random_script(seed).iter().map(|line| line.trim_start_matches("2:").to_owned()).collect();
        let answers = [stage.address(), alone.address()].map(|address| {
            Raw::connect(address).ask("FLUSHALL");
            let mut client = Raw::connect(address);
            let bytes: Vec<u8> =
                script.iter().flat_map(|line| encode(&line.split(' ').collect::<Vec<_>>())).collect();
            client.stream.write_all(&bytes).unwrap();
            script.iter().map(|_| client.read()).collect::<Vec<_>>()
        });
        for (at, line) in script.iter().enumerate() {
            assert_eq!(answers[0][at], answers[1][at], "seed {seed}, {at}: {line}");
        }
    }
}

#[test]
fn a_block_is_one_shard_s_and_a_key_of_another_is_refused_when_it_is_queued() {
    let stage = Stage::shards(3);
    let [here, there] = [0, 1].map(|shard| stage.keys_on(shard, 2));
    let mut client = stage.client();
    let mut ask = |words: &[&str]| client.ask(words).unwrap();
    let queued = Value::Simple("QUEUED".into());
    for shard in 0..3 {
        let keys = stage.keys_on(shard, 2);
        assert_eq!(ask(&["MULTI"]), ok());
        for words in [&["SET", &keys[0], "1"][..], &["PING"], &["MGET", &keys[0], &keys[1]]] {
            assert_eq!(ask(words), queued);
        }
        let answers = ask(&["EXEC"]);
        let pong = Value::Simple("PONG".into());
        assert_eq!(answers, Value::Array(vec![ok(), pong, Value::Array(vec![bulk("1"), Value::Nil])]));
    }
    assert_eq!(ask(&["MULTI"]), ok());
    assert_eq!(ask(&["SET", &here[0], "2"]), queued);
    expect_error(&ask(&["SET", &there[0], "2"]), "CROSSSLOT ");
    expect_error(&ask(&["EXEC"]), "EXECABORT Transaction discarded because of previous errors.");
    assert_eq!(ask(&["GET", &here[0]]), bulk("1"));
    assert_eq!(ask(&["MULTI"]), ok());
    let reply = ask(&["FLUSHALL"]);
    assert!(error(&reply).contains("concerns all shards of pool main"), "{reply:?}");
    expect_error(&ask(&["EXEC"]), "EXECABORT ");

    // What is watched decides, too.
    assert_eq!(ask(&["WATCH", &here[0]]), ok());
    expect_error(&ask(&["WATCH", &there[0]]), "CROSSSLOT ");
    assert_eq!(ask(&["GET", &there[0]]), bulk("1"));
    assert_eq!(ask(&["MULTI"]), ok());
    expect_error(&ask(&["GET", &there[0]]), "CROSSSLOT ");
    expect_error(&ask(&["EXEC"]), "EXECABORT ");
    assert_eq!(ask(&["WATCH", &there[0]]), ok(), "EXEC has forgotten the other shard");
}

#[test]
fn a_block_s_answers_keep_their_order_where_ketch_gives_some_of_them() {
    let stage = Stage::shards(1);
    let mut client = stage.client();
    let id = client.ask(&["CLIENT", "ID"]).unwrap();
    for watches in [false, true] {
        if watches {
            client.ask(&["WATCH", "k"]).unwrap();
        }
        client.ask(&["MULTI"]).unwrap();
        for words in
            [&["CLIENT", "ID"][..], &["SET", "k", "v"], &["ECHO", "x"], &["GET", "k"], &["CLIENT", "ID"]]
        {
            assert_eq!(client.ask(words).unwrap(), Value::Simple("QUEUED".into()));
        }
        let answers = vec![id.clone(), ok(), bulk("x"), bulk("v"), id.clone()];
        assert_eq!(client.ask(&["EXEC"]).unwrap(), Value::Array(answers));
    }
    // What it asks behind such a block, in the same write, waits for it.
    let pipeline: Vec<Vec<&str>> =
        ["MULTI", "CLIENT SETNAME me", "SET k w", "EXEC", "CLIENT GETNAME", "GET k"]
            .iter()
            .map(|line| line.split(' ').collect())
            .collect();
    let replies = client.pipeline(&pipeline).unwrap();
    assert_eq!(replies[3..], [Value::Array(vec![ok(), ok()]), bulk("me"), bulk("w")]);
}

#[test]
fn what_only_the_node_can_refuse_is_the_reason_that_exec_gives() {
    let stage = Stage::shards(1);
    let node = stage.primary(0);
    let mut client = stage.client();
    client.ask(&["SET", "k", "v"]).unwrap();
    node.ask(&["CONFIG", "SET", "maxmemory", "1"]).unwrap();
    client.ask(&["MULTI"]).unwrap();
    client.ask(&["SET", "k", "w"]).unwrap();
    client.ask(&["GET", "k"]).unwrap();
    let reply = client.ask(&["EXEC"]).unwrap();
    let oom =
        "EXECABORT Transaction discarded because of: OOM command not allowed when used memory > 'maxmemory'.";
    assert_eq!(error(&reply), oom);
    node.ask(&["CONFIG", "SET", "maxmemory", "0"]).unwrap();
    assert_eq!(client.ask(&["GET", "k"]).unwrap(), bulk("v"));

    // A user that may not say MULTI executes what it should only queue: nobody may think that nothing happened.
    node.ask(&["ACL", "SETUSER", "default", "-multi"]).unwrap();
    client.ask(&["MULTI"]).unwrap();
    client.ask(&["SET", "k", "w"]).unwrap();
    expect_error(&client.ask(&["EXEC"]).unwrap(), "NOPERM ");
    assert_eq!(client.ask(&["PING"]).unwrap(), Value::Simple("PONG".into()));
}

#[test]
fn what_one_client_watched_spoils_no_other_s_block() {
    let stage = Stage::shards(1);
    let mut writer = stage.client();
    for round in 0..50 {
        let mut watcher = stage.client();
        assert_eq!(watcher.ask(&["WATCH", "k"]).unwrap(), ok());
        match round % 4 {
            0 => drop(watcher.ask(&["UNWATCH"])),
            1 => drop(watcher.pipeline(&[vec!["MULTI"], vec!["DISCARD"]])),
            2 => drop(watcher.pipeline(&[vec!["MULTI"], vec!["GET", "k"], vec!["EXEC"]])),
            // Gone, perhaps with an EXEC on its way.
            _ => watcher.send_raw(&encode(&["MULTI"])).unwrap(),
        }
        drop(watcher);
        writer.ask(&["SET", "k", "1"]).unwrap();
        let mut other = stage.client();
        let pipeline = [vec!["WATCH", "other"], vec!["MULTI"], vec!["SET", "other", "v"], vec!["EXEC"]];
        let replies = other.pipeline(&pipeline).unwrap();
        assert_eq!(replies[3], Value::Array(vec![ok()]), "round {round}");
    }
}

#[test]
fn clients_that_count_up_with_watch_never_lose_a_step() {
    let stage = Stage::start(Setting { shards: 3, ..Setting::default() });
    let keys = stage.key_each();
    let tries = AtomicUsize::new(0);
    thread::scope(|scope| {
        for n in 0..6 {
            let (stage, keys, tries) = (&stage, &keys, &tries);
            scope.spawn(move || {
                let mut client = stage.client();
                for step in 0..60 {
                    let key = &keys[(n + step) % keys.len()];
                    while !count_up(&mut client, key).unwrap() {
                        tries.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let mut client = stage.client();
    let sum: i64 = keys.iter().map(|key| client.ask(&["GET", key]).unwrap().number().unwrap()).sum();
    println!("360 steps, {} tries in vain", tries.load(Ordering::Relaxed));
    assert_eq!(sum, 360);
}

/// One step with a watch; false if another client was quicker, or Ketch says so.
fn count_up(client: &mut Client, key: &str) -> Result<bool, String> {
    client.ask(&["WATCH", key]).unwrap();
    let now = client.ask(&["GET", key]).unwrap();
    if let Value::Error(text) = now {
        return Err(text);
    }
    let next = (now.number().unwrap_or(0) + 1).to_string();
    let replies = client.pipeline(&[vec!["MULTI"], vec!["SET", key, &next], vec!["EXEC"]]).unwrap();
    match &replies[2] {
        Value::Nil => Ok(false),
        Value::Array(answers) => Ok(answers[..] == [ok()]),
        Value::Error(text) => Err(text.clone()),
        other => panic!("{other:?}"),
    }
}

/// What writers of blocks were told.
#[derive(Default)]
struct Told {
    done: AtomicUsize,
    unknown: AtomicUsize,
    stepped: AtomicUsize,
    steps_unknown: AtomicUsize,
}

impl Told {
    fn error(text: &str, unknown: &AtomicUsize) {
        assert!(text.starts_with("OUTCOMEUNKNOWN"), "{text}");
        unknown.fetch_add(1, Ordering::Relaxed);
    }

    /// Appends to two keys at once, in a pipeline.
    fn append(&self, client: &mut Client, n: u64) {
        let element = format!("{n};");
        let block =
            [vec!["MULTI"], vec!["APPEND", "x", &element], vec!["APPEND", "y", &element], vec!["EXEC"]];
        match &client.pipeline(&block).unwrap()[3] {
            Value::Array(answers) => {
                assert_eq!(answers.len(), 2);
                self.done.fetch_add(1, Ordering::Relaxed);
            }
            Value::Error(text) => Told::error(text, &self.unknown),
            other => panic!("{other:?}"),
        }
    }

    fn step(&self, client: &mut Client) {
        match count_up(client, "count") {
            Ok(true) => drop(self.stepped.fetch_add(1, Ordering::Relaxed)),
            Ok(false) => {}
            Err(text) => Told::error(&text, &self.steps_unknown),
        }
    }
}

/// Writers of blocks before, in and after a failover that `fail` brings about.
fn over_a_failover(fail: impl FnOnce(&Group)) {
    let group = Group::start(&Options::new(KETCH).unwrap()).unwrap();
    let ketch = Ketch::before(&group, "");
    let (stop, told) = (AtomicBool::new(false), Told::default());
    let old = group.primary(0).unwrap();
    let more = |what: &str, than: usize| {
        wait_until(FAILOVER, what, || {
            told.done.load(Ordering::Relaxed) > than && told.stepped.load(Ordering::Relaxed) > than / 10
        })
    };
    let ended = thread::scope(|scope| {
        for writer in 0..3 {
            let (mut client, stop, told) = (ketch.client(), &stop, &told);
            scope.spawn(move || {
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    told.append(&mut client, n * 3 + writer);
                    thread::sleep(core::time::Duration::from_millis(1));
                }
            });
        }
        let (mut client, stop, told) = (ketch.client(), &stop, &told);
        scope.spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                told.step(&mut client);
                thread::sleep(core::time::Duration::from_millis(1));
            }
        });
        let before = more("blocks are executed", 200);
        fail(&group);
        let failed_over = group.wait_for_failover(0, old, FAILOVER).map(Server::port);
        let done = told.done.load(Ordering::Relaxed);
        let after = more("blocks are executed after it", done + 200);
        stop.store(true, Ordering::Relaxed);
        before.and(failed_over.map(drop)).and(after)
    });
    ended.unwrap_or_else(|error| panic!("{error}{}", ketch.last_words()));
    let mut client = ketch.client();
    let text = |client: &mut Client, key: &str| client.ask(&["GET", key]).unwrap().text().unwrap().to_owned();
    let (x, y) = (text(&mut client, "x"), text(&mut client, "y"));
    assert_eq!(x, y, "a block was executed in part");
    let mut numbers: Vec<&str> = x.split_terminator(';').collect();
    let executed = numbers.len();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), executed, "a block was executed twice");
    let (done, unknown) = (told.done.load(Ordering::Relaxed), told.unknown.load(Ordering::Relaxed));
    let (stepped, steps_unknown) =
        (told.stepped.load(Ordering::Relaxed), told.steps_unknown.load(Ordering::Relaxed));
    let count = client.ask(&["GET", "count"]).unwrap().number().unwrap() as usize;
    println!(
        "{executed} of {done} blocks and {unknown} unknown; count {count} of {stepped} and {steps_unknown}"
    );
    assert!(unknown <= 3 && steps_unknown <= 1, "only what was in flight");
    assert!(executed <= done + unknown && count <= stepped + steps_unknown);
    assert_eq!(ketch.metric("ketch_held_requests", &[]), 0.0);
    group.check_tilt().unwrap();
}

#[test]
fn blocks_are_executed_whole_and_once_over_a_killed_primary() {
    over_a_failover(|group| group.primary(0).unwrap().kill());
}

#[test]
fn blocks_are_executed_whole_and_once_over_a_sentinel_failover() {
    over_a_failover(|group| group.sentinel_failover(0).unwrap());
}
