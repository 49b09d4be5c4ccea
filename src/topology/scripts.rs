//! The texts of scripts that clients of a pool have sent, so that a node that lacks one can be given it.
//!
//! Shared by all workers: what one has seen in an EVAL, another may need for an EVALSHA. It is behind a
//! lock and not on the way of a request: a worker asks only for a script that it has not yet given to that
//! connection, and marks one as used once in a while. Bounded by `script_cache`: those used least recently
//! go first.
//!
//! Deliberately absent: which node has which script. Each connection knows what was loaded on it.

use core::sync::atomic::{AtomicU64, Ordering};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The SHA1 of a script's text: its name in EVALSHA.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Digest([u8; 20]);

impl Digest {
    pub fn of(text: &[u8]) -> Digest {
        Digest(sha1_smol::Sha1::from(text).digest().bytes())
    }

    /// From forty hexadecimal digits, of either case as Redis takes them; `None` for anything else.
    pub fn parse(text: &[u8]) -> Option<Digest> {
        let text: &[u8; 40] = text.try_into().ok()?;
        let digit = |byte: u8| (byte as char).to_digit(16).map(|digit| digit as u8);
        let mut bytes = [0; 20];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Digest(bytes))
    }

    /// Forty hexadecimal digits, in lower case.
    pub fn hex(self) -> [u8; 40] {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut hex = [0; 40];
        for (pair, byte) in hex.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        hex
    }

    /// A number that is as good as random, for tables.
    pub fn short(self) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }
}

/// What an entry costs besides its text: its digest twice, its place in the order, the allocations.
const OVERHEAD: usize = 160;

#[derive(Debug, Default)]
pub struct Scripts {
    /// How often everything was forgotten: whoever remembers what it loaded compares.
    flushes: AtomicU64,
    texts: Mutex<Texts>,
}

#[derive(Debug, Default)]
struct Texts {
    by_digest: BTreeMap<Digest, (u64, Arc<[u8]>)>,
    /// The least recently used first.
    by_use: BTreeMap<u64, Digest>,
    bytes: usize,
    next_use: u64,
}

impl Scripts {
    /// Keeps a text, or marks it as used. One that is larger than `limit` (in bytes) is not kept.
    pub fn keep(&self, digest: Digest, text: &[u8], limit: usize) {
        let mut texts = self.lock();
        if texts.used(digest).is_some() || text.len() + OVERHEAD > limit {
            return;
        }
        texts.insert(digest, text.into());
        while texts.bytes > limit {
            texts.drop_oldest();
        }
    }

    /// The text of a script, which counts as used.
    pub fn text(&self, digest: Digest) -> Option<Arc<[u8]>> {
        self.lock().used(digest)
    }

    /// Forgets all texts: SCRIPT FLUSH.
    pub fn flush(&self) {
        let mut texts = self.lock();
        *texts = Texts { next_use: texts.next_use, ..Texts::default() };
        self.flushes.fetch_add(1, Ordering::Release);
    }

    pub fn flushes(&self) -> u64 {
        self.flushes.load(Ordering::Acquire)
    }

    /// How many texts are kept, and their bytes.
    pub fn kept(&self) -> (usize, usize) {
        let texts = self.lock();
        (texts.by_digest.len(), texts.bytes)
    }

    /// Nothing under the lock panics half-way through a change; a poisoned one is as good.
    fn lock(&self) -> MutexGuard<'_, Texts> {
        self.texts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Texts {
    fn used(&mut self, digest: Digest) -> Option<Arc<[u8]>> {
        let (used, text) = self.by_digest.get_mut(&digest)?;
        self.by_use.remove(used);
        *used = self.next_use;
        self.by_use.insert(self.next_use, digest);
        self.next_use += 1;
        Some(Arc::clone(text))
    }

    fn insert(&mut self, digest: Digest, text: Arc<[u8]>) {
        self.bytes += text.len() + OVERHEAD;
        self.by_use.insert(self.next_use, digest);
        self.by_digest.insert(digest, (self.next_use, text));
        self.next_use += 1;
    }

    fn drop_oldest(&mut self) {
        let Some((_, digest)) = self.by_use.pop_first() else { return };
        if let Some((_, text)) = self.by_digest.remove(&digest) {
            self.bytes -= text.len() + OVERHEAD;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_redis_s_name_of_a_script() {
        let hex = b"e0e1f9fabfc9d4800c877a703b823ac0578ff8db";
        assert_eq!(&Digest::of(b"return 1").hex(), hex);
        assert_eq!(Digest::parse(&hex.to_ascii_uppercase()), Some(Digest::of(b"return 1")));
        for wrong in [&hex[1..], b"g0e1f9fabfc9d4800c877a703b823ac0578ff8db", b""] {
            assert_eq!(Digest::parse(wrong), None);
        }
    }

    #[test]
    fn texts_are_kept_up_to_a_bound_and_the_least_used_goes_first() {
        let scripts = Scripts::default();
        let text = |n: u8| vec![n; 1000];
        let digest = |n: u8| Digest::of(&text(n));
        let limit = 3 * (1000 + OVERHEAD);
        (0..3).for_each(|n| scripts.keep(digest(n), &text(n), limit));
        assert!(scripts.text(digest(0)).is_some());
        scripts.keep(digest(3), &text(3), limit);
        let kept: Vec<bool> = (0..4).map(|n| scripts.text(digest(n)).is_some()).collect();
        assert_eq!(kept, [true, false, true, true]);
        assert_eq!(scripts.kept(), (3, limit));
        scripts.keep(Digest::of(b"large"), &vec![0; limit], limit);
        assert_eq!(scripts.kept().0, 3, "one that is too large drives nobody out");
    }

    #[test]
    fn a_flush_forgets_everything_and_is_counted() {
        let scripts = Scripts::default();
        scripts.keep(Digest::of(b"a"), b"a", 1000);
        scripts.flush();
        assert_eq!((scripts.kept(), scripts.flushes()), ((0, 0), 1));
        assert!(scripts.text(Digest::of(b"a")).is_none());
    }
}
