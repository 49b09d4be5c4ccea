//! A client of the simulation: it sends pipelines and knows of each request which answers are right.
//! Its keys are its own, so that what a read may see follows from its own writes alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ketch::internals::resp::{Protocol, ReplyScan, ReplyScanner, Value, command};

use ketch::internals::topology::Digest;

use super::setup::Chance;

/// What became of a write with a number of its own, over all nodes and clients.
#[derive(Default, Debug)]
pub(crate) struct Record {
    /// How often its last byte was given to a kernel.
    pub(crate) sent: u32,
    /// How often a node refused it as not executed.
    pub(crate) refused: u32,
    pub(crate) executed: u32,
    pub(crate) fate: Option<Fate>,
}

pub(crate) type Ledger = BTreeMap<u64, Record>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Done,
    Unknown,
    NotDone,
}

/// What a world promises, and so which answers are right.
#[derive(Clone, Copy)]
pub(crate) struct Promises {
    /// Nothing fails: no errors.
    pub(crate) calm: bool,
    /// No acknowledged write is lost and every read goes to the primary: a read sees the last one.
    pub(crate) strict: bool,
}

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

/// One write as its key saw it.
struct Op {
    seq: u64,
    /// `None` = deleted.
    value: Option<Vec<u8>>,
    fate: Option<Fate>,
}

pub(crate) struct Model {
    pub(crate) number: usize,
    next_seq: u64,
    pub(crate) owed: VecDeque<(u64, Ask, bool)>,
    history: BTreeMap<String, Vec<Op>>,
    counts: BTreeMap<String, (u64, u64)>,
    received: Vec<u8>,
    scanner: ReplyScanner,
    scanned: usize,
    pub(crate) answered: u64,
    /// Writes that a read before them has seen: right only if their outcome is unknown, for then the
    /// read was lost with them and sent again alone.
    seen_early: Vec<u64>,
    /// The database that it begins with, how many it uses, and which is selected.
    base: u32,
    databases: u32,
    db: u32,
    protocol: Protocol,
    /// The version in which each reply that it is owed must come.
    forms: VecDeque<Protocol>,
    /// How far its scan has come, and what it has shown; one page at a time is asked for.
    scan: (u64, BTreeSet<Vec<u8>>),
    scans: bool,
    /// Scans that came to their end.
    pub(crate) scanned_all: u64,
    /// Bodies of scripts that it sent, with the numbers of the requests: they are known from then on.
    bodies: Vec<(&'static str, u64)>,
    /// A command of the block at hand was refused.
    spoiled: bool,
    /// Elements that it took from lists.
    pub(crate) popped: Vec<u64>,
    /// Elements that it put there.
    pub(crate) pushed: Vec<u64>,
    /// Of so many pops nobody knows whether they took one.
    pub(crate) unknown_pops: usize,
}

/// Values of keys that are only read.
pub(crate) const BIG: [usize; 4] = [70_000, 150_000, 300_000, 66_000];

pub(crate) fn big(index: usize) -> Vec<u8> {
    vec![b'a' + index as u8; BIG[index % BIG.len()]]
}

fn value(id: u64, padding: usize) -> Vec<u8> {
    let mut value = format!("<{id}>").into_bytes();
    value.resize(value.len() + padding, b'x');
    value
}

/// The numbers that a request carries.
pub(crate) fn ids(request: &[Vec<u8>]) -> impl Iterator<Item = u64> {
    // A script that writes and answers READONLY in Redis's own words is taken at its word when the node is
    // demoted just then: nobody can tell, so it is not counted.
    let forged = request.get(1).is_some_and(|body| body == b"forge");
    request.iter().filter(move |_| !forged).filter_map(|arg| {
        let end = arg.iter().take(24).position(|b| *b == b'>')?;
        core::str::from_utf8(arg.strip_prefix(b"<")?.get(..end - 1)?).ok()?.parse().ok()
    })
}

impl Model {
    pub(crate) fn new(number: usize) -> Model {
        Model {
            number,
            next_seq: 0,
            owed: VecDeque::new(),
            history: BTreeMap::new(),
            counts: BTreeMap::new(),
            received: Vec::new(),
            scanner: ReplyScanner::default(),
            scanned: 0,
            answered: 0,
            seen_early: Vec::new(),
            base: 0,
            databases: 1,
            db: 0,
            protocol: Protocol::Resp2,
            forms: VecDeque::new(),
            scan: Default::default(),
            scans: false,
            scanned_all: 0,
            bodies: Vec::new(),
            spoiled: false,
            popped: Vec::new(),
            pushed: Vec::new(),
            unknown_pops: 0,
        }
    }

