//! Karpenter removes a machine: protection steps aside at the moment of its release, and comes back if the machine stays.

use std::time::Duration;

use keeper_core::conditions::Status;
use keeper_core::exception::{Exception, ExceptionPhase};
use keeper_core::failure::Class;
use keeper_core::id::InstanceId;
use keeper_core::instance::Instance;
use keeper_core::intent::{Intent, Rights, Selector};
use keeper_core::lift::{LiftPhase, LiftRecords, Removal};
use keeper_core::reason::Reason;

use crate::world::{CALL_FAULTS, Fault, INTERVAL, World, behind_nodes, by_ids, enabled, filter, i, secs};

const POOL: &[(&str, &str)] = &[("karpenter.sh/nodepool", "default")];

fn lifting(machines: &[&str]) -> Intent<Instance> {
    Intent { lift: true, ..enabled(behind_nodes(machines)) }
}

/// The object a keeps three machines of Karpenter's protected, and steps aside for them.
fn pool() -> World {
    let mut world = World::new();
    for name in ["i-a", "i-b", "i-c"] {
        world.machine(name, POOL);
    }
    world.apply("a", lifting(&["i-a", "i-b", "i-c"]));
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert!(risks(&world).is_empty(), "it is no risk any more that Karpenter owns them");
    world
}

fn risks(world: &World) -> Vec<Reason> {
    world.part("a").counts.risks.keys().copied().collect()
}

/// The writes of a machine so far: of the unprotected value, and of the protected one.
fn writes(world: &World, name: &str) -> (usize, usize) {
    let of = |protected| world.arrived.iter().filter(|w| w.id == name && w.protected == protected).count();
    (of(false), of(true))
}

fn lifted(world: &World) -> Vec<&str> {
    world.store["a"].lifted.keys().map(InstanceId::as_str).collect()
}

/// Why the object does not step aside.
fn refused(world: &World) -> Vec<Reason> {
    world.part("a").not_lifted.keys().copied().collect()
}

/// Reason of Stalled, if it is.
fn stalled(world: &World) -> Option<Reason> {
    let stalled = &world.condition_set("a").stalled;
    (stalled.status == Status::True).then_some(stalled.reason)
}

fn is_ready(world: &World) -> bool {
    world.condition_set("a").ready.status == Status::True
}

#[test]
fn i54_a_machine_is_unprotected_when_its_release_is_the_next_step_and_then_it_goes() {
    let mut world = pool();
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(10));
    assert!(!world.protected("i-a"));
    assert_eq!(lifted(&world), ["i-a"]);
    assert_eq!(world.says("a"), (Status::True, Reason::ProtectedButExceptions));
    let message = &world.condition_set("a").domain.message;
    assert!(message.ends_with("Excepted: i-a, which Karpenter removes with Node node-of-i-a."), "{message}");
    assert!(is_ready(&world));
    assert_eq!(risks(&world), [Reason::Lifted]);
    world.karpenter("a", "i-a", Some(Removal::Going));
    world.release("i-a");
    world.run(INTERVAL * 4);
    assert_eq!(world.says("a").0, Status::True, "it goes before its Node does");
    world.nodes("a", &["i-b", "i-c"]);
    world.karpenter("a", "i-a", None);
    world.run(INTERVAL * 4);
    assert_eq!((lifted(&world), world.says("a")), (Vec::new(), (Status::True, Reason::AllProtected)));
    let told: Vec<(&str, bool)> =
        world.store["a"].told.iter().map(|loss| (loss.id.as_ref(), loss.grave)).collect();
    assert_eq!(told, [("i-a", false)]);
    assert_eq!(writes(&world, "i-a"), (1, 1));
    assert!(world.arrived.iter().all(|w| w.id == "i-a" || w.protected), "all others stay protected");
    assert_eq!(world.orphans, []);
    let (reports, actions, reads) = (world.store["a"].reports, world.actions, world.reads.len());
    world.run(secs(1000));
    assert_eq!(world.store["a"].reports, reports, "I37");
    assert_eq!(world.actions - actions, world.reads.len() - reads, "nothing at rest");
}

#[test]
fn i54_nothing_is_lifted_before_that() {
    for removal in [Removal::Going, Removal::Withdrawn] {
        let mut world = pool();
        world.karpenter("a", "i-a", Some(removal));
        world.run(INTERVAL * 3);
        assert_eq!((writes(&world, "i-a").0, lifted(&world)), (0, Vec::new()), "{removal:?}");
    }
}

#[test]
fn i54_what_still_exists_a_quarter_of_an_hour_later_is_protected_again_and_told() {
    for (why, restarts) in [("as it is", false), ("after a restart", true)] {
        let mut world = pool();
        world.karpenter("a", "i-a", Some(Removal::Due));
        world.run(secs(30));
        world.nodes("a", &["i-b", "i-c"]);
        world.karpenter("a", "i-a", None);
        if restarts {
            world.run(secs(100));
            world.restart();
        }
        world.run(secs(700));
        assert!(!world.protected("i-a"), "{why}");
        assert_eq!(lifted(&world), ["i-a"], "{why}: it stays a target without its Node");
        world.run(secs(250));
        assert!(world.protected("i-a"), "{why}");
        assert_eq!(writes(&world, "i-a"), (1, 2), "{why}");
        let orphans: Vec<&str> = world.orphans.iter().map(InstanceId::as_str).collect();
        assert_eq!(orphans, ["i-a"], "{why}");
        world.run(INTERVAL * 5);
        assert_eq!(lifted(&world), [""; 0], "{why}");
        assert_eq!(world.orphans.len(), 1, "{why}: it is told once");
    }
}

