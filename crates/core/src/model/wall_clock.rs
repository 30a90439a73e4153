//! The wall clock, for what has to outlast the process by days. Nothing is early because it jumps, but for the end of an exception
//! (I35).

use std::fmt::{self, Display, Formatter};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::time::Moment;

/// Readings differ by less than this without anybody having set the clock.
const SET: Duration = Duration::from_secs(1);

/// A point on the wall clock: time since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct WallTime(Duration);

impl WallTime {
    /// The point this long after the beginning of 1970.
    pub const fn at(since_epoch: Duration) -> Self {
        Self(since_epoch)
    }

    /// The time since the beginning of 1970.
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// The point this much later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl Display for WallTime {
    /// As RFC 3339 has it, in UTC.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let time = SignedDuration::try_from(self.0).ok().and_then(|time| Timestamp::from_duration(time).ok());
        Display::fmt(&time.unwrap_or(Timestamp::MAX), f)
    }
}

/// The wall clock of this process, as it goes on by the monotonic one since its lowest and its highest reading. What must not
/// come early goes by the lowest: a clock that is set forward changes nothing, and one that was ahead and is put right, or that
/// is set back, makes it late. What must not come late goes by the highest.
#[derive(Debug, Clone, Copy, Default)]
pub struct WallClock {
    /// What it said at the origin of the monotonic clock, by the lowest and by the highest reading.
    origins: Option<(WallTime, WallTime)>,
}

impl WallClock {
    /// Takes in what the clock says now. Whether that is the first reading, or the clock was set forward.
    pub fn read(&mut self, now: Moment, says: WallTime) -> bool {
        let origin = WallTime(says.0.saturating_sub(now.since(Moment::default())));
        let Some((lowest, highest)) = &mut self.origins else {
            self.origins = Some((origin, origin));
            return true;
        };
        if origin.after(SET) <= *lowest {
            *lowest = origin;
        }
        let forward = highest.after(SET) <= origin;
        if forward {
            *highest = origin;
        }
        forward
    }

    /// When it is this time, not early; `None`: the clock was not read yet.
    pub fn reaches(self, time: WallTime) -> Option<Moment> {
        let (lowest, _) = self.origins?;
        Some(Moment::at(time.0.saturating_sub(lowest.0)))
    }

    /// When it is this time, not late; `None`: the clock was not read yet.
    pub fn reaches_at_the_earliest(self, time: WallTime) -> Option<Moment> {
        let (_, highest) = self.origins?;
        Some(Moment::at(time.0.saturating_sub(highest.0)))
    }

    /// What time it is, by the highest reading; `None`: the clock was not read yet.
    pub fn latest_time(self, now: Moment) -> Option<WallTime> {
        let (_, highest) = self.origins?;
        Some(highest.after(now.since(Moment::default())))
    }

    /// What time it is, by the lowest reading; `None`: the clock was not read yet.
    pub fn time(self, now: Moment) -> Option<WallTime> {
        let (lowest, _) = self.origins?;
        Some(lowest.after(now.since(Moment::default())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    fn wall(seconds: u64) -> WallTime {
        WallTime::at(Duration::from_secs(seconds))
    }

    /// When it is the 10,000th second by a clock with these readings.
    fn reached(readings: &[(u64, u64)]) -> Option<Moment> {
        let mut clock = WallClock::default();
        for (now, says) in readings {
            clock.read(moment(*now), wall(*says));
        }
        clock.reaches(wall(10_000))
    }

    #[test]
    fn i35_a_jump_of_the_wall_clock_makes_nothing_early() {
        for (why, readings, expected) in [
            ("never read", &[][..], None),
            ("it goes right", &[(100, 5_100), (200, 5_200)], Some(5_000)),
            ("it is set forward", &[(100, 5_100), (200, 9_999)], Some(5_000)),
            ("it was ahead at the start", &[(100, 9_100), (200, 5_200)], Some(5_000)),
            ("it is set back", &[(100, 5_100), (200, 4_200)], Some(6_000)),
            ("it is set back, and put right", &[(100, 5_100), (200, 4_200), (300, 5_300)], Some(6_000)),
            ("it is that time already", &[(100, 20_000)], Some(0)),
            ("it says less than the monotonic one", &[(100, 50)], Some(10_000)),
        ] {
            assert_eq!(reached(readings), expected.map(moment), "{why}");
        }
    }

    #[test]
    fn what_two_clocks_differ_by_when_they_are_read_is_no_jump() {
        let mut clock = WallClock::default();
        for (now, says) in [(1_000, 5_001_000), (2_000, 5_001_999), (3_000, 5_002_500)] {
            clock.read(Moment::at(Duration::from_millis(now)), WallTime::at(Duration::from_millis(says)));
        }
        assert_eq!(clock.reaches(wall(5_010)), Some(moment(10)));
    }
}
