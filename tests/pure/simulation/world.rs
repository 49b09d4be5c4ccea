//! The simulated world: engines, the sockets of a fake driver, nodes, a clock. It moves bytes in random
//! pieces and looks after each turn whether all that is promised holds.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ketch::internals::base::{ClientId, Epoch, ListenerId, Time, UpstreamId, WorkerId};
use ketch::internals::engine::{Action, CloseReason, Engine, Lost, Party, Setting};
use ketch::internals::exchange::Letters;
use ketch::internals::metrics::Registry;
use ketch::internals::topology::{Pool, ProcessFacts, Topology};

use super::connection::Connection;
use super::model::{Ask, Ledger, Model, Promises, big};
use super::node::{Mood, Node, Request, RequestReader, is_own};
use super::setup::{self, Chance, Plan};
use super::subscribers::Subscribed;

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) chance: Chance,
    pub(crate) now: Time,
    pub(crate) topology: Topology,
    pub(crate) nodes: Vec<Node>,
    pub(crate) sites: Vec<Site>,
    pub(crate) ledger: Ledger,
    pub(crate) promises: Promises,
    pub(crate) next_id: u64,
    pub(crate) next_client: usize,
    pub(crate) large: bool,
    /// Clients use that many databases, and both versions of the protocol if it is more than one.
    pub(crate) databases: u32,
    /// Clients that the engines closed, and why.
    pub(crate) closed: Vec<(usize, CloseReason)>,
    /// What clients that have gone left behind.
    pub(crate) gone: Vec<Model>,
    /// Replicas get each write at once; else only when a failover or `catch_up` copies it.
    pub(crate) replicates: bool,
    /// How much a kernel takes for each connection.
    pub(crate) kernel: usize,
    /// Whether what is sent to nodes is looked at.
    pub(crate) watched: bool,
    /// What was published, in the order in which nodes executed it: the node, the channel, the message.
    pub(crate) published: Vec<(usize, Vec<u8>, Vec<u8>)>,
    /// Numbers connections, and what blocks on them.
    pub(crate) next_order: u64,
}

/// A worker: its engine and its driver's sockets.
pub(crate) struct Site {
    pub(crate) engine: Engine,
    pub(crate) clients: BTreeMap<ClientId, ClientEnd>,
    pub(crate) upstreams: BTreeMap<UpstreamId, UpstreamEnd>,
    pub(crate) topology: Topology,
    /// What other workers sent it.
    pub(crate) letters: Letters,
    /// It does not read its letters for the moment.
    pub(crate) deaf: bool,
    /// Parties whose output a kernel did not take whole.
    waiting: Vec<Party>,
}

pub(crate) struct ClientEnd {
    pub(crate) model: Model,
    /// Sent and not yet read by Ketch.
    pub(crate) sent: Vec<u8>,
    /// Taken by the kernel and not yet read by the client.
    pub(crate) taken: Vec<u8>,
    pub(crate) read_on: bool,
    /// It does not read.
    pub(crate) stuck: bool,
    /// It closed its side once `sent` is empty.
    pub(crate) half_closed: bool,
    pub(crate) told_eof: bool,
    /// What a client has read that has no model.
    pub(crate) heard: Option<Vec<u8>>,
    /// A test looks at its bytes by itself.
    pub(crate) raw: bool,
}

pub(crate) struct UpstreamEnd {
    pub(crate) node: usize,
    pub(crate) open: bool,
    /// Taken by the kernel and not yet read by the node.
    pub(crate) taken: Vec<u8>,
    /// Said by the node and not yet read by Ketch.
    pub(crate) said: Vec<u8>,
    pub(crate) read_on: bool,
    /// What the engine gave to the kernel, as requests.
    given: RequestReader,
    /// What the node has read.
    heard: RequestReader,
    /// Where in all that the node said its answers to ROLE end, and what they were.
    roles: Vec<(u64, bool)>,
    said_total: u64,
    read_total: u64,
    /// What ROLE answered last, as far as Ketch has read.
    pub(crate) role: Option<bool>,
    pub(crate) subscribed: Subscribed,
    pub(crate) connection: Connection,
    /// What was given to the kernel since MULTI.
    pub(super) given_block: Option<Vec<Request>>,
}

impl UpstreamEnd {
    pub(crate) fn said_len(&self) -> usize {
        self.said.len()
    }

    /// The node says something that nobody asked for.
    pub(crate) fn say(&mut self, bytes: &[u8]) {
        self.said.extend_from_slice(bytes);
        self.said_total += bytes.len() as u64;
    }

    /// Takes back what was said last, a line.
    pub(crate) fn forget_last(&mut self) {
        let line = self.said.iter().rposition(|b| *b == b':').expect("a number was said");
        self.said_total -= (self.said.len() - line) as u64;
        self.said.truncate(line);
    }

