//! Commands on strings as arrays of bits. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("bitcount", -2, &[READONLY], &[at(1, RO.access())]).doc(
        "2.6.0",
        "O(N) for N bytes",
        "Counts the bits of a string that are 1, or those of a part of it.",
    ),
    row("bitfield", -2, &[WRITE, DENYOOM], &[at(1, RW.access().update().variable())])
        .doc(
            "3.2.0",
            "O(1) for each subcommand",
            "Reads, sets and increments integers of any width that lie inside a string.",
        )
        .found_by(Finder::BitfieldOptions),
    row("bitfield_ro", -2, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "6.0.0",
        "O(1) for each subcommand",
        "Reads integers of any width that lie inside a string.",
    ),
    row("bitop", -4, &[WRITE, DENYOOM], &[at(2, OW.update()), range(3, -1, 1, RO.access())]).doc(
        "2.6.0",
        "O(N) for N bytes of the longest string",
        "Combines strings bit by bit and keeps the outcome in another key.",
    ),
    row("bitpos", -3, &[READONLY], &[at(1, RO.access())]).doc(
        "2.8.7",
        "O(N) for N bytes",
        "Finds where in a string the first 0 or the first 1 bit stands.",
    ),
    row("getbit", 3, &[READONLY, FAST], &[at(1, RO.access())]).doc(
        "2.2.0",
        "O(1)",
        "Reads one bit of a string.",
    ),
    row("setbit", 4, &[WRITE, DENYOOM], &[at(1, RW.access().update())]).doc(
        "2.2.0",
        "O(1)",
        "Writes one bit of a string, which grows where it is too short.",
    ),
];
