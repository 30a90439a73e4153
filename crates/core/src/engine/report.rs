//! What is said of each object.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::objects::{Member, Object, Reported};
use super::{Action, Engine, Extension};
use crate::conditions::{Question, judge};
use crate::failure::without_request;
use crate::id::InstanceId;
use crate::id::ObjectId;
use crate::intent::Intent;
use crate::kind::Applicability;
use crate::owners::{Owner, Presence, Role};
use crate::reason::{Reason, Risk};
use crate::time::Moment;
use crate::verdict::{
    Counts, Groups, MAX_ROWS, NodeFindings, RegionReport, Row, State, Verdict, sort_rows, tell_with,
};

/// Counts alone are reported this often at most.
const COUNTS_EVERY: Duration = Duration::from_secs(2);
/// Reports and rosters that take at least this long to make share a part of the time.
const LONG_REPORT: Duration = Duration::from_micros(200);

impl<K: Extension> Engine<K> {
    pub(super) fn plan_reports(&mut self, now: Moment, out: &mut Vec<Action<K>>) {
        self.fetch_due_reports(now);
        let dirty = self.context.take_touched();
        for name in dirty {
            let Some(object) = self.objects.get(&name) else { continue };
            if object.intent.enumerates {
                self.rosters_due.insert(name);
                continue;
            }
            if object.next_report > now {
                self.deferred.insert((object.next_report, name));
                continue;
            }
            self.tidy_memory(now, &name);
            self.watches_due.insert(name.clone());
            let (part, cost) = self.judge_part(now, &name);
            let whole = digest(&part);
            let shape = self.shape(&name, &part);
            let next_report = now.after(self.rest(&name, cost));
            let uncertain = !part.counts.unknown.is_empty()
                || part.unlisted.is_some()
                || self.objects.get(&name).is_some_and(|object| self.bereaved(object));
            let gathers = self.objects.get(&name).is_some_and(|object| self.gathers_losses(now, object));
            let Some(object) = self.objects.get_mut(&name) else { continue };
            object.settled |= part.settled;
            let awaited = (object.born, name.clone());
            if object.settled {
                self.unsettled.remove(&awaited);
            } else {
                self.unsettled.insert(awaited);
            }
            object.next_report = next_report;
            let tells = !object.losses.is_empty();
            match object.reported {
                Some(last) if last.whole == whole && !tells => {
                    object.reported = Some(Reported { uncertain, ..last });
                }
                Some(last) if last.shape == shape && now.since(last.at) < COUNTS_EVERY => {
                    // A transition that comes before its time goes out at once all the same.
                    self.deferred.insert((last.at.after(COUNTS_EVERY), name));
                }
                Some(last) if last.shape == shape && tells && gathers => {
                    self.deferred.insert((now.after(COUNTS_EVERY), name));
                }
                _ => {
                    object.reported = Some(Reported { at: now, whole, shape, uncertain });
                    let part = RegionReport { lost: std::mem::take(&mut object.losses), ..part };
                    out.push(Action::Report(name, object.generation, Box::new(part)));
                }
            }
        }
        if let Some((at, _)) = self.deferred.first() {
            let at = *at;
            self.context.wake_at(at);
        }
        if let Some((born, _)) = self.unsettled.first() {
            let at = born.after(self.patience);
            self.context.wake_at(at);
        }
    }

    /// How long an object is left alone after what was made for it: a long list is not looked through at every answer, and
    /// all of them together take a tenth of the time.
    pub(super) fn rest(&mut self, name: &ObjectId, cost: Duration) -> Duration {
        if cost >= LONG_REPORT {
            self.long_reports.insert(name.clone());
        } else {
            self.long_reports.remove(name);
        }
        let rivals = u32::try_from(self.long_reports.len()).unwrap_or(u32::MAX).max(2);
        cost * 10 * rivals
    }

    /// Marks the reports whose time has come: those put off, and those that were waited for long enough.
    fn fetch_due_reports(&mut self, now: Moment) {
        while self.deferred.first().is_some_and(|(at, _)| *at <= now)
            && let Some((_, name)) = self.deferred.pop_first()
        {
            self.context.touch(name);
        }
        let patience = self.patience;
        while self.unsettled.first().is_some_and(|(born, _)| born.after(patience) <= now)
            && let Some((_, name)) = self.unsettled.pop_first()
        {
            self.context.touch(name);
        }
    }

