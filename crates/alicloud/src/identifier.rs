//! What can be a code, an id or a name of the cloud's.

use serde_json::Value;

/// A JSON string that can be the name of something.
pub(crate) fn identifier(value: Option<&Value>) -> Option<&str> {
    value?.as_str().filter(|text| is_identifier(text))
}

/// Whether a text can be a code or an id of the cloud's. Whatever else it is, it is not repeated in a message, a
/// status or a parameter.
pub(crate) fn is_identifier(text: &str) -> bool {
    const LONGEST: usize = 128;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(allowed)
}
