//! How upstreams are made, lost, and made again.

use std::sync::Arc;

use super::{RESERVED, WORKED_AFTER, back_off::RETRY_LAST};
use crate::base::{NodeId, PoolId, Time, UpstreamId};
use crate::engine::Engine;
use crate::engine::action::{Action, CloseReason, Lost, Party};
use crate::engine::clients::Pause;
use crate::engine::counters::UpstreamCounters;
use crate::engine::profile::{Profile, ProfileId};
use crate::engine::upstreams::{Lane, State, Upstream};
use crate::failover::Fate;
use crate::resp::Protocol;
use crate::topology::{NodeFailure, Observation};

impl Engine {
    pub(in crate::engine) fn upstreams_of(&self, pool: PoolId, node: NodeId) -> Vec<UpstreamId> {
        self.upstreams.iter().filter(|(_, u)| u.pool == pool && u.node == node).map(|(id, _)| id).collect()
    }

    /// Makes shared upstreams to a node for each profile whose requests go to its shard.
    pub(super) fn connect_asked(&mut self, pool: PoolId, node: NodeId) {
        let state = &self.pools[usize::from(pool.0)];
        let Some(shard) = state.links.get(&node).map(|link| link.shard) else { return };
        let ids = state.profile_ids().into_iter();
        let asked: Vec<ProfileId> = ids.filter(|id| state.routes(*id, shard).asked).collect();
        asked.into_iter().for_each(|id| self.connect_shared(pool, node, id));
    }

    /// Makes a shared upstream to a node unless there is one, or one on its way.
    pub(super) fn connect_shared(&mut self, pool: PoolId, node: NodeId, profile: ProfileId) {
        let state = &mut self.pools[usize::from(pool.0)];
        let Some(link) = state.links.get_mut(&node) else { return };
        let shard = link.shard;
        let ready = link.of_mut(profile);
        if ready.shared.is_some() || ready.refused_until.is_some_and(|at| at > self.now) {
            return;
        }
        while let Some(id) = ready.spare.pop() {
            if self.upstreams.get(id).is_some_and(Upstream::is_ready) {
                ready.shared = Some(id);
                self.reroute(pool, shard);
                return self.release(pool, shard);
            }
        }
        if !self.is_coming(pool, node, profile) {
            let profile = self.pools[usize::from(pool.0)].profile(profile);
            self.connect(pool, node, Lane::Shared, profile);
        }
    }

    /// The same for what clients begin with.
    pub(in crate::engine) fn connect_first(&mut self, pool: PoolId, node: NodeId) {
        self.connect_shared(pool, node, ProfileId::FIRST);
    }

    /// A shared upstream of that profile is being made, or is being given that database.
    pub(super) fn is_coming(&self, pool: PoolId, node: NodeId, profile: ProfileId) -> bool {
        self.upstreams.iter::<UpstreamId>().any(|(_, u)| {
            let greeting = matches!(u.state, State::Connecting | State::Handshaking);
            let coming = (u.profile_id == profile && greeting) || u.switching == Some(profile);
            coming && u.pool == pool && u.node == node && u.lane == Lane::Shared
        })
    }

    /// Whether a node has an upstream that requests of that version of the protocol can share, or will
    /// have one.
    pub(in crate::engine) fn has_shared(&self, pool: PoolId, node: NodeId, protocol: Protocol) -> bool {
        self.upstreams.iter::<UpstreamId>().any(|(_, u)| {
            let shared = u.lane == Lane::Shared && !u.private && u.state != State::Draining;
            shared && u.pool == pool && u.node == node && u.profile.protocol == protocol
        })
    }

