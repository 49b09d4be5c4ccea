//! The data path in a seeded world: engines, fake drivers that split, delay, reorder between
//! connections and cut at each byte, nodes that execute and misbehave, clients that know which answers
//! are right. All invariants are looked at after each turn. A seed that fails is printed.

#![allow(clippy::unwrap_used, reason = "all of it is a test: a world that is not as thought has failed")]

mod asks;
mod busy;
mod connection;
mod letters;
mod model;
mod monitors;
mod node;
mod noise;
mod pinned;
mod random;
mod scenarios;
mod scripted;
mod sent;
mod setup;
mod subscribers;
mod whole_pool;
mod world;

/// Says how to see a failed world again.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this world again: make sim SEED={}", self.0);
        }
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Each seed from 1 on, `KETCH_SIM_RUNS` of them, or the one that `KETCH_SEED` names.
fn worlds(runs: u64, run: fn(u64)) {
    let seeds = match number("KETCH_SEED") {
        Some(seed) => seed..seed + 1,
        None => 1..1 + number("KETCH_SIM_RUNS").unwrap_or(runs),
    };
    for seed in seeds {
        let _said = Seed(seed);
        run(seed);
    }
}

#[test]
fn random_worlds_keep_every_promise() {
    worlds(300, random::run);
}

#[test]
fn random_subscribers_get_what_is_published_in_order_and_nothing_else() {
    worlds(200, subscribers::random::run);
}

#[test]
fn noise_breaks_nothing() {
    worlds(300, noise::run);
}
