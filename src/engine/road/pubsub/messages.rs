//! From a subscriber upstream to clients: each message goes to all who are interested, in the order in which
//! it came.
//!
//! A message may stand between two replies of a client, never within one. In RESP3 it is a push: the same
//! bytes with another first one. A client that does not read is cut at `output_limit`, and nobody else
//! notices: nothing waits for it.

use super::feed::words;
use crate::base::{ClientId, PoolId, ShardId, UpstreamId};
use crate::command::Topic;
use crate::engine::Engine;
use crate::engine::action::CloseReason;
use crate::engine::upstreams::{Large, Owner, Step};
use crate::resp::{Elements, Protocol, ReplyScan};

/// Its answers and messages as they begin.
const TOPICS: [(Topic, &[u8]); 3] = [
    (Topic::Channel, b"$7\r\nmessage\r\n"),
    (Topic::Pattern, b"$8\r\npmessage\r\n"),
    (Topic::ShardChannel, b"$8\r\nsmessage\r\n"),
];

impl Engine {
    /// Bytes of a node on a subscriber upstream.
    pub(in crate::engine) fn take_messages(&mut self, id: UpstreamId, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() {
            let Some(upstream) = self.upstreams.get_mut(id) else { return };
            match upstream.scanner.advance(&bytes[at..]) {
                ReplyScan::Done(n) => {
                    let piece = &bytes[at..at + n];
                    at += n;
                    if upstream.large == Large::Dropped {
                        upstream.large = Large::No;
                    } else if upstream.partial.is_empty() {
                        self.heard(id, piece);
                    } else {
                        let mut whole = core::mem::take(&mut upstream.partial);
                        whole.extend_from_slice(piece);
                        self.heard(id, &whole);
                        self.buffers.give(whole);
                    }
                }
                ReplyScan::More => {
                    self.part_of_message(id, &bytes[at..]);
                    break;
                }
                ReplyScan::Error(_) => return self.lose(id, CloseReason::BadReply),
            }
        }
        self.drained(id);
    }

    /// A message, or the answer to what was asked.
    fn heard(&mut self, id: UpstreamId, reply: &[u8]) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, shard) = (upstream.pool, upstream.shard);
        if let Some((topic, name)) = addressed(reply) {
            return self.fan_out(pool, topic, name, reply);
        }
        match upstream.expected.front().map(|entry| entry.owner) {
            Some(Owner::Own(Step::Subscription)) => self.subscription_answered(id, pool, shard, reply),
            _ => self.matched(id, reply),
        }
    }

    fn subscription_answered(&mut self, id: UpstreamId, pool: PoolId, shard: ShardId, reply: &[u8]) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let length = upstream.expected.front().map_or(0, |entry| entry.length as usize);
        let request = upstream.out.front(length).to_vec();
        if upstream.answered(&mut self.buffers).is_none() {
            return self.lose(id, CloseReason::BadReply);
        }
        let Some((verb, name)) = pair(&request) else { return };
        let topics = TOPICS.iter().map(|(topic, _)| *topic);
        let asked = topics.clone().find(|topic| words(*topic).0.as_bytes() == verb);
        let given_up = topics.clone().find(|topic| words(*topic).1.as_bytes() == verb);
        match (asked, given_up) {
            (Some(topic), _) if reply.first() == Some(&b'-') => {
                self.subscription_refused(pool, topic, name, shard, reply);
            }
            (Some(topic), _) if confirms(reply, verb, name) => self.confirmed(pool, topic, name, shard),
            (None, Some(topic)) if confirms(reply, verb, name) => self.ended(pool, topic, name, shard),
            // Which answer belongs to which question can't be said any more.
            _ => self.lose(id, CloseReason::BadReply),
        }
    }

    /// A message whose end has not come. One that no client could take is not kept.
    fn part_of_message(&mut self, id: UpstreamId, piece: &[u8]) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        if upstream.large == Large::Dropped {
            return;
        }
        if upstream.partial.capacity() == 0 {
            upstream.partial = self.buffers.take();
        }
        upstream.partial.extend_from_slice(piece);
        let pool = upstream.pool;
        let limit = self.topology.pool(pool).config.limits.output_limit.as_usize();
        if upstream.partial.len() <= limit {
            return;
        }
        let begun = core::mem::take(&mut upstream.partial);
        upstream.large = Large::Dropped;
        match addressed(&begun) {
            Some((topic, name)) => self.cut_all(pool, topic, name),
            None => self.lose(id, CloseReason::BadReply),
        }
        self.buffers.give(begun);
    }

    /// All who would get a message that is larger than their output may be.
    fn cut_all(&mut self, pool: PoolId, topic: Topic, name: &[u8]) {
        let interests = &self.pools[usize::from(pool.0)].subscriptions.interests;
        let clients: Vec<ClientId> =
            interests.get(topic, name).map_or_else(Vec::new, |i| i.clients.iter().copied().collect());
        for id in clients {
            self.close_client(id, CloseReason::SlowSubscriber);
        }
    }

    /// Gives a message to all who are interested in it.
    fn fan_out(&mut self, pool: PoolId, topic: Topic, name: &[u8], message: &[u8]) {
        let interests = &mut self.pools[usize::from(pool.0)].subscriptions.interests;
        let Some(interest) = interests.get_mut(topic, name) else { return };
        // Nobody joins or leaves while they are gone through.
        let clients = core::mem::take(&mut interest.clients);
        let limit = self.topology.pool(pool).config.limits.output_limit.as_usize();
        let mut slow: Vec<ClientId> = Vec::new();
        for id in &clients {
            if !self.give_message(*id, message, limit) {
                slow.push(*id);
            }
        }
        let interests = &mut self.pools[usize::from(pool.0)].subscriptions.interests;
        if let Some(interest) = interests.get_mut(topic, name) {
            interest.clients = clients;
        }
        for id in slow {
            self.close_client(id, CloseReason::SlowSubscriber);
        }
    }

    /// False if the client has too much to read already.
    fn give_message(&mut self, id: ClientId, message: &[u8], limit: usize) -> bool {
        let Some(client) = self.clients.get(id) else { return true };
        let resp3 = client.profile.protocol == Protocol::Resp3;
        // Only in RESP3 a subscriber can be owed a reply that passes in pieces.
        let within_reply = resp3 && client.replies.owed() > 0 && self.is_given_a_reply_in_pieces(id);
        let first: &[u8] = if resp3 { b">" } else { b"*" };
        let Some(client) = self.clients.get_mut(id) else { return true };
        let Some(subscriber) = client.session.subscriber.as_mut() else { return true };
        let waiting = client.output.len() + client.replies.parked_bytes() + subscriber.delayed.len();
        if waiting + message.len() > limit {
            return false;
        }
        if within_reply {
            subscriber.delayed.extend_from_slice(first);
            subscriber.delayed.extend_from_slice(&message[1..]);
        } else {
            client.output.extend(first, &mut self.buffers);
            client.output.extend(&message[1..], &mut self.buffers);
            self.given(id);
        }
        true
    }

    fn is_given_a_reply_in_pieces(&self, id: ClientId) -> bool {
        self.upstreams
            .iter::<UpstreamId>()
            .any(|(_, u)| u.large == Large::Streaming && u.front_client() == Some(id))
    }

    /// A reply that passed in pieces has ended: what came in its middle follows.
    pub(in crate::engine) fn give_delayed(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(subscriber) = client.session.subscriber.as_mut() else { return };
        if subscriber.delayed.is_empty() {
            return;
        }
        let delayed = core::mem::take(&mut subscriber.delayed);
        client.output.extend(&delayed, &mut self.buffers);
        self.given(id);
    }
}

