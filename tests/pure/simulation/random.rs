//! A random world: what happens in it, and what must hold when it has come to rest.

use std::time::Duration;

use ketch::internals::base::{ByteSize, ClientId, NodeId, ShardId, UpstreamId};
use ketch::internals::config::{Limits, ReadPolicy};
use ketch::internals::engine::CloseReason;
use ketch::internals::topology::{Gate, HoldReason, NodeState, Role};

use super::model::{Fate, Promises};
use super::node::Mood;
use super::setup::{Chance, Plan};
use super::world::World;

/// How much goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Weather {
    /// Bytes come in pieces and late; nothing fails.
    Calm,
    /// Connections and nodes fail, primaries change; no acknowledged write is lost.
    Rough,
    /// As well, replicas lag and two nodes may be masters at once.
    Wild,
}

pub(crate) fn run(seed: u64) {
    let mut chance = Chance::new(seed.wrapping_mul(31));
    let weather = [Weather::Calm, Weather::Rough, Weather::Rough, Weather::Wild][chance.below(4)];
    let mut world = world(seed, weather, &mut chance);
    let turns = 100 + world.chance.below(300);
    for _ in 0..turns {
        let site = world.chance.below(world.sites.len());
        if weather != Weather::Calm && world.chance.one_in(6) {
            fault(&mut world, weather);
        }
        if world.chance.one_in(30) {
            change(&mut world);
        }
        world.turn(site, |world| {
            for _ in 0..1 + world.chance.below(12) {
                event(world, site, weather);
            }
        });
        pass_time(&mut world, weather);
    }
    come_to_rest(&mut world);
    check_ledger(&world, weather);
}

fn world(seed: u64, weather: Weather, chance: &mut Chance) -> World {
    let policies = [ReadPolicy::Primary, ReadPolicy::PreferReplica, ReadPolicy::Any, ReadPolicy::Replica];
    let reads = policies[chance.below(4)];
    let plan = Plan {
        workers: 1 + chance.below(2),
        shards: 1 + chance.below(3),
        nodes: 1 + chance.below(3),
        reads,
        db: chance.below(2) as u32,
        password: chance.one_in(2),
        hold_max: if weather == Weather::Calm || chance.one_in(2) { 10_000 } else { 8 },
        limits: Limits {
            upstream_buffer: ByteSize::kib([1, 8, 64, 1024][chance.below(4)]),
            output_limit: ByteSize::mib(if weather == Weather::Calm || chance.one_in(2) { 64 } else { 1 }),
            max_upstreams: 4 + chance.below(6),
            max_pinned: if chance.one_in(4) { 2 } else { 1000 },
            ..Limits::default()
        },
        ..Plan::default()
    };
    let strict = weather != Weather::Wild && reads == ReadPolicy::Primary;
    let promises = Promises { calm: weather == Weather::Calm, strict };
    let mut world = World::new(seed, plan, promises);
    world.large = chance.one_in(3);
    world.databases = [1, 3][chance.below(2)];
    world.replicates = weather != Weather::Wild;
    world.kernel = [512, 8 * 1024, 64 * 1024, 1 << 20][chance.below(4)];
    world
}

fn pick<T: Copy>(chance: &mut Chance, from: Vec<T>) -> Option<T> {
    if from.is_empty() { None } else { Some(from[chance.below(from.len())]) }
}

fn some_client(world: &mut World, site: usize) -> Option<ClientId> {
    pick(&mut world.chance, world.sites[site].clients.keys().copied().collect())
}

fn some_upstream(world: &mut World, site: usize) -> Option<UpstreamId> {
    pick(&mut world.chance, world.sites[site].upstreams.keys().copied().collect())
}

