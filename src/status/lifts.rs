//! What status says of the instances that Karpenter is about to release.

use std::collections::{BTreeMap, BTreeSet};

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use keeper_core::id::{InstanceId, Region};
use keeper_core::lift::LiftPhase as CorePhase;
use keeper_core::reason::Reason;
use kube::runtime::events::EventType;

use super::report::Report;
use crate::api::{LiftPhase, LiftedStatus, MAX_LIFTED};
use crate::desired::timestamp;
use crate::events::{ObjectEvent, each_or_all};

/// The instances for which the object steps aside. This is the memory of since when, and of how far it has come: a row stands as
/// long as its region speaks of it, or has yet to speak, and never goes back.
pub fn rows(report: &Report, old: &[LiftedStatus]) -> Vec<LiftedStatus> {
    let stands = |row: &&LiftedStatus| {
        let of = instance(row);
        let awaited = !report.counted && !report.spoken.contains(&of.0);
        awaited || report.lifted.contains_key(&of)
    };
    let goes_on = |row: &LiftedStatus| {
        let told = report.lifted.get(&instance(row)).map(|lift| phase(lift.phase));
        LiftedStatus { phase: told.map_or(row.phase, |told| told.max(row.phase)), ..row.clone() }
    };
    let mut rows: Vec<LiftedStatus> = old.iter().filter(stands).map(goes_on).collect();
    let stood: BTreeSet<(Region, InstanceId)> = rows.iter().map(instance).collect();
    let new = report.lifted.iter().filter(|(of, _)| !stood.contains(of));
    rows.extend(new.map(|((region, id), lift)| LiftedStatus {
        instance_id: id.to_string(),
        region: region.to_string(),
        node_name: lift.node.to_string(),
        since: Time(timestamp(lift.since)),
        phase: phase(lift.phase),
    }));
    rows.truncate(MAX_LIFTED);
    rows
}

/// That the object has come to step aside for instances, and that it has done so in vain.
pub fn events(old: &[LiftedStatus], new: &[LiftedStatus]) -> Vec<ObjectEvent> {
    let before: BTreeMap<(Region, InstanceId), LiftPhase> =
        old.iter().map(|row| (instance(row), row.phase)).collect();
    let stood = |row: &&LiftedStatus| before.get(&instance(row)).copied();
    let begun = new.iter().filter(|row| stood(row).is_none());
    let expired = new.iter().filter(|row| row.phase == LiftPhase::Expired);
    let in_vain = expired.filter(|row| stood(row) != Some(LiftPhase::Expired));
    let mut events = of_all(begun, (EventType::Normal, Reason::Lifted, "Unprotect"));
    events.extend(of_all(in_vain, (EventType::Warning, Reason::NotReleased, "Protect")));
    events
}

fn of_all<'a>(
    rows: impl Iterator<Item = &'a LiftedStatus>,
    (kind, reason, action): (EventType, Reason, &'static str),
) -> Vec<ObjectEvent> {
    let names: Vec<String> =
        rows.map(|row| format!("{} (Node {})", row.instance_id, row.node_name)).collect();
    let event =
        |what: &str| ObjectEvent { kind, reason, action, note: format!("{what}: {}", reason.sentence()) };
    each_or_all(
        &names,
        |one| event(one),
        |one| one,
        |count, examples| event(&format!("{count} instances: {examples}")),
    )
}

fn phase(phase: CorePhase) -> LiftPhase {
    match phase {
        CorePhase::Waiting => LiftPhase::Waiting,
        CorePhase::InForce => LiftPhase::InForce,
        CorePhase::Expired => LiftPhase::Expired,
    }
}

fn instance(row: &LiftedStatus) -> (Region, InstanceId) {
    (Region::new(&row.region), InstanceId::new(&row.instance_id))
}
