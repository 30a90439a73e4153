//! What one engine costs: 100,000 instances, 10,000 objects that name ten of them each, ten objects by tag. Prints the
//! time of onboarding, of a sweep at rest, and of a sweep in which a hundred flags have changed, and the memory.
//!
//! `cargo run --release -p keeper-core --example scale`; with `-- protected` every flag is set before the start, as after
//! a restart.

#![allow(clippy::disallowed_methods, reason = "it measures time")]
#![allow(clippy::print_stdout, reason = "it prints")]

mod meter;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keeper_core::budget::Limit;
use keeper_core::call::{FlagWrite, Identity, Item, Page, Query, ReadCall, Reply, WriteCall};
use keeper_core::engine::{Action, Asked, Input, RegionEngine, Settings, Window};
use keeper_core::id::{CallId, InstanceId, ObjectId, PageToken, RequestId, Tag, TagFilter};
use keeper_core::instance::{ChargeType, Instance, InstanceFacts};
use keeper_core::intent::{Intent, Selector};
use keeper_core::time::Moment;

use meter::{Meter, resident};

const INSTANCES: usize = 100_000;
const OBJECTS: usize = 10_000;
const BY_TAG: usize = 10;
const PAGE: usize = 100;

/// A cloud that answers at once.
struct Cloud {
    protected: Vec<bool>,
    names: BTreeMap<InstanceId, usize>,
}

impl Cloud {
    fn new() -> Self {
        let names = (0..INSTANCES).map(|n| (id(n), n)).collect();
        Self { protected: vec![false; INSTANCES], names }
    }

    fn item(&self, n: usize) -> Item<Instance> {
        // Every text is made anew, as a client that decodes an answer makes it.
        let facts = InstanceFacts {
            deletion_protection: self.protected.get(n).copied(),
            charge_type: Some(ChargeType::PostPaid),
            spot: Some(false),
            auto_release: Some(None),
            locks: Some(Vec::new()),
            tags: Some(vec![
                Tag::new("env", "prod"),
                Tag::new("team", format!("t{}", n % BY_TAG)),
                Tag::new("nobody", "asks"),
            ]),
            surroundings: None,
        };
        Item { id: id(n), name: None, facts }
    }

    fn page(&self, read: &ReadCall<Instance>) -> Page<Instance> {
        let wanted = |filters: &[TagFilter], n: usize| {
            self.item(n).facts.tags.is_some_and(|tags| filters.iter().all(|f| f.matches(&tags)))
        };
        let found: Vec<usize> = match &read.query {
            Query::Ids(ids) => ids.iter().filter_map(|id| self.names.get(id).copied()).collect(),
            Query::Tagged(filters) => (0..INSTANCES).filter(|n| wanted(filters, *n)).take(1000).collect(),
            Query::Region => {
                let start = read.page.as_ref().map_or(0, |token| token.as_str().parse().unwrap_or(0));
                let next = (start + PAGE < INSTANCES).then(|| PageToken::new((start + PAGE).to_string()));
                let items = (start..INSTANCES.min(start + PAGE)).map(|n| self.item(n)).collect();
                return Page {
                    items,
                    unreadable: 0,
                    next,
                    total: None,
                    request_id: RequestId::new("R"),
                    identity: Identity(0),
                };
            }
        };
        let items = found.into_iter().map(|n| self.item(n)).collect();
        Page {
            items,
            unreadable: 0,
            next: None,
            total: None,
            request_id: RequestId::new("R"),
            identity: Identity(0),
        }
    }
}

/// The engine, its cloud and a clock. Only the engine's own time is counted.
struct World {
    engine: RegionEngine,
    cloud: Cloud,
    now: Duration,
    meter: Meter,
    protected: BTreeMap<ObjectId, bool>,
}

impl World {
    fn new() -> Self {
        let limit = Limit { per_minute: 10_000_000, burst: 100_000 };
        let settings = Settings {
            sweep_interval: Duration::from_mins(1),
            reads: limit,
            writes: limit,
            reads_in_flight: 4,
            writes_in_flight: 64,
            seed: 1,
        };
        let mut world = Self {
            engine: RegionEngine::new(settings, settings, settings),
            cloud: Cloud::new(),
            now: Duration::from_secs(1000),
            meter: Meter::default(),
            protected: BTreeMap::new(),
        };
        world.take(Input::Lead(Some(Window::UNBOUNDED)));
        world
    }

