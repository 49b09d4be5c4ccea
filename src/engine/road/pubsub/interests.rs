//! What a worker's clients of one pool are subscribed to, and where each channel and pattern stands with the
//! nodes. Data only: what follows from a change is `feed`'s and `join`'s business.
//!
//! ```text
//! wanted ── SUBSCRIBE ──► asked ──► on ── UNSUBSCRIBE ──► leaving ──► (wanted, or forgotten)
//!    ▲                      │        │                        │
//!    └───────────── the subscriber upstream is lost ──────────┘
//! ```
//!
//! At most one command about a name is under way to a shard, so a confirmation never means another one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::base::{ClientId, ShardId};
use crate::command::Topic;
use crate::engine::clients::subscriber::Name;

/// How a channel or pattern stands with one shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Wanted,
    Asked,
    On,
    Leaving,
}

/// Who is interested in one channel or pattern.
pub(crate) struct Interest {
    /// They get its messages.
    pub(crate) clients: BTreeSet<ClientId>,
    /// They wait until they are told that they are subscribed.
    pub(crate) joining: BTreeSet<ClientId>,
    /// They wait until they are told that they are not subscribed any more.
    pub(crate) leaving: Vec<ClientId>,
    places: Vec<(ShardId, Place)>,
}

impl Interest {
    fn new(shards: Vec<ShardId>) -> Interest {
        Interest {
            clients: BTreeSet::new(),
            joining: BTreeSet::new(),
            leaving: Vec::new(),
            places: shards.into_iter().map(|shard| (shard, Place::Wanted)).collect(),
        }
    }

    pub(crate) fn is_needed(&self) -> bool {
        !self.clients.is_empty() || !self.joining.is_empty()
    }

    /// Every node that can publish it has confirmed it.
    pub(crate) fn is_on(&self) -> bool {
        self.places.iter().all(|(_, place)| *place == Place::On)
    }

    /// Nobody needs it, and no node has it.
    pub(crate) fn is_over(&self) -> bool {
        !self.is_needed() && self.places.iter().all(|(_, place)| *place == Place::Wanted)
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = ShardId> {
        self.places.iter().map(|(shard, _)| *shard)
    }

    pub(crate) fn place(&self, shard: ShardId) -> Option<Place> {
        self.places.iter().find(|(at, _)| *at == shard).map(|(_, place)| *place)
    }

    pub(crate) fn set_place(&mut self, shard: ShardId, place: Place) {
        if let Some(entry) = self.places.iter_mut().find(|(at, _)| *at == shard) {
            entry.1 = place;
        }
    }

    /// The first shard that has not confirmed it.
    pub(crate) fn waits_for(&self) -> Option<ShardId> {
        self.places.iter().find(|(_, place)| *place != Place::On).map(|(shard, _)| *shard)
    }
}

#[derive(Default)]
pub(crate) struct Interests([BTreeMap<Name, Interest>; 3]);

impl Interests {
    pub(crate) fn get(&self, topic: Topic, name: &[u8]) -> Option<&Interest> {
        self.0[topic as usize].get(name)
    }

    pub(crate) fn get_mut(&mut self, topic: Topic, name: &[u8]) -> Option<&mut Interest> {
        self.0[topic as usize].get_mut(name)
    }

    /// The name as it is kept already, or a copy.
    pub(crate) fn name(&self, topic: Topic, name: &[u8]) -> Name {
        self.0[topic as usize].get_key_value(name).map_or_else(|| name.into(), |(kept, _)| Arc::clone(kept))
    }

    pub(crate) fn insert(&mut self, topic: Topic, name: Name, shards: Vec<ShardId>) {
        self.0[topic as usize].insert(name, Interest::new(shards));
    }

    pub(crate) fn remove(&mut self, topic: Topic, name: &[u8]) -> Option<Interest> {
        self.0[topic as usize].remove(name)
    }

    /// All that stands with a shard.
    pub(crate) fn at(&self, shard: ShardId) -> Vec<(Topic, Name)> {
        let topics = [Topic::Channel, Topic::Pattern, Topic::ShardChannel];
        let of = |topic: Topic| {
            let here = self.0[topic as usize].iter().filter(move |(_, i)| i.place(shard).is_some());
            here.map(move |(name, _)| (topic, Arc::clone(name)))
        };
        topics.into_iter().flat_map(of).collect()
    }
}
