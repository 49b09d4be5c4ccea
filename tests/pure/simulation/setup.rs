//! What a simulated deployment looks like: a pool's configuration, its first topology, and chance.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ketch::internals::base::{Address, ByteSize, NodeId, Secret, ShardId, Time};
use ketch::internals::config::{
    Config, HealthRules, Limits, ListenerConfig, Log, LogFormat, NodeAuth, PoolConfig, ReadPolicy, Route,
    ShardConfig, Shutdown, SourceConfig, Timeouts,
};
use ketch::internals::control::first_topology;
use ketch::internals::topology::{Gate, Health, Node, NodeState, Role, Topology};

/// A small generator: the same seed makes the same world (splitmix64, S. Vigna).
#[derive(Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Chance {
        Chance(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, or 0.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        if n == 0 { 0 } else { (self.next() % n as u64) as usize }
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    /// How many of `n` things happen at once: often few, often all.
    pub(crate) fn some_of(&mut self, n: usize) -> usize {
        match self.below(4) {
            0 => n.min(1 + self.below(3)),
            1 => n.min(1 + self.below(200)),
            2 => 1 + self.below(n.max(1)),
            _ => n,
        }
        .min(n)
    }
}

/// What is chosen of a deployment; the rest is as small as makes its limits felt.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) workers: usize,
    pub(crate) shards: usize,
    /// Nodes of each shard: a primary and its replicas.
    pub(crate) nodes: usize,
    pub(crate) reads: ReadPolicy,
    pub(crate) db: u32,
    pub(crate) password: bool,
    pub(crate) hold: Duration,
    pub(crate) hold_max: usize,
    pub(crate) limits: Limits,
}

impl Default for Plan {
    fn default() -> Plan {
        Plan {
            workers: 1,
            shards: 2,
            nodes: 2,
            reads: ReadPolicy::Primary,
            db: 0,
            password: false,
            hold: Duration::from_secs(3),
            hold_max: 10_000,
            limits: Limits { upstream_buffer: ByteSize::kib(32), ..Limits::default() },
        }
    }
}

pub(crate) fn address(node: usize) -> Address {
    Address::new("10.0.0.1", 7000 + node as u16)
}

pub(crate) fn socket(node: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 7000 + node as u16)
}

pub(crate) fn client_socket(number: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000 + (number % 20_000) as u16)
}

/// The topology in which the first node of each shard is its primary and the others may be read from.
pub(crate) fn topology(plan: &Plan) -> Topology {
    let mut topology = first_topology(&config(plan));
    let pool = Arc::make_mut(&mut topology.pools[0]);
    for shard in &mut pool.shards {
        shard.primary = Some(NodeId((usize::from(shard.id.0) * plan.nodes) as u32));
        shard.gate = Gate::Open;
    }
    for (i, node) in pool.nodes.iter_mut().enumerate() {
        settle(node, i.is_multiple_of(plan.nodes));
    }
    topology
}

fn settle(node: &mut Node, primary: bool) {
    node.socket = Some(socket(node.id.0 as usize));
    node.role = if primary { Role::Primary } else { Role::Replica };
    node.health = Health::Up;
    node.state = NodeState::Ready;
    node.serves_reads = !primary;
}

/// One more replica of a shard.
pub(crate) fn replica(topology: &Topology, id: usize, shard: ShardId) -> Node {
    let mut node = topology.pools[0].nodes[0].clone();
    node.id = NodeId(id as u32);
    node.shard = shard;
    node.address = address(id);
    node.facts = Arc::default();
    settle(&mut node, false);
    node
}

fn config(plan: &Plan) -> Config {
    let shard = |index: usize| ShardConfig {
        name: format!("s{index}"),
        weight: 1,
        master: format!("s{index}"),
        nodes: (0..plan.nodes).map(|n| address(index * plan.nodes + n)).collect(),
    };
    let listener = ListenerConfig {
        address: Address::new("127.0.0.1", 6379),
        announce: None,
        route: Route::Auto,
        reads: None,
    };
    let pool = PoolConfig {
        name: "main".into(),
        listeners: vec![listener],
        source: SourceConfig::Static,
        shards: (0..plan.shards).map(shard).collect(),
        hash: "fnv1a_64".into(),
        distribution: "modula".into(),
        hash_tag: None,
        db: plan.db,
        reads: plan.reads,
        cross_shard_writes: true,
        insecure: false,
        hold: Some(plan.hold),
        hold_max: plan.hold_max,
        hold_max_bytes: ByteSize::mib(4),
        read_retries: 2,
        sentinel_refresh: Duration::from_secs(10),
        forget_after: Duration::from_secs(60),
        address_map: Vec::new(),
        timeouts: Timeouts { request: Duration::from_secs(2), ..Timeouts::default() },
        limits: plan.limits,
        auth: NodeAuth { password: plan.password.then(|| Secret::new("secret")), ..NodeAuth::default() },
        users: Vec::new(),
        health: HealthRules::default(),
    };
    Config {
        name: "simulation".into(),
        threads: None,
        admin: None,
        log: Log { level: "info".into(), format: LogFormat::Auto },
        shutdown: Shutdown { delay: Duration::ZERO, timeout: Duration::ZERO },
        pools: vec![Arc::new(pool)],
    }
}

/// Where simulated time begins: not at zero, so that "a while ago" exists.
pub(crate) const START: Time = Time::from_millis(100_000);
