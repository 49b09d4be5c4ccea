//! What MONITOR shows of a request, in Redis's own form:
//!
//! ```text
//! +1339518083.107412 [0 127.0.0.1:60866] "set" "x" "1"
//! ```
//!
//! As in Redis: not what was refused unexecuted (unknown, wrong number of arguments, no authentication, keys of
//! several shards), not what administrators say (flag `admin`), no passwords; what stands in a block, when
//! EXEC is said. Unlike Redis: a line is written when Ketch takes the request, not when a node has executed
//! it; what scripts call can't be seen; very long requests are cut.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::Write;

use super::error_reply::ErrorReply;
use super::{Flow, UNBOUND, request_spans};
use crate::base::{ClientId, PoolId};
use crate::command::{self, Flags, Found, Handling, Local, PubSub, Row, Transaction};
use crate::engine::Engine;
use crate::engine::clients::Pause;
use crate::engine::clients::pinned::{Block, OwnKind};
use crate::resp::{RequestScanner, Scanned, Span};

/// Bytes of arguments that a line shows: as much as a request may have that does not pass in pieces.
const SHOWN: usize = 64 * 1024;

/// Whose requests are shown, and when.
struct Who {
    pool: PoolId,
    peer: SocketAddr,
    db: u32,
    wall: Duration,
}

impl Engine {
    /// MONITOR. It begins once the client is owed nothing, so that no line comes before an earlier reply. One
    /// who watches already hears nothing, as in Redis.
    pub(super) fn monitor(&mut self, id: ClientId) -> Flow {
        let Some(client) = self.clients.get_mut(id) else { return Flow::Taken };
        if client.session.monitor.is_some() {
            return Flow::Taken;
        }
        if client.replies.owed() > 0 {
            client.pause.set(Pause::TURN);
            return Flow::NotNow;
        }
        if let Some(seq) = self.reserve(id) {
            self.give(id, seq, b"+OK\r\n");
            self.begin_monitoring(id);
        }
        Flow::Taken
    }

    /// A request while somebody watches.
    pub(super) fn request_shown(&mut self, id: ClientId, request: &[u8]) -> Flow {
        let Some(client) = self.clients.get(id) else { return Flow::Taken };
        let (in_multi, authenticated) = (client.in_multi, client.authenticated);
        let watches = client.session.monitor.is_some();
        let row = match command::find(request, &self.args) {
            Found::Row(row) => Some(row),
            Found::Unknown => match self.find_learned(id, request) {
                Found::Row(row) => Some(row),
                _ => None,
            },
            _ => None,
        };
        // Redis tells of every EXEC.
        let is_exec = row.is_some_and(|row| row.handling == Handling::Transaction(Transaction::Exec));
        let fits = |row: &&Row| is_exec || row.arity_fits(self.args.len());
        let Some(row) = row.filter(fits) else { return self.classify(id, request) };
        if watches && touches_keys(row) {
            return self.refuse(id, ErrorReply::Monitoring);
        }
        let block = if is_exec && self.args.len() == 1 { self.requests_of_block(id) } else { Vec::new() };
        let Some(who) = self.who(id) else { return Flow::Taken };
        self.refused = false;
        let flow = self.classify(id, request);
        let executed = !self.refused || (is_exec && authenticated);
        if flow == Flow::Taken && executed && !(in_multi && is_queued(row)) {
            self.show(id, who, row, request, &block);
        }
        if let Some(client) = self.clients.get_mut(id)
            && client.session.monitor.is_some()
            && client.replies.owed() > 0
        {
            // One request of a monitor at a time: lines wait until it is answered.
            client.pause.set(Pause::TURN);
        }
        flow
    }

    fn who(&self, id: ClientId) -> Option<Who> {
        let client = self.clients.get(id)?;
        let wall = self.wall();
        Some(Who { pool: client.pool, peer: client.session.peer, db: client.profile.db, wall })
    }

