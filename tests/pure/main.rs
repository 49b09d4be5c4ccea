//! No network here: the tidy test, tables, simulation, properties.

mod placement;
mod metrics;
mod tidy;