/// Something that a worker's driver may see.
fn event(world: &mut World, site: usize, weather: Weather) {
    match world.chance.below(20) {
        0 if world.sites[site].clients.len() < 5 => {
            world.connect_client(site);
        }
        0..=2 => {
            let n = 1 + world.chance.some_of(40);
            let Some(id) = some_client(world, site) else { return };
            if world.sites[site].clients[&id].half_closed
                || world.sites[site].clients[&id].sent.len() > 1 << 20
            {
                return;
            }
            world.say_something(site, id, n);
        }
        3..=6 => {
            let Some(id) = some_client(world, site) else { return };
            let n = world.chance.some_of(world.sites[site].clients[&id].sent.len());
            world.deliver_client(site, id, n);
        }
        7 | 8 => {
            let Some(id) = some_client(world, site) else { return };
            let end = &world.sites[site].clients[&id];
            if !end.stuck {
                let n = world.chance.some_of(end.taken.len());
                world.client_reads(site, id, n);
            }
        }
        9 => {
            let Some(id) = some_client(world, site) else { return };
            let stuck = world.chance.one_in(3);
            world.sites[site].clients.get_mut(&id).unwrap().stuck = stuck;
            if world.chance.one_in(20) {
                world.sites[site].clients.get_mut(&id).unwrap().half_closed = true;
            }
        }
        10 | 11 => {
            let Some(id) = some_upstream(world, site) else { return };
            let works = weather == Weather::Calm || !world.chance.one_in(4);
            world.finish_connect(site, id, works);
        }
        12..=14 => {
            let Some(id) = some_upstream(world, site) else { return };
            let n = world.chance.some_of(world.sites[site].upstreams[&id].taken.len());
            world.node_reads(site, id, n);
        }
        15..=17 => {
            let Some(id) = some_upstream(world, site) else { return };
            let n = world.chance.some_of(world.sites[site].upstreams[&id].said_len());
            world.deliver_node(site, id, n);
        }
        _ => world.write_on(site),
    }
}

fn pass_time(world: &mut World, weather: Weather) {
    let mut step = Duration::from_micros(world.chance.below(1500) as u64);
    if weather != Weather::Calm && world.chance.one_in(25) {
        let next = world.sites.iter().filter_map(|s| s.engine.deadline()).min();
        step = next.map_or(step, |at| at.since(world.now).min(Duration::from_secs(2)));
        if world.chance.one_in(2) {
            answer_probes(world);
        }
    }
    world.now = world.now + step;
}

/// The prober's PINGs are answered by nodes that are well.
fn answer_probes(world: &mut World) {
    for node in &world.topology.pools[0].nodes {
        if world.nodes[node.id.0 as usize].mood == Mood::Well {
            node.facts.answered(world.now);
        }
    }
}

/// Changes that nobody may notice.
fn change(world: &mut World) {
    let shard = world.chance.below(world.plan.shards);
    match world.chance.below(6) {
        0 | 1 => {
            let now = world.now;
            world.publish(|pool| {
                let gate = &mut pool.shards[shard].gate;
                *gate = match gate {
                    Gate::Open => Gate::Held { reason: HoldReason::Moving, since: now },
                    Gate::Held { .. } => Gate::Open,
                };
            });
        }
        2 | 3 => {
            let Some(replica) = some_replica(world, shard) else { return };
            let how = world.chance.below(3);
            world.publish(|pool| {
                let node = pool.nodes.iter_mut().find(|n| n.id == replica).unwrap();
                match how {
                    0 => node.serves_reads = !node.serves_reads,
                    1 => node.state = NodeState::Drain,
                    _ => node.state = NodeState::Ready,
                }
            });
        }
        4 if world.nodes.len() < 12 => world.add_node(shard),
        _ => {
            let Some(replica) = some_replica(world, shard) else { return };
            world.publish(|pool| pool.nodes.retain(|n| n.id != replica));
        }
    }
}

fn some_replica(world: &mut World, shard: usize) -> Option<NodeId> {
    let pool = &world.topology.pools[0];
    let primary = pool.shards[shard].primary;
    let replicas =
        pool.members(ShardId(shard as u16)).map(|n| n.id).filter(|id| Some(*id) != primary).collect();
    pick(&mut world.chance, replicas)
}

