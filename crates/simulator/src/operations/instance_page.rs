//! The answer of DescribeInstances, in the shape that the vendor's published samples have: every list wrapped twice,
//! empty texts instead of nulls, `Tags` missing when there are none.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::interface_answer::addresses;
use super::odd::{distort, text};
use super::page::Page;
use crate::clock::to_the_minute;
use crate::faults::OddField;
use crate::state::{Instance, InterfaceType, NEVER_EXPIRES, NetworkInterface, Status};

/// One page of instances, with their network interfaces.
#[derive(Debug)]
pub(crate) struct InstancePage {
    page: Page<Instance>,
    interfaces: HashMap<String, Vec<Arc<NetworkInterface>>>,
}

impl InstancePage {
    pub(super) fn new(page: Page<Instance>, interfaces: HashMap<String, Vec<Arc<NetworkInterface>>>) -> Self {
        Self { page, interfaces }
    }

    /// The page of somebody who may see nothing.
    pub(crate) fn empty() -> Self {
        Self::new(Page::empty(), HashMap::new())
    }

    pub(crate) fn render(&self, request_id: &str, odd: &[OddField]) -> serde_json::Result<Vec<u8>> {
        let answer = Answer {
            request_id,
            next_token: &self.page.next_token,
            total_count: self.page.total,
            page_number: self.page.number,
            page_size: self.page.size,
            instances: Instances {
                instance: self
                    .page
                    .items
                    .iter()
                    .map(|instance| {
                        let interfaces = self.interfaces.get(&instance.instance_id);
                        Item::new(instance, interfaces.map_or(&[], Vec::as_slice))
                    })
                    .collect(),
            },
        };
        if odd.is_empty() {
            return serde_json::to_vec(&answer);
        }
        let mut answer = serde_json::to_value(answer)?;
        if let Some(items) = answer.pointer_mut("/Instances/Instance").and_then(Value::as_array_mut) {
            for item in items {
                distort_instance(item, odd);
            }
        }
        serde_json::to_vec(&answer)
    }
}

/// A rule that names an interface means the interface in the instance's list, and its path starts there.
fn distort_instance(item: &mut Value, odd: &[OddField]) {
    let id = text(item, "InstanceId");
    for field in odd.iter().filter(|odd| odd.target.is_instance(&id)) {
        if field.target.network_interface_id.is_none() {
            distort(item, field);
            continue;
        }
        let list = item.pointer_mut("/NetworkInterfaces/NetworkInterface").and_then(Value::as_array_mut);
        for interface in list.into_iter().flatten() {
            if field.target.is_interface(&text(interface, "NetworkInterfaceId")) {
                distort(interface, field);
            }
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    request_id: &'a str,
    next_token: &'a str,
    total_count: usize,
    page_number: usize,
    page_size: usize,
    instances: Instances<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Instances<'a> {
    instance: Vec<Item<'a>>,
}

/// Members of which this simulator knows only the empty value.
const EMPTY: &str = "";

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_excessive_bools, reason = "the vendor's answer has them")]
struct Item<'a> {
    instance_id: &'a str,
    instance_name: &'a str,
    host_name: &'a str,
    description: &'a str,
    region_id: &'a str,
    zone_id: &'a str,
    resource_group_id: &'a str,
    cluster_id: &'static str,
    instance_type: &'a str,
    instance_type_family: &'a str,
    cpu: u32,
    memory: u32,
    #[serde(rename = "GPUAmount")]
    gpu_amount: u32,
    #[serde(rename = "GPUSpec")]
    gpu_spec: &'static str,
    image_id: &'a str,
    #[serde(rename = "OSName")]
    os_name: &'static str,
    #[serde(rename = "OSNameEn")]
    os_name_en: &'static str,
    #[serde(rename = "OSType")]
    os_type: &'static str,
    status: &'static str,
    stopped_mode: &'static str,
    instance_charge_type: &'static str,
    spot_strategy: &'static str,
    spot_price_limit: f64,
    spot_duration: u32,
    sale_cycle: &'static str,
    deletion_protection: bool,
    auto_release_time: String,
    expired_time: String,
    creation_time: String,
    start_time: String,
    serial_number: String,
    instance_network_type: &'static str,
    internet_charge_type: &'static str,
    internet_max_bandwidth_in: i32,
    internet_max_bandwidth_out: i32,
    key_pair_name: &'static str,
    vlan_id: &'static str,
    hpc_cluster_id: &'static str,
    deployment_set_id: &'static str,
    credit_specification: &'a str,
    device_available: bool,
    io_optimized: bool,
    recyclable: bool,
    #[serde(rename = "ISP")]
    isp: &'static str,
    local_storage_amount: u32,
    local_storage_capacity: u32,
    operation_locks: OperationLocks,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<Tags<'a>>,
    security_group_ids: SecurityGroupIds<'a>,
    network_interfaces: Interfaces,
    vpc_attributes: VpcAttributes<'a>,
    public_ip_address: Addresses<'a>,
    inner_ip_address: Addresses<'a>,
    rdma_ip_address: Addresses<'a>,
    eip_address: EipAddress<'a>,
    dedicated_host_attribute: Blanks,
    dedicated_instance_attribute: Blanks,
    ecs_capacity_reservation_attr: Blanks,
    metadata_options: Blanks,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OperationLocks {
    lock_reason: Vec<Lock>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Lock {
    lock_reason: &'static str,
    lock_msg: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tags<'a> {
    tag: Vec<Tag<'a>>,
}

/// Answers say `TagKey` where requests say `Key`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag<'a> {
    tag_key: &'a str,
    tag_value: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SecurityGroupIds<'a> {
    security_group_id: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Interfaces {
    network_interface: Vec<Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct EipAddress<'a> {
    allocation_id: &'a str,
    ip_address: &'a str,
    internet_charge_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct VpcAttributes<'a> {
    vpc_id: &'a str,
    v_switch_id: &'a str,
    nat_ip_address: &'static str,
    private_ip_address: Addresses<'a>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Addresses<'a> {
    ip_address: Vec<&'a str>,
}

/// An object of which this simulator knows only empty members.
struct Blanks(&'static [&'static str]);

impl Serialize for Blanks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|name| (name, EMPTY)))
    }
}

