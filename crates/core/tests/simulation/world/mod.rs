//! The deciders of one account and region between a scripted cloud, a model of the objects' store and a given clock. Every
//! effect has a number, so that a test can stop, drop, delay, double or fail any of them; time jumps from event to event.
//! What must hold all the time, the world itself asserts at every write, call, report and status.

mod asks;
mod calls;
mod cloud;
mod dice;
mod ends;
mod evidence;
mod harm;
mod mood;
mod operator;
mod oracles;
mod people;
mod store;
mod survey;

pub use asks::*;
pub use cloud::{Card, INSTANCES, INTERFACES, MEMBERS, eni, filter, i, payg, tags};
pub use dice::Dice;
pub use mood::{Mood, Refused};
use store::ORIGIN;
pub use store::Spec;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use keeper_core::authority::PreflightAnswer;
use keeper_core::auto_release_time::Cancelled;
use keeper_core::budget::Limit;
use keeper_core::call::{ReadCall, Reply};
use keeper_core::engine::{Asked, Input, PreflightId, Proven, RegionEngine, Settings, Window};
use keeper_core::failure::{Class, Failure};
use keeper_core::id::{CallId, Generation, InstanceId, InterfaceId, ObjectId};
use keeper_core::instance::Instance;
use keeper_core::intent::Intent;
use keeper_core::interface::Interface;
use keeper_core::scaling_member::ScalingMember;
use keeper_core::time::Moment;
use keeper_core::wall_clock::WallTime;

use cloud::{Cloud, Track};
use evidence::EvidenceBook;
use operator::{Desk, StatusWrite, note_asked};
use store::Stored;

pub const INTERVAL: Duration = Duration::from_mins(1);

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
    /// Of a report: the process dies after Events have told of it and before status is written, and starts anew.
    CrashTold,
}

/// What may happen to any call and its answer while the process lives on.
pub const CALL_FAULTS: [Fault; 8] = [
    Fault::LoseReply,
    Fault::LoseCall,
    Fault::Delay(Duration::from_secs(20)),
    Fault::Delay(Duration::from_secs(70)),
    Fault::Double,
    Fault::FailAfter,
    Fault::Fail(Class::Transient),
    Fault::Fail(Class::Throttled),
];

/// A read as it arrived at the cloud.
#[derive(Debug, Clone)]
#[allow(dead_code, reason = "all of it is told when a test fails")]
pub enum Read {
    Instances(Moment, ReadCall<Instance>),
    Interfaces(Moment, ReadCall<Interface>),
    Members(Moment, ReadCall<ScalingMember>),
}

