//! Frames the rest of a request that passes through in pieces: it remembers none of it, so each byte is
//! given once and arguments are not found any more.

use crate::resp::number::Digits;
use crate::resp::protocol_error::ProtocolError;
use crate::resp::request::RequestLimits;

/// What some more bytes came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TailScan {
    /// All of them belong to the request, and more are due.
    More,
    /// The request ends after that many of these bytes.
    Done(usize),
    /// What follows is no argument. What was given belongs to nothing any more.
    Error(ProtocolError),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Body,
    BodyCr,
    BodyLf,
    Dollar,
    Length,
    LengthLf,
}

/// The state of a request that is being streamed; made by `RequestScanner::into_tail`.
#[derive(Clone, Copy, Debug)]
pub struct RequestTail {
    /// Bytes of the body that have yet to come.
    body: usize,
    /// Bytes of the request before the next one that is given.
    taken: usize,
    digits: Digits,
    /// Arguments behind the present one.
    args: u32,
    phase: Phase,
}

impl RequestTail {
    /// In the body that ends at `body_end`, or in its line end.
    pub(super) fn new(body_end: usize, taken: usize, args: u32) -> RequestTail {
        let phase = if taken > body_end { Phase::BodyLf } else { Phase::Body };
        let body = body_end.saturating_sub(taken);
        RequestTail { body, taken, digits: Digits::default(), args, phase }
    }

    /// Takes more bytes; each is given once. After `Done` or an error there is nothing more to give.
    pub fn advance(&mut self, bytes: &[u8], limits: &RequestLimits) -> TailScan {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if self.phase == Phase::Body {
                let passed = self.body.min(bytes.len() - at);
                self.body -= passed;
                at += passed;
                if self.body == 0 {
                    self.phase = Phase::BodyCr;
                }
                continue;
            }
            at += 1;
            match self.step(byte, self.taken + at, limits) {
                Ok(false) => {}
                Ok(true) => return TailScan::Done(at),
                Err(error) => return TailScan::Error(error),
            }
        }
        self.taken += at;
        TailScan::More
    }

    /// A byte outside of a body; `end` bytes of the request end with it. True if it is the last.
    fn step(&mut self, byte: u8, end: usize, limits: &RequestLimits) -> Result<bool, ProtocolError> {
        self.phase = match (self.phase, byte) {
            (Phase::BodyCr, b'\r') => Phase::BodyLf,
            (Phase::BodyLf, b'\n') if self.args == 0 => return Ok(true),
            (Phase::BodyLf, b'\n') => Phase::Dollar,
            (Phase::Dollar, b'$') => {
                self.digits = Digits::default();
                self.args -= 1;
                Phase::Length
            }
            (Phase::Dollar, other) => return Err(ProtocolError::ExpectedDollar(other)),
            (Phase::Length, b'\r') => Phase::LengthLf,
            // Refused at the first byte that fits no number; `RequestScanner` waits for the line's end.
            (Phase::Length, digit) if self.digits.push(digit) => Phase::Length,
            (Phase::Length, _) => return Err(ProtocolError::InvalidBulkLength),
            (Phase::LengthLf, b'\n') => {
                self.body = limits.check_bulk(self.digits.finish(), end)?;
                Phase::Body
            }
            _ => return Err(ProtocolError::InvalidCrlf),
        };
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::request::{RequestScanner, Scanned};

    const LIMITS: RequestLimits =
        RequestLimits { max_request: 1000, max_args: 20, max_inline: 100, max_bulk: 500 };

    /// The tail of a request cut at `cut`, given in pieces of `piece` bytes.
    fn tail(bytes: &[u8], cut: usize, piece: usize) -> Option<TailScan> {
        let mut scanner = RequestScanner::default();
        assert_eq!(scanner.scan(&bytes[..cut], &mut Vec::new(), &LIMITS), Scanned::Incomplete);
        scanner.pending()?;
        let mut tail = scanner.into_tail(cut);
        let mut given = cut;
        for piece in bytes[cut..].chunks(piece) {
            match tail.advance(piece, &LIMITS) {
                TailScan::More => given += piece.len(),
                TailScan::Done(len) => return Some(TailScan::Done(given + len)),
                error => return Some(error),
            }
        }
        Some(TailScan::More)
    }

    #[test]
    fn a_tail_ends_where_the_request_ends_wherever_it_was_cut() {
        let request = b"*4\r\n$5\r\nSETEX\r\n$0\r\n\r\n$12\r\nhello\r\nworld\r\n$1\r\nx\r\n";
        let bytes = [&request[..], b"*1\r\n"].concat();
        let mut cuts = 0;
        for cut in 0..request.len() {
            for piece in [1, 2, 3, 1000] {
                if let Some(scan) = tail(&bytes, cut, piece) {
                    assert_eq!(scan, TailScan::Done(request.len()), "cut at {cut}, pieces of {piece}");
                    cuts += 1;
                }
            }
        }
        assert!(cuts > 80);
    }

    #[test]
    fn a_tail_keeps_the_rules_of_a_request() {
        let begin = b"*3\r\n$5\r\nab";
        for (rest, error) in [
            (&b"cdeX"[..], ProtocolError::InvalidCrlf),
            (b"cde\r\n+1", ProtocolError::ExpectedDollar(b'+')),
            (b"cde\r\n$-1\r\n", ProtocolError::InvalidBulkLength),
            (b"cde\r\n$\r\n", ProtocolError::InvalidBulkLength),
            (b"cde\r\n$01", ProtocolError::InvalidBulkLength),
            (b"cde\r\n$501\r\n", ProtocolError::InvalidBulkLength),
            (b"cde\r\n$1\rx", ProtocolError::InvalidCrlf),
        ] {
            for piece in [1, 1000] {
                let bytes = [&begin[..], rest].concat();
                assert_eq!(tail(&bytes, begin.len(), piece), Some(TailScan::Error(error)));
            }
        }
        let bytes = [&begin[..], b"cde\r\n$500\r\n", &[b'x'; 500], b"\r\n$480\r\n"].concat();
        let too_large = TailScan::Error(ProtocolError::TooLarge { max_request: 1000 });
        assert_eq!(tail(&bytes, begin.len(), 7), Some(too_large));
    }
}
