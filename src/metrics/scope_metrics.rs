//! What is told of one account and region, for as long as there is something to tell.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use keeper_alicloud::observe::{Observer, Outcome};
use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::delete_on_release::DeleteOnRelease;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::engine::{Proven, RegionEngine};
use keeper_core::exception::ExceptionPhase;
use keeper_core::failure::Failure;
use keeper_core::flag::Flag as _;
use keeper_core::id::{ObjectId, RequestId};
use keeper_core::instance::Instance;
use keeper_core::interface::Interface;
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;
use keeper_core::resource::Resource as _;
use keeper_core::retention::InterfacePhase;
use keeper_core::scaling_member::ScalingMember;
use keeper_core::time::Moment;
use keeper_core::verdict::{RegionReport, State, total};
use prometheus::Histogram;

use super::registry::{Metrics, outcome};
use crate::api::Resource;
use crate::scope::Scope;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    Instance,
    NetworkInterface,
    ScalingMember,
}

impl Sort {
    /// In the order in which an engine tells of them.
    const ALL: [Self; 3] = [Self::Instance, Self::NetworkInterface, Self::ScalingMember];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Instance => Instance::NAME,
            Self::NetworkInterface => Interface::NAME,
            Self::ScalingMember => ScalingMember::NAME,
        }
    }
}

/// In the order in which an engine tells of their repairs.
const FLAGS: [(Sort, &str); 4] = [
    (Sort::Instance, DeletionProtection::NAME),
    (Sort::Instance, AutoReleaseTime::NAME),
    (Sort::NetworkInterface, DeleteOnRelease::NAME),
    (Sort::ScalingMember, ProtectedFromScaleIn::NAME),
];

/// The metrics of one scope. Its series go with the value.
pub struct ScopeMetrics {
    metrics: Arc<Metrics>,
    scope: Scope,
    /// What was last reported of each object.
    counts_of: BTreeMap<ObjectId, (Resource, Counts)>,
    sums: BTreeMap<Resource, Counts>,
    proven: Proven,
    /// The newest complete sweep of each sort of targets.
    swept: [Proven; 3],
}

/// Targets, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub protected: i64,
    pub unprotected: i64,
    pub not_applicable: i64,
    pub unknown: i64,
    pub excepted: i64,
    pub at_risk: i64,
    exceptions: i64,
    available: i64,
    detached: i64,
}

impl Counts {
    fn of(part: &RegionReport) -> Self {
        let counts = &part.counts;
        let free = part.retention.as_ref().map(|retention| retention.free).unwrap_or_default();
        Self {
            protected: counts.protected().into(),
            unprotected: total(&counts.unprotected).into(),
            not_applicable: counts.not_applicable().into(),
            unknown: total(&counts.unknown).into(),
            excepted: counts.excepted.into(),
            at_risk: counts.at_risk.into(),
            exceptions: part
                .exceptions
                .iter()
                .map(|told| i64::from(told.phase == ExceptionPhase::InForce))
                .sum(),
            available: free.available.into(),
            detached: free.detached.into(),
        }
    }

    fn add(&mut self, other: Self, sign: i64) {
        self.protected += sign * other.protected;
        self.unprotected += sign * other.unprotected;
        self.not_applicable += sign * other.not_applicable;
        self.unknown += sign * other.unknown;
        self.excepted += sign * other.excepted;
        self.at_risk += sign * other.at_risk;
        self.exceptions += sign * other.exceptions;
        self.available += sign * other.available;
        self.detached += sign * other.detached;
    }
}

impl ScopeMetrics {
    pub fn new(metrics: Arc<Metrics>, scope: Scope) -> Self {
        let mut this = Self {
            metrics,
            scope,
            counts_of: BTreeMap::new(),
            sums: BTreeMap::new(),
            proven: Proven::NothingWanted,
            swept: [Proven::NotYet; 3],
        };
        // Repairs are rare: a rate knows nothing of the first one if its series only comes to be with it.
        for (sort, flag) in FLAGS {
            let _ = this.repairs(sort, flag);
        }
        this.begin_term();
        this
    }

    /// A new term begins: nothing has been said in it yet.
    pub fn begin_term(&mut self) {
        self.counts_of.clear();
        self.swept = [Proven::NotYet; 3];
        for resource in Resource::ALL {
            self.sums.insert(resource, Counts::default());
            self.show(resource);
        }
    }

    /// All targets of the objects of each kind, as last reported.
    pub fn counts(&self) -> impl Iterator<Item = (Resource, Counts)> {
        self.sums.iter().map(|(resource, counts)| (*resource, *counts))
    }

    /// An object's report was made.
    pub fn reported(&mut self, object: &ObjectId, part: &RegionReport) {
        let resource = if part.retention.is_some() { Resource::Retention } else { Resource::Protection };
        self.forget(object);
        let counts = Counts::of(part);
        self.counts_of.insert(object.clone(), (resource, counts));
        self.sums.entry(resource).or_default().add(counts, 1);
        self.show(resource);
    }

    /// An object has no targets here any more.
    pub fn forget(&mut self, object: &ObjectId) {
        if let Some((resource, counts)) = self.counts_of.remove(object) {
            self.sums.entry(resource).or_default().add(counts, -1);
            self.show(resource);
        }
    }

