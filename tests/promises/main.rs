//! Promises kept through sockets, against real servers: a module a promise.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what cannot go on says where")]

mod check_connect;
mod command_table;
mod lab;
mod memory;
mod placement;
mod sentinel_source;
