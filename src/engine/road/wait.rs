//! WAIT: how many replicas have what this client wrote, answered from offsets.
//!
//! A node counts what was written on the connection that asks; connections are shared, so a node's own answer
//! would be of somebody else's writes, or of none. Ketch asks itself instead:
//!
//! ```text
//!   all earlier requests of the client are answered
//!      └─► INFO replication to the primary of each shard that it wrote to  = the offset to be reached
//!             └─► to primary and replicas, again and again, until enough have it or the time is over
//! ```
//!
//! The answer is the least count over the shards. Nobody else waits: questions are short, and one asks for all
//! clients of a worker that wait for the same shard. Where the primary has changed since the client wrote, the
//! offset is of another history and can't be looked for: that is an error, never a number.
//!
//! Deliberately absent: WAITAOF. No node tells how far its append-only file is on disk, but to the connection
//! that wrote.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::Flow;
use super::HeldOwner;
use super::error_reply::ErrorReply;
use super::offsets::{Mark, Replication};
use crate::base::{ClientId, NodeId, PoolId, ShardId, Time, UpstreamId};
use crate::config::Route;
use crate::engine::Engine;
use crate::engine::action::CloseReason;
use crate::engine::clients::Pause;
use crate::engine::clients::replies::Seq;
use crate::engine::upstreams::{Lane, Owner, Step, Upstream};
use crate::resp;
use crate::topology::{NodeState, Role};

/// Nodes are asked again after a quarter of the time that they have been asked for, within these bounds: a
/// replica that is near answers at once, one that is far does not cost much.
const ASK_AGAIN_FIRST: Duration = Duration::from_millis(1);
const ASK_AGAIN_LAST: Duration = Duration::from_millis(50);

/// A client that waits. It is not read on meanwhile, so there is at most one each.
pub(crate) struct Waiter {
    pub(crate) client: ClientId,
    pub(crate) seq: Seq,
    pool: PoolId,
    /// Replicas that must have it.
    enough: i64,
    timeout: Duration,
    begun: Option<Begun>,
}

/// All that the client wrote has been answered: how far replicas are.
struct Begun {
    /// Answers to questions asked before this one say nothing of all its writes.
    question: u32,
    /// `None`: for ever.
    until: Option<Time>,
    shards: Vec<Reached>,
    /// It wrote nothing: every replica has it.
    wrote: bool,
}

struct Reached {
    shard: ShardId,
    /// What is to be reached; not known until the primary has answered.
    mark: Option<Mark>,
    count: usize,
}

/// What is known of a shard that somebody waits for.
struct Watch {
    since: Time,
    ask_at: Time,
    said: BTreeMap<NodeId, Replication>,
}

/// Who waits, and what nodes have said for them.
#[derive(Default)]
pub(crate) struct Waits {
    waiters: Vec<Waiter>,
    watches: BTreeMap<(PoolId, ShardId), Watch>,
    /// Number of the last question.
    question: u32,
}

impl Waits {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Waiter> {
        self.waiters.iter()
    }

    /// A client has gone.
    pub(crate) fn forget(&mut self, client: ClientId) {
        self.waiters.retain(|w| w.client != client);
    }

    /// Shards that nobody waits for any more are forgotten.
    fn tidy(&mut self) {
        let waiters = &self.waiters;
        self.watches.retain(|(pool, shard), _| waiters.iter().any(|w| w.waits_for(*pool, *shard)));
    }

    /// When somebody's time is over, or nodes are asked again.
    fn due(&self) -> Option<Time> {
        let until = self.waiters.iter().filter_map(|w| w.begun.as_ref()?.until);
        until.chain(self.watches.values().map(|w| w.ask_at)).min()
    }
}

impl Waiter {
    fn waits_for(&self, pool: PoolId, shard: ShardId) -> bool {
        self.pool == pool && self.begun.iter().any(|b| b.shards.iter().any(|r| r.shard == shard))
    }

