//! What a node says of itself in INFO, as far as Ketch passes it on: numbers that add up to those of one
//! Redis. The prober writes it; whoever answers INFO reads it, so that no node is needed for the answer.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One answer to INFO. Bytes, counts and seconds, as the node's fields have them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeReport {
    /// `redis_version`: of a Valkey too the version of Redis that it is like.
    pub version: String,
    pub used_memory: u64,
    pub used_memory_rss: u64,
    pub used_memory_dataset: u64,
    /// 0 = as much as there is.
    pub maxmemory: u64,
    pub maxmemory_policy: String,
    /// `notify-keyspace-events`, where the node lets it be read.
    pub keyspace_events: Option<String>,
    pub counts: NodeCounts,
    pub persistence: Persistence,
    /// By number; at most `DATABASES_MAX` of them.
    pub databases: Vec<Database>,
}

/// What only grows while a node runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct NodeCounts {
    pub keyspace_hits: u64,
    pub keyspace_misses: u64,
    pub expired_keys: u64,
    pub evicted_keys: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Persistence {
    pub changes_since_save: u64,
    pub saving: bool,
    /// Seconds since 1970.
    pub last_save: u64,
    pub last_save_failed: bool,
    pub aof: bool,
    pub aof_rewriting: bool,
    pub aof_rewrite_failed: bool,
    pub aof_write_failed: bool,
}

/// A database that has keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Database {
    pub number: u32,
    pub keys: u64,
    /// Keys that have a time to live.
    pub expires: u64,
    /// The mean time to live of those, in milliseconds.
    pub avg_ttl: u64,
}

/// The last report of a node, and where its counts stood when somebody reset the statistics.
#[derive(Debug, Default)]
pub(super) struct Reported(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Arc<NodeReport>>,
    base: NodeCounts,
}

impl Reported {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, report: NodeReport) {
        self.state().last = Some(Arc::new(report));
    }

    pub(super) fn last(&self) -> Option<Arc<NodeReport>> {
        self.state().last.clone()
    }

    pub(super) fn reset(&self) {
        let mut state = self.state();
        state.base = state.last.as_ref().map_or_else(NodeCounts::default, |report| report.counts);
    }

    pub(super) fn counts(&self) -> Option<NodeCounts> {
        let state = self.state();
        state.last.as_ref().map(|report| report.counts.less(&state.base))
    }
}

impl NodeCounts {
    /// What was counted since `base`. A node that was restarted since then counts from 0.
    fn less(&self, base: &NodeCounts) -> NodeCounts {
        let less = |now: u64, base: u64| now.checked_sub(base).unwrap_or(now);
        NodeCounts {
            keyspace_hits: less(self.keyspace_hits, base.keyspace_hits),
            keyspace_misses: less(self.keyspace_misses, base.keyspace_misses),
            expired_keys: less(self.expired_keys, base.expired_keys),
            evicted_keys: less(self.evicted_keys, base.evicted_keys),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(hits: u64) -> NodeReport {
        NodeReport {
            counts: NodeCounts { keyspace_hits: hits, ..NodeCounts::default() },
            ..NodeReport::default()
        }
    }

    #[test]
    fn counts_begin_anew_where_they_were_reset_and_with_a_restarted_node() {
        let reported = Reported::default();
        assert_eq!(reported.counts(), None);
        reported.set(report(10));
        assert_eq!(reported.counts().unwrap().keyspace_hits, 10);
        reported.reset();
        reported.set(report(13));
        assert_eq!(reported.counts().unwrap().keyspace_hits, 3);
        reported.set(report(2));
        assert_eq!(reported.counts().unwrap().keyspace_hits, 2);
    }
}
