//! How many calls of one operation we allow ourselves. The cloud counts per operation, region and main account, in
//! windows of a minute, and shares the limit with everyone else in the account.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Moment;

/// The window in which calls are counted.
const WINDOW: Duration = Duration::from_mins(1);

/// A limit on calls of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Calls in any 60 seconds.
    pub per_minute: u32,
    /// Calls that may go out at once after a pause.
    pub burst: u32,
}

impl Limit {
    /// Tokens that background work leaves lying, so that what a person just changed never waits for a refill.
    fn reserve(self) -> u32 {
        (self.per_minute / 12).min(self.burst / 2)
    }
}

/// Who asks for a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Urgency {
    /// May take the last token.
    Foreground,
    /// Leaves the reserve.
    Background,
}

/// A token bucket, bounded besides by a count over the last 60 seconds (a bucket alone would let a burst and a full
/// minute's refill fall into one window).
#[derive(Debug)]
pub struct Budget {
    limit: Limit,
    /// Tokens in thousandths, so that refilling needs no fractions.
    millitokens: u64,
    refilled: Moment,
    spent: VecDeque<Moment>,
    closed_until: Moment,
}

impl Budget {
    /// A full budget.
    pub fn new(limit: Limit) -> Self {
        Self {
            limit,
            millitokens: u64::from(limit.burst) * 1000,
            refilled: Moment::default(),
            spent: VecDeque::new(),
            closed_until: Moment::default(),
        }
    }

    /// The limit in force.
    pub fn limit(&self) -> Limit {
        self.limit
    }

    /// Takes a token if there is one.
    pub fn take(&mut self, now: Moment, urgency: Urgency) -> bool {
        if self.available(now) <= self.floor(urgency) {
            return false;
        }
        self.millitokens = self.millitokens.saturating_sub(1000);
        self.spent.push_back(now);
        true
    }

    /// Tokens that could be taken now.
    pub fn available(&mut self, now: Moment) -> u32 {
        if now < self.closed_until {
            return 0;
        }
        self.refill(now);
        while self.spent.front().is_some_and(|at| now.since(*at) >= WINDOW) {
            self.spent.pop_front();
        }
        let spent = u32::try_from(self.spent.len()).unwrap_or(u32::MAX);
        let tokens = u32::try_from(self.millitokens / 1000).unwrap_or(u32::MAX);
        tokens.min(self.limit.per_minute.saturating_sub(spent))
    }

    /// When a token may next be there for this urgency; a moment too early does no harm.
    pub fn next_token(&mut self, now: Moment, urgency: Urgency) -> Moment {
        if self.available(now) > self.floor(urgency) {
            return now;
        }
        let per_token = Duration::from_mins(1) / self.limit.per_minute.max(1);
        let refill = now.after(per_token.max(Duration::from_millis(1)));
        let keep = self.limit.per_minute.saturating_sub(self.floor(urgency)).max(1);
        let over = self.spent.len().checked_sub(usize::try_from(keep).unwrap_or(usize::MAX));
        let window = over.and_then(|i| self.spent.get(i)).map_or(now, |at| at.after(WINDOW));
        refill.max(window).max(self.closed_until)
    }

    /// The cloud said that it throttles: the bucket is empty, and stays so until it asked us to come back (within a
    /// minute when it did not say: its windows are minutes).
    pub fn throttled(&mut self, now: Moment, retry_after: Option<Duration>) {
        self.refill(now);
        self.millitokens = 0;
        let pause = retry_after.unwrap_or(Duration::from_secs(20)).clamp(Duration::from_secs(1), WINDOW);
        self.closed_until = self.closed_until.max(now.after(pause));
    }

    fn floor(&self, urgency: Urgency) -> u32 {
        match urgency {
            Urgency::Foreground => 0,
            Urgency::Background => self.limit.reserve(),
        }
    }

    fn refill(&mut self, now: Moment) {
        let start = self.refilled.max(self.closed_until).min(now);
        let elapsed = u64::try_from(now.since(start).as_millis()).unwrap_or(u64::MAX);
        let full = u64::from(self.limit.burst) * 1000;
        // per_minute tokens in 60,000 ms: per_minute / 60 thousandths a millisecond.
        let gained = elapsed.saturating_mul(u64::from(self.limit.per_minute)) / 60;
        if gained > 0 || self.millitokens >= full {
            self.millitokens = self.millitokens.saturating_add(gained).min(full);
            self.refilled = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Moment {
        Moment::at(Duration::from_millis(ms))
    }

    #[test]
    fn i39_no_window_of_sixty_seconds_holds_more_than_the_limit() {
        for limit in [Limit { per_minute: 60, burst: 20 }, Limit { per_minute: 6000, burst: 200 }] {
            let mut budget = Budget::new(limit);
            let mut sent: Vec<u64> = Vec::new();
            for ms in (0..300_000).step_by(7) {
                while budget.take(at(ms), Urgency::Foreground) {
                    sent.push(ms);
                }
            }
            let (mut start, mut most) = (0, 0);
            for (end, at) in sent.iter().enumerate() {
                while sent[start] + 60_000 <= *at {
                    start += 1;
                }
                most = most.max(end - start + 1);
            }
            let limit = usize::try_from(limit.per_minute).unwrap();
            assert!(most <= limit, "{most} calls in one window of {limit}");
            assert!(sent.len() >= limit * 5 * 99 / 100, "only {} in five minutes of {limit}", sent.len());
        }
    }

    #[test]
    fn i39_background_work_leaves_a_token_for_people() {
        let mut budget = Budget::new(Limit { per_minute: 60, burst: 20 });
        let mut background = 0;
        for ms in (0..600_000).step_by(50) {
            while budget.take(at(ms), Urgency::Background) {
                background += 1;
            }
            assert!(budget.available(at(ms)) >= 1, "no token left at {ms} ms");
        }
        assert!(background >= 540, "background got only {background} of 600");
    }

    #[test]
    fn a_throttle_empties_the_bucket_until_the_cloud_is_ready() {
        let mut budget = Budget::new(Limit { per_minute: 60, burst: 20 });
        budget.throttled(at(1000), Some(Duration::from_secs(5)));
        assert!(!budget.take(at(5900), Urgency::Foreground));
        assert!(budget.next_token(at(1000), Urgency::Foreground) >= at(6000));
        assert!(budget.take(at(7100), Urgency::Foreground));
        assert!(!budget.take(at(7100), Urgency::Foreground), "the bucket was emptied");
    }

    #[test]
    fn the_next_token_is_never_promised_too_late() {
        let mut budget = Budget::new(Limit { per_minute: 60, burst: 20 });
        let mut now = at(0);
        for _ in 0..500 {
            if !budget.take(now, Urgency::Foreground) {
                let next = budget.next_token(now, Urgency::Foreground);
                assert!(next > now);
                let mut probe = now;
                while probe < next {
                    assert_eq!(budget.available(probe), 0, "a token lay there before it was promised");
                    probe = probe.after(Duration::from_millis(100));
                }
                now = next;
            }
        }
    }
}
