//! The order of a client's replies: each request reserves a place, and replies leave in the order of
//! the places, whatever order they come in.
//!
//! The reply at the head goes straight to the client's output. Any other is parked in one arena a
//! client (no allocation a reply: a pipeline over two shards parks half of its replies), until the ones
//! before it have gone.

use std::collections::VecDeque;

use super::silence::{Mode, Silence};
use crate::engine::buffers::{BufferPool, ByteQueue};

/// Below this, compacting the arena costs more than its dead bytes.
const COMPACT_FROM: usize = 64 * 1024;

/// A place in a client's order. Wraps; places in flight are far fewer than 2³¹.
pub(crate) type Seq = u32;

#[derive(Default)]
pub(crate) struct Replies {
    /// The next place whose reply may leave.
    head: Seq,
    /// The next place to be given out.
    next: Seq,
    parked: Option<Box<Parked>>,
    /// CLIENT REPLY, and which places it concerns.
    silence: Option<Box<Silence>>,
}

#[derive(Default)]
pub(crate) struct Parked {
    /// Replies one behind the other, dead ones included.
    arena: Vec<u8>,
    /// Sorted by place.
    entries: VecDeque<(Seq, u32, u32)>,
    live: usize,
}

impl Replies {
    #[inline]
    pub(crate) fn reserve(&mut self) -> Seq {
        let seq = self.next;
        self.next = seq.wrapping_add(1);
        if let Some(silence) = &mut self.silence {
            silence.reserved(seq);
        }
        seq
    }

    /// How replies to the next requests are treated.
    pub(crate) fn set_mode(&mut self, mode: Mode) {
        self.silence.get_or_insert_default().set(mode);
        self.forget_silence();
    }

    /// Whether the reply of a place is not to be seen by anybody.
    pub(crate) fn is_silent(&self, seq: Seq) -> bool {
        self.silence.as_ref().is_some_and(|silence| silence.has(seq))
    }

    /// What leaves instead of a reply.
    fn silenced<'a>(&mut self, seq: Seq, reply: &'a [u8]) -> &'a [u8] {
        let silent = self.silence.as_mut().is_some_and(|silence| silence.take(seq));
        self.forget_silence();
        if silent { &[] } else { reply }
    }

    /// The reply of a place is told also to a client that wants no replies, as Redis does it with what it
    /// pushes.
    pub(crate) fn is_pushed(&mut self, seq: Seq) {
        if let Some(silence) = &mut self.silence {
            silence.take(seq);
            self.forget_silence();
        }
    }

    fn forget_silence(&mut self) {
        if self.silence.as_ref().is_some_and(|silence| silence.is_over()) {
            self.silence = None;
        }
    }

    /// Requests whose reply has not left for the output.
    #[inline]
    pub(crate) fn owed(&self) -> u32 {
        self.next.wrapping_sub(self.head)
    }

    #[inline]
    pub(crate) fn is_head(&self, seq: Seq) -> bool {
        self.head == seq
    }

    /// The place whose reply leaves next.
    pub(crate) fn head(&self) -> Seq {
        self.head
    }

    /// Places whose reply waits for its turn.
    pub(crate) fn parked_places(&self) -> impl Iterator<Item = Seq> {
        self.parked.iter().flat_map(|p| p.entries.iter().map(|(seq, ..)| *seq))
    }

    /// # Errors
    /// Where what is parked is not in order, or could have left.
    pub(crate) fn check(&self) -> Result<(), String> {
        let Some(parked) = &self.parked else { return Ok(()) };
        let mut last = 0;
        for (seq, ..) in &parked.entries {
            let distance = seq.wrapping_sub(self.head);
            if distance <= last || distance >= self.owed() {
                return Err(format!("reply {seq} is parked while {} is at the head", self.head));
            }
            last = distance;
        }
        let live: usize = parked.entries.iter().map(|(_, _, len)| *len as usize).sum();
        if live == parked.live {
            Ok(())
        } else {
            Err(format!("{live} bytes parked, {} counted", parked.live))
        }
    }

    /// Bytes that wait for their turn.
    pub(crate) fn parked_bytes(&self) -> usize {
        self.parked.as_ref().map_or(0, |p| p.live)
    }

    /// Gives the reply of place `seq`: it and whatever it was holding up go to the output.
    #[inline]
    pub(crate) fn deliver(&mut self, seq: Seq, reply: &[u8], output: &mut ByteQueue, pool: &mut BufferPool) {
        let reply = if self.silence.is_some() { self.silenced(seq, reply) } else { reply };
        if self.head == seq {
            output.extend(reply, pool);
            self.advance(output, pool);
        } else {
            self.park(seq, reply, pool);
        }
    }

    /// The reply at the head has gone to the output in pieces: on to the next.
    #[inline]
    pub(crate) fn advance(&mut self, output: &mut ByteQueue, pool: &mut BufferPool) {
        debug_assert!(self.head != self.next, "a reply that nobody asked for");
        self.head = self.head.wrapping_add(1);
        let Some(parked) = self.parked.as_mut() else { return };
        while let Some(&(seq, start, len)) = parked.entries.front()
            && seq == self.head
        {
            let (start, len) = (start as usize, len as usize);
            output.extend(&parked.arena[start..start + len], pool);
            parked.entries.pop_front();
            parked.live -= len;
            self.head = self.head.wrapping_add(1);
        }
        if parked.entries.is_empty()
            && let Some(parked) = self.parked.take()
        {
            pool.give_parked(parked);
        }
    }

    fn park(&mut self, seq: Seq, reply: &[u8], pool: &mut BufferPool) {
        let head = self.head;
        let parked = self.parked.get_or_insert_with(|| pool.take_parked());
        if parked.arena.len() > COMPACT_FROM && parked.live * 2 < parked.arena.len() {
            parked.compact();
        }
        let start = parked.arena.len() as u32;
        parked.arena.extend_from_slice(reply);
        parked.live += reply.len();
        let distance = seq.wrapping_sub(head);
        let at = parked.entries.partition_point(|(s, ..)| s.wrapping_sub(head) < distance);
        debug_assert!(parked.entries.get(at).is_none_or(|(s, ..)| *s != seq), "two replies for one place");
        parked.entries.insert(at, (seq, start, reply.len() as u32));
    }
}