    /// Takes what is known of a shard; `answered` is the question that its primary has answered just now. False
    /// where what it waits for can't be found there any more.
    fn look(&mut self, shard: ShardId, answered: Option<u32>, primary: &Replication, watch: &Watch) -> bool {
        let Some(begun) = &mut self.begun else { return true };
        let (since, wrote) = (begun.question, begun.wrote);
        let Some(reached) = begun.shards.iter_mut().find(|r| r.shard == shard) else { return true };
        // Numbers of questions wrap.
        let asked_since = answered.is_some_and(|question| question.wrapping_sub(since) < u32::MAX / 2);
        if reached.mark.is_none() && asked_since {
            reached.mark = Some(if wrote { Mark::now(primary) } else { Mark::beginning(primary) });
        }
        let Some(mark) = &reached.mark else { return true };
        reached.count = mark.reached_by(primary, &watch.said);
        mark.belongs_to(primary)
    }

    fn has_enough(&self) -> bool {
        self.begun.as_ref().is_some_and(|begun| {
            begun.shards.iter().all(|r| r.mark.is_some() && r.count as i64 >= self.enough)
        })
    }

    fn count(&self) -> usize {
        let shards = self.begun.iter().flat_map(|begun| &begun.shards);
        shards.map(|r| r.count).min().unwrap_or(0)
    }
}

impl Engine {
    pub(super) fn wait(&mut self, id: ClientId, pool: PoolId, request: &[u8]) -> Flow {
        let arg = |i: usize| self.args.get(i).map_or(&[][..], |arg| arg.of(request));
        let Some(enough) = integer(arg(1)) else {
            return self.refuse(id, ErrorReply::Keys { text: "ERR value is not an integer or out of range" });
        };
        let Some(timeout) = integer(arg(2)) else {
            return self
                .refuse(id, ErrorReply::Keys { text: "ERR timeout is not an integer or out of range" });
        };
        let Ok(timeout) = u64::try_from(timeout) else {
            return self.refuse(id, ErrorReply::Keys { text: "ERR timeout is negative" });
        };
        if self.clients.get(id).is_some_and(|client| client.route == Route::Replica) {
            return self.refuse(id, ErrorReply::WaitOnReplica { pool: &self.pool_name(pool) });
        }
        let Some(seq) = self.reserve(id) else { return Flow::Taken };
        if let Some(client) = self.clients.get_mut(id) {
            client.pause.set(Pause::TURN);
        }
        let timeout = Duration::from_millis(timeout);
        self.waits.waiters.push(Waiter { client: id, seq, pool, enough, timeout, begun: None });
        Flow::Taken
    }

    /// Clients whose earlier requests are all answered begin to wait; at the end of a turn.
    pub(in crate::engine) fn begin_waits(&mut self) {
        if self.waits.waiters.iter().all(|w| w.begun.is_some()) {
            return;
        }
        let question = self.waits.question.wrapping_add(1);
        let mut waiters = core::mem::take(&mut self.waits.waiters);
        let mut shards: Vec<(PoolId, ShardId)> = Vec::new();
        let mut unsure: Vec<(ClientId, ShardId)> = Vec::new();
        for waiter in waiters.iter_mut().filter(|w| w.begun.is_none()) {
            let Some(client) = self.clients.get(waiter.client) else { continue };
            if !client.replies.is_head(waiter.seq) {
                continue;
            }
            let all = (0..self.topology.pool(waiter.pool).shards.len() as u16).map(ShardId);
            let wrote = client.writes.any();
            let asked: Vec<ShardId> = all.filter(|shard| !wrote || client.writes.has(*shard)).collect();
            unsure.extend(asked.iter().filter(|s| client.writes.unsure(**s)).map(|s| (waiter.client, *s)));
            shards.extend(asked.iter().map(|shard| (waiter.pool, *shard)));
            let until = (!waiter.timeout.is_zero()).then(|| self.now + waiter.timeout);
            let reached = |shard| Reached { shard, mark: None, count: 0 };
            let shards = asked.into_iter().map(reached).collect();
            waiter.begun = Some(Begun { question, until, shards, wrote });
        }
        self.waits.waiters = waiters;
        for (client, shard) in unsure {
            self.fail_wait(client, shard);
        }
        shards.sort_unstable();
        shards.dedup();
        if !shards.is_empty() {
            self.waits.question = question;
        }
        for (pool, shard) in shards {
            let (now, said) = (self.now, BTreeMap::new());
            let watch = self.waits.watches.entry((pool, shard));
            let watch = watch.or_insert(Watch { since: now, ask_at: now, said });
            watch.since = now;
            self.ask_offsets(pool, shard, true);
        }
        self.waits.tidy();
    }

