//! Instances that are known already when an interface comes to have them as hosts.

use std::time::Duration;

use keeper_core::conditions::Status;
use keeper_core::intent::{Intent, Selector};
use keeper_core::interface::{Interface, InterfaceType};
use keeper_core::retention::InterfacePhase;

use crate::world::{Event, INTERVAL, World, by_ids, by_tag, enabled, filter, on, secs, tagged, tags};

/// An instance that somebody else protects, with a protected interface on it.
fn known_host() -> World {
    let mut world = World::new();
    world.machine("i-b", &[]);
    world.machine("i-a", &[]);
    world.card("eni-a1", Some("i-a"), InterfaceType::Secondary);
    world.flip("eni-a1", true);
    world.flip("i-a", true);
    world.apply("p", enabled(by_ids(&["i-a"])));
    world
}

/// What has a tag, unless the instance that it is on excludes it.
fn by_tag_of_its_own() -> Intent<Interface> {
    let exclude_tags = vec![filter("skip", "yes")];
    let hosts = Some(Box::new(Selector { exclude_tags, ..by_ids(&["i-b"]) }));
    Intent { hosts, ..tagged("keep", "yes") }
}

#[test]
fn i19_what_gains_the_tag_on_a_host_that_is_known_already_is_listed() {
    let mut world = known_host();
    world.apply("o", by_tag_of_its_own());
    world.run(INTERVAL * 5);
    world.change("eni-a1", |card| card.facts.tags = Some(tags(&[("keep", "yes")])));
    world.run(INTERVAL * 5);
    assert_eq!(world.says("o").0, Status::True);
    assert_eq!(world.retained("o"), ["eni-a1"]);
    world.change("eni-a1", |card| card.facts.tags = Some(Vec::new()));
    world.restart();
    world.run(INTERVAL * 5);
    assert_eq!(world.retained("o"), ["eni-a1"], "a restart does not lose it");
}

#[test]
fn i19_what_has_the_tag_from_the_start_on_a_known_host_is_listed() {
    let mut world = known_host();
    world.change("eni-a1", |card| card.facts.tags = Some(tags(&[("keep", "yes")])));
    world.apply("o", by_tag_of_its_own());
    world.run(INTERVAL * 5);
    assert_eq!(world.retained("o"), ["eni-a1"]);
}

#[test]
fn i20_what_outlives_a_host_that_is_known_to_be_gone_is_available() {
    let mut world = World::new();
    world.server("a", &[("env", "prod")]);
    world.server("b", &[("env", "prod")]);
    world.apply("p", enabled(by_ids(&["i-a"])));
    world.apply("o", on(by_tag("env", "prod")));
    world.run(INTERVAL * 3);
    world.release("i-a");
    world.restart();
    // The instances are read, and the interfaces are not.
    for _ in 0..150 {
        world.run(Duration::from_millis(100));
        world.lose(|event| matches!(event, Event::Interfaces(..)));
    }
    world.run(secs(360));
    assert_eq!(world.row("o", "eni-a1").phase, InterfacePhase::Available);
    assert_eq!(world.available("o"), ["eni-a0", "eni-a1"]);
}
