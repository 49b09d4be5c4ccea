//! Commands on strings as arrays of bits. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("bitcount", -2, &[READONLY], &[at(1, RO.access())]).doc(
        "2.6.0",
        "O(N)",
        "Counts the number of set bits (population counting) in a string.",
    ),
    row("bitfield", -2, &[WRITE, DENYOOM], &[at(1, RW.access().update().variable())])
        .doc(
            "3.2.0",
            "O(1) for each subcommand specified",
            "Performs arbitrary bitfield integer operations on strings.",
        )
        .found_by(Finder::BitfieldOptions),
    row("bitfield_ro", -2, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "6.0.0",
        "O(1) for each subcommand specified",
        "Performs arbitrary read-only bitfield integer operations on strings.",
    ),
    row("bitop", -4, &[WRITE, DENYOOM], &[at(2, OW.update()), range(3, -1, 1, RO.access())]).doc(
        "2.6.0",
        "O(N)",
        "Performs bitwise operations on multiple strings, and stores the result.",
    ),
    row("bitpos", -3, &[READONLY], &[at(1, RO.access())]).doc(
        "2.8.7",
        "O(N)",
        "Finds the first set (1) or clear (0) bit in a string.",
    ),
    row("getbit", 3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.2.0",
        "O(1)",
        "Returns a bit value by offset.",
    ),
    row("setbit", 4, &[WRITE, DENYOOM], &[at(1, RW.access().update())]).doc(
        "2.2.0",
        "O(1)",
        "Sets or clears the bit at offset of the string value. Creates the key if it doesn't exist.",
    ),
];
