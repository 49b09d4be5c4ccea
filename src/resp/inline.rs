//! Inline requests: a line of words, for people with `nc`, turned into the array that nodes are sent.
//! Quoting is that of `sdssplitargs` in Redis's sds.c.

use crate::resp::encode;
use crate::resp::protocol_error::ProtocolError;

/// Splits a line (with or without its line end) and appends it to `out` as a multibulk request. Returns
/// the number of its arguments; with none nothing is appended. A NUL is a byte like any other here.
pub fn inline_to_array(line: &[u8], out: &mut Vec<u8>) -> Result<usize, ProtocolError> {
    let mut rest = line.strip_suffix(b"\n").unwrap_or(line);
    rest = rest.strip_suffix(b"\r").unwrap_or(rest);
    let mut args = Vec::new();
    loop {
        rest = &rest[rest.iter().take_while(|&&b| is_space(b)).count()..];
        if rest.is_empty() {
            break;
        }
        args.push(word(&mut rest)?);
    }
    if !args.is_empty() {
        encode::command(out, &args);
    }
    Ok(args.len())
}

/// C's `isspace`, which also knows the vertical tab.
fn is_space(byte: u8) -> bool {
    byte.is_ascii_whitespace() || byte == 0x0b
}

/// One word; quotes may begin within it, but end it.
fn word(rest: &mut &[u8]) -> Result<Vec<u8>, ProtocolError> {
    let mut word = Vec::new();
    while let Some((&byte, behind)) = rest.split_first() {
        *rest = behind;
        match byte {
            // Not every space ends a bare word: sds.c names these alone.
            b' ' | b'\n' | b'\r' | b'\t' => break,
            b'"' => {
                quoted(rest, b'"', escape, &mut word)?;
                break;
            }
            b'\'' => {
                quoted(rest, b'\'', escaped_quote, &mut word)?;
                break;
            }
            other => word.push(other),
        }
    }
    Ok(word)
}

/// What stands for something else at the beginning: its value and its length in bytes.
type Escape = fn(&[u8]) -> Option<(u8, usize)>;

/// The rest of a quoted word with its closing quote, behind which a space or nothing must stand.
fn quoted(rest: &mut &[u8], quote: u8, escape: Escape, word: &mut Vec<u8>) -> Result<(), ProtocolError> {
    while let Some(&byte) = rest.first() {
        if byte == quote {
            *rest = &rest[1..];
            return match rest.first() {
                Some(&next) if !is_space(next) => Err(ProtocolError::UnbalancedQuotes),
                _ => Ok(()),
            };
        }
        let (value, len) = escape(rest).unwrap_or((byte, 1));
        word.push(value);
        *rest = &rest[len..];
    }
    Err(ProtocolError::UnbalancedQuotes)
}

/// Between single quotes only the quote itself can be escaped.
fn escaped_quote(text: &[u8]) -> Option<(u8, usize)> {
    text.starts_with(b"\\'").then_some((b'\'', 2))
}

/// Between double quotes.
fn escape(text: &[u8]) -> Option<(u8, usize)> {
    let hex = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    match *text {
        [b'\\', b'x', high, low, ..] if hex(high).is_some() && hex(low).is_some() => {
            Some((hex(high)? << 4 | hex(low)?, 4))
        }
        [b'\\', b'n', ..] => Some((b'\n', 2)),
        [b'\\', b'r', ..] => Some((b'\r', 2)),
        [b'\\', b't', ..] => Some((b'\t', 2)),
        [b'\\', b'b', ..] => Some((0x08, 2)),
        [b'\\', b'a', ..] => Some((0x07, 2)),
        [b'\\', other, ..] => Some((other, 2)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &[u8], expected: &[&[u8]]) {
        let (mut got, mut wanted) = (Vec::new(), Vec::new());
        assert_eq!(inline_to_array(line, &mut got), Ok(expected.len()), "{}", line.escape_ascii());
        if !expected.is_empty() {
            encode::command(&mut wanted, expected);
        }
        assert_eq!(got, wanted, "{}", line.escape_ascii());
    }

    #[test]
    fn words_are_split_as_redis_splits_them() {
        check(b"", &[]);
        check(b"  \t \r\n", &[]);
        check(b"PING", &[b"PING"]);
        check(b" SET  a\tb \r\n", &[b"SET", b"a", b"b"]);
        check(b"SET a b\n", &[b"SET", b"a", b"b"]);
        check(b"SET \"a b\" 'c d'", &[b"SET", b"a b", b"c d"]);
        check(b"\"\" ''", &[b"", b""]);
        check(b"foo\"bar\" x", &[b"foobar", b"x"]);
        check(b"foo\\n", &[b"foo\\n"]);
        check(b"\"\\x41\\xfF\\x4g\"", &[b"A\xffx4g"]);
        check(b"\"\\n\\r\\t\\b\\a\\\"\\\\\\q\"", &[b"\n\r\t\x08\x07\"\\q"]);
        check(b"'\\n\\'\\q'", &[b"\\n'\\q"]);
        check(b"'a'\x0bb", &[b"a", b"b"]);
        check(b"a\x0bb", &[b"a\x0bb"]);
        check(b"a\0b", &[b"a\0b"]);
    }

    #[test]
    fn quotes_that_do_not_end_are_refused() {
        for line in [
            &b"\"a"[..],
            b"'a",
            b"\"a\"b",
            b"'a'b",
            b"\"a\\\"",
            b"'a\\'",
            b"'a\\\\'",
            b"\"a\\",
            b"a\"b\n",
            b"\"\"\"\"",
        ] {
            let mut out = b"kept".to_vec();
            assert_eq!(inline_to_array(line, &mut out), Err(ProtocolError::UnbalancedQuotes));
            assert_eq!(out, b"kept", "{}", line.escape_ascii());
        }
    }
}
