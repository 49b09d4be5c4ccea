//! MONITOR: who watches a pool's requests, and how lines come to them.
//!
//! A pool's facts count its monitors, over all workers; while there are none, a batch of requests costs one
//! look at that. Lines go to this worker's monitors at once. For the others they are put together and sent
//! once a turn; a worker that is behind loses lines, and its monitors are told how many. Nothing ever waits
//! for a monitor: one that does not read is cut at `output_limit`.
//!
//! What is shown, and how a line looks, stands in `road/monitored.rs`.

use core::sync::atomic::Ordering;

use super::Engine;
use super::action::CloseReason;
use super::clients::Pause;
use super::road::lost_line;
use crate::base::{ClientId, PoolId};
use crate::exchange::Notice;

/// Lines for other workers that are put together in one turn; what is more goes in a further letter.
const BATCH: usize = 64 * 1024;

/// A client that watches.
#[derive(Default)]
pub(crate) struct Monitor {
    /// Lines that came while a reply was owed to it: none stands before or within one.
    delayed: Vec<u8>,
}

/// This worker's monitors, by pool, and what it has to tell those of others.
#[derive(Default)]
pub(crate) struct Monitors {
    pools: Vec<OfPool>,
}

#[derive(Default)]
struct OfPool {
    clients: Vec<ClientId>,
    unsent: Vec<u8>,
    unsent_lines: u64,
}

impl Monitors {
    pub(crate) fn has(&self, pool: PoolId, id: ClientId) -> bool {
        self.pools.get(usize::from(pool.0)).is_some_and(|of_pool| of_pool.clients.contains(&id))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = ClientId> {
        self.pools.iter().flat_map(|of_pool| of_pool.clients.iter().copied())
    }

    fn of(&mut self, pool: PoolId) -> &mut OfPool {
        let index = usize::from(pool.0);
        if self.pools.len() <= index {
            self.pools.resize_with(index + 1, OfPool::default);
        }
        &mut self.pools[index]
    }
}

impl Engine {
    /// Whether somebody watches the pool, on any worker.
    pub(super) fn is_monitored(&self, pool: PoolId) -> bool {
        self.pools[usize::from(pool.0)].facts.monitors.load(Ordering::Relaxed) > 0
    }

    /// A client sees from now on what others ask for.
    pub(super) fn begin_monitoring(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.session.monitor = Some(Box::default());
        let pool = client.pool;
        self.monitors.of(pool).clients.push(id);
        self.topology.pool(pool).facts.monitors.fetch_add(1, Ordering::Relaxed);
        self.monitored = true;
    }

    /// It sees no more, or has gone.
    pub(super) fn end_monitoring(&mut self, pool: PoolId, id: ClientId) {
        let clients = &mut self.monitors.of(pool).clients;
        let before = clients.len();
        clients.retain(|other| *other != id);
        self.topology.pool(pool).facts.monitors.fetch_sub(before - clients.len(), Ordering::Relaxed);
    }

    /// A line for all monitors of a pool.
    pub(super) fn tell_monitors(&mut self, pool: PoolId, line: &[u8]) {
        self.give_lines(pool, line);
        let all = self.topology.pool(pool).facts.monitors.load(Ordering::Relaxed);
        let of_pool = self.monitors.of(pool);
        if all > of_pool.clients.len() {
            of_pool.unsent.extend_from_slice(line);
            of_pool.unsent_lines += 1;
            if of_pool.unsent.len() >= BATCH {
                self.send_lines_of(pool);
            }
        }
    }

    /// What other workers' monitors have to be told of this turn.
    pub(super) fn send_lines(&mut self) {
        for index in 0..self.monitors.pools.len() {
            if self.monitors.pools[index].unsent_lines > 0 {
                self.send_lines_of(PoolId(index as u16));
            }
        }
    }

    fn send_lines_of(&mut self, pool: PoolId) {
        let of_pool = self.monitors.of(pool);
        let lines = core::mem::take(&mut of_pool.unsent).into();
        let count = core::mem::take(&mut of_pool.unsent_lines);
        self.tell_others(&Notice::Monitored { pool, lines, count });
    }

    /// Lines that another worker had for this one's monitors had no room on their way.
    pub(super) fn tell_of_lost_lines(&mut self, pool: PoolId, count: u64) {
        let line = lost_line(self.wall(), count);
        self.give_lines(pool, &line);
    }

    /// Gives lines to this worker's monitors of a pool.
    pub(super) fn give_lines(&mut self, pool: PoolId, lines: &[u8]) {
        let clients = self.monitors.of(pool).clients.clone();
        let limit = self.topology.pool(pool).config.limits.output_limit.as_usize();
        for id in clients {
            if !self.give_lines_to(id, lines, limit) {
                self.close_client(id, CloseReason::SlowMonitor);
            }
        }
    }

    /// False if the client has too much to read already.
    fn give_lines_to(&mut self, id: ClientId, lines: &[u8], limit: usize) -> bool {
        let Some(client) = self.clients.get_mut(id) else { return true };
        // As in Redis: nothing comes behind QUIT, and CLIENT REPLY OFF concerns lines, too.
        if client.pause.has(Pause::CLOSING) || client.replies.is_off() {
            return true;
        }
        let Some(monitor) = client.session.monitor.as_mut() else { return true };
        let waiting = client.output.len() + client.replies.parked_bytes() + monitor.delayed.len();
        if waiting + lines.len() > limit {
            return false;
        }
        if client.replies.owed() > 0 {
            monitor.delayed.extend_from_slice(lines);
        } else {
            client.output.extend(lines, &mut self.buffers);
            self.given(id);
        }
        true
    }

    /// A monitor is owed nothing any more: the lines that waited follow.
    pub(super) fn give_delayed_lines(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let Some(monitor) = client.session.monitor.as_mut() else { return };
        let lines = core::mem::take(&mut monitor.delayed);
        if !lines.is_empty() {
            client.output.extend(&lines, &mut self.buffers);
            self.mark_client_dirty(id);
        }
    }
}
