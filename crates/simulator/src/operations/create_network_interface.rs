//! CreateNetworkInterface and DeleteNetworkInterface.

use std::net::Ipv4Addr;

use super::call::{Body, Call, Done, once};
use super::honours::Honours;
use super::interface_rules::{interface, invalid_state, refuse_service_managed};
use super::texts::{self, Naming};
use super::{interface_answer, tags};
use crate::state::{Effect, InterfaceSeed, InterfaceStatus, TrafficMode, VSwitch, World};
use crate::wire::{Params, Refusal};

pub(super) const CREATE: Honours = Honours {
    any: &[
        "ClientToken",
        "DeleteOnRelease",
        "Description",
        "Ipv4Prefix.N",
        "Ipv4PrefixCount",
        "Ipv6Address.N",
        "Ipv6AddressCount",
        "Ipv6Prefix.N",
        "Ipv6PrefixCount",
        "NetworkInterfaceName",
        "NetworkInterfaceTrafficMode",
        "PrimaryIpAddress",
        "PrivateIpAddress.N",
        "QueueNumber",
        "RegionId",
        "ResourceGroupId",
        "SecondaryPrivateIpAddressCount",
        "SecurityGroupId",
        "SecurityGroupIds.N",
        "SourceDestCheck",
        "Tag.N.Key",
        "Tag.N.Value",
        "VSwitchId",
    ],
    // A trunk interface is made by invitation only.
    only: &[("InstanceType", &["Secondary"])],
};
pub(super) const DELETE: Honours = Honours::any(&["NetworkInterfaceId", "RegionId"]);

/// A vSwitch of a region.
pub(super) fn v_switch<'w>(
    world: &'w World,
    account: &str,
    region: &str,
    id: &str,
) -> Result<&'w VSwitch, Refusal> {
    world
        .accounts
        .get(account)
        .and_then(|state| state.v_switches.get(id))
        .filter(|v_switch| v_switch.region == region)
        .ok_or_else(|| {
            Refusal::new(404, "InvalidVSwitchId.NotFound", format!("There is no vSwitch {id} here."))
        })
}

/// Refuses more interfaces than an account can have in a region.
pub(super) fn refuse_quota(world: &World, account: &str, region: &str, more: usize) -> Result<(), Refusal> {
    let there = world.accounts.get(account).map_or(0, |state| state.interfaces.count(region));
    match world.settings.interfaces_per_region {
        Some(most) if there + more > most => Err(Refusal::new(
            403,
            "MaxEniCountExceeded",
            format!("The account can have {most} network interfaces in this region."),
        )),
        _ => Ok(()),
    }
}

/// Security groups, given either as one or as a list.
pub(super) fn groups(one: Option<&str>, list: Vec<&str>) -> Result<Vec<String>, Refusal> {
    if one.is_some() && !list.is_empty() {
        return Err(Refusal::new(
            400,
            "InvalidParameter.Conflict",
            "Give SecurityGroupId or SecurityGroupIds.N, not both.",
        ));
    }
    Ok(one.into_iter().chain(list).map(str::to_owned).collect())
}

/// The parameter NetworkInterfaceTrafficMode.
pub(super) fn traffic_mode(params: &Params) -> Result<Option<TrafficMode>, Refusal> {
    let unknown = || Refusal::invalid("NetworkInterfaceTrafficMode");
    params
        .get("NetworkInterfaceTrafficMode")
        .map(|mode| TrafficMode::parse(mode).ok_or_else(unknown))
        .transpose()
}

/// An IPv4 address of the client's choice.
pub(super) fn ipv4(params: &Params, name: &str) -> Result<Option<Ipv4Addr>, Refusal> {
    params.get(name).map(|text| text.parse().map_err(|_| Refusal::invalid(name))).transpose()
}

/// Addresses or prefixes that are either listed, at most ten, or as many as a number says of the cloud's own choice.
#[derive(Clone, Default)]
pub(super) struct Values {
    listed: Vec<String>,
    chosen: u32,
}

impl Values {
    pub(super) fn parse(params: &Params, (list, count): (&str, &str), most: u32) -> Result<Self, Refusal> {
        let listed: Vec<String> = params.list(list).into_iter().map(str::to_owned).collect();
        let chosen = texts::number(params, count, 1..=most)?;
        if chosen.is_some() && !listed.is_empty() {
            return Err(Refusal::new(
                400,
                "InvalidParameter.Conflict",
                format!("Give {list}.N or {count}, not both."),
            ));
        }
        if listed.len() > 10 {
            return Err(Refusal::invalid(list));
        }
        Ok(Self { listed, chosen: chosen.unwrap_or_default() })
    }

