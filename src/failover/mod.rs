//! What happens when a primary changes, as pure rules.

mod verdict;

pub use verdict::{Fate, Kind, Past, Verdict, is_telling, verdict};
