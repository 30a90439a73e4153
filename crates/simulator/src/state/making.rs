//! Instances and network interfaces come into the world.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio::time::Instant;

use super::interface_seed::bound;
use super::{
    ChargeType, DEFAULT_QUEUES, Due, Effect, Instance, InterfaceSeed, InterfaceStatus, InterfaceType,
    NetworkInterface, Seed, SpotStrategy, Status, TrafficMode, VSwitch, World,
};
use crate::clock::start_of_minute;
use crate::regions;

impl World {
    /// Makes instances from a seed and answers their ids. An id that exists already is replaced.
    pub(crate) fn seed(&mut self, account: &str, seed: &Seed) -> Vec<String> {
        let Some(count) = seed.count else { return vec![self.seed_one(account, seed)] };
        (1..=count)
            .map(|number| {
                // Equal length keeps the order of numbers and of texts the same.
                let numbered = |text: &Option<String>| text.as_ref().map(|text| format!("{text}{number:06}"));
                self.seed_one(
                    account,
                    &Seed {
                        instance_id: numbered(&seed.instance_id),
                        instance_name: numbered(&seed.instance_name),
                        network_interfaces: seed
                            .network_interfaces
                            .iter()
                            .map(|interface| interface.numbered(number))
                            .collect(),
                        ..seed.clone()
                    },
                )
            })
            .collect()
    }

    /// Makes one instance from a seed, with its network interfaces.
    pub(crate) fn seed_one(&mut self, account: &str, seed: &Seed) -> String {
        let instance = self.instance(seed);
        let mut interfaces = Vec::new();
        for seed in &seed.network_interfaces {
            interfaces.extend(self.interfaces(seed, Some(&instance)));
        }
        if !interfaces.iter().any(|interface| interface.r#type == InterfaceType::Primary) {
            interfaces.insert(0, self.interface(&InterfaceSeed::primary(), Some(&instance)));
        }
        self.insert(account, instance, interfaces, Effect::Immediate)
    }

    /// Makes network interfaces from a seed and answers their ids. An id that exists already is replaced. For an
    /// instance that isn't there, nothing is made.
    pub(crate) fn seed_interfaces(&mut self, account: &str, seed: &InterfaceSeed) -> Vec<String> {
        let instance = match &seed.instance_id {
            None => None,
            Some(id) => match self.find(account, id) {
                Some(instance) => Some(Arc::clone(instance)),
                None => return Vec::new(),
            },
        };
        let made = self.interfaces(seed, instance.as_deref());
        made.into_iter()
            .map(|interface| self.insert_interface(account, interface, Effect::Immediate))
            .collect()
    }

    fn interfaces(&mut self, seed: &InterfaceSeed, instance: Option<&Instance>) -> Vec<NetworkInterface> {
        match seed.count {
            None => vec![self.interface(seed, instance)],
            Some(count) => {
                (1..=count).map(|number| self.interface(&seed.numbered(number), instance)).collect()
            }
        }
    }

    /// Puts an instance with its network interfaces into an account.
    pub(crate) fn insert(
        &mut self,
        account: &str,
        instance: Instance,
        interfaces: Vec<NetworkInterface>,
        effect: Effect,
    ) -> String {
        let id = instance.instance_id.clone();
        if self.find(account, &id).is_some() {
            for former in self.interfaces_of(account, &id) {
                self.remove_interface(account, &former.network_interface_id);
            }
        }
        let sequence = self.next();
        if let Some(due) = instance.auto_release_time {
            self.agenda.insert((due, account.to_owned(), id.clone(), Due::AutoRelease));
        }
        let state = self.accounts.entry(account.to_owned()).or_default();
        state.learn(
            &instance.v_switch_id,
            VSwitch::new(&instance.region_id, &instance.zone_id, &instance.vpc_id),
        );
        state.instances.remove(&id);
        state.instances.insert(sequence, instance, effect, Instant::now());
        for interface in interfaces {
            self.insert_interface(account, interface, effect);
        }
        id
    }

    /// Puts a network interface into an account.
    pub(crate) fn insert_interface(
        &mut self,
        account: &str,
        interface: NetworkInterface,
        effect: Effect,
    ) -> String {
        let id = interface.network_interface_id.clone();
        let sequence = self.next();
        let state = self.accounts.entry(account.to_owned()).or_default();
        state.learn(
            &interface.v_switch_id,
            VSwitch::new(&interface.region_id, &interface.zone_id, &interface.vpc_id),
        );
        state.interfaces.remove(&id);
        state.interfaces.insert(sequence, interface, effect, Instant::now());
        id
    }

    /// A believable instance from what was said of it.
    pub(crate) fn instance(&mut self, seed: &Seed) -> Instance {
        let number = self.next();
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
        let creation_time = seed.creation_time.unwrap_or_else(|| self.now());
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
    pub(crate) fn interface(
        &mut self,
        seed: &InterfaceSeed,
        instance: Option<&Instance>,
    ) -> NetworkInterface {
        let number = self.next();
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
            network_interface_traffic_mode: seed
                .network_interface_traffic_mode
                .unwrap_or(TrafficMode::Standard),
            creation_time: seed.creation_time.unwrap_or_else(|| self.now()),
            tags: seed.tags.clone(),
            settles: None,
        }
    }
}

impl World {
    /// An address that nothing else has.
    pub(crate) fn ipv4(&mut self) -> String {
        ipv4(self.next())
    }

    /// An address that nothing else has.
    pub(crate) fn ipv6(&mut self) -> String {
        let number = self.next();
        format!("2001:db8:{:x}:{:x}::1", number >> 16, number & 0xFFFF)
    }
}

fn ipv4(number: u64) -> String {
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
