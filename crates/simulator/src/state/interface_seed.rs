//! What a test or a person says of network interfaces: made from nothing, or changed behind the API's back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Eip, InterfaceStatus, InterfaceType, NetworkInterface, TrafficMode};

/// One new network interface, or many alike. Whatever isn't said gets a believable value: a free secondary interface
/// in `cn-hangzhou`, or one in use when an instance is named, and then in the instance's zone, VPC and vSwitch.
///
/// As with instances, seeds aren't checked against the cloud's rules.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InterfaceSeed {
    /// The id. With `count`, or in an instance's seed with `count`, followed by a number. Given by the simulator when
    /// empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_interface_id: Option<String>,
    /// How many; one when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// The instance that it is attached to. In an instance's seed, that instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Kind; secondary when not said. A primary one in an instance's seed takes the place of the one that is made by
    /// itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<InterfaceType>,
    /// State.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<InterfaceStatus>,
    /// Whether it is deleted with its instance; true when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_on_release: Option<bool>,
    /// Whether a product of the cloud has made it for itself.
    pub service_managed: bool,
    /// The trunk interface of a member interface.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trunk_network_interface_id: Option<String>,
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_interface_name: Option<String>,
    /// Free text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_id: Option<String>,
    /// Zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<String>,
    /// Virtual private cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// Its part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v_switch_id: Option<String>,
    /// Resource group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_group_id: Option<String>,
    /// Primary private IPv4 address.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_ip_address: Option<String>,
    /// Secondary private IPv4 addresses.
    pub private_ip_addresses: Vec<String>,
    /// IPv6 addresses.
    pub ipv6_addresses: Vec<String>,
    /// Bandwidth of the IPv6 addresses to the internet in Mbit/s.
    pub ipv6_bandwidth: u32,
    /// IPv4 prefixes.
    pub ipv4_prefixes: Vec<String>,
    /// IPv6 prefixes.
    pub ipv6_prefixes: Vec<String>,
    /// EIPs.
    pub eips: Vec<Eip>,
    /// Destinations of route entries that point to it.
    pub routes: Vec<String>,
    /// Security groups.
    pub security_group_ids: Vec<String>,
    /// Whether packets with foreign addresses are dropped.
    pub source_dest_check: bool,
    /// Queues; those of the instance's type when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queue_number: Option<u32>,
    /// Talks TCP or RDMA.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_interface_traffic_mode: Option<TrafficMode>,
    /// When it was made; now when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<Timestamp>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
}

impl InterfaceSeed {
    /// A free secondary interface in a region.
    pub fn new(region: &str) -> Self {
        Self { region_id: Some(region.to_owned()), ..Self::default() }
    }

    /// An interface of an instance: of one that is there already, or of the one in whose seed this is used.
    pub fn secondary() -> Self {
        Self::default()
    }

    /// The primary interface, in an instance's seed.
    pub fn primary() -> Self {
        Self { r#type: Some(InterfaceType::Primary), ..Self::default() }
    }

    /// An interface that Terway's controller has made for the pods of a cluster, after the tags that Terway's source
    /// gives it.
    pub fn terway(cluster: &str) -> Self {
        Self::default().tag("creator", "terway-controller").tag("ack.aliyun.com", cluster)
    }

    /// An interface of the eRDMA controller, after the tags that Terway's document on living beside it names.
    pub fn erdma() -> Self {
        let seed =
            Self { network_interface_traffic_mode: Some(TrafficMode::HighPerformance), ..Self::default() };
        seed.tag("creator", "alibabacloud-erdma-controller").tag("terway.alibabacloud.com/excluded", "true")
    }

    /// With this id, or this beginning of ids.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.network_interface_id = Some(id.to_owned());
        self
    }

    /// Attached to this instance.
    #[must_use]
    pub fn on(mut self, instance: &str) -> Self {
        self.instance_id = Some(instance.to_owned());
        self
    }

    /// As many as this.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    /// Of this kind.
    #[must_use]
    pub fn kind(mut self, kind: InterfaceType) -> Self {
        self.r#type = Some(kind);
        self
    }

