//! A random world of subscribers and publishers: connections break, primaries change, and still nobody gets
//! a message that he did not ask for, or twice, or out of order; and without faults everybody gets all.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use ketch::internals::base::{ClientId, UpstreamId};

use super::super::model::Promises;
use super::super::random::{Weather, come_to_rest, failover};
use super::super::setup::Plan;
use super::super::world::World;
use super::{fits, hear, tell};

const CHANNELS: [&str; 6] = ["a", "ab", "b", "bc", "c", "abc"];
const PATTERNS: [&str; 3] = ["a*", "b*", "*"];

/// What a client knows of itself.
#[derive(Default)]
struct Listener {
    /// Confirmed, and what had been published by then.
    on: BTreeMap<String, usize>,
    /// What had been published when the end of a name was asked for, each time: what follows may be missed.
    ending: BTreeMap<String, VecDeque<usize>>,
    /// Messages as (subscription, message).
    got: BTreeSet<(String, usize)>,
    /// The last message of each subscription and node.
    last: BTreeMap<(String, usize), usize>,
    /// It must have got these.
    due: Vec<(String, usize, usize)>,
}

type Listeners = BTreeMap<(usize, ClientId), Listener>;

pub(crate) fn run(seed: u64) {
    let mut chance = super::super::setup::Chance::new(seed.wrapping_mul(77));
    let rough = chance.one_in(2);
    let plan = Plan { workers: 1 + chance.below(2), shards: 1 + chance.below(3), ..Plan::default() };
    let mut world = World::new(seed, plan, Promises { calm: false, strict: false });
    world.kernel = [64, 4096, 1 << 20][chance.below(3)];
    let mut listeners = Listeners::new();
    let mut published = 0;
    for _ in 0..200 + world.chance.below(200) {
        let site = world.chance.below(world.sites.len());
        if rough && world.chance.one_in(12) {
            fault(&mut world, site);
        }
        world.turn(site, |world| {
            for _ in 0..1 + world.chance.below(10) {
                event(world, site, &mut listeners, &mut published);
            }
        });
        listen(&mut world, &mut listeners);
        world.now = world.now + Duration::from_micros(world.chance.below(3000) as u64);
    }
    for _ in 0..3 {
        come_to_rest(&mut world);
        listen(&mut world, &mut listeners);
    }
    for ((site, id), listener) in &mut listeners {
        if !world.sites[*site].clients.contains_key(id) {
            continue;
        }
        let unended = listener.ending.values().map(VecDeque::len).sum::<usize>();
        assert_eq!(unended, 0, "{:?} wait for their end", listener.ending);
        let standing: Vec<_> =
            listener.on.iter().map(|(name, from)| (name.clone(), *from, usize::MAX)).collect();
        listener.due.extend(standing);
        if !rough {
            expect_all(&world, listener);
        }
    }
    for (node, end) in (0..world.nodes.len()).map(|node| (node, world.subscribed_at(node))) {
        let stands = |name: &[u8]| {
            let name = String::from_utf8_lossy(name).into_owned();
            listeners.iter().any(|((site, id), l)| {
                l.on.contains_key(&name) && world.sites[*site].clients.contains_key(id)
            })
        };
        assert!(
            end.keys().all(|name| stands(name)),
            "node {node} is subscribed to what nobody needs: {end:?}"
        );
    }
}

/// All that was published between a confirmation and the wish to end it has come.
fn expect_all(world: &World, listener: &Listener) {
    for (name, from, to) in &listener.due {
        for (number, (_, channel, _)) in world.published.iter().enumerate() {
            let wanted =
                if name.ends_with('*') { fits(name.as_bytes(), channel) } else { name.as_bytes() == channel };
            if wanted && (*from..*to).contains(&number) {
                assert!(
                    listener.got.contains(&(name.clone(), number)),
                    "message {number} for {name} is missing"
                );
            }
        }
    }
}

fn fault(world: &mut World, site: usize) {
    match world.chance.below(4) {
        0 => {
            let shard = world.chance.below(world.plan.shards);
            failover(world, shard, Weather::Rough);
        }
        1 => {
            let ids: Vec<ClientId> = world.sites[site].clients.keys().copied().collect();
            if !ids.is_empty() {
                let id = ids[world.chance.below(ids.len())];
                world.turn(site, |world| world.cut_client(site, id));
            }
        }
        _ => {
            let ids: Vec<UpstreamId> = world.sites[site].upstreams.keys().copied().collect();
            if !ids.is_empty() {
                let id = ids[world.chance.below(ids.len())];
                let heard = world.chance.below(100);
                world.turn(site, |world| world.cut_upstream(site, id, heard));
            }
        }
    }
}

