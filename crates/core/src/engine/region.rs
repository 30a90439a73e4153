//! The decider for one account and region: what objects ask for and what the cloud answered goes in, actions come out.
//!
//! Instances and network interfaces are each swept, kept and counted for themselves. An interface's host is looked up among
//! the instances: an object that retains the interfaces of instances asks after these as well, so that one listing of
//! instances serves the objects of both kinds. Members of scaling groups hang on instances in the same way; who asks for them
//! asks for instances anyhow.
//!
//! [`RegionEngine::handle`] is fed with everything that happened, in order; [`RegionEngine::poll`] is called after that
//! and at [`RegionEngine::poll_timeout`]. Replies may be late, doubled, reordered or lost: a call without an answer is given
//! up after [`CALL_DEADLINE`](crate::engine::CALL_DEADLINE), which must be longer than the client's own time-out.

use std::time::Duration;

use super::action::{
    Action, Asked, Input, Load, PreflightId, ProtectionRecord, Proven, Settings, Window, lost_reply,
};
use super::attacher::Attacher;
use super::context::Context;
use super::flag_keeper::FlagKeeper;
use super::forgetting::forget_survivor;
use super::hosting::{
    asking_after, has_hosts, host_changed, host_changes_for, hosts_awaited, settle_hosts, shown_since,
};
use super::instances::Instances;
use super::interfaces::Interfaces;
use super::members::Members;
use super::only_flag::{forget_unselected, no_other_flag, settle};
use super::reader::Finding;
use super::region_view::RegionView;
use super::reporter::Reporter;
use super::requests::{drop_object, set_intent};
use super::retention::{judge_retention, update_watch};
use super::targets::Targets;
use super::turn::Turn;
use crate::authority::PreflightAnswer;
use crate::auto_release_time::AutoReleaseTime;
use crate::backoff::Jitter;
use crate::call::Reply;
use crate::delete_on_release::DeleteOnRelease;
use crate::deletion_protection::DeletionProtection;
use crate::failure::Failure;
use crate::id::{CallId, Generation, InstanceId, ObjectId};
use crate::instance::Instance;
use crate::intent::{Intent, ScaleIn, Selector};
use crate::interface::Interface;
use crate::pace::Pace;
use crate::protected_from_scale_in::ProtectedFromScaleIn;
use crate::reason::Reason;
use crate::retention::Record;
use crate::scaling_member::ScalingMember;
use crate::time::Moment;
use crate::transition::Transition;
use crate::verdict::RegionReport;

/// The decider for one account and region.
#[derive(Debug)]
pub struct RegionEngine {
    context: Context,
    reporter: Reporter,
    instances: Targets<Instance>,
    interfaces: Targets<Interface>,
    members: Targets<ScalingMember>,
    deletion_protection: FlagKeeper<DeletionProtection>,
    release_times: FlagKeeper<AutoReleaseTime>,
    delete_on_release: FlagKeeper<DeleteOnRelease>,
    scale_in: FlagKeeper<ProtectedFromScaleIn>,
    attacher: Attacher,
    /// Why instances could not be read when that was looked at last, if only a person can help.
    hosts_unreadable: Option<Reason>,
}

impl RegionEngine {
    /// A decider that knows nothing yet. Instances, interfaces and members share nothing of what they may ask: the cloud counts
    /// by operation.
    pub fn new(instances: Settings, interfaces: Settings, members: Settings) -> Self {
        let interval = instances.sweep_interval;
        Self {
            context: Context::new(Jitter::new(instances.seed)),
            reporter: Reporter::new(Pace::new(interval).life(interval)),
            instances: Targets::new(instances),
            interfaces: Targets::new(interfaces),
            members: Targets::new(members),
            deletion_protection: FlagKeeper::new(instances),
            release_times: FlagKeeper::new(instances),
            delete_on_release: FlagKeeper::new(interfaces),
            scale_in: FlagKeeper::new(members),
            attacher: Attacher::default(),
            hosts_unreadable: None,
        }
    }

