//! How long others have waited for the client of a large reply to read: all its pauses together, since a
//! client that reads steadily but slowly holds them up as one that stops does.

use core::time::Duration;

use crate::base::Time;

#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Stall {
    /// Pauses of this reply that are over.
    before: Duration,
    since: Option<Time>,
}

impl Stall {
    /// Others wait from now on; they may have waited already.
    pub(crate) fn begin(&mut self, now: Time) {
        self.since.get_or_insert(now);
    }

    /// The client has read.
    pub(crate) fn end(&mut self, now: Time) {
        if let Some(since) = self.since.take() {
            self.before += now.since(since);
        }
    }

    /// When others will have waited for `limit`, unless the client reads.
    pub(crate) fn over_at(&self, limit: Duration) -> Option<Time> {
        self.since.map(|since| since + limit.saturating_sub(self.before))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_add_up() {
        let at = Time::from_millis;
        let limit = Duration::from_millis(100);
        let mut stall = Stall::default();
        assert_eq!(stall.over_at(limit), None);
        stall.begin(at(1000));
        stall.begin(at(1010));
        assert_eq!(stall.over_at(limit), Some(at(1100)));
        stall.end(at(1060));
        stall.end(at(1090));
        assert_eq!(stall.over_at(limit), None);
        stall.begin(at(2000));
        assert_eq!(stall.over_at(limit), Some(at(2040)));
        stall.end(at(2500));
        stall.begin(at(3000));
        assert_eq!(stall.over_at(limit), Some(at(3000)));
    }
}
