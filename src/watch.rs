//! Watches objects and Nodes, and gives each worker its newest intents.
//!
//! kube's own `Controller` is not used: it has one queue without priorities, and does not tell of an object that was
//! deleted without a finalizer, whose hold must fall at once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{SelectAll, Stream, StreamExt as _, select_all};
use k8s_openapi::jiff::Timestamp;
use keeper_core::engine::Asked;
use keeper_core::id::{InstanceId, ObjectId};
use keeper_core::reason::Reason;
use kube::api::DynamicObject;
use kube::runtime::events::EventType;
use kube::runtime::reflector::Lookup as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::api::{
    EniRetentionSpec, EniRetentionStatus, Object, Resource, Retention, WatchedObject, generation, object_id,
};
use crate::claim_watch::{self, ClaimView, Shown};
use crate::desired::{Cluster, Machine, Placement, Served, lifts, place};
use crate::events::{self, EventRecorder, ObjectEvent, each_or_all};
use crate::grants::Grants;
use crate::health::{Health, Pulse};
use crate::leader::at_the_end;
use crate::mailbox::Mailboxes;
use crate::metrics::Metrics;
use crate::node::Node;
use crate::store::{Store, StoredObject};
use crate::survivors;
use crate::watch_stream::backed_off;

/// Changes of Nodes come in waves; the objects that ask for them are looked at once for each wave.
const NODES_SETTLE: Duration = Duration::from_millis(100);

/// How long objects that don't ask for Nodes wait at the start for those that do, and those that step aside for Karpenter for its
/// NodeClaims.
const NODES_PATIENCE: Duration = Duration::from_secs(3);

/// What Nodes are called where watches are told of.
const NODE: &str = "Node";

pub struct Watch {
    pub client: Client,
    /// Label selector of the objects that are watched.
    pub object_selector: Option<String>,
    /// What may be served.
    pub grants: Grants,
    /// Where objects are entered.
    pub store: Arc<Store>,
    /// Where intents go.
    pub mailboxes: Arc<Mailboxes>,
    /// Tells of Nodes that leave.
    pub events: EventRecorder,
    /// Told when everything was listed.
    pub health: Health,
    pub metrics: Arc<Metrics>,
    /// Whether Karpenter's NodeClaims are watched.
    pub watches_claims: bool,
}

/// A wave of changes of Nodes or NodeClaims. It is over a fixed time after its first change, whatever else is watched meanwhile.
#[derive(Default)]
struct Wave {
    over: Option<Instant>,
}

impl Wave {
    fn begin(&mut self) {
        self.over.get_or_insert_with(|| Instant::now() + NODES_SETTLE);
    }

    /// Waits until it is over; for ever if none has begun.
    fn over(&self) -> impl Future<Output = ()> + use<> {
        at_the_end(self.over)
    }
}

/// What was watched so far.
#[derive(Default)]
struct View {
    objects: BTreeMap<ObjectId, WatchedObject>,
    cluster: Cluster,
    /// What is known of NodeClaims; the newest of it is in `cluster`.
    shown_claims: ClaimView,
    /// Whether those who step aside for Karpenter wait for the first list of NodeClaims.
    claims_awaited: bool,
    /// The resources whose first list is complete.
    listed: BTreeSet<Resource>,
    nodes_synced: bool,
    /// Whether the objects that ask for Nodes were given to the workers once.
    nodes_offered: bool,
    /// What the lists that are under way have shown.
    listing: BTreeMap<Resource, BTreeSet<ObjectId>>,
    listing_nodes: BTreeSet<String>,
}

impl View {
    /// Whether the first list of every resource is complete.
    fn objects_synced(&self) -> bool {
        self.listed.len() == Resource::ALL.len()
    }

    /// Whether every object that was there at the start has been given to its workers.
    fn ready(&self) -> bool {
        (self.nodes_offered || !self.objects.values().any(asks_for_nodes))
            && !(self.claims_awaited && self.objects.values().any(lifts))
    }

