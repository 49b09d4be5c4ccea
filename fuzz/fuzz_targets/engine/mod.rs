//! One engine between clients and nodes that do what noise says. Also compiled into the tests of the pure
//! rooms, where inputs that once broke something are run again.

mod noise;
mod peers;
mod setup;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ketch::internals::base::{ListenerId, Time};
use ketch::internals::engine::{Action, Engine, Lost, Party};
use ketch::internals::topology::Topology;
use noise::Noise;
use peers::{Client, Node, request};

/// Clients at once: two more than the pool allows.
const CLIENTS: usize = 8;
/// Bytes that a client sends at most: what follows says nothing new and is slow.
const SENT_MAX: usize = 4 << 20;
/// A driver reads at most this much at once.
const READ: usize = 64 * 1024;

struct World {
    engine: Engine,
    topology: Arc<Topology>,
    now: Time,
    clients: Vec<Client>,
    nodes: Vec<Node>,
    sent: usize,
}

/// Does what the bytes say; panics if the engine does, or breaks its word.
pub(super) fn run(data: &[u8]) {
    let setting = setup::setting();
    let topology = Arc::clone(&setting.topology);
    let mut world = World {
        engine: Engine::new(setting),
        topology,
        now: setup::START,
        clients: Vec::new(),
        nodes: Vec::new(),
        sent: 0,
    };
    let mut noise = Noise(data);
    world.begin();
    while !noise.is_over() {
        world.step(&mut noise);
    }
    world.end();
}

impl World {
    /// Connected, greeted, with one client: where most of what is worth breaking begins.
    fn begin(&mut self) {
        self.open_client(0);
        self.calm(4);
    }

    fn step(&mut self, noise: &mut Noise<'_>) {
        let what = noise.byte();
        let client = noise.below(self.clients.len());
        let node = noise.below(self.nodes.len());
        match what % 32 {
            0 => self.open_client(noise.below(setup::LISTENERS)),
            1..3 => self.client_bytes(client, noise.bytes(), noise),
            3..10 => self.client_requests(client, noise),
            10 => self.client_eof(client),
            11 => self.client_lost(client),
            12..14 => self.open_node(node),
            14 => self.lose_node(node, noise),
            15 => self.node_bytes(node, noise.bytes(), noise),
            16..22 => self.node_answers(node, noise),
            22 => self.pass(Duration::from_millis(u64::from(noise.byte()))),
            23 => self.pass(Duration::from_secs(u64::from(noise.byte() % 32))),
            24..26 => self.change_topology(noise),
            26 => self.calm(1),
            27 if noise.byte() > 250 => drop(self.engine.drain()),
            _ => self.turn(noise),
        }
    }

    /// Everybody leaves, nodes that were fed noise too; then nothing must be left of it all.
    fn end(&mut self) {
        self.calm(6);
        for at in (0..self.clients.len()).rev() {
            self.client_lost(at);
        }
        assert!(self.clients.is_empty());
        for at in (0..self.nodes.len()).rev() {
            self.lose_node(at, &mut Noise(&[]));
        }
        for _ in 0..3 {
            self.pass(Duration::from_secs(30));
            self.calm(3);
        }
        if let Err(left) = self.engine.check_idle() {
            panic!("{left}");
        }
    }

