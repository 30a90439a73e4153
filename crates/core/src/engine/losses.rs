//! What each object loses: noted when it is concluded, told with the object's next report.

use std::collections::BTreeSet;

use super::Engine;
use super::hosts::Role;
use super::objects::{Member, Object};
use super::turn::Turn;
use super::view::View;
use crate::evidence::Evidence;
use crate::flag::{Applicability, Flag, Id};
use crate::id::ObjectId;
use crate::loss::{Cause, GATHERS, Loss, Sight};
use crate::resource::Resource;

impl Sight {
    /// The look that this evidence is of.
    pub(super) fn of<R: Resource>(evidence: &Evidence<R>) -> Self {
        Self { at: evidence.seen, request_id: evidence.request_id.clone() }
    }
}

impl<F: Flag> Engine<F> {
    /// It is proven that the target is gone. Called before what was known of it is void.
    pub(super) fn note_gone(&mut self, turn: &mut Turn<'_>, id: &Id<F>) {
        for name in holders(self.view(turn), id) {
            self.note_loss(turn, &name, id, Cause::Gone);
        }
    }

    /// New evidence shows other tags. Those of its holders that it has left have lost it; what an object remembers leaves
    /// with a reason of its own.
    pub(super) fn note_left(&mut self, turn: &mut Turn<'_>, id: &Id<F>, holders: &[ObjectId]) {
        for name in holders {
            let Some(object) = self.objects.get(name) else { continue };
            if object.memory.kept.contains_key(id) || self.view(turn).member(name, object, id) != Member::No {
                continue;
            }
            let excluded = object.intent.selector.tags_exclude(self.view(turn).known_tags(id));
            let cause = if excluded { Cause::TagExcluded } else { Cause::TagLost };
            self.note_loss(turn, name, id, cause);
        }
    }

    /// Hosts of an object have changed. Those of its targets that were selected because of theirs, and are no more, are lost.
    pub(super) fn note_unhosted(&mut self, turn: &mut Turn<'_>, name: &ObjectId, had: &BTreeSet<Id<F>>) {
        let view = self.view(turn);
        let Some(object) = self.objects.get(name).filter(|_| !had.is_empty()) else { return };
        // Of an instance that nobody asks after any more it is not known whether it is excluded: what is on it has left.
        let left = |id: &&Id<F>| !view.reaches(name, id) || view.member(name, object, id) == Member::No;
        let excluded = |id: &Id<F>| {
            let host = self.inventory.place(id).instance();
            host.and_then(|host| view.hosts_of(name)?.role(host)) == Some(Role::Excluded)
        };
        let cause = |id| if excluded(id) { Cause::HostExcluded } else { Cause::HostLeft };
        let lost: Vec<(&Id<F>, Cause)> = had.iter().filter(left).map(|id| (id, cause(id))).collect();
        for (id, cause) in lost {
            self.note_loss(turn, name, id, cause);
        }
    }

    pub(super) fn note_loss(&mut self, turn: &mut Turn<'_>, name: &ObjectId, id: &Id<F>, cause: Cause) {
        let evidence = self.view(turn).evidence_of_term(id);
        let not_applicable = evidence.and_then(|e| match F::applicability(&e.facts) {
            Applicability::No(reason) => Some(reason),
            Applicability::Yes | Applicability::Unreadable => None,
        });
        let care = self.view(turn).care(id);
        let settled = care.and_then(|care| care.trouble.as_ref()).filter(|t| t.refused_for_good::<F>());
        let not_applicable = not_applicable.or(settled.map(|_| F::REFUSAL.settled));
        let protected = evidence.filter(|e| F::protected(&e.facts) == Some(true)).map(Sight::of);
        let loss = Loss {
            id: id.to_string().into(),
            cause,
            noted: turn.now,
            grave: false,
            not_applicable,
            last: evidence.map(|e| (Sight::of(e), F::protected(&e.facts))),
            last_protected: protected
                .or_else(|| care.and_then(|care| care.last_protected.as_deref().cloned())),
        };
        let Some(object) = self.objects.get_mut(name) else { return };
        let grave = object.intent.holds() && not_applicable.is_none() && !cause.is_asked_for();
        object.losses.push(Loss { grave, ..loss });
        turn.context.touch(name.clone());
    }
}

/// Whether what an object has lost is not to be told yet, because the sweep that shows it goes on: what loses its tag
/// together is told together.
pub(super) fn gathers_losses<F: Flag>(view: View<'_, F>, object: &Object<F::Of>) -> bool {
    let young = object.losses.first().is_some_and(|loss| view.now.since(loss.noted) < GATHERS);
    young && view.reader.sweeping() && object.losses.iter().all(|loss| loss.cause != Cause::Gone)
}

/// The objects that have the target, as far as evidence of this lead tells. What went before that is known by number
/// alone: whoever led then has told of it.
pub(super) fn holders<F: Flag>(view: View<'_, F>, id: &Id<F>) -> Vec<ObjectId> {
    let seen = view.evidence_of_term(id).is_some();
    let has = |object: &Object<F::Of>, member| {
        let remembered = object.memory.kept.contains_key(id);
        !object.intent.enumerates && (seen || remembered) && has(view, object, id, member)
    };
    let selectors = view.selectors_of(id).filter(|(_, object, member)| has(object, *member));
    selectors.map(|(name, ..)| name.clone()).collect()
}

/// Whether the target was one of the object's when it was last known what is.
pub(super) fn has<F: Flag>(view: View<'_, F>, object: &Object<F::Of>, id: &Id<F>, member: Member) -> bool {
    let selector = &object.intent.selector;
    match member {
        Member::Yes => true,
        Member::No => false,
        Member::Unclear(_) => {
            let tags = view.known_tags(id);
            let current = view.evidence_of_term(id).is_some_and(|e| e.tag_epoch >= object.tag_epoch);
            selector.names(id)
                || object.memory.kept.contains_key(id)
                || (current && selector.tags_match(tags) && !selector.tags_exclude(tags))
        }
    }
}

/// Those of the targets that an object has, and does not remember.
pub(super) fn had_through_host<F: Flag>(
    view: View<'_, F>,
    name: &ObjectId,
    there: &BTreeSet<Id<F>>,
) -> Vec<Id<F>> {
    let Some(object) = view.objects.get(name) else { return Vec::new() };
    let has = |id: &&Id<F>| {
        !object.memory.kept.contains_key(*id)
            && view.evidence_of_term(id).is_some()
            && view.reaches(name, id)
            && view.member(name, object, id) == Member::Yes
    };
    there.iter().filter(has).cloned().collect()
}
