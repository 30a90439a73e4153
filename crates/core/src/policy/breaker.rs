//! The circuit breaker: when more vanishes or flips at once than people do by hand, something is wrong with the view, and
//! nothing is concluded from absence and nothing is unprotected until two complete sweeps agree (I16).
//!
//! It goes by time and not by sweeps, so that it means the same at every pace.

use std::collections::VecDeque;
use std::time::Duration;

use crate::time::Moment;

/// Surprises are counted over this span.
const AT_ONCE: Duration = Duration::from_mins(2);
/// So far apart must the two complete sweeps be that agree.
const APART: Duration = Duration::from_mins(1);

/// Counts what vanished or flipped lately.
#[derive(Debug, Default)]
pub struct CircuitBreaker {
    /// When, and how many.
    surprises: VecDeque<(Moment, usize)>,
    /// All of them.
    sum: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, Default)]
enum State {
    #[default]
    Closed,
    /// The sweep in which the surprises came, or its remainder, has not ended.
    Tripped,
    /// No complete sweep has agreed yet.
    Open,
    /// One that ended then has.
    Agreed(Moment),
}

impl CircuitBreaker {
    /// A target that was known vanished, or its flag turned unprotected without our doing.
    pub fn surprise(&mut self, now: Moment, known: usize) {
        while let Some((at, count)) = self.surprises.front()
            && now.since(*at) >= AT_ONCE
        {
            self.sum -= count;
            self.surprises.pop_front();
        }
        self.sum += 1;
        match self.surprises.back_mut() {
            Some((at, count)) if *at == now => *count += 1,
            _ => self.surprises.push_back((now, 1)),
        }
        if self.sum > limit(known) {
            self.state = State::Tripped;
        }
    }

    /// A complete sweep ended.
    pub fn swept(&mut self, now: Moment) {
        self.state = match self.state {
            State::Closed => State::Closed,
            State::Tripped => State::Open,
            State::Open => State::Agreed(now),
            State::Agreed(at) if now.since(at) >= APART => State::Closed,
            State::Agreed(at) => State::Agreed(at),
        };
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed)
    }
}

/// Most surprises at once that pass as everyday life: 50, or 5 % of what is known.
fn limit(known: usize) -> usize {
    (known / 20).max(50)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    #[test]
    fn i16_more_than_fifty_or_five_percent_at_once_opens_the_circuit_breaker_until_two_sweeps_a_minute_apart_agree()
     {
        for (known, allowed) in [(10, 50), (1000, 50), (2000, 100), (100_000, 5000)] {
            for (interval, off) in [(10, 70), (60, 120), (90, 180)] {
                let mut breaker = CircuitBreaker::default();
                for _ in 0..allowed {
                    breaker.surprise(at(1000), known);
                }
                assert!(!breaker.is_open(), "{allowed} of {known}");
                breaker.surprise(at(1001), known);
                let mut swept = 0;
                while breaker.is_open() {
                    breaker.swept(at(1001 + swept));
                    swept += interval;
                }
                // The sweep that saw it, one that agrees, and those until one that agrees a minute later.
                assert_eq!(swept - interval, off, "{interval}");
            }
        }
    }

    #[test]
    fn i16_what_comes_slowly_does_not_add_up_whatever_the_pace_of_the_sweeps() {
        for interval in [1, 10, 60] {
            let mut breaker = CircuitBreaker::default();
            // Fifty in two minutes, for three hours.
            for step in 0..4_500 {
                let now = at(step * 12 / 5);
                breaker.surprise(now, 1000);
                if step % interval == 0 {
                    breaker.swept(now);
                }
                assert!(!breaker.is_open(), "{interval} {step}");
            }
        }
    }

    #[test]
    fn i16_a_wave_opens_the_circuit_breaker_however_many_sweeps_it_is_spread_over() {
        let mut breaker = CircuitBreaker::default();
        for sweep in 0..11 {
            for _ in 0..5 {
                breaker.surprise(at(sweep * 10), 1000);
            }
            breaker.swept(at(sweep * 10));
        }
        assert!(breaker.is_open());
        // It stays open for as long as that goes on.
        for sweep in 11..100 {
            for _ in 0..5 {
                breaker.surprise(at(sweep * 10), 1000);
            }
            breaker.swept(at(sweep * 10));
        }
        assert!(breaker.is_open());
    }
}
