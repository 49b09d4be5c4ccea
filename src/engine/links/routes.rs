//! Which upstreams serve a shard at the moment, by profile: shared ones that are ready and take more.

use std::sync::Arc;

use super::SPARE;
use crate::base::{PoolId, ShardId, UpstreamId};
use crate::engine::Engine;
use crate::engine::action::CloseReason;
use crate::engine::upstreams::{Lane, State, Upstream};
use crate::topology::{Health, Node, NodeState, Role};

/// Who serves a shard at the moment: shared upstreams that are ready and take more.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) primary: Option<UpstreamId>,
    pub(crate) replicas: Vec<UpstreamId>,
    /// Requests of this profile go to this shard: upstreams are made again when they are lost.
    pub(super) asked: bool,
}

impl Engine {
    /// Finds anew who serves a shard, for each profile.
    pub(in crate::engine) fn reroute(&mut self, pool: PoolId, shard: ShardId) {
        let snapshot = Arc::clone(self.topology.pool(pool));
        let state = &mut self.pools[usize::from(pool.0)];
        for id in state.profile_ids() {
            let mut replicas = core::mem::take(&mut state.routes_mut(id, shard).replicas);
            let ready = |node: &Node| {
                let shared = state.links.get(&node.id)?.of(id)?.shared?;
                self.upstreams.get(shared).filter(|u: &&Upstream| u.takes_more()).map(|_| shared)
            };
            let primary = snapshot.primary(shard).filter(|n| n.state != NodeState::Maint).and_then(ready);
            replicas.clear();
            replicas.extend(snapshot.members(shard).filter(|n| serves_reads(n)).filter_map(ready));
            let routes = state.routes_mut(id, shard);
            routes.primary = primary;
            routes.replicas = replicas;
        }
        self.subscribe_first(pool, shard);
    }

    /// Nothing new is put on this upstream.
    pub(in crate::engine) fn unlink(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, node, shard) = (upstream.pool, upstream.node, upstream.shard);
        if let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) {
            link.forget(id);
        }
        self.reroute(pool, shard);
    }

    /// An upstream turned out to carry a large reply, or a script that does not end: others get another one.
    pub(in crate::engine) fn make_private(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        if upstream.private || !upstream.is_common() {
            return;
        }
        upstream.private = true;
        let (pool, node, profile, lane) = (upstream.pool, upstream.node, upstream.profile_id, upstream.lane);
        self.unlink(id);
        if lane == Lane::Shared {
            self.connect_shared(pool, node, profile);
        }
    }

    /// A private or draining upstream owes nothing any more, a bulk one has done its request.
    pub(in crate::engine) fn became_idle(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let (pool, node, shard) = (upstream.pool, upstream.node, upstream.shard);
        if upstream.state == State::Draining {
            return self.lose(id, CloseReason::Removed);
        }
        upstream.private = false;
        let (lane, profile) = (upstream.lane, upstream.profile_id);
        self.read_upstream_on(id);
        if !lane.is_counted() {
            return self.pin_idle(id);
        }
        let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) else { return };
        let ready = link.of_mut(profile);
        let spare = match lane {
            Lane::Shared if ready.shared.is_none() => {
                ready.shared = Some(id);
                self.reroute(pool, shard);
                return self.release(pool, shard);
            }
            Lane::Shared => &mut ready.spare,
            Lane::Slow if ready.slow.is_none() => {
                ready.slow = Some(id);
                return self.release(pool, shard);
            }
            Lane::Slow => return self.lose(id, CloseReason::Spare),
            Lane::Bulk | Lane::Pinned | Lane::Asker => &mut ready.bulk,
            Lane::Subscriber => return,
        };
        if spare.len() < SPARE {
            spare.push(id);
            if lane == Lane::Bulk {
                self.wake_streams();
            }
        } else {
            self.lose(id, CloseReason::Spare);
        }
    }
}

/// May a replica be read from?
pub(super) fn serves_reads(node: &Node) -> bool {
    node.role == Role::Replica
        && node.serves_reads
        && node.state == NodeState::Ready
        && matches!(node.health, Health::Up | Health::Suspect)
}
