//! The instances that targets are on, as the selectors of one object see them.

use super::object::Object;
use super::view::View;
use crate::id::{InstanceId, ObjectId};
use crate::instance::{Instance, InstanceFacts};
use crate::pace::Fits;
use crate::reason::Reason;
use crate::resource::{HostFacts, Place, Resource};
use crate::surroundings::Surroundings;
use crate::time::Moment;

/// What an object's selectors make of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Its interfaces are selected.
    Selected,
    /// Whether they are can't be told, for this reason.
    Unclear(Reason),
    /// Whatever is on it is left alone.
    Excluded,
    /// Not selected; it was asked after because something of the object is or was on it, or is to be.
    Watched,
}

impl Role {
    /// Whether the interfaces on it are, or may be, selected.
    pub fn selects(self) -> bool {
        matches!(self, Self::Selected | Self::Unclear(_))
    }
}

/// What is known of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence<'a> {
    /// Fresh evidence shows it.
    Shown(Shown<'a>),
    /// It is proven that the cloud knows no such instance, since then.
    Gone(Moment),
    /// We can't tell.
    Unknown(Reason),
}

impl Presence<'_> {
    /// Whether it has yet to be read for the first time.
    fn awaited(self) -> bool {
        matches!(self, Self::Unknown(Reason::AwaitingEvidence | Reason::AwaitingListing))
    }

    /// Whether it is not known for want of an answer, whatever the reason for that.
    fn unheard(self) -> bool {
        matches!(self, Self::Unknown(reason) if !answered(reason))
    }
}

/// Whether the cloud has answered, and that is why something is not known.
fn answered(reason: Reason) -> bool {
    matches!(
        reason,
        Reason::Missing
            | Reason::NotFound
            | Reason::FieldUnreadable
            | Reason::ListingUnreadable
            | Reason::NothingVisible
    )
}

/// Stands for what nobody asks for.
static NOTHING: Surroundings = Surroundings { interfaces: None, zone_id: None, vpc_id: None, power: None };

/// An instance as fresh evidence shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown<'a> {
    pub facts: &'a InstanceFacts,
    pub surroundings: &'a Surroundings,
}

impl<'a> Shown<'a> {
    /// The same, to whoever looks for what is on it.
    pub fn as_host(self, id: &'a InstanceId) -> HostFacts<'a> {
        HostFacts { id, tags: Instance::tags(self.facts), surroundings: self.surroundings }
    }
}

/// An instance, as one object sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Host<'a> {
    /// What the object's selectors make of it.
    pub role: Role,
    /// Whether the object names it by id.
    pub named: bool,
    /// Whether a selected Node stands for it.
    pub behind_node: bool,
    /// What is known of it.
    pub presence: Presence<'a>,
}

impl<'a> Host<'a> {
    /// Whether it is proven that the cloud knows no such instance.
    pub fn gone(self) -> bool {
        matches!(self.presence, Presence::Gone(_))
    }

    /// What is known of it, when a network interface was seen on it at this moment. Nothing is on an instance that is gone:
    /// what is seen there after that was proven says that the instance is only hidden from us.
    pub fn presence_below(self, seen: Moment) -> Presence<'a> {
        match self.presence {
            Presence::Gone(since) if seen >= since => Presence::Unknown(Reason::ListsDisagree),
            known => known,
        }
    }
}

/// The hosts of one object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hosts<'a> {
    view: &'a View<'a, Instance>,
    name: &'a ObjectId,
    /// What it asks of instances.
    asks: &'a Object<Instance>,
}

impl<'a> Hosts<'a> {
    /// The hosts of an object; `None`: it asks after none.
    pub fn of(view: &'a View<'a, Instance>, name: &ObjectId) -> Option<Self> {
        let (name, asks) =
            view.objects.get_key_value(name).filter(|(_, asks)| asks.intent.asks_for_hosted())?;
        Some(Self { view, name, asks })
    }

