//! What workers ask and tell each other: from the engine into another's mailbox, and out of one's own. Nothing
//! here waits: where there is no room, that is the answer.

use std::collections::VecDeque;

use super::Worker;
use crate::engine::Action;
use crate::exchange::{Answer, Letter, Ticket};

impl Worker {
    /// Does one of the engine's actions that is for another worker.
    pub(super) fn send_letter(&mut self, action: Action) {
        match action {
            Action::Ask { ticket, to, question } => {
                if !self.mailboxes[usize::from(to.0)].post(Letter::Question(ticket, question)) {
                    self.engine.answered(ticket, to, Answer::Busy);
                }
            }
            Action::Reply { ticket, answer } => self.reply(ticket, answer),
            Action::Tell { to, notice } => {
                // Whoever has no room for it will learn that it missed something.
                let _ = self.mailboxes[usize::from(to.0)].post(Letter::Notice(notice));
            }
            other => debug_assert!(false, "no letter: {other:?}"),
        }
    }

    pub(super) fn read_letters(&mut self, letters: VecDeque<Letter>) {
        for letter in letters {
            match letter {
                Letter::Question(ticket, question) => self.engine.asked(ticket, &question),
                Letter::Answer(ticket, from, answer) => self.engine.answered(ticket, from, answer),
                Letter::Notice(notice) => self.engine.told(&notice),
            }
        }
    }

    /// Whoever asks from now on is refused at once, and whoever has asked gets its answer.
    pub(super) fn answer_no_more(&self) {
        for letter in self.mailboxes[usize::from(self.id.0)].close() {
            if let Letter::Question(ticket, _) = letter {
                self.reply(ticket, Answer::Busy);
            }
        }
    }

    fn reply(&self, ticket: Ticket, answer: Answer) {
        // Refused only by a worker that has ended, and its clients with it.
        let _ = self.mailboxes[usize::from(ticket.asker.0)].post(Letter::Answer(ticket, self.id, answer));
    }
}
