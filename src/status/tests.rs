use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use keeper_core::exception::{ExceptionPhase as CorePhase, ExceptionReport};
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
    EcsInstanceProtection, EcsInstanceProtectionStatus, ExceptionPhase, ExceptionStatus, InstanceException,
    MAX_LISTED_TARGETS, MAX_MESSAGE, Object, Resource, WatchedObject,
};
use crate::desired::{Desired, Placement, Served, exception_records, wall_time};
use crate::metrics::Judged;
use crate::scope::Scope;
use crate::store::StoredObject;

mod tools;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn now() -> Now {
    Now { steady: Instant::now(), wall: at(1000) }
}

fn intent(protect: bool) -> Desired {
    Desired::Protection(Box::new(Intent { protect, ..Intent::of(Selector::default()) }), Box::default())
}

fn scope(region: &str) -> Scope {
    Scope { account: AccountName::new("default"), region: Region::new(region) }
}

fn seen(object: EcsInstanceProtection) -> WatchedObject {
    let (meta, object) = (object.metadata.clone(), Object::Protection(Arc::new(object)));
    WatchedObject {
        resource: Resource::Protection,
        meta,
        object: Some(object),
        undecoded_status: None,
        undecoded_account: None,
    }
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
            removals: BTreeMap::new(),
            karpenter_unwatched: false,
        })),
        offered: None,
        changes: Changes::default(),
        parts: BTreeMap::new(),
        author_told: None,
        lagging: Lagging::default(),
        announced: None,
        judged: None,
        losses: Losses::default(),
        cancelled: Vec::new(),
        orphans: Vec::new(),
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
    assert!(report(&entry, now()).is_none(), "what it said of an older generation does not count");
    entry.parts.insert(scope("cn-hangzhou"), (3, settled(Vec::new())));
    assert_eq!(said(&entry).1, "AwaitingEvidence", "the object is an older one, from a backup");
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

/// The entry with exceptions in its spec: of which instance, and until when.
fn excepting(entry: &StoredObject, asked: &[(&str, i64)]) -> StoredObject {
    let mut object = entry.seen.object.as_ref().and_then(Object::protection).unwrap().clone();
    let exception = |(id, until): &(&str, i64)| InstanceException {
        instance_id: (*id).to_owned(),
        until: at(*until).to_string(),
        reason: "replaced".to_owned(),
    };
    object.spec.exceptions = asked.iter().map(exception).collect();
    StoredObject { seen: seen(object), ..entry.clone() }
}

fn exception(id: &str, until: i64, ends: i64, phase: CorePhase) -> ExceptionReport {
    ExceptionReport {
        instance: InstanceId::new(id),
        until: wall_time(at(until)),
        ends: wall_time(at(ends)),
        phase,
        carried_out: phase == CorePhase::InForce,
        reason: None,
        words: None,
    }
}

/// The entry with a part that speaks of exceptions.
fn telling(entry: &StoredObject, region: &str, exceptions: Vec<ExceptionReport>) -> StoredObject {
    let mut entry = entry.clone();
    let part = RegionReport { settled: true, exceptions, ..RegionReport::default() };
    entry.parts.insert(scope(region), (2, Arc::new(part)));
    entry
}

/// The status that is written; `None`: the one that stands says it.
fn written(entry: &StoredObject) -> Option<EcsInstanceProtectionStatus> {
    let report = report(entry, now()).unwrap();
    Some(serde_json::from_value(statement(&report, entry, at(1000))?.status).unwrap())
}

/// Id, until, end and phase of each row.
fn rows(status: &EcsInstanceProtectionStatus) -> Vec<(&str, i64, i64, ExceptionPhase)> {
    let row = |row: &ExceptionStatus| (row.until.0.as_second(), row.ends_at.0.as_second(), row.phase);
    let of = |it| -> (&str, i64, i64, ExceptionPhase) {
        let (until, ends, phase) = row(it);
        (it.instance_id.as_str(), until, ends, phase)
    };
    status.exceptions.iter().map(of).collect()
}

