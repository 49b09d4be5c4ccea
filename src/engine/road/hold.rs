//! The one waiting place: requests that may not go yet, with the reason, in order, bounded.
//!
//! Requests are held for a shard; a client's later requests to that shard queue up behind its held one,
//! its requests to other shards go on. What is released and when is decided in one place, `release.rs`.
//! Holding is no hot path: it copies and allocates.

use std::collections::{BTreeMap, BTreeSet};

use super::GatherId;
use crate::base::{ClientId, PoolId, ShardId, Time, UpstreamId};
use crate::command::RowId;
use crate::engine::clients::replies::Seq;
use crate::engine::profile::ProfileId;
use crate::topology::HoldReason;

/// Who is owed the reply of a request that stands in no upstream's queue: one to be sent, held, or judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HeldOwner {
    Client {
        client: ClientId,
        seq: Seq,
    },
    /// `seq` is the whole request's place.
    Part {
        client: ClientId,
        seq: Seq,
        gather: GatherId,
        part: u32,
    },
}

impl HeldOwner {
    pub(crate) fn client(self) -> ClientId {
        match self {
            HeldOwner::Client { client, .. } | HeldOwner::Part { client, .. } => client,
        }
    }

    /// Its place in the client's order.
    pub(crate) fn seq(self) -> Seq {
        match self {
            HeldOwner::Client { seq, .. } | HeldOwner::Part { seq, .. } => seq,
        }
    }
}

/// Why it waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Why {
    /// The shard has nobody to send it to.
    Shard(HoldReason),
    /// An upstream to its node is being made, or its role is being asked.
    Connecting,
    /// An upstream for its client alone is being made, or its role is being asked.
    Pinning,
    /// The client is owed replies of this shard by another upstream.
    RoadBusy,
    /// An earlier request of the same client to this shard is held.
    Behind,
    /// CLIENT PAUSE.
    Paused,
    /// A script answered with a telling error, which proves nothing by itself: ROLE is being asked on the
    /// upstream that answered.
    Doubted(UpstreamId),
    /// A node does not know its script; whether that is so is being asked on the upstream that said it.
    Unloaded(UpstreamId),
}

impl Why {
    /// Whether this is the shard's trouble (and counts as held) rather than the client's own order.
    pub(crate) fn is_outage(self) -> bool {
        matches!(self, Why::Shard(_) | Why::Connecting)
    }

    /// Whether it was answered, and the answer may be its own after all.
    pub(crate) fn is_doubt(self) -> bool {
        matches!(self, Why::Doubted(_) | Why::Unloaded(_))
    }

    /// Whether it waits, or waited, for earlier requests of its own client.
    pub(crate) fn is_own_order(self) -> bool {
        matches!(self, Why::RoadBusy | Why::Behind)
    }
}

pub(crate) struct Held {
    pub(crate) owner: HeldOwner,
    pub(crate) pool: PoolId,
    pub(crate) shard: ShardId,
    /// What its client's was when it said it.
    pub(crate) profile: ProfileId,
    pub(crate) row: RowId,
    pub(crate) request: Vec<u8>,
    pub(crate) attempts: u8,
    pub(crate) since: Time,
    pub(crate) why: Why,
    /// What the node said, if it was sent and answered: it was refused as not executed, or is a read
    /// behind one that was. The reply after all, should a later write of the same client have been executed.
    pub(crate) answer: Option<Box<[u8]>>,
    /// `answer` is a read's own.
    pub(crate) rewound: bool,
}

impl Held {
    /// Bytes that are kept for it.
    fn size(&self) -> usize {
        self.request.len() + self.answer.as_ref().map_or(0, |a| a.len())
    }
}

/// How much is held.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct HeldSum {
    pub(crate) count: usize,
    pub(crate) bytes: usize,
    /// Clients with a request that waits for the end of a pause.
    pub(crate) paused: usize,
}

#[derive(Default)]
pub(crate) struct Hold {
    requests: BTreeMap<u64, Held>,
    by_shard: BTreeSet<(PoolId, ShardId, u64)>,
    by_client: BTreeSet<(ClientId, ShardId, u64)>,
    by_time: BTreeSet<(PoolId, Time, u64)>,
    pools: BTreeMap<PoolId, HeldSum>,
    client_bytes: BTreeMap<ClientId, usize>,
    /// How many of a client's requests to a shard hold an answer.
    answered: BTreeMap<(ClientId, ShardId), usize>,
    /// How many of a client's requests wait for the end of a pause.
    paused: BTreeMap<ClientId, usize>,
    next: u64,
}

