//! Tells somebody how each call ended, so that no call can be forgotten where calls are counted.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use keeper_core::failure::Class;
use tokio::time::Instant;

use crate::error::Error;

/// Is told of every call that was begun.
pub trait Observer: fmt::Debug + Send + Sync {
    /// A call of the operation, by the vendor's name, has ended after this long.
    fn ended(&self, operation: &'static str, took: Duration, outcome: Outcome);
}

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The cloud answered it.
    Answered,
    /// It failed.
    Failed(Class),
    /// Whoever began it does not wait for its end any more.
    GivenUp,
}

/// A call under way, which tells of its end however that comes.
pub(crate) struct Watched<'a> {
    observer: Option<&'a Arc<dyn Observer>>,
    operation: &'static str,
    begun: Instant,
    outcome: Outcome,
}

impl<'a> Watched<'a> {
    pub(crate) fn begin(observer: Option<&'a Arc<dyn Observer>>, operation: &'static str) -> Self {
        Self { observer, operation, begun: Instant::now(), outcome: Outcome::GivenUp }
    }

    pub(crate) fn end<T>(mut self, result: &Result<T, Error>) {
        self.outcome = match result {
            Ok(_) => Outcome::Answered,
            Err(error) => Outcome::Failed(error.class),
        };
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if let Some(observer) = self.observer {
            observer.ended(self.operation, self.begun.elapsed(), self.outcome);
        }
    }
}
