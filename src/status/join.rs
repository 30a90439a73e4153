//! Joins what the regions say of an object to what is to be said of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use keeper_core::conditions::{Question, judge, unserved};
use keeper_core::id::{InstanceId, Region};
use keeper_core::lift::LiftReport;
use keeper_core::reason::Reason;
use keeper_core::verdict::{Group, NodeFindings, Progress, RegionReport, Row, sort_rows, tell};
use tokio::time::Instant;

use super::api_conditions::STALLED;
use super::lagging::Lagging;
use super::report::Report;
use crate::api::{Object, generation};
use crate::desired::{Desired, Placement, Served};
use crate::store::StoredObject;

/// The time of a judgement.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// By a clock that never jumps.
    pub steady: Instant,
    /// By the clock of the wall, for times in status.
    pub wall: Timestamp,
}

impl Now {
    pub fn read() -> Self {
        Self { steady: Instant::now(), wall: Timestamp::now() }
    }
}

/// Judges an object from all its parts. `None`: there is not evidence for all of it yet, and the status that stands may stay.
pub fn report(entry: &StoredObject, now: Now) -> Option<Report> {
    let of = generation(&entry.seen.meta);
    let served = match &*entry.placement {
        Placement::NotGranted => {
            return Some(Report::silent(unserved(Reason::NotGranted, Reason::NotGranted.sentence())));
        }
        Placement::UnknownRegion(message) => {
            return Some(Report::silent(unserved(Reason::UnknownRegion, message)));
        }
        Placement::Opaque(message) => return Some(Report::silent(unserved(Reason::Undecodable, message))),
        Placement::Served(served) => served,
    };
    let mut part = RegionReport { settled: true, ..RegionReport::default() };
    let mut targetless = served.targetless.clone();
    let (mut counted, mut spoken, mut lifted) = (true, BTreeSet::new(), BTreeMap::new());
    for (scope, desired) in served.scopes() {
        match entry.parts.get(&scope) {
            Some((judged, theirs)) if *judged == of => {
                part.join(theirs);
                spoken.insert(scope.region.clone());
                let of = |lift: &LiftReport| ((scope.region.clone(), lift.instance.clone()), lift.clone());
                lifted.extend(theirs.lifted.iter().map(of));
                let node = |id: &InstanceId| served.nodes.get(&(scope.region.clone(), id.clone()));
                let gone = theirs.gone.iter().filter_map(node);
                targetless.extend(gone.map(|node| (node.clone(), Reason::NodeInstanceGone)));
                let refused = theirs.refused.iter().filter_map(node);
                targetless.extend(refused.map(|node| (node.clone(), Reason::NodeIdRefused)));
            }
            // It has heard of this generation, and speaks of it next. Until then nothing is known that status does not say. Of an
            // object that came back from a backup it would never speak again.
            Some((judged, _)) if *judged < of => return None,
            _ => {
                counted = false;
                part.join(&missing(desired, &scope.region));
            }
        }
    }
    sort_rows(&mut part.rows);
    let observed = entry.seen.object.as_ref().and_then(Object::observed_generation);
    if !part.settled && observed == Some(of) && may_stand(entry, &part) {
        return None;
    }
    let stood = |reason| stood(entry, reason, now.wall);
    let lagging = entry.lagging.note(&targetless, now.steady, stood, counted && is_known(&part));
    find_nodes(&mut part, &lagging, served, now.steady);
    if served.karpenter_unwatched {
        part.not_lifted.insert(Reason::KarpenterNotWatched, Group::default());
    }
    Some(Report { condition_set: judge(question(served), &part), part, lagging, counted, spoken, lifted })
}

/// Whether the status of this generation may stand although there is not evidence for all of it. At the beginning of a term it
/// waits for that, but never says anything better than what is known to be unprotected. And a region that comes in the
/// middle of a term is Unknown; what is said of the others does not wait for it.
fn may_stand(entry: &StoredObject, part: &RegionReport) -> bool {
    let acts = part.progress.is_some();
    let broken = !part.counts.unprotected.is_empty() || !part.counts.not_applicable_named.is_empty();
    let judged = entry.judged.is_some();
    let domain = entry.seen.object.as_ref().and_then(Object::domain);
    // Of an act status is the memory: while it is carried out, nothing is said of it before all regions have spoken.
    acts || match domain.map(|condition| condition.status.as_str()) {
        Some("True") => !broken && !judged,
        Some("False") => !judged,
        _ => !broken,
    }
}

