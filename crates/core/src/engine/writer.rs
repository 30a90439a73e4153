//! Writes: the queues in which targets wait, the calls under way, and what is being done about each target.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::action::{Settings, describe};
use super::calls::Calls;
use super::care::{Care, OwnWrite, SETTLE, SETTLE_PROTECTED, Trouble, Value};
use super::context::Context;
use crate::authority::UnprotectPermit;
use crate::backoff::{self, LONG};
use crate::budget::{Budget, Urgency};
use crate::call::{FlagWrite, WriteCall};
use crate::evidence::Evidence;
use crate::failure::{Class, Effect as Outcome, Failure};
use crate::flag::{Applicability, Flag, Id};
use crate::id::{CallId, ObjectId};
use crate::on_behalf::OnBehalf;
use crate::reason::Reason;
use crate::time::Moment;

/// After so many denials in a row, of whatever target, one write is tried for all until one succeeds.
const DENIALS: u32 = 5;

/// The queue in which a target waits, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Queue {
    Urgent,
    Repair,
    Onboarding,
    /// Behind all others, unprotecting included.
    InVain,
}

/// What the budget has room for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// A target that waits is to be protected.
    Protect(Urgency),
    /// A target of the batch is to be unprotected.
    Unprotect(Urgency),
    /// Nothing, until then.
    Wait(Moment),
    Nothing,
}

/// What a write that ended, whatever its answer, leaves to be done.
#[derive(Debug, Default)]
pub(super) struct Ended {
    /// The cloud says that there is no such target.
    pub gone: bool,
    /// It is to be read: the write may have taken effect, or the charge type may have changed.
    pub verify: bool,
    /// It may be written again then.
    pub again_at: Option<Moment>,
}

/// Queues and state of writing.
#[derive(Debug)]
pub(super) struct Writer<F: Flag> {
    settings: Settings,
    budget: Budget,
    /// In which queue a target waits. It may stand in a slower one as well, from which it was moved: that counts for
    /// nothing.
    queued: BTreeMap<Id<F>, Queue>,
    /// Targets of an object that was just changed.
    urgent: VecDeque<Id<F>>,
    /// Targets that were protected and are unprotected.
    repairs: VecDeque<Id<F>>,
    /// Targets that were never protected, each object in its turn.
    onboarding: RoundRobin<Id<F>>,
    /// Targets on which what is written does not last.
    in_vain: VecDeque<Id<F>>,
    /// Calls without an answer, of which targets, and which value they set.
    calls: Calls<(Vec<Id<F>>, Value)>,
    /// Calls of others that share what may be under way at once.
    others: usize,
    /// What is being done about each target. Most have nothing.
    care: BTreeMap<Id<F>, Care>,
    /// How long repairs have taken, of which nobody was told yet.
    repaired: Vec<Duration>,
    denials: u32,
    /// All writes rest until then, for this reason.
    closed: (Moment, Reason),
    /// Unprotecting and onboarding take turns: whose turn it is.
    unprotecting_next: bool,
}

