//! Where a pool's topology comes from: one file a source. A source only watches and tells; what its
//! words are worth is judged in `failover`.

mod fixed;
mod sentinel;
mod sentinel_reply;

use tokio::task::JoinSet;

use crate::config::SourceConfig;
use crate::topology::Pool;

use super::Told;

/// A pool's source, running.
pub(super) enum Source {
    Fixed(fixed::Fixed),
    Sentinel(sentinel::Group),
}

/// Starts what the pool's configuration names.
pub(super) fn start(pool: &Pool, told: &Told, tasks: &mut JoinSet<()>) -> Source {
    match &pool.config.source {
        SourceConfig::Static => Source::Fixed(fixed::Fixed),
        SourceConfig::Sentinel(addresses) => Source::Sentinel(sentinel::start(pool, addresses, told, tasks)),
    }
}

impl Source {
    /// Asks now, and tells what it hears as observations.
    pub(super) fn ask(&self) {
        match self {
            Source::Fixed(fixed) => fixed.ask(),
            Source::Sentinel(group) => group.ask(),
        }
    }
}
