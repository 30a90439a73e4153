use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keeper_alicloud::observe::{Observer as _, Outcome};
use keeper_core::conditions::Status;
use keeper_core::exception::{ExceptionPhase, ExceptionReport};
use keeper_core::failure::Class;
use keeper_core::id::{AccountName, InstanceId, ObjectId, Region};
use keeper_core::reason::Reason;
use keeper_core::retention::{Free, RetentionReport};
use keeper_core::verdict::{Counts, RegionReport, tell};
use keeper_core::wall_clock::WallTime;

use super::*;
use crate::api::Resource;
use crate::scope::Scope;

fn key(region: &str) -> Scope {
    Scope { account: AccountName::new("default"), region: Region::new(region) }
}

/// Every series of a metric, as the text has it.
fn series(metrics: &Metrics, leads: bool, name: &str) -> BTreeMap<String, String> {
    let text = metrics.text(leads).unwrap();
    let lines = text.lines().filter(|line| line.starts_with(&format!("ecs_keeper_{name}")));
    lines.map(|line| line.rsplit_once(' ').unwrap()).map(|(s, v)| (s.to_owned(), v.to_owned())).collect()
}

fn sum(metrics: &Metrics, name: &str) -> i64 {
    series(metrics, true, name).values().map(|value| value.parse::<i64>().unwrap()).sum()
}

fn part(unprotected: u32, retains: bool) -> RegionReport {
    let mut counts = Counts::default();
    for _ in 0..unprotected {
        tell(&mut counts.unprotected, Reason::Correcting, "i-a");
    }
    counts.at_risk = unprotected;
    let retention = retains.then(|| Box::new(RetentionReport::default()));
    RegionReport { counts, retention, ..RegionReport::default() }
}

#[test]
fn targets_are_counted_by_what_was_said_last_of_each_object() {
    let metrics = Arc::new(Metrics::new().unwrap());
    let mut scope = ScopeMetrics::new(metrics.clone(), key("cn-hangzhou"));
    let unprotected = |kind: &str| {
        let label = format!(
            "ecs_keeper_targets{{account=\"default\",kind=\"{kind}\",region=\"cn-hangzhou\",verdict=\"Unprotected\"}}"
        );
        series(&metrics, true, "targets{").get(&label).cloned()
    };
    assert_eq!(
        unprotected("EniRetention").as_deref(),
        Some("0"),
        "a region without unprotected targets says so"
    );
    let (a, b, c) =
        (ObjectId::new("n", "a", "1"), ObjectId::new("n", "b", "2"), ObjectId::new("n", "c", "3"));
    scope.reported(&a, &part(2, false));
    scope.reported(&b, &part(3, false));
    scope.reported(&c, &part(7, true));
    scope.reported(&a, &part(1, false));
    assert_eq!(
        (unprotected("EcsInstanceProtection").as_deref(), unprotected("EniRetention").as_deref()),
        (Some("4"), Some("7"))
    );
    assert_eq!(sum(&metrics, "targets_at_risk"), 11);
    scope.forget(&b);
    scope.forget(&b);
    assert_eq!(sum(&metrics, "targets{"), 8);
    scope.begin_term();
    assert_eq!(sum(&metrics, "targets{"), 0, "what was said in an earlier term says nothing any more");
}

#[test]
fn exceptions_in_force_are_counted_and_others_are_not() {
    let metrics = Arc::new(Metrics::new().unwrap());
    let mut scope = ScopeMetrics::new(metrics.clone(), key("cn-hangzhou"));
    let counted = || series(&metrics, true, "exceptions");
    let label =
        "ecs_keeper_exceptions{account=\"default\",kind=\"EcsInstanceProtection\",region=\"cn-hangzhou\"}";
    assert_eq!(counted(), BTreeMap::from([(label.to_owned(), "0".to_owned())]));
    let told = |phase| ExceptionReport {
        instance: InstanceId::new("i-a"),
        until: WallTime::default(),
        ends: WallTime::default(),
        phase,
        carried_out: false,
        reason: None,
        words: None,
    };
    let exceptions = ExceptionPhase::ALL.map(told).into();
    let mut report = RegionReport { exceptions, ..RegionReport::default() };
    report.counts.excepted = 1;
    scope.reported(&ObjectId::new("n", "a", "1"), &report);
    scope.reported(&ObjectId::new("n", "b", "2"), &report);
    assert_eq!(counted().get(label).map(String::as_str), Some("2"));
    let excepted = "ecs_keeper_targets{account=\"default\",kind=\"EcsInstanceProtection\",region=\"cn-hangzhou\",verdict=\"Excepted\"}";
    assert_eq!(series(&metrics, true, "targets{").get(excepted).map(String::as_str), Some("2"));
    drop(scope);
    assert_eq!(counted(), BTreeMap::new());
}

#[test]
fn free_interfaces_are_counted_by_phase_for_each_object_that_retains_them() {
    let metrics = Arc::new(Metrics::new().unwrap());
    let mut scope = ScopeMetrics::new(metrics.clone(), key("cn-hangzhou"));
    let counted = |phase: &str| {
        let label = format!(
            "ecs_keeper_free_interfaces{{account=\"default\",phase=\"{phase}\",region=\"cn-hangzhou\"}}"
        );
        series(&metrics, true, "free_interfaces").get(&label).cloned()
    };
    assert_eq!(counted("Available").as_deref(), Some("0"));
    let retains = |available, detached| {
        let retention = RetentionReport { free: Free { available, detached }, ..RetentionReport::default() };
        RegionReport { retention: Some(Box::new(retention)), ..RegionReport::default() }
    };
    let (a, b) = (ObjectId::new("n", "a", "1"), ObjectId::new("n", "b", "2"));
    scope.reported(&a, &retains(1060, 2));
    scope.reported(&b, &retains(6000, 0));
    assert_eq!((counted("Available").as_deref(), counted("Detached").as_deref()), (Some("7060"), Some("2")));
    scope.forget(&b);
    assert_eq!(counted("Available").as_deref(), Some("1060"));
    drop(scope);
    assert_eq!(counted("Available"), None);
}

