//! How a client ends: with a reason, and without a trace.

use super::HeldOwner;
use super::error_reply::ErrorReply;
use crate::base::ClientId;
use crate::engine::Engine;
use crate::engine::action::{Action, CloseReason, Party};
use crate::engine::clients::replies::Seq;
use crate::engine::clients::{OUTPUT_MARK, Pause, StreamTo};
use crate::engine::upstreams::Large;
use crate::resp::ProtocolError;

impl Engine {
    /// It has gone, or goes now: nothing more is owed to it. Its entries at upstreams find nobody.
    pub(in crate::engine) fn close_client(&mut self, id: ClientId, reason: CloseReason) {
        for number in self.hold.of_client(id) {
            if let Some(held) = self.unhold(number) {
                self.drop_owner(held.owner);
            }
        }
        self.waits.forget(id);
        let Some(mut client) = self.clients.remove(id) else { return };
        self.actions.push_back(Action::Close { party: Party::Client(id), reason });
        let pool = client.pool;
        self.pools[usize::from(pool.0)].counters.closed(reason.label());
        self.pools[usize::from(pool.0)].end_use(client.profile_id);
        if client.counted {
            self.topology.pool(pool).facts.release_client();
            self.connected[usize::from(client.listener.0)].add(-1);
        }
        client.output.clear(&mut self.buffers);
        client.input.clear(&mut self.buffers);
        if let Some(stream) = client.stream
            && let StreamTo::Upstream(upstream) = stream.to
        {
            // An unfinished request: nothing else could ever be said on that connection.
            self.lose(upstream, CloseReason::Abandoned);
        }
        if let Some(subscriber) = client.session.subscriber.take() {
            self.end_subscriptions(id, pool, &subscriber);
        }
        self.drop_large_replies(id);
        self.drop_pins(pool, &mut client.session);
    }

    /// A large reply on its way to a client that has gone must not hold up those behind it.
    fn drop_large_replies(&mut self, id: ClientId) {
        let orphaned: Vec<_> = self
            .upstreams
            .iter()
            .filter(|(_, u)| u.large != Large::No && u.front_client() == Some(id))
            .map(|(upstream, _)| upstream)
            .collect();
        for upstream in orphaned {
            self.drop_large(upstream);
        }
    }

    /// A client's connection is over once it has what it is owed: after QUIT, a protocol error, or when it
    /// closed its side.
    pub(in crate::engine) fn finish_if_done(&mut self, id: ClientId) {
        let Some(client) = self.clients.get(id) else { return };
        let closing = client.pause.has(Pause::CLOSING);
        if !closing && !client.eof {
            return;
        }
        // What lies incomplete in its input will never be complete.
        let unread = !client.input.is_empty() && client.partial.is_none() && !closing;
        let streaming = client.stream.as_ref().is_some_and(|s| s.to == StreamTo::Waiting);
        if client.settled() && (closing || (!unread && !streaming && !client.runnable)) {
            let reason = match () {
                () if client.eof => CloseReason::Eof,
                () if client.session.protocol_error => CloseReason::Protocol,
                () => CloseReason::Quit,
            };
            self.close_client(id, reason);
        } else if client.eof
            && client.input.is_empty()
            && !client.pause.has(Pause::STREAM)
            && client.stream.as_ref().is_some_and(|s| s.to != StreamTo::Waiting)
        {
            self.end_unfinished_stream(id);
        }
    }

    /// The rest of a streamed request will never come: its upstream can carry nothing more. Earlier replies
    /// are still owed.
    fn end_unfinished_stream(&mut self, id: ClientId) {
        let stream = self.clients.get(id).and_then(|c| c.stream.as_ref());
        if let Some(StreamTo::Upstream(upstream)) = stream.map(|s| s.to) {
            // The request stands in the upstream's queue, and gets its verdict there.
            self.lose(upstream, CloseReason::Abandoned);
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.stream = None;
        }
        self.close_after_replies(id);
    }

    /// The client closed its side: what it had said is still answered.
    pub(in crate::engine) fn run_or_finish(&mut self, id: ClientId) {
        let Some(client) = self.clients.get(id) else { return };
        if !client.input.is_empty() && !client.pause.any() && client.partial.is_none() {
            self.make_runnable(id);
        }
        self.finish_if_done(id);
    }

    /// No more of its requests are looked at; it is closed after it was given what it is owed.
    pub(in crate::engine) fn close_after_replies(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.pause.set(Pause::CLOSING);
        client.input.clear(&mut self.buffers);
        client.partial = None;
        self.set_reading(id);
        self.finish_if_done(id);
    }

    /// Redis's own text, behind the replies that are owed, and the end.
    pub(super) fn protocol_error(&mut self, id: ClientId, error: ProtocolError) {
        let seq = self.reserve(id);
        self.note_protocol_error(id, error);
        if let Some(seq) = seq {
            self.give_protocol_error(id, seq, error);
        }
        self.close_after_replies(id);
    }

    /// Why the client is going to be closed.
    pub(super) fn note_protocol_error(&mut self, id: ClientId, error: ProtocolError) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.session.protocol_error = true;
        self.pools[usize::from(client.pool.0)].counters.protocol_error(error.label());
    }

    pub(super) fn give_protocol_error(&mut self, id: ClientId, seq: Seq, error: ProtocolError) {
        let mut reply = Vec::new();
        crate::resp::error(&mut reply, error.text().as_bytes());
        if let Some(client) = self.clients.get(id) {
            self.pools[usize::from(client.pool.0)].counters.error(&reply);
        }
        self.give(id, seq, &reply);
    }

    /// One client too many.
    pub(in crate::engine) fn refuse_client(&mut self, id: ClientId) {
        if let Some(seq) = self.reserve(id) {
            self.fail_owner(HeldOwner::Client { client: id, seq }, ErrorReply::MaxClients);
        }
        self.close_after_replies(id);
    }

    /// Output of a client has gone out.
    pub(in crate::engine) fn wrote_to_client(&mut self, id: ClientId, n: usize) {
        let Some(client) = self.clients.get_mut(id) else { return };
        self.pools[usize::from(client.pool.0)].counters.sent.add(n as u64);
        client.sent += n as u64;
        client.output.consume(n, &mut self.buffers);
        if client.pause.has(Pause::OUTPUT) && client.output.len() < OUTPUT_MARK / 2 {
            let room = client.waiting_bytes() < OUTPUT_MARK / 2;
            self.read_large_on(id);
            if room {
                self.resume(id, Pause::OUTPUT);
                self.set_reading(id);
            }
        }
        self.finish_if_done(id);
    }
}
