//! What happens by time alone: requests that wait too long, nodes that are silent, connections to be
//! tried again. Nearly all of it is found by looking at the worker's few upstreams; its many clients are
//! looked at once a second, and only where a pool closes idle ones or has users.

use core::time::Duration;

use super::Engine;
use super::action::CloseReason;
use super::clients::Client;
use super::upstreams::{Lane, Patience, Pin, State, Step, Upstream};
use crate::base::{ClientId, Time, UpstreamId};
use crate::topology::Pool;

/// How often streams that wait for an upstream are looked at.
const STREAM_SWEEP: Duration = Duration::from_millis(20);
/// How often idle clients are looked for: all clients are looked at for that.
const IDLE_SWEEP: Duration = Duration::from_secs(1);

impl Engine {
    /// Does everything that is due.
    pub(super) fn expire(&mut self) {
        let ids: Vec<UpstreamId> = self.upstreams.iter().map(|(id, _)| id).collect();
        for id in ids {
            self.expire_upstream(id);
        }
        self.expire_held();
        self.expire_inquiries();
        if self.streams_swept + STREAM_SWEEP <= self.now {
            self.expire_streams();
        }
        self.expire_pins();
        self.retry_links();
        self.expire_feeds();
        self.expire_waits();
        if self.unknown.until().is_some_and(|at| at <= self.now) {
            self.look_names_up_again();
        }
        self.expire_idle();
    }

    fn expire_upstream(&mut self, id: UpstreamId) {
        let now = self.now;
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let config = &self.topology.pool(upstream.pool).config;
        let timeouts = config.timeouts;
        match upstream.state {
            // The driver times the connecting itself.
            State::Connecting => return,
            State::Handshaking if now.since(upstream.opened) >= timeouts.handshake => {
                return self.lose(id, CloseReason::Handshake);
            }
            _ => {}
        }
        if upstream
            .stalled
            .is_some_and(|since| now.since(since) + upstream.stalled_for >= config.limits.stall_limit)
        {
            self.close_stalled(id);
        }
        if self.abandoned_at(id).is_some_and(|at| at <= now) {
            return self.close_uploader(id);
        }
        if self.is_silent(id) {
            return self.lose(id, CloseReason::Silent);
        }
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        // What blocks has its client's own time.
        if !upstream.uploading && upstream.reading && !matches!(upstream.pin, Pin::Block(_)) {
            let patient = upstream.is_patient();
            let late = upstream.waits.judge(Patience::Request, now - timeouts.request);
            let very_late = upstream.waits.judge(Patience::Slow, now - timeouts.slow);
            // What stands behind a script is not even read by the node: it is as late as the script.
            if !late.is_empty() && !patient {
                self.note_unanswered(id);
                self.judge_late(id, late, Patience::Request);
            }
            self.judge_late(id, very_late, Patience::Slow);
        }
        if self.suspicious_at(id).is_some_and(|at| at <= now) {
            self.ask_whether_busy(id);
        }
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        if upstream.ask_role_at.is_some_and(|at| at <= now) {
            upstream.ask_role_at = None;
            if upstream.state == State::Handshaking {
                return self.greet_again(id);
            }
            self.ask(id, Step::Role, &["ROLE"]);
        }
    }

    /// Not one byte came while something was owed, nor did the node answer a PING elsewhere.
    fn is_silent(&self, id: UpstreamId) -> bool {
        self.silent_at(id).is_some_and(|at| at <= self.now)
    }

    /// When a client that began to stream a request, and says no more, has had its time: it keeps an
    /// upstream from others.
    fn abandoned_at(&self, id: UpstreamId) -> Option<Time> {
        let upstream = self.upstreams.get(id).filter(|u| u.uploading)?;
        Some(upstream.last_byte + self.topology.pool(upstream.pool).config.timeouts.slow)
    }

    fn close_uploader(&mut self, id: UpstreamId) {
        if let Some(client) = self.upstreams.get(id).and_then(Upstream::front_client) {
            self.close_client(client, CloseReason::Abandoned);
        }
    }

