//! What happens when a primary changes, as data: observations in, topologies and happenings out.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

mod random;
mod world;

use std::time::Duration;

use ketch::internals::base::{Address, ShardId};
use ketch::internals::failover::{Ask, Happened, Next};
use ketch::internals::topology::{
    Health, HoldReason, NodeFailure, NodeState, Observation, Role, SeenRole, SentinelView,
};

use world::{POOL, SHARD, World, address};

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
fn a_replica_that_turns_to_the_new_primary_serves_once_that_link_is_up() {
    let mut world = World::stable();
    world.said("a", 2, 6, &[1, 3]);
    world.lost_its_link(3, 2);
    assert_eq!(world.readers(), [0u16; 0], "its link to the old one says nothing");
    world.is_replica(3, 2);
    assert_eq!(world.readers(), [3]);
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
fn a_replica_that_claims_to_be_primary_gets_no_traffic_and_stops_the_writes_to_the_old_one() {
    let mut world = World::stable();
    world.later(100);
    assert!(asks_source(&world.is_primary(2)));
    assert_eq!((world.primary(), world.held()), (Some(1), Some(HoldReason::Moving)));
    assert_eq!((world.node(2).role, world.readers()), (Role::Deposed, vec![3]));
    world.is_replica(2, 1);
    assert_eq!((world.held(), world.readers()), (None, vec![2, 3]));

    world.is_primary(2);
    world.said("a", 2, 6, &[1, 3]);
    assert_eq!((world.primary(), world.held()), (Some(2), None));
    // The one that it replaced claims it as well, for some seconds: that is nothing new.
    world.is_primary(1);
    assert_eq!((world.primary(), world.held()), (Some(2), None));
}

#[test]
fn writes_are_held_from_the_selection_of_a_replica_until_it_is_named() {
    let mut world = World::stable();
    world.later(100);
    assert!(asks_source(&world.selected(2)));
    assert_eq!((world.primary(), world.held()), (Some(1), Some(HoldReason::Moving)));
    // It is not promoted yet.
    world.is_replica(2, 1);
    world.is_primary(1);
    assert_eq!(world.held(), Some(HoldReason::Moving));
    world.is_primary(2);
    world.said("a", 2, 6, &[1, 3]);
    assert_eq!((world.primary(), world.held()), (Some(2), None));
    world.selected(2);
    assert_eq!(world.held(), None, "a late word about the one that is believed");
}

#[test]
fn writes_go_back_to_the_old_primary_only_when_both_say_that_nothing_came_of_it() {
    let mut world = World::stable();
    world.selected(2);
    world.later(3000);
    world.fails(2, NodeFailure::Connect);
    world.is_primary(1);
    assert_eq!(world.held(), Some(HoldReason::Moving), "the selected one was not heard");
    world.is_replica(2, 1);
    assert_eq!(world.held(), None);

    world.selected(2);
    world.later(3000);
    world.is_replica(2, 1);
    assert_eq!(world.held(), Some(HoldReason::Moving), "the old one was not heard");
    world.is_primary(1);
    assert_eq!(world.held(), None);
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
        world.later(1);
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
