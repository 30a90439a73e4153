//! B. No harmful write: everything about unprotecting.

use std::time::Duration;

use keeper_core::budget::Limit;
use keeper_core::conditions::Status;
use keeper_core::engine::Settings;
use keeper_core::failure::Class;
use keeper_core::instance::Instance;
use keeper_core::intent::{DeletionPolicy, Intent, Selector};
use keeper_core::reason::Reason;

use crate::world::{INTERVAL, World, by_ids, by_tag, disabled, enabled, payg, secs, settings};

fn leaving(mut intent: Intent<Instance>) -> Intent<Instance> {
    intent.deletion_policy = DeletionPolicy::Unprotect;
    intent
}

fn protected_pair() -> World {
    let mut world = World::new();
    world.instance("i-a", payg(true, &[("env", "prod")]));
    world.instance("i-b", payg(true, &[("env", "prod")]));
    world
}

#[test]
fn disabled_unprotects_what_it_selects_and_says_so() {
    for selector in [by_tag("env", "prod"), by_ids(&["i-a", "i-b"])] {
        let mut world = protected_pair();
        world.apply("a", disabled(selector));
        world.run(secs(30));
        assert!(!world.protected("i-a") && !world.protected("i-b"));
        assert_eq!(world.says("a"), (Status::False, Reason::DisabledAsAsked));
        assert_eq!(world.condition_set("a").ready.status, Status::True);
        assert_eq!(world.unprotecting_writes().len(), 2);
    }
}

#[test]
fn i09_protected_wins_over_an_intent_to_unprotect_and_the_loser_says_conflict() {
    let mut world = protected_pair();
    world.apply("keeper", enabled(by_ids(&["i-a"])));
    world.apply("breaker", disabled(by_tag("env", "prod")));
    world.run(secs(60));
    assert!(world.protected("i-a"));
    assert!(!world.protected("i-b"), "nobody holds the other one");
    assert_eq!(world.says("breaker"), (Status::False, Reason::Conflict));
    assert_eq!(world.condition_set("breaker").stalled.status, Status::True);
    assert_eq!(world.says("keeper"), (Status::True, Reason::AllProtected));
    // The hold falls with its object, without finalizer.
    world.delete("keeper");
    world.run(secs(60));
    assert!(!world.protected("i-a"));
    assert_eq!(world.says("breaker"), (Status::False, Reason::DisabledAsAsked));
}

#[test]
fn i09_an_observing_or_terminating_hold_stands_too() {
    for observe in [true, false] {
        let mut world = protected_pair();
        let mut hold = enabled(by_ids(&["i-a"]));
        hold.observe = observe;
        world.apply("hold", hold);
        if !observe {
            // Another controller's finalizer holds it.
            world.store.get_mut("hold").unwrap().terminate(world.now);
            world.tell("hold");
        }
        world.apply("breaker", disabled(by_ids(&["i-a"])));
        world.run(secs(60));
        assert!(world.protected("i-a"));
        assert_eq!(world.unprotecting_writes().len(), 0);
    }
}

#[test]
fn i09_an_object_that_can_not_be_read_blocks_all_unprotecting() {
    let mut world = protected_pair();
    world.apply("odd", enabled(by_ids(&["i-elsewhere"])));
    world.corrupt("odd");
    world.apply("breaker", disabled(by_ids(&["i-a"])));
    world.run(secs(120));
    assert_eq!(world.unprotecting_writes().len(), 0);
    assert_eq!(world.says("breaker"), (Status::False, Reason::OpaqueRival));
    world.delete("odd");
    world.run(secs(60));
    assert_eq!(world.unprotecting_writes().len(), 1);
}

#[test]
fn i11_a_view_that_lags_behind_unprotects_nothing() {
    let mut world = protected_pair();
    world.cloud.mood.stale_view = true;
    world.apply("breaker", disabled(by_ids(&["i-a"])));
    world.run(INTERVAL * 5);
    assert_eq!(world.unprotecting_writes().len(), 0);
    world.cloud.mood.stale_view = false;
    world.run(secs(60));
    assert_eq!(world.unprotecting_writes().len(), 1);
}

