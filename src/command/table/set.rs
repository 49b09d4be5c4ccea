//! Commands on sets. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("sadd", -3, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "1.0.0",
        "O(1) for each member",
        "Puts members into a set, which is made if missing.",
    ),
    row("scard", 2, &[READONLY, FAST], &[at(1, RO)]).doc("1.0.0", "O(1)", "Counts the members of a set."),
    row("sdiff", -2, &[READONLY], &[range(1, -1, 1, RO.access())])
        .doc(
            "1.0.0",
            "O(N) for N members in all sets",
            "Lists the members of the first set that are in no other given one.",
        )
        .tips(&["nondeterministic_output_order"])
        .slow(),
    row("sdiffstore", -3, &[WRITE, DENYOOM], &[at(1, OW.update()), range(2, -1, 1, RO.access())])
        .doc(
            "1.0.0",
            "O(N) for N members in all sets",
            "Stores the members of the first set that are in no other given one.",
        )
        .slow(),
    row("sinter", -2, &[READONLY], &[range(1, -1, 1, RO.access())])
        .doc(
            "1.0.0",
            "O(N*M) at worst for M sets, the smallest with N members",
            "Lists the members that all given sets share.",
        )
        .tips(&["nondeterministic_output_order"])
        .slow(),
    row("sintercard", -3, &[READONLY, MOVABLEKEYS], &[counted(1, 1, RO.access())])
        .doc(
            "7.0.0",
            "O(N*M) at worst for M sets, the smallest with N members",
            "Counts the members that all given sets share.",
        )
        .counted_as(Count::Cardinality)
        .slow(),
    row("sinterstore", -3, &[WRITE, DENYOOM], &[at(1, OW.update()), range(2, -1, 1, RO.access())])
        .doc(
            "1.0.0",
            "O(N*M) at worst for M sets, the smallest with N members",
            "Stores the members that all given sets share.",
        )
        .slow(),
    row("sismember", 3, &[READONLY, FAST], &[at(1, RO)]).doc(
        "1.0.0",
        "O(1)",
        "Tells whether something is in a set.",
    ),
    row("smembers", 2, &[READONLY], &[at(1, RO.access())])
        .doc("1.0.0", "O(N) for N members in the set", "Lists everything that is in a set.")
        .tips(&["nondeterministic_output_order"]),
    row("smismember", -3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "6.2.0",
        "O(N) for N members asked for",
        "Tells of several things whether each is in a set.",
    ),
    row("smove", 4, &[WRITE, FAST], &[at(1, RW.access().delete()), at(2, RW.insert())]).doc(
        "1.0.0",
        "O(1)",
        "Takes a member out of one set and puts it into another.",
    ),
    row("spop", -2, &[WRITE, FAST], &[at(1, RW.access().delete())])
        .doc("1.0.0", "O(1), or O(N) for a count of N", "Takes members out of a set at random.")
        .tips(&["nondeterministic_output"]),
    row("srandmember", -2, &[READONLY], &[at(1, RO.access())])
        .doc(
            "1.0.0",
            "O(1), or O(N) for a count of N",
            "Picks members of a set at random and leaves them in it.",
        )
        .tips(&["nondeterministic_output"]),
    row("srem", -3, &[WRITE, FAST], &[at(1, RW.delete())]).doc(
        "1.0.0",
        "O(N) for N members given",
        "Removes members from a set, and the set with its last member.",
    ),
    row("sscan", -3, &[READONLY], &[at(1, RO.access())])
        .doc(
            "2.8.0",
            "O(1) a call, O(N) for all N members",
            "Walks over the members of a set, some at each call.",
        )
        .tips(&["nondeterministic_output"])
        .scan(),
    row("sunion", -2, &[READONLY], &[range(1, -1, 1, RO.access())])
        .doc(
            "1.0.0",
            "O(N) for N members in all sets",
            "Lists the members that are in any of the given sets.",
        )
        .tips(&["nondeterministic_output_order"])
        .slow(),
    row("sunionstore", -3, &[WRITE, DENYOOM], &[at(1, OW.update()), range(2, -1, 1, RO.access())])
        .doc(
            "1.0.0",
            "O(N) for N members in all sets",
            "Stores the members that are in any of the given sets.",
        )
        .slow(),
];
