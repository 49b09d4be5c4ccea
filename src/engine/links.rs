//! Which upstreams there are: made, greeted, checked, given up, made again; and which of them serve a
//! shard at the moment. Follows the topology: nobody tells the engine to close a connection.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::action::{Action, CloseReason, Lost, Party};
use super::counters::{Counters, NodeCounters, UpstreamCounters};
use super::profile::Profile;
use super::scripts::Used;
use super::upstreams::{Lane, State, Upstream};
use super::{Engine, clients::Pause};
use crate::base::{NodeId, PoolId, ShardId, Time, UpstreamId, next_random};
use crate::config::{ReadPolicy, Route};
use crate::failover::Fate;
use crate::resp::RequestLimits;
use crate::topology::{Health, Node, NodeFailure, NodeState, Observation, Pool, Role, Topology};

/// How soon a believed primary is tried, or asked for its role, again: it must not wait for a back-off,
/// and an address that refuses must not be hammered.
pub(super) const PRIMARY_RETRY: Duration = Duration::from_millis(20);
/// The back-off of other nodes: doubled from the first to the last.
const RETRY_FIRST: Duration = Duration::from_millis(50);
const RETRY_LAST: Duration = Duration::from_secs(1);
/// Upstreams to a node above `max_upstreams` that only a shared one may be, while there is none.
pub(super) const RESERVED: usize = 4;
/// An upstream that lasted as long as this has worked.
const WORKED_AFTER: Duration = Duration::from_millis(500);
/// Upstreams kept beside the shared one once they are idle again.
const SPARE: usize = 8;

/// What a worker has to one pool.
pub(crate) struct PoolState {
    pub(crate) routes: Vec<Routes>,
    pub(crate) links: BTreeMap<NodeId, Link>,
    pub(crate) counters: Counters,
    pub(crate) limits: RequestLimits,
    pub(crate) scripts: Used,
}

/// Who serves a shard at the moment: shared upstreams that are ready and take more.
#[derive(Default)]
pub(crate) struct Routes {
    pub(crate) primary: Option<UpstreamId>,
    pub(crate) replicas: Vec<UpstreamId>,
    /// The primary that was believed last, also while none is.
    believed: Option<NodeId>,
}

/// What a worker has to one node.
pub(crate) struct Link {
    pub(crate) shard: ShardId,
    to: Option<SocketAddr>,
    pub(crate) shared: Option<UpstreamId>,
    /// Idle ones that may become shared again.
    pub(super) spare: Vec<UpstreamId>,
    /// Idle ones of the bulk lane.
    pub(crate) bulk: Vec<UpstreamId>,
    /// All upstreams to the node, those on their way included.
    count: usize,
    /// Attempts that failed since one worked.
    failures: u32,
    retry_at: Option<Time>,
    /// Told the control plane that it fails, and not yet that it works again.
    pub(super) told_failure: bool,
    pub(crate) counters: NodeCounters,
}

impl Engine {
    /// Takes a new topology: deposed and removed nodes are left, new ones connected to, routes made anew.
    pub(super) fn reconcile(&mut self, topology: Arc<Topology>) {
        self.topology = topology;
        let pools: Vec<Arc<Pool>> = self.topology.pools.clone();
        for pool in &pools {
            if self.pools.len() <= usize::from(pool.id.0) {
                self.pools.push(PoolState::new(&self.registry, pool));
            }
            self.follow_nodes(pool);
            self.leave_deposed(pool);
            for shard in &pool.shards {
                self.ask_believed(pool, shard.id);
                self.connect_shard(pool, shard.id);
                self.reroute(pool.id, shard.id);
                self.release(pool.id, shard.id);
            }
        }
    }

    fn follow_nodes(&mut self, pool: &Pool) {
        let state = &mut self.pools[usize::from(pool.id.0)];
        for node in &pool.nodes {
            state.links.entry(node.id).or_insert_with(|| Link::new(&self.registry, pool, node));
        }
        let moved: Vec<NodeId> = state
            .links
            .iter()
            .filter(|(id, link)| match pool.node(**id) {
                None => true,
                // A name that cannot be resolved for a moment is no reason to leave.
                Some(node) => node.socket.is_some() && node.socket != link.to,
            })
            .map(|(id, _)| *id)
            .collect();
        for id in moved {
            let socket = pool.node(id).and_then(|n| n.socket);
            let had = self.pools[usize::from(pool.id.0)].links.get_mut(&id).and_then(|link| {
                link.retry_at = None;
                core::mem::replace(&mut link.to, socket)
            });
            if had.is_some() {
                self.leave(pool.id, id);
            }
            if pool.node(id).is_none()
                && let Some(link) = self.pools[usize::from(pool.id.0)].links.remove(&id)
            {
                link.counters.connections.set(0);
            }
        }
    }

