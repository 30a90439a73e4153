//! The status of `EniRetention`: which network interfaces are retained, and what would be needed to use them again.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use keeper_core::id::Generation;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::selector::{MAX_ENI_ID, MAX_ID, MAX_NODE_NAME};
use super::status::{
    self, ChangeStatus, Counts, MAX_ACTS, MAX_CHANGES, MAX_LISTED_GONE, MAX_MESSAGE, MAX_REASON, MAX_RISKS,
    Risk,
};

/// How many network interfaces one spec may ask to attach.
pub const MAX_REATTACH: usize = 100;

/// How many ids of retained network interfaces a status lists. Those that are free come first; others have their instance
/// to be found by.
pub const MAX_RETAINED: usize = keeper_core::retention::MAX_RETAINED;

/// How many network interfaces a status lists that are free.
pub const MAX_LISTED_SURVIVORS: usize = keeper_core::retention::MAX_SURVIVORS;

/// How many network interfaces a status lists that are on their instance and need attention.
pub const MAX_LISTED_ATTACHED: usize = keeper_core::retention::MAX_ATTACHED;

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

/// State of the network interfaces as the operator last saw it. Only the operator writes it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EniRetentionStatus {
    /// The metadata.generation that this status describes. -1 until the operator has processed the object for the first
    /// time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64", range(min = -1))]
    pub observed_generation: Option<i64>,

    /// `Retained` is the condition to wait for: True when the operator has just seen that every target outlives its
    /// instance. `AtRisk` is True when a target can be lost although it is retained. `Ready`, `Reconciling` and
    /// `Stalled` are for tools: nothing left to do, the operator is working, somebody must act.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "status::conditions")]
    pub conditions: Vec<Condition>,

    /// State of the targets in one word. `Retained`: all are retained. `RetainedWhereApplicable`: all that can be
    /// retained are. `Unretained`: at least one is not retained. `Released`: retention was switched off, as the spec
    /// asks. `NoTargets`: nothing is selected. `Unknown`: the state is not known at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RetentionState")]
    pub retention_state: Option<RetentionState>,

    /// Number of targets in each state. Always exact, even if a list is shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Counts")]
    pub counts: Option<Counts>,

    /// Every network interface that this object has seen retained and that is not proven to be gone, released by this
    /// object's own spec, excluded, or forgotten (`spec.survivors`). Those that outlived their instance come first. Complete up to its limit of 5000;
    /// beyond it, network interfaces on a selected instance are left out first. Being listed does not mean that it is
    /// retained right now: see the condition `Retained` and `counts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_RETAINED), inner(length(min = 1, max = MAX_ENI_ID)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub retained_eni_ids: Vec<String>,

    /// The retained network interfaces that have outlived their instance and are free for reuse. Complete up to its
    /// limit of 5000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_RETAINED), inner(length(min = 1, max = MAX_ENI_ID)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub available_eni_ids: Vec<String>,

    /// Details of up to 500 free network interfaces, those that outlived their instance longest ago first, of the last
    /// 20 that are gone, and of up to 100 attached ones, those that need attention first. Fewer if the object would
    /// become too large. Network interfaces without details are retained, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_LISTED_INTERFACES))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub network_interfaces: Vec<NetworkInterfaceStatus>,

    /// State of the entries in `spec.reattach`, and what became of removed entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_REATTACHMENTS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub reattachments: Vec<ReattachmentStatus>,

    /// What the operator has done once for a generation, as its spec asked, and does not do again for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ACTS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub acts: Vec<RetentionActStatus>,

    /// The last 20 flags that somebody else had switched off, newest first, and who that was. Only if the operator's configuration says
    /// `attribution.show: Status`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_CHANGES))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub changes: Vec<ChangeStatus>,
}

/// Something that was done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetentionActStatus {
    /// `Release`: retention was switched off for the attached network interfaces.
    pub act: RetentionAct,

    /// The metadata.generation that asked for it.
    #[schemars(range(min = 0))]
    pub generation: i64,
}

/// What was done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RetentionAct {
    /// Retention was switched off.
    Release,
    /// A value that this version does not know.
    #[serde(other)]
    #[schemars(skip)]
    Unknown,
}

impl EniRetentionStatus {
    /// Whether it lists this act of this generation.
    pub fn lists(&self, act: RetentionAct, of: Generation) -> bool {
        self.acts.contains(&RetentionActStatus { act, generation: of })
    }

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
    /// Retention was switched off, as asked.
    Released,
    /// Nothing is selected.
    NoTargets,
    /// Not known at present.
    #[serde(other)]
    Unknown,
}

