//! Who is held, and who may go: the one place that puts requests into the hold and lets them out.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::HeldOwner;
use super::blocking::Blockers;
use super::error_reply::ErrorReply;
use super::hold::{Held, Why};
use super::pin::For;
use crate::base::{ClientId, PoolId, ShardId, Time, UpstreamId};
use crate::command::{self, Handling, Row, Transaction};
use crate::engine::Engine;
use crate::engine::busy::Meets;
use crate::engine::clients::Pause;
use crate::engine::profile::ProfileId;

/// One look at all that is held for a shard.
#[derive(Default)]
struct Pass {
    shard: ShardId,
    /// The shard takes writes.
    writable: bool,
    /// Profiles for which an upstream is wanted, and whether for a read.
    wants: Vec<(ProfileId, bool)>,
    /// Clients whose later requests stay.
    stopped: BTreeSet<ClientId>,
    went: BTreeSet<ClientId>,
    /// For whom writes of others wait.
    first: Blockers,
}

impl Engine {
    /// A request that is in the hands of nobody else must wait.
    #[expect(clippy::too_many_arguments, reason = "a held request is all of these; they come from one place")]
    pub(super) fn keep(
        &mut self,
        owner: HeldOwner,
        pool: PoolId,
        shard: ShardId,
        row: &'static Row,
        request: &[u8],
        attempts: u8,
        why: Why,
    ) {
        if self.hold_is_full(pool) {
            return self.refuse_held(owner, pool, shard, self.now);
        }
        let Some(profile) = self.clients.get(owner.client()).map(|c| c.profile_id) else { return };
        self.hold_request(Held {
            owner,
            pool,
            shard,
            profile,
            row: row.id(),
            request: request.to_vec(),
            attempts,
            since: self.now,
            why,
            answer: None,
            rewound: false,
        });
        if why == Why::Connecting {
            self.ask_for(pool, shard, profile);
        }
    }

    pub(super) fn hold_request(&mut self, held: Held) {
        let state = &mut self.pools[usize::from(held.pool.0)];
        state.begin_use(held.profile);
        let counters = &state.counters.shards[usize::from(held.shard.0)];
        counters.holding.add(1);
        if held.why.is_outage() {
            counters.held.inc();
        }
        if let Some(client) = self.clients.get_mut(held.owner.client()) {
            client.held += 1;
        }
        self.topology.pool(held.pool).facts.held.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        self.hold.push(held);
    }

    /// Takes a request out of the hold.
    pub(super) fn unhold(&mut self, number: u64) -> Option<Held> {
        let held = self.hold.take(number)?;
        let state = &mut self.pools[usize::from(held.pool.0)];
        state.end_use(held.profile);
        let counters = &state.counters.shards[usize::from(held.shard.0)];
        counters.holding.add(-1);
        self.topology.pool(held.pool).facts.held.fetch_sub(1, core::sync::atomic::Ordering::Relaxed);
        if let Some(client) = self.clients.get_mut(held.owner.client()) {
            client.held -= 1;
        }
        Some(held)
    }

    /// This worker's share of a pool's bound on held requests is used up.
    pub(super) fn hold_is_full(&self, pool: PoolId) -> bool {
        let (count, bytes) = self.hold_share(pool);
        let held = self.hold.of_pool(pool);
        held.count >= count || held.bytes >= bytes
    }

    /// How many requests, and bytes of them, this worker may hold for a pool.
    fn hold_share(&self, pool: PoolId) -> (usize, usize) {
        let config = &self.topology.pool(pool).config;
        ((config.hold_max / self.workers).max(1), (config.hold_max_bytes.as_usize() / self.workers).max(1))
    }

    /// A request that can't be held, or was held too long, was not executed, and is told so.
    pub(super) fn refuse_held(&mut self, owner: HeldOwner, pool: PoolId, shard: ShardId, since: Time) {
        let snapshot = Arc::clone(self.topology.pool(pool));
        let shard = snapshot.shard(shard);
        let since = self.now.since(shard.since.min(since));
        self.fail_owner(
            owner,
            ErrorReply::ShardDown { pool: &snapshot.config.name, shard: &shard.name, since },
        );
    }

