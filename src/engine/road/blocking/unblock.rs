//! How a command that blocks is ended before its time: because a client asked for it with CLIENT UNBLOCK,
//! or because another primary is believed and the old node would let it hang.
//!
//! In either case it is the *node* that is asked to unblock it, by the number that it gave to the upstream,
//! on another connection. So what it popped meanwhile is never lost: its answer comes on the upstream
//! itself, and tells.

use crate::base::{ClientId, NodeId, PoolId, UpstreamId};
use crate::engine::Engine;
use crate::engine::action::{Action, CloseReason};
use crate::engine::clients::Client;
use crate::engine::clients::pinned::Stage;
use crate::engine::road::HeldOwner;
use crate::engine::upstreams::{Expected, Lane, Owner, Pin, State, Step, Upstream};
use crate::failover::Fate;
use crate::topology::Observation;

/// What Redis says to what it unblocks because it became a replica.
const ROLE_CHANGED: &[u8] = b"-UNBLOCKED force unblock from blocking operation, instance state changed";
/// What it says to what CLIENT UNBLOCK … ERROR ended.
const UNBLOCKED: &[u8] = b"-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n";
/// A node is asked again while it has not got the command yet, so often at most.
const TRIES: u8 = 50;

impl Engine {
    /// Ends what a client of a pool waits for, with an error or as if its time were up: whether it was blocked
    /// by a command.
    pub(in crate::engine) fn unblock_client(&mut self, pool: PoolId, number: u64, error: bool) -> bool {
        let meant = |client: &Client| client.number == number && client.pool == pool;
        let found = self.clients.iter::<ClientId>().find(|(_, client)| meant(client));
        let Some((id, client)) = found else { return false };
        let Some(blocked) = &client.session.blocked else {
            return self.unblock_wait(id, error.then_some(UNBLOCKED));
        };
        if blocked.is_sent() {
            if let Some(blocked) = self.clients.get_mut(id).and_then(|c| c.session.blocked.as_mut()) {
                blocked.unblock = Some(error);
            }
            self.ask_to_unblock(id);
            return true;
        }
        let found = matches!(blocked.stage, Stage::Resolving(_)) || self.unhold_blocked(id);
        if found {
            if let Some(blocked) = self.clients.get_mut(id).and_then(|c| c.session.blocked.as_mut()) {
                blocked.stage = Stage::Waiting;
            }
            self.answer_unblocked(id, error);
        }
        found
    }

    fn answer_unblocked(&mut self, id: ClientId, error: bool) {
        if !error {
            return self.answer_with_nothing(id);
        }
        if let Some(seq) = self.clients.get(id).and_then(|c| c.session.blocked.as_ref()).map(|b| b.seq) {
            self.give(id, seq, UNBLOCKED);
        }
    }

    /// Asks the node that blocks a client's command to end it, by the shared upstream.
    pub(in crate::engine::road) fn ask_to_unblock(&mut self, id: ClientId) {
        let Some(blocked) = self.clients.get(id).and_then(|c| c.session.blocked.as_ref()) else { return };
        let (Stage::Sent(_), Some(own), Some(error)) = (&blocked.stage, blocked.upstream, blocked.unblock)
        else {
            return;
        };
        let Some(upstream) = self.upstreams.get(own) else { return };
        let (pool, node, number) = (upstream.pool, upstream.node, upstream.node_client);
        match (number, self.any_shared(pool, node)) {
            (Some(number), Some(shared)) => {
                let how = if error { "ERROR" } else { "TIMEOUT" };
                self.ask(shared, Step::Unblock(own), &["CLIENT", "UNBLOCK", &number.to_string(), how]);
            }
            // Later, when there is one again.
            (Some(_), None) => self.wait_for_pin(id),
            (None, _) => {}
        }
    }

    fn any_shared(&self, pool: PoolId, node: NodeId) -> Option<UpstreamId> {
        let link = self.pools[usize::from(pool.0)].links.get(&node)?;
        let shared = link.iter().filter_map(|(_, ready)| ready.shared);
        shared.into_iter().find(|id| self.upstreams.get(*id).is_some_and(Upstream::is_ready))
    }

