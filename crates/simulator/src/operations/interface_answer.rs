//! A network interface as the operations that show one write it: every list wrapped twice, empty objects and texts
//! instead of nulls, `Tags` missing when there are none.

use serde_json::{Map, Value, json};

use crate::clock::to_the_second;
use crate::state::NetworkInterface;

/// Account of the product of the cloud that service-managed interfaces belong to. Invented.
const SERVICE: u64 = 1_000_000_000_009;

/// The four sets of addresses and prefixes. Instances' lists show them without EIPs.
pub(super) fn addresses(interface: &NetworkInterface, eips: bool) -> Map<String, Value> {
    let private: Vec<Value> = std::iter::once((&interface.primary_ip_address, true))
        .chain(interface.private_ip_addresses.iter().map(|address| (address, false)))
        .map(|(address, primary)| {
            let mut shown = json!({ "PrivateIpAddress": address, "Primary": primary });
            if let (Value::Object(members), true) = (&mut shown, eips) {
                members.insert("AssociatedPublicIp".to_owned(), public_ip(interface, address));
            }
            shown
        })
        .collect();
    let each = |values: &[String], name: &str| -> Vec<Value> {
        values.iter().map(|value| json!({ name: value })).collect()
    };
    Map::from_iter([
        ("PrivateIpSets".to_owned(), json!({ "PrivateIpSet": private })),
        ("Ipv6Sets".to_owned(), json!({ "Ipv6Set": each(&interface.ipv6_addresses, "Ipv6Address") })),
        (
            "Ipv4PrefixSets".to_owned(),
            json!({ "Ipv4PrefixSet": each(&interface.ipv4_prefixes, "Ipv4Prefix") }),
        ),
        (
            "Ipv6PrefixSets".to_owned(),
            json!({ "Ipv6PrefixSet": each(&interface.ipv6_prefixes, "Ipv6Prefix") }),
        ),
    ])
}

fn public_ip(interface: &NetworkInterface, address: &str) -> Value {
    interface.eip_of(address).map_or_else(
        || json!({}),
        |eip| json!({ "PublicIpAddress": eip.public_ip_address, "AllocationId": eip.allocation_id }),
    )
}

/// What CreateNetworkInterface answers, and all others too.
pub(super) fn new(interface: &NetworkInterface, owner: &str) -> Map<String, Value> {
    let mut shown = addresses(interface, true);
    shown.extend([
        ("NetworkInterfaceId".to_owned(), json!(interface.network_interface_id)),
        ("NetworkInterfaceName".to_owned(), json!(interface.network_interface_name)),
        ("Description".to_owned(), json!(interface.description)),
        ("MacAddress".to_owned(), json!(interface.mac_address)),
        ("Type".to_owned(), json!(interface.r#type)),
        ("Status".to_owned(), json!(interface.status)),
        ("OwnerId".to_owned(), json!(owner)),
        ("VpcId".to_owned(), json!(interface.vpc_id)),
        ("VSwitchId".to_owned(), json!(interface.v_switch_id)),
        ("ZoneId".to_owned(), json!(interface.zone_id)),
        ("ResourceGroupId".to_owned(), json!(interface.resource_group_id)),
        ("SecurityGroupIds".to_owned(), json!({ "SecurityGroupId": interface.security_group_ids })),
        ("PrivateIpAddress".to_owned(), json!(interface.primary_ip_address)),
        ("ServiceManaged".to_owned(), json!(interface.service_managed)),
        ("SourceDestCheck".to_owned(), json!(interface.source_dest_check)),
    ]);
    if !interface.tags.is_empty() {
        let tags: Vec<Value> =
            interface.tags.iter().map(|(key, value)| json!({ "TagKey": key, "TagValue": value })).collect();
        shown.insert("Tags".to_owned(), json!({ "Tag": tags }));
    }
    shown
}

/// What the operations that describe interfaces show.
pub(super) fn whole(interface: &NetworkInterface, owner: &str) -> Map<String, Value> {
    // Whose instance a product of the cloud uses its interface for isn't shown, as documented.
    let instance =
        interface.instance_id.as_deref().filter(|_| !interface.service_managed).unwrap_or_default();
    let attachment = if instance.is_empty() {
        json!({})
    } else {
        json!({
            "InstanceId": instance,
            "DeviceIndex": 0,
            "NetworkCardIndex": 0,
            "TrunkNetworkInterfaceId": interface.trunk_network_interface_id.as_deref().unwrap_or_default(),
        })
    };
    let mut shown = new(interface, owner);
    shown.extend([
        ("InstanceId".to_owned(), json!(instance)),
        ("Attachment".to_owned(), attachment),
        ("DeleteOnRelease".to_owned(), json!(interface.delete_on_release)),
        ("AssociatedPublicIp".to_owned(), public_ip(interface, &interface.primary_ip_address)),
        ("QueueNumber".to_owned(), json!(interface.queue_number)),
        ("NetworkInterfaceTrafficMode".to_owned(), json!(interface.network_interface_traffic_mode)),
        ("CreationTime".to_owned(), json!(to_the_second(interface.creation_time))),
    ]);
    if interface.service_managed {
        shown.insert("ServiceID".to_owned(), json!(SERVICE));
    }
    shown
}
