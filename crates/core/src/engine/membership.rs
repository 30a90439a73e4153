//! Whether an object selects a target: by its spec, by its memory, or because of the instance that the target is on.

use super::hosts::{Hosts, Presence, Role, hosts_of};
use super::object::Object;
use super::view::View;
use crate::evidence::Evidence;
use crate::id::{InstanceId, ObjectId};
use crate::reason::Reason;
use crate::resource::{Place, Resource};
use crate::time::Moment;

/// Whether an object selects a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Yes,
    No,
    /// It is named, or was selected when last seen, but what would tell is not known.
    Unclear(Reason),
}

/// Whether an object selects a target, by its spec or by its memory.
pub(super) fn member<R: Resource>(
    view: View<'_, R>,
    name: &ObjectId,
    object: &Object<R>,
    id: &R::Id,
) -> Member {
    member_on(view, name, object, (id, view.inventory.evidence(id)))
}

/// Whether an object selects a target by its spec. What status says may keep a flag protected, but is no reason to unprotect
/// one (I14).
pub(super) fn member_by_spec<R: Resource>(
    view: View<'_, R>,
    name: &ObjectId,
    object: &Object<R>,
    id: &R::Id,
) -> Member {
    member_of(view, name, object, (id, view.inventory.evidence(id)), false)
}

/// Whether an object selects a target on this evidence.
pub(super) fn member_on<R: Resource>(
    view: View<'_, R>,
    name: &ObjectId,
    object: &Object<R>,
    (id, evidence): (&R::Id, Option<&Evidence<R>>),
) -> Member {
    member_of(view, name, object, (id, evidence), object.memory.kept.contains_key(id))
}

fn member_of<R: Resource>(
    view: View<'_, R>,
    name: &ObjectId,
    object: &Object<R>,
    (id, evidence): (&R::Id, Option<&Evidence<R>>),
    remembered: bool,
) -> Member {
    let (listed_by, hosts) = (view.index.listed_by(id), || hosts_of(view.hosts, name));
    member_of_object(object, (id, evidence), view.horizon(), remembered, listed_by, hosts)
}

/// The objects that select the target, or may.
pub(super) fn selectors_of<'a, R: Resource>(
    view: View<'a, R>,
    id: &'a R::Id,
) -> impl Iterator<Item = (&'a ObjectId, &'a Object<R>, Member)> {
    let place = view.inventory.place(id);
    view.index.candidates(id, view.known_tags(id), place).into_iter().filter_map(move |object| {
        let entry = view.objects.get(object)?;
        let member = member(view, object, entry, id);
        (member != Member::No).then_some((object, entry, member))
    })
}

/// Whether somebody waits for this target: an object that selects it was just changed.
pub(super) fn is_hot<R: Resource>(view: View<'_, R>, id: &R::Id) -> bool {
    selectors_of(view, id).any(|(_, object, _)| object.hot(view.now))
}

/// Why the list of the object's targets may not be complete.
pub(super) fn unlisted<R: Resource>(view: View<'_, R>, name: &ObjectId) -> Option<Reason> {
    hosts_of(view.hosts, name).and_then(Hosts::unlisted).or_else(|| view.unlisted(name))
}

