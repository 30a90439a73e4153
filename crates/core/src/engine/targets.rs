//! All targets of one resource in a region: what objects ask of them, what the cloud has shown of them, and the reads that
//! show it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::action::{Proven, Settings};
use super::host_changes::HostChanges;
use super::index::Index;
use super::inventory::Inventory;
use super::object::{CarriedOut, Object};
use super::reader::{Demand, Finding, Reader, Source, WritesPending};
use super::reporter::{Reporter, Stale, Staleness};
use super::tag_keys::TagKeys;
use super::turn::Turn;
use super::view::View;
use crate::breaker::CircuitBreaker;
use crate::call::{Item, ReadCall, Reply};
use crate::engine::action::odd_reply;
use crate::engine::context::{Context, Term};
use crate::evidence::Evidence;
use crate::failure::Failure;
use crate::id::{CallId, Generation, InstanceId, ObjectId, RequestId, Tag};
use crate::instance::Instance;
use crate::intent::{Intent, Selector};
use crate::resource::{Place, Resource, Wanted};
use crate::time::Moment;
use crate::wall_clock::WallClock;

/// All targets of one resource.
#[derive(Debug)]
pub(crate) struct Targets<R: Resource> {
    pub(super) objects: BTreeMap<ObjectId, Object<R>>,
    pub(super) opaque: BTreeSet<ObjectId>,
    /// What was carried out for objects that ask nothing now, or can't be read: they may be back before status says so.
    pub(super) carried_out: BTreeMap<ObjectId, CarriedOut<R>>,
    /// Objects that select through hosts.
    pub(super) by_host: BTreeSet<ObjectId>,
    /// Objects that ask for unprotecting, carried out or not: whether another one holds a target is part of what is said of them.
    pub(super) unprotecting: BTreeSet<ObjectId>,
    /// Whether an object asks for something else than before, since it was looked whom that concerns.
    pub(super) holds_changed: bool,
    /// What has happened to hosts, by the objects that it concerns.
    pub(super) host_changes: BTreeMap<ObjectId, HostChanges<R>>,
    pub(super) index: Index<R>,
    pub(super) keys: TagKeys,
    pub(super) inventory: Inventory<R>,
    pub(super) reader: Reader<R>,
    pub(super) breaker: CircuitBreaker,
    staleness: Staleness,
    /// Targets to be looked at again at a time.
    pub(super) timers: BTreeSet<(Moment, R::Id)>,
    /// Targets about which something else may be to be done now.
    due: Vec<R::Id>,
    /// Targets that nobody selects any more, if that is so.
    unselected: BTreeSet<R::Id>,
    /// Whether a sweep of this term is complete.
    surveyed: bool,
    /// What was forgotten in this term before that.
    forgotten_early: BTreeSet<R::Id>,
}

/// What has become of a target.
#[derive(Debug)]
pub(crate) enum Change<R: Resource> {
    /// It was shown.
    Shown(R::Id, Before<R>),
    /// It is proven to be gone, by this request last: what was known of it is void.
    Gone(R::Id, Before<R>, Option<RequestId>),
    /// The circuit breaker has opened, or closed.
    Circuit,
    /// The targets of a batch were read, in this call, and these were shown.
    ProofRead(CallId, BTreeSet<R::Id>),
    /// The targets of a batch could not be read.
    ProofLost,
}

/// How a target was known before.
#[derive(Debug)]
pub(crate) struct Before<R: Resource> {
    pub evidence: Option<Evidence<R>>,
    /// Those that were read last, or could be read last.
    pub tags: Vec<Tag>,
    /// When it was proven in this term to be gone, if it was.
    pub gone: Option<Moment>,
}

impl<R: Resource> Before<R> {
    /// Where it was.
    pub fn place(&self) -> Place<'_> {
        self.evidence.as_ref().map_or(Place::Free, |evidence| R::place(&evidence.facts))
    }
}

