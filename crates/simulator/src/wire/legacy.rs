//! The legacy signature (SignatureVersion 1.0), checked from the server's side: everything is a parameter, the signature
//! as well. Old SDKs, the old command line and other people's libraries have no other.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::utf8_percent_encode;
use sha1::Sha1;

use super::signature::{ENCODED, canonical_query};
use super::{Refusal, WireRequest};

/// A legacy signature.
#[derive(Debug)]
pub(crate) struct Legacy<'a> {
    pub(crate) access_key_id: &'a str,
    pub(crate) timestamp: &'a str,
    pub(crate) nonce: &'a str,
    pub(crate) token: Option<&'a str>,
    signature: &'a str,
}

impl<'a> Legacy<'a> {
    pub(crate) fn parse(request: &'a WireRequest) -> Result<Self, Refusal> {
        let required = |name: &str| {
            request.common(name).filter(|value| !value.is_empty()).ok_or_else(|| Refusal::missing(name))
        };
        let legacy = Self {
            access_key_id: required("AccessKeyId")?,
            timestamp: required("Timestamp")?,
            nonce: required("SignatureNonce")?,
            token: request.common("SecurityToken").filter(|token| !token.is_empty()),
            signature: required("Signature")?,
        };
        let fixed = [("SignatureMethod", "HMAC-SHA1"), ("SignatureVersion", "1.0")];
        for (name, value) in fixed {
            if required(name)? != value {
                return Err(incomplete(format!("{name} must be {value}.")));
            }
        }
        // Another type is a bearer token, which no key signs.
        if request.common("SignatureType").is_some_and(|kind| !kind.is_empty()) {
            return Err(incomplete("SignatureType must be empty.".to_owned()));
        }
        Ok(legacy)
    }

    pub(crate) fn verify(&self, request: &WireRequest, secret: &str) -> Result<(), Refusal> {
        let signed: Vec<_> =
            request.query.iter().chain(&request.form).filter(|(name, _)| name != "Signature").collect();
        let canonical = canonical_query(signed);
        let string_to_sign = format!("{}&%2F&{}", request.method, utf8_percent_encode(&canonical, ENCODED));
        if self.signature == sign(secret, &string_to_sign) {
            return Ok(());
        }
        // The vendor's old SDK reads the text after the one colon, to tell a wrong secret from a wrong signature.
        Err(Refusal::new(
            400,
            "SignatureDoesNotMatch",
            format!(
                "Specified signature is not matched with our calculation. server string to sign is:{string_to_sign}"
            ),
        ))
    }
}

fn incomplete(message: String) -> Refusal {
    Refusal::new(400, "IncompleteSignature", message)
}

fn sign(secret: &str, text: &str) -> String {
    // As in the newer signature: keys of any length are taken.
    Hmac::<Sha1>::new_from_slice(format!("{secret}&").as_bytes())
        .map(|mut mac| {
            mac.update(text.as_bytes());
            STANDARD.encode(mac.finalize().into_bytes())
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use bytes::Bytes;
    use serde_json::Value;

    use super::*;

    /// Two made by the functions of the vendor's old Python SDK (aliyun-python-sdk-core 2.16.1), and the example of the
    /// vendor's page "Signatures" of ECS. Keys are invented.
    const VECTORS: &str = include_str!("legacy_vectors.json");

    fn vectors() -> Vec<Value> {
        serde_json::from_str(VECTORS).expect("the vectors are JSON")
    }

    fn request(vector: &Value) -> WireRequest {
        let pairs = |value: &Value| -> Vec<(String, String)> {
            let members = value.as_object().expect("an object").iter();
            members.map(|(name, value)| (name.clone(), value.as_str().expect("text").to_owned())).collect()
        };
        WireRequest {
            method: vector["method"].as_str().expect("text").to_owned(),
            path: "/".to_owned(),
            query: pairs(&vector["query"]),
            form: pairs(&vector["form"]),
            headers: BTreeMap::new(),
            body: Bytes::new(),
        }
    }

    fn check(request: &WireRequest, secret: &str) -> Result<(), Refusal> {
        Legacy::parse(request)?.verify(request, secret)
    }

    fn set(request: &mut WireRequest, name: &str, value: Option<&str>) {
        request.query.retain(|(known, _)| known != name);
        request.query.extend(value.map(|value| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn requests_signed_by_the_vendors_code_are_accepted() {
        assert_eq!(vectors().len(), 3);
        for vector in vectors() {
            let secret = vector["secret"].as_str().expect("text");
            assert_eq!(check(&request(&vector), secret), Ok(()), "{}", vector["name"]);
            let refusal = check(&request(&vector), "another").expect_err("another secret");
            let told = refusal.message.split(':').nth(1);
            assert_eq!((&*refusal.code, told), ("SignatureDoesNotMatch", vector["string_to_sign"].as_str()));
        }
    }

    #[test]
    fn every_parameter_is_signed() {
        for vector in vectors() {
            let secret = vector["secret"].as_str().expect("text");
            let mut changed = request(&vector);
            changed.form.push(("DeletionProtection".to_owned(), "false".to_owned()));
            assert_eq!(check(&changed, secret).expect_err("one more").code, "SignatureDoesNotMatch");
        }
    }

    #[test]
    fn what_is_not_a_whole_legacy_signature_is_refused() {
        let vector = &vectors()[0];
        let secret = vector["secret"].as_str().expect("text");
        for (name, value, code) in [
            ("AccessKeyId", None, "MissingParameter"),
            ("Signature", None, "MissingParameter"),
            ("SignatureNonce", None, "MissingParameter"),
            ("Timestamp", None, "MissingParameter"),
            ("SignatureMethod", None, "MissingParameter"),
            ("SignatureMethod", Some("HMAC-SHA256"), "IncompleteSignature"),
            ("SignatureVersion", Some("2.0"), "IncompleteSignature"),
            ("SignatureType", Some("BEARERTOKEN"), "IncompleteSignature"),
        ] {
            let mut changed = request(vector);
            set(&mut changed, name, value);
            assert!(changed.is_legacy(), "{name}");
            assert_eq!(check(&changed, secret).expect_err(name).code, code, "{name}");
        }
    }
}
