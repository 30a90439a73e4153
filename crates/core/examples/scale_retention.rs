//! What both engine of a region cost together: 10,000 instances with three network interfaces each, retained by twenty
//! objects. Prints the time of onboarding, of sweeps at rest, and of one in which a hundred flags have changed, and the
//! memory.
//!
//! `cargo run --release -p keeper-core --example scale_retention`

#![allow(clippy::disallowed_methods, reason = "it measures time")]
#![allow(clippy::print_stdout, reason = "it prints")]

mod meter;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use keeper_core::budget::Limit;
use keeper_core::call::{FlagWrite, Identity, Item, Page, Query, ReadCall, Reply, WriteCall};
use keeper_core::engine::{Action, Asked, Input, RegionEngine, Settings, Window};
use keeper_core::id::{CallId, InstanceId, InterfaceId, ObjectId, PageToken, RequestId, Tag, TagFilter};
use keeper_core::instance::{ChargeType, Instance, InstanceFacts};
use keeper_core::intent::{Intent, Selector};
use keeper_core::interface::{Belongings, Interface, InterfaceFacts, InterfaceStatus, InterfaceType};
use keeper_core::retention::{Record, Remembered};
use keeper_core::surroundings::{Power, Surroundings};
use keeper_core::time::Moment;

use meter::{Meter, resident};

const INSTANCES: usize = 10_000;
const EACH: usize = 3;
const INTERFACES: usize = INSTANCES * EACH;
const OBJECTS: usize = 20;
const PAGE_OF_INSTANCES: usize = 100;
const PAGE_OF_INTERFACES: usize = 500;

fn instance(n: usize) -> InstanceId {
    InstanceId::new(format!("i-bp1{n:016}"))
}

fn interface(n: usize) -> InterfaceId {
    InterfaceId::new(format!("eni-bp1{n:016}"))
}

/// The number in an id.
fn number(id: &str) -> usize {
    id.rsplit("bp1").next().and_then(|digits| digits.parse().ok()).unwrap_or_default()
}

// Every text is made anew, as a client that decodes an answer makes it.
fn instance_item(n: usize) -> Item<Instance> {
    let surroundings = Surroundings {
        interfaces: Some((n * EACH..(n + 1) * EACH).map(interface).collect()),
        zone_id: Some("cn-hangzhou-h".into()),
        vpc_id: Some("vpc-bp1".into()),
        power: Some(Power::Running),
    };
    let facts = InstanceFacts {
        deletion_protection: Some(false),
        charge_type: Some(ChargeType::PostPaid),
        spot: Some(false),
        auto_release: Some(None),
        locks: Some(Vec::new()),
        tags: Some(vec![Tag::new("team", format!("t{}", n % OBJECTS)), Tag::new("nobody", "asks")]),
        surroundings: Some(Arc::new(surroundings)),
    };
    Item { id: instance(n), name: None, facts }
}

fn interface_item(n: usize, protected: bool) -> Item<Interface> {
    let belongings = Belongings {
        vswitch_id: Some("vsw-bp1".into()),
        vpc_id: Some("vpc-bp1".into()),
        private_ips: vec![format!("10.{}.{}.{}", n / 65536, n / 256 % 256, n % 256).into()],
        security_group_ids: vec!["sg-bp1".into()],
        ..Belongings::default()
    };
    let primary = n.is_multiple_of(EACH);
    let facts = InterfaceFacts {
        delete_on_release: Some(!protected),
        zone_id: Some("cn-hangzhou-h".into()),
        interface_type: Some(if primary { InterfaceType::Primary } else { InterfaceType::Secondary }),
        status: Some(InterfaceStatus::InUse),
        instance: Some(Some(instance(n / EACH))),
        service_managed: Some(false),
        traffic_mode: Some("Standard".into()),
        primary_retainable: true,
        tags: Some(Vec::new()),
        belongings: Arc::new(belongings),
    };
    Item { id: interface(n), name: None, facts }
}

/// The numbers that a read asks for, and where it goes on.
fn asked<Id: ToString>(
    ids: Option<&[Id]>,
    page: Option<&PageToken>,
    all: usize,
    size: usize,
) -> (Vec<usize>, Option<PageToken>) {
    if let Some(ids) = ids {
        return (ids.iter().map(|id| number(&id.to_string())).collect(), None);
    }
    let start = page.map_or(0, |token| token.as_str().parse().unwrap_or(0));
    let next = (start + size < all).then(|| PageToken::new((start + size).to_string()));
    ((start..all.min(start + size)).collect(), next)
}

fn page_of_instances(read: &ReadCall<Instance>) -> Page<Instance> {
    let (found, next) = match &read.query {
        Query::Ids(ids) => asked(Some(ids), None, INSTANCES, PAGE_OF_INSTANCES),
        Query::Region | Query::Tagged(_) => {
            asked::<InstanceId>(None, read.page.as_ref(), INSTANCES, PAGE_OF_INSTANCES)
        }
    };
    let wanted = |item: &Item<Instance>| match &read.query {
        Query::Tagged(filters) => {
            filters.iter().all(|f| f.matches(item.facts.tags.as_deref().unwrap_or_default()))
        }
        Query::Ids(_) | Query::Region => true,
    };
    let items = found.into_iter().map(instance_item).filter(wanted).collect();
    Page { items, unreadable: 0, next, total: None, request_id: RequestId::new("R"), identity: Identity(0) }
}

