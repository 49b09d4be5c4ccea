//! Scans over shards and WAIT, in worlds in which one thing happens.

use std::time::Duration;

use ketch::internals::base::{ClientId, NodeId};
use ketch::internals::topology::Role;

use super::model::{Ask, Promises};
use super::node::Mood;
use super::random::deliver_all;
use super::setup::Plan;
use super::world::World;

fn ready(plan: Plan) -> (World, ClientId) {
    let mut world = World::new(1, plan, Promises { calm: false, strict: true });
    world.kernel = 1 << 20;
    turns(&mut world, 5);
    let mut id = None;
    world.turn(0, |world| id = Some(world.connect_client(0)));
    (world, id.unwrap())
}

fn turns(world: &mut World, n: usize) {
    for _ in 0..n {
        world.turn(0, |world| deliver_all(world, 0));
        world.now = world.now + Duration::from_millis(1);
    }
}

/// One page, whatever it takes.
fn page(world: &mut World, id: ClientId) {
    world.say(0, id, Ask::Scan(5), 0);
    turns(world, 20);
    assert!(world.sites[0].clients[&id].model.owed.is_empty(), "a page came");
}

/// Pages until a scan has come to its end; the model looks whether it showed all. Returns how many it took.
fn to_the_end(world: &mut World, id: ClientId) -> usize {
    for pages in 1..200 {
        page(world, id);
        if world.sites[0].clients[&id].model.scanned_all > 0 {
            return pages;
        }
    }
    panic!("the scan does not end");
}

fn fail_over(world: &mut World, old: usize, new: usize) {
    world.nodes[old].master = false;
    world.nodes[new].master = true;
    world.nodes[new].history += 1;
    world.publish(|pool| {
        pool.shards[0].primary = Some(NodeId(new as u32));
        pool.nodes[old].role = Role::Deposed;
        pool.nodes[new].role = Role::Primary;
    });
}

#[test]
fn a_scan_takes_each_shard_once_where_nothing_happens() {
    let (mut world, id) = ready(Plan { shards: 3, nodes: 2, ..Plan::default() });
    // 32 buckets a shard, 5 at a time.
    assert_eq!(to_the_end(&mut world, id), 3 * 7);
}

#[test]
fn a_shard_is_begun_anew_by_its_new_primary_and_only_that_shard() {
    let (mut world, id) = ready(Plan { shards: 2, nodes: 2, ..Plan::default() });
    (0..4).for_each(|_| page(&mut world, id));
    fail_over(&mut world, 0, 1);
    turns(&mut world, 20);
    // One page finds out, then all of both shards.
    assert_eq!(to_the_end(&mut world, id), 1 + 2 * 7);
}

#[test]
fn a_restarted_node_begins_anew_and_a_lost_connection_does_not() {
    let (mut world, id) = ready(Plan { shards: 1, nodes: 1, ..Plan::default() });
    let cut = |world: &mut World| {
        let upstream = *world.sites[0].upstreams.keys().next().expect("there is an upstream");
        world.turn(0, |world| world.cut_upstream(0, upstream, 0));
        turns(world, 100);
    };
    (0..4).for_each(|_| page(&mut world, id));
    cut(&mut world);
    assert_eq!(to_the_end(&mut world, id), 3, "the same process goes on");
    (0..4).for_each(|_| page(&mut world, id));
    world.nodes[0].seed += 12345;
    cut(&mut world);
    let done = world.sites[0].clients[&id].model.scanned_all;
    let mut pages = 0;
    while world.sites[0].clients[&id].model.scanned_all == done {
        page(&mut world, id);
        pages += 1;
    }
    assert_eq!(pages, 1 + 7);
}

#[test]
fn wait_asks_replicas_until_they_have_it_and_nobody_else_waits() {
    let (mut world, id) = ready(Plan { shards: 1, nodes: 3, ..Plan::default() });
    let mut other = None;
    world.turn(0, |world| other = Some(world.connect_client(0)));
    let other = other.unwrap();
    world.replicates = false;
    world.say(0, id, Ask::Set("k1.0".into(), 1), 10);
    world.say(0, id, Ask::Wait(2, 0), 0);
    world.say(0, id, Ask::Ping, 0);
    turns(&mut world, 100);
    let owed = |world: &World, id| world.sites[0].clients[&id].model.owed.len();
    assert_eq!(owed(&world, id), 2, "what stands behind it waits too");
    world.say(0, other, Ask::Get("k2.0".into()), 0);
    turns(&mut world, 3);
    assert_eq!(owed(&world, other), 0);
    world.nodes[1].offset = world.nodes[0].offset;
    turns(&mut world, 100);
    assert_eq!(owed(&world, id), 2, "one of two");
    world.nodes[2].offset = world.nodes[0].offset;
    turns(&mut world, 100);
    assert_eq!(owed(&world, id), 0);
    assert_eq!(world.sites[0].engine.check_idle(), Ok(()));
}

#[test]
fn wait_gives_the_count_when_its_time_is_over_and_an_error_when_the_primary_has_changed() {
    let (mut world, id) = ready(Plan { shards: 1, nodes: 3, ..Plan::default() });
    world.replicates = false;
    world.nodes[2].mood = Mood::Silent;
    world.say(0, id, Ask::Set("k1.0".into(), 1), 10);
    world.say(0, id, Ask::Wait(2, 50), 0);
    turns(&mut world, 20);
    world.nodes[1].offset = world.nodes[0].offset;
    turns(&mut world, 20);
    assert_eq!(world.sites[0].clients[&id].model.owed.len(), 1);
    turns(&mut world, 20);
    assert_eq!(world.sites[0].clients[&id].model.waited, [Ok(1)]);
    world.say(0, id, Ask::Wait(2, 0), 0);
    turns(&mut world, 20);
    fail_over(&mut world, 0, 1);
    turns(&mut world, 200);
    world.say(0, id, Ask::Wait(1, 0), 0);
    turns(&mut world, 20);
    let waited = &world.sites[0].clients[&id].model.waited;
    assert!(waited.len() == 3 && waited[1..].iter().all(Result::is_err), "{waited:?}");
}
