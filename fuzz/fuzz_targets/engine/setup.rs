//! The deployment that noise is fed to: two shards of three nodes, with limits low enough to be reached.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ketch::internals::base::{Epoch, NodeId, Time, WorkerId};
use ketch::internals::config::{Context, Source, check};
use ketch::internals::control::first_topology;
use ketch::internals::engine::Setting;
use ketch::internals::metrics::Registry;
use ketch::internals::placement::{DISTRIBUTIONS, HASHES};
use ketch::internals::topology::{
    Gate, Health, HoldReason, Node, NodeState, Pool, ProcessFacts, Role, Topology,
};

use super::noise::Noise;

const CONFIG: &str = r#"
[pool.main]
hash_tag = "{}"
hold = "3s"
hold_max = 20
hold_max_bytes = "64KiB"
listen = [{ address = "127.0.0.1:1" }, { address = "127.0.0.1:2", reads = "any" },
          { address = "127.0.0.1:3", route = "replica" }]
shard = [{ name = "a", nodes = ["10.0.0.1:1", "10.0.0.1:2", "10.0.0.1:3"] },
         { name = "b", nodes = ["10.0.0.1:4", "10.0.0.1:5", "10.0.0.1:6"] }]
limits = { max_clients = 6, max_request = "400KiB", max_args = 64, max_inline = "1KiB",
           output_limit = "64KiB", upstream_buffer = "64KiB", gather_limit = "64KiB", max_upstreams = 3 }
timeouts = { client_idle = "20s" }
"#;

/// Listeners: `auto`, one that reads anywhere, one of replicas.
pub(super) const LISTENERS: usize = 3;
pub(super) const START: Time = Time::from_millis(100_000);
const NODES_OF_A_SHARD: u32 = 3;

pub(super) fn setting() -> Setting {
    let topology = Arc::new(topology());
    Setting {
        topology,
        facts: Arc::new(ProcessFacts::new(1)),
        registry: Registry::new(),
        worker: WorkerId(0),
        workers: 1,
        seed: 1,
        wall_at_origin: Duration::from_secs(1_700_000_000),
        now: START,
    }
}

/// The first node of each shard is its primary, the others may be read from.
fn topology() -> Topology {
    let context = Context {
        hashes: HASHES,
        distributions: DISTRIBUTIONS,
        host_name: "noise",
        env: &[],
        read_file: &|_| Err(String::new()),
    };
    let checked = check(&Source { name: "noise", text: CONFIG }, &context);
    let config = checked.unwrap_or_else(|found| panic!("{found:?}")).config;
    let mut topology = first_topology(&config);
    let pool = Arc::make_mut(&mut topology.pools[0]);
    for (index, node) in pool.nodes.iter_mut().enumerate() {
        node.socket = Some(socket(node.address.port));
        node.health = Health::Up;
        let primary = index.is_multiple_of(NODES_OF_A_SHARD as usize);
        node.role = if primary { Role::Primary } else { Role::Replica };
        node.serves_reads = !primary;
    }
    for shard in 0..pool.shards.len() {
        believe(pool, shard, Some(0));
    }
    topology
}

pub(super) fn socket(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), port)
}

/// The `nth` member of a shard becomes its primary.
fn believe(pool: &mut Pool, shard: usize, nth: Option<usize>) {
    let shard = &mut pool.shards[shard];
    let members: Vec<NodeId> = pool.nodes.iter().filter(|n| n.shard == shard.id).map(|n| n.id).collect();
    shard.primary = nth.and_then(|n| members.get(n % members.len().max(1))).copied();
    shard.gate = match shard.primary {
        Some(_) => Gate::Open,
        None => Gate::Held { reason: HoldReason::NoPrimary, since: START },
    };
    for node in pool.nodes.iter_mut().filter(|n| n.shard == shard.id) {
        node.role = match shard.primary {
            Some(primary) if primary == node.id => Role::Primary,
            _ => Role::Replica,
        };
        node.serves_reads = node.role == Role::Replica;
    }
}

/// The next topology: one thing of it is different.
pub(super) fn change(topology: &Topology, noise: &mut Noise<'_>, now: Time) -> Topology {
    let mut next = topology.clone();
    next.epoch = Epoch(topology.epoch.0 + 1);
    let pool = Arc::make_mut(&mut next.pools[0]);
    let what = noise.byte();
    let shard = noise.below(pool.shards.len());
    let node = noise.below(pool.nodes.len());
    match what % 12 {
        0..4 => believe(pool, shard, Some(noise.below(3))),
        4 => believe(pool, shard, None),
        5 => {
            let reason = [HoldReason::Moving, HoldReason::PrimaryDown][noise.below(2)];
            pool.shards[shard].gate = Gate::Held { reason, since: now };
        }
        6 if pool.shards[shard].primary.is_some() => pool.shards[shard].gate = Gate::Open,
        7 => change_node(pool.nodes.get_mut(node), noise),
        8 => remove(pool, node),
        9 => add(pool, shard, next.epoch),
        10 => {
            if let Some(node) = pool.nodes.get_mut(node) {
                node.socket = [None, Some(socket(900 + u16::from(what)))][noise.below(2)];
            }
        }
        _ => {}
    }
    next
}

fn change_node(node: Option<&mut Node>, noise: &mut Noise<'_>) {
    let Some(node) = node else { return };
    match noise.below(8) {
        0 => node.health = Health::Down,
        1 => node.health = Health::Suspect,
        2 => node.health = Health::Up,
        3 => node.serves_reads = !node.serves_reads,
        4 => node.state = NodeState::Maint,
        5 => node.state = NodeState::Drain,
        6 => node.state = NodeState::Ready,
        _ => node.role = Role::Deposed,
    }
}

fn remove(pool: &mut Pool, at: usize) {
    let Some(node) = pool.nodes.get(at) else { return };
    let (id, shard) = (node.id, usize::from(node.shard.0));
    pool.nodes.remove(at);
    if pool.shards[shard].primary == Some(id) {
        believe(pool, shard, None);
    }
}

fn add(pool: &mut Pool, shard: usize, epoch: Epoch) {
    // No id is ever given out twice.
    let id = 1000 + epoch.0 as u32;
    let Some(mut node) = pool.nodes.first().cloned() else { return };
    let port = id as u16;
    node.id = NodeId(id);
    node.shard = pool.shards[shard].id;
    node.address.port = port;
    node.socket = Some(socket(port));
    node.role = Role::Replica;
    node.serves_reads = true;
    node.state = NodeState::Ready;
    node.facts = Arc::default();
    pool.nodes.push(node);
}
