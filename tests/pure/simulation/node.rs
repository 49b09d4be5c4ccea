//! A tiny Redis: it executes what the simulation's clients say, answers in order, remembers what it
//! executed, and misbehaves when it is told to.

use std::collections::BTreeMap;

use ketch::internals::resp::{
    Protocol, RequestLimits, RequestScanner, Scanned, Span, array, bulk, command, error, integer, map, null,
    simple, verbatim,
};
use ketch::internals::topology::Digest;

use super::connection::push;

pub(crate) type Request = Vec<Vec<u8>>;

const LIMITS: RequestLimits =
    RequestLimits { max_request: 1 << 30, max_args: 1 << 20, max_inline: 1 << 16, max_bulk: 1 << 29 };

/// Finds whole requests in pieces of a stream.
#[derive(Default)]
pub(crate) struct RequestReader {
    bytes: Vec<u8>,
    scanner: RequestScanner,
    spans: Vec<Span>,
}

impl RequestReader {
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<Request> {
        self.bytes.extend_from_slice(bytes);
        let (mut at, mut requests) = (0, Vec::new());
        loop {
            match self.scanner.scan(&self.bytes[at..], &mut self.spans, &LIMITS) {
                Scanned::Request { len } => {
                    let request = &self.bytes[at..at + len];
                    requests.push(self.spans.iter().map(|span| span.of(request).to_vec()).collect());
                    at += len;
                    self.scanner = RequestScanner::default();
                    self.spans.clear();
                }
                Scanned::Incomplete => break,
                other => panic!("a node was sent what is no request: {other:?}"),
            }
        }
        self.bytes.drain(..at);
        requests
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mood {
    Well,
    /// Takes everything, answers nothing.
    Silent,
    /// Answers LOADING to all but its own.
    Loading,
    /// A script of somebody's runs: answers BUSY to nearly all.
    Busy,
    /// Refuses connections.
    Down,
    /// Refuses AUTH and SELECT.
    Strict,
}

pub(crate) struct Node {
    pub(crate) shard: usize,
    pub(crate) master: bool,
    pub(crate) mood: Mood,
    pub(crate) data: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Of its hash table, and its run id: another one after a restart.
    pub(crate) seed: u64,
    /// How much it has written, or has been told by its primary.
    pub(crate) offset: u64,
    /// The id of what offsets count.
    pub(crate) history: u64,
    /// Bodies of scripts by their digests.
    pub(crate) scripts: BTreeMap<Vec<u8>, Vec<u8>>,
    /// How often each key was changed.
    pub(crate) versions: BTreeMap<Vec<u8>, u64>,
}

/// What a node knows of a connection.
#[derive(Clone, Copy, Default)]
pub(crate) struct Talk {
    pub(crate) db: u32,
    pub(crate) protocol: Protocol,
}

/// How many databases a node has.
pub(crate) const DATABASES: u32 = 4;
/// Of each node's hash table.
const BUCKETS: u64 = 32;

/// What a node did with a request.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) reply: Vec<u8>,
    /// It was refused as not executed.
    pub(crate) refused: bool,
    /// What ROLE said, if that was asked.
    pub(crate) role: Option<bool>,
    /// The keys that it changed, if it changed any.
    pub(crate) changed: Vec<Vec<u8>>,
}

pub(crate) const READONLY: &str = "READONLY You can't write against a read only replica.";
const NOSCRIPT: &str = "NOSCRIPT No matching script. Please use EVAL.";
pub(crate) const BUSY: &str =
    "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";
const LOADING: &str = "LOADING Redis is loading the dataset in memory";

impl Node {
    pub(crate) fn execute(&mut self, talk: &mut Talk, request: &Request) -> Done {
        let mut done = Done::default();
        let name = String::from_utf8_lossy(&request[0]).to_ascii_uppercase();
        let out = &mut done.reply;
        match name.as_str() {
            "AUTH" | "HELLO" | "CLIENT" if self.mood == Mood::Busy => {
                done = self.in_mood(Mood::Well, talk, request);
            }
            _ if self.mood == Mood::Busy => {
                done.refused = true;
                error(out, BUSY.as_bytes());
            }
            "PING" => simple(out, "PONG"),
            "ROLE" => {
                done.role = Some(self.master);
                self.role(out);
            }
            "AUTH" | "SELECT" if self.mood == Mood::Strict => error(out, b"ERR not allowed"),
            "AUTH" => simple(out, "OK"),
            "SELECT" => select(talk, &request[1], out),
            "HELLO" => hello(talk, &request[1], out),
            "CONFIG" => command(out, &["databases", &DATABASES.to_string()]),
            "INFO" => verbatim(out, talk.protocol, self.info().as_bytes()),
            "CLIENT" => error(out, b"ERR unknown subcommand 'NO-EVICT'. Try CLIENT HELP."),
            "SCRIPT" if self.mood != Mood::Loading => self.script(&request[1..], out),
            _ if self.mood == Mood::Loading => {
                done.refused = true;
                error(out, LOADING.as_bytes());
            }
            _ if is_write(&name) && !self.master => {
                done.refused = true;
                error(out, READONLY.as_bytes());
            }
            "EVALSHA" => match self.scripts.get(&request[1]).cloned() {
                Some(body) => {
                    check_database(*talk, request);
                    done.changed = self.run_body(&body, &request[3..], out);
                }
                None => {
                    done.refused = true;
                    error(out, NOSCRIPT.as_bytes());
                }
            },
            _ => {
                check_database(*talk, request);
                done.changed = self.data(*talk, &name, &request[1..], out);
            }
        }
        done
    }

