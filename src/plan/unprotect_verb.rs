//! Whether applying an object needs the verb `unprotect`, as the policies of the chart judge it (`templates/unprotectverb.yaml`).

use crate::api::{
    DeletionPolicy, EcsInstanceProtection, EcsInstanceProtectionSpec, EniRetention, EniRetentionSpec, Mode,
    NodeRemoval, Object, Protection, Retention, RetentionDeletionPolicy, ScaleIn,
};

/// What becomes of an object when it is applied, as the API server sees it.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    pub new: &'a Object,
    /// The one that is there; `None`: there is none, or it can't be read.
    pub old: Option<&'a Object>,
    /// Whether their specs are the same as they are stored.
    pub same_spec: bool,
    pub is_being_deleted: bool,
    /// What its labels do.
    pub selection: Selection,
}

/// What becomes of an object in the selection of the operator (`objectSelector`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// It is in it as before, or as little.
    Unchanged,
    Enters,
    Leaves,
}

impl Request<'_> {
    /// Whether whoever applies it has to have the verb.
    pub fn needs_verb(&self) -> bool {
        match (self.new, self.old) {
            (Object::Protection(new), Some(Object::Protection(old))) => self.of_protections(new, old),
            (Object::Retention(new), Some(Object::Retention(old))) => self.of_retentions(new, old),
            (Object::Protection(new), _) => asks_of_instances(&new.spec),
            (Object::Retention(new), _) => asks_of_interfaces(&new.spec),
        }
    }

    /// Whether it brings about no act that its spec asks for: each is carried out once for a generation, and none while the object is
    /// being deleted.
    fn repeats_nothing(&self) -> bool {
        self.same_spec || self.is_being_deleted
    }

    fn of_protections(&self, new: &EcsInstanceProtection, old: &EcsInstanceProtection) -> bool {
        let (new, old) = (&new.spec, &old.spec);
        let acts = new.protection != Protection::Enabled || gives_up_to_scale_in(new);
        let same_targets = new.targets == old.targets && new.mode == old.mode;
        let when_deleted = new.deletion_policy != DeletionPolicy::Keep
            && !(same_targets && new.deletion_policy == old.deletion_policy);
        let lifts = new.node_removal != NodeRemoval::KeepProtected
            && !(same_targets && new.node_removal == old.node_removal);
        let counts_as_before = new.mode == Mode::Observe || new.mode == old.mode;
        let stood = |entry| old.exceptions.contains(entry);
        let excepts_as_before =
            new.exceptions.is_empty() || (counts_as_before && new.exceptions.iter().all(stood));
        let protected = old.protection == Protection::Enabled || old.scale_in == ScaleIn::Protect;
        (acts && !self.repeats_nothing())
            || when_deleted
            || lifts
            || !excepts_as_before
            || self.moves(asks_of_instances(new), protected)
    }

    fn of_retentions(&self, new: &EniRetention, old: &EniRetention) -> bool {
        let (new, old) = (&new.spec, &old.spec);
        let same_targets =
            new.targets == old.targets && new.interface_types == old.interface_types && new.mode == old.mode;
        let when_deleted = new.deletion_policy != RetentionDeletionPolicy::Keep
            && !(same_targets && new.deletion_policy == old.deletion_policy);
        (new.retention != Retention::Retain && !self.repeats_nothing())
            || when_deleted
            || self.moves(asks_of_interfaces(new), old.retention == Retention::Retain)
    }

    /// Whether its labels bring an object that `asks` for unprotecting into the operator's selection, or take one that `protected` out of
    /// it.
    fn moves(&self, asks: bool, protected: bool) -> bool {
        match self.selection {
            Selection::Unchanged => false,
            Selection::Enters => asks,
            Selection::Leaves => protected,
        }
    }
}

fn gives_up_to_scale_in(spec: &EcsInstanceProtectionSpec) -> bool {
    !matches!(spec.scale_in, ScaleIn::Report | ScaleIn::Protect)
}

/// Whether a spec asks for anything that needs the verb when the object is created.
fn asks_of_instances(spec: &EcsInstanceProtectionSpec) -> bool {
    spec.protection != Protection::Enabled
        || gives_up_to_scale_in(spec)
        || spec.deletion_policy != DeletionPolicy::Keep
        || spec.node_removal != NodeRemoval::KeepProtected
        || !spec.exceptions.is_empty()
}

