//! One object: what it asks for, what it remembers and what it has lost.
//!
//! A target is remembered as soon as fresh evidence shows it protected while the object selects it and wants it so. It is
//! forgotten only when it is proven to be gone, when the object's own spec excludes it, when that spec had its flag
//! given up, or when the time is over for which the spec has survivors remembered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::auto_release_time::Cancelled;
use crate::exception::ExceptionRecord;
use crate::id::{CallId, Generation, InstanceId};
use crate::intent::Intent;
use crate::lift::{LiftRecord, Orphan};
use crate::loss::Loss;
use crate::reason::Reason;
use crate::resource::Resource;
use crate::retention::{MAX_RETAINED, Remembered};
use crate::time::Moment;
use crate::wall_clock::{WallClock, WallTime};

/// Nobody counts on it that a removal takes longer than this.
const REMOVED_WITHIN: Duration = Duration::from_hours(24);

/// A lift counts among the last ones for this long.
pub(super) const LIFTS_COUNT_FOR: Duration = Duration::from_mins(10);

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
    /// The targets for which it steps aside.
    pub aside: Aside<R>,
    /// The machines that are still there although they were to go, and of which no report has told yet.
    pub orphans: Vec<Orphan>,
    /// What it has lost and no report has told yet.
    pub losses: Vec<Loss>,
    /// The release times that it had taken away and of which no report has told yet.
    pub cancelled: Vec<Cancelled>,
}

/// The targets for which one object steps aside, as status says, and what was done for that.
#[derive(Debug)]
pub(super) struct Aside<R: Resource> {
    /// What status says durably of exceptions.
    pub exceptions: BTreeMap<R::Id, ExceptionRecord>,
    /// What was carried out here.
    pub carried_out: CarriedOut<R>,
    /// What status says durably of the targets for which it steps aside that Karpenter removes.
    pub lifted: BTreeMap<R::Id, LiftRecord>,
    /// Those of which status is to say so, as soon as it can, with their Nodes.
    pub lifts_offered: BTreeMap<R::Id, Arc<str>>,
    /// What status still says of those of which it is to say so no more. It counts for nothing.
    pub lifts_dropped: BTreeMap<R::Id, LiftRecord>,
    /// The machines of which it is told that they are still there, as long as status says that it steps aside for them.
    pub orphans_told: BTreeSet<R::Id>,
}

impl<R: Resource> Default for Aside<R> {
    fn default() -> Self {
        Self {
            exceptions: BTreeMap::new(),
            carried_out: CarriedOut::default(),
            lifted: BTreeMap::new(),
            lifts_offered: BTreeMap::new(),
            lifts_dropped: BTreeMap::new(),
            orphans_told: BTreeSet::new(),
        }
    }
}

impl<R: Resource> Aside<R> {
    /// A term begins. Nothing that was said in an earlier one is written any more: it is decided anew.
    pub fn begin_term(&mut self) {
        self.lifts_offered.clear();
        self.lifted.append(&mut self.lifts_dropped);
    }

    /// What was carried out, whatever status says: it may say something else when the object comes back.
    pub fn into_carried_out(self) -> CarriedOut<R> {
        let Self { mut carried_out, lifted, .. } = self;
        carried_out.lifts.retain(|id, _| lifted.contains_key(id));
        carried_out
    }
}

/// The targets whose flag was switched off here for what an object steps aside for. It is done once, whatever becomes of the object
/// before status says so.
#[derive(Debug)]
pub(super) struct CarriedOut<R: Resource> {
    /// For exceptions, and what status said of them then.
    pub exceptions: BTreeMap<R::Id, ExceptionRecord>,
    /// For lifts, as long as status says that the object steps aside, and when it began.
    pub lifts: BTreeMap<R::Id, WallTime>,
    /// When it began to step aside for the last ones that Karpenter removes, whether they were switched off or not.
    pub lifts_begun: BTreeSet<(WallTime, R::Id)>,
}

impl<R: Resource> Default for CarriedOut<R> {
    fn default() -> Self {
        Self { exceptions: BTreeMap::new(), lifts: BTreeMap::new(), lifts_begun: BTreeSet::new() }
    }
}

