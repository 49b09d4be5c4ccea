//! What the deployment looks like now: an immutable snapshot of all pools, shards and nodes with an
//! epoch, the rules of pools included. `control` writes it, everybody reads it.
//!
//! What changes many times a second lies in atomics (`facts`) that the snapshot points to, so that it
//! makes no new topology.

mod counted;
mod facts;
mod observation;
mod publish;
mod report;
#[cfg(test)]
mod sample;
mod scripts;
mod settings;
mod slow_log;
mod subscribers;

use core::net::SocketAddr;
use core::sync::atomic::Ordering;
use std::sync::Arc;

pub use counted::{Baseline, Rates, Waited, WaitedHere, lock};
pub use facts::{NodeFacts, Paused, PoolFacts, ProcessFacts, ShardFacts, Usage, WorkerFacts};
pub use observation::{NodeFailure, Observation, SeenRole, SentinelView};
pub use publish::{Publisher, Reader, Wake, publisher};
pub use report::{Database, NodeCounts, NodeReport, Persistence};
pub use scripts::{Digest, Scripts};
pub use settings::{Setting, Settings};
pub use slow_log::{Delays, Latencies, SLOW_LOG_MAX, SlowEntry, SlowLog, cut};
pub use subscribers::{FeedFacts, Feeds, Subscribed, Subscribers};

use crate::base::{Address, Epoch, ListenerId, NodeId, PoolId, ShardId, Time};
use crate::command::Learned;
pub use crate::config::ReadPolicy;
use crate::config::{PoolConfig, Route, SourceConfig};
use crate::placement::Placement;

/// Everything a worker needs to route a request. A request is routed by exactly one topology.
#[derive(Clone, Debug)]
pub struct Topology {
    pub epoch: Epoch,
    /// Indexed by `PoolId`.
    pub pools: Vec<Arc<Pool>>,
    /// Indexed by `ListenerId`; the same for the life of a configuration.
    pub listeners: Arc<[ListenerInfo]>,
}

#[derive(Clone, Debug)]
pub struct ListenerInfo {
    pub id: ListenerId,
    pub pool: PoolId,
    pub address: Address,
    /// Where clients find it, if that is not `address`: what SENTINEL answers.
    pub announce: Option<Address>,
    pub route: Route,
    pub reads: ReadPolicy,
}

#[derive(Clone, Debug)]
pub struct Pool {
    pub id: PoolId,
    /// The pool's rules: limits, time-outs, users, policies.
    pub config: Arc<PoolConfig>,
    pub placement: Arc<Placement>,
    /// Indexed by `ShardId`.
    pub shards: Vec<Shard>,
    /// Sorted by id.
    pub nodes: Vec<Node>,
    pub facts: Arc<PoolFacts>,
    /// What its nodes told of commands that are in no table.
    pub learned: Arc<Learned>,
    /// How long a request may be held: configured, or from what the Sentinels report.
    pub hold: core::time::Duration,
}

#[derive(Clone, Debug)]
pub struct Shard {
    pub id: ShardId,
    pub name: Arc<str>,
    /// The believed primary.
    pub primary: Option<NodeId>,
    pub gate: Gate,
    /// When the primary was believed, or since when there is none.
    pub since: Time,
    pub facts: Arc<ShardFacts>,
}

/// Whether writes of a shard may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gate {
    Open,
    Held { reason: HoldReason, since: Time },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HoldReason {
    /// Nobody is believed to be the primary.
    NoPrimary,
    /// A Sentinel selected a replica, or a replica said that it is a primary: the next one is about to be named.
    Moving,
    /// The believed primary is down and no other has been named yet.
    PrimaryDown,
}

#[derive(Clone, Debug)]
pub struct Node {
    pub id: NodeId,
    pub shard: ShardId,
    /// As the source names it (after `address_map`).
    pub address: Address,
    /// As resolved; `None` until then.
    pub socket: Option<SocketAddr>,
    pub role: Role,
    pub health: Health,
    pub state: NodeState,
    /// For a replica: its link to the believed primary is up, it is neither loading nor re-syncing.
    pub serves_reads: bool,
    pub facts: Arc<NodeFacts>,
}

