//! Commands on HyperLogLogs. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[
    row("pfadd", -2, &[WRITE, DENYOOM, FAST], &[at(1, RW.insert())]).doc(
        "2.8.9",
        "O(1) for each element",
        "Counts elements into a HyperLogLog.",
    ),
    row("pfcount", -2, &[READONLY], &[range(1, -1, 1, RW.access())]).doc(
        "2.8.9",
        "O(1) for one key, O(N) with a larger constant for N keys",
        "Estimates how many different elements HyperLogLogs have seen.",
    ),
    row("pfdebug", 3, &[WRITE, DENYOOM, ADMIN], &[at(2, RW.access())]).doc(
        "2.8.9",
        "",
        "Shows the inside of a HyperLogLog, for those who develop the server.",
    ),
    row("pfmerge", -2, &[WRITE, DENYOOM], &[at(1, RW.access().insert()), range(2, -1, 1, RO.access())]).doc(
        "2.8.9",
        "O(N) for N keys, with a large constant",
        "Makes one HyperLogLog that has seen what several have.",
    ),
    row("pfselftest", 1, &[ADMIN], &[])
        .doc("2.8.9", "", "Tests the server's own HyperLogLog code.")
        .each_shard()
        .joined_by(ReplyPolicy::AllSucceeded),
];