    /// A step about instances.
    fn with_instances<T>(&mut self, now: Moment, step: impl FnOnce(Instances<'_>, &mut Turn<'_>) -> T) -> T {
        let (context, reporter) = (&mut self.context, &mut self.reporter);
        let parts = Instances {
            targets: &mut self.instances,
            protection: &mut self.deletion_protection,
            release_times: &mut self.release_times,
        };
        step(parts, &mut Turn { now, context, reporter, hosts: None })
    }

    /// A step about interfaces, which looks at instances as their hosts.
    fn with_interfaces<T>(
        &mut self,
        now: Moment,
        step: impl FnOnce(Interfaces<'_>, &mut Turn<'_>) -> T,
    ) -> T {
        let hosts = self.instances.as_hosts(now, &self.context, &self.reporter);
        let (context, reporter) = (&mut self.context, &mut self.reporter);
        let parts = Interfaces {
            targets: &mut self.interfaces,
            keeper: &mut self.delete_on_release,
            attacher: &mut self.attacher,
        };
        step(parts, &mut Turn { now, context, reporter, hosts: Some(&hosts) })
    }

    /// A step about members of scaling groups, which looks at the instances that they are.
    fn with_members<T>(&mut self, now: Moment, step: impl FnOnce(Members<'_>, &mut Turn<'_>) -> T) -> T {
        let hosts = self.instances.as_hosts(now, &self.context, &self.reporter);
        let (context, reporter) = (&mut self.context, &mut self.reporter);
        let parts = Members { targets: &mut self.members, keeper: &mut self.scale_in };
        step(parts, &mut Turn { now, context, reporter, hosts: Some(&hosts) })
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Moment, input: Input) {
        if let Input::WallClock(says) = input {
            // It changes nothing by itself, and comes with every poll.
            if self.context.read_wall_clock(now, says) {
                self.with_instances(now, |mut instances, turn| instances.clock_went_on(turn));
            }
            return;
        }
        self.note_horizon(now);
        match input {
            Input::Intent(object, generation, asked) => self.take_intent(now, &object, generation, asked),
            Input::Instances(call, result) => self.instances_answered(now, call, result),
            Input::Interfaces(call, result) => self.interfaces_answered(now, call, result),
            Input::Members(call, result) => self.members_answered(now, call, result),
            Input::Preflight(preflight, answer) => self.take_preflight(now, preflight, &answer),
            Input::Lead(window) => self.take_lead(now, window),
            Input::Patience(patience) => {
                self.reporter.set_patience(patience);
                self.with_instances(now, |instances, turn| instances.targets.touch_all(turn));
                self.with_interfaces(now, |interfaces, turn| interfaces.targets.touch_all(turn));
            }
            Input::KeyChanged => {
                self.instances.key_changed(now);
                self.interfaces.key_changed(now);
                self.members.key_changed(now);
                self.deletion_protection.key_changed(now, &mut self.instances);
                self.release_times.key_changed(now, &mut self.instances);
                self.delete_on_release.key_changed(now, &mut self.interfaces);
                self.scale_in.key_changed(now, &mut self.members);
            }
            Input::WallClock(_) => {}
        }
        self.settle(now);
        self.forget_unselected(now);
    }

    fn note_horizon(&mut self, now: Moment) {
        self.with_instances(now, |instances, turn| instances.targets.note_horizon(turn));
        self.with_interfaces(now, |interfaces, turn| interfaces.targets.note_horizon(turn));
        self.with_members(now, |members, turn| members.targets.note_horizon(turn));
    }

    /// Decides what is to be done about the targets of which something has changed.
    fn settle(&mut self, now: Moment) {
        self.with_instances(now, |mut instances, turn| instances.settle(turn));
        self.with_interfaces(now, |interfaces, turn| settle(turn, interfaces.targets, interfaces.keeper));
        self.with_members(now, |members, turn| settle(turn, members.targets, members.keeper));
    }

