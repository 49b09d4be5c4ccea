//! Looking into a complete reply: the elements of an array, an integer, an error's first word.

use crate::resp::number;
use crate::resp::reply::{ReplyScan, ReplyScanner};

/// The least that an element can have: `_\r\n`.
const MIN_ELEMENT: usize = 3;

/// The elements of a complete reply's outermost array, each as its own bytes with header and line end.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Elements<'a> {
    /// `None` if the reply is no array (nil, a set or a push is none either).
    pub fn of(reply: &'a [u8]) -> Option<Elements<'a>> {
        let rest = reply.strip_prefix(b"*")?;
        let cr = memchr::memchr(b'\r', rest)?;
        let left = usize::try_from(number::parse(&rest[..cr])?).ok()?;
        let rest = rest[cr..].strip_prefix(b"\r\n")?;
        (left <= rest.len() / MIN_ELEMENT).then_some(Elements { rest, left })
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        match ReplyScanner::default().advance(self.rest) {
            ReplyScan::Done(len) => {
                let (element, rest) = self.rest.split_at(len);
                self.rest = rest;
                Some(element)
            }
            // Not a complete reply after all.
            ReplyScan::More | ReplyScan::Error(_) => {
                self.left = 0;
                None
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

/// `len` says how many elements are still to come.
impl ExactSizeIterator for Elements<'_> {}

/// The number that a reply is: `:N`.
pub fn integer_of(reply: &[u8]) -> Option<i64> {
    number::parse(reply.strip_prefix(b":")?.strip_suffix(b"\r\n")?)
}

/// An error reply's first word, such as `READONLY`; empty if the reply is no error.
pub fn error_code(reply: &[u8]) -> &[u8] {
    let text = match reply.split_first() {
        Some((b'-', text)) => text,
        Some((b'!', long)) => match memchr::memchr(b'\n', long) {
            Some(line_end) => &long[line_end + 1..],
            None => return b"",
        },
        _ => return b"",
    };
    let end = memchr::memchr3(b' ', b'\r', b'\n', text).unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(reply: &[u8]) -> Option<Vec<&[u8]>> {
        Elements::of(reply).map(Iterator::collect)
    }

    #[test]
    fn an_array_is_walked_element_by_element() {
        assert_eq!(elements(b"*0\r\n"), Some(vec![]));
        let reply = b"*4\r\n$1\r\na\r\n$-1\r\n*2\r\n:1\r\n:2\r\n|1\r\n+k\r\n+v\r\n+OK\r\n";
        let walked: [&[u8]; 4] =
            [b"$1\r\na\r\n", b"$-1\r\n", b"*2\r\n:1\r\n:2\r\n", b"|1\r\n+k\r\n+v\r\n+OK\r\n"];
        assert_eq!(elements(reply).unwrap(), walked);
        let mut walk = Elements::of(reply).unwrap();
        assert_eq!(walk.len(), 4);
        walk.next();
        assert_eq!(walk.len(), 3);
    }

    #[test]
    fn what_is_no_complete_array_gives_no_elements_that_are_not_there() {
        for reply in
            [&b""[..], b"*", b"*1", b"*1\r", b"*-1\r\n", b"+OK\r\n", b"~1\r\n:1\r\n", b"*01\r\n:1\r\n"]
        {
            assert_eq!(elements(reply), None, "{}", reply.escape_ascii());
        }
        assert_eq!(elements(b"*9223372036854775807\r\n:1\r\n"), None);
        assert_eq!(elements(b"*2\r\n:1\r\n:222222"), Some(vec![&b":1\r\n"[..]]));
    }

    #[test]
    fn integers_are_read() {
        for (reply, number) in [
            (&b":0\r\n"[..], Some(0)),
            (b":-12\r\n", Some(-12)),
            (b":1", None),
            (b"+1\r\n", None),
            (b":a\r\n", None),
        ] {
            assert_eq!(integer_of(reply), number, "{}", reply.escape_ascii());
        }
    }

    #[test]
    fn the_code_of_an_error_is_its_first_word() {
        for (reply, code) in [
            (&b"-READONLY You can't write\r\n"[..], &b"READONLY"[..]),
            (b"-ERR\r\n", b"ERR"),
            (b"-\r\n", b""),
            (b"!8\r\nSYNTAX x\r\n", b"SYNTAX"),
            (b"!4\r\nOOPS\r\n", b"OOPS"),
            (b"!4", b""),
            (b"+OK\r\n", b""),
            (b"", b""),
        ] {
            assert_eq!(error_code(reply), code, "{}", reply.escape_ascii());
        }
    }
}
