//! The record of how old the evidence is: one Lease for each account and region, renewed after each complete sweep.
//!
//! Nothing that is written to the cloud or to a status depends on it, with one exception in the careful direction: from
//! its `leaseTransitions`, which are those of the leader's own Lease at the last complete sweep, a new leader learns how
//! many have come and gone since without proving anything. A record that is lost or can't be written costs patience at
//! worst.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use keeper_core::engine::Proven;
use keeper_core::time::Moment;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{Instrument as _, debug, warn};

use crate::fleet::FleetKey;
use crate::kubernetes::{CALL_TIMEOUT, summary};
use crate::leader::lease::whole_seconds;
use crate::leader::{Lead, Tenure};

/// So many leaders may leave standing what stands until there is evidence. If none of them has completed a sweep, the
/// next one may not.
const PATIENT_LEADERS: i32 = 3;

/// What could not be read or written is tried again after this long.
const RETRY: Duration = Duration::from_secs(5);

/// Two renewals are at least so far apart, however short the sweep interval.
const SHORTEST: Duration = Duration::from_secs(1);

/// Where the records are.
#[derive(Clone)]
pub struct Records {
    /// Client of the API server.
    pub client: Client,
    /// The operator's namespace.
    pub namespace: String,
    /// Name of the leader's Lease, with which those of the records begin.
    pub lease_name: String,
    /// This replica.
    pub identity: String,
}

/// The record of one account and region.
#[derive(Clone)]
struct Record {
    api: Api<Lease>,
    name: String,
    identity: String,
}

/// Keeps the record of one account and region.
pub struct Notebook {
    record: Record,
    work: JoinSet<Note>,
    /// The term whose number of unproven takeovers was learnt.
    opened: Option<u64>,
    /// What the record says.
    written: Option<Moment>,
    not_before: Moment,
}

/// What came of one piece of work on the record.
enum Note {
    Opened { term: u64, unproven: Option<i32> },
    Renewed { since: Moment, done: bool },
}

impl Records {
    /// The notebook of a fleet.
    pub fn notebook(&self, key: &FleetKey) -> Notebook {
        let name = format!("{}-evidence-{}-{}", self.lease_name, key.account.as_str(), key.region.as_str());
        Notebook {
            record: Record {
                api: Api::namespaced(self.client.clone(), &self.namespace),
                name,
                identity: self.identity.clone(),
            },
            work: JoinSet::new(),
            opened: None,
            written: None,
            not_before: Moment::default(),
        }
    }
}

impl Notebook {
    /// Begins what is due. One piece of work is under way at a time.
    pub fn see_to(&mut self, now: Moment, lead: Lead, tenure: Tenure, proven: Proven, interval: Duration) {
        if !self.work.is_empty() || now < self.not_before {
            return;
        }
        let record = self.record.clone();
        if self.opened != Some(lead.term) {
            let opening = async move {
                let unproven = told(tenure.within(Box::pin(record.open(lead.transitions))).await);
                Note::Opened { term: lead.term, unproven }
            };
            self.work.spawn(opening.in_current_span());
        } else if let Proven::Since(since) = proven
            && self.written.is_none_or(|written| since.since(written) >= (interval / 2).max(SHORTEST))
        {
            let renewal = Renewal { age: now.since(since), interval, transitions: lead.transitions };
            let renewing = async move {
                let done = told(tenure.within(Box::pin(record.renew(renewal))).await).is_some();
                Note::Renewed { since, done }
            };
            self.work.spawn(renewing.in_current_span());
        }
    }

    /// Waits for the work under way. Whether it came out that the term's patience is spent.
    pub async fn next(&mut self, now: impl Fn() -> Moment) -> Option<PatienceSpent> {
        let Some(note) = self.work.join_next().await else { return std::future::pending().await };
        match note.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
            Note::Opened { term, unproven: Some(unproven) } => {
                self.opened = Some(term);
                (unproven > PATIENT_LEADERS).then_some(PatienceSpent { term, unproven })
            }
            Note::Renewed { since, done: true } => {
                self.written = Some(since);
                None
            }
            Note::Opened { unproven: None, .. } | Note::Renewed { done: false, .. } => {
                self.not_before = now().after(RETRY);
                None
            }
        }
    }
}

/// Whoever led before has left too much unproven.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatienceSpent {
    /// The term that may not wait.
    pub term: u64,
    /// The leaders since the last complete sweep, this one included.
    pub unproven: i32,
}