    /// Lets go of targets that nobody selects any more.
    fn forget_unselected(&mut self, now: Moment) {
        self.with_instances(now, |mut instances, turn| instances.forget_unselected(turn));
        self.with_interfaces(now, |interfaces, turn| {
            forget_unselected(turn, interfaces.targets, interfaces.keeper);
        });
        self.with_members(now, |members, turn| forget_unselected(turn, members.targets, members.keeper));
    }

    // What objects ask for.

    fn take_intent(&mut self, now: Moment, object: &ObjectId, generation: Generation, asked: Asked) {
        if self.interfaces.generation(object).is_some_and(|known| known > generation) {
            return;
        }
        match asked {
            Asked::Protection(intent, record) => {
                // It may not have been readable before, and then it was a possible hold on interfaces, too.
                self.drop_retention(now, object, false);
                self.protect(now, object, generation, (*intent, *record));
            }
            Asked::Retention(intent, record) => self.retain(now, object, generation, (*intent, *record)),
            Asked::Opaque => {
                self.drop_retention(now, object, true);
                self.drop_protection(now, object, true);
            }
            Asked::Gone => {
                self.drop_retention(now, object, false);
                self.drop_protection(now, object, false);
            }
        }
        self.with_instances(now, |instances, turn| {
            instances.protection.holds_changed(turn, instances.targets);
        });
        self.with_interfaces(now, |interfaces, turn| {
            interfaces.keeper.holds_changed(turn, interfaces.targets);
        });
        self.with_members(now, |members, turn| members.keeper.holds_changed(turn, members.targets));
    }

    fn protect(
        &mut self,
        now: Moment,
        object: &ObjectId,
        generation: Generation,
        asked: (Intent<Instance>, ProtectionRecord),
    ) {
        let of_members = asked.0.of_members();
        self.with_instances(now, |mut instances, turn| instances.asked(turn, object, generation, asked));
        let Some(of_members) = of_members else { return self.drop_members(now, object, false) };
        self.with_members(now, |members, turn| {
            if let Some(edit) = set_intent(members.targets, turn, object, generation, of_members) {
                members.keeper.intent_changed(turn, members.targets, object, &edit);
            }
        });
    }

    fn drop_members(&mut self, now: Moment, object: &ObjectId, opaque: bool) {
        self.with_members(now, |members, turn| {
            drop_object(members.targets, turn, object, opaque);
            members.keeper.object_dropped(members.targets, object);
        });
    }

    fn retain(
        &mut self,
        now: Moment,
        object: &ObjectId,
        generation: Generation,
        (intent, record): (Intent<Interface>, Record),
    ) {
        // What it has seen protected so far is remembered, whatever it selects from now on. Whoever stands by goes by what
        // status says: what it has seen itself is of an earlier term.
        if self.context.window().is_some() && self.interfaces.is_edited_by(object, &intent) {
            self.with_interfaces(now, |interfaces, turn| {
                interfaces.keeper.tidy_memory(turn, interfaces.targets, object);
            });
        }
        self.ask_after_hosts(now, object, generation, intent.hosts.as_deref());
        self.with_interfaces(now, |mut interfaces, turn| {
            interfaces.attacher.changed(object, !intent.reattach.is_empty());
            if let Some(edit) = set_intent(interfaces.targets, turn, object, generation, intent) {
                interfaces.keeper.intent_changed(turn, interfaces.targets, object, &edit);
            }
            interfaces.attaching().take_record(turn, object, record);
            if interfaces.targets.forgets(object) {
                // When status says that one is forgotten, the next one can be.
                turn.context.touch(object.clone());
            }
        });
    }

    fn drop_protection(&mut self, now: Moment, object: &ObjectId, opaque: bool) {
        self.drop_members(now, object, opaque);
        self.with_instances(now, |instances, turn| {
            drop_object(instances.targets, turn, object, opaque);
            instances.protection.object_dropped(instances.targets, object);
            instances.release_times.object_dropped(instances.targets, object);
        });
    }

    fn drop_retention(&mut self, now: Moment, object: &ObjectId, opaque: bool) {
        self.with_interfaces(now, |interfaces, turn| {
            interfaces.attacher.forget(object);
            drop_object(interfaces.targets, turn, object, opaque);
            interfaces.keeper.object_dropped(interfaces.targets, object);
        });
    }

