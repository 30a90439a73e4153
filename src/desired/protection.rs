//! From an `EcsInstanceProtection` to its intents. Status can end an exception, and never makes one.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use keeper_core::engine::ProtectionRecord;
use keeper_core::exception::{Exception, ExceptionPhase as CorePhase, ExceptionRecord, ExceptionRecords};
use keeper_core::id::{InstanceId, Region};
use keeper_core::instance::Instance;
use keeper_core::intent::{DeletionPolicy as CorePolicy, Intent, Selector};
use keeper_core::wall_clock::WallTime;

use super::context::{Context, filters, instances};
use super::placement::Desired;
use super::wall_time::whole_seconds;
use crate::api::{
    AutoReleaseTime, DeletionPolicy, EcsInstanceProtection, EcsInstanceProtectionSpec,
    EcsInstanceProtectionStatus, ExceptionPhase, InstanceException, Mode, NodeRemoval, Protection,
};

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
        (InstanceId::new(&row.instance_id), ExceptionRecord { until, ends, phase })
    });
    records.collect()
}

/// What the spec asks in each region: in `region`, if it names one, or in those of its Nodes.
pub fn intents(
    object: &EcsInstanceProtection,
    region: Option<Region>,
    context: Context<'_>,
) -> BTreeMap<Region, Desired> {
    let spec = &object.spec;
    let template = intent(spec, &context);
    let record = ProtectionRecord {
        exceptions: object.status.as_ref().map(exception_records).unwrap_or_default(),
        ..ProtectionRecord::default()
    };
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
        (region, Desired::Protection(Box::new(intent), Box::new(record.clone())))
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
        exceptions: exceptions(spec),
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
