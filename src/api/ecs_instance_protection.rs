//! `EcsInstanceProtection`: keep `DeletionProtection` on a set of ECS instances.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ecs_instance_protection_status::{EcsInstanceProtectionStatus, MAX_EXCEPTIONS};
use super::selector::{INSTANCE_ID, InstanceExclusion, MAX_ID, MAX_IDS, MAX_TAGS, NodeSelector, TagSelector};
use super::spec::{ACCOUNT_NAME, Mode, REGION_ID, default_account};

/// Characters in the reason of an exception.
pub const MAX_EXCEPTION_REASON: usize = 256;

/// Characters in a time: with nine digits of a second and an offset it has 35.
const MAX_TIME: usize = 35;

/// A time has nanoseconds at most: the API server takes more digits, and nobody reads them.
const TIME: &str = r"^[^.]*(\.[0-9]{1,9}[^0-9.].*)?$";

/// Which instances to protect, and how.
#[expect(clippy::duplicated_attributes, reason = "each printer column has its own type and priority")]
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "ecs-keeper.io",
    version = "v1alpha1",
    kind = "EcsInstanceProtection",
    plural = "ecsinstanceprotections",
    singular = "ecsinstanceprotection",
    shortname = "ecsprot",
    category = "ecs-keeper",
    namespaced,
    status = "EcsInstanceProtectionStatus",
    derive = "PartialEq",
    doc = "Keeps release protection (DeletionProtection) on a set of Alibaba Cloud ECS instances for as long as this object exists, and reports the state of each instance. A protected pay-as-you-go instance can't be released by hand or by API until its protection is switched off. Wait for it with: kubectl wait --for=condition=Protected",
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.protectionState",
        description = "State of the targets in one word"
    ),
    printcolumn(
        name = "Targets",
        type_ = "integer",
        json_path = ".status.counts.targets",
        description = "Number of selected instances"
    ),
    printcolumn(
        name = "Protected",
        type_ = "integer",
        json_path = ".status.counts.protected",
        description = "Number of protected instances"
    ),
    printcolumn(
        name = "AtRisk",
        type_ = "integer",
        json_path = ".status.counts.atRisk",
        description = "Number of instances that can be lost although they are protected"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "True if nothing is left to do, for the operator or for you"
    ),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    printcolumn(name = "Region", type_ = "string", json_path = ".spec.region", priority = 1),
    printcolumn(name = "Mode", type_ = "string", json_path = ".spec.mode", priority = 1),
    printcolumn(
        name = "Excepted",
        type_ = "integer",
        json_path = ".status.counts.excepted",
        description = "Number of instances that are left unprotected for a time",
        priority = 1
    ),
    printcolumn(
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Protected")].message"#,
        priority = 1
    )
)]
#[cfg_attr(test, kube(cel))]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.region) || ((!has(self.targets.instanceIds) || size(self.targets.instanceIds) == 0) && (!has(self.targets.instanceTags) || size(self.targets.instanceTags) == 0) && !has(self.targets.allInstances))")
        .message("targets.instanceIds, targets.instanceTags and targets.allInstances need a region: set region, such as cn-hangzhou")
        .field_path(".region")
        .reason(Reason::FieldValueRequired),
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)")
        .message("region can't be changed, added or removed: create another object for the other region, then delete this one")
        .field_path(".region")
        .reason(Reason::FieldValueForbidden),
    validation = Rule::new("!has(self.exceptions) || size(self.exceptions) == 0 || self.protection == 'Enabled'")
        .message("exceptions need protection: Enabled: remove them, or leave protection on; Disabled makes no exceptions")
        .field_path(".exceptions")
        .reason(Reason::FieldValueForbidden),
    validation = Rule::new("self.nodeRemoval != 'Lift' || self.protection == 'Enabled'")
        .message("nodeRemoval: Lift needs protection: Enabled: Disabled has nothing to lift")
        .field_path(".nodeRemoval")
        .reason(Reason::FieldValueForbidden),
    validation = Rule::new("self.nodeRemoval != 'Lift' || has(self.targets.nodes)")
        .message("nodeRemoval: Lift needs targets.nodes: it applies only to instances that are selected through their Nodes")
        .field_path(".nodeRemoval")
        .reason(Reason::FieldValueForbidden)
)]
pub struct EcsInstanceProtectionSpec {
    /// Cloud account of the instances: its name in the operator's configuration. Defaults to `default`. Can't be
    /// changed.
    #[serde(default = "default_account")]
    #[schemars(length(min = 1, max = 63), regex(pattern = ACCOUNT_NAME))]
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("account can't be changed: create another object for the other account, then delete this one")
            .reason(Reason::FieldValueForbidden)
    )]
    pub account: String,

    /// Region id, such as cn-hangzhou. Required with `targets.instanceIds`, `targets.instanceTags` or
    /// `targets.allInstances`. Nodes name their own region. If you set a region here, Nodes in other regions are
    /// ignored and counted in `status.counts.nodesIgnored`. Can't be changed, added or removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 64), regex(pattern = REGION_ID))]
    pub region: Option<String>,

    /// The instances to protect: all instances that any selector here selects, except those in `exclude`.
    pub targets: InstanceTargets,

    /// `Enabled` (default): switches protection on and keeps it on. `Disabled`: switches protection off once on the
    /// present targets, except on those that another object protects. It does not keep protection off.
    #[serde(default)]
    pub protection: Protection,

    /// What to do about an automatic release time on a target. Release protection does not stop it. `Report` (default):
    /// names it as a risk. `Cancel`: removes it as long as `protection` is `Enabled`, each time it is seen, and names the
    /// removed time in an Event. Nothing puts a removed time back.
    #[serde(default)]
    pub auto_release_time: AutoReleaseTime,

    /// What to do when Karpenter removes the Node of a target. `KeepProtected` (default): nothing; Karpenter can't release
    /// the instance, and keeps trying. `Lift`: when Karpenter has drained the Node and the release is its next step, the
    /// operator switches off the protection of that one instance. If the instance still exists 15 minutes later, or
    /// Karpenter no longer removes it, it is protected again. `Lift` has no effect if another object protects the
    /// instance, if `mode` is `Observe`, if the namespace may not unprotect, or if the operator does not watch
    /// Karpenter's NodeClaims.
    #[serde(default)]
    pub node_removal: NodeRemoval,

    /// What to do about targets that are members of Auto Scaling groups. Release protection does not stop scale-in.
    /// `Report` (default): names the membership as a risk. `Protect`: protects them from scale-in, as long as this stands,
    /// whatever `protection` says. `Unprotect`: gives the present ones up to scale-in once, except those that another object
    /// protects from it. Changing it to `Report`, or deleting this object, changes nothing in the cloud.
    #[serde(default)]
    pub scale_in: ScaleIn,

    /// Targets to leave unprotected for a time, for example to release one of them. The operator switches the
    /// protection of such an instance off once for each entry, and then leaves the instance alone until the entry ends:
    /// at `until`, 30 days after the operator has first seen the entry, or when you remove the entry. Then the instance
    /// is protected again. An entry has no effect if another object protects the instance, if `mode` is `Observe`, or if
    /// the namespace may not unprotect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_EXCEPTIONS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["instanceId".into()]))]
    pub exceptions: Vec<InstanceException>,

    /// `Enforce` (default): the operator changes the cloud to match the spec. `Observe`: the operator only reports and
    /// never writes to the cloud for this object, not even when you delete it. In both modes, other objects can't
    /// switch protection off where this object wants it on.
    #[serde(default)]
    pub mode: Mode,

    /// What deleting this object does to the instances. `Keep` (default): nothing; they keep their protection.
    /// `Disable`: switches protection off, except where another object wants it on. The object remains until the
    /// operator has tried this for each instance.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// Selectors of instances.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("(has(self.instanceIds) && size(self.instanceIds) > 0) || (has(self.instanceTags) && size(self.instanceTags) > 0) || has(self.nodes) || has(self.allInstances)", "targets select nothing: add at least one of instanceIds, instanceTags, nodes and allInstances (exclude alone selects nothing)"),
    validation = ("!has(self.allInstances) || self.allInstances", "allInstances can only be true: to select less than every instance of the region, leave it out and use instanceIds, instanceTags or nodes")
)]
pub struct InstanceTargets {
    /// Ids of instances in `spec.region`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_IDS), inner(length(max = MAX_ID), regex(pattern = INSTANCE_ID)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub instance_ids: Vec<String>,

