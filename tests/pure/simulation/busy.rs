//! Worlds in which a script keeps a node busy.

use std::time::Duration;

use ketch::internals::config::Limits;

use super::model::{Ask, Fate};
use super::node::Mood;
use super::random::come_to_rest;
use super::scenarios::{CALM, ROUGH, client, owed, ready, say, to_node, turns};
use super::setup::Plan;

const KEY: &str = "k1.0";

fn set(id: u64) -> Ask {
    Ask::Set(KEY.into(), id)
}

#[test]
fn what_a_busy_node_refuses_is_answered_so_and_costs_no_connection() {
    let mut world = ready(Plan { shards: 1, nodes: 1, ..Plan::default() }, ROUGH);
    let id = client(&mut world);
    world.nodes[0].mood = Mood::Busy;
    say(&mut world, id, vec![set(1), Ask::Get(KEY.into()), Ask::Eval(KEY.into(), 2, "set"), set(3)]);
    turns(&mut world, 20);
    assert_eq!(owed(&world, id), 0);
    assert!((1..=3).all(|id| world.ledger[&id].fate == Some(Fate::NotDone)));
    let upstream = to_node(&world, 0);
    world.nodes[0].mood = Mood::Well;
    say(&mut world, id, vec![set(4), Ask::Eval(KEY.into(), 5, "set"), set(6)]);
    turns(&mut world, 20);
    assert!((4..=6).all(|id| world.ledger[&id].fate == Some(Fate::Done)));
    assert_eq!(to_node(&world, 0), upstream, "it is the same one");
    come_to_rest(&mut world);
}

#[test]
fn a_node_that_is_too_busy_to_be_greeted_keeps_nobody_waiting_and_is_greeted_once_it_is_not() {
    let mut world = ready(Plan { shards: 1, nodes: 1, ..Plan::default() }, ROUGH);
    let id = client(&mut world);
    world.nodes[0].mood = Mood::Busy;
    let upstream = to_node(&world, 0);
    world.turn(0, |world| world.cut_upstream(0, upstream, 0));
    // Longer than a greeting may take.
    for round in 0..60 {
        say(&mut world, id, vec![set(1 + round), Ask::Get(KEY.into())]);
        turns(&mut world, 10);
        assert_eq!(owed(&world, id), 0, "answered at once");
        assert_eq!(world.ledger[&(1 + round)].fate, Some(Fate::NotDone));
        world.now = world.now + Duration::from_millis(100);
    }
    world.nodes[0].mood = Mood::Well;
    // The first that asks, asks the node: nobody hears what it said before.
    say(&mut world, id, vec![set(100), Ask::Eval(KEY.into(), 101, "set")]);
    turns(&mut world, 10);
    assert_eq!(owed(&world, id), 0);
    assert!([100, 101].iter().all(|id| world.ledger[id].fate == Some(Fate::Done)));
    come_to_rest(&mut world);
}

#[test]
fn scripts_in_many_databases_leave_room_for_a_stream() {
    for max_upstreams in 2..12 {
        let limits = Limits { max_upstreams, ..Limits::default() };
        let mut world = ready(Plan { shards: 1, nodes: 1, limits, ..Plan::default() }, CALM);
        let id = client(&mut world);
        for round in 0..8_u32 {
            let db = round % 4;
            let eval = Ask::Eval(format!("k1.0@{db}"), u64::from(round) + 1, "set");
            say(&mut world, id, vec![Ask::Select(db), eval]);
            turns(&mut world, 20);
        }
        world.say(0, id, Ask::Set("k1.0@3".into(), 9), 100_000);
        turns(&mut world, 100);
        assert_eq!(owed(&world, id), 0, "{max_upstreams}");
        assert!((1..=9).all(|id| world.ledger[&id].fate == Some(Fate::Done)), "{max_upstreams}");
    }
}
