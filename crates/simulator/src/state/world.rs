//! The whole state, and what becomes of it in time: instances boot and are released; network interfaces are attached,
//! detached and deleted, and a release of their instance keeps them or takes them along.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::account_state::{AccountState, VSwitch};
use super::making;
use super::{
    Effect, Eip, Ending, Instance, InterfaceChange, InterfaceSeed, InterfaceStatus, InterfaceType, Mark,
    MetadataState, NetworkInterface, ReleaseReason, Released, Seed, Settings, Status,
};
use crate::clock::Clock;
use crate::faults::{Faults, Plan, Subject};
use crate::keys::{AccessKey, Keys, Nonces, OwnedKey};
use crate::log::Log;
use crate::ram::Session;
use crate::regions;

/// What is due at a moment of the cloud's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Booted { running: bool },
    AutoRelease,
    Settled(Ending),
}

/// The whole state, behind one lock.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) accounts: BTreeMap<String, AccountState>,
    pub(crate) keys: Keys,
    pub(crate) nonces: Nonces,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
    /// The metadata service of one instance.
    pub(crate) metadata: MetadataState,
    /// Calls that a fault keeps waiting, by account and operation.
    pub(crate) under_way: HashMap<(String, String), usize>,
    agenda: BTreeSet<(Timestamp, String, String, Due)>,
    /// When which member of a scaling group will have come or gone, by account and instance.
    pub(crate) scaling_agenda: BTreeSet<(Timestamp, String, String)>,
    sequence: u64,
    chance: RandomState,
}

impl World {
    pub(crate) fn now(&self) -> Timestamp {
        Clock { offset: SignedDuration::from_secs(self.settings.clock_offset_seconds) }.now()
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.sequence += 1;
        self.sequence
    }

    /// An unforeseeable number.
    pub(crate) fn chance(&mut self) -> u64 {
        let next = self.next();
        self.chance.hash_one(next)
    }

    /// A digest that is the same for equal things within one simulator.
    pub(crate) fn digest(&self, thing: impl std::hash::Hash) -> u64 {
        self.chance.hash_one(thing)
    }

    /// The vendor's form of a request id.
    pub(crate) fn request_id(&mut self) -> String {
        let (high, low) = (self.chance(), self.chance());
        format!(
            "{:08X}-{:04X}-{:04X}-{:04X}-{:012X}",
            high >> 32,
            (high >> 16) & 0xFFFF,
            high & 0xFFFF,
            low >> 48,
            low & 0xFFFF_FFFF_FFFF
        )
    }

    /// What the check of a signature needs.
    pub(crate) fn keys_and_nonces(&mut self) -> (&Keys, &mut Nonces) {
        (&self.keys, &mut self.nonces)
    }

    /// What the rules in force do to a call.
    pub(crate) fn plan(&mut self, call: &Subject<'_>) -> Plan {
        let now = self.now();
        let (chance, sequence) = (&self.chance, &mut self.sequence);
        self.faults.plan(call, now, || {
            *sequence += 1;
            chance.hash_one(*sequence)
        })
    }

    pub(crate) fn add_key(&mut self, account: &str, key: AccessKey) {
        self.account(account);
        self.keys.insert(OwnedKey { account: account.to_owned(), key, session: None });
    }

    /// An account, made if there is none.
    pub(crate) fn account(&mut self, id: &str) -> &mut AccountState {
        self.accounts.entry(id.to_owned()).or_default()
    }

    /// Opens a session, and answers its key.
    pub(crate) fn open_session(&mut self, account: &str, session: Session) -> AccessKey {
        let key = AccessKey::of_session(session.expires_at, || self.chance());
        self.keys.insert(OwnedKey {
            account: account.to_owned(),
            key: key.clone(),
            session: Some(Arc::new(Session { access_key_id: key.access_key_id.clone(), ..session })),
        });
        key
    }

