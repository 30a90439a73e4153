use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use keeper_core::id::{AccountName, InstanceId, Region};
use keeper_core::intent::{Intent, Selector};
use keeper_core::reason::Reason;
use keeper_core::verdict::{Progress, RegionReport, Row, State, tell};
use serde_json::json;
use tokio::time::Instant;

use super::api_conditions::condition;
use super::fields::cut;
use super::*;
use crate::api::{
    EcsInstanceProtection, EcsInstanceProtectionStatus, MAX_LISTED_TARGETS, Object, Resource, WatchedObject,
};
use crate::desired::{Desired, Placement, Served};
use crate::metrics::Judged;
use crate::scope::Scope;
use crate::store::StoredObject;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn now() -> Now {
    Now { steady: Instant::now(), wall: at(1000) }
}

fn intent(protect: bool) -> Desired {
    Desired::Protection(Box::new(Intent { protect, ..Intent::of(Selector::default()) }))
}

fn scope(region: &str) -> Scope {
    Scope { account: AccountName::new("default"), region: Region::new(region) }
}

fn seen(object: EcsInstanceProtection) -> WatchedObject {
    let (meta, object) = (object.metadata.clone(), Object::Protection(Arc::new(object)));
    WatchedObject { resource: Resource::Protection, meta, object: Some(object) }
}

/// The entry with a status that stands.
fn with(entry: &StoredObject, status: EcsInstanceProtectionStatus) -> StoredObject {
    let mut object = entry.seen.object.as_ref().and_then(Object::protection).unwrap().clone();
    object.status = Some(status);
    StoredObject { seen: seen(object), ..entry.clone() }
}

fn entry(regions: &[&str], protect: bool) -> StoredObject {
    let object: EcsInstanceProtection = serde_json::from_value(json!({
        "metadata": { "name": "a", "namespace": "n", "uid": "u", "generation": 2 },
        "spec": { "targets": {} },
    }))
    .unwrap();
    StoredObject {
        seen: seen(object),
        placement: Arc::new(Placement::Served(Served {
            account: AccountName::new("default"),
            intents: regions.iter().map(|region| (Region::new(region), intent(protect))).collect(),
            nodes_ignored: 1,
            targetless: BTreeMap::new(),
            nodes: BTreeMap::new(),
        })),
        offered: None,
        parts: BTreeMap::new(),
        author_told: None,
        lagging: Lagging::default(),
        announced: None,
        judged: None,
        losses: Losses::default(),
        cancelled: Vec::new(),
    }
}

fn row(id: &str, state: State, reason: Reason) -> Row {
    Row { id: id.into(), state, reason, detail: None, risks: Vec::new() }
}

fn settled(rows: Vec<Row>) -> Arc<RegionReport> {
    Arc::new(RegionReport { settled: true, rows, ..RegionReport::default() })
}

fn said(entry: &StoredObject) -> (String, String) {
    let report = report(entry, now()).unwrap();
    let domain = report.condition_set.domain;
    (domain.status.as_str().to_owned(), domain.reason.as_str().to_owned())
}

#[test]
fn a_region_that_has_said_nothing_yet_is_unknown() {
    let mut entry = entry(&["cn-beijing", "cn-hangzhou"], true);
    entry.parts.insert(scope("cn-beijing"), (2, settled(Vec::new())));
    assert_eq!(said(&entry), ("Unknown".to_owned(), "AwaitingEvidence".to_owned()));
    entry.parts.insert(scope("cn-hangzhou"), (1, settled(Vec::new())));
    assert_eq!(said(&entry).1, "AwaitingEvidence", "what it said of an older generation does not count");
    entry.parts.insert(scope("cn-hangzhou"), (2, settled(Vec::new())));
    assert_eq!(said(&entry).1, "NoTargets");
}

#[test]
fn rows_of_several_regions_stand_in_one_order_and_are_cut_together() {
    let mut entry = entry(&["cn-beijing", "cn-hangzhou"], true);
    let calm =
        (0..MAX_LISTED_TARGETS).map(|n| row(&format!("i-{n:03}"), State::Protected, Reason::AllProtected));
    entry.parts.insert(scope("cn-beijing"), (2, settled(calm.collect())));
    let drifted = row("i-x", State::Unprotected, Reason::Correcting);
    entry.parts.insert(scope("cn-hangzhou"), (2, settled(vec![drifted])));
    let rows = report(&entry, now()).unwrap().part.rows;
    assert_eq!((rows.len(), &*rows[0].id, &*rows[1].id), (MAX_LISTED_TARGETS, "i-x", "i-000"));
}

