//! A scripted cloud, a model of the objects' store and a given clock around one engine. Every effect has a number, so
//! that a test can stop, drop, delay, double or fail any of them; time jumps from event to event.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keeper_core::authority::Recheck;
use keeper_core::authority::{PROOF_LIFE, Rights};
use keeper_core::backoff::Jitter;
use keeper_core::budget::Limit;
use keeper_core::call::{CallId, Identity, Item, Page, Query, ReadCall, Reply, TagFilter, WriteCall};
use keeper_core::conditions::{Judgement, Question, Status, judge};
use keeper_core::engine::{Asked, CALL_DEADLINE, Effect, Engine, Input, Proven, Settings, Ticket, Window};
use keeper_core::failure::{Class, Effect as Outcome, Failure};
use keeper_core::id::{InstanceId, PageToken, RequestId, Tag};
use keeper_core::instance::{ChargeType, Instance, InstanceFacts};
use keeper_core::loss::{Loss, shrunk};
use keeper_core::reason::Reason;
use keeper_core::time::Moment;
use keeper_core::verdict::{Part, State};
use keeper_core::wish::{DeletionPolicy, Generation, ObjectId, Selector, Wish};

pub const INTERVAL: Duration = Duration::from_secs(60);

/// What happens to the effect with a certain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It takes effect, and its answer never comes.
    LoseReply,
    /// It never arrives, and no answer comes.
    LoseCall,
    /// The answer comes this much later.
    Delay(Duration),
    /// The answer comes twice.
    Double,
    /// The cloud answers with this failure; writes have no effect.
    Fail(Class),
    /// The cloud answers with a failure that proves nothing, after the effect.
    FailAfter,
    /// The process dies after the call has left, and starts anew.
    Crash,
    /// Of a report: the process dies after Events have told of it and before status is written, and starts anew.
    CrashTold,
}

/// One instance of the scripted cloud.
#[derive(Debug, Clone)]
pub struct Machine {
    pub facts: InstanceFacts,
    /// Since when its flag has been weak.
    pub weak_since: Option<Moment>,
    /// The cloud answers as if it did not exist.
    pub hidden: bool,
    pub writes: u32,
    /// What the newest answer said of its flag, of the reads sent since our last write and the last start.
    shown: Option<Shown>,
    /// The newest write, and since when its answer is awaited.
    written: Option<(CallId, Option<Moment>)>,
}

#[derive(Debug, Clone)]
struct Shown {
    call: CallId,
    flag: Option<bool>,
    tags: Vec<Tag>,
    /// When the read was sent.
    at: Moment,
}

/// A write as it arrived at the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    pub at: Moment,
    pub id: InstanceId,
    pub safe: bool,
}

/// An object as the API server holds it.
#[derive(Debug, Clone)]
pub struct Stored {
    pub id: ObjectId,
    pub generation: Generation,
    pub wish: Wish<Instance>,
    pub decodable: bool,
    /// When it was last changed.
    pub changed: Moment,
    /// The newest status: of which generation, and what.
    pub status: Option<(Generation, Part, Judgement)>,
    pub carried_out: Option<Generation>,
    pub reports: u32,
    /// When the machines behind its Nodes came to be its targets: the generation tells nothing of that.
    joined: BTreeMap<InstanceId, Moment>,
    /// What Events have told to be lost, each time that they did.
    pub told: Vec<Loss>,
    /// In how many reports.
    pub tellings: usize,
    /// What was told to be lost by number alone.
    pub shrunk: u32,
}

#[derive(Debug, Clone)]
enum Event {
    Reply(CallId, Result<Reply<Instance>, Failure>),
    Rechecked(Ticket, Recheck),
    Apply(InstanceId, bool),
    Record(ObjectId, Generation, Box<Part>, u64),
}

/// How the cloud misbehaves for as long as it is so.
#[derive(Debug, Clone, Copy, Default)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is a trouble of its own, and any of them may come together"
)]
pub struct Mood {
    /// Who is answered.
    pub identity: Identity,
    /// Every read is answered to somebody else.
    pub restless: bool,
    /// Reads answer an empty list.
    pub blind: bool,
    /// Reads fail with this class.
    pub reads_fail: Option<Class>,
    /// Writes fail with this class.
    pub writes_fail: Option<Class>,
    /// Writes are accepted and ignored.
    pub ignore_writes: bool,
    /// Writes are accepted, and take effect this much later.
    pub late: Duration,
    /// The API server's listing lags behind what is there.
    pub stale_view: bool,
    /// Reads by id that name `i-poison` are refused.
    pub poison: bool,
    /// Every read is refused that has this.
    pub refuses: Option<Refused>,
    /// Reads by id answer the whole region.
    pub ignores_ids: bool,
    /// Every page has an entry without a readable id.
    pub unreadable: bool,
    /// Between two pages an item moves from the second to the first.
    pub skips: bool,
    /// The tags of every resource have an odd shape.
    pub odd_tags: bool,
    /// The listing never ends: its pages name each other as the next.
    pub circles: bool,
    /// Reads that the cloud lets through in each minute by its clock.
    pub quota: Option<u32>,
}

