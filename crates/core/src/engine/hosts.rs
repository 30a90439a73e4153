//! What is known of the instances that targets are on, for one object.

use super::Extension;
use super::objects::Object;
use super::view::View;
use crate::id::InstanceId;
use crate::kind::Place;
use crate::owners::{Owner, Presence, Role};
use crate::reason::Reason;
use crate::time::Moment;

/// Whether the cloud refuses to be asked for an id that nobody has typed: a Node stands for it.
pub(super) fn is_no_id<K: Extension>(view: View<'_, K>, object: &Object<K>, id: &K::Id) -> bool {
    let absence = view.inventory.absence(id);
    absence.is_some_and(|absence| absence.refused) && object.intent.selector.only_node_names(id)
}

/// Whether the target is on an instance of which nobody has told yet.
pub(super) fn is_on_unheard<K: Extension>(view: View<'_, K>, object: &Object<K>, id: &K::Id) -> bool {
    let place = view.inventory.place(id).instance();
    place.is_some_and(|on| object.roster.as_ref().is_none_or(|roster| !roster.owners.contains_key(on)))
}

/// Whether a selected instance lists the target although it is not there, or the one that it is on does not list it.
pub(super) fn lists_disagree<K: Extension>(
    view: View<'_, K>,
    object: &Object<K>,
    id: &K::Id,
    place: Option<&InstanceId>,
) -> bool {
    let lists = |instance: &InstanceId| {
        let owner = object.roster.as_ref()?.owners.get(instance).filter(|o| o.role == Role::Selected)?;
        let listed = K::listed(&owner.shown()?.surroundings);
        Some(listed.is_some_and(|listed| listed.contains(id)))
    };
    let elsewhere = view.index.listed_by(id).iter().filter(|instance| Some(*instance) != place);
    place.and_then(lists) == Some(false) || elsewhere.into_iter().any(|other| lists(other) == Some(true))
}

/// The instances of which it is not known what is on them. One that is gone, and left something behind, is no riddle.
pub(super) fn doubtful_owners<'a, K: Extension>(
    view: View<'a, K>,
    object: &'a Object<K>,
) -> impl Iterator<Item = (&'a InstanceId, Reason)> {
    let roster = object.roster.iter().filter(|_| object.intent.owners.is_some());
    let left_behind = |instance: &InstanceId| {
        object
            .memory
            .kept
            .values()
            .any(|r| r.before.as_ref() == Some(instance) || r.on.as_ref() == Some(instance))
    };
    // Where the cloud refuses everything, it is not the id.
    let answered = object.roster.as_ref().is_some_and(|r| r.words_for(Reason::RequestRefused).is_none());
    let is_no_id = move |owner: &Owner| answered && owner.behind_node && !owner.named;
    roster.flat_map(|roster| roster.selected()).filter_map(move |(instance, owner)| {
        let doubt = match (presence_of(view, instance, owner), owner.role) {
            (Presence::Unknown(Reason::RequestRefused), _) if is_no_id(owner) => Some(Reason::NodeIdRefused),
            (Presence::Unknown(reason), _) => Some(*reason),
            (Presence::Shown(_), Role::Unclear(reason)) => Some(reason),
            (Presence::Shown(shown), _) => {
                K::listed(&shown.surroundings).is_none().then_some(Reason::FieldUnreadable)
            }
            (Presence::Gone(_), _) if left_behind(instance) => None,
            (Presence::Gone(_), _) if owner.named => Some(Reason::NotFound),
            (Presence::Gone(_), _) => owner.behind_node.then_some(Reason::NodeInstanceGone),
        };
        doubt.map(|reason| (instance, reason))
    })
}

/// When something was last seen on an instance.
pub(super) fn seen_on<K: Extension>(view: View<'_, K>, instance: &InstanceId) -> Option<Moment> {
    let there = view.index.on(instance).filter_map(|id| view.inventory.evidence(id));
    let there = there.filter(|evidence| K::place(&evidence.facts) == Place::On(instance));
    there.map(|evidence| evidence.seen).max()
}

/// What is known of an instance of an object's, in the light of what was seen on it.
pub(super) fn presence_of<'a, K: Extension>(
    view: View<'_, K>,
    instance: &InstanceId,
    owner: &'a Owner,
) -> &'a Presence {
    let seen = if owner.gone() { seen_on(view, instance) } else { None };
    owner.presence_below(seen.unwrap_or_default())
}

/// Whether an instance of an object's is gone, and it has yet to be seen what has become of something on it.
pub(super) fn bereaved<K: Extension>(view: View<'_, K>, object: &Object<K>) -> bool {
    let mut owners = object.roster.iter().flat_map(|roster| &roster.owners);
    owners.any(|(instance, owner)| owner.gone() && seen_on(view, instance).is_some())
}
