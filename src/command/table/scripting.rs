//! Scripts and functions. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row(
        "eval",
        -3,
        &[NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, MOVABLEKEYS],
        &[counted(2, 1, RW.access().update())],
    )
    .doc("2.6.0", "that of the script", "Runs a Lua script that is sent along.")
    .counted_as(Count::Script)
    .script(Script::Text(1))
    .slow(),
    row(
        "eval_ro",
        -3,
        &[READONLY, NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, MOVABLEKEYS],
        &[counted(2, 1, RO.access())],
    )
    .doc("7.0.0", "that of the script", "Runs a Lua script that is sent along and may only read.")
    .counted_as(Count::Script)
    .script(Script::Text(1))
    .slow(),
    row(
        "evalsha",
        -3,
        &[NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, MOVABLEKEYS],
        &[counted(2, 1, RW.access().update())],
    )
    .doc(
        "2.6.0",
        "that of the script",
        "Runs a Lua script that the server has cached, named by its SHA1 digest.",
    )
    .counted_as(Count::Script)
    .script(Script::Digest)
    .slow(),
    row(
        "evalsha_ro",
        -3,
        &[READONLY, NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, MOVABLEKEYS],
        &[counted(2, 1, RO.access())],
    )
    .doc(
        "7.0.0",
        "that of the script",
        "Runs a cached Lua script, named by its SHA1 digest, that may only read.",
    )
    .counted_as(Count::Script)
    .script(Script::Digest)
    .slow(),
    row(
        "fcall",
        -3,
        &[NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, MOVABLEKEYS],
        &[counted(2, 1, RW.access().update())],
    )
    .doc("7.0.0", "that of the function", "Calls a function of a loaded library.")
    .counted_as(Count::Function)
    .slow(),
    row(
        "fcall_ro",
        -3,
        &[READONLY, NOSCRIPT, STALE, SKIP_MONITOR, NO_MANDATORY_KEYS, MOVABLEKEYS],
        &[counted(2, 1, RO.access())],
    )
    .doc("7.0.0", "that of the function", "Calls a function of a loaded library that may only read.")
    .counted_as(Count::Function)
    .slow(),
    row("function", -2, &[], &[]).doc(
        "7.0.0",
        "that of the subcommand",
        "Groups what manages libraries of functions.",
    ),
    row("function|delete", 3, &[WRITE, NOSCRIPT], &[])
        .doc("7.0.0", "O(1)", "Removes one library with all its functions.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .each_shard(),
    row("function|dump", 2, &[NOSCRIPT], &[]).doc(
        "7.0.0",
        "O(N) for N functions",
        "Returns every library in the form that FUNCTION RESTORE takes.",
    ),
    row("function|flush", -2, &[WRITE, NOSCRIPT], &[])
        .doc("7.0.0", "O(N) for N functions", "Removes every library.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .each_shard(),
    row("function|help", 2, &[LOADING, STALE], &[])
        .doc("7.0.0", "O(1)", "Explains the subcommands of FUNCTION.")
        .local(Local::Help),
    row("function|kill", 2, &[NOSCRIPT, ALLOW_BUSY], &[])
        .doc("7.0.0", "O(1)", "Stops the function that runs, unless it has written already.")
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
        .each_shard(),
    row("function|list", -2, &[NOSCRIPT], &[])
        .doc("7.0.0", "O(N) for N functions", "Describes the loaded libraries and their functions.")
        .tips(&["nondeterministic_output_order"]),
    row("function|load", -3, &[WRITE, DENYOOM, NOSCRIPT], &[])
        .doc("7.0.0", "O(1), compilation aside", "Loads a library, or replaces one.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .each_shard(),
    row("function|restore", -3, &[WRITE, DENYOOM, NOSCRIPT], &[])
        .doc("7.0.0", "O(N) for N functions", "Loads the libraries that FUNCTION DUMP returned.")
        .tips(&["request_policy:all_shards", "response_policy:all_succeeded"])
        .each_shard(),
    row("function|stats", 2, &[NOSCRIPT, ALLOW_BUSY], &[])
        .doc("7.0.0", "O(1)", "Describes the function that runs now, and the engines that there are.")
        .tips(&["nondeterministic_output", "request_policy:all_shards", "response_policy:special"]),
    row("script", -2, &[], &[]).doc(
        "2.6.0",
        "that of the subcommand",
        "Groups what manages the cache of Lua scripts.",
    ),
    row("script|debug", -3, &[NOSCRIPT], &[])
        .doc("3.2.0", "O(1)", "Turns the debugger for EVAL on or off.")
        .refused(DEBUGGER),
    row("script|exists", -3, &[NOSCRIPT, STALE], &[])
        .doc("2.6.0", "O(N) for N digests", "Tells which of the given scripts are cached.")
        .tips(&["request_policy:all_shards", "response_policy:agg_logical_and"])
        .each_shard()
        .script(Script::Digests(2)),
    row("script|flush", -2, &[NOSCRIPT, STALE], &[])
        .doc("2.6.0", "O(N) for N cached scripts", "Empties the cache of scripts.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .each_shard()
        .script(Script::Flush),
    row("script|help", 2, &[LOADING, STALE], &[])
        .doc("5.0.0", "O(1)", "Explains the subcommands of SCRIPT.")
        .local(Local::Help),
    row("script|kill", 2, &[NOSCRIPT, ALLOW_BUSY], &[])
        .doc("2.6.0", "O(1)", "Stops the script that runs, unless it has written already.")
        .tips(&["request_policy:all_shards", "response_policy:one_succeeded"])
        .each_shard(),
    row("script|load", 3, &[NOSCRIPT, STALE], &[])
        .doc("2.6.0", "O(N) for N bytes of script", "Puts a script into the cache without running it.")
        .tips(&["request_policy:all_nodes", "response_policy:all_succeeded"])
        .each_shard()
        .script(Script::Text(2)),
    row("script|show", 3, &[NOSCRIPT, STALE], &[])
        .doc("8.0.0", "O(1)", "Returns the text of a cached script.")
        .known(Known::Valkey)
        .script(Script::Digests(2)),
];
