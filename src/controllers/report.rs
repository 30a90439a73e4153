//! Writes what is judged: status, Events, and the finalizer of objects whose deletion has work to do.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::jiff::Timestamp;
use keeper_core::conditions::Status;
use keeper_core::reason::Reason;
use keeper_core::verdict::total;
use keeper_core::wish::{DeletionPolicy, ObjectId};
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::runtime::events::{Event, EventType, Recorder, Reporter as EventReporter};
use kube::{Api, Client, Resource as _};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::objects::{Entry, Objects, Seen};
use super::route::{Route, generation};
use super::status::{PROTECTED, Report, report, same, status};
use crate::api::EcsInstanceProtection;
use crate::kubernetes::{CALL_TIMEOUT, summary};

/// Holds an object until its deletion policy was carried out. `Keep` needs none.
pub const FINALIZER: &str = "ecs-keeper.io/deletion-policy";

/// Field manager of our server-side apply.
pub const FIELD_MANAGER: &str = "ecs-keeper";

/// Objects that are written at once.
const CONCURRENT: usize = 16;

/// Bytes that the API server takes in the note of an Event.
const MAX_NOTE: usize = 1024;

/// Tells of things in Events. Events are advice: one that can't be published is dropped.
#[derive(Clone)]
pub struct Announcer(Recorder);

impl Announcer {
    /// Publishes under the operator's name.
    pub fn new(client: Client) -> Self {
        Self(Recorder::new(client, EventReporter { controller: FIELD_MANAGER.to_owned(), instance: None }))
    }

    /// Publishes an Event about an object, without waiting for it.
    pub fn announce(&self, about: &ObjectMeta, kind: EventType, reason: Reason, action: &str, note: &str) {
        let event = Event {
            type_: kind,
            reason: reason.as_str().to_owned(),
            note: Some(note.chars().scan(0, within_note).collect()),
            action: action.to_owned(),
            secondary: None,
        };
        let reference = ObjectReference {
            api_version: Some(EcsInstanceProtection::api_version(&()).into_owned()),
            kind: Some(EcsInstanceProtection::kind(&()).into_owned()),
            namespace: about.namespace.clone(),
            name: about.name.clone(),
            uid: about.uid.clone(),
            ..ObjectReference::default()
        };
        let recorder = self.0.clone();
        tokio::spawn(async move {
            match timeout(CALL_TIMEOUT, recorder.publish(&event, &reference)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => debug!(error = summary(&error), "an Event was not published"),
                Err(_) => debug!("an Event was not published in time"),
            }
        });
    }
}

fn within_note(bytes: &mut usize, letter: char) -> Option<char> {
    *bytes += letter.len_utf8();
    (*bytes <= MAX_NOTE).then_some(letter)
}

/// The reporter.
pub struct Reporter {
    /// Client of the API server.
    pub client: Client,
    /// What is to be reported on.
    pub objects: Arc<Objects>,
    /// Tells of transitions.
    pub announcer: Announcer,
}

/// How the reporting of one object ended.
enum Outcome {
    /// Nothing is left to write.
    Done,
    /// The object has changed meanwhile, or is gone: the watch will tell.
    Overtaken,
    /// To be tried again.
    Failed(String),
}

impl Reporter {
    /// Runs for ever.
    pub async fn run(self) -> std::convert::Infallible {
        let this = Arc::new(self);
        let mut busy: BTreeSet<ObjectId> = BTreeSet::new();
        let mut waiting: BTreeMap<ObjectId, Entry> = BTreeMap::new();
        let mut failures: BTreeMap<ObjectId, u32> = BTreeMap::new();
        let mut writers: JoinSet<(ObjectId, Outcome)> = JoinSet::new();
        loop {
            waiting.extend(this.objects.take_dirty(&busy));
            while writers.len() < CONCURRENT
                && let Some((id, entry)) = waiting.pop_first()
            {
                busy.insert(id.clone());
                let this = this.clone();
                writers.spawn(async move { (id.clone(), this.write(&id, entry).await) });
            }
            tokio::select! {
                () = this.objects.changed() => {}
                Some(ended) = writers.join_next() => {
                    let (id, outcome) = ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
                    busy.remove(&id);
                    match outcome {
                        Outcome::Done => { failures.remove(&id); }
                        Outcome::Overtaken => this.mark_later(&id, Duration::from_secs(5)),
                        Outcome::Failed(why) => {
                            let times = failures.entry(id.clone()).or_insert(0);
                            *times += 1;
                            let wait = Duration::from_secs(1 << (*times).min(6));
                            warn!(namespace = id.namespace(), name = id.name(), why, "status not written; it is tried again");
                            this.mark_later(&id, wait);
                        }
                    }
                }
            }
        }
    }

