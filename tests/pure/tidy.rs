//! The tidy test: reads the project's own files and says where one breaks a rule of the house.
//!
//! Which room may use which (ARCHITECTURE.md has the same table), what pure rooms never name, how
//! files open and how long they are, what nobody leaves behind. It does not look at how code is
//! formatted or linted: `make check` has tools for that.

mod samples;
mod source;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use source::{Token, starts_with, tokens, without_inline_modules, without_test_items};

/// Every room from top to bottom, and what it may use besides itself and `base`.
const ROOMS: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "server",
            "lab",
            "admin",
            "control",
            "driver",
            "engine",
            "failover",
            "routing",
            "exchange",
            "topology",
            "placement",
            "command",
            "tls",
            "resp",
            "config",
            "metrics",
        ],
    ),
    (
        "server",
        &[
            "lab",
            "admin",
            "control",
            "driver",
            "engine",
            "failover",
            "routing",
            "exchange",
            "topology",
            "placement",
            "command",
            "tls",
            "resp",
            "config",
            "metrics",
        ],
    ),
    ("lab", &["resp"]),
    ("admin", &["exchange", "topology", "routing", "placement", "command", "tls", "config", "metrics"]),
    (
        "control",
        &["failover", "exchange", "topology", "placement", "command", "tls", "resp", "config", "metrics"],
    ),
    ("driver", &["engine", "exchange", "topology", "tls", "config", "metrics"]),
    (
        "engine",
        &["failover", "routing", "exchange", "topology", "placement", "command", "resp", "config", "metrics"],
    ),
    ("failover", &["topology", "command", "resp"]),
    ("routing", &["topology", "placement", "command"]),
    ("exchange", &["topology"]),
    ("topology", &["placement", "command", "config"]),
    ("placement", &["config"]),
    ("command", &["resp"]),
    ("tls", &["config"]),
    ("resp", &[]),
    ("config", &[]),
    ("metrics", &[]),
    ("base", &[]),
];

/// Rooms without I/O, clock, thread and randomness: the simulation can only run what has none.
const PURE: &[&str] = &[
    "engine",
    "failover",
    "routing",
    "exchange",
    "topology",
    "placement",
    "command",
    "tls",
    "resp",
    "config",
    "metrics",
    "base",
];

/// Names that bring I/O, a clock or a random order with them.
const IMPURE_NAMES: &[&str] = &[
    "tokio",
    "mio",
    "socket2",
    "Instant",
    "SystemTime",
    "HashMap",
    "HashSet",
    "hash_map",
    "hash_set",
    "RandomState",
];

/// Modules of `std` that do. `core::net` has the addresses, `std::sync` is welcome.
const IMPURE_STD: &[&str] = &["net", "fs", "env", "thread"];

/// A file beyond this holds more than one idea. The command table is data and may be longer.
const MAX_LINES: usize = 600;

/// Written by tools or fetched: not the project's text.
const NOT_OURS: &[&str] = &[".git", "target", ".venv", "node_modules", "__pycache__"];

#[test]
fn arrows_between_rooms_only_go_down() {
    refuse_nothing(sources(&["src"]).iter().flat_map(|(path, text)| arrows(path, text)));
}

#[test]
fn pure_rooms_have_no_io_no_clock_no_thread_and_no_random_order() {
    refuse_nothing(sources(&["src"]).iter().flat_map(|(path, text)| impurities(path, text)));
}

#[test]
fn test_files_inside_src_are_compiled_for_tests_only() {
    let all = sources(&["src"]);
    for (path, _) in all.iter().filter(|(path, _)| is_test_file(path)) {
        let folder = path.trim_end_matches("/tests.rs");
        let parents = [format!("{folder}/mod.rs"), format!("{folder}.rs")];
        let declared = all.iter().filter(|(p, _)| parents.contains(p)).any(|(_, text)| {
            let wanted = ["#", "[", "cfg", "(", "test", ")", "]", "mod", "tests", ";"];
            let tokens = tokens(text);
            (0..tokens.len()).any(|at| starts_with(&tokens[at..], &wanted))
        });
        assert!(declared, "{path}: only a file declared by `#[cfg(test)] mod tests;` may be called tests.rs");
    }
}

#[test]
fn files_open_with_what_they_are_and_hold_one_idea() {
    refuse_nothing(sources(&["src"]).iter().flat_map(|(path, text)| shape(path, text)));
}

#[test]
fn nothing_is_left_undone_or_ignored() {
    let all = sources(&["src", "tests", "benches", "examples", "fuzz"]);
    refuse_nothing(all.iter().flat_map(|(path, text)| undone(path, text)));
}

#[test]
fn the_project_speaks_of_itself_alone() {
    let files = files_below(&root(), &|_| true);
    refuse_nothing(files.iter().flat_map(|path| {
        // What is not text has no words.
        let text = fs::read_to_string(path).unwrap_or_default();
        workplace_words(&relative(path), &text)
    }));
}

