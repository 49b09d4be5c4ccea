//! Where a client's request ends and where its arguments lie. It keeps a cursor, not bytes: the caller
//! holds the request from its first byte on and calls again when more has arrived. Nothing is scanned
//! twice, nothing is allocated but the caller's list of spans. It knows no command.
//!
//! ```text
//! count ──► header ──► body ──► header ──► … ──► request
//!   │                    └──► `into_tail`: the rest is only framed (`request_tail`)
//!   └──► inline line (`inline` splits it)
//! ```

use crate::resp::number;
use crate::resp::protocol_error::ProtocolError;
use crate::resp::request_tail::RequestTail;

/// Where an argument lies, in bytes relative to the request's first byte.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Span {
    pub start: u32,
    pub len: u32,
}

impl Span {
    /// The argument's bytes. `request` is the one that the span was found in.
    #[inline]
    pub fn of(self, request: &[u8]) -> &[u8] {
        &request[self.start as usize..self.end()]
    }

    /// Behind the argument's last byte.
    #[inline]
    pub fn end(self) -> usize {
        self.start as usize + self.len as usize
    }
}

/// How large a request may be. Redis's own: `proto-max-bulk-len` for `max_bulk`, 64 KiB for `max_inline`.
#[derive(Clone, Copy, Debug)]
pub struct RequestLimits {
    /// Bytes of a whole request. More than 4 GiB are never taken: spans have 32 bits.
    pub max_request: usize,
    /// Arguments of a request, its name included.
    pub max_args: usize,
    /// Bytes of an inline line.
    pub max_inline: usize,
    /// Bytes of one argument.
    pub max_bulk: usize,
}

impl RequestLimits {
    /// What Redis takes from a client that has yet to authenticate: arguments …
    pub const UNAUTHENTICATED_ARGS: usize = 10;
    /// … and bytes of each.
    pub const UNAUTHENTICATED_BULK: usize = 16384;

    /// These limits, narrowed for a client that has yet to authenticate.
    pub fn unauthenticated(self) -> RequestLimits {
        RequestLimits {
            max_args: self.max_args.min(Self::UNAUTHENTICATED_ARGS),
            max_bulk: self.max_bulk.min(Self::UNAUTHENTICATED_BULK),
            ..self
        }
    }

    /// Only decides which of two texts an error has.
    fn are_unauthenticated(&self) -> bool {
        self.max_args <= Self::UNAUTHENTICATED_ARGS && self.max_bulk <= Self::UNAUTHENTICATED_BULK
    }

    /// The number of arguments; 0 or less means that there is no request.
    #[inline]
    fn check_count(&self, count: Option<i64>) -> Result<i64, ProtocolError> {
        match count {
            Some(count) if count <= 0 || count as usize <= self.max_args.min(i32::MAX as usize) => Ok(count),
            Some(count) if count <= i64::from(i32::MAX) && self.are_unauthenticated() => {
                Err(ProtocolError::UnauthenticatedMultibulkLength)
            }
            Some(count) if count <= i64::from(i32::MAX) => {
                Err(ProtocolError::TooManyArguments { max_args: self.max_args })
            }
            _ => Err(ProtocolError::InvalidMultibulkLength),
        }
    }

    /// The length of an argument whose body begins `start` bytes into the request.
    #[inline]
    pub(super) fn check_bulk(&self, len: Option<i64>, start: usize) -> Result<usize, ProtocolError> {
        let len = len.and_then(|len| usize::try_from(len).ok()).ok_or(ProtocolError::InvalidBulkLength)?;
        let max_request = self.max_request.min(u32::MAX as usize);
        if len > self.max_bulk {
            Err(if self.are_unauthenticated() {
                ProtocolError::UnauthenticatedBulkLength
            } else {
                ProtocolError::InvalidBulkLength
            })
        } else if len > max_request.saturating_sub(start.saturating_add(2)) {
            Err(ProtocolError::TooLarge { max_request })
        } else {
            Ok(len)
        }
    }
}

