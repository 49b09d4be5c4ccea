//! The twelve hashes of twemproxy (src/hashkit), as its x86 build calculates them: each gives 32 bits.
//!
//! They are not what their names promise elsewhere. `fnv1a_64` calculates in 32 bits, `crc16` never cuts
//! its register to 16, `crc32` keeps 15 bits. `signed` marks the places where C's signed `char` is seen.
//!
//! A new hash is a function, a row, and its known vectors in the tests below.

use md5::{Digest, Md5};

/// Names that `hash` may take.
pub const HASHES: &[&str] = &names();

/// What there is to know about a hash.
pub(super) struct Hash {
    pub(super) name: &'static str,
    /// Never called with an empty key.
    pub(super) function: fn(&[u8]) -> u32,
    /// The greatest value it can take.
    pub(super) max: u32,
}

static ROWS: [Hash; 12] = [
    row("one_at_a_time", one_at_a_time),
    row("md5", md5),
    row("crc16", crc16),
    Hash { name: "crc32", function: crc32, max: 0x7fff },
    row("crc32a", crc32a),
    row("fnv1_64", fnv1_64),
    row("fnv1a_64", fnv1a_64),
    row("fnv1_32", fnv1_32),
    row("fnv1a_32", fnv1a_32),
    row("hsieh", hsieh),
    row("murmur", murmur),
    row("jenkins", jenkins),
];

const fn row(name: &'static str, function: fn(&[u8]) -> u32) -> Hash {
    Hash { name, function, max: u32::MAX }
}

const fn names() -> [&'static str; ROWS.len()] {
    let mut names = [""; ROWS.len()];
    let mut i = 0;
    while i < names.len() {
        names[i] = ROWS[i].name;
        i += 1;
    }
    names
}

pub(super) fn find(name: &str) -> Option<&'static Hash> {
    ROWS.iter().find(|row| row.name == name)
}

/// A byte as C's signed `char` becomes a 32-bit number: 0x80 and above fill the upper bits with ones.
#[inline]
fn signed(byte: u8) -> u32 {
    i32::from(byte.cast_signed()).cast_unsigned()
}

/// The default. FNV-1a with the lower halves of the 64-bit offset and prime.
fn fnv1a_64(key: &[u8]) -> u32 {
    key.iter().fold(0x8422_2325, |hash, &byte| (hash ^ signed(byte)).wrapping_mul(0x1b3))
}

/// Unlike `fnv1a_64`, calculated in 64 bits, then cut.
fn fnv1_64(key: &[u8]) -> u32 {
    let hash = key.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, &byte| {
        hash.wrapping_mul(0x100_0000_01b3) ^ i64::from(byte.cast_signed()).cast_unsigned()
    });
    hash as u32
}

const FNV_32_OFFSET: u32 = 2_166_136_261;
const FNV_32_PRIME: u32 = 16_777_619;

fn fnv1_32(key: &[u8]) -> u32 {
    key.iter().fold(FNV_32_OFFSET, |hash, &byte| hash.wrapping_mul(FNV_32_PRIME) ^ signed(byte))
}

fn fnv1a_32(key: &[u8]) -> u32 {
    key.iter().fold(FNV_32_OFFSET, |hash, &byte| (hash ^ signed(byte)).wrapping_mul(FNV_32_PRIME))
}

/// Bob Jenkins's one-at-a-time.
fn one_at_a_time(key: &[u8]) -> u32 {
    let mut hash = 0_u32;
    for &byte in key {
        hash = hash.wrapping_add(signed(byte));
        hash = hash.wrapping_add(hash << 10);
        hash ^= hash >> 6;
    }
    hash = hash.wrapping_add(hash << 3);
    hash ^= hash >> 11;
    hash.wrapping_add(hash << 15)
}

fn md5(key: &[u8]) -> u32 {
    little_endian(&Md5::digest(key)[..4])
}

fn crc32a(key: &[u8]) -> u32 {
    crc32fast::hash(key)
}

/// As libmemcached cuts it.
fn crc32(key: &[u8]) -> u32 {
    (crc32a(key) >> 16) & 0x7fff
}

/// CRC-CCITT in a register of 32 bits that is never cut to 16, so that older bytes stay in its upper half.
fn crc16(key: &[u8]) -> u32 {
    key.iter().fold(0, |crc: u32, &byte| (crc << 8) ^ CRC16_TABLE[(((crc >> 8) as u8) ^ byte) as usize])
}

const CRC16_TABLE: [u32; 256] = crc16_table();

const fn crc16_table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < table.len() {
        let mut crc = (i as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
            bit += 1;
        }
        table[i] = crc as u32;
        i += 1;
    }
    table
}

