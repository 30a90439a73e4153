//! The questions of one account: carries between what decides when to ask what, the cloud, and whoever is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use keeper_alicloud::{ATTRIBUTION_OPERATIONS, Error};
use keeper_core::attribution::{
    Attributor, Finding, Noted, Outcome, Own, Pace, Question, Refusal, Unanswered,
};
use keeper_core::failure::Class;
use keeper_core::id::{AccountName, ObjectId, Region, RequestId};
use keeper_core::time::Moment;
use keeper_core::trail::{TrailEvent, TrailPage};
use keeper_core::transition::Transition;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::notes;
use crate::api::WatchedObject;
use crate::cloud::Cloud;
use crate::events::{EventRecorder, ObjectEvent};
use crate::health::Pulse;
use crate::leader::{Leadership, TermGuard, at_the_end};
use crate::metrics::Metrics;
use crate::scope::Scope;
use crate::status::{Moments, change_row};
use crate::store::{MUSTER, Store};
use crate::who::Who;

/// After so long it is asked again whose the key is.
const KNOWN_FOR: Duration = Duration::from_hours(1);

/// What a worker has seen.
pub struct Post {
    pub scope: Scope,
    pub cloud: Arc<Cloud>,
    pub transition: Transition,
    pub now: Moments,
    /// Where the worker is told what comes of it.
    pub findings: mpsc::UnboundedSender<Finding>,
}

/// What every task works with.
#[derive(Clone)]
pub struct Around {
    pub store: Arc<Store>,
    pub events: EventRecorder,
    pub leadership: Leadership,
    pub metrics: Arc<Metrics>,
}

/// Asks ActionTrail of one account.
pub struct AccountTask {
    account: AccountName,
    attributor: Attributor,
    /// Whether Events and status show names.
    shows_names: bool,
    posts: mpsc::Receiver<Post>,
    around: Around,
    regions: BTreeMap<Region, Worker>,
    /// Whose the key is, and since when that is known.
    own: Option<(Own, Moment)>,
    /// What no Event has told yet, since when: many drifts of one object are to be one Event.
    untold: BTreeMap<ObjectId, Vec<Finding>>,
    untold_since: Option<Moment>,
}

/// The worker of a region.
struct Worker {
    cloud: Arc<Cloud>,
    findings: mpsc::UnboundedSender<Finding>,
}

/// What has come of a call: whose the key is, if that was asked as well.
struct Answer {
    region: Region,
    own: Option<Own>,
    result: Result<TrailPage, Error>,
}

impl AccountTask {
    pub(super) fn new(
        account: AccountName,
        pace: Pace,
        shows_names: bool,
        posts: mpsc::Receiver<Post>,
        around: Around,
    ) -> Self {
        let attributor = Attributor::new(pace);
        Self {
            account,
            attributor,
            shows_names,
            posts,
            around,
            regions: BTreeMap::new(),
            own: None,
            untold: BTreeMap::new(),
            untold_since: None,
        }
    }

    /// The account that it asks in.
    pub fn account(&self) -> &AccountName {
        &self.account
    }

    /// Runs until it is told to stop. What waits then is forgotten.
    pub async fn run(mut self, stop: CancellationToken, mut pulse: Pulse) {
        let mut leadership = self.around.leadership.clone();
        let mut term = None;
        let mut calls: JoinSet<Answer> = JoinSet::new();
        loop {
            pulse.beat();
            let newest = leadership.newest().map(|lead| lead.term);
            if newest != term {
                term = newest;
                calls.shutdown().await;
                self.attributor.forget();
                // What is known stays true. A replica that leads no more tells nothing of it.
                self.announce_all();
            }
            let now = leadership.now();
            if let Some(lead) = leadership.held()
                && let Some(question) = self.attributor.poll(now, Timestamp::now())
            {
                self.ask(question, leadership.guard(lead.term), &mut calls);
            }
            self.around.metrics.attributions_waiting(&self.account, self.attributor.waiting());
            self.announce(now);
            let told_at = self.untold_since.map(|since| since.after(MUSTER));
            let wake = self.attributor.poll_timeout(now).into_iter().chain(told_at).min();
            let wake = wake.map(|at| leadership.instant(at));
            tokio::select! {
                () = stop.cancelled() => return self.tell_all().await,
                () = leadership.changed() => {}
                Some(post) = self.posts.recv() => self.note(post, term.is_some()),
                Some(answer) = calls.join_next() => {
                    // A call that panicked ends the process, as any other panic does.
                    let answer = answer.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
                    self.answered(answer);
                }
                () = at_the_end(wake) => {}
                () = pulse.due() => {}
            }
        }
    }

