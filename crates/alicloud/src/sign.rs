//! The signature `ACS3-HMAC-SHA256`. Takes the time and the nonce as arguments and sends nothing.
//!
//! The rules are those of the vendor's page "V3 request body and signature mechanism": a canonical request is hashed,
//! and the hash is signed with the secret itself; there is no derived key and no scope. The vendor's SDKs sign
//! different sets of headers, because the set is free as long as `SignedHeaders` names it: here every header that is
//! given is signed.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// All but letters, digits and `-_.~`: a space becomes `%20`, `*` becomes `%2A`, `/` becomes `%2F`.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What makes one signature different from every other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// When the request is signed. The cloud refuses one that is too far from its own clock.
    pub date: Timestamp,
    /// A text that no request of this key has carried before.
    pub nonce: String,
}

/// Where the time and the nonce of each signature come from.
pub trait StampSource: Send + Sync {
    /// A new stamp, never the same twice.
    fn stamp(&self) -> Stamp;
}

/// Whether one still may sign. It is asked after the stamp was taken and before anything is signed, so that a process that was
/// stopped for a while signs nothing after its lease has ended.
pub trait LeaseGuard: Send + Sync {
    /// Whether the lease is held now.
    fn held(&self) -> bool;
}

/// No lease, for whoever is alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Always;

impl LeaseGuard for Always {
    fn held(&self) -> bool {
        true
    }
}

/// The wall clock and random nonces.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemStamps;

impl StampSource for SystemStamps {
    #[allow(
        clippy::disallowed_methods,
        reason = "signatures carry the wall clock's time; it is read here alone"
    )]
    fn stamp(&self) -> Stamp {
        Stamp { date: Timestamp::now(), nonce: uuid::Uuid::new_v4().simple().to_string() }
    }
}

/// A request, as far as a signature covers it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// HTTP method in upper case.
    pub method: &'a str,
    /// Path of the URL; `/` for ECS and STS.
    pub path: &'a str,
    /// The query string as it is sent: see [`canonical_query`].
    pub query: &'a str,
    /// The headers to sign, in any order, with names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body as it is sent.
    pub body: &'a [u8],
}

impl Request<'_> {
    /// The text whose hash is signed.
    pub fn canonical(&self) -> String {
        let mut headers = self.headers.to_vec();
        headers.sort_unstable();
        let mut text = format!("{}\n{}\n{}\n", self.method, self.path, self.query);
        for (name, value) in &headers {
            text.extend([name, ":", value.trim(), "\n"]);
        }
        let names: Vec<_> = headers.into_iter().map(|(name, _)| name).collect();
        text.extend(["\n", &names.join(";"), "\n", &sha256_hex(self.body)]);
        text
    }

    /// The value of the `Authorization` header.
    pub fn authorization(&self, access_key_id: &str, access_key_secret: &SecretString) -> String {
        let string_to_sign = format!("{ALGORITHM}\n{}", sha256_hex(self.canonical().as_bytes()));
        let signature = hmac_hex(access_key_secret.expose_secret().as_bytes(), string_to_sign.as_bytes());
        let mut names: Vec<_> = self.headers.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        format!(
            "{ALGORITHM} Credential={access_key_id},SignedHeaders={},Signature={signature}",
            names.join(";")
        )
    }
}

/// The query string of these parameters, sorted by the bytes of their names (`Tag.10.Key` comes before `Tag.2.Key`).
///
/// What is signed and what is sent must be the same bytes, so this is used for both.
pub fn canonical_query<N: AsRef<str>, V: AsRef<str>>(parameters: &[(N, V)]) -> String {
    let mut sorted: Vec<_> = parameters.iter().map(|(name, value)| (name.as_ref(), value.as_ref())).collect();
    sorted.sort_unstable();
    let pairs: Vec<_> = sorted
        .into_iter()
        .map(|(name, value)| {
            format!("{}={}", utf8_percent_encode(name, ESCAPED), utf8_percent_encode(value, ESCAPED))
        })
        .collect();
    pairs.join("&")
}

/// A time as the header `x-acs-date` wants it: UTC, whole seconds.
pub fn date_text(date: Timestamp) -> String {
    date.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The value of the header `x-acs-content-sha256`.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[allow(clippy::expect_used, reason = "HMAC is defined for keys of every length")]
fn hmac_hex(key: &[u8], text: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(text);
    hex(&mac.finalize().into_bytes())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String never fails.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
