//! The decider for one account and region: what objects ask for and what the cloud answered goes in, actions come out.
//!
//! Instances and network interfaces are each swept, kept and counted for themselves. An interface's host is looked up among
//! the instances: an object that retains the interfaces of instances asks after these as well, so that one listing of
//! instances serves the objects of both kinds.
//!
//! [`RegionEngine::handle`] is fed with everything that happened, in order; [`RegionEngine::poll`] is called after that
//! and at [`RegionEngine::poll_timeout`]. Replies may be late, doubled, reordered or lost: a call without an answer is given
//! up after [`CALL_DEADLINE`](crate::engine::CALL_DEADLINE), which must be longer than the client's own time-out.

use std::time::Duration;

use crate::backoff::Jitter;
use crate::call::Reply;
use crate::delete_on_release::DeleteOnRelease;
use crate::deletion_protection::DeletionProtection;
pub use crate::engine::{Action, Asked, Input};
use crate::engine::{
    Attacher, Attaching, Context, Engine, Finding, Load, PreflightAnswer, PreflightId, Proven, Reporter,
    Settings, Turn, Window, lost_reply, retention_part,
};
use crate::failure::Failure;
use crate::id::{CallId, Generation, InstanceId, ObjectId};
use crate::instance::Instance;
use crate::intent::{Intent, Selector};
use crate::interface::Interface;
use crate::pace::Pace;
use crate::reason::Reason;
use crate::time::Moment;

/// The decider for one account and region.
#[derive(Debug)]
pub struct RegionEngine {
    context: Context,
    reporter: Reporter,
    instances: Engine<DeletionProtection>,
    interfaces: Engine<DeleteOnRelease>,
    attacher: Attacher,
    /// Why instances could not be read when that was looked at last, if only a person can help.
    hosts_unreadable: Option<Reason>,
}

impl RegionEngine {
    /// A decider that knows nothing yet. Instances and interfaces share nothing of what they may ask: the cloud counts by
    /// operation.
    pub fn new(instances: Settings, interfaces: Settings) -> Self {
        let interval = instances.sweep_interval;
        Self {
            context: Context::new(Jitter::new(instances.seed)),
            reporter: Reporter::new(Pace::new(interval).life(interval)),
            instances: Engine::new(instances),
            interfaces: Engine::new(interfaces),
            attacher: Attacher::default(),
            hosts_unreadable: None,
        }
    }

