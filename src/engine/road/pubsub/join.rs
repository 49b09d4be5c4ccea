//! SUBSCRIBE and UNSUBSCRIBE of a client, from its request to its confirmation.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::Flow;
use crate::base::{ClientId, PoolId, ShardId};
use crate::command::{Row, Topic};
use crate::engine::Engine;
use crate::engine::action::CloseReason;
use crate::engine::clients::Pause;
use crate::engine::clients::subscriber::{Name, Pending, Subscriber, Waiting};
use crate::engine::road::HeldOwner;
use crate::engine::road::error_reply::ErrorReply;
use crate::resp::{self, Protocol};

impl Engine {
    pub(super) fn subscribe(
        &mut self,
        id: ClientId,
        pool: PoolId,
        row: &'static Row,
        topic: Topic,
        request: &[u8],
    ) -> Flow {
        let Some(client) = self.clients.get_mut(id) else { return Flow::Taken };
        if client.replies.owed() > 0 {
            client.pause.set(Pause::TURN);
            return Flow::NotNow;
        }
        let subscriber = client.session.subscriber.get_or_insert_default();
        let bytes = self.args.iter().skip(1).map(|arg| arg.len as usize).sum();
        if !subscriber.has_room(self.args.len() - 1, bytes) {
            self.forget_if_empty(id);
            return self.refuse(id, ErrorReply::TooManySubscriptions);
        }
        let interests = &self.pools[usize::from(pool.0)].subscriptions.interests;
        let names: Vec<Name> =
            self.args.iter().skip(1).map(|arg| interests.name(topic, arg.of(request))).collect();
        let unique: BTreeSet<Name> = names.iter().cloned().collect();
        let new: Vec<Name> =
            unique.iter().filter(|name| interests.get(topic, name).is_none()).cloned().collect();
        for name in &new {
            let shards = self.shards_of(pool, topic, name);
            self.pools[usize::from(pool.0)].subscriptions.interests.insert(topic, Arc::clone(name), shards);
        }
        let interests = &mut self.pools[usize::from(pool.0)].subscriptions.interests;
        let mut missing = BTreeSet::new();
        for name in unique {
            if let Some(interest) = interests.get_mut(topic, &name) {
                interest.joining.insert(id);
                if !interest.is_on() {
                    missing.insert(name);
                }
            }
        }
        let asked: Vec<Name> = missing.iter().cloned().collect();
        self.wait_for_nodes(id, pool, topic, missing, Waiting::Join { row, names });
        for name in &new {
            self.stand(pool, topic, name);
        }
        for name in &asked {
            self.drive(pool, topic, name);
        }
        self.answer_if_settled(id);
        Flow::Taken
    }

    /// A new name stands with its shards.
    fn stand(&mut self, pool: PoolId, topic: Topic, name: &Name) {
        let interests = &self.pools[usize::from(pool.0)].subscriptions.interests;
        let shards: Vec<ShardId> = interests.get(topic, name).into_iter().flat_map(|i| i.shards()).collect();
        for shard in shards {
            self.feed_gained(pool, shard);
        }
    }

    pub(super) fn unsubscribe(
        &mut self,
        id: ClientId,
        pool: PoolId,
        row: &'static Row,
        topic: Topic,
        request: &[u8],
    ) -> Flow {
        let Some(client) = self.clients.get_mut(id) else { return Flow::Taken };
        if client.replies.owed() > 0 {
            client.pause.set(Pause::TURN);
            return Flow::NotNow;
        }
        let protocol = client.profile.protocol;
        let subscriber = client.session.subscriber.get_or_insert_default();
        let names: Vec<Name> = match self.args.len() {
            1 => subscriber.names(topic).cloned().collect(),
            _ => self.args.iter().skip(1).map(|arg| arg.of(request).into()).collect(),
        };
        let mut reply = Vec::new();
        let mut left: Vec<Name> = Vec::new();
        for name in names {
            if subscriber.remove(topic, &name) {
                left.push(Arc::clone(&name));
            }
            confirm(&mut reply, protocol, row, Some(&name), subscriber.count(topic));
        }
        if reply.is_empty() {
            confirm(&mut reply, protocol, row, None, subscriber.count(topic));
        }
        client.subscribed = !subscriber.is_empty();
        let missing = left.iter().cloned().collect();
        self.wait_for_nodes(id, pool, topic, missing, Waiting::Leave { reply });
        for name in &left {
            self.leave_name(id, pool, topic, name, true);
        }
        self.answer_if_settled(id);
        Flow::Taken
    }

