//! A. Status tells the truth.

use std::time::Duration;

use keeper_core::budget::Limit;
use keeper_core::conditions::{Status, Summary};
use keeper_core::engine::Settings;
use keeper_core::failure::Class;
use keeper_core::id::InstanceId;
use keeper_core::instance::ChargeType;
use keeper_core::intent::Selector;
use keeper_core::reason::Reason;

use crate::world::{
    Fault, INTERVAL, Refused, World, behind_nodes, by_ids, by_tag, enabled, everything, payg, secs, settings,
};

#[test]
fn what_is_tagged_is_protected_within_seconds_and_then_nothing_happens() {
    let mut world = World::new();
    world.machines(30, &[("env", "prod")]);
    world.instance("i-other", payg(false, &[("env", "test")]));
    world.apply("production", enabled(by_tag("env", "prod")));
    world.run(secs(10));
    assert_eq!(world.says("production"), (Status::True, Reason::AllProtected));
    assert_eq!(world.part("production").counts.protected(), 30);
    assert_eq!(world.arrived.len(), 30);
    assert!(!world.protected("i-other"));
    let (actions, reads) = (world.actions, world.reads.len());
    world.run(INTERVAL * 10);
    assert_eq!(world.arrived.len(), 30, "I18: no write at rest");
    assert_eq!(world.actions - actions, world.reads.len() - reads, "I37: no report at rest");
    assert!(world.reads.len() - reads <= 11, "one page a sweep: {}", world.reads.len() - reads);
}

#[test]
fn i01_frozen_reads_turn_true_into_unknown_within_two_sweeps() {
    for selector in [by_tag("env", "prod"), by_ids(&["i-00000", "i-00001"])] {
        let mut world = World::new();
        world.machines(2, &[("env", "prod")]);
        world.apply("a", enabled(selector));
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
#[should_panic(expected = "I1: a")]
fn i01_a_true_that_outlives_its_evidence_is_found() {
    let mut world = World::new();
    world.machines(2, &[]);
    world.apply("a", enabled(behind_nodes(&["i-00000"])));
    world.run(secs(30));
    world.nodes("a", &["i-00000", "i-00001"]);
    world.run(secs(30));
    let said = world.store["a"].status.clone();
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    world.cloud.mood.writes_fail = Some(Class::Permission);
    world.flip("i-00001", false);
    world.run(INTERVAL * 3);
    world.store.get_mut("a").unwrap().status = said;
    world.check_all();
}

#[test]
fn i01_what_was_said_of_a_node_is_not_held_against_the_next_one() {
    let mut world = World::new();
    world.instance("i-old", payg(true, &[]));
    world.instance("i-new", payg(false, &[]));
    world.apply("a", enabled(behind_nodes(&["i-old"])));
    world.run(INTERVAL * 3);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    // The report of the change can't be written at once.
    for effect in world.actions..world.actions + 2 {
        world.faults.insert(effect, Fault::FailAfter);
    }
    world.nodes("a", &["i-new"]);
    world.run(secs(0));
    assert_eq!(world.says("a").0, Status::True, "what stands is of the Node that left");
    world.check_all();
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert!(world.protected("i-new"));
}

#[test]
fn i02_a_write_that_is_accepted_and_ignored_is_no_evidence() {
    let mut world = World::new();
    world.machines(1, &[("env", "prod")]);
    world.cloud.mood.ignore_writes = true;
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(20));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::Verifying));
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::False, Reason::WriteIneffective));
    assert_eq!(world.condition_set("a").stalled.status, Status::True);
    world.run(INTERVAL * 10);
    let writes = world.writes_to("i-00000");
    assert!((10..=13).contains(&writes), "{writes} writes in twelve sweeps");
    world.cloud.mood.ignore_writes = false;
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i02_a_write_that_takes_effect_late_is_written_once() {
    let mut world = World::new();
    world.machines(1, &[("env", "prod")]);
    world.cloud.mood.late = secs(20);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(15));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::Verifying));
    world.run(secs(60));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(world.writes_to("i-00000"), 1);
}

