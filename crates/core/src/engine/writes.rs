//! Writes of the safe value: their lanes, and what becomes of their answers.

use std::collections::VecDeque;

use super::{Effect, Engine, Purpose, RoundRobin, Window, reads};
use crate::backoff;
use crate::budget::{Budget, Urgency};
use crate::call::WriteCall;
use crate::failure::{Class, Failure};
use crate::kind::{Applicability, Kind};
use crate::reason::Reason;
use crate::target::{Target, Trouble, Value};
use crate::time::Moment;
use crate::wish::ObjectId;

/// After so many denials in a row, of whatever target, one write is tried for all until one succeeds.
const DENIALS: u32 = 5;

/// Lanes and state of writing.
#[derive(Debug)]
pub(super) struct Writes<K: Kind> {
    pub budget: Budget,
    /// Targets of an object that was just changed.
    hot: VecDeque<K::Id>,
    /// Targets that were safe and are weak.
    repairs: VecDeque<K::Id>,
    /// Targets that were never safe, each object in its turn.
    onboarding: RoundRobin<K::Id>,
    in_flight: usize,
    denials: u32,
    closed_until: Moment,
}

impl<K: Kind> Writes<K> {
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            hot: VecDeque::new(),
            repairs: VecDeque::new(),
            onboarding: RoundRobin::default(),
            in_flight: 0,
            denials: 0,
            closed_until: Moment::default(),
        }
    }

    pub fn enqueue(&mut self, owner: &ObjectId, id: &K::Id, hot: bool, drifted: bool) {
        // A wave of an object that was just changed must not become the background of others: what is more than a
        // burst waits its turn.
        let burst = usize::try_from(self.budget.limit().burst).unwrap_or(usize::MAX);
        if hot && self.hot.len() < burst {
            self.hot.push_back(id.clone());
        } else if drifted {
            self.repairs.push_back(id.clone());
        } else {
            self.onboarding.push(owner, id.clone());
        }
    }

    /// Whether anything is under way or waits.
    pub fn pending(&self) -> bool {
        self.in_flight > 0 || self.hot_pending() || !self.repairs.is_empty() || !self.onboarding.is_empty()
    }

    pub fn hot_pending(&self) -> bool {
        !self.hot.is_empty()
    }

    /// A spec was edited: what only a person could mend may be mended.
    pub fn spec_changed(&mut self, now: Moment) {
        self.closed_until = self.closed_until.min(now);
    }

    pub fn has_room(&self, most: usize) -> bool {
        self.in_flight < most
    }

    pub fn launched(&mut self) {
        self.in_flight += 1;
    }

    /// Until when all writes rest.
    pub fn rest_until(&self) -> Moment {
        self.closed_until
    }

    fn pop(&mut self) -> Option<K::Id> {
        self.hot.pop_front().or_else(|| self.repairs.pop_front()).or_else(|| self.onboarding.pop())
    }

    fn urgency(&self) -> Urgency {
        if self.hot.is_empty() && self.repairs.is_empty() { Urgency::Background } else { Urgency::Foreground }
    }

    fn waiting(&self) -> bool {
        !self.hot.is_empty() || !self.repairs.is_empty() || !self.onboarding.is_empty()
    }
}

impl<K: Kind> Engine<K> {
    pub(super) fn plan_writes(&mut self, now: Moment, window: Window, out: &mut Vec<Effect<K>>) {
        if now < self.writes.closed_until {
            let at = self.writes.closed_until;
            if self.writes.waiting() {
                self.wake_at(at);
            }
            return;
        }
        while self.writes.waiting() && self.writes.has_room(self.settings.writes_in_flight) {
            let urgency = self.writes.urgency();
            if self.writes.budget.available(now) == 0 || !self.may_take(now, urgency) {
                let at = self.writes.budget.next_token(now, urgency);
                self.wake_at(at);
                break;
            }
            let Some(id) = self.writes.pop() else { break };
            if let Some(care) = self.targets.get_mut(&id).and_then(|t| t.care.as_deref_mut()) {
                care.queued = false;
            }
            if !self.needs_strengthening(now, &id) {
                continue;
            }
            if !self.writes.budget.take(now, urgency) {
                break;
            }
            self.write(
                now,
                Purpose::Strengthen(id.clone()),
                &id,
                WriteCall::Strengthen(id.clone()),
                window,
                out,
            );
            if self.writes.denials >= DENIALS {
                self.writes.closed_until = now.after(backoff::LONG);
                break;
            }
        }
    }

