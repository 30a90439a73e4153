//! From what the engines say of an object to what is to be said of it.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use keeper_core::conditions::{Question, judge, unserved};
use keeper_core::id::{InstanceId, Region};
use keeper_core::reason::Reason;
use keeper_core::verdict::{NodeFindings, Part, Progress, Row, tell};
use tokio::time::Instant;

use super::conditions::STALLED;
use super::lagging::Lagging;
use super::report::Report;
use crate::api::{Object, generation};
use crate::desired::{Placement, Served, Wished};
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

/// Judges an object from all its parts. `None`: there is no evidence yet, and the status that stands may stay.
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
    let mut part = Part { settled: true, ..Part::default() };
    let mut targetless = served.targetless.clone();
    let mut counted = true;
    for (scope, wished) in served.scopes() {
        match entry.parts.get(&scope) {
            Some((judged, theirs)) if *judged == of => {
                part.join(theirs);
                let node = |id: &InstanceId| served.nodes.get(&(scope.region.clone(), id.clone()));
                let gone = theirs.gone.iter().filter_map(node);
                targetless.extend(gone.map(|node| (node.clone(), Reason::NodeInstanceGone)));
            }
            _ => {
                counted = false;
                part.join(&missing(wished, &scope.region));
            }
        }
    }
    let observed = entry.seen.object.as_ref().and_then(Object::observed_generation);
    if !part.settled && observed == Some(of) {
        return None;
    }
    let stood = |reason| stood(entry, reason, now.wall);
    let lagging = entry.lagging.note(&targetless, now.steady, stood, counted && is_known(&part));
    find_nodes(&mut part, &lagging, served, now.steady);
    let question = question(served);
    Some(Report { judgement: judge(question, &part), question: Some(question), part, lagging, counted })
}

/// Whether nothing is unknown that may turn out to be gone.
fn is_known(part: &Part) -> bool {
    let over = |reason: &Reason| matches!(reason, Reason::NotFound | Reason::NodeInstanceGone);
    part.unlisted.is_none() && part.tally.unknown.keys().chain(part.owners.keys()).all(over)
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

/// Enters what is to be said of the selected Nodes. What is gone is called by its Node's name: nobody has typed its id.
fn find_nodes(part: &mut Part, lagging: &Lagging, served: &Served, now: Instant) {
    let mut targetless = lagging.groups();
    if let Some(gone) = targetless.remove(&Reason::NodeInstanceGone) {
        for groups in [&mut part.tally.unknown, &mut part.owners] {
            if let Some(group) = groups.get_mut(&Reason::NodeInstanceGone) {
                group.example.clone_from(&gone.example);
            }
        }
        let name = |row: &Row| {
            let of = |((_, id), name): (&(Region, InstanceId), &String)| {
                (id.as_str() == row.id.as_ref()).then(|| format!("Node {name}").into())
            };
            served.nodes.iter().find_map(of)
        };
        for row in part.rows.iter_mut().filter(|row| row.reason == Reason::NodeInstanceGone) {
            row.detail = name(row);
        }
    }
    part.nodes = NodeFindings { targetless, overdue: lagging.overdue(now), ignored: served.nodes_ignored };
}

/// What is asked, which is the same in every region.
fn question(served: &Served) -> Question {
    served.wishes.values().next().map_or_else(Question::default, Wished::question)
}

/// What is said of a region that has said nothing yet: it is Unknown, and nothing is carried out there.
fn missing(wished: &Wished, region: &Region) -> Part {
    let progress = wished.weakens().then(|| {
        let mut progress = Progress::default();
        tell(&mut progress.waiting, Reason::AwaitingEvidence, region.as_str());
        progress
    });
    Part { unlisted: Some(Reason::AwaitingEvidence), progress, ..Part::default() }
}
