//! What all parts of an engine share: the term in which calls may be sent, the one sequence of their numbers, and what
//! is to be told on.

use std::collections::BTreeSet;

use super::action::{PreflightId, Window};
use crate::backoff::Jitter;
use crate::id::{CallId, ObjectId};
use crate::time::Moment;
use crate::transition::Transition;
use crate::wall_clock::{WallClock, WallTime};

/// The span since the calls of this replica count: whoever led before may have written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Term {
    /// The first call.
    pub since: CallId,
    /// When it began: what was seen before counts for nothing.
    pub began: Moment,
}

/// The term, the numbers, and the objects whose report may have changed.
#[derive(Debug)]
pub(crate) struct Context {
    /// Spreads what would otherwise come all at once.
    pub jitter: Jitter,
    /// As it was read in this term.
    wall_clock: WallClock,
    window: Option<Window>,
    term: Term,
    next_call: u64,
    next_preflight: u64,
    touched: BTreeSet<ObjectId>,
    /// What nobody was told of yet.
    transitions: Vec<Transition>,
    wake: Option<Moment>,
    polled: bool,
}

impl Context {
    pub fn new(jitter: Jitter) -> Self {
        Self {
            jitter,
            wall_clock: WallClock::default(),
            window: None,
            term: Term { since: CallId(1), began: Moment::default() },
            next_call: 1,
            next_preflight: 1,
            polled: false,
            touched: BTreeSet::new(),
            transitions: Vec::new(),
            wake: None,
        }
    }

    /// The span in which calls may be sent; `None`: not now.
    pub fn window(&self) -> Option<Window> {
        self.window
    }

    /// Whether calls may be sent now.
    pub fn leads(&self, now: Moment) -> bool {
        self.window.is_some_and(|window| window.open(now))
    }

    /// Sets the span in which calls may be sent. Whether that goes on with a term under way.
    pub fn set_window(&mut self, now: Moment, window: Option<Window>) -> bool {
        let led = self.leads(now);
        self.window = window;
        led && window.is_some()
    }

    /// Whoever led before may have written: what was seen before counts for nothing from now on.
    pub fn begin_term(&mut self, now: Moment) {
        self.term = Term { since: self.upcoming_call(), began: now };
        self.wall_clock = WallClock::default();
    }

    /// Takes in what the wall clock says. Whether it is read for the first time in this term, or was set forward.
    pub fn read_wall_clock(&mut self, now: Moment, says: WallTime) -> bool {
        self.wall_clock.read(now, says)
    }

    /// The wall clock of this term.
    pub fn wall_clock(&self) -> WallClock {
        self.wall_clock
    }

    /// When the term that counts began.
    pub fn term_began(&self) -> Moment {
        self.term.began
    }

    /// The term that counts.
    pub fn term(&self) -> Term {
        self.term
    }

    /// The number that the next call will have.
    pub fn upcoming_call(&self) -> CallId {
        CallId(self.next_call)
    }

    /// A number for a call that is sent now. Calls are numbered in the order in which they are sent.
    pub fn number_call(&mut self) -> CallId {
        let call = self.upcoming_call();
        self.next_call += 1;
        call
    }

    /// A number for a question to the API server.
    pub fn number_preflight(&mut self) -> PreflightId {
        let preflight = PreflightId(self.next_preflight);
        self.next_preflight += 1;
        preflight
    }

    /// The object's report may have changed.
    pub fn touch(&mut self, object: ObjectId) {
        self.touched.insert(object);
    }

    /// The reports of these objects may have changed.
    pub fn touch_all(&mut self, objects: impl IntoIterator<Item = ObjectId>) {
        self.touched.extend(objects);
    }

    /// The report of the object is made, or nobody reports of it.
    pub fn untouch(&mut self, object: &ObjectId) {
        self.touched.remove(object);
    }

    /// Whether the report of any object may have changed.
    pub fn touched(&self) -> bool {
        !self.touched.is_empty()
    }

    /// The objects whose report may have changed; from now on none has.
    pub fn take_touched(&mut self) -> BTreeSet<ObjectId> {
        std::mem::take(&mut self.touched)
    }

    /// A flag was seen at another value than before.
    pub fn note_transition(&mut self, transition: Transition) {
        self.transitions.push(transition);
    }

    /// Takes out what was noted of flags, in the order in which that was seen.
    pub fn take_transitions(&mut self) -> Vec<Transition> {
        std::mem::take(&mut self.transitions)
    }

    /// Begins a poll: from now on it is noted when the next one is wanted.
    pub fn begin_poll(&mut self) {
        (self.wake, self.polled) = (None, true);
    }

    /// Whether there was a poll: what comes later was just changed by somebody.
    pub fn has_polled(&self) -> bool {
        self.polled
    }

    /// A poll is wanted then, though nothing happens.
    pub fn wake_at(&mut self, at: Moment) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    /// When a poll is wanted though nothing happens.
    pub fn wake(&self) -> Option<Moment> {
        self.wake
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixtures::{at, object};

    #[test]
    fn i33_a_term_goes_on_only_from_one_open_window_to_the_next() {
        let until = |second| Some(Window { until: Some(at(second)), unprotect_until: None });
        let mut context = Context::new(Jitter::new(1));
        for (second, window, goes_on) in [
            (0, until(10), false),
            (9, until(20), true),
            (20, until(30), false),
            (25, None, false),
            (26, Some(Window::UNBOUNDED), false),
            (99, Some(Window::UNBOUNDED), true),
        ] {
            assert_eq!(context.set_window(at(second), window), goes_on, "{second}");
        }
    }

    #[test]
    fn i11_what_is_sent_later_has_a_greater_number_in_every_term() {
        let mut context = Context::new(Jitter::new(1));
        let before = context.number_call();
        context.begin_term(at(5));
        let Term { since, began } = context.term();
        assert!(before < since);
        assert_eq!((context.number_call(), began), (since, at(5)));
        assert!(context.number_call() > since);
        assert!(context.number_preflight() < context.number_preflight());
    }

    #[test]
    fn of_all_that_want_a_poll_the_first_one_counts_until_it_begins() {
        let mut context = Context::new(Jitter::new(1));
        for second in [7, 5, 9] {
            context.wake_at(at(second));
        }
        assert_eq!((context.wake(), context.has_polled()), (Some(at(5)), false));
        context.begin_poll();
        assert_eq!((context.wake(), context.has_polled()), (None, true));
    }

    #[test]
    fn i37_an_object_that_was_touched_is_told_of_once() {
        let mut context = Context::new(Jitter::new(1));
        context.touch_all([object("a"), object("b"), object("a")]);
        context.untouch(&object("b"));
        assert_eq!(context.take_touched(), [object("a")].into());
        assert!(!context.touched());
    }
}
