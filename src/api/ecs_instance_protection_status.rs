//! What is said of an `EcsInstanceProtection`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use keeper_core::id::Generation;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::selector::{MAX_ID, MAX_NODE_NAME};
use super::spec::REGION_ID;
use super::status::{
    self, ChangeStatus, Counts, MAX_ACTS, MAX_CHANGES, MAX_LISTED_GONE, MAX_MESSAGE, MAX_REASON, MAX_RISKS,
    Risk,
};

/// How many exceptions a spec may have.
pub const MAX_EXCEPTIONS: usize = 100;

/// How many targets a status lists.
pub const MAX_LISTED_TARGETS: usize = keeper_core::verdict::MAX_ROWS;

/// How many instances a status lists: targets, and the last ones that are lost.
pub const MAX_LISTED_INSTANCES: usize = MAX_LISTED_TARGETS + MAX_LISTED_GONE;

/// How many lifts a status lists.
pub const MAX_LIFTED: usize = 1000;

/// How many scaling groups a status lists.
pub const MAX_SCALING_GROUPS: usize = 200;

/// Characters of an id of a scaling group. Their form is documented nowhere.
const MAX_SCALING_GROUP_ID: usize = 128;

/// State of the instances as the operator last saw it. Only the operator writes it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EcsInstanceProtectionStatus {
    /// The metadata.generation that this status describes. -1 until the operator has processed the object for the first
    /// time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64", range(min = -1))]
    pub observed_generation: Option<i64>,

    /// `Protected` is the condition to wait for: True when the operator has just seen every target protected. `AtRisk`
    /// is True when a target can be lost although it is protected. `Ready`, `Reconciling` and `Stalled` are for tools:
    /// nothing left to do, the operator is working, somebody must act.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "status::conditions")]
    pub conditions: Vec<Condition>,

    /// State of the targets in one word. `Protected`: all are protected. `ProtectedButExceptions`: all are protected,
    /// except those that the spec leaves unprotected for a time. `ProtectedWhereApplicable`: all that can be protected
    /// are. `Unprotected`: at least one is not protected. `Disabled`: protection was switched off, as the spec asks.
    /// `NoTargets`: nothing is selected. `Unknown`: the state is not known at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ProtectionState")]
    pub protection_state: Option<ProtectionState>,

    /// Number of targets in each state. Always exact, even if the list of instances is shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Counts")]
    pub counts: Option<Counts>,

    /// Up to 100 targets, those that need attention first, followed by the last 20 lost targets, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_LISTED_INSTANCES))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub instances: Vec<InstanceStatus>,

    /// The exceptions of the spec, in its order. Wait for one with
    /// `kubectl wait --for=jsonpath='{.status.exceptions[?(@.instanceId=="i-...")].phase}'=InForce`. If the entry was changed,
    /// wait for its new `until` first: the phase is that of the `until` beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_EXCEPTIONS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub exceptions: Vec<ExceptionStatus>,

    /// The instances for which the operator steps aside, because Karpenter removes their Nodes. An instance stays here
    /// until it is gone or protected again, and after that as long as Karpenter still is about to release it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_LIFTED))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub lifted: Vec<LiftedStatus>,

    /// The scaling groups of which targets are members, as last seen, while `scaleIn` is `Protect` or `Unprotect`.
    /// Otherwise empty, for the operator does not read members then.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_SCALING_GROUPS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub scaling_groups: Vec<ScalingGroupStatus>,

    /// What the operator has done once for a generation, as its spec asked, and does not do again for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ACTS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub acts: Vec<ActStatus>,

    /// The last 20 flags that somebody else had switched off, newest first, and who that was. Only if the operator's configuration says
    /// `attribution.show: Status`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_CHANGES))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub changes: Vec<ChangeStatus>,
}

impl EcsInstanceProtectionStatus {
    /// Whether it lists this act of this generation.
    pub fn lists(&self, act: Act, of: Generation) -> bool {
        self.acts.contains(&ActStatus { act, generation: of })
    }
}

/// An instance for which the operator steps aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LiftedStatus {
    /// Id of the instance.
    #[schemars(length(min = 1, max = MAX_ID))]
    pub instance_id: String,

    /// Region of the instance.
    #[schemars(length(max = 64), regex(pattern = REGION_ID))]
    pub region: String,

    /// Name of its Node. The Node may be gone.
    #[schemars(length(min = 1, max = MAX_NODE_NAME))]
    pub node_name: String,

    /// Time at which the operator decided to step aside. 15 minutes later at the latest, it protects the instance again.
    #[schemars(schema_with = "status::time")]
    pub since: Time,

    /// `Waiting`: protection is not yet off. `InForce`: protection was switched off. `Expired`: Karpenter did not release
    /// the instance within 15 minutes and still wants to; the operator has protected the instance again, and does not step
    /// aside once more for this removal. `Unknown`: not known at present.
    #[serde(default)]
    pub phase: LiftPhase,
}