const DEDICATED_HOST: Blanks = Blanks(&["DedicatedHostId", "DedicatedHostName", "DedicatedHostClusterId"]);
const DEDICATED_INSTANCE: Blanks = Blanks(&["Affinity", "Tenancy"]);
const CAPACITY_RESERVATION: Blanks = Blanks(&["CapacityReservationId", "CapacityReservationPreference"]);
const METADATA_OPTIONS: Blanks = Blanks(&["HttpEndpoint", "HttpTokens"]);

impl<'a> Item<'a> {
    fn new(instance: &'a Instance, interfaces: &'a [Arc<NetworkInterface>]) -> Self {
        let tags = instance.tags.iter().map(|(key, value)| Tag { tag_key: key, tag_value: value });
        let primary = interfaces.iter().find(|interface| interface.r#type == InterfaceType::Primary);
        let address = primary.map(|interface| interface.primary_ip_address.as_str());
        let eip = primary.and_then(|interface| interface.eip_of(&interface.primary_ip_address));
        Self {
            instance_id: &instance.instance_id,
            instance_name: &instance.instance_name,
            host_name: &instance.host_name,
            description: &instance.description,
            region_id: &instance.region_id,
            zone_id: &instance.zone_id,
            resource_group_id: &instance.resource_group_id,
            cluster_id: EMPTY,
            instance_type: &instance.instance_type,
            instance_type_family: instance.instance_type.rsplit_once('.').map_or(EMPTY, |(family, _)| family),
            cpu: 2,
            memory: 8192,
            gpu_amount: 0,
            gpu_spec: EMPTY,
            image_id: &instance.image_id,
            os_name: "Alibaba Cloud Linux 3 64位",
            os_name_en: "Alibaba Cloud Linux 3 64 bit",
            os_type: "linux",
            status: instance.status.as_str(),
            stopped_mode: if instance.status == Status::Stopped { "KeepCharging" } else { "Not-applicable" },
            instance_charge_type: instance.instance_charge_type.as_str(),
            spot_strategy: instance.spot_strategy.as_str(),
            spot_price_limit: instance.spot_price_limit,
            spot_duration: 0,
            sale_cycle: EMPTY,
            deletion_protection: instance.deletion_protection,
            auto_release_time: instance.auto_release_time.map(to_the_minute).unwrap_or_default(),
            expired_time: instance.expired_time.map_or_else(|| NEVER_EXPIRES.to_owned(), to_the_minute),
            creation_time: to_the_minute(instance.creation_time),
            start_time: to_the_minute(instance.creation_time),
            serial_number: instance.instance_id.trim_start_matches("i-").to_owned(),
            instance_network_type: "vpc",
            internet_charge_type: "PayByTraffic",
            internet_max_bandwidth_in: -1,
            internet_max_bandwidth_out: 0,
            key_pair_name: EMPTY,
            vlan_id: EMPTY,
            hpc_cluster_id: EMPTY,
            deployment_set_id: EMPTY,
            credit_specification: &instance.credit_specification,
            device_available: true,
            io_optimized: true,
            recyclable: instance.recyclable,
            isp: EMPTY,
            local_storage_amount: 0,
            local_storage_capacity: 0,
            operation_locks: OperationLocks {
                lock_reason: instance
                    .locks
                    .iter()
                    .map(|reason| Lock { lock_reason: reason.as_str(), lock_msg: EMPTY })
                    .collect(),
            },
            tags: (!instance.tags.is_empty()).then(|| Tags { tag: tags.collect() }),
            security_group_ids: SecurityGroupIds { security_group_id: &instance.security_group_ids },
            network_interfaces: Interfaces {
                network_interface: interfaces.iter().map(|interface| brief(interface)).collect(),
            },
            vpc_attributes: VpcAttributes {
                vpc_id: &instance.vpc_id,
                v_switch_id: &instance.v_switch_id,
                nat_ip_address: EMPTY,
                private_ip_address: Addresses { ip_address: address.into_iter().collect() },
            },
            public_ip_address: Addresses::default(),
            inner_ip_address: Addresses::default(),
            rdma_ip_address: Addresses::default(),
            eip_address: EipAddress {
                allocation_id: eip.map_or(EMPTY, |eip| &eip.allocation_id),
                ip_address: eip.map_or(EMPTY, |eip| &eip.public_ip_address),
                internet_charge_type: EMPTY,
            },
            dedicated_host_attribute: DEDICATED_HOST,
            dedicated_instance_attribute: DEDICATED_INSTANCE,
            ecs_capacity_reservation_attr: CAPACITY_RESERVATION,
            metadata_options: METADATA_OPTIONS,
        }
    }
}

/// What this operation shows of a network interface: neither its state nor its flag.
fn brief(interface: &NetworkInterface) -> Value {
    let mut shown = addresses(interface, false);
    for (name, value) in [
        ("NetworkInterfaceId", interface.network_interface_id.as_str()),
        ("Type", interface.r#type.as_str()),
        ("MacAddress", &interface.mac_address),
        ("PrimaryIpAddress", &interface.primary_ip_address),
    ] {
        shown.insert(name.to_owned(), value.into());
    }
    shown.into()
}