    /// Takes in what is shown of NodeClaims. Whether some object may ask for something else now.
    fn take_claim(&mut self, shown: Shown) -> bool {
        let failed = matches!(shown, Shown::Failed);
        let changed = self.shown_claims.take(shown);
        if changed {
            self.cluster.claims.clone_from(&self.shown_claims.claims);
        }
        // Whoever waited for what can't be read is served without.
        let awaited = self.claims_awaited && self.cluster.claims.is_none() && !failed;
        std::mem::replace(&mut self.claims_awaited, awaited) != awaited || changed
    }
}

impl Watch {
    /// Runs for ever; each watch begins anew after any failure.
    pub async fn run(self, mut pulse: Pulse) -> std::convert::Infallible {
        for name in Resource::ALL.map(Resource::kind).into_iter().chain([NODE]) {
            self.health.cache(name);
        }
        let mut objects = self.watch_objects();
        let nodes: Api<Node> = Api::all(self.client.clone());
        let nodes = backed_off(watcher(nodes, watcher::Config::default()), NODE, self.metrics.clone());
        let mut nodes = Box::pin(nodes);
        let mut claims = claim_watch::follow(&self.client, self.watches_claims, self.metrics.clone());
        let mut view = View { claims_awaited: self.watches_claims, ..View::default() };
        view.cluster.watches_claims = self.watches_claims;
        let (mut wave, mut claim_wave) = (Wave::default(), Wave::default());
        let patience = tokio::time::sleep(NODES_PATIENCE);
        tokio::pin!(patience);
        let mut impatient = false;
        loop {
            pulse.beat();
            if view.objects_synced() && (impatient || view.ready()) {
                self.mailboxes.open();
            }
            tokio::select! {
                Some((resource, event)) = objects.next() => self.take_object(&mut view, resource, event),
                Some(event) = nodes.next() => {
                    if take_node(&mut view, event) {
                        wave.begin();
                    }
                    if view.nodes_synced {
                        self.health.listed(NODE);
                    }
                }
                () = wave.over(), if view.nodes_synced => {
                    wave = Wave::default();
                    self.nodes_changed(&mut view);
                }
                Some(shown) = claims.next() => {
                    if view.take_claim(shown) {
                        claim_wave.begin();
                    }
                }
                () = claim_wave.over(), if view.nodes_synced => {
                    claim_wave = Wave::default();
                    if view.objects_synced() {
                        self.offer_all(&view, lifts);
                    }
                }
                () = &mut patience, if !impatient => {
                    impatient = true;
                    if std::mem::take(&mut view.claims_awaited) {
                        claim_wave.begin();
                    }
                }
                () = pulse.due() => {}
            }
        }
    }

    /// One watch for each resource.
    fn watch_objects(
        &self,
    ) -> SelectAll<impl Stream<Item = (Resource, Event<DynamicObject>)> + Unpin + use<>> {
        select_all(Resource::ALL.map(|resource| {
            let which = watcher::Config {
                label_selector: self.object_selector.clone(),
                ..watcher::Config::default()
            };
            let watch = watcher(resource.everywhere(&self.client), which);
            Box::pin(
                backed_off(watch, resource.kind(), self.metrics.clone()).map(move |event| (resource, event)),
            )
        }))
    }

    fn take_object(&self, view: &mut View, resource: Resource, event: Event<DynamicObject>) {
        match event {
            Event::Init => {
                view.listing.remove(&resource);
            }
            Event::InitApply(object) => {
                if let Some(id) = see(view, resource.decode(object)) {
                    view.listing.entry(resource).or_default().insert(id.clone());
                    if view.objects_synced() {
                        self.offer(view, &id);
                    }
                }
            }
            Event::InitDone => self.end_list(view, resource),
            Event::Apply(object) => {
                if let Some(id) = see(view, resource.decode(object))
                    && view.objects_synced()
                {
                    self.offer(view, &id);
                }
            }
            Event::Delete(object) => {
                if let Some(id) = object_id(&object.metadata) {
                    self.drop_object(view, &id);
                }
            }
        }
    }

