//! Two questions that an orchestrator asks, kept apart on purpose.
//!
//! *Live*: do the workers turn? Never tied to Redis: an outage of Redis must not restart every proxy.
//! *Ready*: should this process be given clients? Its listeners are bound, it is not draining, and a
//! shard is writable.

use core::fmt::Write;
use core::sync::atomic::Ordering;
use core::time::Duration;

use crate::base::{Epoch, Time};
use crate::topology::{Gate, Pool, Shard, Topology, WorkerFacts};

use super::Admin;

/// How long a worker may leave a wake unanswered. A turn takes well under a millisecond; a machine that
/// swaps or pauses for a second is no reason to be killed.
const STUCK_AFTER: Duration = Duration::from_secs(5);

/// Watches the workers. An idle worker sleeps and does not turn, so a still turn counter alone says
/// nothing: a worker is *stuck* when a topology was published, which wakes it, and for five seconds it
/// has neither turned nor taken the topology up.
pub(super) struct Liveness(Vec<Watch>);

#[derive(Clone, Copy, Default)]
struct Watch {
    turns: u64,
    /// Since when it has been behind without turning.
    still: Option<Time>,
}

impl Liveness {
    pub(super) fn of(workers: usize) -> Liveness {
        Liveness(vec![Watch::default(); workers])
    }

    /// Looks at every worker; the indexes of those that are stuck. To be called about once a second,
    /// and whenever somebody asks.
    pub(super) fn look(&mut self, now: Time, published: Epoch, workers: &[WorkerFacts]) -> Vec<usize> {
        let stuck = self.0.iter_mut().zip(workers).enumerate().filter_map(|(index, (watch, worker))| {
            watch.look(now, worker.turns.load(Ordering::Relaxed), worker.epoch() < published).then_some(index)
        });
        stuck.collect()
    }
}

impl Watch {
    fn look(&mut self, now: Time, turns: u64, behind: bool) -> bool {
        if !behind || turns != self.turns {
            *self = Watch { turns, still: None };
        }
        behind && now.since(*self.still.get_or_insert(now)) >= STUCK_AFTER
    }
}

/// The checks of readiness, each with a sentence for people.
pub(super) struct Readiness {
    checks: Vec<(bool, String)>,
}

impl Readiness {
    /// `pool`: only that one counts; `None` if there is no such pool.
    pub(super) fn of(admin: &Admin, pool: Option<&str>) -> Option<Readiness> {
        let topology = admin.reader.current();
        let listening = admin.listening.load(Ordering::Acquire);
        let draining = admin.facts.draining.load(Ordering::Relaxed);
        // Workers close them when they are told when to stop.
        let closed = admin.facts.stop_at().is_some();
        let listeners = match (listening, closed) {
            (_, true) => "listeners closed",
            (true, false) => "listeners bound",
            (false, false) => "listeners not bound yet",
        };
        let mut checks = vec![
            (true, format!("configuration loaded, topology {}", topology.epoch)),
            (listening && !closed, listeners.to_owned()),
            (!draining, (if draining { "draining" } else { "not draining" }).to_owned()),
        ];
        checks.push(writable(admin.now(), &topology, pool)?);
        Some(Readiness { checks })
    }

    pub(super) fn ready(&self) -> bool {
        self.checks.iter().all(|(passed, _)| *passed)
    }

    /// A line a check, or one word.
    pub(super) fn text(&self, verbose: bool) -> String {
        let mut text = String::new();
        for (passed, sentence) in self.checks.iter().filter(|(passed, _)| verbose || !passed) {
            let sign = if *passed { '+' } else { '-' };
            writeln!(text, "[{sign}] {sentence}").expect("a String takes everything");
        }
        text.push_str(if self.ready() { "ready\n" } else { "not ready\n" });
        text
    }
}

fn writable(now: Time, topology: &Topology, pool: Option<&str>) -> Option<(bool, String)> {
    let pools: Vec<&Pool> = topology
        .pools
        .iter()
        .map(|p| &**p)
        .filter(|p| pool.is_none_or(|name| name == p.config.name))
        .collect();
    if pool.is_some() && pools.is_empty() {
        return None;
    }
    let shards = || pools.iter().flat_map(|pool| pool.shards.iter().map(move |shard| (*pool, shard)));
    let (writable, all) = (shards().filter(|(_, shard)| shard.writable()).count(), shards().count());
    let mut sentence = format!("{writable} of {all} shards writable");
    for (pool, shard) in shards().filter(|(_, shard)| !shard.writable()) {
        write!(sentence, ", {}/{}: {}", pool.config.name, shard.name, why_not(now, shard))
            .expect("a String takes everything");
    }
    Some((writable > 0, sentence))
}

fn why_not(now: Time, shard: &Shard) -> String {
    match shard.gate {
        Gate::Held { reason, since } => format!("{} for {} s", reason.label(), now.since(since).as_secs()),
        Gate::Open => format!("no primary for {} s", now.since(shard.since).as_secs()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at one worker at these moments (s, turns, behind); which looks said "stuck".
    fn looks(steps: &[(u64, u64, bool)]) -> Vec<bool> {
        let mut watch = Watch::default();
        steps
            .iter()
            .map(|&(s, turns, behind)| watch.look(Time::from_millis(s * 1000), turns, behind))
            .collect()
    }

    #[test]
    fn an_idle_worker_is_live() {
        assert_eq!(looks(&[(0, 7, false), (100, 7, false), (1000, 7, false)]), [false; 3]);
    }

    #[test]
    fn a_worker_that_turns_is_live_even_if_it_is_behind() {
        assert_eq!(looks(&[(0, 1, true), (6, 2, true), (12, 3, true), (16, 3, true)]), [false; 4]);
    }

    #[test]
    fn a_worker_that_sleeps_through_a_wake_for_five_seconds_is_stuck() {
        let steps = [(0, 7, false), (100, 7, true), (104, 7, true), (105, 7, true), (106, 8, false)];
        assert_eq!(looks(&steps), [false, false, false, true, false]);
    }
}
