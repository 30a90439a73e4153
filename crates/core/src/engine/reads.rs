//! Reads: the lanes in which they wait, the sweep, and what becomes of their answers.

mod hindrance;
mod lookup;
mod sweep;

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use super::facts::Source;
use super::{Action, Engine, Extension, Purpose};
use crate::backoff::{self, LONG};
use crate::budget::{Budget, Urgency};
use crate::call::{IDS_PER_READ, Page, Query, ReadCall};
use crate::failure::{Class, Failure};
use crate::id::{CallId, ObjectId};
use crate::kind::Kind;
use crate::pace::Pace;
use crate::reason::Reason;
use crate::time::Moment;
use hindrance::Hindrance;
use sweep::Sweep;

pub(super) use lookup::{Lane, Lookup};

/// A verifying read waits this long for company while writes go on.
const GATHER: Duration = Duration::from_secs(5);
/// Pages after which a read that should end is taken as a loop: the cloud caps a tag filter at 1,000 resources, and
/// answers 10 a page at the worst.
const MAX_PAGES: u32 = 120;
/// A terminal failure of the reads is retried for a changed spec, but not more often than this.
const SPEC_RETRY: Duration = Duration::from_secs(30);

/// Lanes and state of reading.
#[derive(Debug)]
pub(super) struct Reads<K: Kind> {
    budget: Budget,
    changed: VecDeque<K::Id>,
    /// The same, to tell whether an id waits already.
    changed_ids: BTreeSet<K::Id>,
    verify: Verify<K>,
    lookups: BTreeSet<K::Id>,
    looks: BTreeSet<K::Id>,
    filtered: VecDeque<ObjectId>,
    /// Further pages, and halves of a read that was refused.
    further: VecDeque<(Purpose<K>, ReadCall<K>)>,
    sweep: Option<Sweep<K>>,
    /// A round is wanted sooner than its time.
    sweep_wanted: bool,
    last_started: Option<Moment>,
    /// Since when there is evidence of everything: the start of the last complete round, or a little before.
    last_complete: Option<Moment>,
    /// The same of the complete round before that.
    before_last: Option<Moment>,
    pub pace: Pace,
    /// Pages of the last complete listing of the region.
    region_pages: Option<u32>,
    /// The first call of the last complete listing of the region, and when it was sent.
    last_listing: Option<(CallId, Moment)>,
    sweep_owed: bool,
    /// Something that the identity could see lately.
    witness: Option<K::Id>,
    probed: Option<Moment>,
    trouble: Option<ReadTrouble>,
    pub hindrance: Hindrance,
    in_flight: usize,
    /// Why the last listing was not complete.
    pub unlisted: Reason,
}

/// Targets that we wrote to.
#[derive(Debug)]
struct Verify<K: Kind> {
    /// Somebody waits for these.
    hot: BTreeSet<K::Id>,
    others: BTreeSet<K::Id>,
    /// Since when the first of them waits.
    since: Option<Moment>,
}

impl<K: Kind> Verify<K> {
    fn len(&self) -> usize {
        self.hot.len() + self.others.len()
    }

    /// Takes the next batch out; the rest waits anew.
    fn take(&mut self, now: Moment) -> Vec<K::Id> {
        let mut batch = Vec::new();
        while batch.len() < IDS_PER_READ
            && let Some(id) = self.hot.pop_first().or_else(|| self.others.pop_first())
        {
            batch.push(id);
        }
        self.since = (self.len() > 0).then_some(now);
        batch
    }
}

#[derive(Debug)]
struct ReadTrouble {
    reason: Reason,
    failures: u32,
    last: Moment,
    not_before: Moment,
}

impl<K: Kind> Reads<K> {
    pub fn new(budget: Budget, pace: Pace) -> Self {
        Self {
            budget,
            changed: VecDeque::new(),
            changed_ids: BTreeSet::new(),
            verify: Verify { hot: BTreeSet::new(), others: BTreeSet::new(), since: None },
            lookups: BTreeSet::new(),
            looks: BTreeSet::new(),
            filtered: VecDeque::new(),
            further: VecDeque::new(),
            sweep: None,
            sweep_wanted: false,
            last_started: None,
            last_complete: None,
            before_last: None,
            pace,
            region_pages: None,
            last_listing: None,
            sweep_owed: false,
            witness: None,
            probed: None,
            trouble: None,
            hindrance: Hindrance::default(),
            in_flight: 0,
            unlisted: Reason::AwaitingListing,
        }
    }

    pub fn available(&mut self, now: Moment) -> u32 {
        self.budget.available(now)
    }

