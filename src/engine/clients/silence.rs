//! CLIENT REPLY: which of a client's replies it does not want. They keep their places, so that nothing else
//! moves, and are dropped when they would leave; nodes answer as ever, since their connections are shared.

use std::collections::VecDeque;

use super::replies::Seq;

/// What CLIENT REPLY may say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    On,
    Off,
    /// The next reply is left out.
    Skip,
}

/// A client that has no silence has them all.
#[derive(Default)]
pub(crate) struct Silence {
    off: bool,
    skip: bool,
    /// Places whose reply has not come yet, and will be dropped; oldest first, no more than are in flight.
    places: VecDeque<Seq>,
}

impl Silence {
    /// As Redis does it: ON ends a SKIP, too, and under OFF a SKIP says nothing.
    pub(crate) fn set(&mut self, mode: Mode) {
        self.skip = mode == Mode::Skip && !self.off;
        match mode {
            Mode::On => self.off = false,
            Mode::Off => self.off = true,
            Mode::Skip => {}
        }
    }

    pub(crate) fn reserved(&mut self, seq: Seq) {
        if self.off || core::mem::take(&mut self.skip) {
            self.places.push_back(seq);
        }
    }

    pub(crate) fn is_off(&self) -> bool {
        self.off
    }

    pub(crate) fn has(&self, seq: Seq) -> bool {
        self.places.contains(&seq)
    }

    /// The reply of a place is there: whether it is dropped.
    pub(crate) fn take(&mut self, seq: Seq) -> bool {
        let at = self.places.iter().position(|place| *place == seq);
        at.is_some_and(|at| self.places.remove(at).is_some())
    }

    /// Everything is as if nothing had been said.
    pub(crate) fn is_over(&self) -> bool {
        !self.off && !self.skip && self.places.is_empty()
    }
}
