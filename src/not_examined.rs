//! What commands could not look at, as they print it.

use schemars::JsonSchema;
use serde::Serialize;

use crate::scope::Scope;
use crate::visible_text::plain_line;

/// A region that could not be looked at.
#[derive(Debug, Serialize, JsonSchema)]
pub struct NotExamined {
    /// Account, as the configuration names it.
    pub account: String,
    /// Region.
    pub region: String,
    /// Why not.
    pub error: String,
}

impl NotExamined {
    /// The region of a scope, and why it could not be looked at, fit to be shown.
    pub fn new(scope: &Scope, error: &str) -> Self {
        Self {
            account: scope.account.to_string(),
            region: scope.region.to_string(),
            error: plain_line(error),
        }
    }
}
