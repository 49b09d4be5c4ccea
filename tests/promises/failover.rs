//! A primary goes, in each way in which one can go, while clients write and read through Ketch: what
//! they are told, what is executed, and what is never served by the old one again.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use ketch::internals::lab::{
    Client, Counts, Group, Options, Program, Server, Traffic, TrafficOptions, wait_until,
};
use ketch::internals::resp::Value;

use crate::rig::{FAILOVER, KETCH, Ketch, SOON, calls, prefixes};

/// Writes of one shard have to go on within this time after they were lost. Sentinel with down-after 1 s
/// names another primary within three seconds or so.
const GAP: Duration = Duration::from_secs(8);
/// What clients ask nodes to do.
const DATA: [&str; 3] = ["set", "get", "incr"];

/// Three writers and two readers on one shard, 400 requests a second, half of them reads.
fn traffic(ketch: &Ketch, prefix: &str) -> Traffic {
    let traffic = Traffic::start(TrafficOptions {
        writers: 3,
        readers: 2,
        per_second: 400,
        reads: 50,
        prefixes: vec![prefix.to_owned()],
        ..TrafficOptions::to(ketch.listen())
    });
    flows(&traffic);
    traffic
}

fn flows(traffic: &Traffic) {
    let before = traffic.counts();
    wait_until(SOON, "traffic flows", || {
        let counts = traffic.counts();
        counts.acknowledged > before.acknowledged + 100 && counts.reads > before.reads + 100
    })
    .unwrap();
}

/// No request failed, none was executed twice or invented, and no read saw less than it had to.
#[track_caller]
fn expect_faultless(counts: &Counts) {
    assert_eq!((counts.client_errors(), counts.unknown), (0, 0), "{counts:?}");
    assert!(counts.is_clean() && counts.stale_reads == 0 && counts.overtaken == 0, "{counts:?}");
}

/// The only thing that a writer may be told beside success is, once, that an outcome is unknown.
#[track_caller]
fn expect_at_most_one_unknown_a_writer(counts: &Counts) {
    assert_eq!(counts.client_errors(), 0, "{counts:?}");
    assert!(counts.unknown <= 3, "{counts:?}");
    assert_eq!((counts.doubled, counts.never_written, counts.overtaken), (0, 0, 0), "{counts:?}");
    assert!(counts.lost > 0 || counts.stale_reads == 0, "{counts:?}");
}

/// Waits until each writer has had a write acknowledged after now.
#[track_caller]
fn writes_go_on(ketch: &Ketch, traffic: &Traffic) {
    let now = Instant::now();
    let written = wait_until(GAP, "writes go on", || traffic.all_have_written_since(now));
    written.unwrap_or_else(|error| panic!("{error}: {:?}{}", traffic.counts(), ketch.last_words()));
}

/// What happened since `before`, once everything was read back.
fn verified(traffic: &Traffic, before: &Counts) -> Counts {
    let gap = traffic.counts().longest_gap;
    let verdict = traffic.verify();
    assert_eq!(verdict.unread, 0, "{verdict:?}");
    Counts { longest_gap: gap, ..traffic.counts().since(before) }
}

fn offset(node: &Server, field: &str) -> i64 {
    node.info("replication", field).and_then(|n| n.parse().ok()).unwrap()
}

/// What was acknowledged until this moment may have reached the replicas; later writes may not.
struct Mark {
    offset: i64,
    acknowledged: u64,
}

impl Mark {
    fn now(primary: &Server, traffic: &Traffic) -> Mark {
        let acknowledged = traffic.counts().acknowledged;
        Mark { offset: offset(primary, "master_repl_offset"), acknowledged }
    }
}

