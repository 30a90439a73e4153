//! When a heartbeat is due.

use std::time::Duration;

use keeper_core::engine::Proven;
use keeper_core::time::Moment;

/// Two heartbeats of one leader are so far apart.
const INTERVAL: Duration = Duration::from_mins(5);

/// The heartbeats of one term.
#[derive(Debug, Clone, Copy)]
pub struct Heartbeats {
    leading_since: Moment,
    /// The next one at the latest.
    next: Moment,
    begun: bool,
}

impl Heartbeats {
    /// A term begins now.
    pub fn begin(now: Moment) -> Self {
        Self { leading_since: now, next: now.after(INTERVAL), begun: false }
    }

    /// Since when this process leads.
    pub fn leading_since(&self) -> Moment {
        self.leading_since
    }

    /// When the next one is due whatever happens.
    pub fn next(&self) -> Moment {
        self.next
    }

    /// Whether it is worth asking for more.
    pub fn may_be_due(&self, now: Moment, settled: bool) -> bool {
        (!self.begun && settled) || now >= self.next
    }

    /// Whether one is due now, which counts as made then. The first one of a term comes with the end of the first sweeps, as soon as
    /// nothing more is to be said because of them; `settled`: that is so.
    pub fn take_due(&mut self, now: Moment, proven: [Proven; 3], settled: bool) -> bool {
        let first = !self.begun && settled && !proven.contains(&Proven::NotYet);
        let due = first || now >= self.next;
        if due {
            self.begun = true;
            self.next = now.after(INTERVAL);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i03_a_heartbeat_comes_with_the_first_sweeps_and_every_five_minutes_after_that() {
        let at = |seconds| Moment::at(Duration::from_secs(seconds));
        let swept = [Proven::Since(at(10)), Proven::NothingWanted, Proven::Since(at(11))];
        let waiting = [Proven::Since(at(10)), Proven::NothingWanted, Proven::NotYet];
        for (steps, due) in [
            (vec![(12, waiting, true), (20, swept, false), (21, swept, true), (22, swept, true)], vec![21]),
            (
                vec![(21, swept, true), (320, swept, true), (321, swept, false), (400, swept, true)],
                vec![21, 321],
            ),
            // A cloud that does not answer is no silence.
            (
                vec![(309, waiting, true), (310, waiting, false), (311, swept, true), (610, waiting, true)],
                vec![310, 610],
            ),
        ] {
            let mut heartbeats = Heartbeats::begin(at(10));
            let mut taken = Vec::new();
            for (second, proven, settled) in steps {
                if heartbeats.take_due(at(second), proven, settled) {
                    taken.push(second);
                }
            }
            assert_eq!(taken, due);
        }
    }
}
