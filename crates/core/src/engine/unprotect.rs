//! Unprotecting: an act that is carried out once for each generation that asks for it, one small batch at a time, each
//! target with proof taken a moment before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::context::Context;
use super::inventory::Inventory;
use super::judge::{doubtful_owners, is_no_id};
use super::objects::{Member, Object};
use super::view::View;
use super::{Action, Extension, PreflightNumber};
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
const MISMATCH: Duration = Duration::from_secs(2);
/// A task that waits only for what a person or another object does is looked at this often; a changed intent brings
/// its turn forward.
const IDLE_PACE: Duration = Duration::from_secs(15);
/// Looking at one target of a task costs about a microsecond: so many of them keep it to a small part of the time.
const COST: Duration = Duration::from_micros(20);
/// Most targets in a batch.
const BATCH: u32 = 20;
/// How much of the proofs' life a batch is planned to take.
const BATCH_SECONDS: u32 = 6;

/// The unprotecting that one generation asks for.
#[derive(Debug, Clone)]
pub(super) struct Task<K: Kind> {
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
    mismatches: u32,
    /// A target was left protected because the cloud denied the write.
    pub denied: bool,
}

/// How the task ended for one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It holds the unprotected value, can't carry the flag, or is gone.
    Done,
    LeftProtected(Reason),
}

