//! Commands on HyperLogLogs. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("pfadd", -2, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "2.8.9",
        "O(1) to add every element.",
        "Adds elements to a HyperLogLog key. Creates the key if it doesn't exist.",
    ),
    row("pfcount", -2, &[READONLY], &[range(1, -1, 1, RW.access())]).doc(
        "2.8.9",
        "O(1) with a very small average constant time when called with a single key. O(N) with N being \
        the number of keys, and much bigger constant times, when called with multiple keys.",
        "Returns the approximated cardinality of the set(s) observed by the HyperLogLog key(s).",
    ),
    row("pfdebug", 3, &[WRITE, DENYOOM, ADMIN], &[at(2, RW.access())]).doc(
        "2.8.9",
        "N/A",
        "Internal commands for debugging HyperLogLog values.",
    ),
    row("pfmerge", -2, &[WRITE, DENYOOM], &[at(1, RW.access().insert()), range(2, -1, 1, RO.access())]).doc(
        "2.8.9",
        "O(N) to merge N HyperLogLogs, but with high constant times.",
        "Merges one or more HyperLogLog values into a single key.",
    ),
    row("pfselftest", 1, &[ADMIN], &[])
        .doc("2.8.9", "N/A", "An internal command for testing HyperLogLog values.")
        .later(ONE_SERVER),
];