    pub(crate) fn with_databases(mut self, base: u32, databases: u32) -> Model {
        (self.base, self.db, self.databases) = (base, base, databases);
        self
    }

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

    /// Bytes that came from Ketch: every whole reply must be right for the oldest request.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        promises: Promises,
        ledger: &mut Ledger,
    ) -> Result<(), String> {
        self.received.extend_from_slice(bytes);
        let mut begin = 0;
        loop {
            match self.scanner.advance(&self.received[self.scanned..]) {
                ReplyScan::More => {
                    self.scanned = self.received.len();
                    break;
                }
                ReplyScan::Error(error) => return Err(format!("client {}: {error}", self.number)),
                ReplyScan::Done(n) => {
                    let end = self.scanned + n;
                    let reply = Value::parse(&self.received[begin..end]).unwrap().unwrap().0;
                    self.check_form(&self.received[begin..end])?;
                    self.forms.pop_front();
                    (begin, self.scanned) = (end, end);
                    self.answered(reply, promises, ledger)?;
                }
            }
        }
        self.received.drain(..begin);
        self.scanned -= begin;
        Ok(())
    }

    /// Nothing is written in the form of the version that was spoken when it was asked for.
    fn check_form(&self, reply: &[u8]) -> Result<(), String> {
        let (form, ask) = (self.forms.front(), self.owed.front());
        let has = |form: &[u8]| reply.windows(form.len()).any(|w| w == form);
        let wrong = match form {
            Some(Protocol::Resp2) => has(b"_\r\n") || has(b"%1\r\n"),
            Some(Protocol::Resp3) => has(b"$-1\r\n"),
            None => true,
        };
        if wrong { Err(format!("{form:?} was asked for: {}, {ask:?}", reply.escape_ascii())) } else { Ok(()) }
    }

    fn answered(&mut self, reply: Value, promises: Promises, ledger: &mut Ledger) -> Result<(), String> {
        let (seq, ask, large) = self.owed.pop_front().ok_or("a reply that nobody asked for")?;
        self.answered += 1;
        self.scans &= !matches!(ask, Ask::Scan(_));
        let error = if let Value::Error(text) = &reply { Some(text.clone()) } else { None };
        match (&ask, &error) {
            (Ask::Queued(_), Some(_)) => self.spoiled = true,
            (Ask::Multi, None) => self.spoiled = false,
            _ => {}
        }
        let outcome = match &error {
            None if matches!(ask, Ask::Exec(..)) => self.executed(seq, &ask, &reply, promises),
            Some(text) => self.error(&ask, text, large, promises),
            None => self.value(seq, &ask, &reply, promises).map(|()| Fate::Done),
        };
        let fate = outcome.map_err(|what| {
            let said = if let Value::Error(text) = &reply { text } else { "" };
            format!("client {}, request {seq} {ask:?}: {what} {said}", self.number)
        })?;
        if fate != Fate::Unknown && self.seen_early.contains(&seq) {
            return Err(format!("client {}: {ask:?} ({seq}) was seen by a read before it", self.number));
        }
        self.settle(seq, &ask, fate, ledger);
        Ok(())
    }

