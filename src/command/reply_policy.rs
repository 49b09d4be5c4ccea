//! Part replies → one reply, by Redis's response policies. The parts are whole RESP2 replies, in the
//! order of the shards (or of the client's keys); the result is appended to `out`.
//!
//! In every policy but "one succeeded" the first error is the answer. A part that is not what the
//! policy expects (a node that answers text where a number belongs) is answered as an error, never
//! guessed at.
//!
//! Deliberately absent: the policy "special" (each such command is put together by who knows it), and
//! what is said of a split write that was applied in part only.

use super::row::ReplyPolicy;
use crate::resp::{self, Elements, integer_of};

/// Said where a node's part does not fit the policy of its command.
const UNEXPECTED: &[u8] = b"ERR a node answered something unexpected; its part can't be put together";

/// Puts `parts` together by `policy`. Without a policy (and with "special") arrays are appended to one
/// another, which is what Redis's documentation asks for commands without keys.
pub fn join<'a>(policy: ReplyPolicy, parts: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) {
    match policy {
        ReplyPolicy::OneSucceeded => one_succeeded(parts, out),
        ReplyPolicy::AllSucceeded => all_succeeded(parts, out),
        ReplyPolicy::AggSum => fold(parts, out, |a, b| a.saturating_add(b)),
        ReplyPolicy::AggMin => fold(parts, out, i64::min),
        ReplyPolicy::AggMax => fold(parts, out, i64::max),
        ReplyPolicy::AggLogicalAnd => fold(parts, out, |a, b| i64::from(a != 0 && b != 0)),
        ReplyPolicy::AggLogicalOr => fold(parts, out, |a, b| i64::from(a != 0 || b != 0)),
        ReplyPolicy::None | ReplyPolicy::Special => concat(parts, out),
    }
}

/// The first part that is no error; the first error if all are.
fn one_succeeded<'a>(mut parts: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) {
    let good = parts.clone().find(|part| !is_error(part));
    append(good.or_else(|| parts.next()), out);
}

/// The first error, or the first part.
fn all_succeeded<'a>(mut parts: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) {
    let bad = parts.clone().find(|part| is_error(part));
    append(bad.or_else(|| parts.next()), out);
}

/// Numbers, or arrays of numbers of one length, folded number by number.
fn fold<'a>(
    mut parts: impl Iterator<Item = &'a [u8]> + Clone,
    out: &mut Vec<u8>,
    with: impl Fn(i64, i64) -> i64,
) {
    if let Some(error) = parts.clone().find(|part| is_error(part)) {
        return out.extend_from_slice(error);
    }
    let Some((shape, mut sum)) = parts.next().and_then(numbers) else { return unexpected(out) };
    for part in parts {
        match numbers(part) {
            Some((same, next)) if same == shape && next.len() == sum.len() => {
                sum.iter_mut().zip(next).for_each(|(a, b)| *a = with(*a, b));
            }
            _ => return unexpected(out),
        }
    }
    if shape == Shape::Many {
        resp::array(out, sum.len());
    }
    sum.into_iter().for_each(|number| resp::integer(out, number));
}

/// The elements of all arrays in one.
pub fn concat<'a>(parts: impl Iterator<Item = &'a [u8]> + Clone, out: &mut Vec<u8>) {
    if let Some(error) = parts.clone().find(|part| is_error(part)) {
        return out.extend_from_slice(error);
    }
    let Some(arrays) = parts.map(Elements::of).collect::<Option<Vec<_>>>() else { return unexpected(out) };
    resp::array(out, arrays.iter().map(Elements::len).sum());
    arrays.into_iter().flatten().for_each(|element| out.extend_from_slice(element));
}

/// An array put together from the elements of the parts' arrays, in the order of the client's keys:
/// `from` names the part of each key, and each part answered its own keys in their order. The first
/// error is the answer.
pub fn places<'a>(
    parts: impl Iterator<Item = &'a [u8]> + Clone,
    from: impl ExactSizeIterator<Item = usize>,
    out: &mut Vec<u8>,
) {
    if let Some(error) = parts.clone().find(|part| is_error(part)) {
        return out.extend_from_slice(error);
    }
    let Some(mut left) = parts.map(Elements::of).collect::<Option<Vec<_>>>() else { return unexpected(out) };
    let begin = out.len();
    resp::array(out, from.len());
    for part in from {
        let Some(element) = left.get_mut(part).and_then(Iterator::next) else {
            out.truncate(begin);
            return unexpected(out);
        };
        out.extend_from_slice(element);
    }
}

