//! Which Events are published, and under which names. Pure: no client and no clock here.
//!
//! As in client-go's recorder (`tools/events`), what is told again within six minutes is counted in the `series` of the
//! Event that stands. There, and in kube's recorder, an Event is the same if type, action and reason are, and the note of
//! the first one stays: of four machines it names one. Here the note counts, too (I51).

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use keeper_core::reason::Reason;
use keeper_core::time::Moment;
use kube::runtime::events::EventType;

use super::event::ObjectEvent;

/// What is told again within this time is counted.
pub const SERIES: Duration = Duration::from_mins(6);
/// The time in which an object's Events are limited.
pub const WINDOW: Duration = Duration::from_mins(10);
/// Most Events about one object within that time; what is more is summed up. Losses have as many of their own.
pub const MOST: usize = 20;

/// Bytes that the API server takes in the note of an Event.
const MAX_NOTE: usize = 1024;
/// Characters that the API server takes in a name.
const MAX_NAME: usize = 253;

/// An Event that is to be published.
#[derive(Debug, Clone, PartialEq)]
pub struct Publication {
    pub name: String,
    pub about: ObjectReference,
    pub event: ObjectEvent,
    /// How often it has been told; `None`: this is the first time.
    pub times: Option<i32>,
}

/// Decides which Events are published. It remembers an object for ten minutes after the last of them.
#[derive(Debug)]
pub struct Correlator {
    /// Tells the names of this process from those of others.
    seed: u64,
    named: u64,
    ledgers: BTreeMap<String, Ledger>,
    /// Objects with something that waits to be summed up.
    holding: BTreeSet<String>,
    next_tidy: Moment,
}

/// What was lately told of one object.
#[derive(Debug)]
struct Ledger {
    about: ObjectReference,
    series: Vec<Series>,
    ordinary: Budget,
    losses: Budget,
}

#[derive(Debug)]
struct Series {
    event: ObjectEvent,
    name: String,
    times: i32,
    last: Moment,
}

/// How many Events may be published.
#[derive(Debug, Default)]
struct Budget {
    /// When the last ones were.
    spent: VecDeque<Moment>,
    /// What was not, by reason: how often, whether any of it was a warning, and the first note.
    held: BTreeMap<Reason, Held>,
}

#[derive(Debug)]
struct Held {
    times: u32,
    warning: bool,
    note: String,
}

impl Budget {
    /// Takes one Event out of the budget, if it is not used up. As long as something waits to be summed up, that goes first.
    fn spend(&mut self, now: Moment) -> bool {
        self.expire(now);
        let free = self.held.is_empty() && self.spent.len() < MOST;
        if free {
            self.spent.push_back(now);
        }
        free
    }

    fn expire(&mut self, now: Moment) {
        while self.spent.front().is_some_and(|at| now.since(*at) >= WINDOW) {
            self.spent.pop_front();
        }
    }

    fn hold(&mut self, event: ObjectEvent) {
        let held = self.held.entry(event.reason).or_insert_with(|| Held {
            times: 0,
            warning: false,
            note: event.note,
        });
        held.times += 1;
        held.warning |= event.kind == EventType::Warning;
    }

    /// When what is held can be summed up.
    fn due(&self) -> Option<Moment> {
        let full = self.spent.len() >= MOST;
        let at = self.spent.front().filter(|_| full).map_or(Moment::default(), |at| at.after(WINDOW));
        (!self.held.is_empty()).then_some(at)
    }

    fn sum_up(&mut self, now: Moment) -> Option<ObjectEvent> {
        let held = std::mem::take(&mut self.held);
        let (all, warning) =
            held.values().fold((0, false), |(all, any), held| (all + held.times, any | held.warning));
        if all == 0 {
            return None;
        }
        self.expire(now);
        self.spent.push_back(now);
        let each: Vec<String> = held
            .iter()
            .map(|(reason, held)| format!("{} x{}, the first: {}", reason.as_str(), held.times, held.note))
            .collect();
        let note = format!("{} {all} more: {}", Reason::EventsSummedUp.sentence(), each.join(" "));
        let kind = if warning { EventType::Warning } else { EventType::Normal };
        Some(ObjectEvent { kind, reason: Reason::EventsSummedUp, action: "SumUp", note: cut(&note) })
    }
}

