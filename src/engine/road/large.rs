//! Replies that are too large to keep: from 64 KiB on they pass to their client in pieces.
//!
//! Such a reply makes its upstream private: nothing new is put behind it. While its client is not at the
//! head of its order the reply is kept, against the client's `output_limit`; pausing the upstream then
//! could stop the pool (X asks A then B, Y asks B then A, all replies large). Once its client is at the
//! head, the upstream is paused while the client reads slowly: as long as it likes if nobody is behind,
//! else for `stall_limit`, and then the client is closed.

use core::time::Duration;

use super::error_reply::ErrorReply;
use crate::base::{ClientId, NodeId, PoolId, UpstreamId};
use crate::engine::Engine;
use crate::engine::action::{Action, CloseReason, Party};
use crate::engine::clients::{OUTPUT_MARK, Pause};
use crate::engine::links::RESERVED;
use crate::engine::upstreams::{Large, Owner};
use crate::resp::Protocol;

/// A reply larger than this is not kept whole.
pub(crate) const LARGE: usize = 64 * 1024;

/// Ketch's own questions have short answers.
const OWN_ANSWER: usize = 64 * 1024;

impl Engine {
    /// A piece of a reply whose end has not come yet.
    pub(super) fn piece(&mut self, id: UpstreamId, piece: &[u8]) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        match upstream.large {
            Large::Dropped => return,
            Large::Streaming => return self.pass_on(id, piece),
            Large::No | Large::Kept => {}
        }
        if upstream.partial.capacity() == 0 {
            upstream.partial = self.buffers.take();
        }
        upstream.partial.extend_from_slice(piece);
        if upstream.partial.len() > LARGE {
            self.grew_large(id);
        }
    }

    /// A reply has turned out to be large.
    fn grew_large(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let (pool, kept) = (upstream.pool, upstream.partial.len());
        let Some(front) = upstream.expected.front().copied() else {
            return self.lose(id, CloseReason::BadReply);
        };
        match front.owner {
            Owner::Client { client, seq } => {
                let first = upstream.large == Large::No;
                upstream.large = Large::Kept;
                if first {
                    self.make_private(id);
                }
                let Some(c) = self.clients.get(client) else { return self.drop_large(id) };
                if c.replies.is_silent(seq) {
                    return self.drop_silent(id);
                }
                let limit = self.topology.pool(pool).config.limits.output_limit.as_usize();
                if c.replies.is_head(seq) {
                    self.begin_passing(id);
                } else if kept + c.replies.parked_bytes() + c.output.len() > limit {
                    self.close_client(client, CloseReason::OutputLimit);
                }
            }
            Owner::Part { gather, .. } => {
                upstream.large = Large::Kept;
                self.make_private(id);
                let limit = self.topology.pool(pool).config.limits.gather_limit.as_usize();
                if self.gathers.get(gather).is_none_or(|g| kept + g.bytes() > limit) {
                    self.drop_part(id);
                }
            }
            Owner::Own(_) if kept > OWN_ANSWER => self.lose(id, CloseReason::BadReply),
            Owner::Own(_) => {}
            Owner::Nobody => self.drop_large(id),
        }
    }

    /// The client of a large reply has said that it does not want it: for the client it has come, and its
    /// pieces are seen by nobody.
    fn drop_silent(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let (pool, shard) = (upstream.pool, upstream.shard);
        let Some(front) = upstream.expected.front_mut() else { return };
        let owner = core::mem::replace(&mut front.owner, Owner::Nobody);
        if let Some(owner) = self.disown(owner) {
            self.leave_road(owner, pool, shard);
            self.answer_owner(owner, b"");
        }
        self.drop_large(id);
    }

    /// A part that passed `gather_limit`: its end is still to come, but nobody will see it.
    fn drop_part(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let (pool, shard) = (upstream.pool, upstream.shard);
        let Some(front) = upstream.expected.front_mut() else { return };
        let owner = core::mem::replace(&mut front.owner, Owner::Nobody);
        let Some(owner) = self.disown(owner) else { return self.drop_large(id) };
        self.leave_road(owner, pool, shard);
        let config = &self.topology.pool(pool).config;
        let (name, limit) = (config.name.clone(), config.limits.gather_limit);
        self.fail_owner(owner, ErrorReply::GatherLimit { pool: &name, limit });
        self.drop_large(id);
    }

    /// Its client is at the head: what is here goes out, the rest follows as it comes.
    fn begin_passing(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        upstream.large = Large::Streaming;
        let kept = core::mem::take(&mut upstream.partial);
        self.pass_on(id, &kept);
        self.buffers.give(kept);
    }

    fn pass_on(&mut self, id: UpstreamId, piece: &[u8]) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let Some(client) = upstream.front_client() else { return self.drop_large(id) };
        let Some(c) = self.clients.get_mut(client) else { return self.drop_large(id) };
        c.output.extend(piece, &mut self.buffers);
        if c.output.len() > OUTPUT_MARK {
            c.pause.set(Pause::OUTPUT);
            self.wait_for_reader(id, client);
        }
        self.mark_client_dirty(client);
    }

    /// A client reads its large reply more slowly than it comes.
    fn wait_for_reader(&mut self, id: UpstreamId, client: ClientId) {
        let stalls = self.others_behind(id, client) || self.others_without(id);
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        upstream.stalled = stalls.then_some(self.now);
        if upstream.reading {
            upstream.reading = false;
            self.actions.push_back(Action::Read { party: Party::Upstream(id), on: false });
        }
    }

    /// Whether anybody else waits behind a client's reply. Its own later requests hurt itself alone.
    fn others_behind(&self, id: UpstreamId, client: ClientId) -> bool {
        self.upstreams.get(id).is_some_and(|upstream| {
            let owners = upstream.expected.iter().skip(1).map(|e| self.owner_of(e.owner));
            owners.flatten().any(|owner| owner.client() != client)
        })
    }

    /// Whether everybody else waits for an upstream to its node, which may have no more.
    fn others_without(&self, id: UpstreamId) -> bool {
        self.upstreams.get(id).is_some_and(|u| self.is_short_of_upstreams(u.pool, u.node, u.profile.protocol))
    }

    /// Nobody but the readers of large replies has an upstream to this node, and it may have no more:
    /// whoever reads slowly makes others wait from now on, even with nobody behind it.
    pub(in crate::engine) fn stall_slow_readers(&mut self, pool: PoolId, node: NodeId) {
        let now = self.now;
        for id in self.upstreams_of(pool, node) {
            if let Some(upstream) = self.upstreams.get_mut(id).filter(|u| !u.reading) {
                upstream.stalled.get_or_insert(now);
            }
        }
    }

    /// Whether there is no upstream for everybody's requests to a node, and it may have no more.
    fn is_short_of_upstreams(&self, pool: PoolId, node: NodeId, protocol: Protocol) -> bool {
        let limit = self.topology.pool(pool).config.limits.max_upstreams;
        let link = self.pools[usize::from(pool.0)].links.get(&node);
        link.is_some_and(|l| l.count() >= limit + RESERVED) && !self.has_shared(pool, node, protocol)
    }

    /// The end of a reply that was passed on, or dropped, in pieces.
    pub(super) fn last_piece(&mut self, id: UpstreamId, piece: &[u8]) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let passed = core::mem::replace(&mut upstream.large, Large::No) == Large::Streaming;
        upstream.stalled = None;
        upstream.stalled_for = Duration::ZERO;
        let (pool, shard) = (upstream.pool, upstream.shard);
        let Some(entry) = upstream.answered(&mut self.buffers) else {
            return self.lose(id, CloseReason::BadReply);
        };
        // Its end may have been read together with the piece that filled the client's output. What comes
        // next is another's: that client's slowness is no reason to wait any more.
        self.read_upstream_on(id);
        if entry.streamed {
            self.streamed_answered(id, entry.owner);
        }
        let Owner::Client { client, .. } = entry.owner else { return };
        let Some(c) = self.clients.get_mut(client) else { return };
        let cleared = c.roads.remove(shard);
        if passed {
            c.output.extend(piece, &mut self.buffers);
            c.replies.advance(&mut c.output, &mut self.buffers);
        }
        self.given(client);
        self.give_delayed(client);
        if cleared {
            self.road_cleared(client, pool, shard);
        }
    }

    /// Nobody will see the rest of this reply.
    pub(super) fn drop_large(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        upstream.large = Large::Dropped;
        upstream.stalled = None;
        upstream.stalled_for = Duration::ZERO;
        let kept = core::mem::take(&mut upstream.partial);
        self.buffers.give(kept);
        self.read_upstream_on(id);
    }

    pub(in crate::engine) fn read_upstream_on(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        if !upstream.reading {
            upstream.reading = true;
            upstream.last_byte = self.now;
            self.actions.push_back(Action::Read { party: Party::Upstream(id), on: true });
        }
    }

    /// A client has room again: the upstream whose large reply it is reading goes on.
    pub(super) fn read_large_on(&mut self, client: ClientId) {
        let paused: Vec<UpstreamId> = self
            .upstreams
            .iter()
            .filter(|(_, u)| !u.reading && u.front_client() == Some(client))
            .map(|(id, _)| id)
            .collect();
        for id in paused {
            if let Some(upstream) = self.upstreams.get_mut(id)
                && let Some(since) = upstream.stalled.take()
            {
                upstream.stalled_for += self.now.since(since);
            }
            self.read_upstream_on(id);
        }
    }

    /// Others have waited for a slow client's large reply for `stall_limit`.
    pub(in crate::engine) fn close_stalled(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        upstream.stalled = None;
        let Some(client) = upstream.front_client() else { return };
        // Those who wanted an upstream of their own may have got one by now.
        if self.others_behind(id, client) || self.others_without(id) {
            self.close_client(client, CloseReason::Stalled);
        }
    }
}
