//! When is a node up, suspect or down? Counting of probes, nothing else.

use crate::base::Time;
use crate::topology::{Health, NodeFailure, Pool};

/// Failures and answers in a row.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    strikes: u32,
    passes: u32,
    last_strike: Option<Time>,
}

impl Pulse {
    /// The node answered a probe. `indispensable` is the believed primary: nothing keeps requests
    /// from the only node that could take them once it answers.
    pub(super) fn answered(&mut self, before: Health, indispensable: bool, pool: &Pool) -> Health {
        self.strikes = 0;
        self.last_strike = None;
        self.passes = self.passes.saturating_add(1);
        let down_still = self.passes < pool.config.health.pass && !indispensable;
        if before == Health::Down && down_still { Health::Down } else { Health::Up }
    }

    pub(super) fn failed(&mut self, before: Health, failure: NodeFailure, pool: &Pool, now: Time) -> Health {
        self.passes = 0;
        match failure {
            // The node itself says that it does not serve: nothing is left to count.
            NodeFailure::Loading | NodeFailure::Refused => Health::Down,
            _ => self.strike(before, pool, now),
        }
    }

    /// A node that dies takes all its connections along and every worker tells: what fails within
    /// half an interval is one failure.
    fn strike(&mut self, before: Health, pool: &Pool, now: Time) -> Health {
        let rules = &pool.config.health;
        if self.last_strike.is_none_or(|last| now.since(last) >= rules.interval / 2) {
            self.strikes = self.strikes.saturating_add(1);
            self.last_strike = Some(now);
        }
        match before {
            Health::Down => Health::Down,
            _ if self.strikes >= rules.fail => Health::Down,
            Health::Unknown => Health::Unknown,
            Health::Up | Health::Suspect => Health::Suspect,
        }
    }
}
