//! What can go wrong in the laboratory, worded for whoever reads a failed test or a demo's last line.

use core::time::Duration;
use std::io;

/// None of these is Ketch's fault: either this machine lacks something, or a server did not do what
/// the laboratory waited for.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// An executable is not installed; the text says how to get it.
    #[error("{0}")]
    Missing(String),
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
    /// A condition did not come true in time.
    #[error("waited {limit:?} in vain: {what}{detail}")]
    TimedOut { what: String, limit: Duration, detail: String },
    /// A server answered something that makes no sense here.
    #[error("{0}")]
    Unexpected(String),
    /// The machine was too slow for this run to mean anything.
    #[error(
        "Sentinel went into TILT ({0}): its clock jumped or its loop was late by two seconds, so it \
         does not fail over for 30 s; the machine is overloaded, nothing is said about Ketch"
    )]
    Tilt(String),
}

impl LabError {
    /// For `map_err`: says what was being done.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> LabError {
        let what = what.into();
        move |source| LabError::Io { what, source }
    }
}