    fn mark_later(self: &Arc<Self>, id: &ObjectId, wait: Duration) {
        let (this, id) = (self.clone(), id.clone());
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            this.objects.mark(&id);
        });
    }

    async fn write(&self, id: &ObjectId, entry: Entry) -> Outcome {
        let mut entry = entry;
        let said = report(&entry);
        if let Some(change) = finalizer_change(&entry, said.as_ref()) {
            let done =
                matches!(change, FinalizerChange::Remove(_)) && entry.seen.meta.deletion_timestamp.is_some();
            match self.patch_finalizer(id, &entry.seen.meta, &change).await {
                Ok(seen) => {
                    if done {
                        self.announce_end(&entry, said.as_ref());
                        return Outcome::Done;
                    }
                    self.objects.patched(id, &entry.seen.meta, seen.clone());
                    entry.seen = seen;
                }
                Err(outcome) => return outcome,
            }
        }
        match said {
            Some(said) => self.write_status(id, &entry, &said).await,
            None => Outcome::Done,
        }
    }

    async fn write_status(&self, id: &ObjectId, entry: &Entry, said: &Report) -> Outcome {
        let old = entry.seen.object.as_ref().and_then(|object| object.status.as_ref());
        let new = status(said, old, generation(&entry.seen.meta), Timestamp::now());
        // Of an object that can't be decoded the old status is not known here: it is told once for each generation.
        if same(old, &new) || entry.told == Some(generation(&entry.seen.meta)) {
            return Outcome::Done;
        }
        let body = json!({
            "apiVersion": EcsInstanceProtection::api_version(&()),
            "kind": EcsInstanceProtection::kind(&()),
            // Without it the patch would land on a namesake that was created since, and an old leader's would count.
            "metadata": { "resourceVersion": entry.seen.meta.resource_version },
            "status": new,
        });
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        let api = self.api(id);
        match bounded(api.patch_status(id.name(), &parameters, &Patch::Apply(&body))).await {
            Ok(answer) => {
                self.objects.patched(id, &entry.seen.meta, seen(answer));
                self.announce_transition(id, entry, said);
                Outcome::Done
            }
            Err(outcome) => outcome,
        }
    }

    async fn patch_finalizer(
        &self,
        id: &ObjectId,
        meta: &ObjectMeta,
        change: &FinalizerChange,
    ) -> Result<Seen, Outcome> {
        let operations = change.operations(meta);
        let patch: json_patch::Patch = serde_json::from_value(operations)
            .map_err(|error| Outcome::Failed(format!("the finalizer can't be written: {error}")))?;
        let api = self.api(id);
        let answer =
            bounded(api.patch(id.name(), &PatchParams::default(), &Patch::Json::<()>(patch))).await?;
        Ok(seen(answer))
    }

    fn api(&self, id: &ObjectId) -> Api<DeserializeGuard<EcsInstanceProtection>> {
        Api::namespaced(self.client.clone(), id.namespace())
    }

    /// One Event when the domain condition comes to say something else.
    fn announce_transition(&self, id: &ObjectId, entry: &Entry, said: &Report) {
        let domain = &said.judgement.domain;
        let what = (domain.status, domain.reason);
        let old = entry.seen.object.as_ref().and_then(|object| object.status.as_ref());
        let before =
            old.and_then(|status| status.conditions.iter().find(|condition| condition.type_ == PROTECTED));
        let stood = before.is_some_and(|condition| {
            condition.status == domain.status.as_str() && condition.reason == domain.reason.as_str()
        });
        // What is under way will have its own end soon; only a promise that is broken is told at once.
        let under_way = said.judgement.reconciling.status == Status::True;
        let broken = domain.status == Status::False
            && before.is_some_and(|condition| condition.status == Status::True.as_str());
        if stood || entry.announced == Some(what) || (under_way && !broken) {
            return;
        }
        self.objects.announced(id, what);
        let (status, reason) = (domain.status.as_str(), domain.reason.as_str());
        info!(namespace = id.namespace(), name = id.name(), status, reason, "judged");
        let calm = !under_way && said.judgement.stalled.status == Status::False;
        let kind = if calm { EventType::Normal } else { EventType::Warning };
        self.announcer.announce(&entry.seen.meta, kind, domain.reason, "Judge", &domain.message);
    }

    /// One Event when a deletion was carried out: what was left safe is counted.
    fn announce_end(&self, entry: &Entry, said: Option<&Report>) {
        let progress = said.and_then(|said| said.part.progress.clone()).unwrap_or_default();
        let left = total(&progress.left_safe);
        let (kind, note) = if left == 0 {
            (
                EventType::Normal,
                format!(
                    "Deleted as deletionPolicy asks: {} targets are done, none was left protected.",
                    progress.ended
                ),
            )
        } else {
            let why: Vec<String> = progress
                .left_safe
                .iter()
                .map(|(reason, group)| {
                    format!(
                        "{} ({} of them, such as {}): {}",
                        reason.as_str(),
                        group.count,
                        group.example,
                        reason.sentence()
                    )
                })
                .collect();
            (
                EventType::Warning,
                format!(
                    "Deleted; {} targets are done, {left} stay protected. {}",
                    progress.ended,
                    why.join(" ")
                ),
            )
        };
        self.announcer.announce(&entry.seen.meta, kind, Reason::DisabledAsAsked, "Delete", &note);
    }
}

