//! One group of Auto Scaling, as the simulated cloud knows it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fleet::{Item, Mark};
use super::words::vendor_words;
use super::{Instance, Seed};

vendor_words! {
    /// The state of a scaling group.
    GroupState {
        /// It scales.
        Active = "Active",
        /// Switched off, as each new group is.
        Inactive = "Inactive",
        /// On its way out, with its members.
        Deleting = "Deleting",
    }
}

vendor_words! {
    /// What a scaling group takes for ill.
    HealthCheck {
        /// Nothing.
        None = "NONE",
        /// An instance that isn't running.
        Ecs = "ECS",
        /// An instance that its load balancer takes for ill. The simulator has no load balancers.
        LoadBalancer = "LOAD_BALANCER",
    }
}

vendor_words! {
    /// Which member goes first.
    RemovalPolicy {
        /// The one that was added first.
        OldestInstance = "OldestInstance",
        /// The one that was added last.
        NewestInstance = "NewestInstance",
        /// The one of the oldest configuration. The simulator has one configuration for each group, so all are equal.
        OldestScalingConfiguration = "OldestScalingConfiguration",
    }
}

impl RemovalPolicy {
    /// Those of a group that names none.
    pub(crate) const USUAL: [Self; 2] = [Self::OldestScalingConfiguration, Self::OldestInstance];
}

vendor_words! {
    /// What becomes of members that scale-in takes.
    ReclaimMode {
        /// They are released.
        Release = "release",
        /// They are stopped, and stay members.
        Recycle = "recycle",
        /// They are released without being stopped first.
        ForceRelease = "forcerelease",
        /// They are stopped at once, and stay members.
        ForceRecycle = "forcerecycle",
    }
}

impl ReclaimMode {
    pub(crate) fn keeps(self) -> bool {
        matches!(self, Self::Recycle | Self::ForceRecycle)
    }
}

/// What a group makes its instances like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Template {
    /// Type.
    pub instance_type: String,
    /// Zone.
    pub zone_id: String,
    /// Virtual private cloud.
    pub vpc_id: String,
    /// Its part of it.
    pub v_switch_id: String,
    /// Security groups.
    pub security_group_ids: Vec<String>,
}

impl Template {
    /// An instance as the configuration of new ones.
    pub(crate) fn of(instance: &Instance) -> Self {
        Self {
            instance_type: instance.instance_type.clone(),
            zone_id: instance.zone_id.clone(),
            vpc_id: instance.vpc_id.clone(),
            v_switch_id: instance.v_switch_id.clone(),
            security_group_ids: instance.security_group_ids.clone(),
        }
    }

    /// A new instance.
    pub(super) fn seed(&self, region: &str) -> Seed {
        Seed {
            instance_type: Some(self.instance_type.clone()),
            zone_id: Some(self.zone_id.clone()),
            vpc_id: Some(self.vpc_id.clone()),
            v_switch_id: Some(self.v_switch_id.clone()),
            security_group_ids: self.security_group_ids.clone(),
            ..Seed::new(region)
        }
    }
}

/// A scaling group.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingGroup {
    /// `asg-…`
    pub scaling_group_id: String,
    /// Display name, one of its kind in a region.
    pub scaling_group_name: String,
    /// Region.
    pub region_id: String,
    /// State.
    pub lifecycle_state: GroupState,
    /// Never fewer members.
    pub min_size: u32,
    /// Never more members.
    pub max_size: u32,
    /// So many members, if the group has such a number.
    pub desired_capacity: Option<u32>,
    /// Whether the group can't be deleted.
    pub group_deletion_protection: bool,
    /// What it takes for ill.
    pub health_check_types: Vec<HealthCheck>,
    /// Which member goes first; the next policy decides between those that are equal for the one before.
    pub removal_policies: Vec<RemovalPolicy>,
    /// What becomes of members that scale-in takes.
    pub scaling_policy: ReclaimMode,
    /// What new instances are like; a group without one makes none.
    pub template: Option<Template>,
    /// When it was made.
    pub creation_time: Timestamp,
}

impl ScalingGroup {
    /// How many members it wants: neither fewer nor more than these.
    pub(super) fn wanted(&self) -> (u32, u32) {
        match self.desired_capacity {
            Some(desired) => {
                let wanted = desired.clamp(self.min_size, self.max_size.max(self.min_size));
                (wanted, wanted)
            }
            None => (self.min_size, self.max_size),
        }
    }

    /// Whether the last member that came is the first one to go.
    pub(super) fn newest_first(&self) -> bool {
        let decides = |policy: &&RemovalPolicy| **policy != RemovalPolicy::OldestScalingConfiguration;
        self.removal_policies.iter().find(decides) == Some(&RemovalPolicy::NewestInstance)
    }
}

impl Item for ScalingGroup {
    fn id(&self) -> &str {
        &self.scaling_group_id
    }

    fn region(&self) -> &str {
        &self.region_id
    }

    fn marks(&self) -> Vec<Mark> {
        Vec::new()
    }
}