/// While a node calls itself a primary although another one is, nothing of a client reaches it. The
/// Sentinels make a replica of it in the end, about eight seconds later.
fn expect_no_request(node: &Server, watched: Duration) {
    let first = calls(node, &DATA);
    let began = Instant::now();
    while began.elapsed() < watched {
        let seen = calls(node, &DATA);
        if !node.says_master() {
            break;
        }
        assert_eq!(seen, first, "requests reached a deposed primary");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(began.elapsed() > Duration::from_secs(1), "it was made a replica before anything could be seen");
}

#[test]
fn a_killed_primary_costs_a_writer_at_most_one_unknown_outcome_and_readers_nothing() {
    let group = Group::start(&Options { shards: 2, ..Options::new(KETCH).unwrap() }).unwrap();
    let ketch = Ketch::before(&group, "reads = \"primary\"");
    let prefixes = prefixes(2);
    let [hit, spared] = [0, 1].map(|shard| traffic(&ketch, &prefixes[shard]));
    let old = group.primary(0).unwrap();

    let [before, before_spared] = [hit.start_window(), spared.start_window()];
    let mark = Mark::now(old, &hit);
    // What was written longer ago than this has reached the replicas.
    thread::sleep(Duration::from_millis(100));
    old.kill();
    let may_be_lost = hit.counts().acknowledged - mark.acknowledged;
    ketch.wait("requests of the shard are held", |ketch| {
        ketch.metric("ketch_held_requests", &["shard=\"shard1\""]) >= 3.0
    });
    let held = ketch.metric("ketch_held_requests", &["shard=\"shard1\""]);
    assert_eq!(ketch.metric("ketch_held_requests", &["shard=\"shard2\""]), 0.0);
    let new = group.wait_for_failover(0, old, FAILOVER).unwrap();
    writes_go_on(&ketch, &hit);
    flows(&hit);
    let counts = verified(&hit, &before);
    println!(
        "kill -9: {:?} without writes, {held} held at once, {} in all; {counts}",
        counts.longest_gap,
        ketch.metric("ketch_held_requests_total", &["shard=\"shard1\""])
    );
    expect_at_most_one_unknown_a_writer(&counts);
    assert!(counts.longest_gap < GAP, "{counts:?}");
    assert!(offset(new, "second_repl_offset") > mark.offset, "the promoted node had what was older");
    assert!(counts.lost <= may_be_lost, "{counts:?}, {may_be_lost} may be lost");
    assert_eq!(ketch.metric("ketch_failovers_total", &["shard=\"shard1\""]), 1.0);
    assert_eq!(ketch.metric("ketch_held_requests", &[]), 0.0, "nothing stays behind");

    let spared_counts = verified(&spared, &before_spared);
    println!("the other shard: {:?} without writes; {spared_counts}", spared_counts.longest_gap);
    expect_faultless(&spared_counts);
    assert!(spared_counts.longest_gap < Duration::from_secs(1), "{spared_counts:?}");
    assert_eq!(ketch.metric("ketch_failovers_total", &["shard=\"shard2\""]), 0.0);

    // Its file still says that it is a primary, and so does it.
    let before = hit.start_window();
    old.restart().unwrap();
    assert!(old.says_master());
    expect_no_request(old, Duration::from_secs(4));
    expect_faultless(&verified(&hit, &before));

    // Where nobody writes, nothing is in flight: then nothing is lost, and nobody is told anything.
    spared.pause();
    let verdict = spared.verify();
    assert!(verdict.is_clean(), "{verdict:?}");
    let before = spared.counts();
    let old = group.primary(1).unwrap();
    let end = offset(old, "master_repl_offset");
    let has_all = |node: &&Server| offset(node, "slave_repl_offset") >= end;
    wait_until(SOON, "the replicas have it all", || group.replicas(1).iter().all(has_all)).unwrap();
    old.kill();
    spared.resume();
    group.wait_for_failover(1, old, FAILOVER).unwrap();
    writes_go_on(&ketch, &spared);
    flows(&spared);
    let counts = verified(&spared, &before);
    println!("kill -9 while nobody wrote: {counts}");
    expect_faultless(&counts);
    expect_faultless(&verified(&hit, &hit.start_window()));
    group.check_tilt().unwrap();
}

#[test]
fn a_primary_that_hung_serves_nobody_when_it_wakes_up() {
    let group = Group::start(&Options::new(KETCH).unwrap()).unwrap();
    let ketch = Ketch::before(&group, "reads = \"primary\"");
    let traffic = traffic(&ketch, "");
    let old = group.primary(0).unwrap();
    let before = traffic.start_window();
    let mark = Mark::now(old, &traffic);
    thread::sleep(Duration::from_millis(100));
    old.pause();
    let may_be_lost = traffic.counts().acknowledged - mark.acknowledged;
    group.wait_for_failover(0, old, FAILOVER).unwrap();
    writes_go_on(&ketch, &traffic);
    flows(&traffic);
    let counts = verified(&traffic, &before);
    println!("SIGSTOP: {:?} without writes; {counts}", counts.longest_gap);
    expect_at_most_one_unknown_a_writer(&counts);
    assert!(counts.longest_gap < GAP, "{counts:?}");
    assert!(counts.lost <= may_be_lost, "{counts:?}, {may_be_lost} may be lost");

    // It still executes what lies in its sockets, of which everybody was told that the outcome is
    // unknown; from the first answer on there is nothing more.
    let before = traffic.start_window();
    old.resume();
    old.wait_until_it_answers().unwrap();
    assert!(old.says_master());
    expect_no_request(old, Duration::from_secs(4));
    let counts = verified(&traffic, &before);
    expect_faultless(&counts);
    // As a replica it is served again.
    group.wait_until_in_sync(FAILOVER).unwrap();
    ketch.wait_until_whole(3);
    group.check_tilt().unwrap();
}

#[test]
fn a_bare_sentinel_failover_costs_no_acknowledged_write_on_redis() {
    a_bare_sentinel_failover_costs_no_acknowledged_write(Program::redis().unwrap());
}

#[test]
fn a_bare_sentinel_failover_costs_no_acknowledged_write_on_valkey() {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    a_bare_sentinel_failover_costs_no_acknowledged_write(Program::valkey(Some(project)).unwrap());
}

fn a_bare_sentinel_failover_costs_no_acknowledged_write(program: Program) {
    let group = Group::start(&Options::with(KETCH, program)).unwrap();
    let ketch = Ketch::before(&group, "reads = \"primary\"");
    let traffic = traffic(&ketch, "");
    let old = group.primary(0).unwrap();
    let before = traffic.start_window();
    let mark = Mark::now(old, &traffic);
    group.sentinel_failover(0).unwrap();
    // From the selection of a replica on nothing is written; until then the replicas had their time.
    ketch.wait("writes are held", |ketch| ketch.metric("ketch_held_requests", &[]) >= 1.0);
    let may_be_lost = traffic.counts().acknowledged - mark.acknowledged;
    ketch.wait("another primary is believed", |ketch| {
        ketch.metric("ketch_failovers_total", &["shard=\"shard1\""]) == 1.0
    });
    assert!(old.says_master(), "Sentinel leaves the old one writable for about eight seconds");
    expect_no_request(old, Duration::from_secs(4));
    writes_go_on(&ketch, &traffic);
    flows(&traffic);
    let counts = verified(&traffic, &before);
    println!("SENTINEL FAILOVER: {:?} without writes; {counts}", counts.longest_gap);
    expect_at_most_one_unknown_a_writer(&counts);
    let new = group.primary(0).unwrap();
    assert!(offset(new, "second_repl_offset") > mark.offset, "the promoted node had what was older");
    assert!(counts.lost <= may_be_lost, "{counts:?}, {may_be_lost} may be lost");
    assert!(counts.longest_gap < GAP, "{counts:?}");
    group.check_tilt().unwrap();
}

#[test]
fn a_killed_replica_and_a_killed_sentinel_go_unnoticed() {
    let group = Group::start(&Options::new(KETCH).unwrap()).unwrap();
    let ketch = Ketch::before(&group, "reads = \"prefer-replica\"");
    let traffic = traffic(&ketch, "");
    let before = traffic.start_window();
    let expect_unnoticed = |what: &str| {
        flows(&traffic);
        flows(&traffic);
        // A replica may be behind what was just acknowledged on the primary.
        let counts = Counts { stale_reads: 0, ..verified(&traffic, &before) };
        println!("{what}: {:?} without writes; {counts}", counts.longest_gap);
        expect_faultless(&counts);
        assert!(counts.longest_gap < Duration::from_secs(1), "{counts:?}");
    };
    let replica = group.replicas(0)[0];
    assert!(calls(replica, &["get"]) > 0, "replicas are read from");
    replica.kill();
    expect_unnoticed("a replica killed");
    group.sentinels()[0].kill();
    expect_unnoticed("a Sentinel killed");
    replica.restart().unwrap();
    ketch.wait_until_whole(3);
    expect_unnoticed("the replica back");
    assert_eq!(ketch.metric("ketch_failovers_total", &[]), 0.0);
    // A read that was in flight on the replica passes through the waiting place, no write does.
    assert!(ketch.metric("ketch_held_requests_total", &[]) <= 2.0);
    group.check_tilt().unwrap();
}

#[test]
fn a_shard_without_a_primary_is_refused_after_hold_and_served_again_when_it_is_back() {
    let group = Group::start(&Options { replicas: 1, ..Options::new(KETCH).unwrap() }).unwrap();
    let ketch = Ketch::before(&group, "hold = \"2s\"");
    let mut client = ketch.client();
    assert_eq!(client.ask(&["SET", "k", "1"]).unwrap().text(), Some("OK"));
    assert_eq!(ketch.get("/readyz").0, 200);
    group.sentinels().iter().for_each(Server::kill);
    let primary = &group.nodes(0)[0];
    primary.kill();
    ketch.wait("Ketch says that it is not ready", |ketch| ketch.get("/readyz").0 == 503);
    assert_eq!(ketch.get("/livez").0, 200, "an outage of Redis is none of the process");

    let began = Instant::now();
    client.send(&["SET", "k", "2"]).unwrap();
    ketch
        .wait("the write is held", |ketch| ketch.metric("ketch_held_requests", &["shard=\"shard1\""]) == 1.0);
    let Value::Error(text) = client.read().unwrap() else { panic!("it was not refused") };
    println!("after {:?}: {text}", began.elapsed());
    assert!(text.starts_with("SHARDDOWN shard shard1 of pool main has had no primary for "), "{text}");
    assert!(began.elapsed() >= Duration::from_secs(2) && began.elapsed() < Duration::from_secs(4));
    assert_eq!(ketch.metric("ketch_held_requests", &[]), 0.0);

    primary.restart().unwrap();
    assert_eq!(client.ask(&["SET", "k", "3"]).unwrap().text(), Some("OK"));
    assert_eq!(client.ask(&["GET", "k"]).unwrap().text(), Some("3"));
    ketch.wait("Ketch says that it is ready", |ketch| ketch.get("/readyz").0 == 200);
    group.check_tilt().unwrap();
}

/// One client's numbered writes, with what it was told of each.
struct Diary {
    key: String,
    /// Acknowledged numbers, and when.
    acknowledged: Vec<(u64, Instant)>,
    unknown: Vec<u64>,
    sent: u64,
}

/// Requests of one pipeline.
const PIPELINE: u64 = 50;
/// Characters of a number and its separator.
const WIDTH: usize = 8;

/// Appends numbers to its own key, a pipeline at a time, until it is told to stop. Replies must come in
/// order, so a reply's length never shrinks unless the promoted node had less.
/// Each pipeline that was answered is counted in `answered`.
fn append_until(stop: &AtomicBool, answered: &AtomicUsize, mut client: Client, key: String) -> Diary {
    let mut diary = Diary { key, acknowledged: Vec::new(), unknown: Vec::new(), sent: 0 };
    while !stop.load(Ordering::Relaxed) {
        let numbers = diary.sent + 1..=diary.sent + PIPELINE;
        diary.sent += PIPELINE;
        let append = |n: u64| vec!["APPEND".to_owned(), diary.key.clone(), format!("{n:07};")];
        let requests: Vec<_> = numbers.clone().map(append).collect();
        let replies = client.pipeline(&requests).unwrap();
        let mut longest = 0;
        for (number, reply) in numbers.zip(replies) {
            match reply {
                Value::Integer(length) => {
                    assert!(
                        length > longest || diary.unknown.contains(&(number - 1)),
                        "replies out of order"
                    );
                    assert_eq!(length as usize % WIDTH, 0);
                    longest = length;
                    diary.acknowledged.push((number, Instant::now()));
                }
                Value::Error(text) if text.starts_with("OUTCOMEUNKNOWN") => diary.unknown.push(number),
                other => panic!("number {number}: {other:?}"),
            }
        }
        answered.fetch_add(1, Ordering::Relaxed);
        // Not a wait: it keeps the writers from filling the machine that Sentinel runs on.
        thread::sleep(Duration::from_millis(1));
    }
    diary
}

#[test]
fn pipelines_keep_their_order_over_a_failover() {
    let group = Group::start(&Options::new(KETCH).unwrap()).unwrap();
    let ketch = Ketch::before(&group, "reads = \"primary\"");
    let old = group.primary(0).unwrap();
    let stop = AtomicBool::new(false);
    let answered = AtomicUsize::new(0);
    let many_more = |what: &str| {
        let from = answered.load(Ordering::Relaxed);
        wait_until(FAILOVER, what, || answered.load(Ordering::Relaxed) >= from + 200)
    };
    let mut killed = Instant::now();
    let diaries: Vec<Diary> = thread::scope(|scope| {
        let start = |n: usize| {
            let (client, stop, answered) = (ketch.client(), &stop, &answered);
            scope.spawn(move || append_until(stop, answered, client, format!("diary:{n}")))
        };
        let writers: Vec<_> = (0..4).map(start).collect();
        let before = many_more("the writers write");
        killed = Instant::now();
        old.kill();
        let failover = group.wait_for_failover(0, old, FAILOVER).map(Server::port);
        let after = many_more("the writers write on");
        stop.store(true, Ordering::Relaxed);
        let diaries = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        failover.unwrap();
        before.and(after).unwrap();
        diaries
    });
    let mut client = ketch.client();
    for diary in diaries {
        let text = client.ask(&["GET", &diary.key]).unwrap().text().unwrap().to_owned();
        let found: Vec<u64> = text.split_terminator(';').map(|number| number.parse().unwrap()).collect();
        assert!(found.is_sorted_by(|a, b| a < b), "{}: out of order, or twice", diary.key);
        let has = |number: &u64| found.binary_search(number).is_ok();
        let invented = found.iter().filter(|n| **n == 0 || **n > diary.sent).count();
        let lost: Vec<Instant> =
            diary.acknowledged.iter().filter(|(number, _)| !has(number)).map(|(_, at)| *at).collect();
        println!(
            "{}: {} sent, {} acknowledged, {} unknown ({} of them executed), {} lost",
            diary.key,
            diary.sent,
            diary.acknowledged.len(),
            diary.unknown.len(),
            diary.unknown.iter().filter(|n| has(n)).count(),
            lost.len()
        );
        assert_eq!(invented, 0);
        assert!(diary.unknown.len() as u64 <= PIPELINE, "only what was in flight");
        assert!(diary.acknowledged.last().unwrap().1 > killed + Duration::from_secs(1), "it went on");
        // Asynchronous replication may lose what was acknowledged just before.
        let recent = killed.checked_sub(Duration::from_millis(100)).unwrap();
        // A reply that was read just after the kill may have been on its way before.
        assert!(lost.iter().all(|at| *at > recent && *at < killed + Duration::from_millis(100)), "{lost:?}");
    }
    group.check_tilt().unwrap();
}
