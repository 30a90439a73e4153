//! Takes, keeps and gives up the lead.

use std::sync::Arc;
use std::time::Duration;

use keeper_core::time::Moment;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::candidate::{Candidate, Step, Written};
use super::leadership::{Lead, Leadership};
use super::lease::{LeaseAccess, Trouble};
use crate::health::Pulse;
use crate::metrics::Metrics;

/// The same trouble is told again after this long.
const TOLD_EVERY: Duration = Duration::from_mins(1);

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
        info!(identity = self.identity, "waiting for lease");
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
            Ok(true) => info!(identity = self.identity, "lease released"),
            Ok(false) => {}
            Err(trouble) => {
                warn!(
                    error = trouble.what,
                    "failed to release the lease; another replica takes over when it expires"
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
                    info!(identity = self.identity, "lease was deleted, creating it again without a holder");
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
            warn!(identity = self.identity, holder = self.candidate.rival(), "lease lost");
        }
        if let Some(lead) = lead.filter(|_| term(before) != term(lead)) {
            info!(identity = self.identity, transitions = lead.transitions, "lease acquired");
            self.metrics.lead_taken();
            self.rival = None;
        } else if lead.is_none() && self.candidate.rival() != self.rival.as_deref() {
            self.rival = self.candidate.rival().map(str::to_owned);
            if let Some(holder) = &self.rival {
                info!(identity = self.identity, holder, "standby: another replica holds the lease");
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
                "no access to the Lease, so this replica can't lead; grant get, create and update on leases \
                 (coordination.k8s.io) in the operator's namespace, as the chart does"
            );
        } else {
            warn!(error = trouble.what, lead_ends_in, "lease request failed");
        }
        self.trouble = Some((trouble, now));
    }
}
