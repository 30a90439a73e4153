//! What the metrics of the leader tell at one moment: throttled calls, and the alerts that would fire if it stays so.

use std::collections::BTreeMap;

use axum::http::Request;
use jiff::Timestamp;
use kube::{Client, Config};
use prometheus_parse::{Sample, Scrape, Value};

use super::finding::{Check, Findings, Level};
use crate::kubernetes::client_of;
use crate::question::{NoAnswer, ask};

/// Where the metrics are.
pub enum Source<'a> {
    /// In this Pod, at this port.
    Here(u16),
    /// In this Pod, by way of the API server.
    Pod { client: &'a Client, namespace: &'a str, name: &'a str, port: u16 },
}

/// Reads the metrics once, and judges them.
pub async fn examine(source: Source<'_>, findings: &mut Findings) {
    let place = match &source {
        Source::Here(_) => "this Pod".to_owned(),
        Source::Pod { namespace, name, .. } => format!("the Pod {namespace}/{name}"),
    };
    let text = match source.read().await {
        Ok(text) => text,
        Err(why) => {
            let why = match why {
                NoAnswer::Forbidden => {
                    "you may not read them through the API server (get pods/proxy)".to_owned()
                }
                NoAnswer::NotFound => "there is no such Pod".to_owned(),
                NoAnswer::Failed(why) => why,
            };
            return unread(findings, &format!("the metrics of {place}: {why}"));
        }
    };
    judge(&text, &place, Timestamp::now().as_second(), findings);
}

/// Judges the metrics that a place answered with.
pub fn judge(text: &str, place: &str, now: i64, findings: &mut Findings) {
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    let metrics = Metrics(Scrape::parse(lines).map(|scrape| scrape.samples).unwrap_or_default());
    if metrics.all("ecs_keeper_build_info").next().is_none() {
        return unread(findings, &format!("{place} does not answer with the metrics of ecs-keeper"));
    }
    if metrics.all("ecs_keeper_leader").all(|leads| leads.value < 1.0) {
        let help = "Run this in the Pod that leads.";
        return unread(
            findings,
            &format!("{place} is on standby, and only the leader's metrics tell. {help}"),
        );
    }
    throttling(&metrics, findings);
    alerts(&metrics, now, findings);
}

/// Without the leader's metrics neither is known.
pub fn unread(findings: &mut Findings, why: &str) {
    findings.add(Level::Unknown, Check::Throttling, why);
    findings.add(Level::Unknown, Check::Alert, why);
}

impl Source<'_> {
    async fn read(&self) -> Result<String, NoAnswer> {
        let (own, client, path) = match self {
            Self::Here(port) => {
                let address = format!("http://127.0.0.1:{port}").parse();
                let address = address.map_err(|_| NoAnswer::Failed("their address is wrong".to_owned()))?;
                let client =
                    client_of(Config::new(address)).map_err(|error| NoAnswer::Failed(error.to_string()))?;
                (Some(client), None, "/metrics".to_owned())
            }
            Self::Pod { client, namespace, name, port } => (
                None,
                Some(*client),
                format!("/api/v1/namespaces/{namespace}/pods/{name}:{port}/proxy/metrics"),
            ),
        };
        let Some(client) = client.or(own.as_ref()) else { return Err(NoAnswer::NotFound) };
        let request = Request::get(path).body(Vec::new());
        let request = request.map_err(|_| NoAnswer::Failed("their address is wrong".to_owned()))?;
        ask(client.request_text(request)).await
    }
}

fn throttling(metrics: &Metrics, findings: &mut Findings) {
    let throttled =
        metrics.all("ecs_keeper_cloud_calls_total").filter(|calls| calls.label("outcome") == "Throttled");
    let places: Vec<String> = throttled
        .filter(|calls| calls.value > 0.0)
        .map(|calls| format!("{} of {} in {}", calls.value, calls.label("operation"), calls.place()))
        .collect();
    if places.is_empty() {
        findings.add(Level::Ok, Check::Throttling, "no call was throttled since the leader started");
    } else {
        let help =
            "The account's quotas are shared with others: lower the budgets, or ask for higher quotas.";
        let message = format!("throttled since the leader started: {}. {help}", places.join(", "));
        findings.add(Level::Warning, Check::Throttling, message);
    }
}

