//! Short questions to nodes and Sentinels over one blocking connection, with a time-out for each.
//!
//! For verbs that ask a few things and end. Deliberately absent: reconnecting, pipelines, anything
//! that a running Ketch does.

use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use crate::base::{Address, Secret};
use crate::resp::{Value, command};

/// A reply larger than this is none that these questions have.
const LARGEST_REPLY: usize = 16 << 20;

/// A connection to one server.
pub(super) struct Asker {
    stream: TcpStream,
    buffer: Vec<u8>,
    limit: Duration,
}

/// Why a server gave no reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NoReply {
    /// The name has no address.
    UnknownHost(String),
    Refused,
    TimedOut(Duration),
    Closed,
    /// It answers, but in another language than Redis's.
    NotRedis,
    Other(String),
}

impl fmt::Display for NoReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoReply::UnknownHost(error) => write!(f, "the name has no address ({error})"),
            NoReply::Refused => f.write_str("the connection was refused: nothing listens there"),
            NoReply::TimedOut(limit) => write!(f, "no answer within {} ms", limit.as_millis()),
            NoReply::Closed => f.write_str("it closed the connection"),
            NoReply::NotRedis => f.write_str("it does not speak Redis's protocol"),
            NoReply::Other(error) => f.write_str(error),
        }
    }
}

impl Asker {
    /// Connects; each reply may take as long as the connecting.
    pub(super) fn connect(address: &Address, limit: Duration) -> Result<Asker, NoReply> {
        let host = (address.host.as_str(), address.port);
        let sockets = host.to_socket_addrs().map_err(|error| NoReply::UnknownHost(error.to_string()))?;
        let mut last = NoReply::UnknownHost("no address".to_owned());
        for socket in sockets {
            match TcpStream::connect_timeout(&socket, limit) {
                Ok(stream) => return Ok(Asker { stream, buffer: Vec::new(), limit }),
                Err(error) => last = no_reply(&error, limit),
            }
        }
        Err(last)
    }

    /// One command, one reply.
    pub(super) fn ask(&mut self, args: &[&str]) -> Result<Value, NoReply> {
        let mut request = Vec::new();
        command(&mut request, args);
        let asked =
            self.stream.set_write_timeout(Some(self.limit)).and_then(|()| self.stream.write_all(&request));
        asked.map_err(|error| no_reply(&error, self.limit))?;
        self.read(Instant::now() + self.limit)
    }

    /// AUTH, if there is anything to authenticate with.
    pub(super) fn authenticate(
        &mut self,
        user: Option<&str>,
        password: Option<&Secret>,
    ) -> Result<Value, NoReply> {
        match (user, password) {
            (Some(user), Some(password)) => self.ask(&["AUTH", user, password.expose()]),
            (None, Some(password)) => self.ask(&["AUTH", password.expose()]),
            (_, None) => Ok(Value::Nil),
        }
    }

    fn read(&mut self, deadline: Instant) -> Result<Value, NoReply> {
        let mut piece = [0; 16 << 10];
        loop {
            if let Some((value, len)) = Value::parse(&self.buffer).map_err(|_| NoReply::NotRedis)? {
                self.buffer.drain(..len);
                return Ok(value);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(NoReply::TimedOut(self.limit));
            }
            let read = self.stream.set_read_timeout(Some(left)).and_then(|()| self.stream.read(&mut piece));
            match read.map_err(|error| no_reply(&error, self.limit))? {
                0 => return Err(NoReply::Closed),
                _ if self.buffer.len() > LARGEST_REPLY => return Err(NoReply::NotRedis),
                n => self.buffer.extend_from_slice(&piece[..n]),
            }
        }
    }
}

fn no_reply(error: &std::io::Error, limit: Duration) -> NoReply {
    match error.kind() {
        ErrorKind::ConnectionRefused => NoReply::Refused,
        ErrorKind::TimedOut | ErrorKind::WouldBlock => NoReply::TimedOut(limit),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted => NoReply::Closed,
        _ => NoReply::Other(error.to_string()),
    }
}