/// Bytes of a header line, as Redis has it (`PROTO_INLINE_MAX_SIZE`). A sound one has at most 22.
const MAX_HEADER_LINE: usize = 64 * 1024;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Phase {
    /// The first line: `*N`, or an inline request.
    #[default]
    First,
    /// `$N` at `at`.
    Header,
    /// An argument's body at `at`.
    Body,
}

/// Finds one request. For the next one start with `RequestScanner::default()` and an empty list.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestScanner {
    /// Where the line or body begins that is not complete yet.
    at: usize,
    /// No line end lies before this: an incomplete line is not searched again.
    looked: usize,
    /// Length of the body at `at`.
    body: usize,
    /// Arguments declared.
    total: u32,
    /// Arguments that are complete.
    found: u32,
    phase: Phase,
}

const _: () = assert!(size_of::<RequestScanner>() <= 48);

/// What a scan came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scanned {
    /// All of `bytes` was looked at; call again with more bytes behind them.
    Incomplete,
    /// `*0`, `*-1` or an empty line: no request, no reply, `len` bytes to skip.
    Empty { len: usize },
    /// A multibulk request of `len` bytes; the list holds where its arguments (at least one) lie.
    Request { len: usize },
    /// An inline request of `len` bytes, its line end included; see `inline_to_array`.
    Inline { len: usize },
    /// The client has lost its place, or goes too far.
    Error(ProtocolError),
}

/// The argument whose header was read and whose body has not fully arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pending {
    /// Its index.
    pub arg: usize,
    /// How many arguments the request has, as declared.
    pub args: usize,
    /// Where its body begins, in bytes from the request's first.
    pub start: usize,
    /// Bytes of its body.
    pub len: usize,
}

impl RequestScanner {
    /// Goes on where the last call stopped. `bytes` starts at the request's first byte and holds at least
    /// what earlier calls were given; arguments found are pushed on `args`, which the caller keeps between
    /// calls.
    #[inline]
    pub fn scan(&mut self, bytes: &[u8], args: &mut Vec<Span>, limits: &RequestLimits) -> Scanned {
        if self.phase == Phase::First {
            match bytes.first() {
                None => return Scanned::Incomplete,
                Some(b'*') => match self.count(bytes, limits) {
                    Ok(None) => return Scanned::Incomplete,
                    Ok(Some((count, end))) if count <= 0 => return Scanned::Empty { len: end },
                    Ok(Some((count, end))) => {
                        self.total = count as u32;
                        self.at = end;
                        self.phase = Phase::Header;
                    }
                    Err(error) => return Scanned::Error(error),
                },
                Some(_) => return self.inline(bytes, limits),
            }
        }
        match self.arguments(bytes, args, limits) {
            Ok(true) => Scanned::Request { len: self.at },
            Ok(false) => Scanned::Incomplete,
            Err(error) => Scanned::Error(error),
        }
    }

    /// While a scan is incomplete: the argument that it stopped in.
    pub fn pending(&self) -> Option<Pending> {
        (self.phase == Phase::Body).then_some(Pending {
            arg: self.found as usize,
            args: self.total as usize,
            start: self.at,
            len: self.body,
        })
    }

    /// The rest of this request as something that is only framed. `taken` bytes of the request have been
    /// scanned and are forwarded by the caller. Only valid while `pending` has something.
    pub fn into_tail(self, taken: usize) -> RequestTail {
        debug_assert!(self.pending().is_some_and(|p| (p.start..p.start + p.len + 2).contains(&taken)));
        RequestTail::new(self.at + self.body, taken, self.total.saturating_sub(self.found + 1))
    }