    fn end_list(&self, view: &mut View, resource: Resource) {
        // What the list lacks was deleted while nobody watched.
        let listing = view.listing.remove(&resource).unwrap_or_default();
        let of_resource = view.objects.iter().filter(|(_, seen)| seen.resource == resource);
        let gone: Vec<ObjectId> =
            of_resource.map(|(id, _)| id).filter(|id| !listing.contains(*id)).cloned().collect();
        for id in gone {
            self.drop_object(view, &id);
        }
        let synced = view.objects_synced();
        if view.listed.insert(resource) {
            info!(resource = resource.kind(), objects = listing.len(), "objects listed");
            self.health.listed(resource.kind());
        }
        if !synced && view.objects_synced() {
            self.offer_all(view, |_| true);
        }
    }

    fn nodes_changed(&self, view: &mut View) {
        if view.objects_synced() {
            self.offer_all(view, asks_for_nodes);
            view.nodes_offered = true;
        }
    }

    fn offer_all(&self, view: &View, which: impl Fn(&WatchedObject) -> bool) {
        for (id, _) in view.objects.iter().filter(|(_, seen)| which(seen)) {
            self.offer(view, id);
        }
    }

    /// Enters an object and gives its intent to the workers that it concerns.
    fn offer(&self, view: &View, id: &ObjectId) {
        let Some(seen) = view.objects.get(id) else { return };
        if (asks_for_nodes(seen) && !view.nodes_synced) || (lifts(seen) && view.claims_awaited) {
            return;
        }
        let before = self.store.get(id);
        let placement = Arc::new(match &seen.object {
            Some(object) => place(object, &view.cluster, &self.grants, Timestamp::now()),
            None => Placement::Opaque(Reason::Undecodable.sentence().to_owned()),
        });
        give(&self.store, &self.mailboxes, id, seen, before.as_ref(), &placement);
        if let (Some(Placement::Served(old)), Placement::Served(new)) =
            (before.as_ref().map(|b| &*b.placement), &*placement)
        {
            self.announce_lost_nodes(seen, view, old, new);
        }
    }

    fn drop_object(&self, view: &mut View, id: &ObjectId) {
        if let Some(seen) = view.objects.remove(id) {
            self.mailboxes.post_all(id, generation(&seen.meta), &Asked::Gone);
            self.tell_forgotten(view, &seen);
        }
        self.store.remove(id);
    }

    /// Tells of the free interfaces that only an object's status knew, now that it is gone. Best effort: under `Keep` no
    /// object waits for that.
    fn tell_forgotten(&self, view: &View, gone: &WatchedObject) {
        if !self.events.leads() {
            return;
        }
        let Some(status) = gone.retention_status() else { return };
        let ids = forgotten(gone, &status, view.objects.values().filter(|other| self.serves(other)));
        if ids.is_empty() {
            return;
        }
        let unclear = survivors::maybe_free(&status).intersection(&ids).count();
        let (namespace, name) = (&gone.meta.namespace, &gone.meta.name);
        let all = ids.iter().copied().collect::<Vec<_>>().join(" ");
        warn!(
            namespace,
            name,
            count = ids.len(),
            unclear,
            ids = all,
            "survivors of a deleted object are not retained by any object"
        );
        self.events.announce(gone, events::forgotten(&ids, unclear));
    }

    fn serves(&self, seen: &WatchedObject) -> bool {
        let entry = object_id(&seen.meta).and_then(|id| self.store.get(&id));
        entry.is_some_and(|entry| matches!(*entry.placement, Placement::Served(_)))
    }

