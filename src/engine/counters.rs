//! What a worker counts of one pool: cells of its own, so that counting costs a plain add.

use std::collections::BTreeMap;

use crate::base::NodeId;
use crate::command::{self, Flags, Handling, Row};
use crate::metrics::{Counter, Counters as Cells, Gauge, Registry, catalog};
use crate::resp;
use crate::topology::{ListenerInfo, Node, Pool, Topology};

pub(crate) struct Counters {
    registry: Registry,
    pool: String,
    pub(crate) received: Counter,
    pub(crate) sent: Counter,
    /// By command row.
    commands: Cells,
    /// By label of Ketch's own errors, of error codes, of reasons to close: rare, so looked up.
    own_errors: BTreeMap<&'static str, Counter>,
    errors: BTreeMap<String, Counter>,
    closed: BTreeMap<&'static str, Counter>,
    protocol_errors: BTreeMap<&'static str, Counter>,
    upstream_closed: BTreeMap<(NodeId, &'static str), Counter>,
    pub(crate) shards: Vec<ShardCounters>,
}

pub(crate) struct ShardCounters {
    pub(crate) holding: Gauge,
    pub(crate) held: Counter,
    pub(crate) unknown: Counter,
    pub(crate) resent_reads: Counter,
    pub(crate) resent_writes: Counter,
}

/// What a worker counts of one node.
pub(crate) struct NodeCounters {
    pub(crate) timeouts: Counter,
    pub(crate) connect_errors: Counter,
    pub(crate) connections: Gauge,
}

/// What is counted with each request: in each upstream's own cells of its node's series, so that nothing
/// has to be looked up for it.
pub(crate) struct UpstreamCounters {
    pub(crate) requests: Counter,
    pub(crate) sent: Counter,
    pub(crate) received: Counter,
}

/// Codes of errors that get a label of their own at most; further ones are "other".
const ERROR_CODES: usize = 64;

/// How many clients each listener has, by `ListenerId`.
pub(crate) fn connected(registry: &Registry, topology: &Topology) -> Vec<Gauge> {
    let of = |listener: &ListenerInfo| {
        let pool = &topology.pool(listener.pool).config.name;
        registry.gauge(&catalog::CLIENT_CONNECTIONS, &[pool, &listener.address.to_string()])
    };
    topology.listeners.iter().map(of).collect()
}

impl Counters {
    pub(crate) fn new(registry: &Registry, pool: &Pool) -> Counters {
        let name = pool.config.name.as_str();
        let shard = |shard: &str| ShardCounters {
            holding: registry.gauge(&catalog::HELD_REQUESTS, &[name, shard]),
            held: registry.counter(&catalog::HELD_REQUESTS_TOTAL, &[name, shard]),
            unknown: registry.counter(&catalog::OUTCOME_UNKNOWN_TOTAL, &[name, shard]),
            resent_reads: registry.counter(&catalog::RESENT_TOTAL, &[name, shard, "read"]),
            resent_writes: registry.counter(&catalog::RESENT_TOTAL, &[name, shard, "write"]),
        };
        let known = command::rows().iter().map(|row| [name, row.name, class(row)]);
        let labels: Vec<[&str; 3]> = known.chain([[name, "other", "write"]]).collect();
        let commands: Vec<&[&str]> = labels.iter().map(|l| l.as_slice()).collect();
        Counters {
            registry: registry.clone(),
            pool: name.to_owned(),
            received: registry.counter(&catalog::CLIENT_RECEIVED_BYTES_TOTAL, &[name]),
            sent: registry.counter(&catalog::CLIENT_SENT_BYTES_TOTAL, &[name]),
            commands: registry.counters(&catalog::COMMANDS_TOTAL, &commands),
            own_errors: BTreeMap::new(),
            errors: BTreeMap::new(),
            closed: BTreeMap::new(),
            protocol_errors: BTreeMap::new(),
            upstream_closed: BTreeMap::new(),
            shards: pool.shards.iter().map(|s| shard(&s.name)).collect(),
        }
    }

