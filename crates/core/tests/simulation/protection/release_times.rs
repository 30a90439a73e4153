//! Automatic release times: taken away where that is asked for, never put back, and told of.

use keeper_core::conditions::Status;
use keeper_core::failure::Class;
use keeper_core::instance::{ChargeType, Instance};
use keeper_core::intent::{DeletionPolicy, Intent, Rights, Selector};
use keeper_core::reason::Reason;

use crate::world::{CALL_FAULTS, Fault, INTERVAL, World, by_ids, by_tag, disabled, enabled, payg, secs};

const TIME: &str = "2030-01-01T00:00Z";

fn cancelling(selector: Selector<Instance>) -> Intent<Instance> {
    Intent { cancel_release_times: true, ..enabled(selector) }
}

/// An instance that is to be released at a time.
fn timed(world: &mut World, name: &str, protected: bool) {
    world.instance(name, payg(protected, &[("env", "prod")]));
    world.set_release_time(name, Some(TIME));
}

fn has_release_time(world: &World, name: &str) -> bool {
    world.cloud.machines[&crate::world::i(name)].facts.auto_release != Some(None)
}

/// Status and reason of Stalled, Reconciling and Ready.
fn tools(world: &World, name: &str) -> [(Status, Reason); 3] {
    let (.., set) = world.store[name].status.as_ref().unwrap();
    [&set.stalled, &set.reconciling, &set.ready].map(|condition| (condition.status, condition.reason))
}

fn risks(world: &World, name: &str) -> Vec<Reason> {
    let (_, part, _) = world.store[name].status.as_ref().unwrap();
    part.counts.risks.keys().copied().collect()
}

#[test]
fn i58_a_release_time_is_taken_away_once_and_told_with_what_it_was() {
    let mut world = World::new();
    timed(&mut world, "i-a", true);
    world.instance("i-b", payg(true, &[("env", "prod")]));
    world.apply("a", cancelling(by_tag("env", "prod")));
    world.apply("b", enabled(by_ids(&["i-a"])));
    world.run(INTERVAL * 2);
    assert!(!has_release_time(&world, "i-a"));
    let calls: Vec<(&str, &str)> =
        world.cancelled.iter().map(|(_, id, was)| (id.as_str(), was.as_str())).collect();
    assert_eq!(calls, [("i-a", TIME)]);
    let told: Vec<(&str, &str, &str)> = world
        .cancellations
        .iter()
        .map(|(object, it)| (object.name(), it.instance.as_str(), it.time.as_ref()))
        .collect();
    assert_eq!(told, [("a", "i-a", TIME)], "whoever asked for it is told, and nobody else");
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(risks(&world, "a"), []);
    let (writes, reports) = (world.cancelled.len(), world.store["a"].reports);
    world.run(INTERVAL * 20);
    assert_eq!((world.cancelled.len(), world.store["a"].reports), (writes, reports), "nothing at rest");
    assert!(world.arrived.is_empty(), "the flag was protected all the time");
}

#[test]
fn i58_where_it_is_not_asked_for_a_release_time_is_a_risk_and_stays() {
    let all = || by_tag("env", "prod");
    let deleted = Intent { deletion_policy: DeletionPolicy::Unprotect, ..cancelling(all()) };
    for (why, intent, delete) in [
        ("not asked for", enabled(all()), false),
        ("it only observes", Intent { observe: true, ..cancelling(all()) }, false),
        ("protection is disabled", Intent { cancel_release_times: true, ..disabled(all()) }, false),
        ("another instance is meant", cancelling(by_ids(&["i-other"])), false),
        (
            "it is deleted, gives protection up, and may not",
            Intent { may: Rights::default(), ..deleted },
            true,
        ),
    ] {
        let mut world = World::new();
        timed(&mut world, "i-a", true);
        world.instance("i-other", payg(true, &[]));
        world.apply("a", intent);
        if delete {
            world.delete("a");
        }
        world.run(INTERVAL * 3);
        assert!(has_release_time(&world, "i-a") && world.cancelled.is_empty(), "{why}");
    }
    let mut world = World::new();
    timed(&mut world, "i-a", true);
    world.apply("a", enabled(all()));
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(risks(&world, "a"), [Reason::AutoReleaseTimeSet]);
    assert_eq!(tools(&world, "a")[2].0, Status::True, "it was only to be reported");
}

