//! What only a Sentinel knows. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[row("sentinel", -2, &[ADMIN], &[])
    .doc("2.8.4", "that of the subcommand", "Groups what is asked of a Sentinel.")
    .known(Known::Sentinel)
    .later(SENTINEL)];