#[test]
fn i53_the_end_of_an_exception_never_becomes_later() {
    use ExceptionPhase::{Expired, InForce, Waiting};
    let entry = excepting(&entry(&["cn-beijing"], true), &[("i-b", 5000), ("i-a", 6000)]);
    let told = |entry: &StoredObject, b, a| {
        let told = vec![
            exception("i-a", 6000, a, CorePhase::Waiting),
            exception("i-b", 5000, b, CorePhase::InForce),
        ];
        telling(entry, "cn-beijing", told)
    };
    let first = written(&told(&entry, 5000, 3000)).unwrap();
    assert_eq!(
        rows(&first),
        [("i-b", 5000, 5000, InForce), ("i-a", 6000, 3000, Waiting)],
        "in the order of the spec"
    );
    // A leader that knows of no end yet reckons a later one, by its own clock.
    let stands = with(&entry, first);
    assert_eq!(written(&told(&stands, 5000, 3000)), None);
    assert_eq!(written(&told(&stands, 9000, 3600)), None);
    let earlier = written(&told(&stands, 4000, 3600)).unwrap();
    assert_eq!(rows(&earlier), [("i-b", 5000, 4000, InForce), ("i-a", 6000, 3000, Waiting)]);
    // Another until is another exception.
    let edited = excepting(&stands, &[("i-a", 7000)]);
    let over = vec![exception("i-a", 7000, 6500, CorePhase::Expired)];
    assert_eq!(
        rows(&written(&telling(&edited, "cn-beijing", over)).unwrap()),
        [("i-a", 7000, 6500, Expired)]
    );
    assert!(
        written(&told(&excepting(&stands, &[]), 5000, 3000)).unwrap().exceptions.is_empty(),
        "taken back"
    );
}

#[test]
fn i53_what_nobody_speaks_of_stands_as_it_was() {
    use ExceptionPhase::{InForce, NotSelected};
    let asked = excepting(&entry(&["cn-beijing", "cn-hangzhou"], true), &[("i-a", 5000)]);
    let told = vec![exception("i-a", 5000, 4000, CorePhase::InForce)];
    let unselected = || vec![exception("i-a", 5000, 5000, CorePhase::NotSelected)];
    let both = telling(&telling(&asked, "cn-beijing", told), "cn-hangzhou", unselected());
    let status = written(&both).unwrap();
    assert_eq!(rows(&status), [("i-a", 5000, 4000, InForce)]);

    // The one region of which nothing is known may be its own.
    let mut shown = status.clone();
    shown.conditions[0].status = "True".to_owned();
    let mut restarted = with(&both, shown);
    restarted.parts.remove(&scope("cn-beijing"));
    restarted.judged = Some(Judged {
        status: keeper_core::conditions::Status::True,
        reason: Reason::AllProtected,
        stalled: false,
    });
    assert_eq!(rows(&written(&restarted).unwrap()), [("i-a", 5000, 4000, InForce)]);
    let neither = telling(&restarted, "cn-beijing", unselected());
    assert_eq!(rows(&written(&neither).unwrap()), [("i-a", 5000, 4000, NotSelected)]);

    // Nor does it end because the object is not served any more.
    let mut unserved = with(&both, status);
    unserved.placement = Arc::new(Placement::NotGranted);
    assert_eq!(rows(&written(&unserved).unwrap()), [("i-a", 5000, 4000, InForce)]);
    let edited = excepting(&unserved, &[("i-a", 6000)]);
    assert_eq!(rows(&written(&edited).unwrap()), [("i-a", 5000, 4000, InForce)], "its time was changed");
    // Where no Node is selected no region is asked.
    let far = 1000 + 31 * 24 * 3600;
    let nowhere = excepting(&entry(&[], true), &[("i-a", 5000), ("i-b", far)]);
    assert_eq!(
        rows(&written(&nowhere).unwrap()),
        [("i-a", 5000, 5000, NotSelected), ("i-b", far, far - 24 * 3600, NotSelected)]
    );
}

