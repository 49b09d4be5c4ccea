//! A connection behind a transform, over real sockets whose send buffers are as small as they go: first two
//! sockets of the driver on their own, then a whole worker.

mod frames;

use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Instant;

use mio::{Events, Poll, Token};

use super::*;
use crate::base::ClientId;
use crate::topology::{Topology, publisher};
use frames::{ALERT, Frames, HELD};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// Bytes that the kernel keeps for a socket that is not read.
const RECEIVED: usize = 64 * 1024;
const SOMEBODY: Party = Party::Client(ClientId { index: 0, generation: 0 });

#[test]
fn every_byte_comes_through_a_transform_in_order_and_the_end_comes_last() {
    let (one, other) = pair();
    let mut poll = Poll::new().unwrap();
    let mut ends = [
        End::new(one, Some(Frames::first()), noise(700_000, 3), &poll, Token(0)),
        End::new(other, Some(Frames::second()), noise(300_001, 5), &poll, Token(1)),
    ];
    ends.iter_mut().for_each(|end| end.leaves = Leaves::InWords);
    // It has nothing to say for itself before it was greeted, and is asked to write all the same.
    ends[1].write();
    turn_until(&mut poll, &mut ends, |ends| ends.iter().all(|end| end.at_end && end.done()));
    assert!(ends[1].got == noise(700_000, 3));
    assert!(ends[0].got == noise(300_001, 5));
}

#[test]
fn a_wire_that_just_ends_is_the_end_behind_all_that_came() {
    let (one, other) = pair();
    let mut poll = Poll::new().unwrap();
    let mut ends = [
        End::new(one, Some(Frames::first()), noise(100_000, 3), &poll, Token(0)),
        End::new(other, Some(Frames::second()), Vec::new(), &poll, Token(1)),
    ];
    ends[0].leaves = Leaves::Silently;
    turn_until(&mut poll, &mut ends, |ends| ends[1].at_end);
    assert!(ends[1].got == noise(100_000, 3));
}

#[test]
fn a_transform_has_the_last_word_when_it_gives_up() {
    let (one, other) = pair();
    let mut poll = Poll::new().unwrap();
    let mut ends = [
        End::new(one, None, b"no greeting".to_vec(), &poll, Token(0)),
        End::new(other, Some(Frames::second()), Vec::new(), &poll, Token(1)),
    ];
    turn_until(&mut poll, &mut ends, |ends| !ends[0].got.is_empty());
    assert_eq!(ends[0].got, ALERT);
    assert_eq!(ends[1].broken, Some(io::ErrorKind::InvalidData));
}

#[test]
fn what_waits_for_the_wire_is_bounded() {
    let (one, other) = pair();
    let mut poll = Poll::new().unwrap();
    let mut ends = [
        End::new(one, Some(Frames::first()), noise(4_000_000, 3), &poll, Token(0)),
        End::new(other, Some(Frames::second()), Vec::new(), &poll, Token(1)),
    ];
    ends[1].socket.read_on = false;
    ends[0].write();
    // Before the greeting there is no edge to wait for: the transform alone says no.
    assert_eq!(ends[0].wrote, HELD, "as much as it may hold");
    assert!(ends[0].socket.wants_write);
    ends[1].socket.read_on = true;
    turn_until(&mut poll, &mut ends, |ends| ends[0].done());
}

#[test]
fn a_worker_serves_clients_behind_a_transform_to_their_last_byte() {
    let worker = Running::start(Arc::new(|_| Some(Frames::second())));
    let (mut requests, mut replies) = (Vec::new(), Vec::new());
    for n in 0..600_usize {
        let word = vec![b'a' + (n % 26) as u8; n * 37 % 1500];
        for (out, header) in [(&mut requests, "*2\r\n$4\r\nECHO\r\n"), (&mut replies, "")] {
            out.extend(format!("{header}${}\r\n", word.len()).bytes());
            out.extend(&word);
            out.extend(b"\r\n");
        }
    }
    requests.extend(b"QUIT\r\n");
    replies.extend(b"+OK\r\n");
    let mut poll = Poll::new().unwrap();
    // Some at once; each leaves when it has everything.
    let mut ends: Vec<End> = (0..4)
        .map(|n| End::new(worker.connect(), Some(Frames::first()), requests.clone(), &poll, Token(n)))
        .collect();
    ends.iter_mut().for_each(|end| {
        end.reads_at_once = 700;
        end.write();
    });
    turn_until(&mut poll, &mut ends, |ends| ends.iter().all(|end| end.at_end));
    for end in &ends {
        assert!(end.got == replies, "{} of {} bytes", end.got.len(), replies.len());
    }
    worker.stop();
}

#[test]
fn a_worker_without_a_door_speaks_plainly() {
    let worker = Running::start(Arc::new(|_| None));
    let mut poll = Poll::new().unwrap();
    let requests = b"PING\r\nQUIT\r\n".to_vec();
    let mut ends = [End::new(worker.connect(), None, requests, &poll, Token(0))];
    turn_until(&mut poll, &mut ends, |ends| ends[0].at_end);
    assert_eq!(ends[0].got, b"+PONG\r\n+OK\r\n");
    worker.stop();
}

#[derive(Clone, Copy)]
enum Leaves {
    Never,
    /// As the transform says it.
    InWords,
    /// By closing its side of the wire.
    Silently,
}

/// One side, driven as a worker drives its sockets: edges set flags, reads and writes clear them.
struct End {
    socket: Socket,
    list: Vec<Party>,
    to_write: Vec<u8>,
    wrote: usize,
    got: Vec<u8>,
    at_end: bool,
    ended: bool,
    /// What it does when everything is written.
    leaves: Leaves,
    reads_at_once: usize,
    broken: Option<io::ErrorKind>,
}

