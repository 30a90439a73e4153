//! Both deciders of one account and region, and what passes between them.
//!
//! Instances and network interfaces each have an engine of their own. An object that retains the interfaces of instances
//! has an intent in both: the engine of instances finds the instances and hands over a [`Roster`](crate::owners::Roster), the engine of interfaces
//! keeps the flags. So one listing of instances serves the objects of both kinds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::authority::AttachPermit;
use crate::call::{ReadCall, Reply, WriteCall};
use crate::engine::{self, Engine, Load, PreflightAnswer, PreflightNumber, Proven, Settings, Window};
use crate::failure::Failure;
use crate::id::{CallId, Generation, InstanceId, ObjectId};
use crate::instance::Instance;
use crate::intent::{Intent, Selector};
use crate::interface::Interface;
use crate::retention::Record;
use crate::time::Moment;
use crate::verdict::RegionReport;

/// What an object asks.
#[derive(Debug, Clone)]
pub enum Asked {
    /// Release protection of instances.
    Protection(Box<Intent<Instance>>),
    /// Retention of network interfaces, and what the object's status says already.
    Retention(Box<Intent<Interface>>, Box<Record>),
    /// It stands there but can't be read: it may be a hold on anything.
    Opaque,
    /// Nothing: it does not exist any more.
    Gone,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Input {
    /// An object's newest generation.
    Intent(ObjectId, Generation, Asked),
    /// An answer about instances, or the lack of one.
    Instances(CallId, Result<Reply<Instance>, Failure>),
    /// An answer about interfaces, or the lack of one.
    Interfaces(CallId, Result<Reply<Interface>, Failure>),
    /// An answer to [`Action::Preflight`].
    Preflight(PreflightId, PreflightAnswer),
    /// The span in which calls may be sent; `None`: not now.
    Lead(Option<Window>),
    /// So long after the lead was taken what whoever led before said is left standing without evidence of our own.
    Patience(Duration),
    /// There is another key to sign with.
    KeyChanged,
}

/// Whose question it is, and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PreflightId {
    /// Of the engine of instances.
    Instances(PreflightNumber),
    /// Of the engine of interfaces.
    Interfaces(PreflightNumber),
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    /// Read a page of instances.
    ReadInstances(CallId, ReadCall<Instance>),
    /// Read a page of interfaces.
    ReadInterfaces(CallId, ReadCall<Interface>),
    /// Write an instance's flag.
    WriteInstance(CallId, WriteCall<Instance>),
    /// Write an interface's flag.
    WriteInterface(CallId, WriteCall<Interface>),
    /// Have an interface attached. The answer is one about interfaces.
    Attach(CallId, AttachPermit),
    /// Ask the API server, uncached, for the object and for all holds.
    Preflight(PreflightId, ObjectId),
    /// Report this of the object at this generation. It is said once: whoever carries it keeps the newest until it is
    /// written.
    Report(ObjectId, Generation, Box<RegionReport>),
}

/// The decider for one account and region.
#[derive(Debug)]
pub struct RegionEngine {
    instances: Engine<Instance>,
    interfaces: Engine<Interface>,
    /// The objects that retain interfaces: which instances they are about.
    retaining: BTreeMap<ObjectId, Retaining>,
    /// The looks at instances that are under way, by who asked for them.
    looks: BTreeMap<Asker, Look>,
}

/// The half of a retaining object that is about instances.
#[derive(Debug)]
struct Retaining {
    generation: Generation,
    owners: Option<Box<Selector<Instance>>>,
    watch: BTreeSet<InstanceId>,
}

/// Who needs instances to be read before it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asker {
    /// Something that is on them is to be unprotected.
    Unprotecting,
    /// Something is to be attached to one.
    Attaching,
}

/// When somebody came to need them, and the instances.
type WantedLook = (Moment, BTreeSet<InstanceId>);

#[derive(Debug)]
struct Look {
    asked: Moment,
    instances: BTreeSet<InstanceId>,
    /// The first call that counts.
    since: CallId,
}

/// The two engine answer each other this often at most before something else may happen.
const ROUNDS: usize = 8;

impl RegionEngine {
    /// A decider that knows nothing yet. The engine share nothing of what they may ask: the cloud counts by operation.
    pub fn new(instances: Settings, interfaces: Settings) -> Self {
        Self {
            instances: Engine::new(instances),
            interfaces: Engine::new(interfaces),
            retaining: BTreeMap::new(),
            looks: BTreeMap::new(),
        }
    }