#[test]
fn i54_a_node_or_node_claim_that_comes_back_is_protected_at_once() {
    let mut world = pool();
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(30));
    assert!(!world.protected("i-a"));
    world.karpenter("a", "i-a", Some(Removal::Withdrawn));
    world.run(secs(10));
    assert!(world.protected("i-a"));
    world.run(INTERVAL);
    assert_eq!((lifted(&world), world.orphans.len()), (Vec::new(), 0));
    // It is to go again later.
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(30));
    assert!(!world.protected("i-a"));
}

#[test]
fn i54_what_stands_against_it_is_told_and_nothing_is_lifted() {
    type Change = fn(&mut World);
    let cases: [(&str, Change, Reason, bool); 5] = [
        (
            "another object holds it",
            |world| world.apply("b", enabled(by_ids(&["i-a"]))),
            Reason::Conflict,
            true,
        ),
        ("no tag of Karpenter's", |world| world.tag("i-a", &[("env", "prod")]), Reason::NotKarpenters, true),
        (
            "no right",
            |world| {
                let intent = lifting(&["i-a", "i-b", "i-c"]);
                world.apply("a", Intent { may: Rights::default(), ..intent });
            },
            Reason::NotGranted,
            true,
        ),
        (
            "it only observes",
            |world| world.apply("a", Intent { observe: true, ..lifting(&["i-a", "i-b", "i-c"]) }),
            Reason::KarpenterOwned,
            false,
        ),
        (
            "it can't be read",
            |world| world.alter("i-a", |machine| machine.facts.tags = None),
            Reason::FieldUnreadable,
            true,
        ),
    ];
    for (why, change, reason, stuck) in cases {
        let mut world = pool();
        change(&mut world);
        world.run(INTERVAL * 2);
        world.karpenter("a", "i-a", Some(Removal::Due));
        world.run(INTERVAL * 2);
        assert_eq!((writes(&world, "i-a").0, lifted(&world)), (0, Vec::new()), "{why}");
        assert!(world.protected("i-a"), "{why}");
        assert_eq!(refused(&world), [reason], "{why}");
        assert_eq!(stalled(&world).is_some(), stuck, "{why}: {:?}", world.condition_set("a"));
    }
}

#[test]
fn i54_without_lift_in_the_spec_or_when_it_is_taken_back_nothing_steps_aside() {
    let mut world = pool();
    world.apply("a", enabled(behind_nodes(&["i-a", "i-b", "i-c"])));
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(INTERVAL * 2);
    assert_eq!(writes(&world, "i-a").0, 0);
    assert_eq!(risks(&world), [Reason::KarpenterOwned]);
    world.apply("a", lifting(&["i-a", "i-b", "i-c"]));
    world.run(INTERVAL);
    assert!(!world.protected("i-a"));
    world.apply("a", enabled(behind_nodes(&["i-a", "i-b", "i-c"])));
    world.run(secs(10));
    assert!(world.protected("i-a"));
    assert_eq!(writes(&world, "i-a"), (1, 2));
}

#[test]
fn i54_when_nothing_stands_against_it_any_more_it_is_lifted() {
    let mut world = pool();
    world.apply("b", enabled(by_ids(&["i-a"])));
    world.run(INTERVAL * 2);
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(INTERVAL * 2);
    assert_eq!((refused(&world), stalled(&world)), (vec![Reason::Conflict], Some(Reason::Conflict)));
    world.delete("b");
    world.run(secs(20));
    assert!(!world.protected("i-a"));
    assert!(is_ready(&world));
}

#[test]
fn i54_a_lift_that_is_taken_back_without_the_node_leaves_the_machine_protected() {
    let mut world = pool();
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(30));
    world.store.get_mut("a").unwrap().removals.clear();
    world.apply("a", enabled(behind_nodes(&["i-b", "i-c"])));
    world.run(INTERVAL);
    assert!(world.protected("i-a"));
    assert_eq!(lifted(&world), [""; 0]);
}

#[test]
fn i14_i53_what_is_a_target_only_because_it_was_lifted_is_not_excepted() {
    for (why, refused_for) in [("it is protected at once", 0), ("the cloud takes no write for a while", 100)]
    {
        let mut world = pool();
        world.karpenter("a", "i-a", Some(Removal::Due));
        world.run(secs(30));
        assert!(!world.protected("i-a"), "{why}");
        let exception = Exception { until: world.time_in(3000), reason: "it has to go".into() };
        let exceptions = [(i("i-a"), exception)].into();
        world.store.get_mut("a").unwrap().removals.clear();
        world.cloud.mood.writes_fail = (refused_for > 0).then_some(Class::Transient);
        world.apply("a", Intent { exceptions, ..enabled(behind_nodes(&["i-b", "i-c"])) });
        world.run(secs(refused_for));
        world.cloud.mood.writes_fail = None;
        world.run(INTERVAL * 5);
        assert!(world.protected("i-a"), "{why}: its Node is not selected");
        assert_eq!(lifted(&world), [""; 0], "{why}");
        assert_eq!(writes(&world, "i-a"), (1, 2), "{why}");
        let said: Vec<_> = world.part("a").exceptions.iter().map(|entry| entry.phase).collect();
        assert_eq!(said, [ExceptionPhase::NotSelected], "{why}");
    }
}