#[test]
fn i53_what_was_carried_out_or_has_ended_never_waits_again() {
    use ExceptionPhase::{Expired, InForce, NotSelected, Void, Waiting};
    let asked = excepting(&entry(&["cn-beijing"], true), &[("i-a", 5000)]);
    let told = |entry: &StoredObject, phase| {
        let told =
            ExceptionReport { reason: Some(Reason::Unprotecting), ..exception("i-a", 5000, 4000, phase) };
        written(&telling(entry, "cn-beijing", vec![told]))
    };
    let of = |entry: &StoredObject, phase| {
        let stands = entry.seen.object.as_ref().and_then(Object::protection).unwrap().status.clone().unwrap();
        told(entry, phase).unwrap_or(stands).exceptions[0].clone()
    };
    let phases = [
        (CorePhase::Waiting, Waiting),
        (CorePhase::InForce, InForce),
        (CorePhase::Expired, Expired),
        (CorePhase::Void, Void),
        (CorePhase::NotSelected, NotSelected),
    ];
    for (before, stood) in phases {
        let stands = with(&asked, told(&asked, before).unwrap());
        for (said, says) in phases {
            let expected = match (stood, says) {
                (Expired, _) => Expired,
                (InForce, Waiting) => InForce,
                (_, says) => says,
            };
            let row = of(&stands, said);
            assert_eq!(row.phase, expected, "{stood:?}, then {says:?}");
            let explained = row.message.starts_with(Reason::Unprotecting.sentence());
            assert_eq!(explained, expected == says, "{stood:?}, then {says:?}: {}", row.message);
        }
    }
}

#[test]
fn i12_that_an_exception_was_carried_out_stands_whatever_is_said_later() {
    let asked = excepting(&entry(&["cn-beijing"], true), &[("i-a", 5000)]);
    let row = |entry: &StoredObject, told| {
        let status = written(&telling(entry, "cn-beijing", vec![told])).unwrap();
        (status.exceptions[0].carried_out, status.exceptions[0].phase, with(entry, status))
    };
    // By who has done it, and was not heard before it was void.
    let void = ExceptionReport { carried_out: true, ..exception("i-a", 5000, 4000, CorePhase::Void) };
    let (carried_out, phase, stands) = row(&asked, void);
    assert_eq!((carried_out, phase), (true, ExceptionPhase::Void));
    // By who has yet to hear of that.
    let waits = || exception("i-a", 5000, 4000, CorePhase::Waiting);
    let (carried_out, phase, _) = row(&stands, waits());
    assert_eq!((carried_out, phase), (true, ExceptionPhase::InForce));
    for phase in [CorePhase::NotSelected, CorePhase::Expired] {
        assert!(row(&stands, exception("i-a", 5000, 4000, phase)).0, "{phase:?}");
    }
    // Another until is another exception.
    let edited = excepting(&stands, &[("i-a", 7000)]);
    let (carried_out, phase, _) = row(&edited, exception("i-a", 7000, 7000, CorePhase::Waiting));
    assert_eq!((carried_out, phase), (false, ExceptionPhase::Waiting));
}

/// The entry as it is when its spec is of a newer version: it decodes with a word that is not known here, or not at all.
fn of_a_newer_version(entry: &StoredObject) -> [StoredObject; 4] {
    let object = entry.seen.object.as_ref().and_then(Object::protection).unwrap();
    let spoil = |change: fn(&mut serde_json::Value)| {
        let mut object = json!(object);
        change(&mut object["spec"]);
        let seen = Resource::Protection.decode(serde_json::from_value(object).unwrap());
        let placement = Arc::new(Placement::Opaque("It is of a newer version.".to_owned()));
        StoredObject { seen, placement, parts: BTreeMap::new(), ..entry.clone() }
    };
    let spoilt = [
        spoil(|spec| spec["targets"] = json!("all of them")),
        spoil(|spec| spec["protection"] = json!("Sometimes")),
        spoil(|spec| spec["exceptions"][0]["until"] = json!("later")),
        spoil(|spec| spec["mode"] = json!("Dream")),
    ];
    assert!(spoilt[0].seen.object.is_none());
    spoilt
}

