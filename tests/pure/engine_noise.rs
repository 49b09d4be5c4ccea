//! Inputs that once broke the engine, run again. They are what the fuzz target `engine` found, cut as
//! short as they go; the world that they are fed to is the fuzz target's own.

#[path = "../../fuzz/fuzz_targets/engine/mod.rs"]
mod world;

use std::fs;
use std::path::Path;

#[test]
fn inputs_that_once_broke_the_engine_break_it_no_more() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/engine");
    let mut inputs: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    inputs.sort();
    assert!(!inputs.is_empty());
    for input in inputs {
        eprintln!("{}", input.display());
        world::run(&fs::read(&input).unwrap());
    }
}

#[test]
fn an_engine_survives_a_few_thousand_short_worlds() {
    let mut state = 1_u64;
    for _ in 0..3000 {
        let input: Vec<u8> = (0..400)
            .map(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 56) as u8
            })
            .collect();
        world::run(&input);
    }
}
