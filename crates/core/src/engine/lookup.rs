//! A read by id: what it shows, and what it lacks.

use std::collections::BTreeSet;

use crate::call::{Identity, Query, ReadCall};
use crate::id::CallId;
use crate::resource::Resource;

/// The queue from which ids are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    /// Somebody changed what selects them.
    Changed,
    /// We wrote to them.
    Verify,
    /// They were missing.
    Missing,
    /// They are to be unprotected.
    Proof,
    /// Something that is on them is to be unprotected or attached, or they are on their way.
    Urgent,
    /// Their turn in a sweep by id.
    Sweep,
}

/// A read by id that is under way.
#[derive(Debug, Clone)]
pub(super) struct Lookup<R: Resource> {
    pub queue: Queue,
    /// In order.
    pub asked: Vec<R::Id>,
    /// What of it has not been seen yet.
    pub missing: BTreeSet<R::Id>,
    pub showed_any: bool,
    /// The answer proves no absence: an entry without a readable id may be any of those that are missing.
    pub unreadable: bool,
    pub pages: u32,
    /// To whom the pages so far were given.
    pub identity: Option<Identity>,
    /// The cloud says, in answer to this call, that it knows no such target. It counts as missing if this read, of something
    /// that was seen lately, shows that the same identity can see anything at all, and if nothing has shown it since.
    pub suspect: Option<(CallId, R::Id)>,
}

impl<R: Resource> Lookup<R> {
    pub fn new(queue: Queue, mut ids: Vec<R::Id>) -> Self {
        ids.sort();
        Self {
            queue,
            missing: ids.iter().cloned().collect(),
            asked: ids,
            showed_any: false,
            unreadable: false,
            pages: 0,
            identity: None,
            suspect: None,
        }
    }

    /// The call that asks for its first page.
    pub fn read(&self) -> ReadCall<R> {
        ReadCall { query: Query::Ids(self.asked.clone()), page: None }
    }

    /// A page came, given to this identity, that shows these. `odd`: it holds entries without a readable id.
    pub fn page_read(&mut self, seen: &BTreeSet<R::Id>, identity: Identity, odd: bool) {
        let another = self.identity.is_some_and(|before| before != identity);
        self.identity = Some(identity);
        let before = self.missing.len();
        self.missing.retain(|id| !seen.contains(id));
        self.showed_any |= self.missing.len() < before;
        // An answer that shows what was not asked for is not one to this question: it proves no absence.
        let unasked = seen.iter().any(|id| self.asked.binary_search(id).is_err());
        self.unreadable |= odd || another || unasked;
        self.pages += 1;
    }

    /// Two reads, of a half each of what is still missing. `None`: there is nothing to halve.
    pub fn halves(mut self) -> Option<[Self; 2]> {
        let ids: Vec<R::Id> = std::mem::take(&mut self.missing).into_iter().collect();
        let (left, right) = ids.split_at(ids.len() / 2);
        let half = |ids: &[R::Id]| Self {
            missing: ids.iter().cloned().collect(),
            asked: ids.to_vec(),
            ..self.clone()
        };
        (!left.is_empty()).then(|| [half(left), half(right)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixtures::eni;
    use crate::interface::Interface;

    fn ids(names: &[&str]) -> BTreeSet<<Interface as Resource>::Id> {
        names.iter().map(|name| eni(name)).collect()
    }

    fn asking(names: &[&str]) -> Lookup<Interface> {
        Lookup::new(Queue::Changed, names.iter().map(|name| eni(name)).collect())
    }

    #[test]
    fn i04_i40_absence_is_proven_only_by_an_answer_to_this_very_question() {
        for (why, pages, missing, showed_any, unreadable) in [
            ("all", &[(&["a", "b"][..], 1, false)][..], &[][..], true, false),
            ("one", &[(&["a"], 1, false)], &["b"], true, false),
            ("nothing", &[(&[], 1, false)], &["a", "b"], false, false),
            ("on two pages", &[(&["b"], 1, false), (&["a"], 1, false)], &[], true, false),
            ("twice the same", &[(&["a"], 1, false), (&["a"], 1, false)], &["b"], true, false),
            ("an entry without an id", &[(&["a"], 1, true), (&[], 1, false)], &["b"], true, true),
            ("to somebody else", &[(&["a"], 1, false), (&[], 2, false)], &["b"], true, true),
            ("what was not asked for", &[(&["c"], 1, false)], &["a", "b"], false, true),
        ] {
            // Asked for in no order.
            let mut lookup = asking(&["b", "a"]);
            for (seen, identity, odd) in pages {
                lookup.page_read(&ids(seen), Identity(*identity), *odd);
            }
            let found = (lookup.missing, lookup.showed_any, lookup.unreadable);
            assert_eq!(found, (ids(missing), showed_any, unreadable), "{why}");
        }
    }

    #[test]
    fn i05_two_halves_ask_for_all_that_is_missing_and_never_for_nothing() {
        for names in [&["a", "b"][..], &["a", "b", "c"], &["a", "b", "c", "d", "e"]] {
            let mut lookup = asking(names);
            lookup.page_read(&ids(&["e"]), Identity(1), false);
            let missing = lookup.missing.clone();
            let [left, right] = lookup.halves().unwrap();
            for half in [&left, &right] {
                assert!(!half.asked.is_empty(), "{names:?}");
                assert_eq!(half.missing, half.asked.iter().cloned().collect());
            }
            assert!(left.missing.is_disjoint(&right.missing));
            assert_eq!(&left.missing | &right.missing, missing);
        }
        assert!(asking(&["a"]).halves().is_none(), "one can't be halved");
    }
}
