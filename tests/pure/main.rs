//! No network here: the tidy test, tables, simulation, properties.

mod resp;
