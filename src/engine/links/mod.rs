//! Which upstreams there are: made, greeted, checked, given up, made again; and which of them serve a
//! shard at the moment. Follows the topology: nobody tells the engine to close a connection.
//!
//! `follow`: what the topology asks for. `connect`: made, lost, made again. `back_off`: when. `profiles` and
//! `routes`: who serves a shard for whom. `lend`: one upstream for several databases in turn. `lanes`: what may take long
//! goes apart.

mod back_off;
mod connect;
mod follow;
mod lanes;
mod lend;
mod profiles;
mod routes;

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::counters::{Counters, NodeCounters};
use super::profile::{Profile, ProfileId};
use super::road::Tag;
use super::road::pubsub::Subscriptions;
use super::scripts::Used;
use super::upstreams::Lane;
use crate::base::{NodeId, ShardId, Time, UpstreamId};
use crate::metrics::Registry;
use crate::resp::RequestLimits;
use crate::topology::{Node, Pool, PoolFacts, WaitedHere};
use back_off::BackOff;
pub(in crate::engine) use back_off::PRIMARY_RETRY;
use profiles::Known;
pub(crate) use routes::Routes;

/// Upstreams to a node above `max_upstreams` that only a shared one may be, while there is none.
pub(in crate::engine) const RESERVED: usize = 4;
/// An upstream that lasted as long as this has worked.
const WORKED_AFTER: Duration = Duration::from_millis(500);
/// Upstreams kept beside the shared one once they are idle again.
const SPARE: usize = 8;

/// What a worker has to one pool.
pub(crate) struct PoolState {
    /// The first is what clients begin with.
    profiles: Vec<Known>,
    /// By profile, then by shard.
    routes: Vec<Routes>,
    /// The primary of each shard that was believed last, also while none is.
    believed: Vec<Option<NodeId>>,
    pub(crate) links: BTreeMap<NodeId, Link>,
    pub(crate) counters: Counters,
    pub(crate) limits: RequestLimits,
    pub(crate) subscriptions: Subscriptions,
    /// Pins that this worker's clients have, or wait for.
    pub(crate) pins: usize,
    pub(crate) scripts: Used,
    pub(crate) facts: Arc<PoolFacts>,
    pub(crate) waited: WaitedHere,
}

/// What a worker has to one node.
pub(crate) struct Link {
    pub(crate) shard: ShardId,
    to: Option<SocketAddr>,
    /// By profile.
    ready: Vec<Ready>,
    /// Idle and clean ones of the pinned lane, of any profile.
    pub(crate) pinned: Vec<UpstreamId>,
    /// Upstreams to the node that `max_upstreams` counts, those on their way included.
    count: usize,
    /// All other upstreams to the node.
    apart: usize,
    back_off: BackOff,
    /// When the node was last asked whether a script that does not end keeps it busy.
    pub(in crate::engine) asked_busy: Time,
    /// The process that answered last, as far as is known.
    pub(in crate::engine) process: Tag,
    /// Told the control plane that it fails, and not yet that it works again.
    pub(in crate::engine) told_failure: bool,
    pub(crate) counters: NodeCounters,
}

/// The upstreams of one profile to a node that may be given something.
#[derive(Default)]
pub(crate) struct Ready {
    pub(crate) shared: Option<UpstreamId>,
    /// The one of the slow lane, if it takes more.
    pub(crate) slow: Option<UpstreamId>,
    /// Idle ones that may become shared again.
    pub(crate) spare: Vec<UpstreamId>,
    /// Idle ones of the bulk lane.
    pub(crate) bulk: Vec<UpstreamId>,
    /// The node, a replica, does not have that database or version: it is not asked again before.
    refused_until: Option<Time>,
}

impl PoolState {
    fn new(registry: &Registry, pool: &Pool) -> PoolState {
        let limits = &pool.config.limits;
        PoolState {
            profiles: vec![Known::new(Profile::of(&pool.config))],
            routes: pool.shards.iter().map(|_| Routes { asked: true, ..Routes::default() }).collect(),
            believed: vec![None; pool.shards.len()],
            links: BTreeMap::new(),
            counters: Counters::new(registry, pool),
            pins: 0,
            scripts: Used::default(),
            facts: Arc::clone(&pool.facts),
            waited: pool.facts.waited.worker(),
            limits: RequestLimits {
                max_request: limits.max_request.as_usize(),
                max_args: limits.max_args,
                max_inline: limits.max_inline.as_usize(),
                max_bulk: limits.max_request.as_usize(),
            },
            subscriptions: Subscriptions::new(pool),
        }
    }
}

impl Link {
    fn new(registry: &Registry, pool: &Pool, node: &Node) -> Link {
        Link {
            shard: node.shard,
            to: node.socket,
            ready: vec![Ready::default()],
            pinned: Vec::new(),
            count: 0,
            apart: 0,
            back_off: BackOff::default(),
            asked_busy: Time::ZERO,
            process: Tag::default(),
            told_failure: false,
            counters: NodeCounters::new(registry, &pool.config.name, &node.address.to_string()),
        }
    }

    /// Upstreams to the node that `max_upstreams` counts, those on their way included.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// What is ready for a profile.
    pub(crate) fn of(&self, id: ProfileId) -> Option<&Ready> {
        self.ready.get(usize::from(id.0))
    }

    pub(crate) fn of_mut(&mut self, id: ProfileId) -> &mut Ready {
        let index = usize::from(id.0);
        if self.ready.len() <= index {
            self.ready.resize_with(index + 1, Ready::default);
        }
        &mut self.ready[index]
    }

    /// By profile.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ProfileId, &Ready)> {
        self.ready.iter().enumerate().map(|(i, ready)| (ProfileId(i as u16), ready))
    }

    /// Upstreams to the node that it does not count.
    pub(crate) fn apart(&self) -> usize {
        self.apart
    }

    /// One upstream more.
    fn made(&mut self, lane: Lane) {
        *if lane.is_counted() { &mut self.count } else { &mut self.apart } += 1;
        self.counters.connections.set((self.count + self.apart) as i64);
    }

    /// One upstream less.
    fn ended(&mut self, lane: Lane) {
        *if lane.is_counted() { &mut self.count } else { &mut self.apart } -= 1;
        self.counters.connections.set((self.count + self.apart) as i64);
    }

    fn forget(&mut self, id: UpstreamId) {
        for ready in &mut self.ready {
            for place in [&mut ready.shared, &mut ready.slow] {
                place.take_if(|other| *other == id);
            }
            ready.spare.retain(|other| *other != id);
            ready.bulk.retain(|other| *other != id);
        }
        self.pinned.retain(|other| *other != id);
    }
}
