//! Whoever blocked before a primary was lost blocks on the next one before held writes go there: else what
//! such a write pushes could be taken by somebody who came later.
//!
//! Only writes that an outage held wait here, and only for other clients' commands that blocked before them:
//! in a quiet pool nobody waits. A worker knows of its own clients alone.

use core::time::Duration;

use crate::base::{ClientId, PoolId, ShardId, Time};
use crate::command::Row;
use crate::engine::Engine;
use crate::engine::clients::pinned::Stage;
use crate::engine::road::hold::{Held, Why};

/// Writes wait at most so long until those that blocked before them do so again, and at most half of what
/// they may be held: some round trips to a node far away, which an upstream for one client takes, or what a
/// deposed node takes to say what it has popped. A node that says nothing must not keep the next one's writes.
const FIRST: Duration = Duration::from_millis(500);

/// Clients of a shard whose commands are about to block on its primary, and since when each has waited.
#[derive(Default)]
pub(in crate::engine::road) struct Blockers(Vec<(ClientId, Time)>);

impl Blockers {
    /// Whether a held request has to let one of them go before.
    fn precede(&self, held: &Held) -> bool {
        let client = held.owner.client();
        self.0.iter().any(|(id, since)| *id != client && *since <= held.since)
    }
}

impl Engine {
    /// Held commands of a shard that block and are next in their clients' order, who blocked first before.
    pub(in crate::engine::road) fn held_blocks(&self, pool: PoolId, shard: ShardId) -> Vec<u64> {
        let mut blocks: Vec<(Time, u64)> = self
            .waiting_pins
            .iter()
            .filter_map(|id| self.held_block(*id, pool, shard).map(|(since, number, _)| (since, number)))
            .collect();
        blocks.sort_unstable();
        blocks.into_iter().map(|(_, number)| number).collect()
    }

    /// Since when a client's command has blocked, its number in the hold, and why it is there.
    fn held_block(&self, id: ClientId, pool: PoolId, shard: ShardId) -> Option<(Time, u64, Why)> {
        let client = self.clients.get(id).filter(|client| client.pool == pool)?;
        let blocked = client.session.blocked.as_ref().filter(|blocked| blocked.shard == shard)?;
        let number = self.hold.first_of(id, shard)?;
        let held = self.hold.get(number).filter(|held| held.owner.seq() == blocked.seq)?;
        matches!(blocked.stage, Stage::Waiting).then_some((blocked.since, number, held.why))
    }

    /// For whom held writes of a shard wait, if there is still time for that.
    pub(in crate::engine::road) fn blockers(&mut self, pool: PoolId, shard: ShardId) -> Blockers {
        let waits = |id: &ClientId| {
            let unblocking = self.clients.get(*id).filter(|c| c.pool == pool).and_then(|client| {
                let blocked = client.session.blocked.as_ref().filter(|blocked| blocked.shard == shard)?;
                matches!(blocked.stage, Stage::Unblocking(..)).then_some(blocked.since)
            });
            let held = self.held_block(*id, pool, shard);
            // What waits for its own client's replies, or for the end of a pause, may wait for long.
            let pinning = held.filter(|(_, _, why)| *why == Why::Pinning || why.is_outage());
            unblocking.or(pinning.map(|(since, ..)| since)).map(|since| (*id, since))
        };
        let blockers: Vec<_> = self.waiting_pins.iter().filter_map(waits).collect();
        if blockers.is_empty() {
            self.blocked_first(pool, shard);
        }
        let limit = FIRST.min(self.topology.pool(pool).hold / 2);
        let begun = self.blocks_first.get(&(pool, shard));
        let late = begun.is_some_and(|begun| self.now.since(*begun) >= limit);
        if late { Blockers::default() } else { Blockers(blockers) }
    }

    /// Whether a held request goes only after those that blocked before it.
    pub(in crate::engine::road) fn lets_block(&mut self, number: u64, row: &Row, first: &Blockers) -> bool {
        let Some(held) = self.hold.get(number) else { return false };
        if row.any_node() || !held.why.is_outage() || !first.precede(held) {
            return false;
        }
        let (now, shard) = (self.now, (held.pool, held.shard));
        self.blocks_first.entry(shard).or_insert(now);
        // It has a primary.
        self.hold.refresh(number, now);
        true
    }

    /// Nobody waits any more to block on a shard's primary, or it has none.
    pub(in crate::engine::road) fn blocked_first(&mut self, pool: PoolId, shard: ShardId) {
        self.blocks_first.remove(&(pool, shard));
    }
}
