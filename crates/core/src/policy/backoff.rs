//! How long to wait before trying again.

use std::time::Duration;

use crate::failure::Class;

/// The wait after a failure that only a person can mend, and the cap of everything else that concerns a write.
pub const LONG: Duration = Duration::from_mins(10);

/// Source of jitter: a small generator with a seed, so that a schedule can be replayed (SplitMix64).
#[derive(Debug, Clone)]
pub struct Jitter(u64);

impl Jitter {
    /// A generator that always gives the same sequence for the same seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A span between the given one and a quarter more.
    pub fn stretch(&mut self, span: Duration) -> Duration {
        let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        span + Duration::from_millis(self.next_u64() % (millis / 4 + 1))
    }
}

/// The wait before attempt `failures + 1`: exponential and capped for what heals itself, long for the rest (I29).
pub fn wait(class: Class, failures: u32, jitter: &mut Jitter) -> Duration {
    let base = match class {
        Class::Throttled | Class::Transient | Class::Busy => {
            let doubled = Duration::from_secs(1).saturating_mul(1 << failures.clamp(1, 9).saturating_sub(1));
            doubled.min(Duration::from_mins(4))
        }
        // A changed charge type takes effect late; the vendor's Terraform provider asks again about every minute. It is
        // waited for until the quarter of an hour is over after which the refusal is taken as final.
        Class::NotApplicable if failures <= 15 => Duration::from_mins(1),
        // Nothing was sent. It ends as soon as the right key is there, and no one tells us of that here.
        Class::NoKey | Class::WrongAccount | Class::NoIdentity | Class::StsOutsideVpc => {
            Duration::from_secs(5)
        }
        Class::NotApplicable
        | Class::Gone
        | Class::Locked
        | Class::Permission
        | Class::Credentials
        | Class::Clock
        | Class::Bug
        | Class::Unrecognized => LONG,
    };
    jitter.stretch(base)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i29_what_needs_a_person_is_tried_at_most_once_in_ten_minutes() {
        let mut jitter = Jitter::new(1);
        for class in [
            Class::Permission,
            Class::Credentials,
            Class::Clock,
            Class::Bug,
            Class::Locked,
            Class::Unrecognized,
        ] {
            for failures in 1..100 {
                assert!(wait(class, failures, &mut jitter) >= LONG);
            }
        }
    }

    #[test]
    fn i29_what_heals_itself_is_tried_ever_more_slowly_up_to_a_cap() {
        let mut jitter = Jitter::new(1);
        let mut longest = Duration::ZERO;
        for failures in 1..40 {
            let next = wait(Class::Transient, failures, &mut jitter);
            assert!(next >= Duration::from_secs(1) && next <= Duration::from_mins(5));
            assert!(next + Duration::from_secs(61) > longest, "it does not shrink but for jitter");
            longest = longest.max(next);
        }
        assert!(longest >= Duration::from_mins(4));
    }
}
