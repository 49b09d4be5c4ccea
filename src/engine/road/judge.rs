//! What becomes of requests that did not simply get their reply. `failover::verdict` decides; here it is
//! carried out: sent again, held, answered with an error, passed on.

use core::time::Duration;
use std::sync::Arc;

use super::HeldOwner;
use super::error_reply::ErrorReply;
use super::hold::{Held, Why};
use crate::base::{PoolId, ShardId, UpstreamId};
use crate::command::{self, Group, Handling, Row, Transaction};
use crate::config::ReadPolicy;
use crate::engine::Engine;
use crate::engine::action::{Action, CloseReason};
use crate::engine::clients::StreamTo;
use crate::engine::profile::ProfileId;
use crate::engine::upstreams::{Expected, Large, Owner, Patience, Pin, State, Step, Upstream};
use crate::failover::{Fate, Kind, Past, Verdict, verdict};
use crate::resp;
use crate::topology::{HoldReason, NodeFailure, Observation};

/// The pause before a refused request is sent again grows by this with each attempt, ten times.
const PAUSE: Duration = Duration::from_millis(20);
const PAUSES: u32 = 10;

/// A request that is being judged.
pub(super) struct Case<'a> {
    /// The upstream that it was given to.
    pub(super) from: UpstreamId,
    pub(super) owner: HeldOwner,
    pub(super) pool: PoolId,
    pub(super) shard: ShardId,
    pub(super) profile: ProfileId,
    pub(super) row: &'static Row,
    pub(super) request: &'a [u8],
    pub(super) attempts: u8,
}

impl Engine {
    /// Every request of a lost upstream gets its verdict, in order.
    pub(in crate::engine) fn judge_lost(&mut self, id: UpstreamId, upstream: &mut Upstream, fate: Fate<'_>) {
        let (pool, shard, profile) = (upstream.pool, upstream.shard, upstream.profile_id);
        let mut from = 0;
        let entries = core::mem::take(&mut upstream.expected);
        let unwritten = !upstream.out.to_write().is_empty();
        for (i, entry) in entries.into_iter().enumerate() {
            let (request, written) = upstream.out.request(from, entry.length as usize);
            from += entry.length as usize;
            let Some(owner) = self.disown(entry.owner) else { continue };
            self.leave_road(owner, pool, shard);
            let fate = match () {
                () if i == 0 && upstream.large == Large::Streaming => Fate::ReplyCut,
                () if entry.streamed => self.cut_stream(id, owner, fate, unwritten),
                () if !written => Fate::NotSent,
                () => fate,
            };
            let row = command::row(entry.row);
            let attempts = entry.attempts;
            self.carry_out(Case { from: id, owner, pool, shard, profile, row, request, attempts }, fate);
        }
    }

