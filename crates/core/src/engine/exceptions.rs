//! What status says durably of the targets for which an object steps aside, what becomes of that with time, and what is said of
//! its exceptions.

use super::action::ProtectionRecord;
use super::flag_view::FlagView;
use super::holds::held_by_other;
use super::membership::{Member, member_by_spec, unlisted};
use super::object::{Aside, LIFTS_COUNT_FOR, Object, was_lately};
use super::suspension::{exception_record, has_expired, is_exception_carried_out};
use super::targets::Targets;
use super::turn::Turn;
use super::unprotect_checks::{Standing, standing};
use crate::deletion_protection::DeletionProtection;
use crate::exception::{Exception, ExceptionPhase, ExceptionReport, LONGEST};
use crate::id::{InstanceId, ObjectId};
use crate::instance::Instance;
use crate::lift::{LIFTED_FOR, LiftRecords};
use crate::reason::Reason;
use crate::wall_clock::WallTime;

/// Takes in what an object's status says durably. Whether that is something else than before.
pub(super) fn take_record(
    targets: &mut Targets<Instance>,
    turn: &mut Turn<'_>,
    name: &ObjectId,
    mut record: ProtectionRecord,
) -> bool {
    let clock = turn.context.wall_clock();
    if let Some(now) = clock.time(turn.now) {
        // Whoever writes into status can't lengthen anything beyond what it could have been from now on (I14).
        for record in record.exceptions.values_mut() {
            record.ends = record.ends.min(now.after(LONGEST));
        }
    }
    if let Some(latest) = clock.latest_time(turn.now) {
        for record in record.lifted.values_mut() {
            record.since = record.since.min(latest);
        }
    }
    let Some(object) = targets.objects.get_mut(name) else { return false };
    let ProtectionRecord { mut exceptions, lifted } = record.clone();
    // What was known stays as long as the spec has the entry, whoever takes it out of status; and what was known to end earlier does.
    for (id, known) in &object.aside.exceptions {
        let entry = object.intent.exceptions.get(id).filter(|entry| entry.until == known.until);
        if entry.is_some() && !exceptions.contains_key(id) {
            exceptions.insert(id.clone(), *known);
        }
    }
    for (id, record) in &mut exceptions {
        let known = object.aside.exceptions.get(id).filter(|known| known.until == record.until);
        record.ends = known.map_or(record.ends, |known| record.ends.min(known.ends));
        record.carried_out |= known.is_some_and(|known| known.carried_out);
    }
    // What it has dropped is on its way out of status, however often that is read until then.
    let (dropped, mut lifted): (LiftRecords, LiftRecords) =
        lifted.into_iter().partition(|(id, _)| object.aside.lifts_dropped.contains_key(id));
    if dropped.len() < object.aside.lifts_dropped.len() {
        // It may step aside for them anew.
        turn.context.touch(name.clone());
    }
    object.aside.lifts_dropped = dropped;
    if turn.context.window().is_some() {
        // The rest of what was known stays, whoever takes it out of status.
        for (id, known) in &object.aside.lifted {
            lifted.entry(id.clone()).or_insert_with(|| known.clone());
        }
    }
    object.aside.carried_out.lifts.retain(|id, _| lifted.contains_key(id));
    object.aside.lifts_offered.retain(|id, _| !lifted.contains_key(id));
    for (id, record) in &mut lifted {
        if let Some(known) = object.aside.lifted.get(id) {
            record.since = record.since.min(known.since);
            record.phase = record.phase.max(known.phase);
        }
    }
    if (&exceptions, &lifted) != (&record.exceptions, &record.lifted) {
        // Status says what is not so.
        turn.context.touch(name.clone());
    }
    if object.aside.exceptions == exceptions && object.aside.lifted == lifted {
        return false;
    }
    let begun = &mut object.aside.carried_out.lifts_begun;
    begun.extend(lifted.iter().map(|(id, record)| (record.since, id.clone())));
    begun.retain(|(since, _)| was_lately(clock, turn.now, *since));
    object.aside.orphans_told.retain(|id| lifted.contains_key(id));
    let concerned = object.aside.exceptions.keys().chain(object.aside.lifted.keys());
    let concerned = concerned.chain(exceptions.keys()).chain(lifted.keys());
    // What it has stepped aside for, and what it no longer does, is decided anew; the rest when it ends.
    targets.timers.extend(concerned.map(|id| (turn.now, id.clone())));
    (object.aside.exceptions, object.aside.lifted) = (exceptions, lifted);
    turn.context.touch(name.clone());
    await_ends_of(targets, turn, name);
    true
}

