//! What everything comes to in the end.

use keeper_core::conditions::{ConditionSet, Status};
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::flag::Flag;
use keeper_core::id::{InstanceId, InterfaceId};
use keeper_core::instance::{ChargeType, Instance};
use keeper_core::intent::{Intent, ScaleIn};
use keeper_core::interface::Interface;
use keeper_core::reason::Reason;
use keeper_core::scaling_member::LifecycleState;
use keeper_core::verdict::RegionReport;

use super::cloud::{Machine, Membership, Shown};
use super::store::{Spec, Stored};
use super::{Arrived, World, secs};

impl World {
    /// Everything that objects in the store want is so.
    pub fn converged(&self) -> Result<(), String> {
        for stored in self.store.values().filter(|s| s.decodable) {
            let name = stored.id.name();
            let Some((generation, part, condition_set)) = &stored.status else {
                return Err(format!("{name}: no status"));
            };
            if *generation != stored.generation {
                return Err(format!("{name}: a status of {generation}, not {}", stored.generation));
            }
            match &stored.spec {
                Spec::Protection(intent) => self.protection_converged(stored, intent, condition_set)?,
                Spec::Retention(intent) => self.retention_converged(stored, intent, part, condition_set)?,
            }
        }
        Ok(())
    }

    /// I25: an instance that has been seen unprotected is protected soon, unless a write of just that was refused lately, or so many
    /// writes that all of them rest. What writes of the other value were refused is no reason to wait.
    pub fn protected_soon(&self) -> Result<(), String> {
        let ago = |at| self.now.since(at);
        let lately = |refused: &&Arrived| ago(refused.at) < secs(800);
        // Writes of interfaces are no sign: each flag is counted for itself.
        let of_instance = |it: &&Arrived| it.id.starts_with("i-");
        let refused = || self.refused.iter().filter(of_instance);
        // Or so many in a row, however long that took: a write that was taken begins the count anew.
        let taken = self.arrived.iter().rfind(of_instance).map(|arrived| arrived.at).unwrap_or_default();
        let in_a_row = refused().filter(|refused| refused.at >= taken).count();
        let denied = refused().filter(lately).count() >= 5
            || (in_a_row >= 5 && refused().next_back().is_some_and(|refused| lately(&refused)));
        let answered = |name: &str| {
            let refused =
                self.refused.iter().any(|it| it.protected && it.id == name && ago(it.at) < secs(800));
            refused || self.arrived.iter().any(|it| it.protected && it.id == name && ago(it.at) < secs(90))
        };
        for stored in self.store.values().filter(|stored| stored.decodable && !denied) {
            let Some(intent) = stored.protection().filter(|it| DeletionProtection::enforces(it)) else {
                continue;
            };
            let waits = |id: &&InstanceId| {
                let known = stored.changed.max(self.altered).max(self.led_since);
                let since = self.instance_exposed(stored, intent, id).map(|since| since.max(known));
                let shown = self.tracks.get(id.as_str()).and_then(|track| track.shown.as_ref());
                since.is_some_and(|since| {
                    let seen = |shown: &Shown| {
                        shown.protected == Some(false) && shown.at >= since && ago(shown.at) > secs(15)
                    };
                    ago(since) > secs(150) && shown.is_some_and(seen)
                })
            };
            if let Some(id) = self.cloud.machines.keys().find(|id| !answered(id.as_str()) && waits(id)) {
                return Err(format!("{id} of {} is not protected: {:?}", stored.id.name(), stored.status));
            }
        }
        Ok(())
    }