#[test]
fn i49_a_node_without_a_target_stalls_after_its_time_whoever_leads_by_then() {
    let minutes = |n| Duration::from_secs(60 * n);
    let mut entry = entry(&["cn-beijing"], true);
    let Placement::Served(mut served) = (*entry.placement).clone() else { panic!("{entry:?}") };
    served.targetless = BTreeMap::from([("n1".to_owned(), Reason::NodeUnresolved)]);
    entry.placement = Arc::new(Placement::Served(served));
    entry.parts.insert(scope("cn-beijing"), (2, settled(Vec::new())));
    let start = now();
    let later = |n: u64| Now { steady: start.steady + minutes(n), wall: start.wall };
    let stalled =
        |report: &Report| report.condition_set.stalled.status == keeper_core::conditions::Status::True;
    let first = report(&entry, start).unwrap();
    assert_eq!(first.condition_set.domain.reason, Reason::NodeUnresolved);
    assert!(!stalled(&first));
    entry.lagging = first.lagging.clone();
    assert!(!stalled(&report(&entry, later(4)).unwrap()), "whatever the wall's clock says");
    assert!(stalled(&report(&entry, later(5)).unwrap()));

    // Another operator has only what status says.
    let status = statement(&first, &entry, start.wall).unwrap().status;
    let mut other = with(&entry, serde_json::from_value(status).unwrap());
    other.lagging = Lagging::default();
    let elsewhere = |n: i64| Now { steady: start.steady, wall: at(1000 + 60 * n) };
    assert!(!stalled(&report(&other, elsewhere(4)).unwrap()));
    let told = report(&other, elsewhere(5)).unwrap();
    assert!(stalled(&told));
    // And what was told to a person goes on needing one, however short ago that was.
    let status = statement(&told, &other, at(1300)).unwrap().status;
    let third = with(&other, serde_json::from_value(status).unwrap());
    assert!(stalled(&report(&third, elsewhere(5)).unwrap()));
}

#[test]
fn i49_an_id_that_the_cloud_refuses_is_told_by_its_node_and_its_provider_id() {
    for protect in [true, false] {
        let mut entry = entry(&["cn-beijing"], protect);
        let Placement::Served(mut served) = (*entry.placement).clone() else { panic!("{entry:?}") };
        let odd = InstanceId::new("i-odd");
        served.nodes = BTreeMap::from([((Region::new("cn-beijing"), odd.clone()), "worker-1".to_owned())]);
        entry.placement = Arc::new(Placement::Served(served));
        let rows = vec![row("i-odd", State::Unknown, Reason::NodeIdRefused)];
        let mut part = RegionReport { refused: [odd].into(), ..(*settled(rows)).clone() };
        tell(&mut part.counts.unknown, Reason::NodeIdRefused, "i-odd");
        part.progress = (!protect).then(|| Progress { done: true, ..Progress::default() });
        entry.parts.insert(scope("cn-beijing"), (2, Arc::new(part)));
        let report = report(&entry, now()).unwrap();
        let condition_set = &report.condition_set;
        let said = &condition_set.domain.message;
        assert!(said.contains("Node worker-1: The cloud refuses the instance id in the"), "{said}");
        assert!(said.contains("(cn-beijing.i-odd)."), "{said}");
        assert_eq!(said.contains("1 selected Node has no target."), !protect, "{said}");
        let stalled = condition_set.stalled.status == keeper_core::conditions::Status::True;
        assert_eq!(stalled, protect, "{condition_set:?}");
        assert_eq!(report.part.rows[0].detail.as_deref(), Some("Node worker-1"));
    }
}

#[test]
fn i12_unprotecting_is_not_carried_out_while_a_region_has_not_said_so() {
    let mut entry = entry(&["cn-beijing", "cn-hangzhou"], false);
    let done = RegionReport {
        settled: true,
        progress: Some(Progress { done: true, ..Progress::default() }),
        ..RegionReport::default()
    };
    entry.parts.insert(scope("cn-beijing"), (2, Arc::new(done.clone())));
    let half = report(&entry, now()).unwrap();
    assert!(!half.part.progress.unwrap().done);
    assert_ne!(half.condition_set.domain.reason, Reason::DisabledAsAsked);
    entry.parts.insert(scope("cn-hangzhou"), (2, Arc::new(done)));
    assert_eq!(said(&entry).1, "DisabledAsAsked");
}

#[test]
fn i38_without_evidence_of_ones_own_the_status_that_stands_is_left_standing() {
    let entry = entry(&["cn-beijing"], true);
    assert!(report(&entry, now()).is_some(), "a new object is told that it was seen");
    let standing = |of| EcsInstanceProtectionStatus { observed_generation: Some(of), ..Default::default() };
    assert!(report(&with(&entry, standing(2)), now()).is_none());
    assert!(
        report(&with(&entry, standing(1)), now()).is_some(),
        "one of an older generation is not left standing"
    );
}

/// The entry with a domain condition that stands, of the generation that is asked for.
fn standing(entry: &StoredObject, status: &str, reason: &str) -> StoredObject {
    let conditions = json!([{
        "type": "Protected", "status": status, "reason": reason, "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 2,
    }]);
    let stands = json!({ "observedGeneration": 2, "conditions": conditions });
    with(entry, serde_json::from_value(stands).unwrap())
}

