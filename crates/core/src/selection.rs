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
    /// Objects that name an id, themselves or through a Node.
    named: BTreeMap<K::Id, BTreeSet<ObjectId>>,
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
        for name in selector.tag_keys() {
            let key = self.keys.entry(name.clone()).or_insert(Key { uses: 0, since: next });
            key.uses += 1;
            needed = needed.max(key.since);
        }
        self.epoch = self.epoch.max(needed);
        needed
    }

    /// Ends [`Selection::hold_keys`].
    pub fn release_keys(&mut self, selector: &Selector<K>) {
        for name in selector.tag_keys() {
            if let Some(key) = self.keys.get_mut(name) {
                key.uses -= 1;
                if key.uses == 0 {
                    self.keys.remove(name);
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
            self.named.entry(id.clone()).or_default().insert(object.clone());
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
                objects.remove(object);
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

    /// Whether tags with this key are kept.
    pub fn keeps(&self, key: &str) -> bool {
        self.keys.contains_key(key)
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
