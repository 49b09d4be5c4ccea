//! A laboratory of real servers: redis-server, valkey-server and Sentinels as processes on free
//! ports, which can be started, killed, paused, cut off and restarted, and traffic that checks what
//! it wrote. One supervisor for `ketch demo`, the tests and the benches.
//!
//! - `home`: a folder, a block of ports and a guard; what is started in it never outlives it.
//! - `guard`: the process that cleans up, however the starter ended.
//! - `process`, `server`, `program`: one process; one Redis or Sentinel; which executable it is.
//! - `group`, `sentinel_conf`: shards of primaries and replicas, with the Sentinels that watch them.
//! - `relay`: a link that can be slow, silent or cut.
//! - `traffic`, `link`, `ledger`, `counts`: numbered writes, and what must be found of them afterwards.
//! - `client`: a small blocking client. `wait`: waiting for a condition, with a limit.
//!
//! Deliberately absent: anything that knows Ketch beyond its address, and any imitation of Redis.

mod client;
mod counts;
mod error;
mod group;
mod guard;
mod home;
mod ledger;
mod link;
mod ports;
mod process;
mod program;
mod relay;
mod sentinel_conf;
mod server;
mod traffic;
mod wait;

pub use client::Client;
pub use counts::{Counts, Verdict};
pub use error::LabError;
pub use group::{Group, Options, Shard};
pub use guard::guard_main;
pub use home::Home;
pub use ports::Ports;
pub use process::Process;
pub use program::{Flavour, Program};
pub use relay::{Direction, Relay};
pub use server::{NodeOptions, Server};
pub use traffic::{Traffic, TrafficOptions};
pub use wait::{wait_for, wait_until};