    /// An instance; `None`: the object has nothing to do with it.
    pub fn get(self, id: &InstanceId) -> Option<Host<'a>> {
        let selector = &self.asks.intent.selector;
        let role = self.role(id)?;
        let (named, behind_node) = (selector.ids.contains(id), selector.node_ids.contains(id));
        Some(Host { role, named, behind_node, presence: self.presence(id) })
    }

    /// All instances that the object has to do with.
    pub fn iter(self) -> impl Iterator<Item = (&'a InstanceId, Host<'a>)> {
        self.view.reach(self.asks).filter_map(move |id| Some((id, self.get(id)?)))
    }

    /// Those whose interfaces are, or may be, selected.
    pub fn selected(self) -> impl Iterator<Item = (&'a InstanceId, Host<'a>)> {
        self.iter().filter(|(_, host)| host.role.selects())
    }

    /// What the object's selectors make of an instance; `None`: nothing.
    pub fn role(self, id: &InstanceId) -> Option<Role> {
        let selector = &self.asks.intent.selector;
        if selector.exclude_ids.contains(id) {
            return Some(Role::Excluded);
        }
        let named = selector.names(id);
        let watched = || selector.watch.contains(id).then_some(Role::Watched);
        let evidence = self.view.inventory.evidence(id);
        let current = evidence.filter(|e| e.tag_epoch >= self.asks.tag_epoch);
        let fresh = current.filter(|e| e.seen >= self.view.horizon());
        let tags = current.and_then(|e| Instance::tags(&e.facts));
        if let Some(tags) = tags.filter(|_| fresh.is_some()) {
            return if selector.tags_exclude(tags) {
                Some(Role::Excluded)
            } else if named || selector.finds(tags) {
                Some(Role::Selected)
            } else {
                watched()
            };
        }
        let why = match (fresh, current) {
            (Some(_), _) => Reason::FieldUnreadable,
            (None, Some(_)) => Reason::EvidenceStale,
            (None, None) => Reason::AwaitingEvidence,
        };
        let unclear = || Some(Role::Unclear(self.view.why_unread(why)));
        // What would tell is not known, and so it is as it was when its tags were read last.
        let was = || match tags {
            Some(tags) => selector.finds(tags) || selector.tags_exclude(tags),
            None => (selector.all && evidence.is_some()) || self.view.index.carries(selector, id),
        };
        match named {
            true if selector.exclude_tags.is_empty() => Some(Role::Selected),
            true => unclear(),
            false if was() => unclear(),
            false => watched(),
        }
    }

    /// Whether its interfaces were selected when its tags were read last, in this term.
    pub fn selected_last(self, id: &InstanceId) -> bool {
        let (selector, tags) = (&self.asks.intent.selector, self.view.known_tags(id));
        let current = self.view.evidence_of_term(id).is_some_and(|e| e.tag_epoch >= self.asks.tag_epoch);
        current
            && !selector.exclude_ids.contains(id)
            && (selector.names(id) || selector.finds(tags))
            && !selector.tags_exclude(tags)
    }

    fn presence(self, id: &InstanceId) -> Presence<'a> {
        let unknown = |reason| Presence::Unknown(self.view.why_unread(reason));
        let Some(target) = self.view.inventory.get(id) else { return unknown(Reason::AwaitingEvidence) };
        if let Some(absence) = target.absence.as_deref() {
            return match absence.reason() {
                Reason::NotFound => Presence::Gone(absence.proven.unwrap_or_default()),
                reason => unknown(reason),
            };
        }
        let evidence = target.evidence.as_ref().filter(|e| e.tag_epoch >= self.asks.tag_epoch);
        // What is on instances is kept for those that ask for it.
        let unasked = (!self.asks.intent.enumerates).then_some(&NOTHING);
        let kept = |facts: &'a InstanceFacts| facts.surroundings.as_deref().or(unasked);
        match evidence.map(|e| (e.seen >= self.view.horizon(), &e.facts, kept(&e.facts))) {
            Some((true, facts, Some(surroundings))) => Presence::Shown(Shown { facts, surroundings }),
            Some((false, ..)) => unknown(Reason::EvidenceStale),
            Some((true, _, None)) | None => unknown(Reason::AwaitingEvidence),
        }
    }

    /// Why there may be selected ones that are not known.
    pub fn unlisted(self) -> Option<Reason> {
        self.view.unlisted(self.name)
    }

    /// What the cloud said, if this is why instances can't be read.
    pub fn words_for(self, reason: Reason) -> Option<&'a str> {
        self.view.words_of_reads(reason)
    }

    /// Calls a minute that the cloud lets through, where throttling is why something is not known.
    pub fn fits(self) -> Fits {
        let throttled = |reason| reason == Reason::Throttled;
        let lacks = self.unlisted().is_some_and(throttled)
            || self.view.lagging().is_some_and(throttled)
            || self.iter().any(|(_, host)| host.presence == Presence::Unknown(Reason::Throttled));
        if lacks { self.view.fits() } else { Fits::default() }
    }

    /// What is still open about them.
    pub fn openness(self) -> Openness {
        let unlisted = self.unlisted();
        let mut open = Openness {
            hosts: 0,
            awaits: unlisted.is_some_and(|reason| Presence::Unknown(reason).awaited()),
            misses: false,
            unheard: unlisted.is_some_and(|reason| !answered(reason)),
            lagging: None,
        };
        // What is proven to be gone needs no fresh evidence.
        let mut fresh = self.asks.needs_listing();
        for (_, host) in self.iter() {
            open.hosts += 1;
            open.awaits |= host.presence.awaited();
            open.misses |= host.presence == Presence::Unknown(Reason::Missing);
            open.unheard |= host.presence.unheard();
            fresh |= !host.gone();
        }
        open.lagging = self.view.lagging().filter(|_| fresh);
        open
    }
}