    /// Has the instances known of that a retaining object is about: those that its spec selects, and those that it watches.
    fn ask_after_hosts(
        &mut self,
        now: Moment,
        object: &ObjectId,
        generation: Generation,
        asked: Option<&Selector<Instance>>,
    ) {
        let watch = self.interfaces.watched(object).cloned().unwrap_or_default();
        if asked.is_none() && watch.is_empty() {
            self.drop_protection(now, object, false);
        } else {
            let selector = Selector { watch, ..asked.cloned().unwrap_or_default() };
            let asked = (Intent::enumerating(selector), ProtectionRecord::default());
            self.protect(now, object, generation, asked);
        }
    }

    fn take_preflight(&mut self, now: Moment, preflight: PreflightId, answer: &PreflightAnswer) {
        // Nothing is a host of instances.
        self.with_instances(now, |instances, turn| {
            instances.protection.take_preflight(turn, instances.targets, preflight, answer)
        });
        let hosts = self.with_interfaces(now, |mut interfaces, turn| {
            let mut hosts = interfaces.keeper.take_preflight(turn, interfaces.targets, preflight, answer);
            hosts.extend(interfaces.attaching().take_preflight(turn, preflight, answer));
            hosts
        });
        self.instances.read_at_once(&hosts);
        let answer = PreflightAnswer { carried_out: answer.scale_in_carried_out, ..answer.clone() };
        let hosts = self.with_members(now, |members, turn| {
            members.keeper.take_preflight(turn, members.targets, preflight, &answer)
        });
        self.instances.read_at_once(&hosts);
    }

    // What the cloud said.

    fn instances_answered(&mut self, now: Moment, call: CallId, result: Result<Reply<Instance>, Failure>) {
        let findings = self.with_instances(now, |mut instances, turn| instances.answered(turn, call, result));
        self.instances_found(now, findings);
    }

    /// What is known of an instance changes: what that makes of the interfaces on it can be told only with how it was before.
    pub(super) fn instances_found(&mut self, now: Moment, findings: Vec<Finding<Instance>>) {
        for finding in findings {
            let left = self.with_instances(now, |mut instances, turn| instances.confirm(turn, finding));
            let Some(finding) = left else { continue };
            let host = finding.target().filter(|_| has_hosts(&self.instances)).cloned();
            if let Some(host) = &host {
                let asking = asking_after(&self.instances, host, |intent| intent.enumerates);
                self.with_interfaces(now, |interfaces, turn| {
                    interfaces.keeper.host_changes(turn, interfaces.targets, host, &asking);
                });
            }
            let member = finding.target().filter(|_| self.members.by_host()).cloned();
            let asks_of_members = |intent: &Intent<Instance>| intent.scale_in != ScaleIn::Report;
            if let Some(id) = &member {
                let asking = asking_after(&self.instances, id, asks_of_members);
                self.with_members(now, |members, turn| {
                    for name in &asking {
                        host_changes_for(members.targets, turn, name, id);
                    }
                });
            }
            self.with_instances(now, |mut instances, turn| instances.take(turn, finding));
            if let Some(host) = &host {
                let asking = asking_after(&self.instances, host, |intent| intent.enumerates);
                host_changed(&mut self.interfaces, host, &asking);
            }
            if let Some(id) = &member {
                host_changed(&mut self.members, id, &asking_after(&self.instances, id, asks_of_members));
            }
        }
    }

    fn members_answered(&mut self, now: Moment, call: CallId, result: Result<Reply<ScalingMember>, Failure>) {
        self.with_members(now, |mut members, turn| {
            if !members.keeper.answered(turn, members.targets, call, &result) {
                let findings = members.targets.answered(turn, call, result);
                members.take(turn, findings);
            }
        });
    }

    /// What is known of interfaces changes.
    pub(super) fn interfaces_found(&mut self, now: Moment, findings: Vec<Finding<Interface>>) {
        self.with_interfaces(now, |mut interfaces, turn| interfaces.take(turn, findings));
    }

