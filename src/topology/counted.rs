//! What INFO shows of a pool's counters: how long commands waited for nodes, what was counted when
//! somebody reset the statistics, and how much happens a second. The counters of `metrics` themselves
//! never go back; what CONFIG RESETSTAT forgets is only subtracted here.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::command::{RowId, rows};

/// How long nodes let commands wait and how often they failed, by row; each worker adds to numbers of its own.
#[derive(Debug, Default)]
pub struct Waited(Mutex<Vec<Arc<[OfRow]>>>);

/// A worker's own part.
#[derive(Debug)]
pub struct WaitedHere(Arc<[OfRow]>);

#[derive(Debug, Default)]
struct OfRow {
    nanos: AtomicU64,
    failed: AtomicU64,
    rejected: AtomicU64,
}

impl Waited {
    pub fn worker(&self) -> WaitedHere {
        let here: Arc<[OfRow]> = (0..=rows().len()).map(|_| OfRow::default()).collect();
        lock(&self.0).push(Arc::clone(&here));
        WaitedHere(here)
    }

    /// Over all workers; `None`: all commands together that are in no table.
    pub fn of(&self, row: Option<RowId>) -> Duration {
        Duration::from_nanos(self.sum(row, |of_row| &of_row.nanos))
    }

    /// Calls that an error was the answer to.
    pub fn failed(&self, row: Option<RowId>) -> u64 {
        self.sum(row, |of_row| &of_row.failed)
    }

    /// Requests that were refused before anything was done with them.
    pub fn rejected(&self, row: Option<RowId>) -> u64 {
        self.sum(row, |of_row| &of_row.rejected)
    }

    fn sum(&self, row: Option<RowId>, which: fn(&OfRow) -> &AtomicU64) -> u64 {
        let workers = lock(&self.0);
        let place = row.map_or(rows().len(), |row| usize::from(row.0));
        workers
            .iter()
            .filter_map(|here| here.get(place))
            .map(|of_row| which(of_row).load(Ordering::Relaxed))
            .sum()
    }
}

impl WaitedHere {
    #[inline]
    pub fn add(&self, row: RowId, took: Duration) {
        self.count(row, |of_row| &of_row.nanos, took.as_nanos() as u64);
    }

    pub fn failed(&self, row: RowId) {
        self.count(row, |of_row| &of_row.failed, 1);
    }

    pub fn rejected(&self, row: RowId) {
        self.count(row, |of_row| &of_row.rejected, 1);
    }

    #[inline]
    fn count(&self, row: RowId, which: fn(&OfRow) -> &AtomicU64, more: u64) {
        if let Some(of_row) = self.0.get(usize::from(row.0).min(self.0.len() - 1)) {
            let number = which(of_row);
            // There is one writer, so this needs no locked instruction.
            number.store(number.load(Ordering::Relaxed) + more, Ordering::Relaxed);
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