    /// Whether a request that would have to be held stays in its client's input instead, because the
    /// waiting place is three quarters full, or this client's tenth of it is: then the client is not read.
    pub(super) fn must_wait_unread(
        &mut self,
        id: ClientId,
        pool: PoolId,
        shard: ShardId,
        is_read: bool,
    ) -> bool {
        if self.hold.is_empty() || self.choose(id, pool, shard, is_read).is_ok() {
            return false;
        }
        let (count, bytes) = self.hold_share(pool);
        let held = self.hold.of_pool(pool);
        let crowded = held.count * 4 >= count * 3 || held.bytes * 4 >= bytes * 3;
        let greedy = self.hold.bytes_of(id) * 10 >= bytes;
        if !crowded && !greedy {
            return false;
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.pause.set(Pause::HOLD);
            self.crowded.push(id);
        }
        true
    }

    /// Lets go what may go, shard by shard.
    pub(in crate::engine) fn release_all(&mut self) {
        self.sort_held();
        while let Some((pool, shard)) = self.releases.pop() {
            self.release_shard(pool, shard);
        }
        for id in core::mem::take(&mut self.crowded) {
            match self.clients.get(id).map(|c| c.pool) {
                Some(pool) if self.is_crowded(pool, id) => self.crowded.push(id),
                Some(_) => self.resume(id, Pause::HOLD),
                None => {}
            }
        }
    }

    /// Puts what came back where it belongs among its client's held requests.
    pub(super) fn sort_held(&mut self) {
        for (client, shard) in core::mem::take(&mut self.unsorted) {
            if let Some(head) = self.clients.get(client).map(|c| c.replies.head()) {
                self.hold.sort(client, shard, head);
            }
        }
    }

    /// Whether a client that waits for room among the held goes on waiting.
    fn is_crowded(&self, pool: PoolId, client: ClientId) -> bool {
        let (count, bytes) = self.hold_share(pool);
        let held = self.hold.of_pool(pool);
        held.count > 0
            && (held.count * 2 >= count
                || held.bytes * 2 >= bytes
                || self.hold.bytes_of(client) * 20 >= bytes)
    }

    /// Who blocks first; then in order. A client whose first request to the shard can't go keeps its later
    /// ones.
    fn release_shard(&mut self, pool: PoolId, shard: ShardId) {
        if !self.pools[usize::from(pool.0)].is_served(shard) && !self.is_greeted_busily(pool, shard) {
            return self.blocked_first(pool, shard);
        }
        let writable = self.topology.pool(pool).shard(shard).writable();
        let mut pass = Pass { shard, writable, ..Pass::default() };
        if writable {
            for number in self.held_blocks(pool, shard) {
                self.release_one(number, &mut pass);
            }
            pass.first = self.blockers(pool, shard);
        } else {
            self.blocked_first(pool, shard);
        }
        let mut from = 0;
        while let Some(number) = self.hold.of_shard(pool, shard, from) {
            from = number + 1;
            self.release_one(number, &mut pass);
        }
        // Only now: an upstream that was lent to a database first carries what waited for it. The oldest
        // comes first, or two databases could pass it to and fro for ever.
        pass.wants.into_iter().for_each(|(profile, read)| self.want(pool, shard, profile, read));
    }

