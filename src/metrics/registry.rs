//! The metrics of the process.

use std::collections::HashMap;

use keeper_alicloud::observe::Outcome;
use keeper_core::attribution::Outcome as Attribution;
use keeper_core::conditions::Status;
use keeper_core::id::AccountName;
use keeper_core::reason::Reason;
use prometheus::core::{Collector, MetricVec, MetricVecBuilder};
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TEXT_FORMAT, TextEncoder,
};

use crate::api::Resource;
use crate::scope::Scope;

/// Content type of what [`Metrics::text`] answers.
pub const CONTENT_TYPE: &str = TEXT_FORMAT;

/// Seconds that calls of the cloud take; the client gives up after some tens of them.
const CALL_SECONDS: [f64; 10] = [0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];

/// Seconds that a sweep takes: from one page to a thousand, at a page a second.
const SWEEP_SECONDS: [f64; 10] = [0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0];

/// Seconds that a repair takes: one write and one look if nothing else is to be done, and as long as the cloud refuses it otherwise.
const REPAIR_SECONDS: [f64; 11] = [0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0];

/// All metrics of the process.
pub struct Metrics {
    /// What every replica tells.
    every: Registry,
    /// What only the leader knows.
    leaders: Registry,
    descriptions: Vec<Description>,
    leading: IntGauge,
    terms: IntCounter,
    objects: IntGaugeVec,
    stalled: IntGaugeVec,
    pub(super) targets: IntGaugeVec,
    pub(super) at_risk: IntGaugeVec,
    pub(super) exceptions: IntGaugeVec,
    pub(super) free: IntGaugeVec,
    pub(super) evidence: GaugeVec,
    pub(super) evidence_max_age: GaugeVec,
    pub(super) breaker: IntGaugeVec,
    pub(super) budget: IntGaugeVec,
    pub(super) waiting: IntGaugeVec,
    pub(super) sweeps: HistogramVec,
    pub(super) repairs: HistogramVec,
    pub(super) calls: IntCounterVec,
    pub(super) call_seconds: HistogramVec,
    pub(super) credentials: IntGaugeVec,
    pub(super) credentials_end: GaugeVec,
    pub(super) credentials_due: GaugeVec,
    pub(super) credentials_failures: IntCounterVec,
    pub(super) flag_writes: IntCounterVec,
    reports: IntCounterVec,
    patches: IntCounterVec,
    events: IntCounterVec,
    lost: IntCounterVec,
    attributions: IntCounterVec,
    attributions_waiting: IntGaugeVec,
    watch_failures: IntCounterVec,
}

/// What a metric is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Its name.
    pub name: String,
    /// `gauge`, `counter` or `histogram`.
    pub kind: &'static str,
    /// The names of its labels.
    pub labels: Vec<String>,
    /// What it says.
    pub help: String,
    /// Whether only the leader tells it.
    pub leaders: bool,
}

/// What is said of an object, as far as it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    pub status: Status,
    pub reason: Reason,
    pub stalled: bool,
}

/// How a piece of work on an object ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Done,
    /// The object has changed meanwhile, or is gone, or the lead has ended.
    Overtaken,
    Failed,
}

impl Ended {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "Done",
            Self::Overtaken => "Overtaken",
            Self::Failed => "Failed",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patched {
    Status,
    Finalizers,
}

impl Patched {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Status => "Status",
            Self::Finalizers => "Finalizers",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publishing {
    Published,
    /// There were too many; a later one tells of it.
    SummedUp,
    /// The API server did not take it, or too many were on their way.
    Dropped,
}

impl Publishing {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "Published",
            Self::SummedUp => "SummedUp",
            Self::Dropped => "Dropped",
        }
    }
}

const FLEET: [&str; 2] = ["account", "region"];

