//! Subscribers to whom one thing happens, by name.

use std::time::Duration;

use ketch::internals::base::{ClientId, NodeId, UpstreamId};
use ketch::internals::topology::Role;

use super::super::model::Promises;
use super::super::random::deliver_all;
use super::super::setup::Plan;
use super::super::world::World;
use super::{hear, tell};

const PLAIN: Promises = Promises { calm: false, strict: true };

fn ready(plan: Plan) -> World {
    let mut world = World::new(1, plan, PLAIN);
    world.kernel = 1 << 20;
    turns(&mut world, 5);
    world
}

fn turns(world: &mut World, n: usize) {
    for _ in 0..n {
        (0..world.sites.len()).for_each(|site| turn(world, site));
        world.now = world.now + Duration::from_millis(1);
    }
}

fn turn(world: &mut World, site: usize) {
    world.turn(site, |world| deliver_all(world, site));
}

fn client(world: &mut World, site: usize) -> ClientId {
    let mut id = None;
    world.turn(site, |world| id = Some(world.connect_client(site)));
    id.unwrap()
}

/// The client says this and Ketch reads it; nodes do nothing.
fn say(world: &mut World, site: usize, id: ClientId, words: &[&str]) {
    tell(world, site, id, words);
    world.turn(site, |world| world.deliver_client(site, id, usize::MAX));
    world.turn(site, |world| world.client_reads(site, id, usize::MAX));
}

/// Node 1 of the only shard becomes its primary.
fn fail_over(world: &mut World) {
    world.nodes[0].master = false;
    world.nodes[1].master = true;
    let now = world.now;
    world.publish(|pool| {
        pool.shards[0].primary = Some(NodeId(1));
        pool.shards[0].since = now;
        (pool.nodes[0].role, pool.nodes[1].role) = (Role::Deposed, Role::Primary);
    });
}

#[test]
fn a_subscription_is_confirmed_after_its_node_did_and_shared_at_once() {
    let mut world = ready(Plan { shards: 1, ..Plan::default() });
    let (first, second) = (client(&mut world, 0), client(&mut world, 0));
    say(&mut world, 0, first, &["SUBSCRIBE", "c"]);
    say(&mut world, 0, first, &["PING"]);
    assert!(hear(&mut world, 0, first).is_empty(), "its node has not confirmed it");
    turns(&mut world, 5);
    assert_eq!(hear(&mut world, 0, first), ["subscribe c 1", "pong "]);
    say(&mut world, 0, second, &["SUBSCRIBE", "c", "c"]);
    assert_eq!(hear(&mut world, 0, second), ["subscribe c 1", "subscribe c 1"]);
    assert_eq!(world.subscribed_at(0)[&b"c"[..]], 1);
}

#[test]
fn messages_that_come_with_the_confirmation_go_behind_it() {
    let mut world = ready(Plan { shards: 1, ..Plan::default() });
    let id = client(&mut world, 0);
    say(&mut world, 0, id, &["SUBSCRIBE", "c", "d"]);
    for _ in 0..8 {
        // The node does all it can, and Ketch hears of it in one piece.
        world.turn(0, |world| {
            for upstream in world.sites[0].upstreams.keys().copied().collect::<Vec<UpstreamId>>() {
                world.finish_connect(0, upstream, true);
                world.deliver_node(0, upstream, usize::MAX);
                world.node_reads(0, upstream, usize::MAX);
            }
            world.publish_message(0, b"c", b"m");
            world.publish_message(0, b"d", b"m");
        });
    }
    turns(&mut world, 3);
    let heard = hear(&mut world, 0, id);
    assert_eq!(heard[..2], ["subscribe c 1", "subscribe d 2"]);
    assert!(
        heard.len() > 4 && heard[2..].iter().all(|m| m == "message c m" || m == "message d m"),
        "{heard:?}"
    );
}

#[test]
fn a_client_that_has_gone_leaves_nothing_subscribed() {
    let mut world = ready(Plan { shards: 2, nodes: 1, ..Plan::default() });
    let (stays, goes, waits) = (client(&mut world, 0), client(&mut world, 0), client(&mut world, 0));
    say(&mut world, 0, stays, &["SUBSCRIBE", "c"]);
    say(&mut world, 0, goes, &["SUBSCRIBE", "c", "d", "e"]);
    say(&mut world, 0, goes, &["PSUBSCRIBE", "p*"]);
    turns(&mut world, 5);
    // One that goes before its subscription was confirmed.
    say(&mut world, 0, waits, &["SUBSCRIBE", "f", "c"]);
    world.turn(0, |world| world.cut_client(0, waits));
    world.turn(0, |world| world.cut_client(0, goes));
    turns(&mut world, 5);
    let left: Vec<_> = [0, 1].map(|node| world.subscribed_at(node)).into_iter().flatten().collect();
    assert_eq!(left, [(b"c".to_vec(), 1)]);
    world.sites[0].engine.check_idle().unwrap();
}