impl<F: Flag> Writer<F> {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            budget: Budget::new(settings.writes),
            queued: BTreeMap::new(),
            urgent: VecDeque::new(),
            repairs: VecDeque::new(),
            onboarding: RoundRobin::default(),
            in_vain: VecDeque::new(),
            calls: Calls::default(),
            others: 0,
            care: BTreeMap::new(),
            repaired: Vec::new(),
            denials: 0,
            closed: (Moment::default(), Reason::PermissionDenied),
            unprotecting_next: false,
        }
    }

    // What is being done about a target.

    /// What is being done about a target, if anything.
    pub fn care(&self, id: &Id<F>) -> Option<&Care> {
        self.care.get(id)
    }

    /// The same, to change it.
    pub fn known_care_mut(&mut self, id: &Id<F>) -> Option<&mut Care> {
        self.care.get_mut(id)
    }

    /// What is being done about a target, made on demand.
    pub fn care_mut(&mut self, id: &Id<F>) -> &mut Care {
        self.care.entry(id.clone()).or_default()
    }

    /// Nothing is done about a target any more.
    pub fn drop_care(&mut self, id: &Id<F>) {
        self.care.remove(id);
    }

    /// Whether something of ours unprotects a target, also when its answer is not there yet, or was lost.
    pub fn unprotects(&self, id: &Id<F>) -> bool {
        let under_way =
            |call| self.calls.purpose(call).is_some_and(|(_, value)| *value == Value::Unprotected);
        self.care(id).is_some_and(|care| {
            matches!(care.accepted, Some((_, Value::Unprotected)))
                || care.writing.is_some_and(under_way)
                || care.trouble_with(Value::Unprotected).is_some()
        })
    }

    /// Holds new evidence against what was done about a target. `interval`: that of the sweeps. The answer is when it is to
    /// be looked at again.
    pub fn weigh(
        &mut self,
        now: Moment,
        id: &Id<F>,
        evidence: &Evidence<F::Of>,
        interval: Duration,
    ) -> Option<Moment> {
        let (protected, applicability) = (F::protected(&evidence.facts), F::applicability(&evidence.facts));
        let call = evidence.call;
        let mut look_at = None;
        let care = self.care.get_mut(id)?;
        if care.written_before.is_some_and(|end| call < end) || care.writing.is_some() {
            return None;
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
            } else if now < settled {
                // 1, 2, 4, 8 … seconds: the cloud may be slow to show what it did.
                care.look_at = now.after(Duration::from_secs(1 << care.looks.min(4))).min(settled);
                care.looks += 1;
                look_at = Some(care.look_at);
            } else {
                care.accepted = None;
                care.looks = 0;
                let before = care.ignored.filter(|(of, _)| *of == value).map_or(0, |(_, times)| times);
                care.ignored = Some((value, before + 1));
                if before > 0 {
                    // Protection does not wait: it is written again at the pace of the sweeps.
                    if value == Value::Unprotected {
                        care.unprotecting.not_before = now.after(LONG);
                    }
                    let reason = Reason::WriteIneffective;
                    let since = care.trouble.as_ref().filter(|t| t.reason == reason).map_or(now, |t| t.since);
                    care.trouble = Some(Trouble { value, reason, since, last: now, detail: Box::default() });
                }
            }
        }
        if let (Some(protected), None) = (protected, care.accepted) {
            let reached = if protected { Value::Protected } else { Value::Unprotected };
            if protected {
                self.repaired.extend(care.seen_protected(now));
            }
            care.wait_mut(reached).among = None;
            if care.ignored.is_some_and(|(value, _)| value == reached) {
                care.ignored = None;
            }
            if care.trouble_with(reached).is_some() || (care.trouble.is_none() && protected) {
                care.wait_mut(reached).failures = 0;
                care.trouble = None;
            }
        }
        if care.idle(now) {
            self.care.remove(id);
        }
        look_at
    }

    /// Has the protected value written on a target, on behalf of this object. `hot`: somebody waits for it. `interval`: that
    /// of the sweeps. The answer is when it may be written, if that is not now.
    pub fn protect_soon(
        &mut self,
        now: Moment,
        object: &ObjectId,
        id: &Id<F>,
        (hot, interval): (bool, Duration),
    ) -> Option<Moment> {
        let care = self.care_mut(id);
        let drifted = care.drifted.is_some();
        if drifted && let Some(last) = care.repairs.last() {
            // Whoever keeps switching it off is answered each time, and costs one write in a sweep interval.
            care.protecting.not_before = care.protecting.not_before.max(last.after(interval));
        }
        let (in_vain, not_before) = (care.in_vain(now), care.protecting.not_before);
        if not_before > now {
            return Some(not_before);
        }
        let queue = self.queue(hot, drifted, in_vain);
        self.enqueue(object, id, queue);
        None
    }

    /// How long repairs have taken, each told once: from when a target was seen unprotected that had been protected and was to
    /// stay so, until it was seen protected again after a write of ours.
    pub fn take_repaired(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.repaired)
    }

    // What waits.

    /// The targets that wait.
    pub fn waiting(&self) -> impl Iterator<Item = &Id<F>> {
        self.queued.keys()
    }

    /// Targets that wait.
    pub fn queue_length(&self) -> usize {
        self.queued.len()
    }

    /// The queue for a target.
    pub fn queue(&self, urgent: bool, drifted: bool, in_vain: bool) -> Queue {
        // A wave of an object that was just changed must not become the background of others: what is more than a
        // burst waits its turn.
        let burst = usize::try_from(self.budget.limit().burst).unwrap_or(usize::MAX);
        match (urgent && self.urgent.len() < burst, drifted) {
            // A fight must not eat the budget of others.
            _ if in_vain => Queue::InVain,
            (true, _) => Queue::Urgent,
            (false, true) => Queue::Repair,
            (false, false) => Queue::Onboarding,
        }
    }

    pub fn enqueue(&mut self, object: &ObjectId, id: &Id<F>, queue: Queue) {
        if self.queued.get(id).is_some_and(|waits| *waits <= queue) {
            return;
        }
        self.queued.insert(id.clone(), queue);
        match queue {
            Queue::Urgent => self.urgent.push_back(id.clone()),
            Queue::Repair => self.repairs.push_back(id.clone()),
            Queue::Onboarding => self.onboarding.push(object, id.clone()),
            Queue::InVain => self.in_vain.push_back(id.clone()),
        }
    }

    /// Takes the target out whose turn it is.
    pub fn pop(&mut self) -> Option<Id<F>> {
        loop {
            let (queue, id) = if let Some(id) = self.urgent.pop_front() {
                (Queue::Urgent, id)
            } else if let Some(id) = self.repairs.pop_front() {
                (Queue::Repair, id)
            } else if let Some(id) = self.onboarding.pop() {
                (Queue::Onboarding, id)
            } else {
                (Queue::InVain, self.in_vain.pop_front()?)
            };
            if self.queued.get(&id) == Some(&queue) {
                self.queued.remove(&id);
                return Some(id);
            }
        }
    }

    /// With how many in one call this value is written on a target at most.
    pub fn most(&self, id: &Id<F>, value: Value) -> usize {
        self.care(id).and_then(|care| care.wait(value).among).unwrap_or(F::PER_CALL)
    }

    /// Takes out what goes into one call with the target whose turn it is: others that are like it.
    pub fn pop_with(&mut self, first: Id<F>, like: impl Fn(&Id<F>) -> bool) -> Vec<Id<F>> {
        let among = |id: &Id<F>| self.most(id, Value::Protected);
        // What may be why a call was refused must not have more calls refused.
        let most = among(&first);
        let others = self.queued.keys().filter(|id| most > 1 && among(id) == most && like(id));
        let others: Vec<Id<F>> = others.take(most.saturating_sub(1)).cloned().collect();
        let call: Vec<Id<F>> = std::iter::once(first).chain(others).collect();
        for id in call.iter().skip(1) {
            self.queued.remove(id);
        }
        if call.len() > 1 {
            let waits = |id: &Id<F>| self.queued.contains_key(id);
            self.urgent.retain(waits);
            self.repairs.retain(waits);
            self.onboarding.retain(waits);
            self.in_vain.retain(waits);
        }
        call
    }

    /// Whether anything is under way or waits.
    pub fn pending(&self) -> bool {
        self.under_way() > 0 || !self.queued.is_empty()
    }

    /// Whether anything waits that somebody waits for.
    pub fn urgent_pending(&self) -> bool {
        !self.urgent.is_empty()
    }

    /// Whether there is what can't wait for background work: repairs, and what a person just changed.
    fn presses(&self) -> bool {
        !self.urgent.is_empty() || !self.repairs.is_empty()
    }

    /// Whether nothing waits but what does not last: unprotecting goes before that.
    fn only_in_vain(&self) -> bool {
        !self.presses() && self.onboarding.is_empty()
    }

    // What may be sent.

    fn under_way(&self) -> usize {
        self.calls.len() + self.others
    }

    /// Whether a further call may be under way.
    pub fn has_room(&self) -> bool {
        self.under_way() < self.settings.writes_in_flight
    }

    /// Until when all writes rest, and why, if they do.
    pub fn closed(&self, now: Moment) -> Option<(Moment, Reason)> {
        Some(self.closed).filter(|(until, _)| *until > now)
    }

    /// Calls that the budget has left for now.
    pub fn available(&mut self, now: Moment) -> u32 {
        self.budget.available(now)
    }

    /// When there is a token for a call.
    pub fn next_token(&mut self, now: Moment, urgency: Urgency) -> Moment {
        self.budget.next_token(now, urgency)
    }

    /// Takes a token for a call; `false`: there is none.
    pub fn take_token(&mut self, now: Moment, urgency: Urgency) -> bool {
        self.budget.take(now, urgency)
    }

    /// The cloud throttles calls of this budget.
    pub fn throttled(&mut self, now: Moment, failure: &Failure) {
        self.budget.throttled(now, failure.retry_after);
    }

    /// Another call shares what may be under way at once.
    pub fn other_began(&mut self) {
        self.others += 1;
    }

    pub fn other_ended(&mut self) {
        self.others = self.others.saturating_sub(1);
    }

    /// What the budget has room for. Unprotecting takes turns with onboarding and yields to all that is urgent: protected
    /// comes first, and neither may wait for the end of the other.
    pub fn turn(&mut self, now: Moment, unprotecting: bool) -> Turn {
        if (!unprotecting && self.queued.is_empty()) || !self.has_room() {
            return Turn::Nothing;
        }
        if let Some((until, _)) = self.closed(now) {
            return Turn::Wait(until);
        }
        let presses = self.presses();
        let urgency = if presses { Urgency::Foreground } else { Urgency::Background };
        let token = self.budget.next_token(now, urgency);
        if token > now {
            return Turn::Wait(token);
        }
        if unprotecting && !presses && (self.unprotecting_next || self.only_in_vain()) {
            Turn::Unprotect(urgency)
        } else {
            Turn::Protect(urgency)
        }
    }

    /// Has the protected value set on the targets of one call. Whether there was a token for it.
    pub fn protect(
        &mut self,
        now: Moment,
        context: &mut Context,
        urgency: Urgency,
        targets: Vec<(Id<F>, OnBehalf)>,
        out: &mut Vec<(CallId, FlagWrite<F>)>,
    ) -> bool {
        self.budget.take(now, urgency) && {
            let write = |(id, on_behalf)| FlagWrite { call: WriteCall::Protect(id), on_behalf };
            self.send(now, context, Value::Protected, targets.into_iter().map(write).collect(), out);
            self.unprotecting_next = true;
            true
        }
    }

    /// Has the unprotected value set on the targets of one call. Whether there was a token for it.
    pub fn unprotect(
        &mut self,
        now: Moment,
        context: &mut Context,
        urgency: Urgency,
        permits: Vec<(UnprotectPermit<F>, OnBehalf)>,
        out: &mut Vec<(CallId, FlagWrite<F>)>,
    ) -> bool {
        self.budget.take(now, urgency) && {
            let write = |(permit, on_behalf)| FlagWrite { call: WriteCall::Unprotect(permit), on_behalf };
            self.send(now, context, Value::Unprotected, permits.into_iter().map(write).collect(), out);
            self.unprotecting_next = false;
            true
        }
    }

    fn send(
        &mut self,
        now: Moment,
        context: &mut Context,
        value: Value,
        writes: Vec<FlagWrite<F>>,
        out: &mut Vec<(CallId, FlagWrite<F>)>,
    ) {
        if self.denials >= DENIALS {
            self.closed = (now.after(backoff::LONG), Reason::PermissionDenied);
        }
        let ids = writes.iter().map(|write| write.call.target().clone()).collect();
        let call = self.calls.send(now, context, (ids, value));
        for write in &writes {
            let care = self.care_mut(write.call.target());
            care.writing = Some(call);
            let on_behalf = write.on_behalf.clone();
            care.own = Some(Box::new(OwnWrite { call, value, on_behalf, request_id: None }));
        }
        out.extend(writes.into_iter().map(|write| (call, write)));
    }

    // What comes back.

    /// Calls without an answer.
    pub fn calls(&self) -> &Calls<impl Sized> {
        &self.calls
    }

    /// Takes a call out that has an answer, or is lost: its targets, and the value that it was to set.
    pub fn take_call(&mut self, call: CallId) -> Option<(Vec<Id<F>>, Value)> {
        self.calls.take(call).map(|(_, purpose)| purpose)
    }

    /// What the answer to a write means for all of them.
    pub fn heed(&mut self, now: Moment, context: &mut Context, result: &Result<(), Failure>) {
        let failure = match result {
            Ok(()) => {
                self.denials = 0;
                self.closed.0 = now;
                return;
            }
            Err(failure) => failure,
        };
        match failure.class {
            Class::Throttled => self.throttled(now, failure),
            class @ (Class::Credentials | Class::Clock) => {
                self.closed = (now.after(context.jitter.stretch(backoff::LONG)), class.into());
            }
            class if class.unsent() => {
                self.closed = (now.after(backoff::wait(class, 1, &mut context.jitter)), class.into());
            }
            Class::Permission => {
                self.denials += 1;
                if self.denials >= DENIALS {
                    self.closed = (now.after(backoff::LONG), Reason::PermissionDenied);
                }
            }
            _ => {}
        }
    }

    /// A write of a target that is known of has ended. Whatever the answer, only what is read from now on tells how the
    /// flag is. `among`: how many targets were written in the same call.
    pub fn ended(
        &mut self,
        now: Moment,
        context: &mut Context,
        (id, value, among): (&Id<F>, Value, usize),
        result: Result<(), Failure>,
    ) -> Ended {
        let care = self.care_mut(id);
        care.writing = None;
        care.written_before = Some(context.upcoming_call());
        // What is refused because of one may have been set on the others.
        let alone = among == 1;
        care.had_no_effect = matches!(&result, Err(failure) if failure.effect == Outcome::None && alone);
        if let Err(failure) = result {
            if !alone && may_be_about_one(failure.class) {
                return self.refused_with_others(now, context, (id, value), among);
            }
            return self.failed(now, context, (id, value), &failure);
        }
        care.accepted = Some((now, value));
        care.looks = 0;
        care.look_at = now;
        let wait = care.wait_mut(value);
        (wait.failures, wait.among) = (0, None);
        let ineffective = care.ineffective();
        // That it was accepted once more says nothing of its effect.
        care.trouble.take_if(|_| !ineffective || value == Value::Unprotected);
        if value == Value::Protected && care.drifted.is_some() {
            care.repaired(now);
        }
        Ended::default()
    }

    /// A call was refused, perhaps because of one of its targets, and nobody says which. What is read next shows who is gone;
    /// the others are written again in smaller calls, down to one that is refused alone.
    fn refused_with_others(
        &mut self,
        now: Moment,
        context: &mut Context,
        (id, value): (&Id<F>, Value),
        among: usize,
    ) -> Ended {
        let not_before = now.after(backoff::wait(Class::Busy, 1, &mut context.jitter));
        let care = self.care_mut(id);
        let wait = care.wait_mut(value);
        (wait.among, wait.not_before) = (Some(among / 2), not_before);
        Ended { gone: false, verify: true, again_at: Some(not_before) }
    }

    fn failed(
        &mut self,
        now: Moment,
        context: &mut Context,
        (id, value): (&Id<F>, Value),
        failure: &Failure,
    ) -> Ended {
        let (reason, detail) = describe::<F>(failure);
        let class = failure.class;
        let failures = self.care_mut(id).wait_mut(value).failures + 1;
        let not_before = match class {
            Class::Throttled => self.budget.next_token(now, Urgency::Background),
            // There is nothing to wait for that settles late.
            Class::NotApplicable if F::REFUSAL.settles.is_zero() => {
                now.after(context.jitter.stretch(backoff::LONG))
            }
            _ => now.after(backoff::wait(class, failures, &mut context.jitter)),
        };
        let care = self.care_mut(id);
        let wait = care.wait_mut(value);
        (wait.failures, wait.not_before) = (failures, not_before);
        let since = care.trouble.as_ref().filter(|t| t.reason == reason).map_or(now, |t| t.since);
        if reason != Reason::Missing {
            care.trouble = Some(Trouble { value, reason, since, last: now, detail });
        }
        let gone = class == Class::Gone;
        Ended { gone, verify: !gone, again_at: Some(not_before) }
    }

    /// A spec was edited: what only a person could mend may be mended.
    pub fn spec_changed(&mut self, now: Moment) {
        self.closed.0 = self.closed.0.min(now);
    }

    /// There is another key: what the old one was refused is tried again. The answer: the targets of which that is so.
    pub fn key_changed(&mut self, now: Moment) -> Vec<Id<F>> {
        if hangs_on_the_key(self.closed.1) {
            self.closed.0 = now;
        }
        self.denials = 0;
        let mut freed = Vec::new();
        for (id, care) in &mut self.care {
            if care.trouble.as_ref().is_some_and(|trouble| hangs_on_the_key(trouble.reason)) {
                (care.protecting.not_before, care.unprotecting.not_before) = (now, now);
                freed.push(id.clone());
            }
        }
        freed
    }
}

