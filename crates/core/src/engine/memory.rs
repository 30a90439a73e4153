//! What objects come to remember, and what they remember no more.

use super::flag_view::FlagView;
use super::hosts::{Host, hosts_of};
use super::membership::{Member, member, selectors_of};
use super::targets::{Before, Targets};
use super::turn::Turn;
use super::unprotect::Ended;
use crate::flag::{Flag, Id, MainFlag};
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
pub(super) fn tidied<F: MainFlag>(view: FlagView<'_, F>, name: &ObjectId) -> Tidied<F> {
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
pub(super) fn remember<R: Resource>(targets: &mut Targets<R>, id: &R::Id, seen: Followed) {
    let place = match targets.inventory.place(id) {
        Place::On(_) if seen.on_its_way => Place::Unreadable,
        place => place,
    };
    for (name, worth) in seen.selectors {
        let Some(object) = targets.objects.get_mut(&name) else { continue };
        if worth && !object.memory.kept.contains_key(id) {
            object.memory.kept.insert(id.clone(), Remembered::default());
            object.memory.departed.remove(id);
            targets.index.name(&name, id);
        }
        if let Some(remembered) = object.memory.kept.get_mut(id) {
            remembered.follow(place);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixtures::{FRESH, Region, ask, eni, host, interface, object, prove_gone, show};
    use crate::intent::{Intent, Selector};
    use crate::interface::Interface;

    /// The object o asks after the instance a, and names the interface a.
    fn region() -> Region {
        let mut region = Region::new();
        let hosts = Selector { ids: [host("a")].into(), ..Selector::default() };
        let named = Selector { ids: [eni("a")].into(), ..Selector::default() };
        ask(&mut region.instances, &object("o"), Intent::enumerating(hosts));
        ask::<Interface>(&mut region.interfaces, &object("o"), Intent::of(named));
        region
    }

    fn see(region: &mut Region, name: &str, worth: bool, on_its_way: bool) -> Option<Remembered> {
        let seen = Followed { selectors: vec![(object("o"), worth)], on_its_way };
        region.step(|targets, _| remember(targets, &eni(name), seen));
        region.interfaces.objects[&object("o")].memory.kept.get(&eni(name)).cloned()
    }

    #[test]
    fn i19_what_was_remembered_once_is_followed_though_it_is_worth_it_no_more() {
        let mut region = region();
        show(&mut region.interfaces, &eni("b"), interface(Some("a")), FRESH);
        assert_eq!(see(&mut region, "b", false, false), None);
        assert_eq!(see(&mut region, "b", true, false).unwrap().on, Some(host("a")));
        assert_eq!(region.interfaces.index.naming(&eni("b")), [object("o")]);
        show(&mut region.interfaces, &eni("b"), interface(Some("b")), FRESH);
        assert_eq!(see(&mut region, "b", false, true).unwrap().on, Some(host("a")), "it is on its way");
        assert_eq!(see(&mut region, "b", false, false).unwrap().before, Some(host("a")));
    }

    #[test]
    fn i19_a_free_interface_survives_its_host_whichever_is_learned_first() {
        for host_first in [true, false] {
            let mut region = region();
            show(&mut region.interfaces, &eni("a"), interface(Some("a")), FRESH);
            see(&mut region, "a", true, false);
            if host_first {
                prove_gone(&mut region.instances, &host("a"), 990);
                assert!(!see(&mut region, "a", true, false).unwrap().survived, "it was seen on it last");
            }
            show(&mut region.interfaces, &eni("a"), interface(None), FRESH);
            see(&mut region, "a", true, false);
            let survived = |region: &mut Region| {
                region.step(|targets, turn| notice_survivors(targets, turn, &object("o")));
                region.interfaces.objects[&object("o")].memory.kept[&eni("a")].survived
            };
            assert_eq!(survived(&mut region), host_first);
            prove_gone(&mut region.instances, &host("a"), 990);
            assert!(survived(&mut region));
        }
    }

    #[test]
    fn i36_i50_what_is_gone_is_told_of_as_last_seen_the_last_twenty_of_them() {
        let mut region = region();
        for nth in 0..=MAX_GONE {
            let name = if nth == 0 { "a".to_owned() } else { nth.to_string() };
            show(&mut region.interfaces, &eni(&name), interface(Some("a")), FRESH);
            see(&mut region, &name, true, false);
            let evidence = region.interfaces.inventory.void(&eni(&name));
            let before = Before { evidence, tags: Vec::new(), gone: None };
            region.step(|targets, turn| forget_gone(targets, turn, &eni(&name), &before));
            let named = !region.interfaces.index.naming(&eni(&name)).is_empty();
            assert_eq!(named, nth == 0, "what the spec names stays in the report: {name}");
        }
        let memory = &region.interfaces.objects[&object("o")].memory;
        assert_eq!((memory.kept.len(), memory.gone.len()), (0, MAX_GONE));
        assert!(memory.gone.iter().all(|(id, remembered, _)| *id != eni("a") && remembered.on.is_some()));
        assert_eq!(memory.departed[&eni("a")].reason, Reason::Departed);
        assert!(region.context.take_touched().contains(&object("o")));
    }
}