impl Metrics {
    /// All of them, at nothing.
    #[expect(clippy::too_many_lines, reason = "a list, to be read from its beginning to its end")]
    pub fn new() -> prometheus::Result<Self> {
        let mut every = Registrar::new(false);
        let mut leaders = Registrar::new(true);
        every.process()?;
        every
            .gauges("build_info", "Always 1; the label is the version of the program.", &["version"])?
            .with_label_values(&[env!("CARGO_PKG_VERSION")])
            .set(1);
        Ok(Self {
            leading: every.gauge("leader", "1 if this replica leads, 0 if it is on standby.")?,
            terms: every.counter("leader_terms_total", "How often this process has become the leader.")?,
            objects: leaders.gauges(
                "objects",
                "Objects by status and reason of their domain condition, Protected or Retained.",
                &["kind", "status", "reason"],
            )?,
            stalled: leaders.gauges(
                "objects_stalled",
                "Objects whose condition Stalled is True: somebody must act.",
                &["kind"],
            )?,
            targets: leaders.gauges(
                "targets",
                "Instances or network interfaces that objects select, by verdict. A target that several objects select \
                 counts once for each of them.",
                &["kind", "account", "region", "verdict"],
            )?,
            at_risk: leaders.gauges(
                "targets_at_risk",
                "Targets, counted as in ecs_keeper_targets, that can be lost although their flag is protected.",
                &["kind", "account", "region"],
            )?,
            exceptions: leaders.gauges(
                "exceptions",
                "Exceptions in force: instances that objects leave unprotected for a time.",
                &["kind", "account", "region"],
            )?,
            free: leaders.gauges(
                "free_interfaces",
                "Retained network interfaces that are on no instance: Available has outlived its instance, Detached \
                 is not known to have. One that several objects retain counts once for each of them.",
                &["account", "region", "phase"],
            )?,
            evidence: leaders.float_gauges(
                "evidence_timestamp_seconds",
                "When the newest complete sweep began, as Unix time; 0 until this leader has completed one. Absent where \
                 there is nothing to sweep.",
                &FLEET,
            )?,
            evidence_max_age: leaders.float_gauges(
                "evidence_max_age_seconds",
                "Evidence older than this is stale, and targets that depend on it are Unknown. It follows the interval at which \
                 sweeps really complete, up to a quarter of an hour.",
                &FLEET,
            )?,
            breaker: leaders.gauges(
                "circuit_breaker",
                "1 while too many targets have vanished or lost their flag at once: ecs-keeper concludes nothing from absence \
                 and unprotects nothing.",
                &FLEET,
            )?,
            budget: leaders.gauges(
                "budget_calls",
                "Cloud calls left in the budget.",
                &["account", "region", "resource", "sort"],
            )?,
            waiting: leaders.gauges(
                "writes_waiting",
                "Targets with a pending write of their flag.",
                &["account", "region", "resource"],
            )?,
            sweeps: every.histograms(
                "sweep_duration_seconds",
                "Duration of complete sweeps, from the first call to the last answer.",
                &["account", "region", "resource"],
                &SWEEP_SECONDS,
            )?,
            repairs: every.histograms(
                "repair_duration_seconds",
                "Duration of repairs: from when a target was seen unprotected that had been protected and was to stay so, until \
                 it was seen protected again after a write of ecs-keeper.",
                &["account", "region", "resource", "flag"],
                &REPAIR_SECONDS,
            )?,
            calls: every.counters(
                "cloud_calls_total",
                "Cloud calls by outcome: Answered, GivenUp if the term or the process ended first, or the class of the \
                 error.",
                &["account", "region", "operation", "outcome"],
            )?,
            call_seconds: every.histograms(
                "cloud_call_duration_seconds",
                "Duration of cloud calls, whatever their outcome.",
                &["account", "region", "operation"],
                &CALL_SECONDS,
            )?,
            credentials: every.gauges(
                "credentials_info",
                "Always 1; the labels are a source of the account's credentials and the role that they are a session of, which is \
                 empty for access keys.",
                &["account", "source", "role"],
            )?,
            credentials_end: every.float_gauges(
                "credentials_expiry_timestamp_seconds",
                "When the session that the account's calls are signed with ends, as Unix time. Absent for access keys, which do \
                 not end.",
                &["account", "source"],
            )?,
            credentials_due: every.float_gauges(
                "credentials_renewal_timestamp_seconds",
                "When that session is renewed, as Unix time. If it lies in the past, the renewal fails.",
                &["account", "source"],
            )?,
            credentials_failures: every.counters(
                "credentials_failures_total",
                "Failed attempts to obtain or to renew the credentials of an account, by the class of the error.",
                &["account", "source", "class"],
            )?,
            flag_writes: every.counters(
                "flag_writes_total",
                "Writes of a flag by the value written, Protected or Unprotected, and by outcome. AutoReleaseTime is Protected \
                 once it is removed.",
                &["account", "region", "resource", "flag", "value", "outcome"],
            )?,
            reports: every.counters(
                "reports_total",
                "Processed reports about objects, by outcome. Done includes reports that the present status already shows.",
                &["kind", "outcome"],
            )?,
            patches: every.counters(
                "patches_total",
                "Patches of objects, by what they patch.",
                &["kind", "patched", "outcome"],
            )?,
            events: every.counters(
                "events_total",
                "Events about objects: Published, SummedUp with others in a later one, or Dropped if publishing failed.",
                &["reason", "outcome"],
            )?,
            lost: targets_lost(&mut every)?,
            attributions: every.counters(
                "attributions_total",
                "Flags that somebody else had switched off, by what ActionTrail says of it: ChangedBy names the call, Candidates \
                 calls that may have done it. All other outcomes are reasons why nobody knows.",
                &["account", "region", "outcome"],
            )?,
            attributions_waiting: leaders.gauges(
                "attributions_waiting",
                "Flags that somebody else had switched off and about which ActionTrail is yet to be asked.",
                &["account"],
            )?,
            watch_failures: every.counters(
                "watch_failures_total",
                "Watches of the API server that failed and were restarted.",
                &["resource"],
            )?,
            descriptions: [every.descriptions, leaders.descriptions].concat(),
            every: every.registry,
            leaders: leaders.registry,
        })
    }

