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

    /// Nobody wants to know of a target any more. The answer is what was known of it.
    pub fn forget(&mut self, id: &R::Id) -> Option<Evidence<R>> {
        self.last_tags.remove(id);
        self.targets.remove(id)?.evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixtures::{at, eni, host, interface, tags};
    use crate::id::RequestId;
    use crate::interface::{Interface, InterfaceFacts};

    fn evidence(facts: InterfaceFacts, call: u64) -> Evidence<Interface> {
        Evidence { facts, seen: at(call), call: CallId(call), request_id: RequestId::new("R"), tag_epoch: 0 }
    }

    fn tagged(keys: Option<&[&str]>) -> InterfaceFacts {
        InterfaceFacts { tags: keys.map(tags), ..interface(Some("a")) }
    }

    #[test]
    fn i06_the_last_readable_tags_stand_until_some_can_be_read_again() {
        let mut inventory = Inventory::<Interface>::default();
        let env = Some(&["env"][..]);
        for (call, keys, known) in [
            (1, None, &[][..]),
            (2, env, &["env"]),
            (3, None, &["env"]),
            (4, None, &["env"]),
            (5, Some(&[]), &[]),
        ] {
            inventory.observe(&eni("a"), evidence(tagged(keys), call));
            assert_eq!(inventory.tags(&eni("a")), tags(known), "call {call}");
        }
        assert!(inventory.last_tags.is_empty(), "nobody needs them any more");
    }

    #[test]
    fn i04_an_absence_voids_nothing_and_ends_when_the_target_is_seen() {
        let mut inventory = Inventory::<Interface>::default();
        assert!(inventory.lack(&eni("a"), CallId(1)).is_none(), "nobody wants to know of it");
        inventory.observe(&eni("a"), evidence(tagged(None), 1));
        inventory.lack(&eni("a"), CallId(2)).unwrap().misses = 1;
        assert_eq!(inventory.lack(&eni("a"), CallId(3)).unwrap().misses, 1, "what was noted stands");
        assert!(inventory.evidence_mut(&eni("a")).is_none(), "it is not seen as it was");
        assert_eq!(inventory.place(&eni("a")), Place::On(&host("a")));
        let before = inventory.observe(&eni("a"), evidence(interface(None), 4));
        assert_eq!(before.map(|evidence| evidence.call), Some(CallId(1)));
        assert!(inventory.absence(&eni("a")).is_none());
        assert_eq!(inventory.place(&eni("a")), Place::Free);
    }

    #[test]
    fn of_what_is_void_nothing_is_known_but_that_it_is_absent() {
        let mut inventory = Inventory::<Interface>::default();
        inventory.observe(&eni("a"), evidence(tagged(Some(&["env"])), 1));
        inventory.observe(&eni("a"), evidence(tagged(None), 2));
        inventory.lack(&eni("a"), CallId(3));
        assert_eq!(inventory.void(&eni("a")).map(|evidence| evidence.call), Some(CallId(2)));
        assert_eq!((inventory.tags(&eni("a")), inventory.place(&eni("a"))), (&[][..], Place::Free));
        assert!(inventory.absence(&eni("a")).is_some());
        assert_eq!(inventory.absences_mut().count(), 1);
        inventory.forget(&eni("a"));
        assert!(inventory.get(&eni("a")).is_none());
    }
}
