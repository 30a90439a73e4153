//! The instances that objects are about: how the engine of instances tells of them, and how the engine of interfaces takes
//! that in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::losses::had_through_owners;
use super::objects::Object;
use super::view::View;
use super::{Engine, Extension};
use crate::call::IDS_PER_READ;
use crate::id::{CallId, Generation, InstanceId, ObjectId};
use crate::instance::Instance;
use crate::intent::{Intent, Selector};
use crate::kind::Kind;
use crate::owners::{Owner, Presence, Role, Roster};
use crate::reason::Reason;
use crate::time::Moment;
use crate::verdict::Verdict;

/// A first sweep waits this long for the instances whose interfaces it is to find: what it shows before that would have to
/// be read twice.
const ROSTER_PATIENCE: Duration = Duration::from_secs(10);

impl Engine<Instance> {
    /// The rosters that have come to say something else. `at_once`: also those of long lists that were made a moment ago.
    pub fn rosters(&mut self, now: Moment, at_once: bool) -> Vec<(ObjectId, Generation, Arc<Roster>)> {
        let mut told = Vec::new();
        if at_once {
            let due = |name: &ObjectId| self.objects.get(name).is_some_and(|o| o.intent.enumerates);
            self.rosters_due.extend(self.reporter.put_off().filter(|name| due(name)).cloned());
        }
        for name in std::mem::take(&mut self.rosters_due) {
            let Some(object) = self.objects.get(&name) else { continue };
            if !at_once && !self.reporter.may_judge(now, &name) {
                self.reporter.wake(&mut self.context);
                continue;
            }
            let (roster, cost) = roster(self.view(now), &name, object);
            self.reporter.judged(now, &name, cost);
            let Some(object) = self.objects.get_mut(&name) else { continue };
            if object.roster.as_deref() != Some(&roster) {
                let roster = Arc::new(roster);
                object.roster = Some(roster.clone());
                told.push((name, object.generation, roster));
            }
        }
        told
    }

    /// Has an object told of its instances anew, whatever it was told last.
    pub fn tell_anew(&mut self, name: &ObjectId) {
        if let Some(object) = self.objects.get_mut(name) {
            object.roster = None;
            self.reporter.hurry(name);
            self.context.touch(name.clone());
        }
    }

    /// Why instances can't be read at present, if only a person can help.
    pub fn unreadable(&self) -> Option<Reason> {
        self.reader.trouble().filter(|reason| reason.needs_person())
    }

    /// Has these instances read at once. The answer is the first call that counts as having done so.
    pub fn look(&mut self, ids: &BTreeSet<InstanceId>) -> CallId {
        self.reader.read_at_once(ids);
        self.context.upcoming_call()
    }

    /// Those of the instances that a call from this one on has shown; `None`: some have not been looked at yet.
    pub fn looked(&self, ids: &BTreeSet<InstanceId>, since: CallId) -> Option<BTreeSet<InstanceId>> {
        let mut shown = BTreeSet::new();
        for id in ids {
            let target = self.inventory.get(id)?;
            target.newest_call().filter(|call| *call >= since)?;
            // Who selects one by tag can't be told where its tags can't be read.
            let readable = target.evidence.as_ref().is_some_and(|e| Instance::tags(&e.facts).is_some());
            if target.absence.is_none() && readable {
                shown.insert(id.clone());
            }
        }
        Some(shown)
    }
}

impl<K: Extension> Engine<K> {
    /// Whether an object is about instances and has not been told of them.
    pub fn lacks_roster(&self, name: &ObjectId) -> bool {
        self.objects.get(name).is_some_and(|object| object.roster.is_none())
    }

    /// Notes whether instances can be read: without a look at the instance that it is on, nothing is unprotected.
    pub fn heed_owners(&mut self, unreadable: Option<Reason>) {
        if std::mem::replace(&mut self.owners_unreadable, unreadable) != unreadable {
            self.context.touch_all(self.unprotector.open().cloned());
        }
    }

    /// The roster that an object keeps when its intent changes. Where the owners stay the same, so do the instances that they
    /// select; and who asked for instances and now asks for others is told anew, even if they are the same ones.
    pub(super) fn keep_roster(
        &mut self,
        name: &ObjectId,
        old: Option<&Object<K>>,
        intent: &Intent<K>,
    ) -> Option<Arc<Roster>> {
        let unwatched = |selector: &Selector<K>| Selector { watch: BTreeSet::new(), ..selector.clone() };
        let same_owners = |old: &&Object<K>| {
            old.intent.owners == intent.owners
                && (!intent.enumerates || unwatched(&old.intent.selector) == unwatched(&intent.selector))
        };
        let kept = old.filter(same_owners).and_then(|old| old.roster.clone());
        let former = old.filter(|old| kept.is_none() && !old.intent.enumerates);
        for (instance, _) in former.iter().filter_map(|old| old.roster.as_ref()).flat_map(|r| r.selected()) {
            self.index.disown(name, instance);
        }
        if intent.owners.is_some() {
            self.owning.insert(name.clone());
        } else {
            self.owning.remove(name);
        }
        if intent.owners.is_some() && kept.is_none() {
            self.rosterless.insert(name.clone());
        } else {
            self.rosterless.remove(name);
        }
        kept
    }

