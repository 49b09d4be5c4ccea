//! hash → shard: `ketama`, `modula`, `random`, as twemproxy's src/hashkit does them.
//!
//! Shards are ordered by (length of name, bytes of name) first, as twemproxy orders its servers
//! (`string_compare`): the order decides the turns of `modula` and ties on the ring. Answers are indexes
//! into the configuration's order all the same.

use md5::{Digest, Md5};

/// Names that `distribution` may take.
pub const DISTRIBUTIONS: &[&str] = &names();

/// How hashes are shared out. What a distribution needs to know lies in its variant.
pub(super) enum Distribution {
    Ketama(Ring),
    Modula(Turns),
    /// Any shard for any request: only of use where all shards hold the same data.
    Random,
}

type Build = fn(&[(&str, u32)]) -> Distribution;

/// A row per distribution: its name and how it is built.
const ROWS: [(&str, Build); 3] = [
    ("ketama", |shards| Distribution::Ketama(Ring::new(shards))),
    ("modula", |shards| Distribution::Modula(Turns::new(shards))),
    ("random", |_| Distribution::Random),
];

const fn names() -> [&'static str; ROWS.len()] {
    let mut names = [""; ROWS.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = ROWS[i].0;
        i += 1;
    }
    names
}

pub(super) fn find(name: &str) -> Option<Build> {
    ROWS.iter().find(|row| row.0 == name).map(|row| row.1)
}

impl Distribution {
    /// For Debug output.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Distribution::Ketama(_) => "ketama",
            Distribution::Modula(_) => "modula",
            Distribution::Random => "random",
        }
    }
}

/// Indexes of the shards in twemproxy's order.
pub(super) fn ordered(shards: &[(&str, u32)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..shards.len()).collect();
    order.sort_by_key(|&i| (shards[i].0.len(), shards[i].0.as_bytes()));
    order
}

/// Points on a circle of 32 bits, each owned by a shard. A hash belongs to the first point at or
/// above it; above the last one, to the first of all.
pub(super) struct Ring {
    /// Ascending. The last one is no point of its own: it stands at the top of the circle for the first
    /// point, so that a search always ends.
    points: Box<[u32]>,
    /// Owner of the point with the same index.
    owners: Box<[u32]>,
    /// For each value of a hash's upper bits, the first point that may own it. There are at least as many
    /// as points, so that a search takes about one step more: 2 ns, where bisecting took 8 to 10 and the
    /// hash of a 16-byte key takes 5.
    starts: Box<[u32]>,
    /// How many lower bits of a hash `starts` ignores.
    shift: u32,
}

/// Points a shard gets on average (`KETAMA_POINTS_PER_SERVER`), and how many one MD5 gives.
const POINTS_PER_SHARD: f32 = 160.0;
const POINTS_PER_MD5: f32 = 4.0;

impl Ring {
    fn new(shards: &[(&str, u32)]) -> Ring {
        let total: u32 = shards.iter().map(|(_, weight)| weight).sum();
        let mut points = Vec::new();
        for i in ordered(shards) {
            let (name, weight) = shards[i];
            for n in 0..md5s(weight, total, shards.len()) {
                // twemproxy writes this into 86 bytes. A longer name made it read behind them, so there
                // is nothing to be compatible with.
                let digest = Md5::digest(format!("{name}-{n}"));
                points.extend(digest.as_chunks().0.iter().map(|four| (u32::from_le_bytes(*four), i as u32)));
            }
        }
        Ring::of_points(points)
    }

    /// Of (value, owner); never empty, for the heaviest shard always gets points.
    fn of_points(mut ring: Vec<(u32, u32)>) -> Ring {
        // Stable, as the C library's qsort is at this size: equal points stay in the shards' order.
        ring.sort_by_key(|(point, _)| *point);
        ring.push((u32::MAX, ring[0].1));
        let (points, owners): (Vec<u32>, Vec<u32>) = ring.into_iter().unzip();
        let bits = points.len().next_power_of_two().ilog2();
        let shift = u32::BITS - bits;
        let starts = (0..1_u32 << bits).map(|upper| points.partition_point(|&p| p < upper << shift) as u32);
        Ring { starts: starts.collect(), shift, points: points.into(), owners: owners.into() }
    }

    #[inline]
    fn find(&self, hash: u32) -> usize {
        let start = self.starts[(hash >> self.shift) as usize] as usize;
        start + self.points[start..].iter().take_while(|&&point| point < hash).count()
    }

    #[inline]
    pub(super) fn shard(&self, hash: u32) -> usize {
        self.owners[self.find(hash)] as usize
    }

    /// Value of the point that owns the hash.
    pub(super) fn point(&self, hash: u32) -> u32 {
        let found = self.find(hash);
        if found + 1 == self.points.len() { self.points[0] } else { self.points[found] }
    }