#[test]
fn i11_a_rival_that_the_watch_has_not_told_of_stops_the_write() {
    let mut world = protected_pair();
    world.apply_unseen("keeper", enabled(by_ids(&["i-a"])));
    world.apply("breaker", disabled(by_ids(&["i-a"])));
    world.run(INTERVAL * 3);
    assert_eq!(world.unprotecting_writes().len(), 0, "the listing shows an object that we were not told of");
}

#[test]
fn i11_an_object_edited_without_our_knowing_unprotects_nothing() {
    let mut world = protected_pair();
    world.apply("a", disabled(by_ids(&["i-a"])));
    // Before the first effect the user has changed the mind; the watch is silent.
    world.apply_unseen("a", enabled(by_ids(&["i-a"])));
    world.run(INTERVAL * 3);
    assert_eq!(world.unprotecting_writes().len(), 0);
    world.deliver("a");
    world.run(secs(30));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i12_unprotecting_is_an_act_and_not_a_state() {
    let mut world = protected_pair();
    world.apply("a", disabled(by_tag("env", "prod")));
    world.run(secs(30));
    assert_eq!(world.unprotecting_writes().len(), 2);
    // Somebody protects one again, and a new one comes with the tag.
    world.flip("i-a", true);
    world.instance("i-new", payg(true, &[("env", "prod")]));
    world.run(INTERVAL * 3);
    world.restart();
    world.run(INTERVAL * 3);
    assert_eq!(world.unprotecting_writes().len(), 2, "this generation has had its act");
    assert_eq!(world.says("a"), (Status::False, Reason::DisabledAsAsked));
    assert!(world.condition_set("a").domain.message.contains("Protected again: 2 of 3 targets"));
    // A new generation that asks again acts again.
    world.apply("a", disabled(by_ids(&["i-a", "i-new"])));
    world.run(secs(60));
    assert_eq!(world.unprotecting_writes().len(), 4);
}

#[test]
fn i14_a_status_can_narrow_unprotecting_but_never_cause_it() {
    let mut world = protected_pair();
    let mut intent = enabled(by_ids(&["i-a"]));
    intent.carried_out = true;
    world.apply("a", intent);
    world.store.get_mut("a").unwrap().carried_out = Some(1);
    world.relist();
    world.run(INTERVAL * 2);
    assert_eq!(world.unprotecting_writes().len(), 0);
    // Of a Disabled object it stops the act.
    world.apply("b", disabled(by_ids(&["i-b"])));
    world.store.get_mut("b").unwrap().carried_out = Some(1);
    world.relist();
    world.run(INTERVAL * 2);
    assert_eq!(world.unprotecting_writes().len(), 0);
}

#[test]
fn i10_deletion_under_keep_changes_nothing() {
    let mut world = protected_pair();
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(30));
    world.delete("a");
    world.run(INTERVAL * 3);
    assert!(world.store.is_empty());
    assert_eq!(world.unprotecting_writes().len(), 0);
}

#[test]
fn i10_deletion_under_disable_unprotects_and_lets_go() {
    let mut world = protected_pair();
    world.apply("a", leaving(enabled(by_tag("env", "prod"))));
    world.run(secs(30));
    world.delete("a");
    world.run(secs(30));
    assert!(world.store.is_empty());
    assert_eq!(world.unprotecting_writes().len(), 2);
}

#[test]
fn i10_a_hold_or_a_refusal_does_not_hold_a_deletion_up() {
    let mut world = protected_pair();
    world.apply("hold", enabled(by_ids(&["i-a"])));
    world.apply("a", leaving(enabled(by_ids(&["i-a", "i-b"]))));
    world.run(secs(30));
    world.cloud.mood.writes_fail = Some(Class::Permission);
    world.delete("a");
    world.run(secs(120));
    assert!(!world.store.contains_key("a"), "{:?}", world.store["a"].status);
    assert!(world.protected("i-a") && world.protected("i-b"));
}

#[test]
fn i10_an_unreachable_cloud_holds_a_deletion_for_an_hour_at_most() {
    let mut world = protected_pair();
    world.apply("a", leaving(enabled(by_ids(&["i-a", "i-b"]))));
    world.run(secs(30));
    world.cloud.mood.reads_fail = Some(Class::Transient);
    world.cloud.mood.writes_fail = Some(Class::Transient);
    world.delete("a");
    world.run(secs(3000));
    assert!(world.store.contains_key("a"));
    world.run(secs(700));
    assert!(world.store.is_empty());
    assert_eq!(world.unprotecting_writes().len(), 0);
}

