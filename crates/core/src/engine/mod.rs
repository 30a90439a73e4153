//! What is decided about one sort of target in one account and region: a protected value of a flag on each of them.
//!
//! Guarantees. Nothing is written without an observed difference. A protected value is written only for a live hold, a
//! unprotected one only with a [`crate::authority::UnprotectPermit`]. A target has one write under way at most, and after it
//! ended, whatever the answer, the next call on that target is a read. A positive word rests on evidence that is
//! fresh now and was asked for after our own last write.

mod action;
mod assess;
mod attach;
mod attaching;
mod calls;
mod care;
mod context;
mod facts;
mod hindrance;
mod hosting;
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
mod standing;
mod sweep;
mod tag_keys;
mod target;
mod turn;
mod unprotect;
mod view;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::breaker::CircuitBreaker;
use crate::call::{ReadCall, Reply, WriteCall};
use crate::deletion_protection::DeletionProtection;
use crate::engine::care::Value;
use crate::engine::index::Index;
use crate::failure::Failure;
use crate::flag::{Flag, Id};
use crate::id::{CallId, Generation, InstanceId, ObjectId};
use crate::instance::Instance;
use crate::intent::Selector;
use crate::retention::RetentionReport;
use crate::time::Moment;
use crate::verdict::RegionReport;

pub use crate::authority::PreflightAnswer;
pub(crate) use action::lost_reply;
use action::odd_reply;
pub use action::{Action, Asked, CALL_DEADLINE, Input, Load, PreflightId, Proven, Settings, Window};
pub(crate) use attach::Attacher;
pub(crate) use attaching::Attaching;
pub(crate) use context::Context;
use hosting::HostChanges;
use hosts::bereaved;
use inventory::Inventory;
use judge::{digest, judge_part, shape};
use losses::gathers_losses;
use objects::Object;
pub(crate) use reader::Finding;
use reader::{Demand, Reader, WritesPending};
pub(crate) use reporter::Reporter;
use reporter::{Draft, Stale, Staleness};
pub(crate) use retention::retention_part;
use standing::{permit, plan};
use tag_keys::TagKeys;
pub(crate) use turn::Turn;
use unprotect::{Unprotector, Verified, room};
pub(crate) use view::View;
use writer::{Turn as WriterTurn, Writer};

/// All that is known and done about one sort of target.
#[derive(Debug)]
pub(crate) struct Engine<F: Flag> {
    settings: Settings,
    objects: BTreeMap<ObjectId, Object<F::Of>>,
    opaque: BTreeSet<ObjectId>,
    /// Objects that select through hosts.
    by_host: BTreeSet<ObjectId>,
    /// What has happened to hosts, by the objects that it concerns.
    host_changes: BTreeMap<ObjectId, HostChanges<F::Of>>,
    index: Index<F::Of>,
    keys: TagKeys,
    inventory: Inventory<F::Of>,
    reader: Reader<F::Of>,
    writer: Writer<F>,
    breaker: CircuitBreaker,
    unprotector: Unprotector<F::Of>,
    /// Targets that nobody selects any more, but on which a write of ours may still have its effect.
    lingering: BTreeSet<Id<F>>,
    staleness: Staleness,
    /// Targets to be looked at again at a time.
    timers: BTreeSet<(Moment, Id<F>)>,
}

