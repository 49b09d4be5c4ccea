//! What only the options of a request tell: which keys it stores into, what it does with its key,
//! whether it blocks, whether it reads keys that are not among its arguments.
//!
//! Each walks the options as the servers do, so that a key or a pattern that is called like an option
//! is not taken for one. Options that no server knows are stepped over; the server refuses them.

use super::keys::{Take, Words};
use super::row::{Flags, Handling, KeyFlags, Row};
use crate::resp::Span;

/// Whether this request may block. XREAD and XREADGROUP do so only with BLOCK; they are the blocking
/// commands that are forwarded without it.
pub fn blocks(row: &Row, request: &[u8], args: &[Span]) -> bool {
    if !row.flags.contains(Flags::BLOCKING) {
        return false;
    }
    if row.handling != Handling::Forward {
        return true;
    }
    let words = Words { request, args };
    let mut at = 1;
    while at < words.len() && !words.is(at, "streams") {
        if words.is(at, "block") {
            return true;
        }
        at += match () {
            _ if words.is(at, "count") => 2,
            _ if words.is(at, "group") => 3,
            _ => 1,
        };
    }
    false
}

/// Whether a SORT or SORT_RO reads keys that it makes from its elements: BY or GET with a `*`. Those
/// may lie on any shard.
pub fn sort_pattern(request: &[u8], args: &[Span]) -> bool {
    let words = Words { request, args };
    let mut at = 2;
    while at + 1 < words.len() {
        let pattern = words.is(at, "by") || words.is(at, "get");
        if pattern && words.get(at + 1).contains(&b'*') {
            return true;
        }
        at += sort_option(words, at);
    }
    false
}

/// How many arguments the SORT option at `at` takes, itself included.
fn sort_option(words: Words<'_>, at: usize) -> usize {
    match () {
        _ if words.is(at, "limit") => 3,
        _ if words.is(at, "by") || words.is(at, "get") || words.is(at, "store") => 2,
        _ => 1,
    }
}

pub(super) fn set_flags(words: Words<'_>) -> KeyFlags {
    if (3..words.len()).any(|at| words.is(at, "get")) {
        KeyFlags::RW.access().update()
    } else {
        KeyFlags::OW.update()
    }
}

pub(super) fn bitfield_flags(words: Words<'_>) -> KeyFlags {
    let mut at = 2;
    while at < words.len() {
        at += match () {
            _ if words.is(at, "get") => 3,
            _ if words.is(at, "overflow") => 2,
            _ => return KeyFlags::RW.access().update(),
        };
    }
    KeyFlags::RO.access()
}

/// The key behind the last STORE of a SORT: Redis lets the last one win.
pub(super) fn sorted_into(words: Words<'_>) -> Option<usize> {
    let (mut at, mut key) = (2, None);
    while at < words.len() {
        if words.is(at, "store") && at + 1 < words.len() {
            key = Some(at + 1);
        }
        at += sort_option(words, at);
    }
    key
}

/// The key behind the last STORE or STOREDIST of a GEORADIUS.
pub(super) fn found_into(words: Words<'_>, from: usize) -> Option<usize> {
    let (mut at, mut key) = (from, None);
    while at + 1 < words.len() {
        let stores = words.is(at, "store") || words.is(at, "storedist");
        if stores {
            key = Some(at + 1);
        }
        at += if stores || words.is(at, "count") { 2 } else { 1 };
    }
    key
}

/// MIGRATE host port key … or, with an empty key, everything behind KEYS.
pub(super) fn migrated(words: Words<'_>, take: Take<'_>) {
    let flags = KeyFlags::RW.access().delete();
    if !words.get(3).is_empty() {
        return take(3, flags);
    }
    let mut at = 6;
    while at < words.len() && !words.is(at, "keys") {
        at += match () {
            _ if words.is(at, "auth") => 2,
            _ if words.is(at, "auth2") => 3,
            _ => 1,
        };
    }
    (at + 1..words.len()).for_each(|key| take(key as u32, flags));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::keys::tests::with_row;

    #[test]
    fn what_blocks_is_known() {
        for (line, is) in [
            ("get k", false),
            ("blpop k 0", true),
            ("wait 1 0", true),
            ("xread streams block 0", false),
            ("xread count block streams k 0", false),
            ("xread count 2 BLOCK 0 streams k $", true),
            ("xreadgroup group block block streams k >", false),
            ("xreadgroup group g c block 5 streams k >", true),
        ] {
            assert_eq!(with_row(line, blocks), is, "{line}");
        }
    }

    #[test]
    fn sort_patterns_that_read_other_keys_are_seen() {
        for (line, is) in [
            ("sort k", false),
            ("sort k by nosort get #", false),
            ("sort k by w_*", true),
            ("sort k get # get o_*->f", true),
            ("sort k store by* alpha", false),
            ("sort_ro k limit by * get x", false),
        ] {
            assert_eq!(with_row(line, |_, request, args| sort_pattern(request, args)), is, "{line}");
        }
    }
}
