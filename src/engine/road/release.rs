//! Who is held, and who may go: the one place that puts requests into the hold and lets them out.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error_reply::ErrorReply;
use super::hold::{Held, HeldOwner, Why};
use crate::base::{ClientId, PoolId, ShardId, Time};
use crate::command::{self, Row};
use crate::engine::Engine;
use crate::engine::clients::Pause;

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
        let request = request.to_vec();
        let (row, since) = (row.id(), self.now);
        self.hold_request(Held { owner, pool, shard, row, request, attempts, since, why, refused: None });
    }

    pub(super) fn hold_request(&mut self, held: Held) {
        let counters = &self.pools[usize::from(held.pool.0)].counters.shards[usize::from(held.shard.0)];
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
        let counters = &self.pools[usize::from(held.pool.0)].counters.shards[usize::from(held.shard.0)];
        counters.holding.add(-1);
        self.topology.pool(held.pool).facts.held.fetch_sub(1, core::sync::atomic::Ordering::Relaxed);
        if let Some(client) = self.clients.get_mut(held.owner.client()) {
            client.held -= 1;
        }
        Some(held)
    }

    /// This worker's share of a pool's bound on held requests is used up.
    pub(super) fn hold_is_full(&self, pool: PoolId) -> bool {
        let config = &self.topology.pool(pool).config;
        self.hold.len() >= (config.hold_max / self.workers).max(1)
            || self.hold.bytes() >= config.hold_max_bytes.as_usize() / self.workers
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
        let config = &self.topology.pool(pool).config;
        let (count, bytes) =
            (config.hold_max / self.workers, config.hold_max_bytes.as_usize() / self.workers);
        let crowded = self.hold.len() * 4 >= count * 3 || self.hold.bytes() * 4 >= bytes * 3;
        let greedy = self.hold.bytes() * 10 >= bytes && self.hold.bytes_of(id) * 10 >= bytes;
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
        while let Some((pool, shard)) = self.releases.pop() {
            self.release_shard(pool, shard);
        }
        if !self.crowded.is_empty() && !self.is_crowded() {
            for id in core::mem::take(&mut self.crowded) {
                self.resume(id, Pause::HOLD);
            }
        }
    }

    fn is_crowded(&self) -> bool {
        self.topology.pools.iter().any(|pool| {
            let config = &pool.config;
            let (count, bytes) =
                (config.hold_max / self.workers, config.hold_max_bytes.as_usize() / self.workers);
            self.hold.len() * 2 >= count || self.hold.bytes() * 20 >= bytes
        })
    }

    /// In order; a client whose first request to the shard can't go keeps its later ones.
    fn release_shard(&mut self, pool: PoolId, shard: ShardId) {
        let routes = &self.pools[usize::from(pool.0)].routes[usize::from(shard.0)];
        if routes.primary.is_none() && routes.replicas.is_empty() {
            return;
        }
        let mut blocked: BTreeSet<ClientId> = BTreeSet::new();
        let mut from = 0;
        while let Some(number) = self.hold.of_shard(pool, shard, from) {
            from = number + 1;
            let Some(held) = self.hold.get(number) else { continue };
            let client = held.owner.client();
            if blocked.contains(&client) || matches!(held.why, Why::Doubted(_)) {
                blocked.insert(client);
                continue;
            }
            let (row, own_order) = (command::row(held.row), held.why.is_own_order());
            let Some(reads) = self.clients.get(client).map(|c| c.reads_behind(own_order)) else { continue };
            match self.choose_now(client, pool, shard, row.is_read(), reads) {
                Ok(upstream) => {
                    if let Some(held) = self.unhold(number) {
                        self.enqueue(upstream, held.owner, row, &held.request, held.attempts);
                    }
                }
                Err(why) => {
                    // That it stood behind its client's own requests is still true when they are answered.
                    if let Some(held) = self.hold.get_mut(number).filter(|_| !own_order) {
                        held.why = why;
                    }
                    blocked.insert(client);
                }
            }
        }
    }

    /// What has been held longer than its pool's `hold` is answered, in order.
    pub(in crate::engine) fn expire_held(&mut self) {
        let now = self.now;
        let late: Vec<u64> = self
            .hold
            .iter()
            .filter(|(_, held)| now.since(held.since) >= self.topology.pool(held.pool).hold)
            .map(|(number, _)| number)
            .collect();
        for number in late {
            let Some(held) = self.unhold(number) else { continue };
            let snapshot = Arc::clone(self.topology.pool(held.pool));
            let shard = snapshot.shard(held.shard);
            let since = now.since(shard.since.min(held.since));
            let error = ErrorReply::ShardDown { pool: &snapshot.config.name, shard: &shard.name, since };
            self.fail_owner(held.owner, error);
        }
    }

    /// When the first held request will have been held too long.
    pub(in crate::engine) fn next_held_expiry(&self) -> Option<Time> {
        // Held in the order of their times within a pool, except for what came back: that is younger than
        // its place, so that the oldest is found among the first of each pool.
        let mut next: Option<Time> = None;
        let mut pools: BTreeSet<PoolId> = BTreeSet::new();
        for (_, held) in self.hold.iter() {
            if pools.insert(held.pool) {
                let at = held.since + self.topology.pool(held.pool).hold;
                next = Some(next.map_or(at, |n| n.min(at)));
            }
            if pools.len() == self.topology.pools.len() {
                break;
            }
        }
        next
    }
}
