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
#[cfg_attr(test, derive(serde::Deserialize))]
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

    use serde::Deserialize;
    use serde_json::{Value, json};

    use super::*;
    use crate::api::Resource;

    /// The cases by which the chart's policies are judged on an API server.
    const CASES: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/chart/unprotect_cases.json"));

    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Case {
        what: String,
        kind: String,
        old: Option<Value>,
        new: Value,
        selection: Selection,
        needs_verb: bool,
    }

    fn object(kind: &str, spec: &Value) -> Object {
        let value = json!({
            "apiVersion": "ecs-keeper.io/v1alpha1", "kind": kind, "spec": spec,
            "metadata": { "name": "web", "namespace": "team" },
        });
        match Resource::ALL.into_iter().find(|resource| resource.kind() == kind).unwrap() {
            Resource::Protection => Object::Protection(Arc::new(serde_json::from_value(value).unwrap())),
            Resource::Retention => Object::Retention(Arc::new(serde_json::from_value(value).unwrap())),
        }
    }

    #[test]
    fn i57_the_verb_is_needed_where_the_policies_ask_for_it() {
        let cases: Vec<Case> = serde_json::from_str(CASES).unwrap();
        for Case { what, kind, old, new, selection, needs_verb } in cases {
            let same_spec = old.as_ref() == Some(&new);
            let (new, old) = (object(&kind, &new), old.map(|old| object(&kind, &old)));
            let request =
                Request { new: &new, old: old.as_ref(), same_spec, is_being_deleted: false, selection };
            assert_eq!(request.needs_verb(), needs_verb, "{kind}: {what}");
        }
    }

    #[test]
    fn what_is_being_deleted_carries_out_no_act() {
        let (new, old) = (
            object(
                "EcsInstanceProtection",
                &json!({ "region": "cn-hangzhou", "targets": {}, "protection": "Disabled", "mode": "Observe" }),
            ),
            object(
                "EcsInstanceProtection",
                &json!({ "region": "cn-hangzhou", "targets": {}, "protection": "Disabled" }),
            ),
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
