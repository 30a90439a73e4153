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
    let excludes_hosts = object.intent.excludes_hosts();
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
    if excludes_hosts && let Some(other) = excluded_there(object, evidence, remembered, listed_by, &hosts) {
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
    listed_by: &[InstanceId],
    hosts: &impl Fn() -> Option<Hosts<'a>>,
) -> Option<Member> {
    let asked = object.intent.hosts.as_deref()?;
    let instance = match R::place(&evidence.facts) {
        Place::Free => return None,
        // The cloud withholds it: the instance's own list tells.
        Place::Unreadable if R::unlisted(&evidence.facts) => listed_by.first()?,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixtures::{
        FRESH, NOW, Region, STALE, ask, at, eni, filter, host, instance, interface, object, prove_gone, show,
        tags,
    };
    use crate::id::CallId;
    use crate::instance::Instance;
    use crate::intent::{Intent, Selector};
    use crate::interface::{Interface, InterfaceFacts, InterfaceStatus, InterfaceType};
    use crate::resource::Types;
    use crate::retention::Remembered;
    use Member::{No, Unclear, Yes};

    const NAMED: bool = true;

    /// What the interface a is to an object with this intent, in a region that is prepared like this.
    fn membership(intent: Intent<Interface>, prepare: impl FnOnce(&mut Region)) -> Member {
        let mut region = Region::new();
        if let Some(hosts) = intent.hosts.as_deref() {
            ask(&mut region.instances, &object("o"), Intent::enumerating(hosts.clone()));
        }
        ask(&mut region.interfaces, &object("o"), intent);
        prepare(&mut region);
        region.look(|view| member(view, &object("o"), &view.objects[&object("o")], &eni("a")))
    }

    fn remember(region: &mut Region) {
        let asked = region.interfaces.objects.get_mut(&object("o")).unwrap();
        asked.memory.kept.insert(eni("a"), Remembered::default());
    }

    fn by(selector: Selector<Interface>) -> Intent<Interface> {
        Intent::of(selector)
    }

    fn naming() -> Selector<Interface> {
        Selector { ids: [eni("a")].into(), ..Selector::default() }
    }

    /// Interfaces on instances that this selects, and with `named` the interface a itself.
    fn through(hosts: Selector<Instance>, named: bool) -> Intent<Interface> {
        let selector = if named { naming() } else { Selector::default() };
        Intent { hosts: Some(Box::new(hosts)), ..Intent::of(selector) }
    }

    fn tagged(keys: Option<&[&str]>) -> InterfaceFacts {
        InterfaceFacts { tags: keys.map(tags), ..interface(None) }
    }

    #[test]
    fn i04_what_is_named_is_a_target_unless_something_excludes_it() {
        let no_tag = || Selector { exclude_tags: vec![filter("skip")], ..naming() };
        let no_id = || Selector { exclude_ids: [eni("a")].into(), ..naming() };
        let free: Option<&[&str]> = Some(&[]);
        let skip: Option<&[&str]> = Some(&["skip"]);
        for (why, selector, seen, expected) in [
            ("nothing is known", naming(), None, Yes),
            ("stale", naming(), Some((skip, STALE)), Yes),
            ("excluded by id", no_id(), Some((free, FRESH)), No),
            ("nothing is known, a tag may exclude", no_tag(), None, Unclear(Reason::AwaitingEvidence)),
            ("it had no such tag", no_tag(), Some((free, STALE)), Unclear(Reason::EvidenceStale)),
            ("it had such a tag", no_tag(), Some((skip, STALE)), Unclear(Reason::EvidenceStale)),
            ("tags unreadable", no_tag(), Some((None, FRESH)), Unclear(Reason::FieldUnreadable)),
            ("no such tag", no_tag(), Some((free, FRESH)), Yes),
            ("such a tag", no_tag(), Some((skip, FRESH)), No),
        ] {
            let seen = seen.map(|(keys, read)| (tagged(keys), read));
            let found = membership(by(selector), |region| {
                if let Some((facts, read)) = seen {
                    show(&mut region.interfaces, &eni("a"), facts, read);
                }
            });
            assert_eq!(found, expected, "{why}");
        }
    }

    #[test]
    fn i19_what_is_remembered_leaves_only_by_what_was_seen_since_the_exclusion() {
        let excluding = || by(Selector { exclude_tags: vec![filter("skip")], ..Selector::default() });
        let excluding_it = || by(Selector { exclude_ids: [eni("a")].into(), ..Selector::default() });
        for (why, intent, keys, since, expected) in [
            ("selected by nothing", by(Selector::default()), &[][..], 1, Yes),
            ("excluded by id", excluding_it(), &[], 51, No),
            ("the tag was seen after the exclusion", excluding(), &["skip"], 50, No),
            ("it was seen before", excluding(), &["skip"], 51, Unclear(Reason::AwaitingEvidence)),
            ("it had no such tag even before", excluding(), &[], 51, Yes),
        ] {
            let found = membership(intent, |region| {
                remember(region);
                show(&mut region.interfaces, &eni("a"), tagged(Some(keys)), FRESH);
                let asked = region.interfaces.objects.get_mut(&object("o")).unwrap();
                asked.exclusion_since = CallId(since);
            });
            assert_eq!(found, expected, "{why}");
        }
    }

    #[test]
    fn i06_a_tag_selects_only_if_it_was_kept_and_can_be_read() {
        let by_tags = |keys: &[&str]| Selector::<Interface> {
            tags: keys.iter().map(|key| filter(key)).collect(),
            exclude_tags: vec![filter("skip")],
            ..Selector::default()
        };
        let no_id = |to: Selector<Interface>| Selector { exclude_ids: [eni("a")].into(), ..to };
        for (why, selector, keys, expected) in [
            ("the tag", by_tags(&["env"]), Some(&["env"][..]), Yes),
            ("one of two", by_tags(&["env", "team"]), Some(&["env"]), No),
            ("no tag", by_tags(&["env"]), Some(&[]), No),
            ("the tag, and one that excludes", by_tags(&["env"]), Some(&["env", "skip"]), No),
            ("tags unreadable", by_tags(&["env"]), None, Unclear(Reason::FieldUnreadable)),
            ("the tag, excluded by id", no_id(by_tags(&["env"])), Some(&["env"]), No),
            ("everything", Selector { all: true, ..Selector::default() }, Some(&[]), Yes),
        ] {
            let found = membership(by(selector), |region| {
                show(&mut region.interfaces, &eni("a"), tagged(keys), FRESH);
            });
            assert_eq!(found, expected, "{why}");
        }
        let not_kept = membership(by(by_tags(&["env"])), |region| {
            show(&mut region.interfaces, &eni("a"), tagged(Some(&[])), FRESH);
            region.interfaces.objects.get_mut(&object("o")).unwrap().tag_epoch += 1;
        });
        assert_eq!(not_kept, Unclear(Reason::AwaitingEvidence), "read before its tag was kept");
    }

    #[test]
    fn i21_an_interface_is_a_target_through_its_host_if_both_lists_say_so() {
        let on = |place: Option<&str>, change: fn(&mut InterfaceFacts)| {
            let mut facts = interface(place);
            change(&mut facts);
            facts
        };
        let plain: fn(&mut InterfaceFacts) = |_| {};
        let nowhere: fn(&mut InterfaceFacts) = |facts| facts.instance = None;
        let trunk: fn(&mut InterfaceFacts) = |facts| {
            (facts.instance, facts.interface_type) = (None, Some(InterfaceType::Trunk));
        };
        let untyped: fn(&mut InterfaceFacts) = |facts| facts.interface_type = None;
        let primary: fn(&mut InterfaceFacts) = |facts| facts.interface_type = Some(InterfaceType::Primary);
        let attaching: fn(&mut InterfaceFacts) = |facts| facts.status = Some(InterfaceStatus::Attaching);
        for (why, facts, listed_by, expected) in [
            ("on a selected one", on(Some("sel"), plain), "", Yes),
            ("on its way to a selected one", on(Some("sel"), attaching), "", Yes),
            ("on one that may be", on(Some("old"), plain), "", Unclear(Reason::EvidenceStale)),
            ("on one that is only watched", on(Some("eye"), plain), "", No),
            ("on another one", on(Some("else"), plain), "", No),
            ("free", on(None, plain), "", No),
            ("free, and listed", on(None, plain), "sel", Unclear(Reason::ListsDisagree)),
            ("on another one, and listed", on(Some("else"), plain), "sel", Unclear(Reason::ListsDisagree)),
            ("free, and listed by one that is only watched", on(None, plain), "eye", No),
            ("somewhere, and listed", on(None, nowhere), "sel", Unclear(Reason::FieldUnreadable)),
            ("a trunk somewhere, and listed", on(None, trunk), "sel", Yes),
            ("a trunk, listed by one that may be", on(None, trunk), "old", Unclear(Reason::EvidenceStale)),
            ("of no readable type", on(Some("sel"), untyped), "", Unclear(Reason::FieldUnreadable)),
            ("of a type that is not meant", on(Some("sel"), primary), "", No),
            ("of a type that is not meant, on one that may be", on(Some("old"), primary), "", No),
            ("free, of a type that is not meant, and listed", on(None, primary), "sel", No),
        ] {
            let hosts =
                Selector { tags: vec![filter("env")], watch: [host("eye")].into(), ..Selector::default() };
            let secondary = Types { primary: false, secondary: true };
            let found = membership(Intent { types: secondary, ..through(hosts, !NAMED) }, |region| {
                show(&mut region.instances, &host("sel"), instance(&["env"], &[]), FRESH);
                show(&mut region.instances, &host("old"), instance(&["env"], &[]), STALE);
                show(&mut region.instances, &host("eye"), instance(&[], &[]), FRESH);
                show(&mut region.interfaces, &eni("a"), facts, FRESH);
                if !listed_by.is_empty() {
                    let (by, listed) = (InstanceId::new(format!("i-{listed_by}")), [eni("a")]);
                    region.interfaces.index.add_host(&object("o"), &by, &listed, CallId(1));
                }
            });
            assert_eq!(found, expected, "{why}");
        }
        let unasked = membership(through(Selector::default(), !NAMED), |region| {
            region.instances.objects.clear();
            show(&mut region.interfaces, &eni("a"), interface(Some("sel")), FRESH);
        });
        assert_eq!(unasked, Unclear(Reason::AwaitingListing), "nothing is asked of instances yet");
    }

    #[test]
    fn i09_what_is_on_an_excluded_host_is_left_alone_though_it_is_named() {
        let hosts = || Selector {
            exclude_ids: [host("id")].into(),
            exclude_tags: vec![filter("skip")],
            watch: ["tag", "free", "unread", "gone"].map(host).into(),
            ..Selector::default()
        };
        // Seen in the last case after it was proven that the host is gone.
        for (place, seen, named, remembered) in [
            (Some("id"), FRESH, No, No),
            (Some("tag"), FRESH, No, No),
            (Some("free"), FRESH, Yes, Yes),
            (None, FRESH, Yes, Yes),
            (Some("unread"), FRESH, Unclear(Reason::AwaitingEvidence), Unclear(Reason::AwaitingEvidence)),
            (Some("unasked"), FRESH, Unclear(Reason::AwaitingEvidence), Unclear(Reason::AwaitingEvidence)),
            (Some("gone"), (979, 50), Unclear(Reason::ListsDisagree), Yes),
            (Some("gone"), (980, 50), Unclear(Reason::ListsDisagree), Unclear(Reason::ListsDisagree)),
        ] {
            for (by_name, expected) in [(true, named), (false, remembered)] {
                let found = membership(through(hosts(), by_name), |region| {
                    if !by_name {
                        remember(region);
                        region.interfaces.objects.get_mut(&object("o")).unwrap().exclusion_since = CallId(1);
                    }
                    show(&mut region.instances, &host("tag"), instance(&["skip"], &[]), FRESH);
                    show(&mut region.instances, &host("free"), instance(&[], &[]), FRESH);
                    prove_gone(&mut region.instances, &host("gone"), 980);
                    show(&mut region.interfaces, &eni("a"), interface(place), seen);
                });
                assert_eq!(found, expected, "{place:?}, named: {by_name}");
            }
        }
        let somewhere = membership(through(hosts(), NAMED), |region| {
            let facts = InterfaceFacts { instance: None, ..interface(None) };
            show(&mut region.interfaces, &eni("a"), facts, FRESH);
        });
        assert_eq!(somewhere, Unclear(Reason::FieldUnreadable), "nobody can tell where it is");
    }

    #[test]
    fn i14_what_only_status_remembers_is_no_target_by_spec() {
        let mut region = Region::new();
        ask(&mut region.interfaces, &object("o"), by(Selector::default()));
        remember(&mut region);
        show(&mut region.interfaces, &eni("a"), interface(None), FRESH);
        let by_spec =
            |view: View<'_, _>| member_by_spec(view, &object("o"), &view.objects[&object("o")], &eni("a"));
        assert_eq!(region.look(by_spec), No);
    }

    #[test]
    fn i39_somebody_waits_for_a_target_only_while_who_selects_it_is_hot() {
        let mut region = Region::new();
        let other = Selector { ids: [eni("b")].into(), ..Selector::default() };
        ask(&mut region.interfaces, &object("o"), by(naming()));
        ask(&mut region.interfaces, &object("p"), by(other)).hot_until = Some(at(1001));
        assert!(!region.look(|view| is_hot(view, &eni("a"))), "who selects it is not hot");
        region.interfaces.objects.get_mut(&object("o")).unwrap().hot_until = Some(NOW);
        assert!(!region.look(|view| is_hot(view, &eni("a"))), "not any more");
        region.interfaces.objects.get_mut(&object("o")).unwrap().hot_until = Some(at(1001));
        assert!(region.look(|view| is_hot(view, &eni("a"))));
    }
}
