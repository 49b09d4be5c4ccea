//! What makes upstreams of one lane to one node interchangeable, and what a client's next request needs.

use crate::config::PoolConfig;
use crate::resp::Protocol;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Profile {
    /// The database that is selected.
    pub(crate) db: u32,
    pub(crate) protocol: Protocol,
}

/// A profile's number among those that a worker uses towards a pool: routes are looked up by it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct ProfileId(pub(crate) u16);

impl Profile {
    /// What a client of this pool begins with.
    pub(crate) fn of(pool: &PoolConfig) -> Profile {
        Profile { db: pool.db, protocol: Protocol::Resp2 }
    }
}

impl Profile {
    /// Databases that can be selected, so that all profiles together have a `ProfileId`. Nobody has as many:
    /// each costs a node memory.
    pub(crate) const DATABASES: u32 = 32_000;
}

impl ProfileId {
    /// What clients of a pool begin with. Always there, and connected ahead.
    pub(crate) const FIRST: ProfileId = ProfileId(0);
}
