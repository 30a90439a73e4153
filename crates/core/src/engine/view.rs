//! The one read-only look at what is known of the targets of a resource, and who selects them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::context::Term;
use super::index::Index;
use super::inventory::Inventory;
use super::object::Object;
use super::reader::{Demand, Reader};
use super::tag_keys::TagKeys;
use super::target::Target;
use crate::breaker::CircuitBreaker;
use crate::evidence::Evidence;
use crate::failure::without_request;
use crate::id::{ObjectId, Tag};
use crate::instance::Instance;
use crate::intent::Selector;
use crate::pace::Fits;
use crate::reason::Reason;
use crate::resource::Resource;
use crate::time::Moment;
use crate::wall_clock::WallClock;

/// What is known of the targets of a resource, at one moment. What is decided is a function of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a, R: Resource> {
    pub(super) now: Moment,
    pub(super) term: Term,
    pub(super) inventory: &'a Inventory<R>,
    pub(super) index: &'a Index<R>,
    pub(super) keys: &'a TagKeys,
    pub(super) objects: &'a BTreeMap<ObjectId, Object<R>>,
    pub(super) opaque: &'a BTreeSet<ObjectId>,
    /// What is asked of the reads.
    pub(super) demand: Demand,
    pub(super) reader: &'a Reader<R>,
    pub(super) breaker: &'a CircuitBreaker,
    /// What is known of the instances that targets are on; `None`: it is instances themselves that are looked at.
    pub(super) hosts: Option<&'a View<'a, Instance>>,
    /// So long the status that stands is left standing without evidence.
    pub(super) patience: Duration,
    pub(super) wall_clock: WallClock,
}

impl<'a, R: Resource> View<'a, R> {
    /// How often the region is swept now.
    pub(super) fn sweep_interval(self) -> Duration {
        self.reader.interval(self.demand)
    }

    /// How long evidence lives: as long as it takes to be renewed at the pace that is really reached, within bounds.
    pub(super) fn evidence_life(self) -> Duration {
        self.reader.evidence_life(self.demand)
    }

    /// Evidence older than this is stale.
    pub(super) fn horizon(self) -> Moment {
        self.now.before(self.evidence_life()).max(self.term.began)
    }

    /// What was seen before this is not repeated. Where sweeps come too seldom to promise anything, what is no promise is
    /// told until it should have been seen again.
    pub(super) fn told_horizon(self) -> Moment {
        self.now.before(self.reader.memory(self.demand)).max(self.term.began)
    }

    /// Why nothing positive is said although there is evidence: complete sweeps come too seldom.
    pub(super) fn lagging(self) -> Option<Reason> {
        self.reader.lagging()
    }

    /// The calls a minute that the cloud lets through, if it throttles and that is known.
    pub(super) fn fits(self) -> Fits {
        self.reader.hindrance().fits().map(|fits| (R::LISTING, fits)).into_iter().collect()
    }

    /// The tags of a target: those that were read last, or could be read last.
    pub(super) fn known_tags(self, id: &R::Id) -> &'a [Tag] {
        self.inventory.tags(id)
    }

    /// Whether an object remembers the target: after a start it is known from status, before any evidence.
    pub(super) fn is_remembered(self, id: &R::Id) -> bool {
        R::REMEMBERS
            && self
                .index
                .naming(id)
                .iter()
                .any(|name| self.objects.get(name).is_some_and(|object| object.memory.kept.contains_key(id)))
    }

    /// The evidence of a target, if it is of this term.
    pub(super) fn evidence_of_term(self, id: &R::Id) -> Option<&'a Evidence<R>> {
        let evidence = self.inventory.evidence(id);
        evidence.filter(|evidence| evidence.call >= self.term.since)
    }

    /// The targets that an object may have. Whether it has them, [`member`](super::membership::member) tells.
    pub(super) fn reach(self, object: &'a Object<R>) -> impl Iterator<Item = &'a R::Id> {
        let more: BTreeSet<&R::Id> = object
            .hosted
            .iter()
            .flat_map(|instance| self.index.on(instance))
            .chain(object.memory.kept.keys())
            .collect();
        let selected = self.selected(&object.intent.selector);
        if more.is_empty() {
            return selected.chain(BTreeSet::new());
        }
        let seen: BTreeSet<&R::Id> = selected.collect();
        self.selected(&object.intent.selector).chain(more.difference(&seen).copied().collect::<BTreeSet<_>>())
    }

    /// Whether the target is one that the object may have.
    pub(super) fn reaches(self, name: &ObjectId, id: &R::Id) -> bool {
        self.index.candidates(id, self.known_tags(id), self.inventory.place(id)).contains(name)
    }

    /// The targets that a selector may select: what it names, what stands under its entries, or whatever was shown.
    pub(super) fn selected(self, selector: &'a Selector<R>) -> impl Iterator<Item = &'a R::Id> {
        let shown = |(id, target): (&'a R::Id, &Target<R>)| {
            (target.evidence.is_some() || selector.holds(id)).then_some(id)
        };
        let all = selector.all.then(|| self.inventory.iter().filter_map(shown));
        let some = (!selector.all).then(|| self.index.reach(selector));
        all.into_iter().flatten().chain(some.into_iter().flatten())
    }

    /// Why the instances that targets are on can't be read, if only a person can help: without a look at its host nothing is
    /// unprotected.
    pub(crate) fn hosts_unreadable(self) -> Option<Reason> {
        self.hosts?.reader.trouble().filter(|reason| reason.needs_person())
    }

    /// Why the list of the object's targets may not be complete, hosts apart.
    pub(super) fn unlisted(self, name: &ObjectId) -> Option<Reason> {
        let object = self.objects.get(name)?;
        if !object.needs_listing() {
            return None;
        }
        match object.listed {
            Some(at) if at >= self.horizon() => None,
            listed => Some(match self.reader.hindrance().why() {
                Some((reason, _)) => reason,
                None if self.reader.unlisted() != Reason::AwaitingListing => self.reader.unlisted(),
                None if listed.is_some() => Reason::EvidenceStale,
                None => Reason::AwaitingListing,
            }),
        }
    }

    /// Why something is not known: what hinders reading, if it is only that nothing has been read lately.
    pub(super) fn why_unread(self, reason: Reason) -> Reason {
        match (reason, self.reader.hindrance().why()) {
            (Reason::AwaitingEvidence | Reason::EvidenceStale, Some((why, _))) => why,
            _ => reason,
        }
    }

    /// What the cloud said to reading, if that is why.
    pub(super) fn words_of_reads(self, reason: Reason) -> Option<&'a str> {
        let (why, detail) = self.reader.hindrance().why()?;
        (why == reason && !detail.is_empty()).then(|| without_request(detail))
    }
}
