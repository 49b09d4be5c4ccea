//! Requests that were split by shard, and how their part replies become one.
//!
//! A gather keeps the part replies in one arena and lives in a slab whose entries are used again: a
//! split of a few keys allocates nothing once the worker is warm.

use crate::base::ClientId;
use crate::engine::clients::replies::Seq;
use crate::engine::slab::Slab;
use crate::resp::{self, Elements};

/// A gather's place in its worker's slab.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct GatherId {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// How parts are put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Join {
    /// One array with the elements in the order of the keys (MGET).
    Elements,
    /// The sum of integers (DEL, EXISTS, DBSIZE ...).
    Sum,
    /// The first reply, if all agree that it worked (MSET, FLUSHDB).
    AllSucceeded,
    /// The one reply, among whose elements Ketch's own answers have yet to be put (EXEC).
    Block,
}

pub(crate) struct Gather {
    pub(crate) client: ClientId,
    pub(crate) seq: Seq,
    join: Join,
    is_read: bool,
    missing: u32,
    memory: Memory,
}

/// What a gather has on the heap, for the next one to use again.
#[derive(Default)]
struct Memory {
    /// Where each part's reply lies in the arena; length 0 until it came.
    parts: Vec<(u32, u32)>,
    arena: Vec<u8>,
    /// For `Join::Elements`: the part that each key went to, in the order of the keys.
    order: Vec<u16>,
}

/// Gathers whose memory is kept for the next ones.
const SPARE: usize = 256;
/// A spare gather keeps at most this much arena.
const KEPT_ARENA: usize = 16 * 1024;

pub(crate) struct Gathers {
    live: Slab<Gather>,
    spare: Vec<Memory>,
}

impl Gathers {
    pub(crate) fn new() -> Gathers {
        Gathers { live: Slab::new(), spare: Vec::new() }
    }

    pub(crate) fn begin(
        &mut self,
        client: ClientId,
        seq: Seq,
        join: Join,
        is_read: bool,
        parts: usize,
    ) -> GatherId {
        let memory = self.spare.pop().unwrap_or_default();
        let mut gather = Gather { client, seq, join, is_read, missing: parts as u32, memory };
        gather.memory.parts.resize(parts, (0, 0));
        self.live.insert(gather)
    }

    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Gather> {
        self.live.iter::<GatherId>().map(|(_, gather)| gather)
    }

    pub(crate) fn get(&self, id: GatherId) -> Option<&Gather> {
        self.live.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: GatherId) -> Option<&mut Gather> {
        self.live.get_mut(id)
    }

    /// Ends a gather; its memory serves the next.
    pub(crate) fn end(&mut self, id: GatherId) {
        if let Some(mut gather) = self.live.remove(id)
            && self.spare.len() < SPARE
        {
            gather.memory.clear();
            self.spare.push(gather.memory);
        }
    }
}

impl Memory {
    fn clear(&mut self) {
        self.parts.clear();
        self.order.clear();
        self.arena.clear();
        self.arena.shrink_to(KEPT_ARENA);
    }
}

impl Gather {
    /// Whether it is a block's answer.
    pub(crate) fn is_block(&self) -> bool {
        self.join == Join::Block
    }

    /// For `Join::Elements`: the next key went to `part`.
    pub(crate) fn key_of(&mut self, part: u16) {
        self.memory.order.push(part);
    }

    /// Bytes gathered so far.
    pub(crate) fn bytes(&self) -> usize {
        self.memory.arena.len()
    }

    /// One part's reply; true if it was the last one missing.
    pub(crate) fn part(&mut self, part: u32, reply: &[u8]) -> bool {
        let Some(place) = self.memory.parts.get_mut(part as usize) else { return false };
        debug_assert!(place.1 == 0, "a part answered twice");
        *place = (self.memory.arena.len() as u32, reply.len() as u32);
        self.memory.arena.extend_from_slice(reply);
        self.missing -= 1;
        self.missing == 0
    }

    fn replies(&self) -> impl Iterator<Item = &[u8]> {
        self.memory
            .parts
            .iter()
            .map(|&(start, len)| &self.memory.arena[start as usize..(start + len) as usize])
    }

