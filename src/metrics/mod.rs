//! What Ketch counts, and how it is read: one row a metric, cells that workers own, one text for
//! scrapers.
//!
//! ```text
//!  worker 0 ── Counter ──► cell ┐
//!  worker 1 ── Counter ──► cell ┼─ summed when read ──► Registry::exposition ──► GET /metrics
//!  atomics, topology ── computed ┘
//! ```
//!
//! - `catalog`: the rows. A metric that is not a row does not exist.
//! - `cell`: what a worker counts in; nothing locked, nothing shared between workers.
//! - `registry`: which cells belong to which series.
//! - `exposition`: the text format of Prometheus.
//!
//! Deliberately absent: HTTP, the clock, and everything that is read from the operating system
//! (`admin` does that), histograms.

pub mod catalog;
mod cell;
mod exposition;
mod registry;

pub use cell::{Counter, Counters, Gauge};
pub use exposition::CONTENT_TYPE;
pub use registry::{Read, Registry};

/// What a metric's number means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Only grows, from the start of the process; its name ends in `_total`.
    Counter,
    /// How it is now.
    Gauge,
}

/// One metric: everything that is known about it before the first number.
#[derive(PartialEq, Eq, Debug)]
pub struct Row {
    /// With its prefix and its base unit, as scrapers see it.
    pub name: &'static str,
    pub kind: Kind,
    /// Names of the labels, in the order in which values are given.
    pub labels: &'static [&'static str],
    /// One sentence for people, in the exposition and in docs/metrics.md.
    pub help: &'static str,
}

impl Kind {
    /// The word in the text format's `# TYPE` line.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        }
    }
}