#[test]
fn repairs_are_counted_by_flag_and_begin_at_none() {
    let metrics = Arc::new(Metrics::new().unwrap());
    let scope = ScopeMetrics::new(metrics.clone(), key("cn-hangzhou"));
    let counted = || -> Vec<String> {
        let series = series(&metrics, true, "repair_duration_seconds_count");
        series.into_iter().map(|(series, count)| format!("{series} {count}")).collect()
    };
    let told = |counts: [u8; 4]| {
        let flags = [
            ("AutoReleaseTime", "Instance"),
            ("DeleteOnRelease", "NetworkInterface"),
            ("DeletionProtection", "Instance"),
            ("ProtectedFromScaleIn", "ScalingMember"),
        ];
        let labels = flags.map(|(flag, resource)| {
            format!("account=\"default\",flag=\"{flag}\",region=\"cn-hangzhou\",resource=\"{resource}\"")
        });
        let series = labels.map(|labels| format!("ecs_keeper_repair_duration_seconds_count{{{labels}}}"));
        series.into_iter().zip(counts).map(|(series, count)| format!("{series} {count}")).collect::<Vec<_>>()
    };
    assert_eq!(counted(), told([0, 0, 0, 0]), "so that a rate sees the first one");
    let took = Duration::from_millis(1500);
    scope.repaired([vec![took, took], vec![], vec![took], vec![]]);
    assert_eq!(counted(), told([0, 1, 2, 0]));
    drop(scope);
    assert_eq!(counted(), Vec::<String>::new());
}

#[test]
fn the_series_of_a_region_go_with_it_and_those_of_others_stay() {
    let metrics = Arc::new(Metrics::new().unwrap());
    let scopes = ["cn-hangzhou", "cn-beijing"].map(|region| {
        let scope = ScopeMetrics::new(metrics.clone(), key(region));
        let calls = CallMetrics::new(metrics.clone(), key(region));
        calls.ended("DescribeInstances", Duration::from_millis(40), Outcome::Failed(Class::Throttled));
        calls.ended("DescribeInstances", Duration::from_millis(40), Outcome::GivenUp);
        scope.wrote(Sort::Instance, "DeletionProtection", true, &Ok(keeper_core::id::RequestId::new("r")));
        scope
    });
    let [gone, _stays] = scopes;
    let of = |region: &str| {
        let text = metrics.text(true).unwrap();
        text.lines().filter(|line| line.contains(&format!("region=\"{region}\""))).count()
    };
    assert!(of("cn-hangzhou") > 10 && of("cn-hangzhou") == of("cn-beijing"));
    let before = of("cn-beijing");
    drop(gone);
    assert_eq!((of("cn-hangzhou"), of("cn-beijing")), (0, before));
}

#[test]
fn one_that_stands_by_tells_nothing_of_targets() {
    let metrics = Arc::new(Metrics::new().unwrap());
    let mut scope = ScopeMetrics::new(metrics.clone(), key("cn-hangzhou"));
    scope.reported(&ObjectId::new("n", "a", "1"), &part(2, false));
    assert_eq!(series(&metrics, true, "leader")["ecs_keeper_leader"], "1");
    assert_eq!(series(&metrics, false, "leader")["ecs_keeper_leader"], "0");
    for gauge in ["targets{", "targets_at_risk"] {
        assert_eq!(series(&metrics, false, gauge), BTreeMap::new());
        assert!(!series(&metrics, true, gauge).is_empty());
    }
    // A counter that came to be with the lead would hide what is counted before it is first scraped.
    let lost = series(&metrics, false, "targets_lost_total");
    assert!(!lost.is_empty() && lost.values().all(|value| value == "0"), "{lost:?}");
}

#[test]
fn objects_are_counted_by_what_is_said_of_them() {
    let metrics = Metrics::new().unwrap();
    let judged = |status, reason, stalled| Some(Judged { status, reason, stalled });
    let good = judged(Status::True, Reason::AllProtected, false);
    let bad = judged(Status::Unknown, Reason::CredentialsRejected, true);
    metrics.judged(Resource::Protection, None, good);
    metrics.judged(Resource::Protection, None, bad);
    metrics.judged(Resource::Protection, good, bad);
    let label = |status: &str, reason: &str| {
        format!(
            "ecs_keeper_objects{{kind=\"EcsInstanceProtection\",reason=\"{reason}\",status=\"{status}\"}}"
        )
    };
    let objects = series(&metrics, true, "objects{");
    assert_eq!(objects[&label("Unknown", "CredentialsRejected")], "2");
    assert_eq!(objects[&label("True", "AllProtected")], "0");
    assert_eq!(sum(&metrics, "objects_stalled"), 2);
    metrics.judged(Resource::Protection, bad, None);
    metrics.judged(Resource::Protection, bad, None);
    assert_eq!((sum(&metrics, "objects{"), sum(&metrics, "objects_stalled")), (0, 0));
}

#[test]
fn every_metric_is_described_once() {
    let descriptions = Metrics::new().unwrap().descriptions();
    let names: Vec<&str> = descriptions.iter().map(|each| each.name.as_str()).collect();
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "{names:?}");
    for each in &descriptions {
        assert!(each.name.starts_with("ecs_keeper_") || each.name.starts_with("process_"), "{}", each.name);
        assert_eq!(each.kind == "counter", each.name.ends_with("_total"), "{}", each.name);
    }
}