/// What a read has that the cloud refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// A filter by tag.
    Filter,
    /// A page token.
    Token,
    /// Anything.
    Anything,
}

pub struct World {
    pub now: Moment,
    pub cloud: BTreeMap<InstanceId, Machine>,
    pub store: BTreeMap<String, Stored>,
    pub mood: Mood,
    pub page_size: usize,
    pub latency: Duration,
    pub faults: BTreeMap<usize, Fault>,
    pub arrived: Vec<Arrived>,
    pub reads: Vec<(Moment, ReadCall<Instance>)>,
    pub effects: usize,
    pub crashes: u32,
    settings: Settings,
    engine: Engine<Instance>,
    pending: BTreeMap<(Moment, u64), Event>,
    sequence: u64,
    sent: BTreeMap<CallId, Moment>,
    /// The minute of the newest read, and how many were let through in it.
    passed: (u64, u32),
    /// The newest report of each object.
    reported: BTreeMap<ObjectId, u64>,
    /// What reports have said to be lost, and no Event has told yet.
    lost: BTreeMap<ObjectId, Vec<Loss>>,
    /// How many targets status counted when this process took the lead, until that was compared.
    counted: BTreeMap<ObjectId, (Generation, u32)>,
    next_uid: u32,
    /// When the API server was last asked for claims.
    rechecked: Moment,
    started: Moment,
    window: Option<Window>,
    /// When the lead was last lost or taken.
    led_since: Moment,
    /// When a listing last left out what had moved between its pages: nobody can tell that from what it shows.
    skipped: Moment,
}

pub fn settings() -> Settings {
    Settings {
        sweep_interval: INTERVAL,
        reads: Limit { per_minute: 600, burst: 60 },
        writes: Limit { per_minute: 600, burst: 60 },
        reads_in_flight: 4,
        writes_in_flight: 16,
        seed: 7,
    }
}

pub fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

pub fn payg(protected: bool, tags: &[(&str, &str)]) -> InstanceFacts {
    InstanceFacts {
        deletion_protection: Some(protected),
        charge_type: Some(ChargeType::PostPaid),
        spot: Some(false),
        auto_release: Some(None),
        locks: Some(Vec::new()),
        tags: Some(tags.iter().map(|(k, v)| Tag::new(k, v)).collect()),
        surroundings: None,
    }
}

pub fn id(name: &str) -> InstanceId {
    InstanceId::new(name)
}

pub fn by_ids(ids: &[&str]) -> Selector<Instance> {
    Selector { ids: ids.iter().map(|i| id(i)).collect(), ..Selector::default() }
}

/// The instances behind the Nodes that an object selects.
pub fn behind_nodes(ids: &[&str]) -> Selector<Instance> {
    Selector { node_ids: ids.iter().map(|i| id(i)).collect(), ..Selector::default() }
}

pub fn by_tag(key: &str, value: &str) -> Selector<Instance> {
    let filter = TagFilter { key: Arc::from(key), value: Some(Arc::from(value)) };
    Selector { tags: vec![filter], ..Selector::default() }
}

pub fn everything() -> Selector<Instance> {
    Selector { all: true, ..Selector::default() }
}

pub fn enabled(selector: Selector<Instance>) -> Wish<Instance> {
    Wish { may: Rights::ALL, ..Wish::of(selector) }
}

pub fn disabled(selector: Selector<Instance>) -> Wish<Instance> {
    Wish { protect: false, ..enabled(selector) }
}

fn failure(class: Class, effect: Outcome) -> Failure {
    Failure { operation: None, class, code: "Scripted".into(), request_id: None, effect, retry_after: None }
}