#[test]
fn i12_i53_what_status_remembers_outlasts_that_the_spec_can_not_be_read() {
    let entry = excepting(&entry(&["cn-hangzhou"], true), &[("i-a", 5000)]);
    let told = vec![exception("i-a", 5000, 4000, CorePhase::InForce)];
    let mut before = written(&telling(&entry, "cn-hangzhou", told)).unwrap();
    before.acts = vec![crate::api::ActStatus { act: crate::api::Act::UnprotectScaleIn, generation: 2 }];
    before.lifted = vec![crate::api::LiftedStatus {
        instance_id: "i-b".to_owned(),
        region: "cn-hangzhou".to_owned(),
        node_name: "n".to_owned(),
        since: k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(at(900)),
        phase: crate::api::LiftPhase::Expired,
    }];
    for entry in of_a_newer_version(&with(&entry, before.clone())) {
        let after = written(&entry).unwrap();
        let remembered =
            |it: &EcsInstanceProtectionStatus| (it.exceptions.clone(), it.lifted.clone(), it.acts.clone());
        assert_eq!(remembered(&after), remembered(&before));
        assert_eq!(
            (after.counts, after.protection_state),
            (None, Some(crate::api::ProtectionState::Unknown))
        );
        assert!(after.conditions.iter().any(|it| it.type_ == "Stalled" && it.reason == "Undecodable"));
        // Nor is the same written again by who comes after.
        let mut entry = entry;
        let object = match &entry.seen.object {
            Some(object) => json!(object.protection()),
            None => json!({ "spec": { "targets": "all of them" } }),
        };
        let mut object = object;
        object["apiVersion"] = json!("ecs-keeper.io/v1alpha1");
        object["kind"] = json!("EcsInstanceProtection");
        object["metadata"] = json!(entry.seen.meta);
        object["status"] = json!(after);
        entry.seen = Resource::Protection.decode(serde_json::from_value(object).unwrap());
        assert_eq!(written(&entry), None);
    }
}

/// The entry of an object with this spec and status, as the API server shows it.
fn shown(resource: Resource, spec: &serde_json::Value, status: &serde_json::Value) -> WatchedObject {
    let object = json!({
        "apiVersion": "ecs-keeper.io/v1alpha1",
        "kind": resource.kind(),
        "metadata": { "name": "a", "namespace": "n", "uid": "u", "generation": 2 },
        "spec": spec,
        "status": status,
    });
    resource.decode(serde_json::from_value(object).unwrap())
}

