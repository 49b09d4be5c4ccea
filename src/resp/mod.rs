//! RESP, as bytes: where a request or a reply ends, and how one is written. No command names here.
//!
//! - `encode`: writing.
//! - `value`: a reply as a tree, for the control plane, the lab and tests; never on the data path.

mod encode;
mod value;

pub use encode::{array, bulk, command, error, integer, nil_array, nil_bulk, simple};
pub use value::{Malformed, Value};
