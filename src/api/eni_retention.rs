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

/// Which network interfaces are meant, and what is wanted of them.
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
    doc = "Keeps a set of Alibaba Cloud elastic network interfaces from being deleted together with their instance (DeleteOnRelease off) for as long as this object stands, and tells which of them outlived it and wait for reuse. A retained network interface keeps its private addresses, elastic IP addresses and security groups. Wait for it with: kubectl wait --for=condition=Retained",
    printcolumn(
        name = "State",
        type_ = "string",
        json_path = ".status.retentionState",
        description = "How the targets are doing, in one word"
    ),
    printcolumn(
        name = "Targets",
        type_ = "integer",
        json_path = ".status.counts.targets",
        description = "Network interfaces that are selected or retained"
    ),
    printcolumn(
        name = "Retained",
        type_ = "integer",
        json_path = ".status.counts.protected",
        description = "Network interfaces that outlive the release of their instance"
    ),
    printcolumn(
        name = "AtRisk",
        type_ = "integer",
        json_path = ".status.counts.atRisk",
        description = "Network interfaces that can be lost in spite of their retention"
    ),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = r#".status.conditions[?(@.type=="Ready")].status"#,
        description = "Whether neither the operator nor a person has anything left to do"
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
#[x_kube(
    validation = Rule::new("has(self.region) || ((!has(self.targets.networkInterfaceIds) || size(self.targets.networkInterfaceIds) == 0) && (!has(self.targets.networkInterfaceTags) || size(self.targets.networkInterfaceTags) == 0) && (!has(self.targets.instanceIds) || size(self.targets.instanceIds) == 0) && (!has(self.targets.instanceTags) || size(self.targets.instanceTags) == 0))")
        .message("networkInterfaceIds, networkInterfaceTags, instanceIds and instanceTags of targets are looked up in one region: set region, such as cn-hangzhou")
        .field_path(".region")
        .reason(Reason::FieldValueRequired),
    validation = Rule::new("self.account == oldSelf.account")
        .message("account can't be changed: create another object for the other account, then delete this one")
        .field_path(".account")
        .reason(Reason::FieldValueForbidden),
    validation = Rule::new("has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)")
        .message("region can't be changed, added or removed: create another object for the other region, then delete this one")
        .field_path(".region")
        .reason(Reason::FieldValueForbidden)
)]
pub struct EniRetentionSpec {
    /// The cloud account that the network interfaces belong to, by its name in the operator's configuration; `default`
    /// if left out. Can't be changed.
    #[serde(default = "default_account")]
    #[schemars(length(min = 1, max = 63), regex(pattern = ACCOUNT_NAME))]
    pub account: String,

    /// Region id, such as cn-hangzhou. Needed with `networkInterfaceIds`, `networkInterfaceTags`, `instanceIds` or
    /// `instanceTags` of `targets`. Nodes carry their own region; with a region set here, Nodes elsewhere are left out
    /// and counted in `status.counts.nodesIgnored`. Can't be changed, added or removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = 64), regex(pattern = REGION_ID))]
    pub region: Option<String>,

    /// The network interfaces that are meant: everything that any selector here selects, without what `exclude` names.
    /// One that is retained stays a target when its instance is gone, and wherever it is attached later.
    pub targets: EniTargets,

    /// Which network interfaces of a selected instance are meant; both kinds if left out. Asked only while a network
    /// interface is on that instance: one that is named by id or by its own tags, or already retained, is meant in any
    /// case.
    #[serde(default = "both_types")]
    #[schemars(length(min = 1, max = 2))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub interface_types: Vec<InterfaceType>,

    /// `Retain` (default): the network interfaces are kept from being deleted with their instance. `Release`: they are
    /// given back once, so that they are deleted with their instance as usual, except where another object retains
    /// them. A network interface is never deleted or detached by the operator.
    #[serde(default)]
    pub retention: Retention,

    /// `Enforce` (default): the cloud is made to match. `Observe`: only report; nothing is ever written to the cloud,
    /// not even when this object is deleted. Others still can't release what this object wants retained.
    #[serde(default)]
    pub mode: Mode,

    /// Retained network interfaces to attach to another instance. Each is attached once: a later detachment by hand is
    /// not undone. To have one attached again, remove its entry and add it again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_REATTACH))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["networkInterfaceId".into()]))]
    pub reattach: Vec<Reattach>,

    /// What deleting this object does to the network interfaces. `Keep` (default): nothing, they stay as they are.
    /// `Release`: they are given back as with `retention: Release`; the object stays until that has been tried.
    #[serde(default)]
    pub deletion_policy: RetentionDeletionPolicy,
}

fn both_types() -> Vec<InterfaceType> {
    vec![InterfaceType::Primary, InterfaceType::Secondary]
}