    pub fn last_complete(&self) -> Moment {
        self.last_complete.unwrap_or_default()
    }

    pub fn newest_complete(&self) -> Option<Moment> {
        self.last_complete
    }

    /// Whether two complete rounds have begun since then.
    pub fn swept_twice_since(&self, then: Moment) -> bool {
        self.before_last.is_some_and(|start| start >= then)
    }

    /// Someone else may have led meanwhile: a round of which a part was read before would join what does not belong
    /// together, and what was wrong with the calls that were given up is not the cloud's word.
    pub fn begin_anew(&mut self) {
        self.sweep = None;
        for (purpose, _) in std::mem::take(&mut self.further) {
            // What is missing is looked up from the beginning; the round that begins finds everything else.
            if let Purpose::Ids(Lookup { lane: Lane::Lookup, missing, .. }) = purpose {
                self.lookups.extend(missing);
            }
        }
        self.trouble = None;
        self.hindrance.is_over();
        self.pace.begin_anew();
        self.sweep_wanted = true;
    }

    pub fn read_changed(&mut self, id: &K::Id) {
        if self.changed_ids.insert(id.clone()) {
            self.changed.push_back(id.clone());
        }
    }

    pub fn verify(&mut self, now: Moment, id: &K::Id, hot: bool) {
        let verify = &mut self.verify;
        verify.since.get_or_insert(now);
        if hot {
            verify.others.remove(id);
            verify.hot.insert(id.clone());
        } else if !verify.hot.contains(id) {
            verify.others.insert(id.clone());
        }
    }

    /// What was to be verified is known.
    pub fn verified(&mut self, id: &K::Id) {
        let verify = &mut self.verify;
        if verify.len() > 0 && (verify.hot.remove(id) || verify.others.remove(id)) && verify.len() == 0 {
            verify.since = None;
        }
    }

    /// Everything is to be read anew, without waiting for the next round's time.
    pub fn sweep_soon(&mut self) {
        self.sweep_wanted = true;
    }

    pub fn look_up(&mut self, id: &K::Id) {
        self.lookups.insert(id.clone());
    }

    /// These are to be read at once.
    pub fn look(&mut self, ids: &BTreeSet<K::Id>) {
        self.looks.extend(ids.iter().cloned());
    }

    /// When the last complete listing of the region began, if that was with this call or later.
    pub fn listed(&self, since: CallId) -> Option<Moment> {
        self.last_listing.filter(|(first, _)| *first >= since).map(|(_, at)| at)
    }

    /// Pages of the last complete listing of the region.
    pub fn region_pages(&self) -> Option<u32> {
        self.region_pages
    }

    /// When the newest round began.
    pub fn last_started(&self) -> Option<Moment> {
        self.last_started
    }

    /// Whether a round is wanted sooner than its time.
    pub fn sweep_wanted(&self) -> bool {
        self.sweep_wanted
    }

    /// Whether a round over everything is under way.
    pub fn sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    pub fn forget(&mut self, id: &K::Id) {
        self.verified(id);
        self.lookups.remove(id);
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

    /// What is wrong with reading at this moment, if anything.
    pub fn trouble(&self) -> Option<Reason> {
        self.trouble.as_ref().map(|t| t.reason)
    }

    fn take_changed(&mut self) -> Vec<K::Id> {
        let batch: Vec<K::Id> = self.changed.drain(..self.changed.len().min(IDS_PER_READ)).collect();
        for id in &batch {
            self.changed_ids.remove(id);
        }
        batch
    }
}

impl<K: Extension> Engine<K> {
    /// A new selector by tag needs a listing. A filtered one finds the first hits soon; the region's is complete.
    pub(super) fn request_listing(&mut self, now: Moment, object: &ObjectId) {
        self.reads.sweep_wanted = true;
        if self.objects.get(object).is_none_or(|o| o.intent.selector.tags.is_empty()) {
            return;
        }
        let hot = self.objects.get(object).is_some_and(|o| o.hot(now));
        let pages = self.reads.region_pages.map_or(0, |p| usize::try_from(p).unwrap_or(usize::MAX));
        // When the sweep costs no more than the filtered listings that wait already, it is the quicker way.
        if hot && self.reads.filtered.len() + 1 < pages && !self.reads.filtered.contains(object) {
            self.reads.filtered.push_back(object.clone());
        }
    }

