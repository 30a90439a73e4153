//! The parameters `NetworkInterface.N` of RunInstances: interfaces that a new instance is born with.

use std::collections::BTreeMap;

use super::attach::{refuse_elsewhere, refuse_place, refuse_too_many, zone_mismatch};
use super::create_network_interface::{groups, v_switch};
use super::{Call, interface};
use crate::state::{Effect, Instance, InterfaceSeed, InterfaceType, NetworkInterface, Seed, World};
use crate::wire::{Params, Refusal};

/// Parameters of the instance that a primary interface of one's own takes the place of.
const INSTEAD: &[&str] = &["VSwitchId", "SecurityGroupId", "PrivateIpAddress", "NetworkInterfaceQueueNumber"];

/// The interfaces of a new instance.
#[derive(Default)]
pub(super) struct NewInterfaces {
    /// Interfaces to be made.
    pub(super) made: Vec<InterfaceSeed>,
    /// Interfaces that are there already, with the flag that each is to have.
    existing: Vec<(String, bool, InterfaceType)>,
}

impl NewInterfaces {
    /// Checks the parameters, and gives the instance the place of its primary interface.
    pub(super) fn parse(world: &World, call: &Call<'_>, seed: &mut Seed) -> Result<Self, Refusal> {
        let region = call.region()?;
        let mut new = Self::default();
        let mut primaries = 0;
        for members in call.params.objects("NetworkInterface").values() {
            let pairs: Vec<_> =
                members.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let params = Params::from_pairs(&pairs)?;
            let kind = match params.get("InstanceType") {
                None | Some("Secondary") => InterfaceType::Secondary,
                Some("Primary") => InterfaceType::Primary,
                Some(_) => return Err(Refusal::invalid("NetworkInterface.N.InstanceType")),
            };
            if kind == InterfaceType::Primary {
                primaries += 1;
                refuse_instead(call.params)?;
            }
            // The parameter is described as one of secondary interfaces: a new primary one goes with its instance.
            let flag = params.boolean("DeleteOnRelease")?.unwrap_or(true) || kind == InterfaceType::Primary;
            if let Some(id) = params.get("NetworkInterfaceId") {
                if new.existing.iter().any(|(former, ..)| former == id) {
                    return Err(Refusal::invalid("NetworkInterface.N.NetworkInterfaceId"));
                }
                new.existing.push((id.to_owned(), flag, kind));
                if kind == InterfaceType::Primary {
                    take_place_of(interface(world, call, &region, id)?, seed)?;
                }
            } else {
                let made = make(&params, flag, kind)?;
                if kind == InterfaceType::Primary {
                    seed.v_switch_id.clone_from(&made.v_switch_id);
                    seed.security_group_ids.clone_from(&made.security_group_ids);
                }
                new.made.push(made);
            }
        }
        if primaries > 1 {
            return Err(Refusal::invalid("NetworkInterface.N.InstanceType"));
        }
        Ok(new)
    }

    fn has_primary(&self) -> bool {
        let made = self.made.iter().any(|made| made.r#type == Some(InterfaceType::Primary));
        made || self.existing.iter().any(|(_, _, kind)| *kind == InterfaceType::Primary)
    }

    /// How many interfaces come into the world with an instance.
    pub(super) fn made_per_instance(&self) -> usize {
        self.made.len() + usize::from(!self.has_primary())
    }

    /// Says why a new instance in a zone and VPC can't have these, if it can't.
    pub(super) fn refuse(
        &self,
        world: &World,
        call: &Call<'_>,
        (zone, vpc, amount): (&str, &str, i64),
    ) -> Result<(), Refusal> {
        refuse_too_many(world, self.made_per_instance() + self.existing.len())?;
        if !self.existing.is_empty() && amount != 1 {
            return Err(Refusal::new(400, "InvalidAmount", "An existing interface is for one instance."));
        }
        let region = call.region()?;
        for (id, _, kind) in &self.existing {
            let interface = interface(world, call, &region, id)?;
            refuse_place(interface, zone, vpc)?;
            if *kind == InterfaceType::Primary && world.settings.refuse_existing_primary {
                return Err(Refusal::new(
                    403,
                    "InvalidOperation.InvalidEniType",
                    "An existing interface can only be a secondary one of a new instance.",
                ));
            }
        }
        Ok(())
    }

    /// Makes what is to be made for an instance.
    pub(super) fn make(
        &self,
        world: &mut World,
        account: &str,
        instance: &Instance,
    ) -> Result<Vec<NetworkInterface>, Refusal> {
        let mut made = Vec::new();
        if !self.has_primary() {
            made.push(world.interface(&InterfaceSeed::primary(), Some(instance)));
        }
        for seed in &self.made {
            let mut seed = seed.clone();
            if let Some(id) = &seed.v_switch_id {
                let v_switch = v_switch(world, account, &instance.region_id, id)?;
                seed.vpc_id = Some(v_switch.vpc.clone());
                seed.zone_id = Some(v_switch.zone.clone());
            }
            let interface = world.interface(&seed, Some(instance));
            refuse_elsewhere(&interface, &instance.zone_id, &instance.vpc_id)?;
            made.push(interface);
        }
        Ok(made)
    }

    /// Gives an instance the interfaces that are there already.
    pub(super) fn take(&self, world: &mut World, account: &str, instance: &str, effect: Effect) {
        for (id, flag, kind) in &self.existing {
            world.change_interface(account, id, effect, |interface| {
                interface.used_by(instance);
                interface.delete_on_release = *flag;
                interface.r#type = *kind;
            });
        }
    }
}

fn make(params: &Params, flag: bool, kind: InterfaceType) -> Result<InterfaceSeed, Refusal> {
    let text = |name: &str| params.get(name).map(str::to_owned);
    let list = |name: &str| params.list(name).into_iter().map(str::to_owned).collect();
    Ok(InterfaceSeed {
        r#type: Some(kind),
        delete_on_release: Some(flag),
        v_switch_id: text("VSwitchId"),
        primary_ip_address: text("PrimaryIpAddress"),
        ipv6_addresses: list("Ipv6Address"),
        network_interface_name: text("NetworkInterfaceName"),
        description: text("Description"),
        security_group_ids: groups(params.get("SecurityGroupId"), params.list("SecurityGroupIds"))?,
        ..InterfaceSeed::default()
    })
}

fn refuse_instead(params: &Params) -> Result<(), Refusal> {
    let given: BTreeMap<&str, &str> = params.iter().collect();
    match INSTEAD.iter().find(|name| given.contains_key(*name)) {
        Some(name) => Err(Refusal::new(
            400,
            "InvalidParameter.Conflict",
            format!("With a primary NetworkInterface.N, {name} can't be given."),
        )),
        None if !params.list("SecurityGroupIds").is_empty() => Err(Refusal::new(
            400,
            "InvalidParameter.Conflict",
            "With a primary NetworkInterface.N, SecurityGroupIds.N can't be given.",
        )),
        None => Ok(()),
    }
}

/// A new instance is where its primary interface is.
fn take_place_of(interface: &NetworkInterface, seed: &mut Seed) -> Result<(), Refusal> {
    if let Some(zone) = seed.zone_id.as_ref().filter(|zone| **zone != interface.zone_id) {
        return Err(zone_mismatch(interface, zone));
    }
    seed.zone_id = Some(interface.zone_id.clone());
    seed.vpc_id = Some(interface.vpc_id.clone());
    seed.v_switch_id = Some(interface.v_switch_id.clone());
    seed.security_group_ids.clone_from(&interface.security_group_ids);
    Ok(())
}
