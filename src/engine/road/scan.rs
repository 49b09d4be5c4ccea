//! SCAN over all shards, and HSCAN, SSCAN and ZSCAN: pages of nodes, with cursors of Ketch's own.
//!
//! A node's cursor means something to that one process alone: its hash seed is its own, so that the same
//! cursor on another node passes over elements that were never shown. What Ketch gives out therefore holds
//! the node's cursor, the shard and a tag of the process that answered. There is no table: any Ketch of the
//! same configuration goes on with it, also after a restart. Where another process answers than the one that
//! the cursor is of (a failover, a restart), its page counts for nothing but what it shows, and the shard
//! begins anew: elements come twice, none is missed.
//!
//! ```text
//!   cursor = (node's cursor × shards + shard) × 2²⁰ + tag          0 = the beginning, and the end
//! ```
//!
//! Outside Cluster a node's cursor stays below the size of its table, so that all of it is below 2⁵³ (what
//! clients that know no integers can hold) up to a hundred million keys a shard or more. Beyond, it grows
//! up to 64 bits as a node's own may; what does not even fit there is an error.

use super::gather::Join;
use super::split::raw;
use super::{Flow, HeldOwner, NoShard};
use crate::base::{ClientId, PoolId, ShardId};
use crate::command::Row;
use crate::engine::Engine;
use crate::resp::{self, Elements};

/// One false match in a million failovers in the middle of a scan; more bits would leave fewer for keys.
const TAG_BITS: u32 = 20;
/// As Redis says it.
const INVALID: &str = "ERR invalid cursor";

/// Which process answers, in a few bits. Never 0 once it is known: a cursor that begins a shard anew must
/// not look like the end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Tag(u32);

impl Tag {
    pub(crate) fn new(number: u32) -> Tag {
        Tag(number % ((1 << TAG_BITS) - 1) + 1)
    }

    /// From the `run_id` in what INFO answered; `None` where it is not told.
    pub(crate) fn of_info(reply: &[u8]) -> Option<Tag> {
        const FIELD: &[u8] = b"\nrun_id:";
        let begin = memchr::memmem::find(reply, FIELD)? + FIELD.len();
        let id = reply[begin..].split(|b| matches!(b, b'\r' | b'\n')).next().filter(|id| !id.is_empty())?;
        Some(Tag::new(crc32fast::hash(id)))
    }
}

/// Where a scan stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Cursor {
    /// The node's own; 0 = at the beginning of the shard.
    node: u64,
    shard: u16,
    tag: Tag,
}

impl Cursor {
    /// Any number is a cursor, as on a server: which one makes no sense can't be told.
    fn of(number: u64, shards: u16) -> Cursor {
        let place = number >> TAG_BITS;
        Cursor {
            node: place / u64::from(shards),
            shard: (place % u64::from(shards)) as u16,
            tag: Tag((number & ((1 << TAG_BITS) - 1)) as u32),
        }
    }

    /// `None` where it does not fit.
    fn number(self, shards: u16) -> Option<u64> {
        let place = self.node.checked_mul(u64::from(shards))?.checked_add(u64::from(self.shard))?;
        place.checked_mul(1 << TAG_BITS)?.checked_add(u64::from(self.tag.0))
    }
}

/// A page that was asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Page {
    /// As it was sent to the node.
    cursor: Cursor,
    /// Shards that are gone through one after the other; 1 for the elements of one key.
    shards: u16,
}

impl Page {
    /// Appends the page that a node gave, with the cursor that Ketch gives out for it.
    pub(super) fn join(self, reply: &[u8], answered_by: Tag, out: &mut Vec<u8>) {
        let Some((node, found)) = page_of(reply) else {
            return resp::error(out, b"ERR a node answered no page to its part of a scan");
        };
        let Some(next) = self.next(node, answered_by) else {
            let text =
                "ERR the cursor that a node gave is too large for those of Ketch: scan that node directly";
            return resp::error(out, text.as_bytes());
        };
        resp::array(out, 2);
        resp::bulk(out, itoa::Buffer::new().format(next).as_bytes());
        out.extend_from_slice(found);
    }

    fn next(self, node: u64, tag: Tag) -> Option<u64> {
        let shard = self.cursor.shard;
        let known = tag != Tag::default();
        let begun = Cursor { node: 0, shard, tag: if known { tag } else { Tag::new(0) } };
        let next = match node {
            // Another process's cursor was continued: what it said of it is void.
            _ if self.cursor.node != 0 && (self.cursor.tag != tag || !known) => begun,
            0 if shard + 1 >= self.shards => return Some(0),
            0 => Cursor { shard: shard + 1, ..begun },
            _ if !known => begun,
            _ => Cursor { node, shard, tag },
        };
        next.number(self.shards)
    }
}