impl<R: Resource> CarriedOut<R> {
    /// Forgets the exceptions that are over by the clock, which would not be carried out again, and the lifts of removals that are
    /// over in all likelihood, or began too long ago to count. Whether nothing is left.
    pub fn expire(&mut self, clock: WallClock, now: Moment) -> bool {
        let ahead = |ends| clock.reaches(ends).is_none_or(|end| now < end);
        self.exceptions.retain(|_, record| ahead(record.ends.min(record.until)));
        self.lifts.retain(|_, since| ahead(since.after(REMOVED_WITHIN)));
        self.lifts_begun.retain(|(since, _)| was_lately(clock, now, *since));
        self.exceptions.is_empty() && self.lifts.is_empty() && self.lifts_begun.is_empty()
    }
}

/// Whether a lift that began then counts among the last ones. In doubt it does.
pub(super) fn was_lately(clock: WallClock, now: Moment, since: WallTime) -> bool {
    clock.reaches(since.after(LIFTS_COUNT_FOR)).is_none_or(|over| now < over)
}

/// What one object remembers.
#[derive(Debug, Clone)]
pub(super) struct Memory<R: Resource> {
    /// The remembered targets.
    pub kept: BTreeMap<R::Id, Remembered>,
    /// Those that were, as long as status lists them.
    pub departed: BTreeMap<R::Id, Departure>,
    /// The last ones that are gone, as they were last seen.
    pub gone: VecDeque<(R::Id, Remembered, R::Facts)>,
    /// What status lists durably; `None`: status has not been read yet.
    pub durable: Option<BTreeSet<R::Id>>,
    /// Those of which status has a row among those of the free ones.
    pub rows: BTreeSet<R::Id>,
    /// Of which targets status says that they have outlived an instance, which one, and since when it says so.
    pub dated: BTreeMap<R::Id, (Option<InstanceId>, WallTime)>,
    /// When one was forgotten last because its time was over.
    pub forgot: Option<Moment>,
}

/// Why a target is remembered no more, and what was known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Departure {
    pub reason: Reason,
    remembered: Remembered,
}

impl<R: Resource> Default for Memory<R> {
    fn default() -> Self {
        Self {
            kept: BTreeMap::new(),
            departed: BTreeMap::new(),
            gone: VecDeque::new(),
            durable: None,
            rows: BTreeSet::new(),
            dated: BTreeMap::new(),
            forgot: None,
        }
    }
}

impl<R: Resource> Memory<R> {
    /// Notes that status lists these durably, and of which free ones it has a row. What it lists no more has been told of.
    pub fn recorded(&mut self, durable: BTreeSet<R::Id>, rows: BTreeSet<R::Id>) {
        self.departed.retain(|id, _| durable.contains(id));
        self.durable = Some(durable);
        self.rows = rows;
    }

    /// Whether a target is a survivor, and status has said since when. Nobody but who forgets such a one takes it out of a list
    /// that has room.
    pub fn was_dated(&self, id: &R::Id) -> bool {
        self.kept.len() <= MAX_RETAINED && self.dated.contains_key(id)
    }

    /// Since when status has said that a target has outlived the instance that it was on last. What it says of an earlier one
    /// is not meant.
    pub fn survived_since(&self, id: &R::Id) -> Option<WallTime> {
        let known = self.kept.get(id).filter(|known| known.survived)?;
        self.dated.get(id).filter(|(outlived, _)| known.before == *outlived).map(|(_, since)| *since)
    }

    /// Does not remember a target any more, for this reason.
    pub fn depart(&mut self, id: &R::Id, reason: Reason) -> Option<Remembered> {
        let remembered = self.kept.remove(id)?;
        self.departed.insert(id.clone(), Departure { reason, remembered: remembered.clone() });
        Some(remembered)
    }

    /// Remembers again what departed for such a reason and status still lists, so that it is judged anew. Returns its ids.
    pub fn take_back(&mut self, such: impl Fn(Reason) -> bool) -> Vec<R::Id> {
        let mut back = Vec::new();
        for (id, departure) in std::mem::take(&mut self.departed) {
            if such(departure.reason) && self.durable.as_ref().is_some_and(|ids| ids.contains(&id)) {
                self.kept.insert(id.clone(), departure.remembered);
                back.push(id);
            } else {
                self.departed.insert(id, departure);
            }
        }
        back
    }
}

