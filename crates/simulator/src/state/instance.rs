//! One ECS instance, as the simulated cloud knows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::fleet::{Item, Mark};
use super::words::vendor_words;

/// What pay-as-you-go instances show as the end of their time, as in the vendor's published sample answers.
pub(crate) const NEVER_EXPIRES: &str = "2099-12-31T15:59Z";

vendor_words! {
    /// The state of an instance.
    Status {
        /// Being created.
        Pending = "Pending",
        /// Being started.
        Starting = "Starting",
        /// Up.
        Running = "Running",
        /// Being stopped.
        Stopping = "Stopping",
        /// Down.
        Stopped = "Stopped",
    }
}

vendor_words! {
    /// How an instance is paid for. A spot instance is `PostPaid` too.
    ChargeType {
        /// Pay-as-you-go.
        PostPaid = "PostPaid",
        /// Subscription.
        PrePaid = "PrePaid",
    }
}

vendor_words! {
    /// Whether a pay-as-you-go instance is a spot instance.
    SpotStrategy {
        /// Not a spot instance.
        NoSpot = "NoSpot",
        /// Spot, with a highest price.
        SpotWithPriceLimit = "SpotWithPriceLimit",
        /// Spot, at the market's price.
        SpotAsPriceGo = "SpotAsPriceGo",
    }
}

vendor_words! {
    /// Why an instance is locked.
    LockReason {
        /// Overdue payments.
        Financial = "financial",
        /// Security reasons.
        Security = "security",
        /// A spot instance that waits to be released.
        Recycling = "recycling",
        /// Overdue payments for the dedicated host.
        DedicatedHostFinancial = "dedicatedhostfinancial",
        /// Refunded.
        Refunded = "refunded",
    }
}

/// An ECS instance.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    /// `i-…`
    pub instance_id: String,
    /// Display name.
    pub instance_name: String,
    /// Host name inside the guest.
    pub host_name: String,
    /// Free text.
    pub description: String,
    /// Region.
    pub region_id: String,
    /// Zone.
    pub zone_id: String,
    /// Resource group; empty for the default one.
    pub resource_group_id: String,
    /// Type, such as `ecs.g7.large`.
    pub instance_type: String,
    /// Image.
    pub image_id: String,
    /// State.
    pub status: Status,
    /// Payment.
    pub instance_charge_type: ChargeType,
    /// Spot or not.
    pub spot_strategy: SpotStrategy,
    /// Release protection.
    pub deletion_protection: bool,
    /// When the cloud will release the instance by itself, protected or not.
    pub auto_release_time: Option<Timestamp>,
    /// End of the subscription; none for pay-as-you-go.
    pub expired_time: Option<Timestamp>,
    /// When it was made.
    pub creation_time: Timestamp,
    /// Locks.
    pub locks: Vec<LockReason>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Virtual private cloud.
    pub vpc_id: String,
    /// Its part of it.
    pub v_switch_id: String,
    /// Security groups.
    pub security_group_ids: Vec<String>,
    /// Burst mode of burstable types.
    pub credit_specification: String,
    /// Highest price of a spot instance in an hour; 0 when there is none.
    pub spot_price_limit: f64,
    /// Whether the instance may go to the recycle bin.
    pub recyclable: bool,
}

impl Instance {
    /// Whether release protection can be set at all: the vendor documents it for pay-as-you-go instances, and the
    /// error `InvalidChargeType.ValueNotSupported` names spot instances too.
    pub fn protectable(&self) -> bool {
        self.instance_charge_type == ChargeType::PostPaid && self.spot_strategy == SpotStrategy::NoSpot
    }

    pub(crate) fn locked_for(&self, reason: LockReason) -> bool {
        self.locks.contains(&reason)
    }
}

impl Item for Instance {
    fn id(&self) -> &str {
        &self.instance_id
    }

    fn region(&self) -> &str {
        &self.region_id
    }

    fn marks(&self) -> Vec<Mark> {
        Mark::tags(&self.tags).collect()
    }
}
