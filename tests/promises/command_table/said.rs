//! What is said of a command, by a row of the table or by a server, in words that can be compared.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use std::collections::BTreeSet;

use ketch::internals::command::{Begin, Find, Row, classic_range, subcommands};
use ketch::internals::resp::Value;

#[derive(Clone)]
pub(super) struct Said {
    pub(super) arity: String,
    pub(super) flags: BTreeSet<String>,
    pub(super) range: String,
    pub(super) categories: BTreeSet<String>,
    pub(super) tips: BTreeSet<String>,
    pub(super) keys: BTreeSet<String>,
    pub(super) subcommands: BTreeSet<String>,
    pub(super) group: String,
    pub(super) since: String,
    pub(super) complexity: String,
    pub(super) summary: String,
}

impl Said {
    pub(super) fn of(row: &Row) -> Said {
        let owned = |names: &mut dyn Iterator<Item = &'static str>| names.map(str::to_owned).collect();
        Said {
            arity: row.arity.to_string(),
            flags: owned(&mut row.flags.names()),
            range: format!("{:?}", classic_range(row)),
            categories: owned(&mut row.categories()),
            tips: owned(&mut row.tips.iter().copied()),
            keys: (row.keys.iter().enumerate())
                .map(|(number, spec)| {
                    let begin = match spec.begin {
                        Begin::Index(index) => format!("index {index}"),
                        Begin::Keyword { word, from } => format!("keyword {word} {from}"),
                        Begin::Unknown => "unknown".into(),
                    };
                    let find = match spec.find {
                        Find::Range { last, step, limit } => format!("range {last} {step} {limit}"),
                        Find::KeyNum { number, first, step } => format!("keynum {number} {first} {step}"),
                        Find::Unknown => "unknown".into(),
                    };
                    let flags: BTreeSet<&str> = spec.flags.names().collect();
                    let flags = Vec::from_iter(flags).join(" ");
                    format!("{number}: {begin}, {find}, {flags}")
                })
                .collect(),
            subcommands: owned(&mut subcommands(row).map(|row| row.name)),
            group: row.group.name().into(),
            since: row.since.into(),
            complexity: row.complexity.into(),
            summary: row.summary.into(),
        }
    }

    /// From ten elements of a COMMAND answer and the map of a COMMAND DOCS answer.
    pub(super) fn by_server(command: &Value, docs: &Value) -> (String, Said) {
        let part = command.elements().unwrap();
        let number = |at: usize| part[at].number().unwrap();
        let doc = |name: &str| entry(docs, name).map(text).unwrap_or_default();
        let said = Said {
            arity: number(1).to_string(),
            flags: texts(&part[2]),
            range: format!("{:?}", (number(3), number(4), number(5))),
            categories: texts(&part[6]),
            tips: texts(&part[7]),
            keys: part[8].elements().unwrap().iter().enumerate().map(key_spec).collect(),
            subcommands: part[9]
                .elements()
                .unwrap()
                .iter()
                .map(|sub| text(&sub.elements().unwrap()[0]))
                .collect(),
            group: doc("group"),
            since: doc("since"),
            complexity: doc("complexity"),
            summary: doc("summary"),
        };
        (text(&part[0]), said)
    }

    /// One line for each thing that is not the same: `-` is only here, `+` only with `other`. Words of
    /// summaries and complexities are no such thing; the O(…) in them is.
    pub(super) fn differences(&self, other: &Said, name: &str) -> Vec<String> {
        let one = |text: &str| BTreeSet::from([text.to_owned()]);
        let things = [
            ("arity", one(&self.arity), one(&other.arity)),
            ("flag", self.flags.clone(), other.flags.clone()),
            ("range", one(&self.range), one(&other.range)),
            ("category", self.categories.clone(), other.categories.clone()),
            ("tip", self.tips.clone(), other.tips.clone()),
            ("keys", self.keys.clone(), other.keys.clone()),
            ("subcommand", self.subcommands.clone(), other.subcommands.clone()),
            ("group", one(&self.group), one(&other.group)),
            ("since", one(&self.since), one(&other.since)),
        ];
        let mut lines = Vec::new();
        for (thing, here, there) in things {
            lines.extend(here.difference(&there).map(|it| format!("{name} {thing} - {it}")));
            lines.extend(there.difference(&here).map(|it| format!("{name} {thing} + {it}")));
        }
        let (here, there) = (orders(&self.complexity), orders(&other.complexity));
        // A long story may be cut short here, but it begins in the same way and holds nothing else.
        if here.first() != there.first() || here.iter().any(|order| !there.contains(order)) {
            lines.push(format!("{name} complexity - {here:?}"));
            lines.push(format!("{name} complexity + {there:?}"));
        }
        lines
    }
}

/// Each `O(…)` of a text, in its order.
pub(super) fn orders(text: &str) -> Vec<&str> {
    let order = |(start, _)| {
        let mut depth = 0;
        let end = text[start..].find(|c| {
            depth += i32::from(c == '(') - i32::from(c == ')');
            c == ')' && depth == 0
        });
        &text[start..=start + end.unwrap_or_else(|| panic!("unbalanced: {text}"))]
    };
    text.match_indices("O(").map(order).collect()
}

/// One key spec of a COMMAND answer in the words of `Said::of`.
fn key_spec((number, spec): (usize, &Value)) -> String {
    let said = |part: &str, kind: &str, names: &[&str]| {
        let part = entry(spec, part).unwrap();
        if text(entry(part, "type").unwrap()) != kind {
            return None;
        }
        let spec = entry(part, "spec").unwrap();
        let values = names.iter().map(|name| {
            let value = entry(spec, name).unwrap();
            value.number().map_or_else(|| text(value), |number| number.to_string())
        });
        Some([vec![kind.to_owned()], values.collect()].concat().join(" "))
    };
    let begin = said("begin_search", "index", &["index"])
        .or_else(|| said("begin_search", "keyword", &["keyword", "startfrom"]))
        .or_else(|| said("begin_search", "unknown", &[]));
    let find = said("find_keys", "range", &["lastkey", "keystep", "limit"])
        .or_else(|| said("find_keys", "keynum", &["keynumidx", "firstkey", "keystep"]))
        .or_else(|| said("find_keys", "unknown", &[]));
    let flags = Vec::from_iter(texts(entry(spec, "flags").unwrap())).join(" ");
    format!("{number}: {}, {}, {flags}", begin.unwrap(), find.unwrap())
}

/// What a RESP3 map holds under this name.
pub(super) fn entry<'a>(map: &'a Value, name: &str) -> Option<&'a Value> {
    let Value::Map(entries) = map else { panic!("no map: {map:?}") };
    entries.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
}

pub(super) fn text(value: &Value) -> String {
    value.text().unwrap_or_else(|| panic!("no text: {value:?}")).to_owned()
}

pub(super) fn texts(value: &Value) -> BTreeSet<String> {
    value.elements().unwrap().iter().map(text).collect()
}
