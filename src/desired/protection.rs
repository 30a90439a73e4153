//! From an `EcsInstanceProtection` to its intents. Status can end an exception, and never makes one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use keeper_core::engine::ProtectionRecord;
use keeper_core::exception::{Exception, ExceptionPhase as CorePhase, ExceptionRecord, ExceptionRecords};
use keeper_core::id::{InstanceId, Region};
use keeper_core::instance::Instance;
use keeper_core::intent::{DeletionPolicy as CorePolicy, Intent, ScaleIn as CoreScaleIn, Selector};
use keeper_core::lift::{Lift, LiftPhase as CoreLiftPhase, LiftRecord, Removal};
use keeper_core::wall_clock::WallTime;

use super::context::{Context, filters, instances};
use super::placement::Desired;
use super::removal::{Claims, Removing, instance, namers};
use super::wall_time::whole_seconds;
use crate::api::{
    AutoReleaseTime, DeletionPolicy, EcsInstanceProtection, EcsInstanceProtectionSpec,
    EcsInstanceProtectionStatus, ExceptionPhase, InstanceException, LiftPhase, Mode, NodeRemoval, Object,
    Protection, ScaleIn, WatchedObject,
};
use crate::provider_id::is_instance_id;

/// The field that holds a word of a newer version, if any.
pub fn unknown_word(spec: &EcsInstanceProtectionSpec) -> Option<&'static str> {
    if spec.protection == Protection::Unknown {
        Some("spec.protection")
    } else if spec.auto_release_time == AutoReleaseTime::Unknown {
        Some("spec.autoReleaseTime")
    } else if spec.scale_in == ScaleIn::Unknown {
        Some("spec.scaleIn")
    } else if spec.mode == Mode::Unknown {
        Some("spec.mode")
    } else if spec.deletion_policy == DeletionPolicy::Unknown {
        Some("spec.deletionPolicy")
    } else if spec.node_removal == NodeRemoval::Unknown {
        Some("spec.nodeRemoval")
    } else if spec.exceptions.iter().any(|entry| exception_until(entry).is_none()) {
        Some("spec.exceptions[].until")
    } else {
        None
    }
}

/// When an exception ends, by its entry; `None`: that can't be read.
pub fn exception_until(entry: &InstanceException) -> Option<WallTime> {
    entry.until.parse::<Timestamp>().ok().map(whole_seconds)
}

/// What status says durably of exceptions. What a newer version says in a word of its own may be an end, and is taken for one.
pub fn exception_records(status: &EcsInstanceProtectionStatus) -> ExceptionRecords {
    let records = status.exceptions.iter().map(|row| {
        let phase = match row.phase {
            ExceptionPhase::Waiting => CorePhase::Waiting,
            ExceptionPhase::InForce => CorePhase::InForce,
            ExceptionPhase::Expired | ExceptionPhase::Unknown => CorePhase::Expired,
            ExceptionPhase::Void => CorePhase::Void,
            ExceptionPhase::NotSelected => CorePhase::NotSelected,
        };
        let (until, ends) = (whole_seconds(row.until.0), whole_seconds(row.ends_at.0));
        let record = ExceptionRecord { until, ends, phase, carried_out: row.says_carried_out() };
        (InstanceId::new(&row.instance_id), record)
    });
    records.collect()
}

/// Whether the spec says to step aside for Karpenter.
pub fn lifts_for_karpenter(spec: &EcsInstanceProtectionSpec) -> bool {
    // Whoever asks for protection to be switched off has nothing to lift.
    spec.node_removal == NodeRemoval::Lift && spec.protection == Protection::Enabled
}

/// Whether an object steps aside for Karpenter.
pub fn lifts(seen: &WatchedObject) -> bool {
    let object = seen.object.as_ref().and_then(Object::protection);
    object.is_some_and(|object| lifts_for_karpenter(&object.spec))
}

/// What status says durably of lifts, by the region of the instance. A phase that is not known may be an end, and is taken for one.
fn lift_records(status: &EcsInstanceProtectionStatus) -> BTreeMap<(Region, InstanceId), LiftRecord> {
    // Whoever writes into status may have written anything.
    let rows = status.lifted.iter().filter(|row| is_instance_id(&row.instance_id));
    let records = rows.map(|row| {
        let instance = (Region::new(&row.region), InstanceId::new(&row.instance_id));
        let phase = match row.phase {
            LiftPhase::Waiting => CoreLiftPhase::Waiting,
            LiftPhase::InForce => CoreLiftPhase::InForce,
            LiftPhase::Expired | LiftPhase::Unknown => CoreLiftPhase::Expired,
        };
        let (node, since) = (Arc::from(row.node_name.as_str()), whole_seconds(row.since.0));
        (instance, LiftRecord { node, since, phase })
    });
    records.collect()
}

type Removals = BTreeMap<(Region, InstanceId), Removing>;

