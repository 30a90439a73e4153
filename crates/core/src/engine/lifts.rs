//! Machines that Karpenter is about to release: for which an object steps aside, what is said of them, and what is told of one that
//! is still there afterwards.

use std::time::Duration;

use super::action::ProtectionRecord;
use super::flag_keeper::FlagKeeper;
use super::flag_view::FlagView;
use super::holds::holds;
use super::membership::{Member, member_by_spec, selectors_of};
use super::object::{Aside, Object, was_lately};
use super::suspension::{
    is_carried_out, is_lift_carried_out, is_lift_in_vain, is_lift_open, is_lifted, lift_record, steps_aside,
};
use super::targets::Targets;
use super::turn::Turn;
use super::unprotect_checks::{Standing, standing};
use crate::deletion_protection::DeletionProtection;
use crate::flag::Flag as _;
use crate::id::{InstanceId, ObjectId};
use crate::instance::{Instance, KARPENTER_TAG};
use crate::intent::Intent;
use crate::lift::{Lift, LiftPhase, LiftReport, Orphan, Removal};
use crate::reason::Reason;
use crate::verdict::{Groups, State, Verdict, tell_with};

/// An object steps aside for so many machines in [`LIFTS_COUNT_FOR`](super::object::LIFTS_COUNT_FOR), or for one in twenty of the selected Nodes if that is more.
const MOST: usize = 10;

/// So soon it is looked again whether the object may step aside for what it does not now: a hold of another one may be gone.
pub(super) const LOOK: Duration = Duration::from_secs(5);

/// What is said of the machines for which an object steps aside, and of those for which it does not although Karpenter is about to
/// release them.
pub(super) fn reports(view: FlagView<'_, DeletionProtection>, name: &ObjectId) -> (Vec<LiftReport>, Groups) {
    let (mut lifted, mut refused) = (Vec::new(), Groups::new());
    let Some(object) = view.objects.get(name) else { return (lifted, refused) };
    // Also where the spec says so no more: until it is protected again.
    for (id, record) in object.aside.lifted.iter().filter(|(id, _)| stands(view, object, id)) {
        let (phase, reason) = phase(view, (name, object), id);
        let words = match reason {
            Some(Reason::NotReleased) => Some(format!("Node {}", record.node).into()),
            reason => reason.and_then(|reason| view.words(id, reason)),
        };
        let (instance, node, since) = (id.clone(), record.node.clone(), record.since);
        lifted.push(LiftReport { instance, node, since, phase, reason, words });
    }
    let Some(since) = view.wall_clock.latest_time(view.now) else { return (lifted, refused) };
    let mut begins: Vec<_> = object.aside.lifts_offered.iter().collect();
    for (id, lift, refusal) in due(view, (name, object)) {
        match refusal {
            Some(reason) => tell_with(&mut refused, reason, id.as_str(), || view.words(id, reason)),
            None => begins.push((id, &lift.node)),
        }
    }
    lifted.extend(begins.into_iter().map(|(id, node)| LiftReport {
        instance: id.clone(),
        node: node.clone(),
        since,
        phase: LiftPhase::Waiting,
        reason: Some(Reason::Unprotecting),
        words: None,
    }));
    (lifted, refused)
}

/// The machines that Karpenter is about to release and of which status does not say, nor is about to, that the object steps aside for
/// them; and why it does not. `None`: it may.
fn due<'a>(
    view: FlagView<'a, DeletionProtection>,
    (name, object): (&'a ObjectId, &'a Object<Instance>),
) -> impl Iterator<Item = (&'a InstanceId, &'a Lift, Option<Reason>)> {
    let Aside { lifted, lifts_offered, lifts_dropped, .. } = &object.aside;
    let may_begin = object.intent.lift && view.wall_clock.latest_time(view.now).is_some();
    let begins = move |(id, lift): &(&InstanceId, &Lift)| {
        let decided =
            lifted.contains_key(*id) || lifts_offered.contains_key(*id) || lifts_dropped.contains_key(*id);
        lift.removal == Removal::Due && !decided && member_by_spec(*view, name, object, id) != Member::No
    };
    let mut room = room(view, object).saturating_sub(lifts_offered.len());
    object.intent.lifts.iter().filter(move |_| may_begin).filter(begins).map(move |(id, lift)| {
        let refusal = refusal(view, (name, object), id).or((room == 0).then_some(Reason::TooManyLifts));
        room = room.saturating_sub(usize::from(refusal.is_none()));
        (id, lift, refusal)
    })
}

