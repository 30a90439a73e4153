//! The automatic release time of ECS instances: a flag whose protected value is that there is none. Release protection does
//! not stop it.

use std::convert::Infallible;
use std::sync::Arc;

use crate::deletion_protection::CHARGE_TYPE_SETTLES;
use crate::flag::{Applicability, Flag, Refusal};
use crate::id::InstanceId;
use crate::instance::{ChargeType, Instance, InstanceFacts};
use crate::intent::{Intent, Unprotecting};
use crate::reason::Reason;

/// The flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AutoReleaseTime;

impl Flag for AutoReleaseTime {
    type Of = Instance;
    type Unprotect = Infallible;

    const UNPROTECT: Option<Infallible> = None;
    // Whoever makes instances sets release times on many of them.
    const ALARMS: bool = false;
    const NAME: &'static str = "AutoReleaseTime";
    const REFUSAL: Refusal = Refusal {
        settling: Reason::ChargeTypeSettling,
        settles: CHARGE_TYPE_SETTLES,
        settled: Reason::ChargeTypeRefused,
    };

    fn holds(intent: &Intent<Instance>) -> bool {
        intent.holds() && intent.cancel_release_times
    }

    fn unprotecting(_: &Intent<Instance>) -> Option<Unprotecting> {
        None
    }

    fn protected(facts: &InstanceFacts) -> Option<bool> {
        facts.auto_release.as_ref().map(Option::is_none)
    }

    // The vendor's page on ModifyInstanceAutoReleaseTime: for pay-as-you-go instances and spot instances; one with a
    // subscription is refused (ChargeTypeViolation).
    fn applicability(facts: &InstanceFacts) -> Applicability {
        match facts.charge_type {
            Some(ChargeType::PostPaid) => Applicability::Yes,
            Some(ChargeType::PrePaid) => Applicability::No(Reason::SubscriptionInstance),
            None => Applicability::Unreadable,
        }
    }
}

/// A release time that an object had taken away, and that is seen to be gone. Nothing puts it back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Cancelled {
    /// The instance.
    pub instance: InstanceId,
    /// When it would have been released, as the cloud said it.
    pub time: Arc<str>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::intent::{DeletionPolicy, Selector};

    #[test]
    fn i58_a_release_time_is_taken_away_only_where_that_is_asked_for() {
        type Change = fn(&mut Intent<Instance>);
        let cases: [(&str, Change, bool); 6] = [
            ("asked for", |_| {}, true),
            ("not asked for", |i| i.cancel_release_times = false, false),
            ("protection is disabled", |i| i.protect = false, false),
            (
                "it is being deleted, and keeps the flags",
                |i| i.deleting = Some(std::time::Duration::ZERO),
                true,
            ),
            (
                "it is being deleted, and gives the flags up",
                |i| {
                    i.deleting = Some(std::time::Duration::ZERO);
                    i.deletion_policy = DeletionPolicy::Unprotect;
                },
                false,
            ),
            ("it asks for others", |i| i.enumerates = true, false),
        ];
        for (why, change, holds) in cases {
            let mut intent: Intent<Instance> =
                Intent { cancel_release_times: true, ..Intent::of(Selector::default()) };
            change(&mut intent);
            assert_eq!(AutoReleaseTime::holds(&intent), holds, "{why}");
            assert_eq!(AutoReleaseTime::unprotecting(&intent), None, "{why}");
        }
    }

    #[test]
    fn i06_only_a_time_that_can_be_read_is_taken_away_and_never_from_a_subscription() {
        let facts = |auto_release: Option<Option<&str>>, charge_type| InstanceFacts {
            auto_release: auto_release.map(|time| time.map(Into::into)),
            charge_type,
            ..InstanceFacts::pay_as_you_go()
        };
        let pay = Some(ChargeType::PostPaid);
        for (time, protected) in
            [(Some(Some("2030-01-01T00:00Z")), Some(false)), (Some(None), Some(true)), (None, None)]
        {
            assert_eq!(AutoReleaseTime::protected(&facts(time, pay)), protected);
        }
        for (charge_type, applies) in [
            (pay, Applicability::Yes),
            (Some(ChargeType::PrePaid), Applicability::No(Reason::SubscriptionInstance)),
            (None, Applicability::Unreadable),
        ] {
            assert_eq!(AutoReleaseTime::applicability(&facts(None, charge_type)), applies);
            let spot = InstanceFacts { spot: Some(true), ..facts(None, charge_type) };
            assert_eq!(
                AutoReleaseTime::applicability(&spot),
                applies,
                "spot instances have release times, too"
            );
        }
    }
}
