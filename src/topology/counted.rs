//! What INFO shows of a pool's counters: how long commands waited for nodes, what was counted when
//! somebody reset the statistics, and how much happens a second. The counters of `metrics` themselves
//! never go back; what CONFIG RESETSTAT forgets is only subtracted here.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::command::{RowId, rows};

/// How long nodes let commands wait, by row; each worker adds to numbers of its own.
#[derive(Debug, Default)]
pub struct Waited(Mutex<Vec<Arc<[AtomicU64]>>>);

/// A worker's own part.
#[derive(Debug)]
pub struct WaitedHere(Arc<[AtomicU64]>);

impl Waited {
    pub fn worker(&self) -> WaitedHere {
        let here: Arc<[AtomicU64]> = (0..=rows().len()).map(|_| AtomicU64::new(0)).collect();
        lock(&self.0).push(Arc::clone(&here));
        WaitedHere(here)
    }

    /// Over all workers; `None`: all commands together that are in no table.
    pub fn of(&self, row: Option<RowId>) -> Duration {
        let workers = lock(&self.0);
        let place = row.map_or(rows().len(), |row| usize::from(row.0));
        let nanos = workers.iter().filter_map(|here| here.get(place));
        Duration::from_nanos(nanos.map(|nanos| nanos.load(Ordering::Relaxed)).sum())
    }
}

impl WaitedHere {
    #[inline]
    pub fn add(&self, row: RowId, took: Duration) {
        if let Some(nanos) = self.0.get(usize::from(row.0).min(self.0.len() - 1)) {
            // There is one writer, so this needs no locked instruction.
            nanos.store(nanos.load(Ordering::Relaxed) + took.as_nanos() as u64, Ordering::Relaxed);
        }
    }
}

/// Where counters stood when the statistics were reset, by what INFO calls them.
#[derive(Debug, Default)]
pub struct Baseline(Mutex<BTreeMap<String, u64>>);

impl Baseline {
    /// What was counted since the last reset.
    pub fn since(&self, name: &str, now: u64) -> u64 {
        now.saturating_sub(lock(&self.0).get(name).copied().unwrap_or(0))
    }

    /// Counters begin anew from here.
    pub fn reset(&self, counters: BTreeMap<String, u64>) {
        *lock(&self.0) = counters;
    }
}

/// What happened in the last second; written by the control plane's sampler.
#[derive(Debug, Default)]
pub struct Rates {
    pub commands: AtomicU64,
    pub received_bytes: AtomicU64,
    pub sent_bytes: AtomicU64,
    /// The most that the primaries were seen to use together, in bytes; 0 = not known.
    pub memory_peak: AtomicU64,
}

/// Locks what is written so rarely, and by so few steps, that a lock does.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each change is whole, so a panic of another holder leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_workers_waited_adds_up() {
        let waited = Waited::default();
        let (one, other) = (waited.worker(), waited.worker());
        one.add(RowId(3), Duration::from_micros(2));
        one.add(RowId(3), Duration::from_micros(2));
        other.add(RowId(3), Duration::from_micros(3));
        other.add(RowId(u16::MAX), Duration::from_micros(4));
        assert_eq!(waited.of(Some(RowId(3))), Duration::from_micros(7));
        assert_eq!(waited.of(Some(RowId(4))), Duration::ZERO);
        assert_eq!(waited.of(None), Duration::from_micros(4));
    }

    #[test]
    fn a_baseline_is_taken_off_and_nothing_goes_below_zero() {
        let baseline = Baseline::default();
        assert_eq!(baseline.since("calls", 5), 5);
        baseline.reset(BTreeMap::from([("calls".to_owned(), 5)]));
        assert_eq!((baseline.since("calls", 8), baseline.since("calls", 2)), (3, 0));
        assert_eq!(baseline.since("other", 4), 4);
    }
}
