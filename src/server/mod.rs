//! server

use std::process::ExitCode;

use crate::config::Config;

/// Runs until it is told to stop.
pub fn run(_config: Config, _config_path: Option<String>) -> ExitCode {
    eprintln!("ketch run is not there yet");
    ExitCode::FAILURE
}
