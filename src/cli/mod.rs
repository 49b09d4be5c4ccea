//! The verbs, one file each.

mod demo;

use std::process::ExitCode;

/// Reads the command line and runs the verb.
pub fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((verb, rest)) if verb == "guard" => crate::lab::guard_main(rest),
        Some((verb, _)) if verb == "demo" => run_demo(&args),
        _ => ExitCode::SUCCESS,
    }
}

fn run_demo(args: &[String]) -> ExitCode {
    use clap::{Args, FromArgMatches};
    let command = demo::Args::augment_args(clap::Command::new("ketch demo"));
    match demo::Args::from_arg_matches(&command.get_matches_from(args)) {
        Ok(args) => demo::run(args),
        Err(error) => error.exit(),
    }
}