/// A queue in which each object has its turn.
#[derive(Debug)]
struct RoundRobin<T> {
    queues: BTreeMap<ObjectId, VecDeque<T>>,
    turns: VecDeque<ObjectId>,
}

impl<T> Default for RoundRobin<T> {
    fn default() -> Self {
        Self { queues: BTreeMap::new(), turns: VecDeque::new() }
    }
}

impl<T> RoundRobin<T> {
    fn push(&mut self, object: &ObjectId, item: T) {
        let queue = self.queues.entry(object.clone()).or_default();
        if queue.is_empty() {
            self.turns.push_back(object.clone());
        }
        queue.push_back(item);
    }

    fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    fn retain(&mut self, stays: impl Fn(&T) -> bool) {
        for queue in self.queues.values_mut() {
            queue.retain(&stays);
        }
        self.queues.retain(|_, queue| !queue.is_empty());
        self.turns.retain(|object| self.queues.contains_key(object));
    }

    fn pop(&mut self) -> Option<T> {
        let object = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&object)?;
        let item = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&object);
        } else {
            self.turns.push_back(object);
        }
        item
    }
}

/// Whether a failure may be that of one target alone.
fn may_be_about_one(class: Class) -> bool {
    matches!(
        class,
        Class::Busy | Class::Gone | Class::Locked | Class::NotApplicable | Class::Bug | Class::Unrecognized
    )
}

