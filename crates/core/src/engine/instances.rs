//! What a step about instances changes: what is known of them, and what is done about each of their flags. A flag of an instance
//! is not written while a write of another one is under way, or before its effect was read.

use super::action::{Action, ProtectionRecord, Window};
use super::auto_release::{self, pending};
use super::exceptions::{self, await_ends, await_ends_of, take_record};
use super::flag_keeper::FlagKeeper;
use super::flag_view::FlagView;
use super::holds::{enforces, holds};
use super::judge::judge_part;
use super::lifts::{self, note_orphans};
use super::reader::{Finding, WritesPending};
use super::requests::set_intent;
use super::scale_in::{ScaleInReport, awaits_evidence};
use super::targets::{Change, Targets};
use super::turn::Turn;
use crate::auto_release_time::AutoReleaseTime;
use crate::call::Reply;
use crate::deletion_protection::DeletionProtection;
use crate::failure::Failure;
use crate::flag::Flag;
use crate::id::{CallId, Generation, InstanceId, ObjectId};
use crate::instance::Instance;
use crate::intent::Intent;
use crate::protected_from_scale_in::ProtectedFromScaleIn;
use crate::reason::{Reason, Risk};
use crate::scaling_groups::ScalingGroups;
use crate::scaling_member::ScalingMember;
use crate::time::Moment;
use crate::verdict::{Groups, RegionReport, join, tell_with};

/// The parts that a step about instances changes.
pub(super) struct Instances<'a> {
    pub targets: &'a mut Targets<Instance>,
    pub protection: &'a mut FlagKeeper<DeletionProtection>,
    pub release_times: &'a mut FlagKeeper<AutoReleaseTime>,
}

