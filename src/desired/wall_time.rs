//! Times of the API as the engine has them, and back.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use keeper_core::wall_clock::WallTime;

/// A time on the wall clock.
pub fn wall_time(at: Timestamp) -> WallTime {
    WallTime::at(Duration::from_millis(u64::try_from(at.as_millisecond()).unwrap_or_default()))
}

/// The last whole second up to a time.
pub fn whole_seconds(at: Timestamp) -> WallTime {
    WallTime::at(Duration::from_secs(u64::try_from(at.as_second()).unwrap_or_default()))
}

/// The time as the API has it, in whole seconds.
pub fn timestamp(at: WallTime) -> Timestamp {
    let seconds = i64::try_from(at.since_epoch().as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_to_whole_seconds_and_come_back_as_they_were() {
        for (text, expected) in [
            ("2026-12-01T18:00:00Z", "2026-12-01T18:00:00Z"),
            ("2026-12-01T18:00:00.999999999Z", "2026-12-01T18:00:00Z"),
            ("2026-12-01T18:00:00+08:00", "2026-12-01T10:00:00Z"),
            ("1969-12-31T23:59:59.5Z", "1970-01-01T00:00:00Z"),
            ("9999-12-30T22:00:00.5Z", "9999-12-30T22:00:00Z"),
        ] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(timestamp(whole_seconds(at)).to_string(), expected, "{text}");
        }
        assert_eq!(timestamp(WallTime::at(Duration::MAX)).to_string()[..4], *"9999");
    }
}
