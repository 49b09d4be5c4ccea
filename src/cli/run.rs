//! `ketch run`: a checked configuration, handed to the server.

use std::process::ExitCode;

use super::exit;
use super::load::{self, Options, Text};
use crate::config;

#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// Sentinels, instead of a configuration; prints the file that it stands for
    #[arg(long, value_name = "HOST:PORT", value_delimiter = ',', requires = "master")]
    sentinel: Vec<String>,
    /// Names of the masters, in the order of the shards
    #[arg(long, value_name = "NAME", value_delimiter = ',', requires = "sentinel")]
    master: Vec<String>,
    /// Where clients connect
    #[arg(long, value_name = "HOST:PORT", requires = "sentinel", default_value = "127.0.0.1:6380")]
    listen: String,
}

pub(super) fn run(args: &Args, options: Options) -> ExitCode {
    let quick = !args.sentinel.is_empty();
    if quick && options.config.is_some() {
        super::tell(
            "error: --sentinel stands for a configuration; leave one of them out: --sentinel or -c\n",
        );
        return ExitCode::from(exit::USAGE);
    }
    let text = if quick { Ok(quickly(args)) } else { load::read(&options) };
    let (text, checked) = match text.and_then(|text| load::check(&text, options.color).map(|c| (text, c))) {
        Ok(both) => both,
        Err(code) => return ExitCode::from(code),
    };
    load::print(&checked.warnings, &text.source(), options.color);
    crate::server::run(checked.config)
}

fn quickly(args: &Args) -> Text {
    let text = config::quick(&args.sentinel, &args.master, &args.listen);
    super::say(&format!("# ketch.toml\n{text}\n"));
    Text { name: "the command line as a file".to_owned(), text, path: None }
}
