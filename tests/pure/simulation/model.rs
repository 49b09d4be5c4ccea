//! A client of the simulation: it sends pipelines and knows of each request which answers are right.
//! Its keys are its own, so that what a read may see follows from its own writes alone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use ketch::internals::resp::{Protocol, ReplyScan, ReplyScanner, Value};

pub(crate) use super::asks::Ask;

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

/// One write as its key saw it.
pub(super) struct Op {
    pub(super) seq: u64,
    /// `None` = deleted.
    pub(super) value: Option<Vec<u8>>,
    pub(super) fate: Option<Fate>,
}

pub(crate) struct Model {
    pub(crate) number: usize,
    pub(super) next_seq: u64,
    pub(crate) owed: VecDeque<(u64, Ask, bool)>,
    pub(super) history: BTreeMap<String, Vec<Op>>,
    pub(super) counts: BTreeMap<String, (u64, u64)>,
    pub(super) received: Vec<u8>,
    pub(super) scanner: ReplyScanner,
    pub(super) scanned: usize,
    pub(crate) answered: u64,
    /// Writes that a read before them has seen: right only if their outcome is unknown, for then the
    /// read was lost with them and sent again alone.
    pub(super) seen_early: Vec<u64>,
    /// The database that it begins with, how many it uses, and which is selected.
    pub(super) base: u32,
    pub(super) databases: u32,
    pub(super) db: u32,
    pub(super) protocol: Protocol,
    /// The version in which each reply that it is owed must come.
    pub(super) forms: VecDeque<Protocol>,
    /// How far its scan has come, and what it has shown; one page at a time is asked for.
    pub(super) scan: (u64, BTreeSet<Vec<u8>>),
    pub(super) scans: bool,
    /// Scans that came to their end.
    pub(crate) scanned_all: u64,
    /// What WAIT answered.
    pub(crate) waited: Vec<Result<i64, String>>,
    /// Bodies of scripts that it sent, with the numbers of the requests: they are known from then on.
    pub(super) bodies: Vec<(&'static str, u64)>,
    /// A command of the block at hand was refused.
    pub(super) spoiled: bool,
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
            waited: Vec::new(),
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
        if let (Ask::Wait(..), Value::Error(text)) = (&ask, &reply) {
            self.waited.push(Err(text.clone()));
        }
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
            ("UNBLOCKED", _) if matches!(ask, Ask::Wait(..)) => Ok(Fate::Done),
            ("OUTCOMEUNKNOWN", true) => Ok(Fate::Unknown),
            // A node refused to select the database.
            ("ERR", write) if text.starts_with("ERR not allowed") => match write {
                true if text.contains("(applied on") => Ok(Fate::Unknown),
                true => Ok(Fate::NotDone),
                false => Ok(Fate::Done),
            },
            // Part of it may have been executed, and says so.
            ("SHARDDOWN" | "READONLY" | "LOADING" | "BUSY" | "NOTAPPLIED", true)
                if text.contains("(applied on") =>
            {
                Ok(Fate::Unknown)
            }
            ("NOTAPPLIED", true) if large => Ok(Fate::NotDone),
            ("SHARDDOWN" | "READONLY" | "LOADING" | "BUSY", true) => Ok(Fate::NotDone),
            // Passed on, because it may have been sent again in vain.
            ("EXECABORT", true) if text.contains("because of:") => Ok(Fate::NotDone),
            ("SHARDDOWN" | "TIMEOUT" | "LOADING" | "BUSY", false) => Ok(Fate::Done),
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
            Ask::Wait(..) => {
                self.waited.push(Ok(number()?));
                Ok(())
            }
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

/// The beginning of a value.
fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(&value[..value.len().min(12)]).into_owned()
}
