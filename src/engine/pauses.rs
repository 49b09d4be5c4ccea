//! CLIENT PAUSE: a pool's requests wait until a moment, or until CLIENT UNPAUSE.
//!
//! The pause itself lies in the pool's facts, for all workers. Each looks there at the beginning of its turn
//! and when it is asked to; in between it judges requests by what it saw, so that a request costs no more
//! than a look at a `bool`. CLIENT PAUSE is answered once every worker has seen the pause: nothing that is
//! sent after its answer gets through.
//!
//! Only what would be sent to a node waits, in the one waiting place (`road::hold`), and its time there
//! doesn't count. What Ketch answers itself goes on, so that CLIENT UNPAUSE can be said by anybody. (Redis
//! makes that wait too while all is paused.)

use super::Engine;
use super::road::Why;
use crate::base::{PoolId, Time, UpstreamId};
use crate::command::{KeyFlags, Row};
use crate::exchange::Notice;
use crate::topology::Paused;

/// What this worker has seen of its pools' pauses.
#[derive(Default)]
pub(crate) struct Pauses {
    /// Whether any pool is paused.
    pub(crate) any: bool,
    pools: Vec<Option<Paused>>,
    /// Waiting clients of each pool, as told to the pool's facts.
    told: Vec<usize>,
}

impl Pauses {
    /// Whether requests of that kind wait.
    pub(crate) fn stop(&self, pool: PoolId, is_read: bool) -> bool {
        self.any && self.of(pool).is_some_and(|paused| paused.all || !is_read)
    }

    fn of(&self, pool: PoolId) -> Option<Paused> {
        self.pools.get(usize::from(pool.0)).copied().flatten()
    }

    /// When the first one ends by itself.
    pub(crate) fn next_end(&self) -> Option<Time> {
        if self.any { self.pools.iter().flatten().map(|paused| paused.until).min() } else { None }
    }

    fn set(&mut self, pool: PoolId, paused: Option<Paused>) {
        let index = usize::from(pool.0);
        if self.pools.len() <= index {
            self.pools.resize(index + 1, None);
        }
        self.pools[index] = paused;
        self.any = self.pools.iter().any(Option::is_some);
    }
}

impl Engine {
    /// Whether a request of that command has to wait: a write, or what Redis would pass on to replicas like
    /// one (a read that may change how its key is kept).
    pub(super) fn is_paused(&self, pool: PoolId, row: &Row) -> bool {
        let like_write = || row.keys.iter().any(|key| key.flags.contains(KeyFlags::RW));
        self.pauses.any && self.pauses.stop(pool, row.is_read() && !like_write())
    }

    /// What was chosen for a request, unless it has to wait: a pause stops some commands that only look like
    /// reads.
    #[inline]
    pub(super) fn unless_paused(
        &self,
        pool: PoolId,
        row: &Row,
        chosen: Result<UpstreamId, Why>,
    ) -> Result<UpstreamId, Why> {
        if self.pauses.any && chosen.is_ok() && self.is_paused(pool, row) { Err(Why::Paused) } else { chosen }
    }

    /// From now on writes of a pool wait, or all that is sent to nodes; and longer, if there is a pause already
    /// that ends later. Other workers see it when they turn next.
    pub(super) fn pause(&mut self, pool: PoolId, paused: Paused) {
        self.topology.pool(pool).facts.pause(self.now, paused);
        self.see_pauses();
    }

    pub(super) fn unpause(&mut self, pool: PoolId) {
        self.topology.pool(pool).facts.unpause();
        self.see_pauses();
        self.tell_others(&Notice::PauseChanged);
    }

    /// Judges requests by the pauses as they are now.
    pub(super) fn see_pauses(&mut self) {
        for index in 0..self.topology.pools.len() {
            let pool = &self.topology.pools[index];
            let (id, now) = (pool.id, pool.facts.paused().filter(|paused| paused.until > self.now));
            let before = self.pauses.of(id);
            if now == before {
                continue;
            }
            self.pauses.set(id, now);
            if let Some(paused) = now {
                self.due_by(paused.until);
            }
            if before.is_some() {
                self.end_pause(id);
            }
        }
    }

    /// A pause has ended, or stops less than before.
    fn end_pause(&mut self, pool: PoolId) {
        for number in self.hold.since(pool, self.now) {
            self.hold.refresh(number, self.now);
        }
        for shard in 0..self.topology.pool(pool).shards.len() {
            self.release(pool, crate::base::ShardId(shard as u16));
        }
        self.wake_streams();
    }

    /// How many clients wait because of a pause, for all to see.
    pub(super) fn count_paused(&mut self) {
        if !self.pauses.any && self.pauses.told.iter().all(|told| *told == 0) {
            return;
        }
        self.pauses.told.resize(self.topology.pools.len(), 0);
        for (pool, told) in self.topology.pools.iter().zip(&mut self.pauses.told) {
            let waiting = self.hold.of_pool(pool.id).paused;
            pool.facts.count_paused(*told, waiting);
            *told = waiting;
        }
    }
}
