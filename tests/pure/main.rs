//! No network here: the tidy test, tables, simulation, properties.

mod config;
mod metrics;
mod placement;
mod tidy;