    fn show(&self, resource: Resource) {
        let counts = self.sums.get(&resource).copied().unwrap_or_default();
        let (kind, account, region) =
            (resource.kind(), self.scope.account.as_str(), self.scope.region.as_str());
        for (state, count) in [
            (State::Protected, counts.protected),
            (State::Unprotected, counts.unprotected),
            (State::NotApplicable, counts.not_applicable),
            (State::Unknown, counts.unknown),
        ] {
            self.metrics.targets.with_label_values(&[kind, account, region, state.as_str()]).set(count);
        }
        self.metrics.at_risk.with_label_values(&[kind, account, region]).set(counts.at_risk);
        if resource == Resource::Protection {
            let excepted = [kind, account, region, State::Excepted.as_str()];
            self.metrics.targets.with_label_values(&excepted).set(counts.excepted);
            self.metrics.exceptions.with_label_values(&[kind, account, region]).set(counts.exceptions);
        } else {
            for (phase, count) in
                [(InterfacePhase::Available, counts.available), (InterfacePhase::Detached, counts.detached)]
            {
                self.metrics.free.with_label_values(&[account, region, phase.as_str()]).set(count);
            }
        }
    }

    /// The engine was polled: how it stands.
    pub fn polled(&mut self, now: Moment, engine: &mut RegionEngine) {
        let (account, region) = (self.scope.account.as_str(), self.scope.region.as_str());
        let here = [account, region];
        self.metrics.breaker.with_label_values(&here).set(engine.circuit_open().into());
        for (sort, load) in Sort::ALL.map(Sort::as_str).into_iter().zip(engine.load(now)) {
            let budget = |of| self.metrics.budget.with_label_values(&[account, region, sort, of]);
            budget("Read").set(load.reads.into());
            budget("Write").set(load.writes.into());
            let waiting = self.metrics.waiting.with_label_values(&[account, region, sort]);
            waiting.set(i64::try_from(load.waiting_writes).unwrap_or(i64::MAX));
        }
        let proven = engine.proven_of_each(now);
        for ((sort, swept), proven) in Sort::ALL.into_iter().zip(&mut self.swept).zip(proven) {
            if let Proven::Since(since) = proven
                && *swept != proven
            {
                let took = now.since(since).as_secs_f64();
                self.metrics.sweeps.with_label_values(&[account, region, sort.as_str()]).observe(took);
            }
            *swept = proven;
        }
        self.repaired(engine.take_repaired());
        self.show_evidence(now, engine);
    }

    /// Repairs of each flag took so long.
    pub fn repaired(&self, took: [Vec<Duration>; 4]) {
        for ((sort, flag), took) in FLAGS.into_iter().zip(took) {
            for repair in took {
                self.repairs(sort, flag).observe(repair.as_secs_f64());
            }
        }
    }

    fn repairs(&self, sort: Sort, flag: &str) -> Histogram {
        let (account, region) = (self.scope.account.as_str(), self.scope.region.as_str());
        self.metrics.repairs.with_label_values(&[account, region, sort.as_str(), flag])
    }

    fn show_evidence(&mut self, now: Moment, engine: &RegionEngine) {
        let here = [self.scope.account.as_str(), self.scope.region.as_str()];
        let proven = engine.proven(now);
        if proven == Proven::NothingWanted {
            // Neither may have been there.
            let _ = self.metrics.evidence.remove_label_values(&here);
            let _ = self.metrics.evidence_max_age.remove_label_values(&here);
        } else {
            let max_age = engine.evidence_life();
            self.metrics.evidence_max_age.with_label_values(&here).set(max_age.as_secs_f64());
            if proven != self.proven {
                let at = match proven {
                    Proven::Since(since) => wall_clock(now.since(since)),
                    Proven::NotYet | Proven::NothingWanted => 0.0,
                };
                self.metrics.evidence.with_label_values(&here).set(at);
            }
        }
        self.proven = proven;
    }

    /// A flag was written, or not.
    pub fn wrote(&self, sort: Sort, flag: &str, protected: bool, ended: &Result<RequestId, Failure>) {
        let ended = match ended {
            Ok(_) => Outcome::Answered,
            Err(failure) => Outcome::Failed(failure.class),
        };
        let value = if protected { State::Protected } else { State::Unprotected }.as_str();
        let (account, region) = (self.scope.account.as_str(), self.scope.region.as_str());
        self.metrics
            .flag_writes
            .with_label_values(&[account, region, sort.as_str(), flag, value, outcome(ended)])
            .inc();
    }
}

impl Drop for ScopeMetrics {
    fn drop(&mut self) {
        self.metrics.forget(&self.scope);
    }
}

pub struct CallMetrics {
    metrics: Arc<Metrics>,
    scope: Scope,
}

impl CallMetrics {
    pub fn new(metrics: Arc<Metrics>, scope: Scope) -> Self {
        Self { metrics, scope }
    }
}

impl fmt::Debug for CallMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallMetrics").field("scope", &self.scope).finish_non_exhaustive()
    }
}

impl Observer for CallMetrics {
    fn ended(&self, operation: &'static str, took: Duration, ended: Outcome) {
        let (account, region) = (self.scope.account.as_str(), self.scope.region.as_str());
        self.metrics.calls.with_label_values(&[account, region, operation, outcome(ended)]).inc();
        let seconds = self.metrics.call_seconds.with_label_values(&[account, region, operation]);
        seconds.observe(took.as_secs_f64());
    }
}

/// So long ago, in Unix time. By this machine's wall clock: for people and for alerts.
fn wall_clock(ago: Duration) -> f64 {
    Timestamp::now().as_duration().as_secs_f64() - ago.as_secs_f64()
}
