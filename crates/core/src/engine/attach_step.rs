//! What attaching takes: the record of an object, its entries, and the call.

use std::collections::BTreeSet;

use super::action::{Action, PreflightId};
use super::attach_checks::assess;
use super::attacher::{Attacher, Call, Next};
use super::flag_keeper::FlagKeeper;
use super::hosting::visit;
use super::hosts::{Presence, hosts_of};
use super::object::Object;
use super::targets::Targets;
use super::turn::Turn;
use super::view::View;
use crate::authority::{AttachPermit, PreflightAnswer};
use crate::budget::Urgency;
use crate::delete_on_release::DeleteOnRelease;
use crate::failure::{Class, Effect as Outcome, Failure};
use crate::id::{InstanceId, InterfaceId, ObjectId};
use crate::intent::Reattach;
use crate::interface::Interface;
use crate::resource::Place;
use crate::retention::{Record, Remembered};

/// One step of attaching: what is asked for, and the interfaces that it is about.
#[derive(Debug)]
pub(crate) struct Attaching<'a> {
    pub attacher: &'a mut Attacher,
    pub interfaces: &'a mut Targets<Interface>,
    pub keeper: &'a mut FlagKeeper<DeleteOnRelease>,
}

impl Attaching<'_> {
    /// Takes in what an object's status says durably. The first time, and as long as somebody else leads, it is what the
    /// object remembers.
    pub fn take_record(&mut self, turn: &mut Turn<'_>, name: &ObjectId, record: Record) {
        let follows = turn.context.window().is_none();
        let Some(object) = self.interfaces.objects.get_mut(name) else { return };
        let memory = &mut object.memory;
        let durable: BTreeSet<InterfaceId> = record.retained.keys().cloned().collect();
        // What whoever leads has given up, excluded, forgotten or seen go is remembered no more. What somebody has forgotten
        // nobody finds out again, so it is heeded also by who has begun to lead before hearing of it.
        let forgotten = |id: &InterfaceId| object.intent.forget_after.is_some() && memory.was_dated(id);
        let listed = memory.durable.iter().flatten();
        let listed = listed.filter(|id| (follows || forgotten(id)) && !durable.contains(*id));
        let dropped: Vec<InterfaceId> = listed.filter(|id| memory.kept.contains_key(*id)).cloned().collect();
        memory.kept.retain(|id, _| !dropped.contains(id));
        // What nobody here has ever known of, or heard of again, was recorded by whoever led before or meanwhile.
        let unknown = |id: &InterfaceId| !memory.kept.contains_key(id) && !memory.departed.contains_key(id);
        let before = |id: &InterfaceId| record.retained.get(id).and_then(|told| told.before.clone());
        let dated = record.survived_since.iter().map(|(id, since)| (id.clone(), (before(id), *since)));
        memory.dated = dated.collect();
        let adopted: Vec<(InterfaceId, Remembered)> =
            record.retained.into_iter().filter(|(id, _)| unknown(id)).collect();
        let first = memory.durable.is_none() || follows;
        self.attacher.recorded(turn.now, name, record.attachments, (first, follows));
        memory.recorded(durable, record.rows);
        let named: Vec<bool> = dropped.iter().map(|id| object.intent.selector.holds(id)).collect();
        let anything = first || !adopted.is_empty();
        let mut ids = Vec::new();
        for (id, mut remembered) in adopted {
            // On its way to an instance it is not on it yet, and may never be.
            remembered.on.take_if(|on| self.attacher.requested(name, &id) == Some(on));
            memory.kept.insert(id.clone(), remembered);
            self.interfaces.index.name(name, &id);
            ids.push(id);
        }
        for (id, named) in dropped.iter().zip(named) {
            if !named {
                self.interfaces.index.unname(name, id);
            }
            self.interfaces.unselect(id);
        }
        // Where it is now may be known already, from others.
        for id in &ids {
            self.keeper.remember(turn, self.interfaces, id);
        }
        if anything {
            visit(self.interfaces, turn, name, &ids.into_iter().collect());
        }
    }

    /// Says where each entry stands, and goes on with what is ready.
    pub fn plan(&mut self, turn: &mut Turn<'_>, out: &mut Vec<Action>) {
        // Nearly no object has any, and this is asked at every turn.
        self.attacher.tidy();
        let names: Vec<ObjectId> = self.attacher.objects().cloned().collect();
        let mut ready = None;
        for name in &names {
            let Some(object) = self.interfaces.objects.get(name) else { continue };
            let asked = object.intent.reattach.clone();
            for entry in self.attacher.abandoned(name, &asked) {
                let next = assess(self.keeper.view(turn, self.interfaces), self.attacher, name, &entry);
                self.say(turn, name, &entry, next);
            }
            if self.attacher.drop_unasked(name, &asked) {
                turn.context.touch(name.clone());
            }
            for entry in &asked {
                let next = assess(self.keeper.view(turn, self.interfaces), self.attacher, name, entry);
                if let Some(instance) = self.say(turn, name, entry, next)
                    && ready.is_none()
                {
                    let (object, interface) = (name.clone(), entry.interface.clone());
                    ready = Some(Call { object, interface, instance });
                }
            }
            let due = self.attacher.watch(turn.now, turn.context, name);
            self.interfaces.reader.read_at_once(&due);
        }
        self.advance_attempt(turn, out);
        if !self.attacher.busy()
            && let Some(call) = ready
            && let Some(generation) = self.interfaces.objects.get(&call.object).map(|o| o.generation)
        {
            let object = call.object.clone();
            let preflight = self.attacher.begin(turn.now, turn.context, generation, call);
            out.push(Action::Preflight(preflight, object));
        }
    }

    /// Notes what is to be said of an entry; the instance, if it is ready to be attached to it.
    fn say(
        &mut self,
        turn: &mut Turn<'_>,
        name: &ObjectId,
        entry: &Reattach,
        next: Next,
    ) -> Option<InstanceId> {
        let said = self.attacher.say(name, entry, next);
        if said.changed {
            turn.context.touch(name.clone());
        }
        let object = self.interfaces.objects.get_mut(name).filter(|_| said.attached);
        if let Some(remembered) = object.and_then(|o| o.memory.kept.get_mut(&entry.interface)) {
            remembered.reattached = true;
        }
        said.ready
    }

    /// The API server's answer, if it is to the attempt's question. The instance that is to be read because of it.
    pub fn take_preflight(
        &mut self,
        turn: &mut Turn<'_>,
        preflight: PreflightId,
        answer: &PreflightAnswer,
    ) -> Option<InstanceId> {
        let objects = &self.interfaces.objects;
        let deleting = |name: &ObjectId| objects.get(name).is_some_and(|o| o.intent.deleting.is_some());
        let upcoming = turn.context.upcoming_call();
        let awaited = self.attacher.awaited_host().is_some();
        if let Some(object) =
            self.attacher.preflight_answered(turn.now, upcoming, (preflight, answer), deleting)
        {
            turn.context.touch(object);
        }
        let host = self.attacher.awaited_host().filter(|_| !awaited);
        host.map(|(host, _)| host.clone())
    }

    /// The instance that the attempt waits for was read.
    pub fn host_read(&mut self, turn: &Turn<'_>) {
        if let Some(interface) = self.attacher.host_read(turn.context.upcoming_call()) {
            self.interfaces.reader.read_at_once(&[interface].into());
        }
    }

    fn advance_attempt(&mut self, turn: &mut Turn<'_>, out: &mut Vec<Action>) {
        let Some((call, generation)) = self.attacher.attempted() else { return };
        let object = self.interfaces.objects.get(&call.object).filter(|o| o.generation == generation);
        let entry = object
            .and_then(|o| o.intent.reattach.iter().find(|entry| entry.interface == call.interface).cloned());
        let stands = entry.as_ref().is_some_and(|entry| {
            let next = assess(self.keeper.view(turn, self.interfaces), self.attacher, &call.object, entry);
            matches!(next, Next::Ready(instance) if instance == call.instance)
        });
        let (Some(entry), true) = (entry, stands) else { return self.attacher.give_up() };
        let read = self.interfaces.inventory.evidence(&call.interface).map(|evidence| evidence.call);
        let Some(new) = self.attacher.advance(turn.now, turn.context, read) else { return };
        if new {
            let next = assess(self.keeper.view(turn, self.interfaces), self.attacher, &call.object, &entry);
            self.say(turn, &call.object, &entry, next);
        }
        self.call_if_recorded(turn, out);
    }

    /// Sends the call as soon as status says durably that it is requested.
    fn call_if_recorded(&mut self, turn: &mut Turn<'_>, out: &mut Vec<Action>) {
        let Some(call) = self.attacher.due_call(turn.now, turn.context) else { return };
        let Some(may) = self.interfaces.objects.get(&call.object).map(|object| object.intent.may) else {
            return;
        };
        if self.keeper.writer.closed(turn.now).is_some() || !self.keeper.writer.has_room() {
            return;
        }
        let horizon = self.keeper.view(turn, self.interfaces).horizon();
        // A write of the flag may have come between: then it is read again.
        let care = self.keeper.writer.care(&call.interface);
        let evidence = self.interfaces.inventory.evidence(&call.interface);
        let evidence = evidence.filter(|_| care.is_none_or(|c| c.writing.is_none()));
        let permit = evidence.and_then(|evidence| {
            let fresh = evidence.fresh(horizon, care.and_then(|care| care.written_before))?;
            AttachPermit::grant(may, &call.interface, fresh, &call.instance)
        });
        let Some(permit) = permit else { return self.attacher.postpone(turn.now) };
        if !self.keeper.writer.take_token(turn.now, Urgency::Foreground) {
            turn.context.wake_at(self.keeper.writer.next_token(turn.now, Urgency::Foreground));
            return;
        }
        let number = self.attacher.sent(turn.now, turn.context, call);
        self.keeper.writer.other_began();
        out.push(Action::Attach(number, permit));
    }

    /// The answer to the call, or the lack of one.
    pub fn ended(
        &mut self,
        turn: &mut Turn<'_>,
        name: &ObjectId,
        id: &InterfaceId,
        result: Result<(), Failure>,
    ) {
        self.keeper.writer.other_ended();
        let Err(failure) = result else { return };
        if failure.class == Class::Throttled {
            self.keeper.writer.throttled(turn.now, &failure);
        }
        if failure.effect == Outcome::Unknown {
            return;
        }
        let view = self.keeper.view(turn, self.interfaces);
        let power = self.interfaces.objects.get(name).and_then(|_| {
            let instance = self.attacher.state(name, id)?.row.instance.as_ref()?;
            match hosts_of(view.hosts, name)?.get(instance)?.presence {
                Presence::Shown(shown) => shown.surroundings.power,
                Presence::Gone(_) | Presence::Unknown(_) => None,
            }
        });
        let about = (power, self.keeper.writer.next_token(turn.now, Urgency::Background));
        if self.attacher.refused(turn.now, turn.context, (name, id), &failure, about) {
            self.interfaces.reader.read_at_once(&[id.clone()].into());
            turn.context.touch(name.clone());
        }
    }
}

/// The instances that intents to attach are about.
pub(super) fn destinations<'a>(
    attacher: &'a Attacher,
    name: &'a ObjectId,
    object: &'a Object<Interface>,
) -> impl Iterator<Item = &'a InstanceId> {
    let open = attacher.states(name).filter(|state| !state.row.ended());
    let named =
        object.intent.reattach.iter().filter(move |entry| {
            attacher.state(name, &entry.interface).is_none_or(|state| !state.row.ended())
        });
    open.filter_map(|state| state.row.instance.as_ref())
        .chain(named.filter_map(|entry| entry.instance.as_ref()))
}

/// Whether the interface was seen free.
pub(super) fn is_free(view: View<'_, Interface>, id: &InterfaceId) -> bool {
    view.inventory.evidence(id).is_some() && view.inventory.place(id) == Place::Free
}
