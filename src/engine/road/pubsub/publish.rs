//! PUBLISH: a write to the shard of its channel. The node counts each of Ketch's upstreams as one subscriber;
//! the client is told how many there are behind them.

use super::Flow;
use super::ask::Question;
use crate::base::{ClientId, PoolId, ShardId};
use crate::command::{Row, Topic};
use crate::engine::Engine;
use crate::engine::road::HeldOwner;
use crate::engine::road::error_reply::ErrorReply;
use crate::engine::road::gather::Join;
use crate::engine::road::local::glob;
use crate::resp;
use crate::topology::Subscribers;

impl Engine {
    pub(super) fn publish(
        &mut self,
        id: ClientId,
        pool: PoolId,
        row: &'static Row,
        topic: Topic,
        request: &[u8],
    ) -> Flow {
        let Some(channel) = self.args.get(1).map(|arg| arg.of(request)) else { return Flow::Taken };
        let shard = self.shard_of_channel(pool, channel);
        // Where nobody is subscribed here, the node's figure is right as it is.
        if self.topology.pool(pool).facts.subscribers.is_empty() {
            return self.forward_to(id, pool, shard, row, request);
        }
        if self.may_not_write(id, row) {
            return self.refuse(id, ErrorReply::ReadOnlyListener { pool: &self.pool_name(pool) });
        }
        if self.must_wait_unread(id, pool, shard, row.is_read()) {
            return Flow::NotNow;
        }
        let Some(seq) = self.reserve(id) else { return Flow::Taken };
        let join = Join::Subscribers(Question::Published(topic));
        let gather = self.gathers.begin(id, seq, join, row.is_read(), 1);
        if let Some(gather) = self.gathers.get_mut(gather) {
            gather.key_of(shard.0);
            gather.about(channel);
        }
        self.send(HeldOwner::Part { client: id, seq, gather, part: 0 }, pool, shard, row, request, 0);
        Flow::Taken
    }
}

impl Engine {
    /// What the node said of a message that was published within a block.
    pub(in crate::engine::road) fn put_right(
        &self,
        id: ClientId,
        topic: Topic,
        channel: &[u8],
        shard: ShardId,
        reply: &[u8],
        out: &mut Vec<u8>,
    ) {
        match (resp::integer_of(reply), self.clients.get(id)) {
            (Some(by_node), Some(client)) => {
                let subscribers = &self.topology.pool(client.pool).facts.subscribers;
                resp::integer(out, reached(subscribers, topic, channel, shard, by_node));
            }
            _ => out.extend_from_slice(reply),
        }
    }
}

/// How many clients a message has reached, from how many connections the node says it has.
pub(super) fn reached(
    subscribers: &Subscribers,
    topic: Topic,
    channel: &[u8],
    shard: ShardId,
    by_node: i64,
) -> i64 {
    let mut all = vec![subscribers.of(topic, channel, shard)];
    if topic == Topic::Channel {
        all.push(subscribers.of_patterns(shard, |pattern| glob::fits(pattern, channel)));
    }
    let upstreams: usize = all.iter().map(|s| s.upstreams).sum();
    let clients: usize = all.iter().map(|s| s.clients).sum();
    (by_node - upstreams as i64).max(0) + clients as i64
}