/// Phase of a lift. It never goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, JsonSchema)]
pub enum LiftPhase {
    /// Protection has yet to be switched off.
    Waiting,
    /// Protection was switched off.
    InForce,
    /// Its time is over, and Karpenter still is about to release the instance.
    Expired,
    /// Not known at present.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A scaling group of which targets are members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScalingGroupStatus {
    /// Id of the scaling group.
    #[schemars(length(min = 1, max = MAX_SCALING_GROUP_ID))]
    pub scaling_group_id: String,

    /// Number of targets that are members of the group.
    #[schemars(with = "i64", range(min = 0))]
    pub members: u32,

    /// Number of these members that are protected from scale-in, whoever has protected them. The group neither removes
    /// nor replaces them by itself.
    #[schemars(with = "i64", range(min = 0))]
    pub protected: u32,
}

/// State of one exception.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExceptionStatus {
    /// Id of the instance.
    #[schemars(length(min = 1, max = MAX_ID))]
    pub instance_id: String,

    /// `until` of the entry in the spec, in whole seconds of UTC.
    #[schemars(schema_with = "status::time")]
    pub until: Time,

    /// Time at which the exception ends: `until`, or 30 days after the operator has first seen the entry, whichever is
    /// earlier. Never becomes later.
    #[schemars(schema_with = "status::time")]
    pub ends_at: Time,

    /// `Waiting`: protection is not yet off. `InForce`: protection was switched off for this entry, and the operator
    /// leaves the instance alone until `endsAt`. `Expired`: the exception has ended. `Void`: the operator may not unprotect the
    /// instance for this object. `NotSelected`: the spec does not select the instance, or excludes it. In all phases
    /// but `InForce`, the instance is kept protected as far as the rest of the spec asks for it. `Unknown`: not known
    /// at present.
    pub phase: ExceptionPhase,

    /// `true` when protection was switched off for this entry. That is done once, whatever the phase is later: for another
    /// time, change `until`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub carried_out: bool,

    /// What the exception waits for, or what the phase means for you.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = MAX_MESSAGE))]
    pub message: String,
}

impl ExceptionStatus {
    /// Whether it says that protection was switched off for the entry. Before there was a field for it, the phase alone said so.
    pub fn says_carried_out(&self) -> bool {
        self.carried_out || self.phase == ExceptionPhase::InForce
    }
}

/// Phase of an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ExceptionPhase {
    /// Protection has yet to be switched off.
    Waiting,
    /// Protection was switched off for this entry.
    InForce,
    /// Its time is over.
    Expired,
    /// The object may not unprotect.
    Void,
    /// The instance is no target.
    NotSelected,
    /// Not known at present.
    #[serde(other)]
    Unknown,
}

/// Something that was done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActStatus {
    /// `Disabled`: protection was switched off. `UnprotectScaleIn`: members of scaling groups were given up to scale-in.
    pub act: Act,

    /// The metadata.generation that asked for it.
    #[schemars(range(min = 0))]
    pub generation: i64,
}

/// What was done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Act {
    /// Protection was switched off.
    Disabled,
    /// Members of scaling groups were given up to scale-in.
    UnprotectScaleIn,
    /// A value that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// The domain condition in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ProtectionState {
    /// Every target is protected.
    Protected,
    /// Every target is protected but those that are left unprotected for a time.
    ProtectedButExceptions,
    /// Every target is protected that can be.
    ProtectedWhereApplicable,
    /// At least one target is not protected.
    Unprotected,
    /// Protection was switched off, as asked.
    Disabled,
    /// Nothing is selected.
    NoTargets,
    /// Not known at present.
    #[serde(other)]
    Unknown,
}

/// State of one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct InstanceStatus {
    /// Id of the instance.
    #[schemars(length(min = 1, max = MAX_ID))]
    pub instance_id: String,

    /// `Protected`: last seen protected. `Unprotected`: last seen unprotected. `NotApplicable`: the cloud can't protect
    /// this instance. `Excepted`: left unprotected for a time, as `spec.exceptions` asks, or because Karpenter is about to
    /// release it. `Gone`: proven to be released. `Left`: no longer selected, because its tags changed. `Unknown`: not
    /// known at present.
    pub state: InstanceState,

    /// Reason for this state in one word, for programs.
    #[schemars(length(min = 1, max = MAX_REASON), regex(pattern = status::WORD))]
    pub reason: String,

    /// Reason for this state in a sentence, for people.
    #[schemars(length(max = MAX_MESSAGE))]
    pub message: String,

    /// Documented ways in which this instance can be lost although it is protected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_RISKS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub risks: Vec<Risk>,

    /// Time at which it entered this state.
    #[schemars(schema_with = "status::time")]
    pub since: Time,
}

/// State of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum InstanceState {
    /// Seen protected.
    Protected,
    /// Seen unprotected.
    Unprotected,
    /// The cloud offers no protection for it.
    NotApplicable,
    /// Left unprotected for a time, as the spec asks.
    Excepted,
    /// Proven to be released.
    Gone,
    /// Not selected any more, because its tags have changed.
    Left,
    /// Not known at present.
    #[serde(other)]
    Unknown,
}
