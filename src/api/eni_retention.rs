//! `EniRetention`: keep `DeleteOnRelease` off on a set of elastic network interfaces, remember which of them outlived
//! their instance, and attach them anew.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::eni_retention_status::{EniRetentionStatus, MAX_REATTACH};
use super::selector::{
    ENI_ID, INSTANCE_ID, InstanceExclusion, MAX_ENI_ID, MAX_EXCLUDED_IDS, MAX_ID, MAX_IDS, MAX_NODE_NAME,
    MAX_TAGS, NodeSelector, TagSelector,
};
use super::spec::{ACCOUNT_NAME, Mode, REGION_ID, default_account};

/// Characters in a duration: three numbers of five digits, each with its unit.
const MAX_DURATION: usize = 18;

/// Which network interfaces to retain, and how.
#[expect(clippy::duplicated_attributes, reason = "each printer column has its own type and priority")]
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "ecs-keeper.io",
    version = "v1alpha1",
    kind = "EniRetention",
    plural = "eniretentions",
    singular = "eniretention",
    shortname = "eniret",
    category = "ecs-keeper",
    namespaced,
    status = "EniRetentionStatus",
    derive = "PartialEq",
    doc = "Keeps a set of Alibaba Cloud elastic network interfaces from being deleted together with their instance (DeleteOnRelease off) for as long as this object exists, and reports which of them have outlived it and can be reused. A retained network interface keeps its private addresses, elastic IP addresses and security groups. Wait for it with: kubectl wait --for=condition=Retained",
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.retentionState",
        description = "State of the targets in one word"
    ),
    printcolumn(
        name = "Targets",
        type_ = "integer",
        json_path = ".status.counts.targets",
        description = "Number of selected or retained network interfaces"
    ),
    printcolumn(
        name = "Retained",
        type_ = "integer",
        json_path = ".status.counts.protected",
        description = "Number of network interfaces that outlive the release of their instance"
    ),
    printcolumn(
        name = "AtRisk",
        type_ = "integer",
        json_path = ".status.counts.atRisk",
        description = "Number of network interfaces that can be lost although they are retained"
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
        name = "Message",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Retained")].message"#,
        priority = 1
    )
)]
#[cfg_attr(test, kube(cel))]
#[serde(rename_all = "camelCase")]
pub struct EniRetentionSpec {
    /// Cloud account of the network interfaces: its name in the operator's configuration. Defaults to `default`. Can't
    /// be changed.
    #[serde(default = "default_account")]
    #[schemars(length(min = 1, max = 63), regex(pattern = ACCOUNT_NAME))]
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("account can't be changed: create another object for the other account, then delete this one")
            .reason(Reason::FieldValueForbidden)
    )]
    pub account: String,

    /// Region id of the network interfaces, such as cn-hangzhou. Nodes in other regions are ignored and counted in
    /// `status.counts.nodesIgnored`. Can't be changed.
    #[schemars(length(max = 64), regex(pattern = REGION_ID))]
    #[x_kube(
        validation = Rule::new("self == oldSelf")
            .message("region can't be changed: create another object for the other region, then delete this one")
            .reason(Reason::FieldValueForbidden)
    )]
    pub region: String,

    /// The network interfaces to retain: all that any selector here selects, except those in `exclude`. A retained
    /// network interface stays a target after its instance is gone, wherever it is attached later.
    pub targets: EniTargets,

    /// Which network interfaces of a selected instance to retain. Defaults to both types. Only checked while a network
    /// interface is on that instance. It does not apply to a network interface that is selected by its own id or tags,
    /// or that is already retained.
    #[serde(default = "both_types")]
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub interface_types: Vec<InterfaceType>,

    /// `Retain` (default): the network interfaces are not deleted with their instance. `Release`: switches retention
    /// off once, so that they are deleted with their instance, except those that another object retains. The operator
    /// never deletes or detaches a network interface.
    #[serde(default)]
    pub retention: Retention,

    /// `Enforce` (default): the operator changes the cloud to match the spec. `Observe`: the operator only reports and
    /// never writes to the cloud for this object, not even when you delete it. In both modes, other objects can't
    /// release what this object retains.
    #[serde(default)]
    pub mode: Mode,

    /// For how long this object retains network interfaces that have outlived their instance. Defaults to as long as
    /// the object exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Survivors")]
    pub survivors: Option<Survivors>,

    /// Retained network interfaces to attach to another instance. The operator attaches each of them once. If somebody
    /// detaches one later, the operator does not attach it again; to have it attached again, remove its entry and add
    /// it again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_REATTACH))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["networkInterfaceId".into()]))]
    pub reattach: Vec<Reattach>,

    /// What deleting this object does to the network interfaces. `Keep` (default): nothing; they stay retained.
    /// `Release`: switches retention off, as with `retention: Release`. The object remains until the operator has tried
    /// this for each network interface.
    #[serde(default)]
    pub deletion_policy: RetentionDeletionPolicy,
}

