//! One connection: its bytes, and what is known about when it may be read or written.

use core::net::SocketAddr;
use std::io::{self, Read, Write};
use std::time::Duration;

use mio::net::TcpStream;

use crate::engine::Party;

/// Probes on idle upstreams: a node's machine that vanished is noticed even when nothing is owed.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Bytes that a node's machine does not acknowledge for so long are lost: the path is broken, even if the
/// node answers on other connections.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// The same as Redis's own `tcp-keepalive`.
const CLIENT_KEEPALIVE: Duration = Duration::from_secs(300);

/// How bytes get from the engine to the wire. TLS, which is a byte transform without I/O of its own, is to
/// be the second way.
enum Transport {
    Plain(TcpStream),
}

pub(super) struct Socket {
    transport: Transport,
    /// Connect has not come to its end.
    pub(super) connecting: bool,
    /// The engine wants to hear from it.
    pub(super) read_on: bool,
    /// There may be something to read.
    pub(super) readable: bool,
    /// The peer closed its side: read on until the end is seen.
    pub(super) read_closed: bool,
    /// It stands on the list of those to be read.
    pub(super) listed: bool,
    /// The kernel's buffer is full: wait for its word.
    pub(super) wants_write: bool,
}

impl Socket {
    fn new(stream: TcpStream, connecting: bool) -> Socket {
        Socket {
            transport: Transport::Plain(stream),
            connecting,
            read_on: true,
            readable: false,
            read_closed: false,
            listed: false,
            wants_write: false,
        }
    }

    pub(super) fn accepted(stream: std::net::TcpStream) -> io::Result<Socket> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        // A client whose machine vanished would keep its place for ever.
        let keepalive = socket2::TcpKeepalive::new().with_time(CLIENT_KEEPALIVE);
        socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        Ok(Socket::new(TcpStream::from_std(stream), false))
    }

    /// Begins to connect; an event says when it has come to an end.
    pub(super) fn connect(to: SocketAddr) -> io::Result<Socket> {
        let stream = TcpStream::connect(to)?;
        Ok(Socket::new(stream, true))
    }

    pub(super) fn source(&mut self) -> &mut TcpStream {
        match &mut self.transport {
            Transport::Plain(stream) => stream,
        }
    }

    /// True once connected; false while it is still on its way.
    pub(super) fn finish_connect(&mut self) -> io::Result<bool> {
        let Transport::Plain(stream) = &mut self.transport;
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotConnected => return Ok(false),
            Err(error) => return Err(error),
        }
        stream.set_nodelay(true)?;
        let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
        let socket = socket2::SockRef::from(&*stream);
        socket.set_tcp_keepalive(&keepalive)?;
        socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
        self.connecting = false;
        Ok(true)
    }

    #[inline]
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match &mut self.transport {
            Transport::Plain(stream) => stream.read(into),
        }
    }

    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.transport {
            Transport::Plain(stream) => stream.write(bytes),
        }
    }

    /// An edge: there is something to read, or the end.
    #[inline]
    pub(super) fn may_read(&mut self, list: &mut Vec<Party>, party: Party, closed: bool) {
        self.readable = true;
        self.read_closed |= closed;
        self.list(list, party);
    }

    /// Puts it on the list of those to be read, if there is a reason.
    #[inline]
    pub(super) fn list(&mut self, list: &mut Vec<Party>, party: Party) {
        if self.readable && self.read_on && !self.listed {
            self.listed = true;
            list.push(party);
        }
    }
}