    /// How many of the values 0..=max each shard owns.
    pub(super) fn owned(&self, shards: usize, max: u32) -> Vec<u64> {
        let mut owned = vec![0; shards];
        let mut below = 0;
        for (point, owner) in self.points.iter().zip(&self.owners) {
            let end = u64::from(*point.min(&max)) + 1;
            owned[*owner as usize] += end - below;
            below = end;
        }
        owned
    }
}

/// How many MD5s a shard of this weight gets. In single precision and in this order on purpose:
/// twemproxy calculates so, and the rounding decides how many points there are.
fn md5s(weight: u32, total: u32, shards: usize) -> u32 {
    let part = weight as f32 / total as f32;
    (part * POINTS_PER_SHARD / POINTS_PER_MD5 * shards as f32 + 1e-10).floor() as u32
}

/// A list in which each shard stands `weight` times; a hash takes the entry of its remainder. Only the
/// ends of the runs are kept, so that large weights cost no memory.
pub(super) struct Turns {
    /// End of each shard's run, ascending, in twemproxy's order; the last one is the list's length.
    ends: Box<[u32]>,
    /// Owner of the run with the same index.
    owners: Box<[u32]>,
}

impl Turns {
    fn new(shards: &[(&str, u32)]) -> Turns {
        let owners = ordered(shards);
        let ends = owners.iter().scan(0, |end, &i| {
            *end += shards[i].1;
            Some(*end)
        });
        Turns { ends: ends.collect(), owners: owners.iter().map(|&i| i as u32).collect() }
    }

    #[inline]
    pub(super) fn shard(&self, hash: u32) -> usize {
        let turn = hash % self.ends[self.ends.len() - 1];
        self.owners[self.ends.partition_point(|&end| end <= turn)] as usize
    }

    /// How many of the values 0..=max each shard owns.
    pub(super) fn owned(&self, max: u32) -> Vec<u64> {
        let values = u64::from(max) + 1;
        let length = u64::from(self.ends[self.ends.len() - 1]);
        // Values of whole rounds through the list, plus those of the last, partial one.
        let up_to = |end: u32| values / length * u64::from(end) + (values % length).min(u64::from(end));
        let mut owned = vec![0; self.owners.len()];
        let mut below = 0;
        for (end, owner) in self.ends.iter().zip(&self.owners) {
            owned[*owner as usize] = up_to(*end) - below;
            below = up_to(*end);
        }
        owned
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ring_has_twemproxys_points() {
        let ring = Ring::new(&[("redis-server-cluster1", 1), ("redis-server-cluster2", 1)]);
        assert_eq!(ring.points.len(), 320 + 1);
        assert_eq!(ring.points[..3], [0x0030_7cfa, 0x00bd_8e2d, 0x00d6_6ea5]);
        assert_eq!(ring.owners[..3], [1, 0, 1]);
    }

    #[test]
    fn weights_give_points_in_single_precision() {
        let points = |weights: &[u32]| -> Vec<u32> {
            let total = weights.iter().sum();
            weights.iter().map(|&weight| md5s(weight, total, weights.len()) * 4).collect()
        };
        assert_eq!(points(&[1, 3, 5]), [52, 160, 264]);
        assert_eq!(points(&[1; 7]), [160; 7]);
        assert_eq!(points(&[1, 1_000_000]), [0, 316]);
    }

    #[test]
    fn a_hash_belongs_to_the_point_at_or_above_it() {
        let ring = Ring::of_points(vec![(1 << 31, 1), (10, 0), (20, 2)]);
        let cases =
            [(0, 0, 10), (10, 0, 10), (11, 2, 20), (20, 2, 20), (21, 1, 1 << 31), (1 << 31, 1, 1 << 31)];
        let wrapped = [((1 << 31) + 1, 0, 10), (u32::MAX, 0, 10)];
        for (hash, shard, point) in cases.into_iter().chain(wrapped) {
            assert_eq!((ring.shard(hash), ring.point(hash)), (shard, point), "{hash}");
        }
        assert_eq!(ring.owned(3, 14), [11, 0, 4]);
        assert_eq!(ring.owned(3, u32::MAX), [(1 << 31) - 1 + 11, (1 << 31) - 20, 10]);
    }

    #[test]
    fn shorter_names_come_first() {
        assert_eq!(ordered(&[("s10", 1), ("s9", 1), ("a", 1), ("s8", 1)]), [2, 3, 1, 0]);
    }

    #[test]
    fn modula_gives_each_shard_its_weight_in_turns() {
        let turns = Turns::new(&[("bb", 2), ("a", 1), ("cc", 3)]);
        let shards: Vec<usize> = (0..8).map(|hash| turns.shard(hash)).collect();
        assert_eq!(shards, [1, 0, 0, 2, 2, 2, 1, 0]);
        assert_eq!(turns.owned(7), [3, 2, 3]);
    }
}
