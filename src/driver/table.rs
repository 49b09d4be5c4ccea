//! Sockets by the engine's ids. A token holds the index only; the generation beside the socket says
//! whether an event is still about whom it was meant for.

use std::io;

use mio::{Registry, Token};

use super::INTEREST;
use super::socket::Socket;
use crate::base::{ClientId, UpstreamId};
use crate::engine::Party;

/// Both sides' sockets.
#[derive(Default)]
pub(super) struct Sockets {
    pub(super) clients: Table<ClientId>,
    pub(super) upstreams: Table<UpstreamId>,
}

impl Sockets {
    #[inline]
    pub(super) fn get(&mut self, party: Party) -> Option<&mut Socket> {
        match party {
            Party::Client(id) => self.clients.get(id),
            Party::Upstream(id) => self.upstreams.get(id),
        }
    }
}

pub(super) struct Table<I> {
    sockets: Vec<Option<(I, Socket)>>,
}

impl<I> Default for Table<I> {
    fn default() -> Table<I> {
        Table { sockets: Vec::new() }
    }
}

pub(super) trait Index: Copy + PartialEq {
    fn index(self) -> usize;
}

impl Index for ClientId {
    fn index(self) -> usize {
        self.index as usize
    }
}

impl Index for UpstreamId {
    fn index(self) -> usize {
        self.index as usize
    }
}

impl<I: Index> Table<I> {
    pub(super) fn insert(
        &mut self,
        id: I,
        mut socket: Socket,
        registry: &Registry,
        token: Token,
    ) -> io::Result<()> {
        registry.register(socket.source(), token, INTEREST)?;
        if self.sockets.len() <= id.index() {
            self.sockets.resize_with(id.index() + 1, || None);
        }
        self.sockets[id.index()] = Some((id, socket));
        Ok(())
    }

    #[inline]
    pub(super) fn get(&mut self, id: I) -> Option<&mut Socket> {
        match self.sockets.get_mut(id.index()) {
            Some(Some((owner, socket))) if *owner == id => Some(socket),
            _ => None,
        }
    }

    /// Whoever has the place of a token now.
    #[inline]
    pub(super) fn at(&mut self, index: usize) -> Option<(I, &mut Socket)> {
        self.sockets.get_mut(index)?.as_mut().map(|(id, socket)| (*id, socket))
    }

    /// Takes the socket out. Dropping it closes it, and epoll forgets it with the descriptor.
    pub(super) fn remove(&mut self, id: I) -> Option<Socket> {
        let place = self.sockets.get_mut(id.index())?;
        place.take_if(|(owner, _)| *owner == id).map(|(_, socket)| socket)
    }
}
