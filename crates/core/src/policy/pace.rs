//! How fast everything is really looked at, and how long evidence lives because of that (I52).
//!
//! The configured interval and the budget say how fast it should be; a cloud that throttles lets through what it likes.
//! Evidence lives as long as it takes to be renewed at the pace that is really reached, within bounds. Where even that is
//! not soon enough, nothing positive is said at all, for a word that comes and goes with every sweep is none.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::time::Moment;

/// Calls a minute that the cloud lets through, of operations that it throttles.
pub type Fits = BTreeMap<&'static str, u32>;

/// So many sweeps are remembered: under lasting throttling enough for its ups and downs, at the usual pace forgotten within
/// minutes.
const REMEMBERED: usize = 8;
/// Evidence lives at least this many configured intervals, or [`LEAST_LIFE`], whichever is less.
const LEAST_INTERVALS: u32 = 12;
/// See [`LEAST_INTERVALS`].
const LEAST_LIFE: Duration = Duration::from_mins(2);
/// Evidence lives at most this long, or twice the interval that the budget alone gives, whichever is more: what an
/// administrator has asked for is no surprise to anybody.
pub const LONGEST_LIFE: Duration = Duration::from_mins(15);

/// The pace that is reached.
#[derive(Debug)]
pub struct Pace {
    configured: Duration,
    /// The start of the newest complete sweep.
    since: Option<Moment>,
    /// From the start of one complete sweep to the completion of the next, the newest last. A sweep that is under way
    /// counts for nothing: whoever holds it up must not lengthen anything.
    reached: VecDeque<Duration>,
    /// The longest of them.
    longest: Duration,
    lagging: bool,
}

impl Pace {
    /// The pace of one who has swept nothing yet.
    pub fn new(configured: Duration) -> Self {
        Self { configured, since: None, reached: VecDeque::new(), longest: Duration::ZERO, lagging: false }
    }

    /// What was reached by whoever led before, or was not reached while nobody led, says nothing.
    pub fn begin_anew(&mut self) {
        *self = Self::new(self.configured);
    }

    /// A sweep has come to its end. `since`: the oldest evidence that it lets stand. `budgeted`: the interval that the
    /// budget gives.
    pub fn completed(&mut self, now: Moment, since: Moment, budgeted: Duration) {
        let reached = match self.since.replace(since) {
            Some(before) => now.since(before),
            // The next one may follow at its heels and take as long.
            None => now.since(since) * 2,
        };
        if self.reached.len() == REMEMBERED {
            self.reached.pop_front();
        }
        self.reached.push_back(reached);
        self.longest = self.reached.iter().copied().max().unwrap_or_default();
        let most = most(budgeted);
        // What is near the bound must not go to and fro across it.
        self.lagging = reached > most || (self.lagging && reached > most * 2 / 3);
    }

    /// How long evidence lives.
    pub fn life(&self, budgeted: Duration) -> Duration {
        let renewed = self.longest.max(budgeted) * 3 / 2;
        let least = LEAST_LIFE.min(self.configured.saturating_mul(LEAST_INTERVALS));
        renewed.max(least).min(most(budgeted))
    }

    /// Whether sweeps come too seldom to say anything positive between them.
    pub fn lagging(&self) -> bool {
        self.lagging
    }

    /// How long what was seen is repeated that is no promise: until it should have been seen again.
    pub fn memory(&self, budgeted: Duration) -> Duration {
        let life = self.life(budgeted);
        if self.lagging { life.max(self.longest * 2) } else { life }
    }
}

fn most(budgeted: Duration) -> Duration {
    LONGEST_LIFE.max(budgeted * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// A pace at which sweeps of these lengths have followed each other without a pause.
    fn back_to_back(configured: u64, budgeted: u64, lengths: &[u64]) -> Pace {
        let mut pace = Pace::new(secs(configured));
        let mut now = Moment::at(secs(1000));
        for length in lengths {
            let since = now;
            now = now.after(secs(*length));
            pace.completed(now, since, secs(budgeted));
        }
        pace
    }

    #[test]
    fn i52_evidence_lives_as_long_as_the_pace_that_is_reached_needs_within_its_bounds() {
        for (configured, budgeted, lengths, life) in [
            // Before anything was reached, and as long as all is well.
            (10, 10, vec![], 120),
            (10, 10, vec![1, 1, 1], 120),
            (60, 60, vec![], 120),
            (1, 1, vec![], 12),
            (3600, 3600, vec![], 5400),
            (10, 62, vec![40, 40], 120),
            // Sweeps of length L are 2 L old when the next one is complete.
            (10, 62, vec![100], 300),
            (10, 62, vec![100, 100], 300),
            (10, 62, vec![100, 150], 375),
            // The longest of the last eight counts.
            (10, 10, vec![200, 1, 1, 1, 1, 1, 1, 1], 600),
            (10, 10, vec![200, 1, 1, 1, 1, 1, 1, 1, 1], 301),
            (10, 10, vec![200, 1, 1, 1, 1, 1, 1, 1, 1, 1], 120),
            // Never longer than a quarter of an hour, unless the budget alone asks for it.
            (10, 62, vec![400, 400], 900),
            (10, 62, vec![4000, 4000], 900),
            (10, 600, vec![700, 700], 1200),
        ] {
            let pace = back_to_back(configured, budgeted, &lengths);
            // Half a second is not worth a row of its own.
            assert_eq!(pace.life(secs(budgeted)).as_secs(), life, "{configured} {budgeted} {lengths:?}");
        }
    }

    #[test]
    fn i52_where_sweeps_come_too_seldom_nothing_positive_is_said_until_they_come_well_in_time() {
        for (lengths, lagging) in [
            (vec![440, 440], false),
            (vec![460], true),
            (vec![440, 470], true),
            (vec![460, 430], true),
            (vec![460, 310, 310], true),
            (vec![460, 310, 280], false),
            // The end of an outage: the sweep that waited, one that follows it, and one that tells.
            (vec![1, 1200, 1], true),
            (vec![1, 1200, 1, 1], false),
        ] {
            assert_eq!(back_to_back(10, 10, &lengths).lagging(), lagging, "{lengths:?}");
        }
        // What is no promise is repeated until the next sweep must have shown it again.
        let memory = |lengths: &[u64]| back_to_back(10, 62, lengths).memory(secs(62)).as_secs();
        assert_eq!((memory(&[1, 1, 1]), memory(&[440, 440]), memory(&[2000, 2000])), (120, 900, 8000));
        // An administrator whose budget makes it that slow has asked for it.
        assert!(!back_to_back(10, 600, &[580, 580]).lagging());
    }
}