/// Paul Hsieh's SuperFastHash, from 0. Of a rest of three bytes the last is signed; a single one is not.
fn hsieh(key: &[u8]) -> u32 {
    let (blocks, rest) = key.as_chunks::<4>();
    let mut hash = 0_u32;
    for block in blocks {
        hash = hash.wrapping_add(little_endian(&block[..2]));
        hash = (hash << 16) ^ (little_endian(&block[2..]) << 11) ^ hash;
        hash = hash.wrapping_add(hash >> 11);
    }
    match *rest {
        [a, b, c] => {
            hash = hash.wrapping_add(little_endian(&[a, b]));
            hash ^= hash << 16;
            hash ^= signed(c) << 18;
            hash = hash.wrapping_add(hash >> 11);
        }
        [a, b] => {
            hash = hash.wrapping_add(little_endian(&[a, b]));
            hash ^= hash << 11;
            hash = hash.wrapping_add(hash >> 17);
        }
        [a] => {
            hash = hash.wrapping_add(u32::from(a));
            hash ^= hash << 10;
            hash = hash.wrapping_add(hash >> 1);
        }
        _ => {}
    }
    for (left, right) in [(3, 5), (4, 17), (25, 6)] {
        hash ^= hash << left;
        hash = hash.wrapping_add(hash >> right);
    }
    hash
}

/// Austin Appleby's MurmurHash2, its seed made from the length.
fn murmur(key: &[u8]) -> u32 {
    const FACTOR: u32 = 0x5bd1_e995;
    let length = key.len() as u32;
    let (blocks, rest) = key.as_chunks::<4>();
    let mut hash = 0xdead_beef_u32.wrapping_mul(length) ^ length;
    for block in blocks {
        let mut mixed = little_endian(block).wrapping_mul(FACTOR);
        mixed ^= mixed >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ mixed.wrapping_mul(FACTOR);
    }
    if !rest.is_empty() {
        hash = (hash ^ little_endian(rest)).wrapping_mul(FACTOR);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}

/// Bob Jenkins's lookup3 (`hashlittle`) with 13 as its start value.
fn jenkins(key: &[u8]) -> u32 {
    let start = 0xdead_beef_u32.wrapping_add(key.len() as u32).wrapping_add(13);
    let mut state = [start; 3];
    // The last block, full or not, is mixed in another way than those before it.
    let last = key.len().saturating_sub(1) / 12 * 12;
    for block in key[..last].chunks_exact(12) {
        add_words(&mut state, block);
        jenkins_mix(&mut state);
    }
    if last < key.len() {
        add_words(&mut state, &key[last..]);
        jenkins_finish(&mut state);
    }
    state[2]
}

/// Adds up to twelve bytes to the three words; missing ones count as 0.
fn add_words(state: &mut [u32; 3], block: &[u8]) {
    for (word, bytes) in state.iter_mut().zip(block.chunks(4)) {
        *word = word.wrapping_add(little_endian(bytes));
    }
}

fn jenkins_mix([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: &mut u32, z: &mut u32, turn: u32| {
        *x = x.wrapping_sub(*z) ^ z.rotate_left(turn);
        *z = z.wrapping_add(*y);
    };
    step(a, b, c, 4);
    step(b, c, a, 6);
    step(c, a, b, 8);
    step(a, b, c, 16);
    step(b, c, a, 19);
    step(c, a, b, 4);
}

fn jenkins_finish([a, b, c]: &mut [u32; 3]) {
    let step = |x: &mut u32, y: &u32, turn: u32| *x = (*x ^ *y).wrapping_sub(y.rotate_left(turn));
    step(c, b, 14);
    step(a, c, 11);
    step(b, a, 25);
    step(c, b, 16);
    step(a, c, 4);
    step(b, a, 14);
    step(c, b, 24);
}

/// Up to four bytes as a number, the first one lowest.
#[inline]
fn little_endian(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, &byte| (word << 8) | u32::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name, hash of "foo", hash of the bytes C3 A9 (é). tests/pure/placement.rs compares each of these
    /// functions with the real twemproxy on thousands of keys.
    const KNOWN: [(&str, u32, u32); 12] = [
        ("one_at_a_time", 0x2386_78dd, 0x0191_48ae),
        ("md5", 0xdb18_bdac, 0x97cd_dd66),
        ("crc16", 0x0c3c_af96, 0x00e9_67c4),
        ("crc32", 0x0c73, 0x0e04),
        ("crc32a", 0x8c73_6521, 0x0e04_8d3e),
        ("fnv1_64", 0x6ba1_3533, 0xb4eb_783d),
        ("fnv1a_64", 0xfed9_d577, 0xb4cc_3001),
        ("fnv1_32", 0x408f_5e13, 0x1676_9ffd),
        ("fnv1a_32", 0xa9f3_7ed7, 0x3cfa_68c1),
        ("hsieh", 0x76d4_d427, 0xbeea_177b),
        ("murmur", 0xc4e0_338f, 0x7ddc_1147),
        ("jenkins", 0x99f8_4f99, 0x37ac_74de),
    ];

    #[test]
    fn every_hash_gives_its_known_values() {
        assert_eq!(KNOWN.map(|(name, ..)| name), *HASHES);
        for (name, foo, accented) in KNOWN {
            let row = find(name).unwrap();
            let hashes = [(row.function)(b"foo"), (row.function)(b"\xc3\xa9")];
            assert_eq!(hashes, [foo, accented], "{name}: {hashes:08x?}");
        }
    }

    #[test]
    fn no_hash_exceeds_its_greatest_value() {
        for row in &ROWS {
            for length in 1..40 {
                for byte in [0x00, 0x61, 0x7f, 0x80, 0xff] {
                    assert!((row.function)(&vec![byte; length]) <= row.max, "{}", row.name);
                }
            }
        }
    }
}
