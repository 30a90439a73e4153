//! The answer of DescribeInstances, in the shape that the vendor's published samples have: every list wrapped twice,
//! empty texts instead of nulls, `Tags` missing when there are none.

use std::sync::Arc;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::clock::to_the_minute;
use crate::faults::OddField;
use crate::state::{Instance, NEVER_EXPIRES, NetworkInterface, Status};

/// One page of instances.
#[derive(Debug)]
pub(crate) struct Page {
    pub(super) items: Vec<Arc<Instance>>,
    pub(super) next_token: String,
    /// Zero when paged by token: it then has no meaning.
    pub(super) total: usize,
    pub(super) number: usize,
    pub(super) size: usize,
}

impl Page {
    /// The page of somebody who may see nothing.
    pub(crate) fn empty() -> Self {
        Self { items: Vec::new(), next_token: String::new(), total: 0, number: 0, size: 0 }
    }

    pub(crate) fn render(&self, request_id: &str, odd: &[OddField]) -> serde_json::Result<Vec<u8>> {
        let answer = Answer {
            request_id,
            next_token: &self.next_token,
            total_count: self.total,
            page_number: self.number,
            page_size: self.size,
            instances: Instances {
                instance: self.items.iter().map(|instance| Item::new(instance)).collect(),
            },
        };
        if odd.is_empty() {
            return serde_json::to_vec(&answer);
        }
        let mut answer = serde_json::to_value(answer)?;
        if let Some(items) = answer.pointer_mut("/Instances/Instance").and_then(Value::as_array_mut) {
            for item in items {
                let id = item.get("InstanceId").and_then(Value::as_str).map(str::to_owned);
                for field in odd.iter().filter(|odd| odd.instance_id.is_none() || odd.instance_id == id) {
                    distort(item, &field.path, field.value.as_ref());
                }
            }
        }
        serde_json::to_vec(&answer)
    }
}

/// Gives a member another value, or takes it away. A member that isn't there appears; one whose parent isn't there
/// doesn't.
fn distort(item: &mut Value, path: &str, value: Option<&Value>) {
    let (parent, name) = match path.rsplit_once('.') {
        Some((parent, name)) => (item.pointer_mut(&format!("/{}", parent.replace('.', "/"))), name),
        None => (Some(item), path),
    };
    if let Some(Value::Object(members)) = parent {
        match value {
            Some(value) => {
                members.insert(name.to_owned(), value.clone());
            }
            None => {
                members.remove(name);
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
    network_interfaces: Interfaces<'a>,
    vpc_attributes: VpcAttributes<'a>,
    public_ip_address: Addresses<'a>,
    inner_ip_address: Addresses<'a>,
    rdma_ip_address: Addresses<'a>,
    eip_address: Blanks,
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
struct Interfaces<'a> {
    network_interface: Vec<Interface<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Interface<'a> {
    network_interface_id: &'a str,
    r#type: &'static str,
    mac_address: &'a str,
    primary_ip_address: &'a str,
    private_ip_sets: PrivateIpSets<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PrivateIpSets<'a> {
    private_ip_set: [PrivateIp<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PrivateIp<'a> {
    private_ip_address: &'a str,
    primary: bool,
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

const EIP_ADDRESS: Blanks = Blanks(&["AllocationId", "IpAddress", "InternetChargeType"]);
const DEDICATED_HOST: Blanks = Blanks(&["DedicatedHostId", "DedicatedHostName", "DedicatedHostClusterId"]);
const DEDICATED_INSTANCE: Blanks = Blanks(&["Affinity", "Tenancy"]);
const CAPACITY_RESERVATION: Blanks = Blanks(&["CapacityReservationId", "CapacityReservationPreference"]);
const METADATA_OPTIONS: Blanks = Blanks(&["HttpEndpoint", "HttpTokens"]);

impl<'a> Item<'a> {
    fn new(instance: &'a Instance) -> Self {
        let tags = instance.tags.iter().map(|(key, value)| Tag { tag_key: key, tag_value: value });
        let addresses = instance.network_interfaces.iter().filter(|interface| interface.primary);
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
            spot_price_limit: 0.0,
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
                network_interface: instance.network_interfaces.iter().map(Interface::new).collect(),
            },
            vpc_attributes: VpcAttributes {
                vpc_id: &instance.vpc_id,
                v_switch_id: &instance.v_switch_id,
                nat_ip_address: EMPTY,
                private_ip_address: Addresses {
                    ip_address: addresses.map(|interface| interface.primary_ip_address.as_str()).collect(),
                },
            },
            public_ip_address: Addresses::default(),
            inner_ip_address: Addresses::default(),
            rdma_ip_address: Addresses::default(),
            eip_address: EIP_ADDRESS,
            dedicated_host_attribute: DEDICATED_HOST,
            dedicated_instance_attribute: DEDICATED_INSTANCE,
            ecs_capacity_reservation_attr: CAPACITY_RESERVATION,
            metadata_options: METADATA_OPTIONS,
        }
    }
}

impl<'a> Interface<'a> {
    fn new(interface: &'a NetworkInterface) -> Self {
        Self {
            network_interface_id: &interface.network_interface_id,
            r#type: if interface.primary { "Primary" } else { "Secondary" },
            mac_address: &interface.mac_address,
            primary_ip_address: &interface.primary_ip_address,
            private_ip_sets: PrivateIpSets {
                private_ip_set: [PrivateIp {
                    private_ip_address: &interface.primary_ip_address,
                    primary: true,
                }],
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_can_be_removed_nulled_and_retyped() {
        let item = json!({ "A": true, "Tags": { "Tag": [1] } });
        let distorted = |path: &str, value: Option<Value>| {
            let mut item = item.clone();
            distort(&mut item, path, value.as_ref());
            item
        };
        assert_eq!(distorted("A", None), json!({ "Tags": { "Tag": [1] } }));
        assert_eq!(distorted("A", Some(Value::Null)), json!({ "A": null, "Tags": { "Tag": [1] } }));
        assert_eq!(distorted("Tags.Tag", Some(json!("x"))), json!({ "A": true, "Tags": { "Tag": "x" } }));
        assert_eq!(distorted("B.C", Some(json!(1))), item);
    }
}
