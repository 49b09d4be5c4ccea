//! No network here: the tidy test, tables, simulation, properties.

mod command_line;
mod commands_manual;
mod config;
mod engine_noise;
mod failover;
mod metrics;
mod placement;
mod resp;
mod simulation;
mod tidy;
