//! Promises kept through sockets, against real servers: a module a promise.

mod command_table;
mod placement;