    fn note(&mut self, post: Post, leads: bool) {
        // Of what was seen before the lead was lost, whoever leads now knows nothing.
        if !leads {
            return;
        }
        let Post { scope, cloud, transition, now, findings } = post;
        let reachable = cloud.knows_actiontrail();
        let known = self.regions.insert(scope.region.clone(), Worker { cloud, findings });
        if !reachable && known.is_none() {
            self.attributor.without_endpoint(scope.region.clone());
            warn!(
                account = self.account.as_str(),
                region = scope.region.as_str(),
                "attribution is not possible: no endpoint of ActionTrail is known for the region; set endpoints.actiontrail"
            );
        }
        let noted = self.attributor.note(&scope.region, &transition, |at| now.precise(at));
        if let Noted::Unanswered(finding) = noted {
            self.tell(vec![*finding]);
        }
    }

    fn ask(&mut self, question: Question, guard: TermGuard, calls: &mut JoinSet<Answer>) {
        let Some(Worker { cloud, .. }) = self.regions.get(&question.region) else {
            let now = self.around.leadership.now();
            let findings = self.attributor.answered(now, Err(Refusal::Failed), &Own::default());
            return self.tell(findings);
        };
        let now = self.around.leadership.now();
        let known = self.own.as_ref().is_some_and(|(_, since)| now.since(*since) < KNOWN_FOR);
        calls.spawn(ask(cloud.clone(), guard, question, known));
    }

    fn answered(&mut self, Answer { region, own, result }: Answer) {
        let now = self.around.leadership.now();
        if let Some(own) = own {
            self.own = Some((own, now));
        }
        if let Err(error) = &result {
            self.log_failure(&region, error);
        }
        let unreadable = result.as_ref().map_or(0, |page| page.unreadable);
        if unreadable > 0 {
            warn!(account = self.account.as_str(), unreadable, "events of ActionTrail could not be read");
        }
        let own = self.own();
        let findings = self.attributor.answered(now, result.map_err(|error| refusal(&error)), &own);
        self.tell(findings);
    }

    /// Whose the key is, as far as that was asked.
    fn own(&self) -> Own {
        self.own.as_ref().map(|(own, _)| own.clone()).unwrap_or_default()
    }

    fn log_failure(&self, region: &Region, error: &Error) {
        let (account, region, code) = (self.account.as_str(), region.as_str(), &*error.code);
        let request_id = error.request_id.as_ref().map(RequestId::as_str);
        match refusal(error) {
            Refusal::NotPermitted => warn!(
                account,
                region,
                code,
                request_id,
                "attribution is off for an hour in the region: the identity lacks the permission actiontrail:LookupEvents"
            ),
            Refusal::Throttled(_) | Refusal::Failed => {
                let operation = error.operation;
                warn!(account, region, operation, code, request_id, "attribution failed, retrying");
            }
        }
    }

