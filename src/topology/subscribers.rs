//! Who is subscribed to what through this Ketch, over all workers: what PUBLISH and PUBSUB must count, and
//! whether everybody's subscriptions are on a shard's primary yet.
//!
//! The counts lie behind a lock: subscribing is rare beside publishing, and who publishes where nobody is
//! subscribed sees that in one atomic. Each worker writes about its own clients and upstreams.

use core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base::{NodeId, ShardId};
use crate::command::Topic;

type Counts = [BTreeMap<Box<[u8]>, Count>; 3];

/// What a pool's clients are subscribed to, and how many of Ketch's own upstreams are for their sake.
#[derive(Debug, Default)]
pub struct Subscribers {
    /// How many channels and patterns are counted.
    known: AtomicUsize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Count {
    clients: usize,
    /// By shard; each worker has at most one there.
    upstreams: BTreeMap<ShardId, usize>,
}

/// How many of this Ketch are subscribed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Subscribed {
    pub clients: usize,
    /// Ketch's own, on one shard.
    pub upstreams: usize,
}

impl Subscribers {
    /// Nobody is subscribed to anything, so nothing that a node counts is to be put right.
    pub fn is_empty(&self) -> bool {
        self.known.load(Ordering::Acquire) == 0
    }

    pub fn client_joined(&self, topic: Topic, name: &[u8]) {
        self.change(topic, name, |count| count.clients += 1);
    }

    pub fn client_left(&self, topic: Topic, name: &[u8]) {
        self.change(topic, name, |count| count.clients = count.clients.saturating_sub(1));
    }

    pub fn upstream_joined(&self, topic: Topic, name: &[u8], shard: ShardId) {
        self.change(topic, name, |count| *count.upstreams.entry(shard).or_default() += 1);
    }

    pub fn upstream_left(&self, topic: Topic, name: &[u8], shard: ShardId) {
        self.change(topic, name, |count| {
            if let Some(n) = count.upstreams.get_mut(&shard) {
                *n -= 1;
                if *n == 0 {
                    count.upstreams.remove(&shard);
                }
            }
        });
    }

    /// Who is subscribed to exactly this.
    pub fn of(&self, topic: Topic, name: &[u8], shard: ShardId) -> Subscribed {
        self.lock()[topic as usize].get(name).map_or(Subscribed::default(), |count| count.on(shard))
    }

    /// Who is subscribed to the patterns that fit: whoever has two of them counts twice, as in Redis.
    pub fn of_patterns(&self, shard: ShardId, fits: impl Fn(&[u8]) -> bool) -> Subscribed {
        let counts = self.lock();
        let fitting = counts[Topic::Pattern as usize].iter().filter(|(name, _)| fits(name));
        fitting.map(|(_, count)| count.on(shard)).fold(Subscribed::default(), |sum, one| Subscribed {
            clients: sum.clients + one.clients,
            upstreams: sum.upstreams + one.upstreams,
        })
    }

    /// How many different patterns clients have, and how many of them a shard has of Ketch.
    pub fn patterns(&self, shard: ShardId) -> Subscribed {
        let counts = self.lock();
        let patterns = counts[Topic::Pattern as usize].values().map(|count| count.on(shard));
        patterns.fold(Subscribed::default(), |sum, one| Subscribed {
            clients: sum.clients + usize::from(one.clients > 0),
            upstreams: sum.upstreams + usize::from(one.upstreams > 0),
        })
    }

