//! No network here: the tidy test, tables, simulation, properties.

mod command_line;
mod config;
mod failover;
mod placement;
mod metrics;
mod placement;
mod tidy;
mod resp;
