//! ECS instances: the flag is `DeletionProtection`, its protected value `true`.

use std::sync::Arc;
use std::time::Duration;

use crate::id::{InstanceId, Tag};
use crate::kind::{Applicability, Kind, Refusal, Wanted};
use crate::owners::Surroundings;
use crate::reason::{Reason, Risk};

/// Tag that Auto Scaling puts on the instances of a scaling group.
const SCALING_GROUP_TAG: &str = "acs:autoscaling:scalingGroupId";
/// Tag that Karpenter puts on the instances of a node pool.
const KARPENTER_TAG: &str = "karpenter.sh/nodepool";
/// Tags that the vendor's Kubernetes service puts on the instances of a cluster; the first holds the cluster's id.
const CLUSTER_TAGS: [&str; 2] = ["ack.aliyun.com", "k8s.aliyun.com"];
/// How long evidence of pay-as-you-go and the cloud's refusal may contradict each other. A changed charge type takes
/// effect late; the vendor's Terraform provider waits for it.
pub const CHARGE_TYPE_SETTLES: Duration = Duration::from_secs(900);

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

    /// Ways in which the instance may go, and of which the vendor's page on retention does not say whether the flag of an
    /// interface holds there.
    pub fn departures(&self) -> Vec<Risk> {
        let mut ways: Vec<Risk> =
            self.ways_out().into_iter().filter(|w| w.reason != Reason::KarpenterOwned).collect();
        match Instance::applicability(self) {
            Applicability::No(reason) => ways.push(Risk { reason, detail: None }),
            Applicability::Unreadable => ways.push(Risk { reason: Reason::RisksUnreadable, detail: None }),
            Applicability::Yes => {}
        }
        ways
    }

    // The vendor's page on release protection names what it does not stop: payment overdue, the automatic release
    // time, release for security or compliance, and Auto Scaling removing what it created.
    fn ways_out(&self) -> Vec<Risk> {
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

impl Kind for Instance {
    type Id = InstanceId;
    type Facts = InstanceFacts;

    const LISTING: &'static str = "DescribeInstances";
    const REFUSAL: Refusal = Refusal {
        settling: Reason::ChargeTypeSettling,
        settles: CHARGE_TYPE_SETTLES,
        settled: Reason::ChargeTypeRefused,
    };
    const UNPROTECTED: Reason = Reason::DisabledAsAsked;

    fn protected(facts: &InstanceFacts) -> Option<bool> {
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

    fn risks(facts: &InstanceFacts) -> Vec<Risk> {
        match Self::applicability(facts) {
            Applicability::Yes => facts.ways_out(),
            // Without the flag nothing else matters; but that the cloud may take it at any time is worth telling.
            Applicability::No(reason @ Reason::SpotInstance) => vec![Risk { reason, detail: None }],
            Applicability::No(_) | Applicability::Unreadable => Vec::new(),
        }
    }

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
mod tests {
    use super::*;

    fn plain() -> InstanceFacts {
        InstanceFacts {
            deletion_protection: Some(true),
            charge_type: Some(ChargeType::PostPaid),
            spot: Some(false),
            auto_release: Some(None),
            locks: Some(Vec::new()),
            tags: Some(Vec::new()),
            surroundings: None,
        }
    }

    #[test]
    fn i07_only_a_readable_pay_as_you_go_instance_that_is_no_spot_can_carry_the_flag() {
        use ChargeType::{PostPaid, PrePaid};
        for (charge_type, spot, expected) in [
            (Some(PostPaid), Some(false), Applicability::Yes),
            (Some(PostPaid), Some(true), Applicability::No(Reason::SpotInstance)),
            (Some(PostPaid), None, Applicability::Unreadable),
            (Some(PrePaid), Some(false), Applicability::No(Reason::SubscriptionInstance)),
            (Some(PrePaid), Some(true), Applicability::No(Reason::SubscriptionInstance)),
            (Some(PrePaid), None, Applicability::No(Reason::SubscriptionInstance)),
            (None, Some(false), Applicability::Unreadable),
            (None, Some(true), Applicability::No(Reason::SpotInstance)),
            (None, None, Applicability::Unreadable),
        ] {
            let facts = InstanceFacts { charge_type, spot, ..plain() };
            assert_eq!(Instance::applicability(&facts), expected, "{charge_type:?}, spot {spot:?}");
        }
    }

    #[test]
    fn i07_every_documented_risk_is_told_and_none_is_made_up() {
        let reasons = |facts: &InstanceFacts| -> Vec<Reason> {
            Instance::risks(facts).into_iter().map(|risk| risk.reason).collect()
        };
        assert_eq!(reasons(&plain()), []);
        let lock = |reason: &str| InstanceFacts { locks: Some(vec![reason.into()]), ..plain() };
        let tag = |key: &str| InstanceFacts { tags: Some(vec![Tag::new(key, "x")]), ..plain() };
        for (facts, expected) in [
            (
                InstanceFacts { auto_release: Some(Some("2030-01-01T00:00Z".into())), ..plain() },
                Reason::AutoReleaseTimeSet,
            ),
            (lock("financial"), Reason::FinancialLock),
            (lock("security"), Reason::SecurityLock),
            (lock("recycling"), Reason::OtherLock),
            (tag(SCALING_GROUP_TAG), Reason::ScalingGroupMember),
            (tag(KARPENTER_TAG), Reason::KarpenterOwned),
        ] {
            assert_eq!(reasons(&facts), [expected]);
        }
        assert_eq!(reasons(&tag("env")), []);
    }

    #[test]
    fn i06_a_field_that_tells_of_risks_and_can_not_be_read_is_a_risk_that_is_not_known() {
        for facts in [
            InstanceFacts { auto_release: None, ..plain() },
            InstanceFacts { locks: None, ..plain() },
            InstanceFacts { tags: None, ..plain() },
        ] {
            assert_eq!(Instance::risks(&facts), [Risk { reason: Reason::RisksUnreadable, detail: None }]);
        }
    }

    #[test]
    fn ways_to_go_are_told_of_any_instance_and_its_cluster_is_kept_in_mind() {
        let facts = |change: fn(&mut InstanceFacts)| {
            let mut facts = plain();
            change(&mut facts);
            let ways: Vec<Reason> = facts.departures().iter().map(|way| way.reason).collect();
            (ways, facts.in_cluster())
        };
        assert_eq!(facts(|_| {}), (vec![], false));
        assert_eq!(facts(|f| f.spot = Some(true)), (vec![Reason::SpotInstance], false));
        let expires = facts(|f| f.charge_type = Some(ChargeType::PrePaid));
        assert_eq!(expires, (vec![Reason::SubscriptionInstance], false));
        let timed = facts(|f| f.auto_release = Some(Some("2030-01-01T00:00Z".into())));
        assert_eq!(timed, (vec![Reason::AutoReleaseTimeSet], false));
        let karpenter = facts(|f| f.tags = Some(vec![Tag::new(KARPENTER_TAG, "x")]));
        assert_eq!(karpenter, (vec![], false), "Karpenter releases, and that is documented");
        let cluster = facts(|f| f.tags = Some(vec![Tag::new("ack.aliyun.com", "c1")]));
        assert_eq!(cluster, (vec![], true));
        let odd = facts(|f| f.tags = None);
        assert_eq!(odd, (vec![Reason::RisksUnreadable], true), "in doubt it belongs to a cluster");
    }

    #[test]
    fn tags_that_nobody_asks_for_are_dropped_unless_they_tell_of_a_risk() {
        let tags = ["env", "team", SCALING_GROUP_TAG, KARPENTER_TAG].map(|key| Tag::new(key, "x"));
        let mut facts = InstanceFacts { tags: Some(tags.to_vec()), ..plain() };
        Instance::prune(&mut facts, Wanted { tag: &|tag| tag.key.as_ref() == "env", surroundings: false });
        let kept: Vec<_> = facts.tags.iter().flatten().map(|tag| tag.key.to_string()).collect();
        assert_eq!(kept, ["env", SCALING_GROUP_TAG, KARPENTER_TAG]);
    }
}
