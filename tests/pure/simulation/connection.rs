//! What a node remembers of one connection: a block since MULTI, keys that are watched, a command that
//! blocks. A list is kept as its elements one behind the other: `<1><2>`.

use std::collections::BTreeMap;
use std::time::Duration;

use ketch::internals::base::{Time, UpstreamId};
use ketch::internals::resp::{array, command, error, integer, null_array, simple};

use super::node::{BUSY, Mood, Node, READONLY, Request, Talk, is_write};
use super::sent::note_executed;
use super::world::World;

#[derive(Default)]
pub(crate) struct Connection {
    /// What CLIENT ID answers.
    pub(crate) number: u64,
    pub(crate) talk: Talk,
    block: Option<Vec<Request>>,
    dirty: bool,
    /// Keys and how often they had been changed.
    watched: BTreeMap<Vec<u8>, u64>,
    pub(crate) blocked: Option<Blocked>,
}

pub(crate) struct Blocked {
    key: Vec<u8>,
    /// Who blocked first is served first.
    order: u64,
    until: Option<Time>,
}

impl Connection {
    pub(crate) fn new(number: u64) -> Connection {
        Connection { number, ..Connection::default() }
    }
}

const FORCED: &str =
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";

fn name(request: &Request) -> String {
    String::from_utf8_lossy(&request[0]).to_ascii_uppercase()
}

/// The first element of a list, which is taken from it.
fn pop(node: &mut Node, key: &[u8]) -> Option<Vec<u8>> {
    let list = node.data.get_mut(key)?;
    let end = list.iter().position(|b| *b == b'>')? + 1;
    let element: Vec<u8> = list.drain(..end).collect();
    if list.is_empty() {
        node.data.remove(key);
    }
    Some(element)
}

impl World {
    /// A node reads one request of a connection.
    pub(crate) fn hear(&mut self, site: usize, id: UpstreamId, request: &Request) {
        let Some(end) = self.sites[site].upstreams.get_mut(&id) else { return };
        let (node, connection) = (end.node, &mut end.connection);
        assert!(connection.blocked.is_none(), "{} was sent behind what blocks", name(request));
        let mut reply = Vec::new();
        match name(request).as_str() {
            "MULTI" => {
                connection.block = Some(Vec::new());
                connection.dirty = false;
                simple(&mut reply, "OK");
            }
            "EXEC" => return self.hear_exec(site, id),
            "WATCH" => {
                let versions = &self.nodes[node].versions;
                for key in &request[1..] {
                    connection.watched.insert(key.clone(), versions.get(key).copied().unwrap_or(0));
                }
                simple(&mut reply, "OK");
            }
            "UNWATCH" => {
                connection.watched.clear();
                simple(&mut reply, "OK");
            }
            "CLIENT" if request[1] == b"ID" => integer(&mut reply, connection.number as i64),
            "CLIENT" if request[1] == b"UNBLOCK" && self.nodes[node].mood == Mood::Busy => {
                error(&mut reply, BUSY.as_bytes());
            }
            "CLIENT" if request[1] == b"UNBLOCK" => {
                let number = String::from_utf8_lossy(&request[2]).parse().unwrap();
                let found = self.unblock(node, number, request[3] == b"ERROR");
                integer(&mut reply, i64::from(found));
            }
            _ if connection.block.is_some() => return self.hear_queued(site, id, request),
            "BLPOP" => return self.hear_blpop(site, id, request),
            _ => return self.hear_plain(site, id, request),
        }
        end_of(self, site, id).say(&reply);
    }

    fn hear_plain(&mut self, site: usize, id: UpstreamId, request: &Request) {
        let end = end_of(self, site, id);
        let (node, mut talk) = (end.node, end.connection.talk);
        let done = self.nodes[node].execute(&mut talk, request);
        end_of(self, site, id).connection.talk = talk;
        note_executed(&mut self.ledger, request, &done);
        end_of(self, site, id).answer(&done.reply, done.role);
        self.changed(node, &done.changed);
    }

    fn hear_queued(&mut self, site: usize, id: UpstreamId, request: &Request) {
        let node = end_of(self, site, id).node;
        let node = &self.nodes[node];
        let refusal = match () {
            () if node.mood == Mood::Loading => Some("LOADING Redis is loading the dataset in memory"),
            () if node.mood == Mood::Busy => Some(BUSY),
            () if is_write(&name(request)) && !node.master => Some(READONLY),
            () => None,
        };
        let mut reply = Vec::new();
        match refusal {
            Some(text) => error(&mut reply, text.as_bytes()),
            None => simple(&mut reply, "QUEUED"),
        }
        let end = end_of(self, site, id);
        end.connection.dirty |= refusal.is_some();
        end.connection.block.as_mut().unwrap().push(request.clone());
        end.say(&reply);
    }

