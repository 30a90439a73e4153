//! Writes what is judged: status, Events, and the finalizer of objects whose deletion has work to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use keeper_core::conditions::{ConditionSet, Status};
use keeper_core::id::ObjectId;
use keeper_core::reason::Reason;
use kube::Client;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::api::{Resource, WatchedObject, generation};
use crate::events::{self, EventRecorder};
use crate::health::Pulse;
use crate::kubernetes::{CALL_TIMEOUT, FIELD_MANAGER, summary};
use crate::leader::Leadership;
use crate::metrics::{Ended, Judged, Metrics, Patched};
use crate::status::{self, Change, Lost, Now, Report, Shrinking, Statement, report, statement};
use crate::store::{MUSTER, Store, StoredObject};

const CONCURRENT: usize = 16;

/// After how long it is tried again to tell of what status says nothing of.
const UNTOLD: Duration = Duration::from_secs(30);

pub struct StatusWriter {
    pub client: Client,
    /// What is to be reported on.
    pub store: Arc<Store>,
    /// Tells of transitions.
    pub events: EventRecorder,
    /// Tells whether this replica leads: only then anything is written.
    pub leadership: Leadership,
    pub metrics: Arc<Metrics>,
}

enum Outcome {
    Done,
    /// The object has changed meanwhile, or is gone: the watch will tell. Or the lead has ended, and whoever takes it
    /// reports anew.
    Overtaken,
    Failed(String),
}

impl Outcome {
    fn counted(&self) -> Ended {
        match self {
            Self::Done => Ended::Done,
            Self::Overtaken => Ended::Overtaken,
            Self::Failed(_) => Ended::Failed,
        }
    }
}

impl StatusWriter {
    /// Runs until it is told to stop; then waits for the patches that are under way.
    pub async fn run(self, stop: CancellationToken, mut pulse: Pulse) {
        let this = Arc::new(self);
        let mut leadership = this.leadership.clone();
        let mut term = 0;
        let mut busy: BTreeSet<ObjectId> = BTreeSet::new();
        let mut waiting: BTreeMap<ObjectId, StoredObject> = BTreeMap::new();
        let mut failures: BTreeMap<ObjectId, u32> = BTreeMap::new();
        let mut writers: JoinSet<(ObjectId, Resource, Outcome)> = JoinSet::new();
        loop {
            pulse.beat();
            let lead = leadership.newest();
            if lead.is_none_or(|lead| lead.term != term) {
                // What was to be said in another term is not said any more.
                waiting.clear();
                failures.clear();
            }
            if let Some(lead) = lead {
                if lead.term != term {
                    term = lead.term;
                    this.store.begin_term(term);
                }
                this.store.mark_due(Instant::now());
                waiting.extend(this.store.take_dirty(&busy));
            }
            while writers.len() < CONCURRENT
                && let Some((id, entry)) = waiting.pop_first()
            {
                busy.insert(id.clone());
                let (this, resource) = (this.clone(), entry.seen.resource);
                writers.spawn(async move {
                    let written = this.leadership.within(term, this.write(&id, entry, term)).await;
                    (id, resource, written.unwrap_or(Outcome::Overtaken))
                });
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = leadership.changed() => {}
                () = this.store.changed() => {}
                () = pulse.due() => {}
                Some(ended) = writers.join_next() => {
                    let (id, resource, outcome) = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
                    busy.remove(&id);
                    this.metrics.reported(resource, outcome.counted());
                    match outcome {
                        Outcome::Done => { failures.remove(&id); }
                        Outcome::Overtaken => this.mark_later(&id, Duration::from_secs(5)),
                        Outcome::Failed(why) => {
                            let times = failures.entry(id.clone()).or_insert(0);
                            *times += 1;
                            let wait = Duration::from_secs(1 << (*times).min(6));
                            warn!(namespace = id.namespace(), name = id.name(), why, "status update failed, retrying");
                            this.mark_later(&id, wait);
                        }
                    }
                }
            }
        }
        while writers.join_next().await.is_some() {}
    }

