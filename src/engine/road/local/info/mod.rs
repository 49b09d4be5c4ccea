//! INFO [section …]: in Redis's form (`# Section`, `key:value`), names, numbers and order as redis 7.0 has
//! them, about the client's pool and this process.
//!
//! The rule for what is told: what is true of the pool as one Redis (clients, commands, errors), sums over
//! the believed primaries as they reported them (`nodes`), and the process's own time. A field that would
//! have to be made up is left out. `# Ketch` and `# Shards` are Ketch's own.
//!
//! - `process`: Server, CPU; `nodes`: Memory, Persistence, Keyspace; `counts`: Clients, Stats,
//!   Commandstats, Errorstats, and what CONFIG RESETSTAT resets; `pool`: Replication, Ketch, Shards.

pub(super) mod counts;
pub(super) mod nodes;
mod pool;
pub(super) mod process;

use core::fmt::Write;

use crate::config::Route;
use crate::resp::verbatim;

use super::{Answer, Args, Context, Effect, role};

/// A section's name in lower case, its heading, and what writes its lines.
struct Section {
    name: &'static str,
    heading: &'static str,
    /// Told where nobody asks for certain sections.
    default: bool,
    write: fn(&mut Lines, &Context<'_>),
}

const fn section(
    name: &'static str,
    heading: &'static str,
    default: bool,
    write: fn(&mut Lines, &Context<'_>),
) -> Section {
    Section { name, heading, default, write }
}

const SECTIONS: &[Section] = &[
    section("server", "Server", true, process::server),
    section("clients", "Clients", true, counts::clients),
    section("memory", "Memory", true, nodes::memory),
    section("persistence", "Persistence", true, nodes::persistence),
    section("stats", "Stats", true, counts::stats),
    section("replication", "Replication", true, pool::replication),
    section("cpu", "CPU", true, process::cpu),
    // Ketch has none, and says so as Redis does: by a heading alone.
    section("modules", "Modules", true, |_, _| {}),
    section("commandstats", "Commandstats", false, counts::commandstats),
    section("errorstats", "Errorstats", true, counts::errorstats),
    section("cluster", "Cluster", true, |lines, _| lines.line("cluster_enabled", 0)),
    section("keyspace", "Keyspace", true, nodes::keyspace),
    section("ketch", "Ketch", true, pool::ketch),
    section("shards", "Shards", true, pool::shards),
];

pub(super) fn info<'a>(cx: &Context<'_>, args: Args<'a>, out: &mut Vec<u8>) -> Answer<'a> {
    let asked = |name: &str| args.from(1).iter().any(|arg| arg.eq_ignore_ascii_case(name.as_bytes()));
    let all = asked("all") || asked("everything");
    let default = args.len() == 1 || asked("default");
    // Whoever asks for this section alone is a check that looks for a primary.
    if asked("replication") && !all && !default && cx.listener.route != Route::Replica {
        role::writable(cx)?;
    }
    let mut lines = Lines::default();
    for section in SECTIONS {
        if all || (default && section.default) || asked(section.name) {
            lines.heading(section.heading);
            (section.write)(&mut lines, cx);
        }
    }
    verbatim(out, cx.client.protocol, lines.0.as_bytes());
    Ok(Effect::None)
}

#[derive(Default)]
pub(super) struct Lines(String);

impl Lines {
    fn heading(&mut self, text: &str) {
        let between = if self.0.is_empty() { "" } else { "\r\n" };
        self.write(format_args!("{between}# {text}\r\n"));
    }

    fn line(&mut self, key: &str, value: impl core::fmt::Display) {
        self.write(format_args!("{key}:{value}\r\n"));
    }

    /// A number of bytes, and the same for people.
    fn bytes(&mut self, key: &str, bytes: u64) {
        self.line(key, bytes);
        self.write(format_args!("{key}_human:{}\r\n", human(bytes)));
    }

    fn write(&mut self, text: core::fmt::Arguments<'_>) {
        self.0.write_fmt(text).expect("a String takes everything");
    }
}

/// As Redis writes bytes for people (`bytesToHuman`): 512B, 1.46M.
fn human(bytes: u64) -> String {
    const UNITS: [char; 5] = ['K', 'M', 'G', 'T', 'P'];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.2}{}", UNITS[unit])
}

#[cfg(test)]
mod tests;
