//! Questions to all workers: asked for a client, answered by each of what it has, put together as one reply
//! in the client's order. See `exchange` for the way, and for how to add a question.
//!
//! A client that asks goes on: its later requests are not held up, their replies wait for their turn. A worker
//! that doesn't answer in time (one that is about to end) makes an error of the whole, never a wait.

use core::time::Duration;
use std::collections::BTreeMap;

use super::Engine;
use super::action::{Action, CloseReason};
use super::clients::replies::Seq;
use super::clients::{Client, Session};
use super::road::{ErrorReply, HeldOwner};
use crate::base::{ByteSize, ClientId, PoolId, Time, WorkerId};
use crate::command;
use crate::exchange::{Answer, ClientCard, ClientFilter, ClientKind, Line, Notice, Question, Ticket};
use crate::resp;

/// Questions of one worker that may wait for answers. Each is a client's, and clients ask them rarely.
const OPEN_MAX: usize = 1024;
/// How long other workers have. One that lives turns at least once a second.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A question, whom it is for, and what becomes of the answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Inquiry {
    pub(crate) question: Question,
    pub(crate) to: Whom,
    pub(crate) say: Say,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whom {
    /// The worker of the client that asks.
    Own,
    All,
}

/// How answers become a reply.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Say {
    Ok,
    /// All lines in one text, each with a line feed at its end.
    Text,
    /// The sum.
    Count,
    /// OK if there was one to be closed.
    OkIfKilled,
}

/// A question whose answers are not all in.
pub(crate) struct Open {
    pub(crate) client: ClientId,
    pub(crate) seq: Seq,
    say: Say,
    missing: usize,
    answers: Vec<Answer>,
    since: Time,
}

/// A worker's own questions, by the number on their ticket.
#[derive(Default)]
pub(crate) struct Inquiries {
    open: BTreeMap<u64, Open>,
    next: u64,
}

impl Inquiries {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Open> {
        self.open.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// When the oldest has waited long enough: they are asked in the order of their numbers.
    pub(crate) fn next_expiry(&self) -> Option<Time> {
        self.open.first_key_value().map(|(_, open)| open.since + ANSWER_WITHIN)
    }
}

impl Engine {
    /// Another worker asks: its answer is an action.
    pub fn asked(&mut self, ticket: Ticket, question: &Question) {
        let answer = self.answer_question(question, None);
        self.actions.push_back(Action::Reply { ticket, answer });
    }

    /// One worker's answer to a question of this one. `Answer::Busy` where the question found no room.
    pub fn answered(&mut self, ticket: Ticket, _from: WorkerId, answer: Answer) {
        let Some(open) = self.inquiries.open.get_mut(&ticket.number) else { return };
        open.answers.push(answer);
        open.missing = open.missing.saturating_sub(1);
        if open.missing == 0 {
            self.conclude(ticket.number);
        }
    }

    /// Something happened that all workers should know.
    pub fn told(&mut self, notice: &Notice) {
        match notice {
            Notice::PauseChanged | Notice::Missed => self.see_pauses(),
        }
    }

    /// Tells all other workers; whoever has no room learns that it missed something.
    pub(super) fn tell_others(&mut self, notice: &Notice) {
        for to in self.other_workers() {
            self.actions.push_back(Action::Tell { to, notice: notice.clone() });
        }
    }

    /// Asks for a client, which has its place in the order already.
    pub(super) fn inquire(&mut self, client: ClientId, seq: Seq, inquiry: Inquiry) {
        let Inquiry { question, to, say } = inquiry;
        let others: Vec<WorkerId> = match to {
            Whom::Own => Vec::new(),
            Whom::All => self.other_workers().collect(),
        };
        if !others.is_empty() && self.inquiries.len() >= OPEN_MAX {
            let (busy, of) = (others.len(), self.workers);
            return self.fail_owner(HeldOwner::Client { client, seq }, ErrorReply::WorkersBusy { busy, of });
        }
        let number = self.inquiries.next;
        self.inquiries.next += 1;
        let answers = vec![self.answer_question(&question, Some(client))];
        let open = Open { client, seq, say, missing: others.len(), answers, since: self.now };
        let alone = others.is_empty();
        self.inquiries.open.insert(number, open);
        let ticket = Ticket { asker: self.worker, number };
        for to in others {
            self.actions.push_back(Action::Ask { ticket, to, question: question.clone() });
        }
        if alone {
            self.conclude(number);
        } else {
            self.due_by(self.now + ANSWER_WITHIN);
        }
    }