    /// When an upstream will have been silent for too long.
    fn silent_at(&self, id: UpstreamId) -> Option<Time> {
        let upstream = self.upstreams.get(id)?;
        // Between the pieces of a request the client is waited for; while some lie here, the node.
        let waits_for_client = upstream.uploading && upstream.out.to_write().is_empty();
        if waits_for_client || !upstream.reading {
            return None;
        }
        let owed_since = upstream.waits.oldest()?;
        let pool = self.topology.pool(upstream.pool);
        let answered = pool.node(upstream.node).map_or(Time::ZERO, |n| n.facts.last_answer());
        let (heard, timeouts) = (owed_since.max(upstream.last_byte), &pool.config.timeouts);
        let silent = heard.max(answered) + timeouts.dead_after;
        if upstream.lane == Lane::Subscriber {
            // Its messages would be lost unnoticed, however well the node answers elsewhere.
            return Some(silent.min(heard + timeouts.dead_after.max(timeouts.request)));
        }
        Some(silent)
    }

    /// When `expire` has something to do.
    pub(super) fn due(&self) -> Option<Time> {
        let upstreams = self.upstreams.iter::<UpstreamId>().filter_map(|(id, u)| {
            let config = &self.topology.pool(u.pool).config;
            let handshake = (u.state == State::Handshaking).then(|| u.opened + config.timeouts.handshake);
            let stalled =
                u.stalled.map(|since| since + config.limits.stall_limit.saturating_sub(u.stalled_for));
            let judged = !u.uploading && u.reading && !matches!(u.pin, Pin::Block(_));
            let late = |by: Patience, after: Duration| {
                u.waits.oldest_unjudged(by).filter(|_| judged).map(|at| at + after)
            };
            let very_late = late(Patience::Slow, config.timeouts.slow);
            let late = late(Patience::Request, config.timeouts.request);
            let silent = if u.state == State::Connecting { None } else { self.silent_at(id) };
            [
                handshake,
                stalled,
                late,
                very_late,
                silent,
                u.ask_role_at,
                self.abandoned_at(id),
                self.suspicious_at(id),
            ]
            .into_iter()
            .flatten()
            .min()
        });
        let sweep = (!self.waiting_streams.is_empty()).then(|| self.streams_swept + STREAM_SWEEP);
        let idle = self.idle_sweep();
        let sweep = sweep.into_iter().chain(self.next_pin_sweep()).min();
        let asked = self.inquiries.next_expiry().into_iter().chain(self.pauses.next_end());
        upstreams
            .chain(self.next_held_expiry())
            .chain(self.next_retry())
            .chain(self.next_wait())
            .chain(sweep)
            .chain(idle)
            .chain(self.feeds_due())
            .chain(asked)
            .chain(self.unknown.until())
            .min()
    }

    fn idle_sweep(&self) -> Option<Time> {
        let wanted = |pool: &Pool| pool.client_idle() > Duration::ZERO || !pool.config.users.is_empty();
        let clients = self.topology.pools.iter().any(|pool| wanted(pool));
        (clients || self.has_unusual_profiles()).then(|| self.idle_swept + IDLE_SWEEP)
    }

    /// Clients that said nothing for `client_idle` and are owed nothing, and those that have not
    /// authenticated within `handshake`.
    fn expire_idle(&mut self) {
        let now = self.now;
        if self.idle_sweep().is_none_or(|at| at > now) {
            return;
        }
        self.idle_swept = now;
        self.expire_profiles();
        let reason = |c: &Client| {
            let pool = self.topology.pool(c.pool);
            let (timeouts, limit) = (&pool.config.timeouts, pool.client_idle());
            let listens = c.subscribed || c.session.monitor.is_some();
            let idle =
                limit > Duration::ZERO && c.settled() && !listens && now.since(c.session.last) >= limit;
            let late = !c.authenticated && now.since(c.session.opened) >= timeouts.handshake;
            match () {
                () if late => Some(CloseReason::Handshake),
                () if idle => Some(CloseReason::Idle),
                () => None,
            }
        };
        let over: Vec<(ClientId, CloseReason)> =
            self.clients.iter().filter_map(|(id, c)| Some((id, reason(c)?))).collect();
        for (id, reason) in over {
            self.close_client(id, reason);
        }
    }
}
