//! Atomics that the snapshot points to: what changes too often to make a topology of.
//!
//! Each has one kind of writer, named here; everybody may read.

use core::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::Scripts;
use super::counted::{Baseline, Rates, Waited};
use super::report::{NodeCounts, NodeReport, Reported};
use super::settings::Settings;
use super::slow_log::{Latencies, SlowLog};
use super::subscribers::{Feeds, Subscribers};
use crate::base::{Epoch, Time};

/// About one node. Lives as long as any topology that names it.
#[derive(Debug, Default)]
pub struct NodeFacts {
    /// When the node last answered a PING of the prober, or one that a worker asked because a script does not
    /// end there, in `Time` nanoseconds; 0 = never.
    last_answer: AtomicU64,
    /// To the prober it answered that a script keeps it busy.
    busy: AtomicBool,
    /// How many databases it has; 0 = unknown.
    databases: AtomicU32,
    reported: Reported,
}

impl NodeFacts {
    /// Written by the prober, and by workers; whoever is last is right enough.
    pub fn answered(&self, now: Time) {
        self.last_answer.store(now.as_nanos(), Ordering::Relaxed);
    }

    /// Written by the prober.
    pub fn is_busy(&self, busy: bool) {
        self.busy.store(busy, Ordering::Relaxed);
    }

    /// A script kept it busy when it was asked last.
    pub fn busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed)
    }

    /// Written by workers whose upstreams asked for it; 0 where the node does not tell.
    pub fn has_databases(&self, number: u32) {
        self.databases.store(number, Ordering::Relaxed);
    }

    /// How many databases it has, if that is known.
    pub fn databases(&self) -> Option<u32> {
        Some(self.databases.load(Ordering::Relaxed)).filter(|number| *number > 0)
    }

    pub fn last_answer(&self) -> Time {
        Time::from_nanos(self.last_answer.load(Ordering::Relaxed))
    }

    /// Written by the prober.
    pub fn reported(&self, report: NodeReport) {
        self.reported.set(report);
    }

    /// What the node last said of itself; `None` until it did.
    pub fn report(&self) -> Option<Arc<NodeReport>> {
        self.reported.last()
    }

    /// What the node counted since statistics were reset; `None` until it reported.
    pub fn counts(&self) -> Option<NodeCounts> {
        self.reported.counts()
    }

    /// Its counts begin anew for whoever reads them here.
    pub fn reset_counts(&self) {
        self.reported.reset();
    }
}

/// About one pool, over all workers.
#[derive(Debug, Default)]
pub struct PoolFacts {
    clients: AtomicUsize,
    pub accepted: AtomicU64,
    pub rejected: AtomicU64,
    /// Requests held now, over all workers; each worker adds and takes its own.
    pub held: AtomicUsize,
    pub subscribers: Subscribers,
    /// Written by whoever answers CONFIG SET.
    pub settings: Settings,
    /// Written by workers that saw a slow request, and on SLOWLOG RESET.
    pub slow_log: Mutex<SlowLog>,
    /// The same of delays.
    pub latencies: Mutex<Latencies>,
    pub waited: Waited,
    /// Written by whoever answers CONFIG RESETSTAT.
    pub baseline: Baseline,
    pub rates: Rates,
    /// Clients that a blocking command keeps waiting now; counted like `held`.
    pub blocked: AtomicUsize,
    /// Until when the pool is paused, in `Time` nanoseconds, times two; odd where everything waits. 0 = not
    /// at all.
    pause: AtomicU64,
    /// Clients with a request that waits for the end of a pause; each worker adds and takes its own.
    paused_clients: AtomicUsize,
    /// Clients that watch what others say; each worker adds and takes its own.
    pub monitors: AtomicUsize,
    /// Texts of scripts that clients have sent.
    pub scripts: Scripts,
}

/// CLIENT PAUSE: requests of a pool wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paused {
    pub until: Time,
    /// Reads wait, too.
    pub all: bool,
}

/// About one shard.
#[derive(Debug, Default)]
pub struct ShardFacts {
    /// Times that another primary was believed; counted by the control loop.
    pub failovers: AtomicU64,
    /// Where the workers' subscriptions are.
    pub feeds: Feeds,
}

