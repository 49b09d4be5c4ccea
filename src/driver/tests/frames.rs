//! A transform with all that TLS brings along, in a hundred lines: a greeting of both sides before which
//! nothing plain passes, records of odd sizes, a word at the end, and a bound to what it holds.

use std::io::{self, Read, Write};

use crate::driver::transform::Transform;

/// The first two bytes of both sides.
const HELLO: [u8; 2] = [0xa5, 0x5a];
/// Said to somebody who greets otherwise.
pub(super) const ALERT: &[u8] = b"!bad";
/// Bytes held for the wire, or until the greeting is over.
pub(super) const HELD: usize = 10_000;
/// Taken from the wire at once: no multiple of anything.
const READ: usize = 1013;

pub(super) struct Frames {
    greeted: bool,
    ended: bool,
    /// From the wire, and no whole record yet.
    inbound: Vec<u8>,
    plain: Vec<u8>,
    /// Plain bytes that wait for the greeting.
    early: Vec<u8>,
    wire: Vec<u8>,
    answers: bool,
    taken: u32,
    given: u32,
}

impl Frames {
    /// The side that greets first.
    pub(super) fn first() -> Box<dyn Transform> {
        Box::new(Frames::new(HELLO.to_vec(), false))
    }

    /// The side that greets when it was greeted.
    pub(super) fn second() -> Box<dyn Transform> {
        Box::new(Frames::new(Vec::new(), true))
    }

    fn new(wire: Vec<u8>, answers: bool) -> Frames {
        Frames {
            greeted: false,
            ended: false,
            inbound: Vec::new(),
            plain: Vec::new(),
            early: Vec::new(),
            wire,
            answers,
            taken: 0,
            given: 0,
        }
    }

    /// Each byte is masked by its place in the stream: one lost or moved spoils all behind it.
    fn mask(place: &mut u32) -> u8 {
        *place += 1;
        (*place * 7 + *place / 256) as u8
    }

    fn greet(&mut self) -> io::Result<()> {
        if self.greeted || self.inbound.len() < HELLO.len() {
            return Ok(());
        }
        if self.inbound[..HELLO.len()] != HELLO {
            self.wire.extend(ALERT);
            return Err(io::ErrorKind::InvalidData.into());
        }
        self.inbound.drain(..HELLO.len());
        self.greeted = true;
        if self.answers {
            self.wire.extend(HELLO);
        }
        let early = core::mem::take(&mut self.early);
        self.wrap(&early);
        Ok(())
    }

    /// Records of 1 to 251 bytes; an empty one is the end.
    fn wrap(&mut self, mut plain: &[u8]) {
        while !plain.is_empty() {
            let len = (self.given as usize * 31 % 251 + 1).min(plain.len());
            self.wire.push(len as u8);
            for byte in &plain[..len] {
                self.wire.push(byte ^ Frames::mask(&mut self.given));
            }
            plain = &plain[len..];
        }
    }

    fn unwrap_records(&mut self) {
        let mut at = 0;
        while let Some(&len) = self.inbound.get(at) {
            let end = at + 1 + usize::from(len);
            if end > self.inbound.len() {
                break;
            }
            self.ended |= len == 0;
            for byte in &self.inbound[at + 1..end] {
                self.plain.push(byte ^ Frames::mask(&mut self.taken));
            }
            at = end;
        }
        self.inbound.drain(..at);
    }
}

impl Transform for Frames {
    fn read_wire(&mut self, wire: &mut dyn Read) -> io::Result<usize> {
        assert!(self.plain.is_empty(), "asked for more while it holds some");
        let mut piece = [0; READ];
        let n = wire.read(&mut piece)?;
        self.inbound.extend(&piece[..n]);
        self.greet()?;
        if self.greeted {
            self.unwrap_records();
        }
        Ok(n)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.plain.is_empty() {
            return if self.ended { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let n = into.len().min(self.plain.len());
        into[..n].copy_from_slice(&self.plain[..n]);
        self.plain.drain(..n);
        Ok(n)
    }

    fn write(&mut self, plain: &[u8]) -> usize {
        let room = HELD.saturating_sub(self.early.len() + self.wire.len());
        let n = plain.len().min(room);
        if self.greeted {
            self.wrap(&plain[..n]);
        } else {
            self.early.extend(&plain[..n]);
        }
        n
    }

    fn write_wire(&mut self, wire: &mut dyn Write) -> io::Result<usize> {
        assert!(!self.wire.is_empty());
        let n = wire.write(&self.wire)?;
        self.wire.drain(..n);
        Ok(n)
    }

    fn owes_wire(&self) -> bool {
        !self.wire.is_empty()
    }

    fn end(&mut self) {
        if self.greeted {
            self.wire.push(0);
        }
    }
}