/// The network interfaces that are meant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("(has(self.networkInterfaceIds) && size(self.networkInterfaceIds) > 0) || (has(self.networkInterfaceTags) && size(self.networkInterfaceTags) > 0) || (has(self.instanceIds) && size(self.instanceIds) > 0) || (has(self.instanceTags) && size(self.instanceTags) > 0) || has(self.nodes)", "targets select nothing: add at least one of networkInterfaceIds, networkInterfaceTags, instanceIds, instanceTags and nodes (exclude only takes away)")
)]
pub struct EniTargets {
    /// Ids of network interfaces in `spec.region`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_IDS), inner(length(max = MAX_ENI_ID), regex(pattern = ENI_ID)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub network_interface_ids: Vec<String>,

    /// Tags of network interfaces in `spec.region`: a network interface is selected that has all of them. Each key
    /// once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TAGS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub network_interface_tags: Vec<TagSelector>,

    /// Ids of instances in `spec.region`: the network interfaces attached to them are selected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_IDS), inner(length(max = MAX_ID), regex(pattern = INSTANCE_ID)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub instance_ids: Vec<String>,

    /// Tags of instances in `spec.region`: the network interfaces attached to an instance are selected that has all of
    /// them. Each key once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TAGS))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["key".into()]))]
    pub instance_tags: Vec<TagSelector>,

    /// Kubernetes Nodes of this cluster: the network interfaces attached to the instances behind them are selected. A
    /// Node that goes away takes only those out of the selection that are not yet retained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NodeSelector")]
    pub nodes: Option<NodeSelector>,

    /// Network interfaces that are left alone, however they are selected, retained ones too. Always wins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "EniExclusion")]
    pub exclude: Option<EniExclusion>,
}

/// Network interfaces that are left alone. An excluded instance excludes what is attached to it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EniExclusion {
    /// Ids of network interfaces to leave alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_EXCLUDED_IDS), inner(length(max = MAX_ENI_ID), regex(pattern = ENI_ID)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub network_interface_ids: Vec<String>,

    /// Tags of network interfaces to leave alone: any one of them suffices. The same key may stand here with several
    /// values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_TAGS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub network_interface_tags: Vec<TagSelector>,

    /// Instances whose network interfaces are left alone.
    #[serde(flatten)]
    pub instances: InstanceExclusion,
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

/// What is wanted of the network interfaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub enum Retention {
    /// They outlive their instance.
    #[default]
    Retain,
    /// They were given back once.
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
    /// Give them back.
    Release,
    /// A value that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

/// One retained network interface, and the instance that it is to be attached to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = ("has(self.instanceId) != has(self.nodeName)", "a network interface is attached to one instance: set exactly one of instanceId and nodeName")
)]
pub struct Reattach {
    /// Id of a network interface that this object retains and that is free.
    #[schemars(length(max = MAX_ENI_ID), regex(pattern = ENI_ID))]
    pub network_interface_id: String,

    /// Id of an instance in the same zone and VPC. Give either this or `nodeName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID), regex(pattern = INSTANCE_ID))]
    pub instance_id: Option<String>,

    /// Name of a Kubernetes Node of this cluster, whose instance is in the same zone and VPC. Give either this or
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
        let reattach = |entry: Value| json!({ "targets": { "nodes": nodes }, "reattach": [entry] });
        let cases = [
            (here(json!({ "networkInterfaceIds": ["eni-bp1"] })), true),
            (here(json!({ "networkInterfaceTags": [{ "key": "env", "value": "prod" }] })), true),
            (here(json!({ "instanceIds": ["i-bp1"] })), true),
            (here(json!({ "instanceTags": [{ "key": "env", "exists": true }] })), true),
            (json!({ "targets": { "nodes": nodes } }), true),
            (json!({ "targets": { "networkInterfaceIds": ["eni-bp1"] } }), false),
            (json!({ "targets": { "networkInterfaceTags": [{ "key": "env", "exists": true }] } }), false),
            (json!({ "targets": { "instanceIds": ["i-bp1"], "nodes": nodes } }), false),
            (json!({ "targets": { "instanceTags": [{ "key": "env", "exists": true }] } }), false),
            (here(json!({})), false),
            (here(json!({ "networkInterfaceIds": [], "exclude": { "instanceIds": ["i-bp1"] } })), false),
            (here(json!({ "networkInterfaceTags": [{ "key": "env" }] })), false),
            (json!({ "targets": { "nodes": {} } }), false),
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

        let here = object(here(json!({ "nodes": nodes })));
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
            (spec.retention, spec.mode, spec.deletion_policy),
            (Retention::Retain, Mode::Enforce, RetentionDeletionPolicy::Keep)
        );
        assert_eq!(spec.interface_types, [InterfaceType::Primary, InterfaceType::Secondary]);
    }

    /// One stored object that doesn't decode would stop the list of all objects.
    #[test]
    fn i28_words_of_a_newer_version_decode_to_unknown() {
        let spec = object(json!({
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
        let spec = object(json!({ "targets": { "exclude": {} } })).spec;
        assert_eq!(serde_json::to_value(spec.targets).unwrap(), json!({ "exclude": {} }));
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
