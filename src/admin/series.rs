//! The metrics that lie in the topology and its facts already: computed when a scraper asks, counted by
//! nobody.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::metrics::{Row, catalog};
use crate::topology::{Health, Node, NodeState, Pool, PoolFacts, Reader, Role, Shard, Topology};

use super::Admin;

type Samples = Vec<(Vec<String>, f64)>;
type Compute = fn(&Topology) -> Samples;

const ROLES: [Role; 4] = [Role::Primary, Role::Replica, Role::Deposed, Role::Unknown];
const STATES: [NodeState; 3] = [NodeState::Ready, NodeState::Drain, NodeState::Maint];

pub(super) fn register(admin: &Admin) {
    let started = admin.started_unix();
    let version = admin.version;
    let registry = &admin.registry;
    registry.computed(&catalog::BUILD_INFO, Box::new(move || vec![(vec![version.to_owned()], 1.0)]));
    registry.computed(&catalog::START_TIME_SECONDS, Box::new(move || vec![(vec![], started)]));

    let from_topology: [(&'static Row, Compute); 8] = [
        (&catalog::TOPOLOGY_EPOCH, |topology| vec![(vec![], topology.epoch.0 as f64)]),
        (&catalog::CLIENT_CONNECTIONS_TOTAL, |topology| counts(topology, &[], |facts| &facts.accepted)),
        (&catalog::CLIENT_CONNECTIONS_REJECTED_TOTAL, |topology| {
            counts(topology, &["max_clients"], |facts| &facts.rejected)
        }),
        (&catalog::SHARD_WRITABLE, |topology| per_shard(topology, |shard| truth(shard.writable()))),
        (&catalog::FAILOVERS_TOTAL, |topology| {
            per_shard(topology, |shard| shard.facts.failovers.load(Ordering::Relaxed) as f64)
        }),
        (&catalog::NODE_UP, up),
        (&catalog::NODE_ROLE, |topology| {
            one_of(topology, ROLES.map(|role| (role, role.label())), |node| node.role)
        }),
        (&catalog::NODE_STATE, |topology| {
            one_of(topology, STATES.map(|state| (state, state.label())), |node| node.state)
        }),
    ];
    for (row, read) in from_topology {
        let reader: Reader = admin.reader.clone();
        registry.computed(row, Box::new(move || read(&reader.current())));
    }
}

fn counts(topology: &Topology, more: &[&str], count: fn(&PoolFacts) -> &AtomicU64) -> Samples {
    let one = |pool: &Pool| {
        let mut labels = vec![pool.config.name.clone()];
        labels.extend(more.iter().map(|&label| label.to_owned()));
        (labels, count(&pool.facts).load(Ordering::Relaxed) as f64)
    };
    topology.pools.iter().map(|pool| one(pool)).collect()
}

fn per_shard(topology: &Topology, number: fn(&Shard) -> f64) -> Samples {
    let shards = topology.pools.iter().flat_map(|pool| pool.shards.iter().map(move |shard| (pool, shard)));
    shards
        .map(|(pool, shard)| (vec![pool.config.name.clone(), shard.name.to_string()], number(shard)))
        .collect()
}

fn up(topology: &Topology) -> Samples {
    nodes(topology)
        .map(|(pool, node)| (labels(pool, node), truth(matches!(node.health, Health::Up | Health::Suspect))))
        .collect()
}

/// A series for each of `values`: 1 for the one that the node has.
fn one_of<T: PartialEq + Copy, const N: usize>(
    topology: &Topology,
    values: [(T, &'static str); N],
    of: fn(&Node) -> T,
) -> Samples {
    let one = |(pool, node): (&Pool, &Node), (value, word): (T, &str)| {
        let mut labels = labels(pool, node);
        labels.push(word.to_owned());
        (labels, truth(of(node) == value))
    };
    nodes(topology).flat_map(|at| values.map(|value| one(at, value))).collect()
}

fn nodes(topology: &Topology) -> impl Iterator<Item = (&Pool, &Node)> {
    topology.pools.iter().flat_map(|pool| pool.nodes.iter().map(move |node| (&**pool, node)))
}

fn labels(pool: &Pool, node: &Node) -> Vec<String> {
    vec![pool.config.name.clone(), pool.shard(node.shard).name.to_string(), node.address.to_string()]
}

fn truth(value: bool) -> f64 {
    if value { 1.0 } else { 0.0 }
}