/// Something breaks, or is mended.
fn fault(world: &mut World, weather: Weather) {
    let site = world.chance.below(world.sites.len());
    match world.chance.below(12) {
        0..=2 => {
            let Some(id) = some_upstream(world, site) else { return };
            let heard = world.chance.below(world.sites[site].upstreams[&id].taken.len() + 1);
            world.turn(site, |world| world.cut_upstream(site, id, heard));
        }
        3 if world.chance.one_in(3) => {
            let Some(id) = some_client(world, site) else { return };
            world.turn(site, |world| world.cut_client(site, id));
        }
        4 | 5 => {
            let node = world.chance.below(world.nodes.len());
            let moods =
                [Mood::Well, Mood::Well, Mood::Silent, Mood::Loading, Mood::Busy, Mood::Down, Mood::Strict];
            let mood = moods[world.chance.below(moods.len())];
            set_mood(world, node, mood);
        }
        6 => {
            // A master is no master for a while.
            let shard = world.chance.below(world.plan.shards);
            if let Some(primary) = world.topology.pools[0].shards[shard].primary {
                let node = &mut world.nodes[primary.0 as usize];
                node.master = !node.master;
            }
        }
        7 | 8 => {
            let shard = world.chance.below(world.plan.shards);
            failover(world, shard, weather);
        }
        9 => {
            let Some(id) = some_upstream(world, site) else { return };
            let end = world.sites[site].upstreams.get_mut(&id).unwrap();
            if end.open {
                end.say(b"?what\r\n");
            }
        }
        _ => (0..world.nodes.len()).for_each(|node| set_mood(world, node, Mood::Well)),
    }
}

fn set_mood(world: &mut World, node: usize, mood: Mood) {
    world.nodes[node].mood = mood;
    if matches!(mood, Mood::Down | Mood::Strict) {
        // One that was started again, or whose scripts somebody flushed.
        world.nodes[node].scripts.clear();
    }
    if mood != Mood::Down {
        return;
    }
    for site in 0..world.sites.len() {
        let ends = world.sites[site].upstreams.iter().filter(|(_, end)| end.node == node);
        let broken: Vec<UpstreamId> = ends.map(|(id, _)| *id).collect();
        world.turn(site, |world| broken.into_iter().for_each(|id| world.cut_upstream(site, id, 0)));
    }
    // What comes back is another process.
    let seed = &mut world.nodes[node].seed;
    *seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
}

/// Another node of the shard becomes its master and is believed.
pub(crate) fn failover(world: &mut World, shard: usize, weather: Weather) {
    let Some(new) = some_replica(world, shard) else { return };
    let old = world.topology.pools[0].shards[shard].primary.unwrap();
    let two_masters = weather == Weather::Wild && world.chance.one_in(2);
    world.nodes[old.0 as usize].master = two_masters;
    if !two_masters && world.chance.one_in(2) {
        world.force_unblock(old.0 as usize);
    }
    world.nodes[new.0 as usize].master = true;
    let (role, now) = (if world.chance.one_in(2) { Role::Deposed } else { Role::Replica }, world.now);
    world.publish(|pool| {
        pool.shards[shard].primary = Some(new);
        pool.shards[shard].gate = Gate::Open;
        pool.shards[shard].since = now;
        for node in pool.nodes.iter_mut().filter(|n| n.shard.0 as usize == shard) {
            match node.id {
                id if id == new => (node.role, node.serves_reads) = (Role::Primary, false),
                id if id == old => (node.role, node.serves_reads) = (role, role == Role::Replica),
                _ => {}
            }
        }
    });
}

/// Faults stop, everything is mended: within a bounded time everybody has what they are owed.
pub(crate) fn come_to_rest(world: &mut World) {
    for node in 0..world.nodes.len() {
        set_mood(world, node, Mood::Well);
    }
    let pool = &world.topology.pools[0];
    let primaries: Vec<usize> = pool.shards.iter().map(|s| s.primary.unwrap().0 as usize).collect();
    for node in 0..world.nodes.len() {
        let primary = primaries[world.nodes[node].shard];
        world.nodes[node].master = node == primary;
        world.nodes[node].data = world.nodes[primary].data.clone();
    }
    world.publish(|pool| pool.shards.iter_mut().for_each(|shard| shard.gate = Gate::Open));
    for site in &mut world.sites {
        site.clients.values_mut().for_each(|end| end.stuck = false);
    }
    world.kernel = 1 << 20;
    let limit = world.now + Duration::from_secs(30);
    while world.now < limit {
        for site in 0..world.sites.len() {
            world.turn(site, |world| deliver_all(world, site));
        }
        if is_quiet(world) {
            break;
        }
        world.now = world.now + Duration::from_millis(5);
        answer_probes(world);
    }
    for (number, site) in world.sites.iter().enumerate() {
        for end in site.clients.values() {
            let owed: Vec<_> = end.model.owed.iter().take(3).collect();
            assert!(owed.is_empty(), "worker {number}: client {} waits for ever: {owed:?}", end.model.number);
            assert!(!end.half_closed, "a client that closed its side was not closed");
        }
        if let Err(what) = site.engine.check_idle() {
            panic!("worker {number} is not at rest: {what}");
        }
    }
}