/// An alert of the chart that one look at the metrics can judge.
struct Alert {
    name: &'static str,
    level: Level,
    /// For what it would fire.
    firing: fn(&Metrics, f64) -> Vec<String>,
}

/// The alerts of the chart (`files/alerts.yaml`) but for two: that nobody leads is for the Lease to tell, and what was lost within
/// a quarter of an hour can't be told at one moment.
const ALERTS: [Alert; 8] = [
    Alert {
        name: "EcsKeeperEvidenceStale",
        level: Level::Failure,
        firing: |metrics, now| {
            let swept = metrics.all("ecs_keeper_evidence_timestamp_seconds");
            swept.filter(|since| now - since.value > 900.0).map(|since| since.place()).collect()
        },
    },
    Alert {
        name: "EcsKeeperCredentialsRejected",
        level: Level::Failure,
        firing: |metrics, _| {
            const REASONS: [&str; 6] = [
                "CredentialsMissing",
                "CredentialsRejected",
                "WrongAccount",
                "PermissionDenied",
                "NothingVisible",
                "ClockSkew",
            ];
            metrics.objects(|objects| REASONS.contains(&objects.label("reason")))
        },
    },
    Alert {
        name: "EcsKeeperCredentialsExpiring",
        level: Level::Warning,
        firing: |metrics, now| {
            let ends: BTreeMap<_, _> = metrics
                .all("ecs_keeper_credentials_expiry_timestamp_seconds")
                .map(|end| (end.source(), end.value))
                .collect();
            let renewals = metrics.all("ecs_keeper_credentials_renewal_timestamp_seconds");
            let late = renewals.filter(|renewal| {
                ends.get(&renewal.source()).is_some_and(|end| now > f64::midpoint(renewal.value, *end))
            });
            late.map(|renewal| renewal.source()).collect()
        },
    },
    Alert {
        name: "EcsKeeperUnprotected",
        level: Level::Warning,
        firing: |metrics, _| {
            const AS_ASKED: [&str; 4] = ["Unprotected", "Unprotecting", "DisabledAsAsked", "ReleasedAsAsked"];
            metrics.objects(|objects| {
                objects.label("status") == "False" && !AS_ASKED.contains(&objects.label("reason"))
            })
        },
    },
    Alert {
        name: "EcsKeeperUnknown",
        level: Level::Warning,
        firing: |metrics, _| {
            metrics.objects(|objects| {
                objects.label("status") == "Unknown" && objects.label("reason") != "NoTargets"
            })
        },
    },
    Alert {
        name: "EcsKeeperAwaitsPerson",
        level: Level::Warning,
        firing: |metrics, _| {
            let stalled = metrics.all("ecs_keeper_objects_stalled").filter(|objects| objects.value > 0.0);
            stalled.map(|objects| format!("{} {}", objects.value, objects.label("kind"))).collect()
        },
    },
    Alert {
        name: "EcsKeeperCircuitBreaker",
        level: Level::Failure,
        firing: |metrics, _| {
            let open = metrics.all("ecs_keeper_circuit_breaker").filter(|breaker| breaker.value > 0.0);
            open.map(|breaker| breaker.place()).collect()
        },
    },
    Alert {
        name: "EcsKeeperInterfacesPileUp",
        level: Level::Warning,
        firing: |metrics, _| {
            let mut free: BTreeMap<String, f64> = BTreeMap::new();
            for interfaces in metrics.all("ecs_keeper_free_interfaces") {
                *free.entry(interfaces.place()).or_default() += interfaces.value;
            }
            free.into_iter().filter(|(_, count)| *count > 100.0).map(|(place, _)| place).collect()
        },
    },
];

