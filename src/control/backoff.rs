//! How long to wait before the next try: longer each time, and not all at once.

use core::time::Duration;

use crate::base::next_random;

/// Doubles from `first` to `last`; each wait is shortened by up to a half at random, so that those who
/// lost the same peer do not all come back in the same moment.
pub(super) struct Backoff {
    first: Duration,
    last: Duration,
    next: Duration,
    random: u64,
}

impl Backoff {
    /// `seed` makes the waits of one task differ from another's.
    pub(super) fn new(first: Duration, last: Duration, seed: u64) -> Backoff {
        // Zero is the one state that the generator never leaves.
        Backoff { first, last, next: first, random: seed | 1 }
    }

    /// After a success the next failure waits `first` again.
    pub(super) fn reset(&mut self) {
        self.next = self.first;
    }

    pub(super) fn wait(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.last);
        whole - whole / 1024 * (next_random(&mut self.random) % 512)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_last_and_differ() {
        let (first, last) = (Duration::from_millis(100), Duration::from_secs(1));
        let (mut one, mut other) = (Backoff::new(first, last, 7), Backoff::new(first, last, 1_000_003));
        for whole in [100, 200, 400, 800, 1000, 1000].map(Duration::from_millis) {
            let (a, b) = (one.wait(), other.wait());
            assert!(a <= whole && a >= whole / 2 && b <= whole && b >= whole / 2, "{a:?} {b:?}");
            assert_ne!(a, b);
        }
        one.reset();
        assert!(one.wait() <= first);
    }
}
