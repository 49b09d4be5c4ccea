//! Commands that block: each on an upstream that its client has for itself meanwhile, with the client's own
//! time-out. Nothing that the client says behind it is looked at before it is answered, as in Redis.
//!
//! ```text
//!  parse ──► pin ──► (last ids of streams asked) ──► sent ──► answered
//!             ▲ └── held: no primary, no upstream      │
//!             └─── lost before it was executed ◄───────┘
//! ```
//!
//! `unblock`: how it is ended before its time, by CLIENT UNBLOCK, or because its node was deposed.

mod first;
mod unblock;

use core::time::Duration;

use super::HeldOwner;
use super::error_reply::ErrorReply;
use super::hold::Why;
use super::judge::Case;
use super::pin::For;
use super::{Flow, request_spans};
use crate::base::{ClientId, PoolId, ShardId, UpstreamId};
use crate::command::{self, BlockUnit, Row};
use crate::engine::Engine;
use crate::engine::clients::Pause;
use crate::engine::clients::pinned::{Blocked, Resolving, Stage};
use crate::engine::upstreams::{Pin, Step, Upstream};
use crate::failover::Fate;
use crate::resp::{self, Span, Value};
pub(super) use first::Blockers;

/// A request that has waited less than this is sent with the time-out that its client wrote.
const REWRITE_FROM: Duration = Duration::from_millis(100);
/// A connection on which a command blocked as long as this was not lost because of the command.
const BLOCKED_WELL: Duration = Duration::from_secs(1);
/// Beyond this a time-out is none: Redis refuses such a one, or it is never reached.
const LONGEST: f64 = 1e9;

impl Engine {
    /// Reserve and send a request that blocks, on an upstream of the client's own.
    pub(super) fn block(
        &mut self,
        id: ClientId,
        pool: PoolId,
        shard: ShardId,
        row: &'static Row,
        request: &[u8],
    ) -> Flow {
        if self.must_wait_unread(id, pool, shard, row.is_read()) {
            return Flow::NotNow;
        }
        if !self.reserve_pin(pool) {
            let limit = self.topology.pool(pool).config.limits.max_pinned;
            return self.refuse(id, ErrorReply::MaxPinned { pool: &self.pool_name(pool), limit });
        }
        let until = time_left(row, request, &self.args).map(|time| self.now + time);
        let Some(seq) = self.reserve(id) else { return Flow::Taken };
        let Some(client) = self.clients.get_mut(id) else { return Flow::Taken };
        client.pause.set(Pause::TURN);
        client.session.blocked = Some(Box::new(Blocked {
            seq,
            shard,
            upstream: None,
            since: self.now,
            until,
            stage: Stage::Waiting,
            unblock: None,
            in_vain: 0,
        }));
        let profile = client.profile_id;
        let behind = client.held > 0 && self.hold.holds(id, shard);
        let owner = HeldOwner::Client { client: id, seq };
        let chosen = if behind { Err(Why::Behind) } else { self.pin(id, pool, shard, profile, For::Block) };
        match self.unless_paused(pool, row, chosen) {
            Ok(upstream) => self.start_blocking(upstream, owner, row, request, 0),
            Err(why) => {
                self.keep(owner, pool, shard, row, request, 0, why);
                self.wait_for_pin(id);
            }
        }
        Flow::Taken
    }

