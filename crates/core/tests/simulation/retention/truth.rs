//! Status tells the truth, and nothing is concluded from what merely isn't shown.

use crate::world::{
    INTERVAL, World, behind_nodes, by_ids, by_tag, eni, i, ids, on, secs, settings, tagged, tags,
};
use keeper_core::budget::Limit;
use keeper_core::conditions::Status;
use keeper_core::engine::Settings;
use keeper_core::failure::Class;
use keeper_core::intent::{DeletionPolicy, Intent};
use keeper_core::interface::InterfaceType;
use keeper_core::reason::Reason;
use keeper_core::resource::Types;
use keeper_core::retention::InterfacePhase;

fn kept() -> World {
    let mut world = World::new();
    world.server("a", &[("env", "prod")]);
    world.server("b", &[("env", "prod")]);
    world
}

#[test]
fn i01_frozen_reads_turn_true_into_unknown_within_two_sweeps() {
    for intent in [on(by_tag("env", "prod")), on(by_ids(&["i-a"])), ids(&["eni-a0"])] {
        let mut world = kept();
        world.apply("a", intent);
        world.run(secs(30));
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
        world.cloud.mood.reads_fail = Some(Class::Transient);
        world.run(INTERVAL * 3);
        assert_eq!(world.says("a"), (Status::Unknown, Reason::CloudUnavailable));
        world.cloud.mood.reads_fail = None;
        world.run(INTERVAL * 2);
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    }
}

#[test]
fn i19_an_interface_that_listings_skip_is_looked_up_and_stays_listed() {
    for sweeps in 1..6 {
        for intent in [on(by_tag("env", "prod")), on(by_ids(&["i-a"])), ids(&["eni-a1"])] {
            let mut world = kept();
            world.apply("a", intent);
            world.run(secs(30));
            world.change("eni-a1", |card| card.skipped = true);
            world.run(INTERVAL * sweeps);
            world.change("eni-a1", |card| card.skipped = false);
            world.run(INTERVAL * 2);
            assert!(world.retained("a").contains(&"eni-a1"));
            assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
        }
    }
}

#[test]
fn i04_i19_a_survivor_hidden_for_a_moment_stays_listed() {
    for moment in 0..13 {
        let mut world = kept();
        world.apply("a", on(by_tag("env", "prod")));
        world.run(secs(30));
        world.release("i-a");
        world.run(INTERVAL * 3 + secs(5 * moment));
        assert_eq!(world.available("a"), ["eni-a0", "eni-a1"]);
        world.hide("eni-a1", true);
        world.run(secs(4));
        world.hide("eni-a1", false);
        world.run(INTERVAL * 2);
        assert_eq!(world.available("a"), ["eni-a0", "eni-a1"]);
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    }
}

#[test]
fn i04_ids_that_the_cloud_says_it_does_not_know_are_not_found_after_two_looks_with_a_witness() {
    let mut world = kept();
    world.cloud.mood.denies = true;
    world.apply("a", ids(&["eni-a0", "eni-wrong"]));
    world.run(secs(3));
    assert_ne!(world.says("a").1, Reason::NotFound);
    world.run(secs(40));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NotFound));
    assert_eq!(world.condition_set("a").stalled.status, Status::True);
    assert!(world.protected("eni-a0"), "the other one is served all the same");
    let reads = world.reads.len();
    world.run(secs(3600));
    assert!(world.reads.len() - reads < 160, "{} reads in an hour", world.reads.len() - reads);
    // Where nothing else can be seen, nothing is proven.
    let mut world = World::new();
    world.cloud.mood.denies = true;
    world.apply("a", ids(&["eni-wrong"]));
    world.run(INTERVAL * 5);
    assert_ne!(world.says("a").1, Reason::NotFound);
    assert_eq!(world.says("a").0, Status::Unknown);
}

#[test]
fn i04_i19_a_lost_permission_that_answers_empty_lists_shortens_nothing() {
    for restarts in [false, true] {
        for intent in [on(by_tag("env", "prod")), on(by_ids(&["i-a", "i-b"])), ids(&["eni-a0"])] {
            let mut world = kept();
            world.apply("a", intent);
            world.run(secs(30));
            let retained = world.store["a"].record.clone();
            world.cloud.mood.blind = true;
            if restarts {
                world.restart();
            }
            world.run(INTERVAL * 6);
            assert_eq!(world.store["a"].record.retained.len(), retained.retained.len());
            assert_eq!(world.says("a").0, Status::Unknown);
            assert_ne!(world.says("a").1, Reason::NotFound);
            world.cloud.mood.blind = false;
            world.run(INTERVAL * 8);
            assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
            assert_eq!(world.store["a"].record, retained, "restarts {restarts}");
        }
    }
}

