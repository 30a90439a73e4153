//! The objects as the API server last showed them, where their intents went, and what the workers say of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use keeper_core::auto_release_time::Cancelled;
use keeper_core::conditions::Status;
use keeper_core::id::{AccountName, Generation, ObjectId, Region};
use keeper_core::lift::Orphan;
use keeper_core::reason::Reason;
use keeper_core::verdict::RegionReport;
use kube::api::ObjectMeta;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::api::{ChangeStatus, WatchedObject, generation, object_id};
use crate::desired::{Desired, Placement};
use crate::events::Survivors;
use crate::metrics::{Judged, Metrics};
use crate::scope::Scope;
use crate::status::{Changes, Lagging, Losses, Lost, RECONCILING, Shrinking};

/// How long survivors wait at most for others, to be told of together.
pub const MUSTER: Duration = Duration::from_mins(1);

/// Everything that is known of one object.
#[derive(Debug, Clone)]
pub struct StoredObject {
    /// As the API server last showed it.
    pub seen: WatchedObject,
    /// Where its intent goes.
    pub placement: Arc<Placement>,
    /// The newest generation whose intent was given to the workers.
    pub offered: Option<Generation>,
    /// What the workers say, each of the generation that it judged.
    pub parts: BTreeMap<Scope, (Generation, Arc<RegionReport>)>,
    /// The generation of an object that can't be decoded whose author was told so.
    pub author_told: Option<Generation>,
    /// The Nodes without a target, as they were noted in this term.
    pub lagging: Lagging,
    /// Status and reason of the domain condition that the last Event told of.
    pub announced: Option<(Status, Reason)>,
    /// What is said of it in this term, as it is counted.
    pub judged: Option<Judged>,
    pub losses: Losses,
    /// The release times that were taken away and of which no Event has told yet.
    pub cancelled: Vec<Cancelled>,
    /// The machines that Karpenter was to release, that are still there, and of which no Event has told yet.
    pub orphans: Vec<Orphan>,
    /// Who had switched off flags of its targets.
    pub changes: Changes,
}

impl StoredObject {
    /// What the worker of a region is told of this generation.
    pub fn told(&self, of: Generation, region: &Region) -> Option<&Desired> {
        match &*self.placement {
            Placement::Served(served) if generation(&self.seen.meta) == of => served.intents.get(region),
            _ => None,
        }
    }

    pub fn scopes(&self) -> BTreeSet<Scope> {
        match &*self.placement {
            Placement::Served(served) => served.scopes().map(|(scope, _)| scope).collect(),
            Placement::NotGranted | Placement::UnknownRegion(_) | Placement::Opaque(_) => BTreeSet::new(),
        }
    }
}

/// All objects. Shared by the watch (which writes what is), the workers (what they say) and the status writer (which reads).
pub struct Store {
    inner: Mutex<Inner>,
    changed: Notify,
    metrics: Arc<Metrics>,
    /// The accounts in which status shows who has switched a flag off.
    shows_changes: BTreeSet<AccountName>,
}

#[derive(Debug, Default)]
struct Inner {
    entries: BTreeMap<ObjectId, StoredObject>,
    /// Objects whose status may have to be written.
    dirty: BTreeSet<ObjectId>,
    /// Objects of which something else is to be said at a time, though nothing happens.
    due: BTreeMap<ObjectId, Instant>,
    /// Survivors that status shows and no Event has told of yet.
    untold: BTreeMap<ObjectId, Untold>,
    /// The term of the lead of which the workers speak.
    term: u64,
}

/// Survivors of one object that are to be told of together.
#[derive(Debug)]
struct Untold {
    survivors: Survivors,
    /// When the first of them was shown.
    since: Instant,
}

impl Inner {
    /// What was said in an earlier term says nothing any more, and whoever led meanwhile may have written any status.
    fn begin_term(&mut self, term: u64, metrics: &Metrics) {
        if term > self.term {
            self.term = term;
            self.untold.clear();
            for entry in self.entries.values_mut() {
                entry.parts.clear();
                entry.losses = Losses::begin(&entry.seen);
                entry.cancelled.clear();
                entry.orphans.clear();
                entry.changes.clear();
                entry.announced = announced_by(&entry.seen);
                entry.lagging = Lagging::default();
                metrics.judged(entry.seen.resource, entry.judged.take(), None);
            }
            self.due.clear();
            self.dirty = self.entries.keys().cloned().collect();
        }
    }
}

