//! The metadata service of one instance: tokens, and keys of the role that is attached to it.
//!
//! Paths and headers are those that the vendor's credentials libraries use; the modes are those of the vendor's page on
//! instance metadata.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::clock::to_the_second;
use crate::gateway::Cloud;
use crate::keys::AccessKey;
use crate::ram::{Claimant, Context, Decision, Session, parse_ram_arn};
use crate::state::{HttpTokens, MetadataSettings, Shown, World};

const TOKEN: &str = "/latest/api/token";
const CREDENTIALS: &str = "/latest/meta-data/ram/security-credentials/";
const TTL_HEADER: &str = "x-aliyun-ecs-metadata-token-ttl-seconds";
const TOKEN_HEADER: &str = "x-aliyun-ecs-metadata-token";

/// The longest life of a token in seconds, as documented.
const MOST_SECONDS: u32 = 21_600;

/// Whom a role has to trust to be attached to an instance.
const SERVICE: &str = "ecs.aliyuncs.com";

/// The name of the role's sessions: the cloud takes the id of the instance.
const INSTANCE: &str = "i-simulator";

/// The metadata service of a running simulator. A handle.
#[derive(Clone, Debug)]
pub struct Metadata {
    cloud: Cloud,
    address: SocketAddr,
}

impl Metadata {
    pub(crate) fn new(cloud: &Cloud, address: SocketAddr) -> Self {
        Self { cloud: cloud.clone(), address }
    }

    /// Its URL, which takes the place of `http://100.100.100.200`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The settings.
    pub fn settings(&self) -> MetadataSettings {
        self.cloud.world().metadata.settings.clone()
    }

    /// Changes the settings.
    pub fn set(&self, change: impl FnOnce(&mut MetadataSettings)) {
        change(&mut self.cloud.world().metadata.settings);
    }

    /// The latest requests, oldest first, such as `PUT /latest/api/token 200`.
    pub fn requests(&self) -> Vec<String> {
        self.cloud.world().metadata.requests()
    }
}

pub(crate) fn router(cloud: Cloud) -> Router {
    Router::new().fallback(serve).with_state(cloud)
}

async fn serve(
    State(cloud): State<Cloud>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> (StatusCode, String) {
    let latency = Duration::from_millis(cloud.world().metadata.settings.latency_millis);
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    let mut world = cloud.world();
    let answer = answer(&mut world, &method, uri.path(), &headers);
    let (status, body) = match world.metadata.settings.fails_with {
        None => answer.map_or_else(|status| (status, String::new()), |body| (StatusCode::OK, body)),
        Some(status) => {
            (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), String::new())
        }
    };
    world.metadata.record(format!("{method} {} {}", uri.path(), status.as_u16()));
    (status, body)
}

/// The body of an answer, or the status of a refusal. No page at hand says with which status a request without a token is
/// refused; 403 is what a vendor's customer has seen.
fn answer(world: &mut World, method: &Method, path: &str, headers: &HeaderMap) -> Result<String, StatusCode> {
    let now = world.now();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let tokens = world.metadata.settings.http_tokens;
    if method == Method::PUT && path == TOKEN && tokens != HttpTokens::Unsupported {
        let seconds = header(TTL_HEADER).and_then(|text| text.parse().ok());
        let seconds = seconds.filter(|seconds| (1..=MOST_SECONDS).contains(seconds));
        let seconds = seconds.ok_or(StatusCode::BAD_REQUEST)?;
        let token = format!("{:016x}{:016x}==", world.chance(), world.chance());
        world.metadata.add_token(&token, seconds, now);
        return Ok(token);
    }
    if method != Method::GET {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    let admitted = match (header(TOKEN_HEADER), tokens) {
        (_, HttpTokens::Unsupported) | (None, HttpTokens::Optional) => true,
        (None, HttpTokens::Required) => false,
        (Some(token), _) => world.metadata.has_token(token, now),
    };
    if !admitted {
        return Err(StatusCode::FORBIDDEN);
    }
    let role = world.metadata.settings.role.clone();
    let name = role.as_deref().and_then(|role| parse_ram_arn(role, "role"));
    let (role, (account, name)) = role.as_deref().zip(name).ok_or(StatusCode::NOT_FOUND)?;
    match path.strip_prefix(CREDENTIALS).or((path == CREDENTIALS.trim_end_matches('/')).then_some("")) {
        Some("") if world.metadata.settings.trailing_newline => Ok(format!("{name}\n")),
        Some("") => Ok(name.to_owned()),
        Some(asked) if asked == name => Ok(credentials(world, role, (account, name), now).to_string()),
        _ => Err(StatusCode::NOT_FOUND),
    }
}

/// The key of the role: the one that is shown already, or one of a new session.
fn credentials(world: &mut World, role: &str, name: (&str, &str), now: Timestamp) -> Value {
    let lives = |world: &World, key: &AccessKey| {
        let owned = world.keys.get(&key.access_key_id);
        owned.and_then(|owned| owned.key.expires_at).is_some_and(|end| end > now)
    };
    let shown = world.metadata.shown.clone();
    let shown = shown.filter(|shown| shown.role == role && now < shown.until && lives(world, &shown.key));
    let Some(shown) = shown.or_else(|| open(world, role, name, now)) else {
        // The role isn't there, or doesn't trust ECS. Clients look for Success, and no page names another code.
        return json!({ "Code": "Failed", "LastUpdated": to_the_second(now) });
    };
    world.metadata.shown = Some(shown.clone());
    json!({
        "Code": "Success",
        "AccessKeyId": shown.key.access_key_id,
        "AccessKeySecret": shown.key.access_key_secret,
        "SecurityToken": shown.key.security_token,
        "Expiration": shown.key.expires_at.map(to_the_second),
        "LastUpdated": to_the_second(shown.since),
    })
}

fn open(world: &mut World, role: &str, (account, name): (&str, &str), now: Timestamp) -> Option<Shown> {
    let found = world.accounts.get(account)?.roles.get(name)?;
    let decision = found.seed.trust_policy.decide(Claimant::Service(SERVICE), &Context::default());
    if decision != Decision::Allowed {
        return None;
    }
    let role_id = found.id.clone();
    let seconds = SignedDuration::from_secs(world.metadata.settings.session_seconds.into());
    let session = Session {
        access_key_id: String::new(),
        role_name: name.to_owned(),
        role_id,
        session_name: INSTANCE.to_owned(),
        policy: None,
        source_identity: None,
        expires_at: now.checked_add(seconds).ok()?,
    };
    let until = now.checked_add(seconds / 2).ok()?;
    let key = world.open_session(account, session);
    Some(Shown { role: role.to_owned(), key, since: now, until })
}
