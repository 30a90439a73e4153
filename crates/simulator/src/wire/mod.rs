//! The protocol between client and cloud: signed requests in, documented refusals out.
//!
//! Written from the vendor's description of "V3 request body and signature mechanism", from that of the legacy signature,
//! and from what the vendor's SDKs send, not from this project's own client: two readings of the same rules check each other.

pub(crate) mod legacy;
mod parameters;
mod refusal;
mod request;
pub(crate) mod signature;
pub(crate) mod xml;

pub(crate) use parameters::{Params, TagPair};
pub use refusal::Refusal;
pub(crate) use request::{Format, WireRequest};

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Lower-case hexadecimal text of bytes.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lower-case hexadecimal SHA-256, the form in which the protocol carries every hash.
fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
