//! ListTagResources: the way to the tags of more than a thousand resources.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::call::{Call, Done};
use super::honours::Honours;
use super::listing::{self, Largest};
use super::tags::{Kind, Tags, check_count, check_ids, missing};
use crate::faults::PageFaults;
use crate::state::{Fleet, Item, Mark, World};
use crate::wire::{Refusal, TagPair};

/// The page of the operation says of TagFilter that it is by invitation only.
pub(super) const HONOURS: Honours =
    Honours::any(&["NextToken", "RegionId", "ResourceId.N", "ResourceType", "Tag.N.Key", "Tag.N.Value"]);

/// The operation has no parameter for the size of its pages.
const LARGEST: Largest = Largest { by_token: 10, by_number: 10 };

struct Filter<T> {
    ids: Option<Vec<String>>,
    tags: Vec<TagPair>,
    tags_of: fn(&T) -> &Tags,
    hidden: fn(&T, &PageFaults) -> bool,
}

impl<T: Item> listing::Filter<T> for Filter<T> {
    fn ids(&self) -> Option<&[String]> {
        self.ids.as_deref()
    }

    fn mark(&self) -> Option<Mark> {
        TagPair::exact(&self.tags).map(|(key, value)| Mark::tag(key, value))
    }

    fn is_capped(&self) -> bool {
        false
    }

    fn matches(&self, item: &T) -> bool {
        let tags = (self.tags_of)(item);
        !tags.is_empty() && self.tags.iter().all(|tag| tag.matches(tags))
    }

    fn hidden(&self, item: &T, faults: &PageFaults) -> bool {
        (self.hidden)(item, faults)
    }
}

/// The resources that have all the tags, or are among those that are named, or both, as documented; each with all its
/// tags.
fn list<T: Item>(
    world: &mut World,
    call: &Call<'_>,
    (region, kind, filter): (&str, Kind, &Filter<T>),
    fleet: impl FnOnce(&mut World) -> Option<&mut Fleet<T>>,
) -> Result<Done, Refusal> {
    let page = listing::page(world, call, (region, filter, LARGEST), fleet)?;
    let rows: Vec<Value> = page
        .items
        .iter()
        .flat_map(|item| (filter.tags_of)(item).iter().map(move |tag| (item.id(), tag)))
        .map(|(id, (key, value))| {
            json!({ "ResourceId": id, "ResourceType": kind.as_str(), "TagKey": key, "TagValue": value })
        })
        .collect();
    Ok(Done::answer(json!({ "NextToken": page.next_token, "TagResources": { "TagResource": rows } })))
}

pub(crate) fn run(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    call.params.get("RegionId").ok_or_else(|| missing("MissingParameter.RegionId"))?;
    let region = call.region()?;
    let kind = Kind::of(call)?;
    let named: BTreeSet<&str> = call.params.list("ResourceId").into_iter().collect();
    let tags = call.params.tags()?;
    if named.is_empty() && tags.is_empty() {
        return Err(missing("MissingParameter.ResourceIds"));
    }
    check_ids(world, call, (kind, &region, &call.params.list("ResourceId")))?;
    if !tags.is_empty() {
        check_count(tags.len())?;
    }
    let ids = (!named.is_empty()).then(|| named.into_iter().map(str::to_owned).collect());
    let account = &call.caller.account;
    match kind {
        Kind::Instance => {
            let filter = Filter {
                ids,
                tags,
                tags_of: |instance: &crate::state::Instance| &instance.tags,
                hidden: |instance, faults| faults.hides_instance(&instance.instance_id),
            };
            list(world, call, (&region, kind, &filter), |world| {
                Some(&mut world.accounts.get_mut(account)?.instances)
            })
        }
        Kind::Interface => {
            let filter = Filter {
                ids,
                tags,
                tags_of: |interface: &crate::state::NetworkInterface| &interface.tags,
                hidden: |interface, faults| faults.hides_interface(interface),
            };
            list(world, call, (&region, kind, &filter), |world| {
                Some(&mut world.accounts.get_mut(account)?.interfaces)
            })
        }
    }
}
