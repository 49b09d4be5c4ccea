//! Which cells belong to which series, and what they sum up to.
//!
//! A worker asks for its cells when a node or a pool appears, never per request: everything here is
//! behind one lock, which the cells themselves do not know. When the owner of a counter goes, its last
//! number stays in the series (a counter never goes back); a gauge's goes with it.

use core::fmt;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::cell::{Counter, Counters, Gauge, Line, Padded, lines, load};
use super::exposition::{self, Number};
use super::{Kind, Row};

/// Computes the numbers of a row when it is read: label values in the row's order, and the number.
/// Called without any lock held.
pub type Read = dyn Fn() -> Vec<(Vec<String>, f64)> + Send + Sync;

/// Series a row may have. Nodes come and go under new addresses for months; past this bound series
/// that nobody counts in any more are forgotten, and if there are none, new cells are counted in but
/// not shown.
const SERIES_MAX: usize = 10_000;

/// All numbers of the process. A clone is the same registry.
#[derive(Clone, Default)]
pub struct Registry(Arc<Mutex<Families>>);

/// By name, so that the text is in the same order whoever registered first.
type Families = BTreeMap<&'static str, Family>;

struct Family {
    row: &'static Row,
    series: BTreeMap<Vec<String>, Series>,
    blocks: Vec<Block>,
    computed: Vec<Arc<Read>>,
}

#[derive(Default)]
struct Series {
    /// What cells had counted whose owners are gone.
    ended: u64,
    cells: Vec<Arc<Padded>>,
}

/// The cells of one `Counters`, and the label values of each.
struct Block {
    lines: Arc<[Line]>,
    labels: Vec<Vec<String>>,
}

/// The numbers of one row, by label values.
pub(super) type Samples = BTreeMap<Vec<String>, Number>;

impl Registry {
    pub fn new() -> Registry {
        Registry::default()
    }

    /// A new cell of the series; all cells of a series are summed when it is read.
    pub fn counter(&self, row: &'static Row, label_values: &[&str]) -> Counter {
        assert_eq!(row.kind, Kind::Counter, "{}", row.name);
        Counter::of(self.cell(row, label_values))
    }

    /// A new cell of the series; all cells of a series are summed when it is read.
    pub fn gauge(&self, row: &'static Row, label_values: &[&str]) -> Gauge {
        assert_eq!(row.kind, Kind::Gauge, "{}", row.name);
        Gauge::of(self.cell(row, label_values))
    }

    /// New cells of many series of one row, side by side, by their index in `label_values`. Those that
    /// have counted nothing are not shown.
    pub fn counters(&self, row: &'static Row, label_values: &[&[&str]]) -> Counters {
        assert_eq!(row.kind, Kind::Counter, "{}", row.name);
        let lines = lines(label_values.len());
        let labels = label_values.iter().map(|values| owned(row, values)).collect();
        let block = Block { lines: Arc::clone(&lines), labels };
        self.with(row, |family| {
            family.collect();
            family.blocks.push(block);
        });
        Counters::of(lines)
    }

    /// Has the row's numbers computed when they are read, besides what is counted in cells.
    pub fn computed(&self, row: &'static Row, read: Box<Read>) {
        self.with(row, |family| family.computed.push(Arc::from(read)));
    }

    /// The numbers of one row now: label values in the row's order, sorted by them.
    pub fn samples(&self, row: &'static Row) -> Vec<(Vec<String>, f64)> {
        let (samples, computed) = match self.lock().get_mut(row.name) {
            Some(family) => family.read(),
            None => return Vec::new(),
        };
        let samples = with_computed(row, samples, &computed);
        samples.into_iter().map(|(labels, number)| (labels, number.as_f64())).collect()
    }

    /// Everything, in the text format of Prometheus.
    pub fn exposition(&self) -> String {
        let families: Vec<_> = self.lock().values_mut().map(|family| (family.row, family.read())).collect();
        let mut text = String::new();
        for (row, (samples, computed)) in families {
            exposition::family(&mut text, row, &with_computed(row, samples, &computed));
        }
        text
    }