    /// Why the list of the object's targets may not be complete.
    pub(super) fn unlisted(&self, now: Moment, name: &ObjectId) -> Option<Reason> {
        let object = self.objects.get(name)?;
        if !object.needs_listing() {
            return None;
        }
        if self.rosterless.contains(name) {
            return Some(Reason::AwaitingListing);
        }
        if let Some(reason) =
            object.roster.as_ref().filter(|_| !object.intent.enumerates).and_then(|r| r.unlisted)
        {
            return Some(reason);
        }
        match object.listed {
            Some(at) if at >= self.horizon(now) => None,
            listed => Some(match self.reads.hindrance.why() {
                Some((reason, _)) => reason,
                None if self.reads.unlisted != Reason::AwaitingListing => self.reads.unlisted,
                None if listed.is_some() => Reason::EvidenceStale,
                None => Reason::AwaitingListing,
            }),
        }
    }

    fn judge_part(&self, now: Moment, name: &ObjectId) -> (RegionReport, Duration) {
        let Some(object) = self.objects.get(name) else { return (RegionReport::default(), Duration::ZERO) };
        let mut counts = Counts::default();
        let mut rows: Vec<Row> = Vec::new();
        let (mut gone, mut refused) = (BTreeSet::new(), BTreeSet::new());
        let mut looked_at = 0;
        // After a start, what is missing is looked up once more before the word that stands is changed: it may have been
        // proven to be gone long ago.
        let at_start = object.hot_until.is_none();
        let mut awaiting = object.roster.as_ref().is_some_and(|roster| {
            roster.awaits() || (at_start && roster.misses()) || (!object.settled && roster.unheard())
        });
        for id in self.reach(object) {
            looked_at += 1;
            let Some((verdict, risks)) = self.judge_target(now, object, id) else { continue };
            awaiting |= matches!(verdict, Verdict::Unknown(Reason::AwaitingEvidence))
                || (!object.settled && verdict == Verdict::Unknown(Reason::EvidenceStale))
                || (at_start && verdict == Verdict::Unknown(Reason::Missing))
                || (!object.settled && self.is_on_unheard(object, id));
            let mut verdict = self.explain(verdict, &object.intent);
            if verdict == Verdict::Unknown(Reason::NotFound) && object.intent.selector.only_node_names(id) {
                // Nobody has typed this id.
                verdict = Verdict::Unknown(Reason::NodeInstanceGone);
                gone.insert(InstanceId::new(id.to_string()));
            }
            if self.is_no_id(object, id) {
                verdict = Verdict::Unknown(Reason::NodeIdRefused);
                refused.insert(InstanceId::new(id.to_string()));
            }
            let text = id.to_string();
            let named = object.intent.selector.ids.contains(id);
            counts.add_with(&text, named, verdict, &risks, |reason| self.words(id, reason));
            let (state, reason) = match verdict {
                Verdict::Protected(_) => (State::Protected, Reason::AllProtected),
                Verdict::Unprotected(reason) => (State::Unprotected, reason),
                Verdict::NotApplicable(reason) => (State::NotApplicable, reason),
                Verdict::Unknown(reason) => (State::Unknown, reason),
            };
            // Only what may end up in the list is kept while going through it.
            if K::REMEMBERS {
                continue;
            }
            if state != State::Protected || !risks.is_empty() || rows.len() < MAX_ROWS {
                rows.push(Row { id: text.into(), state, reason, detail: self.row_detail(id, reason), risks });
                if rows.len() > 4 * MAX_ROWS {
                    sort_rows(&mut rows);
                }
            }
        }
        sort_rows(&mut rows);
        let roster = object.roster.as_deref().filter(|_| object.intent.owners.is_some());
        // What has no targets, and would have none by any sweep, waits for none.
        let lagging = self.lagging().filter(|_| looked_at > 0 || object.needs_listing());
        let lagging = lagging.or(roster.and_then(|roster| roster.lagging));
        let unlisted = self.unlisted(now, name).or(lagging);
        let unlisted_words = unlisted.and_then(|reason| {
            let told = object
                .roster
                .as_ref()
                .filter(|_| !object.intent.enumerates)
                .and_then(|r| r.words_for(reason));
            told.or_else(|| self.words_of_reads(reason)).map(Into::into)
        });
        awaiting |= unlisted == Some(Reason::AwaitingListing);
        // A listing that fails is no more evidence than one that has not come yet.
        awaiting |= !object.settled
            && object.needs_listing()
            && object.listed.is_none_or(|at| at < self.context.term_began())
            && self.reads.unlisted == Reason::AwaitingListing;
        let waited = now.since(object.born) >= self.patience;
        let settled = object.settled || !awaiting || waited;
        let progress = self.progress(now, name);
        let mut owners = Groups::new();
        for (instance, reason) in self.doubtful_owners(object) {
            let words = || object.roster.as_ref()?.words_for(reason).map(Into::into);
            tell_with(&mut owners, reason, instance.as_str(), words);
            match reason {
                Reason::NodeInstanceGone => gone.insert(instance.clone()),
                Reason::NodeIdRefused => refused.insert(instance.clone()),
                _ => false,
            };
        }
        let retention = K::retention(self, now, name);
        let mut fits = roster.map(|roster| roster.fits.clone()).unwrap_or_default();
        if unlisted == Some(Reason::Throttled) || counts.unknown.contains_key(&Reason::Throttled) {
            fits.extend(self.fits());
        }
        // Reckoned and not measured, so that the same inputs give the same actions. Measured with the examples `scale` and
        // `scale_retention`, where the roster is asked about each target, too.
        let each = Duration::from_micros(if K::REMEMBERS { 6 } else { 1 });
        let (nodes, lost) = (NodeFindings::default(), Vec::new());
        let part = RegionReport {
            settled,
            counts,
            unlisted,
            unlisted_words,
            fits,
            owners,
            gone,
            refused,
            nodes,
            progress,
            rows,
            retention,
            lost,
        };
        (part, each * looked_at)
    }