    /// Tells of the Nodes that took their instances out of an object's selection.
    fn announce_lost_nodes(&self, seen: &WatchedObject, view: &View, old: &Served, new: &Served) {
        let lost = old.nodes.iter().filter(|(of, _)| !new.nodes.contains_key(*of));
        // What Karpenter removes stays a target.
        let lost = lost.filter(|((region, id), _)| !new.lifts(region, id));
        let lost: Vec<(&InstanceId, &String)> = lost.map(|((_, id), node)| (id, node)).collect();
        let (kind, reason) = (EventType::Normal, Reason::NodeLeft);
        let event = |what: String| ObjectEvent {
            kind,
            reason,
            action: "Select",
            note: format!("{what}. {}", reason.sentence()),
        };
        let one = |(id, node): &(&InstanceId, &String)| {
            let how =
                if view.cluster.nodes.contains_key(*node) { "is no longer selected" } else { "is gone" };
            event(format!("Node {node} {how}: {id}"))
        };
        let many = |count, examples: &str| {
            event(format!("{count} Nodes are gone or no longer selected: {examples}"))
        };
        for event in each_or_all(&lost, one, |(_, node)| node.as_str(), many) {
            self.events.announce(seen, event);
        }
    }
}

/// Enters an object and posts its intent. `before`: its entry so far.
fn give(
    store: &Store,
    mailboxes: &Mailboxes,
    id: &ObjectId,
    seen: &WatchedObject,
    before: Option<&StoredObject>,
    placement: &Arc<Placement>,
) {
    let of = generation(&seen.meta);
    // The entry first: a worker may report on an intent as soon as it has it. That the workers were given it is noted last:
    // whoever asks what they know must not be told more than that.
    store.put(id, seen.clone(), placement.clone());
    let old_scopes = before.map(StoredObject::scopes).unwrap_or_default();
    match &**placement {
        Placement::Served(served) => {
            let mut concerned = BTreeSet::new();
            for (scope, desired) in served.scopes() {
                // Each patch of status comes back through the watch: what was told already is not told again.
                if before.and_then(|before| before.told(of, &scope.region)) != Some(desired) {
                    let mailbox = mailboxes.mailbox(&scope, || store.opaque());
                    mailbox.post(id, of, desired.asked());
                }
                concerned.insert(scope);
            }
            let was_opaque = matches!(before.map(|b| &*b.placement), Some(Placement::Opaque(_)));
            let released = if was_opaque { mailboxes.all() } else { old_scopes };
            for scope in released.difference(&concerned) {
                mailboxes.post(scope, id, of, &Asked::Gone);
            }
        }
        Placement::NotGranted | Placement::UnknownRegion(_) => {
            mailboxes.post_all(id, of, &Asked::Gone);
        }
        Placement::Opaque(_) => mailboxes.post_all(id, of, &Asked::Opaque),
    }
    store.offered(id, of);
}

/// The interfaces that an object retained, that are or may be free, and that none of the others retains, by its status or by their ids in its spec.
fn forgotten<'a>(
    gone: &WatchedObject,
    status: &'a EniRetentionStatus,
    others: impl Iterator<Item = &'a WatchedObject>,
) -> BTreeSet<&'a str> {
    let mut ids = survivors::free(status);
    ids.extend(survivors::maybe_free(status));
    if ids.is_empty() {
        return ids;
    }
    let spec = gone.object.as_ref().and_then(Object::retention).map(|object| &object.spec);
    for other in others.filter(|other| other.meta.deletion_timestamp.is_none()) {
        let Some(other) = other.object.as_ref().and_then(Object::retention) else { continue };
        let here =
            |gone: &EniRetentionSpec| other.spec.account == gone.account && other.spec.region == gone.region;
        if spec.is_none_or(here) && other.spec.retention == Retention::Retain {
            let retained = other.status.iter().flat_map(|status| &status.retained_eni_ids);
            // Who names an id may look for it elsewhere, if it can't be read where it is. Who has seen it retained has not.
            let named = other.spec.targets.network_interface_ids.iter().filter(|_| spec.is_some());
            for id in retained.chain(named) {
                ids.remove(id.as_str());
            }
        }
    }
    ids
}