    fn other_workers(&self) -> impl Iterator<Item = WorkerId> + use<> {
        let own = usize::from(self.worker.0);
        (0..self.workers).filter(move |worker| *worker != own).map(|worker| WorkerId(worker as u16))
    }

    /// What has waited for too long is answered with what is missing.
    pub(super) fn expire_inquiries(&mut self) {
        while let Some((&number, open)) = self.inquiries.open.first_key_value()
            && open.since + ANSWER_WITHIN <= self.now
        {
            self.conclude(number);
        }
    }

    /// All answers are in, or are not waited for any longer.
    fn conclude(&mut self, number: u64) {
        let Some(open) = self.inquiries.open.remove(&number) else { return };
        let Some(client) = self.clients.get(open.client) else { return };
        let (pool, protocol) = (client.pool, client.profile.protocol);
        let owner = HeldOwner::Client { client: open.client, seq: open.seq };
        let busy = open.missing + open.answers.iter().filter(|answer| **answer == Answer::Busy).count();
        if busy > 0 {
            return self.fail_owner(owner, ErrorReply::WorkersBusy { busy, of: self.workers });
        }
        if open.answers.contains(&Answer::TooMuch) {
            let limit = self.topology.pool(pool).config.limits.gather_limit;
            let error = ErrorReply::AnswerLimit { pool: &self.pool_name(pool), limit };
            return self.fail_owner(owner, error);
        }
        let killed = count(&open.answers);
        let mut reply = Vec::new();
        match open.say {
            Say::Ok => resp::simple(&mut reply, "OK"),
            Say::Count => resp::integer(&mut reply, killed),
            Say::OkIfKilled if killed == 0 => return self.fail_owner(owner, ErrorReply::NoSuchClient),
            Say::OkIfKilled => resp::simple(&mut reply, "OK"),
            Say::Text => resp::verbatim(&mut reply, protocol, &text(open.answers)),
        }
        self.give(open.client, open.seq, &reply);
    }

    /// What this worker says to a question; `asker` is the client that asks, if it is one of this worker's.
    fn answer_question(&mut self, question: &Question, asker: Option<ClientId>) -> Answer {
        match question {
            Question::ListClients { pool, filter } => self.list_clients(*pool, filter),
            Question::KillClients { pool, filter } => self.kill_clients(*pool, filter, asker),
            Question::UnblockClient { pool, number, error } => {
                Answer::Count(u64::from(self.unblock_client(*pool, *number, *error)))
            }
            Question::SeenPause { .. } => {
                self.see_pauses();
                Answer::Done
            }
        }
    }

    fn list_clients(&self, pool: PoolId, filter: &ClientFilter) -> Answer {
        let limit = self.share_of_answer(pool).as_usize();
        let (mut lines, mut bytes) = (Vec::new(), 0);
        for (id, client) in self.clients.iter::<ClientId>().filter(|(_, c)| c.pool == pool) {
            let card = self.card(id, client);
            if !filter.means(&card) {
                continue;
            }
            for order in filter.places(card.number) {
                let text = card.to_string().into_bytes();
                bytes += text.len();
                lines.push(Line { order, text });
            }
            if bytes > limit {
                return Answer::TooMuch;
            }
        }
        Answer::Lines(lines)
    }

    /// This worker's part of what a reply may be gathered from.
    fn share_of_answer(&self, pool: PoolId) -> ByteSize {
        let limit = self.topology.pool(pool).config.limits.gather_limit;
        ByteSize(limit.0 / self.workers as u64)
    }

