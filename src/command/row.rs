//! What a row of the table is made of. No command is named here; how rows are written stands in
//! `table/words`.

/// Index of a row in the table. Stable for the life of the process only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RowId(pub u16);

/// One command, or one subcommand of a container (`config|get`).
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Lower case; `"config|get"` for a subcommand.
    pub name: &'static str,
    /// As Redis counts: the name included; negative means "at least".
    pub arity: i16,
    pub flags: Flags,
    pub group: Group,
    pub keys: &'static [KeySpec],
    pub request: RequestPolicy,
    pub reply: ReplyPolicy,
    pub handling: Handling,
    /// A read that only the primary can serve: what it tells, or goes on from, is that node's own.
    pub(in crate::command) primary_only: bool,
    /// It may take long by its nature: a script, a look at all keys, a sort, a union.
    pub(in crate::command) slow: bool,
    /// Redis's command tips, as `COMMAND INFO` prints them; `request` and `reply` are read from them.
    pub tips: &'static [&'static str],
    /// Which servers have it.
    pub known: Known,
    /// The first version that had it, of Redis up to 7.2, of Valkey from 7.2 on.
    pub since: &'static str,
    /// What it has to do with the texts of scripts.
    pub script: Option<Script>,
    /// Empty where the servers give none.
    pub complexity: &'static str,
    pub summary: &'static str,
    pub(in crate::command) finder: Finder,
    pub(in crate::command) count: Count,
    /// The argument index of the only key; 0 where there is no such thing (index 0 is the name).
    pub(in crate::command) single: u8,
    pub(in crate::command) id: RowId,
    /// The container of a subcommand.
    pub(in crate::command) parent: Option<RowId>,
    /// How many subcommand rows follow this one.
    pub(in crate::command) subcommands: u16,
    /// ACL categories beyond those that follow from flags; `None`: the group's own.
    pub(in crate::command) categories: Option<&'static [&'static str]>,
}

impl Row {
    #[inline]
    pub fn id(&self) -> RowId {
        self.id
    }

    /// Flagged `readonly`. Everything else is a write, scripts and PUBLISH included.
    #[inline]
    pub fn is_read(&self) -> bool {
        self.flags.contains(Flags::READONLY)
    }

    /// A read that any node of its shard may serve.
    #[inline]
    pub fn any_node(&self) -> bool {
        self.is_read() && !self.primary_only
    }

    /// May take long: on the slow lane, where it keeps fewer waiting, with a time-out of its own.
    #[inline]
    pub fn is_slow(&self) -> bool {
        self.slow
    }

    /// A script or function: a node that runs one for long answers others that it is busy.
    #[inline]
    pub fn runs_script(&self) -> bool {
        self.slow && self.group == Group::Scripting
    }

    /// A node that is busy with a script does it all the same, and it is about no key.
    #[inline]
    pub fn serves_while_busy(&self) -> bool {
        self.flags.contains(Flags::ALLOW_BUSY) && matches!(self.group, Group::Scripting)
    }

    /// The argument index of the key, where there is exactly one key at a fixed place and nothing
    /// else to look for. A request whose number of arguments fits the arity holds that argument.
    #[inline]
    pub fn single_key(&self) -> Option<usize> {
        (self.single != 0).then_some(self.single as usize)
    }

    /// Whether a request of `args` arguments, the name included, is long enough (and no longer than
    /// allowed).
    #[inline]
    pub fn arity_fits(&self, args: usize) -> bool {
        let wanted = self.arity.unsigned_abs() as usize;
        if self.arity < 0 { args >= wanted } else { args == wanted }
    }

    #[inline]
    pub fn has_subcommands(&self) -> bool {
        self.subcommands > 0
    }

    /// The container that this subcommand belongs to.
    pub fn container(&self) -> Option<&'static Row> {
        self.parent.map(super::row)
    }

    /// ACL categories as `COMMAND INFO` prints them, with the `@`; some follow from the flags.
    pub fn categories(&self) -> impl Iterator<Item = &'static str> {
        let has = |flag| self.flags.contains(flag);
        let own = match self.categories {
            Some(own) => own,
            None if self.has_subcommands() => &[],
            None => self.group.category(),
        };
        // Scripts that only read are in @scripting alone, as on the servers.
        let read = has(Flags::READONLY) && self.group != Group::Scripting;
        let implied = [
            (has(Flags::WRITE), "@write"),
            (read, "@read"),
            (has(Flags::ADMIN), "@admin"),
            (has(Flags::ADMIN), "@dangerous"),
            (has(Flags::PUBSUB), "@pubsub"),
            (has(Flags::BLOCKING), "@blocking"),
            (true, if has(Flags::FAST) { "@fast" } else { "@slow" }),
        ];
        own.iter().copied().chain(implied.into_iter().filter_map(|(is, name)| is.then_some(name)))
    }
}