impl<R: Resource> Targets<R> {
    /// Nothing is known yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            objects: BTreeMap::new(),
            opaque: BTreeSet::new(),
            carried_out: BTreeMap::new(),
            by_host: BTreeSet::new(),
            unprotecting: BTreeSet::new(),
            holds_changed: false,
            host_changes: BTreeMap::new(),
            index: Index::default(),
            keys: TagKeys::default(),
            inventory: Inventory::default(),
            reader: Reader::new(settings),
            breaker: CircuitBreaker::default(),
            staleness: Staleness::default(),
            timers: BTreeSet::new(),
            due: Vec::new(),
            unselected: BTreeSet::new(),
            surveyed: false,
            forgotten_early: BTreeSet::new(),
        }
    }

    // What is known.

    /// Whether the circuit breaker is open: nothing is concluded from absence and nothing is unprotected.
    pub fn circuit_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// Whether a target of which nothing is known is new, if it is seen: a sweep of this term is complete, or nobody selected it any
    /// more for a time.
    pub fn would_be_new(&self, id: &R::Id) -> bool {
        self.surveyed || self.forgotten_early.contains(id)
    }

    /// Reads that the budget has left for now.
    pub fn available_reads(&mut self, now: Moment) -> u32 {
        self.reader.available(now)
    }

    /// Since when there is evidence of everything: the start of the newest complete sweep of the term that began then.
    pub fn proven(&self, now: Moment, term_began: Moment) -> Proven {
        if self.reader.next_sweep_at(now, self.demand()).is_none() {
            return Proven::NothingWanted;
        }
        let since = self.reader.last_complete().filter(|since| *since >= term_began);
        since.map_or(Proven::NotYet, Proven::Since)
    }

    fn demand(&self) -> Demand {
        let by_host = !self.by_host.is_empty();
        Demand {
            by_listing: self.index.by_listing() || by_host,
            by_tag: self.index.by_tag(),
            by_host,
            named: self.index.named_count(),
        }
    }

    /// The one read-only look at all of it.
    pub fn view<'a, 't: 'a>(&'a self, turn: &Turn<'t>) -> View<'a, R> {
        self.view_at(turn.now, turn.context, turn.reporter, turn.hosts)
    }

    /// The same, as the hosts of other targets are looked at.
    pub fn as_hosts(&self, now: Moment, context: &Context, reporter: &Reporter) -> View<'_, R> {
        self.view_at(now, context, reporter, None)
    }

    /// The same, beside a look at the instances that these are on.
    pub fn view_beside<'a>(&'a self, hosts: &'a View<'a, Instance>) -> View<'a, R> {
        self.look((hosts.now, hosts.wall_clock), hosts.term, hosts.patience, Some(hosts))
    }

    fn view_at<'a>(
        &'a self,
        now: Moment,
        context: &Context,
        reporter: &Reporter,
        hosts: Option<&'a View<'a, Instance>>,
    ) -> View<'a, R> {
        self.look((now, context.wall_clock()), context.term(), reporter.patience(), hosts)
    }

    fn look<'a>(
        &'a self,
        (now, wall_clock): (Moment, WallClock),
        term: Term,
        patience: Duration,
        hosts: Option<&'a View<'a, Instance>>,
    ) -> View<'a, R> {
        View {
            now,
            wall_clock,
            term,
            inventory: &self.inventory,
            index: &self.index,
            keys: &self.keys,
            objects: &self.objects,
            opaque: &self.opaque,
            demand: self.demand(),
            reader: &self.reader,
            breaker: &self.breaker,
            hosts,
            patience,
        }
    }

    /// How often the region is swept now: the set interval, stretched so that sweeping takes half of the reads at most.
    pub fn sweep_interval(&self) -> Duration {
        self.reader.interval(self.demand())
    }

    /// How long evidence lives: as long as it takes to be renewed at the pace that is really reached, within bounds.
    pub fn evidence_life(&self) -> Duration {
        self.reader.evidence_life(self.demand())
    }

    /// The generation of an object that asks for something here on its own behalf.
    pub fn generation(&self, object: &ObjectId) -> Option<Generation> {
        self.objects.get(object).filter(|o| !o.intent.enumerates).map(|object| object.generation)
    }

    /// Whether this is another intent than the object's known one.
    pub fn is_edited_by(&self, object: &ObjectId, intent: &Intent<R>) -> bool {
        self.objects.get(object).is_some_and(|object| object.intent != *intent)
    }

    /// Whether the object forgets something after a time.
    pub fn forgets(&self, object: &ObjectId) -> bool {
        self.objects.get(object).is_some_and(|object| object.intent.forget_after.is_some())
    }

    /// Whether any object asks for what is on instances.
    pub fn by_host(&self) -> bool {
        !self.by_host.is_empty()
    }

    /// The objects that ask for something here on their own behalf.
    pub fn objects(&self) -> impl Iterator<Item = &ObjectId> {
        self.objects.iter().filter(|(_, object)| !object.intent.enumerates).map(|(name, _)| name)
    }

    /// The instances that an object wants to know of besides those that its spec selects.
    pub fn watched(&self, object: &ObjectId) -> Option<&BTreeSet<InstanceId>> {
        self.objects.get(object).map(|object| &object.watch)
    }

    /// The instances whose interfaces an object's spec selects.
    pub fn host_selector(&self, object: &ObjectId) -> Option<&Selector<Instance>> {
        self.objects.get(object)?.intent.hosts.as_deref()
    }

    /// Notes from when on evidence is fresh at this moment.
    pub fn note_horizon(&mut self, turn: &Turn<'_>) {
        let horizon = self.view(turn).horizon();
        self.reader.note_horizon(horizon);
    }

    // What the cloud said.

    /// Takes in the answer to a read, or the lack of one: what it shows.
    pub fn answered(
        &mut self,
        turn: &mut Turn<'_>,
        call: CallId,
        result: Result<Reply<R>, Failure>,
    ) -> Vec<Finding<R>> {
        let odd = odd_reply();
        let answer = match result {
            Ok(Reply::Page(page)) => Ok(page),
            Ok(Reply::Accepted(_)) => Err(&odd),
            Err(ref failure) => Err(failure),
        };
        let demand = self.demand();
        // A second answer to the same call, or one that came after we gave it up, has no findings.
        let answer = (call, answer);
        let findings = self.reader.answered(turn.now, turn.context, demand, &self.inventory, answer);
        findings.unwrap_or_default()
    }

    /// Takes in what a read has shown if that is how it was, and says what is left to be taken in otherwise. `busy`: whether
    /// something is being done about a target.
    pub fn confirm(
        &mut self,
        turn: &Turn<'_>,
        finding: Finding<R>,
        busy: impl Fn(&R::Id) -> bool,
    ) -> Option<Finding<R>> {
        let Finding::Shown(mut item, source) = finding else { return Some(finding) };
        let wanted =
            Wanted { tag: &|tag| self.keys.keeps(tag), surroundings: self.keys.keeps_surroundings() };
        R::prune(&mut item.facts, wanted);
        (busy(&item.id) || !self.seen_again(turn, &source, &item)).then_some(Finding::Shown(item, source))
    }

    /// The way of nearly every item of a sweep at rest: it is as it was, nothing is being done about it, and only the
    /// time of its evidence moves on.
    fn seen_again(&mut self, turn: &Turn<'_>, source: &Source, item: &Item<R>) -> bool {
        let (horizon, epoch) = (self.view(turn).horizon().max(self.reader.staled()), self.keys.epoch());
        let term_since = turn.context.term().since;
        let Some(evidence) = self.inventory.evidence_mut(&item.id) else { return false };
        let quiet = evidence.seen >= horizon
            && (term_since..=source.call).contains(&evidence.call)
            && evidence.tag_epoch == epoch
            && evidence.facts == item.facts;
        if quiet {
            (evidence.seen, evidence.call) = (source.sent, source.call);
            evidence.request_id.clone_from(&source.request_id);
        }
        quiet
    }

    /// Takes in what a read has shown, and says what has become of a target because of that.
    pub fn take(&mut self, turn: &mut Turn<'_>, finding: Finding<R>) -> Option<Change<R>> {
        match finding {
            Finding::Shown(item, source) => return self.shown(turn, source, item),
            Finding::Lacked { id, call, showed_any, request_id } => {
                return self.missed(turn, &id, (call, request_id), showed_any);
            }
            Finding::ProofRead(call, seen) => return Some(Change::ProofRead(call, seen)),
            Finding::ProofLost => return Some(Change::ProofLost),
            Finding::Swept { read, pace_changed } => return self.swept(turn, read, pace_changed),
            Finding::Unproven(id) => {
                // It is looked up again, ever more seldom.
                if let Some(absence) = self.inventory.absence_mut(&id) {
                    absence.looked(turn.now);
                    self.due.push(id);
                }
            }
            Finding::Refused(id) => self.refused(turn, id),
            Finding::Denied(id) => {
                if let Some(absence) = self.inventory.absence_mut(&id) {
                    absence.denied = true;
                }
            }
            Finding::Due(id) => self.due.push(id),
            Finding::Blind(ids) => {
                for id in ids {
                    if let Some(absence) = self.inventory.absence_mut(&id) {
                        absence.blind = true;
                    }
                    self.touch_selectors(turn, &id);
                }
            }
            Finding::Listed(first_call, started) => self.listed(turn, first_call, started),
            Finding::NotListed => self.touch_all(turn),
            Finding::Explained => self.touch_uncertain(turn),
        }
        None
    }

    /// A target was shown.
    fn shown(&mut self, turn: &mut Turn<'_>, source: Source, item: Item<R>) -> Option<Change<R>> {
        let known = self.inventory.get(&item.id);
        let tags = R::tags(&item.facts).unwrap_or_else(|| self.inventory.tags(&item.id));
        let concerned = self.index.concerns(&item.id, tags, R::place(&item.facts));
        // A reply that was overtaken by a later one says nothing new; and what nobody selects is not kept.
        let overtaken = known.is_some_and(|t| t.newest_call().is_some_and(|newest| newest > source.call));
        if overtaken || (!concerned && known.is_none()) {
            return None;
        }
        // The name that is kept already is the one to share.
        let id = self.inventory.shared(item.id);
        self.touch_selectors(turn, &id);
        let tags = self.inventory.tags(&id).to_vec();
        if let Some(new) = R::tags(&item.facts) {
            self.index.retag(&id, &tags, new);
        }
        let place = self.inventory.place(&id).instance();
        self.index.move_to(&id, place, R::place(&item.facts).instance());
        let gone = self.inventory.absence(&id).and_then(|absence| absence.proven);
        let evidence = Evidence {
            facts: item.facts,
            seen: source.sent,
            call: source.call,
            request_id: source.request_id,
            tag_epoch: self.keys.epoch(),
        };
        let before = self.inventory.observe(&id, evidence);
        self.touch_selectors(turn, &id);
        self.due.push(id.clone());
        if !concerned {
            // It lost the tag that selected it. Its flag stays as it is.
            self.unselect(&id);
        }
        Some(Change::Shown(id, Before { evidence: before, tags, gone }))
    }

    /// A read by id lacked this target. `showed_any`: it showed something else that was asked for.
    fn missed(
        &mut self,
        turn: &mut Turn<'_>,
        id: &R::Id,
        (call, request_id): (CallId, Option<RequestId>),
        showed_any: bool,
    ) -> Option<Change<R>> {
        let known = self.inventory.len();
        let target = self.inventory.get(id)?;
        if target.newest_call().is_some_and(|newest| newest > call) {
            return None;
        }
        let was_known = target.evidence.is_some() || self.view(turn).is_remembered(id);
        if target.absence.is_none() && was_known {
            self.breaker.surprise(turn.now, known);
        }
        let circuit_open = self.breaker.is_open();
        let absence = self.inventory.lack(id, call)?;
        absence.lacked = call;
        if showed_any {
            absence.missed(turn.now, !circuit_open || !was_known);
        } else {
            absence.looked(turn.now);
        }
        let proven = absence.proven();
        self.touch_selectors(turn, id);
        self.due.push(id.clone());
        proven.then(|| Change::Gone(id.clone(), self.void(id), request_id))
    }

    /// It is proven that the cloud does not know the target: what was known of it is void. One that is named stays in
    /// the report as not found.
    fn void(&mut self, id: &R::Id) -> Before<R> {
        let tags = self.inventory.tags(id).to_vec();
        self.index.retag(id, &tags, &[]);
        self.index.move_to(id, self.inventory.place(id).instance(), None);
        let evidence = self.inventory.void(id);
        self.unselect(id);
        Before { evidence, tags, gone: None }
    }

    /// A complete listing lacked this target, or a write was answered that it does not exist: look it up by id.
    pub(super) fn doubt(&mut self, turn: &mut Turn<'_>, id: &R::Id, lacked: CallId) {
        let known = self.inventory.len();
        let Some(target) = self.inventory.get(id).filter(|target| target.absence.is_none()) else { return };
        if target.evidence.is_some() || self.view(turn).is_remembered(id) {
            self.breaker.surprise(turn.now, known);
        }
        self.inventory.lack(id, lacked);
        self.touch_selectors(turn, id);
        self.due.push(id.clone());
    }

    /// The cloud refuses to be asked for this id at all.
    fn refused(&mut self, turn: &mut Turn<'_>, id: R::Id) {
        if let Some(absence) = self.inventory.lack(&id, CallId(0)) {
            absence.refused = true;
            absence.looked(turn.now);
        }
        self.touch_selectors(turn, &id);
        self.due.push(id);
    }

    /// A listing of the region is complete: what it lacks is looked up.
    fn listed(&mut self, turn: &mut Turn<'_>, first_call: CallId, started: Moment) {
        let lacking: Vec<R::Id> = self
            .inventory
            .iter()
            .filter(|(_, t)| t.evidence.as_ref().is_none_or(|e| e.call < first_call))
            .map(|(id, _)| id.clone())
            .collect();
        for id in lacking {
            self.doubt(turn, &id, first_call);
        }
        for object in self.objects.values_mut() {
            if object.needs_listing() && first_call >= object.listing_since {
                object.listed = Some(started);
            }
        }
    }

    /// A sweep is complete.
    fn swept(&mut self, turn: &mut Turn<'_>, read: bool, pace_changed: bool) -> Option<Change<R>> {
        if pace_changed {
            self.touch_all(turn);
        }
        self.surveyed = true;
        self.forgotten_early.clear();
        let circuit_open = self.breaker.is_open();
        if read {
            self.breaker.swept(turn.now);
        }
        let changed = circuit_open != self.breaker.is_open();
        if changed {
            // What was looked up in vain meanwhile has come to be looked up seldom, and from now on it proves something.
            for (id, absence) in self.inventory.absences_mut().filter(|(_, absence)| !absence.proven()) {
                absence.lookups = 0;
                self.timers.insert((absence.next_lookup(turn.now).max(turn.now), id.clone()));
            }
        }
        // Where anything was uncertain, this round may have made it certain without any fact having changed.
        self.touch_uncertain(turn);
        changed.then_some(Change::Circuit)
    }

    // What is to be looked at, and what is to be forgotten.

    /// Something else may be to be done about a target now.
    pub(super) fn reconsider(&mut self, id: &R::Id) {
        self.due.push(id.clone());
    }

    /// Takes the targets out about which something else may be to be done. What the cloud's answers lack is looked up.
    pub fn take_due(&mut self, turn: &Turn<'_>) -> Vec<R::Id> {
        let mut due = std::mem::take(&mut self.due);
        due.retain(|id| {
            let Some(absence) = self.inventory.absence(id) else { return true };
            if !absence.proven() || absence.denied {
                let at = absence.next_lookup(turn.now);
                if at <= turn.now {
                    self.reader.look_up(id);
                } else {
                    self.timers.insert((at, id.clone()));
                }
            }
            false
        });
        due
    }

    /// Looks at the targets whose time has come, and says which these are.
    pub fn fire_timers(&mut self, turn: &mut Turn<'_>) -> Vec<R::Id> {
        let before = self.due.len();
        while let Some((at, id)) = self.timers.pop_first() {
            if at > turn.now {
                self.timers.insert((at, id));
                break;
            }
            self.touch_selectors(turn, &id);
            self.due.push(id);
        }
        self.due.iter().skip(before).cloned().collect()
    }

    /// The target may be selected by nobody any more.
    pub(super) fn unselect(&mut self, id: &R::Id) {
        self.unselected.insert(id.clone());
    }

    /// Drops what is remembered of targets that nobody selects any more, and says what that was. Their flags stay as they are. As
    /// long as a write or its effect may be `under_way` one is remembered all the same: an object made a moment later must
    /// not take what a read shows meanwhile for evidence, nor write beside it.
    pub fn forget_unselected(
        &mut self,
        under_way: impl Fn(&R::Id) -> bool,
    ) -> Vec<(R::Id, Option<Evidence<R>>)> {
        let mut forgotten = Vec::new();
        for id in std::mem::take(&mut self.unselected) {
            let (tags, place) = (self.inventory.tags(&id), self.inventory.place(&id));
            if self.inventory.get(&id).is_none() || self.index.concerns(&id, tags, place) {
                continue;
            }
            if under_way(&id) {
                self.unselected.insert(id);
                continue;
            }
            self.index.retag(&id, tags, &[]);
            self.index.move_to(&id, place.instance(), None);
            let evidence = self.inventory.forget(&id);
            self.reader.forget(&id);
            if !self.surveyed {
                self.forgotten_early.insert(id.clone());
            }
            forgotten.push((id, evidence));
        }
        forgotten
    }

    // What is to be read.

    /// Whether any sweep has begun.
    pub fn has_swept(&self) -> bool {
        self.reader.has_begun()
    }

    /// Begins a sweep if it is time for one. `first_waits`: until when the first one of all waits.
    pub fn begin_sweep(&mut self, turn: &mut Turn<'_>, first_waits: Option<Moment>) -> Vec<Finding<R>> {
        let demand = self.demand();
        let known = (self.index.named_ids(), &self.inventory);
        self.reader.begin_sweep(turn.now, turn.context, demand, first_waits, known)
    }

    /// Sends what may be read now. `writes`: what waits elsewhere, for which a verifying read may wait, too.
    pub fn plan_reads(
        &mut self,
        turn: &mut Turn<'_>,
        writes: WritesPending,
        out: &mut Vec<(CallId, ReadCall<R>)>,
    ) {
        self.reader.poll(turn.now, turn.context, self.demand(), writes, out);
    }

    /// Has these read at once.
    pub fn read_at_once(&mut self, ids: &BTreeSet<R::Id>) {
        self.reader.read_at_once(ids);
    }

    /// Reads that have been without an answer for too long. They are to be answered as lost.
    pub fn lost_calls(&self, now: Moment) -> impl Iterator<Item = CallId> {
        self.reader.calls().lost(now)
    }

    /// All reads without an answer.
    pub fn calls(&self) -> impl Iterator<Item = CallId> {
        self.reader.calls().ids()
    }

    /// The oldest of them.
    pub fn oldest_call(&self) -> Option<CallId> {
        self.reader.calls().oldest()
    }

    /// When a poll is wanted for what waits here, though nothing happens.
    pub fn wake(&self, context: &mut Context) {
        let timer = self.timers.first().map(|(at, _)| *at);
        for at in self.reader.calls().loses_at().into_iter().chain(timer) {
            context.wake_at(at);
        }
    }

    /// There is another key: what the old one was refused is tried again.
    pub fn key_changed(&mut self, now: Moment) {
        self.reader.key_changed(now);
    }

    /// Whoever led before may have written flags and status: what we saw before counts for nothing, and what we reported
    /// may stand there no more. What stands there is left standing until there is evidence again, as after a start.
    pub fn begin_lead(&mut self, turn: &mut Turn<'_>) {
        self.reader.begin_term();
        self.surveyed = false;
        self.forgotten_early.clear();
        for (name, object) in &mut self.objects {
            object.hot_until = None;
            (object.born, object.settled) = (turn.now, false);
            // Status still lists what departed by that: it is judged anew.
            for id in object.memory.take_back(|_| true) {
                self.index.name(name, &id);
                self.inventory.expect(&id);
            }
            // Whoever led meanwhile has told of it.
            object.losses.clear();
            object.aside.begin_term();
        }
        for changes in self.host_changes.values_mut() {
            changes.had.clear();
        }
        for (id, absence) in self.inventory.absences_mut() {
            absence.begin_term();
            self.timers.insert((turn.now, id.clone()));
        }
        self.touch_all(turn);
    }

    // Whose report may have changed.

    /// Marks the reports of all objects that may select the target.
    pub(super) fn touch_selectors(&self, turn: &mut Turn<'_>, id: &R::Id) {
        let (tags, place) = (self.inventory.tags(id), self.inventory.place(id));
        let candidates = self.index.candidates(id, tags, place);
        turn.context.touch_all(candidates.into_iter().cloned());
    }

    /// Marks the reports that say of something that it is not known: why, is said in other words when the cloud
    /// answers again, or no more.
    fn touch_uncertain(&self, turn: &mut Turn<'_>) {
        let uncertain = self.objects.keys().filter(|name| turn.reporter.uncertain(name));
        turn.context.touch_all(uncertain.cloned());
    }

    /// Marks all reports.
    pub fn touch_all(&self, turn: &mut Turn<'_>) {
        turn.context.touch_all(self.objects.keys().cloned());
    }

    /// Has reports made anew when evidence may have grown stale.
    pub fn notice_staleness(&mut self, turn: &mut Turn<'_>) {
        if self.objects.is_empty() {
            return;
        }
        let life = self.evidence_life();
        let last_complete = self.reader.last_complete().unwrap_or_default();
        let overdue = last_complete.max(turn.context.term().began).after(life);
        if turn.now < overdue {
            turn.context.wake_at(overdue);
            return;
        }
        match self.staleness.tick(turn.now, turn.context, life) {
            None => {}
            Some(Stale::All) => self.touch_all(turn),
            Some(Stale::Certain) => {
                let certain = self.objects.keys().filter(|name| turn.reporter.certain(name));
                turn.context.touch_all(certain.cloned());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixtures::{
        FRESH, NOW, Region, STALE, ask, at, eni, filter, host, interface, object, show, tags,
    };
    use crate::id::InterfaceId;
    use crate::intent::Intent;
    use crate::interface::{Interface, InterfaceFacts};
    use crate::retention::Remembered;

    fn naming(names: &[&str]) -> Intent<Interface> {
        Intent::of(Selector { ids: names.iter().map(|name| eni(name)).collect(), ..Selector::default() })
    }

    fn by_tag() -> Intent<Interface> {
        Intent::of(Selector { tags: vec![filter("env")], ..Selector::default() })
    }

    fn tagged(keys: Option<&[&str]>) -> InterfaceFacts {
        InterfaceFacts { tags: keys.map(tags), ..interface(None) }
    }

    fn asked(intent: Intent<Interface>) -> Region {
        let mut region = Region::new();
        for id in intent.selector.named() {
            region.interfaces.inventory.expect(id);
        }
        ask(&mut region.interfaces, &object("o"), intent);
        region
    }

    /// A read showed the interface a, in this call.
    fn shown(facts: InterfaceFacts, call: u64) -> Finding<Interface> {
        let source = Source { call: CallId(call), sent: at(995), request_id: RequestId::new("S") };
        Finding::Shown(Item { id: eni("a"), name: None, facts }, source)
    }

    fn take(region: &mut Region, now: Moment, finding: Finding<Interface>) -> Option<Change<Interface>> {
        region.step_at(now, |targets, turn| targets.take(turn, finding))
    }

    /// What is forgotten now, if a write is under way or not.
    fn forgotten(region: &mut Region, under_way: bool) -> Vec<InterfaceId> {
        let forgotten = region.interfaces.forget_unselected(|_| under_way);
        forgotten.into_iter().map(|(id, _)| id).collect()
    }

    /// A read by id lacked the interface a.
    fn lacked(region: &mut Region, second: u64, showed_any: bool) -> Option<Change<Interface>> {
        let finding = Finding::Lacked { id: eni("a"), call: CallId(second), showed_any, request_id: None };
        take(region, at(second), finding)
    }

    #[test]
    fn i18_only_what_is_as_it_was_is_confirmed_by_the_way() {
        type Prepare = fn(&mut Region);
        let nothing: Prepare = |_| {};
        let cases: [(&str, Prepare, Finding<Interface>, bool, bool); 8] = [
            ("as it was", nothing, shown(interface(None), 60), false, true),
            ("something is being done about it", nothing, shown(interface(None), 60), true, false),
            ("it has changed", nothing, shown(interface(Some("a")), 60), false, false),
            ("an older call", nothing, shown(interface(None), 49), false, false),
            (
                "stale",
                |r| show(&mut r.interfaces, &eni("a"), interface(None), STALE),
                shown(interface(None), 60),
                false,
                false,
            ),
            (
                "it was missing",
                |r| _ = r.interfaces.inventory.lack(&eni("a"), CallId(55)),
                shown(interface(None), 60),
                false,
                false,
            ),
            (
                "more tags are kept now",
                |r| _ = ask(&mut r.interfaces, &object("p"), by_tag()),
                shown(interface(None), 60),
                false,
                false,
            ),
            (
                "seen by whoever led before",
                |r| {
                    (0..50).for_each(|_| _ = r.context.number_call());
                    r.context.begin_term(at(1));
                },
                shown(interface(None), 60),
                false,
                false,
            ),
        ];
        for (why, prepare, finding, busy, confirmed) in cases {
            let mut region = asked(naming(&["a"]));
            show(&mut region.interfaces, &eni("a"), interface(None), FRESH);
            prepare(&mut region);
            let left = region.step(|targets, turn| targets.confirm(turn, finding, |_| busy));
            assert_eq!(left.is_none(), confirmed, "{why}");
            let evidence = region.interfaces.inventory.evidence(&eni("a")).unwrap();
            assert_eq!(evidence.call == CallId(60) && evidence.seen == at(995), confirmed, "{why}");
        }
    }

    #[test]
    fn i36_what_nobody_selects_is_not_kept() {
        let mut region = asked(by_tag());
        assert!(take(&mut region, NOW, shown(tagged(Some(&["team"])), 60)).is_none());
        assert_eq!(region.interfaces.inventory.len(), 0);
        let change = take(&mut region, NOW, shown(tagged(Some(&["env"])), 61));
        assert!(matches!(change, Some(Change::Shown(id, Before { evidence: None, .. })) if id == eni("a")));
        assert!(region.context.take_touched().contains(&object("o")));
    }

    #[test]
    fn i02_an_answer_that_a_later_one_has_overtaken_changes_nothing() {
        let mut region = asked(naming(&["a"]));
        show(&mut region.interfaces, &eni("a"), interface(Some("a")), FRESH);
        assert!(take(&mut region, NOW, shown(interface(None), 49)).is_none());
        assert_eq!(region.interfaces.inventory.place(&eni("a")), Place::On(&host("a")));
        region.interfaces.inventory.lack(&eni("a"), CallId(70));
        assert!(take(&mut region, NOW, shown(interface(None), 69)).is_none(), "a later one lacked it");
        assert!(take(&mut region, NOW, shown(interface(None), 71)).is_some());
        assert!(
            take(
                &mut region,
                NOW,
                Finding::Lacked { id: eni("a"), call: CallId(70), showed_any: true, request_id: None }
            )
            .is_none()
        );
        assert!(region.interfaces.inventory.absence(&eni("a")).is_none(), "a later one showed it");
    }

    #[test]
    fn i50_a_lost_tag_is_a_change_and_then_the_target_is_forgotten() {
        let mut region = asked(by_tag());
        show(&mut region.interfaces, &eni("a"), tagged(Some(&["env"])), FRESH);
        let change = take(&mut region, NOW, shown(tagged(None), 60));
        assert!(matches!(change, Some(Change::Shown(..))), "unreadable tags are not lost ones");
        assert_eq!(forgotten(&mut region, false), []);
        let change = take(&mut region, NOW, shown(tagged(Some(&[])), 61));
        let Some(Change::Shown(_, before)) = change else { panic!("no change") };
        assert_eq!(before.tags, tags(&["env"]), "the last ones that could be read");
        assert_eq!(forgotten(&mut region, true), [], "a write is under way");
        assert_eq!(region.interfaces.inventory.len(), 1);
        assert_eq!(forgotten(&mut region, false), [eni("a")]);
        assert_eq!(region.interfaces.inventory.len(), 0);
    }

    #[test]
    fn what_was_unselected_and_is_selected_again_is_not_forgotten() {
        let mut region = asked(naming(&["a"]));
        region.interfaces.unselect(&eni("a"));
        assert_eq!(forgotten(&mut region, false), []);
        assert_eq!(region.interfaces.inventory.len(), 1);
    }

    #[test]
    fn i04_two_look_ups_apart_that_show_something_prove_a_target_gone() {
        for (why, looks, gone) in [
            ("one", &[(1000, true)][..], false),
            ("two in a moment", &[(1000, true), (1004, true)], false),
            ("two apart", &[(1000, true), (1005, true)], true),
            ("one of them shows nothing at all", &[(1000, true), (1005, false)], false),
            ("neither shows anything", &[(1000, false), (1005, false), (1010, false)], false),
        ] {
            let mut region = asked(naming(&["a"]));
            show(&mut region.interfaces, &eni("a"), interface(Some("a")), FRESH);
            let changes = looks.iter().filter_map(|(second, any)| lacked(&mut region, *second, *any));
            let changes: Vec<_> = changes.collect();
            assert_eq!(changes.len(), usize::from(gone), "{why}");
            if let [Change::Gone(id, before, _)] = changes.as_slice() {
                assert_eq!((id, before.place()), (&eni("a"), Place::On(&host("a"))));
            }
            assert_eq!(region.interfaces.inventory.evidence(&eni("a")).is_none(), gone, "{why}");
        }
    }

    #[test]
    fn i16_with_an_open_circuit_absence_proves_only_what_was_never_seen() {
        for (known, remembered, gone) in [(true, false, false), (false, true, false), (false, false, true)] {
            let mut region = asked(naming(&["a"]));
            if known {
                show(&mut region.interfaces, &eni("a"), interface(None), FRESH);
            }
            if remembered {
                let asked = region.interfaces.objects.get_mut(&object("o")).unwrap();
                asked.memory.kept.insert(eni("a"), Remembered::default());
            }
            for _ in 0..51 {
                region.interfaces.breaker.surprise(at(1000), 1);
            }
            let changes = [1000, 1005, 1010].map(|second| lacked(&mut region, second, true));
            assert_eq!(changes.iter().flatten().next().is_some(), gone, "{known} {remembered}");
        }
    }

    #[test]
    fn i16_each_known_target_that_vanishes_is_one_surprise() {
        let names: Vec<String> = (0..51).map(|n| n.to_string()).collect();
        let all = || names.iter().map(|name| eni(name));
        for (seen, expected) in [(50, false), (51, true)] {
            let mut region = asked(Intent::of(Selector { ids: all().collect(), ..Selector::default() }));
            for id in all().take(seen) {
                show(&mut region.interfaces, &id, interface(None), FRESH);
            }
            for _ in 0..2 {
                region.step(|targets, turn| all().for_each(|id| targets.doubt(turn, &id, CallId(60))));
            }
            assert_eq!(region.interfaces.circuit_open(), expected, "{seen}");
        }
    }

    #[test]
    fn i04_nothing_is_done_about_what_is_missing_but_to_look_it_up() {
        let mut region = asked(naming(&["a", "b"]));
        show(&mut region.interfaces, &eni("a"), interface(None), FRESH);
        show(&mut region.interfaces, &eni("b"), interface(None), FRESH);
        region.step(|targets, turn| targets.doubt(turn, &eni("a"), CallId(60)));
        region.interfaces.reconsider(&eni("b"));
        assert_eq!(region.step(|targets, turn| targets.take_due(turn)), [eni("b")]);
        assert!(region.interfaces.timers.is_empty(), "it is looked up at once");
        lacked(&mut region, 1000, true);
        assert_eq!(region.step(|targets, turn| targets.take_due(turn)), []);
        assert_eq!(region.interfaces.timers.pop_first(), Some((at(1005), eni("a"))));
        lacked(&mut region, 1005, true);
        assert_eq!(region.step(|targets, turn| targets.take_due(turn)), []);
        assert!(region.interfaces.timers.is_empty(), "it is proven to be gone");
    }

    #[test]
    fn i03_a_complete_listing_counts_for_whoever_asked_before_it_began() {
        let mut region = asked(by_tag());
        region.interfaces.objects.get_mut(&object("o")).unwrap().listing_since = CallId(55);
        ask(&mut region.interfaces, &object("p"), by_tag()).listing_since = CallId(56);
        show(&mut region.interfaces, &eni("a"), tagged(Some(&["env"])), (990, 54));
        show(&mut region.interfaces, &eni("b"), tagged(Some(&["env"])), (995, 55));
        take(&mut region, NOW, Finding::Listed(CallId(55), at(994)));
        let absent = |name| region.interfaces.inventory.absence(&eni(name)).is_some();
        assert_eq!((absent("a"), absent("b")), (true, false), "what it lacked is looked up");
        let listed = |name| region.interfaces.objects[&object(name)].listed;
        assert_eq!((listed("o"), listed("p")), (Some(at(994)), None));
    }
}