fn is_quiet(world: &World) -> bool {
    world.sites.iter().all(|site| {
        site.clients.values().all(|end| end.model.owed.is_empty() && end.sent.is_empty() && !end.half_closed)
            && site.engine.check_idle().is_ok()
    })
}

/// Everything that is under way arrives.
pub(crate) fn deliver_all(world: &mut World, site: usize) {
    let clients: Vec<ClientId> = world.sites[site].clients.keys().copied().collect();
    for id in &clients {
        world.deliver_client(site, *id, usize::MAX);
    }
    deliver_nodes(world, site);
    for id in &clients {
        world.client_reads(site, *id, usize::MAX);
    }
    world.write_on(site);
}

/// The nodes read what was sent to them, and their answers arrive.
pub(crate) fn deliver_nodes(world: &mut World, site: usize) {
    let upstreams: Vec<UpstreamId> = world.sites[site].upstreams.keys().copied().collect();
    for id in upstreams {
        world.finish_connect(site, id, true);
        world.node_reads(site, id, usize::MAX);
        world.deliver_node(site, id, usize::MAX);
    }
}

/// What was promised of writes, now that all is over.
pub(crate) fn check_ledger(world: &World, weather: Weather) {
    for (id, record) in &world.ledger {
        match record.fate {
            Some(Fate::Done) => assert_eq!(record.executed, 1, "write {id} was acknowledged: {record:?}"),
            Some(Fate::NotDone) => assert_eq!(record.executed, 0, "write {id} was refused: {record:?}"),
            Some(Fate::Unknown) | None => assert!(record.executed <= 1, "write {id}: {record:?}"),
        }
    }
    let strict = weather != Weather::Wild;
    if strict {
        check_lists(world);
    }
    for site in &world.sites {
        for model in site.clients.values().map(|end| &end.model).chain(&world.gone) {
            let data = world.nodes.iter().filter(|n| n.master).fold(Default::default(), |mut all, n| {
                std::collections::BTreeMap::append(&mut all, &mut n.data.clone());
                all
            });
            model.check_appended(&data, strict).unwrap_or_else(|what| panic!("{what}"));
        }
    }
    let expected = |reason: &CloseReason| match weather {
        Weather::Calm => *reason == CloseReason::Eof,
        _ => !matches!(reason, CloseReason::Protocol | CloseReason::Quit | CloseReason::Idle),
    };
    let odd: Vec<_> = world.closed.iter().filter(|(_, reason)| !expected(reason)).collect();
    assert!(odd.is_empty(), "clients were closed: {odd:?}");
}

/// Each element that was pushed was taken once at most, and by somebody who was told, or may have been.
fn check_lists(world: &World) {
    let here = world.sites.iter().flat_map(|site| site.clients.values()).map(|end| &end.model);
    let models: Vec<_> = here.chain(&world.gone).collect();
    let mut popped: Vec<u64> = models.iter().flat_map(|model| model.popped.iter().copied()).collect();
    popped.sort_unstable();
    assert!(popped.windows(2).all(|pair| pair[0] != pair[1]), "an element was given out twice: {popped:?}");
    let lists = world.nodes.iter().filter(|node| node.master).flat_map(|node| &node.data);
    let left: Vec<u64> = lists
        .filter(|(key, _)| key.starts_with(b"q"))
        .flat_map(|(_, list)| String::from_utf8_lossy(list).split('>').map(str::to_owned).collect::<Vec<_>>())
        .filter_map(|element| element.strip_prefix('<')?.parse().ok())
        .collect();
    let gone = |model: &&super::model::Model| {
        model.owed.iter().filter(|(_, ask, _)| matches!(ask, super::model::Ask::Pop(..))).count()
    };
    let may_be_lost: usize = models.iter().map(|model| model.unknown_pops + gone(model)).sum();
    let pushed = |model: &&super::model::Model| model.pushed.clone();
    let lost = models
        .iter()
        .flat_map(pushed)
        .filter(|id| popped.binary_search(id).is_err() && !left.contains(id))
        .count();
    assert!(lost <= may_be_lost, "{lost} elements are lost, {may_be_lost} may be");
}
