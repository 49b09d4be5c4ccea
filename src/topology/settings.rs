//! What CONFIG SET changes while Ketch runs. All workers read the same atomics, so a change holds for all
//! of them at once; it lasts until the process ends, and the file is not written.

use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use core::time::Duration;

/// One parameter; until somebody sets it, what the configuration says or the default holds.
#[derive(Debug)]
pub struct Setting(AtomicI64);

/// No value that can be set.
const UNSET: i64 = i64::MIN;

impl Default for Setting {
    fn default() -> Setting {
        Setting(AtomicI64::new(UNSET))
    }
}

impl Setting {
    /// What was set; never negative but for −1.
    pub fn get(&self) -> Option<i64> {
        match self.0.load(Ordering::Relaxed) {
            UNSET => None,
            value => Some(value),
        }
    }

    fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }
}

/// Redis's defaults.
const SLOW_AFTER_MICROS: i64 = 10_000;
const SLOW_LOG_LENGTH: i64 = 128;

/// The parameters of one pool.
#[derive(Debug)]
pub struct Settings {
    max_clients: Setting,
    client_idle_seconds: Setting,
    slow_after_micros: Setting,
    slow_log_length: Setting,
    latency_threshold_millis: Setting,
    /// How long a request must take for anybody to want to know, in nanoseconds: the lesser of the two
    /// thresholds. Workers compare with it, so it is reckoned beforehand.
    note_after: AtomicU64,
}

impl Default for Settings {
    fn default() -> Settings {
        let settings = Settings {
            max_clients: Setting::default(),
            client_idle_seconds: Setting::default(),
            slow_after_micros: Setting::default(),
            slow_log_length: Setting::default(),
            latency_threshold_millis: Setting::default(),
            note_after: AtomicU64::new(0),
        };
        settings.reckon();
        settings
    }
}

impl Settings {
    /// Clients of the pool at most, if that was set.
    pub fn max_clients(&self) -> Option<usize> {
        self.max_clients.get().and_then(|n| usize::try_from(n).ok())
    }

    pub fn set_max_clients(&self, clients: i64) {
        self.max_clients.set(clients);
    }

    /// After how long an idle client is closed, if that was set; zero = never.
    pub fn client_idle(&self) -> Option<Duration> {
        self.client_idle_seconds.get().and_then(|n| u64::try_from(n).ok()).map(Duration::from_secs)
    }

    pub fn set_client_idle(&self, seconds: i64) {
        self.client_idle_seconds.set(seconds);
    }

    /// From how many microseconds on a request is put in the slow log; −1 = none is.
    pub fn slow_after_micros(&self) -> i64 {
        self.slow_after_micros.get().unwrap_or(SLOW_AFTER_MICROS)
    }

    pub fn set_slow_after(&self, micros: i64) {
        self.slow_after_micros.set(micros);
        self.reckon();
    }

    /// Entries that the slow log keeps.
    pub fn slow_log_length(&self) -> usize {
        self.slow_log_length.get().and_then(|n| usize::try_from(n).ok()).unwrap_or(SLOW_LOG_LENGTH as usize)
    }

    pub fn set_slow_log_length(&self, entries: i64) {
        self.slow_log_length.set(entries);
    }

    /// From how many milliseconds on a delay is recorded; 0 = none is.
    pub fn latency_threshold_millis(&self) -> i64 {
        self.latency_threshold_millis.get().unwrap_or(0)
    }

    pub fn set_latency_threshold(&self, millis: i64) {
        self.latency_threshold_millis.set(millis);
        self.reckon();
    }

    /// Whether anybody wants to know of a request that took so long.
    #[inline]
    pub fn is_notable(&self, took: Duration) -> bool {
        took.as_nanos() >= u128::from(self.note_after.load(Ordering::Relaxed))
    }

    fn reckon(&self) {
        let nanos = |count: i64, each: u64| u64::try_from(count).unwrap_or(0).saturating_mul(each);
        let slow = match self.slow_after_micros() {
            micros if micros < 0 => u64::MAX,
            micros => nanos(micros, 1000),
        };
        let latency = match self.latency_threshold_millis() {
            millis if millis <= 0 => u64::MAX,
            millis => nanos(millis, 1_000_000),
        };
        self.note_after.store(slow.min(latency), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_notable_follows_the_lesser_threshold() {
        let settings = Settings::default();
        let notable = |millis| settings.is_notable(Duration::from_millis(millis));
        assert!(notable(10) && !notable(9));
        settings.set_latency_threshold(5);
        assert!(notable(5) && !notable(4));
        settings.set_slow_after(-1);
        assert!(notable(5) && !notable(4));
        settings.set_latency_threshold(0);
        assert!(!notable(1_000_000));
        settings.set_slow_after(0);
        assert!(notable(0));
    }
}