impl<R: Resource> Object<R> {
    /// The object with this intent, which goes on from what it was before. `upcoming`: the next call.
    pub fn following(
        old: Option<Self>,
        generation: Generation,
        intent: Intent<R>,
        (now, upcoming): (Moment, CallId),
    ) -> Self {
        let alike = old.as_ref().filter(|old| old.listed_alike(&intent));
        let excludes_alike = old.as_ref().filter(|old| {
            old.intent.hosts == intent.hosts
                && old.intent.selector.exclude_tags == intent.selector.exclude_tags
        });
        // What is on instances is asked for as soon as it is known which.
        let anew = if intent.selector.needs_listing() { upcoming } else { CallId(0) };
        // What is on hosts that stay is complete by no listing that began before they were asked after.
        let same_hosts = old.as_ref().filter(|old| old.intent.hosts == intent.hosts);
        let anew = anew.max(same_hosts.map_or(CallId(0), |old| old.listing_since));
        let known = old.as_ref().filter(|old| old.generation == generation);
        let fresh = Self {
            generation,
            tag_epoch: 0,
            listing_since: alike.map_or(anew, |old| old.listing_since),
            listed: alike.and_then(|old| old.listed),
            hot_until: None,
            born: known.map_or(now, |old| old.born),
            settled: known.is_some_and(|old| old.settled),
            hosted: BTreeSet::new(),
            watch: BTreeSet::new(),
            exclusion_since: excludes_alike.map_or(upcoming, |old| old.exclusion_since),
            memory: Memory::default(),
            aside: Aside::default(),
            orphans: Vec::new(),
            losses: Vec::new(),
            cancelled: Vec::new(),
            intent,
        };
        let goes_on = known.is_some();
        match old {
            Some(Self { hosted, watch, mut memory, mut aside, orphans, losses, cancelled, .. }) => {
                if !goes_on {
                    // Status still lists what an earlier generation excluded or forgot: whether it is excluded, or its
                    // time is over, this one says.
                    memory.take_back(|reason| matches!(reason, Reason::Excluded | Reason::SurvivorForgotten));
                    // Nothing that was said of an earlier generation is written any more.
                    aside.lifts_offered.clear();
                }
                Self { hosted, watch, memory, aside, orphans, losses, cancelled, ..fresh }
            }
            None => fresh,
        }
    }

    /// Whether a listing that was complete for this object would be so with that intent.
    pub fn listed_alike(&self, intent: &Intent<R>) -> bool {
        let (old, new) = (&self.intent.selector, &intent.selector);
        old.entries().eq(new.entries())
            && old.tags == new.tags
            && old.all == new.all
            && self.intent.hosts == intent.hosts
    }

    /// Whether somebody changed it a moment ago.
    pub fn hot(&self, now: Moment) -> bool {
        self.hot_until.is_some_and(|end| now < end)
    }

