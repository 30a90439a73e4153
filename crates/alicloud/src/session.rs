//! Sessions of roles: what is asked for, and what STS or the metadata service answers. The limits are those of the vendor's
//! API metadata.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::credentials::Credentials;

/// Seconds that a session may be asked to last. The role's own maximum is at most the upper limit.
pub const DURATION_SECONDS: RangeInclusive<u64> = 900..=43_200;

/// The audience that STS asks of the tokens of OIDC providers, at whichever of its endpoints.
pub const TOKEN_AUDIENCE: &str = "sts.aliyuncs.com";

/// A role, and how its session is to be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleToAssume {
    /// ARN of the role.
    pub arn: String,
    /// Name of the session, as ActionTrail shows it.
    pub session_name: String,
    /// How long the session lasts; the cloud's default is an hour.
    pub duration: Option<Duration>,
    /// What the role's trust policy asks a caller of another account to know.
    pub external_id: Option<String>,
    /// A policy that narrows what the role may do.
    pub policy: Option<String>,
}

/// A key that ends.
#[derive(Debug, Clone)]
pub struct Session {
    /// The key.
    pub credentials: Arc<Credentials>,
    /// How long it lasts from when it was answered, by the clock of whoever answered.
    pub lifetime: Duration,
    /// How far this machine's clock is behind (positive) or ahead of that of whoever answered.
    pub clock_behind: jiff::SignedDuration,
}

impl Session {
    /// The session in an answer of STS; `None` unless it has everything.
    pub(crate) fn from_sts(answer: &Answer, now: Timestamp) -> Option<Self> {
        let user = answer.fields.get("AssumedRoleUser").and_then(Value::as_object);
        let arn = user
            .and_then(|user| user.get("Arn"))
            .and_then(Value::as_str)
            .filter(|arn| printable(arn) && account_of_arn(arn).is_some());
        Self::new(answer.fields.get("Credentials")?.as_object()?, arn, answer.date, now)
    }

    /// The session in an answer of the metadata service, which says nothing of its ARN.
    pub(crate) fn from_metadata(
        fields: &Map<String, Value>,
        date: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Self> {
        Self::new(fields, None, date, now)
    }

    /// The session in these fields. `date` is when they were answered, `now` what this machine takes that time for.
    fn new(
        fields: &Map<String, Value>,
        arn: Option<&str>,
        date: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Self> {
        let text = |name| fields.get(name).and_then(Value::as_str);
        let secret = |name| text(name).map(SecretString::from);
        let (id, key, token) = (text("AccessKeyId")?, secret("AccessKeySecret")?, secret("SecurityToken")?);
        let credentials = Credentials::new(id.to_owned(), key, Some(token)).ok()?;
        let expires: Timestamp = text("Expiration")?.parse().ok()?;
        let answered = date.unwrap_or(now);
        // One that has already ended lasts no time, and none lasts longer than any can.
        let lifetime = Duration::try_from(expires.duration_since(answered)).unwrap_or_default();
        let lifetime = lifetime.min(Duration::from_secs(*DURATION_SECONDS.end()));
        credentials.is_temporary().then(|| Self {
            credentials: Arc::new(match arn {
                Some(arn) => credentials.of_session(arn.into()),
                None => credentials,
            }),
            lifetime,
            clock_behind: answered.duration_since(now),
        })
    }
}

fn printable(text: &str) -> bool {
    text.len() <= 512 && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a text has the form of a role's ARN: `acs:ram::1234567890123456:role/name`.
pub fn is_role_arn(text: &str) -> bool {
    is_arn_of("role", text)
}

/// Whether a text has the form of an OIDC provider's ARN: `acs:ram::1234567890123456:oidc-provider/name`.
pub fn is_oidc_provider_arn(text: &str) -> bool {
    is_arn_of("oidc-provider", text)
}

/// The account in an ARN of RAM: `1234567890123456` of `acs:ram::1234567890123456:role/name`.
pub fn account_of_arn(text: &str) -> Option<&str> {
    split(text).map(|(account, _)| account)
}

fn split(arn: &str) -> Option<(&str, &str)> {
    arn.strip_prefix("acs:ram::")?.split_once(':')
}

fn is_arn_of(kind: &str, text: &str) -> bool {
    split(text).is_some_and(|(account, rest)| {
        let name = rest.strip_prefix(kind).and_then(|rest| rest.strip_prefix('/'));
        !account.is_empty()
            && account.bytes().all(|byte| byte.is_ascii_digit())
            && name.is_some_and(|name| !name.is_empty() && name.len() <= 128 && name.bytes().all(in_name))
    })
}

fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-/".contains(&byte)
}

/// Whether a session can have this name: 2 to 64 letters, digits and `.@-_`.
pub fn is_session_name(text: &str) -> bool {
    (2..=64).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".@-_".contains(&byte))
}

/// Whether a role's trust policy can ask for this external id: 2 to 1,224 letters, digits and `_+=,.@:/-`.
pub fn is_external_id(text: &str) -> bool {
    (2..=1224).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+=,.@:/-".contains(&byte))
}

#[cfg(test)]
mod tests;
