//! The control plane: one task that turns observations into the next topology and publishes it.
//!
//! ```text
//!  source/sentinel ┐                       ┌─► publish ─► workers, admin
//!  probe           ├─ Observation ─► run ──┤
//!  resolve         │   (bounded)           └─► ask ─► sources, probes
//!  the data plane  ┘
//! ```
//!
//! Every decision is `failover::next`'s; here it is fed, obeyed and logged. Deliberately absent: any
//! order to the data plane. It sees a new topology and draws its own conclusions.

mod asker;
mod backoff;
mod first;
mod journal;
mod learn;
mod probe;
mod report;
mod resolve;
mod sampler;
mod source;

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::base::{NodeId, PoolId, Time};
use crate::failover::{Ask, Beliefs, next};
use crate::topology::{Observation, Pool, Publisher, Topology};

pub use first::first_topology;
pub use sampler::sample;

/// Observations that may wait for the loop: a failover makes some hundred. Whoever may not wait counts
/// what does not fit; probes and Sentinels wait.
pub const OBSERVATIONS_MAX: usize = 4096;

/// How often the loop looks at what only time changes.
const TICK: Duration = Duration::from_millis(100);

/// Runs the control plane until `shutdown` says true. `origin` is the process's zero of `Time`;
/// `sender` is the other end of `observations`, for the tasks that are started here.
pub async fn run(
    publisher: Publisher,
    mut observations: mpsc::Receiver<Observation>,
    sender: mpsc::Sender<Observation>,
    origin: Instant,
    mut shutdown: watch::Receiver<bool>,
) {
    let mut control = Control::new(publisher, Told { sender, origin });
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            Some(observation) = observations.recv() => control.observe(&observation),
            _ = tick.tick() => control.observe(&Observation::Tick),
            // An error means that whoever could say true is gone: the process ends.
            stop = shutdown.wait_for(|stop| *stop) => { drop(stop); return; }
        }
        while let Some(ended) = control.tasks.try_join_next() {
            if let Err(error) = ended
                && error.is_panic()
            {
                tracing::error!(event = "control.task_failed", %error, "a task of the control plane failed");
            }
        }
    }
}

/// How tasks tell the loop what they saw, and what time it is.
#[derive(Clone)]
struct Told {
    sender: mpsc::Sender<Observation>,
    origin: Instant,
}

impl Told {
    fn now(&self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }

    /// Waits for room; an error only means that the loop has ended, as this task is about to.
    async fn tell(&self, observation: Observation) {
        let _ = self.sender.send(observation).await;
    }
}

/// The loop's own: the one publisher, the memory of `next`, and the tasks that watch.
struct Control {
    publisher: Publisher,
    beliefs: Beliefs,
    told: Told,
    /// Indexed by `PoolId`.
    sources: Vec<source::Source>,
    /// Indexed by `PoolId`.
    learners: Vec<learn::Learner>,
    watched: BTreeMap<NodeId, probe::Watched>,
    /// Everything that was started; ends with the loop.
    tasks: JoinSet<()>,
}

impl Control {
    fn new(publisher: Publisher, told: Told) -> Control {
        let topology = publisher.current();
        let mut tasks = JoinSet::new();
        let sources = topology.pools.iter().map(|p| source::start(p, &told, &mut tasks)).collect();
        let learners = topology.pools.iter().map(|p| learn::start(p, &told, &mut tasks)).collect();
        let beliefs = Beliefs::new(&topology);
        let watched = BTreeMap::new();
        let mut control = Control { publisher, beliefs, told, sources, learners, watched, tasks };
        control.watch_nodes(&topology);
        control
    }

    fn observe(&mut self, observation: &Observation) {
        let current = self.publisher.current();
        match observation {
            Observation::CommandUnknown { pool, name } => {
                return self.learners[usize::from(pool.0)].ask_name(current.pool(*pool), name);
            }
            Observation::CommandsTold { pool, told } => {
                if let Some(topology) = learn::with_told(&current, *pool, told, self.told.now()) {
                    self.publisher.publish(topology);
                }
                return;
            }
            _ => {}
        }
        let next = next(&current, &mut self.beliefs, observation, self.told.now());
        if let Some(topology) = next.topology {
            self.publisher.publish(topology);
            let published = self.publisher.current();
            self.watch_nodes(&published);
            for (index, learner) in self.learners.iter().enumerate() {
                learner.ask_new(&current.pools[index], &published.pools[index]);
            }
        }
        let now_current = self.publisher.current();
        for happened in &next.happened {
            journal::write(happened, &current, &now_current);
        }
        for ask in next.ask {
            self.ask(&now_current, ask);
        }
    }

    fn ask(&self, topology: &Topology, ask: Ask) {
        match ask {
            Ask::Source { pool } => self.sources[usize::from(pool.0)].ask(),
            Ask::Nodes { pool, shard } => {
                for node in topology.pool(pool).members(shard) {
                    if let Some(watched) = self.watched.get(&node.id) {
                        watched.ask();
                    }
                }
            }
        }
    }

    /// Each node of the topology is probed by a task of its own, as long as it is in it.
    fn watch_nodes(&mut self, topology: &Topology) {
        let known = |id: &NodeId| topology.pools.iter().any(|p: &Arc<Pool>| p.node(*id).is_some());
        self.watched.retain(|id, _| known(id));
        for pool in &topology.pools {
            for node in &pool.nodes {
                match self.watched.get(&node.id) {
                    Some(watched) => watched.moved_to(node.socket),
                    None => {
                        let watched = probe::watch(pool, node, &self.told, &mut self.tasks);
                        self.watched.insert(node.id, watched);
                    }
                }
            }
        }
    }
}

/// Whose word it is, for log lines.
fn pool_name(topology: &Topology, pool: PoolId) -> &str {
    &topology.pool(pool).config.name
}
