//! The fleet of both engines between a scripted cloud, a model of the objects' store and a given clock. Every effect has a
//! number, so that a test can stop, drop, delay, double or fail any of them; time jumps from event to event.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keeper_core::authority::Recheck;
use keeper_core::backoff::Jitter;
use keeper_core::budget::Limit;
use keeper_core::call::{CallId, ReadCall, Reply, WriteCall};
use keeper_core::engine::{CALL_DEADLINE, Settings, Window};
use keeper_core::failure::{Class, Effect as Outcome, Failure};
use keeper_core::fleet::{Asked, Effect, Fleet, Input, Question};
use keeper_core::id::{InstanceId, InterfaceId, RequestId};
use keeper_core::instance::Instance;
use keeper_core::interface::{AttachPermit, Interface};
use keeper_core::time::Moment;
use keeper_core::wish::{Generation, ObjectId};

use crate::cloud::{Cloud, Track, eni, failure, i, reply};
use crate::operator::{Desk, StatusWrite};
use crate::store::{Spec, Stored};

pub const INTERVAL: Duration = Duration::from_secs(60);

/// What happens to the effect with a certain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It takes effect, and its answer never comes.
    LoseReply,
    /// It never arrives, and no answer comes.
    LoseCall,
    /// The answer comes this much later; a status arrives this much later.
    Delay(Duration),
    /// The answer comes twice.
    Double,
    /// The answer is this failure, and there is no effect.
    Fail(Class),
    /// The answer is a failure that proves nothing, after the effect.
    FailAfter,
    /// The process dies after the call has left, and starts anew.
    Crash,
}

/// A write of a flag as it arrived at the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    pub at: Moment,
    pub id: String,
    pub safe: bool,
}

/// A call to attach an interface.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "all of it is told when a test fails")]
pub struct AttachCall {
    pub at: Moment,
    pub object: ObjectId,
    pub interface: InterfaceId,
    pub instance: InstanceId,
    pub intent: Option<u32>,
    /// The process that sent it, and its number there.
    pub call: (u32, CallId),
    /// It was answered that it had no effect, and the answer came.
    pub refused: bool,
    /// The cloud took it.
    pub accepted: bool,
}

#[derive(Debug, Clone)]
pub enum Event {
    Instances(CallId, Result<Reply<Instance>, Failure>),
    Interfaces(CallId, Result<Reply<Interface>, Failure>),
    Rechecked(Question, Recheck),
    /// The flag of this target takes this value.
    Apply(String, bool),
    /// The cloud begins to attach this interface to this instance, if it still can.
    Begin(InterfaceId, InstanceId),
    /// An interface that is on its way arrives.
    Settle(InterfaceId),
    /// A status arrives at the API server, of the object as it was at this version.
    Status(Box<StatusWrite>),
    /// The operator learns how its write ended.
    StatusEnded(ObjectId, bool),
    /// The watch, or the answer to a write, shows the object as it was at this version.
    Seen(ObjectId, u64, Generation, Asked),
}

pub struct World {
    pub now: Moment,
    pub cloud: Cloud,
    pub store: BTreeMap<String, Stored>,
    pub latency: Duration,
    /// How long the watch takes to show a status that was written.
    pub watch_lag: Duration,
    pub faults: BTreeMap<usize, Fault>,
    pub arrived: Vec<Arrived>,
    pub attached: Vec<AttachCall>,
    pub reads: usize,
    pub effects: usize,
    /// What each effect was, to find one in a story.
    pub log: Vec<String>,
    pub statuses: usize,
    pub crashes: u32,
    pub fleet: Fleet,
    pub settings: Settings,
    pub desks: BTreeMap<ObjectId, Desk>,
    pub refused: BTreeSet<ObjectId>,
    /// With the process that waits for it, if one does.
    pub pending: BTreeMap<(Moment, u64), (Option<u32>, Event)>,
    pub sequence: u64,
    pub sent: BTreeMap<(bool, CallId), Moment>,
    pub tracks: BTreeMap<String, Track>,
    pub next_uid: u32,
    /// When the API server was last asked for claims.
    pub rechecked: Moment,
    pub started: Moment,
    pub leads: bool,
    pub led_since: Moment,
    /// Since when reports have said of an object that an interface is requested.
    pub requested: BTreeMap<(ObjectId, InterfaceId), Moment>,
    /// Since when something that an object is about has not been as it says.
    pub exposed: BTreeMap<(String, InterfaceId), Moment>,
    /// What some spec excludes or has given up, and when that was last so.
    pub left: BTreeMap<(String, InterfaceId), Moment>,
    /// What the newest answers showed, for I21.
    pub lists: BTreeMap<InstanceId, (CallId, Vec<InterfaceId>)>,
    pub places: BTreeMap<InterfaceId, (CallId, Option<InstanceId>)>,
}

