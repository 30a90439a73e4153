//! One task for each account and region: carries between its engine, the cloud and the reports. It decides nothing,
//! and awaits neither the cloud nor the API server where it could be held up by them.

use std::sync::Arc;

use jiff::Timestamp;
use keeper_alicloud::{ATTACH, PROTECT_MEMBERS, WireFlag, WireResource};
use keeper_core::attribution::Finding;
use keeper_core::authority::{AttachPermit, PreflightAnswer};
use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::call::{FlagWrite, ReadCall, Reply, WriteCall};
use keeper_core::engine::{Action, Asked, Input, PreflightId, RegionEngine, Settings};
use keeper_core::failure::{Class, Effect as Outcome, Failure};
use keeper_core::flag::Flag;
use keeper_core::id::{CallId, InstanceId, ObjectId, RequestId, ScalingGroupId};
use keeper_core::instance::Instance;
use keeper_core::interface::Interface;
use keeper_core::lift::Orphan;
use keeper_core::on_behalf::OnBehalf;
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;
use keeper_core::reason::Reason;
use keeper_core::resource::Resource as _;
use keeper_core::scaling_member::ScalingMember;
use keeper_core::time::Moment;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, info_span, warn};

use crate::attribution::ScopeAttribution;
use crate::cloud::Cloud;
use crate::credentials::CurrentKey;
use crate::desired::wall_time;
use crate::evidence_log::{EvidenceLog, Standing, TargetsOf};
use crate::health::Pulse;
use crate::leader::{Lead, Leadership, TermGuard};
use crate::mailbox::{Mailbox, Post};
use crate::metrics::{ScopeMetrics, Sort};
use crate::preflight::Preflight;
use crate::scope::Scope;
use crate::status::Moments;
use crate::store::Store;
use crate::sweep_record::{Patience, SweepRecord};
use calls::{Answer, Calls, Ended};
use told::{Told, WrittenFlag};

mod calls;
mod told;

pub struct Worker {
    pub scope: Scope,
    /// Where its intents come in.
    pub mailbox: Arc<Mailbox>,
    pub cloud: Arc<Cloud>,
    /// Tells when there is another key.
    pub key_of_account: CurrentKey,
    /// Where its reports go.
    pub store: Arc<Store>,
    /// Who asks the API server before something is unprotected.
    pub preflight: Arc<Preflight>,
    /// What the administrator set for instances, for network interfaces, and for members of scaling groups.
    pub settings: (Settings, Settings, Settings),
    /// Tells whether this replica leads, and what time it is.
    pub leadership: Leadership,
    /// Keeps the record of how old the evidence is.
    pub sweep_record: SweepRecord,
    /// Where it is kept what becomes of flags.
    pub evidence_log: EvidenceLog,
    pub metrics: ScopeMetrics,
    /// Finds out who has switched a flag off; `None`: nobody is asked.
    pub attribution: Option<ScopeAttribution>,
}

impl Worker {
    /// Runs until it is told to stop; then waits for the writes that are under way, so that their effect is known. Without
    /// the lead it only follows what the objects ask.
    pub async fn run(self, stop: CancellationToken, pulse: Pulse) {
        let (account, region) = (self.scope.account.as_str(), self.scope.region.as_str());
        // Whatever is told here is told of this account and region.
        let span = info_span!("region", account, region);
        self.turn(stop, pulse).instrument(span).await;
    }

