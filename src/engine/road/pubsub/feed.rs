//! The subscriber upstream of a shard: one a worker, to the believed primary, for all its clients.
//!
//! It speaks RESP2, in which a node that subscribes takes nothing but SUBSCRIBE and its kin and PING, and
//! asks for one name a command, so that its answers are matched in order like any other's. It is made when
//! somebody is interested in the shard, pinged while it is silent (nothing else would tell that its
//! messages are lost), and closed a while after the last has gone. When it is lost, or another primary is
//! believed, everything is subscribed anew, and the shard's writes wait for that: what clients of this Ketch
//! publish then reaches its subscribers.

use core::time::Duration;
use std::sync::Arc;

use super::interests::Place;
use crate::base::{NodeId, PoolId, ShardId, Time, UpstreamId};
use crate::command::Topic;
use crate::engine::Engine;
use crate::engine::action::CloseReason;
use crate::engine::clients::subscriber::Name;
use crate::engine::links::PRIMARY_RETRY;
use crate::engine::profile::Profile;
use crate::engine::upstreams::{Lane, Step, Upstream};
use crate::topology::{FeedFacts, Pool};

/// A subscriber upstream on which nothing was heard for so long is pinged.
const PING_AFTER: Duration = Duration::from_secs(1);
/// One that serves nobody is kept for so long, for whoever subscribes next.
const IDLE: Duration = Duration::from_secs(10);
/// Writes wait at most so long until everybody's subscriptions are on a new primary, and at most half of
/// what they may be held: a node that takes no subscriber must not keep its writes.
const FIRST: Duration = Duration::from_secs(3);
/// How often a worker looks whether the others are there.
const LOOK: Duration = Duration::from_millis(5);

/// What a worker has to one shard for its subscribers.
pub(crate) struct Feed {
    upstream: Option<UpstreamId>,
    retry_at: Option<Time>,
    /// Names that stand with this shard.
    names: usize,
    /// Since when there are none.
    idle_since: Time,
    /// All that was wanted when the upstream was ready is confirmed; the node it is on.
    on: Option<NodeId>,
    facts: Arc<FeedFacts>,
    /// The shard's writes wait until everybody's subscriptions are on its primary.
    holds_writes: bool,
    /// For which primary, and since when it was found that they are not.
    behind: Option<(NodeId, Time)>,
    /// When to look again.
    look_at: Time,
}

impl Feed {
    pub(super) fn new(facts: Arc<FeedFacts>) -> Feed {
        Feed {
            upstream: None,
            retry_at: None,
            names: 0,
            idle_since: Time::ZERO,
            on: None,
            facts,
            holds_writes: false,
            behind: None,
            look_at: Time::ZERO,
        }
    }
}

impl Engine {
    pub(super) fn feed_of(&mut self, pool: PoolId, shard: ShardId) -> &mut Feed {
        &mut self.pools[usize::from(pool.0)].subscriptions.feeds[usize::from(shard.0)]
    }

    /// One more name stands with a shard.
    pub(super) fn feed_gained(&mut self, pool: PoolId, shard: ShardId) {
        let feed = self.feed_of(pool, shard);
        feed.names += 1;
        if let Some(node) = feed.on {
            feed.facts.is_on(node);
        }
        self.follow_feed(pool, shard);
    }

    /// One less.
    pub(super) fn feed_lost_one(&mut self, pool: PoolId, shard: ShardId) {
        let now = self.now;
        let feed = self.feed_of(pool, shard);
        feed.names -= 1;
        if feed.names == 0 {
            feed.idle_since = now;
            feed.facts.are_unneeded();
            if feed.upstream.is_some() {
                self.due_by(now + IDLE);
            }
        }
    }

    /// Makes the subscriber upstream of a shard if one is needed and there is a primary.
    pub(in crate::engine) fn follow_feed(&mut self, pool: PoolId, shard: ShardId) {
        let now = self.now;
        let feed = self.feed_of(pool, shard);
        let waits = feed.retry_at.is_some_and(|at| at > now);
        if feed.names == 0 || feed.upstream.is_some() || waits {
            return;
        }
        let Some(node) = self.topology.pool(pool).shard(shard).primary else { return };
        let profile = Profile::of(&self.topology.pool(pool).config);
        let upstream = self.connect(pool, node, Lane::Subscriber, profile);
        let feed = self.feed_of(pool, shard);
        feed.upstream = upstream;
        feed.retry_at = upstream.is_none().then(|| now + PRIMARY_RETRY);
        if let Some(at) = feed.retry_at {
            self.due_by(at);
        }
    }

    /// The subscriber upstream, if it can be told something.
    fn open_feed(&self, pool: PoolId, shard: ShardId) -> Option<UpstreamId> {
        let feed = &self.pools[usize::from(pool.0)].subscriptions.feeds[usize::from(shard.0)];
        feed.upstream.filter(|id| self.upstreams.get(*id).is_some_and(Upstream::is_ready))
    }

