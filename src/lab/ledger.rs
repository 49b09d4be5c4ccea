//! What one writer has written, and what may be found of it: the judge behind the traffic.
//!
//! Write n goes to slot n mod slots (a slot is a key), so the latest acknowledged write of each slot
//! can be looked for one by one while memory stays bounded. A counter beside the slots shows a write
//! that was executed twice. No socket, thread or clock in here.

use std::collections::VecDeque;

/// Unknown and refused writes that a slot remembers; slots are written in turn, so more are old.
const REMEMBERED: usize = 8;
/// Acknowledged increments after which an earlier unknown one can no longer be on its way: it would
/// have to overtake that many requests.
const CREDIT_LIFE: u32 = 64;

pub(crate) struct Ledger {
    issued: u64,
    slots: Vec<Slot>,
    pub(crate) counter: Counter,
}

#[derive(Clone, Default)]
struct Slot {
    /// The latest acknowledged number; 0 = none yet.
    acknowledged: u64,
    unknown: VecDeque<u64>,
    refused: VecDeque<u64>,
}

/// How a write ended, as the writer was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    Acknowledged,
    /// It may have been executed, now or later.
    Unknown,
    /// The answer promises that it was not executed.
    Refused,
}

/// What a slot's value means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Finding {
    /// The latest acknowledged write, or a later one of which nobody knew.
    AsTold,
    /// An acknowledged write is gone.
    Lost,
    /// An earlier write of unknown outcome was executed after an acknowledged one.
    Overtaken,
    /// A value that was never sent there, or whose write was refused.
    NeverWritten,
}

impl Ledger {
    pub(crate) fn new(slots: usize) -> Ledger {
        Ledger { issued: 0, slots: vec![Slot::default(); slots.max(1)], counter: Counter::default() }
    }

    /// The number of the next write.
    pub(crate) fn next(&mut self) -> u64 {
        self.issued += 1;
        self.issued
    }

    pub(crate) fn slot_of(&self, number: u64) -> usize {
        (number % self.slots.len() as u64) as usize
    }

    pub(crate) fn told(&mut self, number: u64, told: Told) {
        let slot = self.slot_of(number);
        let slot = &mut self.slots[slot];
        match told {
            Told::Acknowledged => slot.acknowledged = number,
            Told::Unknown => remember(&mut slot.unknown, number),
            Told::Refused => remember(&mut slot.refused, number),
        }
    }

    /// Slots that were ever written.
    pub(crate) fn used(&self) -> Vec<usize> {
        let ever =
            |slot: &Slot| slot.acknowledged > 0 || !slot.unknown.is_empty() || !slot.refused.is_empty();
        (0..self.slots.len()).filter(|&i| ever(&self.slots[i])).collect()
    }

    /// The slot of the write that was issued `back` writes ago.
    pub(crate) fn recent(&self, back: usize) -> usize {
        self.slot_of(self.issued.saturating_sub(back as u64))
    }

    /// The latest acknowledged number of a slot: what a fresh read sees at least.
    pub(crate) fn acknowledged(&self, slot: usize) -> u64 {
        self.slots[slot].acknowledged
    }

    /// True if the slot may hold that number (0: nothing) at some time. For reads beside the writer.
    pub(crate) fn may_hold(&self, slot: usize, number: u64) -> bool {
        number == 0 || (number <= self.issued && self.slot_of(number) == slot)
    }

    /// Judges what was read back while the writer rested (0: nothing), and goes on from it, so that a
    /// loss is counted once.
    pub(crate) fn found(&mut self, slot: usize, number: u64) -> Finding {
        let in_place = self.may_hold(slot, number);
        let slot = &mut self.slots[slot];
        let told = slot.acknowledged;
        let finding = if number == told {
            Finding::AsTold
        } else if !in_place || slot.refused.contains(&number) {
            Finding::NeverWritten
        } else if slot.unknown.contains(&number) {
            if number > told { Finding::AsTold } else { Finding::Overtaken }
        } else if number < told {
            Finding::Lost
        } else {
            Finding::NeverWritten
        };
        if in_place {
            slot.acknowledged = number;
        }
        finding
    }
}

fn remember(numbers: &mut VecDeque<u64>, number: u64) {
    if numbers.len() == REMEMBERED {
        numbers.pop_front();
    }
    numbers.push_back(number);
}

/// A key that only one writer increments, one after the other.
#[derive(Default)]
pub(crate) struct Counter {
    value: u64,
    /// Unknown increments that may still show.
    credit: u64,
    /// Acknowledged ones since the last unknown one.
    since: u32,
}

/// What a counter's value proves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Miscounted {
    /// Acknowledged increments that are gone.
    pub(crate) lost: u64,
    /// Increments that nobody asked for: some were executed twice.
    pub(crate) doubled: u64,
}

impl Counter {
    pub(crate) fn unknown(&mut self) {
        self.credit += 1;
        self.since = 0;
    }

    /// An increment was answered with `value`.
    pub(crate) fn acknowledged(&mut self, value: u64) -> Miscounted {
        self.value += 1;
        self.since += 1;
        let found = self.found(value);
        if self.since >= CREDIT_LIFE {
            self.credit = 0;
        }
        found
    }

    /// The counter was read while its writer rested.
    pub(crate) fn found(&mut self, value: u64) -> Miscounted {
        let lost = self.value.saturating_sub(value);
        let extra = value.saturating_sub(self.value);
        let late = extra.min(self.credit);
        self.credit -= late;
        self.value = value;
        Miscounted { lost, doubled: extra - late }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two slots; each write with what was told of it, then what is found in slot 1.
    fn check(writes: &[Told], found: u64, expected: Finding) {
        let mut ledger = Ledger::new(2);
        for told in writes {
            let number = ledger.next();
            ledger.told(number, *told);
        }
        assert_eq!(ledger.found(1, found), expected, "{writes:?}, found {found}");
        if ledger.may_hold(1, found) {
            assert_eq!(ledger.found(1, found), Finding::AsTold, "each finding is made once");
        }
    }

    #[test]
    fn what_is_found_is_judged_by_what_was_told() {
        use Told::{Acknowledged as A, Refused as R, Unknown as U};
        // Numbers 1, 3, 5 go to slot 1.
        check(&[A, A, A], 3, Finding::AsTold);
        check(&[A, A, A], 1, Finding::Lost);
        check(&[A, A, A], 0, Finding::Lost);
        check(&[A, A, A], 2, Finding::NeverWritten);
        check(&[A, A, A], 5, Finding::NeverWritten);
        check(&[A, A, U], 3, Finding::AsTold);
        check(&[A, A, U], 1, Finding::AsTold);
        check(&[U, A, A], 1, Finding::Overtaken);
        check(&[A, A, R], 3, Finding::NeverWritten);
        check(&[A, A, R], 1, Finding::AsTold);
        check(&[U, A, U], 0, Finding::AsTold);
    }

    #[test]
    fn a_counter_tells_lost_from_doubled_and_allows_for_the_unknown() {
        let mut counter = Counter::default();
        let clean = Miscounted::default();
        assert_eq!(counter.acknowledged(1), clean);
        counter.unknown();
        assert_eq!(counter.acknowledged(3), clean, "the unknown one was executed");
        assert_eq!(counter.acknowledged(5), Miscounted { lost: 0, doubled: 1 });
        counter.unknown();
        assert_eq!(counter.acknowledged(6), clean, "the unknown one was not executed");
        assert_eq!(counter.found(4), Miscounted { lost: 2, doubled: 0 });
        assert_eq!(counter.acknowledged(5), clean);
    }
}