impl Hold {
    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// How much of a pool is held.
    pub(crate) fn of_pool(&self, pool: PoolId) -> HeldSum {
        self.pools.get(&pool).copied().unwrap_or_default()
    }

    /// Behind everything that is held. (What was sent and comes back is put in its client's order by
    /// `sort`.)
    pub(crate) fn push(&mut self, held: Held) {
        let number = self.next;
        self.next += 1;
        self.put(number, held);
    }

    fn put(&mut self, number: u64, held: Held) {
        let client = held.owner.client();
        let sum = self.pools.entry(held.pool).or_default();
        sum.count += 1;
        sum.bytes += held.size();
        *self.client_bytes.entry(client).or_default() += held.size();
        if held.answer.is_some() {
            *self.answered.entry((client, held.shard)).or_default() += 1;
        }
        if held.why == Why::Paused {
            self.paused_one_more(held.pool, client);
        }
        self.by_shard.insert((held.pool, held.shard, number));
        self.by_client.insert((client, held.shard, number));
        self.by_time.insert((held.pool, held.since, number));
        self.requests.insert(number, held);
    }

    pub(crate) fn take(&mut self, number: u64) -> Option<Held> {
        let held = self.requests.remove(&number)?;
        let client = held.owner.client();
        self.by_shard.remove(&(held.pool, held.shard, number));
        self.by_client.remove(&(client, held.shard, number));
        self.by_time.remove(&(held.pool, held.since, number));
        if let Some(sum) = self.pools.get_mut(&held.pool) {
            sum.count -= 1;
            sum.bytes -= held.size();
        }
        if held.why == Why::Paused {
            self.paused_one_less(held.pool, client);
        }
        // A request has at least one byte: a client without bytes has nothing here.
        if let Some(bytes) = self.client_bytes.get_mut(&client) {
            *bytes -= held.size();
            if *bytes == 0 {
                self.client_bytes.remove(&client);
            }
        }
        if held.answer.is_some()
            && let Some(count) = self.answered.get_mut(&(client, held.shard))
        {
            *count -= 1;
            if *count == 0 {
                self.answered.remove(&(client, held.shard));
            }
        }
        Some(held)
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Held> {
        self.requests.get(&number)
    }

    /// Why a held request waits now.
    pub(crate) fn set_why(&mut self, number: u64, why: Why) {
        let Some(held) = self.requests.get_mut(&number) else { return };
        let (pool, client) = (held.pool, held.owner.client());
        let before = core::mem::replace(&mut held.why, why);
        match (before == Why::Paused, why == Why::Paused) {
            (false, true) => self.paused_one_more(pool, client),
            (true, false) => self.paused_one_less(pool, client),
            _ => {}
        }
    }

    fn paused_one_more(&mut self, pool: PoolId, client: ClientId) {
        let requests = self.paused.entry(client).or_default();
        *requests += 1;
        if *requests == 1 {
            self.pools.entry(pool).or_default().paused += 1;
        }
    }

    fn paused_one_less(&mut self, pool: PoolId, client: ClientId) {
        let Some(requests) = self.paused.get_mut(&client) else { return };
        *requests -= 1;
        if *requests == 0 {
            self.paused.remove(&client);
            self.pools.entry(pool).or_default().paused -= 1;
        }
    }

    /// Whether a request of this client waits for the end of a pause.
    pub(crate) fn is_paused(&self, client: ClientId) -> bool {
        self.paused.contains_key(&client)
    }

    /// What a node said to it is void.
    pub(crate) fn forget_answer(&mut self, number: u64) {
        if let Some(mut held) = self.take(number) {
            held.answer = None;
            held.rewound = false;
            self.put(number, held);
        }
    }

    /// It counts as held since `now`.
    pub(crate) fn refresh(&mut self, number: u64, now: Time) {
        if let Some(mut held) = self.take(number) {
            held.since = now;
            self.put(number, held);
        }
    }

    /// Does an earlier request of this client to this shard wait?
    pub(crate) fn holds(&self, client: ClientId, shard: ShardId) -> bool {
        self.by_client.range((client, shard, 0)..=(client, shard, u64::MAX)).next().is_some()
    }

    /// Does one of this client's held requests to this shard hold an answer?
    pub(crate) fn has_answered(&self, client: ClientId, shard: ShardId) -> bool {
        self.answered.contains_key(&(client, shard))
    }

    /// The first of what is held for a shard, from `from` on.
    pub(crate) fn of_shard(&self, pool: PoolId, shard: ShardId, from: u64) -> Option<u64> {
        self.by_shard.range((pool, shard, from)..=(pool, shard, u64::MAX)).next().map(|(_, _, n)| *n)
    }

    /// Puts a client's requests to a shard in the order of their places. Needed when one that was sent
    /// comes back while later ones are held: they would overtake it.
    pub(crate) fn sort(&mut self, client: ClientId, shard: ShardId, head: Seq) {
        let numbers = self.of_client_and_shard(client, shard);
        let place = |n: &u64| self.requests.get(n).map_or(0, |h| h.owner.seq().wrapping_sub(head));
        if numbers.is_sorted_by_key(place) {
            return;
        }
        let mut held: Vec<Held> = numbers.iter().filter_map(|n| self.take(*n)).collect();
        held.sort_by_key(|h| h.owner.seq().wrapping_sub(head));
        for (number, held) in numbers.into_iter().zip(held) {
            self.put(number, held);
        }
    }

    /// All that a client has here, oldest first within each shard.
    pub(crate) fn of_client(&self, client: ClientId) -> Vec<u64> {
        let (from, to) = ((client, ShardId(0), 0), (client, ShardId(u16::MAX), u64::MAX));
        self.by_client.range(from..=to).map(|(_, _, n)| *n).collect()
    }

    /// What a client has waiting for one shard, oldest first.
    pub(crate) fn of_client_and_shard(&self, client: ClientId, shard: ShardId) -> Vec<u64> {
        self.by_client.range((client, shard, 0)..=(client, shard, u64::MAX)).map(|(_, _, n)| *n).collect()
    }

    /// The oldest that a client has waiting for one shard.
    pub(crate) fn first_of(&self, client: ClientId, shard: ShardId) -> Option<u64> {
        self.by_client.range((client, shard, 0)..=(client, shard, u64::MAX)).next().map(|(_, _, n)| *n)
    }

    /// Bytes of one client's held requests.
    pub(crate) fn bytes_of(&self, client: ClientId) -> usize {
        self.client_bytes.get(&client).copied().unwrap_or_default()
    }

    /// # Errors
    /// Where its indexes and what it holds differ.
    pub(crate) fn check(&self) -> Result<(), String> {
        let bytes: usize = self.requests.values().map(Held::size).sum();
        let indexed = self.requests.iter().all(|(n, h)| {
            self.by_shard.contains(&(h.pool, h.shard, *n))
                && self.by_client.contains(&(h.owner.client(), h.shard, *n))
                && self.by_time.contains(&(h.pool, h.since, *n))
        });
        let sizes = [self.by_shard.len(), self.by_client.len(), self.by_time.len()];
        let counted: usize = self.pools.values().map(|sum| sum.bytes).sum();
        let by_client: usize = self.client_bytes.values().sum();
        let answered = self.requests.values().filter(|h| h.answer.is_some()).count();
        let paused = self.requests.values().filter(|h| h.why == Why::Paused).count();
        let right = [counted, by_client] == [bytes; 2]
            && self.paused.values().sum::<usize>() == paused
            && self.pools.values().map(|sum| sum.paused).sum::<usize>() == self.paused.len()
            && indexed
            && sizes == [self.requests.len(); 3]
            && self.answered.values().sum::<usize>() == answered;
        if right {
            Ok(())
        } else {
            Err(format!("the hold: {bytes} bytes, {counted} and {by_client} counted, {sizes:?} indexed"))
        }
    }

    /// What of a pool has been held since `until` or longer, the oldest first.
    pub(crate) fn since(&self, pool: PoolId, until: Time) -> Vec<u64> {
        self.by_time.range((pool, Time::ZERO, 0)..=(pool, until, u64::MAX)).map(|(_, _, n)| *n).collect()
    }

    /// Since when the oldest of a pool is held.
    pub(crate) fn oldest(&self, pool: PoolId) -> Option<Time> {
        let all = (pool, Time::ZERO, 0)..=(pool, Time::from_nanos(u64::MAX), u64::MAX);
        self.by_time.range(all).next().map(|(_, since, _)| *since)
    }

    /// All, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Held)> {
        self.requests.iter().map(|(n, h)| (*n, h))
    }
}
