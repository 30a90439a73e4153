//! The one HTTP client. Sends each request once: it follows no redirect, repeats nothing and uses no proxy.
//!
//! * A redirect would carry a signed request to a host that nobody configured.
//! * A repeated request would carry the same nonce. (The connection pool may take another connection when it finds
//!   one closed before a byte of the request was written; that is the first sending, not a second.)
//! * No proxy of the environment is used, for it could be set by accident: only one that the configuration names.
//! * HTTP/1.1 only, as the vendor's SDKs speak it: the signature covers the header `host`, which HTTP/2 replaces.

use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use keeper_core::id::RequestId;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Certificate, Client, ClientBuilder, Response, Url, redirect, retry};
use secrecy::{ExposeSecret, SecretString};

use crate::error::OwnCode;
use crate::identifier::is_identifier;

/// A hundred instances with all their fields take some hundred kilobytes.
const MAX_BODY: usize = 8 * 1024 * 1024;

/// Throttling windows are minutes, so a longer wait is a fault of the header, not an intent of the cloud.
pub(crate) const LONGEST_RETRY_AFTER: Duration = Duration::from_hours(1);

/// Shorter than servers keep idle connections: a write on one that is just being closed leaves its effect unknown.
const IDLE: Duration = Duration::from_secs(15);

/// How long to wait for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, with DNS and TLS.
    pub connect: Duration,
    /// For the next bytes of an answer, the first ones included.
    pub read: Duration,
    /// For everything together.
    pub total: Duration,
}

impl Default for Timeouts {
    /// 5 s and 10 s, as the vendor's credential libraries have them, and the sum of them for everything.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            read: Duration::from_secs(10),
            total: Duration::from_secs(15),
        }
    }
}

/// An HTTP client, to be shared by all accounts and regions. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Transport {
    http: Client,
}

/// An HTTP proxy, with what it asks for.
#[derive(Debug)]
pub struct Proxy {
    /// Its URL: scheme, host and port.
    pub url: String,
    /// User and password.
    pub credentials: Option<(String, SecretString)>,
    /// Certificates in PEM to trust beside those of the machine, for a proxy that opens TLS connections.
    pub ca_bundle: Option<Vec<u8>>,
}

/// The HTTP client can't be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to create an HTTPS client; check that the machine or image has CA certificates")]
pub struct TransportError(#[from] reqwest::Error);

/// An answer as it came. What it holds may be a key, so it has no Debug.
pub(crate) struct RawAnswer {
    pub(crate) status: u16,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) retry_after: Option<Duration>,
    /// When the server answered, by its own clock.
    pub(crate) date: Option<Timestamp>,
    pub(crate) body: Vec<u8>,
}

/// No answer came.
#[derive(Debug)]
pub(crate) struct NoAnswer {
    pub(crate) code: OwnCode,
    pub(crate) source: Option<reqwest::Error>,
}

impl Transport {
    /// A client with these time-outs. Makes *ring* the process's TLS provider unless it has one.
    pub fn new(timeouts: Timeouts) -> Result<Self, TransportError> {
        Self::through(None, timeouts)
    }

    /// The same, with all calls through a proxy.
    pub fn through(proxy: Option<&Proxy>, timeouts: Timeouts) -> Result<Self, TransportError> {
        // An error says that there is a provider, which is what is wanted.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = match proxy {
            None => Client::builder().no_proxy(),
            Some(proxy) => builder_through(proxy)?,
        };
        let http = builder
            .user_agent(concat!("ecs-keeper/", env!("CARGO_PKG_VERSION")))
            .default_headers(HeaderMap::from_iter([(ACCEPT, HeaderValue::from_static("application/json"))]))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .http1_only()
            .connect_timeout(timeouts.connect)
            .read_timeout(timeouts.read)
            .timeout(timeouts.total)
            .pool_idle_timeout(IDLE)
            .build()
            .map_err(TransportError)?;
        Ok(Self { http })
    }

    /// Posts to a URL with these headers and this form, or an empty body, and waits for the whole answer.
    pub(crate) async fn post(
        &self,
        url: Url,
        headers: Vec<(&'static str, String)>,
        form: Option<SecretString>,
    ) -> Result<RawAnswer, NoAnswer> {
        let headers: HeaderMap =
            headers.into_iter().map(header).collect::<Option<_>>().ok_or_else(unsendable)?;
        // Servers may refuse a POST that doesn't say how long it is, and an empty body says nothing by itself.
        let request = self.http.post(url).headers(headers);
        let request = match form {
            Some(form) => request.body(form.expose_secret().to_owned()),
            None => request.header(CONTENT_LENGTH, 0),
        };
        let mut response = request.send().await.map_err(NoAnswer::from)?;
        let body = read_body(&mut response).await?;
        Ok(RawAnswer {
            status: response.status().as_u16(),
            request_id: header_text(&response, "x-acs-request-id")
                .filter(|text| is_identifier(text))
                .map(RequestId::new),
            retry_after: header_text(&response, "x-acs-retry-after").and_then(retry_after),
            date: header_text(&response, "date").and_then(http_date),
            body,
        })
    }
}

fn builder_through(proxy: &Proxy) -> Result<ClientBuilder, reqwest::Error> {
    let mut through = reqwest::Proxy::all(&proxy.url)?;
    if let Some((user, password)) = &proxy.credentials {
        through = through.basic_auth(user, password.expose_secret());
    }
    // A proxy that is named replaces those of the environment.
    let builder = Client::builder().proxy(through);
    match &proxy.ca_bundle {
        None => Ok(builder),
        Some(bundle) => Ok(builder.tls_certs_merge(Certificate::from_pem_bundle(bundle)?)),
    }
}

fn unsendable() -> NoAnswer {
    NoAnswer { code: OwnCode::InvalidRequest, source: None }
}

/// Marks every value as sensitive, so that no Debug shows it.
fn header((name, value): (&'static str, String)) -> Option<(HeaderName, HeaderValue)> {
    let mut value = HeaderValue::try_from(value).ok()?;
    value.set_sensitive(true);
    Some((HeaderName::from_static(name), value))
}

async fn read_body(response: &mut Response) -> Result<Vec<u8>, NoAnswer> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(NoAnswer::from)? {
        if body.len() + chunk.len() > MAX_BODY {
            return Err(NoAnswer { code: OwnCode::ResponseTooLarge, source: None });
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

impl From<reqwest::Error> for NoAnswer {
    fn from(source: reqwest::Error) -> Self {
        // Connecting first: a time-out while connecting is both, and proves that nothing was sent.
        let code = if source.is_connect() {
            OwnCode::ConnectionFailed
        } else if source.is_builder() {
            OwnCode::InvalidRequest
        } else if source.is_timeout() {
            OwnCode::Timeout
        } else {
            OwnCode::ConnectionLost
        };
        Self { code, source: Some(source) }
    }
}

fn header_text<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name)?.to_str().ok()
}

/// The header is in milliseconds, as the tests of the vendor's SDKs have it.
pub(crate) fn retry_after(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(|millis| Duration::from_millis(millis).min(LONGEST_RETRY_AFTER))
}

/// The dates of HTTP have the form of those in mail.
pub(crate) fn http_date(text: &str) -> Option<Timestamp> {
    rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}