    fn cell(&self, row: &'static Row, label_values: &[&str]) -> Arc<Padded> {
        let labels = owned(row, label_values);
        let cell = Arc::<Padded>::default();
        self.with(row, |family| family.add(labels, Arc::clone(&cell)));
        cell
    }

    fn with<T>(&self, row: &'static Row, change: impl FnOnce(&mut Family) -> T) -> T {
        change(self.lock().entry(row.name).or_insert_with(|| Family::new(row)))
    }

    fn lock(&self) -> MutexGuard<'_, Families> {
        // Numbers are whole at every step: a panic of another holder leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.lock().keys()).finish()
    }
}

impl Family {
    fn new(row: &'static Row) -> Family {
        Family { row, series: BTreeMap::new(), blocks: Vec::new(), computed: Vec::new() }
    }

    fn add(&mut self, labels: Vec<String>, cell: Arc<Padded>) {
        if self.series.len() >= SERIES_MAX && !self.series.contains_key(&labels) {
            self.collect();
            self.series.retain(|_, series| !series.cells.is_empty());
            if self.series.len() >= SERIES_MAX {
                return;
            }
        }
        let series = self.series.entry(labels).or_default();
        series.collect(self.row.kind);
        series.cells.push(cell);
    }

    /// Takes in what owners left behind who are gone.
    fn collect(&mut self) {
        let kind = self.row.kind;
        self.series.values_mut().for_each(|series| series.collect(kind));
        if kind == Kind::Gauge {
            self.series.retain(|_, series| !series.cells.is_empty());
        }
        for mut block in self.blocks.extract_if(.., |block| Arc::get_mut(&mut block.lines).is_some()) {
            for (index, labels) in block.labels.drain(..).enumerate() {
                let count = load(&block.lines, index);
                if count > 0 {
                    self.series.entry(labels).or_default().ended += count;
                }
            }
        }
    }

    fn read(&mut self) -> (Samples, Vec<Arc<Read>>) {
        self.collect();
        let mut samples = Samples::new();
        for (labels, series) in &self.series {
            samples.insert(labels.clone(), Number::of(self.row.kind, series.sum()));
        }
        for block in &self.blocks {
            for (index, labels) in block.labels.iter().enumerate() {
                let count = load(&block.lines, index);
                if count > 0 {
                    let number = Number::of(self.row.kind, count);
                    samples.entry(labels.clone()).and_modify(|n| n.add(number)).or_insert(number);
                }
            }
        }
        (samples, self.computed.clone())
    }
}

impl Series {
    fn sum(&self) -> u64 {
        self.cells.iter().fold(self.ended, |sum, cell| sum.wrapping_add(cell.load()))
    }

    fn collect(&mut self, kind: Kind) {
        let ended = &mut self.ended;
        // `get_mut` succeeds only when the owner's handle is gone, and sees its last store.
        self.cells.retain_mut(|cell| match Arc::get_mut(cell) {
            Some(cell) => {
                if kind == Kind::Counter {
                    *ended = ended.wrapping_add(cell.last());
                }
                false
            }
            None => true,
        });
    }
}

fn owned(row: &Row, label_values: &[&str]) -> Vec<String> {
    assert_eq!(label_values.len(), row.labels.len(), "labels of {}", row.name);
    label_values.iter().map(|&value| value.to_owned()).collect()
}

