//! `EniRetention`: keep `DeleteOnRelease` off on a set of elastic network interfaces, remember which of them outlived
//! their instance, and attach them anew.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::selector::{
    ENI_ID, INSTANCE_ID, InstanceExclusion, MAX_ENI_ID, MAX_EXCLUDED_IDS, MAX_ID, MAX_IDS, MAX_TAGS,
    NodeSelector, TagSelector,
};
use super::spec::{ACCOUNT_NAME, Mode, REGION_ID, default_account};
use super::status::{self, Counts, MAX_LISTED_GONE, MAX_MESSAGE, MAX_REASON, MAX_RISKS, Risk};

/// How many network interfaces one spec may ask to attach.
pub const MAX_REATTACH: usize = 100;

/// How many ids of retained network interfaces a status lists. Those that are free come first; others have their instance
/// to be found by.
pub const MAX_RETAINED: usize = 5000;

/// How many network interfaces a status lists that are free.
pub const MAX_LISTED_SURVIVORS: usize = 500;

/// How many network interfaces a status lists that are on their instance and need attention.
pub const MAX_LISTED_ATTACHED: usize = 100;

/// How many network interfaces a status lists.
pub const MAX_LISTED_INTERFACES: usize = MAX_LISTED_SURVIVORS + MAX_LISTED_GONE + MAX_LISTED_ATTACHED;

/// How many reattachments a status lists: those that the spec asks for, and as many that it no longer does.
pub const MAX_REATTACHMENTS: usize = 2 * MAX_REATTACH;

/// How many addresses of one family, and how many elastic IP addresses, one listed network interface can show.
pub const MAX_ADDRESSES: usize = 5;

/// How many security groups one listed network interface can show: no network interface can be in more.
pub const MAX_SECURITY_GROUPS: usize = 16;

/// How many bytes of JSON a status may have, so that its object can always be stored.
///
/// etcd takes requests of 1.5 MiB, and one request holds the whole object. Measured, the largest legal spec takes 521 kB,
/// two fifths of it the record of who owns each of its items. That leaves 190 kB for annotations. Of the status the ids,
/// the conditions and the reattachments take 808 kB when each is at its limit. The listed network interfaces share what is
/// left: one with every field at its limit has 9 kB, so that no fixed number of them would do. All 620 fit beside 10,000
/// ids as long as they are ordinary: 684 kB with ids of 24 characters.
pub const MAX_STATUS_BYTES: usize = 850_000;

/// Characters in an IPv4 or IPv6 address, however it is written.
pub const MAX_ADDRESS: usize = 45;

/// Characters in an address with the length of its prefix.
pub const MAX_PREFIX: usize = MAX_ADDRESS + 4;

/// Characters in the name of a Node, which is a DNS subdomain.
const MAX_NODE_NAME: usize = 253;

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
        name = "Safe",
        type_ = "integer",
        json_path = ".status.counts.safe",
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

/// What the operator last saw of the network interfaces. Written by the operator alone.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EniRetentionStatus {
    /// The metadata.generation that this status speaks of; -1 as long as the operator has not looked at the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64", range(min = -1))]
    pub observed_generation: Option<i64>,

    /// `Retained` is the one to wait for: True when every target was seen just now as one that outlives its instance.
    /// `AtRisk` is True when a target can be lost in spite of that. `Ready`, `Reconciling` and `Stalled` are for tools:
    /// nothing left to do, at work, somebody must act.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "status::conditions")]
    pub conditions: Vec<Condition>,

    /// How the targets are doing, in one word. `Retained`: all are. `RetainedWhereApplicable`: all are that can be.
    /// `Unretained`: at least one is not. `Released`: they were given back as the spec asked. `NoTargets`: nothing is
    /// selected. `Unknown`: not known at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RetentionState")]
    pub retention_state: Option<RetentionState>,

    /// How many targets are in which state. Always exact, also where a list stops at its limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Counts")]
    pub counts: Option<Counts>,

    /// Every network interface that this object has seen retained and that is neither proven gone, nor given back by
    /// this object's own spec, nor excluded; survivors first. Never shortened below its limit of 5000, where those are left
    /// out first that are on a selected instance. It says nothing of this moment: the condition `Retained` and `counts` do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_RETAINED), inner(length(min = 1, max = MAX_ENI_ID)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub retained_eni_ids: Vec<String>,

    /// Those of the retained network interfaces whose instance is gone and which wait for reuse. Complete: never
    /// shortened below its limit of 5000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_RETAINED), inner(length(min = 1, max = MAX_ENI_ID)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub available_eni_ids: Vec<String>,

    /// Details of at most 500 network interfaces that are free, the oldest survivors first, of the last 20 that are gone, and
    /// of at most 100 attached ones, those that need attention first. Fewer where the whole object would grow too large; the
    /// flag is kept on those without a row as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_LISTED_INTERFACES))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub network_interfaces: Vec<NetworkInterfaceStatus>,

    /// How the entries of `spec.reattach` are doing, and what became of entries that are no longer there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_REATTACHMENTS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub reattachments: Vec<ReattachmentStatus>,
}

