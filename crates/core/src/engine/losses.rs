//! What each object loses: noted when it is concluded, told with the object's next report.

use std::collections::BTreeSet;

use super::care::Care;
use super::hosts::{Role, hosts_of};
use super::membership::{Member, member, member_on};
use super::object::Object;
use super::suspension::stepped_aside;
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
    (id, loss): (&R::Id, Loss),
) {
    let seen = loss.last.as_ref().map_or(turn.now, |(sight, _)| sight.at);
    let view = targets.view(turn);
    let excepted = view.objects.get(name).is_some_and(|object| stepped_aside(view, object, id, seen));
    let Some(object) = targets.objects.get_mut(name) else { return };
    let grave =
        object.intent.holds() && !excepted && loss.not_applicable.is_none() && !loss.cause.is_asked_for();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delete_on_release::DeleteOnRelease;
    use crate::engine::fixtures::{FRESH, NOW, Region, ask, eni, filter, interface, object, show, tags};
    use crate::intent::{Intent, Selector};
    use crate::interface::{Interface, InterfaceFacts};
    use crate::retention::Remembered;

    #[test]
    fn i50_a_loss_is_grave_unless_asked_for_or_of_what_was_not_kept() {
        let named = || Intent::of(Selector { ids: [eni("a")].into(), ..Selector::default() });
        let giving_up = || Intent { protect: false, ..named() };
        for (why, intent, cause, managed, grave) in [
            ("gone", named(), Cause::Gone, false, true),
            ("it left its host", named(), Cause::HostLeft, false, true),
            ("the spec excludes it", named(), Cause::TagExcluded, false, false),
            ("the spec excludes its host", named(), Cause::HostExcluded, false, false),
            ("it can't be retained", named(), Cause::Gone, true, false),
            ("it was to be given up", giving_up(), Cause::Gone, false, false),
        ] {
            let mut region = Region::new();
            ask(&mut region.interfaces, &object("o"), intent);
            let facts = InterfaceFacts { service_managed: Some(managed), ..interface(None) };
            show(&mut region.interfaces, &eni("a"), facts, FRESH);
            let evidence = region.interfaces.inventory.evidence(&eni("a"));
            let loss = loss::<DeleteOnRelease>(NOW, &eni("a"), cause, evidence, None);
            region.step(|targets, turn| record_loss(targets, turn, &object("o"), (&eni("a"), loss)));
            let losses = &region.interfaces.objects[&object("o")].losses;
            assert_eq!(losses.iter().map(|loss| loss.grave).collect::<Vec<_>>(), [grave], "{why}");
            assert!(region.context.take_touched().contains(&object("o")), "{why}");
        }
    }

    #[test]
    fn i50_who_had_a_target_is_told_by_evidence_of_this_term_or_by_memory() {
        let by_tag = Selector { tags: vec![filter("env")], ..Selector::default() };
        for (why, keys, old_term, remembered, had) in [
            ("it had the tag", &["env"][..], false, false, true),
            ("it had the tag when another led", &["env"], true, false, false),
            ("it had no tag", &[], false, false, false),
            ("remembered from another's time", &[], true, true, true),
        ] {
            let mut region = Region::new();
            ask::<Interface>(&mut region.interfaces, &object("o"), Intent::of(by_tag.clone()));
            if remembered {
                let asked = region.interfaces.objects.get_mut(&object("o")).unwrap();
                asked.memory.kept.insert(eni("a"), Remembered::default());
                region.interfaces.index.name(&object("o"), &eni("a"));
            }
            let facts = InterfaceFacts { tags: Some(tags(keys)), ..interface(None) };
            show(&mut region.interfaces, &eni("a"), facts, FRESH);
            if old_term {
                while region.context.upcoming_call().0 <= FRESH.1 {
                    region.context.number_call();
                }
                region.context.begin_term(NOW);
            }
            let evidence = region.interfaces.inventory.void(&eni("a"));
            let before = Before { evidence, tags: tags(keys), gone: None };
            let found = region.look(|view| holders(view, &eni("a"), &before));
            assert_eq!(found.contains(&object("o")), had, "{why}");
        }
    }
}
