//! Worlds in which one thing happens, by name: what was found by chance or thought of once must stay true.

use std::time::Duration;

use ketch::internals::base::{ByteSize, ClientId, NodeId, UpstreamId};
use ketch::internals::config::{Limits, ReadPolicy};
use ketch::internals::engine::CloseReason;
use ketch::internals::topology::{Gate, HoldReason, Role};

use super::model::{Ask, Fate, Promises, big};
use super::node::Mood;
use super::random::{come_to_rest, deliver_all, deliver_nodes};
use super::setup::Plan;
use super::world::World;

pub(crate) const CALM: Promises = Promises { calm: true, strict: true };
pub(crate) const ROUGH: Promises = Promises { calm: false, strict: true };

/// A world whose connections are made.
pub(crate) fn ready(plan: Plan, promises: Promises) -> World {
    let mut world = World::new(1, plan, promises);
    world.kernel = 1 << 20;
    turns(&mut world, 5);
    world
}

pub(crate) fn turns(world: &mut World, n: usize) {
    for _ in 0..n {
        world.turn(0, |world| deliver_all(world, 0));
        world.now = world.now + Duration::from_millis(1);
    }
}

pub(crate) fn client(world: &mut World) -> ClientId {
    let mut id = None;
    world.turn(0, |world| id = Some(world.connect_client(0)));
    id.unwrap()
}

/// A client says these, and Ketch reads them.
pub(crate) fn say(world: &mut World, id: ClientId, asks: Vec<Ask>) {
    asks.into_iter().for_each(|ask| world.say(0, id, ask, 10));
    world.turn(0, |world| world.deliver_client(0, id, usize::MAX));
}

pub(crate) fn owed(world: &World, id: ClientId) -> usize {
    world.sites[0].clients[&id].model.owed.len()
}

pub(crate) fn to_node(world: &World, node: usize) -> UpstreamId {
    let mut ends = world.sites[0].upstreams.iter().filter(|(_, end)| end.node == node);
    *ends.next().expect("there is an upstream").0
}

/// The first key of that prefix that lies on a shard.
pub(super) fn key_on(world: &World, prefix: &str, shard: usize) -> String {
    let placement = &world.topology.pools[0].placement;
    (0..).map(|n| format!("{prefix}{n}")).find(|key| placement.shard(key.as_bytes(), || 0) == shard).unwrap()
}

/// Puts the large values of `big0` and `big1` where the test wants them: one key a shard.
fn large_on(world: &mut World, shard: usize) -> String {
    let index = 2;
    let key = format!("big{index}");
    let at = world.topology.pools[0].placement.shard(key.as_bytes(), || 0);
    if at == shard {
        return key;
    }
    let other = (0..super::model::BIG.len())
        .find(|i| world.topology.pools[0].placement.shard(format!("big{i}").as_bytes(), || 0) == shard);
    format!("big{}", other.expect("each shard has a large value"))
}

#[test]
fn two_clients_that_cross_over_two_shards_with_large_replies_do_not_stop() {
    let mut world = ready(Plan::default(), CALM);
    let (a, b) = (large_on(&mut world, 0), large_on(&mut world, 1));
    let (x, y) = (client(&mut world), client(&mut world));
    for _ in 0..20 {
        world.say(0, x, Ask::Get(a.clone()), 0);
        world.say(0, x, Ask::Get(b.clone()), 0);
        world.say(0, y, Ask::Get(b.clone()), 0);
        world.say(0, y, Ask::Get(a.clone()), 0);
    }
    world.turn(0, |world| {
        world.deliver_client(0, x, usize::MAX);
        world.deliver_client(0, y, usize::MAX);
    });
    come_to_rest(&mut world);
    assert_eq!((owed(&world, x), owed(&world, y)), (0, 0));
    assert!(world.closed.is_empty(), "{:?}", world.closed);
}

