//! Unprotecting: an act that is carried out once for each generation that asks for it, one small batch at a time, each
//! target with proof taken a moment before.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::action::PreflightId;
use super::context::Context;
use super::inventory::Inventory;
use super::object::Object;
use super::suspension::{exception_record, has_expired, is_exception_carried_out};
use crate::authority::{ObjectProof, PreflightAnswer};
use crate::id::{CallId, Generation, InstanceId, ObjectId};
use crate::intent::{Intent, Unprotecting};
use crate::reason::Reason;
use crate::resource::Resource;
use crate::time::Moment;

/// A deletion is held up this long at most.
const PATIENCE: Duration = Duration::from_hours(1);
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
pub(super) struct Task<R: Resource> {
    pub what: Unprotecting,
    /// Nothing more is done for this generation.
    pub done: bool,
    /// Targets for which it has ended.
    pub ended: BTreeMap<R::Id, Ended>,
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

impl<R: Resource> Task<R> {
    pub fn new(now: Moment, what: Unprotecting, intent: &Intent<R>) -> Self {
        let waited = intent.deleting.unwrap_or_default();
        Self {
            what,
            done: intent.carried_out,
            ended: BTreeMap::new(),
            deadline: now.after(PATIENCE.saturating_sub(waited)),
            not_before: now,
            mismatches: 0,
            denied: false,
        }
    }

    /// Whether the rest is left protected now.
    pub fn patience_ended(&self, now: Moment) -> bool {
        self.what == Unprotecting::BeforeDeletion && now >= self.deadline
    }
}

/// A few targets of one object on their way to being unprotected.
#[derive(Debug)]
struct Batch<R: Resource> {
    object: ObjectId,
    generation: Generation,
    targets: Vec<R::Id>,
    asked: Moment,
    step: Step,
    /// The instances that its targets are on, as they were just read.
    hosts: BTreeSet<InstanceId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The API server is asked.
    Preflight(PreflightId),
    /// The instances that the targets are on are to be read, in this call or a later one: who selects these, selects what
    /// is on them.
    ReadHosts(ObjectProof, CallId),
    /// The cloud is asked, in this call or a later one.
    Read(ObjectProof, CallId),
    /// What is proven is written, as the budget allows.
    Write(ObjectProof, CallId),
}

/// The tasks of all objects, and the one batch that is under way.
#[derive(Debug)]
pub(super) struct Unprotector<R: Resource> {
    tasks: BTreeMap<ObjectId, Task<R>>,
    batch: Option<Batch<R>>,
    /// The object that had its turn last.
    last: Option<ObjectId>,
}

/// Where a task stands.
#[derive(Debug)]
pub(super) struct Plan<R: Resource> {
    pub generation: Generation,
    /// How many targets were looked at.
    pub size: u32,
    pub ended: Vec<(R::Id, Ended)>,
    pub ready: Vec<R::Id>,
    /// Whether anything is waited for, and whether only a person, or another object, can change that.
    pub waiting: Option<bool>,
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
pub(super) struct Next<R: Resource> {
    pub object: ObjectId,
    pub id: R::Id,
    /// That of the object, and the first call that proves something of the target.
    pub proofs: (ObjectProof, CallId),
}

impl<R: Resource> Default for Unprotector<R> {
    fn default() -> Self {
        Self { tasks: BTreeMap::new(), batch: None, last: None }
    }
}

impl<R: Resource> Unprotector<R> {
    /// What the object's generation asks for, and how far it has come.
    pub fn task(&self, object: &ObjectId) -> Option<&Task<R>> {
        self.tasks.get(object)
    }

    /// The objects whose task is not carried out yet.
    pub fn open(&self) -> impl Iterator<Item = &ObjectId> {
        self.tasks.iter().filter(|(_, task)| !task.done).map(|(object, _)| object)
    }

    /// An object asks for something else, or is told of anew: for this unprotecting, if any. `same`: its generation is the one
    /// that was known.
    pub fn changed(
        &mut self,
        now: Moment,
        object: &ObjectId,
        (intent, what): (&Intent<R>, Option<Unprotecting>),
        same: bool,
    ) {
        let old = self.tasks.remove(object).filter(|task| same && Some(task.what) == what);
        if let Some(what) = what {
            let task = match old {
                // What it waits for may be over.
                Some(task) if what == Unprotecting::SteppingAside => {
                    Task { done: false, not_before: now, ..task }
                }
                Some(task) => Task { done: task.done || intent.carried_out, ..task },
                None => Task::new(now, what, intent),
            };
            self.tasks.insert(object.clone(), task);
        }
    }

