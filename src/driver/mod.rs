//! Moves bytes: one thread a worker, each with an epoll loop, sharing nothing. It accepts, connects, reads,
//! writes and knows what time it is; what the bytes mean only the engine knows.
//!
//! One turn of the loop:
//!
//! ```text
//!   sleep until an event or the engine's deadline
//!   begin_turn(now) · the newest topology · events · reads (at most 4 a socket)
//!   settle · actions · one write a dirty connection
//! ```
//!
//! Polling is edge-triggered: a read shorter than the buffer ends a socket's turn, and a socket that may
//! hold more, or that the engine paused, is on a list, since no second edge will come.

mod letters;
mod lingering;
mod listener;
mod mailbox;
mod socket;
mod table;
#[cfg(test)]
mod tests;
mod transform;

use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use mio::{Events, Interest, Poll, Token};

use crate::base::{ListenerId, Time, UpstreamId, WorkerId};
use crate::engine::{Action, Engine, Lost, Party, Setting};
use crate::metrics::{Counter, Registry, catalog};
use crate::topology::{Observation, ProcessFacts, Reader};
use lingering::Lingering;
use listener::Listener;
pub(crate) use listener::{BindError, bind};
pub(crate) use mailbox::{Mailbox, mailboxes};
use socket::Socket;
use table::Sockets;
pub(crate) use transform::Doors;

/// One read takes at most this much; every socket is read into the same buffer.
const SCRATCH: usize = 64 * 1024;
/// Reads of one socket in one turn.
const READS: usize = 4;
/// Events taken from the kernel at once.
const EVENTS: usize = 1024;
/// How long a listener rests that could not accept.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// The longest sleep, so that a worker is seen to live.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

const WAKER: Token = Token(usize::MAX);
/// The top bits of a token say what kind of socket it is, the rest which.
const KIND: u32 = 62;
const CLIENT: usize = 0;
const UPSTREAM: usize = 1;
const LISTENER: usize = 2;
const LINGERING: usize = 3;

/// What a worker is made of.
pub(crate) struct WorkerSetting {
    pub(crate) id: WorkerId,
    pub(crate) workers: usize,
    pub(crate) reader: Reader,
    pub(crate) facts: Arc<ProcessFacts>,
    pub(crate) registry: Registry,
    /// The process's zero of `Time`.
    pub(crate) origin: Instant,
    /// Wall time at the origin, since 1970.
    pub(crate) wall_at_origin: Duration,
    pub(crate) seed: u64,
    pub(crate) observations: tokio::sync::mpsc::Sender<Observation>,
    /// This worker's mailbox, and everybody's: worker 0 accepts and deals.
    pub(crate) mailboxes: Arc<[Mailbox]>,
    /// For worker 0: the listening sockets, in the order of their ids.
    pub(crate) listeners: Vec<(ListenerId, std::net::TcpListener)>,
    pub(crate) doors: Doors,
}

pub(crate) struct Worker {
    poll: Poll,
    engine: Engine,
    id: WorkerId,
    reader: Reader,
    facts: Arc<ProcessFacts>,
    origin: Instant,
    observations: tokio::sync::mpsc::Sender<Observation>,
    dropped: Counter,
    mailboxes: Arc<[Mailbox]>,
    listeners: Vec<Listener>,
    /// The worker that gets the next accepted client.
    next_worker: usize,
    doors: Doors,
    sockets: Sockets,
    lingering: Lingering,
    /// Sockets that may have more to read.
    readable: Vec<Party>,
    /// When upstreams that are on their way are given up.
    connecting: Vec<(UpstreamId, Time)>,
    scratch: Box<[u8]>,
}

