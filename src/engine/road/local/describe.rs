//! One row of the command table as COMMAND INFO prints it, in RESP2 (maps are flat arrays, sets are
//! arrays).

use crate::command::{Begin, Find, KeySpec, Row, classic_range, subcommands};
use crate::resp::{array, bulk, integer as number, simple};

pub(super) fn describe(out: &mut Vec<u8>, row: &Row) {
    let (first, last, step) = classic_range(row);
    array(out, 10);
    bulk(out, row.name.as_bytes());
    number(out, i64::from(row.arity));
    words(out, row.flags.names());
    for place in [first, last, step] {
        number(out, i64::from(place));
    }
    words(out, row.categories());
    array(out, row.tips.len());
    row.tips.iter().for_each(|tip| bulk(out, tip.as_bytes()));
    array(out, row.keys.len());
    row.keys.iter().for_each(|spec| key_spec(out, spec));
    array(out, subcommands(row).count());
    subcommands(row).for_each(|subcommand| describe(out, subcommand));
}

/// Simple strings in an array.
pub(super) fn words<'a>(out: &mut Vec<u8>, words: impl Iterator<Item = &'a str>) {
    let words: Vec<&str> = words.collect();
    array(out, words.len());
    words.iter().for_each(|word| simple(out, word));
}

fn key_spec(out: &mut Vec<u8>, spec: &KeySpec) {
    array(out, 6);
    bulk(out, b"flags");
    words(out, spec.flags.names());
    bulk(out, b"begin_search");
    match spec.begin {
        Begin::Index(index) => step(out, "index", &[("index", i64::from(index))]),
        Begin::Keyword { word, from } => {
            typed(out, "keyword");
            array(out, 4);
            bulk(out, b"keyword");
            bulk(out, word.as_bytes());
            bulk(out, b"startfrom");
            number(out, i64::from(from));
        }
        Begin::Unknown => step(out, "unknown", &[]),
    }
    bulk(out, b"find_keys");
    match spec.find {
        Find::Range { last, step: by, limit } => {
            let parts = [("lastkey", last.into()), ("keystep", by.into()), ("limit", limit.into())];
            step(out, "range", &parts);
        }
        Find::KeyNum { number, first, step: by } => {
            let parts = [("keynumidx", number.into()), ("firstkey", first.into()), ("keystep", by.into())];
            step(out, "keynum", &parts);
        }
        Find::Unknown => step(out, "unknown", &[]),
    }
}

fn step(out: &mut Vec<u8>, kind: &str, parts: &[(&str, i64)]) {
    typed(out, kind);
    array(out, parts.len() * 2);
    for (name, value) in parts {
        bulk(out, name.as_bytes());
        number(out, *value);
    }
}

/// `type`, and the key of what comes next.
fn typed(out: &mut Vec<u8>, kind: &str) {
    array(out, 4);
    bulk(out, b"type");
    bulk(out, kind.as_bytes());
    bulk(out, b"spec");
}