/// The clock was set forward, or read for the first time: what ends by it ends earlier than was thought.
pub(super) fn await_ends(targets: &mut Targets<Instance>, turn: &mut Turn<'_>) {
    let waits = |object: &Object<Instance>| {
        let Aside { lifted, carried_out, .. } = &object.aside;
        !(object.intent.exceptions.is_empty() && lifted.is_empty() && carried_out.lifts_begun.is_empty())
    };
    let objects = targets.objects.iter().filter(|(_, object)| waits(object));
    let names: Vec<ObjectId> = objects.map(|(name, _)| name.clone()).collect();
    for name in names {
        await_ends_of(targets, turn, &name);
    }
}

/// Has the targets for which an object steps aside looked at when that ends.
pub(super) fn await_ends_of(targets: &mut Targets<Instance>, turn: &mut Turn<'_>, name: &ObjectId) {
    let Some(object) = targets.objects.get(name) else { return };
    let clock = turn.context.wall_clock();
    let excepted = object.intent.exceptions.iter().map(|(id, entry)| {
        let recorded = object.aside.exceptions.get(id).map_or(entry.until, |record| record.ends);
        (id, recorded.min(entry.until))
    });
    let lifted = object.aside.lifted.iter().map(|(id, record)| (id, record.since.after(LIFTED_FOR)));
    for (since, _) in &object.aside.carried_out.lifts_begun {
        if let Some(at) = clock.reaches(since.after(LIFTS_COUNT_FOR)) {
            turn.reporter.recall(at.max(turn.now), name);
        }
    }
    for (id, ends) in excepted.chain(lifted) {
        let Some(at) = clock.reaches_at_the_earliest(ends) else { continue };
        targets.timers.insert((at.max(turn.now), id.clone()));
        // Also of what it does not select any more.
        turn.reporter.recall(at, name);
    }
}

/// What is said of the entries of an object.
pub(super) fn reports(view: FlagView<'_, DeletionProtection>, name: &ObjectId) -> Vec<ExceptionReport> {
    let Some(object) = view.objects.get(name).filter(|object| object.intent.protect) else {
        return Vec::new();
    };
    let report = |(id, entry): (&InstanceId, &Exception)| {
        let longest = || view.wall_clock.time(view.now).map_or(entry.until, |now| now.after(LONGEST));
        let ends = exception_record(object, id).map_or_else(longest, |record| record.ends).min(entry.until);
        let (phase, reason) = phase(view, (name, object), id, ends);
        let words = reason.and_then(|reason| view.words(id, reason));
        let (until, carried_out) = (entry.until, is_exception_carried_out(object, id));
        ExceptionReport { instance: id.clone(), until, ends, phase, carried_out, reason, words }
    };
    object.intent.exceptions.iter().map(report).collect()
}

fn phase(
    view: FlagView<'_, DeletionProtection>,
    (name, object): (&ObjectId, &Object<Instance>),
    id: &InstanceId,
    ends: WallTime,
) -> (ExceptionPhase, Option<Reason>) {
    let over = || view.wall_clock.reaches_at_the_earliest(ends).is_some_and(|end| end <= view.now);
    let selected = view.reaches(name, id) && member_by_spec(*view, name, object, id) != Member::No;
    let carried_out = is_exception_carried_out(object, id);
    if has_expired(object, id) || over() {
        (ExceptionPhase::Expired, None)
    } else if carried_out && object.intent.can_step_aside() {
        // Also of what is not selected any more: it is not to be done again when it comes back.
        let held = selected && held_by_other::<DeletionProtection>(*view, id, name);
        (ExceptionPhase::InForce, held.then_some(Reason::Conflict))
    } else if !selected {
        // It may be selected by a tag that nobody has seen yet.
        match unlisted(*view, name) {
            Some(reason) => (ExceptionPhase::Waiting, Some(reason)),
            None => (ExceptionPhase::NotSelected, None),
        }
    } else if !object.intent.may.unprotect {
        (ExceptionPhase::Void, Some(Reason::NotGranted))
    } else if object.intent.observe {
        (ExceptionPhase::Void, None)
    } else {
        let reason = match standing(view, name, id) {
            Some(Standing::Waiting(reason)) => reason,
            Some(Standing::Ready | Standing::Ended(_)) | None => Reason::Unprotecting,
        };
        (ExceptionPhase::Waiting, Some(reason))
    }
}