fn is_error(part: &[u8]) -> bool {
    part.first() == Some(&b'-')
}

fn append(part: Option<&[u8]>, out: &mut Vec<u8>) {
    match part {
        Some(part) => out.extend_from_slice(part),
        None => unexpected(out),
    }
}

fn unexpected(out: &mut Vec<u8>) {
    resp::error(out, UNEXPECTED);
}

/// The numbers of `:1` or of an array of such, and which of the two it is.
fn numbers(part: &[u8]) -> Option<(Shape, Vec<i64>)> {
    if let Some(number) = integer_of(part) {
        return Some((Shape::One, vec![number]));
    }
    let numbers: Option<Vec<i64>> = Elements::of(part)?.map(integer_of).collect();
    Some((Shape::Many, numbers?))
}

#[derive(PartialEq)]
enum Shape {
    One,
    Many,
}

#[cfg(test)]
mod tests {
    use core::str;

    use super::*;

    fn joined(policy: ReplyPolicy, parts: &[&str]) -> String {
        let mut out = Vec::new();
        join(policy, parts.iter().map(|part| part.as_bytes()), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn parts_are_joined_by_their_policy() {
        use ReplyPolicy::*;
        let no = format!("-{}\r\n", str::from_utf8(UNEXPECTED).unwrap());
        for (policy, parts, whole) in [
            (AggSum, &[":1\r\n", ":2\r\n", ":0\r\n"][..], ":3\r\n"),
            (AggSum, &[":1\r\n", "-ERR a\r\n", "-ERR b\r\n"], "-ERR a\r\n"),
            (AggSum, &["+OK\r\n", ":2\r\n"], &no),
            (AggSum, &[], &no),
            (AggMin, &[":3\r\n", ":-2\r\n"], ":-2\r\n"),
            (AggMax, &[":3\r\n", ":-2\r\n"], ":3\r\n"),
            (AggLogicalAnd, &["*2\r\n:1\r\n:1\r\n", "*2\r\n:0\r\n:1\r\n"], "*2\r\n:0\r\n:1\r\n"),
            (AggLogicalAnd, &["*2\r\n:1\r\n:1\r\n", "*1\r\n:0\r\n"], &no),
            (AggLogicalAnd, &["*1\r\n:1\r\n", ":1\r\n"], &no),
            (AggLogicalOr, &[":0\r\n", ":7\r\n"], ":1\r\n"),
            (AllSucceeded, &["+OK\r\n", "+OK\r\n"], "+OK\r\n"),
            (AllSucceeded, &["+OK\r\n", "-ERR a\r\n"], "-ERR a\r\n"),
            (OneSucceeded, &["-ERR a\r\n", "+OK\r\n"], "+OK\r\n"),
            (OneSucceeded, &["-ERR a\r\n", "-ERR b\r\n"], "-ERR a\r\n"),
            (None, &["*1\r\n$1\r\na\r\n", "*0\r\n", "*1\r\n$1\r\nb\r\n"], "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
            (None, &["*0\r\n", "$-1\r\n"], &no),
        ] {
            assert_eq!(joined(policy, parts), whole, "{policy:?} {parts:?}");
        }
    }

    #[test]
    fn elements_take_the_places_of_their_keys() {
        let parts = ["*2\r\n$3\r\na\r\n\r\n$-1\r\n", "*1\r\n$1\r\nb\r\n"];
        let put = |from: &[usize]| {
            let mut out = Vec::new();
            places(parts.iter().map(|part| part.as_bytes()), from.iter().copied(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(put(&[0, 1, 0]), "*3\r\n$3\r\na\r\n\r\n$1\r\nb\r\n$-1\r\n");
        assert!(put(&[1, 1]).starts_with("-ERR"));
        assert!(put(&[0, 2]).starts_with("-ERR"));
    }

    #[test]
    fn no_bytes_of_a_node_can_panic_this() {
        for part in [
            "",
            "*",
            "*9\r\n",
            "*1\r\n$",
            "*1\r\n$5\r\nab\r\n",
            "*99999999999\r\n:1\r\n",
            "$9223372036854775807\r\n",
            ":\r",
            "*1\r\n$-7\r\n",
        ] {
            for policy in [ReplyPolicy::AggSum, ReplyPolicy::None, ReplyPolicy::AggMin] {
                joined(policy, &[part, part]);
            }
            places([part.as_bytes()].into_iter(), [0, 0].into_iter(), &mut Vec::new());
        }
    }
}
