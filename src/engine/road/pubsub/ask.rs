//! PUBSUB: all shards are asked, and their answers put together so that each client of this Ketch counts as
//! one, and its own upstreams as none.

use std::collections::BTreeSet;

use super::Flow;
use super::publish::reached;
use crate::base::{ClientId, PoolId, ShardId};
use crate::command::{Row, Topic};
use crate::engine::Engine;
use crate::engine::road::gather::{Gather, Join};
use crate::engine::road::{GatherId, HeldOwner};
use crate::resp::{self, Elements};
use crate::topology::Subscribers;

/// What is asked about subscribers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Question {
    Channels,
    NumSub(Topic),
    NumPat,
    /// How many a message has reached.
    Published(Topic),
}

impl Engine {
    pub(super) fn ask_shards(
        &mut self,
        id: ClientId,
        pool: PoolId,
        row: &'static Row,
        question: Question,
        request: &[u8],
    ) -> Flow {
        let shards: Vec<ShardId> = self.topology.pool(pool).shards.iter().map(|shard| shard.id).collect();
        if shards.iter().any(|shard| self.must_wait_unread(id, pool, *shard, row.is_read())) {
            return Flow::NotNow;
        }
        let Some(seq) = self.reserve(id) else { return Flow::Taken };
        let gather = self.gathers.begin(id, seq, Join::Subscribers(question), row.is_read(), shards.len());
        for (part, shard) in shards.into_iter().enumerate() {
            let owner = HeldOwner::Part { client: id, seq, gather, part: part as u32 };
            self.send(owner, pool, shard, row, request, 0);
        }
        Flow::Taken
    }

    /// Puts the shards' answers about subscribers together.
    pub(in crate::engine::road) fn join_subscribers(
        &mut self,
        id: GatherId,
        pool: PoolId,
        question: Question,
        out: &mut Vec<u8>,
    ) {
        let facts = std::sync::Arc::clone(&self.topology.pool(pool).facts);
        let subscribers = &facts.subscribers;
        let Some(gather) = self.gathers.get(id) else { return };
        let put = match question {
            Question::Channels => channels(gather, out),
            Question::NumPat => numpat(gather, subscribers, out),
            Question::Published(topic) => published(gather, subscribers, topic, out),
            Question::NumSub(topic) => {
                let names = names(gather);
                let shards: Vec<Vec<ShardId>> =
                    names.iter().map(|name| self.shards_of(pool, topic, name)).collect();
                self.gathers.get(id).and_then(|gather| {
                    numsub(gather, subscribers, topic, &names.iter().zip(shards).collect::<Vec<_>>(), out)
                })
            }
        };
        if put.is_none() {
            out.clear();
            resp::error(out, b"ERR a shard's answer about subscribers was not understood");
        }
    }
}

/// Each once, in the order in which shards name them.
fn channels(gather: &Gather, out: &mut Vec<u8>) -> Option<()> {
    let mut seen: BTreeSet<&[u8]> = BTreeSet::new();
    let mut all: Vec<&[u8]> = Vec::new();
    for reply in gather.replies() {
        all.extend(Elements::of(reply)?.filter(|name| seen.insert(name)));
    }
    resp::array(out, all.len());
    all.iter().for_each(|name| out.extend_from_slice(name));
    Some(())
}

fn numpat(gather: &Gather, subscribers: &Subscribers, out: &mut Vec<u8>) -> Option<()> {
    let mut others = 0;
    for (shard, reply) in gather.replies().enumerate() {
        let own = subscribers.patterns(ShardId(shard as u16)).upstreams;
        others += (resp::integer_of(reply)? - own as i64).max(0);
    }
    resp::integer(out, others + subscribers.patterns(ShardId(0)).clients as i64);
    Some(())
}

fn published(gather: &Gather, subscribers: &Subscribers, topic: Topic, out: &mut Vec<u8>) -> Option<()> {
    let by_node = resp::integer_of(gather.replies().next()?)?;
    let shard = ShardId(gather.order().first().copied()?);
    resp::integer(out, reached(subscribers, topic, gather.subject(), shard, by_node));
    Some(())
}

/// The channels that were asked about: the first shard's answer repeats them.
fn names(gather: &Gather) -> Vec<Vec<u8>> {
    let elements = gather.replies().next().and_then(Elements::of);
    elements
        .into_iter()
        .flatten()
        .step_by(2)
        .map(|name| super::messages::text(name).unwrap_or_default().to_vec())
        .collect()
}

fn numsub(
    gather: &Gather,
    subscribers: &Subscribers,
    topic: Topic,
    names: &[(&Vec<u8>, Vec<ShardId>)],
    out: &mut Vec<u8>,
) -> Option<()> {
    let answers: Vec<Vec<&[u8]>> =
        gather.replies().map(|reply| Some(Elements::of(reply)?.collect())).collect::<Option<_>>()?;
    resp::array(out, names.len() * 2);
    for (i, (name, shards)) in names.iter().enumerate() {
        let mut count = subscribers.of(topic, name, ShardId(0)).clients as i64;
        for shard in shards {
            let by_node = resp::integer_of(answers.get(usize::from(shard.0))?.get(i * 2 + 1)?)?;
            count += (by_node - subscribers.of(topic, name, *shard).upstreams as i64).max(0);
        }
        resp::bulk(out, name);
        resp::integer(out, count);
    }
    Some(())
}
