//! Which upstreams owe a client replies, by shard: while one does, the client's next request to that
//! shard takes the same upstream or waits. Else `GET a` on a replica followed by `SET a` on the primary
//! could answer with the later value.

use crate::base::{ShardId, UpstreamId};

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Road {
    pub(crate) upstream: UpstreamId,
    pub(crate) owed: u32,
    shard: ShardId,
}

/// Two shards without memory of their own; a client that has requests under way to more of them at
/// once pays for a list.
#[derive(Default)]
pub(crate) struct Roads {
    near: [Road; 2],
    far: Vec<Road>,
}

impl Roads {
    /// The upstream that owes replies of this shard.
    #[inline]
    pub(crate) fn get(&self, shard: ShardId) -> Option<UpstreamId> {
        self.near.iter().chain(&self.far).find(|r| r.owed > 0 && r.shard == shard).map(|r| r.upstream)
    }

    /// Shards with something under way: by which upstream, and how much.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ShardId, UpstreamId, u32)> {
        self.near.iter().chain(&self.far).filter(|r| r.owed > 0).map(|r| (r.shard, r.upstream, r.owed))
    }

    /// One more request of this shard is on its way by `upstream`.
    #[inline]
    pub(crate) fn add(&mut self, shard: ShardId, upstream: UpstreamId) {
        let mut free = None;
        for road in self.near.iter_mut().chain(&mut self.far) {
            if road.owed > 0 && road.shard == shard {
                debug_assert_eq!(road.upstream, upstream, "two roads to one shard");
                road.owed += 1;
                return;
            }
            if road.owed == 0 && free.is_none() {
                free = Some(road);
            }
        }
        let road = Road { upstream, owed: 1, shard };
        match free {
            Some(place) => *place = road,
            None => self.far.push(road),
        }
    }

    /// One has been answered, or will not be; true if it was the last one of its shard.
    #[inline]
    pub(crate) fn remove(&mut self, shard: ShardId) -> bool {
        for road in self.near.iter_mut().chain(&mut self.far) {
            if road.owed > 0 && road.shard == shard {
                road.owed -= 1;
                return road.owed == 0;
            }
        }
        debug_assert!(false, "a road that was never taken");
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shard_has_one_road_while_something_is_owed_on_it() {
        let mut roads = Roads::default();
        let upstream = |index| UpstreamId { index, generation: 0 };
        for shard in 0..5 {
            roads.add(ShardId(shard), upstream(u32::from(shard)));
            roads.add(ShardId(shard), upstream(u32::from(shard)));
        }
        for shard in 0..5 {
            assert_eq!(roads.get(ShardId(shard)), Some(upstream(u32::from(shard))));
            assert!(!roads.remove(ShardId(shard)));
            assert!(roads.remove(ShardId(shard)));
            assert_eq!(roads.get(ShardId(shard)), None);
        }
    }
}
