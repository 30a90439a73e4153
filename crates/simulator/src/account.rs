//! One account of a running simulator, as a test holds it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::faults::Rule;
use crate::gateway::Cloud;
use crate::keys::AccessKey;
use crate::log::{Allowed, Count, LogEntry};
use crate::operations::{Manner, refuse_release};
use crate::ram::{ProviderSeed, RoleSeed, Session, UserSeed, ram_arn};
use crate::state::{
    Change, ConsoleUser, Effect, Eip, GroupChange, GroupSeed, Instance, InterfaceChange, InterfaceSeed,
    MemberChange, MemberSeed, NetworkInterface, ReleaseReason, Released, ScalingGroup, ScalingMember, Seed,
    scaling,
};
use crate::wire::Refusal;

/// An account to start with, also the form of an account in a seed file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AccountSeed {
    /// Numeric id; given by the simulator when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_id: Option<String>,
    /// Keys; one is made when there are none.
    pub access_keys: Vec<AccessKey>,
    /// RAM users that policies restrict.
    pub users: Vec<UserSeed>,
    /// RAM roles.
    pub roles: Vec<RoleSeed>,
    /// OIDC identity providers.
    pub oidc_providers: Vec<ProviderSeed>,
    /// Instances.
    pub instances: Vec<Seed>,
    /// Network interfaces that aren't in the seed of an instance.
    pub network_interfaces: Vec<InterfaceSeed>,
    /// Scaling groups.
    pub scaling_groups: Vec<GroupSeed>,
}

/// One account of a running simulator. A handle; clones are the same account.
#[derive(Clone, Debug)]
pub struct Account {
    cloud: Cloud,
    id: String,
    key: AccessKey,
}

impl Account {
    /// Adds an account to the cloud, or to an account what a seed has more.
    pub(crate) fn add(cloud: &Cloud, seed: AccountSeed) -> Self {
        let mut world = cloud.world();
        let number = world.next();
        let id = seed.account_id.unwrap_or_else(|| format!("2{number:015}"));
        let mut keys = seed.access_keys;
        if keys.is_empty() {
            keys.push(AccessKey::lasting(
                &format!("LTAI5tSim{number:015}"),
                &format!("SimulatorSecret{number:015}"),
            ));
        }
        for key in &keys {
            world.add_key(&id, key.clone());
        }
        for instances in &seed.instances {
            world.seed(&id, instances);
        }
        for interfaces in &seed.network_interfaces {
            world.seed_interfaces(&id, interfaces);
        }
        for group in &seed.scaling_groups {
            scaling::seed_group(&mut world, &id, group);
        }
        drop(world);
        let key = keys.swap_remove(0);
        let account = Self { cloud: cloud.clone(), id, key };
        seed.users.into_iter().for_each(|user| account.user(user));
        for role in seed.roles {
            account.role(role);
        }
        for provider in seed.oidc_providers {
            account.oidc_provider(provider);
        }
        account
    }

    /// An account that the cloud has. Its key is one of those that the account has, or an empty one.
    pub(crate) fn existing(cloud: &Cloud, id: &str) -> Option<Self> {
        let world = cloud.world();
        world.accounts.get(id)?;
        let key = world.keys.of(id).find(|owned| owned.session.is_none()).map(|owned| owned.key.clone());
        drop(world);
        let key = key.unwrap_or_else(|| AccessKey::lasting("", ""));
        Some(Self { cloud: cloud.clone(), id: id.to_owned(), key })
    }

    /// Numeric id, as GetCallerIdentity answers it.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key that requests of this account can be signed with.
    pub fn access_key(&self) -> &AccessKey {
        &self.key
    }

    /// Adds a key, or replaces the one with the same id.
    pub fn add_key(&self, key: AccessKey) {
        self.cloud.world().add_key(&self.id, key);
    }

    /// Takes a key away.
    pub fn remove_key(&self, access_key_id: &str) {
        self.cloud.world().keys.remove(access_key_id);
    }

    /// Adds a RAM user, or replaces the one with the same name. Its keys may do from now on what its policies allow.
    pub fn user(&self, user: UserSeed) {
        self.cloud.world().account(&self.id).add_user(user);
    }

    /// Takes the restrictions of a RAM user away; says whether there were any. Its keys may do everything again.
    pub fn remove_user(&self, name: &str) -> bool {
        self.cloud.world().account(&self.id).users.remove(name).is_some()
    }

    /// Adds a RAM role, or changes the one with the same name, and answers its ARN. Sessions of a role that changes go
    /// on, and may do what its new policies allow.
    pub fn role(&self, role: RoleSeed) -> String {
        let mut world = self.cloud.world();
        let (arn, number) = (ram_arn(&self.id, "role", &role.role_name), world.next());
        world.account(&self.id).add_role(number, role);
        arn
    }

