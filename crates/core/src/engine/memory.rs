//! What an object remembers: the targets that it has seen protected, wherever they are by now.
//!
//! A target is remembered as soon as fresh evidence shows it protected while the object selects it and wants it so. It is
//! forgotten only when it is proven to be gone, when the object's own spec excludes it, or when that spec had its flag
//! given up.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::flag_view::FlagView;
use super::hosts::{Host, Hosts};
use super::objects::Member;
use super::targets::{Before, Targets};
use super::turn::Turn;
use super::unprotect::Ended;
use crate::flag::{Flag, Id};
use crate::id::ObjectId;
use crate::reason::Reason;
use crate::resource::{Place, Resource};
use crate::retention::{MAX_GONE, Remembered};
use crate::verdict::Verdict;

/// What one object remembers.
#[derive(Debug, Clone)]
pub(super) struct Memory<R: Resource> {
    /// The remembered targets.
    pub kept: BTreeMap<R::Id, Remembered>,
    /// Those that were, and why they are no more, as long as status lists them.
    pub departed: BTreeMap<R::Id, Reason>,
    /// The last ones that are gone, as they were last seen.
    pub gone: VecDeque<(R::Id, Remembered, R::Facts)>,
    /// What status lists durably; `None`: status has not been read yet.
    pub durable: Option<BTreeSet<R::Id>>,
    /// Those of which status has a row among those of the free ones.
    pub rows: BTreeSet<R::Id>,
}

impl<R: Resource> Default for Memory<R> {
    fn default() -> Self {
        Self {
            kept: BTreeMap::new(),
            departed: BTreeMap::new(),
            gone: VecDeque::new(),
            durable: None,
            rows: BTreeSet::new(),
        }
    }
}

impl<R: Resource> Memory<R> {
    /// Notes that status lists these durably, and of which free ones it has a row. What it lists no more has been told of.
    pub fn recorded(&mut self, durable: BTreeSet<R::Id>, rows: BTreeSet<R::Id>) {
        self.departed.retain(|id, _| durable.contains(id));
        self.durable = Some(durable);
        self.rows = rows;
    }

    fn depart(&mut self, id: &R::Id, reason: Reason) -> Option<Remembered> {
        let remembered = self.kept.remove(id)?;
        self.departed.insert(id.clone(), reason);
        Some(remembered)
    }
}

impl Remembered {
    /// Notes where it was seen.
    fn follow(&mut self, place: Place<'_>) {
        let on = match place {
            Place::Unreadable => return,
            Place::Free => None,
            Place::On(instance) => Some(instance),
        };
        if self.on.as_ref() != on {
            if let Some(left) = self.on.take() {
                self.before = Some(left);
            }
            self.on = on.cloned();
            (self.survived, self.reattached) = (false, false);
        }
    }

    /// Notes whether it is free and has outlived its last instance. Which of the two is learned first is chance.
    fn outlive(&mut self, hosts: Option<Hosts<'_>>) {
        if self.on.is_none() && !self.survived {
            let last = self.before.as_ref().and_then(|instance| hosts?.get(instance));
            self.survived = last.is_some_and(Host::gone);
        }
    }
}

/// What evidence says of a target, as far as memory is concerned.
#[derive(Debug)]
pub(super) struct Followed {
    /// The objects that select it, or may, and whether each is to remember it.
    selectors: Vec<(ObjectId, bool)>,
    /// Whether it is on its way to an instance: it was never on it, and may come back.
    on_its_way: bool,
}

/// What evidence says of a target.
pub(super) fn follow<F: Flag>(view: FlagView<'_, F>, id: &Id<F>) -> Option<Followed> {
    let evidence = view.inventory.evidence(id)?;
    let protected = matches!(view.verdict(id, view.horizon(), 0), Some(Verdict::Protected(_)));
    let selectors = view.selectors_of(id).map(|(name, object, member)| {
        (name.clone(), protected && member == Member::Yes && object.intent.protect)
    });
    Some(Followed { selectors: selectors.collect(), on_its_way: !F::at_stake(&evidence.facts) })
}

/// What an object has come to remember, and what it has not any more, with the reason.
type Tidied<F> = (Vec<Id<F>>, Vec<(Id<F>, Reason)>);

