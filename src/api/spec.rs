//! Parts of a spec that every resource has.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Name of the account that is meant when a spec names none.
pub const DEFAULT_ACCOUNT: &str = "default";

/// Names of accounts in the operator's configuration.
pub(super) const ACCOUNT_NAME: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";

/// Ids of regions. No user's string ever becomes part of a host name; this keeps out what could look like one.
pub(super) const REGION_ID: &str = r"^[a-z]{2}(-[a-z0-9]+)+$";

pub(super) fn default_account() -> String {
    DEFAULT_ACCOUNT.to_owned()
}

/// Whether the operator changes the cloud or only reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Mode {
    /// Make the cloud match.
    #[default]
    Enforce,
    /// Report, never write.
    Observe,
    /// A value that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}
