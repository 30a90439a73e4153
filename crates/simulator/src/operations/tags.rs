//! TagResources and UntagResources, for instances.

use std::collections::BTreeSet;

use super::{Call, Done};
use crate::state::World;
use crate::wire::{Refusal, TagPair};

/// At most so many tags on an instance.
pub(super) const TAGS_PER_INSTANCE: usize = 20;

/// Refuses tags that no user may set: empty or long keys, and the vendor's own prefixes.
pub(super) fn check(tags: &[TagPair]) -> Result<(), Refusal> {
    let mut keys = BTreeSet::new();
    for tag in tags {
        let foreign = |text: &str| {
            text.starts_with("acs:")
                || text.starts_with("aliyun")
                || text.contains("http://")
                || text.contains("https://")
        };
        if tag.key.is_empty() || tag.key.chars().count() > 128 || foreign(&tag.key) {
            return Err(Refusal::new(
                400,
                "InvalidTagKey.Malformed",
                format!("{:?} can't be a tag's key.", tag.key),
            ));
        }
        let value = tag.value.as_deref().unwrap_or_default();
        if value.chars().count() > 128
            || value.starts_with("acs:")
            || value.contains("http://")
            || value.contains("https://")
        {
            return Err(Refusal::new(
                400,
                "InvalidTagValue.Malformed",
                format!("{value:?} can't be a tag's value."),
            ));
        }
        if !keys.insert(&tag.key) {
            return Err(Refusal::new(400, "Duplicate.TagKey", format!("The key {:?} comes twice.", tag.key)));
        }
    }
    Ok(())
}

/// The resources of a call. Missing parameters have their own codes here, and 404.
fn resources(world: &World, call: &Call<'_>) -> Result<Vec<String>, Refusal> {
    let missing = |code: &'static str| Refusal::new(404, code, "A mandatory parameter was not given.");
    call.params.get("RegionId").ok_or_else(|| missing("MissingParameter.RegionId"))?;
    let region = call.region()?;
    match call.params.get("ResourceType").ok_or_else(|| missing("MissingParameter.ResourceType"))? {
        "instance" => {}
        // Of the vendor's other types this one comes next; until then none of them has a member.
        "eni" => return Err(Refusal::new(404, "InvalidResourceId.NotFound", "There is no such interface.")),
        other => {
            return Err(Refusal::new(
                404,
                "InvalidResourceType.NotFound",
                format!("There is no type {other}."),
            ));
        }
    }
    let ids = call.params.list("ResourceId");
    if ids.is_empty() {
        return Err(missing("MissingParameter.ResourceIds"));
    }
    if ids.len() > 50 {
        return Err(Refusal::new(400, "NumberExceed.ResourceIds", "At most 50 resources in one call."));
    }
    for id in &ids {
        if world.find(&call.caller.account, id).is_none_or(|instance| instance.region_id != region) {
            return Err(Refusal::new(
                404,
                "InvalidResourceId.NotFound",
                format!("There is no instance {id} here."),
            ));
        }
    }
    Ok(ids.into_iter().map(str::to_owned).collect())
}

fn check_count(count: usize) -> Result<(), Refusal> {
    match count {
        0 => Err(Refusal::new(404, "MissingParameter.Tags", "No tag was given.")),
        1..=20 => Ok(()),
        _ => Err(Refusal::new(400, "NumberExceed.Tags", "At most 20 tags in one call.")),
    }
}

pub(crate) fn tag(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let ids = resources(world, call)?;
    let tags = call.params.tags()?;
    check_count(tags.len())?;
    check(&tags)?;
    let account = &call.caller.account;
    for id in &ids {
        let Some(instance) = world.find(account, id) else { continue };
        let new = tags.iter().filter(|tag| !instance.tags.contains_key(&tag.key)).count();
        if instance.tags.len() + new > TAGS_PER_INSTANCE {
            return Err(Refusal::new(
                400,
                "OperationDenied.QuotaExceed",
                format!("{id} would have too many tags."),
            ));
        }
    }
    let mut changed = false;
    for id in &ids {
        changed |= world.change(account, id, call.effect, |instance| {
            for tag in &tags {
                instance.tags.insert(tag.key.clone(), tag.value.clone().unwrap_or_default());
            }
        });
    }
    Ok(Done::write(changed))
}

pub(crate) fn untag(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let ids = resources(world, call)?;
    let keys: BTreeSet<&str> = call.params.list("TagKey").into_iter().collect();
    let all = keys.is_empty() && call.params.flag("All")?;
    if !all {
        check_count(keys.len())?;
    }
    let mut changed = false;
    for id in &ids {
        changed |= world.change(&call.caller.account, id, call.effect, |instance| {
            instance.tags.retain(|key, _| !all && !keys.contains(key.as_str()));
        });
    }
    Ok(Done::write(changed))
}
