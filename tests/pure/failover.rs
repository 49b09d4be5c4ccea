//! What happens when a primary changes, as data: observations in, topologies and happenings out. Then
//! the same in a random world, with the invariants checked after each step.

use std::sync::Arc;
use std::time::Duration;

use ketch::internals::base::{Address, ByteSize, NodeId, PoolId, ShardId, Time};
use ketch::internals::config::{
    Config, HealthRules, Limits, Log, LogFormat, NodeAuth, PoolConfig, ReadPolicy, ShardConfig, Shutdown,
    SourceConfig, Timeouts,
};
use ketch::internals::control::first_topology;
use ketch::internals::failover::{Ask, Beliefs, Happened, Next, next};
use ketch::internals::topology::{
    Gate, Health, HoldReason, Node, NodeFailure, NodeState, Observation, Pool, Role, SeenRole, SentinelView,
    Shard, Topology,
};

const POOL: PoolId = PoolId(0);
const SHARD: ShardId = ShardId(0);

fn address(port: u16) -> Address {
    Address::new("10.0.0.1", port)
}

fn config(source: SourceConfig, nodes: &[u16]) -> Config {
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
struct World {
    topology: Topology,
    beliefs: Beliefs,
    now: Time,
}

impl World {
    fn of_sentinels() -> World {
        World::new(&config(SourceConfig::Sentinel(vec![address(26379)]), &[]))
    }

    fn of_nodes(ports: &[u16]) -> World {
        World::new(&config(SourceConfig::Static, ports))
    }

    fn new(config: &Config) -> World {
        let topology = first_topology(config);
        let beliefs = Beliefs::new(&topology);
        World { topology, beliefs, now: Time::from_millis(1000) }
    }

    /// A stable shard: 1 is the primary, 2 and 3 follow it.
    fn stable() -> World {
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

    fn observe(&mut self, observation: Observation) -> Next {
        let mut next = next(&self.topology, &mut self.beliefs, &observation, self.now);
        if let Some(topology) = next.topology.take() {
            assert_eq!(topology.epoch.0, self.topology.epoch.0 + 1, "an epoch grows by one");
            self.topology = topology;
        }
        next
    }

    fn said(&mut self, sentinel: &str, primary: u16, epoch: u64, replicas: &[u16]) -> Next {
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

    fn is_primary(&mut self, port: u16) -> Next {
        self.role(port, SeenRole::Primary)
    }

    fn is_replica(&mut self, port: u16, of: u16) -> Next {
        self.role(port, SeenRole::Replica { of: address(of), link_up: true })
    }

    fn lost_its_link(&mut self, port: u16, of: u16) -> Next {
        self.role(port, SeenRole::Replica { of: address(of), link_up: false })
    }

    fn role(&mut self, port: u16, role: SeenRole) -> Next {
        self.later(1);
        let node = self.id(port);
        self.observe(Observation::RoleSeen { pool: POOL, node, role })
    }

    fn answers(&mut self, port: u16) -> Next {
        let node = self.id(port);
        self.observe(Observation::NodeAnswered { pool: POOL, node })
    }

    fn fails(&mut self, port: u16, failure: NodeFailure) -> Next {
        let node = self.id(port);
        self.observe(Observation::NodeFailed { pool: POOL, node, failure })
    }

    /// As many failed probes as it takes.
    fn goes_down(&mut self, port: u16) {
        for _ in 0..self.pool().config.health.fail {
            self.later(1000);
            self.fails(port, NodeFailure::Connect);
        }
        assert_eq!(self.node(port).health, Health::Down);
    }

    fn later(&mut self, ms: u64) {
        self.now = self.now + Duration::from_millis(ms);
    }

    fn pool(&self) -> &Pool {
        self.topology.pool(POOL)
    }

    fn shard(&self) -> &Shard {
        self.pool().shard(SHARD)
    }

    fn find(&self, port: u16) -> Option<&Node> {
        self.pool().nodes.iter().find(|n| n.address.port == port)
    }

    fn node(&self, port: u16) -> &Node {
        self.find(port).unwrap_or_else(|| panic!("no node {port}"))
    }

    fn id(&self, port: u16) -> NodeId {
        self.node(port).id
    }

    fn primary(&self) -> Option<u16> {
        self.pool().primary(SHARD).map(|n| n.address.port)
    }

    fn held(&self) -> Option<HoldReason> {
        match self.shard().gate {
            Gate::Open => None,
            Gate::Held { reason, .. } => Some(reason),
        }
    }

    /// Ports of the replicas that serve reads.
    fn readers(&self) -> Vec<u16> {
        self.pool().nodes.iter().filter(|n| n.serves_reads).map(|n| n.address.port).collect()
    }
}

fn asks_source(next: &Next) -> bool {
    next.ask.contains(&Ask::Source { pool: POOL })
}

#[test]
fn nothing_is_believed_at_the_start() {
    let world = World::of_sentinels();
    assert_eq!((world.primary(), world.held()), (None, Some(HoldReason::NoPrimary)));
    assert_eq!(world.pool().hold, Duration::from_secs(15));
}

#[test]
fn the_named_primary_is_believed_at_once_and_replicas_serve_once_they_follow_it() {
    let mut world = World::of_sentinels();
    let next = world.said("a", 1, 5, &[2, 3]);
    assert_eq!((world.primary(), world.held()), (Some(1), None));
    assert!(next.ask.contains(&Ask::Nodes { pool: POOL, shard: SHARD }));
    assert_eq!(world.node(2).role, Role::Unknown);
    world.is_replica(2, 1);
    assert_eq!((world.node(2).role, world.readers()), (Role::Replica, vec![]), "not before it answers");
    world.answers(2);
    assert_eq!(world.readers(), [2]);
    world.lost_its_link(2, 1);
    assert_eq!(world.readers(), [2], "its primary may be dead: then nobody else serves");
    world.later(1);
    world.answers(1);
    assert_eq!(world.readers(), [0u16; 0], "the primary lives and the replica has lost it");
}

#[test]
fn a_failover_deposes_the_old_primary_until_it_follows() {
    let mut world = World::stable();
    world.fails(1, NodeFailure::Lost);
    world.later(2500);
    let next = world.said("a", 2, 6, &[1, 3]);
    assert_eq!((world.primary(), world.held()), (Some(2), None));
    assert_eq!((world.node(1).role, world.node(2).role), (Role::Deposed, Role::Primary));
    let (from, to) = (world.id(1), world.id(2));
    let took = Duration::from_millis(2500);
    let done = Happened::FailoverDone { pool: POOL, shard: SHARD, from, to, took };
    assert!(next.happened.contains(&done), "{next:?}");
    assert_eq!(world.readers(), [0u16; 0], "3 still follows the old one");
    world.is_replica(3, 2);
    assert_eq!(world.readers(), [3]);
    // It comes back and claims to be what it was.
    world.answers(1);
    world.is_primary(1);
    assert_eq!((world.primary(), world.node(1).role), (Some(2), Role::Deposed));
    world.lost_its_link(1, 2);
    assert_eq!((world.node(1).role, world.node(1).serves_reads), (Role::Replica, false));
    world.is_replica(1, 2);
    assert_eq!(world.readers(), [1, 3]);
}

#[test]
fn a_deposed_primary_that_follows_somebody_else_stays_deposed() {
    let mut world = World::stable();
    world.said("a", 2, 6, &[1, 3]);
    world.is_replica(1, 3);
    assert_eq!(world.node(1).role, Role::Deposed);
}

#[test]
fn a_late_sentinel_takes_nothing_back() {
    let mut world = World::stable();
    world.said("a", 2, 6, &[1, 3]);
    for sentinel in ["b", "c"] {
        world.said(sentinel, 1, 5, &[2, 3]);
        assert_eq!(world.primary(), Some(2));
    }
}

#[test]
fn sentinels_that_were_reset_are_followed_only_to_a_node_that_says_it_is_primary() {
    let mut world = World::stable();
    world.said("b", 3, 1, &[]);
    world.said("a", 3, 1, &[]);
    assert_eq!(world.primary(), Some(1));
    world.is_primary(3);
    world.said("a", 3, 1, &[]);
    assert_eq!(world.primary(), Some(3));
    world.said("a", 3, 2, &[]);
    assert_eq!(world.primary(), Some(3));
}

#[test]
fn a_disagreement_rings_once_and_changes_nothing() {
    let mut world = World::stable();
    let rings = |next: &Next| next.happened.iter().any(|h| matches!(h, Happened::Disputed { .. }));
    assert!(rings(&world.said("b", 2, 5, &[])));
    assert!(!rings(&world.said("b", 2, 5, &[])));
    assert_eq!(world.primary(), Some(1));
    world.said("b", 1, 5, &[2, 3]);
    assert!(rings(&world.said("b", 2, 5, &[])));
}

#[test]
fn a_primary_that_says_it_is_a_replica_holds_the_writes_and_the_source_is_asked() {
    let mut world = World::stable();
    world.later(100);
    let next = world.is_replica(1, 2);
    assert!(asks_source(&next), "{next:?}");
    assert_eq!((world.primary(), world.held()), (Some(1), Some(HoldReason::Moving)));
    world.is_primary(1);
    assert_eq!(world.held(), None);
    world.is_replica(1, 2);
    world.said("a", 2, 6, &[1, 3]);
    assert_eq!((world.primary(), world.held()), (Some(2), None));
}

#[test]
fn what_a_node_said_before_it_was_named_does_not_hold_writes() {
    let mut world = World::stable();
    world.is_replica(2, 1);
    world.said("b", 2, 6, &[1, 3]);
    assert_eq!((world.primary(), world.held()), (Some(2), None));
}

#[test]
fn a_replica_that_claims_to_be_primary_gets_no_traffic_and_the_source_is_asked() {
    let mut world = World::stable();
    world.later(100);
    assert!(asks_source(&world.is_primary(2)));
    assert_eq!((world.primary(), world.held()), (Some(1), None));
    assert_eq!((world.node(2).role, world.readers()), (Role::Deposed, vec![3]));
    world.is_replica(2, 1);
    assert_eq!(world.readers(), [2, 3]);
}

#[test]
fn a_doubt_asks_the_source_and_doubts_in_a_row_are_one() {
    let mut world = World::stable();
    world.later(100);
    let doubt = || Observation::TopologyDoubted { pool: POOL, shard: SHARD };
    assert!(asks_source(&world.observe(doubt())));
    world.later(19);
    assert!(!asks_source(&world.observe(doubt())));
    world.later(1);
    assert!(asks_source(&world.observe(doubt())));
    world.observe(Observation::TopologyDoubted { pool: POOL, shard: ShardId(9) });
}

#[test]
fn a_shard_in_trouble_is_asked_about_until_it_is_well() {
    let mut world = World::stable();
    world.later(1000);
    assert!(!asks_source(&world.observe(Observation::Tick)));
    assert!(asks_source(&world.fails(1, NodeFailure::Lost)));
    world.later(100);
    assert!(!asks_source(&world.observe(Observation::Tick)));
    world.later(150);
    assert!(asks_source(&world.observe(Observation::Tick)));
    world.answers(1);
    world.later(1000);
    assert!(!asks_source(&world.observe(Observation::Tick)));
}

#[test]
fn a_node_is_down_after_some_failures_in_a_row_and_up_after_some_answers() {
    let mut world = World::stable();
    for _ in 0..100 {
        // All workers tell of the same death.
        world.fails(2, NodeFailure::Lost);
    }
    assert_eq!((world.node(2).health, world.readers()), (Health::Suspect, vec![2, 3]));
    world.answers(2);
    assert_eq!(world.node(2).health, Health::Up);
    world.goes_down(2);
    assert_eq!(world.readers(), [3]);
    world.answers(2);
    assert_eq!(world.node(2).health, Health::Down, "one answer of two");
    world.answers(2);
    assert_eq!((world.node(2).health, world.readers()), (Health::Up, vec![2, 3]));
}

#[test]
fn a_node_that_loads_or_refuses_the_password_is_down_at_once() {
    for failure in [NodeFailure::Loading, NodeFailure::Refused] {
        let mut world = World::stable();
        let next = world.fails(2, failure);
        assert_eq!((world.node(2).health, world.readers()), (Health::Down, vec![3]));
        let down = Happened::NodeDown { pool: POOL, node: world.id(2), failure: Some(failure) };
        assert_eq!(next.happened, [down]);
        assert_eq!(world.beliefs.failure(POOL, world.id(2)), Some(failure));
    }
}

#[test]
fn writes_to_a_primary_that_is_down_are_held_until_it_answers_or_another_is_named() {
    let mut world = World::stable();
    world.goes_down(1);
    assert_eq!((world.primary(), world.held()), (Some(1), Some(HoldReason::PrimaryDown)));
    world.answers(1);
    assert_eq!(world.held(), None, "the only node that can take writes is not made to wait");
    world.goes_down(1);
    world.said("a", 2, 6, &[1, 3]);
    assert_eq!((world.primary(), world.held()), (Some(2), None));
}

#[test]
fn a_crash_does_not_stop_reads_and_they_do_not_go_on_for_ever() {
    let mut world = World::stable();
    world.lost_its_link(2, 1);
    world.lost_its_link(3, 1);
    world.goes_down(1);
    assert_eq!(world.readers(), [2, 3]);
    world.later(60_000);
    world.observe(Observation::Tick);
    assert_eq!(world.readers(), [0u16; 0]);
}

#[test]
fn a_shorter_list_removes_nothing_until_a_node_is_missing_everywhere_for_long() {
    let mut world = World::stable();
    world.said("b", 1, 5, &[2, 3]);
    world.said("a", 1, 5, &[]);
    for second in 0..59 {
        world.later(1000);
        world.said("a", 1, 5, &[]);
        world.observe(Observation::Tick);
        assert_eq!(world.readers(), [2, 3], "after {second} s");
    }
    // Nobody has heard of b for a minute: from now on the nodes are missing everywhere.
    for _ in 0..62 {
        world.later(1000);
        world.said("a", 1, 5, &[3]);
    }
    assert_eq!((world.find(2).is_none(), world.readers()), (true, vec![3]));
    let gone = world.pool().nodes.iter().map(|n| n.id).max().unwrap();
    world.said("a", 1, 5, &[2, 3]);
    assert!(world.id(2) > gone, "an id is never used again");
}

#[test]
fn silence_of_all_sentinels_removes_nothing() {
    let mut world = World::stable();
    world.said("a", 1, 5, &[]);
    for _ in 0..300 {
        world.later(1000);
        world.observe(Observation::Tick);
    }
    assert_eq!((world.primary(), world.held(), world.readers()), (Some(1), None, vec![2, 3]));
}

#[test]
fn announced_addresses_are_mapped_before_they_are_compared() {
    let mut world = World::stable();
    world.said("a", 2, 6, &[1, 3]);
    let of = Address::new("172.17.0.1", 2);
    world.role(3, SeenRole::Replica { of, link_up: true });
    assert_eq!(world.readers(), [3]);
}

#[test]
fn a_primary_is_recognised_by_its_socket_too() {
    let mut world = World::of_nodes(&[1, 2]);
    let (primary, replica) = (world.id(1), world.id(2));
    let socket = "10.9.9.9:1".parse().unwrap();
    world.observe(Observation::NameResolved { pool: POOL, node: primary, socket });
    assert_eq!(world.node(1).socket, Some(socket));
    world.is_primary(1);
    world.answers(2);
    let of = Address::new("10.9.9.9", 1);
    world.role(2, SeenRole::Replica { of, link_up: true });
    assert_eq!((world.primary(), world.node(2).role), (Some(1), Role::Replica));
    assert!(world.node(2).serves_reads && world.node(2).id == replica);
}

#[test]
fn hold_is_long_enough_for_the_slowest_sentinel() {
    let mut world = World::of_sentinels();
    world.observe(Observation::SentinelSaid(SentinelView {
        pool: POOL,
        shard: SHARD,
        sentinel: "a".into(),
        primary: address(1),
        config_epoch: 0,
        replicas: Vec::new(),
        tilt: false,
        other_sentinels: 0,
        down_after: Duration::from_secs(30),
        at: world.now,
    }));
    assert_eq!(world.pool().hold, Duration::from_secs(35));
}

#[test]
fn an_operator_takes_a_replica_out_and_puts_it_back() {
    let mut world = World::stable();
    let node = world.id(2);
    world.observe(Observation::OperatorAsked { pool: POOL, node, state: NodeState::Drain });
    assert_eq!(world.readers(), [3]);
    world.observe(Observation::OperatorAsked { pool: POOL, node, state: NodeState::Ready });
    assert_eq!(world.readers(), [2, 3]);
}

#[test]
fn a_static_pool_waits_until_every_node_was_heard_before_it_believes_one() {
    let mut world = World::of_nodes(&[1, 2, 3]);
    world.is_primary(2);
    assert_eq!(world.primary(), None, "another may claim it too");
    world.is_replica(3, 1);
    assert_eq!(world.primary(), None);
    world.is_primary(1);
    assert_eq!(world.primary(), Some(1), "the one that the other node follows");
    assert_eq!(world.node(2).role, Role::Deposed);
}

#[test]
fn a_static_pool_starts_although_a_node_is_dead() {
    let mut world = World::of_nodes(&[1, 2, 3]);
    world.is_replica(1, 2);
    world.is_primary(2);
    world.fails(3, NodeFailure::Connect);
    assert_eq!((world.primary(), world.held()), (Some(2), None));
}

#[test]
fn in_a_static_pool_the_last_believed_stays_unless_the_others_follow_another() {
    let mut world = World::of_nodes(&[1, 2, 3]);
    world.is_primary(1);
    world.is_replica(2, 1);
    world.is_replica(3, 1);
    world.is_primary(2);
    assert_eq!(world.primary(), Some(1), "3 follows it");
    world.is_replica(3, 2);
    assert_eq!(world.primary(), Some(2));
    world.is_primary(3);
    assert_eq!(world.primary(), Some(2), "three claim it, nobody follows");
}

#[test]
fn in_a_static_pool_a_dead_primary_is_replaced_by_the_only_one_that_claims_it() {
    let mut world = World::of_nodes(&[1, 2]);
    world.is_primary(1);
    world.is_replica(2, 1);
    world.is_primary(2);
    assert_eq!(world.primary(), Some(1), "it may only have been slow to answer");
    world.goes_down(1);
    assert_eq!((world.primary(), world.held()), (Some(2), None));
    world.answers(1);
    world.answers(1);
    world.is_primary(1);
    assert_eq!((world.primary(), world.node(1).role), (Some(2), Role::Deposed));
}

/// A small generator, so that a seed tells everything.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }

    fn port(&mut self) -> u16 {
        1 + self.below(4) as u16
    }
}

/// One step of a world in which anybody may say anything.
fn anything(world: &mut World, random: &mut Random, highest: &mut u64) -> (Observation, Next) {
    let backwards = random.below(3000);
    world.later(backwards);
    let node = NodeId(random.below(6) as u32);
    let observation = match random.below(12) {
        0..=2 => {
            if random.below(4) == 0 {
                *highest += 1;
            }
            Observation::SentinelSaid(SentinelView {
                pool: POOL,
                shard: SHARD,
                sentinel: random.below(3).to_string(),
                primary: address(random.port()),
                config_epoch: highest.saturating_sub(random.below(3)),
                replicas: (0..random.below(4)).map(|_| address(random.port())).collect(),
                tilt: random.below(8) == 0,
                other_sentinels: random.below(5) as usize,
                down_after: Duration::from_secs(2),
                at: world.now,
            })
        }
        3..=4 => Observation::RoleSeen { pool: POOL, node, role: SeenRole::Primary },
        5..=6 => {
            let role = SeenRole::Replica { of: address(random.port()), link_up: random.below(2) == 0 };
            Observation::RoleSeen { pool: POOL, node, role }
        }
        7 => Observation::NodeFailed { pool: POOL, node, failure: NodeFailure::Lost },
        8 => Observation::NodeFailed { pool: POOL, node, failure: NodeFailure::Loading },
        9 => Observation::NodeAnswered { pool: POOL, node },
        10 => Observation::TopologyDoubted { pool: POOL, shard: SHARD },
        _ => Observation::Tick,
    };
    let next = world.observe(observation.clone());
    (observation, next)
}

fn check_invariants(world: &World, before: Option<u16>, observation: &Observation, sentinels: bool) {
    let pool = world.pool();
    let primaries = pool.nodes.iter().filter(|n| n.role == Role::Primary).count();
    assert_eq!(primaries, usize::from(world.primary().is_some()), "one believed primary a shard at most");
    assert!(pool.nodes.is_sorted_by_key(|n| n.id));
    assert_eq!(world.shard().primary.is_none(), world.held() == Some(HoldReason::NoPrimary));
    if let Some(primary) = pool.primary(SHARD) {
        assert!(primary.health != Health::Down || !world.shard().writable());
    }
    for node in pool.nodes.iter().filter(|n| n.serves_reads) {
        assert_eq!((node.role, node.state), (Role::Replica, NodeState::Ready));
        assert!(matches!(node.health, Health::Up | Health::Suspect));
    }
    if sentinels && before != world.primary() {
        let by_a_sentinel = matches!(observation, Observation::SentinelSaid(_));
        assert!(by_a_sentinel, "only a Sentinel's word makes a primary: {observation:?}");
        assert!(world.primary().is_some(), "a primary is only ever replaced");
    }
}

#[test]
fn the_invariants_hold_whatever_anybody_says() {
    for seed in 1..400u64 {
        let sentinels = seed % 3 != 0;
        let mut world = if sentinels { World::of_sentinels() } else { World::of_nodes(&[1, 2, 3, 4]) };
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut highest = 2;
        let steps = std::panic::AssertUnwindSafe(|| {
            for _ in 0..300 {
                let before = world.primary();
                let (observation, _) = anything(&mut world, &mut random, &mut highest);
                check_invariants(&world, before, &observation, sentinels);
            }
        });
        if let Err(panic) = std::panic::catch_unwind(steps) {
            eprintln!("seed {seed} fails");
            std::panic::resume_unwind(panic);
        }
    }
}
