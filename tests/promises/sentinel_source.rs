//! The control plane against real Sentinels and nodes: who is the primary, who may serve reads, and
//! how soon it is known after something died.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ketch::internals::base::{Address, ByteSize, PoolId, Secret, ShardId};
use ketch::internals::config::{
    Config, HealthRules, Limits, Log, LogFormat, NodeAuth, PoolConfig, ReadPolicy, ShardConfig, Shutdown,
    SourceConfig, Timeouts,
};
use ketch::internals::control;
use ketch::internals::lab::{Group, Options, Server, wait_for, wait_until};
use ketch::internals::topology::{Gate, Health, HoldReason, Pool, Reader, Role, publisher};
use tokio::sync::{mpsc, watch};

const KETCH: &str = env!("CARGO_BIN_EXE_ketch");
const SOON: Duration = Duration::from_secs(10);
const SHARD: ShardId = ShardId(0);

/// A control plane in a thread of its own, as the server runs it.
struct Plane {
    reader: Reader,
    shutdown: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Plane {
    fn start(config: &Config) -> Plane {
        let (publisher, reader) = publisher(control::first_topology(config));
        let (shutdown, stop) = watch::channel(false);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let (sender, observations) = mpsc::channel(control::OBSERVATIONS_MAX);
            runtime.block_on(control::run(publisher, observations, sender, Instant::now(), stop));
        });
        Plane { reader, shutdown, thread: Some(thread) }
    }

    fn pool(&self) -> Arc<Pool> {
        Arc::clone(self.reader.current().pool(PoolId(0)))
    }

    fn primary(&self) -> Option<u16> {
        self.pool().primary(SHARD).map(|n| n.address.port)
    }

    fn gate(&self) -> Gate {
        self.pool().shard(SHARD).gate
    }

    fn readers(&self) -> usize {
        self.pool().nodes.iter().filter(|n| n.serves_reads).count()
    }

    fn role(&self, node: &Server) -> Option<Role> {
        self.pool().nodes.iter().find(|n| n.address.port == node.port()).map(|n| n.role)
    }

    fn wait(&self, what: &str, condition: impl Fn(&Plane) -> bool) {
        let limit = Duration::from_secs(30);
        if let Err(error) = wait_until(limit, what, || condition(self)) {
            panic!("{error}: {:#?}", self.pool().nodes);
        }
    }

    /// Waits for a writable primary and `replicas` that serve reads.
    fn wait_until_whole(&self, replicas: usize) {
        self.wait("a writable primary and its replicas", |p| {
            p.gate() == Gate::Open && p.primary().is_some() && p.readers() == replicas
        });
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.shutdown.send_replace(true);
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the control plane ends when it is told to");
        }
    }
}

fn config(source: SourceConfig, nodes: Vec<Address>, auth: NodeAuth) -> Config {
    let shard = ShardConfig { name: "shard1".into(), weight: 1, master: "shard1".into(), nodes };
    let pool = PoolConfig {
        name: "main".into(),
        listeners: Vec::new(),
        source,
        shards: vec![shard],
        hash: "fnv1a_64".into(),
        distribution: "ketama".into(),
        hash_tag: None,
        db: 0,
        reads: ReadPolicy::default(),
        cross_shard_writes: true,
        insecure: false,
        hold: None,
        hold_max: 1000,
        hold_max_bytes: ByteSize::mib(1),
        read_retries: 2,
        sentinel_refresh: Duration::from_secs(10),
        forget_after: Duration::from_secs(60),
        address_map: Vec::new(),
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        auth,
        users: Vec::new(),
        health: HealthRules { interval: Duration::from_millis(500), ..HealthRules::default() },
    };
    Config {
        name: "test".into(),
        threads: None,
        admin: None,
        log: Log { level: "info".into(), format: LogFormat::Auto },
        shutdown: Shutdown { delay: Duration::ZERO, timeout: Duration::ZERO },
        pools: vec![Arc::new(pool)],
    }
}