impl<F: Flag> Engine<F> {
    /// An engine that knows nothing yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            objects: BTreeMap::new(),
            opaque: BTreeSet::new(),
            by_host: BTreeSet::new(),
            host_changes: BTreeMap::new(),
            index: Index::default(),
            keys: TagKeys::default(),
            inventory: Inventory::default(),
            reader: Reader::new(settings),
            writer: Writer::new(settings),
            breaker: CircuitBreaker::default(),
            unprotector: Unprotector::default(),
            lingering: BTreeSet::new(),
            staleness: Staleness::default(),
            timers: BTreeSet::new(),
        }
    }

    // What it knows.

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

    /// Since when there is evidence of everything: the start of the newest complete sweep of the term that began then.
    pub fn proven(&self, now: Moment, term_began: Moment) -> Proven {
        if self.reader.next_sweep_at(now, self.demand()).is_none() {
            return Proven::NothingWanted;
        }
        let since = self.reader.last_complete().filter(|since| *since >= term_began);
        since.map_or(Proven::NotYet, Proven::Since)
    }

    fn demand(&self) -> Demand {
        let by_host = !self.by_host.is_empty();
        Demand {
            by_listing: self.index.by_listing() || by_host,
            by_tag: self.index.by_tag(),
            by_host,
            named: self.index.named_count(),
        }
    }

    /// The one read-only look at all of it.
    pub fn view<'a, 't: 'a>(&'a self, turn: &Turn<'t>) -> View<'a, F> {
        self.view_at(turn.now, turn.context, turn.reporter, turn.hosts)
    }

    fn view_at<'a>(
        &'a self,
        now: Moment,
        context: &Context,
        reporter: &Reporter,
        hosts: Option<&'a View<'a, DeletionProtection>>,
    ) -> View<'a, F> {
        View {
            now,
            term: context.term(),
            inventory: &self.inventory,
            index: &self.index,
            keys: &self.keys,
            objects: &self.objects,
            opaque: &self.opaque,
            demand: self.demand(),
            reader: &self.reader,
            writer: &self.writer,
            unprotector: &self.unprotector,
            breaker: &self.breaker,
            hosts,
            patience: reporter.patience(),
        }
    }

    /// The same of instances, for what is on them.
    pub fn as_hosts(&self, now: Moment, context: &Context, reporter: &Reporter) -> View<'_, F> {
        self.view_at(now, context, reporter, None)
    }

    /// How often the region is swept now: the set interval, stretched so that sweeping takes half of the reads at most.
    pub fn sweep_interval(&self) -> Duration {
        self.reader.interval(self.demand())
    }

    /// How long evidence lives: as long as it takes to be renewed at the pace that is really reached, within bounds.
    pub fn evidence_life(&self) -> Duration {
        self.reader.evidence_life(self.demand())
    }

    /// The generation of an object, and whether it asks for anything here on its own behalf.
    pub fn generation(&self, object: &ObjectId) -> Option<Generation> {
        self.objects.get(object).filter(|o| !o.intent.enumerates).map(|object| object.generation)
    }

    /// The objects that ask for something here on their own behalf.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectId> {
        self.objects.iter().filter(|(_, object)| !object.intent.enumerates).map(|(name, _)| name)
    }

    /// The instances that an object wants to know of besides those that its spec selects.
    pub fn watched(&self, object: &ObjectId) -> Option<&BTreeSet<InstanceId>> {
        self.objects.get(object).map(|object| &object.watch)
    }

    /// The instances whose interfaces an object's spec selects.
    pub fn host_selector(&self, object: &ObjectId) -> Option<&Selector<Instance>> {
        self.objects.get(object)?.intent.owners.as_deref()
    }

    /// Notes from when on evidence is fresh at this moment.
    pub fn note_horizon(&mut self, turn: &Turn<'_>) {
        let horizon = self.view(turn).horizon();
        self.reader.note_horizon(horizon);
    }

    // What comes back.

    /// Takes in the answer to a call, or the lack of one: what it shows, if it is one to a read.
    pub fn take_reply(
        &mut self,
        turn: &mut Turn<'_>,
        call: CallId,
        result: Result<Reply<F::Of>, Failure>,
    ) -> Vec<Finding<F::Of>> {
        if let Some((id, value)) = self.writer.take_call(call) {
            self.write_ended(turn, &id, value, result.map(|_| ()));
            return Vec::new();
        }
        let odd = odd_reply();
        let answer = match result {
            Ok(Reply::Page(page)) => Ok(page),
            Ok(Reply::Accepted(_)) => Err(&odd),
            Err(ref failure) => Err(failure),
        };
        let demand = self.demand();
        // A second answer to the same call, or one that came after we gave it up, has no findings.
        let answer = (call, answer);
        let findings = self.reader.answered(turn.now, turn.context, demand, &self.inventory, answer);
        findings.unwrap_or_default()
    }

    /// Calls that have been without an answer for too long, in order. They are to be answered as lost.
    pub fn lost_calls(&self, now: Moment) -> Vec<CallId> {
        let mut lost: Vec<CallId> = self.reader.calls().lost(now).collect();
        lost.extend(self.writer.calls().lost(now));
        lost.sort_unstable();
        lost
    }

    /// All calls without an answer, in order.
    pub fn calls(&self) -> Vec<CallId> {
        let mut calls: Vec<CallId> = self.reader.calls().ids().collect();
        calls.extend(self.writer.calls().ids());
        calls.sort_unstable();
        calls
    }

    /// When a poll is wanted for what waits here, though nothing happens.
    pub fn wake(&self, turn: &mut Turn<'_>) {
        let lost = [self.reader.calls().loses_at(), self.writer.calls().loses_at()];
        let timer = self.timers.first().map(|(at, _)| *at);
        for at in lost.into_iter().flatten().chain(timer) {
            turn.context.wake_at(at);
        }
    }

    // What is to be done.

    /// Looks where unprotecting stands, and begins the next batch with a question to the API server.
    pub fn plan_unprotecting(
        &mut self,
        turn: &mut Turn<'_>,
        window: Window,
    ) -> Option<(PreflightId, ObjectId)> {
        if !window.open_for_unprotecting(turn.now) {
            // The lease will be renewed, or it is too late.
            return None;
        }
        match self.unprotector.batch_ends() {
            Some(ends) if turn.now < ends => {
                turn.context.wake_at(ends);
                return None;
            }
            Some(_) => self.drop_batch(),
            None => {}
        }
        for object in self.unprotector.turns() {
            let due = self.unprotector.task(&object).map_or(turn.now, |task| task.not_before);
            if turn.now < due {
                turn.context.wake_at(due);
                continue;
            }
            let Some(plan) = plan(self.view(turn), &object) else { continue };
            let closed = self.writer.closed(turn.now).is_some();
            let room = if closed {
                0
            } else {
                room(self.writer.available(turn.now), self.settings.writes.per_minute)
            };
            let preflight = self.unprotector.advance(turn.now, turn.context, &object, plan, room);
            if let Some(preflight) = preflight {
                return Some((preflight, object));
            }
        }
        None
    }

    /// Gives the batch up. What is read for it already proves nothing to anybody.
    fn drop_batch(&mut self) {
        self.unprotector.drop_batch();
        self.reader.prove(None);
    }

    /// Takes in the API server's answer, if it is to the question of the batch. The instances that are to be read because
    /// of it.
    pub fn take_preflight(
        &mut self,
        turn: &mut Turn<'_>,
        preflight: PreflightId,
        answer: &PreflightAnswer,
    ) -> BTreeSet<InstanceId> {
        let (upcoming, known) = (turn.context.upcoming_call(), (&self.objects, &self.inventory));
        match self.unprotector.preflight_answered(turn.now, upcoming, known, (preflight, answer)) {
            Verified::Nothing => {}
            Verified::ReadTargets => self.reader.prove(self.unprotector.batch_targets()),
            Verified::ReadHosts => {
                return self.unprotector.awaited_hosts().map(|(hosts, _)| hosts.clone()).unwrap_or_default();
            }
        }
        BTreeSet::new()
    }

    /// The instances that are to be read for the batch, and the first call that counts.
    pub fn batch_awaits(&self) -> Option<(&BTreeSet<InstanceId>, CallId)> {
        self.unprotector.awaited_hosts()
    }

    /// These of the instances that the batch awaits were shown.
    pub fn batch_hosts_read(&mut self, turn: &Turn<'_>, shown: &BTreeSet<InstanceId>) {
        self.unprotector.hosts_read(shown, turn.context.upcoming_call());
        self.reader.prove(self.unprotector.batch_targets());
    }

    /// Sends what may be written now.
    pub fn plan_writes(
        &mut self,
        turn: &mut Turn<'_>,
        window: Window,
        out: &mut Vec<(CallId, WriteCall<F>)>,
    ) {
        loop {
            let unprotecting = self.unprotector.ready(turn.now) && window.open_for_unprotecting(turn.now);
            match self.writer.turn(turn.now, unprotecting) {
                WriterTurn::Nothing => break,
                WriterTurn::Wait(until) => {
                    turn.context.wake_at(until);
                    break;
                }
                WriterTurn::Protect(urgency) => {
                    if let Some(id) = self.writer.pop()
                        && self.view(turn).needs_protecting(&id)
                    {
                        self.writer.protect(turn.now, turn.context, urgency, id, out);
                    }
                }
                WriterTurn::Unprotect(urgency) => {
                    let next = self.unprotector.next_target(&self.inventory);
                    if let Some(permit) = next.and_then(|next| permit(self.view(turn), &next)) {
                        self.writer.unprotect(turn.now, turn.context, urgency, permit, out);
                    }
                }
            }
        }
    }

    fn write_ended(&mut self, turn: &mut Turn<'_>, id: &Id<F>, value: Value, result: Result<(), Failure>) {
        self.writer.heed(turn.now, turn.context, &result);
        if self.inventory.get(id).is_none() {
            return;
        }
        let ended = self.writer.ended(turn.now, turn.context, (id, value), result);
        if let Some(at) = ended.again_at {
            self.timers.insert((at, id.clone()));
        }
        if ended.gone {
            self.doubt(turn, id, turn.context.upcoming_call());
        }
        if ended.verify {
            self.reader.verify(turn.now, id, false);
        }
        self.touch_selectors(turn, id);
        if self.inventory.get(id).is_some_and(|t| t.absence.is_none()) {
            self.reconsider(turn, id);
        }
    }

    /// There is another key: what the old one was refused is tried again.
    pub fn key_changed(&mut self, now: Moment) {
        self.reader.key_changed(now);
        for id in self.writer.key_changed(now) {
            self.timers.insert((now, id));
        }
    }

    /// The report of an object, if there is something to say.
    pub fn report(
        &mut self,
        turn: &mut Turn<'_>,
        name: &ObjectId,
        retention: impl FnOnce(View<'_, F>) -> Option<Box<RetentionReport>>,
    ) -> Option<(Generation, RegionReport)> {
        let view = self.view(turn);
        let object = view.objects.get(name)?;
        let (mut report, cost) = judge_part(view, name);
        report.retention = retention(view);
        let settled = object.settled || report.settled;
        let draft = Draft {
            whole: digest(&report),
            shape: shape(view, name, &report),
            uncertain: !report.counts.unknown.is_empty() || report.unlisted.is_some() || bereaved(view, name),
            tells: !object.losses.is_empty(),
            gathers: gathers_losses(view, object),
            cost,
            awaited: (!settled).then_some(object.born),
        };
        let says = turn.reporter.says(turn.now, name, object.born, draft);
        let object = self.objects.get_mut(name)?;
        object.settled = settled;
        says.then(|| {
            let report = RegionReport { lost: std::mem::take(&mut object.losses), ..report };
            (object.generation, report)
        })
    }

    /// Begins a sweep if it is time for one. `first_waits`: until when the first one of all waits.
    pub fn begin_sweep(&mut self, turn: &mut Turn<'_>) -> Vec<Finding<F::Of>> {
        let demand = self.demand();
        let first_waits = if self.reader.has_begun() { None } else { self.hosts_awaited(turn) };
        let known = (self.index.named_ids(), &self.inventory);
        self.reader.begin_sweep(turn.now, turn.context, demand, first_waits, known)
    }

    /// Sends what may be read now.
    pub fn plan_reads(&mut self, turn: &mut Turn<'_>, out: &mut Vec<(CallId, ReadCall<F::Of>)>) {
        let writes = WritesPending { any: self.writer.pending(), urgent: self.writer.urgent_pending() };
        self.reader.poll(turn.now, turn.context, self.demand(), writes, out);
    }

    /// The oldest call without an answer.
    fn oldest_call(&self) -> Option<CallId> {
        let oldest = [self.reader.calls().oldest(), self.writer.calls().oldest()];
        oldest.into_iter().flatten().min()
    }

    /// Whoever leads meanwhile may write: what was under way is read before it is written again. Follows, that all calls are
    /// answered as lost.
    pub fn lose_lead(&mut self) {
        self.drop_batch();
    }

    /// Whoever led before may have written flags and status: what we saw before counts for nothing, and what we reported
    /// may stand there no more. What stands there is left standing until there is evidence again, as after a start.
    pub fn begin_lead(&mut self, turn: &mut Turn<'_>) {
        self.reader.begin_term();
        for object in self.objects.values_mut() {
            object.hot_until = None;
            (object.born, object.settled) = (turn.now, false);
            // Whoever led meanwhile has told of it.
            object.losses.clear();
        }
        for (id, absence) in self.inventory.absences_mut() {
            absence.begin_term();
            self.timers.insert((turn.now, id.clone()));
        }
        self.touch_all(turn);
    }

    /// Looks at the targets whose time has come.
    pub fn fire_timers(&mut self, turn: &mut Turn<'_>) {
        while let Some((at, id)) = self.timers.pop_first() {
            if at > turn.now {
                self.timers.insert((at, id));
                break;
            }
            self.reconsider(turn, &id);
            self.touch_selectors(turn, &id);
        }
    }

    /// Marks the reports of all objects that may select the target.
    fn touch_selectors(&self, turn: &mut Turn<'_>, id: &Id<F>) {
        let (tags, place) = (self.inventory.tags(id), self.inventory.place(id));
        let candidates = self.index.candidates(id, tags, place);
        turn.context.touch_all(candidates.into_iter().cloned());
    }

    /// Marks the reports that say of something that it is not known: why, is said in other words when the cloud
    /// answers again, or no more.
    fn touch_uncertain(&self, turn: &mut Turn<'_>) {
        let uncertain = self.objects.keys().filter(|name| turn.reporter.uncertain(name));
        turn.context.touch_all(uncertain.cloned());
    }

    pub fn touch_all(&self, turn: &mut Turn<'_>) {
        turn.context.touch_all(self.objects.keys().cloned());
    }

    /// Why instances can't be read has changed: without a look at its host nothing is unprotected.
    pub fn touch_unprotecting(&self, turn: &mut Turn<'_>) {
        turn.context.touch_all(self.unprotector.open().cloned());
    }

    /// Has reports made anew when evidence may have grown stale.
    pub fn notice_staleness(&mut self, turn: &mut Turn<'_>) {
        if self.objects.is_empty() {
            return;
        }
        let life = self.evidence_life();
        let last_complete = self.reader.last_complete().unwrap_or_default();
        let overdue = last_complete.max(turn.context.term().began).after(life);
        if turn.now < overdue {
            turn.context.wake_at(overdue);
            return;
        }
        match self.staleness.tick(turn.now, turn.context, life) {
            None => {}
            Some(Stale::All) => self.touch_all(turn),
            Some(Stale::Certain) => {
                let certain = self.objects.keys().filter(|name| turn.reporter.certain(name));
                turn.context.touch_all(certain.cloned());
            }
        }
    }
}
