//! Attaching retained interfaces, as objects ask for it: each intent once, however its answer is lost.
//!
//! Before the call the API server says that nothing unknown stands against it, the instance and the interface are read,
//! and `Requested` is durable in the object's status. After the call, unless its answer proves that it had no effect, there
//! are only reads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::action::{PreflightId, describe};
use super::calls::Calls;
use super::context::Context;
use crate::authority::{PROOF_LIFE, PreflightAnswer};
use crate::backoff::{self, LONG};
use crate::delete_on_release::DeleteOnRelease;
use crate::failure::{Class, Failure};
use crate::id::{CallId, Generation, InstanceId, InterfaceId, ObjectId};
use crate::intent::Reattach;
use crate::reason::Reason;
use crate::retention::{AttachPhase, Attachment};
use crate::surroundings::Power;
use crate::time::Moment;

/// An attempt that has not come to its call by then is begun anew.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(30);
/// The first wait after an attempt that did not come to its call. It doubles five times.
const MISMATCH: Duration = Duration::from_secs(2);
/// The longest wait between two looks at an interface that is on its way.
const LOOK_WITHIN: Duration = Duration::from_secs(30);

/// How far attaching one interface has come.
#[derive(Debug, Clone)]
pub(crate) struct State {
    /// What is said of it.
    pub row: Attachment,
    /// Since when the call may have been sent; `None`: it was not, or its answer proved that it had no effect.
    pub sent: Option<Moment>,
    /// Whether it was said in this term that it is requested: then status says so of nobody else.
    ours: bool,
    /// Looks since then.
    looks: u32,
    look_at: Moment,
    failures: u32,
    /// Attempts in a row that did not come to their call.
    mismatches: u32,
    /// No call before this, for the reason that the row says.
    pub not_before: Moment,
}

impl State {
    fn new(row: Attachment) -> Self {
        Self {
            row,
            sent: None,
            ours: false,
            looks: 0,
            look_at: Moment::default(),
            failures: 0,
            mismatches: 0,
            not_before: Moment::default(),
        }
    }

    /// As status tells of it. Whoever said that it is requested may have come to the call.
    fn of_another(now: Moment, row: Attachment) -> Self {
        let sent = (row.phase == AttachPhase::Requested).then_some(now);
        Self { sent, look_at: now, ..Self::new(row) }
    }

    /// Whether it is about what the entry asks for now.
    fn is_of(&self, entry: &Reattach) -> bool {
        self.row.node == entry.node && (entry.node.is_some() || self.row.instance == entry.instance)
    }

    /// Whether its call may be under way.
    pub fn under_way(&self) -> bool {
        self.sent.is_some() && !self.row.ended()
    }
}

/// What status says of an interface that forbids a call by anybody else. What has ended has done so for its generation: an
/// entry that was removed and added again asks anew.
fn said_by_another<'a>(
    answer: &'a PreflightAnswer,
    id: &InterfaceId,
    generation: Generation,
) -> Option<&'a Attachment> {
    let (of, rows) = answer.attachments.as_ref()?;
    let row = rows.iter().find(|row| row.interface == *id)?;
    (row.phase == AttachPhase::Requested || (row.ended() && *of == generation)).then_some(row)
}

/// The one attempt that is on its way to its call.
#[derive(Debug)]
pub(super) struct Attempt {
    object: ObjectId,
    generation: Generation,
    interface: InterfaceId,
    instance: InstanceId,
    asked: Moment,
    step: Step,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The API server is asked.
    Preflight(PreflightId),
    /// The instance is to be read, in this call or a later one.
    ReadHost(CallId),
    /// The interface is to be read, in this call or a later one.
    Read(CallId),
    /// Status is to say durably that it is requested.
    Record(CallId),
    /// The call is under way.
    Calling,
}

/// What of one object's is to be attached.
#[derive(Debug, Default)]
struct Attachments {
    states: BTreeMap<InterfaceId, State>,
    /// Those that status says durably are requested, and of which instance.
    requested: BTreeMap<InterfaceId, InstanceId>,
    /// The spec asks for some.
    asked: bool,
}

/// What all objects want to have attached, and the one attempt that is on its way to its call.
#[derive(Debug, Default)]
pub(crate) struct Attacher {
    objects: BTreeMap<ObjectId, Attachments>,
    attempt: Option<Attempt>,
    /// Calls without an answer.
    calls: Calls<(ObjectId, InterfaceId)>,
}