    /// Makes an upstream, unless its node is waited for or has as many as it may.
    pub(in crate::engine) fn connect(
        &mut self,
        pool: PoolId,
        node: NodeId,
        lane: Lane,
        profile: Profile,
    ) -> Option<UpstreamId> {
        let snapshot = Arc::clone(self.topology.pool(pool));
        let (limit, within) = (snapshot.config.limits.max_upstreams, snapshot.config.timeouts.connect);
        // Streams and slow readers of large replies must leave room for everybody's upstream.
        let needed = lane == Lane::Shared && !self.has_shared(pool, node, profile.protocol);
        let room = match lane {
            Lane::Shared if needed => limit + RESERVED,
            Lane::Shared | Lane::Bulk => limit,
            Lane::Slow if self.has_many_common(pool, node, limit) => 0,
            Lane::Slow => limit,
            Lane::Pinned | Lane::Asker | Lane::Subscriber => usize::MAX,
        };
        if lane == Lane::Shared && !needed && self.lends(pool, node, profile) {
            return None;
        }
        if self.pools[usize::from(pool.0)].links.get(&node)?.count >= room {
            self.close_spare(pool, node, lane);
        }
        let link = self.pools[usize::from(pool.0)].links.get_mut(&node)?;
        let (to, to_node) = (link.to?, snapshot.node(node)?);
        if link.back_off.retry_at.is_some_and(|at| at > self.now) {
            return None;
        }
        if link.count >= room {
            if needed {
                link.back_off.retry_at = Some(self.now + RETRY_LAST);
                self.stall_slow_readers(pool, node);
            }
            return None;
        }
        link.back_off.retry_at = None;
        link.made(lane);
        let counters = UpstreamCounters::new(&self.registry, &snapshot, to_node);
        let mut upstream = Upstream::new(pool, link.shard, node, lane, profile, self.now, counters);
        upstream.profile_id = self.pools[usize::from(pool.0)].number(profile);
        let id = self.upstreams.insert(upstream);
        self.actions.push_back(Action::Connect { upstream: id, to, within });
        Some(id)
    }

    /// A quarter of what a node may have is in use for pipelined requests: what may take long then goes by the
    /// shared ones. With those of all databases, which take half, there is still room for streams.
    fn has_many_common(&self, pool: PoolId, node: NodeId, limit: usize) -> bool {
        let common = |(_, u): &(UpstreamId, &Upstream)| u.pool == pool && u.node == node && u.is_common();
        self.upstreams.iter().filter(common).count() * 4 >= limit
    }

