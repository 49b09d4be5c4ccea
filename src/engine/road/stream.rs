//! Requests that are too large to keep: they pass through in pieces, on an upstream of their own.
//!
//! A request whose next argument is 64 KiB or more, and whose keys all stand before it, begins to pass
//! once its client is owed nothing of that shard and a bulk upstream is ready. It is not kept, so when its
//! upstream is lost before its last byte went out the answer is `NOTAPPLIED`, and the rest is read and
//! dropped. Keys *behind* a large argument can't be routed before they are here: such a request is kept,
//! up to `max_request`.

use std::sync::Arc;

use super::HeldOwner;
use super::error_reply::ErrorReply;
use super::large::LARGE;
use crate::base::{ClientId, PoolId, ShardId, UpstreamId, next_random};
use crate::command::{self, Found, Handling, Row, RowId};
use crate::config::Route;
use crate::engine::Engine;
use crate::engine::action::CloseReason;
use crate::engine::clients::{Pause, Stream, StreamTo};
use crate::engine::profile::ProfileId;
use crate::engine::upstreams::{Expected, Lane, Owner};
use crate::resp::{Protocol, ProtocolError, RequestScanner, TailScan};

/// Above this an upstream that a request is streamed to gets no more until half of it was written.
const STREAM_MARK: usize = 256 * 1024;

impl Engine {
    /// Whether an incomplete request is one to be streamed; then it has a place and waits to begin.
    pub(super) fn begin_stream(&mut self, id: ClientId, scanner: RequestScanner, bytes: &[u8]) -> bool {
        let Some(pending) = scanner.pending().filter(|p| p.len >= LARGE && p.arg == self.args.len()) else {
            return false;
        };
        let Some(client) = self.clients.get(id) else { return false };
        let (pool, route, authenticated) = (client.pool, client.route, client.authenticated);
        let Found::Row(row) = command::find(bytes, &self.args) else { return false };
        let streams = authenticated
            && (!client.subscribed || client.profile.protocol == Protocol::Resp3)
            && !client.in_multi
            && row.handling == Handling::Forward
            && row.arity_fits(pending.args)
            && (row.is_read() || route != Route::Replica)
            && !command::blocks(row, bytes, &self.args);
        if !streams {
            return false;
        }
        let Some(shard) = self.shard_so_far(pool, row, pending.arg, bytes) else { return false };
        let Some(seq) = self.reserve(id) else { return false };
        let stream = Stream {
            shard,
            seq,
            row: row.id(),
            tail: scanner.into_tail(bytes.len()),
            head: bytes.len(),
            to: StreamTo::Waiting,
            since: self.now,
        };
        let Some(client) = self.clients.get_mut(id) else { return false };
        client.stream = Some(Box::new(stream));
        client.pause.set(Pause::STREAM);
        self.pools[usize::from(pool.0)].counters.command(row);
        self.start_stream(id);
        true
    }

    /// The shard, if all keys of the request stand before its large argument.
    fn shard_so_far(
        &mut self,
        pool: PoolId,
        row: &'static Row,
        large: usize,
        bytes: &[u8],
    ) -> Option<ShardId> {
        // Only rows whose one key has a fixed place: others might have more keys behind.
        let key = row.single_key().filter(|key| *key < large)?;
        let span = *self.args.get(key)?;
        let placement = &self.topology.pool(pool).placement;
        Some(ShardId(placement.shard(span.of(bytes), || next_random(&mut self.random)) as u16))
    }

    /// Streams that wait: for their road, or for an upstream.
    pub(in crate::engine) fn start_streams(&mut self) {
        for id in core::mem::take(&mut self.streams) {
            self.start_stream(id);
        }
    }

