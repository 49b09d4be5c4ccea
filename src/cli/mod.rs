//! The verbs, one file each. The standard output is for data, the error output for people.
//!
//! - `load`: finding, reading and checking the configuration
//! - `asker`: short questions to nodes and Sentinels
//! - `exit`: what exit codes mean
//! - `run`, `check` (with `connect`), `locate` (`ketch where`), `demo`, `completions`: the verbs
//!
//! No verb takes a password on the command line: others could read it in the list of processes.

mod asker;
mod check;
mod completions;
mod connect;
mod demo;
mod exit;
mod load;
mod locate;
mod run;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::OnceLock;

use clap::{CommandFactory, Parser, Subcommand};

/// One address in front of a sharded, replicated, Sentinel-watched Redis.
#[derive(Parser, Debug)]
#[command(name = "ketch", version = version(), max_term_width = 100)]
struct Cli {
    /// The configuration [env: KETCH_CONFIG] [default: /etc/ketch/ketch.toml, then ./ketch.toml]
    #[arg(short, long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Check the configuration and exit, like `ketch check`
    #[arg(short, long)]
    test: bool,

    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: load::Color,

    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Run in the foreground
    Run(run::Args),
    /// Check the configuration; with --connect also ask the Sentinels and nodes
    Check(check::Args),
    /// Tell which shard and which nodes keys belong to, and why
    Where(locate::Args),
    /// Start Redis, Sentinels and Ketch on this machine, to try things out
    Demo(demo::Args),
    /// Print completions for a shell
    Completions(completions::Args),
    /// Ends what a demo or a test started; not for people
    #[command(hide = true)]
    Guard {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
}

/// Reads the command line and runs the verb.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let options = load::Options { config: cli.config, color: cli.color };
    match cli.verb {
        // As with other proxies: `-t` beside anything that would start only checks.
        Some(Verb::Run(_)) | None if cli.test => check::run(&check::Args::default(), &options),
        Some(Verb::Run(args)) => run::run(&args, options),
        Some(Verb::Check(args)) => check::run(&args, &options),
        Some(Verb::Where(args)) => locate::run(&args, &options),
        Some(Verb::Demo(args)) => demo::run(args),
        Some(Verb::Completions(args)) => completions::run(&args, &mut Cli::command()),
        Some(Verb::Guard { args }) => crate::lab::guard_main(&args),
        None => help(),
    }
}

fn help() -> ExitCode {
    // Nowhere to tell it to if the output is closed.
    let _ = Cli::command().print_help();
    ExitCode::SUCCESS
}

/// What people should know goes to the error output, which may be closed, too.
fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Data goes to the standard output. Whoever reads it may have had enough (`| head`): no failure.
fn say(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// The version, with the compiler, and the revision where the build was told it.
fn version() -> &'static str {
    static VERSION: OnceLock<String> = OnceLock::new();
    VERSION.get_or_init(|| match option_env!("KETCH_REVISION") {
        Some(revision) => format!("{} ({revision}, {})", env!("CARGO_PKG_VERSION"), env!("KETCH_RUSTC")),
        None => format!("{} ({})", env!("CARGO_PKG_VERSION"), env!("KETCH_RUSTC")),
    })
}