/// Whether nothing is unknown that may turn out to be gone.
fn is_known(part: &RegionReport) -> bool {
    let over = |reason: &Reason| *reason == Reason::NotFound || OF_INSTANCES.contains(reason);
    part.unlisted.is_none() && part.counts.unknown.keys().chain(part.hosts.keys()).all(over)
}

/// For how long status has said for this reason that some Node has no target.
fn stood(entry: &StoredObject, reason: Reason, now: Timestamp) -> Duration {
    let conditions = entry.seen.object.as_ref().map_or(&[][..], Object::conditions);
    let says = |condition: &&Condition| condition.reason == reason.as_str();
    let stalled = conditions.iter().filter(says).any(|it| it.type_ == STALLED && it.status == "True");
    if stalled {
        return Duration::MAX;
    }
    let domain = entry.seen.object.as_ref().and_then(Object::domain).filter(says);
    let since = domain.map(|domain| now.duration_since(domain.last_transition_time.0));
    since.and_then(|since| Duration::try_from(since).ok()).unwrap_or_default()
}

/// Reasons of Nodes whose instances are targets all the same, of which nothing is known.
const OF_INSTANCES: [Reason; 2] = [Reason::NodeInstanceGone, Reason::NodeIdRefused];

/// Enters what is to be said of the selected Nodes. What is gone, or has an id that is none, is called by its Node's name:
/// nobody has typed its id.
fn find_nodes(part: &mut RegionReport, lagging: &Lagging, served: &Served, now: Instant) {
    let mut targetless = lagging.groups();
    if let Some(refused) = targetless.get_mut(&Reason::NodeIdRefused) {
        let named = |(_, name): &(&(Region, InstanceId), &String)| **name == *refused.example;
        refused.words =
            served.nodes.iter().find(named).map(|((region, id), _)| format!("{region}.{id}").into());
    }
    for reason in OF_INSTANCES {
        // What is given up does not wait for them, and counts them among the Nodes.
        let acts = part.progress.is_some() && reason == Reason::NodeIdRefused;
        let found = if acts { targetless.get(&reason).cloned() } else { targetless.remove(&reason) };
        let Some(found) = found else { continue };
        for groups in [&mut part.counts.unknown, &mut part.hosts] {
            if let Some(group) = groups.get_mut(&reason) {
                group.example.clone_from(&found.example);
                group.words.clone_from(&found.words);
            }
        }
    }
    let name = |row: &Row| {
        let of = |((_, id), name): (&(Region, InstanceId), &String)| {
            (id.as_str() == row.id.as_ref()).then(|| format!("Node {name}").into())
        };
        served.nodes.iter().find_map(of)
    };
    for row in part.rows.iter_mut().filter(|row| OF_INSTANCES.contains(&row.reason)) {
        row.detail = name(row);
    }
    part.nodes = NodeFindings { targetless, overdue: lagging.overdue(now), ignored: served.nodes_ignored };
}

/// What is asked, which is the same in every region.
fn question(served: &Served) -> Question {
    served.intents.values().next().map_or_else(Question::default, Desired::question)
}

/// What is said of a region that has said nothing yet: it is Unknown, and nothing is carried out there.
fn missing(desired: &Desired, region: &Region) -> RegionReport {
    let begun = || {
        let mut progress = Progress::default();
        tell(&mut progress.waiting, Reason::AwaitingEvidence, region.as_str());
        progress
    };
    RegionReport {
        unlisted: Some(Reason::AwaitingEvidence),
        progress: desired.gives_up().then(begun),
        scale_in: desired.gives_up_to_scale_in().then(begun).map(Box::new),
        ..RegionReport::default()
    }
}
