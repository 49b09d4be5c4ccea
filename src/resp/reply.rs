//! Where a node's reply ends: RESP2 and RESP3, in any pieces, without keeping a byte. What is in it is
//! looked at by whoever needs to (`elements`); here only what decides where it ends is checked, so that
//! `:abc` passes. Streamed types (`$?`, `*?`) are refused: no node sends them.
//!
//! ```text
//! kind ──► line ──► line end ───────────────────┐
//!   └────► length ──► length end ──► body ──► body end ──► element done ──► reply done
//!                            └──► (aggregate) one more on the stack, back to kind
//! ```

use crate::resp::number::{self, Digits};

/// How deep replies may nest without memory of their own. COMMAND DOCS, the deepest of Redis's own, needs
/// fewer than ten.
const NEAR_DEPTH: usize = 32;
/// How deep they may nest at all. A script may build tables in tables as deep as Lua's stack allows, some
/// thousands; refusing those would close a connection that others share.
const MAX_DEPTH: usize = 65_536;

/// The bytes are no RESP; the connection they came from cannot be used any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a RESP reply: {0}")]
pub struct ReplyError(pub &'static str);

const NO_CRLF: ReplyError = ReplyError("a line end is missing");
const BAD_LENGTH: ReplyError = ReplyError("a length that is none");

/// What some more bytes came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReplyScan {
    /// All of them belong to the reply, and more are due.
    More,
    /// The reply ends after that many of these bytes; the scanner is ready for the next one.
    Done(usize),
    Error(ReplyError),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Phase {
    #[default]
    Kind,
    Line,
    LineLf,
    Length,
    LengthLf,
    Body,
    BodyCr,
    BodyLf,
}

/// Finds the ends of replies, one after the other; each byte is given once.
#[derive(Clone, Debug, Default)]
pub struct ReplyScanner {
    /// Elements that each open aggregate still lacks, the outermost first. An attribute is an aggregate
    /// that ends with the reply it belongs to.
    lacking: [u64; NEAR_DEPTH],
    /// The same for those beyond.
    deep: Vec<u64>,
    /// Bytes of the body that have yet to come.
    body: u64,
    /// Bytes of the whole reply if it is a bulk whose header was read, else 0.
    expected: u64,
    digits: Digits,
    kind: u8,
    /// Bytes of the present header line so far.
    header: u8,
    depth: u32,
    phase: Phase,
}

const _: () = assert!(size_of::<ReplyScanner>() <= 352);

impl ReplyScanner {
    /// Takes more bytes, up to the end of a reply. After an error the connection is to be closed.
    #[inline]
    pub fn advance(&mut self, bytes: &[u8]) -> ReplyScan {
        let mut at = 0;
        while at < bytes.len() {
            match self.step(&bytes[at..]) {
                Ok((passed, element_done)) => {
                    at += passed;
                    if element_done && self.reply_done() {
                        self.expected = 0;
                        return ReplyScan::Done(at);
                    }
                }
                Err(error) => return ReplyScan::Error(error),
            }
        }
        ReplyScan::More
    }

    /// Whether it stands between replies.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Kind && self.depth == 0
    }

    /// If the reply is one bulk string (also a verbatim string or a long error) and its header was read:
    /// how many bytes the whole reply has.
    pub fn expected_len(&self) -> Option<usize> {
        (self.expected > 0).then(|| usize::try_from(self.expected).unwrap_or(usize::MAX))
    }

    /// One step over at least one of `bytes` (which has some): how many it passed, and whether an element
    /// ended there.
    #[inline]
    fn step(&mut self, bytes: &[u8]) -> Result<(usize, bool), ReplyError> {
        match self.phase {
            Phase::Kind => self.kind(bytes),
            Phase::Line => self.line(bytes),
            Phase::LineLf => self.element_end(bytes[0]),
            Phase::Length => self.length(bytes[0]),
            Phase::LengthLf if bytes[0] != b'\n' => Err(NO_CRLF),
            Phase::LengthLf => {
                let number = self.digits.finish().ok_or(BAD_LENGTH)?;
                Ok((1, self.sized(number, u64::from(self.header) + 1)?))
            }
            Phase::Body => {
                let passed = self.body.min(bytes.len() as u64);
                self.body -= passed;
                if self.body == 0 {
                    self.phase = Phase::BodyCr;
                }
                Ok((passed as usize, false))
            }
            Phase::BodyCr if bytes[0] != b'\r' => Err(NO_CRLF),
            Phase::BodyCr => {
                self.phase = Phase::BodyLf;
                Ok((1, false))
            }
            Phase::BodyLf => self.element_end(bytes[0]),
        }
    }

    #[inline]
    fn kind(&mut self, bytes: &[u8]) -> Result<(usize, bool), ReplyError> {
        self.kind = bytes[0];
        match bytes[0] {
            b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => {
                self.phase = Phase::Line;
                if bytes.len() == 1 { Ok((1, false)) } else { self.line_behind_kind(bytes) }
            }
            b'$' | b'*' | b'!' | b'=' | b'%' | b'~' | b'>' | b'|' => match number::quick(bytes, 1) {
                Some((number, end)) => self.sized_with_body(bytes, number, end),
                None => {
                    self.phase = Phase::Length;
                    self.digits = Digits::default();
                    self.header = 1;
                    Ok((1, false))
                }
            },
            _ => Err(ReplyError("an unknown type")),
        }
    }

    #[inline]
    fn line_behind_kind(&mut self, bytes: &[u8]) -> Result<(usize, bool), ReplyError> {
        self.line(&bytes[1..]).map(|(passed, done)| (passed + 1, done))
    }

    /// What follows a header line; takes a body along if all of it is there, as it mostly is.
    #[inline]
    fn sized_with_body(
        &mut self,
        bytes: &[u8],
        number: usize,
        end: usize,
    ) -> Result<(usize, bool), ReplyError> {
        let done = self.sized(number as i64, end as u64)?;
        if self.phase == Phase::Body
            && let Some(&[b'\r', b'\n']) = bytes.get(end + number..end + number + 2)
        {
            self.phase = Phase::Kind;
            return Ok((end + number + 2, true));
        }
        Ok((end, done))
    }

    /// A line up to its `\r`, or to its end if that is there. It may hold neither `\r` nor `\n`: clients
    /// differ in what they make of a lone one, so such a reply has no certain end.
    #[inline]
    fn line(&mut self, bytes: &[u8]) -> Result<(usize, bool), ReplyError> {
        let Some(end) = memchr::memchr2(b'\r', b'\n', bytes) else { return Ok((bytes.len(), false)) };
        match &bytes[end..] {
            [b'\r', b'\n', ..] => {
                self.phase = Phase::Kind;
                Ok((end + 2, true))
            }
            [b'\r'] => {
                self.phase = Phase::LineLf;
                Ok((end + 1, false))
            }
            _ => Err(NO_CRLF),
        }
    }

    fn element_end(&mut self, byte: u8) -> Result<(usize, bool), ReplyError> {
        if byte != b'\n' {
            return Err(NO_CRLF);
        }
        self.phase = Phase::Kind;
        Ok((1, true))
    }

    fn length(&mut self, byte: u8) -> Result<(usize, bool), ReplyError> {
        match byte {
            b'\r' => self.phase = Phase::LengthLf,
            b'?' => return Err(ReplyError("a streamed type")),
            // At most 20 digits and a sign come through, so `header` cannot overflow.
            digit if self.digits.push(digit) => {}
            _ => return Err(BAD_LENGTH),
        }
        self.header += 1;
        Ok((1, false))
    }

    /// A header line of `header` bytes is complete; true if the element ends with it.
    #[inline]
    fn sized(&mut self, number: i64, header: u64) -> Result<bool, ReplyError> {
        self.phase = Phase::Kind;
        if number == -1 && matches!(self.kind, b'$' | b'*') {
            return Ok(true);
        }
        let number = u64::try_from(number).map_err(|_| BAD_LENGTH)?;
        let elements = match self.kind {
            b'*' | b'~' | b'>' => Some(number),
            b'%' => number.checked_mul(2),
            b'|' => number.checked_mul(2).and_then(|n| n.checked_add(1)),
            _ => {
                self.body = number;
                self.phase = if number == 0 { Phase::BodyCr } else { Phase::Body };
                if self.depth == 0 {
                    self.expected = number.saturating_add(header + 2);
                }
                return Ok(false);
            }
        };
        match elements {
            None => Err(BAD_LENGTH),
            Some(0) => Ok(true),
            Some(elements) => {
                match self.lacking.get_mut(self.depth as usize) {
                    Some(lacking) => *lacking = elements,
                    None if self.depth as usize == MAX_DEPTH => return Err(ReplyError("nested too deeply")),
                    None => self.deep.push(elements),
                }
                self.depth += 1;
                Ok(false)
            }
        }
    }

    /// An element has ended: whether the whole reply has.
    #[inline]
    fn reply_done(&mut self) -> bool {
        while self.depth > 0 {
            let innermost = match self.deep.last_mut() {
                Some(lacking) => lacking,
                None => &mut self.lacking[self.depth as usize - 1],
            };
            *innermost -= 1;
            if *innermost > 0 {
                return false;
            }
            if self.deep.pop().is_some() && self.deep.is_empty() {
                self.deep = Vec::new();
            }
            self.depth -= 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Given whole with something behind it, and byte by byte.
    fn check(reply: &[u8]) {
        let mut scanner = ReplyScanner::default();
        let followed = [reply, b"+NEXT"].concat();
        assert_eq!(scanner.advance(&followed), ReplyScan::Done(reply.len()), "{}", reply.escape_ascii());
        assert!(scanner.is_idle() && scanner.expected_len().is_none());
        let (last, before) = reply.split_last().unwrap();
        for byte in before {
            assert_eq!(scanner.advance(&[*byte]), ReplyScan::More, "{}", reply.escape_ascii());
            assert!(!scanner.is_idle());
        }
        assert_eq!(scanner.advance(&[*last]), ReplyScan::Done(1), "{}", reply.escape_ascii());
        assert!(scanner.is_idle() && scanner.expected_len().is_none());
    }

    fn check_refused(reply: &[u8], why: ReplyError) {
        assert_eq!(ReplyScanner::default().advance(reply), ReplyScan::Error(why), "{}", reply.escape_ascii());
        let mut scanner = ReplyScanner::default();
        let scans = reply.chunks(1).map(|byte| scanner.advance(byte));
        let first = scans.into_iter().find(|scan| *scan != ReplyScan::More);
        assert_eq!(first, Some(ReplyScan::Error(why)), "{}", reply.escape_ascii());
    }

    #[test]
    fn every_type_ends_where_it_ends() {
        for reply in [
            &b"+OK\r\n"[..],
            b"+\r\n",
            b"-ERR no\r\n",
            b":-12\r\n",
            b"_\r\n",
            b"#t\r\n",
            b",1.5e3\r\n",
            b"(123456789012345678901234567890\r\n",
            b"$0\r\n\r\n",
            b"$3\r\na\r\n\r\n",
            b"$-1\r\n",
            b"*-1\r\n",
            b"$12\r\nhello, world\r\n",
            b"=7\r\ntxt:a\r\n\r\n",
            b"!5\r\nERR x\r\n",
            b"*0\r\n",
            b"~0\r\n",
            b"%0\r\n",
            b">3\r\n+message\r\n$1\r\na\r\n$1\r\nb\r\n",
            b"*2\r\n*1\r\n:1\r\n*0\r\n",
            b"~2\r\n:1\r\n:2\r\n",
            b"%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n",
        ] {
            check(reply);
        }
    }

    #[test]
    fn an_attribute_belongs_to_the_reply_behind_it() {
        check(b"|1\r\n+ttl\r\n:3\r\n$1\r\na\r\n");
        check(b"|0\r\n+OK\r\n");
        check(b"|1\r\n+a\r\n+b\r\n|1\r\n+c\r\n+d\r\n*1\r\n:1\r\n");
        check(b"*2\r\n|1\r\n+a\r\n*1\r\n+b\r\n:1\r\n:2\r\n");
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        for bad in [
            &b"$01\r\n"[..],
            b"$+1\r\n",
            b"$-2\r\n",
            b"$ 1\r\n",
            b"*-2\r\n",
            b"%-1\r\n",
            b"$\r\n",
            b"$-\r\n",
            b"=-1\r\n",
            b"*99999999999999999999\r\n",
            b"%9223372036854775808\r\n",
            b">x\r\n",
        ] {
            check_refused(bad, BAD_LENGTH);
        }
        for bad in
            [&b"+O\nK\r\n"[..], b"+O\rK\r\n", b"$1\rx", b"$1\r\nabc", b"$1\r\na\rb", b"$0\r\nab", b"+\n"]
        {
            check_refused(bad, NO_CRLF);
        }
        check_refused(b"$?\r\n", ReplyError("a streamed type"));
        check_refused(b"HTTP/1.1 400 Bad Request\r\n", ReplyError("an unknown type"));
        check_refused(b"*1\r\n\r\n", ReplyError("an unknown type"));
    }

    #[test]
    fn nesting_is_bounded() {
        check(&[b"*1\r\n".repeat(NEAR_DEPTH + 8), b"*0\r\n".to_vec()].concat());
        let deepest = [b"*1\r\n".repeat(MAX_DEPTH), b"*0\r\n".to_vec()].concat();
        assert_eq!(ReplyScanner::default().advance(&deepest), ReplyScan::Done(deepest.len()));
        check_refused(&b"*1\r\n".repeat(MAX_DEPTH + 1), ReplyError("nested too deeply"));
        check_refused(&b"|0\r\n".repeat(MAX_DEPTH + 1), ReplyError("nested too deeply"));
    }

    #[test]
    fn the_length_of_a_bulk_is_known_from_its_header_on() {
        let mut scanner = ReplyScanner::default();
        for (piece, expected) in [
            (&b"$1000"[..], None),
            (b"00\r", None),
            (b"\n", Some(100_011)),
            (b"body", Some(100_011)),
            (&[b'x'; 99_996], Some(100_011)),
            (b"\r\n", None),
            (b"$1000000000\r\nx", Some(1_000_000_015)),
        ] {
            scanner.advance(piece);
            assert_eq!(scanner.expected_len(), expected, "{}", piece[..piece.len().min(20)].escape_ascii());
        }
        let mut scanner = ReplyScanner::default();
        scanner.advance(b"*1\r\n$5\r\nx");
        assert_eq!(scanner.expected_len(), None);
        let mut scanner = ReplyScanner::default();
        scanner.advance(b"$9223372036854775807\r\nx");
        assert_eq!(scanner.expected_len(), Some(i64::MAX as usize + 24));
    }
}
