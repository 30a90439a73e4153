//! What the cloud said: evidence comes in, is compared with what is known, and only what changed goes on.

use super::{Engine, reads};
use crate::backoff::LONG;
use crate::call::{CallId, Item};
use crate::evidence::Evidence;
use crate::id::RequestId;
use crate::kind::{Applicability, Kind};
use crate::reason::Reason;
use crate::target::{Absence, CONTEST, Care, SETTLE, Target, Trouble, Value};
use crate::time::Moment;

/// Where an item came from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub call: CallId,
    pub sent: Moment,
    pub request_id: &'a RequestId,
}

impl<K: Kind> Engine<K> {
    /// Takes in one resource as the cloud showed it. `false`: its tags were unreadable although somebody selects by
    /// tag, so the listing does not tell all.
    pub(super) fn take_item(&mut self, now: Moment, source: Source<'_>, mut item: Item<K>) -> bool {
        let readable = K::tags(&item.facts).is_some() || !self.selection.by_tag();
        let tags = K::tags(&item.facts).unwrap_or_default();
        let known = self.targets.get(&item.id);
        if !self.selection.concerns(&item.id, tags) {
            if known.is_some() && readable {
                // It lost the tag that selected it. Its flag stays as it is.
                self.touch_selectors(&item.id);
                self.retag(&item.id, &[]);
                self.targets.remove(&item.id);
            }
            return readable;
        }
        K::prune_tags(&mut item.facts, &|key| self.selection.keeps(key));
        let horizon = self.horizon(now);
        let old = known.and_then(|t| t.evidence.as_ref());
        let unchanged = old.is_some_and(|old| {
            old.facts == item.facts && old.seen >= horizon && old.tag_epoch == self.selection.epoch()
        });
        // A reply that was overtaken by a later one says nothing new.
        if old.is_some_and(|old| old.call > source.call) {
            return readable;
        }
        let was_safe = old.and_then(|old| K::safe(&old.facts)) == Some(true);
        let quiet = unchanged && known.is_some_and(|t| t.absence.is_none() && t.care.is_none());
        if !quiet {
            self.touch_selectors(&item.id);
            let tags: Vec<_> = K::tags(&item.facts).unwrap_or_default().to_vec();
            self.retag(&item.id, &tags);
        }
        let drifted = was_safe && K::safe(&item.facts) == Some(false);
        let id = item.id;
        let target = self.targets.entry(id.clone()).or_default();
        target.absence = None;
        target.evidence = Some(Evidence {
            facts: item.facts,
            seen: source.sent,
            call: source.call,
            request_id: source.request_id.clone(),
            tag_epoch: self.selection.epoch(),
        });
        if !quiet {
            self.touch_selectors(&id);
            self.weigh(now, &id, drifted);
            self.reconsider(now, &id);
        }
        readable
    }

    fn retag(&mut self, id: &K::Id, tags: &[crate::id::Tag]) {
        let old = self.targets.get(id).and_then(|t| t.evidence.as_ref()).and_then(|e| K::tags(&e.facts));
        self.selection.retag(id, old.unwrap_or_default(), tags);
    }

    /// Holds new evidence against what was done about the target.
    fn weigh(&mut self, now: Moment, id: &K::Id, drifted: bool) {
        let known = self.targets.len();
        let Some(target) = self.targets.get_mut(id) else { return };
        let Some(evidence) = &target.evidence else { return };
        let safe = K::safe(&evidence.facts);
        let call = evidence.call;
        let ours = target.care.as_deref().is_some_and(|c| matches!(c.accepted, Some((_, Value::Weak))));
        if drifted && !ours {
            self.brake.surprise(known);
            target.care_mut().drifted = true;
        }
        let Some(care) = target.care.as_deref_mut() else { return };
        if care.written_before.is_some_and(|end| call < end) || care.writing.is_some() {
            return;
        }
        if let Some((at, value)) = care.accepted {
            if safe == Some(value == Value::Safe) {
                care.accepted = None;
                care.ignored = 0;
                care.looks = 0;
                care.trouble = None;
            } else if now.since(at) < SETTLE {
                // 1, 2, 4, 8 … seconds: the cloud may be slow to show what it did.
                let wait = std::time::Duration::from_secs(1 << care.looks.min(4));
                care.looks += 1;
                self.timers.insert((now.after(wait), id.clone()));
            } else {
                care.accepted = None;
                care.looks = 0;
                care.ignored += 1;
                if care.ignored >= 2 {
                    care.not_before = now.after(LONG);
                    care.trouble = Some(Trouble {
                        value,
                        reason: Reason::WriteIneffective,
                        since: now,
                        detail: Box::default(),
                    });
                }
            }
        }
        if let (Some(safe), None) = (safe, care.accepted) {
            let reached = if safe { Value::Safe } else { Value::Weak };
            care.drifted &= !safe;
            if care.trouble_with(reached).is_some() || (care.trouble.is_none() && safe) {
                care.failures = 0;
                care.ignored = 0;
                care.trouble = None;
            }
        }
        if care.idle(now) {
            target.care = None;
        }
    }