    /// Whether an error is a right answer, and what it says of a write.
    fn error(&self, ask: &Ask, text: &str, large: bool, promises: Promises) -> Result<Fate, String> {
        let write = matches!(
            ask,
            Ask::Set(..)
                | Ask::Append(..)
                | Ask::Mset(_)
                | Ask::Del(_)
                | Ask::Eval(..)
                | Ask::Evalsha(..)
                | Ask::Incr(_)
                | Ask::Push(..)
                | Ask::Pop(..)
                | Ask::Watch(_)
                | Ask::Exec(..)
        );
        let code = text.split(' ').next().unwrap_or_default();
        match (ask, code) {
            (Ask::Eval(_, _, "fail"), "ERR") if text.contains("the script") => return Ok(Fate::Done),
            (Ask::Eval(_, _, "deny"), "NOSCRIPT") => return Ok(Fate::Done),
            (Ask::Eval(_, _, "forge"), "READONLY") => return Ok(Fate::Unknown),
            // A script that nobody sent; or, where nodes fail, one that was executed behind by a later write.
            (Ask::Evalsha(_, id, body), "NOSCRIPT")
                if !promises.calm || !self.bodies.iter().any(|(sent, at)| sent == body && at < id) =>
            {
                return Ok(Fate::NotDone);
            }
            (Ask::Exec(..), "EXECABORT") if self.spoiled => return Ok(Fate::NotDone),
            (Ask::Queued(_), "CROSSSLOT") => return Ok(Fate::Done),
            (Ask::Pop(..) | Ask::Watch(_), _) if text.starts_with("ERR max_pinned") => {
                return Ok(Fate::NotDone);
            }
            _ if promises.calm => return Err("an error where nothing fails".into()),
            // Taken at its word, it may have waited to be sent again.
            (Ask::Eval(_, _, "forge"), "SHARDDOWN") => return Ok(Fate::Unknown),
            _ => {}
        }
        match (code, write) {
            ("OUTCOMEUNKNOWN", true) => Ok(Fate::Unknown),
            // A node refused to select the database.
            ("ERR", write) if text.starts_with("ERR not allowed") => match write {
                true if text.contains("(applied on") => Ok(Fate::Unknown),
                true => Ok(Fate::NotDone),
                false => Ok(Fate::Done),
            },
            // Part of it may have been executed, and says so.
            ("SHARDDOWN" | "READONLY" | "LOADING" | "NOTAPPLIED", true) if text.contains("(applied on") => {
                Ok(Fate::Unknown)
            }
            ("NOTAPPLIED", true) if large => Ok(Fate::NotDone),
            ("SHARDDOWN" | "READONLY" | "LOADING", true) => Ok(Fate::NotDone),
            // Passed on, because it may have been sent again in vain.
            ("EXECABORT", true) if text.contains("because of:") => Ok(Fate::NotDone),
            ("SHARDDOWN" | "TIMEOUT" | "LOADING", false) => Ok(Fate::Done),
            _ => Err("an error that it never may get".into()),
        }
    }

    /// EXEC was answered without an error: with all, or with nothing.
    fn executed(&mut self, seq: u64, ask: &Ask, reply: &Value, promises: Promises) -> Result<Fate, String> {
        let Ask::Exec(block, watched) = ask else { return Err("no EXEC".into()) };
        if *reply == Value::Nil {
            let right = *watched && !promises.calm;
            return if right { Ok(Fate::NotDone) } else { Err("nothing was executed".into()) };
        }
        let elements = reply.elements().ok_or("no array")?;
        if self.spoiled || elements.len() != block.len() {
            return Err(format!("{} replies to {} commands", elements.len(), block.len()));
        }
        for (ask, element) in block.iter().zip(elements) {
            self.value(seq, ask, element, promises)?;
        }
        Ok(Fate::Done)
    }

