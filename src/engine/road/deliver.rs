//! The way back: match a reply to the oldest entry, gather, give to the client in its order.
//!
//! Delivering never dispatches: a client that is freed by a reply is made runnable, and `settle` goes on
//! from there.

use super::error_reply::ErrorReply;
use super::{GatherId, HeldOwner};
use crate::base::{ClientId, PoolId, ShardId, UpstreamId};
use crate::command;
use crate::engine::Engine;
use crate::engine::action::{CloseReason, Party};
use crate::engine::busy::is_busy;
use crate::engine::clients::{FLIGHT_MARK, OUTPUT_MARK, Pause};
use crate::engine::upstreams::{Lane, Large, Owner, Pin, State};
use crate::failover;
use crate::resp::ReplyScan;

impl Engine {
    /// Bytes of a node: each reply that is whole is matched; the beginning of one is kept or passed on.
    pub(in crate::engine) fn take_replies(&mut self, id: UpstreamId, bytes: &[u8]) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let before = core::mem::replace(&mut upstream.last_byte, self.now);
        upstream.counters.received.add(bytes.len() as u64);
        if upstream.lane == Lane::Subscriber {
            return self.take_messages(id, bytes);
        }
        let mut slow = self.waited(id, before);
        let mut at = 0;
        while at < bytes.len() {
            if let Some(slow) = &mut slow {
                self.suspect(id, slow);
            }
            let Some(upstream) = self.upstreams.get_mut(id) else { return };
            match upstream.scanner.advance(&bytes[at..]) {
                ReplyScan::Done(n) => {
                    let piece = &bytes[at..at + n];
                    at += n;
                    match upstream.large {
                        Large::No if upstream.partial.is_empty() => self.matched(id, piece),
                        Large::No | Large::Kept => {
                            upstream.large = Large::No;
                            let mut whole = core::mem::take(&mut upstream.partial);
                            whole.extend_from_slice(piece);
                            self.matched(id, &whole);
                            self.buffers.give(whole);
                        }
                        Large::Streaming | Large::Dropped => self.last_piece(id, piece),
                    }
                }
                ReplyScan::More => {
                    self.piece(id, &bytes[at..]);
                    break;
                }
                ReplyScan::Error(_) => return self.lose(id, CloseReason::BadReply),
            }
        }
        self.drained(id);
        if let Some(slow) = slow {
            self.note_slow(slow);
        }
    }

    /// A whole reply belongs to the oldest entry.
    pub(super) fn matched(&mut self, id: UpstreamId, reply: &[u8]) {
        let telling = matches!(reply.first(), Some(b'-' | b'!'));
        self.note_process(id);
        if (telling && self.judge_answer(id, reply)) || (!self.hold.is_empty() && self.rewinds(id, reply)) {
            return;
        }
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let (pool, shard) = (upstream.pool, upstream.shard);
        let Some(entry) = upstream.answered(&mut self.buffers) else { return self.unexpected(id, reply) };
        if entry.attempts > 0
            && let Some(owner) = self.owner_of(entry.owner)
            && let Some(client) = self.clients.get_mut(owner.client())
        {
            client.session.resent_since = None;
        }
        if entry.streamed {
            self.streamed_answered(id, entry.owner);
        }
        match entry.owner {
            Owner::Client { client, seq } => {
                let Some(c) = self.clients.get_mut(client) else { return };
                let cleared = c.roads.remove(shard);
                c.deliver(seq, reply, &mut self.buffers);
                self.given(client);
                if cleared {
                    self.road_cleared(client, pool, shard);
                }
            }
            Owner::Part { gather, part } => {
                self.off_road(gather, pool, shard);
                self.give_part(gather, part, reply);
            }
            Owner::Own(step) => self.own_answer(id, step, reply),
            Owner::Nobody => {}
        }
    }

    /// Which process gave a part's reply: also one that is kept at first, and given later.
    #[inline]
    fn note_process(&mut self, id: UpstreamId) {
        if let Some(upstream) = self.upstreams.get(id)
            && let Some(Owner::Part { gather, .. }) = upstream.expected.front().map(|e| e.owner)
            && let Some(gather) = self.gathers.get_mut(gather)
        {
            gather.note_process(upstream.tag);
        }
    }

    /// A reply that nobody asked for, or before its request was written: the two sides do not mean the same
    /// thing any more. If it is an error about the request that was on its way, whoever sent that gets it:
    /// sent again it would end the next connection in the same way.
    fn unexpected(&mut self, id: UpstreamId, reply: &[u8]) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let (pool, shard) = (upstream.pool, upstream.shard);
        if reply.first() == Some(&b'-')
            && let Some(front) = upstream.expected.front_mut()
        {
            let owner = core::mem::replace(&mut front.owner, Owner::Nobody);
            if let Some(owner) = self.disown(owner) {
                self.leave_road(owner, pool, shard);
                self.answer_owner(owner, reply);
            }
        }
        self.lose(id, CloseReason::BadReply);
    }

    /// A part's reply is one less that its client is owed on that road.
    fn off_road(&mut self, gather: GatherId, pool: PoolId, shard: ShardId) {
        if let Some(id) = self.gathers.get(gather).map(|g| g.client)
            && let Some(client) = self.clients.get_mut(id)
            && client.roads.remove(shard)
        {
            self.road_cleared(id, pool, shard);
        }
    }

    /// A client is owed nothing of this shard any more.
    #[inline]
    pub(super) fn road_cleared(&mut self, id: ClientId, pool: PoolId, shard: ShardId) {
        let Some(client) = self.clients.get(id) else { return };
        let (held, streams) = (client.held > 0, client.stream.is_some());
        if held {
            self.release(pool, shard);
        }
        if streams {
            self.streams.push(id);
        }
    }

    /// Gives a client the reply of one of its places.
    #[inline]
    pub(in crate::engine) fn give(&mut self, id: ClientId, seq: u32, reply: &[u8]) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.deliver(seq, reply, &mut self.buffers);
        self.given(id);
    }

    /// A client's output may have grown.
    #[inline]
    pub(in crate::engine) fn given(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if !client.dirty && !client.output.is_empty() {
            client.dirty = true;
            self.dirty.push_back(Party::Client(id));
        }
        let crowded = client.waiting_bytes() > OUTPUT_MARK;
        if client.pause.has(Pause::FLIGHT) && client.replies.owed() < FLIGHT_MARK / 2 {
            self.resume(id, Pause::FLIGHT);
        } else if client.pause.has(Pause::TURN) && client.replies.owed() == 0 {
            self.turn_over(id);
        }
        if crowded {
            self.output_is_full(id);
        }
    }

    /// A client has more to read than it should: it is not read from any more, or closed.
    fn output_is_full(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.pause.set(Pause::OUTPUT);
        let limit = self.topology.pool(client.pool).config.limits.output_limit.as_usize();
        if client.output.len() + client.replies.parked_bytes() > limit {
            return self.close_client(id, CloseReason::OutputLimit);
        }
        self.set_reading(id);
    }

    /// One part of a split request has its reply.
    pub(super) fn give_part(&mut self, gather_id: GatherId, part: u32, reply: &[u8]) {
        let Some(gather) = self.gathers.get_mut(gather_id) else { return };
        let id = gather.client;
        let Some(client) = self.clients.get_mut(id) else {
            return self.gathers.end(gather_id);
        };
        let config = &self.topology.pool(client.pool).config;
        let limit = config.limits.gather_limit;
        let mut error = Vec::new();
        let too_large = gather.bytes() + reply.len() > limit.as_usize();
        if too_large {
            ErrorReply::GatherLimit { pool: &config.name, limit }.write(&mut error);
        }
        let reply = if too_large { &error } else { reply };
        client.gathered += reply.len();
        if gather.part(part, reply) {
            self.join(gather_id);
        } else {
            self.given(id);
        }
    }

    /// The last part is in.
    fn join(&mut self, gather_id: GatherId) {
        let Some(gather) = self.gathers.get(gather_id) else { return };
        if gather.is_block() {
            return self.join_block(gather_id);
        }
        let (client, seq) = (gather.client, gather.seq);
        let mut reply = core::mem::take(&mut self.scratch);
        reply.clear();
        gather.join(&mut reply);
        if let Some(question) = gather.question().filter(|_| reply.is_empty())
            && let Some(pool) = self.clients.get(client).map(|c| c.pool)
        {
            self.join_subscribers(gather_id, pool, question, &mut reply);
        }
        let Some(gather) = self.gathers.get(gather_id) else { return };
        if let Some(c) = self.clients.get_mut(client) {
            c.gathered -= gather.bytes();
        }
        self.gathers.end(gather_id);
        if reply.first() == Some(&b'-')
            && let Some(c) = self.clients.get(client)
        {
            self.pools[usize::from(c.pool.0)].counters.error(&reply);
        }
        self.give(client, seq, &reply);
        self.scratch = reply;
    }

    /// After a batch of replies: wake who waited for room, and reuse an upstream that owes nothing.
    pub(super) fn drained(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        if !upstream.waiting.is_empty() {
            let limit = self.topology.pool(upstream.pool).config.limits.upstream_buffer.as_usize();
            if upstream.out.unanswered() < limit / 2 {
                for client in core::mem::take(&mut upstream.waiting) {
                    self.resume(client, Pause::UPSTREAM);
                }
            }
        }
        self.idle_if_done(id);
    }

    pub(super) fn idle_if_done(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let special = upstream.private || !upstream.is_common() || upstream.state == State::Draining;
        if special
            && !upstream.uploading
            && upstream.expected.is_empty()
            && upstream.state != State::Handshaking
        {
            let free = upstream.lane != Lane::Bulk || !self.is_spare(id);
            if free {
                self.became_idle(id);
            }
        }
    }

    /// Does the upstream stand among the idle ones already?
    fn is_spare(&self, id: UpstreamId) -> bool {
        self.upstreams.get(id).is_some_and(|u| {
            let link = self.pools[usize::from(u.pool.0)].links.get(&u.node);
            link.and_then(|link| link.of(u.profile_id)).is_some_and(|ready| ready.bulk.contains(&id))
        })
    }

    /// Whether an error reply was more than the client's business, and has been dealt with.
    fn judge_answer(&mut self, id: UpstreamId, reply: &[u8]) -> bool {
        let Some(upstream) = self.upstreams.get(id) else { return true };
        let pool = upstream.pool;
        let Some(front) = upstream.expected.front().copied() else { return false };
        let (refused, blocks) = (upstream.refusal.is_some(), matches!(upstream.pin, Pin::Block(_)));
        if refused && let Some(reason) = self.refusal(id, reply) {
            self.matched(id, &reason);
            return true;
        }
        if blocks && self.force_unblocked(id, front, reply) {
            return true;
        }
        if matches!(front.owner, Owner::Client { .. } | Owner::Part { .. }) {
            // In a script's own words it would prove nothing.
            if is_busy(reply) && !command::row(front.row).runs_script() {
                self.found_busy(id);
            }
            if reply.starts_with(b"-NOSCRIPT") && self.judge_unloaded(id, front, reply) {
                return true;
            }
            if failover::is_telling(reply) {
                return self.judge_telling(id, front, reply);
            }
            if let Owner::Client { .. } = front.owner {
                let pool = &mut self.pools[usize::from(pool.0)];
                pool.counters.error(reply);
                pool.waited.failed(front.row);
            }
        }
        false
    }

    /// Whose request an entry is that leaves its queue, or becomes nobody's: where its client has gone, what
    /// was being gathered for it ends.
    pub(in crate::engine) fn disown(&mut self, owner: Owner) -> Option<HeldOwner> {
        let found = self.owner_of(owner);
        if found.is_none()
            && let Owner::Part { gather, .. } = owner
        {
            self.gathers.end(gather);
        }
        found
    }

    /// Whose request an entry is.
    pub(in crate::engine) fn owner_of(&self, owner: Owner) -> Option<HeldOwner> {
        match owner {
            Owner::Client { client, seq } => {
                self.clients.get(client).map(|_| HeldOwner::Client { client, seq })
            }
            Owner::Part { gather, part } => {
                let g = self.gathers.get(gather)?;
                self.clients.get(g.client)?;
                Some(HeldOwner::Part { client: g.client, seq: g.seq, gather, part })
            }
            Owner::Own(_) | Owner::Nobody => None,
        }
    }
}
