//! The one read-only look at everything that an engine knows: who selects what, who holds it, and what evidence says.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::care::{self, CONTEST, Care};
use super::context::Term;
use super::hosts::Hosts;
use super::index::Index;
use super::inventory::Inventory;
use super::objects::{Member, Object};
use super::reader::{Demand, Reader};
use super::tag_keys::TagKeys;
use super::target::Target;
use super::unprotect::Unprotector;
use super::writer::Writer;
use crate::breaker::CircuitBreaker;
use crate::deletion_protection::DeletionProtection;
use crate::evidence::Evidence;
use crate::failure::without_request;
use crate::flag::{Applicability, Flag, Id};
use crate::id::{ObjectId, Tag};
use crate::intent::{Intent, Selector};
use crate::pace::Fits;
use crate::reason::Reason;
use crate::resource::Resource;
use crate::time::Moment;
use crate::verdict::Verdict;

/// Everything that an engine knows, at one moment. What is decided is a function of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a, F: Flag> {
    pub(super) now: Moment,
    pub(super) term: Term,
    pub(super) inventory: &'a Inventory<F::Of>,
    pub(super) index: &'a Index<F::Of>,
    pub(super) keys: &'a TagKeys,
    pub(super) objects: &'a BTreeMap<ObjectId, Object<F::Of>>,
    pub(super) opaque: &'a BTreeSet<ObjectId>,
    /// What is asked of the reads.
    pub(super) demand: Demand,
    pub(super) reader: &'a Reader<F::Of>,
    pub(super) writer: &'a Writer<F>,
    pub(super) unprotector: &'a Unprotector<F::Of>,
    pub(super) breaker: &'a CircuitBreaker,
    /// What is known of the instances that targets are on; `None`: it is instances themselves that are looked at.
    pub(super) hosts: Option<&'a View<'a, DeletionProtection>>,
    /// So long the status that stands is left standing without evidence.
    pub(super) patience: Duration,
}

