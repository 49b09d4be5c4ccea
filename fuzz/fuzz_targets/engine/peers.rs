//! Both ends of the engine: what it is asked by clients, and how nodes answer.

use std::net::SocketAddr;

use ketch::internals::base::{ClientId, UpstreamId};
use ketch::internals::resp::{
    ReplyScan, ReplyScanner, RequestLimits, RequestScanner, Scanned, array, bulk, command, error, integer,
    nil_bulk, simple,
};

use super::noise::Noise;

const NO_LIMITS: RequestLimits =
    RequestLimits { max_request: 1 << 30, max_args: 1 << 20, max_inline: 1 << 20, max_bulk: 1 << 30 };

/// A client, and whether what it is given can be read.
pub(super) struct Client {
    pub(super) id: ClientId,
    /// The engine wants to hear from it.
    pub(super) reading: bool,
    /// What it sent and the engine has not read.
    pub(super) sent: Vec<u8>,
    /// It closes its side behind what it sent.
    pub(super) eof: bool,
    replies: ReplyScanner,
}

impl Client {
    pub(super) fn new(id: ClientId) -> Client {
        Client { id, reading: true, sent: Vec::new(), eof: false, replies: ReplyScanner::default() }
    }

    /// Whatever nodes answer, clients are given RESP.
    pub(super) fn receive(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            match self.replies.advance(bytes) {
                ReplyScan::More => return,
                ReplyScan::Done(len) => bytes = &bytes[len..],
                ReplyScan::Error(error) => panic!("{error:?}: {}", bytes.escape_ascii()),
            }
        }
    }
}

/// An upstream's other end: a node.
pub(super) struct Node {
    pub(super) id: UpstreamId,
    pub(super) to: SocketAddr,
    pub(super) open: bool,
    /// The engine wants to hear from it.
    pub(super) reading: bool,
    /// What was written to it and not answered.
    pub(super) wire: Vec<u8>,
    /// What it answered and the engine has not read.
    pub(super) sent: Vec<u8>,
}

impl Node {
    pub(super) fn new(id: UpstreamId, to: SocketAddr) -> Node {
        Node { id, to, open: false, reading: true, wire: Vec::new(), sent: Vec::new() }
    }

    /// The next whole request is answered; false if there is none.
    pub(super) fn answer(&mut self, noise: &mut Noise<'_>, primary: bool) -> bool {
        let out = &mut self.sent;
        let mut args = Vec::new();
        let scanned = RequestScanner::default().scan(&self.wire, &mut args, &NO_LIMITS);
        let len = match scanned {
            Scanned::Request { len } => len,
            Scanned::Incomplete => return false,
            // A request that lost its end is no request; one that never was must not be written.
            other => panic!("{other:?}: {}", self.wire[..self.wire.len().min(200)].escape_ascii()),
        };
        let name = args.first().map_or(&[][..], |name| name.of(&self.wire)).to_ascii_lowercase();
        match name.as_slice() {
            b"role" => role(out, if noise.byte() < 230 { primary } else { !primary }),
            b"client" | b"auth" | b"select" if noise.byte() < 250 => simple(out, "OK"),
            _ => reply(noise, out),
        }
        self.wire.drain(..len);
        true
    }
}

fn role(out: &mut Vec<u8>, primary: bool) {
    if primary {
        array(out, 3);
        bulk(out, b"master");
        integer(out, 1000);
        array(out, 0);
    } else {
        array(out, 5);
        bulk(out, b"slave");
        bulk(out, b"10.0.0.1");
        integer(out, 1);
        bulk(out, b"connected");
        integer(out, 1000);
    }
}

