//! Survivors are forgotten when their time is over.

use std::time::Duration;

use keeper_core::conditions::Status;
use keeper_core::intent::Intent;
use keeper_core::interface::Interface;
use keeper_core::reason::Reason;
use keeper_core::time::Moment;

use crate::retention::attaching::{attaching, to};
use crate::world::{INTERVAL, World, by_ids, by_tag, eni, on, secs};

const LIMIT: Duration = Duration::from_mins(20);

fn limited() -> Intent<Interface> {
    Intent { forget_after: Some(LIMIT), ..on(by_tag("env", "prod")) }
}

/// Of two instances the first is gone since a moment, and its two interfaces have outlived it.
fn bereaved(intent: Intent<Interface>) -> World {
    let mut world = World::new();
    for letter in ["a", "b"] {
        world.server(letter, &[("env", "prod")]);
    }
    world.apply("a", intent);
    world.run(secs(30));
    world.release("i-a");
    world.run(INTERVAL * 2);
    assert_eq!(world.available("a"), ["eni-a0", "eni-a1"]);
    world
}

/// Lets so much of the time pass.
fn wait(world: &mut World, percent: u32) {
    world.run(LIMIT * percent / 100);
}

fn forgets_both(world: &mut World) {
    let (writes, statuses) = (world.arrived.len(), world.statuses);
    wait(world, 20);
    assert_eq!(world.retained("a"), ["eni-b0", "eni-b1"]);
    assert!(world.available("a").is_empty());
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert!(world.protected("eni-a0") && world.protected("eni-a1"), "the flag stays");
    assert_eq!(world.arrived.len(), writes, "nothing is written to the cloud");
    assert!(world.statuses - statuses >= 2, "one after the other");
    let (actions, reads) = (world.actions, world.reads.len());
    wait(world, 200);
    assert_eq!(world.actions - actions, world.reads.len() - reads, "I37: no report at rest");
    assert_eq!((world.store["a"].tellings, world.store["a"].shrunk), (0, 0), "I50: it is not lost");
}

#[test]
fn i19_survivors_are_forgotten_after_their_time_one_after_the_other_and_stay_as_they_are() {
    let mut world = bereaved(limited());
    wait(&mut world, 85);
    assert_eq!(world.available("a").len(), 2);
    forgets_both(&mut world);
    // It comes back when the spec selects it again.
    world.attach_by_hand("eni-a0", "i-b");
    world.run(INTERVAL * 2);
    assert_eq!(world.retained("a"), ["eni-a0", "eni-b0", "eni-b1"]);
}

#[test]
fn i19_one_interface_is_forgotten_in_a_minute() {
    let mut world = bereaved(limited());
    let mut left = Vec::new();
    for _ in 0..3 {
        while world.retained("a").len() > 4 - left.len() && world.now.since(Moment::default()) < LIMIT * 3 {
            world.run(secs(1));
        }
        left.push(world.now);
    }
    assert_eq!(world.retained("a").len(), 2);
    assert!(left[2].since(left[1]) >= secs(58), "{left:?}");
}

#[test]
fn i31_no_restart_and_no_edit_begins_the_time_anew_and_what_was_forgotten_stays_so() {
    let mut world = bereaved(limited());
    wait(&mut world, 30);
    world.restart();
    wait(&mut world, 30);
    world.apply("a", Intent { forget_after: Some(LIMIT * 10), ..limited() });
    wait(&mut world, 25);
    world.apply("a", limited());
    forgets_both(&mut world);
    world.restart();
    wait(&mut world, 10);
    assert_eq!(world.retained("a"), ["eni-b0", "eni-b1"]);
    assert_eq!(world.store["a"].shrunk, 0);
}

#[test]
fn i31_whoever_leads_again_goes_by_the_time_that_another_leader_recorded() {
    let mut world = World::new();
    for letter in ["a", "b"] {
        world.server(letter, &[("env", "prod")]);
    }
    world.apply("a", limited());
    world.run(secs(30));
    // It has last seen the interfaces on their instance.
    let aside = world.step_aside();
    world.release("i-a");
    world.run(INTERVAL * 2);
    assert_eq!(world.store["a"].record.survived_since.len(), 2);
    world.come_back_informed(aside);
    wait(&mut world, 90);
    assert_eq!(world.available("a"), ["eni-a0", "eni-a1"]);
    forgets_both(&mut world);
}

