//! From the bytes of a request to its row: two open-addressed tables, built by the compiler. Nothing
//! is allocated, locked or counted here.

use super::row::{Row, RowId};
use super::table::{ROWS, row, rows};
use crate::resp::Span;

/// What a request names.
#[derive(Clone, Copy, Debug)]
pub enum Found {
    Row(&'static Row),
    /// No such command.
    Unknown,
    /// A container, and behind it a name that it does not have.
    UnknownSubcommand(&'static Row),
    /// A container that does nothing alone: Redis says "wrong number of arguments".
    MissingSubcommand(&'static Row),
}

/// The row of the command in `request`, whose arguments lie at `args`. Upper and lower case are the
/// same. The number of arguments is not looked at ([`Row::arity_fits`]), only whether a subcommand is there.
#[inline]
pub fn find(request: &[u8], args: &[Span]) -> Found {
    let Some(name) = args.first() else { return Found::Unknown };
    let Some(command) = lookup(name.of(request), None) else { return Found::Unknown };
    if !command.has_subcommands() {
        return Found::Row(command);
    }
    match args.get(1) {
        Some(second) => match lookup(second.of(request), Some(command.id)) {
            Some(subcommand) => Found::Row(subcommand),
            None => Found::UnknownSubcommand(command),
        },
        None if command.arity_fits(1) => Found::Row(command),
        None => Found::MissingSubcommand(command),
    }
}

/// The row of a name as `COMMAND INFO` takes it: `get`, `config`, `config|get`.
pub fn find_name(name: &[u8]) -> Option<&'static Row> {
    match memchr::memchr(b'|', name) {
        None => lookup(name, None),
        Some(bar) => {
            let container = lookup(&name[..bar], None)?;
            lookup(&name[bar + 1..], Some(container.id))
        }
    }
}

/// A power of two, so that the places are mostly free and the next one is found by a mask.
const PLACES: usize = 2048;
const FREE: u16 = u16::MAX;
/// Longer names are no command's: nobody makes us hash a megabyte.
static LONGEST: usize = longest();
static INDEX: [u16; PLACES] = build();

#[inline]
fn lookup(name: &[u8], container: Option<RowId>) -> Option<&'static Row> {
    if name.len() > LONGEST {
        return None;
    }
    let mut place = hash(seed(container), name, 0) as usize % PLACES;
    loop {
        let candidate = INDEX[place];
        if candidate == FREE {
            return None;
        }
        let found = row(RowId(candidate));
        if found.parent == container && own_name(found).eq_ignore_ascii_case(name) {
            return Some(found);
        }
        place = (place + 1) % PLACES;
    }
}

/// The name without that of the container.
fn own_name(row: &'static Row) -> &'static [u8] {
    let skip = row.parent.map_or(0, |parent| rows()[parent.0 as usize].name.len() + 1);
    &row.name.as_bytes()[skip..]
}

const fn seed(container: Option<RowId>) -> u32 {
    match container {
        None => 0x811c_9dc5,
        Some(RowId(id)) => 0x9e37_79b9 ^ id as u32,
    }
}

/// FNV-1a over the letters with their case bit cleared. That makes `-` and a carriage return alike
/// too, which only costs a comparison.
#[inline]
const fn hash(seed: u32, name: &[u8], from: usize) -> u32 {
    let mut hash = seed;
    let mut i = from;
    while i < name.len() {
        hash = (hash ^ (name[i] & !0x20) as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    hash ^ (hash >> 15)
}

const fn build() -> [u16; PLACES] {
    let mut index = [FREE; PLACES];
    let mut i = 0;
    while i < ROWS.len() {
        let name = ROWS[i].name.as_bytes();
        let from = match ROWS[i].parent {
            None => 0,
            Some(RowId(container)) => ROWS[container as usize].name.len() + 1,
        };
        let mut place = hash(seed(ROWS[i].parent), name, from) as usize % PLACES;
        while index[place] != FREE {
            place = (place + 1) % PLACES;
        }
        index[place] = i as u16;
        i += 1;
    }
    index
}

const fn longest() -> usize {
    let (mut longest, mut i) = (0, 0);
    while i < ROWS.len() {
        if ROWS[i].name.len() > longest {
            longest = ROWS[i].name.len();
        }
        i += 1;
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Known;

    fn found(words: &[&str]) -> Found {
        let (request, spans) = crate::command::keys::tests::request(words);
        find(&request, &spans)
    }

    #[test]
    fn every_row_is_found_by_its_name_in_any_case() {
        for row in rows() {
            let words: Vec<&str> = row.name.split('|').collect();
            let upper = row.name.to_uppercase();
            let upper: Vec<&str> = upper.split('|').collect();
            for words in [words, upper] {
                match found(&words) {
                    Found::Row(it) => assert_eq!(it.name, row.name),
                    Found::MissingSubcommand(it) => {
                        assert_eq!(it.name, row.name);
                        assert!(row.has_subcommands());
                    }
                    other => panic!("{words:?}: {other:?}"),
                }
            }
            assert_eq!(find_name(row.name.as_bytes()).map(Row::id), Some(row.id()));
        }
    }

    #[test]
    fn names_that_are_none_are_unknown() {
        let long = "x".repeat(100_000);
        for name in
            ["", "gett", "ge", "config|get", "get ", "get\r", "\r", &long, "GET\0", "zmp\u{00}p", "bad\rname"]
        {
            assert!(matches!(found(&[name]), Found::Unknown), "{name:?}");
        }
        assert!(matches!(find(b"", &[]), Found::Unknown));
    }

    #[test]
    fn containers_need_a_subcommand_and_command_does_not() {
        assert!(matches!(found(&["config"]), Found::MissingSubcommand(row) if row.name == "config"));
        assert!(matches!(found(&["CONFIG", "gett"]), Found::UnknownSubcommand(row) if row.name == "config"));
        assert!(matches!(found(&["config", ""]), Found::UnknownSubcommand(_)));
        assert!(matches!(found(&["xgroup", "groups"]), Found::UnknownSubcommand(_)));
        assert!(matches!(found(&["command"]), Found::Row(row) if row.name == "command"));
        assert!(matches!(found(&["get", "help"]), Found::Row(row) if row.name == "get"));
    }

    #[test]
    fn probing_ends_soon() {
        let free = INDEX.iter().filter(|&&place| place == FREE).count();
        assert_eq!(free, PLACES - rows().len());
        let mut run = 0;
        let longest = INDEX
            .iter()
            .map(|&p| {
                run = if p == FREE { 0 } else { run + 1 };
                run
            })
            .max();
        assert!(longest < Some(12), "{longest:?} places in a row are taken");
        assert!(rows().iter().any(|row| row.known == Known::Valkey));
    }
}
