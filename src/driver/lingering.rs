//! Sockets of clients that the engine has done with while their transform still held bytes for the wire:
//! an error's text, the last replies before a QUIT. They are written out, and then closed.
//!
//! A plain socket never comes here: the kernel holds what it was given, and goes on after a close.

use core::time::Duration;
use std::io;

use mio::{Registry, Token};

use super::INTEREST;
use super::socket::Socket;
use crate::base::Time;

/// How long a client that does not read may keep its socket.
const PATIENCE: Duration = Duration::from_secs(5);
/// Sockets that linger at once; one more is closed as it is.
const MOST: usize = 1024;

#[derive(Default)]
pub(super) struct Lingering {
    /// By the index in their tokens.
    sockets: Vec<Option<(Socket, Time)>>,
    count: usize,
}

impl Lingering {
    /// Keeps a socket until its bytes are with the kernel. `token` makes a token of an index.
    pub(super) fn keep(
        &mut self,
        mut socket: Socket,
        now: Time,
        registry: &Registry,
        token: impl Fn(usize) -> Token,
    ) {
        if self.count == MOST {
            return;
        }
        let free = self.sockets.iter().position(Option::is_none);
        let index = free.unwrap_or(self.sockets.len());
        if registry.reregister(socket.source(), token(index), INTEREST).is_err() {
            return;
        }
        if index == self.sockets.len() {
            self.sockets.push(None);
        }
        self.sockets[index] = Some((socket, now + PATIENCE));
        self.count += 1;
        // The edge may have come under the old token.
        self.write(index);
    }

    /// An event about one of them: what it owes is written on.
    pub(super) fn write(&mut self, index: usize) {
        let Some(Some((socket, _))) = self.sockets.get_mut(index) else { return };
        socket.may_write();
        loop {
            match socket.write(&[]) {
                Ok(_) if socket.wants_write => return,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                _ => break,
            }
        }
        self.close(index);
    }

    /// Those whose time is up.
    pub(super) fn give_up(&mut self, now: Time) {
        for index in 0..self.sockets.len() {
            if self.sockets[index].as_ref().is_some_and(|(_, until)| *until <= now) {
                self.close(index);
            }
        }
    }

    /// When the first of them is given up.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.sockets.iter().flatten().map(|(_, until)| *until).min()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn close(&mut self, index: usize) {
        if self.sockets[index].take().is_some() {
            self.count -= 1;
        }
        if self.count == 0 {
            self.sockets = Vec::new();
        }
    }
}
