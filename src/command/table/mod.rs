//! The rows, by Redis's own groups: a file a group. Data only; what is done with it stands in `row`,
//! `find` and `keys`.
//!
//! How to read a row: name, arity, flags, keys; then `doc` (since, complexity, summary), the command
//! tips, and what Ketch does with it if that is not "forward it to the shard of its keys". `super::row`
//! has each word. Subcommands stand behind their container.
//!
//! How it is kept true: arity, flags, key specs and tips are those of the newest server that knows the
//! command (Valkey 9), and `tests/promises/command_table.rs` asks real servers, old and new, and lists
//! where they differ. A complexity gives the server's O(…), and says shortly what the letters count; one
//! that the servers don't give is empty. A command that any server does not call `readonly` is not
//! `readonly` here.

mod bitmap;
mod cluster;
mod connection;
mod generic;
mod geo;
mod hash;
mod hyperloglog;
mod list;
mod pubsub;
mod scripting;
mod sentinel;
mod server;
mod set;
mod sorted_set;
mod stream;
mod string;
mod transactions;
mod words;

use super::learned;
use super::row::{Group, Row, RowId};
pub(in crate::command) use words::single;

const GROUPS: [(Group, &[Row]); 17] = [
    (Group::String, string::ROWS),
    (Group::Generic, generic::ROWS),
    (Group::Hash, hash::ROWS),
    (Group::List, list::ROWS),
    (Group::Set, set::ROWS),
    (Group::SortedSet, sorted_set::ROWS),
    (Group::Stream, stream::ROWS),
    (Group::Bitmap, bitmap::ROWS),
    (Group::Hyperloglog, hyperloglog::ROWS),
    (Group::Geo, geo::ROWS),
    (Group::Scripting, scripting::ROWS),
    (Group::Transactions, transactions::ROWS),
    (Group::Pubsub, pubsub::ROWS),
    (Group::Connection, connection::ROWS),
    (Group::Server, server::ROWS),
    (Group::Cluster, cluster::ROWS),
    (Group::Sentinel, sentinel::ROWS),
];

const COUNT: usize = count();
pub(super) static ROWS: [Row; COUNT] = join();

/// Every row. A row's place is its [`RowId`].
pub fn rows() -> &'static [Row] {
    &ROWS
}

/// The row of an id: of this table, or one that was learned.
#[inline]
pub fn row(id: RowId) -> &'static Row {
    match ROWS.get(id.0 as usize) {
        Some(row) => row,
        None => learned::row(id),
    }
}

const fn count() -> usize {
    let (mut count, mut group) = (0, 0);
    while group < GROUPS.len() {
        count += GROUPS[group].1.len();
        group += 1;
    }
    count
}

/// All groups in one array, each row with its id, its group, and what ties a subcommand to the
/// container before it.
const fn join() -> [Row; COUNT] {
    let mut all = [string::ROWS[0]; COUNT];
    let (mut at, mut group) = (0, 0);
    while group < GROUPS.len() {
        let (name, rows) = GROUPS[group];
        let (mut i, mut container) = (0, 0);
        while i < rows.len() {
            all[at] = rows[i];
            all[at].id = RowId(at as u16);
            all[at].group = name;
            if is_subcommand(rows[i].name) {
                all[at].parent = Some(RowId(container as u16));
                all[container].subcommands += 1;
            } else {
                container = at;
            }
            at += 1;
            i += 1;
        }
        group += 1;
    }
    all
}