/// The subcommand rows of a container, in the order of their names.
pub fn subcommands(row: &Row) -> impl Iterator<Item = &'static Row> {
    let first = row.id.0 as usize + 1;
    super::rows().iter().skip(first).take(row.subcommands as usize)
}

/// First key, last key and step as `COMMAND INFO` printed keys before there were key specs: the
/// specs that stand at fixed places, joined where they touch. (0, 0, 0) where nothing can be said.
pub fn classic_range(row: &Row) -> (i32, i32, i32) {
    let fixed = |spec: &KeySpec| match (spec.begin, spec.find) {
        (Begin::Index(first), Find::Range { last, step, .. }) => {
            let (first, last) = (i32::from(first), i32::from(last));
            Some((first, if last < 0 { last } else { first + last }, i32::from(step)))
        }
        _ => None,
    };
    if let [only] = row.keys {
        return fixed(only).unwrap_or((0, 0, 0));
    }
    let mut range: Option<(i32, i32)> = None;
    for (first, last, step) in row.keys.iter().filter_map(fixed) {
        range = match range {
            _ if step != 1 => break,
            None => Some((first, last)),
            Some((begin, end)) if end == first - 1 => Some((begin, last)),
            Some(_) => break,
        };
    }
    range.map_or((0, 0, 0), |(first, last)| (first, last, 1))
}

macro_rules! flags {
    ($(#[$doc:meta])* $name:ident($int:ty) { $($flag:ident = $bit:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub struct $name($int);

        impl $name {
            pub const NONE: $name = $name(0);
            $(pub const $flag: $name = $name(1 << $bit);)*
            const NAMES: &'static [($name, &'static str)] = &[$(($name::$flag, $text)),*];

            /// Has all of `other`.
            #[inline]
            pub const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            pub const fn and(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            /// None for a name that is none of them.
            pub(in crate::command) fn of_name(name: &str) -> $name {
                Self::NAMES.iter().find(|(_, own)| *own == name).map_or($name::NONE, |(flag, _)| *flag)
            }

            /// As Redis prints them, in its order.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                Self::NAMES.iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| *name)
            }
        }
    };
}

flags!(
    /// The flags of a command, named as `COMMAND INFO` names them.
    Flags(u32) {
        WRITE = 0, "write";
        READONLY = 1, "readonly";
        DENYOOM = 2, "denyoom";
        ADMIN = 3, "admin";
        PUBSUB = 4, "pubsub";
        NOSCRIPT = 5, "noscript";
        BLOCKING = 6, "blocking";
        LOADING = 7, "loading";
        STALE = 8, "stale";
        SKIP_MONITOR = 9, "skip_monitor";
        SKIP_COMMANDLOG = 10, "skip_commandlog";
        ASKING = 11, "asking";
        FAST = 12, "fast";
        NO_AUTH = 13, "no_auth";
        NO_MANDATORY_KEYS = 14, "no_mandatory_keys";
        NO_ASYNC_LOADING = 15, "no_async_loading";
        NO_MULTI = 16, "no_multi";
        MOVABLEKEYS = 17, "movablekeys";
        ALLOW_BUSY = 18, "allow_busy";
    }
);

flags!(
    /// What a command does with a key, named as `COMMAND GETKEYSANDFLAGS` names it.
    KeyFlags(u16) {
        RO = 0, "RO";
        RW = 1, "RW";
        OW = 2, "OW";
        RM = 3, "RM";
        ACCESS = 4, "access";
        INSERT = 5, "insert";
        UPDATE = 6, "update";
        DELETE = 7, "delete";
        NOT_KEY = 8, "not_key";
        INCOMPLETE = 9, "incomplete";
        VARIABLE_FLAGS = 10, "variable_flags";
    }
);

impl KeyFlags {
    pub(in crate::command) const fn access(self) -> KeyFlags {
        self.and(KeyFlags::ACCESS)
    }