/// Has an object that is asked this keep the machines for which it has stepped aside and of which status says so no more, though they
/// were not dropped here: whoever takes them out of status leaves none of them unprotected. What Karpenter does with them is known
/// when status says so again.
pub(super) fn keep(object: &Object<Instance>, record: &ProtectionRecord, intent: &mut Intent<Instance>) {
    if !intent.holds() || intent.deleting.is_some() {
        return;
    }
    for (id, known) in &object.aside.lifted {
        if record.lifted.contains_key(id) || intent.lifts.contains_key(id) {
            continue;
        }
        let selected = !intent.selector.node_ids.insert(id.clone());
        let lift = Lift { node: known.node.clone(), removal: Removal::Unknown, selected };
        intent.lifts.insert(id.clone(), lift);
    }
}

/// Decides of which machines status is to say that an object steps aside for them, and of which no more. That stands until status
/// says so: were it decided anew meanwhile, status would follow what is decided and that would follow status, one step behind each
/// other and without end.
pub(super) fn decide(
    turn: &Turn<'_>,
    targets: &mut Targets<Instance>,
    protection: &FlagKeeper<DeletionProtection>,
    name: &ObjectId,
) {
    let view = protection.view(turn, targets);
    let Some(object) = view.objects.get(name) else { return };
    let ended = object.aside.lifted.keys().filter(|id| !stands(view, object, id));
    let ended: Vec<InstanceId> = ended.cloned().collect();
    let begin = due(view, (name, object)).filter(|(.., refusal)| refusal.is_none());
    let begin: Vec<_> = begin.map(|(id, lift, _)| (id.clone(), lift.node.clone())).collect();
    let Some(object) = targets.objects.get_mut(name) else { return };
    let Object { intent, aside, .. } = object;
    // Its moment may be over before status says so.
    aside.lifts_offered.retain(|id, _| {
        let removal = intent.lifts.get(id).map(|lift| lift.removal);
        matches!(removal, Some(Removal::Due | Removal::Pending | Removal::Unknown))
    });
    aside.lifts_offered.extend(begin);
    for id in ended {
        let Some((id, record)) = object.aside.lifted.remove_entry(&id) else { continue };
        object.aside.carried_out.lifts.remove(&id);
        object.aside.orphans_told.remove(&id);
        // Its other flags are kept again.
        targets.timers.insert((turn.now, id.clone()));
        object.aside.lifts_dropped.insert(id, record);
    }
}

/// Whether status goes on saying that the object has stepped aside for the target: until that is over and it is protected again, or
/// it is gone, or the object has nothing protected any more. As long as Karpenter is about to release it nevertheless, or may be, status
/// keeps it from being lifted once more.
fn stands(view: FlagView<'_, DeletionProtection>, object: &Object<Instance>, id: &InstanceId) -> bool {
    match view.verdict(id, view.told_horizon(), object.tag_epoch) {
        None => false,
        // It may be shown again.
        Some(Verdict::Unknown(Reason::NotFound)) => is_lift_in_vain(*view, object, id),
        Some(Verdict::Protected(_)) => {
            // For the lift, and not for an exception: that needs no row. Nor does what goes without having been lifted.
            let lifted = is_due(object, id) || is_lift_carried_out(object, id);
            (lifted && is_lifted(*view, object, id))
                || is_lift_in_vain(*view, object, id)
                || may_be_due_again(object, id)
        }
        Some(_) => DeletionProtection::enforces(&object.intent),
    }
}

/// Whether its release is the next step.
fn is_due(object: &Object<Instance>, id: &InstanceId) -> bool {
    object.intent.lifts.get(id).is_some_and(|lift| lift.removal == Removal::Due)
}

/// Whether the release may yet be the next step again, in the same removal.
fn may_be_due_again(object: &Object<Instance>, id: &InstanceId) -> bool {
    let lift = object.intent.lifts.get(id);
    lift.is_some_and(|lift| matches!(lift.removal, Removal::Pending | Removal::Unknown))
}

