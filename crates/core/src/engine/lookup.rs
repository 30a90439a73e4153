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
