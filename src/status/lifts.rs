//! What status says of the instances that Karpenter is about to release.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use keeper_core::id::{InstanceId, Region};
use keeper_core::reason::Reason;
use kube::runtime::events::EventType;

use super::report::Report;
use crate::api::{LiftedStatus, MAX_LIFTED};
use crate::desired::timestamp;
use crate::events::{ObjectEvent, each_or_all};

/// The instances for which the object steps aside. This is the memory of since when: a row stands as it was as long as its region
/// speaks of it, or has yet to speak.
pub fn rows(report: &Report, old: &[LiftedStatus]) -> Vec<LiftedStatus> {
    let stands = |row: &&LiftedStatus| {
        let of = instance(row);
        let awaited = !report.counted && !report.spoken.contains(&of.0);
        awaited || report.lifted.contains_key(&of)
    };
    let mut rows: Vec<LiftedStatus> = old.iter().filter(stands).cloned().collect();
    let stood: BTreeSet<(Region, InstanceId)> = rows.iter().map(instance).collect();
    let new = report.lifted.iter().filter(|(of, _)| !stood.contains(of));
    rows.extend(new.map(|((region, id), lift)| LiftedStatus {
        instance_id: id.to_string(),
        region: region.to_string(),
        node_name: lift.node.to_string(),
        since: Time(timestamp(lift.since)),
    }));
    rows.truncate(MAX_LIFTED);
    rows
}

/// That the object has come to step aside for instances.
pub fn events(old: &[LiftedStatus], new: &[LiftedStatus]) -> Vec<ObjectEvent> {
    let before: BTreeSet<(Region, InstanceId)> = old.iter().map(instance).collect();
    let fresh = new.iter().filter(|row| !before.contains(&instance(row)));
    let names: Vec<String> =
        fresh.map(|row| format!("{} (Node {})", row.instance_id, row.node_name)).collect();
    let reason = Reason::Lifted;
    let event = |what: &str| ObjectEvent {
        kind: EventType::Normal,
        reason,
        action: "Unprotect",
        note: format!("{what}: {}", reason.sentence()),
    };
    each_or_all(
        &names,
        |one| event(one),
        |one| one,
        |count, examples| event(&format!("{count} instances: {examples}")),
    )
}

fn instance(row: &LiftedStatus) -> (Region, InstanceId) {
    (Region::new(&row.region), InstanceId::new(&row.instance_id))
}