    /// Where another primary is believed than before, the old one's upstreams end at once, and what is
    /// in flight on them does not count. A worker may have slept through the topology in which a node was
    /// the primary: one that is deposed now is left in any case.
    fn leave_deposed(&mut self, pool: &Pool) {
        for node in pool.nodes.iter().filter(|node| node.role == Role::Deposed) {
            for id in self.upstreams_of(pool.id, node.id) {
                self.lose(id, CloseReason::Deposed);
            }
        }
        for shard in &pool.shards {
            let Some(is) = shard.primary else { continue };
            let routes = &mut self.pools[usize::from(pool.id.0)].routes[usize::from(shard.id.0)];
            if let Some(was) = routes.believed.replace(is)
                && was != is
            {
                for id in self.upstreams_of(pool.id, was) {
                    self.lose(id, CloseReason::Deposed);
                }
            }
        }
    }

    /// A node that left, or moved: nothing new goes to it, what it owes is waited for.
    fn leave(&mut self, pool: PoolId, node: NodeId) {
        for id in self.upstreams_of(pool, node) {
            let Some(upstream) = self.upstreams.get_mut(id) else { continue };
            if upstream.state == State::Draining {
                continue;
            }
            if upstream.expected.is_empty() || !upstream.is_ready() {
                self.lose(id, CloseReason::Removed);
            } else {
                upstream.state = State::Draining;
                self.unlink(id);
            }
        }
    }

    pub(super) fn upstreams_of(&self, pool: PoolId, node: NodeId) -> Vec<UpstreamId> {
        self.upstreams.iter().filter(|(_, u)| u.pool == pool && u.node == node).map(|(id, _)| id).collect()
    }

    /// Connects to what of a shard is going to be needed.
    fn connect_shard(&mut self, pool: &Pool, shard: ShardId) {
        for node in pool.members(shard) {
            if Self::wanted(&self.topology, pool, node) {
                self.connect_shared(pool.id, node.id);
            }
        }
    }

    fn wanted(topology: &Topology, pool: &Pool, node: &Node) -> bool {
        if node.state == NodeState::Maint {
            return false;
        }
        if pool.shard(node.shard).primary == Some(node.id) {
            return true;
        }
        let replicas_serve = topology
            .listeners
            .iter()
            .any(|l| l.pool == pool.id && (l.route == Route::Replica || l.reads != ReadPolicy::Primary));
        replicas_serve && serves_reads(node)
    }

    /// Makes a shared upstream to a node unless there is one, or one on its way.
    pub(super) fn connect_shared(&mut self, pool: PoolId, node: NodeId) {
        let state = &mut self.pools[usize::from(pool.0)];
        let Some(link) = state.links.get_mut(&node) else { return };
        if link.shared.is_some() {
            return;
        }
        while let Some(id) = link.spare.pop() {
            if self.upstreams.get(id).is_some_and(Upstream::is_ready) {
                link.shared = Some(id);
                let shard = link.shard;
                self.reroute(pool, shard);
                return self.release(pool, shard);
            }
        }
        let on_its_way = self.upstreams.iter::<UpstreamId>().any(|(_, u)| {
            u.pool == pool
                && u.node == node
                && u.lane == Lane::Shared
                && matches!(u.state, State::Connecting | State::Handshaking)
        });
        if !on_its_way {
            let profile = Profile::of(&self.topology.pool(pool).config);
            self.connect(pool, node, Lane::Shared, profile);
        }
    }

    /// Makes an upstream, unless its node is waited for or has as many as it may.
    pub(super) fn connect(
        &mut self,
        pool: PoolId,
        node: NodeId,
        lane: Lane,
        profile: Profile,
    ) -> Option<UpstreamId> {
        let snapshot = Arc::clone(self.topology.pool(pool));
        let (limit, within) = (snapshot.config.limits.max_upstreams, snapshot.config.timeouts.connect);
        let link = self.pools[usize::from(pool.0)].links.get(&node)?;
        // Streams and slow readers of large replies must leave room for everybody's upstream.
        let room = if lane == Lane::Shared && link.shared.is_none() { limit + RESERVED } else { limit };
        if link.count >= room {
            self.close_spare(pool, node, lane);
        }
        let link = self.pools[usize::from(pool.0)].links.get_mut(&node)?;
        let (to, to_node) = (link.to?, snapshot.node(node)?);
        if link.retry_at.is_some_and(|at| at > self.now) {
            return None;
        }
        if link.count >= room {
            if lane == Lane::Shared {
                link.retry_at = Some(self.now + RETRY_LAST);
                self.stall_slow_readers(pool, node);
            }
            return None;
        }
        link.retry_at = None;
        link.count += 1;
        link.counters.connections.set(link.count as i64);
        let counters = UpstreamCounters::new(&self.registry, &snapshot, to_node);
        let upstream = Upstream::new(pool, link.shard, node, lane, profile, self.now, counters);
        let id = self.upstreams.insert(upstream);
        self.actions.push_back(Action::Connect { upstream: id, to, within });
        Some(id)
    }