impl Worker {
    /// # Errors
    /// When the kernel gives no epoll, or not one more descriptor.
    pub(crate) fn new(setting: WorkerSetting) -> io::Result<Worker> {
        let poll = Poll::new()?;
        let mailboxes = setting.mailboxes;
        mailboxes[usize::from(setting.id.0)].attach(poll.registry(), WAKER)?;
        let listeners = setting
            .listeners
            .into_iter()
            .map(|(id, std)| {
                Listener::new(id, std, poll.registry(), Token(LISTENER << KIND | usize::from(id.0)))
            })
            .collect::<io::Result<Vec<Listener>>>()?;
        let engine = Engine::new(Setting {
            topology: setting.reader.current(),
            facts: Arc::clone(&setting.facts),
            registry: setting.registry.clone(),
            worker: setting.id,
            workers: setting.workers,
            seed: setting.seed,
            wall_at_origin: setting.wall_at_origin,
            now: now(setting.origin),
        });
        Ok(Worker {
            poll,
            engine,
            id: setting.id,
            reader: setting.reader,
            facts: setting.facts,
            origin: setting.origin,
            observations: setting.observations,
            dropped: setting.registry.counter(&catalog::OBSERVATIONS_DROPPED_TOTAL, &[]),
            mailboxes,
            listeners,
            next_worker: 0,
            doors: setting.doors,
            sockets: Sockets::default(),
            lingering: Lingering::default(),
            readable: Vec::new(),
            connecting: Vec::new(),
            scratch: vec![0; SCRATCH].into_boxed_slice(),
        })
    }

