//! Holds that come to be known at the last moment, and those that can't be known.

use std::time::Duration;

use crate::world::{INTERVAL, World, by_tag, ids, on, secs, tags};
use keeper_core::conditions::Status;
use keeper_core::id::InstanceId;
use keeper_core::intent::{Intent, Selector};
use keeper_core::interface::InterfaceStatus;
use keeper_core::reason::Reason;
use keeper_core::retention::InterfacePhase;

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Two machines with two interfaces each, all of them protected.
fn kept() -> World {
    let mut world = World::new();
    world.server("a", &[]);
    world.server("b", &[("env", "test")]);
    for name in ["eni-a0", "eni-a1", "eni-b0", "eni-b1"] {
        world.flip(name, true);
    }
    world
}

/// An object that only names interfaces knows their instances all the same. When its spec comes to speak of instances,
/// and means none, nothing changes for the engine that knows them.
#[test]
fn i24_an_object_whose_instances_stay_the_same_is_told_of_them_anew() {
    let mut world = kept();
    world.apply("x", ids(&["eni-a0"]));
    world.run(INTERVAL * 3);
    world.apply("x", Intent { hosts: Some(Box::default()), ..ids(&["eni-a0"]) });
    world.apply("y", ids(&["eni-b0"]));
    world.run(secs(90));
    assert_eq!(world.says("x"), (Status::True, Reason::AllProtected));
    world.apply("y", Intent { protect: false, ..ids(&["eni-b0"]) });
    world.run(INTERVAL * 3);
    assert_eq!(world.says("y"), (Status::False, Reason::ReleasedAsAsked), "nobody stands against it");
}

/// The rival's list of instances is so long that it was put off to tell of it. The oracle of unprotecting judges.
#[test]
fn i11_a_rival_with_a_long_list_of_instances_is_heard_before_a_look_counts() {
    let mut world = kept();
    world.latency = millis(20);
    let others = (0..10_000).map(|n| InstanceId::new(format!("i-other{n:05}"))).collect();
    let hosts = Selector { node_ids: others, ..by_tag("stage", "new") };
    world.apply("hold", on(hosts.clone()));
    world.apply("a", ids(&["eni-a0", "eni-a1"]));
    world.run(INTERVAL * 6);
    for turn in 0..3 {
        world.run(secs(125));
        world.alter("i-a", |machine| machine.facts.tags = Some(tags(&[("stage", "new")])));
        world.apply("a", Intent { protect: false, ..ids(&["eni-a0", "eni-a1"]) });
        world.run(millis(10 + 8 * turn));
        // Edited in a way that changes nothing for these.
        world.apply("hold", Intent { observe: turn % 2 == 0, ..on(hosts.clone()) });
        world.run(secs(20));
        assert!(world.unprotecting_writes().is_empty(), "turn {turn}");
        world.alter("i-a", |machine| machine.facts.tags = Some(tags(&[])));
        world.apply("a", ids(&["eni-a0", "eni-a1"]));
        world.run(INTERVAL);
    }
}

/// The oracle of unprotecting judges each of the moments in which the hold may come.
#[test]
fn i11_a_hold_by_a_tag_that_nobody_asked_for_before_is_heard_whenever_it_comes() {
    for offset in 0..40 {
        let mut world = World::new();
        world.server("a", &[("stage", "new")]);
        for name in ["eni-a0", "eni-a1"] {
            world.flip(name, true);
        }
        world.apply("a", ids(&["eni-a0"]));
        world.run(secs(95));
        world.apply("a", Intent { protect: false, ..ids(&["eni-a0"]) });
        world.run(millis(offset * 20));
        let before = world.arrived.len();
        world.apply("hold", on(by_tag("stage", "new")));
        world.run(secs(30));
        assert!(world.arrived[before..].iter().all(|write| write.protected), "{} ms", offset * 20);
    }
}

#[test]
fn i11_an_instance_whose_tags_can_not_be_read_proves_nothing_about_holds() {
    let mut world = kept();
    world.apply("hold", on(by_tag("stage", "new")));
    world.apply("a", ids(&["eni-a0"]));
    world.run(secs(95));
    world.alter("i-a", |machine| machine.facts.tags = None);
    world.apply("a", Intent { protect: false, ..ids(&["eni-a0"]) });
    world.run(secs(60));
    assert!(world.unprotecting_writes().is_empty());
}

/// Status has rows for a hundred of those that are on an instance; of the others it does not say where they were.
#[test]
fn i19_what_is_free_and_came_nobody_knows_whence_is_not_called_available() {
    let mut world = World::new();
    for n in 0..120 {
        world.server(&format!("{n:03}"), &[("env", "prod")]);
    }
    world.apply("a", on(by_tag("env", "prod")));
    world.run(INTERVAL * 4);
    world.change("eni-1191", |card| {
        card.facts.status = Some(InterfaceStatus::Available);
        card.facts.instance = Some(None);
    });
    world.restart();
    world.run(INTERVAL * 3);
    assert_eq!(world.row("a", "eni-1191").phase, InterfacePhase::Detached);
    assert!(world.available("a").is_empty());
}

/// Somebody else gives an interface up that one object wants given up and another one wants kept. The first looks at it
/// every 15 seconds. Also where it looks while the second is putting the flag back, it goes on waiting: protected wins.
#[test]
fn i19_what_somebody_else_gave_up_is_kept_by_the_rival_whoever_looks_first() {
    for offset in (0..15_000).step_by(50) {
        let mut world = kept();
        world.apply("keeps", ids(&["eni-a1"]));
        world.apply("gives-up", ids(&["eni-a1"]));
        world.run(secs(30) + millis(offset));
        world.apply("gives-up", Intent { protect: false, ..ids(&["eni-a1"]) });
        world.run(secs(5));
        assert_eq!(world.says("gives-up"), (Status::False, Reason::Conflict));
        world.flip("eni-a1", false);
        world.run(INTERVAL * 2);
        assert!(world.protected("eni-a1") && world.unprotecting_writes().is_empty());
        assert_eq!(world.retained("keeps"), ["eni-a1"]);
        assert_eq!(world.says("gives-up"), (Status::False, Reason::Conflict), "{offset} ms");
        assert_eq!(world.retained("gives-up"), ["eni-a1"], "{offset} ms");
    }
}