    /// Takes a RAM role away; says whether it was there. Its sessions may do nothing any more.
    pub fn remove_role(&self, name: &str) -> bool {
        self.cloud.world().account(&self.id).roles.remove(name).is_some()
    }

    /// Registers an OIDC identity provider, or replaces the one with the same name, and answers its ARN.
    pub fn oidc_provider(&self, provider: ProviderSeed) -> String {
        let arn = ram_arn(&self.id, "oidc-provider", &provider.provider_name);
        self.cloud.world().account(&self.id).add_provider(provider);
        arn
    }

    /// Takes an OIDC identity provider away; says whether it was there.
    pub fn remove_oidc_provider(&self, name: &str) -> bool {
        self.cloud.world().account(&self.id).providers.remove(name).is_some()
    }

    /// The sessions of this account's roles, also those that have ended, by their end.
    pub fn sessions(&self) -> Vec<Session> {
        self.cloud.world().keys.sessions(&self.id)
    }

    /// Ends all sessions of this account's roles at once.
    pub fn end_sessions(&self) {
        let mut world = self.cloud.world();
        let now = world.now();
        world.keys.end_sessions(&self.id, now);
    }

    /// Makes instances and answers their ids.
    pub fn seed(&self, seed: &Seed) -> Vec<String> {
        self.cloud.world().seed(&self.id, seed)
    }

    /// Makes one instance and answers its id, whatever count the seed says.
    pub fn seed_one(&self, seed: &Seed) -> String {
        self.cloud.world().seed_one(&self.id, seed)
    }

    /// The true state of an instance, whatever reads show at the moment.
    pub fn instance(&self, id: &str) -> Option<Arc<Instance>> {
        self.cloud.world().find(&self.id, id).cloned()
    }

    /// The true state of all instances.
    pub fn instances(&self) -> Vec<Arc<Instance>> {
        let world = self.cloud.world();
        world.accounts.get(&self.id).map(|state| state.instances.all().cloned().collect()).unwrap_or_default()
    }

    /// Changes an instance as somebody in the console would; says whether anything is different.
    pub fn change(&self, id: &str, change: &Change) -> bool {
        self.cloud.world().change(&self.id, id, Effect::Immediate, |instance| change.apply(instance))
    }

    /// Releases an instance. `Manual` obeys the rules of a forced DeleteInstance; every other reason releases a
    /// protected instance too, as the vendor's page on release protection says.
    pub fn release(&self, id: &str, reason: ReleaseReason) -> Result<(), Refusal> {
        let mut world = self.cloud.world();
        let now = world.now();
        let instance = world.find(&self.id, id).ok_or_else(|| Refusal::no_such_instance(id))?;
        if reason == ReleaseReason::Manual {
            let manner = Manner { force: true, terminate_subscription: true, dry_run: false };
            refuse_release(instance, manner, now)?;
        }
        world.release(&self.id, id, reason);
        Ok(())
    }

    /// The instances that are gone, in the order in which they went.
    pub fn released(&self) -> Vec<Released> {
        self.cloud.world().accounts.get(&self.id).map(|state| state.released.clone()).unwrap_or_default()
    }

    /// Makes network interfaces and answers their ids; none for an instance that isn't there.
    pub fn seed_interfaces(&self, seed: &InterfaceSeed) -> Vec<String> {
        self.cloud.world().seed_interfaces(&self.id, seed)
    }

    /// The true state of a network interface, whatever reads show at the moment.
    pub fn network_interface(&self, id: &str) -> Option<Arc<NetworkInterface>> {
        self.cloud.world().find_interface(&self.id, id).cloned()
    }

    /// The true state of all network interfaces.
    pub fn network_interfaces(&self) -> Vec<Arc<NetworkInterface>> {
        let world = self.cloud.world();
        world
            .accounts
            .get(&self.id)
            .map(|state| state.interfaces.all().cloned().collect())
            .unwrap_or_default()
    }

    /// The true state of an instance's network interfaces, the primary one first, with those on their way to it or
    /// from it.
    pub fn interfaces_of(&self, instance_id: &str) -> Vec<Arc<NetworkInterface>> {
        self.cloud.world().interfaces_of(&self.id, instance_id)
    }

    /// Changes a network interface as somebody in the console would; says whether anything is different.
    pub fn change_interface(&self, id: &str, change: &InterfaceChange) -> bool {
        self.cloud.world().change_by_hand(&self.id, id, change)
    }

    /// Takes a network interface away at once, whatever it is used for; says whether it was there.
    pub fn remove_interface(&self, id: &str) -> bool {
        self.cloud.world().remove_interface(&self.id, id)
    }

    /// The EIPs whose network interface is gone: bound to nothing, and still paid for.
    pub fn unbound_eips(&self) -> Vec<Eip> {
        self.cloud.world().accounts.get(&self.id).map(|state| state.unbound_eips.clone()).unwrap_or_default()
    }

