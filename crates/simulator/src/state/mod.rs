//! Everything that the simulated cloud knows.

mod fleet;
mod instance;
mod interface;
mod interface_seed;
mod making;
mod network;
mod seed;
mod settings;
mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

pub(crate) use fleet::{Effect, Fleet, Item, Mark, Visit};
pub use instance::{ChargeType, Instance, LockReason, SpotStrategy, Status};
pub(crate) use interface::DEFAULT_QUEUES;
pub use interface::{Eip, InterfaceStatus, InterfaceType, NetworkInterface, TrafficMode};
pub use interface_seed::{InterfaceChange, InterfaceSeed};
pub(crate) use network::Ending;
pub use seed::{Change, ReleaseReason, Seed};
pub use settings::{PrimaryRefusal, Settings};

use crate::accounts::{AccessKey, Nonces, OwnedKey};
use crate::clock::Clock;
use crate::faults::{Faults, Plan, Subject};
use crate::log::Log;

/// What pay-as-you-go instances show as the end of their time, as in the vendor's published sample answers.
pub(crate) const NEVER_EXPIRES: &str = "2099-12-31T15:59Z";

/// An instance that is gone.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Released {
    /// Its id.
    pub instance_id: String,
    /// When it went.
    pub time: Timestamp,
    /// Why.
    pub reason: ReleaseReason,
    /// Whether release protection was on at that moment.
    pub was_protected: bool,
    /// Its network interfaces that outlive it.
    pub kept_network_interfaces: Vec<String>,
    /// Its network interfaces that went with it.
    pub deleted_network_interfaces: Vec<String>,
}

/// What is due at a moment of the cloud's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Booted { running: bool },
    AutoRelease,
    Settled(Ending),
}

/// A part of a VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VSwitch {
    pub(crate) region: String,
    pub(crate) zone: String,
    pub(crate) vpc: String,
}

impl VSwitch {
    fn new(region: &str, zone: &str, vpc: &str) -> Self {
        Self { region: region.to_owned(), zone: zone.to_owned(), vpc: vpc.to_owned() }
    }
}

/// One account's part of the cloud.
#[derive(Debug, Default)]
pub(crate) struct AccountState {
    pub(crate) instances: Fleet<Instance>,
    pub(crate) interfaces: Fleet<NetworkInterface>,
    /// EIPs whose interface is gone.
    pub(crate) unbound_eips: Vec<Eip>,
    /// All that something was ever in: they aren't made by themselves.
    pub(crate) v_switches: HashMap<String, VSwitch>,
    pub(crate) released: Vec<Released>,
    /// Answers by operation and ClientToken, each with a digest of the parameters it belongs to.
    pub(crate) client_tokens: HashMap<(&'static str, String), (u64, Value)>,
}

impl AccountState {
    /// Remembers a vSwitch; what was said of it first stays true.
    fn learn(&mut self, id: &str, v_switch: VSwitch) {
        if !self.v_switches.contains_key(id) {
            self.v_switches.insert(id.to_owned(), v_switch);
        }
    }

    /// The member interfaces of a trunk interface.
    pub(crate) fn members(&self, trunk: &NetworkInterface) -> impl Iterator<Item = &NetworkInterface> {
        let instance = trunk.instance_id.clone().map(Mark::Instance);
        let near = instance
            .into_iter()
            .flat_map(|mark| self.interfaces.marked(&trunk.region_id, &mark).collect::<Vec<_>>());
        near.map(Arc::as_ref)
            .filter(|near| near.trunk_network_interface_id.as_ref() == Some(&trunk.network_interface_id))
    }
}

/// The whole state, behind one lock.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) accounts: BTreeMap<String, AccountState>,
    pub(crate) keys: HashMap<String, OwnedKey>,
    pub(crate) nonces: Nonces,
    pub(crate) faults: Faults,
    pub(crate) log: Log,
    /// Calls that a fault keeps waiting, by account and operation.
    pub(crate) under_way: HashMap<(String, String), usize>,
    agenda: BTreeSet<(Timestamp, String, String, Due)>,
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
    pub(crate) fn keys_and_nonces(&mut self) -> (&HashMap<String, OwnedKey>, &mut Nonces) {
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
        self.accounts.entry(account.to_owned()).or_default();
        self.keys.insert(key.access_key_id.clone(), OwnedKey { account: account.to_owned(), key });
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
        true
    }

    /// The true state of an instance.
    pub(crate) fn find(&self, account: &str, id: &str) -> Option<&Arc<Instance>> {
        self.accounts.get(account)?.instances.get(id)
    }
}
