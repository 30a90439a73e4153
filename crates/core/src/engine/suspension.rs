//! When an object steps aside for one of its targets: it has no hold on it then, and keeps none of its flags there. It does so
//! for an exception, and for a machine that Karpenter is about to release, from when status durably says so, and for a time.

use super::membership::selectors_of;
use super::object::Object;
use super::view::View;
use crate::exception::{ExceptionPhase, ExceptionRecord};
use crate::lift::{LIFTED_FOR, Lift, LiftPhase, LiftRecord, Removal};
use crate::resource::Resource;
use crate::time::Moment;
use crate::wall_clock::WallTime;

/// Whether the object steps aside for the target now; `None`: the clock was not read yet.
pub(super) fn steps_aside<R: Resource>(view: View<'_, R>, object: &Object<R>, id: &R::Id) -> Option<bool> {
    let excepted = is_ahead(view, exception_ends(view, object, id).filter(|_| !has_expired(object, id)))?;
    Some(excepted || is_ahead(view, lift_ends(object, id))?)
}

/// Until when it does; `None`: it does not, or the clock was not read yet.
pub(super) fn steps_aside_until<R: Resource>(
    view: View<'_, R>,
    object: &Object<R>,
    id: &R::Id,
) -> Option<WallTime> {
    let excepted = exception_ends(view, object, id).filter(|_| !has_expired(object, id));
    let ends = [excepted, lift_ends(object, id)].into_iter().flatten();
    ends.filter(|ends| is_ahead(view, Some(*ends)) == Some(true)).max()
}

/// Whether the object steps aside for the target now, or may, because Karpenter removes it, and not only for an exception.
pub(super) fn is_lifted<R: Resource>(view: View<'_, R>, object: &Object<R>, id: &R::Id) -> bool {
    is_ahead(view, lift_ends(object, id)) != Some(false)
}

/// Whether there is such an end, and it is yet to come; `None`: the clock was not read yet.
fn is_ahead<R: Resource>(view: View<'_, R>, ends: Option<WallTime>) -> Option<bool> {
    match ends {
        None => Some(false),
        Some(ends) => view.wall_clock.reaches_at_the_earliest(ends).map(|end| view.now < end),
    }
}

/// Whether the object stepped aside for the target at this moment, as far as is known now.
pub(super) fn stepped_aside<R: Resource>(
    view: View<'_, R>,
    object: &Object<R>,
    id: &R::Id,
    at: Moment,
) -> bool {
    let ends = [exception_ends(view, object, id), lift_ends(object, id)].into_iter().flatten();
    ends.filter_map(|ends| view.wall_clock.reaches_at_the_earliest(ends)).any(|end| at < end)
}

/// Whether status says of any object that it has stepped aside for the target.
pub(super) fn was_left<R: Resource>(view: View<'_, R>, id: &R::Id) -> bool {
    let left =
        |object: &Object<R>| object.aside.exceptions.contains_key(id) || object.aside.lifted.contains_key(id);
    selectors_of(view, id).any(|(_, object, _)| left(object))
}

/// Whether the flag was switched off for what the object steps aside for.
pub(super) fn is_carried_out<R: Resource>(object: &Object<R>, id: &R::Id) -> bool {
    is_exception_carried_out(object, id) || is_lift_carried_out(object, id)
}

/// Whether the flag is to be switched off for what the object steps aside for. It is durable when that ends.
pub(super) fn is_open<R: Resource>(view: View<'_, R>, object: &Object<R>, id: &R::Id) -> bool {
    steps_aside(view, object, id) == Some(true)
        && (is_exception_open(view, object, id) || is_lift_open(view, object, id))
}

// Exceptions.

/// When the exception of the target ends, or has; `None`: there is none. What is a target by what status says of lifts alone can't
/// come to be excepted (I14): it is protected again first. But an exception that was carried out stands until it ends, also when the
/// machine goes and its Node is gone before it.
pub(super) fn exception_ends<R: Resource>(
    view: View<'_, R>,
    object: &Object<R>,
    id: &R::Id,
) -> Option<WallTime> {
    let stands = is_exception_carried_out(object, id) || is_selected_by_spec(view, object, id);
    let asked = stands && object.intent.can_step_aside();
    let entry = object.intent.exceptions.get(id).filter(|_| asked)?;
    let record = object.aside.exceptions.get(id)?;
    Some(record.ends.min(entry.until))
}