#[test]
fn every_room_of_the_code_map_is_in_the_table() {
    let map = fs::read_to_string(root().join("src/lib.rs")).expect("src/lib.rs is there");
    let known: BTreeSet<&str> = ROOMS.iter().map(|(room, _)| *room).collect();
    for room in declared_rooms(&map) {
        assert!(known.contains(room.as_str()), "src/lib.rs declares `{room}`, which is no room of the table");
    }
}

#[test]
fn architecture_md_has_the_same_table() {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is there");
    for (room, allowed) in ROOMS {
        let start = format!("| `{room}` |");
        let row = page.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("ARCHITECTURE.md has no row for the room `{room}`"));
        let uses = row.split('|').nth(3).expect("a row has three columns");
        let named: BTreeSet<&str> = uses.split('`').skip(1).step_by(2).collect();
        match *room {
            // The two that assemble the others do not name them one by one.
            "cli" | "server" => assert!(uses.contains("all below"), "ARCHITECTURE.md, the row of `{room}`"),
            _ => assert_eq!(named, allowed.iter().copied().collect(), "ARCHITECTURE.md, the row of `{room}`"),
        }
    }
}

#[test]
fn links_between_pages_lead_somewhere() {
    let is_page = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
    refuse_nothing(files_below(&root(), &is_page).iter().flat_map(|path| {
        let text = fs::read_to_string(path).expect("pages are UTF-8");
        let folder = path.parent().expect("a file has a folder");
        let broken = links(&text).into_iter().filter(|link| !folder.join(link).exists());
        broken.map(|link| format!("{}: nothing is at {link}", relative(path))).collect::<Vec<_>>()
    }));
}

/// The files that a page links to; neither addresses elsewhere nor places within the page.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split([')', '#']).next());
    targets.filter(|target| !target.is_empty() && !target.contains(':')).map(str::to_owned).collect()
}

/// Paths that leave a room upward, sideways, or in a way that could not be seen.
fn arrows(path: &str, text: &str) -> Vec<String> {
    // lib.rs only declares the rooms; main.rs is a crate of its own that sees the library alone.
    if path == "src/lib.rs" || path == "src/main.rs" {
        return Vec::new();
    }
    let (room, tokens) = (room_of(path), tokens(text));
    let mut refused = Vec::new();
    if !is_room(room) {
        refused.push(format!("{path}: `{room}` is no room of the table in tests/pure/tidy.rs"));
    }
    for at in 0..tokens.len() {
        let message = arrow_at(room, &tokens[at..]);
        refused.extend(message.map(|m| format!("{path}:{}: {m}", tokens[at].line)));
    }
    if is_room_root(path) {
        let outside = without_inline_modules(&tokens).into_iter().filter(|token| token.text == "super");
        refused.extend(outside.map(|token| format!("{path}:{}: this `super` leaves the room", token.line)));
    }
    refused
}

/// What is wrong with the path that starts here, if one does.
fn arrow_at(room: &str, tokens: &[Token]) -> Option<String> {
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text.as_str());
    match (text(0), text(1), text(2)) {
        ("crate", "::", other) if is_name(other) => target(room, other),
        ("crate", "::" | "as", _) => Some("one room a path: no `crate::{…}`, no glob, no other name".into()),
        ("ketch", "::", _) => Some("from inside, `crate::` names the rooms".into()),
        ("super", "::", "super") => Some("no `super` above another: use `crate::room::…`".into()),
        ("super", "::", "{") => {
            let group = &tokens[2..source::block_end(tokens, 2)];
            let nested = group.iter().any(|token| token.text == "super");
            nested.then(|| "no `super` above another: use `crate::room::…`".into())
        }
        _ => None,
    }
}

