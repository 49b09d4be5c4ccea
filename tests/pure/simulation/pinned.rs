//! What becomes of blocks, watches and what blocks when primaries change, by name.

use std::time::Duration;

use ketch::internals::base::{ClientId, NodeId};
use ketch::internals::topology::{Gate, HoldReason, Role};

use super::model::{Ask, Fate};
use super::node::Mood;
use super::random::come_to_rest;
use super::scenarios::{CALM, ROUGH, client, owed, ready, say, turns};
use super::setup::Plan;
use super::world::World;

fn one_shard() -> Plan {
    Plan { shards: 1, nodes: 2, ..Plan::default() }
}

/// Node 1 is the master, and believed. The old one does not know that it is none any more.
fn depose(world: &mut World) {
    world.nodes[1].master = true;
    let now = world.now;
    world.publish(|pool| {
        pool.shards[0].primary = Some(NodeId(1));
        pool.shards[0].gate = Gate::Open;
        pool.shards[0].since = now;
        (pool.nodes[0].role, pool.nodes[0].serves_reads) = (Role::Deposed, false);
        (pool.nodes[1].role, pool.nodes[1].serves_reads) = (Role::Primary, false);
    });
}

fn hold(world: &mut World) {
    let since = world.now;
    world.publish(|pool| pool.shards[0].gate = Gate::Held { reason: HoldReason::Moving, since });
    turns(world, 2);
}

/// A block of two writes on one key, numbered from `first` on.
fn block(first: u64, watched: bool) -> Vec<Ask> {
    let asks = [first, first + 1].map(|id| Ask::Set("k1.0".into(), id));
    let mut said = vec![Ask::Multi];
    said.extend(asks.iter().map(|ask| Ask::Queued(Box::new(ask.clone()))));
    said.push(Ask::Exec(asks.to_vec(), watched));
    said
}

fn fates(world: &World) -> [(Option<Fate>, u32); 2] {
    [1, 2].map(|id| world.ledger.get(&id).map_or((None, 0), |record| (record.fate, record.executed)))
}

fn model(world: &World, id: ClientId) -> &super::model::Model {
    &world.sites[0].clients[&id].model
}

#[test]
fn a_block_that_was_not_sent_goes_to_the_next_primary_and_its_client_notices_nothing() {
    let mut world = ready(one_shard(), CALM);
    let id = client(&mut world);
    hold(&mut world);
    say(&mut world, id, block(1, false));
    turns(&mut world, 5);
    assert_eq!(owed(&world, id), 1, "all but EXEC is answered");
    depose(&mut world);
    turns(&mut world, 20);
    assert_eq!(fates(&world), [(Some(Fate::Done), 1); 2]);
    assert!(!world.nodes[0].data.contains_key(&b"k1.0"[..]), "the old one got nothing of it");
    come_to_rest(&mut world);
}

#[test]
fn a_block_whose_keys_were_watched_does_nothing_once_another_primary_is_believed() {
    let mut world = ready(one_shard(), ROUGH);
    let id = client(&mut world);
    say(&mut world, id, vec![Ask::Watch("k1.0".into())]);
    turns(&mut world, 10);
    assert_eq!(owed(&world, id), 0);
    depose(&mut world);
    turns(&mut world, 10);
    say(&mut world, id, block(1, true));
    turns(&mut world, 10);
    assert_eq!(owed(&world, id), 0);
    assert_eq!(fates(&world), [(Some(Fate::NotDone), 0); 2]);
    // And the next one works.
    let mut again = vec![Ask::Watch("k1.0".into())];
    again.extend(block(1, true));
    say(&mut world, id, again);
    turns(&mut world, 20);
    assert_eq!(fates(&world), [(Some(Fate::Done), 1); 2]);
    come_to_rest(&mut world);
}

#[test]
fn a_block_with_watch_that_waits_for_a_primary_does_nothing_when_another_one_comes() {
    let mut world = ready(one_shard(), ROUGH);
    let id = client(&mut world);
    say(&mut world, id, vec![Ask::Watch("k1.0".into())]);
    turns(&mut world, 10);
    hold(&mut world);
    say(&mut world, id, block(1, true));
    turns(&mut world, 5);
    assert_eq!(owed(&world, id), 1);
    depose(&mut world);
    turns(&mut world, 20);
    assert_eq!(fates(&world), [(Some(Fate::NotDone), 0); 2]);
    come_to_rest(&mut world);
}

