//! B and D: protecting writes are exact, damped and paced; it gets there and stays there.

use std::time::Duration;

use keeper_core::budget::Limit;
use keeper_core::conditions::Status;
use keeper_core::failure::Class;
use keeper_core::id::InstanceId;
use keeper_core::intent::{Intent, Selector};
use keeper_core::interface::InterfaceType;
use keeper_core::reason::Reason;

use crate::world::{
    CALL_FAULTS, Fault, INTERVAL, Refused, World, behind_nodes, by_ids, by_tag, disabled, enabled, filter,
    ids, payg, secs, settings,
};

#[test]
fn i15_after_any_answer_lost_late_or_doubled_the_next_call_on_the_target_is_a_read() {
    let run = |fault: Option<(usize, Fault)>| {
        let mut world = World::new();
        world.machines(2, &[("env", "prod")]);
        world.faults.extend(fault);
        world.apply("a", enabled(by_tag("env", "prod")));
        world.run(INTERVAL * 4);
        world
    };
    let calm = run(None);
    assert_eq!(calm.says("a"), (Status::True, Reason::AllProtected));
    for k in 0..calm.actions {
        for fault in CALL_FAULTS {
            let world = run(Some((k, fault)));
            assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{fault:?} at {k}");
            // Had a write been repeated without a look, it would have arrived where the flag was set already.
            for machine in ["i-00000", "i-00001"] {
                assert!(world.writes_to(machine) <= 1, "{fault:?} at {k}: {machine} was written twice");
            }
        }
    }
}

