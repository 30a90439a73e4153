//! Giving the flag up: once for each generation that asks for it, of what is on an instance, and against no hold.

use crate::world::{
    Fault, INTERVAL, World, behind_nodes, by_ids, by_tag, eni, filter, ids, on, secs, tagged, tags,
};
use keeper_core::conditions::Status;
use keeper_core::intent::{DeletionPolicy, Intent};
use keeper_core::interface::{Interface, InterfaceType};
use keeper_core::reason::Reason;
use keeper_core::retention::Remembered;

pub fn giving_up(intent: Intent<Interface>) -> Intent<Interface> {
    Intent { protect: false, ..intent }
}

/// Two servers whose interfaces are retained by nobody any more, but protected.
pub fn kept() -> World {
    let mut world = World::new();
    world.server("a", &[("env", "prod")]);
    world.server("b", &[("env", "test")]);
    for name in ["eni-a0", "eni-a1", "eni-b0", "eni-b1"] {
        world.flip(name, true);
    }
    world
}

#[test]
fn i12_release_gives_up_what_is_attached_once_for_a_generation() {
    for intent in [on(by_tag("env", "prod")), on(by_ids(&["i-a"])), ids(&["eni-a0", "eni-a1"])] {
        let mut world = kept();
        world.apply("a", intent.clone());
        world.run(secs(30));
        assert_eq!(world.retained("a"), ["eni-a0", "eni-a1"]);
        world.apply("a", giving_up(intent.clone()));
        world.run(secs(60));
        assert_eq!(world.unprotecting_writes().len(), 2);
        assert_eq!(world.says("a"), (Status::False, Reason::ReleasedAsAsked));
        assert_eq!(world.condition_set("a").ready.status, Status::True);
        assert!(world.retained("a").is_empty(), "what is given up leaves the list");
        // Somebody sets it again, and a new one comes.
        world.flip("eni-a0", true);
        world.card("eni-new", None, InterfaceType::Secondary);
        world.flip("eni-new", true);
        world.attach_by_hand("eni-new", "i-a");
        world.run(INTERVAL * 3);
        world.restart();
        world.run(INTERVAL * 3);
        assert_eq!(world.unprotecting_writes().len(), 2, "this generation has had its act");
        world.apply("a", intent);
        world.run(INTERVAL * 2);
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    }
}

#[test]
fn what_is_free_keeps_the_flag_and_stays_listed() {
    let mut world = kept();
    world.change("eni-a1", |card| card.facts.tags = Some(tags(&[("keep", "on")])));
    world.change("eni-b1", |card| card.facts.tags = Some(tags(&[("keep", "on")])));
    world.apply("a", tagged("keep", "on"));
    world.run(secs(30));
    world.detach("eni-a1");
    world.run(secs(90));
    world.apply("a", giving_up(tagged("keep", "on")));
    world.run(INTERVAL * 2);
    assert_eq!(world.unprotecting_writes(), ["eni-b1"]);
    assert_eq!(world.retained("a"), ["eni-a1"]);
    assert_eq!(world.says("a"), (Status::False, Reason::ReleasedAsAsked));
    world.attach_by_hand("eni-a1", "i-b");
    world.run(INTERVAL * 3);
    assert_eq!(world.unprotecting_writes(), ["eni-b1"], "it came too late for this generation");
}

#[test]
fn i14_what_status_lists_is_no_reason_to_give_anything_up() {
    for intent in [
        giving_up(ids(&["eni-a0"])),
        Intent { deletion_policy: DeletionPolicy::Unprotect, ..ids(&["eni-a0"]) },
    ] {
        let mut world = kept();
        world.apply_unseen("a", intent);
        world.forge("a", |record| {
            for name in ["eni-a1", "eni-b0"] {
                record.retained.insert(eni(name), Remembered::default());
            }
        });
        world.run(secs(30));
        world.delete("a");
        world.run(INTERVAL * 3);
        assert!(
            !world.unprotecting_writes().contains(&"eni-a1")
                && !world.unprotecting_writes().contains(&"eni-b0")
        );
    }
}

#[test]
fn i09_every_kind_of_hold_stands_against_giving_up() {
    let holds: [(&str, Intent<Interface>); 6] = [
        ("id", ids(&["eni-a0", "eni-a1"])),
        ("tag", tagged("keep", "on")),
        ("instance id", on(by_ids(&["i-a"]))),
        ("instance tag", on(by_tag("env", "prod"))),
        ("node", on(behind_nodes(&["i-a"]))),
        ("observing", Intent { observe: true, ..on(by_tag("env", "prod")) }),
    ];
    for (by, hold) in holds {
        for hold_first in [true, false] {
            let mut world = kept();
            for name in ["eni-a0", "eni-a1"] {
                world.change(name, |card| card.facts.tags = Some(tags(&[("keep", "on")])));
            }
            if hold_first {
                world.apply("hold", hold.clone());
                world.run(secs(30));
            }
            world.apply("a", giving_up(on(by_ids(&["i-a", "i-b"]))));
            if !hold_first {
                world.apply("hold", hold.clone());
            }
            world.run(INTERVAL * 2);
            let mut given_up = world.unprotecting_writes();
            given_up.sort_unstable();
            assert_eq!(given_up, ["eni-b0", "eni-b1"], "hold by {by}");
            assert_eq!(world.says("a"), (Status::False, Reason::Conflict), "hold by {by}");
            assert_eq!(world.condition_set("a").stalled.status, Status::True);
            world.delete("hold");
            world.run(INTERVAL * 2);
            assert_eq!(world.unprotecting_writes().len(), 4, "hold by {by}");
            assert_eq!(world.says("a"), (Status::False, Reason::ReleasedAsAsked));
        }
    }
}

