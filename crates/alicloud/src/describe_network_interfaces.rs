//! `DescribeNetworkInterfaces`: one page of network interfaces. Concludes nothing: whatever an item doesn't say readably
//! is absent from its facts, and one odd item doesn't cost the page.
//!
//! An item names no region, only a zone. The request names it, here and in every write on an interface.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::sync::Arc;

use keeper_core::call::{Item, Page, ReadCall};
use keeper_core::id::{InstanceId, InterfaceId, Region};
use keeper_core::interface::{Belongings, Eip, Interface, InterfaceFacts, InterfaceStatus, InterfaceType};
use serde_json::Value;

use crate::answer::Answer;
use crate::identifier::identifier;
use crate::listing::{self, Place};
use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};

pub(crate) const OPERATION: Operation = Operation::read(
    Product::Ecs,
    "DescribeNetworkInterfaces",
    Permission::on(&[ResourceType::NetworkInterface]),
);

/// The largest page. It must be asked for: without it ten come, also when a hundred ids are named.
const PAGE_SIZE: &str = "500";

/// The parameters of a read; `None` when the query is empty or beyond the operation's limits.
pub(crate) fn parameters(region: &Region, call: &ReadCall<Interface>) -> Option<Parameters> {
    listing::parameters(region, PAGE_SIZE, call, |ids| {
        let numbered = |(number, id): (u32, &InterfaceId)| {
            (format!("NetworkInterfaceId.{number}"), id.as_str().to_owned())
        };
        (1..).zip(ids).map(numbered).collect()
    })
}

/// The page in an answer; `None` when it is no listing.
pub(crate) fn page(place: Place<'_>, answer: Answer) -> Option<Page<Interface>> {
    listing::page(place, answer, ["NetworkInterfaceSets", "NetworkInterfaceSet"], |entry| item(place, entry))
}

/// One entry; `None` when its id can't be read.
fn item(place: Place<'_>, entry: &Value) -> Option<Item<Interface>> {
    let id = identifier(entry.get("NetworkInterfaceId"))?;
    let name = listing::name(entry, "NetworkInterfaceName");
    Some(Item { id: InterfaceId::new(id), name, facts: facts(place, entry) })
}

fn facts(place: Place<'_>, entry: &Value) -> InterfaceFacts {
    InterfaceFacts {
        delete_on_release: entry.get("DeleteOnRelease").and_then(Value::as_bool),
        interface_type: entry.get("Type").and_then(interface_type),
        status: entry.get("Status").and_then(status),
        instance: instance(entry),
        service_managed: entry.get("ServiceManaged").and_then(Value::as_bool),
        traffic_mode: name(entry, "NetworkInterfaceTrafficMode"),
        zone_id: name(entry, "ZoneId"),
        primary_retainable: place.primary_retainable,
        tags: listing::tags(entry),
        belongings: Arc::new(belongings(entry)),
    }
}

/// `Trunk` and `Member` are not in the vendor's table but in the answers that its Terway reads.
fn interface_type(value: &Value) -> Option<InterfaceType> {
    match value.as_str()? {
        "Primary" => Some(InterfaceType::Primary),
        "Secondary" => Some(InterfaceType::Secondary),
        "Trunk" => Some(InterfaceType::Trunk),
        "Member" => Some(InterfaceType::Member),
        _ => None,
    }
}

fn status(value: &Value) -> Option<InterfaceStatus> {
    match value.as_str()? {
        "Available" => Some(InterfaceStatus::Available),
        "Attaching" => Some(InterfaceStatus::Attaching),
        "InUse" => Some(InterfaceStatus::InUse),
        "Detaching" => Some(InterfaceStatus::Detaching),
        "Deleting" => Some(InterfaceStatus::Deleting),
        _ => None,
    }
}

/// The instance as `InstanceId` names it; the empty text is the cloud's way to say that there is none.
///
/// `Attachment` names it a second time, but the vendor's page calls that field not open to everyone and shows null in
/// it: where it is silent it proves nothing, and where it contradicts nothing is known.
#[allow(clippy::option_option, reason = "unknown, none and some are three answers")]
fn instance(entry: &Value) -> Option<Option<InstanceId>> {
    let named = match entry.get("InstanceId")? {
        Value::String(text) if text.is_empty() => None,
        id => Some(identifier(Some(id))?),
    };
    let agrees = match entry.pointer("/Attachment/InstanceId") {
        None | Some(Value::Null) => true,
        Some(Value::String(text)) if text.is_empty() => true,
        Some(attached) => named.is_some() && attached.as_str() == named,
    };
    agrees.then(|| named.map(InstanceId::new))
}

