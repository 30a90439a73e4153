//! Protected wins: who wants a flag protected on a target, and whom an unprotecting write would take it from.

use super::membership::{Member, selectors_of};
use super::object::Object;
use super::suspension::{steps_aside, steps_aside_until};
use super::view::View;
use crate::flag::{Flag, Id};
use crate::id::{InstanceId, ObjectId};
use crate::instance::Instance;
use crate::resource::Resource;
use crate::wall_clock::WallTime;

/// Whether an object holds the flag on a target that it selects. In doubt it does.
pub(super) fn holds<F: Flag>(view: View<'_, F::Of>, object: &Object<F::Of>, id: &Id<F>) -> bool {
    F::holds(&object.intent) && steps_aside(view, object, id) != Some(true)
}

/// Whether an object has the protected value written on a target that it selects. In doubt it does not.
pub(super) fn enforces<F: Flag>(view: View<'_, F::Of>, object: &Object<F::Of>, id: &Id<F>) -> bool {
    F::enforces(&object.intent) && steps_aside(view, object, id) == Some(false)
}

/// Whether an object steps aside for the instance that a target is on; `None`: the clock was not read yet.
fn steps_aside_for_host<R: Resource>(view: View<'_, R>, name: &ObjectId, id: &R::Id) -> Option<bool> {
    asked_of_host(view, name, id)
        .map_or(Some(false), |(hosts, object, instance)| steps_aside(hosts, object, instance))
}

/// What an object asks of the instance that a target is on.
fn asked_of_host<'a, R: Resource>(
    view: View<'a, R>,
    name: &ObjectId,
    id: &R::Id,
) -> Option<(View<'a, Instance>, &'a Object<Instance>, &'a InstanceId)> {
    let hosts = view.hosts?;
    let place = view.inventory.place(id).instance().or_else(|| view.index.listed_by(id).first());
    Some((*hosts, hosts.objects.get(name)?, place?))
}

/// Until when an object steps aside for a target, or for the instance that it is on; `None`: it does not.
pub(super) fn left_until<R: Resource>(
    view: View<'_, R>,
    (name, object): (&ObjectId, &Object<R>),
    id: &R::Id,
) -> Option<WallTime> {
    let on_host = || {
        let (hosts, object, instance) = asked_of_host(view, name, id)?;
        steps_aside_until(hosts, object, instance)
    };
    steps_aside_until(view, object, id).or_else(on_host)
}

/// Whether an object that selects a target through its host has the protected value written on it. In doubt it does not.
pub(super) fn enforces_on_host<F: Flag>(
    view: View<'_, F::Of>,
    (name, object): (&ObjectId, &Object<F::Of>),
    id: &Id<F>,
) -> bool {
    enforces::<F>(view, object, id) && steps_aside_for_host(view, name, id) == Some(false)
}

/// An object that has the protected value written on this target.
pub(super) fn enforcer<'a, F: Flag>(view: View<'a, F::Of>, id: &'a Id<F>) -> Option<&'a ObjectId> {
    selectors_of(view, id)
        .find(|(name, object, member)| {
            *member == Member::Yes && enforces_on_host::<F>(view, (name, object), id)
        })
        .map(|(name, ..)| name)
}

/// Whether any object but this one holds the flag on the target. In doubt it does.
pub(super) fn held_by_other<F: Flag>(view: View<'_, F::Of>, id: &Id<F>, than: &ObjectId) -> bool {
    holders::<F>(view, id, than).next().is_some()
}