#[test]
fn a_slow_reader_with_others_behind_is_closed_after_stall_limit_and_alone_never() {
    for behind in [true, false] {
        let mut world = ready(Plan { shards: 1, ..Plan::default() }, CALM);
        let (slow, other) = (client(&mut world), client(&mut world));
        world.sites[0].clients.get_mut(&slow).unwrap().stuck = true;
        for _ in 0..8 {
            world.say(0, slow, Ask::Get("big2".into()), 0);
        }
        world.say(0, other, Ask::Get("k2.0".into()), 0);
        world.turn(0, |world| {
            world.deliver_client(0, slow, usize::MAX);
            if behind {
                world.deliver_client(0, other, usize::MAX);
            }
        });
        world.kernel = 8 * 1024;
        let started = world.now;
        while world.now.since(started) < Duration::from_millis(1500) {
            world.turn(0, |world| {
                deliver_nodes(world, 0);
                world.client_reads(0, other, usize::MAX);
                world.write_on(0);
            });
            for node in &world.topology.pools[0].nodes {
                node.facts.answered(world.now);
            }
            world.now = world.now + Duration::from_millis(10);
        }
        let closed = world.closed.iter().map(|(_, reason)| *reason).collect::<Vec<_>>();
        if behind {
            assert_eq!(closed, [CloseReason::Stalled]);
            assert_eq!(owed(&world, other), 0, "whoever was behind has its reply");
        } else {
            assert!(closed.is_empty(), "{closed:?}");
            come_to_rest(&mut world);
            assert_eq!(owed(&world, slow), 0);
        }
    }
}

#[test]
fn a_streamed_write_that_is_cut_says_whether_it_was_applied() {
    const SIZE: usize = 200_000;
    for cut in (0..SIZE + 4096).step_by(4096) {
        let mut world = ready(Plan { shards: 1, ..Plan::default() }, ROUGH);
        world.kernel = 4096;
        let id = client(&mut world);
        world.say(0, id, Ask::Set("k1.0".into(), 1), SIZE);
        let (mut before, mut heard) = (true, 0);
        for _ in 0..400 {
            world.turn(0, |world| {
                world.deliver_client(0, id, 4096);
                for upstream in world.sites[0].upstreams.keys().copied().collect::<Vec<_>>() {
                    world.finish_connect(0, upstream, true);
                    let taken = world.sites[0].upstreams[&upstream].taken.len();
                    heard += if taken > 200 { taken } else { 0 };
                    if before && heard > cut {
                        before = false;
                        world.cut_upstream(0, upstream, taken / 2);
                        continue;
                    }
                    world.node_reads(0, upstream, usize::MAX);
                    world.deliver_node(0, upstream, usize::MAX);
                }
                world.client_reads(0, id, usize::MAX);
                world.write_on(0);
            });
            world.now = world.now + Duration::from_micros(100);
        }
        come_to_rest(&mut world);
        assert_eq!(owed(&world, id), 0, "cut at {cut}");
        super::random::check_ledger(&world, super::random::Weather::Rough);
        let record = &world.ledger[&1];
        let right = match record.fate {
            Some(Fate::NotDone) => record.sent == 0,
            Some(_) => record.sent == 1,
            None => false,
        };
        assert!(right, "cut at {cut}: {record:?}");
    }
}

#[test]
fn a_read_on_a_replica_is_not_overtaken_by_the_write_behind_it() {
    let plan = Plan { shards: 1, nodes: 3, reads: ReadPolicy::PreferReplica, ..Plan::default() };
    let mut world = ready(plan, CALM);
    let id = client(&mut world);
    let key = || "k1.0".to_owned();
    say(&mut world, id, vec![Ask::Set(key(), 1), Ask::Get(key()), Ask::Set(key(), 2), Ask::Get(key())]);
    come_to_rest(&mut world);
    assert_eq!(owed(&world, id), 0);
    say(&mut world, id, vec![Ask::Get(key()), Ask::Set(key(), 3), Ask::Get(key())]);
    // The primary is quick, the replicas are slow: the write may not be on its way yet.
    for _ in 0..10 {
        world.turn(0, |world| {
            let upstream = to_node(world, 0);
            world.node_reads(0, upstream, usize::MAX);
            world.deliver_node(0, upstream, usize::MAX);
        });
    }
    assert_eq!(world.ledger.get(&3).map_or(0, |record| record.sent), 0);
    come_to_rest(&mut world);
    assert_eq!(owed(&world, id), 0);
}