    /// Asks the primary and the replicas of a shard how far they are, and says when they are asked again. One
    /// that has not answered yet is not asked, but for a primary that must be (`newly`).
    fn ask_offsets(&mut self, pool: PoolId, shard: ShardId, newly: bool) {
        let question = self.waits.question;
        let Some(watch) = self.waits.watches.get_mut(&(pool, shard)) else { return };
        let again = (self.now.since(watch.since) / 4).clamp(ASK_AGAIN_FIRST, ASK_AGAIN_LAST);
        watch.ask_at = self.now + again;
        self.due_by(self.now + again);
        let snapshot = Arc::clone(self.topology.pool(pool));
        let primary = snapshot.shard(shard).primary;
        for node in snapshot.members(shard) {
            // What it is fit for does not matter: it is only asked, and says itself which history it has.
            if node.role == Role::Deposed || node.state == NodeState::Maint {
                continue;
            }
            match self.shared_upstream(pool, node.id) {
                Some(id) if (newly && Some(node.id) == primary) || !self.asks_offset(id) => {
                    self.ask(id, Step::Offset(question), &["INFO", "replication"]);
                }
                Some(_) => {}
                // Nobody reads from it; it is only asked from now on.
                None => self.connect_first(pool, node.id),
            }
        }
    }

    /// Any ready upstream to a node that small questions may go by.
    fn shared_upstream(&self, pool: PoolId, node: NodeId) -> Option<UpstreamId> {
        let fits =
            |u: &Upstream| u.pool == pool && u.node == node && u.lane == Lane::Shared && u.takes_more();
        self.upstreams.iter().find(|(_, u)| fits(u)).map(|(id, _)| id)
    }

    fn asks_offset(&self, id: UpstreamId) -> bool {
        let own = |owner: Owner| matches!(owner, Owner::Own(Step::Offset(_)));
        self.upstreams.get(id).is_some_and(|u| u.expected.iter().any(|e| own(e.owner)))
    }

