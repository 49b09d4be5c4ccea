//! The fuzz target `engine` for a moment: random bytes instead of chosen ones, the same world. An input that
//! the fuzzer finds is written down here as a test of its own.

#[path = "../../fuzz/fuzz_targets/engine/mod.rs"]
mod world;

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

/// Requests that time out are nobody's from then on: the parts of a gather whose client has gone, too.
#[test]
fn nothing_is_left_of_a_gather_whose_client_has_gone_and_whose_parts_time_out() {
    let mget = [3, 0, 0, 5, 0, 0, 0];
    let turn = [31, 0, 0, 0];
    let client_lost = [11, 0, 0];
    // The primaries of both shards say one byte of a reply, so that they are not taken for dead.
    let a_byte_of = |node| [15, 0, node, 1, b'+', 0, 0, 0];
    let a_second = [23, 0, 0, 1];
    let mut input = [&mget[..], &turn, &client_lost].concat();
    for _ in 0..7 {
        input.extend([&a_byte_of(0)[..], &a_byte_of(3), &a_second].concat());
    }
    world::run(&input);
}
