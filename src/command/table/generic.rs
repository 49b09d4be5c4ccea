//! Commands on keys of any type. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("copy", -3, &[WRITE, DENYOOM], &[at(1, RO.access()), at(2, OW.update())]).doc(
        "6.2.0",
        "O(N) for N elements of a collection, O(1) for a string",
        "Makes a second key that holds the same value, in this database or another one.",
    ),
    row("del", -2, &[WRITE], &[range(1, -1, 1, RM.delete())])
        .doc(
            "1.0.0",
            "O(N) for N keys, and O(M) for each that holds M elements",
            "Removes the given keys and counts those that existed.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .split(Split::Del),
    row("dump", 2, &[READONLY], &[at(1, RO.access())])
        .doc(
            "2.6.0",
            "O(1) to find the key and O(N*M) to write N parts of mean size M",
            "Returns a value in the form that RESTORE takes.",
        )
        .tips(&["nondeterministic_output"]),
    row("exists", -2, &[READONLY, FAST], &[range(1, -1, 1, RO)])
        .doc("1.0.0", "O(N) for N keys", "Counts how many of the given keys there are.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .split(Split::Exists),
    row("expire", -3, &[WRITE, FAST], &[at(1, RW.update())]).doc(
        "1.0.0",
        "O(1)",
        "Sets a key's time to live, in seconds.",
    ),
    row("expireat", -3, &[WRITE, FAST], &[at(1, RW.update())]).doc(
        "1.2.0",
        "O(1)",
        "Sets the moment at which a key expires, in Unix seconds.",
    ),
    row("expiretime", 2, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "7.0.0",
        "O(1)",
        "Tells the moment at which a key expires, in Unix seconds.",
    ),
    row("keys", 2, &[READONLY], &[])
        .doc("1.0.0", "O(N) for N keys in the database", "Lists every key whose name fits a pattern.")
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .categories_are(&["@dangerous", "@keyspace"])
        .each_shard()
        .slow(),
    row(
        "migrate",
        -6,
        &[WRITE, MOVABLEKEYS],
        &[at(3, RW.access().delete()), all_after("KEYS", -2, RW.access().delete().incomplete())],
    )
    .doc(
        "2.6.0",
        "a DUMP and DEL here, a RESTORE there, and O(N) for N bytes sent",
        "Moves or copies keys to another server, in one step.",
    )
    .tips(&["nondeterministic_output"])
    .found_by(Finder::MigrateOptions)
    .categories_are(&["@dangerous", "@keyspace"]),
    row("move", 3, &[WRITE, FAST], &[at(1, RW.access().update())]).doc(
        "1.0.0",
        "O(1)",
        "Puts a key into another numbered database.",
    ),
    row("object", -2, &[], &[]).doc(
        "2.2.3",
        "that of the subcommand",
        "Groups what tells how the server keeps a value.",
    ),
    row("object|encoding", 3, &[READONLY], &[at(2, RO)])
        .doc("2.2.3", "O(1)", "Tells in which internal form a value is kept.")
        .tips(&["nondeterministic_output"]),
    row("object|freq", 3, &[READONLY], &[at(2, RO)])
        .doc("4.0.0", "O(1)", "Tells how often a key is used, as the logarithmic counter of LFU eviction.")
        .tips(&["nondeterministic_output"])
        .on_primary(),
    row("object|help", 2, &[LOADING, STALE], &[]).doc("6.2.0", "O(1)", "Explains the subcommands of OBJECT."),
    row("object|idletime", 3, &[READONLY], &[at(2, RO)])
        .doc("2.2.3", "O(1)", "Tells for how many seconds a key was not used.")
        .tips(&["nondeterministic_output"])
        .on_primary(),
    row("object|refcount", 3, &[READONLY], &[at(2, RO)])
        .doc("2.2.3", "O(1)", "Tells how many references there are to a value.")
        .tips(&["nondeterministic_output"]),
    row("persist", 2, &[WRITE, FAST], &[at(1, RW.update())]).doc(
        "2.2.0",
        "O(1)",
        "Takes a key's time to live away, so that it stays.",
    ),
    row("pexpire", -3, &[WRITE, FAST], &[at(1, RW.update())]).doc(
        "2.6.0",
        "O(1)",
        "Sets a key's time to live, in milliseconds.",
    ),
    row("pexpireat", -3, &[WRITE, FAST], &[at(1, RW.update())]).doc(
        "2.6.0",
        "O(1)",
        "Sets the moment at which a key expires, in Unix milliseconds.",
    ),
    row("pexpiretime", 2, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "7.0.0",
        "O(1)",
        "Tells the moment at which a key expires, in Unix milliseconds.",
    ),
    row("pttl", 2, &[READONLY, FAST], &[at(1, RO.access())])
        .doc("2.6.0", "O(1)", "Tells a key's time to live, in milliseconds.")
        .tips(&["nondeterministic_output"]),
    row("randomkey", 1, &[READONLY], &[])
        .doc("1.0.0", "O(1)", "Picks a key of the database at random.")
        .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"])
        .random_key(),
    row("rename", 3, &[WRITE], &[at(1, RW.access().delete()), at(2, OW.update())]).doc(
        "1.0.0",
        "O(1)",
        "Gives a key another name, and replaces what had that name.",
    ),
    row("renamenx", 3, &[WRITE, FAST], &[at(1, RW.access().delete()), at(2, OW.insert())]).doc(
        "1.0.0",
        "O(1)",
        "Gives a key another name, unless that name is taken.",
    ),
    row("restore", -4, &[WRITE, DENYOOM], &[at(1, OW.update())])
        .doc(
            "2.6.0",
            "O(1) to make the key and O(N*M) to read N parts of mean size M; O(N*M*log(N)) for a sorted set",
            "Makes a key of what DUMP returned.",
        )
        .categories_are(&["@dangerous", "@keyspace"]),
    row("scan", -2, &[READONLY], &[])
        .doc(
            "2.8.0",
            "O(1) a call, O(N) for all N keys",
            "Walks over the keys of the database, some at each call.",
        )
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
        .scan(),
    row(
        "sort",
        -2,
        &[WRITE, DENYOOM, MOVABLEKEYS],
        &[at(1, RO.access()), somewhere(RO.access()), somewhere(OW.update())],
    )
    .doc(
        "1.0.0",
        "O(N+M*log(M)) to sort N elements and return M; O(N) unsorted",
        "Returns the elements of a list, set or sorted set in order, or stores them as a list.",
    )
    .found_by(Finder::SortOptions)
    .categories_are(&["@dangerous", "@list", "@set", "@sortedset"])
    .slow(),
    row("sort_ro", -2, &[READONLY, MOVABLEKEYS], &[at(1, RO.access()), somewhere(RO.access())])
        .doc(
            "7.0.0",
            "O(N+M*log(M)) to sort N elements and return M; O(N) unsorted",
            "Returns the elements of a list, set or sorted set in order, and never stores them.",
        )
        .categories_are(&["@dangerous", "@list", "@set", "@sortedset"])
        .slow(),
    row("touch", -2, &[READONLY, FAST], &[range(1, -1, 1, RO)])
        .doc("3.2.1", "O(N) for N keys", "Marks keys as used just now, and counts those that exist.")
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .split(Split::Touch)
        .on_primary(),
    row("ttl", 2, &[READONLY, FAST], &[at(1, RO.access())])
        .doc("1.0.0", "O(1)", "Tells a key's time to live, in seconds.")
        .tips(&["nondeterministic_output"]),
    row("type", 2, &[READONLY, FAST], &[at(1, RO)]).doc(
        "1.0.0",
        "O(1)",
        "Tells of which type the value of a key is.",
    ),
    row("unlink", -2, &[WRITE, FAST], &[range(1, -1, 1, RM.delete())])
        .doc(
            "4.0.0",
            "O(1) for each key, and O(N) in the background to free N allocations",
            "Removes keys at once and frees their memory later.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .split(Split::Unlink),
    row("wait", 3, &[BLOCKING], &[])
        .doc("3.0.0", "O(1)", "Waits until enough replicas have the writes that this connection made.")
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .categories_are(&["@connection"])
        .waits(),
    row("waitaof", 4, &[BLOCKING], &[])
        .doc(
            "7.2.0",
            "O(1)",
            "Waits until the writes of this connection are in the append-only files of enough servers.",
        )
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .categories_are(&["@connection"])
        .known(Known::Valkey)
        .later(WAITING),
];
