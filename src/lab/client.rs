//! A small blocking client: one request, one reply, and a limit for the wait.
//!
//! It never reconnects by itself: whoever asks shall know that a connection broke.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use crate::resp::{Value, command};

/// A connection to a Redis, a Sentinel or a Ketch.
pub struct Client {
    stream: TcpStream,
    unread: Vec<u8>,
    limit: Duration,
}

impl Client {
    /// Connects within `limit`, which afterwards bounds every wait for a reply.
    pub fn connect(address: SocketAddr, limit: Duration) -> io::Result<Client> {
        let stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(limit))?;
        Ok(Client { stream, unread: Vec::new(), limit })
    }

    /// How long the next replies may take.
    pub fn set_limit(&mut self, limit: Duration) {
        self.limit = limit;
    }

    /// Sends one request and reads one reply. An error reply is a `Value::Error`, not an `Err`.
    pub fn ask<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<Value> {
        self.send(args)?;
        self.read()
    }

    /// Sends requests in one write, then reads as many replies.
    pub fn pipeline<A: AsRef<[u8]>>(&mut self, requests: &[Vec<A>]) -> io::Result<Vec<Value>> {
        let mut bytes = Vec::new();
        for request in requests {
            command(&mut bytes, request);
        }
        self.send_raw(&bytes)?;
        requests.iter().map(|_| self.read()).collect()
    }

    /// Sends a request and leaves its reply for `read`.
    pub fn send<A: AsRef<[u8]>>(&mut self, args: &[A]) -> io::Result<()> {
        let mut bytes = Vec::new();
        command(&mut bytes, args);
        self.send_raw(&bytes)
    }

    /// Sends bytes as they are: inline commands, halves of requests, nonsense.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads one reply. `TimedOut` after the limit, `UnexpectedEof` if the peer closed first,
    /// `InvalidData` if what came is no RESP.
    pub fn read(&mut self) -> io::Result<Value> {
        let until = Instant::now() + self.limit;
        loop {
            match Value::parse(&self.unread) {
                Ok(Some((value, len))) => {
                    self.unread.drain(..len);
                    return Ok(value);
                }
                Ok(None) => self.fill(until)?,
                Err(malformed) => return Err(io::Error::new(io::ErrorKind::InvalidData, malformed)),
            }
        }
    }

    /// Whatever the peer still sends until it closes (at most for the limit), unparsed.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let until = Instant::now() + self.limit;
        loop {
            match self.fill(until) {
                Ok(()) => {}
                Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.unread));
                }
                Err(e) => return Err(e),
            }
        }
    }

    /// The socket itself, for half-closes and socket options.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    fn fill(&mut self, until: Instant) -> io::Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(len) => {
                self.unread.extend_from_slice(&piece[..len]);
                Ok(())
            }
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Ok(()),
            Err(e) => Err(e),
        }
    }
}