    /// What is known of members changes.
    pub(super) fn members_found(&mut self, now: Moment, findings: Vec<Finding<ScalingMember>>) {
        self.with_members(now, |mut members, turn| members.take(turn, findings));
    }

    fn interfaces_answered(&mut self, now: Moment, call: CallId, result: Result<Reply<Interface>, Failure>) {
        self.with_interfaces(now, |mut interfaces, turn| {
            if let Some((object, id)) = interfaces.attacher.take_call(call) {
                interfaces.attaching().ended(turn, &object, &id, result.map(|_| ()));
            } else if !interfaces.keeper.answered(turn, interfaces.targets, call, &result) {
                let findings = interfaces.targets.answered(turn, call, result);
                interfaces.take(turn, findings);
            }
        });
    }

    /// Takes calls for lost, in the order in which they were sent.
    fn give_up(
        &mut self,
        now: Moment,
        [mut of_instances, mut of_interfaces, mut of_members]: [Vec<CallId>; 3],
    ) {
        of_instances.sort_unstable();
        for call in of_instances {
            self.instances_answered(now, call, Err(lost_reply()));
        }
        of_interfaces.sort_unstable();
        for call in of_interfaces {
            self.interfaces_answered(now, call, Err(lost_reply()));
        }
        of_members.sort_unstable();
        for call in of_members {
            self.members_answered(now, call, Err(lost_reply()));
        }
    }

    fn give_up_lost_calls(&mut self, now: Moment) {
        let of_instances = self.instances.lost_calls(now).chain(self.deletion_protection.lost_calls(now));
        let of_instances = of_instances.chain(self.release_times.lost_calls(now));
        let of_interfaces = self.interfaces.lost_calls(now).chain(self.delete_on_release.lost_calls(now));
        let of_interfaces = of_interfaces.chain(self.attacher.calls().lost(now));
        let of_members = self.members.lost_calls(now).chain(self.scale_in.lost_calls(now));
        let lost = [of_instances.collect(), of_interfaces.collect(), of_members.collect()];
        self.give_up(now, lost);
    }

    // Who leads.

    fn take_lead(&mut self, now: Moment, window: Option<Window>) {
        if self.context.set_window(now, window) {
            return;
        }
        // Whoever leads meanwhile may write: what was under way is read before it is written again.
        self.deletion_protection.drop_batch(&mut self.instances);
        self.delete_on_release.drop_batch(&mut self.interfaces);
        self.scale_in.drop_batch(&mut self.members);
        self.attacher.end_term(now);
        let of_instances = self.instances.calls().chain(self.deletion_protection.calls());
        let of_instances = of_instances.chain(self.release_times.calls());
        let of_interfaces = self.interfaces.calls().chain(self.delete_on_release.calls());
        let of_interfaces = of_interfaces.chain(self.attacher.calls().ids());
        let of_members = self.members.calls().chain(self.scale_in.calls());
        let under_way = [of_instances.collect(), of_interfaces.collect(), of_members.collect()];
        self.give_up(now, under_way);
        if window.is_none() {
            return;
        }
        self.context.begin_term(now);
        let objects = self.instances.objects().chain(self.interfaces.objects());
        self.reporter.begin_term(now, objects.cloned());
        self.with_instances(now, |instances, turn| instances.targets.begin_lead(turn));
        self.with_interfaces(now, |interfaces, turn| interfaces.targets.begin_lead(turn));
        self.with_members(now, |members, turn| members.targets.begin_lead(turn));
        // Until the record of whoever led before is read.
        self.reporter.set_patience(self.evidence_life());
    }

    // What is to be done.