fn alerts(metrics: &Metrics, now: i64, findings: &mut Findings) {
    let mut fires = false;
    // Seconds since 1970 are exact in it for the next hundred million years.
    let now = i32::try_from(now).map_or(f64::MAX, f64::from);
    for alert in &ALERTS {
        let firing = (alert.firing)(metrics, now);
        if !firing.is_empty() {
            fires = true;
            let message = format!(
                "{} would fire if this lasts: {}. The page on alerts says what to do.",
                alert.name,
                firing.join(", ")
            );
            findings.add(alert.level, Check::Alert, message);
        }
    }
    if !fires {
        let message = "no alert would fire, of those that one look at the metrics can judge";
        findings.add(Level::Ok, Check::Alert, message);
    }
}

/// The samples of one scrape.
struct Metrics(Vec<Sample>);

/// One sample.
struct Number<'a> {
    sample: &'a Sample,
    value: f64,
}

impl Metrics {
    fn all<'a>(&'a self, name: &'static str) -> impl Iterator<Item = Number<'a>> {
        self.0.iter().filter(move |sample| sample.metric == name).filter_map(|sample| match sample.value {
            Value::Counter(value) | Value::Gauge(value) | Value::Untyped(value) => {
                Some(Number { sample, value })
            }
            Value::Histogram(_) | Value::Summary(_) => None,
        })
    }

    /// How many objects, by what is said of them.
    fn objects(&self, which: impl Fn(&Number<'_>) -> bool) -> Vec<String> {
        let some = self.all("ecs_keeper_objects").filter(|objects| objects.value > 0.0 && which(objects));
        some.map(|objects| {
            format!(
                "{} {} {}/{}",
                objects.value,
                objects.label("kind"),
                objects.label("status"),
                objects.label("reason")
            )
        })
        .collect()
    }
}

impl Number<'_> {
    fn label(&self, name: &str) -> &str {
        self.sample.labels.get(name).unwrap_or_default()
    }

    fn place(&self) -> String {
        format!("{} (account {})", self.label("region"), self.label("account"))
    }

    fn source(&self) -> String {
        format!("account {} ({})", self.label("account"), self.label("source"))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value as Json;

    use super::*;

    /// The chart's alerts: name, and what it fires for.
    fn chart() -> BTreeMap<String, String> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/charts/ecs-keeper/files/alerts.yaml");
        let file: Json = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let rules = file["groups"][0]["rules"].as_array().unwrap().clone();
        let text = |rule: &Json, key: &str| rule[key].as_str().unwrap().to_owned();
        rules.iter().map(|rule| (text(rule, "alert"), text(rule, "expr"))).collect()
    }

