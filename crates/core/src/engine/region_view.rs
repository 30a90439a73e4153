//! The one read-only look at all flags of a region.

use super::flag_view::FlagView;
use crate::auto_release_time::AutoReleaseTime;
use crate::delete_on_release::DeleteOnRelease;
use crate::deletion_protection::DeletionProtection;
use crate::protected_from_scale_in::ProtectedFromScaleIn;

/// What is known of all targets of a region and of each of their flags, at one moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct RegionView<'a> {
    pub deletion_protection: FlagView<'a, DeletionProtection>,
    pub release_times: FlagView<'a, AutoReleaseTime>,
    pub delete_on_release: FlagView<'a, DeleteOnRelease>,
    pub scale_in: FlagView<'a, ProtectedFromScaleIn>,
}
