//! Promises kept through sockets, against real servers: a module a promise.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what cannot go on says where")]

mod access;
mod admin;
mod as_a_server;
mod bad_input;
mod busy_nodes;
mod check_connect;
mod client_family;
mod clients;
mod command_table;
mod demo;
mod failing_nodes;
mod failover;
mod kinds_of_servers;
mod lab;
mod large_values;
mod learned_commands;
mod memory;
mod pipelines;
mod placement;
mod pools;
mod process;
mod replica_reads;
mod rig;
mod rough_clients;
mod scans;
mod scripts;
mod sentinel_source;
mod splits;
mod support;
mod valkey_commands;
mod verbs;
mod waits;
mod whole_pool;
