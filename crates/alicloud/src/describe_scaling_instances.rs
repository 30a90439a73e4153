//! `DescribeScalingInstances`: one page of members of scaling groups. Concludes nothing: whatever an entry doesn't say
//! readably is absent, and one odd entry doesn't cost the page.
//!
//! An answer that shows what was not asked for is none. The cloud passes over parameters that it doesn't know, and a listing
//! whose filter it passed over looks like a good one.

use keeper_core::call::Identity;
use keeper_core::id::{InstanceId, Region};
use serde_json::Value;

use crate::answer::Answer;
use crate::identifier::identifier;
use crate::member_listing::PAGE_SIZE;
use crate::operation::{Operation, Parameters, Product};
use crate::permission::{Permission, ResourceType};
use crate::scaling_member::{
    INSTANCES_PER_CALL, LifecycleState, MemberPage, MemberQuery, MemberRead, ScalingGroupId, ScalingMember,
};

/// Its page names no resource.
pub(crate) const OPERATION: Operation =
    Operation::read(Product::Ess, "DescribeScalingInstances", Permission::on(&[ResourceType::All]));

/// The parameters of a read; `None` when the query is empty or beyond the operation's limits. A filter without entries
/// would not be sent at all, and the cloud would answer with the whole region.
pub(crate) fn parameters(region: &Region, read: &MemberRead) -> Option<Parameters> {
    let mut parameters = vec![
        ("RegionId".to_owned(), region.as_str().to_owned()),
        ("PageNumber".to_owned(), read.page.to_string()),
        ("PageSize".to_owned(), PAGE_SIZE.to_string()),
    ];
    let mut list = |name: &str, values: &mut dyn Iterator<Item = &str>| {
        parameters
            .extend((1..).zip(values).map(|(number, value)| (format!("{name}.{number}"), value.to_owned())));
    };
    match &read.query {
        MemberQuery::Region => {}
        MemberQuery::InStates(states) if !states.is_empty() => {
            list("LifecycleStates", &mut states.iter().map(|state| state.as_str()));
        }
        MemberQuery::Instances(ids) if (1..=INSTANCES_PER_CALL).contains(&ids.len()) => {
            list("InstanceIds", &mut ids.iter().map(InstanceId::as_str));
        }
        MemberQuery::InStates(_) | MemberQuery::Instances(_) => return None,
    }
    (read.page > 0).then_some(parameters)
}

/// The page in an answer; `None` when it is not the page that was asked for. Where the list is absent or null there are no
/// entries: the vendor's SDK reads it so.
pub(crate) fn page(read: &MemberRead, identity: Identity, answer: Answer) -> Option<MemberPage> {
    let number = |name: &str| answer.fields.get(name)?.as_u64();
    let total = number("TotalCount")?;
    let right = number("PageNumber")? == u64::from(read.page) && number("PageSize")? == u64::from(PAGE_SIZE);
    let entries = match answer.fields.get("ScalingInstances") {
        None | Some(Value::Null) => &[],
        Some(list) => list.as_array()?.as_slice(),
    };
    let fits =
        u64::try_from(entries.len()).is_ok_and(|count| count <= u64::from(PAGE_SIZE) && count <= total);
    let members: Vec<_> = entries.iter().filter_map(member).collect();
    let asked =
        members.iter().all(|member| is_asked(&read.query, member)) && count_is_asked(&read.query, total);
    (right && fits && asked).then(|| MemberPage {
        number: read.page,
        unreadable: entries.len() - members.len(),
        members,
        total,
        request_id: answer.request_id,
        identity,
    })
}

fn is_asked(query: &MemberQuery, member: &ScalingMember) -> bool {
    match query {
        MemberQuery::Region => true,
        MemberQuery::InStates(states) => member.lifecycle.is_none_or(|state| states.contains(&state)),
        MemberQuery::Instances(ids) => ids.contains(&member.instance),
    }
}

fn count_is_asked(query: &MemberQuery, total: u64) -> bool {
    match query {
        MemberQuery::Instances(ids) => u64::try_from(ids.len()).is_ok_and(|count| total <= count),
        MemberQuery::Region | MemberQuery::InStates(_) => true,
    }
}

/// One entry; `None` when its id can't be read.
fn member(entry: &Value) -> Option<ScalingMember> {
    Some(ScalingMember {
        instance: InstanceId::new(identifier(entry.get("InstanceId"))?),
        group: entry.get("ScalingGroupId").and_then(Value::as_str).and_then(ScalingGroupId::parse),
        lifecycle: entry.get("LifecycleState").and_then(Value::as_str).and_then(LifecycleState::parse),
    })
}

#[cfg(test)]
mod tests;