#[test]
fn i54_an_exception_that_has_ended_does_not_keep_a_machine_from_being_lifted() {
    let mut world = pool();
    let exception = Exception { until: world.time_in(-10), reason: "too late".into() };
    let exceptions = [(i("i-a"), exception)].into();
    world.apply("a", Intent { exceptions, ..lifting(&["i-a", "i-b", "i-c"]) });
    world.run(INTERVAL);
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(30));
    assert!(!world.protected("i-a"));
}

#[test]
fn i54_two_objects_that_both_step_aside_let_it_go() {
    let mut world = pool();
    world.apply("b", lifting(&["i-a"]));
    world.run(INTERVAL);
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(INTERVAL);
    assert_eq!(writes(&world, "i-a").0, 0, "the other one does not see it");
    world.karpenter("b", "i-a", Some(Removal::Due));
    world.run(INTERVAL);
    assert!(!world.protected("i-a"));
}

#[test]
fn i54_ten_at_a_time_are_lifted_and_the_rest_later() {
    let mut world = World::new();
    let names: Vec<String> = (0..13).map(|n| format!("i-{n:05}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.machines(13, POOL);
    world.apply("a", lifting(&names));
    world.run(INTERVAL * 2);
    for name in &names {
        world.karpenter("a", name, Some(Removal::Due));
    }
    world.run(INTERVAL * 2);
    let off = |world: &World| names.iter().filter(|name| !world.protected(name)).count();
    assert_eq!((off(&world), lifted(&world).len(), refused(&world)), (10, 10, vec![Reason::TooManyLifts]));
    world.restart();
    world.run(INTERVAL * 2);
    assert_eq!(off(&world), 10, "a restart begins no new count");
    for name in &names[..10] {
        world.release(name);
        world.karpenter("a", name, None);
    }
    world.nodes("a", &names[10..]);
    world.run(INTERVAL);
    world.withdraw("a");
    world.run(secs(1));
    world.deliver("a");
    world.run(INTERVAL);
    let left = |world: &World| names[10..].iter().filter(|name| world.protected(name)).count();
    assert_eq!(
        (left(&world), lifted(&world)),
        (3, Vec::new()),
        "nor does an object that was away for a moment"
    );
    world.run(secs(600));
    assert_eq!(left(&world), 0);
}

#[test]
fn i54_one_in_twenty_of_the_selected_nodes_are_lifted_if_that_is_more() {
    let mut world = World::new();
    let names: Vec<String> = (0..240).map(|n| format!("i-{n:05}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.machines(240, POOL);
    world.apply("a", lifting(&names));
    world.run(INTERVAL * 3);
    for name in &names[..20] {
        world.karpenter("a", name, Some(Removal::Due));
    }
    world.run(INTERVAL * 2);
    let off = |world: &World| names.iter().filter(|name| !world.protected(name)).count();
    assert_eq!((off(&world), lifted(&world).len(), refused(&world)), (12, 12, vec![Reason::TooManyLifts]));
    world.run(secs(600));
    assert_eq!(off(&world), 20);
}

/// Somebody switches these off, and five writes in a row are denied: for ten minutes no flag is written.
fn stop_writes(world: &mut World, unprotected: &[&str]) {
    world.cloud.mood.writes_fail = Some(Class::Permission);
    for name in unprotected {
        world.flip(name, false);
    }
    for _ in 0..600 {
        if world.refused.len() < 5 {
            world.run(secs(1));
        }
    }
    assert!(world.refused.len() >= 5);
    world.cloud.mood.writes_fail = None;
}

/// The object keeps eight machines of Karpenter's protected, and steps aside for them.
fn pool_of_eight() -> (World, Vec<String>) {
    let mut world = World::new();
    world.machines(8, POOL);
    let names: Vec<String> = (0..8).map(|n| format!("i-{n:05}")).collect();
    world.apply("a", lifting(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    world.run(INTERVAL * 2);
    (world, names)
}

#[test]
fn i29_i54_what_is_to_be_lifted_while_all_writes_rest_is_lifted_after_it() {
    let (mut world, names) = pool_of_eight();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    stop_writes(&mut world, &names[1..6]);
    world.karpenter("a", names[0], Some(Removal::Due));
    world.run(secs(400));
    assert!(world.protected(names[0]));
    assert_eq!(phases(&world), [LiftPhase::Waiting]);
    assert_eq!(
        (world.says("a"), stalled(&world)),
        ((Status::False, Reason::PermissionDenied), Some(Reason::PermissionDenied))
    );
    world.run(secs(400));
    assert!(!world.protected(names[0]) && names[1..].iter().all(|name| world.protected(name)));
    assert_eq!((phases(&world), is_ready(&world)), (vec![LiftPhase::InForce], true));
    world.run(secs(900));
    assert!(world.protected(names[0]));
    assert_eq!((phases(&world), stalled(&world)), (vec![LiftPhase::Expired], Some(Reason::NotReleased)));
    assert_eq!(writes(&world, names[0]), (1, 2));
}

#[test]
fn i29_i54_what_is_lifted_when_all_writes_come_to_rest_is_told_and_protected_after_it() {
    let (mut world, names) = pool_of_eight();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.karpenter("a", names[0], Some(Removal::Due));
    world.run(secs(840));
    assert!(!world.protected(names[0]));
    stop_writes(&mut world, &names[1..6]);
    for name in &names[1..6] {
        // Somebody puts them right. What is left is the lift.
        world.flip(name, true);
    }
    world.run(secs(200));
    assert!(!world.protected(names[0]));
    let lift = &world.part("a").lifted[0];
    assert_eq!((lift.phase, lift.reason), (LiftPhase::InForce, Some(Reason::Correcting)));
    assert_eq!(world.says("a").0, Status::False, "it is over, and the machine is unprotected");
    assert!(!is_ready(&world));
    world.run(secs(700));
    assert!(world.protected(names[0]));
    assert_eq!((phases(&world), stalled(&world)), (vec![LiftPhase::Expired], Some(Reason::NotReleased)));
    assert_eq!(writes(&world, names[0]), (1, 2));
}

#[test]
fn i16_i54_nothing_is_lifted_while_the_circuit_breaker_is_open_and_what_was_is_protected_again() {
    let mut world = World::new();
    let names: Vec<String> = (0..70).map(|n| format!("i-{n:05}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.machines(70, POOL);
    world.apply("a", lifting(&names));
    world.run(INTERVAL * 2);
    world.karpenter("a", names[0], Some(Removal::Due));
    world.run(secs(830));
    assert!(!world.protected(names[0]));
    for name in &names[10..] {
        world.flip(name, false);
    }
    world.run(INTERVAL + secs(5));
    assert!(world.circuit_open());
    world.karpenter("a", names[1], Some(Removal::Due));
    world.run(secs(20));
    assert!(world.circuit_open());
    assert_eq!(refused(&world), [Reason::CircuitBreaker]);
    assert!(world.protected(names[0]), "its quarter of an hour is over");
    assert!(world.protected(names[1]));
    world.run(INTERVAL * 5);
    assert!(!world.circuit_open());
    assert!(!world.protected(names[1]));
    assert_eq!((writes(&world, names[0]), writes(&world, names[1]).0), ((1, 2), 1));
}

#[test]
fn i54_each_lift_counts_once_however_far_it_has_come() {
    let mut world = World::new();
    let names: Vec<String> = (0..11).map(|n| format!("i-{n:05}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.machines(11, POOL);
    world.apply("a", lifting(&names));
    world.run(INTERVAL * 2);
    for some in [&names[..6], &names[6..10], &names[10..]] {
        for name in some {
            world.karpenter("a", name, Some(Removal::Due));
        }
        world.run(secs(60));
    }
    assert_eq!((lifted(&world).len(), refused(&world)), (10, vec![Reason::TooManyLifts]));
}

#[test]
fn i54_whatever_is_lost_or_crashes_it_is_lifted_and_comes_back() {
    let calm = {
        let mut world = pool();
        let actions = world.actions;
        world.karpenter("a", "i-a", Some(Removal::Due));
        world.run(secs(100));
        world.actions - actions
    };
    for number in 0..calm.min(30) {
        for fault in CALL_FAULTS.iter().chain(&[Fault::Crash, Fault::CrashTold]) {
            let mut world = pool();
            world.faults.insert(world.actions + number, *fault);
            world.karpenter("a", "i-a", Some(Removal::Due));
            world.run(secs(300));
            assert!(!world.protected("i-a"), "{fault:?} at {number}");
            world.faults.clear();
            world.karpenter("a", "i-a", Some(Removal::Going));
            world.faults.insert(world.actions + number, *fault);
            world.run(secs(1200));
            assert!(world.protected("i-a"), "{fault:?} at {number}");
            assert_eq!(lifted(&world), [""; 0], "{fault:?} at {number}");
            assert!(writes(&world, "i-a").0 <= 2, "{fault:?} at {number}");
            assert!(world.arrived.iter().all(|w| w.id == "i-a" || w.protected), "{fault:?} at {number}");
        }
    }
}

#[test]
fn i20_nothing_is_lifted_before_that_is_durable() {
    let mut world = pool();
    world.refuse_status("a", true);
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(INTERVAL * 2);
    assert_eq!(writes(&world, "i-a").0, 0);
    world.refuse_status("a", false);
    world.run(INTERVAL);
    assert_eq!(writes(&world, "i-a").0, 1);
}

#[test]
fn i54_what_goes_before_status_could_say_that_it_is_lifted_stays_held() {
    for (why, told_of_it) in [("status never said so", false), ("status says so, too late", true)] {
        let mut world = pool();
        if told_of_it {
            world.cloud.mood.stale_view = true;
        } else {
            world.refuse_status("a", true);
        }
        world.karpenter("a", "i-a", Some(Removal::Due));
        world.run(secs(10));
        assert_eq!((lifted(&world).len(), world.protected("i-a")), (usize::from(told_of_it), true), "{why}");
        world.karpenter("a", "i-a", Some(Removal::Going));
        world.refuse_status("a", false);
        world.cloud.mood.stale_view = false;
        world.run(secs(10));
        assert_eq!((lifted(&world).len(), writes(&world, "i-a").0), (0, 0), "{why}");
        world.flip("i-a", false);
        world.run(INTERVAL * 2);
        assert!(world.protected("i-a"), "{why}");
        assert_eq!(world.orphans, [], "{why}: it was never lifted");
    }
}

#[test]
fn i54_an_object_that_selects_all_instances_blocks_it_unless_it_excludes_the_tag() {
    let mut world = pool();
    let mut all = enabled(crate::world::by_tag("none", "none"));
    (all.selector.tags, all.selector.all) = (Vec::new(), true);
    world.apply("b", all.clone());
    world.run(INTERVAL * 2);
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(INTERVAL * 2);
    assert_eq!((writes(&world, "i-a").0, refused(&world)), (0, vec![Reason::Conflict]));
    let tag = filter("karpenter.sh/nodepool", "default");
    all.selector.exclude_tags = vec![tag];
    world.apply("b", all);
    world.run(INTERVAL * 2);
    assert!(!world.protected("i-a"));
}

#[test]
fn i12_what_somebody_protects_again_before_it_goes_is_left_alone() {
    let mut world = pool();
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(30));
    world.flip("i-a", true);
    world.run(INTERVAL * 3);
    assert!(world.protected("i-a"));
    assert_eq!(writes(&world, "i-a").0, 1);
}

/// Status and phase of each lift.
fn phases(world: &World) -> Vec<LiftPhase> {
    world.store["a"].lifted.values().map(|record| record.phase).collect()
}

#[test]
fn i12_i54_what_karpenter_can_not_release_is_lifted_once_for_a_removal_and_told() {
    for restarts in 0..8 {
        let case = format!("restarts {restarts:03b}");
        let step = |world: &mut World, number: u32, span| {
            world.run(span);
            if restarts & (1 << number) != 0 {
                world.restart();
                world.run(INTERVAL * 2);
            }
        };
        let mut world = pool();
        world.karpenter("a", "i-a", Some(Removal::Due));
        step(&mut world, 0, secs(30));
        assert_eq!((world.protected("i-a"), phases(&world)), (false, vec![LiftPhase::InForce]), "{case}");
        assert!(is_ready(&world), "{case}");
        step(&mut world, 1, secs(1000));
        step(&mut world, 2, secs(4 * 3600));
        assert!(world.protected("i-a"), "{case}");
        assert_eq!(writes(&world, "i-a"), (1, 2), "{case}");
        assert_eq!(phases(&world), [LiftPhase::Expired], "{case}");
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{case}");
        assert_eq!((stalled(&world), is_ready(&world)), (Some(Reason::NotReleased), false), "{case}");
        let message = &world.condition_set("a").stalled.message;
        assert!(message.contains("i-a") && message.contains("Node node-of-i-a"), "{message}");
        assert_eq!(world.orphans, [], "{case}: its Node is there");
        let (reports, actions, reads) = (world.store["a"].reports, world.actions, world.reads.len());
        world.run(secs(1000));
        assert_eq!(world.store["a"].reports, reports, "I37");
        assert_eq!(world.actions - actions, world.reads.len() - reads, "nothing at rest");
    }
}

#[test]
fn i54_what_was_lifted_in_vain_is_lifted_again_when_something_is_new() {
    type Change = fn(&mut World);
    let cases: [(&str, Change); 3] = [
        ("it is another removal", |world| {
            world.karpenter("a", "i-a", Some(Removal::Withdrawn));
            world.run(INTERVAL);
            world.karpenter("a", "i-a", Some(Removal::Due));
        }),
        ("somebody asks for it again", |world| {
            world.apply("a", enabled(behind_nodes(&["i-a", "i-b", "i-c"])));
            world.run(INTERVAL);
            world.apply("a", lifting(&["i-a", "i-b", "i-c"]));
        }),
        ("an exception", |world| {
            let exception = Exception { until: world.time_in(3000), reason: "it has to go".into() };
            let exceptions = [(i("i-a"), exception)].into();
            world.apply("a", Intent { exceptions, ..lifting(&["i-a", "i-b", "i-c"]) });
        }),
    ];
    for (why, change) in cases {
        let mut world = pool();
        world.karpenter("a", "i-a", Some(Removal::Due));
        world.run(secs(1500));
        assert_eq!(phases(&world), [LiftPhase::Expired], "{why}");
        change(&mut world);
        world.run(secs(30));
        assert!(!world.protected("i-a"), "{why}");
        assert_eq!(writes(&world, "i-a").0, 2, "{why}");
        assert_eq!(world.says("a"), (Status::True, Reason::ProtectedButExceptions), "{why}");
        assert!(is_ready(&world), "{why}");
        let message = &world.condition_set("a").domain.message;
        assert_eq!(message.contains("which Karpenter removes"), why != "an exception", "{why}: {message}");
    }
}

#[test]
fn i54_what_could_not_be_switched_off_is_lifted_when_it_can_be() {
    let mut world = pool();
    world.cloud.mood.writes_fail = Some(Class::Permission);
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(2000));
    assert!(world.protected("i-a"));
    assert_eq!(phases(&world), [LiftPhase::Waiting]);
    assert_eq!(stalled(&world), Some(Reason::PermissionDenied));
    world.cloud.mood.writes_fail = None;
    world.run(secs(1500));
    assert_eq!(writes(&world, "i-a").0, 1);
}

#[test]
fn i54_what_was_lifted_in_vain_and_loses_its_node_is_an_orphan() {
    let mut world = pool();
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(1500));
    assert_eq!(phases(&world), [LiftPhase::Expired]);
    world.nodes("a", &["i-b", "i-c"]);
    world.karpenter("a", "i-a", None);
    world.run(INTERVAL * 2);
    assert_eq!(world.orphans, [i("i-a")]);
    assert_eq!(lifted(&world), [""; 0]);
    assert!(world.protected("i-a"));
}

#[test]
fn i35_i54_a_clock_that_is_set_back_does_not_begin_it_anew() {
    let mut world = pool();
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(1500));
    world.set_clock(-1400);
    world.restart();
    world.run(INTERVAL);
    world.flip("i-a", false);
    world.run(INTERVAL * 2);
    assert!(world.protected("i-a"), "it is kept like all others");
    assert_eq!(writes(&world, "i-a").0, 1);
}

#[test]
fn i14_whoever_writes_into_status_has_it_lifted_no_second_time() {
    let mut world = pool();
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(1500));
    let since = world.time_in(0);
    world.store.get_mut("a").unwrap().lifted.values_mut().for_each(|record| {
        (record.phase, record.since) = (LiftPhase::Waiting, since);
    });
    world.store.get_mut("a").unwrap().version += 1;
    world.deliver("a");
    world.run(secs(1500));
    assert_eq!((writes(&world, "i-a").0, phases(&world)), (1, vec![LiftPhase::Expired]));
}

#[test]
fn i37_i54_what_is_decided_of_a_lift_and_what_status_says_of_it_do_not_chase_each_other() {
    type Change = fn(&mut World);
    fn removal(world: &mut World, removal: Removal) {
        world.karpenter("a", "i-a", Some(removal));
    }
    let cases: [(&str, &[Change]); 5] = [
        (
            "it begins, and goes at once",
            &[|world| removal(world, Removal::Due), |world| removal(world, Removal::Going)],
        ),
        (
            "it begins, and another object holds it",
            &[|world| removal(world, Removal::Due), |world| world.apply("b", enabled(by_ids(&["i-a"])))],
        ),
        (
            "it begins, is taken back, and begins anew",
            &[
                |world| removal(world, Removal::Due),
                |world| removal(world, Removal::Withdrawn),
                |world| removal(world, Removal::Due),
            ],
        ),
        (
            "somebody protects it, it is taken back, and goes",
            &[
                |world| {
                    removal(world, Removal::Due);
                    world.run(secs(30));
                    world.flip("i-a", true);
                    world.run(INTERVAL * 2);
                    removal(world, Removal::Withdrawn);
                },
                |world| removal(world, Removal::Going),
            ],
        ),
        (
            "somebody protects it, it is taken back, and begins anew",
            &[
                |world| {
                    removal(world, Removal::Due);
                    world.run(secs(30));
                    world.flip("i-a", true);
                    world.run(INTERVAL * 2);
                    removal(world, Removal::Withdrawn);
                },
                |world| removal(world, Removal::Due),
            ],
        ),
    ];
    for (why, changes) in cases {
        for millis in (0..=500).step_by(25) {
            let mut world = pool();
            for change in changes {
                change(&mut world);
                world.run(Duration::from_millis(millis));
            }
            world.run(secs(5));
            let reports = world.store["a"].reports;
            world.run(secs(600));
            let more = world.store["a"].reports - reports;
            assert!(more <= 3, "{why}, {millis} ms: {more} reports");
        }
    }
}

/// Protection of i-a was lifted, and status can't say so.
fn lifted_untold() -> World {
    let mut world = pool();
    world.cloud.mood.stale_view = true;
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(10));
    world.refuse_status("a", true);
    world.cloud.mood.stale_view = false;
    world.run(secs(60));
    assert_eq!((world.protected("i-a"), phases(&world)), (false, vec![LiftPhase::Waiting]));
    world
}

/// Somebody writes this into what status says of lifts.
fn forge(world: &mut World, how: impl FnOnce(&mut LiftRecords)) {
    let stored = world.store.get_mut("a").unwrap();
    how(&mut stored.lifted);
    stored.version += 1;
    world.deliver("a");
}

#[test]
fn i12_i54_a_lift_was_carried_out_however_long_the_object_is_away() {
    for (why, span) in [("it comes back in time", 60), ("protected again", 1200), ("for hours", 4 * 3600)] {
        let mut world = lifted_untold();
        world.apply("b", enabled(by_ids(&["i-b"])));
        world.run(secs(840));
        world.corrupt("a");
        world.run(secs(span));
        // What has to be forgotten is when another one is dropped.
        world.remove("b");
        world.run(secs(10));
        world.refuse_status("a", false);
        world.apply("a", lifting(&["i-a", "i-b", "i-c"]));
        world.run(secs(1200));
        assert!(world.protected("i-a"), "{why}");
        assert_eq!((writes(&world, "i-a").0, phases(&world)), (1, vec![LiftPhase::Expired]), "{why}");
    }
}

#[test]
fn i12_i14_a_lift_was_carried_out_whatever_status_says_of_when_it_began() {
    for ahead in [-60, 60] {
        let mut world = lifted_untold();
        world.corrupt("a");
        world.run(secs(10));
        world.flip("i-a", true);
        let since = world.time_in(ahead - 70);
        forge(&mut world, |lifted| lifted.get_mut(&i("i-a")).unwrap().since = since);
        world.refuse_status("a", false);
        world.apply("a", lifting(&["i-a", "i-b", "i-c"]));
        world.run(secs(120));
        assert_eq!((writes(&world, "i-a").0, phases(&world)), (1, vec![LiftPhase::InForce]), "{ahead}");
    }
}

#[test]
fn i12_i54_a_removal_that_has_to_wait_once_more_is_the_same() {
    for (why, lifted_for) in [("it was lifted in vain", 1500), ("it is lifted", 60)] {
        let mut world = pool();
        world.karpenter("a", "i-a", Some(Removal::Due));
        world.run(secs(lifted_for));
        for _ in 0..5 {
            world.karpenter("a", "i-a", Some(Removal::Pending));
            world.run(INTERVAL);
            assert_eq!((world.protected("i-a"), lifted(&world)), (true, vec!["i-a"]), "{why}");
            world.karpenter("a", "i-a", Some(Removal::Due));
            world.run(INTERVAL);
        }
        world.run(secs(1200));
        assert!(world.protected("i-a"), "{why}");
        assert_eq!((writes(&world, "i-a").0, phases(&world)), (1, vec![LiftPhase::Expired]), "{why}");
    }
}

#[test]
fn i12_i14_whoever_takes_a_lift_out_of_status_has_it_done_no_second_time() {
    for lifted_for in [60, 1500] {
        let mut world = pool();
        world.karpenter("a", "i-a", Some(Removal::Due));
        world.run(secs(lifted_for));
        let rows = world.store["a"].lifted.clone();
        // What was reported last can't be written once more at once.
        world.refuse_status("a", true);
        forge(&mut world, LiftRecords::clear);
        world.run(secs(30));
        world.refuse_status("a", false);
        world.run(secs(30));
        assert_eq!(world.store["a"].lifted, rows, "{lifted_for}");
        world.run(secs(1440));
        assert!(world.protected("i-a"), "{lifted_for}");
        assert_eq!((writes(&world, "i-a").0, phases(&world)), (1, vec![LiftPhase::Expired]), "{lifted_for}");
    }
}

#[test]
fn i54_whoever_takes_a_lift_out_of_status_leaves_nothing_unprotected() {
    let mut world = pool();
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(30));
    world.nodes("a", &["i-b", "i-c"]);
    world.karpenter("a", "i-a", None);
    world.run(secs(30));
    assert_eq!((world.protected("i-a"), lifted(&world)), (false, vec!["i-a"]));
    forge(&mut world, LiftRecords::clear);
    world.run(secs(1200));
    assert!(world.protected("i-a"));
    world.run(INTERVAL * 5);
    assert_eq!((writes(&world, "i-a").0, lifted(&world)), (1, Vec::new()));
}

#[test]
fn i12_i54_a_lift_was_carried_out_also_if_the_object_is_away_before_status_says_so() {
    type Change = fn(&mut World);
    let cases: [(&str, Change); 2] = [
        ("it can't be read", |world| world.corrupt("a")),
        ("it asks nothing here", |world| world.withdraw("a")),
    ];
    for (why, happen) in cases {
        let mut world = lifted_untold();
        happen(&mut world);
        world.run(secs(60));
        world.flip("i-a", true);
        world.refuse_status("a", false);
        world.apply("a", lifting(&["i-a", "i-b", "i-c"]));
        world.run(secs(120));
        assert!(world.protected("i-a"), "{why}");
        assert_eq!((writes(&world, "i-a").0, phases(&world)), (1, vec![LiftPhase::InForce]), "{why}");
    }
}

#[test]
fn i54_it_stays_a_target_until_it_is_protected_again() {
    let mut world = pool();
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(30));
    world.nodes("a", &["i-b", "i-c"]);
    world.karpenter("a", "i-a", None);
    world.run(secs(800));
    // The cloud takes no write for a while.
    for number in 0..40 {
        world.faults.insert(world.actions + number, Fault::Fail(keeper_core::failure::Class::Transient));
    }
    world.run(secs(200));
    assert_eq!(lifted(&world), ["i-a"]);
    world.faults.clear();
    world.run(secs(600));
    assert!(world.protected("i-a"));
    assert_eq!(lifted(&world), [""; 0]);
}

#[test]
fn i14_status_can_not_put_off_when_it_is_protected_again() {
    let mut world = pool();
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(30));
    let later = world.time_in(100_000);
    world.store.get_mut("a").unwrap().lifted.values_mut().for_each(|record| record.since = later);
    world.relist();
    world.karpenter("a", "i-a", Some(Removal::Going));
    world.run(secs(1000));
    assert!(world.protected("i-a"));
}

/// The object with an exception for i-a that runs on for an hour.
fn excepting(world: &World, intent: Intent<Instance>) -> Intent<Instance> {
    let exception = Exception { until: world.time_in(3600), reason: "it has to go".into() };
    Intent { exceptions: [(i("i-a"), exception)].into(), ..intent }
}

#[test]
fn i53_what_was_lifted_in_vain_and_is_excepted_stays_so_while_karpenter_releases_it() {
    let nodes = ["i-a", "i-b", "i-c"];
    for (why, restarts) in [("as it is", false), ("after a restart", true)] {
        let mut world = pool();
        world.karpenter("a", "i-a", Some(Removal::Due));
        world.run(secs(1500));
        let intent = excepting(&world, lifting(&nodes));
        world.apply("a", intent);
        world.run(secs(30));
        assert_eq!((world.protected("i-a"), phases(&world)), (false, vec![LiftPhase::Expired]), "{why}");
        world.karpenter("a", "i-a", Some(Removal::Going));
        if restarts {
            world.restart();
        }
        world.run(INTERVAL * 2);
        assert_eq!((world.protected("i-a"), writes(&world, "i-a")), (false, (2, 2)), "{why}: it goes");
        // Karpenter lets the Node go as soon as the cloud shows the machine no more.
        world.release("i-a");
        world.nodes("a", &["i-b", "i-c"]);
        world.karpenter("a", "i-a", None);
        world.run(INTERVAL * 4);
        assert_eq!(
            (writes(&world, "i-a"), world.orphans.len(), lifted(&world).len()),
            ((2, 2), 0, 0),
            "{why}"
        );
        let told: Vec<(&str, bool)> =
            world.store["a"].told.iter().map(|loss| (loss.id.as_ref(), loss.grave)).collect();
        assert_eq!(told, [("i-a", false)], "{why}");
    }
}

type Select = fn(&mut Selector<Instance>);

/// The ways in which a spec selects i-a.
const SELECTING: [(&str, Select); 3] = [
    ("by its Node", |selector| selector.node_ids = [i("i-a"), i("i-b")].into()),
    ("by id", |selector| selector.ids = [i("i-a")].into()),
    ("by tag", |selector| selector.tags = vec![filter("karpenter.sh/nodepool", "default")]),
];

/// An object that selects i-a like this has stepped aside for it.
fn lifted_from(why: &str, select: Select) -> (World, Intent<Instance>) {
    let mut world = pool();
    let mut intent = lifting(&["i-b"]);
    select(&mut intent.selector);
    world.apply("a", intent.clone());
    world.run(INTERVAL * 2);
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(30));
    assert!(!world.protected("i-a"), "{why}");
    (world, intent)
}

