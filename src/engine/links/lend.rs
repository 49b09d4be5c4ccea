//! Profiles beyond the first: their upstreams are made when somebody asks for them, and closed when nobody
//! has for a while. Where a node may have no more, one upstream serves several databases in turn.
//!
//! ```text
//!   db 0: GET a ─► GET b ─► SELECT 3 ─┐                      (nothing is put behind a SELECT)
//!   db 3: (held)                      └─ +OK ─► SET c ─► GET c ─► SELECT 0 ─┐
//!   db 0: (held)                                                            └─ +OK ─► GET d
//! ```
//!
//! Nothing goes behind the SELECT before it is answered: a node may refuse it (it has no such database, a
//! script keeps it busy), and what came behind would run in the wrong one.

use core::time::Duration;
use std::sync::Arc;

use crate::base::{ClientId, NodeId, PoolId, ShardId, Time, UpstreamId};
use crate::engine::Engine;
use crate::engine::action::CloseReason;
use crate::engine::busy::is_busy;
use crate::engine::profile::{Profile, ProfileId};
use crate::engine::upstreams::{Lane, State, Step, Upstream};

/// Upstreams of unusual profiles are closed when nobody has asked them anything for so long.
const UNASKED: Duration = Duration::from_secs(30);
/// A replica that lacks a database is not asked for it again before.
const REFUSED: Duration = Duration::from_secs(30);

impl Engine {
    /// What a client's next request needs is another database, or another version of the protocol.
    pub(in crate::engine) fn set_profile(&mut self, id: ClientId, profile: Profile) {
        let Some(client) = self.clients.get_mut(id) else { return };
        if client.profile == profile {
            return;
        }
        let state = &mut self.pools[usize::from(client.pool.0)];
        let number = state.number(profile);
        state.begin_use(number);
        state.end_use(core::mem::replace(&mut client.profile_id, number));
        client.profile = profile;
    }

    /// A request begins to wait for an upstream of its profile: one is made. Where none can be, whoever waits
    /// longest is lent one first.
    pub(in crate::engine) fn ask_for(&mut self, pool: PoolId, shard: ShardId, profile: ProfileId) {
        self.pools[usize::from(pool.0)].routes_mut(profile, shard).asked = true;
        self.connect_shard(&Arc::clone(self.topology.pool(pool)), shard);
        self.release(pool, shard);
    }

    /// Requests wait for an upstream of their profile: it is made, or lent.
    pub(in crate::engine) fn want(&mut self, pool: PoolId, shard: ShardId, profile: ProfileId, read: bool) {
        self.pools[usize::from(pool.0)].routes_mut(profile, shard).asked = true;
        let snapshot = Arc::clone(self.topology.pool(pool));
        for node in snapshot.members(shard) {
            if !Self::wanted(&self.topology, &snapshot, node) {
                continue;
            }
            self.connect_shared(pool, node.id, profile);
            if read || snapshot.shard(shard).primary == Some(node.id) {
                self.lend(pool, node.id, profile);
            }
        }
    }

    /// Whether a node has as many upstreams as it may, or as many shared ones as leave room for other lanes:
    /// then further databases are lent one in turn.
    pub(super) fn lends(&self, pool: PoolId, node: NodeId, profile: Profile) -> bool {
        let state = &self.pools[usize::from(pool.0)];
        let limit = self.topology.pool(pool).config.limits.max_upstreams;
        let full = state.links.get(&node).is_some_and(|link| link.count >= limit);
        let shared =
            |(_, u): &(UpstreamId, &Upstream)| u.pool == pool && u.node == node && u.lane == Lane::Shared;
        full || (profile != state.profile(ProfileId::FIRST)
            && self.upstreams.iter().filter(shared).count() * 2 >= limit)
    }

    /// Where a node may have no more shared upstreams, one of another database is given this one, behind all
    /// that it owes.
    fn lend(&mut self, pool: PoolId, node: NodeId, to: ProfileId) {
        let state = &self.pools[usize::from(pool.0)];
        let Some(link) = state.links.get(&node) else { return };
        let served = link.of(to).is_some_and(|ready| ready.shared.is_some());
        let profile = state.profile(to);
        if served || !self.lends(pool, node, profile) || self.is_coming(pool, node, to) {
            return;
        }
        let Profile { db, protocol } = profile;
        let fits = self.upstreams.iter::<UpstreamId>().filter(|(_, u)| {
            let mine = u.pool == pool && u.node == node && u.lane == Lane::Shared;
            mine && u.profile.protocol == protocol && u.takes_more()
        });
        let Some((id, _)) = fits.min_by_key(|(_, u)| (u.expected.len(), u.last_byte)) else { return };
        if let Some(upstream) = self.upstreams.get_mut(id) {
            upstream.switching = Some(to);
        }
        self.unlink(id);
        self.ask(id, Step::Switch, &["SELECT", &db.to_string()]);
    }