impl End {
    fn new(
        stream: TcpStream,
        door: Option<Box<dyn transform::Transform>>,
        to_write: Vec<u8>,
        poll: &Poll,
        token: Token,
    ) -> End {
        let mut socket = Socket::accepted(stream, door).unwrap();
        poll.registry().register(socket.source(), token, INTEREST).unwrap();
        End {
            socket,
            list: Vec::new(),
            to_write,
            wrote: 0,
            got: Vec::new(),
            at_end: false,
            ended: false,
            leaves: Leaves::Never,
            reads_at_once: 4096,
            broken: None,
        }
    }

    fn done(&self) -> bool {
        self.wrote == self.to_write.len() && !self.socket.owes_wire()
    }

    fn event(&mut self, event: &mio::event::Event) {
        if ready(&mut self.socket, event, &mut self.list, SOMEBODY) {
            self.write();
        }
    }

    fn write(&mut self) {
        while self.wrote < self.to_write.len() || self.socket.owes_wire() {
            if self.socket.wants_write {
                return;
            }
            match self.socket.write(&self.to_write[self.wrote..]) {
                Ok(n) => self.wrote += n,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.broken = Some(error.kind()),
            }
        }
        if core::mem::replace(&mut self.ended, true) {
            return;
        }
        match self.leaves {
            Leaves::Never => {}
            Leaves::InWords => drop(self.socket.end()),
            Leaves::Silently => self.socket.source().shutdown(std::net::Shutdown::Write).unwrap(),
        }
    }

    /// False once there is nothing to read for now.
    fn read(&mut self) -> bool {
        self.list.clear();
        self.socket.listed = false;
        if !self.socket.readable || !self.socket.read_on || self.at_end || self.broken.is_some() {
            return false;
        }
        let mut piece = vec![0; self.reads_at_once];
        let result = self.socket.read(&mut piece);
        let again = self.socket.may_write_after_read();
        match result {
            Ok(0) => self.at_end = true,
            Ok(n) => self.got.extend(&piece[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
            Err(error) => {
                self.broken = Some(error.kind());
                return false;
            }
        }
        if again {
            self.write();
        }
        true
    }
}

fn turn_until(poll: &mut Poll, ends: &mut [End], until: impl Fn(&[End]) -> bool) {
    let mut events = Events::with_capacity(16);
    let limit = Instant::now() + PATIENCE;
    let mut more = false;
    for end in ends.iter_mut() {
        end.write();
    }
    while !until(ends) {
        assert!(Instant::now() < limit, "nothing happens any more: {}", told(ends));
        let wait = if more { Duration::ZERO } else { Duration::from_millis(100) };
        poll.poll(&mut events, Some(wait)).unwrap();
        for event in &events {
            ends[event.token().0].event(event);
        }
        more = false;
        for end in ends.iter_mut() {
            more |= end.read();
        }
    }
}

fn told(ends: &[End]) -> String {
    let told = |end: &End| format!("wrote {} of {}, got {}; ", end.wrote, end.to_write.len(), end.got.len());
    ends.iter().map(told).collect()
}

/// A connection to ourselves, both of its sides with the smallest send buffers that the kernel gives.
fn pair() -> (TcpStream, TcpStream) {
    let listener = tight_listener();
    let one = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    tighten(&socket2::SockRef::from(&one));
    (one, listener.accept().unwrap().0)
}

/// Sockets that it accepts inherit its buffers.
fn tight_listener() -> TcpListener {
    let any = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    let listener = bind(any).unwrap();
    listener.set_nonblocking(false).unwrap();
    tighten(&socket2::SockRef::from(&listener));
    listener
}

fn tighten(socket: &socket2::SockRef<'_>) {
    socket.set_send_buffer_size(1).unwrap();
    // No smaller: below the size of a segment the kernel waits for timers, window after window.
    socket.set_recv_buffer_size(RECEIVED).unwrap();
}

fn noise(len: usize, step: u32) -> Vec<u8> {
    (0..len as u32).map(|n| (n.wrapping_mul(step) ^ (n / 250)) as u8).collect()
}

/// A worker on a thread of its own.
struct Running {
    address: SocketAddr,
    facts: Arc<ProcessFacts>,
    mailboxes: Arc<[Mailbox]>,
    thread: thread::JoinHandle<io::Result<()>>,
}

impl Running {
    fn start(doors: Doors) -> Running {
        let listener = tight_listener();
        let address = listener.local_addr().unwrap();
        listener.set_nonblocking(true).unwrap();
        let facts = Arc::new(ProcessFacts::new(1));
        let mailboxes = mailboxes(1);
        let (_publisher, reader) = publisher(Topology::sample());
        let worker = Worker::new(WorkerSetting {
            id: WorkerId(0),
            workers: 1,
            reader,
            facts: Arc::clone(&facts),
            registry: Registry::new(),
            origin: Instant::now(),
            wall_at_origin: Duration::ZERO,
            seed: 1,
            observations: tokio::sync::mpsc::channel(1).0,
            mailboxes: Arc::clone(&mailboxes),
            listeners: vec![(ListenerId(0), listener)],
            doors,
        })
        .unwrap();
        Running { address, facts, mailboxes, thread: thread::spawn(move || worker.run()) }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        tighten(&socket2::SockRef::from(&stream));
        stream
    }

    fn stop(self) {
        self.facts.drain(Time::from_millis(1));
        self.mailboxes[0].wake();
        self.thread.join().unwrap().unwrap();
    }
}