    /// The arguments from here on; true once all are complete.
    #[inline]
    fn arguments(
        &mut self,
        bytes: &[u8],
        args: &mut Vec<Span>,
        limits: &RequestLimits,
    ) -> Result<bool, ProtocolError> {
        loop {
            if self.phase == Phase::Header && !self.header(bytes, limits)? {
                return Ok(false);
            }
            if !self.body(bytes)? {
                return Ok(false);
            }
            // Below 4 GiB, as `check_bulk` has seen to.
            args.push(Span { start: self.at as u32, len: self.body as u32 });
            self.at += self.body + 2;
            self.found += 1;
            self.phase = Phase::Header;
            if self.found == self.total {
                return Ok(true);
            }
        }
    }

    /// `*N`: its number and where it ends.
    #[inline]
    fn count(&mut self, bytes: &[u8], limits: &RequestLimits) -> Result<Option<(i64, usize)>, ProtocolError> {
        let (count, end) = match number::quick(bytes, 1) {
            Some((count, end)) => (Some(count as i64), end),
            None => match self.number_line(bytes, ProtocolError::TooBigMultibulkCount)? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        Ok(Some((limits.check_count(count)?, end)))
    }

    /// `$N` at `at`; false while it is incomplete.
    #[inline]
    fn header(&mut self, bytes: &[u8], limits: &RequestLimits) -> Result<bool, ProtocolError> {
        match bytes.get(self.at) {
            Some(b'$') => {}
            Some(&other) => return Err(ProtocolError::ExpectedDollar(other)),
            None => return Ok(false),
        }
        let (len, start) = match number::quick(bytes, self.at + 1) {
            Some((len, start)) => (Some(len as i64), start),
            None => match self.number_line(bytes, ProtocolError::TooBigBulkCount)? {
                Some(found) => found,
                None => return Ok(false),
            },
        };
        self.body = limits.check_bulk(len, start)?;
        self.at = start;
        self.phase = Phase::Body;
        Ok(true)
    }

    /// Whether the body at `at` is there with its line end.
    #[inline]
    fn body(&self, bytes: &[u8]) -> Result<bool, ProtocolError> {
        match bytes.get(self.at + self.body..) {
            Some([b'\r', b'\n', ..]) => Ok(true),
            None | Some([] | [b'\r']) => Ok(false),
            Some(_) => Err(ProtocolError::InvalidCrlf),
        }
    }

    /// The header line at `at`, whatever it holds: its number, if it is one, and where it ends.
    #[cold]
    fn number_line(
        &mut self,
        bytes: &[u8],
        too_long: ProtocolError,
    ) -> Result<Option<(Option<i64>, usize)>, ProtocolError> {
        match self.find(b'\r', bytes, MAX_HEADER_LINE, too_long)? {
            None => Ok(None),
            Some(cr) => match bytes.get(cr + 1) {
                Some(b'\n') => Ok(Some((number::parse(&bytes[self.at + 1..cr]), cr + 2))),
                Some(_) => Err(ProtocolError::InvalidCrlf),
                None => {
                    self.looked = cr;
                    Ok(None)
                }
            },
        }
    }

    /// The first such byte of the line at `at`. An error if the line is longer than `max`, no matter
    /// whether its end has arrived: the answer must not depend on how the bytes were cut.
    fn find(
        &mut self,
        byte: u8,
        bytes: &[u8],
        max: usize,
        too_long: ProtocolError,
    ) -> Result<Option<usize>, ProtocolError> {
        let from = self.looked.max(self.at);
        let end = bytes.len().min(self.at.saturating_add(max).saturating_add(1));
        let window = bytes.get(from..end).unwrap_or_default();
        match memchr::memchr(byte, window) {
            Some(found) => Ok(Some(from + found)),
            None if end - self.at > max => Err(too_long),
            None => {
                self.looked = end;
                Ok(None)
            }
        }
    }

    /// A line without `*`: words, as people type them.
    #[cold]
    fn inline(&mut self, bytes: &[u8], limits: &RequestLimits) -> Scanned {
        match self.find(
            b'\n',
            bytes,
            limits.max_inline,
            ProtocolError::TooBigInline { max_inline: limits.max_inline },
        ) {
            Ok(None) => Scanned::Incomplete,
            Ok(Some(end)) if matches!(&bytes[..end], [] | [b'\r']) => Scanned::Empty { len: end + 1 },
            Ok(Some(end)) => Scanned::Inline { len: end + 1 },
            Err(error) => Scanned::Error(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: RequestLimits =
        RequestLimits { max_request: 1000, max_args: 20, max_inline: 100, max_bulk: 500 };

    /// The same whole and byte by byte; `len` and arguments of a request are checked by the caller.
    fn scan_with(bytes: &[u8], limits: &RequestLimits) -> (Scanned, Vec<Vec<u8>>) {
        let mut args = Vec::new();
        let whole = RequestScanner::default().scan(bytes, &mut args, limits);
        let mut scanner = RequestScanner::default();
        let mut slow_args = Vec::new();
        let slow = (0..=bytes.len())
            .map(|end| scanner.scan(&bytes[..end], &mut slow_args, limits))
            .find(|scanned| *scanned != Scanned::Incomplete);
        assert_eq!(slow.unwrap_or(Scanned::Incomplete), whole, "{}", bytes.escape_ascii());
        assert_eq!(slow_args, args);
        (whole, args.iter().map(|span| span.of(bytes).to_vec()).collect())
    }

    fn check(bytes: &[u8], expected: Scanned) {
        assert_eq!(scan_with(bytes, &LIMITS).0, expected, "{}", bytes.escape_ascii());
    }

    fn check_error(bytes: &[u8], text: &str) {
        match scan_with(bytes, &LIMITS).0 {
            Scanned::Error(error) => assert_eq!(error.text(), text, "{}", bytes.escape_ascii()),
            other => panic!("{}: {other:?}", bytes.escape_ascii()),
        }
    }

    #[test]
    fn arguments_are_found_where_they_lie() {
        let bytes = b"*4\r\n$3\r\nSET\r\n$0\r\n\r\n$12\r\nhello\r\nworld\r\n$100\r\n";
        let bytes = [&bytes[..], &[b'x'; 100], b"\r\n*1\r\n"].concat();
        let (scanned, args) = scan_with(&bytes, &LIMITS);
        assert_eq!(scanned, Scanned::Request { len: bytes.len() - 4 });
        assert_eq!(args, [&b"SET"[..], b"", b"hello\r\nworld", &[b'x'; 100]]);
    }

    #[test]
    fn nothing_asked_is_skipped() {
        check(b"*0\r\n*1", Scanned::Empty { len: 4 });
        check(b"*-1\r\n", Scanned::Empty { len: 5 });
        check(b"*-9223372036854775808\r\n", Scanned::Empty { len: 23 });
        check(b"\r\n*1\r\n", Scanned::Empty { len: 2 });
        check(b"\nPING\r\n", Scanned::Empty { len: 1 });
    }

    #[test]
    fn a_line_is_an_inline_request() {
        check(b"PING\r\nPING", Scanned::Inline { len: 6 });
        check(b"GET a\n", Scanned::Inline { len: 6 });
        check(b" \r\n", Scanned::Inline { len: 3 });
        check(b"PING\r", Scanned::Incomplete);
        check(&[&[b'a'; 100][..], b"\n"].concat(), Scanned::Inline { len: 101 });
        let text = "ERR Protocol error: too big inline request (max_inline is 100 bytes)";
        check_error(&[&[b'a'; 101][..], b"\n"].concat(), text);
        check_error(&[b'a'; 101], text);
        // Where the limit is Redis's own the text is, too.
        let error = ProtocolError::TooBigInline { max_inline: 65536 };
        assert_eq!(error.text(), "ERR Protocol error: too big inline request");
    }

    #[test]
    fn mistakes_are_told_in_the_words_of_redis() {
        for bad in [
            "*a\r\n",
            "*\r\n",
            "*01\r\n",
            "*+1\r\n",
            "* 1\r\n",
            "*3000000000\r\n",
            "*9223372036854775808\r\n",
        ] {
            check_error(bad.as_bytes(), "ERR Protocol error: invalid multibulk length");
        }
        check_error(b"*21\r\n", "ERR Protocol error: invalid multibulk length (max_args is 20)");
        for bad in ["$a\r\n", "$\r\n", "$-1\r\n", "$01\r\n", "$501\r\n", "$9223372036854775808\r\n"] {
            check_error(format!("*1\r\n{bad}").as_bytes(), "ERR Protocol error: invalid bulk length");
        }
        check_error(b"*2\r\n$1\r\na\r\nfoo\r\n", "ERR Protocol error: expected '$', got 'f'");
        for bad in ["*1\rx", "*1\r\n$1\rx", "*1\r\n$1\r\nabc", "*1\r\n$1\r\na\rc", "*1\r\n$0\r\nab"] {
            check_error(bad.as_bytes(), "ERR Protocol error: invalid CRLF in request");
        }
    }

    #[test]
    fn an_endless_header_line_is_refused_however_it_is_cut() {
        for (begin, text) in [
            (&b"*"[..], "ERR Protocol error: too big mbulk count string"),
            (b"*1\r\n$", "ERR Protocol error: too big bulk count string"),
        ] {
            let long = [begin, &vec![b'1'; MAX_HEADER_LINE]].concat();
            check_error(&long, text);
            check_error(&[&long[..], b"\r\n"].concat(), text);
            check(&long[..long.len() - 1], Scanned::Incomplete);
        }
    }

    #[test]
    fn a_request_above_the_limit_is_refused_at_the_header_that_passes_it() {
        let bytes = [&b"*3\r\n$500\r\n"[..], &[b'a'; 500], b"\r\n$480\r\n"].concat();
        check(&bytes, Scanned::Incomplete);
        let bytes = [&b"*3\r\n$500\r\n"[..], &[b'a'; 500], b"\r\n$481\r\n"].concat();
        check_error(&bytes, "ERR request is larger than max_request (1000 bytes)");
    }

    #[test]
    fn before_authentication_the_limits_are_those_of_redis() {
        let wide =
            RequestLimits { max_request: 1 << 30, max_args: 1 << 20, max_inline: 1 << 16, max_bulk: 1 << 29 };
        let limits = wide.unauthenticated();
        for (bytes, error) in [
            (&b"*11\r\n"[..], Some(ProtocolError::UnauthenticatedMultibulkLength)),
            (b"*3000000000\r\n", Some(ProtocolError::InvalidMultibulkLength)),
            (b"*10\r\n$16385\r\n", Some(ProtocolError::UnauthenticatedBulkLength)),
            (b"*10\r\n$16384\r\n", None),
        ] {
            let expected = error.map_or(Scanned::Incomplete, Scanned::Error);
            assert_eq!(scan_with(bytes, &limits).0, expected, "{}", bytes.escape_ascii());
        }
        let narrow = LIMITS.unauthenticated();
        assert_eq!((narrow.max_args, narrow.max_bulk), (10, 500));
    }

    #[test]
    fn the_argument_that_is_arriving_is_known() {
        let bytes = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$100\r\nabc";
        let mut scanner = RequestScanner::default();
        let mut args = Vec::new();
        assert_eq!(scanner.scan(&bytes[..12], &mut args, &LIMITS), Scanned::Incomplete);
        assert_eq!(scanner.pending(), Some(Pending { arg: 0, args: 3, start: 8, len: 3 }));
        assert_eq!(scanner.scan(&bytes[..22], &mut args, &LIMITS), Scanned::Incomplete);
        assert_eq!(scanner.pending(), None);
        assert_eq!(scanner.scan(bytes, &mut args, &LIMITS), Scanned::Incomplete);
        assert_eq!(scanner.pending(), Some(Pending { arg: 2, args: 3, start: 26, len: 100 }));
        assert_eq!(args.len(), 2);
    }
}
