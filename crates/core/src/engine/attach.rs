//! Attaching retained interfaces, as objects ask for it: each intent once, however its answer is lost.
//!
//! Before the call the API server says that nothing unknown stands against it, the instance and the interface are read,
//! and `Requested` is durable in the object's status. After the call, unless its answer proves that it had no effect, there
//! are only reads.

mod assess;

use std::collections::BTreeSet;
use std::time::Duration;

use assess::{Next, assess, refusal};

use super::objects::Object;
use super::view::View;
use super::{Action, Engine, PreflightNumber};
use crate::authority::{AttachPermit, PROOF_LIFE, PreflightAnswer};
use crate::backoff::{self, LONG};
use crate::budget::Urgency;
use crate::failure::{Class, Effect as Outcome, Failure};
use crate::id::{CallId, Generation, InstanceId, InterfaceId, ObjectId};
use crate::intent::Reattach;
use crate::interface::Interface;
use crate::kind::Place;
use crate::reason::Reason;
use crate::retention::{AttachPhase, Attachment, Record, Remembered};
use crate::time::Moment;

/// An attempt that has not come to its call by then is begun anew.
const ATTEMPT_WITHIN: Duration = Duration::from_secs(30);
/// The first wait after an attempt that did not come to its call. It doubles five times.
const DOUBT: Duration = Duration::from_secs(2);
/// The longest wait between two looks at an interface that is on its way.
const LOOK_WITHIN: Duration = Duration::from_secs(30);

/// How far one intent to attach has come.
#[derive(Debug, Clone)]
pub(super) struct Errand {
    /// What is said of it.
    pub row: Attachment,
    /// Since when the call may have been sent; `None`: it was not, or its answer proved that it had no effect.
    sent: Option<Moment>,
    /// Whether it was said in this term that it is requested: then status says so of nobody else.
    ours: bool,
    /// Looks since then.
    looks: u32,
    look_at: Moment,
    failures: u32,
    /// Attempts in a row that did not come to their call.
    doubts: u32,
    /// No call before this, for the reason that the row says.
    not_before: Moment,
}

