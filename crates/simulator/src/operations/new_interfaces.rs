//! The network interfaces that a new instance is born with: its primary one, and those of the parameters
//! `NetworkInterface.N` of RunInstances.

use std::net::Ipv4Addr;

use super::attach::{refuse_elsewhere, refuse_place, refuse_too_many, zone_mismatch};
use super::call::Call;
use super::create_network_interface::{Values, groups, ipv4, traffic_mode, v_switch};
use super::interface_rules::interface;
use super::texts::{self, Naming};
use crate::state::{Effect, Instance, InterfaceSeed, InterfaceType, NetworkInterface, Seed, World};
use crate::wire::{Params, Refusal};

/// Parameters of the instance that a primary interface of one's own takes the place of.
const INSTEAD: &[&str] =
    &["Ipv6AddressCount", "NetworkInterfaceQueueNumber", "PrivateIpAddress", "SecurityGroupId", "VSwitchId"];
const INSTEAD_LISTS: &[&str] = &["Ipv6Address", "SecurityGroupIds"];

/// What of `NetworkInterface.N` can be said of an interface that is there already.
const OF_EXISTING: &[&str] = &["DeleteOnRelease", "InstanceType", "NetworkInterfaceId"];

/// An interface to be made.
#[derive(Default)]
struct New {
    seed: InterfaceSeed,
    private: Values,
    ipv6: Values,
    /// The primary address: of the first instance, and each further one gets the next.
    first_address: Option<Ipv4Addr>,
}

/// An interface that is there already.
struct Existing {
    id: String,
    flag: bool,
    kind: InterfaceType,
}

/// The interfaces of a new instance.
pub(super) struct NewInterfaces {
    made: Vec<New>,
    existing: Vec<Existing>,
}

