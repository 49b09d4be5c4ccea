//! Commands on keys of any type. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("copy", -3, &[WRITE, DENYOOM], &[at(1, RO.access()), at(2, OW.update())]).doc(
        "6.2.0",
        "O(N) worst case for collections, where N is the number of nested items. O(1) for string \
        values.",
        "Copies the value of a key to a new key.",
    ),
    row("del", -2, &[WRITE], &[range(1, -1, 1, RM.delete())])
        .doc(
            "1.0.0",
            "O(N) where N is the number of keys that will be removed. When a key to remove holds a value \
            other than a string, the individual complexity for this key is O(M) where M is the number of \
            elements in the list, set, sorted set or hash. Removing a single key that holds a string value \
            is O(1).",
            "Deletes one or more keys.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .split(Split::Del),
    row("dump", 2, &[READONLY], &[at(1, RO.access())])
        .doc(
            "2.6.0",
            "O(1) to access the key and additional O(N*M) to serialize it, where N is the number of \
            objects composing the value and M their average size. For small string values the time \
            complexity is thus O(1)+O(1*M) where M is small, so simply O(1).",
            "Returns a serialized representation of the value stored at a key.",
        )
        .tips(&["nondeterministic_output"]),
    row("exists", -2, &[READONLY, FAST], &[range(1, -1, 1, RO)])
        .doc(
            "1.0.0",
            "O(N) where N is the number of keys to check.",
            "Determines whether one or more keys exist.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .split(Split::Exists),
    row("expire", -3, &[WRITE, FAST], &[at(1, RW.update())]).doc(
        "1.0.0",
        "O(1)",
        "Sets the expiration time of a key in seconds.",
    ),
    row("expireat", -3, &[WRITE, FAST], &[at(1, RW.update())]).doc(
        "1.2.0",
        "O(1)",
        "Sets the expiration time of a key to a Unix timestamp.",
    ),
    row("expiretime", 2, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "7.0.0",
        "O(1)",
        "Returns the expiration time of a key as a Unix timestamp.",
    ),
    row("keys", 2, &[READONLY], &[])
        .doc(
            "1.0.0",
            "O(N) with N being the number of keys in the database, under the assumption that the key names \
            in the database and the given pattern have limited length.",
            "Returns all key names that match a pattern.",
        )
        .tips(&["request_policy:all_shards", "nondeterministic_output_order"])
        .categories_are(&["@dangerous", "@keyspace"])
        .later(WHOLE_POOL),
    row(
        "migrate",
        -6,
        &[WRITE, MOVABLEKEYS],
        &[at(3, RW.access().delete()), all_after("KEYS", -2, RW.access().delete().incomplete())],
    )
    .doc(
        "2.6.0",
        "This command actually executes a DUMP+DEL in the source instance, and a RESTORE in the target \
        instance. See the pages of these commands for time complexity. Also an O(N) data transfer \
        between the two instances is performed.",
        "Atomically transfers a key from one instance to another.",
    )
    .tips(&["nondeterministic_output"])
    .found_by(Finder::MigrateOptions)
    .categories_are(&["@dangerous", "@keyspace"])
    .refused(MIGRATE),
    row("move", 3, &[WRITE, FAST], &[at(1, RW.access().update())])
        .doc("1.0.0", "O(1)", "Moves a key to another database.")
        .later(OTHER_DATABASE),
    row("object", -2, &[], &[]).doc(
        "2.2.3",
        "Depends on subcommand.",
        "A container for object introspection commands.",
    ),
    row("object|encoding", 3, &[READONLY], &[at(2, RO)])
        .doc("2.2.3", "O(1)", "Returns the internal encoding of an object.")
        .tips(&["nondeterministic_output"]),
    row("object|freq", 3, &[READONLY], &[at(2, RO)])
        .doc("4.0.0", "O(1)", "Returns the logarithmic access frequency counter of an object.")
        .tips(&["nondeterministic_output"]),
    row("object|help", 2, &[LOADING, STALE], &[]).doc(
        "6.2.0",
        "O(1)",
        "Returns helpful text about the different subcommands.",
    ),
    row("object|idletime", 3, &[READONLY], &[at(2, RO)])
        .doc("2.2.3", "O(1)", "Returns the time since the last access to an object.")
        .tips(&["nondeterministic_output"]),
    row("object|refcount", 3, &[READONLY], &[at(2, RO)])
        .doc("2.2.3", "O(1)", "Returns the reference count of a value of a key.")
        .tips(&["nondeterministic_output"]),
    row("persist", 2, &[WRITE, FAST], &[at(1, RW.update())]).doc(
        "2.2.0",
        "O(1)",
        "Removes the expiration time of a key.",
    ),
    row("pexpire", -3, &[WRITE, FAST], &[at(1, RW.update())]).doc(
        "2.6.0",
        "O(1)",
        "Sets the expiration time of a key in milliseconds.",
    ),
    row("pexpireat", -3, &[WRITE, FAST], &[at(1, RW.update())]).doc(
        "2.6.0",
        "O(1)",
        "Sets the expiration time of a key to a Unix milliseconds timestamp.",
    ),
    row("pexpiretime", 2, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "7.0.0",
        "O(1)",
        "Returns the expiration time of a key as a Unix milliseconds timestamp.",
    ),
    row("pttl", 2, &[READONLY, FAST], &[at(1, RO.access())])
        .doc("2.6.0", "O(1)", "Returns the expiration time in milliseconds of a key.")
        .tips(&["nondeterministic_output"]),
    row("randomkey", 1, &[READONLY], &[])
        .doc("1.0.0", "O(1)", "Returns a random key name from the database.")
        .tips(&["request_policy:all_shards", "response_policy:special", "nondeterministic_output"])
        .later(WHOLE_POOL),
    row("rename", 3, &[WRITE], &[at(1, RW.access().delete()), at(2, OW.update())]).doc(
        "1.0.0",
        "O(1)",
        "Renames a key and overwrites the destination.",
    ),
    row("renamenx", 3, &[WRITE, FAST], &[at(1, RW.access().delete()), at(2, OW.insert())]).doc(
        "1.0.0",
        "O(1)",
        "Renames a key only when the target key name doesn't exist.",
    ),
    row("restore", -4, &[WRITE, DENYOOM], &[at(1, OW.update())])
        .doc(
            "2.6.0",
            "O(1) to create the new key and additional O(N*M) to reconstruct the serialized value, where N \
            is the number of objects composing the value and M their average size. For small string values \
            the time complexity is thus O(1)+O(1*M) where M is small, so simply O(1). However for sorted \
            set values the complexity is O(N*M*log(N)) because inserting values into sorted sets is \
            O(log(N)).",
            "Creates a key from the serialized representation of a value.",
        )
        .categories_are(&["@dangerous", "@keyspace"]),
    row("scan", -2, &[READONLY], &[])
        .doc(
            "2.8.0",
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the \
            cursor to return back to 0. N is the number of elements inside the collection.",
            "Iterates over the key names in the database.",
        )
        .tips(&["nondeterministic_output", "request_policy:special", "response_policy:special"])
        .later(WHOLE_POOL),
    row(
        "sort",
        -2,
        &[WRITE, DENYOOM, MOVABLEKEYS],
        &[at(1, RO.access()), somewhere(RO.access()), somewhere(OW.update())],
    )
    .doc(
        "1.0.0",
        "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number \
        of returned elements. When the elements are not sorted, complexity is O(N).",
        "Sorts the elements in a list, a set, or a sorted set, optionally storing the result.",
    )
    .found_by(Finder::SortOptions)
    .categories_are(&["@dangerous", "@list", "@set", "@sortedset"]),
    row("sort_ro", -2, &[READONLY, MOVABLEKEYS], &[at(1, RO.access()), somewhere(RO.access())])
        .doc(
            "7.0.0",
            "O(N+M*log(M)) where N is the number of elements in the list or set to sort, and M the number \
            of returned elements. When the elements are not sorted, complexity is O(N).",
            "Returns the sorted elements of a list, a set, or a sorted set.",
        )
        .categories_are(&["@dangerous", "@list", "@set", "@sortedset"]),
    row("touch", -2, &[READONLY, FAST], &[range(1, -1, 1, RO)])
        .doc(
            "3.2.1",
            "O(N) where N is the number of keys that will be touched.",
            "Returns the number of existing keys out of those specified after updating the time they were \
            last accessed.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .split(Split::Touch),
    row("ttl", 2, &[READONLY, FAST], &[at(1, RO.access())])
        .doc("1.0.0", "O(1)", "Returns the expiration time in seconds of a key.")
        .tips(&["nondeterministic_output"]),
    row("type", 2, &[READONLY, FAST], &[at(1, RO)]).doc(
        "1.0.0",
        "O(1)",
        "Determines the type of value stored at a key.",
    ),
    row("unlink", -2, &[WRITE, FAST], &[range(1, -1, 1, RM.delete())])
        .doc(
            "4.0.0",
            "O(1) for each key removed regardless of its size. Then the command does O(N) work in a \
            different thread in order to reclaim memory, where N is the number of allocations the deleted \
            objects where composed of.",
            "Asynchronously deletes one or more keys.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:agg_sum"])
        .split(Split::Unlink),
    row("wait", 3, &[BLOCKING], &[])
        .doc(
            "3.0.0",
            "O(1)",
            "Blocks until the asynchronous replication of all preceding write commands sent by the \
            connection is completed.",
        )
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .categories_are(&["@connection"])
        .later(WAITING),
    row("waitaof", 4, &[BLOCKING], &[])
        .doc(
            "7.2.0",
            "O(1)",
            "Blocks until all of the preceding write commands sent by the connection are written to the \
            append-only file of the primary and/or replicas.",
        )
        .tips(&["request_policy:all_shards", "response_policy:agg_min"])
        .categories_are(&["@connection"])
        .known(Known::Valkey)
        .later(WAITING),
];