#[test]
fn i58_dropping_the_wish_puts_nothing_back_and_ends_it() {
    let mut world = World::new();
    timed(&mut world, "i-a", true);
    world.apply("a", cancelling(by_ids(&["i-a"])));
    world.run(INTERVAL * 2);
    assert_eq!(world.cancelled.len(), 1);
    world.apply("a", enabled(by_ids(&["i-a"])));
    world.run(INTERVAL * 2);
    assert!(!has_release_time(&world, "i-a"), "nothing puts it back");
    world.set_release_time("i-a", Some(TIME));
    world.run(INTERVAL * 3);
    assert!(has_release_time(&world, "i-a"));
    assert_eq!(world.cancelled.len(), 1);
    assert_eq!(risks(&world, "a"), [Reason::AutoReleaseTimeSet]);
}

#[test]
fn i15_after_any_fault_both_flags_are_right_and_neither_is_written_without_a_look() {
    let run = |fault: Option<(usize, Fault)>| {
        let mut world = World::new();
        timed(&mut world, "i-a", false);
        world.faults.extend(fault);
        world.apply("a", cancelling(by_ids(&["i-a"])));
        world.run(INTERVAL * 4);
        world
    };
    let calm = run(None);
    assert_eq!((calm.says("a"), calm.cancelled.len()), ((Status::True, Reason::AllProtected), 1));
    let (written, cancelled) = (calm.arrived[0].at, calm.cancelled[0].0);
    assert!(written < cancelled, "the flag that stops a release at any time goes first");
    for k in 0..calm.actions {
        for fault in CALL_FAULTS.into_iter().chain([Fault::Crash]) {
            let world = run(Some((k, fault)));
            assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{fault:?} at {k}");
            assert!(!has_release_time(&world, "i-a"), "{fault:?} at {k}");
            assert!(world.cancelled.len() <= 1 && world.arrived.len() <= 1, "{fault:?} at {k}");
            // Who dies after the call has it in the log alone.
            let told = world.cancellations.len();
            assert!(told == 1 || fault == Fault::Crash && told == 0, "{fault:?} at {k}: told {told} times");
        }
    }
}

#[test]
fn i25_i58_who_sets_a_release_time_again_is_answered_each_time_and_told_of() {
    let mut world = World::new();
    timed(&mut world, "i-a", true);
    world.apply("a", cancelling(by_ids(&["i-a"])));
    world.run(INTERVAL * 2);
    for round in 0..5 {
        world.set_release_time("i-a", Some(TIME));
        let before = world.cancelled.len();
        world.run(INTERVAL + secs(5));
        assert!(!has_release_time(&world, "i-a"), "round {round}");
        assert_eq!(world.cancelled.len(), before + 1, "round {round}: one write for each look");
        assert_eq!(world.says("a").0, Status::True, "release protection is not what is fought about");
    }
    assert_eq!(risks(&world, "a"), [Reason::Contested]);
    assert_eq!(world.cancellations.len(), 6);
}

#[test]
fn i28_what_the_cloud_refuses_stalls_the_object_and_not_its_protection() {
    let mut world = World::new();
    timed(&mut world, "i-a", true);
    world.cloud.mood.writes_fail = Some(Class::Permission);
    world.apply("a", cancelling(by_ids(&["i-a"])));
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    let denied = Reason::PermissionDenied;
    assert_eq!(
        tools(&world, "a"),
        [(Status::True, denied), (Status::False, Reason::AwaitsPerson), (Status::False, denied)]
    );
    assert_eq!(risks(&world, "a"), [Reason::AutoReleaseTimeSet]);
    world.cloud.mood.writes_fail = None;
    world.run(INTERVAL * 12);
    assert!(!has_release_time(&world, "i-a"));
    assert_eq!(tools(&world, "a")[2].0, Status::True);
}

