//! The Leases: whether a replica leads, and how old the evidence of each region is.

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::jiff::Timestamp;
use kube::{Api, Client};

use super::finding::{Check, Findings, Level};
use crate::question::{NoAnswer, ask};
use crate::scope::Scope;
use crate::sweep_record;

/// Clocks of Nodes are seconds apart at most. Whatever is farther in the future says nothing of how old it is.
const AHEAD: i64 = 5;

const CLOCK: &str = "Compare this machine's clock with those of the Nodes.";

/// The name of the Pod that leads, if one does.
pub async fn leader(client: &Client, namespace: &str, name: &str, findings: &mut Findings) -> Option<String> {
    let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
    let lease = format!("Lease {namespace}/{name}");
    let spec = match ask(api.get(name)).await {
        Ok(lease) => lease.spec.unwrap_or_default(),
        Err(NoAnswer::NotFound) => {
            let help =
                "No operator has run here: check --namespace and --lease-name, and the operator's Pods.";
            findings.add(Level::Failure, Check::Leader, format!("{lease} does not exist. {help}"));
            return None;
        }
        Err(NoAnswer::Forbidden) => {
            findings.add(Level::Unknown, Check::Leader, format!("you may not read the {lease}"));
            return None;
        }
        Err(NoAnswer::Failed(why)) => {
            findings.add(Level::Failure, Check::Leader, format!("{lease}: {why}"));
            return None;
        }
    };
    let holder = spec.holder_identity.clone().filter(|holder| !holder.is_empty());
    let (Some(holder), Some(Age { seconds, life })) = (holder, Age::of(&spec, Timestamp::now())) else {
        let help = "Check the operator's Pods and their logs.";
        findings.add(Level::Failure, Check::Leader, format!("nobody holds the {lease}. {help}"));
        return None;
    };
    if seconds < -AHEAD {
        let message =
            format!("{holder} renewed the {lease} in {} s, by this machine's clock. {CLOCK}", -seconds);
        findings.add(Level::Unknown, Check::Leader, message);
        return pod_of(&holder);
    }
    if seconds > life {
        let message = format!(
            "{holder} renewed the {lease} {seconds} s ago and it lasts {life} s, so nobody leads. Check the operator's Pods and \
             their logs; or the clocks of this machine and of the Nodes differ."
        );
        findings.add(Level::Failure, Check::Leader, message);
        return None;
    }
    findings.add(
        Level::Ok,
        Check::Leader,
        format!("{holder} leads, and renewed the {lease} {seconds} s ago"),
    );
    pod_of(&holder)
}

/// The operator adds a number to the name of its Pod, after a character that such names don't have.
fn pod_of(holder: &str) -> Option<String> {
    holder.rsplit_once('_').map(|(pod, _)| pod.to_owned())
}

/// How old the evidence of each region is, as far as the operator has recorded it.
pub async fn evidence(
    client: &Client,
    (namespace, lease_name): (&str, &str),
    scopes: &[Scope],
    findings: &mut Findings,
) {
    let api: Api<Lease> = Api::namespaced(client.clone(), namespace);
    for scope in scopes {
        let place = format!("{} (account {})", scope.region, scope.account);
        let found = ask(api.get(&sweep_record::name(lease_name, scope))).await;
        let age = found.map(|lease| Age::of(&lease.spec.unwrap_or_default(), Timestamp::now()));
        let (level, message) = match age {
            Ok(Some(Age { seconds, .. })) if seconds < -AHEAD => {
                let message =
                    format!("a complete sweep began in {} s, by this machine's clock. {CLOCK}", -seconds);
                (Level::Unknown, message)
            }
            Ok(Some(Age { seconds, life })) if seconds <= life => (
                Level::Ok,
                format!("the last complete sweep began {seconds} s ago, and is evidence for {life} s"),
            ),
            Ok(Some(Age { seconds, life })) => (
                Level::Failure,
                format!(
                    "the last complete sweep began {seconds} s ago, and is evidence for {life} s: objects here are Unknown, unless none \
                     asks for anything here any more. The operator's log says what fails."
                ),
            ),
            Ok(None) | Err(NoAnswer::NotFound) => (
                Level::Unknown,
                "no complete sweep is recorded, as long as no object asks for anything here".to_owned(),
            ),
            Err(NoAnswer::Forbidden) => (Level::Unknown, "you may not read the record of sweeps".to_owned()),
            Err(NoAnswer::Failed(why)) => (Level::Failure, why),
        };
        findings.add(level, Check::Evidence, format!("{place}: {message}"));
    }
}

/// How long ago a Lease was renewed, and for how long it then lasts.
#[derive(Debug, PartialEq, Eq)]
struct Age {
    seconds: i64,
    life: i64,
}

impl Age {
    fn of(spec: &LeaseSpec, now: Timestamp) -> Option<Self> {
        let seconds = now.duration_since(spec.renew_time.as_ref()?.0).as_secs();
        Some(Self { seconds, life: i64::from(spec.lease_duration_seconds?) })
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;

    use super::*;

    #[test]
    fn a_lease_without_a_time_says_nothing() {
        let now: Timestamp = "2026-03-01T08:00:10Z".parse().unwrap();
        let spec = LeaseSpec {
            renew_time: Some(MicroTime("2026-03-01T08:00:00Z".parse().unwrap())),
            lease_duration_seconds: Some(15),
            ..LeaseSpec::default()
        };
        assert_eq!(Age::of(&spec, now), Some(Age { seconds: 10, life: 15 }));
        assert_eq!(Age::of(&LeaseSpec { renew_time: None, ..spec.clone() }, now), None);
        assert_eq!(Age::of(&LeaseSpec { lease_duration_seconds: None, ..spec }, now), None);
    }
}
