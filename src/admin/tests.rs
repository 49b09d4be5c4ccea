//! The admin listener through a real socket, over a topology built by hand.

use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{Admin, serve};
use crate::base::{Address, Epoch, ListenerId, NodeId, PoolId, Secret, ShardId, Time};
use crate::config::{self, PoolConfig, ReadPolicy, Route};
use crate::metrics::Registry;
use crate::placement::Placement;
use crate::topology::{
    Gate, Health, HoldReason, ListenerInfo, Node, NodeState, Pool, ProcessFacts, Publisher, Role, Shard,
    Topology, publisher,
};

fn address(port: u16) -> Address {
    Address::new("127.0.0.1", port)
}

fn pool_config(name: &str) -> PoolConfig {
    let shard =
        |name: &str| config::ShardConfig { name: name.into(), weight: 1, master: name.into(), nodes: vec![] };
    PoolConfig {
        name: name.into(),
        listeners: vec![],
        source: config::SourceConfig::Sentinel(vec![address(26379)]),
        shards: vec![shard("a"), shard("b")],
        hash: "fnv1a_64".into(),
        distribution: "ketama".into(),
        hash_tag: Some(*b"{}"),
        db: 0,
        reads: ReadPolicy::Primary,
        cross_shard_writes: true,
        insecure: false,
        hold: None,
        hold_max: 100,
        hold_max_bytes: crate::base::ByteSize::mib(1),
        read_retries: 2,
        sentinel_refresh: Duration::from_secs(10),
        forget_after: Duration::from_secs(60),
        address_map: vec![],
        timeouts: config::Timeouts::default(),
        limits: config::Limits::default(),
        auth: config::NodeAuth { password: Some(Secret::new("hush-node")), ..config::NodeAuth::default() },
        users: vec![config::User { name: "app".into(), password: Secret::new("hush-user") }],
        health: config::HealthRules::default(),
    }
}

fn node(id: u32, shard: u16, role: Role, health: Health) -> Node {
    Node {
        id: NodeId(id),
        shard: ShardId(shard),
        address: address(7000 + id as u16),
        socket: None,
        role,
        health,
        state: NodeState::Ready,
        serves_reads: role == Role::Replica,
        facts: Arc::default(),
    }
}

/// Shard `a` has a primary and a replica, shard `b` has lost its primary.
fn pool(id: u16, name: &str) -> Pool {
    let shard = |id: u16, name: &str, primary: Option<u32>, gate| Shard {
        id: ShardId(id),
        name: name.into(),
        primary: primary.map(NodeId),
        gate,
        since: Time::ZERO,
        facts: Arc::default(),
    };
    let held = Gate::Held { reason: HoldReason::PrimaryDown, since: Time::ZERO };
    Pool {
        id: PoolId(id),
        config: Arc::new(pool_config(name)),
        placement: Arc::new(
            Placement::new("fnv1a_64", "ketama", Some(*b"{}"), &[("a", 1), ("b", 1)]).unwrap(),
        ),
        shards: vec![shard(0, "a", Some(1), Gate::Open), shard(1, "b", Some(3), held)],
        nodes: vec![
            node(1, 0, Role::Primary, Health::Up),
            node(2, 0, Role::Replica, Health::Suspect),
            node(3, 1, Role::Primary, Health::Down),
        ],
        facts: Arc::default(),
        learned: Arc::default(),
        hold: Duration::from_secs(15),
    }
}

fn topology(epoch: u64, pools: Vec<Pool>) -> Topology {
    let listener = ListenerInfo {
        id: ListenerId(0),
        pool: PoolId(0),
        address: address(6380),
        announce: None,
        route: Route::Auto,
        reads: ReadPolicy::PreferReplica,
    };
    Topology {
        epoch: Epoch(epoch),
        pools: pools.into_iter().map(Arc::new).collect(),
        listeners: Arc::new([listener]),
    }
}

