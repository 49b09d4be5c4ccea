//! The road.

mod local;