    /// The node answers; what ROLE says in it is remembered.
    pub(crate) fn answer(&mut self, bytes: &[u8], role: Option<bool>) {
        self.say(bytes);
        self.roles.extend(role.map(|role| (self.said_total, role)));
    }
}

impl World {
    pub(crate) fn new(seed: u64, plan: Plan, promises: Promises) -> World {
        let topology = setup::topology(&plan);
        let nodes = topology.pools[0].nodes.iter().map(|n| new_node(n, &topology.pools[0])).collect();
        let facts = Arc::new(ProcessFacts::new(plan.workers));
        let site = |worker: usize| Site {
            engine: Engine::new(Setting {
                topology: Arc::new(topology.clone()),
                facts: Arc::clone(&facts),
                registry: Registry::new(),
                worker: WorkerId(worker as u16),
                workers: plan.workers,
                seed: seed.wrapping_add(worker as u64),
                wall_at_origin: Duration::from_secs(1_700_000_000),
                now: setup::START,
            }),
            clients: BTreeMap::new(),
            upstreams: BTreeMap::new(),
            topology: topology.clone(),
            letters: Letters::default(),
            deaf: false,
            waiting: Vec::new(),
        };
        let sites = (0..plan.workers).map(site).collect();
        let mut world = World {
            chance: Chance::new(seed),
            now: setup::START,
            nodes,
            sites,
            ledger: Ledger::new(),
            promises,
            next_id: 0,
            next_client: 0,
            large: false,
            databases: 1,
            closed: Vec::new(),
            gone: Vec::new(),
            replicates: true,
            kernel: 64 * 1024,
            watched: true,
            published: Vec::new(),
            next_order: 0,
            topology,
            plan,
        };
        (0..world.sites.len()).for_each(|site| world.act(site));
        world
    }

    /// One turn of a worker's loop with the events that `events` brings.
    pub(crate) fn turn(&mut self, site: usize, events: impl FnOnce(&mut World)) {
        let now = self.now;
        self.end_blocks();
        self.sites[site].engine.begin_turn(now);
        if self.sites[site].topology.epoch != self.topology.epoch {
            self.sites[site].topology = self.topology.clone();
            let topology = Arc::new(self.topology.clone());
            self.sites[site].engine.topology(topology);
        }
        self.read_letters(site);
        events(self);
        self.sites[site].engine.settle();
        self.act(site);
        if let Err(what) = self.sites[site].engine.check() {
            panic!("worker {site}: {what}");
        }
    }

    /// Changes the topology; the workers see it when they turn next.
    pub(crate) fn publish(&mut self, change: impl FnOnce(&mut Pool)) {
        change(Arc::make_mut(&mut self.topology.pools[0]));
        self.topology.epoch = Epoch(self.topology.epoch.0 + 1);
    }

    pub(crate) fn add_node(&mut self, shard: usize) {
        let node =
            setup::replica(&self.topology, self.nodes.len(), ketch::internals::base::ShardId(shard as u16));
        let mut own = new_node(&node, &self.topology.pools[0]);
        if let Some(primary) = self.topology.pools[0].shards[shard].primary {
            own.data = self.nodes[primary.0 as usize].data.clone();
        }
        self.nodes.push(own);
        self.publish(|pool| pool.nodes.push(node));
    }

    // Clients.

    pub(crate) fn connect_client(&mut self, site: usize) -> ClientId {
        self.next_client += 1;
        let number = self.next_client;
        let id = self.sites[site].engine.client_opened(ListenerId(0), setup::client_socket(number));
        let end = ClientEnd {
            model: Model::new(number).with_databases(self.plan.db, self.databases),
            sent: Vec::new(),
            taken: Vec::new(),
            read_on: true,
            stuck: false,
            half_closed: false,
            told_eof: false,
            heard: None,
            raw: false,
        };
        self.sites[site].clients.insert(id, end);
        id
    }

    /// A client says something; it lies before Ketch until `deliver_client`.
    pub(crate) fn say(&mut self, site: usize, id: ClientId, ask: Ask, padding: usize) {
        let end = self.sites[site].clients.get_mut(&id).expect("the client is there");
        end.model.ask(ask, padding, &mut end.sent);
    }

    pub(crate) fn say_something(&mut self, site: usize, id: ClientId, requests: usize) {
        let Some(end) = self.sites[site].clients.get_mut(&id) else { return };
        for _ in 0..requests {
            end.model.ask_something(&mut self.chance, &mut self.next_id, self.large, &mut end.sent);
        }
    }

