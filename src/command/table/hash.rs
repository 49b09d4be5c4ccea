//! Commands on hashes. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("hdel", -3, &[WRITE, FAST], &[at(1, RW.delete())]).doc(
        "2.0.0",
        "O(N) where N is the number of fields to be removed.",
        "Deletes one or more fields and their values from a hash. Deletes the hash if no fields remain.",
    ),
    row("hexists", 3, &[READONLY, FAST], &[at(1, RO)]).doc(
        "2.0.0",
        "O(1)",
        "Determines whether a field exists in a hash.",
    ),
    row("hexpire", -6, &[WRITE, FAST], &[at(1, RW.update())])
        .doc("9.0.0", "O(N) where N is the number of specified fields.", "Sets expiry time on hash fields.")
        .known(Known::Valkey),
    row("hexpireat", -6, &[WRITE, FAST], &[at(1, RW.update())])
        .doc("9.0.0", "O(N) where N is the number of specified fields.", "Sets expiry time on hash fields.")
        .known(Known::Valkey),
    row("hexpiretime", -5, &[READONLY, FAST], &[at(1, RO.access())])
        .doc(
            "9.0.0",
            "O(N) where N is the number of specified fields.",
            "Returns Unix timestamps in seconds since the epoch at which the given key's field(s) will \
            expire.",
        )
        .known(Known::Valkey),
    row("hget", 3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.0.0",
        "O(1)",
        "Returns the value of a field in a hash.",
    ),
    row("hgetall", 2, &[READONLY], &[at(1, RO.access())])
        .doc("2.0.0", "O(N) where N is the size of the hash.", "Returns all fields and values in a hash.")
        .tips(&["nondeterministic_output_order"]),
    row("hgetdel", -5, &[WRITE, FAST], &[at(1, RW.access().delete())])
        .doc(
            "9.1.0",
            "O(N) where N is the number of fields to be retrieved and deleted.",
            "Returns the values of one or more fields and deletes them from a hash.",
        )
        .known(Known::Valkey),
    row("hgetex", -5, &[WRITE, FAST], &[at(1, RW.access().update())])
        .doc(
            "9.0.0",
            "O(N) where N is the number of specified fields.",
            "Gets the value of one or more fields of a given hash key, and optionally sets their \
            expiration time or time-to-live (TTL).",
        )
        .known(Known::Valkey),
    row("hincrby", 4, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "2.0.0",
        "O(1)",
        "Increments the integer value of a field in a hash by a number. Uses 0 as initial value if the \
        field doesn't exist.",
    ),
    row("hincrbyfloat", 4, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "2.6.0",
        "O(1)",
        "Increments the floating point value of a field by a number. Uses 0 as initial value if the \
        field doesn't exist.",
    ),
    row("hkeys", 2, &[READONLY], &[at(1, RO.access())])
        .doc("2.0.0", "O(N) where N is the size of the hash.", "Returns all fields in a hash.")
        .tips(&["nondeterministic_output_order"]),
    row("hlen", 2, &[READONLY, FAST], &[at(1, RO)]).doc(
        "2.0.0",
        "O(1)",
        "Returns the number of fields in a hash.",
    ),
    row("hmget", -3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.0.0",
        "O(N) where N is the number of fields being requested.",
        "Returns the values of all fields in a hash.",
    ),
    row("hmset", -4, &[WRITE, DENYOOM, FAST], &[at(1, RW.update())]).doc(
        "2.0.0",
        "O(N) where N is the number of fields being set.",
        "Sets the values of multiple fields.",
    ),
    row("hpersist", -5, &[WRITE, FAST], &[at(1, RW.update())])
        .doc(
            "9.0.0",
            "O(N) where N is the number of specified fields.",
            "Remove the existing expiration on a hash key's field(s).",
        )
        .known(Known::Valkey),
    row("hpexpire", -6, &[WRITE, FAST], &[at(1, RW.update())])
        .doc("9.0.0", "O(N) where N is the number of specified fields.", "Sets expiry time on hash object.")
        .known(Known::Valkey),
    row("hpexpireat", -6, &[WRITE, FAST], &[at(1, RW.update())])
        .doc(
            "9.0.0",
            "O(N) where N is the number of specified fields.",
            "Sets expiration time on hash field.",
        )
        .known(Known::Valkey),
    row("hpexpiretime", -5, &[READONLY, FAST], &[at(1, RO.access())])
        .doc(
            "9.0.0",
            "O(N) where N is the number of specified fields.",
            "Returns the Unix timestamp in milliseconds since Unix epoch at which the given key's field(s) \
            will expire.",
        )
        .known(Known::Valkey),
    row("hpttl", -5, &[READONLY, FAST], &[at(1, RO.access())])
        .doc(
            "9.0.0",
            "O(N) where N is the number of specified fields.",
            "Returns the remaining time to live in milliseconds of a hash key's field(s) that have an \
            associated expiration.",
        )
        .known(Known::Valkey),
    row("hrandfield", -2, &[READONLY], &[at(1, RO.access())])
        .doc(
            "6.2.0",
            "O(N) where N is the number of fields returned",
            "Returns one or more random fields from a hash.",
        )
        .tips(&["nondeterministic_output"]),
    row("hscan", -3, &[READONLY], &[at(1, RO.access())])
        .doc(
            "2.8.0",
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the \
            cursor to return back to 0. N is the number of elements inside the collection.",
            "Iterates over fields and values of a hash.",
        )
        .tips(&["nondeterministic_output"]),
    row("hset", -4, &[WRITE, DENYOOM, FAST], &[at(1, RW.update())]).doc(
        "2.0.0",
        "O(1) for each field/value pair added, so O(N) to add N field/value pairs when the command is \
        called with multiple field/value pairs.",
        "Creates or modifies the value of a field in a hash.",
    ),
    row("hsetex", -6, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())])
        .doc(
            "9.0.0",
            "O(N) where N is the number of specified fields.",
            "Sets the value of one or more fields of a given hash key, and optionally sets their \
            expiration time.",
        )
        .known(Known::Valkey),
    row("hsetnx", 4, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "2.0.0",
        "O(1)",
        "Sets the value of a field in a hash only when the field doesn't exist.",
    ),
    row("hstrlen", 3, &[READONLY, FAST], &[at(1, RO)]).doc(
        "3.2.0",
        "O(1)",
        "Returns the length of the value of a field.",
    ),
    row("httl", -5, &[READONLY, FAST], &[at(1, RO.access())])
        .doc(
            "9.0.0",
            "O(N) where N is the number of specified fields.",
            "Returns the remaining time to live (in seconds) of a hash key's field(s) that have an \
            associated expiration.",
        )
        .known(Known::Valkey),
    row("hvals", 2, &[READONLY], &[at(1, RO.access())])
        .doc("2.0.0", "O(N) where N is the size of the hash.", "Returns all values in a hash.")
        .tips(&["nondeterministic_output_order"]),
];
