//! The record of how old the evidence is: one Lease for each account and region, renewed after each complete sweep.
//!
//! Nothing that is written to the cloud or to a status depends on it, with one exception in the careful direction: from
//! its `leaseTransitions`, which are those of the leader's own Lease at the last complete sweep, a new leader learns how
//! many have come and gone since without proving anything, and from its `leaseDurationSeconds` how long evidence lived. A
//! record that is lost or can't be written costs patience at worst.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use keeper_core::engine::Proven;
use keeper_core::pace::LONGEST_LIFE;
use keeper_core::time::Moment;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{Instrument as _, debug, warn};

use crate::kubernetes::{CALL_TIMEOUT, summary};
use crate::leader::lease::whole_seconds;
use crate::leader::{Lead, TermGuard};
use crate::scope::Scope;

/// So many leaders may leave standing what stands until there is evidence. If none of them has completed a sweep, the
/// next one may not.
const PATIENT_LEADERS: i32 = 3;

/// What could not be read or written is tried again after this long.
const RETRY: Duration = Duration::from_secs(5);

/// Two renewals by one leader are at least so far apart, however short the sweep interval.
const SELDOM: Duration = Duration::from_secs(30);

#[derive(Clone)]
pub struct SweepRecords {
    pub client: Client,
    pub namespace: String,
    /// Name of the leader's Lease, with which those of the records begin.
    pub lease_name: String,
    pub identity: String,
}

/// The record of one account and region.
#[derive(Clone)]
struct RecordLease {
    api: Api<Lease>,
    name: String,
    identity: String,
}

pub struct SweepRecord {
    record: RecordLease,
    work: JoinSet<Note>,
    /// The term whose number of unproven takeovers was learnt.
    opened: Option<u64>,
    /// What the record says.
    written: Option<Moment>,
    not_before: Moment,
}

/// What came of one piece of work on the record.
enum Note {
    Opened { term: u64, patience: Option<Patience> },
    Renewed { since: Moment, done: bool },
}

/// What the record of a scope is called.
pub fn name(lease_name: &str, scope: &Scope) -> String {
    format!("{lease_name}-evidence-{}-{}", scope.account.as_str(), scope.region.as_str())
}

