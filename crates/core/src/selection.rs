//! Who selects what: an index from ids and tags to objects and back, so that a changed fact costs what it concerns
//! and not a walk over every object.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::call::TagFilter;
use crate::id::Tag;
use crate::kind::Kind;
use crate::wish::{ObjectId, Selector};

/// The index over the selectors of all objects of one engine.
#[derive(Debug)]
pub struct Selection<K: Kind> {
    /// Objects that name an id, themselves or through a Node; nearly always one.
    named: BTreeMap<K::Id, Vec<ObjectId>>,
    /// Selectors by tag stand under the first of their filters; whoever comes through it checks the rest.
    tagged: BTreeMap<TagFilter, Tagged<K>>,
    /// The tag keys that selectors need. Tags with other keys are not kept.
    keys: BTreeMap<Arc<str>, Key>,
    epoch: u32,
}

#[derive(Debug)]
struct Key {
    uses: usize,
    /// Evidence of an earlier epoch may have been stripped of this key.
    since: u32,
    /// The values that filters name, and how many do.
    values: BTreeMap<Arc<str>, usize>,
}

#[derive(Debug)]
struct Tagged<K: Kind> {
    objects: BTreeSet<ObjectId>,
    carriers: BTreeSet<K::Id>,
}

impl<K: Kind> Default for Selection<K> {
    fn default() -> Self {
        Self { named: BTreeMap::new(), tagged: BTreeMap::new(), keys: BTreeMap::new(), epoch: 0 }
    }
}

impl<K: Kind> Selection<K> {
    /// Keeps the tag keys that a selector needs from now on. The answer is the epoch that evidence must have for it.
    pub fn hold_keys(&mut self, selector: &Selector<K>) -> u32 {
        let next = self.epoch + 1;
        let mut needed = 0;
        for filter in selector.filters() {
            let empty = || Key { uses: 0, since: next, values: BTreeMap::new() };
            let key = self.keys.entry(filter.key.clone()).or_insert_with(empty);
            key.uses += 1;
            if let Some(value) = &filter.value {
                *key.values.entry(value.clone()).or_default() += 1;
            }
            needed = needed.max(key.since);
        }
        self.epoch = self.epoch.max(needed);
        needed
    }

    /// Ends [`Selection::hold_keys`].
    pub fn release_keys(&mut self, selector: &Selector<K>) {
        for filter in selector.filters() {
            if let Some(key) = self.keys.get_mut(&filter.key) {
                key.uses -= 1;
                if let Some(value) = &filter.value
                    && let Some(uses) = key.values.get_mut(value)
                {
                    *uses -= 1;
                    if *uses == 0 {
                        key.values.remove(value);
                    }
                }
                if key.uses == 0 {
                    self.keys.remove(&filter.key);
                }
            }
        }
    }

