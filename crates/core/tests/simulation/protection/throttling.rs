//! I52: a cloud that lets through less than the budget, for hours.

use std::time::Duration;

use keeper_core::budget::Limit;
use keeper_core::conditions::Status;
use keeper_core::engine::Settings;
use keeper_core::failure::Class;
use keeper_core::reason::Reason;

use crate::world::{World, behind_nodes, by_ids, by_tag, enabled, payg, secs, settings};

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// A region of so many pages, with the default settings but for the calls a minute of the budget, under a quota.
fn region(pages: usize, budget: u32, quota: Option<u32>) -> World {
    let reads = Limit { per_minute: budget, burst: 20 };
    let interval = Duration::from_secs(10);
    let mut world = World::with(Settings { sweep_interval: interval, reads, ..settings() });
    // What counts is the number of calls.
    world.cloud.page_size = 10;
    for n in 0..pages * 10 {
        world.instance(&format!("i-{n:05}"), payg(true, &[("env", "prod")]));
    }
    world.cloud.mood.quota = quota;
    world.apply("tagged", enabled(by_tag("env", "prod")));
    world.apply("named", enabled(by_ids(&["i-00000", "i-00009"])));
    world
}

/// What each object's domain condition comes to say, one after the other, in so many minutes.
fn sayings(world: &mut World, minutes: u32) -> Vec<[(Status, Reason); 2]> {
    let mut said = Vec::new();
    for _ in 0..minutes * 6 {
        world.run(secs(10));
        said.push([world.says("tagged"), world.says("named")]);
        world.check_all();
    }
    said.dedup();
    said
}

#[test]
fn i52_under_lasting_throttling_verdicts_settle_and_stay() {
    let protected = (Status::True, Reason::AllProtected);
    let late = (Status::Unknown, Reason::Throttled);
    for (pages, quota, settled) in [
        (1, 6, protected),
        (1, 1, protected),
        (9, 12, protected),
        (9, 1, late),
        (31, 30, protected),
        (31, 12, protected),
        (31, 6, protected),
        (31, 4, late),
        (31, 1, late),
    ] {
        let mut world = region(pages, 60, None);
        world.run(MINUTE * 5);
        assert_eq!(world.says("tagged"), protected);
        world.cloud.mood.quota = Some(quota);
        world.run(HOUR);
        let reports: u32 = world.store.values().map(|stored| stored.reports).sum();
        let said = sayings(&mut world, 120);
        assert_eq!(said, [[settled; 2]], "{pages} pages at {quota} a minute");
        let more = world.store.values().map(|stored| stored.reports).sum::<u32>() - reports;
        assert_eq!(more, 0, "I37: {pages} pages at {quota} a minute");
    }
}

#[test]
fn i52_what_was_throttled_from_the_start_settles_as_well() {
    for (pages, quota, settled) in [
        (9, 12, (Status::True, Reason::AllProtected)),
        (31, 6, (Status::True, Reason::AllProtected)),
        (31, 1, (Status::Unknown, Reason::Throttled)),
    ] {
        let mut world = region(pages, 60, Some(quota));
        world.run(HOUR);
        assert_eq!(sayings(&mut world, 60), [[settled; 2]], "{pages} pages at {quota} a minute");
        world.restart();
        world.run(HOUR);
        assert_eq!(sayings(&mut world, 60), [[settled; 2]], "{pages} pages at {quota} a minute");
    }
}

#[test]
fn i52_the_sentence_names_a_budget_that_would_fit_and_with_it_all_is_well() {
    let mut world = region(31, 60, Some(2));
    world.run(HOUR * 2);
    let message = &world.condition_set("tagged").domain.message;
    let fits = "budgets.DescribeInstances.callsPerMinute to 2,";
    assert!(message.contains(fits), "{message}");
    // The budget that asks for this pace is no surprise to whoever set it.
    let mut world = region(31, 2, Some(2));
    world.run(HOUR * 2);
    assert_eq!(sayings(&mut world, 120), [[(Status::True, Reason::AllProtected); 2]]);
}