#[test]
fn i12_that_unprotecting_was_carried_out_stands_while_the_object_is_not_served() {
    let of = |resource: Resource| match resource {
        Resource::Protection => (json!({ "targets": {}, "protection": "Disabled" }), "Disabled"),
        Resource::Retention => {
            (json!({ "region": "cn-hangzhou", "targets": {}, "retention": "Release" }), "Release")
        }
    };
    for resource in Resource::ALL {
        let (spec, act) = of(resource);
        let acts = json!([{ "act": act, "generation": 2 }]);
        let said = |generation: i64| {
            json!({ "conditions": [{
                "type": resource.domain(), "status": "False", "reason": resource.unprotected_as_asked().as_str(),
                "message": "", "observedGeneration": generation, "lastTransitionTime": "1970-01-01T00:00:09Z",
            }] })
        };
        let status =
            |entry: &StoredObject| statement(&report(entry, now()).unwrap(), entry, at(1000)).unwrap().status;
        // Who has done it says so.
        let part = |done| {
            let progress = Some(Progress { done, ..Progress::default() });
            Arc::new(RegionReport { settled: true, progress, ..RegionReport::default() })
        };
        let mut served = entry(&["cn-hangzhou"], false);
        served.seen = shown(resource, &spec, &json!(null));
        served.parts.insert(scope("cn-hangzhou"), (2, part(false)));
        assert_eq!(status(&served).get("acts"), None);
        served.parts.insert(scope("cn-hangzhou"), (2, part(true)));
        assert_eq!(status(&served)["acts"], acts);

        let undecodable = json!({ "targets": "all of them" });
        let placements = [
            (Placement::NotGranted, &spec),
            (Placement::UnknownRegion("There is none.".to_owned()), &spec),
            (Placement::Opaque("It is of a newer version.".to_owned()), &spec),
            (Placement::Opaque("It can't be decoded.".to_owned()), &undecodable),
        ];
        for (placement, shows) in placements {
            let placement = Arc::new(placement);
            // By an act, or by the condition alone, as it was written before there were acts.
            for before in [json!({ "acts": acts }), said(2)] {
                let seen = shown(resource, shows, &before);
                assert!(seen.carried_out(), "{before}");
                let silent = StoredObject { seen, placement: placement.clone(), ..entry(&[], false) };
                let after = status(&silent);
                assert_eq!(after["acts"], acts, "{placement:?} {before}");
                let again = shown(resource, &spec, &after);
                assert!(again.object.as_ref().is_some_and(Object::carried_out));
            }
            for before in [json!({ "acts": [{ "act": act, "generation": 1 }] }), said(1)] {
                let seen = shown(resource, shows, &before);
                assert!(!seen.carried_out(), "of an older generation: {before}");
                let silent = StoredObject { seen, placement: placement.clone(), ..entry(&[], false) };
                assert_eq!(status(&silent).get("acts"), None, "{before}");
            }
        }
        // For who only observes nothing was done, though the condition says the same.
        let mut observes = spec.clone();
        observes["mode"] = json!("Observe");
        let seen = shown(resource, &observes, &said(2));
        let silent = StoredObject { seen, placement: Arc::new(Placement::NotGranted), ..entry(&[], false) };
        assert_eq!(status(&silent).get("acts"), None);
    }
}

#[test]
fn i12_i19_a_row_of_status_that_can_not_be_decoded_stands_and_takes_nothing_with_it() {
    let odd = json!({ "phase": 7 });
    let since = "1970-01-01T00:00:09Z";
    let exception = json!({
        "instanceId": "i-a", "until": since, "endsAt": since, "phase": "InForce", "carriedOut": true, "message": "m",
    });
    let lift = json!({
        "instanceId": "i-b", "region": "cn-hangzhou", "nodeName": "n", "since": since, "phase": "Expired",
    });
    let row = json!({
        "networkInterfaceId": "eni-a", "phase": "Available", "lastInstanceId": "i-a", "reason": "Retained", "message": "m",
        "since": since,
    });
    let protection = json!({
        "exceptions": [exception, odd],
        "lifted": [lift],
        "scalingGroups": [{ "scalingGroupId": "asg-a", "members": 2, "protected": 1 }],
        "acts": [{ "act": "Disabled", "generation": 2 }],
    });
    let retention = json!({
        "retainedEniIds": ["eni-a", "eni-b"],
        "availableEniIds": ["eni-a"],
        "networkInterfaces": [row],
        "reattachments": [odd],
        "acts": [{ "act": "Release", "generation": 2 }],
    });
    for (resource, before) in [(Resource::Protection, protection), (Resource::Retention, retention)] {
        let spec = json!({ "region": "cn-hangzhou", "targets": {} });
        let seen = shown(resource, &spec, &before);
        assert!(seen.object.is_none() && seen.carried_out());
        let placement = Arc::new(Placement::Opaque("It is of a newer version.".to_owned()));
        let entry = StoredObject { seen, placement, ..entry(&[], true) };
        let after = statement(&report(&entry, now()).unwrap(), &entry, at(1000)).unwrap().status;
        for (list, rows) in before.as_object().unwrap() {
            assert_eq!(after[list], *rows, "{list}");
        }
        // Nor is the same written again by who comes after.
        let entry = StoredObject { seen: shown(resource, &spec, &after), ..entry };
        assert!(statement(&report(&entry, now()).unwrap(), &entry, at(2000)).is_none());
    }
}