    fn take(&mut self, input: Input) {
        let now = Moment::at(self.now);
        self.meter.take(|| self.engine.handle(now, input));
    }

    fn plan(&mut self) -> Vec<(CallId, Reply<Instance>)> {
        let (now, mut out) = (Moment::at(self.now), Vec::new());
        self.meter.plan(|| self.engine.poll(now, &mut out));
        let mut answers = Vec::new();
        for action in out {
            match action {
                Action::ReadInstances(call, read) => {
                    self.meter.reads += 1;
                    answers.push((call, Reply::Page(self.cloud.page(&read))));
                }
                Action::WriteInstance(call, FlagWrite { call: WriteCall::Protect(target), .. }) => {
                    self.meter.writes += 1;
                    if let Some(flag) =
                        self.cloud.names.get(&target).and_then(|n| self.cloud.protected.get_mut(*n))
                    {
                        *flag = true;
                    }
                    answers.push((call, Reply::Accepted(RequestId::new("W"))));
                }
                Action::CancelReleaseTime(..)
                | Action::WriteInstance(_, FlagWrite { call: WriteCall::Unprotect(_), .. })
                | Action::ReadInterfaces(..)
                | Action::ReadMembers(..)
                | Action::WriteMembers(..)
                | Action::WriteInterface(..)
                | Action::Attach(..)
                | Action::Preflight(..) => {}
                Action::Report(object, _, part) => {
                    self.meter.reported += 1;
                    self.protected.insert(object, part.counts.protected() == part.counts.targets());
                }
            }
        }
        answers
    }

    /// Lets this much time pass; calls take 20 ms.
    fn run(&mut self, what: &str, span: Duration) {
        let end = self.now + span;
        while self.now < end {
            let answers = self.plan();
            if answers.is_empty() {
                let wake = self.engine.poll_timeout().map_or(end, |at| at.since(Moment::default()));
                self.now = wake.max(self.now + Duration::from_millis(1)).min(end);
            } else {
                self.now += Duration::from_millis(20);
                for (call, reply) in answers {
                    self.take(Input::Instances(call, Ok(reply)));
                }
            }
        }
        let protected = self.protected.values().filter(|protected| **protected).count();
        self.meter.print(what, protected);
    }
}

fn id(n: usize) -> InstanceId {
    InstanceId::new(format!("i-bp1{n:016}"))
}

fn intent(selector: Selector<Instance>) -> Asked {
    Asked::Protection(Box::new(Intent::of(selector)), Box::default())
}

fn main() {
    let mut world = World::new();
    if std::env::args().any(|argument| argument == "protected") {
        world.cloud.protected.fill(true);
    }
    println!("without anything: {} MiB resident", resident());
    for n in 0..OBJECTS {
        let each = INSTANCES / OBJECTS;
        let selector = Selector { ids: (n * each..(n + 1) * each).map(id).collect(), ..Selector::default() };
        let object = ObjectId::new("default", &format!("named-{n}"), &format!("uid-{n}"));
        world.take(Input::Intent(object, 1, intent(selector)));
    }
    for n in 0..BY_TAG {
        let filter = TagFilter { key: Arc::from("team"), value: Some(Arc::from(format!("t{n}"))) };
        let object = ObjectId::new("default", &format!("tagged-{n}"), &format!("uid-tagged-{n}"));
        world.take(Input::Intent(object, 1, intent(Selector { tags: vec![filter], ..Selector::default() })));
    }
    world.run("onboarding, 10 minutes", Duration::from_mins(10));
    world.run("at rest, one sweep", Duration::from_mins(1));
    world.run("at rest, one sweep", Duration::from_mins(1));
    for flag in world.cloud.protected.iter_mut().step_by(1000) {
        *flag = false;
    }
    world.run("a hundred flags changed, one sweep", Duration::from_mins(1));
    let object = ObjectId::new("default", "urgent", "uid-urgent");
    let selector = Selector { ids: [id(5)].into(), ..Selector::default() };
    world.take(Input::Intent(object, 1, intent(selector)));
    world.run("an object more, one second", Duration::from_secs(1));
    for n in 0..OBJECTS {
        let object = ObjectId::new("default", &format!("named-{n}"), &format!("uid-{n}"));
        world.take(Input::Intent(object, 1, Asked::Gone));
    }
    world.run("10,000 objects deleted, one sweep", Duration::from_mins(1));
}
