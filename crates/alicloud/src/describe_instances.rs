//! `DescribeInstances`: one page of instances. Concludes nothing: whatever an item doesn't say readably is absent from
//! its facts, and one odd item doesn't cost the page.

use std::sync::Arc;

use keeper_core::call::{IDS_PER_READ, Item, Page, Query, ReadCall, TagFilter};
use keeper_core::id::{InstanceId, PageToken, Region, Tag};
use keeper_core::instance::{ChargeType, Instance, InstanceFacts};
use serde_json::Value;

use crate::answer::{Answer, identifier};
use crate::operation::{Operation, Parameters, Product};

pub(crate) const OPERATION: Operation = Operation::read(Product::Ecs, "DescribeInstances");

/// The largest page. It must be asked for: without it ten come, also when a hundred ids are named.
const PAGE_SIZE: &str = "100";

/// Most tags in one filter.
const TAGS_PER_READ: usize = 20;

/// The parameters of a read; `None` when the query is empty or beyond the operation's limits.
///
/// A filter without entries would not be sent at all, and the cloud would answer with the whole region.
pub(crate) fn parameters(region: &Region, call: &ReadCall<Instance>) -> Option<Parameters> {
    let mut parameters = vec![
        ("RegionId".to_owned(), region.as_str().to_owned()),
        ("MaxResults".to_owned(), PAGE_SIZE.to_owned()),
    ];
    match &call.query {
        Query::Ids(ids) if (1..=IDS_PER_READ).contains(&ids.len()) => {
            // The one list that goes as JSON text and not as `InstanceIds.N`.
            let ids: Value = ids.iter().map(InstanceId::as_str).collect();
            parameters.push(("InstanceIds".to_owned(), ids.to_string()));
        }
        Query::Tagged(tags) if (1..=TAGS_PER_READ).contains(&tags.len()) => {
            for (number, TagFilter { key, value }) in (1..).zip(tags) {
                parameters.push((format!("Tag.{number}.Key"), key.to_string()));
                parameters
                    .extend(value.iter().map(|value| (format!("Tag.{number}.Value"), value.to_string())));
            }
        }
        Query::Region => {}
        Query::Ids(_) | Query::Tagged(_) => return None,
    }
    parameters.extend(call.page.iter().map(|page| ("NextToken".to_owned(), page.as_str().to_owned())));
    Some(parameters)
}

/// The page in an answer; `None` when it is no listing, or doesn't say readably whether the listing goes on.
///
/// The vendor documents an empty `NextToken` on the last page, and empty texts where others have null; so an empty or
/// an absent one ends the listing, and anything else that is not a token makes the page worthless.
pub(crate) fn page(region: &Region, answer: Answer) -> Option<Page<Instance>> {
    let entries = answer.fields.get("Instances")?.get("Instance")?.as_array()?;
    let next = match answer.fields.get("NextToken") {
        None => None,
        Some(Value::String(token)) if token.is_empty() => None,
        Some(Value::String(token)) => Some(PageToken::new(token)),
        Some(_) => return None,
    };
    let items: Vec<_> = entries.iter().filter_map(|entry| item(region, entry)).collect();
    let unreadable = entries.len() - items.len();
    Some(Page { items, unreadable, next, request_id: answer.request_id })
}

/// One entry; `None` when its id or its region can't be read, or when it is of another region than asked for: then the
/// answer came from somewhere else than we think.
fn item(region: &Region, entry: &Value) -> Option<Item<Instance>> {
    let id = identifier(entry.get("InstanceId"))?;
    let here = entry.get("RegionId")?.as_str()? == region.as_str();
    here.then(|| Item { id: InstanceId::new(id), facts: facts(entry) })
}

fn facts(entry: &Value) -> InstanceFacts {
    InstanceFacts {
        deletion_protection: entry.get("DeletionProtection").and_then(Value::as_bool),
        charge_type: entry.get("InstanceChargeType").and_then(charge_type),
        spot: entry.get("SpotStrategy").and_then(spot),
        auto_release: entry.get("AutoReleaseTime").and_then(auto_release),
        locks: entry.get("OperationLocks").and_then(locks),
        tags: entry.get("Tags").map_or_else(|| Some(Vec::new()), tags),
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

/// All tags or none: a list with one that can't be read is not known.
fn tags(value: &Value) -> Option<Vec<Tag>> {
    let tag = |tag: &Value| Some(Tag::new(tag.get("TagKey")?.as_str()?, tag.get("TagValue")?.as_str()?));
    value.get("Tag")?.as_array()?.iter().map(tag).collect()
}

#[cfg(test)]
mod tests;
