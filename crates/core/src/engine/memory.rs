//! What objects come to remember, and what they remember no more.

use super::flag_view::FlagView;
use super::hosts::{Host, hosts_of};
use super::membership::{Member, member, selectors_of};
use super::targets::{Before, Targets};
use super::turn::Turn;
use super::unprotect::Ended;
use crate::flag::{Flag, Id};
use crate::id::ObjectId;
use crate::reason::Reason;
use crate::resource::{Place, Resource};
use crate::retention::{MAX_GONE, Remembered};
use crate::verdict::Verdict;

/// What evidence says of a target, as far as memory is concerned.
#[derive(Debug)]
pub(super) struct Followed {
    /// The objects that select it, or may, and whether each is to remember it.
    selectors: Vec<(ObjectId, bool)>,
    /// Whether it is on its way to an instance: it was never on it, and may come back.
    on_its_way: bool,
}

/// What evidence says of a target.
pub(super) fn follow<F: Flag>(view: FlagView<'_, F>, id: &Id<F>) -> Option<Followed> {
    let evidence = view.inventory.evidence(id)?;
    let protected = matches!(view.verdict(id, view.horizon(), 0), Some(Verdict::Protected(_)));
    let selectors = selectors_of(*view, id).map(|(name, object, member)| {
        (name.clone(), protected && member == Member::Yes && object.intent.protect)
    });
    Some(Followed { selectors: selectors.collect(), on_its_way: !F::at_stake(&evidence.facts) })
}

/// What an object has come to remember, and what it has not any more, with the reason.
type Tidied<F> = (Vec<Id<F>>, Vec<(Id<F>, Reason)>);

/// What an object is to remember, and what it is to forget because its spec excludes it or has given it up.
pub(super) fn tidied<F: Flag>(view: FlagView<'_, F>, name: &ObjectId) -> Tidied<F> {
    let (mut new, mut left) = (Vec::new(), Vec::new());
    let Some(object) = view.objects.get(name) else { return (new, left) };
    let horizon = view.horizon();
    let given_up = |id: &Id<F>, verdict: Option<Verdict>| {
        let ended = view.unprotector.task(name).and_then(|task| task.ended.get(id));
        ended == Some(&Ended::Done) && matches!(verdict, Some(Verdict::Unprotected(_)))
    };
    for id in view.reach(object) {
        let verdict = view.verdict(id, horizon, 0);
        let member = member(*view, name, object, id);
        if object.memory.kept.contains_key(id) {
            let on_its_way = view
                .inventory
                .evidence(id)
                .is_some_and(|e| !matches!(F::Of::place(&e.facts), Place::Free) && !F::at_stake(&e.facts));
            if member == Member::No && on_its_way && !object.intent.selector.exclude_ids.contains(id) {
                // Whether it comes to be on an instance that is excluded has yet to be seen.
            } else if member == Member::No {
                left.push((id.clone(), Reason::Excluded));
            } else if verdict == Some(Verdict::Unknown(Reason::NotFound)) {
                // That was proven before this object came to remember it.
                left.push((id.clone(), Reason::Departed));
            } else if given_up(id, verdict) {
                left.push((id.clone(), F::UNPROTECTED));
            }
        } else if member == Member::Yes
            && object.intent.protect
            && matches!(verdict, Some(Verdict::Protected(_)))
        {
            new.push(id.clone());
        }
    }
    (new, left)
}

/// Notes what evidence says of a target.
pub(super) fn remember<R: Resource>(targets: &mut Targets<R>, turn: &Turn<'_>, id: &R::Id, seen: Followed) {
    let place = match targets.inventory.place(id) {
        Place::On(_) if seen.on_its_way => Place::Unreadable,
        place => place,
    };
    for (name, worth) in seen.selectors {
        let hosts = hosts_of(turn.hosts, &name);
        let Some(object) = targets.objects.get_mut(&name) else { continue };
        if worth && !object.memory.kept.contains_key(id) {
            object.memory.kept.insert(id.clone(), Remembered::default());
            object.memory.departed.remove(id);
            targets.index.name(&name, id);
        }
        if let Some(remembered) = object.memory.kept.get_mut(id) {
            remembered.follow(place);
            remembered.outlive(|host| hosts.and_then(|hosts| hosts.get(host)).is_some_and(Host::gone));
        }
    }
}

/// Notes which free targets of an object have outlived the instance that they were on.
pub(super) fn notice_survivors<R: Resource>(targets: &mut Targets<R>, turn: &Turn<'_>, name: &ObjectId) {
    let hosts = hosts_of(turn.hosts, name);
    let Some(object) = targets.objects.get_mut(name) else { return };
    for remembered in object.memory.kept.values_mut() {
        remembered.outlive(|host| hosts.and_then(|hosts| hosts.get(host)).is_some_and(Host::gone));
    }
}

/// An object does not remember a target any more, for this reason.
pub(super) fn depart<R: Resource>(targets: &mut Targets<R>, name: &ObjectId, id: &R::Id, reason: Reason) {
    if let Some(object) = targets.objects.get_mut(name) {
        object.memory.depart(id, reason);
        if !object.intent.selector.holds(id) {
            targets.index.unname(name, id);
        }
    }
    targets.unselect(id);
}

/// It is proven that the target is gone: nobody remembers it any more.
pub(super) fn forget_gone<R: Resource>(
    targets: &mut Targets<R>,
    turn: &mut Turn<'_>,
    id: &R::Id,
    before: &Before<R>,
) {
    for name in targets.index.naming(id).to_vec() {
        let Some(object) = targets.objects.get_mut(&name) else { continue };
        let Some(remembered) = object.memory.depart(id, Reason::Departed) else { continue };
        if let Some(evidence) = &before.evidence {
            object.memory.gone.push_back((id.clone(), remembered, evidence.facts.clone()));
            if object.memory.gone.len() > MAX_GONE {
                object.memory.gone.pop_front();
            }
        }
        // What the spec names stays in the report as not found.
        if !object.intent.selector.holds(id) {
            targets.index.unname(&name, id);
        }
        turn.context.touch(name);
    }
}