/// The cursor of a node's page, and the elements as they stand.
fn page_of(reply: &[u8]) -> Option<(u64, &[u8])> {
    let mut elements = Elements::of(reply)?;
    let (cursor, found) = (elements.next()?, elements.next()?);
    let digits = cursor.strip_suffix(b"\r\n")?.rsplit(|b| *b == b'\n').next()?;
    Some((core::str::from_utf8(digits).ok()?.parse().ok()?, found))
}

/// As Redis 7 reads one (strtoul): an empty one is 0, a sign is allowed, and a space before it is not.
fn cursor_of(text: &[u8]) -> Option<u64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        [] => return Some(0),
        digits => (false, digits),
    };
    if !digits.first()?.is_ascii_digit() {
        return None;
    }
    let number: u64 = core::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(if negative { number.wrapping_neg() } else { number })
}

impl Engine {
    /// A page of a scan: of the keys of the shard at which the cursor stands, or of the elements of one key.
    /// Always of the primary: a replica may lack what was there from the beginning.
    pub(super) fn scan(&mut self, id: ClientId, pool: PoolId, row: &'static Row, request: &[u8]) -> Flow {
        let mut out = Vec::new();
        let (page, shard) = match self.page_request(pool, row, request, &mut out) {
            Ok(asked) => asked,
            Err(error) => return self.refuse_shard(id, pool, error),
        };
        if self.must_wait_unread(id, pool, shard, row.any_node()) {
            return Flow::NotNow;
        }
        let Some(seq) = self.reserve(id) else { return Flow::Taken };
        let gather = self.gathers.begin(id, seq, Join::Page(page), true, 1);
        let owner = HeldOwner::Part { client: id, seq, gather, part: 0 };
        self.send(owner, pool, shard, row, &out, 0);
        Flow::Taken
    }