fn reply(noise: &mut Noise<'_>, out: &mut Vec<u8>) {
    match noise.below(24) {
        0..6 => simple(out, "OK"),
        6 => integer(out, 7),
        7 => nil_bulk(out),
        8 => bulk(out, b"value"),
        9 => error(out, b"READONLY You can't write against a read only replica."),
        10 => error(out, b"LOADING Redis is loading the dataset in memory"),
        11 => error(out, b"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'."),
        12 => error(out, b"MOVED 1 10.0.0.1:2"),
        13 => error(out, b"OOM command not allowed when used memory > 'maxmemory'."),
        14 => error(out, b"NOAUTH Authentication required."),
        15 => error(out, b"EXECABORT Transaction discarded because of: READONLY You can't write"),
        16 => {
            let elements = noise.below(70);
            array(out, elements);
            (0..elements).for_each(|_| bulk(out, b"x"));
        }
        17 => bulk(out, &vec![b'v'; 1024 * usize::from(noise.byte())]),
        18 => bulk(out, &vec![b'w'; 70_000]),
        19 => out.extend_from_slice(b"*2\r\n$-1\r\n*1\r\n-ERR inside\r\n"),
        20 => out.extend_from_slice(b"%1\r\n+key\r\n,1.5\r\n"),
        21 => out.extend_from_slice(b"*-1\r\n"),
        22 => out.extend_from_slice(b"_\r\n"),
        _ => out.extend_from_slice(noise.bytes()),
    }
}

const WORDS: &[&[&str]] = &[
    &["GET", "a"],
    &["GET", "b"],
    &["SET", "a", "1"],
    &["SET", "b", "2"],
    &["INCR", "c"],
    &["MGET", "a", "b", "c", "d"],
    &["MSET", "a", "1", "b", "2", "c", "3"],
    &["DEL", "a", "b", "c"],
    &["EXISTS", "a", "a", "b"],
    &["DBSIZE"],
    &["KEYS", "*"],
    &["RANDOMKEY"],
    &["FLUSHALL"],
    &["SCAN", "0"],
    &["PING"],
    &["ECHO", "x"],
    &["INFO"],
    &["CLIENT", "LIST"],
    &["COMMAND"],
    &["CONFIG", "GET", "*"],
    &["SELECT", "0"],
    &["HELLO", "3"],
    &["RESET"],
    &["QUIT"],
    &["MULTI"],
    &["EXEC"],
    &["WATCH", "a"],
    &["SUBSCRIBE", "a"],
    &["BLPOP", "a", "0"],
    &["EVAL", "return 1", "1", "a"],
    &["EVAL", "return 1", "0"],
    &["RENAME", "a", "b"],
    &["LRANGE", "{a}l", "0", "-1"],
    &["WAIT", "1", "0"],
    &["NOSUCH", "a"],
    &["PUBLISH", "a", "b"],
    &["SCRIPT", "EXISTS", "x"],
    &["UNLINK", "a"],
    &["TOUCH", "a", "b"],
    &["GETRANGE", "a", "0", "70000"],
    &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"],
    &["CLIENT", "PAUSE", "700"],
    &["CLIENT", "PAUSE", "900", "WRITE"],
    &["CLIENT", "UNPAUSE"],
    &["CLIENT", "REPLY", "OFF"],
    &["CLIENT", "REPLY", "SKIP"],
    &["CLIENT", "REPLY", "ON"],
];

/// A request as a client sends it; the last kinds are too large to be kept.
pub(super) fn request(noise: &mut Noise<'_>, out: &mut Vec<u8>) {
    let kind = noise.below(WORDS.len() + 8);
    match WORDS.get(kind) {
        Some(words) => command(out, words),
        None => {
            let value = vec![b'x'; [100, 20_000, 65_535, 65_536, 70_000, 200_000, 300_000][noise.below(7)]];
            let key = [&b"a"[..], b"b", b"c"][noise.below(3)];
            match kind % 4 {
                0 => command(out, &[b"SET", key, &value]),
                1 => command(out, &[b"APPEND", key, &value]),
                2 => command(out, &[b"MSET", key, &value, b"d", b"1"]),
                _ => command(out, &[b"GETSET", key, &value]),
            }
        }
    }
}
