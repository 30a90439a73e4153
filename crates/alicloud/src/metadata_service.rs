//! The metadata service of ECS, from which a Pod gets a session of its node's role.
//!
//! It is reached over plain HTTP on an address of the machine itself, and never through a proxy: the answer is a key.
//! Version 2 asks for a token first, so that whoever can have this process send a single request gets no key. Going on without
//! the token (version 1) has to be allowed.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::header::{DATE, HeaderMap, HeaderValue};
use reqwest::{Client, Method, RequestBuilder, StatusCode, Url, redirect, retry};
use serde_json::{Map, Value};

use crate::endpoint::{EndpointError, base_url};
use crate::session::Session;
use crate::sign::{StampSource, SystemStamps};
use crate::transport::{TransportError, http_date};

/// Where it is on every ECS instance.
pub const ADDRESS: &str = "http://100.100.100.200";

/// What the vendor's libraries give a connection, and a little more for the whole answer than they give for its first bytes:
/// the service is on the same machine.
const CONNECT: Duration = Duration::from_secs(1);
const TOTAL: Duration = Duration::from_secs(3);

/// Longest life of a token; it is used at once.
const TOKEN_SECONDS: &str = "21600";

const TOKEN_PATH: &str = "latest/api/token";
const ROLES_PATH: &str = "latest/meta-data/ram/security-credentials/";

/// The names of roles have at most 64 characters, and an answer some hundreds.
const LONGEST_ANSWER: usize = 64 * 1024;

/// A client of the metadata service.
#[derive(Debug, Clone)]
pub struct MetadataService {
    http: Client,
    address: Url,
    allow_v1: bool,
}

/// Why the metadata service gave no session. Never repeats an answer, for it may hold a key.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// There was no answer.
    #[error(
        "the metadata service of ECS does not answer; it does so only on an ECS instance, and only if the instance, the hop \
         limit and the network policy let Pods reach it"
    )]
    Unreachable(#[source] reqwest::Error),
    /// It gives no token, so it speaks version 1 alone, or is something else.
    #[error(
        "the metadata service gives no token (HTTP {0}); if it speaks version 1 alone, set allowV1 to go on without a token"
    )]
    NoToken(u16),
    /// No role is attached to the instance.
    #[error("no RAM role is attached to this instance; attach one, or choose another source of credentials")]
    NoRole,
    /// The instance has another role than the configuration names, or none.
    #[error("the metadata service has no session of this role (HTTP {0}); check ecsRole.name")]
    NoSession(u16),
    /// An answer that is none.
    #[error(
        "the metadata service answered something that is no session of a role; it may be something else that answers"
    )]
    Malformed,
}

/// The client of the metadata service can't be made.
#[derive(Debug, thiserror::Error)]
pub enum MetadataSetupError {
    /// The address is no URL.
    #[error(transparent)]
    Address(#[from] EndpointError),
    /// There is no HTTP client.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

impl MetadataService {
    /// A client of the service at an address, usually [`ADDRESS`].
    pub fn new(address: &str, allow_v1: bool) -> Result<Self, MetadataSetupError> {
        let http = Client::builder()
            .user_agent(concat!("ecs-keeper/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(TOTAL)
            .build()
            .map_err(TransportError::from)?;
        Ok(Self { http, address: base_url(address)?, allow_v1 })
    }

    /// A session of the instance's role, and the role's name. `role` spares the question which one it is.
    pub async fn session(&self, role: Option<&str>) -> Result<(String, Session), MetadataError> {
        let token = self.token().await?;
        let role = match role {
            Some(role) => role.to_owned(),
            None => self.role(token.as_ref()).await?,
        };
        // The name is the configuration's or the service's: in a path it stays one segment.
        let mut url = self.url(ROLES_PATH)?;
        url.path_segments_mut().map_err(|()| MetadataError::Malformed)?.pop_if_empty().push(&role);
        let (status, date, body) = self.get(url, token.as_ref()).await?;
        if status != StatusCode::OK {
            return Err(MetadataError::NoSession(status.as_u16()));
        }
        let fields: Map<String, Value> =
            serde_json::from_slice(&body).map_err(|_| MetadataError::Malformed)?;
        let success = fields.get("Code").and_then(Value::as_str) == Some("Success");
        let session = Session::from_metadata(&fields, date, SystemStamps.stamp().date);
        session.filter(|_| success).map(|session| (role, session)).ok_or(MetadataError::Malformed)
    }

    /// Whether something answers there that gives a token, as only the metadata service does.
    pub async fn answers(&self) -> bool {
        self.token().await.is_ok_and(|token| token.is_some())
    }

    async fn role(&self, token: Option<&HeaderValue>) -> Result<String, MetadataError> {
        let (status, _, body) = self.get(self.url(ROLES_PATH)?, token).await?;
        // One role is attached at most; the line may end in a line break.
        let name = std::str::from_utf8(&body).ok().map(str::trim).filter(|name| is_role_name(name));
        match (status, name) {
            (StatusCode::OK, Some(name)) => Ok(name.to_owned()),
            (StatusCode::NOT_FOUND, _) => Err(MetadataError::NoRole),
            _ => Err(MetadataError::Malformed),
        }
    }

    /// A token; `None` where the service gives none and need not.
    async fn token(&self) -> Result<Option<HeaderValue>, MetadataError> {
        let request = self
            .http
            .request(Method::PUT, self.url(TOKEN_PATH)?)
            .header("x-aliyun-ecs-metadata-token-ttl-seconds", TOKEN_SECONDS);
        let (status, _, body) = match self.send(request).await {
            // A hop limit may swallow this answer and no other.
            Err(_) if self.allow_v1 => return Ok(None),
            answer => answer?,
        };
        let token = HeaderValue::from_bytes(body.trim_ascii()).ok().filter(|token| !token.is_empty());
        match token {
            Some(mut token) if status == StatusCode::OK => {
                token.set_sensitive(true);
                Ok(Some(token))
            }
            _ if self.allow_v1 => Ok(None),
            _ => Err(MetadataError::NoToken(status.as_u16())),
        }
    }

    fn url(&self, path: &str) -> Result<Url, MetadataError> {
        self.address.join(path).map_err(|_| MetadataError::Malformed)
    }

    async fn get(
        &self,
        url: Url,
        token: Option<&HeaderValue>,
    ) -> Result<(StatusCode, Option<Timestamp>, Vec<u8>), MetadataError> {
        let request = self.http.get(url);
        let request = match token {
            Some(token) => request.header("x-aliyun-ecs-metadata-token", token),
            None => request,
        };
        self.send(request).await
    }

    async fn send(
        &self,
        request: RequestBuilder,
    ) -> Result<(StatusCode, Option<Timestamp>, Vec<u8>), MetadataError> {
        let unreachable = |error: reqwest::Error| MetadataError::Unreachable(error.without_url());
        let mut response = request.send().await.map_err(unreachable)?;
        let (status, date) = (response.status(), date(response.headers()));
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(MetadataError::Malformed);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, date, body))
    }
}

fn date(headers: &HeaderMap) -> Option<Timestamp> {
    headers.get(DATE)?.to_str().ok().and_then(http_date)
}

/// Whether a role can have this name: up to 64 letters, digits and `.-_`.
pub fn is_role_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte))
}