    /// The client that asks is given what it is owed first, the others are not.
    fn kill_clients(&mut self, pool: PoolId, filter: &ClientFilter, asker: Option<ClientId>) -> Answer {
        let meant =
            |(id, client): &(ClientId, &Client)| client.pool == pool && filter.means(&self.card(*id, client));
        let killed: Vec<ClientId> = self.clients.iter().filter(meant).map(|(id, _)| id).collect();
        for id in &killed {
            if Some(*id) == asker {
                self.close_after_replies(*id);
            } else {
                self.close_client(*id, CloseReason::Killed);
            }
        }
        Answer::Count(killed.len() as u64)
    }

    /// A client as CLIENT LIST tells of it.
    pub(super) fn card<'a>(&'a self, id: ClientId, client: &'a Client) -> ClientCard<'a> {
        let session = &client.session;
        let begun = session.transaction.as_ref();
        let watch = begun.and_then(|begun| begun.watch.as_ref());
        let input = client.input.len();
        let parked = client.replies.parked_bytes() + client.gathered;
        let block = begun.and_then(|begun| begun.block.as_ref());
        let kept = size_of::<Client>() + size_of::<Session>();
        ClientCard {
            number: client.number,
            peer: session.peer,
            local: session.local,
            listener: &self.topology.listener(client.listener).address,
            name: &session.name,
            lib_name: &session.lib_name,
            lib_version: &session.lib_version,
            user: session.user.as_deref().unwrap_or("default"),
            age: self.now.since(session.opened).as_secs(),
            idle: self.now.since(session.last).as_secs(),
            flags: self.client_flags(id, client),
            kind: if client.subscribed { ClientKind::Pubsub } else { ClientKind::Normal },
            db: client.profile.db,
            subscriptions: session.subscriber.as_ref().map_or([0; 3], |s| s.counts()),
            queued: block.map(|block| block.commands),
            watched: watch.map_or(0, |watch| watch.keys),
            input,
            output: client.output.len(),
            parked,
            memory: kept + input + client.output.len() + parked,
            reading: client.reading,
            command: client.command.map(|row| command::row(row).name),
            redirect: -1,
            resp: client.profile.protocol.number(),
            received: session.received,
            sent: client.sent,
            commands: client.commands,
        }
    }

    /// Redis's letters for what a client is in, in its order: P subscribed, x in a transaction, b blocked,
    /// t, R, B tracking, d a watched key has changed, c to be closed after its replies, r reading from a
    /// replica, e not evicted, T not touching keys.
    fn client_flags(&self, id: ClientId, client: &Client) -> String {
        let watch = client.session.transaction.as_ref().and_then(|begun| begun.watch.as_ref());
        let letters = [
            ('P', client.subscribed),
            ('x', client.in_multi),
            ('b', client.session.blocked.is_some() || self.hold.is_paused(id)),
            ('d', watch.is_some_and(|watch| watch.broken)),
            ('c', client.pause.has(super::Pause::CLOSING)),
            ('e', client.session.no_evict),
            ('T', client.session.no_touch),
        ];
        letters.iter().filter_map(|(letter, is)| is.then_some(*letter)).collect()
    }

    /// The driver knows Ketch's end of a client's connection.
    pub fn client_local(&mut self, id: ClientId, local: core::net::SocketAddr) {
        if let Some(client) = self.clients.get_mut(id) {
            client.session.local = Some(local);
        }
    }
}

fn count(answers: &[Answer]) -> i64 {
    let counts = answers.iter().map(|answer| if let Answer::Count(n) = answer { *n } else { 0 });
    i64::try_from(counts.sum::<u64>()).unwrap_or(i64::MAX)
}

fn text(answers: Vec<Answer>) -> Vec<u8> {
    let of = |answer| if let Answer::Lines(lines) = answer { lines } else { Vec::new() };
    let mut lines: Vec<Line> = answers.into_iter().flat_map(of).collect();
    lines.sort_by_key(|line| line.order);
    let mut text = Vec::new();
    for line in lines {
        text.extend_from_slice(&line.text);
        text.push(b'\n');
    }
    text
}
