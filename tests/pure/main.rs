//! No network here: the tidy test, tables, simulation, properties.

mod failover;
mod placement;
mod metrics;
mod tidy;