    /// Appends the one reply to `out`. All parts must be in.
    pub(crate) fn join(&self, out: &mut Vec<u8>) {
        if self.join == Join::Block {
            return self.replies().for_each(|reply| out.extend_from_slice(reply));
        }
        let is_error = |r: &&[u8]| matches!(r.first(), Some(b'-' | b'!'));
        // An error that promises that nothing was executed must not hide that a part's outcome is unknown.
        let unknown = self.replies().find(|r| r.starts_with(b"-OUTCOMEUNKNOWN"));
        if let Some(error) = unknown.or_else(|| self.replies().find(is_error)) {
            return self.error(error, out);
        }
        match self.join {
            Join::AllSucceeded | Join::Block => {
                out.extend_from_slice(self.replies().next().unwrap_or(b"+OK\r\n"))
            }
            Join::Sum => {
                let sum = self.replies().map(resp::integer_of).try_fold(0i64, |sum, n| sum.checked_add(n?));
                match sum {
                    Some(sum) => resp::integer(out, sum),
                    None => resp::error(out, b"ERR a shard answered no number to its part of the request"),
                }
            }
            Join::Elements => self.elements(out),
        }
    }

    /// A split read fails as a whole. Of a split write, parts may have been executed: that is told.
    fn error(&self, error: &[u8], out: &mut Vec<u8>) {
        let line = error.strip_suffix(b"\r\n").unwrap_or(error);
        out.extend_from_slice(line);
        let applied = self.replies().filter(|r| !matches!(r.first(), Some(b'-' | b'!'))).count();
        if !self.is_read && applied > 0 {
            out.extend_from_slice(
                format!(" (applied on {applied} of {} shards)", self.memory.parts.len()).as_bytes(),
            );
        }
        out.extend_from_slice(b"\r\n");
    }

    fn elements(&self, out: &mut Vec<u8>) {
        // At most a handful of parts; sixteen stand on the stack, more pay for a list.
        const NEAR: usize = 16;
        let mut near: [Option<Elements<'_>>; NEAR] = [const { None }; NEAR];
        let mut far: Vec<Option<Elements<'_>>> = Vec::new();
        for (i, reply) in self.replies().enumerate() {
            let elements = Elements::of(reply);
            match near.get_mut(i) {
                Some(place) => *place = elements,
                None => far.push(elements),
            }
        }
        let begin = out.len();
        resp::array(out, self.memory.order.len());
        for &part in &self.memory.order {
            let part = usize::from(part);
            let elements = near.get_mut(part).or_else(|| far.get_mut(part.wrapping_sub(NEAR)));
            match elements.and_then(|e| e.as_mut()).and_then(Iterator::next) {
                Some(element) => out.extend_from_slice(element),
                None => {
                    out.truncate(begin);
                    return resp::error(out, b"ERR a shard answered fewer elements than it was asked for");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(join: Join, is_read: bool, parts: &[&[u8]], order: &[u16]) -> String {
        let mut gathers = Gathers::new();
        let client = ClientId { index: 0, generation: 0 };
        let id = gathers.begin(client, 0, join, is_read, parts.len());
        let gather = gathers.get_mut(id).unwrap();
        order.iter().for_each(|&part| gather.key_of(part));
        for (i, part) in parts.iter().enumerate().rev() {
            assert_eq!(gather.part(i as u32, part), i == 0);
        }
        let mut out = Vec::new();
        gather.join(&mut out);
        gathers.end(id);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn elements_stand_in_the_order_of_the_keys() {
        let parts: &[&[u8]] = &[b"*2\r\n$1\r\na\r\n$-1\r\n", b"*1\r\n$1\r\nb\r\n"];
        assert_eq!(joined(Join::Elements, true, parts, &[0, 1, 0]), "*3\r\n$1\r\na\r\n$1\r\nb\r\n$-1\r\n");
    }

    #[test]
    fn numbers_are_added() {
        assert_eq!(joined(Join::Sum, false, &[b":2\r\n", b":40\r\n"], &[]), ":42\r\n");
    }

    #[test]
    fn a_split_read_fails_whole_and_a_split_write_says_how_far_it_came() {
        let parts: &[&[u8]] = &[b"*1\r\n$1\r\na\r\n", b"-ERR x\r\n"];
        assert_eq!(joined(Join::Elements, true, parts, &[0, 1]), "-ERR x\r\n");
        let parts: &[&[u8]] = &[b"+OK\r\n", b"-OOM no\r\n", b"+OK\r\n"];
        assert_eq!(joined(Join::AllSucceeded, false, parts, &[]), "-OOM no (applied on 2 of 3 shards)\r\n");
        let parts: &[&[u8]] = &[b"-OOM no\r\n", b"-OOM no\r\n"];
        assert_eq!(joined(Join::AllSucceeded, false, parts, &[]), "-OOM no\r\n");
    }
}
