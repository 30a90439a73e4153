//! What objects ask for: the only part of the engine that knows of generations.

use std::collections::BTreeSet;
use std::time::Duration;

use super::hosts::{Hosts, Presence, Role};
use super::memory::Memory;
use super::targets::Targets;
use super::turn::Turn;
use crate::evidence::Evidence;
use crate::id::{CallId, Generation, InstanceId, ObjectId};
use crate::intent::Intent;
use crate::loss::Loss;
use crate::reason::Reason;
use crate::resource::{Place, Resource};
use crate::time::Moment;

/// People wait for what they changed this long at most; then it is background like everything else.
const HOT: Duration = Duration::from_secs(120);

/// An object and its intent.
#[derive(Debug)]
pub(super) struct Object<R: Resource> {
    pub generation: Generation,
    pub intent: Intent<R>,
    /// Evidence must have kept at least the tags of this epoch (see [`TagKeys`](super::tag_keys::TagKeys)).
    pub tag_epoch: u32,
    /// A listing of the region is complete for this object only if it began with this call or later.
    pub listing_since: CallId,
    /// The start of the newest such listing.
    pub listed: Option<Moment>,
    /// It was changed while the engine was running: until then people wait for it.
    pub hot_until: Option<Moment>,
    pub born: Moment,
    /// There was evidence for all of it once, or it has been waited for long enough.
    pub settled: bool,
    /// The instances whose interfaces are, or may be, its targets.
    pub hosted: BTreeSet<InstanceId>,
    /// The instances that it wants to know of besides those that its spec selects.
    pub watch: BTreeSet<InstanceId>,
    /// Evidence from before this call is of a time before it was known what is excluded: what is remembered may have left
    /// the instance, or lost the tag, before that.
    pub exclusion_since: CallId,
    /// What it remembers.
    pub memory: Memory<R>,
    /// What it has lost and no report has told yet.
    pub losses: Vec<Loss>,
}

/// Whether an object selects a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Yes,
    No,
    /// It is named, or was selected when last seen, but what would tell is not known.
    Unclear(Reason),
}

/// What has changed with an object's intent.
#[derive(Debug)]
pub(crate) struct Edit<R: Resource> {
    /// Its generation is another one.
    pub edited: bool,
    /// It was known before, and its generation is the same.
    pub same: bool,
    /// The targets that it may have now.
    pub reach: Vec<R::Id>,
}

