//! Requests that were split by shard, and how their part replies become one.
//!
//! A gather keeps the part replies in one arena and lives in a slab whose entries are used again: a
//! split of a few keys allocates nothing once the worker is warm.

use super::pubsub::Question;
use super::scan::{Page, Tag};
use crate::base::ClientId;
use crate::command::{self, ReplyPolicy};
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
    /// The sum of integers (DEL, EXISTS, DBSIZE ...): by its policy as well, but without a list of numbers.
    Sum,
    /// By Redis's policy of this name; arrays in one another's wake where the command has none (KEYS).
    Policy(ReplyPolicy),
    /// The only part is a node's page of a scan.
    Page(Page),
    /// As many sizes as shards, then as many keys: the key of one shard, each as likely as its size. With
    /// the number that decides.
    OneKey(u32),
    /// About subscribers: put together where they are counted.
    Subscribers(Question),
    /// The one reply, among whose elements Ketch's own answers have yet to be put (EXEC).
    Block,
}

impl Join {
    pub(crate) fn by(policy: ReplyPolicy) -> Join {
        if policy == ReplyPolicy::AggSum { Join::Sum } else { Join::Policy(policy) }
    }
}

pub(crate) struct Gather {
    pub(crate) client: ClientId,
    pub(crate) seq: Seq,
    join: Join,
    is_read: bool,
    missing: u32,
    /// The process that answered last; told before its part is given.
    answered_by: Tag,
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
    /// The channel that a message was published to.
    subject: Vec<u8>,
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
        let (missing, answered_by) = (parts as u32, Tag::default());
        let mut gather = Gather { client, seq, join, is_read, missing, answered_by, memory };
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
        self.subject.clear();
        self.subject.shrink_to(KEPT_ARENA);
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

    /// What the request is about, where the reply does not tell.
    pub(crate) fn about(&mut self, subject: &[u8]) {
        self.memory.subject.extend_from_slice(subject);
    }

    pub(crate) fn subject(&self) -> &[u8] {
        &self.memory.subject
    }

    pub(crate) fn order(&self) -> &[u16] {
        &self.memory.order
    }

    /// Who puts the parts together, if it is not this file.
    pub(crate) fn question(&self) -> Option<Question> {
        if let Join::Subscribers(question) = self.join { Some(question) } else { None }
    }

    /// The next part's reply comes from this process.
    #[inline]
    pub(crate) fn note_process(&mut self, tag: Tag) {
        self.answered_by = tag;
    }