    /// Whether it needs a listing of the region to know all its targets.
    pub fn needs_listing(&self) -> bool {
        self.intent.selector.needs_listing() || self.intent.hosts.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixtures::{NOW, at, eni, filter, host};
    use crate::exception::ExceptionPhase;
    use crate::instance::Instance;
    use crate::intent::Selector;
    use crate::interface::Interface;

    /// The object of generation 3 that an edit follows: listed once, settled, with a memory.
    fn known(intent: Intent<Interface>) -> Object<Interface> {
        let mut object = Object::following(None, 3, intent, (at(100), CallId(10)));
        (object.listed, object.settled) = (Some(at(200)), true);
        object.memory.kept.insert(eni("a"), Remembered::default());
        object.hosted.insert(host("a"));
        object
    }

    fn by(tags: &[&str], exclude: &[&str]) -> Intent<Interface> {
        let filters = |keys: &[&str]| keys.iter().map(|key| filter(key)).collect();
        Intent::of(Selector { tags: filters(tags), exclude_tags: filters(exclude), ..Selector::default() })
    }

    #[test]
    fn i31_an_edit_keeps_what_it_does_not_touch_and_begins_the_rest_anew() {
        let on_hosts = |tags: &[&str]| Intent { hosts: Some(Box::default()), ..by(tags, &[]) };
        let kept = (CallId(10), Some(at(200)));
        let anew = (CallId(60), None);
        for (why, intent, listing, exclusion_since) in [
            ("as it was", by(&["env"], &[]), kept, CallId(10)),
            ("another tag", by(&["team"], &[]), anew, CallId(10)),
            ("one more tag", by(&["env", "team"], &[]), anew, CallId(10)),
            ("something is excluded", by(&["env"], &["skip"]), kept, CallId(60)),
            ("hosts", on_hosts(&["env"]), anew, CallId(60)),
        ] {
            let old = Some(known(by(&["env"], &[])));
            let edited = Object::following(old, 4, intent, (NOW, CallId(60)));
            assert_eq!((edited.listing_since, edited.listed), listing, "{why}");
            assert_eq!(edited.exclusion_since, exclusion_since, "{why}");
            assert!(
                edited.memory.kept.contains_key(&eni("a")) && edited.hosted.contains(&host("a")),
                "{why}"
            );
        }
        let edited = Object::following(Some(known(on_hosts(&["env"]))), 4, on_hosts(&[]), (NOW, CallId(60)));
        let listing = (edited.listing_since, edited.listed);
        assert_eq!(listing, (CallId(10), None), "hosts that stay were asked after by then");
    }

    #[test]
    fn i38_an_object_is_settled_for_its_generation() {
        for (generation, expected) in [(3, (at(100), true)), (4, (NOW, false))] {
            let old = Some(known(by(&["env"], &[])));
            let edited = Object::following(old, generation, by(&["team"], &[]), (NOW, CallId(60)));
            assert_eq!((edited.born, edited.settled), expected, "{generation}");
        }
    }

    #[test]
    fn i19_why_something_was_forgotten_is_known_until_status_lists_it_no_more() {
        let mut memory = known(by(&[], &[])).memory;
        assert!(memory.depart(&eni("b"), Reason::Excluded).is_none(), "it was not remembered");
        assert!(memory.depart(&eni("a"), Reason::Excluded).is_some());
        assert_eq!(memory.departed[&eni("a")].reason, Reason::Excluded);
        memory.recorded([eni("a")].into(), BTreeSet::new());
        assert_eq!(memory.departed.len(), 1, "status lists it still");
        memory.recorded(BTreeSet::new(), BTreeSet::new());
        assert!(memory.departed.is_empty());
    }

    #[test]
    fn i19_what_an_edit_excludes_no_more_is_remembered_again_unless_it_is_gone_or_status_was_told() {
        for (reason, durable, generation, back) in [
            (Reason::Excluded, true, 4, true),
            (Reason::Excluded, true, 3, false),
            (Reason::Excluded, false, 4, false),
            (Reason::SurvivorForgotten, true, 4, true),
            (Reason::SurvivorForgotten, true, 3, false),
            (Reason::SurvivorForgotten, false, 4, false),
            (Reason::Departed, true, 4, false),
        ] {
            let mut object = known(by(&["env"], &[]));
            object.memory.kept.get_mut(&eni("a")).unwrap().survived = true;
            object.memory.durable = Some([eni("a")].into_iter().filter(|_| durable).collect());
            object.memory.depart(&eni("a"), reason);
            let edited = Object::following(Some(object), generation, by(&["env"], &[]), (NOW, CallId(60)));
            let kept = edited.memory.kept.get(&eni("a"));
            assert_eq!(kept.is_some_and(|remembered| remembered.survived), back, "{reason:?} {generation}");
            assert_eq!(edited.memory.departed.is_empty(), back, "{reason:?} {generation}");
        }
    }

    #[test]
    fn an_exception_is_remembered_until_it_ends_and_not_until_the_time_of_its_entry() {
        let time = |seconds| WallTime::at(Duration::from_secs(seconds));
        let (ends, until, phase) = (time(2_000), time(u64::from(u32::MAX)), ExceptionPhase::InForce);
        let mut clock = WallClock::default();
        clock.read(Moment::default(), time(1_000));
        let mut done = CarriedOut::<Instance>::default();
        let record = ExceptionRecord { until, ends, phase, carried_out: true };
        done.exceptions.insert(InstanceId::new("i-a"), record);
        let after = |seconds| Moment::default().after(Duration::from_secs(seconds));
        assert!(!done.expire(clock, after(999)), "it is not over");
        assert!(done.expire(clock, after(1_001)), "nothing is left");
    }
}