fn both_types() -> Vec<InterfaceType> {
    vec![InterfaceType::Primary, InterfaceType::Secondary]
}

/// Selectors of network interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("(has(self.networkInterfaceIds) && size(self.networkInterfaceIds) > 0) || (has(self.networkInterfaceTags) && size(self.networkInterfaceTags) > 0) || (has(self.instanceIds) && size(self.instanceIds) > 0) || (has(self.instanceTags) && size(self.instanceTags) > 0) || has(self.nodes) || has(self.allInstances)", "targets select nothing: add at least one of networkInterfaceIds, networkInterfaceTags, instanceIds, instanceTags, nodes and allInstances (exclude alone selects nothing)"),
    validation = ("!has(self.allInstances) || self.allInstances", "allInstances can only be true: to select less than every instance of the region, leave it out and use instanceIds, instanceTags or nodes")
)]
pub struct EniTargets {
    /// Ids of network interfaces in `spec.region`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_IDS), inner(length(max = MAX_ENI_ID), regex(pattern = ENI_ID)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub network_interface_ids: Vec<String>,

    /// Tags of network interfaces in `spec.region`. Selects the network interfaces that have all of these tags. Each
    /// key can occur only once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TAGS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub network_interface_tags: Vec<TagSelector>,

    /// Ids of instances in `spec.region`. Selects the network interfaces attached to these instances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_IDS), inner(length(max = MAX_ID), regex(pattern = INSTANCE_ID)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub instance_ids: Vec<String>,

    /// Tags of instances in `spec.region`. Selects the network interfaces attached to the instances that have all of
    /// these tags. Each key can occur only once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TAGS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub instance_tags: Vec<TagSelector>,

    /// Label selector of Kubernetes Nodes in this cluster. Selects the network interfaces attached to the instances
    /// behind these Nodes. When a Node is deleted or no longer matches, network interfaces that are already retained
    /// stay targets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NodeSelector")]
    pub nodes: Option<NodeSelector>,

    /// `true` selects the network interfaces attached to any instance in `spec.region` that the account's identity can
    /// see, including instances created in the future. No other value is allowed. Use `exclude` for what should be
    /// deleted with its instance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "bool")]
    pub all_instances: Option<bool>,

    /// Network interfaces that are never targets, however they are selected, even if they are retained. Takes
    /// precedence over all selectors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "EniExclusion")]
    pub exclude: Option<EniExclusion>,
}

/// Network interfaces that are never targets. An excluded instance excludes all network interfaces attached to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EniExclusion {
    /// Ids of network interfaces to exclude.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_EXCLUDED_IDS), inner(length(max = MAX_ENI_ID), regex(pattern = ENI_ID)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub network_interface_ids: Vec<String>,

    /// Tags of network interfaces to exclude. A network interface that has any one of them is excluded. The same key
    /// can occur several times, with different values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TAGS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub network_interface_tags: Vec<TagSelector>,

    /// Instances whose network interfaces are excluded.
    #[serde(flatten)]
    pub instances: InstanceExclusion,
}

