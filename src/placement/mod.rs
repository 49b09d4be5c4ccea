//! key → shard, bit for bit as twemproxy 0.5.0 places it: hash tag → hash → distribution.
//!
//! It follows twemproxy's x86 build. There a C `char` is signed, so seven of the twelve hashes take a
//! byte of 0x80 or more as a negative number; a build for ARM, where `char` is unsigned, places keys
//! with such bytes elsewhere. Pure ASCII keys lie the same on both.
//!
//! Deliberately absent: nothing here ejects a shard or looks at its health, so keys never move by
//! themselves, and there is no name of a node: a shard's name places keys, its addresses never do.

mod distribution;
mod hash;
mod hash_tag;

use core::fmt;

pub use distribution::DISTRIBUTIONS;
use distribution::Distribution;
pub use hash::HASHES;
use hash::Hash;

/// A pool's rule from key to shard. Never changes once made: a new rule is a new `Placement`.
pub struct Placement {
    hash: &'static Hash,
    hash_tag: Option<[u8; 2]>,
    distribution: Distribution,
    shards: usize,
    first: usize,
}

/// Why a placement can't be made. Always the configuration's fault; `config` checks the same and says where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlacementError {
    #[error("unknown hash \"{0}\"; known are {known}", known = HASHES.join(", "))]
    UnknownHash(String),
    #[error("unknown distribution \"{0}\"; known are {known}", known = DISTRIBUTIONS.join(", "))]
    UnknownDistribution(String),
    #[error("a pool needs at least one shard")]
    NoShards,
    #[error("two shards are named \"{0}\"; the name places the keys, so it must be unique in its pool")]
    DuplicateName(String),
    #[error("shard \"{0}\" has weight 0; the least is 1")]
    ZeroWeight(String),
    #[error("the shards' weights add up to more than 4294967295")]
    WeightsTooLarge,
}

/// How a key came to its shard, for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// Hash of the key, or of the part of it that its hash tag selects.
    pub hash: u32,
    /// Value of the ring point that the hash was given to; `None` where there is no ring.
    pub point: Option<u32>,
    /// Index of the shard. With distribution `random` it stands for any of them.
    pub shard: usize,
}

impl Placement {
    /// `shards`: name and weight of each, in configuration order; answers are indexes into it.
    pub fn new(
        hash: &str,
        distribution: &str,
        hash_tag: Option<[u8; 2]>,
        shards: &[(&str, u32)],
    ) -> Result<Placement, PlacementError> {
        let hash = hash::find(hash).ok_or_else(|| PlacementError::UnknownHash(hash.to_owned()))?;
        let build = distribution::find(distribution)
            .ok_or_else(|| PlacementError::UnknownDistribution(distribution.to_owned()))?;
        check_shards(shards)?;
        let first = distribution::ordered(shards)[0];
        Ok(Placement { hash, hash_tag, distribution: build(shards), shards: shards.len(), first })
    }

    /// Index of the key's shard. `random`, the caller's source of numbers, is asked where the
    /// distribution is `random`, and nowhere else.
    #[inline]
    pub fn shard(&self, key: &[u8], random: impl FnOnce() -> u32) -> usize {
        match &self.distribution {
            _ if self.shards == 1 => 0,
            Distribution::Ketama(ring) => ring.shard(self.hash_of(key)),
            Distribution::Modula(turns) => turns.shard(self.hash_of(key)),
            Distribution::Random => random() as usize % self.shards,
        }
    }

    /// With distribution `random` a name has no shard of its own.
    pub fn is_random(&self) -> bool {
        self.shards > 1 && matches!(self.distribution, Distribution::Random)
    }

    /// Index of the shard of every key that a pattern with one `*` can stand for; `None` if they may
    /// lie on several. Only a hash tag before the `*` fixes it: what stands for the `*` may hold another.
    pub fn pattern(&self, pattern: &[u8]) -> Option<usize> {
        if self.shards == 1 {
            return Some(0);
        }
        let star = pattern.iter().position(|b| *b == b'*').unwrap_or(pattern.len());
        let fixed = hash_tag::tagged_part(&pattern[..star], self.hash_tag?)?;
        (!matches!(self.distribution, Distribution::Random)).then(|| self.shard(fixed, || 0))
    }

