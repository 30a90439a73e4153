//! From what is read of each region to the plan. No client here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::engine::{Settings, Survey};
use keeper_core::flag::Flag as _;
use keeper_core::id::ObjectId;
use keeper_core::reason::Reason;

use super::applied::{Action, AppliedObject};
use super::comparison::{Fate, Outcome, fates};
use super::cost::{Cost, Value, Writes};
use super::extent::Extents;
use super::manifest::Manifests;
use super::planned::{Counts, Planned, PlannedCost, PlannedObject, PlannedTarget};
use super::scan::{Scan, Scanned, Target};
use super::spec_difference::Difference;
use crate::api::{Object, generation};
use crate::cluster_objects::ClusterObjects;
use crate::desired::{Desired, Placement, Served, timestamp};
use crate::not_examined::NotExamined;
use crate::object_ref::ObjectRef;
use crate::scope::Scope;
use crate::visible_text::{plain, plain_line};
use crate::zone::Zone;

/// What was not asked, and is taken for granted.
#[derive(Debug, Clone, Copy)]
pub struct Assumptions {
    pub without_cluster: bool,
    pub without_config: bool,
}

/// A plan that is being made.
pub struct Planning {
    objects: Vec<AppliedObject>,
    /// Where they stand, in the same order.
    places: Vec<String>,
    files: BTreeSet<ObjectId>,
    before: Option<ClusterObjects>,
    after: ClusterObjects,
    assumptions: Assumptions,
    targets: Vec<PlannedTarget>,
    reasons: BTreeMap<&'static str, &'static str>,
    cost: Cost,
    not_examined: Vec<NotExamined>,
    /// Those that could not be read, and those that nobody wanted to.
    not_read: BTreeSet<Scope>,
    notes: Vec<String>,
    other_documents: usize,
}

impl Planning {
    /// Nothing is read yet. The objects are in the order of the files.
    pub fn new(
        manifests: &Manifests,
        objects: Vec<AppliedObject>,
        (before, after): (Option<ClusterObjects>, ClusterObjects),
        assumptions: Assumptions,
    ) -> Self {
        Self {
            places: manifests.objects.iter().map(|it| it.place_of(&[]).to_string()).collect(),
            files: objects.iter().map(|object| object.id.clone()).collect(),
            objects,
            before,
            after,
            assumptions,
            targets: Vec::new(),
            reasons: BTreeMap::new(),
            cost: Cost::default(),
            not_examined: Vec::new(),
            not_read: BTreeSet::new(),
            notes: Vec::new(),
            other_documents: manifests.others,
        }
    }

    /// Where something may follow from the files.
    pub fn scopes(&self) -> BTreeSet<Scope> {
        self.asked().map(|(scope, _)| scope).collect()
    }

    /// What the objects of the files ask, with the files or without them, and what others ask that it may release.
    fn asked(&self) -> impl Iterator<Item = (Scope, &Desired)> {
        let own = self.files.iter().flat_map(|id| self.served(id)).flat_map(Served::scopes);
        let repairs = self.objects.iter().any(|object| self.is_repaired(object));
        let others = self.after.objects.keys().filter(move |id| repairs && !self.files.contains(*id));
        let released = others.flat_map(|id| self.served(id)).flat_map(Served::scopes);
        own.chain(released.filter(|(_, desired)| desired.unprotects()))
    }

    /// What is served of an object, without the files and with them.
    fn served(&self, id: &ObjectId) -> impl Iterator<Item = &Served> {
        let sides = self.before.iter().chain([&self.after]);
        sides.filter_map(|side| match &side.objects.get(id)?.placement {
            Placement::Served(served) => Some(served),
            Placement::NotGranted | Placement::UnknownRegion(_) | Placement::Opaque(_) => None,
        })
    }

    /// These are not looked at, because others were asked for.
    pub fn leave_out(&mut self, scopes: &BTreeSet<Scope>) {
        self.not_read.extend(scopes.iter().cloned());
        if !scopes.is_empty() {
            let names: Vec<String> =
                scopes.iter().map(|scope| format!("{} (account {})", scope.region, scope.account)).collect();
            self.notes.push(format!(
                "The objects also ask for something in {}, which was not looked at, as --account or --region say.",
                names.join(", ")
            ));
        }
    }

