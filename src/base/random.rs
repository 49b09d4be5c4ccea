//! Numbers for jitter, for choosing among equals, and for nothing that must not be guessed.

/// The next number of a generator whose whole state is the caller's (xorshift64; G. Marsaglia, "Xorshift
/// RNGs", 2003). A state of zero stays zero: begin with an odd one.
#[inline]
pub fn next_random(state: &mut u64) -> u32 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    (*state >> 16) as u32
}
