//! What is remembered between two observations: the words of Sentinels and nodes, from which each
//! topology is derived anew. Whatever a reader of the topology needs is in the topology, not here.

use std::collections::BTreeMap;

use crate::base::{Address, NodeId, PoolId, Time};
use crate::topology::{Health, NodeFailure, SeenRole, Topology};

use super::health::Pulse;
use super::view::{Named, Views};

/// The memory of `next`. The control loop keeps it and never looks inside.
#[derive(Debug)]
pub struct Beliefs {
    pub(super) pools: Vec<PoolBeliefs>,
    /// A node's id is never used again, so it only grows.
    pub(super) next_node: u32,
}

#[derive(Debug)]
pub(super) struct PoolBeliefs {
    /// Indexed by `ShardId`.
    pub(super) shards: Vec<ShardBeliefs>,
    pub(super) nodes: BTreeMap<NodeId, NodeBeliefs>,
}

#[derive(Debug, Default)]
pub(super) struct ShardBeliefs {
    pub(super) views: Views,
    /// Whom the Sentinels named last, and under which epoch.
    pub(super) named: Option<Named>,
    /// The Sentinels disagree and it was told: an alarm rings once, not with each word.
    pub(super) disputed: bool,
    /// The replica that a Sentinel selected to be the next primary, and when that was heard.
    pub(super) selected: Option<(Address, Time)>,
    /// Since when the believed primary gives reason for doubt.
    pub(super) troubled_since: Option<Time>,
    /// When the source was last asked because of this shard.
    pub(super) asked: Option<Time>,
}

#[derive(Debug, Default)]
pub(super) struct NodeBeliefs {
    pub(super) pulse: Pulse,
    /// What the node says of itself, and when it said so.
    pub(super) claim: Option<(SeenRole, Time)>,
    /// It followed the believed primary and then said that it is one itself.
    pub(super) promoted: bool,
    /// When it last answered a probe.
    pub(super) answered: Option<Time>,
    /// When its link to its primary was last up.
    pub(super) link_up: Option<Time>,
    /// Since when its link is down.
    pub(super) link_down: Option<Time>,
    /// Since when no Sentinel names it.
    pub(super) missing: Option<Time>,
    pub(super) failure: Option<NodeFailure>,
}

impl Beliefs {
    /// Beliefs that fit a process's first topology.
    pub fn new(first: &Topology) -> Beliefs {
        let highest = first.pools.iter().flat_map(|p| p.nodes.iter()).map(|n| n.id.0).max();
        Beliefs {
            pools: first
                .pools
                .iter()
                .map(|pool| PoolBeliefs {
                    shards: pool.shards.iter().map(|_| ShardBeliefs::default()).collect(),
                    nodes: pool.nodes.iter().map(|n| (n.id, NodeBeliefs::default())).collect(),
                })
                .collect(),
            next_node: highest.map_or(0, |id| id + 1),
        }
    }

    /// Why a node is down, for logs and pages.
    pub fn failure(&self, pool: PoolId, node: NodeId) -> Option<NodeFailure> {
        self.pools.get(usize::from(pool.0))?.nodes.get(&node)?.failure
    }
}

impl NodeBeliefs {
    pub(super) fn claims_primary(&self) -> bool {
        matches!(self.claim, Some((SeenRole::Primary, _)))
    }

    /// Takes in what the node says of itself. True if it says something new.
    pub(super) fn claimed(&mut self, role: &SeenRole, now: Time) -> bool {
        if self.followed() != followed(role) {
            // A link to somebody else says nothing about this one.
            self.link_up = None;
            self.link_down = None;
        }
        match role {
            SeenRole::Replica { link_up: true, .. } => {
                self.link_up = Some(now);
                self.link_down = None;
            }
            SeenRole::Replica { link_up: false, .. } => {
                self.link_down.get_or_insert(now);
            }
            SeenRole::Primary => {}
        }
        self.promoted &= *role == SeenRole::Primary;
        let news = self.claim.as_ref().is_none_or(|(before, _)| before != role);
        self.claim = Some((role.clone(), now));
        news
    }

    fn followed(&self) -> Option<&Address> {
        self.claim.as_ref().and_then(|(role, _)| followed(role))
    }

    /// Whether anything is known of it: it answered or failed at least once.
    pub(super) fn was_heard(&self, health: Health) -> bool {
        self.claim.is_some() || self.failure.is_some() || health == Health::Down
    }
}

fn followed(role: &SeenRole) -> Option<&Address> {
    match role {
        SeenRole::Replica { of, .. } => Some(of),
        SeenRole::Primary => None,
    }
}
