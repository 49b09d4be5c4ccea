//! From the tree to typed values, table by table, by the rows of `file`. All mistakes are collected.
//!
//! - here: tables
//! - `values`: single values
//!
//! Deliberately absent: whatever needs more than one key.

mod values;

use core::time::Duration;

use crate::base::{Address, ByteSize};
use crate::config::file::{FOREIGN, Kind, Row, Section, sections};
use crate::config::suggest::nearest;
use crate::config::tree::{self, Entry, Node, Place, Value};
use crate::config::{Code, Diagnostic};

/// A value and where it was written.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Placed<T> {
    pub(super) place: Place,
    pub(super) value: T,
}

/// What a table says: each key's value, or its default.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Fields {
    /// As people call it: `[pool.main]`.
    pub(super) title: String,
    /// Its header; empty for a table that is not written.
    pub(super) place: Place,
    given: Vec<(&'static str, Placed<Read>)>,
    defaults: Vec<(&'static str, Read)>,
    /// Keys that were written, but wrongly: told already.
    broken: Vec<&'static str>,
}

#[derive(Clone, PartialEq, Debug)]
enum Read {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Duration(Duration),
    Size(ByteSize),
    Address(Address),
    Addresses(Vec<Placed<Address>>),
    Texts(Vec<Placed<String>>),
    Pairs(Vec<(Placed<String>, Placed<String>)>),
    Table(Fields),
    Tables(Vec<Fields>),
    Named(Vec<(Placed<String>, Fields)>),
}

/// What names are known elsewhere, and where mistakes go.
pub(super) struct Reader<'a> {
    pub(super) hashes: &'a [&'a str],
    pub(super) distributions: &'a [&'a str],
    pub(super) found: Vec<Diagnostic>,
}

macro_rules! getters {
    ($($name:ident $variant:ident $type:ty),+ $(,)?) => {
        impl Fields {
            $(
                /// What was written, or the row's default.
                pub(super) fn $name(&self, key: &str) -> Option<$type> {
                    match self.get(key) {
                        Some(Read::$variant(value)) => Some(value.clone()),
                        _ => None,
                    }
                }
            )+
        }
    };
}

getters! {
    text Text String,
    integer Integer i64,
    boolean Boolean bool,
    duration Duration Duration,
    size Size ByteSize,
    address Address Address,
    addresses Addresses Vec<Placed<Address>>,
    texts Texts Vec<Placed<String>>,
    pairs Pairs Vec<(Placed<String>, Placed<String>)>,
    tables Tables Vec<Fields>,
    named Named Vec<(Placed<String>, Fields)>,
}

impl Fields {
    /// A table of which nothing is written.
    pub(super) fn empty(section: &'static Section, title: String, place: Place) -> Fields {
        let defaults = section.rows.iter().filter_map(|row| Some((row.key, default(row)?))).collect();
        Fields { title, place, given: Vec::new(), defaults, broken: Vec::new() }
    }

    fn get(&self, key: &str) -> Option<&Read> {
        let given = self.given.iter().find(|(name, _)| *name == key).map(|(_, read)| &read.value);
        given.or_else(|| self.defaults.iter().find(|(name, _)| *name == key).map(|(_, read)| read))
    }

    /// The table under a key, or one with the defaults.
    pub(super) fn table(&self, key: &'static str) -> Fields {
        match self.get(key) {
            Some(Read::Table(fields)) => fields.clone(),
            _ => Fields {
                title: String::new(),
                place: Place::default(),
                given: Vec::new(),
                defaults: Vec::new(),
                broken: Vec::new(),
            },
        }
    }

    /// Where a key's value was written; `None` = nowhere.
    pub(super) fn place_of(&self, key: &str) -> Option<&Place> {
        self.given.iter().find(|(name, _)| *name == key).map(|(_, read)| &read.place)
    }

    /// True if the key was written, rightly or wrongly.
    pub(super) fn mentions(&self, key: &str) -> bool {
        self.place_of(key).is_some() || self.broken.contains(&key)
    }

    /// True if what was written could not be read, so that nothing should be concluded from it.
    pub(super) fn is_broken(&self, key: &str) -> bool {
        self.broken.contains(&key)
    }
}

/// A row's default, read like anything that is written.
fn default(row: &'static Row) -> Option<Read> {
    let mut reader = Reader { hashes: &[], distributions: &[], found: Vec::new() };
    if let Kind::Table(section) = row.kind {
        return Some(Read::Table(Fields::empty(section, section.header.to_owned(), Place::default())));
    }
    if row.default.is_empty() {
        return None;
    }
    let entries = tree::parse(&format!("default = {}", row.default), &[], &mut reader.found);
    let kind = match row.kind {
        // Which names exist is not known here; a test compares the defaults with what `placement` knows.
        Kind::Hash | Kind::Distribution => Kind::Text,
        other => other,
    };
    entries.first().and_then(|entry| reader.value(kind, "default", &entry.node))
}

