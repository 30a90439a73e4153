//! What applying the objects of the files makes of those of the cluster.

use std::collections::{BTreeMap, BTreeSet};

use kube::core::Selector;
use serde_json::{Value, json};

use super::definition::Definition;
use super::manifest::{Key, Manifest, Mistake, key_of, sentence};
use super::merge::merged;
use super::spec_difference::{Difference, differences};
use super::standing::{Standing, Stored, is_served};
use super::unprotect_verb::{Request, Selection};
use crate::api::{Object, WatchedObject, generation, object_id};
use keeper_core::id::ObjectId;

/// An object of the files, applied.
#[derive(Debug)]
pub struct AppliedObject {
    pub id: ObjectId,
    pub seen: WatchedObject,
    pub action: Action,
    /// The one in the cluster.
    pub old: Option<WatchedObject>,
    /// Whether its labels are those of objects that the operator serves.
    pub served: bool,
    pub selection: Selection,
    /// The fields of the spec that the file does not have, and that stay as they are in the cluster.
    pub stays: Vec<String>,
}

/// What is to be done to have it applied.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Nobody has looked whether it is there.
    Unknown,
    Create,
    /// Its spec is another one.
    Change(Vec<Difference>),
    /// Its spec is there already.
    Nothing,
}

impl AppliedObject {
    /// Whether whoever applies it has to have the verb `unprotect`, where the chart's policies ask for it.
    pub fn needs_unprotect_verb(&self) -> bool {
        self.seen.object.as_ref().is_some_and(|new| {
            let request = Request {
                new,
                old: self.old.as_ref().and_then(|old| old.object.as_ref()),
                same_spec: self.action == Action::Nothing,
                is_being_deleted: self.seen.meta.deletion_timestamp.is_some(),
                selection: self.selection,
            };
            request.needs_verb()
        })
    }
}

/// The objects of the cluster as they are, and as they are when the files are applied.
#[derive(Debug)]
pub struct Applied {
    pub before: Vec<WatchedObject>,
    pub after: Vec<WatchedObject>,
    /// Those of the files, in their order.
    pub objects: Vec<AppliedObject>,
}

/// Applies the objects. `standing`: those of the cluster; `None`: nobody has looked. `selector`: which objects are served.
pub fn apply(
    manifests: &[Manifest],
    standing: Option<Standing>,
    selector: Option<&Selector>,
    definitions: &[Definition],
) -> Result<Applied, Vec<Mistake>> {
    let known = standing.is_some();
    let Standing { served: before, others: unserved, stored } = standing.unwrap_or_default();
    let (mut objects, mut mistakes) = (Vec::new(), Vec::new());
    let standing: BTreeMap<Key, &WatchedObject> =
        before.iter().chain(&unserved).map(|seen| (key_of(seen.resource, &seen.meta), seen)).collect();
    let (mut replaced, none) = (BTreeSet::new(), BTreeMap::new());
    for manifest in manifests {
        let key = manifest.key();
        let old = standing.get(&key).copied();
        let stored = stored.get(&key);
        replaced.insert(key);
        let definition = definitions.iter().find(|it| it.resource == manifest.resource);
        let (value, stays) = applied_value(manifest, stored, definition);
        if let Some(old) = old.and_then(|old| old.object.as_ref()) {
            let faults = definition.into_iter().flat_map(|it| it.faults(&value, Some(&value_of(old))));
            mistakes.extend(
                faults.map(|fault| Mistake {
                    place: manifest.place_of(&fault.path),
                    sentence: sentence(&fault),
                }),
            );
        }
        let action = match stored {
            None if known => Action::Create,
            None => Action::Unknown,
            Some(stored) => match differences(&stored.spec, value.get("spec").unwrap_or_default()) {
                same if same.is_empty() => Action::Nothing,
                found => Action::Change(found),
            },
        };
        let labels = match stored {
            Some(stored) => merged_labels(manifest, stored),
            None => manifest.labels.clone(),
        };
        let served = is_served(selector, &labels);
        let was_served = old.map(|old| is_served(selector, old.meta.labels.as_ref().unwrap_or(&none)));
        let selection = match was_served {
            Some(false) if served => Selection::Enters,
            Some(true) if !served => Selection::Leaves,
            _ => Selection::Unchanged,
        };
        let object = applied((manifest, value, labels), old, &action);
        objects.extend(object.and_then(|seen| {
            let id = object_id(&seen.meta)?;
            Some(AppliedObject { id, seen, action, old: old.cloned(), served, selection, stays })
        }));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let others = before.iter().filter(|seen| !replaced.contains(&key_of(seen.resource, &seen.meta))).cloned();
    let served = objects.iter().filter(|object| object.served).map(|object| object.seen.clone());
    let after = others.chain(served).collect();
    Ok(Applied { before, after, objects })
}

/// The object without its status, with what of the spec in the cluster stays, and with all defaults; and which fields of the spec
/// stay that would be others without that.
fn applied_value(
    manifest: &Manifest,
    stored: Option<&Stored>,
    definition: Option<&Definition>,
) -> (Value, Vec<String>) {
    let with_defaults = |spec: Value| match definition {
        Some(definition) => definition.with_defaults(spec),
        None => spec,
    };
    let own = manifest.value.get("spec").cloned().unwrap_or_default();
    let alone = with_defaults(own.clone());
    let spec = match stored {
        Some(stored) => with_defaults(merged(own, &stored.spec, &stored.applied_spec)),
        None => alone.clone(),
    };
    let stays = differences(&alone, &spec).into_iter().map(|difference| difference.field).collect();
    let mut value = manifest.value.clone();
    value.as_object_mut().map(|fields| fields.insert("spec".to_owned(), spec));
    (value, stays)
}

fn merged_labels(manifest: &Manifest, stored: &Stored) -> BTreeMap<String, String> {
    let labels = merged(json!(manifest.labels), &stored.labels, &stored.applied_labels);
    serde_json::from_value(labels).unwrap_or_default()
}

/// As the API server has it when it is applied: what is to be there, and what else of the object in the cluster stays. Nothing if
/// that is no object, which the definition has ruled out.
fn applied(
    (manifest, mut value, labels): (&Manifest, Value, BTreeMap<String, String>),
    old: Option<&WatchedObject>,
    action: &Action,
) -> Option<WatchedObject> {
    let meta = match old {
        Some(old) => {
            let mut meta = old.meta.clone();
            meta.labels = Some(labels);
            if let Action::Change(_) = action {
                // Each change of a spec is a generation. What status says of the last one does not count for it.
                meta.generation = Some(generation(&old.meta) + 1);
            }
            serde_json::to_value(meta).ok()?
        }
        None => json!({
            "name": manifest.name,
            "namespace": manifest.namespace,
            // The API server will give it another one: only that nobody else has it counts.
            "uid": format!("of the file: {}", manifest.resource.kind()),
            "generation": 1,
            "labels": labels,
        }),
    };
    let status = old.and_then(|old| match &old.object {
        Some(object) => value_of(object).get("status").cloned(),
        None => old.undecoded_status.as_deref().cloned(),
    });
    let fields = value.as_object_mut()?;
    fields.insert("metadata".to_owned(), meta);
    fields.extend(status.map(|status| ("status".to_owned(), status)));
    Some(manifest.resource.decode(serde_json::from_value(value).ok()?))
}

fn value_of(object: &Object) -> Value {
    let value = match object {
        Object::Protection(object) => serde_json::to_value(object.as_ref()),
        Object::Retention(object) => serde_json::to_value(object.as_ref()),
    };
    value.unwrap_or_default()
}