impl<R: Resource> Object<R> {
    /// Whether it selects the target, as far as evidence tells. What is named is not left out on evidence from before
    /// the horizon; what comes by tag is, for then the listing does not count as complete either. `remembered`: it is
    /// named by the object's memory. `listed_by`: the instances whose own list holds it. `hosts`: those of the object.
    pub fn member<'a>(
        &self,
        (id, evidence): (&R::Id, Option<&Evidence<R>>),
        horizon: Moment,
        remembered: bool,
        listed_by: &[InstanceId],
        hosts: impl Fn() -> Option<Hosts<'a>>,
    ) -> Member {
        let selector = &self.intent.selector;
        if selector.exclude_ids.contains(id) {
            return Member::No;
        }
        let certain = selector.names(id) || remembered;
        let excludes_owners = self
            .intent
            .owners
            .as_ref()
            .is_some_and(|o| !o.exclude_ids.is_empty() || !o.exclude_tags.is_empty());
        if certain && selector.exclude_tags.is_empty() && !excludes_owners {
            return Member::Yes;
        }
        let Some(evidence) = evidence.filter(|e| e.tag_epoch >= self.tag_epoch) else {
            return Member::Unclear(Reason::AwaitingEvidence);
        };
        if certain && evidence.seen < horizon {
            return Member::Unclear(Reason::EvidenceStale);
        }
        let Some(tags) = R::tags(&evidence.facts) else {
            return Member::Unclear(Reason::FieldUnreadable);
        };
        // What left the instance, or lost the tag, before that was excluded is not excluded.
        let outdated = remembered && evidence.call < self.exclusion_since;
        let unless_outdated = |said| if outdated { Member::Unclear(Reason::AwaitingEvidence) } else { said };
        if selector.tags_exclude(tags) {
            return unless_outdated(Member::No);
        }
        if excludes_owners && let Some(other) = self.excluded_there(evidence, remembered, &hosts) {
            return unless_outdated(other);
        }
        if certain || selector.finds(tags) {
            return Member::Yes;
        }
        self.member_through_host(evidence, listed_by, &hosts)
    }

    /// Whether the target is left alone because of the instance that it is on; `None`: it is not.
    fn excluded_there<'a>(
        &self,
        evidence: &Evidence<R>,
        remembered: bool,
        hosts: &impl Fn() -> Option<Hosts<'a>>,
    ) -> Option<Member> {
        let owners = self.intent.owners.as_deref()?;
        let instance = match R::place(&evidence.facts) {
            Place::Free => return None,
            Place::Unreadable => return Some(Member::Unclear(Reason::FieldUnreadable)),
            Place::On(instance) => instance,
        };
        if owners.exclude_ids.contains(instance) {
            return Some(Member::No);
        }
        if owners.exclude_tags.is_empty() {
            return None;
        }
        let host = hosts().and_then(|hosts| hosts.get(instance));
        match host.map(|host| (host.role, host.presence_below(evidence.seen))) {
            Some((Role::Excluded, _)) => Some(Member::No),
            // Its tags are not known any more. What was remembered when it went had not been excluded by them; anything else
            // is read again before it is taken for a target.
            Some((_, Presence::Gone(_))) => (!remembered).then_some(Member::Unclear(Reason::ListsDisagree)),
            Some((Role::Unclear(reason), _)) => Some(Member::Unclear(reason)),
            // It was asked after, and has not been read: its tags may exclude it.
            Some((Role::Watched, Presence::Unknown(reason))) => Some(Member::Unclear(reason)),
            Some((Role::Selected | Role::Watched, _)) => None,
            None => Some(Member::Unclear(Reason::AwaitingEvidence)),
        }
    }

    /// Whether the target is selected because of the instance that it is on. The two lists of the cloud have to agree
    /// about that; where they don't, it may be.
    fn member_through_host<'a>(
        &self,
        evidence: &Evidence<R>,
        listed_by: &[InstanceId],
        hosts: &impl Fn() -> Option<Hosts<'a>>,
    ) -> Member {
        if self.intent.owners.is_none() {
            return Member::No;
        }
        let Some(hosts) = hosts() else { return Member::Unclear(Reason::AwaitingListing) };
        let by_type = |role| match (R::of_types(&evidence.facts, self.intent.types), role) {
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
            Some(_) if R::of_types(&evidence.facts, self.intent.types) == Some(false) => Member::No,
            Some(_) if place == Place::Unreadable => Member::Unclear(Reason::FieldUnreadable),
            Some(_) => Member::Unclear(Reason::ListsDisagree),
        }
    }

    /// Whether somebody changed it a moment ago.
    pub fn hot(&self, now: Moment) -> bool {
        self.hot_until.is_some_and(|end| now < end)
    }

    /// Whether it needs a listing of the region to know all its targets.
    pub fn needs_listing(&self) -> bool {
        self.intent.selector.needs_listing() || self.intent.owners.is_some()
    }
}

impl<R: Resource> Targets<R> {
    /// An object asks nothing of these targets, or does not exist any more; or, if it is `opaque`, can't be read: then it
    /// may be a hold on anything.
    pub fn drop_object(&mut self, turn: &mut Turn<'_>, object: &ObjectId, opaque: bool) {
        self.drop_intent(turn, object);
        if opaque {
            self.opaque.insert(object.clone());
        } else {
            self.opaque.remove(object);
        }
    }

    fn drop_intent(&mut self, turn: &mut Turn<'_>, object: &ObjectId) {
        let Some(old) = self.objects.remove(object) else { return };
        self.reader.unlist(object);
        let reach: Vec<R::Id> = self.view(turn).reach(&old).cloned().collect();
        self.release(object, &old);
        self.by_host.remove(object);
        self.host_changes.remove(object);
        if !old.intent.enumerates {
            turn.context.untouch(object);
            turn.reporter.forget(object);
        }
        for id in old.memory.kept.keys() {
            self.index.unname(object, id);
        }
        for instance in &old.hosted {
            self.index.disown(object, instance);
        }
        for id in reach {
            self.unselect(&id);
        }
    }

    /// Takes what an intent selects out of the index.
    fn release(&mut self, object: &ObjectId, old: &Object<R>) {
        self.keys.release(&old.intent.selector);
        if old.intent.enumerates {
            self.keys.release_surroundings();
        }
        self.index.remove(object, &old.intent.selector);
    }

