//! The load: one thread, many connections, each with one batch of requests in flight.
//!
//! All peers get the same bytes in the same manner. A reply counts only if it is, byte for byte, the one
//! that is owed: every key holds the same value, so what must come back is known before anything is sent.
//!
//! Deliberately absent: no open loop. A connection sends its next batch when the last one is answered, so
//! latencies say how busy a peer is, not how it would do at a rate that it can't keep up with.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

/// Distinct keys that requests cycle over.
pub(crate) const KEYS: usize = 10_000;
const VALUE: [u8; 64] = [b'v'; 64];
const MGET_KEYS: usize = 10;
/// A peer that is silent for this long has failed.
const SILENCE_MAX: Duration = Duration::from_secs(5);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Command {
    Get,
    Set,
    /// Ten keys, which lie on two shards.
    Mget,
}

impl Command {
    pub(crate) const ALL: [Command; 3] = [Command::Get, Command::Set, Command::Mget];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Command::Get => "get",
            Command::Set => "set",
            Command::Mget => "mget",
        }
    }

    fn request(self, first_key: usize) -> Vec<u8> {
        let key = |i: usize| format!("key:{:08}", (first_key + i) % KEYS).into_bytes();
        match self {
            Command::Get => encode(&[b"GET".to_vec(), key(0)]),
            Command::Set => encode(&[b"SET".to_vec(), key(0), VALUE.to_vec()]),
            Command::Mget => {
                let keys = (0..MGET_KEYS).map(key);
                encode(&[b"MGET".to_vec()].into_iter().chain(keys).collect::<Vec<_>>())
            }
        }
    }

    fn reply(self) -> Vec<u8> {
        let value = [b"$64\r\n", &VALUE[..], b"\r\n"].concat();
        match self {
            Command::Get => value,
            Command::Set => b"+OK\r\n".to_vec(),
            Command::Mget => [b"*10\r\n".to_vec(), value.repeat(MGET_KEYS)].concat(),
        }
    }
}

fn encode(arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut request = format!("*{}\r\n", arguments.len()).into_bytes();
    for argument in arguments {
        request.extend(format!("${}\r\n", argument.len()).bytes());
        request.extend(argument);
        request.extend(b"\r\n");
    }
    request
}

/// What connections send and are owed, prepared before the clock runs.
pub(crate) struct Work {
    /// A request for each key, then those of the first keys again, so that every batch is one slice.
    requests: Vec<u8>,
    /// Bytes of one request; all have the same length.
    request: usize,
    /// The replies to one batch.
    replies: Vec<u8>,
    pipeline: usize,
}

impl Work {
    pub(crate) fn new(command: Command, pipeline: usize) -> Work {
        Work {
            requests: (0..KEYS + pipeline).flat_map(|key| command.request(key)).collect(),
            request: command.request(0).len(),
            replies: command.reply().repeat(pipeline),
            pipeline,
        }
    }

    fn batch(&self, first: usize) -> &[u8] {
        &self.requests[first * self.request..(first + self.pipeline) * self.request]
    }
}

/// How long to load a peer.
pub(crate) struct Limits<'a> {
    pub(crate) connections: usize,
    /// Sent, but not counted.
    pub(crate) warm_up: Duration,
    /// The window ends when its time or its requests are used up.
    pub(crate) window: Duration,
    pub(crate) requests: u64,
    /// Set when the program is asked to end.
    pub(crate) stop: &'a AtomicBool,
}

/// What was seen in one window.
pub(crate) struct Load {
    pub(crate) requests: u64,
    pub(crate) elapsed: Duration,
    /// From a batch's first byte sent to its last byte received, each batch.
    pub(crate) latencies: Vec<Duration>,
}

impl Load {
    /// Of the batches, sorted by latency: the one at `part` of the way (0.5 = median).
    pub(crate) fn latency(&mut self, part: f64) -> Duration {
        if self.latencies.is_empty() {
            return Duration::ZERO;
        }
        let index = ((self.latencies.len() - 1) as f64 * part) as usize;
        *self.latencies.select_nth_unstable(index).1
    }
}

