//! The sweep: a round over everything, by a listing of the region or by id, and what may be concluded when it ends.

use super::Lane;
use crate::call::{IDS_PER_READ, Identity, Query, ReadCall};
use crate::engine::{Engine, Extension, Purpose};
use crate::id::{CallId, PageToken};
use crate::kind::Kind;
use crate::reason::Reason;
use crate::time::Moment;

/// A round over everything.
#[derive(Debug)]
pub(super) struct Sweep<K: Kind> {
    pub(super) first_call: CallId,
    pub(super) started: Moment,
    /// The oldest evidence that it lets stand: that of the ids which it does not read anew.
    pub(super) since: Moment,
    pub(super) road: Road<K>,
    /// Something made this round unfit to conclude anything from absence.
    pub(super) flawed: bool,
    /// A read failed while it was under way.
    pub(super) hindered: bool,
    pub(super) items: usize,
    pub(super) pages: u32,
    /// The token of the page whose number was the last power of two: whoever goes in circles comes by it again.
    pub(super) mark: Option<PageToken>,
    /// To whom its pages were given so far.
    identity: Option<Identity>,
}

impl<K: Kind> Sweep<K> {
    /// Notes to whom a page was given; whether that is somebody else than before.
    pub(super) fn changes_hands(&mut self, identity: Option<Identity>) -> bool {
        let before = self.identity;
        self.identity = identity.or(before);
        before.is_some() && before != self.identity
    }
}

#[derive(Debug)]
pub(super) enum Road<K: Kind> {
    /// The listing of the region, a page after the other.
    /// An empty last page is how a permission looks that was lost on the way: then the first page is read once more, to
    /// see that it still shows something.
    Region { next: Option<PageToken>, reading: bool, confirming: bool },
    /// Only ids are wanted: these are still to be read, and so many reads are under way.
    Ids { rest: Vec<K::Id>, reading: usize },
}

impl<K: Extension> Engine<K> {
    pub(super) fn begin_sweep(&mut self, now: Moment) {
        if self.reads.sweep.is_some() {
            return;
        }
        let Some(at) = self.view(now).next_sweep_at() else {
            self.rest_the_pace();
            return;
        };
        if at > now {
            return;
        }
        if !self.view(now).by_listing() && self.reads.witness.is_none() && !self.reads.lookups.is_empty() {
            // Where nothing can be seen, one probe asks for all ids.
            return;
        }
        if self.reads.last_started.is_none()
            && let Some(until) = self.rosters_pending(now)
        {
            self.context.wake_at(until);
            return;
        }
        let (road, since) = if self.view(now).by_listing() {
            (Road::Region { next: None, reading: false, confirming: false }, now)
        } else {
            let (rest, since) = self.due_ids(now);
            (Road::Ids { rest, reading: 0 }, since)
        };
        self.reads.sweep_wanted = false;
        self.reads.last_started = Some(now);
        self.reads.sweep = Some(Sweep {
            first_call: self.context.upcoming_call(),
            started: now,
            since,
            road,
            flawed: false,
            hindered: false,
            items: 0,
            pages: 0,
            mark: None,
            identity: None,
        });
        self.end_sweep_if_done(now);
    }

    /// There is nothing to be swept: the time until there is again is no pace, and nothing waits for a sweep to say so.
    fn rest_the_pace(&mut self) {
        if self.reads.pace.lagging() {
            self.touch_all();
        }
        self.reads.pace.begin_anew();
    }

    /// The ids for a round, and since when there is evidence of the others. Those that are read first stand at the end:
    /// what was seen longest ago must not grow stale while the round goes on. What was read a moment ago, or is about
    /// to be, need not be read again.
    fn due_ids(&self, now: Moment) -> (Vec<K::Id>, Moment) {
        let half = self.view(now).sweep_interval() / 2;
        let evidence = |id: &K::Id| self.inventory.evidence(id);
        let mut due: Vec<(Option<Moment>, &K::Id)> = Vec::new();
        let mut since = now;
        for id in self.selection.named_ids().filter(|id| !self.view(now).unanswerable(id)) {
            let seen = evidence(id).filter(|e| e.call >= self.context.term_since()).map(|e| e.seen);
            let recent = seen.is_some_and(|at| now.since(at) < half);
            if recent || self.reads.changed_ids.contains(id) {
                since = since.min(seen.unwrap_or(now));
            } else {
                due.push((seen, id));
            }
        }
        due.sort_by_key(|(seen, _)| std::cmp::Reverse(*seen));
        (due.into_iter().map(|(_, id)| id.clone()).collect(), since)
    }

    pub(super) fn sweep_has_work(&self) -> bool {
        match self.reads.sweep.as_ref().map(|s| &s.road) {
            Some(Road::Region { reading, .. }) => !reading,
            Some(Road::Ids { rest, .. }) => !rest.is_empty(),
            None => false,
        }
    }

    pub(super) fn next_sweep_read(&mut self) -> (Purpose<K>, ReadCall<K>) {
        match self.reads.sweep.as_mut().map(|s| &mut s.road) {
            Some(Road::Ids { rest, reading }) => {
                *reading += 1;
                let ids = rest.split_off(rest.len().saturating_sub(IDS_PER_READ));
                Self::by_ids(Lane::Sweep, ids)
            }
            Some(Road::Region { next, reading, .. }) => {
                *reading = true;
                (Purpose::SweepPage, ReadCall { query: Query::Region, page: next.clone() })
            }
            None => (Purpose::Probe, ReadCall { query: Query::Region, page: None }),
        }
    }

