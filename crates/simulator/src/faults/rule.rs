//! What can go wrong, and for which calls.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A fault and the calls that it applies to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Only this operation; all when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// Only this account; all when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Only calls that name this instance. For the faults `hide` and `oddField`: only this instance in an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Only calls that name this network interface. For the faults `hide` and `oddField`: only this interface in an
    /// answer, also in an instance's list of interfaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_interface_id: Option<String>,
    /// For so many calls; until removed when not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u32>,
    /// What happens.
    pub fault: Fault,
}

impl Rule {
    /// A fault of one operation, until removed.
    pub fn new(operation: &str, fault: Fault) -> Self {
        Self {
            operation: Some(operation.to_owned()),
            account: None,
            instance_id: None,
            network_interface_id: None,
            times: None,
            fault,
        }
    }

    /// For so many calls only.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// For one instance only.
    #[must_use]
    pub fn instance(mut self, id: &str) -> Self {
        self.instance_id = Some(id.to_owned());
        self
    }

    /// For one network interface only.
    #[must_use]
    pub fn interface(mut self, id: &str) -> Self {
        self.network_interface_id = Some(id.to_owned());
        self
    }
}

impl Fault {
    /// The answer comes later than any client waits for it.
    pub const HANG: Self = Self::Latency { millis: 24 * 3_600_000, jitter_millis: 0 };
}

/// What happens to a call.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Fault {
    /// The answer takes its time. The call goes on even when the client has given up waiting.
    Latency {
        /// At least so long.
        millis: u64,
        /// And up to so much longer.
        #[serde(default)]
        jitter_millis: u64,
    },
    /// Throttled, whatever the rate.
    Throttle {
        /// `Throttling` when not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The header `x-acs-retry-after`; none when not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after_millis: Option<u64>,
    },
    /// Throttled beyond so many calls in a minute of the clock, counted per account, region and operation, as the
    /// vendor's page on ECS API throttling describes.
    RateLimit {
        /// The limit.
        per_minute: u32,
    },
    /// Refused with any code.
    Error {
        /// The code.
        code: String,
        /// HTTP status; the documented one, or 400, when not said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// A text.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// Answered with exactly these bytes, without effect.
    Answer {
        /// HTTP status.
        status: u16,
        /// Content type.
        content_type: String,
        /// Body.
        body: String,
    },
    /// The connection breaks before the call has an effect.
    DropBefore,
    /// The connection breaks after the call had its effect.
    DropAfter,
    /// A write is answered with success and does nothing.
    Ignore,
    /// A write takes effect, and reads show the former state for a while.
    Delay {
        /// For so long.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        millis: Option<u64>,
        /// For so many reads that would show the item.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reads: Option<u32>,
    },
    /// An attach, a detach or a deletion of a network interface is accepted and fails later: the interface is then
    /// `Available` or `InUse` again, as before, or stays `Deleting`.
    FailLater,
    /// Pages hold fewer items than asked for, with a token when there are more.
    ShortPages {
        /// Items in a page.
        items: u32,
    },
    /// Items move between pages while a listing goes on: a later page leaves out items or repeats some.
    MovingPages {
        /// Items left out between two pages.
        #[serde(default)]
        skip: u32,
        /// Items of the page before that come again.
        #[serde(default)]
        repeat: u32,
    },
    /// The identity has lost the permission. As documented, DescribeInstances then answers an empty list with
    /// success (and `Forbidden.RAM` to a dry run); other operations answer `Forbidden.RAM`, those of STS `NoPermission` or
    /// `AuthenticationFail.NoPermission`.
    Deny {
        /// `Forbidden.RAM` from DescribeInstances too.
        #[serde(default)]
        always_forbidden: bool,
    },
    /// Instances, network interfaces or members of scaling groups are left out of listings.
    Hide,
    /// A member of what a listing shows is missing or has another value.
    OddField {
        /// Members from the item on, such as `DeletionProtection` or `Tags.Tag`.
        path: String,
        /// The other value, which may be `null`; the member is taken away when `remove` is set.
        #[serde(default)]
        value: Value,
        /// Takes the member away.
        #[serde(default)]
        remove: bool,
    },
}

impl Fault {
    pub(super) fn applies_to(&self, call: &Subject<'_>) -> bool {
        match self {
            Self::Ignore | Self::Delay { .. } => call.writes,
            Self::FailLater => matches!(
                call.operation,
                "AttachNetworkInterface" | "DetachNetworkInterface" | "DeleteNetworkInterface"
            ),
            Self::ShortPages { .. } => {
                matches!(call.operation, "DescribeInstances" | "DescribeNetworkInterfaces")
            }
            Self::MovingPages { .. } if call.operation == "DescribeScalingGroups" => true,
            Self::MovingPages { .. } | Self::Hide | Self::OddField { .. } => matches!(
                call.operation,
                "DescribeInstances" | "DescribeNetworkInterfaces" | "DescribeScalingInstances"
            ),
            _ => true,
        }
    }

    /// Whether the rule's instance selects items of an answer, not calls.
    pub(super) fn selects_items(&self) -> bool {
        matches!(self, Self::Hide | Self::OddField { .. })
    }

    pub(super) fn decides(&self) -> bool {
        matches!(
            self,
            Self::Throttle { .. }
                | Self::RateLimit { .. }
                | Self::Error { .. }
                | Self::Answer { .. }
                | Self::DropBefore
                | Self::Deny { .. }
        )
    }
}

/// A call, as far as rules ask about it.
pub(crate) struct Subject<'a> {
    pub(crate) operation: &'a str,
    pub(crate) writes: bool,
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) instances: &'a BTreeSet<String>,
    pub(crate) interfaces: &'a BTreeSet<String>,
}
