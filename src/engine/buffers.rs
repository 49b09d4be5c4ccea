//! Byte queues and where their memory comes from.
//!
//! An idle connection holds no buffer: what a queue grew goes back to a bounded pool when the queue is
//! empty, and the next busy one takes it from there. A queue keeps a position instead of moving its
//! front (`drain(..n)` is a memmove), and is compacted only when more than half of it is dead.

use super::clients::Partial;
use super::clients::replies::Parked;

/// A queue larger than this gives its memory back to the system, not to the pool.
const KEPT_CAPACITY: usize = 64 * 1024;
/// Buffers that a worker keeps: 512 × at most 64 KiB = 32 MiB at the very worst.
const KEPT: usize = 512;
/// Arguments that a spare list has room for.
const KEPT_ARGS: usize = 1024;
/// Below this, compacting costs more than the dead bytes.
const COMPACT_FROM: usize = 16 * 1024;

#[derive(Default)]
pub(crate) struct BufferPool {
    spare: Vec<Vec<u8>>,
    /// Boxed already: taking one must not allocate.
    #[expect(
        clippy::vec_box,
        reason = "clients hold them boxed, so that an idle one pays for a pointer only"
    )]
    parked: Vec<Box<Parked>>,
    #[expect(
        clippy::vec_box,
        reason = "clients hold them boxed, so that an idle one pays for a pointer only"
    )]
    partials: Vec<Box<Partial>>,
}

impl BufferPool {
    pub(crate) fn take(&mut self) -> Vec<u8> {
        self.spare.pop().unwrap_or_default()
    }

    pub(crate) fn give(&mut self, mut buffer: Vec<u8>) {
        let kept = 0 < buffer.capacity() && buffer.capacity() <= KEPT_CAPACITY && self.spare.len() < KEPT;
        if kept {
            buffer.clear();
            self.spare.push(buffer);
        }
    }

    pub(crate) fn take_partial(&mut self) -> Box<Partial> {
        self.partials.pop().unwrap_or_default()
    }

    pub(crate) fn give_partial(&mut self, mut partial: Box<Partial>) {
        if self.partials.len() < KEPT {
            partial.args.clear();
            partial.args.shrink_to(KEPT_ARGS);
            self.partials.push(partial);
        }
    }

    pub(crate) fn take_parked(&mut self) -> Box<Parked> {
        self.parked.pop().unwrap_or_default()
    }

    pub(crate) fn give_parked(&mut self, mut parked: Box<Parked>) {
        if self.parked.len() < KEPT {
            parked.recycle(KEPT_CAPACITY);
            self.parked.push(parked);
        }
    }
}

/// Bytes that come in at the back and leave at the front.
#[derive(Default)]
pub(crate) struct ByteQueue {
    bytes: Vec<u8>,
    at: usize,
}

impl ByteQueue {
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.bytes.len()
    }

    #[inline]
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    #[inline]
    pub(crate) fn extend(&mut self, bytes: &[u8], pool: &mut BufferPool) {
        if self.bytes.capacity() == 0 {
            self.bytes = pool.take();
        }
        if self.at >= COMPACT_FROM && self.at * 2 >= self.bytes.len() {
            self.bytes.drain(..self.at);
            self.at = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Takes `n` bytes from the front; an empty queue gives its memory back.
    #[inline]
    pub(crate) fn consume(&mut self, n: usize, pool: &mut BufferPool) {
        debug_assert!(n <= self.len());
        self.at = (self.at + n).min(self.bytes.len());
        if self.is_empty() {
            self.at = 0;
            pool.give(std::mem::take(&mut self.bytes));
        }
    }

    pub(crate) fn clear(&mut self, pool: &mut BufferPool) {
        let n = self.len();
        self.consume(n, pool);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_queue_holds_no_memory() {
        let mut pool = BufferPool::default();
        let mut queue = ByteQueue::default();
        queue.extend(b"hello", &mut pool);
        queue.consume(2, &mut pool);
        assert_eq!(queue.as_slice(), b"llo");
        queue.consume(3, &mut pool);
        assert_eq!(queue.bytes.capacity(), 0);
        assert_eq!(pool.spare.len(), 1);
    }

    #[test]
    fn dead_bytes_do_not_pile_up() {
        let mut pool = BufferPool::default();
        let mut queue = ByteQueue::default();
        queue.extend(&[7; 100], &mut pool);
        for _ in 0..10_000 {
            queue.extend(&[1; 100], &mut pool);
            queue.consume(100, &mut pool);
        }
        assert_eq!(queue.len(), 100);
        assert!(queue.bytes.capacity() < 256 * 1024, "{}", queue.bytes.capacity());
    }
}