    fn release_one(&mut self, number: u64, pass: &mut Pass) {
        let Some(held) = self.hold.get(number) else { return };
        let (client, pool, profile) = (held.owner.client(), held.pool, held.profile);
        let row = command::row(held.row);
        let (answered, own_order) = (held.answer.is_some(), held.why.is_own_order());
        if pass.stopped.contains(&client) || (answered && !self.begins_anew(client, pass.shard)) {
            pass.stopped.insert(client);
            return;
        }
        if self.lets_block(number, row, &pass.first) {
            pass.stopped.insert(client);
            return;
        }
        let chosen = self.choose_held(number, pass.writable);
        let chosen = self.in_lane(client, row, chosen);
        let chosen = self.unless_paused(pool, row, chosen);
        let chosen = match self.while_busy(pool, pass.shard, profile, row, chosen) {
            Meets::Chosen(chosen) => chosen,
            Meets::Busy(words) => return self.answer_busy(number, &words),
        };
        match chosen {
            Ok(upstream) => {
                if let Some(held) = self.unhold(number) {
                    self.put_on(upstream, held.owner, row, &held.request, held.attempts);
                    pass.went.insert(client);
                }
            }
            Err(why) => {
                let want = (profile, row.any_node());
                if why == Why::Connecting && !pass.wants.contains(&want) {
                    pass.wants.push(want);
                }
                // That it stood behind its client's own requests is still true when they are answered.
                if !own_order {
                    self.hold.set_why(number, why);
                }
                // While its client's requests go, it waits for no primary.
                if pass.went.contains(&client) {
                    self.hold.refresh(number, self.now);
                }
                pass.stopped.insert(client);
            }
        }
    }

    /// The shard can't serve a profile: what waits for that, and was not sent, is answered.
    pub(in crate::engine) fn answer_unsent(
        &mut self,
        pool: PoolId,
        shard: ShardId,
        profile: ProfileId,
        reply: &[u8],
    ) {
        let mut from = 0;
        while let Some(number) = self.hold.of_shard(pool, shard, from) {
            from = number + 1;
            let Some(held) = self.hold.get(number).filter(|held| held.profile == profile) else { continue };
            if held.why.is_doubt() {
                continue;
            }
            // One that was sent before has been answered already, as not executed.
            if held.answer.is_some() {
                self.pass_answer_on(number);
            } else if let Some(held) = self.unhold(number) {
                self.answer_owner(held.owner, reply);
            }
        }
        self.refuse_streams(pool, shard, profile, reply);
        self.release(pool, shard);
    }

    /// Its node is busy with a script and says so to whoever comes: nothing was executed.
    fn answer_busy(&mut self, number: u64, words: &[u8]) {
        if self.hold.get(number).is_some_and(|held| held.answer.is_some()) {
            return self.pass_answer_on(number);
        }
        let Some(held) = self.unhold(number) else { return };
        let mut reply = Vec::new();
        if command::row(held.row).handling == Handling::Transaction(Transaction::Exec) {
            reply.extend_from_slice(b"-EXECABORT Transaction discarded because of: ");
            reply.extend_from_slice(words.strip_prefix(b"-").unwrap_or(words));
        } else {
            reply.extend_from_slice(words);
        }
        if matches!(held.owner, HeldOwner::Client { .. }) {
            self.pools[usize::from(held.pool.0)].counters.error(&reply);
        }
        self.answer_owner(held.owner, &reply);
    }

    /// Which upstream takes a held request that is the first of its client's. Some need one of their own.
    fn choose_held(&mut self, number: u64, writable: bool) -> Result<UpstreamId, Why> {
        let Some(held) = self.hold.get(number) else { return Err(Why::Behind) };
        let (id, pool, shard, row) = (held.owner.client(), held.pool, held.shard, command::row(held.row));
        let (seq, own_order, profile) = (held.owner.seq(), held.why.is_own_order(), held.profile);
        let Some(client) = self.clients.get(id) else { return Err(Why::Behind) };
        if client.session.blocked.as_ref().is_some_and(|blocked| blocked.seq == seq) {
            return self.pin(id, pool, shard, profile, For::Block);
        }
        if row.handling == Handling::Transaction(Transaction::Watch) {
            return self.pin(id, pool, shard, profile, For::Watch);
        }
        if client.watching {
            return self.choose_watching(id, pool, shard, profile, row.any_node());
        }
        let (road, reads) = (client.roads.get(shard), client.reads_behind(own_order, writable));
        self.choose_now(road, pool, shard, profile, row.any_node(), reads)
    }