/// For how long an object retains network interfaces that have outlived their instance and are free.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Survivors {
    /// After this time the object forgets a network interface that has outlived its instance, is free, and is named
    /// neither by a selector nor by an open entry of `spec.reattach`. Nothing is deleted, and its DeleteOnRelease stays
    /// off. At least 24 hours, in hours, minutes and seconds, such as 720h. The time runs from `since` in
    /// `status.networkInterfaces`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_DURATION))]
    #[x_kube(
        validation = ("self.matches('^([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,5}s)?$') && self != '' && duration(self) >= duration('24h')", "forgetAfter must be a duration of at least 24 hours, in hours, minutes and seconds, such as 720h or 36h30m")
    )]
    pub forget_after: Option<String>,
}

/// A kind of network interface that a spec can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum InterfaceType {
    /// The one that an instance was created with.
    Primary,
    /// One that was added to an instance.
    Secondary,
    /// A kind that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// The desired state of the network interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Retention {
    /// They outlive their instance.
    #[default]
    Retain,
    /// Retention is switched off once.
    Release,
    /// A value that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// What deleting the object does to the network interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum RetentionDeletionPolicy {
    /// Nothing.
    #[default]
    Keep,
    /// Switch retention off.
    Release,
    /// A value that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// A retained network interface, and the instance to attach it to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.instanceId) != has(self.nodeName)", "a network interface is attached to one instance: set exactly one of instanceId and nodeName")
)]
pub struct Reattach {
    /// Id of a network interface that this object retains. It is attached as soon as it is free.
    #[schemars(length(max = MAX_ENI_ID), regex(pattern = ENI_ID))]
    pub network_interface_id: String,

    /// Id of an instance in the same zone and VPC. Set either this or `nodeName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID), regex(pattern = INSTANCE_ID))]
    pub instance_id: Option<String>,

