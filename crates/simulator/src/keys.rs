//! Accounts, their keys, and the check of who a request comes from.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ram::{DEFAULT_USER, Session, ram_arn};
use crate::wire::legacy::Legacy;
use crate::wire::{Refusal, WireRequest, signature};

/// How far a request's date may be from the cloud's. No vendor page at hand states it; 15 minutes is what others
/// report.
const DATE_WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// A key with which requests of an account are signed. All values are invented; none opens anything.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessKey {
    /// Id of the key.
    pub access_key_id: String,
    /// Its secret.
    pub access_key_secret: String,
    /// Makes it a temporary key, whose requests must carry this token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_token: Option<String>,
    /// When a temporary key ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether somebody has disabled it.
    #[serde(default)]
    pub disabled: bool,
    /// Whose it is, if it is lasting.
    #[serde(default)]
    pub holder: KeyHolder,
}

/// Whose a lasting key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum KeyHolder {
    /// The account's own, which no policy restricts.
    Root,
    /// A RAM user's, by name.
    User(String),
}

impl Default for KeyHolder {
    fn default() -> Self {
        Self::User(DEFAULT_USER.to_owned())
    }
}

impl AccessKey {
    /// A key without end and token.
    pub fn lasting(id: &str, secret: &str) -> Self {
        Self {
            access_key_id: id.to_owned(),
            access_key_secret: secret.to_owned(),
            security_token: None,
            expires_at: None,
            disabled: false,
            holder: KeyHolder::default(),
        }
    }

    /// A temporary key, with its token.
    pub fn temporary(id: &str, secret: &str, token: &str, expires_at: Option<Timestamp>) -> Self {
        Self { security_token: Some(token.to_owned()), expires_at, ..Self::lasting(id, secret) }
    }

    /// The key of a session, made of numbers that can't be foreseen.
    pub(crate) fn of_session(end: Timestamp, mut chance: impl FnMut() -> u64) -> Self {
        let bytes: Vec<u8> = (0..12).flat_map(|_| chance().to_be_bytes()).collect();
        // Like the vendor's, a token has signs that a query has to encode.
        let token = format!("CAIS{}", STANDARD.encode(bytes.get(1..).unwrap_or_default()));
        let [id, secret] = [chance(), chance()];
        Self::temporary(&format!("STS.N{id:016x}"), &format!("{secret:016x}"), &token, Some(end))
    }

    /// The same key, of somebody else.
    #[must_use]
    pub fn of(self, holder: KeyHolder) -> Self {
        Self { holder, ..self }
    }
}

/// A key and whose it is.
#[derive(Clone, Debug)]
pub(crate) struct OwnedKey {
    pub(crate) account: String,
    pub(crate) key: AccessKey,
    /// The session that it is the key of.
    pub(crate) session: Option<Arc<Session>>,
}

/// The keys of all accounts.
#[derive(Debug, Default)]
pub(crate) struct Keys(HashMap<String, OwnedKey>);

impl Keys {
    pub(crate) fn insert(&mut self, key: OwnedKey) {
        self.0.insert(key.key.access_key_id.clone(), key);
    }

    pub(crate) fn remove(&mut self, id: &str) {
        self.0.remove(id);
    }

    pub(crate) fn get(&self, id: &str) -> Option<&OwnedKey> {
        self.0.get(id)
    }

    /// The keys of an account.
    pub(crate) fn of<'k>(&'k self, account: &'k str) -> impl Iterator<Item = &'k OwnedKey> {
        self.0.values().filter(move |owned| owned.account == account)
    }

    /// The sessions of an account's roles, also those that have ended, by their end.
    pub(crate) fn sessions(&self, account: &str) -> Vec<Session> {
        let session = |owned: &OwnedKey| {
            let session = owned.session.as_deref()?.clone();
            Some(Session { expires_at: owned.key.expires_at.unwrap_or(session.expires_at), ..session })
        };
        let mut sessions: Vec<_> = self.of(account).filter_map(session).collect();
        sessions.sort_by_cached_key(|session| (session.expires_at, session.access_key_id.clone()));
        sessions
    }

    /// Ends all sessions of an account's roles.
    pub(crate) fn end_sessions(&mut self, account: &str, now: Timestamp) {
        let of_account = |owned: &&mut OwnedKey| owned.account == account && owned.session.is_some();
        for owned in self.0.values_mut().filter(of_account) {
            owned.key.expires_at = owned.key.expires_at.map(|end| end.min(now));
        }
    }
}

/// Who makes a call.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) access_key_id: String,
    pub(crate) principal: Principal,
}

/// The identity of a caller within its account.
#[derive(Clone, Debug)]
pub(crate) enum Principal {
    Root,
    User(String),
    /// A temporary key that was put in by hand. It stands for an assumed role that may do everything.
    Temporary,
    Session(Arc<Session>),
    /// Nobody: operations that aren't signed.
    Anonymous,
}

