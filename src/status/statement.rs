//! From a judgement to the status of the custom resource.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::api_conditions::conditions;
use super::report::Report;
use super::{protection, retention};
use crate::api::{Object, Resource, WatchedObject, generation};
use crate::events::{ObjectEvent, Survivors};
use crate::store::StoredObject;

/// A status that is to be written, and what is to be told once it stands.
#[derive(Debug)]
pub struct Statement {
    pub status: Value,
    /// What it tells besides the domain condition.
    pub events: Vec<ObjectEvent>,
    /// The interfaces that it is the first to show as survivors.
    pub survivors: Survivors,
}

/// The status that says it; `None`: the one that stands does. Times stay where nothing changed, so that an equal status
/// is equal.
pub fn statement(report: &Report, entry: &StoredObject, now: Timestamp) -> Option<Statement> {
    let seen = &entry.seen;
    let of = generation(&seen.meta);
    // Of an object that can't be decoded nobody may know what stands in its status: it is told once for each generation.
    if entry.author_told == Some(of) {
        return None;
    }
    let conditions = |old: &[Condition]| conditions(seen.resource, report, old, of, now);
    match seen.resource {
        Resource::Protection => {
            let object = seen.object.as_ref().and_then(Object::protection);
            let stands = seen.protection_status();
            let (spec, old) = (object.map(|object| &object.spec), stands.as_deref());
            let conditions = conditions(old.map_or(&[], |old| &old.conditions));
            let (acts, lost) = (protection::acts(report, seen), &entry.losses.pending);
            let mut new = protection::status(report, conditions, (spec, old), acts, lost, of, now);
            new.changes = entry.changes.beside(old.map_or(&[], |old| &old.changes));
            let same = old.is_some_and(|old| protection::same(old, &new));
            let mut status = json!(new);
            let emptied_lists = [
                ("exceptions", new.exceptions.is_empty() && old.is_some_and(|it| !it.exceptions.is_empty())),
                ("changes", new.changes.is_empty() && old.is_some_and(|it| !it.changes.is_empty())),
                ("lifted", new.lifted.is_empty() && old.is_some_and(|it| !it.lifted.is_empty())),
                (
                    "scalingGroups",
                    new.scaling_groups.is_empty() && old.is_some_and(|it| !it.scaling_groups.is_empty()),
                ),
            ];
            empty(&mut status, &emptied_lists);
            keep_undecoded(&mut status, seen, &["exceptions", "lifted", "scalingGroups", "acts"]);
            (!same).then(|| Statement {
                status,
                events: protection::events(report, object, &new),
                survivors: Survivors::new(),
            })
        }
        Resource::Retention => {
            let stands = seen.retention_status();
            let old = stands.as_deref();
            let conditions = conditions(old.map_or(&[], |old| &old.conditions));
            let part = report.part.retention.as_deref();
            let lists = retention::lists(part, old, &entry.losses.pending, now);
            let changes = entry.changes.beside(old.map_or(&[], |old| &old.changes));
            let acts = retention::acts(report, seen);
            let new = retention::status(report, conditions, lists, (acts, changes), of);
            let same = old.is_some_and(|old| retention::same(old, &new));
            let mut status = json!(new);
            empty(
                &mut status,
                &[("changes", new.changes.is_empty() && old.is_some_and(|it| !it.changes.is_empty()))],
            );
            let lists = ["retainedEniIds", "availableEniIds", "networkInterfaces", "reattachments", "acts"];
            keep_undecoded(&mut status, seen, &lists);
            (!same).then(|| Statement {
                status,
                events: retention::events(part.map(|part| &part.departed), old, &new),
                survivors: retention::survivors(old, &new),
            })
        }
    }
}

/// Says that lists are empty that were not: what somebody else has put there would outlast an apply that leaves it out.
fn empty(status: &mut Value, lists: &[(&str, bool)]) {
    for (list, _) in lists.iter().filter(|(_, emptied)| *emptied) {
        status[*list] = json!([]);
    }
}

/// Leaves the rows that can't be decoded in the lists of which status is the memory: an apply that leaves them out drops them.
fn keep_undecoded(status: &mut Value, seen: &WatchedObject, lists: &[&str]) {
    for list in lists {
        let undecoded = seen.undecoded_rows(list);
        match status.get_mut(*list).and_then(Value::as_array_mut) {
            Some(rows) => rows.extend(undecoded),
            None if undecoded.is_empty() => {}
            None => status[*list] = Value::Array(undecoded),
        }
    }
}
