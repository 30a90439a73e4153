//! ECS instances: what a listing says of them.

use std::sync::Arc;

use crate::id::{InstanceId, Tag};
use crate::reason::{Reason, Risk};
use crate::resource::{Resource, Wanted};
use crate::surroundings::Surroundings;

/// Tag that Auto Scaling puts on the instances of a scaling group.
pub const SCALING_GROUP_TAG: &str = "acs:autoscaling:scalingGroupId";
/// Tag that Karpenter puts on the instances of a node pool.
pub(crate) const KARPENTER_TAG: &str = "karpenter.sh/nodepool";
/// Tags that the vendor's Kubernetes service puts on the instances of a cluster; the first holds the cluster's id.
const CLUSTER_TAGS: [&str; 2] = ["ack.aliyun.com", "k8s.aliyun.com"];

/// The resource.
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
    /// What is on it; `None` as long as nobody asks for that.
    pub surroundings: Option<Arc<Surroundings>>,
}

impl InstanceFacts {
    /// Whether a tag says that it belongs to a Kubernetes cluster of the vendor's.
    pub fn in_cluster(&self) -> bool {
        let cluster = |tag: &Tag| CLUSTER_TAGS.contains(&tag.key.as_ref());
        // In doubt it does.
        self.tags.as_ref().is_none_or(|tags| tags.iter().any(cluster))
    }

    // The vendor's page on release protection names what it does not stop: payment overdue, the automatic release
    // time, release for security or compliance, and Auto Scaling removing what it created.
    /// Ways in which the instance may go although it is protected.
    pub(crate) fn ways_out(&self) -> Vec<Risk> {
        let mut risks = Vec::new();
        let mut add = |reason, detail| risks.push(Risk { reason, detail });
        if let Some(Some(at)) = &self.auto_release {
            add(Reason::AutoReleaseTimeSet, Some(at.clone()));
        }
        for lock in self.locks.iter().flatten() {
            let reason = match lock.as_ref() {
                "financial" => Reason::FinancialLock,
                "security" => Reason::SecurityLock,
                _ => Reason::OtherLock,
            };
            add(reason, Some(lock.clone()));
        }
        for tag in self.tags.iter().flatten() {
            match tag.key.as_ref() {
                SCALING_GROUP_TAG => add(Reason::ScalingGroupMember, Some(tag.value.clone())),
                KARPENTER_TAG => add(Reason::KarpenterOwned, Some(tag.value.clone())),
                _ => {}
            }
        }
        if self.auto_release.is_none() || self.locks.is_none() || self.tags.is_none() {
            add(Reason::RisksUnreadable, None);
        }
        risks
    }
}

impl Resource for Instance {
    type Id = InstanceId;
    type Facts = InstanceFacts;

    const NAME: &'static str = "Instance";
    const LISTING: &'static str = "DescribeInstances";

    fn tags(facts: &InstanceFacts) -> Option<&[Tag]> {
        facts.tags.as_deref()
    }

    fn prune(facts: &mut InstanceFacts, wanted: Wanted<'_>) {
        if !wanted.surroundings {
            facts.surroundings = None;
        }
        if let Some(tags) = &mut facts.tags {
            tags.retain_mut(|tag| {
                (wanted.tag)(tag)
                    || matches!(tag.key.as_ref(), SCALING_GROUP_TAG | KARPENTER_TAG)
                    || (wanted.surroundings && CLUSTER_TAGS.contains(&tag.key.as_ref()))
            });
            tags.shrink_to_fit();
        }
    }
}

#[cfg(test)]
impl InstanceFacts {
    /// A protected pay-as-you-go instance without tags.
    pub(crate) fn pay_as_you_go() -> Self {
        Self {
            deletion_protection: Some(true),
            charge_type: Some(ChargeType::PostPaid),
            spot: Some(false),
            auto_release: Some(None),
            locks: Some(Vec::new()),
            tags: Some(Vec::new()),
            surroundings: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_that_nobody_asks_for_are_dropped_unless_they_tell_of_a_risk() {
        let tags = ["env", "team", SCALING_GROUP_TAG, KARPENTER_TAG].map(|key| Tag::new(key, "x"));
        let mut facts = InstanceFacts { tags: Some(tags.to_vec()), ..InstanceFacts::pay_as_you_go() };
        Instance::prune(&mut facts, Wanted { tag: &|tag| tag.key.as_ref() == "env", surroundings: false });
        let kept: Vec<_> = facts.tags.iter().flatten().map(|tag| tag.key.to_string()).collect();
        assert_eq!(kept, ["env", SCALING_GROUP_TAG, KARPENTER_TAG]);
    }
}