fn asks_for_nodes(seen: &WatchedObject) -> bool {
    seen.object.as_ref().is_some_and(|object| object.spec().asks_for_nodes)
}

fn see(view: &mut View, seen: WatchedObject) -> Option<ObjectId> {
    if seen.object.is_none() {
        let (kind, meta) = (seen.resource.kind(), &seen.meta);
        warn!(kind, namespace = meta.namespace, name = meta.name, "failed to decode object");
    }
    let id = object_id(&seen.meta)?;
    view.objects.insert(id.clone(), seen);
    Some(id)
}

/// Takes a Node in; whether anything changed that a selection may depend on.
fn take_node(view: &mut View, event: Event<Node>) -> bool {
    match event {
        Event::Init => {
            view.listing_nodes.clear();
            false
        }
        Event::InitApply(node) => {
            if let Some(name) = node.name() {
                view.listing_nodes.insert(name.into_owned());
            }
            see_node(view, &node)
        }
        Event::InitDone => {
            let before = view.cluster.nodes.len();
            view.cluster.nodes.retain(|name, _| view.listing_nodes.contains(name));
            let first = !view.nodes_synced;
            view.nodes_synced = true;
            first || view.cluster.nodes.len() != before
        }
        Event::Apply(node) => see_node(view, &node),
        Event::Delete(node) => {
            node.name().is_some_and(|name| view.cluster.nodes.remove(name.as_ref()).is_some())
        }
    }
}

