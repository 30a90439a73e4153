//! When a key is renewed. Times are arguments; `chance` is a number from 0 to below 1 that keeps replicas apart.

use std::time::Duration;

/// A key is not used in its last seconds: a call that is signed then may arrive too late.
const LAST: Duration = Duration::from_secs(30);

const MARGIN: Duration = Duration::from_mins(10);
const SPREAD: Duration = Duration::from_mins(1);

/// Longest time between two tries that may well succeed.
const RETRY: Duration = Duration::from_mins(1);

/// Time between two tries that fail until somebody changes something.
const RETRY_FINAL: Duration = Duration::from_mins(5);

/// How long after it was issued a key is renewed: ten minutes or a fifth of its life before its end, whichever is more, but not
/// before half of its life is over.
pub fn renewed_after(lifetime: Duration, chance: f64) -> Duration {
    let margin = (MARGIN + SPREAD.mul_f64(chance)).max(lifetime / 5);
    lifetime.saturating_sub(margin.min(lifetime / 2)).min(used_for(lifetime))
}

/// How long after it was issued a key may be used.
pub fn used_for(lifetime: Duration) -> Duration {
    lifetime.saturating_sub(LAST)
}

/// How long to wait after so many failures in a row, of which the last one is final or not.
pub fn retried_after(failures: u32, is_final: bool, chance: f64) -> Duration {
    let longest = if is_final {
        RETRY_FINAL
    } else {
        Duration::from_secs(1).saturating_mul(1 << failures.saturating_sub(1).min(6)).min(RETRY)
    };
    // Between half of it and the whole.
    longest.mul_f64(0.5 + chance / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i56_a_key_is_renewed_before_it_ends_and_not_too_early() {
        for (lifetime, chance, renewed) in [
            // A fifth of an hour is more than ten minutes.
            (3600, 0.0, 2880),
            (43_200, 0.9, 34_560),
            (1800, 0.0, 1200),
            (1800, 0.5, 1170),
            // Not before half of it is over.
            (900, 0.0, 450),
            (900, 0.9, 450),
            // Not after it is used.
            (40, 0.0, 10),
        ] {
            let after = renewed_after(Duration::from_secs(lifetime), chance);
            assert_eq!(after.as_secs(), renewed, "{lifetime} s");
            assert!(after <= used_for(Duration::from_secs(lifetime)));
        }
        assert_eq!(used_for(Duration::from_secs(20)), Duration::ZERO);
    }

    #[test]
    fn failures_are_retried_soon_at_first_and_final_ones_rarely() {
        let millis = |failures, is_final, chance| retried_after(failures, is_final, chance).as_millis();
        assert_eq!([1, 2, 3, 7, 1000].map(|n| millis(n, false, 1.0)), [1000, 2000, 4000, 60_000, 60_000]);
        assert_eq!(millis(1, false, 0.0), 500);
        assert_eq!([1, 9].map(|n| millis(n, true, 1.0)), [300_000, 300_000]);
    }
}