fn with_computed(row: &Row, mut samples: Samples, computed: &[Arc<Read>]) -> Samples {
    for (labels, value) in computed.iter().flat_map(|read| read()) {
        debug_assert_eq!(labels.len(), row.labels.len(), "labels of {}", row.name);
        let number = Number::Real(value);
        samples.entry(labels).and_modify(|n| n.add(number)).or_insert(number);
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    static HITS: Row = Row { name: "hits_total", kind: Kind::Counter, labels: &["pool"], help: "Hits." };
    static HELD: Row = Row { name: "held", kind: Kind::Gauge, labels: &["pool"], help: "Held." };

    #[track_caller]
    fn check(registry: &Registry, row: &'static Row, expected: &[(&str, f64)]) {
        let expected: Vec<_> = expected.iter().map(|&(l, n)| (vec![l.to_owned()], n)).collect();
        assert_eq!(registry.samples(row), expected);
    }

    #[test]
    fn cells_of_one_series_are_summed() {
        let registry = Registry::new();
        let (a, b) = (registry.counter(&HITS, &["main"]), registry.counter(&HITS, &["main"]));
        let other = registry.counter(&HITS, &["other"]);
        a.add(3);
        b.inc();
        check(&registry, &HITS, &[("main", 4.0), ("other", 0.0)]);
        assert_eq!((a.get(), b.get(), other.get()), (3, 1, 0));
    }

    #[test]
    fn a_counter_keeps_what_was_counted_when_its_owner_goes() {
        let registry = Registry::new();
        for _ in 0..100 {
            registry.counter(&HITS, &["main"]).inc();
        }
        check(&registry, &HITS, &[("main", 100.0)]);
        assert!(registry.lock()["hits_total"].series[&vec!["main".to_owned()]].cells.is_empty());
    }

    #[test]
    fn a_gauge_goes_with_its_owner() {
        let registry = Registry::new();
        let (a, b) = (registry.gauge(&HELD, &["main"]), registry.gauge(&HELD, &["main"]));
        a.set(5);
        b.add(-2);
        check(&registry, &HELD, &[("main", 3.0)]);
        drop(a);
        check(&registry, &HELD, &[("main", -2.0)]);
        drop(b);
        check(&registry, &HELD, &[]);
    }

    #[test]
    fn counters_side_by_side_show_only_what_counted() {
        let registry = Registry::new();
        let labels: [&[&str]; 3] = [&["a"], &["b"], &["c"]];
        let first = registry.counters(&HITS, &labels);
        let second = registry.counters(&HITS, &labels);
        first.inc(1);
        second.add(1, 2);
        second.inc(2);
        check(&registry, &HITS, &[("b", 3.0), ("c", 1.0)]);
        drop(second);
        check(&registry, &HITS, &[("b", 3.0), ("c", 1.0)]);
    }

    #[test]
    fn what_is_computed_is_read_when_asked_and_may_read_the_registry() {
        let registry = Registry::new();
        let hits = registry.counter(&HITS, &["main"]);
        let inner = registry.clone();
        registry
            .computed(&HELD, Box::new(move || vec![(vec!["main".into()], inner.samples(&HITS)[0].1 * 2.0)]));
        hits.add(21);
        check(&registry, &HELD, &[("main", 42.0)]);
    }

    #[test]
    fn past_the_bound_series_without_owner_are_forgotten_first() {
        let registry = Registry::new();
        let kept = registry.counter(&HITS, &["kept"]);
        kept.inc();
        for i in 1..SERIES_MAX {
            registry.counter(&HITS, &[&i.to_string()]).inc();
        }
        assert_eq!(registry.samples(&HITS).len(), SERIES_MAX);
        let new = registry.counter(&HITS, &["new"]);
        new.inc();
        check(&registry, &HITS, &[("kept", 1.0), ("new", 1.0)]);
    }

    #[test]
    fn past_the_bound_a_new_series_is_counted_but_not_shown() {
        let registry = Registry::new();
        let cells: Vec<_> = (0..=SERIES_MAX).map(|i| registry.counter(&HITS, &[&i.to_string()])).collect();
        cells.iter().for_each(Counter::inc);
        assert_eq!(registry.samples(&HITS).len(), SERIES_MAX);
        assert_eq!(cells[SERIES_MAX].get(), 1);
    }

    #[test]
    fn other_threads_see_what_a_worker_counted() {
        let registry = Registry::new();
        let workers: Vec<_> = (0..4)
            .map(|_| {
                let hits = registry.counter(&HITS, &["main"]);
                std::thread::spawn(move || (0..10_000).for_each(|_| hits.inc()))
            })
            .collect();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        check(&registry, &HITS, &[("main", 40_000.0)]);
    }
}