/// What is to be done about an entry now.
pub(crate) enum Next {
    Say(AttachPhase, Reason),
    /// Everything that is known speaks for it.
    Ready(InstanceId),
}

/// What came of an entry's assessment.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// It is ready to be attached to this instance.
    pub ready: Option<InstanceId>,
    /// What is said of it has changed.
    pub changed: bool,
    /// It has just come to be attached.
    pub attached: bool,
}

/// What an attempt is ready for, as far as the engine has to see to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Call {
    pub object: ObjectId,
    pub interface: InterfaceId,
    pub instance: InstanceId,
}

impl Attacher {
    // What is known.

    /// How far attaching an interface of an object's has come.
    pub fn state(&self, object: &ObjectId, id: &InterfaceId) -> Option<&State> {
        self.objects.get(object)?.states.get(id)
    }

    fn state_mut(&mut self, object: &ObjectId, id: &InterfaceId) -> Option<&mut State> {
        self.objects.get_mut(object)?.states.get_mut(id)
    }

    /// The instance for which status says durably that the interface is requested.
    pub fn requested(&self, object: &ObjectId, id: &InterfaceId) -> Option<&InstanceId> {
        self.objects.get(object)?.requested.get(id)
    }

    /// The objects that ask, or asked, for something to be attached.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectId> {
        self.objects.keys()
    }

    /// What is said of an object's attachments.
    pub fn rows(&self, object: &ObjectId) -> Vec<Attachment> {
        self.states(object).map(|state| state.row.clone()).collect()
    }

    /// The states of an object's attachments.
    pub fn states(&self, object: &ObjectId) -> impl Iterator<Item = &State> {
        self.objects.get(object).into_iter().flat_map(|attachments| attachments.states.values())
    }

    // What objects ask for, and what status says.

    /// An object asks for something else.
    pub fn changed(&mut self, object: &ObjectId, intent_asks: bool) {
        if intent_asks || self.objects.contains_key(object) {
            self.objects.entry(object.clone()).or_default().asked = intent_asks;
        }
    }

    /// The object is gone.
    pub fn forget(&mut self, object: &ObjectId) {
        self.objects.remove(object);
    }

    /// Takes in what an object's status says durably. `first`: for the first time. `follows`: somebody else leads.
    pub fn recorded(
        &mut self,
        now: Moment,
        object: &ObjectId,
        rows: Vec<Attachment>,
        (first, follows): (bool, bool),
    ) {
        if rows.is_empty() && !self.objects.contains_key(object) {
            return;
        }
        let attachments = self.objects.entry(object.clone()).or_default();
        let requests = rows.iter().filter(|row| row.phase == AttachPhase::Requested);
        let requests = requests.filter_map(|row| Some((row.interface.clone(), row.instance.clone()?)));
        let known = std::mem::replace(&mut attachments.requested, requests.collect());
        if follows {
            // What somebody else has dropped meanwhile is no more.
            attachments.states.clear();
        }
        for row in rows {
            let ours = attachments.states.get(&row.interface).is_some_and(|state| state.ours);
            let late = row.phase == AttachPhase::Requested && !known.contains_key(&row.interface) && !ours;
            if first || late {
                attachments.states.insert(row.interface.clone(), State::of_another(now, row));
            }
        }
    }

    /// Lets go of objects that ask for nothing, and of which nothing is under way.
    pub fn tidy(&mut self) {
        self.objects.retain(|_, a| a.asked || !a.states.is_empty() || !a.requested.is_empty());
    }

    /// What the spec does not ask for any more although its call may be under way.
    pub fn abandoned(&self, object: &ObjectId, asked: &[Reattach]) -> Vec<Reattach> {
        let Some(attachments) = self.objects.get(object) else { return Vec::new() };
        let is_asked = |id: &InterfaceId| asked.iter().any(|entry| entry.interface == *id);
        let abandoned = attachments.states.iter().filter(|(id, state)| state.under_way() && !is_asked(id));
        abandoned
            .map(|(id, state)| Reattach {
                interface: id.clone(),
                instance: state.row.instance.clone(),
                node: state.row.node.clone(),
                is_node: state.row.node.is_some(),
            })
            .collect()
    }

    /// Drops what the spec does not ask for any more. What may be under way is seen to its end first. Whether there was any.
    pub fn drop_unasked(&mut self, object: &ObjectId, asked: &[Reattach]) -> bool {
        let Some(attachments) = self.objects.get_mut(object) else { return false };
        let before = attachments.states.len();
        attachments.states.retain(|id, state| {
            state.under_way() || asked.iter().any(|entry| entry.interface == *id && state.is_of(entry))
        });
        attachments.states.len() != before
    }

    /// Notes what is to be said of an entry.
    pub fn say(&mut self, object: &ObjectId, entry: &Reattach, next: Next) -> Said {
        let attempted =
            self.attempt.as_ref().filter(|a| a.object == *object && a.interface == entry.interface);
        let requesting = attempted.is_some_and(|a| matches!(a.step, Step::Record(_) | Step::Calling));
        let fresh = || {
            State::new(Attachment {
                interface: entry.interface.clone(),
                instance: entry.instance.clone(),
                node: entry.node.clone(),
                phase: AttachPhase::Waiting,
                reason: Reason::AttachWaits,
                detail: None,
            })
        };
        let states = &mut self.objects.entry(object.clone()).or_default().states;
        let is_new = !states.contains_key(&entry.interface);
        let state = states.entry(entry.interface.clone()).or_insert_with(fresh);
        let before = state.row.clone();
        let (phase, reason, ready) = match next {
            Next::Say(phase, reason) => (phase, reason, None),
            Next::Ready(instance) => {
                state.row.instance = Some(instance.clone());
                // What was said to be requested stays so until the call, or until something stands against it.
                if requesting || before.phase == AttachPhase::Requested {
                    (AttachPhase::Requested, Reason::AttachRequested, Some(instance))
                } else {
                    (AttachPhase::Waiting, Reason::AttachWaits, Some(instance))
                }
            }
        };
        if state.sent.is_none() && state.is_of(entry) && entry.node.is_some() && ready.is_none() {
            state.row.instance.clone_from(&entry.instance);
        }
        if (state.row.phase, state.row.reason) != (phase, reason) {
            state.row.detail = None;
        }
        (state.row.phase, state.row.reason) = (phase, reason);
        state.ours |= requesting && phase == AttachPhase::Requested;
        let attached = phase == AttachPhase::Attached && before.phase != AttachPhase::Attached;
        Said { ready, changed: is_new || state.row != before, attached }
    }

    /// What of an object's is on its way and to be read now, ever more seldom.
    pub fn watch(&mut self, now: Moment, context: &mut Context, object: &ObjectId) -> BTreeSet<InterfaceId> {
        let mut reads = BTreeSet::new();
        let Some(attachments) = self.objects.get_mut(object) else { return reads };
        for (id, state) in &mut attachments.states {
            if !state.under_way() {
                if state.not_before > now && !state.row.ended() {
                    context.wake_at(state.not_before);
                }
                continue;
            }
            if state.look_at <= now {
                reads.insert(id.clone());
                let wait = Duration::from_secs(1 << state.looks.min(5)).min(LOOK_WITHIN);
                state.looks += 1;
                state.look_at = now.after(wait);
            }
            context.wake_at(state.look_at);
        }
        reads
    }

    // The attempt.

    /// Whether an attempt is under way.
    pub fn busy(&self) -> bool {
        self.attempt.is_some()
    }

    /// Begins an attempt with a question to the API server.
    pub fn begin(
        &mut self,
        now: Moment,
        context: &mut Context,
        generation: Generation,
        call: Call,
    ) -> PreflightId {
        let preflight = context.number_preflight();
        let Call { object, interface, instance } = call;
        let step = Step::Preflight(preflight);
        self.attempt = Some(Attempt { object, generation, interface, instance, asked: now, step });
        context.wake_at(now.after(ATTEMPT_WITHIN));
        preflight
    }

    /// The attempt can't go on.
    pub fn give_up(&mut self) {
        self.attempt = None;
    }

    /// What the attempt under way is about, of which generation; `None`: there is none, or its call is under way.
    pub fn attempted(&self) -> Option<(Call, Generation)> {
        let attempt = self.attempt.as_ref().filter(|attempt| attempt.step != Step::Calling)?;
        Some((attempt.call(), attempt.generation))
    }

    /// Gives the attempt up for a while, so that others have their turn, and ever longer: each costs the API server whole
    /// listings.
    pub fn postpone(&mut self, now: Moment) {
        let Some(attempt) = self.attempt.take() else { return };
        if let Some(state) = self.state_mut(&attempt.object, &attempt.interface) {
            let wait = MISMATCH * (1 << state.mismatches.min(5));
            state.mismatches = state.mismatches.saturating_add(1);
            state.not_before = state.not_before.max(now.after(wait));
        }
    }

    /// Takes in the API server's answer, if it is to the attempt's question. `deleting`: whether its object is being deleted,
    /// as far as is known. `upcoming`: the next call. The answer: the object, if what is said of it has changed.
    pub fn preflight_answered(
        &mut self,
        now: Moment,
        upcoming: CallId,
        (preflight, answer): (PreflightId, &PreflightAnswer),
        deleting: impl FnOnce(&ObjectId) -> bool,
    ) -> Option<ObjectId> {
        let attempt = self.attempt.as_mut().filter(|a| a.step == Step::Preflight(preflight))?;
        if !answer.holds_as_known || answer.object != Some((attempt.generation, deleting(&attempt.object))) {
            // What we were told of lags behind what is there; it will come.
            self.postpone(now);
            return None;
        }
        attempt.step = Step::ReadHost(upcoming);
        let (object, interface, generation) =
            (attempt.object.clone(), attempt.interface.clone(), attempt.generation);
        let state = self.state_mut(&object, &interface).filter(|state| !state.ours)?;
        let theirs = said_by_another(answer, &interface, generation)?;
        // Whoever led before has come further than we were told, and perhaps to the call.
        *state = State::of_another(now, theirs.clone());
        self.attempt = None;
        Some(object)
    }

    /// The instance that is to be read for the attempt, and the first call that counts.
    pub fn awaited_host(&self) -> Option<(&InstanceId, CallId)> {
        match self.attempt.as_ref()? {
            Attempt { step: Step::ReadHost(since), instance, .. } => Some((instance, *since)),
            _ => None,
        }
    }

    /// The instance was read: now the interface is to be. `upcoming`: the first call that counts.
    pub fn host_read(&mut self, upcoming: CallId) -> Option<InterfaceId> {
        let attempt = self.attempt.as_mut().filter(|a| matches!(a.step, Step::ReadHost(_)))?;
        attempt.step = Step::Read(upcoming);
        Some(attempt.interface.clone())
    }

    /// Takes in that the interface was read last in this call. Whether the attempt has come so far that its request is to be
    /// said durably, and whether that is new.
    pub fn advance(&mut self, now: Moment, context: &mut Context, read: Option<CallId>) -> Option<bool> {
        let attempt = self.attempt.as_mut()?;
        let ends = attempt.asked.after(ATTEMPT_WITHIN);
        if now >= ends {
            self.postpone(now);
            return None;
        }
        context.wake_at(ends);
        let (Step::Read(since) | Step::Record(since)) = attempt.step else { return None };
        if read.is_none_or(|call| call < since) {
            return None;
        }
        let new = matches!(attempt.step, Step::Read(_));
        attempt.step = Step::Record(since);
        Some(new)
    }

    /// The call that may be sent as soon as status says durably that it is requested; `None`: what was read a while ago
    /// proves nothing now.
    pub fn due_call(&mut self, now: Moment, context: &mut Context) -> Option<Call> {
        let attempt = self.attempt.as_ref()?;
        let ends = attempt.asked.after(PROOF_LIFE);
        if now >= ends {
            self.postpone(now);
            return None;
        }
        context.wake_at(ends);
        let recorded = self.requested(&attempt.object, &attempt.interface) == Some(&attempt.instance);
        recorded.then(|| attempt.call())
    }

    /// The call is sent.
    pub fn sent(&mut self, now: Moment, context: &mut Context, call: Call) -> CallId {
        if let Some(attempt) = &mut self.attempt {
            attempt.step = Step::Calling;
        }
        if let Some(state) = self.state_mut(&call.object, &call.interface) {
            (state.sent, state.looks, state.look_at) = (Some(now), 0, now.after(Duration::from_secs(1)));
            state.mismatches = 0;
        }
        self.calls.send(now, context, (call.object, call.interface))
    }

    // What comes back.

    /// Calls without an answer.
    pub fn calls(&self) -> &Calls<impl Sized> {
        &self.calls
    }

    /// When a poll is wanted for a call without an answer.
    pub fn wake(&self, context: &mut Context) {
        if let Some(at) = self.calls.loses_at() {
            context.wake_at(at);
        }
    }

    /// Takes a call out that has an answer, or is lost: the object and the interface.
    pub fn take_call(&mut self, call: CallId) -> Option<(ObjectId, InterfaceId)> {
        let (_, (object, interface)) = self.calls.take(call)?;
        self.attempt.take_if(|a| a.object == object && a.interface == interface);
        Some((object, interface))
    }

    /// The call was refused, for certain without effect. `power`: that of the instance. `token_at`: when there is a token
    /// again. Whether anybody still wants it.
    pub fn refused(
        &mut self,
        now: Moment,
        context: &mut Context,
        (object, id): (&ObjectId, &InterfaceId),
        failure: &Failure,
        (power, token_at): (Option<Power>, Moment),
    ) -> bool {
        let Some(state) = self.state_mut(object, id) else { return false };
        let reason = refusal(failure, power);
        let failures = state.failures + 1;
        let wait = match failure.class {
            _ if reason == Reason::StopInstanceFirst => LONG,
            class if class.heals_itself() => backoff::wait(class, failures, &mut context.jitter),
            _ => context.jitter.stretch(LONG),
        };
        let not_before = match failure.class {
            Class::Throttled => now.after(wait).max(token_at),
            _ => now.after(wait),
        };
        let (_, detail) = describe::<DeleteOnRelease>(failure);
        (state.failures, state.not_before, state.sent) = (failures, not_before, None);
        let waits = failure.class.heals_itself() && !reason.needs_person();
        state.row.phase = if waits { AttachPhase::Waiting } else { AttachPhase::Refused };
        state.row.reason = reason;
        state.row.detail = Some(detail);
        true
    }

    /// Whoever leads meanwhile may send what was to be sent.
    pub fn end_term(&mut self, now: Moment) {
        self.attempt = None;
        for state in self.objects.values_mut().flat_map(|attachments| attachments.states.values_mut()) {
            state.ours = false;
            if state.row.phase == AttachPhase::Requested {
                state.sent.get_or_insert(now);
            }
        }
    }
}