    /// Lets time do its work: instances boot, interfaces arrive, and automatic releases
    /// happen. Called before every look at the state.
    pub(crate) fn catch_up(&mut self) {
        let now = self.now();
        while let Some((due, ..)) = self.agenda.first()
            && *due <= now
        {
            let Some((due, account, id, what)) = self.agenda.pop_first() else { return };
            let instance = self.find(&account, &id);
            match what {
                Due::AutoRelease
                    if instance.is_some_and(|instance| instance.auto_release_time == Some(due)) =>
                {
                    self.release(&account, &id, ReleaseReason::AutoRelease);
                }
                Due::Booted { running }
                    if instance.is_some_and(|instance| instance.status == Status::Pending) =>
                {
                    let status = if running { Status::Running } else { Status::Stopped };
                    self.change(&account, &id, Effect::Immediate, |instance| instance.status = status);
                }
                Due::Settled(ending)
                    if self
                        .find_interface(&account, &id)
                        .is_some_and(|interface| interface.settles == Some(due)) =>
                {
                    self.settle(&account, &id, ending);
                }
                // The plan was changed in the meantime.
                Due::AutoRelease | Due::Booted { .. } | Due::Settled(_) => {}
            }
        }
    }

    /// Plans the end of an instance's creation.
    pub(crate) fn boots(&mut self, account: &str, id: &str, running: bool) {
        let seconds = i64::from(self.settings.boot_seconds);
        if let Ok(due) = self.now().checked_add(SignedDuration::from_secs(seconds)) {
            self.agenda.insert((due, account.to_owned(), id.to_owned(), Due::Booted { running }));
        }
        self.catch_up();
    }

    /// Changes an instance and says whether anything is different; false for an instance that isn't there.
    pub(crate) fn change(
        &mut self,
        account: &str,
        id: &str,
        effect: Effect,
        change: impl FnOnce(&mut Instance),
    ) -> bool {
        let Some(state) = self.accounts.get_mut(account) else { return false };
        let changed = state.instances.change(id, effect, Instant::now(), change);
        if let Some(due) = state.instances.get(id).and_then(|instance| instance.auto_release_time) {
            self.agenda.insert((due, account.to_owned(), id.to_owned(), Due::AutoRelease));
        }
        changed
    }

    /// Releases an instance, whatever its protection says: who calls this has asked the rules already or has none.
    pub(crate) fn release(&mut self, account: &str, id: &str, reason: ReleaseReason) -> bool {
        let time = self.now();
        if self.find(account, id).is_none() {
            return false;
        }
        let (kept_network_interfaces, deleted_network_interfaces) = self.part(account, id, reason);
        let Some(state) = self.accounts.get_mut(account) else { return false };
        let Some(instance) = state.instances.remove(id) else { return false };
        state.released.push(Released {
            instance_id: id.to_owned(),
            time,
            reason,
            was_protected: instance.deletion_protection,
            kept_network_interfaces,
            deleted_network_interfaces,
        });
        // Its scaling group notices, and takes it off its list.
        if state.scaling_members.change(id, Effect::Immediate, Instant::now(), |member| member.lose(time)) {
            self.scaling_agenda.insert((time, account.to_owned(), id.to_owned()));
        }
        true
    }