    /// Turns until the process is drained or its time is up.
    ///
    /// # Errors
    /// When polling itself fails, which no socket can cause.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let result = self.turn_on();
        self.answer_no_more();
        result
    }

    fn turn_on(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        // What the first topology asks for.
        self.act();
        loop {
            let sleep = self.sleep();
            match self.poll.poll(&mut events, Some(sleep)) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                result => result?,
            }
            let now = now(self.origin);
            self.engine.begin_turn(now);
            let topology = self.reader.current();
            self.facts.workers[usize::from(self.id.0)].saw(topology.epoch);
            self.engine.topology(topology);
            for event in &events {
                self.event(event);
            }
            self.give_up_connecting(now);
            self.lingering.give_up(now);
            self.read_all();
            if self.stop(now) {
                return Ok(());
            }
            self.engine.settle();
            self.act();
            self.facts.workers[usize::from(self.id.0)].turns.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn sleep(&self) -> Duration {
        if !self.readable.is_empty() {
            return Duration::ZERO;
        }
        let rests = self.listeners.iter().filter_map(|l| l.rest_until);
        let connects = self.connecting.iter().map(|(_, at)| *at);
        let others = self.facts.stop_at().into_iter().chain(self.lingering.deadline());
        let deadline = connects.chain(self.engine.deadline()).chain(rests).chain(others).min();
        // mio rounds it up to milliseconds: waking before the deadline would be a turn for nothing.
        deadline.map_or(LONGEST_SLEEP, |at| at.since(now(self.origin))).min(LONGEST_SLEEP)
    }

    fn event(&mut self, event: &mio::event::Event) {
        let Token(token) = event.token();
        if event.token() == WAKER {
            return self.open_mail();
        }
        let index = token & ((1 << KIND) - 1);
        match token >> KIND {
            LISTENER => self.accept(index),
            LINGERING => self.lingering.write(index),
            CLIENT => {
                let Some((id, _)) = self.sockets.clients.at(index) else { return };
                self.ready(Party::Client(id), event);
            }
            _ => {
                let Some((id, socket)) = self.sockets.upstreams.at(index) else { return };
                if !socket.connecting || self.connected(id) {
                    self.ready(Party::Upstream(id), event);
                }
            }
        }
    }

    fn ready(&mut self, party: Party, event: &mio::event::Event) {
        let Some(socket) = self.sockets.get(party) else { return };
        if ready(socket, event, &mut self.readable, party) {
            self.write(party);
        }
    }

    /// Perhaps a connect has come to an end; true if there is a connection now.
    fn connected(&mut self, id: UpstreamId) -> bool {
        let Some(socket) = self.sockets.upstreams.get(id) else { return false };
        let ended = socket.finish_connect();
        match ended {
            Ok(false) => return false,
            Ok(true) => self.engine.upstream_opened(id),
            Err(_) => self.engine.upstream_lost(id, Lost::Connect),
        }
        self.connecting.retain(|(other, _)| *other != id);
        ended.is_ok()
    }

    fn give_up_connecting(&mut self, now: Time) {
        while let Some(i) = self.connecting.iter().position(|(_, at)| *at <= now) {
            let (id, _) = self.connecting.swap_remove(i);
            self.engine.upstream_lost(id, Lost::ConnectTimeout);
        }
    }

    /// Reads what may be read, each socket at most `READS` times.
    fn read_all(&mut self) {
        let mut round = core::mem::take(&mut self.readable);
        for party in round.drain(..) {
            self.read(party);
        }
        // Those that were put back while reading, and the list's memory.
        round.append(&mut self.readable);
        self.readable = round;
    }

    fn read(&mut self, party: Party) {
        for _ in 0..READS {
            let Some(socket) = self.sockets.get(party) else { return };
            socket.listed = false;
            if !socket.read_on || !socket.readable {
                return;
            }
            let result = socket.read(&mut self.scratch);
            let write = socket.may_write_after_read();
            match result {
                Ok(0) => return self.ended(party),
                Ok(n) => match party {
                    Party::Client(id) => self.engine.client_bytes(id, &self.scratch[..n]),
                    Party::Upstream(id) => self.engine.upstream_bytes(id, &self.scratch[..n]),
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.broken(party),
            }
            if write {
                self.write(party);
            }
        }
        if let Some(socket) = self.sockets.get(party) {
            socket.list(&mut self.readable, party);
        }
    }

    fn ended(&mut self, party: Party) {
        match party {
            Party::Client(id) => self.engine.client_eof(id),
            Party::Upstream(id) => self.engine.upstream_lost(id, Lost::Closed),
        }
    }

    fn broken(&mut self, party: Party) {
        match party {
            Party::Client(id) => self.engine.client_lost(id),
            Party::Upstream(id) => self.engine.upstream_lost(id, Lost::Closed),
        }
    }

    /// Does what the engine wants done, and writes what it has to say, until there is nothing left.
    fn act(&mut self) {
        loop {
            while let Some(action) = self.engine.next_action() {
                self.do_action(action);
            }
            match self.engine.next_dirty() {
                Some(party) => self.write(party),
                None => break,
            }
        }
    }

    fn do_action(&mut self, action: Action) {
        match action {
            Action::Connect { upstream, to, within } => match Socket::connect(to) {
                Ok(socket) => {
                    let token = Token(UPSTREAM << KIND | upstream.index as usize);
                    if self.sockets.upstreams.insert(upstream, socket, self.poll.registry(), token).is_ok() {
                        self.connecting.push((upstream, now(self.origin) + within));
                    } else {
                        self.engine.upstream_lost(upstream, Lost::Connect);
                    }
                }
                Err(_) => self.engine.upstream_lost(upstream, Lost::Connect),
            },
            Action::Close { party: Party::Client(id), .. } => {
                if let Some(mut socket) = self.sockets.clients.remove(id)
                    && socket.end()
                {
                    self.linger(socket);
                }
            }
            Action::Close { party: Party::Upstream(id), .. } => {
                self.connecting.retain(|(other, _)| *other != id);
                // What a transform still holds for a node is not said any more: it has had its verdict.
                drop(self.sockets.upstreams.remove(id));
            }
            Action::Read { party, on } => {
                if let Some(socket) = self.sockets.get(party) {
                    socket.read_on = on;
                    if on {
                        socket.list(&mut self.readable, party);
                    }
                }
            }
            Action::Report(observation) => {
                if self.observations.try_send(observation).is_err() {
                    self.dropped.inc();
                }
            }
            letter => self.send_letter(letter),
        }
    }

    /// One write; what the kernel does not take waits for its word.
    fn write(&mut self, party: Party) {
        loop {
            let output = self.engine.output(party);
            let Some(socket) = self.sockets.get(party) else { return };
            if socket.connecting || socket.wants_write || (output.is_empty() && !socket.owes_wire()) {
                return;
            }
            match socket.write(output) {
                Ok(n) => {
                    let all = n == output.len();
                    self.engine.wrote(party, n);
                    if all {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return self.broken(party),
            }
        }
    }

    fn linger(&mut self, socket: Socket) {
        let token = |index| Token(LINGERING << KIND | index);
        self.lingering.keep(socket, now(self.origin), self.poll.registry(), token);
    }

    /// Clients wait to be accepted: they are dealt round robin over the workers.
    fn accept(&mut self, listener: usize) {
        loop {
            let Some(accepted) = self.listeners.get(listener).map(Listener::accept) else { return };
            match accepted {
                Ok((stream, id)) => {
                    let worker = self.next_worker;
                    self.next_worker = (worker + 1) % self.mailboxes.len();
                    if worker == usize::from(self.id.0) {
                        self.adopt(id, stream);
                    } else {
                        self.mailboxes[worker].send(id, stream);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The client has gone again while it waited.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => {
                    // Descriptors or kernel memory: trying again at once would only burn the core.
                    tracing::error!(event = "listener.resting", %error, "no client can be accepted for a moment");
                    if let Some(listener) = self.listeners.get_mut(listener) {
                        listener.rest_until = Some(now(self.origin) + ACCEPT_REST);
                    }
                    return;
                }
            }
        }
    }

    fn open_mail(&mut self) {
        let (clients, letters) = self.mailboxes[usize::from(self.id.0)].take();
        for (listener, stream) in clients {
            self.adopt(listener, stream);
        }
        self.read_letters(letters);
    }

    /// This worker serves the client from now on.
    fn adopt(&mut self, listener: ListenerId, stream: std::net::TcpStream) {
        let Ok(peer) = stream.peer_addr() else { return };
        let local = stream.local_addr();
        let Ok(socket) = Socket::accepted(stream, (self.doors)(listener)) else { return };
        let id = self.engine.client_opened(listener, peer);
        if let Ok(local) = local {
            self.engine.client_local(id, local);
        }
        let token = Token(CLIENT << KIND | id.index as usize);
        if self.sockets.clients.insert(id, socket, self.poll.registry(), token).is_err() {
            return self.engine.client_lost(id);
        }
        // A transform may have the first word.
        self.write(Party::Client(id));
    }

    /// While the process drains: no new clients, idle ones are closed, and in the end all are.
    fn stop(&mut self, now: Time) -> bool {
        self.accept_again(now);
        let Some(stop_at) = self.facts.stop_at() else { return false };
        self.listeners.clear();
        // Whoever was accepted before is served.
        self.open_mail();
        let remaining = self.engine.drain();
        self.act();
        (remaining == 0 && self.lingering.is_empty()) || now >= stop_at
    }

    /// Listeners that rested because there were no descriptors.
    fn accept_again(&mut self, now: Time) {
        for i in 0..self.listeners.len() {
            if self.listeners[i].rest_until.is_some_and(|at| at <= now) {
                self.listeners[i].rest_until = None;
                self.accept(i);
            }
        }
    }
}

/// Notes what an event says about a socket. True if what waited to be written may be.
fn ready(socket: &mut Socket, event: &mio::event::Event, readable: &mut Vec<Party>, party: Party) -> bool {
    let closed = event.is_read_closed() || event.is_error();
    if event.is_readable() || closed {
        socket.may_read(readable, party, closed);
    }
    event.is_writable() && socket.may_write()
}

fn now(origin: Instant) -> Time {
    Time::ZERO + origin.elapsed()
}

/// What every socket is watched for.
const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);