#[test]
fn i18_restart_relist_and_change_of_leader_write_nothing() {
    let mut world = World::new();
    world.machines(20, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.apply("b", enabled(by_ids(&["i-00003"])));
    world.run(INTERVAL * 2);
    assert_eq!(world.arrived.len(), 20);
    let reports = world.store["a"].reports;
    for _ in 0..5 {
        world.restart();
        world.run(INTERVAL * 2);
        world.relist();
        world.lead(false);
        world.run(secs(20));
        world.lead(true);
        world.run(INTERVAL);
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    }
    assert_eq!(world.arrived.len(), 20);
    assert!(world.store["a"].reports <= reports + 10, "I38: at most the confirmation after each start");
}

#[test]
fn nothing_is_called_without_the_lead() {
    let mut world = World::new();
    world.machines(3, &[("env", "prod")]);
    world.lead(false);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(INTERVAL * 3);
    assert!(world.reads.is_empty() && world.arrived.is_empty());
    world.lead(true);
    world.run(secs(20));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i25_drift_is_repaired_within_a_sweep() {
    let mut world = World::new();
    world.machines(50, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(100));
    world.flip("i-00007", false);
    world.run(world.sweep_interval() + secs(5));
    assert!(world.protected("i-00007"));
    world.run(secs(5));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i25_the_time_that_a_repair_took_is_told_once_and_only_of_repairs() {
    let mut world = World::new();
    world.machines(3, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(100));
    assert_eq!(world.repaired(), [const { Vec::new() }; 4], "a first setting is no repair");
    world.flip("i-00001", false);
    world.run(world.sweep_interval() + secs(10));
    let [took, others @ ..] = world.repaired();
    assert!(matches!(took[..], [took] if Duration::ZERO < took && took < secs(10)), "{took:?}");
    assert_eq!(others, [const { Vec::new() }; 3]);
    world.run(INTERVAL * 3);
    assert_eq!(world.repaired(), [const { Vec::new() }; 4], "it is told once");
    // As long as the cloud shows no effect, nothing is repaired.
    world.cloud.mood.ignore_writes = true;
    world.flip("i-00002", false);
    world.run(INTERVAL * 3);
    assert_eq!(world.repaired(), [const { Vec::new() }; 4]);
    world.cloud.mood.ignore_writes = false;
    world.run(INTERVAL * 2);
    let [took, ..] = world.repaired();
    assert!(matches!(took[..], [took] if took > INTERVAL), "from when it was seen first: {took:?}");
}

#[test]
fn i25_what_somebody_else_puts_right_or_nobody_wanted_right_is_no_repair() {
    let mut world = World::new();
    world.machines(1, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(100));
    world.apply("a", Intent { observe: true, ..enabled(by_tag("env", "prod")) });
    world.flip("i-00000", false);
    world.run(INTERVAL * 2);
    world.flip("i-00000", true);
    world.run(INTERVAL * 2);
    assert_eq!(world.repaired(), [const { Vec::new() }; 4]);
    // It was off for as long as it was only observed; that it is written now says nothing of how long repairs take.
    world.flip("i-00000", false);
    world.run(INTERVAL * 2);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    assert!(world.protected("i-00000"));
    assert_eq!(world.repaired(), [const { Vec::new() }; 4]);
}

#[test]
fn i25_whoever_keeps_switching_it_off_is_answered_each_time_and_told_of() {
    let mut world = World::new();
    world.machines(2, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(30));
    for flip in 0..60 {
        world.flip("i-00000", false);
        world.run(INTERVAL + secs(5));
        assert!(world.protected("i-00000"), "flip {flip} is not put right");
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "flip {flip}");
        let told = world.condition_set("a").at_risk.status == Status::True;
        assert_eq!(told, flip >= 2, "flip {flip}: {:?}", world.condition_set("a").at_risk);
    }
    assert_eq!(world.writes_to("i-00000"), 61, "one write each time it is seen");
    // Peace is made. The war stays in view for an hour.
    world.run(secs(3300));
    assert_eq!(world.condition_set("a").at_risk.status, Status::True);
    world.run(secs(600));
    assert_eq!(world.condition_set("a").at_risk.status, Status::False);
}

#[test]
fn i25_whoever_is_faster_than_our_look_is_answered_with_every_sweep_and_costs_no_more() {
    let mut world = World::new();
    world.machines(1, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(100));
    // It is off again before anybody can look.
    world.cloud.mood.ignore_writes = true;
    world.flip("i-00000", false);
    world.run(INTERVAL * 10);
    assert_eq!(world.says("a"), (Status::False, Reason::WriteIneffective));
    assert_eq!(world.condition_set("a").at_risk.status, Status::True, "and somebody may do it");
    let (writes, reports) = (world.writes_to("i-00000"), world.store["a"].reports);
    world.run(INTERVAL * 60);
    let more = world.writes_to("i-00000") - writes;
    assert!((55..=60).contains(&more), "{more} writes in sixty sweeps");
    assert_eq!(world.store["a"].reports, reports, "I37: it is said once");
    world.cloud.mood.ignore_writes = false;
    world.run(INTERVAL * 2);
    assert!(world.protected("i-00000"));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

/// Somebody switches the flag off again as soon as it is on, or a moment later, for an hour.
fn keep_switching_off(after: Duration) {
    let mut world = World::new();
    world.machines(2, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(30));
    let (mut on_since, mut off_since) = (Some(world.now), None);
    let mut told = false;
    for second in 0..3_600 {
        if world.protected("i-00000") {
            off_since = None;
            let since = *on_since.get_or_insert(world.now);
            if world.now.since(since) >= after {
                world.flip("i-00000", false);
                on_since = None;
            }
        } else {
            let since = *off_since.get_or_insert(world.now);
            let off = world.now.since(since);
            assert!(off <= INTERVAL + secs(6), "off for {off:?}, and nobody puts it right");
        }
        if second == 1_800 {
            // Whoever asks for something else does not wait for the fight.
            world.instance("i-new", payg(false, &[("env", "prod")]));
            world.apply("b", enabled(by_ids(&["i-new"])));
        }
        world.run(secs(1));
        told |= world
            .condition_set("a")
            .at_risk
            .message
            .contains(Reason::Contested.sentence().trim_end_matches('.'))
            || world.says("a") == (Status::False, Reason::WriteIneffective);
    }
    assert!(told, "{:?}", world.condition_set("a"));
    assert!(world.protected("i-new"));
    let writes = world.writes_to("i-00000");
    assert!((20..=62).contains(&writes), "{writes} writes in sixty intervals");
    world.run(INTERVAL + secs(10));
    assert!(world.protected("i-00000"));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i25_who_keeps_switching_off_is_answered_each_time_and_never_wins() {
    // Faster than the look that verifies a write, slower than it, and about as slow as a sweep.
    for after in [0, 2, 15, 50] {
        keep_switching_off(secs(after));
    }
}

#[test]
fn i29_what_only_a_person_can_mend_is_tried_once_in_ten_minutes() {
    for class in
        [Class::Permission, Class::Credentials, Class::Clock, Class::Bug, Class::Locked, Class::Unrecognized]
    {
        let mut world = World::new();
        world.machines(1, &[]);
        world.cloud.mood.writes_fail = Some(class);
        world.apply("a", enabled(by_ids(&["i-00000"])));
        world.run(secs(24 * 3600));
        let writes = world.tries();
        assert!((100..=145).contains(&writes), "{class:?}: {writes} writes in a day");
        assert_eq!(world.condition_set("a").stalled.status, Status::True, "{class:?}");
        // A changed spec is tried at once.
        world.cloud.mood.writes_fail = None;
        world.instance("i-x", payg(false, &[]));
        world.apply("a", enabled(by_ids(&["i-00000", "i-x"])));
        world.run(secs(40));
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{class:?}");
    }
}

#[test]
fn i29_reads_that_only_a_person_can_mend_are_tried_once_in_ten_minutes() {
    for class in [Class::Permission, Class::Credentials, Class::Clock] {
        let mut world = World::new();
        world.machines(3, &[("env", "prod")]);
        world.cloud.mood.reads_fail = Some(class);
        world.apply("a", enabled(by_tag("env", "prod")));
        world.run(secs(24 * 3600));
        assert!(world.reads.len() <= 150, "{class:?}: {} reads in a day", world.reads.len());
        assert_eq!(world.says("a").0, Status::Unknown);
        assert_eq!(world.condition_set("a").stalled.status, Status::True, "{class:?}");
    }
}

#[test]
fn i29_a_throttle_empties_the_budget_and_heals() {
    let mut world = World::new();
    world.machines(100, &[("env", "prod")]);
    for k in 5..12 {
        world.faults.insert(k, Fault::Fail(Class::Throttled));
    }
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(300));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i30_a_bad_spec_then_a_good_one_is_like_never_bad() {
    let mut world = World::new();
    world.machines(3, &[("env", "prod")]);
    world.apply("a", enabled(by_ids(&["i-nonsense"])));
    world.run(INTERVAL * 2);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(60));
    let mut other = World::new();
    other.machines(3, &[("env", "prod")]);
    other.apply("a", enabled(by_tag("env", "prod")));
    other.run(secs(60));
    assert_eq!(world.condition_set("a"), other.condition_set("a"));
    assert_eq!(world.part("a").rows, other.part("a").rows);
    assert_eq!(world.arrived.len(), other.arrived.len());
}

#[test]
fn first_protection_of_a_thousand_costs_two_reads_a_hundred_and_one_write_each() {
    for selector in [by_tag("env", "prod"), {
        let ids: Vec<String> = (0..1000).map(|n| format!("i-{n:05}")).collect();
        by_ids(&ids.iter().map(String::as_str).collect::<Vec<_>>())
    }] {
        let limit = Limit { per_minute: 100_000, burst: 10_000 };
        let mut world =
            World::with(keeper_core::engine::Settings { reads: limit, writes: limit, ..settings() });
        world.latency = Duration::from_millis(20);
        world.machines(1000, &[("env", "prod")]);
        for n in 0..10 {
            world.apply(&format!("object-{n}"), enabled(selector.clone()));
        }
        world.run(secs(30));
        for n in 0..10 {
            assert_eq!(world.says(&format!("object-{n}")), (Status::True, Reason::AllProtected));
        }
        assert_eq!(world.arrived.len(), 1000);
        assert!(world.reads.len() <= 20, "{} reads", world.reads.len());
        let before = world.reads.len();
        world.run(INTERVAL * 10);
        assert!(world.reads.len() - before <= 110, "{} reads in ten sweeps", world.reads.len() - before);
    }
}

#[test]
fn i39_what_a_user_just_changed_overtakes_a_thousand_others() {
    let mut world = World::with(keeper_core::engine::Settings {
        reads: Limit { per_minute: 60, burst: 20 },
        writes: Limit { per_minute: 60, burst: 20 },
        ..settings()
    });
    world.machines(1000, &[("env", "prod")]);
    world.instance("i-urgent", payg(false, &[]));
    world.apply("wave", enabled(by_tag("env", "prod")));
    world.run(secs(300));
    let before = world.arrived.len();
    assert!(before < 400, "the wave is under way: {before}");
    world.apply("urgent", enabled(by_ids(&["i-urgent"])));
    world.run(secs(5));
    assert!(world.protected("i-urgent"));
    world.run(secs(5));
    assert_eq!(world.says("urgent"), (Status::True, Reason::AllProtected));
    // And the wave still gets nine tenths of the budget.
    world.run(secs(600));
    let rate = world.arrived.iter().filter(|a| world.now.since(a.at) < secs(600)).count();
    assert!(rate >= 540, "{rate} writes in ten minutes of a budget of 600");
    let busiest = world
        .arrived
        .iter()
        .map(|a| world.arrived.iter().filter(|b| b.at >= a.at && b.at.since(a.at) < secs(60)).count());
    assert!(busiest.max().unwrap() <= 60);
}

#[test]
fn i31_the_end_depends_on_the_spec_and_not_on_its_history() {
    let ways: [&[&str]; 4] =
        [&["tag"], &["ids", "tag"], &["tag", "ids", "observe", "tag"], &["observe", "tag"]];
    let mut ends = Vec::new();
    for way in ways {
        let mut world = World::new();
        world.machines(5, &[("env", "prod")]);
        for step in way {
            let mut intent =
                enabled(if *step == "ids" { by_ids(&["i-00001"]) } else { by_tag("env", "prod") });
            intent.observe = *step == "observe";
            world.apply("a", intent);
            world.run(secs(7));
        }
        world.run(INTERVAL * 3);
        ends.push((world.condition_set("a").clone(), world.part("a").rows.clone()));
    }
    assert!(ends.windows(2).all(|pair| pair[0] == pair[1]), "{ends:#?}");
}

#[test]
fn i28_a_tag_filter_that_the_cloud_refuses_slows_nobody_else() {
    let mut world = World::new();
    world.cloud.page_size = 10;
    world.machines(100, &[("env", "prod")]);
    world.instance("i-x", payg(false, &[]));
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(60));
    world.cloud.mood.refuses = Some(Refused::Filter);
    world.apply("poison", enabled(by_tag("acs:odd", "")));
    world.run(secs(1));
    world.apply("b", enabled(by_ids(&["i-x"])));
    world.run(secs(5));
    assert_eq!(world.says("b"), (Status::True, Reason::AllProtected));
    world.flip("i-00003", false);
    world.run(INTERVAL + secs(5));
    assert!(world.protected("i-00003"));
    assert_eq!(world.says("poison"), (Status::Unknown, Reason::NoTargets), "the region's listing tells");
}

#[test]
fn i28_a_page_token_that_the_cloud_refuses_begins_the_round_anew() {
    let mut world = World::new();
    world.cloud.page_size = 10;
    world.machines(30, &[("env", "prod")]);
    world.cloud.mood.refuses = Some(Refused::Token);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(30));
    world.cloud.mood.refuses = None;
    world.run(INTERVAL);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i28_a_poisonous_id_is_singled_out_and_the_others_are_served() {
    let mut world = World::new();
    world.machines(40, &[]);
    world.cloud.mood.poison = true;
    let mut ids: Vec<String> = (0..40).map(|n| format!("i-{n:05}")).collect();
    ids.push("i-poison".to_owned());
    world.apply("a", enabled(by_ids(&ids.iter().map(String::as_str).collect::<Vec<_>>())));
    world.apply("b", enabled(by_ids(&["i-00001"])));
    world.run(secs(30));
    assert_eq!(world.says("b"), (Status::True, Reason::AllProtected));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::RequestRefused));
    assert_eq!(world.part("a").counts.protected(), 40);
    let reads = world.reads.len();
    assert!(reads <= 25, "{reads} reads to single it out");
    world.run(secs(3600));
    assert!(world.reads.len() - reads <= 70, "{} reads in an hour", world.reads.len() - reads);
}

