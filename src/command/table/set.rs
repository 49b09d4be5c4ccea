//! Commands on sets. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("sadd", -3, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "1.0.0",
        "O(1) for each element added, so O(N) to add N elements when the command is called with \
        multiple arguments.",
        "Adds one or more members to a set. Creates the key if it doesn't exist.",
    ),
    row("scard", 2, &[READONLY, FAST], &[at(1, RO)]).doc(
        "1.0.0",
        "O(1)",
        "Returns the number of members in a set.",
    ),
    row("sdiff", -2, &[READONLY], &[range(1, -1, 1, RO.access())])
        .doc(
            "1.0.0",
            "O(N) where N is the total number of elements in all given sets.",
            "Returns the difference of multiple sets.",
        )
        .tips(&["nondeterministic_output_order"]),
    row("sdiffstore", -3, &[WRITE, DENYOOM], &[at(1, OW.update()), range(2, -1, 1, RO.access())]).doc(
        "1.0.0",
        "O(N) where N is the total number of elements in all given sets.",
        "Stores the difference of multiple sets in a key.",
    ),
    row("sinter", -2, &[READONLY], &[range(1, -1, 1, RO.access())])
        .doc(
            "1.0.0",
            "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
            "Returns the intersect of multiple sets.",
        )
        .tips(&["nondeterministic_output_order"]),
    row("sintercard", -3, &[READONLY, MOVABLEKEYS], &[counted(1, 1, RO.access())])
        .doc(
            "7.0.0",
            "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
            "Returns the number of members of the intersect of multiple sets.",
        )
        .counted_as(Count::Cardinality),
    row("sinterstore", -3, &[WRITE, DENYOOM], &[at(1, OW.update()), range(2, -1, 1, RO.access())]).doc(
        "1.0.0",
        "O(N*M) worst case where N is the cardinality of the smallest set and M is the number of sets.",
        "Stores the intersect of multiple sets in a key.",
    ),
    row("sismember", 3, &[READONLY, FAST], &[at(1, RO)]).doc(
        "1.0.0",
        "O(1)",
        "Determines whether a member belongs to a set.",
    ),
    row("smembers", 2, &[READONLY], &[at(1, RO.access())])
        .doc("1.0.0", "O(N) where N is the set cardinality.", "Returns all members of a set.")
        .tips(&["nondeterministic_output_order"]),
    row("smismember", -3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "6.2.0",
        "O(N) where N is the number of elements being checked for membership",
        "Determines whether multiple members belong to a set.",
    ),
    row("smove", 4, &[WRITE, FAST], &[at(1, RW.access().delete()), at(2, RW.insert())]).doc(
        "1.0.0",
        "O(1)",
        "Moves a member from one set to another.",
    ),
    row("spop", -2, &[WRITE, FAST], &[at(1, RW.access().delete())])
        .doc(
            "1.0.0",
            "Without the count argument O(1), otherwise O(N) where N is the value of the passed count.",
            "Returns one or more random members from a set after removing them. Deletes the set if the \
            last member was popped.",
        )
        .tips(&["nondeterministic_output"]),
    row("srandmember", -2, &[READONLY], &[at(1, RO.access())])
        .doc(
            "1.0.0",
            "Without the count argument O(1), otherwise O(N) where N is the absolute value of the passed \
            count.",
            "Gets one or multiple random members from a set.",
        )
        .tips(&["nondeterministic_output"]),
    row("srem", -3, &[WRITE, FAST], &[at(1, RW.delete())]).doc(
        "1.0.0",
        "O(N) where N is the number of members to be removed.",
        "Removes one or more members from a set. Deletes the set if the last member was removed.",
    ),
    row("sscan", -3, &[READONLY], &[at(1, RO.access())])
        .doc(
            "2.8.0",
            "O(1) for every call. O(N) for a complete iteration, including enough command calls for the \
            cursor to return back to 0. N is the number of elements inside the collection.",
            "Iterates over members of a set.",
        )
        .tips(&["nondeterministic_output"]),
    row("sunion", -2, &[READONLY], &[range(1, -1, 1, RO.access())])
        .doc(
            "1.0.0",
            "O(N) where N is the total number of elements in all given sets.",
            "Returns the union of multiple sets.",
        )
        .tips(&["nondeterministic_output_order"]),
    row("sunionstore", -3, &[WRITE, DENYOOM], &[at(1, OW.update()), range(2, -1, 1, RO.access())]).doc(
        "1.0.0",
        "O(N) where N is the total number of elements in all given sets.",
        "Stores the union of multiple sets in a key.",
    ),
];
