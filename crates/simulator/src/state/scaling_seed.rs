//! What a test or a person says of scaling groups: made from nothing, or changed behind the API's back.

use serde::{Deserialize, Serialize};

use super::interface_seed::set;
use super::{
    CreationType, GroupState, HealthCheck, HealthStatus, LifecycleState, ReclaimMode, RemovalPolicy,
    ScalingGroup, ScalingMember, Seed,
};

/// One new scaling group with its members. Whatever isn't said gets a believable value: an active group of up to a
/// thousand members in `cn-hangzhou`, which can make instances. Seeds aren't checked against the cloud's rules.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GroupSeed {
    /// The id; given by the simulator when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_group_id: Option<String>,
    /// Display name; the id when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_group_name: Option<String>,
    /// Region; `cn-hangzhou` when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_id: Option<String>,
    /// State.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle_state: Option<GroupState>,
    /// Never fewer members.
    pub min_size: u32,
    /// Never more members; 1,000 when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u32>,
    /// So many members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_capacity: Option<u32>,
    /// Whether the group can't be deleted.
    pub group_deletion_protection: bool,
    /// What it takes for ill; an instance that isn't running when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check_types: Option<Vec<HealthCheck>>,
    /// Which member goes first; the one that was added first when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removal_policies: Option<Vec<RemovalPolicy>>,
    /// What becomes of members that scale-in takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scaling_policy: Option<ReclaimMode>,
    /// Its members.
    pub members: Vec<MemberSeed>,
}

impl GroupSeed {
    /// An active group in a region.
    pub fn new(region: &str) -> Self {
        Self { region_id: Some(region.to_owned()), ..Self::default() }
    }

    /// With this id.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.scaling_group_id = Some(id.to_owned());
        self
    }

    /// With more members.
    #[must_use]
    pub fn with(mut self, members: MemberSeed) -> Self {
        self.members.push(members);
        self
    }
}

/// New members of a group: instances that are there, and instances that are made for it. An id that isn't there is passed
/// over.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MemberSeed {
    /// Instances that are there.
    pub instance_ids: Vec<String>,
    /// Instances to be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instances: Option<Seed>,
    /// How they came; made by the group when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_type: Option<CreationType>,
    /// Whether the group may release them although somebody added them.
    pub entrusted: bool,
    /// Where they stand; `InService` when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle_state: Option<LifecycleState>,
}

impl MemberSeed {
    /// Instances to be made. Without a region of its own, the seed is of the group's.
    pub fn made(instances: Seed) -> Self {
        Self { instances: Some(instances), ..Self::default() }
    }

    /// An instance that is there, added by somebody.
    pub fn attached(id: &str) -> Self {
        Self {
            instance_ids: vec![id.to_owned()],
            creation_type: Some(CreationType::Attached),
            ..Self::default()
        }
    }

    /// Standing there.
    #[must_use]
    pub fn state(mut self, state: LifecycleState) -> Self {
        self.lifecycle_state = Some(state);
        self
    }
}

/// A change of a group in the console, without its consequences: whatever is said is set.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GroupChange {
    /// State.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle_state: Option<GroupState>,
    /// Never fewer members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_size: Option<u32>,
    /// Never more members.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<u32>,
}

impl GroupChange {
    pub(crate) fn apply(&self, group: &mut ScalingGroup) {
        set(&mut group.lifecycle_state, self.lifecycle_state.as_ref());
        set(&mut group.min_size, self.min_size.as_ref());
        set(&mut group.max_size, self.max_size.as_ref());
    }
}

/// A change of a member that nobody asked the API for. A state that is set stays until it is set again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MemberChange {
    /// Where it stands.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifecycle_state: Option<LifecycleState>,
    /// Whether its group takes it for ill.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_status: Option<HealthStatus>,
    /// Whether the group may release it although somebody added it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entrusted: Option<bool>,
}

impl MemberChange {
    /// Puts a member into a state.
    pub fn state(state: LifecycleState) -> Self {
        Self { lifecycle_state: Some(state), ..Self::default() }
    }

    pub(crate) fn apply(&self, member: &mut ScalingMember) {
        if self.lifecycle_state.is_some() {
            member.settles = None;
            member.leaving = None;
        }
        set(&mut member.lifecycle_state, self.lifecycle_state.as_ref());
        set(&mut member.health_status, self.health_status.as_ref());
        set(&mut member.entrusted, self.entrusted.as_ref());
    }
}