    /// The client has its upstream: what has to be asked before is asked, or the request goes.
    pub(super) fn start_blocking(
        &mut self,
        upstream: UpstreamId,
        owner: HeldOwner,
        row: &'static Row,
        request: &[u8],
        attempts: u8,
    ) {
        let id = owner.client();
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(blocked) = client.session.blocked.as_mut() else { return };
        let args = request_spans(request);
        let waited = self.now.since(blocked.since);
        let left = blocked.until.map(|until| until.since(self.now));
        if left.is_some_and(|left| left.is_zero()) && waited > Duration::ZERO {
            return self.answer_with_nothing(id);
        }
        let rewritten = left.filter(|_| waited >= REWRITE_FROM);
        let missing = newest_ids(row, request, &args);
        if rewritten.is_none() && missing.is_empty() {
            return self.send_blocking(upstream, owner, row, request, attempts);
        }
        let mut words: Vec<Vec<u8>> = args.iter().map(|span| span.of(request).to_vec()).collect();
        if let (Some(left), Some(time)) = (rewritten, command::block_time(row, request, &args))
            && let Some(word) = words.get_mut(time.arg)
        {
            *word = written(left, time.unit);
        }
        if missing.is_empty() {
            return self.send_blocking(upstream, owner, row, &written_request(&words), attempts);
        }
        let keys: Vec<Vec<u8>> = missing.iter().filter_map(|(key, _)| words.get(*key).cloned()).collect();
        let missing = missing.into_iter().rev().map(|(_, id)| id).collect();
        blocked.stage = Stage::Resolving(Resolving { words, missing, row: row.id(), attempts });
        for key in keys {
            self.ask(upstream, Step::LastId, &[b"XINFO", &b"STREAM"[..], &key]);
        }
    }

    fn send_blocking(
        &mut self,
        upstream: UpstreamId,
        owner: HeldOwner,
        row: &'static Row,
        request: &[u8],
        attempts: u8,
    ) {
        let Some(client) = self.clients.get_mut(owner.client()) else { return };
        if let Some(blocked) = client.session.blocked.as_mut() {
            blocked.stage = Stage::Sent(self.now);
            self.topology.pool(client.pool).facts.blocked.fetch_add(1, core::sync::atomic::Ordering::Relaxed);
        }
        self.enqueue(upstream, owner, row, request, attempts);
    }

    /// A client's command blocks no more, however it ended.
    pub(super) fn blocking_ended(&mut self, pool: PoolId, blocked: &Blocked) {
        self.release_pin(pool);
        if blocked.is_sent() {
            self.count_unsent(pool);
        }
    }

    fn count_unsent(&self, pool: PoolId) {
        self.topology.pool(pool).facts.blocked.fetch_sub(1, core::sync::atomic::Ordering::Relaxed);
    }

    /// What XINFO STREAM says of a stream from whose end a client wants to read on.
    pub(in crate::engine) fn last_id_seen(&mut self, id: UpstreamId, reply: &[u8]) {
        let Some(Pin::Block(client_id)) = self.upstreams.get(id).map(|u| u.pin) else { return };
        let Some(client) = self.clients.get_mut(client_id) else { return };
        let Some(blocked) = client.session.blocked.as_mut() else { return };
        let Stage::Resolving(resolving) = &mut blocked.stage else { return };
        // What is no stream, or may not be asked: the node says so to the command itself.
        if let Some(word) = resolving.missing.pop()
            && let Some(last) = last_id(reply)
            && let Some(word) = resolving.words.get_mut(word)
        {
            *word = last;
        }
        if !resolving.missing.is_empty() {
            return;
        }
        let (request, row) = (written_request(&resolving.words), command::row(resolving.row));
        let (attempts, owner) =
            (resolving.attempts, HeldOwner::Client { client: client_id, seq: blocked.seq });
        self.send_blocking(id, owner, row, &request, attempts);
    }

