//! The topology that a process starts with: what the configuration says, and nothing believed yet.

use std::sync::Arc;

use crate::base::{Epoch, ListenerId, NodeId, PoolId, ShardId, Time};
use crate::config::{Config, PoolConfig};
use crate::failover::{hold, new_node};
use crate::placement::Placement;
use crate::topology::{Gate, HoldReason, ListenerInfo, Node, Pool, PoolFacts, Shard, Topology};

/// Epoch 1: every shard is held until its primary is believed, no node was heard.
pub fn first_topology(config: &Config) -> Topology {
    let mut pools = Vec::with_capacity(config.pools.len());
    let mut next_node = 0;
    for (index, pool) in config.pools.iter().enumerate() {
        pools.push(Arc::new(first_pool(PoolId(number(index)), pool, &mut next_node)));
    }
    Topology { epoch: Epoch(1), listeners: listeners(&pools), pools }
}

fn first_pool(id: PoolId, config: &Arc<PoolConfig>, next_node: &mut u32) -> Pool {
    let weights: Vec<(&str, u32)> = config.shards.iter().map(|s| (s.name.as_str(), s.weight)).collect();
    let placement = Placement::new(&config.hash, &config.distribution, config.hash_tag, &weights)
        .expect("the configuration was checked: hash, distribution, names and weights fit together");
    let mut pool = Pool {
        id,
        config: Arc::clone(config),
        placement: Arc::new(placement),
        shards: config.shards.iter().enumerate().map(|(i, s)| first_shard(i, &s.name)).collect(),
        nodes: first_nodes(config, next_node),
        facts: Arc::new(PoolFacts::default()),
        learned: Arc::default(),
        hold: core::time::Duration::ZERO,
    };
    pool.hold = hold(&pool, core::time::Duration::ZERO);
    pool
}

fn first_shard(index: usize, name: &str) -> Shard {
    Shard {
        id: ShardId(number(index)),
        name: name.into(),
        primary: None,
        gate: Gate::Held { reason: HoldReason::NoPrimary, since: Time::ZERO },
        since: Time::ZERO,
        facts: Arc::default(),
    }
}

/// Static pools list their nodes; Sentinels tell theirs later.
fn first_nodes(config: &PoolConfig, next_node: &mut u32) -> Vec<Node> {
    let mut nodes = Vec::new();
    for (index, shard) in config.shards.iter().enumerate() {
        for address in &shard.nodes {
            nodes.push(new_node(NodeId(*next_node), ShardId(number(index)), address.clone()));
            *next_node += 1;
        }
    }
    nodes
}

fn listeners(pools: &[Arc<Pool>]) -> Arc<[ListenerInfo]> {
    let all = pools.iter().flat_map(|p| p.config.listeners.iter().map(move |l| (p, l)));
    all.enumerate()
        .map(|(index, (pool, listener))| ListenerInfo {
            id: ListenerId(number(index)),
            pool: pool.id,
            address: listener.address.clone(),
            announce: listener.announce.clone(),
            route: listener.route,
            reads: listener.reads.unwrap_or(pool.config.reads),
        })
        .collect()
}

fn number(index: usize) -> u16 {
    u16::try_from(index).expect("the configuration was checked: fewer than 65,536 of anything")
}
