//! A byte transform between socket and engine, without I/O of its own: the door through which TLS comes.
//!
//! ```text
//!   socket ── read_wire ──► transform ── read ──► engine
//!   socket ◄─ write_wire ── transform ◄─ write ── engine
//! ```
//!
//! A transform may speak without having been asked to (a greeting, an answer to one, an alert), and may
//! hold plain bytes that nobody has taken yet. For the engine "written" means "given to the transform":
//! what the kernel does not take waits in the transform, which bounds it. The methods are those of
//! rustls's buffered connections (`read_tls` with `process_new_packets`, `reader`, `writer`, `write_tls`,
//! `wants_write`, `send_close_notify`), so that TLS is one more implementation and nothing else changes.
//!
//! Deliberately absent: any transform. Plain connections never come by here.

use std::io::{self, Read, Write};
use std::sync::Arc;

use mio::net::TcpStream;

use crate::base::ListenerId;

/// Two directions of one connection.
pub(crate) trait Transform: Send {
    /// Reads once from the wire and takes apart what came. `Ok(0)`: the wire has ended. Only called when
    /// `read` has nothing to give, so what is held stays below what one call reads.
    ///
    /// # Errors
    /// The wire's own (`WouldBlock` above all), or that what came makes no sense.
    fn read_wire(&mut self, wire: &mut dyn Read) -> io::Result<usize>;

    /// Gives plain bytes. `Ok(0)`: the other side has said that there will be no more.
    ///
    /// # Errors
    /// `WouldBlock` when it holds none.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize>;

    /// Takes plain bytes from the front of `plain` and says how many: not all, perhaps none, when as much
    /// as it may hold waits for the wire or for the other side's part of a greeting.
    fn write(&mut self, plain: &[u8]) -> usize;

    /// Writes once to the wire; never called when there is nothing to write.
    ///
    /// # Errors
    /// The wire's own.
    fn write_wire(&mut self, wire: &mut dyn Write) -> io::Result<usize>;

    /// Whether bytes wait for the wire.
    fn owes_wire(&self) -> bool;

    /// Nothing will be written any more: the other side is to be told, if the transform has a word for it.
    fn end(&mut self);
}

/// What new clients of a listener pass through: `None` where they speak plainly.
pub(crate) type Doors = Arc<dyn Fn(ListenerId) -> Option<Box<dyn Transform>> + Send + Sync>;

/// A socket with a transform before it.
pub(super) struct Through {
    wire: TcpStream,
    transform: Box<dyn Transform>,
    /// The kernel's buffer is full.
    blocked: bool,
}

impl Through {
    pub(super) fn new(wire: TcpStream, transform: Box<dyn Transform>) -> Through {
        Through { wire, transform, blocked: false }
    }

    pub(super) fn wire(&mut self) -> &mut TcpStream {
        &mut self.wire
    }

    /// Plain bytes, after at most one read of the wire, so that nobody is read for longer than others.
    ///
    /// # Errors
    /// `Interrupted`: the wire gave bytes, but no plain ones yet; ask again. `WouldBlock`: neither.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.transform.read(into) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            given => return given,
        }
        let came = self.transform.read_wire(&mut self.wire);
        // What it has to say to that goes out first, most of all if that is why it gives up.
        let said = self.flush();
        if came? == 0 {
            return Ok(0);
        }
        said?;
        self.transform.read(into).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => io::ErrorKind::Interrupted.into(),
            _ => error,
        })
    }

    /// Gives plain bytes to the transform, and to the kernel what comes of them.
    ///
    /// # Errors
    /// `WouldBlock`: nothing was taken.
    pub(super) fn write(&mut self, plain: &[u8]) -> io::Result<usize> {
        self.flush()?;
        let taken = self.transform.write(plain);
        self.flush()?;
        if taken == 0 && !plain.is_empty() { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(taken) }
    }

    /// Says goodbye; true if bytes still wait for the wire.
    pub(super) fn end(&mut self) -> bool {
        self.transform.end();
        self.flush().is_ok() && self.owes_wire()
    }

    pub(super) fn owes_wire(&self) -> bool {
        self.transform.owes_wire()
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.blocked
    }

    /// The kernel takes bytes again.
    pub(super) fn unblock(&mut self) {
        self.blocked = false;
    }

    fn flush(&mut self) -> io::Result<()> {
        while !self.blocked && self.transform.owes_wire() {
            match self.transform.write_wire(&mut self.wire) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.blocked = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