    #[inline]
    pub(crate) fn command(&self, row: &'static Row) {
        // What was learned from the nodes is counted together, behind what is in the table.
        self.commands.inc(usize::from(row.id().0).min(command::rows().len()));
    }

    pub(crate) fn own_error(&mut self, label: &'static str) {
        let (registry, pool) = (&self.registry, self.pool.as_str());
        self.own_errors
            .entry(label)
            .or_insert_with(|| registry.counter(&catalog::OWN_ERRORS_TOTAL, &[pool, label]))
            .inc();
    }

    /// An error that a client gets, whoever said it.
    pub(crate) fn error(&mut self, reply: &[u8]) {
        let code = resp::error_code(reply);
        let code = core::str::from_utf8(code).unwrap_or("other");
        if let Some(counter) = self.errors.get(code) {
            return counter.inc();
        }
        // Scripts make codes of their own; as in Redis, what is no word is none.
        let of_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
        let plain = !code.is_empty() && code.len() <= 32 && code.bytes().all(of_word);
        let code = if plain && self.errors.len() < ERROR_CODES { code } else { "other" };
        let (registry, pool) = (&self.registry, self.pool.as_str());
        self.errors
            .entry(code.to_owned())
            .or_insert_with(|| registry.counter(&catalog::COMMAND_ERRORS_TOTAL, &[pool, code]))
            .inc();
    }

    pub(crate) fn closed(&mut self, reason: &'static str) {
        let (registry, pool) = (&self.registry, self.pool.as_str());
        self.closed
            .entry(reason)
            .or_insert_with(|| registry.counter(&catalog::CLIENT_CLOSED_TOTAL, &[pool, reason]))
            .inc();
    }

    pub(crate) fn protocol_error(&mut self, label: &'static str) {
        let (registry, pool) = (&self.registry, self.pool.as_str());
        self.protocol_errors
            .entry(label)
            .or_insert_with(|| registry.counter(&catalog::CLIENT_PROTOCOL_ERRORS_TOTAL, &[pool, label]))
            .inc();
    }

    pub(crate) fn upstream_closed(&mut self, node: NodeId, address: &str, reason: &'static str) {
        let (registry, pool) = (&self.registry, self.pool.as_str());
        self.upstream_closed
            .entry((node, reason))
            .or_insert_with(|| registry.counter(&catalog::UPSTREAM_CLOSED_TOTAL, &[pool, address, reason]))
            .inc();
    }
}

/// What Ketch answers itself, what it never forwards, and what is meant for administrators is neither a
/// read nor a write of anybody's data.
fn class(row: &Row) -> &'static str {
    match row.handling {
        Handling::Local(_) | Handling::Refused(_) => "admin",
        _ if row.flags.contains(Flags::ADMIN) => "admin",
        _ if row.is_read() => "read",
        _ => "write",
    }
}

impl NodeCounters {
    pub(crate) fn new(registry: &Registry, pool: &str, node: &str) -> NodeCounters {
        NodeCounters {
            timeouts: registry.counter(&catalog::REQUEST_TIMEOUTS_TOTAL, &[pool, node]),
            connect_errors: registry.counter(&catalog::CONNECT_ERRORS_TOTAL, &[pool, node]),
            connections: registry.gauge(&catalog::NODE_CONNECTIONS, &[pool, node]),
        }
    }
}

impl UpstreamCounters {
    pub(crate) fn new(registry: &Registry, pool: &Pool, node: &Node) -> UpstreamCounters {
        let address = node.address.to_string();
        let labels = &[pool.config.name.as_str(), &*pool.shard(node.shard).name, &address];
        UpstreamCounters {
            requests: registry.counter(&catalog::NODE_REQUESTS_TOTAL, labels),
            sent: registry.counter(&catalog::NODE_SENT_BYTES_TOTAL, labels),
            received: registry.counter(&catalog::NODE_RECEIVED_BYTES_TOTAL, labels),
        }
    }
}
