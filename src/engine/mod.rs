//! The data path as a pure state machine: bytes in, bytes out; no socket, no clock, no task.
//!
//! ```text
//!   client ─► client_bytes ─► parse ─► classify ─► route ─► reserve ─► enqueue ─► output ─► node
//!   client ◄─ output ◄─ gather ◄─ match ◄─ upstream_bytes ◄─────────────────────────────── node
//! ```
//!
//! A driver feeds it with what sockets and the clock say and does what it answers. One turn of the
//! driver's loop is: `begin_turn`, the events, `settle`, then `next_action` and `next_dirty` until they
//! are empty, then sleep until `deadline`. Start reading at `road/mod.rs`.
//!
//! Invariants, checked by the simulation after each step (`check`):
//! 1. An upstream's queue equals the requests given to it and not answered; its lengths add up to what
//!    its replay buffer holds. A reply belongs to the front.
//! 2. Replies leave a client in the order of its requests.
//! 3. Handlers only append and mark dirty; only the end of a turn writes.
//! 4. Delivering never dispatches: a freed client is made runnable, `settle` parses on.
//! 5. While a client is owed replies of a shard, its next request to that shard takes the same upstream
//!    or waits.
//! 6. Idle means no buffer.
//! 7. An upstream never waits for another upstream.

mod action;
mod buffers;
mod busy;
mod check;
mod clients;
mod counters;
mod expire;
mod handshake;
mod links;
mod monitors;
mod pauses;
mod profile;
mod questions;
mod road;
mod scripts;
mod slab;
mod upstreams;

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

pub use action::{Action, CloseReason, Lost, Party};

use crate::base::{ClientId, ListenerId, PoolId, ShardId, Time, UpstreamId, WorkerId};
use crate::config::{ReadPolicy, Route};
use crate::metrics::{Gauge, Registry};
use crate::resp::Span;
use crate::topology::{ProcessFacts, Topology};
use buffers::BufferPool;
use clients::{Client, Pause, Session};
use links::PoolState;
use monitors::Monitors;
use pauses::Pauses;
use profile::{Profile, ProfileId};
use questions::Inquiries;
use road::{Gathers, Hold, Unknown, Waits};
use slab::Slab;
use upstreams::Upstream;

/// What the engine is told once.
pub struct Setting {
    pub topology: Arc<Topology>,
    pub facts: Arc<ProcessFacts>,
    pub registry: Registry,
    /// Which worker this is.
    pub worker: WorkerId,
    /// How many workers share the pools' limits.
    pub workers: usize,
    /// The start of the engine's only randomness (jitter, the choice between replicas).
    pub seed: u64,
    /// Wall time at the process's origin, since 1970: what TIME answers is this and `now`.
    pub wall_at_origin: Duration,
    pub now: Time,
}

/// One worker's data path.
pub struct Engine {
    now: Time,
    turn: u32,
    topology: Arc<Topology>,
    facts: Arc<ProcessFacts>,
    registry: Registry,
    worker: WorkerId,
    workers: usize,
    random: u64,
    /// The worker's own number, for tables that nobody may fill on purpose.
    seed: u64,
    wall_at_origin: Duration,
    clients: Slab<Client>,
    upstreams: Slab<Upstream>,
    pools: Vec<PoolState>,
    /// Clients of each listener.
    connected: Vec<Gauge>,
    gathers: Gathers,
    hold: Hold,
    waits: Waits,
    pauses: Pauses,
    inquiries: Inquiries,
    monitors: Monitors,
    /// Whether somebody watches the requests of the batch at hand.
    monitored: bool,
    /// The request at hand was refused before anything was done with it; looked at only while somebody watches.
    refused: bool,
    /// Names of commands that nobody knows yet.
    unknown: Unknown,
    buffers: BufferPool,
    /// Where the arguments of the request at hand lie.
    args: Vec<Span>,
    /// Which of them are its keys.
    keys: Vec<u32>,
    /// For replies and parts that are built here.
    scratch: Vec<u8>,
    /// The part that each key of a split request belongs to.
    shards: Vec<u16>,
    actions: VecDeque<Action>,
    dirty: VecDeque<Party>,
    /// Clients whose input is to be parsed on.
    runnable: VecDeque<ClientId>,
    /// Shards for which what is held may be able to go.
    releases: Vec<(PoolId, ShardId)>,
    /// Split requests: a part's shard and how many keys it has.
    parts: Vec<(u16, u32)>,
    /// Clients whose streamed request may be able to begin.
    streams: Vec<ClientId>,
    /// Clients whose streamed request waits for its road or an upstream.
    waiting_streams: Vec<ClientId>,
    /// Clients whose held requests to a shard may stand in the wrong order.
    unsorted: Vec<(ClientId, ShardId)>,
    /// Clients that are not read because the waiting place is crowded.
    crowded: Vec<ClientId>,
    /// Clients that wait for an upstream of their own, or to be unblocked.
    waiting_pins: Vec<ClientId>,
    /// Shards whose held writes wait for those who blocked before, and since when.
    blocks_first: BTreeMap<(PoolId, ShardId), Time>,
    /// When they were looked at last, or the first began to wait.
    pins_swept: Time,
    idle_swept: Time,
    /// When streams that wait were looked at last, or began to wait.
    streams_swept: Time,
    next_due: Option<Time>,
}