    /// What a node says to CLIENT UNBLOCK. That it blocked nothing may mean that it has answered, or that it
    /// has yet to read the command.
    pub(in crate::engine) fn unblock_answered(&mut self, target: UpstreamId, reply: &[u8]) {
        let Some(upstream) = self.upstreams.get(target) else { return };
        let Pin::Block(id) = upstream.pin else { return };
        if upstream.state == State::Draining && reply.first() == Some(&b'-') {
            return self.lose(target, CloseReason::Deposed);
        }
        let Some(blocked) = self.clients.get_mut(id).and_then(|c| c.session.blocked.as_mut()) else { return };
        if reply == b":0\r\n" && matches!(blocked.stage, Stage::Sent(_)) && blocked.in_vain < TRIES {
            blocked.in_vain += 1;
            self.wait_for_pin(id);
        }
    }

    /// The node itself ended a blocked command, since it is no primary any more: nothing was popped. True if
    /// that has been dealt with; what a client asked for is passed on.
    pub(in crate::engine::road) fn force_unblocked(
        &mut self,
        id: UpstreamId,
        front: Expected,
        reply: &[u8],
    ) -> bool {
        let Some(upstream) = self.upstreams.get(id) else { return false };
        let Pin::Block(client) = upstream.pin else { return false };
        if !reply.starts_with(ROLE_CHANGED) {
            return false;
        }
        let (pool, shard) = (upstream.pool, upstream.shard);
        let Some(owner) = self.owner_of(front.owner) else { return false };
        let Some(request) = self.take_front(id, owner) else { return true };
        self.actions.push_back(Action::Report(Observation::TopologyDoubted { pool, shard }));
        self.leave_blocked(client, id);
        self.judge_blocked(pool, shard, owner, &request, Fate::NotSent);
        self.lose(id, CloseReason::Unpinned);
        self.wait_for_pin(client);
        true
    }

    /// A client's command waits again, and its upstream is nobody's.
    pub(in crate::engine::road) fn leave_blocked(&mut self, client: ClientId, upstream: UpstreamId) {
        if let Some(upstream) = self.upstreams.get_mut(upstream) {
            upstream.pin = Pin::Cleaning;
        }
        let Some(client) = self.clients.get_mut(client) else { return };
        let pool = client.pool;
        let Some(blocked) = client.session.blocked.as_mut() else { return };
        let was_sent = blocked.is_sent();
        blocked.upstream = None;
        blocked.stage = Stage::Waiting;
        if was_sent {
            self.count_unsent(pool);
        }
    }

    /// An upstream of a deposed node: if a command blocks there the node is asked to unblock it, and what it
    /// answers is judged; else the upstream is lost with all that is in flight.
    pub(in crate::engine) fn depose(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let asks = upstream.lane == Lane::Asker || self.is_unblocking(upstream);
        if !asks && !self.begin_to_unblock(id) {
            self.lose(id, CloseReason::Deposed);
        }
    }

    fn is_unblocking(&self, upstream: &Upstream) -> bool {
        let Pin::Block(client) = upstream.pin else { return false };
        let blocked = self.clients.get(client).and_then(|c| c.session.blocked.as_ref());
        blocked.is_some_and(|b| matches!(b.stage, Stage::Unblocking(..)))
    }