    /// The same answer as `shard`, with what led to it.
    pub fn explain(&self, key: &[u8]) -> Explanation {
        let hash = self.hash_of(key);
        let point = match &self.distribution {
            Distribution::Ketama(ring) if self.shards > 1 => Some(ring.point(hash)),
            _ => None,
        };
        Explanation { hash, point, shard: self.shard(key, || 0) }
    }

    /// The first shard in twemproxy's order: where commands without keys go that need some shard.
    pub fn first(&self) -> usize {
        self.first
    }

    /// Number of shards; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a placement without shards can't be made")]
    pub fn len(&self) -> usize {
        self.shards
    }

    /// The part of the hash's values that each shard owns, from 0.0 to 1.0, in configuration order.
    ///
    /// Seen over the values that the hash can take, so a shard that can never get a key shows as 0.0:
    /// `crc32` keeps 15 bits, and with `ketama` nearly all of the ring is out of its reach.
    pub fn shares(&self) -> Vec<f64> {
        let owned = match &self.distribution {
            _ if self.shards == 1 => return vec![1.0],
            Distribution::Ketama(ring) => ring.owned(self.shards, self.hash.max),
            Distribution::Modula(turns) => turns.owned(self.hash.max),
            Distribution::Random => vec![1; self.shards],
        };
        let all: u64 = owned.iter().sum();
        owned.iter().map(|&n| n as f64 / all as f64).collect()
    }

    #[inline]
    fn hash_of(&self, key: &[u8]) -> u32 {
        let hashed = match self.hash_tag {
            None => key,
            Some(tag) => hash_tag::hashed_part(key, tag),
        };
        // twemproxy's own rule; several of the functions would say something else.
        if hashed.is_empty() { 0 } else { (self.hash.function)(hashed) }
    }
}

impl fmt::Debug for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Placement")
            .field("hash", &self.hash.name)
            .field("hash_tag", &self.hash_tag)
            .field("distribution", &self.distribution.name())
            .field("shards", &self.shards)
            .finish_non_exhaustive()
    }
}

