//! Which shards a client wrote to, for WAIT: a bit each, and whether the primary is still the one that has it.

use crate::base::ShardId;

/// Shards from this one on share a bit: that some of them are asked for nothing costs little, and there are
/// hardly ever as many.
const LAST: u16 = 63;

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Writes {
    written: u64,
    unsure: u64,
}

impl Writes {
    fn bit(shard: ShardId) -> u64 {
        1 << shard.0.min(LAST)
    }

    /// A write is on its way to a shard. From here on it is the one that replicas are to have, as for a client
    /// of Redis that connected anew after a failover.
    #[inline]
    pub(crate) fn note(&mut self, shard: ShardId) {
        self.written |= Self::bit(shard);
        self.unsure &= !Self::bit(shard);
    }

    /// The shard has another primary, which need not have what was written.
    pub(crate) fn doubt(&mut self, shard: ShardId) {
        self.unsure |= self.written & Self::bit(shard);
    }

    pub(crate) fn any(self) -> bool {
        self.written != 0
    }

    pub(crate) fn has(self, shard: ShardId) -> bool {
        self.written & Self::bit(shard) != 0
    }

    pub(crate) fn unsure(self, shard: ShardId) -> bool {
        self.unsure & Self::bit(shard) != 0
    }
}