impl<K: Kind> Task<K> {
    pub fn new(now: Moment, intent: &Intent<K>) -> Self {
        let waited = intent.deleting.unwrap_or_default();
        Self {
            what: intent.unprotecting().unwrap_or(Unprotecting::Once),
            done: intent.carried_out,
            ended: BTreeMap::new(),
            deadline: now.after(PATIENCE.saturating_sub(waited)),
            not_before: now,
            mismatches: 0,
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
struct Batch<K: Kind> {
    object: ObjectId,
    generation: Generation,
    targets: Vec<K::Id>,
    asked: Moment,
    step: Step,
    /// The instances that its targets are on, as they were just read.
    hosts: BTreeSet<InstanceId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The API server is asked.
    Preflight(PreflightNumber),
    /// The instances that the targets are on are to be read: who selects these, selects what is on them.
    ReadHosts(ObjectProof),
    /// The cloud is asked, in this call or a later one.
    Read(ObjectProof, CallId),
    /// What is proven is written, as the budget allows.
    Write(ObjectProof, CallId),
}

/// What stands between one target and the end of the task.
pub(super) enum Standing {
    Ended(Ended),
    Ready,
    Waiting(Reason),
}

/// The tasks of all objects, and the one batch that is under way.
#[derive(Debug)]
pub(super) struct Unprotector<K: Kind> {
    tasks: BTreeMap<ObjectId, Task<K>>,
    batch: Option<Batch<K>>,
    /// The object that had its turn last.
    last: Option<ObjectId>,
}

/// Where a task stands.
#[derive(Debug)]
pub(super) struct Plan<K: Kind> {
    generation: Generation,
    /// How many targets were looked at.
    size: u32,
    ended: Vec<(K::Id, Ended)>,
    ready: Vec<K::Id>,
    /// Whether anything is waited for, and whether only a person, or another object, can change that.
    waiting: Option<bool>,
}

/// What is to be read after the API server has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verified {
    Nothing,
    ReadTargets,
    ReadHosts,
}

/// A target that may be unprotected if its case stands.
#[derive(Debug)]
pub(super) struct Next<K: Kind> {
    pub object: ObjectId,
    pub id: K::Id,
    /// That of the object, and the first call that proves something of the target.
    pub proofs: (ObjectProof, CallId),
}

impl<K: Kind> Default for Unprotector<K> {
    fn default() -> Self {
        Self { tasks: BTreeMap::new(), batch: None, last: None }
    }
}

impl<K: Kind> Unprotector<K> {
    /// What the object's generation asks for, and how far it has come.
    pub fn task(&self, object: &ObjectId) -> Option<&Task<K>> {
        self.tasks.get(object)
    }

    /// The objects whose task is not carried out yet.
    pub fn open(&self) -> impl Iterator<Item = &ObjectId> {
        self.tasks.iter().filter(|(_, task)| !task.done).map(|(object, _)| object)
    }

    /// An object asks for something else, or is told of anew. `same`: its generation is the one that was known.
    pub fn changed(&mut self, now: Moment, object: &ObjectId, intent: &Intent<K>, same: bool) {
        let old = self.tasks.remove(object).filter(|_| same);
        if intent.unprotecting().is_some() {
            let task = match old {
                Some(task) => Task { done: task.done || intent.carried_out, ..task },
                None => Task::new(now, intent),
            };
            self.tasks.insert(object.clone(), task);
        }
    }

    /// The object is gone.
    pub fn forget(&mut self, object: &ObjectId) {
        self.tasks.remove(object);
    }

    /// A hold that came or fell changes what may be unprotected: open tasks are looked at soon.
    pub fn hurry(&mut self, soon: Moment) {
        for task in self.tasks.values_mut().filter(|task| !task.done) {
            task.not_before = task.not_before.min(soon);
        }
    }

    /// Whether the batch under way is one of the object's.
    pub fn works_for(&self, object: &ObjectId) -> bool {
        self.batch.as_ref().is_some_and(|batch| batch.object == *object)
    }

    /// Gives the batch up.
    pub fn drop_batch(&mut self) {
        self.batch = None;
    }

    /// When the batch under way is given up, if there is one.
    pub fn batch_ends(&self) -> Option<Moment> {
        self.batch.as_ref().map(|batch| batch.asked.after(ANSWER_WITHIN))
    }

    /// The open tasks, in the order in which they have their turn: one with thousands of targets must not hold up another's
    /// deletion.
    pub fn turns(&self) -> Vec<ObjectId> {
        let (before, after): (Vec<ObjectId>, Vec<ObjectId>) =
            self.open().cloned().partition(|object| Some(object) <= self.last.as_ref());
        after.into_iter().chain(before).collect()
    }

    /// Notes where the object's task stands, and begins its next batch if there is one. `room`: how many targets it may have.
    pub fn advance(
        &mut self,
        now: Moment,
        context: &mut Context,
        object: &ObjectId,
        plan: Plan<K>,
        room: usize,
        out: &mut Vec<Action<K>>,
    ) {
        let Some(task) = self.tasks.get_mut(object) else { return };
        if !plan.ended.is_empty() {
            context.touch(object.clone());
        }
        for (id, how) in plan.ended {
            task.denied |= how == Ended::LeftProtected(Reason::PermissionDenied);
            task.ended.insert(id, how);
        }
        let mut ready = plan.ready;
        if ready.is_empty() && (plan.waiting.is_none() || task.patience_ended(now)) {
            task.done = true;
            context.touch(object.clone());
            return;
        }
        let idle = ready.is_empty() && plan.waiting == Some(true);
        let pace = if idle { IDLE_PACE } else { Duration::from_secs(1) };
        task.not_before = now.after(pace.max(COST.saturating_mul(plan.size)));
        context.wake_at(task.not_before);
        ready.truncate(room);
        if ready.is_empty() {
            return;
        }
        let preflight = context.number_preflight();
        self.batch = Some(Batch {
            object: object.clone(),
            generation: plan.generation,
            targets: ready,
            asked: now,
            step: Step::Preflight(preflight),
            hosts: BTreeSet::new(),
        });
        self.last = Some(object.clone());
        context.wake_at(now.after(ANSWER_WITHIN));
        out.push(Action::Preflight(preflight, object.clone()));
    }

    /// Takes in the API server's answer, if it is to the batch's question.
    pub fn preflight_answered(
        &mut self,
        now: Moment,
        upcoming: CallId,
        (objects, inventory): (&BTreeMap<ObjectId, Object<K>>, &Inventory<K>),
        (preflight, answer): (PreflightNumber, &PreflightAnswer),
    ) -> Verified {
        let Some(batch) = self.batch.as_mut().filter(|batch| batch.step == Step::Preflight(preflight)) else {
            return Verified::Nothing;
        };
        let object = objects.get(&batch.object).filter(|o| o.generation == batch.generation);
        let proof = object.and_then(|o| ObjectProof::new(answer, batch.generation, &o.intent, batch.asked));
        let task = self.tasks.get_mut(&batch.object);
        let Some(proof) = proof.filter(|proof| proof.holds(now)) else {
            // What we were told of lags behind what is there; it will come.
            if let Some(task) = task {
                task.not_before = now.after(MISMATCH * (1 << task.mismatches.min(5)));
                task.mismatches = task.mismatches.saturating_add(1);
            }
            self.batch = None;
            return Verified::Nothing;
        };
        if let Some(task) = task {
            task.mismatches = 0;
        }
        let hosts = batch.targets.iter().filter_map(|id| inventory.place(id).instance().cloned());
        batch.hosts = hosts.collect();
        if batch.hosts.is_empty() {
            batch.step = Step::Read(proof, upcoming);
            Verified::ReadTargets
        } else {
            batch.step = Step::ReadHosts(proof);
            Verified::ReadHosts
        }
    }

    /// The instances that the batch wants to be read, and since when.
    pub fn wanted_hosts(&self) -> Option<(Moment, BTreeSet<InstanceId>)> {
        let batch = self.batch.as_ref().filter(|batch| matches!(batch.step, Step::ReadHosts(_)))?;
        Some((batch.asked, batch.hosts.clone()))
    }

    /// These of the instances were shown, and what objects make of them has been told. Whether the batch's targets are to be
    /// read now.
    pub fn hosts_read(&mut self, shown: &BTreeSet<InstanceId>, upcoming: CallId) -> bool {
        let Some(batch) = &mut self.batch else { return false };
        let Step::ReadHosts(proof) = batch.step else { return false };
        batch.hosts.retain(|instance| shown.contains(instance));
        batch.step = Step::Read(proof, upcoming);
        true
    }

    /// The targets of the batch.
    pub fn batch_targets(&self) -> Option<Vec<K::Id>> {
        self.batch.as_ref().map(|batch| batch.targets.clone())
    }

    /// The cloud showed the batch's targets.
    pub fn targets_read(&mut self, call: CallId, seen: &BTreeSet<K::Id>) {
        let Some(batch) = &mut self.batch else { return };
        let Step::Read(proof, since) = batch.step else { return };
        if call < since {
            return;
        }
        batch.targets.retain(|id| seen.contains(id));
        batch.step = Step::Write(proof, since);
    }

    /// Whether a target of the batch may be unprotected as soon as there is a token for it. A batch that is done, or whose
    /// proofs hold no more, is given up.
    pub fn ready(&mut self, now: Moment) -> bool {
        let Some(Batch { step: Step::Write(proof, _), targets, .. }) = &self.batch else { return false };
        let ready = proof.holds(now) && !targets.is_empty();
        if !ready {
            self.batch = None;
        }
        ready
    }

    /// The next target of the batch, its object, and the proofs for it.
    pub fn next_target(&mut self, inventory: &Inventory<K>) -> Option<Next<K>> {
        let Some(Batch { step: Step::Write(object_proof, read_since), object, targets, hosts, .. }) =
            &mut self.batch
        else {
            return None;
        };
        let id = targets.pop()?;
        // Who selects the instance that it is on now is known only if that was read.
        let host = inventory.place(&id).instance();
        host.is_none_or(|host| hosts.contains(host)).then(|| Next {
            object: object.clone(),
            id,
            proofs: (*object_proof, *read_since),
        })
    }
}

/// Where the object's task stands; `None`: it is not time for a look, or there is none.
pub(super) fn plan<K: Extension>(view: View<'_, K>, object: &ObjectId) -> Option<Plan<K>> {
    let entry = view.objects.get(object)?;
    let task = view.unprotector.task(object)?;
    // What is not listed is waited for like a target that is not known.
    // An instance that is gone, or hidden, or has an id that is none, is not waited for.
    let absent = |reason: &Reason| {
        matches!(
            reason,
            Reason::NotFound | Reason::NodeInstanceGone | Reason::NodeIdRefused | Reason::ListsDisagree
        )
    };
    let doubt = doubtful_owners(view, entry).map(|(_, reason)| reason).find(|reason| !absent(reason));
    // A deletion that may not unprotect need not know what.
    let powerless = task.what == Unprotecting::BeforeDeletion && !entry.intent.may.unprotect;
    let unlisted = view.unlisted(object).or(doubt).filter(|_| !powerless);
    let unlisted = unlisted.map(|reason| stands_against(view, task, reason));
    let mut plan = Plan {
        generation: entry.generation,
        size: 0,
        ended: Vec::new(),
        ready: Vec::new(),
        waiting: match unlisted {
            Some(Standing::Waiting(reason)) => Some(reason.needs_person()),
            _ => None,
        },
    };
    for id in view.reach(entry) {
        plan.size = plan.size.saturating_add(1);
        match standing(view, object, id) {
            None => {}
            Some(Standing::Ended(how)) => plan.ended.push((id.clone(), how)),
            Some(Standing::Ready) => plan.ready.push(id.clone()),
            Some(Standing::Waiting(reason)) => {
                plan.waiting = Some(plan.waiting.unwrap_or(true) && reason.needs_person());
            }
        }
    }
    Some(plan)
}

/// How many targets a batch may have: no more than can be written while the proofs hold.
pub(super) fn room(available: u32, writes_per_minute: u32) -> usize {
    let refill = writes_per_minute / 60 * BATCH_SECONDS;
    usize::try_from((available + refill).clamp(1, BATCH)).unwrap_or(1).min(IDS_PER_READ)
}

/// What stands between one target and the end of the task; `None`: it is not one of the object's targets.
pub(super) fn standing<K: Extension>(view: View<'_, K>, object: &ObjectId, id: &K::Id) -> Option<Standing> {
    let entry = view.objects.get(object)?;
    let task = view.unprotector.task(object)?;
    if task.ended.contains_key(id) {
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
        Member::Unclear(reason) => return Some(stands_against(view, task, reason)),
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
        _ if !entry.intent.may.unprotect => stands_against(view, task, Reason::NotGranted),
        Verdict::Unknown(reason) => stands_against(view, task, reason),
        Verdict::Protected(_) if held => stands_against(view, task, Reason::Conflict),
        Verdict::Protected(_) if !view.opaque.is_empty() => stands_against(view, task, Reason::OpaqueRival),
        Verdict::Protected(_) if view.breaker.is_open() => stands_against(view, task, Reason::CircuitBreaker),
        Verdict::Protected(_)
            if view.inventory.place(id).instance().is_some() && view.owners_unreadable.is_some() =>
        {
            stands_against(view, task, view.owners_unreadable.unwrap_or(Reason::PermissionDenied))
        }
        // Who selects the instance that it is on can't be told as long as that can't be seen.
        Verdict::Protected(_)
            if task.what == Unprotecting::Once && unseen_host(view, entry, id).is_some() =>
        {
            stands_against(view, task, unseen_host(view, entry, id).unwrap_or(Reason::ListsDisagree))
        }
        // A hold by tag may be hidden.
        Verdict::Protected(_) if odd_tags => stands_against(view, task, Reason::FieldUnreadable),
        Verdict::Protected(_) => match (refusal, view.writer.closed(view.now)) {
            (Some(trouble), _)
                if task.what == Unprotecting::BeforeDeletion && trouble.refused_for_good::<K>() =>
            {
                Standing::Ended(Ended::LeftProtected(K::REFUSAL.settled))
            }
            (Some(trouble), _) if waits || task.what == Unprotecting::BeforeDeletion => {
                stands_against(view, task, trouble.reason)
            }
            // Others were denied; whether this task will be is not known.
            (None, Some((_, Reason::PermissionDenied))) if !task.denied => {
                Standing::Waiting(Reason::Unprotecting)
            }
            (None, Some((_, reason))) => stands_against(view, task, reason),
            (None, None) if waits => stands_against(view, task, Reason::Unprotecting),
            _ if task.patience_ended(view.now) => {
                Standing::Ended(Ended::LeftProtected(Reason::DeadlinePassed))
            }
            _ => Standing::Ready,
        },
    })
}

/// A deletion does not wait for what only a person can mend; it waits for the rest until its patience ends.
pub(super) fn stands_against<K: Extension>(view: View<'_, K>, task: &Task<K>, reason: Reason) -> Standing {
    let reason = match (reason, view.reader.hindrance().why()) {
        (Reason::AwaitingEvidence | Reason::EvidenceStale | Reason::AwaitingListing, Some((why, _))) => why,
        _ => reason,
    };
    match task.what {
        Unprotecting::BeforeDeletion if task.patience_ended(view.now) => {
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
    Next { object, id, proofs: (proof, read_since) }: &Next<K>,
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
        object: *proof,
        target: (fresh, evidence.call),
        read_since: *read_since,
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
    let task = view.unprotector.task(object)?;
    let mut progress = Progress { done: task.done, ..Progress::default() };
    for (id, how) in &task.ended {
        match how {
            Ended::Done => progress.ended += 1,
            Ended::LeftProtected(reason) => tell(&mut progress.left_protected, *reason, &id.to_string()),
        }
    }
    for id in view.reach(entry) {
        if view.member_by_spec(entry, id) == Member::No {
            continue;
        }
        if task.done {
            let left = matches!(task.ended.get(id), Some(Ended::LeftProtected(_)));
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

/// Why the instance that the target is on is not seen.
fn unseen_host<K: Extension>(view: View<'_, K>, object: &Object<K>, id: &K::Id) -> Option<Reason> {
    let instance = view.inventory.place(id).instance()?;
    match &object.roster.as_ref()?.owners.get(instance)?.presence {
        Presence::Shown(_) => None,
        Presence::Gone(_) => Some(Reason::ListsDisagree),
        Presence::Unknown(reason) => Some(*reason),
    }
}