#[test]
fn i53_what_the_spec_selects_is_excepted_though_karpenter_has_it_released() {
    for (why, select) in SELECTING {
        let (mut world, intent) = lifted_from(why, select);
        world.karpenter("a", "i-a", Some(Removal::Going));
        world.run(secs(30));
        let intent = excepting(&world, intent);
        world.apply("a", intent);
        world.run(secs(1800));
        assert_eq!((world.protected("i-a"), writes(&world, "i-a")), (false, (1, 1)), "{why}");
        assert_eq!(world.says("a"), (Status::True, Reason::ProtectedButExceptions), "{why}");
        world.run(secs(3600));
        assert!(world.protected("i-a"), "{why}: the exception is over");
    }
}

#[test]
fn i53_what_the_spec_selects_stays_excepted_when_its_removal_is_taken_back() {
    for (why, select) in SELECTING {
        let (mut world, intent) = lifted_from(why, select);
        // Both within the time of the lift.
        let intent = excepting(&world, intent);
        world.apply("a", intent);
        world.run(secs(5));
        world.karpenter("a", "i-a", Some(Removal::Withdrawn));
        world.run(INTERVAL * 3);
        assert_eq!((world.protected("i-a"), writes(&world, "i-a")), (false, (1, 1)), "{why}");
        assert_eq!(world.says("a"), (Status::True, Reason::ProtectedButExceptions), "{why}");
        world.run(secs(3600));
        assert!(world.protected("i-a"), "{why}: the exception is over");
    }
}

