//! A shard, its memory and a clock, with short words for what is observed and what may be seen.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use std::sync::Arc;
use std::time::Duration;

use ketch::internals::base::{Address, ByteSize, NodeId, PoolId, ShardId, Time};
use ketch::internals::config::{
    Config, HealthRules, Limits, Log, LogFormat, NodeAuth, PoolConfig, ReadPolicy, ShardConfig, Shutdown,
    SourceConfig, Timeouts,
};
use ketch::internals::control::first_topology;
use ketch::internals::failover::{Beliefs, Next, next};
use ketch::internals::topology::{
    Gate, Health, HoldReason, Node, NodeFailure, Observation, Pool, SeenRole, SentinelView, Shard, Topology,
};

pub(super) const POOL: PoolId = PoolId(0);
pub(super) const SHARD: ShardId = ShardId(0);

pub(super) fn address(port: u16) -> Address {
    Address::new("10.0.0.1", port)
}

pub(super) fn config(source: SourceConfig, nodes: &[u16]) -> Config {
    let shard = ShardConfig {
        name: "one".into(),
        weight: 1,
        master: "one".into(),
        nodes: nodes.iter().map(|port| address(*port)).collect(),
    };
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
        address_map: vec![("172.17.0.1".into(), "10.0.0.1".into())],
        timeouts: Timeouts::default(),
        limits: Limits::default(),
        auth: NodeAuth::default(),
        users: Vec::new(),
        health: HealthRules::default(),
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

/// A topology and its memory, a clock, and short words for what is observed.
pub(super) struct World {
    topology: Topology,
    pub(super) beliefs: Beliefs,
    pub(super) now: Time,
}

impl World {
    pub(super) fn of_sentinels() -> World {
        World::new(&config(SourceConfig::Sentinel(vec![address(26379)]), &[]))
    }

    pub(super) fn of_nodes(ports: &[u16]) -> World {
        World::new(&config(SourceConfig::Static, ports))
    }

    pub(super) fn new(config: &Config) -> World {
        let topology = first_topology(config);
        let beliefs = Beliefs::new(&topology);
        World { topology, beliefs, now: Time::from_millis(1000) }
    }

    /// A stable shard: 1 is the primary, 2 and 3 follow it.
    pub(super) fn stable() -> World {
        let mut world = World::of_sentinels();
        world.said("a", 1, 5, &[2, 3]);
        world.is_primary(1);
        world.is_replica(2, 1);
        world.is_replica(3, 1);
        for port in [1, 2, 3] {
            world.answers(port);
        }
        world
    }

    pub(super) fn observe(&mut self, observation: Observation) -> Next {
        let mut next = next(&self.topology, &mut self.beliefs, &observation, self.now);
        if let Some(topology) = next.topology.take() {
            assert_eq!(topology.epoch.0, self.topology.epoch.0 + 1, "an epoch grows by one");
            self.topology = topology;
        }
        next
    }

    pub(super) fn said(&mut self, sentinel: &str, primary: u16, epoch: u64, replicas: &[u16]) -> Next {
        self.observe(Observation::SentinelSaid(SentinelView {
            pool: POOL,
            shard: SHARD,
            sentinel: sentinel.into(),
            primary: address(primary),
            config_epoch: epoch,
            replicas: replicas.iter().map(|port| address(*port)).collect(),
            tilt: false,
            other_sentinels: 2,
            down_after: Duration::from_secs(2),
            at: self.now,
        }))
    }

    /// A Sentinel is about to promote that one.
    pub(super) fn selected(&mut self, port: u16) -> Next {
        self.later(100);
        let replica = address(port);
        self.observe(Observation::ReplicaSelected { pool: POOL, shard: SHARD, replica })
    }

    pub(super) fn is_primary(&mut self, port: u16) -> Next {
        self.role(port, SeenRole::Primary)
    }

    pub(super) fn is_replica(&mut self, port: u16, of: u16) -> Next {
        self.role(port, SeenRole::Replica { of: address(of), link_up: true })
    }

    pub(super) fn lost_its_link(&mut self, port: u16, of: u16) -> Next {
        self.role(port, SeenRole::Replica { of: address(of), link_up: false })
    }

    pub(super) fn role(&mut self, port: u16, role: SeenRole) -> Next {
        self.later(1);
        let node = self.id(port);
        self.observe(Observation::RoleSeen { pool: POOL, node, role })
    }

    pub(super) fn answers(&mut self, port: u16) -> Next {
        let node = self.id(port);
        self.observe(Observation::NodeAnswered { pool: POOL, node })
    }

    pub(super) fn fails(&mut self, port: u16, failure: NodeFailure) -> Next {
        let node = self.id(port);
        self.observe(Observation::NodeFailed { pool: POOL, node, failure })
    }

    /// As many failed probes as it takes.
    pub(super) fn goes_down(&mut self, port: u16) {
        for _ in 0..self.pool().config.health.fail {
            self.later(1000);
            self.fails(port, NodeFailure::Connect);
        }
        assert_eq!(self.node(port).health, Health::Down);
    }

    pub(super) fn later(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
    }

    pub(super) fn pool(&self) -> &Pool {
        self.topology.pool(POOL)
    }

    pub(super) fn shard(&self) -> &Shard {
        self.pool().shard(SHARD)
    }

    pub(super) fn find(&self, port: u16) -> Option<&Node> {
        self.pool().nodes.iter().find(|n| n.address.port == port)
    }

    pub(super) fn node(&self, port: u16) -> &Node {
        self.find(port).unwrap_or_else(|| panic!("no node {port}"))
    }

    pub(super) fn id(&self, port: u16) -> NodeId {
        self.node(port).id
    }

    pub(super) fn primary(&self) -> Option<u16> {
        self.pool().primary(SHARD).map(|n| n.address.port)
    }

    pub(super) fn held(&self) -> Option<HoldReason> {
        match self.shard().gate {
            Gate::Open => None,
            Gate::Held { reason, .. } => Some(reason),
        }
    }

    /// Ports of the replicas that serve reads.
    pub(super) fn readers(&self) -> Vec<u16> {
        self.pool().nodes.iter().filter(|n| n.serves_reads).map(|n| n.address.port).collect()
    }
}
