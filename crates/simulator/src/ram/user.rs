//! RAM users.

use serde::{Deserialize, Serialize};

use super::policy::Policy;

/// The RAM user that keys belong to if nothing else is said of them.
pub const DEFAULT_USER: &str = "ecs-keeper";

/// A RAM user. It may do what its policies allow. A user that an account doesn't have may do everything: keys work without
/// any policies.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UserSeed {
    /// Its name.
    pub user_name: String,
    /// Its policies.
    #[serde(default)]
    pub policies: Vec<Policy>,
}

impl UserSeed {
    /// A user that may do nothing yet.
    pub fn new(name: &str) -> Self {
        Self { user_name: name.to_owned(), policies: Vec::new() }
    }

    /// With one more policy.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policies.push(policy);
        self
    }
}
