//! Publishing and subscribing: who meets where, and what a subscriber may say.
//!
//! ```text
//!  client ── SUBSCRIBE ──► join ──► interests ──► feed ── SUBSCRIBE, once ──► node
//!  client ◄── confirmed, then messages ◄── messages ◄────────────────────────┘
//!  client ── PUBLISH ──► publish ──► the road of any write ──► node: its figure is put right on its way back
//! ```
//!
//! SUBSCRIBE and PUBLISH meet on the shard that the channel's name is placed on; a pattern is subscribed on
//! all shards. What nodes publish themselves stays where it happens: keyspace channels are where their key
//! is, keyevent channels on every shard.
//!
//! A request about subscriptions is taken when its client is owed nothing, and the client is not parsed until
//! it is answered: so its confirmation comes before its first message, and the mode that it brings about is
//! known when the next request is looked at.
//!
//! - `interests`: what clients are subscribed to, and how each name stands with the nodes.
//! - `feed`: the subscriber upstreams, and which writes wait for them after a failover.
//! - `messages`: from there to clients.
//! - `join`: SUBSCRIBE and UNSUBSCRIBE of a client, from its request to its confirmation.
//! - `publish`, `ask`: PUBLISH and PUBSUB, which count clients of this Ketch one by one.
//!
//! Deliberately absent: messages that scripts publish are found by pattern only, or where the channel
//! happens to be placed on the script's shard.

mod ask;
mod feed;
mod interests;
mod join;
mod messages;
mod publish;

use std::collections::BTreeSet;

use super::Flow;
use super::error_reply::ErrorReply;
pub(crate) use ask::Question;
use feed::Feed;
use interests::Interests;

use crate::base::{ClientId, PoolId, ShardId, Time, next_random};
use crate::command::{Handling, Local, PubSub, Row, Topic};
use crate::engine::Engine;
use crate::resp::{self, Protocol};
use crate::topology::Pool;

/// What a worker knows of one pool's subscribers.
pub(crate) struct Subscriptions {
    pub(crate) interests: Interests,
    /// By shard.
    pub(crate) feeds: Vec<Feed>,
    /// Clients whose request waits for nodes, and until when.
    pub(crate) pending: BTreeSet<(Time, ClientId)>,
}

impl Subscriptions {
    pub(crate) fn new(pool: &Pool) -> Subscriptions {
        Subscriptions {
            interests: Interests::default(),
            feeds: pool.shards.iter().map(|shard| Feed::new(shard.facts.feeds.add())).collect(),
            pending: BTreeSet::new(),
        }
    }
}

impl Engine {
    pub(super) fn pubsub(
        &mut self,
        id: ClientId,
        pool: PoolId,
        row: &'static Row,
        does: PubSub,
        request: &[u8],
    ) -> Flow {
        match does {
            PubSub::Subscribe(topic) => self.subscribe(id, pool, row, topic, request),
            PubSub::Unsubscribe(topic) => self.unsubscribe(id, pool, row, topic, request),
            PubSub::Publish(topic) => self.publish(id, pool, row, topic, request),
            PubSub::Channels => self.ask_shards(id, pool, row, Question::Channels, request),
            PubSub::NumSub(topic) => self.ask_shards(id, pool, row, Question::NumSub(topic), request),
            PubSub::NumPat => self.ask_shards(id, pool, row, Question::NumPat, request),
        }
    }

    /// In RESP2 a subscriber could not tell a reply from a message: it may only say what is about its
    /// subscriptions, and PING is answered like a message. `None`: it may.
    pub(super) fn while_subscribed(
        &mut self,
        id: ClientId,
        row: &'static Row,
        request: &[u8],
    ) -> Option<Flow> {
        let client = self.clients.get(id)?;
        if client.profile.protocol == Protocol::Resp3 {
            return None;
        }
        match row.handling {
            Handling::PubSub(PubSub::Subscribe(_) | PubSub::Unsubscribe(_))
            | Handling::Local(Local::Quit | Local::Reset) => None,
            Handling::Local(Local::Ping) if self.args.len() <= 2 => {
                let mut reply = Vec::new();
                resp::array(&mut reply, 2);
                resp::bulk(&mut reply, b"pong");
                resp::bulk(&mut reply, self.args.get(1).map_or(&[], |arg| arg.of(request)));
                if let Some(seq) = self.reserve(id) {
                    self.give(id, seq, &reply);
                }
                Some(Flow::Taken)
            }
            Handling::Local(Local::Ping) => None,
            _ => Some(self.refuse(id, ErrorReply::Subscribed { command: row.name })),
        }
    }

    /// The shards on which a channel or pattern can be published to.
    fn shards_of(&mut self, pool: PoolId, topic: Topic, name: &[u8]) -> Vec<ShardId> {
        let snapshot = self.topology.pool(pool);
        let everywhere = topic == Topic::Pattern || snapshot.placement.is_random() || is_keyevent(name);
        if everywhere {
            return snapshot.shards.iter().map(|shard| shard.id).collect();
        }
        vec![self.shard_of_channel(pool, name)]
    }

    /// The shard that a channel is published to.
    pub(super) fn shard_of_channel(&mut self, pool: PoolId, name: &[u8]) -> ShardId {
        let placement = &self.topology.pool(pool).placement;
        let place = keyspace_key(name).unwrap_or(name);
        ShardId(placement.shard(place, || next_random(&mut self.random)) as u16)
    }
}

/// `__keyevent@N__:EVENT`: what happens to keys, on any shard.
fn is_keyevent(channel: &[u8]) -> bool {
    notified(channel, b"__keyevent@").is_some()
}

/// The key of `__keyspace@N__:KEY`.
fn keyspace_key(channel: &[u8]) -> Option<&[u8]> {
    notified(channel, b"__keyspace@")
}

/// What stands behind the colon of a channel that servers publish to.
fn notified<'a>(channel: &'a [u8], begin: &[u8]) -> Option<&'a [u8]> {
    let rest = channel.strip_prefix(begin)?;
    let digits = rest.iter().take_while(|b| b.is_ascii_digit()).count();
    rest[digits..].strip_prefix(b"__:").filter(|_| digits > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_that_servers_publish_to_are_known() {
        assert_eq!(keyspace_key(b"__keyspace@0__:user:{1}"), Some(&b"user:{1}"[..]));
        assert_eq!(keyspace_key(b"__keyspace@12__:"), Some(&b""[..]));
        for other in [
            &b"__keyspace@__:k"[..],
            b"__keyspace@0_:k",
            b"keyspace",
            b"__keyevent@0__:set",
            b"__keyspace@0__",
        ] {
            assert_eq!(keyspace_key(other), None, "{}", other.escape_ascii());
        }
        assert!(is_keyevent(b"__keyevent@0__:expired") && !is_keyevent(b"__keyspace@0__:expired"));
    }
}