    pub(super) fn plan_reads(&mut self, now: Moment, out: &mut Vec<Action<K>>) {
        if let Some(trouble) = &self.reads.trouble
            && trouble.not_before > now
        {
            let at = trouble.not_before;
            self.context.wake_at(at);
            return;
        }
        self.begin_sweep(now);
        while self.reads.in_flight < self.settings.reads_in_flight {
            let sweep = self.sweep_has_work();
            let people = self.someone_waits(now);
            if !sweep && !people {
                break;
            }
            let sweep_next = sweep && (self.reads.sweep_owed || !people);
            let urgency = if sweep_next && !people { Urgency::Background } else { Urgency::Foreground };
            if !self.reads.budget.take(now, urgency) {
                let at = self.reads.budget.next_token(now, urgency);
                self.context.wake_at(at);
                break;
            }
            self.reads.sweep_owed = !sweep_next;
            let (purpose, read) = if sweep_next { self.next_sweep_read() } else { self.next_asked_read(now) };
            self.reads.in_flight += 1;
            let call = self.launch(now, purpose);
            out.push(Action::Read(call, read));
        }
        self.wake_for_reads(now);
    }

    fn wake_for_reads(&mut self, now: Moment) {
        if let Some(first) = self.reads.verify.since
            && first.after(GATHER) > now
        {
            self.context.wake_at(first.after(GATHER));
        }
        if self.reads.sweep.is_none()
            && let Some(at) = self.view(now).next_sweep_at()
            && at > now
        {
            self.context.wake_at(at);
        }
        if let Some(probed) = self.reads.probed
            && !self.reads.lookups.is_empty()
        {
            self.context.wake_at(
                probed.after(self.view(now).sweep_interval()).max(now.after(Duration::from_secs(1))),
            );
        }
    }

    fn verify_ready(&self, now: Moment) -> bool {
        let waiting = &self.reads.verify;
        waiting.since.is_some_and(|since| {
            waiting.len() >= IDS_PER_READ
                || now.since(since) >= GATHER
                || (!waiting.hot.is_empty() && !self.writes.hot_pending())
                || !self.writes.pending()
        })
    }

    fn lookups_ready(&self, now: Moment) -> bool {
        let probe_due = self.reads.probed.is_none_or(|at| now.since(at) >= self.view(now).sweep_interval());
        !self.reads.lookups.is_empty() && (self.reads.witness.is_some() || probe_due)
    }

    fn someone_waits(&self, now: Moment) -> bool {
        self.proof_wanted()
            || !self.reads.looks.is_empty()
            || !self.reads.further.is_empty()
            || !self.reads.changed.is_empty()
            || !self.reads.filtered.is_empty()
            || self.verify_ready(now)
            || self.lookups_ready(now)
    }

    /// The most urgent of what somebody waits for.
    fn next_asked_read(&mut self, now: Moment) -> (Purpose<K>, ReadCall<K>) {
        if let Some(ids) = self.take_proof_read() {
            return Self::by_ids(Lane::Proof, ids);
        }
        if !self.reads.looks.is_empty() {
            let mut ids = Vec::new();
            while ids.len() < IDS_PER_READ
                && let Some(id) = self.reads.looks.pop_first()
            {
                ids.push(id);
            }
            return Self::by_ids(Lane::Look, ids);
        }
        if let Some(further) = self.reads.further.pop_front() {
            return further;
        }
        if !self.reads.changed.is_empty() {
            return Self::by_ids(Lane::Changed, self.reads.take_changed());
        }
        while let Some(object) = self.reads.filtered.pop_front() {
            if let Some(entry) = self.objects.get(&object)
                && !entry.intent.selector.tags.is_empty()
            {
                let tags = entry.intent.selector.tags.clone();
                let read = ReadCall { query: Query::Tagged(tags.clone()), page: None };
                return (Purpose::Filtered { tags, pages: 0 }, read);
            }
        }
        if self.verify_ready(now) {
            return Self::by_ids(Lane::Verify, self.reads.verify.take(now));
        }
        let Some(witness) = self.reads.witness.clone().filter(|_| !self.reads.lookups.is_empty()) else {
            self.reads.probed = Some(now);
            return (Purpose::Probe, ReadCall { query: Query::Region, page: None });
        };
        let mut ids = BTreeSet::new();
        while ids.len() < IDS_PER_READ - 1
            && let Some(id) = self.reads.lookups.pop_first()
        {
            ids.insert(id);
        }
        // With something in the same answer that can be seen, what is lacking is lacking and not hidden.
        ids.insert(witness);
        Self::by_ids(Lane::Lookup, ids.into_iter().collect())
    }