    /// The upstream of a command that blocks, or is about to, is lost. What is in its queue is judged like
    /// any other request; here is what stands in no queue.
    pub(super) fn blocking_lost(&mut self, id: ClientId, upstream: &mut Upstream, fate: Fate<'_>) {
        let (pool, now) = (upstream.pool, self.now);
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(blocked) = client.session.blocked.as_mut() else { return };
        blocked.upstream = None;
        let owner = HeldOwner::Client { client: id, seq: blocked.seq };
        match core::mem::replace(&mut blocked.stage, Stage::Waiting) {
            Stage::Waiting => {}
            Stage::Resolving(resolving) => {
                let (request, row) = (written_request(&resolving.words), command::row(resolving.row));
                self.keep(owner, pool, upstream.shard, row, &request, resolving.attempts, Why::Pinning);
            }
            Stage::Sent(at) => {
                if now.since(at) >= BLOCKED_WELL {
                    client.session.resent_since = None;
                    upstream.expected.iter_mut().for_each(|entry| entry.attempts = 0);
                }
                self.count_unsent(pool);
            }
            Stage::Unblocking(request, _) => {
                self.count_unsent(pool);
                // Whoever does not answer may have popped something.
                let fate = if fate == Fate::NotSent { Fate::Deposed } else { fate };
                self.judge_blocked(pool, upstream.shard, owner, &request, fate);
            }
        }
        self.wait_for_pin(id);
    }

    /// The verdict on a command that blocked and stands in no queue any more.
    fn judge_blocked(
        &mut self,
        pool: PoolId,
        shard: ShardId,
        owner: HeldOwner,
        request: &[u8],
        fate: Fate<'_>,
    ) {
        let args = request_spans(request);
        let command::Found::Row(row) = command::find(request, &args) else { return };
        let Some(profile) = self.clients.get(owner.client()).map(|c| c.profile_id) else { return };
        let from = UpstreamId::default();
        let case = Case { from, owner, pool, shard, profile, row, request, attempts: 0 };
        self.carry_out(case, fate);
    }

    /// The time of a command that is held is up: as if it had blocked in vain.
    pub(super) fn time_out_held(&mut self, id: ClientId) {
        if self.unhold_blocked(id) {
            self.answer_with_nothing(id);
        }
    }

    /// Takes the command out of the hold. False if it is not there: then it has its answer, which waits for
    /// the client's earlier ones.
    fn unhold_blocked(&mut self, id: ClientId) -> bool {
        let Some(blocked) = self.clients.get(id).and_then(|c| c.session.blocked.as_ref()) else {
            return false;
        };
        let (seq, shard) = (blocked.seq, blocked.shard);
        let numbers = self.hold.of_client_and_shard(id, shard);
        let its = |n: &u64| self.hold.get(*n).is_some_and(|held| held.owner.seq() == seq);
        match numbers.into_iter().find(its) {
            Some(number) => self.unhold(number).is_some(),
            None => false,
        }
    }

    /// What Redis answers where nothing came in time: a null array, whatever would have come.
    fn answer_with_nothing(&mut self, id: ClientId) {
        let Some(client) = self.clients.get(id) else { return };
        let Some(blocked) = &client.session.blocked else { return };
        let (seq, mut reply) = (blocked.seq, Vec::new());
        resp::null_array(&mut reply, client.profile.protocol);
        self.give(id, seq, &reply);
    }
}

/// How long a request may block; `None` for ever, or if it does not say so in a way that the node takes.
fn time_left(row: &Row, request: &[u8], args: &[Span]) -> Option<Duration> {
    let time = command::block_time(row, request, args)?;
    let number: f64 = core::str::from_utf8(args.get(time.arg)?.of(request)).ok()?.parse().ok()?;
    let seconds = match time.unit {
        BlockUnit::Seconds => number,
        BlockUnit::Milliseconds => number / 1000.0,
    };
    (seconds > 0.0 && seconds < LONGEST).then(|| Duration::from_secs_f64(seconds))
}

/// A time-out that is left. Never 0, which would be for ever.
fn written(left: Duration, unit: BlockUnit) -> Vec<u8> {
    let millis = left.as_millis().max(1);
    match unit {
        BlockUnit::Milliseconds => millis.to_string().into_bytes(),
        BlockUnit::Seconds => format!("{}.{:03}", millis / 1000, millis % 1000).into_bytes(),
    }
}

