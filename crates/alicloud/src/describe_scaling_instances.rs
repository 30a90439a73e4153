//! `DescribeScalingInstances`: one page of members of scaling groups. Concludes nothing: whatever an entry doesn't say
//! readably is absent, and one odd entry doesn't cost the page.
//!
//! An answer that shows what was not asked for is none. The cloud passes over parameters that it doesn't know, and a listing
//! whose filter it passed over looks like a good one.
//!
//! The operation pages by number. A token stands for the number of the page that comes next.

use keeper_core::call::{Item, Page, Query, ReadCall};
use keeper_core::id::{InstanceId, PageToken, Region, ScalingGroupId};
use keeper_core::resource::Resource;
use keeper_core::scaling_member::{LifecycleState, MemberFacts, ScalingMember};
use serde_json::Value;

use crate::answer::Answer;
use crate::identifier::identifier;
use crate::listing::Place;
use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};

/// Members on a full page.
const PAGE_SIZE: u32 = 100;

/// Its page names no resource.
pub(crate) const OPERATION: Operation =
    Operation::read(Product::Ess, "DescribeScalingInstances", Permission::on(&[ResourceType::All]));

/// The parameters of a read; `None` when the query is empty or beyond the operation's limits. A filter without entries
/// would not be sent at all, and the cloud would answer with the whole region.
pub(crate) fn parameters(region: &Region, call: &ReadCall<ScalingMember>) -> Option<Parameters> {
    let mut parameters = vec![
        ("RegionId".to_owned(), region.as_str().to_owned()),
        ("PageNumber".to_owned(), number(call)?.to_string()),
        ("PageSize".to_owned(), PAGE_SIZE.to_string()),
    ];
    match &call.query {
        Query::Region => {}
        Query::Ids(ids) if (1..=ScalingMember::IDS_PER_READ).contains(&ids.len()) => {
            let ids = (1..).zip(ids);
            parameters.extend(ids.map(|(nth, id)| (format!("InstanceIds.{nth}"), id.as_str().to_owned())));
        }
        // Members have no tags.
        Query::Ids(_) | Query::Tagged(_) => return None,
    }
    Some(parameters)
}

/// The number of the page that a call asks for, counted from 1.
fn number(call: &ReadCall<ScalingMember>) -> Option<u32> {
    match &call.page {
        None => Some(1),
        Some(token) => token.as_str().parse().ok().filter(|number| *number > 0),
    }
}

/// The page in an answer; `None` when it is not the page that was asked for. Where the list is absent or null there are no
/// entries: the vendor's SDK reads it so.
pub(crate) fn page(
    call: &ReadCall<ScalingMember>,
    place: Place<'_>,
    answer: Answer,
) -> Option<Page<ScalingMember>> {
    let asked = number(call)?;
    let field = |name: &str| answer.fields.get(name)?.as_u64();
    let total = field("TotalCount")?;
    let right = field("PageNumber")? == u64::from(asked) && field("PageSize")? == u64::from(PAGE_SIZE);
    let entries = match answer.fields.get("ScalingInstances") {
        None | Some(Value::Null) => &[],
        Some(list) => list.as_array()?.as_slice(),
    };
    let fits =
        u64::try_from(entries.len()).is_ok_and(|count| count <= u64::from(PAGE_SIZE) && count <= total);
    let items: Vec<_> = entries.iter().filter_map(item).collect();
    let meant = match &call.query {
        Query::Ids(ids) => {
            items.iter().all(|item| ids.contains(&item.id))
                && u64::try_from(ids.len()).is_ok_and(|count| total <= count)
        }
        Query::Region | Query::Tagged(_) => true,
    };
    let shown = u64::from(PAGE_SIZE) * u64::from(asked);
    // A page without anything before the end would go on for ever. The numbers tell that it is not the end.
    let more = shown < total && !entries.is_empty();
    (right && fits && meant).then(|| Page {
        unreadable: entries.len() - items.len(),
        items,
        next: more.then(|| PageToken::new(asked.saturating_add(1).to_string())),
        total: Some(total),
        request_id: answer.request_id,
        identity: place.identity,
    })
}

/// One entry; `None` when its id can't be read.
fn item(entry: &Value) -> Option<Item<ScalingMember>> {
    let id = InstanceId::new(identifier(entry.get("InstanceId"))?);
    let facts = MemberFacts {
        instance: id.clone(),
        group: identifier(entry.get("ScalingGroupId")).map(ScalingGroupId::new),
        state: entry.get("LifecycleState").and_then(Value::as_str).and_then(LifecycleState::parse),
    };
    Some(Item { id, name: None, facts })
}

#[cfg(test)]
mod tests;