impl Principal {
    /// What the vendor calls this type of identity, in AccessDeniedDetail.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Root => "Account",
            Self::User(_) => "SubUser",
            Self::Temporary | Self::Session(_) => "AssumedRoleUser",
            Self::Anonymous => "Anonymous",
        }
    }

    pub(crate) fn display_name(&self) -> &str {
        match self {
            Self::Root => "root",
            Self::User(name) => name,
            Self::Temporary => DEFAULT_USER,
            Self::Session(session) => &session.role_name,
            Self::Anonymous => "anonymous",
        }
    }
}

impl Caller {
    /// Somebody who didn't sign.
    pub(crate) fn anonymous() -> Self {
        Self { account: String::new(), access_key_id: String::new(), principal: Principal::Anonymous }
    }

    /// The user or the role that it is, as trust policies name it.
    pub(crate) fn arn(&self) -> Option<String> {
        let (kind, name) = match &self.principal {
            Principal::User(name) => ("user", name.as_str()),
            Principal::Temporary => ("role", DEFAULT_USER),
            Principal::Session(session) => ("role", session.role_name.as_str()),
            Principal::Root | Principal::Anonymous => return None,
        };
        Some(ram_arn(&self.account, kind, name))
    }
}

/// The nonces that were used lately. Only hashes are kept: a collision within half an hour is not a worry.
#[derive(Debug, Default)]
pub(crate) struct Nonces {
    state: RandomState,
    seen: HashSet<u64>,
    order: VecDeque<(Timestamp, u64)>,
}

impl Nonces {
    /// Whether a nonce is new; it isn't any more afterwards.
    fn is_new(&mut self, key: &str, nonce: &str, now: Timestamp) -> bool {
        // A request may be dated one window ahead and be sent again until one window behind.
        while let Some((used, hash)) = self.order.front()
            && now.duration_since(*used) > DATE_WINDOW * 2
        {
            self.seen.remove(hash);
            self.order.pop_front();
        }
        let hash = self.state.hash_one((key, nonce));
        let new = self.seen.insert(hash);
        if new {
            self.order.push_back((now, hash));
        }
        new
    }
}

/// What a request says of who sends it, and how it proves that.
struct Claim<'a> {
    key_id: &'a str,
    date: &'a str,
    nonce: &'a str,
    token: Option<&'a str>,
    proof: Proof<'a>,
}

/// One of the two signatures.
enum Proof<'a> {
    Header(signature::Authorization<'a>),
    Legacy(Legacy<'a>),
}

impl<'a> Claim<'a> {
    fn parse(request: &'a WireRequest) -> Result<Self, Refusal> {
        if request.is_legacy() {
            let legacy = Legacy::parse(request)?;
            return Ok(Self {
                key_id: legacy.access_key_id,
                date: legacy.timestamp,
                nonce: legacy.nonce,
                token: legacy.token,
                proof: Proof::Legacy(legacy),
            });
        }
        let header = |name: &str| request.header(name);
        let required = |name: &str| header(name).ok_or_else(|| Refusal::missing(name));
        let authorization = signature::Authorization::parse(header("authorization"))?;
        let date = required("x-acs-date")?;
        let nonce = required("x-acs-signature-nonce")?;
        required("x-acs-content-sha256")?;
        Ok(Self {
            key_id: authorization.access_key_id,
            date,
            nonce,
            token: header("x-acs-security-token"),
            proof: Proof::Header(authorization),
        })
    }

    fn verify(&self, request: &WireRequest, secret: &str) -> Result<(), Refusal> {
        match &self.proof {
            Proof::Legacy(legacy) => legacy.verify(request, secret),
            Proof::Header(authorization) => authorization.verify(
                &signature::Signed {
                    method: &request.method,
                    path: &request.path,
                    query: &request.query,
                    headers: &request.headers,
                    body: &request.body,
                },
                secret,
            ),
        }
    }
}

/// Decides whose request this is. Every request is checked; nothing here has a switch to turn it off.
pub(crate) fn authenticate<'k>(
    request: &WireRequest,
    find: impl FnOnce(&str) -> Option<&'k OwnedKey>,
    nonces: &mut Nonces,
    now: Timestamp,
) -> Result<Caller, Refusal> {
    let claim = Claim::parse(request)?;
    check_date(claim.date, now)?;
    let key_id = claim.key_id;
    let owned = find(key_id).ok_or_else(|| {
        // The trap of this code is its HTTP status: nothing but the key is missing.
        Refusal::new(404, "InvalidAccessKeyId.NotFound", "There is no such AccessKey id.")
    })?;
    if owned.key.disabled {
        return Err(Refusal::new(400, "InvalidAccessKeyId.Inactive", "The AccessKey is disabled."));
    }
    if request.header("x-acs-accesskey-id").is_some_and(|id| id != key_id) {
        return Err(Refusal::new(
            400,
            "InvalidSecurityToken.MismatchWithAccessKey",
            "The key of the header x-acs-accesskey-id is not the key that signed.",
        ));
    }
    check_token(&owned.key, claim.token, now)?;
    claim.verify(request, &owned.key.access_key_secret)?;
    if !nonces.is_new(key_id, claim.nonce, now) {
        return Err(Refusal::new(
            400,
            "SignatureNonceUsed",
            "This nonce was used before: sign each attempt anew.",
        ));
    }
    Ok(Caller {
        account: owned.account.clone(),
        access_key_id: key_id.to_owned(),
        principal: match (&owned.session, &owned.key.holder) {
            (Some(session), _) => Principal::Session(Arc::clone(session)),
            _ if owned.key.security_token.is_some() => Principal::Temporary,
            (None, KeyHolder::Root) => Principal::Root,
            (None, KeyHolder::User(name)) => Principal::User(name.clone()),
        },
    })
}

