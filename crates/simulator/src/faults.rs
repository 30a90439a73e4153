//! How the cloud misbehaves, when it is told to.
//!
//! A rule says to which calls it applies, how often, and what happens to them. Rules are asked in the order in which
//! they were made; the first that decides a call's answer decides it alone, all others add up.

mod plan;

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use plan::{Instead, OddField, PageFaults, Plan, Target};

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
    /// Items move between pages while a listing goes on: a continued page leaves out items or repeats some.
    MovingPages {
        /// Items left out between two pages.
        #[serde(default)]
        skip: u32,
        /// Items of the page before that come again.
        #[serde(default)]
        repeat: u32,
    },
    /// The identity has lost the permission. As documented, DescribeInstances then answers an empty list with
    /// success (and `Forbidden.RAM` to a dry run); other operations answer `Forbidden.RAM`.
    Deny {
        /// `Forbidden.RAM` from DescribeInstances too.
        #[serde(default)]
        always_forbidden: bool,
    },
    /// Instances or network interfaces are left out of listings.
    Hide,
    /// A member of an instance or a network interface in a listing is missing or has another value.
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
    fn applies_to(&self, call: &Subject<'_>) -> bool {
        match self {
            Self::Ignore | Self::Delay { .. } => call.writes,
            Self::FailLater => matches!(
                call.operation,
                "AttachNetworkInterface" | "DetachNetworkInterface" | "DeleteNetworkInterface"
            ),
            Self::ShortPages { .. } | Self::MovingPages { .. } | Self::Hide | Self::OddField { .. } => {
                matches!(call.operation, "DescribeInstances" | "DescribeNetworkInterfaces")
            }
            _ => true,
        }
    }

    /// Whether the rule's instance selects items of an answer, not calls.
    fn selects_items(&self) -> bool {
        matches!(self, Self::Hide | Self::OddField { .. })
    }

    fn decides(&self) -> bool {
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

/// The rules in force.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<(u64, Rule)>,
    /// Calls in the current minute, by rule, account, region and operation.
    rates: HashMap<(u64, String, String, String), (i64, u32)>,
}

impl Faults {
    pub(crate) fn add(&mut self, id: u64, rule: Rule) {
        self.rules.push((id, rule));
    }

    pub(crate) fn remove(&mut self, id: u64) -> bool {
        let before = self.rules.len();
        self.rules.retain(|(found, _)| *found != id);
        self.rules.len() != before
    }

    /// Removes the rules of one account, or all.
    pub(crate) fn clear(&mut self, account: Option<&str>) {
        self.rules.retain(|(_, rule)| account.is_some() && rule.account.as_deref() != account);
    }

    pub(crate) fn rules(&self) -> &[(u64, Rule)] {
        &self.rules
    }

