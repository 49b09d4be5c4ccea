//! The words that rows are written in: flags without their type's name, key specs, what a row may add
//! to its name, and the reasons of what is refused or not there yet. Each reason ends an error reply
//! and says what to do instead.
//!
//! All of it runs in the compiler: a row with a tip that nobody knows does not compile.

use crate::command::row::{Begin, Find, Group, Handling, KeySpec, RequestPolicy, RowId};
pub(super) use crate::command::row::{
    Count, Finder, Flags, KeyFlags, Known, Local, PubSub, ReplyPolicy, Row, Script, Split, Topic, Transaction,
};

macro_rules! words {
    ($type:ident: $($name:ident)*) => {
        $(pub(super) const $name: $type = $type::$name;)*
    };
}

words!(Flags: WRITE READONLY DENYOOM ADMIN PUBSUB NOSCRIPT BLOCKING LOADING STALE SKIP_MONITOR
    SKIP_COMMANDLOG ASKING FAST NO_AUTH NO_MANDATORY_KEYS NO_ASYNC_LOADING NO_MULTI MOVABLEKEYS ALLOW_BUSY);
words!(KeyFlags: RO RW OW RM);

// Not there yet.
pub(super) const CONNECTION_STATE: &str =
    "it is about the state of one connection, and connections are shared";
pub(super) const WAITING: &str =
    "nodes tell what is on disk only to the connection that wrote, and connections are shared; use WAIT";

// Never forwarded.
pub(super) const DEBUGGER: &str =
    "it would turn a connection that clients share into a debugger's; use a node's own address";
pub(super) const FAILOVER: &str =
    "Sentinel decides which node is primary; use SENTINEL FAILOVER on a Sentinel";
pub(super) const REPLICATION: &str = "replicas follow their primary directly; use the address of the node";
pub(super) const ONE_NODE: &str = "it acts on one node; use that node's own address";
pub(super) const OWN: &str =
    "Ketch never writes its configuration file; change it there, and use CONFIG SET for what must hold now";
pub(super) const SENTINEL: &str =
    "Ketch answers as a Sentinel only to say where it is; use the address of a Sentinel";
pub(super) const ACL: &str =
    "Ketch has its own users, in the configuration file; for those of a node use its own address";

/// A command or subcommand; keys only where it has some.
pub(super) const fn row(
    name: &'static str,
    arity: i16,
    flags: &'static [Flags],
    keys: &'static [KeySpec],
) -> Row {
    let mut all = Flags::NONE;
    let mut i = 0;
    while i < flags.len() {
        all = all.and(flags[i]);
        i += 1;
    }
    Row {
        name,
        arity,
        flags: all,
        group: Group::Server,
        keys,
        request: RequestPolicy::None,
        reply: ReplyPolicy::None,
        handling: Handling::Forward,
        primary_only: false,
        slow: false,
        tips: &[],
        known: Known::Both,
        since: "",
        script: None,
        complexity: "",
        summary: "",
        finder: Finder::Specs,
        count: Count::Operation,
        single: single(arity, keys),
        id: RowId(0),
        parent: None,
        subcommands: 0,
        categories: None,
    }
}

/// `row.single`: one spec, one key, at an index that the arity makes sure of.
pub(in crate::command) const fn single(arity: i16, keys: &[KeySpec]) -> u8 {
    match keys {
        [KeySpec { begin: Begin::Index(index), find: Find::Range { last: 0, .. }, flags }]
            if !flags.contains(KeyFlags::NOT_KEY) && arity.unsigned_abs() > *index as u16 =>
        {
            *index
        }
        _ => 0,
    }
}

impl Row {
    pub(super) const fn doc(
        mut self,
        since: &'static str,
        complexity: &'static str,
        summary: &'static str,
    ) -> Row {
        self.since = since;
        self.complexity = complexity;
        self.summary = summary;
        self
    }

