//! What only a Sentinel knows. Data only; `super` says how to read a row.

use super::words::*;

pub(super) const ROWS: &[Row] = &[row("sentinel", -2, &[ADMIN], &[])
    .doc("2.8.4", "Depends on subcommand.", "A container for Sentinel commands")
    .known(Known::Sentinel)
    .later(SENTINEL)];