    pub(in crate::command) const fn insert(self) -> KeyFlags {
        self.and(KeyFlags::INSERT)
    }

    pub(in crate::command) const fn update(self) -> KeyFlags {
        self.and(KeyFlags::UPDATE)
    }

    pub(in crate::command) const fn delete(self) -> KeyFlags {
        self.and(KeyFlags::DELETE)
    }

    pub(in crate::command) const fn incomplete(self) -> KeyFlags {
        self.and(KeyFlags::INCOMPLETE)
    }

    /// Which access it is depends on the arguments.
    pub(in crate::command) const fn variable(self) -> KeyFlags {
        self.and(KeyFlags::VARIABLE_FLAGS)
    }
}

/// Redis's own groups of commands, as `COMMAND DOCS` names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    Bitmap,
    Cluster,
    Connection,
    Generic,
    Geo,
    Hash,
    Hyperloglog,
    List,
    /// What was learned from the nodes.
    Module,
    Pubsub,
    Scripting,
    Sentinel,
    Server,
    Set,
    SortedSet,
    Stream,
    String,
    Transactions,
}

impl Group {
    pub fn name(self) -> &'static str {
        match self {
            Group::Bitmap => "bitmap",
            Group::Cluster => "cluster",
            Group::Connection => "connection",
            Group::Generic => "generic",
            Group::Geo => "geo",
            Group::Hash => "hash",
            Group::Hyperloglog => "hyperloglog",
            Group::List => "list",
            Group::Module => "module",
            Group::Pubsub => "pubsub",
            Group::Scripting => "scripting",
            Group::Sentinel => "sentinel",
            Group::Server => "server",
            Group::Set => "set",
            Group::SortedSet => "sorted-set",
            Group::Stream => "stream",
            Group::String => "string",
            Group::Transactions => "transactions",
        }
    }

    fn category(self) -> &'static [&'static str] {
        match self {
            Group::Bitmap => &["@bitmap"],
            Group::Cluster | Group::Module | Group::Pubsub | Group::Sentinel | Group::Server => &[],
            Group::Connection => &["@connection"],
            Group::Generic => &["@keyspace"],
            Group::Geo => &["@geo"],
            Group::Hash => &["@hash"],
            Group::Hyperloglog => &["@hyperloglog"],
            Group::List => &["@list"],
            Group::Scripting => &["@scripting"],
            Group::Set => &["@set"],
            Group::SortedSet => &["@sortedset"],
            Group::Stream => &["@stream"],
            Group::String => &["@string"],
            Group::Transactions => &["@transaction"],
        }
    }
}

/// Which servers have a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Known {
    /// Redis 7.0 and Valkey 9.
    Both,
    /// Valkey 9 only.
    Valkey,
    /// A Sentinel only. Clients that look for one ask Ketch too.
    Sentinel,
}

/// What Ketch does with a command.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handling {
    /// Its keys are on one shard: as it is. Without keys (a script, a HELP): to the first shard.
    Forward,
    /// As it is while all keys are on one shard; else one part a shard.
    Split(Split),
    /// To every shard's primary; the replies are put together by the reply policy.
    EachShard,
    /// A page of a scan, over the shards or of one key: with a cursor of Ketch's own.
    Scan,
    /// One key of all shards.
    RandomKey,
    /// How many replicas have a client's writes: asked by Ketch, for connections are shared.
    Wait,
    /// Answered by Ketch itself.
    Local(Local),
    /// About messages and who gets them.
    PubSub(PubSub),
    /// Begins, ends or watches for a block of commands.
    Transaction(Transaction),
    /// Promised, and not there yet: it would block, pin or change the state of a shared upstream, or
    /// concerns the whole pool. The reason ends an error reply.
    Later(&'static str),
    /// Never forwarded: the reason, and what to use instead.
    Refused(&'static str),
}

/// What a command does with messages, or with who gets them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PubSub {
    Subscribe(Topic),
    Unsubscribe(Topic),
    Publish(Topic),
    /// Lists what somebody is subscribed to.
    Channels,
    /// Counts the subscribers of each that is given.
    NumSub(Topic),
    /// Counts the different patterns.
    NumPat,
}

/// What a client can be subscribed to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Topic {
    Channel,
    Pattern,
    ShardChannel,
}