fn target(room: &str, other: &str) -> Option<String> {
    if !is_room(other) {
        return Some(format!("`{other}` is no room of the table in tests/pure/tidy.rs"));
    }
    let allowed = ROOMS.iter().find(|(name, _)| *name == room).map_or(&[][..], |(_, allowed)| allowed);
    if other == room || other == "base" || allowed.contains(&other) {
        return None;
    }
    let mut names: Vec<&str> = allowed.iter().copied().chain(["base"]).filter(|name| *name != room).collect();
    names.sort_unstable();
    let names = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
    Some(format!("`{room}` may not use `{other}`; it may use: {names}"))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn is_room(name: &str) -> bool {
    ROOMS.iter().any(|(room, _)| *room == name)
}

/// `src/engine/road/mod.rs` → `engine`; `src/resp.rs` → `resp`.
fn room_of(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

/// Whether `super` in this file is the crate's root.
fn is_room_root(path: &str) -> bool {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    !inside.contains('/') || inside == format!("{}/mod.rs", room_of(path))
}

fn is_test_file(path: &str) -> bool {
    path.ends_with("/tests.rs")
}

/// What a pure room may not name, outside its tests.
fn impurities(path: &str, text: &str) -> Vec<String> {
    let room = room_of(path);
    if !PURE.contains(&room) || is_test_file(path) {
        return Vec::new();
    }
    let tokens = without_test_items(&tokens(text));
    let mut refused = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let mut names: Vec<String> = Vec::new();
        if IMPURE_NAMES.contains(&token.text.as_str()) {
            names.push(token.text.clone());
        }
        if starts_with(&tokens[at..], &["std", "::"]) {
            let modules = modules_named(&tokens[at + 2..]);
            names.extend(modules.iter().filter(|m| IMPURE_STD.contains(m)).map(|m| format!("std::{m}")));
        }
        let line = token.line;
        refused
            .extend(names.iter().map(|n| format!("{path}:{line}: `{room}` is pure and may not name `{n}`")));
    }
    refused
}

/// The modules that follow `std::`: one, or those of a group's first level.
fn modules_named(tokens: &[Token]) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut depth, mut expected) = (0, true);
    for token in tokens {
        match token.text.as_str() {
            "{" => depth += 1,
            "}" => depth -= 1,
            "," if depth == 1 => expected = true,
            name if expected => {
                found.push(name);
                expected = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    found
}

/// How a source file opens, and how long it is.
fn shape(path: &str, text: &str) -> Vec<String> {
    let mut refused = Vec::new();
    if !text.starts_with("//!") {
        refused.push(format!("{path}:1: every file opens with `//!`: what it is, and what it does not do"));
    }
    let lines = text.lines().count();
    if lines > MAX_LINES && !path.starts_with("src/command/table") {
        refused.push(format!(
            "{path}: {lines} lines; beyond {MAX_LINES} a file holds more than one idea: cut it by concept"
        ));
    }
    refused
}

/// Code that was put off, and tests that do not run.
fn undone(path: &str, text: &str) -> Vec<String> {
    let tokens = tokens(text);
    let mut refused = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let found = match token.text.as_str() {
            "todo" | "unimplemented" if starts_with(&tokens[at + 1..], &["!"]) => {
                format!("`{}!`", token.text)
            }
            "ignore" if is_in_attribute(&tokens[..at]) => "the attribute `ignore`".to_owned(),
            _ => continue,
        };
        refused.push(format!("{path}:{}: {found}: finish it, or leave it out", token.line));
    }
    refused
}

/// Whether what precedes ends inside an attribute that is still open.
fn is_in_attribute(before: &[Token]) -> bool {
    let mut closed = 0;
    for (at, token) in before.iter().enumerate().rev() {
        match token.text.as_str() {
            "]" => closed += 1,
            "[" if closed > 0 => closed -= 1,
            "[" => return at > 0 && before[at - 1].text == "#",
            ";" | "{" | "}" => return false,
            _ => {}
        }
    }
    false
}

/// Words about the place where somebody worked on the project: a reader elsewhere has no use for them.
fn workplace_words(path: &str, text: &str) -> Vec<String> {
    let folders = [format!("/{}/", "work"), format!("/{}/", "farm"), format!(".{}", "library")];
    let mut refused = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let names =
            folders.iter().filter(|folder| line.contains(*folder)).cloned().chain(ticket_number(line));
        refused.extend(
            names.map(|name| format!("{path}:{}: the project does not speak of `{name}`", number + 1)),
        );
    }
    refused
}

/// A ticket by its number, such as nobody outside can look up.
fn ticket_number(line: &str) -> Option<String> {
    let lower = line.to_ascii_lowercase();
    for (at, word) in lower.match_indices("issue ") {
        let starts = !lower[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let rest = &lower[at + word.len()..];
        let rest = rest.strip_prefix('#').unwrap_or(rest);
        let number: String = rest.chars().take_while(char::is_ascii_digit).collect();
        let ends = !rest[number.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
        if starts && ends && !number.is_empty() {
            return Some(format!("{word}{number}"));
        }
    }
    None
}

/// The rooms that `lib.rs` declares: `mod name;`.
fn declared_rooms(map: &str) -> Vec<String> {
    let tokens = tokens(map);
    let starts = (0..tokens.len()).filter(|at| tokens[*at].text == "mod");
    let declared = starts.filter(|at| tokens.get(at + 2).is_some_and(|token| token.text == ";"));
    declared.map(|at| tokens[at + 1].text.clone()).collect()
}

fn refuse_nothing(refused: impl Iterator<Item = String>) {
    let refused: Vec<String> = refused.collect();
    assert!(refused.is_empty(), "\n{}", refused.join("\n"));
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// The Rust files below these folders, by their path in the project.
fn sources(folders: &[&str]) -> Vec<(String, String)> {
    let is_rust = |path: &Path| path.extension().is_some_and(|extension| extension == "rs");
    let mut all = Vec::new();
    for folder in folders.iter().map(|folder| root().join(folder)).filter(|folder| folder.is_dir()) {
        let files = files_below(&folder, &is_rust);
        all.extend(
            files
                .iter()
                .map(|path| (relative(path), fs::read_to_string(path).expect("Rust files are UTF-8"))),
        );
    }
    assert!(!all.is_empty(), "no source file was found");
    all
}

fn files_below(folder: &Path, wanted: &dyn Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder can be listed") {
        let path = entry.expect("the folder can be listed").path();
        let ours = !NOT_OURS.iter().any(|name| path.file_name().is_some_and(|n| n == *name));
        if path.is_dir() && ours && !path.is_symlink() {
            found.extend(files_below(&path, wanted));
        } else if path.is_file() && ours && wanted(&path) {
            found.push(path);
        }
    }
    found.sort();
    found
}
