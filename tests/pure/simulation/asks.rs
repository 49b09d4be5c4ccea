//! What a client of the simulation asks, and how it is said. What is right for an answer stands in `model`.

use ketch::internals::resp::{Protocol, command};
use ketch::internals::topology::Digest;

use super::model::{BIG, Model, Op};
use super::setup::Chance;

#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Get(String),
    Mget(Vec<String>),
    Set(String, u64),
    Append(String, u64),
    Mset(Vec<(String, u64)>),
    Del(Vec<String>),
    Eval(String, u64, &'static str),
    /// The script of this body, by its digest.
    Evalsha(String, u64, &'static str),
    Exists(Vec<String>),
    Incr(String),
    Dbsize,
    /// The next page of the client's scan, of so many buckets.
    Scan(u64),
    /// WAIT for so many replicas, so many milliseconds.
    Wait(u64, u64),
    Ping,
    Echo(String),
    Select(u32),
    Hello(Protocol),
    Reset,
    /// Onto a list that all clients know.
    Push(String, u64),
    /// Blocks, at most for so many milliseconds.
    Pop(String, u64),
    Watch(String),
    Multi,
    /// Stands in a block.
    Queued(Box<Ask>),
    /// Ends the block of these; were keys watched?
    Exec(Vec<Ask>, bool),
    Discard,
}

fn value(id: u64, padding: usize) -> Vec<u8> {
    let mut value = format!("<{id}>").into_bytes();
    value.resize(value.len() + padding, b'x');
    value
}

impl Model {
    /// A name of this client's own, that tells in which database it is.
    fn name(&self, kind: char, n: usize) -> String {
        format!("{kind}{}.{n}@{}", self.number, self.db)
    }

    fn key(&self, chance: &mut Chance) -> String {
        self.name('k', chance.below(6))
    }

    fn keys(&self, chance: &mut Chance) -> Vec<String> {
        (0..1 + chance.below(5)).map(|_| self.key(chance)).collect()
    }

    /// A random request, and its bytes behind `out`.
    pub(crate) fn ask_something(
        &mut self,
        chance: &mut Chance,
        next_id: &mut u64,
        large: bool,
        out: &mut Vec<u8>,
    ) {
        let mut id = || {
            *next_id += 1;
            *next_id
        };
        if chance.one_in(12) {
            return self.ask_block(chance, &mut id, out);
        }
        let ask = match chance.below(29) {
            26 | 27 => Ask::Push(format!("q{}", chance.below(4)), id()),
            28 => Ask::Pop(format!("q{}", chance.below(4)), 1 + chance.below(400) as u64),
            0..=6 => Ask::Get(self.key(chance)),
            7..=12 => Ask::Set(self.key(chance), id()),
            13 | 14 => Ask::Mget(self.keys(chance)),
            15 => {
                let mut keys = self.keys(chance);
                keys.sort();
                keys.dedup();
                Ask::Mset(keys.into_iter().map(|key| (key, id())).collect())
            }
            16 => Ask::Del(self.keys(chance)),
            17 => Ask::Exists(self.keys(chance)),
            18 => Ask::Append(self.name('a', chance.below(3)), id()),
            19 => Ask::Incr(self.name('i', chance.below(3))),
            20 if large => Ask::Get(format!("big{}", chance.below(BIG.len()))),
            20 => Ask::Dbsize,
            21 if !self.scans => Ask::Scan(1 + chance.below(12) as u64),
            21 => Ask::Ping,
            22 | 23 => Ask::Evalsha(self.key(chance), id(), "set"),
            24 => Ask::Echo(format!("e{}", chance.below(1000))),
            _ => Ask::Eval(self.key(chance), id(), ["set", "set", "fail", "forge"][chance.below(4)]),
        };
        let ask = if self.databases > 1 && chance.one_in(12) { self.ask_profile(chance) } else { ask };
        let padding = match chance.below(40) {
            0 if large => 65_536 + chance.below(200_000),
            1..=4 => chance.below(9000),
            _ => chance.below(60),
        };
        self.ask(ask, padding, out);
    }

    fn ask_profile(&self, chance: &mut Chance) -> Ask {
        match chance.below(12) {
            0 => Ask::Reset,
            1..=3 => Ask::Hello([Protocol::Resp2, Protocol::Resp3][chance.below(2)]),
            _ => Ask::Select(chance.below(self.databases as usize) as u32),
        }
    }

    /// A block, mostly on one key; some watch it, some are dropped.
    fn ask_block(&mut self, chance: &mut Chance, id: &mut dyn FnMut() -> u64, out: &mut Vec<u8>) {
        let (key, watches) = (self.key(chance), chance.one_in(2));
        if watches {
            self.ask(Ask::Watch(key.clone()), 0, out);
            if chance.one_in(3) {
                self.ask(Ask::Get(key.clone()), 0, out);
            }
        }
        self.ask(Ask::Multi, 0, out);
        let mut block = Vec::new();
        for _ in 0..chance.below(5) {
            let key = if chance.one_in(8) { self.key(chance) } else { key.clone() };
            block.push(match chance.below(4) {
                0 if block.is_empty() => Ask::Get(key),
                0 => Ask::Ping,
                _ => Ask::Set(key, id()),
            });
        }
        block.iter().for_each(|ask| self.ask(Ask::Queued(Box::new(ask.clone())), 0, out));
        let end = if chance.one_in(8) { Ask::Discard } else { Ask::Exec(block, watches) };
        self.ask(end, 0, out);
    }

    pub(crate) fn ask(&mut self, ask: Ask, padding: usize, out: &mut Vec<u8>) {
        let seq = self.next_seq;
        self.next_seq += 1;
        if let Ask::Queued(inner) = &ask {
            // It happens at EXEC, if at all.
            let words = words_of_queued(inner);
            command(out, &words);
            self.forms.push_back(self.protocol);
            return self.owed.push_back((seq, ask, false));
        }
        let mut words: Vec<Vec<u8>> = Vec::new();
        let mut say = |word: &[u8]| words.push(word.to_vec());
        match &ask {
            Ask::Get(key) => ["GET", key].iter().for_each(|w| say(w.as_bytes())),
            Ask::Mget(keys) | Ask::Del(keys) | Ask::Exists(keys) => {
                say(match ask {
                    Ask::Mget(_) => b"MGET",
                    Ask::Del(_) => b"DEL",
                    _ => b"EXISTS",
                });
                keys.iter().for_each(|key| say(key.as_bytes()));
                if let Ask::Del(_) = ask {
                    keys.iter().for_each(|key| self.wrote(key, seq, None));
                }
            }
            Ask::Set(key, id) => {
                [b"SET", key.as_bytes(), &value(*id, padding)].iter().for_each(|w| say(w));
                self.wrote(key, seq, Some(value(*id, padding)));
            }
            Ask::Append(key, id) => {
                [b"APPEND", key.as_bytes(), &value(*id, 0)].iter().for_each(|w| say(w));
                self.wrote(key, seq, Some(value(*id, 0)));
            }
            Ask::Mset(pairs) => {
                say(b"MSET");
                for (key, id) in pairs {
                    say(key.as_bytes());
                    say(&value(*id, padding % 9000));
                    self.wrote(key, seq, Some(value(*id, padding % 9000)));
                }
            }
            Ask::Eval(key, id, body) => {
                [b"EVAL", body.as_bytes(), b"1", key.as_bytes(), &value(*id, 0)].iter().for_each(|w| say(w));
                self.wrote(key, seq, Some(value(*id, 0)));
                self.bodies.push((body, *id));
            }
            Ask::Evalsha(key, id, body) => {
                let digest = Digest::of(body.as_bytes()).hex();
                [b"EVALSHA", &digest[..], b"1", key.as_bytes(), &value(*id, 0)].iter().for_each(|w| say(w));
                self.wrote(key, seq, Some(value(*id, 0)));
            }
            Ask::Incr(key) => {
                ["INCR", key].iter().for_each(|w| say(w.as_bytes()));
                self.counts.entry(key.clone()).or_default().1 += 1;
            }
            Ask::Dbsize => say(b"DBSIZE"),
            Ask::Wait(replicas, limit) => {
                let words = ["WAIT", &replicas.to_string(), &limit.to_string()];
                words.iter().for_each(|w| say(w.as_bytes()));
            }
            Ask::Scan(count) => {
                self.scans = true;
                let words = ["SCAN", &self.scan.0.to_string(), "COUNT", &count.to_string()];
                words.iter().for_each(|w| say(w.as_bytes()));
            }
            Ask::Ping => say(b"PING"),
            Ask::Echo(text) => ["ECHO", text].iter().for_each(|w| say(w.as_bytes())),
            Ask::Select(db) => {
                ["SELECT", &db.to_string()].iter().for_each(|w| say(w.as_bytes()));
                self.db = *db;
            }
            Ask::Hello(protocol) => {
                ["HELLO", &protocol.number().to_string()].iter().for_each(|w| say(w.as_bytes()));
                self.protocol = *protocol;
            }
            Ask::Reset => {
                say(b"RESET");
                (self.db, self.protocol) = (self.base, Protocol::Resp2);
            }
            Ask::Push(key, id) => {
                [b"RPUSH", key.as_bytes(), &value(*id, 0)].iter().for_each(|w| say(w));
            }
            Ask::Pop(key, millis) => {
                let seconds = format!("{}.{:03}", millis / 1000, millis % 1000);
                ["BLPOP", key, &seconds].iter().for_each(|w| say(w.as_bytes()));
            }
            Ask::Watch(key) => ["WATCH", key].iter().for_each(|w| say(w.as_bytes())),
            Ask::Multi => say(b"MULTI"),
            Ask::Discard => say(b"DISCARD"),
            Ask::Exec(block, _) => {
                say(b"EXEC");
                for ask in block {
                    if let Ask::Set(key, id) = ask {
                        self.wrote(key, seq, Some(value(*id, 0)));
                    }
                }
            }
            Ask::Queued(_) => unreachable!("it was said above"),
        }
        self.forms.push_back(self.protocol);
        command(out, &words);
        let large = words.iter().any(|w| w.len() >= 65_536);
        self.owed.push_back((seq, ask, large));
    }

    fn wrote(&mut self, key: &str, seq: u64, value: Option<Vec<u8>>) {
        self.history.entry(key.to_owned()).or_default().push(Op { seq, value, fate: None });
    }
}

fn words_of_queued(ask: &Ask) -> Vec<Vec<u8>> {
    match ask {
        Ask::Get(key) => vec![b"GET".to_vec(), key.as_bytes().to_vec()],
        Ask::Set(key, id) => vec![b"SET".to_vec(), key.as_bytes().to_vec(), value(*id, 0)],
        Ask::Ping => vec![b"PING".to_vec()],
        other => panic!("{other:?} does not stand in blocks"),
    }
}
