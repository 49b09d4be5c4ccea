//! Scripts: their texts are kept as they pass, put onto a connection before their first use there, and
//! a NOSCRIPT that comes in spite of that is repaired.
//!
//! ```text
//!   EVALSHA d ──► loaded on this upstream? ──yes──► as it is
//!                   └─ no, and its text is kept ──► SCRIPT LOAD text, EVALSHA d     (one pipeline)
//!
//!   NOSCRIPT ◄── held, SCRIPT EXISTS d ──0──► sent again, in its client's order, with SCRIPT LOAD before it
//!                   └─ 1: the script itself said so: passed on
//! ```
//!
//! So a new primary, a restarted node and a replica get a script before its first use there, in front of
//! whatever was held. Deliberately absent: functions (nodes keep and replicate them), and any guess about
//! a script whose text never passed here: its NOSCRIPT is the client's, who will send the text.

use super::UNBOUND;
use super::hold::Why;
use super::judge::Case;
use crate::base::{PoolId, UpstreamId};
use crate::command::{self, Found, Row, Script};
use crate::engine::Engine;
use crate::engine::scripts::quick;
use crate::engine::upstreams::{Expected, Step};
use crate::resp::{Elements, RequestScanner, Scanned, integer_of};
use crate::topology::{Digest, HoldReason};

/// How often one request is sent again after a NOSCRIPT: a text that can't be loaded never helps.
const REPAIRS: u8 = 2;

/// How Redis and Valkey say it. What a script says in other words is its own answer.
const NO_SCRIPT: [&[u8]; 2] =
    [b"-NOSCRIPT No matching script. Please use EVAL.\r\n", b"-NOSCRIPT No matching script.\r\n"];

impl Engine {
    /// A request that has to do with scripts is about to be routed: what it tells is remembered.
    pub(super) fn note_script(&mut self, pool: PoolId, script: Script, request: &[u8]) {
        let snapshot = self.topology.pool(pool);
        let (scripts, limit) = (&snapshot.facts.scripts, snapshot.config.limits.script_cache);
        let used = &mut self.pools[usize::from(pool.0)].scripts;
        match script {
            Script::Text(index) => {
                let Some(text) = self.args.get(usize::from(index)).map(|arg| arg.of(request)) else { return };
                let number = quick(text, self.seed) ^ scripts.flushes();
                if !used.lately(number, self.now) {
                    scripts.keep(Digest::of(text), text, limit.as_usize());
                }
            }
            Script::Flush => scripts.flush(),
            Script::Digest | Script::Digests(_) => {}
        }
    }

    /// Puts the scripts that a request names in front of it, where this connection has not got them.
    pub(super) fn load_scripts(&mut self, id: UpstreamId, row: &Row, request: &[u8]) {
        let (from, count) = match row.script {
            Some(Script::Digest) => (1, 1),
            Some(Script::Digests(from)) => (usize::from(from), usize::MAX),
            _ => return,
        };
        for argument in arguments(request).skip(from).take(count) {
            if let Some(digest) = Digest::parse(argument) {
                self.load_script(id, digest);
            }
        }
    }