    /// Tells what is known: in the log, and unless nothing is, in status and soon in an Event.
    fn tell(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            let scope = Scope { account: self.account.clone(), region: finding.region.clone() };
            self.around.metrics.attributed(&scope, finding.outcome.as_str());
            self.log(&finding);
            if let Some(worker) = self.regions.get(&finding.region) {
                // A worker that has ended writes nothing any more.
                let _ = worker.findings.send(finding.clone());
            }
            if let (true, Some(row)) = (self.shows_names, change_row(&finding, &self.own())) {
                self.around.store.changed_by(&finding.on_behalf.object, row);
            }
            self.untold_since.get_or_insert_with(|| self.around.leadership.now());
            self.untold.entry(finding.on_behalf.object.clone()).or_default().push(finding);
        }
    }

    /// Makes the Events, once nothing more is to be asked now, or when that takes long.
    fn announce(&mut self, now: Moment) {
        let Some(since) = self.untold_since else { return };
        if self.attributor.busy(now) && now.since(since) < MUSTER {
            return;
        }
        self.announce_all();
    }

    fn announce_all(&mut self) {
        for (about, event) in self.take_untold() {
            self.around.events.announce(&about, event);
        }
    }

    /// The same, and waits for it: what is only announced is dropped when the operator ends.
    async fn tell_all(&mut self) {
        let untold = self.take_untold();
        let events = &self.around.events;
        join_all(untold.iter().map(|(about, event)| events.tell(about, event.clone()))).await;
    }

    /// The Events of what none has told yet.
    fn take_untold(&mut self) -> Vec<(WatchedObject, ObjectEvent)> {
        self.untold_since = None;
        let (own, mut events) = (self.own(), Vec::new());
        for (object, findings) in std::mem::take(&mut self.untold) {
            let Some(entry) = self.around.store.get(&object) else { continue };
            let of_object = notes::events(&findings, self.shows_names, &own);
            events.extend(of_object.into_iter().map(|event| (entry.seen.clone(), event)));
        }
        events
    }

    fn log(&self, finding: &Finding) {
        let calls = finding.outcome.calls();
        let message = match &finding.outcome {
            Outcome::ChangedBy(_) => "found who switched the flag off",
            Outcome::Candidates { .. } => "found a call that may have switched the flag off",
            Outcome::Unknown(Unanswered::NotPermitted | Unanswered::NoEndpoint) => {
                let (account, region) = (self.account.as_str(), finding.region.as_str());
                let (target, flag) = (&*finding.target, finding.flag.name());
                let outcome = finding.outcome.as_str();
                return debug!(account, region, target, flag, outcome, "not known who switched the flag off");
            }
            Outcome::Unknown(_) => {
                return self.log_call(finding, None, "not known who switched the flag off");
            }
        };
        for call in calls {
            self.log_call(finding, Some(call), message);
        }
    }

    /// Logs one of the calls that were found, or that none was.
    fn log_call(&self, finding: &Finding, call: Option<&TrailEvent>, message: &'static str) {
        let object = &finding.on_behalf.object;
        let who = call.map(Who::of);
        let who = who.as_ref();
        info!(
            account = self.account.as_str(),
            region = finding.region.as_str(),
            target = &*finding.target,
            flag = finding.flag.name(),
            namespace = object.namespace(),
            name = object.name(),
            last_seen = %finding.last_seen,
            seen = %finding.seen,
            outcome = finding.outcome.as_str(),
            changed_at = call.map(|call| tracing::field::display(call.at)),
            identity = call.map(|call| call.actor.kind.as_str()),
            user = who.and_then(|who| who.name.as_deref()),
            user_account = who.and_then(|who| who.account.as_deref()),
            source = who.and_then(|who| who.source.as_deref()),
            user_agent = who.and_then(|who| who.user_agent.as_deref()),
            request_id = call.and_then(|call| call.request_id.as_ref()).map(RequestId::as_str),
            not_listed = call.map(|_| finding.outcome.left_out()),
            "{message}"
        );
    }
}

/// Asks, and before that whose the key is, if that is not known.
async fn ask(
    cloud: Arc<Cloud>,
    guard: TermGuard,
    Question { region, query }: Question,
    known: bool,
) -> Answer {
    let mut own = None;
    if !known {
        match cloud.caller_identity(&guard).await {
            Ok(caller) => own = Some(Own::of_caller(&caller.account_id, caller.arn.as_deref())),
            Err(error) => return Answer { region, own, result: Err(error) },
        }
    }
    Answer { region, own, result: cloud.events(&query, &guard).await }
}

/// What a failure means for what is asked next. A refusal of another operation, such as GetCallerIdentity, says nothing of that permission.
fn refusal(error: &Error) -> Refusal {
    let asked = ATTRIBUTION_OPERATIONS.iter().any(|operation| operation.name() == error.operation);
    match error.class {
        Class::Throttled => Refusal::Throttled(error.retry_after),
        Class::Permission if asked => Refusal::NotPermitted,
        _ => Refusal::Failed,
    }
}