    /// Sends what was held, each in its way.
    fn put_on(
        &mut self,
        upstream: UpstreamId,
        owner: HeldOwner,
        row: &'static Row,
        request: &[u8],
        attempts: u8,
    ) {
        let blocked = self.clients.get(owner.client()).and_then(|c| c.session.blocked.as_ref());
        match row.handling {
            _ if blocked.is_some_and(|blocked| blocked.seq == owner.seq()) => {
                self.start_blocking(upstream, owner, row, request, attempts);
            }
            Handling::Transaction(Transaction::Exec) => {
                self.enqueue_block(upstream, owner, row, request, attempts);
            }
            Handling::Transaction(Transaction::Watch) => {
                self.send_watch(upstream, owner, row, request, attempts);
            }
            _ => self.enqueue(upstream, owner, row, request, attempts),
        }
    }

    /// Requests that were answered must not overtake what went behind them, nor be sent again before it is
    /// known that nothing behind them was executed. Once all of that is settled, the answers are void: true.
    fn begins_anew(&mut self, client: ClientId, shard: ShardId) -> bool {
        if self.clients.get(client).is_some_and(|c| c.roads.get(shard).is_some()) {
            return false;
        }
        let numbers = self.hold.of_client_and_shard(client, shard);
        let doubted = |n: &u64| self.hold.get(*n).is_some_and(|h| h.why.is_doubt());
        if numbers.iter().any(doubted) {
            return false;
        }
        numbers.into_iter().for_each(|number| self.hold.forget_answer(number));
        true
    }

    /// What has been held longer than its pool's `hold` is answered, in order.
    pub(in crate::engine) fn expire_held(&mut self) {
        self.sort_held();
        for pool in self.topology.pools.clone() {
            for number in self.hold.since(pool.id, self.now - pool.hold) {
                self.expire_one(number);
            }
        }
    }

    fn expire_one(&mut self, number: u64) {
        let Some(held) = self.hold.get(number) else { return };
        let (client, shard) = (held.owner.client(), held.shard);
        if held.why.is_doubt() {
            // Nothing proves that it was not executed.
            let pool = held.pool;
            self.pass_doubted_on(number);
            return self.release(pool, shard);
        }
        if self.clients.get(client).is_some_and(|c| c.roads.get(shard).is_some()) {
            // It waits for the client's own earlier replies, not for a primary.
            return self.hold.refresh(number, self.now);
        }
        if self.waits_for_pause(client, shard) {
            return self.hold.refresh(number, self.now);
        }
        let first = self.hold.of_client_and_shard(client, shard).first().and_then(|n| self.hold.get(*n));
        if let Some(since) = first.map(|first| first.since).filter(|since| *since > held.since) {
            // Those before it go, one by one.
            return self.hold.refresh(number, since);
        }
        let Some(held) = self.unhold(number) else { return };
        if let Some(client) = self.clients.get_mut(held.owner.client()) {
            client.session.resent_since = None;
        }
        self.refuse_held(held.owner, held.pool, held.shard, held.since);
    }

    /// Whether the first of a client's requests to a shard waits for the end of a pause: then all of them do,
    /// and how long is not the shard's business.
    fn waits_for_pause(&self, client: ClientId, shard: ShardId) -> bool {
        self.pauses.any
            && self.hold.of_client_and_shard(client, shard).first().is_some_and(|number| {
                self.hold.get(*number).is_some_and(|h| self.is_paused(h.pool, command::row(h.row)))
            })
    }

    /// When the first held request will have been held too long.
    pub(in crate::engine) fn next_held_expiry(&self) -> Option<Time> {
        self.topology.pools.iter().filter_map(|p| self.hold.oldest(p.id).map(|at| at + p.hold)).min()
    }
}
