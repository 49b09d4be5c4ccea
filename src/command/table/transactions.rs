//! Transactions. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("discard", 1, &[NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY], &[])
        .doc("2.0.0", "O(N), when N is the number of queued commands", "Discards a transaction.")
        .later(TRANSACTION),
    row("exec", 1, &[NOSCRIPT, LOADING, STALE, SKIP_COMMANDLOG], &[])
        .doc("1.2.0", "Depends on commands in the transaction", "Executes all commands in a transaction.")
        .later(TRANSACTION),
    row("multi", 1, &[NOSCRIPT, LOADING, STALE, FAST, NO_MULTI, ALLOW_BUSY], &[])
        .doc("1.2.0", "O(1)", "Starts a transaction.")
        .later(TRANSACTION),
    row("unwatch", 1, &[NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY], &[])
        .doc("2.2.0", "O(1)", "Forgets about watched keys of a transaction.")
        .later(TRANSACTION),
    row("watch", -2, &[NOSCRIPT, LOADING, STALE, FAST, NO_MULTI, ALLOW_BUSY], &[range(1, -1, 1, RO)])
        .doc(
            "2.2.0",
            "O(1) for every key.",
            "Monitors changes to keys to determine the execution of a transaction.",
        )
        .later(TRANSACTION),
];