/// What is still open about an object's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Openness {
    /// How many there are.
    pub hosts: u64,
    /// Some have yet to be read for the first time.
    pub awaits: bool,
    /// Some were missing when they were looked up, and are to be looked up again.
    pub misses: bool,
    /// Some are not known for want of an answer.
    pub unheard: bool,
    /// Why nothing positive is to be said although all of them are known: they are looked at too seldom.
    pub lagging: Option<Reason>,
}

/// The hosts of an object; `None`: it asks after none, or its targets have no hosts.
pub(super) fn hosts_of<'a>(instances: Option<&'a View<'a, Instance>>, name: &ObjectId) -> Option<Hosts<'a>> {
    Hosts::of(instances?, name)
}

/// Whether the cloud refuses to be asked for an id that nobody has typed: a Node stands for it.
pub(super) fn is_no_id<R: Resource>(view: View<'_, R>, object: &Object<R>, id: &R::Id) -> bool {
    object.intent.selector.only_node_names(id)
        && view.inventory.absence(id).is_some_and(|absence| absence.refused)
}

/// Whether a selected instance lists the target although it is not there, or the one that it is on does not list it.
pub(super) fn lists_disagree<R: Resource>(
    view: View<'_, R>,
    name: &ObjectId,
    id: &R::Id,
    place: Option<&InstanceId>,
) -> bool {
    let lists = |instance: &InstanceId| {
        let host = hosts_of(view.hosts, name)?.get(instance).filter(|host| host.role == Role::Selected)?;
        let Presence::Shown(shown) = host.presence else { return None };
        Some(R::listed(shown.as_host(instance)).is_some_and(|listed| listed.contains(id)))
    };
    let elsewhere = view.index.listed_by(id).iter().filter(|instance| Some(*instance) != place);
    place.and_then(lists) == Some(false) || elsewhere.into_iter().any(|other| lists(other) == Some(true))
}

/// The instances of which it is not known what is on them. One that is gone, and left something behind, is no riddle.
pub(super) fn doubtful_hosts<'a, R: Resource>(
    view: View<'a, R>,
    name: &ObjectId,
    object: &'a Object<R>,
) -> impl Iterator<Item = (&'a InstanceId, Reason)> {
    let hosts = hosts_of(view.hosts, name).filter(|_| object.intent.hosts.is_some());
    let left_behind = |instance: &InstanceId| {
        object
            .memory
            .kept
            .values()
            .any(|r| r.before.as_ref() == Some(instance) || r.on.as_ref() == Some(instance))
    };
    // Where the cloud refuses everything, it is not the id.
    let answered = hosts.is_some_and(|hosts| hosts.words_for(Reason::RequestRefused).is_none());
    let is_no_id = move |host: Host<'_>| answered && host.behind_node && !host.named;
    hosts.into_iter().flat_map(Hosts::selected).filter_map(move |(instance, host)| {
        let doubt = match (presence_of(view, instance, host), host.role) {
            (Presence::Unknown(Reason::RequestRefused), _) if is_no_id(host) => Some(Reason::NodeIdRefused),
            (Presence::Unknown(reason), _) | (Presence::Shown(_), Role::Unclear(reason)) => Some(reason),
            (Presence::Shown(shown), _) => {
                R::listed(shown.as_host(instance)).is_none().then_some(Reason::FieldUnreadable)
            }
            (Presence::Gone(_), _) if left_behind(instance) => None,
            (Presence::Gone(_), _) if host.named => Some(Reason::NotFound),
            (Presence::Gone(_), _) => host.behind_node.then_some(Reason::NodeInstanceGone),
        };
        doubt.map(|reason| (instance, reason))
    })
}

