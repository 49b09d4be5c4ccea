//! Promises kept through sockets, against real servers: a module a promise.

mod lab;
mod placement;
mod sentinel_source;