    /// A step about instances.
    fn with_instances<T>(
        &mut self,
        now: Moment,
        step: impl FnOnce(&mut Engine<DeletionProtection>, &mut Turn<'_>) -> T,
    ) -> T {
        let (context, reporter) = (&mut self.context, &mut self.reporter);
        step(&mut self.instances, &mut Turn { now, context, reporter, hosts: None })
    }

    /// A step about interfaces, which looks at instances as their hosts.
    fn with_interfaces<T>(
        &mut self,
        now: Moment,
        step: impl FnOnce(&mut Engine<DeleteOnRelease>, &mut Turn<'_>) -> T,
    ) -> T {
        let hosts = self.instances.as_hosts(now, &self.context, &self.reporter);
        let (context, reporter) = (&mut self.context, &mut self.reporter);
        step(&mut self.interfaces, &mut Turn { now, context, reporter, hosts: Some(&hosts) })
    }

    /// A step about what is to be attached.
    fn with_attaching<T>(
        &mut self,
        now: Moment,
        step: impl FnOnce(&mut Attaching<'_>, &mut Turn<'_>) -> T,
    ) -> T {
        let hosts = self.instances.as_hosts(now, &self.context, &self.reporter);
        let (context, reporter) = (&mut self.context, &mut self.reporter);
        let (attacher, interfaces) = (&mut self.attacher, &mut self.interfaces);
        let mut attaching = Attaching { attacher, interfaces };
        step(&mut attaching, &mut Turn { now, context, reporter, hosts: Some(&hosts) })
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Moment, input: Input) {
        self.note_horizon(now);
        match input {
            Input::Intent(object, generation, asked) => self.take_intent(now, &object, generation, asked),
            Input::Instances(call, result) => self.instances_answered(now, call, result),
            Input::Interfaces(call, result) => self.interfaces_answered(now, call, result),
            Input::Preflight(preflight, answer) => self.take_preflight(now, preflight, &answer),
            Input::Lead(window) => self.take_lead(now, window),
            Input::Patience(patience) => {
                self.reporter.set_patience(patience);
                self.with_instances(now, |instances, turn| instances.touch_all(turn));
                self.with_interfaces(now, |interfaces, turn| interfaces.touch_all(turn));
            }
            Input::KeyChanged => {
                self.instances.key_changed(now);
                self.interfaces.key_changed(now);
            }
        }
    }

    fn note_horizon(&mut self, now: Moment) {
        self.with_instances(now, |instances, turn| instances.note_horizon(turn));
        self.with_interfaces(now, |interfaces, turn| interfaces.note_horizon(turn));
    }

    // What objects ask for.

    fn take_intent(&mut self, now: Moment, object: &ObjectId, generation: Generation, asked: Asked) {
        if self.interfaces.generation(object).is_some_and(|known| known > generation) {
            return;
        }
        if !matches!(asked, Asked::Retention(..)) {
            self.attacher.forget(object);
        }
        match asked {
            Asked::Protection(intent) => {
                // It may not have been readable before, and then it was a possible hold on interfaces, too.
                self.with_interfaces(now, |interfaces, turn| interfaces.drop_object(turn, object));
                self.with_instances(now, |instances, turn| {
                    instances.set_intent(turn, object, generation, *intent);
                });
            }
            Asked::Retention(intent, record) => {
                // What it has seen protected so far is remembered, whatever it selects from now on.
                self.with_interfaces(now, |interfaces, turn| interfaces.tidy_memory(turn, object));
                self.ask_after_hosts(now, object, generation, intent.owners.as_deref());
                self.attacher.changed(object, !intent.reattach.is_empty());
                self.with_attaching(now, |attaching, turn| {
                    attaching.interfaces.set_intent(turn, object, generation, *intent);
                    attaching.take_record(turn, object, *record);
                });
            }
            Asked::Opaque => {
                self.with_interfaces(now, |interfaces, turn| interfaces.set_opaque(turn, object));
                self.with_instances(now, |instances, turn| instances.set_opaque(turn, object));
            }
            Asked::Gone => {
                self.with_interfaces(now, |interfaces, turn| interfaces.drop_object(turn, object));
                self.with_instances(now, |instances, turn| instances.drop_object(turn, object));
            }
        }
        self.with_interfaces(now, |interfaces, turn| interfaces.holds_changed(turn));
        self.with_instances(now, |instances, turn| instances.holds_changed(turn));
    }

    /// Has the instances known of that a retaining object is about: those that its spec selects, and those that it watches.
    fn ask_after_hosts(
        &mut self,
        now: Moment,
        object: &ObjectId,
        generation: Generation,
        owners: Option<&Selector<Instance>>,
    ) {
        let watch = self.interfaces.watched(object).cloned().unwrap_or_default();
        let asks = owners.is_some() || !watch.is_empty();
        let selector = Selector { watch, ..owners.cloned().unwrap_or_default() };
        self.with_instances(now, |instances, turn| {
            if asks {
                instances.set_intent(turn, object, generation, Intent::enumerating(selector));
            } else {
                instances.drop_object(turn, object);
            }
        });
    }

    fn take_preflight(&mut self, now: Moment, preflight: PreflightId, answer: &PreflightAnswer) {
        // Nothing is a host of instances.
        self.with_instances(now, |instances, turn| instances.take_preflight(turn, preflight, answer));
        let hosts = self.with_attaching(now, |attaching, turn| {
            let mut hosts = attaching.interfaces.take_preflight(turn, preflight, answer);
            hosts.extend(attaching.take_preflight(turn, preflight, answer));
            hosts
        });
        self.instances.read_at_once(&hosts);
    }

    // What the cloud said.

    fn instances_answered(&mut self, now: Moment, call: CallId, result: Result<Reply<Instance>, Failure>) {
        let findings = self.with_instances(now, |instances, turn| instances.take_reply(turn, call, result));
        self.take_findings_of_instances(now, findings);
        self.instances.forget_lingering();
    }

    /// What is known of an instance changes: what that makes of the interfaces on it can be told only with how it was before.
    fn take_findings_of_instances(&mut self, now: Moment, findings: Vec<Finding<Instance>>) {
        for finding in findings {
            let left = self.with_instances(now, |instances, turn| instances.confirm(turn, finding));
            let Some(finding) = left else { continue };
            let host = finding.target().filter(|_| self.instances.has_hosts()).cloned();
            if let Some(host) = &host {
                let asking = self.instances.asking_after(host);
                self.with_interfaces(now, |interfaces, turn| interfaces.host_changes(turn, host, &asking));
            }
            self.with_instances(now, |instances, turn| instances.take_finding(turn, finding));
            if let Some(host) = &host {
                self.interfaces.host_changed(host, &self.instances.asking_after(host));
            }
        }
    }

    fn interfaces_answered(&mut self, now: Moment, call: CallId, result: Result<Reply<Interface>, Failure>) {
        if let Some((object, id)) = self.attacher.take_call(call) {
            self.with_attaching(now, |attaching, turn| {
                attaching.ended(turn, &object, &id, result.map(|_| ()));
            });
            return;
        }
        self.with_interfaces(now, |interfaces, turn| {
            let findings = interfaces.take_reply(turn, call, result);
            interfaces.take_findings(turn, findings);
            interfaces.forget_lingering();
        });
    }

    fn give_up_lost_calls(&mut self, now: Moment) {
        for call in self.instances.lost_calls(now) {
            self.instances_answered(now, call, Err(lost_reply()));
        }
        let attaching: Vec<CallId> = self.attacher.calls().lost(now).collect();
        for call in self.interfaces.lost_calls(now).into_iter().chain(attaching) {
            self.interfaces_answered(now, call, Err(lost_reply()));
        }
    }

    // Who leads.

    fn take_lead(&mut self, now: Moment, window: Option<Window>) {
        if self.context.set_window(now, window) {
            return;
        }
        self.instances.lose_lead();
        self.interfaces.lose_lead();
        self.attacher.end_term(now);
        for call in self.instances.calls() {
            self.instances_answered(now, call, Err(lost_reply()));
        }
        let attaching: Vec<CallId> = self.attacher.calls().ids().collect();
        for call in self.interfaces.calls().into_iter().chain(attaching) {
            self.interfaces_answered(now, call, Err(lost_reply()));
        }
        if window.is_none() {
            return;
        }
        self.context.begin_term(now);
        let objects: Vec<ObjectId> =
            self.instances.objects().chain(self.interfaces.objects()).cloned().collect();
        self.reporter.begin_term(now, objects.into_iter());
        self.with_instances(now, |instances, turn| instances.begin_lead(turn));
        self.with_interfaces(now, |interfaces, turn| interfaces.begin_lead(turn));
        // Until the record of whoever led before is read.
        self.reporter.set_patience(self.evidence_life());
    }

    // What is to be done.

    /// Says what is to be done now.
    pub fn poll(&mut self, now: Moment, out: &mut Vec<Action>) {
        self.note_horizon(now);
        self.context.begin_poll();
        self.give_up_lost_calls(now);
        self.with_instances(now, |instances, turn| instances.fire_timers(turn));
        self.see_to_hosts(now);
        self.with_interfaces(now, |interfaces, turn| interfaces.fire_timers(turn));
        if let Some(window) = self.context.window().filter(|window| window.open(now)) {
            self.plan(now, window, out);
        }
        self.with_instances(now, |instances, turn| instances.wake(turn));
        self.with_interfaces(now, |interfaces, turn| interfaces.wake(turn));
        if let Some(at) = self.attacher.calls().loses_at() {
            self.context.wake_at(at);
        }
    }

    /// What has become of hosts is known from now on, and goes before what waits for it.
    fn see_to_hosts(&mut self, now: Moment) {
        let before = self.hosts_unreadable;
        self.hosts_unreadable = self.with_interfaces(now, |interfaces, turn| {
            interfaces.settle_hosts(turn);
            let unreadable = interfaces.view(turn).hosts_unreadable();
            if unreadable != before {
                interfaces.touch_unprotecting(turn);
            }
            unreadable
        });
        let of_batch = self.interfaces.batch_awaits();
        let of_batch = of_batch.and_then(|(hosts, since)| self.instances.shown_since(hosts, since));
        if let Some(shown) = of_batch {
            self.with_interfaces(now, |interfaces, turn| interfaces.batch_hosts_read(turn, &shown));
        }
        let of_attempt = self.attacher.awaited_host();
        let read = |(host, since): (&InstanceId, _)| {
            self.instances.shown_since(&[host.clone()].into(), since).is_some()
        };
        if of_attempt.is_some_and(read) {
            self.with_attaching(now, |attaching, turn| attaching.host_read(turn));
        }
    }

    fn plan(&mut self, now: Moment, window: Window, out: &mut Vec<Action>) {
        let (mut writes, mut preflights) = (Vec::new(), Vec::new());
        self.with_instances(now, |instances, turn| {
            instances.plan_writes(turn, window, &mut writes);
            preflights.extend(instances.plan_unprotecting(turn, window));
            instances.notice_staleness(turn);
        });
        out.extend(writes.into_iter().map(|(call, write)| Action::WriteInstance(call, write)));
        let mut writes = Vec::new();
        self.with_interfaces(now, |interfaces, turn| {
            interfaces.plan_writes(turn, window, &mut writes);
            preflights.extend(interfaces.plan_unprotecting(turn, window));
        });
        out.extend(writes.into_iter().map(|(call, write)| Action::WriteInterface(call, write)));
        out.extend(preflights.into_iter().map(|(preflight, object)| Action::Preflight(preflight, object)));
        self.with_attaching(now, |attaching, turn| attaching.plan(turn, out));
        self.with_interfaces(now, |interfaces, turn| {
            interfaces.notice_staleness(turn);
            let findings = interfaces.begin_sweep(turn);
            interfaces.take_findings(turn, findings);
        });
        self.context.touch_all(self.reporter.due(now));
        // What interfaces show may have objects ask after other instances: these are read in the same turn.
        self.update_watches(now);
        let findings = self.with_instances(now, |instances, turn| instances.begin_sweep(turn));
        self.take_findings_of_instances(now, findings);
        let mut reads = Vec::new();
        self.with_instances(now, |instances, turn| instances.plan_reads(turn, &mut reads));
        out.extend(reads.into_iter().map(|(call, read)| Action::ReadInstances(call, read)));
        let mut reads = Vec::new();
        self.with_interfaces(now, |interfaces, turn| interfaces.plan_reads(turn, &mut reads));
        out.extend(reads.into_iter().map(|(call, read)| Action::ReadInterfaces(call, read)));
        self.report(now, out);
    }

    /// Brings up what objects remember, and which instances they want to know of because of that.
    fn update_watches(&mut self, now: Moment) {
        let touched: Vec<ObjectId> = self.context.touched().cloned().collect();
        let mut changed = Vec::new();
        self.with_attaching(now, |Attaching { attacher, interfaces }, turn| {
            for name in touched {
                if let Some(generation) = interfaces.generation(&name)
                    && turn.reporter.may_judge(now, &name)
                {
                    interfaces.tidy_memory(turn, &name);
                    if interfaces.update_watch(turn, attacher, &name) {
                        changed.push((name, generation));
                    }
                }
            }
        });
        for (name, generation) in &changed {
            let owners = self.interfaces.host_selector(name).cloned();
            self.ask_after_hosts(now, name, *generation, owners.as_ref());
        }
        if !changed.is_empty() {
            self.with_interfaces(now, |interfaces, turn| interfaces.settle_hosts(turn));
        }
    }

    fn report(&mut self, now: Moment, out: &mut Vec<Action>) {
        for name in self.context.take_touched() {
            if !self.reporter.may_judge(now, &name) {
                continue;
            }
            let of_interfaces = self.interfaces.generation(&name).is_some();
            let report = if of_interfaces {
                self.with_attaching(now, |Attaching { attacher, interfaces }, turn| {
                    interfaces.report(turn, &name, |view| retention_part(view, attacher, &name))
                })
            } else if self.instances.generation(&name).is_some() {
                self.with_instances(now, |instances, turn| instances.report(turn, &name, |_| None))
            } else {
                None
            };
            if let Some((generation, report)) = report {
                out.push(Action::Report(name, generation, Box::new(report)));
            }
        }
        self.reporter.wake(&mut self.context);
    }

    /// When [`RegionEngine::poll`] wants to run again although nothing happens.
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.context.wake()
    }

    // What it tells, for metrics and tests.

    /// How much there is to do and how much may be done: about instances, and about interfaces.
    pub fn load(&mut self, now: Moment) -> [Load; 2] {
        [self.instances.load(now), self.interfaces.load(now)]
    }

    /// Since when there is evidence of everything that is wanted: of instances, and of interfaces.
    pub fn proven_of_each(&self, now: Moment) -> [Proven; 2] {
        let began = self.context.term_began();
        [self.instances.proven(now, began), self.interfaces.proven(now, began)]
    }

    /// Since when there is evidence of everything that is wanted, instances and interfaces alike: where both are, the
    /// older of the two newest complete sweeps counts.
    pub fn proven(&self, now: Moment) -> Proven {
        let [instances, interfaces] = self.proven_of_each(now);
        instances.and(interfaces)
    }

    /// How often the region is swept now, at the slower of the two paces.
    pub fn sweep_interval(&self) -> Duration {
        self.instances.sweep_interval().max(self.interfaces.sweep_interval())
    }

    /// How long evidence lives now, of the sort that is swept more slowly.
    pub fn evidence_life(&self) -> Duration {
        self.instances.evidence_life().max(self.interfaces.evidence_life())
    }

    /// Whether either circuit breaker is open: nothing is concluded from absence and nothing is unprotected.
    pub fn circuit_open(&self) -> bool {
        self.instances.circuit_open() || self.interfaces.circuit_open()
    }
}
