//! Newtypes for numbers that must not be swapped.

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// Index of a pool in the topology; pools keep their order for the life of a configuration.
    PoolId(u16)
);
id!(
    /// Index of a shard in its pool, in configuration order.
    ShardId(u16)
);
id!(
    /// A node, unique in the process and never used again for another address.
    NodeId(u32)
);
id!(
    /// Index of a listener in the process.
    ListenerId(u16)
);
id!(
    /// Index of a worker thread.
    WorkerId(u16)
);
id!(
    /// Number of a topology; grows by one with each that is published.
    Epoch(u64)
);
id!(
    /// A replication offset, as INFO replication tells it. Only comparable under one replication id.
    Offset(u64)
);

macro_rules! slab_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// The generation keeps a late reply from reaching whoever got the place next.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
        pub struct $name {
            pub index: u32,
            pub generation: u32,
        }

        impl $name {
            /// Both halves in one number, for poll tokens and maps.
            pub const fn to_bits(self) -> u64 {
                ((self.generation as u64) << 32) | self.index as u64
            }

            pub const fn from_bits(bits: u64) -> Self {
                Self { index: bits as u32, generation: (bits >> 32) as u32 }
            }
        }
    };
}

slab_id!(
    /// A client's place in its worker's slab.
    ClientId
);
slab_id!(
    /// An upstream's place in its worker's slab.
    UpstreamId
);