    /// The true state of an instance.
    pub(crate) fn find(&self, account: &str, id: &str) -> Option<&Arc<Instance>> {
        self.accounts.get(account)?.instances.get(id)
    }

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
    fn settle(&mut self, account: &str, id: &str, ending: Ending) {
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
    fn part(&mut self, account: &str, instance: &str, reason: ReleaseReason) -> (Vec<String>, Vec<String>) {
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

    /// Makes instances from a seed and answers their ids. An id that exists already is replaced.
    pub(crate) fn seed(&mut self, account: &str, seed: &Seed) -> Vec<String> {
        let Some(count) = seed.count else { return vec![self.seed_one(account, seed)] };
        (1..=count)
            .map(|number| {
                // Equal length keeps the order of numbers and of texts the same.
                let numbered = |text: &Option<String>| text.as_ref().map(|text| format!("{text}{number:06}"));
                self.seed_one(
                    account,
                    &Seed {
                        instance_id: numbered(&seed.instance_id),
                        instance_name: numbered(&seed.instance_name),
                        network_interfaces: seed
                            .network_interfaces
                            .iter()
                            .map(|interface| interface.numbered(number))
                            .collect(),
                        ..seed.clone()
                    },
                )
            })
            .collect()
    }

    /// Makes one instance from a seed, with its network interfaces.
    pub(crate) fn seed_one(&mut self, account: &str, seed: &Seed) -> String {
        let instance = self.instance(seed);
        let mut interfaces = Vec::new();
        for seed in &seed.network_interfaces {
            interfaces.extend(self.interfaces(seed, Some(&instance)));
        }
        if !interfaces.iter().any(|interface| interface.r#type == InterfaceType::Primary) {
            interfaces.insert(0, self.interface(&InterfaceSeed::primary(), Some(&instance)));
        }
        self.insert(account, instance, interfaces, Effect::Immediate)
    }

    /// Makes network interfaces from a seed and answers their ids. An id that exists already is replaced. For an
    /// instance that isn't there, nothing is made.
    pub(crate) fn seed_interfaces(&mut self, account: &str, seed: &InterfaceSeed) -> Vec<String> {
        let instance = match &seed.instance_id {
            None => None,
            Some(id) => match self.find(account, id) {
                Some(instance) => Some(Arc::clone(instance)),
                None => return Vec::new(),
            },
        };
        let made = self.interfaces(seed, instance.as_deref());
        made.into_iter()
            .map(|interface| self.insert_interface(account, interface, Effect::Immediate))
            .collect()
    }

    fn interfaces(&mut self, seed: &InterfaceSeed, instance: Option<&Instance>) -> Vec<NetworkInterface> {
        match seed.count {
            None => vec![self.interface(seed, instance)],
            Some(count) => {
                (1..=count).map(|number| self.interface(&seed.numbered(number), instance)).collect()
            }
        }
    }

    /// Puts an instance with its network interfaces into an account.
    pub(crate) fn insert(
        &mut self,
        account: &str,
        instance: Instance,
        interfaces: Vec<NetworkInterface>,
        effect: Effect,
    ) -> String {
        let id = instance.instance_id.clone();
        if self.find(account, &id).is_some() {
            for former in self.interfaces_of(account, &id) {
                self.remove_interface(account, &former.network_interface_id);
            }
        }
        let sequence = self.next();
        if let Some(due) = instance.auto_release_time {
            self.agenda.insert((due, account.to_owned(), id.clone(), Due::AutoRelease));
        }
        let state = self.accounts.entry(account.to_owned()).or_default();
        state.learn(
            &instance.v_switch_id,
            VSwitch::new(&instance.region_id, &instance.zone_id, &instance.vpc_id),
        );
        state.instances.remove(&id);
        state.instances.insert(sequence, instance, effect, Instant::now());
        for interface in interfaces {
            self.insert_interface(account, interface, effect);
        }
        id
    }

    /// Puts a network interface into an account.
    pub(crate) fn insert_interface(
        &mut self,
        account: &str,
        interface: NetworkInterface,
        effect: Effect,
    ) -> String {
        let id = interface.network_interface_id.clone();
        let sequence = self.next();
        let state = self.accounts.entry(account.to_owned()).or_default();
        state.learn(
            &interface.v_switch_id,
            VSwitch::new(&interface.region_id, &interface.zone_id, &interface.vpc_id),
        );
        state.interfaces.remove(&id);
        state.interfaces.insert(sequence, interface, effect, Instant::now());
        id
    }

    /// A believable instance from what was said of it.
    pub(crate) fn instance(&mut self, seed: &Seed) -> Instance {
        making::instance(seed, self.next(), self.now())
    }

    /// A believable network interface from what was said of it, of an instance or free.
    pub(crate) fn interface(
        &mut self,
        seed: &InterfaceSeed,
        instance: Option<&Instance>,
    ) -> NetworkInterface {
        making::interface(seed, instance, self.next(), self.now())
    }

    /// An address that nothing else has.
    pub(crate) fn ipv4(&mut self) -> String {
        making::ipv4(self.next())
    }

    /// An address that nothing else has.
    pub(crate) fn ipv6(&mut self) -> String {
        let number = self.next();
        format!("2001:db8:{:x}:{:x}::1", number >> 16, number & 0xFFFF)
    }
}