    /// Enters an object's selector. `known`: the targets known so far with their tags.
    pub fn insert<'a>(
        &mut self,
        object: &ObjectId,
        selector: &Selector<K>,
        known: impl Iterator<Item = (&'a K::Id, &'a [Tag])>,
    ) where
        K::Id: 'a,
    {
        for id in selector.ids.iter().chain(&selector.node_ids) {
            let objects = self.named.entry(id.clone()).or_insert_with(|| Vec::with_capacity(1));
            if !objects.contains(object) {
                objects.push(object.clone());
            }
        }
        if let Some(first) = selector.tags.first() {
            self.tagged
                .entry(first.clone())
                .or_insert_with(|| Tagged {
                    objects: BTreeSet::new(),
                    carriers: known
                        .filter(|(_, tags)| first.matches(tags))
                        .map(|(id, _)| id.clone())
                        .collect(),
                })
                .objects
                .insert(object.clone());
        }
    }

    /// Takes an object's selector out.
    pub fn remove(&mut self, object: &ObjectId, selector: &Selector<K>) {
        for id in selector.ids.iter().chain(&selector.node_ids) {
            if let Some(objects) = self.named.get_mut(id) {
                objects.retain(|name| name != object);
                if objects.is_empty() {
                    self.named.remove(id);
                }
            }
        }
        if let Some(first) = selector.tags.first()
            && let Some(tagged) = self.tagged.get_mut(first)
        {
            tagged.objects.remove(object);
            if tagged.objects.is_empty() {
                self.tagged.remove(first);
            }
        }
    }

    /// The epoch of what is kept now.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Whether this tag is kept. One that is shares its texts with the filters that ask for it: a hundred thousand
    /// targets carry the same few tags.
    pub fn keeps(&self, tag: &mut Tag) -> bool {
        let Some((name, key)) = self.keys.get_key_value(&tag.key) else { return false };
        tag.key = name.clone();
        if let Some((value, _)) = key.values.get_key_value(&tag.value) {
            tag.value = value.clone();
        }
        true
    }

    /// Whether anything is selected by tag, so that only a listing of the region can be complete.
    pub fn by_tag(&self) -> bool {
        !self.tagged.is_empty()
    }

    /// Every id that is named.
    pub fn named_ids(&self) -> impl Iterator<Item = &K::Id> {
        self.named.keys()
    }

    /// How many ids are named.
    pub fn named_count(&self) -> usize {
        self.named.len()
    }

    /// The objects that may select this target: they name it, or their first filter matches. The rest of their
    /// selector is not checked.
    pub fn candidates(&self, id: &K::Id, tags: &[Tag]) -> BTreeSet<&ObjectId> {
        let mut objects: BTreeSet<&ObjectId> = self.named.get(id).into_iter().flatten().collect();
        for filter in Self::filters(tags) {
            objects.extend(self.tagged.get(&filter).into_iter().flat_map(|t| &t.objects));
        }
        objects
    }

    /// Whether any object may select this target.
    pub fn concerns(&self, id: &K::Id, tags: &[Tag]) -> bool {
        self.named.contains_key(id) || Self::filters(tags).any(|f| self.tagged.contains_key(&f))
    }

    /// Moves a target in the index from its old tags to its new ones.
    pub fn retag(&mut self, id: &K::Id, old: &[Tag], new: &[Tag]) {
        if old == new {
            return;
        }
        for filter in Self::filters(old) {
            if let Some(tagged) = self.tagged.get_mut(&filter) {
                tagged.carriers.remove(id);
            }
        }
        for filter in Self::filters(new) {
            if let Some(tagged) = self.tagged.get_mut(&filter) {
                tagged.carriers.insert(id.clone());
            }
        }
    }

    /// The targets that an object with this selector may have: those it names, and those that its first filter
    /// matches. The rest of the selector is not checked.
    pub fn reach<'a>(&'a self, selector: &'a Selector<K>) -> impl Iterator<Item = &'a K::Id> {
        let carriers = selector.tags.first().and_then(|first| self.tagged.get(first)).map(|t| &t.carriers);
        let named = selector.ids.union(&selector.node_ids);
        named.chain(
            carriers
                .into_iter()
                .flatten()
                .filter(|id| !selector.ids.contains(*id) && !selector.node_ids.contains(*id)),
        )
    }

    fn filters(tags: &[Tag]) -> impl Iterator<Item = TagFilter> {
        tags.iter().flat_map(|tag| {
            [
                TagFilter { key: tag.key.clone(), value: Some(tag.value.clone()) },
                TagFilter { key: tag.key.clone(), value: None },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::id::InstanceId;
    use crate::instance::Instance;

    const KEYS: [&str; 3] = ["env", "team", "keep"];
    const VALUES: [&str; 2] = ["a", ""];

    type Named = BTreeSet<InstanceId>;

    fn ids() -> impl Strategy<Value = Named> {
        prop::collection::btree_set((0..6_u8).prop_map(|n| InstanceId::new(format!("i-{n}"))), 0..3)
    }

    fn tags() -> impl Strategy<Value = Vec<Tag>> {
        prop::collection::btree_map(0..KEYS.len(), 0..VALUES.len(), 0..3)
            .prop_map(|tags| tags.into_iter().map(|(k, v)| Tag::new(KEYS[k], VALUES[v])).collect())
    }

    fn filters() -> impl Strategy<Value = Vec<TagFilter>> {
        let filter = (0..KEYS.len(), prop::option::of(0..VALUES.len()))
            .prop_map(|(k, v)| TagFilter { key: KEYS[k].into(), value: v.map(|v| VALUES[v].into()) });
        prop::collection::vec(filter, 0..3)
    }

    fn selectors() -> impl Strategy<Value = Selector<Instance>> {
        (ids(), ids(), filters(), ids(), filters()).prop_map(
            |(ids, node_ids, tags, exclude_ids, exclude_tags)| Selector {
                ids,
                node_ids,
                tags,
                exclude_ids,
                exclude_tags,
            },
        )
    }

    #[derive(Debug, Clone)]
    enum Step {
        Insert(u8, Selector<Instance>),
        Remove(u8),
        Retag(u8, Vec<Tag>),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            3 => (0..4_u8, selectors()).prop_map(|(n, s)| Step::Insert(n, s)),
            1 => (0..4_u8).prop_map(Step::Remove),
            3 => (0..6_u8, tags()).prop_map(|(n, t)| Step::Retag(n, t)),
        ];
        prop::collection::vec(step, 0..24)
    }

    fn object(n: u8) -> ObjectId {
        ObjectId::new("default", "o", &n.to_string())
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_index_answers_like_a_walk_over_every_selector(steps in steps()) {
            let mut selection: Selection<Instance> = Selection::default();
            let mut objects: BTreeMap<ObjectId, Selector<Instance>> = BTreeMap::new();
            let mut targets: BTreeMap<InstanceId, Vec<Tag>> =
                (0..6).map(|n| (InstanceId::new(format!("i-{n}")), Vec::new())).collect();
            for step in steps {
                match step {
                    Step::Insert(n, selector) => {
                        let name = object(n);
                        selection.hold_keys(&selector);
                        if let Some(old) = objects.insert(name.clone(), selector.clone()) {
                            selection.release_keys(&old);
                            selection.remove(&name, &old);
                        }
                        let known = targets.iter().map(|(id, tags)| (id, tags.as_slice()));
                        selection.insert(&name, &selector, known);
                    }
                    Step::Remove(n) => {
                        if let Some(old) = objects.remove(&object(n)) {
                            selection.release_keys(&old);
                            selection.remove(&object(n), &old);
                        }
                    }
                    Step::Retag(n, tags) => {
                        let id = InstanceId::new(format!("i-{n}"));
                        let old = targets.insert(id.clone(), tags.clone()).unwrap();
                        selection.retag(&id, &old, &tags);
                    }
                }
            }
            for (id, tags) in &targets {
                let wants = |s: &Selector<Instance>| s.ids.contains(id) || s.node_ids.contains(id);
                let first = |s: &Selector<Instance>| s.tags.first().is_some_and(|f| f.matches(tags));
                let naive: BTreeSet<&ObjectId> =
                    objects.iter().filter(|(_, s)| wants(s) || first(s)).map(|(name, _)| name).collect();
                prop_assert_eq!(&selection.candidates(id, tags), &naive);
                prop_assert_eq!(selection.concerns(id, tags), !naive.is_empty());
            }
            for selector in objects.values() {
                let mut reached: Vec<&InstanceId> = selection.reach(selector).collect();
                reached.sort();
                let naive: Vec<&InstanceId> = targets
                    .iter()
                    .filter(|(id, tags)| {
                        selector.ids.contains(*id)
                            || selector.node_ids.contains(*id)
                            || selector.tags.first().is_some_and(|f| f.matches(tags))
                    })
                    .map(|(id, _)| id)
                    .collect();
                prop_assert_eq!(reached, naive);
            }
            for key in KEYS {
                let asked = objects.values().any(|s| s.filters().any(|f| f.key.as_ref() == key));
                let mut tag = Tag::new(key, "a");
                prop_assert_eq!(selection.keeps(&mut tag), asked);
                prop_assert_eq!(tag, Tag::new(key, "a"));
            }
            prop_assert_eq!(selection.by_tag(), objects.values().any(|s| !s.tags.is_empty()));
            let named: Named = objects.values().flat_map(|s| s.ids.union(&s.node_ids)).cloned().collect();
            prop_assert_eq!(selection.named_ids().cloned().collect::<Named>(), named);
        }
    }

    #[test]
    fn a_key_that_is_asked_for_anew_needs_evidence_of_a_later_epoch() {
        let filter = |key: &str| TagFilter { key: key.into(), value: None };
        let selector = |keys: &[&str]| Selector::<Instance> {
            tags: keys.iter().map(|k| filter(k)).collect(),
            ..Selector::default()
        };
        let mut selection = Selection::default();
        let first = selection.hold_keys(&selector(&["env"]));
        assert_eq!(selection.hold_keys(&selector(&["env"])), first, "it is kept already");
        let second = selection.hold_keys(&selector(&["env", "team"]));
        assert!(second > first);
        assert_eq!(selection.epoch(), second);
        selection.release_keys(&selector(&["env", "team"]));
        assert!(selection.hold_keys(&selector(&["team"])) > second, "it was not kept in between");
        assert_eq!(selection.hold_keys(&selector(&[])), 0, "who asks for no tag needs none");
    }
}