/// The objects but this one that hold the flag on the target. In doubt one does.
pub(super) fn holders<'a, F: Flag>(
    view: View<'a, F::Of>,
    id: &'a Id<F>,
    than: &ObjectId,
) -> impl Iterator<Item = &'a ObjectId> {
    let selecting = selectors_of(view, id).filter(move |(name, object, _)| {
        *name != than && holds::<F>(view, object, id) && steps_aside_for_host(view, name, id) != Some(true)
    });
    selecting.map(|(name, ..)| name)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::deletion_protection::DeletionProtection;
    use crate::engine::fixtures::{FRESH, NOW, Region, ask, host, instance, object, show};
    use crate::exception::{Exception, ExceptionPhase, ExceptionRecord};
    use crate::intent::{Intent, Rights, Selector};
    use crate::lift::{Lift, LiftPhase, LiftRecord, Removal};
    use crate::wall_clock::WallTime;

    /// The 1000th second of the monotonic clock is the 101,000th by the wall clock.
    fn wall(second: u64) -> WallTime {
        WallTime::at(Duration::from_secs(100_000 + second))
    }

    fn excepted() -> Intent<Instance> {
        let entry = Exception { until: wall(1100), reason: "r".into() };
        let selector = Selector { ids: [host("a"), host("b")].into(), ..Selector::default() };
        let exceptions = [(host("a"), entry)].into();
        Intent { exceptions, may: Rights::ALL, ..Intent::of(selector) }
    }

    /// Whether the object o has the instance protected, and whether it holds it against another one.
    fn stands(region: &Region, id: &str) -> (bool, bool) {
        let id = host(id);
        region.look_at_hosts(|view| {
            let enforced = enforcer::<DeletionProtection>(*view, &id).is_some();
            (enforced, held_by_other::<DeletionProtection>(*view, &id, &object("other")))
        })
    }

    #[test]
    fn i53_an_object_steps_aside_for_one_target_from_when_that_is_durable_until_its_end() {
        use ExceptionPhase::{Expired, InForce, Waiting};
        let record = |ends, phase| {
            let carried_out = phase == InForce;
            Some(ExceptionRecord { until: wall(1100), ends: wall(ends), phase, carried_out })
        };
        let clock = Some(wall(1000));
        for (why, record, clock, expected) in [
            ("it is not durable", None, clock, (true, true)),
            ("it is", record(1100, Waiting), clock, (false, false)),
            ("it was carried out", record(1100, InForce), clock, (false, false)),
            ("it ends earlier, and has", record(1000, InForce), clock, (true, true)),
            ("status would have it end later", record(9999, InForce), Some(wall(1100)), (true, true)),
            ("it is over once and for all", record(1100, Expired), clock, (true, true)),
            ("nobody knows what time it is", record(1100, InForce), None, (false, true)),
        ] {
            let mut region = Region::new();
            let asked = ask(&mut region.instances, &object("o"), excepted());
            asked.aside.exceptions.extend(record.map(|record| (host("a"), record)));
            for name in ["a", "b"] {
                show(&mut region.instances, &host(name), instance(&[], &[]), FRESH);
            }
            if let Some(says) = clock {
                region.context.read_wall_clock(NOW, says);
            }
            assert_eq!(stands(&region, "a"), expected, "{why}");
            assert_eq!(stands(&region, "b"), (true, true), "{why}: it is about the other one");
        }
    }

    #[test]
    fn i54_an_object_steps_aside_for_a_machine_that_goes_for_a_quarter_of_an_hour() {
        type Change = fn(&mut Intent<Instance>);
        let cases: [(&str, u64, Removal, Change, bool); 7] = [
            ("the release is due", 900, Removal::Due, |_| {}, true),
            ("it goes", 900, Removal::Going, |_| {}, true),
            ("it comes back", 900, Removal::Withdrawn, |_| {}, false),
            ("it should be gone by now", 100, Removal::Going, |_| {}, false),
            ("the spec does not say so", 900, Removal::Due, |intent| intent.lift = false, false),
            ("it may not", 900, Removal::Due, |intent| intent.may.unprotect = false, false),
            ("it only observes", 900, Removal::Due, |intent| intent.observe = true, false),
        ];
        for (why, since, removal, change, aside) in cases {
            let mut region = Region::new();
            let lifts = [(host("a"), Lift { node: "node".into(), removal, selected: true })].into();
            let mut intent = Intent { lift: true, lifts, exceptions: [].into(), ..excepted() };
            change(&mut intent);
            let observes = intent.observe;
            let asked = ask(&mut region.instances, &object("o"), intent);
            let (node, phase) = ("node".into(), LiftPhase::InForce);
            asked.aside.lifted.insert(host("a"), LiftRecord { node, since: wall(since), phase });
            show(&mut region.instances, &host("a"), instance(&[], &[]), FRESH);
            region.context.read_wall_clock(NOW, wall(1000));
            assert_eq!(stands(&region, "a"), (!aside && !observes, !aside), "{why}");
        }
    }
}
