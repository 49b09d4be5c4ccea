//! What rooms that may not meet can ask each other, and the queue that such letters go through.
//!
//! ```text
//!   asker                                   whoever is asked
//!     │  Question, with a ticket              │
//!     ├──────────── Letters (bounded) ───────►│  looks at what it has
//!     │◄─────────── Letters ──────────────────┤  Answer, with the same ticket
//!     │
//!     └─ Notice: the same way, and nothing comes back
//! ```
//!
//! A worker knows its own clients only. What is about all of them (CLIENT LIST, CLIENT KILL …) is asked of
//! every worker, and the answers are put together like the parts of a split command. Nobody ever waits
//! for a worker: a question that finds no room is answered with [`Answer::Busy`] at once, a notice that
//! finds none is lost, and whoever missed it is told that it did ([`Notice::Missed`]).
//!
//! **To add a question**: a variant of [`Question`]; its arm in `engine/questions.rs` (what one worker says
//! to it); and whoever asks returns an `Inquiry` with it, which names the way in which the answers become
//! one reply (`Say`, in the same file). The answers there are (a count, lines, done) serve nearly all: add one
//! only for what can be neither added up nor listed. **To add a notice**: a variant of [`Notice`], its arm in
//! `Engine::told`, and `Engine::tell_others` where it is sent; think of what `Missed` means for it.
//!
//! Deliberately absent: who answers what (the engine's), how a letter reaches another thread (the driver's).

mod clients;
mod letters;

pub use clients::{ClientCard, ClientFilter, ClientKind, Condition, Trait};
pub use letters::{Letter, Letters};

use std::sync::Arc;

use crate::base::{PoolId, WorkerId};

/// Whom an answer belongs to, and to which of its questions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ticket {
    pub asker: WorkerId,
    /// The asker's own number for it; never used twice.
    pub number: u64,
}

/// What a worker is asked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Question {
    /// Clients of a pool, as lines of CLIENT LIST. Answered with `Lines`.
    ListClients { pool: PoolId, filter: ClientFilter },
    /// Close them. Answered with their `Count`.
    KillClients { pool: PoolId, filter: ClientFilter },
    /// Wake a blocked client as if its time were up, or with an error. Answered with a `Count` of one or none.
    UnblockClient { pool: PoolId, number: u64, error: bool },
    /// The pool's pause (in its facts) has changed: `Done` once requests are judged by it.
    SeenPause { pool: PoolId },
}

/// What one worker says to a question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Done,
    Count(u64),
    Lines(Vec<Line>),
    /// More than this worker's share of `gather_limit`.
    TooMuch,
    /// It was not even asked: there was no room for the question, or it is about to end.
    Busy,
}

/// One line of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    /// By which the lines of all workers are ordered.
    pub order: u64,
    pub text: Vec<u8>,
}

/// What a worker is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A pool's pause (in its facts) has changed, and whoever changed it does not wait for anybody.
    PauseChanged,
    /// Requests of a pool, for those who watch them: so many lines of MONITOR.
    Monitored { pool: PoolId, lines: Arc<[u8]>, count: u64 },
    /// So many such lines had no room.
    LinesLost { pool: PoolId, count: u64 },
    /// Notices were lost, since there were too many: whatever is kept up to date by them must begin anew.
    Missed,
}