impl Engine {
    pub fn new(setting: Setting) -> Engine {
        let connected = counters::connected(&setting.registry, &setting.topology);
        let mut engine = Engine {
            now: setting.now,
            turn: 0,
            topology: Arc::clone(&setting.topology),
            facts: setting.facts,
            registry: setting.registry,
            worker: setting.worker,
            workers: setting.workers.max(1),
            random: setting.seed | 1,
            seed: setting.seed,
            wall_at_origin: setting.wall_at_origin,
            clients: Slab::new(),
            upstreams: Slab::new(),
            pools: Vec::new(),
            connected,
            gathers: Gathers::new(),
            hold: Hold::default(),
            waits: Waits::default(),
            pauses: Pauses::default(),
            inquiries: Inquiries::default(),
            monitors: Monitors::default(),
            monitored: false,
            refused: false,
            unknown: Unknown::default(),
            buffers: BufferPool::default(),
            args: Vec::new(),
            keys: Vec::new(),
            scratch: Vec::new(),
            shards: Vec::new(),
            actions: VecDeque::new(),
            dirty: VecDeque::new(),
            runnable: VecDeque::new(),
            releases: Vec::new(),
            parts: Vec::new(),
            streams: Vec::new(),
            waiting_streams: Vec::new(),
            unsorted: Vec::new(),
            crowded: Vec::new(),
            waiting_pins: Vec::new(),
            blocks_first: BTreeMap::new(),
            pins_swept: setting.now,
            idle_swept: setting.now,
            streams_swept: setting.now,
            next_due: None,
        };
        engine.reconcile(setting.topology);
        engine
    }

    /// The events that follow happen at `now`. Does what was due until then.
    pub fn begin_turn(&mut self, now: Time) {
        debug_assert!(now >= self.now, "time never goes back");
        self.now = now;
        self.turn = self.turn.wrapping_add(1);
        self.see_pauses();
        if self.next_due.is_some_and(|due| due <= now) {
            self.expire();
        }
    }

    /// The topology that requests are routed by from now on.
    pub fn topology(&mut self, topology: Arc<Topology>) {
        if topology.epoch != self.topology.epoch {
            self.reconcile(topology);
            if self.unknown.is_waited_for() {
                self.look_names_up_again();
            }
        }
    }

    /// A client has connected. One that is too many gets its error and is closed.
    pub fn client_opened(&mut self, listener: ListenerId, peer: SocketAddr) -> ClientId {
        let info = self.topology.listener(listener);
        let (pool_id, route) = (info.pool, info.route);
        let reads = match (info.route, info.reads) {
            (Route::Primary, _) => ReadPolicy::Primary,
            (Route::Replica, ReadPolicy::Primary) => ReadPolicy::PreferReplica,
            (_, reads) => reads,
        };
        let pool = Arc::clone(self.topology.pool(pool_id));
        let counted = pool.facts.reserve_client(pool.max_clients());
        let session = Session::new(peer, self.now);
        let id: ClientId = self.clients.insert(Client {
            number: self.facts.next_client(),
            replies: Default::default(),
            output: Default::default(),
            input: Default::default(),
            roads: Default::default(),
            writes: Default::default(),
            partial: None,
            stream: None,
            session: Box::new(session),
            gathered: 0,
            held: 0,
            listener,
            pool: pool_id,
            profile: Profile::of(&pool.config),
            profile_id: ProfileId::FIRST,
            pause: Pause::default(),
            route,
            reads,
            authenticated: pool.config.users.is_empty(),
            subscribed: false,
            in_multi: false,
            watching: false,
            eof: false,
            reading: true,
            runnable: false,
            dirty: false,
            counted,
            command: None,
            sent: 0,
            commands: 0,
            parsed: 0,
            turn: 0,
        });
        if counted {
            self.connected[usize::from(listener.0)].add(1);
        } else {
            self.refuse_client(id);
        }
        id
    }

    /// Bytes that a client sent. They are always taken whole.
    pub fn client_bytes(&mut self, id: ClientId, bytes: &[u8]) {
        let Some(client) = self.clients.get_mut(id) else { return };
        self.pools[usize::from(client.pool.0)].counters.received.add(bytes.len() as u64);
        client.session.last = self.now;
        client.session.received += bytes.len() as u64;
        self.take_input(id, bytes);
    }