/// Whether it selects the target, as far as evidence tells. What is named is not left out on evidence from before
/// the horizon; what comes by tag is, for then the listing does not count as complete either. `remembered`: it is
/// named by the object's memory. `listed_by`: the instances whose own list holds it. `hosts`: those of the object.
fn member_of_object<'a, R: Resource>(
    object: &Object<R>,
    (id, evidence): (&R::Id, Option<&Evidence<R>>),
    horizon: Moment,
    remembered: bool,
    listed_by: &[InstanceId],
    hosts: impl Fn() -> Option<Hosts<'a>>,
) -> Member {
    let selector = &object.intent.selector;
    if selector.exclude_ids.contains(id) {
        return Member::No;
    }
    let certain = selector.names(id) || remembered;
    let excludes_hosts =
        object.intent.hosts.as_ref().is_some_and(|o| !o.exclude_ids.is_empty() || !o.exclude_tags.is_empty());
    if certain && selector.exclude_tags.is_empty() && !excludes_hosts {
        return Member::Yes;
    }
    let Some(evidence) = evidence.filter(|e| e.tag_epoch >= object.tag_epoch) else {
        return Member::Unclear(Reason::AwaitingEvidence);
    };
    if certain && evidence.seen < horizon {
        return Member::Unclear(Reason::EvidenceStale);
    }
    let Some(tags) = R::tags(&evidence.facts) else {
        return Member::Unclear(Reason::FieldUnreadable);
    };
    // What left the instance, or lost the tag, before that was excluded is not excluded.
    let outdated = remembered && evidence.call < object.exclusion_since;
    let unless_outdated = |said| if outdated { Member::Unclear(Reason::AwaitingEvidence) } else { said };
    if selector.tags_exclude(tags) {
        return unless_outdated(Member::No);
    }
    if excludes_hosts && let Some(other) = excluded_there(object, evidence, remembered, &hosts) {
        return unless_outdated(other);
    }
    if certain || selector.finds(tags) {
        return Member::Yes;
    }
    member_through_host(object, evidence, listed_by, &hosts)
}

/// Whether the target is left alone because of the instance that it is on; `None`: it is not.
fn excluded_there<'a, R: Resource>(
    object: &Object<R>,
    evidence: &Evidence<R>,
    remembered: bool,
    hosts: &impl Fn() -> Option<Hosts<'a>>,
) -> Option<Member> {
    let asked = object.intent.hosts.as_deref()?;
    let instance = match R::place(&evidence.facts) {
        Place::Free => return None,
        Place::Unreadable => return Some(Member::Unclear(Reason::FieldUnreadable)),
        Place::On(instance) => instance,
    };
    if asked.exclude_ids.contains(instance) {
        return Some(Member::No);
    }
    if asked.exclude_tags.is_empty() {
        return None;
    }
    let host = hosts().and_then(|hosts| hosts.get(instance));
    match host.map(|host| (host.role, host.presence_below(evidence.seen))) {
        Some((Role::Excluded, _)) => Some(Member::No),
        // Its tags are not known any more. What was remembered when it went had not been excluded by them; anything else
        // is read again before it is taken for a target.
        Some((_, Presence::Gone(_))) => (!remembered).then_some(Member::Unclear(Reason::ListsDisagree)),
        // One that was asked after, and has not been read, may have tags that exclude it.
        Some((Role::Unclear(reason), _) | (Role::Watched, Presence::Unknown(reason))) => {
            Some(Member::Unclear(reason))
        }
        Some((Role::Selected | Role::Watched, _)) => None,
        None => Some(Member::Unclear(Reason::AwaitingEvidence)),
    }
}

/// Whether the target is selected because of the instance that it is on. The two lists of the cloud have to agree
/// about that; where they don't, it may be.
fn member_through_host<'a, R: Resource>(
    object: &Object<R>,
    evidence: &Evidence<R>,
    listed_by: &[InstanceId],
    hosts: &impl Fn() -> Option<Hosts<'a>>,
) -> Member {
    if object.intent.hosts.is_none() {
        return Member::No;
    }
    let Some(hosts) = hosts() else { return Member::Unclear(Reason::AwaitingListing) };
    let by_type = |role| match (R::of_types(&evidence.facts, object.intent.types), role) {
        (Some(false), _) => Member::No,
        (_, Role::Unclear(reason)) => Member::Unclear(reason),
        (None, _) => Member::Unclear(Reason::FieldUnreadable),
        (Some(true), _) => Member::Yes,
    };
    let wanted = |instance: &InstanceId| hosts.role(instance).filter(|role| role.selects());
    let place = R::place(&evidence.facts);
    if let Some(role) = place.instance().and_then(wanted) {
        return by_type(role);
    }
    match listed_by.iter().find_map(wanted) {
        None => Member::No,
        Some(role) if R::unlisted(&evidence.facts) => by_type(role),
        Some(_) if R::of_types(&evidence.facts, object.intent.types) == Some(false) => Member::No,
        Some(_) if place == Place::Unreadable => Member::Unclear(Reason::FieldUnreadable),
        Some(_) => Member::Unclear(Reason::ListsDisagree),
    }
}
