//! Credentials and where they come from. Reads no environment and no file: values are given by the caller.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use keeper_core::call::Identity;
use secrecy::{ExposeSecret, SecretString};

use crate::error::Error;
use crate::sign::LeaseGuard;

/// A key with which requests are signed, valid at the moment at which it was handed out.
pub struct Credentials {
    access_key_id: String,
    access_key_secret: SecretString,
    security_token: Option<SecretString>,
    session: Option<Box<str>>,
}

impl Credentials {
    /// A key from its parts; an empty token is none, as in the vendor's SDKs.
    ///
    /// Every part travels in an HTTP header or is a key that the vendor makes of visible ASCII characters. A blank or
    /// a line break comes from copying or from a file, and would be answered with `SignatureDoesNotMatch`, which says
    /// nothing of the cause.
    pub fn new(
        access_key_id: String,
        access_key_secret: SecretString,
        security_token: Option<SecretString>,
    ) -> Result<Self, CredentialsError> {
        let security_token = security_token.filter(|token| !token.expose_secret().is_empty());
        let parts = [
            (Part::AccessKeyId, Some(access_key_id.as_str())),
            (Part::AccessKeySecret, Some(access_key_secret.expose_secret())),
            (Part::SecurityToken, security_token.as_ref().map(ExposeSecret::expose_secret)),
        ];
        for (part, text) in parts {
            match text {
                Some("") => return Err(CredentialsError::Empty(part)),
                Some(text) if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                    return Err(CredentialsError::Unprintable(part));
                }
                _ => {}
            }
        }
        Ok(Self { access_key_id, access_key_secret, security_token, session: None })
    }

    /// This key, of which STS has said which session it is of.
    pub(crate) fn of_session(self, arn: Box<str>) -> Self {
        Self { session: Some(arn), ..self }
    }

    /// ARN of the session, where STS has said it. Sessions of the same ARN are of the same role of the same account.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Whether the key is of a session, which ends.
    pub fn is_temporary(&self) -> bool {
        self.security_token.is_some()
    }

    pub(crate) fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    pub(crate) fn access_key_secret(&self) -> &SecretString {
        &self.access_key_secret
    }

    pub(crate) fn security_token(&self) -> Option<&SecretString> {
        self.security_token.as_ref()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not even the key's id: whoever reads logs need not learn which key to look for.
        f.debug_struct("Credentials").field("temporary", &self.is_temporary()).finish_non_exhaustive()
    }
}

/// A part of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The key's id.
    AccessKeyId,
    /// The secret.
    AccessKeySecret,
    /// The token of a temporary key.
    SecurityToken,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessKeyId => "access key id",
            Self::AccessKeySecret => "access key secret",
            Self::SecurityToken => "security token",
        })
    }
}

/// Why a key can't be used. Never repeats any of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// A part is missing.
    #[error("the {0} is empty; set it to the value from the cloud's console")]
    Empty(Part),
    /// A part has characters that no key has.
    #[error(
        "the {0} contains a blank, a line break or a character that no key has; \
         remove it (a file often ends in a line break)"
    )]
    Unprintable(Part),
}

impl PartialEq for Credentials {
    fn eq(&self, other: &Self) -> bool {
        let token = |key: &Self| key.security_token.as_ref().map(|token| token.expose_secret().to_owned());
        self.access_key_id == other.access_key_id
            && self.access_key_secret.expose_secret() == other.access_key_secret.expose_secret()
            && token(self) == token(other)
    }
}

/// A source of credentials. Asked before each call, so that it can renew them in time, or withhold them.
pub trait CredentialsSource: Send + Sync {
    /// The credentials to sign the next request with, and whose they are. What has to be asked of the cloud for that is
    /// asked under this lease.
    fn credentials(
        &self,
        guard: &dyn LeaseGuard,
    ) -> impl Future<Output = Result<(Arc<Credentials>, Identity), Error>> + Send;

    /// Is told that the cloud takes these credentials for expired.
    fn expired(&self, _credentials: &Arc<Credentials>) {}
}

/// A key that never changes.
#[derive(Debug, Clone)]
pub struct StaticCredentials(Arc<Credentials>);

impl StaticCredentials {
    /// A source that always hands out this key.
    pub fn new(credentials: impl Into<Arc<Credentials>>) -> Self {
        Self(credentials.into())
    }
}

impl CredentialsSource for StaticCredentials {
    async fn credentials(&self, _guard: &dyn LeaseGuard) -> Result<(Arc<Credentials>, Identity), Error> {
        Ok((Arc::clone(&self.0), Identity::default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credentials(id: &str, secret: &str, token: Option<&str>) -> Result<Credentials, CredentialsError> {
        Credentials::new(id.to_owned(), secret.into(), token.map(Into::into))
    }

    #[test]
    fn i44_debug_shows_no_part_of_a_key() {
        let source =
            StaticCredentials::new(credentials("KEYID", "CANARY-SECRET", Some("CANARY-TOKEN")).unwrap());
        let text = format!("{source:?} {source:#?}");
        assert!(text.contains("temporary: true"), "{text}");
        assert!(!text.contains("CANARY") && !text.contains("KEYID"), "{text}");
    }

    #[test]
    fn i44_a_key_that_cannot_be_used_is_refused_without_repeating_it() {
        for (id, secret, token, expected) in [
            ("", "CANARY", None, CredentialsError::Empty(Part::AccessKeyId)),
            ("CANARY", "", None, CredentialsError::Empty(Part::AccessKeySecret)),
            ("CANARY", "CANARY\n", None, CredentialsError::Unprintable(Part::AccessKeySecret)),
            ("CAN ARY", "CANARY", None, CredentialsError::Unprintable(Part::AccessKeyId)),
            (
                "CANARY",
                "CANARY",
                Some("CANARY\r\nx-evil: 1"),
                CredentialsError::Unprintable(Part::SecurityToken),
            ),
            ("CANARY", "CANARYä", None, CredentialsError::Unprintable(Part::AccessKeySecret)),
        ] {
            let error = credentials(id, secret, token).unwrap_err();
            assert_eq!(error, expected);
            assert!(!format!("{error} {error:?}").contains("CANARY"));
        }
    }

    #[test]
    fn an_empty_token_is_no_token() {
        assert!(credentials("id", "secret", Some("")).unwrap().security_token().is_none());
    }
}
