//! One row of the command table as COMMAND INFO prints it: maps and sets, which are arrays in RESP2.

use crate::command::{Begin, Find, KeySpec, Row, classic_range, subcommands};
use crate::resp::{Protocol, array, bulk, integer as number, map, set, simple};

pub(super) fn describe(out: &mut Vec<u8>, protocol: Protocol, row: &Row) {
    let (first, last, step) = classic_range(row);
    array(out, 10);
    bulk(out, row.name.as_bytes());
    number(out, i64::from(row.arity));
    words(out, protocol, row.flags.names());
    for place in [first, last, step] {
        number(out, i64::from(place));
    }
    words(out, protocol, row.categories());
    set(out, protocol, row.tips.len());
    row.tips.iter().for_each(|tip| bulk(out, tip.as_bytes()));
    set(out, protocol, row.keys.len());
    row.keys.iter().for_each(|spec| key_spec(out, protocol, spec));
    set(out, protocol, subcommands(row).count());
    subcommands(row).for_each(|subcommand| describe(out, protocol, subcommand));
}

/// Simple strings in a set.
pub(super) fn words<'a>(out: &mut Vec<u8>, protocol: Protocol, words: impl Iterator<Item = &'a str>) {
    let words: Vec<&str> = words.collect();
    set(out, protocol, words.len());
    words.iter().for_each(|word| simple(out, word));
}

fn key_spec(out: &mut Vec<u8>, protocol: Protocol, spec: &KeySpec) {
    map(out, protocol, 3);
    bulk(out, b"flags");
    words(out, protocol, spec.flags.names());
    bulk(out, b"begin_search");
    match spec.begin {
        Begin::Index(index) => step(out, protocol, "index", &[("index", i64::from(index))]),
        Begin::Keyword { word, from } => {
            typed(out, protocol, "keyword");
            map(out, protocol, 2);
            bulk(out, b"keyword");
            bulk(out, word.as_bytes());
            bulk(out, b"startfrom");
            number(out, i64::from(from));
        }
        Begin::Unknown => step(out, protocol, "unknown", &[]),
    }
    bulk(out, b"find_keys");
    match spec.find {
        Find::Range { last, step: by, limit } => {
            let parts = [("lastkey", last.into()), ("keystep", by.into()), ("limit", limit.into())];
            step(out, protocol, "range", &parts);
        }
        Find::KeyNum { number, first, step: by } => {
            let parts = [("keynumidx", number.into()), ("firstkey", first.into()), ("keystep", by.into())];
            step(out, protocol, "keynum", &parts);
        }
        Find::Unknown => step(out, protocol, "unknown", &[]),
    }
}

fn step(out: &mut Vec<u8>, protocol: Protocol, kind: &str, parts: &[(&str, i64)]) {
    typed(out, protocol, kind);
    map(out, protocol, parts.len());
    for (name, value) in parts {
        bulk(out, name.as_bytes());
        number(out, *value);
    }
}

/// `type`, and the key of what comes next.
fn typed(out: &mut Vec<u8>, protocol: Protocol, kind: &str) {
    map(out, protocol, 2);
    bulk(out, b"type");
    bulk(out, kind.as_bytes());
    bulk(out, b"spec");
}