impl EniRetentionStatus {
    /// Drops listed network interfaces, the last ones first, until the status can be stored. Returns how many.
    ///
    /// The ids, the conditions and the reattachments are never touched.
    pub fn shorten_to_fit(&mut self) -> usize {
        let mut rows = std::mem::take(&mut self.network_interfaces);
        let mut room =
            MAX_STATUS_BYTES.saturating_sub(stored_size(self) + r#","networkInterfaces":[]"#.len());
        let fitting = rows.iter().take_while(|row| {
            let left = room.checked_sub(stored_size(row) + ",".len());
            room = left.unwrap_or_default();
            left.is_some()
        });
        let fitting = fitting.count();
        let dropped = rows.len() - fitting;
        rows.truncate(fitting);
        self.network_interfaces = rows;
        dropped
    }
}

/// Bytes that the API server makes of a value. Its JSON escapes what HTML would take for markup, which ours doesn't.
fn stored_size(value: &impl Serialize) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| {
        let escaped = json.iter().filter(|byte| matches!(byte, b'<' | b'>' | b'&')).count();
        json.len() + escaped * (r"\u003c".len() - 1)
    })
}

/// The domain condition in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum RetentionState {
    /// Every target is retained.
    Retained,
    /// Every target is retained that can be.
    RetainedWhereApplicable,
    /// At least one target is not retained.
    Unretained,
    /// The targets were given back, as asked.
    Released,
    /// Nothing is selected.
    NoTargets,
    /// Not known at present.
    #[serde(other)]
    Unknown,
}

/// How one network interface is doing, and what would be needed to use it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterfaceStatus {
    /// Id of the network interface.
    #[schemars(length(min = 1, max = MAX_ENI_ID))]
    pub network_interface_id: String,

    /// `Primary`, `Secondary`, `Trunk` or `Member`, as last seen. One that was primary is secondary once it is free.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NetworkInterfaceType")]
    pub type_: Option<NetworkInterfaceType>,

    /// `Attached`: on an instance. `Detached`: free, and its instance still lives. `Available`: it outlived its
    /// instance and waits for reuse. `Attaching`: on its way to an instance. `Reattached`: it outlived its instance and
    /// is on another one. `Gone`: proven to be deleted. `NotApplicable`: the cloud can't retain it. `Unknown`: not
    /// known at present.
    pub phase: NetworkInterfacePhase,

    /// The instance that it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID))]
    pub instance_id: Option<String>,

    /// The instance that it was on before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID))]
    pub last_instance_id: Option<String>,

    /// The zone that it is in: it can only be attached to an instance of this zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID))]
    pub zone_id: Option<String>,

    /// The vSwitch that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID))]
    pub v_switch_id: Option<String>,

    /// The VPC that it is in: it can only be attached to an instance of this VPC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID))]
    pub vpc_id: Option<String>,

    /// Private IPv4 addresses, the primary one first; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ADDRESSES), inner(length(max = MAX_ADDRESS)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub private_ips: Vec<String>,

    /// IPv6 addresses; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ADDRESSES), inner(length(max = MAX_ADDRESS)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub ipv6_addresses: Vec<String>,

    /// IPv4 prefixes; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ADDRESSES), inner(length(max = MAX_PREFIX)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub ipv4_prefixes: Vec<String>,

    /// IPv6 prefixes; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ADDRESSES), inner(length(max = MAX_PREFIX)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub ipv6_prefixes: Vec<String>,

    /// How many addresses and prefixes of all families, elastic IP addresses included, it has beyond those listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64", range(min = 0))]
    pub more_addresses: Option<u32>,

    /// Elastic IP addresses, which stay bound to it; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ADDRESSES))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub eips: Vec<Eip>,

    /// Security groups that it is in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_SECURITY_GROUPS), inner(length(max = MAX_ID)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub security_group_ids: Vec<String>,

    /// Documented ways in which this network interface can be lost although it is retained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_RISKS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub risks: Vec<Risk>,

    /// Since when it has been in this phase.
    pub since: Time,

    /// Why it is in this phase, in one word, for programs.
    #[schemars(length(min = 1, max = MAX_REASON), regex(pattern = status::WORD))]
    pub reason: String,

    /// Why it is in this phase, in a sentence, for people.
    #[schemars(length(max = MAX_MESSAGE))]
    pub message: String,
}

