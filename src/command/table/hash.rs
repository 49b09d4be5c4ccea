//! Commands on hashes. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("hdel", -3, &[WRITE, FAST], &[at(1, RW.delete())]).doc(
        "2.0.0",
        "O(N) for N fields",
        "Removes fields from a hash, and the hash with its last field.",
    ),
    row("hexists", 3, &[READONLY, FAST], &[at(1, RO)]).doc(
        "2.0.0",
        "O(1)",
        "Tells whether a hash has a field.",
    ),
    row("hexpire", -6, &[WRITE, FAST], &[at(1, RW.update())])
        .doc("9.0.0", "O(N) for N fields", "Sets the time to live of fields of a hash, in seconds.")
        .known(Known::Valkey),
    row("hexpireat", -6, &[WRITE, FAST], &[at(1, RW.update())])
        .doc(
            "9.0.0",
            "O(N) for N fields",
            "Sets the moment at which fields of a hash expire, in Unix seconds.",
        )
        .known(Known::Valkey),
    row("hexpiretime", -5, &[READONLY, FAST], &[at(1, RO.access())])
        .doc(
            "9.0.0",
            "O(N) for N fields",
            "Tells the moment at which fields of a hash expire, in Unix seconds.",
        )
        .known(Known::Valkey),
    row("hget", 3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.0.0",
        "O(1)",
        "Reads one field of a hash.",
    ),
    row("hgetall", 2, &[READONLY], &[at(1, RO.access())])
        .doc("2.0.0", "O(N) for N fields in the hash", "Reads every field of a hash with its value.")
        .tips(&["nondeterministic_output_order"]),
    row("hgetdel", -5, &[WRITE, FAST], &[at(1, RW.access().delete())])
        .doc("9.1.0", "O(N) for N fields", "Reads fields of a hash and removes them.")
        .known(Known::Valkey),
    row("hgetex", -5, &[WRITE, FAST], &[at(1, RW.access().update())])
        .doc("9.0.0", "O(N) for N fields", "Reads fields of a hash and may set or remove their time to live.")
        .known(Known::Valkey),
    row("hincrby", 4, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "2.0.0",
        "O(1)",
        "Adds an integer to a field of a hash, counting a missing field as 0.",
    ),
    row("hincrbyfloat", 4, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "2.6.0",
        "O(1)",
        "Adds a decimal number to a field of a hash, counting a missing field as 0.",
    ),
    row("hkeys", 2, &[READONLY], &[at(1, RO.access())])
        .doc("2.0.0", "O(N) for N fields in the hash", "Lists the names of a hash's fields.")
        .tips(&["nondeterministic_output_order"]),
    row("hlen", 2, &[READONLY, FAST], &[at(1, RO)]).doc("2.0.0", "O(1)", "Counts the fields of a hash."),
    row("hmget", -3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.0.0",
        "O(N) for N fields",
        "Reads the given fields of a hash.",
    ),
    row("hmset", -4, &[WRITE, DENYOOM, FAST], &[at(1, RW.update())]).doc(
        "2.0.0",
        "O(N) for N fields",
        "Writes several fields of a hash, as HSET does, and answers OK.",
    ),
    row("hpersist", -5, &[WRITE, FAST], &[at(1, RW.update())])
        .doc("9.0.0", "O(N) for N fields", "Takes the time to live of fields away, so that they stay.")
        .known(Known::Valkey),
    row("hpexpire", -6, &[WRITE, FAST], &[at(1, RW.update())])
        .doc("9.0.0", "O(N) for N fields", "Sets the time to live of fields of a hash, in milliseconds.")
        .known(Known::Valkey),
    row("hpexpireat", -6, &[WRITE, FAST], &[at(1, RW.update())])
        .doc(
            "9.0.0",
            "O(N) for N fields",
            "Sets the moment at which fields of a hash expire, in Unix milliseconds.",
        )
        .known(Known::Valkey),
    row("hpexpiretime", -5, &[READONLY, FAST], &[at(1, RO.access())])
        .doc(
            "9.0.0",
            "O(N) for N fields",
            "Tells the moment at which fields of a hash expire, in Unix milliseconds.",
        )
        .known(Known::Valkey),
    row("hpttl", -5, &[READONLY, FAST], &[at(1, RO.access())])
        .doc("9.0.0", "O(N) for N fields", "Tells the time to live of fields of a hash, in milliseconds.")
        .known(Known::Valkey),
    row("hrandfield", -2, &[READONLY], &[at(1, RO.access())])
        .doc(
            "6.2.0",
            "O(N) for N fields returned",
            "Picks fields of a hash at random, with their values if asked.",
        )
        .tips(&["nondeterministic_output"]),
    row("hscan", -3, &[READONLY], &[at(1, RO.access())])
        .doc(
            "2.8.0",
            "O(1) a call, O(N) for all N fields",
            "Walks over the fields of a hash, some at each call.",
        )
        .tips(&["nondeterministic_output"])
        .scan(),
    row("hset", -4, &[WRITE, DENYOOM, FAST], &[at(1, RW.update())]).doc(
        "2.0.0",
        "O(1) for each field",
        "Writes fields of a hash, and counts those that are new.",
    ),
    row("hsetex", -6, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())])
        .doc("9.0.0", "O(N) for N fields", "Writes fields of a hash and may set their time to live.")
        .known(Known::Valkey),
    row("hsetnx", 4, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "2.0.0",
        "O(1)",
        "Writes a field of a hash, unless it is there already.",
    ),
    row("hstrlen", 3, &[READONLY, FAST], &[at(1, RO)]).doc(
        "3.2.0",
        "O(1)",
        "Tells how many bytes the value of a field has.",
    ),
    row("httl", -5, &[READONLY, FAST], &[at(1, RO.access())])
        .doc("9.0.0", "O(N) for N fields", "Tells the time to live of fields of a hash, in seconds.")
        .known(Known::Valkey),
    row("hvals", 2, &[READONLY], &[at(1, RO.access())])
        .doc("2.0.0", "O(N) for N fields in the hash", "Lists the values of a hash without their names.")
        .tips(&["nondeterministic_output_order"]),
];