#[test]
fn an_exec_that_was_sent_and_lost_is_of_unknown_outcome_whether_or_not_it_was_executed() {
    for (watched, executed) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut world = ready(one_shard(), ROUGH);
        let id = client(&mut world);
        if watched {
            say(&mut world, id, vec![Ask::Watch("k1.0".into())]);
            turns(&mut world, 10);
        }
        say(&mut world, id, block(1, watched));
        let upstreams: Vec<_> =
            world.sites[0].upstreams.iter().filter(|(_, end)| !end.taken.is_empty()).collect();
        let upstream = *upstreams[0].0;
        world.turn(0, |world| world.cut_upstream(0, upstream, if executed { usize::MAX } else { 0 }));
        turns(&mut world, 20);
        assert_eq!(fates(&world), [(Some(Fate::Unknown), u32::from(executed)); 2], "{watched}");
        come_to_rest(&mut world);
    }
}

#[test]
fn a_block_that_a_demoted_master_refuses_is_sent_again() {
    let mut world = ready(one_shard(), CALM);
    let id = client(&mut world);
    world.nodes[0].master = false;
    say(&mut world, id, block(1, false));
    turns(&mut world, 30);
    assert_eq!(fates(&world), [(None, 0); 2]);
    world.nodes[0].master = true;
    turns(&mut world, 100);
    assert_eq!(fates(&world), [(Some(Fate::Done), 1); 2]);
    come_to_rest(&mut world);
}

fn blocked(world: &mut World, millis: u64) -> ClientId {
    let id = client(world);
    say(world, id, vec![Ask::Pop("q0".into(), millis)]);
    turns(world, 10);
    assert_eq!(owed(world, id), 1);
    id
}

fn push(world: &mut World, number: u64) {
    let id = client(world);
    say(world, id, vec![Ask::Push("q0".into(), number)]);
    turns(world, 20);
    assert_eq!(world.ledger[&number].fate, Some(Fate::Done));
}

#[test]
fn what_blocks_on_a_deposed_primary_is_unblocked_there_and_blocks_on_the_next() {
    let mut world = ready(one_shard(), ROUGH);
    let id = blocked(&mut world, 60_000);
    depose(&mut world);
    turns(&mut world, 30);
    assert_eq!(owed(&world, id), 1, "it heard of nothing");
    push(&mut world, 7);
    assert_eq!(model(&world, id).popped, [7]);
    assert_eq!(model(&world, id).unknown_pops, 0);
    come_to_rest(&mut world);
}

/// Whoever pushes blocks, too, a moment later: it must not be first. Nor could anybody else be.
#[test]
fn what_a_held_write_pushes_is_popped_by_whoever_blocked_before_it() {
    for sent in [true, false] {
        let mut world = ready(one_shard(), ROUGH);
        let first = if sent { blocked(&mut world, 60_000) } else { client(&mut world) };
        let pusher = client(&mut world);
        hold(&mut world);
        if !sent {
            say(&mut world, first, vec![Ask::Pop("q0".into(), 60_000)]);
            turns(&mut world, 2);
        }
        say(&mut world, pusher, vec![Ask::Push("q0".into(), 7), Ask::Pop("q0".into(), 300)]);
        turns(&mut world, 5);
        depose(&mut world);
        for _ in 0..50 {
            turns(&mut world, 1);
            let list = world.nodes[1].data.get(&b"q0"[..]);
            assert!(list.is_none_or(|list| list.is_empty()), "{sent}: it lies there for anybody");
        }
        assert_eq!(model(&world, first).popped, [7], "{sent}");
        assert_eq!(owed(&world, pusher), 1);
        come_to_rest(&mut world);
    }
}

#[test]
fn a_held_write_does_not_wait_long_for_those_who_blocked_before_it() {
    let mut world = ready(one_shard(), ROUGH);
    blocked(&mut world, 60_000);
    let pusher = client(&mut world);
    hold(&mut world);
    say(&mut world, pusher, vec![Ask::Push("q0".into(), 7)]);
    world.nodes[0].mood = Mood::Silent;
    depose(&mut world);
    let began = world.now;
    while owed(&world, pusher) > 0 && world.now.since(began) < Duration::from_secs(2) {
        turns(&mut world, 1);
    }
    let took = world.now.since(began);
    assert!(took >= Duration::from_millis(400) && took < Duration::from_millis(560), "{took:?}");
    world.nodes[0].mood = Mood::Well;
    come_to_rest(&mut world);
}