/// Kind of a network interface, as the cloud tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum NetworkInterfaceType {
    /// The one that an instance was created with.
    Primary,
    /// One that was added to an instance.
    Secondary,
    /// One that carries member network interfaces.
    Trunk,
    /// One that is carried by a trunk network interface.
    Member,
    /// A kind that this version does not know.
    #[serde(other)]
    Unknown,
}

/// Phase in the life of a network interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum NetworkInterfacePhase {
    /// On an instance.
    Attached,
    /// Free, and its instance still lives.
    Detached,
    /// It outlived its instance and waits for reuse.
    Available,
    /// On its way to an instance.
    Attaching,
    /// It outlived its instance and is on another one.
    Reattached,
    /// Proven to be deleted.
    Gone,
    /// The cloud can't retain it.
    NotApplicable,
    /// Not known at present.
    #[serde(other)]
    Unknown,
}

/// One elastic IP address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Eip {
    /// Id of the elastic IP address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID))]
    pub allocation_id: Option<String>,

    /// The public address.
    #[schemars(length(max = MAX_ADDRESS))]
    pub public_ip: String,

    /// The private address that it is bound to.
    #[schemars(length(max = MAX_ADDRESS))]
    pub private_ip: String,
}

/// How one reattachment is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReattachmentStatus {
    /// Id of the network interface.
    #[schemars(length(min = 1, max = MAX_ENI_ID))]
    pub network_interface_id: String,

    /// The instance that it is attached to, as soon as that is decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID))]
    pub instance_id: Option<String>,

    /// The Node that the spec names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_NODE_NAME))]
    pub node_name: Option<String>,

    /// `Waiting`: not yet possible, such as while the network interface is still in use. `Requested`: the cloud is asked
    /// to attach it. `Attached`: done, and final; a later detachment by hand is not undone. `Refused`: as things are it
    /// can't be done; it is when they change, except after `AttachLost` and `AttachedElsewhere`, which only removing and
    /// adding the entry ends. `Obsolete`: the network interface or the instance is gone. `Unknown`: not known at present.
    pub phase: ReattachmentPhase,

    /// Why it is in this phase, in one word, for programs.
    #[schemars(length(min = 1, max = MAX_REASON), regex(pattern = status::WORD))]
    pub reason: String,

    /// Why it is in this phase, in a sentence, for people.
    #[schemars(length(max = MAX_MESSAGE))]
    pub message: String,

    /// Since when it has been in this phase.
    pub since: Time,
}

impl NetworkInterfacePhase {
    /// Whether it is on no instance.
    pub const fn is_free(self) -> bool {
        matches!(self, Self::Available | Self::Detached)
    }
}

