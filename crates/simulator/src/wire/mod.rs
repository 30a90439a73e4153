//! The protocol between client and cloud: signed requests in, documented refusals out.
//!
//! Written from the vendor's description of "V3 request body and signature mechanism", from that of the legacy signature,
//! and from what the vendor's SDKs send, not from this project's own client: two readings of the same rules check each other.

mod hash;
pub(crate) mod legacy;
mod parameters;
mod refusal;
mod request;
pub(crate) mod signature;
pub(crate) mod xml;

pub(crate) use parameters::{Params, TagPair};
pub(crate) use refusal::AccessDenied;
pub use refusal::Refusal;
pub(crate) use request::{Format, WireRequest};