#[test]
fn i21_an_attachment_between_the_two_reads_is_no_lasting_disagreement() {
    for second in 0..30 {
        let mut world = kept();
        world.card("eni-new", None, InterfaceType::Secondary);
        world.apply("a", on(by_ids(&["i-a"])));
        world.run(secs(30) + INTERVAL / 30 * second);
        world.attach_by_hand("eni-new", "i-a");
        world.run(INTERVAL * 3);
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
        assert!(world.retained("a").contains(&"eni-new"));
    }
}

#[test]
fn an_instance_that_does_not_exist_is_told_and_one_that_left_something_behind_is_no_riddle() {
    let mut world = kept();
    world.apply("a", on(by_ids(&["i-a", "i-wrong"])));
    world.run(secs(60));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NotFound));
    assert!(world.protected("eni-a0"));
    world.apply("a", on(by_ids(&["i-a"])));
    world.run(secs(60));
    world.release("i-a");
    world.run(INTERVAL * 4);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i19_what_is_gone_for_good_leaves_the_list_with_a_row_that_says_so() {
    for denies in [false, true] {
        for intent in [on(by_tag("env", "prod")), ids(&["eni-a0", "eni-a1"])] {
            let by_id = !intent.selector.ids.is_empty();
            let mut world = kept();
            world.apply("a", intent);
            world.run(secs(30));
            world.release("i-a");
            world.run(INTERVAL * 3);
            assert!(world.retained("a").contains(&"eni-a1"));
            world.cloud.mood.denies = denies;
            world.discard("eni-a1");
            world.run(INTERVAL * 3);
            assert!(!world.retained("a").contains(&"eni-a1"), "denies {denies}");
            assert!(world.retained("a").contains(&"eni-a0"));
            let row = world.row("a", "eni-a1");
            assert_eq!((row.phase, row.last_instance.as_ref()), (InterfacePhase::Gone, Some(&i("i-a"))));
            let expected = if by_id {
                (Status::Unknown, Reason::NotFound)
            } else {
                (Status::True, Reason::AllProtected)
            };
            assert_eq!(world.says("a"), expected, "denies {denies}");
            let reports = world.store["a"].reports;
            world.run(INTERVAL * 10);
            assert!(world.store["a"].reports - reports <= 1, "I37");
        }
    }
}

#[test]
fn i49_a_node_that_outlives_its_machine_is_told_unless_one_of_its_interfaces_survived() {
    let mut world = kept();
    world.machine("i-bare", &[]);
    world.apply("a", on(behind_nodes(&["i-a", "i-bare"])));
    world.run(secs(30));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    world.release("i-a");
    world.run(INTERVAL * 3);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "a retained release is no trouble");
    assert!(world.part("a").gone.is_empty());
    world.release("i-bare");
    world.run(INTERVAL * 3);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NodeInstanceGone));
    assert_eq!(world.part("a").gone, [i("i-bare")].into());
    // It is nothing that an act waits for.
    let mut giving_up = on(behind_nodes(&["i-a", "i-bare"]));
    giving_up.protect = false;
    world.apply("a", giving_up);
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::False, Reason::ReleasedAsAsked));
}

#[test]
fn i19_what_was_taken_as_gone_and_is_selected_comes_back() {
    for intent in [on(by_tag("env", "prod")), on(by_ids(&["i-a"])), ids(&["eni-a1", "eni-a0"])] {
        let mut world = kept();
        world.apply("a", intent);
        world.run(secs(30));
        world.hide("eni-a1", true);
        world.run(INTERVAL * 3);
        world.hide("eni-a1", false);
        world.run(INTERVAL * 4);
        assert!(world.retained("a").contains(&"eni-a1"));
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    }
}

