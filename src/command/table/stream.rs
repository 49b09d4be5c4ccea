//! Commands on streams. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("xack", -4, &[WRITE, FAST], &[at(1, RW.update())]).doc(
        "5.0.0",
        "O(1) for each id",
        "Marks entries as done for a consumer group, and counts those that were pending.",
    ),
    row("xadd", -5, &[WRITE, DENYOOM, FAST], &[at(1, RW.update())])
        .doc(
            "5.0.0",
            "O(1), or O(N) where N entries are trimmed",
            "Puts an entry at the end of a stream, and may trim its beginning.",
        )
        .tips(&["nondeterministic_output"]),
    row("xautoclaim", -6, &[WRITE, FAST], &[at(1, RW.delete())])
        .doc(
            "6.2.0",
            "O(1) for a small COUNT",
            "Gives entries that were pending for too long to another consumer, some at each call.",
        )
        .tips(&["nondeterministic_output"]),
    row("xclaim", -6, &[WRITE, FAST], &[at(1, RW.update())])
        .doc(
            "5.0.0",
            "O(log N) for N pending entries of the group",
            "Gives chosen pending entries to another consumer.",
        )
        .tips(&["nondeterministic_output"]),
    row("xdel", -3, &[WRITE, FAST], &[at(1, RW.delete())]).doc(
        "5.0.0",
        "O(1) for each id",
        "Removes entries from a stream, and counts those that existed.",
    ),
    row("xgroup", -2, &[], &[]).doc(
        "5.0.0",
        "that of the subcommand",
        "Groups what manages consumer groups.",
    ),
    row("xgroup|create", -5, &[WRITE, DENYOOM], &[at(2, RW.insert())]).doc(
        "5.0.0",
        "O(1)",
        "Adds a consumer group to a stream, which may be made along with it.",
    ),
    row("xgroup|createconsumer", 5, &[WRITE, DENYOOM], &[at(2, RW.insert())]).doc(
        "6.2.0",
        "O(1)",
        "Adds a consumer to a group.",
    ),
    row("xgroup|delconsumer", 5, &[WRITE], &[at(2, RW.delete())]).doc(
        "5.0.0",
        "O(1)",
        "Removes a consumer from a group, with the entries pending for it.",
    ),
    row("xgroup|destroy", 4, &[WRITE], &[at(2, RW.delete())]).doc(
        "5.0.0",
        "O(N) for N pending entries of the group",
        "Removes a consumer group from a stream.",
    ),
    row("xgroup|help", 2, &[LOADING, STALE], &[]).doc("5.0.0", "O(1)", "Explains the subcommands of XGROUP."),
    row("xgroup|setid", -5, &[WRITE], &[at(2, RW.update())]).doc(
        "5.0.0",
        "O(1)",
        "Says from which id on a consumer group gets entries.",
    ),
    row("xinfo", -2, &[], &[]).doc(
        "5.0.0",
        "that of the subcommand",
        "Groups what describes streams and their consumer groups.",
    ),
    row("xinfo|consumers", 4, &[READONLY], &[at(2, RO.access())])
        .doc("5.0.0", "O(1)", "Describes the consumers of a group.")
        .tips(&["nondeterministic_output"]),
    row("xinfo|groups", 3, &[READONLY], &[at(2, RO.access())]).doc(
        "5.0.0",
        "O(1)",
        "Describes the consumer groups of a stream.",
    ),
    row("xinfo|help", 2, &[LOADING, STALE], &[]).doc("5.0.0", "O(1)", "Explains the subcommands of XINFO."),
    row("xinfo|stream", -3, &[READONLY], &[at(2, RO.access())]).doc(
        "5.0.0",
        "O(1)",
        "Describes a stream, in short or in full.",
    ),
    row("xlen", 2, &[READONLY, FAST], &[at(1, RO)]).doc("5.0.0", "O(1)", "Counts the entries of a stream."),
    row("xpending", -3, &[READONLY], &[at(1, RO.access())])
        .doc(
            "5.0.0",
            "O(N) for N entries returned; O(M) for M entries scanned with IDLE; O(1) for a summary of few \
            consumers",
            "Tells which entries were given to consumers of a group and are not acknowledged.",
        )
        .tips(&["nondeterministic_output"]),
    row("xrange", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "5.0.0",
        "O(N) for N entries returned",
        "Lists the entries between two ids, the oldest first.",
    ),
    row("xread", -4, &[READONLY, BLOCKING, MOVABLEKEYS], &[half_after("STREAMS", 1, RO.access())]).doc(
        "5.0.0",
        "",
        "Reads what came after given ids in several streams, and may wait for more.",
    ),
    row("xreadgroup", -7, &[WRITE, BLOCKING, MOVABLEKEYS], &[half_after("STREAMS", 4, RO.access())]).doc(
        "5.0.0",
        "O(M) for M entries returned of each stream; one that blocks adds O(N) to the XADD that serves \
            N clients",
        "Reads for a consumer of a group: new entries, for which it may wait, or those still pending \
            for it.",
    ),
    row("xrevrange", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "5.0.0",
        "O(N) for N entries returned",
        "Lists the entries between two ids, the newest first.",
    ),
    row("xsetid", -3, &[WRITE, DENYOOM, FAST], &[at(1, RW.update())]).doc(
        "5.0.0",
        "O(1)",
        "Sets the last id of a stream; primaries send it to replicas.",
    ),
    row("xtrim", -4, &[WRITE], &[at(1, RW.delete())])
        .doc(
            "5.0.0",
            "O(N) for N entries removed, with a small constant",
            "Removes the oldest entries of a stream.",
        )
        .tips(&["nondeterministic_output"]),
];
