//! What is there, and what people do to it: in the cloud's console and with `kubectl`.

use std::time::Duration;

use keeper_core::engine::Asked;
use keeper_core::exception::ExceptionRecord;
use keeper_core::id::{InstanceId, ObjectId, ScalingGroupId, Tag};
use keeper_core::instance::{ChargeType, InstanceFacts};
use keeper_core::intent::DeletionPolicy;
use keeper_core::interface::{InterfaceStatus, InterfaceType};
use keeper_core::lift::Removal;
use keeper_core::retention::Record;
use keeper_core::scaling_member::LifecycleState;

use super::cloud::{Card, Machine, Membership, card, eni, i, machine, payg, tags, unprotected_since};
use super::store::{Spec, Stored};
use super::{Event, World, secs};

/// The tag that Auto Scaling puts on the instances of a group.
const GROUP_TAG: &str = "acs:autoscaling:scalingGroupId";

impl World {
    // What is there, and what people do to it.

    pub fn instance(&mut self, name: &str, facts: InstanceFacts) -> &mut Machine {
        self.cloud.machines.insert(i(name), machine(self.now, facts));
        self.altered = self.now;
        self.cloud.machines.get_mut(&i(name)).unwrap()
    }

    /// An unprotected instance.
    pub fn machine(&mut self, name: &str, tags: &[(&str, &str)]) -> &mut Machine {
        self.instance(name, payg(false, tags))
    }

    /// So many unprotected instances, `i-00000` and so on.
    pub fn machines(&mut self, count: usize, tags: &[(&str, &str)]) {
        for n in 0..count {
            self.machine(&format!("i-{n:05}"), tags);
        }
    }

    pub fn card(&mut self, name: &str, on: Option<&str>, of: InterfaceType) -> &mut Card {
        self.cloud.cards.insert(eni(name), card(self.now, on, of));
        self.cloud.cards.get_mut(&eni(name)).unwrap()
    }

    /// An instance `i-x` with its primary interface `eni-x0` and a secondary one, `eni-x1`.
    pub fn server(&mut self, letter: &str, tags: &[(&str, &str)]) {
        let name = format!("i-{letter}");
        self.machine(&name, tags);
        self.card(&format!("eni-{letter}0"), Some(&name), InterfaceType::Primary);
        self.card(&format!("eni-{letter}1"), Some(&name), InterfaceType::Secondary);
    }

    /// Changes an interface.
    pub fn change(&mut self, name: &str, how: impl FnOnce(&mut Card)) {
        let now = self.now;
        if let Some(card) = self.cloud.cards.get_mut(&eni(name)) {
            let was_protected = card.protected();
            how(card);
            card.unprotected_since =
                unprotected_since(card.unprotected_since, was_protected, card.protected(), now);
            card.changed = now;
        }
    }

    /// Changes an instance in any way but its flag.
    pub fn alter(&mut self, name: &str, how: impl FnOnce(&mut Machine)) {
        let now = self.now;
        if let Some(machine) = self.cloud.machines.get_mut(&i(name)) {
            how(machine);
            machine.changed = now;
            self.altered = now;
        }
    }

    /// Somebody sets the flag in the console.
    pub fn flip(&mut self, name: &str, protected: bool) {
        self.set_flag(name, protected);
    }

    /// Somebody sets the automatic release time of an instance, or takes it away.
    pub fn set_release_time(&mut self, name: &str, time: Option<&str>) {
        if let Some(machine) = self.cloud.machines.get_mut(&i(name)) {
            machine.facts.auto_release = Some(time.map(Into::into));
        }
    }

    /// An instance joins a scaling group, and has its tag from then on.
    pub fn join_group(&mut self, name: &str, group: &str) {
        self.alter(name, |machine| {
            let tags = machine.facts.tags.get_or_insert_default();
            tags.retain(|tag| tag.key.as_ref() != GROUP_TAG);
            tags.push(Tag::new(GROUP_TAG, group));
        });
        let group = ScalingGroupId::new(group);
        let (state, changed) = (LifecycleState::InService, self.now);
        let member = Membership { group, state, hidden: false, refuses: false, groupless: false, changed };
        self.cloud.members.insert(i(name), member);
    }

    /// An instance leaves its group, and loses its tag.
    pub fn leave_group(&mut self, name: &str) {
        self.alter(name, |machine| {
            machine.facts.tags.get_or_insert_default().retain(|tag| tag.key.as_ref() != GROUP_TAG);
        });
        self.cloud.members.remove(&i(name));
    }