#[test]
fn i16_i19_sixty_interfaces_that_vanish_at_once_are_not_believed_until_two_sweeps_agree() {
    for restarts in [false, true] {
        let mut world = World::new();
        world.server("a", &[]);
        let names: Vec<String> = (0..60).map(|n| format!("eni-{n:03}")).collect();
        for name in &names {
            world.card(name, None, InterfaceType::Secondary);
            world.change(name, |card| card.facts.tags = Some(tags(&[("keep", "on")])));
        }
        world.card("eni-witness", None, InterfaceType::Secondary);
        world.change("eni-witness", |card| card.facts.tags = Some(tags(&[("keep", "on")])));
        world.apply("a", tagged("keep", "on"));
        world.run(secs(40));
        assert_eq!(world.retained("a").len(), 61);
        for name in &names {
            world.hide(name, true);
        }
        if restarts {
            world.restart();
        }
        // Not even the oracle's excuse for what is hidden is used: nothing may leave the list.
        for _ in 0..INTERVAL.as_secs() + 20 {
            world.run(secs(1));
            assert_eq!(world.retained("a").len(), 61, "restarts {restarts}");
        }
        assert!(world.circuit_open());
        for name in &names {
            world.hide(name, false);
        }
        world.run(INTERVAL * 3);
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
        assert_eq!(world.retained("a").len(), 61);
    }
}

#[test]
fn what_another_leader_recorded_meanwhile_is_adopted() {
    for told_before in [true, false] {
        let mut world = kept();
        world.card("eni-free", None, InterfaceType::Secondary);
        world.flip("eni-free", true);
        world.apply("a", on(by_ids(&["i-a"])));
        world.run(secs(30));
        world.lead(false);
        world.run(secs(10));
        if !told_before {
            world.lead(true);
        }
        // Whoever led for a while has retained one more that has lost what selected it since.
        world.forge("a", |record| {
            record.retained.insert(eni("eni-free"), keeper_core::retention::Remembered::default());
        });
        if told_before {
            world.lead(true);
        }
        world.run(INTERVAL * 3);
        assert_eq!(world.retained("a"), ["eni-a0", "eni-a1", "eni-free"], "told before: {told_before}");
        world.flip("eni-free", false);
        world.run(INTERVAL * 2);
        assert!(world.protected("eni-free"));
    }
}

#[test]
fn i21_true_needs_both_lists_to_agree() {
    // An interface that its instance does not list.
    let mut world = kept();
    world.apply("a", on(by_ids(&["i-a"])));
    world.run(secs(30));
    world.change("eni-a1", |card| card.unlisted = true);
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::ListsDisagree));
    world.change("eni-a1", |card| card.unlisted = false);
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    // One that does not say where it is.
    world.change("eni-a1", |card| card.withheld = true);
    world.run(INTERVAL * 4);
    assert_eq!(world.says("a").0, Status::Unknown);
    world.change("eni-a1", |card| card.withheld = false);
    world.run(INTERVAL * 4);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    // One that the instance lists and nobody can see.
    world.card("eni-ghost", Some("i-a"), InterfaceType::Secondary);
    world.change("eni-ghost", |card| card.hidden = true);
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a").0, Status::Unknown, "{:?}", world.part("a"));
    world.change("eni-ghost", |card| card.hidden = false);
    world.run(INTERVAL * 3);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert!(world.protected("eni-ghost"));
}

#[test]
fn i04_i21_an_instance_on_which_something_is_seen_is_hidden_and_not_gone() {
    for intent in [on(by_ids(&["i-a"])), ids(&["eni-a0", "eni-a1"])] {
        let mut world = kept();
        world.apply("a", intent.clone());
        world.run(secs(30));
        world.alter("i-a", |machine| machine.hidden = true);
        world.run(INTERVAL * 4);
        if intent.hosts.is_some() {
            assert_eq!(world.says("a"), (Status::Unknown, Reason::ListsDisagree));
        }
        let at_risk = &world.condition_set("a").at_risk;
        assert_eq!((at_risk.status, at_risk.reason), (Status::Unknown, Reason::RisksUnreadable));
        world.alter("i-a", |machine| machine.hidden = false);
        world.run(INTERVAL * 2);
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
        assert_eq!(world.condition_set("a").at_risk.status, Status::False);
    }
}

#[test]
fn i38_a_restart_changes_no_word_of_status() {
    for intent in [on(by_tag("env", "prod")), on(by_ids(&["i-a", "i-b"])), ids(&["eni-a0", "eni-b1"])] {
        let mut world = kept();
        world.apply("a", intent);
        world.run(secs(30));
        world.release("i-b");
        world.run(INTERVAL * 4);
        let (status, record) = (world.store["a"].status.clone(), world.store["a"].record.clone());
        let (reports, writes) = (world.store["a"].reports, world.arrived.len());
        for _ in 0..3 {
            world.restart();
            world.run(INTERVAL * 3);
        }
        assert_eq!(world.store["a"].status, status);
        assert_eq!(world.store["a"].record, record);
        assert_eq!((world.store["a"].reports, world.arrived.len()), (reports, writes), "I37, I38");
    }
}