    /// The process that gave the latest part.
    pub(crate) fn answered_by(&self) -> Tag {
        self.answered_by
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

    pub(crate) fn replies(&self) -> impl Iterator<Item = &[u8]> + Clone {
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
        let one_is_enough = self.join == Join::Policy(ReplyPolicy::OneSucceeded);
        let good = one_is_enough && self.replies().any(|r| !is_error(&r));
        if let Some(error) = unknown.or_else(|| self.replies().find(is_error)).filter(|_| !good) {
            return self.error(error, out);
        }
        match self.join {
            Join::Policy(policy) => command::join(policy, self.replies(), out),
            Join::Page(page) => page.join(self.replies().next().unwrap_or_default(), self.answered_by, out),
            Join::OneKey(random) => self.one_key(random, out),
            Join::Block => out.extend_from_slice(self.replies().next().unwrap_or(b"+OK\r\n")),
            Join::Sum => {
                let sum = self.replies().map(resp::integer_of).try_fold(0i64, |sum, n| sum.checked_add(n?));
                match sum {
                    Some(sum) => resp::integer(out, sum),
                    None => resp::error(out, b"ERR a shard answered no number to its part of the request"),
                }
            }
            Join::Elements => self.elements(out),
            // Only its errors are told here.
            Join::Subscribers(_) => {}
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

    /// A shard may have lost its last key since it told its size, or may know only expired ones: then another
    /// one's key is the answer. None, where no shard has any.
    fn one_key(&self, random: u32, out: &mut Vec<u8>) {
        let shards = self.memory.parts.len() / 2;
        let is_nil = |key: &[u8]| matches!(key, b"$-1\r\n" | b"_\r\n");
        let size = |of: &[u8]| resp::integer_of(of).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
        let weighted = || self.replies().zip(self.replies().skip(shards)).map(|(of, key)| (size(of), key));
        // A key that came although the size was 0 was written in between, and counts as one.
        let weight = |(size, key): (u64, &[u8])| if is_nil(key) { 0 } else { size.max(1) };
        let total: u64 = weighted().map(weight).fold(0, u64::saturating_add);
        let mut left = ((u128::from(total) * u128::from(random)) >> 32) as u64;
        let chosen = weighted().find(|pair| match left.checked_sub(weight(*pair)) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        });
        let nil = || self.replies().last().unwrap_or(b"$-1\r\n");
        out.extend_from_slice(chosen.map_or_else(nil, |(_, key)| key));
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
        let all = Join::Policy(ReplyPolicy::AllSucceeded);
        assert_eq!(joined(all, false, parts, &[]), "-OOM no (applied on 2 of 3 shards)\r\n");
        let parts: &[&[u8]] = &[b"-OOM no\r\n", b"-OOM no\r\n"];
        assert_eq!(joined(all, false, parts, &[]), "-OOM no\r\n");
    }

    #[test]
    fn parts_are_joined_by_the_policy_of_their_command() {
        let by = |policy, parts: &[&[u8]]| joined(Join::by(policy), false, parts, &[]);
        assert_eq!(by(ReplyPolicy::AggSum, &[b":1\r\n", b":2\r\n"]), ":3\r\n");
        assert_eq!(by(ReplyPolicy::AggMin, &[b":4\r\n", b":2\r\n"]), ":2\r\n");
        let both: &[&[u8]] = &[b"*2\r\n:1\r\n:0\r\n", b"*2\r\n:1\r\n:1\r\n"];
        assert_eq!(by(ReplyPolicy::AggLogicalAnd, both), "*2\r\n:1\r\n:0\r\n");
        assert_eq!(by(ReplyPolicy::None, &[b"*1\r\n+a\r\n", b"*0\r\n"]), "*1\r\n+a\r\n");
        assert_eq!(by(ReplyPolicy::OneSucceeded, &[b"-NOTBUSY no\r\n", b"+OK\r\n"]), "+OK\r\n");
        assert_eq!(by(ReplyPolicy::OneSucceeded, &[b"-NOTBUSY no\r\n", b"-ERR b\r\n"]), "-NOTBUSY no\r\n");
    }

    #[test]
    fn a_key_is_picked_by_the_sizes_of_the_shards() {
        let pick = |random, parts: &[&[u8]]| joined(Join::OneKey(random), true, parts, &[]);
        let parts: &[&[u8]] = &[b":1\r\n", b":0\r\n", b":3\r\n", b"+a\r\n", b"$-1\r\n", b"+c\r\n"];
        for (random, key) in
            [(0, "+a\r\n"), (0x3fff_ffff, "+a\r\n"), (0x4000_0000, "+c\r\n"), (u32::MAX, "+c\r\n")]
        {
            assert_eq!(pick(random, parts), key, "{random:x}");
        }
        // All keys of the large shard have expired.
        let parts: &[&[u8]] = &[b":9\r\n", b":0\r\n", b"$-1\r\n", b"+b\r\n"];
        assert_eq!(pick(u32::MAX, parts), "+b\r\n");
        assert_eq!(pick(0, parts), "+b\r\n");
        assert_eq!(pick(7, &[b":0\r\n", b":5\r\n", b"$-1\r\n", b"$-1\r\n"]), "$-1\r\n");
        assert_eq!(pick(7, &[b":0\r\n", b"_\r\n"]), "_\r\n");
    }
}
