//! Commands on strings. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("append", 3, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "2.0.0",
        "O(1). The amortized time complexity is O(1) assuming the appended value is small and the \
        already present value is of any size, since the dynamic string library used by the server will \
        double the free space available on every reallocation.",
        "Appends a string to the value of a key. Creates the key if it doesn't exist.",
    ),
    row("decr", 2, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "1.0.0",
        "O(1)",
        "Decrements the integer value of a key by one. Uses 0 as initial value if the key doesn't \
        exist.",
    ),
    row("decrby", 3, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "1.0.0",
        "O(1)",
        "Decrements the integer value of a key by a number. Uses 0 as initial value if the key doesn't \
        exist.",
    ),
    row("delifeq", 3, &[WRITE, FAST], &[at(1, RM.delete())])
        .doc("9.0.0", "O(1)", "Delete key if value matches string.")
        .known(Known::Valkey),
    row("get", 2, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "1.0.0",
        "O(1)",
        "Returns the string value of a key.",
    ),
    row("getdel", 2, &[WRITE, FAST], &[at(1, RW.access().delete())]).doc(
        "6.2.0",
        "O(1)",
        "Returns the string value of a key after deleting the key.",
    ),
    row("getex", -2, &[WRITE, FAST], &[at(1, RW.access().update())]).doc(
        "6.2.0",
        "O(1)",
        "Returns the string value of a key after setting its expiration time.",
    ),
    row("getrange", 4, &[READONLY], &[at(1, RO.access())]).doc(
        "2.4.0",
        "O(N) where N is the length of the returned string. The complexity is ultimately determined by \
        the returned length, but because creating a substring from an existing string is very cheap, \
        it can be considered O(1) for small strings.",
        "Returns a substring of the string stored at a key.",
    ),
    row("getset", 3, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "1.0.0",
        "O(1)",
        "Returns the previous string value of a key after setting it to a new value.",
    ),
    row("incr", 2, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "1.0.0",
        "O(1)",
        "Increments the integer value of a key by one. Uses 0 as initial value if the key doesn't \
        exist.",
    ),
    row("incrby", 3, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "1.0.0",
        "O(1)",
        "Increments the integer value of a key by a number. Uses 0 as initial value if the key doesn't \
        exist.",
    ),
    row("incrbyfloat", 3, &[WRITE, DENYOOM, FAST], &[at(1, RW.access().update())]).doc(
        "2.6.0",
        "O(1)",
        "Increments the floating point value of a key by a number. Uses 0 as initial value if the key \
        doesn't exist.",
    ),
    row("lcs", -3, &[READONLY], &[range(1, 1, 1, RO.access())]).doc(
        "7.0.0",
        "O(N*M) where N and M are the lengths of s1 and s2, respectively",
        "Finds the longest common substring.",
    ),
    row("mget", -2, &[READONLY, FAST], &[range(1, -1, 1, RO.access())])
        .doc(
            "1.0.0",
            "O(N) where N is the number of keys to retrieve.",
            "Atomically returns the string values of one or more keys.",
        )
        .tips(&["request_policy:multi_shard"])
        .split(Split::Mget),
    row("mset", -3, &[WRITE, DENYOOM], &[range(1, -1, 2, OW.update())])
        .doc(
            "1.0.1",
            "O(N) where N is the number of keys to set.",
            "Atomically creates or modifies the string values of one or more keys.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .split(Split::Mset),
    row("msetex", -4, &[WRITE, DENYOOM, MOVABLEKEYS], &[counted(1, 2, OW.update())])
        .doc(
            "9.1.0",
            "O(N) where N is the number of keys to set.",
            "Atomically creates or modifies the string values of one or more keys, and optionally set \
            their expiration.",
        )
        .tips(&["request_policy:multi_shard", "response_policy:all_succeeded"])
        .counted_as(Count::Expiring)
        .known(Known::Valkey),
    row("msetnx", -3, &[WRITE, DENYOOM], &[range(1, -1, 2, OW.insert())]).doc(
        "1.0.1",
        "O(N) where N is the number of keys to set.",
        "Atomically modifies the string values of one or more keys only when all keys don't exist.",
    ),
    row("psetex", 4, &[WRITE, DENYOOM], &[at(1, OW.update())]).doc(
        "2.6.0",
        "O(1)",
        "Sets both string value and expiration time in milliseconds of a key. The key is created if it \
        doesn't exist.",
    ),
    row("set", -3, &[WRITE, DENYOOM], &[at(1, RW.access().update().variable())])
        .doc(
            "1.0.0",
            "O(1)",
            "Sets the string value of a key, ignoring its type. The key is created if it doesn't exist.",
        )
        .found_by(Finder::SetOptions),
    row("setex", 4, &[WRITE, DENYOOM], &[at(1, OW.update())]).doc(
        "2.0.0",
        "O(1)",
        "Sets the string value and expiration time of a key. Creates the key if it doesn't exist.",
    ),
    row("setnx", 3, &[WRITE, DENYOOM, FAST], &[at(1, OW.insert())]).doc(
        "1.0.0",
        "O(1)",
        "Sets the string value of a key only when the key doesn't exist.",
    ),
    row("setrange", 4, &[WRITE, DENYOOM], &[at(1, RW.update())]).doc(
        "2.2.0",
        "O(1), not counting the time taken to copy the new string in place. Usually, this string is \
        very small so the amortized complexity is O(1). Otherwise, complexity is O(M) with M being the \
        length of the value argument.",
        "Overwrites a part of a string value with another by an offset. Creates the key if it doesn't \
        exist.",
    ),
    row("strlen", 2, &[READONLY, FAST], &[at(1, RO)]).doc(
        "2.2.0",
        "O(1)",
        "Returns the length of a string value.",
    ),
    row("substr", 4, &[READONLY], &[at(1, RO.access())]).doc(
        "1.0.0",
        "O(N) where N is the length of the returned string. The complexity is ultimately determined by \
        the returned length, but because creating a substring from an existing string is very cheap, \
        it can be considered O(1) for small strings.",
        "Returns a substring from a string value.",
    ),
];
