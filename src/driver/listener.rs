//! Listening sockets: bound before anything else runs, so that a port in use is told at once.
//!
//! accepting → (no descriptors: resting → accepting) → closed, when the process drains.

use core::net::SocketAddr;
use std::io;

use mio::{Interest, Registry, Token};

use crate::base::{ListenerId, Time};

/// Clients that may wait to be accepted.
const BACKLOG: i32 = 4096;

/// A listener that could not be had.
#[derive(Debug, thiserror::Error)]
#[error("{address}: {error}")]
pub(crate) struct BindError {
    pub(crate) address: SocketAddr,
    pub(crate) error: io::Error,
}

/// Binds and listens.
///
/// # Errors
/// When the address is in use, not this machine's, or not allowed.
pub(crate) fn bind(address: SocketAddr) -> Result<std::net::TcpListener, BindError> {
    let listen = || {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(address),
            socket2::Type::STREAM,
            Some(socket2::Protocol::TCP),
        )?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(socket.into())
    };
    listen().map_err(|error| BindError { address, error })
}

pub(super) struct Listener {
    id: ListenerId,
    socket: mio::net::TcpListener,
    /// No descriptors were left: it is tried again then.
    pub(super) rest_until: Option<Time>,
}

impl Listener {
    pub(super) fn new(
        id: ListenerId,
        std: std::net::TcpListener,
        registry: &Registry,
        token: Token,
    ) -> io::Result<Listener> {
        let mut socket = mio::net::TcpListener::from_std(std);
        registry.register(&mut socket, token, Interest::READABLE)?;
        Ok(Listener { id, socket, rest_until: None })
    }

    pub(super) fn accept(&self) -> io::Result<(std::net::TcpStream, ListenerId)> {
        let (stream, _) = self.socket.accept()?;
        Ok((stream.into(), self.id))
    }
}
