//! Time as the engine sees it: monotonic, given from outside, in milliseconds. A jump of the wall clock can't change a
//! decision (I35): what has to outlast the process by days goes by [`WallClock`](crate::wall_clock::WallClock), which a jump
//! can only make late.

use std::time::Duration;

/// A point on the operator's monotonic clock: time since the process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(Duration);

impl Moment {
    /// The moment this long after the origin.
    pub const fn at(since_origin: Duration) -> Self {
        Self(since_origin)
    }

    /// Time that has passed from `earlier` until this moment; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment this much earlier; the origin when there is none.
    #[must_use]
    pub fn before(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(span))
    }

    /// The moment this much later.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}