    /// Status says something else of what an object steps aside for.
    pub fn reopen(&mut self, now: Moment, object: &ObjectId) {
        if let Some(task) = self.tasks.get_mut(object).filter(|task| task.what == Unprotecting::SteppingAside)
        {
            (task.done, task.not_before) = (false, now);
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

    /// Notes where the object's task stands, and begins its next batch if there is one, with a question to the API
    /// server. `room`: how many targets it may have.
    pub fn advance(
        &mut self,
        now: Moment,
        context: &mut Context,
        object: &ObjectId,
        plan: Plan<R>,
        room: usize,
    ) -> Option<PreflightId> {
        let task = self.tasks.get_mut(object)?;
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
            return None;
        }
        let idle = ready.is_empty() && plan.waiting == Some(true);
        let pace = if idle { IDLE_PACE } else { Duration::from_secs(1) };
        task.not_before = now.after(pace.max(COST.saturating_mul(plan.size)));
        context.wake_at(task.not_before);
        ready.truncate(room);
        if ready.is_empty() {
            return None;
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
        Some(preflight)
    }

    /// Takes in the API server's answer, if it is to the batch's question.
    pub fn preflight_answered(
        &mut self,
        now: Moment,
        upcoming: CallId,
        (objects, inventory): (&BTreeMap<ObjectId, Object<R>>, &Inventory<R>),
        (preflight, answer): (PreflightId, &PreflightAnswer),
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
            if task.what == Unprotecting::SteppingAside {
                // Whoever led before may have carried one out, and we were not told of that yet.
                batch.targets.retain(|id| {
                    let excepted = object.is_some_and(|object| {
                        exception_record(object, id).is_some()
                            && !has_expired(object, id)
                            && !is_exception_carried_out(object, id)
                    });
                    answer.lets_step_aside(id.as_ref(), excepted)
                });
            }
        }
        if batch.targets.is_empty() {
            self.batch = None;
            return Verified::Nothing;
        }
        let hosts = batch.targets.iter().filter_map(|id| inventory.place(id).instance().cloned());
        batch.hosts = hosts.collect();
        if batch.hosts.is_empty() {
            batch.step = Step::Read(proof, upcoming);
            Verified::ReadTargets
        } else {
            batch.step = Step::ReadHosts(proof, upcoming);
            Verified::ReadHosts
        }
    }

    /// The instances that are to be read for the batch, and the first call that counts.
    pub fn awaited_hosts(&self) -> Option<(&BTreeSet<InstanceId>, CallId)> {
        match self.batch.as_ref()? {
            Batch { step: Step::ReadHosts(_, since), hosts, .. } => Some((hosts, *since)),
            _ => None,
        }
    }

    /// These of the instances were shown, and what objects make of them is known. The batch's targets are to be read now.
    pub fn hosts_read(&mut self, shown: &BTreeSet<InstanceId>, upcoming: CallId) {
        let Some(batch) = &mut self.batch else { return };
        if let Step::ReadHosts(proof, _) = batch.step {
            batch.hosts.retain(|instance| shown.contains(instance));
            batch.step = Step::Read(proof, upcoming);
        }
    }

    /// The targets of the batch.
    pub fn batch_targets(&self) -> Option<Vec<R::Id>> {
        self.batch.as_ref().map(|batch| batch.targets.clone())
    }

    /// The cloud showed the batch's targets.
    pub fn targets_read(&mut self, call: CallId, seen: &BTreeSet<R::Id>) {
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

    /// The next such target of the batch, its object, and the proofs for it.
    pub fn next_target(
        &mut self,
        inventory: &Inventory<R>,
        such: impl Fn(&R::Id) -> bool,
    ) -> Option<Next<R>> {
        let Some(Batch { step: Step::Write(object_proof, read_since), object, targets, hosts, .. }) =
            &mut self.batch
        else {
            return None;
        };
        let id = targets.remove(targets.iter().rposition(such)?);
        // Who selects the instance that it is on now is known only if that was read.
        let host = inventory.place(&id).instance();
        host.is_none_or(|host| hosts.contains(host)).then(|| Next {
            object: object.clone(),
            id,
            proofs: (*object_proof, *read_since),
        })
    }
}

/// How many targets a batch may have: no more than can be written while the proofs hold.
pub(super) fn room<R: Resource>(available: u32, writes_per_minute: u32) -> usize {
    let refill = writes_per_minute / 60 * BATCH_SECONDS;
    usize::try_from((available + refill).clamp(1, BATCH)).unwrap_or(1).min(R::IDS_PER_READ)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff::Jitter;
    use crate::engine::fixtures::{FRESH, NOW, Region, ask, at, eni, host, interface, object, show};
    use crate::intent::{DeletionPolicy, Selector};
    use crate::interface::Interface;

    fn asks(intent: &Intent<Interface>) -> (&Intent<Interface>, Option<Unprotecting>) {
        (intent, intent.unprotecting())
    }

    fn giving_up() -> Intent<Interface> {
        Intent { protect: false, ..Intent::of(Selector::default()) }
    }

    fn deleting(waited: u64) -> Intent<Interface> {
        Intent {
            deletion_policy: DeletionPolicy::Unprotect,
            deleting: Some(Duration::from_secs(waited)),
            ..Intent::of(Selector::default())
        }
    }

    fn plan(ready: &[&str], waiting: Option<bool>) -> Plan<Interface> {
        let ready: Vec<_> = ready.iter().map(|name| eni(name)).collect();
        Plan { generation: 1, size: 1, ended: Vec::new(), ready, waiting }
    }

    fn asked(names: &[&str]) -> Unprotector<Interface> {
        let mut unprotector = Unprotector::default();
        for name in names {
            unprotector.changed(NOW, &object(name), asks(&giving_up()), false);
        }
        unprotector
    }

    /// The object o, and what is known: the interface a is free, and b is on an instance.
    fn region() -> Region {
        let mut region = Region::new();
        ask(&mut region.interfaces, &object("o"), giving_up());
        show(&mut region.interfaces, &eni("a"), interface(None), FRESH);
        show(&mut region.interfaces, &eni("b"), interface(Some("b")), FRESH);
        region
    }

    fn good() -> PreflightAnswer {
        PreflightAnswer { object: Some((1, false)), holds_as_known: true, ..PreflightAnswer::default() }
    }

    /// A batch of these, with the API server's answer; the next call is the 60th.
    fn answered(
        region: &mut Region,
        names: &[&str],
        answer: &PreflightAnswer,
    ) -> (Unprotector<Interface>, Verified) {
        let mut unprotector = asked(&["o"]);
        let plan = plan(names, Some(false));
        let preflight = unprotector.advance(NOW, &mut region.context, &object("o"), plan, 20).unwrap();
        let known = (&region.interfaces.objects, &region.interfaces.inventory);
        let verified = unprotector.preflight_answered(at(1001), CallId(60), known, (preflight, answer));
        (unprotector, verified)
    }

    fn next(unprotector: &mut Unprotector<Interface>, region: &Region) -> Option<(ObjectId, String, CallId)> {
        let Next { object, id, proofs } = unprotector.next_target(&region.interfaces.inventory, |_| true)?;
        Some((object, id.to_string(), proofs.1))
    }

    #[test]
    fn i28_each_open_task_has_its_turn_before_one_has_another() {
        let mut context = Context::new(Jitter::new(1));
        let mut unprotector = asked(&["a", "b", "c", "d"]);
        let carried_out = Intent { carried_out: true, ..giving_up() };
        unprotector.changed(NOW, &object("d"), asks(&carried_out), true);
        let mut order = Vec::new();
        for _ in 0..4 {
            let name = unprotector.turns().remove(0);
            unprotector.advance(NOW, &mut context, &name, plan(&["x"], None), 20).unwrap();
            order.push(name.name().to_owned());
        }
        assert_eq!(order, ["a", "b", "c", "a"]);
    }

    #[test]
    fn i12_what_was_carried_out_is_not_done_again_for_the_same_generation() {
        let carried_out = || Intent { carried_out: true, ..giving_up() };
        let protecting = || Intent::of(Selector::default());
        for (why, intent, same, open) in [
            ("told of again", giving_up(), true, false),
            ("status says so", carried_out(), true, false),
            ("status says so of another generation", carried_out(), false, false),
            ("another generation", giving_up(), false, true),
            ("it asks for protection", protecting(), false, false),
        ] {
            let mut unprotector = asked(&["o"]);
            let mut context = Context::new(Jitter::new(1));
            assert_eq!(unprotector.advance(NOW, &mut context, &object("o"), plan(&[], None), 20), None);
            assert_eq!(unprotector.open().count(), 0, "nothing is left to be done");
            unprotector.changed(NOW, &object("o"), asks(&intent), same);
            assert_eq!(unprotector.open().count(), usize::from(open), "{why}");
        }
    }

    #[test]
    fn i10_a_deletion_waits_an_hour_at_most_and_other_tasks_for_ever() {
        for (intent, second, done) in [
            (deleting(0), 1000 + 3599, false),
            (deleting(0), 1000 + 3600, true),
            (deleting(600), 1000 + 2999, false),
            (deleting(600), 1000 + 3000, true),
            (deleting(7200), 1000, true),
            (giving_up(), 100_000, false),
        ] {
            let mut context = Context::new(Jitter::new(1));
            let mut unprotector = Unprotector::default();
            unprotector.changed(NOW, &object("o"), asks(&intent), false);
            unprotector.advance(at(second), &mut context, &object("o"), plan(&[], Some(true)), 20);
            assert_eq!(unprotector.task(&object("o")).unwrap().done, done, "{second} {intent:?}");
        }
    }

    #[test]
    fn i39_a_task_that_is_large_or_waits_for_others_is_looked_at_seldom() {
        for (ready, waiting, size, seconds) in [
            (&["a"][..], None, 1, 1),
            (&[], Some(false), 1, 1),
            (&[], Some(true), 1, 15),
            (&[], Some(true), 2_000_000, 40),
        ] {
            let mut context = Context::new(Jitter::new(1));
            let mut unprotector = asked(&["o"]);
            let plan = Plan { size, ..plan(ready, waiting) };
            unprotector.advance(NOW, &mut context, &object("o"), plan, 20);
            assert_eq!(unprotector.task(&object("o")).unwrap().not_before, at(1000 + seconds));
            unprotector.hurry(at(1000));
            assert_eq!(unprotector.task(&object("o")).unwrap().not_before, at(1000), "a hold fell");
        }
    }

    #[test]
    fn i11_a_batch_goes_on_only_after_an_answer_that_proves_it() {
        let mut region = region();
        let nobody = PreflightAnswer { object: None, ..good() };
        let rival = PreflightAnswer { holds_as_known: false, ..good() };
        let done = PreflightAnswer { carried_out: true, ..good() };
        for (answer, names, expected) in [
            (good(), &["a"][..], Verified::ReadTargets),
            (good(), &["a", "b"], Verified::ReadHosts),
            (nobody, &["a"], Verified::Nothing),
            (rival, &["a"], Verified::Nothing),
            (done, &["a"], Verified::Nothing),
        ] {
            let (unprotector, verified) = answered(&mut region, names, &answer);
            assert_eq!(verified, expected, "{answer:?}");
            assert_eq!(unprotector.works_for(&object("o")), expected != Verified::Nothing, "{answer:?}");
        }
        region.interfaces.objects.get_mut(&object("o")).unwrap().generation = 2;
        let edited = answered(&mut region, &["a"], &good()).1;
        assert_eq!(edited, Verified::Nothing, "the object was edited meanwhile");
    }

    #[test]
    fn i11_a_late_answer_or_one_to_an_older_question_proves_nothing() {
        let mut region = region();
        let mut unprotector = asked(&["o"]);
        for (seconds, older, expected) in
            [(1, false, Verified::ReadTargets), (1, true, Verified::Nothing), (10, false, Verified::Nothing)]
        {
            let plan = plan(&["a"], None);
            let PreflightId(number) =
                unprotector.advance(NOW, &mut region.context, &object("o"), plan, 20).unwrap();
            let preflight = PreflightId(if older { number - 1 } else { number });
            let known = (&region.interfaces.objects, &region.interfaces.inventory);
            let verified =
                unprotector.preflight_answered(at(1000 + seconds), CallId(60), known, (preflight, &good()));
            assert_eq!(verified, expected, "{seconds} {older}");
            assert_eq!(unprotector.works_for(&object("o")), seconds == 1, "{seconds} {older}");
        }
    }

    #[test]
    fn i29_answers_that_do_not_agree_are_asked_for_ever_more_seldom() {
        let region = region();
        let mut context = Context::new(Jitter::new(1));
        let mut unprotector = asked(&["o"]);
        let mut waits = Vec::new();
        for holds_as_known in [false, false, false, false, false, false, false, true, false] {
            let preflight =
                unprotector.advance(NOW, &mut context, &object("o"), plan(&["a"], None), 20).unwrap();
            let known = (&region.interfaces.objects, &region.interfaces.inventory);
            let answer = PreflightAnswer { holds_as_known, ..good() };
            unprotector.preflight_answered(NOW, CallId(60), known, (preflight, &answer));
            waits.push(unprotector.task(&object("o")).unwrap().not_before.since(NOW).as_secs());
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 64, 1, 2], "one that agrees begins anew");
    }

    #[test]
    fn i11_what_was_read_after_the_answer_is_unprotected_once() {
        let mut region = region();
        show(&mut region.interfaces, &eni("c"), interface(None), FRESH);
        let (mut unprotector, _) = answered(&mut region, &["a", "c"], &good());
        let read = [eni("a"), eni("b")].into();
        unprotector.targets_read(CallId(59), &read);
        assert!(!unprotector.ready(at(1001)), "that was sent before the answer came");
        assert_eq!(next(&mut unprotector, &region), None);
        unprotector.targets_read(CallId(60), &read);
        assert!(unprotector.ready(at(1001)));
        assert_eq!(next(&mut unprotector, &region), Some((object("o"), "eni-a".into(), CallId(60))));
        assert_eq!(next(&mut unprotector, &region), None, "the read did not show the other one");
        assert!(!unprotector.ready(at(1001)));
        assert!(!unprotector.works_for(&object("o")), "the batch is done");
    }

    #[test]
    fn i11_a_batch_whose_proofs_hold_no_more_is_given_up() {
        let mut region = region();
        for (second, holds) in [(1009, true), (1010, false)] {
            let (mut unprotector, _) = answered(&mut region, &["a"], &good());
            unprotector.targets_read(CallId(60), &[eni("a")].into());
            assert_eq!(unprotector.ready(at(second)), holds, "{second}");
            assert_eq!(unprotector.works_for(&object("o")), holds, "{second}");
        }
    }

    #[test]
    fn i09_what_is_on_a_host_that_was_not_read_is_left_protected() {
        for (shown, moved_to, unprotected) in [
            (&["b"][..], Some("b"), true),
            (&[], Some("b"), false),
            (&["b"], Some("c"), false),
            (&["b"], None, true),
        ] {
            let mut region = region();
            let (mut unprotector, _) = answered(&mut region, &["b"], &good());
            assert_eq!(unprotector.awaited_hosts(), Some((&[host("b")].into(), CallId(60))));
            unprotector.targets_read(CallId(61), &[eni("b")].into());
            assert!(!unprotector.ready(at(1001)), "its host comes first");
            unprotector.hosts_read(&shown.iter().map(|name| host(name)).collect(), CallId(62));
            assert_eq!(unprotector.awaited_hosts(), None);
            show(&mut region.interfaces, &eni("b"), interface(moved_to), (1001, 62));
            unprotector.targets_read(CallId(62), &[eni("b")].into());
            let next = next(&mut unprotector, &region);
            assert_eq!(next.is_some(), unprotected, "{shown:?} {moved_to:?}");
        }
    }

    #[test]
    fn i16_a_batch_holds_what_can_be_written_while_its_proofs_hold() {
        for (available, per_minute, targets) in
            [(0, 0, 1), (0, 60, 6), (3, 60, 9), (3, 59, 3), (100, 600, 20), (0, 6000, 20)]
        {
            assert_eq!(room::<Interface>(available, per_minute), targets, "{available} {per_minute}");
        }
        let mut context = Context::new(Jitter::new(1));
        let mut unprotector = asked(&["o"]);
        unprotector.advance(NOW, &mut context, &object("o"), plan(&["a", "b", "c"], None), 2);
        assert_eq!(unprotector.batch_targets(), Some(vec![eni("a"), eni("b")]));
    }
}
