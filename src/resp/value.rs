//! A reply as a tree. It allocates freely: for the control plane, the lab and tests, never for the
//! data path, which only needs to know where a reply ends.

use core::str;

/// One RESP2 or RESP3 reply. Maps and sets are given as what they hold; attributes are skipped.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    Simple(String),
    /// With its code, without the leading `-`.
    Error(String),
    Integer(i64),
    Bulk(Vec<u8>),
    Nil,
    Double(f64),
    Boolean(bool),
    BigNumber(String),
    Verbatim(Vec<u8>),
    Array(Vec<Value>),
    Map(Vec<(Value, Value)>),
    Set(Vec<Value>),
    Push(Vec<Value>),
}

/// The bytes are no RESP; the connection they came from cannot be used any more.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a RESP reply: {0}")]
pub struct Malformed(pub &'static str);

/// How deep replies may nest: deeper ones would let a peer exhaust the stack.
const MAX_DEPTH: usize = 32;
/// Elements that are reserved before they have arrived.
const MAX_RESERVE: usize = 1024;

impl Value {
    /// The first reply in `bytes` and its length, or `None` while it is incomplete.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Value, usize)>, Malformed> {
        let mut at = 0;
        Ok(value(bytes, &mut at, 0)?.map(|v| (v, at)))
    }

    /// Text of a simple string, a bulk or a verbatim string, if it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        match self {
            Value::Simple(s) | Value::BigNumber(s) => Some(s),
            Value::Bulk(b) | Value::Verbatim(b) => str::from_utf8(b).ok(),
            _ => None,
        }
    }

    /// A number given as such or as text.
    pub fn number(&self) -> Option<i64> {
        match self {
            Value::Integer(n) => Some(*n),
            other => other.text()?.parse().ok(),
        }
    }

    /// Elements of an array, set or push.
    pub fn elements(&self) -> Option<&[Value]> {
        match self {
            Value::Array(v) | Value::Set(v) | Value::Push(v) => Some(v),
            _ => None,
        }
    }

    pub fn is_error(&self) -> bool {
        matches!(self, Value::Error(_))
    }
}

fn value(bytes: &[u8], at: &mut usize, depth: usize) -> Result<Option<Value>, Malformed> {
    if depth > MAX_DEPTH {
        return Err(Malformed("nested too deeply"));
    }
    let Some(&kind) = bytes.get(*at) else { return Ok(None) };
    let Some(line) = line(bytes, at)? else { return Ok(None) };
    let text = || str::from_utf8(line).map(str::to_owned).map_err(|_| Malformed("a line that is no text"));
    Ok(Some(match kind {
        b'+' => Value::Simple(text()?),
        b'-' => Value::Error(String::from_utf8_lossy(line).into_owned()),
        b':' => Value::Integer(number(line)?),
        b'(' => Value::BigNumber(text()?),
        b',' => Value::Double(text()?.parse().map_err(|_| Malformed("a double"))?),
        b'#' => Value::Boolean(line == b"t"),
        b'_' => Value::Nil,
        b'$' | b'=' | b'!' => match length(line)? {
            None => Value::Nil,
            Some(len) => {
                let Some(body) = bytes.get(*at..at.saturating_add(len)) else { return Ok(None) };
                let end = *at + len;
                let Some(crlf) = bytes.get(end..end + 2) else { return Ok(None) };
                if crlf != b"\r\n" {
                    return Err(Malformed("a bulk string without its line end"));
                }
                *at = end + 2;
                match kind {
                    b'$' => Value::Bulk(body.to_vec()),
                    b'=' => Value::Verbatim(body.get(4..).unwrap_or_default().to_vec()),
                    _ => Value::Error(String::from_utf8_lossy(body).into_owned()),
                }
            }
        },
        b'*' | b'~' | b'>' => match length(line)? {
            None => Value::Nil,
            Some(len) => {
                let Some(elements) = values(bytes, at, len, depth)? else { return Ok(None) };
                match kind {
                    b'*' => Value::Array(elements),
                    b'~' => Value::Set(elements),
                    _ => Value::Push(elements),
                }
            }
        },
        b'%' | b'|' => {
            let pairs = length(line)?.ok_or(Malformed("a map without a length"))?;
            let len = pairs.checked_mul(2).ok_or(Malformed("a length"))?;
            let Some(flat) = values(bytes, at, len, depth)? else { return Ok(None) };
            if kind == b'|' {
                return value(bytes, at, depth + 1);
            }
            let mut flat = flat.into_iter();
            let mut map = Vec::with_capacity(pairs.min(MAX_RESERVE));
            while let (Some(k), Some(v)) = (flat.next(), flat.next()) {
                map.push((k, v));
            }
            Value::Map(map)
        }
        _ => return Err(Malformed("an unknown type")),
    }))
}

fn values(bytes: &[u8], at: &mut usize, len: usize, depth: usize) -> Result<Option<Vec<Value>>, Malformed> {
    let mut elements = Vec::with_capacity(len.min(MAX_RESERVE));
    for _ in 0..len {
        let Some(element) = value(bytes, at, depth + 1)? else { return Ok(None) };
        elements.push(element);
    }
    Ok(Some(elements))
}

/// The rest of the line behind the type byte; `at` moves behind its end.
fn line<'a>(bytes: &'a [u8], at: &mut usize) -> Result<Option<&'a [u8]>, Malformed> {
    let rest = &bytes[*at + 1..];
    let Some(end) = memchr::memchr(b'\n', rest) else { return Ok(None) };
    if end == 0 || rest[end - 1] != b'\r' {
        return Err(Malformed("a line without its end"));
    }
    *at += 1 + end + 1;
    Ok(Some(&rest[..end - 1]))
}

fn number(line: &[u8]) -> Result<i64, Malformed> {
    str::from_utf8(line).ok().and_then(|s| s.parse().ok()).ok_or(Malformed("a number"))
}

/// A length; `None` for -1 (nil).
fn length(line: &[u8]) -> Result<Option<usize>, Malformed> {
    match number(line)? {
        -1 => Ok(None),
        n => usize::try_from(n).map(Some).map_err(|_| Malformed("a negative length")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read() {
        let whole: &[u8] = b"*9\r\n+OK\r\n:-7\r\n$3\r\nfoo\r\n$-1\r\n%1\r\n+k\r\n#t\r\n~1\r\n,1.5\r\n=7\r\ntxt:abc\r\n(123\r\n|1\r\n+a\r\n+b\r\n-ERR x\r\n";
        let (value, len) = Value::parse(whole).unwrap().unwrap();
        assert_eq!(len, whole.len());
        let elements = value.elements().unwrap();
        assert_eq!(elements[1].number(), Some(-7));
        assert_eq!(elements[4], Value::Map(vec![(Value::Simple("k".into()), Value::Boolean(true))]));
        assert_eq!(elements[6].text(), Some("abc"));
        assert_eq!(elements[8], Value::Error("ERR x".into()));
        for end in 0..whole.len() {
            assert_eq!(Value::parse(&whole[..end]), Ok(None), "cut at {end}");
        }
    }

    #[test]
    fn what_is_no_reply_is_refused_without_a_panic() {
        for bytes in [&b"HTTP/1.1\r\n"[..], b":x\r\n", b"$3\r\nfooxx", b"$-2\r\n", b"+OK\n", b"*1\r\n?\r\n"] {
            assert!(Value::parse(bytes).is_err(), "{bytes:?}");
        }
        assert!(Value::parse(&b"*1\r\n".repeat(100_000)).is_err());
    }
}
