//! Reads by id: what they show, what they lack, and what becomes of an id that the cloud refuses or denies.

use std::collections::BTreeSet;

use super::MAX_PAGES;
use super::sweep::{Road, Sweep};
use crate::call::{Identity, Query, ReadCall};
use crate::engine::{Engine, Extension, Purpose};
use crate::failure::Class;
use crate::id::{CallId, PageToken};
use crate::kind::Kind;
use crate::time::Moment;

/// Why ids are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Lane {
    /// Somebody changed what selects them.
    Changed,
    /// We wrote to them.
    Verify,
    /// They were missing.
    Lookup,
    /// They are to be unprotected.
    Proof,
    /// Something that is on them is to be unprotected or attached.
    Look,
    /// Their turn in a sweep by id.
    Sweep,
}

/// A read by id that is under way.
#[derive(Debug, Clone)]
pub(in crate::engine) struct Lookup<K: Kind> {
    pub lane: Lane,
    /// In order.
    pub asked: Vec<K::Id>,
    /// What of it has not been seen yet.
    pub missing: BTreeSet<K::Id>,
    pub showed_any: bool,
    /// The answer proves no absence: an entry without a readable id may be any of those that are missing.
    pub unreadable: bool,
    pub pages: u32,
    /// To whom the pages so far were given.
    pub identity: Option<Identity>,
    /// The cloud says, in answer to this call, that it knows no such target. It counts as missing if this read, of something
    /// that was seen lately, shows that the same identity can see anything at all, and if nothing has shown it since.
    pub accused: Option<(CallId, K::Id)>,
}

impl<K: Extension> Engine<K> {
    pub(super) fn by_ids(lane: Lane, mut ids: Vec<K::Id>) -> (Purpose<K>, ReadCall<K>) {
        ids.sort();
        let missing = ids.iter().cloned().collect();
        let lookup = Lookup {
            lane,
            asked: ids.clone(),
            missing,
            showed_any: false,
            unreadable: false,
            pages: 0,
            identity: None,
            accused: None,
        };
        (Purpose::Ids(lookup), ReadCall { query: Query::Ids(ids), page: None })
    }

    pub(super) fn ids_read(
        &mut self,
        now: Moment,
        call: CallId,
        mut lookup: Lookup<K>,
        seen: &BTreeSet<K::Id>,
        next: Option<PageToken>,
    ) {
        let before = lookup.missing.len();
        lookup.missing.retain(|id| !seen.contains(id));
        lookup.showed_any |= lookup.missing.len() < before;
        // An answer that shows what was not asked for is not one to this question: it proves no absence.
        lookup.unreadable |= seen.iter().any(|id| lookup.asked.binary_search(id).is_err());
        lookup.pages += 1;
        match next {
            Some(token) if lookup.pages < MAX_PAGES => {
                let read = ReadCall { query: Query::Ids(lookup.asked.clone()), page: Some(token) };
                self.reads.further.push_back((Purpose::Ids(lookup), read));
            }
            Some(_) => self.lookup_ended(now, call, &Lookup { unreadable: true, ..lookup }),
            None => self.lookup_ended(now, call, &lookup),
        }
    }

    /// No further page of a read by id is asked for.
    pub(super) fn lookup_ended(&mut self, now: Moment, call: CallId, lookup: &Lookup<K>) {
        if lookup.lane == Lane::Sweep
            && let Some(sweep) = &mut self.reads.sweep
        {
            if let Road::Ids { reading, .. } = &mut sweep.road {
                *reading = reading.saturating_sub(1);
            }
            sweep.items += usize::from(lookup.showed_any);
            sweep.pages += 1;
            sweep.flawed |= lookup.unreadable || sweep.changes_hands(lookup.identity);
        }
        if !lookup.showed_any && self.reads.witness.as_ref().is_some_and(|w| lookup.missing.contains(w)) {
            // What could be seen before can't be seen now: this answer proves nothing about the others.
            self.reads.witness = None;
        }
        let accused = lookup.accused.as_ref();
        if lookup.unreadable {
            if lookup.lane == Lane::Lookup {
                for id in lookup.missing.iter().chain(accused.map(|(_, accused)| accused)) {
                    self.proved_nothing(now, id);
                }
            }
            return;
        }
        if let Some((denial, accused)) = accused {
            self.missed(now, accused, *denial, lookup.showed_any);
        }
        // What shows nothing at all proves nothing, and must not put off the look-up that does.
        let idle = lookup.lane != Lane::Lookup && !lookup.showed_any;
        let doubted = |id: &&K::Id| self.inventory.get(*id).is_some_and(|target| target.absence.is_some());
        let missing: Vec<K::Id> =
            lookup.missing.iter().filter(|id| !(idle && doubted(id))).cloned().collect();
        for id in missing {
            self.missed(now, &id, call, lookup.showed_any);
        }
    }

