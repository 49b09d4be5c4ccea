//! Every error that Ketch itself says to clients: one row each, with its text, cause and metric label.
//!
//! A text names pool, shard or node and says what to do. `-SHARDDOWN` and `-NOTAPPLIED` promise that
//! nothing was executed; `-OUTCOMEUNKNOWN` promises that nothing was executed twice.

use core::fmt::{self, Display};
use core::time::Duration;

/// One error, with what its text names.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum ErrorReply<'a> {
    OutcomeUnknown {
        pool: &'a str,
        shard: &'a str,
    },
    ShardDown {
        pool: &'a str,
        shard: &'a str,
        since: Duration,
    },
    NotApplied {
        pool: &'a str,
        shard: &'a str,
    },
    Timeout {
        pool: &'a str,
        shard: &'a str,
        after: Duration,
    },
    CrossSlot {
        pool: &'a str,
    },
    CrossShardWrites {
        pool: &'a str,
    },
    SortPattern {
        pool: &'a str,
    },
    WaitOnReplica {
        pool: &'a str,
    },
    WaitLost {
        pool: &'a str,
        shard: &'a str,
    },
    WaitDenied {
        pool: &'a str,
        node: &'a str,
    },
    ReadOnlyListener {
        pool: &'a str,
    },
    NoAuth,
    MaxClients,
    UnknownCommand {
        name: &'a [u8],
        args: &'a [u8],
    },
    UnknownSubcommand {
        name: &'a [u8],
        container: &'a str,
    },
    Arity {
        command: &'a str,
    },
    Later {
        command: &'a str,
        why: &'a str,
    },
    Refused {
        command: &'a str,
        why: &'a str,
    },
    Keys {
        text: &'a str,
    },
    /// About MULTI, EXEC and their kind, in Redis's words.
    Transaction {
        text: &'static str,
    },
    WholePoolInBlock {
        command: &'a str,
        pool: &'a str,
    },
    AskedInBlock {
        command: &'a str,
    },
    BlockTooLarge {
        pool: &'a str,
        limit: crate::base::ByteSize,
    },
    MaxPinned {
        pool: &'a str,
        limit: usize,
    },
    GatherLimit {
        pool: &'a str,
        limit: crate::base::ByteSize,
    },
    AnswerLimit {
        pool: &'a str,
        limit: crate::base::ByteSize,
    },
    WorkersBusy {
        busy: usize,
        of: usize,
    },
    Subscribed {
        command: &'a str,
    },
    TooManySubscriptions,
    NoSuchClient,
}

impl ErrorReply<'_> {
    /// The metric label: the code, or what distinguishes the several `ERR`.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            ErrorReply::OutcomeUnknown { .. } => "OUTCOMEUNKNOWN",
            ErrorReply::ShardDown { .. } => "SHARDDOWN",
            ErrorReply::NotApplied { .. } => "NOTAPPLIED",
            ErrorReply::Timeout { .. } => "TIMEOUT",
            ErrorReply::CrossSlot { .. } | ErrorReply::CrossShardWrites { .. } => "CROSSSLOT",
            ErrorReply::SortPattern { .. } => "sort_pattern",
            ErrorReply::WaitLost { .. } => "UNBLOCKED",
            ErrorReply::WaitOnReplica { .. } | ErrorReply::WaitDenied { .. } => "wait",
            ErrorReply::ReadOnlyListener { .. } => "READONLY",
            ErrorReply::NoAuth => "NOAUTH",
            ErrorReply::MaxClients => "max_clients",
            ErrorReply::UnknownCommand { .. } | ErrorReply::UnknownSubcommand { .. } => "unknown_command",
            ErrorReply::Arity { .. } => "arity",
            ErrorReply::Later { .. } => "not_built_yet",
            ErrorReply::Refused { .. } => "refused",
            ErrorReply::Keys { .. } => "keys",
            ErrorReply::Subscribed { .. } => "subscribed",
            ErrorReply::TooManySubscriptions => "max_subscriptions",
            ErrorReply::Transaction { text } if text.starts_with("EXECABORT") => "EXECABORT",
            ErrorReply::Transaction { .. }
            | ErrorReply::AskedInBlock { .. }
            | ErrorReply::WholePoolInBlock { .. } => "transaction",
            ErrorReply::BlockTooLarge { .. } => "max_request",
            ErrorReply::MaxPinned { .. } => "max_pinned",
            ErrorReply::GatherLimit { .. } | ErrorReply::AnswerLimit { .. } => "gather_limit",
            ErrorReply::WorkersBusy { .. } => "workers_busy",
            ErrorReply::NoSuchClient => "no_such_client",
        }
    }

    /// Appends the whole error reply.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        crate::resp::error(out, self.to_string().as_bytes());
    }
}