struct Fixture {
    address: core::net::SocketAddr,
    admin: Arc<Admin>,
    publisher: Publisher,
    stop: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
}

async fn start(pools: Vec<Pool>) -> Fixture {
    let (publisher, reader) = publisher(topology(1, pools));
    let facts = Arc::new(ProcessFacts::new(2));
    facts.workers.iter().for_each(|worker| worker.saw(Epoch(1)));
    // In the past, so that the process seems to have run for a minute.
    let origin = Instant::now().checked_sub(Duration::from_secs(60)).unwrap();
    let admin = Arc::new(Admin::new("test", origin, reader, Registry::new(), facts));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = watch::channel(false);
    let server = tokio::spawn(serve(listener, Arc::clone(&admin), stopped));
    Fixture { address, admin, publisher, stop, server }
}

impl Fixture {
    /// Status, head and body.
    async fn get(&self, path: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_owned(), body.to_owned())
    }

    async fn expect(&self, path: &str, status: u16, part: &str) {
        let (got, _, body) = self.get(path).await;
        assert_eq!(got, status, "{path}: {body}");
        assert!(body.contains(part), "{path}: {part:?} is not in {body:?}");
    }
}

#[tokio::test]
async fn ready_means_bound_not_draining_and_a_shard_writable() {
    let ketch = start(vec![pool(0, "main")]).await;
    ketch.expect("/readyz", 503, "listeners not bound").await;
    ketch.admin.listeners_are_bound();
    ketch.expect("/readyz", 200, "ready").await;
    ketch.expect("/readyz?verbose", 200, "[+] 1 of 2 shards writable, main/b: primary_down for 60 s").await;
    ketch.admin.facts.draining.store(true, Ordering::Relaxed);
    ketch.expect("/readyz", 503, "[-] draining").await;
    ketch.expect("/readyz?verbose", 503, "[+] listeners bound").await;
    ketch.admin.facts.drain(crate::base::Time::from_millis(60_000));
    ketch.expect("/readyz?verbose", 503, "[-] listeners closed").await;
    ketch.expect("/livez", 200, "live").await;
}

#[tokio::test]
async fn ready_can_be_asked_of_one_pool() {
    let mut dead = pool(1, "dead");
    dead.shards[0].primary = None;
    let ketch = start(vec![pool(0, "main"), dead]).await;
    ketch.admin.listeners_are_bound();
    ketch.expect("/readyz", 200, "ready").await;
    ketch.expect("/readyz?pool=main", 200, "ready").await;
    ketch.expect("/readyz?pool=dead&verbose", 503, "[-] 0 of 2 shards writable, dead/a: no primary").await;
    ketch.expect("/readyz?pool=other", 404, "no such pool").await;
}

#[tokio::test]
async fn a_redis_outage_leaves_the_process_live_and_not_ready() {
    let mut ketch = start(vec![pool(0, "main")]).await;
    ketch.admin.listeners_are_bound();
    let mut dead = pool(0, "main");
    dead.shards[0].primary = None;
    ketch.publisher.publish(topology(2, vec![dead]));
    ketch.expect("/livez", 200, "live").await;
    ketch.expect("/healthz", 200, "live").await;
    ketch.expect("/readyz", 503, "main/a: no primary").await;
}