fn check_shards(shards: &[(&str, u32)]) -> Result<(), PlacementError> {
    if shards.is_empty() {
        return Err(PlacementError::NoShards);
    }
    let mut names: Vec<&str> = shards.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(PlacementError::DuplicateName(twice[0].to_owned()));
    }
    if let Some((name, _)) = shards.iter().find(|(_, weight)| *weight == 0) {
        return Err(PlacementError::ZeroWeight((*name).to_owned()));
    }
    let sum: u64 = shards.iter().map(|(_, weight)| u64::from(*weight)).sum();
    // twemproxy adds weights in 32 bits; beyond them there is nothing to be compatible with.
    if u32::try_from(sum).is_err() { Err(PlacementError::WeightsTooLarge) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(hash: &str, distribution: &str, shards: &[(&str, u32)]) -> Placement {
        Placement::new(hash, distribution, None, shards).unwrap()
    }

    fn check(placement: &Placement, expected: &[(&[u8], usize)]) {
        for (key, shard) in expected {
            assert_eq!(placement.shard(key, || 0), *shard, "{placement:?} {key:?}");
            assert_eq!(placement.explain(key).shard, *shard, "{placement:?} {key:?}");
        }
    }

    #[test]
    fn keys_lie_where_twemproxy_puts_them() {
        let two = [("redis-server-cluster1", 1), ("redis-server-cluster2", 1)];
        check(
            &place("fnv1a_64", "ketama", &two),
            &[(b"foo", 1), (b"bar", 1), (b"user:1", 1), (b"user:2", 1), (b"a", 1), (b"\xff\xfe", 0)],
        );
        let four = [("server1", 1), ("server2", 1), ("server3", 1), ("server4", 1)];
        check(
            &place("fnv1a_64", "ketama", &four),
            &[(b"foo", 0), (b"bar", 3), (b"user:1", 2), (b"user:2", 2), (b"user1", 2)],
        );
    }

    #[test]
    fn order_of_the_file_changes_indexes_and_moves_no_key() {
        for distribution in ["ketama", "modula"] {
            let one = place("fnv1a_64", distribution, &[("s10", 1), ("s9", 2), ("a", 3)]);
            let other = place("fnv1a_64", distribution, &[("a", 3), ("s10", 1), ("s9", 2)]);
            for i in 0..500 {
                let key = format!("key:{i}");
                let renumbered = [1, 2, 0][one.shard(key.as_bytes(), || 0)];
                assert_eq!(other.shard(key.as_bytes(), || 0), renumbered, "{distribution} {key}");
            }
        }
    }

    #[test]
    fn a_pattern_lies_on_one_shard_if_its_tag_stands_before_the_star() {
        let shards = [("a", 1), ("b", 1), ("c", 1)];
        let tagged = Placement::new("fnv1a_64", "ketama", Some(*b"{}"), &shards).unwrap();
        assert_eq!(tagged.pattern(b"{user:1}:w_*"), Some(tagged.shard(b"{user:1}:w_7", || 0)));
        assert_eq!(tagged.pattern(b"x{u}y*"), Some(tagged.shard(b"u", || 0)));
        for open in [&b"w_*"[..], b"w_*{a}", b"{*}", b"{}*", b"{a*}"] {
            assert_eq!(tagged.pattern(open), None);
        }
        let plain = Placement::new("fnv1a_64", "ketama", None, &shards).unwrap();
        assert_eq!(plain.pattern(b"{a}*"), None);
        let random = Placement::new("fnv1a_64", "random", Some(*b"{}"), &shards).unwrap();
        assert_eq!(random.pattern(b"{a}*"), None);
        let single = Placement::new("fnv1a_64", "ketama", None, &shards[..1]).unwrap();
        assert_eq!(single.pattern(b"w_*"), Some(0));
    }

    #[test]
    fn an_explanation_names_the_ring_point() {
        let ring = place("fnv1a_64", "ketama", &[("redis-server-cluster1", 1), ("redis-server-cluster2", 1)]);
        // Above the last point, so it wraps to the first.
        assert_eq!(
            ring.explain(b"foo"),
            Explanation { hash: 0xfed9_d577, point: Some(0x0030_7cfa), shard: 1 }
        );
        assert_eq!(ring.explain(b""), Explanation { hash: 0, point: Some(0x0030_7cfa), shard: 1 });
        assert_eq!(place("fnv1a_64", "modula", &[("a", 1), ("b", 1)]).explain(b"foo").point, None);
        assert_eq!(place("fnv1a_64", "ketama", &[("a", 1)]).explain(b"foo").point, None);
    }

    #[test]
    fn random_reaches_every_shard_and_ignores_weights() {
        let placement = place("fnv1a_64", "random", &[("a", 9), ("b", 1), ("c", 1)]);
        let mut counts = [0; 3];
        for random in 0..300 {
            counts[placement.shard(b"same key", || random)] += 1;
        }
        assert_eq!(counts, [100; 3]);
        assert_eq!(placement.shares(), [1.0 / 3.0; 3]);
    }

    #[test]
    fn shares_add_up_and_follow_weights() {
        let weighted = [("a", 1), ("b", 2), ("c", 5)];
        let modula = place("fnv1a_64", "modula", &weighted).shares();
        let ketama = place("fnv1a_64", "ketama", &weighted).shares();
        for (i, part) in [1.0 / 8.0, 2.0 / 8.0, 5.0 / 8.0].into_iter().enumerate() {
            assert!((modula[i] - part).abs() < 1e-6, "{modula:?}");
            assert!((ketama[i] - part).abs() < 0.05, "{ketama:?}");
        }
        assert!((ketama.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn shares_tell_that_crc32_with_ketama_fills_one_shard_only() {
        let shares = place("crc32", "ketama", &[("alpha", 1), ("beta", 1), ("gamma", 1)]).shares();
        assert_eq!(shares, [1.0, 0.0, 0.0]);
    }

    #[test]
    fn what_makes_no_placement_is_refused_with_its_reason() {
        let new = |hash: &str, distribution: &str, shards: &[(&str, u32)]| {
            Placement::new(hash, distribution, None, shards).unwrap_err().to_string()
        };
        assert!(new("sha1", "ketama", &[("a", 1)]).contains("known are one_at_a_time, md5"));
        assert!(new("md5", "ring", &[("a", 1)]).contains("known are ketama, modula, random"));
        assert!(new("md5", "ketama", &[]).contains("at least one shard"));
        assert!(new("md5", "ketama", &[("a", 1), ("b", 1), ("a", 2)]).contains("named \"a\""));
        assert!(new("md5", "ketama", &[("a", 1), ("b", 0)]).contains("\"b\" has weight 0"));
        assert!(new("md5", "ketama", &[("a", u32::MAX), ("b", 1)]).contains("add up"));
    }
}