/// How far stepping aside for a target has come, and what keeps its flag from being as it should be.
fn phase(
    view: FlagView<'_, DeletionProtection>,
    (name, object): (&ObjectId, &Object<Instance>),
    id: &InstanceId,
) -> (LiftPhase, Option<Reason>) {
    let recorded = object.aside.lifted.get(id).map_or(LiftPhase::Waiting, |record| record.phase);
    let phase = if is_lift_carried_out(object, id) { recorded.max(LiftPhase::InForce) } else { recorded };
    if steps_aside(*view, object, id) == Some(false) {
        let state = view.verdict(id, view.told_horizon(), object.tag_epoch).map(Verdict::state);
        let protected = state == Some(State::Protected);
        return if protected && is_lift_in_vain(*view, object, id) {
            (LiftPhase::Expired, Some(Reason::NotReleased))
        } else if protected && may_be_due_again(object, id) {
            // What was said of it holds until more is known.
            (phase, (phase == LiftPhase::Expired).then_some(Reason::NotReleased))
        } else {
            (phase, Some(Reason::Correcting))
        };
    }
    if !is_lift_open(*view, object, id) || is_carried_out(object, id) {
        return (phase, None);
    }
    let reason = match standing(view, name, id) {
        Some(Standing::Waiting(reason)) => reason,
        Some(Standing::Ready | Standing::Ended(_)) | None => Reason::Unprotecting,
    };
    (phase, Some(reason))
}

/// For how many more machines the object may step aside now.
fn room(view: FlagView<'_, DeletionProtection>, object: &Object<Instance>) -> usize {
    let begun = object.aside.carried_out.lifts_begun.iter();
    let lately = begun.filter(|(since, _)| was_lately(view.wall_clock, view.now, *since)).count();
    MOST.max(object.intent.selector.node_ids.len() / 20).saturating_sub(lately)
}

/// Why the object does not step aside for a machine that Karpenter is about to release; `None`: it may.
fn refusal(
    view: FlagView<'_, DeletionProtection>,
    (name, object): (&ObjectId, &Object<Instance>),
    id: &InstanceId,
) -> Option<Reason> {
    if object.intent.observe {
        return Some(Reason::KarpenterOwned);
    }
    if !object.intent.may.unprotect {
        return Some(Reason::NotGranted);
    }
    // Another one that steps aside for it as well is no hold.
    let goes_along = |other: &Object<Instance>| {
        other.intent.lift
            && other.intent.can_step_aside()
            && other.intent.lifts.get(id).is_some_and(|lift| lift.removal == Removal::Due)
    };
    let held = selectors_of(*view, id).any(|(other, entry, _)| {
        other != name && holds::<DeletionProtection>(*view, entry, id) && !goes_along(entry)
    });
    if held {
        return Some(Reason::Conflict);
    }
    if view.breaker.is_open() {
        return Some(Reason::CircuitBreaker);
    }
    match view.verdict(id, view.horizon(), object.tag_epoch) {
        Some(Verdict::Protected(_) | Verdict::Unprotected(_)) => {}
        Some(Verdict::Unknown(reason) | Verdict::NotApplicable(reason)) => return Some(reason),
        Some(Verdict::Excepted(_)) | None => return Some(Reason::AwaitingEvidence),
    }
    let tags = view.inventory.evidence(id).and_then(|evidence| evidence.facts.tags.as_ref());
    let Some(tags) = tags else { return Some(Reason::FieldUnreadable) };
    (!tags.iter().any(|tag| tag.key.as_ref() == KARPENTER_TAG)).then_some(Reason::NotKarpenters)
}

/// Notes the machines of an object that are still there when it ceases to step aside for them, though their Node is gone.
pub(super) fn note_orphans(turn: &mut Turn<'_>, targets: &mut Targets<Instance>, name: &ObjectId) {
    let view = targets.view(turn);
    let Some(object) = view.objects.get(name) else { return };
    let over = |id: &InstanceId| {
        lift_record(object, id).is_some()
            && steps_aside(view, object, id) == Some(false)
            && view.inventory.evidence(id).is_some()
            && view.inventory.absence(id).is_none()
    };
    let orphaned = |id: &&InstanceId| {
        let going = object.intent.lifts.get(*id).is_some_and(|lift| lift.removal == Removal::Going);
        going && over(id) && !object.aside.orphans_told.contains(*id)
    };
    let orphans: Vec<InstanceId> = object.aside.lifted.keys().filter(orphaned).cloned().collect();
    let Some(object) = targets.objects.get_mut(name) else { return };
    for instance in orphans {
        let Some(record) = object.aside.lifted.get(&instance) else { continue };
        object.orphans.push(Orphan { instance: instance.clone(), node: record.node.clone() });
        object.aside.orphans_told.insert(instance);
    }
}