/// A replica that does not lead for a while, with all that it knows.
pub struct Replica {
    fleet: Fleet,
    desks: BTreeMap<ObjectId, Desk>,
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

impl World {
    pub fn new() -> Self {
        Self::with(settings())
    }

    pub fn with(settings: Settings) -> Self {
        let now = Moment::at(secs(1000));
        let mut world = Self {
            now,
            cloud: Cloud { page_size: 100, ..Cloud::default() },
            store: BTreeMap::new(),
            latency: Duration::from_millis(100),
            watch_lag: Duration::from_millis(300),
            faults: BTreeMap::new(),
            arrived: Vec::new(),
            attached: Vec::new(),
            reads: 0,
            effects: 0,
            log: Vec::new(),
            statuses: 0,
            crashes: 0,
            fleet: Fleet::new(settings, settings),
            settings,
            desks: BTreeMap::new(),
            refused: BTreeSet::new(),
            pending: BTreeMap::new(),
            sequence: 0,
            sent: BTreeMap::new(),
            tracks: BTreeMap::new(),
            next_uid: 0,
            rechecked: Moment::default(),
            started: now,
            leads: true,
            led_since: Moment::default(),
            requested: BTreeMap::new(),
            exposed: BTreeMap::new(),
            left: BTreeMap::new(),
            lists: BTreeMap::new(),
            places: BTreeMap::new(),
        };
        world.fleet.take(now, Input::Lead(Some(Window::UNBOUNDED)));
        world
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
        let seed = self.settings.seed + u64::from(self.crashes);
        let settings = Settings { seed, ..self.settings };
        self.fleet = Fleet::new(settings, settings);
        self.forget_process();
        self.started = self.now;
        self.fleet.take(self.now, Input::Lead(self.leads.then_some(Window::UNBOUNDED)));
        self.relist();
    }

    fn forget_process(&mut self) {
        self.desks.clear();
        self.sent.clear();
        self.lists.clear();
        self.places.clear();
        for track in self.tracks.values_mut() {
            (track.shown, track.written) = (None, None);
        }
    }

    /// The lead is lost, or taken: whoever led meanwhile may have written.
    pub fn lead(&mut self, lead: bool) {
        for track in self.tracks.values_mut() {
            track.written = track.written.map(|(call, _)| (call, None));
        }
        self.sent.clear();
        (self.leads, self.led_since) = (lead, self.now);
        self.fleet.take(self.now, Input::Lead(lead.then_some(Window::UNBOUNDED)));
    }

    /// This replica loses the lead to another one, which has just started, and hears of nothing until it is back.
    pub fn step_aside(&mut self) -> Replica {
        self.lead(false);
        let desks = std::mem::take(&mut self.desks);
        self.leads = true;
        let aside = Replica {
            fleet: std::mem::replace(&mut self.fleet, Fleet::new(self.settings, self.settings)),
            desks,
        };
        self.restart();
        aside
    }

    /// The replica that leads is killed, and the other one leads again, with what it knew.
    pub fn come_back(&mut self, aside: Replica) {
        self.crashes += 1;
        self.forget_process();
        self.fleet = aside.fleet;
        for (id, desk) in aside.desks {
            // What was to be said in another term is not said any more.
            self.desks.insert(id, Desk { seen: desk.seen, ..Desk::default() });
        }
        self.lead(true);
    }

    // Time.

    pub fn run(&mut self, span: Duration) {
        let end = self.now.after(span);
        let mut idle_turns = 0;
        self.turn();
        loop {
            let event = self.pending.first_key_value().map(|((at, _), _)| *at);
            let next = [event, self.fleet.next_wake()].into_iter().flatten().min();
            let Some(next) = next.filter(|at| *at <= end) else { break };
            idle_turns = if next > self.now { 0 } else { idle_turns + 1 };
            assert!(idle_turns < 10_000, "the engine spins at {:?}", self.now);
            self.now = self.now.max(next);
            while let Some(entry) = self.pending.first_entry()
                && entry.key().0 <= self.now
            {
                let (process, event) = entry.remove();
                if process.is_none_or(|process| process == self.crashes) {
                    self.happen(event);
                }
            }
            self.turn();
        }
        self.now = end;
        self.check_all();
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Instances(call, result) => {
                self.note_instances(call, &result);
                self.fleet.take(self.now, Input::Instances(call, result));
            }
            Event::Interfaces(call, result) => {
                self.note_interfaces(call, &result);
                self.fleet.take(self.now, Input::Interfaces(call, result));
            }
            Event::Rechecked(question, answer) => {
                self.fleet.take(self.now, Input::Rechecked(question, answer));
            }
            Event::Apply(target, safe) => self.set_flag(&target, safe),
            Event::Begin(id, to) => {
                if self.cloud.attach(self.now, &id, &to).is_ok() {
                    self.schedule(self.cloud.mood.attach_takes, None, Event::Settle(id));
                }
            }
            Event::Settle(id) => self.cloud.settle(self.now, &id),
            Event::Status(write) => self.status_arrives(*write),
            Event::StatusEnded(object, written) => self.status_ended(&object, written),
            Event::Seen(id, version, generation, asked) => self.see(&id, version, generation, asked, false),
        }
    }

