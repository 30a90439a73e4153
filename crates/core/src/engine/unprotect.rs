//! Unprotecting: an act that is carried out once for each generation that asks for it, one small batch at a time, each
//! target with proof taken a moment before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::judge::{doubtful_owners, is_no_id};
use super::objects::{Member, Object};
use super::view::View;
use super::{Action, Engine, Extension, PreflightNumber, Window};
use crate::authority::{Case, ObjectProof, Obstacles, PreflightAnswer, UnprotectPermit, grant};
use crate::call::IDS_PER_READ;
use crate::engine::care::Value;
use crate::evidence::Evidence;
use crate::id::{CallId, Generation, InstanceId, ObjectId};
use crate::intent::{Intent, Unprotecting};
use crate::kind::Kind;
use crate::owners::Presence;
use crate::reason::Reason;
use crate::time::Moment;
use crate::verdict::{Progress, Verdict, tell, tell_with};

/// A deletion is held up this long at most.
const PATIENCE: Duration = Duration::from_secs(3600);
/// A question to the API server that stays unanswered this long is asked again.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// The first wait after an answer that did not agree with what we know. It doubles five times: each question costs the
/// API server whole listings.
const DOUBT: Duration = Duration::from_secs(2);
/// An act that waits only for what a person or another object does is looked at this often; a changed intent brings
/// its turn forward.
const IDLE_PACE: Duration = Duration::from_secs(15);
/// Looking at one target of an act costs about a microsecond: so many of them keep it to a small part of the time.
const COST: Duration = Duration::from_micros(20);
/// Most targets in a batch.
const BATCH: u32 = 20;
/// How much of the proofs' life a batch is planned to take.
const BATCH_SECONDS: u32 = 6;

/// The unprotecting that one generation asks for.
#[derive(Debug, Clone)]
pub(super) struct Act<K: Kind> {
    pub what: Unprotecting,
    /// Nothing more is done for this generation.
    pub done: bool,
    /// Targets for which it has ended.
    pub ended: BTreeMap<K::Id, Ended>,
    /// When the rest is left protected.
    pub deadline: Moment,
    /// The next batch is not begun before this.
    pub not_before: Moment,
    /// Answers of the API server in a row that did not agree with what we know.
    pub doubts: u32,
    /// A target was left protected because the cloud denied the write.
    pub denied: bool,
}

/// How the act ended for one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It holds the unprotected value, can't carry the flag, or is gone.
    Done,
    LeftProtected(Reason),
}

impl<K: Kind> Act<K> {
    pub fn new(now: Moment, intent: &Intent<K>) -> Self {
        let waited = intent.deleting.unwrap_or_default();
        Self {
            what: intent.unprotecting().unwrap_or(Unprotecting::Once),
            done: intent.carried_out,
            ended: BTreeMap::new(),
            deadline: now.after(PATIENCE.saturating_sub(waited)),
            not_before: now,
            doubts: 0,
            denied: false,
        }
    }

    /// Whether the rest is left protected now.
    fn patience_ended(&self, now: Moment) -> bool {
        self.what == Unprotecting::BeforeDeletion && now >= self.deadline
    }
}

/// A few targets of one object on their way to being unprotected.
#[derive(Debug)]
pub(super) struct Batch<K: Kind> {
    pub object: ObjectId,
    generation: Generation,
    targets: Vec<K::Id>,
    asked: Moment,
    step: Step,
    /// The instances that its targets are on, as they were just read.
    looked: BTreeSet<InstanceId>,
}

#[derive(Debug)]
enum Step {
    /// The API server is asked.
    Preflight(PreflightNumber),
    /// The instances that the targets are on are to be read: who selects these, selects what is on them.
    Look(ObjectProof),
    /// The cloud is asked, in this call or a later one.
    Read(ObjectProof, CallId),
    /// What is proven is written, as the budget allows.
    Write(ObjectProof, CallId),
}

/// What stands between one target and the end of the act.
pub(super) enum Standing {
    Ended(Ended),
    Ready,
    Waiting(Reason),
}