#[test]
fn i11_an_instance_that_got_its_tag_a_moment_ago_is_seen_before_anything_on_it_is_given_up() {
    for known in [false, true] {
        for moment in 0..20 {
            let mut world = kept();
            world.apply("hold", on(by_tag("stage", "new")));
            if known {
                // The instance is known already, and not read because of the edit.
                world.apply("a", Intent { observe: true, ..giving_up(ids(&["eni-a0", "eni-a1"])) });
            }
            world.run(secs(30) + secs(3) * moment);
            // No listing has shown it yet.
            world.alter("i-a", |machine| machine.facts.tags = Some(tags(&[("stage", "new")])));
            world.apply("a", giving_up(ids(&["eni-a0", "eni-a1"])));
            world.run(secs(40));
            assert!(world.unprotecting_writes().is_empty());
            assert_eq!(world.says("a"), (Status::False, Reason::Conflict));
        }
    }
}

#[test]
fn i09_a_retained_interface_is_held_wherever_it_is() {
    let mut world = kept();
    world.apply("hold", on(by_tag("env", "prod")));
    world.run(secs(30));
    world.detach("eni-a1");
    world.run(secs(70));
    world.attach_by_hand("eni-a1", "i-b");
    world.run(secs(70));
    world.apply("a", giving_up(on(by_ids(&["i-b"]))));
    world.run(INTERVAL * 3);
    let mut given_up = world.unprotecting_writes();
    given_up.sort_unstable();
    assert_eq!(given_up, ["eni-b0", "eni-b1"]);
    assert!(world.protected("eni-a1"));
}

#[test]
fn i11_a_rival_that_the_watch_has_not_told_of_and_an_object_that_can_not_be_read_stop_it() {
    let mut world = kept();
    world.apply_unseen("hold", on(by_tag("env", "prod")));
    world.apply("a", giving_up(ids(&["eni-a0"])));
    world.run(INTERVAL * 2);
    assert!(world.unprotecting_writes().is_empty());
    let mut world = kept();
    world.apply("odd", ids(&["eni-b0"]));
    world.corrupt("odd");
    world.apply("a", giving_up(ids(&["eni-a0"])));
    world.run(INTERVAL * 2);
    assert!(world.unprotecting_writes().is_empty());
    assert_eq!(world.says("a"), (Status::False, Reason::OpaqueRival));
    world.apply("odd", ids(&["eni-b0"]));
    world.run(secs(60));
    assert_eq!(world.unprotecting_writes(), ["eni-a0"]);
}

#[test]
fn i09_an_object_of_the_other_kind_that_could_not_be_read_blocks_only_until_it_can() {
    use keeper_core::instance::Instance;
    let mut world = kept();
    let protection: Intent<Instance> = Intent { observe: true, ..Intent::of(by_ids(&["i-b"])) };
    world.apply("odd", protection.clone());
    world.corrupt("odd");
    world.apply("a", giving_up(ids(&["eni-a0"])));
    world.run(INTERVAL);
    assert!(world.unprotecting_writes().is_empty());
    world.apply("odd", protection);
    world.run(secs(60));
    assert_eq!(world.unprotecting_writes(), ["eni-a0"]);
}

#[test]
fn i10_deletion_gives_up_what_is_attached_lets_go_and_leaves_survivors_protected() {
    let mut world = kept();
    let intent = Intent { deletion_policy: DeletionPolicy::Unprotect, ..on(by_tag("env", "prod")) };
    world.apply("a", intent);
    world.run(secs(30));
    world.detach("eni-a1");
    world.run(secs(70));
    world.delete("a");
    world.run(secs(60));
    assert!(world.store.is_empty());
    assert_eq!(world.unprotecting_writes(), ["eni-a0"]);
    assert!(world.protected("eni-a1"));
}

#[test]
fn i10_neither_a_hold_nor_a_cloud_that_is_down_holds_a_deletion_for_more_than_an_hour() {
    use keeper_core::failure::Class;
    let intent = Intent { deletion_policy: DeletionPolicy::Unprotect, ..on(by_tag("env", "prod")) };
    let mut world = kept();
    world.apply("hold", ids(&["eni-a0", "eni-a1"]));
    world.apply("a", intent.clone());
    world.run(secs(30));
    world.delete("a");
    world.run(secs(60));
    assert!(!world.store.contains_key("a"));
    assert!(world.unprotecting_writes().is_empty());
    let mut world = kept();
    world.apply("a", intent);
    world.run(secs(30));
    world.cloud.mood.reads_fail = Some(Class::Transient);
    world.delete("a");
    world.run(secs(3500));
    assert!(world.store.contains_key("a"));
    world.run(secs(200));
    assert!(world.store.is_empty());
    assert!(world.unprotecting_writes().is_empty());
}