    fn mark_later(self: &Arc<Self>, id: &ObjectId, wait: Duration) {
        let (this, id) = (self.clone(), id.clone());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            this.store.mark(&id);
        });
    }

    async fn write(self: &Arc<Self>, id: &ObjectId, entry: StoredObject, term: u64) -> Outcome {
        let mut entry = entry;
        let now = Now::read();
        let said = report(&entry, now);
        if let Some(said) = &said {
            self.store.lag(id, term, said.lagging.clone(), now.steady);
            self.store.judged(id, term, judged(said));
        }
        if let Some(change) = status::change(&entry, said.as_ref()) {
            let done = matches!(change, Change::Remove(_)) && entry.seen.meta.deletion_timestamp.is_some();
            match self.patch_finalizer(id, &entry.seen, &change).await {
                Ok(seen) => {
                    if done {
                        self.events.announce(&entry.seen, events::end(&entry.seen, said.as_ref()));
                        return Outcome::Done;
                    }
                    self.store.patched(id, &entry.seen.meta, seen.clone());
                    entry.seen = seen;
                }
                Err(outcome) => return outcome,
            }
        }
        match said {
            Some(said) => {
                let outcome = self.write_status(id, &entry, &said).await;
                let at_rest = said.condition_set.reconciling.status == Status::False;
                if matches!(outcome, Outcome::Done)
                    && let Some(survivors) = self.store.take_survivors(id, at_rest)
                {
                    self.events.announce(&entry.seen, events::survived(&survivors));
                }
                outcome
            }
            None => Outcome::Done,
        }
    }

    async fn write_status(self: &Arc<Self>, id: &ObjectId, entry: &StoredObject, said: &Report) -> Outcome {
        self.tell_losses(id, entry, said).await;
        self.tell_cancelled(id, entry).await;
        self.tell_orphans(id, entry).await;
        let lost = entry.losses.pending.len();
        let Some(Statement { status, events, survivors }) = statement(said, entry, Timestamp::now()) else {
            self.store.recorded(id, lost);
            return Outcome::Done;
        };
        let (forgotten, events): (Vec<_>, Vec<_>) =
            events.into_iter().partition(|event| event.reason == Reason::SurvivorForgotten);
        for event in forgotten {
            // After the patch nothing but the log and the Event has its id.
            info!(namespace = id.namespace(), name = id.name(), "{}", event.note);
            self.events.tell(&entry.seen, event).await;
        }
        let resource = entry.seen.resource;
        let described = resource.described();
        let body = json!({
            "apiVersion": described.api_version,
            "kind": described.kind,
            // Without it the patch would land on a namesake that was created since, and an old leader's would count.
            "metadata": { "resourceVersion": entry.seen.meta.resource_version },
            "status": status,
        });
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let api = resource.within(&self.client, id.namespace());
        let patched = bounded(api.patch_status(id.name(), &parameters, &Patch::Apply(&body))).await;
        self.metrics.patched(resource, Patched::Status, counted(&patched));
        match patched {
            Ok(answer) => {
                self.store.patched(id, &entry.seen.meta, resource.decode(answer));
                self.store.recorded(id, lost);
                self.announce_transition(id, entry, said);
                for event in events {
                    self.events.announce(&entry.seen, event);
                }
                if self.store.survived(id, survivors) {
                    self.mark_later(id, MUSTER);
                }
                Outcome::Done
            }
            Err(outcome) => outcome,
        }
    }

    async fn patch_finalizer(
        &self,
        id: &ObjectId,
        seen: &WatchedObject,
        change: &Change,
    ) -> Result<WatchedObject, Outcome> {
        let patch: json_patch::Patch = serde_json::from_value(change.operations(&seen.meta))
            .map_err(|error| Outcome::Failed(format!("the finalizer can't be written: {error}")))?;
        let api = seen.resource.within(&self.client, id.namespace());
        let (parameters, patch) = (PatchParams::default(), Patch::Json::<()>(patch));
        let call = async {
            match api.patch(id.name(), &parameters, &patch).await {
                // A `test` that does not hold is answered like this, and in no other words: the object has changed.
                Err(kube::Error::Api(status)) if status.is_invalid() => Ok(None),
                answer => answer.map(Some),
            }
        };
        let patched = bounded(call).await.and_then(|answer| answer.ok_or(Outcome::Overtaken));
        self.metrics.patched(seen.resource, Patched::Finalizers, counted(&patched));
        let answer = patched?;
        Ok(seen.resource.decode(answer))
    }

    /// Tells what the object has lost before status leaves it out: whoever takes over in between finds that status counts more
    /// than there is.
    async fn tell_losses(self: &Arc<Self>, id: &ObjectId, entry: &StoredObject, said: &Report) {
        let (resource, losses) = (entry.seen.resource, &entry.losses);
        for lost in losses.unlogged() {
            self.metrics.lost(resource, lost.reason(resource), lost.grave, 1);
            log_lost(id, resource, lost);
        }
        self.store.logged(id, losses.pending.len());
        let mut shrinking = losses.shrinking;
        if let Some(compared) = losses.compare(said, generation(&entry.seen.meta)) {
            let Shrinking { gone, .. } = compared;
            shrinking = Some(compared).filter(|_| gone > 0);
            if gone > 0 {
                self.metrics.lost(resource, Reason::SelectionShrank, true, gone);
                let (kind, reason) = (resource.kind(), Reason::SelectionShrank.as_str());
                warn!(kind, namespace = id.namespace(), name = id.name(), gone, reason, "targets lost");
            }
            self.store.compared(id, shrinking);
        }
        let mut told = true;
        for event in status::loss_events(resource, losses.untold()) {
            told &= self.events.tell(&entry.seen, event).await;
        }
        if told {
            self.store.told(id, losses.pending.len());
        }
        if let Some(shrinking) = shrinking {
            if self.events.tell(&entry.seen, status::shrinking_event(shrinking)).await {
                self.store.told_shrinking(id);
            } else {
                // Nothing else leads to it any more once status counts what there is.
                self.mark_later(id, UNTOLD);
            }
        }
    }

    /// Tells which release times were taken away.
    async fn tell_cancelled(self: &Arc<Self>, id: &ObjectId, entry: &StoredObject) {
        let mut told = true;
        for event in events::cancelled(&entry.cancelled) {
            told &= self.events.tell(&entry.seen, event).await;
        }
        if told {
            self.store.told_cancelled(id, entry.cancelled.len());
        } else {
            self.mark_later(id, UNTOLD);
        }
    }

    /// Tells which machines are still there although Karpenter was to release them.
    async fn tell_orphans(self: &Arc<Self>, id: &ObjectId, entry: &StoredObject) {
        let mut told = true;
        for event in events::orphaned(&entry.orphans) {
            told &= self.events.tell(&entry.seen, event).await;
        }
        if told {
            self.store.told_orphans(id, entry.orphans.len());
        } else {
            self.mark_later(id, UNTOLD);
        }
    }

    /// One Event when the domain condition comes to say something else.
    fn announce_transition(&self, id: &ObjectId, entry: &StoredObject, said: &Report) {
        if let Some(event) = events::contested(entry, said) {
            warn!(namespace = id.namespace(), name = id.name(), "{}", event.note);
            self.events.announce(&entry.seen, event);
        }
        let Some(event) = events::transition(entry, said) else { return };
        let domain = &said.condition_set.domain;
        self.store.announced(id, (domain.status, domain.reason));
        let (kind, status, reason) =
            (entry.seen.resource.described().kind, domain.status.as_str(), domain.reason.as_str());
        info!(kind, namespace = id.namespace(), name = id.name(), status, reason, "status updated");
        self.events.announce(&entry.seen, event);
    }
}

