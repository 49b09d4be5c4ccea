//! The road of a request: parse → classify → route → reserve → enqueue. This file is that sentence.
//!
//! What leaves it: commands that Ketch answers (`answer`), splits (`split`, `gather`), requests that must
//! wait (`hold`, `release`), large ones that pass through in pieces (`stream`), blocks of commands
//! (`transaction`), what blocks (`blocking`), and the door to upstreams of a client's own (`pin`). The way back
//! is `deliver`, and `judge` for what did not simply get its reply.

mod answer;
mod blocking;
mod close;
mod deliver;
pub(crate) mod error_reply;
mod gather;
mod hold;
mod judge;
mod large;
mod learn;
mod local;
mod monitored;
mod offsets;
mod pin;
pub(crate) mod pubsub;
mod release;
mod scan;
mod script;
mod slow;
mod split;
mod stream;
mod transaction;
mod wait;

pub(crate) use error_reply::ErrorReply;
pub(crate) use gather::{GatherId, Gathers};
pub(crate) use hold::{HeldOwner, Hold, Why};
pub(crate) use learn::Unknown;
pub(crate) use monitored::lost_line;
pub(crate) use scan::{Page, Tag};
pub(crate) use wait::Waits;

use super::Engine;
use super::action::{Action, Party};
use super::clients::replies::Seq;
use super::clients::{FLIGHT_MARK, INPUT_MARK, Pause};
use super::profile::ProfileId;
use super::upstreams::{Expected, Owner};
use crate::base::{ClientId, PoolId, ShardId, UpstreamId, next_random};
use crate::command::{self, Found, Handling, Local, Row, Transaction};
use crate::config::{ReadPolicy, Route};
use crate::resp::{ProtocolError, RequestLimits, RequestScanner, Scanned, Span, inline_to_array};
use crate::routing;
use crate::topology::{Gate, HoldReason};

/// Requests that one client may have parsed in one turn, so that the others get theirs.
const BUDGET: u16 = 1024;

/// What became of a request that was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Taken,
    /// Nothing was done with it: it stays in the client's input, which is paused.
    NotNow,
}