impl Instances<'_> {
    /// An object asks for something else, or its status says something else.
    pub fn asked(
        &mut self,
        turn: &mut Turn<'_>,
        name: &ObjectId,
        generation: Generation,
        (mut intent, record): (Intent<Instance>, ProtectionRecord),
    ) {
        let Self { targets, protection, release_times } = self;
        if let Some(known) = targets.objects.get(name).filter(|_| turn.context.window().is_some()) {
            lifts::keep(known, &record, &mut intent);
        }
        if let Some(edit) = set_intent(targets, turn, name, generation, intent) {
            protection.intent_changed(turn, targets, name, &edit);
            release_times.intent_changed(turn, targets, name, &edit);
            await_ends_of(targets, turn, name);
        }
        if take_record(targets, turn, name, record) {
            protection.record_changed(turn, name);
        }
    }

    /// The clock was set forward, or read for the first time.
    pub fn clock_went_on(&mut self, turn: &mut Turn<'_>) {
        await_ends(self.targets, turn);
    }

    /// What a read or a write was answered, or that it was not: what that shows.
    pub fn answered(
        &mut self,
        turn: &mut Turn<'_>,
        call: CallId,
        result: Result<Reply<Instance>, Failure>,
    ) -> Vec<Finding<Instance>> {
        let write = self.protection.answered(turn, self.targets, call, &result)
            || self.release_times.answered(turn, self.targets, call, &result);
        if write { Vec::new() } else { self.targets.answered(turn, call, result) }
    }

    /// Takes in what a read has shown if that is how it was, and says what is left to be taken in otherwise.
    pub fn confirm(&mut self, turn: &Turn<'_>, finding: Finding<Instance>) -> Option<Finding<Instance>> {
        let (protection, release_times) = (&*self.protection, &*self.release_times);
        let busy = |id: &InstanceId| protection.busy(id) || release_times.busy(id);
        self.targets.confirm(turn, finding, busy)
    }

    /// Takes in what a read has shown.
    pub fn take(&mut self, turn: &mut Turn<'_>, finding: Finding<Instance>) {
        let Some(change) = self.targets.take(turn, finding) else { return };
        if let Change::Shown(id, before) = &change {
            auto_release::note_cancelled(turn, self.targets, self.release_times, id, before);
        }
        self.protection.heed_and_tell(turn, self.targets, &change);
        self.release_times.heed(turn, self.targets, &change);
    }

    /// Decides what is to be done about the targets of which something has changed.
    pub fn settle(&mut self, turn: &mut Turn<'_>) {
        let Self { targets, protection, release_times } = self;
        for id in targets.take_due(turn) {
            let flag_awaits = protection.verify(turn, targets, &id);
            let time_awaits = release_times.verify(turn, targets, &id);
            if !flag_awaits && !time_awaits {
                targets.reader.verified(&id);
            }
            if !flag_awaits {
                protection.reconsider(turn, targets, &id, |id, call| release_times.lets_write(id, call));
            }
            if !time_awaits {
                release_times.reconsider(turn, targets, &id, |id, call| protection.lets_write(id, call));
            }
        }
    }

    /// Lets go of targets that nobody selects any more. As long as a write or its effect may be under way, or a read that
    /// was sent before it ended, one stays.
    pub fn forget_unselected(&mut self, turn: &mut Turn<'_>) {
        let Self { targets, protection, release_times } = self;
        let calls = [targets.oldest_call(), protection.oldest_call(), release_times.oldest_call()];
        let oldest = calls.into_iter().flatten().min();
        let forgotten = targets
            .forget_unselected(|id| protection.under_way(id, oldest) || release_times.under_way(id, oldest));
        for (id, evidence) in forgotten {
            protection.forget_target(turn, &id, evidence.as_ref());
            release_times.forget_target(turn, &id, evidence.as_ref());
        }
    }

    /// Sends what may be written now.
    pub fn plan_writes(&mut self, turn: &mut Turn<'_>, window: Window, out: &mut Vec<Action>) {
        let Self { targets, protection, release_times } = self;
        let (mut flags, mut times) = (Vec::new(), Vec::new());
        let others = |id: &InstanceId, call| release_times.lets_write(id, call);
        protection.plan_writes(turn, targets, window, others, &mut flags);
        let others = |id: &InstanceId, call| protection.lets_write(id, call);
        release_times.plan_writes(turn, targets, window, others, &mut times);
        out.extend(flags.into_iter().map(|(call, write)| Action::WriteInstance(call, write)));
        out.extend(times.into_iter().map(|(call, write)| auto_release::cancel(targets, call, write)));
    }

    /// What waits to be written. As long as the cloud denies to take release times away, none does.
    pub fn pending(&self, now: Moment) -> WritesPending {
        let protection = self.protection.pending();
        if self.release_times.rests(now) { protection } else { protection.or(self.release_times.pending()) }
    }

    /// The report of an object, if there is something to say. `members`: what is known of its members of scaling groups, and
    /// what is done about them.
    pub fn report(
        &mut self,
        turn: &mut Turn<'_>,
        name: &ObjectId,
        members: (&Targets<ScalingMember>, &FlagKeeper<ProtectedFromScaleIn>),
    ) -> Option<(Generation, RegionReport)> {
        let Self { targets, protection, release_times } = self;
        let release_times = &**release_times;
        note_orphans(turn, targets, name);
        lifts::decide(turn, targets, protection, name);
        let mut refused = false;
        let report = protection.report(turn, targets, name, |view| {
            let times = release_times.view_beside(view.targets);
            let object = view.objects.get(name).filter(|o| AutoReleaseTime::holds(&o.intent));
            let scale_in =
                ScaleInReport::of(members.1.view_beside(members.0.view_beside(&view.targets)), name);
            let amend =
                |id: &InstanceId, risks: &mut Vec<Risk>| amend_risks(times, &scale_in, (name, id), risks);
            let (mut waiting, mut unprotected) = (Groups::new(), Groups::new());
            let mut scaling_groups =
                ScalingGroups { unlisted: scale_in.unlisted().is_some(), ..ScalingGroups::default() };
            let (report, cost) = judge_part(view, name, amend, |id, _, _| {
                if let Some(object) = object
                    && enforces::<AutoReleaseTime>(times.targets, object, id)
                    && let Some(reason) = pending(times, (name, object), id)
                {
                    tell_with(&mut waiting, reason, id.as_str(), || times.words(id, reason));
                }
                scale_in.tell(id, &mut unprotected);
                scale_in.count(id, &mut scaling_groups);
            });
            let exceptions = exceptions::reports(view, name);
            let (lifted, not_lifted) = lifts::reports(view, name);
            refused = !not_lifted.is_empty();
            scale_in.tell_unlisted(&mut unprotected);
            let born = view.objects.get(name).map(|object| (object.settled, object.born));
            let waited = born.is_none_or(|(settled, born)| settled || view.now.since(born) >= view.patience);
            let settled = report.settled && (waited || !awaits_evidence(&unprotected));
            join(&mut waiting, &unprotected);
            let scale_in = scale_in.progress();
            let report = RegionReport {
                settled,
                other_flags: waiting,
                scale_in,
                scaling_groups,
                exceptions,
                lifted,
                not_lifted,
                ..report
            };
            (report, cost)
        });
        if refused {
            turn.reporter.recall(turn.now.after(lifts::LOOK), name);
        }
        report
    }
}

/// What the other flags of an instance make of its risks.
pub(super) fn amend_risks(
    times: FlagView<'_, AutoReleaseTime>,
    scale_in: &ScaleInReport<'_>,
    (name, id): (&ObjectId, &InstanceId),
    risks: &mut Vec<Risk>,
) {
    let object = times.objects.get(name);
    if times.contested(id) && object.is_some_and(|object| holds::<AutoReleaseTime>(*times, object, id)) {
        risks.push(Risk { reason: Reason::Contested, detail: Some("automatic release time".into()) });
    }
    scale_in.amend(id, risks);
}
