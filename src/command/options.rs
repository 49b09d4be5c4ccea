//! What only the options of a request tell: which keys it stores into, what it does with its key,
//! whether it blocks, whether it reads keys that are not among its arguments.
//!
//! Each walks the options as the servers do, so that a key or a pattern that is called like an option
//! is not taken for one. Options that no server knows are stepped over; the server refuses them.

use super::keys::{Take, Words};
use super::row::{Begin, Find, Flags, KeyFlags, Row};
use crate::resp::Span;

/// Whether this request may block. XREAD and XREADGROUP do so only with BLOCK.
#[inline]
pub fn blocks(row: &Row, request: &[u8], args: &[Span]) -> bool {
    row.flags.contains(Flags::BLOCKING) && block_time(row, request, args).is_some()
}

/// Where a request that blocks says for how long, and in what.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockTime {
    /// The argument's index.
    pub arg: usize,
    pub unit: BlockUnit,
}

/// 0 means for ever in either.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BlockUnit {
    /// Perhaps with a fraction.
    Seconds,
    Milliseconds,
}

/// Where a request of a row flagged `blocking` says for how long it may block. The last argument, but for
/// those that count their keys (the first) and those that read streams (behind BLOCK, if that is there).
pub fn block_time(row: &Row, request: &[u8], args: &[Span]) -> Option<BlockTime> {
    let spec = row.keys.first()?;
    match (spec.begin, spec.find) {
        (Begin::Keyword { .. }, _) => block_option(Words { request, args }),
        (_, Find::KeyNum { .. }) => Some(BlockTime { arg: 1, unit: BlockUnit::Seconds }),
        _ => Some(BlockTime { arg: args.len().checked_sub(1)?, unit: BlockUnit::Seconds }),
    }
}

fn block_option(words: Words<'_>) -> Option<BlockTime> {
    let mut at = 1;
    while at < words.len() && !words.is(at, "streams") {
        if words.is(at, "block") {
            return Some(BlockTime { arg: at + 1, unit: BlockUnit::Milliseconds });
        }
        at += match () {
            _ if words.is(at, "count") => 2,
            _ if words.is(at, "group") => 3,
            _ => 1,
        };
    }
    None
}

/// The patterns by which a SORT or SORT_RO makes names of further keys from its elements: BY or GET
/// with a `*`, without the field of a hash that may follow. No other command has any.
pub fn key_patterns<'a>(row: &Row, request: &'a [u8], args: &'a [Span]) -> impl Iterator<Item = &'a [u8]> {
    let words = Words { request, args };
    let mut at = if matches!(row.name, "sort" | "sort_ro") { 2 } else { words.len() };
    let options = core::iter::from_fn(move || {
        let option = at;
        at += sort_option(words, at);
        (option + 1 < words.len()).then_some(option)
    });
    let patterns = options.filter(move |&at| words.is(at, "by") || words.is(at, "get"));
    patterns.map(move |at| key_pattern(words.get(at + 1))).filter(|pattern| pattern.contains(&b'*'))
}

/// What stands before the first `->` behind the `*`.
fn key_pattern(pattern: &[u8]) -> &[u8] {
    let star = pattern.iter().position(|b| *b == b'*').unwrap_or(pattern.len());
    let arrow = pattern[star..].windows(2).position(|pair| pair == b"->");
    &pattern[..arrow.map_or(pattern.len(), |at| star + at)]
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
    fn how_long_a_request_may_block_is_found() {
        for (line, arg) in [
            ("blpop a b 3", Some(3)),
            ("blmove a b left left 2", Some(5)),
            ("brpoplpush a b 2", Some(3)),
            ("blmpop 3 1 a left", Some(1)),
            ("bzmpop 3 1 a min count 2", Some(1)),
            ("bzpopmin a 1", Some(2)),
            ("xread count 2 BLOCK 7 streams k $", Some(4)),
            ("xreadgroup group g c block 5 streams k >", Some(5)),
            ("xread count 2 streams k $", None),
        ] {
            assert_eq!(with_row(line, block_time).map(|time| time.arg), arg, "{line}");
        }
    }

    #[test]
    fn sort_patterns_that_read_other_keys_are_seen() {
        for (line, is) in [
            ("sort k", ""),
            ("sort k by nosort get #", ""),
            ("sort k by w_*", "w_*"),
            ("sort k get # by w->* get o_*->f", "w->* o_*"),
            ("sort k store by* alpha", ""),
            ("sort_ro k limit by * get x", ""),
            ("sort k get", ""),
            ("mget k by w_* get o_*", ""),
        ] {
            let found = with_row(line, |row, request, args| {
                key_patterns(row, request, args).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
            });
            assert_eq!(found, is, "{line}");
        }
    }
}
