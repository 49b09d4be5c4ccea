//! What exit codes mean. 2, a wrong command line, is clap's; the others are sysexits.h's.

/// It failed while running.
pub(super) const FAILED: u8 = 1;
/// The command line is wrong.
pub(super) const USAGE: u8 = 2;
/// A Sentinel or a node cannot be reached, or what is needed is not installed.
pub(super) const UNAVAILABLE: u8 = 69;
/// An address is in use.
pub(super) const IN_USE: u8 = 75;
/// A file may not be read.
pub(super) const PERMISSION: u8 = 77;
/// The configuration is wrong.
pub(super) const CONFIG: u8 = 78;