    /// Takes in the instances that an object is about.
    pub fn take_roster(
        &mut self,
        now: Moment,
        name: &ObjectId,
        generation: Generation,
        roster: &Arc<Roster>,
    ) {
        let Some(object) = self.objects.get(name).filter(|o| o.generation == generation) else { return };
        let before: BTreeSet<K::Id> = self.view(now).reach(object).cloned().collect();
        // What an instance that leaves has on it is remembered, if it is protected.
        self.tidy_memory(now, name);
        let had = had_through_owners(self.view(now), name, &before);
        let upcoming = self.context.upcoming_call();
        let Some(object) = self.objects.get_mut(name) else { return };
        let old = object.roster.replace(roster.clone());
        let shuns = |roster: &Roster, id: &InstanceId| roster.role(id) == Some(Role::Excluded);
        let newly = |id: &InstanceId| shuns(roster, id) && !old.as_ref().is_some_and(|old| shuns(old, id));
        let excludes = roster.owners.keys().any(newly);
        if excludes {
            object.exclusion_since = upcoming;
        }
        let selects = object.intent.owners.is_some();
        let mut since = CallId(0);
        if selects {
            self.rosterless.remove(name);
            for (instance, owner) in roster.selected() {
                let listed: Vec<K::Id> = match &owner.presence {
                    Presence::Shown(shown) => K::listed(&shown.surroundings).unwrap_or_default().to_vec(),
                    Presence::Gone(_) => Vec::new(),
                    // One that can't be read keeps what it was last known to have.
                    Presence::Unknown(_) => self.index.listed_on(instance).to_vec(),
                };
                self.index.own(name, instance, &listed, upcoming);
                since = since.max(self.index.owned_since(instance));
            }
            let stays = |instance: &InstanceId| {
                matches!(roster.role(instance), Some(Role::Selected | Role::Unclear(_)))
            };
            let left = old.iter().flat_map(|old| old.selected()).map(|(instance, _)| instance);
            for instance in left.filter(|instance| !stays(instance)) {
                self.index.disown(name, instance);
            }
        }
        if excludes {
            self.ascertain_exclusion(name);
        }
        self.note_unhosted(now, name, &had);
        self.notice_survivors(name, roster);
        self.await_listing(name, since);
        self.visit(now, name, &before);
    }

    /// What the object remembers is excluded only if it is still on the excluded instance, or still has the tag: that is
    /// looked at soon.
    pub(super) fn ascertain_exclusion(&mut self, name: &ObjectId) {
        let Some(object) = self.objects.get(name) else { return };
        let by_owner = object.intent.owners.as_ref();
        let excludes = !object.intent.selector.exclude_tags.is_empty()
            || by_owner.is_some_and(|o| !o.exclude_ids.is_empty() || !o.exclude_tags.is_empty());
        if excludes && !object.memory.kept.is_empty() {
            self.reader.sweep_soon();
        }
    }

    /// Whether all that is on the object's instances is known, is told by a listing that began when somebody asked for it.
    fn await_listing(&mut self, name: &ObjectId, since: CallId) {
        let Some(object) = self.objects.get_mut(name) else { return };
        if object.intent.owners.is_none() {
            return;
        }
        object.listing_since = object.listing_since.max(since);
        object.listed = self.reader.listed(object.listing_since);
        if object.listed.is_none() {
            self.reader.sweep_soon();
        }
    }

    /// Looks at what an object may have since its roster changed.
    pub(super) fn visit(&mut self, now: Moment, name: &ObjectId, before: &BTreeSet<K::Id>) {
        let Some(object) = self.objects.get(name) else { return };
        let hot = object.hot(now);
        let after: BTreeSet<K::Id> = self.view(now).reach(object).cloned().collect();
        let mut unread = Vec::new();
        for id in &after {
            let target = self.inventory.expect(id);
            if target.evidence.is_none() && target.absence.is_none() {
                unread.push(id.clone());
            } else {
                self.reconsider(now, id);
            }
        }
        // A listing has to be made anyway: it is left to that what would take more than one call.
        if hot && unread.len() <= IDS_PER_READ {
            for id in &unread {
                self.reader.read_changed(id);
            }
        } else if !unread.is_empty() {
            self.reader.sweep_soon();
        }
        for id in before.difference(&after) {
            self.forget_unselected(id);
        }
        self.context.touch(name.clone());
    }