    pub fn turn(&mut self) {
        let mut out = Vec::new();
        self.fleet.plan(self.now, &mut out);
        for effect in out {
            let number = self.effects;
            self.effects += 1;
            let fault = self.faults.get(&number).copied();
            self.carry_out(effect, fault);
            if fault == Some(Fault::Crash) {
                self.restart();
                return self.turn();
            }
        }
        self.note_exposed();
    }

    pub fn schedule(&mut self, after: Duration, process: Option<u32>, event: Event) {
        self.sequence += 1;
        self.pending.insert((self.now.after(after), self.sequence), (process, event));
    }

    fn answer(&mut self, fault: Option<Fault>, event: Event) {
        let process = Some(self.crashes);
        match fault {
            Some(Fault::LoseReply | Fault::LoseCall) => {}
            Some(Fault::Delay(by)) => self.schedule(self.latency + by, process, event),
            Some(Fault::Double) => {
                self.schedule(self.latency, process, event.clone());
                self.schedule(self.latency * 3, process, event);
            }
            _ => self.schedule(self.latency, process, event),
        }
    }

    fn carry_out(&mut self, effect: Effect, fault: Option<Fault>) {
        match effect {
            Effect::ReadInstances(call, read) => self.read_instances(call, &read, fault),
            Effect::ReadInterfaces(call, read) => self.read_interfaces(call, &read, fault),
            Effect::WriteInstance(call, write, _) => {
                let (id, safe) = match &write {
                    WriteCall::Strengthen(id) => (id.to_string(), true),
                    WriteCall::Weaken(permit) => (permit.target().to_string(), false),
                };
                self.sent.insert((false, call), self.now);
                let result = self.write(call, &id, safe, fault);
                self.answer(fault, Event::Instances(call, result));
            }
            Effect::WriteInterface(call, write, _) => {
                let (id, safe) = match &write {
                    WriteCall::Strengthen(id) => (id.to_string(), true),
                    WriteCall::Weaken(permit) => (permit.target().to_string(), false),
                };
                self.sent.insert((true, call), self.now);
                let result = self.write(call, &id, safe, fault);
                self.answer(fault, Event::Interfaces(call, result));
            }
            Effect::Attach(call, permit, _) => self.attach(call, &permit, fault),
            Effect::Recheck(question, object) => {
                self.log.push(format!("recheck {object:?}"));
                let stored = self.store.values().find(|s| s.id == object);
                let answer = Recheck {
                    object: stored.map(|s| (s.generation, s.spec.terminating())),
                    claims_as_known: !self.cloud.mood.stale_view && self.claims_known(),
                    carried_out: stored.is_some_and(|s| s.carried_out == Some(s.generation)),
                    attachments: stored.and_then(Stored::attachments),
                };
                self.rechecked = self.now;
                self.answer(fault, Event::Rechecked(question, answer));
            }
            Effect::Report(object, generation, part) => {
                self.log.push(format!("report {object:?}"));
                self.check_report(&object, generation, &part);
                self.note_requests(&object, &part);
                if let Some(stored) = self.store.values_mut().find(|stored| stored.id == object) {
                    stored.lost.extend(part.lost.iter().cloned());
                }
                let desk = self.desks.entry(object.clone()).or_default();
                (desk.newest, desk.dirty) = (Some((generation, *part)), true);
                self.send_status(&object, fault);
            }
        }
    }

    fn read_instances(&mut self, call: CallId, read: &ReadCall<Instance>, fault: Option<Fault>) {
        self.reads += 1;
        self.log.push("read instances".to_owned());
        self.sent.insert((false, call), self.now);
        let result = match fault {
            Some(Fault::Fail(class)) => Err(failure(class, "Scripted", Outcome::None)),
            Some(Fault::FailAfter) => Err(failure(Class::Transient, "Scripted", Outcome::None)),
            _ => reply(self.cloud.show_instances(read)),
        };
        self.answer(fault, Event::Instances(call, result));
    }

    fn read_interfaces(&mut self, call: CallId, read: &ReadCall<Interface>, fault: Option<Fault>) {
        self.reads += 1;
        self.log.push("read interfaces".to_owned());
        self.sent.insert((true, call), self.now);
        let result = match fault {
            Some(Fault::Fail(class)) => Err(failure(class, "Scripted", Outcome::None)),
            Some(Fault::FailAfter) => Err(failure(Class::Transient, "Scripted", Outcome::None)),
            _ => reply(self.cloud.show_interfaces(read)),
        };
        self.answer(fault, Event::Interfaces(call, result));
    }

