//! `DescribeInstances`: one page of instances. Concludes nothing: whatever an item doesn't say readably is absent from
//! its facts, and one odd item doesn't cost the page.

use std::sync::Arc;

use keeper_core::call::{Item, Page, ReadCall};
use keeper_core::id::{InstanceId, InterfaceId, Region};
use keeper_core::instance::{ChargeType, Instance, InstanceFacts};
use keeper_core::surroundings::{Power, Surroundings};
use serde_json::Value;

use crate::answer::Answer;
use crate::identifier::identifier;
use crate::listing::{self, Place};
use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};

pub(crate) const OPERATION: Operation =
    Operation::read(Product::Ecs, "DescribeInstances", Permission::on(&[ResourceType::Instance]));

/// The largest page. It must be asked for: without it ten come, also when a hundred ids are named.
const PAGE_SIZE: &str = "100";

/// The parameters of a read; `None` when the query is empty or beyond the operation's limits.
pub(crate) fn parameters(region: &Region, call: &ReadCall<Instance>) -> Option<Parameters> {
    listing::parameters(region, PAGE_SIZE, call, |ids| {
        // The one list that goes as JSON text and not as `InstanceIds.N`.
        let ids: Value = ids.iter().map(InstanceId::as_str).collect();
        vec![("InstanceIds".to_owned(), ids.to_string())]
    })
}

/// The error code that answers a dry run of what would have succeeded.
pub(crate) const DRY_RUN_PASSED: &str = "DryRunOperation";

/// The parameters of a dry run of a read of the whole region.
pub(crate) fn dry_run(region: &Region) -> Parameters {
    vec![("RegionId".to_owned(), region.as_str().to_owned()), ("DryRun".to_owned(), "true".to_owned())]
}

/// The page in an answer; `None` when it is no listing.
pub(crate) fn page(place: Place<'_>, answer: Answer) -> Option<Page<Instance>> {
    listing::page(place, answer, ["Instances", "Instance"], |entry| item(place.region, entry))
}

/// One entry; `None` when its id or its region can't be read, or when it is of another region than asked for: then the
/// answer came from somewhere else than we think.
fn item(region: &Region, entry: &Value) -> Option<Item<Instance>> {
    let id = identifier(entry.get("InstanceId"))?;
    let here = entry.get("RegionId")?.as_str()? == region.as_str();
    let name = listing::name(entry, "InstanceName");
    here.then(|| Item { id: InstanceId::new(id), name, facts: facts(entry) })
}

fn facts(entry: &Value) -> InstanceFacts {
    InstanceFacts {
        deletion_protection: entry.get("DeletionProtection").and_then(Value::as_bool),
        charge_type: entry.get("InstanceChargeType").and_then(charge_type),
        spot: entry.get("SpotStrategy").and_then(spot),
        auto_release: entry.get("AutoReleaseTime").and_then(auto_release),
        locks: entry.get("OperationLocks").and_then(locks),
        tags: listing::tags(entry),
        surroundings: Some(Arc::new(surroundings(entry))),
    }
}

fn surroundings(entry: &Value) -> Surroundings {
    Surroundings {
        interfaces: entry.pointer("/NetworkInterfaces/NetworkInterface").and_then(interfaces),
        zone_id: identifier(entry.get("ZoneId")).map(Arc::from),
        vpc_id: entry.pointer("/VpcAttributes/VpcId").and_then(vpc_id),
        power: entry.get("Status").and_then(power),
    }
}

/// All interfaces or none: a list with one that can't be read is not known.
fn interfaces(value: &Value) -> Option<Vec<InterfaceId>> {
    let id = |entry: &Value| identifier(entry.get("NetworkInterfaceId")).map(InterfaceId::new);
    value.as_array()?.iter().map(id).collect()
}

/// The empty text is the cloud's way to say that the instance is in no VPC.
fn vpc_id(value: &Value) -> Option<Arc<str>> {
    match value.as_str()? {
        "" => Some(Arc::from("")),
        _ => identifier(Some(value)).map(Arc::from),
    }
}

fn power(value: &Value) -> Option<Power> {
    match value.as_str()? {
        "Running" => Some(Power::Running),
        "Stopped" => Some(Power::Stopped),
        "Pending" | "Starting" | "Stopping" => Some(Power::Between),
        _ => None,
    }
}

fn charge_type(value: &Value) -> Option<ChargeType> {
    match value.as_str()? {
        "PostPaid" => Some(ChargeType::PostPaid),
        "PrePaid" => Some(ChargeType::PrePaid),
        _ => None,
    }
}

fn spot(value: &Value) -> Option<bool> {
    match value.as_str()? {
        "NoSpot" => Some(false),
        "SpotWithPriceLimit" | "SpotAsPriceGo" => Some(true),
        _ => None,
    }
}

/// The empty text is the cloud's way to say that no time is set. The time is only ever shown, so it need not be
/// understood, but it must look like one.
#[allow(clippy::option_option, reason = "unknown, none and some are three answers")]
fn auto_release(value: &Value) -> Option<Option<Arc<str>>> {
    const LONGEST: usize = 32;
    let looks_like_a_time = |text: &str| {
        text.len() <= LONGEST
            && text.starts_with(|first: char| first.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit() || b"TZ:.+-".contains(&byte))
    };
    match value.as_str()? {
        "" => Some(None),
        time if looks_like_a_time(time) => Some(Some(Arc::from(time))),
        _ => None,
    }
}

/// All reasons or none: a list with one that can't be read is not known.
fn locks(value: &Value) -> Option<Vec<Arc<str>>> {
    let reason =
        |lock: &Value| identifier(lock.get("LockReason")).map(|text| Arc::from(text.to_ascii_lowercase()));
    value.get("LockReason")?.as_array()?.iter().map(reason).collect()
}

#[cfg(test)]
mod tests;