    fn change(&self, topic: Topic, name: &[u8], change: impl FnOnce(&mut Count)) {
        let mut counts = self.lock();
        let of_topic = &mut counts[topic as usize];
        match of_topic.get_mut(name) {
            Some(count) => {
                change(count);
                if count.clients == 0 && count.upstreams.is_empty() {
                    of_topic.remove(name);
                    self.known.fetch_sub(1, Ordering::Release);
                }
            }
            None => {
                let mut count = Count::default();
                change(&mut count);
                if count.clients > 0 || !count.upstreams.is_empty() {
                    of_topic.insert(name.into(), count);
                    self.known.fetch_add(1, Ordering::Release);
                }
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // Each change is whole or not begun: what a thread that panicked left behind can be used.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn on(&self, shard: ShardId) -> Subscribed {
        Subscribed {
            clients: self.clients,
            upstreams: self.upstreams.get(&shard).copied().unwrap_or_default(),
        }
    }
}

/// Where each worker's subscriptions of one shard are.
#[derive(Debug, Default)]
pub struct Feeds(Mutex<Vec<Arc<FeedFacts>>>);

/// Where one worker's subscriptions of one shard are; written by it alone.
#[derive(Debug, Default)]
pub struct FeedFacts(AtomicU64);

/// Nobody is subscribed.
const UNNEEDED: u64 = 0;
/// They were lost, and are not taken up again yet.
const LOST: u64 = u64::MAX;

impl Feeds {
    /// One more worker's.
    pub fn add(&self) -> Arc<FeedFacts> {
        let feed = Arc::default();
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::clone(&feed));
        feed
    }

    /// Whether every worker that has subscriptions has all of them on this node.
    pub fn are_on(&self, node: NodeId) -> bool {
        let feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        feeds.iter().all(|feed| [UNNEEDED, u64::from(node.0) + 1].contains(&feed.0.load(Ordering::Acquire)))
    }
}

impl FeedFacts {
    pub fn is_on(&self, node: NodeId) {
        self.0.store(u64::from(node.0) + 1, Ordering::Release);
    }

    /// Those who had them need them again.
    pub fn are_lost(&self) {
        if self.0.load(Ordering::Relaxed) != UNNEEDED {
            self.0.store(LOST, Ordering::Release);
        }
    }

    pub fn are_unneeded(&self) {
        self.0.store(UNNEEDED, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_and_upstreams_are_counted_apart_and_forgotten_with_the_last() {
        let (all, shard) = (Subscribers::default(), ShardId(1));
        all.client_joined(Topic::Channel, b"news");
        all.client_joined(Topic::Channel, b"news");
        all.upstream_joined(Topic::Channel, b"news", shard);
        all.client_joined(Topic::Pattern, b"n*");
        all.client_joined(Topic::Pattern, b"x*");
        all.upstream_joined(Topic::Pattern, b"n*", shard);
        assert_eq!(all.of(Topic::Channel, b"news", shard), Subscribed { clients: 2, upstreams: 1 });
        assert_eq!(all.of(Topic::Channel, b"news", ShardId(0)).upstreams, 0);
        assert_eq!(all.of_patterns(shard, |name| name == b"n*"), Subscribed { clients: 1, upstreams: 1 });
        assert_eq!(all.patterns(shard), Subscribed { clients: 2, upstreams: 1 });
        for name in [b"n*", b"x*"] {
            all.client_left(Topic::Pattern, name);
        }
        all.upstream_left(Topic::Pattern, b"n*", shard);
        all.client_left(Topic::Channel, b"news");
        all.upstream_left(Topic::Channel, b"news", shard);
        assert!(!all.is_empty());
        all.client_left(Topic::Channel, b"news");
        assert!(all.is_empty());
    }

    #[test]
    fn a_primary_is_waited_for_by_whoever_had_subscriptions_on_another_node() {
        let feeds = Feeds::default();
        let (one, other) = (feeds.add(), feeds.add());
        assert!(feeds.are_on(NodeId(0)) && feeds.are_on(NodeId(1)), "nobody needs any");
        one.are_lost();
        assert!(feeds.are_on(NodeId(1)), "it had none to lose");
        one.is_on(NodeId(0));
        assert!(feeds.are_on(NodeId(0)) && !feeds.are_on(NodeId(1)));
        other.is_on(NodeId(0));
        one.is_on(NodeId(1));
        assert!(!feeds.are_on(NodeId(1)));
        other.are_lost();
        assert!(!feeds.are_on(NodeId(0)) && !feeds.are_on(NodeId(1)));
        other.are_unneeded();
        assert!(feeds.are_on(NodeId(1)));
    }
}