#[test]
fn i49_an_id_behind_a_node_that_the_cloud_refuses_is_the_nodes_and_holds_up_no_act() {
    let selector = behind_nodes(&["i-00000", "i-00001", "i-poison"]);
    for protects in [true, false] {
        let mut world = World::new();
        world.machines(2, &[]);
        world.cloud.mood.poison = true;
        let intent = if protects { enabled(selector.clone()) } else { disabled(selector.clone()) };
        world.apply("a", intent);
        world.run(secs(60));
        let expected = if protects {
            (Status::Unknown, Reason::NodeIdRefused)
        } else {
            (Status::False, Reason::DisabledAsAsked)
        };
        assert_eq!(world.says("a"), expected);
        assert_eq!(world.part("a").refused, [InstanceId::new("i-poison")].into());
        assert_eq!(world.part("a").counts.protected(), if protects { 2 } else { 0 });
    }
    // Somebody has typed this one, and a region that refuses everything says nothing of any id.
    let mut world = World::new();
    world.machines(2, &[]);
    world.cloud.mood.poison = true;
    world.apply("a", enabled(Selector { ids: by_ids(&["i-poison"]).ids, ..selector.clone() }));
    world.run(secs(60));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::RequestRefused));
    let mut world = World::new();
    world.cloud.mood.refuses = Some(Refused::Anything);
    world.apply("a", enabled(selector));
    world.run(secs(3600));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::RequestRefused));
    assert!(world.part("a").refused.is_empty());
}

