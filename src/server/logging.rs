//! Where log lines go and how they look: text on a terminal, JSON otherwise; always to stderr.
//!
//! A thread of its own writes them. Whoever reads the log may be slow, stuck or gone: nothing else here
//! waits for that. Lines that find no room are counted, and the count is logged when there is room again.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::config::{self, LogFormat};

/// Lines that may wait to be written; a line is some hundred bytes.
const LINES_MAX: usize = 4096;
/// How long the last lines may take at the end of the process.
const FLUSH_WITHIN: Duration = Duration::from_millis(500);

enum Message {
    Line(Vec<u8>),
    /// To be answered once everything before it is written.
    Flush(SyncSender<()>),
}

/// The log's end that lines are put into.
#[derive(Clone)]
pub(super) struct Log {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
}

pub(super) fn start(log: &config::Log) -> Log {
    // The level was checked with the configuration; what a filter can't read falls back.
    let filter = EnvFilter::try_new(directives(&log.level)).unwrap_or_else(|_| EnvFilter::new("info"));
    let text = match log.format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => io::stderr().is_terminal(),
    };
    let (sender, receiver) = sync_channel(LINES_MAX);
    let lines = Log { sender, dropped: Arc::default() };
    let dropped = Arc::clone(&lines.dropped);
    // Without the thread nothing is logged: no reason not to serve.
    let _ = std::thread::Builder::new().name("log".into()).spawn(move || write_all(&receiver, &dropped));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty()))
        .with_writer(lines.clone())
        // It would say so on stderr, and panic where that is closed.
        .log_internal_errors(false);
    // A second start in one process (tests) keeps the first's.
    let _ = if text {
        builder.with_target(false).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    lines
}

fn write_all(receiver: &Receiver<Message>, dropped: &AtomicU64) {
    for message in receiver {
        match message {
            // Nobody may be there to read it.
            Message::Line(line) => drop(io::stderr().write_all(&line)),
            Message::Flush(done) => drop(done.try_send(())),
        }
        let lines = dropped.swap(0, Ordering::Relaxed);
        if lines > 0 {
            tracing::warn!(event = "log.dropped", lines, "whoever reads the log was too slow");
        }
    }
}

impl Log {
    /// Waits a moment until what was logged so far is written.
    pub(super) fn flush(&self) {
        let (done, written) = sync_channel(1);
        if self.sender.try_send(Message::Flush(done)).is_ok() {
            let _ = written.recv_timeout(FLUSH_WITHIN);
        }
    }
}

impl Write for Log {
    /// Takes a line whole, or drops it: an event is never worth waiting for.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.sender.try_send(Message::Line(line.to_vec())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Log;

    fn make_writer(&self) -> Log {
        self.clone()
    }
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
