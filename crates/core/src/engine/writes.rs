//! Writes of the protected value: their lanes, and what becomes of their answers.

use std::collections::{BTreeMap, VecDeque};

use super::view::View;
use super::{Action, Engine, Extension, Purpose, RoundRobin, Window};
use crate::backoff;
use crate::budget::{Budget, Urgency};
use crate::call::WriteCall;
use crate::engine::care::{Care, Trouble, Value};
use crate::failure::{Class, Effect as Outcome, Failure};
use crate::id::ObjectId;
use crate::kind::{Applicability, Kind};
use crate::reason::Reason;
use crate::time::Moment;

/// After so many denials in a row, of whatever target, one write is tried for all until one succeeds.
const DENIALS: u32 = 5;

/// Where a target waits, the most urgent first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    Hot,
    Repair,
    Onboarding,
    /// Behind all others, unprotecting included.
    InVain,
}

/// Lanes and state of writing.
#[derive(Debug)]
pub(super) struct Writes<K: Kind> {
    pub budget: Budget,
    /// In which lane a target waits. It may stand in a slower one as well, from which it was moved: that counts for
    /// nothing.
    queued: BTreeMap<K::Id, Lane>,
    /// Targets of an object that was just changed.
    hot: VecDeque<K::Id>,
    /// Targets that were protected and are unprotected.
    repairs: VecDeque<K::Id>,
    /// Targets that were never protected, each object in its turn.
    onboarding: RoundRobin<K::Id>,
    /// Targets on which what is written does not last.
    in_vain: VecDeque<K::Id>,
    in_flight: usize,
    /// What is being done about each target. Most have nothing.
    care: BTreeMap<K::Id, Care>,
    denials: u32,
    /// All writes rest until then, for this reason.
    closed: (Moment, Reason),
    /// Unprotecting and onboarding take turns: whose turn it is.
    unprotecting_next: bool,
}

impl<K: Kind> Writes<K> {
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            queued: BTreeMap::new(),
            hot: VecDeque::new(),
            repairs: VecDeque::new(),
            onboarding: RoundRobin::default(),
            in_vain: VecDeque::new(),
            in_flight: 0,
            care: BTreeMap::new(),
            denials: 0,
            closed: (Moment::default(), Reason::PermissionDenied),
            unprotecting_next: false,
        }
    }

    /// What is being done about a target, if anything.
    pub fn care(&self, id: &K::Id) -> Option<&Care> {
        self.care.get(id)
    }

    /// The same, to change it.
    pub fn known_care_mut(&mut self, id: &K::Id) -> Option<&mut Care> {
        self.care.get_mut(id)
    }

    /// What is being done about a target, made on demand.
    pub fn care_mut(&mut self, id: &K::Id) -> &mut Care {
        self.care.entry(id.clone()).or_default()
    }

    pub fn cares_mut(&mut self) -> impl Iterator<Item = (&K::Id, &mut Care)> {
        self.care.iter_mut()
    }

    /// Nothing is done about a target any more.
    pub fn drop_care(&mut self, id: &K::Id) {
        self.care.remove(id);
    }

    /// Targets that wait.
    pub fn queue_length(&self) -> usize {
        self.queued.len()
    }

    /// The lane for a target.
    pub fn lane(&self, hot: bool, drifted: bool, in_vain: bool) -> Lane {
        // A wave of an object that was just changed must not become the background of others: what is more than a
        // burst waits its turn.
        let burst = usize::try_from(self.budget.limit().burst).unwrap_or(usize::MAX);
        match (hot && self.hot.len() < burst, drifted) {
            // A fight must not eat the budget of others.
            _ if in_vain => Lane::InVain,
            (true, _) => Lane::Hot,
            (false, true) => Lane::Repair,
            (false, false) => Lane::Onboarding,
        }
    }

    pub fn enqueue(&mut self, owner: &ObjectId, id: &K::Id, lane: Lane) {
        if self.queued.get(id).is_some_and(|waits| *waits <= lane) {
            return;
        }
        self.queued.insert(id.clone(), lane);
        match lane {
            Lane::Hot => self.hot.push_back(id.clone()),
            Lane::Repair => self.repairs.push_back(id.clone()),
            Lane::Onboarding => self.onboarding.push(owner, id.clone()),
            Lane::InVain => self.in_vain.push_back(id.clone()),
        }
    }

    /// Whether anything is under way or waits.
    pub fn pending(&self) -> bool {
        self.in_flight > 0 || self.waiting()
    }

    pub fn hot_pending(&self) -> bool {
        !self.hot.is_empty()
    }

    /// A spec was edited: what only a person could mend may be mended.
    pub fn spec_changed(&mut self, now: Moment) {
        self.closed.0 = self.closed.0.min(now);
    }

    /// A call that changes something has been sent.
    pub fn began(&mut self) {
        self.in_flight += 1;
    }

    /// It has ended.
    pub fn ended(&mut self) {
        self.in_flight -= 1;
    }

    pub fn has_room(&self, most: usize) -> bool {
        self.in_flight < most
    }

    /// Until when all writes rest, and why, if they do.
    pub fn closed(&self, now: Moment) -> Option<(Moment, Reason)> {
        Some(self.closed).filter(|(until, _)| *until > now)
    }

    fn pop(&mut self) -> Option<K::Id> {
        loop {
            let (lane, id) = if let Some(id) = self.hot.pop_front() {
                (Lane::Hot, id)
            } else if let Some(id) = self.repairs.pop_front() {
                (Lane::Repair, id)
            } else if let Some(id) = self.onboarding.pop() {
                (Lane::Onboarding, id)
            } else {
                (Lane::InVain, self.in_vain.pop_front()?)
            };
            if self.queued.get(&id) == Some(&lane) {
                self.queued.remove(&id);
                return Some(id);
            }
        }
    }

    /// Whether there is what can't wait for background work: repairs, and what a person just changed.
    fn urgent(&self) -> bool {
        !self.hot.is_empty() || !self.repairs.is_empty()
    }

    fn waiting(&self) -> bool {
        !self.queued.is_empty()
    }

    /// Whether nothing waits but what does not last: unprotecting goes before that.
    fn only_in_vain(&self) -> bool {
        !self.urgent() && self.onboarding.is_empty()
    }
}

