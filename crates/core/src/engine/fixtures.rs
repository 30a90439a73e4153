//! What the tests of several parts need: a region of which it is said by hand what objects ask and what is known.

use std::time::Duration;

use super::action::Settings;
use super::context::Context;
use super::object::Object;
use super::reporter::Reporter;
use super::targets::Targets;
use super::turn::Turn;
use super::view::View;
use crate::backoff::Jitter;
use crate::budget::Limit;
use crate::evidence::Evidence;
use crate::id::{CallId, InstanceId, InterfaceId, ObjectId, RequestId, Tag, TagFilter};
use crate::instance::{Instance, InstanceFacts};
use crate::intent::Intent;
use crate::interface::{Interface, InterfaceFacts, InterfaceStatus, InterfaceType};
use crate::resource::Resource;
use crate::surroundings::Surroundings;
use crate::time::Moment;

/// The moment at which everything is looked at.
pub(super) const NOW: Moment = Moment::at(Duration::from_secs(1000));
/// A read that was sent then, in this call, is fresh.
pub(super) const FRESH: (u64, u64) = (990, 50);
/// A read that was sent then, in this call, is stale.
pub(super) const STALE: (u64, u64) = (500, 20);

pub(super) fn at(seconds: u64) -> Moment {
    Moment::at(Duration::from_secs(seconds))
}

pub(super) fn object(name: &str) -> ObjectId {
    ObjectId::new("default", name, name)
}

pub(super) fn eni(name: &str) -> InterfaceId {
    InterfaceId::new(format!("eni-{name}"))
}

pub(super) fn host(name: &str) -> InstanceId {
    InstanceId::new(format!("i-{name}"))
}

pub(super) fn filter(key: &str) -> TagFilter {
    TagFilter { key: key.into(), value: None }
}

pub(super) fn tags(keys: &[&str]) -> Vec<Tag> {
    keys.iter().map(|key| Tag::new(key, "x")).collect()
}

/// A secondary interface on an instance; `None`: a free one.
pub(super) fn interface(on: Option<&str>) -> InterfaceFacts {
    InterfaceFacts {
        delete_on_release: Some(true),
        interface_type: Some(InterfaceType::Secondary),
        status: Some(if on.is_some() { InterfaceStatus::InUse } else { InterfaceStatus::Available }),
        instance: Some(on.map(host)),
        service_managed: Some(false),
        tags: Some(tags(&[])),
        ..InterfaceFacts::default()
    }
}

/// An instance with these tags, whose own list holds these interfaces.
pub(super) fn instance(keys: &[&str], lists: &[&str]) -> InstanceFacts {
    let interfaces = Some(lists.iter().map(|name| eni(name)).collect());
    InstanceFacts {
        deletion_protection: Some(false),
        tags: Some(tags(keys)),
        surroundings: Some(Surroundings { interfaces, ..Surroundings::default() }.into()),
        ..InstanceFacts::pay_as_you_go()
    }
}

/// Budgets that are out of the way.
pub(super) fn settings() -> Settings {
    let limit = Limit { per_minute: 600, burst: 100 };
    Settings {
        sweep_interval: Duration::from_mins(1),
        reads: limit,
        writes: limit,
        reads_in_flight: 8,
        writes_in_flight: 8,
        seed: 1,
    }
}

/// The instances and interfaces of a region, and what objects ask of them.
pub(super) struct Region {
    pub context: Context,
    pub reporter: Reporter,
    pub instances: Targets<Instance>,
    pub interfaces: Targets<Interface>,
}

impl Region {
    pub fn new() -> Self {
        Self {
            context: Context::new(Jitter::new(1)),
            reporter: Reporter::new(Duration::from_mins(2)),
            instances: Targets::new(settings()),
            interfaces: Targets::new(settings()),
        }
    }

    /// What is known of interfaces, and of the instances that they are on.
    pub fn look<T>(&mut self, look: impl FnOnce(View<'_, Interface>) -> T) -> T {
        self.step(|interfaces, turn| look(interfaces.view(turn)))
    }

    /// What is known of instances.
    pub fn look_at_hosts<T>(&self, look: impl FnOnce(&View<'_, Instance>) -> T) -> T {
        look(&self.instances.as_hosts(NOW, &self.context, &self.reporter))
    }

    /// A step about interfaces.
    pub fn step<T>(&mut self, step: impl FnOnce(&mut Targets<Interface>, &mut Turn<'_>) -> T) -> T {
        self.step_at(NOW, step)
    }

    /// The same, at this moment.
    pub fn step_at<T>(
        &mut self,
        now: Moment,
        step: impl FnOnce(&mut Targets<Interface>, &mut Turn<'_>) -> T,
    ) -> T {
        let Self { context, reporter, instances, interfaces } = self;
        let hosts = instances.as_hosts(now, context, reporter);
        step(interfaces, &mut Turn { now, context, reporter, hosts: Some(&hosts) })
    }
}

/// An object asks this.
pub(super) fn ask<'a, R: Resource>(
    targets: &'a mut Targets<R>,
    name: &ObjectId,
    intent: Intent<R>,
) -> &'a mut Object<R> {
    let mut tag_epoch = targets.keys.need(&intent.selector);
    if intent.enumerates {
        tag_epoch = tag_epoch.max(targets.keys.need_surroundings());
    }
    let known = targets.inventory.iter().map(|(id, _)| (id, targets.inventory.tags(id)));
    targets.index.insert(name, &intent.selector, &known);
    let asked = Object { tag_epoch, ..Object::following(None, 1, intent, (NOW, CallId(1))) };
    targets.objects.insert(name.clone(), asked);
    targets.objects.get_mut(name).unwrap()
}

/// A read that was sent then, in this call, showed a target.
pub(super) fn show<R: Resource>(
    targets: &mut Targets<R>,
    id: &R::Id,
    facts: R::Facts,
    (sent, call): (u64, u64),
) {
    if let Some(new) = R::tags(&facts) {
        let old = targets.inventory.tags(id).to_vec();
        targets.index.retag(id, &old, new);
    }
    targets.index.move_to(id, targets.inventory.place(id).instance(), R::place(&facts).instance());
    let evidence = Evidence {
        facts,
        seen: at(sent),
        call: CallId(call),
        request_id: RequestId::new("R"),
        tag_epoch: targets.keys.epoch(),
    };
    targets.inventory.observe(id, evidence);
}

/// It was proven then that there is no such target.
pub(super) fn prove_gone<R: Resource>(targets: &mut Targets<R>, id: &R::Id, since: u64) {
    targets.inventory.expect(id);
    targets.inventory.lack(id, CallId(40)).unwrap().proven = Some(at(since));
    targets.inventory.void(id);
}
