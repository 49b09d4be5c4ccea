//! Scripts and functions. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row(
        "eval",
        -3,
        &[NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, MOVABLEKEYS],
        &[counted(2, 1, RW.access().update())],
    )
    .doc("2.6.0", "Depends on the script that is executed.", "Executes a server-side Lua script.")
    .counted_as(Count::Script),
    row(
        "eval_ro",
        -3,
        &[READONLY, NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, MOVABLEKEYS],
        &[counted(2, 1, RO.access())],
    )
    .doc("7.0.0", "Depends on the script that is executed.", "Executes a read-only server-side Lua script.")
    .counted_as(Count::Script),
    row(
        "evalsha",
        -3,
        &[NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, MOVABLEKEYS],
        &[counted(2, 1, RW.access().update())],
    )
    .doc(
        "2.6.0",
        "Depends on the script that is executed.",
        "Executes a server-side Lua script by SHA1 digest.",
    )
    .counted_as(Count::Script),
    row(
        "evalsha_ro",
        -3,
        &[READONLY, NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, MOVABLEKEYS],
        &[counted(2, 1, RO.access())],
    )
    .doc(
        "7.0.0",
        "Depends on the script that is executed.",
        "Executes a read-only server-side Lua script by SHA1 digest.",
    )
    .counted_as(Count::Script),
    row(
        "fcall",
        -3,
        &[NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, MOVABLEKEYS],
        &[counted(2, 1, RW.access().update())],
    )
    .doc("7.0.0", "Depends on the function that is executed.", "Invokes a function.")
    .counted_as(Count::Function),
    row(
        "fcall_ro",
        -3,
        &[READONLY, NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, MOVABLEKEYS],
        &[counted(2, 1, RO.access())],
    )
    .doc("7.0.0", "Depends on the function that is executed.", "Invokes a read-only function.")
    .counted_as(Count::Function),
    row("function", -2, &[], &[])
        .doc("7.0.0", "Depends on subcommand.", "A container for function commands.")
        .later(EVERY_NODE),
    row("function|delete", 3, &[WRITE, NOSCRIPT], &[])
        .doc("7.0.0", "O(1)", "Deletes a library and its functions.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .later(EVERY_NODE),
    row("function|dump", 2, &[NOSCRIPT], &[])
        .doc(
            "7.0.0",
            "O(N) where N is the number of functions",
            "Dumps all libraries into a serialized binary payload.",
        )
        .later(EVERY_NODE),
    row("function|flush", -2, &[WRITE, NOSCRIPT], &[])
        .doc(
            "7.0.0",
            "O(N) where N is the number of functions deleted",
            "Deletes all libraries and functions.",
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .later(EVERY_NODE),
    row("function|help", 2, &[LOADING, STALE], &[])
        .doc("7.0.0", "O(1)", "Returns helpful text about the different subcommands.")
        .later(EVERY_NODE),
    row("function|kill", 2, &[NOSCRIPT, ALLOW_BUSY], &[])
        .doc("7.0.0", "O(1)", "Terminates a function during execution.")
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
        .later(EVERY_NODE),
    row("function|list", -2, &[NOSCRIPT], &[])
        .doc("7.0.0", "O(N) where N is the number of functions", "Returns information about all libraries.")
        .tips(&["nondeterministic_output_order"])
        .later(EVERY_NODE),
    row("function|load", -3, &[WRITE, DENYOOM, NOSCRIPT], &[])
        .doc("7.0.0", "O(1) (considering compilation time is redundant)", "Creates a library.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .later(EVERY_NODE),
    row("function|restore", -3, &[WRITE, DENYOOM, NOSCRIPT], &[])
        .doc(
            "7.0.0",
            "O(N) where N is the number of functions on the payload",
            "Restores all libraries from a payload.",
        )
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .later(EVERY_NODE),
    row("function|stats", 2, &[NOSCRIPT, ALLOW_BUSY], &[])
        .doc("7.0.0", "O(1)", "Returns information about a function during execution.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"])
        .later(EVERY_NODE),
    row("script", -2, &[], &[])
        .doc("2.6.0", "Depends on subcommand.", "A container for Lua scripts management commands.")
        .later(EVERY_NODE),
    row("script|debug", -3, &[NOSCRIPT], &[])
        .doc("3.2.0", "O(1)", "Sets the debug mode of server-side Lua scripts.")
        .later(EVERY_NODE),
    row("script|exists", -3, &[NOSCRIPT, STALE], &[])
        .doc(
            "2.6.0",
            "O(N) with N being the number of scripts to check (so checking a single script is an O(1) \
            operation).",
            "Determines whether server-side Lua scripts exist in the script cache.",
        )
        .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"])
        .later(EVERY_NODE),
    row("script|flush", -2, &[NOSCRIPT, STALE], &[])
        .doc(
            "2.6.0",
            "O(N) with N being the number of scripts in cache",
            "Removes all server-side Lua scripts from the script cache.",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .later(EVERY_NODE),
    row("script|help", 2, &[LOADING, STALE], &[])
        .doc("5.0.0", "O(1)", "Returns helpful text about the different subcommands.")
        .later(EVERY_NODE),
    row("script|kill", 2, &[NOSCRIPT, ALLOW_BUSY], &[])
        .doc("2.6.0", "O(1)", "Terminates a server-side Lua script during execution.")
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
        .later(EVERY_NODE),
    row("script|load", 3, &[NOSCRIPT, STALE], &[])
        .doc(
            "2.6.0",
            "O(N) with N being the length in bytes of the script body.",
            "Loads a server-side Lua script to the script cache.",
        )
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .later(EVERY_NODE),
    row("script|show", 3, &[NOSCRIPT, STALE], &[])
        .doc("8.0.0", "O(1).", "Show server-side Lua script in the script cache.")
        .known(Known::Valkey)
        .later(EVERY_NODE),
];
