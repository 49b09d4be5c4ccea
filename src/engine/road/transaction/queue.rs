//! What may stand in a block, and where it is kept until EXEC.

use super::QUEUED;
use crate::base::{ClientId, PoolId, ShardId};
use crate::command::{Flags, Handling, Local, PubSub, Row, Topic};
use crate::engine::Engine;
use crate::engine::clients::Client;
use crate::engine::clients::pinned::{Own, OwnKind};
use crate::engine::road::error_reply::ErrorReply;
use crate::engine::road::{Flow, NoShard};

impl Engine {
    /// A command between MULTI and EXEC.
    pub(in crate::engine::road) fn queue(
        &mut self,
        id: ClientId,
        pool: PoolId,
        row: &'static Row,
        request: &[u8],
    ) -> Flow {
        match row.handling {
            Handling::Transaction(verb) => return self.transaction(id, pool, row, verb, request),
            // Neither is queued: they end the block.
            Handling::Local(local @ (Local::Quit | Local::Reset)) => return self.answer(id, local, request),
            _ if row.flags.contains(Flags::NO_MULTI) => {
                return self.refuse(id, ErrorReply::Transaction { text: NOT_ALLOWED });
            }
            _ => {}
        }
        if self.may_not_write(id, row) {
            return self.refuse(id, ErrorReply::ReadOnlyListener { pool: &self.pool_name(pool) });
        }
        match row.handling {
            // Their answers take longer than a moment.
            Handling::Local(
                Local::ClientList
                | Local::ClientInfo
                | Local::ClientKill
                | Local::ClientUnblock
                | Local::ClientPause
                | Local::ClientUnpause,
            ) => self.refuse(id, ErrorReply::AskedInBlock { command: row.name }),
            Handling::Local(Local::Select) => self.queue_select(id, pool, request),
            Handling::Local(local) => self.queue_own(id, pool, OwnKind::Answer(local, request.to_vec())),
            Handling::Forward | Handling::Split(_) => self.queue_by_keys(id, pool, row, request),
            Handling::PubSub(PubSub::Publish(topic)) => self.queue_publish(id, pool, topic, request),
            // Their answers are no replies, or other clients' business.
            Handling::PubSub(_) => self.refuse(id, ErrorReply::AskedInBlock { command: row.name }),
            Handling::Later(why) => self.refuse(id, ErrorReply::Later { command: row.name, why }),
            Handling::Refused(why) => self.refuse(id, ErrorReply::Refused { command: row.name, why }),
            Handling::Scan => self.queue_page(id, pool, row, request),
            // The node counts at once, as Redis does within a block.
            Handling::Wait => self.queue_for_node(id, pool, None, request),
            // What concerns all shards is one shard's business where there is one.
            Handling::EachShard | Handling::RandomKey if self.topology.pool(pool).shards.len() == 1 => {
                self.queue_for_node(id, pool, None, request)
            }
            Handling::EachShard | Handling::RandomKey => {
                let name = self.pool_name(pool);
                self.refuse(id, ErrorReply::WholePoolInBlock { command: row.name, pool: &name })
            }
            Handling::Transaction(_) => Flow::Taken,
        }
    }

    fn queue_by_keys(&mut self, id: ClientId, pool: PoolId, row: &'static Row, request: &[u8]) -> Flow {
        let shard = match self.one_shard(pool, row, request) {
            Ok(shard) => Some(shard),
            // The node says so itself, at EXEC, as Redis does. With more shards there is no telling whose.
            Err(NoShard::Keys(_)) if self.topology.pool(pool).shards.len() == 1 => None,
            Err(error) => return self.refuse_shard(id, pool, error),
        };
        let keyless = row.single_key().is_none() && self.keys.is_empty();
        self.queue_for_node(id, pool, shard.filter(|_| !keyless), request)
    }

    /// A page of a scan: with the node's own cursor in the block, and with Ketch's in the answer.
    fn queue_page(&mut self, id: ClientId, pool: PoolId, row: &'static Row, request: &[u8]) -> Flow {
        let mut asked = Vec::new();
        let (page, shard) = match self.page_request(pool, row, request, &mut asked) {
            Ok(asked) => asked,
            Err(error) => return self.refuse_shard(id, pool, error),
        };
        let Some(block) = self.clients.get_mut(id).and_then(Client::block) else { return Flow::Taken };
        if block.own.len() >= MOST_OWN {
            return self.refuse_block(id, pool);
        }
        let at = block.commands;
        let flow = self.queue_for_node(id, pool, Some(shard), &asked);
        if let Some(block) = self.clients.get_mut(id).and_then(Client::block)
            && block.commands > at
            && !block.dirty
        {
            block.own.push(Own { at, what: OwnKind::Page(page) });
        }
        flow
    }