#[test]
fn i52_whoever_eats_the_quota_keeps_no_true_alive() {
    for (pages, quota, until) in [(31, None, secs(125)), (31, Some(6), secs(905)), (1, Some(6), secs(905))] {
        for failure in [Class::Throttled, Class::Transient] {
            let mut world = region(pages, 60, quota);
            world.run(HOUR);
            assert_eq!(world.says("tagged"), (Status::True, Reason::AllProtected));
            world.cloud.mood.reads_fail = Some(failure);
            world.run(until);
            for name in ["tagged", "named"] {
                let (status, reason) = world.says(name);
                assert_eq!((status, reason), (Status::Unknown, failure.into()), "{pages} {quota:?}");
            }
            // A sweep that is under way for an hour lengthens nothing.
            let said = sayings(&mut world, 60);
            assert_eq!(said, [[(Status::Unknown, failure.into()); 2]], "{pages} {quota:?}");
        }
    }
}

#[test]
fn i25_what_is_seen_to_be_switched_off_is_put_right_also_where_nothing_is_promised() {
    let mut world = region(31, 60, Some(1));
    world.run(HOUR);
    assert_eq!(world.says("tagged"), (Status::Unknown, Reason::Throttled));
    world.flip("i-00123", false);
    world.run(HOUR * 2);
    assert!(world.protected("i-00123"));
    assert_eq!(world.writes_to("i-00123"), 1);
    assert_eq!(world.says("tagged"), (Status::Unknown, Reason::Throttled));
}

#[test]
fn i52_when_the_cloud_lets_everything_through_again_it_is_said_within_minutes() {
    for quota in [0, 1, 6] {
        let mut world = region(31, 60, None);
        world.run(MINUTE * 5);
        world.cloud.mood.quota = Some(quota);
        world.run(HOUR);
        world.cloud.mood.quota = None;
        world.run(MINUTE * 5);
        assert_eq!(world.says("tagged"), (Status::True, Reason::AllProtected), "{quota}");
        // And evidence lives no longer than before.
        world.run(MINUTE * 15);
        world.cloud.mood.reads_fail = Some(Class::Transient);
        world.run(secs(125));
        assert_eq!(world.says("tagged"), (Status::Unknown, Reason::CloudUnavailable), "{quota}");
    }
}

#[test]
fn i52_the_time_in_which_nothing_was_selected_is_no_pace() {
    let mut world = World::new();
    world.machines(2, &[]);
    world.apply("a", enabled(by_ids(&["i-00000"])));
    world.run(MINUTE);
    world.delete("a");
    world.run(HOUR);
    world.apply("b", enabled(by_ids(&["i-00001"])));
    world.run(secs(2));
    for _ in 0..120 {
        assert_eq!(world.says("b"), (Status::True, Reason::AllProtected), "{:?}", world.now);
        world.run(secs(1));
    }
}

#[test]
fn i24_i52_an_object_whose_nodes_have_all_left_waits_for_no_sweep() {
    for others in [false, true] {
        let mut world = World::new();
        world.machines(2, &[]);
        // The first sweep is refused, and tried again after ten minutes.
        world.cloud.mood.reads_fail = Some(Class::Permission);
        world.apply("a", enabled(behind_nodes(&["i-00000"])));
        if others {
            world.apply("b", enabled(by_ids(&["i-00001"])));
        }
        world.run(secs(5));
        world.cloud.mood.reads_fail = None;
        world.nodes("a", &[]);
        for _ in 0..30 {
            world.run(MINUTE);
            assert_eq!(world.says("a"), (Status::Unknown, Reason::NoTargets), "{:?}", world.now);
        }
    }
}

/// A refused write is tried again every ten minutes, and the next look at its target may be a quarter of an hour away.
#[test]
fn i37_i52_a_write_that_is_refused_again_changes_no_word() {
    let denied = (Status::False, Reason::PermissionDenied);
    for (quota, others) in
        [(None, (Status::True, Reason::AllProtected)), (Some(1), (Status::Unknown, Reason::Throttled))]
    {
        let mut world = region(31, 60, quota);
        world.cloud.mood.writes_fail = Some(Class::Permission);
        world.flip("i-00123", false);
        world.run(HOUR * 2);
        assert_eq!(sayings(&mut world, 180), [[denied, others]], "{quota:?}");
        assert!(world.refused.len() >= 10, "{} tries", world.refused.len());
    }
}
