//! What `next` tells besides the topology: what happened, to be logged and counted, and whom to ask.

use core::time::Duration;

use crate::base::{Address, NodeId, PoolId, ShardId};
use crate::topology::{HoldReason, NodeFailure, NodeState};

/// One thing that happened, with what a log line needs.
#[derive(Clone, PartialEq, Debug)]
pub enum Happened {
    NodeFound {
        pool: PoolId,
        node: NodeId,
        address: Address,
    },
    NodeForgotten {
        pool: PoolId,
        node: NodeId,
    },
    NodeUp {
        pool: PoolId,
        node: NodeId,
    },
    NodeDown {
        pool: PoolId,
        node: NodeId,
        failure: Option<NodeFailure>,
    },
    NodeStateSet {
        pool: PoolId,
        node: NodeId,
        state: NodeState,
    },
    /// The believed primary says that it is a replica, or a replica that it is a primary.
    NodeContradicts {
        pool: PoolId,
        shard: ShardId,
        node: NodeId,
    },
    /// `config_epoch` is the Sentinels'; `None` in a static pool.
    PrimaryBelieved {
        pool: PoolId,
        shard: ShardId,
        node: NodeId,
        config_epoch: Option<u64>,
    },
    /// Another primary than before. `took` counts from the first sign of trouble; zero if there was none.
    FailoverDone {
        pool: PoolId,
        shard: ShardId,
        from: NodeId,
        to: NodeId,
        took: Duration,
    },
    GateHeld {
        pool: PoolId,
        shard: ShardId,
        reason: HoldReason,
    },
    GateOpened {
        pool: PoolId,
        shard: ShardId,
        held: Duration,
    },
    /// The Sentinels name several nodes under one epoch, and no most of them names one.
    Disputed {
        pool: PoolId,
        shard: ShardId,
        epoch: u64,
        primaries: Vec<Address>,
    },
}

/// Whom the control loop asks at once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Ask {
    /// All Sentinels of the pool.
    Source { pool: PoolId },
    /// Each node of the shard: PING and ROLE.
    Nodes { pool: PoolId, shard: ShardId },
}
