//! What the topology asks for: nodes that came, moved, were deposed or left.

use std::sync::Arc;

use super::routes::serves_reads;
use super::{Link, PoolState};
use crate::base::{NodeId, PoolId, ShardId};
use crate::config::{ReadPolicy, Route};
use crate::engine::Engine;
use crate::engine::action::CloseReason;
use crate::engine::upstreams::State;
use crate::topology::{Node, NodeState, Pool, Role, Topology};

impl Engine {
    /// Takes a new topology: deposed and removed nodes are left, new ones connected to, routes made anew.
    pub(in crate::engine) fn reconcile(&mut self, topology: Arc<Topology>) {
        self.topology = topology;
        let pools: Vec<Arc<Pool>> = self.topology.pools.clone();
        for pool in &pools {
            if self.pools.len() <= usize::from(pool.id.0) {
                self.pools.push(PoolState::new(&self.registry, pool));
            }
            self.follow_nodes(pool);
            self.leave_deposed(pool);
            for shard in &pool.shards {
                self.ask_believed(pool, shard.id);
                self.connect_shard(pool, shard.id);
                self.follow_feed(pool.id, shard.id);
                self.reroute(pool.id, shard.id);
                self.release(pool.id, shard.id);
            }
        }
    }

    fn follow_nodes(&mut self, pool: &Pool) {
        let state = &mut self.pools[usize::from(pool.id.0)];
        for node in &pool.nodes {
            state.links.entry(node.id).or_insert_with(|| Link::new(&self.registry, pool, node));
        }
        let moved: Vec<NodeId> = state
            .links
            .iter()
            .filter(|(id, link)| match pool.node(**id) {
                None => true,
                // A name that cannot be resolved for a moment is no reason to leave.
                Some(node) => node.socket.is_some() && node.socket != link.to,
            })
            .map(|(id, _)| *id)
            .collect();
        for id in moved {
            let socket = pool.node(id).and_then(|n| n.socket);
            let had = self.pools[usize::from(pool.id.0)].links.get_mut(&id).and_then(|link| {
                link.back_off.retry_at = None;
                core::mem::replace(&mut link.to, socket)
            });
            if had.is_some() {
                self.leave(pool.id, id);
            }
            if pool.node(id).is_none()
                && let Some(link) = self.pools[usize::from(pool.id.0)].links.remove(&id)
            {
                link.counters.connections.set(0);
            }
        }
    }

    /// Where another primary is believed than before, the old one's upstreams end at once, and what is
    /// in flight on them does not count. A worker may have slept through the topology in which a node was
    /// the primary: one that is deposed now is left in any case.
    fn leave_deposed(&mut self, pool: &Pool) {
        for node in pool.nodes.iter().filter(|node| node.role == Role::Deposed) {
            for id in self.upstreams_of(pool.id, node.id) {
                self.depose(id);
            }
        }
        for shard in &pool.shards {
            let Some(is) = shard.primary else { continue };
            let believed = &mut self.pools[usize::from(pool.id.0)].believed[usize::from(shard.id.0)];
            if let Some(was) = believed.replace(is)
                && was != is
            {
                self.doubt_writes(pool.id, shard.id);
                for id in self.upstreams_of(pool.id, was) {
                    self.depose(id);
                }
            }
        }
    }

    /// A node that left, or moved: nothing new goes to it, what it owes is waited for.
    fn leave(&mut self, pool: PoolId, node: NodeId) {
        for id in self.upstreams_of(pool, node) {
            let Some(upstream) = self.upstreams.get_mut(id) else { continue };
            if upstream.state == State::Draining {
                continue;
            }
            if upstream.expected.is_empty() || !upstream.is_ready() {
                self.lose(id, CloseReason::Removed);
            } else {
                upstream.state = State::Draining;
                self.unlink(id);
            }
        }
    }

    /// Connects to what of a shard is going to be needed.
    pub(super) fn connect_shard(&mut self, pool: &Pool, shard: ShardId) {
        for node in pool.members(shard) {
            if Self::wanted(&self.topology, pool, node) {
                self.connect_asked(pool.id, node.id);
            }
        }
    }

    pub(super) fn wanted(topology: &Topology, pool: &Pool, node: &Node) -> bool {
        if node.state == NodeState::Maint {
            return false;
        }
        if pool.shard(node.shard).primary == Some(node.id) {
            return true;
        }
        let replicas_serve = topology
            .listeners
            .iter()
            .any(|l| l.pool == pool.id && (l.route == Route::Replica || l.reads != ReadPolicy::Primary));
        replicas_serve && serves_reads(node)
    }
}