#[test]
fn i04_what_the_cloud_said_it_does_not_know_is_asked_for_again_and_found() {
    let mut world = kept();
    world.cloud.mood.denies = true;
    world.hide("eni-a1", true);
    world.apply("a", ids(&["eni-a0", "eni-a1"]));
    world.run(secs(60));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NotFound));
    world.hide("eni-a1", false);
    world.run(secs(800));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i19_what_was_shown_again_is_not_gone_because_it_was_denied_before() {
    // So few reads are allowed that what the denials are worth is asked long after them.
    let scarce = Limit { per_minute: 60, burst: 20 };
    let mut world = World::with(Settings { reads: scarce, writes: scarce, ..settings() });
    for letter in ["a", "b", "c"] {
        world.server(letter, &[("env", "prod")]);
    }
    world.apply("listing", tagged("keep", "on"));
    let primary = Types { primary: true, secondary: false };
    let released = Intent { types: primary, ..on(by_ids(&["i-b", "i-c"])) };
    world.apply("a", Intent { deletion_policy: DeletionPolicy::Unprotect, ..released });
    world.run(secs(92));
    (world.cloud.mood.blind, world.cloud.mood.denies) = (true, true);
    world.delete("a");
    world.run(secs(66));
    (world.cloud.mood.blind, world.cloud.mood.denies) = (false, false);
    // The instances are not to be seen yet, so nothing is given up.
    for name in ["i-b", "i-c"] {
        world.alter(name, |machine| machine.hidden = true);
    }
    world.run(secs(20));
    assert_eq!(world.retained("a"), ["eni-b0", "eni-c0"]);
}

#[test]
fn i01_a_refusal_that_nobody_hears_again_says_nothing_of_now() {
    let mut world = kept();
    let intent = ids(&["eni-a0", "eni-a1"]);
    world.change("eni-a0", |card| card.refuses = Some(Class::NotApplicable));
    world.apply("a", intent.clone());
    world.run(secs(60));
    assert_eq!(world.says("a"), (Status::False, Reason::NotApplicable));
    world.change("eni-a0", |card| card.refuses = None);
    world.apply("a", keeper_core::intent::Intent { observe: true, ..intent });
    world.run(secs(1800));
    assert_eq!(
        world.says("a"),
        (Status::False, Reason::Unprotected),
        "observing, nobody asks the cloud again"
    );
}

#[test]
fn i19_what_an_object_is_told_that_it_retains_is_held_against_what_is_known() {
    let mut world = kept();
    let intent = ids(&["eni-a1"]);
    world.apply("a", intent.clone());
    world.apply("other", intent.clone());
    world.run(secs(30));
    assert_eq!(world.retained("a"), ["eni-a1"]);
    // While it can't be read, its interface outlives its instance; the other object tells of that.
    world.corrupt("a");
    world.run(secs(10));
    world.release("i-a");
    world.run(INTERVAL * 4);
    world.apply("a", intent);
    world.run(INTERVAL * 4);
    assert_eq!(world.available("a"), ["eni-a1"]);
    assert_eq!(world.row("a", "eni-a1").last_instance, Some(i("i-a")));
}

#[test]
fn i19_what_lost_its_tag_or_left_its_instance_before_that_was_excluded_is_not_excluded() {
    for loses_tag in [true, false] {
        let mut world = kept();
        world.change("eni-a1", |card| card.facts.tags = Some(tags(&[("keep", "off")])));
        let mut intent = on(by_tag("env", "prod"));
        intent.selector.tags = vec![crate::world::filter("keep", "off")];
        world.apply("a", intent.clone());
        world.run(secs(70));
        // No listing has shown it yet.
        world.change("eni-a1", |card| card.facts.tags = Some(Vec::new()));
        world.release("i-a");
        if loses_tag {
            intent.selector.exclude_tags = vec![crate::world::filter("keep", "off")];
            intent.selector.tags.clear();
        } else {
            intent.hosts.as_mut().unwrap().exclude_ids = crate::world::instances(&["i-a"]);
        }
        world.apply("a", intent);
        world.run(INTERVAL * 4);
        assert!(world.retained("a").contains(&"eni-a1"), "loses its tag: {loses_tag}");
    }
}