const fn is_subcommand(name: &str) -> bool {
    let name = name.as_bytes();
    let mut i = 0;
    while i < name.len() {
        if name[i] == b'|' {
            return true;
        }
        i += 1;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Begin, Flags, Handling, Local, ReplyPolicy, Split};

    fn named(is: impl Fn(&Row) -> bool) -> Vec<&'static str> {
        rows().iter().filter(|row| is(row)).map(|row| row.name).collect()
    }

    #[test]
    fn rows_know_their_place() {
        for (place, row) in rows().iter().enumerate() {
            assert_eq!(usize::from(row.id().0), place);
            match row.name.split_once('|') {
                Some((container, _)) => assert_eq!(row.container().unwrap().name, container),
                None => assert!(row.container().is_none()),
            }
        }
        let names: std::collections::BTreeSet<&str> = rows().iter().map(|row| row.name).collect();
        assert_eq!(names.len(), rows().len());
    }

    /// A command without keys has no shard; each that is forwarded all the same stands here.
    #[test]
    fn without_keys_only_scripts_and_help_are_forwarded() {
        let keyless =
            |row: &Row| row.keys.is_empty() && row.handling == Handling::Forward && !row.has_subcommands();
        let functions = ["function|dump", "function|list", "function|stats", "script|show"];
        let help = ["object|help", "xgroup|help", "xinfo|help", "pubsub|help", "module|list"];
        assert!(named(keyless).iter().all(|name| functions.contains(name) || help.contains(name)));
        let optional = |row: &Row| row.flags.contains(Flags::NO_MANDATORY_KEYS);
        assert_eq!(named(optional), ["eval", "eval_ro", "evalsha", "evalsha_ro", "fcall", "fcall_ro"]);
    }

    #[test]
    fn what_pins_is_known_and_never_shared() {
        let blocking = |row: &Row| row.flags.contains(Flags::BLOCKING) && row.handling == Handling::Forward;
        assert_eq!(
            named(blocking),
            [
                "blmove",
                "blmpop",
                "blpop",
                "brpop",
                "brpoplpush",
                "bzmpop",
                "bzpopmax",
                "bzpopmin",
                "xread",
                "xreadgroup"
            ]
        );
        let pubsub =
            |row: &Row| row.flags.contains(Flags::PUBSUB) && !matches!(row.handling, Handling::PubSub(_));
        assert!(named(pubsub).is_empty());
        let pinning = |row: &Row| row.flags.contains(Flags::NO_MULTI) && row.handling == Handling::Forward;
        assert!(named(pinning).is_empty());
    }

    #[test]
    fn what_is_spread_over_shards_can_be_put_together() {
        let each = |row: &Row| row.handling == Handling::EachShard;
        for name in named(each) {
            let scripting = name.starts_with("function|") || name.starts_with("script|");
            let pool = ["dbsize", "flushall", "flushdb", "keys", "lastsave", "swapdb"];
            let nodes = ["bgrewriteaof", "bgsave", "pfselftest", "save"];
            assert!(scripting || pool.contains(&name) || nodes.contains(&name), "{name}");
        }
        assert_eq!(named(|row| row.handling == Handling::Scan), ["scan", "hscan", "sscan", "zscan"]);
        let policy = |name: &str| rows().iter().find(|row| row.name == name).unwrap().reply;
        for (name, reply) in [
            ("dbsize", ReplyPolicy::AggSum),
            ("flushall", ReplyPolicy::AllSucceeded),
            ("del", ReplyPolicy::AggSum),
            ("mset", ReplyPolicy::AllSucceeded),
            ("mget", ReplyPolicy::None),
        ] {
            assert_eq!(policy(name), reply, "{name}");
        }
        let split = |row: &Row| matches!(row.handling, Handling::Split(_));
        assert_eq!(named(split), ["mget", "mset", "del", "exists", "touch", "unlink"]);
        let mget = rows().iter().find(|row| row.handling == Handling::Split(Split::Mget)).unwrap();
        assert!(mget.is_read() && matches!(mget.keys[0].begin, Begin::Index(1)));
    }

    #[test]
    fn refusals_say_what_to_use_instead() {
        for row in rows() {
            if let Handling::Refused(reason) = row.handling {
                assert!(reason.contains("use") || reason.contains("file"), "{}: {reason}", row.name);
            }
        }
        assert_eq!(named(|row| row.handling == Handling::Local(Local::Ping)), ["ping"]);
    }
}