#[test]
fn i10_the_user_may_change_the_policy_while_deletion_waits() {
    let mut world = protected_pair();
    world.apply("a", leaving(enabled(by_ids(&["i-a"]))));
    world.run(secs(30));
    world.cloud.mood.writes_fail = Some(Class::Transient);
    world.delete("a");
    world.run(secs(30));
    let mut intent = world.store["a"].protection().unwrap().clone();
    intent.deletion_policy = DeletionPolicy::Keep;
    world.apply("a", intent);
    assert!(world.store.is_empty(), "it is gone at once");
    world.cloud.mood.writes_fail = None;
    world.run(secs(600));
    assert_eq!(world.unprotecting_writes().len(), 0);
    assert!(world.protected("i-a"));
}

#[test]
fn i16_a_mass_disappearance_concludes_nothing_and_stops_unprotecting() {
    let mut world = World::new();
    world.machines(200, &[("env", "prod")]);
    world.instance("i-victim", payg(true, &[("team", "x")]));
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(60));
    for n in 0..200 {
        world.hide(&format!("i-{n:05}"), true);
    }
    world.run(secs(70));
    assert_eq!(world.part("a").counts.targets(), 200, "nothing is concluded");
    world.apply("breaker", disabled(by_ids(&["i-victim"])));
    world.run(secs(20));
    assert_eq!(world.unprotecting_writes().len(), 0, "and nothing is unprotected");
    assert_eq!(world.says("breaker"), (Status::False, Reason::CircuitBreaker));
    // Two sweeps agree that it is so.
    world.run(INTERVAL * 5);
    assert_eq!(world.unprotecting_writes().len(), 1);
}

#[test]
fn i16_what_went_in_a_mass_is_known_to_be_gone_soon_after_the_circuit_breaker_closes() {
    let mut world = World::new();
    world.machines(200, &[("env", "prod")]);
    world.instance("i-stays", payg(true, &[("env", "prod")]));
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(60));
    for n in 0..200 {
        world.hide(&format!("i-{n:05}"), true);
    }
    world.run(INTERVAL);
    assert!(world.circuit_open());
    while world.circuit_open() {
        world.run(secs(1));
        assert_eq!(world.part("a").counts.targets(), 201, "nothing is concluded");
    }
    // Two look-ups of three pages each that are five seconds apart.
    world.run(secs(15));
    assert_eq!(world.part("a").counts.targets(), 1);
}

#[test]
fn i16_flags_switched_off_by_the_hundred_are_put_right_within_the_budget() {
    let mut world = World::new();
    world.machines(300, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(120));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    for n in 0..300 {
        world.flip(&format!("i-{n:05}"), false);
    }
    world.run(secs(200));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(world.arrived.len(), 600);
}

#[test]
fn i16_unprotecting_that_an_edit_asked_for_is_paced_and_opens_no_circuit_breaker() {
    let mut world = World::new();
    for n in 0..300 {
        world.instance(&format!("i-{n:05}"), payg(true, &[("env", "prod")]));
    }
    world.apply("a", disabled(by_tag("env", "prod")));
    world.run(secs(600));
    assert_eq!(world.unprotecting_writes().len(), 300);
    assert_eq!(world.says("a"), (Status::False, Reason::DisabledAsAsked));
}

#[test]
fn i26_unprotecting_reaches_the_same_end_when_the_process_dies_after_any_effect() {
    let run = |crash: Option<usize>| {
        let mut world = protected_pair();
        if let Some(k) = crash {
            world.faults.insert(k, crate::world::Fault::Crash);
        }
        world.apply("hold", enabled(by_ids(&["i-b"])));
        world.apply("a", disabled(by_tag("env", "prod")));
        world.run(INTERVAL * 4);
        world
    };
    let calm = run(None);
    for k in 0..calm.actions {
        let world = run(Some(k));
        assert!(!world.protected("i-a"), "crash at {k}");
        assert!(world.protected("i-b"), "crash at {k}");
        assert!(world.writes_to("i-a") <= calm.writes_to("i-a") + 1, "crash at {k}");
        assert_eq!(world.says("a"), calm.says("a"), "crash at {k}");
    }
}

