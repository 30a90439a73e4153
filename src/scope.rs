//! What one region engine, one worker and one client are for.

use keeper_core::id::{AccountName, Region};

/// One account and one region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    pub account: AccountName,
    pub region: Region,
}