fn seen(answer: DeserializeGuard<EcsInstanceProtection>) -> Seen {
    match answer.0 {
        Ok(mut object) => {
            object.metadata.managed_fields = None;
            Seen { meta: object.metadata.clone(), object: Some(Arc::new(object)) }
        }
        Err(invalid) => Seen { meta: invalid.metadata, object: None },
    }
}

async fn bounded<T>(call: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Outcome> {
    match timeout(CALL_TIMEOUT, call).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) if status.is_conflict() || status.is_not_found() => {
            Err(Outcome::Overtaken)
        }
        // A `test` of a JSON patch that does not hold: the object has changed.
        Ok(Err(kube::Error::Api(status))) if status.is_invalid() && status.message.contains("test") => {
            Err(Outcome::Overtaken)
        }
        Ok(Err(error)) => Err(Outcome::Failed(summary(&error))),
        Err(_) => Err(Outcome::Failed("the API server did not answer in time".to_owned())),
    }
}

/// What is to be done about the finalizer.
#[derive(Debug, PartialEq, Eq)]
enum FinalizerChange {
    Add,
    /// The one at this place.
    Remove(usize),
}

impl FinalizerChange {
    fn operations(&self, meta: &ObjectMeta) -> Value {
        let version =
            json!({ "op": "test", "path": "/metadata/resourceVersion", "value": meta.resource_version });
        match self {
            Self::Add if meta.finalizers.as_ref().is_none_or(Vec::is_empty) => {
                json!([version, { "op": "add", "path": "/metadata/finalizers", "value": [FINALIZER] }])
            }
            Self::Add => {
                json!([version, { "op": "add", "path": "/metadata/finalizers/-", "value": FINALIZER }])
            }
            Self::Remove(place) => {
                let path = format!("/metadata/finalizers/{place}");
                json!([version, { "op": "test", "path": path, "value": FINALIZER }, { "op": "remove", "path": path }])
            }
        }
    }
}

