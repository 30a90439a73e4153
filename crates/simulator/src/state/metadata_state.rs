//! What the metadata service of an instance knows.

use std::collections::{HashMap, VecDeque};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::keys::AccessKey;

/// Requests that are remembered.
const KEPT: usize = 1_000;

/// How the metadata service behaves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MetadataSettings {
    /// ARN of the RAM role that is attached to the instance.
    pub role: Option<String>,
    /// Whether requests need a token.
    pub http_tokens: HttpTokens,
    /// Whether the name of the role ends with a newline.
    pub trailing_newline: bool,
    /// How long the sessions of the role last, in seconds.
    pub session_seconds: u32,
    /// How long each answer takes, in milliseconds.
    pub latency_millis: u64,
    /// HTTP status of each answer; the service works if it is not set.
    pub fails_with: Option<u16>,
}

impl Default for MetadataSettings {
    fn default() -> Self {
        Self {
            role: None,
            http_tokens: HttpTokens::Optional,
            trailing_newline: false,
            session_seconds: 21_600,
            latency_millis: 0,
            fails_with: None,
        }
    }
}

/// Whether requests to the metadata service need a token, as the attribute HttpTokens of an instance says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HttpTokens {
    /// They don't: the normal mode, the cloud's default.
    Optional,
    /// They do: the security hardening mode.
    Required,
    /// There are no tokens: an image that is too old for them.
    Unsupported,
}

/// What the metadata service knows.
#[derive(Debug, Default)]
pub(crate) struct MetadataState {
    pub(crate) settings: MetadataSettings,
    /// Ends of the tokens that it gave out.
    tokens: HashMap<String, Timestamp>,
    /// The key that it shows at the moment.
    pub(crate) shown: Option<Shown>,
    requests: VecDeque<String>,
}

/// A key that is shown until half its life is over.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) role: String,
    pub(crate) key: AccessKey,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

impl MetadataState {
    pub(crate) fn add_token(&mut self, token: &str, seconds: u32, now: Timestamp) {
        self.tokens.retain(|_, end| *end > now);
        if let Ok(end) = now.checked_add(SignedDuration::from_secs(seconds.into())) {
            self.tokens.insert(token.to_owned(), end);
        }
    }

    pub(crate) fn has_token(&self, token: &str, now: Timestamp) -> bool {
        self.tokens.get(token).is_some_and(|end| *end > now)
    }

    pub(crate) fn record(&mut self, request: String) {
        if self.requests.len() == KEPT {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }

    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.iter().cloned().collect()
    }
}
