//! The signature, against the vendor's own signing functions and against a second reading of the rules.
#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use hmac_by_hand::hmac_sha256;
use keeper_alicloud::sign::{Request, canonical_query, sha256_hex};
use proptest::collection::{btree_map, vec};
use proptest::prelude::{Strategy, any, prop, proptest};
use proptest::prop_assert_eq;
use secrecy::SecretString;
use serde_json::Value;
use sha2::{Digest, Sha256};

const VECTORS: &str = include_str!("data/signature-vectors.json");

fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_else(|| panic!("no text at {path}"))
}

fn pairs<'a>(value: &'a Value, path: &str) -> Vec<(&'a str, &'a str)> {
    let map = value.pointer(path).and_then(Value::as_object).unwrap_or_else(|| panic!("no object at {path}"));
    map.iter().map(|(name, value)| (name.as_str(), value.as_str().expect("a text"))).collect()
}

#[test]
fn every_vector_of_the_vendors_sdk_is_reproduced() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors = file["v3"].as_array().unwrap();
    assert_eq!(vectors.len(), 8);
    for vector in vectors {
        let name = text(vector, "/name");
        let query = canonical_query(&pairs(vector, "/request/query"));
        assert_eq!(query, text(vector, "/expected/canonical_query"), "{name}");
        let body = text(vector, "/request/body").as_bytes();
        assert_eq!(sha256_hex(body), text(vector, "/expected/hashed_payload"), "{name}");
        let headers = pairs(vector, "/request/headers");
        let request = Request {
            method: text(vector, "/request/method"),
            path: text(vector, "/request/path"),
            query: &query,
            headers: &headers,
            body,
        };
        let canonical = request.canonical();
        assert_eq!(canonical, text(vector, "/expected/canonical_request"), "{name}");
        assert_eq!(
            sha256_hex(canonical.as_bytes()),
            text(vector, "/expected/hashed_canonical_request"),
            "{name}"
        );
        let secret = SecretString::from(text(vector, "/credentials/access_key_secret"));
        let authorization = request.authorization(text(vector, "/credentials/access_key_id"), &secret);
        assert_eq!(authorization, text(vector, "/expected/authorization"), "{name}");
    }
}

/// HMAC from its definition (RFC 2104), so that the second reading shares no code with the first but the hash.
mod hmac_by_hand {
    use sha2::{Digest, Sha256};

    const BLOCK: usize = 64;

    pub fn hmac_sha256(key: &[u8], text: &[u8]) -> [u8; 32] {
        let mut block = [0_u8; BLOCK];
        if key.len() > BLOCK {
            block[..32].copy_from_slice(&Sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let pad = |with: u8| block.map(|byte| byte ^ with);
        let inner = Sha256::new().chain_update(pad(0x36)).chain_update(text).finalize();
        Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize().into()
    }
}

fn hex_by_hand(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

fn encode_by_hand(text: &str) -> String {
    let unreserved = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(byte);
    let encode = |byte: u8| match byte {
        byte if unreserved(&byte) => char::from(byte).to_string(),
        byte => format!("%{}", hex_by_hand(&[byte]).to_uppercase()),
    };
    text.bytes().map(encode).collect()
}

/// The rules as the vendor's page numbers them, line by line, on maps that are sorted from the start.
fn authorization_by_hand(
    id: &str,
    secret: &str,
    method: &str,
    query: &BTreeMap<String, String>,
    headers: &BTreeMap<String, String>,
    body: &[u8],
) -> String {
    let query =
        query.iter().map(|(name, value)| format!("{}={}", encode_by_hand(name), encode_by_hand(value)));
    let mut lines = vec![method.to_owned(), "/".to_owned(), query.collect::<Vec<_>>().join("&")];
    lines.extend(headers.iter().map(|(name, value)| format!("{name}:{}", value.trim_matches(' '))));
    let signed = headers.keys().cloned().collect::<Vec<_>>().join(";");
    lines.extend([String::new(), signed.clone(), hex_by_hand(&Sha256::digest(body))]);
    let hashed = hex_by_hand(&Sha256::digest(lines.join("\n")));
    let signature =
        hex_by_hand(&hmac_sha256(secret.as_bytes(), format!("ACS3-HMAC-SHA256\n{hashed}").as_bytes()));
    format!("ACS3-HMAC-SHA256 Credential={id},SignedHeaders={signed},Signature={signature}")
}

/// Names as the cloud has them, numbered ones among them: `Tag.10.Key` must come before `Tag.2.Key`.
fn names() -> impl Strategy<Value = String> {
    "[A-Z][A-Za-z]{0,8}(\\.[0-9]{1,2}(\\.Key|\\.Value)?)?"
}

proptest! {
    #[test]
    fn two_readings_of_the_rules_agree(
        query in btree_map(names(), any::<String>(), 0..12),
        headers in btree_map("x-acs-[a-z-]{1,12}|host|content-type", " {0,2}[!-~]{0,20} {0,2}", 1..8),
        body in vec(any::<u8>(), 0..64),
        secret in "[!-~]{1,100}",
        method in "GET|POST",
        shuffle in any::<prop::sample::Index>(),
    ) {
        let mut parameters: Vec<_> = query.clone().into_iter().collect();
        let mut given: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let middle = shuffle.index(given.len());
        given.rotate_left(middle);
        parameters.reverse();
        let text = canonical_query(&parameters);
        let request = Request { method: &method, path: "/", query: &text, headers: &given, body: &body };
        prop_assert_eq!(
            request.authorization("LTAIexample", &SecretString::from(secret.as_str())),
            authorization_by_hand("LTAIexample", &secret, &method, &query, &headers, &body)
        );
    }
}