    /// What each metric is, by name.
    pub fn descriptions(&self) -> Vec<Description> {
        let mut all = self.descriptions.clone();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// All numbers in the text format. One that stands by tells nothing of targets, for it knows nothing of them.
    pub fn text(&self, leads: bool) -> prometheus::Result<String> {
        self.leading.set(leads.into());
        let mut families = self.every.gather();
        if leads {
            families.extend(self.leaders.gather());
        }
        TextEncoder::new().encode_to_string(&families)
    }

    /// The lead was taken.
    pub fn lead_taken(&self) {
        self.terms.inc();
    }

    /// What is said of an object has become something else; `None`: nothing is said of it.
    pub fn judged(&self, resource: Resource, before: Option<Judged>, now: Option<Judged>) {
        if before == now {
            return;
        }
        for (judged, step) in [(before, -1), (now, 1)] {
            let Some(judged) = judged else { continue };
            let kind = resource.kind();
            self.objects.with_label_values(&[kind, judged.status.as_str(), judged.reason.as_str()]).add(step);
            self.stalled.with_label_values(&[kind]).add(if judged.stalled { step } else { 0 });
        }
    }

    /// An object's report was seen to.
    pub fn reported(&self, resource: Resource, ended: Ended) {
        self.reports.with_label_values(&[resource.kind(), ended.as_str()]).inc();
    }

    /// An object was patched.
    pub fn patched(&self, resource: Resource, what: Patched, ended: Ended) {
        self.patches.with_label_values(&[resource.kind(), what.as_str(), ended.as_str()]).inc();
    }

    /// An Event was published, or not.
    pub fn event(&self, reason: Reason, outcome: Publishing) {
        self.events.with_label_values(&[reason.as_str(), outcome.as_str()]).inc();
    }

    /// Objects have lost targets; `grave`: that were to be protected.
    pub fn lost(&self, resource: Resource, reason: Reason, grave: bool, count: u32) {
        self.lost
            .with_label_values(&[resource.kind(), reason.as_str(), event_type(grave)])
            .inc_by(count.into());
    }

    /// Attribution is on in a scope: all of its series begin at nothing, so that the first flag counts, too.
    pub fn attributes(&self, scope: &Scope) {
        for outcome in Attribution::words() {
            let labels = [scope.account.as_str(), scope.region.as_str(), outcome];
            self.attributions.with_label_values(&labels).inc_by(0);
        }
    }

    /// It is known who has switched a flag off, or why not.
    pub fn attributed(&self, scope: &Scope, outcome: &str) {
        let labels = [scope.account.as_str(), scope.region.as_str(), outcome];
        self.attributions.with_label_values(&labels).inc();
    }

    /// How many questions of an account wait.
    pub fn attributions_waiting(&self, account: &AccountName, waiting: usize) {
        let waiting = i64::try_from(waiting).unwrap_or(i64::MAX);
        self.attributions_waiting.with_label_values(&[account.as_str()]).set(waiting);
    }

    /// A watch failed.
    pub fn watch_failed(&self, resource: &str) {
        self.watch_failures.with_label_values(&[resource]).inc();
    }

    /// Takes everything out that was said of a scope.
    pub(super) fn forget(&self, scope: &Scope) {
        forget(&self.targets, scope);
        forget(&self.at_risk, scope);
        forget(&self.exceptions, scope);
        forget(&self.free, scope);
        forget(&self.evidence, scope);
        forget(&self.evidence_max_age, scope);
        forget(&self.breaker, scope);
        forget(&self.budget, scope);
        forget(&self.waiting, scope);
        forget(&self.sweeps, scope);
        forget(&self.repairs, scope);
        forget(&self.calls, scope);
        forget(&self.call_seconds, scope);
        forget(&self.flag_writes, scope);
        forget(&self.attributions, scope);
    }
}

/// All of its series begin at nothing: what a counter has when it comes to be was not counted by anybody.
fn targets_lost(registrar: &mut Registrar) -> prometheus::Result<IntCounterVec> {
    let lost = registrar.counters(
        "targets_lost_total",
        "Targets that are gone or no longer selected, by reason and type of the Event that reports them: Warning if \
         they were to be protected and could have been.",
        &["kind", "reason", "type"],
    )?;
    for resource in Resource::ALL {
        let gone = match resource {
            Resource::Protection => Reason::InstanceLost,
            Resource::Retention => Reason::Departed,
        };
        for reason in [gone, Reason::SelectionLost] {
            for grave in [true, false] {
                lost.with_label_values(&[resource.kind(), reason.as_str(), event_type(grave)]).reset();
            }
        }
        let shrunk = Reason::SelectionShrank.as_str();
        lost.with_label_values(&[resource.kind(), shrunk, event_type(true)]).reset();
    }
    Ok(lost)
}

const fn event_type(warning: bool) -> &'static str {
    if warning { "Warning" } else { "Normal" }
}

