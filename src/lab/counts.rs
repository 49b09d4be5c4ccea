//! What traffic has seen, in numbers.

use core::fmt;
use core::time::Duration;

use crate::lab::ledger::{Finding, Miscounted};

/// Error texts, and places of what was found wrong, that are kept as examples.
const EXAMPLES: usize = 8;

/// A snapshot. Everything counts up, but for `longest_gap`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Writes that were answered with success.
    pub acknowledged: u64,
    /// Writes answered `OUTCOMEUNKNOWN`.
    pub unknown: u64,
    /// Writes that failed in any other way: an error, a broken connection, no answer in time.
    pub write_errors: u64,
    pub reads: u64,
    pub read_errors: u64,
    /// Reads that saw less than was acknowledged before they were sent. Reads from replicas may,
    /// where the policy allows it.
    pub stale_reads: u64,
    /// Acknowledged writes that were not there any more.
    pub lost: u64,
    /// Executions of increments that nobody asked for.
    pub doubled: u64,
    /// Values that were never written there, or whose write was refused.
    pub never_written: u64,
    /// Acknowledged writes that an earlier write of unknown outcome has replaced.
    pub overtaken: u64,
    /// The longest time in which one writer had no write acknowledged.
    pub longest_gap: Duration,
    /// The first few different errors, as they were said.
    pub errors: Vec<String>,
}

impl Counts {
    /// Requests that failed, but for those of which the outcome is unknown.
    pub fn client_errors(&self) -> u64 {
        self.write_errors + self.read_errors
    }

    /// Nothing was lost, executed twice or invented.
    pub fn is_clean(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.never_written == 0
    }

    /// What happened after `earlier`. The gap is the one of `self`.
    pub fn since(&self, earlier: &Counts) -> Counts {
        Counts {
            acknowledged: self.acknowledged - earlier.acknowledged,
            unknown: self.unknown - earlier.unknown,
            write_errors: self.write_errors - earlier.write_errors,
            reads: self.reads - earlier.reads,
            read_errors: self.read_errors - earlier.read_errors,
            stale_reads: self.stale_reads - earlier.stale_reads,
            lost: self.lost - earlier.lost,
            doubled: self.doubled - earlier.doubled,
            never_written: self.never_written - earlier.never_written,
            overtaken: self.overtaken - earlier.overtaken,
            longest_gap: self.longest_gap,
            errors: self.errors.iter().filter(|e| !earlier.errors.contains(e)).cloned().collect(),
        }
    }

    pub(crate) fn write_failed(&mut self, text: &str) {
        self.write_errors += 1;
        self.example(text);
    }

    pub(crate) fn read_failed(&mut self, text: &str) {
        self.read_errors += 1;
        self.example(text);
    }

    pub(crate) fn miscounted(&mut self, found: Miscounted) {
        self.lost += found.lost;
        self.doubled += found.doubled;
    }

    pub(crate) fn add(&mut self, verdict: &Verdict) {
        self.lost += verdict.lost;
        self.doubled += verdict.doubled;
        self.never_written += verdict.never_written;
        self.overtaken += verdict.overtaken;
    }

    fn example(&mut self, text: &str) {
        if self.errors.len() < EXAMPLES && !self.errors.iter().any(|known| known == text) {
            self.errors.push(text.to_owned());
        }
    }
}

/// What reading everything back has shown. Losses that increments showed earlier are not in it: they
/// are in the counts already.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdict {
    pub checked: u64,
    pub lost: u64,
    pub doubled: u64,
    pub never_written: u64,
    pub overtaken: u64,
    /// Keys that could not be read in time: nothing is said about them.
    pub unread: u64,
    /// The first few keys that were wrong.
    pub examples: Vec<String>,
}

impl Verdict {
    /// Everything was read, and nothing was lost, executed twice or invented.
    pub fn is_clean(&self) -> bool {
        self.unread == 0 && self.lost == 0 && self.doubled == 0 && self.never_written == 0
    }

    pub(crate) fn judge(&mut self, finding: Finding, place: impl FnOnce() -> String) {
        self.checked += 1;
        match finding {
            Finding::AsTold => return,
            Finding::Lost => self.lost += 1,
            Finding::Overtaken => self.overtaken += 1,
            Finding::NeverWritten => self.never_written += 1,
        }
        if self.examples.len() < EXAMPLES {
            self.examples.push(format!("{finding:?}: {}", place()));
        }
    }

    pub(crate) fn miscounted(&mut self, found: Miscounted) {
        self.checked += 1;
        self.lost += found.lost;
        self.doubled += found.doubled;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} acknowledged writes, {} lost, {} client errors, {} outcomes unknown",
            self.acknowledged,
            self.lost,
            self.client_errors(),
            self.unknown
        )
    }
}
