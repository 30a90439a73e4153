//! One account's part of the cloud.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    Eip, Fleet, Instance, Mark, NetworkInterface, ReleaseReason, ScalingGroup, ScalingMember, Trail,
};
use crate::ram::{ProviderSeed, Role, RoleSeed, UserSeed};

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

/// A part of a VPC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct VSwitch {
    pub(crate) region: String,
    pub(crate) zone: String,
    pub(crate) vpc: String,
}

impl VSwitch {
    pub(super) fn new(region: &str, zone: &str, vpc: &str) -> Self {
        Self { region: region.to_owned(), zone: zone.to_owned(), vpc: vpc.to_owned() }
    }
}

/// One account's part of the cloud.
#[derive(Debug, Default)]
pub(crate) struct AccountState {
    pub(crate) instances: Fleet<Instance>,
    pub(crate) interfaces: Fleet<NetworkInterface>,
    pub(crate) scaling_groups: Fleet<ScalingGroup>,
    /// By the id of the instance, which is in one group at most.
    pub(crate) scaling_members: Fleet<ScalingMember>,
    /// EIPs whose interface is gone.
    pub(crate) unbound_eips: Vec<Eip>,
    /// All that something was ever in: they aren't made by themselves.
    pub(crate) v_switches: HashMap<String, VSwitch>,
    pub(crate) released: Vec<Released>,
    /// What ActionTrail has recorded.
    pub(crate) trail: Trail,
    /// RAM users by name, as far as they are restricted.
    pub(crate) users: BTreeMap<String, UserSeed>,
    /// RAM roles by name.
    pub(crate) roles: BTreeMap<String, Role>,
    /// OIDC identity providers by name.
    pub(crate) providers: BTreeMap<String, ProviderSeed>,
    /// Answers by operation and ClientToken, each with a digest of the parameters it belongs to.
    pub(crate) client_tokens: HashMap<(&'static str, String), (u64, Value)>,
}

impl AccountState {
    /// Remembers a vSwitch; what was said of it first stays true.
    pub(super) fn learn(&mut self, id: &str, v_switch: VSwitch) {
        if !self.v_switches.contains_key(id) {
            self.v_switches.insert(id.to_owned(), v_switch);
        }
    }

    /// Adds a RAM user, or replaces the one with the same name.
    pub(crate) fn add_user(&mut self, user: UserSeed) {
        self.users.insert(user.user_name.clone(), user);
    }

    /// Adds a role, or changes the one with the same name, which then keeps its id.
    pub(crate) fn add_role(&mut self, number: u64, seed: RoleSeed) {
        let former = self.roles.get(&seed.role_name);
        let id = former.map_or_else(|| format!("3{number:015}"), |role| role.id.clone());
        self.roles.insert(seed.role_name.clone(), Role { id, seed });
    }

    /// Adds an OIDC provider, or replaces the one with the same name.
    pub(crate) fn add_provider(&mut self, provider: ProviderSeed) {
        self.providers.insert(provider.provider_name.clone(), provider);
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