    /// Changes a membership.
    pub fn change_member(&mut self, name: &str, how: impl FnOnce(&mut Membership)) {
        let now = self.now;
        if let Some(member) = self.cloud.members.get_mut(&i(name)) {
            how(member);
            member.changed = now;
        }
    }

    /// Auto Scaling makes a group smaller: what is in service goes, and what is protected stays.
    pub fn scale_in(&mut self, group: &str) {
        let members = self.cloud.members.iter();
        let goes = members.filter(|(_, member)| {
            member.group.as_str() == group && member.state == LifecycleState::InService
        });
        let goes: Vec<String> = goes.map(|(id, _)| id.to_string()).collect();
        for name in goes {
            self.release(&name);
        }
    }

    pub fn protected_from_scale_in(&self, name: &str) -> bool {
        self.cloud.members.get(&i(name)).is_some_and(|member| member.state == LifecycleState::Protected)
    }

    /// Somebody replaces the tags of an instance.
    pub fn tag(&mut self, name: &str, pairs: &[(&str, &str)]) {
        self.alter(name, |machine| machine.facts.tags = Some(tags(pairs)));
    }

    /// An instance's charge type is changed.
    pub fn recharge(&mut self, name: &str, to: ChargeType) {
        self.alter(name, |machine| machine.facts.charge_type = Some(to));
    }

    /// From now on the cloud answers as if it did not exist, or no longer so.
    pub fn hide(&mut self, name: &str, hidden: bool) {
        let now = self.now;
        self.alter(name, |machine| machine.hidden = hidden);
        self.change(name, |card| {
            card.hidden = hidden;
            card.hidden_since = card.hidden_since.or(Some(now));
        });
    }

    pub fn release(&mut self, name: &str) {
        self.cloud.release(self.now, &i(name));
        self.altered = self.now;
    }

    /// Somebody begins to detach it.
    pub fn detach(&mut self, name: &str) {
        let detachable =
            |card: &Card| card.in_use() && card.facts.interface_type == Some(InterfaceType::Secondary);
        if self.cloud.cards.get(&eni(name)).is_some_and(detachable) {
            self.change(name, |card| card.facts.status = Some(InterfaceStatus::Detaching));
            self.schedule(secs(2), None, Event::Settle(eni(name)));
        }
    }

    /// Somebody begins to attach it.
    pub fn attach_by_hand(&mut self, name: &str, to: &str) {
        if self.cloud.attach(self.now, &eni(name), &i(to)).is_ok() {
            self.schedule(self.cloud.mood.attach_takes, None, Event::Settle(eni(name)));
        }
    }

    /// Somebody deletes it; only a free one can be.
    pub fn discard(&mut self, name: &str) {
        if self.cloud.cards.get(&eni(name)).is_some_and(Card::free) {
            self.cloud.cards.remove(&eni(name));
        }
    }

    pub fn on(&self, name: &str) -> Option<&str> {
        self.cloud.cards[&eni(name)].instance().map(InstanceId::as_str)
    }

    /// Whether the instance, or the interface, is protected.
    pub fn protected(&self, name: &str) -> bool {
        let card = self.cloud.cards.get(&eni(name));
        card.map_or_else(|| self.cloud.machines[&i(name)].protected(), Card::protected)
    }

    /// The writes of its flag that the cloud took.
    pub fn writes_to(&self, name: &str) -> usize {
        self.arrived.iter().filter(|a| a.id == name).count()
    }

    /// The writes that the cloud took or refused.
    pub fn tries(&self) -> usize {
        self.arrived.len() + self.refused.len()
    }

    pub fn unprotecting_writes(&self) -> Vec<&str> {
        self.arrived.iter().filter(|a| !a.protected).map(|a| a.id.as_str()).collect()
    }

    // What people do to objects.

    /// `kubectl apply`; the watch tells of it at once.
    pub fn apply(&mut self, name: &str, spec: impl Into<Spec>) {
        self.apply_unseen(name, spec);
        self.deliver(name);
    }

    /// Stores the object without the watch telling of it.
    pub fn apply_unseen(&mut self, name: &str, spec: impl Into<Spec>) {
        let spec = spec.into();
        if let Some(stored) = self.store.get_mut(name) {
            stored.edit(spec, self.now);
        } else {
            self.next_uid += 1;
            let id = ObjectId::new("default", name, &format!("uid-{}", self.next_uid));
            self.store.insert(name.to_owned(), Stored::new(id, spec, self.now));
        }
    }