    /// Decides what happens to a call, and counts it on the rules that it used up.
    pub(crate) fn plan(
        &mut self,
        call: &Subject<'_>,
        now: Timestamp,
        mut chance: impl FnMut() -> u64,
    ) -> Plan {
        let mut plan = Plan::default();
        for (id, rule) in &mut self.rules {
            let fault = rule.fault.clone();
            let matches = rule.operation.as_deref().is_none_or(|operation| operation == call.operation)
                && rule.account.as_deref().is_none_or(|account| account == call.account)
                && (fault.selects_items()
                    || (rule.instance_id.as_ref().is_none_or(|id| call.instances.contains(id))
                        && rule.network_interface_id.as_ref().is_none_or(|id| call.interfaces.contains(id))))
                && fault.applies_to(call)
                && rule.times != Some(0);
            // A call that is refused has no effect that could be lost, and shows no page that could be short.
            let moot = plan.instead.is_some() && !matches!(fault, Fault::Latency { .. });
            if !matches || moot {
                continue;
            }
            if let Fault::RateLimit { per_minute } = fault {
                let minute = now.as_second().div_euclid(60);
                let key = (*id, call.account.to_owned(), call.region.to_owned(), call.operation.to_owned());
                let rate = self.rates.entry(key).or_default();
                if rate.0 != minute {
                    *rate = (minute, 0);
                }
                if rate.1 < per_minute {
                    rate.1 += 1;
                    continue;
                }
            }
            if let Some(times) = &mut rule.times {
                *times -= 1;
            }
            if fault.decides() {
                plan.instead = plan::instead(fault, now);
            } else {
                let target = Target {
                    instance_id: rule.instance_id.clone(),
                    network_interface_id: rule.network_interface_id.clone(),
                };
                plan.add(fault, target, &mut chance);
            }
        }
        self.rules.retain(|(_, rule)| rule.times != Some(0));
        plan
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn plan(faults: &mut Faults, operation: &str, instance: &str, now: &str) -> Plan {
        let instances = BTreeSet::from([instance.to_owned()]);
        let interfaces = BTreeSet::new();
        let subject = Subject {
            operation,
            writes: false,
            account: "1",
            region: "r",
            instances: &instances,
            interfaces: &interfaces,
        };
        faults.plan(&subject, now.parse().expect("a time"), || 7)
    }

    fn code(plan: &Plan) -> Option<String> {
        match &plan.instead {
            Some(Instead::Refuse(refusal)) => Some(refusal.code.clone().into_owned()),
            _ => None,
        }
    }

    const NOON: &str = "2026-01-01T12:00:15Z";

    #[test]
    fn a_rule_applies_to_its_calls_as_often_as_it_says() {
        let error = Fault::Error { code: "ServiceUnavailable".into(), status: None, message: None };
        let mut faults = Faults::default();
        faults.add(1, Rule::new("ModifyInstanceAttribute", error).instance("i-1").times(1));
        assert_eq!(code(&plan(&mut faults, "ModifyInstanceAttribute", "i-2", NOON)), None);
        assert_eq!(code(&plan(&mut faults, "DeleteInstance", "i-1", NOON)), None);
        assert_eq!(
            code(&plan(&mut faults, "ModifyInstanceAttribute", "i-1", NOON)).as_deref(),
            Some("ServiceUnavailable")
        );
        assert_eq!(code(&plan(&mut faults, "ModifyInstanceAttribute", "i-1", NOON)), None);
        assert!(faults.rules().is_empty(), "a rule that is used up is gone");
    }

    #[test]
    fn a_rate_limit_throttles_until_the_minute_is_over() {
        let mut faults = Faults::default();
        faults.add(1, Rule::new("DescribeInstances", Fault::RateLimit { per_minute: 2 }));
        assert_eq!(code(&plan(&mut faults, "DescribeInstances", "", NOON)), None);
        assert_eq!(code(&plan(&mut faults, "DescribeInstances", "", NOON)), None);
        let third = plan(&mut faults, "DescribeInstances", "", NOON);
        let Some(Instead::Refuse(refusal)) = third.instead else { panic!("{third:?}") };
        assert_eq!((&*refusal.code, refusal.retry_after_millis), ("Throttling.User", Some(45_000)));
        assert_eq!(code(&plan(&mut faults, "DescribeInstances", "", "2026-01-01T12:01:00Z")), None);
    }

    #[test]
    fn a_refused_call_uses_up_no_later_rule() {
        let mut faults = Faults::default();
        faults.add(1, Rule::new("A", Fault::Throttle { code: None, retry_after_millis: None }).times(1));
        faults.add(2, Rule::new("A", Fault::DropAfter).times(1));
        let first = plan(&mut faults, "A", "", NOON);
        assert!(first.instead.is_some() && !first.lose_answer);
        let second = plan(&mut faults, "A", "", NOON);
        assert!(second.instead.is_none() && second.lose_answer);
    }

    #[test]
    fn latencies_add_up_and_jitter_stays_in_its_bounds() {
        let mut faults = Faults::default();
        faults.add(1, Rule::new("A", Fault::Latency { millis: 10, jitter_millis: 0 }));
        faults.add(2, Rule::new("A", Fault::Latency { millis: 100, jitter_millis: 4 }));
        assert_eq!(plan(&mut faults, "A", "", NOON).latency, Duration::from_millis(10 + 100 + 7 % 5));
    }

    #[test]
    fn rules_read_as_the_readme_writes_them() {
        let rule: Rule = serde_json::from_str(
            r#"{"operation": "DescribeInstances", "times": 2,
                "fault": {"kind": "oddField", "path": "Tags.Tag", "value": null}}"#,
        )
        .expect("a rule");
        assert!(matches!(rule.fault, Fault::OddField { remove: false, value: Value::Null, .. }));
        assert!(serde_json::from_str::<Rule>(r#"{"fault": {"kind": "nonsense"}}"#).is_err());
        assert!(serde_json::from_str::<Rule>(r#"{"fault": {"kind": "hide"}, "tmes": 1}"#).is_err());
    }
}