    /// A node has as many upstreams as it may: an idle one of the other lane makes room.
    fn close_spare(&mut self, pool: PoolId, node: NodeId, lane: Lane) {
        let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) else { return };
        let idle = match lane {
            Lane::Shared => link.bulk.pop(),
            Lane::Bulk => link.spare.pop(),
        };
        if let Some(id) = idle {
            self.lose(id, CloseReason::Spare);
        }
    }

    /// Finds anew who serves a shard.
    pub(super) fn reroute(&mut self, pool: PoolId, shard: ShardId) {
        let snapshot = Arc::clone(self.topology.pool(pool));
        let state = &mut self.pools[usize::from(pool.0)];
        let ready = |node: &Node| {
            let id = state.links.get(&node.id)?.shared?;
            self.upstreams.get(id).filter(|u: &&Upstream| u.takes_more()).map(|_| id)
        };
        let primary = snapshot.primary(shard).filter(|n| n.state != NodeState::Maint).and_then(ready);
        let mut replicas = core::mem::take(&mut state.routes[usize::from(shard.0)].replicas);
        replicas.clear();
        replicas.extend(snapshot.members(shard).filter(|n| serves_reads(n)).filter_map(ready));
        let routes = &mut state.routes[usize::from(shard.0)];
        routes.primary = primary;
        routes.replicas = replicas;
    }

    /// Nothing new is put on this upstream.
    pub(super) fn unlink(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, node, shard) = (upstream.pool, upstream.node, upstream.shard);
        if let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) {
            link.forget(id);
        }
        self.reroute(pool, shard);
    }

    /// An upstream turned out to carry a large reply: others get another one.
    pub(super) fn make_private(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        if upstream.private || upstream.lane != Lane::Shared {
            return;
        }
        upstream.private = true;
        let (pool, node) = (upstream.pool, upstream.node);
        self.unlink(id);
        self.connect_shared(pool, node);
    }

    /// A private or draining upstream owes nothing any more, a bulk one has done its request.
    pub(super) fn became_idle(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let (pool, node, shard) = (upstream.pool, upstream.node, upstream.shard);
        if upstream.state == State::Draining {
            return self.lose(id, CloseReason::Removed);
        }
        upstream.private = false;
        let lane = upstream.lane;
        self.read_upstream_on(id);
        let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) else { return };
        let spare = match lane {
            Lane::Shared if link.shared.is_none() => {
                link.shared = Some(id);
                self.reroute(pool, shard);
                return self.release(pool, shard);
            }
            Lane::Shared => &mut link.spare,
            Lane::Bulk => &mut link.bulk,
        };
        if spare.len() < SPARE {
            spare.push(id);
            if lane == Lane::Bulk {
                self.wake_streams();
            }
        } else {
            self.lose(id, CloseReason::Spare);
        }
    }

    /// The driver says that an upstream broke or could not be made.
    pub(super) fn lost_upstream(&mut self, id: UpstreamId, lost: Lost) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, node) = (upstream.pool, upstream.node);
        let connecting = upstream.state == State::Connecting;
        // A node that left the topology has no link any more, but may still owe replies.
        if let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) {
            if connecting {
                link.counters.connect_errors.inc();
            }
            if !link.told_failure {
                link.told_failure = true;
                let failure = if connecting { NodeFailure::Connect } else { NodeFailure::Lost };
                self.actions.push_back(Action::Report(Observation::NodeFailed { pool, node, failure }));
            }
        }
        let reason = match lost {
            Lost::Closed => CloseReason::Lost,
            Lost::Connect | Lost::ConnectTimeout => CloseReason::Connect,
        };
        self.lose(id, reason);
    }

    /// Ends an upstream: each request on it gets its verdict, in order; then another one is made.
    pub(super) fn lose(&mut self, id: UpstreamId, reason: CloseReason) {
        let fate = if reason == CloseReason::Deposed { Fate::Deposed } else { Fate::Lost };
        self.unlink(id);
        let Some(mut upstream) = self.upstreams.remove(id) else { return };
        let (pool, node, shard) = (upstream.pool, upstream.node, upstream.shard);
        self.actions.push_back(Action::Close { party: Party::Upstream(id), reason });
        let snapshot = Arc::clone(self.topology.pool(pool));
        let name = snapshot.node(node).map_or("gone".to_owned(), |n| n.address.to_string());
        let was_ready = upstream.is_ready() || upstream.state == State::Draining;
        // One that is closed as soon as it is ready must not be made anew at the speed of the network.
        let worked = was_ready && self.now.since(upstream.opened) >= WORKED_AFTER;
        let state = &mut self.pools[usize::from(pool.0)];
        state.counters.upstream_closed(node, &name, reason.label());
        if let Some(link) = state.links.get_mut(&node) {
            link.count -= 1;
            link.counters.connections.set(link.count as i64);
            let believed = snapshot.shard(shard).primary == Some(node);
            link.back_off(believed, worked, self.now, &mut self.random);
            if let Some(at) = link.retry_at {
                self.due_by(at);
            }
        }
        for client in core::mem::take(&mut upstream.waiting) {
            self.resume(client, Pause::UPSTREAM);
        }
        self.release_feeder(upstream.feeder.take());
        self.judge_lost(id, &mut upstream, fate);
        // Nobody will tell any more what the node's role was: its scripts' errors are passed on.
        self.judge_doubted(id, false);
        self.decide_unloaded(id, None, false);
        upstream.out.clear(&mut self.buffers);
        self.release(pool, shard);
        if snapshot.node(node).is_some_and(|n| Self::wanted(&self.topology, &snapshot, n)) {
            self.connect_shared(pool, node);
        }
    }

    /// Nodes whose time to be tried again has come.
    pub(super) fn retry_links(&mut self) {
        let now = self.now;
        let due: Vec<(PoolId, NodeId)> = self
            .pools
            .iter()
            .enumerate()
            .flat_map(|(i, p)| p.links.iter().map(move |(node, link)| (PoolId(i as u16), *node, link)))
            .filter(|(_, _, link)| link.shared.is_none() && link.retry_at.is_some_and(|at| at <= now))
            .map(|(pool, node, _)| (pool, node))
            .collect();
        for (pool, node) in due {
            // Its time has come, whether or not anything is made now: one that stayed in the past would
            // be due for ever.
            if let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) {
                link.retry_at = None;
            }
            let snapshot = Arc::clone(self.topology.pool(pool));
            if snapshot.node(node).is_some_and(|n| Self::wanted(&self.topology, &snapshot, n)) {
                self.connect_shared(pool, node);
            }
        }
    }

    /// When the next node is to be tried again.
    pub(super) fn next_retry(&self) -> Option<Time> {
        self.pools
            .iter()
            .flat_map(|p| p.links.values())
            .filter(|l| l.shared.is_none())
            .filter_map(|l| l.retry_at)
            .min()
    }
}