impl Engine {
    /// Bytes of a client: parsed where they lie if nothing is in the way, else kept.
    pub(super) fn take_input(&mut self, id: ClientId, mut bytes: &[u8]) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.pause.has(Pause::CLOSING) {
            return;
        }
        if client.stream.is_some() && client.input.is_empty() {
            bytes = &bytes[self.stream_on(id, bytes)..];
        }
        let Some(client) = self.clients.get_mut(id) else { return };
        if bytes.is_empty() {
            return;
        }
        let at_once =
            client.input.is_empty() && client.partial.is_none() && !client.pause.any() && !client.runnable;
        let taken = if at_once { self.parse(id, bytes) } else { 0 };
        let Some(client) = self.clients.get_mut(id) else { return };
        if taken < bytes.len() && !client.pause.has(Pause::CLOSING) {
            client.input.extend(&bytes[taken..], &mut self.buffers);
        }
        if !at_once && !client.pause.any() {
            self.make_runnable(id);
        }
        self.set_reading(id);
    }

    /// Parses on what a client has in its input.
    pub(super) fn run(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.runnable = false;
        let mut input = core::mem::take(&mut client.input);
        let mut taken = 0;
        if client.stream.is_some() {
            taken = self.stream_on(id, input.as_slice());
        }
        if self.clients.get(id).is_some_and(|c| !c.pause.any()) {
            taken += self.parse(id, &input.as_slice()[taken..]);
        }
        input.consume(taken.min(input.len()), &mut self.buffers);
        match self.clients.get_mut(id) {
            Some(client) if !client.pause.has(Pause::CLOSING) => client.input = input,
            _ => input.clear(&mut self.buffers),
        }
        self.set_reading(id);
        self.finish_if_done(id);
    }

    /// Parses and routes requests; returns how many bytes were taken.
    fn parse(&mut self, id: ClientId, bytes: &[u8]) -> usize {
        let Some(pool) = self.clients.get(id).map(|client| client.pool) else { return bytes.len() };
        self.monitored = self.is_monitored(pool);
        let mut at = 0;
        loop {
            let Some(client) = self.clients.get_mut(id) else { return bytes.len() };
            if at == bytes.len() || client.pause.any() {
                return at;
            }
            if client.turn != self.turn {
                client.turn = self.turn;
                client.parsed = 0;
            }
            if client.parsed == BUDGET {
                self.make_runnable(id);
                return at;
            }
            client.parsed += 1;
            let mut scanner = RequestScanner::default();
            self.args.clear();
            if let Some(mut partial) = client.partial.take() {
                scanner = partial.scanner;
                core::mem::swap(&mut self.args, &mut partial.args);
                self.buffers.give_partial(partial);
            }
            let mut limits = self.pools[usize::from(client.pool.0)].limits;
            if !client.authenticated {
                limits = limits.unauthenticated();
            }
            let rest = &bytes[at..];
            match scanner.scan(rest, &mut self.args, &limits) {
                Scanned::Request { len } => {
                    if self.request(id, &rest[..len]) == Flow::NotNow {
                        return at;
                    }
                    at += len;
                }
                Scanned::Inline { len } => {
                    if self.inline(id, &rest[..len]) == Flow::NotNow {
                        return at;
                    }
                    at += len;
                }
                Scanned::Empty { len } => at += len,
                Scanned::Incomplete => return at + self.incomplete(id, scanner, rest),
                Scanned::Error(error) => {
                    self.protocol_error(id, error);
                    return bytes.len();
                }
            }
        }
    }

    /// Keeps where an incomplete request stands, unless it is one to be streamed: then what is here of
    /// it is taken at once.
    fn incomplete(&mut self, id: ClientId, scanner: RequestScanner, bytes: &[u8]) -> usize {
        if self.begin_stream(id, scanner, bytes) {
            return self.stream_on(id, bytes);
        }
        let Some(client) = self.clients.get_mut(id) else { return bytes.len() };
        let mut partial = self.buffers.take_partial();
        partial.scanner = scanner;
        core::mem::swap(&mut self.args, &mut partial.args);
        client.partial = Some(partial);
        0
    }

    /// An inline request goes on as the array that it stands for.
    fn inline(&mut self, id: ClientId, line: &[u8]) -> Flow {
        let mut request = Vec::new();
        match inline_to_array(line, &mut request) {
            Ok(0) => return Flow::Taken,
            Ok(_) => {}
            Err(error) => {
                self.protocol_error(id, error);
                return Flow::Taken;
            }
        }
        self.args.clear();
        let Some(pool) = self.clients.get(id).map(|c| c.pool) else { return Flow::Taken };
        let limits = self.pools[usize::from(pool.0)].limits;
        match RequestScanner::default().scan(&request, &mut self.args, &limits) {
            Scanned::Request { .. } => self.request(id, &request),
            Scanned::Error(error) => {
                self.protocol_error(id, error);
                Flow::Taken
            }
            _ => Flow::Taken,
        }
    }

    fn request(&mut self, id: ClientId, request: &[u8]) -> Flow {
        if self.monitored { self.request_shown(id, request) } else { self.classify(id, request) }
    }

    /// Classify: what is it, and may this client say it?
    fn classify(&mut self, id: ClientId, request: &[u8]) -> Flow {
        let Some(client) = self.clients.get(id) else { return Flow::Taken };
        let (pool, authenticated, in_multi) = (client.pool, client.authenticated, client.in_multi);
        let subscribed = client.subscribed;
        let found = match command::find(request, &self.args) {
            Found::Unknown => self.find_learned(id, request),
            found => found,
        };
        if let Some(client) = self.clients.get_mut(id) {
            client.command = if let Found::Row(row) = found { Some(row.id()) } else { None };
        }
        let row = match found {
            Found::Row(row) => row,
            Found::Unknown if is_http(self.args.first().map_or(&[], |a| a.of(request))) => {
                self.protocol_error(id, ProtocolError::Http);
                return Flow::Taken;
            }
            _ if !authenticated => return self.refuse(id, ErrorReply::NoAuth),
            Found::Unknown => return self.unknown(id, pool, request),
            Found::UnknownSubcommand(container) => {
                let name = self.args.get(1).map_or(&[][..], |a| a.of(request));
                return self.refuse(id, ErrorReply::UnknownSubcommand { name, container: container.name });
            }
            Found::MissingSubcommand(container) => {
                return self.refuse(id, ErrorReply::Arity { command: container.name });
            }
        };
        if !authenticated && !answer::before_auth(row) {
            return self.refuse(id, ErrorReply::NoAuth);
        }
        if !row.arity_fits(self.args.len()) {
            return match row.handling {
                Handling::Transaction(Transaction::Exec) => self.exec_arity(id),
                _ => self.refuse(id, ErrorReply::Arity { command: row.name }),
            };
        }
        if let Some(script) = row.script
            && !self.may_not_write(id, row)
        {
            self.note_script(pool, script, request);
        }
        if subscribed && let Some(flow) = self.while_subscribed(id, row, request) {
            return flow;
        }
        let flow = match row.handling {
            _ if in_multi => self.queue(id, pool, row, request),
            Handling::Forward => self.forward(id, pool, row, request),
            Handling::Split(split) => self.split(id, pool, row, split, request),
            Handling::EachShard => self.each_shard(id, pool, row, request),
            Handling::Scan => self.scan(id, pool, row, request),
            Handling::Wait => self.wait(id, pool, request),
            Handling::RandomKey => self.random_key(id, pool, row, request),
            Handling::Local(Local::Monitor) => self.monitor(id),
            Handling::Local(local) => self.answer(id, local, request),
            Handling::PubSub(does) => self.pubsub(id, pool, row, does, request),
            Handling::Transaction(verb) => self.transaction(id, pool, row, verb, request),
            Handling::Later(why) => self.refuse(id, ErrorReply::Later { command: row.name, why }),
            Handling::Refused(why) => self.refuse(id, ErrorReply::Refused { command: row.name, why }),
        };
        if flow == Flow::Taken {
            self.pools[usize::from(pool.0)].counters.command(row);
        }
        flow
    }

    fn refuse_unknown(&mut self, id: ClientId, request: &[u8]) -> Flow {
        let name = self.args.first().map_or(&[][..], |a| a.of(request));
        let mut args = Vec::new();
        // As Redis quotes them: each as far as there is room left, the last one in full quotes.
        for arg in self.args.iter().skip(1) {
            let Some(room) = 128usize.checked_sub(args.len()).filter(|room| *room > 0) else { break };
            args.push(b'\'');
            args.extend(arg.of(request).iter().take(room));
            args.extend_from_slice(b"' ");
        }
        self.refuse(id, ErrorReply::UnknownCommand { name, args: &args })
    }

    /// Route and enqueue a request whose keys must all lie on one shard.
    fn forward(&mut self, id: ClientId, pool: PoolId, row: &'static Row, request: &[u8]) -> Flow {
        match self.one_shard(pool, row, request) {
            Ok(shard) => self.forward_to(id, pool, shard, row, request),
            Err(error) => self.refuse_shard(id, pool, error),
        }
    }

    /// Answers a request that has no one shard.
    fn refuse_shard(&mut self, id: ClientId, pool: PoolId, error: NoShard) -> Flow {
        match error {
            NoShard::Crossed => self.refuse(id, ErrorReply::CrossSlot { pool: &self.pool_name(pool) }),
            NoShard::Pattern => self.refuse(id, ErrorReply::SortPattern { pool: &self.pool_name(pool) }),
            NoShard::Keys(text) => self.refuse(id, ErrorReply::Keys { text: &text }),
        }
    }

    /// Reserve and enqueue a request for one shard.
    fn forward_to(
        &mut self,
        id: ClientId,
        pool: PoolId,
        shard: ShardId,
        row: &'static Row,
        request: &[u8],
    ) -> Flow {
        if self.may_not_write(id, row) {
            return self.refuse(id, ErrorReply::ReadOnlyListener { pool: &self.pool_name(pool) });
        }
        if command::blocks(row, request, &self.args) {
            return self.block(id, pool, shard, row, request);
        }
        if self.must_wait_unread(id, pool, shard, row.any_node()) {
            return Flow::NotNow;
        }
        let Some(seq) = self.reserve(id) else { return Flow::Taken };
        self.send(HeldOwner::Client { client: id, seq }, pool, shard, row, request, 0);
        Flow::Taken
    }

    /// Whether a request is a write, and came by a listener that serves reads alone.
    fn may_not_write(&self, id: ClientId, row: &Row) -> bool {
        !row.is_read() && self.clients.get(id).is_some_and(|client| client.route == Route::Replica)
    }

    /// The shard of a request's keys; the first in placement order where it has none.
    fn one_shard(&mut self, pool: PoolId, row: &Row, request: &[u8]) -> Result<ShardId, NoShard> {
        let placement = &self.topology.pool(pool).placement;
        let mut random = None;
        // One number a request: with distribution `random` all its keys go to one shard.
        let mut place = |span: &Span| {
            let random = || *random.get_or_insert_with(|| next_random(&mut self.random));
            ShardId(placement.shard(span.of(request), random) as u16)
        };
        if let Some(span) = row.single_key().and_then(|i| self.args.get(i)) {
            return Ok(place(span));
        }
        self.keys.clear();
        command::keys(row, request, &self.args, &mut self.keys).map_err(|e| NoShard::Keys(e.text()))?;
        let mut shards = self.keys.iter().filter_map(|k| self.args.get(*k as usize)).map(place);
        let Some(first) = shards.next() else { return Ok(ShardId(placement.first() as u16)) };
        if !shards.all(|s| s == first) {
            return Err(NoShard::Crossed);
        }
        let elsewhere = |pattern: &[u8]| placement.pattern(pattern) != Some(usize::from(first.0));
        if command::key_patterns(row, request, &self.args).any(elsewhere) {
            return Err(NoShard::Pattern);
        }
        Ok(first)
    }

    /// A place in the client's order.
    #[inline]
    pub(super) fn reserve(&mut self, id: ClientId) -> Option<Seq> {
        let client = self.clients.get_mut(id)?;
        client.commands += 1;
        let seq = client.replies.reserve();
        if client.replies.owed() >= FLIGHT_MARK {
            client.pause.set(Pause::FLIGHT);
        }
        Some(seq)
    }

    /// Sends a request, or a part of one, on its way; or holds it.
    #[inline]
    pub(super) fn send(
        &mut self,
        owner: HeldOwner,
        pool: PoolId,
        shard: ShardId,
        row: &'static Row,
        request: &[u8],
        attempts: u8,
    ) {
        let chosen = self.choose(owner.client(), pool, shard, row.any_node());
        let chosen = self.in_lane(owner.client(), row, chosen);
        match self.unless_paused(pool, row, chosen) {
            Ok(upstream) => self.enqueue(upstream, owner, row, request, attempts),
            Err(why) => self.keep(owner, pool, shard, row, request, attempts, why),
        }
    }

    /// Which upstream takes a client's next request to a shard. The one rule of the road: while the
    /// client is owed replies of that shard, the same one or none. `is_read`: any node may serve it.
    #[inline]
    pub(super) fn choose(
        &mut self,
        id: ClientId,
        pool: PoolId,
        shard: ShardId,
        is_read: bool,
    ) -> Result<UpstreamId, Why> {
        let Some(client) = self.clients.get(id) else { return Err(Why::Behind) };
        if client.held > 0 && self.hold.holds(id, shard) {
            return Err(Why::Behind);
        }
        if client.watching {
            return self.choose_watching(id, pool, shard, client.profile_id, is_read);
        }
        let (road, reads, profile) = (client.roads.get(shard), client.reads, client.profile_id);
        self.choose_now(road, pool, shard, profile, is_read, reads)
    }

    /// The same for one that is first in its client's order: by the upstream that owes its client replies
    /// of the shard, if there is one, else by a read policy.
    #[inline]
    pub(super) fn choose_now(
        &mut self,
        road: Option<UpstreamId>,
        pool: PoolId,
        shard: ShardId,
        profile: ProfileId,
        is_read: bool,
        reads: ReadPolicy,
    ) -> Result<UpstreamId, Why> {
        if self.pauses.stop(pool, is_read) {
            return Err(Why::Paused);
        }
        let believed = self.topology.pool(pool).shard(shard);
        let gate = believed.gate;
        if let Some(road) = road {
            let fits = self.upstreams.get(road).is_some_and(|u| {
                u.takes_more()
                    && u.is_common()
                    && u.profile_id == profile
                    // A replica may say that it is a master long before, or without, being believed.
                    && (is_read || (u.may_write() && gate == Gate::Open && believed.primary == Some(u.node)))
            });
            let fits = fits && (is_read || !self.subscribes_first(pool, shard));
            return if fits { Ok(road) } else { Err(Why::RoadBusy) };
        }
        let routes = self.pools[usize::from(pool.0)].routes(profile, shard);
        let pick = if is_read {
            let in_flight =
                |i: usize| self.upstreams.get(routes.replicas[i]).map_or(usize::MAX, |u| u.expected.len());
            routing::pick(reads, routes.primary.is_some(), routes.replicas.len(), in_flight, || {
                next_random(&mut self.random)
            })
        } else {
            routing::Pick::Primary
        };
        let upstream = match pick {
            routing::Pick::Primary => routes.primary,
            routing::Pick::Replica(i) => routes.replicas.get(i).copied(),
            routing::Pick::Nobody => None,
        };
        match (gate, upstream) {
            (Gate::Held { reason, .. }, _) if !is_read => Err(Why::Shard(reason)),
            _ if !is_read && self.subscribes_first(pool, shard) => Err(Why::Connecting),
            (_, Some(id)) if is_read || self.upstreams.get(id).is_some_and(|u| u.may_write()) => Ok(id),
            (Gate::Held { reason, .. }, None) => Err(Why::Shard(reason)),
            _ if believed.primary.is_none() => Err(Why::Shard(HoldReason::NoPrimary)),
            _ => Err(Why::Connecting),
        }
    }

    /// Behind everything that the upstream has; the reply will find its way back by the entry.
    #[inline]
    pub(super) fn enqueue(
        &mut self,
        id: UpstreamId,
        owner: HeldOwner,
        row: &'static Row,
        request: &[u8],
        attempts: u8,
    ) {
        if row.script.is_some() {
            self.load_scripts(id, row, request);
        }
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let expected = Expected {
            owner: match owner {
                HeldOwner::Client { client, seq } => Owner::Client { client, seq },
                HeldOwner::Part { gather, part, .. } => Owner::Part { gather, part },
            },
            length: request.len() as u32,
            row: row.id(),
            attempts,
            streamed: false,
        };
        upstream.queue(request, expected, self.now, &mut self.buffers);
        if row.runs_script() {
            upstream.note_script();
        }
        if !upstream.dirty {
            upstream.dirty = true;
            self.dirty.push_back(Party::Upstream(id));
        }
        upstream.counters.requests.inc();
        let (pool, shard) = (upstream.pool, upstream.shard);
        let unanswered = upstream.out.unanswered();
        let limit = self.topology.pool(pool).config.limits.upstream_buffer.as_usize();
        if let Some(client) = self.clients.get_mut(owner.client()) {
            client.roads.add(shard, id);
            if !row.is_read() {
                client.writes.note(shard);
            }
            if unanswered > limit && !client.pause.has(Pause::UPSTREAM) {
                client.pause.set(Pause::UPSTREAM);
                upstream.waiting.push(owner.client());
            }
        }
    }

    /// A client is read unless it is paused and has given enough to go on with.
    pub(super) fn set_reading(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        // An incomplete request is read to its end; what can't be parsed now is not piled up.
        let waits = client.pause.any() || (client.runnable && client.partial.is_none());
        let full = client.input.len() >= INPUT_MARK && waits;
        let reading = !full && !client.pause.has(Pause::CLOSING);
        if client.reading != reading {
            client.reading = reading;
            self.actions.push_back(Action::Read { party: Party::Client(id), on: reading });
        }
    }

    /// A reason not to parse a client has gone.
    pub(super) fn resume(&mut self, id: ClientId, reason: Pause) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if !client.pause.has(reason) {
            return;
        }
        client.pause.clear(reason);
        if !client.pause.any() {
            self.make_runnable(id);
        }
    }

    pub(super) fn pool_name(&self, pool: PoolId) -> String {
        self.topology.pool(pool).config.name.clone()
    }

    /// Answers the request at hand with an error of Ketch's own.
    pub(super) fn refuse(&mut self, id: ClientId, error: ErrorReply<'_>) -> Flow {
        self.spoil_block(id);
        self.refused = true;
        if let Some(client) = self.clients.get(id) {
            let waited = &self.pools[usize::from(client.pool.0)].waited;
            client.command.into_iter().for_each(|row| waited.rejected(row));
        }
        if let Some(seq) = self.reserve(id) {
            self.fail_owner(HeldOwner::Client { client: id, seq }, error);
        }
        Flow::Taken
    }
}

/// Where the arguments of a whole request lie that was taken from a client before.
fn request_spans(request: &[u8]) -> Vec<Span> {
    let mut args = Vec::new();
    RequestScanner::default().scan(request, &mut args, &UNBOUND);
    args
}

/// For requests that were measured when they came.
const UNBOUND: RequestLimits = RequestLimits {
    max_request: usize::MAX,
    max_args: usize::MAX,
    max_inline: usize::MAX,
    max_bulk: usize::MAX,
};

/// A name that only HTTP has at the beginning of a line; Redis hangs up at these two, too.
fn is_http(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"Host:")
}

/// Why a request has no one shard.
pub(super) enum NoShard {
    Crossed,
    /// SORT would read keys of any shard.
    Pattern,
    Keys(String),
}
