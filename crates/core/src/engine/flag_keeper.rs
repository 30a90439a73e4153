//! One flag on all targets of its resource: what objects want of it, and what is done about it.

use std::collections::BTreeSet;
use std::time::Duration;

use super::action::{PreflightId, Settings, Window};
use super::care::{Drift, Value};
use super::context::Context;
use super::flag_view::FlagView;
use super::holds::enforcer;
use super::hosting;
use super::hosts::bereaved;
use super::judge::{digest, shape};
use super::losses::{self, gathers_losses, had_through_host, holders, loss, unhosted};
use super::membership::{Member, is_hot, member};
use super::memory::{self, follow, tidied};
use super::reader::WritesPending;
use super::reporter::Draft;
use super::requests::Edit;
use super::suspension::{exception_record, was_left};
use super::targets::{Before, Change, Targets};
use super::transitions::{note_answer, note_forgotten, note_gone, note_shown};
use super::turn::Turn;
use super::unprotect::{Unprotector, Verified, room};
use super::unprotect_checks::{permit, plan};
use super::view::View;
use super::writer::{Turn as WriterTurn, Writer};
use crate::authority::{PreflightAnswer, UnprotectPermit};
use crate::call::{FlagWrite, Reply};
use crate::evidence::Evidence;
use crate::failure::Failure;
use crate::flag::{Applicability, Flag, Id, MainFlag};
use crate::id::{CallId, Generation, InstanceId, ObjectId};
use crate::intent::Unprotecting;
use crate::loss::{Cause, Sight};
use crate::on_behalf::OnBehalf;
use crate::reason::Reason;
use crate::resource::Resource;
use crate::time::Moment;
use crate::verdict::RegionReport;

/// What is done about one flag.
#[derive(Debug)]
pub(crate) struct FlagKeeper<F: Flag> {
    settings: Settings,
    pub(super) writer: Writer<F>,
    unprotector: Unprotector<F::Of>,
}

impl<F: Flag> FlagKeeper<F> {
    /// Nothing is done yet.
    pub fn new(settings: Settings) -> Self {
        Self { settings, writer: Writer::new(settings), unprotector: Unprotector::default() }
    }