/// Whether the spec selects the target, and not only what status says of lifts. What is not there at all is for others to tell.
fn is_selected_by_spec<R: Resource>(view: View<'_, R>, object: &Object<R>, id: &R::Id) -> bool {
    let selector = &object.intent.selector;
    // Tags that could be read once select nothing when they can't be read any more.
    let evidence = || view.inventory.evidence(id).filter(|evidence| evidence.tag_epoch >= object.tag_epoch);
    object.intent.lifts.get(id).is_none_or(|lift| lift.selected)
        || selector.ids.contains(id)
        || evidence().and_then(|evidence| R::tags(&evidence.facts)).is_some_and(|tags| selector.finds(tags))
}

/// What status says of the entry for the target as the spec has it now.
pub(super) fn exception_record<'a, R: Resource>(
    object: &'a Object<R>,
    id: &R::Id,
) -> Option<&'a ExceptionRecord> {
    let entry = object.intent.exceptions.get(id)?;
    object.aside.exceptions.get(id).filter(|record| record.until == entry.until)
}

/// Whether status says that the entry for the target has expired. Whatever a clock says later, that stays so.
pub(super) fn has_expired<R: Resource>(object: &Object<R>, id: &R::Id) -> bool {
    exception_record(object, id).is_some_and(|record| record.phase == ExceptionPhase::Expired)
}

/// Whether the flag was switched off for the entry for the target.
pub(super) fn is_exception_carried_out<R: Resource>(object: &Object<R>, id: &R::Id) -> bool {
    let Some(entry) = object.intent.exceptions.get(id) else { return false };
    exception_record(object, id).is_some_and(|record| record.carried_out)
        || object.aside.carried_out.exceptions.get(id).is_some_and(|record| record.until == entry.until)
}

/// Whether the flag is to be switched off for the entry for the target.
pub(super) fn is_exception_open<R: Resource>(view: View<'_, R>, object: &Object<R>, id: &R::Id) -> bool {
    is_exception_awaited(view, object, id) && exception_ends(view, object, id).is_some()
}

/// Whether it is, or will be as soon as the target is seen to be one that the spec selects.
pub(super) fn is_exception_awaited<R: Resource>(view: View<'_, R>, object: &Object<R>, id: &R::Id) -> bool {
    let Some(entry) = object.intent.exceptions.get(id).filter(|_| object.intent.can_step_aside()) else {
        return false;
    };
    let record = exception_record(object, id).filter(|record| record.phase != ExceptionPhase::Expired);
    let ends = record.map(|record| record.ends.min(entry.until));
    !is_exception_carried_out(object, id) && is_ahead(view, ends) == Some(true)
}

// Lifts.

/// What status says of a target for which the object has stepped aside, if the spec still asks for that, and the removal is known to
/// go on.
pub(super) fn lift_record<'a, R: Resource>(object: &'a Object<R>, id: &R::Id) -> Option<&'a LiftRecord> {
    let asked = object.intent.lift && object.intent.can_step_aside();
    let goes_on = |lift: &&Lift| matches!(lift.removal, Removal::Due | Removal::Going);
    object.intent.lifts.get(id).filter(|lift| asked && goes_on(lift))?;
    object.aside.lifted.get(id)
}

/// When the object ceases to step aside for a machine that Karpenter removes, or has; `None`: it does not. Once status says that
/// it has, that stays so, whatever a clock says later.
pub(super) fn lift_ends<R: Resource>(object: &Object<R>, id: &R::Id) -> Option<WallTime> {
    let record = lift_record(object, id).filter(|record| record.phase != LiftPhase::Expired)?;
    Some(record.since.after(LIFTED_FOR))
}

/// Whether the flag was switched off because the release of the machine was the next step.
pub(super) fn is_lift_carried_out<R: Resource>(object: &Object<R>, id: &R::Id) -> bool {
    object.aside.lifted.get(id).is_some_and(|record| {
        record.phase != LiftPhase::Waiting || object.aside.carried_out.lifts.contains_key(id)
    })
}

/// Whether the object has stepped aside in vain: the time for that is over, and Karpenter still is about to release the machine.
pub(super) fn is_lift_in_vain<R: Resource>(view: View<'_, R>, object: &Object<R>, id: &R::Id) -> bool {
    let due = object.intent.lifts.get(id).is_some_and(|lift| lift.removal == Removal::Due);
    let asked = lift_record(object, id).is_some();
    due && asked && is_lift_carried_out(object, id) && !is_lifted(view, object, id)
}

/// Whether the flag is to be switched off because the release of the machine is the next step.
pub(super) fn is_lift_open<R: Resource>(view: View<'_, R>, object: &Object<R>, id: &R::Id) -> bool {
    let due = object.intent.lifts.get(id).is_some_and(|lift| lift.removal == Removal::Due);
    let ends = lift_ends(object, id).and_then(|ends| view.wall_clock.reaches_at_the_earliest(ends));
    due && !is_lift_carried_out(object, id) && ends.is_some_and(|end| view.now < end)
}
