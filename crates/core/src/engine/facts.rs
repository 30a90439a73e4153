//! What the cloud said: evidence comes in, is compared with what is known, and only what changed goes on.

use std::time::Duration;

use super::Engine;
use super::losses::holders;
use super::reader::{Finding, Source};
use super::turn::Turn;
use crate::backoff::LONG;
use crate::call::Item;
use crate::engine::care::{SETTLE, SETTLE_PROTECTED, Trouble, Value};
use crate::evidence::Evidence;
use crate::flag::{Applicability, Flag, Id};
use crate::id::CallId;
use crate::loss::Sight;
use crate::reason::Reason;
use crate::resource::{Resource, Wanted};
use crate::time::Moment;

impl<F: Flag> Engine<F> {
    /// Takes in what reads have shown.
    pub fn take_findings(&mut self, turn: &mut Turn<'_>, findings: Vec<Finding<F::Of>>) {
        for finding in findings {
            if let Some(finding) = self.confirm(turn, finding) {
                self.take_finding(turn, finding);
            }
        }
    }

    /// Takes in what a read has shown if that is how it was, and says what is left to be taken in otherwise.
    pub fn confirm(&mut self, turn: &Turn<'_>, finding: Finding<F::Of>) -> Option<Finding<F::Of>> {
        let Finding::Shown(mut item, source) = finding else { return Some(finding) };
        let wanted =
            Wanted { tag: &|tag| self.keys.keeps(tag), surroundings: self.keys.keeps_surroundings() };
        F::Of::prune(&mut item.facts, wanted);
        (!self.seen_again(turn, &source, &item)).then_some(Finding::Shown(item, source))
    }

    /// Takes in what a read has shown.
    pub fn take_finding(&mut self, turn: &mut Turn<'_>, finding: Finding<F::Of>) {
        match finding {
            Finding::Shown(item, source) => self.take_item(turn, source, item),
            Finding::Lacked { id, call, showed_any } => self.missed(turn, &id, call, showed_any),
            Finding::Unproven(id) => {
                // It is looked up again, ever more seldom.
                if let Some(absence) = self.inventory.absence_mut(&id) {
                    absence.looked(turn.now);
                    self.reconsider(turn, &id);
                }
            }
            Finding::Refused(id) => self.refused(turn, &id),
            Finding::Denied(id) => {
                if let Some(absence) = self.inventory.absence_mut(&id) {
                    absence.denied = true;
                }
            }
            Finding::Due(id) => self.reconsider(turn, &id),
            Finding::Blind(ids) => {
                for id in ids {
                    if let Some(absence) = self.inventory.absence_mut(&id) {
                        absence.blind = true;
                    }
                    self.touch_selectors(turn, &id);
                }
            }
            Finding::ProofRead(call, seen) => self.unprotector.targets_read(call, &seen),
            Finding::ProofLost => self.drop_batch(),
            Finding::Listed(first_call, started) => self.listed(turn, first_call, started),
            Finding::NotListed => self.touch_all(turn),
            Finding::Swept { read, pace_changed } => self.swept(turn, read, pace_changed),
            Finding::Explained => self.touch_uncertain(turn),
        }
    }

    /// A listing of the region is complete: what it lacks is looked up.
    fn listed(&mut self, turn: &mut Turn<'_>, first_call: CallId, started: Moment) {
        let lacking: Vec<Id<F>> = self
            .inventory
            .iter()
            .filter(|(_, t)| t.evidence.as_ref().is_none_or(|e| e.call < first_call))
            .map(|(id, _)| id.clone())
            .collect();
        for id in lacking {
            self.doubt(turn, &id, first_call);
        }
        for object in self.objects.values_mut() {
            if object.needs_listing() && first_call >= object.listing_since {
                object.listed = Some(started);
            }
        }
    }