    async fn turn(mut self, stop: CancellationToken, mut pulse: Pulse) {
        info!("region worker started");
        let mut engine = RegionEngine::new(self.settings.0, self.settings.1, self.settings.2);
        let mut calls = Calls::default();
        let mut circuit_open = false;
        let mut lead = None;
        loop {
            pulse.beat();
            // It is read before the monotonic clock, so that it is behind rather than ahead. What status says is held against it, and
            // a new term begins with none.
            let says = wall_time(Timestamp::now());
            engine.handle(self.now(), Input::WallClock(says));
            self.take_post(&mut engine);
            self.follow(&mut lead, &mut engine);
            engine.handle(self.now(), Input::WallClock(says));
            let mut actions = Vec::new();
            engine.poll(self.now(), &mut actions);
            if circuit_open != engine.circuit_open() {
                circuit_open = engine.circuit_open();
                Self::log_circuit_breaker(circuit_open);
            }
            if let Some(lead) = lead {
                for action in actions {
                    self.carry_out(action, lead, &stop, &mut calls);
                }
                self.metrics.polled(self.now(), &mut engine);
                let (now, guard) = (self.now(), self.leadership.guard(lead.term));
                self.sweep_record.see_to(now, lead, guard, engine.proven(now), engine.evidence_life());
            }
            self.keep_evidence(&mut engine, lead);
            let wake = engine.poll_timeout().into_iter().chain(self.evidence_log.next_heartbeat()).min();
            let wake = wake.map(|at| self.leadership.instant(at));
            let clock = self.leadership.clone();
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.mailbox.posted() => {}
                () = self.leadership.changed() => {}
                () = self.key_of_account.changed() => {
                    calls.key_changed();
                    engine.handle(self.now(), Input::KeyChanged);
                }
                patience = self.sweep_record.next(|| clock.now()) => self.have_patience(patience, lead, &mut engine),
                Some(ended) = calls.ended() => {
                    // A preflight compared with what was posted before it was answered: that goes first.
                    self.take_post(&mut engine);
                    let of_old_key = ended.iter().any(|ended| ended.of_old_key);
                    for Ended { answer: (input, told), .. } in ended {
                        self.note(told);
                        engine.handle(self.now(), input);
                    }
                    if of_old_key {
                        // The engine was told of the new key too early for these answers.
                        engine.handle(self.now(), Input::KeyChanged);
                    }
                }
                finding = found(&mut self.attribution) => self.keep_finding(&finding, lead),
                () = sleep_until(wake) => {}
                () = pulse.due() => {}
            }
        }
        while let Some(ended) = calls.ended().await {
            for Ended { answer: (_, told), .. } in ended {
                self.note(told);
            }
        }
    }

    fn now(&self) -> Moment {
        self.leadership.now()
    }

    /// Tells the engine what the objects ask.
    fn take_post(&mut self, engine: &mut RegionEngine) {
        for (object, Post { interruption, generation, asked }) in self.mailbox.take() {
            for (generation, asked) in interruption.into_iter().chain([(generation, asked)]) {
                if matches!(asked, Asked::Gone | Asked::Opaque) {
                    self.metrics.forget(&object);
                }
                engine.handle(self.now(), Input::Intent(object.clone(), generation, asked));
            }
        }
    }

    /// Tells the engine of the lead, if there is anything new about it.
    fn follow(&mut self, lead: &mut Option<Lead>, engine: &mut RegionEngine) {
        let newest = self.leadership.newest();
        if newest == *lead {
            return;
        }
        let now = self.now();
        if newest.map(|lead| lead.term) != lead.map(|lead| lead.term) {
            // Also where it was lost and taken again before this task came to look.
            engine.handle(now, Input::Lead(None));
            self.metrics.begin_term();
            self.evidence_log.follow(now, newest.is_some());
        }
        if let Some(lead) = newest {
            engine.handle(now, Input::Lead(Some(lead.window)));
        }
        *lead = newest;
    }

    /// Writes what was seen of flags that changed, and a heartbeat if it is time for one.
    fn keep_evidence(&mut self, engine: &mut RegionEngine, lead: Option<Lead>) {
        let now = Moments { moment: self.now(), wall: Timestamp::now() };
        for transition in engine.take_transitions() {
            self.evidence_log.transition(now, &transition);
            if let Some(attribution) = &mut self.attribution {
                attribution.note(now, &transition);
            }
        }
        if lead.is_none_or(|lead| !lead.window.open(now.moment)) {
            return;
        }
        let settled = engine.poll_timeout().is_none_or(|at| at > now.moment);
        self.evidence_log.beat(now, settled, || {
            let [instances, interfaces, members] = engine.proven_of_each(now.moment);
            let targets = self.metrics.counts().map(|(resource, counts)| TargetsOf {
                kind: resource.kind(),
                protected: counts.protected,
                unprotected: counts.unprotected,
                not_applicable: counts.not_applicable,
                unknown: counts.unknown,
                excepted: counts.excepted,
                at_risk: counts.at_risk,
            });
            Standing {
                swept: [
                    (Instance::NAME, instances),
                    (Interface::NAME, interfaces),
                    (ScalingMember::NAME, members),
                ],
                targets: targets.collect(),
                circuit_open: engine.circuit_open(),
            }
        });
    }

    /// Writes who has switched a flag off. Who leads no more writes nothing.
    fn keep_finding(&mut self, finding: &Finding, lead: Option<Lead>) {
        if lead.is_some() {
            let now = Moments { moment: self.now(), wall: Timestamp::now() };
            self.evidence_log.attribution(now, finding);
        }
    }

    fn have_patience(&self, patience: Option<Patience>, lead: Option<Lead>, engine: &mut RegionEngine) {
        let Some(patience) = patience.filter(|told| lead.is_some_and(|lead| lead.term == told.term)) else {
            return;
        };
        if patience.span.is_zero() {
            warn!(
                leaders = patience.leaders,
                "recent leaders completed no sweep: reporting targets without fresh evidence as Unknown at once"
            );
        }
        engine.handle(self.now(), Input::Patience(patience.span));
    }

    fn carry_out(&mut self, action: Action, lead: Lead, stop: &CancellationToken, calls: &mut Calls) {
        let call = || Call { cloud: self.cloud.clone(), guard: self.leadership.guard(lead.term) };
        match action {
            Action::ReadInstances(id, read) => {
                calls.begin(read_page(call(), id, read, Input::Instances, stop.clone()));
            }
            Action::ReadInterfaces(id, read) => {
                calls.begin(read_page(call(), id, read, Input::Interfaces, stop.clone()));
            }
            Action::WriteInstance(id, write) => {
                let write = write_flag(call(), id, write, Sort::Instance, Input::Instances);
                calls.begin(write);
            }
            Action::WriteInterface(id, write) => {
                let write = write_flag(call(), id, write, Sort::NetworkInterface, Input::Interfaces);
                calls.begin(write);
            }
            Action::CancelReleaseTime(id, instance, was, on_behalf) => {
                let cancel = cancel_release_time(call(), id, (instance, was), on_behalf);
                calls.begin(cancel);
            }
            Action::ReadMembers(id, read) => {
                calls.begin(read_page(call(), id, read, Input::Members, stop.clone()));
            }
            Action::WriteMembers(id, group, writes) => {
                calls.begin(write_members(call(), id, group, writes));
            }
            Action::Attach(id, permit) => {
                calls.begin(attach(call(), id, permit));
            }
            Action::Preflight(preflight, object) => {
                calls.begin(ask_preflight(self.preflight.clone(), preflight, object, stop.clone()));
            }
            Action::Report(object, generation, mut part) => {
                part.locate(&self.scope.region);
                self.metrics.reported(&object, &part);
                let now = Moments { moment: self.now(), wall: Timestamp::now() };
                let lost = std::mem::take(&mut part.lost).into_iter().map(|loss| now.date(loss)).collect();
                let cancelled = std::mem::take(&mut part.cancelled);
                let orphans = std::mem::take(&mut part.orphans);
                orphans.iter().for_each(log_orphan);
                let told = (lost, cancelled, orphans);
                self.store.say(&object, &self.scope, lead.term, generation, *part, told);
            }
        }
    }

    fn log_circuit_breaker(open: bool) {
        if open {
            warn!(why = Reason::CircuitBreaker.sentence(), "circuit breaker opened");
        } else {
            info!("circuit breaker closed");
        }
    }

    /// Counts and logs a call that has ended.
    fn note(&self, told: Option<Told>) {
        let Some(told) = told else { return };
        match &told {
            Told::ReadFailed(_) | Told::Attached { .. } => {}
            Told::Written(flag, outcome) => {
                self.metrics.wrote(flag.sort, flag.name, flag.protected, outcome);
            }
            Told::Cancelled(.., outcome) => {
                self.metrics.wrote(Sort::Instance, AutoReleaseTime::NAME, true, outcome);
            }
            Told::Members { instances, protected, outcome, .. } => {
                for _ in instances {
                    self.metrics.wrote(Sort::ScalingMember, ProtectedFromScaleIn::NAME, *protected, outcome);
                }
            }
        }
        told.log();
    }
}

