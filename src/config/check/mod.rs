//! From what is written to what is meant: the only way to a `Config`.
//!
//! All mistakes are told at once. A value that could not be read is replaced by its default, so that
//! the rest can be judged too; no configuration comes out then.
//!
//! - here: the whole process
//! - `pool`: a pool's own keys
//! - `shards`: sentinels, shards and nodes
//! - `listeners`: who may listen where
//! - `access`: passwords and users

mod access;
mod listeners;
mod pool;
mod shards;

use std::sync::Arc;

use super::file::{FILE, FORMATS};
use super::read::{Fields, Reader};
use super::tree::{self, Place};
use super::{Code, Config, Diagnostic, Log, LogFormat, Severity, Shutdown, Source, overrides};
use crate::base::Address;

/// What a check needs to know of the world; the room itself asks nobody.
pub struct Context<'a> {
    /// Names that `hash` may take.
    pub hashes: &'a [&'a str],
    /// Names that `distribution` may take.
    pub distributions: &'a [&'a str],
    pub host_name: &'a str,
    /// The environment, sorted by name.
    pub env: &'a [(String, String)],
    /// Reads a password file; the error says why not.
    pub read_file: &'a dyn Fn(&str) -> Result<String, String>,
}

/// What came out of a check without a mistake.
#[derive(Clone, PartialEq, Debug)]
pub struct Checked {
    pub config: Config,
    pub warnings: Vec<Diagnostic>,
    /// Where passwords stand in the file by value. Whoever can see the file's mode may warn about it.
    pub secrets_by_value: Vec<core::ops::Range<usize>>,
    /// The files that passwords came from, and where the configuration names them.
    pub secret_files: Vec<(String, Option<core::ops::Range<usize>>)>,
}

/// The check at work.
struct Check<'a> {
    source: &'a Source<'a>,
    context: &'a Context<'a>,
    reader: Reader<'a>,
    /// Every address that is listened on so far, and for what.
    bound: Vec<(Address, Place)>,
    secrets_by_value: Vec<core::ops::Range<usize>>,
    secret_files: Vec<(String, Option<core::ops::Range<usize>>)>,
}

/// Reads and judges a configuration. `Err` holds every mistake, and the warnings too, in the order of
/// the file.
pub fn check(source: &Source<'_>, context: &Context<'_>) -> Result<Checked, Vec<Diagnostic>> {
    let reader = Reader { hashes: context.hashes, distributions: context.distributions, found: Vec::new() };
    let (bound, secrets_by_value, secret_files) = (Vec::new(), Vec::new(), Vec::new());
    let mut check = Check { source, context, reader, bound, secrets_by_value, secret_files };
    let config = check.file();
    let mut found = check.reader.found;
    forget_echoes(source.text, &mut found);
    found.sort_by_key(|diagnostic| diagnostic.span.as_ref().map_or(usize::MAX, |span| span.start));
    if found.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
        return Err(found);
    }
    let Check { secrets_by_value, secret_files, .. } = check;
    Ok(Checked { config, warnings: found, secrets_by_value, secret_files })
}

/// A line that is no TOML is told once: what was read of it by half says nothing.
fn forget_echoes(text: &str, found: &mut Vec<Diagnostic>) {
    let line = |diagnostic: &Diagnostic| {
        let start = diagnostic.span.as_ref()?.start.min(text.len());
        Some(text.as_bytes()[..start].iter().filter(|byte| **byte == b'\n').count())
    };
    let broken: Vec<_> = found.iter().filter(|d| d.code == Code::Syntax).filter_map(line).collect();
    found.retain(|d| d.code == Code::Syntax || line(d).is_none_or(|line| !broken.contains(&line)));
}

impl Check<'_> {
    fn tell(&mut self, diagnostic: Diagnostic) {
        self.reader.tell(diagnostic);
    }

    fn file(&mut self) -> Config {
        let mut entries = tree::parse(self.source.text, self.context.env, &mut self.reader.found);
        let is_toml = self.reader.found.is_empty();
        overrides::apply(&mut entries, self.context.env, &mut self.reader.found);
        let file = self.reader.section(&FILE, String::new(), Place::default(), &entries);
        let admin = self.admin(&file.table("admin"));
        let pools: Vec<_> = file.named("pool").unwrap_or_default();
        // Half a file holds no promise about the other half.
        if pools.is_empty() && is_toml && !file.mentions("pool") {
            self.tell(no_pool(self.source.name));
        }
        Config {
            name: file.text("name").unwrap_or_else(|| self.context.host_name.to_owned()),
            threads: file.integer("threads").and_then(|n| usize::try_from(n).ok()),
            admin,
            log: log(&file.table("log")),
            shutdown: shutdown(&file.table("shutdown")),
            pools: pools.iter().map(|(name, fields)| Arc::new(self.pool(name, fields))).collect(),
        }
    }

    fn admin(&mut self, fields: &Fields) -> Option<Address> {
        let address = fields.address("listen")?;
        let place = fields.place_of("listen").cloned().unwrap_or_default();
        if !address.is_loopback() {
            self.tell(
                Diagnostic::warning(
                    Code::OpenAdmin,
                    format!("the status page can be seen by all who reach {address}"),
                )
                .place(&place)
                .help("it shows no secrets; to keep it to this machine, write listen = \"127.0.0.1:8404\""),
            );
        }
        self.bind(&address, &place);
        Some(address)
    }
}

fn no_pool(name: &str) -> Diagnostic {
    Diagnostic::error(Code::NoPool, format!("{name} defines no pool, so there is nothing to serve")).help(
        "the least that works: [pool.main] with listen = \"127.0.0.1:6380\", \
         sentinels = [\"127.0.0.1:26379\"] and shards = [\"mymaster\"]",
    )
}

fn log(fields: &Fields) -> Log {
    let format = match position(FORMATS, fields.text("format")) {
        1 => LogFormat::Text,
        2 => LogFormat::Json,
        _ => LogFormat::Auto,
    };
    Log { level: fields.text("level").unwrap_or_default(), format }
}

fn shutdown(fields: &Fields) -> Shutdown {
    Shutdown {
        delay: fields.duration("delay").unwrap_or_default(),
        timeout: fields.duration("timeout").unwrap_or_default(),
    }
}

/// Which of the words it is; the first where nothing is said.
fn position(words: &[&str], text: Option<String>) -> usize {
    text.and_then(|text| words.iter().position(|word| *word == text)).unwrap_or(0)
}
