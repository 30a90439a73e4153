//! The forms of names that come from the administrator.

/// Whether the text is a DNS label (RFC 1123), the form of namespaces and of account names.
pub fn is_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| plain(byte) || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether the text has the form of the cloud's ids of accounts.
pub fn is_account_id(text: &str) -> bool {
    (5..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether the text is a name of an environment variable (POSIX, with small letters).
pub fn is_variable(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !text.is_empty() && text.bytes().all(word) && !text.starts_with(|first: char| first.is_ascii_digit())
}