#[test]
fn i02_unprotecting_that_is_accepted_and_ignored_is_written_twice_and_then_rests() {
    let mut world = protected_pair();
    world.cloud.mood.ignore_writes = true;
    world.apply("a", disabled(by_ids(&["i-a"])));
    world.run(secs(500));
    assert_eq!(world.writes_to("i-a"), 2, "two writes, then patience");
    assert_eq!(world.says("a"), (Status::False, Reason::WriteIneffective));
    assert_eq!(world.condition_set("a").stalled.status, Status::True);
    world.cloud.mood.ignore_writes = false;
    world.run(secs(900));
    assert_eq!(world.says("a"), (Status::False, Reason::DisabledAsAsked));
}

#[test]
fn i14_a_status_that_says_carried_out_ends_the_act_under_way_in_silence() {
    let mut world = protected_pair();
    world.apply("hold", enabled(by_ids(&["i-a"])));
    world.apply("a", disabled(by_ids(&["i-a"])));
    world.run(secs(10));
    assert_eq!(world.says("a"), (Status::False, Reason::Conflict));
    world.store.get_mut("a").unwrap().carried_out = Some(1);
    world.relist();
    world.delete("hold");
    world.run(secs(10));
    let actions = world.actions;
    world.run(INTERVAL * 5);
    assert!(world.actions - actions <= 6, "{} actions in five minutes at rest", world.actions - actions);
    assert_eq!(world.unprotecting_writes().len(), 0);
}

#[test]
fn i10_a_view_that_lags_behind_holds_a_deletion_for_an_hour_at_most() {
    let mut world = protected_pair();
    world.apply("a", leaving(enabled(by_ids(&["i-a"]))));
    world.run(secs(30));
    world.cloud.mood.stale_view = true;
    world.delete("a");
    let actions = world.actions;
    world.run(secs(3500));
    assert!(world.store.contains_key("a"));
    assert!(
        world.actions - actions < 400,
        "the question is asked ever more seldom: {}",
        world.actions - actions
    );
    world.run(secs(200));
    assert!(world.store.is_empty());
    assert_eq!(world.unprotecting_writes().len(), 0);
}

#[test]
fn i10_a_listing_that_only_a_person_can_mend_does_not_hold_a_deletion_up() {
    for class in [Class::Permission, Class::Credentials] {
        let mut world = protected_pair();
        world.cloud.mood.reads_fail = Some(class);
        world.apply("a", leaving(enabled(by_tag("env", "prod"))));
        world.run(secs(5));
        world.delete("a");
        world.run(secs(60));
        assert!(world.store.is_empty(), "{class:?}");
        assert_eq!(world.unprotecting_writes().len(), 0);
    }
}

#[test]
fn i10_refused_credentials_do_not_hold_a_deletion_up() {
    let mut world = World::new();
    world.machines(100, &[("env", "prod")]);
    world.apply("a", leaving(enabled(by_tag("env", "prod"))));
    world.run(secs(60));
    for class in [Class::Credentials, Class::Permission] {
        world.cloud.mood.writes_fail = Some(class);
        world.delete("a");
        world.run(secs(120));
        assert!(world.store.is_empty(), "{class:?}");
        let refused = world.tries();
        assert!(refused <= 100 + 40, "{class:?}: {refused} writes");
        world.apply("a", leaving(enabled(by_tag("env", "prod"))));
        world.run(secs(900));
    }
    assert_eq!(world.unprotecting_writes().len(), 0);
}

#[test]
fn i10_a_long_unprotecting_does_not_hold_up_a_short_one() {
    let slow = keeper_core::budget::Limit { per_minute: 60, burst: 20 };
    let mut world = World::with(keeper_core::engine::Settings { writes: slow, ..crate::world::settings() });
    for n in 0..500 {
        world.instance(&format!("i-{n:05}"), payg(true, &[("env", "prod")]));
    }
    world.instance("i-x", payg(true, &[]));
    world.apply("long", disabled(by_tag("env", "prod")));
    world.run(secs(60));
    world.apply("short", leaving(enabled(by_ids(&["i-x"]))));
    world.run(secs(5));
    world.delete("short");
    world.run(secs(60));
    assert!(!world.protected("i-x"));
    assert!(!world.store.contains_key("short"));
}