    fn start_stream(&mut self, id: ClientId) {
        let Some(client) = self.clients.get(id) else { return };
        let Some(stream) = client.stream.as_ref().filter(|s| s.to == StreamTo::Waiting) else { return };
        let (pool, shard, row, seq) = (client.pool, stream.shard, stream.row, stream.seq);
        let profile = client.profile_id;
        let busy = client.roads.get(shard).is_some()
            || (client.held > 0 && self.hold.holds(id, shard))
            || self.is_paused(pool, command::row(row));
        let upstream = if busy { None } else { self.bulk_upstream(pool, shard, row, profile) };
        let Some(upstream_id) = upstream else {
            // Tried again when its road is free, an upstream is ready, or at the next turn that is due.
            if self.waiting_streams.is_empty() {
                self.streams_swept = self.now;
            }
            if !self.waiting_streams.contains(&id) {
                self.waiting_streams.push(id);
            }
            return;
        };
        self.waiting_streams.retain(|other| *other != id);
        let expected = Expected {
            owner: Owner::Client { client: id, seq },
            length: 0,
            row,
            attempts: 0,
            streamed: true,
        };
        if let Some(upstream) = self.upstreams.get_mut(upstream_id) {
            upstream.queue(&[], expected, self.now, &mut self.buffers);
            upstream.uploading = true;
            upstream.last_byte = self.now;
            if let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&upstream.node) {
                link.of_mut(profile).bulk.retain(|other| *other != upstream_id);
            }
            upstream.counters.requests.inc();
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.roads.add(shard, upstream_id);
            if !command::row(row).is_read() {
                client.writes.note(shard);
            }
            if let Some(stream) = client.stream.as_mut() {
                stream.to = StreamTo::Upstream(upstream_id);
            }
        }
        self.resume_stream(id);
    }

    /// A ready upstream of the bulk lane to the shard's primary; if there is none, one is made.
    fn bulk_upstream(
        &mut self,
        pool: PoolId,
        shard: ShardId,
        row: RowId,
        profile: ProfileId,
    ) -> Option<UpstreamId> {
        let snapshot = Arc::clone(self.topology.pool(pool));
        let writable = snapshot.shard(shard).writable() && !self.subscribes_first(pool, shard);
        if !writable && !command::row(row).is_read() {
            return None;
        }
        let node = snapshot.primary(shard)?.id;
        let state = &self.pools[usize::from(pool.0)];
        let bulk = state.links.get(&node)?.of(profile).map_or(&[][..], |ready| &ready.bulk);
        let ready = bulk.iter().find(|id| self.upstreams.get(**id).is_some_and(|u| u.may_write())).copied();
        if ready.is_some() {
            return ready;
        }
        let wanted = state.profile(profile);
        let coming = self
            .upstreams
            .iter::<UpstreamId>()
            .filter(|(_, u)| u.pool == pool && u.node == node && u.lane == Lane::Bulk)
            .filter(|(_, u)| u.profile_id == profile && !u.may_write())
            .count();
        let others = self.waiting_streams.len();
        if coming < others + 1 {
            self.connect(pool, node, Lane::Bulk, wanted);
        }
        None
    }

    /// Passes on what is here of a streamed request; returns how many bytes were taken.
    pub(super) fn stream_on(&mut self, id: ClientId, bytes: &[u8]) -> usize {
        let Some(client) = self.clients.get_mut(id) else { return bytes.len() };
        let pool = client.pool;
        let limits = self.pools[usize::from(pool.0)].limits;
        let Some(stream) = client.stream.as_mut() else { return 0 };
        if stream.to == StreamTo::Waiting || client.pause.has(Pause::STREAM) {
            return 0;
        }
        // The scanner has seen the head of the request already.
        let head = core::mem::take(&mut stream.head).min(bytes.len());
        let (taken, over) = match stream.tail.advance(&bytes[head..], &limits) {
            TailScan::More => (bytes.len(), None),
            TailScan::Done(n) => (head + n, Some(Ok(()))),
            TailScan::Error(error) => (bytes.len(), Some(Err(error))),
        };
        if let StreamTo::Upstream(upstream) = stream.to {
            self.feed(id, upstream, &bytes[..taken], over == Some(Ok(())));
        }
        match over {
            None => {}
            Some(Ok(())) => {
                if let Some(client) = self.clients.get_mut(id) {
                    client.stream = None;
                }
            }
            Some(Err(error)) => self.break_stream(id, error),
        }
        taken
    }

    /// The rest of a streamed request is no RESP. It never became whole, so its place gets the protocol
    /// error; its upstream can carry nothing more.
    fn break_stream(&mut self, id: ClientId, error: ProtocolError) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let pool = client.pool;
        let Some(Stream { to, seq, shard, .. }) = client.stream.take().map(|stream| *stream) else { return };
        self.note_protocol_error(id, error);
        if let StreamTo::Upstream(upstream) = to {
            if let Some(front) = self.upstreams.get_mut(upstream).and_then(|u| u.expected.front_mut()) {
                front.owner = Owner::Nobody;
            }
            self.leave_road(HeldOwner::Client { client: id, seq }, pool, shard);
            self.lose(upstream, CloseReason::Abandoned);
            self.give_protocol_error(id, seq, error);
        }
        self.close_after_replies(id);
    }

    fn feed(&mut self, id: ClientId, upstream_id: UpstreamId, bytes: &[u8], last: bool) {
        let Some(upstream) = self.upstreams.get_mut(upstream_id) else { return };
        if upstream.out.to_write().is_empty() {
            upstream.last_byte = self.now;
        }
        upstream.out.queue(bytes, &mut self.buffers);
        if last {
            upstream.uploading = false;
            upstream.last_byte = self.now;
            upstream.waits.restart(self.now);
        } else if upstream.out.to_write().len() > STREAM_MARK {
            upstream.feeder = Some(id);
            if let Some(client) = self.clients.get_mut(id) {
                client.pause.set(Pause::STREAM);
            }
        }
        self.mark_upstream_dirty(upstream_id);
    }

    pub(super) fn resume_stream(&mut self, id: ClientId) {
        self.resume(id, Pause::STREAM);
    }

    /// Output of an upstream has gone out.
    pub(in crate::engine) fn wrote_to_upstream(&mut self, id: UpstreamId, n: usize) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        upstream.counters.sent.add(n as u64);
        upstream.out.wrote(n);
        if upstream.lane == Lane::Bulk && upstream.expected.front().is_some_and(|e| e.streamed) {
            upstream.out.forget_written(&mut self.buffers);
            // A node that takes what it is sent is not silent.
            upstream.last_byte = self.now;
            if upstream.out.to_write().len() < STREAM_MARK / 2 {
                let feeder = upstream.feeder.take();
                self.release_feeder(feeder);
            }
        }
    }

    /// A streamed request has its reply, perhaps before its end: then what is still to come is dropped, and
    /// the upstream, in the middle of a request, can carry nothing more.
    pub(super) fn streamed_answered(&mut self, id: UpstreamId, owner: Owner) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        if !upstream.uploading && upstream.out.to_write().is_empty() {
            return;
        }
        if let Owner::Client { client, .. } = owner
            && let Some(waiting) = self.clients.get_mut(client)
            && let Some(stream) = waiting.stream.as_mut()
            && stream.to == StreamTo::Upstream(id)
        {
            stream.to = StreamTo::Nowhere;
            self.resume_stream(client);
        }
        self.lose(id, CloseReason::Abandoned);
    }

    /// An upstream of the bulk lane is ready: whoever waits for one is looked at.
    pub(in crate::engine) fn wake_streams(&mut self) {
        self.streams.append(&mut self.waiting_streams);
    }

    /// Streams that have waited longer than a request may be held; the others are looked at again.
    pub(in crate::engine) fn expire_streams(&mut self) {
        self.streams_swept = self.now;
        for id in core::mem::take(&mut self.waiting_streams) {
            let Some(client) = self.clients.get_mut(id) else { continue };
            let pool = client.pool;
            let Some(stream) = client.stream.as_mut().filter(|s| s.to == StreamTo::Waiting) else { continue };
            let snapshot = Arc::clone(self.topology.pool(pool));
            if self.pauses.stop(pool, command::row(stream.row).is_read()) {
                // How long a pause lasts is not the shard's business.
                stream.since = self.now;
            }
            if self.now.since(stream.since) < snapshot.hold {
                self.streams.push(id);
                continue;
            }
            stream.to = StreamTo::Nowhere;
            let (seq, shard) = (stream.seq, snapshot.shard(stream.shard));
            let since = self.now.since(shard.since.min(stream.since));
            self.fail_owner(
                HeldOwner::Client { client: id, seq },
                ErrorReply::ShardDown { pool: &snapshot.config.name, shard: &shard.name, since },
            );
            self.resume_stream(id);
        }
    }

    /// The shard can't serve a profile: streams that wait for that are answered, and their rest dropped.
    pub(super) fn refuse_streams(&mut self, pool: PoolId, shard: ShardId, profile: ProfileId, reply: &[u8]) {
        for id in self.waiting_streams.clone() {
            let Some(client) = self.clients.get_mut(id).filter(|c| c.pool == pool) else { continue };
            let same = client.profile_id == profile;
            let Some(stream) = client.stream.as_mut().filter(|s| same && s.shard == shard) else { continue };
            if stream.to == StreamTo::Waiting {
                stream.to = StreamTo::Nowhere;
                let owner = HeldOwner::Client { client: id, seq: stream.seq };
                self.waiting_streams.retain(|other| *other != id);
                self.answer_owner(owner, reply);
                self.resume_stream(id);
            }
        }
    }

    /// The client that waited for room in an upstream goes on: there is room, or the upstream has gone.
    pub(in crate::engine) fn release_feeder(&mut self, feeder: Option<ClientId>) {
        if let Some(feeder) = feeder {
            self.resume_stream(feeder);
            self.set_reading(feeder);
        }
    }
}