    /// A region can't be read.
    pub fn failed(&mut self, scope: &Scope, error: &str) {
        self.not_read.insert(scope.clone());
        self.not_examined(scope, error);
    }

    fn not_examined(&mut self, scope: &Scope, error: &str) {
        self.not_examined.push(NotExamined::new(scope, error));
    }

    /// What has to be read there.
    pub fn extents(&self, scope: &Scope) -> Extents {
        Extents::of(self.asked().filter(|(own, _)| own == scope).map(|(_, desired)| desired))
    }

    /// What the objects ask without the files, if that is known.
    pub fn before(&self, scope: &Scope, at: Timestamp) -> Option<Survey> {
        self.before.as_ref().map(|side| side.survey(scope, at))
    }

    /// What they ask with them.
    pub fn after(&self, scope: &Scope, at: Timestamp) -> Survey {
        self.after.survey(scope, at)
    }

    /// Takes in what was read of a region. `settings`: how the operator works there.
    pub fn take(&mut self, scope: &Scope, scan: Scan, settings: (Settings, Settings, Settings)) {
        if let Some(why) = &scan.without_members {
            let why = format!("members of scaling groups can't be read: {}", plain_line(why));
            self.not_examined(scope, &why);
        }
        let mut writes = Writes::default();
        for scanned in scan.targets() {
            for fate in fates(&self.files, scanned.before.as_ref(), &scanned.after) {
                let value = match fate.outcome {
                    Outcome::Protect => Some(Value::Protected),
                    Outcome::Unprotect => Some(Value::Unprotected),
                    _ => None,
                };
                if let Some(value) = value.filter(|_| !fate.anyway) {
                    let flag = scanned.after.flags.iter().find(|flag| flag.name == fate.flag);
                    writes.add(fate.flag, value, flag.and_then(|flag| flag.in_call_with.as_deref()));
                }
                let target = self.target(scope, &scanned, &fate);
                self.targets.push(target);
            }
        }
        self.cost = self.cost.beside(writes.cost(settings));
    }

    fn target(&mut self, scope: &Scope, scanned: &Scanned, fate: &Fate) -> PlannedTarget {
        if let Some(reason) = fate.reason {
            self.reasons.insert(reason.as_str(), reason.sentence());
        }
        let is_host = matches!(scanned.target, Target::Instance(_)) && fate.flag == DeleteOnRelease::NAME;
        let opinions = scanned.before.iter().chain([&scanned.after]).flat_map(|prospect| &prospect.objects);
        let selecting: BTreeSet<&ObjectId> = if is_host {
            fate.object.iter().collect()
        } else {
            opinions.map(|opinion| &opinion.object).collect()
        };
        let selecting: BTreeSet<ObjectRef> =
            selecting.into_iter().filter(|id| self.files.contains(id)).map(|id| self.name_of(id)).collect();
        let object = fate.object.as_ref().map(|id| self.name_of(id));
        let holders: Vec<ObjectRef> = fate.holders.iter().map(|id| self.name_of(id)).collect();
        let until = fate.until.map(timestamp);
        let mut target = PlannedTarget {
            kind: match scanned.target {
                Target::Instance(_) => "Instance",
                Target::Interface(_) => "NetworkInterface",
            },
            id: scanned.target.id().to_owned(),
            name: scanned.name.clone(),
            account: scope.account.to_string(),
            region: scope.region.to_string(),
            selected_by: selecting.into_iter().collect(),
            flag: fate.flag,
            outcome: fate.outcome,
            anyway: fate.anyway,
            reason: fate.reason.map(Reason::as_str),
            message: String::new(),
            object,
            holders,
            until,
        };
        target.message = target.statement().text(&Zone::utc());
        target
    }

    /// Objects that the files add are known only with them, and those that they have ceased to be served only without them.
    fn name_of(&self, id: &ObjectId) -> ObjectRef {
        let sides = self.before.iter().chain([&self.after]);
        let known = sides.rev().find(|side| side.objects.contains_key(id));
        known.unwrap_or(&self.after).name_of(id)
    }

