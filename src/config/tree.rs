//! TOML as a tree in which each value knows where it stands, and `${VARIABLE}` inside texts.
//!
//! The tree knows no key: what may be written is in `file`. It keeps the order of the file, and it goes
//! on after a syntax error, so that the rest can be judged in the same run.

use core::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Code, Diagnostic};

/// Where a value was written.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Place {
    pub(super) span: Option<Range<usize>>,
    /// The environment variable that set it, if one did.
    pub(super) variable: Option<String>,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    Text(String),
    /// Text that came from the environment: it may stand for a number, a boolean or a list, too.
    Loose(String),
    Integer(i64),
    /// A number with a fraction, or one too large for any key, as written.
    Number(String),
    Boolean(bool),
    Date,
    /// Already reported: whoever reads it stays silent.
    Broken,
    Array(Vec<Node>),
    Table(Vec<Entry>),
}

#[derive(Clone, PartialEq, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_place: Place,
    pub(super) node: Node,
}

/// Variables of the environment, sorted by name.
pub(super) type Environment<'a> = &'a [(String, String)];

pub(super) fn lookup<'a>(env: Environment<'a>, name: &str) -> Option<&'a str> {
    env.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

impl Diagnostic {
    /// Points at the place, and names the variable where it is not in the file.
    #[must_use]
    pub(super) fn place(self, place: &Place) -> Diagnostic {
        let placed = self.at(place.span.clone());
        match &place.variable {
            Some(variable) => placed.note(format!("it is set by the environment variable {variable}")),
            None => placed,
        }
    }
}

impl Value {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Value::Text(_) | Value::Loose(_) => "a text",
            Value::Integer(_) | Value::Number(_) => "a number",
            Value::Boolean(_) => "a boolean",
            Value::Date => "a date",
            Value::Broken => "nothing",
            Value::Array(_) => "a list",
            Value::Table(_) => "a table",
        }
    }
}

/// Parses the text; what is not TOML is reported, and the rest is still read.
pub(super) fn parse(text: &str, env: Environment<'_>, found: &mut Vec<Diagnostic>) -> Vec<Entry> {
    let (table, errors) = DeTable::parse_recoverable(text);
    // One slip often makes the parser stumble several times on the same line: the first says it best.
    let mut lines: Vec<usize> = Vec::new();
    for error in errors {
        let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count());
        if !lines.contains(&line) {
            lines.push(line);
            found.push(syntax(error.message(), error.span()));
        }
    }
    entries(table.get_ref(), env, found)
}

fn syntax(message: &str, span: Option<Range<usize>>) -> Diagnostic {
    let message = message.trim_end_matches(", expected nothing");
    let diagnostic = Diagnostic::error(Code::Syntax, format!("not TOML: {message}")).at(span);
    if message.contains("duplicate key") {
        return diagnostic.help("each key and each [table] may stand once; join them");
    }
    diagnostic.help("texts need quotes, lists brackets: listen = \"127.0.0.1:6380\"")
}

fn entries(table: &DeTable<'_>, env: Environment<'_>, found: &mut Vec<Diagnostic>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_place: Place { span: Some(key.span()), variable: None },
            node: node(value.get_ref(), value.span(), env, found),
        })
        .collect();
    // The parser's map is sorted by name; people read from top to bottom.
    entries.sort_by_key(|entry| entry.key_place.span.as_ref().map_or(0, |span| span.start));
    entries
}

fn node(value: &DeValue<'_>, span: Range<usize>, env: Environment<'_>, found: &mut Vec<Diagnostic>) -> Node {
    let place = Place { span: Some(span), variable: None };
    let value = match value {
        DeValue::String(text) => expand(text, &place, env, found),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or_else(|_| Value::Number(number.to_string()), Value::Integer),
        DeValue::Float(number) => Value::Number(number.to_string()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(_) => Value::Date,
        DeValue::Array(array) => {
            Value::Array(array.iter().map(|item| node(item.get_ref(), item.span(), env, found)).collect())
        }
        DeValue::Table(table) => Value::Table(entries(table, env, found)),
    };
    Node { place, value }
}

/// Puts the environment's values in the place of `${NAME}` and `${NAME:-default}`. `$${` is a plain `${`.
fn expand(text: &str, place: &Place, env: Environment<'_>, found: &mut Vec<Diagnostic>) -> Value {
    if !text.contains("${") {
        return Value::Text(text.to_owned());
    }
    let mut out = String::new();
    let mut rest = text;
    let mut replaced = false;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at]);
            out.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let Some(len) = rest[at..].find('}') else {
            found.push(
                Diagnostic::error(Code::BadVariable, "a '${' that is not closed")
                    .place(place)
                    .help("write \"${NAME}\" or \"${NAME:-default}\"; \"$${\" stands for a plain \"${\""),
            );
            return Value::Broken;
        };
        let inner = &rest[at + 2..at + len];
        let Some(value) = variable(inner, place, env, found) else { return Value::Broken };
        out.push_str(&value);
        rest = &rest[at + len + 1..];
        replaced = true;
    }
    out.push_str(rest);
    if replaced { Value::Loose(out) } else { Value::Text(out) }
}

fn variable(inner: &str, place: &Place, env: Environment<'_>, found: &mut Vec<Diagnostic>) -> Option<String> {
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    match (lookup(env, name).filter(|value| default.is_none() || !value.is_empty()), default) {
        (Some(value), _) => Some(value.to_owned()),
        (None, Some(default)) => Some(default.to_owned()),
        (None, None) => {
            found.push(
                Diagnostic::error(Code::BadVariable, format!("the environment has no variable '{name}'"))
                    .place(place)
                    .help(format!("set it, or write a default: \"${{{name}:-…}}\"")),
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(written: &str) -> (String, usize) {
        let env = [("A".to_owned(), "1".to_owned()), ("E".to_owned(), String::new())];
        let mut found = Vec::new();
        match expand(written, &Place::default(), &env, &mut found) {
            Value::Text(text) | Value::Loose(text) => (text, found.len()),
            Value::Broken => (String::new(), found.len()),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn variables_are_replaced_inside_texts() {
        for (written, expanded, mistakes) in [
            ("x", "x", 0),
            ("${A}", "1", 0),
            ("a${A}b${A}", "a1b1", 0),
            ("${B:-2}${E:-3}", "23", 0),
            ("${B:-}", "", 0),
            ("${E}", "", 0),
            ("$${A}", "${A}", 0),
            ("$A {A} $", "$A {A} $", 0),
            ("${B}", "", 1),
            ("x${A", "", 1),
        ] {
            assert_eq!(text(written), (expanded.to_owned(), mistakes), "{written}");
        }
    }

    #[test]
    fn the_order_of_the_file_is_kept_and_errors_do_not_end_the_reading() {
        let mut found = Vec::new();
        let entries = parse("b = 1\na = = 2\nc = 'x'\n", &[], &mut found);
        assert_eq!(found.len(), 1);
        let keys: Vec<&str> = entries.iter().map(|e| e.key.as_str()).collect();
        assert_eq!((keys.first(), keys.last()), (Some(&"b"), Some(&"c")));
    }
}