/// A write of a flag as it arrived at the cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    pub at: Moment,
    pub id: String,
    pub protected: bool,
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
    Members(CallId, Result<Reply<ScalingMember>, Failure>),
    Preflight(PreflightId, PreflightAnswer),
    /// The membership of this instance is protected, or no longer.
    SetMember(InstanceId, bool),
    /// The flag of this target takes this value.
    Apply(String, bool),
    /// The release time of this instance is taken away.
    Unset(InstanceId),
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
    /// How much longer than that an answer to a read of instances takes, and one to a read of interfaces.
    pub slow_instances: Duration,
    pub slow_interfaces: Duration,
    /// How long the watch takes to show a status that was written.
    pub watch_lag: Duration,
    /// By how much the operator's wall clock is ahead of the right time, in seconds, and by how much it has been at least and
    /// at most.
    clock: (i64, i64, i64),
    pub faults: BTreeMap<usize, Fault>,
    /// The writes that the cloud took, and those that it refused.
    pub arrived: Vec<Arrived>,
    pub refused: Vec<Arrived>,
    /// The calls that took a release time away: when, whose, and what it had been when it was seen.
    pub cancelled: Vec<(Moment, String, String)>,
    /// The machines of which reports have told that they are still there.
    pub orphans: Vec<InstanceId>,
    /// The release times of which reports have told that they were taken away.
    pub cancellations: Vec<(ObjectId, Cancelled)>,
    /// The calls that were about members of scaling groups: when, which, and which value.
    pub scale_in_calls: Vec<(Moment, Vec<String>, bool)>,
    pub attached: Vec<AttachCall>,
    pub reads: Vec<Read>,
    pub actions: usize,
    /// What each effect was, to find one in a story.
    pub log: Vec<String>,
    pub statuses: usize,
    pub crashes: u32,
    engine: RegionEngine,
    settings: Settings,
    desks: BTreeMap<ObjectId, Desk>,
    /// The newest generation that the engine was told of.
    told: BTreeMap<ObjectId, Generation>,
    /// What the engine was told that they ask of instances.
    asks: BTreeMap<ObjectId, Intent<Instance>>,
    /// The objects of which the API server takes no status, and until when.
    unwritable: BTreeMap<ObjectId, Moment>,
    /// How many targets status counted when this term began, until that was compared.
    counted: BTreeMap<ObjectId, (Generation, u32)>,
    /// With the process that waits for it, if one does.
    pending: BTreeMap<(Moment, u64), (Option<u32>, Event)>,
    sequence: u64,
    sent: BTreeMap<(bool, CallId), Moment>,
    tracks: BTreeMap<String, Track>,
    next_uid: u32,
    /// When the API server was last asked for holds.
    last_preflight: Moment,
    started: Moment,
    window: Option<Window>,
    /// When the lead was last lost or taken.
    led_since: Moment,
    /// When anything but the flag of any instance last changed.
    altered: Moment,
    /// Since when reports have said of an object that an interface is requested.
    requested: BTreeMap<(ObjectId, InterfaceId), Moment>,
    /// What some spec excludes or has given up, and when that was last so.
    left: BTreeMap<(String, InterfaceId), Moment>,
    /// What some object has forgotten because its time was over.
    forgotten: BTreeSet<(String, InterfaceId)>,
    /// What the newest answers showed, for I21.
    lists: BTreeMap<InstanceId, (CallId, Vec<InterfaceId>)>,
    places: BTreeMap<InterfaceId, (CallId, Option<InstanceId>)>,
    evidence: EvidenceBook,
}