    /// Takes in what happened.
    pub fn handle(&mut self, now: Moment, input: Input) {
        match input {
            Input::Intent(object, generation, asked) => self.take_intent(now, object, generation, asked),
            Input::Instances(call, result) => self.instances.handle(now, engine::Input::Reply(call, result)),
            Input::Interfaces(call, result) => {
                self.interfaces.handle(now, engine::Input::Reply(call, result));
            }
            Input::Preflight(PreflightId::Instances(preflight), answer) => {
                self.instances.handle(now, engine::Input::Preflight(preflight, answer));
            }
            Input::Preflight(PreflightId::Interfaces(preflight), answer) => {
                self.interfaces.handle(now, engine::Input::Preflight(preflight, answer));
            }
            Input::Lead(window) => {
                self.instances.handle(now, engine::Input::Lead(window));
                self.interfaces.handle(now, engine::Input::Lead(window));
            }
            Input::KeyChanged => {
                self.instances.handle(now, engine::Input::KeyChanged);
                self.interfaces.handle(now, engine::Input::KeyChanged);
            }
            Input::Patience(patience) => {
                self.instances.handle(now, engine::Input::Patience(patience));
                self.interfaces.handle(now, engine::Input::Patience(patience));
            }
        }
    }

    fn take_intent(&mut self, now: Moment, object: ObjectId, generation: Generation, asked: Asked) {
        if self.retaining.get(&object).is_some_and(|known| known.generation > generation) {
            return;
        }
        let mut tell_both = |asked: fn() -> engine::Asked<Instance>,
                             also: fn() -> engine::Asked<Interface>| {
            self.retaining.remove(&object);
            self.instances.handle(now, engine::Input::Intent(object.clone(), generation, asked()));
            self.interfaces.handle(now, engine::Input::Intent(object.clone(), generation, also()));
        };
        match asked {
            Asked::Protection(intent) => {
                // It may not have been readable before, and then it was a possible hold here, too.
                let here = engine::Input::Intent(object.clone(), generation, engine::Asked::Gone);
                self.interfaces.handle(now, here);
                self.instances
                    .handle(now, engine::Input::Intent(object, generation, engine::Asked::Intent(intent)));
            }
            Asked::Retention(intent, record) => {
                let owners = intent.owners.clone();
                let input = engine::Input::Intent(object.clone(), generation, engine::Asked::Intent(intent));
                self.interfaces.handle(now, input);
                self.interfaces.take_record(now, &object, *record);
                let watch = self.retaining.remove(&object).map(|before| before.watch).unwrap_or_default();
                self.retaining.insert(object.clone(), Retaining { generation, owners, watch });
                self.enumerate(now, &object);
                if self.interfaces.lacks_roster(&object) {
                    // Whatever it was told before, it has let go.
                    self.instances.tell_anew(&object);
                }
            }
            Asked::Opaque => tell_both(|| engine::Asked::Opaque, || engine::Asked::Opaque),
            Asked::Gone => tell_both(|| engine::Asked::Gone, || engine::Asked::Gone),
        }
    }

    /// Asks the engine of instances for those that a retaining object is about.
    fn enumerate(&mut self, now: Moment, object: &ObjectId) {
        let Some(retaining) = self.retaining.get(object) else { return };
        let asked = if retaining.owners.is_none() && retaining.watch.is_empty() {
            engine::Asked::Gone
        } else {
            let selector = retaining.owners.as_deref().cloned().unwrap_or_default();
            let watch = retaining.watch.clone();
            engine::Asked::Intent(Box::new(Intent::enumerating(Selector { watch, ..selector })))
        };
        self.instances.handle(now, engine::Input::Intent(object.clone(), retaining.generation, asked));
    }

    /// Says what is to be done now.
    pub fn poll(&mut self, now: Moment, out: &mut Vec<Action>) {
        let mut of_instances = Vec::new();
        let mut of_interfaces = Vec::new();
        for _ in 0..ROUNDS {
            self.instances.poll(now, &mut of_instances);
            self.interfaces.heed_owners(self.instances.unreadable());
            self.see_to_looks(now);
            self.interfaces.poll(now, &mut of_interfaces);
            let watches = self.interfaces.watches(now);
            let asks = self.new_looks();
            if watches.is_empty() && !asks {
                break;
            }
            for (object, watch) in watches {
                if let Some(retaining) = self.retaining.get_mut(&object) {
                    retaining.watch = watch;
                }
                self.enumerate(now, &object);
            }
        }
        out.extend(of_instances.into_iter().filter_map(about_instances));
        out.extend(of_interfaces.into_iter().map(about_interfaces));
    }