/// Loads a peer; `at_edge` is called right before and right after the counted window.
pub(crate) fn run(
    address: SocketAddr,
    work: &Work,
    limits: &Limits,
    mut at_edge: impl FnMut(),
) -> io::Result<Load> {
    let mut generator = Generator::connect(address, work, limits)?;
    generator.run(limits.warm_up, u64::MAX)?;
    generator.answered = 0;
    generator.latencies.clear();
    at_edge();
    let elapsed = generator.run(limits.window, limits.requests)?;
    at_edge();
    Ok(Load { requests: generator.answered, elapsed, latencies: generator.latencies })
}

struct Generator<'a> {
    work: &'a Work,
    stop: &'a AtomicBool,
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
    scratch: Vec<u8>,
    next_key: usize,
    answered: u64,
    latencies: Vec<Duration>,
}

struct Connection {
    stream: TcpStream,
    /// Key of the batch in flight.
    first: usize,
    sent: usize,
    received: usize,
    since: Instant,
}

impl Generator<'_> {
    fn connect<'a>(address: SocketAddr, work: &'a Work, limits: &Limits<'a>) -> io::Result<Generator<'a>> {
        let poll = Poll::new()?;
        let mut connections = Vec::new();
        for i in 0..limits.connections {
            let stream = std::net::TcpStream::connect(address)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(i), Interest::READABLE | Interest::WRITABLE)?;
            connections.push(Connection { stream, first: 0, sent: 0, received: 0, since: Instant::now() });
        }
        let mut generator = Generator {
            work,
            stop: limits.stop,
            poll,
            events: Events::with_capacity(limits.connections),
            connections,
            scratch: vec![0; 64 * 1024],
            next_key: 0,
            answered: 0,
            latencies: Vec::new(),
        };
        for i in 0..limits.connections {
            generator.send_batch(i, Instant::now())?;
        }
        Ok(generator)
    }

    fn run(&mut self, time: Duration, requests: u64) -> io::Result<Duration> {
        let start = Instant::now();
        let mut heard = start;
        loop {
            let now = Instant::now();
            if now - start >= time || self.answered >= requests {
                return Ok(now - start);
            }
            if self.stop.load(Ordering::Relaxed) {
                return Err(io::Error::other("interrupted"));
            }
            if self.turn()? {
                heard = now;
            } else if now - heard > SILENCE_MAX {
                return Err(io::Error::other(format!("no reply for {SILENCE_MAX:?}")));
            }
        }
    }

    /// Waits for sockets and serves them; tells whether any was ready.
    fn turn(&mut self) -> io::Result<bool> {
        let mut events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        let polled = self.poll.poll(&mut events, Some(Duration::from_millis(20)));
        let served = match polled {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(error),
            Ok(()) => events.iter().try_for_each(|event| {
                let Token(i) = event.token();
                if event.is_writable() {
                    self.connections[i].write(self.work)?;
                }
                if event.is_readable() { self.read(i) } else { Ok(()) }
            }),
        };
        let any = !events.is_empty();
        self.events = events;
        served.map(|()| any)
    }

    fn read(&mut self, i: usize) -> io::Result<()> {
        loop {
            let connection = &mut self.connections[i];
            let read = match connection.stream.read(&mut self.scratch) {
                Ok(0) => return Err(io::Error::other("the peer closed a connection")),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let owed = &self.work.replies[connection.received..];
            if !owed.starts_with(&self.scratch[..read]) {
                let shown = &self.scratch[..read.min(120)];
                return Err(io::Error::other(format!("unexpected reply: {}", shown.escape_ascii())));
            }
            connection.received += read;
            if connection.received == self.work.replies.len() {
                let now = Instant::now();
                self.latencies.push(now - connection.since);
                self.answered += self.work.pipeline as u64;
                self.send_batch(i, now)?;
            }
            // A short read has emptied the socket; the next bytes are a new edge.
            if read < self.scratch.len() {
                return Ok(());
            }
        }
    }

    fn send_batch(&mut self, i: usize, now: Instant) -> io::Result<()> {
        let connection = &mut self.connections[i];
        connection.first = self.next_key;
        connection.sent = 0;
        connection.received = 0;
        connection.since = now;
        self.next_key = (self.next_key + self.work.pipeline) % KEYS;
        connection.write(self.work)
    }
}

impl Connection {
    /// Sends what the socket takes; the rest follows when it is writable again.
    fn write(&mut self, work: &Work) -> io::Result<()> {
        let batch = work.batch(self.first);
        while self.sent < batch.len() {
            match self.stream.write(&batch[self.sent..]) {
                Ok(written) => self.sent += written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
