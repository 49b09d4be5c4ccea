//! Names that are in no table. What the pool has learned of them is routed like any other command; a name
//! that nobody knows yet is reported once, and the control plane asks the nodes. Until it has, the client
//! that said the name waits, unread, and nobody else does.
//!
//! Random names must cost nodes nothing: a name is asked about once, few are asked about at a time, and
//! what is not answered in time counts as unknown. Nothing that no node knows is ever forwarded.

use core::time::Duration;
use std::collections::BTreeMap;

use super::Flow;
use crate::base::{ClientId, PoolId, Time};
use crate::command::{Found, plain_name};
use crate::engine::Engine;
use crate::engine::action::Action;
use crate::engine::clients::Pause;
use crate::topology::Observation;

/// How long a client waits for what the nodes say. They are asked at once, on new connections.
const ANSWERED_WITHIN: Duration = Duration::from_secs(1);
/// A name is not asked about again for this time, unless its answer was published.
const ASKED_FOR: Duration = Duration::from_secs(10);
/// Names that this worker asks about in that time; more are unknown without being asked about.
const ASKED_MAX: usize = 64;

/// Names that were asked about, and who waits for the answers.
#[derive(Default)]
pub(crate) struct Unknown {
    asked: BTreeMap<(PoolId, String), Time>,
    waiting: Vec<ClientId>,
    /// When the first of those who wait has waited long enough.
    until: Option<Time>,
}

impl Unknown {
    pub(crate) fn until(&self) -> Option<Time> {
        self.until
    }

    pub(crate) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Engine {
    /// The row of a request's command that is in no table.
    #[cold]
    pub(super) fn find_learned(&self, id: ClientId, request: &[u8]) -> Found {
        let pool = self.clients.get(id).map(|client| client.pool);
        pool.map_or(Found::Unknown, |pool| self.topology.pool(pool).learned.find(request, &self.args))
    }

    /// Nobody knows the name of the request at hand yet: its client waits until the nodes were asked. False
    /// where that is not to be waited for.
    pub(super) fn waits_for_name(&mut self, id: ClientId, pool: PoolId, request: &[u8]) -> bool {
        let Some(name) = self.args.first().and_then(|arg| plain_name(arg.of(request))) else { return false };
        if self.topology.pool(pool).learned.is_absent(&name, self.now) {
            return false;
        }
        let asked = (pool, name);
        let since = match self.unknown.asked.get(&asked) {
            Some(since) if self.now.since(*since) < ASKED_FOR => *since,
            _ => {
                let now = self.now;
                self.unknown.asked.retain(|_, since| now.since(*since) < ASKED_FOR);
                if self.unknown.asked.len() >= ASKED_MAX {
                    return false;
                }
                let (pool, name) = asked.clone();
                self.actions.push_back(Action::Report(Observation::CommandUnknown { pool, name }));
                self.unknown.asked.insert(asked, now);
                now
            }
        };
        let until = since + ANSWERED_WITHIN;
        if until <= self.now {
            return false;
        }
        if let Some(client) = self.clients.get_mut(id) {
            client.pause.set(Pause::NAME);
        }
        self.unknown.waiting.push(id);
        self.unknown.until = Some(self.unknown.until.map_or(until, |at| at.min(until)));
        true
    }

    /// Something was learned, or time is up: whoever waits for a name looks again.
    pub(in crate::engine) fn look_names_up_again(&mut self) {
        self.unknown.until = None;
        for id in core::mem::take(&mut self.unknown.waiting) {
            self.resume(id, Pause::NAME);
        }
    }

    /// Answers with Redis's words for a name that nobody knows, or waits until somebody has been asked.
    pub(super) fn unknown(&mut self, id: ClientId, pool: PoolId, request: &[u8]) -> Flow {
        if self.waits_for_name(id, pool, request) {
            return Flow::NotNow;
        }
        self.refuse_unknown(id, request)
    }
}
