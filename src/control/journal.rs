//! What happened, as log lines with stable names, and counted.

use core::sync::atomic::Ordering;
use core::time::Duration;

use crate::base::{NodeId, PoolId, ShardId};
use crate::failover::Happened;
use crate::topology::Topology;

use super::pool_name;

/// Writes one line. `before` still knows a node that was forgotten, `now` one that was just met.
pub(super) fn write(happened: &Happened, before: &Topology, now: &Topology) {
    let node = |pool: PoolId, id: NodeId| address(now, pool, id).or_else(|| address(before, pool, id));
    match happened {
        Happened::NodeFound { pool, address, .. } => {
            tracing::info!(event = "node.found", pool = pool_name(now, *pool), node = %address);
        }
        Happened::NodeForgotten { pool, node: id } => {
            tracing::info!(event = "node.forgotten", pool = pool_name(now, *pool), node = node(*pool, *id));
        }
        Happened::NodeUp { pool, node: id } => {
            tracing::info!(event = "node.up", pool = pool_name(now, *pool), node = node(*pool, *id));
        }
        Happened::NodeDown { pool, node: id, failure } => {
            let reason = failure.map(|f| f.label());
            tracing::warn!(
                event = "node.down",
                pool = pool_name(now, *pool),
                node = node(*pool, *id),
                reason
            );
        }
        Happened::NodeStateSet { pool, node: id, state } => {
            let (pool, node, state) = (pool_name(now, *pool), node(*pool, *id), state.label());
            tracing::info!(event = "node.state", pool, node, state);
        }
        Happened::NodeContradicts { pool, shard, node: id } => {
            let (name, shard) = (pool_name(now, *pool), shard_name(now, *pool, *shard));
            tracing::warn!(event = "node.contradicts", pool = name, shard, node = node(*pool, *id));
        }
        Happened::PrimaryBelieved { pool, shard, node: id, config_epoch } => {
            let (name, shard) = (pool_name(now, *pool), shard_name(now, *pool, *shard));
            tracing::info!(
                event = "primary.believed",
                pool = name,
                shard,
                node = node(*pool, *id),
                config_epoch
            );
        }
        Happened::FailoverDone { pool, shard, from, to, took } => {
            now.pool(*pool).shard(*shard).facts.failovers.fetch_add(1, Ordering::Relaxed);
            let (name, shard) = (pool_name(now, *pool), shard_name(now, *pool, *shard));
            let (from, to) = (node(*pool, *from), node(*pool, *to));
            tracing::warn!(event = "failover.done", pool = name, shard, from, to, ms = ms(*took));
        }
        Happened::GateHeld { pool, shard, reason } => {
            let (pool, shard) = (pool_name(now, *pool), shard_name(now, *pool, *shard));
            tracing::warn!(event = "shard.held", pool, shard, reason = reason.label());
        }
        Happened::GateOpened { pool, shard, held } => {
            let (pool, shard) = (pool_name(now, *pool), shard_name(now, *pool, *shard));
            tracing::info!(event = "shard.open", pool, shard, held_ms = ms(*held));
        }
        Happened::Disputed { pool, shard, epoch, primaries } => {
            let named: Vec<String> = primaries.iter().map(ToString::to_string).collect();
            let (pool, shard, named) =
                (pool_name(now, *pool), shard_name(now, *pool, *shard), named.join(" "));
            tracing::error!(
                event = "sentinel.disputed",
                pool,
                shard,
                epoch,
                named,
                "the Sentinels disagree: the last believed primary stays"
            );
        }
    }
}

fn address(topology: &Topology, pool: PoolId, node: NodeId) -> Option<String> {
    topology.pool(pool).node(node).map(|n| n.address.to_string())
}

fn shard_name(topology: &Topology, pool: PoolId, shard: ShardId) -> &str {
    &topology.pool(pool).shard(shard).name
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