/// For which name a message is; `None` if it is none.
fn addressed(reply: &[u8]) -> Option<(Topic, &[u8])> {
    let mut elements = Elements::of(reply)?;
    let kind = elements.next()?;
    let (topic, _) = TOPICS.iter().find(|(_, begin)| *begin == kind)?;
    Some((*topic, text(elements.next()?)?))
}

/// The first two words of a request or an answer.
fn pair(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut elements = Elements::of(bytes)?;
    Some((text(elements.next()?)?, text(elements.next()?)?))
}

/// Whether an answer is about just this.
fn confirms(reply: &[u8], verb: &[u8], name: &[u8]) -> bool {
    pair(reply).is_some_and(|(said, about)| said.eq_ignore_ascii_case(verb) && about == name)
}

/// What is in a bulk string.
pub(super) fn text(bulk: &[u8]) -> Option<&[u8]> {
    let rest = bulk.strip_prefix(b"$")?;
    let line = memchr::memchr(b'\n', rest)?;
    rest[line + 1..].strip_suffix(b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_known_from_an_answer() {
        let message = b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n";
        assert_eq!(addressed(message), Some((Topic::Channel, &b"c"[..])));
        let message = b"*4\r\n$8\r\npmessage\r\n$2\r\nc*\r\n$1\r\nc\r\n$2\r\nhi\r\n";
        assert_eq!(addressed(message), Some((Topic::Pattern, &b"c*"[..])));
        for answer in [
            &b"*3\r\n$9\r\nsubscribe\r\n$7\r\nmessage\r\n:1\r\n"[..],
            b"+PONG\r\n",
            b"*-1\r\n",
            b"-ERR x\r\n",
        ] {
            assert_eq!(addressed(answer), None, "{}", answer.escape_ascii());
        }
    }

    #[test]
    fn a_confirmation_is_about_the_name_that_was_asked_for() {
        let said = b"*3\r\n$9\r\nsubscribe\r\n$4\r\nx\r\ny\r\n:1\r\n";
        assert!(confirms(said, b"SUBSCRIBE", b"x\r\ny"));
        assert!(!confirms(said, b"UNSUBSCRIBE", b"x\r\ny") && !confirms(said, b"SUBSCRIBE", b"x"));
        assert!(!confirms(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n", b"SUBSCRIBE", b""));
    }
}
