//! The decider for one account and region: intents and replies in, actions out.
//!
//! Guarantees. Nothing is written without an observed difference. A protected value is written only for a live hold, a
//! unprotected one only with a [`crate::authority::UnprotectPermit`]. A target has one write under way at most, and after it
//! ended, whatever the answer, the next call on that target is a read. A positive word rests on evidence that is
//! fresh now and was asked for after our own last write.
//!
//! Assumptions. [`Engine::handle`] is fed with everything that happened, in order; [`Engine::poll`] is called after that
//! and at [`Engine::poll_timeout`]. Replies may be late, doubled, reordered or lost: a call without an answer is given up
//! after [`CALL_DEADLINE`], which must be longer than the client's own time-out.

mod action;
mod assess;
mod attach;
mod attaching;
mod calls;
mod care;
mod context;
mod facts;
mod hindrance;
mod hosts;
mod index;
mod inventory;
mod judge;
mod lookup;
mod losses;
mod memory;
mod objects;
mod reader;
mod reporter;
mod retention;
mod rosters;
mod standing;
mod sweep;
mod target;
mod unprotect;
mod view;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::backoff::Jitter;
use crate::breaker::CircuitBreaker;
use crate::call::Reply;
use crate::engine::care::Value;
use crate::engine::index::Index;
use crate::failure::Failure;
use crate::id::{CallId, ObjectId};
use crate::id::{InstanceId, InterfaceId};
use crate::instance::Instance;
use crate::interface::Interface;
use crate::kind::Kind;
use crate::pace::Pace;
use crate::reason::Reason;
use crate::retention::RetentionReport;
use crate::time::Moment;
use crate::verdict::RegionReport;

pub use crate::authority::PreflightAnswer;
pub use action::{Action, Asked, CALL_DEADLINE, Input, Load, PreflightNumber, Proven, Settings, Window};
use action::{lost_reply, odd_reply};
use attach::Attacher;
use context::Context;
use hosts::bereaved;
use inventory::Inventory;
use judge::{digest, judge_part, shape};
use losses::gathers_losses;
use objects::Object;
use reader::{Reader, WritesPending};
use reporter::{Draft, Reporter, Stale};
use standing::{permit, plan};
use unprotect::{Unprotector, Verified, room};
use view::View;
use writer::{Turn, Writer};

/// What one kind of target asks of the engine beside keeping its flag.
pub trait Extension: Kind {
    /// What an object remembers, for its report, if its kind remembers anything.
    fn retention(_view: View<'_, Self>, _object: &ObjectId) -> Option<Box<RetentionReport>> {
        None
    }

    /// Sees to what is to be attached, if there is such a thing for this kind.
    fn plan_attachments(_engine: &mut Engine<Self>, _now: Moment, _out: &mut Vec<Action<Self>>) {}

    /// Takes in the API server's answer to a question about something that is to be attached.
    fn preflight_answered(
        _engine: &mut Engine<Self>,
        _now: Moment,
        _preflight: PreflightNumber,
        _answer: &PreflightAnswer,
    ) {
    }

    /// Takes in how a call to attach something ended.
    fn attach_ended(
        _engine: &mut Engine<Self>,
        _now: Moment,
        _object: &ObjectId,
        _id: &InterfaceId,
        _result: Result<(), Failure>,
    ) {
    }
}

impl Extension for Instance {}

impl Extension for Interface {
    fn retention(view: View<'_, Self>, object: &ObjectId) -> Option<Box<RetentionReport>> {
        retention::retention_part(view, object)
    }

    fn plan_attachments(engine: &mut Engine<Self>, now: Moment, out: &mut Vec<Action<Self>>) {
        engine.plan_attachments(now, out);
    }

    fn preflight_answered(
        engine: &mut Engine<Self>,
        now: Moment,
        preflight: PreflightNumber,
        answer: &PreflightAnswer,
    ) {
        engine.attempt_preflight(now, preflight, answer);
    }

    fn attach_ended(
        engine: &mut Engine<Self>,
        now: Moment,
        object: &ObjectId,
        id: &InterfaceId,
        result: Result<(), Failure>,
    ) {
        engine.attach_ended(now, object, id, result);
    }
}

