//! Settings of the whole simulator: circumstances, and the readings of what the vendor's pages leave open.

use serde::{Deserialize, Serialize};

use super::ReleaseReason;

/// Settings of the whole simulator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The region whose endpoint the cloud's port is. Without one, an id is looked up in all regions of its account,
    /// unless the Host header names a regional endpoint.
    pub region: Option<String>,
    /// Seconds by which the cloud's clock is ahead of the machine's.
    pub clock_offset_seconds: i64,
    /// How long an instance made through the API stays `Pending`, in seconds.
    pub boot_seconds: u32,
    /// How long a network interface is `Attaching`, `Detaching` or `Deleting`, in milliseconds.
    pub transition_millis: u32,
    /// How long a scaling activity takes, in milliseconds: a member is `Pending` or `Removing` for so long.
    pub scaling_millis: u32,
    /// Network interfaces that an instance can have, its primary one among them. The cloud's number depends on the
    /// instance's type; 3 is that of `ecs.g7.large`.
    pub interfaces_per_instance: usize,
    /// Network interfaces that an account can have in a region; no limit when not said.
    pub interfaces_per_region: Option<usize>,
    /// What an attempt to retain a primary interface is refused with in a region that doesn't have it.
    pub primary_refusal: PrimaryRefusal,
    /// Whether RunInstances refuses an existing interface as the primary one of a new instance, as the text of the
    /// vendor's SDK has it. The newer page on retention says that it can be one.
    pub refuse_existing_primary: bool,
    /// Whether DeleteOnRelease keeps its value when an interface is attached again. Not documented: without this it is
    /// true again.
    pub flag_survives_reattach: bool,
    /// Releases, besides `manual`, that keep the interfaces with DeleteOnRelease false. Not documented: without this
    /// all interfaces go with their instance.
    pub retention_also_on: Vec<ReleaseReason>,
    /// Whether DescribeNetworkInterfaces refuses an id that it doesn't know with `InvalidEniId.NotFound`, which its
    /// page lists. Without this the id is left out, as the vendor's own Terway counts on.
    pub refuse_unknown_interfaces: bool,
    /// Seconds until ActionTrail shows an event, on the cloud's clock. Ten minutes is the longest that is documented.
    pub trail_delay_seconds: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            region: None,
            clock_offset_seconds: 0,
            boot_seconds: 0,
            transition_millis: 300,
            scaling_millis: 300,
            interfaces_per_instance: 3,
            interfaces_per_region: None,
            primary_refusal: PrimaryRefusal::NameAndDescriptionOnly,
            refuse_existing_primary: false,
            flag_survives_reattach: false,
            retention_also_on: Vec::new(),
            refuse_unknown_interfaces: false,
            trail_delay_seconds: 600,
        }
    }
}

/// The two codes of ModifyNetworkInterfaceAttribute's page that a region without retention of primary interfaces may
/// answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PrimaryRefusal {
    /// 404 `InvalidOperation.PrimaryEniOnlySupportModifyNameAndDesc`.
    NameAndDescriptionOnly,
    /// 403 `InvalidOperation.InvalidEniType`.
    InvalidType,
}