fn see_node(view: &mut View, node: &Node) -> bool {
    let Some(name) = node.name() else { return false };
    let machine = Machine::of(node);
    if view.cluster.nodes.get(name.as_ref()) == Some(&machine) {
        return false;
    }
    view.cluster.nodes.insert(name.into_owned(), machine);
    true
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use keeper_core::id::{AccountName, Region};
    use keeper_core::intent::{Intent, Selector};
    use keeper_core::verdict::RegionReport;
    use serde_json::{Value, json};

    use super::*;
    use crate::desired::Desired;
    use crate::scope::Scope;

    fn seen(name: &str, spec: &Value, status: &Value) -> WatchedObject {
        let object = json!({
            "apiVersion": "ecs-keeper.io/v1alpha1",
            "kind": "EniRetention",
            "metadata": { "name": name, "namespace": "n", "uid": name },
            "spec": spec,
            "status": status,
        });
        Resource::Retention.decode(serde_json::from_value(object).unwrap())
    }

    fn spec(targets: &Value) -> Value {
        json!({ "region": "cn-hangzhou", "targets": targets })
    }

    #[test]
    fn i27_what_a_worker_says_at_once_is_not_lost() {
        let store = Store::new(Arc::new(Metrics::new().unwrap()));
        let mailboxes = Mailboxes::new().0;
        let scope = Scope { account: AccountName::new("default"), region: Region::new("cn-hangzhou") };
        let placement = Arc::new(Placement::Served(Served {
            account: scope.account.clone(),
            intents: [(
                scope.region.clone(),
                Desired::Protection(Box::new(Intent::of(Selector::default())), Box::default()),
            )]
            .into(),
            nodes_ignored: 0,
            targetless: BTreeMap::new(),
            nodes: BTreeMap::new(),
            removals: BTreeMap::new(),
            karpenter_unwatched: false,
        }));
        let mailbox = mailboxes.mailbox(&scope, Vec::new);
        let (said, ends) = (AtomicUsize::new(0), AtomicBool::new(false));
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while !ends.load(Ordering::SeqCst) {
                    for (id, post) in mailbox.take() {
                        store.say(
                            &id,
                            &scope,
                            1,
                            post.generation,
                            RegionReport::default(),
                            Default::default(),
                        );
                        said.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
            let lost = (1..=2000).filter(|n| {
                let seen = seen(&format!("o{n}"), &spec(&json!({ "instanceIds": ["i-a"] })), &Value::Null);
                let id = object_id(&seen.meta).unwrap();
                give(&store, &mailboxes, &id, &seen, None, &placement);
                while said.load(Ordering::SeqCst) < *n {
                    std::thread::yield_now();
                }
                store.get(&id).unwrap().parts.is_empty()
            });
            let lost = lost.count();
            ends.store(true, Ordering::SeqCst);
            assert_eq!(lost, 0);
        });
    }

    #[tokio::test(start_paused = true)]
    async fn a_wave_of_nodes_is_over_in_time_however_many_follow() {
        let (begun, mut wave) = (Instant::now(), Wave::default());
        loop {
            tokio::select! {
                () = wave.over() => break,
                () = tokio::time::sleep(NODES_SETTLE / 3) => wave.begin(),
            }
            assert!(begun.elapsed() < 10 * NODES_SETTLE, "it is put off again and again");
        }
        assert!(begun.elapsed() < 2 * NODES_SETTLE, "{:?}", begun.elapsed());
    }

    #[test]
    fn only_what_no_other_object_retains_is_forgotten() {
        let gone = seen(
            "gone",
            &spec(&json!({ "instanceIds": ["i-a"] })),
            &json!({ "retainedEniIds": ["eni-a", "eni-b", "eni-c", "eni-d"], "availableEniIds": ["eni-a", "eni-b", "eni-c"],
                     "networkInterfaces": [{
                         "networkInterfaceId": "eni-d", "phase": "Attached", "since": "2026-01-01T00:00:00Z",
                         "reason": "Retained", "message": "",
                     }] }),
        );
        let left_of = |gone: &WatchedObject, others: &[WatchedObject]| {
            let status = gone.retention_status().unwrap();
            forgotten(gone, &status, others.iter()).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let left = |others: &[WatchedObject]| left_of(&gone, others);
        assert_eq!(left(&[]), ["eni-a", "eni-b", "eni-c"], "eni-d is on an instance");
        let shortened = seen("gone", &spec(&json!({})), &json!({ "retainedEniIds": ["eni-a"] }));
        assert_eq!(left_of(&shortened, &[]), ["eni-a"], "it may be free");
        let named = seen("named", &spec(&json!({ "networkInterfaceIds": ["eni-a"] })), &Value::Null);
        let remembers = seen(
            "remembers",
            &spec(&json!({ "instanceIds": ["i-b"] })),
            &json!({ "retainedEniIds": ["eni-b"] }),
        );
        assert_eq!(left(&[named.clone(), remembers.clone()]), ["eni-c"]);

        // Of one that can't be decoded nobody knows where it is: neither for its spec, nor for a row in its status.
        for (spec, row) in [(json!("all of them"), json!([])), (spec(&json!({})), json!([{ "phase": 7 }]))] {
            let status = json!({
                "retainedEniIds": ["eni-a", "eni-b"], "availableEniIds": ["eni-a", "eni-b"], "networkInterfaces": row,
            });
            let undecodable = seen("gone", &spec, &status);
            assert!(undecodable.object.is_none());
            assert_eq!(left_of(&undecodable, &[]), ["eni-a", "eni-b"]);
            assert_eq!(left_of(&undecodable, &[named.clone(), remembers.clone()]), ["eni-a"]);
        }

        let with = |field: &str, value: &str| {
            let mut other = spec(&json!({ "networkInterfaceIds": ["eni-a"] }));
            other[field] = value.into();
            seen("other", &other, &Value::Null)
        };
        let mut leaving = named;
        leaving.meta.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(Timestamp::UNIX_EPOCH));
        for other in
            [with("retention", "Release"), with("account", "another"), with("region", "cn-beijing"), leaving]
        {
            assert_eq!(left(&[other]), ["eni-a", "eni-b", "eni-c"], "it retains nothing there");
        }
        let unjudged = seen("new", &spec(&json!({ "instanceIds": ["i-a"] })), &Value::Null);
        assert_eq!(unjudged.retention_status(), None);
    }
}