/// The decider for one account and region.
#[derive(Debug)]
pub struct Engine<K: Kind> {
    settings: Settings,
    context: Context,
    objects: BTreeMap<ObjectId, Object<K>>,
    opaque: BTreeSet<ObjectId>,
    /// Objects that select through instances.
    owning: BTreeSet<ObjectId>,
    /// Those of them whose instances nobody has told of.
    rosterless: BTreeSet<ObjectId>,
    /// Objects whose roster may have changed.
    rosters_due: BTreeSet<ObjectId>,
    /// Objects that may want to know of other instances.
    watches_due: BTreeSet<ObjectId>,
    index: Index<K>,
    inventory: Inventory<K>,
    reader: Reader<K>,
    writer: Writer<K>,
    breaker: CircuitBreaker,
    unprotector: Unprotector<K>,
    attacher: Attacher,
    /// Why the instances that targets are on can't be read, if only a person can help.
    owners_unreadable: Option<Reason>,
    /// Targets that nobody selects any more, but on which a write of ours may still have its effect.
    lingering: BTreeSet<K::Id>,
    reporter: Reporter,
    /// Targets to be looked at again at a time.
    timers: BTreeSet<(Moment, K::Id)>,
    /// Whether [`Engine::poll`] has run: what comes later was just changed by somebody.
    planned: bool,
}

