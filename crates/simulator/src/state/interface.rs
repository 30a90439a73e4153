//! One elastic network interface (ENI), as the simulated cloud knows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fleet::{Item, Mark};
use super::words::vendor_words;

/// How an asynchronous operation ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    #[default]
    Success,
    /// Accepted, and then it failed.
    Failure,
}

vendor_words! {
    /// The kind of a network interface.
    InterfaceType {
        /// The interface that an instance is born with.
        Primary = "Primary",
        /// Any other.
        Secondary = "Secondary",
        /// Carries member interfaces.
        Trunk = "Trunk",
        /// Carried by a trunk interface.
        Member = "Member",
    }
}

vendor_words! {
    /// The state of a network interface.
    InterfaceStatus {
        /// Free.
        Available = "Available",
        /// On its way to an instance.
        Attaching = "Attaching",
        /// Attached.
        InUse = "InUse",
        /// On its way from an instance.
        Detaching = "Detaching",
        /// On its way out of the world.
        Deleting = "Deleting",
    }
}

vendor_words! {
    /// How a network interface talks.
    TrafficMode {
        /// TCP.
        Standard = "Standard",
        /// RDMA.
        HighPerformance = "HighPerformance",
    }
}

/// An elastic IP address (EIP), bound to a private address of an interface or to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Eip {
    /// `eip-…`
    pub allocation_id: String,
    /// The public address.
    pub public_ip_address: String,
    /// The private address that it is bound to. In a seed, none stands for the interface's primary one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub private_ip_address: Option<String>,
}

impl Eip {
    /// The same address, bound to nothing.
    pub(super) fn unbound(&self) -> Self {
        Self { private_ip_address: None, ..self.clone() }
    }
}

/// The queues of a network interface that was made without a word on them: those of `ecs.g7.large`.
pub(crate) const DEFAULT_QUEUES: u32 = 2;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterface {
    /// `eni-…`
    pub network_interface_id: String,
    /// Display name.
    pub network_interface_name: String,
    /// Free text.
    pub description: String,
    /// Region.
    pub region_id: String,
    /// Zone.
    pub zone_id: String,
    /// Virtual private cloud.
    pub vpc_id: String,
    /// Its part of it.
    pub v_switch_id: String,
    /// Resource group; empty for the default one.
    pub resource_group_id: String,
    /// Kind.
    pub r#type: InterfaceType,
    /// State.
    pub status: InterfaceStatus,
    /// The instance that it is attached to, or on its way to or from.
    pub instance_id: Option<String>,
    /// The instance that it was attached to before it became free the last time.
    pub last_instance_id: Option<String>,
    /// The trunk interface of a member interface.
    pub trunk_network_interface_id: Option<String>,
    /// Whether it is deleted with its instance.
    pub delete_on_release: bool,
    /// Whether a product of the cloud has made it for itself.
    pub service_managed: bool,
    /// MAC address.
    pub mac_address: String,
    /// Primary private IPv4 address.
    pub primary_ip_address: String,
    /// Secondary private IPv4 addresses.
    pub private_ip_addresses: Vec<String>,
    /// IPv6 addresses.
    pub ipv6_addresses: Vec<String>,
    /// Bandwidth of the IPv6 addresses to the internet in Mbit/s, which no operation of ECS shows.
    pub ipv6_bandwidth: u32,
    /// IPv4 prefixes.
    pub ipv4_prefixes: Vec<String>,
    /// IPv6 prefixes.
    pub ipv6_prefixes: Vec<String>,
    /// EIPs that are bound to its private addresses.
    pub eips: Vec<Eip>,
    /// Destinations of the VPC's route entries that point to it, which no operation of ECS shows.
    pub routes: Vec<String>,
    /// Security groups.
    pub security_group_ids: Vec<String>,
    /// Whether packets with foreign addresses are dropped.
    pub source_dest_check: bool,
    /// Queues.
    pub queue_number: u32,
    /// Talks TCP or RDMA.
    pub network_interface_traffic_mode: TrafficMode,
    /// When it was made.
    pub creation_time: Timestamp,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// When the state that it passes through ends.
    #[serde(skip)]
    pub(crate) settles: Option<Timestamp>,
}

impl NetworkInterface {
    /// The EIP of a private address.
    pub fn eip_of(&self, private_ip_address: &str) -> Option<&Eip> {
        self.eips.iter().find(|eip| eip.private_ip_address.as_deref() == Some(private_ip_address))
    }

    /// Whether the instance has it at the moment.
    pub(crate) fn is_on(&self, instance: &str) -> bool {
        self.instance_id.as_deref() == Some(instance)
            && matches!(self.status, InterfaceStatus::InUse | InterfaceStatus::Detaching)
    }

    /// Becomes free, with everything that it carries. That a retained primary interface becomes a secondary one is
    /// documented on the vendor's page on the retention of network interfaces.
    pub(crate) fn set_free(&mut self) {
        self.last_instance_id = self.instance_id.take();
        self.status = InterfaceStatus::Available;
        self.settles = None;
        if self.r#type == InterfaceType::Primary {
            self.r#type = InterfaceType::Secondary;
        }
    }

    pub(crate) fn used_by(&mut self, instance: &str) {
        self.instance_id = Some(instance.to_owned());
        self.status = InterfaceStatus::InUse;
        self.settles = None;
    }
}

impl Item for NetworkInterface {
    fn id(&self) -> &str {
        &self.network_interface_id
    }

    fn region(&self) -> &str {
        &self.region_id
    }

    fn marks(&self) -> Vec<Mark> {
        Mark::tags(&self.tags).chain(self.instance_id.clone().map(Mark::Instance)).collect()
    }
}
