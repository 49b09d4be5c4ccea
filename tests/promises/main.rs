//! Promises kept through sockets, against real servers: a module a promise.

mod command_table;
mod placement;
#![allow(clippy::unwrap_used, reason = "helpers of tests: what cannot go on says where")]

mod lab;
mod placement;
