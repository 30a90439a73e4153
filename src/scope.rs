//! What one region engine, one worker and one client are for.

use keeper_core::id::{AccountName, Region};

/// One account and one region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// The account.
    pub account: AccountName,
    /// The region.
    pub region: Region,
}
