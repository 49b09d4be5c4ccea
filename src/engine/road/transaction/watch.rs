//! WATCH: on an upstream that the client has for itself until EXEC, DISCARD or UNWATCH, and on which all goes
//! that the client asks of that shard meanwhile.

use super::OK;
use crate::base::{ClientId, PoolId, ShardId, UpstreamId};
use crate::command::{self, Handling, Row, Transaction};
use crate::config::ReadPolicy;
use crate::engine::Engine;
use crate::engine::clients::pinned::Watch;
use crate::engine::profile::ProfileId;
use crate::engine::road::error_reply::ErrorReply;
use crate::engine::road::hold::Why;
use crate::engine::road::pin::For;
use crate::engine::road::{Flow, HeldOwner};
use crate::resp;
use crate::topology::Gate;

impl Engine {
    pub(super) fn watch(&mut self, id: ClientId, pool: PoolId, row: &'static Row, request: &[u8]) -> Flow {
        let shard = match self.one_shard(pool, row, request) {
            Ok(shard) => shard,
            Err(error) => return self.refuse_shard(id, pool, error),
        };
        let Some(client) = self.clients.get_mut(id) else { return Flow::Taken };
        match client.session.transaction.as_ref().and_then(|begun| begun.watch.as_ref()) {
            Some(watch) if watch.shard != shard => {
                return self.refuse(id, ErrorReply::CrossSlot { pool: &self.pool_name(pool) });
            }
            // Its EXEC will do nothing anyhow.
            Some(watch) if watch.broken => return self.say(id, OK),
            Some(_) => {}
            None => {
                if self.must_wait_unread(id, pool, shard, false) {
                    return Flow::NotNow;
                }
                if !self.reserve_pin(pool) {
                    let limit = self.topology.pool(pool).config.limits.max_pinned;
                    return self.refuse(id, ErrorReply::MaxPinned { pool: &self.pool_name(pool), limit });
                }
                if let Some(client) = self.clients.get_mut(id) {
                    client.begun().watch =
                        Some(Watch { shard, upstream: None, keys: 0, sent: false, broken: false });
                    client.watching = true;
                }
            }
        }
        if let Some(watch) = self.clients.get_mut(id).and_then(|client| client.begun().watch.as_mut()) {
            watch.keys += self.args.len() - 1;
        }
        let Some(seq) = self.reserve(id) else { return Flow::Taken };
        let owner = HeldOwner::Client { client: id, seq };
        let Some((held, profile)) = self.clients.get(id).map(|c| (c.held, c.profile_id)) else {
            return Flow::Taken;
        };
        let behind = held > 0 && self.hold.holds(id, shard);
        match if behind { Err(Why::Behind) } else { self.pin(id, pool, shard, profile, For::Watch) } {
            Ok(upstream) => self.send_watch(upstream, owner, row, request, 0),
            Err(why) => {
                self.keep(owner, pool, shard, row, request, 0, why);
                self.wait_for_pin(id);
            }
        }
        Flow::Taken
    }

    pub(in crate::engine::road) fn send_watch(
        &mut self,
        upstream: UpstreamId,
        owner: HeldOwner,
        row: &'static Row,
        request: &[u8],
        attempts: u8,
    ) {
        if let Some(client) = self.clients.get_mut(owner.client())
            && let Some(watch) = client.begun().watch.as_mut()
        {
            watch.sent = true;
        }
        self.enqueue(upstream, owner, row, request, attempts);
    }

    pub(super) fn unwatch(&mut self, id: ClientId) -> Flow {
        self.forget_transaction(id);
        self.say(id, OK)
    }

    /// The upstream on which a client watches is lost. What was put on it is judged like any other request;
    /// an EXEC that is held can be answered now.
    pub(in crate::engine::road) fn watch_lost(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let protocol = client.profile.protocol;
        let Some(watch) = client.session.transaction.as_mut().and_then(|begun| begun.watch.as_mut()) else {
            return;
        };
        watch.upstream = None;
        watch.broken |= watch.sent;
        let (shard, broken) = (watch.shard, watch.broken);
        self.wait_for_pin(id);
        if !broken {
            return;
        }
        let mut nothing = Vec::new();
        resp::null_array(&mut nothing, protocol);
        for number in self.hold.of_client_and_shard(id, shard) {
            let row = self.hold.get(number).map(|held| command::row(held.row).handling);
            let reply = match row {
                Some(Handling::Transaction(Transaction::Exec)) => &nothing[..],
                Some(Handling::Transaction(Transaction::Watch)) => OK,
                _ => continue,
            };
            if let Some(held) = self.unhold(number) {
                self.release(held.pool, shard);
                self.answer_owner(held.owner, reply);
            }
        }
    }

    /// What was to be watched need not be any more, before it ever was.
    pub(super) fn answer_held_watches(&mut self, id: ClientId, shard: ShardId) {
        for number in self.hold.of_client_and_shard(id, shard) {
            let row = self.hold.get(number).map(|held| command::row(held.row).handling);
            if row == Some(Handling::Transaction(Transaction::Watch))
                && let Some(held) = self.unhold(number)
            {
                // What stood behind it may go.
                self.release(held.pool, shard);
                self.answer_owner(held.owner, OK);
            }
        }
    }

    /// By which upstream a client's request goes while it watches keys: those of the watched shard by its
    /// own, others to the primary.
    pub(in crate::engine::road) fn choose_watching(
        &mut self,
        id: ClientId,
        pool: PoolId,
        shard: ShardId,
        profile: ProfileId,
        is_read: bool,
    ) -> Result<UpstreamId, Why> {
        let Some(client) = self.clients.get(id) else { return Err(Why::Behind) };
        let road = client.roads.get(shard);
        let watch = client.session.transaction.as_ref().and_then(|begun| begun.watch.as_ref());
        let own = watch.filter(|watch| watch.shard == shard).and_then(|watch| watch.upstream);
        let Some(own) = own else {
            return self.choose_now(road, pool, shard, profile, is_read, ReadPolicy::Primary);
        };
        if road.is_some_and(|road| road != own) {
            return Err(Why::RoadBusy);
        }
        let believed = self.topology.pool(pool).shard(shard);
        match (self.upstreams.get(own), believed.gate) {
            (_, Gate::Held { reason, .. }) if !is_read => Err(Why::Shard(reason)),
            _ if !is_read && self.subscribes_first(pool, shard) => Err(Why::Connecting),
            (Some(u), _) if u.profile_id != profile => {
                self.switch_own(own, profile);
                Err(Why::Pinning)
            }
            (Some(u), _) if u.takes_more() && believed.primary == Some(u.node) && u.may_write() => Ok(own),
            _ => Err(Why::Pinning),
        }
    }
}
