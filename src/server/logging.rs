//! Where log lines go and how they look: text on a terminal, JSON otherwise; always to stderr.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

use crate::config::{Log, LogFormat};

pub(super) fn start(log: &Log) {
    // The level was checked with the configuration; what a filter can't read falls back.
    let filter = EnvFilter::try_new(directives(&log.level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let text = match log.format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    // Whoever reads the log may go away; saying so there, as the subscriber would, panics then.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .log_internal_errors(false);
    // A second start in one process (tests) keeps the first's.
    let _ = if text {
        builder.with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
}

/// `ROOM=LEVEL` names a module of Ketch's.
fn directives(level: &str) -> String {
    let part = |part: &str| match part.trim().split_once('=') {
        Some((room, level)) => format!("ketch::{}={}", room.trim(), level.trim()),
        None => part.trim().to_owned(),
    };
    level.split(',').map(part).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::directives;

    #[test]
    fn a_room_is_a_module() {
        assert_eq!(directives("info"), "info");
        assert_eq!(
            directives("warn, control = debug,driver=trace"),
            "warn,ketch::control=debug,ketch::driver=trace"
        );
    }
}
