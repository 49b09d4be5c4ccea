//! Waiting for a condition, always with a limit.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use crate::lab::LabError;

/// Between two looks: short beside what servers need, long beside what a look costs.
const STEP: Duration = Duration::from_millis(10);

/// Asks `look` until it gives something, at most for `limit`. `what` completes "waited in vain: ".
pub fn wait_for<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, LabError> {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if began.elapsed() >= limit {
            return Err(LabError::TimedOut { what: what.to_owned(), limit, detail: String::new() });
        }
        thread::sleep(STEP);
    }
}

/// Waits until `condition` holds, at most for `limit`.
pub fn wait_until(limit: Duration, what: &str, mut condition: impl FnMut() -> bool) -> Result<(), LabError> {
    wait_for(limit, what, || condition().then_some(()))
}
