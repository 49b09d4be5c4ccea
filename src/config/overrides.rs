//! `KETCH__POOL__MAIN__HOLD=5s`: variables of the environment that replace single values of the file.
//!
//! Names are upper-case, two underscores stand between levels, a number names an item of `[[…]]`. What
//! a name means is settled by the same reading as the file's: an unknown key is a mistake here, too.

use super::tree::{Entry, Environment, Node, Place, Value};
use super::{Code, Diagnostic};

const PREFIX: &str = "KETCH__";

/// Puts every override into the tree.
pub(super) fn apply(entries: &mut Vec<Entry>, env: Environment<'_>, found: &mut Vec<Diagnostic>) {
    for (variable, value) in env {
        let Some(path) = variable.strip_prefix(PREFIX) else { continue };
        let levels: Vec<&str> = path.split("__").collect();
        let place = Place { span: None, variable: Some(variable.clone()) };
        let node = Node { place, value: Value::Loose(value.clone()) };
        if levels.iter().any(|level| level.is_empty()) || set(entries, &levels, node).is_none() {
            found.push(refused(variable));
        }
    }
}

fn refused(variable: &str) -> Diagnostic {
    Diagnostic::error(Code::BadOverride, format!("the environment variable {variable} names no single value"))
        .help("write the names of tables and key, in capitals, with two underscores between: KETCH__POOL__MAIN__HOLD")
        .help("a table of a [[list]] that is in the file has a number, from 0: KETCH__POOL__MAIN__USER__0__PASSWORD")
}

/// `None` where the path leads into something that is not a table, or ends at one.
fn set(entries: &mut Vec<Entry>, levels: &[&str], node: Node) -> Option<()> {
    let (level, deeper) = levels.split_first()?;
    let at = match entries.iter().position(|entry| as_variable(&entry.key) == *level) {
        Some(at) => at,
        None => {
            entries.push(new_entry(level, &node.place));
            entries.len() - 1
        }
    };
    let entry = &mut entries[at];
    if deeper.is_empty() {
        return replace(&mut entry.node, node);
    }
    match &mut entry.node.value {
        Value::Table(inner) => set(inner, deeper, node),
        Value::Array(items) => {
            let (index, deeper) = deeper.split_first()?;
            match &mut items.get_mut(index.parse::<usize>().ok()?)?.value {
                Value::Table(inner) if !deeper.is_empty() => set(inner, deeper, node),
                _ => None,
            }
        }
        _ => None,
    }
}

fn replace(old: &mut Node, new: Node) -> Option<()> {
    let is_table = |value: &Value| matches!(value, Value::Table(entries) if !entries.is_empty());
    let refused = match &old.value {
        Value::Array(items) => items.iter().any(|item| is_table(&item.value)),
        other => is_table(other),
    };
    if refused {
        return None;
    }
    *old = new;
    Some(())
}

fn new_entry(level: &str, place: &Place) -> Entry {
    let node = Node { place: place.clone(), value: Value::Table(Vec::new()) };
    Entry { key: level.to_lowercase(), key_place: place.clone(), node }
}

/// A key as it stands in a variable's name, where only letters, digits and underscores may stand.
fn as_variable(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}
