//! A world in which anybody may say anything, with the invariants checked after each step.

use ketch::internals::base::{NodeId, next_random};
use ketch::internals::topology::{
    Health, HoldReason, NodeFailure, NodeState, Observation, Role, SeenRole, SentinelView,
};
use std::time::Duration;

use super::world::{POOL, SHARD, World, address};

/// A small generator, so that a seed tells everything.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        u64::from(next_random(&mut self.0)) % n
    }

    fn port(&mut self) -> u16 {
        1 + self.below(4) as u16
    }
}

/// One step of a world in which anybody may say anything.
fn anything(world: &mut World, random: &mut Random, highest: &mut u64) -> Observation {
    world.later(random.below(3000));
    let node = NodeId(random.below(6) as u32);
    let observation = match random.below(13) {
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
        11 => Observation::ReplicaSelected { pool: POOL, shard: SHARD, replica: address(random.port()) },
        _ => Observation::Tick,
    };
    world.observe(observation.clone());
    observation
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
                let observation = anything(&mut world, &mut random, &mut highest);
                check_invariants(&world, before, &observation, sentinels);
            }
        });
        if let Err(panic) = std::panic::catch_unwind(steps) {
            eprintln!("seed {seed} fails");
            std::panic::resume_unwind(panic);
        }
    }
}
