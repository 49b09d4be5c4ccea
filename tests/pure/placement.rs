//! Keys lie where twemproxy 0.5.0 put them: every case of tests/data/placement.
//!
//! That data is a recording: keys were written through Debian's nutcracker and looked for on the
//! servers behind it. keys.txt has a key a line, in hex; cases.jsonl a configuration a line, with a digit
//! a key: the index of the server that held it.

#![allow(clippy::unwrap_used, reason = "helpers of tests may unwrap as tests do")]

use ketch::internals::placement::{DISTRIBUTIONS, HASHES, Placement};
use serde_json::Value;

struct Case {
    hash: String,
    distribution: String,
    hash_tag: Option<[u8; 2]>,
    /// Name and weight, in the file's order.
    servers: Vec<(String, u32)>,
    /// `None` where twemproxy places at random.
    places: Option<Vec<usize>>,
}

impl Case {
    fn placement(&self) -> Placement {
        let shards: Vec<(&str, u32)> =
            self.servers.iter().map(|(name, weight)| (&name[..], *weight)).collect();
        Placement::new(&self.hash, &self.distribution, self.hash_tag, &shards).unwrap()
    }
}

fn keys() -> Vec<Vec<u8>> {
    let hex = include_str!("../data/placement/keys.txt");
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    hex.lines().map(|line| line.as_bytes().chunks(2).map(byte).collect()).collect()
}

fn cases() -> Vec<Case> {
    include_str!("../data/placement/cases.jsonl").lines().map(case).collect()
}

fn case(line: &str) -> Case {
    let case: Value = serde_json::from_str(line).unwrap();
    let text = |field: &str| case[field].as_str().unwrap_or_default().to_owned();
    let places = case["place"].as_str();
    Case {
        hash: text("hash"),
        distribution: text("distribution"),
        hash_tag: text("hash_tag").as_bytes().try_into().ok(),
        servers: case["servers"].as_array().unwrap().iter().map(server).collect(),
        places: places.map(|digits| digits.bytes().map(|digit| usize::from(digit - b'0')).collect()),
    }
}

/// A server without a name goes by its address.
fn server(server: &Value) -> (String, u32) {
    let name = server["name"].as_str().unwrap_or_else(|| server["address"].as_str().unwrap());
    (name.to_owned(), server["weight"].as_u64().unwrap().try_into().unwrap())
}

#[test]
fn every_recorded_key_lies_where_twemproxy_put_it() {
    let keys = keys();
    let mut compared = 0;
    for case in cases() {
        let Some(places) = &case.places else { continue };
        let placement = case.placement();
        assert_eq!(places.len(), keys.len());
        for (key, place) in keys.iter().zip(places) {
            assert_eq!(
                placement.shard(key, || 0),
                *place,
                "{placement:?} {:?}",
                key.escape_ascii().to_string()
            );
        }
        compared += keys.len();
    }
    assert_eq!(compared, 55 * 2024);
}

#[test]
fn the_recording_covers_every_name_and_non_ascii_keys() {
    let cases = cases();
    for hash in HASHES {
        assert!(cases.iter().any(|case| case.hash == *hash), "{hash}");
    }
    for distribution in DISTRIBUTIONS {
        assert!(cases.iter().any(|case| case.distribution == *distribution), "{distribution}");
    }
    assert!(keys().iter().filter(|key| !key.is_ascii()).count() > 100);
}

#[test]
fn shares_foretell_how_many_keys_each_shard_gets() {
    let keys = keys();
    for case in cases() {
        let placement = case.placement();
        let mut counts = vec![0; placement.len()];
        for (key, random) in keys.iter().zip(0..) {
            counts[placement.shard(key, || random)] += 1;
        }
        for (share, count) in placement.shares().iter().zip(counts) {
            let part = f64::from(count) / keys.len() as f64;
            // Hash tags and the short keys of the recording pull a few per cent to one side.
            assert!((share - part).abs() < 0.1, "{placement:?}: {share} foretold, {part} seen");
        }
    }
}
