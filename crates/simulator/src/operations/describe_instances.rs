//! DescribeInstances: filters, pages, and the traps of both.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::call::{Body, Call, Done};
use super::honours::Honours;
use super::instance_filter::Filter;
use super::instance_page::InstancePage;
use super::listing::{self, Largest};
use crate::state::{Fleet, InterfaceType, Mark, NetworkInterface, World};
use crate::wire::Refusal;

/// Of what an instance is found by, the vendor has more: addresses, key pairs, clusters.
pub(super) const HONOURS: Honours = Honours::any(&[
    "DryRun",
    "Filter.N.Key",
    "Filter.N.Value",
    "ImageId",
    "InstanceChargeType",
    "InstanceIds",
    "InstanceName",
    "InstanceNetworkType",
    "InstanceType",
    "InstanceTypeFamily",
    "LockReason",
    "MaxResults",
    "NextToken",
    "PageNumber",
    "PageSize",
    "RegionId",
    "ResourceGroupId",
    "SecurityGroupId",
    "Status",
    "Tag.N.Key",
    "Tag.N.Value",
    "VSwitchId",
    "VpcId",
    "ZoneId",
]);

const LARGEST: Largest = Largest { by_token: 100, by_number: 100 };

pub(crate) fn run(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let region = call.region()?;
    let filter = Filter::parse(call.params)?;
    let account = &call.caller.account;
    if call.params.flag("DryRun")? {
        return Err(Refusal::new(400, "DryRunOperation", "The request would have passed."));
    }
    let page = listing::page(world, call, (&region, &filter, LARGEST), |world| {
        Some(&mut world.accounts.get_mut(account)?.instances)
    })?;
    let mut interfaces = HashMap::new();
    if let Some(state) = world.accounts.get_mut(account) {
        for instance in &page.items {
            let id = &instance.instance_id;
            interfaces.insert(id.clone(), attached(&mut state.interfaces, &region, id, call));
        }
    }
    Ok(Done { body: Body::Instances(InstancePage::new(page, interfaces)), mutated: false })
}

/// An instance's interfaces as this operation shows them, the primary one first. One that is on its way to the
/// instance isn't shown yet; the vendor's page says nothing of it.
fn attached(
    fleet: &mut Fleet<NetworkInterface>,
    region: &str,
    instance: &str,
    call: &Call<'_>,
) -> Vec<Arc<NetworkInterface>> {
    let mut shown = fleet.glimpse(region, &Mark::Instance(instance.to_owned()), Instant::now());
    shown.retain(|interface| interface.is_on(instance) && !call.page.hides_interface_of(instance, interface));
    shown.sort_by_key(|interface| interface.r#type != InterfaceType::Primary);
    shown
}
