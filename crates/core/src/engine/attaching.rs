//! What attaching takes: the record of an object, its entries, and the call.

use std::collections::BTreeSet;

use super::assess::assess;
use super::attach::{Call, Next};
use super::objects::Object;
use super::view::View;
use super::{Action, Engine, PreflightNumber};
use crate::authority::{AttachPermit, PreflightAnswer};
use crate::budget::Urgency;
use crate::failure::{Class, Effect as Outcome, Failure};
use crate::id::{InstanceId, InterfaceId, ObjectId};
use crate::intent::Reattach;
use crate::interface::Interface;
use crate::kind::Place;
use crate::retention::{Record, Remembered};
use crate::time::Moment;

impl Engine<Interface> {
    /// Takes in what an object's status says durably. The first time, and as long as somebody else leads, it is what the
    /// object remembers.
    pub fn take_record(&mut self, now: Moment, name: &ObjectId, record: Record) {
        let follows = self.context.window().is_none();
        let Some(object) = self.objects.get_mut(name) else { return };
        let memory = &mut object.memory;
        let durable: BTreeSet<InterfaceId> = record.retained.keys().cloned().collect();
        // What whoever leads has given up, excluded or seen go is remembered no more.
        let listed = memory.durable.iter().flatten().filter(|id| follows && !durable.contains(*id));
        let dropped: Vec<InterfaceId> = listed.filter(|id| memory.kept.contains_key(*id)).cloned().collect();
        memory.kept.retain(|id, _| !dropped.contains(id));
        // What nobody here has ever known of, or heard of again, was recorded by whoever led before or meanwhile.
        let unknown = |id: &InterfaceId| !memory.kept.contains_key(id) && !memory.departed.contains_key(id);
        let adopted: Vec<(InterfaceId, Remembered)> =
            record.retained.into_iter().filter(|(id, _)| unknown(id)).collect();
        let first = memory.durable.is_none() || follows;
        self.attacher.recorded(now, name, record.attachments, (first, follows));
        memory.recorded(durable, record.rows);
        let named: Vec<bool> = dropped.iter().map(|id| object.intent.selector.holds(id)).collect();
        let anything = first || !adopted.is_empty();
        let mut ids = Vec::new();
        for (id, mut remembered) in adopted {
            // On its way to an instance it is not on it yet, and may never be.
            remembered.on.take_if(|on| self.attacher.requested(name, &id) == Some(on));
            memory.kept.insert(id.clone(), remembered);
            self.index.name(name, &id);
            ids.push(id);
        }
        for (id, named) in dropped.iter().zip(named) {
            if !named {
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
        self.attacher.tidy();
        let names: Vec<ObjectId> = self.attacher.objects().cloned().collect();
        let mut ready = None;
        for name in &names {
            let Some(object) = self.objects.get(name) else { continue };
            let asked = object.intent.reattach.clone();
            for entry in self.attacher.abandoned(name, &asked) {
                let next = assess(self.view(now), name, &entry);
                self.say(name, &entry, next);
            }
            if self.attacher.drop_unasked(name, &asked) {
                self.context.touch(name.clone());
            }
            for entry in &asked {
                let next = assess(self.view(now), name, entry);
                if let Some(instance) = self.say(name, entry, next)
                    && ready.is_none()
                {
                    let (object, interface) = (name.clone(), entry.interface.clone());
                    ready = Some(Call { object, interface, instance });
                }
            }
            let due = self.attacher.watch(now, &mut self.context, name);
            self.reader.read_at_once(&due);
        }
        self.advance_attempt(now, out);
        if !self.attacher.busy()
            && let Some(call) = ready
            && let Some(generation) = self.objects.get(&call.object).map(|o| o.generation)
        {
            let object = call.object.clone();
            let preflight = self.attacher.begin(now, &mut self.context, generation, call);
            out.push(Action::Preflight(preflight, object));
        }
    }

    /// Notes what is to be said of an entry; the instance, if it is ready to be attached to it.
    fn say(&mut self, name: &ObjectId, entry: &Reattach, next: Next) -> Option<InstanceId> {
        let said = self.attacher.say(name, entry, next);
        if said.changed {
            self.context.touch(name.clone());
        }
        let object = self.objects.get_mut(name).filter(|_| said.attached);
        if let Some(remembered) = object.and_then(|o| o.memory.kept.get_mut(&entry.interface)) {
            remembered.reattached = true;
        }
        said.ready
    }

    /// The API server's answer, if it is to the attempt's question.
    pub(crate) fn attempt_preflight(
        &mut self,
        now: Moment,
        preflight: PreflightNumber,
        answer: &PreflightAnswer,
    ) {
        let objects = &self.objects;
        let deleting = |name: &ObjectId| objects.get(name).is_some_and(|o| o.intent.deleting.is_some());
        if let Some(object) = self.attacher.preflight_answered(now, preflight, answer, deleting) {
            self.context.touch(object);
        }
    }

    /// The instance that the attempt wants to be read, and since when.
    pub(crate) fn attempt_looks(&self) -> Option<(Moment, BTreeSet<InstanceId>)> {
        self.attacher.wanted_host()
    }

    /// The instance was read.
    pub(crate) fn attempt_looked(&mut self) {
        if let Some(interface) = self.attacher.host_read(self.context.upcoming_call()) {
            self.reader.read_at_once(&[interface].into());
        }
    }

    fn advance_attempt(&mut self, now: Moment, out: &mut Vec<Action<Interface>>) {
        let Some((call, generation)) = self.attacher.attempted() else { return };
        let object = self.objects.get(&call.object).filter(|o| o.generation == generation);
        let entry = object
            .and_then(|o| o.intent.reattach.iter().find(|entry| entry.interface == call.interface).cloned());
        let stands = entry.as_ref().is_some_and(|entry| {
            let next = assess(self.view(now), &call.object, entry);
            matches!(next, Next::Ready(instance) if instance == call.instance)
        });
        let (Some(entry), true) = (entry, stands) else { return self.attacher.give_up() };
        let read = self.inventory.evidence(&call.interface).map(|evidence| evidence.call);
        let Some(new) = self.attacher.advance(now, &mut self.context, read) else { return };
        if new {
            let next = assess(self.view(now), &call.object, &entry);
            self.say(&call.object, &entry, next);
        }
        self.call_if_recorded(now, out);
    }

    /// Sends the call as soon as status says durably that it is requested.
    fn call_if_recorded(&mut self, now: Moment, out: &mut Vec<Action<Interface>>) {
        let Some(call) = self.attacher.due_call(now, &mut self.context) else { return };
        let Some(may) = self.objects.get(&call.object).map(|object| object.intent.may) else { return };
        if self.writer.closed(now).is_some() || !self.writer.has_room() {
            return;
        }
        let horizon = self.view(now).horizon();
        // A write of the flag may have come between: then it is read again.
        let care = self.writer.care(&call.interface);
        let evidence = self.inventory.evidence(&call.interface);
        let evidence = evidence.filter(|_| care.is_none_or(|c| c.writing.is_none()));
        let permit = evidence.and_then(|evidence| {
            let fresh = evidence.fresh(horizon, care.and_then(|care| care.written_before))?;
            AttachPermit::grant(may, &call.interface, fresh, &call.instance)
        });
        let Some(permit) = permit else { return self.attacher.postpone(now) };
        if !self.writer.take_token(now, Urgency::Foreground) {
            self.context.wake_at(self.writer.next_token(now, Urgency::Foreground));
            return;
        }
        let number = self.attacher.sent(now, &mut self.context, call);
        self.writer.other_began();
        out.push(Action::Attach(number, permit));
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
        let Err(failure) = result else { return };
        if failure.class == Class::Throttled {
            self.writer.throttled(now, &failure);
        }
        if failure.effect == Outcome::Unknown {
            return;
        }
        let power = self.objects.get(name).and_then(|o| {
            let instance = self.attacher.state(name, id)?.row.instance.as_ref()?;
            o.roster.as_ref()?.owners.get(instance)?.shown()?.surroundings.power
        });
        let about = (power, self.writer.next_token(now, Urgency::Background));
        if self.attacher.refused(now, &mut self.context, (name, id), &failure, about) {
            self.reader.read_at_once(&[id.clone()].into());
            self.context.touch(name.clone());
        }
    }
}

/// The instances that intents to attach are about.
pub(super) fn destinations<'a>(
    view: View<'a, Interface>,
    name: &'a ObjectId,
    object: &'a Object<Interface>,
) -> impl Iterator<Item = &'a InstanceId> {
    let open = view.attacher.states(name).filter(|state| !state.row.ended());
    let named = object.intent.reattach.iter().filter(move |entry| {
        view.attacher.state(name, &entry.interface).is_none_or(|state| !state.row.ended())
    });
    open.filter_map(|state| state.row.instance.as_ref())
        .chain(named.filter_map(|entry| entry.instance.as_ref()))
}

/// Whether the interface was seen free.
pub(super) fn is_free(view: View<'_, Interface>, id: &InterfaceId) -> bool {
    view.inventory.evidence(id).is_some() && view.inventory.place(id) == Place::Free
}