    pub(super) fn read_ended(
        &mut self,
        now: Moment,
        call: CallId,
        sent: Moment,
        purpose: Purpose<K>,
        page: Page<K>,
    ) {
        self.reads.in_flight -= 1;
        self.reads.hindrance.answered();
        if self.reads.trouble.take().is_some() {
            self.touch_uncertain();
        }
        let source = Source { call, sent, request_id: &page.request_id };
        let mut flawed = page.unreadable > 0;
        let shown = page.items.len();
        if let Some(item) = page.items.first() {
            self.reads.witness = Some(item.id.clone());
        }
        let seen: BTreeSet<K::Id> = match &purpose {
            Purpose::Ids(_) => page.items.iter().map(|item| item.id.clone()).collect(),
            _ => BTreeSet::new(),
        };
        for item in page.items {
            flawed |= !self.take_item(now, source, item);
        }
        match purpose {
            Purpose::Ids(lookup) => {
                if lookup.lane == Lane::Proof {
                    self.proof_read(call, &seen);
                }
                let another = lookup.identity.is_some_and(|before| before != page.identity);
                let unreadable = lookup.unreadable || page.unreadable > 0 || another;
                let lookup = Lookup { unreadable, identity: Some(page.identity), ..lookup };
                self.ids_read(now, call, lookup, &seen, page.next);
            }
            Purpose::Filtered { tags, pages } => {
                if let Some(next) = page.next
                    && pages < MAX_PAGES
                {
                    let read = ReadCall { query: Query::Tagged(tags.clone()), page: Some(next) };
                    self.reads.further.push_back((Purpose::Filtered { tags, pages: pages + 1 }, read));
                }
            }
            Purpose::Probe => {
                if shown == 0 {
                    self.nothing_visible();
                }
            }
            Purpose::SweepPage if self.sweep_changed_hands(page.identity) => {}
            Purpose::SweepPage => self.sweep_page_read(now, shown, flawed, page.next),
            Purpose::Protect(_) | Purpose::Unprotect(_) | Purpose::Attach(..) => {}
        }
    }

    fn nothing_visible(&mut self) {
        let ids: Vec<K::Id> = self.reads.lookups.iter().cloned().collect();
        for id in ids {
            if let Some(absence) = self.inventory.absence_mut(&id) {
                absence.blind = true;
            }
            self.touch_selectors(&id);
        }
    }

    pub(super) fn read_failed(&mut self, now: Moment, call: CallId, purpose: Purpose<K>, failure: &Failure) {
        self.reads.in_flight -= 1;
        match purpose {
            // One id that the cloud refuses must not hide a hundred others. That it knows no such id may be said by leaving
            // the id out or by a refusal.
            Purpose::Ids(lookup)
                if matches!(failure.class, Class::Bug | Class::Gone) && lookup.pages == 0 =>
            {
                return self.split(now, call, lookup, failure.class);
            }
            // A page token that is refused leaves the answer incomplete; the next round asks anew.
            Purpose::Ids(lookup) if failure.class == Class::Bug => {
                return self.lookup_ended(now, CallId(0), &Lookup { unreadable: true, ..lookup });
            }
            Purpose::Ids(lookup) => self.put_back(now, lookup),
            Purpose::Filtered { .. } => {
                self.reads.sweep_wanted = true;
                if failure.class == Class::Bug {
                    // One object's filter is refused; the region's listing tells what it selects.
                    return;
                }
            }
            Purpose::SweepPage if failure.class == Class::Bug && self.sweep_began_anew() => return,
            Purpose::SweepPage => self.sweep_page_failed(),
            Purpose::Probe | Purpose::Protect(_) | Purpose::Unprotect(_) | Purpose::Attach(..) => {}
        }
        if failure.class == Class::Throttled {
            self.reads.budget.throttled(now, failure.retry_after);
        }
        let failures = self.reads.trouble.as_ref().map_or(0, |t| t.failures) + 1;
        let (reason, detail) = super::describe::<K>(failure);
        self.reads.hindrance.failed(now, failure, reason, &detail);
        if let Some(sweep) = &mut self.reads.sweep {
            sweep.hindered = true;
        }
        let wait = match failure.class {
            Class::Throttled => Duration::from_secs(1),
            // A read is what everything waits for: within the sweep interval, but never sooner than half a second.
            class if class.heals_itself() || class.unsent() => {
                backoff::wait(class, failures, &mut self.context.jitter).min(Duration::from_secs(60))
            }
            _ => self.context.jitter.stretch(LONG),
        };
        let not_before = now.after(wait);
        self.reads.trouble = Some(ReadTrouble { reason, failures, last: now, not_before });
        self.touch_uncertain();
    }

    /// Calls that read, so far under way.
    pub fn reads_in_flight(&self) -> usize {
        self.reads.in_flight
    }
}