#[test]
fn a_master_that_is_demoted_in_the_middle_of_a_pipeline_costs_nothing() {
    for demoted_after in 0..12 {
        let mut world = ready(Plan { shards: 1, nodes: 2, ..Plan::default() }, CALM);
        let id = client(&mut world);
        let key = |n: u64| format!("k1.{}", n % 2);
        let asks = (1..=6).flat_map(|n| [Ask::Set(key(n), n), Ask::Get(key(n))]).collect();
        say(&mut world, id, asks);
        let upstream = to_node(&world, 0);
        let length = world.sites[0].upstreams[&upstream].taken.len();
        world.turn(0, |world| {
            world.node_reads(0, upstream, length * demoted_after / 12);
            world.nodes[0].master = false;
            world.node_reads(0, upstream, usize::MAX);
        });
        turns(&mut world, 50);
        world.nodes[0].master = true;
        turns(&mut world, 100);
        assert_eq!(owed(&world, id), 0, "demoted after {demoted_after}");
        assert!((1..=6).all(|n| world.ledger[&n].fate == Some(Fate::Done)));
        come_to_rest(&mut world);
    }
}

#[test]
fn an_upstream_whose_handshake_fails_serves_nobody() {
    let mut world = World::new(1, Plan { db: 3, shards: 1, nodes: 1, ..Plan::default() }, ROUGH);
    world.nodes[0].mood = Mood::Strict;
    let id = client(&mut world);
    say(&mut world, id, vec![Ask::Set("k1.0".into(), 1), Ask::Get("k1.0".into())]);
    turns(&mut world, 3500);
    assert_eq!(owed(&world, id), 0, "held for no longer than `hold`");
    assert_eq!(world.ledger[&1].fate, Some(Fate::NotDone));
    assert_eq!(world.ledger[&1].sent, 0);
    world.nodes[0].mood = Mood::Well;
    say(&mut world, id, vec![Ask::Set("k1.0".into(), 2)]);
    come_to_rest(&mut world);
    assert_eq!(world.ledger[&2].fate, Some(Fate::Done));
}

#[test]
fn late_replies_are_dropped_and_answer_nobody_else() {
    let mut world = ready(Plan { shards: 1, nodes: 1, ..Plan::default() }, ROUGH);
    let id = client(&mut world);
    say(&mut world, id, vec![Ask::Set("k1.0".into(), 1), Ask::Get("k1.1".into())]);
    let upstream = to_node(&world, 0);
    world.turn(0, |world| world.node_reads(0, upstream, usize::MAX));
    // The node answers PINGs elsewhere: it is slow, not dead.
    for _ in 0..30 {
        world.now = world.now + Duration::from_millis(100);
        world.topology.pools[0].nodes[0].facts.answered(world.now);
        world.turn(0, |world| world.client_reads(0, id, usize::MAX));
    }
    assert_eq!(owed(&world, id), 0);
    assert_eq!(world.ledger[&1].fate, Some(Fate::Unknown));
    assert!(world.sites[0].upstreams.contains_key(&upstream), "a time-out does not close the upstream");
    say(&mut world, id, vec![Ask::Set("k1.1".into(), 2), Ask::Get("k1.1".into())]);
    come_to_rest(&mut world);
    assert_eq!(world.ledger[&2].fate, Some(Fate::Done));
}

