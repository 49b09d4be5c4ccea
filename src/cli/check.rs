//! `ketch check`: tells all mistakes of a configuration at once; with `--connect` also what Sentinels
//! and nodes say about it.

use std::process::ExitCode;

use super::load::{self, Options};
use super::{connect, exit};
use crate::config::{self, Code, Config, Diagnostic, Severity};

#[derive(clap::Args, Debug, Default)]
pub(super) struct Args {
    /// Ask every Sentinel and node, and explain what stands in the way
    #[arg(long)]
    connect: bool,
    /// Print the configuration as meant: every default written out, every secret hidden
    #[arg(long)]
    print: bool,
}

pub(super) fn run(args: &Args, options: &Options) -> ExitCode {
    let checked = load::read(options).and_then(|text| load::check(&text, options.color).map(|c| (text, c)));
    let (text, checked) = match checked {
        Ok(both) => both,
        Err(code) => return ExitCode::from(code),
    };
    if args.print {
        let mut config = checked.config.clone();
        config.threads.get_or_insert_with(crate::server::default_threads);
        super::say(&config::to_toml(&config));
    }
    let mut found = checked.warnings;
    if args.connect {
        found.extend(connect::ask(&checked.config, &text.text));
    }
    load::print(&found, &text.source(), options.color);
    let code = exit_code(&found);
    if code != 0 {
        let problems = found.iter().filter(|d| d.severity == Severity::Error).count();
        let noun = if problems == 1 { "problem" } else { "problems" };
        super::tell(&format!("\n{problems} {noun} in the way of {}\n", text.name));
    } else if !args.print {
        super::say(&format!("{} is fine: {}\n", text.name, summary(&checked.config)));
    }
    ExitCode::from(code)
}

/// Mistakes in what was written come first: as long as they are there, nothing else can be judged.
fn exit_code(found: &[Diagnostic]) -> u8 {
    let errors: Vec<Code> = found.iter().filter(|d| d.severity == Severity::Error).map(|d| d.code).collect();
    let unavailable =
        [Code::Unreachable, Code::UnreachableAnnounced, Code::AnnouncedReplica, Code::NoPrimary];
    match errors.as_slice() {
        [] => 0,
        all if all.iter().all(|code| unavailable.contains(code)) => exit::UNAVAILABLE,
        _ => exit::CONFIG,
    }
}

fn summary(config: &Config) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let pools = config.pools.iter().map(|pool| {
        let (shards, listeners) =
            (count(pool.shards.len(), "shard"), count(pool.listeners.len(), "listener"));
        format!("pool {} has {shards} and {listeners}", pool.name)
    });
    pools.collect::<Vec<_>>().join(", ")
}
