//! Whatever clients and nodes send, in whatever pieces, while primaries change and time jumps: nothing
//! panics, the engine's invariants hold, and what clients are given is RESP.
#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "engine/mod.rs"]
mod world;

fuzz_target!(|data: &[u8]| world::run(data));
