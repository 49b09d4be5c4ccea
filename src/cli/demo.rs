//! `ketch demo`: its flags.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::exit;
use crate::base::Address;
use crate::config::parse_duration;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Shards
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(super) shards: usize,
    /// Replicas of each shard
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub(super) replicas: usize,
    /// Print lines instead of drawing
    #[arg(long)]
    pub(super) headless: bool,
    /// Kill a primary after this time, such as 10s
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) failover_after: Option<Duration>,
    /// End after this time, such as 60s
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub(super) exit_after: Option<Duration>,
    /// Start no clients
    #[arg(long)]
    pub(super) no_traffic: bool,
    /// Keep the folder with logs and data
    #[arg(long)]
    pub(super) keep: bool,
    /// The redis-server to use [default: the one in PATH]
    #[arg(long, value_name = "PATH")]
    pub(super) redis_bin: Option<PathBuf>,
    /// Where clients connect [default: a free port on 127.0.0.1]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<Address>,
}

pub(super) fn run(args: Args) -> ExitCode {
    eprintln!("ketch demo is not there yet ({args:?})");
    ExitCode::from(exit::FAILED)
}