    /// Says what is to be done now.
    pub fn poll(&mut self, now: Moment, out: &mut Vec<Action>) {
        self.note_horizon(now);
        self.context.begin_poll();
        self.give_up_lost_calls(now);
        let looked_at = self.with_instances(now, |instances, turn| instances.targets.fire_timers(turn));
        self.with_interfaces(now, |interfaces, turn| interfaces.targets.fire_timers(turn));
        self.with_members(now, |mut members, turn| members.look_at(turn, &looked_at));
        self.see_to_hosts(now);
        self.settle(now);
        if let Some(window) = self.context.window().filter(|window| window.open(now)) {
            self.plan(now, window, out);
        }
        self.forget_unselected(now);
        self.instances.wake(&mut self.context);
        self.interfaces.wake(&mut self.context);
        self.members.wake(&mut self.context);
        self.deletion_protection.wake(&mut self.context);
        self.release_times.wake(&mut self.context);
        self.delete_on_release.wake(&mut self.context);
        self.scale_in.wake(&mut self.context);
        self.attacher.wake(&mut self.context);
    }

    /// What has become of hosts is known from now on, and goes before what waits for it.
    fn see_to_hosts(&mut self, now: Moment) {
        let before = self.hosts_unreadable;
        self.hosts_unreadable = self.with_interfaces(now, |interfaces, turn| {
            interfaces.keeper.settle_hosts(turn, interfaces.targets);
            let unreadable = interfaces.targets.view(turn).hosts_unreadable();
            if unreadable != before {
                interfaces.keeper.touch_unprotecting(turn);
            }
            unreadable
        });
        let of_batch = self.delete_on_release.awaited_hosts();
        let of_batch = of_batch.and_then(|(hosts, since)| shown_since(&self.instances, hosts, since));
        if let Some(shown) = of_batch {
            self.with_interfaces(now, |interfaces, turn| {
                interfaces.keeper.hosts_read(turn, interfaces.targets, &shown);
            });
        }
        let unreadable_anew = self.hosts_unreadable != before;
        self.with_members(now, |members, turn| {
            settle_hosts(members.targets, turn);
            if unreadable_anew {
                members.keeper.touch_unprotecting(turn);
            }
        });
        let of_batch = self.scale_in.awaited_hosts();
        let of_batch = of_batch.and_then(|(hosts, since)| shown_since(&self.instances, hosts, since));
        if let Some(shown) = of_batch {
            self.with_members(now, |members, turn| members.keeper.hosts_read(turn, members.targets, &shown));
        }
        let of_attempt = self.attacher.awaited_host();
        let read = |(host, since): (&InstanceId, _)| {
            shown_since(&self.instances, &[host.clone()].into(), since).is_some()
        };
        if of_attempt.is_some_and(read) {
            self.with_interfaces(now, |mut interfaces, turn| interfaces.attaching().host_read(turn));
        }
    }

    fn plan(&mut self, now: Moment, window: Window, out: &mut Vec<Action>) {
        self.plan_acts(now, window, out);
        self.with_instances(now, |instances, turn| instances.targets.notice_staleness(turn));
        self.with_interfaces(now, |mut interfaces, turn| {
            interfaces.targets.notice_staleness(turn);
            // What the first sweep shows before it is known which hosts are wanted would have to be read twice.
            let first = !interfaces.targets.has_swept();
            let waits = first.then(|| hosts_awaited(interfaces.targets, turn)).flatten();
            let findings = interfaces.targets.begin_sweep(turn, waits);
            interfaces.take(turn, findings);
        });
        self.with_members(now, |mut members, turn| {
            members.targets.notice_staleness(turn);
            let first = !members.targets.has_swept();
            let waits = first.then(|| hosts_awaited(members.targets, turn)).flatten();
            let findings = members.targets.begin_sweep(turn, waits);
            members.take(turn, findings);
        });
        self.context.touch_all(self.reporter.due(now));
        let objects = self.reporter.turns(now, self.context.take_touched());
        // What interfaces show may have objects ask after other instances: these are read in the same turn.
        self.update_watches(now, &objects);
        let findings = self.with_instances(now, |instances, turn| instances.targets.begin_sweep(turn, None));
        self.instances_found(now, findings);
        self.settle(now);
        self.plan_reads(now, out);
        self.report(now, objects, out);
    }

