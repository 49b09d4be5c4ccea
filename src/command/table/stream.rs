//! Commands on streams. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("xack", -4, &[WRITE, FAST], &[at(1, RW.update())]).doc(
        "5.0.0",
        "O(1) for each message ID processed.",
        "Returns the number of messages that were successfully acknowledged by the consumer group \
        member of a stream.",
    ),
    row("xadd", -5, &[WRITE, DENYOOM, FAST], &[at(1, RW.update())])
        .doc(
            "5.0.0",
            "O(1) when adding a new entry, O(N) when trimming where N being the number of entries evicted.",
            "Appends a new message to a stream. Creates the key if it doesn't exist.",
        )
        .tips(&["nondeterministic_output"]),
    row("xautoclaim", -6, &[WRITE, FAST], &[at(1, RW.delete())])
        .doc(
            "6.2.0",
            "O(1) if COUNT is small.",
            "Changes, or acquires, ownership of messages in a consumer group, as if the messages were \
            delivered to a consumer group member.",
        )
        .tips(&["nondeterministic_output"]),
    row("xclaim", -6, &[WRITE, FAST], &[at(1, RW.update())])
        .doc(
            "5.0.0",
            "O(log N) with N being the number of messages in the PEL of the consumer group.",
            "Changes, or acquires, ownership of a message in a consumer group, as if the message was \
            delivered to a consumer group member.",
        )
        .tips(&["nondeterministic_output"]),
    row("xdel", -3, &[WRITE, FAST], &[at(1, RW.delete())]).doc(
        "5.0.0",
        "O(1) for each single item to delete in the stream, regardless of the stream size.",
        "Returns the number of messages after removing them from a stream.",
    ),
    row("xgroup", -2, &[], &[]).doc(
        "5.0.0",
        "Depends on subcommand.",
        "A container for consumer groups commands.",
    ),
    row("xgroup|create", -5, &[WRITE, DENYOOM], &[at(2, RW.insert())]).doc(
        "5.0.0",
        "O(1)",
        "Creates a consumer group.",
    ),
    row("xgroup|createconsumer", 5, &[WRITE, DENYOOM], &[at(2, RW.insert())]).doc(
        "6.2.0",
        "O(1)",
        "Creates a consumer in a consumer group.",
    ),
    row("xgroup|delconsumer", 5, &[WRITE], &[at(2, RW.delete())]).doc(
        "5.0.0",
        "O(1)",
        "Deletes a consumer from a consumer group.",
    ),
    row("xgroup|destroy", 4, &[WRITE], &[at(2, RW.delete())]).doc(
        "5.0.0",
        "O(N) where N is the number of entries in the group's pending entries list (PEL).",
        "Destroys a consumer group.",
    ),
    row("xgroup|help", 2, &[LOADING, STALE], &[]).doc(
        "5.0.0",
        "O(1)",
        "Returns helpful text about the different subcommands.",
    ),
    row("xgroup|setid", -5, &[WRITE], &[at(2, RW.update())]).doc(
        "5.0.0",
        "O(1)",
        "Sets the last-delivered ID of a consumer group.",
    ),
    row("xinfo", -2, &[], &[]).doc(
        "5.0.0",
        "Depends on subcommand.",
        "A container for stream introspection commands.",
    ),
    row("xinfo|consumers", 4, &[READONLY], &[at(2, RO.access())])
        .doc("5.0.0", "O(1)", "Returns a list of the consumers in a consumer group.")
        .tips(&["nondeterministic_output"]),
    row("xinfo|groups", 3, &[READONLY], &[at(2, RO.access())]).doc(
        "5.0.0",
        "O(1)",
        "Returns a list of the consumer groups of a stream.",
    ),
    row("xinfo|help", 2, &[LOADING, STALE], &[]).doc(
        "5.0.0",
        "O(1)",
        "Returns helpful text about the different subcommands.",
    ),
    row("xinfo|stream", -3, &[READONLY], &[at(2, RO.access())]).doc(
        "5.0.0",
        "O(1)",
        "Returns information about a stream.",
    ),
    row("xlen", 2, &[READONLY, FAST], &[at(1, RO)]).doc(
        "5.0.0",
        "O(1)",
        "Returns the number of messages in a stream.",
    ),
    row("xpending", -3, &[READONLY], &[at(1, RO.access())])
        .doc(
            "5.0.0",
            "O(N) with N being the number of elements returned, so asking for a small fixed number of \
            entries per call is O(1). O(M), where M is the total number of entries scanned when used with \
            the IDLE filter. When the command returns just the summary and the list of consumers is small, \
            it runs in O(1) time; otherwise, an additional O(N) time for iterating every consumer.",
            "Returns the information and entries from a stream consumer group's pending entries list.",
        )
        .tips(&["nondeterministic_output"]),
    row("xrange", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "5.0.0",
        "O(N) with N being the number of elements being returned. If N is constant (e.g. always asking \
        for the first 10 elements with COUNT), you can consider it O(1).",
        "Returns the messages from a stream within a range of IDs.",
    ),
    row("xread", -4, &[READONLY, BLOCKING, MOVABLEKEYS], &[half_after("STREAMS", 1, RO.access())]).doc(
        "5.0.0",
        "",
        "Returns messages from multiple streams with IDs greater than the ones requested. Blocks until \
        a message is available otherwise.",
    ),
    row("xreadgroup", -7, &[WRITE, BLOCKING, MOVABLEKEYS], &[half_after("STREAMS", 4, RO.access())]).doc(
        "5.0.0",
        "For each stream mentioned: O(M) with M being the number of elements returned. If M is \
        constant (e.g. always asking for the first 10 elements with COUNT), you can consider it O(1). \
        On the other side when XREADGROUP blocks, XADD will pay the O(N) time in order to serve the N \
        clients blocked on the stream getting new data.",
        "Returns new or historical messages from a stream for a consumer in a group. Blocks until a \
        message is available otherwise.",
    ),
    row("xrevrange", -4, &[READONLY], &[at(1, RO.access())]).doc(
        "5.0.0",
        "O(N) with N being the number of elements returned. If N is constant (e.g. always asking for \
        the first 10 elements with COUNT), you can consider it O(1).",
        "Returns the messages from a stream within a range of IDs in reverse order.",
    ),
    row("xsetid", -3, &[WRITE, DENYOOM, FAST], &[at(1, RW.update())]).doc(
        "5.0.0",
        "O(1)",
        "An internal command for replicating stream values.",
    ),
    row("xtrim", -4, &[WRITE], &[at(1, RW.delete())])
        .doc(
            "5.0.0",
            "O(N), with N being the number of evicted entries. Constant times are very small however, \
            since entries are organized in macro nodes containing multiple entries that can be released \
            with a single deallocation.",
            "Deletes messages from the beginning of a stream.",
        )
        .tips(&["nondeterministic_output"]),
];