fn unsettled() -> RegionReport {
    RegionReport { unlisted: Some(Reason::AwaitingListing), ..RegionReport::default() }
}

#[test]
fn i01_what_is_seen_unprotected_does_not_wait_for_the_rest_to_be_read() {
    let mut drifted = unsettled();
    tell(&mut drifted.counts.unprotected, Reason::Correcting, "i-a");
    let mut named = unsettled();
    tell(&mut named.counts.not_applicable_named, Reason::SpotInstance, "i-a");
    for part in [drifted.clone(), named] {
        let mut entry = entry(&["cn-beijing", "cn-hangzhou"], true);
        entry.parts.insert(scope("cn-beijing"), (2, Arc::new(part)));
        for status in ["True", "Unknown"] {
            assert_eq!(said(&standing(&entry, status, "AllProtected")).0, "False");
        }
        assert!(report(&standing(&entry, "False", "Unprotected"), now()).is_none(), "it says no better");
        entry.parts.insert(scope("cn-beijing"), (2, Arc::new(unsettled())));
        assert!(report(&standing(&entry, "True", "AllProtected"), now()).is_none());
    }
    // What an act has done stands in status alone.
    let mut entry = entry(&["cn-beijing"], false);
    drifted.progress = Some(Progress::default());
    entry.parts.insert(scope("cn-beijing"), (2, Arc::new(drifted)));
    assert!(report(&standing(&entry, "False", "DisabledAsAsked"), now()).is_none());
}

#[test]
fn i49_a_region_that_comes_in_the_middle_of_a_term_is_unknown_and_holds_nothing_up() {
    let mut entry = entry(&["cn-beijing", "cn-hangzhou"], true);
    entry.parts.insert(scope("cn-beijing"), (2, settled(Vec::new())));
    assert!(report(&standing(&entry, "True", "AllProtected"), now()).is_none(), "a term begins");
    entry.judged = Some(Judged {
        status: keeper_core::conditions::Status::True,
        reason: Reason::AllProtected,
        stalled: false,
    });
    let unknown = |reason: &str| ("Unknown".to_owned(), reason.to_owned());
    assert_eq!(said(&standing(&entry, "True", "AllProtected")), unknown("AwaitingEvidence"));
    entry.parts.insert(scope("cn-hangzhou"), (2, Arc::new(unsettled())));
    assert_eq!(said(&standing(&entry, "True", "AllProtected")), unknown("AwaitingListing"));
    assert_eq!(said(&standing(&entry, "False", "Unprotected")), unknown("AwaitingListing"));
    assert!(report(&standing(&entry, "Unknown", "AwaitingEvidence"), now()).is_none(), "said already");
}

#[test]
fn i37_times_stay_where_nothing_changed_and_an_equal_status_is_equal() {
    let mut entry = entry(&["cn-beijing"], true);
    let rows = vec![
        row("i-a", State::Protected, Reason::AllProtected),
        row("i-b", State::Unprotected, Reason::Correcting),
    ];
    entry.parts.insert(scope("cn-beijing"), (2, settled(rows)));
    let report = report(&entry, now()).unwrap();
    let state = |report: &Report, entry: &StoredObject, second| -> Option<EcsInstanceProtectionStatus> {
        Some(serde_json::from_value(statement(report, entry, at(second))?.status).unwrap())
    };
    let mut stored = state(&report, &entry, 100).unwrap();
    stored.conditions.insert(0, condition("example.com/Audited", &report.condition_set.ready, &[], 2, at(1)));
    let mut entry = with(&entry, stored);
    assert_eq!(state(&report, &entry, 500), None, "conditions of other writers are theirs");
    let mut weaker = report;
    weaker.part.rows[0].state = State::Unknown;
    let third = state(&weaker, &entry, 500).unwrap();
    assert_eq!(third.instances[0].since.0, at(500), "this row has changed");
    assert_eq!(third.instances[1].since.0, at(100), "this one has not");
    entry.author_told = Some(2);
    assert_eq!(state(&weaker, &entry, 500), None, "who can't be decoded is told once");
}

#[test]
fn what_is_not_served_is_told_so_and_stalls() {
    let mut entry = entry(&[], true);
    for (placement, reason) in [
        (Placement::NotGranted, "NotGranted"),
        (Placement::UnknownRegion("There is none.".to_owned()), "UnknownRegion"),
        (Placement::Opaque("spec.mode holds a word.".to_owned()), "Undecodable"),
    ] {
        entry.placement = Arc::new(placement);
        let report = report(&entry, now()).unwrap();
        assert_eq!(report.condition_set.domain.reason.as_str(), reason);
        assert_eq!(report.condition_set.stalled.status.as_str(), "True");
        assert_eq!(report.condition_set.ready.status.as_str(), "False");
    }
}

#[test]
fn a_text_is_cut_to_its_field_between_characters() {
    assert_eq!(cut("short", 10), "short");
    assert_eq!(cut("äöüäöüäöü", 6), "äöü...");
}