impl<K: Extension> Engine<K> {
    pub(super) fn plan_unprotecting(&mut self, now: Moment, window: Window, out: &mut Vec<Action<K>>) {
        if !window.open_for_unprotecting(now) {
            // The lease will be renewed, or it is too late.
            return;
        }
        if let Some(batch) = &self.batch {
            let ends = batch.asked.after(ANSWER_WITHIN);
            if now < ends {
                self.context.wake_at(ends);
                return;
            }
            self.drop_batch();
        }
        // Each act has its turn: one with thousands of targets must not hold up another's deletion.
        let (before, after): (Vec<ObjectId>, Vec<ObjectId>) =
            self.acting.iter().cloned().partition(|object| Some(object) <= self.last_acted.as_ref());
        for object in after.into_iter().chain(before) {
            if self.batch.is_some() {
                break;
            }
            self.advance(now, &object, out);
        }
    }

    /// Looks where an act stands, and begins its next batch.
    fn advance(&mut self, now: Moment, object: &ObjectId, out: &mut Vec<Action<K>>) {
        let Some(entry) = self.objects.get(object) else { return };
        let Some(act) = &entry.act else { return };
        if now < act.not_before {
            let at = act.not_before;
            self.context.wake_at(at);
            return;
        }
        let generation = entry.generation;
        let patience_ends = act.patience_ended(now);
        // What is not listed is waited for like a target that is not known.
        // An instance that is gone, or hidden, or has an id that is none, is not waited for.
        let absent = |reason: &Reason| {
            matches!(
                reason,
                Reason::NotFound | Reason::NodeInstanceGone | Reason::NodeIdRefused | Reason::ListsDisagree
            )
        };
        let doubt =
            doubtful_owners(self.view(now), entry).map(|(_, reason)| reason).find(|reason| !absent(reason));
        // A deletion that may not unprotect need not know what.
        let powerless = act.what == Unprotecting::BeforeDeletion && !entry.intent.may.unprotect;
        let unlisted = self.view(now).unlisted(object).or(doubt).filter(|_| !powerless);
        let unlisted = unlisted.map(|reason| stands_against(self.view(now), act, reason));
        let mut waiting = match unlisted {
            Some(Standing::Waiting(reason)) => Some(reason.needs_person()),
            _ => None,
        };
        let reach: Vec<K::Id> = self.view(now).reach(entry).cloned().collect();
        let size = u32::try_from(reach.len()).unwrap_or(u32::MAX);
        let mut ready = Vec::new();
        for id in reach {
            match standing(self.view(now), object, &id) {
                None => {}
                Some(Standing::Ended(how)) => self.end(object, &id, how),
                Some(Standing::Ready) => ready.push(id),
                Some(Standing::Waiting(reason)) => {
                    waiting = Some(waiting.unwrap_or(true) && reason.needs_person());
                }
            }
        }
        let Some(act) = self.objects.get_mut(object).and_then(|o| o.act.as_mut()) else { return };
        if ready.is_empty() && (waiting.is_none() || patience_ends) {
            act.done = true;
            self.acting.remove(object);
            self.context.touch(object.clone());
            return;
        }
        let idle = ready.is_empty() && waiting == Some(true);
        let pace = if idle { IDLE_PACE } else { Duration::from_secs(1) };
        act.not_before = now.after(pace.max(COST.saturating_mul(size)));
        let again = act.not_before;
        self.context.wake_at(again);
        if ready.is_empty() || self.writer.closed(now).is_some() {
            return;
        }
        // No more than can be written while the proofs hold.
        let refill = self.settings.writes.per_minute / 60 * BATCH_SECONDS;
        let room = (self.writer.available(now) + refill).clamp(1, BATCH);
        ready.truncate(usize::try_from(room).unwrap_or(1).min(IDS_PER_READ));
        let preflight = self.context.number_preflight();
        self.batch = Some(Batch {
            object: object.clone(),
            generation,
            targets: ready,
            asked: now,
            step: Step::Preflight(preflight),
            looked: BTreeSet::new(),
        });
        self.last_acted = Some(object.clone());
        self.context.wake_at(now.after(ANSWER_WITHIN));
        out.push(Action::Preflight(preflight, object.clone()));
    }

