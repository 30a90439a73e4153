//! All targets of one kind: what the cloud has shown of each, and where and with which tags it was seen last.

use std::collections::BTreeMap;

use super::target::{Absence, Target};
use crate::evidence::Evidence;
use crate::id::{CallId, Tag};
use crate::resource::{Place, Resource};

/// All targets of one kind.
#[derive(Debug)]
pub(super) struct Inventory<R: Resource> {
    targets: BTreeMap<R::Id, Target<R>>,
    /// The last readable tags of targets whose tags can't be read now.
    last_tags: BTreeMap<R::Id, Vec<Tag>>,
}

impl<R: Resource> Default for Inventory<R> {
    fn default() -> Self {
        Self { targets: BTreeMap::new(), last_tags: BTreeMap::new() }
    }
}

impl<R: Resource> Inventory<R> {
    pub fn get(&self, id: &R::Id) -> Option<&Target<R>> {
        self.targets.get(id)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&R::Id, &Target<R>)> + Clone {
        self.targets.iter()
    }

    pub fn len(&self) -> usize {
        self.targets.len()
    }

    /// The newest evidence of a target.
    pub fn evidence(&self, id: &R::Id) -> Option<&Evidence<R>> {
        self.get(id)?.evidence.as_ref()
    }

    /// What is known of a target that the cloud's answers lack.
    pub fn absence(&self, id: &R::Id) -> Option<&Absence> {
        self.get(id)?.absence.as_deref()
    }

    pub fn absence_mut(&mut self, id: &R::Id) -> Option<&mut Absence> {
        self.targets.get_mut(id)?.absence.as_deref_mut()
    }

    /// The targets that the cloud's answers lack.
    pub fn absences_mut(&mut self) -> impl Iterator<Item = (&R::Id, &mut Absence)> {
        self.targets.iter_mut().filter_map(|(id, target)| Some((id, target.absence.as_deref_mut()?)))
    }

    /// The tags of a target: those that were read last, or could be read last.
    pub fn tags(&self, id: &R::Id) -> &[Tag] {
        let read = self.evidence(id).and_then(|e| R::tags(&e.facts));
        read.or_else(|| self.last_tags.get(id).map(Vec::as_slice)).unwrap_or_default()
    }

    /// Where a target was when it was read last.
    pub fn place(&self, id: &R::Id) -> Place<'_> {
        self.evidence(id).map_or(Place::Free, |evidence| R::place(&evidence.facts))
    }

    /// The name that is kept already is the one to share.
    pub fn shared(&self, id: R::Id) -> R::Id {
        self.targets.get_key_value(&id).map_or(id, |(id, _)| id.clone())
    }

    /// The target, which is known of from now on.
    pub fn expect(&mut self, id: &R::Id) -> &Target<R> {
        self.targets.entry(id.clone()).or_default()
    }

    /// The evidence of a target, to note that it was seen again as it was.
    pub fn evidence_mut(&mut self, id: &R::Id) -> Option<&mut Evidence<R>> {
        self.targets.get_mut(id).filter(|target| target.absence.is_none())?.evidence.as_mut()
    }

    /// The cloud showed a target. Where its tags can't be read, the last ones that could stay.
    /// The answer is what was known before.
    pub fn observe(&mut self, id: &R::Id, evidence: Evidence<R>) -> Option<Evidence<R>> {
        if R::tags(&evidence.facts).is_some() {
            self.last_tags.remove(id);
        } else {
            let last = self.tags(id).to_vec();
            self.last_tags.insert(id.clone(), last);
        }
        let target = self.targets.entry(id.clone()).or_default();
        target.absence = None;
        target.evidence.replace(evidence)
    }

    /// The cloud's answers lack a target since this call. What was noted of its absence before stands.
    pub fn lack(&mut self, id: &R::Id, since: CallId) -> Option<&mut Absence> {
        let target = self.targets.get_mut(id)?;
        Some(target.absence.get_or_insert_with(|| Box::new(Absence::new(since))))
    }

    /// What was known of a target is void. The answer is what that was.
    pub fn void(&mut self, id: &R::Id) -> Option<Evidence<R>> {
        self.last_tags.remove(id);
        self.targets.get_mut(id)?.evidence.take()
    }

    /// Nobody wants to know of a target any more.
    pub fn forget(&mut self, id: &R::Id) {
        self.targets.remove(id);
        self.last_tags.remove(id);
    }
}