    /// The plan.
    pub fn finish(mut self) -> Planned {
        self.targets.sort_by(|one, other| {
            let key = |it: &PlannedTarget| (it.anyway, it.outcome);
            key(one).cmp(&key(other)).then_with(|| one.id.cmp(&other.id))
        });
        let mut counts = Counts::default();
        let due = |target: &&PlannedTarget| !target.anyway;
        self.targets.iter().filter(due).for_each(|target| counts.add(target.outcome));
        let anyway = self.targets.iter().filter(|target| target.anyway).count();
        let mut of_objects: BTreeMap<&ObjectRef, Counts> = BTreeMap::new();
        for target in &self.targets {
            for object in &target.selected_by {
                of_objects.entry(object).or_default().add(target.outcome);
            }
        }
        let objects: Vec<PlannedObject> = self
            .objects
            .iter()
            .zip(&self.places)
            .map(|(object, at)| self.object(object, at, &of_objects))
            .collect();
        let notes = self.all_notes();
        Planned {
            compared_with_cluster: self.before.is_some(),
            complete: self.not_examined.is_empty() && self.not_read.is_empty(),
            objects,
            targets: self.targets,
            reasons: self.reasons,
            counts,
            anyway,
            cost: PlannedCost {
                writes: self.cost.writes,
                reads: self.cost.reads,
                seconds: self.cost.seconds,
            },
            not_examined: self.not_examined,
            other_documents: self.other_documents,
            notes,
        }
    }

    fn object(
        &self,
        object: &AppliedObject,
        at: &str,
        counts: &BTreeMap<&ObjectRef, Counts>,
    ) -> PlannedObject {
        let name = ObjectRef::new(object.seen.resource.kind(), &object.id);
        let counts = counts.get(&name).copied().unwrap_or_default();
        let (action, differences) = match &object.action {
            Action::Create => ("Create", Vec::new()),
            Action::Change(differences) => ("Change", differences.iter().map(Difference::plain).collect()),
            Action::Nothing => ("Nothing", Vec::new()),
            Action::Unknown => ("Unknown", Vec::new()),
        };
        let scopes: BTreeSet<Scope> =
            self.served(&object.id).flat_map(|served| served.scopes().map(|(scope, _)| scope)).collect();
        let names =
            |scopes: &mut dyn Iterator<Item = &Scope>| scopes.map(|it| it.region.to_string()).collect();
        let not_read: Vec<String> = names(&mut scopes.intersection(&self.not_read));
        let spec = object.seen.object.as_ref().map(Object::spec);
        PlannedObject {
            object: name,
            at: at.to_owned(),
            action,
            applied_generation: object.old.as_ref().map(|old| generation(&old.meta)),
            differences,
            account: spec.map(|spec| spec.account.to_owned()).unwrap_or_default(),
            regions: names(&mut scopes.iter()),
            all_known: not_read.is_empty()
                && self.knows_nodes(object)
                && (!scopes.is_empty() || object.action == Action::Nothing),
            not_read,
            not_served: self.not_served(object),
            counts,
            notes: self.notes_on(object),
        }
    }

    /// Why the operator does nothing for it.
    fn not_served(&self, object: &AppliedObject) -> Option<String> {
        if !object.served {
            return Some("Its labels don't match the objectSelector of the configuration.".to_owned());
        }
        match &self.after.objects.get(&object.id)?.placement {
            Placement::Served(_) => None,
            Placement::NotGranted => Some(
                "The configuration does not grant its account and region to its namespace (see docs/configuration.md#grants)."
                    .to_owned(),
            ),
            Placement::UnknownRegion(message) | Placement::Opaque(message) => Some(message.clone()),
        }
    }

    /// Whether it is known which instances stand behind the Nodes that it selects, if it does, or as little without the files.
    fn knows_nodes(&self, object: &AppliedObject) -> bool {
        let by_nodes = object.seen.object.as_ref().is_some_and(|object| object.spec().nodes.is_some());
        if self.assumptions.without_cluster {
            return !by_nodes;
        }
        let side = |side: &ClusterObjects| match side.objects.get(&object.id).map(|it| &it.placement) {
            Some(Placement::Served(served)) => served.targetless.clone(),
            _ => BTreeMap::new(),
        };
        let before = self.before.as_ref().map(side).unwrap_or_default();
        side(&self.after).iter().all(|(node, reason)| before.get(node) == Some(reason))
    }

    /// Whether the operator can't read it without the files, and can with them.
    fn is_repaired(&self, object: &AppliedObject) -> bool {
        self.before.as_ref().is_some_and(|before| repairs(before, &self.after, &object.id))
    }

