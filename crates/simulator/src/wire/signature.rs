//! ACS3-HMAC-SHA256, checked from the server's side.

use std::collections::{BTreeMap, BTreeSet};

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::Sha256;

use super::Refusal;
use super::hash::{hex, sha256_hex};

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// What stays unencoded in a canonical query besides letters and digits.
pub(super) const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The parts of the `Authorization` header.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Authorization<'a> {
    pub(crate) access_key_id: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

/// What of a request goes into its signature.
pub(crate) struct Signed<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    /// Decoded pairs of the query string.
    pub(crate) query: &'a [(String, String)],
    /// Headers with lower-case names and trimmed values.
    pub(crate) headers: &'a BTreeMap<String, String>,
    pub(crate) body: &'a [u8],
}

fn incomplete(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "IncompleteSignature", message)
}

impl<'a> Authorization<'a> {
    /// Reads the header. Its form is fixed: three parts in this order with no blanks after the commas.
    pub(crate) fn parse(header: Option<&'a str>) -> Result<Self, Refusal> {
        let header = header.ok_or_else(|| {
            incomplete("The request has neither an Authorization header nor a legacy signature.")
        })?;
        let malformed = || incomplete("The Authorization header does not have the form of ACS3-HMAC-SHA256.");
        let parts =
            header.strip_prefix(ALGORITHM).and_then(|rest| rest.strip_prefix(' ')).ok_or_else(malformed)?;
        let mut parts = parts.split(',');
        let mut part = |name: &str| {
            parts
                .next()
                .and_then(|part| part.strip_prefix(name))
                .and_then(|part| part.strip_prefix('='))
                .filter(|value| !value.is_empty())
                .ok_or_else(malformed)
        };
        let access_key_id = part("Credential")?;
        let signed_headers = part("SignedHeaders")?.split(';').collect();
        let signature = part("Signature")?;
        if parts.next().is_some() {
            return Err(malformed());
        }
        Ok(Self { access_key_id, signed_headers, signature })
    }

    /// Checks that everything that must be signed is signed, and that the signature is the secret's.
    pub(crate) fn verify(&self, request: &Signed<'_>, secret: &str) -> Result<(), Refusal> {
        let names: BTreeSet<&str> = self.signed_headers.iter().copied().collect();
        let must_be_signed = |name: &str| {
            name == "host"
                || (name.starts_with("x-acs-") && name != "x-acs-signature")
                || name == "content-type"
        };
        if let Some(name) =
            request.headers.keys().find(|name| must_be_signed(name) && !names.contains(name.as_str()))
        {
            return Err(incomplete(format!(
                "The header {name} was sent and is not among the signed headers."
            )));
        }

        let mut canonical_headers = String::new();
        for name in &names {
            let value = request
                .headers
                .get(*name)
                .ok_or_else(|| incomplete(format!("The signed header {name} was not sent.")))?;
            canonical_headers.extend([name, ":", value, "\n"]);
        }
        let signed: Vec<&str> = names.into_iter().collect();
        let canonical_request = [
            request.method,
            request.path,
            &canonical_query(request.query.iter().collect()),
            &canonical_headers,
            &signed.join(";"),
            &sha256_hex(request.body),
        ]
        .join("\n");
        let string_to_sign = format!("{ALGORITHM}\n{}", sha256_hex(canonical_request.as_bytes()));

        let expected = hmac(secret, &string_to_sign);
        let declared_hash = request.headers.get("x-acs-content-sha256").map(String::as_str);
        if expected == self.signature && declared_hash == Some(&sha256_hex(request.body)) {
            return Ok(());
        }
        // The cloud repeats what it would have signed, which may hold a session token: a client that logs this text
        // has a leak.
        Err(Refusal::new(
            400,
            "SignatureDoesNotMatch",
            format!(
                "The signature is not the one we computed. server StringToSign is [{string_to_sign}] \
                 server CanonicalRequest is [{canonical_request}]"
            ),
        ))
    }
}