/// What the interface carries: shown to people and compared with an instance's zone and VPC, so what can't be read is
/// left out.
fn belongings(entry: &Value) -> Belongings {
    let mut assigned: Vec<&Value> = list(entry, "/PrivateIpSets/PrivateIpSet").collect();
    assigned.sort_by_key(|set| Reverse(set.get("Primary").and_then(Value::as_bool)));
    // The interface itself names its primary address, and the public one that is bound to it, once more.
    let addresses = || std::iter::once(entry).chain(assigned.iter().copied());
    Belongings {
        vswitch_id: name(entry, "VSwitchId"),
        vpc_id: name(entry, "VpcId"),
        private_ips: distinct(addresses().filter_map(private_ip)),
        ipv6_addresses: distinct(
            list(entry, "/Ipv6Sets/Ipv6Set").filter_map(|set| address::<Ipv6Addr>(set.get("Ipv6Address"))),
        ),
        ipv4_prefixes: distinct(
            list(entry, "/Ipv4PrefixSets/Ipv4PrefixSet")
                .filter_map(|set| prefix::<Ipv4Addr>(set.get("Ipv4Prefix"))),
        ),
        ipv6_prefixes: distinct(
            list(entry, "/Ipv6PrefixSets/Ipv6PrefixSet")
                .filter_map(|set| prefix::<Ipv6Addr>(set.get("Ipv6Prefix"))),
        ),
        eips: eips(addresses()),
        security_group_ids: distinct(
            list(entry, "/SecurityGroupIds/SecurityGroupId").filter_map(|id| identifier(Some(id))),
        ),
    }
}

/// The public addresses, each once.
fn eips<'a>(addresses: impl Iterator<Item = &'a Value>) -> Vec<Eip> {
    let (mut eips, mut places) = (Vec::<Eip>::new(), HashMap::new());
    for bound in addresses {
        let Some(eip) = eip(bound) else { continue };
        let place = *places.entry(eip.public_ip.clone()).or_insert(eips.len());
        match eips.get_mut(place) {
            None => eips.push(eip),
            Some(known) => known.allocation_id = known.allocation_id.take().or(eip.allocation_id),
        }
    }
    eips
}

/// The public address that is bound to a private one, where there is any: the field is empty otherwise.
fn eip(bound: &Value) -> Option<Eip> {
    let public = bound.get("AssociatedPublicIp")?;
    Some(Eip {
        allocation_id: name(public, "AllocationId"),
        public_ip: address::<IpAddr>(public.get("PublicIpAddress"))?.into(),
        private_ip: private_ip(bound)?.into(),
    })
}

fn private_ip(bound: &Value) -> Option<&str> {
    address::<Ipv4Addr>(bound.get("PrivateIpAddress"))
}

/// The entries of a list; none where there is no list.
fn list<'a>(entry: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    entry.pointer(pointer).and_then(Value::as_array).into_iter().flatten()
}

/// An address, as the cloud writes it.
fn address<A: FromStr>(value: Option<&Value>) -> Option<&str> {
    value?.as_str().filter(|text| text.parse::<A>().is_ok())
}

/// An address and the number of its leading bits, as the cloud writes them.
fn prefix<A: FromStr>(value: Option<&Value>) -> Option<&str> {
    value?.as_str().filter(|text| {
        let parts = text.split_once('/');
        parts.is_some_and(|(address, bits)| address.parse::<A>().is_ok() && bits.parse::<u8>().is_ok())
    })
}

fn name(entry: &Value, field: &str) -> Option<Arc<str>> {
    identifier(entry.get(field)).map(Arc::from)
}

/// Each text once, in the order in which it came first.
fn distinct<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<Arc<str>> {
    let mut known = HashSet::new();
    texts.filter(|text| known.insert(*text)).map(Arc::from).collect()
}

#[cfg(test)]
mod tests;