    fn queue_select(&mut self, id: ClientId, pool: PoolId, request: &[u8]) -> Flow {
        let number =
            self.args.get(1).and_then(|span| core::str::from_utf8(span.of(request)).ok()?.parse().ok());
        let at = self.clients.get_mut(id).and_then(Client::block).map_or(0, |block| block.commands);
        let flow = self.queue_for_node(id, pool, None, request);
        if let Some(db) = number
            && let Some(block) = self.clients.get_mut(id).and_then(Client::block).filter(|b| b.commands > at)
        {
            block.own.push(Own { at, what: OwnKind::Select(db) });
        }
        flow
    }

    /// A message of a block goes out with it, so its channel has to lie on the block's shard.
    fn queue_publish(&mut self, id: ClientId, pool: PoolId, topic: Topic, request: &[u8]) -> Flow {
        let Some(channel) = self.args.get(1).map(|span| span.of(request).to_vec()) else {
            return Flow::Taken;
        };
        let shard = self.shard_of_channel(pool, &channel);
        let at = self.clients.get_mut(id).and_then(Client::block).map_or(0, |block| block.commands);
        let flow = self.queue_for_node(id, pool, Some(shard), request);
        if !self.topology.pool(pool).facts.subscribers.is_empty()
            && let Some(block) = self.clients.get_mut(id).and_then(Client::block).filter(|b| b.commands > at)
            && !block.dirty
        {
            block.own.push(Own { at, what: OwnKind::Published { topic, channel, shard } });
        }
        flow
    }

    /// A command that the node executes; `shard` is where its keys are, if it has some. The first one with
    /// keys decides for the block.
    pub(super) fn queue_for_node(
        &mut self,
        id: ClientId,
        pool: PoolId,
        shard: Option<ShardId>,
        request: &[u8],
    ) -> Flow {
        let Some(client) = self.clients.get_mut(id) else { return Flow::Taken };
        let watched = client.session.transaction.as_ref().and_then(|t| t.watch.as_ref()).map(|w| w.shard);
        let Some(block) = client.block() else { return Flow::Taken };
        let decided = block.shard.or(watched);
        if let (Some(decided), Some(shard)) = (decided, shard)
            && decided != shard
        {
            return self.refuse(id, ErrorReply::CrossSlot { pool: &self.pool_name(pool) });
        }
        if block.bytes.len() + request.len() > self.pools[usize::from(pool.0)].limits.max_request {
            return self.refuse_block(id, pool);
        }
        block.shard = decided.or(shard);
        block.commands += 1;
        if !block.dirty {
            block.bytes.extend_from_slice(request);
        }
        self.say(id, QUEUED)
    }

    fn queue_own(&mut self, id: ClientId, pool: PoolId, what: OwnKind) -> Flow {
        let limit = self.pools[usize::from(pool.0)].limits.max_request;
        let Some(block) = self.clients.get_mut(id).and_then(Client::block) else { return Flow::Taken };
        let kept = |own: &Own| match &own.what {
            OwnKind::Answer(_, request) => request.len(),
            OwnKind::Published { channel, .. } => channel.len(),
            OwnKind::Select(_) | OwnKind::Page(_) => 0,
        };
        if block.own.len() >= MOST_OWN || block.own.iter().map(kept).sum::<usize>() > limit {
            return self.refuse_block(id, pool);
        }
        if !block.dirty {
            block.own.push(Own { at: block.commands, what });
        }
        block.commands += 1;
        self.say(id, QUEUED)
    }

    fn refuse_block(&mut self, id: ClientId, pool: PoolId) -> Flow {
        let limit = self.topology.pool(pool).config.limits.max_request;
        self.refuse(id, ErrorReply::BlockTooLarge { pool: &self.pool_name(pool), limit })
    }
}

/// Redis 7.0's words.
const NOT_ALLOWED: &str = "ERR Command not allowed inside a transaction";
/// Commands of one block that Ketch answers itself: nobody needs thousands of PINGs in one.
const MOST_OWN: usize = 4096;