    fn hear_exec(&mut self, site: usize, id: UpstreamId) {
        let end = end_of(self, site, id);
        let (index, dirty, talk) = (end.node, end.connection.dirty, end.connection.talk);
        let block = end.connection.block.take().expect("EXEC behind MULTI");
        let watched = core::mem::take(&mut end.connection.watched);
        let node = &mut self.nodes[index];
        let touched = watched.iter().any(|(key, version)| node.versions.get(key).unwrap_or(&0) != version);
        let demoted = !node.master && block.iter().any(|request| is_write(&name(request)));
        let (mut reply, mut changed) = (Vec::new(), Vec::new());
        let busy = node.mood == Mood::Busy;
        let refused = busy || dirty || demoted;
        match () {
            () if busy => {
                let text = format!("EXECABORT Transaction discarded because of: {BUSY}");
                error(&mut reply, text.as_bytes());
            }
            () if dirty => error(&mut reply, b"EXECABORT Transaction discarded because of previous errors."),
            () if demoted => {
                let text = format!("EXECABORT Transaction discarded because of: {READONLY}");
                error(&mut reply, text.as_bytes());
            }
            () if touched => null_array(&mut reply, talk.protocol),
            () => {
                array(&mut reply, block.len());
                for request in &block {
                    let done = node.run(talk, request);
                    note_executed(&mut self.ledger, request, &done);
                    reply.extend_from_slice(&done.reply);
                    changed.extend(done.changed);
                }
            }
        }
        if refused {
            for request in &block {
                let refused = super::node::Done { refused: true, ..super::node::Done::default() };
                note_executed(&mut self.ledger, request, &refused);
            }
        }
        end_of(self, site, id).say(&reply);
        self.changed(index, &changed);
    }

    fn hear_blpop(&mut self, site: usize, id: UpstreamId, request: &Request) {
        let node = end_of(self, site, id).node;
        if matches!(self.nodes[node].mood, Mood::Loading | Mood::Busy) || !self.nodes[node].master {
            return self.hear_plain(site, id, request);
        }
        let key = request[1].clone();
        if let Some(element) = pop(&mut self.nodes[node], &key) {
            let mut reply = Vec::new();
            command(&mut reply, &[&key, &element]);
            end_of(self, site, id).say(&reply);
            return self.changed(node, &[key]);
        }
        let seconds: f64 = String::from_utf8_lossy(&request[2]).parse().unwrap();
        let until = (seconds > 0.0).then(|| self.now + Duration::from_secs_f64(seconds));
        self.next_order += 1;
        let order = self.next_order;
        end_of(self, site, id).connection.blocked = Some(Blocked { key, order, until });
    }

    /// A node's keys have changed: replicas get them, and whoever is blocked for one is served.
    fn changed(&mut self, node: usize, keys: &[Vec<u8>]) {
        for key in keys {
            *self.nodes[node].versions.entry(key.clone()).or_default() += 1;
        }
        self.nodes[node].offset += keys.len() as u64;
        if self.replicates {
            self.replicate(node, keys);
        }
        for key in keys {
            let waiting = self.blocked_on(node).into_iter().filter(|(_, _, b)| b == key).min_by_key(|w| w.1);
            let Some(((site, id), ..)) = waiting else { continue };
            let Some(element) = pop(&mut self.nodes[node], key) else { continue };
            let mut reply = Vec::new();
            command(&mut reply, &[key, &element]);
            let end = end_of(self, site, id);
            end.connection.blocked = None;
            end.say(&reply);
            self.changed(node, core::slice::from_ref(key));
        }
    }

    fn blocked_on(&self, node: usize) -> Vec<((usize, UpstreamId), u64, Vec<u8>)> {
        let mut found = Vec::new();
        for (number, site) in self.sites.iter().enumerate() {
            for (id, end) in site.upstreams.iter().filter(|(_, end)| end.node == node) {
                if let Some(blocked) = &end.connection.blocked {
                    found.push(((number, *id), blocked.order, blocked.key.clone()));
                }
            }
        }
        found
    }

    fn unblock(&mut self, node: usize, number: u64, with_error: bool) -> bool {
        for ((site, id), ..) in self.blocked_on(node) {
            let end = end_of(self, site, id);
            if end.connection.number == number {
                let mut reply = Vec::new();
                if !with_error {
                    null_array(&mut reply, end.connection.talk.protocol);
                } else {
                    error(&mut reply, b"UNBLOCKED client unblocked via CLIENT UNBLOCK");
                }
                end.connection.blocked = None;
                end.say(&reply);
                return true;
            }
        }
        false
    }

    /// A node became a replica: nobody is blocked there any more.
    pub(crate) fn force_unblock(&mut self, node: usize) {
        for ((site, id), ..) in self.blocked_on(node) {
            let mut reply = Vec::new();
            error(&mut reply, FORCED.as_bytes());
            let end = end_of(self, site, id);
            end.connection.blocked = None;
            end.say(&reply);
        }
    }

    /// Whoever has been blocked for as long as it wanted is answered by its node.
    pub(crate) fn end_blocks(&mut self) {
        let now = self.now;
        for site in &mut self.sites {
            for end in site.upstreams.values_mut() {
                let well = !matches!(self.nodes[end.node].mood, Mood::Silent | Mood::Down);
                let over = |b: &Blocked| b.until.is_some_and(|until| until <= now);
                if well && end.connection.blocked.as_ref().is_some_and(over) {
                    end.connection.blocked = None;
                    let mut nothing = Vec::new();
                    null_array(&mut nothing, end.connection.talk.protocol);
                    end.say(&nothing);
                }
            }
        }
    }
}

fn end_of(world: &mut World, site: usize, id: UpstreamId) -> &mut super::world::UpstreamEnd {
    world.sites[site].upstreams.get_mut(&id).expect("it is being read from")
}

/// For a list's length.
pub(crate) fn count(list: &[u8]) -> i64 {
    list.iter().filter(|b| **b == b'<').count() as i64
}

pub(crate) fn push(node: &mut Node, key: &[u8], element: &[u8], out: &mut Vec<u8>) {
    let list = node.data.entry(key.to_vec()).or_default();
    list.extend_from_slice(element);
    integer(out, count(list));
}