pub(super) fn canonical_query(mut pairs: Vec<&(String, String)>) -> String {
    pairs.sort_unstable();
    let encode = |text| utf8_percent_encode(text, ENCODED);
    pairs
        .iter()
        .map(|(name, value)| format!("{}={}", encode(name), encode(value)))
        .collect::<Vec<_>>()
        .join("&")
}

fn hmac(secret: &str, text: &str) -> String {
    // HMAC takes keys of any length, so the only error of the constructor can't happen; an empty signature would
    // match nothing.
    Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .map(|mut mac| {
            mac.update(text.as_bytes());
            hex(&mac.finalize().into_bytes())
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Produced by the signing functions of the vendor's Python SDK (alibabacloud-tea-openapi 0.4.6), one of them
    /// the example of the vendor's page "V3 request body and signature mechanism". Keys are invented.
    const VECTORS: &str = include_str!("signature_vectors.json");

    fn check(vector: &Value, change: impl FnOnce(&mut BTreeMap<String, String>)) -> Result<(), Refusal> {
        let request = &vector["request"];
        let strings = |value: &Value| -> BTreeMap<String, String> {
            value
                .as_object()
                .expect("an object")
                .iter()
                .map(|(k, v)| (k.clone(), v.as_str().expect("text").to_owned()))
                .collect()
        };
        let query: Vec<_> = strings(&request["query"]).into_iter().collect();
        let mut headers = strings(&request["headers"]);
        change(&mut headers);
        let authorization = Authorization::parse(vector["authorization"].as_str())?;
        authorization.verify(
            &Signed {
                method: request["method"].as_str().expect("text"),
                path: "/",
                query: &query,
                headers: &headers,
                body: request["body"].as_str().expect("text").as_bytes(),
            },
            vector["secret"].as_str().expect("text"),
        )
    }

    fn vectors() -> Vec<Value> {
        serde_json::from_str(VECTORS).expect("the vectors are JSON")
    }

    #[test]
    fn requests_signed_by_the_vendors_code_are_accepted() {
        assert_eq!(vectors().len(), 7);
        for vector in vectors() {
            assert_eq!(check(&vector, |_| ()), Ok(()), "{}", vector["name"]);
        }
    }

    #[test]
    fn a_changed_header_breaks_the_signature_and_the_answer_repeats_what_was_signed() {
        for vector in vectors() {
            let refusal = check(&vector, |headers| {
                headers.insert("x-acs-date".to_owned(), "2020-01-01T00:00:00Z".to_owned());
            })
            .expect_err("the date was signed");
            assert_eq!((refusal.status, &*refusal.code), (400, "SignatureDoesNotMatch"));
            assert!(refusal.message.contains("ACS3-HMAC-SHA256\n"), "{}", refusal.message);
        }
    }

    #[test]
    fn a_protocol_header_outside_the_signature_is_refused() {
        let refusal = check(&vectors()[0], |headers| {
            headers.insert("x-acs-something".to_owned(), "1".to_owned());
        })
        .expect_err("every x-acs header must be signed");
        assert_eq!(refusal.code, "IncompleteSignature");
    }

    #[test]
    fn the_authorization_header_has_one_form() {
        for header in [
            None,
            Some(""),
            Some("ACS3-HMAC-SHA256"),
            Some("ACS3-HMAC-SHA256 Credential=a, SignedHeaders=host, Signature=b"),
            Some("ACS3-HMAC-SHA256 SignedHeaders=host,Credential=a,Signature=b"),
            Some("ACS3-HMAC-SHA256 Credential=,SignedHeaders=host,Signature=b"),
            Some("ACS3-HMAC-SHA256 Credential=a,SignedHeaders=host,Signature=b,More=c"),
            Some("AWS4-HMAC-SHA256 Credential=a,SignedHeaders=host,Signature=b"),
        ] {
            assert_eq!(
                Authorization::parse(header).expect_err("malformed").code,
                "IncompleteSignature",
                "{header:?}"
            );
        }
    }
}
