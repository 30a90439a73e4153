//! Reads: the queues in which they wait, the sweep, and what their answers show.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::action::Settings;
use super::calls::Calls;
use super::context::Context;
use super::hindrance::Hindrance;
use super::inventory::Inventory;
use super::lookup::{Lookup, Queue};
use super::sweep::{Road, Sweep};
use crate::backoff::{self, LONG};
use crate::budget::{Budget, Urgency};
use crate::call::{Item, Page, Query, ReadCall};
use crate::failure::{Class, Failure};
use crate::id::{CallId, ObjectId, RequestId, TagFilter};
use crate::pace::Pace;
use crate::reason::Reason;
use crate::resource::Resource;
use crate::time::Moment;

/// A verifying read waits this long for company while writes go on.
const GATHER: Duration = Duration::from_secs(5);
/// Pages after which a read that should end is taken as a loop: the cloud caps a tag filter at 1,000 resources, and
/// answers 10 a page at the worst.
const MAX_PAGES: u32 = 120;
/// A terminal failure of the reads is retried for a changed spec, but not more often than this.
const SPEC_RETRY: Duration = Duration::from_secs(30);

/// What is asked of the reads as a whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    /// Something is selected in a way that only a listing of the region can tell all of.
    pub by_listing: bool,
    /// Something is selected by tag: a listing whose tags can't be read tells not all.
    pub by_tag: bool,
    /// Something is selected by the instance that it is on: a listing that does not say where it is tells not all.
    pub by_host: bool,
    /// How many ids are named.
    pub named: usize,
}

/// What waits elsewhere, for which a verifying read may wait, too.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WritesPending {
    pub any: bool,
    pub urgent: bool,
}

impl WritesPending {
    /// What waits of either.
    pub fn or(self, other: Self) -> Self {
        Self { any: self.any || other.any, urgent: self.urgent || other.urgent }
    }
}

/// Where an item came from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub call: CallId,
    pub sent: Moment,
    pub request_id: RequestId,
}

/// What an answer, or the lack of one, shows. Findings are taken in their order.
#[derive(Debug)]
pub(crate) enum Finding<R: Resource> {
    /// A target, as the cloud showed it.
    Shown(Item<R>, Source),
    /// A read by id lacked a target. `showed_any`: it showed something else that was asked for. `request_id`: of the answer
    /// that said so.
    Lacked { id: R::Id, call: CallId, showed_any: bool, request_id: Option<RequestId> },
    /// A look-up proved nothing about a target.
    Unproven(R::Id),
    /// The cloud refuses to be asked for a target at all.
    Refused(R::Id),
    /// The cloud says that it knows no such target.
    Denied(R::Id),
    /// What is to be done about a target may be something else now.
    Due(R::Id),
    /// Nothing can be seen at all: these are looked up.
    Blind(Vec<R::Id>),
    /// The targets of a batch were read, in this call, and these were shown.
    ProofRead(CallId, BTreeSet<R::Id>),
    /// The targets of a batch could not be read.
    ProofLost,
    /// A listing of the region that began then, with this call, is complete.
    Listed(CallId, Moment),
    /// A listing of the region tells nothing.
    NotListed,
    /// A sweep is complete.
    Swept {
        /// Whether it read anything.
        read: bool,
        /// Whether sweeps have come to be too seldom, or are no more.
        pace_changed: bool,
    },
    /// Why things are not known has changed.
    Explained,
}

impl<R: Resource> Finding<R> {
    /// The target of which it says whether it is there.
    pub fn target(&self) -> Option<&R::Id> {
        match self {
            Self::Shown(item, _) => Some(&item.id),
            Self::Lacked { id, .. } => Some(id),
            _ => None,
        }
    }
}

/// What a call under way is for.
#[derive(Debug)]
enum Purpose<R: Resource> {
    Ids(Lookup<R>),
    Filtered { tags: Vec<TagFilter>, pages: u32 },
    Probe,
    SweepPage,
}