#[tokio::test]
async fn the_snapshot_shows_everything_but_secrets() {
    let ketch = start(vec![pool(0, "main")]).await;
    let (status, head, body) = ketch.get("/api/v1/snapshot").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: application/json"), "{head}");
    assert!(!body.contains("hush"), "{body}");
    let json: serde_json::Value = serde_json::from_str(&body).unwrap();
    let at = |path: &str| json.pointer(path).unwrap_or_else(|| panic!("{path} in {body}"));
    assert_eq!(at("/name"), "test");
    assert_eq!(at("/epoch"), 1);
    assert!(at("/uptime_seconds").as_f64().unwrap() >= 60.0);
    assert_eq!(at("/workers").as_array().unwrap().len(), 2);
    assert_eq!(at("/pools/0/name"), "main");
    assert_eq!(at("/pools/0/hash_tag"), "{}");
    assert_eq!(at("/pools/0/listeners/0/address"), "127.0.0.1:6380");
    assert_eq!(at("/pools/0/listeners/0/reads"), "prefer-replica");
    assert_eq!(at("/pools/0/shards/0/primary"), "127.0.0.1:7001");
    assert_eq!(at("/pools/0/shards/0/gate"), "open");
    assert_eq!(at("/pools/0/shards/0/nodes/1/role"), "replica");
    assert_eq!(at("/pools/0/shards/1/held_reason"), "primary_down");
    assert_eq!(at("/pools/0/shards/1/writable"), false);
    assert_eq!(at("/pools/0/shards/1/nodes/0/health"), "down");
    assert!(at("/pools/0/shards/1/nodes/0/last_answer_seconds").is_null());
}

#[tokio::test]
async fn metrics_are_the_topology_s_and_what_was_counted() {
    let ketch = start(vec![pool(0, "main")]).await;
    ketch.admin.reader.current().pools[0].facts.reserve_client(0);
    let counted = ketch.admin.registry.counter(&crate::metrics::catalog::OBSERVATIONS_DROPPED_TOTAL, &[]);
    counted.inc();
    let (status, head, body) = ketch.get("/metrics").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"), "{head}");
    for line in [
        concat!("ketch_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
        "ketch_topology_epoch 1",
        "ketch_observations_dropped_total 1",
        "ketch_client_connections_rejected_total{pool=\"main\",reason=\"max_clients\"} 1",
        "ketch_shard_writable{pool=\"main\",shard=\"a\"} 1",
        "ketch_shard_writable{pool=\"main\",shard=\"b\"} 0",
        "ketch_failovers_total{pool=\"main\",shard=\"a\"} 0",
        "ketch_node_up{pool=\"main\",shard=\"a\",node=\"127.0.0.1:7002\"} 1",
        "ketch_node_up{pool=\"main\",shard=\"b\",node=\"127.0.0.1:7003\"} 0",
        "ketch_node_role{pool=\"main\",shard=\"a\",node=\"127.0.0.1:7002\",role=\"primary\"} 0",
        "ketch_node_role{pool=\"main\",shard=\"a\",node=\"127.0.0.1:7002\",role=\"replica\"} 1",
        "ketch_node_state{pool=\"main\",shard=\"a\",node=\"127.0.0.1:7001\",state=\"ready\"} 1",
        "# TYPE process_cpu_seconds_total counter",
        "# TYPE process_open_fds gauge",
    ] {
        assert!(body.lines().any(|l| l == line), "{line} is not in\n{body}");
    }
}

#[tokio::test]
async fn the_front_page_links_what_there_is() {
    let ketch = start(vec![pool(0, "main")]).await;
    let (status, head, body) = ketch.get("/").await;
    assert_eq!(status, 200);
    assert!(head.contains("content-security-policy"), "{head}");
    for link in body.split("href=\"").skip(1) {
        let path = link.split('"').next().unwrap();
        let (status, ..) = ketch.get(&format!("/{path}")).await;
        assert_ne!(status, 404, "{path}");
    }
    ketch.expect("/nothing", 404, "Not found").await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_does_not_delay_the_end() {
    let ketch = start(vec![pool(0, "main")]).await;
    let _silent = TcpStream::connect(ketch.address).await.unwrap();
    let mut half = TcpStream::connect(ketch.address).await.unwrap();
    half.write_all(b"GET / HT").await.unwrap();
    ketch.expect("/livez", 200, "live").await;
    ketch.stop.send(true).unwrap();
    tokio::time::timeout(Duration::from_secs(10), ketch.server).await.unwrap().unwrap();
}
