//! What changes in the topology, and whom to ask? One pure function: the current topology, what is
//! remembered, one observation and the time give the next topology and what happened.
//!
//! An observation is first written down (`take_in`), then the pool that it is about is derived anew
//! (`settle`): so it does not matter in which order words arrive, only which were heard last.

use core::time::Duration;
use std::borrow::Cow;
use std::sync::Arc;

use crate::base::{Address, Epoch, NodeId, PoolId, ShardId, Time};
use crate::topology::{
    Gate, Health, HoldReason, Node, NodeFailure, NodeState, Observation, Pool, Role, SeenRole, SentinelView,
    Topology,
};

use super::beliefs::{Beliefs, NodeBeliefs, PoolBeliefs};
use super::happened::{Ask, Happened};
use super::roles;
use super::view::{Judgement, Named};

/// Doubts that come closer together are one.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(20);
/// How often the source is asked while a shard is in trouble: events tell sooner, where they arrive.
const ASK_IN_TROUBLE: Duration = Duration::from_millis(250);
/// A replica that was selected still answers as one until it is promoted, some 100 ms later: its word
/// counts against the selection only after this time.
const SELECTED_AT_LEAST: Duration = Duration::from_secs(2);
/// Nodes of a shard; a list that is longer is not believed further.
const NODES_PER_SHARD_MAX: usize = 256;

/// What an observation led to.
#[derive(Debug, Default)]
pub struct Next {
    /// To be published; `None` when nothing changed that anybody could see.
    pub topology: Option<Topology>,
    /// In the order in which it happened.
    pub happened: Vec<Happened>,
    /// Whom to ask at once.
    pub ask: Vec<Ask>,
}

/// The only place where a topology changes.
pub fn next(current: &Topology, beliefs: &mut Beliefs, observation: &Observation, now: Time) -> Next {
    let mut next = Next::default();
    let mut pools = Cow::Borrowed(&current.pools);
    for (index, pool) in current.pools.iter().enumerate() {
        if about(observation).is_some_and(|about| about != pool.id) {
            continue;
        }
        let Some(own) = beliefs.pools.get_mut(index) else { continue };
        let next_node = &mut beliefs.next_node;
        let mut step = Step { pool: Cow::Borrowed(&**pool), beliefs: own, next_node, now, next: &mut next };
        step.take_in(observation);
        step.settle();
        if let Cow::Owned(changed) = step.pool {
            pools.to_mut()[index] = Arc::new(changed);
        }
    }
    if let Cow::Owned(pools) = pools {
        let listeners = Arc::clone(&current.listeners);
        next.topology = Some(Topology { epoch: Epoch(current.epoch.0 + 1), pools, listeners });
    }
    next
}

/// The pool that an observation is about; `None` = every pool.
fn about(observation: &Observation) -> Option<PoolId> {
    match observation {
        Observation::RoleSeen { pool, .. }
        | Observation::NodeAnswered { pool, .. }
        | Observation::NodeFailed { pool, .. }
        | Observation::TopologyDoubted { pool, .. }
        | Observation::ReplicaSelected { pool, .. }
        | Observation::NameResolved { pool, .. }
        | Observation::OperatorAsked { pool, .. }
        | Observation::CommandUnknown { pool, .. }
        | Observation::CommandsTold { pool, .. } => Some(*pool),
        Observation::SentinelSaid(view) => Some(view.pool),
        Observation::Tick => None,
    }
}

/// One pool, while one observation is taken in. The pool is copied with its first change only.
struct Step<'a> {
    pool: Cow<'a, Pool>,
    beliefs: &'a mut PoolBeliefs,
    next_node: &'a mut u32,
    now: Time,
    next: &'a mut Next,
}

