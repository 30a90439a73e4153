//! Calls of one part that are without an answer.

use std::collections::BTreeMap;

use super::action::CALL_DEADLINE;
use super::context::Context;
use crate::id::CallId;
use crate::time::Moment;

/// Calls without an answer: when each was sent, and what it is for.
#[derive(Debug)]
pub(crate) struct Calls<T> {
    /// Calls are numbered in the order in which they are sent.
    under_way: BTreeMap<CallId, (Moment, T)>,
}

impl<T> Default for Calls<T> {
    fn default() -> Self {
        Self { under_way: BTreeMap::new() }
    }
}

impl<T> Calls<T> {
    /// A call is sent now.
    pub fn send(&mut self, now: Moment, context: &mut Context, purpose: T) -> CallId {
        let call = context.number_call();
        self.under_way.insert(call, (now, purpose));
        call
    }

    /// Takes a call out that has an answer, or is lost: when it was sent, and what it is for.
    pub fn take(&mut self, call: CallId) -> Option<(Moment, T)> {
        self.under_way.remove(&call)
    }

    /// What a call is for.
    pub fn purpose(&self, call: CallId) -> Option<&T> {
        self.under_way.get(&call).map(|(_, purpose)| purpose)
    }

    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    pub fn ids(&self) -> impl Iterator<Item = CallId> {
        self.under_way.keys().copied()
    }

    /// The oldest one.
    pub fn oldest(&self) -> Option<CallId> {
        self.ids().next()
    }

    /// Those that have been without an answer for too long. They are to be answered as lost.
    pub fn lost(&self, now: Moment) -> impl Iterator<Item = CallId> {
        let lost = move |(_, (sent, _)): &(&CallId, &(Moment, T))| now.since(*sent) >= CALL_DEADLINE;
        self.under_way.iter().filter(lost).map(|(call, _)| *call)
    }

    /// When the oldest one is lost.
    pub fn loses_at(&self) -> Option<Moment> {
        self.under_way.values().next().map(|(sent, _)| sent.after(CALL_DEADLINE))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::backoff::Jitter;

    fn at(seconds: u64) -> Moment {
        Moment::at(Duration::from_secs(seconds))
    }

    #[test]
    fn i24_a_call_without_an_answer_is_lost_after_a_minute_and_once() {
        let (mut calls, mut context) = (Calls::default(), Context::new(Jitter::new(1)));
        let first = calls.send(at(100), &mut context, "first");
        let second = calls.send(at(130), &mut context, "second");
        assert_eq!((calls.oldest(), calls.loses_at()), (Some(first), Some(at(160))));
        assert_eq!(calls.lost(at(159)).count(), 0);
        assert_eq!(calls.lost(at(160)).collect::<Vec<_>>(), [first]);
        assert_eq!(calls.take(first), Some((at(100), "first")));
        assert_eq!(calls.take(first), None);
        assert_eq!((calls.oldest(), calls.loses_at()), (Some(second), Some(at(190))));
    }
}
