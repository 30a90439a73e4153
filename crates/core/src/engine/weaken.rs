//! Weakening: an act that is carried out once for each generation that asks for it, one small batch at a time, each
//! target with proof taken a moment before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::objects::Member;
use super::{Effect, Engine, Purpose, Ticket, Window};
use crate::authority::{Case, ObjectProof, Obstacles, Recheck, grant};
use crate::budget::Urgency;
use crate::call::{CallId, IDS_PER_READ, WriteCall};
use crate::kind::{Applicability, Kind};
use crate::reason::Reason;
use crate::target::{CHARGE_TYPE_SETTLES, Value};
use crate::time::Moment;
use crate::verdict::{Progress, Verdict, tell};
use crate::wish::{Generation, ObjectId, Weakening, Wish};

/// A deletion is held up this long at most.
const PATIENCE: Duration = Duration::from_secs(3600);
/// A question to the API server that stays unanswered this long is asked again.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// The weakening that one generation asks for.
#[derive(Debug, Clone)]
pub(super) struct Act<K: Kind> {
    pub what: Weakening,
    /// Nothing more is done for this generation.
    pub done: bool,
    /// Targets for which it has ended.
    pub ended: BTreeMap<K::Id, Ended>,
    /// When the rest is left safe.
    pub deadline: Moment,
    /// The next batch is not begun before this.
    pub not_before: Moment,
}

/// How the act ended for one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It holds the weak value, can't carry the flag, or is gone.
    Done,
    LeftSafe(Reason),
}

impl<K: Kind> Act<K> {
    pub fn new(now: Moment, wish: &Wish<K>) -> Self {
        let waited = wish.deleting.unwrap_or_default();
        Self {
            what: wish.weakening().unwrap_or(Weakening::Once),
            done: wish.carried_out,
            ended: BTreeMap::new(),
            deadline: now.after(PATIENCE.saturating_sub(waited)),
            not_before: now,
        }
    }
}

/// A few targets of one object on their way to being weakened.
#[derive(Debug)]
pub(super) struct Batch<K: Kind> {
    pub object: ObjectId,
    generation: Generation,
    targets: Vec<K::Id>,
    asked: Moment,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// The API server is asked.
    Recheck(Ticket),
    /// The cloud is to be asked.
    Read(ObjectProof, CallId),
    /// The cloud is being asked.
    Reading(ObjectProof, CallId),
    /// What is proven is written, as the budget allows.
    Write(ObjectProof, CallId),
}

/// What stands between one target and the end of the act.
enum Standing {
    Ended(Ended),
    Ready,
    Waiting(Reason),
}

impl<K: Kind> Engine<K> {
    pub(super) fn plan_weakening(&mut self, now: Moment, out: &mut Vec<Effect<K>>) {
        self.write_batch(now, out);
        if let Some(batch) = &self.batch {
            let ends = batch.asked.after(ANSWER_WITHIN);
            if now >= ends {
                self.batch = None;
            } else {
                self.wake_at(ends);
                return;
            }
        }
        let acting: Vec<ObjectId> = self.acting.iter().cloned().collect();
        for object in acting {
            if self.batch.is_some() {
                break;
            }
            self.advance(now, &object, out);
        }
    }

    /// Looks where an act stands, and begins its next batch.
    fn advance(&mut self, now: Moment, object: &ObjectId, out: &mut Vec<Effect<K>>) {
        let Some(entry) = self.objects.get(object) else { return };
        let Some(act) = &entry.act else { return };
        if now < act.not_before {
            let at = act.not_before;
            self.wake_at(at);
            return;
        }
        let generation = entry.generation;
        let reach: Vec<K::Id> = self.selection.reach(&entry.wish.selector).cloned().collect();
        let listed = self.unlisted(now, object).is_none();
        let (mut ready, mut waiting) = (Vec::new(), false);
        for id in reach {
            match self.standing(now, object, &id) {
                None => {}
                Some(Standing::Ended(how)) => self.end(object, &id, how),
                Some(Standing::Ready) => ready.push(id),
                Some(Standing::Waiting(_)) => waiting = true,
            }
        }
        // A long list is looked at again when something happens, or after a second.
        let pace = Duration::from_secs(1);
        let Some(act) = self.objects.get_mut(object).and_then(|o| o.act.as_mut()) else { return };
        let patience_ends = act.what == Weakening::BeforeDeletion && now >= act.deadline;
        if ready.is_empty() && ((!waiting && listed) || patience_ends) {
            act.done = true;
            self.acting.remove(object);
            self.dirty.insert(object.clone());
            return;
        }
        act.not_before = now.after(pace);
        let again = act.not_before;
        self.wake_at(again);
        // No more than can be written while the proofs hold.
        let room = self.writes.budget.available(now).clamp(1, 20);
        ready.truncate(usize::try_from(room).unwrap_or(1).min(IDS_PER_READ));
        if ready.is_empty() || now < self.writes.rest_until() {
            return;
        }
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        self.batch = Some(Batch {
            object: object.clone(),
            generation,
            targets: ready,
            asked: now,
            step: Step::Recheck(ticket),
        });
        self.wake_at(now.after(ANSWER_WITHIN));
        out.push(Effect::Recheck(ticket, object.clone()));
    }