/// Taking in: what was heard is written down, and contradictions lead to questions.
impl Step<'_> {
    fn take_in(&mut self, observation: &Observation) {
        match observation {
            Observation::RoleSeen { node, role, .. } => self.role_seen(*node, role),
            Observation::NodeAnswered { node, .. } => self.node_answered(*node),
            Observation::NodeFailed { node, failure, .. } => self.node_failed(*node, *failure),
            Observation::TopologyDoubted { shard, .. } => self.doubted(*shard),
            Observation::SentinelSaid(view) => self.sentinel_said(view),
            Observation::ReplicaSelected { shard, replica, .. } => self.replica_selected(*shard, replica),
            Observation::NameResolved { node, socket, .. } => {
                self.change_node(*node, |n| n.socket != Some(*socket), |n| n.socket = Some(*socket));
            }
            Observation::OperatorAsked { node, state, .. } => self.operator_asked(*node, *state),
            // What commands there are is no matter of failover: `control` sees to it.
            Observation::CommandUnknown { .. } | Observation::CommandsTold { .. } | Observation::Tick => {}
        }
    }

    fn role_seen(&mut self, id: NodeId, role: &SeenRole) {
        let (Some(node), Some(own)) = (self.pool.node(id), self.beliefs.nodes.get_mut(&id)) else { return };
        let (shard, believed) = (node.shard, node.role);
        if !own.claimed(role, self.now) {
            return;
        }
        match (believed, role) {
            // The primary's own word, or the word of its heir: either way somebody knows more.
            (Role::Primary, SeenRole::Replica { .. }) | (Role::Replica, SeenRole::Primary) => {
                own.promoted = *role == SeenRole::Primary;
                self.next.happened.push(Happened::NodeContradicts { pool: self.pool.id, shard, node: id });
                self.ask(shard, ASK_AGAIN_AFTER);
            }
            // Its primary may have died: whether it has, decides whether the replica may serve on.
            (Role::Replica, SeenRole::Replica { link_up: false, .. }) => self.ask(shard, ASK_AGAIN_AFTER),
            _ => {}
        }
    }

    fn node_answered(&mut self, id: NodeId) {
        let (Some(node), Some(own)) = (self.pool.node(id), self.beliefs.nodes.get_mut(&id)) else { return };
        own.answered = Some(self.now);
        let health = own.pulse.answered(node.health, node.role == Role::Primary, &self.pool);
        if health == Health::Up {
            own.failure = None;
        }
        self.set_health(id, health);
    }

    fn node_failed(&mut self, id: NodeId, failure: NodeFailure) {
        let (Some(node), Some(own)) = (self.pool.node(id), self.beliefs.nodes.get_mut(&id)) else { return };
        let (shard, role) = (node.shard, node.role);
        own.failure = Some(failure);
        let health = own.pulse.failed(node.health, failure, &self.pool, self.now);
        self.set_health(id, health);
        if role == Role::Primary {
            self.ask(shard, ASK_IN_TROUBLE);
        }
    }

    fn doubted(&mut self, shard: ShardId) {
        if usize::from(shard.0) < self.pool.shards.len() {
            self.ask(shard, ASK_AGAIN_AFTER);
        }
    }

    /// Writes are held from here on: what the old primary still took would be lost with the promotion.
    fn replica_selected(&mut self, id: ShardId, replica: &Address) {
        let Some(own) = self.beliefs.shards.get_mut(usize::from(id.0)) else { return };
        // Whoever is believed already was selected before that.
        if self.pool.primary(id).is_some_and(|p| p.address != *replica) {
            own.selected = Some((replica.clone(), self.now));
            self.ask(id, ASK_AGAIN_AFTER);
        }
    }

    fn operator_asked(&mut self, id: NodeId, state: NodeState) {
        if self.change_node(id, |n| n.state != state, |n| n.state = state) {
            self.next.happened.push(Happened::NodeStateSet { pool: self.pool.id, node: id, state });
        }
    }

    fn sentinel_said(&mut self, view: &SentinelView) {
        let index = usize::from(view.shard.0);
        let Some(shard) = self.beliefs.shards.get_mut(index) else { return };
        shard.views.heard(view, self.now);
        self.meet(view.shard, &view.primary);
        for replica in &view.replicas {
            self.meet(view.shard, replica);
        }
        self.forget_missing(view.shard);
        self.judge(view.shard);
        let down_after = self.beliefs.shards.iter().map(|s| s.views.down_after(self.now)).max();
        let hold = hold(&self.pool, down_after.unwrap_or_default());
        if self.pool.hold != hold {
            self.pool.to_mut().hold = hold;
        }
    }

    /// Asks the source and the shard's nodes, unless they were asked just now.
    fn ask(&mut self, shard: ShardId, unless_within: Duration) {
        let asked = &mut self.beliefs.shards[usize::from(shard.0)].asked;
        if asked.is_some_and(|last| self.now.since(last) < unless_within) {
            return;
        }
        *asked = Some(self.now);
        let pool = self.pool.id;
        self.next.ask.push(Ask::Source { pool });
        self.next.ask.push(Ask::Nodes { pool, shard });
    }
}