impl Attempt {
    fn call(&self) -> Call {
        Call {
            object: self.object.clone(),
            interface: self.interface.clone(),
            instance: self.instance.clone(),
        }
    }
}

/// What a refusal means to a person. The codes are those of the error table of AttachNetworkInterface.
fn refusal(failure: &Failure, power: Option<Power>) -> Reason {
    match failure.code.as_ref() {
        "InvalidOperation.AvailabilityZoneMismatch" => Reason::ZoneMismatch,
        "InvalidOperation.VpcMismatch" => Reason::VpcMismatch,
        "EniPerInstanceLimitExceeded" | "MaxEniCountExceeded" | "SecurityGroupInstanceLimitExceed" => {
            Reason::QuotaExceeded
        }
        "EniHotPlugNotSupported"
        | "HotPlugNotSupport"
        | "InvalidOperation.EniHotPlugNotSupported"
        | "InvalidOperation.HotPlugNotSupport" => Reason::StopInstanceFirst,
        // So does a type without hot plug refuse, too, while it is running.
        "InvalidOperation.InvalidEcsState" if power == Some(Power::Running) => Reason::StopInstanceFirst,
        "InvalidOperation.EniServiceManaged" => Reason::ServiceManaged,
        // Of the interface, whatever the instance.
        "InvalidOperation.InvalidEniType" => Reason::TypeNotAttachable,
        "InvalidEcsId.NotFound" | "InvalidInstanceId.NotFound" => Reason::InstanceUnknown,
        _ if failure.class == Class::NotApplicable => Reason::InstanceCanNotTake,
        _ => failure.reason(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backoff::Jitter;
    use crate::engine::fixtures::{NOW, at, eni, host, object};
    use crate::failure::Effect;

    /// The interface a is to be attached to the instance a.
    fn entry() -> Reattach {
        Reattach { interface: eni("a"), instance: Some(host("a")), node: None, is_node: false }
    }

    fn row(phase: AttachPhase, reason: Reason) -> Attachment {
        let Reattach { interface, instance, node, .. } = entry();
        Attachment { interface, instance, node, phase, reason, detail: None }
    }

    fn requested() -> Attachment {
        row(AttachPhase::Requested, Reason::AttachRequested)
    }

    fn waiting() -> Attachment {
        row(AttachPhase::Waiting, Reason::AttachWaits)
    }

    fn good() -> PreflightAnswer {
        PreflightAnswer { object: Some((1, false)), holds_as_known: true, ..PreflightAnswer::default() }
    }

    fn state(attacher: &Attacher) -> Option<&State> {
        attacher.state(&object("o"), &eni("a"))
    }

    fn under_way(attacher: &Attacher) -> bool {
        state(attacher).is_some_and(State::under_way)
    }

    fn record(attacher: &mut Attacher, rows: &[Attachment], first: bool, follows: bool) {
        attacher.recorded(NOW, &object("o"), rows.to_vec(), (first, follows));
    }

    fn say(attacher: &mut Attacher, next: Next) -> Said {
        attacher.say(&object("o"), &entry(), next)
    }

    /// An attempt for the interface a, of generation 1, that began at the moment 1000 with this question.
    fn begun(context: &mut Context) -> (Attacher, PreflightId) {
        let mut attacher = Attacher::default();
        say(&mut attacher, Next::Ready(host("a")));
        let call = Call { object: object("o"), interface: eni("a"), instance: host("a") };
        let preflight = attacher.begin(NOW, context, 1, call);
        (attacher, preflight)
    }

    fn answer(attacher: &mut Attacher, preflight: PreflightId, answer: &PreflightAnswer) -> Option<ObjectId> {
        attacher.preflight_answered(NOW, CallId(60), (preflight, answer), |_| false)
    }

    /// The same, come so far that its request is to be said durably.
    fn proven(context: &mut Context) -> Attacher {
        let (mut attacher, preflight) = begun(context);
        answer(&mut attacher, preflight, &good());
        attacher.host_read(CallId(61));
        assert_eq!(attacher.advance(NOW, context, Some(CallId(61))), Some(true));
        say(&mut attacher, Next::Ready(host("a")));
        attacher
    }

    #[test]
    fn i23_what_status_says_is_requested_by_another_counts_as_sent() {
        let refused = row(AttachPhase::Refused, Reason::ZoneMismatch);
        for (why, known, said, first, follows, sent) in [
            ("after a start", &[][..], requested(), true, false, true),
            ("of somebody who leads since", &[], requested(), false, true, true),
            ("told late", &[], requested(), false, false, true),
            ("known already", &[requested()], requested(), false, false, false),
            ("it waits", &[], waiting(), true, false, false),
            ("it was refused", &[], refused, true, false, false),
        ] {
            let mut attacher = Attacher::default();
            record(&mut attacher, known, false, false);
            if !known.is_empty() {
                attacher.objects.get_mut(&object("o")).unwrap().states.clear();
            }
            record(&mut attacher, &[said], first, follows);
            assert_eq!(under_way(&attacher), sent, "{why}");
        }
    }

    #[test]
    fn i23_what_we_said_ourselves_is_not_taken_for_anothers() {
        let mut attacher = proven(&mut Context::new(Jitter::new(1)));
        assert_eq!(attacher.requested(&object("o"), &eni("a")), None);
        record(&mut attacher, &[requested()], false, false);
        assert!(!under_way(&attacher), "it has yet to be sent");
        assert_eq!(attacher.requested(&object("o"), &eni("a")), Some(&host("a")));
        record(&mut attacher, &[], false, true);
        assert!(state(&attacher).is_none(), "who leads since has dropped it");
        assert_eq!(attacher.requested(&object("o"), &eni("a")), None);
    }

    #[test]
    fn i23_what_was_to_be_sent_when_the_term_ended_counts_as_sent() {
        let mut attacher = proven(&mut Context::new(Jitter::new(1)));
        attacher.end_term(at(1002));
        assert!(!attacher.busy());
        assert_eq!(state(&attacher).unwrap().sent, Some(at(1002)));
        say(&mut attacher, Next::Say(AttachPhase::Attached, Reason::AttachDone));
        assert!(!under_way(&attacher));
    }

    #[test]
    fn i22_an_attempt_goes_on_only_after_an_answer_that_agrees() {
        let deleting = PreflightAnswer { object: Some((1, true)), ..good() };
        let edited = PreflightAnswer { object: Some((2, false)), ..good() };
        let nobody = PreflightAnswer { object: None, ..good() };
        let rival = PreflightAnswer { holds_as_known: false, ..good() };
        for (said, goes_on) in
            [(good(), true), (deleting, false), (edited, false), (nobody, false), (rival, false)]
        {
            let (mut attacher, preflight) = begun(&mut Context::new(Jitter::new(1)));
            assert_eq!(answer(&mut attacher, PreflightId(99), &said), None);
            assert!(attacher.busy() && attacher.awaited_host().is_none(), "that was another question");
            assert_eq!(answer(&mut attacher, preflight, &said), None);
            let awaited = attacher.awaited_host().map(|(id, since)| (id.clone(), since));
            assert_eq!(awaited, goes_on.then(|| (host("a"), CallId(60))), "{said:?}");
            assert_eq!(attacher.busy(), goes_on, "{said:?}");
            assert_eq!(state(&attacher).unwrap().not_before > NOW, !goes_on, "{said:?}");
        }
    }

    #[test]
    fn i23_what_another_leader_requested_or_ended_stops_the_attempt() {
        let done = || row(AttachPhase::Attached, Reason::AttachDone);
        let lost = row(AttachPhase::Refused, Reason::AttachLost);
        let other = Attachment { interface: eni("b"), ..requested() };
        for (generation, theirs, stops, sent) in [
            (1, requested(), true, true),
            (0, requested(), true, true),
            (1, done(), true, false),
            (0, done(), false, false),
            (1, lost, true, false),
            (1, waiting(), false, false),
            (1, other, false, false),
        ] {
            let (mut attacher, preflight) = begun(&mut Context::new(Jitter::new(1)));
            let said = PreflightAnswer { attachments: Some((generation, vec![theirs.clone()])), ..good() };
            let changed = answer(&mut attacher, preflight, &said);
            assert_eq!(changed, stops.then(|| object("o")), "{generation} {theirs:?}");
            assert_eq!(attacher.busy(), !stops, "{generation} {theirs:?}");
            assert_eq!(under_way(&attacher), sent, "{generation} {theirs:?}");
            assert!(!stops || state(&attacher).unwrap().row == theirs, "that is what is said");
        }
    }

    #[test]
    fn i22_an_attempt_goes_on_by_reads_that_were_sent_after_the_answer() {
        let mut context = Context::new(Jitter::new(1));
        let (mut attacher, preflight) = begun(&mut context);
        let mut advance =
            |attacher: &mut Attacher, call| attacher.advance(at(1001), &mut context, Some(CallId(call)));
        assert_eq!(advance(&mut attacher, 99), None, "the API server has not answered");
        answer(&mut attacher, preflight, &good());
        assert_eq!(advance(&mut attacher, 99), None, "the instance comes first");
        assert_eq!(attacher.host_read(CallId(62)), Some(eni("a")));
        assert_eq!(advance(&mut attacher, 61), None, "that was sent before");
        assert_eq!(advance(&mut attacher, 62), Some(true));
        assert_eq!(advance(&mut attacher, 62), Some(false), "that is nothing new");
    }

    #[test]
    fn i20_the_call_waits_until_status_says_durably_for_which_instance() {
        let mut context = Context::new(Jitter::new(1));
        let elsewhere = Attachment { instance: Some(host("b")), ..requested() };
        for (said, second, due) in [
            (&[][..], 1001, false),
            (&[waiting()], 1001, false),
            (&[elsewhere], 1001, false),
            (&[requested()], 1009, true),
            (&[requested()], 1010, false),
        ] {
            let mut attacher = proven(&mut context);
            record(&mut attacher, said, false, false);
            let call = attacher.due_call(at(second), &mut context);
            assert_eq!(call.is_some(), due, "{said:?} {second}");
            assert_eq!(attacher.busy(), second < 1010, "what is proven holds for ten seconds");
        }
    }

    #[test]
    fn i23_after_the_call_there_are_only_reads_ever_more_seldom() {
        let mut context = Context::new(Jitter::new(1));
        let mut attacher = proven(&mut context);
        record(&mut attacher, &[requested()], false, false);
        let call = attacher.due_call(NOW, &mut context).unwrap();
        let number = attacher.sent(NOW, &mut context, call);
        assert_eq!(attacher.attempted(), None, "its call is under way");
        assert_eq!(attacher.take_call(number), Some((object("o"), eni("a"))));
        assert!(!attacher.busy() && attacher.take_call(number).is_none());
        assert!(under_way(&attacher), "whatever the answer");
        let reads = |second| !attacher.watch(at(1000 + second), &mut context, &object("o")).is_empty();
        let looks: Vec<u64> = (0..130)
            .filter({
                let mut reads = reads;
                move |second| reads(*second)
            })
            .collect();
        assert_eq!(looks, [1, 2, 4, 8, 16, 32, 62, 92, 122]);
    }

    #[test]
    fn i29_a_refusal_waits_by_its_class_and_says_what_a_person_can_do() {
        let failure = |class, code: &str| Failure {
            operation: None,
            class,
            code: code.into(),
            request_id: None,
            effect: Effect::None,
            retry_after: None,
        };
        for (class, code, power, phase, reason, least, most) in [
            (
                Class::Transient,
                "ServiceUnavailable",
                None,
                AttachPhase::Waiting,
                Reason::CloudUnavailable,
                0,
                60,
            ),
            (Class::Throttled, "Throttling", None, AttachPhase::Waiting, Reason::Throttled, 300, 300),
            (
                Class::Permission,
                "Forbidden.RAM",
                None,
                AttachPhase::Refused,
                Reason::PermissionDenied,
                600,
                900,
            ),
            (
                Class::Busy,
                "InvalidOperation.InvalidEcsState",
                Some(Power::Running),
                AttachPhase::Refused,
                Reason::StopInstanceFirst,
                600,
                600,
            ),
            (
                Class::NotApplicable,
                "SomethingNew",
                None,
                AttachPhase::Refused,
                Reason::InstanceCanNotTake,
                600,
                900,
            ),
        ] {
            let mut context = Context::new(Jitter::new(1));
            let mut attacher = proven(&mut context);
            let call = Call { object: object("o"), interface: eni("a"), instance: host("a") };
            let number = attacher.sent(NOW, &mut context, call);
            attacher.take_call(number);
            let wanted = attacher.refused(
                NOW,
                &mut context,
                (&object("o"), &eni("a")),
                &failure(class, code),
                (power, at(1300)),
            );
            let State { row, not_before, .. } = state(&attacher).unwrap();
            assert_eq!((wanted, row.phase, row.reason), (true, phase, reason), "{code}");
            assert!(row.detail.as_deref().is_some_and(|detail| detail.contains(code)), "{code}: {row:?}");
            let waits = not_before.since(NOW).as_secs();
            assert!((least..=most).contains(&waits), "{code}: {waits}");
            assert!(!under_way(&attacher), "it had no effect");
        }
    }

    #[test]
    fn i29_attempts_that_do_not_come_to_their_call_come_ever_more_seldom() {
        let mut context = Context::new(Jitter::new(1));
        let (mut attacher, _) = begun(&mut context);
        let mut waits = Vec::new();
        for _ in 0..7 {
            let call = Call { object: object("o"), interface: eni("a"), instance: host("a") };
            attacher.begin(NOW, &mut context, 1, call);
            assert_eq!(attacher.advance(at(1030), &mut context, None), None, "it takes too long");
            assert!(!attacher.busy());
            waits.push(state(&attacher).unwrap().not_before.since(at(1030)).as_secs());
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 64, 64]);
    }

    #[test]
    fn i37_what_is_said_again_is_no_change_and_attaching_is_told_once() {
        let mut attacher = Attacher::default();
        let done = || Next::Say(AttachPhase::Attached, Reason::AttachDone);
        let waits = || Next::Say(AttachPhase::Waiting, Reason::InUse);
        for (next, changed, attached) in [
            (Next::Ready(host("a")), true, false),
            (Next::Ready(host("a")), false, false),
            (waits(), true, false),
            (waits(), false, false),
            (done(), true, true),
            (done(), false, false),
        ] {
            let said = say(&mut attacher, next);
            assert_eq!((said.changed, said.attached), (changed, attached), "{:?}", state(&attacher));
        }
    }

    #[test]
    fn i30_what_is_asked_for_no_more_is_dropped_unless_it_may_be_under_way() {
        let named = Reattach { node: Some("n".into()), ..entry() };
        let moved = Reattach { instance: Some(host("b")), ..entry() };
        for (why, said, asked, dropped, abandoned) in [
            ("asked for", waiting(), &[entry()][..], false, false),
            ("of another instance", waiting(), &[moved], true, false),
            ("of a Node", waiting(), &[named], true, false),
            ("not at all", waiting(), &[], true, false),
            ("not at all, and requested", requested(), &[], false, true),
            ("not at all, and attached", row(AttachPhase::Attached, Reason::AttachDone), &[], true, false),
        ] {
            let mut attacher = Attacher::default();
            record(&mut attacher, &[said], true, false);
            assert_eq!(attacher.abandoned(&object("o"), asked).len(), usize::from(abandoned), "{why}");
            assert_eq!(attacher.drop_unasked(&object("o"), asked), dropped, "{why}");
            assert_eq!(attacher.rows(&object("o")).is_empty(), dropped, "{why}");
        }
    }
}