impl Ledger {
    fn new(about: &ObjectReference) -> Self {
        Self {
            about: about.clone(),
            series: Vec::new(),
            ordinary: Budget::default(),
            losses: Budget::default(),
        }
    }

    fn budgets(&mut self) -> [&mut Budget; 2] {
        [&mut self.ordinary, &mut self.losses]
    }

    fn tidy(&mut self, now: Moment) {
        self.series.retain(|series| now.since(series.last) < SERIES);
        self.budgets().into_iter().for_each(|budget| budget.expire(now));
    }

    fn is_empty(&self) -> bool {
        let idle = |budget: &Budget| budget.spent.is_empty() && budget.held.is_empty();
        self.series.is_empty() && idle(&self.ordinary) && idle(&self.losses)
    }
}

impl Correlator {
    /// One that has told nothing yet. `seed`: another one in each process.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            named: 0,
            ledgers: BTreeMap::new(),
            holding: BTreeSet::new(),
            next_tidy: Moment::default(),
        }
    }

    /// Takes in what is to be told of an object. `None`: it is told already, or will be summed up.
    pub fn record(
        &mut self,
        now: Moment,
        about: &ObjectReference,
        mut event: ObjectEvent,
    ) -> Option<Publication> {
        self.tidy(now);
        let uid = about.uid.clone().unwrap_or_default();
        event.note = cut(&event.note);
        let fresh = self.fresh_name(about, &event);
        let ledger = self.ledgers.entry(uid.clone()).or_insert_with(|| Ledger::new(about));
        ledger.series.retain(|series| now.since(series.last) < SERIES);
        let before = ledger.series.iter_mut().find(|series| series.event == event);
        // A loss is told once. Whoever tells of it again was not sure whether it had been.
        let once = event.is_loss();
        if once && let Some(before) = &before {
            let (name, about) = (before.name.clone(), ledger.about.clone());
            return Some(Publication { name, about, event, times: None });
        }
        let budget = if once { &mut ledger.losses } else { &mut ledger.ordinary };
        if !budget.spend(now) {
            budget.hold(event);
            self.holding.insert(uid);
            return None;
        }
        let about = ledger.about.clone();
        let (name, times) = if let Some(series) = before {
            series.times += 1;
            series.last = now;
            (series.name.clone(), Some(series.times))
        } else {
            let series = Series { event: event.clone(), name: fresh.clone(), times: 1, last: now };
            ledger.series.push(series);
            (fresh, None)
        };
        Some(Publication { name, about, event, times })
    }

    /// When something is to be summed up next.
    pub fn next_summary(&self) -> Option<Moment> {
        let ledgers = self.holding.iter().filter_map(|uid| self.ledgers.get(uid));
        ledgers.flat_map(|ledger| [ledger.ordinary.due(), ledger.losses.due()]).flatten().min()
    }

    /// Sums up what is held and may be told by now. `all`: there is no later.
    pub fn summaries(&mut self, now: Moment, all: bool) -> Vec<Publication> {
        let mut told = Vec::new();
        for uid in std::mem::take(&mut self.holding) {
            let Some(ledger) = self.ledgers.get_mut(&uid) else { continue };
            let about = ledger.about.clone();
            let due = |budget: &&mut Budget| budget.due().is_some_and(|at| all || at <= now);
            let summaries: Vec<ObjectEvent> =
                ledger.budgets().into_iter().filter(due).filter_map(|budget| budget.sum_up(now)).collect();
            if ledger.budgets().iter().any(|budget| !budget.held.is_empty()) {
                self.holding.insert(uid);
            }
            for event in summaries {
                let name = self.fresh_name(&about, &event);
                told.push(Publication { name, about: about.clone(), event, times: None });
            }
        }
        told
    }

    /// A name that no other Event has. That of a loss follows from what it tells, so that it can't be told twice.
    fn fresh_name(&mut self, about: &ObjectReference, event: &ObjectEvent) -> String {
        let mut hasher = DefaultHasher::new();
        (&about.uid, event.reason, &event.note).hash(&mut hasher);
        if !event.is_loss() {
            self.named += 1;
            (self.seed, self.named).hash(&mut hasher);
        }
        let suffix = format!(".{:016x}", hasher.finish());
        let object: String =
            about.name.iter().flat_map(|name| name.chars()).take(MAX_NAME - suffix.len()).collect();
        // Each part of a name ends with a letter or a digit.
        format!("{}{suffix}", object.trim_end_matches(|last: char| !last.is_ascii_alphanumeric()))
    }

    /// Forgets objects of which nothing was told lately.
    fn tidy(&mut self, now: Moment) {
        if now < self.next_tidy {
            return;
        }
        self.next_tidy = now.after(Duration::from_mins(1));
        self.ledgers.retain(|_, ledger| {
            ledger.tidy(now);
            !ledger.is_empty()
        });
    }
}