/// Nodes come when a Sentinel names them, and go when nobody has named them for long.
impl Step<'_> {
    fn meet(&mut self, shard: ShardId, address: &Address) {
        let known = self.pool.members(shard).any(|n| n.address == *address);
        if known || self.pool.members(shard).count() >= NODES_PER_SHARD_MAX {
            return;
        }
        let id = NodeId(*self.next_node);
        *self.next_node += 1;
        self.beliefs.nodes.insert(id, NodeBeliefs::default());
        // Ids only grow, so the list stays sorted.
        self.pool.to_mut().nodes.push(new_node(id, shard, address.clone()));
        self.next.happened.push(Happened::NodeFound {
            pool: self.pool.id,
            node: id,
            address: address.clone(),
        });
    }

    /// A list that became shorter removes nothing by itself: `SENTINEL RESET` empties it for seconds.
    fn forget_missing(&mut self, shard: ShardId) {
        let views = &self.beliefs.shards[usize::from(shard.0)].views;
        let mut gone = Vec::new();
        for node in self.pool.members(shard).filter(|n| n.role != Role::Primary) {
            let Some(own) = self.beliefs.nodes.get_mut(&node.id) else { continue };
            if views.name(&node.address, self.now) {
                own.missing = None;
                continue;
            }
            let since = *own.missing.get_or_insert(self.now);
            if self.now.since(since) >= self.pool.config.forget_after {
                gone.push(node.id);
            }
        }
        for id in gone {
            self.beliefs.nodes.remove(&id);
            self.pool.to_mut().nodes.retain(|n| n.id != id);
            self.next.happened.push(Happened::NodeForgotten { pool: self.pool.id, node: id });
        }
    }
}

/// Who is the primary.
impl Step<'_> {
    /// Follows the Sentinels: the node that they name is believed by their word alone.
    fn judge(&mut self, id: ShardId) {
        let shard = &mut self.beliefs.shards[usize::from(id.0)];
        let judgement = shard.views.judge(shard.named.as_ref(), self.now);
        let told = shard.disputed;
        shard.disputed = matches!(judgement, Judgement::Disputed { .. });
        match judgement {
            Judgement::Names(named) => self.follow(id, named),
            Judgement::WereReset(named) if self.may_go_back_to(id, &named) => self.follow(id, named),
            Judgement::Disputed { epoch, primaries } if !told => {
                let pool = self.pool.id;
                self.next.happened.push(Happened::Disputed { pool, shard: id, epoch, primaries });
            }
            Judgement::Stays | Judgement::WereReset(_) | Judgement::Disputed { .. } => {}
        }
    }

    /// To a lower epoch only in favour of a node that says itself that it is a primary: a majority
    /// that lost its leader may name the dead one for long.
    fn may_go_back_to(&self, shard: ShardId, named: &Named) -> bool {
        let Some(node) = self.pool.members(shard).find(|n| n.address == named.primary) else { return false };
        let says_so = self.beliefs.nodes.get(&node.id).is_some_and(NodeBeliefs::claims_primary);
        node.role == Role::Primary || (says_so && matches!(node.health, Health::Up | Health::Suspect))
    }

    fn follow(&mut self, id: ShardId, named: Named) {
        let node = self.pool.members(id).find(|n| n.address == named.primary).map(|n| n.id);
        let Some(node) = node else { return };
        let epoch = named.epoch;
        self.beliefs.shards[usize::from(id.0)].named = Some(named);
        self.believe(id, node, Some(epoch));
    }

    fn believe(&mut self, id: ShardId, node: NodeId, config_epoch: Option<u64>) {
        let before = self.pool.shard(id).primary;
        if before == Some(node) {
            return;
        }
        let now = self.now;
        let shard = &mut self.pool.to_mut().shards[usize::from(id.0)];
        shard.primary = Some(node);
        shard.since = now;
        self.beliefs.shards[usize::from(id.0)].selected = None;
        for member in self.pool.members(id) {
            if let Some(own) = self.beliefs.nodes.get_mut(&member.id) {
                own.promoted = false;
            }
        }
        let troubled = self.beliefs.shards[usize::from(id.0)].troubled_since.take();
        let pool = self.pool.id;
        self.next.happened.push(Happened::PrimaryBelieved { pool, shard: id, node, config_epoch });
        if let Some(from) = before {
            let took = troubled.map_or(Duration::ZERO, |since| now.since(since));
            self.next.happened.push(Happened::FailoverDone { pool, shard: id, from, to: node, took });
        }
        // What the others say of themselves is from before: ask them anew.
        self.beliefs.shards[usize::from(id.0)].asked = Some(now);
        self.next.ask.push(Ask::Nodes { pool, shard: id });
    }
}

