//! TagResources and UntagResources, for instances and network interfaces.

use std::collections::{BTreeMap, BTreeSet};

use super::call::{Call, Done};
use super::honours::Honours;
use crate::state::World;
use crate::wire::{Refusal, TagPair};

pub(super) const TAG: Honours =
    Honours::any(&["RegionId", "ResourceId.N", "ResourceType", "Tag.N.Key", "Tag.N.Value"]);
pub(super) const UNTAG: Honours =
    Honours::any(&["All", "RegionId", "ResourceId.N", "ResourceType", "TagKey.N"]);

/// At most so many tags on an instance or a network interface.
pub(super) const TAGS_PER_RESOURCE: usize = 20;

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

/// The kind of resource that a call is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Instance,
    Interface,
}

impl Kind {
    /// The parameter ResourceType.
    pub(super) fn of(call: &Call<'_>) -> Result<Self, Refusal> {
        match call.params.get("ResourceType").ok_or_else(|| missing("MissingParameter.ResourceType"))? {
            "instance" => Ok(Self::Instance),
            "eni" => Ok(Self::Interface),
            other => {
                Err(Refusal::new(404, "InvalidResourceType.NotFound", format!("There is no type {other}.")))
            }
        }
    }

    /// The vendor's word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "instance",
            Self::Interface => "eni",
        }
    }

    /// The region and the tags of a resource.
    fn find<'w>(self, world: &'w World, account: &str, id: &str) -> Option<(&'w str, &'w Tags)> {
        match self {
            Self::Instance => {
                world.find(account, id).map(|instance| (instance.region_id.as_str(), &instance.tags))
            }
            Self::Interface => world
                .find_interface(account, id)
                .map(|interface| (interface.region_id.as_str(), &interface.tags)),
        }
    }

    fn change(self, world: &mut World, call: &Call<'_>, id: &str, change: impl FnOnce(&mut Tags)) -> bool {
        let account = &call.caller.account;
        match self {
            Self::Instance => world.change(account, id, call.effect, |instance| change(&mut instance.tags)),
            Self::Interface => {
                world.change_interface(account, id, call.effect, |interface| change(&mut interface.tags))
            }
        }
    }
}

pub(super) type Tags = BTreeMap<String, String>;

/// Missing parameters have their own codes in these operations, and 404.
pub(super) fn missing(code: &'static str) -> Refusal {
    Refusal::new(404, code, "A mandatory parameter was not given.")
}

/// Refuses too many resources, and those that aren't in the region.
pub(super) fn check_ids(
    world: &World,
    call: &Call<'_>,
    (kind, region, ids): (Kind, &str, &[&str]),
) -> Result<(), Refusal> {
    if ids.len() > 50 {
        return Err(Refusal::new(400, "NumberExceed.ResourceIds", "At most 50 resources in one call."));
    }
    for id in ids {
        let found = kind.find(world, &call.caller.account, id);
        if found.is_none_or(|(home, _)| home != region) {
            let text = format!("There is no such resource {id} here.");
            return Err(Refusal::new(404, "InvalidResourceId.NotFound", text));
        }
    }
    Ok(())
}

/// The resources of a call.
fn resources(world: &World, call: &Call<'_>) -> Result<(Kind, Vec<String>), Refusal> {
    call.params.get("RegionId").ok_or_else(|| missing("MissingParameter.RegionId"))?;
    let region = call.region()?;
    let kind = Kind::of(call)?;
    let ids = call.params.list("ResourceId");
    if ids.is_empty() {
        return Err(missing("MissingParameter.ResourceIds"));
    }
    check_ids(world, call, (kind, &region, &ids))?;
    Ok((kind, ids.into_iter().map(str::to_owned).collect()))
}

pub(super) fn check_count(count: usize) -> Result<(), Refusal> {
    match count {
        0 => Err(Refusal::new(404, "MissingParameter.Tags", "No tag was given.")),
        1..=20 => Ok(()),
        _ => Err(Refusal::new(400, "NumberExceed.Tags", "At most 20 tags in one call.")),
    }
}

pub(crate) fn tag(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let (kind, ids) = resources(world, call)?;
    let tags = call.params.tags()?;
    check_count(tags.len())?;
    check(&tags)?;
    let account = &call.caller.account;
    for id in &ids {
        let Some((_, former)) = kind.find(world, account, id) else { continue };
        let new = tags.iter().filter(|tag| !former.contains_key(&tag.key)).count();
        if former.len() + new > TAGS_PER_RESOURCE {
            return Err(Refusal::new(
                400,
                "OperationDenied.QuotaExceed",
                format!("{id} would have too many tags."),
            ));
        }
    }
    let mut changed = false;
    for id in &ids {
        changed |= kind.change(world, call, id, |all| {
            for tag in &tags {
                all.insert(tag.key.clone(), tag.value.clone().unwrap_or_default());
            }
        });
    }
    Ok(Done::write(changed))
}

pub(crate) fn untag(world: &mut World, call: &Call<'_>) -> Result<Done, Refusal> {
    let (kind, ids) = resources(world, call)?;
    let keys: BTreeSet<&str> = call.params.list("TagKey").into_iter().collect();
    let all = keys.is_empty() && call.params.flag("All")?;
    if !all {
        check_count(keys.len())?;
    }
    let mut changed = false;
    for id in &ids {
        changed |= kind.change(world, call, id, |former| {
            former.retain(|key, _| !all && !keys.contains(key.as_str()));
        });
    }
    Ok(Done::write(changed))
}
