//! Which arguments are secrets: shown to nobody, neither in MONITOR nor in SLOWLOG. As Redis redacts them, and
//! also where the request has a mistake that Redis finds before it gets so far.
//!
//! Deliberately absent: commands that Ketch neither forwards nor answers (CONFIG SET of a node, ACL SETUSER).

use super::row::{Handling, Local, Row};
use crate::resp::Span;

/// What is shown instead, as in Redis.
pub const REDACTED: &[u8] = b"(redacted)";

/// Whether the argument at `place` of a request is a secret; the command's name is at 0.
pub fn is_secret(row: &Row, request: &[u8], args: &[Span], place: usize) -> bool {
    let is = |at: usize, word: &str| {
        args.get(at).is_some_and(|a| a.of(request).eq_ignore_ascii_case(word.as_bytes()))
    };
    let one_behind = |word: &str, first: usize| place > first && is(place - 1, word);
    let two_behind = |word: &str, first: usize| place > first + 1 && is(place - 2, word);
    match row.handling {
        Handling::Local(Local::Auth) => place > 0,
        Handling::Local(Local::Hello) => one_behind("AUTH", 1) || two_behind("AUTH", 1),
        _ if row.name == "migrate" => {
            // Behind KEYS all are keys, whatever they are called.
            let keys = (MIGRATE_OPTIONS..place).any(|at| is(at, "KEYS"));
            let first = MIGRATE_OPTIONS;
            !keys && (one_behind("AUTH", first) || one_behind("AUTH2", first) || two_behind("AUTH2", first))
        }
        _ => false,
    }
}

/// MIGRATE host port key database timeout, then options.
const MIGRATE_OPTIONS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::find_name;

    fn shown(request: &str) -> String {
        let (mut at, mut args) = (0, Vec::new());
        for word in request.split(' ') {
            args.push(Span { start: at, len: word.len() as u32 });
            at += word.len() as u32 + 1;
        }
        let name = args[0].of(request.as_bytes());
        let row = find_name(name).unwrap();
        let word = |(place, span): (usize, &Span)| {
            let secret = is_secret(row, request.as_bytes(), &args, place);
            if secret { "?".to_owned() } else { String::from_utf8_lossy(span.of(request.as_bytes())).into() }
        };
        args.iter().enumerate().map(word).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn passwords_and_whose_they_are_are_secrets() {
        for (request, what) in [
            ("AUTH secret", "AUTH ?"),
            ("auth app secret", "auth ? ?"),
            ("HELLO 3 AUTH app secret SETNAME x", "HELLO 3 AUTH ? ? SETNAME x"),
            ("HELLO 9 oops auth app secret", "HELLO 9 oops auth ? ?"),
            ("HELLO 3 AUTH secret", "HELLO 3 AUTH ?"),
            ("HELLO 3 SETNAME x", "HELLO 3 SETNAME x"),
            ("MIGRATE h 1 k 0 10 COPY AUTH secret", "MIGRATE h 1 k 0 10 COPY AUTH ?"),
            ("MIGRATE h 1 k 0 10 auth2 app secret KEYS a", "MIGRATE h 1 k 0 10 auth2 ? ? KEYS a"),
            ("MIGRATE h 1 k 0 10 KEYS AUTH a b", "MIGRATE h 1 k 0 10 KEYS AUTH a b"),
            ("MIGRATE h 1 AUTH 0 10", "MIGRATE h 1 AUTH 0 10"),
            ("SET AUTH secret", "SET AUTH secret"),
        ] {
            assert_eq!(shown(request), what);
        }
    }
}