    pub(super) const fn tips(mut self, tips: &'static [&'static str]) -> Row {
        let mut i = 0;
        while i < tips.len() {
            if let Some(policy) = tail(tips[i], "request_policy:") {
                self.request = request_policy(policy);
            } else if let Some(policy) = tail(tips[i], "response_policy:") {
                self.reply = reply_policy(policy);
            }
            i += 1;
        }
        self.tips = tips;
        self
    }

    pub(super) const fn split(mut self, split: Split) -> Row {
        self.handling = Handling::Split(split);
        self
    }

    pub(super) const fn each_shard(mut self) -> Row {
        self.handling = Handling::EachShard;
        self
    }

    /// How part replies become one, where Redis has no tip for it.
    pub(super) const fn joined_by(mut self, policy: ReplyPolicy) -> Row {
        self.reply = policy;
        self
    }

    pub(super) const fn scan(mut self) -> Row {
        self.handling = Handling::Scan;
        self.on_primary()
    }

    pub(super) const fn waits(mut self) -> Row {
        self.handling = Handling::Wait;
        self
    }

    pub(super) const fn random_key(mut self) -> Row {
        self.handling = Handling::RandomKey;
        self
    }

    /// A read that no replica may serve.
    pub(super) const fn on_primary(mut self) -> Row {
        self.primary_only = true;
        self
    }

    /// It may run for long: it goes by the slow lane, and has that lane's time-out.
    pub(super) const fn slow(mut self) -> Row {
        self.slow = true;
        self
    }

    pub(super) const fn local(mut self, local: Local) -> Row {
        self.handling = Handling::Local(local);
        self
    }

    pub(super) const fn pubsub(mut self, does: PubSub) -> Row {
        self.handling = Handling::PubSub(does);
        self
    }

    pub(super) const fn transaction(mut self, verb: Transaction) -> Row {
        self.handling = Handling::Transaction(verb);
        self
    }

    pub(super) const fn later(mut self, reason: &'static str) -> Row {
        self.handling = Handling::Later(reason);
        self
    }

    pub(super) const fn refused(mut self, reason: &'static str) -> Row {
        self.handling = Handling::Refused(reason);
        self
    }

    pub(super) const fn known(mut self, known: Known) -> Row {
        self.known = known;
        self
    }

    /// The specs don't tell the keys, or not what is done with them.
    pub(super) const fn found_by(mut self, finder: Finder) -> Row {
        self.finder = finder;
        self
    }

    pub(super) const fn counted_as(mut self, count: Count) -> Row {
        self.count = count;
        self
    }

    pub(super) const fn script(mut self, script: Script) -> Row {
        self.script = Some(script);
        self
    }

    /// ACL categories instead of the group's own.
    pub(super) const fn categories_are(mut self, categories: &'static [&'static str]) -> Row {
        self.categories = Some(categories);
        self
    }
}

/// One key at this argument.
pub(super) const fn at(index: u8, flags: KeyFlags) -> KeySpec {
    range(index, 0, 1, flags)
}

/// A channel at this argument and all behind `last`: routed like a key, but none.
pub(super) const fn channels(index: u8, last: i8) -> KeySpec {
    range(index, last, 1, KeyFlags::NOT_KEY)
}

/// Keys from `index` to `last` (see [`Find::Range`]), each `step` arguments from the one before.
pub(super) const fn range(index: u8, last: i8, step: u8, flags: KeyFlags) -> KeySpec {
    KeySpec { begin: Begin::Index(index), find: Find::Range { last, step, limit: 0 }, flags }
}

/// The number of keys at this argument, the keys behind it.
pub(super) const fn counted(index: u8, step: u8, flags: KeyFlags) -> KeySpec {
    KeySpec { begin: Begin::Index(index), find: Find::KeyNum { number: 0, first: 1, step }, flags }
}

/// One key behind this word.
pub(super) const fn after(word: &'static str, from: i8, flags: KeyFlags) -> KeySpec {
    KeySpec { begin: Begin::Keyword { word, from }, find: Find::Range { last: 0, step: 1, limit: 0 }, flags }
}

/// All behind this word are keys.
pub(super) const fn all_after(word: &'static str, from: i8, flags: KeyFlags) -> KeySpec {
    KeySpec { begin: Begin::Keyword { word, from }, find: Find::Range { last: -1, step: 1, limit: 0 }, flags }
}

/// The first half of what is behind this word are keys.
pub(super) const fn half_after(word: &'static str, from: i8, flags: KeyFlags) -> KeySpec {
    KeySpec { begin: Begin::Keyword { word, from }, find: Find::Range { last: -1, step: 1, limit: 2 }, flags }
}

/// Keys that no spec can describe.
pub(super) const fn somewhere(flags: KeyFlags) -> KeySpec {
    KeySpec { begin: Begin::Unknown, find: Find::Unknown, flags }
}

/// What is behind `head` in `text`, if it begins so; at compile time.
const fn tail<'a>(text: &'a str, head: &str) -> Option<&'a [u8]> {
    let (text, head) = (text.as_bytes(), head.as_bytes());
    if text.len() < head.len() {
        return None;
    }
    let (front, back) = text.split_at(head.len());
    if same(front, head) { Some(back) } else { None }
}

const fn same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut i = 0;
    while i < a.len() {
        if a[i] != b[i] {
            return false;
        }
        i += 1;
    }
    true
}

const fn request_policy(name: &[u8]) -> RequestPolicy {
    match name {
        b"all_nodes" => RequestPolicy::AllNodes,
        b"all_shards" => RequestPolicy::AllShards,
        b"multi_shard" => RequestPolicy::MultiShard,
        b"special" => RequestPolicy::Special,
        _ => panic!("no such request policy"),
    }
}

const fn reply_policy(name: &[u8]) -> ReplyPolicy {
    match name {
        b"one_succeeded" => ReplyPolicy::OneSucceeded,
        b"all_succeeded" => ReplyPolicy::AllSucceeded,
        b"agg_logical_and" => ReplyPolicy::AggLogicalAnd,
        b"agg_logical_or" => ReplyPolicy::AggLogicalOr,
        b"agg_min" => ReplyPolicy::AggMin,
        b"agg_max" => ReplyPolicy::AggMax,
        b"agg_sum" => ReplyPolicy::AggSum,
        b"special" => ReplyPolicy::Special,
        _ => panic!("no such response policy"),
    }
}