/// What an object is to remember, and what it is to forget because its spec excludes it or has given it up.
pub(super) fn tidied<F: Flag>(view: FlagView<'_, F>, name: &ObjectId) -> Tidied<F> {
    let (mut new, mut left) = (Vec::new(), Vec::new());
    let Some(object) = view.objects.get(name) else { return (new, left) };
    let horizon = view.horizon();
    let given_up = |id: &Id<F>, verdict: Option<Verdict>| {
        let ended = view.unprotector.task(name).and_then(|task| task.ended.get(id));
        ended == Some(&Ended::Done) && matches!(verdict, Some(Verdict::Unprotected(_)))
    };
    for id in view.reach(object) {
        let verdict = view.verdict(id, horizon, 0);
        let member = view.member(name, object, id);
        if object.memory.kept.contains_key(id) {
            let on_its_way = view
                .inventory
                .evidence(id)
                .is_some_and(|e| !matches!(F::Of::place(&e.facts), Place::Free) && !F::at_stake(&e.facts));
            if member == Member::No && on_its_way && !object.intent.selector.exclude_ids.contains(id) {
                // Whether it comes to be on an instance that is excluded has yet to be seen.
            } else if member == Member::No {
                left.push((id.clone(), Reason::Excluded));
            } else if verdict == Some(Verdict::Unknown(Reason::NotFound)) {
                // That was proven before this object came to remember it.
                left.push((id.clone(), Reason::Departed));
            } else if given_up(id, verdict) {
                left.push((id.clone(), F::UNPROTECTED));
            }
        } else if member == Member::Yes
            && object.intent.protect
            && matches!(verdict, Some(Verdict::Protected(_)))
        {
            new.push(id.clone());
        }
    }
    (new, left)
}

impl<R: Resource> Targets<R> {
    /// Notes what evidence says of a target.
    pub(super) fn remember(&mut self, turn: &Turn<'_>, id: &R::Id, seen: Followed) {
        let place = match self.inventory.place(id) {
            Place::On(_) if seen.on_its_way => Place::Unreadable,
            place => place,
        };
        for (name, worth) in seen.selectors {
            let hosts = turn.hosts_of(&name);
            let Some(object) = self.objects.get_mut(&name) else { continue };
            if worth && !object.memory.kept.contains_key(id) {
                object.memory.kept.insert(id.clone(), Remembered::default());
                object.memory.departed.remove(id);
                self.index.name(&name, id);
            }
            if let Some(remembered) = object.memory.kept.get_mut(id) {
                remembered.follow(place);
                remembered.outlive(hosts);
            }
        }
    }

    /// Notes which free targets of an object have outlived the instance that they were on.
    pub(super) fn notice_survivors(&mut self, turn: &Turn<'_>, name: &ObjectId) {
        let hosts = turn.hosts_of(name);
        let Some(object) = self.objects.get_mut(name) else { return };
        for remembered in object.memory.kept.values_mut() {
            remembered.outlive(hosts);
        }
    }

    /// An object does not remember a target any more, for this reason.
    pub(super) fn depart(&mut self, name: &ObjectId, id: &R::Id, reason: Reason) {
        if let Some(object) = self.objects.get_mut(name) {
            object.memory.depart(id, reason);
            if !object.intent.selector.holds(id) {
                self.index.unname(name, id);
            }
        }
        self.unselect(id);
    }

    /// It is proven that the target is gone: nobody remembers it any more.
    pub(super) fn forget_gone(&mut self, turn: &mut Turn<'_>, id: &R::Id, before: &Before<R>) {
        for name in self.index.naming(id).to_vec() {
            let Some(object) = self.objects.get_mut(&name) else { continue };
            let Some(remembered) = object.memory.depart(id, Reason::Departed) else { continue };
            if let Some(evidence) = &before.evidence {
                object.memory.gone.push_back((id.clone(), remembered, evidence.facts.clone()));
                if object.memory.gone.len() > MAX_GONE {
                    object.memory.gone.pop_front();
                }
            }
            // What the spec names stays in the report as not found.
            if !object.intent.selector.holds(id) {
                self.index.unname(&name, id);
            }
            turn.context.touch(name);
        }
    }
}