    fn end(&mut self, object: &ObjectId, id: &K::Id, how: Ended) {
        if let Some(act) = self.objects.get_mut(object).and_then(|o| o.act.as_mut()) {
            act.ended.insert(id.clone(), how);
            act.denied |= how == Ended::LeftProtected(Reason::PermissionDenied);
        }
        self.context.touch(object.clone());
    }

    pub(super) fn take_preflight(
        &mut self,
        now: Moment,
        preflight: PreflightNumber,
        answer: &PreflightAnswer,
    ) {
        K::preflight_answered(self, now, preflight, answer);
        let Some(mut batch) = self.batch.take() else { return };
        let Step::Preflight(expected) = batch.step else {
            self.batch = Some(batch);
            return;
        };
        if expected != preflight {
            self.batch = Some(batch);
            return;
        }
        let intent =
            self.objects.get(&batch.object).filter(|o| o.generation == batch.generation).map(|o| &o.intent);
        let proof = intent.and_then(|intent| ObjectProof::new(answer, batch.generation, intent, batch.asked));
        if let Some(proof) = proof.filter(|proof| proof.holds(now)) {
            batch.looked = places_of(self.view(now), &batch.targets);
            batch.step = if batch.looked.is_empty() {
                self.reader.prove(Some(batch.targets.clone()));
                Step::Read(proof, self.context.upcoming_call())
            } else {
                Step::Look(proof)
            };
            if let Some(act) = self.objects.get_mut(&batch.object).and_then(|o| o.act.as_mut()) {
                act.doubts = 0;
            }
            self.batch = Some(batch);
        } else if let Some(act) = self.objects.get_mut(&batch.object).and_then(|o| o.act.as_mut()) {
            // What we were told of lags behind what is there; it will come.
            act.not_before = now.after(DOUBT * (1 << act.doubts.min(5)));
            act.doubts = act.doubts.saturating_add(1);
        }
    }

    /// The instances that the batch wants to be read, and since when.
    pub(crate) fn batch_looks(&self) -> Option<(Moment, BTreeSet<InstanceId>)> {
        let batch = self.batch.as_ref().filter(|batch| matches!(batch.step, Step::Look(_)))?;
        Some((batch.asked, batch.looked.clone()))
    }

    /// These of the instances were shown, and what objects make of them has been told.
    pub(crate) fn batch_looked(&mut self, shown: &BTreeSet<InstanceId>) {
        let upcoming = self.context.upcoming_call();
        if let Some(batch) = &mut self.batch
            && let Step::Look(proof) = batch.step
        {
            batch.looked.retain(|instance| shown.contains(instance));
            batch.step = Step::Read(proof, upcoming);
            self.reader.prove(Some(batch.targets.clone()));
        }
    }

    /// Gives the batch up. What is read for it already proves nothing to anybody.
    pub(super) fn drop_batch(&mut self) {
        self.batch = None;
        self.reader.prove(None);
    }

    /// The cloud showed the batch's targets.
    pub(super) fn proof_read(&mut self, call: CallId, seen: &BTreeSet<K::Id>) {
        let Some(batch) = &mut self.batch else { return };
        let Step::Read(proof, since) = batch.step else { return };
        if call < since {
            return;
        }
        batch.targets.retain(|id| seen.contains(id));
        batch.step = Step::Write(proof, since);
    }

    /// Whether a target of the batch may be unprotected as soon as there is a token for it.
    pub(super) fn unprotecting_ready(&mut self, now: Moment) -> bool {
        match &self.batch {
            Some(Batch { step: Step::Write(proof, _), targets, .. }) => {
                let ready = proof.holds(now) && !targets.is_empty();
                if !ready {
                    self.drop_batch();
                }
                ready
            }
            _ => false,
        }
    }

    /// The permit for the next target of the batch, if its case stands.
    pub(super) fn next_permit(&mut self, now: Moment) -> Option<UnprotectPermit<K>> {
        let Some(Batch { step: Step::Write(proof, since), object, targets, looked, .. }) = &mut self.batch
        else {
            return None;
        };
        let (proof, since, object) = (*proof, *since, object.clone());
        let id = targets.pop()?;
        // Who selects the instance that it is on now is known only if that was read.
        let place = self.inventory.place(&id).instance();
        if place.is_some_and(|instance| !looked.contains(instance)) {
            return None;
        }
        permit(self.view(now), &object, &id, (proof, since))
    }
}

