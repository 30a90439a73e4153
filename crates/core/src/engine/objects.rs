//! What objects wish: the only part of the engine that knows of generations.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Asked, Engine, facts::tags_of, weaken::Act};
use crate::call::CallId;
use crate::kind::Kind;
use crate::reason::Reason;
use crate::target::Target;
use crate::time::Moment;
use crate::wish::{Generation, ObjectId, Wish};

/// People wait for what they changed this long at most; then it is background like everything else.
const HOT: Duration = Duration::from_secs(120);

/// An object and its wish.
#[derive(Debug)]
pub(super) struct Object<K: Kind> {
    pub generation: Generation,
    pub wish: Wish<K>,
    /// Evidence must have kept at least the tags of this epoch (see [`crate::selection::Selection`]).
    pub tag_epoch: u32,
    /// A listing of the region is complete for this object only if it began with this call or later.
    pub listing_since: CallId,
    /// The start of the newest such listing.
    pub listed: Option<Moment>,
    /// The weakening that this generation asks for.
    pub act: Option<Act<K>>,
    /// It was changed while the engine was running: until then people wait for it.
    pub hot_until: Option<Moment>,
    pub born: Moment,
    /// There was evidence for all of it once, or it has been waited for long enough.
    pub settled: bool,
    pub reported: Option<Reported>,
    /// Not computed again before this.
    pub next_report: Moment,
}

/// What was reported last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reported {
    pub at: Moment,
    /// Of the part as a whole.
    pub whole: u64,
    /// Of what conditions are made of, without the counts.
    pub shape: u64,
    /// Something was not known.
    pub uncertain: bool,
}

/// Whether an object selects a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Yes,
    No,
    /// It is named, or was selected when last seen, but what would tell is not known.
    Unclear(Reason),
}

impl<K: Kind> Object<K> {
    /// Whether it selects the target, as far as evidence tells. What is named is not left out on evidence from before
    /// the horizon; what comes by tag is, for then the listing does not count as complete either.
    pub fn member(&self, id: &K::Id, target: Option<&Target<K>>, horizon: Moment) -> Member {
        let selector = &self.wish.selector;
        if selector.exclude_ids.contains(id) {
            return Member::No;
        }
        let named = selector.names(id);
        if named && selector.exclude_tags.is_empty() {
            return Member::Yes;
        }
        let evidence = target.and_then(|t| t.evidence.as_ref());
        let Some(evidence) = evidence.filter(|e| e.tag_epoch >= self.tag_epoch) else {
            return Member::Unclear(Reason::AwaitingEvidence);
        };
        if named && evidence.seen < horizon {
            return Member::Unclear(Reason::EvidenceStale);
        }
        let Some(tags) = K::tags(&evidence.facts) else {
            return Member::Unclear(Reason::FieldUnreadable);
        };
        if (named || selector.tags_match(tags)) && !selector.tags_exclude(tags) {
            Member::Yes
        } else {
            Member::No
        }
    }

    /// Whether somebody changed it a moment ago.
    pub fn hot(&self, now: Moment) -> bool {
        self.hot_until.is_some_and(|end| now < end)
    }

    /// Whether it needs a listing of the region to know all its targets.
    pub fn needs_listing(&self) -> bool {
        !self.wish.selector.tags.is_empty()
    }
}

impl<K: Kind> Engine<K> {
    pub(super) fn take_wish(
        &mut self,
        now: Moment,
        object: &ObjectId,
        generation: Generation,
        asked: Asked<K>,
    ) {
        match asked {
            Asked::Wish(wish) => self.set_wish(now, object, generation, *wish),
            Asked::Opaque => {
                self.drop_wish(object);
                self.opaque.insert(object.clone());
            }
            Asked::Gone => {
                self.drop_wish(object);
                self.opaque.remove(object);
            }
        }
        // A claim that came or fell changes what others may weaken.
        let soon = now.after(Duration::from_secs(1));
        for name in &self.acting {
            if let Some(act) = self.objects.get_mut(name).and_then(|o| o.act.as_mut()) {
                act.not_before = act.not_before.min(soon);
            }
            self.dirty.insert(name.clone());
        }
    }

    fn drop_wish(&mut self, object: &ObjectId) {
        let Some(old) = self.objects.remove(object) else { return };
        let reach: Vec<K::Id> = self.selection.reach(&old.wish.selector).cloned().collect();
        self.selection.release_keys(&old.wish.selector);
        self.selection.remove(object, &old.wish.selector);
        self.acting.remove(object);
        self.dirty.remove(object);
        if self.batch.as_ref().is_some_and(|batch| batch.object == *object) {
            self.batch = None;
        }
        for id in reach {
            self.forget_unselected(&id);
        }
    }

