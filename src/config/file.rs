//! What may be written in `ketch.toml`: one row a key. The manual, the example file and the defaults
//! are these rows; a new key is one row here and its use in `check`.
//!
//! Deliberately absent: any judgement that needs more than one key. That is `check`'s.

use core::time::Duration;

/// A table of the file.
#[derive(PartialEq, Debug)]
pub struct Section {
    /// As its header is written, with NAME for what the user chooses.
    pub header: &'static str,
    /// Manual text.
    pub doc: &'static str,
    pub rows: &'static [Row],
}

/// A key of a table.
#[derive(PartialEq, Debug)]
pub struct Row {
    pub key: &'static str,
    pub kind: Kind,
    /// What holds when it is not written, as TOML; empty = nothing, or as the manual text says.
    pub default: &'static str,
    /// Something one could write, as TOML, where the default cannot show it.
    pub example: &'static str,
    /// Manual text.
    pub doc: &'static str,
}

/// What a key takes.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// A text that is not empty.
    Word,
    /// A level of the log, or several, each of a room.
    LogLevel,
    /// A text that is never shown.
    Secret,
    Integer {
        min: i64,
        max: i64,
    },
    Boolean,
    /// At least `least`.
    Duration {
        least: Duration,
    },
    /// At least `least` bytes.
    Size {
        least: u64,
    },
    Address,
    /// An address, or an empty text.
    AddressOrOff,
    Addresses,
    Words,
    Choice(&'static [&'static str]),
    /// A name that `placement` knows.
    Hash,
    /// A name that `placement` knows.
    Distribution,
    /// A table of texts.
    Pairs,
    Table(&'static Section),
    /// `[[…]]`, any number of times.
    Tables(&'static Section),
    AddressOrTables(&'static Section),
    /// A table of tables, each with a name of the user's.
    Named(&'static Section),
}

const fn row(key: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Row {
    Row { key, kind, default, example: "", doc }
}

/// A row whose default is nothing that could be written.
const fn unset(key: &'static str, kind: Kind, example: &'static str, doc: &'static str) -> Row {
    Row { key, kind, default: "", example, doc }
}

const fn table(key: &'static str, kind: Kind) -> Row {
    Row { key, kind, default: "", example: "", doc: "" }
}

const ANY: Kind = Kind::Duration { least: Duration::ZERO };
const SOME: Kind = Kind::Duration { least: Duration::from_millis(1) };
const COUNT: Kind = Kind::Integer { min: 1, max: i64::MAX };

/// The words of a listener's route, in the order of `Route`.
pub(super) const ROUTES: &[&str] = &["auto", "primary", "replica"];
/// The words of a read policy, in the order of `ReadPolicy`.
pub(super) const READS: &[&str] = &["primary", "prefer-primary", "replica", "prefer-replica", "any"];
/// The words of a log's format, in the order of `LogFormat`.
/// From the fewest lines to the most.
pub(super) const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];
pub(super) const FORMATS: &[&str] = &["auto", "text", "json"];

/// The whole file.
pub(super) static FILE: Section = Section {
    header: "",
    doc: "What concerns the whole process.",
    rows: &[
        unset(
            "name",
            Kind::Word,
            "\"cache-1\"",
            "Shown in the snapshot and in INFO. Default: the host's name.",
        ),
        unset(
            "threads",
            Kind::Integer { min: 1, max: 1024 },
            "2",
            "Worker threads. Default: half the cores, at least one.",
        ),
        table("admin", Kind::Table(&ADMIN)),
        table("log", Kind::Table(&LOG)),
        table("shutdown", Kind::Table(&SHUTDOWN)),
        table("pool", Kind::Named(&POOL)),
    ],
};

static ADMIN: Section = Section {
    header: "[admin]",
    doc: "Health checks, metrics and a snapshot of everything, over HTTP.",
    rows: &[row(
        "listen",
        Kind::AddressOrOff,
        "\"127.0.0.1:8404\"",
        "Where they are served. \"\" turns them off.",
    )],
};

static LOG: Section = Section {
    header: "[log]",
    doc: "What is logged, to the standard error output.",
    rows: &[
        row(
            "level",
            Kind::LogLevel,
            "\"info\"",
            "off, error, warn, info, debug or trace; or by room: \"info,control=debug\".",
        ),
        row("format", Kind::Choice(FORMATS), "\"auto\"", "auto is text on a terminal and JSON elsewhere."),
    ],
};

static SHUTDOWN: Section = Section {
    header: "[shutdown]",
    doc: "How Ketch stops after SIGTERM.",
    rows: &[
        row("delay", ANY, "\"0s\"", "Keep serving for this long after the readiness check says no."),
        row(
            "timeout",
            ANY,
            "\"25s\"",
            "Requests in flight may take this long after that; then they are cut.",
        ),
    ],
};

static POOL: Section = Section {
    header: "[pool.NAME]",
    doc: "One logical Redis, as clients see it: its listeners, its shards and its rules. There may be several.",
    rows: &[
        unset(
            "listen",
            Kind::AddressOrTables(&LISTEN),
            "\"127.0.0.1:6380\"",
            "Where clients connect. For several listeners, or other routes, write [[pool.NAME.listen]].",
        ),
        unset(
            "sentinels",
            Kind::Addresses,
            "[\"127.0.0.1:26379\", \"127.0.0.1:26380\", \"127.0.0.1:26381\"]",
            "The Sentinels that watch the shards. Leave it out and give each shard its `nodes` to do without.",
        ),
        unset(
            "shards",
            Kind::Words,
            "[\"shard1\", \"shard2\"]",
            "The shards, by the names that the Sentinels know their masters by. The names place the keys: \
             never rename one. For weights or other names write [[pool.NAME.shard]].",
        ),
        row(
            "hash",
            Kind::Hash,
            "\"fnv1a_64\"",
            "How a key becomes a number; a name of twemproxy's. Changing it moves nearly all keys.",
        ),
        row(
            "distribution",
            Kind::Distribution,
            "\"ketama\"",
            "How the number chooses a shard; a name of twemproxy's. Changing it moves nearly all keys.",
        ),
        row(
            "hash_tag",
            Kind::Text,
            "\"\"",
            "Two characters, as in \"{}\": only what stands between them is hashed, so that keys can be kept \
             together. Changing it moves the keys that hold them.",
        ),
        row(
            "reads",
            Kind::Choice(READS),
            "\"primary\"",
            "Which nodes serve reads: primary, prefer-primary, replica, prefer-replica or any.",
        ),
        row("db", Kind::Integer { min: 0, max: 1_000_000 }, "0", "The database that clients begin in."),
        row(
            "cross_shard_writes",
            Kind::Boolean,
            "true",
            "Whether MSET, DEL, UNLINK and TOUCH may touch several shards. It is not atomic then.",
        ),
        row(
            "insecure",
            Kind::Boolean,
            "false",
            "Allow listeners beyond loopback without users: everybody who reaches them may do anything.",
        ),
        unset(
            "address_map",
            Kind::Pairs,
            "{ \"172.17.0.3\" = \"10.0.0.1\" }",
            "Where to connect instead of a host, or \"HOST:PORT\", that the Sentinels announce. \
             For containers and NAT.",
        ),
        unset(
            "hold",
            ANY,
            "\"15s\"",
            "How long a request may wait for a primary before it is refused. \
             Default: 15s, or 5s more than the Sentinels' down-after if that is longer.",
        ),
        row(
            "hold_max",
            COUNT,
            "100000",
            "Requests that may be held at once; beyond it clients are not read from.",
        ),
        row(
            "hold_max_bytes",
            Kind::Size { least: 1024 },
            "\"64MiB\"",
            "Bytes that may be held at once; a client may have a tenth of them.",
        ),
        row(
            "read_retries",
            Kind::Integer { min: 0, max: 100 },
            "2",
            "How often a read is sent again when its connection is lost. A write never is.",
        ),
        row(
            "sentinel_refresh",
            SOME,
            "\"10s\"",
            "How often the Sentinels are asked when they report nothing.",
        ),
        row(
            "forget_after",
            SOME,
            "\"60s\"",
            "A node or Sentinel that nobody reports any more is kept for this long.",
        ),
        table("shard", Kind::Tables(&SHARD)),
        table("timeouts", Kind::Table(&TIMEOUTS)),
        table("limits", Kind::Table(&LIMITS)),
        table("health", Kind::Table(&HEALTH)),
        table("auth", Kind::Table(&AUTH)),
        table("user", Kind::Tables(&USER)),
    ],
};

static LISTEN: Section = Section {
    header: "[[pool.NAME.listen]]",
    doc: "A listener, where `listen = \"HOST:PORT\"` does not say enough. Any number of them.",
    rows: &[
        unset("address", Kind::Address, "\"127.0.0.1:6380\"", "Where clients connect."),
        unset(
            "announce",
            Kind::Address,
            "\"cache.example.net:6380\"",
            "Where clients find this listener, which SENTINEL answers. Default: its address, or, where that is every \
             address of the machine, the one that the client who asks is connected to.",
        ),
        row(
            "route",
            Kind::Choice(ROUTES),
            "\"auto\"",
            "auto splits by command; primary sends everything there; replica serves reads and refuses writes.",
        ),
        unset("reads", Kind::Choice(READS), "\"prefer-replica\"", "As the pool's, which it overrides."),
    ],
};

static SHARD: Section = Section {
    header: "[[pool.NAME.shard]]",
    doc: "A shard, where `shards = [\"NAME\", …]` does not say enough. Any number of them.",
    rows: &[
        unset("name", Kind::Word, "\"shard1\"", "Places the keys: never rename it."),
        row(
            "weight",
            Kind::Integer { min: 1, max: 100_000 },
            "1",
            "Its part of the keys, relative to the others.",
        ),
        unset("master", Kind::Word, "\"shard1\"", "The name that the Sentinels know. Default: `name`."),
        unset(
            "nodes",
            Kind::Addresses,
            "[\"10.0.0.1:6379\", \"10.0.0.2:6379\"]",
            "Without Sentinels: all nodes of the shard, in any order. Ketch asks them for their roles.",
        ),
    ],
};

static TIMEOUTS: Section = Section {
    header: "[pool.NAME.timeouts]",
    doc: "How long things may take.",
    rows: &[
        row("connect", SOME, "\"1s\"", "Connecting to a node or a Sentinel."),
        row("request", SOME, "\"5s\"", "The reply to an ordinary command."),
        row(
            "slow",
            SOME,
            "\"60s\"",
            "The reply to a command that may be slow: KEYS, SORT, scripts and the like.",
        ),
        row(
            "dead_after",
            SOME,
            "\"2s\"",
            "A node that owes a reply and has sent nothing for this long is taken for dead.",
        ),
        row("client_idle", ANY, "\"0s\"", "Close clients that have been silent for this long. 0s = never."),
        row("handshake", SOME, "\"5s\"", "A client has this long to authenticate."),
    ],
};

static LIMITS: Section = Section {
    header: "[pool.NAME.limits]",
    doc: "What is bounded, so that memory is.",
    rows: &[
        row("max_clients", COUNT, "10000", "Clients connected at once."),
        row("max_request", Kind::Size { least: 1024 }, "\"512MiB\"", "The largest request."),
        row("max_args", COUNT, "1048576", "The most arguments of a request."),
        row("max_inline", Kind::Size { least: 1024 }, "\"64KiB\"", "The longest request in the inline form."),
        row(
            "output_limit",
            Kind::Size { least: 65536 },
            "\"64MiB\"",
            "Replies that a client has not read; beyond it the client is closed.",
        ),
        row(
            "stall_limit",
            SOME,
            "\"1s\"",
            "How long a client that reads slowly may make others wait; then it is closed.",
        ),
        row(
            "upstream_buffer",
            Kind::Size { least: 65536 },
            "\"8MiB\"",
            "Requests on their way to a node, per connection; beyond it clients are not read from.",
        ),
        row(
            "gather_limit",
            Kind::Size { least: 65536 },
            "\"256MiB\"",
            "The largest reply that is put together from several shards.",
        ),
        row(
            "max_upstreams",
            Kind::Integer { min: 2, max: 65536 },
            "64",
            "Connections of a worker to one node; beyond half of them, further databases share one in turn.",
        ),
        row(
            "max_pinned",
            COUNT,
            "1000",
            "Clients that have a connection to a node for themselves: while they block, or watch keys.",
        ),
        row(
            "script_cache",
            Kind::Size { least: 65536 },
            "\"16MiB\"",
            "Texts of scripts that are kept, to load them where they are missing; those used last.",
        ),
    ],
};

static HEALTH: Section = Section {
    header: "[pool.NAME.health]",
    doc: "When a node counts as down.",
    rows: &[
        row("interval", SOME, "\"1s\"", "How often each node is asked."),
        row("fail", Kind::Integer { min: 1, max: 1000 }, "3", "So many failures in a row, and it is down."),
        row(
            "pass",
            Kind::Integer { min: 1, max: 1000 },
            "2",
            "So many answers in a row, and it is up again.",
        ),
    ],
};

static AUTH: Section = Section {
    header: "[pool.NAME.auth]",
    doc: "How Ketch authenticates towards nodes and Sentinels. Passwords may come from the environment: \
          password = \"${REDIS_PASSWORD}\".",
    rows: &[
        unset("username", Kind::Word, "\"ketch\"", "The user on the nodes, where they have an ACL."),
        unset("password", Kind::Secret, "\"${REDIS_PASSWORD}\"", "The password on the nodes."),
        unset("password_file", Kind::Word, "\"/etc/ketch/redis.pass\"", "A file that holds it instead."),
        unset("sentinel_username", Kind::Word, "\"ketch\"", "The user on the Sentinels."),
        unset(
            "sentinel_password",
            Kind::Secret,
            "\"${SENTINEL_PASSWORD}\"",
            "The password on the Sentinels.",
        ),
        unset(
            "sentinel_password_file",
            Kind::Word,
            "\"/etc/ketch/sentinel.pass\"",
            "A file that holds it instead.",
        ),
    ],
};

static USER: Section = Section {
    header: "[[pool.NAME.user]]",
    doc: "Who may connect. Without any, nobody needs a password, which is allowed on loopback only. \
          The user \"default\" is who authenticates with a password alone.",
    rows: &[
        unset("name", Kind::Word, "\"app\"", "The name that clients give with AUTH or HELLO."),
        unset("password", Kind::Secret, "\"${APP_PASSWORD}\"", "The password."),
        unset("password_file", Kind::Word, "\"/etc/ketch/app.pass\"", "A file that holds it instead."),
    ],
};

/// Every table, in the order of the manual.
pub fn sections() -> Vec<&'static Section> {
    fn collect(section: &'static Section, all: &mut Vec<&'static Section>) {
        all.push(section);
        for row in section.rows {
            if let Kind::Table(inner)
            | Kind::Tables(inner)
            | Kind::Named(inner)
            | Kind::AddressOrTables(inner) = row.kind
            {
                collect(inner, all);
            }
        }
    }
    let mut all = Vec::new();
    collect(&FILE, &mut all);
    all
}

impl Section {
    pub(super) fn row(&self, key: &str) -> Option<&'static Row> {
        self.rows.iter().find(|row| row.key == key)
    }
}

impl Row {
    /// False for rows that only stand for a table with rows of its own.
    pub fn is_value(&self) -> bool {
        !matches!(self.kind, Kind::Table(_) | Kind::Tables(_) | Kind::Named(_))
    }
}

/// Keys of other products, of twemproxy above all, and what to write instead.
pub(super) const FOREIGN: &[(&str, &str)] = &[
    ("timeout", "[pool.NAME.timeouts] has 'request' for replies and 'connect' for connecting"),
    (
        "server_connections",
        "the number of connections is chosen by Ketch; [pool.NAME.limits] max_upstreams bounds it",
    ),
    ("client_connections", "write max_clients in [pool.NAME.limits]"),
    (
        "redis_auth",
        "write password or password_file in [pool.NAME.auth] (nodes) or [[pool.NAME.user]] (clients)",
    ),
    ("redis_db", "write db"),
    ("redis", "Ketch speaks Redis only; leave it out"),
    ("servers", "write [[pool.NAME.shard]] with name, weight and nodes"),
    (
        "auto_eject_hosts",
        "the ring never changes by itself: a shard's replica takes over instead; leave it out",
    ),
    ("server_retry_timeout", "[pool.NAME.health] says when a node is asked again; leave it out"),
    ("server_failure_limit", "write fail in [pool.NAME.health]"),
    ("preconnect", "Ketch always connects early; leave it out"),
    ("tcpkeepalive", "it is always on; leave it out"),
    ("masters", "write shards"),
    ("slaves", "replicas are learned from the Sentinels, or listed among the nodes of a [[pool.NAME.shard]]"),
    (
        "replicas",
        "replicas are learned from the Sentinels, or listed among the nodes of a [[pool.NAME.shard]]",
    ),
];