#[test]
fn i04_a_lost_permission_that_answers_empty_lists_concludes_nothing() {
    for selector in [by_tag("env", "prod"), by_ids(&["i-00000", "i-00001"])] {
        let mut world = World::new();
        world.machines(2, &[("env", "prod")]);
        world.apply("a", enabled(selector));
        world.run(secs(30));
        world.cloud.mood.blind = true;
        world.run(INTERVAL * 5);
        let (status, reason) = world.says("a");
        assert_eq!(status, Status::Unknown);
        assert_ne!(reason, Reason::NotFound, "absence is no evidence");
        assert_eq!(world.part("a").counts.targets(), 2, "nothing is dropped");
        world.cloud.mood.blind = false;
        world.run(INTERVAL * 6);
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
        assert_eq!(world.arrived.len(), 2, "and nothing was written");
    }
}

#[test]
fn i04_an_id_that_is_missing_is_not_found_only_after_two_look_ups_apart() {
    let mut world = World::new();
    world.machines(3, &[]);
    // Somebody asks for it now. Of one that was there at the start nothing is said before it is proven.
    world.run(secs(1));
    world.apply("a", enabled(by_ids(&["i-00000", "i-wrong"])));
    world.run(secs(3));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::Missing));
    world.run(secs(30));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NotFound));
    assert_eq!(world.condition_set("a").stalled.status, Status::True);
    assert!(world.protected("i-00000"), "the other one is protected all the same");
    // It appears after all.
    world.instance("i-wrong", payg(false, &[]));
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

/// A sweep that reads this one id alone shows nothing, and comes more often than look-ups may.
#[test]
fn i04_the_only_target_that_goes_is_found_to_be_gone_however_often_is_swept() {
    let often = Limit { per_minute: 6_000, burst: 100 };
    let mut world = World::with(Settings { sweep_interval: secs(1), reads: often, ..settings() });
    world.machines(2, &[]);
    world.apply("a", enabled(by_ids(&["i-00000"])));
    world.run(secs(5));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    world.hide("i-00000", true);
    world.run(secs(3));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::Missing), "nobody has looked at the region yet");
    world.run(secs(30));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NotFound));
}

#[test]
fn i49_what_is_gone_behind_a_node_is_said_to_be_that_and_an_id_that_was_typed_is_not_found() {
    for typed in [false, true] {
        let mut world = World::new();
        world.instance("i-a", payg(false, &[]));
        world.instance("i-b", payg(false, &[]));
        let mut selector = Selector { node_ids: by_ids(&["i-a", "i-b"]).ids, ..Selector::default() };
        if typed {
            selector.ids = by_ids(&["i-a"]).ids;
        }
        world.apply("a", enabled(selector));
        world.run(secs(30));
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
        world.release("i-a");
        world.run(INTERVAL * 2 + secs(30));
        let reason = if typed { Reason::NotFound } else { Reason::NodeInstanceGone };
        assert_eq!(world.says("a"), (Status::Unknown, reason));
        let gone: Vec<_> = world.part("a").gone.iter().map(InstanceId::as_str).collect();
        assert_eq!(gone, if typed { vec![] } else { vec!["i-a"] });
        world.nodes("a", &["i-b"]);
        world.run(secs(30));
        if !typed {
            assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
        }
    }
}

#[test]
fn i04_a_target_hidden_for_a_while_is_never_taken_as_gone() {
    for sweeps in 1..4 {
        let mut world = World::new();
        world.machines(5, &[("env", "prod")]);
        world.apply("a", enabled(by_tag("env", "prod")));
        world.run(secs(30));
        world.hide("i-00002", true);
        world.run(INTERVAL * sweeps);
        world.check_all();
        world.hide("i-00002", false);
        world.run(INTERVAL * 2);
        assert_eq!(world.part("a").counts.protected(), 5);
        assert_eq!(world.unprotecting_writes().len(), 0);
    }
}

#[test]
fn i05_a_listing_ends_only_with_an_empty_token_whatever_the_pages_size() {
    for page_size in [1, 7, 100] {
        let mut world = World::new();
        world.cloud.page_size = page_size;
        world.machines(40, &[("env", "prod")]);
        world.apply("a", enabled(by_tag("env", "prod")));
        world.run(secs(120));
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "page size {page_size}");
        assert_eq!(world.part("a").counts.protected(), 40);
    }
}

