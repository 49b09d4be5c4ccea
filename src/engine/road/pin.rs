//! The one door to upstreams that a client has for itself: while it watches keys, and while a command of it
//! blocks.
//!
//! They are made on demand on the believed primary, ROLE included, and a few clean ones a node are kept in
//! stock. Who waits for one waits where everybody waits, in the hold. The rule of the road holds here too:
//! nothing goes by a client's own upstream while another owes it replies of that shard.
//!
//! ```text
//!  stock ──► taken by a client ──► cleaning ──► stock
//!    ▲              └──► closed, whenever it is not known to be clean
//!  made
//! ```

use core::time::Duration;

use super::hold::Why;
use crate::base::{ClientId, PoolId, ShardId, Time, UpstreamId};
use crate::engine::Engine;
use crate::engine::action::CloseReason;
use crate::engine::clients::Pause;
use crate::engine::clients::pinned::Stage;
use crate::engine::profile::ProfileId;
use crate::engine::upstreams::{Lane, Pin, State, Step, Upstream};
use crate::failover::Fate;
use crate::topology::{Gate, HoldReason};

/// Clean upstreams that are kept for each node: enough for a few clients that block by turns.
const STOCK: usize = 8;
/// How often clients that wait for an upstream of their own are looked at.
const SWEEP: Duration = Duration::from_millis(20);

/// What a client wants an upstream for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    Watch,
    Block,
}

impl Engine {
    /// Takes one of the pool's pins, if this worker's share has one left.
    pub(super) fn reserve_pin(&mut self, pool: PoolId) -> bool {
        let share = self.topology.pool(pool).config.limits.max_pinned.div_ceil(self.workers);
        let pins = &mut self.pools[usize::from(pool.0)].pins;
        let free = *pins < share;
        *pins += usize::from(free);
        free
    }

    pub(super) fn release_pin(&mut self, pool: PoolId) {
        let pins = &mut self.pools[usize::from(pool.0)].pins;
        debug_assert!(*pins > 0, "a pin that nobody took");
        *pins = pins.saturating_sub(1);
    }