fn log_lost(id: &ObjectId, resource: Resource, lost: &Lost) {
    let (kind, namespace, name) = (resource.kind(), id.namespace(), id.name());
    let (target, reason, what) = (lost.id.as_str(), lost.reason(resource).as_str(), lost.sentence(resource));
    let last_protected = lost.last_protected().map(|(at, _)| at.to_string());
    let request_id = lost.last_protected().map(|(_, request)| request.to_owned());
    if lost.grave {
        warn!(kind, namespace, name, target, reason, what, last_protected, request_id, "target lost");
    } else {
        info!(kind, namespace, name, target, reason, what, last_protected, request_id, "target lost");
    }
}

fn judged(said: &Report) -> Judged {
    let ConditionSet { domain, stalled, .. } = &said.condition_set;
    Judged { status: domain.status, reason: domain.reason, stalled: stalled.status == Status::True }
}

fn counted<T>(patched: &Result<T, Outcome>) -> Ended {
    patched.as_ref().map_or_else(Outcome::counted, |_| Ended::Done)
}

async fn bounded<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Outcome> {
    match timeout(CALL_TIMEOUT, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) if status.is_conflict() || status.is_not_found() => {
            Err(Outcome::Overtaken)
        }
        Ok(Err(error)) => Err(Outcome::Failed(summary(&error))),
        Err(_) => Err(Outcome::Failed("the API server did not answer in time".to_owned())),
    }
}