    fn open_client(&mut self, listener: usize) {
        if self.clients.len() < CLIENTS {
            let peer = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000);
            let id = self.engine.client_opened(ListenerId(listener as u16), peer);
            self.clients.push(Client::new(id));
        }
    }

    fn client_requests(&mut self, at: usize, noise: &mut Noise<'_>) {
        let mut bytes = Vec::new();
        request(noise, &mut bytes);
        let once = bytes.len();
        for _ in 1..=[0, 0, 1, 3, 40][noise.below(5)] {
            if bytes.len() < 64 * 1024 {
                bytes.extend_from_within(..once);
            }
        }
        // Some requests lose their end, so that what follows is taken for it.
        bytes.truncate(noise.piece(bytes.len()));
        self.client_bytes(at, &bytes, noise);
    }

    fn client_bytes(&mut self, at: usize, bytes: &[u8], noise: &mut Noise<'_>) {
        let Some(client) = self.clients.get_mut(at).filter(|c| !c.eof) else { return };
        if self.sent + bytes.len() <= SENT_MAX {
            self.sent += bytes.len();
            client.sent.extend_from_slice(bytes);
            self.read_client(at, noise);
        }
    }

    /// What a client sent is read in pieces, as long as the engine wants to hear it.
    fn read_client(&mut self, at: usize, noise: &mut Noise<'_>) {
        while let Some(client) = self.clients.get_mut(at).filter(|c| c.reading && !c.sent.is_empty()) {
            let piece = noise.piece(client.sent.len().min(READ));
            let bytes: Vec<u8> = client.sent.drain(..piece).collect();
            self.engine.client_bytes(client.id, &bytes);
            if client.eof && client.sent.is_empty() {
                self.engine.client_eof(client.id);
            }
            if piece == 1 {
                return;
            }
        }
    }

    fn client_eof(&mut self, at: usize) {
        if let Some(client) = self.clients.get_mut(at).filter(|c| !c.eof) {
            client.eof = true;
            if client.sent.is_empty() {
                self.engine.client_eof(client.id);
            }
        }
    }

    fn client_lost(&mut self, at: usize) {
        if let Some(client) = self.clients.get(at) {
            self.engine.client_lost(client.id);
            self.act(&mut |len| len);
        }
    }

    fn open_node(&mut self, at: usize) {
        if let Some(node) = self.nodes.get_mut(at).filter(|n| !n.open) {
            node.open = true;
            self.engine.upstream_opened(node.id);
        }
    }

    fn lose_node(&mut self, at: usize, noise: &mut Noise<'_>) {
        let Some(node) = self.nodes.get(at) else { return };
        let lost = match node.open {
            true => Lost::Closed,
            false => [Lost::Connect, Lost::ConnectTimeout][noise.below(2)],
        };
        self.engine.upstream_lost(node.id, lost);
    }

    fn node_answers(&mut self, at: usize, noise: &mut Noise<'_>) {
        let times = [1, 2, 50][noise.below(3)];
        let primary = self.is_primary(at);
        let Some(node) = self.nodes.get_mut(at).filter(|n| n.open) else { return };
        for _ in 0..times {
            if !node.answer(noise, primary) {
                break;
            }
        }
        self.read_node(at, noise);
    }

    fn node_bytes(&mut self, at: usize, bytes: &[u8], noise: &mut Noise<'_>) {
        let Some(node) = self.nodes.get_mut(at).filter(|n| n.open) else { return };
        node.sent.extend_from_slice(bytes);
        self.read_node(at, noise);
    }

    /// What a node sent is read in pieces, as long as the engine wants to hear it.
    fn read_node(&mut self, at: usize, noise: &mut Noise<'_>) {
        let Some(id) = self.nodes.get(at).map(|n| n.id) else { return };
        while let Some(node) = self.nodes.get_mut(at).filter(|n| n.id == id && n.reading) {
            let piece = noise.piece(node.sent.len().min(READ));
            if piece == 0 {
                return;
            }
            let bytes: Vec<u8> = node.sent.drain(..piece).collect();
            self.engine.upstream_bytes(id, &bytes);
            // A driver does what is to be done after some reads, not after each.
            if piece == 1 || noise.byte() > 200 {
                self.turn(noise);
            }
        }
    }

    fn is_primary(&self, at: usize) -> bool {
        let Some(to) = self.nodes.get(at).map(|n| n.to) else { return false };
        let pool = &self.topology.pools[0];
        let node = pool.nodes.iter().find(|n| n.socket == Some(to));
        node.is_some_and(|n| pool.shard(n.shard).primary == Some(n.id))
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
        self.engine.begin_turn(self.now);
        self.engine.topology(Arc::clone(&self.topology));
    }

    fn change_topology(&mut self, noise: &mut Noise<'_>) {
        self.topology = Arc::new(setup::change(&self.topology, noise, self.now));
        self.pass(Duration::ZERO);
    }

    /// One read of everybody who has something to say and is listened to.
    fn read_all(&mut self) {
        for client in self.clients.iter_mut().filter(|c| c.reading && !c.sent.is_empty()) {
            let piece = client.sent.len().min(READ);
            self.engine.client_bytes(client.id, &client.sent[..piece]);
            client.sent.drain(..piece);
            if client.eof && client.sent.is_empty() {
                self.engine.client_eof(client.id);
            }
        }
        for node in self.nodes.iter_mut().filter(|n| n.reading && !n.sent.is_empty()) {
            let piece = node.sent.len().min(READ);
            self.engine.upstream_bytes(node.id, &node.sent[..piece]);
            node.sent.drain(..piece);
        }
    }

    /// A turn and its end; the kernel takes as much as noise says.
    fn turn(&mut self, noise: &mut Noise<'_>) {
        self.read_all();
        self.engine.settle();
        self.check();
        let slow = noise.byte() > 200;
        self.write_again();
        self.act(&mut |len| if slow { noise.piece(len + 1) - 1 } else { len });
        self.check();
        self.pass(Duration::from_millis(1));
    }

    /// Turns in which all nodes are there and answer well, and all output is taken.
    fn calm(&mut self, turns: usize) {
        for _ in 0..turns {
            for at in 0..self.nodes.len() {
                self.open_node(at);
            }
            self.turn(&mut Noise(&[]));
            for at in 0..self.nodes.len() {
                let primary = self.is_primary(at);
                while let Some(node) = self.nodes.get_mut(at)
                    && node.answer(&mut Noise(&[]), primary)
                {}
                self.read_node(at, &mut Noise(&[]));
            }
            self.turn(&mut Noise(&[]));
        }
    }

    /// As a driver does: all actions, then output, until there is neither.
    fn act(&mut self, takes: &mut dyn FnMut(usize) -> usize) {
        loop {
            while let Some(action) = self.engine.next_action() {
                self.do_action(action);
            }
            let Some(party) = self.engine.next_dirty() else { return };
            self.write(party, takes);
        }
    }

    /// The kernel takes again what it did not take before.
    fn write_again(&mut self) {
        let clients = self.clients.iter().map(|c| Party::Client(c.id));
        let nodes = self.nodes.iter().map(|n| Party::Upstream(n.id));
        for party in clients.chain(nodes).collect::<Vec<_>>() {
            self.write(party, &mut |len| len);
        }
    }

    fn write(&mut self, party: Party, takes: &mut dyn FnMut(usize) -> usize) {
        let output = self.engine.output(party);
        if output.is_empty() {
            return;
        }
        let taken = match party {
            Party::Client(id) => self.clients.iter_mut().find(|c| c.id == id).map(|client| {
                let taken = takes(output.len());
                client.receive(&output[..taken]);
                taken
            }),
            Party::Upstream(id) => self.nodes.iter_mut().find(|n| n.id == id && n.open).map(|node| {
                let taken = takes(output.len());
                node.wire.extend_from_slice(&output[..taken]);
                taken
            }),
        };
        if let Some(taken) = taken.filter(|n| *n > 0) {
            self.engine.wrote(party, taken);
        }
    }

    fn do_action(&mut self, action: Action) {
        match action {
            Action::Connect { upstream, to, .. } => {
                self.nodes.push(Node::new(upstream, to));
            }
            Action::Close { party, .. } => {
                self.clients.retain(|c| Party::Client(c.id) != party);
                self.nodes.retain(|n| Party::Upstream(n.id) != party);
                assert!(self.engine.output(party).is_empty(), "output for {party:?}, which was closed");
            }
            Action::Read { party: Party::Client(id), on } => {
                if let Some(client) = self.clients.iter_mut().find(|c| c.id == id) {
                    client.reading = on;
                }
            }
            Action::Read { party: Party::Upstream(id), on } => {
                if let Some(node) = self.nodes.iter_mut().find(|n| n.id == id) {
                    node.reading = on;
                }
            }
            _ => {}
        }
    }

    fn check(&self) {
        if let Err(broken) = self.engine.check() {
            panic!("{broken}");
        }
    }
}