    fn show(&mut self, id: ClientId, mut who: Who, row: &'static Row, request: &[u8], block: &[Vec<u8>]) {
        for request in block {
            let args = request_spans(request);
            let row = match command::find(request, &args) {
                Found::Row(row) => row,
                _ => continue,
            };
            if row.handling == Handling::Local(Local::Select)
                && let Some(db) =
                    args.get(1).and_then(|arg| core::str::from_utf8(arg.of(request)).ok()?.parse().ok())
            {
                who.db = db;
            }
            self.show_one(&who, row, request, &args);
        }
        // As Redis tells it: the database that was selected, and not the one before.
        if block.is_empty()
            && let Some(client) = self.clients.get(id)
        {
            who.db = client.profile.db;
        }
        self.show_one(&who, row, request, &request_spans(request));
    }

    fn show_one(&mut self, who: &Who, row: &Row, request: &[u8], args: &[Span]) {
        if row.flags.contains(Flags::ADMIN) {
            return;
        }
        let words = args.iter().enumerate().map(|(place, arg)| {
            let secret = command::is_secret(row, request, args, place);
            if secret { command::REDACTED } else { arg.of(request) }
        });
        let line = line(who, words, None);
        self.tell_monitors(who.pool, &line);
    }

    /// A request that passes in pieces: what stands before its large argument, and how much comes.
    pub(super) fn show_streamed(&mut self, id: ClientId, request: &[u8], large: usize, further: usize) {
        let Some(who) = self.who(id) else { return };
        let words: Vec<&[u8]> = self.args.iter().map(|arg| arg.of(request)).collect();
        let line = line(&who, words.into_iter(), Some((large, further)));
        self.tell_monitors(who.pool, &line);
    }

    /// What EXEC will execute, in the order in which it was queued.
    fn requests_of_block(&self, id: ClientId) -> Vec<Vec<u8>> {
        let begun = self.clients.get(id).and_then(|client| client.session.transaction.as_ref());
        let broken = begun.and_then(|begun| begun.watch.as_ref()).is_some_and(|watch| watch.broken);
        match begun.and_then(|begun| begun.block.as_ref()) {
            Some(block) if !block.dirty && !broken => in_order(block),
            _ => Vec::new(),
        }
    }
}

fn in_order(block: &Block) -> Vec<Vec<u8>> {
    let (mut at, mut requests) = (0, Vec::new());
    let mut own = block.own.iter().peekable();
    while requests.len() < block.commands {
        let mine = own.next_if(|own| own.at == requests.len());
        if let Some(OwnKind::Answer(_, request)) = mine.map(|own| &own.what) {
            requests.push(request.clone());
            continue;
        }
        let rest = &block.bytes[at..];
        let Scanned::Request { len } = RequestScanner::default().scan(rest, &mut Vec::new(), &UNBOUND) else {
            debug_assert!(false, "fewer requests than were queued");
            break;
        };
        requests.push(rest[..len].to_vec());
        at += len;
    }
    requests
}

/// Whether a command in a block waits for its EXEC.
fn is_queued(row: &Row) -> bool {
    match row.handling {
        Handling::Transaction(verb) => verb == Transaction::Unwatch,
        Handling::Local(Local::Quit | Local::Reset) => false,
        _ => true,
    }
}

/// What Redis takes for a use of keys when it comes from a monitor, which to it is a kind of replica.
fn touches_keys(row: &Row) -> bool {
    let flagged = [Flags::WRITE, Flags::READONLY, Flags::SKIP_MONITOR];
    // Scripts skip what Redis tells of itself, and tell of themselves; replicas get PUBLISH, too.
    flagged.into_iter().any(|flag| row.flags.contains(flag))
        || matches!(row.handling, Handling::PubSub(PubSub::Publish(_)))
}

