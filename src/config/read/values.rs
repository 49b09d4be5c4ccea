//! Single values, by kind: read, or told what is wrong and what to write.

use core::time::Duration;

use super::{Placed, Read, Reader, listed};
use crate::base::{Address, ByteSize};
use crate::config::file::{Kind, LEVELS};
use crate::config::suggest::nearest;
use crate::config::tree::{Node, Place, Value};
use crate::config::{Code, Diagnostic, duration};

impl Reader<'_> {
    /// A single value of a kind; `None` after having told what is wrong.
    pub(super) fn value(&mut self, kind: Kind, key: &str, node: &Node) -> Option<Read> {
        if node.value == Value::Broken {
            return None;
        }
        match kind {
            Kind::Text | Kind::Secret => self.text(key, node).map(Read::Text),
            Kind::Word => self.word(key, node).map(Read::Text),
            Kind::LogLevel => self.log_level(key, node).map(Read::Text),
            Kind::Integer { min, max } => self.integer(key, node, min, max).map(Read::Integer),
            Kind::Boolean => self.boolean(key, node).map(Read::Boolean),
            Kind::Duration { least } => self.duration(key, node, least).map(Read::Duration),
            Kind::Size { least } => self.size(key, node, least).map(Read::Size),
            Kind::Address | Kind::AddressOrTables(_) => self.address(key, node).map(Read::Address),
            Kind::AddressOrOff => match &node.value {
                Value::Text(text) | Value::Loose(text) if text.is_empty() => Some(Read::Text(String::new())),
                _ => self.address(key, node).map(Read::Address),
            },
            Kind::Addresses => self.list(key, node, Reader::address).map(Read::Addresses),
            Kind::Words => self.list(key, node, Reader::word).map(Read::Texts),
            Kind::Choice(words) => self.choice(key, node, words).map(Read::Text),
            Kind::Hash => self.choice(key, node, self.hashes).map(Read::Text),
            Kind::Distribution => self.choice(key, node, self.distributions).map(Read::Text),
            Kind::Pairs => self.pairs(key, node).map(Read::Pairs),
            Kind::Table(_) | Kind::Tables(_) | Kind::Named(_) => {
                self.wrong_type(key, node, "a table", &format!("write its keys below [{key}]"));
                None
            }
        }
    }

    fn wrong_type(&mut self, key: &str, node: &Node, wanted: &str, help: &str) {
        let message = format!("'{key}' takes {wanted}, but this is {}", node.value.type_name());
        self.tell(Diagnostic::error(Code::WrongType, message).place(&node.place).help(help));
    }

    fn text(&mut self, key: &str, node: &Node) -> Option<String> {
        match &node.value {
            Value::Text(text) | Value::Loose(text) => Some(text.clone()),
            _ => {
                self.wrong_type(key, node, "a text", "texts stand in quotes");
                None
            }
        }
    }

    fn word(&mut self, key: &str, node: &Node) -> Option<String> {
        let text = self.text(key, node)?;
        if text.is_empty() {
            self.tell(
                Diagnostic::error(Code::Empty, format!("'{key}' is empty"))
                    .place(&node.place)
                    .help("give it a value, or leave the key out"),
            );
            return None;
        }
        Some(text)
    }

    /// A level, or several with commas between, each for a room.
    fn log_level(&mut self, key: &str, node: &Node) -> Option<String> {
        let text = self.word(key, node)?;
        for part in text.split(',') {
            let (room, level) = part.split_once('=').unwrap_or(("", part));
            let words = LEVELS.iter().copied();
            let mut wrong = |what: &str, meant: Option<&str>| {
                let message = format!("'{key}' cannot be '{text}': {what}");
                let mut diagnostic = Diagnostic::error(Code::NotAllowed, message).place(&node.place);
                if let Some(meant) = meant {
                    diagnostic = diagnostic.help(format!("did you mean \"{meant}\"?"));
                }
                self.tell(
                    diagnostic.help(format!("it takes {}; or ROOM=LEVEL, …", listed(LEVELS.iter().copied()))),
                );
            };
            if !LEVELS.contains(&level.trim()) {
                wrong(&format!("there is no level '{}'", level.trim()), nearest(level.trim(), words));
                return None;
            }
            let plain = |b: u8| b.is_ascii_lowercase() || b == b'_' || b == b':';
            if !room.trim().bytes().all(plain) {
                wrong(&format!("'{}' is no room", room.trim()), None);
                return None;
            }
        }
        Some(text)
    }

    fn integer(&mut self, key: &str, node: &Node, min: i64, max: i64) -> Option<i64> {
        let number = match &node.value {
            Value::Integer(number) => *number,
            Value::Loose(text) if text.trim().parse::<i64>().is_ok() => text.trim().parse().unwrap_or(0),
            _ => {
                self.wrong_type(
                    key,
                    node,
                    "a whole number",
                    &format!("write a number, without quotes: {key} = {}", min.max(1)),
                );
                return None;
            }
        };
        if (min..=max).contains(&number) {
            return Some(number);
        }
        let range = if max == i64::MAX { format!("at least {min}") } else { format!("{min} to {max}") };
        self.tell(
            Diagnostic::error(Code::OutOfRange, format!("'{key}' cannot be {number}"))
                .place(&node.place)
                .help(format!("it takes {range}")),
        );
        None
    }

    fn boolean(&mut self, key: &str, node: &Node) -> Option<bool> {
        match &node.value {
            Value::Boolean(value) => Some(*value),
            Value::Loose(text) if text == "true" => Some(true),
            Value::Loose(text) if text == "false" => Some(false),
            _ => {
                self.wrong_type(key, node, "true or false", "write true or false, without quotes");
                None
            }
        }
    }

    fn duration(&mut self, key: &str, node: &Node, least: Duration) -> Option<Duration> {
        let text = match &node.value {
            Value::Text(text) | Value::Loose(text) => text.clone(),
            Value::Integer(number) if *number >= 0 => number.to_string(),
            _ => {
                self.wrong_type(
                    key,
                    node,
                    "a duration",
                    "write a number and us, ms, s, m, h or d: \"250ms\"",
                );
                return None;
            }
        };
        let (message, help) = match duration::parse(&text) {
            Ok(value) if value >= least => return Some(value),
            Ok(value) => {
                let message = format!("'{key}' cannot be {}", duration::write(value));
                let least = format!("it takes at least \"{}\"", duration::write(least));
                self.tell(Diagnostic::error(Code::OutOfRange, message).place(&node.place).help(least));
                return None;
            }
            Err(duration::Mistake::NoUnit) => {
                let digits = text.trim();
                (format!("'{key}' needs a unit"), format!("write \"{digits}ms\" or \"{digits}s\""))
            }
            Err(duration::Mistake::TooLong) => {
                (format!("'{key}' is longer than ten years"), "write a shorter duration".to_owned())
            }
            Err(duration::Mistake::NotADuration) => (
                format!("'{key}' is not a duration"),
                "write a number and us, ms, s, m, h or d: \"250ms\" or \"1m30s\"".to_owned(),
            ),
        };
        self.tell(Diagnostic::error(Code::BadDuration, message).place(&node.place).help(help));
        None
    }

    fn size(&mut self, key: &str, node: &Node, least: u64) -> Option<ByteSize> {
        let text = match &node.value {
            Value::Text(text) | Value::Loose(text) => text.clone(),
            Value::Integer(number) if *number >= 0 => number.to_string(),
            _ => {
                self.wrong_type(key, node, "a size", "write a number and B, KiB, MiB or GiB: \"16MiB\"");
                return None;
            }
        };
        match text.parse::<ByteSize>() {
            Ok(size) if size.0 >= least => Some(size),
            Ok(size) => {
                self.tell(
                    Diagnostic::error(Code::OutOfRange, format!("'{key}' cannot be {size}"))
                        .place(&node.place)
                        .help(format!("it takes at least \"{}\"", ByteSize(least))),
                );
                None
            }
            Err(error) => {
                self.tell(
                    Diagnostic::error(Code::BadSize, format!("'{key}' is not a size"))
                        .place(&node.place)
                        .help(error.to_string()),
                );
                None
            }
        }
    }

    fn address(&mut self, key: &str, node: &Node) -> Option<Address> {
        if let Value::Integer(port) = node.value {
            self.wrong_type(key, node, "an address", &format!("write \"127.0.0.1:{port}\""));
            return None;
        }
        let text = self.text(key, node)?;
        match text.parse::<Address>() {
            Ok(address) => Some(address),
            Err(error) => {
                self.tell(
                    Diagnostic::error(Code::BadAddress, format!("'{text}' is not an address"))
                        .place(&node.place)
                        .help(error.to_string()),
                );
                None
            }
        }
    }

    /// A list, of which every item is judged.
    fn list<T>(
        &mut self,
        key: &str,
        node: &Node,
        item: impl Fn(&mut Self, &str, &Node) -> Option<T>,
    ) -> Option<Vec<Placed<T>>> {
        let items;
        let nodes = match &node.value {
            Value::Array(nodes) => nodes,
            Value::Loose(text) => {
                items = split(text, &node.place);
                &items
            }
            _ => {
                self.wrong_type(
                    key,
                    node,
                    "a list",
                    &format!("lists stand in brackets: {key} = [\"…\", \"…\"]"),
                );
                return None;
            }
        };
        if nodes.is_empty() {
            self.tell(
                Diagnostic::error(Code::Empty, format!("'{key}' is an empty list"))
                    .place(&node.place)
                    .help("give it an item, or leave the key out"),
            );
            return None;
        }
        let read: Vec<Option<Placed<T>>> = nodes
            .iter()
            .map(|node| {
                let value = if node.value == Value::Broken { None } else { item(self, key, node) };
                value.map(|value| Placed { place: node.place.clone(), value })
            })
            .collect();
        read.into_iter().collect()
    }

    fn choice(&mut self, key: &str, node: &Node, words: &[&str]) -> Option<String> {
        let text = self.text(key, node)?;
        if words.contains(&text.as_str()) {
            return Some(text);
        }
        let mut diagnostic =
            Diagnostic::error(Code::NotAllowed, format!("'{key}' cannot be '{text}'")).place(&node.place);
        let renamed = renamed(&text);
        if let Some(meant) = nearest(&renamed, words.iter().copied()) {
            diagnostic = diagnostic.help(format!("did you mean \"{meant}\"?"));
        }
        self.tell(diagnostic.help(format!("it takes {}", listed(words.iter().copied()))));
        None
    }

    fn pairs(&mut self, key: &str, node: &Node) -> Option<Vec<(Placed<String>, Placed<String>)>> {
        let Value::Table(entries) = &node.value else {
            self.wrong_type(key, node, "a table", &format!("write {key} = {{ \"FROM\" = \"TO\" }}"));
            return None;
        };
        let mut pairs = Vec::new();
        for entry in entries {
            let to = self.word(&entry.key, &entry.node)?;
            let from = Placed { place: entry.key_place.clone(), value: entry.key.clone() };
            pairs.push((from, Placed { place: entry.node.place.clone(), value: to }));
        }
        Some(pairs)
    }
}

/// A list from the environment: items between commas.
fn split(text: &str, place: &Place) -> Vec<Node> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| Node { place: place.clone(), value: Value::Loose(item.to_owned()) }).collect()
}

/// Words that other products use for a read policy or a route.
fn renamed(word: &str) -> String {
    word.replace("master", "primary").replace("slave", "replica").replace("nearest", "any")
}