/// What the spec asks in each region: in `region`, if it names one, or in those of its Nodes. And of which machines Karpenter is
/// about to release.
pub fn intents(
    object: &EcsInstanceProtection,
    region: Option<Region>,
    context: Context<'_>,
) -> (BTreeMap<Region, Desired>, Removals) {
    let spec = &object.spec;
    let template = intent(spec, &context);
    let lifted = object.status.as_ref().map(lift_records).unwrap_or_default();
    let (lifts, removals) = lifted_machines(spec, region.as_ref(), &lifted, &context);
    let exceptions = object.status.as_ref().map(exception_records).unwrap_or_default();
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
    for (region, lifts) in lifts {
        let here = intents.entry(region).or_insert_with(|| template.clone());
        // It stays a target when its Node is gone.
        here.selector.node_ids.extend(lifts.keys().cloned());
        here.lifts = lifts;
    }
    let record = |here: &Region| {
        let here = lifted.iter().filter(|((region, _), _)| region == here);
        let lifted = here.map(|((_, id), record)| (id.clone(), record.clone())).collect();
        ProtectionRecord { exceptions: exceptions.clone(), lifted }
    };
    let granted = |(region, intent): (Region, Intent<Instance>)| {
        let intent = Intent { may: context.granted.rights(&region), ..intent };
        let record = record(&region);
        (region, Desired::Protection(Box::new(intent), Box::new(record)))
    };
    (intents.into_iter().map(granted).collect(), removals)
}

type LiftsByRegion = BTreeMap<Region, BTreeMap<InstanceId, Lift>>;

/// How far the removal has come of each instance for which the object has stepped aside, or may now.
fn lifted_machines(
    spec: &EcsInstanceProtectionSpec,
    region: Option<&Region>,
    lifted: &BTreeMap<(Region, InstanceId), LiftRecord>,
    context: &Context<'_>,
) -> (LiftsByRegion, Removals) {
    let (mut lifts, mut removals) = (LiftsByRegion::new(), Removals::new());
    // What status says of lifts must lead to no act when the object goes (I14).
    if spec.protection != Protection::Enabled || context.deleting.is_some() {
        return (lifts, removals);
    }
    let asked = lifts_for_karpenter(spec);
    let unknown = Claims::new();
    let known = context.claims.filter(|_| asked);
    let awaited = asked && context.watches_claims && known.is_none();
    let claims = known.unwrap_or(&unknown);
    let excluded: BTreeSet<&str> =
        spec.targets.exclude.iter().flat_map(|exclude| &exclude.instance_ids).map(String::as_str).collect();
    let named = claims.values().filter(|claim| claim.deleting).filter_map(|claim| instance(&claim.provider));
    let removed = named.filter(|(_, id)| !excluded.contains(id.as_str()));
    let here = |at: &Region| {
        region.is_none_or(|region| region == at) && context.granted.region(at.as_str()).is_some()
    };
    let stand = lifted.keys().filter(|(at, _)| here(at)).cloned();
    let candidates: BTreeSet<(Region, InstanceId)> = removed.chain(stand).collect();
    for (of, namers) in namers(&candidates, context.machines, claims) {
        let selected = context.selected.get(of).map(String::as_str);
        let due = namers.due(selected);
        let (node, removal) = match (lifted.get(of), &due) {
            (Some(record), _) if awaited => (record.node.clone(), Removal::Unknown),
            // What Karpenter is doing is not watched, or not asked for any more.
            (Some(record), _) if known.is_none() => (record.node.clone(), Removal::Withdrawn),
            (Some(record), _) => (record.node.clone(), namers.removal(selected)),
            (None, Some(due)) => (Arc::from(due.node.as_str()), Removal::Due),
            (None, None) => continue,
        };
        let lift = Lift { node, removal, selected: selected.is_some() };
        let (region, id) = of;
        lifts.entry(region.clone()).or_default().insert(id.clone(), lift);
        removals.extend(due.map(|due| (of.clone(), due)));
    }
    (lifts, removals)
}

/// The intent without what selects.
fn intent(spec: &EcsInstanceProtectionSpec, context: &Context<'_>) -> Intent<Instance> {
    let exclude = spec.targets.exclude.clone().unwrap_or_default();
    Intent {
        protect: spec.protection == Protection::Enabled,
        observe: spec.mode == Mode::Observe,
        cancel_release_times: spec.auto_release_time == AutoReleaseTime::Cancel,
        scale_in: match spec.scale_in {
            ScaleIn::Protect => CoreScaleIn::Protect,
            ScaleIn::Unprotect => CoreScaleIn::Unprotect,
            ScaleIn::Report | ScaleIn::Unknown => CoreScaleIn::Report,
        },
        scale_in_carried_out: context.scale_in_carried_out,
        deletion_policy: match spec.deletion_policy {
            DeletionPolicy::Disable => CorePolicy::Unprotect,
            DeletionPolicy::Keep | DeletionPolicy::Unknown => CorePolicy::Keep,
        },
        deleting: context.deleting,
        carried_out: context.carried_out,
        exceptions: exceptions(spec),
        // Nothing is lifted by who does not know what Karpenter does: its risk stands.
        lift: context.claims.is_some() && lifts_for_karpenter(spec),
        ..Intent::of(Selector {
            exclude_ids: instances(&exclude.instance_ids),
            exclude_tags: filters(&exclude.instance_tags),
            ..Selector::default()
        })
    }
}

/// The exceptions that are asked for. Which region an instance is in is for the engines to find out.
fn exceptions(spec: &EcsInstanceProtectionSpec) -> BTreeMap<InstanceId, Exception> {
    let exception = |entry: &InstanceException| {
        let exception =
            Exception { until: exception_until(entry)?, reason: Arc::from(entry.reason.as_str()) };
        Some((InstanceId::new(&entry.instance_id), exception))
    };
    // Whoever asks for protection to be switched off excepts nothing from it.
    let asked = spec.exceptions.iter().filter(|_| spec.protection == Protection::Enabled);
    asked.filter_map(exception).collect()
}

#[cfg(test)]
mod tests;
