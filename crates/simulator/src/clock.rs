//! The simulator's wall clock: the machine's, plus an offset that a test may set.

use jiff::{SignedDuration, Timestamp};

/// Reads the time that the simulated cloud believes in.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Clock {
    pub(crate) offset: SignedDuration,
}

impl Clock {
    /// The one place that reads the machine's wall clock.
    pub(crate) fn now(self) -> Timestamp {
        let now = Timestamp::now();
        now.checked_add(self.offset).unwrap_or(now)
    }
}

/// `yyyy-MM-ddTHH:mmZ`: the form of the times in DescribeInstances.
pub(crate) fn to_the_minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

/// `yyyy-MM-ddTHH:mm:ssZ`: the form of the times of network interfaces.
pub(crate) fn to_the_second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// The start of the minute that a time falls into.
pub(crate) fn start_of_minute(time: Timestamp) -> Timestamp {
    let seconds = time.as_second();
    Timestamp::from_second(seconds - seconds.rem_euclid(60)).unwrap_or(time)
}