    fn load_script(&mut self, id: UpstreamId, digest: Digest) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let scripts = &self.topology.pool(upstream.pool).facts.scripts;
        let flushes = scripts.flushes();
        let loaded = upstream.scripts.has(digest, flushes);
        let used = &mut self.pools[usize::from(upstream.pool.0)].scripts;
        if loaded && used.lately(digest.short(), self.now) {
            return;
        }
        let Some(text) = scripts.text(digest) else { return };
        if !loaded {
            upstream.scripts.add(digest, flushes);
            self.ask(id, Step::ScriptLoad, &[&b"SCRIPT"[..], b"LOAD", &text]);
        }
    }

    /// The same for a block of requests that goes out in one piece: a transaction. In front of it, for behind
    /// its MULTI a SCRIPT LOAD would be one of its commands.
    pub(super) fn load_scripts_of_block(&mut self, id: UpstreamId, block: &[u8]) {
        let (mut rest, mut spans) = (block, Vec::new());
        while !rest.is_empty() {
            spans.clear();
            let scanned = RequestScanner::default().scan(rest, &mut spans, &UNBOUND);
            let Scanned::Request { len } = scanned else { return };
            if let Found::Row(row) = command::find(rest, &spans)
                && row.script.is_some()
            {
                self.load_scripts(id, row, &rest[..len]);
            }
            rest = &rest[len..];
        }
    }

    /// A node does not know a script. Whether that is so, or the script itself said it, the node is asked;
    /// until then the request is held like one that was refused as not executed. False where that is the
    /// client's to deal with.
    pub(super) fn judge_unloaded(&mut self, id: UpstreamId, front: Expected, reply: &[u8]) -> bool {
        let row = command::row(front.row);
        let known = row.script == Some(Script::Digest) && NO_SCRIPT.contains(&reply);
        if !known || front.attempts >= REPAIRS || front.streamed {
            return false;
        }
        let Some(owner) = self.owner_of(front.owner) else { return false };
        let Some(upstream) = self.upstreams.get(id) else { return false };
        let (pool, shard, profile) = (upstream.pool, upstream.shard, upstream.profile_id);
        let digest = arguments(upstream.out.front(front.length as usize)).nth(1).and_then(Digest::parse);
        let Some(digest) = digest else { return false };
        if self.topology.pool(pool).facts.scripts.text(digest).is_none() {
            return false;
        }
        let Some(request) = self.take_front(id, owner) else { return true };
        if let Some(upstream) = self.upstreams.get_mut(id)
            && !upstream.scripts.asked.contains(&digest)
        {
            upstream.scripts.asked.push(digest);
            self.ask(id, Step::ScriptExists, &[&b"SCRIPT"[..], b"EXISTS", &digest.hex()]);
        }
        let attempts = front.attempts + 1;
        let case = Case { from: id, owner, pool, shard, profile, row, request: &request, attempts };
        self.put_back(case, Some(reply), Why::Unloaded(id), false);
        true
    }

    /// The node has said whether it has the script that was asked for first.
    pub(in crate::engine) fn script_exists(&mut self, id: UpstreamId, reply: &[u8]) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        if upstream.scripts.asked.is_empty() {
            return;
        }
        let digest = upstream.scripts.asked.remove(0);
        let missing = Elements::of(reply).and_then(|mut e| e.next()).and_then(integer_of) == Some(0);
        if missing {
            upstream.scripts.remove(digest);
        }
        let (pool, shard) = (upstream.pool, upstream.shard);
        self.decide_unloaded(id, Some(digest), missing);
        self.release(pool, shard);
    }

    /// What is held because of a NOSCRIPT of this upstream (and script) is sent again, or gets the answer
    /// that it had.
    pub(in crate::engine) fn decide_unloaded(
        &mut self,
        id: UpstreamId,
        digest: Option<Digest>,
        send_again: bool,
    ) {
        if self.hold.is_empty() {
            return;
        }
        let named = |request: &[u8]| arguments(request).nth(1).and_then(Digest::parse);
        let held = self.hold.iter().filter(|(_, h)| h.why == Why::Unloaded(id));
        let numbers: Vec<u64> = held
            .filter(|(_, h)| digest.is_none() || named(&h.request) == digest)
            .map(|(number, _)| number)
            .collect();
        for number in numbers {
            if send_again {
                self.hold.set_why(number, Why::Shard(HoldReason::Moving));
            } else {
                self.pass_doubted_on(number);
            }
        }
    }
}

/// The arguments of a whole request, the name included. It was parsed once, so it is as it should be;
/// where it is not, they end.
fn arguments(request: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = request.iter().position(|b| *b == b'\n').map_or(&[][..], |end| &request[end + 1..]);
    core::iter::from_fn(move || {
        let end = rest.iter().position(|b| *b == b'\r')?;
        let len: usize = core::str::from_utf8(rest.get(1..end)?).ok()?.parse().ok()?;
        let argument = rest.get(end + 2..end + 2 + len)?;
        rest = rest.get(end + 2 + len + 2..)?;
        Some(argument)
    })
}

#[cfg(test)]
mod tests {
    use super::arguments;

    #[test]
    fn arguments_are_found_in_a_whole_request_and_end_where_it_is_none() {
        let mut request = Vec::new();
        crate::resp::command(&mut request, &["EVALSHA", "", "a\r\nb"]);
        assert_eq!(arguments(&request).collect::<Vec<_>>(), [&b"EVALSHA"[..], b"", b"a\r\nb"]);
        for wrong in ["", "*1", "*1\r\n", "*1\r\n$", "*1\r\n$5\r\nab", "*1\r\n$-1\r\n", "*1\r\nx\r\n"] {
            assert_eq!(arguments(wrong.as_bytes()).count(), 0, "{wrong}");
        }
    }
}
