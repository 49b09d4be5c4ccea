//! The verbs, one file each.

use std::process::ExitCode;

/// Reads the command line and runs the verb.
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((verb, rest)) if verb == "guard" => crate::lab::guard_main(rest),
        _ => ExitCode::SUCCESS,
    }
}
