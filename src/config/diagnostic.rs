//! Mistakes as they are told: what is wrong, where it stands, what to write instead.
//!
//! Whatever is printed of the file goes through `masked` first, so that a password is never shown, not
//! even when the line that holds it is the mistaken one.

use core::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::Code;
use super::suggest::distance;

/// A configuration text and the name to call it by.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// As the user would type it: a path.
    pub name: &'a str,
    pub text: &'a str,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// Ketch does not start.
    Error,
    /// Ketch starts; someone should look.
    Warning,
}

/// One mistake or warning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    pub code: Code,
    pub severity: Severity,
    pub message: String,
    /// Bytes of the source that are underlined; `None` where the cause is not in the file.
    pub span: Option<Range<usize>>,
    /// Beside the underline; may be empty.
    pub label: String,
    /// Other places that belong to it, with their labels.
    pub related: Vec<(Range<usize>, String)>,
    /// What we saw, in a sentence each.
    pub notes: Vec<String>,
    /// What to do, in a sentence each.
    pub help: Vec<String>,
}

impl Diagnostic {
    pub fn error(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: message.into(),
            span: None,
            label: String::new(),
            related: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    pub fn warning(code: Code, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, message) }
    }

    #[must_use]
    pub fn at(mut self, span: Option<Range<usize>>) -> Diagnostic {
        self.span = span;
        self
    }

    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = label.into();
        self
    }

    #[must_use]
    pub fn related(mut self, span: Option<Range<usize>>, label: impl Into<String>) -> Diagnostic {
        self.related.extend(span.map(|span| (span, label.into())));
        self
    }

    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Diagnostic {
        self.notes.push(note.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help.push(help.into());
        self
    }
}

/// All diagnostics as text for people: in the order given, an empty line between two.
pub fn render(diagnostics: &[Diagnostic], source: &Source<'_>, color: bool) -> String {
    let text = masked(source.text);
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let shown = Source { name: source.name, text: &text };
    let parts: Vec<String> =
        diagnostics.iter().map(|d| renderer.render(&[group(d, &shown)]) + "\n").collect();
    parts.join("\n")
}

fn group<'a>(diagnostic: &'a Diagnostic, source: &Source<'a>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code.label());
    let mut group = Group::with_title(title);
    if let Some(span) = &diagnostic.span {
        let mut annotation = AnnotationKind::Primary.span(inside(span, source.text));
        if !diagnostic.label.is_empty() {
            annotation = annotation.label(diagnostic.label.as_str());
        }
        let context = diagnostic.related.iter().map(|(span, label)| {
            AnnotationKind::Context.span(inside(span, source.text)).label(label.as_str())
        });
        let snippet =
            Snippet::source(source.text).path(source.name).annotation(annotation).annotations(context);
        group = group.element(snippet);
    }
    let notes = diagnostic.notes.iter().map(|note| Level::NOTE.message(note.as_str()));
    let help = diagnostic.help.iter().map(|help| Level::HELP.message(help.as_str()));
    group.elements(notes).elements(help)
}

/// A span on character boundaries within the text: a wrong one must not turn a mistake into a crash.
fn inside(span: &Range<usize>, text: &str) -> Range<usize> {
    let start = text.floor_char_boundary(span.start.min(text.len()));
    let end = text.ceil_char_boundary(span.end.min(text.len()));
    start..end.max(start)
}

/// The text with everything that may be a secret replaced by as many `*`, so that spans still fit.
///
/// It works on the text and not on what was parsed: a line that is no TOML can hold a password, too.
pub(super) fn masked(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    for (at, _) in text.match_indices('=') {
        let key = key_before(&text[..at]);
        // `auth = { … }` is a table of which each key is looked at by itself.
        let is_table = key.eq_ignore_ascii_case("auth") && text[at + 1..].trim_start().starts_with('{');
        if holds_a_secret(key) && !is_table {
            mask_value(&mut out, at + 1);
        }
    }
    // Only whole characters were replaced, but by bytes: what is left is still UTF-8 or gets repaired.
    String::from_utf8(out).unwrap_or_else(|bytes| "*".repeat(bytes.as_bytes().len()))
}

