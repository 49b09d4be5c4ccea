//! What a client is subscribed to. Most clients have none of this.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::replies::Seq;
use crate::base::Time;
use crate::command::{Row, Topic};

/// The name of a channel, or a pattern: one copy for all who are subscribed to it.
pub(crate) type Name = Arc<[u8]>;

/// What a subscription costs beside its name, about.
const OVERHEAD: usize = 64;
/// Memory for the names of one client's subscriptions. Redis has no such limit; this one is there so that
/// no client can take all memory, and far above what a program needs.
pub(crate) const MAX_NAMES: usize = 64 * 1024 * 1024;

#[derive(Default)]
pub(crate) struct Subscriber {
    /// By [`Topic`].
    topics: [BTreeSet<Name>; 3],
    bytes: usize,
    pub(crate) pending: Option<Pending>,
    /// Messages that came in the middle of a reply that passes in pieces.
    pub(crate) delayed: Vec<u8>,
}

/// A request about subscriptions that waits for nodes. The client is not parsed until it is answered.
pub(crate) struct Pending {
    pub(crate) seq: Seq,
    pub(crate) topic: Topic,
    /// What the nodes have not confirmed.
    pub(crate) missing: BTreeSet<Name>,
    pub(crate) since: Time,
    pub(crate) until: Time,
    pub(crate) what: Waiting,
}

pub(crate) enum Waiting {
    /// It is subscribed, and told so, once all are confirmed: in the words of this row.
    Join { row: &'static Row, names: Vec<Name> },
    /// It is subscribed no more; this is the reply once nodes know it, too.
    Leave { reply: Vec<u8> },
}

impl Subscriber {
    pub(crate) fn is_empty(&self) -> bool {
        self.topics.iter().all(BTreeSet::is_empty)
    }

    /// False if it is there already.
    pub(crate) fn add(&mut self, topic: Topic, name: Name) -> bool {
        let size = name.len() + OVERHEAD;
        let new = self.topics[topic as usize].insert(name);
        self.bytes += if new { size } else { 0 };
        new
    }

    /// False if it was not there.
    pub(crate) fn remove(&mut self, topic: Topic, name: &[u8]) -> bool {
        let had = self.topics[topic as usize].remove(name);
        self.bytes -= if had { name.len() + OVERHEAD } else { 0 };
        had
    }

    pub(crate) fn names(&self, topic: Topic) -> impl Iterator<Item = &Name> {
        self.topics[topic as usize].iter()
    }

    /// Whether names of so many bytes are still allowed.
    pub(crate) fn has_room(&self, names: usize, bytes: usize) -> bool {
        self.bytes + names * OVERHEAD + bytes <= MAX_NAMES
    }

    /// How many there are, as Redis counts them in its confirmations: channels and patterns together,
    /// shard channels by themselves.
    pub(crate) fn count(&self, topic: Topic) -> usize {
        let of = |topic: Topic| self.topics[topic as usize].len();
        match topic {
            Topic::Channel | Topic::Pattern => of(Topic::Channel) + of(Topic::Pattern),
            Topic::ShardChannel => of(Topic::ShardChannel),
        }
    }

    /// Channels, patterns, shard channels.
    pub(crate) fn counts(&self) -> [usize; 3] {
        self.topics.each_ref().map(BTreeSet::len)
    }

    /// Everything that it is subscribed to.
    pub(crate) fn all(&self) -> Vec<(Topic, Name)> {
        let topics = [Topic::Channel, Topic::Pattern, Topic::ShardChannel];
        topics.into_iter().flat_map(|t| self.names(t).map(move |name| (t, Arc::clone(name)))).collect()
    }
}
