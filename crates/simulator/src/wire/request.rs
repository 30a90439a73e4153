//! One HTTP request, read whole and taken apart.

use std::collections::BTreeMap;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::Request;
use hyper::body::Incoming;
use percent_encoding::percent_decode_str;

use super::{Params, Refusal};

/// Far above anything that a client of these operations sends.
const MAX_BODY: usize = 1 << 20;

/// The parameters of a legacy request that belong to the protocol and not to an operation.
const COMMON: &[&str] = &[
    "AccessKeyId",
    "Action",
    "Format",
    "SecurityToken",
    "Signature",
    "SignatureMethod",
    "SignatureNonce",
    "SignatureType",
    "SignatureVersion",
    "Timestamp",
    "Version",
];

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Xml,
}

/// A request before anybody has decided whether to believe it.
pub(crate) struct WireRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) form: Vec<(String, String)>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

impl WireRequest {
    /// Reads a request. Bytes that can't be understood are refused; a connection that breaks is an error of its own.
    pub(crate) async fn read(request: Request<Incoming>) -> Result<Self, Refusal> {
        let (head, body) = request.into_parts();
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &head.headers {
            let value = value.to_str().map_err(|_| {
                Refusal::new(400, "InvalidParameter", format!("The header {name} is not text."))
            })?;
            headers.insert(name.as_str().to_owned(), value.trim().to_owned());
        }
        let body = Limited::new(body, MAX_BODY)
            .collect()
            .await
            .map_err(|_| Refusal::new(413, "RequestEntityTooLarge", "The body is too large or broke off."))?
            .to_bytes();

        let content_type = headers.get("content-type").map(String::as_str).unwrap_or_default();
        let form = if body.is_empty() {
            Vec::new()
        } else if content_type.starts_with("application/x-www-form-urlencoded") {
            decode(std::str::from_utf8(&body).map_err(|_| Refusal::invalid("body"))?)?
        } else {
            return Err(Refusal::new(
                400,
                "InvalidParameter",
                "A body must be a form (application/x-www-form-urlencoded).",
            ));
        };
        Ok(Self {
            method: head.method.as_str().to_owned(),
            path: head.uri.path().to_owned(),
            query: decode(head.uri.query().unwrap_or_default())?,
            form,
            headers,
            body,
        })
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub(crate) fn host(&self) -> &str {
        self.header("host").unwrap_or_default()
    }

    /// The operation's parameters: query and form together, less those of the protocol.
    pub(crate) fn params(&self) -> Result<Params, Refusal> {
        let pairs: Vec<_> = self
            .query
            .iter()
            .chain(&self.form)
            .filter(|(name, _)| !COMMON.contains(&name.as_str()))
            .cloned()
            .collect();
        Params::from_pairs(&pairs)
    }

    /// The operation: a header in this version of the protocol, a parameter in the older one.
    pub(crate) fn action(&self) -> Option<&str> {
        self.header("x-acs-action").or_else(|| self.common("Action"))
    }

    pub(crate) fn version(&self) -> Option<&str> {
        self.header("x-acs-version").or_else(|| self.common("Version"))
    }

    /// When the client says that it signed.
    pub(crate) fn date(&self) -> Option<&str> {
        self.header("x-acs-date").or_else(|| self.common("Timestamp"))
    }

    /// The form of the answer. Only the legacy protocol has a choice, and XML unless it is asked for JSON. A request that
    /// nobody has to sign is of that protocol if it names its operation in a parameter.
    pub(crate) fn format(&self, anonymous: bool) -> Format {
        let json = self.common("Format").is_some_and(|format| format.eq_ignore_ascii_case("JSON"));
        let legacy = self.is_legacy() || (anonymous && self.header("x-acs-action").is_none());
        if legacy && !json { Format::Xml } else { Format::Json }
    }

    /// Whether it has any part of a legacy signature, and no other.
    pub(crate) fn is_legacy(&self) -> bool {
        let parts = ["AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion"];
        self.header("authorization").is_none() && parts.iter().any(|part| self.common(part).is_some())
    }

    /// A parameter that belongs to the protocol.
    pub(super) fn common(&self, wanted: &str) -> Option<&str> {
        self.query.iter().chain(&self.form).find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }
}

/// Decodes `a=b&c=d`. A plus is a space, as in forms: clients encode a true plus as `%2B`.
fn decode(text: &str) -> Result<Vec<(String, String)>, Refusal> {
    let one = |part: &str| {
        percent_decode_str(&part.replace('+', " "))
            .decode_utf8()
            .map(std::borrow::Cow::into_owned)
            .map_err(|_| Refusal::new(400, "InvalidParameter", "A parameter is not UTF-8 text."))
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((one(name)?, one(value)?))
        })
        .collect()
}