    /// What is said of one target of an object, and its risks; `None`: it is none of its targets.
    pub(super) fn judge_target(
        &self,
        now: Moment,
        object: &Object<K>,
        id: &K::Id,
    ) -> Option<(Verdict, Vec<Risk>)> {
        let horizon = self.told_horizon(now);
        let verdict = || self.verdict(id, horizon, object.tag_epoch);
        let mut said = match self.member(now, object, id) {
            Member::No => return None,
            // Named and missing is more to the point than unread.
            Member::Unclear(reason) => match verdict() {
                Some(Verdict::Unknown(why)) => Verdict::Unknown(why),
                _ => Verdict::Unknown(reason),
            },
            Member::Yes => verdict().unwrap_or(Verdict::Unknown(Reason::AwaitingEvidence)),
        };
        let mut risks = Vec::new();
        if let Some(evidence) = self.inventory.evidence(id) {
            risks = K::risks(&evidence.facts);
            if let Some(instance) = K::place(&evidence.facts).instance()
                && K::applicability(&evidence.facts) == Applicability::Yes
            {
                let owner = object.roster.as_ref().and_then(|roster| roster.owners.get(instance));
                risks.extend(ways_to_go(owner.map(|owner| owner.presence_below(evidence.seen))));
            }
            // The cloud has two lists. As long as they don't agree, something is under way.
            if matches!(said, Verdict::Protected(_) | Verdict::NotApplicable(_))
                && !K::unlisted(&evidence.facts)
                && self.lists_disagree(object, id, K::place(&evidence.facts).instance())
            {
                said = Verdict::Unknown(Reason::ListsDisagree);
            }
        }
        if self.lagging().is_some() && matches!(said, Verdict::Protected(_) | Verdict::NotApplicable(_)) {
            said = Verdict::Unknown(Reason::EvidenceStale);
        }
        if self.contested(now, id) {
            risks.push(Risk { reason: Reason::Contested, detail: None });
        }
        Some((said, risks))
    }

    /// Whether the cloud refuses to be asked for an id that nobody has typed: a Node stands for it.
    pub(super) fn is_no_id(&self, object: &Object<K>, id: &K::Id) -> bool {
        let absence = self.inventory.absence(id);
        absence.is_some_and(|absence| absence.refused) && object.intent.selector.only_node_names(id)
    }

    /// Whether the target is on an instance of which nobody has told yet.
    fn is_on_unheard(&self, object: &Object<K>, id: &K::Id) -> bool {
        let place = self.inventory.place(id).instance();
        place.is_some_and(|on| object.roster.as_ref().is_none_or(|roster| !roster.owners.contains_key(on)))
    }

