//! I8: what GitOps tools read in each thing that a status can say, alone and in pairs.
//!
//! A status follows from what the regions say. So each thing that they can say is said, alone and beside each other, to each
//! thing that an object can ask.

use std::collections::BTreeSet;

use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::evidence::Evidence;
use keeper_core::id::{CallId, InterfaceId, RequestId};
use keeper_core::instance::{Instance, InstanceFacts};
use keeper_core::lift::{LiftPhase, LiftReport};
use keeper_core::reason::Risk;
use keeper_core::resource::Resource as CoreResource;
use keeper_core::retention::{AttachPhase, Attachment, Record, RetentionReport};
use keeper_core::time::Moment;
use keeper_core::verdict::{Groups, Verdict};
use serde_json::Value;

use super::*;
use crate::api::EniRetention;

#[path = "../../../tests/gitops/tools.rs"]
mod gitops;

const REGION: &str = "cn-beijing";

/// What a region says, or what is said of the Nodes.
#[derive(Debug, Clone, Default)]
struct Said {
    part: RegionReport,
    /// Why a Node has no target.
    targetless: Option<Reason>,
    /// For how long that has been so.
    since: Duration,
}

fn with_part(change: impl FnOnce(&mut RegionReport)) -> Said {
    let mut said = Said::default();
    change(&mut said.part);
    said
}

fn target(verdict: Verdict, named: bool) -> Said {
    with_part(|part| part.counts.add("i-a", named, verdict, &[]))
}

fn protected() -> Verdict {
    let evidence: Evidence<Instance> = Evidence {
        facts: InstanceFacts { deletion_protection: Some(true), ..InstanceFacts::default() },
        seen: Moment::default(),
        call: CallId(1),
        request_id: RequestId::new("R"),
        tag_epoch: 0,
    };
    let fresh = evidence.fresh(Moment::default(), None).unwrap();
    Verdict::Protected(fresh.prove::<DeletionProtection>().unwrap())
}

fn group(reason: Reason) -> Groups {
    let mut groups = Groups::new();
    tell(&mut groups, reason, "i-a");
    groups
}

/// Everything that can be said with this reason.
fn with_reason(reason: Reason) -> Vec<Said> {
    use AttachPhase::{Attached, Obsolete, Refused, Requested, Waiting};
    let mut said = vec![
        target(Verdict::Unprotected(reason), false),
        target(Verdict::Unknown(reason), false),
        target(Verdict::NotApplicable(reason), false),
        target(Verdict::NotApplicable(reason), true),
        with_part(|part| part.counts.add("i-a", false, protected(), &[Risk { reason, detail: None }])),
        with_part(|part| part.unlisted = Some(reason)),
        with_part(|part| part.hosts = group(reason)),
        with_part(|part| part.other_flags = group(reason)),
        with_part(|part| part.not_lifted = group(reason)),
        with_part(|part| {
            part.progress = Some(Progress { waiting: group(reason), ..Progress::default() });
        }),
        with_part(|part| {
            part.progress =
                Some(Progress { done: true, left_protected: group(reason), ..Progress::default() });
        }),
        with_part(|part| {
            part.scale_in = Some(Box::new(Progress { waiting: group(reason), ..Progress::default() }));
        }),
        with_part(|part| {
            part.lifted.push(LiftReport {
                instance: InstanceId::new("i-a"),
                node: "worker-1".into(),
                since: wall_time(at(900)),
                phase: LiftPhase::InForce,
                reason: Some(reason),
                words: None,
            });
        }),
    ];
    said.extend(CorePhase::ALL.iter().map(|phase| {
        with_part(|part| {
            let entry = exception("i-a", 2000, 2000, *phase);
            part.exceptions.push(ExceptionReport { reason: Some(reason), ..entry });
        })
    }));
    said.extend([Waiting, Requested, Attached, Refused, Obsolete].map(|phase| {
        let (interface, node) = (InterfaceId::new("eni-a"), None);
        let attachment = Attachment { interface, instance: None, node, phase, reason, detail: None };
        with_part(|part| retention(part).attachments.push(attachment))
    }));
    if reason.as_str().starts_with("Node") {
        let since = [Duration::ZERO, Duration::from_hours(1)];
        said.extend(since.map(|since| Said { targetless: Some(reason), since, ..Said::default() }));
    }
    said
}

fn retention(part: &mut RegionReport) -> &mut RetentionReport {
    part.retention.get_or_insert_default()
}

/// What can be said without a reason.
fn without_reason() -> Vec<Said> {
    vec![
        Said::default(),
        target(protected(), false),
        target(Verdict::Excepted(Reason::Excepted), false),
        with_part(|part| part.progress = Some(Progress::default())),
        with_part(|part| {
            part.progress = Some(Progress { done: true, protected_again: 1, ..Progress::default() });
        }),
        with_part(|part| part.scale_in = Some(Box::new(Progress::default()))),
        with_part(|part| part.scale_in = Some(Box::new(Progress { done: true, ..Progress::default() }))),
        with_part(|part| retention(part).full = true),
    ]
}

/// Reasons that stand for all of their sort: the operator is at work, and a person must act.
const TELLING: [Reason; 2] = [Reason::Correcting, Reason::PermissionDenied];

/// Both at once, as of two regions.
fn beside(one: &Said, two: &Said) -> Said {
    let mut part = one.part.clone();
    part.join(&two.part);
    Said { part, targetless: one.targetless.or(two.targetless), since: one.since.max(two.since) }
}