    /// A node has as many upstreams as it may: an idle one of another lane, or of another
    /// profile, makes room.
    fn close_spare(&mut self, pool: PoolId, node: NodeId, lane: Lane) {
        let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) else { return };
        let idle_slow = |id: &UpstreamId| self.upstreams.get(*id).is_some_and(|u| u.expected.is_empty());
        let idle = link.ready.iter_mut().find_map(|ready| match lane {
            Lane::Shared => ready.bulk.pop().or_else(|| ready.slow.take_if(|id| idle_slow(id))),
            Lane::Bulk => ready.spare.pop().or_else(|| ready.bulk.pop()),
            Lane::Slow | Lane::Pinned | Lane::Asker | Lane::Subscriber => None,
        });
        match idle {
            Some(id) => self.lose(id, CloseReason::Spare),
            None if lane == Lane::Bulk => self.close_unusual(pool, node),
            None => {}
        }
    }

    /// Databases that nobody asks for at the moment must not take all the room from other lanes.
    fn close_unusual(&mut self, pool: PoolId, node: NodeId) {
        let idle = |(_, u): &(UpstreamId, &Upstream)| {
            let mine = u.pool == pool && u.node == node && u.profile_id != ProfileId::FIRST;
            mine && u.lane == Lane::Shared && u.expected.is_empty() && u.takes_more()
        };
        let longest = self.upstreams.iter().filter(idle).min_by_key(|(_, u)| u.last_byte);
        if let Some((id, upstream)) = longest {
            let (profile, shard) = (upstream.profile_id, upstream.shard);
            self.pools[usize::from(pool.0)].routes_mut(profile, shard).asked = false;
            self.lose(id, CloseReason::Spare);
        }
    }

    /// The driver says that an upstream broke or could not be made.
    pub(in crate::engine) fn lost_upstream(&mut self, id: UpstreamId, lost: Lost) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, node) = (upstream.pool, upstream.node);
        let connecting = upstream.state == State::Connecting;
        // A node that left the topology has no link any more, but may still owe replies.
        if let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) {
            if connecting {
                link.counters.connect_errors.inc();
            }
            if !link.told_failure {
                link.told_failure = true;
                let failure = if connecting { NodeFailure::Connect } else { NodeFailure::Lost };
                self.actions.push_back(Action::Report(Observation::NodeFailed { pool, node, failure }));
            }
        }
        let reason = match lost {
            Lost::Closed => CloseReason::Lost,
            Lost::Connect | Lost::ConnectTimeout => CloseReason::Connect,
        };
        self.lose(id, reason);
    }

    /// Ends an upstream: each request on it gets its verdict, in order; then another one is made.
    pub(in crate::engine) fn lose(&mut self, id: UpstreamId, reason: CloseReason) {
        let fate = if reason == CloseReason::Deposed { Fate::Deposed } else { Fate::Lost };
        self.unlink(id);
        let Some(mut upstream) = self.upstreams.remove(id) else { return };
        let (pool, node, shard) = (upstream.pool, upstream.node, upstream.shard);
        self.actions.push_back(Action::Close { party: Party::Upstream(id), reason });
        let snapshot = Arc::clone(self.topology.pool(pool));
        let name = snapshot.node(node).map_or("gone".to_owned(), |n| n.address.to_string());
        let was_ready = upstream.is_ready() || upstream.state == State::Draining;
        // One that is closed as soon as it is ready must not be made anew at the speed of the network.
        let worked = was_ready && self.now.since(upstream.opened) >= WORKED_AFTER;
        let state = &mut self.pools[usize::from(pool.0)];
        state.counters.upstream_closed(node, &name, reason.label());
        if let Some(link) = state.links.get_mut(&node) {
            link.ended(upstream.lane);
            let believed = snapshot.shard(shard).primary == Some(node);
            // That it lacks a database says nothing about the node.
            if reason != CloseReason::Profile {
                link.back_off.lost(believed, worked, upstream.opened, self.now, &mut self.random);
            }
            if let Some(at) = link.back_off.retry_at {
                self.due_by(at);
            }
        }
        for client in core::mem::take(&mut upstream.waiting) {
            self.resume(client, Pause::UPSTREAM);
        }
        self.release_feeder(upstream.feeder.take());
        self.pin_lost(&mut upstream, fate);
        self.judge_lost(id, &mut upstream, fate);
        // Nobody will tell any more what the node's role was: its scripts' errors are passed on.
        self.judge_doubted(id, false);
        self.decide_unloaded(id, None, false);
        upstream.out.clear(&mut self.buffers);
        self.release(pool, shard);
        if snapshot.node(node).is_some_and(|n| Self::wanted(&self.topology, &snapshot, n)) {
            self.connect_asked(pool, node);
        }
        if upstream.lane == Lane::Subscriber {
            self.feed_ended(id, pool, shard);
        }
    }

    /// Nodes whose time to be tried again has come.
    pub(in crate::engine) fn retry_links(&mut self) {
        let now = self.now;
        let due: Vec<(PoolId, NodeId)> = self
            .pools
            .iter()
            .enumerate()
            .flat_map(|(i, p)| p.links.iter().map(move |(node, link)| (PoolId(i as u16), *node, link)))
            .filter(|(_, _, link)| link.back_off.retry_at.is_some_and(|at| at <= now))
            .map(|(pool, node, _)| (pool, node))
            .collect();
        for (pool, node) in due {
            // Its time has come, whether or not anything is made now: one that stayed in the past would
            // be due for ever.
            if let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) {
                link.back_off.retry_at = None;
            }
            let snapshot = Arc::clone(self.topology.pool(pool));
            if snapshot.node(node).is_some_and(|n| Self::wanted(&self.topology, &snapshot, n)) {
                self.connect_asked(pool, node);
            }
        }
    }

    /// When the next node is to be tried again.
    pub(in crate::engine) fn next_retry(&self) -> Option<Time> {
        self.pools.iter().flat_map(|p| p.links.values()).filter_map(|l| l.back_off.retry_at).min()
    }
}
