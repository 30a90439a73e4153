//! Tells of things in Events. Events are advice: one that can't be published is dropped.

use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, Recorder, Reporter};
use tokio::time::timeout;
use tracing::debug;

use super::news::News;
use super::object::Seen;
use super::report::FIELD_MANAGER;
use crate::kubernetes::{CALL_TIMEOUT, summary};
use crate::leader::Leadership;
use crate::metrics::Metrics;

/// Bytes that the API server takes in the note of an Event.
const MAX_NOTE: usize = 1024;

/// Tells of things in Events.
#[derive(Clone)]
pub struct Announcer {
    recorder: Recorder,
    leadership: Leadership,
    metrics: Arc<Metrics>,
}

impl Announcer {
    /// Publishes under the operator's name, as long as this replica leads.
    pub fn new(client: Client, leadership: Leadership, metrics: Arc<Metrics>) -> Self {
        let reporter = Reporter { controller: FIELD_MANAGER.to_owned(), instance: None };
        Self { recorder: Recorder::new(client, reporter), leadership, metrics }
    }

    /// Publishes an Event about an object, without waiting for it. Of several replicas only the leader tells.
    pub fn announce(&self, about: &Seen, news: News) {
        let Some(lead) = self.leadership.held() else { return };
        let News { kind, reason, action, note, interface } = news;
        let event = Event {
            type_: kind,
            reason: reason.as_str().to_owned(),
            note: Some(note.chars().scan(0, within_note).collect()),
            action: action.to_owned(),
            // Events that differ in their note alone would be counted as one.
            secondary: interface.map(|name| ObjectReference {
                kind: Some("NetworkInterface".to_owned()),
                name: Some(name),
                ..ObjectReference::default()
            }),
        };
        let described = about.resource.described();
        let reference = ObjectReference {
            api_version: Some(described.api_version),
            kind: Some(described.kind),
            namespace: about.meta.namespace.clone(),
            name: about.meta.name.clone(),
            uid: about.meta.uid.clone(),
            ..ObjectReference::default()
        };
        let Self { recorder, leadership, metrics } = self.clone();
        tokio::spawn(async move {
            let publish = timeout(CALL_TIMEOUT, recorder.publish(&event, &reference));
            let published = leadership.within(lead.term, publish).await;
            metrics.event(reason, matches!(published, Some(Ok(Ok(())))));
            match published {
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => debug!(error = summary(&error), "an Event was not published"),
                Some(Err(_)) | None => debug!("an Event was not published in time"),
            }
        });
    }
}

fn within_note(bytes: &mut usize, letter: char) -> Option<char> {
    *bytes += letter.len_utf8();
    (*bytes <= MAX_NOTE).then_some(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_cut_to_what_the_api_server_takes() {
        let note: String = "ä".repeat(1000).chars().scan(0, within_note).collect();
        assert_eq!(note.len(), 1024);
    }
}