#[test]
fn i05_a_filtered_listing_is_never_complete() {
    let mut world = World::new();
    world.cloud.page_size = 10;
    world.machines(100, &[("env", "test")]);
    world.apply("a", enabled(by_tag("env", "test")));
    world.run(secs(60));
    world.instance("i-new", payg(false, &[("team", "x")]));
    // The region's listing takes long from now on; the filtered one finds the machine at once.
    world.apply("b", enabled(by_tag("team", "x")));
    world.run(secs(1));
    assert!(world.protected("i-new"));
    let (status, reason) = world.says("b");
    assert!(status == Status::Unknown, "{reason:?} before the listing of the region is complete");
    world.run(INTERVAL * 3);
    assert_eq!(world.says("b"), (Status::True, Reason::AllProtected));
}

#[test]
fn i06_a_flag_that_is_missing_from_the_answer_is_unknown_and_nothing_is_written() {
    let mut world = World::new();
    let mut facts = payg(false, &[]);
    facts.deletion_protection = None;
    world.instance("i-odd", facts);
    world.apply("a", enabled(by_ids(&["i-odd"])));
    world.run(secs(60));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::FieldUnreadable));
    assert_eq!(world.arrived.len(), 0);
}

#[test]
fn i07_what_can_not_be_protected_never_gives_an_unqualified_true() {
    let payg = payg(false, &[("env", "prod")]);
    let mut subscription = payg.clone();
    subscription.charge_type = Some(ChargeType::PrePaid);
    // Its flag may say anything.
    subscription.deletion_protection = Some(true);
    let mut spot = payg.clone();
    spot.spot = Some(true);
    for (other, named, expected, stalled, at_risk) in [
        (subscription.clone(), true, (Status::False, Reason::NotApplicable), true, Status::False),
        (subscription, false, (Status::True, Reason::ProtectedWhereApplicable), false, Status::False),
        (spot.clone(), true, (Status::False, Reason::NotApplicable), true, Status::True),
        (spot, false, (Status::True, Reason::ProtectedWhereApplicable), false, Status::True),
    ] {
        let mut world = World::new();
        world.instance("i-a", payg.clone());
        world.instance("i-b", other);
        let selector = if named { by_ids(&["i-a", "i-b"]) } else { by_tag("env", "prod") };
        world.apply("a", enabled(selector));
        world.run(secs(30));
        assert_eq!(world.says("a"), expected);
        let condition_set = world.condition_set("a");
        assert_eq!(condition_set.stalled.status == Status::True, stalled, "{condition_set:?}");
        assert_eq!(condition_set.at_risk.status, at_risk);
        assert!(world.protected("i-a"));
        assert_eq!(world.writes_to("i-b"), 0);
    }
}

#[test]
fn i07_risks_stand_beside_a_true() {
    let mut world = World::new();
    let mut facts = payg(false, &[("acs:autoscaling:scalingGroupId", "asg-1")]);
    facts.auto_release = Some(Some("2027-01-01T00:00Z".into()));
    facts.locks = Some(vec!["financial".into()]);
    world.instance("i-a", facts);
    world.apply("a", enabled(by_ids(&["i-a"])));
    world.run(secs(30));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    let condition_set = world.condition_set("a");
    assert_eq!(
        (condition_set.at_risk.status, condition_set.at_risk.reason),
        (Status::True, Reason::RisksFound)
    );
    let risks: Vec<Reason> = world.part("a").rows[0].risks.iter().map(|r| r.reason).collect();
    assert_eq!(risks, [Reason::AutoReleaseTimeSet, Reason::FinancialLock, Reason::ScalingGroupMember]);
}

#[test]
fn nothing_selected_is_said_and_is_no_promise() {
    let mut world = World::new();
    world.machines(2, &[]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(30));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NoTargets));
    assert_eq!(world.condition_set("a").summary, Summary::NoTargets);
    assert_eq!(world.condition_set("a").ready.status, Status::True);
}

#[test]
fn only_unprotectable_targets_are_not_called_protected() {
    let mut world = World::new();
    let mut facts = payg(false, &[("env", "prod")]);
    facts.charge_type = Some(ChargeType::PrePaid);
    world.instance("i-a", facts);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(30));
    assert_eq!(world.says("a"), (Status::False, Reason::NotApplicable));
    assert_eq!(world.condition_set("a").ready.status, Status::True, "there is nothing left to do");
}