/// The word for how a call ended.
pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Answered => "Answered",
        Outcome::GivenUp => "GivenUp",
        Outcome::Failed(class) => class.as_str(),
    }
}

/// Takes the series of a scope out of a metric.
fn forget<T: MetricVecBuilder>(metric: &MetricVec<T>, scope: &Scope) {
    for family in metric.collect() {
        for series in family.get_metric() {
            let labels: HashMap<&str, &str> =
                series.get_label().iter().map(|label| (label.name(), label.value())).collect();
            if labels.get("account") == Some(&scope.account.as_str())
                && labels.get("region") == Some(&scope.region.as_str())
            {
                // It was listed a moment ago, and nobody else takes any out.
                let _ = metric.remove(&labels);
            }
        }
    }
}

/// Makes metrics, and notes what they are.
struct Registrar {
    registry: Registry,
    descriptions: Vec<Description>,
    leaders: bool,
}

impl Registrar {
    fn new(leaders: bool) -> Self {
        Self { registry: Registry::new(), descriptions: Vec::new(), leaders }
    }

    fn add<C: Collector + Clone + 'static>(
        &mut self,
        kind: &'static str,
        metric: C,
    ) -> prometheus::Result<C> {
        self.describe(kind, &metric);
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn describe(&mut self, kind: &'static str, metric: &impl Collector) {
        for description in metric.desc() {
            self.descriptions.push(Description {
                name: description.fq_name.clone(),
                kind,
                labels: description.variable_labels.clone(),
                help: description.help.clone(),
                leaders: self.leaders,
            });
        }
    }

    /// What the kernel knows of the process, under the names that every program gives it.
    fn process(&mut self) -> prometheus::Result<()> {
        let process = ProcessCollector::for_self();
        self.describe("gauge", &process);
        for description in &mut self.descriptions {
            if description.name.ends_with("_total") {
                description.kind = "counter";
            }
        }
        self.registry.register(Box::new(process))
    }

    fn gauge(&mut self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        self.add("gauge", IntGauge::with_opts(options(name, help))?)
    }

    fn counter(&mut self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        self.add("counter", IntCounter::with_opts(options(name, help))?)
    }

    fn gauges(&mut self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        self.add("gauge", IntGaugeVec::new(options(name, help), labels)?)
    }

    fn float_gauges(&mut self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
        self.add("gauge", GaugeVec::new(options(name, help), labels)?)
    }

    fn counters(&mut self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        self.add("counter", IntCounterVec::new(options(name, help), labels)?)
    }

    fn histograms(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::from(options(name, help)).buckets(buckets.to_vec());
        self.add("histogram", HistogramVec::new(options, labels)?)
    }
}

fn options(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace("ecs_keeper")
}