    /// Decides what is to be done about one target now, and puts it into the lane where that is done.
    pub(super) fn reconsider(&mut self, now: Moment, id: &K::Id) {
        let Some(target) = self.targets.get(id) else { return };
        if let Some(absence) = target.absence.as_deref() {
            if !absence.proven() {
                let due = absence.next_lookup(now);
                if due <= now {
                    self.reads.look_up(id);
                } else {
                    self.timers.insert((due, id.clone()));
                }
            }
            return;
        }
        let Some(evidence) = &target.evidence else { return };
        let care = target.care.as_deref();
        if care.is_some_and(|c| c.writing.is_some()) {
            return;
        }
        let overtaken = care.and_then(|c| c.written_before).is_some_and(|end| evidence.call < end);
        if overtaken || care.is_some_and(|c| c.accepted.is_some()) {
            let waits =
                care.is_some_and(|c| c.looks > 0) && self.timers.iter().any(|(at, t)| t == id && *at > now);
            if !waits {
                let hot = self.is_hot(id);
                self.reads.verify(now, id, hot);
            }
            return;
        }
        let weak = K::safe(&evidence.facts) == Some(false);
        if !weak || K::applicability(&evidence.facts) != Applicability::Yes {
            return;
        }
        let drifted = care.is_some_and(|c| c.drifted);
        let Some(owner) = self.enforcer(id).cloned() else { return };
        let hot = self.is_hot(id);
        let Some(care) = self.targets.get_mut(id).map(Target::care_mut) else { return };
        if drifted && care.contested(now) {
            let last = care.repairs.last().copied().unwrap_or(now);
            care.not_before = care.not_before.max(last.after(LONG));
            if care.not_before > now {
                care.trouble.get_or_insert(Trouble {
                    value: Value::Safe,
                    reason: Reason::Contested,
                    since: now,
                    detail: Box::default(),
                });
            }
        }
        if care.not_before > now {
            let at = care.not_before;
            self.timers.insert((at, id.clone()));
        } else if !care.queued {
            care.queued = true;
            self.writes.enqueue(&owner, id, hot, drifted);
        }
    }

    /// Whether somebody waits for this target: an object that selects it was just changed.
    fn is_hot(&self, id: &K::Id) -> bool {
        self.selectors_of(id).any(|(_, object, _)| object.hot)
    }

    /// A read by id lacked this target. `showed_any`: it showed something else.
    pub(super) fn missed(&mut self, now: Moment, id: &K::Id, showed_any: bool) {
        let known = self.targets.len();
        let Some(target) = self.targets.get_mut(id) else { return };
        if target.absence.is_none() && target.evidence.is_some() {
            self.brake.surprise(known);
        }
        let braked = self.brake.on();
        let Some(target) = self.targets.get_mut(id) else { return };
        let had_evidence = target.evidence.is_some();
        let absence = target.absence.get_or_insert_default();
        if showed_any {
            absence.missed(now, !braked || !had_evidence);
        } else {
            absence.blind = !self.reads.has_witness();
            absence.looked(now);
        }
        let proven = absence.proven();
        self.touch_selectors(id);
        if proven {
            self.conclude_gone(id);
        } else {
            self.reconsider(now, id);
        }
    }

    /// It is proven that the cloud does not know the target: what was known of it is void. One that is named stays in
    /// the report as not found.
    fn conclude_gone(&mut self, id: &K::Id) {
        self.retag(id, &[]);
        if let Some(target) = self.targets.get_mut(id) {
            target.evidence = None;
            target.care = None;
        }
        self.forget_unselected(id);
    }

    /// A complete listing lacked this target, or a write was answered that it does not exist: look it up by id.
    pub(super) fn doubt(&mut self, now: Moment, id: &K::Id) {
        let known = self.targets.len();
        let Some(target) = self.targets.get_mut(id) else { return };
        if target.absence.is_some() {
            return;
        }
        if target.evidence.is_some() {
            self.brake.surprise(known);
        }
        if let Some(target) = self.targets.get_mut(id) {
            target.absence = Some(Box::new(Absence::default()));
        }
        self.touch_selectors(id);
        self.reconsider(now, id);
    }

    /// The cloud refuses to be asked for this id at all.
    pub(super) fn refused(&mut self, now: Moment, id: &K::Id) {
        if let Some(target) = self.targets.get_mut(id) {
            let absence = target.absence.get_or_insert_default();
            absence.refused = true;
            absence.looked(now);
        }
        self.touch_selectors(id);
        self.reconsider(now, id);
    }

    /// What is being done about a target.
    pub(super) fn care(&self, id: &K::Id) -> Option<&Care> {
        self.targets.get(id).and_then(|t| t.care.as_deref())
    }

    /// Whether an id may be asked for at all by a sweep by id.
    pub(super) fn unanswerable(&self, id: &K::Id) -> bool {
        self.targets.get(id).and_then(|t| t.absence.as_deref()).is_some_and(|a| a.refused)
    }

    /// Repairs within the last hour that make a write war.
    pub(super) fn contested(&self, now: Moment, id: &K::Id) -> bool {
        self.care(id).is_some_and(|care| care.repairs.len() >= CONTEST.1 && care.contested(now))
    }

    /// Adds an id to a lane for reading at once.
    pub(super) fn read_again(
        &mut self,
        lane: reads::Lane,
        now: Moment,
        ids: impl IntoIterator<Item = K::Id>,
    ) {
        for id in ids {
            match lane {
                reads::Lane::Changed | reads::Lane::Sweep => self.reads.read_changed(&id),
                reads::Lane::Verify => self.reads.verify(now, &id, false),
                reads::Lane::Lookup => self.reads.look_up(&id),
                reads::Lane::Proof => {}
            }
        }
    }
}
