//! An upstream's output as a replay buffer with three marks: answered ≤ written ≤ queued.
//!
//! ```text
//!   answered            written                queued
//!      ├── in flight ──────┼── not yet written ───┤
//! ```
//!
//! Bytes leave when their reply has been matched, not when the kernel took them: so every request in
//! flight can be judged and sent again from its own bytes, with no second copy. A streamed request is
//! the exception: it is too large to keep, and its bytes leave when they are written.

use crate::engine::buffers::{BufferPool, ByteQueue};

#[derive(Default)]
pub(crate) struct Replay {
    bytes: ByteQueue,
    /// Of `bytes`, how many the kernel has taken.
    written: usize,
}

impl Replay {
    /// Bytes whose reply has not come, written or not.
    #[inline]
    pub(crate) fn unanswered(&self) -> usize {
        self.bytes.len()
    }

    #[inline]
    pub(crate) fn to_write(&self) -> &[u8] {
        &self.bytes.as_slice()[self.written..]
    }

    #[inline]
    pub(crate) fn queue(&mut self, request: &[u8], pool: &mut BufferPool) {
        self.bytes.extend(request, pool);
    }

    #[inline]
    pub(crate) fn wrote(&mut self, n: usize) {
        self.written += n;
        debug_assert!(self.written <= self.bytes.len());
    }

    /// The oldest request, `length` bytes, has been answered. False if it was not even written: then
    /// the reply cannot be its own.
    #[inline]
    pub(crate) fn answered(&mut self, length: usize, pool: &mut BufferPool) -> bool {
        if length > self.written {
            return false;
        }
        self.written -= length;
        self.bytes.consume(length, pool);
        true
    }

    /// The oldest `length` bytes.
    pub(crate) fn front(&self, length: usize) -> &[u8] {
        &self.bytes.as_slice()[..length.min(self.bytes.len())]
    }

    /// The bytes at `from` of what is unanswered, and whether the last of them was given to the kernel.
    pub(crate) fn request(&self, from: usize, length: usize) -> (&[u8], bool) {
        (&self.bytes.as_slice()[from..from + length], from + length <= self.written)
    }

    /// For a streamed request: what is written need not be kept.
    pub(crate) fn forget_written(&mut self, pool: &mut BufferPool) {
        let n = core::mem::take(&mut self.written);
        self.bytes.consume(n, pool);
    }

    pub(crate) fn clear(&mut self, pool: &mut BufferPool) {
        self.written = 0;
        self.bytes.clear(pool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_when_their_reply_came_and_never_before_they_were_written() {
        let mut pool = BufferPool::default();
        let mut replay = Replay::default();
        replay.queue(b"first", &mut pool);
        replay.queue(b"second", &mut pool);
        replay.wrote(7);
        assert_eq!(replay.request(0, 5), (&b"first"[..], true));
        assert_eq!(replay.request(5, 6), (&b"second"[..], false));
        assert_eq!(replay.to_write(), b"cond");
        assert!(replay.answered(5, &mut pool));
        assert!(!replay.answered(6, &mut pool), "its last byte was never written");
        replay.wrote(4);
        assert!(replay.answered(6, &mut pool));
        assert_eq!(replay.unanswered(), 0);
    }
}