/// What stands between one target and the end of the act; `None`: it is not one of the object's targets.
pub(super) fn standing<K: Extension>(view: View<'_, K>, object: &ObjectId, id: &K::Id) -> Option<Standing> {
    let entry = view.objects.get(object)?;
    let act = entry.act.as_ref()?;
    if act.ended.contains_key(id) {
        return None;
    }
    // A Node of which nobody knows the instance holds nothing up.
    if is_no_id(view, entry, id) {
        return None;
    }
    match view.member_by_spec(entry, id) {
        Member::Yes => {}
        Member::No => return None,
        // Whatever it was, it is no more.
        Member::Unclear(_)
            if view.verdict(id, view.horizon(), 0) == Some(Verdict::Unknown(Reason::NotFound)) =>
        {
            return Some(Standing::Ended(Ended::Done));
        }
        Member::Unclear(reason) => return Some(stands_against(view, act, reason)),
    }
    let verdict = view.verdict(id, view.horizon(), entry.tag_epoch)?;
    let evidence = view.inventory.evidence(id);
    // What nothing would take along keeps its flag.
    if evidence.is_some_and(|e| !K::at_stake(&e.facts)) {
        return None;
    }
    let held = view.held_by_other(id, object);
    let care = view.care(id);
    let refusal = care
        .and_then(|c| c.trouble_with(Value::Unprotected))
        .filter(|t| t.reason.needs_person() || t.refused_for_good::<K>());
    let waits = care.is_some_and(|c| c.writing.is_some() || c.not_before > view.now);
    let odd_tags = evidence.is_some_and(|e| K::tags(&e.facts).is_none());
    Some(match verdict {
        Verdict::Unprotected(_) | Verdict::NotApplicable(_) | Verdict::Unknown(Reason::NotFound) => {
            Standing::Ended(Ended::Done)
        }
        _ if !entry.intent.may.unprotect => stands_against(view, act, Reason::NotGranted),
        Verdict::Unknown(reason) => stands_against(view, act, reason),
        Verdict::Protected(_) if held => stands_against(view, act, Reason::Conflict),
        Verdict::Protected(_) if !view.opaque.is_empty() => stands_against(view, act, Reason::OpaqueRival),
        Verdict::Protected(_) if view.breaker.is_open() => stands_against(view, act, Reason::CircuitBreaker),
        Verdict::Protected(_)
            if view.inventory.place(id).instance().is_some() && view.owners_unreadable.is_some() =>
        {
            stands_against(view, act, view.owners_unreadable.unwrap_or(Reason::PermissionDenied))
        }
        // Who selects the instance that it is on can't be told as long as that can't be seen.
        Verdict::Protected(_) if act.what == Unprotecting::Once && unseen_host(view, entry, id).is_some() => {
            stands_against(view, act, unseen_host(view, entry, id).unwrap_or(Reason::ListsDisagree))
        }
        // A hold by tag may be hidden.
        Verdict::Protected(_) if odd_tags => stands_against(view, act, Reason::FieldUnreadable),
        Verdict::Protected(_) => match (refusal, view.writer.closed(view.now)) {
            (Some(trouble), _)
                if act.what == Unprotecting::BeforeDeletion && trouble.refused_for_good::<K>() =>
            {
                Standing::Ended(Ended::LeftProtected(K::REFUSAL.settled))
            }
            (Some(trouble), _) if waits || act.what == Unprotecting::BeforeDeletion => {
                stands_against(view, act, trouble.reason)
            }
            // Others were denied; whether this act will be is not known.
            (None, Some((_, Reason::PermissionDenied))) if !act.denied => {
                Standing::Waiting(Reason::Unprotecting)
            }
            (None, Some((_, reason))) => stands_against(view, act, reason),
            (None, None) if waits => stands_against(view, act, Reason::Unprotecting),
            _ if act.patience_ended(view.now) => {
                Standing::Ended(Ended::LeftProtected(Reason::DeadlinePassed))
            }
            _ => Standing::Ready,
        },
    })
}

