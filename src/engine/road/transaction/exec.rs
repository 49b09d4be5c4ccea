//! How a block is sent, and what becomes of its answer.
//!
//! On the wire it is `MULTI`, the commands, `EXEC`: one request of one place in the client's order, whose
//! last reply is the answer. The replies before it are swallowed; an error among them is the reason that the
//! answer then gives.

use super::{ABORTED, OK};
use crate::base::{ClientId, PoolId, ShardId, UpstreamId};
use crate::command::{self, Found, Handling, Local, Row, Transaction};
use crate::engine::Engine;
use crate::engine::action::CloseReason;
use crate::engine::clients::Pause;
use crate::engine::clients::pinned::{Block, Executing, Own, OwnKind};
use crate::engine::profile::Profile;
use crate::engine::road::gather::Join;
use crate::engine::road::judge::Case;
use crate::engine::road::{Flow, GatherId, HeldOwner, Tag, UNBOUND};
use crate::engine::upstreams::{Expected, Owner, Step};
use crate::failover::{Fate, Verdict};
use crate::resp::{self, Elements, RequestScanner, Scanned, Span};

const BEGIN: &[u8] = b"*1\r\n$5\r\nMULTI\r\n";
const END: &[u8] = b"*1\r\n$4\r\nEXEC\r\n";

impl Engine {
    pub(super) fn exec(&mut self, id: ClientId, pool: PoolId, row: &'static Row) -> Flow {
        let first = ShardId(self.topology.pool(pool).placement.first() as u16);
        let Some(client) = self.clients.get_mut(id) else { return Flow::Taken };
        let protocol = client.profile.protocol;
        let begun = client.begun();
        let broken = begun.watch.as_ref().is_some_and(|watch| watch.broken);
        let Some(block) = &begun.block else { return Flow::Taken };
        if block.dirty {
            self.forget_transaction(id);
            return self.say_error(id, ABORTED);
        }
        if broken {
            self.forget_transaction(id);
            let mut nothing = Vec::new();
            resp::null_array(&mut nothing, protocol);
            return self.say(id, &nothing);
        }
        let watched = begun.watch.as_ref().map(|watch| watch.shard);
        let shard = watched.or(block.shard).unwrap_or(first);
        let on_node = watched.is_some() || !block.bytes.is_empty();
        if on_node && self.must_wait_unread(id, pool, shard, false) {
            return Flow::NotNow;
        }
        let Some(client) = self.clients.get_mut(id) else { return Flow::Taken };
        client.in_multi = false;
        let Some(block) = client.begun().block.take() else { return Flow::Taken };
        if on_node {
            self.send_block(id, pool, shard, row, block)
        } else {
            self.answer_block(id, block)
        }
        Flow::Taken
    }

    fn send_block(&mut self, id: ClientId, pool: PoolId, shard: ShardId, row: &'static Row, block: Block) {
        let Some(seq) = self.reserve(id) else { return };
        let mut request = Vec::with_capacity(BEGIN.len() + block.bytes.len() + END.len());
        request.extend_from_slice(BEGIN);
        request.extend_from_slice(&block.bytes);
        request.extend_from_slice(END);
        let Some(client) = self.clients.get_mut(id) else { return };
        let mut owner = HeldOwner::Client { client: id, seq };
        if !block.own.is_empty() {
            let gather = self.gathers.begin(id, seq, Join::Block, false, 1);
            owner = HeldOwner::Part { client: id, seq, gather, part: 0 };
        }
        if client.watching || !block.own.is_empty() {
            client.pause.set(Pause::TURN);
            client.begun().executing = Some(Executing { seq, own: block.own });
        } else {
            client.session.transaction = None;
        }
        let chosen = self.choose(id, pool, shard, false);
        match self.unless_paused(pool, row, chosen) {
            Ok(upstream) => self.enqueue_block(upstream, owner, row, &request, 0),
            Err(why) => self.keep(owner, pool, shard, row, &request, 0, why),
        }
        if self.clients.get(id).is_some_and(|client| client.watching) {
            self.wait_for_pin(id);
        }
    }

    /// A block that holds nothing for a node.
    fn answer_block(&mut self, id: ClientId, block: Block) {
        let Some(seq) = self.reserve(id) else { return };
        if let Some(client) = self.clients.get_mut(id) {
            client.session.transaction = None;
        }
        let mut reply = Vec::new();
        self.spliced(id, b"*0\r\n", Tag::default(), block.own, &mut reply);
        self.give(id, seq, &reply);
    }

    /// Puts a whole block on an upstream. If it selects another database the upstream goes back to its own
    /// right behind it.
    pub(in crate::engine::road) fn enqueue_block(
        &mut self,
        id: UpstreamId,
        owner: HeldOwner,
        row: &'static Row,
        request: &[u8],
        attempts: u8,
    ) {
        self.load_scripts_of_block(id, request);
        let (commands, selects) = commands_of(request);
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let db = upstream.profile.db;
        for _ in 1..commands {
            let expected = Expected {
                owner: Owner::Own(Step::Queued),
                length: 0,
                row: row.id(),
                attempts: 0,
                streamed: false,
            };
            upstream.queue(&[], expected, self.now, &mut self.buffers);
        }
        self.enqueue(id, owner, row, request, attempts);
        if selects {
            self.ask(id, Step::Select, &["SELECT", &db.to_string()]);
        }
    }

