//! A link that can be slow, silent or cut: a TCP relay on 127.0.0.1 between two real peers.
//!
//! Each direction of a connection has a reader, a bounded queue and a writer, so that a delay is a
//! delay and not a lower bandwidth. It carries bytes and knows nothing of RESP.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use crate::lab::LabError;

/// Between two looks at the rules, while stalled, and at the listener.
const STEP: Duration = Duration::from_millis(2);
/// How long the relay tries to reach the target.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
const PIECE: usize = 16 * 1024;
/// Pieces that a direction keeps while they are delayed; then its sender has to wait.
const PIECES: usize = 256;

/// Which bytes a stall stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From whoever connected to the relay.
    ToTarget,
    FromTarget,
    Both,
}

/// A relay to one target. Dropping it closes everything.
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
    acceptor: Option<JoinHandle<()>>,
}

struct State {
    target: SocketAddr,
    rules: Mutex<Rules>,
    /// `None` while the link is cut.
    listener: Mutex<Option<TcpListener>>,
    links: Mutex<Vec<Link>>,
}

#[derive(Clone, Copy)]
struct Rules {
    delay: Duration,
    stalled: Option<Direction>,
    ended: bool,
}

/// Both sockets of one relayed connection.
struct Link {
    /// Who connected.
    peer: SocketAddr,
    near: TcpStream,
    far: TcpStream,
}

impl Relay {
    /// Listens on `port` (0: any) of 127.0.0.1 and connects to `target` for each connection.
    pub fn start(port: u16, target: SocketAddr) -> Result<Relay, LabError> {
        let listener = listen(([127, 0, 0, 1], port).into()).map_err(LabError::io("start a relay"))?;
        let address = listener.local_addr().map_err(LabError::io("start a relay"))?;
        let rules = Rules { delay: Duration::ZERO, stalled: None, ended: false };
        let state = Arc::new(State {
            target,
            rules: Mutex::new(rules),
            listener: Mutex::new(Some(listener)),
            links: Mutex::new(Vec::new()),
        });
        let for_acceptor = state.clone();
        let acceptor = thread::spawn(move || accept_until_ended(&for_acceptor));
        Ok(Relay { address, state, acceptor: Some(acceptor) })
    }

    /// Where to connect to instead of the target.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every byte arrives that much later, in both directions.
    pub fn delay(&self, delay: Duration) {
        lock(&self.state.rules).delay = delay;
    }

    /// Carries nothing more in that direction; connections stay open, and new ones are accepted.
    pub fn stall(&self, direction: Direction) {
        lock(&self.state.rules).stalled = Some(direction);
    }

    /// Ends a stall: what waited arrives.
    pub fn flow(&self) {
        lock(&self.state.rules).stalled = None;
    }

    /// Closes all connections at both ends; new ones are accepted.
    pub fn drop_connections(&self) {
        lock(&self.state.links).drain(..).for_each(|link| link.close());
    }

    /// Closes all connections and refuses new ones.
    pub fn cut(&self) {
        *lock(&self.state.listener) = None;
        self.drop_connections();
    }

    /// Ends a cut.
    pub fn reopen(&self) -> Result<(), LabError> {
        let mut listener = lock(&self.state.listener);
        if listener.is_none() {
            *listener = Some(listen(self.address).map_err(LabError::io("reopen a relay"))?);
        }
        Ok(())
    }

    /// Connections that are open at this moment.
    pub fn connections(&self) -> usize {
        lock(&self.state.links).len()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        lock(&self.state.rules).ended = true;
        self.cut();
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl State {
    fn rules(&self) -> Rules {
        *lock(&self.rules)
    }

    /// Waits while `direction` is stalled. False if the relay ended.
    fn may_flow(&self, direction: Direction) -> bool {
        loop {
            let rules = self.rules();
            if rules.ended {
                return false;
            }
            match rules.stalled {
                Some(stalled) if stalled == direction || stalled == Direction::Both => thread::sleep(STEP),
                _ => return true,
            }
        }
    }

    /// Ends a link of which both directions have ended: its readers, too.
    fn forget(&self, peer: SocketAddr) {
        lock(&self.links).retain(|link| {
            if link.peer == peer {
                link.close();
            }
            link.peer != peer
        });
    }
}

impl Link {
    fn close(&self) {
        let _ = self.near.shutdown(Shutdown::Both);
        let _ = self.far.shutdown(Shutdown::Both);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn accept_until_ended(state: &Arc<State>) {
    while !state.rules().ended {
        let accepted = lock(&state.listener).as_ref().and_then(|listener| listener.accept().ok());
        match accepted {
            // A link that cannot be made is a closed connection, as without the relay.
            Some((near, peer)) => drop(join(state, near, peer)),
            None => thread::sleep(STEP),
        }
    }
}

/// Connects to the target and starts the four threads of a link.
fn join(state: &Arc<State>, near: TcpStream, peer: SocketAddr) -> io::Result<()> {
    let far = TcpStream::connect_timeout(&state.target, CONNECT_LIMIT)?;
    near.set_nonblocking(false)?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    lock(&state.links).push(Link { peer, near: near.try_clone()?, far: far.try_clone()? });
    let there = carry(state, Direction::ToTarget, near.try_clone()?, far.try_clone()?);
    let back = carry(state, Direction::FromTarget, far, near);
    let state = state.clone();
    thread::spawn(move || {
        let _ = there.join();
        let _ = back.join();
        state.forget(peer);
    });
    Ok(())
}

/// A piece and the moment at which it may arrive; an empty one is the end of the stream.
type Piece = (Instant, Vec<u8>);

fn carry(state: &Arc<State>, direction: Direction, from: TcpStream, to: TcpStream) -> JoinHandle<()> {
    let (queue, pieces) = sync_channel(PIECES);
    let reader = state.clone();
    thread::spawn(move || read_pieces(&reader, direction, from, &queue));
    let writer = state.clone();
    thread::spawn(move || write_pieces(&writer, direction, to, &pieces))
}

fn read_pieces(state: &State, direction: Direction, mut from: TcpStream, queue: &SyncSender<Piece>) {
    let mut piece = vec![0; PIECE];
    // Not read while stalled, so that the sender's socket fills as it would on a dead link.
    while state.may_flow(direction) {
        let len = from.read(&mut piece).unwrap_or(0);
        let due = Instant::now() + state.rules().delay;
        if queue.send((due, piece[..len].to_vec())).is_err() || len == 0 {
            return;
        }
    }
}

fn write_pieces(state: &State, direction: Direction, mut to: TcpStream, pieces: &Receiver<Piece>) {
    while let Ok((due, piece)) = pieces.recv() {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if !state.may_flow(direction) {
            return;
        }
        if piece.is_empty() {
            let _ = to.shutdown(Shutdown::Write);
            return;
        }
        if to.write_all(&piece).is_err() {
            return;
        }
    }
}