    /// Ketch reads up to `n` bytes of a client, or its end.
    pub(crate) fn deliver_client(&mut self, site: usize, id: ClientId, n: usize) {
        let site = &mut self.sites[site];
        let Some(end) = site.clients.get_mut(&id).filter(|end| end.read_on) else { return };
        if end.sent.is_empty() {
            if end.half_closed && !end.told_eof {
                end.told_eof = true;
                site.engine.client_eof(id);
            }
            return;
        }
        let piece: Vec<u8> = end.sent.drain(..n.min(end.sent.len()).min(65_536)).collect();
        site.engine.client_bytes(id, &piece);
    }

    /// A client reads what its kernel has.
    pub(crate) fn client_reads(&mut self, site: usize, id: ClientId, n: usize) {
        let Some(end) = self.sites[site].clients.get_mut(&id) else { return };
        let piece: Vec<u8> = end.taken.drain(..n.min(end.taken.len())).collect();
        if let Some(heard) = &mut end.heard {
            return heard.extend_from_slice(&piece);
        }
        if let Err(what) = end.model.receive(&piece, self.promises, &mut self.ledger) {
            panic!("{what}");
        }
    }

    pub(crate) fn cut_client(&mut self, site: usize, id: ClientId) {
        self.sites[site].engine.client_lost(id);
    }

    // Nodes.

    pub(crate) fn finish_connect(&mut self, site: usize, id: UpstreamId, works: bool) {
        let Some(end) = self.sites[site].upstreams.get_mut(&id).filter(|end| !end.open) else { return };
        if works && self.nodes[end.node].mood != Mood::Down {
            end.open = true;
            self.sites[site].engine.upstream_opened(id);
        } else {
            self.sites[site].engine.upstream_lost(id, Lost::Connect);
        }
    }

    /// A node reads up to `n` bytes of a connection and answers what is whole.
    pub(crate) fn node_reads(&mut self, site: usize, id: UpstreamId, n: usize) {
        let Some(end) = self.sites[site].upstreams.get_mut(&id) else { return };
        if matches!(self.nodes[end.node].mood, Mood::Silent | Mood::Down) {
            return;
        }
        let piece: Vec<u8> = end.taken.drain(..n.min(end.taken.len())).collect();
        for request in end.heard.read(&piece) {
            if !self.pubsub(site, id, &request) {
                self.hear(site, id, &request);
            }
        }
    }

    /// A node that answers OK to whatever it does not know.
    pub(crate) fn node_nods(&mut self, site: usize, id: UpstreamId) {
        let Some(end) = self.sites[site].upstreams.get_mut(&id) else { return };
        let piece = core::mem::take(&mut end.taken);
        for request in end.heard.read(&piece) {
            let own = is_own(&String::from_utf8_lossy(&request[0]).to_ascii_uppercase());
            let reply = if own {
                self.nodes[end.node].execute(&mut end.connection.talk, &request).reply
            } else {
                b"+OK\r\n".to_vec()
            };
            end.say(&reply);
        }
    }

    pub(crate) fn replicate(&mut self, from: usize, keys: &[Vec<u8>]) {
        let shard = self.nodes[from].shard;
        for key in keys {
            let value = self.nodes[from].data.get(key).cloned();
            let others = self.nodes.iter_mut().filter(|n| n.shard == shard && !n.master);
            others.for_each(|other| match &value {
                Some(value) => drop(other.data.insert(key.clone(), value.clone())),
                None => drop(other.data.remove(key)),
            });
        }
    }

    /// Ketch reads up to `n` bytes of what a node said.
    pub(crate) fn deliver_node(&mut self, site: usize, id: UpstreamId, n: usize) {
        let site = &mut self.sites[site];
        let Some(end) = site.upstreams.get_mut(&id).filter(|end| end.read_on && !end.said.is_empty()) else {
            return;
        };
        let piece: Vec<u8> = end.said.drain(..n.min(end.said.len()).min(65_536)).collect();
        end.read_total += piece.len() as u64;
        while let Some((at, role)) = end.roles.first().copied().filter(|(at, _)| *at <= end.read_total) {
            debug_assert!(at <= end.read_total);
            end.role = Some(role);
            end.roles.remove(0);
        }
        site.engine.upstream_bytes(id, &piece);
    }

    /// A connection breaks: of what is under way to the node, `heard` bytes still reach it.
    pub(crate) fn cut_upstream(&mut self, site: usize, id: UpstreamId, heard: usize) {
        self.node_reads(site, id, heard);
        if let Some(end) = self.sites[site].upstreams.get_mut(&id) {
            end.taken.clear();
            end.said.clear();
        }
        self.sites[site].engine.upstream_lost(id, Lost::Closed);
    }

    // The driver.

    /// Does what the engine wants done, and writes.
    pub(crate) fn act(&mut self, site: usize) {
        loop {
            while let Some(action) = self.sites[site].engine.next_action() {
                self.do_action(site, action);
            }
            match self.sites[site].engine.next_dirty() {
                Some(party) if !self.sites[site].waiting.contains(&party) => self.write(site, party),
                Some(_) => {}
                None => break,
            }
        }
    }