/// May a replica be read from?
fn serves_reads(node: &Node) -> bool {
    node.role == Role::Replica
        && node.serves_reads
        && node.state == NodeState::Ready
        && matches!(node.health, Health::Up | Health::Suspect)
}

impl PoolState {
    fn new(registry: &crate::metrics::Registry, pool: &Pool) -> PoolState {
        let limits = &pool.config.limits;
        PoolState {
            routes: pool.shards.iter().map(|_| Routes::default()).collect(),
            links: BTreeMap::new(),
            counters: Counters::new(registry, pool),
            scripts: Used::default(),
            limits: RequestLimits {
                max_request: limits.max_request.as_usize(),
                max_args: limits.max_args,
                max_inline: limits.max_inline.as_usize(),
                max_bulk: limits.max_request.as_usize(),
            },
        }
    }
}

impl Link {
    fn new(registry: &crate::metrics::Registry, pool: &Pool, node: &Node) -> Link {
        Link {
            shard: node.shard,
            to: node.socket,
            shared: None,
            spare: Vec::new(),
            bulk: Vec::new(),
            count: 0,
            failures: 0,
            retry_at: None,
            told_failure: false,
            counters: NodeCounters::new(registry, &pool.config.name, &node.address.to_string()),
        }
    }

    /// All upstreams to the node, those on their way included.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    fn forget(&mut self, id: UpstreamId) {
        if self.shared == Some(id) {
            self.shared = None;
        }
        self.spare.retain(|other| *other != id);
        self.bulk.retain(|other| *other != id);
    }

    /// The first two attempts after a connection that had worked go at once: in a failover every node
    /// closes its connections, some twice.
    fn back_off(&mut self, primary: bool, worked: bool, now: Time, random: &mut u64) {
        if worked {
            self.failures = 0;
            self.retry_at = None;
            return;
        }
        self.failures = self.failures.saturating_add(1);
        let wait = match self.failures {
            1 => return,
            _ if primary => PRIMARY_RETRY,
            n => (RETRY_FIRST * (1 << (n - 2).min(5))).min(RETRY_LAST),
        };
        // Between three and five quarters, so that workers and processes do not knock in step.
        self.retry_at = Some(now + wait * (192 + next_random(random) % 128) / 256);
    }
}
