//! When something is said of an object: at once where conditions change, and seldom where only counts do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::context::Context;
use crate::id::ObjectId;
use crate::time::Moment;

/// Counts alone are reported this often at most.
const COUNTS_EVERY: Duration = Duration::from_secs(2);
/// Reports that take at least this long to make share a part of the time.
const LONG_REPORT: Duration = Duration::from_micros(200);
/// What is judged in one poll takes about this long at most, or is one object; the rest follows in the next ones. So what a user changes does
/// not wait for all reports.
const ONE_POLL: Duration = Duration::from_millis(5);
/// To judge an object takes this long, beside what its targets take.
const EACH: Duration = Duration::from_micros(5);
/// So many times in the life of evidence it is looked whether some has grown stale, when sweeps fail.
const STALE_TICKS: u32 = 60;

/// What was said of each object last, and when something may be said again.
#[derive(Debug)]
pub(crate) struct Reporter {
    /// So long the status that stands is left standing without evidence.
    patience: Duration,
    objects: BTreeMap<ObjectId, Said>,
    /// Objects whose report may have changed, but is not to be made before a time.
    deferred: BTreeSet<(Moment, ObjectId)>,
    /// Objects with so many targets that to judge them takes time.
    long: BTreeSet<ObjectId>,
    /// The object that was judged last.
    last: Option<ObjectId>,
    /// Objects without a settled report, by the time since which it is waited for.
    unsettled: BTreeSet<(Moment, ObjectId)>,
}

#[derive(Debug, Default)]
struct Said {
    last: Option<Last>,
    /// Not judged again before this.
    next: Moment,
    /// What it took to judge it last.
    cost: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    at: Moment,
    whole: u64,
    shape: u64,
    uncertain: bool,
}

/// A report that may be worth saying.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draft {
    /// A stand-in for all of it.
    pub whole: u64,
    /// One for what conditions are made of, without the counts.
    pub shape: u64,
    /// Something is not known, or may be contradicted.
    pub uncertain: bool,
    /// It tells of losses.
    pub tells: bool,
    /// There may be more of them in a moment.
    pub gathers: bool,
    /// What it took to make it.
    pub cost: Duration,
    /// Since when the first settled report of the object is waited for; `None`: there was one.
    pub awaited: Option<Moment>,
}

/// Which reports are to be made anew because evidence may have grown stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stale {
    All,
    /// Those that say of everything that it is known.
    Certain,
}

