//! What applying the objects of the files makes of those of the cluster.

use kube::core::{Selector, SelectorExt as _};
use serde_json::{Value, json};

use super::definition::Definition;
use super::manifest::{Manifest, Mistake, sentence};
use super::spec_difference::{Difference, differences};
use crate::api::{Object, WatchedObject, generation, object_id};
use keeper_core::id::{Generation, ObjectId};

/// An object of the files, applied.
#[derive(Debug)]
pub struct AppliedObject {
    pub id: ObjectId,
    pub seen: WatchedObject,
    pub action: Action,
    /// The generation that stands in the cluster.
    pub stands: Option<Generation>,
    /// Whether its labels are those of objects that the operator serves.
    pub served: bool,
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
    standing: Option<Vec<WatchedObject>>,
    selector: Option<&Selector>,
    definitions: &[Definition],
) -> Result<Applied, Vec<Mistake>> {
    let known = standing.is_some();
    let before = standing.unwrap_or_default();
    let (mut objects, mut mistakes) = (Vec::new(), Vec::new());
    for manifest in manifests {
        let old = before.iter().find(|seen| is_same(seen, manifest));
        if let Some(old) = old.and_then(|old| old.object.as_ref()) {
            let definition = definitions.iter().filter(|it| it.resource == manifest.resource);
            let faults = definition.flat_map(|it| it.faults(&manifest.value, Some(&value_of(old))));
            mistakes.extend(
                faults.map(|fault| Mistake {
                    place: manifest.place_of(&fault.path),
                    sentence: sentence(&fault),
                }),
            );
        }
        objects.extend(applied(manifest, old, known, selector));
    }
    if !mistakes.is_empty() {
        return Err(mistakes);
    }
    let replaced = |seen: &WatchedObject| manifests.iter().any(|manifest| is_same(seen, manifest));
    let others = before.iter().filter(|seen| !replaced(seen)).cloned();
    let served = objects.iter().filter(|object| object.served).map(|object| object.seen.clone());
    let after = others.chain(served).collect();
    Ok(Applied { before, after, objects })
}

fn is_same(seen: &WatchedObject, manifest: &Manifest) -> bool {
    seen.resource == manifest.resource
        && seen.meta.namespace.as_deref() == Some(manifest.namespace.as_str())
        && seen.meta.name.as_deref() == Some(manifest.name.as_str())
}

/// As the API server has it when it is applied: what the file has, and what of the object in the cluster stays. Nothing if that is no
/// object, which the definition has ruled out.
fn applied(
    manifest: &Manifest,
    old: Option<&WatchedObject>,
    known: bool,
    selector: Option<&Selector>,
) -> Option<AppliedObject> {
    let mut value = manifest.value.clone();
    let meta = match old {
        Some(old) => {
            let mut meta = old.meta.clone();
            meta.labels = Some(manifest.labels.clone());
            serde_json::to_value(meta).ok()?
        }
        None => json!({
            "name": manifest.name,
            "namespace": manifest.namespace,
            // The API server will give it another one: only that nobody else has it counts.
            "uid": format!("of the file: {}", manifest.resource.kind()),
            "generation": 1,
            "labels": manifest.labels,
        }),
    };
    let status = old.and_then(|old| match &old.object {
        Some(object) => value_of(object).get("status").cloned(),
        None => old.undecoded_status.as_deref().cloned(),
    });
    let fields = value.as_object_mut()?;
    fields.insert("metadata".to_owned(), meta);
    fields.extend(status.map(|status| ("status".to_owned(), status)));
    let mut seen = manifest.resource.decode(serde_json::from_value(value.clone()).ok()?);
    let action = match old {
        None if known => Action::Create,
        None => Action::Unknown,
        Some(old) => match differences(&spec_of(old), &spec_of(&seen)) {
            same if same.is_empty() => Action::Nothing,
            found => Action::Change(found),
        },
    };
    let stands = old.map(|old| generation(&old.meta));
    if let (Some(stands), Action::Change(_)) = (stands, &action) {
        // Each change of a spec is a generation. What status says of the last one does not count for it.
        value.get_mut("metadata")?.as_object_mut()?.insert("generation".to_owned(), json!(stands + 1));
        seen = manifest.resource.decode(serde_json::from_value(value).ok()?);
    }
    let served = selector.is_none_or(|selector| selector.matches(&manifest.labels));
    Some(AppliedObject { id: object_id(&seen.meta)?, seen, action, stands, served })
}

fn value_of(object: &Object) -> Value {
    let value = match object {
        Object::Protection(object) => serde_json::to_value(object.as_ref()),
        Object::Retention(object) => serde_json::to_value(object.as_ref()),
    };
    value.unwrap_or_default()
}

/// The spec with its defaults; null if it can't be decoded, which no other spec is.
fn spec_of(seen: &WatchedObject) -> Value {
    seen.object.as_ref().and_then(|object| value_of(object).get("spec").cloned()).unwrap_or_default()
}
