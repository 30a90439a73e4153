//! What a test or a person says of instances: made from nothing, or changed behind the API's back.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::interface_seed::set;
use super::{ChargeType, Instance, InterfaceSeed, LockReason, SpotStrategy, Status};
use crate::clock::start_of_minute;

/// One new instance, or many alike. Whatever isn't said gets a believable value: a running pay-as-you-go instance
/// without protection in `cn-hangzhou`.
///
/// Seeds aren't checked against the cloud's rules. A subscription instance that carries the flag can't be made
/// through the API, yet exists after a change of payment, so a test must be able to say it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Seed {
    /// The id. With `count`, each id is this text followed by a number. Given by the simulator when empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// How many; one when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Display name; the id when not said. With `count`, followed by a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_name: Option<String>,
    /// Region; `cn-hangzhou` when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_id: Option<String>,
    /// Zone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<String>,
    /// Resource group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_group_id: Option<String>,
    /// Type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<String>,
    /// State.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_charge_type: Option<ChargeType>,
    /// Spot or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot_strategy: Option<SpotStrategy>,
    /// Release protection.
    pub deletion_protection: bool,
    /// When the cloud releases it by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_release_time: Option<Timestamp>,
    /// End of a subscription.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expired_time: Option<Timestamp>,
    /// When it was made; now when not said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<Timestamp>,
    /// Locks.
    pub locks: Vec<LockReason>,
    /// Tags. System tags (`acs:…`) are allowed here, unlike in TagResources.
    pub tags: BTreeMap<String, String>,
    /// Virtual private cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_id: Option<String>,
    /// Its part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub v_switch_id: Option<String>,
    /// Security groups.
    pub security_group_ids: Vec<String>,
    /// Network interfaces besides the primary one, which is made by itself unless one here is primary.
    pub network_interfaces: Vec<InterfaceSeed>,
}

impl Seed {
    /// A pay-as-you-go instance in a region.
    pub fn new(region: &str) -> Self {
        Self { region_id: Some(region.to_owned()), ..Self::default() }
    }

    /// A subscription instance in a region.
    pub fn subscription(region: &str) -> Self {
        Self { instance_charge_type: Some(ChargeType::PrePaid), ..Self::new(region) }
    }

    /// A spot instance in a region.
    pub fn spot(region: &str) -> Self {
        Self { spot_strategy: Some(SpotStrategy::SpotAsPriceGo), ..Self::new(region) }
    }

    /// With this id, or this beginning of ids.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        self.instance_id = Some(id.to_owned());
        self
    }

    /// With this name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.instance_name = Some(name.to_owned());
        self
    }

    /// With one more tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Protected, or not.
    #[must_use]
    pub fn protected(mut self, protected: bool) -> Self {
        self.deletion_protection = protected;
        self
    }

    /// As many as this.
    #[must_use]
    pub fn times(mut self, count: u32) -> Self {
        self.count = Some(count);
        self
    }

    /// With one more network interface.
    #[must_use]
    pub fn interface(mut self, interface: InterfaceSeed) -> Self {
        self.network_interfaces.push(interface);
        self
    }
}

/// A change "in the console": whatever is said is set, without asking the API's rules.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Change {
    /// Release protection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,
    /// Display name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_name: Option<String>,
    /// State.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_charge_type: Option<ChargeType>,
    /// Spot or not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spot_strategy: Option<SpotStrategy>,
    /// `null` takes the time away.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    pub auto_release_time: Option<Option<Timestamp>>,
    /// All locks, instead of those that are there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locks: Option<Vec<LockReason>>,
    /// Tags to set; `null` removes one.
    pub tags: BTreeMap<String, Option<String>>,
    /// A later moment of creation is how a reused id shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_time: Option<Timestamp>,
}

impl Change {
    /// Switches protection on or off.
    pub fn protection(on: bool) -> Self {
        Self { deletion_protection: Some(on), ..Self::default() }
    }

    pub(crate) fn apply(&self, instance: &mut Instance) {
        set(&mut instance.deletion_protection, self.deletion_protection.as_ref());
        set(&mut instance.instance_name, self.instance_name.as_ref());
        set(&mut instance.status, self.status.as_ref());
        set(&mut instance.instance_charge_type, self.instance_charge_type.as_ref());
        set(&mut instance.spot_strategy, self.spot_strategy.as_ref());
        set(
            &mut instance.auto_release_time,
            self.auto_release_time.map(|time| time.map(start_of_minute)).as_ref(),
        );
        set(&mut instance.locks, self.locks.as_ref());
        set(&mut instance.creation_time, self.creation_time.as_ref());
        for (key, value) in &self.tags {
            match value {
                Some(value) => instance.tags.insert(key.clone(), value.clone()),
                None => instance.tags.remove(key),
            };
        }
    }
}

/// Tells a member that is `null` from one that isn't there.
#[expect(clippy::option_option, reason = "serde's way to say it")]
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<Timestamp>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Why an instance is released although nobody asked the API for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ReleaseReason {
    /// DeleteInstance, DeleteInstances or the console: the only way that protection stops.
    Manual,
    /// The account has been overdue for too long.
    Overdue,
    /// The automatic release time has come.
    AutoRelease,
    /// Security or compliance.
    Compliance,
    /// A scaling group removed an instance that it had made.
    ScalingGroup,
    /// The market took a spot instance back.
    SpotReclaim,
}