impl Reporter {
    /// `patience`: so long the status that stands is left standing without evidence.
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            objects: BTreeMap::new(),
            deferred: BTreeSet::new(),
            long: BTreeSet::new(),
            last: None,
            unsettled: BTreeSet::new(),
        }
    }

    pub fn patience(&self) -> Duration {
        self.patience
    }

    pub fn set_patience(&mut self, patience: Duration) {
        self.patience = patience;
    }

    /// What was said in an earlier term may stand no more.
    pub fn begin_term(&mut self, now: Moment, objects: impl Iterator<Item = ObjectId>) {
        self.unsettled = objects.map(|name| (now, name)).collect();
        for said in self.objects.values_mut() {
            said.last = None;
        }
    }

    /// What is said of an object changes by itself then.
    pub fn recall(&mut self, at: Moment, object: &ObjectId) {
        self.deferred.insert((at, object.clone()));
    }

    /// An object's intent is another one. `edited`: what was said of it was said of another generation. `awaited`: as in
    /// [`Draft`].
    pub fn changed(&mut self, now: Moment, object: &ObjectId, edited: bool, awaited: Option<Moment>) {
        let said = self.objects.entry(object.clone()).or_default();
        said.next = now;
        if edited {
            said.last = None;
        }
        self.unsettled.extend(awaited.map(|since| (since, object.clone())));
    }

    /// The object is gone.
    pub fn forget(&mut self, object: &ObjectId) {
        self.objects.remove(object);
        self.long.remove(object);
    }

    /// Whether what was said last of an object left something open; what was never spoken of is open.
    pub fn uncertain(&self, object: &ObjectId) -> bool {
        self.objects.get(object).and_then(|said| said.last).is_none_or(|last| last.uncertain)
    }

    /// Whether nothing was said of it, or of everything that it is known.
    pub fn certain(&self, object: &ObjectId) -> bool {
        self.objects.get(object).and_then(|said| said.last).is_none_or(|last| !last.uncertain)
    }

    /// The reports whose time has come: those put off, and those that were waited for long enough.
    pub fn due(&mut self, now: Moment) -> Vec<ObjectId> {
        let mut due = Vec::new();
        while let Some((_, name)) = pop_first_if(&mut self.deferred, |(at, _)| *at <= now) {
            due.push(name);
        }
        let patience = self.patience;
        while let Some((_, name)) =
            pop_first_if(&mut self.unsettled, |(since, _)| since.after(patience) <= now)
        {
            due.push(name);
        }
        due
    }

    /// Those of the objects that are to be judged in this poll, in the order in which they have their turn. The others are
    /// put off.
    pub fn turns(&mut self, now: Moment, objects: BTreeSet<ObjectId>) -> Vec<ObjectId> {
        let (before, after): (Vec<ObjectId>, Vec<ObjectId>) =
            objects.into_iter().partition(|object| Some(object) <= self.last.as_ref());
        let (mut turns, mut spent) = (Vec::new(), Duration::ZERO);
        for object in after.into_iter().chain(before) {
            let (next, cost) = self.objects.get(&object).map_or((now, EACH), |said| (said.next, said.cost));
            if next > now || (spent + cost > ONE_POLL && !turns.is_empty()) {
                self.deferred.insert((next.max(now), object));
            } else {
                spent += cost + EACH;
                turns.push(object);
            }
        }
        self.last = turns.last().cloned().or(self.last.take());
        turns
    }

    /// Notes what it took to judge an object. A long list is not looked through at every answer: the object is left alone
    /// for so long that all of them together take a tenth of the time.
    pub fn judged(&mut self, now: Moment, object: &ObjectId, cost: Duration) {
        if cost >= LONG_REPORT {
            self.long.insert(object.clone());
        } else {
            self.long.remove(object);
        }
        let rivals = u32::try_from(self.long.len()).unwrap_or(u32::MAX).max(2);
        let said = self.objects.entry(object.clone()).or_default();
        (said.next, said.cost) = (now.after(cost * 10 * rivals), cost);
    }

    /// Whether a draft is to be said now.
    pub fn says(&mut self, now: Moment, object: &ObjectId, born: Moment, draft: Draft) -> bool {
        self.judged(now, object, draft.cost);
        match draft.awaited {
            Some(since) => self.unsettled.insert((since, object.clone())),
            None => self.unsettled.remove(&(born, object.clone())),
        };
        let said = self.objects.entry(object.clone()).or_default();
        let Draft { whole, shape, uncertain, .. } = draft;
        match said.last {
            Some(last) if last.whole == whole && !draft.tells => {
                said.last = Some(Last { uncertain, ..last });
                false
            }
            // A transition that comes before its time goes out at once all the same.
            Some(last) if last.shape == shape && now.since(last.at) < COUNTS_EVERY => {
                self.deferred.insert((last.at.after(COUNTS_EVERY), object.clone()));
                false
            }
            Some(last) if last.shape == shape && draft.tells && draft.gathers => {
                self.deferred.insert((now.after(COUNTS_EVERY), object.clone()));
                false
            }
            _ => {
                said.last = Some(Last { at: now, whole, shape, uncertain });
                true
            }
        }
    }

    /// When something is to be said although nothing happens.
    pub fn wake(&self, context: &mut Context) {
        let deferred = self.deferred.first().map(|(at, _)| *at);
        let unsettled = self.unsettled.first().map(|(since, _)| since.after(self.patience));
        for at in deferred.into_iter().chain(unsettled) {
            context.wake_at(at);
        }
    }
}

/// When evidence that nothing renews is looked at again.
#[derive(Debug, Default)]
pub(super) struct Staleness {
    next: Moment,
    ticks: u32,
}

