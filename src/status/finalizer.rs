//! The finalizer of objects whose deletion has work to do. Pure: no client here.

use kube::api::ObjectMeta;
use serde_json::{Value, json};

use super::report::Report;
use crate::desired::Placement;
use crate::store::StoredObject;

/// Holds an object until its deletion policy was carried out. `Keep` needs none.
pub const FINALIZER: &str = "ecs-keeper.io/deletion-policy";

#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    Add,
    /// The one at this place is removed.
    Remove(usize),
}

impl Change {
    /// The JSON patch that does it, on the object that was judged and no other.
    pub fn operations(&self, meta: &ObjectMeta) -> Value {
        let version =
            json!({ "op": "test", "path": "/metadata/resourceVersion", "value": meta.resource_version });
        match self {
            Self::Add if meta.finalizers.as_ref().is_none_or(Vec::is_empty) => {
                json!([version, { "op": "add", "path": "/metadata/finalizers", "value": [FINALIZER] }])
            }
            Self::Add => {
                json!([version, { "op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER }])
            }
            Self::Remove(place) => {
                let path = format!("/metadata/finalizers/{place}");
                json!([version, { "op": "test", "path": path, "value": FINALIZER }, { "op": "remove", "path": path }])
            }
        }
    }
}

pub fn change(entry: &StoredObject, said: Option<&Report>) -> Option<Change> {
    let meta = &entry.seen.meta;
    let place = meta.finalizers.iter().flatten().position(|name| name == FINALIZER);
    let deleting = meta.deletion_timestamp.is_some();
    let unprotects = entry.seen.object.as_ref().map(|object| object.spec().unprotects_when_deleted);
    let wanted = match &*entry.placement {
        Placement::Served(served) => {
            // Without any target there is no intent yet; there may be one later.
            let nothing_to_do = served.intents.is_empty() && deleting;
            let done =
                said.and_then(|said| said.part.progress.as_ref()).is_some_and(|progress| progress.done);
            unprotects == Some(true) && !nothing_to_do && !(deleting && done)
        }
        // Nothing may be done for it as it is. It may be granted or corrected, and then its policy counts; but nobody
        // has to wait for that to delete it, or to have a policy that asks for nothing: what is protected is left so.
        Placement::NotGranted | Placement::UnknownRegion(_) | Placement::Opaque(_) => {
            place.is_some() && !deleting && unprotects != Some(false)
        }
    };
    match (place, wanted) {
        (None, true) if !deleting => Some(Change::Add),
        (Some(place), false) => Some(Change::Remove(place)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use k8s_openapi::jiff::Timestamp;
    use keeper_core::conditions::{Question, judge};

    use keeper_core::verdict::{Progress, RegionReport};

    use super::*;
    use crate::api::{EcsInstanceProtection, Object, Resource, WatchedObject};
    use crate::config;
    use crate::desired::{Cluster, place};
    use crate::status::{Changes, Lagging, Losses};

    fn entry(policy: &str, mode: &str, finalizers: &[&str], deleting: bool) -> StoredObject {
        let mut object: EcsInstanceProtection = serde_json::from_value(json!({
            "metadata": { "name": "a", "namespace": "ours", "uid": "u", "generation": 1, "resourceVersion": "7",
                          "finalizers": finalizers },
            "spec": { "region": "cn-hangzhou", "deletionPolicy": policy, "mode": mode,
                      "targets": { "instanceIds": ["i-a"] } },
        }))
        .unwrap();
        object.metadata.deletion_timestamp = deleting.then_some(Time(Timestamp::UNIX_EPOCH));
        let grants =
            config::parse("accounts: [{name: default, regions: [cn-hangzhou]}]").unwrap().grants("ours");
        let (meta, object) = (object.metadata.clone(), Object::Protection(Arc::new(object)));
        let placement = place(&object, &Cluster::default(), &grants, Timestamp::UNIX_EPOCH);
        let seen = WatchedObject {
            resource: Resource::Protection,
            meta,
            object: Some(object),
            undecoded_status: None,
            undecoded_account: None,
        };
        StoredObject {
            seen,
            placement: Arc::new(placement),
            offered: None,
            parts: BTreeMap::new(),
            author_told: None,
            lagging: Lagging::default(),
            announced: None,
            judged: None,
            losses: Losses::default(),
            cancelled: Vec::new(),
            orphans: Vec::new(),
            changes: Changes::default(),
        }
    }

    fn said(done: bool) -> Report {
        let part = RegionReport {
            progress: Some(Progress { done, ..Progress::default() }),
            ..RegionReport::default()
        };
        let condition_set = judge(Question::default(), &part);
        Report { part, counted: true, ..Report::silent(condition_set) }
    }

    #[test]
    fn i10_only_a_policy_that_has_work_to_do_holds_an_object() {
        let other = "example.com/other";
        for (policy, mode, finalizers, deleting, done, expected) in [
            ("Keep", "Enforce", &[][..], false, false, None),
            ("Keep", "Enforce", &[FINALIZER][..], false, false, Some(Change::Remove(0))),
            ("Keep", "Enforce", &[other, FINALIZER][..], true, false, Some(Change::Remove(1))),
            ("Disable", "Enforce", &[][..], false, false, Some(Change::Add)),
            ("Disable", "Enforce", &[other][..], false, false, Some(Change::Add)),
            ("Disable", "Enforce", &[FINALIZER][..], false, false, None),
            ("Disable", "Enforce", &[FINALIZER][..], true, false, None),
            ("Disable", "Enforce", &[FINALIZER][..], true, true, Some(Change::Remove(0))),
            // The API server takes no new finalizer on an object that is being deleted.
            ("Disable", "Enforce", &[other][..], true, false, None),
            ("Disable", "Observe", &[][..], false, false, None),
            ("Disable", "Observe", &[FINALIZER][..], true, false, Some(Change::Remove(0))),
        ] {
            let entry = entry(policy, mode, finalizers, deleting);
            let found = change(&entry, Some(&said(done)));
            assert_eq!(found, expected, "{policy} {mode} {finalizers:?} deleting: {deleting} done: {done}");
        }
    }

    #[test]
    fn i10_what_is_not_served_can_be_deleted() {
        for placement in
            [Placement::NotGranted, Placement::UnknownRegion(String::new()), Placement::Opaque(String::new())]
        {
            let mut held = entry("Disable", "Enforce", &[FINALIZER], false);
            held.placement = Arc::new(placement.clone());
            assert_eq!(change(&held, None), None, "it may be granted or corrected");
            let mut leaving = entry("Disable", "Enforce", &[FINALIZER], true);
            leaving.placement = Arc::new(placement);
            assert_eq!(change(&leaving, None), Some(Change::Remove(0)));
            let mut keeping = entry("Keep", "Enforce", &[FINALIZER], false);
            keeping.placement = leaving.placement;
            assert_eq!(
                change(&keeping, None),
                Some(Change::Remove(0)),
                "its policy asks for nothing any more"
            );
        }
    }

    #[test]
    fn a_finalizer_is_changed_only_on_the_object_that_was_judged() {
        let meta = entry("Disable", "Enforce", &["example.com/other"], false).seen.meta;
        let operations = Change::Add.operations(&meta);
        assert_eq!(operations[0], json!({ "op": "test", "path": "/metadata/resourceVersion", "value": "7" }));
        assert_eq!(operations[1]["path"], "/metadata/finalizers/-", "others keep theirs");
        let operations = Change::Remove(1).operations(&meta);
        assert_eq!(
            operations[1],
            json!({ "op": "test", "path": "/metadata/finalizers/1", "value": FINALIZER })
        );
        assert_eq!(operations[2], json!({ "op": "remove", "path": "/metadata/finalizers/1" }));
    }
}
