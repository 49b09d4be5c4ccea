//! Worlds in which nodes lose their scripts.

use std::time::Duration;

use ketch::internals::base::{ClientId, NodeId, UpstreamId};
use ketch::internals::config::ReadPolicy;
use ketch::internals::topology::{Gate, HoldReason, Role};

use super::model::{Ask, Fate};
use super::random::{come_to_rest, deliver_all};
use super::scenarios::{CALM, ROUGH, client, owed, ready, say, turns};
use super::setup::Plan;
use super::world::World;

const KEY: &str = "k1.0";

fn eval(id: u64) -> Ask {
    Ask::Eval(KEY.into(), id, "set")
}

fn evalsha(id: u64) -> Ask {
    Ask::Evalsha(KEY.into(), id, "set")
}

/// One shard, and a client that has sent the script's text and run it by its digest.
fn world(nodes: usize) -> (World, ClientId) {
    let mut world = ready(Plan { shards: 1, nodes, ..Plan::default() }, CALM);
    let id = client(&mut world);
    say(&mut world, id, vec![eval(1), evalsha(2)]);
    turns(&mut world, 5);
    assert_eq!(owed(&world, id), 0);
    (world, id)
}

/// Where the script stands that was said last.
fn slow_lane(world: &World) -> UpstreamId {
    let mut ends = world.sites[0].upstreams.iter().filter(|(_, end)| !end.taken.is_empty());
    *ends.next().expect("there is one that was written to").0
}

fn all_done(world: &World, ids: core::ops::RangeInclusive<u64>) {
    for id in ids {
        let record = &world.ledger[&id];
        assert!(record.fate == Some(Fate::Done) && record.executed == 1, "{id}: {record:?}");
    }
}

#[test]
fn a_pipeline_of_scripts_that_a_node_has_lost_runs_in_order_and_once() {
    let (mut world, id) = world(1);
    // Behind the proxy's back.
    world.nodes[0].scripts.clear();
    let read = || Ask::Get(KEY.into());
    say(&mut world, id, vec![evalsha(3), read(), evalsha(4), read(), evalsha(5), read(), read()]);
    turns(&mut world, 10);
    assert_eq!(owed(&world, id), 0);
    all_done(&world, 3..=5);
    assert!(world.ledger[&5].refused == 1, "nothing was found to be repaired");
    come_to_rest(&mut world);
}

#[test]
fn other_requests_of_the_client_do_not_overtake_a_script_that_is_repaired() {
    let (mut world, id) = world(1);
    world.nodes[0].scripts.clear();
    say(&mut world, id, vec![evalsha(3)]);
    let upstream = slow_lane(&world);
    world.turn(0, |world| {
        world.node_reads(0, upstream, usize::MAX);
        world.deliver_node(0, upstream, usize::MAX);
    });
    // The NOSCRIPT has come; the node has not yet said whether it has the script.
    say(&mut world, id, vec![Ask::Set(KEY.into(), 4), Ask::Get(KEY.into())]);
    assert_eq!(world.ledger.get(&4).map_or(0, |record| record.sent), 0);
    turns(&mut world, 10);
    assert_eq!(owed(&world, id), 0);
    all_done(&world, 3..=4);
    assert_eq!(world.nodes[0].data[KEY.as_bytes()][..3], *b"<4>");
}

#[test]
fn a_script_behind_which_a_write_was_executed_is_not_sent_again() {
    let (mut world, id) = world(1);
    world.promises = ROUGH;
    world.nodes[0].scripts.clear();
    say(&mut world, id, vec![evalsha(3), Ask::Set(KEY.into(), 4)]);
    turns(&mut world, 10);
    assert_eq!(owed(&world, id), 0);
    assert_eq!(world.ledger[&3].fate, Some(Fate::NotDone), "it would run behind what followed it");
    assert_eq!(world.ledger[&3].executed, 0);
    all_done(&world, 4..=4);
    // The next one finds it loaded.
    say(&mut world, id, vec![evalsha(5), Ask::Set(KEY.into(), 6)]);
    turns(&mut world, 10);
    all_done(&world, 5..=6);
}

#[test]
fn a_script_that_writes_and_says_noscript_is_not_run_twice() {
    let (mut world, id) = world(1);
    world.promises = ROUGH;
    say(&mut world, id, vec![Ask::Eval(KEY.into(), 3, "deny"), Ask::Evalsha(KEY.into(), 4, "deny")]);
    turns(&mut world, 20);
    assert_eq!(owed(&world, id), 0);
    assert_eq!(world.ledger[&4].executed, 1);
}

#[test]
fn a_new_primary_gets_the_scripts_before_what_was_held_runs() {
    let (mut world, id) = world(2);
    let now = world.now;
    world.publish(|pool| {
        pool.shards[0].gate = Gate::Held { reason: HoldReason::Moving, since: now };
    });
    // A write behind each: a NOSCRIPT could not be repaired.
    let set = |id| Ask::Set(KEY.into(), id);
    say(&mut world, id, vec![evalsha(3), set(4), evalsha(5), set(6)]);
    turns(&mut world, 5);
    assert_eq!(owed(&world, id), 4);
    world.nodes[0].master = false;
    world.nodes[1].master = true;
    world.publish(|pool| {
        pool.shards[0].primary = Some(NodeId(1));
        pool.shards[0].gate = Gate::Open;
        pool.nodes[0].role = Role::Deposed;
        pool.nodes[1].role = Role::Primary;
    });
    turns(&mut world, 50);
    assert_eq!(owed(&world, id), 0);
    all_done(&world, 3..=6);
    assert!((3..=6).all(|id| world.ledger[&id].refused == 0));
}

#[test]
fn a_node_that_is_lost_between_noscript_and_repair_costs_an_answer_and_no_order() {
    let (mut world, id) = world(1);
    world.promises = ROUGH;
    world.nodes[0].scripts.clear();
    say(&mut world, id, vec![evalsha(3), evalsha(4)]);
    let upstream = slow_lane(&world);
    world.turn(0, |world| {
        world.node_reads(0, upstream, usize::MAX);
        world.deliver_node(0, upstream, usize::MAX);
        world.cut_upstream(0, upstream, 0);
    });
    turns(&mut world, 50);
    assert_eq!(owed(&world, id), 0);
    assert!([3, 4].iter().all(|id| world.ledger[id].executed <= 1));
    come_to_rest(&mut world);
}

#[test]
fn a_client_that_leaves_during_a_repair_leaves_nothing_behind() {
    let plan = Plan { shards: 1, nodes: 2, reads: ReadPolicy::Any, ..Plan::default() };
    let mut world = ready(plan, ROUGH);
    let id = client(&mut world);
    say(&mut world, id, vec![eval(1)]);
    turns(&mut world, 5);
    world.nodes.iter_mut().for_each(|node| node.scripts.clear());
    say(&mut world, id, vec![evalsha(2)]);
    say(&mut world, id, vec![evalsha(3)]);
    let upstream = slow_lane(&world);
    world.turn(0, |world| {
        world.node_reads(0, upstream, usize::MAX);
        world.deliver_node(0, upstream, usize::MAX);
        world.cut_client(0, id);
    });
    for _ in 0..5 {
        world.turn(0, |world| deliver_all(world, 0));
        world.now = world.now + Duration::from_millis(1);
    }
    come_to_rest(&mut world);
}