/// When something was last seen on an instance.
fn seen_on<R: Resource>(view: View<'_, R>, instance: &InstanceId) -> Option<Moment> {
    let there = view.index.on(instance).filter_map(|id| view.inventory.evidence(id));
    let there = there.filter(|evidence| R::place(&evidence.facts) == Place::On(instance));
    there.map(|evidence| evidence.seen).max()
}

/// What is known of a host, in the light of what was seen on it.
pub(super) fn presence_of<'a, R: Resource>(
    view: View<'_, R>,
    instance: &InstanceId,
    host: Host<'a>,
) -> Presence<'a> {
    let seen = if host.gone() { seen_on(view, instance) } else { None };
    host.presence_below(seen.unwrap_or_default())
}

/// Whether a host of an object's is gone, and it has yet to be seen what has become of something on it.
pub(super) fn bereaved<R: Resource>(view: View<'_, R>, name: &ObjectId) -> bool {
    let mut hosts = hosts_of(view.hosts, name).into_iter().flat_map(Hosts::iter);
    hosts.any(|(instance, host)| host.gone() && seen_on(view, instance).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixtures::{
        FRESH, NOW, Region, STALE, ask, at, eni, filter, host, instance, interface, object, prove_gone, show,
        tags,
    };
    use crate::id::CallId;
    use crate::instance::{Instance, InstanceFacts};
    use crate::intent::{Intent, Selector};
    use crate::retention::Remembered;

    /// A region in which an object asks after these instances, and for what is on them.
    fn asking(hosts: Selector<Instance>) -> Region {
        let mut region = Region::new();
        let intent = Intent { hosts: Some(Box::new(hosts.clone())), ..Intent::of(Selector::default()) };
        ask(&mut region.instances, &object("o"), Intent::enumerating(hosts));
        ask(&mut region.interfaces, &object("o"), intent);
        region
    }

    fn naming(name: &str) -> Selector<Instance> {
        Selector { ids: [host(name)].into(), ..Selector::default() }
    }

    fn in_hosts<T>(region: &Region, look: impl FnOnce(Hosts<'_>) -> T) -> T {
        region.look_at_hosts(|view| look(Hosts::of(view, &object("o")).unwrap()))
    }

    #[test]
    fn i06_the_role_of_an_instance_by_selector_and_evidence() {
        use Role::{Excluded, Selected, Unclear, Watched};
        let named = || naming("a");
        let by_node = || Selector { node_ids: [host("a")].into(), ..Selector::default() };
        let watched = || Selector { watch: [host("a")].into(), ..Selector::default() };
        let no_id = |to: Selector<Instance>| Selector { exclude_ids: [host("a")].into(), ..to };
        let no_tag = |to: Selector<Instance>| Selector { exclude_tags: vec![filter("skip")], ..to };
        let by_tag = || Selector { tags: vec![filter("env")], ..Selector::default() };
        let all = || Selector { all: true, ..Selector::default() };
        let stale = Some(Unclear(Reason::EvidenceStale));
        let awaiting = Some(Unclear(Reason::AwaitingEvidence));
        let unreadable = Some(Unclear(Reason::FieldUnreadable));
        for (why, selector, seen, expected) in [
            ("named, not read", named(), None, Some(Selected)),
            ("behind a Node, not read", by_node(), None, Some(Selected)),
            ("excluded by id", no_id(named()), None, Some(Excluded)),
            ("a tag may exclude, not read", no_tag(named()), None, awaiting),
            ("a tag may exclude, stale", no_tag(named()), Some((Some(&[][..]), STALE)), stale),
            ("a tag may exclude, unreadable", no_tag(named()), Some((None, FRESH)), unreadable),
            ("a tag excludes", no_tag(named()), Some((Some(&["skip"]), FRESH)), Some(Excluded)),
            ("no tag excludes", no_tag(named()), Some((Some(&[]), FRESH)), Some(Selected)),
            ("by tag", by_tag(), Some((Some(&["env"]), FRESH)), Some(Selected)),
            ("by tag, and excluded", no_tag(by_tag()), Some((Some(&["env", "skip"]), FRESH)), Some(Excluded)),
            ("by tag, stale", by_tag(), Some((Some(&["env"]), STALE)), stale),
            ("excluded, stale", no_tag(by_tag()), Some((Some(&["skip"]), STALE)), stale),
            ("other tags", by_tag(), Some((Some(&[]), FRESH)), None),
            ("other tags, stale", by_tag(), Some((Some(&[]), STALE)), None),
            ("everything, not shown", all(), None, None),
            ("everything", all(), Some((Some(&[]), FRESH)), Some(Selected)),
            ("everything, and excluded", no_tag(all()), Some((Some(&["skip"]), FRESH)), Some(Excluded)),
            ("everything, stale", all(), Some((Some(&[]), STALE)), stale),
            ("everything, unreadable", all(), Some((None, FRESH)), unreadable),
            ("by tag, not read", by_tag(), None, None),
            ("watched, not read", watched(), None, Some(Watched)),
            ("watched, read", watched(), Some((Some(&[]), FRESH)), Some(Watched)),
            ("watched, stale", watched(), Some((Some(&[]), STALE)), Some(Watched)),
        ] {
            let mut region = asking(selector);
            if let Some((keys, read)) = seen {
                let facts = InstanceFacts { tags: keys.map(tags), ..instance(&[], &[]) };
                show(&mut region.instances, &host("a"), facts, read);
            }
            assert_eq!(in_hosts(&region, |hosts| hosts.role(&host("a"))), expected, "{why}");
        }
    }

    #[test]
    fn i04_who_had_the_tag_may_still_be_selected_while_tags_are_unreadable() {
        for (keys, expected) in [
            (&["env"][..], Some(Role::Unclear(Reason::FieldUnreadable))),
            (&["skip"], Some(Role::Unclear(Reason::FieldUnreadable))),
            (&["team"], None),
        ] {
            let mut region = asking(Selector {
                tags: vec![filter("env")],
                exclude_tags: vec![filter("skip")],
                ..Selector::default()
            });
            show(&mut region.instances, &host("a"), instance(keys, &[]), (980, 40));
            let unreadable = InstanceFacts { tags: None, ..instance(&[], &[]) };
            show(&mut region.instances, &host("a"), unreadable, FRESH);
            assert_eq!(in_hosts(&region, |hosts| hosts.role(&host("a"))), expected, "{keys:?}");
        }
    }

    #[test]
    fn i01_i04_an_instance_is_shown_by_fresh_evidence_and_gone_by_proof_alone() {
        type Prepare = fn(&mut Region);
        let prepared: [(&str, Prepare, Presence<'_>); 7] = [
            ("never asked for", |_| {}, Presence::Unknown(Reason::AwaitingEvidence)),
            (
                "stale",
                |r| show(&mut r.instances, &host("a"), instance(&[], &[]), STALE),
                Presence::Unknown(Reason::EvidenceStale),
            ),
            (
                "what is on it was not kept",
                |r| {
                    let facts = InstanceFacts { surroundings: None, ..instance(&[], &[]) };
                    show(&mut r.instances, &host("a"), facts, FRESH);
                },
                Presence::Unknown(Reason::AwaitingEvidence),
            ),
            (
                "read before its tags were kept",
                |r| {
                    show(&mut r.instances, &host("a"), instance(&[], &[]), FRESH);
                    r.instances.objects.get_mut(&object("o")).unwrap().tag_epoch += 1;
                },
                Presence::Unknown(Reason::AwaitingEvidence),
            ),
            (
                "lacked once",
                |r| {
                    show(&mut r.instances, &host("a"), instance(&[], &[]), FRESH);
                    r.instances.inventory.lack(&host("a"), CallId(51)).unwrap().misses = 1;
                },
                Presence::Unknown(Reason::Missing),
            ),
            (
                "the id is refused",
                |r| {
                    r.instances.inventory.expect(&host("a"));
                    r.instances.inventory.lack(&host("a"), CallId(51)).unwrap().refused = true;
                },
                Presence::Unknown(Reason::RequestRefused),
            ),
            ("proven", |r| prove_gone(&mut r.instances, &host("a"), 980), Presence::Gone(at(980))),
        ];
        for (why, prepare, expected) in prepared {
            let mut region = asking(naming("a"));
            prepare(&mut region);
            in_hosts(&region, |hosts| {
                assert_eq!(hosts.get(&host("a")).unwrap().presence, expected, "{why}");
            });
        }
        let mut region = asking(naming("a"));
        show(&mut region.instances, &host("a"), instance(&[], &["a"]), FRESH);
        in_hosts(&region, |hosts| {
            let Presence::Shown(shown) = hosts.get(&host("a")).unwrap().presence else { panic!("not shown") };
            assert_eq!(shown.surroundings.interfaces.as_deref(), Some(&[eni("a")][..]));
        });
    }

    #[test]
    fn who_asks_after_no_instances_has_no_hosts() {
        let mut region = asking(naming("a"));
        ask(&mut region.instances, &object("p"), Intent::of(naming("a")));
        region.look_at_hosts(|view| {
            assert!(Hosts::of(view, &object("p")).is_none(), "it protects instances");
            assert!(Hosts::of(view, &object("q")).is_none(), "there is no such object");
            assert!(
                Hosts::of(view, &object("o")).unwrap().get(&host("b")).is_none(),
                "it asks after another"
            );
        });
    }

    #[test]
    fn what_is_open_about_hosts() {
        let closed = Openness { hosts: 1, awaits: false, misses: false, unheard: false, lagging: None };
        let by_tag = || Selector { tags: vec![filter("env")], ..naming("a") };
        let fresh: fn(&mut Region) = |r| show(&mut r.instances, &host("a"), instance(&[], &[]), FRESH);
        let stale: fn(&mut Region) = |r| show(&mut r.instances, &host("a"), instance(&[], &[]), STALE);
        let gone: fn(&mut Region) = |r| prove_gone(&mut r.instances, &host("a"), 980);
        let missed: fn(&mut Region) = |r| {
            show(&mut r.instances, &host("a"), instance(&[], &[]), FRESH);
            r.instances.inventory.lack(&host("a"), CallId(51));
        };
        for (why, selector, prepare, expected) in [
            ("shown", naming("a"), fresh, closed),
            ("gone", naming("a"), gone, closed),
            ("not read yet", naming("a"), |_| {}, Openness { awaits: true, unheard: true, ..closed }),
            ("stale", naming("a"), stale, Openness { unheard: true, ..closed }),
            ("missing", naming("a"), missed, Openness { misses: true, ..closed }),
            ("no listing yet", by_tag(), fresh, Openness { awaits: true, unheard: true, ..closed }),
            (
                "listed",
                by_tag(),
                |r| {
                    show(&mut r.instances, &host("a"), instance(&[], &[]), FRESH);
                    r.instances.objects.get_mut(&object("o")).unwrap().listed = Some(NOW);
                },
                closed,
            ),
        ] {
            let mut region = asking(selector);
            prepare(&mut region);
            let open = region.look_at_hosts(|view| Hosts::of(view, &object("o")).unwrap().openness());
            assert_eq!(open, expected, "{why}");
        }
    }

    #[test]
    fn i21_i49_every_host_whose_interfaces_are_not_known_is_told_of_with_why() {
        let by_node = || Selector { node_ids: [host("a")].into(), ..Selector::default() };
        let no_tag = || Selector { exclude_tags: vec![filter("skip")], ..naming("a") };
        let gone: fn(&mut Region) = |r| prove_gone(&mut r.instances, &host("a"), 980);
        let seen_after: fn(&mut Region) = |r| {
            prove_gone(&mut r.instances, &host("a"), 980);
            r.interfaces.index.add_host(&object("o"), &host("a"), &[], CallId(1));
            show(&mut r.interfaces, &eni("b"), interface(Some("a")), FRESH);
        };
        let left: fn(&mut Region) = |r| {
            prove_gone(&mut r.instances, &host("a"), 980);
            let before = Remembered { before: Some(host("a")), ..Remembered::default() };
            let asked = r.interfaces.objects.get_mut(&object("o")).unwrap();
            asked.memory.kept.insert(eni("b"), before);
        };
        let refused: fn(&mut Region) = |r| {
            r.instances.inventory.expect(&host("a"));
            r.instances.inventory.lack(&host("a"), CallId(51)).unwrap().refused = true;
        };
        let fresh: fn(&mut Region) = |r| show(&mut r.instances, &host("a"), instance(&[], &["b"]), FRESH);
        let unreadable: fn(&mut Region) = |r| {
            let mut facts = instance(&[], &[]);
            facts.surroundings = Some(std::sync::Arc::default());
            show(&mut r.instances, &host("a"), facts, FRESH);
        };
        let untagged: fn(&mut Region) = |r| {
            let facts = InstanceFacts { tags: None, ..instance(&[], &[]) };
            show(&mut r.instances, &host("a"), facts, FRESH);
        };
        for (why, selector, prepare, expected) in [
            ("shown", naming("a"), fresh, None),
            ("its list can't be read", naming("a"), unreadable, Some(Reason::FieldUnreadable)),
            ("whether it is excluded can't be read", no_tag(), untagged, Some(Reason::FieldUnreadable)),
            ("not read yet", naming("a"), |_| {}, Some(Reason::AwaitingEvidence)),
            ("named, and gone", naming("a"), gone, Some(Reason::NotFound)),
            ("behind a Node, and gone", by_node(), gone, Some(Reason::NodeInstanceGone)),
            (
                "gone, and something was seen on it since",
                naming("a"),
                seen_after,
                Some(Reason::ListsDisagree),
            ),
            ("gone, and it left something behind", naming("a"), left, None),
            ("named, and refused", naming("a"), refused, Some(Reason::RequestRefused)),
            ("behind a Node, and refused", by_node(), refused, Some(Reason::NodeIdRefused)),
        ] {
            let mut region = asking(selector);
            prepare(&mut region);
            let doubts: Vec<_> = region.look(|view| {
                let (name, asked) = view.objects.first_key_value().unwrap();
                let doubts = doubtful_hosts(view, name, asked);
                doubts.map(|(id, reason)| (id.clone(), reason)).collect()
            });
            let expected: Vec<_> = expected.map(|reason| (host("a"), reason)).into_iter().collect();
            assert_eq!(doubts, expected, "{why}");
        }
    }

    #[test]
    fn i21_two_lists_disagree_when_one_has_an_interface_that_the_other_lacks() {
        for (why, place, read, expected) in [
            ("both have it", Some("a"), FRESH, false),
            ("neither has it", None, FRESH, false),
            ("the list of its host lacks it", Some("b"), FRESH, true),
            ("that list is stale", Some("b"), STALE, false),
        ] {
            let both = Selector { ids: [host("a"), host("b")].into(), ..Selector::default() };
            let mut region = asking(both);
            let lists: &[&str] = if place == Some("a") { &["a"] } else { &[] };
            show(&mut region.instances, &host("a"), instance(&[], lists), read);
            show(&mut region.instances, &host("b"), instance(&[], &[]), read);
            let place = place.map(host);
            let found = region.look(|view| lists_disagree(view, &object("o"), &eni("a"), place.as_ref()));
            assert_eq!(found, expected, "{why}");
        }
        let mut region = asking(naming("a"));
        show(&mut region.instances, &host("a"), instance(&[], &["a"]), FRESH);
        region.interfaces.index.add_host(&object("o"), &host("a"), &[eni("a")], CallId(1));
        let elsewhere = |view: View<'_, _>| lists_disagree(view, &object("o"), &eni("a"), None);
        assert!(region.look(elsewhere), "a list has it, and it is not there");
    }

    #[test]
    fn i50_whose_host_is_gone_is_bereaved_until_what_was_on_it_is_seen() {
        let mut region = asking(naming("a"));
        region.interfaces.index.add_host(&object("o"), &host("a"), &[eni("a")], CallId(1));
        show(&mut region.interfaces, &eni("a"), interface(Some("a")), (900, 30));
        show(&mut region.instances, &host("a"), instance(&[], &["a"]), FRESH);
        let is = |view: View<'_, _>| bereaved(view, &object("o"));
        assert!(!region.look(is), "its host lives");
        prove_gone(&mut region.instances, &host("a"), 995);
        assert!(region.look(is));
        show(&mut region.interfaces, &eni("a"), interface(None), FRESH);
        assert!(!region.look(is));
    }
}
