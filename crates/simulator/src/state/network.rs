//! What becomes of network interfaces: they are attached, detached and deleted in their own time, and a release of
//! their instance keeps them or takes them along.

use std::sync::Arc;

use jiff::SignedDuration;
use tokio::time::Instant;

use super::fleet::Mark;
use super::{
    Due, Effect, Eip, InterfaceChange, InterfaceStatus, InterfaceType, NetworkInterface, ReleaseReason, World,
};
use crate::regions;

/// How an asynchronous operation ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ending {
    #[default]
    Success,
    /// Accepted, and then it failed.
    Failure,
}

impl World {
    /// The true state of a network interface.
    pub(crate) fn find_interface(&self, account: &str, id: &str) -> Option<&Arc<NetworkInterface>> {
        self.accounts.get(account)?.interfaces.get(id)
    }

    /// The true state of the interfaces that belong to an instance, also of those on their way to it or from it; the
    /// primary one first.
    pub(crate) fn interfaces_of(&self, account: &str, instance: &str) -> Vec<Arc<NetworkInterface>> {
        let Some(state) = self.accounts.get(account) else { return Vec::new() };
        let Some(region) = state.instances.get(instance).map(|instance| &instance.region_id) else {
            return Vec::new();
        };
        let mut found: Vec<_> = state
            .interfaces
            .marked(region, &Mark::Instance(instance.to_owned()))
            .filter(|interface| interface.instance_id.as_deref() == Some(instance))
            .cloned()
            .collect();
        found.sort_by_key(|interface| interface.r#type != InterfaceType::Primary);
        found
    }

    /// Changes a network interface and says whether anything is different; false for one that isn't there.
    pub(crate) fn change_interface(
        &mut self,
        account: &str,
        id: &str,
        effect: Effect,
        change: impl FnOnce(&mut NetworkInterface),
    ) -> bool {
        let Some(state) = self.accounts.get_mut(account) else { return false };
        state.interfaces.change(id, effect, Instant::now(), change)
    }

    /// Changes a network interface as somebody in the console would. An EIP that loses it is bound to nothing, and one
    /// that gets it is bound.
    pub(crate) fn change_by_hand(&mut self, account: &str, id: &str, change: &InterfaceChange) -> bool {
        let eips = |world: &Self| {
            world.find_interface(account, id).map(|interface| interface.eips.clone()).unwrap_or_default()
        };
        let former = eips(self);
        let changed = self.change_interface(account, id, Effect::Immediate, |it| change.apply(it));
        let bound = eips(self);
        let is_bound = |eip: &Eip| bound.iter().any(|other| other.allocation_id == eip.allocation_id);
        if let Some(state) = self.accounts.get_mut(account) {
            state.unbound_eips.retain(|eip| !is_bound(eip));
            state.unbound_eips.extend(former.iter().filter(|eip| !is_bound(eip)).map(Eip::unbound));
        }
        changed
    }

    /// Takes an interface out of the world. Its EIPs are bound to nothing afterwards, and still there; what else it
    /// carries goes with it.
    pub(crate) fn remove_interface(&mut self, account: &str, id: &str) -> bool {
        let Some(state) = self.accounts.get_mut(account) else { return false };
        let Some(interface) = state.interfaces.remove(id) else { return false };
        state.unbound_eips.extend(interface.eips.iter().map(Eip::unbound));
        true
    }

    /// Sends an interface on its way: to an instance, from it, or out of the world.
    pub(crate) fn begin(
        &mut self,
        account: &str,
        id: &str,
        effect: Effect,
        (status, instance): (InterfaceStatus, Option<&str>),
        ending: Ending,
    ) -> bool {
        let duration = SignedDuration::from_millis(i64::from(self.settings.transition_millis));
        let Ok(due) = self.now().checked_add(duration) else { return false };
        let changed = self.change_interface(account, id, effect, |interface| {
            interface.status = status;
            interface.settles = Some(due);
            if let Some(instance) = instance {
                interface.instance_id = Some(instance.to_owned());
            }
        });
        if changed {
            self.agenda.insert((due, account.to_owned(), id.to_owned(), Due::Settled(ending)));
            self.catch_up();
        }
        changed
    }

    /// Ends what was begun.
    pub(super) fn settle(&mut self, account: &str, id: &str, ending: Ending) {
        let keeps_flag = self.settings.flag_survives_reattach;
        let Some(status) = self.find_interface(account, id).map(|interface| interface.status) else { return };
        let succeeds = ending == Ending::Success;
        if status == InterfaceStatus::Deleting && succeeds {
            self.remove_interface(account, id);
            return;
        }
        self.change_interface(account, id, Effect::Immediate, |interface| {
            interface.settles = None;
            match status {
                InterfaceStatus::Attaching if succeeds => {
                    interface.status = InterfaceStatus::InUse;
                    interface.delete_on_release |= interface.last_instance_id.is_some() && !keeps_flag;
                }
                InterfaceStatus::Detaching if succeeds => interface.set_free(),
                InterfaceStatus::Attaching => {
                    interface.status = InterfaceStatus::Available;
                    interface.instance_id = None;
                }
                InterfaceStatus::Detaching => interface.status = InterfaceStatus::InUse,
                // A deletion that failed stays as it is until it is asked for again, as documented.
                InterfaceStatus::Deleting | InterfaceStatus::Available | InterfaceStatus::InUse => {}
            }
        });
    }

    /// Decides over the interfaces of an instance that is being released; answers the kept and the deleted ones.
    pub(super) fn part(
        &mut self,
        account: &str,
        instance: &str,
        reason: ReleaseReason,
    ) -> (Vec<String>, Vec<String>) {
        let honoured = reason == ReleaseReason::Manual || self.settings.retention_also_on.contains(&reason);
        let stays = |interface: &NetworkInterface| {
            let may =
                interface.r#type != InterfaceType::Primary || regions::retains_primary(&interface.region_id);
            honoured && may && !interface.delete_on_release
        };
        let (kept, deleted): (Vec<_>, Vec<_>) =
            self.interfaces_of(account, instance).into_iter().partition(|interface| stays(interface));
        for interface in &deleted {
            self.remove_interface(account, &interface.network_interface_id);
        }
        for interface in &kept {
            let id = &interface.network_interface_id;
            self.change_interface(account, id, Effect::Immediate, NetworkInterface::set_free);
        }
        let ids = |interfaces: Vec<Arc<NetworkInterface>>| {
            interfaces.iter().map(|interface| interface.network_interface_id.clone()).collect()
        };
        (ids(kept), ids(deleted))
    }
}
