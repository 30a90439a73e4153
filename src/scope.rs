//! What one region engine, one worker and one client are for.

use keeper_core::id::{AccountName, Region};

/// Names a fleet: all that an account has in one region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FleetKey {
    /// The account.
    pub account: AccountName,
    /// The region.
    pub region: Region,
}