    /// Whether the engines were told of every object at its newest generation.
    fn claims_known(&self) -> bool {
        self.store.values().all(|stored| !stored.decodable || self.told_of(stored))
    }

    pub fn told_of(&self, stored: &Stored) -> bool {
        let generation = match &stored.spec {
            Spec::Protection(_) => self.fleet.instances().wishes().get(&stored.id).map(|w| w.0),
            Spec::Retention(_) => self.fleet.interfaces().wishes().get(&stored.id).map(|w| w.0),
        };
        generation == Some(stored.generation)
    }

    fn set_flag(&mut self, target: &str, safe: bool) {
        if let Some(card) = self.cloud.cards.get_mut(&eni(target)) {
            card.facts.delete_on_release = Some(!safe);
        }
        if let Some(machine) = self.cloud.machines.get_mut(&i(target)) {
            machine.facts.deletion_protection = Some(safe);
        }
    }

    fn write<K: keeper_core::kind::Kind>(
        &mut self,
        call: CallId,
        target: &str,
        safe: bool,
        fault: Option<Fault>,
    ) -> Result<Reply<K>, Failure> {
        self.log.push(format!("write {target} {safe}"));
        if fault == Some(Fault::LoseCall) {
            return Err(failure(Class::Transient, "Lost", Outcome::Unknown));
        }
        self.arrived.push(Arrived { at: self.now, id: target.to_owned(), safe });
        self.check_write(call, target, safe);
        let card = self.cloud.cards.get(&eni(target));
        let known = card.is_some() || self.cloud.machines.contains_key(&i(target));
        let refused = card.and_then(|card| card.refuses).or(self.cloud.mood.writes_fail);
        match (fault, refused) {
            (Some(Fault::Fail(class)), _) | (_, Some(class)) => {
                if let Some(card) = self.cloud.cards.get_mut(&eni(target))
                    && class == Class::NotApplicable
                {
                    card.refused_at = Some(self.now);
                }
                return Err(failure(class, "Scripted", Outcome::None));
            }
            _ if !known => return Err(failure(Class::Gone, "InvalidEniId.NotFound", Outcome::None)),
            _ if self.cloud.mood.late.is_zero() => self.set_flag(target, safe),
            _ => self.schedule(self.cloud.mood.late, None, Event::Apply(target.to_owned(), safe)),
        }
        match fault {
            Some(Fault::FailAfter) => Err(failure(Class::Transient, "Scripted", Outcome::Unknown)),
            _ => Ok(Reply::Accepted(RequestId::new("W"))),
        }
    }

    fn attach(&mut self, call: CallId, permit: &AttachPermit, fault: Option<Fault>) {
        let (id, to) = (permit.interface().clone(), permit.instance().clone());
        self.log.push(format!("attach {id} {to}"));
        self.sent.insert((true, call), self.now);
        let object = self.check_attach(&id, &to);
        let mut result = match fault {
            Some(Fault::LoseCall) => Err(failure(Class::Transient, "Lost", Outcome::Unknown)),
            Some(Fault::Fail(class)) => Err(failure(class, "Scripted", Outcome::None)),
            _ if !self.cloud.mood.attach_late.is_zero() => Ok(()),
            _ => self.cloud.attach(self.now, &id, &to),
        };
        let accepted = result.is_ok();
        if accepted {
            let late = self.cloud.mood.attach_late;
            if late.is_zero() {
                self.schedule(self.cloud.mood.attach_takes, None, Event::Settle(id.clone()));
            } else {
                self.schedule(late, None, Event::Begin(id.clone(), to.clone()));
            }
            if fault == Some(Fault::FailAfter) {
                result = Err(failure(Class::Transient, "Scripted", Outcome::Unknown));
            }
        }
        let intent = self.store.values().find(|s| s.id == object).and_then(|s| s.intent(&id, &to));
        self.attached.push(AttachCall {
            at: self.now,
            object,
            interface: id,
            instance: to,
            intent,
            call: (self.crashes, call),
            refused: false,
            accepted,
        });
        let result = result.map(|()| Reply::Accepted(RequestId::new("A")));
        self.answer(fault, Event::Interfaces(call, result));
    }

    /// When a call was sent, if its answer still counts.
    pub fn answered(&mut self, of_interface: bool, call: CallId) -> Option<Moment> {
        self.sent.remove(&(of_interface, call)).filter(|at| self.now.since(*at) < CALL_DEADLINE)
    }

    pub fn names(&self) -> BTreeSet<String> {
        self.store.keys().cloned().collect()
    }
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

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}
