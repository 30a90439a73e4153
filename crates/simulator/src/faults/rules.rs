//! The rules in force, and what they do to a call.

use std::collections::HashMap;

use jiff::Timestamp;

use super::plan::{Plan, Target, instead};
use super::rule::{Fault, Rule, Subject};

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
                plan.instead = instead(fault, now);
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
    use std::collections::BTreeSet;
    use std::time::Duration;

    use serde_json::Value;

    use super::super::plan::Instead;
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
