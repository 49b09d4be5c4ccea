//! RESP, as bytes: where a request or a reply ends, and how one is written. No command names here.
//!
//! - `request`: where a client's request ends and its arguments lie; `request_tail` only frames the rest
//!   of a streamed one; `inline` splits lines that people type; `protocol_error` words what is wrong.
//! - `reply`: where a node's reply ends; `elements` looks into a complete one.
//! - `number`: the numbers of all their headers.
//! - `encode`: writing.
//! - `value`: a reply as a tree, for the control plane, the lab and tests; never on the data path.

mod elements;
mod encode;
mod inline;
mod number;
mod protocol_error;
mod reply;
mod request;
mod request_tail;
mod value;

pub use elements::{Elements, error_code, integer_of};
pub use encode::{
    Protocol, array, bulk, command, error, integer, map, nil_array, nil_bulk, null, null_array, push, set,
    simple, verbatim,
};
pub use inline::inline_to_array;
pub use protocol_error::ProtocolError;
pub use reply::{ReplyError, ReplyScan, ReplyScanner};
pub use request::{Pending, RequestLimits, RequestScanner, Scanned, Span};
pub use request_tail::{RequestTail, TailScan};
pub use value::{Malformed, Value};