fn written_request(words: &[Vec<u8>]) -> Vec<u8> {
    let mut request = Vec::new();
    resp::command(&mut request, words);
    request
}

/// Where a request says `$`, "what is new from now on", for which key: pairs of arguments.
fn newest_ids(row: &Row, request: &[u8], args: &[Span]) -> Vec<(usize, usize)> {
    let by_word = matches!(row.keys.first().map(|spec| spec.begin), Some(command::Begin::Keyword { .. }));
    let mut keys = Vec::new();
    if !by_word || !row.is_read() || command::keys(row, request, args, &mut keys).is_err() {
        return Vec::new();
    }
    let count = keys.len();
    let pairs = keys.into_iter().map(|key| (key as usize, key as usize + count));
    pairs.filter(|(_, id)| args.get(*id).is_some_and(|span| span.of(request) == b"$")).collect()
}

/// The last id that a stream gave out, from what XINFO STREAM answers; 0-0 where there is no stream.
fn last_id(reply: &[u8]) -> Option<Vec<u8>> {
    const NAME: &str = "last-generated-id";
    if reply.starts_with(b"-ERR no such key") {
        return Some(b"0-0".to_vec());
    }
    let id = match Value::parse(reply).ok().flatten()?.0 {
        Value::Map(fields) => fields.into_iter().find(|(name, _)| name.text() == Some(NAME))?.1,
        Value::Array(fields) => {
            let at = fields.iter().step_by(2).position(|name| name.text() == Some(NAME))?;
            fields.into_iter().nth(at * 2 + 1)?
        }
        _ => return None,
    };
    id.text().map(|text| text.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_id_of_a_stream_is_found_in_either_protocol() {
        let two = b"*4\r\n$6\r\nlength\r\n:1\r\n$17\r\nlast-generated-id\r\n$3\r\n5-1\r\n";
        let three = b"%2\r\n$6\r\nlength\r\n:1\r\n$17\r\nlast-generated-id\r\n$3\r\n5-1\r\n";
        for (reply, id) in [
            (&two[..], Some(&b"5-1"[..])),
            (three, Some(b"5-1")),
            (b"-ERR no such key\r\n", Some(b"0-0")),
            (b"-WRONGTYPE x\r\n", None),
            (b"*0\r\n", None),
        ] {
            assert_eq!(last_id(reply).as_deref(), id, "{}", reply.escape_ascii());
        }
    }

    #[test]
    fn a_time_that_is_left_is_never_for_ever() {
        for (left, seconds, millis) in [
            (Duration::ZERO, "0.001", "1"),
            (Duration::from_micros(1500), "0.001", "1"),
            (Duration::from_millis(61_050), "61.050", "61050"),
        ] {
            assert_eq!(written(left, BlockUnit::Seconds), seconds.as_bytes());
            assert_eq!(written(left, BlockUnit::Milliseconds), millis.as_bytes());
        }
    }

    #[test]
    fn a_time_out_that_is_none_is_the_node_s_to_refuse() {
        for (words, left) in [
            (&["BLPOP", "k", "2"][..], Some(Duration::from_secs(2))),
            (&["BLPOP", "k", "0.5"], Some(Duration::from_millis(500))),
            (&["BLPOP", "k", "0"], None),
            (&["BLPOP", "k", "-1"], None),
            (&["BLPOP", "k", "inf"], None),
            (&["BLPOP", "k", "x"], None),
            (&["BLMPOP", "3", "1", "k", "LEFT"], Some(Duration::from_secs(3))),
            (&["XREAD", "BLOCK", "20", "STREAMS", "s", "$"], Some(Duration::from_millis(20))),
        ] {
            let mut request = Vec::new();
            resp::command(&mut request, words);
            let args = request_spans(&request);
            let command::Found::Row(row) = command::find(&request, &args) else { panic!("{words:?}") };
            assert_eq!(time_left(row, &request, &args), left, "{words:?}");
        }
    }
}
