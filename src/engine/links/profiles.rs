//! Which profiles a worker uses towards a pool, and who serves a shard for each.
//!
//! A profile is known by a number while anybody uses it: a client, a held request, an upstream. The number
//! is where its routes lie, so a request looks nothing up by its profile.

use crate::base::ShardId;
use crate::engine::links::{PoolState, Routes};
use crate::engine::profile::{Profile, ProfileId};

/// A profile that has a number.
pub(super) struct Known {
    profile: Profile,
    /// Clients and held requests; not counted for the first, which is always there.
    users: u32,
    /// Nobody used it any more: its number may be another's.
    free: bool,
}

impl Known {
    pub(super) fn new(profile: Profile) -> Known {
        Known { profile, users: 0, free: false }
    }
}

impl PoolState {
    /// Who serves a shard for a profile.
    #[inline]
    pub(crate) fn routes(&self, id: ProfileId, shard: ShardId) -> &Routes {
        &self.routes[usize::from(id.0) * self.believed.len() + usize::from(shard.0)]
    }

    pub(super) fn routes_mut(&mut self, id: ProfileId, shard: ShardId) -> &mut Routes {
        &mut self.routes[usize::from(id.0) * self.believed.len() + usize::from(shard.0)]
    }

    /// Who serves anybody, shard by shard.
    pub(crate) fn all_routes(&self) -> impl Iterator<Item = (ProfileId, &Routes)> {
        let shards = self.believed.len().max(1);
        self.routes.iter().enumerate().map(move |(i, routes)| (ProfileId((i / shards) as u16), routes))
    }

    /// Whether anybody serves a shard at all.
    pub(crate) fn is_served(&self, shard: ShardId) -> bool {
        let of_shard = self.routes.iter().skip(usize::from(shard.0)).step_by(self.believed.len().max(1));
        of_shard.into_iter().any(|routes| routes.primary.is_some() || !routes.replicas.is_empty())
    }

    pub(crate) fn profile(&self, id: ProfileId) -> Profile {
        self.profiles[usize::from(id.0)].profile
    }

    /// The numbers of all profiles in use.
    pub(super) fn profile_ids(&self) -> Vec<ProfileId> {
        let used = self.profiles.iter().enumerate().filter(|(_, known)| !known.free);
        used.map(|(i, _)| ProfileId(i as u16)).collect()
    }

    /// Whether any profile besides the first is known.
    pub(crate) fn has_unusual(&self) -> bool {
        self.profiles.iter().skip(1).any(|known| !known.free)
    }

    /// A profile's number; it gets one if it has none.
    pub(super) fn number(&mut self, profile: Profile) -> ProfileId {
        let known = self.profiles.iter().position(|known| !known.free && known.profile == profile);
        let index = known.unwrap_or_else(|| {
            let free = self.profiles.iter().position(|known| known.free);
            let index = free.unwrap_or(self.profiles.len());
            match free {
                Some(index) => self.profiles[index] = Known::new(profile),
                None => {
                    self.profiles.push(Known::new(profile));
                    self.routes.extend(self.believed.iter().map(|_| Routes::default()));
                }
            }
            index
        });
        ProfileId(index as u16)
    }

    /// A client or a held request has it from now on.
    #[inline]
    pub(crate) fn begin_use(&mut self, id: ProfileId) {
        if id != ProfileId::FIRST {
            self.profiles[usize::from(id.0)].users += 1;
        }
    }

    #[inline]
    pub(crate) fn end_use(&mut self, id: ProfileId) {
        if id != ProfileId::FIRST {
            self.profiles[usize::from(id.0)].users -= 1;
        }
    }

    pub(super) fn is_used(&self, id: ProfileId) -> bool {
        id == ProfileId::FIRST || self.profiles[usize::from(id.0)].users > 0
    }

    /// Its number may be given to another. No upstream, client or held request has it.
    pub(super) fn forget_profile(&mut self, id: ProfileId) {
        debug_assert!(!self.is_used(id), "a profile that somebody uses");
        self.profiles[usize::from(id.0)].free = true;
    }
}
