//! One instance as a member of a scaling group.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::SpotStrategy;
use super::fleet::{Item, Mark};
use super::words::vendor_words;

vendor_words! {
    /// Where a member stands between coming and going.
    LifecycleState {
        /// Being added.
        Pending = "Pending",
        /// Being added, and held up by a lifecycle hook.
        PendingWait = "Pending:Wait",
        /// A member like any other.
        InService = "InService",
        /// Kept from scale-in.
        Protected = "Protected",
        /// Set aside.
        Standby = "Standby",
        /// Stopped, to save money.
        Stopped = "Stopped",
        /// Being removed.
        Removing = "Removing",
        /// Being removed, and held up by a lifecycle hook.
        RemovingWait = "Removing:Wait",
    }
}

impl LifecycleState {
    /// Whether protection can be switched on or off.
    pub(crate) fn is_settled(self) -> bool {
        matches!(self, Self::InService | Self::Protected)
    }

    pub(crate) fn is_leaving(self) -> bool {
        matches!(self, Self::Removing | Self::RemovingWait)
    }
}

vendor_words! {
    /// How an instance came into its group.
    CreationType {
        /// The group made it.
        AutoCreated = "AutoCreated",
        /// Somebody added it.
        Attached = "Attached",
    }
}

vendor_words! {
    /// Whether a group takes a member for ill.
    HealthStatus {
        /// It doesn't.
        Healthy = "Healthy",
        /// It does.
        Unhealthy = "Unhealthy",
    }
}

/// What becomes of a member that leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Leaving {
    /// Its instance is released, protected or not.
    Release,
    /// Its instance lives on, without the group.
    Out,
    /// Its instance is stopped and stays a member.
    Stop,
}

/// A member of a scaling group.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingMember {
    /// `i-…`
    pub instance_id: String,
    /// `asg-…`
    pub scaling_group_id: String,
    /// Region of both.
    pub region_id: String,
    /// Zone.
    pub zone_id: String,
    /// Address in the VPC.
    pub private_ip_address: String,
    /// Where it stands.
    pub lifecycle_state: LifecycleState,
    /// How it came.
    pub creation_type: CreationType,
    /// Whether the group may release it although somebody added it.
    pub entrusted: bool,
    /// Whether its group takes it for ill.
    pub health_status: HealthStatus,
    /// Spot or not.
    pub spot_strategy: SpotStrategy,
    /// When it was added.
    pub created_time: Timestamp,
    /// When it will have come or gone.
    #[serde(skip)]
    pub(crate) settles: Option<Timestamp>,
    /// What then becomes of it, if it goes.
    pub leaving: Option<Leaving>,
}

impl ScalingMember {
    /// What becomes of the instance when its group removes it: it is released if the group made it or was given it, as
    /// documented, whatever its release protection says.
    pub(crate) fn fate(&self) -> Leaving {
        if self.creation_type == CreationType::AutoCreated || self.entrusted {
            Leaving::Release
        } else {
            Leaving::Out
        }
    }

    /// Its instance has gone without asking the group.
    pub(super) fn lose(&mut self, time: Timestamp) {
        self.lifecycle_state = LifecycleState::Removing;
        self.leaving = Some(Leaving::Out);
        self.settles = Some(time);
    }
}

impl Item for ScalingMember {
    fn id(&self) -> &str {
        &self.instance_id
    }

    fn region(&self) -> &str {
        &self.region_id
    }

    fn marks(&self) -> Vec<Mark> {
        vec![Mark::ScalingGroup(self.scaling_group_id.clone())]
    }
}