/// The engine, a cloud that answers at once, and a clock. Only the engine' own time is counted.
struct World {
    engine: RegionEngine,
    protected: Vec<bool>,
    now: Duration,
    meter: Meter,
    all_protected: BTreeMap<ObjectId, bool>,
    intents: BTreeMap<ObjectId, Intent<Interface>>,
}

impl World {
    fn new() -> Self {
        let limit = Limit { per_minute: 10_000_000, burst: 100_000 };
        let settings = Settings {
            sweep_interval: Duration::from_mins(1),
            reads: limit,
            writes: limit,
            reads_in_flight: 4,
            writes_in_flight: 32,
            seed: 1,
        };
        let mut world = Self {
            engine: RegionEngine::new(settings, settings, settings),
            protected: vec![false; INTERFACES],
            now: Duration::from_secs(1000),
            meter: Meter::default(),
            all_protected: BTreeMap::new(),
            intents: BTreeMap::new(),
        };
        world.take(Input::Lead(Some(Window::UNBOUNDED)));
        world
    }

    fn take(&mut self, input: Input) {
        self.meter.take(|| self.engine.handle(Moment::at(self.now), input));
    }

    fn interfaces(&self, read: &ReadCall<Interface>) -> Page<Interface> {
        let (found, next) = match &read.query {
            Query::Ids(ids) => asked(Some(ids), None, INTERFACES, PAGE_OF_INTERFACES),
            Query::Region | Query::Tagged(_) => {
                asked::<InterfaceId>(None, read.page.as_ref(), INTERFACES, PAGE_OF_INTERFACES)
            }
        };
        let items =
            found.into_iter().map(|n| interface_item(n, self.protected.get(n) == Some(&true))).collect();
        Page {
            items,
            unreadable: 0,
            next,
            total: None,
            request_id: RequestId::new("R"),
            identity: Identity(0),
        }
    }

    fn plan(&mut self) -> Vec<Input> {
        let mut out = Vec::new();
        self.meter.plan(|| self.engine.poll(Moment::at(self.now), &mut out));
        let accepted = |call: CallId| Input::Interfaces(call, Ok(Reply::Accepted(RequestId::new("W"))));
        let mut answers = Vec::new();
        for effect in out {
            match effect {
                Action::ReadInstances(call, read) => {
                    self.meter.reads += 1;
                    answers.push(Input::Instances(call, Ok(Reply::Page(page_of_instances(&read)))));
                }
                Action::ReadInterfaces(call, read) => {
                    self.meter.reads += 1;
                    answers.push(Input::Interfaces(call, Ok(Reply::Page(self.interfaces(&read)))));
                }
                Action::WriteInterface(call, FlagWrite { call: WriteCall::Protect(target), .. }) => {
                    self.meter.writes += 1;
                    if let Some(flag) = self.protected.get_mut(number(target.as_str())) {
                        *flag = true;
                    }
                    answers.push(accepted(call));
                }
                Action::Report(object, generation, part) => {
                    self.meter.reported += 1;
                    // The status is written, and comes back through the watch.
                    let retained = part.retention.iter().flat_map(|part| part.retained.iter().cloned());
                    let retained = retained.map(|id| (id, Remembered::default())).collect();
                    let record = Record { retained, ..Record::default() };
                    if let Some(intent) = self.intents.get(&object) {
                        let asked = Asked::Retention(Box::new(intent.clone()), Box::new(record));
                        answers.push(Input::Intent(object.clone(), generation, asked));
                    }
                    self.all_protected.insert(object, part.counts.protected() == part.counts.targets());
                }
                Action::WriteInterface(_, FlagWrite { call: WriteCall::Unprotect(_), .. })
                | Action::WriteInstance(..)
                | Action::CancelReleaseTime(..)
                | Action::ReadMembers(..)
                | Action::WriteMembers(..)
                | Action::Attach(..)
                | Action::Preflight(..) => {}
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
                for answer in answers {
                    self.take(answer);
                }
            }
        }
        let protected = self.all_protected.values().filter(|protected| **protected).count();
        self.meter.print(what, protected);
    }
}

fn main() {
    let mut world = World::new();
    println!("without anything: {} MiB resident", resident());
    for n in 0..OBJECTS {
        let filter = TagFilter { key: Arc::from("team"), value: Some(Arc::from(format!("t{n}"))) };
        let hosts = Selector { tags: vec![filter], ids: BTreeSet::new(), ..Selector::default() };
        let intent = Intent { hosts: Some(Box::new(hosts)), ..Intent::of(Selector::default()) };
        let object = ObjectId::new("default", &format!("team-{n}"), &format!("uid-{n}"));
        world.intents.insert(object.clone(), intent.clone());
        world.take(Input::Intent(object, 1, Asked::Retention(Box::new(intent), Box::default())));
    }
    world.run("onboarding, 10 minutes", Duration::from_mins(10));
    world.run("at rest, one sweep", Duration::from_mins(1));
    world.run("at rest, one sweep", Duration::from_mins(1));
    for flag in world.protected.iter_mut().step_by(300) {
        *flag = false;
    }
    world.run("a hundred flags changed, one sweep", Duration::from_mins(1));
}
