//! The code map: rooms from top to bottom. A room uses only what stands below it, and a test
//! (`tests/pure/tidy.rs`) reads every source file to see that it stays so.
//!
//! Start reading at `engine/road/mod.rs` for a request's way, at `failover/mod.rs` for what happens
//! when a primary dies.

mod cli;
mod lab;
mod server;

mod admin;
mod control;
mod driver;

mod base;
mod command;
mod config;
mod engine;
mod exchange;
mod failover;
mod metrics;
mod placement;
mod resp;
mod routing;
mod topology;

pub use cli::main;

/// What tests, benches and fuzz targets need to reach. Not an API: it may change with any commit.
#[doc(hidden)]
pub mod internals {
    pub mod base {
        pub use crate::base::*;
    }
    pub mod command {
        pub use crate::command::*;
    }
    pub mod config {
        pub use crate::config::*;
    }
    pub mod control {
        pub use crate::control::*;
    }
    pub mod engine {
        pub use crate::engine::*;
    }
    pub mod exchange {
        pub use crate::exchange::*;
    }
    pub mod failover {
        pub use crate::failover::*;
    }
    pub mod lab {
        pub use crate::lab::*;
    }
    pub mod metrics {
        pub use crate::metrics::*;
    }
    pub mod placement {
        pub use crate::placement::*;
    }
    pub mod resp {
        pub use crate::resp::*;
    }
    pub mod topology {
        pub use crate::topology::*;
    }
}
