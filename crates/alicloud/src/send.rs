//! One call over the wire: built, signed where the operation wants it, sent once, and its answer read.

use keeper_core::id::RequestId;
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use crate::answer::{self, Answer};
use crate::credentials::Credentials;
use crate::endpoint::host;
use crate::error::{Error, OwnCode};
use crate::operation::{Operation, Parameters};
use crate::sign::{LeaseGuard, Request, Stamp, StampSource, canonical_query, date_text, sha256_hex};
use crate::transport::Transport;

const METHOD: &str = "POST";
const PATH: &str = "/";
const FORM: &str = "application/x-www-form-urlencoded";

/// What calls go out with: the connections, and the time and nonce of each signature.
#[derive(Debug)]
pub(crate) struct Sender<S> {
    transport: Transport,
    stamps: S,
}

impl<S: StampSource> Sender<S> {
    pub(crate) fn new(transport: Transport, stamps: S) -> Self {
        Self { transport, stamps }
    }

    /// Sends a call whose parameters are all in the query, signed with a key. `decode` answers `None` to what is no answer
    /// of the operation.
    pub(crate) async fn signed<T>(
        &self,
        operation: Operation,
        url: &Url,
        parameters: &Parameters,
        credentials: &Credentials,
        guard: &dyn LeaseGuard,
        decode: impl FnOnce(Answer) -> Option<T>,
    ) -> Result<T, Error> {
        let query = canonical_query(parameters);
        let stamp = self.stamps.stamp();
        // After the stamp was taken: what it says of the time can't be later than the look at the lease.
        if !guard.held() {
            return Err(Error::unanswered(operation, OwnCode::LeaseLost));
        }
        let headers = signed_headers(operation, &host(url), &query, credentials, &stamp);
        self.post(operation, url, &query, headers, None, decode).await
    }

    /// Sends a call that is not signed, because what stands in its form proves who calls. Nothing of the form becomes part
    /// of the URL, which proxies and servers log.
    pub(crate) async fn unsigned<T>(
        &self,
        operation: Operation,
        url: &Url,
        form: &[(&str, SecretString)],
        decode: impl FnOnce(Answer) -> Option<T>,
    ) -> Result<T, Error> {
        let query = canonical_query(&[
            ("Action", operation.name),
            ("Format", "JSON"),
            ("Timestamp", &date_text(self.stamps.stamp().date)),
            ("Version", operation.product.version()),
        ]);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.expose_secret())).collect();
        let headers = vec![("content-type", FORM.to_owned())];
        self.post(operation, url, &query, headers, Some(canonical_query(&form).into()), decode).await
    }

    async fn post<T>(
        &self,
        operation: Operation,
        url: &Url,
        query: &str,
        headers: Vec<(&'static str, String)>,
        form: Option<SecretString>,
        decode: impl FnOnce(Answer) -> Option<T>,
    ) -> Result<T, Error> {
        let mut url = url.clone();
        url.set_query(Some(query).filter(|query| !query.is_empty()));
        let raw = self.transport.post(url, headers, form).await.map_err(|failure| {
            let error = Error::unanswered(operation, failure.code);
            match failure.source {
                Some(source) => error.with_source(source),
                None => error,
            }
        })?;
        let answer = answer::read(operation, &raw)?;
        tracing::debug!(request_id = answer.request_id.as_str(), "answered");
        let request_id: RequestId = answer.request_id.clone();
        decode(answer).ok_or_else(|| {
            Error::unanswered(operation, OwnCode::MalformedResponse).with_answer(
                raw.status,
                Some(request_id),
                None,
            )
        })
    }
}

/// The headers of a request without a body, all of them signed, and the signature.
fn signed_headers(
    operation: Operation,
    host: &str,
    query: &str,
    credentials: &Credentials,
    stamp: &Stamp,
) -> Vec<(&'static str, String)> {
    const BODY: &[u8] = b"";
    let mut headers = vec![
        ("host", host.to_owned()),
        ("x-acs-action", operation.name.to_owned()),
        ("x-acs-content-sha256", sha256_hex(BODY)),
        ("x-acs-date", date_text(stamp.date)),
        ("x-acs-signature-nonce", stamp.nonce.clone()),
        ("x-acs-version", operation.product.version().to_owned()),
    ];
    if let Some(token) = credentials.security_token() {
        headers.push(("x-acs-accesskey-id", credentials.access_key_id().to_owned()));
        headers.push(("x-acs-security-token", token.expose_secret().to_owned()));
    }
    let signed: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let request = Request { method: METHOD, path: PATH, query, headers: &signed, body: BODY };
    let authorization = request.authorization(credentials.access_key_id(), credentials.access_key_secret());
    headers.push(("authorization", authorization));
    headers
}
