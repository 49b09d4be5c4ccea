//! Promises kept through sockets, against real servers: a module a promise.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what cannot go on says where")]

mod admin;
mod check_connect;
mod clients;
mod command_table;
mod demo;
mod failover;
mod lab;
mod placement;
mod rig;
mod sentinel_source;
mod verbs;