fn hold_shard(world: &mut World, shard: usize, held: bool) {
    let now = world.now;
    world.publish(|pool| {
        let moving = Gate::Held { reason: HoldReason::Moving, since: now };
        pool.shards[shard].gate = if held { moving } else { Gate::Open };
    });
}

#[test]
fn a_full_hold_stops_reading_and_refuses_nothing_that_was_not_read() {
    let plan = Plan { shards: 1, nodes: 1, hold_max: 20, ..Plan::default() };
    let mut world = ready(plan, CALM);
    let ids: Vec<ClientId> = (0..4).map(|_| client(&mut world)).collect();
    hold_shard(&mut world, 0, true);
    let mut next = 0;
    for &id in &ids {
        let number = world.sites[0].clients[&id].model.number;
        for n in 0..30 {
            next += 1;
            world.say(0, id, Ask::Set(format!("k{number}.{}", n % 6), next), 10);
        }
        world.turn(0, |world| world.deliver_client(0, id, usize::MAX));
    }
    turns(&mut world, 100);
    assert!(ids.iter().all(|id| owed(&world, *id) == 30));
    hold_shard(&mut world, 0, false);
    come_to_rest(&mut world);
    assert!(world.ledger.values().all(|record| record.fate == Some(Fate::Done)));
}

#[test]
fn what_is_held_too_long_is_refused_unexecuted_and_the_other_shard_goes_on() {
    let mut world = ready(Plan { nodes: 1, ..Plan::default() }, ROUGH);
    let (here, there) = (key_on(&world, "k1.", 0), key_on(&world, "k1.", 1));
    let id = client(&mut world);
    hold_shard(&mut world, 0, true);
    world.say(0, id, Ask::Set(there.clone(), 1), 0);
    say(&mut world, id, vec![Ask::Set(here.clone(), 2), Ask::Set(there, 3)]);
    turns(&mut world, 2900);
    assert_eq!((owed(&world, id), world.ledger[&3].executed), (2, 1));
    turns(&mut world, 200);
    assert_eq!(owed(&world, id), 0);
    assert_eq!(world.ledger[&2].fate, Some(Fate::NotDone));
    hold_shard(&mut world, 0, false);
    come_to_rest(&mut world);
    assert_eq!(world.ledger[&2].executed, 0);
}

#[test]
fn what_a_client_left_in_the_hold_is_never_sent() {
    let mut world = ready(Plan { nodes: 1, ..Plan::default() }, ROUGH);
    let (here, there) = (key_on(&world, "k1.", 0), key_on(&world, "k1.", 1));
    let id = client(&mut world);
    hold_shard(&mut world, 0, true);
    hold_shard(&mut world, 1, true);
    say(&mut world, id, vec![Ask::Set(here.clone(), 1), Ask::Mset(vec![(here, 2), (there, 3)])]);
    world.turn(0, |world| world.cut_client(0, id));
    hold_shard(&mut world, 0, false);
    hold_shard(&mut world, 1, false);
    come_to_rest(&mut world);
    assert!(world.ledger.values().all(|record| record.sent == 0), "{:?}", world.ledger);
}

#[test]
fn a_split_of_which_one_shard_is_lost_says_so() {
    let mut world = ready(Plan { nodes: 1, ..Plan::default() }, ROUGH);
    let (here, there) = (key_on(&world, "k1.", 0), key_on(&world, "k1.", 1));
    let id = client(&mut world);
    let keys = || vec![here.clone(), there.clone()];
    let mset = Ask::Mset(vec![(here.clone(), 1), (there.clone(), 2)]);
    say(&mut world, id, vec![mset, Ask::Mget(keys()), Ask::Del(keys()), Ask::Exists(keys())]);
    let (lost, other) = (to_node(&world, 0), to_node(&world, 1));
    world.turn(0, |world| {
        world.node_reads(0, other, usize::MAX);
        world.deliver_node(0, other, usize::MAX);
        world.cut_upstream(0, lost, 0);
    });
    come_to_rest(&mut world);
    assert_eq!(owed(&world, id), 0);
    assert_eq!(world.ledger[&1].fate, Some(Fate::Unknown));
    assert_eq!((world.ledger[&1].executed, world.ledger[&2].executed), (0, 1));
    assert!(!world.nodes[1].data.contains_key(there.as_bytes()), "the DEL reached the other shard");
}