#[test]
fn i02_until_it_is_seen_to_be_gone_the_object_is_not_ready() {
    let mut world = World::new();
    timed(&mut world, "i-a", true);
    world.cloud.mood.late = secs(20);
    world.apply("a", cancelling(by_ids(&["i-a"])));
    world.run(secs(10));
    assert_eq!(world.cancelled.len(), 1);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(tools(&world, "a")[1], (Status::True, Reason::CancellingReleaseTime));
    assert!(world.cancellations.is_empty(), "it is told when it is seen");
    world.run(INTERVAL * 2);
    assert_eq!(tools(&world, "a")[2].0, Status::True);
    assert_eq!((world.cancelled.len(), world.cancellations.len()), (1, 1));
}

#[test]
fn i29_a_subscription_is_never_asked_for_it_and_a_spot_instance_is() {
    let mut world = World::new();
    for (name, charge_type, spot) in
        [("i-sub", ChargeType::PrePaid, false), ("i-spot", ChargeType::PostPaid, true)]
    {
        timed(&mut world, name, false);
        world.recharge(name, charge_type);
        world.alter(name, |machine| machine.facts.spot = Some(spot));
    }
    world.apply("a", cancelling(by_tag("env", "prod")));
    world.run(INTERVAL * 5);
    let calls: Vec<&str> = world.cancelled.iter().map(|(_, id, _)| id.as_str()).collect();
    assert_eq!(calls, ["i-spot"]);
}

#[test]
fn i16_release_times_that_nobody_takes_away_alarm_nobody() {
    let mut world = World::new();
    world.cloud.page_size = 100;
    for n in 0..80 {
        world.instance(&format!("i-{n:03}"), payg(true, &[("env", "prod")]));
    }
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    for n in 0..80 {
        world.set_release_time(&format!("i-{n:03}"), Some(TIME));
    }
    world.run(INTERVAL * 2);
    assert!(!world.circuit_open());
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    let reports = world.store["a"].reports;
    world.run(INTERVAL * 10);
    assert_eq!(world.store["a"].reports, reports, "nothing to be said at rest");
    // What was set before anybody asked is no fight.
    world.apply("a", cancelling(by_tag("env", "prod")));
    world.run(INTERVAL * 3);
    for n in 0..80 {
        assert!(!has_release_time(&world, &format!("i-{n:03}")));
    }
    for _ in 0..2 {
        world.set_release_time("i-000", Some(TIME));
        world.run(INTERVAL * 2);
    }
    assert_eq!(risks(&world, "a"), [], "twice is no war");
}

#[test]
fn what_a_person_takes_away_is_not_told_as_done_by_us() {
    let mut world = World::new();
    timed(&mut world, "i-a", true);
    world.cloud.mood.writes_fail = Some(Class::Permission);
    world.apply("a", cancelling(by_ids(&["i-a"])));
    world.run(INTERVAL * 2);
    world.set_release_time("i-a", None);
    world.run(INTERVAL * 2);
    assert!(world.cancelled.is_empty() && world.cancellations.is_empty());
    assert_eq!(tools(&world, "a")[2].0, Status::True);
}

#[test]
fn i06_a_release_time_that_can_not_be_read_keeps_the_object_from_being_ready() {
    let mut world = World::new();
    world.instance("i-a", payg(true, &[]));
    world.alter("i-a", |machine| machine.facts.auto_release = None);
    world.apply("a", cancelling(by_ids(&["i-a"])));
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(tools(&world, "a")[0], (Status::True, Reason::FieldUnreadable));
    assert!(world.cancelled.is_empty());
}