    /// A client closed its side: it is still given what it is owed.
    pub fn client_eof(&mut self, id: ClientId) {
        let Some(client) = self.clients.get_mut(id) else { return };
        client.eof = true;
        if client.session.blocked.is_some() {
            // Nobody may be there any more to take what would be popped.
            return self.close_client(id, CloseReason::Eof);
        }
        self.run_or_finish(id);
    }

    /// A client's connection broke.
    pub fn client_lost(&mut self, id: ClientId) {
        self.close_client(id, CloseReason::Lost);
    }

    /// An upstream is connected.
    pub fn upstream_opened(&mut self, id: UpstreamId) {
        self.begin_handshake(id);
    }

    /// Bytes that a node sent. They are always taken whole.
    pub fn upstream_bytes(&mut self, id: UpstreamId, bytes: &[u8]) {
        self.take_replies(id, bytes);
    }

    /// An upstream could not be made, or broke.
    pub fn upstream_lost(&mut self, id: UpstreamId, lost: Lost) {
        self.lost_upstream(id, lost);
    }

    /// Parses and routes on what became runnable, and lets go what may go.
    pub fn settle(&mut self) {
        loop {
            self.start_streams();
            self.release_all();
            let round = self.runnable.len();
            for _ in 0..round {
                if let Some(id) = self.runnable.pop_front() {
                    self.run(id);
                }
            }
            // Whoever has used up its budget stays for the next turn.
            let stuck =
                self.runnable.iter().all(|id| self.clients.get(*id).is_none_or(|c| c.turn == self.turn));
            if self.releases.is_empty() && self.streams.is_empty() && stuck {
                break;
            }
        }
        self.begin_waits();
        self.count_paused();
        self.send_lines();
        self.next_due = self.due();
    }

    /// The next thing that the driver must do.
    pub fn next_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// The next party that has something to be written.
    pub fn next_dirty(&mut self) -> Option<Party> {
        loop {
            let party = self.dirty.pop_front()?;
            let flag = match party {
                Party::Client(id) => self.clients.get_mut(id).map(|c| &mut c.dirty),
                Party::Upstream(id) => self.upstreams.get_mut(id).map(|u| &mut u.dirty),
            };
            if let Some(flag) = flag {
                *flag = false;
                return Some(party);
            }
        }
    }

    /// What is to be written to a party; empty if nothing is, or if it has gone.
    pub fn output(&self, party: Party) -> &[u8] {
        match party {
            Party::Client(id) => self.clients.get(id).map_or(&[], |c| c.output.as_slice()),
            Party::Upstream(id) => self.upstreams.get(id).map_or(&[], |u| u.out.to_write()),
        }
    }

    /// The kernel (under TLS: the TLS layer) took the first `n` bytes of a party's output.
    pub fn wrote(&mut self, party: Party, n: usize) {
        match party {
            Party::Client(id) => self.wrote_to_client(id, n),
            Party::Upstream(id) => self.wrote_to_upstream(id, n),
        }
    }

    /// When `begin_turn` must be called at the latest.
    pub fn deadline(&self) -> Option<Time> {
        if !self.runnable.is_empty() || !self.releases.is_empty() || !self.streams.is_empty() {
            return Some(self.now);
        }
        self.next_due
    }

    /// Something will be due at `at` that was not known when the turn's end was reckoned.
    fn due_by(&mut self, at: Time) {
        self.next_due = Some(self.next_due.map_or(at, |due| due.min(at)));
    }

    /// Closes what serves nobody: for a driver that is told to stop. Clients that are owed something
    /// are closed once they have it. Returns how many remain.
    pub fn drain(&mut self) -> usize {
        let ids: Vec<ClientId> = self.clients.iter().map(|(id, _)| id).collect();
        for id in ids {
            let Some(client) = self.clients.get_mut(id) else { continue };
            let idle = client.settled() && client.input.is_empty() && client.stream.is_none();
            // One that blocks may be owed something for ever.
            if idle || client.session.blocked.is_some() {
                self.close_client(id, CloseReason::Shutdown);
            }
        }
        self.clients.len()
    }

    /// Since 1970.
    fn wall(&self) -> Duration {
        self.wall_at_origin + Duration::from_nanos(self.now.as_nanos())
    }

    fn mark_client_dirty(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && !client.dirty
        {
            client.dirty = true;
            self.dirty.push_back(Party::Client(id));
        }
    }

    fn mark_upstream_dirty(&mut self, id: UpstreamId) {
        if let Some(upstream) = self.upstreams.get_mut(id)
            && !upstream.dirty
        {
            upstream.dirty = true;
            self.dirty.push_back(Party::Upstream(id));
        }
    }

    fn make_runnable(&mut self, id: ClientId) {
        if let Some(client) = self.clients.get_mut(id)
            && !client.runnable
        {
            client.runnable = true;
            self.runnable.push_back(id);
        }
    }

    fn release(&mut self, pool: PoolId, shard: ShardId) {
        if !self.hold.is_empty() && !self.releases.contains(&(pool, shard)) {
            self.releases.push((pool, shard));
        }
    }
}