/// What came of it, with what failed told in the log. An end of the lead is told elsewhere.
fn told<T>(outcome: Option<Result<T, String>>) -> Option<T> {
    outcome?.inspect_err(|error| warn!(error, "the record of the evidence's age is not kept")).ok()
}

/// What a renewal says.
#[derive(Debug, Clone, Copy)]
struct Renewal {
    age: Duration,
    interval: Duration,
    transitions: i32,
}

impl Record {
    /// How many leaders have taken over since the last complete sweep, the one with this number included. A record that
    /// is missing, or that knows of more leaders than there were, begins with this one.
    async fn open(&self, transitions: i32) -> Result<i32, String> {
        let found = answered(self.api.get_opt(&self.name)).await?;
        if let Some(unproven) = found.as_ref().and_then(|lease| unproven(lease, transitions)) {
            return Ok(unproven);
        }
        let spec = found.as_ref().and_then(|lease| lease.spec.clone()).unwrap_or_default();
        self.write(found, LeaseSpec { lease_transitions: Some(transitions), ..spec }).await?;
        Ok(0)
    }

    async fn renew(&self, renewal: Renewal) -> Result<(), String> {
        let found = answered(self.api.get_opt(&self.name)).await?;
        let spec = found.as_ref().and_then(|lease| lease.spec.clone()).unwrap_or_default();
        self.write(found, renewed(spec, &self.identity, renewal, Timestamp::now())).await
    }

    async fn write(&self, found: Option<Lease>, spec: LeaseSpec) -> Result<(), String> {
        let parameters = PostParams::default();
        if let Some(mut lease) = found {
            lease.metadata.managed_fields = None;
            lease.spec = Some(spec);
            answered(self.api.replace(&self.name, &parameters, &lease)).await?;
        } else {
            let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
            answered(self.api.create(&parameters, &Lease { metadata, spec: Some(spec) })).await?;
        }
        debug!(name = self.name, "the record of the evidence's age is kept");
        Ok(())
    }
}

/// How many leaders, up to that with this number, the record does not know to have proven anything.
fn unproven(lease: &Lease, transitions: i32) -> Option<i32> {
    let proven = lease.spec.as_ref()?.lease_transitions?;
    (0..=transitions).contains(&proven).then(|| transitions - proven)
}

fn renewed(old: LeaseSpec, identity: &str, renewal: Renewal, now: Timestamp) -> LeaseSpec {
    // The start of the sweep, by this machine's wall clock: for people and for alerts.
    let age = SignedDuration::try_from(renewal.age).unwrap_or(SignedDuration::ZERO);
    let since = now.checked_sub(age).unwrap_or(now);
    LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        // After this long what it says is stale.
        lease_duration_seconds: Some(whole_seconds(renewal.interval * 2)),
        lease_transitions: Some(renewal.transitions),
        renew_time: Some(MicroTime(since)),
        ..old
    }
}

async fn answered<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, String> {
    match timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => answer.map_err(|error| summary(&error)),
        Err(_) => Err("the API server did not answer in time".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(transitions: Option<i32>) -> Lease {
        let spec = LeaseSpec { lease_transitions: transitions, ..LeaseSpec::default() };
        Lease { spec: Some(spec), ..Lease::default() }
    }

    #[test]
    fn i38_leaders_are_counted_since_the_last_complete_sweep() {
        for (proven, now, expected) in [
            (Some(7), 7, Some(0)),
            (Some(7), 8, Some(1)),
            (Some(7), 11, Some(4)),
            (Some(8), 7, None),
            (Some(-1), 7, None),
            (None, 7, None),
        ] {
            assert_eq!(unproven(&record(proven), now), expected, "{proven:?} {now}");
        }
        assert_eq!(unproven(&Lease::default(), 7), None);
    }

    #[test]
    fn i03_a_renewal_says_when_the_sweep_began() {
        let now: Timestamp = "2026-03-01T08:00:10Z".parse().unwrap();
        let renewal =
            Renewal { age: Duration::from_secs(3), interval: Duration::from_millis(1_500), transitions: 4 };
        let spec = renewed(LeaseSpec::default(), "me", renewal, now);
        assert_eq!(spec.renew_time.unwrap().0.to_string(), "2026-03-01T08:00:07Z");
        assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(3), Some(4)));
        assert_eq!(spec.holder_identity.as_deref(), Some("me"));
    }
}