    /// Whether a selected instance lists the target although it is not there, or the one that it is on does not list it.
    fn lists_disagree(&self, object: &Object<K>, id: &K::Id, place: Option<&InstanceId>) -> bool {
        let lists = |instance: &InstanceId| {
            let owner = object.roster.as_ref()?.owners.get(instance).filter(|o| o.role == Role::Selected)?;
            let listed = K::listed(&owner.shown()?.surroundings);
            Some(listed.is_some_and(|listed| listed.contains(id)))
        };
        let elsewhere = self.selection.listed_by(id).iter().filter(|instance| Some(*instance) != place);
        place.and_then(lists) == Some(false) || elsewhere.into_iter().any(|other| lists(other) == Some(true))
    }

    /// The instances of which it is not known what is on them. One that is gone, and left something behind, is no riddle.
    pub(super) fn doubtful_owners<'a>(
        &'a self,
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
            let doubt = match (self.presence_of(instance, owner), owner.role) {
                (Presence::Unknown(Reason::RequestRefused), _) if is_no_id(owner) => {
                    Some(Reason::NodeIdRefused)
                }
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

    /// Words a verdict for an object: with the trouble of reading when that is why it is unknown, and as a mere
    /// observation where nothing is to be done about it.
    pub(super) fn explain(&self, verdict: Verdict, intent: &Intent<K>) -> Verdict {
        match (verdict, self.reads.hindrance.why()) {
            (Verdict::Unknown(Reason::AwaitingEvidence | Reason::EvidenceStale), Some((why, _))) => {
                Verdict::Unknown(why)
            }
            (Verdict::Unprotected(_), _) if !intent.holds() => Verdict::Unprotected(Reason::NotWanted),
            (Verdict::Unprotected(_), _) if intent.observe => Verdict::Unprotected(Reason::Unprotected),
            _ => verdict,
        }
    }

    pub(super) fn row_detail(&self, id: &K::Id, reason: Reason) -> Option<Box<str>> {
        let trouble = self.care(id).and_then(|c| c.trouble.as_ref()).filter(|t| t.reason == reason);
        let detail = match trouble {
            Some(trouble) => trouble.detail.as_ref(),
            None => {
                self.reads.hindrance.why().filter(|(why, _)| *why == reason).map_or("", |(_, detail)| detail)
            }
        };
        (!detail.is_empty()).then(|| detail.into())
    }

    /// What the cloud said of a target, for a sentence about many.
    pub(super) fn words(&self, id: &K::Id, reason: Reason) -> Option<Box<str>> {
        self.row_detail(id, reason).map(|detail| without_request(&detail).into())
    }

    /// What the cloud said to reading, if that is why.
    pub(super) fn words_of_reads(&self, reason: Reason) -> Option<&str> {
        let (why, detail) = self.reads.hindrance.why()?;
        (why == reason && !detail.is_empty()).then(|| without_request(detail))
    }

    /// What conditions would be made of the part, without counts and lists.
    fn shape(&self, name: &ObjectId, part: &RegionReport) -> u64 {
        let question = self.objects.get(name).map_or_else(Question::default, |o| Question::of(&o.intent));
        let condition_set = judge(question, part);
        // What is to be durable before the cloud is asked may not wait until counts are due.
        let attachments = part.retention.as_ref().map(|retention| &retention.attachments);
        digest(&(condition_set.shape(), part.settled, part.progress.as_ref().map(|p| p.done), attachments))
    }
}

/// The risks of what is on an instance that may go in ways of which nobody has said what they do to it.
fn ways_to_go(presence: Option<&Presence>) -> Vec<Risk> {
    match presence {
        Some(Presence::Shown(shown)) => {
            let told: Vec<&Risk> =
                shown.departures.iter().filter(|w| w.reason != Reason::RisksUnreadable).collect();
            let ways: Vec<String> = told
                .iter()
                .map(|way| match &way.detail {
                    Some(detail) => format!("{} {detail}", way.reason.as_str()),
                    None => way.reason.as_str().to_owned(),
                })
                .collect();
            match (ways.is_empty(), shown.departures.is_empty()) {
                (true, true) => Vec::new(),
                (true, false) => vec![Risk { reason: Reason::RisksUnreadable, detail: None }],
                (false, _) => {
                    let detail = Some(ways.join(", ").into());
                    vec![Risk { reason: Reason::ReleasePathUndocumented, detail }]
                }
            }
        }
        Some(Presence::Gone(_)) => Vec::new(),
        Some(Presence::Unknown(_)) | None => vec![Risk { reason: Reason::RisksUnreadable, detail: None }],
    }
}

fn digest(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