fn addresses<'a>(servers: impl IntoIterator<Item = &'a Server>) -> Vec<Address> {
    servers.into_iter().map(|s| Address::from(s.address())).collect()
}

/// Follows the group through the first of its Sentinels only: the others are to be learned.
fn follow(group: &Group, auth: NodeAuth) -> Plane {
    let first = addresses(&group.sentinels()[..1]);
    Plane::start(&config(SourceConfig::Sentinel(first), Vec::new(), auth))
}

#[test]
fn a_promoted_node_is_believed_as_soon_as_a_sentinel_names_it() {
    let group = Group::start(&Options::new(KETCH).unwrap()).unwrap();
    let plane = follow(&group, NodeAuth::default());
    plane.wait_until_whole(2);
    let old = group.primary(0).unwrap();
    assert_eq!(plane.primary(), Some(old.port()));

    // The only Sentinel that was configured goes too: the others have been learned from it.
    old.kill();
    group.sentinels()[0].kill();
    let named_by_any = || {
        let mut ports = group.sentinels()[1..].iter().filter_map(named);
        ports.find(|port| *port != old.port())
    };
    let new = wait_for(SOON * 2, "a Sentinel names another node", named_by_any).unwrap();
    let known = Instant::now();
    plane.wait("the named node is believed", |p| p.primary() == Some(new));
    println!("believed {:?} after this test heard of it", known.elapsed());
    assert!(known.elapsed() < Duration::from_secs(1));
    assert_eq!((plane.gate(), plane.role(old)), (Gate::Open, Some(Role::Deposed)));
    assert_eq!(plane.pool().failovers(), 1);

    plane.wait("the other replica follows the new primary", |p| p.readers() == 1);
    old.restart().unwrap();
    plane.wait("the old primary follows, too", |p| p.readers() == 2);
    assert_eq!((plane.primary(), plane.role(old)), (Some(new), Some(Role::Replica)));
    group.check_tilt().unwrap();
}

fn named(sentinel: &Server) -> Option<u16> {
    let reply = sentinel.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", "shard1"]).ok()?;
    u16::try_from(reply.elements()?[1].number()?).ok()
}

#[test]
fn after_a_planned_failover_the_old_primary_is_deposed_although_it_still_claims() {
    let group = Group::start(&Options::new(KETCH).unwrap()).unwrap();
    let plane = follow(&group, NodeAuth::default());
    plane.wait_until_whole(2);
    let old = group.primary(0).unwrap();
    group.sentinel_failover(0).unwrap();
    plane.wait("another is believed", |p| p.primary().is_some_and(|port| port != old.port()));
    // Sentinel turns the old primary into a replica some ten seconds later.
    assert!(old.says_master());
    assert_eq!((plane.gate(), plane.role(old)), (Gate::Open, Some(Role::Deposed)));
    plane.wait_until_whole(2);
    assert_eq!(plane.role(old), Some(Role::Replica));
    assert_eq!(plane.pool().failovers(), 1);
    group.check_tilt().unwrap();
}

#[test]
fn a_sentinel_reset_removes_nothing() {
    let group = Group::start(&Options::new(KETCH).unwrap()).unwrap();
    let plane = follow(&group, NodeAuth::default());
    plane.wait_until_whole(2);
    let fewest = Arc::new(AtomicUsize::new(usize::MAX));
    let (reader, seen) = (plane.reader.clone(), Arc::clone(&fewest));
    plane.reader.on_publish(Box::new(move || {
        let readers = reader.current().pools[0].nodes.iter().filter(|n| n.serves_reads).count();
        seen.fetch_min(readers, Ordering::Relaxed);
    }));
    let epoch = plane.reader.current().epoch;
    for sentinel in group.sentinels() {
        sentinel.ask(&["SENTINEL", "RESET", "*"]).unwrap();
    }
    let replicas_again = || {
        let known = |s: &Server| s.ask(&["SENTINEL", "REPLICAS", "shard1"]).ok()?.elements().map(<[_]>::len);
        group.sentinels().iter().all(|s| known(s) == Some(2))
    };
    wait_until(SOON * 3, "the Sentinels have found the replicas again", replicas_again).unwrap();
    assert!(fewest.load(Ordering::Relaxed) >= 2, "no replica was lost");
    assert_eq!((plane.readers(), plane.pool().nodes.len()), (2, 3));
    println!("epochs from {epoch} to {}", plane.reader.current().epoch);
    group.check_tilt().unwrap();
}