    /// Deleted with its instance, or not.
    #[must_use]
    pub fn delete_on_release(mut self, delete: bool) -> Self {
        self.delete_on_release = Some(delete);
        self
    }

    /// Made by a product of the cloud for itself.
    #[must_use]
    pub fn service_managed(mut self) -> Self {
        self.service_managed = true;
        self
    }

    /// With one more tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// With an EIP on the primary private address.
    #[must_use]
    pub fn eip(mut self, allocation_id: &str, public_ip_address: &str) -> Self {
        self.eips.push(Eip {
            allocation_id: allocation_id.to_owned(),
            public_ip_address: public_ip_address.to_owned(),
            private_ip_address: None,
        });
        self
    }

    /// With one more route entry that points to it.
    #[must_use]
    pub fn route(mut self, destination: &str) -> Self {
        self.routes.push(destination.to_owned());
        self
    }

    /// The seed of the interface with this number among many.
    pub(crate) fn numbered(&self, number: u32) -> Self {
        let id = self.network_interface_id.as_ref().map(|id| format!("{id}{number:06}"));
        Self { network_interface_id: id, ..self.clone() }
    }
}

/// A change "in the console": whatever is said is set, without asking the API's rules.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct InterfaceChange {
    /// Whether it is deleted with its instance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delete_on_release: Option<bool>,
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_interface_name: Option<String>,
    /// State.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<InterfaceStatus>,
    /// Kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub r#type: Option<InterfaceType>,
    /// Whether it belongs to a product of the cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_managed: Option<bool>,
    /// All secondary private IPv4 addresses, instead of those that are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_ip_addresses: Option<Vec<String>>,
    /// All IPv6 addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_addresses: Option<Vec<String>>,
    /// All EIPs. One that isn't among them is bound to nothing afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eips: Option<Vec<Eip>>,
    /// All route entries that point to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<Vec<String>>,
    /// All security groups.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_group_ids: Option<Vec<String>>,
    /// A later moment of creation is how a reused id shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<Timestamp>,
    /// Tags to set; `null` removes one.
    pub tags: BTreeMap<String, Option<String>>,
}

impl InterfaceChange {
    /// Sets the flag.
    pub fn delete_on_release(delete: bool) -> Self {
        Self { delete_on_release: Some(delete), ..Self::default() }
    }

    /// Sets or removes one tag.
    pub fn tag(key: &str, value: Option<&str>) -> Self {
        let tags = BTreeMap::from([(key.to_owned(), value.map(str::to_owned))]);
        Self { tags, ..Self::default() }
    }

    pub(crate) fn apply(&self, interface: &mut NetworkInterface) {
        set(&mut interface.delete_on_release, self.delete_on_release.as_ref());
        set(&mut interface.network_interface_name, self.network_interface_name.as_ref());
        set(&mut interface.status, self.status.as_ref());
        set(&mut interface.r#type, self.r#type.as_ref());
        set(&mut interface.service_managed, self.service_managed.as_ref());
        set(&mut interface.private_ip_addresses, self.private_ip_addresses.as_ref());
        set(&mut interface.ipv6_addresses, self.ipv6_addresses.as_ref());
        set(&mut interface.routes, self.routes.as_ref());
        set(&mut interface.security_group_ids, self.security_group_ids.as_ref());
        set(&mut interface.creation_time, self.creation_time.as_ref());
        if let Some(eips) = &self.eips {
            interface.eips = bound(eips, &interface.primary_ip_address);
        }
        for (key, value) in &self.tags {
            match value {
                Some(value) => interface.tags.insert(key.clone(), value.clone()),
                None => interface.tags.remove(key),
            };
        }
    }
}

/// Sets what was said.
pub(super) fn set<T: Clone>(place: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

/// EIPs with the private address that each is bound to.
pub(super) fn bound(eips: &[Eip], primary: &str) -> Vec<Eip> {
    let address = |eip: &Eip| eip.private_ip_address.clone().unwrap_or_else(|| primary.to_owned());
    eips.iter().map(|eip| Eip { private_ip_address: Some(address(eip)), ..eip.clone() }).collect()
}