    /// The client's own upstream to the primary of a shard, if it may take a request now. Where there is
    /// none, one is taken from stock, or made; until then the client waits.
    pub(super) fn pin(
        &mut self,
        id: ClientId,
        pool: PoolId,
        shard: ShardId,
        profile: ProfileId,
        what: For,
    ) -> Result<UpstreamId, Why> {
        let own = self.own_upstream(id, what);
        let Some(client) = self.clients.get(id) else { return Err(Why::Behind) };
        if client.roads.get(shard).is_some_and(|road| Some(road) != own) {
            return Err(Why::RoadBusy);
        }
        let believed = self.topology.pool(pool).shard(shard);
        if let Gate::Held { reason, .. } = believed.gate {
            return Err(Why::Shard(reason));
        }
        let Some(node) = believed.primary else { return Err(Why::Shard(HoldReason::NoPrimary)) };
        if self.subscribes_first(pool, shard) {
            return Err(Why::Connecting);
        }
        if let Some(own) = own
            && let Some(upstream) = self.upstreams.get(own)
        {
            let greeting = matches!(upstream.state, State::Connecting | State::Handshaking);
            let fits = upstream.node == node && (greeting || upstream.is_ready());
            match () {
                () if fits && upstream.profile_id != profile => {
                    self.switch_own(own, profile);
                    return Err(Why::Pinning);
                }
                () if fits && upstream.takes_more() && upstream.may_write() => return Ok(own),
                // ROLE is asked until it says `master`, or another is believed.
                () if fits => return Err(Why::Pinning),
                () => self.lose(own, CloseReason::Unpinned),
            }
            if what == For::Watch {
                // What it watched is lost.
                return Err(Why::Pinning);
            }
        }
        let fits = |u: &Upstream| u.profile_id == profile && u.may_write() && u.takes_more();
        let profile = self.pools[usize::from(pool.0)].profile(profile);
        let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) else {
            return Err(Why::Pinning);
        };
        let stocked = link.pinned.iter().rposition(|id| self.upstreams.get(*id).is_some_and(fits));
        if let Some(at) = stocked {
            let upstream = link.pinned.swap_remove(at);
            self.give_pin(id, upstream, what);
            return Ok(upstream);
        }
        if let Some(upstream) = self.connect(pool, node, Lane::Pinned, profile) {
            self.give_pin(id, upstream, what);
        }
        Err(Why::Pinning)
    }

    fn own_upstream(&self, id: ClientId, what: For) -> Option<UpstreamId> {
        let session = &self.clients.get(id)?.session;
        match what {
            For::Watch => session.transaction.as_ref()?.watch.as_ref()?.upstream,
            For::Block => session.blocked.as_ref()?.upstream,
        }
    }

    fn give_pin(&mut self, id: ClientId, upstream: UpstreamId, what: For) {
        if let Some(upstream) = self.upstreams.get_mut(upstream) {
            upstream.pin = match what {
                For::Watch => Pin::Watch(id),
                For::Block => Pin::Block(id),
            };
        }
        self.set_own_upstream(id, what, Some(upstream));
    }

    fn set_own_upstream(&mut self, id: ClientId, what: For, upstream: Option<UpstreamId>) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let session = &mut client.session;
        match what {
            For::Watch => {
                if let Some(watch) = session.transaction.as_mut().and_then(|t| t.watch.as_mut()) {
                    watch.upstream = upstream;
                }
            }
            For::Block => {
                if let Some(blocked) = session.blocked.as_mut() {
                    blocked.upstream = upstream;
                }
            }
        }
    }

    /// A client needs its upstream no more: what it left there is undone before another gets it.
    pub(super) fn let_go(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        match upstream.state {
            State::Connecting | State::Handshaking => upstream.pin = Pin::Nobody,
            State::Ready { .. } => {
                upstream.pin = Pin::Cleaning;
                self.ask(id, Step::Unwatch, &["UNWATCH"]);
            }
            State::Draining => self.lose(id, CloseReason::Unpinned),
        }
    }

    /// The same of one on which a command blocked: whatever is still owed there is nobody's, and must not be
    /// executed for nobody.
    pub(super) fn let_go_blocking(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        match upstream.state {
            State::Connecting | State::Handshaking => upstream.pin = Pin::Nobody,
            State::Ready { .. } if upstream.expected.is_empty() => {
                upstream.pin = Pin::Cleaning;
                self.pin_idle(id);
            }
            State::Ready { .. } | State::Draining => self.lose(id, CloseReason::Unpinned),
        }
    }

    /// A pinned upstream owes nothing: it goes to stock unless a client has it.
    pub(in crate::engine) fn pin_idle(&mut self, id: UpstreamId) {
        if let Some(asker) = self.upstreams.get_mut(id).filter(|u| u.lane == Lane::Asker && u.is_ready()) {
            // It has asked all; what it asked for is answered on other connections.
            asker.pin = Pin::Cleaning;
            return self.lose(id, CloseReason::Spare);
        }
        let Some(upstream) = self.upstreams.get_mut(id).filter(|u| u.pin == Pin::Cleaning) else { return };
        upstream.pin = Pin::Nobody;
        self.stock(id);
    }

    fn stock(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, node, shard) = (upstream.pool, upstream.node, upstream.shard);
        let primary = self.topology.pool(pool).shard(shard).primary == Some(node);
        let link = self.pools[usize::from(pool.0)].links.get_mut(&node);
        match link.filter(|link| primary && link.pinned.len() < STOCK) {
            Some(link) => {
                link.pinned.push(id);
                self.release(pool, shard);
            }
            None => self.lose(id, CloseReason::Spare),
        }
    }

    /// The handshake of a pinned upstream is over.
    pub(in crate::engine) fn pinned_ready(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, shard) = (upstream.pool, upstream.shard);
        if upstream.pin == Pin::Nobody {
            self.stock(id);
        }
        self.release(pool, shard);
    }

    pub(in crate::engine) fn node_client_seen(&mut self, id: UpstreamId, reply: &[u8]) {
        if let Some(upstream) = self.upstreams.get_mut(id) {
            upstream.node_client = crate::resp::integer_of(reply).and_then(|n| u64::try_from(n).ok());
        }
    }

    /// A client that is about to go leaves its upstreams behind. One on which a command blocks is closed at
    /// once, so that nothing is popped for nobody.
    pub(super) fn drop_pins(&mut self, pool: PoolId, session: &mut crate::engine::clients::Session) {
        if let Some(watch) = session.transaction.take().and_then(|t| t.watch) {
            self.release_pin(pool);
            watch.upstream.into_iter().for_each(|upstream| self.let_go(upstream));
        }
        if let Some(blocked) = session.blocked.take() {
            self.blocking_ended(pool, &blocked);
            blocked.upstream.into_iter().for_each(|upstream| self.let_go_blocking(upstream));
        }
    }

    /// A lost upstream was somebody's own. Called before its requests are judged.
    pub(in crate::engine) fn pin_lost(&mut self, upstream: &mut Upstream, fate: Fate<'_>) {
        match upstream.pin {
            Pin::Nobody | Pin::Cleaning => {}
            Pin::Watch(client) => self.watch_lost(client),
            Pin::Block(client) => self.blocking_lost(client, upstream, fate),
        }
        if upstream.lane == Lane::Asker && upstream.pin == Pin::Nobody {
            self.asker_lost(upstream.pool, upstream.node);
        }
    }

    /// What a client waited for with all that it may say next has been answered.
    pub(super) fn turn_over(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let pool = client.pool;
        let executed = client.session.transaction.as_ref().is_some_and(|t| t.executing.is_some());
        if let Some(blocked) = client.session.blocked.take() {
            self.blocking_ended(pool, &blocked);
            blocked.upstream.into_iter().for_each(|upstream| self.let_go_blocking(upstream));
        }
        if executed {
            self.forget_transaction(id);
        }
        self.give_delayed_lines(id);
        self.resume(id, Pause::TURN);
        self.set_reading(id);
    }

    /// A client waits in the hold for an upstream of its own: it is looked at now and then.
    pub(super) fn wait_for_pin(&mut self, id: ClientId) {
        if self.waiting_pins.is_empty() {
            self.pins_swept = self.now;
            self.due_by(self.now + SWEEP);
        }
        if !self.waiting_pins.contains(&id) {
            self.waiting_pins.push(id);
        }
    }

    pub(in crate::engine) fn next_pin_sweep(&self) -> Option<Time> {
        let waits = !self.waiting_pins.is_empty() || !self.blocks_first.is_empty();
        waits.then(|| self.pins_swept + SWEEP)
    }

    /// Clients that wait for upstreams of their own: some have waited as long as they wanted to, for others
    /// an upstream may be made again.
    pub(in crate::engine) fn expire_pins(&mut self) {
        if self.next_pin_sweep().is_none_or(|at| at > self.now) {
            return;
        }
        self.pins_swept = self.now;
        if self.hold.is_empty() {
            self.blocks_first.clear();
        }
        for (pool, shard) in self.blocks_first.keys().copied().collect::<Vec<_>>() {
            self.release(pool, shard);
        }
        for id in core::mem::take(&mut self.waiting_pins) {
            let Some(client) = self.clients.get(id) else { continue };
            let (pool, session) = (client.pool, &client.session);
            let mut waits = false;
            if let Some(blocked) = &session.blocked {
                let shard = blocked.shard;
                match blocked.stage {
                    Stage::Waiting => {
                        waits = true;
                        if blocked.until.is_some_and(|until| until <= self.now) {
                            self.time_out_held(id);
                            continue;
                        }
                        self.release_if_open(pool, shard);
                    }
                    Stage::Sent(_) if blocked.unblock.is_some() => self.ask_to_unblock(id),
                    Stage::Unblocking(_, since) => {
                        let limit = self.topology.pool(pool).config.timeouts.dead_after;
                        match blocked.upstream {
                            Some(upstream) if self.now.since(since) >= limit => {
                                self.lose(upstream, CloseReason::Deposed);
                            }
                            _ => waits = true,
                        }
                    }
                    Stage::Resolving(_) | Stage::Sent(_) => {}
                }
            }
            let Some(client) = self.clients.get(id) else { continue };
            let watch = client.session.transaction.as_ref().and_then(|t| t.watch.as_ref());
            if let Some(watch) = watch.filter(|w| client.held > 0 && self.hold.holds(id, w.shard)) {
                waits = true;
                let shard = watch.shard;
                self.release_if_open(pool, shard);
            }
            if waits && !self.waiting_pins.contains(&id) {
                self.waiting_pins.push(id);
            }
        }
    }

    fn release_if_open(&mut self, pool: PoolId, shard: ShardId) {
        if self.topology.pool(pool).shard(shard).writable() {
            self.release(pool, shard);
        }
    }
}