#[test]
fn i29_a_region_that_refuses_everything_is_asked_once_in_ten_minutes() {
    for selector in [by_tag("env", "prod"), {
        let ids: Vec<String> = (0..300).map(|n| format!("i-{n:05}")).collect();
        by_ids(&ids.iter().map(String::as_str).collect::<Vec<_>>())
    }] {
        let mut world = World::new();
        world.cloud.mood.refuses = Some(Refused::Anything);
        world.apply("a", enabled(selector));
        world.run(secs(6 * 3600));
        assert!(world.reads.len() <= 45, "{} reads in six hours", world.reads.len());
        assert_eq!(world.says("a"), (Status::Unknown, Reason::RequestRefused));
    }
}

#[test]
fn i25_i29_that_interfaces_are_written_says_nothing_of_instances_whose_writes_rest() {
    let mut world = World::new();
    world.instance("i-late", payg(true, &[("env", "prod")]));
    world.machines(2, &[("env", "prod")]);
    world.card("eni-0", None, InterfaceType::Secondary);
    world.cloud.mood.writes_fail = Some(Class::Permission);
    world.apply("a", enabled(by_tag("env", "prod")));
    while world.refused.len() < 6 {
        world.run(secs(1));
    }
    assert!(world.now.since(world.refused[0].at) > secs(1000), "in a row, not at once: {:?}", world.refused);
    world.cloud.mood.writes_fail = None;
    world.apply("eni", ids(&["eni-0"]));
    world.flip("i-late", false);
    world.run(secs(200));
    assert!(world.protected("eni-0") && !world.protected("i-late"));
    assert_eq!(world.protected_soon(), Ok(()));
    world.run(secs(1500));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i29_denied_unprotecting_is_tried_as_seldom_as_denied_protection() {
    let mut world = World::new();
    for n in 0..60 {
        world.instance(&format!("i-{n:05}"), payg(true, &[("env", "prod")]));
    }
    world.cloud.mood.writes_fail = Some(Class::Permission);
    world.apply("a", disabled(by_tag("env", "prod")));
    world.run(secs(3600));
    let denied = world.tries();
    assert!(denied <= 60, "{denied} denied writes in an hour");
    assert_eq!(world.says("a"), (Status::False, Reason::PermissionDenied));
    world.cloud.mood.writes_fail = None;
    world.run(secs(1800));
    assert_eq!(world.unprotecting_writes().len(), 60);
}

#[test]
fn i39_a_target_that_waits_in_a_wave_is_overtaken_by_the_object_that_names_it() {
    let slow = Limit { per_minute: 60, burst: 20 };
    let mut world = World::with(keeper_core::engine::Settings { reads: slow, writes: slow, ..settings() });
    world.machines(1000, &[("env", "prod")]);
    world.apply("wave", enabled(by_tag("env", "prod")));
    world.run(secs(300));
    assert!(!world.protected("i-00999"));
    world.apply("urgent", enabled(by_ids(&["i-00999"])));
    world.run(secs(5));
    assert!(world.protected("i-00999"));
}

#[test]
fn i39_what_a_user_changes_overtakes_the_reading_after_a_start() {
    let slow = Limit { per_minute: 60, burst: 20 };
    let mut world = World::with(keeper_core::engine::Settings { reads: slow, writes: slow, ..settings() });
    world.machines(6000, &[]);
    world.instance("i-urgent", payg(false, &[]));
    for n in 0..6 {
        let ids: Vec<String> = (0..1000).map(|m| format!("i-{:05}", n * 1000 + m)).collect();
        let mut intent = enabled(by_ids(&ids.iter().map(String::as_str).collect::<Vec<_>>()));
        intent.observe = true;
        world.apply(&format!("object-{n}"), intent);
    }
    world.restart();
    world.run(secs(60));
    world.apply("urgent", enabled(by_ids(&["i-urgent"])));
    world.run(secs(5));
    assert!(world.protected("i-urgent"));
}

#[test]
fn i18_what_was_seen_before_the_lead_was_lost_is_read_again_before_it_is_written() {
    let slow = Limit { per_minute: 60, burst: 20 };
    let mut world = World::with(keeper_core::engine::Settings { writes: slow, ..settings() });
    world.machines(100, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(5));
    world.lead(false);
    // Whoever leads meanwhile does the rest.
    for n in 0..100 {
        world.flip(&format!("i-{n:05}"), true);
    }
    let writes = world.arrived.len();
    world.run(secs(20));
    world.lead(true);
    world.run(secs(30));
    assert_eq!(world.arrived.len(), writes);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    // And when nobody did it, it is done now.
    for n in 0..100 {
        world.flip(&format!("i-{n:05}"), false);
    }
    world.run(secs(62));
    world.lead(false);
    world.lead(true);
    world.run(secs(200));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i18_nothing_is_written_on_evidence_that_has_grown_stale_in_the_queue() {
    let slow = Limit { per_minute: 60, burst: 1 };
    let mut world = World::with(keeper_core::engine::Settings { writes: slow, ..settings() });
    world.machines(300, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(secs(10));
    world.cloud.mood.reads_fail = Some(Class::Transient);
    world.run(secs(600));
    let writes = world.arrived.len();
    assert!(writes <= 130, "{writes} writes on evidence of two sweeps ago");
    world.cloud.mood.reads_fail = None;
    world.run(secs(600));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i08_an_intent_of_an_older_generation_that_comes_late_changes_nothing() {
    let mut world = World::new();
    world.instance("i-a", payg(true, &[]));
    world.apply("a", disabled(by_ids(&["i-b"])));
    let older = world.store["a"].clone();
    world.apply("a", enabled(by_ids(&["i-a"])));
    let newer = world.store.insert("a".to_owned(), older).unwrap();
    world.tell("a");
    world.store.insert("a".to_owned(), newer);
    world.run(secs(30));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    world.flip("i-a", false);
    world.run(INTERVAL * 2);
    assert!(world.protected("i-a"));
}

#[test]
fn i24_what_was_too_old_to_act_on_is_acted_on_when_it_is_seen_again() {
    for outage in (160..400).step_by(10) {
        let mut world = World::new();
        world.machines(2, &[]);
        let unless_off = |ids: &[&str]| Selector { exclude_tags: vec![filter("keep", "off")], ..by_ids(ids) };
        world.apply("seen", Intent { observe: true, ..enabled(unless_off(&["i-00000", "i-00001"])) });
        world.run(INTERVAL * 2 + secs(outage % 60));
        world.cloud.mood.reads_fail = Some(Class::Transient);
        world.run(secs(140));
        // Whether its tags exclude it can't be told any more. An outage has evidence live longer afterwards.
        world.apply("wants", enabled(unless_off(&["i-00001"])));
        world.run(secs(outage - 140));
        world.cloud.mood.reads_fail = None;
        world.run(INTERVAL * 6);
        assert!(world.protected("i-00001"), "after {outage} s");
    }
}
