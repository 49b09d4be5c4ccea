//! What makes upstreams of one lane to one node interchangeable, and what a client's next request needs.

use crate::config::PoolConfig;
use crate::resp::Protocol;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Profile {
    /// The database that is selected.
    pub(crate) db: u32,
    pub(crate) protocol: Protocol,
}

impl Profile {
    /// What a client of this pool begins with.
    pub(crate) fn of(pool: &PoolConfig) -> Profile {
        Profile { db: pool.db, protocol: Protocol::Resp2 }
    }
}
