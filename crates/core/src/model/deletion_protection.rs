//! Release protection of ECS instances: the flag is `DeletionProtection`, its protected value `true`.

use std::time::Duration;

use crate::flag::{Applicability, Flag, MainFlag, Refusal};
use crate::instance::{ChargeType, Instance, InstanceFacts};
use crate::intent::{Intent, Unprotecting};
use crate::reason::{Reason, Risk};

/// How long evidence of pay-as-you-go and the cloud's refusal may contradict each other. A changed charge type takes
/// effect late; the vendor's Terraform provider waits for it.
pub const CHARGE_TYPE_SETTLES: Duration = Duration::from_mins(15);

/// The flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeletionProtection;

impl Flag for DeletionProtection {
    type Of = Instance;
    type Unprotect = ();

    const UNPROTECT: Option<()> = Some(());
    const ALARMS: bool = true;
    const NAME: &'static str = "DeletionProtection";

    const REFUSAL: Refusal = Refusal {
        settling: Reason::ChargeTypeSettling,
        settles: CHARGE_TYPE_SETTLES,
        settled: Reason::ChargeTypeRefused,
    };

    fn holds(intent: &Intent<Instance>) -> bool {
        intent.holds()
    }

    fn unprotecting(intent: &Intent<Instance>) -> Option<Unprotecting> {
        intent.unprotecting()
    }

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
}

impl MainFlag for DeletionProtection {
    const UNPROTECTED: Reason = Reason::DisabledAsAsked;

    fn risks(facts: &InstanceFacts) -> Vec<Risk> {
        match Self::applicability(facts) {
            Applicability::Yes => facts.ways_out(),
            // Without the flag nothing else matters; but that the cloud may take it at any time is worth telling, and a
            // release time is something that can be taken away.
            Applicability::No(reason @ Reason::SpotInstance) => {
                let timed =
                    facts.ways_out().into_iter().filter(|way| way.reason == Reason::AutoReleaseTimeSet);
                std::iter::once(Risk { reason, detail: None }).chain(timed).collect()
            }
            Applicability::No(_) | Applicability::Unreadable => Vec::new(),
        }
    }
}

/// Ways in which the instance may go, and of which the vendor's page on retention does not say whether the flag of an
/// interface holds there.
pub fn departures(facts: &InstanceFacts) -> Vec<Risk> {
    let mut ways: Vec<Risk> =
        facts.ways_out().into_iter().filter(|w| w.reason != Reason::KarpenterOwned).collect();
    match DeletionProtection::applicability(facts) {
        Applicability::No(reason) => ways.push(Risk { reason, detail: None }),
        Applicability::Unreadable => ways.push(Risk { reason: Reason::RisksUnreadable, detail: None }),
        Applicability::Yes => {}
    }
    ways
}

/// The risk of what is on an instance that may go in ways of which nobody has said what they do to it.
pub(crate) fn risk_of_hosted(facts: &InstanceFacts) -> Option<Risk> {
    let departures = departures(facts);
    let told = departures.iter().filter(|way| way.reason != Reason::RisksUnreadable);
    let ways: Vec<String> = told
        .map(|way| match &way.detail {
            Some(detail) => format!("{} {detail}", way.reason.as_str()),
            None => way.reason.as_str().to_owned(),
        })
        .collect();
    match (ways.is_empty(), departures.is_empty()) {
        (true, true) => None,
        (true, false) => Some(Risk { reason: Reason::RisksUnreadable, detail: None }),
        (false, _) => {
            Some(Risk { reason: Reason::ReleasePathUndocumented, detail: Some(ways.join(", ").into()) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Tag;
    use crate::instance::{KARPENTER_TAG, SCALING_GROUP_TAG};

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
            let facts = InstanceFacts { charge_type, spot, ..InstanceFacts::pay_as_you_go() };
            assert_eq!(DeletionProtection::applicability(&facts), expected, "{charge_type:?}, spot {spot:?}");
        }
    }

    #[test]
    fn i07_every_documented_risk_is_told_and_none_is_made_up() {
        let reasons = |facts: &InstanceFacts| -> Vec<Reason> {
            DeletionProtection::risks(facts).into_iter().map(|risk| risk.reason).collect()
        };
        assert_eq!(reasons(&InstanceFacts::pay_as_you_go()), []);
        let lock = |reason: &str| InstanceFacts {
            locks: Some(vec![reason.into()]),
            ..InstanceFacts::pay_as_you_go()
        };
        let tag = |key: &str| InstanceFacts {
            tags: Some(vec![Tag::new(key, "x")]),
            ..InstanceFacts::pay_as_you_go()
        };
        for (facts, expected) in [
            (
                InstanceFacts {
                    auto_release: Some(Some("2030-01-01T00:00Z".into())),
                    ..InstanceFacts::pay_as_you_go()
                },
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
            InstanceFacts { auto_release: None, ..InstanceFacts::pay_as_you_go() },
            InstanceFacts { locks: None, ..InstanceFacts::pay_as_you_go() },
            InstanceFacts { tags: None, ..InstanceFacts::pay_as_you_go() },
        ] {
            assert_eq!(
                DeletionProtection::risks(&facts),
                [Risk { reason: Reason::RisksUnreadable, detail: None }]
            );
        }
    }

    #[test]
    fn ways_to_go_are_told_of_any_instance_and_its_cluster_is_kept_in_mind() {
        let facts = |change: fn(&mut InstanceFacts)| {
            let mut facts = InstanceFacts::pay_as_you_go();
            change(&mut facts);
            let ways: Vec<Reason> = departures(&facts).iter().map(|way| way.reason).collect();
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
}