    fn swept(&mut self, turn: &mut Turn<'_>, read: bool, pace_changed: bool) {
        if pace_changed {
            self.touch_all(turn);
        }
        let circuit_open = self.breaker.is_open();
        if read {
            self.breaker.swept(turn.now);
        }
        if circuit_open != self.breaker.is_open() {
            turn.context.touch_all(self.unprotector.open().cloned());
            // What was looked up in vain meanwhile has come to be looked up seldom, and from now on it proves something.
            for (id, absence) in self.inventory.absences_mut().filter(|(_, absence)| !absence.proven()) {
                absence.lookups = 0;
                self.timers.insert((absence.next_lookup(turn.now).max(turn.now), id.clone()));
            }
        }
        // Where anything was uncertain, this round may have made it certain without any fact having changed.
        self.touch_uncertain(turn);
    }

    /// Takes in one resource as the cloud showed it.
    fn take_item(&mut self, turn: &mut Turn<'_>, source: Source, item: Item<F::Of>) {
        let known = self.inventory.get(&item.id);
        let tags = F::Of::tags(&item.facts).unwrap_or_else(|| self.view(turn).known_tags(&item.id));
        let concerned = self.index.concerns(&item.id, tags, F::Of::place(&item.facts));
        // A reply that was overtaken by a later one says nothing new; and what nobody selects is not kept.
        let overtaken = known.is_some_and(|t| t.newest_call().is_some_and(|newest| newest > source.call));
        if overtaken || (!concerned && known.is_none()) {
            return;
        }
        let old = known.and_then(|t| t.evidence.as_ref());
        let before = old.filter(|old| F::protected(&old.facts) == Some(true)).map(Sight::of);
        let drifted = before.filter(|_| F::protected(&item.facts) == Some(false));
        let retagged = old.is_some_and(|old| F::Of::tags(&old.facts) != F::Of::tags(&item.facts));
        let holders = if retagged { holders(self.view(turn), &item.id) } else { Vec::new() };
        // The name that is kept already is the one to share.
        let id = self.inventory.shared(item.id);
        self.touch_selectors(turn, &id);
        if let Some(tags) = F::Of::tags(&item.facts) {
            self.index.retag(&id, self.inventory.tags(&id), tags);
        }
        let before = self.inventory.place(&id).instance();
        self.index.move_to(&id, before, F::Of::place(&item.facts).instance());
        let evidence = Evidence {
            facts: item.facts,
            seen: source.sent,
            call: source.call,
            request_id: source.request_id,
            tag_epoch: self.keys.epoch(),
        };
        self.inventory.observe(&id, evidence);
        self.touch_selectors(turn, &id);
        self.weigh(turn, &id, drifted);
        self.remember(turn, &id);
        self.note_left(turn, &id, &holders);
        self.reconsider(turn, &id);
        if !concerned {
            // It lost the tag that selected it. Its flag stays as it is.
            self.forget_unselected(&id);
        }
    }

    /// The way of nearly every item of a sweep at rest: it is as it was, nothing is being done about it, and only the
    /// time of its evidence moves on.
    fn seen_again(&mut self, turn: &Turn<'_>, source: &Source, item: &Item<F::Of>) -> bool {
        let (horizon, epoch) = (self.view(turn).horizon().max(self.reader.staled()), self.keys.epoch());
        let idle = self.writer.care(&item.id).is_none();
        let term_since = turn.context.term().since;
        let Some(evidence) = self.inventory.evidence_mut(&item.id) else { return false };
        let quiet = idle
            && evidence.seen >= horizon
            && (term_since..=source.call).contains(&evidence.call)
            && evidence.tag_epoch == epoch
            && evidence.facts == item.facts;
        if quiet {
            (evidence.seen, evidence.call) = (source.sent, source.call);
            evidence.request_id.clone_from(&source.request_id);
        }
        quiet
    }

