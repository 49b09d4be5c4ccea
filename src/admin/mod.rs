//! What people, probes and scrapers see of a running Ketch, over HTTP.
//!
//! ```text
//!  topology (snapshot) ┐
//!  facts (atomics)     ├─ computed when asked ─► /metrics  /api/v1/snapshot  /livez  /readyz  /
//!  metrics (cells)     ┘
//! ```
//!
//! - `http`: the listener, its bounds, and the routes.
//! - `health`: is this process alive, may it be given traffic?
//! - `snapshot`: everything as JSON.
//! - `series`: metrics that are computed from the topology and its facts.
//! - `process`: what the operating system says about the process.
//!
//! Everything here reads. Actions will ask through `exchange`; nothing is decided here.

mod health;
mod http;
mod process;
mod series;
mod snapshot;

use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

pub(crate) use http::serve;

use crate::base::Time;
use crate::metrics::Registry;
use crate::topology::{ProcessFacts, Reader};

use self::health::Liveness;

/// What admin may look at.
pub(crate) struct Admin {
    /// As configured: shown to people.
    name: String,
    version: &'static str,
    /// Where the process's `Time` began.
    origin: Instant,
    /// The same moment on the wall clock.
    started: SystemTime,
    reader: Reader,
    registry: Registry,
    facts: Arc<ProcessFacts>,
    listening: AtomicBool,
    liveness: Mutex<Liveness>,
}

impl Admin {
    /// Also registers the series that are computed from what is given, so it is called once a registry.
    /// `origin` is the moment that the process's `Time` counts from.
    pub(crate) fn new(
        name: impl Into<String>,
        origin: Instant,
        reader: Reader,
        registry: Registry,
        facts: Arc<ProcessFacts>,
    ) -> Admin {
        let admin = Admin {
            name: name.into(),
            version: env!("CARGO_PKG_VERSION"),
            origin,
            started: SystemTime::now().checked_sub(origin.elapsed()).unwrap_or(UNIX_EPOCH),
            liveness: Mutex::new(Liveness::of(facts.workers.len())),
            listening: AtomicBool::new(false),
            reader,
            registry,
            facts,
        };
        series::register(&admin);
        process::register(&admin);
        admin
    }

    /// Said once, when every listener of every pool is bound: until then the process is not ready.
    pub(crate) fn listeners_are_bound(&self) {
        self.listening.store(true, Ordering::Release);
    }

    fn now(&self) -> Time {
        Time::ZERO + self.origin.elapsed()
    }

    /// Looks at the workers, and says which of them are stuck.
    fn stuck_workers(&self) -> Vec<usize> {
        let published = self.reader.current().epoch;
        let mut liveness = self.liveness.lock().unwrap_or_else(PoisonError::into_inner);
        liveness.look(self.now(), published, &self.facts.workers)
    }

    /// Seconds since 1970.
    fn started_unix(&self) -> f64 {
        self.started.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
    }
}

#[cfg(test)]
mod tests;