impl Reader<'_> {
    pub(super) fn tell(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    /// Reads a table; `title` is what people call it.
    pub(super) fn section(
        &mut self,
        section: &'static Section,
        title: String,
        place: Place,
        entries: &[Entry],
    ) -> Fields {
        let mut fields = Fields::empty(section, title, place);
        for entry in entries {
            let Some(row) = section.row(&entry.key) else {
                self.unknown(section, &fields.title, entry);
                continue;
            };
            match self.entry(row, &fields.title, entry) {
                Some(value) => {
                    fields.given.push((row.key, Placed { place: entry.node.place.clone(), value }));
                }
                None => fields.broken.push(row.key),
            }
        }
        fields
    }

    fn unknown(&mut self, section: &'static Section, title: &str, entry: &Entry) {
        let at = if title.is_empty() { "at the top of the file".to_owned() } else { format!("in {title}") };
        let message = format!("unknown key '{}' {at}", entry.key);
        let diagnostic = Diagnostic::error(Code::UnknownKey, message).place(&entry.key_place);
        let help = if let Some((_, hint)) = FOREIGN.iter().find(|(key, _)| *key == entry.key) {
            hint.replace("NAME", pool_of(title))
        } else if let Some(places) = belongs(&entry.key, title) {
            format!("'{}' belongs {places}", entry.key)
        } else if let Some(meant) = nearest(&entry.key, section.rows.iter().map(|row| row.key)) {
            format!("did you mean '{meant}'?")
        } else {
            format!("known here: {}", listed(section.rows.iter().map(|row| row.key)))
        };
        self.tell(diagnostic.help(help));
    }

    fn entry(&mut self, row: &'static Row, title: &str, entry: &Entry) -> Option<Read> {
        match (row.kind, &entry.node.value) {
            (Kind::Table(section), Value::Table(entries)) => {
                let place = entry.node.place.clone();
                Some(Read::Table(self.section(section, inner_title(title, &entry.key), place, entries)))
            }
            (Kind::Tables(section) | Kind::AddressOrTables(section), Value::Array(items)) => {
                self.tables(section, title, &entry.key, items)
            }
            (Kind::Tables(_) | Kind::AddressOrTables(_), Value::Table(_)) => {
                let name = inner_title(title, &entry.key);
                self.tell(
                    Diagnostic::error(
                        Code::WrongType,
                        format!("'{}' is written as a single table", entry.key),
                    )
                    .place(&entry.key_place)
                    .help(format!("write it with two brackets, once for each: [{name}]")),
                );
                None
            }
            (Kind::Named(section), Value::Table(entries)) => self.named(section, &entry.key, entries),
            (kind, _) => self.value(kind, &entry.key, &entry.node),
        }
    }

    fn tables(&mut self, section: &'static Section, title: &str, key: &str, items: &[Node]) -> Option<Read> {
        let name = format!("[{}]", inner_title(title, key));
        let mut tables = Vec::new();
        for item in items {
            match &item.value {
                Value::Table(entries) => {
                    tables.push(self.section(section, name.clone(), item.place.clone(), entries));
                }
                other => {
                    let message = format!("'{key}' is a list of tables, but this is {}", other.type_name());
                    self.tell(
                        Diagnostic::error(Code::WrongType, message)
                            .place(&item.place)
                            .help(format!("write {name}, once for each, and its keys below")),
                    );
                    return None;
                }
            }
        }
        Some(Read::Tables(tables))
    }

    fn named(&mut self, section: &'static Section, key: &str, entries: &[Entry]) -> Option<Read> {
        let mut named = Vec::new();
        for entry in entries {
            let Value::Table(inner) = &entry.node.value else {
                self.tell(
                    Diagnostic::error(Code::UnknownKey, format!("unknown key '{}' in [{key}]", entry.key))
                        .place(&entry.key_place)
                        .help(format!("give the {key} a name, and write its keys below it: [{key}.main]")),
                );
                continue;
            };
            let name = Placed { place: entry.key_place.clone(), value: entry.key.clone() };
            let title = format!("[{key}.{}]", entry.key);
            named.push((name, self.section(section, title, entry.node.place.clone(), inner)));
        }
        Some(Read::Named(named))
    }
}

/// Where a key may stand, with the name of the pool at hand.
fn belongs(key: &str, title: &str) -> Option<String> {
    let place = |section: &Section| match section.header {
        "" => "at the top of the file".to_owned(),
        header => format!("in {}", header.replace("NAME", pool_of(title))),
    };
    let places: Vec<String> =
        sections().into_iter().filter(|section| section.row(key).is_some()).map(place).collect();
    (!places.is_empty()).then(|| places.join(" or "))
}

/// The pool's name in a title like `[pool.main.auth]`.
fn pool_of(title: &str) -> &str {
    title.trim_matches(['[', ']']).split('.').nth(1).unwrap_or("NAME")
}

/// The title of a table inside another.
pub(super) fn inner_title(title: &str, key: &str) -> String {
    format!("[{}]", [title.trim_matches(['[', ']']), key].join(".").trim_start_matches('.'))
}

/// Words in the order given, each once.
fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut seen: Vec<&str> = Vec::new();
    for word in words {
        if !seen.contains(&word) {
            seen.push(word);
        }
    }
    seen.join(", ")
}