    /// Holds new evidence against what was done about the target. `drifted`: it is unprotected, and this look had shown it protected.
    fn weigh(&mut self, turn: &mut Turn<'_>, id: &Id<F>, drifted: Option<Sight>) {
        let (known, interval) = (self.inventory.len(), self.view(turn).sweep_interval());
        // Unprotecting of our own is no surprise, also when its answer is not there yet, or was lost.
        let ours = self.view(turn).care(id).is_some_and(|c| {
            matches!(c.accepted, Some((_, Value::Unprotected)))
                || c.writing.is_some_and(|call| self.unprotects(call))
                || c.trouble_with(Value::Unprotected).is_some()
        });
        let Some(evidence) = self.inventory.evidence(id) else { return };
        let (protected, applicability) = (F::protected(&evidence.facts), F::applicability(&evidence.facts));
        let call = evidence.call;
        if let Some(before) = drifted.filter(|_| !ours) {
            self.breaker.surprise(turn.now, known);
            let care = self.writer.care_mut(id);
            care.drifted = true;
            care.last_protected = Some(Box::new(before));
        }
        let Some(care) = self.writer.known_care_mut(id) else { return };
        if care.written_before.is_some_and(|end| call < end) || care.writing.is_some() {
            return;
        }
        if applicability != Applicability::Yes
            && care.trouble.as_ref().is_some_and(|t| t.reason == F::REFUSAL.settling)
        {
            // No contradiction any more; should it come back, it is a new one.
            care.trouble = None;
        }
        if let Some((at, value)) = care.accepted {
            let settled = at.after(match value {
                Value::Protected => interval.max(SETTLE_PROTECTED),
                Value::Unprotected => SETTLE,
            });
            if protected == Some(value == Value::Protected) {
                care.accepted = None;
                care.ignored = None;
                care.looks = 0;
                care.trouble = None;
            } else if turn.now < settled {
                // 1, 2, 4, 8 … seconds: the cloud may be slow to show what it did.
                care.look_at = turn.now.after(Duration::from_secs(1 << care.looks.min(4))).min(settled);
                care.looks += 1;
                self.timers.insert((care.look_at, id.clone()));
            } else {
                care.accepted = None;
                care.looks = 0;
                let before = care.ignored.filter(|(of, _)| *of == value).map_or(0, |(_, times)| times);
                care.ignored = Some((value, before + 1));
                if before > 0 {
                    // Protection does not wait: it is written again at the pace of the sweeps.
                    if value == Value::Unprotected {
                        care.not_before = turn.now.after(LONG);
                    }
                    let reason = Reason::WriteIneffective;
                    let since =
                        care.trouble.as_ref().filter(|t| t.reason == reason).map_or(turn.now, |t| t.since);
                    care.trouble =
                        Some(Trouble { value, reason, since, last: turn.now, detail: Box::default() });
                }
            }
        }
        if let (Some(protected), None) = (protected, care.accepted) {
            let reached = if protected { Value::Protected } else { Value::Unprotected };
            care.drifted &= !protected;
            if care.ignored.is_some_and(|(value, _)| value == reached) {
                care.ignored = None;
            }
            if care.trouble_with(reached).is_some() || (care.trouble.is_none() && protected) {
                care.failures = 0;
                care.trouble = None;
            }
        }
        if care.idle(turn.now) {
            self.writer.drop_care(id);
        }
    }