/// A replica that does not lead for a while, with all that it knows.
pub struct Replica {
    engine: RegionEngine,
    desks: BTreeMap<ObjectId, Desk>,
    told: BTreeMap<ObjectId, Generation>,
    asks: BTreeMap<ObjectId, Intent<Instance>>,
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
            slow_instances: Duration::ZERO,
            slow_interfaces: Duration::ZERO,
            watch_lag: Duration::from_millis(300),
            clock: (0, 0, 0),
            faults: BTreeMap::new(),
            arrived: Vec::new(),
            refused: Vec::new(),
            cancelled: Vec::new(),
            orphans: Vec::new(),
            cancellations: Vec::new(),
            scale_in_calls: Vec::new(),
            attached: Vec::new(),
            reads: Vec::new(),
            actions: 0,
            log: Vec::new(),
            statuses: 0,
            crashes: 0,
            engine: RegionEngine::new(settings, settings, settings),
            settings,
            desks: BTreeMap::new(),
            told: BTreeMap::new(),
            asks: BTreeMap::new(),
            unwritable: BTreeMap::new(),
            counted: BTreeMap::new(),
            pending: BTreeMap::new(),
            sequence: 0,
            sent: BTreeMap::new(),
            tracks: BTreeMap::new(),
            next_uid: 0,
            last_preflight: Moment::default(),
            started: now,
            window: Some(Window::UNBOUNDED),
            led_since: Moment::default(),
            altered: Moment::default(),
            requested: BTreeMap::new(),
            left: BTreeMap::new(),
            forgotten: BTreeSet::new(),
            lists: BTreeMap::new(),
            places: BTreeMap::new(),
            evidence: EvidenceBook::default(),
        };
        world.engine.handle(now, Input::Lead(Some(Window::UNBOUNDED)));
        world
    }

    /// The watch lists all objects anew. What does not stand there any more is gone.
    pub fn relist(&mut self) {
        for (id, generation) in self.vanished(&self.told) {
            self.tell_of(id, generation, Asked::Gone);
        }
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
        self.engine = RegionEngine::new(settings, settings, settings);
        self.forget_process();
        self.told.clear();
        self.asks.clear();
        self.started = self.now;
        self.window = self.window.map(|_| Window::UNBOUNDED);
        self.engine.handle(self.now, Input::Lead(self.window));
        self.begin_term();
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

    pub fn leads(&self) -> bool {
        self.window.is_some_and(|window| window.open(self.now))
    }

    /// The lead is lost, or taken: whoever led meanwhile may have written. Who takes it before it ends goes on leading.
    pub fn lead(&mut self, lead: bool) {
        let goes_on = lead && self.leads();
        self.window = lead.then_some(Window::UNBOUNDED);
        self.engine.handle(self.now, Input::Lead(self.window));
        if !goes_on {
            for track in self.tracks.values_mut() {
                track.written = track.written.map(|(call, _)| (call, None));
            }
            self.sent.clear();
            self.led_since = self.now;
            // What was seen in the old term may be noted as it ends.
            self.take_transitions();
            self.begin_term();
        }
    }

    /// The lease as it stands: calls may be sent for so long, and unprotecting ones for so long.
    pub fn lease(&mut self, calls: Duration, unprotecting: Duration) {
        let window = Window {
            until: Some(self.now.after(calls)),
            unprotect_until: Some(self.now.after(unprotecting)),
        };
        let goes_on = self.leads();
        self.window = Some(window);
        self.engine.handle(self.now, Input::Lead(self.window));
        if !goes_on {
            self.take_transitions();
            self.forget_evidence();
        }
    }

    /// There is another key.
    pub fn key_changed(&mut self) {
        self.engine.handle(self.now, Input::KeyChanged);
    }

    /// So long what whoever led before said is left standing.
    pub fn patience(&mut self, patience: Duration) {
        self.engine.handle(self.now, Input::Patience(patience));
    }

    pub fn proven(&self) -> Proven {
        self.engine.proven(self.now)
    }

    pub fn sweep_interval(&self) -> Duration {
        self.engine.sweep_interval()
    }

    /// How long repairs of each flag have taken since this was asked last.
    pub fn repaired(&mut self) -> [Vec<Duration>; 4] {
        self.engine.take_repaired()
    }

    pub fn circuit_open(&self) -> bool {
        self.engine.circuit_open()
    }

    /// This replica loses the lead to another one, which has just started, and hears of nothing until it is back.
    pub fn step_aside(&mut self) -> Replica {
        self.lead(false);
        self.window = Some(Window::UNBOUNDED);
        let aside = Replica {
            engine: std::mem::replace(
                &mut self.engine,
                RegionEngine::new(self.settings, self.settings, self.settings),
            ),
            desks: std::mem::take(&mut self.desks),
            told: std::mem::take(&mut self.told),
            asks: std::mem::take(&mut self.asks),
        };
        self.restart();
        aside
    }

    /// The replica that leads is killed, and the other one leads again, with what it knew.
    pub fn come_back(&mut self, aside: Replica) {
        self.take_the_place_of(aside);
        self.lead(true);
    }

    fn take_the_place_of(&mut self, aside: Replica) {
        self.crashes += 1;
        self.forget_process();
        (self.engine, self.desks, self.told) = (aside.engine, aside.desks, aside.told);
        self.asks = aside.asks;
        self.window = None;
    }

    /// The same; and before it leads it hears of every object as it is now.
    pub fn come_back_informed(&mut self, mut aside: Replica) {
        self.inform(&mut aside);
        self.take_the_place_of(aside);
        self.relist();
        self.lead(true);
    }

    /// A replica that stands by hears of every object as it is now.
    pub fn inform(&self, aside: &mut Replica) {
        for (id, generation) in self.vanished(&aside.told) {
            aside.told.remove(&id);
            aside.asks.remove(&id);
            aside.engine.handle(self.now, Input::Intent(id, generation, Asked::Gone));
        }
        for stored in self.store.values() {
            let input = Input::Intent(stored.id.clone(), stored.generation, stored.asked());
            aside.engine.handle(self.now, input);
            aside.told.insert(stored.id.clone(), stored.generation);
            note_asked(&mut aside.asks, &stored.id, &stored.asked());
        }
    }

    /// Which of these objects stand there no more.
    fn vanished(&self, told: &BTreeMap<ObjectId, Generation>) -> Vec<(ObjectId, Generation)> {
        let stands = |id: &ObjectId| self.store.values().any(|stored| stored.id == *id);
        told.iter().filter(|(id, _)| !stands(id)).map(|(id, generation)| (id.clone(), *generation)).collect()
    }

    // Time.

    /// Somebody sets the operator's wall clock: it is so many seconds ahead of the right time.
    pub fn set_clock(&mut self, ahead: i64) {
        let (_, least, most) = self.clock;
        self.clock = (ahead, least.min(ahead), most.max(ahead));
    }

    pub fn wall_time(&self) -> WallTime {
        let ahead = self.clock.0;
        let since = self.now.since(Moment::default());
        let off = secs(ahead.unsigned_abs());
        ORIGIN.after(if ahead < 0 { since.saturating_sub(off) } else { since + off })
    }

    /// The right time so many seconds from now.
    pub fn time_in(&self, seconds: i64) -> WallTime {
        let since = self.now.since(Moment::default());
        let span = secs(seconds.unsigned_abs());
        ORIGIN.after(if seconds < 0 { since.saturating_sub(span) } else { since + span })
    }

    /// How far the operator's clock may have been behind the right time.
    pub fn clock_lag(&self) -> Duration {
        secs(self.clock.1.min(0).unsigned_abs())
    }

    pub fn run(&mut self, span: Duration) {
        let end = self.now.after(span);
        let mut idle_turns = 0;
        self.turn();
        loop {
            let event = self.pending.first_key_value().map(|((at, _), _)| *at);
            let next = [event, self.engine.poll_timeout()].into_iter().flatten().min();
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
                self.engine.handle(self.now, Input::Instances(call, result));
            }
            Event::Interfaces(call, result) => {
                self.note_interfaces(call, &result);
                self.engine.handle(self.now, Input::Interfaces(call, result));
            }
            Event::Members(call, result) => {
                self.note_members(call, &result);
                self.engine.handle(self.now, Input::Members(call, result));
            }
            Event::SetMember(id, protected) => self.cloud.set_member(&id, protected),
            Event::Preflight(preflight, answer) => {
                self.engine.handle(self.now, Input::Preflight(preflight, answer));
            }
            Event::Apply(target, protected) => self.set_flag(&target, protected),
            Event::Unset(id) => self.set_release_time(id.as_str(), None),
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
        self.engine.handle(self.now, Input::WallClock(self.wall_time()));
        self.engine.poll(self.now, &mut out);
        self.take_transitions();
        for effect in out {
            let number = self.actions;
            self.actions += 1;
            let fault = self.faults.get(&number).copied();
            self.carry_out(effect, fault);
            if matches!(fault, Some(Fault::Crash | Fault::CrashTold)) {
                self.restart();
                return self.turn();
            }
        }
        self.note_state();
    }

    pub fn schedule(&mut self, after: Duration, process: Option<u32>, event: Event) {
        self.sequence += 1;
        self.pending.insert((self.now.after(after), self.sequence), (process, event));
    }

    /// Nothing comes of these.
    pub fn lose(&mut self, lost: impl Fn(&Event) -> bool) {
        self.pending.retain(|_, (_, event)| !lost(event));
    }

    fn answer(&mut self, fault: Option<Fault>, event: Event) {
        let process = Some(self.crashes);
        let takes = self.latency
            + match &event {
                Event::Instances(_, Ok(Reply::Page(_))) => self.slow_instances,
                Event::Interfaces(_, Ok(Reply::Page(_))) => self.slow_interfaces,
                _ => Duration::ZERO,
            };
        match fault {
            Some(Fault::LoseReply | Fault::LoseCall) => {}
            Some(Fault::Delay(by)) => self.schedule(takes + by, process, event),
            Some(Fault::Double) => {
                self.schedule(takes, process, event.clone());
                self.schedule(takes * 3, process, event);
            }
            _ => self.schedule(takes, process, event),
        }
    }

    pub fn names(&self) -> BTreeSet<String> {
        self.store.keys().cloned().collect()
    }
}