    /// Writes the request for the node whose cursor a scan goes on with, and says which shard's that is.
    ///
    /// # Errors
    /// What is no cursor, and what is said of keys.
    pub(super) fn page_request(
        &mut self,
        pool: PoolId,
        row: &'static Row,
        request: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(Page, ShardId), NoShard> {
        let key = row.single_key();
        let at = key.map_or(1, |key| key + 1);
        let given = self.args.get(at).and_then(|arg| cursor_of(arg.of(request)));
        let given = given.ok_or_else(|| NoShard::Keys(INVALID.to_owned()))?;
        let shards = if key.is_some() { 1 } else { self.topology.pool(pool).shards.len() as u16 };
        let cursor = Cursor::of(given, shards);
        let shard = match key {
            None => ShardId(cursor.shard),
            Some(_) => self.one_shard(pool, row, request)?,
        };
        resp::array(out, self.args.len());
        for (i, arg) in self.args.iter().enumerate() {
            if i == at {
                resp::bulk(out, itoa::Buffer::new().format(cursor.node).as_bytes());
            } else {
                out.extend_from_slice(raw(request, *arg));
            }
        }
        Ok((Page { cursor, shards }, shard))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Tag = Tag(7);
    const B: Tag = Tag(8);

    fn page(cursor: Cursor, shards: u16, reply: &str, answered_by: Tag) -> String {
        let mut out = Vec::new();
        Page { cursor, shards }.join(reply.as_bytes(), answered_by, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn next(cursor: Cursor, shards: u16, node: u64, answered_by: Tag) -> Cursor {
        Cursor::of(Page { cursor, shards }.next(node, answered_by).unwrap(), shards)
    }

    #[test]
    fn a_cursor_holds_the_nodes_own_the_shard_and_the_tag() {
        for shards in [1, 2, 3, 64, 1000] {
            for node in [0, 1, 5, 131_071, 1 << 20, 1 << 30] {
                for shard in [0, shards - 1] {
                    let cursor = Cursor { node, shard, tag: A };
                    let number = cursor.number(shards).unwrap();
                    assert_eq!(Cursor::of(number, shards), cursor);
                    assert!(number > 0 && (node > 1 << 20 || number < 1 << 53), "{cursor:?}");
                }
            }
        }
        let largest = Cursor { node: u64::MAX >> TAG_BITS, shard: 0, tag: A };
        assert_eq!(Cursor::of(largest.number(1).unwrap(), 1), largest);
        assert_eq!(largest.number(2), None);
        assert_eq!(Cursor { node: u64::MAX, shard: 0, tag: A }.number(1), None);
    }

    #[test]
    fn shards_come_one_after_the_other_and_the_last_one_ends_the_scan() {
        let begin = Cursor::of(0, 3);
        assert_eq!((begin.node, begin.shard), (0, 0));
        assert_eq!(next(begin, 3, 40, A), Cursor { node: 40, shard: 0, tag: A });
        assert_eq!(
            next(Cursor { node: 40, shard: 0, tag: A }, 3, 0, A),
            Cursor { node: 0, shard: 1, tag: A }
        );
        let last = Cursor { node: 9, shard: 2, tag: A };
        assert_eq!(Page { cursor: last, shards: 3 }.next(0, A), Some(0));
        assert_eq!(Page { cursor: begin, shards: 1 }.next(0, A), Some(0));
    }

    #[test]
    fn a_shard_begins_anew_where_another_process_answers() {
        for (node, shard) in [(5, 0), (0, 0), (0, 2), (77, 2)] {
            let again = next(Cursor { node: 40, shard, tag: A }, 3, node, B);
            assert_eq!(again, Cursor { node: 0, shard, tag: B });
            assert_ne!(again.number(3), Some(0));
        }
        // Nobody knows whose page it is.
        for node in [0, 5] {
            let again =
                Page { cursor: Cursor { node: 40, shard: 0, tag: A }, shards: 3 }.next(node, Tag::default());
            assert_eq!((Cursor::of(again.unwrap(), 3).node, again == Some(0)), (0, false));
        }
        // One that begins is anybody's.
        assert_eq!(next(Cursor { node: 0, shard: 1, tag: A }, 3, 6, B), Cursor { node: 6, shard: 1, tag: B });
    }

    #[test]
    fn pages_pass_with_their_elements_as_they_stand() {
        let cursor = Cursor { node: 3, shard: 0, tag: A };
        let found = "*2\r\n$1\r\na\r\n$3\r\n\r\nb\r\n";
        let number = Cursor { node: 12, shard: 0, tag: A }.number(1).unwrap().to_string();
        assert_eq!(
            page(cursor, 1, &format!("*2\r\n$2\r\n12\r\n{found}"), A),
            format!("*2\r\n${}\r\n{number}\r\n{found}", number.len())
        );
        assert_eq!(
            page(cursor, 1, &format!("*2\r\n$1\r\n0\r\n{found}"), A),
            format!("*2\r\n$1\r\n0\r\n{found}")
        );
        for bad in
            ["+OK\r\n", "*2\r\n$1\r\nx\r\n*0\r\n", "*1\r\n$1\r\n0\r\n", "*0\r\n", "*2\r\n$-1\r\n*0\r\n"]
        {
            assert!(page(cursor, 1, bad, A).starts_with("-ERR a node answered no page"), "{bad:?}");
        }
        assert!(
            page(cursor, 1, "*2\r\n$20\r\n18446744073709551615\r\n*0\r\n", A).starts_with("-ERR the cursor")
        );
    }

    #[test]
    fn cursors_are_read_as_redis_reads_them() {
        for (text, number) in [
            ("", 0),
            ("0", 0),
            ("007", 7),
            ("+5", 5),
            ("-0", 0),
            ("18446744073709551615", u64::MAX),
            ("-1", u64::MAX),
        ] {
            assert_eq!(cursor_of(text.as_bytes()), Some(number), "{text:?}");
        }
        for text in ["x", " 5", "5 ", "0x5", "18446744073709551616", "+", "-", "--5", "5.0"] {
            assert_eq!(cursor_of(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn the_tag_is_that_of_the_run_id() {
        let info =
            |id: &str| format!("$9\r\n# Server\r\nredis_version:7.0.15\r\nrun_id:{id}\r\ntcp_port:1\r\n");
        let tag = |id: &str| Tag::of_info(info(id).as_bytes());
        let (a, b) = ("7be1a6b0d6a54b1b8f0c2c0a3a2f6f0d7f3b1a11", "7be1a6b0d6a54b1b8f0c2c0a3a2f6f0d7f3b1a12");
        assert!(tag(a).is_some() && tag(a) == tag(a) && tag(a) != tag(b));
        assert_eq!(tag(""), None);
        assert_eq!(Tag::of_info(b"-NOPERM this user has no permissions\r\n"), None);
        assert!(
            (0..100)
                .chain([u32::MAX, (1 << TAG_BITS) - 1])
                .all(|n| Tag::new(n).0 > 0 && Tag::new(n).0 < 1 << 20)
        );
    }
}