    /// Makes a scaling group with its members and answers its id.
    pub fn seed_group(&self, seed: &GroupSeed) -> String {
        scaling::seed_group(&mut self.cloud.world(), &self.id, seed)
    }

    /// Adds members to a scaling group and answers the ids of their instances; none for a group that isn't there.
    pub fn seed_members(&self, group_id: &str, seed: &MemberSeed) -> Vec<String> {
        scaling::seed_members(&mut self.cloud.world(), &self.id, group_id, seed)
    }

    /// The true state of a scaling group, whatever reads show at the moment.
    pub fn scaling_group(&self, id: &str) -> Option<Arc<ScalingGroup>> {
        scaling::group(&self.cloud.world(), &self.id, id).cloned()
    }

    /// The true state of all scaling groups.
    pub fn scaling_groups(&self) -> Vec<Arc<ScalingGroup>> {
        let world = self.cloud.world();
        world
            .accounts
            .get(&self.id)
            .map(|state| state.scaling_groups.all().cloned().collect())
            .unwrap_or_default()
    }

    /// The true state of an instance as a member of its scaling group.
    pub fn scaling_member(&self, instance_id: &str) -> Option<Arc<ScalingMember>> {
        scaling::member(&self.cloud.world(), &self.id, instance_id).cloned()
    }

    /// The true state of a scaling group's members, in the order in which they came.
    pub fn scaling_members(&self, group_id: &str) -> Vec<Arc<ScalingMember>> {
        let world = self.cloud.world();
        let group = scaling::group(&world, &self.id, group_id);
        group.map(|group| scaling::members(&world, &self.id, group)).unwrap_or_default()
    }

    /// Changes a scaling group, without any consequence; says whether anything is different.
    pub fn change_group(&self, id: &str, change: &GroupChange) -> bool {
        let world = &mut self.cloud.world();
        scaling::change_group(world, &self.id, id, Effect::Immediate, |group| change.apply(group))
    }

    /// Changes a member, without asking its scaling group; says whether anything is different.
    pub fn change_member(&self, instance_id: &str, change: &MemberChange) -> bool {
        let world = &mut self.cloud.world();
        scaling::change_member(world, &self.id, instance_id, Effect::Immediate, |member| change.apply(member))
    }

    /// Lets a scaling group get smaller by so many members, as a scaling rule does, and answers which of them go.
    pub fn scale_in(&self, group_id: &str, count: usize) -> Vec<String> {
        scaling::scale_in(&mut self.cloud.world(), &self.id, group_id, count)
    }

    /// Lets the health check of a scaling group look once, and answers which members it removes.
    pub fn check_health(&self, group_id: &str) -> Vec<String> {
        scaling::check_health(&mut self.cloud.world(), &self.id, group_id)
    }

    /// Carries out an operation as somebody else with this account would: same rules and answers, but no faults and
    /// no entry in the log.
    pub fn console(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Value, Refusal> {
        self.console_as(&ConsoleUser::default(), action, parameters)
    }

    /// The same, as this user of the console. Both are recorded by ActionTrail.
    pub fn console_as(
        &self,
        user: &ConsoleUser,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, Refusal> {
        self.cloud.console(&self.id, (action, parameters), user)
    }

    /// Puts a fault in force for this account only, and answers its number.
    pub fn fault(&self, rule: Rule) -> u64 {
        add_fault(&self.cloud, Rule { account: Some(self.id.clone()), ..rule })
    }

    /// Takes this account's faults out of force.
    pub fn clear_faults(&self) {
        self.cloud.world().faults.clear(Some(&self.id));
    }

    /// All requests of this account.
    pub fn log(&self) -> Vec<LogEntry> {
        self.cloud.world().log.entries(Some(&self.id), None, 0).cloned().collect()
    }

    /// This account's calls of one operation.
    pub fn count(&self, action: &str) -> Count {
        self.cloud.world().log.counts(Some(&self.id)).remove(action).unwrap_or_default()
    }

    /// This account's calls of one operation that have arrived, and that a fault keeps waiting.
    pub fn under_way(&self, action: &str) -> usize {
        let who = (self.id.clone(), action.to_owned());
        self.cloud.world().under_way.get(&who).copied().unwrap_or_default()
    }

    /// Forgets this account's requests.
    pub fn clear_log(&self) {
        self.cloud.world().log.clear(Some(&self.id));
    }

    /// What this account asked outside an allow-list, in sentences.
    pub fn violations(&self, allowed: &[Allowed]) -> Vec<String> {
        self.cloud.world().log.violations(Some(&self.id), allowed)
    }
}

/// Puts a fault in force and answers its number.
pub(crate) fn add_fault(cloud: &Cloud, rule: Rule) -> u64 {
    let mut world = cloud.world();
    let id = world.next();
    world.faults.add(id, rule);
    id
}