    /// All sections at once.
    fn info(&self) -> String {
        let (role, own) =
            if self.master { ("master", "master_repl_offset") } else { ("slave", "slave_repl_offset") };
        format!(
            "# Server\r\nrun_id:{:040x}\r\n# Replication\r\nrole:{role}\r\nmaster_replid:{:040x}\r\n{own}:{}\r\n",
            self.seed, self.history, self.offset
        )
    }

    fn in_mood(&mut self, mood: Mood, talk: &mut Talk, request: &Request) -> Done {
        let own = core::mem::replace(&mut self.mood, mood);
        let done = self.execute(talk, request);
        self.mood = own;
        done
    }

    /// What it does with a request that it has taken.
    pub(crate) fn run(&mut self, talk: Talk, request: &Request) -> Done {
        check_database(talk, request);
        let mut done = Done::default();
        let name = String::from_utf8_lossy(&request[0]).to_ascii_uppercase();
        done.changed = self.data(talk, &name, &request[1..], &mut done.reply);
        done
    }

    fn role(&self, out: &mut Vec<u8>) {
        if self.master {
            command(out, &["master", "0"]);
            return;
        }
        array(out, 5);
        bulk(out, b"slave");
        bulk(out, b"10.0.0.1");
        integer(out, 7000);
        bulk(out, b"connected");
        integer(out, 1);
    }

    fn script(&mut self, args: &[Vec<u8>], out: &mut Vec<u8>) {
        if args[0].eq_ignore_ascii_case(b"LOAD") {
            bulk(out, &self.keep(&args[1]));
        } else {
            array(out, 1);
            integer(out, i64::from(self.scripts.contains_key(&args[1])));
        }
    }

    fn keep(&mut self, body: &[u8]) -> Vec<u8> {
        let digest = Digest::of(body).hex().to_vec();
        self.scripts.insert(digest.clone(), body.to_vec());
        digest
    }

    /// Sets the key; some bodies then lie.
    fn run_body(&mut self, body: &[u8], args: &[Vec<u8>], out: &mut Vec<u8>) -> Vec<Vec<u8>> {
        self.data.insert(args[0].clone(), args[1].clone());
        match body {
            b"forge" => error(out, READONLY.as_bytes()),
            b"fail" => error(out, b"ERR the script failed after it wrote"),
            b"deny" => error(out, NOSCRIPT.as_bytes()),
            _ => simple(out, "OK"),
        }
        vec![args[0].clone()]
    }