/// Checks what a request without a signature says of its time.
pub(crate) fn check_unsigned(request: &WireRequest, now: Timestamp) -> Result<(), Refusal> {
    request.date().map_or(Ok(()), |date| check_date(date, now))
}

fn check_date(date: &str, now: Timestamp) -> Result<(), Refusal> {
    let well_formed = date.len() == "2026-01-01T00:00:00Z".len() && date.ends_with('Z');
    let date: Timestamp = date.parse().ok().filter(|_| well_formed).ok_or_else(|| {
        Refusal::new(
            400,
            "IllegalTimestamp",
            "The date of the signature must look like 2026-01-01T00:00:00Z.",
        )
    })?;
    if now.duration_since(date).abs() > DATE_WINDOW {
        return Err(Refusal::new(
            400,
            "InvalidTimeStamp.Expired",
            "The date of the signature is too far from the current time.",
        ));
    }
    Ok(())
}

/// The vendor's pages name these codes without an HTTP status; 400 is ours.
fn check_token(key: &AccessKey, token: Option<&str>, now: Timestamp) -> Result<(), Refusal> {
    let refuse = |code: &'static str, text: &str| Err(Refusal::new(400, code, text));
    match (&key.security_token, token) {
        (None, Some(_)) => refuse(
            "InvalidSecurityToken.MismatchWithAccessKey",
            "A lasting AccessKey takes no security token.",
        ),
        (Some(_), None) => refuse("MissingSecurityToken", "A temporary AccessKey needs its security token."),
        (Some(right), Some(token)) if right != token => {
            if token.len() < 16 {
                refuse("InvalidSecurityToken.Malformed", "The security token can't be read.")
            } else {
                refuse("InvalidSecurityToken.MismatchWithAccessKey", "The security token is another key's.")
            }
        }
        (Some(_), Some(_)) if key.expires_at.is_some_and(|end| end <= now) => {
            refuse("InvalidSecurityToken.Expired", "The security token has expired.")
        }
        (None, None) | (Some(_), Some(_)) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_remembered_as_long_as_its_date_could_pass() {
        let mut nonces = Nonces::default();
        let start: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        assert!(nonces.is_new("key", "a", start));
        assert!(nonces.is_new("other key", "a", start));
        assert!(!nonces.is_new("key", "a", start + SignedDuration::from_mins(30)));
        assert!(nonces.is_new("key", "b", start + SignedDuration::from_mins(31)));
        assert_eq!(nonces.order.len(), 1, "older ones are forgotten");
    }

    #[test]
    fn dates_outside_the_window_or_of_another_form_are_refused() {
        let now: Timestamp = "2026-01-01T00:20:00Z".parse().expect("a time");
        let code = |date| check_date(date, now).err().map(|refusal| refusal.code.into_owned());
        assert_eq!(code("2026-01-01T00:05:00Z"), None);
        assert_eq!(code("2026-01-01T00:35:00Z"), None);
        assert_eq!(code("2026-01-01T00:04:59Z").as_deref(), Some("InvalidTimeStamp.Expired"));
        assert_eq!(code("2026-01-01T00:35:01Z").as_deref(), Some("InvalidTimeStamp.Expired"));
        for odd in [
            "2026-01-01 00:20:00",
            "2026-01-01T00:20:00+00:00",
            "1767226800",
            "Thu, 01 Jan 2026 00:20:00 GMT",
        ] {
            assert_eq!(code(odd).as_deref(), Some("IllegalTimestamp"), "{odd}");
        }
    }

    #[test]
    fn temporary_keys_need_their_own_living_token() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let late = now + SignedDuration::from_secs(1);
        let lasting = AccessKey::lasting("id", "secret");
        let temporary = AccessKey::temporary("id", "secret", "the-right-security-token", Some(late));
        for (key, token, at, code) in [
            (&lasting, None, now, None),
            (
                &lasting,
                Some("the-right-security-token"),
                now,
                Some("InvalidSecurityToken.MismatchWithAccessKey"),
            ),
            (&temporary, Some("the-right-security-token"), now, None),
            (&temporary, None, now, Some("MissingSecurityToken")),
            (&temporary, Some("short"), now, Some("InvalidSecurityToken.Malformed")),
            (
                &temporary,
                Some("another-security-token"),
                now,
                Some("InvalidSecurityToken.MismatchWithAccessKey"),
            ),
            (&temporary, Some("the-right-security-token"), late, Some("InvalidSecurityToken.Expired")),
        ] {
            let found = check_token(key, token, at).err().map(|refusal| refusal.code.into_owned());
            assert_eq!(found.as_deref(), code, "{token:?}");
        }
    }
}
