//! What a worker remembers of scripts: which it has loaded on a connection, and which of their texts it
//! has put into the pool's cache lately. No texts: those are the pool's, `topology::Scripts`.
//!
//! Deliberately absent: what is sent and when (`road/script`).

use core::time::Duration;
use std::collections::BTreeSet;

use crate::base::Time;
use crate::topology::Digest;

/// Scripts remembered of one connection. A client that makes a script for each request would fill the
/// memory; past this everything is forgotten, and loaded again when it is used.
const LOADED_MAX: usize = 4096;

/// The scripts that a node was given by one connection, or in its queue. A node that restarts loses its
/// scripts, and with them all its connections.
#[derive(Default)]
pub(crate) struct Loaded {
    digests: BTreeSet<Digest>,
    /// The pool's count of flushes when they were loaded.
    flushes: u64,
    /// Scripts of which the node is being asked whether it has them, oldest first.
    pub(crate) asked: Vec<Digest>,
}

impl Loaded {
    pub(crate) fn has(&self, digest: Digest, flushes: u64) -> bool {
        self.flushes == flushes && self.digests.contains(&digest)
    }

    pub(crate) fn add(&mut self, digest: Digest, flushes: u64) {
        if self.flushes != flushes || self.digests.len() >= LOADED_MAX {
            self.digests.clear();
            self.flushes = flushes;
        }
        self.digests.insert(digest);
    }

    pub(crate) fn remove(&mut self, digest: Digest) {
        self.digests.remove(&digest);
    }

    /// The node refused to load one: which, nobody asks.
    pub(crate) fn clear(&mut self) {
        self.digests.clear();
    }
}

/// For as long a script counts as used without the cache being told again: its lock is taken, and a text
/// hashed, at most so often for a script that is used all the time.
const USED_FOR: Duration = Duration::from_secs(1);
/// Scripts that are remembered so; a power of two. Two in one place only make each other be told again.
const PLACES: usize = 256;

/// Which scripts the pool's cache has been told of lately.
pub(crate) struct Used {
    places: Box<[(u64, Time)]>,
}

impl Default for Used {
    fn default() -> Used {
        Used { places: vec![(0, Time::ZERO); PLACES].into() }
    }
}

impl Used {
    /// Whether the cache need not be told of this script (by any number that is as good as random); from
    /// now on it need not.
    pub(crate) fn lately(&mut self, script: u64, now: Time) -> bool {
        let place = &mut self.places[script as usize % PLACES];
        let lately = place.0 == script && now.since(place.1) < USED_FOR && place.1 != Time::ZERO;
        if !lately {
            *place = (script, now);
        }
        lately
    }
}

/// A number for a text, much faster than its digest: two texts that share one are seldom, and then the
/// second is not kept for a second. `seed` is the worker's own, so that nobody can make them share one.
pub(crate) fn quick(text: &[u8], seed: u64) -> u64 {
    let mut number = seed ^ text.len() as u64;
    let mut mix = |word: u64| {
        let product = u128::from(number ^ word) * 0x9e37_79b9_7f4a_7c15;
        number = (product as u64) ^ (product >> 64) as u64;
    };
    let (words, rest) = text.as_chunks::<8>();
    words.iter().for_each(|word| mix(u64::from_le_bytes(*word)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    mix(u64::from_le_bytes(last));
    number
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_loaded_is_forgotten_by_a_flush_and_when_it_is_too_much() {
        let mut loaded = Loaded::default();
        let digest = |n: usize| Digest::of(&n.to_le_bytes());
        loaded.add(digest(0), 0);
        assert!(loaded.has(digest(0), 0) && !loaded.has(digest(0), 1) && !loaded.has(digest(1), 0));
        loaded.add(digest(1), 1);
        assert!(!loaded.has(digest(0), 1));
        (0..LOADED_MAX + 1).for_each(|n| loaded.add(digest(n), 1));
        assert!(loaded.digests.len() < LOADED_MAX && loaded.has(digest(LOADED_MAX), 1));
    }

    #[test]
    fn the_cache_is_told_of_a_script_once_a_second() {
        let mut used = Used::default();
        let at = |ms: u64| Time::from_millis(1000 + ms);
        let told = [0, 10, 999, 1000, 1500].map(|ms| !used.lately(7, at(ms)));
        assert_eq!(told, [true, false, false, true, false]);
    }

    #[test]
    fn texts_have_numbers_of_their_own() {
        let texts = ["", "a", "b", "return 1", "return 12", "return 1\0"];
        let numbers: BTreeSet<u64> = texts.iter().map(|text| quick(text.as_bytes(), 5)).collect();
        assert_eq!(numbers.len(), texts.len());
        assert_ne!(quick(b"return 1", 5), quick(b"return 1", 6));
    }
}
