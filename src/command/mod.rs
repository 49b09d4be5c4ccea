//! What Ketch knows about every command of Redis and Valkey: its arity, its keys, whether it reads or
//! writes, whether it blocks, how it is spread over shards and how part replies are put together.
//! Only this room knows a command by its name; everybody else asks the row.
//!
//! - `table`: the rows, data only. One row a command or subcommand.
//! - `row`: what a row is made of.
//! - `find`: from the bytes of a request to its row.
//! - `keys`: where the keys of a request are; `options`: what only the options tell.
//! - `learned`: commands that are in no table, as a node describes them (`described`).
//! - `reply_policy`: part replies → one reply.
//! - `manual`: `docs/commands.md`, from the rows.
//!
//! Deliberately absent: which node serves a command (routing's), what Ketch answers by itself and how
//! its errors are worded (the engine's), and asking the nodes for commands that are in no table (`control`).
//!
//! The table is kept true by `tests/promises/command_table.rs`, which compares each row with what a
//! real redis-server and a real valkey-server say of themselves.

mod described;
mod find;
mod keys;
mod learned;
mod manual;
mod options;
mod reply_policy;
mod row;
mod table;

pub use described::Described;
pub use find::{Found, find, find_name};
pub use keys::{KeyError, keys, keys_and_flags};
pub use learned::{LEARNED_MAX, Learned, plain_name};
pub use manual::manual;
pub use options::{BlockTime, BlockUnit, block_time, blocks, key_patterns};
pub use reply_policy::{concat, join, places};
pub use row::{
    Begin, Find, Finder, Flags, Group, Handling, KeyFlags, KeySpec, Known, Local, PubSub, ReplyPolicy,
    RequestPolicy, Row, RowId, Script, Split, Topic, Transaction, classic_range, subcommands,
};
pub use table::{row, rows};
