//! What an upstream is asked before it serves, and again in doubt: who it is for, and what role its node has.
//!
//! A handshake is a list of entries in the upstream's own queue, so its answers are matched like any other's.
//! No write goes to an upstream on which ROLE was not seen to answer `master`.

use std::sync::Arc;

use super::Engine;
use super::action::{Action, CloseReason};
use super::busy::is_busy;
use super::links::PRIMARY_RETRY;
use super::profile::ProfileId;
use super::road::Tag;
use super::upstreams::{Expected, Lane, Owner, State, Step};
use crate::base::{ShardId, UpstreamId, next_random};
use crate::command::RowId;
use crate::failover::role_of;
use crate::resp::{self, Protocol, Value};
use crate::topology::{NodeFailure, Observation, Pool, SeenRole};

impl Engine {
    /// A node that was a replica has upstreams already when it is believed: ROLE is asked anew on each.
    pub(super) fn ask_believed(&mut self, pool: &Pool, shard: ShardId) {
        let Some(node) = pool.shard(shard).primary else { return };
        for id in self.upstreams_of(pool.id, node) {
            let Some(upstream) = self.upstreams.get_mut(id) else { continue };
            if upstream.is_ready()
                && upstream.lane != Lane::Subscriber
                && !upstream.may_write()
                && upstream.ask_role_at.is_none()
                && !upstream.asks_role()
            {
                self.ask(id, Step::Role, &["ROLE"]);
            }
        }
    }

    /// A handshake is a list of internal entries in the upstream's own queue; it ends with ROLE.
    pub(super) fn begin_handshake(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        upstream.state = State::Handshaking;
        let pool = Arc::clone(self.topology.pool(upstream.pool));
        let (profile, lane) = (upstream.profile, upstream.lane);
        let first = lane == Lane::Shared && upstream.profile_id == ProfileId::FIRST;
        let auth = &pool.config.auth;
        if let Some(password) = &auth.password {
            match &auth.username {
                Some(user) => self.ask(id, Step::Auth, &["AUTH", user, password.expose()]),
                None => self.ask(id, Step::Auth, &["AUTH", password.expose()]),
            }
        }
        if profile.protocol != Protocol::Resp2 {
            self.ask(id, Step::Hello, &["HELLO", &profile.protocol.number().to_string()]);
        }
        if profile.db > 0 {
            self.ask(id, Step::Select, &["SELECT", &profile.db.to_string()]);
        }
        self.ask(id, Step::NoEvict, &["CLIENT", "NO-EVICT", "ON"]);
        self.ask(id, Step::RunId, &["INFO", "server"]);
        if lane == Lane::Pinned {
            self.ask(id, Step::ClientId, &["CLIENT", "ID"]);
        }
        if first {
            self.ask(id, Step::Databases, &["CONFIG", "GET", "databases"]);
        }
        self.ask(id, Step::Role, &["ROLE"]);
    }

    /// Asks a node something on the engine's own behalf.
    pub(super) fn ask<W: AsRef<[u8]>>(&mut self, id: UpstreamId, step: Step, words: &[W]) {
        let mut request = core::mem::take(&mut self.scratch);
        request.clear();
        resp::command(&mut request, words);
        if let Some(upstream) = self.upstreams.get_mut(id) {
            let expected = Expected {
                owner: Owner::Own(step),
                length: request.len() as u32,
                row: RowId(0),
                attempts: 0,
                streamed: false,
            };
            upstream.queue(&request, expected, self.now, &mut self.buffers);
        }
        self.scratch = request;
        self.mark_upstream_dirty(id);
    }

    /// The answer to one of the engine's own questions.
    pub(super) fn own_answer(&mut self, id: UpstreamId, step: Step, reply: &[u8]) {
        let failed = reply.first() == Some(&b'-');
        if is_busy(reply) && self.own_busy(id, step, reply) {
            return;
        }
        match step {
            Step::NoEvict | Step::Ping | Step::Subscription => {}
            Step::Alive => self.note_alive(id),
            Step::CaughtUp => self.caught_up(id),
            Step::Databases => self.databases_told(id, reply),
            Step::Switch => self.switched(id, reply),
            Step::Offset(question) => self.offset_seen(id, question, reply),
            Step::RunId => self.run_id_seen(id, reply),
            Step::Unwatch if !failed => {}
            // Whoever runs it will hear that it is not there.
            Step::ScriptLoad if failed => {
                if let Some(upstream) = self.upstreams.get_mut(id) {
                    upstream.scripts.clear();
                }
            }
            Step::ScriptLoad => {}
            Step::ScriptExists => self.script_exists(id, reply),
            // A node that has no place left says so to the first thing that it is asked.
            Step::Auth | Step::Hello | Step::Select if reply.starts_with(b"-ERR max number of clients") => {
                self.refused(id, NodeFailure::Connect);
            }
            Step::Hello | Step::Select if failed && self.is_unusual(id) => self.refused_profile(id, reply),
            Step::Auth | Step::Hello | Step::Select if failed => self.refused(id, NodeFailure::Refused),
            Step::Auth | Step::Hello | Step::Select => {}
            Step::Role if failed && reply.starts_with(b"-LOADING") => self.refused(id, NodeFailure::Loading),
            Step::Role if failed => self.refused(id, NodeFailure::Refused),
            Step::Role => self.role_seen(id, reply),
            Step::ClientId => self.node_client_seen(id, reply),
            Step::Queued => self.queued(id, reply),
            Step::Unwatch => self.lose(id, CloseReason::Unpinned),
            Step::LastId => self.last_id_seen(id, reply),
            Step::Unblock(target) => self.unblock_answered(target, reply),
            Step::Popped => self.popped(id, reply),
        }
    }

