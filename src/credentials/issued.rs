//! A key that a source has given.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use keeper_alicloud::Session;
use keeper_alicloud::credentials::Credentials;
use tracing::warn;

use super::error::CredentialError;
use super::schedule;

/// The cloud takes no signature that is a quarter of an hour off; this is soon enough to do something about it.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// A key that a source has given.
#[derive(Debug)]
pub struct Issued {
    pub key: Arc<Credentials>,
    /// How long it lasts; `None` for a key that does not end.
    pub lifetime: Option<Duration>,
}

impl Issued {
    pub fn of_session(session: Session) -> Result<Self, CredentialError> {
        if session.clock_behind.abs() > CLOCK_TOLERANCE {
            let seconds = session.clock_behind.as_secs();
            warn!(
                seconds,
                "this machine's clock is behind the cloud's (ahead of it, if negative); set it, or the cloud will reject calls"
            );
        }
        if schedule::used_for(session.lifetime).is_zero() {
            return Err(CredentialError::Ended);
        }
        Ok(Self { key: session.credentials, lifetime: Some(session.lifetime) })
    }

    pub fn of_key(key: Credentials) -> Self {
        // Of a temporary key in a variable or a file nobody says when it ends.
        Self { key: Arc::new(key), lifetime: None }
    }
}
