//! The letters that wait for one worker: bounded, in the order in which they came.
//!
//! Answers always find room, or a client would wait for nothing: there are never more of them than questions
//! that their reader has asked, which is bounded where it asks. Lines of MONITOR have a bound of their own, so that
//! they take no room from anything else; which of them were lost is told by their number alone.

use std::collections::{BTreeMap, VecDeque};

use super::{Answer, Notice, Question, Ticket};
use crate::base::{PoolId, WorkerId};

/// Questions that may wait for one worker. It answers all of them in its next turn, so more than this are
/// asked by clients that do nothing else.
pub(crate) const QUESTIONS_MAX: usize = 1024;
/// Notices that may wait for one worker.
pub(crate) const NOTICES_MAX: usize = 16_384;

/// Bytes of MONITOR's lines that may wait for one worker: some ten thousand requests, so that a worker that turns a
/// little late loses none.
pub(crate) const LINES_MAX: usize = 4 * 1024 * 1024;

/// What one worker sends another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Letter {
    Question(Ticket, Question),
    /// And who says so.
    Answer(Ticket, WorkerId, Answer),
    Notice(Notice),
}

/// What waits for one worker.
#[derive(Default, Debug)]
pub struct Letters {
    waiting: VecDeque<Letter>,
    questions: usize,
    notices: usize,
    line_bytes: usize,
    /// Lines that had no room, by pool.
    lost_lines: BTreeMap<PoolId, u64>,
    missed: bool,
    closed: bool,
}

impl Letters {
    /// True if the letter will be read; else there was no room, or nobody reads any more. A question that was
    /// refused must be answered with [`Answer::Busy`] by whoever sent it.
    #[must_use]
    pub fn post(&mut self, letter: Letter) -> bool {
        if self.closed {
            return false;
        }
        let room = match letter {
            Letter::Question(..) => take_place(&mut self.questions, QUESTIONS_MAX),
            Letter::Notice(Notice::Monitored { pool, ref lines, count }) => {
                let room = self.line_bytes + lines.len() <= LINES_MAX;
                if room {
                    self.line_bytes += lines.len();
                } else {
                    *self.lost_lines.entry(pool).or_default() += count;
                }
                room
            }
            Letter::Notice(_) => {
                let room = take_place(&mut self.notices, NOTICES_MAX);
                self.missed |= !room;
                room
            }
            Letter::Answer(..) => true,
        };
        if room {
            self.waiting.push_back(letter);
        }
        room
    }

    /// All that waits; at its end, that something was missed.
    pub fn take(&mut self) -> VecDeque<Letter> {
        self.questions = 0;
        self.notices = 0;
        self.line_bytes = 0;
        let mut letters = core::mem::take(&mut self.waiting);
        for (pool, count) in core::mem::take(&mut self.lost_lines) {
            letters.push_back(Letter::Notice(Notice::LinesLost { pool, count }));
        }
        if core::mem::take(&mut self.missed) {
            letters.push_back(Letter::Notice(Notice::Missed));
        }
        letters
    }

    /// Nobody reads any more. What still waited is given back: its questions want an answer.
    pub fn close(&mut self) -> VecDeque<Letter> {
        self.closed = true;
        self.take()
    }
}

fn take_place(taken: &mut usize, places: usize) -> bool {
    let room = *taken < places;
    *taken += usize::from(room);
    room
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PoolId;

    fn question(number: u64) -> Letter {
        let ticket = Ticket { asker: WorkerId(1), number };
        Letter::Question(ticket, Question::SeenPause { pool: PoolId(0) })
    }

    fn answer(number: u64) -> Letter {
        Letter::Answer(Ticket { asker: WorkerId(0), number }, WorkerId(1), Answer::Done)
    }

    #[test]
    fn questions_beyond_the_bound_are_refused_and_answers_never() {
        let mut letters = Letters::default();
        assert!((0..QUESTIONS_MAX as u64).all(|n| letters.post(question(n))));
        assert!(!letters.post(question(0)));
        assert!((0..5000).all(|n| letters.post(answer(n))));
        assert_eq!(letters.take().len(), QUESTIONS_MAX + 5000);
        assert!(letters.post(question(0)), "there is room again");
    }

    #[test]
    fn who_missed_a_notice_is_told_so_behind_the_others() {
        let mut letters = Letters::default();
        let notice = || Letter::Notice(Notice::PauseChanged);
        assert!((0..NOTICES_MAX).all(|_| letters.post(notice())));
        assert!(!letters.post(notice()));
        let taken = letters.take();
        assert_eq!(taken.len(), NOTICES_MAX + 1);
        assert_eq!(taken.back(), Some(&Letter::Notice(Notice::Missed)));
        assert!(letters.take().is_empty(), "told once");
    }

    #[test]
    fn letters_keep_their_order_and_a_closed_box_takes_none() {
        let mut letters = Letters::default();
        let sent = [question(1), answer(1), question(2), Letter::Notice(Notice::PauseChanged)];
        assert!(sent.iter().all(|letter| letters.post(letter.clone())));
        assert_eq!(Vec::from(letters.close()), sent);
        assert!(!letters.post(question(3)) && !letters.post(answer(3)));
    }
}