/// A deletion does not wait for what only a person can mend; it waits for the rest until its patience ends.
pub(super) fn stands_against<K: Extension>(view: View<'_, K>, act: &Act<K>, reason: Reason) -> Standing {
    let reason = match (reason, view.reader.hindrance().why()) {
        (Reason::AwaitingEvidence | Reason::EvidenceStale | Reason::AwaitingListing, Some((why, _))) => why,
        _ => reason,
    };
    match act.what {
        Unprotecting::BeforeDeletion if act.patience_ended(view.now) => {
            Standing::Ended(Ended::LeftProtected(Reason::DeadlinePassed))
        }
        Unprotecting::BeforeDeletion if reason.needs_person() || reason == Reason::CircuitBreaker => {
            Standing::Ended(Ended::LeftProtected(reason))
        }
        Unprotecting::BeforeDeletion | Unprotecting::Once => Standing::Waiting(reason),
    }
}

/// Puts the case for one target to [`grant`].
pub(super) fn permit<K: Extension>(
    view: View<'_, K>,
    object: &ObjectId,
    id: &K::Id,
    (proof, read_since): (ObjectProof, CallId),
) -> Option<UnprotectPermit<K>> {
    let (entry, target) = (view.objects.get(object)?, view.inventory.get(id)?);
    let busy = view.care(id).is_some_and(|c| c.writing.is_some() || c.accepted.is_some());
    // A hold by tag shows only on tags that could be read, and of which none was dropped that somebody asks for.
    let tells_all = |e: &&Evidence<K>| K::tags(&e.facts).is_some() && e.tag_epoch >= view.index.epoch();
    let evidence = target.evidence.as_ref().filter(tells_all)?;
    let written = view.care(id).and_then(|c| c.written_before);
    let fresh = evidence.fresh(view.horizon(), written)?;
    if busy || target.absence.is_some() {
        return None;
    }
    let case = Case {
        intent: (entry.generation, &entry.intent),
        object: proof,
        target: (fresh, evidence.call),
        read_since,
        selected: view.member_by_spec(entry, id) == Member::Yes && K::at_stake(&evidence.facts),
        obstacles: Obstacles {
            held: view.held_by_other(id, object),
            opaque: !view.opaque.is_empty(),
            circuit_open: view.breaker.is_open(),
        },
    };
    grant(id, &case, view.now).ok()
}

/// How far the object's unprotecting has come, for its report.
pub(super) fn progress<K: Extension>(view: View<'_, K>, object: &ObjectId) -> Option<Progress> {
    let entry = view.objects.get(object)?;
    let act = entry.act.as_ref()?;
    let mut progress = Progress { done: act.done, ..Progress::default() };
    for (id, how) in &act.ended {
        match how {
            Ended::Done => progress.ended += 1,
            Ended::LeftProtected(reason) => tell(&mut progress.left_protected, *reason, &id.to_string()),
        }
    }
    for id in view.reach(entry) {
        if view.member_by_spec(entry, id) == Member::No {
            continue;
        }
        if act.done {
            let left = matches!(act.ended.get(id), Some(Ended::LeftProtected(_)));
            let verdict = view.verdict(id, view.horizon(), entry.tag_epoch);
            let protected = matches!(verdict, Some(Verdict::Protected(_)));
            progress.protected_again += u32::from(protected && !left);
        } else if let Some(standing) = standing(view, object, id) {
            let reason = match standing {
                Standing::Waiting(reason) => reason,
                Standing::Ready => Reason::Unprotecting,
                Standing::Ended(_) => continue,
            };
            tell_with(&mut progress.waiting, reason, &id.to_string(), || view.words(id, reason));
        }
    }
    Some(progress)
}

pub(super) fn places_of<K: Extension>(view: View<'_, K>, targets: &[K::Id]) -> BTreeSet<InstanceId> {
    targets.iter().filter_map(|id| view.inventory.place(id).instance().cloned()).collect()
}

/// Why the instance that the target is on is not seen.
fn unseen_host<K: Extension>(view: View<'_, K>, object: &Object<K>, id: &K::Id) -> Option<Reason> {
    let instance = view.inventory.place(id).instance()?;
    match &object.roster.as_ref()?.owners.get(instance)?.presence {
        Presence::Shown(_) => None,
        Presence::Gone(_) => Some(Reason::ListsDisagree),
        Presence::Unknown(reason) => Some(*reason),
    }
}