impl PoolFacts {
    /// Takes a client's place if there is one below `limit`.
    pub fn reserve_client(&self, limit: usize) -> bool {
        let taken = self
            .clients
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| (n < limit).then_some(n + 1))
            .is_ok();
        let counter = if taken { &self.accepted } else { &self.rejected };
        counter.fetch_add(1, Ordering::Relaxed);
        taken
    }

    pub fn release_client(&self) {
        self.clients.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn clients(&self) -> usize {
        self.clients.load(Ordering::Relaxed)
    }

    /// Pauses the pool. As in Redis, a pause that is on at `now` is never shortened, nor does it stop less
    /// than it did.
    pub fn pause(&self, now: Time, wanted: Paused) {
        let longer = |bits: u64| {
            let before = Paused::from_bits(bits).filter(|paused| paused.until > now).unwrap_or(wanted);
            let until = before.until.max(wanted.until);
            Some(Paused { until, all: before.all || wanted.all }.to_bits())
        };
        // The closure never refuses.
        let _ = self.pause.fetch_update(Ordering::AcqRel, Ordering::Acquire, longer);
    }

    pub fn unpause(&self) {
        self.pause.store(0, Ordering::Release);
    }

    /// The pause that was asked for last; it may be over.
    pub fn paused(&self) -> Option<Paused> {
        Paused::from_bits(self.pause.load(Ordering::Acquire))
    }

    /// A worker that had told of `before` clients that wait for the end of a pause now has `now` of them.
    pub fn count_paused(&self, before: usize, now: usize) {
        if now >= before {
            self.paused_clients.fetch_add(now - before, Ordering::Relaxed);
        } else {
            self.paused_clients.fetch_sub(before - now, Ordering::Relaxed);
        }
    }

    /// Clients that wait for the end of a pause; Redis counts them among the blocked.
    pub fn paused_clients(&self) -> usize {
        self.paused_clients.load(Ordering::Relaxed)
    }
}

impl Paused {
    fn from_bits(bits: u64) -> Option<Paused> {
        (bits != 0).then(|| Paused { until: Time::from_nanos(bits >> 1), all: bits & 1 == 1 })
    }

    fn to_bits(self) -> u64 {
        // 292 years are as good as for ever.
        self.until.as_nanos().min(u64::MAX >> 1) << 1 | u64::from(self.all)
    }
}

/// About the process.
#[derive(Debug, Default)]
pub struct ProcessFacts {
    /// Of this Ketch, from the configuration.
    pub name: String,
    pub process_id: u32,
    next_client: AtomicU64,
    /// Set once: readiness says no, listeners are closed.
    pub draining: AtomicBool,
    /// When a draining process stops, whatever is still in flight; 0 = not set.
    stop_at: AtomicU64,
    pub usage: Usage,
    pub workers: Vec<WorkerFacts>,
}

/// What the operating system says of the process; written by the control plane's sampler. 0 = not known.
#[derive(Debug, Default)]
pub struct Usage {
    pub cpu_user_micros: AtomicU64,
    pub cpu_system_micros: AtomicU64,
    /// In bytes; now, and at most so far.
    pub resident: AtomicU64,
    pub resident_peak: AtomicU64,
    /// The operating system's name, version and architecture.
    pub system: OnceLock<String>,
}

impl ProcessFacts {
    pub fn new(workers: usize) -> ProcessFacts {
        ProcessFacts {
            workers: (0..workers).map(|_| WorkerFacts::default()).collect(),
            ..ProcessFacts::default()
        }
    }

    #[must_use]
    pub fn called(mut self, name: &str, process_id: u32) -> ProcessFacts {
        self.name = name.to_owned();
        self.process_id = process_id;
        self
    }

    /// Readiness says no from now on; clients are still served.
    pub fn leave(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// No new clients from now on; what is in flight may take until `stop_at`.
    pub fn drain(&self, stop_at: Time) {
        self.leave();
        self.stop_at.store(stop_at.as_nanos().max(1), Ordering::Release);
    }

    /// `None` until workers are to end.
    pub fn stop_at(&self) -> Option<Time> {
        match self.stop_at.load(Ordering::Acquire) {
            0 => None,
            nanos => Some(Time::from_nanos(nanos)),
        }
    }

    /// The next client's number, unique in the process, from 1: what CLIENT ID answers.
    pub fn next_client(&self) -> u64 {
        self.next_client.fetch_add(1, Ordering::Relaxed) + 1
    }
}

/// About one worker; written by it alone.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct WorkerFacts {
    epoch: AtomicU64,
    /// Turns of its loop: grows while it lives.
    pub turns: AtomicU64,
    pub clients: AtomicU32,
}

impl WorkerFacts {
    pub fn saw(&self, epoch: Epoch) {
        self.epoch.store(epoch.0, Ordering::Release);
    }

    pub fn epoch(&self) -> Epoch {
        Epoch(self.epoch.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_never_shortened_and_its_end_is_final() {
        let facts = PoolFacts::default();
        assert_eq!(facts.paused(), None);
        let at = Time::from_millis;
        let pause = |now, until, all| facts.pause(at(now), Paused { until: at(until), all });
        pause(0, 3000, false);
        pause(1, 100, true);
        assert_eq!(facts.paused(), Some(Paused { until: at(3000), all: true }));
        pause(3000, 4000, false);
        assert_eq!(facts.paused(), Some(Paused { until: at(4000), all: false }), "the first one is over");
        facts.unpause();
        assert_eq!(facts.paused(), None);
        facts.pause(Time::ZERO, Paused { until: Time::from_nanos(u64::MAX), all: true });
        assert!(facts.paused().is_some_and(|paused| paused.all && paused.until > at(1 << 40)));
    }
}
