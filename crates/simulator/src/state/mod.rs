//! Everything that the simulated cloud knows.

mod fleet;
mod instance;
mod seed;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

pub(crate) use fleet::{Effect, Fleet, Visit};
pub use instance::{ChargeType, Instance, LockReason, NetworkInterface, SpotStrategy, Status};
pub use seed::{Change, ReleaseReason, Seed};

use crate::accounts::{AccessKey, Nonces, OwnedKey};
use crate::clock::{Clock, start_of_minute};
use crate::faults::{Faults, Plan, Subject};
use crate::log::Log;
use crate::regions;

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
}

/// Settings of the whole simulator.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Settings {
    /// The region whose endpoint the cloud's port is. Without one, an id is looked up in all regions of its account,
    /// unless the Host header names a regional endpoint.
    pub region: Option<String>,
    /// Seconds by which the cloud's clock is ahead of the machine's.
    pub clock_offset_seconds: i64,
    /// How long an instance made through the API stays `Pending`, in seconds.
    pub boot_seconds: u32,
}

/// What is due at a moment of the cloud's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Booted { running: bool },
    AutoRelease,
}

/// One account's part of the cloud.
#[derive(Debug, Default)]
pub(crate) struct AccountState {
    pub(crate) fleet: Fleet,
    pub(crate) released: Vec<Released>,
    /// Answers by operation and ClientToken, each with a digest of the parameters it belongs to.
    pub(crate) client_tokens: HashMap<(&'static str, String), (u64, Value)>,
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

    /// Lets time do its work: instances boot, and automatic releases happen. Called before every look at the state.
    pub(crate) fn catch_up(&mut self) {
        let now = self.now();
        while let Some((due, ..)) = self.agenda.first()
            && *due <= now
        {
            let Some((due, account, id, what)) = self.agenda.pop_first() else { return };
            let Some(instance) = self.accounts.get(&account).and_then(|state| state.fleet.get(&id)) else {
                continue;
            };
            match what {
                Due::AutoRelease if instance.auto_release_time == Some(due) => {
                    self.release(&account, &id, ReleaseReason::AutoRelease);
                }
                Due::Booted { running } if instance.status == Status::Pending => {
                    let status = if running { Status::Running } else { Status::Stopped };
                    self.change(&account, &id, Effect::Immediate, |instance| instance.status = status);
                }
                // The plan was changed in the meantime.
                Due::AutoRelease | Due::Booted { .. } => {}
            }
        }
    }

    /// Makes instances from a seed and answers their ids. An id that exists already is replaced.
    pub(crate) fn seed(&mut self, account: &str, seed: &Seed) -> Vec<String> {
        let made: Vec<Instance> = match seed.count {
            None => vec![self.instance(seed, seed.instance_id.clone(), seed.instance_name.clone())],
            Some(count) => (1..=count)
                .map(|number| {
                    // Equal length keeps the order of numbers and of texts the same.
                    let numbered = |text: &String| format!("{text}{number:06}");
                    let (id, name) =
                        (seed.instance_id.as_ref().map(numbered), seed.instance_name.as_ref().map(numbered));
                    self.instance(seed, id, name)
                })
                .collect(),
        };
        made.into_iter().map(|instance| self.insert(account, instance, Effect::Immediate)).collect()
    }

    /// Puts an instance into an account's fleet.
    pub(crate) fn insert(&mut self, account: &str, instance: Instance, effect: Effect) -> String {
        let id = instance.instance_id.clone();
        let sequence = self.next();
        if let Some(due) = instance.auto_release_time {
            self.agenda.insert((due, account.to_owned(), id.clone(), Due::AutoRelease));
        }
        let state = self.accounts.entry(account.to_owned()).or_default();
        state.fleet.remove(&id);
        state.fleet.insert(sequence, instance, effect, Instant::now());
        id
    }

    /// Plans the end of an instance's creation.
    pub(crate) fn boots(&mut self, account: &str, id: &str, running: bool) {
        let seconds = i64::from(self.settings.boot_seconds);
        if let Ok(due) = self.now().checked_add(SignedDuration::from_secs(seconds)) {
            self.agenda.insert((due, account.to_owned(), id.to_owned(), Due::Booted { running }));
        }
        self.catch_up();
    }

    /// A believable instance from what was said of it.
    pub(crate) fn instance(&mut self, seed: &Seed, id: Option<String>, name: Option<String>) -> Instance {
        let number = self.next();
        let region = seed.region_id.clone().unwrap_or_else(|| "cn-hangzhou".to_owned());
        let mark = regions::find(&region).map_or("sim", |region| region.mark);
        let id = id.unwrap_or_else(|| format!("i-{mark}{number:017}"));
        let zone = seed.zone_id.clone().unwrap_or_else(|| format!("{region}-h"));
        let charge_type = seed.instance_charge_type.unwrap_or(ChargeType::PostPaid);
        let creation_time = seed.creation_time.unwrap_or_else(|| self.now());
        let [.., b, c, d] = number.to_be_bytes();
        Instance {
            instance_name: name.unwrap_or_else(|| id.clone()),
            host_name: format!("iZ{}Z", id.trim_start_matches("i-")),
            description: String::new(),
            v_switch_id: seed.v_switch_id.clone().unwrap_or_else(|| format!("vsw-{mark}simulated000000001")),
            vpc_id: seed.vpc_id.clone().unwrap_or_else(|| format!("vpc-{mark}simulated000000001")),
            security_group_ids: if seed.security_group_ids.is_empty() {
                vec![format!("sg-{mark}simulated000000001")]
            } else {
                seed.security_group_ids.clone()
            },
            network_interfaces: vec![NetworkInterface {
                network_interface_id: format!("eni-{mark}{number:017}"),
                primary: true,
                mac_address: format!("00:16:3e:{b:02x}:{c:02x}:{d:02x}"),
                primary_ip_address: format!("10.{b}.{c}.{d}"),
            }],
            instance_id: id,
            region_id: region,
            zone_id: zone,
            resource_group_id: seed.resource_group_id.clone().unwrap_or_default(),
            instance_type: seed.instance_type.clone().unwrap_or_else(|| "ecs.g7.large".to_owned()),
            image_id: "aliyun_3_x64_20G_alibase_20250629.vhd".to_owned(),
            status: seed.status.unwrap_or(Status::Running),
            instance_charge_type: charge_type,
            spot_strategy: seed.spot_strategy.unwrap_or(SpotStrategy::NoSpot),
            deletion_protection: seed.deletion_protection,
            auto_release_time: seed.auto_release_time.map(start_of_minute),
            expired_time: seed.expired_time.or_else(|| {
                let month = SignedDuration::from_hours(24 * 30);
                (charge_type == ChargeType::PrePaid).then(|| creation_time.checked_add(month).ok()).flatten()
            }),
            creation_time,
            locks: seed.locks.clone(),
            tags: seed.tags.clone(),
            credit_specification: String::new(),
            recyclable: false,
        }
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
        let changed = state.fleet.change(id, effect, Instant::now(), change);
        if let Some(due) = state.fleet.get(id).and_then(|instance| instance.auto_release_time) {
            self.agenda.insert((due, account.to_owned(), id.to_owned(), Due::AutoRelease));
        }
        changed
    }

    /// Releases an instance, whatever its protection says: who calls this has asked the rules already or has none.
    pub(crate) fn release(&mut self, account: &str, id: &str, reason: ReleaseReason) -> bool {
        let time = self.now();
        let Some(state) = self.accounts.get_mut(account) else { return false };
        let Some(instance) = state.fleet.remove(id) else { return false };
        state.released.push(Released {
            instance_id: id.to_owned(),
            time,
            reason,
            was_protected: instance.deletion_protection,
        });
        true
    }

    pub(crate) fn find(&self, account: &str, id: &str) -> Option<&Arc<Instance>> {
        self.accounts.get(account)?.fleet.get(id)
    }
}