/// The same of an `EniRetention`.
fn asks_of_interfaces(spec: &EniRetentionSpec) -> bool {
    spec.retention != Retention::Retain || spec.deletion_policy != RetentionDeletionPolicy::Keep
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::api::Resource;

    fn object(resource: Resource, spec: &Value) -> Object {
        let mut whole = json!({ "region": "cn-hangzhou", "targets": {} });
        whole.as_object_mut().unwrap().extend(spec.as_object().unwrap().clone());
        let value = json!({
            "apiVersion": "ecs-keeper.io/v1alpha1", "kind": resource.kind(), "spec": whole,
            "metadata": { "name": "web", "namespace": "team" },
        });
        match resource {
            Resource::Protection => Object::Protection(Arc::new(serde_json::from_value(value).unwrap())),
            Resource::Retention => Object::Retention(Arc::new(serde_json::from_value(value).unwrap())),
        }
    }

    /// Whether the verb is needed to make the second of the first, if there is one.
    fn needs(resource: Resource, old: Option<Value>, new: &Value) -> bool {
        let (old, new) = (old.map(|old| object(resource, &old)), object(resource, new));
        let same_spec = old.as_ref().is_some_and(|old| match (old, &new) {
            (Object::Protection(old), Object::Protection(new)) => old.spec == new.spec,
            (Object::Retention(old), Object::Retention(new)) => old.spec == new.spec,
            _ => false,
        });
        let (new, old, is_being_deleted) = (&new, old.as_ref(), false);
        Request { new, old, same_spec, is_being_deleted, selection: Selection::Unchanged }.needs_verb()
    }

    #[test]
    fn what_stands_needs_no_verb_and_what_it_comes_to_mean_does() {
        let excepted = |until: &str| json!([{ "instanceId": "i-a", "until": until, "reason": "r" }]);
        let (soon, later) = ("2030-01-01T00:00:00Z", "2031-01-01T00:00:00Z");
        let other = json!({ "instanceIds": ["i-b"] });
        for (why, old, new, expected) in [
            ("protecting", None, json!({}), false),
            ("giving up", None, json!({ "protection": "Disabled" }), true),
            (
                "the same again",
                Some(json!({ "protection": "Disabled" })),
                json!({ "protection": "Disabled" }),
                false,
            ),
            (
                "once more with any change",
                Some(json!({ "protection": "Disabled" })),
                json!({ "protection": "Disabled", "mode": "Observe" }),
                true,
            ),
            ("taking it back", Some(json!({ "protection": "Disabled" })), json!({}), false),
            ("scale-in", None, json!({ "scaleIn": "Unprotect" }), true),
            ("a new policy", Some(json!({})), json!({ "deletionPolicy": "Disable" }), true),
            (
                "a policy that stands",
                Some(json!({ "deletionPolicy": "Disable" })),
                json!({ "deletionPolicy": "Disable", "autoReleaseTime": "Cancel" }),
                false,
            ),
            (
                "a policy for other targets",
                Some(json!({ "deletionPolicy": "Disable" })),
                json!({ "deletionPolicy": "Disable", "targets": other }),
                true,
            ),
            (
                "a lift that stands",
                Some(json!({ "nodeRemoval": "Lift" })),
                json!({ "nodeRemoval": "Lift", "scaleIn": "Protect" }),
                false,
            ),
            (
                "a lift that comes to count",
                Some(json!({ "nodeRemoval": "Lift", "mode": "Observe" })),
                json!({ "nodeRemoval": "Lift" }),
                true,
            ),
            (
                "an exception that stands",
                Some(json!({ "exceptions": excepted(soon) })),
                json!({ "exceptions": excepted(soon), "targets": other }),
                false,
            ),
            (
                "another end",
                Some(json!({ "exceptions": excepted(soon) })),
                json!({ "exceptions": excepted(later) }),
                true,
            ),
            (
                "one that comes to count",
                Some(json!({ "exceptions": excepted(soon), "mode": "Observe" })),
                json!({ "exceptions": excepted(soon) }),
                true,
            ),
            (
                "one that ceases to",
                Some(json!({ "exceptions": excepted(soon) })),
                json!({ "exceptions": excepted(soon), "mode": "Observe" }),
                false,
            ),
        ] {
            assert_eq!(needs(Resource::Protection, old, &new), expected, "{why}");
        }
        for (why, old, new, expected) in [
            ("retaining", None, json!({}), false),
            ("releasing", None, json!({ "retention": "Release" }), true),
            ("a new policy", Some(json!({})), json!({ "deletionPolicy": "Release" }), true),
            (
                "a policy that stands",
                Some(json!({ "deletionPolicy": "Release" })),
                json!({ "deletionPolicy": "Release", "survivors": { "forgetAfter": "720h" } }),
                false,
            ),
            (
                "a policy for other types",
                Some(json!({ "deletionPolicy": "Release" })),
                json!({ "deletionPolicy": "Release", "interfaceTypes": ["Primary"] }),
                true,
            ),
        ] {
            assert_eq!(needs(Resource::Retention, old, &new), expected, "{why}");
        }
    }

    #[test]
    fn labels_that_move_an_object_into_the_selection_or_out_of_it_may_need_the_verb() {
        let moved = |spec: Value, selection| {
            let object = object(Resource::Protection, &spec);
            let (new, old) = (&object, Some(&object));
            Request { new, old, same_spec: true, is_being_deleted: false, selection }.needs_verb()
        };
        let gives_up = || json!({ "protection": "Disabled" });
        assert!(moved(gives_up(), Selection::Enters));
        assert!(!moved(json!({}), Selection::Enters));
        assert!(moved(json!({}), Selection::Leaves), "nobody protects its targets any more");
        assert!(!moved(gives_up(), Selection::Leaves));
        assert!(!moved(gives_up(), Selection::Unchanged), "it stands already");
    }

    #[test]
    fn what_is_being_deleted_carries_out_no_act() {
        let (new, old) = (
            object(Resource::Protection, &json!({ "protection": "Disabled", "mode": "Observe" })),
            object(Resource::Protection, &json!({ "protection": "Disabled" })),
        );
        let request = Request {
            new: &new,
            old: Some(&old),
            same_spec: false,
            is_being_deleted: true,
            selection: Selection::Unchanged,
        };
        assert!(!request.needs_verb());
        assert!(Request { is_being_deleted: false, ..request }.needs_verb());
    }
}