#[test]
fn i50_what_is_forgotten_when_somebody_takes_the_lead_is_not_missed() {
    let mut world = bereaved(limited());
    world.lead(false);
    wait(&mut world, 150);
    assert_eq!(world.retained("a").len(), 4, "nobody leads");
    world.lead(true);
    forgets_both(&mut world);
}

#[test]
fn i19_what_the_spec_still_names_is_kept() {
    let named = |mut intent: Intent<Interface>| {
        intent.selector.ids = [eni("eni-a0")].into();
        intent
    };
    // The instance is in another zone: the entry stays open until somebody changes it.
    let open = attaching(limited(), &[to("eni-a0", "i-b")]);
    for intent in [named(limited()), open] {
        let mut world = bereaved(limited());
        world.alter("i-b", |machine| machine.zone = "z-2");
        world.apply("a", intent.clone());
        wait(&mut world, 200);
        assert_eq!(world.retained("a"), ["eni-a0", "eni-b0", "eni-b1"], "{intent:?}");
        world.apply("a", limited());
        wait(&mut world, 10);
        assert_eq!(world.retained("a"), ["eni-b0", "eni-b1"], "{intent:?}");
    }
}

#[test]
fn i20_without_a_durable_time_none_is_over() {
    let mut world = bereaved(limited());
    world.refuse_status("a", true);
    world.forge("a", |record| _ = record.survived_since.remove(&eni("eni-a0")));
    world.restart();
    wait(&mut world, 200);
    assert_eq!(world.retained("a").len(), 4, "no status can be written");
    world.refuse_status("a", false);
    wait(&mut world, 20);
    assert_eq!(world.retained("a"), ["eni-a0", "eni-b0", "eni-b1"], "its time has just begun");
}

#[test]
fn i19_what_was_on_another_instance_meanwhile_has_its_time_anew() {
    let mut world = bereaved(limited());
    world.server("c", &[("env", "prod")]);
    wait(&mut world, 70);
    // No status is written while it is there.
    world.refuse_status("a", true);
    world.attach_by_hand("eni-a0", "i-c");
    world.run(INTERVAL * 3);
    world.release("i-c");
    world.run(INTERVAL * 3);
    world.refuse_status("a", false);
    wait(&mut world, 50);
    assert!(world.retained("a").contains(&"eni-a0") && !world.retained("a").contains(&"eni-a1"));
    wait(&mut world, 80);
    assert_eq!(world.retained("a"), ["eni-b0", "eni-b1"]);
}

#[test]
fn i35_a_clock_that_is_set_forward_makes_nothing_early() {
    let mut world = bereaved(limited());
    world.set_clock(1_000_000);
    wait(&mut world, 80);
    assert_eq!(world.retained("a").len(), 4);
    world.set_clock(0);
    wait(&mut world, 5);
    forgets_both(&mut world);
}

#[test]
fn i35_a_clock_that_was_ahead_at_the_start_and_is_put_right_makes_nothing_early() {
    let mut world = bereaved(limited());
    // While it is ahead the cloud takes no call.
    world.cloud.mood.reads_fail = Some(keeper_core::failure::Class::Clock);
    world.set_clock(1_000_000);
    world.restart();
    world.run(secs(30));
    world.set_clock(0);
    world.cloud.mood.reads_fail = None;
    world.key_changed();
    wait(&mut world, 80);
    assert_eq!(world.retained("a").len(), 4);
    wait(&mut world, 5);
    forgets_both(&mut world);
}

#[test]
fn i19_a_replica_that_stood_by_does_not_bring_back_what_was_forgotten() {
    for informed in [true, false] {
        let mut world = bereaved(limited());
        wait(&mut world, 50);
        let aside = world.step_aside();
        wait(&mut world, 70);
        assert_eq!(world.retained("a"), ["eni-b0", "eni-b1"]);
        if informed {
            world.come_back_informed(aside);
        } else {
            // Its watch is late: it has said of them that they are survivors before it hears.
            world.come_back(aside);
            world.run(secs(5));
            world.relist();
        }
        wait(&mut world, 10);
        assert_eq!(world.retained("a"), ["eni-b0", "eni-b1"], "{informed}");
    }
}

#[test]
fn what_survives_while_nobody_limits_it_stays_listed() {
    let mut world = bereaved(on(by_ids(&["i-a", "i-b"])));
    wait(&mut world, 500);
    assert_eq!(world.available("a"), ["eni-a0", "eni-a1"]);
}