    /// Name of a Kubernetes Node in this cluster whose instance is in the same zone and VPC. Set either this or
    /// `instanceId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_NODE_NAME), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub node_name: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(spec: Value) -> EniRetention {
        EniRetention::new("subject", serde_json::from_value(spec).unwrap())
    }

    /// The API server's own verdict is tested on a real one; this is the quick look while writing a rule.
    #[test]
    fn the_rules_hold_where_they_are_evaluated_locally() {
        let nodes = json!({ "matchLabels": { "pool": "a" } });
        let here = |targets: Value| json!({ "region": "cn-hangzhou", "targets": targets });
        let survivors = |time: &str| json!({ "region": "cn-hangzhou", "targets": { "nodes": nodes }, "survivors": { "forgetAfter": time } });
        let reattach = |entry: Value| json!({ "region": "cn-hangzhou", "targets": { "nodes": nodes }, "reattach": [entry] });
        let cases = [
            (here(json!({ "networkInterfaceIds": ["eni-bp1"] })), true),
            (here(json!({ "networkInterfaceTags": [{ "key": "env", "value": "prod" }] })), true),
            (here(json!({ "instanceIds": ["i-bp1"] })), true),
            (here(json!({ "instanceTags": [{ "key": "env", "exists": true }] })), true),
            (here(json!({ "nodes": nodes })), true),
            (here(json!({ "allInstances": true })), true),
            (here(json!({ "allInstances": false })), false),
            (here(json!({ "allInstances": false, "nodes": nodes })), false),
            (survivors("720h"), true),
            (survivors("23h59m"), false),
            (survivors("30d"), false),
            (survivors(""), false),
            (here(json!({})), false),
            (here(json!({ "networkInterfaceIds": [], "exclude": { "instanceIds": ["i-bp1"] } })), false),
            (here(json!({ "networkInterfaceTags": [{ "key": "env" }] })), false),
            (here(json!({ "nodes": {} })), false),
            (reattach(json!({ "networkInterfaceId": "eni-bp1", "instanceId": "i-bp1" })), true),
            (reattach(json!({ "networkInterfaceId": "eni-bp1", "nodeName": "node-1" })), true),
            (reattach(json!({ "networkInterfaceId": "eni-bp1" })), false),
            (
                reattach(
                    json!({ "networkInterfaceId": "eni-bp1", "instanceId": "i-bp1", "nodeName": "node-1" }),
                ),
                false,
            ),
        ];
        for (spec, accepted) in cases {
            assert_eq!(object(spec.clone()).validate_cel().is_ok(), accepted, "{spec}");
        }

        let there = object(json!({ "region": "cn-beijing", "targets": { "nodes": nodes } }));
        let here = object(here(json!({ "nodes": nodes })));
        assert!(here.validate_cel_update(&here).is_ok());
        assert!(here.validate_cel_update(&there).is_err());
    }

    #[test]
    fn what_is_left_out_is_the_careful_choice() {
        let spec = object(json!({ "region": "cn-hangzhou", "targets": {} })).spec;
        assert_eq!(spec.account, "default");
        assert_eq!(
            (spec.retention, spec.mode, spec.deletion_policy),
            (Retention::Retain, Mode::Enforce, RetentionDeletionPolicy::Keep)
        );
        assert_eq!(spec.interface_types, [InterfaceType::Primary, InterfaceType::Secondary]);
    }

    /// One stored object that doesn't decode would stop the list of all objects.
    #[test]
    fn i28_words_of_a_newer_version_decode_to_unknown() {
        let spec = object(json!({
            "region": "cn-hangzhou",
            "targets": { "vpcIds": ["vpc-bp1"], "exclude": { "vpcIds": ["vpc-bp2"] } },
            "interfaceTypes": ["Primary", "Trunk"],
            "retention": "Lend",
            "mode": "Rehearse",
            "deletionPolicy": "AskFirst",
            "reattach": [{ "networkInterfaceId": "eni-bp1", "deploymentName": "web" }],
        }))
        .spec;
        assert_eq!(
            (spec.retention, spec.mode, spec.deletion_policy),
            (Retention::Unknown, Mode::Unknown, RetentionDeletionPolicy::Unknown)
        );
        assert_eq!(spec.interface_types, [InterfaceType::Primary, InterfaceType::Unknown]);
    }

    #[test]
    fn an_absent_field_stays_absent_when_written() {
        let targets: EniTargets = serde_json::from_value(json!({ "exclude": {} })).unwrap();
        assert_eq!(serde_json::to_value(targets).unwrap(), json!({ "exclude": {} }));
        let entry = json!({ "networkInterfaceId": "eni-bp1", "instanceId": "i-bp1" });
        let reattach: Reattach = serde_json::from_value(entry.clone()).unwrap();
        assert_eq!(serde_json::to_value(reattach).unwrap(), entry);
    }

    #[test]
    fn the_names_on_the_wire_are_those_of_the_cloud() {
        let targets = json!({
            "networkInterfaceIds": ["eni-bp1"],
            "networkInterfaceTags": [{ "key": "env", "value": "prod" }],
            "instanceIds": ["i-bp1"],
            "instanceTags": [{ "key": "env", "exists": true }],
            "nodes": { "matchLabels": { "pool": "a" } },
            "exclude": {
                "networkInterfaceIds": ["eni-bp2"],
                "networkInterfaceTags": [{ "key": "env", "value": "dev" }],
                "instanceIds": ["i-bp2"],
                "instanceTags": [{ "key": "env", "value": "test" }],
            },
        });
        let decoded: EniTargets = serde_json::from_value(targets.clone()).unwrap();
        assert_eq!(decoded.exclude.as_ref().unwrap().instances.instance_ids, ["i-bp2"]);
        assert_eq!(serde_json::to_value(decoded).unwrap(), targets);
    }
}
