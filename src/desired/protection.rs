//! From the spec of an `EcsInstanceProtection` to its intents.

use std::collections::BTreeMap;

use keeper_core::id::Region;
use keeper_core::instance::Instance;
use keeper_core::intent::{DeletionPolicy as CorePolicy, Intent, Selector};

use super::context::{Context, filters, instances};
use super::placement::Desired;
use crate::api::{AutoReleaseTime, DeletionPolicy, EcsInstanceProtectionSpec, Mode, Protection};

/// The field that holds a word of a newer version, if any.
pub fn unknown_word(spec: &EcsInstanceProtectionSpec) -> Option<&'static str> {
    if spec.protection == Protection::Unknown {
        Some("spec.protection")
    } else if spec.auto_release_time == AutoReleaseTime::Unknown {
        Some("spec.autoReleaseTime")
    } else if spec.mode == Mode::Unknown {
        Some("spec.mode")
    } else if spec.deletion_policy == DeletionPolicy::Unknown {
        Some("spec.deletionPolicy")
    } else {
        None
    }
}

/// What the spec asks in each region: in `region`, if it names one, or in those of its Nodes.
pub fn intents(
    spec: &EcsInstanceProtectionSpec,
    region: Option<Region>,
    context: Context<'_>,
) -> BTreeMap<Region, Desired> {
    let template = intent(spec, &context);
    let mut intents: BTreeMap<Region, Intent<Instance>> = BTreeMap::new();
    if let Some(region) = region {
        let mut here = template.clone();
        here.selector.ids = instances(&spec.targets.instance_ids);
        here.selector.tags = filters(&spec.targets.instance_tags);
        here.selector.all = spec.targets.all_instances == Some(true);
        intents.insert(region, here);
    }
    for (region, ids) in context.nodes {
        intents.entry(region).or_insert_with(|| template.clone()).selector.node_ids = ids;
    }
    let granted = |(region, intent): (Region, Intent<Instance>)| {
        let intent = Intent { may: context.granted.rights(&region), ..intent };
        (region, Desired::Protection(Box::new(intent)))
    };
    intents.into_iter().map(granted).collect()
}

/// The intent without what selects.
fn intent(spec: &EcsInstanceProtectionSpec, context: &Context<'_>) -> Intent<Instance> {
    let exclude = spec.targets.exclude.clone().unwrap_or_default();
    Intent {
        protect: spec.protection == Protection::Enabled,
        observe: spec.mode == Mode::Observe,
        cancel_release_times: spec.auto_release_time == AutoReleaseTime::Cancel,
        deletion_policy: match spec.deletion_policy {
            DeletionPolicy::Disable => CorePolicy::Unprotect,
            DeletionPolicy::Keep | DeletionPolicy::Unknown => CorePolicy::Keep,
        },
        deleting: context.deleting,
        carried_out: context.carried_out,
        ..Intent::of(Selector {
            exclude_ids: instances(&exclude.instance_ids),
            exclude_tags: filters(&exclude.instance_tags),
            ..Selector::default()
        })
    }
}