    fn set_wish(&mut self, now: Moment, object: &ObjectId, generation: Generation, wish: Wish<K>) {
        self.opaque.remove(object);
        if let Some(known) = self.objects.get(object)
            && (generation < known.generation || (generation == known.generation && wish == known.wish))
        {
            return;
        }
        let old = self.objects.remove(object);
        // The new keys are held before the old ones are released, so that what both need is not read again.
        let tag_epoch = self.selection.hold_keys(&wish.selector);
        let tags = |id| tags_of(&self.targets, &self.last_tags, id);
        let known = self.targets.keys().map(|id| (id, tags(id)));
        let mut reached: Vec<K::Id> = Vec::new();
        if let Some(old) = &old {
            reached.extend(self.selection.reach(&old.wish.selector).cloned());
            self.selection.release_keys(&old.wish.selector);
            self.selection.remove(object, &old.wish.selector);
        }
        self.selection.insert(object, &wish.selector, known);
        for id in wish.selector.ids.iter().chain(&wish.selector.node_ids) {
            self.targets.entry(id.clone()).or_default();
        }
        let same_tags = old.as_ref().filter(|old| old.wish.selector.tags == wish.selector.tags);
        let edited = old.as_ref().is_none_or(|old| old.generation != generation);
        let act = wish.weakening().map(|_| match &old {
            Some(Object { act: Some(act), generation: before, .. }) if *before == generation => {
                Act { done: act.done || wish.carried_out, ..act.clone() }
            }
            _ => Act::new(now, &wish),
        });
        let fresh_listing = same_tags.is_none() && !wish.selector.tags.is_empty();
        let entry = Object {
            generation,
            tag_epoch,
            listing_since: same_tags.map_or(self.upcoming_call(), |old| old.listing_since),
            listed: same_tags.and_then(|old| old.listed),
            act,
            hot_until: self.planned.then(|| now.after(HOT)),
            born: if edited { now } else { old.as_ref().map_or(now, |old| old.born) },
            settled: !edited && old.as_ref().is_some_and(|old| old.settled),
            reported: old.as_ref().filter(|_| !edited).and_then(|old| old.reported),
            next_report: now,
            wish,
        };
        if entry.act.as_ref().is_some_and(|act| !act.done) {
            self.acting.insert(object.clone());
        } else {
            self.acting.remove(object);
        }
        if self.batch.as_ref().is_some_and(|batch| batch.object == *object) {
            self.batch = None;
        }
        let hot = entry.hot(now);
        if !entry.settled {
            self.unsettled.insert((entry.born, object.clone()));
        }
        self.objects.insert(object.clone(), entry);
        self.dirty.insert(object.clone());
        if edited && hot {
            self.reads.spec_changed(now);
            self.writes.spec_changed(now);
        }
        self.revisit(now, object, edited);
        if fresh_listing {
            self.request_listing(now, object);
        }
        for id in reached {
            self.forget_unselected(&id);
        }
    }

    /// Looks at every target of an object whose wish changed.
    fn revisit(&mut self, now: Moment, object: &ObjectId, edited: bool) {
        let Some(entry) = self.objects.get(object) else { return };
        let (hot, epoch) = (entry.hot(now), entry.tag_epoch);
        let reach: Vec<K::Id> = self.selection.reach(&entry.wish.selector).cloned().collect();
        for id in reach {
            let target = self.targets.entry(id.clone()).or_default();
            if let (true, Some(care)) = (edited, target.care.as_deref_mut()) {
                // A spec change resets the waiting, not what was written.
                care.failures = 0;
                care.not_before = now;
                if care.trouble.as_ref().is_some_and(|t| t.reason != Reason::ChargeTypeSettling) {
                    care.trouble = None;
                }
            }
            if let (true, Some(absence)) = (edited, target.absence.as_deref_mut()) {
                absence.refused = false;
            }
            let unread = target.evidence.as_ref().is_none_or(|e| e.tag_epoch < epoch);
            // What was there before the start is read by the first sweep: nobody's change may wait behind it.
            if unread && hot {
                self.reads.read_changed(&id);
            } else {
                self.reconsider(now, &id);
            }
        }
    }

    /// Drops what is remembered of a target that nobody selects any more. Its flag stays as it is. As long as a write
    /// or its effect may be under way it is remembered all the same: an object made a moment later must not take what
    /// a read shows meanwhile for evidence, nor write beside it.
    pub(super) fn forget_unselected(&mut self, id: &K::Id) {
        self.lingering.remove(id);
        let Some(target) = self.targets.get(id) else { return };
        let tags = tags_of(&self.targets, &self.last_tags, id);
        if self.selection.concerns(id, tags) {
            return;
        }
        let oldest = self.flights.keys().next();
        if target.care.as_deref().is_some_and(|care| care.under_way(oldest.copied())) {
            self.lingering.insert(id.clone());
            return;
        }
        self.selection.retag(id, tags, &[]);
        self.targets.remove(id);
        self.last_tags.remove(id);
        self.reads.forget(id);
    }

    /// Drops what was remembered for the sake of a write that has come to its end.
    pub(super) fn forget_lingering(&mut self) {
        for id in self.lingering.clone() {
            self.forget_unselected(&id);
        }
    }

    /// The objects that select the target, or may.
    pub(super) fn selectors_of<'a>(
        &'a self,
        now: Moment,
        id: &'a K::Id,
    ) -> impl Iterator<Item = (&'a ObjectId, &'a Object<K>, Member)> {
        let (target, horizon) = (self.targets.get(id), self.horizon(now));
        self.selection.candidates(id, self.known_tags(id)).into_iter().filter_map(move |object| {
            let entry = self.objects.get(object)?;
            let member = entry.member(id, target, horizon);
            (member != Member::No).then_some((object, entry, member))
        })
    }

    /// An object that has the safe value written on this target.
    pub(super) fn enforcer<'a>(&'a self, now: Moment, id: &'a K::Id) -> Option<&'a ObjectId> {
        self.selectors_of(now, id)
            .find(|(_, object, member)| *member == Member::Yes && object.wish.enforces())
            .map(|(name, ..)| name)
    }

    /// Whether any object but this one claims the target. In doubt it does.
    pub(super) fn claimed_by_other(&self, now: Moment, id: &K::Id, than: &ObjectId) -> bool {
        self.selectors_of(now, id).any(|(name, object, _)| name != than && object.wish.claims())
    }

    /// Objects and their wishes, for tests and metrics.
    pub fn wishes(&self) -> BTreeMap<&ObjectId, (Generation, &Wish<K>)> {
        self.objects.iter().map(|(id, object)| (id, (object.generation, &object.wish))).collect()
    }
}