#[test]
fn an_unsubscription_that_is_taken_back_at_once_is_subscribed_again() {
    let mut world = ready(Plan { shards: 1, ..Plan::default() });
    let id = client(&mut world, 0);
    for _ in 0..3 {
        for words in [&["SUBSCRIBE", "c"], &["UNSUBSCRIBE", "c"], &["SUBSCRIBE", "c"]] {
            say(&mut world, 0, id, words);
        }
        turns(&mut world, 12);
        assert_eq!(hear(&mut world, 0, id), ["subscribe c 1", "unsubscribe c 0", "subscribe c 1"]);
        assert_eq!(world.subscribed_at(0)[&b"c"[..]], 1);
        say(&mut world, 0, id, &["UNSUBSCRIBE"]);
        turns(&mut world, 5);
        assert_eq!(hear(&mut world, 0, id), ["unsubscribe c 0"]);
    }
}

#[test]
fn what_waits_to_be_published_waits_until_every_worker_has_subscribed_on_the_new_primary() {
    let mut world = ready(Plan { shards: 1, workers: 2, ..Plan::default() });
    let hearers = [client(&mut world, 0), client(&mut world, 1)];
    let publisher = client(&mut world, 0);
    for (site, hearer) in hearers.into_iter().enumerate() {
        say(&mut world, site, hearer, &["SUBSCRIBE", "c"]);
    }
    say(&mut world, 0, publisher, &["GET", "k1.0"]);
    turns(&mut world, 5);
    for (site, hearer) in hearers.into_iter().enumerate() {
        assert_eq!(hear(&mut world, site, hearer), ["subscribe c 1"]);
    }
    assert_eq!(hear(&mut world, 0, publisher), ["nil"]);
    fail_over(&mut world);
    turn(&mut world, 0);
    tell(&mut world, 0, publisher, &["PUBLISH", "c", "m"]);
    tell(&mut world, 0, publisher, &["GET", "k1.0"]);
    // The other worker sleeps.
    for _ in 0..100 {
        turn(&mut world, 0);
        world.now = world.now + Duration::from_millis(1);
    }
    assert!(world.published.is_empty());
    turns(&mut world, 20);
    assert_eq!(world.published.len(), 1);
    for (site, hearer) in hearers.into_iter().enumerate() {
        assert_eq!(
            hear(&mut world, site, hearer),
            ["message c m"],
            "worker {site}, and not a word of the failover"
        );
    }
    assert_eq!(hear(&mut world, 0, publisher), ["2", "nil"]);
}

#[test]
fn a_worker_that_never_subscribes_on_the_new_primary_does_not_keep_writes_for_ever() {
    let mut world = ready(Plan { shards: 1, workers: 2, ..Plan::default() });
    let hearer = client(&mut world, 1);
    let publisher = client(&mut world, 0);
    say(&mut world, 1, hearer, &["SUBSCRIBE", "c"]);
    turns(&mut world, 5);
    fail_over(&mut world);
    turn(&mut world, 0);
    tell(&mut world, 0, publisher, &["PUBLISH", "c", "m"]);
    let mut waited = 0;
    while world.published.is_empty() && waited < 4000 {
        turn(&mut world, 0);
        world.now = world.now + Duration::from_millis(1);
        waited += 1;
    }
    assert!((1400..1600).contains(&waited), "{waited} ms: half of what they may be held");
}

#[test]
fn a_subscriber_upstream_that_is_silently_cut_off_is_noticed_and_made_anew() {
    let mut world = ready(Plan { shards: 1, nodes: 1, ..Plan::default() });
    let id = client(&mut world, 0);
    say(&mut world, 0, id, &["SUBSCRIBE", "c"]);
    turns(&mut world, 5);
    let lost = *world.sites[0].upstreams.iter().find(|(_, end)| !end.subscribed.is_empty()).unwrap().0;
    for _ in 0..8000 {
        world.turn(0, |world| {
            for upstream in
                world.sites[0].upstreams.keys().copied().filter(|id| *id != lost).collect::<Vec<_>>()
            {
                world.finish_connect(0, upstream, true);
                world.node_reads(0, upstream, usize::MAX);
                world.deliver_node(0, upstream, usize::MAX);
            }
        });
        world.topology.pools[0].nodes[0].facts.answered(world.now);
        world.now = world.now + Duration::from_millis(1);
    }
    assert!(!world.sites[0].upstreams.contains_key(&lost));
    assert_eq!(world.subscribed_at(0)[&b"c"[..]], 1);
}