#[test]
fn i08_a_status_never_speaks_of_an_older_generation() {
    let mut world = World::new();
    world.machines(4, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    let mut last = 0;
    for step in 0..200 {
        if step % 7 == 0 {
            let ids = if step % 14 == 0 { by_ids(&["i-00000"]) } else { by_tag("env", "prod") };
            world.apply("a", enabled(ids));
        }
        world.run(Duration::from_millis(130));
        if let Some((generation, ..)) = &world.store["a"].status {
            assert!(*generation >= last);
            last = *generation;
        }
    }
    world.run(secs(30));
    assert_eq!(world.store["a"].status.as_ref().unwrap().0, world.store["a"].generation);
}

#[test]
fn a_charge_type_that_settles_late_is_unprotected_for_a_while_and_then_not_applicable() {
    let mut world = World::new();
    world.machines(1, &[]);
    world.cloud.mood.writes_fail = Some(Class::NotApplicable);
    world.apply("a", enabled(by_ids(&["i-00000"])));
    world.run(secs(60));
    assert_eq!(world.says("a"), (Status::False, Reason::ChargeTypeSettling));
    assert_eq!(world.condition_set("a").reconciling.status, Status::True);
    world.run(secs(1200));
    assert_eq!(world.says("a"), (Status::False, Reason::NotApplicable));
    assert_eq!(world.condition_set("a").stalled.status, Status::True);
    world.cloud.mood.writes_fail = None;
    world.run(secs(1200));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn observe_reports_and_never_writes() {
    let mut world = World::new();
    world.machines(2, &[("env", "prod")]);
    let mut intent = enabled(by_tag("env", "prod"));
    intent.observe = true;
    world.apply("a", intent);
    world.run(INTERVAL * 3);
    assert_eq!(world.says("a"), (Status::False, Reason::Unprotected));
    assert_eq!(world.condition_set("a").ready.status, Status::True);
    assert_eq!(world.arrived.len(), 0);
    world.flip("i-00000", true);
    world.flip("i-00001", true);
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn a_target_that_loses_its_tag_leaves_the_selection_and_keeps_its_flag() {
    let mut world = World::new();
    world.machines(3, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(30));
    world.tag("i-00001", &[]);
    world.run(INTERVAL * 2);
    assert_eq!(world.part("a").counts.targets(), 2);
    assert!(world.protected("i-00001"));
    assert_eq!(world.arrived.len(), 3);
}

#[test]
fn whoever_selects_everything_has_what_comes_and_loses_what_goes() {
    let mut world = World::new();
    world.instance("i-a", payg(false, &[]));
    world.instance("i-b", payg(true, &[("keep", "off")]));
    let mut all = enabled(everything());
    all.selector.exclude_tags = by_tag("keep", "off").tags;
    all.selector.exclude_ids = by_ids(&["i-c"]).ids;
    world.apply("all", all);
    // That another object names what does not exist gives this one no target.
    world.apply("other", enabled(by_ids(&["i-none"])));
    world.run(secs(30));
    assert_eq!(world.says("all"), (Status::True, Reason::AllProtected));
    assert_eq!(world.part("all").counts.targets(), 1);
    world.instance("i-c", payg(false, &[]));
    world.instance("i-d", payg(false, &[("team", "x")]));
    world.run(INTERVAL + secs(10));
    assert_eq!(world.part("all").counts.protected(), 2, "tomorrow's machine is protected like today's");
    assert_eq!((world.writes_to("i-b"), world.writes_to("i-c"), world.writes_to("i-d")), (0, 0, 1));
    world.tag("i-d", &[("keep", "off")]);
    world.release("i-a");
    world.run(INTERVAL * 2 + secs(30));
    assert_eq!(world.says("all"), (Status::Unknown, Reason::NoTargets));
    assert_eq!(world.says("other"), (Status::Unknown, Reason::NotFound));
}

#[test]
fn i05_whoever_selects_everything_needs_a_complete_listing_that_shows_something() {
    let mut world = World::new();
    world.apply("all", enabled(everything()));
    world.run(INTERVAL * 3);
    assert_eq!(world.says("all"), (Status::Unknown, Reason::NothingVisible));
    world.instance("i-a", payg(true, &[]));
    world.run(INTERVAL * 2);
    assert_eq!(world.says("all"), (Status::True, Reason::AllProtected));
    // What only another object named is not shown to be all there is.
    let mut world = World::new();
    world.instance("i-a", payg(true, &[]));
    world.instance("i-b", payg(false, &[]));
    world.apply("one", enabled(by_ids(&["i-a"])));
    world.run(secs(30));
    world.cloud.mood.refuses = Some(Refused::Filter);
    world.cloud.mood.reads_fail = Some(Class::Transient);
    world.apply("all", enabled(everything()));
    world.run(INTERVAL * 3);
    assert_eq!(world.says("all"), (Status::Unknown, Reason::CloudUnavailable));
    world.cloud.mood.reads_fail = None;
    world.run(INTERVAL * 2);
    assert_eq!(world.says("all"), (Status::True, Reason::AllProtected));
    assert_eq!(world.writes_to("i-b"), 1);
}

#[test]
fn excluded_targets_are_left_alone_even_when_the_tag_is_asked_for_only_later() {
    let mut world = World::new();
    world.instance("i-a", payg(false, &[("env", "prod")]));
    world.instance("i-b", payg(false, &[("env", "prod"), ("keep", "off")]));
    let mut observing = enabled(by_tag("env", "prod"));
    observing.observe = true;
    world.apply("first", observing);
    world.run(secs(30));
    // The evidence at hand was stripped of the tag that now excludes.
    let mut selector = by_ids(&["i-a", "i-b"]);
    selector.exclude_tags = by_tag("keep", "off").tags;
    world.apply("second", enabled(selector));
    world.run(secs(30));
    assert!(world.protected("i-a"));
    assert_eq!(world.writes_to("i-b"), 0);
    assert_eq!(world.says("second"), (Status::True, Reason::AllProtected));
    assert_eq!(world.part("second").counts.targets(), 1);
}

#[test]
fn i04_an_answer_that_ignores_the_ids_proves_nothing() {
    let mut world = World::new();
    world.machines(3, &[("env", "prod")]);
    world.instance("i-named", payg(true, &[]));
    world.apply("a", enabled(by_ids(&["i-named"])));
    // The whole region is listed, so only look-ups ask for ids.
    world.apply("tagged", enabled(by_tag("env", "prod")));
    world.run(secs(30));
    world.hide("i-named", true);
    world.cloud.mood.ignores_ids = true;
    world.run(INTERVAL * 10);
    assert_ne!(world.says("a").1, Reason::NotFound, "what was shown was not what was asked for");
    assert_eq!(world.says("a").0, Status::Unknown);
    let reads = world.reads.len();
    world.run(INTERVAL * 10);
    assert!(world.reads.len() - reads <= 20, "it is asked ever more seldom");
    world.cloud.mood.ignores_ids = false;
    world.run(INTERVAL * 6);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NotFound), "and asked again when answers tell");
}

#[test]
fn i04_an_answer_overtaken_by_the_proof_of_absence_brings_nothing_back() {
    let mut world = World::new();
    world.machines(3, &[]);
    world.apply("a", enabled(by_ids(&["i-00000", "i-00001"])));
    world.run(secs(30));
    // The next read is answered late; meanwhile the machine is released, and that is proven.
    world.faults.insert(world.actions, Fault::Delay(secs(40)));
    world.run(INTERVAL);
    world.hide("i-00001", true);
    world.apply("b", enabled(by_ids(&["i-00001", "i-00002"])));
    let mut proven = false;
    for _ in 0..60 {
        world.run(secs(1));
        proven |= world.says("b").1 == Reason::NotFound;
        if proven {
            assert_eq!(world.says("a"), (Status::Unknown, Reason::NotFound), "it is proven gone");
        }
    }
    assert!(proven);
}

#[test]
fn i05_a_page_overtaken_by_a_newer_answer_takes_nothing_out_of_the_selection() {
    let mut world = World::new();
    world.machines(3, &[("env", "test")]);
    world.tag("i-00000", &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(50));
    world.tag("i-00001", &[("env", "prod")]);
    world.run(INTERVAL);
    assert_eq!(world.part("a").counts.targets(), 2);
    // A sweep's page that was sent while the tag was away comes after a newer answer.
    world.tag("i-00001", &[("env", "test")]);
    world.faults.insert(world.actions, Fault::Delay(secs(10)));
    let reads = world.reads.len();
    while world.reads.len() == reads {
        world.run(Duration::from_millis(50));
    }
    world.tag("i-00001", &[("env", "prod")]);
    // What an exclusion asks for was not kept, so the machine is read again at once.
    let mut observing = enabled(by_ids(&["i-00001"]));
    observing.observe = true;
    observing.selector.exclude_tags = by_tag("team", "x").tags;
    world.apply("b", observing);
    world.run(secs(5));
    world.delete("b");
    world.run(secs(6));
    assert_eq!(world.part("a").counts.targets(), 2);
}

#[test]
fn i05_a_listing_that_goes_in_circles_is_never_complete_and_never_endless() {
    let mut world = World::new();
    world.cloud.page_size = 10;
    world.machines(35, &[("env", "prod")]);
    world.cloud.mood.circles = true;
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(INTERVAL * 10);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::ListingUnreadable));
    assert!(world.reads.len() <= 250, "{} reads in ten sweeps", world.reads.len());
    world.cloud.mood.circles = false;
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i05_entries_without_a_readable_id_leave_the_listing_incomplete() {
    let mut world = World::new();
    world.machines(3, &[("env", "prod")]);
    world.cloud.mood.unreadable = true;
    world.apply("a", enabled(by_tag("env", "prod")));
    world.apply("b", enabled(by_ids(&["i-00000", "i-wrong"])));
    world.run(INTERVAL * 5);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::ListingUnreadable));
    assert_ne!(world.says("b").1, Reason::NotFound, "any of the entries may be it");
    world.cloud.mood.unreadable = false;
    world.run(INTERVAL * 5);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i05_items_that_move_between_pages_are_looked_up_before_anything_is_concluded() {
    let mut world = World::new();
    world.cloud.page_size = 10;
    world.machines(40, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(50));
    world.cloud.mood.skips = true;
    for _ in 0..20 {
        world.run(INTERVAL / 2);
        assert_eq!(world.part("a").counts.targets(), 40);
        assert_ne!(world.says("a").0, Status::False);
    }
    world.cloud.mood.skips = false;
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(world.arrived.len(), 40);
}