    fn begin_to_unblock(&mut self, id: UpstreamId) -> bool {
        let Some(upstream) = self.upstreams.get(id) else { return false };
        let Pin::Block(client) = upstream.pin else { return false };
        let sent =
            upstream.is_ready() && upstream.out.to_write().is_empty() && upstream.node_client.is_some();
        let (pool, node, shard) = (upstream.pool, upstream.node, upstream.shard);
        let Some(front) = upstream.expected.front().copied().filter(|_| sent) else { return false };
        let Some(owner) = self.owner_of(front.owner) else { return false };
        let Some(asker) = self.asker(pool, node) else { return false };
        let Some(upstream) = self.upstreams.get_mut(id) else { return false };
        let request = upstream.out.front(front.length as usize).to_vec();
        if let Some(front) = upstream.expected.front_mut() {
            front.owner = Owner::Own(Step::Popped);
        }
        upstream.state = State::Draining;
        self.leave_road(owner, pool, shard);
        if let Some(blocked) = self.clients.get_mut(client).and_then(|c| c.session.blocked.as_mut()) {
            blocked.stage = Stage::Unblocking(request, self.now);
        }
        self.wait_for_pin(client);
        if self.upstreams.get(asker).is_some_and(Upstream::is_ready) {
            self.ask_asker(asker, id);
        }
        true
    }

    /// A connection to a deposed node by which it is asked to unblock what blocks there: there, or made.
    fn asker(&mut self, pool: PoolId, node: NodeId) -> Option<UpstreamId> {
        let asks = |u: &Upstream| u.lane == Lane::Asker && u.pool == pool && u.node == node;
        let there = self.upstreams.iter().find(|(_, u)| asks(u)).map(|(id, _)| id);
        match there {
            Some(id) => Some(id),
            None => self.connect(pool, node, Lane::Asker, Default::default()),
        }
    }

    fn ask_asker(&mut self, asker: UpstreamId, target: UpstreamId) {
        if let Some(number) = self.upstreams.get(target).and_then(|u| u.node_client) {
            let number = number.to_string();
            self.ask(asker, Step::Unblock(target), &["CLIENT", "UNBLOCK", &number, "ERROR"]);
        }
    }

    fn unblocking_at(&self, pool: PoolId, node: NodeId) -> Vec<UpstreamId> {
        let all = self.upstreams.iter::<UpstreamId>();
        let here = all.filter(|(_, u)| u.pool == pool && u.node == node && u.lane == Lane::Pinned);
        here.filter(|(_, u)| self.is_unblocking(u)).map(|(id, _)| id).collect()
    }

    pub(in crate::engine) fn asker_ready(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        for target in self.unblocking_at(upstream.pool, upstream.node) {
            self.ask_asker(id, target);
        }
    }

    /// The deposed node can't be asked: nobody knows what it popped.
    pub(in crate::engine::road) fn asker_lost(&mut self, pool: PoolId, node: NodeId) {
        for target in self.unblocking_at(pool, node) {
            self.lose(target, CloseReason::Deposed);
        }
    }

    /// What a command answered that blocked on a deposed node. That it was unblocked proves that nothing was
    /// popped; an element is popped there and may still be in the new primary.
    pub(in crate::engine) fn popped(&mut self, id: UpstreamId, reply: &[u8]) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (Pin::Block(client), pool, shard) = (upstream.pin, upstream.pool, upstream.shard) else { return };
        let Some(blocked) = self.clients.get_mut(client).and_then(|c| c.session.blocked.as_mut()) else {
            return self.lose(id, CloseReason::Deposed);
        };
        let Stage::Unblocking(request, _) = &mut blocked.stage else { return };
        let (request, wanted) = (core::mem::take(request), blocked.unblock);
        let owner = HeldOwner::Client { client, seq: blocked.seq };
        self.leave_blocked(client, id);
        let unblocked = reply.starts_with(b"-UNBLOCKED");
        match wanted {
            Some(error) if unblocked => self.answer_unblocked(client, error),
            None if unblocked => self.judge_blocked(pool, shard, owner, &request, Fate::NotSent),
            _ if matches!(reply, b"*-1\r\n" | b"_\r\n" | b"$-1\r\n") || reply.first() == Some(&b'-') => {
                self.answer_owner(owner, reply);
            }
            _ => self.judge_blocked(pool, shard, owner, &request, Fate::Deposed),
        }
        self.lose(id, CloseReason::Deposed);
        self.wait_for_pin(client);
    }
}