    /// A streamed request's upstream is gone: what is still to come of the request is dropped.
    fn cut_stream<'a>(
        &mut self,
        id: UpstreamId,
        owner: HeldOwner,
        fate: Fate<'a>,
        unwritten: bool,
    ) -> Fate<'a> {
        if let Some(client) = self.clients.get_mut(owner.client())
            && let Some(stream) = client.stream.as_mut()
            && stream.to == StreamTo::Upstream(id)
        {
            stream.to = StreamTo::Nowhere;
            self.resume_stream(owner.client());
            return Fate::StreamCut;
        }
        if unwritten {
            return Fate::StreamCut;
        }
        // It went out whole, but was not kept: nothing can be sent again.
        fate
    }

    /// The client's road is one request shorter.
    pub(super) fn leave_road(&mut self, owner: HeldOwner, pool: PoolId, shard: ShardId) {
        if let Some(client) = self.clients.get_mut(owner.client())
            && client.roads.remove(shard)
        {
            self.road_cleared(owner.client(), pool, shard);
        }
    }

    pub(super) fn carry_out(&mut self, case: Case<'_>, fate: Fate<'_>) {
        let snapshot = Arc::clone(self.topology.pool(case.pool));
        let kind = if case.row.is_read() { Kind::Read } else { Kind::Write };
        let past = Past {
            attempts: u32::from(case.attempts),
            read_retries: snapshot.config.read_retries,
            scripted: scripted(case.row),
        };
        let (pool, shard) = (snapshot.config.name.as_str(), &*snapshot.shard(case.shard).name);
        let kept = !case.request.is_empty();
        let verdict = verdict(kind, fate, past);
        if let Some(reply) = self.watched_verdict(&case, verdict, fate) {
            return self.answer_owner(case.owner, &reply);
        }
        let counters = &self.pools[usize::from(case.pool.0)].counters.shards[usize::from(case.shard.0)];
        match verdict {
            Verdict::SendAgain | Verdict::SendAgainDoubting | Verdict::HoldForPrimary if kept => {
                let resent =
                    if kind == Kind::Read { &counters.resent_reads } else { &counters.resent_writes };
                resent.inc();
                self.hold_again(case, fate, Why::Shard(HoldReason::NoPrimary));
            }
            Verdict::SendAgain
            | Verdict::SendAgainDoubting
            | Verdict::HoldForPrimary
            | Verdict::NotApplied => {
                self.fail_owner(case.owner, ErrorReply::NotApplied { pool, shard });
            }
            Verdict::OutcomeUnknown => {
                counters.unknown.inc();
                self.fail_owner(case.owner, ErrorReply::OutcomeUnknown { pool, shard });
            }
            Verdict::SendElsewhere | Verdict::TimeoutError => {
                let timeouts = snapshot.config.timeouts;
                let after = if case.row.is_slow() { timeouts.slow } else { timeouts.request };
                self.fail_owner(case.owner, ErrorReply::Timeout { pool, shard, after });
            }
            Verdict::ShardDown => {
                let since = self.now.since(snapshot.shard(case.shard).since);
                self.fail_owner(case.owner, ErrorReply::ShardDown { pool, shard, since });
            }
            Verdict::CloseClient => self.close_client(case.owner.client(), CloseReason::ReplyCut),
            Verdict::AskRole => {
                let why = Why::Doubted(case.from);
                self.hold_again(case, fate, why);
            }
            Verdict::PassOn => {
                if let Fate::Answered(reply) = fate {
                    self.answer_owner(case.owner, reply);
                }
            }
        }
    }

    /// Back to the waiting place, in the client's order.
    fn hold_again(&mut self, mut case: Case<'_>, fate: Fate<'_>, why: Why) {
        let answer = if let Fate::Answered(reply) = fate { Some(reply) } else { None };
        // A read that was not even sent has not used up one of its retries.
        if fate != Fate::NotSent || !case.row.is_read() {
            case.attempts = case.attempts.saturating_add(1);
        }
        self.put_back(case, answer, why, false);
    }

    pub(super) fn put_back(&mut self, case: Case<'_>, answer: Option<&[u8]>, why: Why, rewound: bool) {
        if self.hold_is_full(case.pool) {
            return match answer {
                // Nothing proves that it was not executed.
                Some(answer) if why.is_doubt() => {
                    let before = self.answered_before(case.owner, case.shard);
                    before.into_iter().for_each(|number| self.pass_answer_on(number));
                    self.answer_owner(case.owner, answer);
                }
                _ => self.refuse_held(case.owner, case.pool, case.shard, self.now),
            };
        }
        let id = case.owner.client();
        let Some(client) = self.clients.get_mut(id) else { return self.drop_owner(case.owner) };
        // A node that says that it is a primary and refuses writes must not be asked for ever.
        let since = *client.session.resent_since.get_or_insert(self.now);
        self.hold_request(Held {
            owner: case.owner,
            pool: case.pool,
            shard: case.shard,
            profile: case.profile,
            row: case.row.id(),
            request: case.request.to_vec(),
            attempts: case.attempts,
            since,
            why,
            answer: answer.map(Into::into),
            rewound,
        });
        if self.unsorted.last() != Some(&(id, case.shard)) {
            self.unsorted.push((id, case.shard));
        }
        self.release(case.pool, case.shard);
    }

    /// Its client has gone. No reply will come for a part: nothing else would end its gather.
    pub(super) fn drop_owner(&mut self, owner: HeldOwner) {
        if let HeldOwner::Part { gather, .. } = owner {
            self.gathers.end(gather);
        }
    }

    /// A telling error is the answer to the oldest entry: READONLY, LOADING and the like. True if it has
    /// been dealt with.
    pub(super) fn judge_telling(&mut self, id: UpstreamId, front: Expected, reply: &[u8]) -> bool {
        let Some(owner) = self.owner_of(front.owner) else { return false };
        let Some(upstream) = self.upstreams.get_mut(id) else { return true };
        let (pool, shard, profile) = (upstream.pool, upstream.shard, upstream.profile_id);
        let row = command::row(front.row);
        let kind = if row.is_read() { Kind::Read } else { Kind::Write };
        let past = Past { scripted: scripted(row), ..Past::default() };
        let fate = Fate::Answered(reply);
        if verdict(kind, fate, past) == Verdict::PassOn {
            return false;
        }
        let Some(request) = self.take_front(id, owner) else { return true };
        if let Some(Pin::Block(client)) = self.upstreams.get(id).map(|u| u.pin) {
            self.leave_blocked(client, id);
            self.wait_for_pin(client);
        }
        if front.streamed {
            self.streamed_answered(id, front.owner);
        }
        self.actions.push_back(Action::Report(Observation::TopologyDoubted { pool, shard }));
        self.doubt(id, reply, front.attempts);
        let attempts = front.attempts;
        let case = Case { from: id, owner, pool, shard, profile, row, request: &request, attempts };
        self.carry_out(case, if front.streamed { Fate::StreamCut } else { fate });
        true
    }

    /// The oldest request of an upstream has been answered, and leaves its queue and its client's road: a
    /// copy of it. `None`, and the upstream is lost, if the reply can't be its own.
    pub(super) fn take_front(&mut self, id: UpstreamId, owner: HeldOwner) -> Option<Vec<u8>> {
        let upstream = self.upstreams.get_mut(id)?;
        let (pool, shard) = (upstream.pool, upstream.shard);
        let length = upstream.expected.front()?.length as usize;
        let request = upstream.out.front(length).to_vec();
        if upstream.answered(&mut self.buffers).is_none() {
            self.lose(id, CloseReason::BadReply);
            return None;
        }
        self.leave_road(owner, pool, shard);
        Some(request)
    }

    /// The upstream that gave a telling error may not be what it was: writes wait until ROLE says so. The
    /// first time it is asked at once; one whose node can serve nobody at the moment, or contradicts itself,
    /// rests for longer and longer, or the two would go round as fast as the network allows.
    fn doubt(&mut self, id: UpstreamId, reply: &[u8], attempts: u8) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let (pool, node, shard) = (upstream.pool, upstream.node, upstream.shard);
        if upstream.may_write() {
            upstream.state = State::Ready { primary: false };
        }
        let code = resp::error_code(reply);
        let rests = attempts > 0 || matches!(code, b"LOADING" | b"MASTERDOWN" | b"CLUSTERDOWN");
        if !rests && !upstream.asks_role() {
            return self.ask(id, Step::Role, &["ROLE"]);
        }
        if rests && !upstream.resting {
            upstream.resting = true;
            upstream.ask_role_at = Some(self.now + PAUSE * (u32::from(attempts) + 1).min(PAUSES));
            self.reroute(pool, shard);
            if code == b"LOADING" {
                let failure = NodeFailure::Loading;
                self.actions.push_back(Action::Report(Observation::NodeFailed { pool, node, failure }));
            }
        }
    }

    /// ROLE has been answered on an upstream whose scripts gave telling errors, or never will be.
    pub(in crate::engine) fn judge_doubted(&mut self, id: UpstreamId, refusal_counts: bool) {
        if self.hold.is_empty() {
            return;
        }
        let doubted: Vec<u64> =
            self.hold.iter().filter(|(_, h)| h.why == Why::Doubted(id)).map(|(n, _)| n).collect();
        for number in doubted {
            if !refusal_counts {
                self.pass_doubted_on(number);
            } else {
                self.hold.set_why(number, Why::Shard(HoldReason::Moving));
            }
        }
    }

    /// A script that may have been executed gets the node's words as its answer. What stands before it can't
    /// be sent again any more, and the reads behind it had their right answers already.
    pub(super) fn pass_doubted_on(&mut self, number: u64) {
        self.sort_held();
        let Some(doubted) = self.hold.get(number) else { return };
        let (owner, shard) = (doubted.owner, doubted.shard);
        let Some(head) = self.clients.get(owner.client()).map(|c| c.replies.head()) else { return };
        let place = owner.seq().wrapping_sub(head);
        let mut decided: Vec<u64> = Vec::new();
        for other in self.hold.of_client_and_shard(owner.client(), shard) {
            let Some(held) = self.hold.get(other) else { continue };
            let before = held.owner.seq().wrapping_sub(head) <= place;
            if !before && !held.rewound {
                break;
            }
            if held.answer.is_some() {
                decided.push(other);
            }
        }
        decided.into_iter().for_each(|number| self.pass_answer_on(number));
    }

    /// What the node said is the answer after all.
    pub(super) fn pass_answer_on(&mut self, number: u64) {
        if let Some(held) = self.unhold(number)
            && let Some(answer) = held.answer
        {
            self.answer_owner(held.owner, &answer);
        }
    }

    /// What is held of a client and shard before a request of it, and was answered.
    fn answered_before(&self, owner: HeldOwner, shard: ShardId) -> Vec<u64> {
        let Some(client) = self.clients.get(owner.client()) else { return Vec::new() };
        if !self.hold.has_answered(owner.client(), shard) {
            return Vec::new();
        }
        let head = client.replies.head();
        let place = owner.seq().wrapping_sub(head);
        let stands_before = |h: &Held| h.answer.is_some() && h.owner.seq().wrapping_sub(head) < place;
        let mut numbers = self.hold.of_client_and_shard(owner.client(), shard);
        numbers.retain(|number| self.hold.get(*number).is_some_and(stands_before));
        numbers
    }

    /// A reply came behind a request of the same client and shard that was refused as not executed and is
    /// held. A read waits behind the held one and is sent again; a write was executed, so the refused ones
    /// before it can't be sent again without changing the order: their errors are passed on, and what the
    /// reads between them were answered. True if the reply has been dealt with.
    pub(super) fn rewinds(&mut self, id: UpstreamId, reply: &[u8]) -> bool {
        let Some(upstream) = self.upstreams.get(id) else { return false };
        let Some(front) = upstream.expected.front().copied() else { return false };
        let Some(owner) = self.owner_of(front.owner) else { return false };
        if self.clients.get(owner.client()).is_none_or(|client| client.held == 0) {
            return false;
        }
        let (pool, shard, profile) = (upstream.pool, upstream.shard, upstream.profile_id);
        let refused = self.answered_before(owner, shard);
        if refused.is_empty() {
            return false;
        }
        let row = command::row(front.row);
        if !row.is_read() || front.streamed {
            refused.into_iter().for_each(|number| self.pass_answer_on(number));
            return false;
        }
        let Some(request) = self.take_front(id, owner) else { return true };
        let attempts = front.attempts;
        let case = Case { from: id, owner, pool, shard, profile, row, request: &request, attempts };
        self.put_back(case, Some(reply), Why::Behind, true);
        true
    }

    /// Requests on an upstream whose time is up: they are judged, their entries stay as nobody's, and the
    /// late replies are dropped.
    /// What may take long is spared until its own time is up.
    pub(in crate::engine) fn judge_late(
        &mut self,
        id: UpstreamId,
        late: core::ops::Range<usize>,
        patience: Patience,
    ) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let before = upstream.expected.iter().take(late.start);
        let mut next: usize = before.map(|e| e.length as usize).sum();
        for index in late {
            let Some(upstream) = self.upstreams.get_mut(id) else { return };
            let (pool, shard, node) = (upstream.pool, upstream.shard, upstream.node);
            let profile = upstream.profile_id;
            let Some(entry) = upstream.expected.get_mut(index) else { return };
            let from = next;
            next += entry.length as usize;
            if patience == Patience::Request && command::row(entry.row).is_slow() {
                continue;
            }
            let exempt = index == 0 && upstream.large != Large::No;
            let owner = core::mem::replace(&mut entry.owner, Owner::Nobody);
            if let Owner::Own(step) = owner {
                entry.owner = Owner::Own(step);
                continue;
            }
            if exempt {
                entry.owner = owner;
                continue;
            }
            let entry = *entry;
            let request = upstream.out.request(from, entry.length as usize).0.to_vec();
            let Some(owner) = self.disown(owner) else { continue };
            self.leave_road(owner, pool, shard);
            if let Some(link) = self.pools[usize::from(pool.0)].links.get(&node) {
                link.counters.timeouts.inc();
            }
            let row = command::row(entry.row);
            if row.any_node()
                && entry.attempts == 0
                && !entry.streamed
                && self.elsewhere(id, owner, row, &request)
            {
                continue;
            }
            let attempts = entry.attempts;
            let case = Case { from: id, owner, pool, shard, profile, row, request: &request, attempts };
            // One that lies unwritten before a full socket may still be written: its outcome is as open.
            self.carry_out(case, Fate::TimedOut);
        }
    }

    /// Sends a read that got no reply once more, to another node, if one may take it now.
    fn elsewhere(&mut self, id: UpstreamId, owner: HeldOwner, row: &'static Row, request: &[u8]) -> bool {
        let Some(upstream) = self.upstreams.get(id) else { return false };
        let (pool, shard) = (upstream.pool, upstream.shard);
        let Some(client) = self.clients.get(owner.client()) else { return false };
        if client.roads.get(shard).is_some() || self.hold.holds(owner.client(), shard) {
            return false;
        }
        let routes = self.pools[usize::from(pool.0)].routes(upstream.profile_id, shard);
        let reads = client.reads;
        let others = routes.replicas.iter().filter(|_| reads != ReadPolicy::Primary);
        let other = others.copied().chain(routes.primary).find(|other| *other != id);
        match other {
            Some(other) => {
                self.enqueue(other, owner, row, request, 1);
                true
            }
            None => false,
        }
    }

    /// Answers whoever owns a request with an error of Ketch's own.
    pub(in crate::engine) fn fail_owner(&mut self, owner: HeldOwner, error: ErrorReply<'_>) {
        let mut reply = Vec::new();
        error.write(&mut reply);
        if let Some(client) = self.clients.get(owner.client()) {
            let counters = &mut self.pools[usize::from(client.pool.0)].counters;
            counters.own_error(error.label());
            // A part's is counted among all errors once, when the parts are joined.
            if matches!(owner, HeldOwner::Client { .. }) {
                counters.error(&reply);
            }
        }
        self.answer_owner(owner, &reply);
    }

    /// Gives whoever owns a request its reply.
    pub(super) fn answer_owner(&mut self, owner: HeldOwner, reply: &[u8]) {
        match owner {
            HeldOwner::Client { client, seq } => self.give(client, seq, reply),
            HeldOwner::Part { gather, part, .. } => self.give_part(gather, part, reply),
        }
    }
}

/// Scripts, functions and what modules do: an error of theirs may come after they have written. EXEC may hold
/// some.
fn scripted(row: &Row) -> bool {
    matches!(row.group, Group::Scripting | Group::Module)
        || row.handling == Handling::Transaction(Transaction::Exec)
}
