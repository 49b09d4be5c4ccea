//! Which node of a shard serves a read: the pool's or listener's policy, and the balance among replicas.
//!
//! Writes need no choice: they go to the believed primary.

use crate::topology::ReadPolicy;

/// Who is to serve.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pick {
    Primary,
    /// An index into the replicas that may serve.
    Replica(usize),
    /// Nobody may, now.
    Nobody,
}

/// Picks by policy from what may serve now: the primary, if `primary`, and `replicas` replicas.
///
/// A policy that asks for replicas falls back to the primary. Among replicas the power of two choices
/// decides (M. Mitzenmacher, 2001): of two picked by a number of `random`, which is asked only if there is
/// a choice, the one with fewer requests in flight.
#[inline]
pub(crate) fn pick(
    policy: ReadPolicy,
    primary: bool,
    replicas: usize,
    in_flight: impl Fn(usize) -> usize,
    random: impl FnOnce() -> u32,
) -> Pick {
    let fallback = if primary { Pick::Primary } else { Pick::Nobody };
    match policy {
        ReadPolicy::Primary => return fallback,
        ReadPolicy::PreferPrimary if primary => return Pick::Primary,
        _ if replicas == 0 => return fallback,
        _ => {}
    }
    let random = random();
    if policy == ReadPolicy::Any && primary && random as usize % (replicas + 1) == replicas {
        return Pick::Primary;
    }
    Pick::Replica(less_busy(replicas, in_flight, random))
}

fn less_busy(replicas: usize, in_flight: impl Fn(usize) -> usize, random: u32) -> usize {
    let first = (random >> 4) as usize % replicas;
    if replicas == 1 {
        return first;
    }
    // Another one than the first, each as likely.
    let second = (first + 1 + (random >> 16) as usize % (replicas - 1)) % replicas;
    if in_flight(second) < in_flight(first) { second } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::next_random;

    const NOBODY_BUSY: fn(usize) -> usize = |_| 0;

    #[test]
    fn a_policy_falls_back_to_whom_there_is() {
        use ReadPolicy::*;
        for (policy, primary, replicas, picked) in [
            (Primary, true, 2, Pick::Primary),
            (Primary, false, 2, Pick::Nobody),
            (PreferPrimary, true, 1, Pick::Primary),
            (PreferPrimary, false, 1, Pick::Replica(0)),
            (Replica, true, 1, Pick::Replica(0)),
            (Replica, true, 0, Pick::Primary),
            (PreferReplica, true, 1, Pick::Replica(0)),
            (PreferReplica, true, 0, Pick::Primary),
            (PreferReplica, false, 0, Pick::Nobody),
            (Any, false, 1, Pick::Replica(0)),
        ] {
            assert_eq!(pick(policy, primary, replicas, NOBODY_BUSY, || 0), picked, "{policy:?}");
        }
    }

    #[test]
    fn every_node_gets_its_share_and_the_busy_one_less() {
        let mut state = 88_172_645_463_325_252u64;
        let mut random = || next_random(&mut state);
        let mut picked = [0; 4];
        for _ in 0..40_000 {
            match pick(ReadPolicy::Any, true, 3, |i| if i == 0 { 9 } else { 1 }, &mut random) {
                Pick::Replica(i) => picked[i] += 1,
                _ => picked[3] += 1,
            }
        }
        assert_eq!(picked[0], 0, "there is always one that is less busy");
        assert!(picked[1..].iter().all(|n| *n > 8_000), "{picked:?}");
    }
}
