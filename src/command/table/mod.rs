//! The rows, by Redis's own groups: a file a group. Data only; what is done with it stands in `row`,
//! `find` and `keys`.
//!
//! How to read a row: name, arity, flags, keys; then `doc` (since, complexity, summary), the command
//! tips, and what Ketch does with it if that is not "forward it to the shard of its keys". `super::row`
//! has each word. Subcommands stand behind their container.
//!
//! How it is kept true: arity, flags, key specs, tips and texts are those of the newest server that
//! knows the command (Valkey 9, whose documentation is under the BSD 3-Clause licence), and
//! `tests/promises/command_table.rs` asks real servers, old and new, and lists where they differ.
//! A command that any server does not call `readonly` is not `readonly` here.

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
mod server;
mod set;
mod sorted_set;
mod stream;
mod string;
mod transactions;
mod words;

use super::row::{Group, Row, RowId};

const GROUPS: [(Group, &[Row]); 16] = [
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
];

const COUNT: usize = count();
/// The same as `ROWS`, for what the compiler builds from it.
pub(super) const TABLE: [Row; COUNT] = join();
static ROWS: [Row; COUNT] = TABLE;

/// Every row. A row's place is its [`RowId`].
pub fn rows() -> &'static [Row] {
    &ROWS
}

/// The row of an id, which only this table gives out.
#[inline]
pub fn row(id: RowId) -> &'static Row {
    &ROWS[id.0 as usize]
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
