//! One ECS instance, as the simulated cloud knows it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

macro_rules! vendor_words {
    ($(#[$meta:meta])* $name:ident { $($(#[$word_meta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$word_meta])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// The vendor's word.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            pub(crate) fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

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

/// The primary or a secondary network interface, as far as DescribeInstances shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkInterface {
    /// `eni-…`
    pub network_interface_id: String,
    /// Whether it is the instance's primary interface.
    pub primary: bool,
    /// MAC address.
    pub mac_address: String,
    /// Private IPv4 address.
    pub primary_ip_address: String,
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
    /// Network interfaces, the primary one first.
    pub network_interfaces: Vec<NetworkInterface>,
    /// Burst mode of burstable types.
    pub credit_specification: String,
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