impl Display for ErrorReply<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            ErrorReply::OutcomeUnknown { pool, shard } => write!(
                f,
                "OUTCOMEUNKNOWN the connection to the primary of shard {shard} of pool {pool} was lost after this \
                 write was sent: it may or may not have been executed, and was not sent again. Read before you \
                 write again"
            ),
            ErrorReply::ShardDown { pool, shard, since } => write!(
                f,
                "SHARDDOWN shard {shard} of pool {pool} has had no primary for {:.1} s: nothing was executed, send it \
                 again later",
                since.as_secs_f64()
            ),
            ErrorReply::NotApplied { pool, shard } => write!(
                f,
                "NOTAPPLIED the way to shard {shard} of pool {pool} was lost before the whole request was sent: \
                 nothing was written, send it again"
            ),
            ErrorReply::Timeout { pool, shard, after } => write!(
                f,
                "TIMEOUT shard {shard} of pool {pool} gave no reply within {:.1} s",
                after.as_secs_f64()
            ),
            // Redis Cluster's own words first: clients look for them.
            ErrorReply::CrossSlot { pool } => write!(
                f,
                "CROSSSLOT Keys in request don't hash to the same shard (of pool {pool}): use a hash tag to keep them \
                 together"
            ),
            ErrorReply::CrossShardWrites { pool } => write!(
                f,
                "CROSSSLOT Keys in request don't hash to the same shard, and pool {pool} forbids writes over shards \
                 (cross_shard_writes = false)"
            ),
            ErrorReply::SortPattern { pool } => write!(
                f,
                "ERR BY and GET of SORT may read keys on other shards of pool {pool}: begin the pattern with the \
                 hash tag of the key that is sorted"
            ),
            ErrorReply::WaitOnReplica { pool } => write!(
                f,
                "ERR WAIT cannot be used with replica instances: this listener of pool {pool} serves reads; use one \
                 with route auto or primary"
            ),
            ErrorReply::WaitLost { pool, shard } => write!(
                f,
                "UNBLOCKED the primary of shard {shard} of pool {pool} has changed since this client wrote there: read \
                 what it wrote before you rely on it"
            ),
            ErrorReply::WaitDenied { pool, node } => write!(
                f,
                "ERR node {node} of pool {pool} does not tell its replication offset to the user of Ketch: allow \
                 +info there"
            ),
            ErrorReply::ReadOnlyListener { pool } => write!(
                f,
                "READONLY You can't write against a read only replica: this listener of pool {pool} serves reads; \
                 write to one with route auto or primary"
            ),
            ErrorReply::NoAuth => f.write_str("NOAUTH Authentication required."),
            ErrorReply::MaxClients => f.write_str("ERR max number of clients reached"),
            ErrorReply::UnknownCommand { name, args } => write!(
                f,
                "ERR unknown command '{}', with args beginning with: {}",
                String::from_utf8_lossy(&name[..name.len().min(128)]),
                String::from_utf8_lossy(args)
            ),
            ErrorReply::UnknownSubcommand { name, container } => write!(
                f,
                "ERR unknown subcommand '{}'. Try {} HELP.",
                String::from_utf8_lossy(&name[..name.len().min(128)]),
                container.to_uppercase()
            ),
            ErrorReply::Arity { command } => {
                write!(f, "ERR wrong number of arguments for '{command}' command")
            }
            ErrorReply::Later { command, why } => {
                write!(f, "ERR '{command}' is not available through Ketch: {why}")
            }
            ErrorReply::Refused { command, why } => write!(f, "ERR '{command}' is never forwarded: {why}"),
            ErrorReply::Keys { text } => f.write_str(text),
            ErrorReply::Subscribed { command } => write!(
                f,
                "ERR Can't execute '{command}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are \
                 allowed in this context"
            ),
            ErrorReply::TooManySubscriptions => f.write_str(
                "ERR max subscriptions of one client reached (64MiB of names): subscribe to patterns, or use more \
                 connections",
            ),
            ErrorReply::Transaction { text } => f.write_str(text),
            ErrorReply::WholePoolInBlock { command, pool } => write!(
                f,
                "ERR '{command}' concerns all shards of pool {pool} and a transaction only one: send it by itself"
            ),
            ErrorReply::AskedInBlock { command } => write!(
                f,
                "ERR '{command}' is about Ketch's clients and can't be part of a transaction: send it by itself"
            ),
            ErrorReply::BlockTooLarge { pool, limit } => write!(
                f,
                "ERR max_request ({limit}) of pool {pool} passed by the commands since MULTI: queue fewer"
            ),
            ErrorReply::MaxPinned { pool, limit } => write!(
                f,
                "ERR max_pinned ({limit}) of pool {pool} reached: so many clients block or watch keys already; end \
                 some, or raise it"
            ),
            ErrorReply::AnswerLimit { pool, limit } => {
                write!(f, "ERR gather_limit ({limit}) of pool {pool} passed by the answer: ask for less")
            }
            ErrorReply::WorkersBusy { busy, of } => {
                write!(f, "ERR {busy} of the {of} workers of this Ketch are too busy to answer: ask again")
            }
            ErrorReply::NoSuchClient => f.write_str("ERR No such client"),
            ErrorReply::GatherLimit { pool, limit } => {
                write!(
                    f,
                    "ERR gather_limit ({limit}) of pool {pool} passed by the shards' replies: ask for fewer keys"
                )
            }
        }
    }
}