/// A node's role as believed, not as claimed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    Primary,
    Replica,
    /// Claims to be a primary while another is believed.
    Deposed,
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Health {
    Unknown,
    Up,
    /// One probe failed, not yet enough of them.
    Suspect,
    Down,
}

/// What an operator wants of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeState {
    Ready,
    /// No new work; what is in flight ends.
    Drain,
    /// Nothing at all.
    Maint,
}

impl Topology {
    pub fn pool(&self, id: PoolId) -> &Arc<Pool> {
        &self.pools[usize::from(id.0)]
    }

    pub fn listener(&self, id: ListenerId) -> &ListenerInfo {
        &self.listeners[usize::from(id.0)]
    }
}

impl Pool {
    pub fn shard(&self, id: ShardId) -> &Shard {
        &self.shards[usize::from(id.0)]
    }

    pub fn node(&self, id: NodeId) -> Option<&Node> {
        self.nodes.binary_search_by_key(&id, |n| n.id).ok().map(|i| &self.nodes[i])
    }

    /// The believed primary of a shard.
    pub fn primary(&self, shard: ShardId) -> Option<&Node> {
        self.shard(shard).primary.and_then(|id| self.node(id))
    }

    /// Times that another primary was believed, over all shards.
    pub fn failovers(&self) -> u64 {
        self.shards.iter().map(|s| s.facts.failovers.load(Ordering::Relaxed)).sum()
    }

    /// Clients that may be connected at once: as set while running, or as configured.
    pub fn max_clients(&self) -> usize {
        self.facts.settings.max_clients().unwrap_or(self.config.limits.max_clients)
    }

    /// After how long an idle client is closed: as set while running, or as configured. Zero = never.
    pub fn client_idle(&self) -> core::time::Duration {
        self.facts.settings.client_idle().unwrap_or(self.config.timeouts.client_idle)
    }

    /// The believed primaries that have reported, each with its report.
    pub fn reports(&self) -> impl Iterator<Item = (&Node, Arc<NodeReport>)> {
        let primaries = self.shards.iter().filter_map(|shard| self.primary(shard.id));
        primaries.filter_map(|node| Some((node, node.facts.report()?)))
    }

    /// Whether Sentinels name the primaries; else roles are found by asking the nodes.
    pub fn follows_sentinels(&self) -> bool {
        matches!(self.config.source, SourceConfig::Sentinel(_))
    }

    /// All nodes of a shard, the primary included.
    pub fn members(&self, shard: ShardId) -> impl Iterator<Item = &Node> {
        self.nodes.iter().filter(move |n| n.shard == shard)
    }
}

impl Shard {
    pub fn writable(&self) -> bool {
        self.primary.is_some() && self.gate == Gate::Open
    }
}

impl HoldReason {
    pub fn label(self) -> &'static str {
        match self {
            HoldReason::NoPrimary => "no_primary",
            HoldReason::Moving => "moving",
            HoldReason::PrimaryDown => "primary_down",
        }
    }
}

macro_rules! labels {
    ($type:ident { $($variant:ident => $label:literal),+ $(,)? }) => {
        impl $type {
            /// The word in logs, metrics and JSON.
            pub fn label(self) -> &'static str {
                match self { $($type::$variant => $label),+ }
            }
        }
    };
}

labels!(Role { Primary => "primary", Replica => "replica", Deposed => "deposed", Unknown => "unknown" });
labels!(Health { Unknown => "unknown", Up => "up", Suspect => "suspect", Down => "down" });
labels!(NodeState { Ready => "ready", Drain => "drain", Maint => "maint" });
labels!(NodeFailure {
    Connect => "connect",
    Lost => "lost",
    Silent => "silent",
    Loading => "loading",
    Refused => "refused",
    Protocol => "protocol",
});
