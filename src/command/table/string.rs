//! Commands on strings. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("append", 3, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "2.0.0",
        "O(1) amortised",
        "Puts bytes at the end of a string, which is made if missing.",
    ),
    row("decr", 2, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "1.0.0",
        "O(1)",
        "Subtracts one from an integer, counting a missing key as 0.",
    ),
    row("decrby", 3, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "1.0.0",
        "O(1)",
        "Subtracts a number from an integer, counting a missing key as 0.",
    ),
    row("delifeq", 3, &[WRITE, FAST], &[at(1, RM.delete())])
        .doc("9.0.0", "O(1)", "Removes a key if it holds exactly this string.")
        .known(Known::Valkey),
    row("get", 2, &[READONLY, FAST], &[at(1, RO.access())]).doc("1.0.0", "O(1)", "Reads a string."),
    row("getdel", 2, &[WRITE, FAST], &[at(1, RW.access().delete())]).doc(
        "6.2.0",
        "O(1)",
        "Reads a string and removes its key.",
    ),
    row("getex", -2, &[WRITE, FAST], &[at(1, RW.access().update())]).doc(
        "6.2.0",
        "O(1)",
        "Reads a string and may set or remove its key's time to live.",
    ),
    row("getrange", 4, &[READONLY], &[at(1, RO.access())]).doc(
        "2.4.0",
        "O(N) for N bytes returned",
        "Reads the bytes of a string between two places.",
    ),
    row("getset", 3, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "1.0.0",
        "O(1)",
        "Replaces a string and returns the one before.",
    ),
    row("incr", 2, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "1.0.0",
        "O(1)",
        "Adds one to an integer, counting a missing key as 0.",
    ),
    row("incrby", 3, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "1.0.0",
        "O(1)",
        "Adds a number to an integer, counting a missing key as 0.",
    ),
    row("incrbyfloat", 3, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "2.6.0",
        "O(1)",
        "Adds a decimal number to a number, counting a missing key as 0.",
    ),
    row("lcs", -3, &[READONLY], &[range(1, 1, 1, RO.access())]).doc(
        "7.0.0",
        "O(N*M) for strings of N and M bytes",
        "Finds the longest sequence of bytes that two strings have in common, gaps allowed.",
    ),
    row("mget", -2, &[READONLY, FAST], &[range(1, -1, 1, RO.access())])
        .doc("1.0.0", "O(N) for N keys", "Reads several strings at once.")
        .tips(&["request_policy:multi_shard"])
        .split(Split::Mget),
    row("mset", -3, &[WRITE, DENYOOM], &[range(1, -1, 2, OW.update())])
        .doc("1.0.1", "O(N) for N keys", "Writes several strings at once.")
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .split(Split::Mset),
    row("msetex", -4, &[WRITE, DENYOOM, MOVABLEKEYS], &[counted(1, 2, OW.update())])
        .doc("9.1.0", "O(N) for N keys", "Writes several strings at once, and may set their time to live.")
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .counted_as(Count::Expiring)
        .known(Known::Valkey),
    row("msetnx", -3, &[WRITE, DENYOOM], &[range(1, -1, 2, OW.insert())]).doc(
        "1.0.1",
        "O(N) for N keys",
        "Writes several strings at once, unless one of the keys exists.",
    ),
    row("psetex", 4, &[WRITE, DENYOOM], &[at(1, OW.update())]).doc(
        "2.6.0",
        "O(1)",
        "Writes a string with a time to live, in milliseconds.",
    ),
    row("set", -3, &[WRITE, DENYOOM], &[at(1, RW.access().update().variable())])
        .doc(
            "1.0.0",
            "O(1)",
            "Writes a string over whatever the key held, under conditions and with a time to live if asked.",
        )
        .found_by(Finder::SetOptions),
    row("setex", 4, &[WRITE, DENYOOM], &[at(1, OW.update())]).doc(
        "2.0.0",
        "O(1)",
        "Writes a string with a time to live, in seconds.",
    ),
    row("setnx", 3, &[WRITE, DENYOOM, FAST], &[at(1, OW.insert())]).doc(
        "1.0.0",
        "O(1)",
        "Writes a string, unless the key exists.",
    ),
    row("setrange", 4, &[WRITE, DENYOOM], &[at(1, RW.update())]).doc(
        "2.2.0",
        "O(1) for a short value, O(M) for one of M bytes",
        "Writes over a part of a string, which grows where it is too short.",
    ),
    row("strlen", 2, &[READONLY, FAST], &[at(1, RO)]).doc(
        "2.2.0",
        "O(1)",
        "Tells how many bytes a string has.",
    ),
    row("substr", 4, &[READONLY], &[at(1, RO.access())]).doc(
        "1.0.0",
        "O(N) for N bytes returned",
        "Does what GETRANGE does, under its older name.",
    ),
];
