//! Promises kept through sockets, against real servers: a module a promise.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what cannot go on says where")]

mod access;
mod bad_input;
mod admin;
mod check_connect;
mod clients;
mod command_table;
mod failing_nodes;
mod kinds_of_servers;
mod demo;
mod failover;
mod lab;
mod large_values;
mod pipelines;
mod memory;
mod placement;
mod pools;
mod process;
mod replica_reads;
mod rough_clients;
mod sentinel_source;
mod splits;
mod support;
mod rig;
mod sentinel_source;
mod verbs;
