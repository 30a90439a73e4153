//! What commands could not look at, as they print it.

use schemars::JsonSchema;
use serde::Serialize;

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
