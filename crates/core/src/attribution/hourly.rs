//! How often questions may be asked, and when.

use std::collections::VecDeque;
use std::time::Duration;

use crate::budget::{Budget, Limit, Urgency};
use crate::time::Moment;

const HOUR: Duration = Duration::from_hours(1);

/// When questions are asked, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// From when a flag was seen to be off until the first question, and from the first to the second one.
    pub wait: Duration,
    /// Calls in a minute.
    pub limit: Limit,
    /// Calls in an hour.
    pub per_hour: usize,
}

impl Default for Pace {
    /// An event can be seen after ten minutes at most. The cloud allows two calls a second to all programs of an account together, and
    /// consoles and security tools need them: we make one in two seconds.
    fn default() -> Self {
        Self { wait: Duration::from_mins(10), limit: Limit { per_minute: 30, burst: 1 }, per_hour: 300 }
    }
}

/// The calls that may still be made.
#[derive(Debug)]
pub(super) struct Allowance {
    budget: Budget,
    per_hour: usize,
    spent: VecDeque<Moment>,
}

impl Allowance {
    pub(super) fn new(pace: &Pace) -> Self {
        Self { budget: Budget::new(pace.limit), per_hour: pace.per_hour, spent: VecDeque::new() }
    }

    /// Takes a call, if there is one.
    pub(super) fn take(&mut self, now: Moment) -> bool {
        if self.hour(now).is_some() || !self.budget.take(now, Urgency::Foreground) {
            return false;
        }
        self.spent.push_back(now);
        true
    }

    /// When there may be a call next.
    pub(super) fn next(&mut self, now: Moment) -> Moment {
        let minute = self.budget.next_token(now, Urgency::Foreground);
        self.hour(now).map_or(minute, |hour| hour.max(minute))
    }

    pub(super) fn throttled(&mut self, now: Moment, retry_after: Option<Duration>) {
        self.budget.throttled(now, retry_after);
    }

    /// When the hour has room again, if it has none.
    fn hour(&mut self, now: Moment) -> Option<Moment> {
        while self.spent.front().is_some_and(|at| now.since(*at) >= HOUR) {
            self.spent.pop_front();
        }
        let full = self.spent.len() >= self.per_hour;
        self.spent.front().filter(|_| full).map(|oldest| oldest.after(HOUR))
    }
}