/// What an Event has told of the status that stands: what is under way is not told.
fn announced_by(seen: &WatchedObject) -> Option<(Status, Reason)> {
    let object = seen.object.as_ref()?;
    let says = |condition: &Condition, status: Status| condition.status == status.as_str();
    let under_way = |it: &Condition| it.type_ == RECONCILING && says(it, Status::True);
    if object.conditions().iter().any(under_way) {
        return None;
    }
    let domain = object.domain()?;
    let status = [Status::True, Status::False, Status::Unknown].into_iter().find(|of| says(domain, *of))?;
    Some((status, Reason::from_word(&domain.reason)?))
}

impl Store {
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self { inner: Mutex::default(), changed: Notify::new(), metrics, shows_changes: BTreeSet::new() }
    }

    /// The same, with a status that shows who has switched flags off in these accounts.
    #[must_use]
    pub fn showing_changes(self, accounts: BTreeSet<AccountName>) -> Self {
        Self { shows_changes: accounts, ..self }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while the lock is held ends the process anyway; the data is whole between any two statements.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters an object as it was watched, before the workers are given its intent: what they say of it at once must find
    /// its entry. Parts of workers that have no say any more are dropped.
    pub fn put(&self, id: &ObjectId, seen: WatchedObject, placement: impl Into<Arc<Placement>>) {
        let mut inner = self.lock();
        let old = inner.entries.remove(id);
        let offered = old.as_ref().and_then(|old| old.offered);
        let announced = old.as_ref().and_then(|old| old.announced);
        let judged = old.as_ref().and_then(|old| old.judged);
        let losses = old.as_ref().map_or_else(|| Losses::begin(&seen), |old| old.losses.clone());
        let cancelled = old.as_ref().map(|old| old.cancelled.clone()).unwrap_or_default();
        let orphans = old.as_ref().map(|old| old.orphans.clone()).unwrap_or_default();
        let lagging = old.as_ref().map(|old| old.lagging.clone()).unwrap_or_default();
        let changes = old.as_ref().map(|old| old.changes.clone()).unwrap_or_default();
        let (parts, author_told) = old.map(|old| (old.parts, old.author_told)).unwrap_or_default();
        let author_told = author_told.filter(|_| seen.object.is_none());
        let mut entry = StoredObject {
            seen,
            placement: placement.into(),
            offered,
            parts,
            author_told,
            lagging,
            announced,
            judged,
            losses,
            cancelled,
            orphans,
            changes,
        };
        // Names are personal data: where it is not known whose account it is, nobody has asked for them.
        entry.changes.shown =
            entry.seen.account().is_some_and(|account| self.shows_changes.contains(&account));
        let scopes = entry.scopes();
        entry.parts.retain(|scope, _| scopes.contains(scope));
        inner.entries.insert(id.clone(), entry);
        inner.dirty.insert(id.clone());
        drop(inner);
        self.changed.notify_one();
    }

    /// Notes that the workers were given an object's intent of this generation.
    pub fn offered(&self, id: &ObjectId, of: Generation) {
        if let Some(entry) = self.lock().entries.get_mut(id) {
            entry.offered = Some(of);
        }
    }

    /// Takes in the object as the API server answered our own patch of `before`. If the watch has shown another one
    /// meanwhile, that is the newer: the answer may have been long on its way.
    pub fn patched(&self, id: &ObjectId, before: &ObjectMeta, seen: WatchedObject) {
        if let Some(entry) = self.lock().entries.get_mut(id)
            && entry.seen.meta.resource_version == before.resource_version
        {
            entry.author_told = seen.object.is_none().then(|| generation(&seen.meta));
            entry.seen = seen;
        }
    }

    /// Notes that the log has the first of what the object has lost.
    pub fn logged(&self, id: &ObjectId, lost: usize) {
        if let Some(entry) = self.lock().entries.get_mut(id) {
            entry.losses.logged = lost;
        }
    }

    /// Notes that Events have told of the first of what the object has lost.
    pub fn told(&self, id: &ObjectId, lost: usize) {
        if let Some(entry) = self.lock().entries.get_mut(id) {
            entry.losses.told = lost;
        }
    }

    /// Notes that Events have told of the first of the release times that were taken away.
    pub fn told_cancelled(&self, id: &ObjectId, told: usize) {
        if let Some(entry) = self.lock().entries.get_mut(id) {
            let told = told.min(entry.cancelled.len());
            entry.cancelled.drain(..told);
        }
    }

    /// Notes that Events have told of the first of the machines that are still there.
    pub fn told_orphans(&self, id: &ObjectId, told: usize) {
        if let Some(entry) = self.lock().entries.get_mut(id) {
            let told = told.min(entry.orphans.len());
            entry.orphans.drain(..told);
        }
    }

    /// Notes what has become of the targets that status counted when the term began.
    pub fn compared(&self, id: &ObjectId, shrinking: Option<Shrinking>) {
        if let Some(entry) = self.lock().entries.get_mut(id) {
            entry.losses.counted = None;
            entry.losses.shrinking = shrinking;
        }
    }

    /// Notes that an Event has told of targets that went while nobody led.
    pub fn told_shrinking(&self, id: &ObjectId) {
        if let Some(entry) = self.lock().entries.get_mut(id) {
            entry.losses.shrinking = None;
        }
    }

    /// Notes that status says the first of what the object has lost.
    pub fn recorded(&self, id: &ObjectId, lost: usize) {
        if let Some(StoredObject { losses, .. }) = self.lock().entries.get_mut(id) {
            let lost = lost.min(losses.pending.len());
            losses.pending.drain(..lost);
            losses.told = losses.told.saturating_sub(lost);
            losses.logged = losses.logged.saturating_sub(lost);
        }
    }

    /// Notes what the last Event told of.
    pub fn announced(&self, id: &ObjectId, what: (Status, Reason)) {
        if let Some(entry) = self.lock().entries.get_mut(id) {
            entry.announced = Some(what);
        }
    }

    /// Notes since when an object's Nodes have been without a target, and when that is to be looked at again.
    pub fn lag(&self, id: &ObjectId, term: u64, lagging: Lagging, now: Instant) {
        let mut inner = self.lock();
        if term != inner.term {
            return;
        }
        match lagging.next_due(now) {
            Some(at) => drop(inner.due.insert(id.clone(), at)),
            None => drop(inner.due.remove(id)),
        }
        if let Some(entry) = inner.entries.get_mut(id) {
            entry.lagging = lagging;
        }
    }

    /// Marks the objects whose time has come.
    pub fn mark_due(&self, now: Instant) {
        let mut inner = self.lock();
        let due: Vec<ObjectId> =
            inner.due.iter().filter(|(_, at)| **at <= now).map(|(id, _)| id.clone()).collect();
        for id in due {
            inner.due.remove(&id);
            inner.dirty.insert(id);
        }
    }

    /// Notes survivors that status has come to show. Whether they are the first that wait to be told of.
    pub fn survived(&self, id: &ObjectId, survivors: Survivors) -> bool {
        if survivors.is_empty() {
            return false;
        }
        let mut inner = self.lock();
        let first = !inner.untold.contains_key(id);
        let untold = inner.untold.entry(id.clone());
        let new = || Untold { survivors: Survivors::new(), since: Instant::now() };
        untold.or_insert_with(new).survivors.extend(survivors);
        first
    }

    /// Takes the survivors that are to be told of now. A release of many machines is proven bit by bit: as long as the
    /// object is not at rest, more of them may come, and they are waited for.
    pub fn take_survivors(&self, id: &ObjectId, at_rest: bool) -> Option<Survivors> {
        let mut inner = self.lock();
        let due = inner.untold.get(id).is_some_and(|untold| at_rest || untold.since.elapsed() >= MUSTER);
        if due { inner.untold.remove(id).map(|untold| untold.survivors) } else { None }
    }

    /// Drops an object that is gone.
    pub fn remove(&self, id: &ObjectId) -> Option<StoredObject> {
        let mut inner = self.lock();
        inner.dirty.remove(id);
        inner.due.remove(id);
        inner.untold.remove(id);
        let removed = inner.entries.remove(id);
        if let Some(entry) = &removed {
            self.metrics.judged(entry.seen.resource, entry.judged, None);
        }
        removed
    }

    /// Counts what is said of an object in a term.
    pub fn judged(&self, id: &ObjectId, term: u64, judged: Judged) {
        let mut inner = self.lock();
        if term == inner.term
            && let Some(entry) = inner.entries.get_mut(id)
        {
            let before = entry.judged.replace(judged);
            self.metrics.judged(entry.seen.resource, before, Some(judged));
        }
    }

    /// Begins a term of the lead, unless a worker has done so already: everything is to be reported anew.
    pub fn begin_term(&self, term: u64) {
        self.lock().begin_term(term, &self.metrics);
        self.changed.notify_one();
    }

    /// Enters what a worker says of an object in a term of the lead, and what is to be told once besides: what is lost, the release
    /// times that were taken away, and the machines that are still there.
    pub fn say(
        &self,
        id: &ObjectId,
        scope: &Scope,
        term: u64,
        of: Generation,
        part: RegionReport,
        (lost, cancelled, orphans): (Vec<Lost>, Vec<Cancelled>, Vec<Orphan>),
    ) {
        let mut inner = self.lock();
        inner.begin_term(term, &self.metrics);
        if term < inner.term {
            return;
        }
        if let Some(entry) = inner.entries.get_mut(id)
            && entry.scopes().contains(scope)
        {
            entry.parts.insert(scope.clone(), (of, Arc::new(part)));
            entry.losses.pending.extend(lost);
            entry.cancelled.extend(cancelled);
            entry.orphans.extend(orphans);
            inner.dirty.insert(id.clone());
            drop(inner);
            self.changed.notify_one();
        }
    }

    /// Enters who had switched off a flag of an object's target.
    pub fn changed_by(&self, id: &ObjectId, row: ChangeStatus) {
        let mut inner = self.lock();
        if let Some(entry) = inner.entries.get_mut(id) {
            entry.changes.add(row);
            inner.dirty.insert(id.clone());
            drop(inner);
            self.changed.notify_one();
        }
    }

    /// Marks an object for another try.
    pub fn mark(&self, id: &ObjectId) {
        let mut inner = self.lock();
        if inner.entries.contains_key(id) {
            inner.dirty.insert(id.clone());
            drop(inner);
            self.changed.notify_one();
        }
    }

    /// Takes the objects whose status may have to be written, those in `busy` apart.
    pub fn take_dirty(&self, busy: &BTreeSet<ObjectId>) -> Vec<(ObjectId, StoredObject)> {
        let mut inner = self.lock();
        let ready: Vec<ObjectId> = inner.dirty.iter().filter(|id| !busy.contains(*id)).cloned().collect();
        ready
            .into_iter()
            .filter_map(|id| {
                inner.dirty.remove(&id);
                let entry = inner.entries.get(&id)?.clone();
                Some((id, entry))
            })
            .collect()
    }

    /// Waits until something is marked.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    pub fn get(&self, id: &ObjectId) -> Option<StoredObject> {
        self.lock().entries.get(id).cloned()
    }

    /// Objects that can't be read: they may be holds on anything.
    pub fn opaque(&self) -> Vec<(ObjectId, Generation)> {
        let inner = self.lock();
        let opaque =
            inner.entries.iter().filter(|(_, entry)| matches!(*entry.placement, Placement::Opaque(_)));
        opaque.map(|(id, entry)| (id.clone(), generation(&entry.seen.meta))).collect()
    }

    /// Whether each of these objects was given to its workers at this very generation.
    pub fn know<'a>(&self, listed: impl IntoIterator<Item = &'a ObjectMeta>) -> bool {
        let inner = self.lock();
        listed.into_iter().all(|meta| {
            object_id(meta)
                .and_then(|id| inner.entries.get(&id))
                .is_some_and(|entry| entry.offered == Some(generation(meta)))
        })
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use keeper_core::conditions::unserved;
    use keeper_core::intent::{Intent, Selector};
    use keeper_core::loss::{Cause, Loss};
    use keeper_core::time::Moment;
    use serde_json::json;

    use super::*;
    use crate::api::Resource;
    use crate::desired::Served;
    use crate::status::{Moments, Report};

    fn objects() -> Store {
        Store::new(Arc::new(Metrics::new().unwrap()))
    }

    fn seen(version: &str, generation: i64) -> WatchedObject {
        let meta = ObjectMeta {
            name: Some("a".to_owned()),
            namespace: Some("n".to_owned()),
            uid: Some("u".to_owned()),
            resource_version: Some(version.to_owned()),
            generation: Some(generation),
            ..ObjectMeta::default()
        };
        WatchedObject {
            resource: Resource::Protection,
            meta,
            object: None,
            undecoded_status: None,
            undecoded_account: None,
        }
    }

    fn served(scope: &Scope) -> Placement {
        Placement::Served(Served {
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
        })
    }

    #[test]
    fn i33_what_was_said_in_an_earlier_term_says_nothing_any_more() {
        let (objects, id) = (objects(), ObjectId::new("n", "a", "u"));
        let scope = Scope { account: AccountName::new("default"), region: Region::new("cn-hangzhou") };
        objects.put(&id, seen("1", 1), served(&scope));
        let parts = || objects.get(&id).unwrap().parts.len();
        let dirty = || objects.take_dirty(&BTreeSet::new()).len();
        objects.say(&id, &scope, 1, 1, RegionReport::default(), Default::default());
        assert_eq!((parts(), dirty(), dirty()), (1, 1, 0));
        objects.begin_term(2);
        assert_eq!((parts(), dirty()), (0, 1), "everything is reported anew");
        objects.say(&id, &scope, 1, 1, RegionReport::default(), Default::default());
        assert_eq!((parts(), dirty()), (0, 0), "a scope that has not heard of it yet");
        objects.say(&id, &scope, 2, 1, RegionReport::default(), Default::default());
        objects.begin_term(2);
        assert_eq!((parts(), dirty()), (1, 1), "begun once");
        objects.say(&id, &scope, 3, 1, RegionReport::default(), Default::default());
        objects.begin_term(3);
        assert_eq!((parts(), dirty()), (1, 1), "a scope may be the first to know");
    }

    /// The object with a status that another leader may have written.
    fn with_status(counted: u32, domain: (&str, &str), reconciling: &str) -> WatchedObject {
        let condition = |kind: &str, status: &str, reason: &str| {
            json!({
                "type": kind, "status": status, "reason": reason, "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z", "observedGeneration": 1,
            })
        };
        let object = json!({
            "apiVersion": "ecs-keeper.io/v1alpha1", "kind": "EcsInstanceProtection",
            "metadata": { "namespace": "n", "name": "a", "uid": "u", "generation": 1 },
            "spec": { "targets": {} },
            "status": {
                "observedGeneration": 1,
                "counts": {
                    "targets": counted, "protected": counted, "unprotected": 0, "notApplicable": 0, "unknown": 0,
                    "atRisk": 0, "nodesIgnored": 0,
                },
                "conditions": [
                    condition("Protected", domain.0, domain.1), condition("Reconciling", reconciling, "AllProtected"),
                ],
            },
        });
        let seen = Resource::Protection.decode(serde_json::from_value(object).unwrap());
        assert!(seen.object.is_some());
        seen
    }

    fn lost(id: &str) -> Lost {
        let moments = Moments { moment: Moment::at(Duration::ZERO), wall: Timestamp::UNIX_EPOCH };
        moments.date(Loss {
            id: id.into(),
            cause: Cause::Gone,
            noted: moments.moment,
            grave: true,
            not_applicable: None,
            last: None,
            last_protected: None,
        })
    }

    #[test]
    fn i50_what_an_earlier_term_noted_hides_nothing_in_the_next() {
        let (objects, id) = (objects(), ObjectId::new("n", "a", "u"));
        let scope = Scope { account: AccountName::new("default"), region: Region::new("cn-hangzhou") };
        let standing = with_status(3, ("True", "AllProtected"), "False");
        objects.put(&id, standing, served(&scope));
        objects.say(&id, &scope, 1, 1, RegionReport::default(), (vec![lost("i-a")], Vec::new(), Vec::new()));
        objects.logged(&id, 1);
        objects.told(&id, 1);
        objects.begin_term(2);
        let losses = objects.get(&id).unwrap().losses;
        assert_eq!((losses.pending.len(), losses.logged, losses.told), (0, 0, 0));
        assert_eq!(losses.counted, Some((1, 3)), "whatever status still counts is told by number");
        let report = Report {
            part: RegionReport { settled: true, ..RegionReport::default() },
            counted: true,
            ..Report::silent(unserved(Reason::NoTargets, ""))
        };
        assert_eq!(losses.compare(&report, 1), Some(Shrinking { counted: 3, gone: 3 }));
    }

    #[test]
    fn i50_what_went_while_nobody_led_stays_until_it_is_told() {
        let (objects, id) = (objects(), ObjectId::new("n", "a", "u"));
        objects.put(&id, with_status(3, ("True", "AllProtected"), "False"), Placement::NotGranted);
        let losses = || objects.get(&id).unwrap().losses;
        let shrinking = Some(Shrinking { counted: 3, gone: 1 });
        objects.compared(&id, shrinking);
        // No Event could be published, and status is written all the same.
        objects.recorded(&id, 0);
        assert_eq!((losses().counted, losses().shrinking), (None, shrinking));
        objects.told_shrinking(&id);
        assert_eq!(losses().shrinking, None);
    }

    #[test]
    fn who_switched_a_flag_off_is_shown_also_while_the_object_is_not_served() {
        let metrics = || Arc::new(Metrics::new().unwrap());
        let id = ObjectId::new("n", "a", "u");
        let decoded = || with_status(1, ("True", "AllProtected"), "False");
        let broken = |account: Option<&str>| WatchedObject {
            undecoded_account: account.map(AccountName::new),
            ..seen("1", 1)
        };
        for (account, object, shown) in [
            ("default", decoded(), true),
            ("other", decoded(), false),
            ("other", broken(Some("other")), true),
            ("other", broken(Some("default")), false),
            ("other", broken(None), false),
        ] {
            let objects = Store::new(metrics()).showing_changes([AccountName::new(account)].into());
            objects.put(&id, object, Placement::NotGranted);
            assert_eq!(objects.get(&id).unwrap().changes.shown, shown, "{account}");
        }
        let objects = Store::new(metrics());
        objects.put(&id, decoded(), Placement::NotGranted);
        assert!(!objects.get(&id).unwrap().changes.shown, "nowhere");
    }

    #[test]
    fn what_another_leader_said_meanwhile_is_what_was_told_last() {
        let (objects, id) = (objects(), ObjectId::new("n", "a", "u"));
        let announced = || objects.get(&id).unwrap().announced;
        objects.put(&id, with_status(1, ("False", "PermissionDenied"), "False"), Placement::NotGranted);
        objects.announced(&id, (Status::False, Reason::PermissionDenied));
        for (term, domain, reconciling, told) in [
            (1, ("True", "AllProtected"), "False", Some((Status::True, Reason::AllProtected))),
            (2, ("Unknown", "NodeUnresolved"), "True", None),
            (3, ("False", "OfANewerVersion"), "False", None),
        ] {
            objects.put(&id, with_status(1, domain, reconciling), Placement::NotGranted);
            objects.begin_term(term);
            assert_eq!(announced(), told, "{domain:?}");
        }
    }

    #[test]
    fn survivors_are_told_of_together_as_soon_as_nothing_is_under_way() {
        let (objects, id) = (objects(), ObjectId::new("n", "a", "u"));
        let some = |ids: &[&str]| ids.iter().map(|id| ((*id).to_owned(), None)).collect::<Survivors>();
        assert!(!objects.survived(&id, some(&[])));
        assert!(objects.survived(&id, some(&["eni-a", "eni-b"])));
        assert_eq!(objects.take_survivors(&id, false), None);
        assert!(!objects.survived(&id, some(&["eni-c"])));
        assert_eq!(objects.take_survivors(&id, true), Some(some(&["eni-a", "eni-b", "eni-c"])));
        assert_eq!(objects.take_survivors(&id, true), None);
        assert!(objects.survived(&id, some(&["eni-d"])));
        objects.begin_term(7);
        assert_eq!(objects.take_survivors(&id, true), None, "who leads now has shown none yet");
    }

    #[test]
    fn i27_an_answer_that_the_watch_has_overtaken_does_not_bring_the_old_object_back() {
        let (objects, id) = (objects(), ObjectId::new("n", "a", "u"));
        let shown = || objects.get(&id).map(|entry| generation(&entry.seen.meta));
        objects.put(&id, seen("1", 1), Placement::NotGranted);
        objects.patched(&id, &seen("1", 1).meta, seen("2", 1));
        objects.put(&id, seen("4", 2), Placement::NotGranted);
        objects.patched(&id, &seen("2", 1).meta, seen("3", 1));
        assert_eq!(shown(), Some(2), "the answer to a patch of the older one came late");
        objects.patched(&id, &seen("4", 2).meta, seen("5", 2));
        assert_eq!(shown(), Some(2));
    }

    #[test]
    fn i11_what_the_workers_were_not_given_yet_is_not_known() {
        let (objects, id) = (objects(), ObjectId::new("n", "a", "u"));
        let knows = |generation| objects.know([&seen("9", generation).meta]);
        objects.put(&id, seen("1", 1), Placement::NotGranted);
        assert!(!knows(1));
        objects.offered(&id, 1);
        assert!(knows(1));
        objects.put(&id, seen("2", 2), Placement::NotGranted);
        assert!(!knows(2) && knows(1), "they have the older one");
        objects.offered(&id, 2);
        assert!(knows(2) && !knows(3));
    }
}