impl Staleness {
    /// Without a complete sweep for too long, what was fresh becomes stale without anything happening, one target
    /// after the other. A True may not outlive its evidence by more than a small part of the interval; what is not
    /// known anyhow is put in other words less often.
    pub fn tick(&mut self, now: Moment, context: &mut Context, life: Duration) -> Option<Stale> {
        let due = now >= self.next;
        if due {
            self.ticks = self.ticks.wrapping_add(1);
            self.next = now.after(life / STALE_TICKS);
        }
        context.wake_at(self.next);
        let all = self.ticks.is_multiple_of(STALE_TICKS / 4);
        due.then_some(if all { Stale::All } else { Stale::Certain })
    }
}

/// Takes the first one out if that holds of it.
fn pop_first_if<T: Ord>(set: &mut BTreeSet<T>, holds: impl Fn(&T) -> bool) -> Option<T> {
    if set.first().is_some_and(holds) { set.pop_first() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment::at(Duration::from_millis(millis))
    }

    fn draft(whole: u64, shape: u64) -> Draft {
        let (uncertain, tells, gathers) = (false, false, false);
        Draft { whole, shape, uncertain, tells, gathers, cost: Duration::ZERO, awaited: None }
    }

    #[test]
    fn i37_a_transition_goes_out_at_once_and_counts_alone_every_two_seconds() {
        let object = ObjectId::new("default", "a", "uid");
        let mut reporter = Reporter::new(Duration::from_mins(2));
        let mut says = |millis, whole, shape| {
            let due = reporter.due(at(millis)).len();
            (due, reporter.says(at(millis), &object, at(0), draft(whole, shape)))
        };
        assert_eq!(says(0, 1, 1), (0, true), "the first one");
        assert_eq!(says(100, 1, 1), (0, false), "nothing new");
        assert_eq!(says(200, 2, 1), (0, false), "counts");
        assert_eq!(says(300, 3, 2), (0, true), "a transition");
        assert_eq!(says(400, 4, 2), (0, false), "counts");
        assert_eq!(says(2000, 4, 2), (1, false), "what was put off before the transition");
        assert_eq!(says(2300, 4, 2), (1, true), "what was put off after it");
    }

    #[test]
    fn i39_what_takes_long_to_judge_is_left_alone_and_takes_a_tenth_of_the_time() {
        let names = ["a", "b", "c", "d"].map(|name| ObjectId::new("default", name, "uid"));
        let mut reporter = Reporter::new(Duration::from_mins(2));
        for name in &names {
            reporter.changed(at(0), name, true, None);
            reporter.judged(at(0), name, Duration::from_millis(10));
        }
        // Each waits ten times as long as all that were long before it took together.
        let mut turns = |millis| reporter.turns(at(millis), [names[3].clone()].into());
        assert_eq!(turns(399), []);
        assert_eq!(turns(400), [names[3].clone()]);
        assert_eq!(reporter.due(at(400)), [names[3].clone()], "it was put off");
    }

    #[test]
    fn i39_one_poll_judges_for_five_milliseconds_and_the_next_goes_on_from_there() {
        let names: Vec<ObjectId> =
            (0..5).map(|n| ObjectId::new("default", &format!("o{n}"), "uid")).collect();
        let mut reporter = Reporter::new(Duration::from_mins(2));
        for name in &names {
            reporter.changed(at(0), name, true, None);
            reporter.judged(at(0), name, Duration::from_millis(2));
        }
        let all: BTreeSet<ObjectId> = names.iter().cloned().collect();
        assert_eq!(reporter.turns(at(1000), all.clone()), names[..2]);
        assert_eq!(reporter.due(at(1000)), names[2..]);
        assert_eq!(reporter.turns(at(1000), all.clone()), names[2..4]);
        assert_eq!(reporter.turns(at(1000), all), [names[4].clone(), names[0].clone()]);
        let long = ObjectId::new("default", "long", "uid");
        reporter.judged(at(0), &long, Duration::from_millis(50));
        assert_eq!(reporter.turns(at(9000), [long.clone()].into()), [long], "one at least");
    }
}