    /// Whether a first sweep should wait for rosters, and until when.
    pub(super) fn rosters_pending(&self, now: Moment) -> Option<Moment> {
        let pending = |name: &&ObjectId| {
            self.objects.get(*name).is_some_and(|object| {
                now.since(object.born) < ROSTER_PATIENCE && object.roster.as_ref().is_none_or(|r| r.awaits())
            })
        };
        let waits = self.owning.iter().filter(pending);
        waits.filter_map(|name| self.objects.get(name)).map(|o| o.born.after(ROSTER_PATIENCE)).min()
    }
}

/// What the object's selectors make of an instance; `None`: nothing.
pub(super) fn role(view: View<'_, Instance>, object: &Object<Instance>, id: &InstanceId) -> Option<Role> {
    let selector = &object.intent.selector;
    let watched = selector.watch.contains(id).then_some(Role::Watched);
    if selector.exclude_ids.contains(id) {
        return Some(Role::Excluded);
    }
    let named = selector.names(id);
    let evidence = view.inventory.evidence(id);
    let fresh = evidence.filter(|e| e.tag_epoch >= object.tag_epoch && e.seen >= view.horizon());
    let Some(tags) = fresh.and_then(|e| Instance::tags(&e.facts)) else {
        let why = match (fresh, evidence) {
            (Some(_), _) => Reason::FieldUnreadable,
            (None, Some(e)) if e.tag_epoch >= object.tag_epoch => Reason::EvidenceStale,
            _ => Reason::AwaitingEvidence,
        };
        return match named {
            true if selector.exclude_tags.is_empty() => Some(Role::Selected),
            true => Some(Role::Unclear(why_unread(view, why))),
            // What would tell is not known: it had the tag when it was last read.
            false if fresh.is_some() || evidence.is_some() => Some(Role::Unclear(why_unread(view, why))),
            false => watched,
        };
    };
    if selector.tags_exclude(tags) {
        Some(Role::Excluded)
    } else if named || selector.finds(tags) {
        Some(Role::Selected)
    } else {
        watched
    }
}

pub(super) fn presence(view: View<'_, Instance>, object: &Object<Instance>, id: &InstanceId) -> Presence {
    let unknown = |reason| Presence::Unknown(why_unread(view, reason));
    let Some(target) = view.inventory.get(id) else { return unknown(Reason::AwaitingEvidence) };
    if let Some(absence) = target.absence.as_deref() {
        return match (view.verdict(id, view.horizon(), 0), absence.proven) {
            (Some(Verdict::Unknown(Reason::NotFound)), Some(since)) => Presence::Gone(since),
            (Some(Verdict::Unknown(reason)), _) => unknown(reason),
            _ => unknown(Reason::Missing),
        };
    }
    let evidence = target.evidence.as_ref().filter(|e| e.tag_epoch >= object.tag_epoch);
    match evidence.map(|e| (e.seen >= view.horizon(), e.facts.shown())) {
        Some((true, Some(shown))) => Presence::Shown(shown),
        Some((false, _)) => unknown(Reason::EvidenceStale),
        Some((true, None)) | None => unknown(Reason::AwaitingEvidence),
    }
}

pub(super) fn why_unread(view: View<'_, Instance>, reason: Reason) -> Reason {
    match (reason, view.reader.hindrance().why()) {
        (Reason::AwaitingEvidence | Reason::EvidenceStale, Some((why, _))) => why,
        _ => reason,
    }
}

pub(super) fn roster(
    view: View<'_, Instance>,
    name: &ObjectId,
    object: &Object<Instance>,
) -> (Roster, Duration) {
    let mut owners = BTreeMap::new();
    let mut looked_at = 0;
    for id in view.reach(object) {
        looked_at += 1;
        if let Some(role) = role(view, object, id) {
            let selector = &object.intent.selector;
            let (named, behind_node) = (selector.ids.contains(id), selector.node_ids.contains(id));
            let presence = presence(view, object, id);
            owners.insert(id.clone(), Owner { role, named, behind_node, presence });
        }
    }
    let (unlisted, lagging) = (view.unlisted(name), view.lagging());
    let mut roster = Roster { owners, unlisted, lagging, ..Roster::default() };
    if let Some((reason, _)) = view.reader.hindrance().why().filter(|(reason, _)| roster.lacks_for(*reason)) {
        roster.unread = view.words_of_reads(reason).map(|words| (reason, words.into()));
        roster.fits = view.fits();
    }
    (roster, Duration::from_micros(looked_at))
}