    fn may_take(&mut self, now: Moment, urgency: Urgency) -> bool {
        self.writes.budget.next_token(now, urgency) <= now
    }

    pub(super) fn write(
        &mut self,
        now: Moment,
        purpose: Purpose<K>,
        id: &K::Id,
        write: WriteCall<K>,
        window: Window,
        out: &mut Vec<Effect<K>>,
    ) {
        let call = self.launch(now, purpose);
        self.writes.launched();
        if let Some(target) = self.targets.get_mut(id) {
            target.care_mut().writing = Some(call);
        }
        out.push(Effect::Write(call, write, window));
    }

    /// Whether the safe value is to be written on this target now: judged anew just before the call goes out.
    fn needs_strengthening(&self, now: Moment, id: &K::Id) -> bool {
        let Some(target) = self.targets.get(id) else { return false };
        let Some(evidence) = target.evidence.as_ref().filter(|_| target.absence.is_none()) else {
            return false;
        };
        let ready = target.care.as_deref().is_none_or(|care| {
            care.writing.is_none()
                && care.accepted.is_none()
                && care.not_before <= now
                && care.written_before.is_none_or(|end| evidence.call >= end)
        });
        ready
            && K::safe(&evidence.facts) == Some(false)
            && K::applicability(&evidence.facts) == Applicability::Yes
            && self.enforcer(id).is_some()
    }

    pub(super) fn write_ended(&mut self, now: Moment, id: &K::Id, value: Value, result: Result<(), Failure>) {
        self.writes.in_flight -= 1;
        let upcoming = self.upcoming_call();
        match &result {
            Ok(()) => {
                self.writes.denials = 0;
                self.writes.closed_until = now;
            }
            Err(failure) => self.heed(now, failure),
        }
        let Some(target) = self.targets.get_mut(id) else { return };
        let care = target.care_mut();
        care.writing = None;
        // Whatever the answer, only what is read from now on tells how the flag is.
        care.written_before = Some(upcoming);
        match result {
            Ok(()) => {
                care.accepted = Some((now, value));
                care.looks = 0;
                care.failures = 0;
                care.trouble = None;
                if value == Value::Safe && care.drifted {
                    care.repairs.retain(|at| now.since(*at) < crate::target::CONTEST.0);
                    care.repairs.push(now);
                }
            }
            Err(failure) => self.write_failed(now, id, value, &failure),
        }
        self.touch_selectors(id);
        if self.targets.get(id).is_some_and(|t| t.absence.is_none()) {
            self.reconsider(now, id);
        }
    }

    /// What a failure means for all writes.
    fn heed(&mut self, now: Moment, failure: &Failure) {
        match failure.class {
            Class::Throttled => self.writes.budget.throttled(now, failure.retry_after),
            Class::Credentials | Class::Clock => {
                self.writes.closed_until = now.after(self.jitter.stretch(backoff::LONG));
            }
            Class::Permission => self.writes.denials += 1,
            _ => {}
        }
    }

    fn write_failed(&mut self, now: Moment, id: &K::Id, value: Value, failure: &Failure) {
        let (reason, detail) = super::describe(failure);
        let class = failure.class;
        let failures = self.targets.get(id).and_then(|t| t.care.as_deref()).map_or(0, |c| c.failures) + 1;
        let not_before = match class {
            Class::Throttled => self.writes.budget.next_token(now, Urgency::Background),
            _ => now.after(backoff::wait(class, failures, &mut self.jitter)),
        };
        let Some(care) = self.targets.get_mut(id).map(Target::care_mut) else { return };
        care.failures = failures;
        care.not_before = not_before;
        let since = care.trouble.as_ref().filter(|t| t.reason == reason).map_or(now, |t| t.since);
        if reason != Reason::Missing {
            care.trouble = Some(Trouble { value, reason, since, detail });
        }
        self.timers.insert((not_before, id.clone()));
        match class {
            Class::Gone => self.doubt(now, id),
            // It may have taken effect, or the charge type may have changed: see how it is.
            _ => self.read_again(reads::Lane::Verify, now, [id.clone()]),
        }
    }
}
