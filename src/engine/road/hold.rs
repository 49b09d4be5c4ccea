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
use crate::topology::HoldReason;

/// Who is owed the reply of a held request.
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
    /// The client is owed replies of this shard by another upstream.
    RoadBusy,
    /// An earlier request of the same client to this shard is held.
    Behind,
    /// A script answered with a telling error, which proves nothing by itself: ROLE is being asked on the
    /// upstream that answered.
    Doubted(UpstreamId),
}

impl Why {
    /// Whether this is the shard's trouble (and counts as held) rather than the client's own order.
    pub(crate) fn is_outage(self) -> bool {
        matches!(self, Why::Shard(_) | Why::Connecting)
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
    pub(crate) row: RowId,
    pub(crate) request: Vec<u8>,
    pub(crate) attempts: u8,
    pub(crate) since: Time,
    pub(crate) why: Why,
    /// The node's own words, if the request was sent and refused as not executed: the reply should a
    /// later write of the same client have been executed meanwhile.
    pub(crate) refused: Option<Box<[u8]>>,
}

#[derive(Default)]
pub(crate) struct Hold {
    requests: BTreeMap<u64, Held>,
    by_shard: BTreeSet<(PoolId, ShardId, u64)>,
    by_client: BTreeSet<(ClientId, ShardId, u64)>,
    bytes: usize,
    next: u64,
}

impl Hold {
    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Behind everything that is held. (What was sent and comes back is put in its client's order by
    /// `sort`.)
    pub(crate) fn push(&mut self, held: Held) -> u64 {
        let number = self.next;
        self.next += 1;
        self.bytes += held.request.len();
        self.by_shard.insert((held.pool, held.shard, number));
        self.by_client.insert((held.owner.client(), held.shard, number));
        self.requests.insert(number, held);
        number
    }

    pub(crate) fn take(&mut self, number: u64) -> Option<Held> {
        let held = self.requests.remove(&number)?;
        self.bytes -= held.request.len();
        self.by_shard.remove(&(held.pool, held.shard, number));
        self.by_client.remove(&(held.owner.client(), held.shard, number));
        Some(held)
    }

    pub(crate) fn get(&self, number: u64) -> Option<&Held> {
        self.requests.get(&number)
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Held> {
        self.requests.get_mut(&number)
    }

    /// Does an earlier request of this client to this shard wait?
    pub(crate) fn holds(&self, client: ClientId, shard: ShardId) -> bool {
        self.by_client.range((client, shard, 0)..=(client, shard, u64::MAX)).next().is_some()
    }

    /// The numbers of what is held for a shard from `from` on, oldest first.
    pub(crate) fn of_shard(&self, pool: PoolId, shard: ShardId, from: u64) -> Option<u64> {
        self.by_shard.range((pool, shard, from)..=(pool, shard, u64::MAX)).next().map(|(_, _, n)| *n)
    }

    /// Puts a client's requests to a shard in the order of their places. Needed when one that was sent
    /// comes back while later ones are held: they would overtake it.
    pub(crate) fn sort(&mut self, client: ClientId, shard: ShardId, head: Seq) {
        let numbers = self.of_client_and_shard(client, shard);
        let mut held: Vec<Held> = numbers.iter().filter_map(|n| self.requests.remove(n)).collect();
        held.sort_by_key(|h| h.owner.seq().wrapping_sub(head));
        self.requests.extend(numbers.into_iter().zip(held));
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

    /// Bytes of one client's held requests.
    pub(crate) fn bytes_of(&self, client: ClientId) -> usize {
        self.of_client(client).iter().filter_map(|n| self.requests.get(n)).map(|h| h.request.len()).sum()
    }

    /// The oldest of all: they time out in this order within a pool.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Held)> {
        self.requests.iter().map(|(n, h)| (*n, h))
    }
}
