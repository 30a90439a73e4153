//! Hashes as the protocol writes them.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

/// Lower-case hexadecimal text of bytes.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lower-case hexadecimal SHA-256, the form in which the protocol carries every hash.
pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
