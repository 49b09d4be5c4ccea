//! Requests with keys on several shards: one part a shard, put together by `gather`.

use super::HeldOwner;
use super::error_reply::ErrorReply;
use super::gather::Join;
use super::{Flow, NoShard};
use crate::base::{ClientId, PoolId, ShardId, next_random};
use crate::command::{self, ReplyPolicy, Row, Split};
use crate::engine::Engine;
use crate::resp::{self, Span};

impl Engine {
    /// A request of the kind that can be split: as it is while all its keys are on one shard.
    pub(super) fn split(
        &mut self,
        id: ClientId,
        pool: PoolId,
        row: &'static Row,
        split: Split,
        request: &[u8],
    ) -> Flow {
        // Each key has a value behind it, or none.
        let step = if split == Split::Mset { 2 } else { 1 };
        if !(self.args.len() - 1).is_multiple_of(step) {
            return self.refuse(id, ErrorReply::Arity { command: row.name });
        }
        match self.one_shard(pool, row, request) {
            Ok(shard) => return self.forward_to(id, pool, shard, row, request),
            Err(NoShard::Keys(text)) => return self.refuse(id, ErrorReply::Keys { text: &text }),
            Err(NoShard::Crossed | NoShard::Pattern) => {}
        }
        if self.may_not_write(id, row) {
            return self.refuse(id, ErrorReply::ReadOnlyListener { pool: &self.pool_name(pool) });
        }
        if !row.is_read() && !self.topology.pool(pool).config.cross_shard_writes {
            return self.refuse(id, ErrorReply::CrossShardWrites { pool: &self.pool_name(pool) });
        }
        self.assign_parts(pool, request, step);
        for part in 0..self.parts.len() {
            if self.must_wait_unread(id, pool, ShardId(self.parts[part].0), row.any_node()) {
                return Flow::NotNow;
            }
        }
        let join = match split {
            Split::Mget => Join::Elements,
            Split::Mset => Join::Policy(ReplyPolicy::AllSucceeded),
            Split::Del | Split::Unlink | Split::Exists | Split::Touch => Join::Sum,
        };
        self.send_parts(id, pool, row, join, step, request);
        Flow::Taken
    }

    /// Finds each key's shard (`shards`), and the parts: shards in the order of their first key (`parts`).
    fn assign_parts(&mut self, pool: PoolId, request: &[u8], step: usize) {
        self.shards.clear();
        self.parts.clear();
        let placement = &self.topology.pool(pool).placement;
        for key in self.args.iter().skip(1).step_by(step) {
            let shard = placement.shard(key.of(request), || next_random(&mut self.random)) as u16;
            let part = match self.parts.iter().position(|(s, _)| *s == shard) {
                Some(part) => part,
                None => {
                    self.parts.push((shard, 0));
                    self.parts.len() - 1
                }
            };
            self.parts[part].1 += 1;
            self.shards.push(part as u16);
        }
    }

    fn send_parts(
        &mut self,
        id: ClientId,
        pool: PoolId,
        row: &'static Row,
        join: Join,
        step: usize,
        request: &[u8],
    ) {
        let Some(seq) = self.reserve(id) else { return };
        let parts = core::mem::take(&mut self.parts);
        let shards = core::mem::take(&mut self.shards);
        let gather = self.gathers.begin(id, seq, join, row.is_read(), parts.len());
        if join == Join::Elements
            && let Some(g) = self.gathers.get_mut(gather)
        {
            shards.iter().for_each(|part| g.key_of(*part));
        }
        for (part, (shard, keys)) in parts.iter().enumerate() {
            let mut out = core::mem::take(&mut self.scratch);
            out.clear();
            resp::array(&mut out, 1 + *keys as usize * step);
            out.extend_from_slice(raw(request, self.args[0]));
            for (key, of) in shards.iter().enumerate() {
                if usize::from(*of) == part {
                    for arg in &self.args[1 + key * step..1 + (key + 1) * step] {
                        out.extend_from_slice(raw(request, *arg));
                    }
                }
            }
            let owner = HeldOwner::Part { client: id, seq, gather, part: part as u32 };
            self.send(owner, pool, ShardId(*shard), row, &out, 0);
            self.scratch = out;
        }
        self.parts = parts;
        self.shards = shards;
    }

    /// A request that goes to every shard as it is.
    pub(super) fn each_shard(
        &mut self,
        id: ClientId,
        pool: PoolId,
        row: &'static Row,
        request: &[u8],
    ) -> Flow {
        if self.may_not_write(id, row) {
            return self.refuse(id, ErrorReply::ReadOnlyListener { pool: &self.pool_name(pool) });
        }
        let shards = self.topology.pool(pool).shards.len();
        if shards == 1 {
            return self.forward_to(id, pool, ShardId(0), row, request);
        }
        for shard in 0..shards {
            if self.must_wait_unread(id, pool, ShardId(shard as u16), row.any_node()) {
                return Flow::NotNow;
            }
        }
        let Some(seq) = self.reserve(id) else { return Flow::Taken };
        let gather = self.gathers.begin(id, seq, Join::by(row.reply), row.is_read(), shards);
        for shard in 0..shards {
            let owner = HeldOwner::Part { client: id, seq, gather, part: shard as u32 };
            self.send(owner, pool, ShardId(shard as u16), row, request, 0);
        }
        Flow::Taken
    }

    /// RANDOMKEY: each shard tells how many keys it has, and one of them; which shard's it is, is drawn by
    /// the sizes.
    pub(super) fn random_key(
        &mut self,
        id: ClientId,
        pool: PoolId,
        row: &'static Row,
        request: &[u8],
    ) -> Flow {
        let shards = self.topology.pool(pool).shards.len();
        let size = command::find_name(b"dbsize").filter(|_| shards > 1);
        let Some(size) = size else { return self.forward_to(id, pool, ShardId(0), row, request) };
        for shard in 0..shards {
            if self.must_wait_unread(id, pool, ShardId(shard as u16), row.any_node()) {
                return Flow::NotNow;
            }
        }
        let Some(seq) = self.reserve(id) else { return Flow::Taken };
        let join = Join::OneKey(next_random(&mut self.random));
        let gather = self.gathers.begin(id, seq, join, true, 2 * shards);
        let mut ask_size = Vec::new();
        resp::command(&mut ask_size, &["DBSIZE"]);
        for part in 0..2 * shards {
            let owner = HeldOwner::Part { client: id, seq, gather, part: part as u32 };
            let (row, request) = if part < shards { (size, &ask_size[..]) } else { (row, request) };
            self.send(owner, pool, ShardId((part % shards) as u16), row, request, 0);
        }
        Flow::Taken
    }
}

/// An argument as it stands in the request, with its length line and line end.
pub(super) fn raw(request: &[u8], arg: Span) -> &[u8] {
    let start = arg.start as usize;
    // The header before it is `$<digits>\r\n`; digits are found backwards.
    let mut header = start - 2;
    while request[header - 1] != b'$' {
        header -= 1;
    }
    &request[header - 1..arg.end() + 2]
}