#[test]
fn i10_a_flag_that_the_cloud_refuses_to_give_up_does_not_hold_a_deletion() {
    use keeper_core::failure::Class;
    let mut world = kept();
    let intent = Intent { deletion_policy: DeletionPolicy::Unprotect, ..on(by_tag("env", "prod")) };
    world.apply("a", intent);
    world.run(secs(30));
    world.cloud.mood.writes_fail = Some(Class::NotApplicable);
    world.delete("a");
    world.run(secs(60));
    assert!(world.store.is_empty(), "it is left protected, and counted");
    assert!(world.protected("eni-a0") && world.protected("eni-a1"));
}

#[test]
fn i10_deletion_under_keep_changes_nothing() {
    let mut world = kept();
    world.apply("a", on(by_tag("env", "prod")));
    world.run(secs(30));
    world.delete("a");
    world.run(INTERVAL * 3);
    assert!(world.store.is_empty() && world.arrived.is_empty());
}

#[test]
fn i26_giving_up_reaches_the_same_end_when_the_process_dies_after_any_effect() {
    let run = |fault: Option<(usize, Fault)>| {
        let mut world = kept();
        world.apply("a", giving_up(on(by_tag("env", "prod"))));
        world.faults.extend(fault);
        world.run(INTERVAL * 4);
        world
    };
    let calm = run(None);
    assert_eq!(calm.says("a"), (Status::False, Reason::ReleasedAsAsked));
    for k in 0..calm.actions {
        for fault in [Fault::Crash, Fault::LoseReply, Fault::Double] {
            let world = run(Some((k, fault)));
            assert_eq!(world.says("a"), calm.says("a"), "{fault:?} at {k}");
            assert_eq!(world.unprotecting_writes().len(), 2, "{fault:?} at {k}");
        }
    }
}

#[test]
fn i16_sixty_interfaces_that_vanish_stop_giving_up() {
    let mut world = kept();
    for n in 0..60 {
        let name = format!("eni-{n:03}");
        world.card(&name, None, InterfaceType::Secondary);
        world.change(&name, |card| card.facts.tags = Some(tags(&[("keep", "on")])));
    }
    let mut watching = tagged("keep", "on");
    watching.observe = true;
    world.apply("watching", watching);
    world.run(secs(50));
    for n in 0..60 {
        world.hide(&format!("eni-{n:03}"), true);
    }
    world.run(INTERVAL);
    assert!(world.circuit_open());
    world.apply("a", giving_up(ids(&["eni-a0"])));
    world.run(secs(30));
    assert!(world.unprotecting_writes().is_empty());
    world.run(INTERVAL * 5);
    assert_eq!(world.unprotecting_writes(), ["eni-a0"], "two sweeps agree");
}

#[test]
fn observing_asks_for_nothing() {
    let mut world = kept();
    let mut intent = giving_up(on(by_tag("env", "prod")));
    intent.observe = true;
    intent.selector.exclude_tags = vec![filter("keep", "off")];
    world.apply("a", intent);
    world.run(INTERVAL * 2);
    assert!(world.arrived.is_empty());
}

#[test]
fn i09_a_release_on_an_instance_that_can_not_be_seen_says_so() {
    let mut world = World::new();
    world.server("a", &[("env", "prod")]);
    world.server("b", &[("env", "prod")]);
    world.apply("a", ids(&["eni-a1"]));
    world.run(INTERVAL * 3);
    world.hide("i-a", true);
    world.hide("i-b", true);
    world.run(INTERVAL * 3);
    world.apply("a", giving_up(ids(&["eni-a1"])));
    world.run(secs(1200));
    assert!(world.unprotecting_writes().is_empty());
    assert_eq!(world.says("a"), (Status::False, Reason::NothingVisible));
    assert_eq!(world.condition_set("a").stalled.status, Status::True);
    world.hide("i-a", false);
    world.run(secs(1200));
    assert_eq!(world.says("a"), (Status::False, Reason::ReleasedAsAsked));
}

#[test]
fn i25_retaining_does_not_wait_for_what_giving_up_was_refused() {
    use keeper_core::failure::Class;

    let mut world = World::new();
    world.server("a", &[]);
    world.change("eni-a1", |card| card.facts.delete_on_release = Some(false));
    world.apply("keeper", tagged("keep", "on"));
    world.run(INTERVAL * 2);
    world.cloud.mood.writes_fail = Some(Class::Permission);
    world.apply("breaker", Intent { protect: false, ..ids(&["eni-a1"]) });
    world.run(INTERVAL);
    assert_eq!(world.condition_set("breaker").stalled.reason, Reason::PermissionDenied);
    world.cloud.mood.writes_fail = None;
    world.change("eni-a1", |card| card.facts.tags = Some(tags(&[("keep", "on")])));
    world.flip("eni-a1", false);
    world.run(INTERVAL * 2);
    assert!(world.protected("eni-a1"), "not ten minutes after the refusal");
}