    fn hand_over_rosters(&mut self, now: Moment, at_once: bool) {
        for (object, generation, roster) in self.instances.rosters(now, at_once) {
            self.interfaces.take_roster(now, &object, generation, &roster);
        }
    }

    fn wanted_looks(&self) -> [(Asker, Option<WantedLook>); 2] {
        [
            (Asker::Unprotecting, self.interfaces.batch_looks()),
            (Asker::Attaching, self.interfaces.attempt_looks()),
        ]
    }

    /// Begins the looks that are wanted and not under way. Whether there are any.
    fn new_looks(&mut self) -> bool {
        let mut any = false;
        for (asker, wanted) in self.wanted_looks() {
            let Some((asked, instances)) = wanted else {
                self.looks.remove(&asker);
                continue;
            };
            if self.looks.get(&asker).is_none_or(|look| look.asked != asked || look.instances != instances) {
                let since = self.instances.look(&instances);
                self.looks.insert(asker, Look { asked, instances, since });
                any = true;
            }
        }
        any
    }

    /// Tells of rosters, and of looks that have come to their end. What each object makes of the instances goes before.
    fn see_to_looks(&mut self, now: Moment) {
        let done: Vec<(Asker, BTreeSet<InstanceId>)> = self
            .looks
            .iter()
            .filter_map(|(asker, look)| Some((*asker, self.instances.looked(&look.instances, look.since)?)))
            .collect();
        // What was just looked at is told of however lately the rest was.
        self.hand_over_rosters(now, !done.is_empty());
        for (asker, shown) in done {
            self.looks.remove(&asker);
            match asker {
                Asker::Unprotecting => self.interfaces.batch_looked(&shown),
                Asker::Attaching => self.interfaces.attempt_looked(),
            }
        }
    }

    /// When [`RegionEngine::poll`] wants to run again although nothing happens.
    pub fn poll_timeout(&self) -> Option<Moment> {
        [self.instances.poll_timeout(), self.interfaces.poll_timeout()].into_iter().flatten().min()
    }

    /// The engine of instances, for tests and metrics.
    pub fn instances(&self) -> &Engine<Instance> {
        &self.instances
    }

    /// The engine of interfaces, for tests and metrics.
    pub fn interfaces(&self) -> &Engine<Interface> {
        &self.interfaces
    }

    /// How much there is to do and how much may be done: about instances, and about interfaces.
    pub fn load(&mut self, now: Moment) -> [Load; 2] {
        [self.instances.load(now), self.interfaces.load(now)]
    }

    /// Since when there is evidence of everything that is wanted, instances and interfaces alike: where both are, the
    /// older of the two newest complete sweeps counts.
    pub fn proven(&self, now: Moment) -> Proven {
        self.instances.proven(now).and(self.interfaces.proven(now))
    }

    /// How often the region is swept now, at the slower of the two paces.
    pub fn sweep_interval(&self) -> Duration {
        self.instances.sweep_interval().max(self.interfaces.sweep_interval())
    }

    /// How long evidence lives now, of the sort that is swept more slowly.
    pub fn evidence_life(&self) -> Duration {
        self.instances.evidence_life().max(self.interfaces.evidence_life())
    }

    /// Whether either circuit breaker is open: nothing is concluded from absence and nothing is unprotected.
    pub fn circuit_open(&self) -> bool {
        self.instances.circuit_open() || self.interfaces.circuit_open()
    }
}

fn about_instances(effect: engine::Action<Instance>) -> Option<Action> {
    Some(match effect {
        engine::Action::Read(call, read) => Action::ReadInstances(call, read),
        engine::Action::Write(call, write) => Action::WriteInstance(call, write),
        engine::Action::Preflight(preflight, object) => {
            Action::Preflight(PreflightId::Instances(preflight), object)
        }
        engine::Action::Report(object, generation, part) => Action::Report(object, generation, part),
        // Instances are attached to, and never attached.
        engine::Action::Attach(..) => return None,
    })
}

fn about_interfaces(effect: engine::Action<Interface>) -> Action {
    match effect {
        engine::Action::Read(call, read) => Action::ReadInterfaces(call, read),
        engine::Action::Write(call, write) => Action::WriteInterface(call, write),
        engine::Action::Attach(call, permit) => Action::Attach(call, permit),
        engine::Action::Preflight(preflight, object) => {
            Action::Preflight(PreflightId::Interfaces(preflight), object)
        }
        engine::Action::Report(object, generation, part) => Action::Report(object, generation, part),
    }
}