    /// The one read-only look at the flag on all targets.
    pub fn view<'a, 't: 'a>(&'a self, turn: &Turn<'t>, targets: &'a Targets<F::Of>) -> FlagView<'a, F> {
        self.view_beside(targets.view(turn))
    }

    /// The same, where the targets are looked at already.
    pub fn view_beside<'a>(&'a self, targets: View<'a, F::Of>) -> FlagView<'a, F> {
        FlagView { targets, writer: &self.writer, unprotector: &self.unprotector }
    }

    /// Writes that the budget has left for now, and targets whose flag waits to be written.
    pub fn load(&mut self, now: Moment) -> (u32, usize) {
        (self.writer.available(now), self.writer.queue_length())
    }

    /// How long repairs have taken, each told once.
    pub fn take_repaired(&mut self) -> Vec<Duration> {
        self.writer.take_repaired()
    }

    /// What waits to be written.
    pub fn pending(&self) -> WritesPending {
        WritesPending { any: self.writer.pending(), urgent: self.writer.urgent_pending() }
    }

    /// Whether all writes rest.
    pub fn rests(&self, now: Moment) -> bool {
        self.writer.closed(now).is_some()
    }

    /// Whether something is being done about a target.
    pub fn busy(&self, id: &Id<F>) -> bool {
        self.writer.care(id).is_some()
    }

    /// Whether a write of a target, or its effect, may be under way, or a read that was sent before it ended. `oldest`: the
    /// oldest call without an answer.
    pub fn under_way(&self, id: &Id<F>, oldest: Option<CallId>) -> bool {
        self.writer.care(id).is_some_and(|care| care.under_way(oldest))
    }

    /// Whether a write of ours may be why the flag is otherwise than that evidence of this call showed it.
    pub fn may_have_written_since(&self, id: &Id<F>, seen_in: CallId) -> bool {
        self.writer.care(id).is_some_and(|care| {
            care.writing.is_some()
                || care.accepted.is_some()
                || (!care.had_no_effect && care.written_before.is_some_and(|end| end > seen_in))
        })
    }

    /// Whether another flag of the target may be written on evidence of this call: no write of this flag is under way, and
    /// what it has done is seen.
    pub fn lets_write(&self, id: &Id<F>, seen_in: CallId) -> bool {
        self.writer
            .care(id)
            .is_none_or(|care| care.writing.is_none() && care.written_before.is_none_or(|end| seen_in >= end))
    }

    /// Nobody selects the target any more, of which this is the newest evidence.
    pub fn forget_target(&mut self, turn: &mut Turn<'_>, id: &Id<F>, evidence: Option<&Evidence<F::Of>>) {
        note_forgotten::<F>(turn, id, evidence);
        self.writer.drop_care(id);
    }

    // What objects ask for.

    /// An object asks for something else.
    pub fn intent_changed(
        &mut self,
        turn: &mut Turn<'_>,
        targets: &mut Targets<F::Of>,
        object: &ObjectId,
        edit: &Edit<F::Of>,
    ) {
        let Some(entry) = targets.objects.get(object) else { return };
        let asked = (&entry.intent, F::unprotecting(&entry.intent));
        self.unprotector.changed(turn.now, object, asked, edit.same);
        if edit.edited && entry.hot(turn.now) {
            self.writer.spec_changed(turn.now);
        }
        // It may hold what is on an instance by a tag that was not asked for when that was looked at.
        if self.unprotector.works_for(object) || entry.intent.hosts.is_some() {
            self.drop_batch(targets);
        }
        for id in edit.reach.iter().filter(|_| edit.edited) {
            if let Some(care) = self.writer.known_care_mut(id) {
                care.spec_changed::<F>(turn.now);
            }
        }
    }

    /// Status says something else of what an object steps aside for.
    pub fn record_changed(&mut self, turn: &Turn<'_>, object: &ObjectId) {
        self.unprotector.reopen(turn.now, object);
    }

    /// An object is gone, or can't be read.
    pub fn object_dropped(&mut self, targets: &mut Targets<F::Of>, object: &ObjectId) {
        self.unprotector.forget(object);
        if self.unprotector.works_for(object) {
            self.drop_batch(targets);
        }
    }

    /// A hold that came or fell changes what others may unprotect, and what is said of those that have.
    pub fn holds_changed(&mut self, turn: &mut Turn<'_>, targets: &mut Targets<F::Of>) {
        self.unprotector.hurry(turn.now.after(Duration::from_secs(1)));
        self.touch_unprotecting(turn);
        // Before the first poll nothing was said of any object.
        if std::mem::take(&mut targets.holds_changed) && turn.context.has_polled() {
            turn.context.touch_all(targets.unprotecting.iter().cloned());
        }
    }

    /// Marks the reports of the objects whose unprotecting is not carried out yet.
    pub fn touch_unprotecting(&self, turn: &mut Turn<'_>) {
        turn.context.touch_all(self.unprotector.open().cloned());
    }

    // What has become of targets.

    /// Takes in what has become of a target.
    pub fn heed(&mut self, turn: &mut Turn<'_>, targets: &mut Targets<F::Of>, change: &Change<F::Of>) {
        match change {
            Change::Shown(id, before) => {
                note_shown(turn, targets, &mut self.writer, id, before);
                self.weigh(turn, targets, id, before);
            }
            Change::Gone(id, before, request_id) => {
                note_gone(turn, &mut self.writer, id, before, request_id.as_ref());
                if self.writer.care(id).is_some_and(|care| !care.under_way(None)) {
                    self.writer.drop_care(id);
                }
            }
            Change::Circuit => self.touch_unprotecting(turn),
            Change::ProofRead(call, seen) => self.unprotector.targets_read(*call, seen),
            Change::ProofLost => self.drop_batch(targets),
        }
    }

    /// Holds new evidence against what was done about the target.
    fn weigh(
        &mut self,
        turn: &mut Turn<'_>,
        targets: &mut Targets<F::Of>,
        id: &Id<F>,
        before: &Before<F::Of>,
    ) {
        let interval = targets.sweep_interval();
        let Some(evidence) = targets.inventory.evidence(id) else { return };
        let was = before.evidence.as_ref().filter(|old| F::protected(&old.facts) == Some(true));
        let drifted = was.filter(|_| F::protected(&evidence.facts) == Some(false)).map(Sight::of);
        // Unprotecting of our own is no surprise, also when its answer is not there yet, or was lost.
        if let Some(before) = drifted.filter(|_| !self.writer.unprotects(id)) {
            if F::ALARMS {
                let known = targets.inventory.len();
                targets.breaker.surprise(turn.now, known);
            }
            let enforced = enforcer::<F>(targets.view(turn), id).is_some();
            if F::ALARMS || enforced {
                self.writer.care_mut(id).drifted(Drift { since: turn.now, enforced }, before);
            }
        }
        if let Some(look_at) = self.writer.weigh(turn.now, id, evidence, interval) {
            targets.timers.insert((look_at, id.clone()));
        }
    }

    /// Has the target read if the effect of a write is not seen yet. Whether that is so.
    pub fn verify(&self, turn: &Turn<'_>, targets: &mut Targets<F::Of>, id: &Id<F>) -> bool {
        let (Some(evidence), Some(care)) = (targets.inventory.evidence(id), self.writer.care(id)) else {
            return false;
        };
        let overtaken = care.written_before.is_some_and(|end| evidence.call < end);
        let awaits = care.writing.is_none() && (overtaken || care.accepted.is_some());
        if awaits && care.look_at <= turn.now {
            let hot = is_hot(targets.view(turn), id);
            targets.reader.verify(turn.now, id, hot);
        }
        awaits
    }

    /// Decides what is to be done about a target of which something has changed, unless the effect of a write is awaited
    /// ([`FlagKeeper::verify`]). `others`: whether the other flags of the target let it be written.
    pub fn reconsider(
        &mut self,
        turn: &mut Turn<'_>,
        targets: &mut Targets<F::Of>,
        id: &Id<F>,
        others: impl Fn(&Id<F>, CallId) -> bool,
    ) {
        let Some(evidence) = targets.inventory.evidence(id) else { return };
        let under_way = self.writer.care(id).is_some_and(|care| care.writing.is_some());
        let unprotected = F::protected(&evidence.facts) == Some(false);
        let applies = F::applicability(&evidence.facts) == Applicability::Yes;
        if under_way || !unprotected || !applies || !others(id, evidence.call) {
            return;
        }
        let view = self.view(turn, targets);
        let Some(object) = enforcer::<F>(*view, id).cloned() else { return };
        // What somebody has stepped aside for waits for nobody else when that is over.
        let hot = is_hot(*view, id) || was_left(*view, id);
        let interval = view.sweep_interval();
        if let Some(at) = self.writer.protect_soon(turn.now, &object, id, (hot, interval)) {
            targets.timers.insert((at, id.clone()));
        }
    }

    // Unprotecting.

    /// Looks where unprotecting stands, and begins the next batch with a question to the API server.
    pub fn plan_unprotecting(
        &mut self,
        turn: &mut Turn<'_>,
        targets: &mut Targets<F::Of>,
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
            Some(_) => self.drop_batch(targets),
            None => {}
        }
        for object in self.unprotector.turns() {
            let due = self.unprotector.task(&object).map_or(turn.now, |task| task.not_before);
            if turn.now < due {
                turn.context.wake_at(due);
                continue;
            }
            let Some(mut plan) = plan(self.view(turn, targets), &object) else { continue };
            if self.unprotector.task(&object).is_some_and(|task| task.what == Unprotecting::SteppingAside) {
                // For each entry this ends by itself, whatever generation of the object has it.
                let ended = std::mem::take(&mut plan.ended).into_iter().map(|(id, _)| id);
                note_carried_out(turn, targets, &object, ended);
            }
            let closed = self.writer.closed(turn.now).is_some();
            let available = self.writer.available(turn.now);
            let room = if closed { 0 } else { room::<F::Of>(available, self.settings.writes.per_minute) };
            let preflight = self.unprotector.advance(turn.now, turn.context, &object, plan, room);
            if let Some(preflight) = preflight {
                return Some((preflight, object));
            }
        }
        None
    }

    /// Gives the batch up. What is read for it already proves nothing to anybody.
    pub fn drop_batch(&mut self, targets: &mut Targets<F::Of>) {
        self.unprotector.drop_batch();
        targets.reader.prove(None);
    }

    /// Takes in the API server's answer, if it is to the question of the batch. The instances that are to be read because
    /// of it.
    pub fn take_preflight(
        &mut self,
        turn: &mut Turn<'_>,
        targets: &mut Targets<F::Of>,
        preflight: PreflightId,
        answer: &PreflightAnswer,
    ) -> BTreeSet<InstanceId> {
        let (upcoming, known) = (turn.context.upcoming_call(), (&targets.objects, &targets.inventory));
        match self.unprotector.preflight_answered(turn.now, upcoming, known, (preflight, answer)) {
            Verified::Nothing => {}
            Verified::ReadTargets => targets.reader.prove(self.unprotector.batch_targets()),
            Verified::ReadHosts => {
                return self.unprotector.awaited_hosts().map(|(hosts, _)| hosts.clone()).unwrap_or_default();
            }
        }
        BTreeSet::new()
    }

    /// The instances that are to be read for the batch, and the first call that counts.
    pub fn awaited_hosts(&self) -> Option<(&BTreeSet<InstanceId>, CallId)> {
        self.unprotector.awaited_hosts()
    }

    /// These of the instances that the batch awaits were shown.
    pub fn hosts_read(
        &mut self,
        turn: &Turn<'_>,
        targets: &mut Targets<F::Of>,
        shown: &BTreeSet<InstanceId>,
    ) {
        self.unprotector.hosts_read(shown, turn.context.upcoming_call());
        targets.reader.prove(self.unprotector.batch_targets());
    }

    // Writes.

    /// Sends what may be written now. `others`: whether the other flags of a target let it be written.
    pub fn plan_writes(
        &mut self,
        turn: &mut Turn<'_>,
        targets: &Targets<F::Of>,
        window: Window,
        others: impl Fn(&Id<F>, CallId) -> bool,
        out: &mut Vec<(CallId, FlagWrite<F>)>,
    ) {
        let free = |id: &Id<F>| targets.inventory.evidence(id).is_some_and(|e| others(id, e.call));
        let shares = |id: &Id<F>| targets.inventory.evidence(id).and_then(|e| F::in_call_with(&e.facts));
        loop {
            let unprotecting = self.unprotector.ready(turn.now) && window.open_for_unprotecting(turn.now);
            match self.writer.turn(turn.now, unprotecting) {
                WriterTurn::Nothing => break,
                WriterTurn::Wait(until) => {
                    turn.context.wake_at(until);
                    break;
                }
                WriterTurn::Protect(urgency) => {
                    let Some(id) = self.writer.pop() else { continue };
                    let view = self.view(turn, targets);
                    let wanted = |id: &Id<F>| free(id) && view.protecting(id).is_some();
                    if wanted(&id) {
                        let with: BTreeSet<Id<F>> = if F::PER_CALL > 1 {
                            let like = |other: &&Id<F>| shares(other) == shares(&id) && wanted(other);
                            self.writer.waiting().filter(like).take(F::PER_CALL).cloned().collect()
                        } else {
                            BTreeSet::new()
                        };
                        let call = self.writer.pop_with(id, |other| with.contains(other)).into_iter();
                        let view = self.view(turn, targets);
                        let call = call.filter_map(|id| Some((view.protecting(&id)?, id)));
                        let call = call.map(|(on_behalf, id)| (id, on_behalf)).collect();
                        self.writer.protect(turn.now, turn.context, urgency, call, out);
                    }
                }
                WriterTurn::Unprotect(urgency) => {
                    let mut permits: Vec<(UnprotectPermit<F>, OnBehalf)> = Vec::new();
                    let most = |id: &Id<F>| self.writer.most(id, Value::Unprotected);
                    while permits.first().is_none_or(|(first, _)| permits.len() < most(first.target())) {
                        let like = |id: &Id<F>| {
                            permits.first().is_none_or(|(first, _)| {
                                let first = first.target();
                                shares(id) == shares(first) && most(id) == most(first)
                            })
                        };
                        let next = self.unprotector.next_target(&targets.inventory, like);
                        let Some(next) = next else { break };
                        let view = self.view(turn, targets);
                        permits.extend(
                            Some(next).filter(|next| free(&next.id)).and_then(|next| permit(view, &next)),
                        );
                    }
                    if !permits.is_empty() {
                        self.writer.unprotect(turn.now, turn.context, urgency, permits, out);
                    }
                }
            }
        }
    }

    /// Takes in the answer to a write, or the lack of one, if it is to one of these.
    pub fn answered(
        &mut self,
        turn: &mut Turn<'_>,
        targets: &mut Targets<F::Of>,
        call: CallId,
        result: &Result<Reply<F::Of>, Failure>,
    ) -> bool {
        let Some((ids, value)) = self.writer.take_call(call) else { return false };
        let request = match result {
            Ok(Reply::Accepted(request_id)) => Ok(Some(request_id)),
            Ok(Reply::Page(_)) => Ok(None),
            Err(failure) => Err(failure),
        };
        let result = result.as_ref().map(|_| ()).map_err(Clone::clone);
        self.writer.heed(turn.now, turn.context, &result);
        for id in &ids {
            note_answer(turn, &mut self.writer, id, (request, ids.len() == 1));
        }
        let again_at = ids
            .iter()
            .filter_map(|id| self.write_ended(turn, targets, (id, value, ids.len()), result.clone()))
            .max();
        // What was written together is written together again.
        for id in &ids {
            if let (Some(at), Some(care)) = (again_at, self.writer.known_care_mut(id)) {
                care.wait_mut(value).not_before = at;
                targets.timers.insert((at, id.clone()));
            }
        }
        true
    }

    fn write_ended(
        &mut self,
        turn: &mut Turn<'_>,
        targets: &mut Targets<F::Of>,
        (id, value, among): (&Id<F>, Value, usize),
        result: Result<(), Failure>,
    ) -> Option<Moment> {
        targets.inventory.get(id)?;
        let ended = self.writer.ended(turn.now, turn.context, (id, value, among), result);
        if ended.gone {
            targets.doubt(turn, id, turn.context.upcoming_call());
        }
        if ended.verify {
            targets.reader.verify(turn.now, id, false);
        }
        targets.touch_selectors(turn, id);
        if targets.inventory.absence(id).is_none() {
            targets.reconsider(id);
        }
        ended.again_at
    }

    /// Writes that have been without an answer for too long. They are to be answered as lost.
    pub fn lost_calls(&self, now: Moment) -> impl Iterator<Item = CallId> {
        self.writer.calls().lost(now)
    }

    /// All writes without an answer.
    pub fn calls(&self) -> impl Iterator<Item = CallId> {
        self.writer.calls().ids()
    }

    /// The oldest of them.
    pub fn oldest_call(&self) -> Option<CallId> {
        self.writer.calls().oldest()
    }

    /// When a poll is wanted for what waits here, though nothing happens.
    pub fn wake(&self, context: &mut Context) {
        if let Some(at) = self.writer.calls().loses_at() {
            context.wake_at(at);
        }
    }

    /// There is another key: what the old one was refused is tried again.
    pub fn key_changed(&mut self, now: Moment, targets: &mut Targets<F::Of>) {
        for id in self.writer.key_changed(now) {
            targets.timers.insert((now, id));
        }
    }
}