    fn settle(&mut self, seq: u64, ask: &Ask, fate: Fate, ledger: &mut Ledger) {
        if let Ask::Exec(block, _) = ask {
            return block.iter().for_each(|ask| self.settle(seq, ask, fate, ledger));
        }
        if let Ask::Pop(..) = ask {
            self.unknown_pops += usize::from(fate == Fate::Unknown);
        }
        if let Ask::Push(_, id) = ask {
            if fate == Fate::Done {
                self.pushed.push(*id);
            }
            ledger.entry(*id).or_default().fate = Some(fate);
        }
        let (keys, ids): (Vec<&String>, Vec<u64>) = match ask {
            Ask::Eval(key, _, "forge") => (vec![key], vec![]),
            Ask::Evalsha(key, _, "deny") => (vec![key], vec![]),
            Ask::Set(key, id) | Ask::Append(key, id) | Ask::Eval(key, id, _) | Ask::Evalsha(key, id, _) => {
                (vec![key], vec![*id])
            }
            Ask::Mset(pairs) => (pairs.iter().map(|p| &p.0).collect(), pairs.iter().map(|p| p.1).collect()),
            Ask::Del(keys) => (keys.iter().collect(), vec![]),
            _ => return,
        };
        for key in keys {
            let ops = self.history.get_mut(key).unwrap();
            ops.iter_mut().filter(|op| op.seq == seq).for_each(|op| op.fate = Some(fate));
        }
        for id in ids {
            ledger.entry(id).or_default().fate = Some(fate);
        }
    }

    fn value(&mut self, seq: u64, ask: &Ask, reply: &Value, promises: Promises) -> Result<(), String> {
        let number = || reply.number().ok_or("no number");
        let wrong = |is: bool| if is { Err("a wrong answer".to_owned()) } else { Ok(()) };
        match ask {
            Ask::Get(key) => self.read(seq, key, reply, promises),
            Ask::Mget(keys) => {
                let elements = reply.elements().ok_or("no array")?;
                wrong(elements.len() != keys.len())?;
                keys.iter().zip(elements).try_for_each(|(key, e)| self.read(seq, key, e, promises))
            }
            Ask::Set(..) | Ask::Mset(_) | Ask::Eval(..) | Ask::Evalsha(..) => {
                wrong(reply.text() != Some("OK"))
            }
            Ask::Append(..) => wrong(number()? < 3),
            Ask::Del(keys) | Ask::Exists(keys) => wrong(!(0..=keys.len() as i64).contains(&number()?)),
            Ask::Incr(key) => {
                let count = self.counts.get_mut(key).unwrap();
                let (least, most) = (count.0 as i64 + 1, count.1 as i64);
                count.0 += 1;
                let n = number()?;
                wrong(n > most || (promises.strict && n < least))
            }
            Ask::Dbsize => wrong(number()? < BIG.len() as i64),
            Ask::Scan(_) => self.page(reply),
            Ask::Ping => wrong(reply.text() != Some("PONG")),
            Ask::Echo(text) => wrong(reply.text() != Some(text)),
            Ask::Select(_) => wrong(reply.text() != Some("OK")),
            Ask::Hello(protocol) => {
                let version = match reply {
                    Value::Map(pairs) => pairs.iter().find(|(k, _)| k.text() == Some("proto")).map(|p| &p.1),
                    Value::Array(all) => {
                        all.iter().position(|e| e.text() == Some("proto")).map(|i| &all[i + 1])
                    }
                    _ => None,
                };
                wrong(version.and_then(Value::number) != Some(i64::from(protocol.number())))
            }
            Ask::Reset => wrong(reply.text() != Some("RESET")),
            Ask::Push(..) => wrong(number()? < 1),
            Ask::Pop(..) if *reply == Value::Nil => Ok(()),
            Ask::Pop(key, _) => {
                let elements = reply.elements().ok_or("no array")?;
                let text = elements.get(1).and_then(Value::text).ok_or("no element")?;
                let id = text.strip_prefix('<').and_then(|t| t.strip_suffix('>')?.parse().ok());
                self.popped.push(id.ok_or("no element")?);
                wrong(elements.len() != 2 || elements[0].text() != Some(key))
            }
            Ask::Watch(_) | Ask::Multi | Ask::Discard => wrong(reply.text() != Some("OK")),
            Ask::Queued(_) => wrong(reply.text() != Some("QUEUED")),
            Ask::Exec(..) => Err("it is looked at elsewhere".into()),
        }
    }