fn finalizer_change(entry: &Entry, said: Option<&Report>) -> Option<FinalizerChange> {
    let meta = &entry.seen.meta;
    let place = meta.finalizers.iter().flatten().position(|name| name == FINALIZER);
    let deleting = meta.deletion_timestamp.is_some();
    let wanted = match &*entry.route {
        Route::Served(served) => {
            let policy = entry.seen.object.as_ref().map(|object| object.spec.deletion_policy);
            let weakens = served.wishes.values().any(|wish| !wish.observe && wish.deletion_policy == DeletionPolicy::Weaken)
                // Without any target there is no wish yet; there may be one later.
                || (served.wishes.is_empty() && policy == Some(crate::api::DeletionPolicy::Disable) && !deleting);
            let done =
                said.and_then(|said| said.part.progress.as_ref()).is_some_and(|progress| progress.done);
            weakens && !(deleting && done)
        }
        // Nothing may be done for it as it is. It may be granted or corrected, and then its policy counts; but nobody
        // has to wait for that to delete it: what is safe is left so.
        Route::NotGranted | Route::Opaque(_) => place.is_some() && !deleting,
    };
    match (place, wanted) {
        (None, true) if !deleting => Some(FinalizerChange::Add),
        (Some(place), false) => Some(FinalizerChange::Remove(place)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
    use keeper_core::conditions::{Question, judge};
    use keeper_core::id::{AccountName, Region};
    use keeper_core::verdict::{Part, Progress};

    use super::super::route::{Grants, route};
    use super::*;

    fn entry(policy: &str, mode: &str, finalizers: &[&str], deleting: bool) -> Entry {
        let mut object: EcsInstanceProtection = serde_json::from_value(json!({
            "metadata": { "name": "a", "namespace": "ours", "uid": "u", "generation": 1, "resourceVersion": "7",
                          "finalizers": finalizers },
            "spec": { "region": "cn-hangzhou", "deletionPolicy": policy, "mode": mode,
                      "targets": { "instanceIds": ["i-a"] } },
        }))
        .unwrap();
        object.metadata.deletion_timestamp = deleting.then_some(Time(Timestamp::UNIX_EPOCH));
        let grants = Grants {
            account: AccountName::new("default"),
            namespaces: ["ours".to_owned()].into(),
            regions: [Region::new("cn-hangzhou")].into(),
        };
        let route = route(&object, &BTreeMap::new(), &grants, Timestamp::UNIX_EPOCH);
        let seen = Seen { meta: object.metadata.clone(), object: Some(Arc::new(object)) };
        Entry { seen, route: Arc::new(route), parts: BTreeMap::new(), told: None, announced: None }
    }

    fn said(done: bool) -> Report {
        let part = Part { progress: Some(Progress { done, ..Progress::default() }), ..Part::default() };
        Report { judgement: judge(Question::default(), &part), part, nodes_ignored: 0, counted: true }
    }

    #[test]
    fn i10_only_a_policy_that_has_work_to_do_holds_an_object() {
        let other = "example.com/other";
        for (policy, mode, finalizers, deleting, done, expected) in [
            ("Keep", "Enforce", &[][..], false, false, None),
            ("Keep", "Enforce", &[FINALIZER][..], false, false, Some(FinalizerChange::Remove(0))),
            ("Keep", "Enforce", &[other, FINALIZER][..], true, false, Some(FinalizerChange::Remove(1))),
            ("Disable", "Enforce", &[][..], false, false, Some(FinalizerChange::Add)),
            ("Disable", "Enforce", &[other][..], false, false, Some(FinalizerChange::Add)),
            ("Disable", "Enforce", &[FINALIZER][..], false, false, None),
            ("Disable", "Enforce", &[FINALIZER][..], true, false, None),
            ("Disable", "Enforce", &[FINALIZER][..], true, true, Some(FinalizerChange::Remove(0))),
            // The API server takes no new finalizer on an object that is being deleted.
            ("Disable", "Enforce", &[other][..], true, false, None),
            ("Disable", "Observe", &[][..], false, false, None),
            ("Disable", "Observe", &[FINALIZER][..], true, false, Some(FinalizerChange::Remove(0))),
        ] {
            let entry = entry(policy, mode, finalizers, deleting);
            let change = finalizer_change(&entry, Some(&said(done)));
            assert_eq!(change, expected, "{policy} {mode} {finalizers:?} deleting: {deleting} done: {done}");
        }
    }

    #[test]
    fn i10_what_is_not_served_can_be_deleted() {
        for route in [Route::NotGranted, Route::Opaque(String::new())] {
            let mut held = entry("Disable", "Enforce", &[FINALIZER], false);
            held.route = Arc::new(route.clone());
            assert_eq!(finalizer_change(&held, None), None, "it may be granted or corrected");
            let mut leaving = entry("Disable", "Enforce", &[FINALIZER], true);
            leaving.route = Arc::new(route);
            assert_eq!(finalizer_change(&leaving, None), Some(FinalizerChange::Remove(0)));
        }
    }

    #[test]
    fn a_finalizer_is_changed_only_on_the_object_that_was_judged() {
        let meta = entry("Disable", "Enforce", &["example.com/other"], false).seen.meta;
        let operations = FinalizerChange::Add.operations(&meta);
        assert_eq!(operations[0], json!({ "op": "test", "path": "/metadata/resourceVersion", "value": "7" }));
        assert_eq!(operations[1]["path"], "/metadata/finalizers/-", "others keep theirs");
        let operations = FinalizerChange::Remove(1).operations(&meta);
        assert_eq!(
            operations[1],
            json!({ "op": "test", "path": "/metadata/finalizers/1", "value": FINALIZER })
        );
        assert_eq!(operations[2], json!({ "op": "remove", "path": "/metadata/finalizers/1" }));
    }

    #[test]
    fn a_note_is_cut_to_what_the_api_server_takes() {
        let note: String = "ä".repeat(1000).chars().scan(0, within_note).collect();
        assert_eq!(note.len(), 1024);
    }
}
