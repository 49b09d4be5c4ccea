//! One connection: its bytes, and what is known about when it may be read or written.

use core::net::SocketAddr;
use std::io::{self, Read, Write};
use std::time::Duration;

use mio::net::TcpStream;

use super::transform::{Through, Transform};
use crate::engine::Party;

/// Probes on idle upstreams: a node's machine that vanished is noticed even when nothing is owed.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Bytes that a node's machine does not acknowledge for so long are lost: the path is broken, even if the
/// node answers on other connections.
const UNACKNOWLEDGED: Duration = Duration::from_secs(10);
/// The same as Redis's own `tcp-keepalive`.
const CLIENT_KEEPALIVE: Duration = Duration::from_secs(300);

/// How bytes get from the engine to the wire.
enum Transport {
    /// As they are: no copy, no call that the compiler does not know.
    Plain(TcpStream),
    Through(Box<Through>),
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
    /// Nothing more is taken: wait for the kernel's word, or for the other side of a transform.
    pub(super) wants_write: bool,
}

impl Socket {
    fn new(transport: Transport, connecting: bool) -> Socket {
        Socket {
            transport,
            connecting,
            read_on: true,
            readable: false,
            read_closed: false,
            listed: false,
            wants_write: false,
        }
    }

    /// `door` is what the client's bytes pass through, if they do not come plainly.
    pub(super) fn accepted(
        stream: std::net::TcpStream,
        door: Option<Box<dyn Transform>>,
    ) -> io::Result<Socket> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        // A client whose machine vanished would keep its place for ever.
        let keepalive = socket2::TcpKeepalive::new().with_time(CLIENT_KEEPALIVE);
        socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        let stream = TcpStream::from_std(stream);
        let transport = match door {
            None => Transport::Plain(stream),
            Some(transform) => Transport::Through(Box::new(Through::new(stream, transform))),
        };
        Ok(Socket::new(transport, false))
    }

    /// Begins to connect; an event says when it has come to an end.
    pub(super) fn connect(to: SocketAddr) -> io::Result<Socket> {
        let stream = TcpStream::connect(to)?;
        Ok(Socket::new(Transport::Plain(stream), true))
    }

    pub(super) fn source(&mut self) -> &mut TcpStream {
        match &mut self.transport {
            Transport::Plain(stream) => stream,
            Transport::Through(through) => through.wire(),
        }
    }

    /// True once connected; false while it is still on its way.
    pub(super) fn finish_connect(&mut self) -> io::Result<bool> {
        let stream = self.source();
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

    /// Reads once, and learns from that whether there may be more.
    ///
    /// # Errors
    /// `WouldBlock`: nothing is there. `Interrupted`: ask again.
    #[inline]
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (result, emptied) = match &mut self.transport {
            Transport::Plain(stream) => {
                let result = stream.read(into);
                // Edge-triggered: what comes after a short read makes a new edge, but for the end.
                let emptied = matches!(result, Ok(n) if n < into.len()) && !self.read_closed;
                (result, emptied)
            }
            // It may hold plain bytes that no edge will tell of: read on until it and the kernel have none.
            Transport::Through(through) => (through.read(into), false),
        };
        match &result {
            Ok(0) => self.readable = false,
            Ok(_) => self.readable &= !emptied,
            Err(error) => self.readable &= error.kind() != io::ErrorKind::WouldBlock,
        }
        result
    }

    /// # Errors
    /// `WouldBlock`: nothing was taken, and a word will come when something may be.
    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.transport {
            Transport::Plain(stream) => {
                let result = stream.write(bytes);
                self.wants_write = would_block(&result);
                result
            }
            Transport::Through(through) => {
                let result = through.write(bytes);
                self.wants_write = would_block(&result) || through.is_blocked();
                result
            }
        }
    }

    /// Whether bytes that were written still wait here, and not in the kernel.
    #[inline]
    pub(super) fn owes_wire(&self) -> bool {
        match &self.transport {
            Transport::Plain(_) => false,
            Transport::Through(through) => through.owes_wire(),
        }
    }

    /// The engine has done with it. True if it must live on until its last bytes are with the kernel.
    pub(super) fn end(&mut self) -> bool {
        match &mut self.transport {
            Transport::Plain(_) => false,
            Transport::Through(through) => {
                let owes = through.end();
                self.wants_write = through.is_blocked();
                owes
            }
        }
    }

    /// An edge: the kernel takes bytes again. True if somebody waits for that.
    #[inline]
    pub(super) fn may_write(&mut self) -> bool {
        if let Transport::Through(through) = &mut self.transport {
            through.unblock();
        }
        core::mem::take(&mut self.wants_write)
    }

    /// After a read. True if somebody waits to write, and not for the kernel: a transform was waiting for
    /// its other side, which may have said now what it waited for. Or reading has left it with a word of its
    /// own that the kernel did not take: then its edge is waited for from now on.
    #[inline]
    pub(super) fn may_write_after_read(&mut self) -> bool {
        match &mut self.transport {
            Transport::Plain(_) => false,
            Transport::Through(through) if through.is_blocked() => {
                self.wants_write = true;
                false
            }
            Transport::Through(_) => core::mem::take(&mut self.wants_write),
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

fn would_block(result: &io::Result<usize>) -> bool {
    matches!(result, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}