    /// A page of the scan; at its end every key has been shown that was there all the time.
    fn page(&mut self, reply: &Value) -> Result<(), String> {
        let Some([cursor, found]) = reply.elements() else { return Err("no page".into()) };
        let cursor = cursor.text().and_then(|text| text.parse().ok()).ok_or("no cursor")?;
        let Value::Array(found) = found else { return Err("no keys".into()) };
        self.scan.1.extend(found.iter().filter_map(|key| key.text()).map(|key| key.as_bytes().to_vec()));
        self.scan.0 = cursor;
        if cursor > 0 {
            return Ok(());
        }
        self.scanned_all += 1;
        let shown = core::mem::take(&mut self.scan.1);
        let missed = (0..BIG.len()).map(|i| format!("big{i}")).find(|key| !shown.contains(key.as_bytes()));
        missed.map_or(Ok(()), |key| Err(format!("{key} was missed")))
    }

    /// A read sees a write that stands before it, and none behind; where nothing is ever lost, not an
    /// older one than the last that was acknowledged.
    fn read(&mut self, seq: u64, key: &str, reply: &Value, promises: Promises) -> Result<(), String> {
        let seen = match reply {
            Value::Nil => None,
            Value::Bulk(bytes) => Some(&bytes[..]),
            _ => return Err("no bulk".into()),
        };
        if let Some(index) = key.strip_prefix("big") {
            let right = seen == Some(&big(index.parse().unwrap())[..]);
            return if right { Ok(()) } else { Err("the large value is wrong".into()) };
        }
        let ops: Vec<&Op> = self.history.get(key).into_iter().flatten().filter(|op| op.seq < seq).collect();
        let last = ops.iter().rposition(|op| op.fate == Some(Fate::Done));
        let may_be = |i: usize, op: &&Op| match op.fate {
            Some(Fate::Done) => !promises.strict || Some(i) == last,
            Some(Fate::Unknown) => true,
            _ => false,
        };
        let found = ops.iter().enumerate().any(|(i, op)| may_be(i, op) && op.value.as_deref() == seen);
        let never_written = seen.is_none() && (last.is_none() || !promises.strict);
        if found || never_written {
            return Ok(());
        }
        let later = self.history.get(key).into_iter().flatten();
        let mut early = later.filter(|op| op.seq > seq && op.value.as_deref() == seen).map(|op| op.seq);
        match early.next() {
            Some(op) if !promises.calm => self.seen_early.push(op),
            _ => {
                let known: Vec<_> =
                    ops.iter().map(|op| (op.seq, op.fate, op.value.as_deref().map(text))).collect();
                return Err(format!("{key} is {:?}, but was {known:?}", seen.map(text)));
            }
        }
        Ok(())
    }

    /// The key's values that are only appended to are looked at in the end.
    pub(crate) fn check_appended(
        &self,
        data: &BTreeMap<Vec<u8>, Vec<u8>>,
        strict: bool,
    ) -> Result<(), String> {
        for (key, ops) in self.history.iter().filter(|(key, _)| key.starts_with('a')) {
            let text = data.get(key.as_bytes()).map_or(&[][..], |v| v);
            for op in ops {
                let value = op.value.as_deref().unwrap();
                let count = text.windows(value.len()).filter(|w| *w == value).count();
                let right = match op.fate {
                    Some(Fate::Done) if strict => count == 1,
                    Some(Fate::NotDone) => count == 0,
                    _ => count <= 1,
                };
                if !right {
                    return Err(format!("{key}: {value:?} was appended {count} times, {:?}", op.fate));
                }
            }
        }
        Ok(())
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

/// The beginning of a value.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(&value[..value.len().min(12)]).into_owned()
}