    fn protection_converged(
        &self,
        stored: &Stored,
        intent: &Intent<Instance>,
        condition_set: &ConditionSet,
    ) -> Result<(), String> {
        let name = stored.id.name();
        let tags = |id: &InstanceId| self.cloud.machines.get(id).map_or(&[][..], |machine| machine.tags());
        let aside =
            |id: &InstanceId| stored.steps_aside_until(id, tags(id)).is_some_and(|end| self.now < end);
        let exposed = |(id, member): &(&InstanceId, &Membership)| {
            member.state == LifecycleState::InService
                && !aside(id)
                && !member.hidden
                && !member.refuses
                && self.selects_instance(&intent.selector, id)
        };
        if intent.scale_in == ScaleIn::Protect
            && !intent.observe
            && let Some((id, _)) = self.cloud.members.iter().find(exposed)
        {
            return Err(format!("{id} of {name} is not protected from scale-in: {:?}", stored.status));
        }
        if !DeletionProtection::enforces(intent) {
            return Ok(());
        }
        let unprotected = |(id, machine): &(&InstanceId, &Machine)| {
            let counts = machine.applicable() && !machine.hidden && !machine.protected();
            counts && self.selects_instance(&intent.selector, id) && !aside(id)
        };
        if let Some((id, _)) = self.cloud.machines.iter().find(unprotected) {
            return Err(format!("{id} of {name} is unprotected: {:?}", stored.status));
        }
        let timed = |(id, machine): &(&InstanceId, &Machine)| {
            let counts = machine.facts.charge_type == Some(ChargeType::PostPaid) && !machine.hidden;
            let set = machine.facts.auto_release != Some(None);
            set && counts && self.selects_instance(&intent.selector, id) && !aside(id)
        };
        if intent.cancel_release_times
            && let Some((id, _)) = self.cloud.machines.iter().find(timed)
        {
            return Err(format!("{id} of {name} has a release time: {:?}", stored.status));
        }
        let (_, part, _) = stored.status.as_ref().unwrap();
        let stuck = part.exceptions.iter().find(|e| e.reason == Some(Reason::Unprotecting));
        if let Some(stuck) = stuck {
            return Err(format!("I53: the exception of {name} never comes into force: {stuck:?}"));
        }
        let all_found = intent.selector.ids.iter().all(|id| self.cloud.machines.contains_key(id));
        let mut behind_nodes = intent.selector.node_ids.iter();
        let told = match condition_set.domain.reason {
            Reason::NoTargets | Reason::NotApplicable | Reason::Excepted => true,
            Reason::NodeInstanceGone => behind_nodes.any(|id| !self.cloud.machines.contains_key(id)),
            _ => condition_set.domain.status == Status::True,
        };
        if all_found && !told {
            return Err(format!("{name}: {:?}", condition_set.domain));
        }
        Ok(())
    }

    fn retention_converged(
        &self,
        stored: &Stored,
        intent: &Intent<Interface>,
        part: &RegionReport,
        condition_set: &ConditionSet,
    ) -> Result<(), String> {
        let name = stored.id.name();
        let mut named_odd = false;
        for (id, card) in self.cloud.cards.iter().filter(|(_, card)| !card.hidden) {
            if !self.is_target(stored, id, card) {
                continue;
            }
            named_odd |= !card.applicable() && intent.selector.ids.contains(id);
            if DeleteOnRelease::enforces(intent) && card.applicable() {
                if !card.protected() {
                    return Err(format!("{id} of {name} is not protected: {card:?} {:?}", stored.status));
                }
                if !stored.record.retained.contains_key(id) {
                    return Err(format!("{name} does not list {id}: {:?}", stored.record));
                }
            }
            let phase = part.retention.iter().flat_map(|r| &r.rows).find(|row| row.id == *id);
            let last_gone = phase
                .and_then(|row| row.last_instance.as_ref())
                .is_some_and(|last| !self.cloud.machines.contains_key(last));
            let available = part.retention.iter().any(|r| r.available.contains(id));
            if card.free()
                && card.applicable()
                && stored.record.retained.contains_key(id)
                && last_gone
                && !available
            {
                return Err(format!("{name}: {id} has outlived its instance: {phase:?}"));
            }
        }
        let gone = |id: &InterfaceId| !self.cloud.cards.contains_key(id);
        if let Some(id) = stored.record.retained.keys().find(|id| gone(id)) {
            return Err(format!("{name} lists {id}, which is gone: {:?}", stored.status));
        }
        let kept_for = |id: &InterfaceId| stored.survivors.get(id).map(|since| self.now.since(*since));
        let overdue = |id: &&InterfaceId| {
            let wanted = intent.reattach.iter().any(|entry| entry.interface == **id);
            let card =
                self.cloud.cards.get(*id).filter(|card| card.free() && card.applicable() && !card.hidden);
            let after = intent.forget_after.filter(|_| intent.deleting.is_none());
            !wanted
                && card.is_some_and(|card| !self.selected(intent, id, card))
                && after.is_some_and(|after| kept_for(id).is_some_and(|time| time > after + secs(900)))
        };
        if let Some(id) = stored.record.retained.keys().find(overdue) {
            return Err(format!("{name} still remembers {id}: {:?} {:?}", stored.survivors, stored.record));
        }
        let all_found = intent.selector.ids.iter().all(|id| !gone(id))
            && intent.hosts.iter().flat_map(|o| &o.ids).all(|id| self.cloud.machines.contains_key(id));
        let mut behind_nodes = intent.hosts.iter().flat_map(|o| &o.node_ids);
        let told = match condition_set.domain.reason {
            Reason::NoTargets | Reason::NotApplicable => true,
            Reason::NodeInstanceGone => behind_nodes.any(|id| !self.cloud.machines.contains_key(id)),
            _ => condition_set.domain.status == Status::True,
        };
        if DeleteOnRelease::enforces(intent) && all_found && !named_odd && !told {
            return Err(format!("{name}: {:?} {part:?}", condition_set.domain));
        }
        Ok(())
    }
}
