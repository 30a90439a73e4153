//! Tells of things in Events. Events are advice: one that can't be published is dropped, and only losses are waited for.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::join_all;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::{Event, EventSeries};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::runtime::events::EventType;
use kube::{Api, Client};
use serde_json::json;
use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::correlator::{Correlator, Publication};
use super::event::ObjectEvent;
use crate::api::WatchedObject;
use crate::health::Pulse;
use crate::kubernetes::{CALL_TIMEOUT, FIELD_MANAGER, summary};
use crate::leader::Leadership;
use crate::metrics::{Metrics, Publishing};

/// Events that may be on their way to the API server; what is more is dropped.
const ROOM: usize = 1000;

#[derive(Clone)]
pub struct EventRecorder {
    client: Client,
    leadership: Leadership,
    metrics: Arc<Metrics>,
    recorder: Arc<Mutex<Correlator>>,
    room: Arc<Semaphore>,
    /// Told when something comes to be held back.
    held: Arc<Notify>,
}

impl EventRecorder {
    /// Publishes under the operator's name, as long as this replica leads.
    pub fn new(client: Client, leadership: Leadership, metrics: Arc<Metrics>) -> Self {
        let seed = RandomState::new().hash_one(std::process::id());
        Self {
            client,
            leadership,
            metrics,
            recorder: Arc::new(Mutex::new(Correlator::new(seed))),
            room: Arc::new(Semaphore::new(ROOM)),
            held: Arc::default(),
        }
    }

    /// Whether this replica is the one that tells.
    pub fn leads(&self) -> bool {
        self.leadership.held().is_some()
    }

    /// Publishes an Event about an object, without waiting for it. Of several replicas only the leader tells.
    pub fn announce(&self, about: &WatchedObject, event: ObjectEvent) {
        let Some(lead) = self.leadership.held() else { return };
        let reason = event.reason;
        let Ok(room) = self.room.clone().try_acquire_owned() else {
            return self.metrics.event(reason, Publishing::Dropped);
        };
        let Some(publication) = self.record(about, event) else { return };
        let this = self.clone();
        tokio::spawn(async move {
            this.publish(lead.term, publication).await;
            drop(room);
        });
    }

    /// Publishes an Event about an object, and waits for it. Whether it is told, or will be with others.
    pub async fn tell(&self, about: &WatchedObject, event: ObjectEvent) -> bool {
        let Some(lead) = self.leadership.held() else { return false };
        match self.record(about, event) {
            Some(publication) => Box::pin(self.publish(lead.term, publication)).await,
            None => true,
        }
    }

    /// Sums up what was too much to be told one by one, when its time comes or the operator ends.
    pub async fn run(self, stop: CancellationToken, mut pulse: Pulse) {
        loop {
            pulse.beat();
            let next = self.recorder().next_summary().map(|at| self.leadership.instant(at));
            let ends = tokio::select! {
                () = stop.cancelled() => true,
                () = self.held.notified() => continue,
                () = pulse.due() => continue,
                () = crate::leader::at_the_end(next) => false,
            };
            let summaries = self.recorder().summaries(self.leadership.now(), ends);
            if let Some(lead) = self.leadership.held() {
                join_all(summaries.into_iter().map(|told| self.publish(lead.term, told))).await;
            }
            if ends {
                return;
            }
        }
    }

    fn recorder(&self) -> MutexGuard<'_, Correlator> {
        // A panic while the lock is held ends the process anyway; the data is whole between any two statements.
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record(&self, about: &WatchedObject, event: ObjectEvent) -> Option<Publication> {
        let described = about.resource.described();
        let reference = ObjectReference {
            api_version: Some(described.api_version),
            kind: Some(described.kind),
            namespace: about.meta.namespace.clone(),
            name: about.meta.name.clone(),
            uid: about.meta.uid.clone(),
            ..ObjectReference::default()
        };
        let reason = event.reason;
        let publication = self.recorder().record(self.leadership.now(), &reference, event);
        if publication.is_none() {
            self.metrics.event(reason, Publishing::SummedUp);
            self.held.notify_one();
        }
        publication
    }

    async fn publish(&self, term: u64, told: Publication) -> bool {
        let reason = told.event.reason;
        let published = self.leadership.within(term, timeout(CALL_TIMEOUT, self.send(told))).await;
        let outcome = match published {
            Some(Ok(Ok(()))) => Publishing::Published,
            Some(Ok(Err(error))) => {
                debug!(error = summary(&error), "failed to publish Event");
                Publishing::Dropped
            }
            Some(Err(_)) | None => {
                debug!("publishing an Event timed out");
                Publishing::Dropped
            }
        };
        self.metrics.event(reason, outcome);
        outcome == Publishing::Published
    }

    async fn send(&self, told: Publication) -> Result<(), kube::Error> {
        let namespace = told.about.namespace.clone().unwrap_or_default();
        let api: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
        let series =
            told.times.map(|count| EventSeries { count, last_observed_time: MicroTime(Timestamp::now()) });
        if series.is_some() {
            let patch = Patch::Merge(json!({ "series": series }));
            match api.patch(&told.name, &PatchParams::default(), &patch).await {
                // It has lived its time, or is still on its way.
                Err(kube::Error::Api(status)) if status.is_not_found() => {}
                answer => return answer.map(drop),
            }
        }
        match api.create(&PostParams::default(), &event(told, series)).await {
            Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
            answer => answer.map(drop),
        }
    }
}

fn event(told: Publication, series: Option<EventSeries>) -> Event {
    let Publication { name, about, event, .. } = told;
    Event {
        metadata: ObjectMeta {
            name: Some(name),
            namespace: about.namespace.clone(),
            ..ObjectMeta::default()
        },
        type_: Some(
            match event.kind {
                EventType::Normal => "Normal",
                EventType::Warning => "Warning",
            }
            .to_owned(),
        ),
        reason: Some(event.reason.as_str().to_owned()),
        action: Some(event.action.to_owned()),
        note: Some(event.note),
        regarding: Some(about),
        event_time: Some(MicroTime(Timestamp::now())),
        reporting_controller: Some(FIELD_MANAGER.to_owned()),
        reporting_instance: Some(FIELD_MANAGER.to_owned()),
        series,
        ..Event::default()
    }
}