    /// A client's own upstream goes with it to another profile, behind all that it owes.
    pub(in crate::engine) fn switch_own(&mut self, id: UpstreamId, to: ProfileId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        if !upstream.takes_more() {
            return;
        }
        upstream.switching = Some(to);
        let had = upstream.profile.protocol;
        let Profile { db, protocol } = self.pools[usize::from(upstream.pool.0)].profile(to);
        if protocol != had {
            self.ask(id, Step::Hello, &["HELLO", &protocol.number().to_string()]);
        }
        self.ask(id, Step::Switch, &["SELECT", &db.to_string()]);
    }

    /// The answer to a SELECT with which an upstream was lent: all behind it is of the other database.
    pub(in crate::engine) fn switched(&mut self, id: UpstreamId, reply: &[u8]) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let Some(to) = upstream.switching.take() else { return };
        let (pool, node, shard) = (upstream.pool, upstream.node, upstream.shard);
        let refused = reply.first() == Some(&b'-');
        if !refused {
            upstream.profile_id = to;
            upstream.profile = self.pools[usize::from(pool.0)].profile(to);
        }
        if matches!(upstream.state, State::Ready { .. }) && !upstream.private {
            self.link_up(id);
        }
        if refused {
            self.profile_refused(pool, node, to, reply);
        }
        self.release(pool, shard);
    }

    /// A node does not have a database or version of the protocol. If it is the primary, its words are the
    /// answer to whatever waits for that.
    pub(in crate::engine) fn profile_refused(
        &mut self,
        pool: PoolId,
        node: NodeId,
        profile: ProfileId,
        reply: &[u8],
    ) {
        let until = self.now + REFUSED;
        let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) else { return };
        let shard = link.shard;
        if self.topology.pool(pool).shard(shard).primary != Some(node) {
            // One that a script keeps busy has not said that it lacks anything.
            if !is_busy(reply) {
                link.of_mut(profile).refused_until = Some(until);
            }
            return;
        }
        if profile != ProfileId::FIRST {
            self.pools[usize::from(pool.0)].routes_mut(profile, shard).asked = false;
        }
        self.answer_unsent(pool, shard, profile, reply);
    }

    /// Closes upstreams of profiles that nobody has asked for a while, and forgets profiles without users.
    pub(in crate::engine) fn expire_profiles(&mut self) {
        for pool in 0..self.pools.len() {
            let pool_id = PoolId(pool as u16);
            for profile in self.pools[pool].profile_ids().into_iter().skip(1) {
                for shard in 0..self.pools[pool].believed.len() {
                    self.expire_unasked(pool_id, ShardId(shard as u16), profile);
                }
                let mut upstreams = self.upstreams.iter::<UpstreamId>();
                let has = upstreams.any(|(_, u)| {
                    u.pool == pool_id && (u.profile_id == profile || u.switching == Some(profile))
                });
                if !has && !self.pools[pool].is_used(profile) {
                    self.pools[pool].forget_profile(profile);
                }
            }
        }
    }

    fn expire_unasked(&mut self, pool: PoolId, shard: ShardId, profile: ProfileId) {
        let mine = self.upstreams.iter::<UpstreamId>().filter(|(_, u)| {
            let lane = u.lane.is_counted();
            lane && u.pool == pool && u.shard == shard && u.profile_id == profile
        });
        let (mut ids, mut last, mut idle) = (Vec::new(), Time::ZERO, true);
        for (id, upstream) in mine {
            ids.push(id);
            last = last.max(upstream.last_byte);
            idle &= upstream.is_ready() && upstream.expected.is_empty();
        }
        let state = &mut self.pools[usize::from(pool.0)];
        let over = if ids.is_empty() { !state.is_used(profile) } else { idle && last + UNASKED <= self.now };
        if over {
            state.routes_mut(profile, shard).asked = false;
            ids.into_iter().for_each(|id| self.lose(id, CloseReason::Spare));
        }
    }

    /// Whether `expire_profiles` may have something to do.
    pub(in crate::engine) fn has_unusual_profiles(&self) -> bool {
        self.pools.iter().any(|pool| pool.has_unusual())
    }
}