    /// Sends what may be written, asks what is to be known before something is unprotected or attached, and has attached
    /// what may be.
    fn plan_acts(&mut self, now: Moment, window: Window, out: &mut Vec<Action>) {
        let (mut writes, mut preflights) = (Vec::new(), Vec::new());
        self.with_instances(now, |mut instances, turn| {
            instances.plan_writes(turn, window, out);
            preflights.extend(instances.protection.plan_unprotecting(turn, instances.targets, window));
        });
        self.with_interfaces(now, |interfaces, turn| {
            let (targets, keeper) = (interfaces.targets, interfaces.keeper);
            keeper.plan_writes(turn, targets, window, no_other_flag, &mut writes);
            preflights.extend(keeper.plan_unprotecting(turn, targets, window));
        });
        out.extend(writes.into_iter().map(|(call, write)| Action::WriteInterface(call, write)));
        self.with_members(now, |mut members, turn| {
            members.plan_writes(turn, window, out);
            preflights.extend(members.keeper.plan_unprotecting(turn, members.targets, window));
        });
        out.extend(preflights.into_iter().map(|(preflight, object)| Action::Preflight(preflight, object)));
        self.with_interfaces(now, |mut interfaces, turn| interfaces.attaching().plan(turn, out));
    }

    fn plan_reads(&mut self, now: Moment, out: &mut Vec<Action>) {
        let (mut of_instances, mut of_interfaces) = (Vec::new(), Vec::new());
        self.with_instances(now, |instances, turn| {
            let pending = instances.pending(now);
            instances.targets.plan_reads(turn, pending, &mut of_instances);
        });
        out.extend(of_instances.into_iter().map(|(call, read)| Action::ReadInstances(call, read)));
        self.with_interfaces(now, |interfaces, turn| {
            interfaces.targets.plan_reads(turn, interfaces.keeper.pending(), &mut of_interfaces);
        });
        out.extend(of_interfaces.into_iter().map(|(call, read)| Action::ReadInterfaces(call, read)));
        let mut of_members = Vec::new();
        self.with_members(now, |members, turn| {
            members.targets.plan_reads(turn, members.keeper.pending(), &mut of_members);
        });
        out.extend(of_members.into_iter().map(|(call, read)| Action::ReadMembers(call, read)));
    }

    /// Brings up what these objects remember, and which instances they want to know of because of that. What is known of
    /// such an instance already may tell what else is to be remembered, before anything is said.
    fn update_watches(&mut self, now: Moment, objects: &[ObjectId]) {
        let mut objects = objects.to_vec();
        while !objects.is_empty() {
            let mut changed = Vec::new();
            self.with_interfaces(now, |interfaces, turn| {
                for name in objects {
                    let Some(generation) = interfaces.targets.generation(&name) else { continue };
                    interfaces.keeper.tidy_memory(turn, interfaces.targets, &name);
                    forget_survivor(turn, interfaces.targets, interfaces.keeper, interfaces.attacher, &name);
                    if update_watch(turn, interfaces.targets, interfaces.attacher, &name) {
                        changed.push((name, generation));
                    }
                }
            });
            for (name, generation) in &changed {
                let asked = self.interfaces.host_selector(name).cloned();
                self.ask_after_hosts(now, name, *generation, asked.as_ref());
            }
            if !changed.is_empty() {
                self.with_interfaces(now, |interfaces, turn| {
                    interfaces.keeper.settle_hosts(turn, interfaces.targets);
                });
                // It may also have something be written.
                self.context.wake_at(now);
            }
            objects = changed.into_iter().map(|(name, _)| name).collect();
        }
    }

    fn report(&mut self, now: Moment, objects: Vec<ObjectId>, out: &mut Vec<Action>) {
        for name in objects {
            // Whatever has come up since then is judged, too.
            self.context.untouch(&name);
            let report = if self.interfaces.generation(&name).is_some() {
                self.with_interfaces(now, |Interfaces { targets, keeper, attacher }, turn| {
                    keeper.report(turn, targets, &name, |view| judge_retention(view, attacher, &name))
                })
            } else if self.instances.generation(&name).is_some() {
                self.report_instances(now, &name)
            } else {
                None
            };
            if let Some((generation, report)) = report {
                out.push(Action::Report(name, generation, Box::new(report)));
            }
        }
        self.reporter.wake(&mut self.context);
        if self.context.touched() {
            self.context.wake_at(now);
        }
    }