fn log_orphan(orphan: &Orphan) {
    let (instance, node, reason) = (orphan.instance.as_str(), &*orphan.node, Reason::OrphanedInstance);
    warn!(
        instance,
        node,
        reason = reason.as_str(),
        "instance still exists although Karpenter removed its Node"
    );
}

async fn found(attribution: &mut Option<ScopeAttribution>) -> Finding {
    match attribution {
        Some(attribution) => attribution.found().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(wake: Option<tokio::time::Instant>) {
    match wake {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// How an engine is told of an answer.
type Tell<K> = fn(CallId, Result<Reply<K>, Failure>) -> Input;

/// What a call needs: the client, and until when it may be used.
struct Call {
    cloud: Arc<Cloud>,
    guard: TermGuard,
}

impl Call {
    /// Waits for an answer, as long as the lead goes on.
    async fn answer<T>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, keeper_alicloud::Error>>,
    ) -> Result<T, Failure> {
        match self.guard.within(call).await {
            Some(answer) => answer.map_err(Failure::from),
            None => Err(given_up(operation, "LeaseLost")),
        }
    }

    async fn write<F: WireFlag>(&self, write: WriteCall<F>) -> Result<RequestId, Failure> {
        self.answer(F::WRITE.name(), self.cloud.write(write, &self.guard)).await
    }
}

/// A call that was not waited for. It may have had its effect.
fn given_up(operation: &'static str, code: &str) -> Failure {
    Failure {
        operation: Some(operation),
        class: Class::Transient,
        code: code.into(),
        request_id: None,
        effect: Outcome::Unknown,
        retry_after: None,
    }
}

async fn read_page<R: WireResource>(
    call: Call,
    id: CallId,
    read: ReadCall<R>,
    tell: Tell<R>,
    stop: CancellationToken,
) -> Answer {
    let result = tokio::select! {
        result = call.answer(R::READ.name(), call.cloud.read(&read, &call.guard)) => result.map(Reply::Page),
        // Nobody is interested in it any more, and the next leader waits.
        () = stop.cancelled() => return (tell(id, Err(given_up(R::READ.name(), "Stopping"))), None),
    };
    // What was not sent for want of the right key is told once, where the key is judged.
    let failure = result.as_ref().err().filter(|failure| !failure.class.unsent()).cloned();
    let told = failure.map(Told::ReadFailed);
    (tell(id, result), told)
}

async fn write_flag<F: WireFlag>(
    call: Call,
    id: CallId,
    FlagWrite { call: write, on_behalf }: FlagWrite<F>,
    sort: Sort,
    tell: Tell<F::Of>,
) -> Answer {
    let (target, protected) = (write.target().to_string(), matches!(write, WriteCall::Protect(_)));
    let outcome = call.write(write).await;
    let result = outcome.clone().map(Reply::Accepted);
    let written = WrittenFlag { name: F::NAME, sort, target, on_behalf, protected };
    (tell(id, result), Some(Told::Written(written, outcome)))
}

async fn cancel_release_time(
    call: Call,
    id: CallId,
    (instance, was): (InstanceId, Arc<str>),
    on_behalf: OnBehalf,
) -> Answer {
    let write = WriteCall::<AutoReleaseTime>::Protect(instance.clone());
    let outcome = call.write(write).await;
    let result = outcome.clone().map(Reply::Accepted);
    (Input::Instances(id, result), Some(Told::Cancelled(instance, was, on_behalf, outcome)))
}

async fn write_members(
    call: Call,
    id: CallId,
    group: ScalingGroupId,
    writes: Vec<FlagWrite<ProtectedFromScaleIn>>,
) -> Answer {
    let (writes, on_behalf): (Vec<_>, Vec<_>) =
        writes.into_iter().map(|FlagWrite { call, on_behalf }| (call, on_behalf)).unzip();
    let instances = writes.iter().map(|write| write.target().clone()).collect();
    let protected = writes.iter().all(|write| matches!(write, WriteCall::Protect(_)));
    let sent = call.cloud.write_members(&group, writes, &call.guard);
    let outcome = call.answer(PROTECT_MEMBERS.name(), sent).await;
    let result = outcome.clone().map(Reply::Accepted);
    (Input::Members(id, result), Some(Told::Members { group, instances, on_behalf, protected, outcome }))
}

async fn attach(call: Call, id: CallId, permit: AttachPermit) -> Answer {
    let (interface, instance) = (permit.interface().to_string(), permit.instance().to_string());
    let outcome = call.answer(ATTACH.name(), call.cloud.attach(permit, &call.guard)).await;
    let result = outcome.clone().map(Reply::Accepted);
    (Input::Interfaces(id, result), Some(Told::Attached { interface, instance, outcome }))
}

async fn ask_preflight(
    preflight: Arc<Preflight>,
    id: PreflightId,
    object: ObjectId,
    stop: CancellationToken,
) -> Answer {
    let answer = tokio::select! {
        answer = preflight.ask(&object) => answer,
        () = stop.cancelled() => PreflightAnswer::default(),
    };
    (Input::Preflight(id, answer), None)
}