fn asking<R: CoreResource>(protect: bool, observe: bool) -> Intent<R> {
    Intent { protect, observe, ..Intent::of(Selector::default()) }
}

/// An object that asks for this.
fn object(resource: Resource, protect: bool, observe: bool) -> (StoredObject, Value) {
    let mode = if observe { "Observe" } else { "Enforce" };
    let flag = match (resource, protect) {
        (Resource::Protection, true) => ("protection", "Enabled"),
        (Resource::Protection, false) => ("protection", "Disabled"),
        (Resource::Retention, true) => ("retention", "Retain"),
        (Resource::Retention, false) => ("retention", "Release"),
    };
    let object = json!({
        "apiVersion": "ecs-keeper.io/v1alpha1",
        "kind": resource.kind(),
        "metadata": { "name": "a", "namespace": "n", "uid": "u", "generation": 2 },
        "spec": { "region": REGION, "targets": { "allInstances": true }, "mode": mode, flag.0: flag.1 },
    });
    let mut entry = entry(&[], protect);
    let (seen, asked) = match resource {
        Resource::Protection => {
            let object = Object::Protection(Arc::new(serde_json::from_value(object.clone()).unwrap()));
            (object, Desired::Protection(Box::new(asking(protect, observe)), Box::default()))
        }
        Resource::Retention => {
            let decoded: EniRetention = serde_json::from_value(object.clone()).unwrap();
            let record = Box::new(Record::default());
            let asked = Desired::Retention(Box::new(asking(protect, observe)), record);
            (Object::Retention(Arc::new(decoded)), asked)
        }
    };
    entry.seen = WatchedObject { resource, object: Some(seen), ..entry.seen };
    let Placement::Served(served) = &*entry.placement else { panic!("{entry:?}") };
    let intents = BTreeMap::from([(Region::new(REGION), asked)]);
    entry.placement = Arc::new(Placement::Served(Served { intents, ..served.clone() }));
    (entry, object)
}

/// The status that says it.
fn status_of(entry: &StoredObject, said: &Said) -> Value {
    let mut entry = entry.clone();
    let Placement::Served(served) = &*entry.placement else { panic!("{entry:?}") };
    let targetless = said.targetless.map(|reason| ("worker-1".to_owned(), reason)).into_iter().collect();
    entry.placement = Arc::new(Placement::Served(Served { targetless, ..served.clone() }));
    let part = RegionReport { settled: true, ..said.part.clone() };
    entry.parts.insert(scope(REGION), (2, Arc::new(part)));
    let begun = now();
    entry.lagging = report(&entry, begun).unwrap().lagging;
    let judged = report(&entry, Now { steady: begun.steady + said.since, ..begun }).unwrap();
    statement(&judged, &entry, begun.wall).unwrap().status
}

/// Type, status and reason of each condition: all that a tool could go by, their words apart.
fn pattern(object: &Value) -> String {
    let conditions = object["status"]["conditions"].as_array().unwrap();
    let each = |it: &Value| format!("{}={}/{}", it["type"], it["status"], it["reason"]);
    conditions.iter().map(each).collect::<Vec<_>>().join(" ")
}

/// Asks the tools about a status as it is, beside an edit that nobody has looked at yet, and in an object that is deleted.
fn asked_in_each_state(object: &Value) {
    gitops::agree(object);
    let mut edited = object.clone();
    edited["metadata"]["generation"] = json!(3);
    gitops::agree(&edited);
    let mut deleted = object.clone();
    deleted["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z");
    gitops::agree(&deleted);
}

#[test]
fn i08_kstatus_and_argo_cd_read_every_status_as_it_is_meant() {
    let mut all: Vec<Said> = without_reason();
    all.extend(Reason::ALL.iter().copied().flat_map(with_reason));
    let telling: Vec<Said> =
        without_reason().into_iter().chain(TELLING.into_iter().flat_map(with_reason)).collect();
    let later = |n: usize| telling.iter().skip(n);
    all.extend(telling.iter().enumerate().flat_map(|(n, one)| later(n).map(move |two| beside(one, two))));

    let (mut tried, mut asked) = (0, BTreeSet::new());
    for resource in Resource::ALL {
        for (protect, observe) in [(true, false), (true, true), (false, false), (false, true)] {
            let (entry, mut object) = object(resource, protect, observe);
            for said in &all {
                object["status"] = status_of(&entry, said);
                tried += 1;
                if asked.insert((resource, pattern(&object))) {
                    asked_in_each_state(&object);
                }
            }
            let unserved = [
                Placement::NotGranted,
                Placement::UnknownRegion("Unknown region.".to_owned()),
                Placement::Opaque("It can't be read.".to_owned()),
            ];
            for placement in unserved {
                let entry = StoredObject { placement: Arc::new(placement), ..entry.clone() };
                let judged = report(&entry, now()).unwrap();
                object["status"] = statement(&judged, &entry, now().wall).unwrap().status;
                asked_in_each_state(&object);
            }
            // What the API server enters in a new object.
            object["status"] = json!({ "observedGeneration": -1 });
            asked_in_each_state(&object);
        }
    }
    println!("{tried} statuses, {} of which differ in more than words", asked.len());
    assert!(asked.len() > 1000, "only {} statuses differ", asked.len());
}