/// Queues and state of reading.
#[derive(Debug)]
pub(super) struct Reader<R: Resource> {
    settings: Settings,
    budget: Budget,
    /// Calls without an answer.
    calls: Calls<Purpose<R>>,
    changed: VecDeque<R::Id>,
    /// The same, to tell whether an id waits already.
    changed_ids: BTreeSet<R::Id>,
    verify: Verify<R>,
    missing: BTreeSet<R::Id>,
    urgent: BTreeSet<R::Id>,
    proof: Option<Vec<R::Id>>,
    filtered: VecDeque<(ObjectId, Vec<TagFilter>)>,
    /// Further pages, and halves of a read that was refused.
    further: VecDeque<(Purpose<R>, ReadCall<R>)>,
    sweep: Option<Sweep<R>>,
    /// A round is wanted sooner than its time.
    sweep_wanted: bool,
    last_started: Option<Moment>,
    /// Since when there is evidence of everything: the start of the last complete round, or a little before.
    last_complete: Option<Moment>,
    /// The same of the complete round before that.
    before_last: Option<Moment>,
    pace: Pace,
    /// Pages of the last complete listing of the region.
    region_pages: Option<u32>,
    /// The first call of the last complete listing of the region, and when it was sent.
    last_listing: Option<(CallId, Moment)>,
    sweep_owed: bool,
    /// Something that the identity could see lately: a control sample for look-ups of what it can't.
    sample: Option<R::Id>,
    probed: Option<Moment>,
    trouble: Option<Trouble>,
    hindrance: Hindrance,
    /// Why the last listing was not complete.
    unlisted: Reason,
    /// What was seen before this has been taken for stale, by whatever life evidence had then.
    staled: Moment,
}

/// Targets that we wrote to.
#[derive(Debug)]
struct Verify<R: Resource> {
    /// Somebody waits for these.
    urgent: BTreeSet<R::Id>,
    others: BTreeSet<R::Id>,
    /// Since when the first of them waits.
    since: Option<Moment>,
}

impl<R: Resource> Verify<R> {
    fn len(&self) -> usize {
        self.urgent.len() + self.others.len()
    }

    /// Takes the next batch out; the rest waits anew.
    fn take(&mut self, now: Moment) -> Vec<R::Id> {
        let mut batch = Vec::new();
        while batch.len() < R::IDS_PER_READ
            && let Some(id) = self.urgent.pop_first().or_else(|| self.others.pop_first())
        {
            batch.push(id);
        }
        self.since = (self.len() > 0).then_some(now);
        batch
    }
}

#[derive(Debug)]
struct Trouble {
    reason: Reason,
    failures: u32,
    last: Moment,
    not_before: Moment,
}

