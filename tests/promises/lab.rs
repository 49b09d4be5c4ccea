//! The laboratory itself: what the other promises rely on.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use ketch::internals::lab::{
    Client, Direction, Group, Home, NodeOptions, Options, Program, Relay, Server, Traffic, TrafficOptions,
    wait_until,
};
use ketch::internals::resp::Value;

const KETCH: &str = env!("CARGO_BIN_EXE_ketch");
const SOON: Duration = Duration::from_secs(10);
/// Set for the process that plays the starter which is killed.
const STARTER: &str = "KETCH_TEST_IS_THE_STARTER";

fn node(home: &Home) -> Server {
    Server::start(home, &Program::redis().unwrap(), "node", &NodeOptions::default()).unwrap()
}

/// False also for a process that has ended and that its parent has not asked for yet.
fn exists(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn a_killed_primary_is_replaced_by_sentinel() {
    let options = Options { shards: 2, ..Options::new(KETCH).unwrap() };
    let group = Group::start(&options).unwrap();
    assert_eq!((group.shards().len(), group.sentinels().len()), (2, 3));
    assert_eq!(group.nodes(0).len(), 3);
    for shard in 0..2 {
        let old = group.primary(shard).unwrap();
        assert_eq!(old.port(), group.nodes(shard)[0].port());
        assert_eq!(group.replicas(shard).len(), 2);
        old.ask(&["SET", "k", "v"]).unwrap();
        // Only the replicas' copy counts from here on.
        assert_eq!(old.ask(&["WAIT", "2", "5000"]).unwrap(), Value::Integer(2));
        old.kill();
        let new = group.wait_for_failover(shard, old, Duration::from_secs(20)).unwrap();
        assert_ne!(new.port(), old.port());
        assert_eq!(new.ask(&["GET", "k"]).unwrap().text(), Some("v"));
    }
}

#[test]
fn a_planned_failover_and_a_restart_leave_the_group_whole() {
    let group = Group::start(&Options::new(KETCH).unwrap()).unwrap();
    let old = group.primary(0).unwrap();
    group.sentinel_failover(0).unwrap();
    let new = group.wait_for_failover(0, old, SOON).unwrap();
    group.wait_until_ready(Duration::from_secs(40)).unwrap();
    let replica = group.replicas(0)[0];
    replica.restart().unwrap();
    group.wait_until_ready(Duration::from_secs(40)).unwrap();
    assert_eq!(group.primary(0).unwrap().port(), new.port());
    assert_eq!(group.replicas(0).len(), 2);
}

#[test]
fn passwords_are_required_and_a_cut_relay_isolates_a_node() {
    let options = Options {
        password: Some("for-nodes".into()),
        sentinel_password: Some("for-sentinels".into()),
        behind_relays: true,
        ..Options::new(KETCH).unwrap()
    };
    let group = Group::start(&options).unwrap();
    let primary = group.primary(0).unwrap();
    assert_ne!(primary.announced().port, primary.port());
    let mut stranger = Client::connect(primary.address(), SOON).unwrap();
    assert!(matches!(stranger.ask(&["GET", "k"]).unwrap(), Value::Error(text) if text.starts_with("NOAUTH")));
    // Cut off from Sentinels and nodes, but not from who knows its real address.
    group.relay(primary).unwrap().cut();
    let new = group.wait_for_failover(0, primary, Duration::from_secs(20)).unwrap();
    assert!(primary.says_master() && new.says_master());
}

#[test]
fn a_group_is_known_by_the_host_it_announces() {
    for host in ["localhost", "127.0.0.2"] {
        let options = Options { announce_host: Some(host.into()), ..Options::new(KETCH).unwrap() };
        let group = Group::start(&options).unwrap();
        let named = group.sentinels()[0].ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "shard1"]).unwrap();
        assert_eq!(named.elements().unwrap()[0].text(), Some(host));
    }
}