    pub(super) fn is_listed(&self) -> bool {
        !self.listed.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.listed.is_empty() && self.chosen == 0
    }

    /// All of them, with what the cloud chooses.
    pub(super) fn choose(&self, mut one: impl FnMut() -> String) -> Vec<String> {
        self.listed.iter().cloned().chain((0..self.chosen).map(|_| one())).collect()
    }
}

fn parse(world: &mut World, call: &Call<'_>, region: &str) -> Result<InterfaceSeed, Refusal> {
    let params = call.params;
    let v_switch_id = params.required("VSwitchId")?;
    let security_group_ids = groups(params.get("SecurityGroupId"), params.list("SecurityGroupIds"))?;
    if security_group_ids.is_empty() {
        return Err(Refusal::missing("SecurityGroupId"));
    }
    let wanted_tags = params.tags()?;
    if wanted_tags.len() > tags::TAGS_PER_RESOURCE {
        return Err(Refusal::invalid("Tag"));
    }
    tags::check(&wanted_tags)?;
    let v_switch = v_switch(world, &call.caller.account, region, v_switch_id)?.clone();
    Ok(InterfaceSeed {
        region_id: Some(region.to_owned()),
        zone_id: Some(v_switch.zone),
        vpc_id: Some(v_switch.vpc),
        v_switch_id: Some(v_switch_id.to_owned()),
        resource_group_id: params.get("ResourceGroupId").map(str::to_owned),
        // Not documented what it is when nothing is said: the unkind reading.
        delete_on_release: Some(params.boolean("DeleteOnRelease")?.unwrap_or(true)),
        network_interface_name: texts::name(params, "NetworkInterfaceName", Naming::FREE)?,
        description: texts::description(params, 256)?,
        primary_ip_address: ipv4(params, "PrimaryIpAddress")?.map(|address| address.to_string()),
        private_ip_addresses: Values::parse(
            params,
            ("PrivateIpAddress", "SecondaryPrivateIpAddressCount"),
            49,
        )?
        .choose(|| world.ipv4()),
        ipv6_addresses: Values::parse(params, ("Ipv6Address", "Ipv6AddressCount"), 10)?
            .choose(|| world.ipv6()),
        ipv4_prefixes: Values::parse(params, ("Ipv4Prefix", "Ipv4PrefixCount"), 10)?
            .choose(|| format!("{}/28", world.ipv4())),
        ipv6_prefixes: Values::parse(params, ("Ipv6Prefix", "Ipv6PrefixCount"), 10)?
            .choose(|| format!("{}/80", world.ipv6())),
        source_dest_check: params.flag("SourceDestCheck")?,
        queue_number: texts::queues(params, "QueueNumber")?,
        security_group_ids,
        network_interface_traffic_mode: traffic_mode(params)?,
        tags: wanted_tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect(),
        ..InterfaceSeed::default()
    })
}

pub(crate) fn create(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let region = call.region()?;
    let seed = parse(world, call, &region)?;
    once(world, call, "CreateNetworkInterface", |world| {
        let account = &call.caller.account;
        refuse_quota(world, account, &region, 1)?;
        let interface = world.interface(&seed, None);
        let answer = interface_answer::new(&interface, account);
        if call.effect != Effect::Ignored {
            world.insert_interface(account, interface, call.effect);
        }
        Ok(Done { body: Body::Value(answer.into()), mutated: call.effect != Effect::Ignored })
    })
}

/// A free interface goes, after a while. One that is stuck on its way out can be deleted again, as documented.
pub(crate) fn delete(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let region = call.region()?;
    let id = call.params.required("NetworkInterfaceId")?;
    let interface = interface(world, call, &region, id)?;
    refuse_service_managed(interface)?;
    let stuck = interface.status == InterfaceStatus::Deleting && interface.settles.is_none();
    if interface.status != InterfaceStatus::Available && !stuck {
        return Err(invalid_state(interface));
    }
    let way = (InterfaceStatus::Deleting, None);
    Ok(Done::write(world.begin(&call.caller.account, id, call.effect, way, call.ending)))
}