#[test]
fn i06_tags_that_can_not_be_read_take_nothing_out_of_the_selection() {
    let mut world = World::new();
    world.machines(3, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.apply("named", enabled(by_ids(&["i-00001"])));
    world.run(secs(50));
    world.cloud.mood.odd_tags = true;
    world.run(INTERVAL);
    assert_eq!(world.part("a").counts.targets(), 3);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::FieldUnreadable));
    assert_eq!(world.says("named"), (Status::True, Reason::AllProtected), "its id is all that it asks for");
    world.cloud.mood.odd_tags = false;
    world.tag("i-00001", &[("env", "test")]);
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(world.part("a").counts.targets(), 2, "now it is known that the tag is away");
}

#[test]
fn i01_what_is_named_is_not_left_out_on_stale_evidence_of_a_tag_that_excludes() {
    let mut world = World::new();
    world.instance("i-a", payg(false, &[]));
    world.instance("i-b", payg(false, &[("keep", "off")]));
    let mut selector = by_ids(&["i-a", "i-b"]);
    selector.exclude_tags = by_tag("keep", "off").tags;
    world.apply("a", enabled(selector));
    world.run(secs(30));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(world.part("a").counts.targets(), 1);
    world.cloud.mood.reads_fail = Some(Class::Transient);
    world.run(INTERVAL * 3);
    assert_eq!(world.part("a").counts.targets(), 2, "whether it is excluded now is not known");
    assert_eq!(world.says("a").0, Status::Unknown);
}