#[test]
fn what_is_popped_on_a_deposed_primary_counts_for_nobody() {
    let mut world = ready(one_shard(), ROUGH);
    world.replicates = false;
    let id = blocked(&mut world, 60_000);
    // Behind Ketch's back the old primary gets an element just before it is asked.
    let upstream = world.sites[0].upstreams.keys().copied().next().unwrap();
    depose(&mut world);
    world.hear(0, upstream, &vec![b"RPUSH".to_vec(), b"q0".to_vec(), b"<9>".to_vec()]);
    world.sites[0].upstreams.get_mut(&upstream).unwrap().forget_last();
    turns(&mut world, 30);
    assert_eq!((model(&world, id).popped.len(), model(&world, id).unknown_pops), (0, 1));
    come_to_rest(&mut world);
}

#[test]
fn what_blocks_on_a_primary_that_can_t_be_asked_is_of_unknown_outcome() {
    let mut world = ready(one_shard(), ROUGH);
    let id = blocked(&mut world, 60_000);
    world.nodes[0].mood = Mood::Silent;
    depose(&mut world);
    for _ in 0..3000 {
        turns(&mut world, 1);
    }
    assert_eq!((owed(&world, id), model(&world, id).unknown_pops), (0, 1));
    world.nodes[0].mood = Mood::Well;
    come_to_rest(&mut world);
}

#[test]
fn what_a_demoted_primary_unblocks_by_itself_blocks_on_the_next() {
    let mut world = ready(one_shard(), ROUGH);
    let id = blocked(&mut world, 60_000);
    world.nodes[0].master = false;
    world.force_unblock(0);
    turns(&mut world, 10);
    assert_eq!(owed(&world, id), 1);
    depose(&mut world);
    turns(&mut world, 50);
    push(&mut world, 7);
    assert_eq!(model(&world, id).popped, [7]);
    come_to_rest(&mut world);
}

#[test]
fn the_time_of_what_blocks_goes_on_over_a_failover() {
    let mut world = ready(one_shard(), ROUGH);
    let began = world.now;
    let id = blocked(&mut world, 500);
    world.now = world.now + Duration::from_millis(300);
    depose(&mut world);
    while owed(&world, id) > 0 && world.now.since(began) < Duration::from_secs(2) {
        turns(&mut world, 1);
    }
    let took = world.now.since(began);
    assert!(took >= Duration::from_millis(500) && took < Duration::from_millis(560), "{took:?}");
    assert!(model(&world, id).popped.is_empty());
    come_to_rest(&mut world);
}

#[test]
fn a_pop_that_is_held_times_out_by_itself() {
    let mut world = ready(one_shard(), CALM);
    hold(&mut world);
    let began = world.now;
    let id = client(&mut world);
    say(&mut world, id, vec![Ask::Pop("q0".into(), 200)]);
    while owed(&world, id) > 0 && world.now.since(began) < Duration::from_secs(2) {
        turns(&mut world, 1);
    }
    let took = world.now.since(began);
    assert!(took >= Duration::from_millis(199) && took < Duration::from_millis(240), "{took:?}");
    come_to_rest(&mut world);
}

#[test]
fn the_upstream_of_a_blocked_client_that_goes_is_closed_at_once() {
    for half in [false, true] {
        let mut world = ready(one_shard(), ROUGH);
        let id = blocked(&mut world, 60_000);
        let before = world.sites[0].upstreams.len();
        world.turn(0, |world| match half {
            true => world.sites[0].engine.client_eof(id),
            false => world.cut_client(0, id),
        });
        assert_eq!(world.sites[0].upstreams.len(), before - 1);
        push(&mut world, 7);
        let list: &[u8] = &world.nodes[0].data[&b"q0"[..]];
        assert_eq!(list, b"<7>");
        come_to_rest(&mut world);
    }
}

#[test]
fn what_stands_behind_a_watch_that_is_given_up_before_it_was_sent_goes_on() {
    let mut world = ready(one_shard(), CALM);
    let id = client(&mut world);
    // An upstream for the watch has to be made first; DISCARD ends it before.
    say(&mut world, id, vec![Ask::Watch("k1.0".into()), Ask::Get("k1.0".into()), Ask::Multi, Ask::Discard]);
    let written = |end: &super::world::UpstreamEnd| !end.taken.is_empty();
    assert!(world.sites[0].upstreams.values().any(written), "nothing is waited for any more");
    turns(&mut world, 5);
    assert_eq!(owed(&world, id), 0);
    come_to_rest(&mut world);
}