    fn firing(metrics: &str) -> BTreeSet<&'static str> {
        let lines = metrics.lines().map(|line| Ok(line.to_owned()));
        let metrics = Metrics(Scrape::parse(lines).unwrap().samples);
        ALERTS
            .iter()
            .filter(|alert| !(alert.firing)(&metrics, 1e9).is_empty())
            .map(|alert| alert.name)
            .collect()
    }

    #[test]
    fn every_alert_of_the_chart_is_judged_or_known_not_to_be() {
        let judged = ALERTS.iter().map(|alert| alert.name.to_owned());
        let others = ["EcsKeeperNobodyLeads", "EcsKeeperTargetLost"].map(str::to_owned);
        assert_eq!(judged.chain(others).collect::<BTreeSet<_>>(), chart().into_keys().collect());
    }

    /// What an alert compares with, and which reasons it names, in the words of its expression.
    #[test]
    fn an_alert_is_judged_by_its_expression() {
        let chart = chart();
        for (alert, words) in [
            ("EcsKeeperEvidenceStale", "> 900"),
            (
                "EcsKeeperCredentialsRejected",
                r#"reason=~"CredentialsMissing|CredentialsRejected|WrongAccount|PermissionDenied|NothingVisible|ClockSkew"}) > 0"#,
            ),
            (
                "EcsKeeperCredentialsExpiring",
                "(time() - (ecs_keeper_credentials_renewal_timestamp_seconds + ecs_keeper_credentials_expiry_timestamp_seconds) / 2) > 0",
            ),
            (
                "EcsKeeperUnprotected",
                r#"status="False",reason!~"Unprotected|Unprotecting|DisabledAsAsked|ReleasedAsAsked"}) > 0"#,
            ),
            ("EcsKeeperUnknown", r#"status="Unknown",reason!="NoTargets"}) > 0"#),
            ("EcsKeeperAwaitsPerson", "(ecs_keeper_objects_stalled) > 0"),
            ("EcsKeeperCircuitBreaker", "(ecs_keeper_circuit_breaker) == 1"),
            ("EcsKeeperInterfacesPileUp", "(ecs_keeper_free_interfaces) > 100"),
        ] {
            assert!(chart[alert].contains(words), "{alert}: {}", chart[alert]);
        }
    }

    #[test]
    fn alerts_fire_on_the_far_side_of_their_limit() {
        let here = r#"account="a",region="r""#;
        for (metrics, fires) in [
            (format!("ecs_keeper_evidence_timestamp_seconds{{{here}}} 999999100"), None),
            (
                format!("ecs_keeper_evidence_timestamp_seconds{{{here}}} 999999099"),
                Some("EcsKeeperEvidenceStale"),
            ),
            (r#"ecs_keeper_objects{kind="k",status="Unknown",reason="NoTargets"} 1"#.to_owned(), None),
            (r#"ecs_keeper_objects{kind="k",status="Unknown",reason="Stale"} 0"#.to_owned(), None),
            (
                r#"ecs_keeper_objects{kind="k",status="Unknown",reason="Stale"} 1"#.to_owned(),
                Some("EcsKeeperUnknown"),
            ),
            (r#"ecs_keeper_objects{kind="k",status="False",reason="Unprotected"} 1"#.to_owned(), None),
            (
                r#"ecs_keeper_objects{kind="k",status="False",reason="Drift"} 1"#.to_owned(),
                Some("EcsKeeperUnprotected"),
            ),
            (
                r#"ecs_keeper_objects{kind="k",status="True",reason="ClockSkew"} 1"#.to_owned(),
                Some("EcsKeeperCredentialsRejected"),
            ),
            (r#"ecs_keeper_objects_stalled{kind="k"} 2"#.to_owned(), Some("EcsKeeperAwaitsPerson")),
            (format!("ecs_keeper_circuit_breaker{{{here}}} 1"), Some("EcsKeeperCircuitBreaker")),
            (
                format!(
                    "ecs_keeper_free_interfaces{{{here},phase=\"x\"}} 60\necs_keeper_free_interfaces{{{here},phase=\"y\"}} 41"
                ),
                Some("EcsKeeperInterfacesPileUp"),
            ),
            (
                "ecs_keeper_credentials_expiry_timestamp_seconds{account=\"a\",source=\"s\"} 1000000200\n\
                 ecs_keeper_credentials_renewal_timestamp_seconds{account=\"a\",source=\"s\"} 999999799"
                    .to_owned(),
                Some("EcsKeeperCredentialsExpiring"),
            ),
            (
                "ecs_keeper_credentials_expiry_timestamp_seconds{account=\"a\",source=\"s\"} 1000000200\n\
                 ecs_keeper_credentials_renewal_timestamp_seconds{account=\"b\",source=\"s\"} 999999799"
                    .to_owned(),
                None,
            ),
        ] {
            assert_eq!(firing(&metrics), fires.into_iter().collect(), "{metrics}");
        }
    }

    #[test]
    fn throttled_calls_are_told_by_operation_and_place() {
        let calls = "ecs_keeper_cloud_calls_total{account=\"a\",region=\"r\",operation=\"DescribeInstances\",outcome=\"Throttled\"} 3";
        let mut findings = Findings::default();
        let metrics = Scrape::parse(calls.lines().map(|line| Ok(line.to_owned()))).unwrap().samples;
        throttling(&Metrics(metrics), &mut findings);
        let json = findings.json().unwrap();
        assert!(json.contains("3 of DescribeInstances in r (account a)"), "{json}");
        assert_eq!(findings.count(Level::Warning), 1);
    }
}
