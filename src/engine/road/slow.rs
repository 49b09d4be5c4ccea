//! How long nodes let requests wait, and which of them were slow.
//!
//! No request carries a time. What is known is when it was queued (`Waits`, a mark a turn) and when its
//! upstream last said anything, so it is known for each batch of replies how long the node took for it.
//! That time is put down to the command at the front: exact for whoever waits for each reply, and in the
//! sum for pipelines. A node runs a whole pipeline before it writes the first reply, so of a slow batch
//! nobody can say which request it was: those that are not of constant time (Redis's flag `fast`) are
//! logged, else the first.
//!
//! Commands that Ketch answers itself take no time, and those that block take as long as they were told
//! to: neither is logged.

use core::time::Duration;

use super::HeldOwner;
use crate::base::{ClientId, PoolId, Time, UpstreamId};
use crate::command::{self, Flags, Row};
use crate::engine::Engine;
use crate::engine::upstreams::{Expected, Large, Owner, Pin};
use crate::resp::{RequestScanner, Scanned};
use crate::topology::{SlowEntry, cut, lock};

/// Requests of one batch that are looked at.
const SUSPECTS: usize = 16;

/// A batch that a node was slow with.
pub(super) struct SlowBatch {
    pool: PoolId,
    took: Duration,
    suspects: Vec<Suspect>,
}

struct Suspect {
    row: &'static Row,
    client: ClientId,
    args: Vec<Vec<u8>>,
}

impl Engine {
    /// A batch has come from an upstream that last said something at `before`: puts the time down, and
    /// tells if somebody wants to know about it.
    #[inline]
    pub(super) fn waited(&mut self, id: UpstreamId, before: Time) -> Option<SlowBatch> {
        let upstream = self.upstreams.get(id)?;
        let (front, asked) = (upstream.expected.front()?, upstream.waits.oldest()?);
        if matches!(front.owner, Owner::Own(_)) || matches!(upstream.pin, Pin::Block(_)) {
            return None;
        }
        let took = self.now.since(asked.max(before));
        let pool = &self.pools[usize::from(upstream.pool.0)];
        pool.waited.add(front.row, took);
        pool.facts.settings.is_notable(took).then(|| SlowBatch {
            pool: upstream.pool,
            took,
            suspects: Vec::new(),
        })
    }

    /// The request at the front is answered in this batch.
    pub(super) fn suspect(&self, id: UpstreamId, slow: &mut SlowBatch) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        // What begins in an earlier batch was looked at there.
        let begins = upstream.partial.is_empty() && upstream.large == Large::No;
        if begins && slow.suspects.len() < SUSPECTS {
            slow.suspects.extend(self.front_suspect(id));
        }
    }

    fn front_suspect(&self, id: UpstreamId) -> Option<Suspect> {
        let upstream = self.upstreams.get(id)?;
        let entry: Expected = *upstream.expected.front()?;
        let row = command::row(entry.row);
        if entry.streamed || matches!(upstream.pin, Pin::Block(_)) {
            return None;
        }
        let client = self.owner_of(entry.owner).map(HeldOwner::client)?;
        let request = upstream.out.front(entry.length as usize);
        let limits = self.pools[usize::from(upstream.pool.0)].limits;
        let mut args = Vec::new();
        match RequestScanner::default().scan(request, &mut args, &limits) {
            Scanned::Request { .. } => {}
            // It was scanned before it was queued; what is no request has nothing to show.
            _ => return None,
        }
        let shown = args.iter().enumerate().map(|(place, arg)| {
            let secret = command::is_secret(row, request, &args, place);
            if secret { command::REDACTED } else { arg.of(request) }
        });
        Some(Suspect { row, client, args: cut(shown) })
    }

    /// Logs those of a slow batch that may have been the cause.
    pub(super) fn note_slow(&mut self, slow: SlowBatch) {
        let is_fast = |suspect: &Suspect| suspect.row.flags.contains(Flags::FAST);
        let pool = &self.pools[usize::from(slow.pool.0)].facts;
        // Who asks for everything gets everything.
        let all = pool.settings.slow_after_micros() == 0;
        let causes = slow.suspects.iter().filter(|suspect| !is_fast(suspect)).count();
        for (index, suspect) in slow.suspects.into_iter().enumerate() {
            if all || if causes > 0 { !is_fast(&suspect) } else { index == 0 } {
                self.note(slow.pool, slow.took, suspect);
            }
        }
    }

    /// The request at the front of an upstream has been given up: its time is told, as far as it is known.
    pub(in crate::engine) fn note_unanswered(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, asked) = (upstream.pool, upstream.waits.oldest());
        let took = asked.map_or(Duration::ZERO, |asked| self.now.since(asked.max(upstream.last_byte)));
        if self.pools[usize::from(pool.0)].facts.settings.is_notable(took)
            && let Some(suspect) = self.front_suspect(id)
        {
            self.note(pool, took, suspect);
        }
    }

    fn note(&self, pool: PoolId, took: Duration, suspect: Suspect) {
        let facts = &self.pools[usize::from(pool.0)].facts;
        let (slow_after, threshold) =
            (facts.settings.slow_after_micros(), facts.settings.latency_threshold_millis());
        let at = (self.wall_at_origin + Duration::from_nanos(self.now.as_nanos())).as_secs();
        let millis = took.as_millis() as u64;
        if threshold > 0 && i64::try_from(millis).is_ok_and(|millis| millis >= threshold) {
            let event = if suspect.row.flags.contains(Flags::FAST) { "fast-command" } else { "command" };
            lock(&facts.latencies).note(event, at, millis);
        }
        let slow = slow_after >= 0 && took.as_micros() >= slow_after.unsigned_abs().into();
        if slow && let Some(client) = self.clients.get(suspect.client) {
            let session = &client.session;
            let entry = SlowEntry {
                id: 0,
                at,
                took,
                args: suspect.args,
                address: session.peer.to_string(),
                name: session.name.clone(),
            };
            lock(&facts.slow_log).note(entry, facts.settings.slow_log_length());
        }
    }
}
