//! What each object loses: noted when it is concluded, told with the object's next report.

use std::collections::BTreeSet;

use super::care::Care;
use super::hosts::{Role, hosts_of};
use super::membership::{Member, member, member_on};
use super::object::Object;
use super::targets::{Before, Targets};
use super::turn::Turn;
use super::view::View;
use crate::evidence::Evidence;
use crate::flag::{Applicability, Flag, Id};
use crate::id::{InstanceId, ObjectId};
use crate::loss::{Cause, GATHERS, Loss, Sight};
use crate::resource::{Place, Resource};
use crate::time::Moment;

/// The loss of a target. `evidence`: what was seen last, of this term.
pub(super) fn loss<F: Flag>(
    now: Moment,
    id: &Id<F>,
    cause: Cause,
    evidence: Option<&Evidence<F::Of>>,
    care: Option<&Care>,
) -> Loss {
    let not_applicable = evidence.and_then(|e| match F::applicability(&e.facts) {
        Applicability::No(reason) => Some(reason),
        Applicability::Yes | Applicability::Unreadable => None,
    });
    let settled = care.and_then(|care| care.trouble.as_ref()).filter(|t| t.refused_for_good::<F>());
    let protected = evidence.filter(|e| F::protected(&e.facts) == Some(true)).map(Sight::of);
    Loss {
        id: id.to_string().into(),
        cause,
        noted: now,
        grave: false,
        not_applicable: not_applicable.or(settled.map(|_| F::REFUSAL.settled)),
        last: evidence.map(|e| (Sight::of(e), F::protected(&e.facts))),
        last_protected: protected.or_else(|| care.and_then(|care| care.last_protected.as_deref().cloned())),
    }
}

/// Notes what an object has lost.
pub(super) fn record_loss<R: Resource>(
    targets: &mut Targets<R>,
    turn: &mut Turn<'_>,
    name: &ObjectId,
    loss: Loss,
) {
    let Some(object) = targets.objects.get_mut(name) else { return };
    let grave = object.intent.holds() && loss.not_applicable.is_none() && !loss.cause.is_asked_for();
    object.losses.push(Loss { grave, ..loss });
    turn.context.touch(name.clone());
}

/// Whether what an object has lost is not to be told yet, because the sweep that shows it goes on: what loses its tag
/// together is told together.
pub(super) fn gathers_losses<R: Resource>(view: View<'_, R>, object: &Object<R>) -> bool {
    let young = object.losses.first().is_some_and(|loss| view.now.since(loss.noted) < GATHERS);
    young && view.reader.sweeping() && object.losses.iter().all(|loss| loss.cause != Cause::Gone)
}

/// The objects that had the target, as far as evidence of this lead tells. What went before that is known by number
/// alone: whoever led then has told of it.
pub(super) fn holders<R: Resource>(view: View<'_, R>, id: &R::Id, before: &Before<R>) -> Vec<ObjectId> {
    let evidence = before.evidence.as_ref();
    let seen = evidence.filter(|evidence| evidence.call >= view.term.since);
    let candidates = view.index.candidates(id, &before.tags, before.place());
    let objects = candidates.into_iter().filter_map(|name| view.objects.get_key_value(name));
    let had = objects.filter(|(name, object)| {
        let remembered = object.memory.kept.contains_key(id);
        let selector = &object.intent.selector;
        let has = || match member_on(view, name, object, (id, evidence)) {
            Member::Yes => true,
            Member::No => false,
            Member::Unclear(_) => {
                let current = seen.is_some_and(|e| e.tag_epoch >= object.tag_epoch);
                let by_tag = selector.tags_match(&before.tags) && !selector.tags_exclude(&before.tags);
                selector.names(id) || remembered || (current && by_tag)
            }
        };
        !object.intent.enumerates && (seen.is_some() || remembered) && has()
    });
    had.map(|(name, _)| name.clone()).collect()
}

/// Those of the targets that an object has because of a host, or had when that was known last, and does not remember.
pub(super) fn had_through_host<R: Resource>(
    view: View<'_, R>,
    name: &ObjectId,
    host: &InstanceId,
    there: &BTreeSet<R::Id>,
) -> BTreeSet<R::Id> {
    let Some(object) = view.objects.get(name) else { return BTreeSet::new() };
    let selected = hosts_of(view.hosts, name).is_some_and(|hosts| hosts.selected_last(host));
    let has = |id: &&R::Id| {
        !object.memory.kept.contains_key(*id)
            && view.evidence_of_term(id).is_some()
            && view.reaches(name, id)
            && match member(view, name, object, id) {
                Member::Yes => true,
                Member::No => false,
                Member::Unclear(_) => selected && view.inventory.place(id) == Place::On(host),
            }
    };
    there.iter().filter(has).cloned().collect()
}

/// Those of the targets that an object had and that it has lost because of their host, and how.
pub(super) fn unhosted<R: Resource>(
    view: View<'_, R>,
    name: &ObjectId,
    had: &BTreeSet<R::Id>,
) -> Vec<(R::Id, Cause)> {
    let Some(object) = view.objects.get(name) else { return Vec::new() };
    // Of an instance that nobody asks after any more it is not known whether it is excluded: what is on it has left.
    let left = |id: &&R::Id| !view.reaches(name, id) || member(view, name, object, id) == Member::No;
    let excluded = |id: &R::Id| {
        let host = view.inventory.place(id).instance();
        host.and_then(|host| hosts_of(view.hosts, name)?.role(host)) == Some(Role::Excluded)
    };
    let cause = |id| if excluded(id) { Cause::HostExcluded } else { Cause::HostLeft };
    had.iter().filter(left).map(|id| (id.clone(), cause(id))).collect()
}