impl Parked {
    /// Empties it for the next client; memory beyond `kept` bytes is given back.
    pub(crate) fn recycle(&mut self, kept: usize) {
        self.entries.clear();
        self.arena.clear();
        self.arena.shrink_to(kept);
        self.live = 0;
    }

    fn compact(&mut self) {
        let mut arena = Vec::with_capacity(self.live);
        for (_, start, len) in &mut self.entries {
            let from = *start as usize;
            *start = arena.len() as u32;
            arena.extend_from_slice(&self.arena[from..from + *len as usize]);
        }
        self.arena = arena;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_leave_in_the_order_of_their_places() {
        let (mut pool, mut output) = (BufferPool::default(), ByteQueue::default());
        let mut replies = Replies { head: u32::MAX - 1, next: u32::MAX - 1, ..Replies::default() };
        let places: Vec<Seq> = (0..5).map(|_| replies.reserve()).collect();
        for i in [3, 1, 4, 0, 2] {
            replies.deliver(places[i], format!("{i}").as_bytes(), &mut output, &mut pool);
        }
        assert_eq!(output.as_slice(), b"01234");
        assert_eq!((replies.owed(), replies.parked_bytes()), (0, 0));
    }

    #[test]
    fn what_is_parked_is_counted_and_its_dead_bytes_are_dropped() {
        let (mut pool, mut output) = (BufferPool::default(), ByteQueue::default());
        let mut replies = Replies::default();
        let first = replies.reserve();
        let places: Vec<Seq> = (0..100).map(|_| replies.reserve()).collect();
        for place in places {
            replies.deliver(place, &[b'x'; 1000], &mut output, &mut pool);
        }
        assert_eq!(replies.parked_bytes(), 100_000);
        replies.deliver(first, b"y", &mut output, &mut pool);
        assert_eq!((replies.parked_bytes(), output.len()), (0, 100_001));
    }

    /// What leaves of eight replies "0" to "7", given in that order of places, when CLIENT REPLY is said before
    /// some of them.
    fn left(said: &[(usize, Mode)], order: [usize; 8]) -> String {
        let (mut pool, mut output) = (BufferPool::default(), ByteQueue::default());
        let mut replies = Replies::default();
        let mut places = Vec::new();
        for place in 0..8 {
            said.iter().filter(|(before, _)| *before == place).for_each(|(_, mode)| replies.set_mode(*mode));
            places.push(replies.reserve());
        }
        for place in order {
            assert_eq!(replies.check(), Ok(()));
            replies.deliver(places[place], place.to_string().as_bytes(), &mut output, &mut pool);
        }
        assert_eq!((replies.owed(), replies.parked_bytes()), (0, 0));
        String::from_utf8(output.as_slice().to_vec()).unwrap()
    }

    #[test]
    fn silent_replies_do_not_leave_in_whatever_order_they_come() {
        for order in [[0, 1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1, 0], [3, 0, 5, 1, 7, 2, 4, 6]] {
            for (said, leaves) in [
                (&[][..], "01234567"),
                (&[(3, Mode::Skip)], "0124567"),
                (&[(2, Mode::Off), (5, Mode::On)], "01567"),
                (&[(2, Mode::Off)], "01"),
                (&[(2, Mode::Skip), (3, Mode::Skip)], "014567"),
                (&[(2, Mode::Skip), (2, Mode::On)], "01234567"),
                (&[(2, Mode::Skip), (2, Mode::Off), (4, Mode::On)], "014567"),
                (&[(2, Mode::Off), (3, Mode::Skip), (4, Mode::On)], "014567"),
            ] {
                assert_eq!(left(said, order), leaves, "{said:?} {order:?}");
            }
        }
    }
}
