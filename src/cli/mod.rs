//! The verbs, one file each.

use std::process::ExitCode;

/// Reads the command line and runs the verb.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