/// What a command has to do with the texts of scripts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Script {
    /// Its argument at this index is a script's text.
    Text(u8),
    /// Runs the script that its first argument names.
    Digest,
    /// All its arguments from this index on name scripts; it runs none of them.
    Digests(u8),
    /// Forgets all scripts.
    Flush,
}

/// The commands that can be split by shard and put together again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Split {
    Mget,
    Mset,
    Del,
    Unlink,
    Exists,
    Touch,
}

/// What makes a block of commands, and what makes it depend on keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transaction {
    Multi,
    Exec,
    Discard,
    Watch,
    Unwatch,
}

/// The commands that Ketch answers itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Local {
    Ping,
    Echo,
    Quit,
    Auth,
    Hello,
    Select,
    Reset,
    Monitor,
    ClientSetname,
    ClientGetname,
    ClientSetinfo,
    ClientId,
    ClientInfo,
    ClientList,
    ClientKill,
    ClientPause,
    ClientUnpause,
    ClientReply,
    ClientUnblock,
    ClientNoEvict,
    ClientNoTouch,
    ClientGetredir,
    Command,
    CommandCount,
    CommandDocs,
    CommandInfo,
    CommandList,
    CommandGetkeys,
    CommandGetkeysandflags,
    Info,
    ConfigGet,
    ConfigSet,
    ConfigResetstat,
    SlowlogGet,
    SlowlogLen,
    SlowlogReset,
    CommandlogGet,
    CommandlogLen,
    CommandlogReset,
    LatencyLatest,
    LatencyHistory,
    LatencyReset,
    LatencyHistogram,
    LatencyGraph,
    LatencyDoctor,
    MemoryStats,
    MemoryDoctor,
    MemoryMallocStats,
    MemoryPurge,
    SentinelAddress,
    SentinelMasters,
    SentinelMaster,
    SentinelReplicas,
    SentinelSentinels,
    SentinelCkquorum,
    SentinelIsMasterDown,
    SentinelMyid,
    Time,
    Role,
    Lolwut,
    /// Whatever only a node of a Redis Cluster can do.
    NoCluster,
    /// HELP of a group of commands.
    Help,
}

/// Where a request should be sent, by Redis's tip of that name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RequestPolicy {
    None,
    AllNodes,
    AllShards,
    MultiShard,
    Special,
}

/// How part replies become one, by Redis's tip of that name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyPolicy {
    None,
    OneSucceeded,
    AllSucceeded,
    AggLogicalAnd,
    AggLogicalOr,
    AggMin,
    AggMax,
    AggSum,
    Special,
}

/// Where some keys of a command are: where to begin, and how to find them from there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeySpec {
    pub begin: Begin,
    pub find: Find,
    pub flags: KeyFlags,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Begin {
    /// At this argument.
    Index(u8),
    /// Behind this word, looked for from argument `from` on; a negative `from` counts from the end
    /// and is looked for backwards.
    Keyword {
        word: &'static str,
        from: i8,
    },
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Find {
    /// Up to `last`: counted from the first key, or from the end if negative (-1 is the last
    /// argument). A `limit` of 2 takes the first half of what is there.
    Range {
        last: i8,
        step: u8,
        limit: u8,
    },
    /// The number of keys is argument `number`, the first key argument `first`, both counted from
    /// where it begins.
    KeyNum {
        number: u8,
        first: u8,
        step: u8,
    },
    Unknown,
}

/// Who finds the keys. Some rows have specs that are incomplete, or whose flags depend on arguments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Finder {
    /// The key specs tell everything.
    Specs,
    /// So do they, as a node told them: a keyword that is not there stands for no keys, as on the servers.
    Learned,
    /// One key; GET among the options also reads it.
    SetOptions,
    /// One key; only GETs read, SET and INCRBY write.
    BitfieldOptions,
    /// A key, and the last STORE among the options.
    SortOptions,
    /// A key, and the last STORE or STOREDIST among the options, which begin at this argument.
    GeoradiusOptions(u8),
    /// One key, or, if that is empty, all behind KEYS.
    MigrateOptions,
}

/// How a wrong number of keys is called: each family of commands has its own words for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::command) enum Count {
    /// Scripts: none is fine.
    Script,
    /// Functions: none is fine.
    Function,
    /// Unions, intersections, differences.
    Operation,
    Pop,
    Cardinality,
    /// Keys with values and an expiry.
    Expiring,
}