    /// A subscriber upstream has been greeted: everything that is wanted of it is asked for.
    pub(in crate::engine) fn feed_ready(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, shard) = (upstream.pool, upstream.shard);
        if self.feed_of(pool, shard).upstream != Some(id) {
            return self.lose(id, CloseReason::Spare);
        }
        for (topic, name) in self.pools[usize::from(pool.0)].subscriptions.interests.at(shard) {
            self.drive(pool, topic, &name);
        }
        // Its answer comes behind all those.
        self.ask(id, Step::CaughtUp, &["PING"]);
    }

    /// What was wanted when the upstream was ready is confirmed.
    pub(in crate::engine) fn caught_up(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, shard, node) = (upstream.pool, upstream.shard, upstream.node);
        let feed = self.feed_of(pool, shard);
        if feed.upstream != Some(id) {
            return;
        }
        feed.on = Some(node);
        if feed.names > 0 {
            feed.facts.is_on(node);
        }
        self.subscribe_first(pool, shard);
        self.release(pool, shard);
    }

    /// A subscriber upstream has ended: nothing is confirmed any more, and all is asked for anew.
    pub(in crate::engine) fn feed_ended(&mut self, id: UpstreamId, pool: PoolId, shard: ShardId) {
        let feed = self.feed_of(pool, shard);
        if feed.upstream != Some(id) {
            return;
        }
        feed.upstream = None;
        feed.on = None;
        feed.facts.are_lost();
        for (topic, name) in self.pools[usize::from(pool.0)].subscriptions.interests.at(shard) {
            self.unplace(pool, topic, &name, shard);
        }
        self.follow_feed(pool, shard);
        self.subscribe_first(pool, shard);
    }

    /// A name does not stand with a shard any more, because nobody could say whether it does.
    fn unplace(&mut self, pool: PoolId, topic: Topic, name: &Name, shard: ShardId) {
        let subscriptions = &mut self.pools[usize::from(pool.0)].subscriptions;
        let Some(interest) = subscriptions.interests.get_mut(topic, name) else { return };
        let was = interest.place(shard);
        interest.set_place(shard, Place::Wanted);
        for id in &interest.joining {
            let session = self.clients.get_mut(*id).map(|client| &mut client.session);
            let pending = session.and_then(|s| s.subscriber.as_mut()).and_then(|s| s.pending.as_mut());
            if let Some(pending) = pending {
                pending.missing.insert(Arc::clone(name));
            }
        }
        if matches!(was, Some(Place::On | Place::Leaving)) {
            self.topology.pool(pool).facts.subscribers.upstream_left(topic, name, shard);
        }
        self.drive(pool, topic, name);
    }

    /// Brings what the nodes have of a name nearer to what is needed of it.
    pub(super) fn drive(&mut self, pool: PoolId, topic: Topic, name: &[u8]) {
        let Some(interest) = self.pools[usize::from(pool.0)].subscriptions.interests.get(topic, name) else {
            return;
        };
        let needed = interest.is_needed();
        let shards: Vec<(ShardId, Option<Place>)> =
            interest.shards().map(|shard| (shard, interest.place(shard))).collect();
        for (shard, place) in shards {
            let next = match place {
                Some(Place::Wanted) if needed => (Place::Asked, words(topic).0),
                Some(Place::On) if !needed => (Place::Leaving, words(topic).1),
                _ => continue,
            };
            let Some(upstream) = self.open_feed(pool, shard) else { continue };
            self.ask(upstream, Step::Subscription, &[next.1.as_bytes(), name]);
            let interests = &mut self.pools[usize::from(pool.0)].subscriptions.interests;
            if let Some(interest) = interests.get_mut(topic, name) {
                interest.set_place(shard, next.0);
            }
        }
        self.wake_leaving(pool, topic, name);
    }

    /// Whoever waits until a name is over hears of it, also when others need it: then nothing is to come.
    fn wake_leaving(&mut self, pool: PoolId, topic: Topic, name: &[u8]) {
        let interests = &mut self.pools[usize::from(pool.0)].subscriptions.interests;
        let Some(interest) = interests.get_mut(topic, name) else { return };
        let over = interest.is_over();
        if !over && !interest.is_needed() {
            return;
        }
        let leaving = core::mem::take(&mut interest.leaving);
        if over && let Some(interest) = interests.remove(topic, name) {
            for shard in interest.shards() {
                self.feed_lost_one(pool, shard);
            }
        }
        for id in leaving {
            self.name_settled(id, topic, name);
        }
    }

    /// A node has confirmed a subscription.
    pub(super) fn confirmed(&mut self, pool: PoolId, topic: Topic, name: &[u8], shard: ShardId) {
        let interests = &mut self.pools[usize::from(pool.0)].subscriptions.interests;
        let Some(interest) = interests.get_mut(topic, name) else { return };
        if interest.place(shard) != Some(Place::Asked) {
            return;
        }
        interest.set_place(shard, Place::On);
        let joining: Vec<_> =
            if interest.is_on() { interest.joining.iter().copied().collect() } else { Vec::new() };
        self.topology.pool(pool).facts.subscribers.upstream_joined(topic, name, shard);
        for id in joining {
            self.name_settled(id, topic, name);
        }
        self.drive(pool, topic, name);
    }

    /// A node has confirmed the end of a subscription.
    pub(super) fn ended(&mut self, pool: PoolId, topic: Topic, name: &[u8], shard: ShardId) {
        let interests = &mut self.pools[usize::from(pool.0)].subscriptions.interests;
        let Some(interest) = interests.get_mut(topic, name) else { return };
        if interest.place(shard) != Some(Place::Leaving) {
            return;
        }
        interest.set_place(shard, Place::Wanted);
        self.topology.pool(pool).facts.subscribers.upstream_left(topic, name, shard);
        self.drive(pool, topic, name);
    }

    /// Whether a shard's writes wait until everybody's subscriptions are on its primary.
    #[inline]
    pub(in crate::engine::road) fn subscribes_first(&self, pool: PoolId, shard: ShardId) -> bool {
        self.pools[usize::from(pool.0)].subscriptions.feeds[usize::from(shard.0)].holds_writes
    }

    /// Finds out whether they must.
    pub(in crate::engine) fn subscribe_first(&mut self, pool: PoolId, shard: ShardId) {
        let now = self.now;
        let limit = FIRST.min(self.topology.pool(pool).hold / 2);
        let snapshot = self.topology.pool(pool).shard(shard);
        let elsewhere = snapshot.primary.filter(|primary| !snapshot.facts.feeds.are_on(*primary));
        let feed = self.feed_of(pool, shard);
        let since = match feed.behind {
            Some((for_whom, since)) if elsewhere == Some(for_whom) => since,
            _ => now,
        };
        feed.behind = elsewhere.map(|primary| (primary, since));
        feed.holds_writes = elsewhere.is_some() && now.since(since) < limit;
        if feed.holds_writes {
            feed.look_at = now + LOOK;
            self.due_by(now + LOOK);
        }
    }

    /// What is due for subscribers: upstreams to be tried again, pinged or given up, writes that may go.
    pub(in crate::engine) fn expire_feeds(&mut self) {
        for pool in self.topology.pools.clone() {
            for shard in &pool.shards {
                self.look_for_others(&pool, shard.id);
                self.follow_feed(pool.id, shard.id);
                self.ping_or_close(&pool, shard.id);
            }
            self.expire_pending(pool.id);
        }
    }

    fn look_for_others(&mut self, pool: &Pool, shard: ShardId) {
        let now = self.now;
        let feed = self.feed_of(pool.id, shard);
        if !feed.holds_writes || feed.look_at > now {
            return;
        }
        self.subscribe_first(pool.id, shard);
        if !self.subscribes_first(pool.id, shard) {
            self.release(pool.id, shard);
        }
    }

    fn ping_or_close(&mut self, pool: &Pool, shard: ShardId) {
        let Some(id) = self.open_feed(pool.id, shard) else { return };
        let now = self.now;
        let feed = self.feed_of(pool.id, shard);
        if feed.names == 0 && now.since(feed.idle_since) >= IDLE {
            return self.lose(id, CloseReason::Spare);
        }
        let quiet =
            self.upstreams.get(id).is_some_and(|u| u.expected.is_empty() && u.last_byte + PING_AFTER <= now);
        if quiet {
            self.ask(id, Step::Ping, &["PING"]);
        }
    }

    /// When `expire_feeds` has something to do.
    pub(in crate::engine) fn feeds_due(&self) -> Option<Time> {
        let subscriptions = self.pools.iter().map(|state| &state.subscriptions);
        let feeds = subscriptions.clone().flat_map(|subscriptions| &subscriptions.feeds);
        let pending = subscriptions.filter_map(|subscriptions| subscriptions.pending.first());
        feeds.filter_map(|feed| self.feed_due(feed)).chain(pending.map(|(until, _)| *until)).min()
    }

    fn feed_due(&self, feed: &Feed) -> Option<Time> {
        let ready = feed.upstream.and_then(|id| self.upstreams.get(id)).filter(|u| u.is_ready());
        let ping = ready.filter(|u| u.expected.is_empty()).map(|u| u.last_byte + PING_AFTER);
        let idle = (feed.names == 0 && feed.upstream.is_some()).then(|| feed.idle_since + IDLE);
        let retry = feed.retry_at.filter(|_| feed.names > 0 && feed.upstream.is_none());
        let look = feed.holds_writes.then_some(feed.look_at);
        [ping, idle, retry, look].into_iter().flatten().min()
    }
}

/// How a node is asked for one of these, and how for its end.
pub(super) fn words(topic: Topic) -> (&'static str, &'static str) {
    match topic {
        Topic::Channel => ("SUBSCRIBE", "UNSUBSCRIBE"),
        Topic::Pattern => ("PSUBSCRIBE", "PUNSUBSCRIBE"),
        Topic::ShardChannel => ("SSUBSCRIBE", "SUNSUBSCRIBE"),
    }
}