impl<R: Resource> Reader<R> {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            budget: Budget::new(settings.reads),
            calls: Calls::default(),
            changed: VecDeque::new(),
            changed_ids: BTreeSet::new(),
            verify: Verify { urgent: BTreeSet::new(), others: BTreeSet::new(), since: None },
            missing: BTreeSet::new(),
            urgent: BTreeSet::new(),
            proof: None,
            filtered: VecDeque::new(),
            further: VecDeque::new(),
            sweep: None,
            sweep_wanted: false,
            last_started: None,
            last_complete: None,
            before_last: None,
            pace: Pace::new(settings.sweep_interval),
            region_pages: None,
            last_listing: None,
            sweep_owed: false,
            sample: None,
            probed: None,
            trouble: None,
            hindrance: Hindrance::default(),
            unlisted: Reason::AwaitingListing,
            staled: Moment::default(),
        }
    }

    // What others ask of it.

    /// Has a target read soon: somebody changed what selects it.
    pub fn read_changed(&mut self, id: &R::Id) {
        if self.changed_ids.insert(id.clone()) {
            self.changed.push_back(id.clone());
        }
    }

    /// Has a target read that we wrote to. `urgent`: somebody waits for it.
    pub fn verify(&mut self, now: Moment, id: &R::Id, urgent: bool) {
        let verify = &mut self.verify;
        verify.since.get_or_insert(now);
        if urgent {
            verify.others.remove(id);
            verify.urgent.insert(id.clone());
        } else if !verify.urgent.contains(id) {
            verify.others.insert(id.clone());
        }
    }

    /// What was to be verified is known.
    pub fn verified(&mut self, id: &R::Id) {
        let verify = &mut self.verify;
        if verify.len() > 0 && (verify.urgent.remove(id) || verify.others.remove(id)) && verify.len() == 0 {
            verify.since = None;
        }
    }

    /// Has a target looked up that answers lack.
    pub fn look_up(&mut self, id: &R::Id) {
        self.missing.insert(id.clone());
    }

    /// Has these read at once.
    pub fn read_at_once(&mut self, ids: &BTreeSet<R::Id>) {
        self.urgent.extend(ids.iter().cloned());
    }

    /// Has the targets of a batch read before anything else; `None`: not any more.
    pub fn prove(&mut self, ids: Option<Vec<R::Id>>) {
        self.proof = ids;
    }

    /// Has everything read anew, without waiting for the next round's time.
    pub fn sweep_soon(&mut self) {
        self.sweep_wanted = true;
    }

    /// Has an object's new selector by tag listed. A filtered listing finds the first hits soon; the region's is complete.
    pub fn list(&mut self, object: &ObjectId, tags: &[TagFilter], urgent: bool) {
        self.sweep_wanted = true;
        if tags.is_empty() {
            return self.unlist(object);
        }
        let pages = self.region_pages.map_or(0, |p| usize::try_from(p).unwrap_or(usize::MAX));
        let waits = |(name, _): &(ObjectId, Vec<TagFilter>)| name == object;
        if let Some((_, old)) = self.filtered.iter_mut().find(|entry| waits(entry)) {
            *old = tags.to_vec();
        } else if urgent && self.filtered.len() + 1 < pages {
            // When the sweep costs no more than the filtered listings that wait already, it is the quicker way.
            self.filtered.push_back((object.clone(), tags.to_vec()));
        }
    }

    /// An object that asked for a listing is gone.
    pub fn unlist(&mut self, object: &ObjectId) {
        self.filtered.retain(|(name, _)| name != object);
    }

    pub fn forget(&mut self, id: &R::Id) {
        self.verified(id);
        self.missing.remove(id);
    }

    /// A spec was edited: what only a person could mend may be mended.
    pub fn spec_changed(&mut self, now: Moment) {
        if let Some(trouble) = &mut self.trouble {
            trouble.not_before = trouble.not_before.min(trouble.last.after(SPEC_RETRY).max(now));
        }
    }

    /// There is another key: whatever stood against the old one may not stand against this.
    pub fn key_changed(&mut self, now: Moment) {
        if let Some(trouble) = &mut self.trouble {
            trouble.not_before = now;
        }
    }

    /// Someone else may have led meanwhile: a round of which a part was read before would join what does not belong
    /// together, and what was wrong with the calls that were given up is not the cloud's word.
    pub fn begin_term(&mut self) {
        self.sweep = None;
        for (purpose, _) in std::mem::take(&mut self.further) {
            // What is missing is looked up from the beginning; the round that begins finds everything else.
            if let Purpose::Ids(Lookup { queue: Queue::Missing, missing, .. }) = purpose {
                self.missing.extend(missing);
            }
        }
        self.trouble = None;
        self.hindrance.is_over();
        self.pace.begin_anew();
        self.sweep_wanted = true;
    }

    // What it tells.

    pub fn available(&mut self, now: Moment) -> u32 {
        self.budget.available(now)
    }

    /// Whether any round has begun.
    pub fn has_begun(&self) -> bool {
        self.last_started.is_some()
    }

    /// Since when there is evidence of everything: the start of the newest complete round.
    pub fn last_complete(&self) -> Option<Moment> {
        self.last_complete
    }

    /// Whether two complete rounds have begun since then.
    pub fn swept_twice_since(&self, then: Moment) -> bool {
        self.before_last.is_some_and(|start| start >= then)
    }

    /// When the last complete listing of the region began, if that was with this call or later.
    pub fn listed(&self, since: CallId) -> Option<Moment> {
        self.last_listing.filter(|(first, _)| *first >= since).map(|(_, at)| at)
    }

    /// Whether a round over everything is under way.
    pub fn sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    /// What is wrong with reading at this moment, if anything.
    pub fn trouble(&self) -> Option<Reason> {
        self.trouble.as_ref().map(|t| t.reason)
    }

    /// What keeps reads from getting on.
    pub fn hindrance(&self) -> &Hindrance {
        &self.hindrance
    }

    /// Why the last listing was not complete.
    pub fn unlisted(&self) -> Reason {
        self.unlisted
    }

    /// How long a sweep takes at half of the read budget.
    fn shortest_interval(&self, demand: Demand) -> Duration {
        let by_id = u32::try_from(demand.named.div_ceil(R::IDS_PER_READ)).unwrap_or(u32::MAX);
        let pages = if demand.by_listing { self.region_pages.unwrap_or(1) } else { by_id };
        Duration::from_mins(2).saturating_mul(pages) / self.settings.reads.per_minute.max(1)
    }

    /// How often the region is swept now: the set interval, stretched so that sweeping takes half of the reads at most.
    pub fn interval(&self, demand: Demand) -> Duration {
        self.settings.sweep_interval.max(self.shortest_interval(demand))
    }

    /// How long evidence lives: as long as it takes to be renewed at the pace that is really reached, within bounds.
    pub fn evidence_life(&self, demand: Demand) -> Duration {
        self.pace.life(self.interval(demand))
    }

    /// What was seen before this has been taken for stale once. The horizon itself may move back, when sweeps turn out to
    /// take longer.
    pub fn staled(&self) -> Moment {
        self.staled
    }

    /// Notes that evidence from before this is taken for stale.
    pub fn note_horizon(&mut self, horizon: Moment) {
        self.staled = self.staled.max(horizon);
    }

    /// How long what is no promise is told, where sweeps come too seldom to promise anything.
    pub fn memory(&self, demand: Demand) -> Duration {
        self.pace.memory(self.interval(demand))
    }

    /// Why nothing positive is said although there is evidence: complete sweeps come too seldom.
    pub fn lagging(&self) -> Option<Reason> {
        let why = || self.hindrance.why().map_or(Reason::EvidenceStale, |(reason, _)| reason);
        self.pace.lagging().then(why)
    }

    /// When the next sweep is due; `None`: there is nothing to be swept.
    pub fn next_sweep_at(&self, now: Moment, demand: Demand) -> Option<Moment> {
        if !demand.by_listing && demand.named == 0 {
            return None;
        }
        let Some(last) = self.last_started else { return Some(now) };
        let regular = last.after(self.interval(demand));
        let wanted = last.after(self.shortest_interval(demand));
        Some(if self.sweep_wanted { wanted.min(regular) } else { regular })
    }

    // What it sends.

    /// Begins a sweep if one is due. `first_waits`: the first one of all waits until then. The answer: whether the pace of
    /// sweeps has come to its end, because there is nothing to be swept.
    pub fn begin_sweep<'a>(
        &mut self,
        now: Moment,
        context: &mut Context,
        demand: Demand,
        first_waits: Option<Moment>,
        (named, inventory): (impl Iterator<Item = &'a R::Id>, &Inventory<R>),
    ) -> Vec<Finding<R>>
    where
        R::Id: 'a,
    {
        if self.sweep.is_some() || self.resting(now).is_some() {
            return Vec::new();
        }
        let Some(at) = self.next_sweep_at(now, demand) else {
            // The time until there is something again is no pace, and nothing waits for a sweep to say so.
            let pace_changed = self.pace.lagging();
            self.pace.begin_anew();
            return if pace_changed { vec![Finding::NotListed] } else { Vec::new() };
        };
        if at > now {
            return Vec::new();
        }
        if !demand.by_listing && self.sample.is_none() && !self.missing.is_empty() {
            // Where nothing can be seen, one probe asks for all ids.
            return Vec::new();
        }
        if let Some(until) = first_waits.filter(|_| self.last_started.is_none()) {
            context.wake_at(until);
            return Vec::new();
        }
        let (road, since) = if demand.by_listing {
            (Road::Region { next: None, reading: false, confirming: false }, now)
        } else {
            let (rest, since) = self.due(now, context.term().since, demand, named, inventory);
            (Road::Ids { rest, reading: 0 }, since)
        };
        self.sweep_wanted = false;
        self.last_started = Some(now);
        self.sweep = Some(Sweep::new(now, context.upcoming_call(), road, since));
        self.end_sweep_by_id(now, demand)
    }

    /// The ids for a round, and since when there is evidence of the others. Those that are read first stand at the end:
    /// what was seen longest ago must not grow stale while the round goes on. What was read a moment ago, or is about
    /// to be, need not be read again.
    fn due<'a>(
        &self,
        now: Moment,
        term_since: CallId,
        demand: Demand,
        named: impl Iterator<Item = &'a R::Id>,
        inventory: &Inventory<R>,
    ) -> (Vec<R::Id>, Moment)
    where
        R::Id: 'a,
    {
        let half = self.interval(demand) / 2;
        let answerable =
            |id: &R::Id| !inventory.absence(id).is_some_and(|a| a.refused || (a.denied && a.proven()));
        let mut due: Vec<(Option<Moment>, &R::Id)> = Vec::new();
        let mut since = now;
        for id in named.filter(|id| answerable(id)) {
            let seen = inventory.evidence(id).filter(|e| e.call >= term_since).map(|e| e.seen);
            let recent = seen.is_some_and(|at| now.since(at) < half);
            if recent || self.changed_ids.contains(id) {
                since = since.min(seen.unwrap_or(now));
            } else {
                due.push((seen, id));
            }
        }
        due.sort_by_key(|(seen, _)| std::cmp::Reverse(*seen));
        (due.into_iter().map(|(_, id)| id.clone()).collect(), since)
    }

    /// Until when all reads rest.
    fn resting(&self, now: Moment) -> Option<Moment> {
        self.trouble.as_ref().map(|trouble| trouble.not_before).filter(|at| *at > now)
    }

    /// Sends what may be read now.
    pub fn poll(
        &mut self,
        now: Moment,
        context: &mut Context,
        demand: Demand,
        writes: WritesPending,
        out: &mut Vec<(CallId, ReadCall<R>)>,
    ) {
        if let Some(at) = self.resting(now) {
            context.wake_at(at);
            return;
        }
        while self.calls.len() < self.settings.reads_in_flight {
            let sweep = self.sweep.as_ref().is_some_and(Sweep::has_work);
            let people = self.someone_waits(now, demand, writes);
            if !sweep && !people {
                break;
            }
            let sweep_next = sweep && (self.sweep_owed || !people);
            let urgency = if sweep_next && !people { Urgency::Background } else { Urgency::Foreground };
            if !self.budget.take(now, urgency) {
                context.wake_at(self.budget.next_token(now, urgency));
                break;
            }
            self.sweep_owed = !sweep_next;
            let swept = self.sweep.as_mut().filter(|_| sweep_next).map(Sweep::next);
            let (purpose, read) = match swept {
                Some(Ok(ids)) => by_ids(Lookup::new(Queue::Sweep, ids)),
                Some(Err(page)) => (Purpose::SweepPage, page),
                None => self.next_asked(now, demand, writes),
            };
            let call = self.calls.send(now, context, purpose);
            out.push((call, read));
        }
        self.wake(now, context, demand);
    }

    fn wake(&self, now: Moment, context: &mut Context, demand: Demand) {
        let gathered = self.verify.since.map(|since| since.after(GATHER));
        let sweep = self.next_sweep_at(now, demand).filter(|_| self.sweep.is_none());
        for at in gathered.into_iter().chain(sweep).filter(|at| *at > now) {
            context.wake_at(at);
        }
        if let Some(probed) = self.probed.filter(|_| !self.missing.is_empty()) {
            context.wake_at(probed.after(self.interval(demand)).max(now.after(Duration::from_secs(1))));
        }
    }

    fn verify_ready(&self, now: Moment, writes: WritesPending) -> bool {
        let waiting = &self.verify;
        waiting.since.is_some_and(|since| {
            waiting.len() >= R::IDS_PER_READ
                || now.since(since) >= GATHER
                || (!waiting.urgent.is_empty() && !writes.urgent)
                || !writes.any
        })
    }

    fn missing_ready(&self, now: Moment, demand: Demand) -> bool {
        let probe_due = self.probed.is_none_or(|at| now.since(at) >= self.interval(demand));
        !self.missing.is_empty() && (self.sample.is_some() || probe_due)
    }

    fn someone_waits(&self, now: Moment, demand: Demand, writes: WritesPending) -> bool {
        self.proof.is_some()
            || !self.urgent.is_empty()
            || !self.further.is_empty()
            || !self.changed.is_empty()
            || !self.filtered.is_empty()
            || self.verify_ready(now, writes)
            || self.missing_ready(now, demand)
    }

    /// The most urgent of what somebody waits for.
    fn next_asked(
        &mut self,
        now: Moment,
        demand: Demand,
        writes: WritesPending,
    ) -> (Purpose<R>, ReadCall<R>) {
        if let Some(ids) = self.proof.take() {
            return by_ids(Lookup::new(Queue::Proof, ids));
        }
        if !self.urgent.is_empty() {
            return by_ids(Lookup::new(Queue::Urgent, take_first(&mut self.urgent, R::IDS_PER_READ)));
        }
        if let Some(further) = self.further.pop_front() {
            return further;
        }
        if !self.changed.is_empty() {
            let batch: Vec<R::Id> = self.changed.drain(..self.changed.len().min(R::IDS_PER_READ)).collect();
            for id in &batch {
                self.changed_ids.remove(id);
            }
            return by_ids(Lookup::new(Queue::Changed, batch));
        }
        if let Some((_, tags)) = self.filtered.pop_front() {
            let read = ReadCall { query: Query::Tagged(tags.clone()), page: None };
            return (Purpose::Filtered { tags, pages: 0 }, read);
        }
        if self.verify_ready(now, writes) {
            return by_ids(Lookup::new(Queue::Verify, self.verify.take(now)));
        }
        let sample = self.sample.clone().filter(|_| self.missing_ready(now, demand));
        let Some(sample) = sample else {
            self.probed = Some(now);
            return (Purpose::Probe, ReadCall { query: Query::Region, page: None });
        };
        let mut ids: BTreeSet<R::Id> =
            take_first(&mut self.missing, R::IDS_PER_READ - 1).into_iter().collect();
        // With something in the same answer that can be seen, what is lacking is lacking and not hidden.
        ids.insert(sample);
        by_ids(Lookup::new(Queue::Missing, ids.into_iter().collect()))
    }

    // What comes back.

    /// Calls without an answer.
    pub fn calls(&self) -> &Calls<impl Sized> {
        &self.calls
    }

    /// Takes in the answer to a call, or the lack of one. `None`: it is none of the calls under way.
    pub fn answered(
        &mut self,
        now: Moment,
        context: &mut Context,
        demand: Demand,
        inventory: &Inventory<R>,
        (call, result): (CallId, Result<Page<R>, &Failure>),
    ) -> Option<Vec<Finding<R>>> {
        let (sent, purpose) = self.calls.take(call)?;
        let mut findings = match result {
            Ok(page) => self.page_read(now, demand, inventory, (call, sent, purpose), page),
            Err(failure) => self.failed(now, context, inventory, (call, purpose), failure),
        };
        findings.extend(self.end_sweep_by_id(now, demand));
        Some(findings)
    }

    fn page_read(
        &mut self,
        now: Moment,
        demand: Demand,
        inventory: &Inventory<R>,
        (call, sent, purpose): (CallId, Moment, Purpose<R>),
        page: Page<R>,
    ) -> Vec<Finding<R>> {
        let mut findings = Vec::new();
        self.hindrance.answered();
        if self.trouble.take().is_some() {
            findings.push(Finding::Explained);
        }
        let shown = page.items.len();
        if let Some(item) = page.items.first() {
            self.sample = Some(item.id.clone());
        }
        let unplaced = |item: &Item<R>| {
            (demand.by_tag && R::tags(&item.facts).is_none()) || (demand.by_host && R::misplaced(&item.facts))
        };
        let flawed = page.unreadable > 0 || page.items.iter().any(unplaced);
        let seen: BTreeSet<R::Id> = match &purpose {
            Purpose::Ids(_) => page.items.iter().map(|item| item.id.clone()).collect(),
            _ => BTreeSet::new(),
        };
        if let (Purpose::SweepPage, Some(total), Some(sweep)) = (&purpose, page.total, &mut self.sweep) {
            sweep.count(total, page.items.iter().map(|item| item.id.clone()));
        }
        let source = Source { call, sent, request_id: page.request_id };
        let answer = (call, Some(&source.request_id));
        findings.extend(page.items.into_iter().map(|item| Finding::Shown(item, source.clone())));
        match purpose {
            Purpose::Ids(mut lookup) => {
                if lookup.queue == Queue::Proof {
                    findings.push(Finding::ProofRead(call, seen.clone()));
                }
                lookup.page_read(&seen, page.identity, page.unreadable > 0);
                match page.next {
                    Some(token) if lookup.pages < MAX_PAGES => {
                        let read = ReadCall { page: Some(token), ..lookup.read() };
                        self.further.push_back((Purpose::Ids(lookup), read));
                    }
                    Some(_) => {
                        lookup.unreadable = true;
                        self.lookup_ended(answer, &lookup, inventory, &mut findings);
                    }
                    None => self.lookup_ended(answer, &lookup, inventory, &mut findings),
                }
            }
            Purpose::Filtered { tags, pages } => {
                if let Some(next) = page.next
                    && pages < MAX_PAGES
                {
                    let read = ReadCall { query: Query::Tagged(tags.clone()), page: Some(next) };
                    self.further.push_back((Purpose::Filtered { tags, pages: pages + 1 }, read));
                }
            }
            Purpose::Probe => {
                if shown == 0 {
                    findings.push(Finding::Blind(self.missing.iter().cloned().collect()));
                }
            }
            Purpose::SweepPage => {
                let Some(sweep) = &mut self.sweep else { return findings };
                if sweep.changes_hands(Some(page.identity)) {
                    // The round begins anew.
                    self.sweep = None;
                    self.sweep_wanted = true;
                } else if sweep.page_read(shown, flawed, page.next)
                    && let Some(sweep) = self.sweep.take()
                {
                    self.region_swept(now, demand, &sweep, &mut findings);
                }
            }
        }
        findings
    }

    /// No further page of a read by id is asked for.
    fn lookup_ended(
        &mut self,
        (call, request_id): (CallId, Option<&RequestId>),
        lookup: &Lookup<R>,
        inventory: &Inventory<R>,
        findings: &mut Vec<Finding<R>>,
    ) {
        if lookup.queue == Queue::Sweep
            && let Some(sweep) = &mut self.sweep
        {
            sweep.ids_read(lookup.showed_any, lookup.unreadable, lookup.identity);
        }
        if !lookup.showed_any && self.sample.as_ref().is_some_and(|sample| lookup.missing.contains(sample)) {
            // What could be seen before can't be seen now: this answer proves nothing about the others.
            self.sample = None;
        }
        let suspect = lookup.suspect.as_ref();
        if lookup.unreadable {
            if lookup.queue == Queue::Missing {
                let ids = lookup.missing.iter().chain(suspect.map(|(_, suspect)| suspect));
                findings.extend(ids.cloned().map(Finding::Unproven));
            }
            return;
        }
        let showed_any = lookup.showed_any;
        if let Some((denial, suspect)) = suspect {
            findings.push(lacked(suspect, *denial, showed_any, request_id));
        }
        // What shows nothing at all proves nothing, and must not put off the look-up that does.
        let idle = lookup.queue != Queue::Missing && !showed_any;
        let missing = lookup.missing.iter().filter(|id| !(idle && inventory.absence(id).is_some()));
        findings.extend(missing.map(|id| lacked(id, call, showed_any, request_id)));
    }

    /// The last page of the region's listing is in.
    fn region_swept(
        &mut self,
        now: Moment,
        demand: Demand,
        sweep: &Sweep<R>,
        findings: &mut Vec<Finding<R>>,
    ) {
        self.region_pages = Some(sweep.pages);
        // A listing without anything in it is what a lost permission looks like; an empty region looks the same.
        let blind = sweep.items == 0 && !sweep.counts_nothing();
        if sweep.flawed() || blind {
            self.unlisted = if blind { Reason::NothingVisible } else { Reason::ListingUnreadable };
            findings.push(Finding::NotListed);
            return;
        }
        self.last_listing = Some((sweep.first_call, sweep.started));
        findings.push(Finding::Listed(sweep.first_call, sweep.started));
        self.completed(now, demand, sweep, findings);
    }

    /// Ends a round by id when nothing is left to read.
    fn end_sweep_by_id(&mut self, now: Moment, demand: Demand) -> Vec<Finding<R>> {
        let mut findings = Vec::new();
        if let Some(sweep) = self.sweep.take_if(|sweep| sweep.ids_done()) {
            // Objects that came by tag meanwhile need a listing.
            self.sweep_wanted |= demand.by_listing;
            // A round in which nothing at all could be seen is what a lost permission looks like.
            if !sweep.flawed() && (sweep.pages == 0 || sweep.items > 0) {
                self.completed(now, demand, &sweep, &mut findings);
            }
        }
        findings
    }

    fn completed(&mut self, now: Moment, demand: Demand, sweep: &Sweep<R>, findings: &mut Vec<Finding<R>>) {
        self.before_last = self.last_complete.replace(sweep.since);
        let lagged = self.pace.lagging();
        self.pace.completed(now, sweep.since, self.interval(demand));
        if !sweep.hindered {
            self.hindrance.is_over();
        }
        self.unlisted = Reason::AwaitingListing;
        // A round in which nothing had to be read agrees with nothing.
        findings.push(Finding::Swept { read: sweep.pages > 0, pace_changed: lagged != self.pace.lagging() });
    }

    fn failed(
        &mut self,
        now: Moment,
        context: &mut Context,
        inventory: &Inventory<R>,
        (call, purpose): (CallId, Purpose<R>),
        failure: &Failure,
    ) -> Vec<Finding<R>> {
        let mut findings = Vec::new();
        match purpose {
            // One id that the cloud refuses must not hide a hundred others. That it knows no such id may be said by leaving
            // the id out or by a refusal.
            Purpose::Ids(lookup)
                if matches!(failure.class, Class::Bug | Class::Gone) && lookup.pages == 0 =>
            {
                self.split(now, call, lookup, failure.class, &mut findings);
                return findings;
            }
            // A page token that is refused leaves the answer incomplete; the next round asks anew.
            Purpose::Ids(mut lookup) if matches!(failure.class, Class::Bug | Class::Gone) => {
                lookup.unreadable = true;
                self.lookup_ended((CallId(0), None), &lookup, inventory, &mut findings);
                return findings;
            }
            Purpose::Ids(lookup) => self.put_back(now, lookup, &mut findings),
            Purpose::Filtered { .. } => {
                self.sweep_wanted = true;
                if failure.class == Class::Bug {
                    // One object's filter is refused; the region's listing tells what it selects.
                    return findings;
                }
            }
            Purpose::SweepPage => {
                let begun = self.sweep.as_ref().is_some_and(Sweep::is_under_way);
                if begun && !(failure.class.heals_itself() || failure.class.unsent()) {
                    // A page that is not the first one is refused: its token may have expired, with whatever code the cloud
                    // says so, and the round begins anew when it is time for one.
                    self.sweep = None;
                    if failure.class == Class::Bug {
                        return findings;
                    }
                }
                if let Some(sweep) = &mut self.sweep {
                    sweep.page_failed();
                }
            }
            Purpose::Probe => {}
        }
        if failure.class == Class::Throttled {
            self.budget.throttled(now, failure.retry_after);
        }
        let failures = self.trouble.as_ref().map_or(0, |t| t.failures) + 1;
        let (reason, detail) = (failure.reason(), failure.words());
        self.hindrance.failed(now, failure, reason, &detail);
        if let Some(sweep) = &mut self.sweep {
            sweep.hindered = true;
        }
        let wait = match failure.class {
            Class::Throttled => Duration::from_secs(1),
            // A read is what everything waits for: within the sweep interval, but never sooner than half a second.
            class if class.heals_itself() || class.unsent() => {
                backoff::wait(class, failures, &mut context.jitter).min(Duration::from_mins(1))
            }
            _ => context.jitter.stretch(LONG),
        };
        self.trouble = Some(Trouble { reason, failures, last: now, not_before: now.after(wait) });
        findings.push(Finding::Explained);
        findings
    }

    /// Has what a failed read asked for read again.
    fn put_back(&mut self, now: Moment, lookup: Lookup<R>, findings: &mut Vec<Finding<R>>) {
        match lookup.queue {
            Queue::Proof => findings.push(Finding::ProofLost),
            Queue::Sweep if self.sweep.as_ref().is_some_and(|sweep| !sweep.by_region()) => {
                if let Some(sweep) = &mut self.sweep {
                    sweep.ids_failed(lookup.missing, lookup.showed_any);
                }
            }
            Queue::Changed | Queue::Sweep => lookup.missing.iter().for_each(|id| self.read_changed(id)),
            Queue::Verify => lookup.missing.iter().for_each(|id| self.verify(now, id, false)),
            Queue::Missing => self.missing.extend(lookup.missing),
            Queue::Urgent => self.urgent.extend(lookup.missing),
        }
    }

    /// Reads the halves of what was refused, until it is known which ids are.
    fn split(
        &mut self,
        now: Moment,
        call: CallId,
        mut lookup: Lookup<R>,
        class: Class,
        findings: &mut Vec<Finding<R>>,
    ) {
        if self.sample.is_none() && class == Class::Bug {
            // Nothing was ever seen here: perhaps it is not an id that is refused, but everything. A look-up tells,
            // because it begins with the question whether anything can be read.
            self.missing.extend(std::mem::take(&mut lookup.missing));
        } else if let Some(sample) = self.sample.as_ref().filter(|_| lookup.queue == Queue::Missing) {
            // It was seen lately; the others are what the question was about.
            lookup.missing.remove(sample);
        }
        if lookup.missing.is_empty() {
            return self.put_back(now, lookup, findings);
        }
        let sweeps = lookup.queue == Queue::Sweep;
        let mut ids = lookup.missing.iter();
        let halved = if let (Some(id), None) = (ids.next().cloned(), ids.next()) {
            if class == Class::Gone {
                self.denied(call, &id, lookup.suspect.as_ref(), findings);
            } else {
                findings.push(Finding::Refused(id));
            }
            if lookup.queue == Queue::Proof {
                findings.push(Finding::ProofLost);
            }
            false
        } else {
            for half in lookup.halves().into_iter().flatten() {
                let read = half.read();
                self.further.push_back((Purpose::Ids(half), read));
            }
            true
        };
        if let Some(sweep) = self.sweep.as_mut().filter(|_| sweeps) {
            sweep.ids_split(halved);
        }
    }

    /// The cloud was asked for one id alone and says that it knows no such target.
    fn denied(
        &mut self,
        call: CallId,
        id: &R::Id,
        suspect: Option<&(CallId, R::Id)>,
        findings: &mut Vec<Finding<R>>,
    ) {
        let lacked = |id: &R::Id, call| lacked(id, call, false, None);
        let denied = |id: &R::Id| Finding::Denied(id.clone());
        findings.extend(suspect.map(|(_, suspect)| denied(suspect)));
        findings.push(denied(id));
        findings.extend(suspect.map(|(denial, suspect)| lacked(suspect, *denial)));
        if self.sample.as_ref() == Some(id) {
            self.sample = None;
        }
        match self.sample.clone() {
            // Whether it is unknown or hidden, a look at something that was seen lately tells.
            Some(sample) => self.accuse(call, id, sample),
            None => findings.push(lacked(id, call)),
        }
        // It is asked for by itself from now on, and seldom.
        findings.extend([denied(id), Finding::Due(id.clone())]);
    }

    /// Asks for the sample, to tell what the denial of a target is worth. Denials may come faster than the budget lets them
    /// be judged: then the newest is, once.
    fn accuse(&mut self, denial: CallId, id: &R::Id, sample: R::Id) {
        let waiting = self.further.iter_mut().find_map(|(purpose, _)| match purpose {
            Purpose::Ids(lookup) => lookup.suspect.as_mut().filter(|(_, suspect)| suspect == id),
            _ => None,
        });
        if let Some((before, _)) = waiting {
            *before = denial;
            return;
        }
        let suspect = Some((denial, id.clone()));
        let lookup = Lookup { suspect, ..Lookup::new(Queue::Missing, vec![sample]) };
        self.further.push_back(by_ids(lookup));
    }
}

fn lacked<R: Resource>(
    id: &R::Id,
    call: CallId,
    showed_any: bool,
    request_id: Option<&RequestId>,
) -> Finding<R> {
    Finding::Lacked { id: id.clone(), call, showed_any, request_id: request_id.cloned() }
}

fn by_ids<R: Resource>(lookup: Lookup<R>) -> (Purpose<R>, ReadCall<R>) {
    let read = lookup.read();
    (Purpose::Ids(lookup), read)
}

/// Takes the first ones out, so many at most.
fn take_first<T: Ord>(set: &mut BTreeSet<T>, most: usize) -> Vec<T> {
    std::iter::from_fn(|| set.pop_first()).take(most).collect()
}