    /// The answer to MULTI, or to a command of the block behind it.
    pub(in crate::engine) fn queued(&mut self, id: UpstreamId, reply: &[u8]) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        match reply.first() {
            Some(b'-') => drop(upstream.refusal.get_or_insert_with(|| reply.into())),
            // A node that refused MULTI executes what follows, and answers it.
            _ if upstream.refusal.is_some() => {}
            _ if reply == OK || reply == super::QUEUED => {}
            _ => self.lose(id, CloseReason::BadReply),
        }
    }

    /// What EXEC answered, with the reason that came before it. `None` where it says all itself.
    pub(in crate::engine::road) fn refusal(&mut self, id: UpstreamId, reply: &[u8]) -> Option<Vec<u8>> {
        let upstream = self.upstreams.get_mut(id)?;
        let front = upstream.expected.front()?;
        if command::row(front.row).handling != Handling::Transaction(Transaction::Exec) {
            return None;
        }
        let refusal = upstream.refusal.take()?;
        if reply.starts_with(b"-EXECABORT Transaction discarded because of previous errors") {
            let mut reason = b"-EXECABORT Transaction discarded because of: ".to_vec();
            reason.extend_from_slice(&refusal[1..]);
            return Some(reason);
        }
        if reply.starts_with(b"-EXECABORT ") {
            return None;
        }
        // MULTI itself was refused: that is the cause.
        Some(refusal.into_vec())
    }

    /// What becomes of an EXEC whose client watched keys, and of a WATCH, where it was not simply answered:
    /// the reply, if it differs from what becomes of others.
    pub(in crate::engine::road) fn watched_verdict(
        &mut self,
        case: &Case<'_>,
        verdict: Verdict,
        fate: Fate<'_>,
    ) -> Option<Vec<u8>> {
        let Handling::Transaction(verb) = case.row.handling else { return None };
        let client = self.clients.get(case.owner.client())?;
        let begun = client.session.transaction.as_ref()?;
        let broken = begun.watch.as_ref().is_some_and(|watch| watch.broken);
        let executing = begun.executing.as_ref().is_some_and(|e| e.seq == case.owner.seq());
        match verb {
            // Its EXEC will tell.
            Transaction::Watch if broken && fate != Fate::TimedOut => Some(OK.to_vec()),
            Transaction::Exec if executing && client.watching => {
                let not_executed = matches!(
                    verdict,
                    Verdict::HoldForPrimary | Verdict::SendAgainDoubting | Verdict::AskRole
                );
                not_executed.then(|| {
                    let mut nothing = Vec::new();
                    resp::null_array(&mut nothing, client.profile.protocol);
                    nothing
                })
            }
            _ => None,
        }
    }

    /// The node's answer to a block in which some commands are Ketch's own.
    pub(in crate::engine::road) fn join_block(&mut self, id: GatherId) {
        let Some(gather) = self.gathers.get(id) else { return };
        let (client, seq, bytes, process) = (gather.client, gather.seq, gather.bytes(), gather.answered_by());
        let mut reply = Vec::new();
        gather.join(&mut reply);
        self.gathers.end(id);
        let Some(c) = self.clients.get_mut(client) else { return };
        c.gathered -= bytes;
        let executing = c.session.transaction.as_mut().and_then(|t| t.executing.as_mut());
        let own = executing.filter(|e| e.seq == seq).map(|e| core::mem::take(&mut e.own));
        let mut whole = Vec::with_capacity(reply.len());
        self.spliced(client, &reply, process, own.unwrap_or_default(), &mut whole);
        self.give(client, seq, &whole);
    }

    /// Ketch's own answers at their places among the node's. Where the node executed nothing, neither does
    /// Ketch.
    fn spliced(&mut self, id: ClientId, reply: &[u8], process: Tag, own: Vec<Own>, out: &mut Vec<u8>) {
        let Some(elements) = Elements::of(reply) else { return out.extend_from_slice(reply) };
        let answers = own.iter().filter(|own| matches!(own.what, OwnKind::Answer(..))).count();
        let total = elements.len() + answers;
        resp::array(out, total);
        let (mut elements, mut own) = (elements, own.into_iter().peekable());
        for at in 0..total {
            let mine = own.next_if(|own| own.at == at).map(|own| own.what);
            match mine {
                Some(OwnKind::Answer(local, request)) => self.answer_within(id, local, &request, out),
                Some(OwnKind::Published { topic, channel, shard }) => {
                    let Some(element) = elements.next() else { return };
                    self.put_right(id, topic, &channel, shard, element, out);
                }
                Some(OwnKind::Page(page)) => {
                    let Some(element) = elements.next() else { return };
                    if element.starts_with(b"-") {
                        out.extend_from_slice(element);
                    } else {
                        page.join(element, process, out);
                    }
                }
                other => {
                    let Some(element) = elements.next() else { return };
                    out.extend_from_slice(element);
                    if let Some(OwnKind::Select(db)) = other
                        && element == OK
                        && let Some(profile) = self.clients.get(id).map(|client| client.profile)
                    {
                        self.set_profile(id, Profile { db, ..profile });
                    }
                }
            }
        }
    }
}

/// How many commands a block is, MULTI and EXEC included, and whether it selects a database.
fn commands_of(request: &[u8]) -> (usize, bool) {
    let (mut at, mut count, mut selects) = (0, 0, false);
    let mut args: Vec<Span> = Vec::new();
    while at < request.len() {
        args.clear();
        let Scanned::Request { len } = RequestScanner::default().scan(&request[at..], &mut args, &UNBOUND)
        else {
            debug_assert!(false, "a block of what is no requests");
            break;
        };
        if let Found::Row(row) = command::find(&request[at..at + len], &args) {
            selects |= row.handling == Handling::Local(Local::Select);
        }
        at += len;
        count += 1;
    }
    (count, selects)
}