#[test]
fn passwords_and_names_are_used_on_nodes_and_sentinels() {
    let options = Options {
        password: Some("for-nodes".into()),
        sentinel_password: Some("for-sentinels".into()),
        announce_host: Some("localhost".into()),
        ..Options::new(KETCH).unwrap()
    };
    let group = Group::start(&options).unwrap();
    let secret = |text| Some(Secret::new(text));
    let auth = NodeAuth {
        password: secret("for-nodes"),
        sentinel_password: secret("for-sentinels"),
        ..NodeAuth::default()
    };
    let plane = follow(&group, auth.clone());
    plane.wait_until_whole(2);
    let pool = plane.pool();
    assert!(pool.nodes.iter().all(|n| n.address.host == "localhost" && n.socket.is_some()));
    drop(plane);

    let stranger = follow(&group, NodeAuth { password: secret("wrong"), ..auth });
    stranger.wait("nodes that refuse the password are down", |p| {
        let pool = p.pool();
        pool.nodes.len() == 3 && pool.nodes.iter().all(|n| n.health == Health::Down)
    });
    assert!(matches!(stranger.gate(), Gate::Held { reason: HoldReason::PrimaryDown, .. }));
}

/// A group that no Sentinel watches.
fn unwatched() -> (Group, Plane) {
    let group = Group::start(&Options { sentinels: 0, ..Options::new(KETCH).unwrap() }).unwrap();
    let config = config(SourceConfig::Static, addresses(group.nodes(0)), NodeAuth::default());
    let plane = Plane::start(&config);
    plane.wait_until_whole(2);
    (group, plane)
}

fn replicate(replica: &Server, of: SocketAddr) {
    let (host, port) = (of.ip().to_string(), of.port().to_string());
    replica.ask(&["REPLICAOF", &host, &port]).unwrap();
}

#[test]
fn a_static_pool_follows_what_its_nodes_follow() {
    let (group, plane) = unwatched();
    let [old, new, other] = group.nodes(0) else { panic!("three nodes") };
    assert_eq!(plane.primary(), Some(old.port()));
    new.ask(&["REPLICAOF", "NO", "ONE"]).unwrap();
    plane.wait("the second is seen to claim it", |p| p.role(new) == Some(Role::Deposed));
    assert_eq!(plane.primary(), Some(old.port()), "the third still follows the first");
    replicate(other, new.address());
    plane.wait("the third decides", |p| p.primary() == Some(new.port()));
    assert_eq!(plane.role(old), Some(Role::Deposed));
    replicate(old, new.address());
    plane.wait_until_whole(2);
}

#[test]
fn writes_are_held_while_a_primary_is_silent_and_go_on_when_it_answers() {
    let (group, plane) = unwatched();
    let primary = &group.nodes(0)[0];
    primary.pause();
    plane
        .wait("the gate is held", |p| matches!(p.gate(), Gate::Held { reason: HoldReason::PrimaryDown, .. }));
    primary.resume();
    plane.wait_until_whole(2);
    assert_eq!(plane.primary(), Some(primary.port()));
}

#[test]
fn a_crash_leaves_the_replicas_reading_and_a_restart_in_place_is_taken_up() {
    let (group, plane) = unwatched();
    let primary = &group.nodes(0)[0];
    primary.kill();
    plane.wait("the primary is down", |p| matches!(p.gate(), Gate::Held { .. }));
    assert_eq!(plane.readers(), 2);
    primary.restart().unwrap();
    plane.wait("the primary is back", |p| p.gate() == Gate::Open);
    plane.wait_until_whole(2);
}