#[test]
fn i01_evidence_is_as_old_as_its_question_and_not_as_its_answer() {
    let mut world = World::new();
    world.instance("i-a", payg(true, &[]));
    world.latency = secs(50);
    world.apply("a", enabled(by_ids(&["i-a"])));
    world.run(secs(51));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    world.cloud.mood.reads_fail = Some(Class::Transient);
    // One and a half times the two rounds of 50 s that may follow each other.
    world.run(secs(105));
    assert_eq!(world.says("a").0, Status::Unknown, "counted from the question");
}

#[test]
fn i04_an_empty_listing_is_never_a_complete_one() {
    let mut world = World::new();
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(INTERVAL * 3);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NothingVisible));
    assert_eq!(world.condition_set("a").stalled.status, Status::True);
}

#[test]
fn i04_a_permission_that_is_lost_between_two_pages_leaves_the_listing_incomplete() {
    let mut world = World::new();
    world.cloud.page_size = 10;
    for n in 0..20 {
        world.instance(&format!("i-{n:05}"), payg(true, &[("env", "prod")]));
    }
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(Duration::ZERO);
    world.cloud.mood.blind = true;
    world.run(secs(30));
    assert_eq!(world.says("a").0, Status::Unknown, "{:?}", world.part("a"));
    world.cloud.mood.blind = false;
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(world.part("a").counts.targets(), 20);
}