    /// Which process answers on this connection. One that does not tell is another one on each connection:
    /// a scan that goes on by a connection made since begins the shard anew.
    fn run_id_seen(&mut self, id: UpstreamId, reply: &[u8]) {
        let random = next_random(&mut self.random);
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        let tag = Tag::of_info(reply).unwrap_or(Tag::new(random));
        upstream.tag = tag;
        let (pool, node, shard) = (upstream.pool, upstream.node, upstream.shard);
        let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) else { return };
        let before = core::mem::replace(&mut link.process, tag);
        if before != tag
            && before != Tag::default()
            && self.topology.pool(pool).shard(shard).primary == Some(node)
        {
            self.doubt_writes(pool, shard);
        }
    }

    fn refused(&mut self, id: UpstreamId, failure: NodeFailure) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, node) = (upstream.pool, upstream.node);
        self.actions.push_back(Action::Report(Observation::NodeFailed { pool, node, failure }));
        self.lose(id, CloseReason::Handshake);
    }

    fn is_unusual(&self, id: UpstreamId) -> bool {
        self.upstreams.get(id).is_some_and(|u| u.profile_id != ProfileId::FIRST)
    }

    /// What only some clients asked for is no fault of the node.
    fn refused_profile(&mut self, id: UpstreamId, reply: &[u8]) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, node, profile) = (upstream.pool, upstream.node, upstream.profile_id);
        self.profile_refused(pool, node, profile, reply);
        self.lose(id, CloseReason::Profile);
    }

    /// How many databases the node has. One that does not tell has an unknown number: what it has not is
    /// then refused when it is asked for.
    fn databases_told(&mut self, id: UpstreamId, reply: &[u8]) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let told = Value::parse(reply).ok().flatten().map(|(value, _)| value);
        let number = told.as_ref().and_then(|v| v.elements()?.get(1)?.text()?.parse().ok());
        if let Some(node) = self.topology.pool(upstream.pool).node(upstream.node) {
            node.facts.has_databases(number.unwrap_or(0));
        }
    }

    fn role_seen(&mut self, id: UpstreamId, reply: &[u8]) {
        let Some(role) = Value::parse(reply).ok().flatten().and_then(|(value, _)| role_of(&value)) else {
            return self.lose(id, CloseReason::BadReply);
        };
        let now = self.now;
        let Some(upstream) = self.upstreams.get_mut(id) else { return };
        if upstream.busy.take_if(|busy| busy.again).is_some() {
            // It was busy a moment ago, and may not have done what it was asked then.
            return self.greet_again(id);
        }
        upstream.busy = None;
        let (pool, node, shard) = (upstream.pool, upstream.node, upstream.shard);
        let primary = role == SeenRole::Primary;
        let first = upstream.state == State::Handshaking;
        let changed = first || upstream.may_write() != primary;
        if matches!(upstream.state, State::Handshaking | State::Ready { .. }) {
            upstream.state = State::Ready { primary };
        }
        let believed = self.topology.pool(pool).shard(shard).primary == Some(node);
        // A subscriber upstream follows what is believed: its node's role is nothing to it.
        let asks_again = believed && !primary && upstream.lane != Lane::Subscriber;
        upstream.ask_role_at = asks_again.then(|| now + PRIMARY_RETRY);
        if changed {
            self.actions.push_back(Action::Report(Observation::RoleSeen { pool, node, role }));
        }
        let rested = core::mem::take(&mut upstream.resting);
        self.judge_doubted(id, !primary);
        if primary {
            self.wake_streams();
        }
        if first {
            self.became_ready(id);
        } else {
            self.reroute(pool, shard);
        }
        if changed || rested {
            self.release(pool, shard);
        }
    }

    fn became_ready(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, node) = (upstream.pool, upstream.node);
        if let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) {
            link.told_failure = false;
        }
        self.link_up(id);
    }

    /// An upstream serves its profile and lane from now on.
    pub(super) fn link_up(&mut self, id: UpstreamId) {
        let Some(upstream) = self.upstreams.get(id) else { return };
        let (pool, node, shard, lane) = (upstream.pool, upstream.node, upstream.shard, upstream.lane);
        let profile = upstream.profile_id;
        let Some(link) = self.pools[usize::from(pool.0)].links.get_mut(&node) else { return };
        let ready = link.of_mut(profile);
        match lane {
            Lane::Shared if ready.shared.is_none() => ready.shared = Some(id),
            Lane::Shared => ready.spare.push(id),
            Lane::Slow if ready.slow.is_none() => ready.slow = Some(id),
            Lane::Slow => {}
            Lane::Bulk => {
                ready.bulk.push(id);
                self.wake_streams();
            }
            Lane::Subscriber => return self.feed_ready(id),
            Lane::Pinned => return self.pinned_ready(id),
            Lane::Asker => return self.asker_ready(id),
        }
        self.reroute(pool, shard);
    }
}