impl<K: Extension> Engine<K> {
    /// Sends what may be written now. Unprotecting takes turns with onboarding and yields to all that is urgent: protected
    /// comes first, and neither may wait for the end of the other.
    pub(super) fn plan_writes(&mut self, now: Moment, window: Window, out: &mut Vec<Action<K>>) {
        loop {
            let unprotecting = self.unprotecting_ready(now) && window.open_for_unprotecting(now);
            let waiting = self.writes.waiting();
            if !(unprotecting || waiting) || !self.writes.has_room(self.settings.writes_in_flight) {
                break;
            }
            if let Some((until, _)) = self.writes.closed(now) {
                self.context.wake_at(until);
                break;
            }
            let urgent = self.writes.urgent();
            let unprotect =
                unprotecting && !urgent && (self.writes.unprotecting_next || self.writes.only_in_vain());
            let urgency = if urgent { Urgency::Foreground } else { Urgency::Background };
            let token = self.writes.budget.next_token(now, urgency);
            if token > now {
                self.context.wake_at(token);
                break;
            }
            let sent = if unprotect {
                self.unprotect_next(now, window, urgency, out)
            } else {
                self.protect_next(now, window, urgency, out)
            };
            if sent {
                self.writes.unprotecting_next = !unprotect;
            }
        }
    }

    fn protect_next(
        &mut self,
        now: Moment,
        window: Window,
        urgency: Urgency,
        out: &mut Vec<Action<K>>,
    ) -> bool {
        let Some(id) = self.writes.pop() else { return false };
        if !needs_protecting(self.view(now), &id) || !self.writes.budget.take(now, urgency) {
            return false;
        }
        let purpose = Purpose::Protect(id.clone());
        self.write(now, purpose, &id, WriteCall::Protect(id.clone()), window, out);
        true
    }

    pub(super) fn write(
        &mut self,
        now: Moment,
        purpose: Purpose<K>,
        id: &K::Id,
        write: WriteCall<K>,
        window: Window,
        out: &mut Vec<Action<K>>,
    ) {
        let call = self.launch(now, purpose);
        self.writes.began();
        if self.writes.denials >= DENIALS {
            self.writes.closed = (now.after(backoff::LONG), Reason::PermissionDenied);
        }
        self.writes.care_mut(id).writing = Some(call);
        out.push(Action::Write(call, write, window));
    }

    pub(super) fn write_ended(&mut self, now: Moment, id: &K::Id, value: Value, result: Result<(), Failure>) {
        self.writes.ended();
        let upcoming = self.context.upcoming_call();
        match &result {
            Ok(()) => {
                self.writes.denials = 0;
                self.writes.closed.0 = now;
            }
            Err(failure) => self.heed(now, failure),
        }
        if self.inventory.get(id).is_none() {
            return;
        }
        let care = self.writes.care_mut(id);
        care.writing = None;
        // Whatever the answer, only what is read from now on tells how the flag is.
        care.written_before = Some(upcoming);
        care.had_no_effect = matches!(&result, Err(failure) if failure.effect == Outcome::None);
        match result {
            Ok(()) => {
                care.accepted = Some((now, value));
                care.looks = 0;
                care.look_at = now;
                care.failures = 0;
                let ineffective = care.ineffective();
                // That it was accepted once more says nothing of its effect.
                care.trouble.take_if(|_| !ineffective || value == Value::Unprotected);
                if value == Value::Protected && care.drifted {
                    care.repaired(now);
                }
            }
            Err(failure) => self.write_failed(now, id, value, &failure),
        }
        self.touch_selectors(id);
        if self.inventory.get(id).is_some_and(|t| t.absence.is_none()) {
            self.reconsider(now, id);
        }
    }

