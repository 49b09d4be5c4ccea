//! Facts that may change the topology. A reload or an operator's action is one more of them, not a call.

use core::net::SocketAddr;

use crate::base::{Address, NodeId, PoolId, ShardId, Time};
use crate::command::Described;

use super::NodeState;

/// One fact, told to the control loop. The data plane tells by `try_send`: one that is dropped is
/// counted, never waited for, and the probes will find the same fact later.
#[derive(Clone, PartialEq, Debug)]
pub enum Observation {
    /// A node said what it is: on an upstream of the data plane, or to a probe.
    RoleSeen { pool: PoolId, node: NodeId, role: SeenRole },
    /// A node answered a probe.
    NodeAnswered { pool: PoolId, node: NodeId },
    /// A connection could not be made, was lost, or a probe got no answer.
    NodeFailed { pool: PoolId, node: NodeId, failure: NodeFailure },
    /// A node answered READONLY, MASTERDOWN or the like to a request: the source should be asked.
    TopologyDoubted { pool: PoolId, shard: ShardId },
    /// One Sentinel's view of a shard.
    SentinelSaid(SentinelView),
    /// A Sentinel has selected the replica that it is about to promote.
    ReplicaSelected { pool: PoolId, shard: ShardId, replica: Address },
    /// A node's name was looked up.
    NameResolved { pool: PoolId, node: NodeId, socket: SocketAddr },
    /// An operator wants a node to be in this state.
    OperatorAsked { pool: PoolId, node: NodeId, state: NodeState },
    /// A client said a name that is in no table and that no node was asked about lately.
    CommandUnknown { pool: PoolId, name: String },
    /// What nodes said of such names (in lower case); `None`: no node knows it.
    CommandsTold { pool: PoolId, told: Vec<(String, Option<Described>)> },
    /// A moment has passed.
    Tick,
}

/// What one Sentinel says about one shard. Addresses are those to connect to (after `address_map`).
#[derive(Clone, PartialEq, Debug)]
pub struct SentinelView {
    pub pool: PoolId,
    pub shard: ShardId,
    /// The Sentinel's run id, or its address where it tells none.
    pub sentinel: String,
    pub primary: Address,
    pub config_epoch: u64,
    pub replicas: Vec<Address>,
    pub tilt: bool,
    /// `num-other-sentinels` as it reports.
    pub other_sentinels: usize,
    pub down_after: core::time::Duration,
    pub at: Time,
}

/// A node's own word about its role (ROLE, or INFO replication).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SeenRole {
    Primary,
    Replica {
        /// Whom it follows, as it says (before `address_map`: `failover` applies it).
        of: Address,
        /// `connected` in ROLE: neither connecting nor re-syncing.
        link_up: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NodeFailure {
    Connect,
    Lost,
    Silent,
    Loading,
    /// Ketch's own credentials were refused.
    Refused,
    /// It answered something that is not RESP.
    Protocol,
}