    pub fn nodes(&mut self, name: &str, ids: &[&str]) {
        let now = self.now;
        if let Some(stored) = self.store.get_mut(name) {
            stored.nodes(ids, now);
            // Nodes are watched for themselves: the object's version stays, and what is asked is told anew.
            let (id, generation, asked) = (stored.id.clone(), stored.generation, stored.asked());
            self.tell_of(id, generation, asked);
        }
    }

    /// The object can't be decoded any more.
    pub fn corrupt(&mut self, name: &str) {
        if let Some(stored) = self.store.get_mut(name) {
            stored.corrupt(self.now);
        }
        self.deliver(name);
    }

    /// It asks nothing here any more, until it is told of again: its namespace has no grant, or its Nodes are elsewhere.
    pub fn withdraw(&mut self, name: &str) {
        let Some(stored) = self.store.get(name) else { return };
        let (id, generation) = (stored.id.clone(), stored.generation);
        self.tell_of(id, generation, Asked::Gone);
    }

    /// `kubectl delete`: with a finalizer it stays until the work is done.
    pub fn delete(&mut self, name: &str) {
        let Some(stored) = self.store.get_mut(name) else { return };
        if stored.spec.deletion_policy() == DeletionPolicy::Unprotect {
            stored.terminate(self.now);
            self.deliver(name);
        } else {
            self.remove(name);
        }
    }

    pub fn remove(&mut self, name: &str) {
        if let Some(stored) = self.store.remove(name) {
            self.desks.remove(&stored.id);
            self.tell_of(stored.id, stored.generation, Asked::Gone);
        }
    }

    /// The watch tells of an object as it is.
    pub fn deliver(&mut self, name: &str) {
        let Some(stored) = self.store.get(name) else { return };
        // The operator lets go at once of what it has nothing to do for.
        if stored.spec.terminating() && (!stored.decodable || stored.spec.unprotecting().is_none()) {
            return self.remove(name);
        }
        let (id, version) = (stored.id.clone(), stored.version);
        let (generation, asked) = (stored.generation, stored.asked());
        self.see(&id, version, generation, asked, true);
    }

    /// The engine is told of an object as it is, whatever the operator knows.
    pub fn tell(&mut self, name: &str) {
        if let Some(stored) = self.store.get(name) {
            let (id, generation, asked) = (stored.id.clone(), stored.generation, stored.asked());
            self.tell_of(id, generation, asked);
        }
    }

    /// The durable record of an object, as a test wants it to be.
    pub fn forge(&mut self, name: &str, how: impl FnOnce(&mut Record)) {
        let stored = self.store.get_mut(name).unwrap();
        how(&mut stored.record);
        stored.version += 1;
        self.deliver(name);
    }

    /// Karpenter removes a machine that an object selects through its Node, and has come so far; `None`: Node and NodeClaim are
    /// gone.
    pub fn karpenter(&mut self, object: &str, machine: &str, removal: Option<Removal>) {
        let now = self.now;
        let stored = self.store.get_mut(object).unwrap();
        match removal {
            Some(removal) => _ = stored.removals.insert(i(machine), (removal, now)),
            None => _ = stored.removals.remove(&i(machine)),
        }
        if !matches!(removal, Some(Removal::Due | Removal::Pending | Removal::Unknown)) {
            stored.lifted_in_vain.remove(&i(machine));
        }
        let (id, generation, asked) = (stored.id.clone(), stored.generation, stored.asked());
        self.tell_of(id, generation, asked);
    }

    /// Somebody writes into what status says of an exception.
    pub fn forge_exception(&mut self, name: &str, id: &str, how: impl FnOnce(&mut ExceptionRecord)) {
        let stored = self.store.get_mut(name).unwrap();
        how(stored.exceptions.get_mut(&i(id)).unwrap());
        stored.version += 1;
        self.deliver(name);
    }

    /// From now on the API server takes no status of the object, or does again.
    pub fn refuse_status(&mut self, name: &str, refuse: bool) {
        let until = if refuse { self.now.after(secs(1_000_000)) } else { self.now };
        self.unwritable.insert(self.store[name].id.clone(), until);
    }

    /// Whether the API server takes no status of the object, or took none this long ago.
    pub fn is_unwritable(&self, id: &ObjectId, lately: Duration) -> bool {
        self.unwritable.get(id).is_some_and(|until| self.now < until.after(lately))
    }
}
