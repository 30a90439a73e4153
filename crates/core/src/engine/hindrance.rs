//! What keeps reads from getting on. It is told in the same words until a complete sweep has met nothing of it: a cloud
//! that throttles every other call must not have a status say something else after each of them (I52).

use std::time::Duration;

use crate::failure::{Class, Failure};
use crate::reason::Reason;
use crate::time::Moment;

/// After the first of these spans it is told how many calls the cloud lets through; then it is counted anew in each of the
/// second ones. The cloud counts in minutes, so that the count of one alone says little.
const COUNTED: (Duration, Duration) = (Duration::from_mins(1), Duration::from_mins(5));

/// What keeps reads from getting on.
#[derive(Debug, Default)]
pub(super) struct Hindrance {
    standing: Option<Standing>,
    passage: Option<Passage>,
    /// Calls a minute that the cloud lets through.
    fits: Option<u32>,
}

#[derive(Debug)]
struct Standing {
    reason: Reason,
    /// What failed: not always the read itself.
    operation: Option<&'static str>,
    detail: Box<str>,
    heals_itself: bool,
}

/// Calls that were let through since a moment.
#[derive(Debug)]
struct Passage {
    since: Moment,
    calls: u32,
}

impl Hindrance {
    /// A read failed. Of several failures for one reason the first one's words stand.
    pub fn failed(&mut self, now: Moment, failure: &Failure, reason: Reason, detail: &str) {
        let operation = failure.operation;
        let same = |standing: &Standing| standing.reason == reason && standing.operation == operation;
        if !self.standing.as_ref().is_some_and(same) {
            let heals_itself = failure.class.heals_itself();
            self.standing = Some(Standing { reason, operation, detail: detail.into(), heals_itself });
        }
        if failure.class != Class::Throttled {
            return;
        }
        let passage = self.passage.get_or_insert(Passage { since: now, calls: 0 });
        let counted = now.since(passage.since);
        if counted >= COUNTED.1 || (self.fits.is_none() && counted >= COUNTED.0) {
            let seconds = u32::try_from(counted.as_secs()).unwrap_or(u32::MAX).max(1);
            let fits = passage.calls.saturating_mul(60) / seconds;
            let like = |told: &u32| fits.saturating_mul(3) >= told * 2 && fits * 2 <= told.saturating_mul(3);
            if !self.fits.as_ref().is_some_and(like) {
                self.fits = (passage.calls > 0).then_some(fits.max(1));
            }
            if counted >= COUNTED.1 {
                *passage = Passage { since: now, calls: 0 };
            }
        }
    }

    /// A read was answered. What only a person could mend is mended.
    pub fn answered(&mut self) {
        self.standing.take_if(|standing| !standing.heals_itself);
        if let Some(passage) = &mut self.passage {
            passage.calls = passage.calls.saturating_add(1);
        }
    }

    /// Nothing stands in the way any more.
    pub fn is_over(&mut self) {
        *self = Self::default();
    }

    /// What it is, and the cloud's words.
    pub fn why(&self) -> Option<(Reason, &str)> {
        self.standing.as_ref().map(|standing| (standing.reason, standing.detail.as_ref()))
    }

    /// Calls a minute that the cloud lets through, if it throttles and that is known.
    pub fn fits(&self) -> Option<u32> {
        self.fits.filter(|_| self.why().is_some_and(|(reason, _)| reason == Reason::Throttled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Effect;

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    fn failure(class: Class) -> Failure {
        let (request_id, operation, retry_after) = (None, Some("DescribeInstances"), None);
        Failure { class, code: "Scripted".into(), operation, request_id, effect: Effect::None, retry_after }
    }

    /// A cloud that lets so many calls through in each minute, asked for an hour.
    fn throttled(a_minute: &[u32]) -> Vec<Option<u32>> {
        let mut hindrance = Hindrance::default();
        let mut told = Vec::new();
        for (minute, passes) in (0..60).zip(a_minute.iter().cycle()) {
            for _ in 0..*passes {
                hindrance.answered();
            }
            for second in [20, 40] {
                hindrance.failed(at(minute * 60 + second), &failure(Class::Throttled), Reason::Throttled, "");
            }
            told.push(hindrance.fits());
        }
        told.dedup();
        told
    }

    #[test]
    fn i52_the_calls_that_are_let_through_are_told_once_and_not_anew_with_every_count() {
        assert_eq!(throttled(&[20]), [None, Some(20)]);
        assert_eq!(throttled(&[25, 15, 20, 22, 18]), [None, Some(15)]);
        assert_eq!(throttled(&[0]), [None]);
        assert_eq!(throttled(&[0, 0, 0, 0, 1]), [None, Some(1)]);
    }

    #[test]
    fn i52_a_cause_stands_until_it_is_over_but_not_what_a_person_has_mended() {
        let mut hindrance = Hindrance::default();
        hindrance.failed(at(1), &failure(Class::Throttled), Reason::Throttled, "Throttling, request 1");
        hindrance.answered();
        hindrance.failed(at(2), &failure(Class::Throttled), Reason::Throttled, "Throttling, request 2");
        assert_eq!(hindrance.why(), Some((Reason::Throttled, "Throttling, request 1")));
        hindrance.failed(at(3), &failure(Class::Permission), Reason::PermissionDenied, "Forbidden");
        assert_eq!(hindrance.why(), Some((Reason::PermissionDenied, "Forbidden")));
        hindrance.answered();
        assert_eq!(hindrance.why(), None);
        hindrance.failed(at(4), &failure(Class::Transient), Reason::CloudUnavailable, "Timeout");
        hindrance.is_over();
        assert_eq!(hindrance.why(), None);
    }
}
