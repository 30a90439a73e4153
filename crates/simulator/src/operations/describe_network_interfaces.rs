//! DescribeNetworkInterfaces and DescribeNetworkInterfaceAttribute.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::call::{Body, Call, Done};
use super::honours::Honours;
use super::interface_answer::whole;
use super::interface_filter::Filter;
use super::interface_page::InterfacePage;
use super::interface_rules::no_such_interface;
use super::listing::{self, Largest};
use crate::state::World;
use crate::wire::Refusal;

pub(super) const LIST: Honours = Honours::any(&[
    "InstanceId",
    "Ipv6Address.N",
    "MaxResults",
    "NetworkInterfaceId.N",
    "NetworkInterfaceName",
    "NextToken",
    "PageNumber",
    "PageSize",
    "PrimaryIpAddress",
    "PrivateIpAddress.N",
    "RegionId",
    "ResourceGroupId",
    "SecurityGroupId",
    "ServiceManaged",
    "Status",
    "Tag.N.Key",
    "Tag.N.Value",
    "Type",
    "VSwitchId",
    "VpcId",
]);
pub(super) const ONE: Honours = Honours::any(&["Attribute", "NetworkInterfaceId", "RegionId"]);

const LARGEST: Largest = Largest { by_token: 500, by_number: 1_000 };

pub(crate) fn list(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let region = call.region()?;
    let filter = Filter::parse(call.params)?;
    let account = &call.caller.account;
    if world.settings.refuse_unknown_interfaces {
        let here = |id: &&String| {
            let found = world.find_interface(account, id);
            found.is_none_or(|interface| interface.region_id != region)
        };
        if let Some(unknown) = listing::Filter::ids(&filter).and_then(|ids| ids.iter().find(here)) {
            return Err(no_such_interface(unknown));
        }
    }
    let page = listing::page(world, call, (&region, &filter, LARGEST), |world| {
        Some(&mut world.accounts.get_mut(account)?.interfaces)
    })?;
    let page = InterfacePage::new(page, account.clone());
    Ok(Done { body: Body::Interfaces(page), mutated: false })
}

/// One interface, flat. `Attribute` adds to what comes anyway: `attachment` the members of a trunk interface. The vendor's
/// Terway sends `basic`, which is not documented.
pub(crate) fn one(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let region = call.region()?;
    let id = call.params.required("NetworkInterfaceId")?;
    let with_members = match call.params.get("Attribute") {
        None | Some("basic") => false,
        Some("attachment") => true,
        Some("connectionTrackingConfiguration") => {
            return Err(Refusal::new(
                400,
                "UnsupportedParameter",
                "The simulator doesn't have the attribute connectionTrackingConfiguration.",
            ));
        }
        Some(_) => return Err(Refusal::invalid("Attribute")),
    };
    let account = &call.caller.account;
    let (_, interface) = world
        .accounts
        .get_mut(account)
        .and_then(|state| state.interfaces.read(&region, id, Instant::now()))
        .ok_or_else(|| no_such_interface(id))?;
    let mut shown = whole(&interface, account);
    if !with_members {
        return Ok(Done::answer(shown.into()));
    }
    let members: Vec<String> = world
        .accounts
        .get(account)
        .into_iter()
        .flat_map(|state| state.members(&interface))
        .map(|member| member.network_interface_id.clone())
        .collect();
    if let Some(Value::Object(attachment)) = shown.get_mut("Attachment") {
        let members = json!({ "MemberNetworkInterfaceId": members });
        attachment.insert("MemberNetworkInterfaceIds".to_owned(), members);
    }
    Ok(Done::answer(shown.into()))
}