impl SweepRecords {
    pub fn of(&self, scope: &Scope) -> SweepRecord {
        let name = name(&self.lease_name, scope);
        SweepRecord {
            record: RecordLease {
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

impl SweepRecord {
    /// Begins what is due. One piece of work is under way at a time.
    pub fn see_to(&mut self, now: Moment, lead: Lead, guard: TermGuard, proven: Proven, life: Duration) {
        if !self.work.is_empty() || now < self.not_before {
            return;
        }
        let record = self.record.clone();
        if self.opened != Some(lead.term) {
            let opening = async move {
                let found = told(guard.within(Box::pin(record.open(lead.transitions))).await);
                let patience = found.map(|found| found.patience(lead.term, life));
                Note::Opened { term: lead.term, patience }
            };
            self.work.spawn(opening.in_current_span());
        } else if let Proven::Since(since) = proven
            && self.written.is_none_or(|written| since.since(written) >= SELDOM)
        {
            let renewal = Renewal { age: now.since(since), life, transitions: lead.transitions };
            let renewing = async move {
                let done = told(guard.within(Box::pin(record.renew(renewal))).await).is_some();
                Note::Renewed { since, done }
            };
            self.work.spawn(renewing.in_current_span());
        }
    }

    /// Waits for the work under way. The term's patience, if that has come out.
    pub async fn next(&mut self, now: impl Fn() -> Moment) -> Option<Patience> {
        let Some(note) = self.work.join_next().await else { return std::future::pending().await };
        match note.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())) {
            Note::Opened { term, patience: Some(patience) } => {
                self.opened = Some(term);
                // The first complete sweep of a term is recorded whenever it comes.
                self.written = None;
                Some(patience)
            }
            Note::Renewed { since, done: true } => {
                self.written = Some(since);
                None
            }
            Note::Opened { patience: None, .. } | Note::Renewed { done: false, .. } => {
                self.not_before = now().after(RETRY);
                None
            }
        }
    }
}

/// How long a new leader may leave standing what stands, without evidence of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    pub term: u64,
    /// The leaders since the last complete sweep, this one included.
    pub leaders: i32,
    /// How long. Nothing, if those before have left too much unproven.
    pub span: Duration,
}

/// What the record tells a new leader.
#[derive(Debug, Clone, Copy)]
struct Found {
    /// The leaders since the last complete sweep, this one included.
    leaders: i32,
    /// How long evidence lived then.
    life: Option<Duration>,
}

impl Found {
    /// One life of evidence for each leader, and no more than evidence may live at most for all of them together: nobody
    /// knows how much of theirs the others have used, so it counts as all. `own`: how long evidence lives now.
    fn patience(self, term: u64, own: Duration) -> Patience {
        let life = self.life.map_or(own, |life| life.max(own)).min(LONGEST_LIFE);
        let before = u32::try_from(self.leaders.saturating_sub(1)).unwrap_or(0);
        let span = if self.leaders > PATIENT_LEADERS {
            Duration::ZERO
        } else {
            life.min(LONGEST_LIFE.saturating_sub(life.saturating_mul(before)))
        };
        Patience { term, leaders: self.leaders, span }
    }
}

/// What came of it, with what failed told in the log. An end of the lead is told elsewhere.
fn told<T>(outcome: Option<Result<T, String>>) -> Option<T> {
    outcome?.inspect_err(|error| warn!(error, "failed to renew the sweep record")).ok()
}

/// What a renewal says.
#[derive(Debug, Clone, Copy)]
struct Renewal {
    age: Duration,
    life: Duration,
    transitions: i32,
}

impl RecordLease {
    /// What it tells the leader with this number. A record that is missing, or that knows of more leaders than there were,
    /// begins with this one.
    async fn open(&self, transitions: i32) -> Result<Found, String> {
        let found = answered(self.api.get_opt(&self.name)).await?;
        if let Some(told) = found.as_ref().and_then(|lease| tells(lease, transitions)) {
            return Ok(told);
        }
        let spec = found.as_ref().and_then(|lease| lease.spec.clone()).unwrap_or_default();
        self.write(found, LeaseSpec { lease_transitions: Some(transitions), ..spec }).await?;
        Ok(Found { leaders: 0, life: None })
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
        debug!(name = self.name, "sweep record renewed");
        Ok(())
    }
}

/// How many leaders, up to that with this number, the record does not know to have proven anything, and how long evidence
/// lived.
fn tells(lease: &Lease, transitions: i32) -> Option<Found> {
    let spec = lease.spec.as_ref()?;
    let proven = spec.lease_transitions.filter(|proven| (0..=transitions).contains(proven))?;
    let seconds = spec.lease_duration_seconds.and_then(|seconds| u64::try_from(seconds).ok());
    Some(Found { leaders: transitions - proven, life: seconds.map(Duration::from_secs) })
}

fn renewed(old: LeaseSpec, identity: &str, renewal: Renewal, now: Timestamp) -> LeaseSpec {
    // The start of the sweep, by this machine's wall clock: for people and for alerts.
    let age = SignedDuration::try_from(renewal.age).unwrap_or(SignedDuration::ZERO);
    let since = now.checked_sub(age).unwrap_or(now);
    LeaseSpec {
        holder_identity: Some(identity.to_owned()),
        // After this long what it says is stale.
        lease_duration_seconds: Some(whole_seconds(renewal.life)),
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
        let spec = LeaseSpec {
            lease_transitions: transitions,
            lease_duration_seconds: Some(300),
            ..LeaseSpec::default()
        };
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
            assert_eq!(tells(&record(proven), now).map(|found| found.leaders), expected, "{proven:?} {now}");
        }
        assert!(tells(&Lease::default(), 7).is_none());
    }

    #[test]
    fn i38_patience_is_one_life_of_evidence_as_the_record_tells_it_and_a_quarter_of_an_hour_in_all() {
        let own = Duration::from_mins(2);
        for (life, spans) in [
            (None, [120, 120, 120, 120, 0]),
            (Some(60), [120, 120, 120, 120, 0]),
            (Some(300), [300, 300, 300, 300, 0]),
            (Some(400), [400, 400, 400, 100, 0]),
            (Some(600), [600, 600, 300, 0, 0]),
            (Some(86_400), [900, 900, 0, 0, 0]),
        ] {
            for (leaders, span) in (0..).zip(spans) {
                let found = Found { leaders, life: life.map(Duration::from_secs) };
                assert_eq!(found.patience(1, own).span.as_secs(), span, "{life:?} {leaders}");
            }
        }
        let told = tells(&record(Some(7)), 8).unwrap();
        assert_eq!(told.patience(1, own).span, Duration::from_mins(5));
    }

    #[test]
    fn i03_a_renewal_says_when_the_sweep_began() {
        let now: Timestamp = "2026-03-01T08:00:10Z".parse().unwrap();
        let renewal =
            Renewal { age: Duration::from_secs(3), life: Duration::from_millis(120_500), transitions: 4 };
        let spec = renewed(LeaseSpec::default(), "me", renewal, now);
        assert_eq!(spec.renew_time.unwrap().0.to_string(), "2026-03-01T08:00:07Z");
        assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(121), Some(4)));
        assert_eq!(spec.holder_identity.as_deref(), Some("me"));
    }
}