/// One line. `large`: the size of an argument that is not shown, and how many come behind it.
fn line<'a>(who: &Who, words: impl Iterator<Item = &'a [u8]>, large: Option<(usize, usize)>) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    begin(&mut out, who.wall, who.db, &who.peer.to_string());
    let (mut room, mut unshown) = (SHOWN, 0);
    for word in words {
        if room == 0 && !word.is_empty() {
            unshown += 1;
            continue;
        }
        let shown = &word[..word.len().min(room)];
        room -= shown.len();
        out.extend_from_slice(b" \"");
        escape(shown, &mut out);
        if shown.len() < word.len() {
            more(&mut out, word.len() - shown.len(), "bytes");
        }
        out.push(b'"');
    }
    if let Some((bytes, further)) = large {
        out.extend_from_slice(b" \"");
        more(&mut out, bytes, "bytes");
        out.push(b'"');
        unshown += further;
    }
    if unshown > 0 {
        out.extend_from_slice(b" \"");
        more(&mut out, unshown, "arguments");
        out.push(b'"');
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// In the form of a line, so that a program that reads lines can read on.
pub(crate) fn lost_line(wall: Duration, count: u64) -> Vec<u8> {
    let mut out = Vec::new();
    begin(&mut out, wall, 0, "ketch:0");
    out.extend_from_slice(format!(" \"{count} lines were lost\"\r\n").as_bytes());
    out
}

fn begin(out: &mut Vec<u8>, wall: Duration, db: u32, from: &str) {
    let time = format!("+{}.{:06} [{db} {from}]", wall.as_secs(), wall.subsec_micros());
    out.extend_from_slice(time.as_bytes());
}

/// As the slow log says it.
fn more(out: &mut Vec<u8>, count: usize, what: &str) {
    out.extend_from_slice(format!("... ({count} more {what})").as_bytes());
}

/// As Redis quotes (sds.c, `sdscatrepr`).
fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for byte in bytes {
        let letter = match byte {
            b'\\' | b'"' => *byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x07 => b'a',
            0x08 => b'b',
            b' '..=b'~' => {
                out.push(*byte);
                continue;
            }
            _ => {
                // Writing to memory does not fail.
                let _ = write!(out, "\\x{byte:02x}");
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn who() -> Who {
        Who {
            pool: PoolId(0),
            peer: "[::1]:5000".parse().unwrap(),
            db: 3,
            wall: Duration::new(1_700_000_000, 2_500_000),
        }
    }

    fn text(words: &[&[u8]], large: Option<(usize, usize)>) -> String {
        String::from_utf8(line(&who(), words.iter().copied(), large)).unwrap()
    }

    /// As redis-server 7.0.15 writes it.
    #[test]
    fn a_line_is_redis_s_own() {
        let odd = b"a\r\n\t\x07\x08\\\"\x00\xff";
        assert_eq!(
            text(&[b"SET", b"", odd], None),
            "+1700000000.002500 [3 [::1]:5000] \"SET\" \"\" \"a\\r\\n\\t\\a\\b\\\\\\\"\\x00\\xff\"\r\n"
        );
        let lost = String::from_utf8(lost_line(who().wall, 57)).unwrap();
        assert_eq!(lost, "+1700000000.002500 [0 ketch:0] \"57 lines were lost\"\r\n");
    }

    #[test]
    fn long_requests_are_cut_and_say_so() {
        let long = vec![b'x'; SHOWN - 10];
        let line = text(&[b"MSET", b"k", &long, b"key", b"value"], None);
        assert!(line.ends_with("x\" \"key\" \"va... (3 more bytes)\"\r\n"), "{}", &line[line.len() - 60..]);
        let line = text(&[b"MSET", b"k", &long, b"key", b"value", b"k2", b"v2"], None);
        assert!(line.ends_with(" \"... (2 more arguments)\"\r\n"), "{}", &line[line.len() - 60..]);
        let line = text(&[b"SET", b"k"], Some((70_000, 2)));
        assert!(line.ends_with(" \"SET\" \"k\" \"... (70000 more bytes)\" \"... (2 more arguments)\"\r\n"));
    }
}
