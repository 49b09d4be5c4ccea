//! No network here: the tidy test, tables, simulation, properties.

mod config;
mod placement;
mod metrics;
mod tidy;