    fn notes_on(&self, object: &AppliedObject) -> Vec<String> {
        let mut notes = Vec::new();
        let Some(spec) = object.seen.object.as_ref() else { return notes };
        if !object.stays.is_empty() {
            let fields: Vec<String> =
                object.stays.iter().map(|field| format!("spec.{}", plain(field))).collect();
            notes.push(format!(
                "It has fields in the cluster that the file does not have and that were not applied before, so they stay: {}.",
                fields.join(", ")
            ));
        }
        if self.is_repaired(object) {
            notes.push(
                "It could not be read and stood against all unprotecting. What becomes of the targets of other objects when it is applied \
                 is told before the objects of the files."
                    .to_owned(),
            );
        }
        if spec.spec().nodes.is_some() {
            if self.assumptions.without_cluster {
                notes.push(
                    "It selects instances through Nodes, which are not known without a cluster: use --cluster."
                        .to_owned(),
                );
            } else if let Some(served) = self.served(&object.id).last() {
                notes.extend(nodes_without_target(served));
                if served.intents.is_empty() && served.targetless.is_empty() {
                    notes.push(
                        "No Node of the cluster that it selects is an instance it could select.".to_owned(),
                    );
                }
            }
        }
        if spec.retention().is_some_and(|object| !object.spec.reattach.is_empty()) {
            notes.push(
                "What spec.reattach asks for is not planned: it depends on what happens to instances."
                    .to_owned(),
            );
        }
        if object.seen.meta.deletion_timestamp.is_some() {
            notes.push("It is being deleted, which applying does not stop.".to_owned());
        }
        notes
    }

    fn all_notes(&self) -> Vec<String> {
        let mut notes = self.notes.clone();
        let unprotecting: Vec<String> = self
            .objects
            .iter()
            .filter(|object| object.needs_unprotect_verb())
            .map(|object| format!("{}/{}", object.id.namespace(), object.id.name()))
            .collect();
        if !unprotecting.is_empty() {
            notes.push(format!(
                "Whoever applies {} needs the verb unprotect, if the cluster has the policies of the chart. Whether they have it was not \
                 asked: who will apply the files is not known here (docs/unprotecting.md#who-may-ask-for-it).",
                unprotecting.join(", ")
            ));
        }
        if self.assumptions.without_cluster {
            notes.push(
                "No cluster was asked, so other objects are not known: they may hold what these give up, and these may be applied \
                 already. Use --cluster."
                    .to_owned(),
            );
        }
        if self.assumptions.without_config {
            notes.push(
                "No configuration was named, so it is taken for granted that the operator serves these namespaces and lets them \
                 unprotect. Use --config."
                    .to_owned(),
            );
        }
        notes
    }
}

/// How many of its Nodes have no instance that it could select.
fn nodes_without_target(served: &Served) -> Option<String> {
    let count = served.targetless.len();
    let have = if count == 1 { "has" } else { "have" };
    (count > 0).then(|| {
        format!(
            "{count} of its Nodes {have} no instance that it can select: NodeUnresolved or NodeNotServed (docs/reasons.md)."
        )
    })
}

fn repairs(before: &ClusterObjects, after: &ClusterObjects, id: &ObjectId) -> bool {
    let opaque = |side: &ClusterObjects| {
        side.objects.get(id).is_some_and(|it| matches!(it.placement, Placement::Opaque(_)))
    };
    opaque(before) && !opaque(after)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Resource, WatchedObject};
    use crate::cluster_objects::PlacedObject;

    #[test]
    fn i09_an_object_that_could_not_be_read_is_repaired_if_it_can_be_then() {
        let id = ObjectId::new("team", "web", "u");
        let side = |placement| {
            let seen = WatchedObject {
                resource: Resource::Protection,
                meta: kube::api::ObjectMeta::default(),
                object: None,
                undecoded_status: None,
                undecoded_account: None,
            };
            ClusterObjects { objects: [(id.clone(), PlacedObject { seen, placement })].into() }
        };
        let opaque = || side(Placement::Opaque("unknown word".to_owned()));
        let read = || side(Placement::NotGranted);
        assert!(repairs(&opaque(), &read(), &id));
        assert!(!repairs(&opaque(), &opaque(), &id));
        assert!(!repairs(&read(), &read(), &id));
    }
}