#[test]
fn i53_what_was_lifted_is_excepted_though_its_tags_are_not_known_yet() {
    let (mut world, intent) = lifted_from("by tag", SELECTING[2].1);
    world.nodes("a", &["i-b"]);
    world.karpenter("a", "i-a", None);
    world.cloud.mood.writes_fail = Some(Class::Transient);
    let intent = excepting(&world, Intent { lift: false, ..intent });
    world.apply("a", intent);
    // When the exception ends is durable, and what is to be left unprotected is so already.
    while !world.store["a"].exceptions.contains_key(&i("i-a")) {
        world.run(Duration::from_millis(50));
    }
    world.cloud.mood.writes_fail = None;
    world.restart();
    world.run(INTERVAL * 3);
    let exception = world.store["a"].exceptions[&i("i-a")];
    assert_eq!((exception.phase, exception.carried_out), (ExceptionPhase::InForce, true));
    assert_eq!((world.protected("i-a"), writes(&world, "i-a")), (false, (1, 1)));
}

#[test]
fn i12_i54_as_long_as_it_is_not_known_what_karpenter_does_a_lift_is_not_forgotten() {
    for (why, lifted_for, restarts) in [
        ("it was lifted in vain", 1500, false),
        ("it was lifted in vain, and after a restart", 1500, true),
        ("it is lifted", 60, false),
        ("it is lifted, and after a restart", 60, true),
    ] {
        let mut world = pool();
        world.karpenter("a", "i-a", Some(Removal::Due));
        world.run(secs(lifted_for));
        let phases_before = phases(&world);
        let (ready, told) = (is_ready(&world), stalled(&world));
        world.karpenter("a", "i-a", Some(Removal::Unknown));
        if restarts {
            world.restart();
        }
        world.run(INTERVAL * 3);
        assert!(world.protected("i-a"), "{why}");
        assert_eq!((lifted(&world), phases(&world)), (vec!["i-a"], phases_before), "{why}");
        assert_eq!((is_ready(&world), stalled(&world)), (ready, told), "{why}");
        world.karpenter("a", "i-a", Some(Removal::Due));
        world.run(secs(3600));
        assert!(world.protected("i-a"), "{why}");
        assert_eq!((writes(&world, "i-a").0, phases(&world)), (1, vec![LiftPhase::Expired]), "{why}");
        assert_eq!(stalled(&world), Some(Reason::NotReleased), "{why}");
        // It is known that the removal came to nothing: the next one is another.
        world.karpenter("a", "i-a", Some(Removal::Withdrawn));
        world.run(INTERVAL * 2);
        assert_eq!(lifted(&world), [""; 0], "{why}");
    }
}

#[test]
fn i53_an_exception_that_outlasts_a_lift_is_told_as_one_from_then_on() {
    let mut world = pool();
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(secs(30));
    let intent = excepting(&world, lifting(&["i-a", "i-b", "i-c"]));
    world.apply("a", intent);
    world.run(secs(60));
    let row = |world: &World| {
        let row = world.part("a").rows.iter().find(|row| &*row.id == "i-a").unwrap();
        (row.reason, row.detail.as_deref().unwrap_or_default().to_owned())
    };
    assert_eq!((row(&world).0, risks(&world)), (Reason::Lifted, vec![Reason::Lifted]));
    world.run(secs(1000));
    let ends = world.store["a"].exceptions[&i("i-a")].ends;
    assert_eq!(row(&world), (Reason::Excepted, format!("until {ends}: it has to go")));
    assert_eq!(risks(&world), [Reason::Excepted]);
    assert_eq!(writes(&world, "i-a"), (1, 1));
    let message = &world.condition_set("a").domain.message;
    assert!(message.ends_with(&format!("Excepted: i-a until {ends}.")), "{message}");
}
