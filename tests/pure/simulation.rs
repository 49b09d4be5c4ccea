//! The data path in a seeded world: engines, fake drivers that split, delay, reorder between
//! connections and cut at each byte, nodes that execute and misbehave, clients that know which answers
//! are right. All invariants are looked at after each turn. A seed that fails is printed.

mod model;
mod node;
mod random;
mod setup;
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

fn worlds(first: u64) {
    if let Some(seed) = number("KETCH_SEED") {
        let _said = Seed(seed);
        return random::run(seed);
    }
    for seed in first..first + number("KETCH_SIM_RUNS").unwrap_or(300) {
        let _said = Seed(seed);
        random::run(seed);
    }
}

#[test]
fn random_worlds_keep_every_promise() {
    worlds(1);
}