#[test]
fn i05_a_listing_that_began_before_the_selector_is_not_complete_for_it() {
    let mut world = World::new();
    world.cloud.page_size = 1;
    world.machines(40, &[("env", "prod")]);
    world.tag("i-00000", &[("env", "prod"), ("team", "x")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(61));
    // The round is under way; what the new object selects stood on a page that is read already.
    world.cloud.mood.refuses = Some(Refused::Filter);
    world.apply("b", enabled(by_tag("team", "x")));
    for _ in 0..200 {
        world.run(Duration::from_millis(500));
        assert_ne!(world.says("b").1, Reason::NoTargets);
    }
    assert_eq!(world.says("b"), (Status::True, Reason::AllProtected));
}

#[test]
fn i01_a_round_that_left_out_what_was_read_a_moment_before_is_no_younger_than_that() {
    let mut world = World::new();
    world.instance("i-a", payg(true, &[]));
    world.instance("i-b", payg(true, &[]));
    world.apply("a", enabled(by_ids(&["i-a"])));
    world.apply("b", enabled(by_ids(&["i-b"])));
    world.run(secs(92));
    // What an exclusion asks for was not kept, so i-a is read now, and left out of the round half a minute later.
    let mut excluding = enabled(by_ids(&["i-a"]));
    excluding.selector.exclude_tags = by_tag("keep", "off").tags;
    world.apply("c", excluding);
    world.run(secs(29));
    world.cloud.mood.reads_fail = Some(Class::Transient);
    world.run(secs(96));
    assert_eq!(world.says("a").0, Status::Unknown);
}

#[test]
fn i03_a_round_by_id_in_which_a_page_was_refused_is_not_complete() {
    let mut world = World::new();
    world.cloud.page_size = 1;
    world.instance("i-a", payg(true, &[]));
    world.instance("i-b", payg(true, &[]));
    world.apply("a", enabled(by_ids(&["i-a", "i-b"])));
    world.run(secs(30));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    world.cloud.mood.refuses = Some(Refused::Token);
    let reads = world.reads.len();
    world.run(INTERVAL * 2 + secs(35));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::EvidenceStale));
    assert!(world.reads.len() - reads <= 6, "the refused page is asked for once a round");
}

#[test]
fn i24_a_page_token_that_has_expired_in_an_outage_begins_the_sweep_anew() {
    let mut world = World::new();
    world.cloud.page_size = 5;
    world.machines(20, &[("env", "prod")]);
    world.apply("tagged", enabled(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    let read = world.reads.len();
    while world.reads.len() < read + 2 {
        world.run(Duration::from_millis(10));
    }
    world.cloud.mood.reads_fail = Some(Class::Transient);
    world.run(secs(600));
    world.cloud.mood.reads_fail = None;
    world.cloud.mood.token_life = Some(secs(60));
    world.flip("i-00003", false);
    // It is one that nobody knows the code of: reads rest for ten minutes.
    world.run(secs(900));
    assert!(world.protected("i-00003"));
    assert_eq!(world.says("tagged"), (Status::True, Reason::AllProtected));
}

#[test]
fn i24_an_id_that_is_denied_on_a_further_page_stops_no_reads() {
    let mut world = World::new();
    world.machines(20, &[]);
    let names: Vec<String> = (0..20).map(|n| format!("i-{n:05}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    world.apply("named", enabled(by_ids(&names)));
    world.run(INTERVAL * 2);
    world.cloud.page_size = 5;
    world.cloud.mood.denies = true;
    let read = world.reads.len();
    while world.reads.len() < read + 1 {
        world.run(Duration::from_millis(10));
    }
    world.run(Duration::from_millis(60));
    world.release("i-00019");
    world.flip("i-00003", false);
    world.run(secs(180));
    assert!(world.protected("i-00003"));
}