impl NewInterfaces {
    /// Checks the parameters, and gives the instance the place of its primary interface.
    pub(super) fn parse(world: &World, call: &Call<'_>, seed: &mut Seed) -> Result<Self, Refusal> {
        let region = call.region()?;
        let mut new = Self { made: Vec::new(), existing: Vec::new() };
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
                if new.has_primary() {
                    return Err(Refusal::invalid("NetworkInterface.N.InstanceType"));
                }
                refuse_instead(call.params)?;
            }
            // The parameter is described as one of secondary interfaces: a new primary one goes with its instance.
            let flag = params.boolean("DeleteOnRelease")?.unwrap_or(true) || kind == InterfaceType::Primary;
            if let Some(id) = params.get("NetworkInterfaceId") {
                new.refuse_existing(&params, id)?;
                new.existing.push(Existing { id: id.to_owned(), flag, kind });
                if kind == InterfaceType::Primary {
                    take_place_of(interface(world, call, &region, id)?, seed)?;
                }
            } else {
                let made = New::parse(&params, flag, kind)?;
                if kind == InterfaceType::Primary {
                    seed.v_switch_id.clone_from(&made.seed.v_switch_id);
                    seed.security_group_ids.clone_from(&made.seed.security_group_ids);
                }
                new.made.push(made);
            }
        }
        if !new.has_primary() {
            new.made.insert(0, New::primary(call.params)?);
        }
        Ok(new)
    }

    /// Gives new primary interfaces the instance's tags, as RunInstances does.
    pub(super) fn tag_primary(&mut self, seed: &Seed) {
        for made in self.made.iter_mut().filter(|made| made.is_primary()) {
            made.seed.tags.clone_from(&seed.tags);
        }
    }

    fn has_primary(&self) -> bool {
        let made = self.made.iter().any(New::is_primary);
        made || self.existing.iter().any(|existing| existing.kind == InterfaceType::Primary)
    }

    /// Refuses one that is given twice, or that is to be made as well.
    fn refuse_existing(&self, params: &Params, id: &str) -> Result<(), Refusal> {
        if self.existing.iter().any(|former| former.id == id) {
            return Err(Refusal::invalid("NetworkInterface.N.NetworkInterfaceId"));
        }
        match params.iter().find(|(name, _)| !OF_EXISTING.contains(name)) {
            Some((name, _)) => {
                Err(conflict(format!("An existing interface takes no NetworkInterface.N.{name}.")))
            }
            None => Ok(()),
        }
    }

    /// How many interfaces come into the world with an instance.
    pub(super) fn made_per_instance(&self) -> usize {
        self.made.len()
    }

    /// Says why so many new instances can't have these, whatever their zone and VPC.
    pub(super) fn refuse_amount(&self, amount: usize) -> Result<(), Refusal> {
        if amount == 1 {
            return Ok(());
        }
        if !self.existing.is_empty() {
            return Err(Refusal::new(400, "InvalidAmount", "An existing interface is for one instance."));
        }
        if self.made.iter().any(|made| made.ipv6.is_listed()) {
            return Err(Refusal::new(400, "InvalidAmount", "With IPv6 addresses, Amount must be 1."));
        }
        let addressed = self.made.iter().any(|made| made.first_address.is_some());
        if addressed && self.made.iter().any(|made| !made.is_primary()) {
            return Err(conflict(
                "Many instances with consecutive addresses can't have secondary interfaces.".to_owned(),
            ));
        }
        Ok(())
    }

    /// Says why a new instance in a zone and VPC can't have these, if it can't.
    pub(super) fn refuse(
        &self,
        world: &World,
        call: &Call<'_>,
        (zone, vpc): (&str, &str),
    ) -> Result<(), Refusal> {
        refuse_too_many(world, self.made.len() + self.existing.len())?;
        let region = call.region()?;
        for Existing { id, kind, .. } in &self.existing {
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

    /// Makes what is to be made for an instance, with its number among those that are made together.
    pub(super) fn make(
        &self,
        world: &mut World,
        account: &str,
        (instance, number): (&Instance, usize),
    ) -> Result<Vec<NetworkInterface>, Refusal> {
        let mut made = Vec::new();
        for new in &self.made {
            let mut seed = new.seed.clone();
            if let Some(id) = &seed.v_switch_id {
                let v_switch = v_switch(world, account, &instance.region_id, id)?;
                seed.vpc_id = Some(v_switch.vpc.clone());
                seed.zone_id = Some(v_switch.zone.clone());
            }
            seed.primary_ip_address = new.address(number)?;
            seed.private_ip_addresses = new.private.choose(|| world.ipv4());
            seed.ipv6_addresses = new.ipv6.choose(|| world.ipv6());
            let interface = world.interface(&seed, Some(instance));
            refuse_elsewhere(&interface, &instance.zone_id, &instance.vpc_id)?;
            made.push(interface);
        }
        Ok(made)
    }

    /// Gives an instance the interfaces that are there already.
    pub(super) fn take(&self, world: &mut World, account: &str, instance: &str, effect: Effect) {
        for Existing { id, flag, kind } in &self.existing {
            world.change_interface(account, id, effect, |interface| {
                interface.used_by(instance);
                interface.delete_on_release = *flag;
                interface.r#type = *kind;
            });
        }
    }
}

impl New {
    /// The primary interface of an instance that brings none of its own.
    fn primary(params: &Params) -> Result<Self, Refusal> {
        Ok(Self {
            seed: InterfaceSeed {
                queue_number: texts::queues(params, "NetworkInterfaceQueueNumber")?,
                ..InterfaceSeed::primary()
            },
            private: Values::default(),
            ipv6: Values::parse(params, ("Ipv6Address", "Ipv6AddressCount"), 10)?,
            first_address: ipv4(params, "PrivateIpAddress")?,
        })
    }

    /// One of `NetworkInterface.N`.
    fn parse(params: &Params, flag: bool, kind: InterfaceType) -> Result<Self, Refusal> {
        let ipv6 = Values::parse(params, ("Ipv6Address", "Ipv6AddressCount"), 10)?;
        if kind != InterfaceType::Primary && !ipv6.is_empty() {
            return Err(conflict(
                "Of the interfaces, only a primary one is born with IPv6 addresses.".to_owned(),
            ));
        }
        Ok(Self {
            seed: InterfaceSeed {
                r#type: Some(kind),
                delete_on_release: Some(flag),
                v_switch_id: params.get("VSwitchId").map(str::to_owned),
                network_interface_name: texts::name(params, "NetworkInterfaceName", Naming::FREE)?,
                description: texts::description(params, 256)?,
                security_group_ids: groups(params.get("SecurityGroupId"), params.list("SecurityGroupIds"))?,
                source_dest_check: params.flag("SourceDestCheck")?,
                queue_number: texts::queues(params, "QueueNumber")?,
                network_interface_traffic_mode: traffic_mode(params)?,
                ..InterfaceSeed::default()
            },
            private: Values::parse(params, ("PrivateIpAddress", "SecondaryPrivateIpAddressCount"), 49)?,
            ipv6,
            first_address: ipv4(params, "PrimaryIpAddress")?,
        })
    }

    fn is_primary(&self) -> bool {
        self.seed.r#type == Some(InterfaceType::Primary)
    }

    fn address(&self, number: usize) -> Result<Option<String>, Refusal> {
        let Some(first) = self.first_address else { return Ok(None) };
        let next = u32::try_from(number).ok().and_then(|number| u32::from(first).checked_add(number));
        let next = next.ok_or_else(|| Refusal::invalid("PrivateIpAddress"))?;
        Ok(Some(Ipv4Addr::from(next).to_string()))
    }
}

fn conflict(message: String) -> Refusal {
    Refusal::new(400, "InvalidParameter.Conflict", message)
}

fn refuse_instead(params: &Params) -> Result<(), Refusal> {
    let given = INSTEAD.iter().find(|name| params.get(name).is_some());
    match given.or_else(|| INSTEAD_LISTS.iter().find(|name| !params.list(name).is_empty())) {
        Some(name) => Err(conflict(format!("With a primary NetworkInterface.N, {name} can't be given."))),
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
