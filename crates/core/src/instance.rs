//! ECS instances: the flag is `DeletionProtection`, its safe value `true`.

use std::sync::Arc;

use crate::id::{InstanceId, Tag};
use crate::kind::{Applicability, Kind};
use crate::reason::{Reason, Risk};

/// Tag that Auto Scaling puts on the instances of a scaling group.
const SCALING_GROUP_TAG: &str = "acs:autoscaling:scalingGroupId";
/// Tag that Karpenter puts on the instances of a node pool.
const KARPENTER_TAG: &str = "karpenter.sh/nodepool";

/// The kind of ECS instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instance;

/// How an instance is paid for (`InstanceChargeType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeType {
    /// `PostPaid`: pay-as-you-go. The only type that can carry release protection, unless it is a spot instance.
    PostPaid,
    /// `PrePaid`: subscription.
    PrePaid,
}

/// What DescribeInstances says of one instance, as far as a decision needs it. Every field is `None` when the cloud's
/// answer lacked it or had it in a form that we do not know.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InstanceFacts {
    /// `DeletionProtection`.
    pub deletion_protection: Option<bool>,
    /// `InstanceChargeType`.
    pub charge_type: Option<ChargeType>,
    /// Whether `SpotStrategy` is anything but `NoSpot`.
    pub spot: Option<bool>,
    /// `AutoReleaseTime`: inner `None` when none is set (the cloud then says `""`).
    pub auto_release: Option<Option<Arc<str>>>,
    /// `OperationLocks`: the reasons in lower case (their case varies between the vendor's pages).
    pub locks: Option<Vec<Arc<str>>>,
    /// `Tags`: a missing field is the cloud's way to say "none"; `None` is an odd shape.
    pub tags: Option<Vec<Tag>>,
}

impl Kind for Instance {
    type Id = InstanceId;
    type Facts = InstanceFacts;

    fn safe(facts: &InstanceFacts) -> Option<bool> {
        facts.deletion_protection
    }

    // The API reference of ModifyInstanceAttribute: the attribute is for pay-as-you-go instances only, and neither
    // subscription nor spot instances take it. A spot instance shows the charge type PostPaid as well.
    fn applicability(facts: &InstanceFacts) -> Applicability {
        match (facts.charge_type, facts.spot) {
            (Some(ChargeType::PrePaid), _) => Applicability::No(Reason::SubscriptionInstance),
            (_, Some(true)) => Applicability::No(Reason::SpotInstance),
            (Some(ChargeType::PostPaid), Some(false)) => Applicability::Yes,
            (None, _) | (_, None) => Applicability::Unreadable,
        }
    }

    // The vendor's page on release protection names what it does not stop: payment overdue, the automatic release
    // time, release for security or compliance, and Auto Scaling removing what it created.
    fn risks(facts: &InstanceFacts) -> Vec<Risk> {
        let mut risks = Vec::new();
        let mut add = |reason, detail| risks.push(Risk { reason, detail });
        if let Some(Some(at)) = &facts.auto_release {
            add(Reason::AutoReleaseTimeSet, Some(at.clone()));
        }
        for lock in facts.locks.iter().flatten() {
            let reason = match lock.as_ref() {
                "financial" => Reason::FinancialLock,
                "security" => Reason::SecurityLock,
                _ => Reason::OtherLock,
            };
            add(reason, Some(lock.clone()));
        }
        for tag in facts.tags.iter().flatten() {
            match tag.key.as_ref() {
                SCALING_GROUP_TAG => add(Reason::ScalingGroupMember, Some(tag.value.clone())),
                KARPENTER_TAG => add(Reason::KarpenterOwned, Some(tag.value.clone())),
                _ => {}
            }
        }
        if facts.auto_release.is_none() || facts.locks.is_none() || facts.tags.is_none() {
            add(Reason::RisksUnreadable, None);
        }
        risks
    }

    fn tags(facts: &InstanceFacts) -> Option<&[Tag]> {
        facts.tags.as_deref()
    }

    fn prune_tags(facts: &mut InstanceFacts, wanted: &dyn Fn(&str) -> bool) {
        if let Some(tags) = &mut facts.tags {
            tags.retain(|t| wanted(&t.key) || matches!(t.key.as_ref(), SCALING_GROUP_TAG | KARPENTER_TAG));
            tags.shrink_to_fit();
        }
    }
}