#[test]
fn i12_what_an_older_version_wrote_of_exceptions_and_lifts_is_read_as_done() {
    let since = "1970-01-01T00:00:09Z";
    let status = json!({
        "exceptions": [{ "instanceId": "i-a", "until": since, "endsAt": since, "phase": "InForce" }],
        "lifted": [{ "instanceId": "i-b", "region": "cn-hangzhou", "nodeName": "n", "since": since }],
    });
    let status: EcsInstanceProtectionStatus = serde_json::from_value(status).unwrap();
    assert!(exception_records(&status)[&InstanceId::new("i-a")].carried_out);
    assert_eq!(status.lifted[0].phase, crate::api::LiftPhase::Unknown);
    // Also when it is void by now.
    let asked = excepting(&with(&entry(&["cn-beijing"], true), status), &[("i-a", 9)]);
    let void = telling(&asked, "cn-beijing", vec![exception("i-a", 9, 9, CorePhase::Void)]);
    assert!(written(&void).unwrap().exceptions[0].carried_out);
}

#[test]
fn i19_what_is_retained_outlasts_that_the_spec_can_not_be_read() {
    let status = json!({
        "retainedEniIds": ["eni-a", "eni-b"],
        "availableEniIds": ["eni-a"],
        "networkInterfaces": [{
            "networkInterfaceId": "eni-a", "phase": "Available", "lastInstanceId": "i-a", "reason": "Retained",
            "message": "m", "since": "1970-01-01T00:00:09Z",
        }],
        "reattachments": [{
            "networkInterfaceId": "eni-a", "instanceId": "i-b", "phase": "Requested", "reason": "r", "message": "m",
            "since": "1970-01-01T00:00:09Z",
        }],
    });
    let object = json!({
        "apiVersion": "ecs-keeper.io/v1alpha1",
        "kind": "EniRetention",
        "metadata": { "name": "a", "namespace": "n", "uid": "u", "generation": 2 },
        "spec": { "targets": "all of them" },
        "status": status,
    });
    let seen = Resource::Retention.decode(serde_json::from_value(object).unwrap());
    assert!(seen.object.is_none());
    let placement = Arc::new(Placement::Opaque("It is of a newer version.".to_owned()));
    let entry = StoredObject { seen, placement, ..entry(&[], true) };
    let report = report(&entry, now()).unwrap();
    let told = statement(&report, &entry, at(1000)).unwrap();
    for list in ["retainedEniIds", "availableEniIds", "networkInterfaces", "reattachments"] {
        assert_eq!(told.status[list], status[list], "{list}");
    }
    assert!(told.events.is_empty() && told.survivors.is_empty());
}

#[test]
fn an_exception_says_what_it_waits_for_and_what_its_phase_means() {
    let asked = excepting(&entry(&["cn-beijing"], true), &[("i-a", 5000)]);
    let message = |phase, reason, words: Option<&str>| {
        let told =
            ExceptionReport { reason, words: words.map(Into::into), ..exception("i-a", 5000, 5000, phase) };
        let status = written(&telling(&asked, "cn-beijing", vec![told])).unwrap();
        status.exceptions[0].message.clone()
    };
    for (phase, expected) in [
        (CorePhase::Waiting, "ecs-keeper has yet to switch release protection off."),
        (
            CorePhase::InForce,
            "the instance can be released unless somebody has protected it since. If the spec still selects it, ecs-keeper protects it again at endsAt",
        ),
        (CorePhase::Expired, "the entry has no effect any more"),
        (CorePhase::Void, "The entry has no effect"),
        (CorePhase::NotSelected, "the spec does not select the instance"),
    ] {
        assert!(message(phase, None, None).contains(expected), "{phase:?}");
        let words = "w".repeat(MAX_MESSAGE);
        let told = message(phase, Some(Reason::Conflict), Some(&words));
        assert!(
            told.starts_with(Reason::Conflict.sentence()) && told.chars().count() == MAX_MESSAGE,
            "{told}"
        );
    }
}