#[test]
fn a_client_that_closes_its_side_gets_what_it_is_owed() {
    for large in [false, true] {
        let mut world = ready(Plan { nodes: 1, ..Plan::default() }, CALM);
        let id = client(&mut world);
        world.say(0, id, Ask::Set("k1.0".into(), 1), if large { 100_000 } else { 10 });
        world.say(0, id, Ask::Get("k1.0".into()), 0);
        world.say(0, id, Ask::Ping, 0);
        world.sites[0].clients.get_mut(&id).unwrap().half_closed = true;
        world.turn(0, |world| (0..5).for_each(|_| world.deliver_client(0, id, usize::MAX)));
        come_to_rest(&mut world);
        assert_eq!(world.closed, [(1, CloseReason::Eof)]);
        assert_eq!(world.gone[0].owed.len(), 0);
        assert_eq!(world.ledger[&1].fate, Some(Fate::Done));
    }
}

#[test]
fn a_replica_that_is_believed_is_asked_for_its_role_on_the_upstreams_it_has() {
    let plan = Plan { shards: 1, nodes: 2, reads: ReadPolicy::PreferReplica, ..Plan::default() };
    let mut world = ready(plan, ROUGH);
    let id = client(&mut world);
    (world.nodes[0].master, world.nodes[1].master) = (false, true);
    world.publish(|pool| pool.shards[0].primary = Some(NodeId(1)));
    turns(&mut world, 5);
    say(&mut world, id, vec![Ask::Set("k1.0".into(), 1)]);
    turns(&mut world, 5);
    assert_eq!(world.ledger[&1].fate, Some(Fate::Done), "well before any time-out");
}

#[test]
fn a_replica_that_says_master_but_is_not_believed_gets_no_write() {
    let plan = Plan { shards: 1, nodes: 2, reads: ReadPolicy::Replica, ..Plan::default() };
    let mut world = World::new(1, plan, ROUGH);
    world.nodes[1].master = true;
    turns(&mut world, 5);
    let id = client(&mut world);
    // The read's road leads to the replica; the write behind it must leave it.
    say(&mut world, id, vec![Ask::Get("k1.0".into()), Ask::Set("k1.0".into(), 1)]);
    assert_eq!(world.ledger.get(&1).map_or(0, |record| record.sent), 0);
    turns(&mut world, 5);
    assert_eq!(world.ledger[&1].fate, Some(Fate::Done));
}

#[test]
fn a_node_that_is_loading_is_not_asked_in_a_circle() {
    let mut world = ready(Plan { shards: 1, nodes: 1, ..Plan::default() }, ROUGH);
    let id = client(&mut world);
    world.nodes[0].mood = Mood::Loading;
    say(&mut world, id, vec![Ask::Set("k1.0".into(), 1)]);
    turns(&mut world, 2500);
    assert!(world.ledger[&1].sent < 200, "{:?}", world.ledger[&1]);
    turns(&mut world, 700);
    assert_eq!(world.ledger[&1].fate, Some(Fate::NotDone), "not for longer than `hold`");
    come_to_rest(&mut world);
}

#[test]
fn a_replicas_link_that_breaks_while_it_leaves_still_gives_verdicts() {
    let plan = Plan { shards: 1, nodes: 2, reads: ReadPolicy::PreferReplica, ..Plan::default() };
    let mut world = ready(plan, ROUGH);
    let id = client(&mut world);
    say(&mut world, id, vec![Ask::Get("k1.0".into())]);
    let replica = to_node(&world, 1);
    world.publish(|pool| pool.nodes.retain(|n| n.id != NodeId(1)));
    world.turn(0, |_| {});
    world.turn(0, |world| world.cut_upstream(0, replica, 0));
    turns(&mut world, 5);
    assert_eq!(owed(&world, id), 0);
    assert!(!world.sites[0].upstreams.contains_key(&replica));
}