fn event(world: &mut World, site: usize, listeners: &mut Listeners, published: &mut usize) {
    let clients: Vec<ClientId> = world.sites[site].clients.keys().copied().collect();
    let upstreams: Vec<UpstreamId> = world.sites[site].upstreams.keys().copied().collect();
    let client = clients.get(world.chance.below(clients.len())).copied();
    let upstream = upstreams.get(world.chance.below(upstreams.len())).copied();
    match (world.chance.below(12), client, upstream) {
        (0, ..) if clients.len() < 4 => {
            let id = world.connect_client(site);
            tell(world, site, id, &["PING"]);
            listeners.insert((site, id), Listener::default());
        }
        (1 | 2, Some(id), _) => speak(world, site, id, listeners),
        (3, Some(id), _) => {
            // What is said in the middle of a subscription is refused: only those who have none publish.
            let idle = listeners.get(&(site, id)).is_some_and(|l| l.on.is_empty());
            if idle && world.sites[site].clients[&id].sent.is_empty() {
                *published += 1;
                let channel = CHANNELS[world.chance.below(CHANNELS.len())];
                tell(world, site, id, &["PUBLISH", channel, &published.to_string()]);
            }
        }
        (4, Some(id), _) => {
            let n = world.chance.some_of(world.sites[site].clients[&id].sent.len());
            world.deliver_client(site, id, n);
        }
        (5, Some(id), _) => world.client_reads(site, id, usize::MAX),
        (6, _, Some(id)) => world.finish_connect(site, id, true),
        (7 | 8, _, Some(id)) => {
            let n = world.chance.some_of(world.sites[site].upstreams[&id].taken.len());
            world.node_reads(site, id, n);
        }
        (9 | 10, _, Some(id)) => {
            let n = world.chance.some_of(world.sites[site].upstreams[&id].said_len());
            world.deliver_node(site, id, n);
        }
        _ => world.write_on(site),
    }
}

fn speak(world: &mut World, site: usize, id: ClientId, listeners: &mut Listeners) {
    let Some(listener) = listeners.get_mut(&(site, id)) else { return };
    let pattern = world.chance.one_in(3);
    let names: &[&str] = if pattern { &PATTERNS } else { &CHANNELS };
    let name = names[world.chance.below(names.len())];
    let ends = world.chance.one_in(3);
    if ends {
        listener.ending.entry(name.to_owned()).or_default().push_back(world.published.len());
    }
    let verb = match (pattern, ends) {
        (false, false) => "SUBSCRIBE",
        (true, false) => "PSUBSCRIBE",
        (false, true) => "UNSUBSCRIBE",
        (true, true) => "PUNSUBSCRIBE",
    };
    tell(world, site, id, &[verb, name]);
}

/// Each client looks at what it has heard.
fn listen(world: &mut World, listeners: &mut Listeners) {
    for ((site, id), listener) in listeners {
        for heard in hear(world, *site, *id) {
            let words: Vec<&str> = heard.split(' ').collect();
            match words[..] {
                ["subscribe" | "psubscribe", name, _] => {
                    listener.on.entry(name.to_owned()).or_insert(world.published.len());
                }
                ["unsubscribe" | "punsubscribe", name, _] => {
                    let to = listener.ending.get_mut(name).and_then(VecDeque::pop_front);
                    if let (Some(from), Some(to)) = (listener.on.remove(name), to) {
                        listener.due.push((name.to_owned(), from, to));
                    }
                }
                ["message", channel, message] => listener.take(world, channel, channel, message),
                ["pmessage", pattern, channel, message] => listener.take(world, pattern, channel, message),
                _ => {}
            }
        }
    }
}

impl Listener {
    fn take(&mut self, world: &World, name: &str, channel: &str, message: &str) {
        assert!(self.on.contains_key(name), "a message for {name}, which is not subscribed to");
        let number =
            world.published.iter().position(|(_, c, m)| c == channel.as_bytes() && m == message.as_bytes());
        let number = number.unwrap_or_else(|| panic!("{message} was never published to {channel}"));
        assert!(self.got.insert((name.to_owned(), number)), "message {number} for {name} came twice");
        let node = world.published[number].0;
        let last = self.last.insert((name.to_owned(), node), number);
        assert!(last.is_none_or(|last| last < number), "{name}: {number} came after {last:?}");
    }
}