impl<F: MainFlag> FlagKeeper<F> {
    // What has become of targets.

    /// Takes in what has become of a target, and what objects remember and lose by that.
    pub fn heed_and_tell(
        &mut self,
        turn: &mut Turn<'_>,
        targets: &mut Targets<F::Of>,
        change: &Change<F::Of>,
    ) {
        if let Change::Gone(id, before, _) = change {
            for name in holders(targets.view(turn), id, before) {
                self.note_loss(turn, targets, &name, id, Cause::Gone, before.evidence.as_ref());
            }
            memory::forget_gone(targets, turn, id, before);
        }
        self.heed(turn, targets, change);
        if let Change::Shown(id, before) = change {
            self.remember(turn, targets, id);
            self.note_left(turn, targets, id, before);
        }
    }

    // What objects remember, and what they lose.

    /// Notes what evidence says of a target: that it is protected, and where it is.
    pub fn remember(&self, turn: &Turn<'_>, targets: &mut Targets<F::Of>, id: &Id<F>) {
        if F::Of::REMEMBERS {
            let followed = follow(self.view(turn, targets), id);
            if let Some(followed) = followed {
                memory::remember(targets, id, followed);
            }
        }
    }

    /// Brings an object's memory up to what is known: notes which free targets have outlived their instance, remembers what
    /// has become its target and is protected, and forgets what its spec excludes or has given up.
    pub fn tidy_memory(&self, turn: &mut Turn<'_>, targets: &mut Targets<F::Of>, name: &ObjectId) {
        if !F::Of::REMEMBERS {
            return;
        }
        memory::notice_survivors(targets, turn, name);
        let (new, left) = tidied(self.view(turn, targets), name);
        for id in &new {
            self.remember(turn, targets, id);
        }
        for (id, reason) in left {
            if reason == Reason::Departed {
                let evidence = targets.inventory.evidence(&id).cloned();
                self.note_loss(turn, targets, name, &id, Cause::Gone, evidence.as_ref());
            }
            memory::depart(targets, name, &id, reason);
        }
    }

