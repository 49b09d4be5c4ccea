//! Cells: where a worker counts. One writer each, a relaxed load and a relaxed store, no locked
//! instruction; the reader may be a moment late, which a scraper cannot tell.
//!
//! The handles can be sent to another thread, but not shared by two (they are not `Sync`), so a second
//! writer does not compile. What many threads count belongs in `topology::facts` and is `computed`.

use core::cell::Cell as NotSync;
use core::marker::PhantomData;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Two cache lines, because processors fetch them in pairs: a cell of another worker never lies in it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Padded(AtomicU64);

impl Padded {
    pub(super) fn load(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// What is left when its owner is gone.
    pub(super) fn last(&mut self) -> u64 {
        *self.0.get_mut()
    }
}

/// Cells of one `Line`: as many as fill what `Padded` would waste.
const CELLS: usize = 16;

/// The same two cache lines, filled: all cells of a line belong to one worker.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Line([AtomicU64; CELLS]);

/// A number that only grows, counted by one thread. `Default` gives one that nobody reads.
#[derive(Debug, Default)]
pub struct Counter {
    cell: Arc<Padded>,
    one_writer: PhantomData<NotSync<()>>,
}

impl Counter {
    pub(super) fn of(cell: Arc<Padded>) -> Counter {
        Counter { cell, one_writer: PhantomData }
    }

    #[inline]
    pub fn add(&self, n: u64) {
        add(&self.cell.0, n);
    }

    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// What this cell has counted, others of its series left out.
    pub fn get(&self) -> u64 {
        self.cell.load()
    }
}

/// A number that goes up and down, kept by one thread; a series is the sum of its cells. `Default`
/// gives one that nobody reads.
#[derive(Debug, Default)]
pub struct Gauge {
    cell: Arc<Padded>,
    one_writer: PhantomData<NotSync<()>>,
}

impl Gauge {
    pub(super) fn of(cell: Arc<Padded>) -> Gauge {
        Gauge { cell, one_writer: PhantomData }
    }

    #[inline]
    pub fn set(&self, n: i64) {
        self.cell.0.store(n as u64, Ordering::Relaxed);
    }

    #[inline]
    pub fn add(&self, n: i64) {
        // Two's complement: the sum comes out right, whatever the signs.
        add(&self.cell.0, n as u64);
    }

    /// What this cell holds, others of its series left out.
    pub fn get(&self) -> i64 {
        self.cell.load() as i64
    }
}

/// Many counters of one row, side by side, for one thread: one for each command, say. Eight bytes each
/// instead of a cache line each.
#[derive(Debug, Default)]
pub struct Counters {
    lines: Arc<[Line]>,
    one_writer: PhantomData<NotSync<()>>,
}

impl Counters {
    pub(super) fn of(lines: Arc<[Line]>) -> Counters {
        Counters { lines, one_writer: PhantomData }
    }

    /// Adds to the counter at `index`; an index past the end counts nothing.
    #[inline]
    pub fn add(&self, index: usize, n: u64) {
        debug_assert!(self.lines.is_empty() || index < self.lines.len() * CELLS);
        if let Some(line) = self.lines.get(index / CELLS) {
            add(&line.0[index % CELLS], n);
        }
    }

    #[inline]
    pub fn inc(&self, index: usize) {
        self.add(index, 1);
    }

    pub fn get(&self, index: usize) -> u64 {
        load(&self.lines, index)
    }
}

/// Room for `n` counters.
pub(super) fn lines(n: usize) -> Arc<[Line]> {
    (0..n.div_ceil(CELLS)).map(|_| Line::default()).collect()
}

pub(super) fn load(lines: &[Line], index: usize) -> u64 {
    lines.get(index / CELLS).map_or(0, |line| line.0[index % CELLS].load(Ordering::Relaxed))
}

/// Not `fetch_add`: with one writer a plain load and store are enough, and cost no bus lock.
#[inline]
fn add(cell: &AtomicU64, n: u64) {
    cell.store(cell.load(Ordering::Relaxed).wrapping_add(n), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cells_never_share_a_cache_line() {
        assert_eq!(size_of::<Padded>(), 128);
        assert_eq!(size_of::<Line>(), 128);
        let (a, b) = (Counter::default(), Counter::default());
        let distance = Arc::as_ptr(&a.cell).addr().abs_diff(Arc::as_ptr(&b.cell).addr());
        assert!(distance >= 128, "{distance}");
    }

    #[test]
    fn a_gauge_goes_below_zero_and_back() {
        let gauge = Gauge::default();
        gauge.add(2);
        gauge.add(-5);
        assert_eq!(gauge.get(), -3);
        gauge.set(7);
        assert_eq!(gauge.get(), 7);
    }

    #[test]
    fn counters_side_by_side_do_not_mix() {
        let counters = Counters::of(lines(20));
        counters.inc(3);
        counters.add(19, 5);
        assert_eq!((counters.get(3), counters.get(4), counters.get(19)), (1, 0, 5));
    }

    #[test]
    fn detached_counters_count_for_nobody() {
        Counters::default().inc(7);
        let counter = Counter::default();
        counter.inc();
        assert_eq!(counter.get(), 1);
    }
}
