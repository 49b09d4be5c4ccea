//! Commands that Ketch answers itself: `local` writes the answer, and what it means for the client is
//! carried out here.

use std::sync::Arc;

use super::local::{self, Args, Context, Effect};
use super::{Flow, request_spans};
use crate::base::ClientId;
use crate::command::Handling;
use crate::command::{Local, Row};
use crate::engine::Engine;
use crate::engine::clients::Mode;
use crate::engine::profile::Profile;
use crate::engine::questions::{Inquiry, Say, Whom};
use crate::exchange::Question;

/// What a client may say before it has authenticated, as in Redis.
pub(super) fn before_auth(row: &Row) -> bool {
    matches!(row.handling, Handling::Local(Local::Auth | Local::Hello | Local::Quit | Local::Reset))
}

impl Engine {
    pub(super) fn answer(&mut self, id: ClientId, local: Local, request: &[u8]) -> Flow {
        let mut reply = core::mem::take(&mut self.scratch);
        reply.clear();
        let args = core::mem::take(&mut self.args);
        let effect = self.local_answer(id, local, Args::new(request, &args), &mut reply);
        self.args = args;
        // CLIENT REPLY concerns its own reply, too.
        let mode = match effect {
            Effect::Replies(mode) => Some(mode),
            Effect::Reset => Some(Mode::On),
            _ => None,
        };
        if let (Some(mode), Some(client)) = (mode, self.clients.get_mut(id)) {
            client.replies.set_mode(mode);
        }
        if !reply.is_empty()
            && let Some(seq) = self.reserve(id)
        {
            self.give(id, seq, &reply);
        }
        self.scratch = reply;
        self.take_effect(id, effect, request.len());
        Flow::Taken
    }

    /// The answer to a command that stood in a block, and what it means for the client.
    pub(super) fn answer_within(&mut self, id: ClientId, local: Local, request: &[u8], out: &mut Vec<u8>) {
        let args = request_spans(request);
        let effect = self.local_answer(id, local, Args::new(request, &args), out);
        self.take_effect(id, effect, request.len());
    }

    /// Appends the answer of Ketch's own.
    fn local_answer(&mut self, id: ClientId, local: Local, args: Args<'_>, reply: &mut Vec<u8>) -> Effect {
        let Some(client) = self.clients.get(id) else { return Effect::None };
        let snapshot = Arc::clone(&self.topology);
        let session = &client.session;
        let context = Context {
            topology: &snapshot,
            pool: snapshot.pool(client.pool),
            listener: snapshot.listener(client.listener),
            facts: &self.facts,
            registry: &self.registry,
            client: local::Client {
                number: client.number,
                local: session.local,
                name: &session.name,
                authenticated: client.authenticated,
                protocol: client.profile.protocol,
            },
            now: self.now,
            wall: self.wall_at_origin + core::time::Duration::from_nanos(self.now.as_nanos()),
        };
        let start = reply.len();
        let effect = local::answer(local, &context, args, reply);
        if let Effect::Refused(label) = effect {
            let pool = &mut self.pools[usize::from(client.pool.0)];
            pool.counters.own_error(label);
            pool.counters.error(&reply[start..]);
            client.command.into_iter().for_each(|row| pool.waited.failed(row));
        }
        effect
    }

    /// Nothing was answered: what the workers say is the answer.
    fn ask_workers(&mut self, id: ClientId, inquiry: Inquiry, said: usize) {
        if let Some(seq) = self.reserve(id) {
            self.inquire(id, seq, inquiry, said);
        }
    }

    fn take_effect(&mut self, id: ClientId, effect: Effect, said: usize) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let session = &mut client.session;
        match effect {
            Effect::None | Effect::Refused(_) | Effect::Replies(_) => {}
            Effect::Ask(inquiry) => self.ask_workers(id, inquiry, said),
            Effect::NoEvict(on) => session.no_evict = on,
            Effect::NoTouch(on) => session.no_touch = on,
            Effect::Pause(paused) => {
                let pool = client.pool;
                self.pause(pool, paused);
                let question = Question::SeenPause { pool };
                self.ask_workers(id, Inquiry { question, to: Whom::All, say: Say::Ok }, said);
            }
            Effect::Unpause => {
                let pool = client.pool;
                self.unpause(pool);
            }
            Effect::Close => self.close_after_replies(id),
            Effect::SetName(name) => session.name = name,
            Effect::SetLibrary(lib_name) => session.lib_name = lib_name,
            Effect::SetLibraryVersion(version) => session.lib_version = version,
            Effect::Authenticated(user) => {
                session.user = Some(user);
                client.authenticated = true;
            }
            Effect::Selected(db) => {
                let profile = Profile { db, ..client.profile };
                self.set_profile(id, profile);
            }
            Effect::Reset => self.reset_client(id),
            Effect::Greeted { protocol, user, name } => {
                if let Some(name) = name {
                    session.name = name;
                }
                if let Some(user) = user {
                    session.user = Some(user);
                    client.authenticated = true;
                }
                let profile = Profile { protocol, ..client.profile };
                self.set_profile(id, profile);
            }
        }
    }

    /// RESET: whatever a client said about itself and its connection is forgotten, but for its library, as
    /// in Redis. What was asked before is still answered, in the form in which it was asked.
    pub(in crate::engine) fn reset_client(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        let pool = Arc::clone(self.topology.pool(client.pool));
        client.session.name = Vec::new();
        client.session.user = None;
        (client.session.no_evict, client.session.no_touch) = (false, false);
        client.replies.set_mode(Mode::On);
        client.authenticated = pool.config.users.is_empty();
        let subscriber = client.session.subscriber.take();
        client.subscribed = false;
        let monitored = client.session.monitor.take().is_some();
        if monitored {
            self.end_monitoring(pool.id, id);
        }
        if let Some(subscriber) = subscriber {
            self.end_subscriptions(id, pool.id, &subscriber);
        }
        self.forget_transaction(id);
        self.set_profile(id, Profile::of(&pool.config));
    }
}
