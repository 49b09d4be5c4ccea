//! What happens when a primary changes, as pure rules: no socket, clock or task. Read from top to
//! bottom, the files are the story in the order in which it happens.
//!
//! ```text
//!  a primary dies
//!    │  its connections are lost, its probes fail         Observation::NodeFailed
//!    │    health    one strike an interval; after `fail` of them the node is down
//!    │    next      the shard is in trouble: the source and the shard's nodes are asked, again and
//!    │              again; a down primary's gate is held, so that writes wait instead of being lost
//!    │    verdict   what was in flight on it: sent again, unknown, or held
//!    │
//!    │  a Sentinel selects a replica                       Observation::ReplicaSelected
//!    │    next      the gate is held: what the old primary still took would be lost; so it is when a
//!    │              replica says that it is a primary
//!    │
//!    │  a Sentinel says something                          Observation::SentinelSaid
//!    │    view      the highest epoch wins; equal epochs: whom most name; a lower one needs a majority
//!    │    next      the named node is believed at once; the engine sees `ROLE` say master on each
//!    │              upstream before a write goes there
//!    │    roles     the old primary is deposed: no request goes to it, no reply from it counts
//!    │    verdict   what was still in flight on it
//!    │    next      the gate is open, held writes go
//!    │
//!    │  nodes say who they are                             Observation::RoleSeen
//!    │    roles     a replica that follows the new primary, link up, serves reads again; the deposed
//!    │              one is a replica once it is seen following
//!    ▼
//!  stable: nobody contradicts
//! ```
//!
//! In a static pool no Sentinel speaks, and `roles::elect` decides by what the nodes say.
//!
//! Deliberately absent: promoting anything. Sentinel decides, or an operator; Ketch follows.

mod verdict;

mod beliefs;
mod happened;
mod health;
mod next;
mod role;
mod roles;
mod view;

pub use beliefs::Beliefs;
pub use happened::{Ask, Happened};
pub use next::{Next, hold, new_node, next};
pub use role::role_of;
pub use roles::mapped;
pub use verdict::{Fate, Kind, Past, Verdict, is_telling, verdict};
pub use view::{Judgement, Named, Views};