    fn do_action(&mut self, s: usize, action: Action) {
        match action {
            Action::Connect { upstream, to, .. } => {
                let node = usize::from(to.port() - 7000);
                self.next_order += 1;
                let end = UpstreamEnd {
                    node,
                    open: false,
                    taken: Vec::new(),
                    said: Vec::new(),
                    read_on: true,
                    given: RequestReader::default(),
                    heard: RequestReader::default(),
                    roles: Vec::new(),
                    said_total: 0,
                    read_total: 0,
                    role: None,
                    subscribed: Subscribed::default(),
                    connection: Connection::new(self.next_order),
                    given_block: None,
                };
                assert!(self.sites[s].upstreams.insert(upstream, end).is_none(), "the id is new");
            }
            Action::Close { party: Party::Client(id), reason } => {
                let Some(mut end) = self.sites[s].clients.remove(&id) else { return };
                if end.raw {
                    return self.closed.push((end.model.number, reason));
                }
                // What the kernel took still arrives.
                if end.heard.is_none()
                    && let Err(what) = end.model.receive(&end.taken, self.promises, &mut self.ledger)
                {
                    panic!("{what}");
                }
                self.closed.push((end.model.number, reason));
                self.gone.push(end.model);
            }
            Action::Close { party: Party::Upstream(id), .. } => {
                // What the kernel took may still arrive.
                let late = self.sites[s].upstreams.get(&id).map_or(0, |end| end.taken.len());
                let heard = self.chance.below(late + 1);
                self.node_reads(s, id, heard);
                self.sites[s].upstreams.remove(&id);
            }
            Action::Read { party: Party::Client(id), on } => {
                self.sites[s].clients.get_mut(&id).into_iter().for_each(|end| end.read_on = on);
            }
            Action::Read { party: Party::Upstream(id), on } => {
                self.sites[s].upstreams.get_mut(&id).into_iter().for_each(|end| end.read_on = on);
            }
            Action::Report(_) => {}
            letter => self.send_letter(s, letter),
        }
    }

    /// The kernel takes of a party's output what it has room for.
    fn write(&mut self, site: usize, party: Party) {
        let output = self.sites[site].engine.output(party).len();
        let room = match party {
            Party::Client(id) => self.sites[site].clients.get(&id).map(|end| end.taken.len()),
            Party::Upstream(id) => {
                self.sites[site].upstreams.get(&id).filter(|e| e.open).map(|end| end.taken.len())
            }
        };
        let Some(room) = room.map(|taken| self.kernel.saturating_sub(taken)) else { return };
        let n = if self.chance.one_in(8) { self.chance.below(output + 1) } else { output }.min(room);
        if n > 0 {
            self.take(site, party, n);
        }
        if n < output && self.is_there(site, party) {
            self.sites[site].waiting.push(party);
        }
    }

    fn is_there(&self, site: usize, party: Party) -> bool {
        match party {
            Party::Client(id) => self.sites[site].clients.contains_key(&id),
            Party::Upstream(id) => self.sites[site].upstreams.contains_key(&id),
        }
    }

    fn take(&mut self, site: usize, party: Party, n: usize) {
        let piece = self.sites[site].engine.output(party)[..n].to_vec();
        match party {
            Party::Client(id) => {
                let end = self.sites[site].clients.get_mut(&id).expect("it is there");
                end.taken.extend_from_slice(&piece);
            }
            Party::Upstream(id) => {
                let end = self.sites[site].upstreams.get_mut(&id).expect("it is there");
                end.taken.extend_from_slice(&piece);
                let (node, role) = (end.node, end.role);
                let requests = if self.watched { end.given.read(&piece) } else { Vec::new() };
                for request in requests {
                    self.given(site, id, node, role, request);
                }
            }
        }
        self.sites[site].engine.wrote(party, n);
    }

    /// Sockets that may be written again.
    pub(crate) fn write_on(&mut self, site: usize) {
        for party in core::mem::take(&mut self.sites[site].waiting) {
            self.write(site, party);
        }
    }
}

fn new_node(node: &ketch::internals::topology::Node, pool: &Pool) -> Node {
    let shard = usize::from(node.shard.0);
    let mut data = BTreeMap::new();
    for i in 0..super::model::BIG.len() {
        let key = format!("big{i}").into_bytes();
        if pool.placement.shard(&key, || 0) == shard {
            data.insert(key, big(i));
        }
    }
    let master = pool.shards[shard].primary == Some(node.id);
    let seed = u64::from(node.id.0).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    Node {
        shard,
        master,
        mood: Mood::Well,
        data,
        seed,
        offset: 0,
        history: 0,
        scripts: BTreeMap::new(),
        versions: BTreeMap::new(),
    }
}