    fn end(&mut self, object: &ObjectId, id: &K::Id, how: Ended) {
        if let Some(act) = self.objects.get_mut(object).and_then(|o| o.act.as_mut()) {
            act.ended.insert(id.clone(), how);
        }
        self.dirty.insert(object.clone());
    }

    /// What stands between one target and the end of the act; `None`: it is not one of the object's targets.
    fn standing(&self, now: Moment, object: &ObjectId, id: &K::Id) -> Option<Standing> {
        let entry = self.objects.get(object)?;
        let act = entry.act.as_ref()?;
        if act.ended.contains_key(id) {
            return None;
        }
        let target = self.targets.get(id);
        match entry.member(id, target) {
            Member::Yes => {}
            Member::No => return None,
            Member::Unclear(reason) => return Some(self.held(now, act, reason)),
        }
        let target = target?;
        let claimed = self.claimed_by_other(id, object);
        let refusal = target.care.as_deref().and_then(|c| c.trouble_with(Value::Weak)).filter(|t| {
            t.reason.needs_person()
                || (t.reason == Reason::ChargeTypeSettling && now.since(t.since) >= CHARGE_TYPE_SETTLES)
        });
        let waits = target.care.as_deref().is_some_and(|c| c.writing.is_some() || c.not_before > now);
        Some(match target.verdict(now, self.horizon(now), entry.tag_epoch) {
            Verdict::Weak(_) | Verdict::NotApplicable(_) | Verdict::Unknown(Reason::NotFound) => {
                Standing::Ended(Ended::Done)
            }
            Verdict::Unknown(reason) => self.held(now, act, reason),
            Verdict::Safe(_) if claimed => self.held(now, act, Reason::Conflict),
            Verdict::Safe(_) if !self.opaque.is_empty() => self.held(now, act, Reason::OpaqueRival),
            Verdict::Safe(_) if self.brake.on() => self.held(now, act, Reason::Brake),
            Verdict::Safe(_) => match refusal {
                Some(trouble) if act.what == Weakening::BeforeDeletion => self.held(now, act, trouble.reason),
                _ if waits => self.held(now, act, refusal.map_or(Reason::Weakening, |t| t.reason)),
                _ => Standing::Ready,
            },
        })
    }

    /// A deletion does not wait for what only a person can mend; it waits for the rest until its patience ends.
    fn held(&self, now: Moment, act: &Act<K>, reason: Reason) -> Standing {
        let reason = match (reason, self.reads.trouble()) {
            (Reason::AwaitingEvidence | Reason::EvidenceStale | Reason::AwaitingListing, Some((why, _))) => {
                why
            }
            _ => reason,
        };
        match act.what {
            Weakening::BeforeDeletion if now >= act.deadline => {
                Standing::Ended(Ended::LeftSafe(Reason::DeadlinePassed))
            }
            Weakening::BeforeDeletion if reason.needs_person() || reason == Reason::Brake => {
                Standing::Ended(Ended::LeftSafe(reason))
            }
            Weakening::BeforeDeletion | Weakening::Once => Standing::Waiting(reason),
        }
    }

    pub(super) fn take_recheck(&mut self, now: Moment, ticket: Ticket, answer: Recheck) {
        let Some(mut batch) = self.batch.take() else { return };
        let Step::Recheck(expected) = batch.step else {
            self.batch = Some(batch);
            return;
        };
        if expected != ticket {
            self.batch = Some(batch);
            return;
        }
        let wish =
            self.objects.get(&batch.object).filter(|o| o.generation == batch.generation).map(|o| &o.wish);
        let proof = wish.and_then(|wish| ObjectProof::new(answer, batch.generation, wish, batch.asked));
        if let Some(proof) = proof.filter(|proof| proof.holds(now)) {
            batch.step = Step::Read(proof, self.upcoming_call());
            self.batch = Some(batch);
        } else if let Some(act) = self.objects.get_mut(&batch.object).and_then(|o| o.act.as_mut()) {
            // What we were told of lags behind what is there; it will come.
            act.not_before = now.after(Duration::from_secs(2));
        }
    }

    /// Whether a batch waits for its read.
    pub(super) fn proof_wanted(&self) -> bool {
        matches!(&self.batch, Some(Batch { step: Step::Read(..), .. }))
    }