/// State of one network interface, and what you need to know to use it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterfaceStatus {
    /// Id of the network interface.
    #[schemars(length(min = 1, max = MAX_ENI_ID))]
    pub network_interface_id: String,

    /// `Primary`, `Secondary`, `Trunk` or `Member`, as last seen. A primary network interface becomes secondary when it
    /// is free.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "NetworkInterfaceType")]
    pub type_: Option<NetworkInterfaceType>,

    /// `Attached`: on an instance. `Detached`: free, and its instance still exists. `Available`: it has outlived its
    /// instance and is free for reuse. `Attaching`: being attached to an instance. `Reattached`: it has outlived its
    /// instance and is on another one. `Gone`: proven to be deleted. `NotApplicable`: the cloud can't retain it.
    /// `Unknown`: not known at present.
    pub phase: NetworkInterfacePhase,

    /// Id of the instance that it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID))]
    pub instance_id: Option<String>,

    /// Id of the instance that it was on before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID))]
    pub last_instance_id: Option<String>,

    /// Zone of the network interface. It can be attached only to an instance in this zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID))]
    pub zone_id: Option<String>,

    /// vSwitch of the network interface.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID))]
    pub v_switch_id: Option<String>,

    /// VPC of the network interface. It can be attached only to an instance in this VPC.
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

    /// Number of its addresses and prefixes of all families, including elastic IP addresses, that are not listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "i64", range(min = 0))]
    pub more_addresses: Option<u32>,

    /// Elastic IP addresses that are bound to it; at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_ADDRESSES))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub eips: Vec<Eip>,

    /// Security groups of the network interface.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_SECURITY_GROUPS), inner(length(max = MAX_ID)))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub security_group_ids: Vec<String>,

    /// Documented ways in which this network interface can be lost although it is retained.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = MAX_RISKS))]
    #[x_kube(merge_strategy = ListMerge::Atomic)]
    pub risks: Vec<Risk>,

    /// Time at which it entered this phase.
    #[schemars(schema_with = "status::time")]
    pub since: Time,

    /// Reason for this phase in one word, for programs.
    #[schemars(length(min = 1, max = MAX_REASON), regex(pattern = status::WORD))]
    pub reason: String,

    /// Reason for this phase in a sentence, for people.
    #[schemars(length(max = MAX_MESSAGE))]
    pub message: String,
}

/// Type of a network interface.
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
    /// Free, and its instance still exists.
    Detached,
    /// It has outlived its instance and is free for reuse.
    Available,
    /// Being attached to an instance.
    Attaching,
    /// It has outlived its instance and is on another one.
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

/// State of one reattachment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReattachmentStatus {
    /// Id of the network interface.
    #[schemars(length(min = 1, max = MAX_ENI_ID))]
    pub network_interface_id: String,

    /// Id of the instance to attach it to, as soon as that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_ID))]
    pub instance_id: Option<String>,

    /// Name of the Node in the spec.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String", length(max = MAX_NODE_NAME))]
    pub node_name: Option<String>,

    /// `Waiting`: not possible yet, for example because the network interface is still in use. `Requested`: the
    /// operator has asked the cloud to attach it. `Attached`: done and final; if somebody detaches it later, the
    /// operator does not attach it again. `Refused`: not possible at present; the operator attaches it when that
    /// changes, except after `AttachLost` and `AttachedElsewhere`: then remove the entry and add it again. `Obsolete`:
    /// the network interface or the instance is gone. `Unknown`: not known at present.
    pub phase: ReattachmentPhase,

    /// Reason for this phase in one word, for programs.
    #[schemars(length(min = 1, max = MAX_REASON), regex(pattern = status::WORD))]
    pub reason: String,

    /// Reason for this phase in a sentence, for people.
    #[schemars(length(max = MAX_MESSAGE))]
    pub message: String,

    /// Time at which it entered this phase.
    #[schemars(schema_with = "status::time")]
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

    /// One stored object that doesn't decode would stop the list of all objects.
    #[test]
    fn i28_words_of_a_newer_version_decode_to_unknown() {
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
        assert_eq!(serde_json::to_value(EniRetentionStatus::default()).unwrap(), json!({}));
    }

    #[test]
    fn the_names_on_the_wire_are_those_of_the_cloud() {
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
