//! Units and ids that every room shares: what a number means is in its type.
//!
//! Deliberately absent: anything that knows Redis, a file format or a socket.

mod address;
mod ids;
mod random;
mod secret;
mod size;
mod time;

pub use address::{Address, AddressError};
pub use ids::{ClientId, Epoch, ListenerId, NodeId, Offset, PoolId, ShardId, UpstreamId, WorkerId};
pub use random::next_random;
pub use secret::Secret;
pub use size::{ByteSize, ByteSizeError};
pub use time::Time;