    pub(super) fn take_proof_read(&mut self) -> Option<Vec<K::Id>> {
        let batch = self.batch.as_mut()?;
        let Step::Read(proof, since) = batch.step else { return None };
        batch.step = Step::Reading(proof, since);
        Some(batch.targets.clone())
    }

    /// The cloud showed the batch's targets.
    pub(super) fn proof_read(
        &mut self,
        call: CallId,
        seen: &BTreeSet<K::Id>,
        unreadable_tags: &BTreeSet<K::Id>,
    ) {
        let Some(batch) = &mut self.batch else { return };
        let Step::Reading(proof, since) = batch.step else { return };
        if call < since {
            return;
        }
        batch.targets.retain(|id| seen.contains(id) && !unreadable_tags.contains(id));
        batch.step = Step::Write(proof, since);
    }

    fn write_batch(&mut self, now: Moment, out: &mut Vec<Effect<K>>) {
        let Some(window) = self.window.filter(|w| w.open(now)) else { return };
        while let Some(Batch { step: Step::Write(proof, since), object, targets, .. }) = &mut self.batch {
            let (proof, since) = (*proof, *since);
            let (Some(id), true) = (targets.last().cloned(), proof.holds(now)) else {
                self.batch = None;
                return;
            };
            let object = object.clone();
            if !self.writes.has_room(self.settings.writes_in_flight) {
                return;
            }
            if self.writes.budget.next_token(now, Urgency::Foreground) > now {
                let at = self.writes.budget.next_token(now, Urgency::Foreground).min(proof.ends());
                self.wake_at(at);
                return;
            }
            if let Some(batch) = &mut self.batch {
                batch.targets.pop();
            }
            self.weaken(now, &object, &id, (proof, since), window, out);
        }
    }

    fn weaken(
        &mut self,
        now: Moment,
        object: &ObjectId,
        id: &K::Id,
        (proof, read_since): (ObjectProof, CallId),
        window: Window,
        out: &mut Vec<Effect<K>>,
    ) {
        let horizon = self.horizon(now);
        let (Some(entry), Some(target)) = (self.objects.get(object), self.targets.get(id)) else { return };
        let busy = target.care.as_deref().is_some_and(|c| c.writing.is_some() || c.accepted.is_some());
        let written = target.care.as_deref().and_then(|c| c.written_before);
        let fresh = target.evidence.as_ref().and_then(|e| Some((e.fresh(horizon, written)?, e.call)));
        let (Some(fresh), None, false) = (fresh, &target.absence, busy) else { return };
        let case = Case {
            wish: (entry.generation, &entry.wish),
            object: proof,
            target: fresh,
            read_since,
            selected: entry.member(id, Some(target)) == Member::Yes,
            obstacles: Obstacles {
                claimed: self.claimed_by_other(id, object),
                opaque: !self.opaque.is_empty(),
                braked: self.brake.on(),
            },
        };
        if let Ok(permit) = grant(id, &case, now)
            && self.writes.budget.take(now, Urgency::Foreground)
        {
            self.write(now, Purpose::Weaken(id.clone()), id, WriteCall::Weaken(permit), window, out);
        }
    }

    /// How far the object's weakening has come, for its report.
    pub(super) fn progress(&self, now: Moment, object: &ObjectId) -> Option<Progress> {
        let entry = self.objects.get(object)?;
        let act = entry.act.as_ref()?;
        let mut progress = Progress { done: act.done, ..Progress::default() };
        for (id, how) in &act.ended {
            match how {
                Ended::Done => progress.ended += 1,
                Ended::LeftSafe(reason) => tell(&mut progress.left_safe, *reason, &id.to_string()),
            }
        }
        for id in self.selection.reach(&entry.wish.selector) {
            let target = self.targets.get(id);
            if entry.member(id, target) == Member::No {
                continue;
            }
            if act.done {
                let left = matches!(act.ended.get(id), Some(Ended::LeftSafe(_)));
                let safe = target.is_some_and(|t| {
                    matches!(t.verdict(now, self.horizon(now), entry.tag_epoch), Verdict::Safe(_))
                });
                progress.safe_again += u32::from(safe && !left);
            } else if let Some(standing) = self.standing(now, object, id) {
                let reason = match standing {
                    Standing::Waiting(reason) => reason,
                    Standing::Ready => Reason::Weakening,
                    Standing::Ended(_) => continue,
                };
                tell(&mut progress.waiting, reason, &id.to_string());
            }
        }
        Some(progress)
    }

    /// Whether the flag of a target can be changed, for rows.
    pub(super) fn settable(facts: &K::Facts) -> bool {
        K::applicability(facts) == Applicability::Yes
    }
}