#[test]
fn a_valkey_group_starts() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Program::valkey(Some(root)).unwrap();
    let group = Group::start(&Options::with(KETCH, program)).unwrap();
    assert!(group.primary(0).unwrap().info("server", "valkey_version").is_some());
}

#[test]
fn nothing_stays_behind_when_the_starter_is_killed() {
    if std::env::var_os(STARTER).is_some() {
        return be_the_starter();
    }
    let mut starter = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "lab::nothing_stays_behind_when_the_starter_is_killed", "--nocapture"])
        .env(STARTER, "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let said = std::io::BufRead::lines(std::io::BufReader::new(starter.stdout.take().unwrap()))
        .map_while(Result::ok)
        .find_map(|line| line.split_once("it runs ").map(|(_, rest)| rest.to_owned()))
        .unwrap();
    let mut words = said.split(' ');
    let folder = words.next().unwrap();
    let pids: Vec<u32> = words.map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.len() == 2 && pids.iter().all(|pid| exists(*pid)) && Path::new(folder).exists());
    starter.kill().unwrap();
    starter.wait().unwrap();
    wait_until(SOON, "all is gone", || !pids.iter().any(|pid| exists(*pid)) && !Path::new(folder).exists())
        .unwrap();
}

/// Starts two nodes, pauses one, says so, and waits to be killed.
fn be_the_starter() {
    let home = Home::new(Path::new(KETCH)).unwrap();
    let program = Program::redis().unwrap();
    let start = |name| Server::start(&home, &program, name, &NodeOptions::default()).unwrap();
    let (first, second) = (start("first"), start("second"));
    second.pause();
    println!("it runs {} {} {}", home.folder().display(), first.pid().unwrap(), second.pid().unwrap());
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn a_home_leaves_nothing_behind() {
    let home = Home::new(Path::new(KETCH)).unwrap();
    let server = node(&home);
    let (folder, pid) = (home.folder().to_owned(), server.pid().unwrap());
    drop(home);
    assert!(folder.exists() && exists(pid), "the server still needs its home");
    drop(server);
    assert!(!folder.exists() && !exists(pid));
}

#[test]
fn a_restarted_node_has_its_data_only_if_it_was_saved_and_not_emptied() {
    let home = Home::new(Path::new(KETCH)).unwrap();
    let server = node(&home);
    let value = || server.ask(&["GET", "k"]).unwrap();
    server.ask(&["SET", "k", "v"]).unwrap();
    server.ask(&["SAVE"]).unwrap();
    server.restart().unwrap();
    assert_eq!(value().text(), Some("v"));
    server.restart_empty().unwrap();
    assert_eq!(value(), Value::Nil);
}

#[test]
fn a_paused_server_is_silent_and_then_answers() {
    let home = Home::new(Path::new(KETCH)).unwrap();
    let server = node(&home);
    let mut client = server.client().unwrap();
    server.pause();
    client.set_limit(Duration::from_millis(200));
    client.send(&["PING"]).unwrap();
    assert_eq!(client.read().unwrap_err().kind(), std::io::ErrorKind::TimedOut);
    server.resume();
    client.set_limit(SOON);
    assert_eq!(client.read().unwrap().text(), Some("PONG"));
}

#[test]
fn a_relay_delays_stalls_drops_and_cuts() {
    let home = Home::new(Path::new(KETCH)).unwrap();
    let server = node(&home);
    let relay = Relay::start(home.port().unwrap(), server.address()).unwrap();
    let connect = || Client::connect(relay.address(), SOON);
    let mut client = connect().unwrap();
    let pong = |client: &mut Client| client.ask(&["PING"]).is_ok_and(|reply| reply.text() == Some("PONG"));
    assert!(pong(&mut client));

    relay.delay(Duration::from_millis(100));
    let began = Instant::now();
    assert!(pong(&mut client));
    assert!(began.elapsed() >= Duration::from_millis(200), "100 ms each way");
    relay.delay(Duration::ZERO);

    for direction in [Direction::ToTarget, Direction::FromTarget, Direction::Both] {
        relay.stall(direction);
        client.set_limit(Duration::from_millis(200));
        client.send(&["PING"]).unwrap();
        assert_eq!(client.read().unwrap_err().kind(), std::io::ErrorKind::TimedOut);
        relay.flow();
        client.set_limit(SOON);
        assert_eq!(client.read().unwrap().text(), Some("PONG"));
    }

    relay.drop_connections();
    assert!(client.ask(&["PING"]).is_err());
    let mut client = connect().unwrap();
    assert!(pong(&mut client));

    relay.cut();
    assert!(client.ask(&["PING"]).is_err());
    assert_eq!(connect().err().unwrap().kind(), std::io::ErrorKind::ConnectionRefused);
    relay.reopen().unwrap();
    assert!(pong(&mut connect().unwrap()));
}

fn traffic(server: &Server) -> TrafficOptions {
    let options = TrafficOptions::to(server.address());
    TrafficOptions { per_second: 1000, reads: 50, limit: Duration::from_secs(2), ..options }
}

#[test]
fn traffic_finds_nothing_wrong_with_a_healthy_server() {
    let home = Home::new(Path::new(KETCH)).unwrap();
    let server = node(&home);
    let mut traffic = Traffic::start(traffic(&server));
    wait_until(SOON, "some writes", || traffic.counts().acknowledged > 300).unwrap();
    assert!(traffic.verify().is_clean());
    wait_until(SOON, "more writes", || traffic.counts().acknowledged > 600).unwrap();
    let counts = traffic.stop();
    let verdict = traffic.verify();
    assert!(verdict.is_clean() && verdict.checked > 300, "{verdict:?}");
    assert!(counts.is_clean() && counts.client_errors() == 0 && counts.stale_reads == 0, "{counts:?}");
    assert!(counts.reads > 100 && counts.longest_gap > Duration::ZERO, "{counts:?}");
}

#[test]
fn traffic_counts_what_a_restarted_server_has_lost() {
    let home = Home::new(Path::new(KETCH)).unwrap();
    let server = node(&home);
    let traffic = Traffic::start(traffic(&server));
    wait_until(SOON, "some writes", || traffic.counts().acknowledged > 200).unwrap();
    traffic.pause();
    assert!(traffic.verify().is_clean());
    let before = traffic.counts();
    server.restart_empty().unwrap();
    let verdict = traffic.verify();
    // Three of four writes are keys of their own, the fourth is one of a counter's increments.
    assert_eq!(verdict.lost, before.acknowledged, "{verdict:?}");
    assert!(traffic.verify().is_clean(), "a loss is told once");
    traffic.resume();
    wait_until(SOON, "writes again", || traffic.counts().acknowledged > before.acknowledged + 50).unwrap();
    let counts = traffic.counts();
    assert_eq!((counts.lost, counts.doubled, counts.never_written), (verdict.lost, 0, 0), "{counts:?}");
    assert!(counts.client_errors() > 0, "connections broke");
}

#[test]
fn traffic_notices_a_write_that_was_executed_twice_and_one_of_a_stranger() {
    let home = Home::new(Path::new(KETCH)).unwrap();
    let server = node(&home);
    let traffic = Traffic::start(traffic(&server));
    wait_until(SOON, "some writes", || traffic.counts().acknowledged > 200).unwrap();
    traffic.pause();
    let keys = server.ask(&["KEYS", "*:1"]).unwrap();
    let key = keys.elements().unwrap()[0].text().unwrap().to_owned();
    let counters = server.ask(&["KEYS", "*:counter"]).unwrap();
    let counter = counters.elements().unwrap()[0].text().unwrap().to_owned();
    server.ask(&["SET", &key, "something else"]).unwrap();
    server.ask(&["INCR", &counter]).unwrap();
    let verdict = traffic.verify();
    assert_eq!((verdict.never_written, verdict.doubled, verdict.lost), (1, 1, 0), "{verdict:?}");
}