/// Deriving: roles, eligibility and gates from what is known now.
impl Step<'_> {
    fn settle(&mut self) {
        let shards: Vec<ShardId> = self.pool.shards.iter().map(|s| s.id).collect();
        if !self.pool.follows_sentinels() {
            for &shard in &shards {
                if let Some(node) = roles::elect(&self.pool, shard, self.beliefs) {
                    self.believe(shard, node, None);
                }
            }
        }
        let nodes: Vec<NodeId> = self.pool.nodes.iter().map(|n| n.id).collect();
        for node in nodes {
            self.settle_node(node);
        }
        for shard in shards {
            self.settle_selected(shard);
            self.settle_gate(shard);
            self.settle_trouble(shard);
        }
    }

    fn settle_node(&mut self, id: NodeId) {
        let (Some(node), Some(own)) = (self.pool.node(id), self.beliefs.nodes.get(&id)) else { return };
        let role = roles::role(&self.pool, node, own);
        self.change_node(id, |n| n.role != role, |n| n.role = role);
        let Some(node) = self.pool.node(id) else { return };
        let serves = roles::serves_reads(&self.pool, node, self.beliefs, self.now);
        self.change_node(id, |n| n.serves_reads != serves, |n| n.serves_reads = serves);
    }

    fn settle_gate(&mut self, id: ShardId) {
        let shard = self.pool.shard(id);
        let gate = match (self.hold_reason(id), shard.gate) {
            (None, _) => Gate::Open,
            (Some(reason), Gate::Held { since, .. }) => Gate::Held { reason, since },
            (Some(reason), Gate::Open) => Gate::Held { reason, since: self.now },
        };
        let before = shard.gate;
        if before == gate {
            return;
        }
        self.pool.to_mut().shards[usize::from(id.0)].gate = gate;
        let pool = self.pool.id;
        self.next.happened.push(match (before, gate) {
            (Gate::Held { since, .. }, Gate::Open) => {
                Happened::GateOpened { pool, shard: id, held: self.now.since(since) }
            }
            (_, Gate::Held { reason, .. }) => Happened::GateHeld { pool, shard: id, reason },
            (Gate::Open, Gate::Open) => return,
        });
    }

    /// Why no write of the shard may go now.
    fn hold_reason(&self, id: ShardId) -> Option<HoldReason> {
        let shard = self.pool.shard(id);
        let Some(primary) = self.pool.primary(id) else { return Some(HoldReason::NoPrimary) };
        let claim = self.beliefs.nodes.get(&primary.id).and_then(|n| n.claim.as_ref());
        match claim {
            // Only what it said since it was believed: before, it may well have been a replica.
            Some((SeenRole::Replica { .. }, at)) if *at > shard.since => Some(HoldReason::Moving),
            _ if primary.health == Health::Down => Some(HoldReason::PrimaryDown),
            _ if self.is_moving(id) => Some(HoldReason::Moving),
            _ => None,
        }
    }

    /// Whether another primary is about to be named: one was selected, or a replica says that it is one.
    fn is_moving(&self, id: ShardId) -> bool {
        let promoted = |n: &Node| self.beliefs.nodes.get(&n.id).is_some_and(|own| own.promoted);
        let selected = self.beliefs.shards[usize::from(id.0)].selected.is_some();
        self.pool.follows_sentinels() && (selected || self.pool.members(id).any(promoted))
    }

    /// A failover that was given up: the selected node has since said that it is a replica, and the
    /// primary that it is one. A node that can't be asked proves nothing.
    fn settle_selected(&mut self, id: ShardId) {
        let own = &self.beliefs.shards[usize::from(id.0)];
        let Some((replica, at)) = &own.selected else { return };
        let claim = |node: &Node| self.beliefs.nodes.get(&node.id).and_then(|n| n.claim.as_ref());
        let selected = self.pool.members(id).find(|n| n.address == *replica);
        let given_up = match (selected.and_then(claim), self.pool.primary(id).and_then(claim)) {
            (Some((SeenRole::Replica { .. }, said)), Some((SeenRole::Primary, kept))) => {
                said.since(*at) >= SELECTED_AT_LEAST && *kept > *at
            }
            _ => selected.is_none(),
        };
        if given_up {
            self.beliefs.shards[usize::from(id.0)].selected = None;
        }
    }

    /// Keeps asking while a shard is in trouble.
    fn settle_trouble(&mut self, id: ShardId) {
        let well = self.pool.shard(id).gate == Gate::Open
            && self.pool.primary(id).is_some_and(|p| !matches!(p.health, Health::Suspect | Health::Down));
        let shard = &mut self.beliefs.shards[usize::from(id.0)];
        if well {
            shard.troubled_since = None;
            return;
        }
        shard.troubled_since.get_or_insert(self.now);
        self.ask(id, ASK_IN_TROUBLE);
    }

    fn set_health(&mut self, id: NodeId, health: Health) {
        let Some(before) = self.pool.node(id).map(|n| n.health) else { return };
        if !self.change_node(id, |n| n.health != health, |n| n.health = health) {
            return;
        }
        let pool = self.pool.id;
        match health {
            Health::Up if before != Health::Suspect => {
                self.next.happened.push(Happened::NodeUp { pool, node: id });
            }
            Health::Down => {
                let failure = self.beliefs.nodes.get(&id).and_then(|b| b.failure);
                self.next.happened.push(Happened::NodeDown { pool, node: id, failure });
            }
            _ => {}
        }
    }

    /// Changes a node if it differs; true if it did.
    fn change_node(
        &mut self,
        id: NodeId,
        differs: impl FnOnce(&Node) -> bool,
        change: impl FnOnce(&mut Node),
    ) -> bool {
        let Ok(index) = self.pool.nodes.binary_search_by_key(&id, |n| n.id) else { return false };
        let differs = differs(&self.pool.nodes[index]);
        if differs {
            change(&mut self.pool.to_mut().nodes[index]);
        }
        differs
    }
}

/// A node of which nothing is known yet.
pub fn new_node(id: NodeId, shard: ShardId, address: Address) -> Node {
    Node {
        id,
        shard,
        socket: address.literal(),
        address,
        role: Role::Unknown,
        health: Health::Unknown,
        state: NodeState::Ready,
        serves_reads: false,
        facts: Arc::default(),
    }
}

/// How long a request may be held: long enough to hide a crash, which Sentinel needs `down-after`
/// and some seconds for.
pub fn hold(pool: &Pool, down_after: Duration) -> Duration {
    const AT_LEAST: Duration = Duration::from_secs(15);
    const ELECTION: Duration = Duration::from_secs(5);
    pool.config.hold.unwrap_or_else(|| AT_LEAST.max(down_after.saturating_add(ELECTION)))
}