/// Phase of a reattachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ReattachmentPhase {
    /// Not yet possible.
    Waiting,
    /// The cloud is asked to attach it.
    Requested,
    /// Done, and final.
    Attached,
    /// Not possible as things are.
    Refused,
    /// The network interface or the instance is gone.
    Obsolete,
    /// Not known at present.
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn object(spec: Value) -> EniRetention {
        EniRetention::new("subject", serde_json::from_value(spec).unwrap())
    }

    fn row() -> NetworkInterfaceStatus {
        NetworkInterfaceStatus {
            network_interface_id: "eni-bp1".to_owned(),
            type_: Some(NetworkInterfaceType::Secondary),
            phase: NetworkInterfacePhase::Available,
            instance_id: Some("i-bp1".to_owned()),
            last_instance_id: Some("i-bp2".to_owned()),
            zone_id: Some("cn-hangzhou-h".to_owned()),
            v_switch_id: Some("vsw-bp1".to_owned()),
            vpc_id: Some("vpc-bp1".to_owned()),
            private_ips: vec!["10.0.0.1".to_owned()],
            ipv6_addresses: vec!["2001:db8::1".to_owned()],
            ipv4_prefixes: vec!["10.0.1.0/28".to_owned()],
            ipv6_prefixes: vec!["2001:db8::/80".to_owned()],
            more_addresses: Some(2),
            eips: vec![Eip {
                allocation_id: Some("eip-bp1".to_owned()),
                public_ip: "192.0.2.1".to_owned(),
                private_ip: "10.0.0.1".to_owned(),
            }],
            security_group_ids: vec!["sg-bp1".to_owned()],
            risks: vec![Risk { reason: "Terway".to_owned(), message: "Sentence".to_owned() }],
            since: Time("2026-01-01T00:00:00Z".parse().unwrap()),
            reason: "Survived".to_owned(),
            message: "Sentence".to_owned(),
        }
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

        let mut listed = serde_json::to_value(row()).unwrap();
        listed["type"] = json!("Mirror");
        listed["phase"] = json!("Parked");
        let status: EniRetentionStatus = serde_json::from_value(json!({
            "retentionState": "Paused",
            "counts": null,
            "networkInterfaces": [listed],
            "reattachments": [{
                "networkInterfaceId": "eni-bp1", "phase": "Undone",
                "reason": "Because", "message": "", "since": "2026-01-01T00:00:00Z",
            }],
        }))
        .unwrap();
        assert_eq!(status.retention_state, Some(RetentionState::Unknown));
        assert_eq!(status.network_interfaces[0].type_, Some(NetworkInterfaceType::Unknown));
        assert_eq!(status.network_interfaces[0].phase, NetworkInterfacePhase::Unknown);
        assert_eq!(status.reattachments[0].phase, ReattachmentPhase::Unknown);
    }

    #[test]
    fn an_absent_field_stays_absent_when_written() {
        let spec = object(json!({ "targets": { "exclude": {} } })).spec;
        assert_eq!(serde_json::to_value(spec.targets).unwrap(), json!({ "exclude": {} }));
        let entry = json!({ "networkInterfaceId": "eni-bp1", "instanceId": "i-bp1" });
        let reattach: Reattach = serde_json::from_value(entry.clone()).unwrap();
        assert_eq!(serde_json::to_value(reattach).unwrap(), entry);
        assert_eq!(serde_json::to_value(EniRetentionStatus::default()).unwrap(), json!({}));
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

        let status = EniRetentionStatus {
            observed_generation: Some(1),
            retention_state: Some(RetentionState::RetainedWhereApplicable),
            retained_eni_ids: vec!["eni-bp1".to_owned()],
            available_eni_ids: vec!["eni-bp1".to_owned()],
            network_interfaces: vec![row()],
            reattachments: vec![ReattachmentStatus {
                network_interface_id: "eni-bp1".to_owned(),
                instance_id: Some("i-bp1".to_owned()),
                node_name: Some("node-1".to_owned()),
                phase: ReattachmentPhase::Waiting,
                reason: "Because".to_owned(),
                message: "Sentence".to_owned(),
                since: Time("2026-01-01T00:00:00Z".parse().unwrap()),
            }],
            ..EniRetentionStatus::default()
        };
        assert_eq!(
            serde_json::to_value(status).unwrap(),
            json!({
                "observedGeneration": 1,
                "retentionState": "RetainedWhereApplicable",
                "retainedEniIds": ["eni-bp1"],
                "availableEniIds": ["eni-bp1"],
                "networkInterfaces": [{
                    "networkInterfaceId": "eni-bp1",
                    "type": "Secondary",
                    "phase": "Available",
                    "instanceId": "i-bp1",
                    "lastInstanceId": "i-bp2",
                    "zoneId": "cn-hangzhou-h",
                    "vSwitchId": "vsw-bp1",
                    "vpcId": "vpc-bp1",
                    "privateIps": ["10.0.0.1"],
                    "ipv6Addresses": ["2001:db8::1"],
                    "ipv4Prefixes": ["10.0.1.0/28"],
                    "ipv6Prefixes": ["2001:db8::/80"],
                    "moreAddresses": 2,
                    "eips": [{ "allocationId": "eip-bp1", "publicIp": "192.0.2.1", "privateIp": "10.0.0.1" }],
                    "securityGroupIds": ["sg-bp1"],
                    "risks": [{ "reason": "Terway", "message": "Sentence" }],
                    "since": "2026-01-01T00:00:00Z",
                    "reason": "Survived",
                    "message": "Sentence",
                }],
                "reattachments": [{
                    "networkInterfaceId": "eni-bp1",
                    "instanceId": "i-bp1",
                    "nodeName": "node-1",
                    "phase": "Waiting",
                    "reason": "Because",
                    "message": "Sentence",
                    "since": "2026-01-01T00:00:00Z",
                }],
            })
        );
    }

    /// Ids as long as those that the cloud gives out today, and a sentence as long as ours are.
    #[test]
    fn ordinary_rows_fit_beside_full_lists_of_ids() {
        let id = |kind: &str| format!("{kind}-bp1{}", "0".repeat(17));
        let row = NetworkInterfaceStatus {
            network_interface_id: id("eni"),
            instance_id: None,
            last_instance_id: Some(id("i")),
            v_switch_id: Some(id("vsw")),
            vpc_id: Some(id("vpc")),
            ipv4_prefixes: Vec::new(),
            ipv6_prefixes: Vec::new(),
            more_addresses: None,
            security_group_ids: vec![id("sg"); 2],
            risks: Vec::new(),
            message: "m".repeat(160),
            ..row()
        };
        let mut status = EniRetentionStatus {
            retained_eni_ids: vec![id("eni"); MAX_RETAINED],
            available_eni_ids: vec![id("eni"); MAX_RETAINED],
            network_interfaces: vec![row; MAX_LISTED_INTERFACES],
            ..EniRetentionStatus::default()
        };
        let before = status.clone();
        assert_eq!(status.shorten_to_fit(), 0);
        assert_eq!(status, before);
    }

    /// Markup counts as the API server will write it, `\u003c` for `<`.
    #[test]
    fn a_status_that_is_too_large_loses_its_last_rows_and_no_more_than_needed() {
        let row = |message: &str| NetworkInterfaceStatus { message: message.repeat(MAX_MESSAGE), ..row() };
        for (message, bytes) in [("m", 1), ("é", 2), ("&", 6)] {
            let row = row(message);
            let mut status = EniRetentionStatus {
                retained_eni_ids: vec!["eni-bp1".to_owned(); MAX_RETAINED],
                network_interfaces: vec![row.clone(); 2000],
                ..EniRetentionStatus::default()
            };
            status.network_interfaces[0].reason = "First".to_owned();
            let dropped = status.shorten_to_fit();
            assert_eq!(dropped + status.network_interfaces.len(), 2000);
            assert_eq!(status.network_interfaces[0].reason, "First");
            assert_eq!(status.retained_eni_ids.len(), MAX_RETAINED);

            let written = |value: &Value| {
                serde_json::to_string(value).unwrap().replace('&', r"\u0026").replace("é", "ee").len()
            };
            let size = written(&serde_json::to_value(&status).unwrap());
            let one_more = written(&serde_json::to_value(&row).unwrap()) + 1;
            assert!(one_more > bytes * MAX_MESSAGE);
            assert!(
                size <= MAX_STATUS_BYTES && size + one_more > MAX_STATUS_BYTES,
                "{message}: {size} bytes"
            );
        }
    }
}
