//! Believable instances and network interfaces, from what was said of them.

use jiff::{SignedDuration, Timestamp};

use super::interface_seed::bound;
use super::{
    ChargeType, DEFAULT_QUEUES, Instance, InterfaceSeed, InterfaceStatus, InterfaceType, NetworkInterface,
    Seed, SpotStrategy, Status, TrafficMode,
};
use crate::clock::start_of_minute;
use crate::regions;

/// A believable instance from what was said of it.
pub(super) fn instance(seed: &Seed, number: u64, now: Timestamp) -> Instance {
    let region = seed.region_id.clone().unwrap_or_else(|| "cn-hangzhou".to_owned());
    let mark = regions::find(&region).map_or("sim", |region| region.mark);
    let id = seed.instance_id.clone().unwrap_or_else(|| format!("i-{mark}{number:017}"));
    let place = Place::new(
        &region,
        seed.zone_id.as_ref(),
        seed.vpc_id.as_ref(),
        seed.v_switch_id.as_ref(),
        &seed.security_group_ids,
    );
    let charge_type = seed.instance_charge_type.unwrap_or(ChargeType::PostPaid);
    let creation_time = seed.creation_time.unwrap_or(now);
    Instance {
        instance_name: seed.instance_name.clone().unwrap_or_else(|| id.clone()),
        host_name: format!("iZ{}Z", id.trim_start_matches("i-")),
        description: String::new(),
        v_switch_id: place.v_switch_id,
        vpc_id: place.vpc_id,
        security_group_ids: place.security_group_ids,
        instance_id: id,
        region_id: region,
        zone_id: place.zone_id,
        resource_group_id: seed.resource_group_id.clone().unwrap_or_default(),
        instance_type: seed.instance_type.clone().unwrap_or_else(|| "ecs.g7.large".to_owned()),
        image_id: "aliyun_3_x64_20G_alibase_20250629.vhd".to_owned(),
        status: seed.status.unwrap_or(Status::Running),
        instance_charge_type: charge_type,
        spot_strategy: seed.spot_strategy.unwrap_or(SpotStrategy::NoSpot),
        deletion_protection: seed.deletion_protection,
        auto_release_time: seed.auto_release_time.map(start_of_minute),
        expired_time: seed.expired_time.or_else(|| {
            let month = SignedDuration::from_hours(24 * 30);
            (charge_type == ChargeType::PrePaid).then(|| creation_time.checked_add(month).ok()).flatten()
        }),
        creation_time,
        locks: seed.locks.clone(),
        tags: seed.tags.clone(),
        credit_specification: String::new(),
        spot_price_limit: 0.0,
        recyclable: false,
    }
}

/// A believable network interface from what was said of it, of an instance or free.
pub(super) fn interface(
    seed: &InterfaceSeed,
    instance: Option<&Instance>,
    number: u64,
    now: Timestamp,
) -> NetworkInterface {
    let [.., b, c, d] = number.to_be_bytes();
    let region = instance.map(|instance| instance.region_id.clone());
    let region = region.or_else(|| seed.region_id.clone()).unwrap_or_else(|| "cn-hangzhou".to_owned());
    let mark = regions::find(&region).map_or("sim", |region| region.mark);
    let groups = match instance {
        Some(instance) if seed.security_group_ids.is_empty() => &instance.security_group_ids,
        _ => &seed.security_group_ids,
    };
    let place = Place::new(
        &region,
        seed.zone_id.as_ref().or(instance.map(|instance| &instance.zone_id)),
        seed.vpc_id.as_ref().or(instance.map(|instance| &instance.vpc_id)),
        seed.v_switch_id.as_ref().or(instance.map(|instance| &instance.v_switch_id)),
        groups,
    );
    let primary_ip_address = seed.primary_ip_address.clone().unwrap_or_else(|| ipv4(number));
    let settled = if instance.is_some() { InterfaceStatus::InUse } else { InterfaceStatus::Available };
    NetworkInterface {
        network_interface_id: seed
            .network_interface_id
            .clone()
            .unwrap_or_else(|| format!("eni-{mark}{number:017}")),
        network_interface_name: seed.network_interface_name.clone().unwrap_or_default(),
        description: seed.description.clone().unwrap_or_default(),
        region_id: region,
        zone_id: place.zone_id,
        vpc_id: place.vpc_id,
        v_switch_id: place.v_switch_id,
        resource_group_id: seed.resource_group_id.clone().unwrap_or_default(),
        r#type: seed.r#type.unwrap_or(InterfaceType::Secondary),
        status: seed.status.unwrap_or(settled),
        instance_id: instance.map(|instance| instance.instance_id.clone()),
        last_instance_id: None,
        trunk_network_interface_id: seed.trunk_network_interface_id.clone(),
        delete_on_release: seed.delete_on_release.unwrap_or(true),
        service_managed: seed.service_managed,
        mac_address: format!("00:16:3e:{b:02x}:{c:02x}:{d:02x}"),
        eips: bound(&seed.eips, &primary_ip_address),
        primary_ip_address,
        private_ip_addresses: seed.private_ip_addresses.clone(),
        ipv6_addresses: seed.ipv6_addresses.clone(),
        ipv6_bandwidth: seed.ipv6_bandwidth,
        ipv4_prefixes: seed.ipv4_prefixes.clone(),
        ipv6_prefixes: seed.ipv6_prefixes.clone(),
        routes: seed.routes.clone(),
        security_group_ids: place.security_group_ids,
        source_dest_check: seed.source_dest_check,
        queue_number: seed.queue_number.unwrap_or(DEFAULT_QUEUES),
        network_interface_traffic_mode: seed.network_interface_traffic_mode.unwrap_or(TrafficMode::Standard),
        creation_time: seed.creation_time.unwrap_or(now),
        tags: seed.tags.clone(),
        settles: None,
    }
}

pub(super) fn ipv4(number: u64) -> String {
    let [.., b, c, d] = number.to_be_bytes();
    format!("10.{b}.{c}.{d}")
}

/// Where something is in the network.
struct Place {
    zone_id: String,
    vpc_id: String,
    v_switch_id: String,
    security_group_ids: Vec<String>,
}

impl Place {
    /// What isn't said is the region's one believable VPC, with a vSwitch in each zone.
    fn new(
        region: &str,
        zone: Option<&String>,
        vpc: Option<&String>,
        v_switch: Option<&String>,
        groups: &[String],
    ) -> Self {
        let mark = regions::find(region).map_or("sim", |region| region.mark);
        let zone_id = zone.cloned().unwrap_or_else(|| format!("{region}-h"));
        let letter = zone_id.rsplit('-').next().unwrap_or_default();
        Self {
            v_switch_id: v_switch.cloned().unwrap_or_else(|| format!("vsw-{mark}simulated00000000{letter}")),
            vpc_id: vpc.cloned().unwrap_or_else(|| format!("vpc-{mark}simulated000000001")),
            security_group_ids: if groups.is_empty() {
                vec![format!("sg-{mark}simulated000000001")]
            } else {
                groups.to_vec()
            },
            zone_id,
        }
    }
}
