//! Transactions. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("discard", 1, &[NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY], &[])
        .doc("2.0.0", "O(N) for N queued commands", "Drops what was queued since MULTI.")
        .transaction(Transaction::Discard),
    row("exec", 1, &[NOSCRIPT, LOADING, STALE, SKIP_COMMANDLOG], &[])
        .doc("1.2.0", "that of the queued commands", "Runs what was queued since MULTI, as one block.")
        .transaction(Transaction::Exec),
    row("multi", 1, &[NOSCRIPT, LOADING, STALE, FAST, NO_MULTI, ALLOW_BUSY], &[])
        .doc("1.2.0", "O(1)", "Begins a block of commands that EXEC runs together.")
        .transaction(Transaction::Multi),
    row("unwatch", 1, &[NOSCRIPT, LOADING, STALE, FAST, ALLOW_BUSY], &[])
        .doc("2.2.0", "O(1)", "Drops every WATCH of the connection.")
        .transaction(Transaction::Unwatch),
    row("watch", -2, &[NOSCRIPT, LOADING, STALE, FAST, NO_MULTI, ALLOW_BUSY], &[range(1, -1, 1, RO)])
        .doc(
            "2.2.0",
            "O(1) for each key",
            "Makes the next EXEC do nothing if one of these keys changes before it.",
        )
        .transaction(Transaction::Watch),
];