    /// A client has one subscription less; `waits`: it hears when nodes know it, too.
    fn leave_name(&mut self, id: ClientId, pool: PoolId, topic: Topic, name: &[u8], waits: bool) {
        self.topology.pool(pool).facts.subscribers.client_left(topic, name);
        let interests = &mut self.pools[usize::from(pool.0)].subscriptions.interests;
        if let Some(interest) = interests.get_mut(topic, name) {
            interest.clients.remove(&id);
            if waits {
                interest.leaving.push(id);
            }
        }
        self.drive(pool, topic, name);
    }

    /// The client is not parsed until its request is answered.
    fn wait_for_nodes(
        &mut self,
        id: ClientId,
        pool: PoolId,
        topic: Topic,
        missing: BTreeSet<Name>,
        what: Waiting,
    ) {
        let Some(seq) = self.reserve(id) else { return };
        let (since, until) = (self.now, self.now + self.topology.pool(pool).hold);
        let Some(client) = self.clients.get_mut(id) else { return };
        client.pause.set(Pause::TURN);
        if let Some(subscriber) = client.session.subscriber.as_mut() {
            subscriber.pending = Some(Pending { seq, topic, missing, since, until, what });
            self.pools[usize::from(pool.0)].subscriptions.pending.insert((until, id));
        }
        self.due_by(until);
    }

