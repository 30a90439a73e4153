//! RAM roles, and the sessions of those who have assumed one.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::policy::Policy;
use super::trust::TrustPolicy;

/// The longest session of a role, if nothing else is said. The documented default of CreateRole, and its least value.
const DEFAULT_MAX_SESSION: u32 = 3600;

/// A RAM role.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RoleSeed {
    /// Its name.
    pub role_name: String,
    /// Who may assume it.
    pub trust_policy: TrustPolicy,
    /// What its sessions may do; nothing without any.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// How long its sessions may last, in seconds.
    #[serde(default = "default_max_session")]
    pub max_session_seconds: u32,
}

fn default_max_session() -> u32 {
    DEFAULT_MAX_SESSION
}

impl RoleSeed {
    /// A role that may do nothing yet.
    pub fn new(name: &str, trust_policy: TrustPolicy) -> Self {
        Self {
            role_name: name.to_owned(),
            trust_policy,
            policies: Vec::new(),
            max_session_seconds: DEFAULT_MAX_SESSION,
        }
    }

    /// With one more policy.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policies.push(policy);
        self
    }

    /// With sessions that may last so long.
    #[must_use]
    pub fn max_session(mut self, seconds: u32) -> Self {
        self.max_session_seconds = seconds;
        self
    }
}

/// A role that an account has.
#[derive(Clone, Debug)]
pub(crate) struct Role {
    /// Its id: a role that is made anew under the same name is another one.
    pub(crate) id: String,
    pub(crate) seed: RoleSeed,
}

/// A session: somebody has assumed a role.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Id of its temporary key.
    pub access_key_id: String,
    /// Name of its role.
    pub role_name: String,
    /// Id of its role.
    pub role_id: String,
    /// Its own name.
    pub session_name: String,
    /// What narrows the role's policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// Whom all sessions that come of it stand for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_identity: Option<String>,
    /// When it ends.
    pub expires_at: Timestamp,
}