/// The beginning of a note, as much as the API server takes.
fn cut(note: &str) -> String {
    let fits = |bytes: &mut usize, letter: char| {
        *bytes += letter.len_utf8();
        (*bytes <= MAX_NOTE).then_some(letter)
    };
    note.chars().scan(0, fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    fn object(name: &str) -> ObjectReference {
        let name = Some(name.to_owned());
        ObjectReference { uid: name.clone(), name, ..ObjectReference::default() }
    }

    fn drift(of: &str) -> ObjectEvent {
        let (kind, reason) = (EventType::Warning, Reason::Correcting);
        ObjectEvent {
            kind,
            reason,
            action: "Judge",
            note: format!("1 target: 1 unprotected. {of}: it is being set."),
        }
    }

    fn loss(of: &str) -> ObjectEvent {
        ObjectEvent { reason: Reason::Departed, note: format!("{of} is gone."), ..drift(of) }
    }

    fn recorder() -> Correlator {
        Correlator::new(7)
    }

    /// Records it, and answers the name and how often it has been told.
    fn told(recorder: &mut Correlator, now: u64, event: ObjectEvent) -> Option<(String, i32)> {
        let told = recorder.record(at(now), &object("a"), event)?;
        Some((told.name, told.times.unwrap_or(1)))
    }

    #[test]
    fn i51_different_notes_are_different_events_and_equal_ones_within_six_minutes_are_counted() {
        let mut recorder = recorder();
        let (first, times) = told(&mut recorder, 0, drift("i-p1")).unwrap();
        assert_eq!(times, 1);
        let (second, times) = told(&mut recorder, 7, drift("i-p2")).unwrap();
        assert_eq!(times, 1);
        assert_ne!(first, second);
        assert_eq!(told(&mut recorder, 300, drift("i-p1")), Some((first.clone(), 2)));
        assert_eq!(
            told(&mut recorder, 659, drift("i-p1")),
            Some((first.clone(), 3)),
            "within six minutes again"
        );
        let (later, times) = told(&mut recorder, 659 + 360, drift("i-p1")).unwrap();
        assert_eq!(times, 1, "the series has ended");
        assert_ne!(later, first);
        let same = recorder.record(at(1020), &object("b"), drift("i-p1")).unwrap();
        assert_eq!(same.times, None, "another object");
        // Whenever it was looked last what has ended.
        assert!(told(&mut recorder, 1350, drift("i-p2")).is_some());
        assert_eq!(told(&mut recorder, 1378, drift("i-p1")).unwrap(), (later, 2));
        assert!(told(&mut recorder, 1711, drift("i-p3")).is_some());
        assert_eq!(told(&mut recorder, 1738, drift("i-p1")).unwrap().1, 1, "six minutes are over");
    }

    #[test]
    fn i51_at_most_twenty_events_in_ten_minutes_and_then_one_that_sums_up() {
        let mut recorder = recorder();
        for n in 0..20 {
            assert!(told(&mut recorder, n, drift(&format!("i-{n}"))).is_some());
        }
        for n in 20..50 {
            assert_eq!(told(&mut recorder, n, drift(&format!("i-{n}"))), None);
        }
        let calm = ObjectEvent { kind: EventType::Normal, reason: Reason::AllProtected, ..drift("i-z") };
        assert_eq!(told(&mut recorder, 50, calm), None);
        assert!(recorder.record(at(50), &object("b"), drift("i-0")).is_some(), "each object has its own");
        assert_eq!(recorder.next_summary(), Some(at(600)), "when the first of the twenty is ten minutes old");
        assert_eq!(recorder.summaries(at(599), false), []);
        assert_eq!(told(&mut recorder, 600, drift("i-50")), None, "what waits is told first");
        let summary = recorder.summaries(at(600), false);
        assert_eq!(summary.len(), 1);
        let event = &summary[0].event;
        assert_eq!((event.reason, event.kind), (Reason::EventsSummedUp, EventType::Warning));
        assert!(event.note.contains(" 32 more: "), "{event:?}");
        assert!(event.note.contains("Correcting x31, the first: 1 target: 1 unprotected. i-20"), "{event:?}");
        assert_eq!(recorder.next_summary(), None);
        assert_eq!(told(&mut recorder, 600, drift("i-51")), None, "nineteen and the summary are ten minutes");
        assert_eq!(recorder.next_summary(), Some(at(601)));
        assert_eq!(recorder.summaries(at(601), false).len(), 1);
        assert!(told(&mut recorder, 630, drift("i-52")).is_some());
    }

    #[test]
    fn i50_nothing_drowns_a_loss_and_many_losses_are_summed_up_too() {
        let mut recorder = recorder();
        for n in 0..100 {
            told(&mut recorder, 0, drift(&format!("i-{n}")));
        }
        for n in 0..20 {
            assert!(told(&mut recorder, 1, loss(&format!("i-{n}"))).is_some());
        }
        assert_eq!(told(&mut recorder, 1, loss("i-20")), None);
        let notes: Vec<String> =
            recorder.summaries(at(1), true).into_iter().map(|told| told.event.note).collect();
        assert_eq!(notes.len(), 2, "at the end nothing is kept back: {notes:?}");
        assert!(notes[1].contains("1 more: Departed x1, the first: i-20 is gone."), "{notes:?}");
    }

    #[test]
    fn i50_losses_are_summed_up_in_their_own_time() {
        let mut recorder = recorder();
        for n in 0..21 {
            told(&mut recorder, 0, drift(&format!("i-{n}")));
            told(&mut recorder, 100, loss(&format!("i-{n}")));
        }
        assert_eq!(recorder.next_summary(), Some(at(600)));
        let notes = |recorder: &mut Correlator, now| -> Vec<String> {
            recorder.summaries(at(now), false).into_iter().map(|told| told.event.note).collect()
        };
        let first = notes(&mut recorder, 600);
        assert!(first.len() == 1 && first[0].contains("Correcting x1"), "{first:?}");
        assert_eq!(recorder.next_summary(), Some(at(700)));
        let second = notes(&mut recorder, 700);
        assert!(second.len() == 1 && second[0].contains("Departed x1"), "{second:?}");
        assert_eq!(recorder.next_summary(), None);
    }

    #[test]
    fn i50_a_loss_has_one_name_whoever_tells_of_it_and_is_never_counted_twice() {
        let (mut one, mut other) = (recorder(), Correlator::new(8));
        let first = told(&mut one, 0, loss("i-a")).unwrap();
        assert_eq!(told(&mut one, 1, loss("i-a")), Some(first.clone()));
        assert_eq!(
            told(&mut other, 1, loss("i-a")),
            Some(first),
            "the next leader tells it under the same name"
        );
        assert_ne!(told(&mut one, 2, drift("i-a")), told(&mut other, 2, drift("i-a")));
    }

    #[test]
    fn what_was_told_long_ago_is_forgotten() {
        let mut recorder = recorder();
        for n in 0..1000 {
            recorder.record(at(n), &object(&format!("o-{n}")), drift("i-a"));
        }
        assert!(recorder.ledgers.len() <= 700, "{}", recorder.ledgers.len());
        recorder.record(at(5000), &object("last"), drift("i-a"));
        assert_eq!(recorder.ledgers.len(), 1);
        for _ in 0..100_000 {
            recorder.record(at(5000), &object("last"), drift("i-a"));
        }
        let ledger = &recorder.ledgers["last"];
        assert_eq!(
            (ledger.series.len(), ledger.ordinary.spent.len(), ledger.ordinary.held.len()),
            (1, MOST, 1)
        );
    }

    #[test]
    fn a_note_and_a_name_are_what_the_api_server_takes() {
        let mut recorder = recorder();
        let long = "x".repeat(MAX_NAME - 18) + "-" + &"y".repeat(17);
        let event = ObjectEvent { note: "ä".repeat(1000), ..drift("i-a") };
        let told = recorder.record(at(0), &object(&long), event).unwrap();
        assert_eq!(told.event.note.len(), 1024);
        assert!(told.name.len() <= MAX_NAME && !told.name.contains("-."), "{}", told.name);
    }
}