/// Whether another key may help.
fn hangs_on_the_key(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::CredentialsRejected
            | Reason::CredentialsMissing
            | Reason::WrongAccount
            | Reason::StsUnavailable
            | Reason::StsOutsideVpc
            | Reason::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::backoff::Jitter;
    use crate::budget::Limit;
    use crate::deletion_protection::DeletionProtection;
    use crate::engine::care::Wait;
    use crate::id::InstanceId;
    use crate::protected_from_scale_in::ProtectedFromScaleIn;

    fn writer() -> Writer<DeletionProtection> {
        let limit = Limit { per_minute: 60, burst: 20 };
        Writer::new(Settings {
            sweep_interval: Duration::from_mins(1),
            reads: limit,
            writes: limit,
            reads_in_flight: 2,
            writes_in_flight: 2,
            seed: 1,
        })
    }

    #[test]
    fn i29_five_denials_in_a_row_close_all_writes_and_a_success_begins_the_count_anew() {
        let (mut writer, mut context) = (writer(), Context::new(Jitter::new(1)));
        let now = Moment::at(Duration::from_secs(100));
        let denied = || {
            Err(Failure {
                operation: None,
                class: Class::Permission,
                code: "Forbidden.RAM".into(),
                request_id: None,
                effect: Outcome::None,
                retry_after: None,
            })
        };
        for _ in 0..4 {
            writer.heed(now, &mut context, &denied());
        }
        writer.heed(now, &mut context, &Ok(()));
        for count in 1..=5 {
            assert_eq!(writer.closed(now), None, "after {count}");
            writer.heed(now, &mut context, &denied());
        }
        assert_eq!(writer.closed(now), Some((now.after(backoff::LONG), Reason::PermissionDenied)));
        writer.heed(now, &mut context, &Ok(()));
        assert_eq!(writer.closed(now), None);
    }

    #[test]
    fn i28_what_was_refused_among_many_goes_into_smaller_calls() {
        let mut writes: Writer<ProtectedFromScaleIn> = Writer::new(writer().settings);
        let (mut context, now) = (Context::new(Jitter::new(1)), Moment::at(Duration::from_secs(100)));
        let object = ObjectId::new("default", "a", "uid");
        let names: Vec<InstanceId> = (0..30).map(|n| InstanceId::new(format!("i-{n:02}"))).collect();
        let next = |writes: &mut Writer<ProtectedFromScaleIn>| {
            for id in &names {
                let queue = writes.queue(false, false, false);
                writes.enqueue(&object, id, queue);
            }
            let first = writes.pop().unwrap();
            // One is of another group.
            let call = writes.pop_with(first, |id| id.as_str() != "i-03");
            let waits = |id: &InstanceId| writes.queued.contains_key(id);
            assert!(!call.iter().any(waits) && waits(&names[3]));
            while writes.pop().is_some() {}
            call
        };
        let refused = || {
            Err(Failure {
                operation: None,
                class: Class::Busy,
                code: "InvalidInstanceId.NotFound".into(),
                request_id: None,
                effect: Outcome::None,
                retry_after: None,
            })
        };
        for most in [20, 10, 5, 2, 1] {
            let call = next(&mut writes);
            assert_eq!(call.len(), most);
            assert!(!call.contains(&names[3]));
            for id in &call {
                let ended = writes.ended(now, &mut context, (id, Value::Protected, most), refused());
                assert!(ended.verify && !ended.gone);
                assert_eq!(writes.care(id).unwrap().had_no_effect, most == 1, "others may have been set");
                assert_eq!(writes.care(id).unwrap().trouble.is_some(), most == 1, "alone it is to blame");
            }
        }
        writes.ended(now, &mut context, (&names[0], Value::Protected, 1), Ok(()));
        assert_eq!(next(&mut writes).len(), 10, "with those of which none was refused");
    }

    fn refusal(class: Class) -> Result<(), Failure> {
        let effect = Outcome::None;
        Err(Failure { operation: None, class, code: "E".into(), request_id: None, effect, retry_after: None })
    }

    #[test]
    fn i25_one_value_does_not_wait_for_what_writes_of_the_other_one_were_refused() {
        use Value::{Protected, Unprotected};
        let mut writes: Writer<ProtectedFromScaleIn> = Writer::new(writer().settings);
        let (mut context, now) = (Context::new(Jitter::new(1)), Moment::at(Duration::from_secs(100)));
        let (object, id) = (ObjectId::new("default", "a", "uid"), InstanceId::new("i-a"));
        for (value, among) in [(Unprotected, 1), (Unprotected, 20), (Protected, 1), (Protected, 20)] {
            for class in [Class::Permission, Class::Busy, Class::Transient] {
                writes.drop_care(&id);
                writes.ended(now, &mut context, (&id, value, among), refusal(class));
                let waits = writes.protect_soon(now, &object, &id, (false, Duration::ZERO)).is_some();
                assert_eq!(waits, value == Protected, "{value:?} {among} {class:?}");
                let other = if value == Protected { Unprotected } else { Protected };
                let wait = writes.care_mut(&id).wait_mut(other);
                assert_eq!(*wait, Wait::default(), "{value:?} {among} {class:?}");
                assert_eq!(writes.most(&id, other), 20);
            }
        }
    }

    #[test]
    fn i25_what_does_not_last_is_written_behind_all_others_whoever_waits_for_it() {
        let mut writes = writer();
        let object = ObjectId::new("default", "a", "uid");
        for (name, urgent, drifted, in_vain) in [
            ("i-fought-for", true, true, true),
            ("i-new", false, false, false),
            ("i-drifted", false, true, false),
            ("i-changed", true, false, false),
        ] {
            let queue = writes.queue(urgent, drifted, in_vain);
            writes.enqueue(&object, &InstanceId::new(name), queue);
        }
        let mut sent = Vec::new();
        while let Some(id) = writes.pop() {
            sent.push(id.to_string());
            assert_eq!(writes.only_in_vain(), sent.len() >= 3, "unprotecting goes before what does not last");
        }
        assert_eq!(sent, ["i-changed", "i-drifted", "i-new", "i-fought-for"]);
    }
}