/// The last bare or quoted key before an equals sign.
fn key_before(text: &str) -> &str {
    let text = text.trim_end().trim_end_matches(['"', '\'']);
    let start =
        text.rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).map_or(0, |i| i + 1);
    // A key may follow a character of more than one byte.
    text.get(start..).unwrap_or_default()
}

/// True for keys that are, or were meant as, a password or token by value.
fn holds_a_secret(key: &str) -> bool {
    let key = key.to_lowercase();
    let by_file = key.ends_with("_file");
    let named = ["pass", "secret", "token", "auth"].iter().any(|word| key.contains(word));
    let meant = ["password", "sentinel_password"].iter().any(|word| distance(&key, word) <= 3);
    !by_file && (named || meant) && !key.is_empty()
}

fn mask_value(out: &mut [u8], from: usize) {
    let Some(skip) = out[from..].iter().position(|b| *b != b' ' && *b != b'\t') else { return };
    let start = from + skip;
    let (quote, rest) = match out[start] {
        b'\n' | b'\r' => return,
        // A list or a table where a text is due: all of it, up to its end.
        b'{' | b'[' => {
            let closing = if out[start] == b'{' { b'}' } else { b']' };
            let len = out[start..].iter().position(|b| *b == closing).unwrap_or(out.len() - start);
            return cover(&mut out[start + 1..(start + len).max(start + 1)]);
        }
        quote @ (b'"' | b'\'') => {
            let three = out[start..].starts_with(&[quote; 3]);
            (Some((quote, three)), start + if three { 3 } else { 1 })
        }
        _ => (None, start),
    };
    let end = rest + value_length(&out[rest..], quote);
    if is_variable(&out[rest..end]) {
        return;
    }
    cover(&mut out[rest..end]);
}

fn cover(secret: &mut [u8]) {
    for byte in secret.iter_mut().filter(|byte| !matches!(**byte, b'\n' | b'\r')) {
        *byte = b'*';
    }
}

/// A value that is only the name of a variable is none to hide.
fn is_variable(value: &[u8]) -> bool {
    let name = value.strip_prefix(b"${").and_then(|rest| rest.strip_suffix(b"}"));
    name.is_some_and(|name| name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_'))
}

/// Up to the closing quote; a quote that is never closed ends with its line, or the text if it has three.
fn value_length(bytes: &[u8], quote: Option<(u8, bool)>) -> usize {
    let Some((quote, three)) = quote else {
        return bytes.iter().position(|b| matches!(b, b'\n' | b'\r' | b',' | b'}')).unwrap_or(bytes.len());
    };
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            b'\n' if !three => return at,
            b if b == quote && (!three || bytes[at..].starts_with(&[quote; 3])) => return at,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        for (text, shown) in [
            ("password = \"abc\"", "password = \"***\""),
            ("password=\"a\\\"c\" # x", "password=\"****\" # x"),
            ("pasword = 'abc'", "pasword = '***'"),
            ("sentinel_password = \"abc", "sentinel_password = \"***"),
            ("password = abc\ndb = 1", "password = ***\ndb = 1"),
            ("password = \"\"\"a\nb\"\"\"", "password = \"\"\"*\n*\"\"\""),
            (
                "auth = { password = \"é\", username = \"u\" }",
                "auth = { password = \"**\", username = \"u\" }",
            ),
            ("redis_auth = \"abc\"", "redis_auth = \"***\""),
            ("password = \"${PW}\"", "password = \"${PW}\""),
            ("password = \"${PW:-abc}\"", "password = \"**********\""),
            ("password_file = \"/x\"", "password_file = \"/x\""),
            ("name = \"abc\"", "name = \"abc\""),
        ] {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn a_span_outside_of_the_text_is_moved_inside() {
        assert_eq!(inside(&(1..9), "é"), 0..2);
        assert_eq!(inside(&(7..9), "abc"), 3..3);
    }
}