    fn data(&mut self, talk: Talk, name: &str, args: &[Vec<u8>], out: &mut Vec<u8>) -> Vec<Vec<u8>> {
        match name {
            "GET" => self.get(talk, &args[0], out),
            "MGET" => {
                array(out, args.len());
                args.iter().for_each(|key| self.get(talk, key, out));
            }
            "EXISTS" => integer(out, args.iter().filter(|k| self.data.contains_key(*k)).count() as i64),
            // SCAN cursor COUNT buckets
            "SCAN" => {
                let [cursor, count] =
                    [0, 2].map(|i| String::from_utf8_lossy(&args[i]).parse::<u64>().unwrap());
                self.scan(cursor % BUCKETS, count, out);
            }
            "PFCOUNT" => integer(out, 0),
            "DBSIZE" => integer(out, self.data.len() as i64),
            "SET" => {
                self.data.insert(args[0].clone(), args[1].clone());
                simple(out, "OK");
                return vec![args[0].clone()];
            }
            "MSET" => {
                for pair in args.chunks(2) {
                    self.data.insert(pair[0].clone(), pair[1].clone());
                }
                simple(out, "OK");
                return args.iter().step_by(2).cloned().collect();
            }
            "DEL" => {
                integer(out, args.iter().filter(|k| self.data.remove(*k).is_some()).count() as i64);
                return args.to_vec();
            }
            "APPEND" => {
                let value = self.data.entry(args[0].clone()).or_default();
                value.extend_from_slice(&args[1]);
                integer(out, value.len() as i64);
                return vec![args[0].clone()];
            }
            "RPUSH" => {
                push(self, &args[0], &args[1], out);
                return vec![args[0].clone()];
            }
            "INCR" => {
                let value = self.data.entry(args[0].clone()).or_default();
                let number = String::from_utf8_lossy(value).parse().unwrap_or(0) + 1;
                *value = number.to_string().into_bytes();
                integer(out, number);
                return vec![args[0].clone()];
            }
            // EVAL body 1 key value
            "EVAL" => {
                self.keep(&args[0]);
                return self.run_body(&args[0], &args[2..], out);
            }
            other => panic!("a node was asked {other}"),
        }
        Vec::new()
    }

    /// Some buckets of its hash table; which key lies in which is its own affair.
    fn scan(&self, cursor: u64, count: u64, out: &mut Vec<u8>) {
        let bucket = |key: &[u8]| {
            let hash = key
                .iter()
                .fold(self.seed | 1, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x9e37_79b9_7f4a_7c15));
            (hash >> 32) % BUCKETS
        };
        let end = (cursor + count).min(BUCKETS);
        let found: Vec<&Vec<u8>> =
            self.data.keys().filter(|key| (cursor..end).contains(&bucket(key))).collect();
        array(out, 2);
        bulk(out, (end % BUCKETS).to_string().as_bytes());
        array(out, found.len());
        found.into_iter().for_each(|key| bulk(out, key));
    }

    fn get(&self, talk: Talk, key: &[u8], out: &mut Vec<u8>) {
        match self.data.get(key) {
            Some(value) => bulk(out, value),
            None => null(out, talk.protocol),
        }
    }
}

fn select(talk: &mut Talk, db: &[u8], out: &mut Vec<u8>) {
    match String::from_utf8_lossy(db).parse() {
        Ok(db) if db < DATABASES => {
            talk.db = db;
            simple(out, "OK");
        }
        _ => error(out, b"ERR DB index is out of range"),
    }
}

fn hello(talk: &mut Talk, version: &[u8], out: &mut Vec<u8>) {
    talk.protocol = if version == b"3" { Protocol::Resp3 } else { Protocol::Resp2 };
    map(out, talk.protocol, 1);
    bulk(out, b"proto");
    integer(out, i64::from(talk.protocol.number()));
}

/// A key's name may tell in which database it is.
fn check_database(talk: Talk, request: &Request) {
    for arg in request {
        if let Some(at) = arg.iter().rposition(|b| *b == b'@') {
            let db = String::from_utf8_lossy(&arg[at + 1..]);
            assert_eq!(db, talk.db.to_string(), "a request ran in the wrong database: {request:?}");
        }
    }
}

pub(crate) fn is_write(name: &str) -> bool {
    matches!(
        name,
        "SET" | "MSET" | "DEL" | "APPEND" | "INCR" | "EVAL" | "EVALSHA" | "RPUSH" | "BLPOP" | "PUBLISH"
    )
}

/// The engine's own questions.
pub(crate) fn is_own(name: &str) -> bool {
    matches!(
        name,
        "ROLE" | "AUTH" | "SELECT" | "CLIENT" | "INFO" | "SCRIPT" | "UNWATCH" | "HELLO" | "CONFIG" | "PING"
    )
}
