//! CreateNetworkInterface and DeleteNetworkInterface.

use super::modify_network_interface::{description, name};
use super::{
    Body, Call, Done, interface, interface_answer, invalid_state, once, refuse_service_managed, tags,
};
use crate::state::{Effect, InterfaceSeed, InterfaceStatus, TrafficMode, VSwitch, World};
use crate::wire::{Params, Refusal};

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

/// Values that are either listed, or as many as a number says of the cloud's own choice.
fn values(
    params: &Params,
    (list, count): (&str, &str),
    mut choose: impl FnMut() -> String,
) -> Result<Vec<String>, Refusal> {
    let listed: Vec<String> = params.list(list).into_iter().map(str::to_owned).collect();
    match params.integer(count)? {
        None if listed.len() <= 10 => Ok(listed),
        Some(number) if listed.is_empty() && (1..=49).contains(&number) => {
            Ok((0..number).map(|_| choose()).collect())
        }
        Some(_) if !listed.is_empty() => Err(Refusal::new(
            400,
            "InvalidParameter.Conflict",
            format!("Give {list}.N or {count}, not both."),
        )),
        None => Err(Refusal::invalid(list)),
        Some(_) => Err(Refusal::invalid(count)),
    }
}

fn parse(world: &mut World, call: &Call<'_>, region: &str) -> Result<InterfaceSeed, Refusal> {
    let params = call.params;
    let v_switch_id = params.required("VSwitchId")?;
    let security_group_ids = groups(params.get("SecurityGroupId"), params.list("SecurityGroupIds"))?;
    if security_group_ids.is_empty() {
        return Err(Refusal::missing("SecurityGroupId"));
    }
    // A trunk interface is made by invitation only.
    if params.get("InstanceType").is_some_and(|kind| kind != "Secondary") {
        return Err(Refusal::invalid("InstanceType"));
    }
    let traffic_mode = params
        .get("NetworkInterfaceTrafficMode")
        .map(|mode| TrafficMode::parse(mode).ok_or_else(|| Refusal::invalid("NetworkInterfaceTrafficMode")))
        .transpose()?;
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
        network_interface_name: name(params)?,
        description: description(params)?,
        primary_ip_address: params.get("PrimaryIpAddress").map(str::to_owned),
        private_ip_addresses: values(params, ("PrivateIpAddress", "SecondaryPrivateIpAddressCount"), || {
            world.ipv4()
        })?,
        ipv6_addresses: values(params, ("Ipv6Address", "Ipv6AddressCount"), || world.ipv6())?,
        ipv4_prefixes: values(params, ("Ipv4Prefix", "Ipv4PrefixCount"), || format!("{}/28", world.ipv4()))?,
        ipv6_prefixes: values(params, ("Ipv6Prefix", "Ipv6PrefixCount"), || format!("{}/80", world.ipv6()))?,
        security_group_ids,
        network_interface_traffic_mode: traffic_mode,
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