#[test]
fn an_exception_is_told_of_when_it_comes_into_force_and_when_it_ends() {
    let notes = |entry: &StoredObject| -> Vec<String> {
        let report = report(entry, now()).unwrap();
        let events = statement(&report, entry, at(1000)).map(|told| told.events).unwrap_or_default();
        events.into_iter().map(|event| event.note).collect()
    };
    let phase =
        |entry: &StoredObject, phase| telling(entry, "cn-beijing", vec![exception("i-a", 5000, 4000, phase)]);
    let asked = excepting(&entry(&["cn-beijing"], true), &[("i-a", 5000)]);
    let begun = phase(&asked, CorePhase::InForce);
    let begins = "i-a is left unprotected until 1970-01-01T01:06:40Z and can be released until then. ecs-keeper protects it again \
                  at that time, or when the entry is removed. Reason: replaced";
    assert_eq!(notes(&phase(&asked, CorePhase::Waiting)), [""; 0]);
    assert_eq!(notes(&begun), [begins]);
    let stands = with(&begun, written(&begun).unwrap());
    assert_eq!(notes(&stands), [""; 0], "told already");
    let over = "The exception of i-a has ended. If the spec still selects the instance, ecs-keeper protects it again.";
    assert_eq!(notes(&phase(&stands, CorePhase::Expired)), [over]);
    let void = notes(&phase(&stands, CorePhase::Void));
    assert!(
        void[0].starts_with("The exception of i-a is no longer in force. The entry has no effect"),
        "{void:?}"
    );
    let withdrawn = phase(&stands, CorePhase::Void);
    let withdrawn = with(&withdrawn, written(&withdrawn).unwrap());
    let again = "The exception of i-a is in force again until 1970-01-01T01:06:40Z. Protection was switched off for that before, \
                 and is not switched off once more.";
    assert_eq!(notes(&phase(&withdrawn, CorePhase::InForce)), [again]);
    let gone = "The exception of i-a was removed from the spec.";
    assert_eq!(notes(&excepting(&stands, &[])), [gone]);
    let another = telling(
        &excepting(&stands, &[("i-a", 4000)]),
        "cn-beijing",
        vec![exception("i-a", 4000, 4000, CorePhase::InForce)],
    );
    assert_eq!(notes(&another), [begins, gone], "with another until it is another exception");

    let ids: Vec<String> = (0..60).map(|n| format!("i-{n:0>62}")).collect();
    let many: Vec<(&str, i64)> = ids.iter().map(|id| (id.as_str(), 5000)).collect();
    let told = ids.iter().map(|id| exception(id, 5000, 5000, CorePhase::InForce)).collect();
    let crowd = telling(&excepting(&entry(&["cn-beijing"], true), &many), "cn-beijing", told);
    let told = notes(&crowd);
    assert!(
        told.len() == 1 && told[0].starts_with("60 instances are left unprotected for a time"),
        "{told:?}"
    );
    assert!(told[0].len() <= 1024, "{} bytes", told[0].len());
}

#[test]
fn the_row_of_an_excepted_instance_names_the_end_and_the_reason() {
    let mut entry = entry(&["cn-beijing"], true);
    let detail = format!("until 2026-12-01T18:00:00Z: {}", "r".repeat(256));
    let excepted =
        Row { detail: Some(detail.as_str().into()), ..row("i-a", State::Excepted, Reason::Excepted) };
    entry.parts.insert(scope("cn-beijing"), (2, settled(vec![excepted])));
    let status = written(&entry).unwrap();
    let row = &status.instances[0];
    assert_eq!((row.state, row.reason.as_str()), (crate::api::InstanceState::Excepted, "Excepted"));
    assert!(row.message.starts_with(Reason::Excepted.sentence()), "{}", row.message);
    assert!(row.message.contains(&detail), "cut short: {}", row.message);
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

mod lift_rows;
mod scaling_group_rows;
