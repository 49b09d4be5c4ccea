//! A Rust file as tokens with their lines: enough to see which names it uses, and no more.
//!
//! Comments and the insides of strings are left out, so that prose and samples count for nothing.
//! It is not a parser: it knows no grammar beyond braces and attributes.

/// One identifier, number, `::` or single character of punctuation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Token {
    /// Counted from 1.
    pub(super) line: usize,
    pub(super) text: String,
}

/// The tokens of a file, in order.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let code: Vec<char> = without_comments_and_strings(text).chars().collect();
    let mut found = Vec::new();
    let (mut at, mut line) = (0, 1);
    while at < code.len() {
        let end = token_end(&code, at);
        if code[at] == '\n' {
            line += 1;
        } else if !code[at].is_whitespace() {
            found.push(Token { line, text: code[at..end].iter().collect() });
        }
        at = end;
    }
    found
}

fn token_end(code: &[char], at: usize) -> usize {
    if is_word(code[at]) {
        return at + code[at..].iter().take_while(|c| is_word(**c)).count();
    }
    if code[at] == ':' && code.get(at + 1) == Some(&':') { at + 2 } else { at + 1 }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The tokens without the items below `#[cfg(test)]`.
pub(super) fn without_test_items(tokens: &[Token]) -> Vec<Token> {
    const MARK: [&str; 7] = ["#", "[", "cfg", "(", "test", ")", "]"];
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if starts_with(&tokens[at..], &MARK) {
            at = item_end(tokens, at + MARK.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// The tokens without what stands inside `mod name { … }`.
pub(super) fn without_inline_modules(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let opens = tokens[at].text == "mod" && tokens.get(at + 2).is_some_and(|t| t.text == "{");
        if opens {
            at = block_end(tokens, at + 2);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

pub(super) fn starts_with(tokens: &[Token], pattern: &[&str]) -> bool {
    tokens.len() >= pattern.len() && pattern.iter().zip(tokens).all(|(p, t)| t.text == *p)
}

/// Behind the item that starts at `at`: its `;`, or the brace that closes its block.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    let mut brackets = 0;
    while let Some(token) = tokens.get(at) {
        match token.text.as_str() {
            "(" | "[" => brackets += 1,
            ")" | "]" => brackets -= 1,
            ";" if brackets == 0 => return at + 1,
            "{" if brackets == 0 => {
                let end = block_end(tokens, at);
                // `use a::{b, c};` ends with its semicolon, not with its brace.
                return if tokens.get(end).is_some_and(|t| t.text == ";") { end + 1 } else { end };
            }
            _ => {}
        }
        at += 1;
    }
    at
}

/// Behind the brace that closes the one at `open`.
pub(super) fn block_end(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Line ends stay where they were, so that lines can be counted afterwards.
fn without_comments_and_strings(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = skipped_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        // A string or comment still parts the words beside it.
        out.push(' ');
        out.extend(chars[at..end].iter().filter(|c| **c == '\n'));
        at = end;
    }
    out
}

/// Behind the comment, string or character that starts at `at`; `at` itself if none does.
fn skipped_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    match chars[at] {
        '/' if next == Some('/') => at + chars[at..].iter().take_while(|c| **c != '\n').count(),
        '/' if next == Some('*') => block_comment_end(chars, at),
        '"' => string_end(chars, at),
        '\'' => character_end(chars, at),
        'r' if at == 0 || !is_word(chars[at - 1]) || is_byte_prefix(chars, at - 1) => {
            raw_string_end(chars, at)
        }
        _ => at,
    }
}

/// Whether the character at `at` is the `b` or `c` of `br"…"` and `cr"…"`.
fn is_byte_prefix(chars: &[char], at: usize) -> bool {
    matches!(chars[at], 'b' | 'c') && (at == 0 || !is_word(chars[at - 1]))
}

/// Block comments nest in Rust.
fn block_comment_end(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0);
    while at < chars.len() {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (depth, at) = (depth + 1, at + 2),
            ('*', Some('/')) => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    at
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(chars.len())
}

/// A character literal; a lifetime is left standing.
fn character_end(chars: &[char], start: usize) -> usize {
    if chars.get(start + 1) == Some(&'\\') {
        let close = chars.iter().skip(start + 3).position(|c| *c == '\'');
        return close.map_or(chars.len(), |n| start + 3 + n + 1);
    }
    if chars.get(start + 2) == Some(&'\'') { start + 3 } else { start }
}

fn raw_string_end(chars: &[char], start: usize) -> usize {
    let hashes = chars.iter().skip(start + 1).take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return start;
    }
    let closes = |at: usize| {
        chars[at] == '"' && chars.iter().skip(at + 1).take(hashes).filter(|c| **c == '#').count() == hashes
    };
    let close = (open + 1..chars.len()).find(|at| closes(*at));
    close.map_or(chars.len(), |at| at + 1 + hashes)
}