#[test]
fn i39_a_long_unprotecting_slows_down_neither_repairs_nor_people_nor_onboarding() {
    let slow = keeper_core::budget::Limit { per_minute: 60, burst: 20 };
    let mut world = World::with(keeper_core::engine::Settings { writes: slow, ..crate::world::settings() });
    for n in 0..500 {
        world.instance(&format!("i-{n:05}"), payg(true, &[("env", "test")]));
    }
    world.instance("i-kept", payg(true, &[]));
    world.instance("i-new", payg(false, &[]));
    for n in 0..500 {
        world.instance(&format!("i-wave-{n:05}"), payg(false, &[("env", "prod")]));
    }
    world.apply("kept", enabled(by_ids(&["i-kept"])));
    world.run(secs(120));
    world.apply("long", disabled(by_tag("env", "test")));
    world.run(secs(120));
    world.flip("i-kept", false);
    world.run(INTERVAL + secs(5));
    assert!(world.protected("i-kept"), "I25: drift is repaired within a sweep");
    world.apply("new", enabled(by_ids(&["i-new"])));
    world.run(secs(3));
    assert!(world.protected("i-new"));
    let before = world.unprotecting_writes().len();
    world.apply("wave", enabled(by_tag("env", "prod")));
    world.run(secs(120));
    let wave = world.arrived.iter().filter(|a| a.id.as_str().starts_with("i-wave")).count();
    assert!(wave >= 40, "{wave} onboarded beside an unprotecting");
    assert!(
        world.unprotecting_writes().len() - before >= 25,
        "{} unprotected beside a wave",
        world.unprotecting_writes().len() - before
    );
}

#[test]
fn i09_a_hold_by_a_tag_that_nobody_asked_for_before_stops_the_batch_under_way() {
    // Evidence at hand was stripped of the tag; until it is read again nobody can tell whom the new hold protects.
    let slow = keeper_core::budget::Limit { per_minute: 60, burst: 1 };
    for delay in [300, 500, 800, 1300, 2000] {
        let mut world =
            World::with(keeper_core::engine::Settings { writes: slow, ..crate::world::settings() });
        for n in 0..20 {
            world.instance(&format!("i-{n:05}"), payg(true, &[("env", "prod"), ("team", "x")]));
        }
        world.apply("a", disabled(by_tag("env", "prod")));
        world.run(Duration::from_millis(delay));
        world.cloud.mood.reads_fail = Some(Class::Transient);
        world.apply("hold", enabled(by_tag("team", "x")));
        let unprotected = world.unprotecting_writes().len();
        world.run(secs(60));
        assert_eq!(world.unprotecting_writes().len(), unprotected, "after {delay} ms");
    }
}

#[test]
fn i09_tags_that_can_not_be_read_block_unprotecting_without_a_flood_of_questions() {
    let mut world = protected_pair();
    world.cloud.mood.odd_tags = true;
    world.apply("a", disabled(by_ids(&["i-a", "i-b"])));
    world.run(secs(30));
    assert_eq!(world.unprotecting_writes().len(), 0, "any hold by tag may be hidden");
    assert_eq!(world.says("a"), (Status::False, Reason::FieldUnreadable));
    let actions = world.actions;
    world.run(INTERVAL * 5);
    assert!(world.actions - actions <= 10, "{} actions in five minutes", world.actions - actions);
    world.cloud.mood.odd_tags = false;
    world.run(INTERVAL * 2);
    assert_eq!(world.unprotecting_writes().len(), 2);
}

#[test]
fn i15_an_object_made_anew_does_not_forget_the_write_under_way() {
    // Unprotected late, deleted at once, and held again: what a read shows before the effect is no evidence.
    for step in (0..2500).step_by(50) {
        let mut world = protected_pair();
        world.latency = Duration::from_millis(200);
        world.cloud.mood.late = secs(4);
        world.apply("a", disabled(by_ids(&["i-a"])));
        world.run(Duration::from_millis(step));
        world.delete("a");
        world.run(Duration::from_millis(30));
        world.apply("b", enabled(by_ids(&["i-a"])));
        world.run(secs(3));
        if !world.unprotecting_writes().is_empty() {
            assert_ne!(world.says("b").0, Status::True, "{step} ms: the flag is about to fall");
        }
        world.run(secs(60));
        assert_eq!(world.says("b"), (Status::True, Reason::AllProtected), "{step} ms");
    }
}