    /// Tags of instances in `spec.region`. Selects the instances that have all of these tags. Each key can occur only
    /// once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TAGS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub instance_tags: Vec<TagSelector>,

    /// Label selector of Kubernetes Nodes in this cluster. Selects the instances behind these Nodes. When a Node is
    /// deleted or no longer matches, its instance is no longer selected, but keeps its protection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NodeSelector")]
    pub nodes: Option<NodeSelector>,

    /// `true`: selects every instance in `spec.region` that the identity of the account can see, including instances
    /// that are created later. Use `exclude` for exceptions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub all_instances: Option<bool>,

    /// Instances that are never targets, however they are selected. Takes precedence over all selectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "InstanceExclusion")]
    pub exclude: Option<InstanceExclusion>,
}

/// An instance to leave unprotected for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.until < timestamp('3000-01-01T00:00:00Z')")
        .message("until is too far in the future: an exception ends after 30 days at the latest")
        .field_path(".until")
)]
pub struct InstanceException {
    /// Id of the instance. Has an effect only while the spec selects the instance and does not exclude it.
    #[schemars(length(max = MAX_ID), regex(pattern = INSTANCE_ID))]
    pub instance_id: String,

    /// Time at which the exception ends and the instance is protected again, such as 2026-12-01T18:00:00Z. Fractions of
    /// a second are dropped. An entry with another time is another exception.
    #[schemars(length(max = MAX_TIME), regex(pattern = TIME), extend("format" = "date-time"))]
    pub until: String,