    /// Decides what is to be done about one target now, and puts it into the lane where that is done.
    pub(super) fn reconsider(&mut self, turn: &mut Turn<'_>, id: &Id<F>) {
        let Some(target) = self.inventory.get(id) else { return };
        if let Some(absence) = target.absence.as_deref() {
            if !absence.proven() || absence.denied {
                let due = absence.next_lookup(turn.now);
                if due <= turn.now {
                    self.reader.look_up(id);
                } else {
                    self.timers.insert((due, id.clone()));
                }
            }
            return;
        }
        let Some(evidence) = &target.evidence else { return };
        let care = self.view(turn).care(id);
        if care.is_some_and(|c| c.writing.is_some()) {
            return;
        }
        let overtaken = care.and_then(|c| c.written_before).is_some_and(|end| evidence.call < end);
        if overtaken || care.is_some_and(|c| c.accepted.is_some()) {
            if care.is_none_or(|c| c.look_at <= turn.now) {
                let hot = self.view(turn).is_hot(id);
                self.reader.verify(turn.now, id, hot);
            }
            return;
        }
        self.reader.verified(id);
        let care = self.view(turn).care(id);
        let unprotected = F::protected(&evidence.facts) == Some(false);
        if !unprotected || F::applicability(&evidence.facts) != Applicability::Yes {
            return;
        }
        let drifted = care.is_some_and(|c| c.drifted);
        let Some(owner) = self.view(turn).enforcer(id).cloned() else { return };
        let (hot, interval) = (self.view(turn).is_hot(id), self.view(turn).sweep_interval());
        let care = self.writer.care_mut(id);
        if drifted && let Some(last) = care.repairs.last() {
            // Whoever keeps switching it off is answered each time, and costs one write in a sweep interval.
            care.not_before = care.not_before.max(last.after(interval));
        }
        let in_vain = care.in_vain(turn.now);
        if care.not_before > turn.now {
            let at = care.not_before;
            self.timers.insert((at, id.clone()));
        } else {
            let queue = self.writer.queue(hot, drifted, in_vain);
            self.writer.enqueue(&owner, id, queue);
        }
    }

    /// Whether a call under way sets the unprotected value.
    fn unprotects(&self, call: CallId) -> bool {
        self.writer.unprotects(call)
    }

    /// A read by id lacked this target. `showed_any`: it showed something else that was asked for.
    pub(super) fn missed(&mut self, turn: &mut Turn<'_>, id: &Id<F>, call: CallId, showed_any: bool) {
        let known = self.inventory.len();
        let Some(target) = self.inventory.get(id) else { return };
        if target.newest_call().is_some_and(|newest| newest > call) {
            return;
        }
        let was_known = target.evidence.is_some() || self.view(turn).is_remembered(id);
        if target.absence.is_none() && was_known {
            self.breaker.surprise(turn.now, known);
        }
        let circuit_open = self.breaker.is_open();
        let Some(absence) = self.inventory.lack(id, call) else { return };
        absence.lacked = call;
        if showed_any {
            absence.missed(turn.now, !circuit_open || !was_known);
        } else {
            absence.looked(turn.now);
        }
        let proven = absence.proven();
        self.touch_selectors(turn, id);
        if proven {
            self.conclude_gone(turn, id);
        }
        self.reconsider(turn, id);
    }

    /// It is proven that the cloud does not know the target: what was known of it is void. One that is named stays in
    /// the report as not found.
    fn conclude_gone(&mut self, turn: &mut Turn<'_>, id: &Id<F>) {
        self.note_gone(turn, id);
        self.forget_gone(turn, id);
        self.index.retag(id, self.inventory.tags(id), &[]);
        self.index.move_to(id, self.inventory.place(id).instance(), None);
        self.inventory.void(id);
        if self.view(turn).care(id).is_some_and(|care| !care.under_way(None)) {
            self.writer.drop_care(id);
        }
        self.forget_unselected(id);
    }

    /// A complete listing lacked this target, or a write was answered that it does not exist: look it up by id.
    pub(super) fn doubt(&mut self, turn: &mut Turn<'_>, id: &Id<F>, lacked: CallId) {
        let known = self.inventory.len();
        let Some(target) = self.inventory.get(id).filter(|target| target.absence.is_none()) else { return };
        if target.evidence.is_some() || self.view(turn).is_remembered(id) {
            self.breaker.surprise(turn.now, known);
        }
        self.inventory.lack(id, lacked);
        self.touch_selectors(turn, id);
        self.reconsider(turn, id);
    }

    /// The cloud refuses to be asked for this id at all.
    pub(super) fn refused(&mut self, turn: &mut Turn<'_>, id: &Id<F>) {
        if let Some(absence) = self.inventory.lack(id, CallId(0)) {
            absence.refused = true;
            absence.looked(turn.now);
        }
        self.touch_selectors(turn, id);
        self.reconsider(turn, id);
    }
}
