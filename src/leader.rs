//! Which replica leads: it alone signs calls of the cloud and writes status. The others keep their watches, so that they
//! can take over at once.
//!
//! `candidate` decides, `lease` reads and writes, and what is in this file carries between the two and tells everybody
//! else. Whoever does something that only the leader may do takes the [`Lead`] at hand and does it
//! [within](Leadership::within) it: that is checked each time the work goes on, against the monotonic clock, so that a
//! process that was stopped for a while notices even if nobody could tell it.

pub mod candidate;
pub mod lease;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use keeper_alicloud::Leave;
use keeper_core::engine::Window;
use keeper_core::time::Moment;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use candidate::{Candidate, Step, Written};
use lease::{LeaseAccess, Trouble};

use crate::health::Pulse;
use crate::metrics::Metrics;

/// The same trouble is told again after this long.
const TOLD_EVERY: Duration = Duration::from_secs(60);

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

    /// Whether the term goes on.
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

    /// Waits for the lead.
    pub async fn taken(&mut self) -> Lead {
        loop {
            if let Some(lead) = self.newest().filter(|lead| lead.window.open(self.now())) {
                return lead;
            }
            self.changed().await;
        }
    }

    /// Leave to sign, as long as this term goes on.
    pub fn leave(&self, term: u64) -> Tenure {
        Tenure { leadership: self.clone(), term }
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

/// Waits for a moment, if there is one.
pub async fn at_the_end(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// Leave to sign for one term.
#[derive(Debug, Clone)]
pub struct Tenure {
    leadership: Leadership,
    term: u64,
}

impl Leave for Tenure {
    fn given(&self) -> bool {
        self.leadership.holds(self.term)
    }
}

impl Tenure {
    /// Does something as long as the term goes on.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.leadership.within(self.term, work).await
    }
}

/// Takes, keeps and gives up the lead.
pub struct Leader {
    identity: String,
    candidate: Candidate,
    lease: LeaseAccess,
    origin: Instant,
    told: watch::Sender<Option<Lead>>,
    trouble: Option<(Trouble, Moment)>,
    rival: Option<String>,
    metrics: Arc<Metrics>,
}

impl Leader {
    /// One that does not lead yet, and who tells of it.
    pub fn new(
        identity: String,
        candidate: Candidate,
        lease: LeaseAccess,
        origin: Instant,
        metrics: Arc<Metrics>,
    ) -> (Self, Leadership) {
        let (told, lead) = watch::channel(None);
        let leader = Self { identity, candidate, lease, origin, told, trouble: None, rival: None, metrics };
        (leader, Leadership::told_by(origin, lead))
    }

    fn now(&self) -> Moment {
        Moment::at(self.origin.elapsed())
    }

    /// Runs until it is told to stop. The lead is over then, but the Lease stands: see [`Leader::release`].
    pub async fn run(mut self, stop: CancellationToken, mut pulse: Pulse) -> Self {
        info!(identity = self.identity, "asks for the lead");
        loop {
            // Each turn is bounded by the span of the Lease.
            pulse.beat();
            self.tell();
            let now = self.now();
            let due = self.candidate.next(now);
            self.tell();
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.take(due) => {}
            }
        }
        self.told.send_replace(None);
        self
    }

    /// Lets go of the Lease, so that nobody has to wait for its end. To be called when nothing of this process is on its
    /// way to the cloud any more.
    pub async fn release(mut self) {
        let within = self.candidate.time_for_a_request(self.now());
        match self.lease.release(within).await {
            Ok(true) => info!(identity = self.identity, "the lead is let go"),
            Ok(false) => {}
            Err(trouble) => {
                warn!(
                    error = trouble.what,
                    "the Lease is not let go; another replica takes over when it ends"
                );
            }
        }
    }

    async fn take(&mut self, step: Step) {
        let began = self.now();
        let within = self.candidate.time_for_a_request(began);
        let trouble = match step {
            Step::Wait(until) => return sleep_until(self.origin + until.since(Moment::default())).await,
            Step::Look => match self.lease.look(within).await {
                Ok(found) => {
                    self.candidate.looked(self.now(), found);
                    None
                }
                Err(trouble) => {
                    self.candidate.looked_in_vain(self.now());
                    Some(trouble)
                }
            },
            Step::Restore(transitions) => match self.lease.restore(transitions, within).await {
                Ok(_) => {
                    info!(identity = self.identity, "the Lease was deleted and is made anew, for nobody yet");
                    self.candidate.restored(self.now());
                    None
                }
                Err(trouble) => {
                    self.candidate.looked_in_vain(self.now());
                    Some(trouble)
                }
            },
            Step::Create(claim) => {
                let made = self.lease.create(claim, within).await;
                let (how, trouble) = made.map_or_else(|t| (Written::Unclear, Some(t)), |how| (how, None));
                self.candidate.wrote(began, self.now(), claim, how);
                trouble
            }
            Step::Replace(version, claim) => {
                let replaced = self.lease.replace(&version, claim, within).await;
                let (how, trouble) = replaced.map_or_else(|t| (Written::Unclear, Some(t)), |how| (how, None));
                self.candidate.wrote(began, self.now(), claim, how);
                trouble
            }
        };
        self.log_trouble(trouble);
    }

    /// Tells the others what has changed.
    fn tell(&mut self) {
        let lead = self.candidate.lead(self.now());
        let before = self.told.send_replace(lead);
        let term = |lead: Option<Lead>| lead.map(|lead| lead.term);
        if before.is_some() && term(before) != term(lead) {
            warn!(identity = self.identity, holder = self.candidate.rival(), "the lead is lost");
        }
        if let Some(lead) = lead.filter(|_| term(before) != term(lead)) {
            info!(identity = self.identity, transitions = lead.transitions, "leads");
            self.metrics.lead_taken();
            self.rival = None;
        } else if lead.is_none() && self.candidate.rival() != self.rival.as_deref() {
            self.rival = self.candidate.rival().map(str::to_owned);
            if let Some(holder) = &self.rival {
                info!(identity = self.identity, holder, "stands by: another replica leads");
            }
        }
    }

    /// The same trouble comes every second: it is told when it begins, and now and then.
    fn log_trouble(&mut self, trouble: Option<Trouble>) {
        let Some(trouble) = trouble else {
            self.trouble = None;
            return;
        };
        let now = self.now();
        if let Some((before, told)) = &self.trouble
            && *before == trouble
            && now.since(*told) < TOLD_EVERY
        {
            return;
        }
        let left = self.candidate.lead(now).and_then(|lead| lead.window.until).map(|until| until.since(now));
        let lead_ends_in = left.map(|left| format!("{left:.1?}"));
        if trouble.refused {
            error!(
                error = trouble.what,
                lead_ends_in,
                "the Lease can't be used, and without it nothing is done; grant get, create and update on leases \
                 (coordination.k8s.io) in the operator's namespace, as the chart does"
            );
        } else {
            warn!(error = trouble.what, lead_ends_in, "the Lease can't be used for the moment");
        }
        self.trouble = Some((trouble, now));
    }
}

#[cfg(test)]
mod tests;
