//! MULTI, EXEC, DISCARD, WATCH, UNWATCH: what a client says between MULTI and EXEC is queued here.
//!
//! Nothing of a block is sent before EXEC; then it goes out in one piece, MULTI … EXEC, behind whatever its
//! upstream has: back to back on one connection it is as atomic as alone. So a block without WATCH needs no
//! upstream of its own, and is held and sent to another primary like any write; its client notices nothing.
//! What can be known when a command is queued (its name, arity, keys, whether it is allowed) is said then,
//! in Redis's words. What only the node knows (memory, its users' rights) is found at EXEC, and said as
//! Redis says what became so between the two: `EXECABORT Transaction discarded because of: …`.
//!
//! With WATCH, all that concerns the watched shard goes by an upstream of the client's own. If that is lost,
//! EXEC does nothing, as if a key had changed.
//!
//! `queue`: what may stand in a block. `exec`: how it is sent, and its answer. `watch`.

mod exec;
mod queue;
mod watch;

use super::Flow;
use super::error_reply::ErrorReply;
use crate::base::{ClientId, PoolId};
use crate::command::{Row, Transaction};
use crate::engine::Engine;
use crate::engine::clients::Client;
use crate::engine::clients::pinned::{Block, Transaction as Begun};

const NESTED: &str = "ERR MULTI calls can not be nested";
const WATCH_INSIDE: &str = "ERR WATCH inside MULTI is not allowed";
const EXEC_ALONE: &str = "ERR EXEC without MULTI";
const DISCARD_ALONE: &str = "ERR DISCARD without MULTI";
const ABORTED: &str = "EXECABORT Transaction discarded because of previous errors.";
const EXEC_ARITY: &str =
    "EXECABORT Transaction discarded because of: wrong number of arguments for 'exec' command";
const OK: &[u8] = b"+OK\r\n";
const QUEUED: &[u8] = b"+QUEUED\r\n";

impl Client {
    fn begun(&mut self) -> &mut Begun {
        self.session.transaction.get_or_insert_default()
    }

    fn block(&mut self) -> Option<&mut Block> {
        self.session.transaction.as_mut()?.block.as_mut()
    }
}

impl Engine {
    pub(super) fn transaction(
        &mut self,
        id: ClientId,
        pool: PoolId,
        row: &'static Row,
        verb: Transaction,
        request: &[u8],
    ) -> Flow {
        let Some(client) = self.clients.get_mut(id) else { return Flow::Taken };
        match (verb, client.in_multi) {
            (Transaction::Multi, false) => {
                client.begun().block = Some(Block::default());
                client.in_multi = true;
                self.say(id, OK)
            }
            // These two leave the block as it is.
            (Transaction::Multi, true) => self.say_error(id, NESTED),
            (Transaction::Watch, true) => self.say_error(id, WATCH_INSIDE),
            (Transaction::Exec, true) => self.exec(id, pool, row),
            (Transaction::Exec, false) => self.say_error(id, EXEC_ALONE),
            (Transaction::Discard, true) => {
                self.forget_transaction(id);
                self.say(id, OK)
            }
            (Transaction::Discard, false) => self.say_error(id, DISCARD_ALONE),
            (Transaction::Unwatch, true) => self.queue_for_node(id, pool, None, request),
            (Transaction::Unwatch, false) => self.unwatch(id),
            (Transaction::Watch, false) => self.watch(id, pool, row, request),
        }
    }

    /// EXEC with arguments ends whatever was begun, as in Redis.
    pub(super) fn exec_arity(&mut self, id: ClientId) -> Flow {
        self.forget_transaction(id);
        self.say_error(id, EXEC_ARITY)
    }

    fn say(&mut self, id: ClientId, reply: &[u8]) -> Flow {
        if let Some(seq) = self.reserve(id) {
            self.give(id, seq, reply);
        }
        Flow::Taken
    }

    /// An error that does not spoil the block.
    fn say_error(&mut self, id: ClientId, text: &'static str) -> Flow {
        if let Some(seq) = self.reserve(id) {
            let owner = super::HeldOwner::Client { client: id, seq };
            self.fail_owner(owner, ErrorReply::Transaction { text });
        }
        Flow::Taken
    }

    /// A command was refused when it was to be queued: EXEC will execute nothing.
    pub(super) fn spoil_block(&mut self, id: ClientId) {
        if let Some(block) = self.clients.get_mut(id).and_then(Client::block) {
            block.dirty = true;
            // Nothing of it will be needed.
            block.bytes = Vec::new();
            block.own = Vec::new();
        }
    }

    /// Neither MULTI nor WATCH was ever said: after EXEC, DISCARD, RESET.
    pub(super) fn forget_transaction(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.in_multi = false;
        client.watching = false;
        let pool = client.pool;
        if let Some(watch) = client.session.transaction.take().and_then(|begun| begun.watch) {
            self.release_pin(pool);
            self.answer_held_watches(id, watch.shard);
            watch.upstream.into_iter().for_each(|upstream| self.let_go(upstream));
        }
    }
}