    /// The nodes have said what a client's request waited for about one name.
    pub(super) fn name_settled(&mut self, id: ClientId, topic: Topic, name: &[u8]) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let subscriber = client.session.subscriber.as_mut();
        let Some(pending) = subscriber.and_then(|s| s.pending.as_mut()).filter(|p| p.topic == topic) else {
            return;
        };
        if pending.missing.remove(name) && pending.missing.is_empty() {
            self.answer_if_settled(id);
        }
    }

    fn answer_if_settled(&mut self, id: ClientId) {
        let Some(pending) = self.take_pending(id, |pending| pending.missing.is_empty()) else { return };
        if let Some(client) = self.clients.get_mut(id) {
            client.replies.is_pushed(pending.seq);
        }
        match pending.what {
            Waiting::Leave { reply } => {
                self.forget_if_empty(id);
                self.give(id, pending.seq, &reply);
            }
            Waiting::Join { row, names } => {
                let reply = self.subscribed_now(id, pending.topic, row, names);
                self.give(id, pending.seq, &reply);
            }
        }
    }

    fn take_pending(&mut self, id: ClientId, when: impl Fn(&Pending) -> bool) -> Option<Pending> {
        let client = self.clients.get_mut(id)?;
        let pending = client.session.subscriber.as_mut()?.pending.take_if(|pending| when(pending))?;
        self.pools[usize::from(client.pool.0)].subscriptions.pending.remove(&(pending.until, id));
        Some(pending)
    }

    /// From now on a client gets the messages of these; the confirmation that it is told first.
    fn subscribed_now(&mut self, id: ClientId, topic: Topic, row: &Row, names: Vec<Name>) -> Vec<u8> {
        let mut reply = Vec::new();
        let Some(client) = self.clients.get_mut(id) else { return reply };
        let protocol = client.profile.protocol;
        client.subscribed = true;
        let subscribers = &self.topology.pool(client.pool).facts.subscribers;
        let interests = &mut self.pools[usize::from(client.pool.0)].subscriptions.interests;
        let Some(subscriber) = client.session.subscriber.as_mut() else { return reply };
        for name in names {
            if let Some(interest) = interests.get_mut(topic, &name) {
                interest.joining.remove(&id);
                interest.clients.insert(id);
            }
            if subscriber.add(topic, Arc::clone(&name)) {
                subscribers.client_joined(topic, &name);
            }
            confirm(&mut reply, protocol, row, Some(&name), subscriber.count(topic));
        }
        reply
    }

    /// A node does not want to be subscribed to: whoever asks is told in its own words. Those who were
    /// subscribed before (this is another node, or its rules have changed) would miss messages without
    /// knowing: they are closed, and hear the reason when they ask anew.
    pub(super) fn subscription_refused(
        &mut self,
        pool: PoolId,
        topic: Topic,
        name: &[u8],
        shard: ShardId,
        error: &[u8],
    ) {
        let interests = &mut self.pools[usize::from(pool.0)].subscriptions.interests;
        let Some(interest) = interests.get_mut(topic, name) else { return };
        interest.set_place(shard, super::interests::Place::Wanted);
        let joining: Vec<ClientId> = interest.joining.iter().copied().collect();
        let clients: Vec<ClientId> = interest.clients.iter().copied().collect();
        for id in joining {
            let Some(pending) = self.take_pending(id, |_| true) else { continue };
            self.pools[usize::from(pool.0)].counters.error(error);
            self.join_no_more(id, pool, &pending);
            self.give(id, pending.seq, error);
        }
        for id in clients {
            self.close_client(id, CloseReason::SubscriptionRefused);
        }
        self.drive(pool, topic, name);
    }

    /// What a client's request waited for will not come: it is not interested in what it asked for.
    fn join_no_more(&mut self, id: ClientId, pool: PoolId, pending: &Pending) {
        if let Waiting::Join { names, .. } = &pending.what {
            for name in names {
                let interests = &mut self.pools[usize::from(pool.0)].subscriptions.interests;
                if let Some(interest) = interests.get_mut(pending.topic, name) {
                    interest.joining.remove(&id);
                }
                self.drive(pool, pending.topic, name);
            }
        }
        self.forget_if_empty(id);
    }

    fn forget_if_empty(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && client.session.subscriber.as_ref().is_some_and(|s| s.is_empty() && s.pending.is_none())
        {
            client.session.subscriber = None;
        }
    }

    /// Requests about subscriptions that have waited as long as a request may be held.
    pub(super) fn expire_pending(&mut self, pool: PoolId) {
        while let Some((until, id)) = self.pools[usize::from(pool.0)].subscriptions.pending.first().copied()
            && until <= self.now
        {
            self.pools[usize::from(pool.0)].subscriptions.pending.remove(&(until, id));
            let Some(pending) = self.take_pending(id, |_| true) else { continue };
            let owner = HeldOwner::Client { client: id, seq: pending.seq };
            let shard = self.missing_shard(pool, &pending);
            let since = pending.since;
            match &pending.what {
                Waiting::Join { .. } => {
                    self.join_no_more(id, pool, &pending);
                    self.refuse_held(owner, pool, shard, since);
                }
                // That no node has it any more is as good as sure: a node that can't be reached has lost
                // its subscriber.
                Waiting::Leave { reply } => {
                    self.forget_if_empty(id);
                    self.give(id, pending.seq, reply);
                }
            }
        }
    }

    /// A shard that a request waits for.
    fn missing_shard(&self, pool: PoolId, pending: &Pending) -> ShardId {
        let interests = &self.pools[usize::from(pool.0)].subscriptions.interests;
        let missing = pending.missing.iter().filter_map(|name| interests.get(pending.topic, name));
        missing.filter_map(|interest| interest.waits_for()).next().unwrap_or(ShardId(0))
    }

    /// A client's subscriptions end with it, or because it said so; it is told nothing.
    pub(in crate::engine) fn end_subscriptions(
        &mut self,
        id: ClientId,
        pool: PoolId,
        subscriber: &Subscriber,
    ) {
        if let Some(pending) = &subscriber.pending {
            self.pools[usize::from(pool.0)].subscriptions.pending.remove(&(pending.until, id));
            self.join_no_more(id, pool, pending);
        }
        for (topic, name) in subscriber.all() {
            self.leave_name(id, pool, topic, &name, false);
        }
    }
}

/// One confirmation, as Redis writes it.
fn confirm(out: &mut Vec<u8>, protocol: Protocol, row: &Row, name: Option<&[u8]>, count: usize) {
    resp::push(out, protocol, 3);
    resp::bulk(out, row.name.as_bytes());
    match name {
        Some(name) => resp::bulk(out, name),
        None => resp::null(out, protocol),
    }
    resp::integer(out, count as i64);
}
