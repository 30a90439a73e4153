//! From the spec of an `EcsInstanceProtection` to its wishes.

use std::collections::BTreeMap;

use keeper_core::id::Region;
use keeper_core::instance::Instance;
use keeper_core::wish::{DeletionPolicy as CorePolicy, Selector, Wish};

use super::context::{Context, filters, instances};
use super::placement::Wished;
use crate::api::{DeletionPolicy, EcsInstanceProtectionSpec, Mode, Protection};

/// The field that holds a word of a newer version, if any.
pub fn unknown_word(spec: &EcsInstanceProtectionSpec) -> Option<&'static str> {
    if spec.protection == Protection::Unknown {
        Some("spec.protection")
    } else if spec.mode == Mode::Unknown {
        Some("spec.mode")
    } else if spec.deletion_policy == DeletionPolicy::Unknown {
        Some("spec.deletionPolicy")
    } else {
        None
    }
}

/// What the spec asks in each region.
pub fn wishes(spec: &EcsInstanceProtectionSpec, context: Context<'_>) -> BTreeMap<Region, Wished> {
    let template = wish(spec, &context);
    let mut wishes: BTreeMap<Region, Wish<Instance>> = BTreeMap::new();
    if let Some(region) = context.region {
        let mut here = template.clone();
        here.selector.ids = instances(&spec.targets.instance_ids);
        here.selector.tags = filters(&spec.targets.instance_tags);
        here.selector.all = spec.targets.all_instances == Some(true);
        wishes.insert(region, here);
    }
    for (region, ids) in context.nodes {
        wishes.entry(region).or_insert_with(|| template.clone()).selector.node_ids = ids;
    }
    let granted = |(region, wish): (Region, Wish<Instance>)| {
        let wish = Wish { may: context.granted.rights(&region), ..wish };
        (region, Wished::Protection(Box::new(wish)))
    };
    wishes.into_iter().map(granted).collect()
}

/// The wish without what selects.
fn wish(spec: &EcsInstanceProtectionSpec, context: &Context<'_>) -> Wish<Instance> {
    let exclude = spec.targets.exclude.clone().unwrap_or_default();
    Wish {
        protect: spec.protection == Protection::Enabled,
        observe: spec.mode == Mode::Observe,
        deletion_policy: match spec.deletion_policy {
            DeletionPolicy::Disable => CorePolicy::Unprotect,
            DeletionPolicy::Keep | DeletionPolicy::Unknown => CorePolicy::Keep,
        },
        deleting: context.deleting,
        carried_out: context.carried_out,
        ..Wish::of(Selector {
            exclude_ids: instances(&exclude.instance_ids),
            exclude_tags: filters(&exclude.instance_tags),
            ..Selector::default()
        })
    }
}