impl<K: Extension> Engine<K> {
    /// An engine that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            context: Context::new(Jitter::new(settings.seed)),
            objects: BTreeMap::new(),
            opaque: BTreeSet::new(),
            owning: BTreeSet::new(),
            rosterless: BTreeSet::new(),
            rosters_due: BTreeSet::new(),
            index: Index::default(),
            inventory: Inventory::default(),
            reader: Reader::new(settings),
            writer: Writer::new(settings),
            breaker: CircuitBreaker::default(),
            unprotector: Unprotector::default(),
            attacher: Attacher::default(),
            owners_unreadable: None,
            watches_due: BTreeSet::new(),
            lingering: BTreeSet::new(),
            reporter: Reporter::new(Pace::new(settings.sweep_interval).life(settings.sweep_interval)),
            timers: BTreeSet::new(),
            planned: false,
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Moment, input: Input<K>) {
        self.note_horizon(now);
        match input {
            Input::Intent(object, generation, asked) => self.take_intent(now, &object, generation, asked),
            Input::Reply(call, result) => self.take_reply(now, call, result),
            Input::Preflight(preflight, answer) => self.take_preflight(now, preflight, &answer),
            Input::Lead(window) => self.take_lead(now, window),
            Input::KeyChanged => self.key_changed(now),
            Input::Patience(patience) => {
                self.reporter.set_patience(patience);
                self.touch_all();
            }
        }
    }

    /// Says what is to be done now.
    pub fn poll(&mut self, now: Moment, out: &mut Vec<Action<K>>) {
        self.note_horizon(now);
        self.context.begin_poll();
        self.planned = true;
        self.give_up_lost_calls(now);
        self.fire_timers(now);
        if let Some(window) = self.context.window().filter(|w| w.open(now)) {
            self.plan_writes(now, window, out);
            self.plan_unprotecting(now, window, out);
            K::plan_attachments(self, now, out);
            self.plan_reads(now, out);
            self.notice_staleness(now);
            self.plan_reports(now, out);
        }
        if let Some((at, _)) = self.timers.first() {
            let at = *at;
            self.context.wake_at(at);
        }
        // Calls are numbered in the order in which they are sent.
        let (reads, writes, attaching) = (self.reader.calls(), self.writer.calls(), self.attacher.calls());
        let lost = [reads.loses_at(), writes.loses_at(), attaching.loses_at()];
        for at in lost.into_iter().flatten() {
            self.context.wake_at(at);
        }
    }

    /// When [`Engine::poll`] wants to run again although nothing happens.
    pub fn poll_timeout(&self) -> Option<Moment> {
        self.context.wake()
    }

    /// Whether the circuit breaker is open: nothing is concluded from absence and nothing is unprotected.
    pub fn circuit_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// How much there is to do, and how much may be done.
    pub fn load(&mut self, now: Moment) -> Load {
        Load {
            reads: self.reader.available(now),
            writes: self.writer.available(now),
            waiting_writes: self.writer.queue_length(),
        }
    }

    /// Since when there is evidence of everything: the start of the newest complete sweep of this lead.
    pub fn proven(&self, now: Moment) -> Proven {
        if self.reader.next_sweep_at(now, self.view(now).demand()).is_none() {
            return Proven::NothingWanted;
        }
        let since = self.reader.last_complete().filter(|since| *since >= self.context.term_began());
        since.map_or(Proven::NotYet, Proven::Since)
    }

    fn view(&self, now: Moment) -> View<'_, K> {
        View {
            now,
            context: &self.context,
            inventory: &self.inventory,
            index: &self.index,
            objects: &self.objects,
            opaque: &self.opaque,
            owning: &self.owning,
            rosterless: &self.rosterless,
            attacher: &self.attacher,
            reader: &self.reader,
            writer: &self.writer,
            unprotector: &self.unprotector,
            breaker: &self.breaker,
            owners_unreadable: self.owners_unreadable,
            patience: self.reporter.patience(),
        }
    }

    /// How often the region is swept now: the set interval, stretched so that sweeping takes half of the reads at most.
    pub fn sweep_interval(&self) -> Duration {
        self.view(Moment::default()).sweep_interval()
    }

    /// How long evidence lives: as long as it takes to be renewed at the pace that is really reached, within bounds.
    pub fn evidence_life(&self) -> Duration {
        self.view(Moment::default()).evidence_life()
    }

    fn note_horizon(&mut self, now: Moment) {
        let horizon = self.view(now).horizon();
        self.context.note_horizon(horizon);
    }

    fn take_reply(&mut self, now: Moment, call: CallId, result: Result<Reply<K>, Failure>) {
        if let Some((id, value)) = self.writer.take_call(call) {
            self.write_ended(now, &id, value, result.map(|_| ()));
        } else if let Some((object, id)) = self.attacher.take_call(call) {
            K::attach_ended(self, now, &object, &id, result.map(|_| ()));
        } else {
            let odd = odd_reply();
            let answer = match result {
                Ok(Reply::Page(page)) => Ok(page),
                Ok(Reply::Accepted(_)) => Err(&odd),
                Err(ref failure) => Err(failure),
            };
            let demand = self.view(now).demand();
            // A second answer to the same call, or one that came after we gave it up, has no findings.
            let answer = (call, answer);
            let findings = self
                .reader
                .answered(now, &mut self.context, demand, &self.inventory, answer)
                .unwrap_or_default();
            for finding in findings {
                self.take_finding(now, finding);
            }
        }
        self.forget_lingering();
    }

    fn give_up_lost_calls(&mut self, now: Moment) {
        let mut lost: Vec<CallId> = self.attacher.calls().lost(now).collect();
        lost.extend(self.reader.calls().lost(now));
        lost.extend(self.writer.calls().lost(now));
        lost.sort_unstable();
        for call in lost {
            self.take_reply(now, call, Err(lost_reply()));
        }
    }

    /// Looks where unprotecting stands, and begins the next batch.
    fn plan_unprotecting(&mut self, now: Moment, window: Window, out: &mut Vec<Action<K>>) {
        if !window.open_for_unprotecting(now) {
            // The lease will be renewed, or it is too late.
            return;
        }
        match self.unprotector.batch_ends() {
            Some(ends) if now < ends => return self.context.wake_at(ends),
            Some(_) => self.drop_batch(),
            None => {}
        }
        for object in self.unprotector.turns() {
            let due = self.unprotector.task(&object).map_or(now, |task| task.not_before);
            if now < due {
                self.context.wake_at(due);
                continue;
            }
            let Some(plan) = plan(self.view(now), &object) else { continue };
            let closed = self.writer.closed(now).is_some();
            let room =
                if closed { 0 } else { room(self.writer.available(now), self.settings.writes.per_minute) };
            self.unprotector.advance(now, &mut self.context, &object, plan, room, out);
            if self.unprotector.batch_ends().is_some() {
                break;
            }
        }
    }

    /// Gives the batch up. What is read for it already proves nothing to anybody.
    fn drop_batch(&mut self) {
        self.unprotector.drop_batch();
        self.reader.prove(None);
    }

    fn take_preflight(&mut self, now: Moment, preflight: PreflightNumber, answer: &PreflightAnswer) {
        K::preflight_answered(self, now, preflight, answer);
        let (upcoming, known) = (self.context.upcoming_call(), (&self.objects, &self.inventory));
        let verified = self.unprotector.preflight_answered(now, upcoming, known, (preflight, answer));
        if verified == Verified::ReadTargets {
            self.reader.prove(self.unprotector.batch_targets());
        }
    }

    /// The instances that targets of the batch are on which are to be read, and since when.
    pub(crate) fn batch_looks(&self) -> Option<(Moment, BTreeSet<InstanceId>)> {
        self.unprotector.wanted_hosts()
    }

    /// These of the instances were shown, and what objects make of them has been told.
    pub(crate) fn batch_looked(&mut self, shown: &BTreeSet<InstanceId>) {
        if self.unprotector.hosts_read(shown, self.context.upcoming_call()) {
            self.reader.prove(self.unprotector.batch_targets());
        }
    }

    /// Sends what may be written now.
    fn plan_writes(&mut self, now: Moment, window: Window, out: &mut Vec<Action<K>>) {
        loop {
            let unprotecting = self.unprotector.ready(now) && window.open_for_unprotecting(now);
            match self.writer.turn(now, unprotecting) {
                Turn::Nothing => break,
                Turn::Wait(until) => {
                    self.context.wake_at(until);
                    break;
                }
                Turn::Protect(urgency) => {
                    if let Some(id) = self.writer.pop()
                        && self.view(now).needs_protecting(&id)
                    {
                        self.writer.protect(now, &mut self.context, urgency, id, out);
                    }
                }
                Turn::Unprotect(urgency) => {
                    let next = self.unprotector.next_target(&self.inventory);
                    if let Some(permit) = next.and_then(|next| permit(self.view(now), &next)) {
                        self.writer.unprotect(now, &mut self.context, urgency, permit, out);
                    }
                }
            }
        }
    }

    fn write_ended(&mut self, now: Moment, id: &K::Id, value: Value, result: Result<(), Failure>) {
        self.writer.heed(now, &mut self.context, &result);
        if self.inventory.get(id).is_none() {
            return;
        }
        let ended = self.writer.ended(now, &mut self.context, (id, value), result);
        if let Some(at) = ended.again_at {
            self.timers.insert((at, id.clone()));
        }
        if ended.gone {
            self.doubt(now, id, self.context.upcoming_call());
        }
        if ended.verify {
            self.reader.verify(now, id, false);
        }
        self.touch_selectors(id);
        if self.inventory.get(id).is_some_and(|t| t.absence.is_none()) {
            self.reconsider(now, id);
        }
    }

    /// There is another key: what the old one was refused is tried again.
    fn key_changed(&mut self, now: Moment) {
        self.reader.key_changed(now);
        for id in self.writer.key_changed(now) {
            self.timers.insert((now, id));
        }
    }

    fn plan_reports(&mut self, now: Moment, out: &mut Vec<Action<K>>) {
        for name in self.reporter.due(now) {
            self.context.touch(name);
        }
        for name in self.context.take_touched() {
            let Some(object) = self.objects.get(&name) else { continue };
            if object.intent.enumerates {
                self.rosters_due.insert(name);
                continue;
            }
            if !self.reporter.may_judge(now, &name) {
                continue;
            }
            self.tidy_memory(now, &name);
            self.watches_due.insert(name.clone());
            let view = self.view(now);
            let Some(object) = view.objects.get(&name) else { continue };
            let (report, cost) = judge_part(view, &name);
            let settled = object.settled || report.settled;
            let born = object.born;
            let draft = Draft {
                whole: digest(&report),
                shape: shape(view, &name, &report),
                uncertain: !report.counts.unknown.is_empty()
                    || report.unlisted.is_some()
                    || bereaved(view, object),
                tells: !object.losses.is_empty(),
                gathers: gathers_losses(view, object),
                cost,
                awaited: (!settled).then_some(born),
            };
            let says = self.reporter.says(now, &name, born, draft);
            let Some(object) = self.objects.get_mut(&name) else { continue };
            object.settled = settled;
            if says {
                let report = RegionReport { lost: std::mem::take(&mut object.losses), ..report };
                out.push(Action::Report(name, object.generation, Box::new(report)));
            }
        }
        self.reporter.wake(&mut self.context);
    }

    fn plan_reads(&mut self, now: Moment, out: &mut Vec<Action<K>>) {
        let demand = self.view(now).demand();
        let first_waits = if self.reader.has_begun() { None } else { self.rosters_pending(now) };
        let known = (self.index.named_ids(), &self.inventory);
        for finding in self.reader.begin_sweep(now, &mut self.context, demand, first_waits, known) {
            self.take_finding(now, finding);
        }
        let writes = WritesPending { any: self.writer.pending(), urgent: self.writer.urgent_pending() };
        self.reader.poll(now, &mut self.context, demand, writes, out);
    }

    /// The oldest call without an answer.
    fn oldest_call(&self) -> Option<CallId> {
        let (reads, writes, attaching) = (self.reader.calls(), self.writer.calls(), self.attacher.calls());
        let oldest = [reads.oldest(), writes.oldest(), attaching.oldest()];
        oldest.into_iter().flatten().min()
    }

    fn take_lead(&mut self, now: Moment, window: Option<Window>) {
        if self.context.set_window(now, window) {
            return;
        }
        self.lose_lead(now);
        if window.is_some() {
            self.begin_lead(now);
        }
    }

    /// Whoever leads meanwhile may write: what was under way is read before it is written again.
    fn lose_lead(&mut self, now: Moment) {
        self.drop_batch();
        self.attacher.end_term(now);
        let mut calls: Vec<CallId> = self.attacher.calls().ids().collect();
        calls.extend(self.reader.calls().ids());
        calls.extend(self.writer.calls().ids());
        calls.sort_unstable();
        for call in calls {
            self.take_reply(now, call, Err(lost_reply()));
        }
    }

    /// Whoever led before may have written flags and status: what we saw before counts for nothing, and what we reported
    /// may stand there no more. What stands there is left standing until there is evidence again, as after a start.
    fn begin_lead(&mut self, now: Moment) {
        self.context.begin_term(now);
        self.reader.begin_term();
        // Until the record of whoever led before is read.
        let patience = self.view(now).evidence_life();
        self.reporter.set_patience(patience);
        self.reporter.begin_term(now, self.objects.keys().cloned());
        for object in self.objects.values_mut() {
            object.hot_until = None;
            (object.born, object.settled) = (now, false);
            // Whoever led meanwhile has told of it.
            object.losses.clear();
        }
        for (id, absence) in self.inventory.absences_mut() {
            absence.begin_term();
            self.timers.insert((now, id.clone()));
        }
        self.touch_all();
    }

    fn fire_timers(&mut self, now: Moment) {
        while let Some((at, id)) = self.timers.pop_first() {
            if at > now {
                self.timers.insert((at, id));
                break;
            }
            self.reconsider(now, &id);
            self.touch_selectors(&id);
        }
    }

    /// Marks the reports of all objects that may select the target.
    fn touch_selectors(&mut self, id: &K::Id) {
        let (tags, place) = (self.inventory.tags(id), self.inventory.place(id));
        let candidates = self.index.candidates(id, tags, place);
        self.context.touch_all(candidates.into_iter().cloned());
    }

    /// Marks the reports that say of something that it is not known: why, is said in other words when the cloud
    /// answers again, or no more.
    fn touch_uncertain(&mut self) {
        let uncertain = self.objects.keys().filter(|name| self.reporter.uncertain(name));
        self.context.touch_all(uncertain.cloned());
    }

    fn touch_all(&mut self) {
        self.context.touch_all(self.objects.keys().cloned());
    }

    /// Has reports made anew when evidence may have grown stale.
    fn notice_staleness(&mut self, now: Moment) {
        if self.objects.is_empty() {
            return;
        }
        let overdue = self
            .reader
            .last_complete()
            .unwrap_or_default()
            .max(self.context.term_began())
            .after(self.view(now).evidence_life());
        if now < overdue {
            self.context.wake_at(overdue);
            return;
        }
        let life = self.view(now).evidence_life();
        match self.reporter.stale(now, &mut self.context, life) {
            None => {}
            Some(Stale::All) => self.touch_all(),
            Some(Stale::Certain) => {
                let certain = self.objects.keys().filter(|name| self.reporter.certain(name));
                self.context.touch_all(certain.cloned());
            }
        }
    }
}