    /// What is known of an instance is about to change, which these objects ask after. What is on it and is protected is
    /// remembered, for after that it may not be selected any more.
    pub fn host_changes(
        &self,
        turn: &Turn<'_>,
        targets: &mut Targets<F::Of>,
        host: &InstanceId,
        asking: &[ObjectId],
    ) {
        if asking.is_empty() {
            return;
        }
        let there: BTreeSet<Id<F>> = targets.index.on(host).cloned().collect();
        for id in &there {
            self.remember(turn, targets, id);
        }
        for name in asking {
            let had = had_through_host(targets.view(turn), name, host, &there);
            hosting::host_changes(targets, turn, name, host, had);
        }
    }

    /// Sees to all hosts that have changed.
    pub fn settle_hosts(&self, turn: &mut Turn<'_>, targets: &mut Targets<F::Of>) {
        for (name, had) in hosting::settle_hosts(targets, turn) {
            self.note_unhosted(turn, targets, &name, &had);
        }
    }

    /// New evidence shows other tags. Those of its holders that it has left have lost it; what an object remembers leaves
    /// with a reason of its own.
    fn note_left(
        &self,
        turn: &mut Turn<'_>,
        targets: &mut Targets<F::Of>,
        id: &Id<F>,
        before: &Before<F::Of>,
    ) {
        let view = self.view(turn, targets);
        let tags = |facts| F::Of::tags(facts);
        let new = view.inventory.evidence(id).and_then(|e| tags(&e.facts));
        if before.evidence.as_ref().is_none_or(|old| tags(&old.facts) == new) {
            return;
        }
        let mut lost = Vec::new();
        for name in holders(view.targets, id, before) {
            let Some(object) = view.objects.get(&name) else { continue };
            if object.memory.kept.contains_key(id) || member(*view, &name, object, id) != Member::No {
                continue;
            }
            let excluded = object.intent.selector.tags_exclude(view.known_tags(id));
            lost.push((name, if excluded { Cause::TagExcluded } else { Cause::TagLost }));
        }
        let evidence = view.inventory.evidence(id).cloned();
        for (name, cause) in lost {
            self.note_loss(turn, targets, &name, id, cause, evidence.as_ref());
        }
    }