#[test]
fn an_upstream_is_read_on_when_a_large_reply_ends_in_the_turn_that_paused_it() {
    let mut world = ready(Plan { shards: 1, nodes: 1, ..Plan::default() }, CALM);
    let (slow, other) = (client(&mut world), client(&mut world));
    world.sites[0].clients.get_mut(&slow).unwrap().stuck = true;
    world.kernel = 64;
    world.say(0, slow, Ask::Get("big2".into()), 0);
    world.say(0, other, Ask::Set("k2.0".into(), 1), 10);
    world.turn(0, |world| {
        world.deliver_client(0, slow, usize::MAX);
        world.deliver_client(0, other, usize::MAX);
    });
    world.kernel = 1024;
    let upstream = to_node(&world, 0);
    for _ in 0..5 {
        world.turn(0, |world| {
            world.write_on(0);
            world.node_reads(0, upstream, usize::MAX);
            (0..8).for_each(|_| world.deliver_node(0, upstream, usize::MAX));
            world.client_reads(0, other, usize::MAX);
        });
    }
    assert_eq!(owed(&world, other), 0, "the slow one is no reason to wait");
    assert!(world.sites[0].upstreams[&upstream].read_on);
    come_to_rest(&mut world);
}

#[test]
fn idle_upstreams_leave_room_for_a_stream() {
    let limits = Limits { max_upstreams: 2, ..Limits::default() };
    let mut world = ready(Plan { shards: 1, nodes: 1, limits, ..Plan::default() }, CALM);
    let id = client(&mut world);
    for _ in 0..4 {
        world.say(0, id, Ask::Get("big2".into()), 0);
    }
    turns(&mut world, 20);
    world.say(0, id, Ask::Set("k1.0".into(), 1), 100_000);
    turns(&mut world, 100);
    assert_eq!(owed(&world, id), 0);
    assert_eq!(world.ledger[&1].fate, Some(Fate::Done));
}

#[test]
fn a_node_is_left_that_was_primary_only_while_the_worker_slept() {
    let plan = Plan { shards: 1, nodes: 3, reads: ReadPolicy::Replica, ..Plan::default() };
    let mut world = ready(plan, ROUGH);
    assert!(world.sites[0].upstreams.values().any(|end| end.node == 1));
    world.nodes[0].master = false;
    world.nodes[2].master = true;
    world.publish(|pool| pool.shards[0].primary = Some(NodeId(1)));
    world.publish(|pool| {
        pool.shards[0].primary = Some(NodeId(2));
        pool.nodes[1].role = Role::Deposed;
    });
    turns(&mut world, 5);
    assert!(world.sites[0].upstreams.values().all(|end| end.node != 1));
}

#[test]
fn memory_of_a_client_that_does_not_read_is_bounded() {
    let limits = Limits { output_limit: ByteSize::mib(1), ..Limits::default() };
    let mut world = ready(Plan { shards: 2, nodes: 1, limits, ..Plan::default() }, ROUGH);
    let id = client(&mut world);
    world.kernel = 1024;
    world.sites[0].clients.get_mut(&id).unwrap().stuck = true;
    for _ in 0..2000 {
        world.say(0, id, Ask::Get("big0".into()), 0);
        world.say(0, id, Ask::Get("big1".into()), 0);
    }
    for _ in 0..300 {
        world.turn(0, |world| {
            world.deliver_client(0, id, usize::MAX);
            deliver_nodes(world, 0);
        });
        world.now = world.now + Duration::from_millis(1);
    }
    // `check`, after each turn, has looked at the marks.
    assert!(big(0).len() > 64 * 1024, "else nothing was large");
}