    /// Why the instance is left unprotected, for people. Status and Events show it.
    #[schemars(length(min = 1, max = MAX_EXCEPTION_REASON))]
    pub reason: String,
}

/// The desired value of the flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Protection {
    /// On, and kept on.
    #[default]
    Enabled,
    /// Switched off once.
    Disabled,
    /// A value that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// What to do about automatic release times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum AutoReleaseTime {
    /// Only name them as risks.
    #[default]
    Report,
    /// Remove them.
    Cancel,
    /// A value that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// What to do when Karpenter removes the Node of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum NodeRemoval {
    /// Nothing.
    #[default]
    KeepProtected,
    /// Step aside.
    Lift,
    /// A value that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// What to do about members of Auto Scaling groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum ScaleIn {
    /// Only name the membership as a risk.
    #[default]
    Report,
    /// Protect them from scale-in.
    Protect,
    /// Give them up to scale-in, once.
    Unprotect,
    /// A value that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// What deleting the object does to the flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// Nothing.
    #[default]
    Keep,
    /// Switch protection off.
    Disable,
    /// A value that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::api::{ExceptionPhase, ProtectionState};

    fn object(spec: Value) -> EcsInstanceProtection {
        EcsInstanceProtection::new("subject", serde_json::from_value(spec).unwrap())
    }

    /// A spec with an exception, and with other fields.
    fn excepting(fields: &Value) -> Value {
        let mut spec = json!({
            "targets": { "nodes": { "matchLabels": { "pool": "a" } } },
            "exceptions": [{ "instanceId": "i-a", "until": "2026-12-01T18:00:00Z", "reason": "replaced" }],
        });
        spec.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        spec
    }

    /// The API server's own verdict is tested on a real one; this is the quick look while writing a rule.
    #[test]
    fn the_rules_hold_where_they_are_evaluated_locally() {
        let nodes = json!({ "matchLabels": { "pool": "a" } });
        let cases = [
            (json!({ "region": "cn-hangzhou", "targets": { "instanceIds": ["i-bp1"] } }), true),
            (json!({ "targets": { "nodes": nodes } }), true),
            (json!({ "region": "cn-hangzhou", "targets": { "allInstances": true } }), true),
            (json!({ "region": "cn-hangzhou", "targets": { "allInstances": false } }), false),
            (
                json!({ "region": "cn-hangzhou", "targets": { "allInstances": false, "instanceIds": ["i-bp1"] } }),
                false,
            ),
            (json!({ "targets": { "allInstances": true } }), false),
            (json!({ "targets": { "allInstances": true, "nodes": nodes } }), false),
            (json!({ "targets": { "instanceIds": ["i-bp1"] } }), false),
            (json!({ "region": "cn-hangzhou", "targets": {} }), false),
            (
                json!({ "region": "cn-hangzhou", "targets": { "exclude": { "instanceIds": ["i-bp1"] } } }),
                false,
            ),
            (json!({ "targets": { "nodes": {} } }), false),
            (json!({ "region": "cn-hangzhou", "targets": { "instanceTags": [{ "key": "env" }] } }), false),
            (json!({ "targets": { "nodes": { "matchLabels": { "a b": "x" } } } }), false),
            (excepting(&json!({})), true),
            (excepting(&json!({ "protection": "Disabled" })), false),
            (excepting(&json!({ "protection": "Disabled", "exceptions": [] })), true),
            (json!({ "targets": { "nodes": nodes }, "nodeRemoval": "Lift" }), true),
            (
                json!({ "targets": { "nodes": nodes }, "nodeRemoval": "Lift", "protection": "Disabled" }),
                false,
            ),
            (
                json!({ "region": "cn-hangzhou", "targets": { "allInstances": true }, "nodeRemoval": "Lift" }),
                false,
            ),
        ];
        for (spec, accepted) in cases {
            assert_eq!(object(spec.clone()).validate_cel().is_ok(), accepted, "{spec}");
        }

        let here = object(json!({ "region": "cn-hangzhou", "targets": { "nodes": nodes } }));
        let anywhere = object(json!({ "targets": { "nodes": nodes } }));
        assert!(here.validate_cel_update(&here).is_ok());
        assert!(here.validate_cel_update(&anywhere).is_err());
        assert!(anywhere.validate_cel_update(&here).is_err());
    }

    #[test]
    fn what_is_left_out_is_the_careful_choice() {
        let spec = object(json!({ "targets": {} })).spec;
        assert_eq!(spec.account, "default");
        assert_eq!(
            (spec.protection, spec.scale_in, spec.mode, spec.deletion_policy, spec.node_removal),
            (
                Protection::Enabled,
                ScaleIn::Report,
                Mode::Enforce,
                DeletionPolicy::Keep,
                NodeRemoval::KeepProtected
            )
        );
    }

    /// One stored object that doesn't decode would stop the list of all objects.
    #[test]
    fn i28_words_of_a_newer_version_decode_to_unknown() {
        let spec = object(json!({
            "targets": { "nodes": { "matchExpressions": [{ "key": "cpu", "operator": "Gt", "values": ["3"] }] } },
            "protection": "Scheduled",
            "scaleIn": "Pause",
            "mode": "Rehearse",
            "deletionPolicy": "AskFirst",
            "nodeRemoval": "Rehearse",
        }))
        .spec;
        assert_eq!(
            (spec.protection, spec.scale_in, spec.mode, spec.deletion_policy, spec.node_removal),
            (
                Protection::Unknown,
                ScaleIn::Unknown,
                Mode::Unknown,
                DeletionPolicy::Unknown,
                NodeRemoval::Unknown
            )
        );
        let nodes = spec.targets.nodes.unwrap();
        assert_eq!(nodes.match_expressions[0].operator, crate::api::NodeOperator::Unknown);

        let status: EcsInstanceProtectionStatus =
            serde_json::from_value(json!({ "protectionState": "Paused", "counts": null, "exceptions": [{
                "instanceId": "i-a", "until": "2026-12-01T18:00:00Z", "endsAt": "2026-12-01T18:00:00Z",
                "phase": "Postponed",
            }], "acts": [{ "act": "Sing", "generation": 1 }] }))
            .unwrap();
        assert_eq!(status.protection_state, Some(ProtectionState::Unknown));
        assert_eq!(status.exceptions[0].phase, ExceptionPhase::Unknown);
        assert_eq!(status.acts[0].act, crate::api::Act::Unknown);
    }

    #[test]
    fn an_absent_field_stays_absent_when_written() {
        let spec = object(json!({ "targets": { "nodes": { "matchLabels": { "pool": "a" } } } })).spec;
        assert_eq!(
            serde_json::to_value(spec.targets).unwrap(),
            json!({ "nodes": { "matchLabels": { "pool": "a" } } })
        );
        assert_eq!(serde_json::to_value(EcsInstanceProtectionStatus::default()).unwrap(), json!({}));
    }
}
