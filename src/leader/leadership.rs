//! Whether this replica leads, for whoever wants to know.

use std::future::poll_fn;
use std::pin::pin;

use keeper_alicloud::LeaseGuard;
use keeper_core::engine::Window;
use keeper_core::time::Moment;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// The lead, as this replica has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// Counts how often this process has taken the lead. What was begun in one term is not to be ended in another.
    pub term: u64,
    /// Counts how often any process has.
    pub transitions: i32,
    /// When what only the leader may do may be done.
    pub window: Window,
}

/// Tells whether this replica leads, to whoever wants to know.
#[derive(Debug, Clone)]
pub struct Leadership {
    origin: Instant,
    lead: watch::Receiver<Option<Lead>>,
}

impl Leadership {
    /// One that is told by the sender. `origin` is that of all [`Moment`]s of this process.
    pub fn told_by(origin: Instant, lead: watch::Receiver<Option<Lead>>) -> Self {
        Self { origin, lead }
    }

    /// Now, on this process's monotonic clock.
    pub fn now(&self) -> Moment {
        Moment::at(self.origin.elapsed())
    }

    /// The moment as the runtime has it.
    pub fn instant(&self, at: Moment) -> Instant {
        self.origin + at.since(Moment::default())
    }

    /// What was told last, which may have ended since.
    pub fn newest(&mut self) -> Option<Lead> {
        *self.lead.borrow_and_update()
    }

    /// The lead, if this replica has it now.
    pub fn held(&self) -> Option<Lead> {
        let lead = *self.lead.borrow();
        lead.filter(|lead| lead.window.open(self.now()))
    }

    fn holds(&self, term: u64) -> bool {
        self.held().is_some_and(|lead| lead.term == term)
    }

    /// Waits until something else is told.
    pub async fn changed(&mut self) {
        if self.lead.changed().await.is_err() {
            // Nobody will ever tell anything else.
            std::future::pending::<()>().await;
        }
    }

    /// Lets sign as long as this term goes on.
    pub fn guard(&self, term: u64) -> TermGuard {
        TermGuard { leadership: self.clone(), term }
    }

    /// Does something as long as the term goes on, be it for many renewals. `None`: it ended first. What is on the wire by
    /// then may still have its effect; nothing that had not begun has.
    pub async fn within<T>(&self, term: u64, work: impl Future<Output = T>) -> Option<T> {
        let mut told = self.clone();
        let mut work = pin!(work);
        loop {
            let lead = told.newest().filter(|lead| lead.term == term && lead.window.open(told.now()))?;
            let end = lead.window.until.map(|until| self.instant(until));
            let mut guarded = pin!(poll_fn(|context| {
                if self.holds(term) {
                    work.as_mut().poll(context).map(Some)
                } else {
                    std::task::Poll::Ready(None)
                }
            }));
            tokio::select! {
                biased;
                () = told.changed() => {}
                () = at_the_end(end) => {}
                done = &mut guarded => return done,
            }
        }
    }
}

pub async fn at_the_end(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// Lets sign for one term.
#[derive(Debug, Clone)]
pub struct TermGuard {
    leadership: Leadership,
    term: u64,
}

impl LeaseGuard for TermGuard {
    fn held(&self) -> bool {
        self.leadership.holds(self.term)
    }
}

impl TermGuard {
    /// Does something as long as the term goes on.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.leadership.within(self.term, work).await
    }
}

#[cfg(test)]
mod tests;