    /// An object's newest generation asks this. `None`: that is known, or something newer.
    pub fn set_intent(
        &mut self,
        turn: &mut Turn<'_>,
        object: &ObjectId,
        generation: Generation,
        intent: Intent<R>,
    ) -> Option<Edit<R>> {
        self.opaque.remove(object);
        if let Some(known) = self.objects.get(object)
            && (generation < known.generation || (generation == known.generation && intent == known.intent))
        {
            return None;
        }
        let mut old = self.objects.remove(object);
        // The new keys are held before the old ones are released, so that what both need is not read again.
        let mut tag_epoch = self.keys.need(&intent.selector);
        if intent.enumerates {
            tag_epoch = tag_epoch.max(self.keys.need_surroundings());
        }
        let mut reached: BTreeSet<R::Id> = BTreeSet::new();
        if let Some(old) = &old {
            reached.extend(self.view(turn).reach(old).cloned());
            self.release(object, old);
        }
        {
            let known = self.inventory.iter().map(|(id, _)| (id, self.inventory.tags(id)));
            self.index.insert(object, &intent.selector, &known);
        }
        for id in intent.selector.named() {
            self.inventory.expect(id);
        }
        let memory = old.as_mut().map(|old| std::mem::take(&mut old.memory)).unwrap_or_default();
        let losses = old.as_mut().map(|old| std::mem::take(&mut old.losses)).unwrap_or_default();
        for id in memory.kept.keys() {
            self.index.name(object, id);
        }
        let hosted = old.as_mut().map(|old| std::mem::take(&mut old.hosted)).unwrap_or_default();
        let rehosts = old.as_ref().map_or(intent.owners.is_some(), |old| old.intent.owners != intent.owners);
        // Where the hosts are others, what is on them is looked at when it is known which they are.
        let (hosted, former) = if rehosts { (BTreeSet::new(), hosted) } else { (hosted, BTreeSet::new()) };
        let same_tags = old.as_ref().filter(|old| {
            old.intent.selector.entries().eq(intent.selector.entries())
                && old.intent.selector.tags == intent.selector.tags
                && old.intent.selector.all == intent.selector.all
                && old.intent.owners == intent.owners
        });
        let edited = old.as_ref().is_none_or(|old| old.generation != generation);
        let same = old.as_ref().is_some_and(|old| old.generation == generation);
        let fresh_listing = same_tags.is_none() && intent.selector.needs_listing();
        let entry = Object {
            generation,
            tag_epoch,
            listing_since: match same_tags {
                Some(old) => old.listing_since,
                // What is on instances is asked for as soon as it is known which.
                None if !intent.selector.needs_listing() => CallId(0),
                None => turn.context.upcoming_call(),
            },
            listed: same_tags.and_then(|old| old.listed),
            hot_until: turn.context.has_polled().then(|| turn.now.after(HOT)),
            born: if edited { turn.now } else { old.as_ref().map_or(turn.now, |old| old.born) },
            settled: !edited && old.as_ref().is_some_and(|old| old.settled),
            hosted,
            watch: old.as_ref().map(|old| old.watch.clone()).unwrap_or_default(),
            exclusion_since: match &old {
                Some(old)
                    if old.intent.owners == intent.owners
                        && old.intent.selector.exclude_tags == intent.selector.exclude_tags =>
                {
                    old.exclusion_since
                }
                _ => turn.context.upcoming_call(),
            },
            memory,
            losses,
            intent,
        };
        if entry.intent.owners.is_some() {
            self.by_host.insert(object.clone());
        } else {
            self.by_host.remove(object);
        }
        let hot = entry.hot(turn.now);
        let awaited = (!entry.settled).then_some(entry.born);
        if !entry.intent.enumerates {
            turn.reporter.changed(turn.now, object, edited, awaited);
        }
        self.objects.insert(object.clone(), entry);
        turn.context.touch(object.clone());
        if edited && hot {
            self.reader.spec_changed(turn.now);
        }
        let reach = self.revisit(turn, object, edited, &reached);
        if rehosts {
            self.rehost(turn, object, former);
        }
        if edited {
            // What it selected by tag before is not asked for any more.
            self.reader.unlist(object);
        }
        if fresh_listing {
            let tags = self.objects.get(object).map(|o| (o.intent.selector.tags.clone(), o.hot(turn.now)));
            if let Some((tags, urgent)) = tags {
                self.reader.list(object, &tags, urgent);
            }
        } else if edited {
            self.ascertain_exclusion(object);
        }
        for id in reached {
            self.unselect(&id);
        }
        Some(Edit { edited, same, reach })
    }

    /// Looks at every target of an object whose intent changed.
    fn revisit(
        &mut self,
        turn: &mut Turn<'_>,
        object: &ObjectId,
        edited: bool,
        before: &BTreeSet<R::Id>,
    ) -> Vec<R::Id> {
        let Some(entry) = self.objects.get(object) else { return Vec::new() };
        let (hot, epoch) = (entry.hot(turn.now), entry.tag_epoch);
        let reach: Vec<R::Id> = self.view(turn).reach(entry).cloned().collect();
        for id in &reach {
            self.inventory.expect(id);
            if let (true, Some(absence)) = (edited, self.inventory.absence_mut(id)) {
                absence.refused = false;
            }
            let unread = self.inventory.evidence(id).is_none_or(|e| e.tag_epoch < epoch);
            // What was there before the start is read by the first sweep: nobody's change may wait behind it. And what was
            // selected before the Nodes, or what is watched, changed is being read already.
            if unread && hot && (edited || !before.contains(id)) {
                self.reader.read_changed(id);
            } else {
                self.reconsider(id);
            }
        }
        reach
    }
}
