//! What RAM must allow the operator, as policies that can be given to RAM.
//!
//! The actions are those of the operations that the program can call ([`keeper_alicloud::OPERATIONS`]); how far they reach is
//! what the configuration serves and grants. Nothing here knows a key, and only the issuer of a cluster's tokens is asked for.

mod document;
mod issuer;
mod permissions;
mod policy;
mod terraform;
mod trust;

pub use document::Printed;
pub use policy::policy;
pub use trust::trust;