    fn report_instances(&mut self, now: Moment, name: &ObjectId) -> Option<(Generation, RegionReport)> {
        let (context, reporter) = (&mut self.context, &mut self.reporter);
        let mut instances = Instances {
            targets: &mut self.instances,
            protection: &mut self.deletion_protection,
            release_times: &mut self.release_times,
        };
        let turn = &mut Turn { now, context, reporter, hosts: None };
        instances.report(turn, name, (&self.members, &self.scale_in))
    }

    // For whoever shows it what others have read, and only looks.

    /// Takes in everything that follows from what it was told and shown.
    pub(super) fn settle_all(&mut self, now: Moment) {
        self.see_to_hosts(now);
        let objects: Vec<ObjectId> = self.interfaces.objects().cloned().collect();
        self.update_watches(now, &objects);
        self.see_to_hosts(now);
        self.settle(now);
    }

    /// The one read-only look at all of it.
    pub(super) fn look<T>(&self, now: Moment, look: impl FnOnce(RegionView<'_>) -> T) -> T {
        let instances = self.instances.as_hosts(now, &self.context, &self.reporter);
        look(RegionView {
            deletion_protection: self.deletion_protection.view_beside(instances),
            release_times: self.release_times.view_beside(instances),
            delete_on_release: self.delete_on_release.view_beside(self.interfaces.view_beside(&instances)),
            scale_in: self.scale_in.view_beside(self.members.view_beside(&instances)),
        })
    }

    /// When [`RegionEngine::poll`] wants to run again although nothing happens.
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.context.wake()
    }

    // What it tells, for metrics and tests.

    /// How much there is to do and how much may be done: about instances, about interfaces, and about members of scaling
    /// groups.
    pub fn load(&mut self, now: Moment) -> [Load; 3] {
        let load = |reads, (writes, waiting_writes)| Load { reads, writes, waiting_writes };
        let (writes, waiting) = self.deletion_protection.load(now);
        let (_, times) = self.release_times.load(now);
        [
            load(self.instances.available_reads(now), (writes, waiting + times)),
            load(self.interfaces.available_reads(now), self.delete_on_release.load(now)),
            load(self.members.available_reads(now), self.scale_in.load(now)),
        ]
    }

    /// What was seen of flags that changed, each told once, in the order in which it was seen.
    pub fn take_transitions(&mut self) -> Vec<Transition> {
        self.context.take_transitions()
    }

    /// How long repairs have taken, each told once: from when a target was seen unprotected that had been protected and was to
    /// stay so, until it was seen protected again after a write of ours. Of release protection, of
    /// automatic release times, of retention, and of protection from scale-in.
    pub fn take_repaired(&mut self) -> [Vec<Duration>; 4] {
        [
            self.deletion_protection.take_repaired(),
            self.release_times.take_repaired(),
            self.delete_on_release.take_repaired(),
            self.scale_in.take_repaired(),
        ]
    }

    /// Since when there is evidence of everything that is wanted: of instances, of interfaces, and of members of scaling groups.
    pub fn proven_of_each(&self, now: Moment) -> [Proven; 3] {
        let began = self.context.term_began();
        let (instances, interfaces) = (&self.instances, &self.interfaces);
        [instances.proven(now, began), interfaces.proven(now, began), self.members.proven(now, began)]
    }

    /// Since when there is evidence of everything that conditions of the domain speak of, instances and interfaces alike: where
    /// both are, the older of the two newest complete sweeps counts. Who may not list scaling groups is not held up by that.
    pub fn proven(&self, now: Moment) -> Proven {
        let [instances, interfaces, _] = self.proven_of_each(now);
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

    /// Whether any circuit breaker is open: nothing is concluded from absence and nothing is unprotected.
    pub fn circuit_open(&self) -> bool {
        self.instances.circuit_open() || self.interfaces.circuit_open() || self.members.circuit_open()
    }
}
