//! What is kept of a listing: the tags that a selector asks for, and whether what is on instances is kept. So memory follows
//! what is selected, and not what exists.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::Tag;
use crate::intent::Selector;
use crate::resource::Resource;

/// The tag keys that selectors need. Tags with other keys are not kept. Whatever is asked for anew begins an epoch: evidence
/// of an earlier one may lack it.
#[derive(Debug, Default)]
pub(super) struct TagKeys {
    keys: BTreeMap<Arc<str>, Key>,
    /// How many objects ask for what is on instances.
    surroundings: Key,
    epoch: u32,
}

#[derive(Debug, Default)]
struct Key {
    uses: usize,
    /// Evidence of an earlier epoch may have been stripped of this key.
    since: u32,
    /// The values that filters name, and how many do.
    values: BTreeMap<Arc<str>, usize>,
}

impl TagKeys {
    /// Keeps the tag keys that a selector needs from now on. The answer is the epoch that evidence must have for it.
    pub fn need<R: Resource>(&mut self, selector: &Selector<R>) -> u32 {
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

    /// Ends [`TagKeys::need`].
    pub fn release<R: Resource>(&mut self, selector: &Selector<R>) {
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

    /// Keeps what is on instances from now on. The answer is the epoch that evidence must have for it.
    pub fn need_surroundings(&mut self) -> u32 {
        if self.surroundings.uses == 0 {
            self.epoch += 1;
            self.surroundings.since = self.epoch;
        }
        self.surroundings.uses += 1;
        self.surroundings.since
    }

    /// Ends [`TagKeys::need_surroundings`].
    pub fn release_surroundings(&mut self) {
        self.surroundings.uses = self.surroundings.uses.saturating_sub(1);
    }

    /// Whether anybody asks for what is on instances.
    pub fn keeps_surroundings(&self) -> bool {
        self.surroundings.uses > 0
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::TagFilter;
    use crate::instance::Instance;

    #[test]
    fn a_key_that_is_asked_for_anew_needs_evidence_of_a_later_epoch() {
        let filter = |key: &str| TagFilter { key: key.into(), value: None };
        let selector = |keys: &[&str]| Selector::<Instance> {
            tags: keys.iter().map(|k| filter(k)).collect(),
            ..Selector::default()
        };
        let mut keys = TagKeys::default();
        let first = keys.need(&selector(&["env"]));
        assert_eq!(keys.need(&selector(&["env"])), first, "it is kept already");
        let second = keys.need(&selector(&["env", "team"]));
        assert!(second > first);
        assert_eq!(keys.epoch(), second);
        keys.release(&selector(&["env", "team"]));
        assert!(keys.need(&selector(&["team"])) > second, "it was not kept in between");
        assert_eq!(keys.need(&selector(&[])), 0, "who asks for no tag needs none");
    }

    #[test]
    fn only_tags_that_are_asked_for_are_kept_and_they_keep_their_texts() {
        let by = |key: &str| Selector::<Instance> {
            tags: vec![TagFilter { key: key.into(), value: Some("a".into()) }],
            ..Selector::default()
        };
        let mut keys = TagKeys::default();
        let kept = |keys: &TagKeys| ["env", "team"].map(|key| keys.keeps(&mut Tag::new(key, "a")));
        keys.need(&by("env"));
        keys.need(&by("env"));
        assert_eq!(kept(&keys), [true, false]);
        keys.release(&by("env"));
        assert_eq!(kept(&keys), [true, false], "somebody else asks for it");
        keys.release(&by("env"));
        assert_eq!(kept(&keys), [false, false]);
    }
}