    /// A look-up that proves nothing is made again, ever more seldom.
    fn proved_nothing(&mut self, now: Moment, id: &K::Id) {
        let absence = self.inventory.absence_mut(id);
        if let Some(absence) = absence {
            absence.looked(now);
            self.reconsider(now, id);
        }
    }

    pub(super) fn put_back(&mut self, now: Moment, lookup: Lookup<K>) {
        if lookup.lane == Lane::Proof {
            self.batch = None;
        }
        if lookup.lane == Lane::Sweep
            && let Some(Sweep { road: Road::Ids { rest, reading }, items, pages, .. }) = &mut self.reads.sweep
        {
            *reading = reading.saturating_sub(1);
            // A further page may fail after all that was asked for has been shown.
            *items += usize::from(lookup.showed_any);
            *pages += 1;
            rest.extend(lookup.missing);
            return;
        }
        self.read_again(lookup.lane, now, lookup.missing);
    }

    /// Reads the halves of what was refused, until it is known which ids are.
    pub(super) fn split(&mut self, now: Moment, call: CallId, mut lookup: Lookup<K>, class: Class) {
        if self.reads.witness.is_none() && class == Class::Bug {
            // Nothing was ever seen here: perhaps it is not an id that is refused, but everything. A look-up tells,
            // because it begins with the question whether anything can be read.
            self.reads.lookups.extend(std::mem::take(&mut lookup.missing));
        } else if let Some(witness) = self.reads.witness.as_ref().filter(|_| lookup.lane == Lane::Lookup) {
            // It was seen lately; the others are what the question was about.
            lookup.missing.remove(witness);
        }
        if lookup.missing.is_empty() {
            return self.put_back(now, lookup);
        }
        let ids: Vec<K::Id> = lookup.missing.iter().cloned().collect();
        if let [id] = ids.as_slice() {
            if class == Class::Gone {
                self.denied(now, call, id, lookup.accused.as_ref());
            } else {
                self.refused(now, id);
            }
            if let Some(Sweep { road: Road::Ids { reading, .. }, .. }) = &mut self.reads.sweep
                && lookup.lane == Lane::Sweep
            {
                *reading = reading.saturating_sub(1);
            }
            if lookup.lane == Lane::Proof {
                self.batch = None;
            }
            return;
        }
        let (left, right) = ids.split_at(ids.len() / 2);
        if let Some(Sweep { road: Road::Ids { reading, .. }, .. }) = &mut self.reads.sweep
            && lookup.lane == Lane::Sweep
        {
            *reading += 1;
        }
        for half in [left, right] {
            lookup.missing = half.iter().cloned().collect();
            lookup.asked = half.to_vec();
            let read = ReadCall { query: Query::Ids(half.to_vec()), page: None };
            self.reads.further.push_back((Purpose::Ids(lookup.clone()), read));
        }
    }

    /// The cloud was asked for one id alone and says that it knows no such target.
    fn denied(&mut self, now: Moment, call: CallId, id: &K::Id, accused: Option<&(CallId, K::Id)>) {
        for id in accused.map(|(_, accused)| accused).into_iter().chain([id]) {
            if let Some(absence) = self.inventory.absence_mut(id) {
                absence.denied = true;
            }
        }
        if let Some((denial, accused)) = accused {
            self.missed(now, accused, *denial, false);
        }
        if self.reads.witness.as_ref() == Some(id) {
            self.reads.witness = None;
        }
        match self.reads.witness.clone() {
            // Whether it is unknown or hidden, a look at something that was seen lately tells.
            Some(witness) => self.accuse(call, id, witness),
            None => self.missed(now, id, call, false),
        }
        if let Some(absence) = self.inventory.absence_mut(id) {
            absence.denied = true;
        }
        // It is asked for by itself from now on, and seldom.
        self.reconsider(now, id);
    }

    /// Asks for the witness, to tell what the denial of a target is worth. Denials may come faster than the budget lets them
    /// be judged: then the newest is, once.
    fn accuse(&mut self, denial: CallId, id: &K::Id, witness: K::Id) {
        let waiting = self.reads.further.iter_mut().find_map(|(purpose, _)| match purpose {
            Purpose::Ids(lookup) => lookup.accused.as_mut().filter(|(_, accused)| accused == id),
            _ => None,
        });
        if let Some((before, _)) = waiting {
            *before = denial;
            return;
        }
        let (mut purpose, read) = Self::by_ids(Lane::Lookup, vec![witness]);
        if let Purpose::Ids(lookup) = &mut purpose {
            lookup.accused = Some((denial, id.clone()));
        }
        self.reads.further.push_back((purpose, read));
    }
}
