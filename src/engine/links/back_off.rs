//! When a node that could not be reached is tried again.

use core::time::Duration;

use crate::base::{Time, next_random};

/// How soon a believed primary is tried, or asked for its role, again: it must not wait for a back-off,
/// and an address that refuses must not be hammered.
pub(in crate::engine) const PRIMARY_RETRY: Duration = Duration::from_millis(20);
/// The back-off of other nodes: doubled from the first to the last.
const RETRY_FIRST: Duration = Duration::from_millis(50);
pub(super) const RETRY_LAST: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct BackOff {
    /// Attempts that failed since one worked.
    failures: u32,
    /// When the last of them was counted.
    counted: Time,
    pub(super) retry_at: Option<Time>,
}

impl BackOff {
    /// The first two attempts after a connection that had worked go at once: in a failover every node
    /// closes its connections, some twice. Several profiles that fail together, each `begun` before the first
    /// of them failed, are one attempt.
    pub(super) fn lost(&mut self, primary: bool, worked: bool, begun: Time, now: Time, random: &mut u64) {
        if worked {
            self.failures = 0;
            self.retry_at = None;
            return;
        }
        if begun < self.counted {
            return;
        }
        self.counted = now;
        self.failures = self.failures.saturating_add(1);
        let wait = match self.failures {
            1 => return,
            _ if primary => PRIMARY_RETRY,
            n => (RETRY_FIRST * (1 << (n - 2).min(5))).min(RETRY_LAST),
        };
        // Between three and five quarters, so that workers and processes do not knock in step.
        self.retry_at = Some(now + wait * (192 + next_random(random) % 128) / 256);
    }
}