    /// A node has said how far it is.
    pub(in crate::engine) fn offset_seen(&mut self, id: UpstreamId, question: u32, reply: &[u8]) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, shard, node) = (upstream.pool, upstream.shard, upstream.node);
        let is_primary = self.topology.pool(pool).shard(shard).primary == Some(node);
        let Some(said) = Replication::of(reply) else {
            if is_primary && reply.starts_with(b"-NOPERM") {
                self.refuse_waits(pool, shard, node);
            }
            return;
        };
        let Some(mut watch) = self.waits.watches.remove(&(pool, shard)) else { return };
        let answers = is_primary && said.primary;
        watch.said.insert(node, said);
        let primary = self.topology.pool(pool).shard(shard).primary.and_then(|p| watch.said.get(&p));
        let mut lost: Vec<ClientId> = Vec::new();
        if let Some(primary) = primary.filter(|p| p.primary) {
            let answered = answers.then_some(question);
            let mine = |w: &&mut Waiter| w.waits_for(pool, shard);
            for waiter in self.waits.waiters.iter_mut().filter(mine) {
                if !waiter.look(shard, answered, primary, &watch) {
                    lost.push(waiter.client);
                }
            }
        }
        self.waits.watches.insert((pool, shard), watch);
        lost.into_iter().for_each(|client| self.fail_wait(client, shard));
        self.end_waits(|w| w.has_enough());
    }

    /// Answers those who are done.
    fn end_waits(&mut self, done: impl Fn(&Waiter) -> bool) {
        let mut over = Vec::new();
        self.waits.waiters.retain(|w| {
            let done = done(w);
            if done {
                over.push((w.client, w.seq, w.count()));
            }
            !done
        });
        for (client, seq, count) in over {
            let mut reply = Vec::new();
            resp::integer(&mut reply, count as i64);
            self.give(client, seq, &reply);
        }
        self.waits.tidy();
    }

    /// What a client wrote belongs to a history that is over.
    fn fail_wait(&mut self, client: ClientId, shard: ShardId) {
        let Some(waiter) = self.take_waiter(client) else { return };
        let snapshot = Arc::clone(self.topology.pool(waiter.pool));
        let (pool, shard) = (snapshot.config.name.as_str(), &*snapshot.shard(shard).name);
        self.fail_owner(HeldOwner::Client { client, seq: waiter.seq }, ErrorReply::WaitLost { pool, shard });
    }

    /// CLIENT UNBLOCK: the answer is this error, or the count as it is. False where the client does not wait.
    pub(super) fn unblock_wait(&mut self, client: ClientId, error: Option<&[u8]>) -> bool {
        let Some(waiter) = self.take_waiter(client) else { return false };
        match error {
            Some(error) => self.give(client, waiter.seq, error),
            None => {
                let mut reply = Vec::new();
                resp::integer(&mut reply, waiter.count() as i64);
                self.give(client, waiter.seq, &reply);
            }
        }
        self.waits.tidy();
        true
    }

    fn take_waiter(&mut self, client: ClientId) -> Option<Waiter> {
        let at = self.waits.waiters.iter().position(|w| w.client == client)?;
        Some(self.waits.waiters.swap_remove(at))
    }

    /// A primary does not tell its offset to Ketch's user.
    fn refuse_waits(&mut self, pool: PoolId, shard: ShardId, node: NodeId) {
        let snapshot = Arc::clone(self.topology.pool(pool));
        let node = snapshot.node(node).map_or_else(String::new, |n| n.address.to_string());
        let waiters: Vec<ClientId> =
            self.waits.waiters.iter().filter(|w| w.waits_for(pool, shard)).map(|w| w.client).collect();
        for client in waiters {
            let Some(waiter) = self.take_waiter(client) else { continue };
            let owner = HeldOwner::Client { client, seq: waiter.seq };
            self.fail_owner(owner, ErrorReply::WaitDenied { pool: &snapshot.config.name, node: &node });
        }
        self.waits.tidy();
    }

    /// Those whose time is over get the count as it is, and nodes are asked again for the others.
    pub(in crate::engine) fn expire_waits(&mut self) {
        if self.waits.is_empty() {
            return;
        }
        let now = self.now;
        self.end_waits(|w| w.begun.as_ref().and_then(|b| b.until).is_some_and(|until| until <= now));
        // One that closed its side while it waits has gone, as for Redis.
        let gone = |w: &&Waiter| self.clients.get(w.client).is_none_or(|c| c.eof && c.output.is_empty());
        let gone: Vec<ClientId> = self.waits.waiters.iter().filter(gone).map(|w| w.client).collect();
        for client in gone {
            self.waits.forget(client);
            self.close_client(client, CloseReason::Eof);
        }
        self.waits.tidy();
        let due = self.waits.watches.iter().filter(|(_, watch)| watch.ask_at <= now);
        for (pool, shard) in due.map(|(place, _)| *place).collect::<Vec<_>>() {
            self.waits.question = self.waits.question.wrapping_add(1);
            self.ask_offsets(pool, shard, false);
        }
    }

    pub(in crate::engine) fn next_wait(&self) -> Option<Time> {
        self.waits.due()
    }

    /// What was written to a shard until now may be missing from what its primary has from now on.
    pub(in crate::engine) fn doubt_writes(&mut self, pool: PoolId, shard: ShardId) {
        let concerned = self.clients.iter().filter(|(_, c)| c.pool == pool && c.writes.has(shard));
        for id in concerned.map(|(id, _)| id).collect::<Vec<ClientId>>() {
            if let Some(client) = self.clients.get_mut(id) {
                client.writes.doubt(shard);
            }
        }
    }
}

/// As Redis reads one.
fn integer(text: &[u8]) -> Option<i64> {
    let number: i64 = core::str::from_utf8(text).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(number).as_bytes() == text).then_some(number)
}