impl Errand {
    fn new(row: Attachment) -> Self {
        Self {
            row,
            sent: None,
            ours: false,
            looks: 0,
            look_at: Moment::default(),
            failures: 0,
            doubts: 0,
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
    fn under_way(&self) -> bool {
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
    Preflight(PreflightNumber),
    /// The instance is to be read.
    Look,
    /// The interface is to be read, in this call or a later one.
    Read(CallId),
    /// Status is to say durably that it is requested.
    Record(CallId),
    /// The call is under way.
    Calling,
}

impl Engine<Interface> {
    /// Takes in what an object's status says durably. The first time, and as long as somebody else leads, it is what the
    /// object remembers.
    pub fn take_record(&mut self, now: Moment, name: &ObjectId, record: Record) {
        let follows = self.context.window().is_none();
        let Some(object) = self.objects.get_mut(name) else { return };
        let memory = &mut object.memory;
        let durable: BTreeSet<InterfaceId> = record.retained.keys().cloned().collect();
        // What whoever leads has given up, excluded or seen go is remembered no more.
        let dropped = |id: &&InterfaceId| follows && !durable.contains(*id);
        let dropped: Vec<InterfaceId> = memory
            .durable
            .iter()
            .flatten()
            .filter(dropped)
            .filter(|id| memory.kept.contains_key(*id))
            .cloned()
            .collect();
        memory.kept.retain(|id, _| !dropped.contains(id));
        let requested = |a: &&Attachment| a.phase == AttachPhase::Requested;
        let requests = record.attachments.iter().filter(requested);
        let requests = requests.filter_map(|a| Some((a.interface.clone(), a.instance.clone()?))).collect();
        let known = std::mem::replace(&mut memory.requests, requests);
        // What nobody here has ever known of, or heard of again, was recorded by whoever led before or meanwhile.
        let unknown = |id: &InterfaceId| !memory.kept.contains_key(id) && !memory.departed.contains_key(id);
        let adopted: Vec<(InterfaceId, Remembered)> =
            record.retained.into_iter().filter(|(id, _)| unknown(id)).collect();
        let first = memory.durable.is_none() || follows;
        if follows {
            // What somebody else has dropped meanwhile is no more.
            memory.errands.clear();
        }
        for row in record.attachments {
            let ours = memory.errands.get(&row.interface).is_some_and(|errand| errand.ours);
            let late = row.phase == AttachPhase::Requested && !known.contains_key(&row.interface) && !ours;
            if first || late {
                memory.errands.insert(row.interface.clone(), Errand::of_another(now, row));
            }
        }
        memory.recorded(durable, record.rows);
        if !memory.errands.is_empty() {
            self.errands.insert(name.clone());
        }
        let holds: Vec<bool> = dropped.iter().map(|id| object.intent.selector.holds(id)).collect();
        let anything = first || !adopted.is_empty();
        let mut ids = Vec::new();
        for (id, mut remembered) in adopted {
            // On its way to an instance it is not on it yet, and may never be.
            remembered.on.take_if(|on| memory.requests.get(&id) == Some(on));
            memory.kept.insert(id.clone(), remembered);
            self.index.name(name, &id);
            ids.push(id);
        }
        for (id, holds) in dropped.iter().zip(holds) {
            if !holds {
                self.index.unname(name, id);
            }
            self.forget_unselected(id);
        }
        // Where it is now may be known already, from others.
        for id in ids {
            self.remember(now, &id);
        }
        if anything {
            self.visit(now, name, &BTreeSet::new());
        }
    }

    pub(crate) fn plan_attachments(&mut self, now: Moment, out: &mut Vec<Action<Interface>>) {
        // Nearly no object has any, and this is asked at every turn.
        let objects = &self.objects;
        self.errands.retain(|name| {
            objects.get(name).is_some_and(|o| !o.intent.reattach.is_empty() || !o.memory.errands.is_empty())
        });
        let names: Vec<ObjectId> = self.errands.iter().cloned().collect();
        let mut ready = None;
        for name in &names {
            for entry in self.abandoned(name) {
                let next = assess(self.view(now), name, &entry);
                self.say(name, &entry, next);
            }
            self.drop_errands(name);
            let entries = self.objects.get(name).map(|o| o.intent.reattach.clone()).unwrap_or_default();
            for entry in &entries {
                let next = assess(self.view(now), name, entry);
                if let Some(instance) = self.say(name, entry, next)
                    && ready.is_none()
                {
                    ready = Some((name.clone(), entry.interface.clone(), instance));
                }
            }
            self.watch_errands(now, name);
        }
        self.advance_attempt(now, out);
        if self.attempt.is_none()
            && let Some((object, interface, instance)) = ready
        {
            self.begin_attempt(now, object, interface, instance, out);
        }
    }

    /// What the spec does not ask for any more although its call may be under way.
    fn abandoned(&self, name: &ObjectId) -> Vec<Reattach> {
        let Some(object) = self.objects.get(name) else { return Vec::new() };
        let asked = |id: &InterfaceId| object.intent.reattach.iter().any(|entry| entry.interface == *id);
        let abandoned = object.memory.errands.iter().filter(|(id, errand)| errand.under_way() && !asked(id));
        abandoned
            .map(|(id, errand)| Reattach {
                interface: id.clone(),
                instance: errand.row.instance.clone(),
                node: errand.row.node.clone(),
                is_node: errand.row.node.is_some(),
            })
            .collect()
    }

    /// Drops what the spec does not ask for any more. What may be under way is seen to its end first.
    fn drop_errands(&mut self, name: &ObjectId) {
        let Some(object) = self.objects.get_mut(name) else { return };
        let intent = &object.intent;
        let before = object.memory.errands.len();
        object.memory.errands.retain(|id, errand| {
            errand.under_way()
                || intent.reattach.iter().any(|entry| entry.interface == *id && errand.is_of(entry))
        });
        if object.memory.errands.len() != before {
            self.context.touch(name.clone());
        }
    }

    /// Notes what is to be said of an entry; the instance, if it is ready to be attached to it.
    fn say(&mut self, name: &ObjectId, entry: &Reattach, next: Next) -> Option<InstanceId> {
        let attempted = self.attempt.as_ref().filter(|a| a.object == *name && a.interface == entry.interface);
        let requesting = attempted.is_some_and(|a| matches!(a.step, Step::Record(_) | Step::Calling));
        let object = self.objects.get_mut(name)?;
        let fresh = || {
            Errand::new(Attachment {
                interface: entry.interface.clone(),
                instance: entry.instance.clone(),
                node: entry.node.clone(),
                phase: AttachPhase::Waiting,
                reason: Reason::AttachWaits,
                detail: None,
            })
        };
        let is_new = !object.memory.errands.contains_key(&entry.interface);
        let errand = object.memory.errands.entry(entry.interface.clone()).or_insert_with(fresh);
        let before = errand.row.clone();
        let (phase, reason, ready) = match next {
            Next::Say(phase, reason) => (phase, reason, None),
            Next::Ready(instance) => {
                errand.row.instance = Some(instance.clone());
                // What was said to be requested stays so until the call, or until something stands against it.
                if requesting || before.phase == AttachPhase::Requested {
                    (AttachPhase::Requested, Reason::AttachRequested, Some(instance))
                } else {
                    (AttachPhase::Waiting, Reason::AttachWaits, Some(instance))
                }
            }
        };
        if errand.sent.is_none() && errand.is_of(entry) && entry.node.is_some() && ready.is_none() {
            errand.row.instance.clone_from(&entry.instance);
        }
        if (errand.row.phase, errand.row.reason) != (phase, reason) {
            errand.row.detail = None;
        }
        (errand.row.phase, errand.row.reason) = (phase, reason);
        errand.ours |= requesting && phase == AttachPhase::Requested;
        let attached = phase == AttachPhase::Attached && before.phase != AttachPhase::Attached;
        if attached && let Some(remembered) = object.memory.kept.get_mut(&entry.interface) {
            remembered.reattached = true;
        }
        if is_new || errand.row != before {
            self.context.touch(name.clone());
        }
        ready
    }

    /// Reads what is on its way, ever more seldom.
    fn watch_errands(&mut self, now: Moment, name: &ObjectId) {
        let Some(object) = self.objects.get_mut(name) else { return };
        let mut looks = BTreeSet::new();
        let mut wake = None;
        for (id, errand) in &mut object.memory.errands {
            if !errand.under_way() {
                if errand.not_before > now && !errand.row.ended() {
                    wake = Some(wake.map_or(errand.not_before, |at: Moment| at.min(errand.not_before)));
                }
                continue;
            }
            if errand.look_at <= now {
                looks.insert(id.clone());
                let wait = Duration::from_secs(1 << errand.looks.min(5)).min(LOOK_WITHIN);
                errand.looks += 1;
                errand.look_at = now.after(wait);
            }
            wake = Some(wake.map_or(errand.look_at, |at| at.min(errand.look_at)));
        }
        self.reader.read_at_once(&looks);
        if let Some(at) = wake {
            self.context.wake_at(at);
        }
    }

    fn begin_attempt(
        &mut self,
        now: Moment,
        object: ObjectId,
        interface: InterfaceId,
        instance: InstanceId,
        out: &mut Vec<Action<Interface>>,
    ) {
        let Some(generation) = self.objects.get(&object).map(|o| o.generation) else { return };
        let preflight = self.context.number_preflight();
        out.push(Action::Preflight(preflight, object.clone()));
        let step = Step::Preflight(preflight);
        self.attempt = Some(Attempt { object, generation, interface, instance, asked: now, step });
        self.context.wake_at(now.after(ATTEMPT_WITHIN));
    }

    /// The API server's answer, if it is to the attempt's question.
    pub(crate) fn attempt_preflight(
        &mut self,
        now: Moment,
        preflight: PreflightNumber,
        answer: &PreflightAnswer,
    ) {
        let Some(attempt) = self.attempt.as_mut().filter(|a| a.step == Step::Preflight(preflight)) else {
            return;
        };
        let object = self.objects.get_mut(&attempt.object);
        let deleting = object.as_ref().is_some_and(|o| o.intent.deleting.is_some());
        if !answer.holds_as_known || answer.object != Some((attempt.generation, deleting)) {
            // What we were told of lags behind what is there; it will come.
            return self.postpone(now);
        }
        attempt.step = Step::Look;
        let errand = object.and_then(|o| o.memory.errands.get_mut(&attempt.interface));
        if let Some(errand) = errand.filter(|errand| !errand.ours)
            && let Some(theirs) = said_by_another(answer, &attempt.interface, attempt.generation)
        {
            // Whoever led before has come further than we were told, and perhaps to the call.
            *errand = Errand::of_another(now, theirs.clone());
            self.context.touch(attempt.object.clone());
            self.attempt = None;
        }
    }

    /// Gives the attempt up for a while, so that others have their turn, and ever longer: each costs the API server whole
    /// listings.
    fn postpone(&mut self, now: Moment) {
        let Some(attempt) = self.attempt.take() else { return };
        let object = self.objects.get_mut(&attempt.object);
        if let Some(errand) = object.and_then(|o| o.memory.errands.get_mut(&attempt.interface)) {
            let wait = DOUBT * (1 << errand.doubts.min(5));
            errand.doubts = errand.doubts.saturating_add(1);
            errand.not_before = errand.not_before.max(now.after(wait));
        }
    }

    /// The instance that the attempt wants to be read, and since when.
    pub(crate) fn attempt_looks(&self) -> Option<(Moment, BTreeSet<InstanceId>)> {
        let attempt = self.attempt.as_ref().filter(|a| a.step == Step::Look)?;
        Some((attempt.asked, [attempt.instance.clone()].into()))
    }

    /// The instance was read.
    pub(crate) fn attempt_looked(&mut self) {
        let upcoming = self.context.upcoming_call();
        if let Some(attempt) = self.attempt.as_mut().filter(|a| a.step == Step::Look) {
            attempt.step = Step::Read(upcoming);
            self.reader.read_at_once(&[attempt.interface.clone()].into());
        }
    }

    fn advance_attempt(&mut self, now: Moment, out: &mut Vec<Action<Interface>>) {
        let Some(attempt) = &self.attempt else { return };
        if attempt.step == Step::Calling {
            return;
        }
        let (name, id, step) = (attempt.object.clone(), attempt.interface.clone(), attempt.step);
        let entry = self
            .objects
            .get(&name)
            .filter(|o| o.generation == attempt.generation)
            .and_then(|o| o.intent.reattach.iter().find(|entry| entry.interface == id).cloned());
        let stands = entry.as_ref().is_some_and(|entry| match assess(self.view(now), &name, entry) {
            Next::Ready(instance) => instance == attempt.instance,
            Next::Say(..) => false,
        });
        let (Some(entry), true) = (entry, stands) else {
            self.attempt = None;
            return;
        };
        let ends = attempt.asked.after(ATTEMPT_WITHIN);
        if now >= ends {
            self.postpone(now);
            return;
        }
        self.context.wake_at(ends);
        let read_since = match step {
            Step::Read(since) | Step::Record(since) => since,
            Step::Preflight(_) | Step::Look | Step::Calling => return,
        };
        let evidence = self.inventory.evidence(&id);
        if evidence.is_none_or(|e| e.call < read_since) {
            return;
        }
        if matches!(step, Step::Read(_)) {
            if let Some(attempt) = &mut self.attempt {
                attempt.step = Step::Record(read_since);
            }
            let next = assess(self.view(now), &name, &entry);
            self.say(&name, &entry, next);
        }
        self.call_if_recorded(now, out);
    }

    /// Sends the call as soon as status says durably that it is requested.
    fn call_if_recorded(&mut self, now: Moment, out: &mut Vec<Action<Interface>>) {
        let Some(Attempt { object: name, interface: id, instance, asked, .. }) = &self.attempt else {
            return;
        };
        let (name, id, instance) = (name.clone(), id.clone(), instance.clone());
        let ends = asked.after(PROOF_LIFE);
        if now >= ends {
            // What was read a while ago proves nothing now.
            self.postpone(now);
            return;
        }
        self.context.wake_at(ends);
        let Some(object) = self.objects.get(&name) else { return };
        let (recorded, may) = (object.memory.requests.get(&id) == Some(&instance), object.intent.may);
        let closed = self.writer.closed(now).is_some();
        if !recorded || closed || !self.writer.has_room() {
            return;
        }
        let horizon = self.view(now).horizon();
        // A write of the flag may have come between: then it is read again.
        let care = self.view(now).care(&id);
        let evidence = self.inventory.evidence(&id).filter(|_| care.is_none_or(|c| c.writing.is_none()));
        let permit = evidence.and_then(|evidence| {
            let fresh = evidence.fresh(horizon, care.and_then(|care| care.written_before))?;
            AttachPermit::grant(may, &id, fresh, &instance)
        });
        let Some(permit) = permit else {
            self.postpone(now);
            return;
        };
        if !self.writer.take_token(now, Urgency::Foreground) {
            let at = self.writer.next_token(now, Urgency::Foreground);
            self.context.wake_at(at);
            return;
        }
        if let Some(attempt) = &mut self.attempt {
            attempt.step = Step::Calling;
        }
        if let Some(errand) = self.objects.get_mut(&name).and_then(|o| o.memory.errands.get_mut(&id)) {
            (errand.sent, errand.looks, errand.look_at) = (Some(now), 0, now.after(Duration::from_secs(1)));
            errand.doubts = 0;
        }
        let call = self.context.number_call();
        self.attach_calls.insert(call, (now, name, id));
        self.writer.other_began();
        out.push(Action::Attach(call, permit));
    }

    /// The answer to the call, or the lack of one.
    pub(crate) fn attach_ended(
        &mut self,
        now: Moment,
        name: &ObjectId,
        id: &InterfaceId,
        result: Result<(), Failure>,
    ) {
        self.writer.other_ended();
        if self.attempt.as_ref().is_some_and(|a| a.object == *name && a.interface == *id) {
            self.attempt = None;
        }
        let Err(failure) = result else { return };
        if failure.class == Class::Throttled {
            self.writer.throttled(now, &failure);
        }
        if failure.effect == Outcome::Unknown {
            return;
        }
        let power = self.objects.get(name).and_then(|o| {
            let instance = o.memory.errands.get(id)?.row.instance.as_ref()?;
            o.roster.as_ref()?.owners.get(instance)?.shown()?.surroundings.power
        });
        let failures =
            self.objects.get(name).and_then(|o| o.memory.errands.get(id)).map_or(0, |e| e.failures) + 1;
        let reason = refusal(&failure, power);
        let wait = match failure.class {
            _ if reason == Reason::StopInstanceFirst => LONG,
            class if class.heals_itself() => backoff::wait(class, failures, &mut self.context.jitter),
            _ => self.context.jitter.stretch(LONG),
        };
        let not_before = match failure.class {
            Class::Throttled => now.after(wait).max(self.writer.next_token(now, Urgency::Background)),
            _ => now.after(wait),
        };
        let (_, detail) = super::describe::<Interface>(&failure);
        let object = self.objects.get_mut(name);
        let Some(errand) = object.and_then(|o| o.memory.errands.get_mut(id)) else { return };
        (errand.failures, errand.not_before) = (failures, not_before);
        errand.sent = None;
        let waits = failure.class.heals_itself() && !reason.needs_person();
        errand.row.phase = if waits { AttachPhase::Waiting } else { AttachPhase::Refused };
        errand.row.reason = reason;
        errand.row.detail = Some(detail);
        self.reader.read_at_once(&[id.clone()].into());
        self.context.touch(name.clone());
    }

    /// Whoever leads meanwhile may send what was to be sent.
    pub(crate) fn lose_attempts(&mut self, now: Moment) {
        self.attempt = None;
        for object in self.objects.values_mut() {
            for errand in object.memory.errands.values_mut() {
                errand.ours = false;
                if errand.row.phase == AttachPhase::Requested {
                    errand.sent.get_or_insert(now);
                }
            }
        }
    }
}

/// The instances that intents to attach are about.
pub(super) fn destinations(object: &Object<Interface>) -> impl Iterator<Item = &InstanceId> {
    let open = object.memory.errands.values().filter(|errand| !errand.row.ended());
    let named =
        object.intent.reattach.iter().filter(|entry| {
            object.memory.errands.get(&entry.interface).is_none_or(|errand| !errand.row.ended())
        });
    open.filter_map(|errand| errand.row.instance.as_ref())
        .chain(named.filter_map(|entry| entry.instance.as_ref()))
}

/// Whether the interface was seen free.
pub(super) fn is_free(view: View<'_, Interface>, id: &InterfaceId) -> bool {
    view.inventory.evidence(id).is_some() && view.inventory.place(id) == Place::Free
}
