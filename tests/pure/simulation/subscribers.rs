//! Nodes that publish, clients that only listen, and what must be so between them.

pub(crate) mod random;
mod scenarios;

use std::collections::{BTreeMap, BTreeSet};

use ketch::internals::base::{ClientId, UpstreamId};
use ketch::internals::resp::{Value, array, bulk, command, error, integer, simple};

use super::node::{Mood, Request};
use super::world::World;

/// What one connection of a node is subscribed to: by the message's first word.
pub(crate) type Subscribed = BTreeSet<(&'static str, Vec<u8>)>;

/// A request of a client that has no model.
pub(crate) fn tell(world: &mut World, site: usize, id: ClientId, words: &[&str]) {
    let end = world.sites[site].clients.get_mut(&id).expect("the client is there");
    end.heard.get_or_insert_default();
    command(&mut end.sent, words);
}

/// What it has heard, whole values, each as its words.
pub(crate) fn hear(world: &mut World, site: usize, id: ClientId) -> Vec<String> {
    let Some(end) = world.sites[site].clients.get_mut(&id) else { return Vec::new() };
    let heard = end.heard.get_or_insert_default();
    let mut all = Vec::new();
    while let Some((value, len)) = Value::parse(heard).expect("Ketch speaks RESP") {
        heard.drain(..len);
        all.push(words(&value));
    }
    all
}

fn words(value: &Value) -> String {
    match value {
        Value::Integer(n) => n.to_string(),
        Value::Error(text) => format!("-{text}"),
        Value::Nil => "nil".into(),
        other => match other.elements() {
            Some(elements) => elements.iter().map(words).collect::<Vec<_>>().join(" "),
            None => other.text().unwrap_or("?").to_owned(),
        },
    }
}

/// Whether a pattern of these worlds fits: a beginning and a star.
fn fits(pattern: &[u8], channel: &[u8]) -> bool {
    channel.starts_with(pattern.strip_suffix(b"*").expect("patterns end in a star"))
}

impl World {
    /// What a node does with requests about messages; false if it is about something else.
    pub(crate) fn pubsub(&mut self, site: usize, id: UpstreamId, request: &Request) -> bool {
        let Some(end) = self.sites[site].upstreams.get_mut(&id) else { return false };
        let name = String::from_utf8_lossy(&request[0]).to_ascii_uppercase();
        let node = end.node;
        let mut reply = Vec::new();
        match name.as_str() {
            "SUBSCRIBE" | "PSUBSCRIBE" | "UNSUBSCRIBE" | "PUNSUBSCRIBE" => {
                let kind = if name.starts_with('P') { "pmessage" } else { "message" };
                let topic = (kind, request[1].clone());
                let changed = if name.contains("UNSUB") {
                    end.subscribed.remove(&topic)
                } else {
                    end.subscribed.insert(topic)
                };
                assert!(changed, "{name} of {} changes nothing", request[1].escape_ascii());
                array(&mut reply, 3);
                bulk(&mut reply, name.to_ascii_lowercase().as_bytes());
                bulk(&mut reply, &request[1]);
                integer(&mut reply, end.subscribed.len() as i64);
            }
            "PING" if end.subscribed.is_empty() && self.nodes[node].mood == Mood::Busy => {
                error(&mut reply, super::node::BUSY.as_bytes());
            }
            "PING" if end.subscribed.is_empty() => simple(&mut reply, "PONG"),
            "PING" => {
                array(&mut reply, 2);
                bulk(&mut reply, b"pong");
                bulk(&mut reply, b"");
            }
            "PUBLISH" => match (self.nodes[node].mood, self.nodes[node].master) {
                (Mood::Busy, _) => error(&mut reply, super::node::BUSY.as_bytes()),
                (Mood::Loading, _) => error(&mut reply, b"LOADING Redis is loading the dataset in memory"),
                (_, false) => error(&mut reply, super::node::READONLY.as_bytes()),
                _ => integer(&mut reply, self.publish_message(node, &request[1], &request[2])),
            },
            _ => return false,
        }
        if let Some(end) = self.sites[site].upstreams.get_mut(&id) {
            end.say(&reply);
        }
        true
    }

    /// A node gives a message to all who are subscribed; how many times.
    pub(crate) fn publish_message(&mut self, node: usize, channel: &[u8], message: &[u8]) -> i64 {
        self.published.push((node, channel.to_vec(), message.to_vec()));
        let mut reached = 0;
        let ends = self.sites.iter_mut().flat_map(|site| site.upstreams.values_mut());
        for end in ends.filter(|end| end.node == node && end.open) {
            for (kind, name) in end.subscribed.clone() {
                let mut said = Vec::new();
                match kind {
                    "message" if name == channel => command(&mut said, &[kind.as_bytes(), channel, message]),
                    "pmessage" if fits(&name, channel) => {
                        command(&mut said, &[kind.as_bytes(), &name, channel, message]);
                    }
                    _ => continue,
                }
                end.say(&said);
                reached += 1;
            }
        }
        reached
    }

    /// What all connections to a node are subscribed to, and by how many.
    pub(crate) fn subscribed_at(&self, node: usize) -> BTreeMap<Vec<u8>, usize> {
        let mut all = BTreeMap::new();
        for end in self.sites.iter().flat_map(|site| site.upstreams.values()).filter(|end| end.node == node) {
            for (_, name) in &end.subscribed {
                *all.entry(name.clone()).or_default() += 1;
            }
        }
        all
    }
}
