//! The instances that targets are on, as the selectors of one object see them.

use super::object::Object;
use super::view::View;
use crate::id::{InstanceId, ObjectId};
use crate::instance::{Instance, InstanceFacts};
use crate::pace::Fits;
use crate::reason::Reason;
use crate::resource::{Place, Resource};
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

/// An instance as fresh evidence shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown<'a> {
    pub facts: &'a InstanceFacts,
    pub surroundings: &'a Surroundings,
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
        let (name, asks) = view.objects.get_key_value(name).filter(|(_, asks)| asks.intent.enumerates)?;
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
        let unclear = || Some(Role::Unclear(self.why_unread(why)));
        // What would tell is not known, and so it is as it was when its tags were read last.
        let was = || match tags {
            Some(tags) => selector.finds(tags) || selector.tags_exclude(tags),
            None => self.view.index.carries(selector, id),
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
        let unknown = |reason| Presence::Unknown(self.why_unread(reason));
        let Some(target) = self.view.inventory.get(id) else { return unknown(Reason::AwaitingEvidence) };
        if let Some(absence) = target.absence.as_deref() {
            return match absence.reason() {
                Reason::NotFound => Presence::Gone(absence.proven.unwrap_or_default()),
                reason => unknown(reason),
            };
        }
        let evidence = target.evidence.as_ref().filter(|e| e.tag_epoch >= self.asks.tag_epoch);
        match evidence.map(|e| (e.seen >= self.view.horizon(), &e.facts, e.facts.surroundings.as_deref())) {
            Some((true, facts, Some(surroundings))) => Presence::Shown(Shown { facts, surroundings }),
            Some((false, ..)) => unknown(Reason::EvidenceStale),
            Some((true, _, None)) | None => unknown(Reason::AwaitingEvidence),
        }
    }

    fn why_unread(self, reason: Reason) -> Reason {
        match (reason, self.view.reader.hindrance().why()) {
            (Reason::AwaitingEvidence | Reason::EvidenceStale, Some((why, _))) => why,
            _ => reason,
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

/// Whether the target is on an instance that its object does not ask after yet.
pub(super) fn is_on_unheard<R: Resource>(view: View<'_, R>, name: &ObjectId, id: &R::Id) -> bool {
    let place = view.inventory.place(id).instance();
    place.is_some_and(|on| hosts_of(view.hosts, name).and_then(|hosts| hosts.role(on)).is_none())
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
        Some(R::listed(shown.surroundings).is_some_and(|listed| listed.contains(id)))
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
                R::listed(shown.surroundings).is_none().then_some(Reason::FieldUnreadable)
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