    pub(super) fn sweep_page_read(
        &mut self,
        now: Moment,
        items: usize,
        flawed: bool,
        next: Option<PageToken>,
    ) {
        let Some(sweep) = &mut self.reads.sweep else { return };
        let Road::Region { next: at, reading, confirming } = &mut sweep.road else { return };
        *reading = false;
        if *confirming {
            sweep.flawed |= items == 0;
            self.finish_region_sweep(now);
            return;
        }
        sweep.items += items;
        sweep.pages += 1;
        sweep.flawed |= flawed;
        let looping = next.is_some() && (next == *at || next == sweep.mark);
        if next.is_some() && !looping {
            if sweep.pages.is_power_of_two() {
                sweep.mark.clone_from(&next);
            }
            *at = next;
            return;
        }
        sweep.flawed |= looping;
        if items == 0 && sweep.items > 0 {
            (*at, *confirming) = (None, true);
        } else {
            self.finish_region_sweep(now);
        }
    }

    fn finish_region_sweep(&mut self, now: Moment) {
        if let Some(sweep) = self.reads.sweep.take() {
            self.region_swept(now, &sweep);
        }
    }

    /// The last page of the region's listing is in.
    fn region_swept(&mut self, now: Moment, sweep: &Sweep<K>) {
        self.reads.region_pages = Some(sweep.pages);
        // A listing without anything in it is what a lost permission looks like; an empty region looks the same.
        let blind = sweep.items == 0;
        if sweep.flawed || blind {
            self.reads.unlisted = if blind { Reason::NothingVisible } else { Reason::ListingUnreadable };
            self.touch_all();
            return;
        }
        let lacking: Vec<K::Id> = self
            .inventory
            .iter()
            .filter(|(_, t)| t.evidence.as_ref().is_none_or(|e| e.call < sweep.first_call))
            .map(|(id, _)| id.clone())
            .collect();
        for id in lacking {
            self.doubt(now, &id, sweep.first_call);
        }
        self.reads.last_listing = Some((sweep.first_call, sweep.started));
        for object in self.objects.values_mut() {
            if object.needs_listing() && sweep.first_call >= object.listing_since {
                object.listed = Some(sweep.started);
            }
        }
        self.completed(now, sweep);
    }

    /// Ends a round by id when nothing is left to read. Asked after each answer, whatever it was.
    pub(in crate::engine) fn end_sweep_if_done(&mut self, now: Moment) {
        let done =
            self.reads.sweep.as_ref().is_some_and(
                |sweep| matches!(&sweep.road, Road::Ids { rest, reading: 0 } if rest.is_empty()),
            );
        if done && let Some(sweep) = self.reads.sweep.take() {
            // Objects that came by tag meanwhile need a listing.
            self.reads.sweep_wanted |= self.view(now).by_listing();
            // A round in which nothing at all could be seen is what a lost permission looks like.
            if !sweep.flawed && (sweep.pages == 0 || sweep.items > 0) {
                self.completed(now, &sweep);
            }
        }
    }

    fn completed(&mut self, now: Moment, sweep: &Sweep<K>) {
        self.reads.before_last = self.reads.last_complete.replace(sweep.since);
        let lagged = self.reads.pace.lagging();
        self.reads.pace.completed(now, sweep.since, self.view(now).sweep_interval());
        if !sweep.hindered {
            self.reads.hindrance.is_over();
        }
        if lagged != self.reads.pace.lagging() {
            self.touch_all();
        }
        self.reads.unlisted = Reason::AwaitingListing;
        let circuit_open = self.breaker.is_open();
        // A round in which nothing had to be read agrees with nothing.
        if sweep.pages > 0 {
            self.breaker.swept(now);
        }
        if circuit_open != self.breaker.is_open() {
            self.context.touch_all(self.acting.iter().cloned());
            self.look_up_anew(now);
        }
        // Where anything was uncertain, this round may have made it certain without any fact having changed.
        self.touch_uncertain();
    }

    /// What was looked up in vain while the circuit breaker was open has come to be looked up seldom, and from now on it proves something.
    fn look_up_anew(&mut self, now: Moment) {
        for (id, absence) in self.inventory.absences_mut().filter(|(_, absence)| !absence.proven()) {
            absence.lookups = 0;
            self.timers.insert((absence.next_lookup(now).max(now), id.clone()));
        }
    }

    /// A refused page that is not the first one: its token may have expired, and the round begins anew when it
    /// is time for one.
    pub(super) fn sweep_began_anew(&mut self) -> bool {
        let further =
            matches!(&self.reads.sweep, Some(Sweep { road: Road::Region { next: Some(_), .. }, .. }));
        if further {
            self.reads.sweep = None;
        }
        further
    }

    /// Whether a page of the listing was given to somebody else than those before it (I40). Then they are no listing, and
    /// the round begins anew.
    pub(super) fn sweep_changed_hands(&mut self, identity: Identity) -> bool {
        let changed = self.reads.sweep.as_mut().is_some_and(|sweep| sweep.changes_hands(Some(identity)));
        if changed {
            self.reads.sweep = None;
            self.reads.sweep_wanted = true;
        }
        changed
    }

    pub(super) fn sweep_page_failed(&mut self) {
        if let Some(Sweep { road: Road::Region { reading, .. }, .. }) = &mut self.reads.sweep {
            *reading = false;
        }
    }
}