#[test]
fn i16_unprotecting_of_our_own_does_not_open_the_circuit_breaker_when_its_answers_are_lost() {
    let mut world = World::new();
    for n in 0..200 {
        world.instance(&format!("i-{n:05}"), payg(true, &[("env", "prod")]));
    }
    world.apply("a", disabled(by_tag("env", "prod")));
    world.run(secs(1));
    for k in world.actions..world.actions + 400 {
        world.faults.insert(k, crate::world::Fault::FailAfter);
    }
    world.run(secs(30));
    world.faults.clear();
    world.run(secs(300));
    assert_eq!(world.unprotecting_writes().len(), 200);
    assert_ne!(world.says("a").1, Reason::CircuitBreaker);
}

#[test]
fn i12_a_target_made_protected_again_is_left_alone_while_others_still_wait() {
    let mut world = protected_pair();
    world.apply("hold", enabled(by_ids(&["i-b"])));
    world.apply("a", disabled(by_ids(&["i-a", "i-b"])));
    world.run(secs(30));
    assert!(!world.protected("i-a"));
    world.flip("i-a", true);
    world.run(INTERVAL * 3);
    assert!(world.protected("i-a"), "its act is over, although the generation's is not");
    world.delete("hold");
    world.run(INTERVAL * 2);
    assert_eq!((world.writes_to("i-a"), world.writes_to("i-b")), (1, 1));
    assert_eq!(world.says("a"), (Status::False, Reason::DisabledAsAsked));
}

#[test]
fn i09_i11_what_is_unprotected_was_selected_when_it_was_read_a_moment_before() {
    for excluded_in_time in [true, false] {
        let scarce = Limit { per_minute: 60, burst: 20 };
        let mut world = World::with(Settings { writes: scarce, ..settings() });
        world.instance("i-a", payg(true, &[("env", "prod")]));
        let exclude_tags = by_tag("keep", "off").tags;
        world.cloud.mood.writes_fail = Some(Class::Throttled);
        world.apply("a", disabled(Selector { exclude_tags, ..by_tag("env", "prod") }));
        world.run(secs(5));
        world.cloud.mood.writes_fail = None;
        // When the throttling ends, proofs are taken; the budget has to fill again before they are used.
        let reads = world.reads.len();
        while world.reads.len() == reads {
            if excluded_in_time {
                world.tag("i-a", &[("env", "prod"), ("keep", "off")]);
            }
            world.run(Duration::from_millis(100));
        }
        world.run(Duration::from_millis(100));
        assert_eq!(world.unprotecting_writes().len(), 0);
        world.tag("i-a", &[("env", "prod"), ("keep", "off")]);
        world.run(INTERVAL * 2);
        assert_eq!(world.unprotecting_writes().len(), usize::from(!excluded_in_time));
    }
}

/// A write whose answer is not there yet may have protected what was seen unprotected before it. What is deleted meanwhile gives
/// the flag up only when a read has shown how that ended.
#[test]
fn i12_what_our_own_write_may_have_protected_is_not_taken_for_given_up() {
    let run = |fault: Option<usize>| {
        let mut world = World::new();
        world.instance("i-a", payg(false, &[]));
        if let Some(k) = fault {
            world.faults.insert(k, crate::world::Fault::Delay(secs(20)));
        }
        world.apply("a", leaving(enabled(by_ids(&["i-a"]))));
        world.run(secs(10));
        world.delete("a");
        world.run(INTERVAL * 10);
        world
    };
    let calm = run(None);
    assert!(calm.writes_to("i-a") > 0 && !calm.protected("i-a"));
    for k in 0..calm.actions {
        let world = run(Some(k));
        assert!(!world.names().contains("a"), "it is gone whatever action {k} came to");
        assert!(!world.protected("i-a"), "action {k}: what was to be given up is protected for good");
    }
}
