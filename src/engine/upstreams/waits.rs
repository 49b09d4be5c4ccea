//! Since when requests wait, without a time in each: one mark a turn in which any was queued.

use std::collections::VecDeque;

use crate::base::Time;

/// By which of the pool's time-outs requests are judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Patience {
    Request,
    Slow,
}

#[derive(Default)]
pub(crate) struct Waits {
    /// Requests ever queued and ever answered.
    pushed: u64,
    popped: u64,
    /// Requests from this number on (until the next mark) were queued at that time.
    marks: VecDeque<(u64, Time)>,
    /// Requests below this number have been judged as timed out, by each time-out.
    judged: [u64; 2],
}

impl Waits {
    #[inline]
    pub(crate) fn pushed(&mut self, now: Time) {
        if self.marks.back().is_none_or(|(_, at)| *at != now) {
            self.marks.push_back((self.pushed, now));
        }
        self.pushed += 1;
    }

    /// What is queued counts from now on.
    pub(crate) fn restart(&mut self, now: Time) {
        for mark in &mut self.marks {
            mark.1 = now;
        }
    }

    #[inline]
    pub(crate) fn popped(&mut self) {
        self.popped += 1;
        while self.marks.get(1).is_some_and(|(from, _)| *from <= self.popped)
            || (self.popped == self.pushed && !self.marks.is_empty())
        {
            self.marks.pop_front();
        }
    }

    /// The number of the request that was queued last; from 1.
    #[inline]
    pub(crate) fn last(&self) -> u64 {
        self.pushed
    }

    /// The request of that number waits.
    #[inline]
    pub(crate) fn owes(&self, number: u64) -> bool {
        number > self.popped
    }

    /// Requests that wait.
    pub(crate) fn len(&self) -> usize {
        (self.pushed - self.popped) as usize
    }

    /// Since when the oldest unanswered request waits.
    pub(crate) fn oldest(&self) -> Option<Time> {
        self.marks.front().map(|(_, at)| *at)
    }

    /// Since when the oldest request waits that was not judged by that time-out.
    pub(crate) fn oldest_unjudged(&self, by: Patience) -> Option<Time> {
        let judged = self.judged[by as usize];
        if judged >= self.pushed {
            return None;
        }
        let next = self.marks.partition_point(|(from, _)| *from <= judged);
        self.marks.get(next.saturating_sub(1)).map(|(_, at)| *at)
    }

    /// Which entries of the queue (front is 0) were queued at `before` or earlier and are not judged
    /// yet by that time-out; they count as judged from now on.
    pub(crate) fn judge(&mut self, by: Patience, before: Time) -> core::ops::Range<usize> {
        let late = self.marks.partition_point(|(_, at)| *at <= before);
        let to =
            if late == 0 { self.popped } else { self.marks.get(late).map_or(self.pushed, |(from, _)| *from) };
        let judged = &mut self.judged[by as usize];
        let from = (*judged).max(self.popped);
        *judged = (*judged).max(to);
        (from - self.popped) as usize..(to.max(from) - self.popped) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_request_is_judged_once_when_its_time_has_come() {
        let at = Time::from_millis;
        let mut waits = Waits::default();
        for (count, time) in [(3, 10), (2, 20), (1, 30)] {
            (0..count).for_each(|_| waits.pushed(at(time)));
        }
        waits.popped();
        assert_eq!(waits.oldest(), Some(at(10)));
        assert_eq!(waits.judge(Patience::Request, at(9)), 0..0);
        assert_eq!(waits.judge(Patience::Request, at(10)), 0..2);
        assert_eq!(waits.oldest_unjudged(Patience::Request), Some(at(20)));
        assert_eq!(waits.judge(Patience::Request, at(10)), 2..2);
        waits.popped();
        assert_eq!(waits.judge(Patience::Request, at(30)), 1..4);
        assert_eq!(waits.oldest_unjudged(Patience::Request), None);
        (0..4).for_each(|_| waits.popped());
        assert_eq!(waits.oldest(), None);
        waits.pushed(at(40));
        assert_eq!(waits.oldest_unjudged(Patience::Request), Some(at(40)));
        assert_eq!(waits.judge(Patience::Request, at(40)), 0..1);
    }

    #[test]
    fn the_two_time_outs_judge_apart() {
        let at = Time::from_millis;
        let mut waits = Waits::default();
        waits.pushed(at(10));
        assert_eq!(waits.judge(Patience::Request, at(20)), 0..1);
        assert_eq!(waits.oldest_unjudged(Patience::Request), None);
        assert_eq!(waits.oldest_unjudged(Patience::Slow), Some(at(10)));
        assert_eq!(waits.judge(Patience::Slow, at(9)), 0..0);
        assert_eq!(waits.judge(Patience::Slow, at(10)), 0..1);
    }
}