    /// Hosts of an object have changed. Those of its targets that were selected because of theirs, and are no more, are lost.
    fn note_unhosted(
        &self,
        turn: &mut Turn<'_>,
        targets: &mut Targets<F::Of>,
        name: &ObjectId,
        had: &BTreeSet<Id<F>>,
    ) {
        for (id, cause) in unhosted(targets.view(turn), name, had) {
            let evidence = targets.inventory.evidence(&id).cloned();
            self.note_loss(turn, targets, name, &id, cause, evidence.as_ref());
        }
    }

    fn note_loss(
        &self,
        turn: &mut Turn<'_>,
        targets: &mut Targets<F::Of>,
        name: &ObjectId,
        id: &Id<F>,
        cause: Cause,
        evidence: Option<&Evidence<F::Of>>,
    ) {
        let of_term = evidence.filter(|evidence| evidence.call >= turn.context.term().since);
        let loss = loss::<F>(turn.now, id, cause, of_term, self.writer.care(id));
        losses::record_loss(targets, turn, name, (id, loss));
    }

    // What is said.

    /// The report of an object, if there is something to say. `judge`: what is said of it, and what it took to find out.
    pub fn report(
        &self,
        turn: &mut Turn<'_>,
        targets: &mut Targets<F::Of>,
        name: &ObjectId,
        judge: impl FnOnce(FlagView<'_, F>) -> (RegionReport, Duration),
    ) -> Option<(Generation, RegionReport)> {
        let view = self.view(turn, targets);
        let object = view.objects.get(name)?;
        let (report, cost) = judge(view);
        let settled = object.settled || report.settled;
        let draft = Draft {
            whole: digest(&report),
            shape: shape(&report),
            uncertain: !report.counts.unknown.is_empty()
                || report.unlisted.is_some()
                || !report.other_flags.is_empty()
                || bereaved(view.targets, name),
            tells: !(object.losses.is_empty() && object.cancelled.is_empty() && object.orphans.is_empty()),
            gathers: gathers_losses(view.targets, object),
            cost,
            awaited: (!settled).then_some(object.born),
        };
        let says = turn.reporter.says(turn.now, name, object.born, draft);
        let object = targets.objects.get_mut(name)?;
        object.settled = settled;
        says.then(|| {
            let lost = std::mem::take(&mut object.losses);
            let cancelled = std::mem::take(&mut object.cancelled);
            let orphans = std::mem::take(&mut object.orphans);
            (object.generation, RegionReport { lost, cancelled, orphans, ..report })
        })
    }
}

/// Notes that the flag was switched off for what an object steps aside for on these targets.
fn note_carried_out<R: Resource>(
    turn: &mut Turn<'_>,
    targets: &mut Targets<R>,
    name: &ObjectId,
    ended: impl Iterator<Item = R::Id>,
) {
    let Some(object) = targets.objects.get_mut(name) else { return };
    for id in ended {
        if let Some(record) = exception_record(object, &id).copied() {
            object.aside.carried_out.exceptions.insert(id.clone(), record);
        }
        if let Some(record) = object.aside.lifted.get(&id) {
            object.aside.carried_out.lifts.insert(id, record.since);
        }
        turn.context.touch(name.clone());
    }
}