impl World {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: Settings) -> Self {
        let mut world = Self {
            now: Moment::at(Duration::from_secs(1000)),
            cloud: BTreeMap::new(),
            store: BTreeMap::new(),
            mood: Mood::default(),
            page_size: 100,
            latency: Duration::from_millis(100),
            faults: BTreeMap::new(),
            arrived: Vec::new(),
            reads: Vec::new(),
            effects: 0,
            crashes: 0,
            settings,
            engine: Engine::new(settings),
            pending: BTreeMap::new(),
            sequence: 0,
            sent: BTreeMap::new(),
            passed: (0, 0),
            reported: BTreeMap::new(),
            lost: BTreeMap::new(),
            counted: BTreeMap::new(),
            next_uid: 0,
            rechecked: Moment::default(),
            started: Moment::default(),
            window: Some(Window::UNBOUNDED),
            led_since: Moment::default(),
            skipped: Moment::default(),
        };
        world.started = world.now;
        world.engine.take(world.now, Input::Lead(Some(Window::UNBOUNDED)));
        world
    }

    pub fn machine(&mut self, name: &str, facts: InstanceFacts) {
        let weak_since = (facts.deletion_protection != Some(true)).then_some(self.now);
        self.cloud.insert(
            id(name),
            Machine { facts, weak_since, hidden: false, writes: 0, shown: None, written: None },
        );
    }

    pub fn fleet(&mut self, count: usize, tags: &[(&str, &str)]) {
        for n in 0..count {
            self.machine(&format!("i-{n:05}"), payg(false, tags));
        }
    }

    /// Somebody sets the flag in the console.
    pub fn flip(&mut self, name: &str, safe: bool) {
        let now = self.now;
        if let Some(machine) = self.cloud.get_mut(&id(name)) {
            set(machine, now, safe);
        }
    }

    /// Somebody replaces the tags. From now on it is another question whether the machine is to be safe.
    pub fn tag(&mut self, name: &str, tags: &[(&str, &str)]) {
        let now = self.now;
        if let Some(machine) = self.cloud.get_mut(&id(name)) {
            machine.facts.tags = Some(tags.iter().map(|(k, v)| Tag::new(k, v)).collect());
            machine.weak_since = machine.weak_since.map(|_| now);
        }
    }

    /// From now on the cloud answers as if it did not exist, or no longer so.
    pub fn hide(&mut self, name: &str, hidden: bool) {
        let now = self.now;
        if let Some(machine) = self.cloud.get_mut(&id(name)) {
            machine.hidden = hidden;
            machine.weak_since = machine.weak_since.map(|_| now);
        }
    }

    /// Its charge type is changed. From now on it is another question whether it can be safe.
    pub fn recharge(&mut self, name: &str, to: ChargeType) {
        let now = self.now;
        if let Some(machine) = self.cloud.get_mut(&id(name)) {
            machine.facts.charge_type = Some(to);
            machine.weak_since = machine.weak_since.map(|_| now);
        }
    }

    pub fn protected(&self, name: &str) -> bool {
        self.cloud[&id(name)].facts.deletion_protection == Some(true)
    }

    pub fn writes_to(&self, name: &str) -> usize {
        self.arrived.iter().filter(|a| a.id == id(name)).count()
    }

    pub fn weakened(&self) -> usize {
        self.arrived.iter().filter(|a| !a.safe).count()
    }

    /// `kubectl apply`.
    pub fn apply(&mut self, name: &str, wish: Wish<Instance>) {
        let now = self.now;
        if let Some(stored) = self.store.get_mut(name) {
            if stored.wish != wish || !stored.decodable {
                stored.generation += 1;
                stored.changed = now;
            }
            stored.wish = wish;
            stored.decodable = true;
        } else {
            self.next_uid += 1;
            let object = ObjectId::new("default", name, &format!("uid-{}", self.next_uid));
            let stored = Stored {
                id: object,
                generation: 1,
                wish,
                decodable: true,
                changed: now,
                status: None,
                carried_out: None,
                reports: 0,
                joined: BTreeMap::new(),
                told: Vec::new(),
                tellings: 0,
                shrunk: 0,
            };
            self.store.insert(name.to_owned(), stored);
        }
        self.deliver(name);
    }

    /// Stores the object without the watch telling of it.
    pub fn apply_unseen(&mut self, name: &str, wish: Wish<Instance>) {
        let before = std::mem::replace(&mut self.engine, Engine::new(self.settings));
        self.apply(name, wish);
        self.engine = before;
    }

    /// The Nodes that an object selects come and go; its generation stays.
    pub fn nodes(&mut self, name: &str, ids: &[&str]) {
        if let Some(stored) = self.store.get_mut(name) {
            let before = std::mem::take(&mut stored.wish.selector.node_ids);
            for id in ids.iter().map(|name| id(name)) {
                if !before.contains(&id) {
                    stored.joined.insert(id.clone(), self.now);
                }
                stored.wish.selector.node_ids.insert(id);
            }
            self.deliver(name);
        }
    }

    /// The object can't be decoded any more.
    pub fn corrupt(&mut self, name: &str) {
        if let Some(stored) = self.store.get_mut(name) {
            stored.decodable = false;
            stored.generation += 1;
            stored.changed = self.now;
        }
        self.deliver(name);
    }

    /// `kubectl delete`: with a finalizer it stays until the work is done.
    pub fn delete(&mut self, name: &str) {
        let now = self.now;
        let Some(stored) = self.store.get_mut(name) else { return };
        if stored.wish.deletion_policy == DeletionPolicy::Weaken {
            if stored.wish.deleting.is_none() {
                stored.wish.deleting = Some(Duration::ZERO);
                stored.generation += 1;
                stored.changed = now;
            }
            self.deliver(name);
        } else {
            self.remove(name);
        }
    }

    fn remove(&mut self, name: &str) {
        if let Some(stored) = self.store.remove(name) {
            self.engine.take(self.now, Input::Wish(stored.id, stored.generation, Asked::Gone));
        }
    }

    /// The watch tells of an object (again).
    pub fn deliver(&mut self, name: &str) {
        // The operator lets go at once of what it has nothing to do for.
        let idle = |s: &Stored| s.wish.deleting.is_some() && (!s.decodable || s.wish.weakening().is_none());
        if self.store.get(name).is_some_and(idle) {
            self.remove(name);
        } else {
            self.tell(name);
        }
    }

    /// The watch tells of an object as it is.
    pub fn tell(&mut self, name: &str) {
        if let Some(stored) = self.store.get(name) {
            let asked = if stored.decodable {
                let mut wish = stored.wish.clone();
                wish.carried_out = stored.carried_out == Some(stored.generation);
                Asked::Wish(Box::new(wish))
            } else {
                Asked::Opaque
            };
            self.engine.take(self.now, Input::Wish(stored.id.clone(), stored.generation, asked));
        }
    }

    pub fn relist(&mut self) {
        let names: Vec<String> = self.store.keys().cloned().collect();
        for name in names {
            self.deliver(&name);
        }
    }

    /// The process dies and starts anew: everything in memory is gone, calls under way still arrive.
    pub fn restart(&mut self) {
        self.crashes += 1;
        self.engine =
            Engine::new(Settings { seed: self.settings.seed + u64::from(self.crashes), ..self.settings });
        self.pending.retain(|_, event| matches!(event, Event::Apply(..)));
        self.sent.clear();
        for machine in self.cloud.values_mut() {
            (machine.shown, machine.written) = (None, None);
        }
        self.started = self.now;
        self.window = self.window.map(|_| Window::UNBOUNDED);
        self.engine.take(self.now, Input::Lead(self.window));
        self.lost.clear();
        self.recount();
        self.relist();
    }

    /// The lead is lost, or taken: whoever led meanwhile may have written. Who takes it before it ends goes on leading.
    pub fn lead(&mut self, lead: bool) {
        let goes_on = lead && self.window.is_some_and(|window| window.open(self.now));
        self.window = lead.then_some(Window::UNBOUNDED);
        if !goes_on {
            for machine in self.cloud.values_mut() {
                machine.written = machine.written.map(|(call, _)| (call, None));
            }
            self.sent.clear();
            self.led_since = self.now;
            self.recount();
        }
        self.engine.take(self.now, Input::Lead(self.window));
    }

    /// A term begins: what it finds will be compared with what status counts now.
    fn recount(&mut self) {
        let counted = |stored: &Stored| {
            let (of, part, _) = stored.status.as_ref()?;
            Some((stored.id.clone(), (*of, part.tally.targets())))
        };
        self.counted = self.store.values().filter_map(counted).collect();
    }

    /// The lease as it stands: calls may be sent for so long, and weakening ones for so long.
    pub fn lease(&mut self, calls: Duration, weakening: Duration) {
        let window =
            Window { until: Some(self.now.after(calls)), weaken_until: Some(self.now.after(weakening)) };
        self.window = Some(window);
        self.engine.take(self.now, Input::Lead(self.window));
    }

    /// There is another key.
    pub fn key_changed(&mut self) {
        self.engine.take(self.now, Input::KeyChanged);
    }

    /// So long what whoever led before said is left standing.
    pub fn patience(&mut self, patience: Duration) {
        self.engine.take(self.now, Input::Patience(patience));
    }

    pub fn proven(&self) -> Proven {
        self.engine.proven(self.now)
    }

    pub fn judgement(&self, name: &str) -> &Judgement {
        &self.store[name].status.as_ref().unwrap_or_else(|| panic!("{name} has no status")).2
    }

    pub fn part(&self, name: &str) -> &Part {
        &self.store[name].status.as_ref().unwrap_or_else(|| panic!("{name} has no status")).1
    }

    pub fn says(&self, name: &str) -> (Status, Reason) {
        let domain = &self.judgement(name).domain;
        (domain.status, domain.reason)
    }

    /// How long evidence lives: never longer than a quarter of an hour, or twice what the budget gives (I52).
    fn life(&self) -> Duration {
        let life = self.engine.evidence_life();
        assert!(life <= secs(900).max(self.engine.sweep_interval() * 2), "I52: evidence lives for {life:?}");
        life
    }

    pub fn sweep_interval(&self) -> Duration {
        self.engine.sweep_interval()
    }

    pub fn braked(&self) -> bool {
        self.engine.braked()
    }

    /// Lets time pass.
    pub fn run(&mut self, span: Duration) {
        let end = self.now.after(span);
        let mut idle_turns = 0;
        self.turn();
        loop {
            let event = self.pending.first_key_value().map(|((at, _), _)| *at);
            let wake = self.engine.next_wake();
            let next = [event, wake].into_iter().flatten().min();
            let Some(next) = next.filter(|at| *at <= end) else { break };
            idle_turns = if next > self.now { 0 } else { idle_turns + 1 };
            assert!(idle_turns < 10_000, "the engine spins at {:?}", self.now);
            self.now = self.now.max(next);
            while let Some(entry) = self.pending.first_entry()
                && entry.key().0 <= self.now
            {
                let event = entry.remove();
                self.happen(event);
            }
            self.turn();
        }
        self.now = end;
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Reply(call, result) => {
                self.note_shown(call, &result);
                self.engine.take(self.now, Input::Reply(call, result));
            }
            Event::Rechecked(ticket, answer) => self.engine.take(self.now, Input::Rechecked(ticket, answer)),
            Event::Record(object, generation, part, number) => {
                self.record(&object, generation, *part, number, false);
            }
            Event::Apply(target, safe) => {
                let now = self.now;
                if let Some(machine) = self.cloud.get_mut(&target) {
                    set(machine, now, safe);
                }
            }
        }
    }

    fn note_shown(&mut self, call: CallId, result: &Result<Reply<Instance>, Failure>) {
        // After its deadline an answer counts for nothing.
        let Some(at) = self.sent.remove(&call).filter(|at| self.now.since(*at) < CALL_DEADLINE) else {
            return;
        };
        let Ok(Reply::Page(page)) = result else {
            let awaited = |m: &&mut Machine| m.written.is_some_and(|(write, _)| write == call);
            if let Some(machine) = self.cloud.values_mut().find(awaited) {
                machine.written = Some((call, None));
            }
            return;
        };
        for item in &page.items {
            if let Some(machine) = self.cloud.get_mut(&item.id)
                && machine.shown.as_ref().is_none_or(|newest| newest.call < call)
                && machine.written.is_none_or(|(write, _)| write < call)
            {
                let tags = item.facts.tags.clone().unwrap_or_default();
                machine.shown = Some(Shown { call, flag: item.facts.deletion_protection, tags, at });
            }
        }
    }

    fn turn(&mut self) {
        let mut out = Vec::new();
        self.engine.plan(self.now, &mut out);
        for effect in out {
            let number = self.effects;
            self.effects += 1;
            let fault = self.faults.get(&number).copied();
            self.carry_out(effect, fault);
            if matches!(fault, Some(Fault::Crash | Fault::CrashTold)) {
                self.restart();
                let mut out = Vec::new();
                self.engine.plan(self.now, &mut out);
                for effect in out {
                    self.effects += 1;
                    self.carry_out(effect, None);
                }
                break;
            }
        }
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.sequence += 1;
        self.pending.insert((self.now.after(after), self.sequence), event);
    }

    fn answer(&mut self, fault: Option<Fault>, event: Event) {
        match fault {
            Some(Fault::LoseReply | Fault::LoseCall) => {}
            Some(Fault::Delay(by)) => self.schedule(self.latency + by, event),
            Some(Fault::Double) => {
                self.schedule(self.latency, event.clone());
                self.schedule(self.latency * 3, event);
            }
            _ => self.schedule(self.latency, event),
        }
    }

    fn carry_out(&mut self, effect: Effect<Instance>, fault: Option<Fault>) {
        match effect {
            Effect::Read(call, read) => {
                if let Query::Ids(ids) = &read.query {
                    assert!((1..=100).contains(&ids.len()), "I5: a read by {} ids", ids.len());
                }
                self.reads.push((self.now, read.clone()));
                if self.mood.skips && read.page.is_some() {
                    self.skipped = self.now;
                }
                self.sent.insert(call, self.now);
                let throttled = self.throttles().then_some(Class::Throttled);
                let result = match (fault, self.mood.reads_fail.or(self.refusal(&read)).or(throttled)) {
                    (Some(Fault::Fail(class)), _) | (_, Some(class)) => Err(failure(class, Outcome::None)),
                    (Some(Fault::FailAfter), _) => Err(failure(Class::Transient, Outcome::None)),
                    _ => Ok(Reply::Page(self.look(&read))),
                };
                self.answer(fault, Event::Reply(call, result));
            }
            Effect::Write(call, write, _) => {
                let (target, safe) = match &write {
                    WriteCall::Strengthen(target) => (target.clone(), true),
                    WriteCall::Weaken(permit) => (permit.target().clone(), false),
                };
                self.sent.insert(call, self.now);
                let result = self.write(call, &target, safe, fault);
                self.answer(fault, Event::Reply(call, result));
            }
            Effect::Attach(..) => panic!("an instance can't be attached"),
            Effect::Recheck(ticket, object) => {
                let stored = self.store.values().find(|s| s.id == object);
                let answer = Recheck {
                    object: stored.map(|s| (s.generation, s.wish.deleting.is_some())),
                    claims_as_known: !self.mood.stale_view && self.claims_known(),
                    carried_out: stored.is_some_and(|s| s.carried_out == Some(s.generation)),
                    attachments: None,
                };
                self.rechecked = self.now;
                self.answer(fault, Event::Rechecked(ticket, answer));
            }
            Effect::Report(object, generation, mut part) => {
                self.lost.entry(object.clone()).or_default().append(&mut part.lost);
                self.sequence += 1;
                let number = self.sequence;
                self.reported.insert(object.clone(), number);
                match fault {
                    // Whoever carries the report tries again with the newest one until it is there.
                    Some(Fault::LoseCall | Fault::Fail(_) | Fault::FailAfter | Fault::Delay(_)) => {
                        self.schedule(secs(2), Event::Record(object, generation, part, number));
                    }
                    Some(Fault::CrashTold) => self.tell_losses(&object, generation, &part),
                    _ => self.record(&object, generation, *part, number, true),
                }
            }
        }
    }

    /// Whether the engine was told of every object at its newest generation.
    fn claims_known(&self) -> bool {
        let known = self.engine.wishes();
        self.store.values().all(|stored| {
            !stored.decodable
                || known.get(&stored.id).is_some_and(|(generation, _)| *generation == stored.generation)
        })
    }

    /// Whether the minute's quota of reads is used up.
    fn throttles(&mut self) -> bool {
        let minute = self.now.since(Moment::default()).as_secs() / 60;
        if self.passed.0 != minute {
            self.passed = (minute, 0);
        }
        let full = self.mood.quota.is_some_and(|quota| self.passed.1 >= quota);
        self.passed.1 += u32::from(!full);
        full
    }

    fn refusal(&self, read: &ReadCall<Instance>) -> Option<Class> {
        let poisoned = match &read.query {
            Query::Ids(ids) => self.mood.poison && ids.contains(&id("i-poison")),
            _ => false,
        };
        let refused = match self.mood.refuses {
            Some(Refused::Filter) => matches!(read.query, Query::Tagged(_)),
            Some(Refused::Token) => read.page.is_some(),
            Some(Refused::Anything) => true,
            None => false,
        };
        (poisoned || refused).then_some(Class::Bug)
    }

    fn look(&self, read: &ReadCall<Instance>) -> Page<Instance> {
        let visible = |id: &InstanceId, machine: &Machine| {
            !machine.hidden
                && !self.mood.blind
                && match &read.query {
                    Query::Ids(ids) => ids.contains(id) || self.mood.ignores_ids,
                    Query::Tagged(filters) => {
                        filters.iter().all(|f| machine.facts.tags.as_ref().is_some_and(|t| f.matches(t)))
                    }
                    Query::Region => true,
                }
        };
        let all: Vec<_> = self.cloud.iter().filter(|(id, machine)| visible(id, machine)).collect();
        let cap = if matches!(read.query, Query::Tagged(_)) { 1000 } else { usize::MAX };
        let token = read.page.as_ref().map_or("", PageToken::as_str);
        let start = all.partition_point(|(id, _)| id.as_str() < token);
        let start = start + usize::from(self.mood.skips && !token.is_empty());
        let total = all.len().min(cap);
        let end = (start + self.page_size).min(total);
        let next = all.get(end).filter(|_| end < total).map(|(id, _)| PageToken::new(id.as_str()));
        Page {
            items: all[start.min(end)..end]
                .iter()
                .map(|(id, machine)| {
                    let mut facts = machine.facts.clone();
                    facts.tags = facts.tags.filter(|_| !self.mood.odd_tags);
                    Item { id: (*id).clone(), facts }
                })
                .collect(),
            unreadable: usize::from(self.mood.unreadable),
            next: if self.mood.circles { next.or(Some(PageToken::new("i-"))) } else { next },
            request_id: RequestId::new("R"),
            identity: if self.mood.restless {
                Identity(u64::try_from(self.reads.len()).unwrap())
            } else {
                self.mood.identity
            },
        }
    }

    fn write(
        &mut self,
        call: CallId,
        target: &InstanceId,
        safe: bool,
        fault: Option<Fault>,
    ) -> Result<Reply<Instance>, Failure> {
        if fault == Some(Fault::LoseCall) {
            return Err(failure(Class::Transient, Outcome::Unknown));
        }
        if let (Some(Fault::Fail(class)), _) | (_, Some(class)) = (fault, self.mood.writes_fail) {
            if let Some(machine) = self.cloud.get_mut(target) {
                machine.writes += 1;
            }
            return Err(failure(class, Outcome::None));
        }
        if !safe {
            self.judge_weakening(target);
        }
        self.arrived.push(Arrived { at: self.now, id: target.clone(), safe });
        let (now, life) = (self.now, self.life());
        let Some(machine) = self.cloud.get_mut(target) else {
            return Err(failure(Class::Gone, Outcome::None));
        };
        machine.writes += 1;
        let shown = machine.shown.take();
        assert!(
            shown.as_ref().is_some_and(|s| {
                s.flag == Some(!safe) && now.since(s.at) <= life && s.at >= self.led_since
            }),
            "I15, I18: {target} is written although the last answer said {shown:?}"
        );
        let awaited =
            machine.written.and_then(|(_, since)| since).filter(|at| now.since(*at) < CALL_DEADLINE);
        assert!(awaited.is_none(), "I15: {target} is written while a write is under way");
        machine.written = Some((call, Some(now)));
        if !self.mood.ignore_writes {
            if self.mood.late.is_zero() {
                set(machine, now, safe);
            } else {
                self.schedule(self.mood.late, Event::Apply(target.clone(), safe));
            }
        }
        match fault {
            Some(Fault::FailAfter) => Err(failure(Class::Transient, Outcome::Unknown)),
            _ => Ok(Reply::Accepted(RequestId::new("W"))),
        }
    }

    /// I9, I11, I12: a weakening write needs an object that asks for it now, and no claim that could be known, of a target as
    /// it was just read.
    fn judge_weakening(&self, target: &InstanceId) {
        let shown = self.cloud[target].shown.as_ref();
        let shown = shown.filter(|shown| self.now.since(shown.at) < PROOF_LIFE);
        let tags = shown
            .unwrap_or_else(|| panic!("I11: {target} is weakened and was not just read"))
            .tags
            .as_slice();
        let selects = |stored: &Stored| {
            let selector = &stored.wish.selector;
            (selector.names(target) || selector.finds(tags))
                && !selector.exclude_ids.contains(target)
                && !selector.tags_exclude(tags)
        };
        let told = self.engine.wishes();
        let known = |stored: &Stored| {
            let told = told.get(&stored.id).is_some_and(|(generation, _)| *generation == stored.generation);
            told || stored.changed <= self.rechecked
        };
        assert!(
            self.store.values().any(|s| s.wish.weakening().is_some() && selects(s) && known(s)),
            "I9: nobody asked to weaken {target}"
        );
        for stored in self.store.values().filter(|s| known(s)) {
            assert!(stored.decodable, "I9: {target} was weakened beside an object that can't be read");
            assert!(
                !(stored.wish.claims() && selects(stored)),
                "I9: {target} was weakened against {:?}",
                stored.id
            );
        }
    }

    /// `prompt`: the report is written in the moment in which it was made.
    fn record(&mut self, object: &ObjectId, generation: Generation, part: Part, number: u64, prompt: bool) {
        if self.reported.get(object).is_some_and(|newest| *newest > number) {
            return;
        }
        let Some((name, stored)) = self.store.iter_mut().find(|(_, s)| s.id == *object) else { return };
        // The API server refuses a status for another object than the one that was judged.
        if generation != stored.generation {
            return;
        }
        // The status that stands stays until there is evidence.
        if !part.settled && stored.status.as_ref().is_some_and(|(of, ..)| *of == generation) {
            return;
        }
        let judgement = judge(Question::of(&stored.wish), &part);
        let name = name.clone();
        self.tell_losses(object, generation, &part);
        let Some(stored) = self.store.get_mut(&name) else { return };
        stored.reports += 1;
        if judgement.domain.reason == Reason::DisabledAsAsked
            && part.progress.as_ref().is_some_and(|p| p.done)
        {
            stored.carried_out = Some(generation);
        }
        let leaves = stored.wish.deleting.is_some() && part.progress.as_ref().is_some_and(|p| p.done);
        stored.status = Some((generation, part, judgement));
        self.check_truth(&name);
        if prompt {
            self.check_evidence(&name);
        }
        if leaves {
            self.remove(&name);
        }
    }

    /// Events tell what is lost before status leaves it out.
    fn tell_losses(&mut self, object: &ObjectId, generation: Generation, part: &Part) {
        let Some(stored) = self.store.values_mut().find(|s| s.id == *object) else { return };
        let lost = self.lost.remove(object).unwrap_or_default();
        stored.tellings += usize::from(!lost.is_empty());
        let told = u32::try_from(lost.len()).unwrap();
        stored.told.extend(lost);
        let Some((of, counted)) = self.counted.get(object) else { return };
        if *of != generation {
            self.counted.remove(object);
        } else if let Some(shrunk) = shrunk(*counted, told, part) {
            stored.shrunk += shrunk;
            self.counted.remove(object);
        }
    }

    /// I1: no True while a target has been weak, and a target, for longer than evidence lives. Checked at each report
    /// and, by [`World::check_all`], whenever a test wants it.
    fn check_truth(&self, name: &str) {
        let Some(stored) = self.store.get(name) else { return };
        let Some((of, part, judgement)) = &stored.status else { return };
        // Rule 11: who has only just begun, or only just leads again, leaves standing what stands for a while.
        let began = self.started.max(self.led_since);
        let fresh_start = self.now.since(began) > self.life() + secs(10);
        if judgement.domain.status != Status::True || *of != stored.generation || !fresh_start {
            return;
        }
        let life = self.life() + secs(5);
        if self.now.since(self.skipped) <= life {
            return;
        }
        for (target, machine) in &self.cloud {
            let tags = machine.facts.tags.as_deref().unwrap_or_default();
            let selector = &stored.wish.selector;
            let selected = (selector.names(target) || selector.finds(tags)) && !selector.tags_exclude(tags);
            let applicable = machine.facts.spot == Some(false)
                && machine.facts.charge_type == Some(ChargeType::PostPaid)
                && !machine.hidden;
            if selected && applicable && !selector.exclude_ids.contains(target) {
                let joined = stored.joined.get(target).copied().unwrap_or_default();
                let lied = machine.weak_since.is_some_and(|since| self.now.since(since.max(joined)) > life);
                assert!(
                    !lied,
                    "I1: {name} {:?} says True although {target} {machine:?} has been weak for long at {:?}; {part:?}, last reads {:?}",
                    stored.wish,
                    self.now,
                    &self.reads[self.reads.len().saturating_sub(12)..]
                );
            }
        }
    }

    /// I1, I2: a True rests on answers to reads that were sent after our last write had arrived, and not long ago.
    fn check_evidence(&self, name: &str) {
        let stored = &self.store[name];
        let Some((_, part, judgement)) = &stored.status else { return };
        if judgement.domain.status != Status::True {
            return;
        }
        let life = self.life();
        let selector = &stored.wish.selector;
        for row in part.rows.iter().filter(|row| row.state == State::Safe) {
            let shown = self.cloud.get(&id(&row.id)).and_then(|machine| machine.shown.as_ref());
            assert!(
                shown.is_some_and(|s| s.flag == Some(true) && self.now.since(s.at) <= life),
                "I1, I2: {name} calls {} safe on {shown:?}",
                row.id
            );
        }
        let named = selector.ids.iter().filter(|id| selector.names(id)).count();
        let told = part.rows.iter().filter(|row| selector.names(&id(&row.id))).count();
        // Who excludes by tag may leave out any of them, and be True of what else is selected.
        let complete = !selector.exclude_tags.is_empty() || told >= named.min(100);
        assert!(complete, "{name} leaves out what it names");
    }

    pub fn check_all(&self) {
        for name in self.store.keys() {
            self.check_truth(name);
        }
    }

    /// Everything that objects in the store want safe is safe.
    pub fn converged(&self) -> Result<(), String> {
        for stored in self.store.values().filter(|s| s.decodable && s.wish.enforces()) {
            let name = stored.id.name();
            for (target, machine) in &self.cloud {
                let tags = machine.facts.tags.as_deref().unwrap_or_default();
                let selector = &stored.wish.selector;
                let selected = (selector.names(target) || selector.finds(tags))
                    && !selector.exclude_ids.contains(target)
                    && !selector.tags_exclude(tags);
                let applicable = machine.facts.spot == Some(false)
                    && machine.facts.charge_type == Some(ChargeType::PostPaid);
                if selected
                    && applicable
                    && !machine.hidden
                    && machine.facts.deletion_protection != Some(true)
                {
                    return Err(format!("{target} of {name} is weak: {:?}", stored.status));
                }
            }
            let Some((generation, _, judgement)) = &stored.status else {
                return Err(format!("{name}: no status"));
            };
            if *generation != stored.generation {
                return Err(format!(
                    "{name}: status of generation {generation}, object {}",
                    stored.generation
                ));
            }
            if judgement.domain.reason == Reason::NotApplicable {
                continue;
            }
            let all_found = stored.wish.selector.ids.iter().all(|i| self.cloud.contains_key(i));
            if all_found
                && judgement.domain.status != Status::True
                && judgement.domain.reason != Reason::NoTargets
            {
                return Err(format!("{name}: {:?}", judgement.domain));
            }
        }
        Ok(())
    }
}

fn set(machine: &mut Machine, now: Moment, safe: bool) {
    machine.facts.deletion_protection = Some(safe);
    machine.weak_since = if safe { None } else { machine.weak_since.or(Some(now)) };
}

/// Numbers for random schedules.
pub struct Dice(Jitter);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Jitter::new(seed))
    }

    pub fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n.max(1)).unwrap();
        usize::try_from(self.0.next_u64() % n).unwrap()
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}