    /// There is another key: what the old one was refused is tried again.
    pub(super) fn key_changed(&mut self, now: Moment) {
        self.reads.key_changed(now);
        let (until, reason) = &mut self.writes.closed;
        if hangs_on_the_key(*reason) {
            *until = now;
        }
        self.writes.denials = 0;
        for (id, care) in self.writes.cares_mut() {
            if care.trouble.as_ref().is_some_and(|trouble| hangs_on_the_key(trouble.reason)) {
                care.not_before = now;
                self.timers.insert((now, id.clone()));
            }
        }
    }

    /// What a failure means for all writes.
    fn heed(&mut self, now: Moment, failure: &Failure) {
        match failure.class {
            Class::Throttled => self.writes.budget.throttled(now, failure.retry_after),
            class @ (Class::Credentials | Class::Clock) => {
                self.writes.closed = (now.after(self.context.jitter.stretch(backoff::LONG)), class.into());
            }
            class if class.unsent() => {
                self.writes.closed =
                    (now.after(backoff::wait(class, 1, &mut self.context.jitter)), class.into());
            }
            Class::Permission => {
                self.writes.denials += 1;
                if self.writes.denials >= DENIALS {
                    self.writes.closed = (now.after(backoff::LONG), Reason::PermissionDenied);
                }
            }
            _ => {}
        }
    }

    fn write_failed(&mut self, now: Moment, id: &K::Id, value: Value, failure: &Failure) {
        let (reason, detail) = super::describe::<K>(failure);
        let class = failure.class;
        let failures = self.view(now).care(id).map_or(0, |c| c.failures) + 1;
        let not_before = match class {
            Class::Throttled => self.writes.budget.next_token(now, Urgency::Background),
            // There is nothing to wait for that settles late.
            Class::NotApplicable if K::REFUSAL.settles.is_zero() => {
                now.after(self.context.jitter.stretch(backoff::LONG))
            }
            _ => now.after(backoff::wait(class, failures, &mut self.context.jitter)),
        };
        let care = self.writes.care_mut(id);
        care.failures = failures;
        care.not_before = not_before;
        let since = care.trouble.as_ref().filter(|t| t.reason == reason).map_or(now, |t| t.since);
        if reason != Reason::Missing {
            care.trouble = Some(Trouble { value, reason, since, last: now, detail });
        }
        self.timers.insert((not_before, id.clone()));
        match class {
            Class::Gone => self.doubt(now, id, self.context.upcoming_call()),
            // It may have taken effect, or the charge type may have changed: see how it is.
            _ => self.reads.verify(now, id, false),
        }
    }
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

/// Whether the protected value is to be written on this target view.now: judged anew just before the call goes out.
pub(super) fn needs_protecting<K: Extension>(view: View<'_, K>, id: &K::Id) -> bool {
    let Some(target) = view.inventory.get(id) else { return false };
    let Some(evidence) = target.evidence.as_ref().filter(|_| target.absence.is_none()) else {
        return false;
    };
    // Whoever led meanwhile may have written, and so may anybody since two sweeps ago.
    let known = evidence.seen >= view.horizon() && evidence.call >= view.context.term_since();
    let ready = view.care(id).is_none_or(|care| {
        care.writing.is_none()
            && care.accepted.is_none()
            && care.not_before <= view.now
            && care.written_before.is_none_or(|end| evidence.call >= end)
    });
    known
        && ready
        && K::protected(&evidence.facts) == Some(false)
        && K::applicability(&evidence.facts) == Applicability::Yes
        && view.enforcer(id).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Limit;
    use crate::id::InstanceId;
    use crate::instance::Instance;

    #[test]
    fn i25_what_does_not_last_is_written_behind_all_others_whoever_waits_for_it() {
        let mut writes: Writes<Instance> = Writes::new(Budget::new(Limit { per_minute: 60, burst: 20 }));
        let owner = ObjectId::new("default", "a", "uid");
        for (name, hot, drifted, in_vain) in [
            ("i-fought-for", true, true, true),
            ("i-new", false, false, false),
            ("i-drifted", false, true, false),
            ("i-changed", true, false, false),
        ] {
            let lane = writes.lane(hot, drifted, in_vain);
            writes.enqueue(&owner, &InstanceId::new(name), lane);
        }
        let mut sent = Vec::new();
        while let Some(id) = writes.pop() {
            sent.push(id.to_string());
            assert_eq!(writes.only_in_vain(), sent.len() >= 3, "unprotecting goes before what does not last");
        }
        assert_eq!(sent, ["i-changed", "i-drifted", "i-new", "i-fought-for"]);
    }
}
