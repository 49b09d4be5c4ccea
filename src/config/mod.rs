//! The configuration as meant: every value checked, every default filled in, every secret read.
//!
//! - `file`: what may be written, a row a key
//! - `tree`, `overrides`, `read`: TOML, the environment, and typed values by those rows
//! - `check`: the only way from there to here, telling all mistakes at once
//! - `diagnostic`, `code`, `suggest`: how mistakes are told
//! - `write`: back into a file, with secrets hidden

mod check;
mod code;
mod diagnostic;
mod duration;
mod file;
mod overrides;
mod read;
mod suggest;
mod tree;
mod write;

use core::time::Duration;
use std::sync::Arc;

pub use check::{Checked, Context, check};
pub use code::Code;
pub use diagnostic::{Diagnostic, Severity, Source, render};
pub use file::{Kind, Row, Section, sections};
pub use suggest::nearest;
pub use write::{quick, to_toml};

use crate::base::{Address, ByteSize, Secret};

/// A whole configuration that has passed every check.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// Shown in INFO and on the page; the host's name unless given.
    pub name: String,
    /// Worker threads; `None` = half the cores, at least one.
    pub threads: Option<usize>,
    /// Where the admin HTTP listens; `None` = off.
    pub admin: Option<Address>,
    pub log: Log,
    pub shutdown: Shutdown,
    /// In the order of the file. Never empty.
    pub pools: Vec<Arc<PoolConfig>>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Log {
    /// A tracing filter: "info", or "info,sentinel=debug".
    pub level: String,
    pub format: LogFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    Text,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shutdown {
    /// How long to keep serving after readiness says no.
    pub delay: Duration,
    /// How long requests in flight may take after that.
    pub timeout: Duration,
}

/// One logical Redis: its listeners, shards and rules.
#[derive(Clone, PartialEq, Debug)]
pub struct PoolConfig {
    pub name: String,
    pub listeners: Vec<ListenerConfig>,
    pub source: SourceConfig,
    /// In configuration order: a `ShardId` is an index into it. Never empty, names unique.
    pub shards: Vec<ShardConfig>,
    /// A name that `placement::HASHES` knows.
    pub hash: String,
    /// A name that `placement::DISTRIBUTIONS` knows.
    pub distribution: String,
    pub hash_tag: Option<[u8; 2]>,
    pub db: u32,
    pub reads: ReadPolicy,
    pub cross_shard_writes: bool,
    pub insecure: bool,
    /// How long a request may be held. `None` = max of 15 s and down-after + 5 s.
    pub hold: Option<Duration>,
    pub hold_max: usize,
    pub hold_max_bytes: ByteSize,
    pub read_retries: u32,
    pub sentinel_refresh: Duration,
    pub forget_after: Duration,
    /// Announced host (or `HOST:PORT`) → the host (or `HOST:PORT`) to connect to.
    pub address_map: Vec<(String, String)>,
    pub timeouts: Timeouts,
    pub limits: Limits,
    pub auth: NodeAuth,
    pub users: Vec<User>,
    pub health: HealthRules,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListenerConfig {
    pub address: Address,
    /// Where clients find it, if not there: what SENTINEL answers. Never an unspecified address.
    pub announce: Option<Address>,
    pub route: Route,
    /// Overrides the pool's.
    pub reads: Option<ReadPolicy>,
}

/// What a listener does with reads and writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Route {
    /// Reads by the pool's policy, writes to the primary.
    #[default]
    Auto,
    /// Everything to the primary.
    Primary,
    /// Reads to replicas, writes refused.
    Replica,
}

impl Route {
    /// As the configuration writes it.
    pub fn label(self) -> &'static str {
        file::ROUTES[self as usize]
    }
}

/// Which nodes of a shard may serve a read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReadPolicy {
    #[default]
    Primary,
    PreferPrimary,
    Replica,
    PreferReplica,
    Any,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SourceConfig {
    /// Sentinels of the group, as written. Never empty.
    Sentinel(Vec<Address>),
    /// Nodes are listed with each shard; roles are found by asking.
    Static,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShardConfig {
    /// Places the keys.
    pub name: String,
    /// At least 1.
    pub weight: u32,
    /// The name Sentinel knows; the shard's own unless given.
    pub master: String,
    /// Static pools only; never empty there.
    pub nodes: Vec<Address>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    pub connect: Duration,
    /// A reply on the shared lane.
    pub request: Duration,
    /// A reply on the slow lane.
    pub slow: Duration,
    /// Silence of a node that owes something.
    pub dead_after: Duration,
    /// Zero = never.
    pub client_idle: Duration,
    pub handshake: Duration,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts {
            connect: Duration::from_secs(1),
            request: Duration::from_secs(5),
            slow: Duration::from_secs(60),
            dead_after: Duration::from_secs(2),
            client_idle: Duration::ZERO,
            handshake: Duration::from_secs(5),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub max_clients: usize,
    pub max_request: ByteSize,
    pub max_args: usize,
    pub max_inline: ByteSize,
    /// A client's output that it has not read.
    pub output_limit: ByteSize,
    pub stall_limit: Duration,
    /// Unanswered bytes of one upstream.
    pub upstream_buffer: ByteSize,
    pub gather_limit: ByteSize,
    /// Upstreams of a worker to one node.
    pub max_upstreams: usize,
    /// Clients that have an upstream for themselves, over all workers.
    pub max_pinned: usize,
    /// Texts of scripts that were seen, over all workers.
    pub script_cache: ByteSize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_clients: 10_000,
            max_request: ByteSize::mib(512),
            max_args: 1_048_576,
            max_inline: ByteSize::kib(64),
            output_limit: ByteSize::mib(64),
            stall_limit: Duration::from_secs(1),
            upstream_buffer: ByteSize::mib(8),
            gather_limit: ByteSize::mib(256),
            max_upstreams: 64,
            max_pinned: 1000,
            script_cache: ByteSize::mib(16),
        }
    }
}

/// Credentials towards nodes and Sentinels.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeAuth {
    pub username: Option<String>,
    pub password: Option<Secret>,
    pub sentinel_username: Option<String>,
    pub sentinel_password: Option<Secret>,
}

/// Who may connect to the pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct User {
    pub name: String,
    pub password: Secret,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HealthRules {
    pub interval: Duration,
    /// Probes in a row until a node is down.
    pub fail: u32,
    /// Probes in a row until it is up again.
    pub pass: u32,
}

impl Default for HealthRules {
    fn default() -> HealthRules {
        HealthRules { interval: Duration::from_secs(1), fail: 3, pass: 2 }
    }
}