impl<'a, F: Flag> View<'a, F> {
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
        self.reader.hindrance().fits().map(|fits| (F::Of::LISTING, fits)).into_iter().collect()
    }

    /// The tags of a target: those that were read last, or could be read last.
    pub(super) fn known_tags(self, id: &Id<F>) -> &'a [Tag] {
        self.inventory.tags(id)
    }

    /// Whether somebody waits for this target: an object that selects it was just changed.
    pub(super) fn is_hot(self, id: &Id<F>) -> bool {
        self.selectors_of(id).any(|(_, object, _)| object.hot(self.now))
    }

    /// The verdict on evidence alone, whoever asks; `None`: nobody wants to know of it.
    pub(super) fn verdict(self, id: &Id<F>, horizon: Moment, epoch: u32) -> Option<Verdict> {
        let target = self.inventory.get(id)?;
        Some(care::verdict::<F>(target, self.care(id), horizon, epoch))
    }

    /// What is being done about a target.
    pub(super) fn care(self, id: &Id<F>) -> Option<&'a Care> {
        self.writer.care(id)
    }

    /// Repairs within the last hour that make a write war.
    pub(super) fn contested(self, id: &Id<F>) -> bool {
        self.care(id).is_some_and(|care| care.repairs.len() >= CONTEST.1 && care.contested(self.now))
    }

    /// Whether an object remembers the target: after a start it is known from status, before any evidence.
    pub(super) fn is_remembered(self, id: &Id<F>) -> bool {
        F::Of::REMEMBERS
            && self
                .index
                .naming(id)
                .iter()
                .any(|name| self.objects.get(name).is_some_and(|object| object.memory.kept.contains_key(id)))
    }

    /// The evidence of a target, if it is of this term.
    pub(super) fn evidence_of_term(self, id: &Id<F>) -> Option<&'a Evidence<F::Of>> {
        let evidence = self.inventory.evidence(id);
        evidence.filter(|evidence| evidence.call >= self.term.since)
    }

    /// The targets that an object may have. Whether it has them, [`View::member`] tells.
    pub(super) fn reach(self, object: &'a Object<F::Of>) -> impl Iterator<Item = &'a Id<F>> {
        let more: BTreeSet<&Id<F>> = object
            .hosted
            .iter()
            .flat_map(|instance| self.index.on(instance))
            .chain(object.memory.kept.keys())
            .collect();
        let selected = self.selected(&object.intent.selector);
        if more.is_empty() {
            return selected.chain(BTreeSet::new());
        }
        let seen: BTreeSet<&Id<F>> = selected.collect();
        self.selected(&object.intent.selector).chain(more.difference(&seen).copied().collect::<BTreeSet<_>>())
    }

    /// Whether the target is one that the object may have.
    pub(super) fn reaches(self, name: &ObjectId, id: &Id<F>) -> bool {
        self.index.candidates(id, self.known_tags(id), self.inventory.place(id)).contains(name)
    }

    /// The targets that a selector may select: what it names, what stands under its entries, or whatever was shown.
    pub(super) fn selected(self, selector: &'a Selector<F::Of>) -> impl Iterator<Item = &'a Id<F>> {
        let shown = |(id, target): (&'a Id<F>, &Target<F::Of>)| {
            (target.evidence.is_some() || selector.holds(id)).then_some(id)
        };
        let all = selector.all.then(|| self.inventory.iter().filter_map(shown));
        let some = (!selector.all).then(|| self.index.reach(selector));
        all.into_iter().flatten().chain(some.into_iter().flatten())
    }

    /// Whether an object selects a target, by its spec or by its memory.
    pub(super) fn member(self, name: &ObjectId, object: &Object<F::Of>, id: &Id<F>) -> Member {
        self.member_if(name, object, id, object.memory.kept.contains_key(id))
    }

    /// Whether an object selects a target by its spec. What status says may keep a flag protected, but is no reason to unprotect
    /// one (I14).
    pub(super) fn member_by_spec(self, name: &ObjectId, object: &Object<F::Of>, id: &Id<F>) -> Member {
        self.member_if(name, object, id, false)
    }

    fn member_if(self, name: &ObjectId, object: &Object<F::Of>, id: &Id<F>, remembered: bool) -> Member {
        let target = (id, self.inventory.get(id));
        let listed_by = self.index.listed_by(id);
        object.member(target, self.horizon(), remembered, listed_by, || self.hosts_of(name))
    }

    /// The instances that an object is about, as its selectors see them; `None`: it asks after none.
    pub(super) fn hosts_of(self, name: &ObjectId) -> Option<Hosts<'a>> {
        Hosts::of(self.hosts?, name)
    }

    /// Why the instances that targets are on can't be read, if only a person can help: without a look at its host nothing is
    /// unprotected.
    pub(crate) fn hosts_unreadable(self) -> Option<Reason> {
        self.hosts?.reader.trouble().filter(|reason| reason.needs_person())
    }

    /// The objects that select the target, or may.
    pub(super) fn selectors_of(
        self,
        id: &'a Id<F>,
    ) -> impl Iterator<Item = (&'a ObjectId, &'a Object<F::Of>, Member)> {
        let place = self.inventory.place(id);
        self.index.candidates(id, self.known_tags(id), place).into_iter().filter_map(move |object| {
            let entry = self.objects.get(object)?;
            let member = self.member(object, entry, id);
            (member != Member::No).then_some((object, entry, member))
        })
    }

    /// An object that has the protected value written on this target.
    pub(super) fn enforcer(self, id: &'a Id<F>) -> Option<&'a ObjectId> {
        self.selectors_of(id)
            .find(|(_, object, member)| *member == Member::Yes && object.intent.enforces())
            .map(|(name, ..)| name)
    }

    /// Whether any object but this one holds the target. In doubt it does.
    pub(super) fn held_by_other(self, id: &Id<F>, than: &ObjectId) -> bool {
        self.selectors_of(id).any(|(name, object, _)| name != than && object.intent.holds())
    }

    /// Why the list of the object's targets may not be complete.
    pub(super) fn unlisted(self, name: &ObjectId) -> Option<Reason> {
        let object = self.objects.get(name)?;
        if !object.needs_listing() {
            return None;
        }
        if let Some(reason) = self.hosts_of(name).and_then(Hosts::unlisted) {
            return Some(reason);
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

    /// Words a verdict for an object: with the trouble of reading when that is why it is unknown, and as a mere
    /// observation where nothing is to be done about it.
    pub(super) fn explain(self, verdict: Verdict, intent: &Intent<F::Of>) -> Verdict {
        match (verdict, self.reader.hindrance().why()) {
            (Verdict::Unknown(Reason::AwaitingEvidence | Reason::EvidenceStale), Some((why, _))) => {
                Verdict::Unknown(why)
            }
            (Verdict::Unprotected(_), _) if !intent.holds() => Verdict::Unprotected(Reason::NotWanted),
            (Verdict::Unprotected(_), _) if intent.observe => Verdict::Unprotected(Reason::Unprotected),
            _ => verdict,
        }
    }

    pub(super) fn row_detail(self, id: &Id<F>, reason: Reason) -> Option<Box<str>> {
        let trouble = self.care(id).and_then(|c| c.trouble.as_ref()).filter(|t| t.reason == reason);
        let detail = match trouble {
            Some(trouble) => trouble.detail.as_ref(),
            None => self
                .reader
                .hindrance()
                .why()
                .filter(|(why, _)| *why == reason)
                .map_or("", |(_, detail)| detail),
        };
        (!detail.is_empty()).then(|| detail.into())
    }

    /// What the cloud said of a target, for a sentence about many.
    pub(super) fn words(self, id: &Id<F>, reason: Reason) -> Option<Box<str>> {
        self.row_detail(id, reason).map(|detail| without_request(&detail).into())
    }

    /// What the cloud said to reading, if that is why.
    pub(super) fn words_of_reads(self, reason: Reason) -> Option<&'a str> {
        let (why, detail) = self.reader.hindrance().why()?;
        (why == reason && !detail.is_empty()).then(|| without_request(detail))
    }

    /// Whether the protected value is to be written on this target now: judged anew just before the call goes out.
    pub(super) fn needs_protecting(self, id: &Id<F>) -> bool {
        let Some(target) = self.inventory.get(id) else { return false };
        let Some(evidence) = target.evidence.as_ref().filter(|_| target.absence.is_none()) else {
            return false;
        };
        // Whoever led meanwhile may have written, and so may anybody since two sweeps ago.
        let known = evidence.seen >= self.horizon() && evidence.call >= self.term.since;
        let ready = self.care(id).is_none_or(|care| {
            care.writing.is_none()
                && care.accepted.is_none()
                && care.not_before <= self.now
                && care.written_before.is_none_or(|end| evidence.call >= end)
        });
        known
            && ready
            && F::protected(&evidence.facts) == Some(false)
            && F::applicability(&evidence.facts) == Applicability::Yes
            && self.enforcer(id).is_some()
    }
}
