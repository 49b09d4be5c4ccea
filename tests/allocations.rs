//! The hot path allocates nothing: requests with one key, and splits of sixteen keys, on ready upstreams
//! once the worker is warm. A binary of its own, for its allocator counts; no harness, so that nothing
//! else allocates meanwhile.
#![expect(unsafe_code, reason = "an allocator can't be written without")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ketch::internals::base::{Address, ByteSize, ClientId, ListenerId, NodeId, Time, UpstreamId, WorkerId};
use ketch::internals::config::{
    Config, HealthRules, Limits, ListenerConfig, Log, LogFormat, NodeAuth, PoolConfig, ReadPolicy, Route,
    ShardConfig, Shutdown, SourceConfig, Timeouts,
};
use ketch::internals::control::first_topology;
use ketch::internals::engine::{Action, Engine, Party, Setting};
use ketch::internals::metrics::Registry;
use ketch::internals::resp::command;
use ketch::internals::topology::{Gate, Health, ProcessFacts, Role, Topology};

struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: everything is the system's allocator's; here it is only counted.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are passed on.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }
    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SHARDS: usize = 2;

/// An engine whose nodes are this test: it knows beforehand what each will answer.
struct Bench {
    engine: Engine,
    now: Time,
    client: ClientId,
    upstreams: Vec<UpstreamId>,
}

impl Bench {
    fn new() -> Bench {
        let mut engine = Engine::new(Setting {
            topology: Arc::new(topology()),
            facts: Arc::new(ProcessFacts::new(1)),
            registry: Registry::new(),
            worker: WorkerId(0),
            workers: 1,
            seed: 1,
            wall_at_origin: Duration::ZERO,
            now: Time::from_millis(1),
        });
        let mut upstreams = Vec::new();
        while let Some(action) = engine.next_action() {
            if let Action::Connect { upstream, .. } = action {
                upstreams.push(upstream);
            }
        }
        for id in &upstreams {
            engine.upstream_opened(*id);
            engine.wrote(Party::Upstream(*id), engine.output(Party::Upstream(*id)).len());
            engine.upstream_bytes(*id, b"+OK\r\n$-1\r\n$-1\r\n*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
        }
        while engine.next_action().is_some() {}
        let client = engine.client_opened(ListenerId(0), SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9));
        Bench { engine, now: Time::from_millis(1), client, upstreams }
    }

    /// A turn in which a client says this, and one in which the nodes' replies come, the last shard's first.
    fn round(&mut self, requests: &[u8], replies: &[Vec<u8>]) {
        self.turn(|engine, client, _| engine.client_bytes(client, requests));
        self.turn(|engine, _, upstreams| {
            for (id, reply) in upstreams.iter().zip(replies).rev() {
                engine.upstream_bytes(*id, reply);
            }
        });
    }

    fn turn(&mut self, event: impl FnOnce(&mut Engine, ClientId, &[UpstreamId])) {
        self.now = self.now + Duration::from_micros(10);
        self.engine.begin_turn(self.now);
        event(&mut self.engine, self.client, &self.upstreams);
        self.engine.settle();
        assert_eq!(self.engine.next_action(), None, "nothing is to be done but to write");
        while let Some(party) = self.engine.next_dirty() {
            let n = self.engine.output(party).len();
            self.engine.wrote(party, n);
        }
    }
}

fn topology() -> Topology {
    let shard = |index: usize| ShardConfig {
        name: format!("s{index}"),
        weight: 1,
        master: format!("s{index}"),
        nodes: vec![Address::new("10.0.0.1", 7000 + index as u16)],
    };
    let address = Address::new("127.0.0.1", 6379);
    let pool = PoolConfig {
        name: "main".into(),
        listeners: vec![ListenerConfig { address, announce: None, route: Route::Auto, reads: None }],
        source: SourceConfig::Static,
        shards: (0..SHARDS).map(shard).collect(),
        hash: "fnv1a_64".into(),
        distribution: "ketama".into(),
        hash_tag: None,
        db: 0,
        reads: ReadPolicy::Primary,
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
        auth: NodeAuth::default(),
        users: Vec::new(),
        health: HealthRules::default(),
    };
    let mut topology = first_topology(&Config {
        name: "allocations".into(),
        threads: None,
        admin: None,
        log: Log { level: "info".into(), format: LogFormat::Auto },
        shutdown: Shutdown { delay: Duration::ZERO, timeout: Duration::ZERO },
        pools: vec![Arc::new(pool)],
    });
    let pool = Arc::make_mut(&mut topology.pools[0]);
    for (i, shard) in pool.shards.iter_mut().enumerate() {
        shard.primary = Some(NodeId(i as u32));
        shard.gate = Gate::Open;
    }
    for (i, node) in pool.nodes.iter_mut().enumerate() {
        node.socket = Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7000 + i as u16));
        (node.role, node.health) = (Role::Primary, Health::Up);
    }
    topology
}

/// What the nodes answer to each request, by the shard of its key.
fn pipeline() -> (Vec<u8>, Vec<Vec<u8>>) {
    let placement = Arc::clone(&topology().pools[0].placement);
    let (mut requests, mut replies) = (Vec::new(), vec![Vec::new(); SHARDS]);
    for n in 0..64 {
        let key = format!("key:{n}");
        let reply = &mut replies[placement.shard(key.as_bytes(), || 0)];
        if n % 3 == 0 {
            command(&mut requests, &["SET", &key, "a value of some length"]);
            reply.extend_from_slice(b"+OK\r\n");
        } else {
            command(&mut requests, &["GET", &key]);
            reply.extend_from_slice(b"$5\r\nhello\r\n");
        }
    }
    (requests, replies)
}

fn split() -> (Vec<u8>, Vec<Vec<u8>>) {
    let placement = Arc::clone(&topology().pools[0].placement);
    let (mut requests, mut counts) = (Vec::new(), [0; SHARDS]);
    let keys: Vec<String> = (0..16).map(|n| format!("key:{n}")).collect();
    let words: Vec<&str> = core::iter::once("MGET").chain(keys.iter().map(String::as_str)).collect();
    command(&mut requests, &words);
    keys.iter().for_each(|key| counts[placement.shard(key.as_bytes(), || 0)] += 1);
    assert!(counts.iter().all(|count| *count > 0), "it is a split");
    let reply = |count: &usize| [format!("*{count}\r\n").as_bytes(), &b"$1\r\nv\r\n".repeat(*count)].concat();
    (requests, counts.iter().map(reply).collect())
}

/// Allocations of a hundred rounds after a hundred to get warm.
fn count(requests: &[u8], replies: &[Vec<u8>]) -> u64 {
    let mut bench = Bench::new();
    (0..100).for_each(|_| bench.round(requests, replies));
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    (0..100).for_each(|_| bench.round(requests, replies));
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

fn main() {
    let mut failed = 0;
    for (name, (requests, replies)) in
        [("a pipeline of one-key requests", pipeline()), ("a split MGET", split())]
    {
        let count = count(&requests, &replies);
        let verdict = if count == 0 { "ok" } else { "FAILED" };
        println!("test {name} over two shards allocates nothing ({count}) ... {verdict}");
        failed += u32::from(count != 0);
    }
    let word = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {word}. {} passed; {failed} failed;", 2 - failed);
    std::process::exit(failed as i32);
}
