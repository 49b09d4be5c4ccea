//! Everything as one JSON document: `GET /api/v1/snapshot`.
//!
//! Moments are told as ages in seconds (`…_seconds`), since the process's own clock means nothing
//! outside it. Secrets have no field here, so none can be shown.

use core::sync::atomic::Ordering;
use core::time::Duration;

use serde::Serialize;

use crate::base::Time;
use crate::config::ReadPolicy;
use crate::topology::{self, Gate, Topology};

use super::Admin;

#[derive(Serialize)]
pub(super) struct Snapshot<'a> {
    name: &'a str,
    version: &'a str,
    pid: u32,
    started_unix: f64,
    uptime_seconds: f64,
    /// Number of the topology that `pools` shows.
    epoch: u64,
    draining: bool,
    workers: Vec<Worker>,
    pools: Vec<Pool>,
}

#[derive(Serialize)]
struct Worker {
    /// Of the topology that it routes by.
    epoch: u64,
    turns: u64,
    clients: u32,
}

#[derive(Serialize)]
struct Pool {
    name: String,
    hash: String,
    distribution: String,
    hash_tag: Option<String>,
    clients: usize,
    max_clients: usize,
    accepted_total: u64,
    rejected_total: u64,
    /// Requests that are held now.
    held: usize,
    /// How long a request may be held.
    hold_seconds: f64,
    failovers_total: u64,
    listeners: Vec<Listener>,
    shards: Vec<Shard>,
}

#[derive(Serialize)]
struct Listener {
    address: String,
    route: &'static str,
    reads: &'static str,
}

#[derive(Serialize)]
struct Shard {
    name: String,
    writable: bool,
    /// The believed primary's address.
    primary: Option<String>,
    gate: &'static str,
    /// Why writes are held.
    held_reason: Option<&'static str>,
    held_seconds: Option<f64>,
    /// How long the primary has been believed, or there has been none.
    since_seconds: f64,
    nodes: Vec<Node>,
}

#[derive(Serialize)]
struct Node {
    id: u32,
    address: String,
    /// As resolved.
    socket: Option<String>,
    role: &'static str,
    health: &'static str,
    state: &'static str,
    serves_reads: bool,
    /// A script keeps it busy.
    busy: bool,
    last_answer_seconds: Option<f64>,
}

impl Snapshot<'_> {
    pub(super) fn of(admin: &Admin) -> Snapshot<'_> {
        let topology = admin.reader.current();
        let now = admin.now();
        Snapshot {
            name: &admin.name,
            version: admin.version,
            pid: std::process::id(),
            started_unix: seconds(Duration::from_secs_f64(admin.started_unix())),
            uptime_seconds: seconds(now.since(Time::ZERO)),
            epoch: topology.epoch.0,
            draining: admin.facts.draining.load(Ordering::Relaxed),
            workers: admin.facts.workers.iter().map(worker).collect(),
            pools: topology.pools.iter().map(|p| pool(&topology, p, now)).collect(),
        }
    }
}

fn worker(facts: &topology::WorkerFacts) -> Worker {
    Worker {
        epoch: facts.epoch().0,
        turns: facts.turns.load(Ordering::Relaxed),
        clients: facts.clients.load(Ordering::Relaxed),
    }
}

fn pool(topology: &Topology, pool: &topology::Pool, now: Time) -> Pool {
    let config = &pool.config;
    let tag = config.hash_tag.map(|tag| tag.map(char::from).iter().collect());
    let listeners = topology.listeners.iter().filter(|listener| listener.pool == pool.id);
    Pool {
        name: config.name.clone(),
        hash: config.hash.clone(),
        distribution: config.distribution.clone(),
        hash_tag: tag,
        clients: pool.facts.clients(),
        max_clients: config.limits.max_clients,
        accepted_total: pool.facts.accepted.load(Ordering::Relaxed),
        rejected_total: pool.facts.rejected.load(Ordering::Relaxed),
        held: pool.facts.held.load(Ordering::Relaxed),
        hold_seconds: seconds(pool.hold),
        failovers_total: pool.failovers(),
        listeners: listeners.map(listener).collect(),
        shards: pool.shards.iter().map(|s| shard(pool, s, now)).collect(),
    }
}

fn listener(listener: &topology::ListenerInfo) -> Listener {
    let route = listener.route.label();
    let reads = match listener.reads {
        ReadPolicy::Primary => "primary",
        ReadPolicy::PreferPrimary => "prefer-primary",
        ReadPolicy::Replica => "replica",
        ReadPolicy::PreferReplica => "prefer-replica",
        ReadPolicy::Any => "any",
    };
    Listener { address: listener.address.to_string(), route, reads }
}

fn shard(pool: &topology::Pool, shard: &topology::Shard, now: Time) -> Shard {
    let (gate, reason, since) = match shard.gate {
        Gate::Open => ("open", None, None),
        Gate::Held { reason, since } => ("held", Some(reason.label()), Some(since)),
    };
    Shard {
        name: shard.name.to_string(),
        writable: shard.writable(),
        primary: pool.primary(shard.id).map(|node| node.address.to_string()),
        gate,
        held_reason: reason,
        held_seconds: since.map(|since| seconds(now.since(since))),
        since_seconds: seconds(now.since(shard.since)),
        nodes: pool.members(shard.id).map(|n| node(n, now)).collect(),
    }
}

fn node(node: &topology::Node, now: Time) -> Node {
    let answered = node.facts.last_answer();
    Node {
        id: node.id.0,
        address: node.address.to_string(),
        socket: node.socket.map(|socket| socket.to_string()),
        role: node.role.label(),
        health: node.health.label(),
        state: node.state.label(),
        serves_reads: node.serves_reads,
        busy: node.facts.busy(),
        last_answer_seconds: (answered != Time::ZERO).then(|| seconds(now.since(answered))),
    }
}

/// To the millisecond: people read this, too.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
