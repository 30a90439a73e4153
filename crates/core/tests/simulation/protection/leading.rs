//! E. One leader: what its window means, and what a change of leader may leave standing.

use std::time::Duration;

use keeper_core::budget::Limit;
use keeper_core::conditions::Status;
use keeper_core::engine::{Proven, Settings};
use keeper_core::failure::Class;
use keeper_core::reason::Reason;

use crate::world::{INTERVAL, World, by_ids, by_tag, disabled, enabled, payg, secs, settings};

/// A world in which everything is protected and said to be so.
fn at_rest() -> World {
    let mut world = World::new();
    world.machines(20, &[("env", "prod")]);
    world.apply("tagged", enabled(by_tag("env", "prod")));
    world.apply("named", enabled(by_ids(&["i-00003"])));
    world.run(INTERVAL * 2);
    for name in ["tagged", "named"] {
        assert_eq!(world.says(name), (Status::True, Reason::AllProtected));
    }
    world
}

/// What was read and written so far, and how often something was reported.
fn so_far(world: &World) -> (usize, usize, u32) {
    (world.reads.len(), world.arrived.len(), world.store.values().map(|stored| stored.reports).sum())
}

/// Renews the lease as a leader does.
fn leads_for(world: &mut World, span: Duration) {
    for _ in 0..span.as_secs() / 3 {
        world.lease(secs(10), secs(5));
        world.run(secs(3));
    }
}

#[test]
fn i33_a_renewal_is_not_a_new_lead() {
    let mut renewing = at_rest();
    let mut unbounded = at_rest();
    leads_for(&mut renewing, INTERVAL * 3);
    unbounded.run(INTERVAL * 3);
    assert_eq!(so_far(&renewing), so_far(&unbounded));
}

#[test]
fn i33_nothing_is_called_and_nothing_said_after_the_end_of_the_lease() {
    let mut world = at_rest();
    world.lease(secs(10), secs(5));
    world.run(secs(10));
    let before = so_far(&world);
    world.flip("i-00003", false);
    world.run(INTERVAL * 5);
    assert_eq!(so_far(&world), before);
    // What happened meanwhile is found by whoever leads next, be it the same.
    leads_for(&mut world, secs(20));
    assert!(world.protected("i-00003"));
    assert_eq!(world.says("named"), (Status::True, Reason::AllProtected));
}

#[test]
fn i33_unprotecting_needs_seconds_of_the_lease() {
    let mut world = at_rest();
    world.instance("i-off", payg(true, &[]));
    // Renewed late each time: calls may be sent, unprotecting ones not any more.
    world.lease(secs(10), Duration::ZERO);
    world.apply("off", disabled(by_ids(&["i-off"])));
    for _ in 0..20 {
        world.lease(secs(10), Duration::ZERO);
        world.run(secs(3));
    }
    assert_eq!(world.unprotecting_writes().len(), 0);
    leads_for(&mut world, secs(30));
    assert_eq!(world.unprotecting_writes().len(), 1);
    assert_eq!(world.says("off"), (Status::False, Reason::DisabledAsAsked));
}

#[test]
fn i33_a_batch_that_was_proven_in_time_is_not_written_too_late() {
    let mut world = at_rest();
    world.instance("i-off", payg(true, &[]));
    world.lease(secs(10), Duration::from_millis(50));
    world.apply("off", disabled(by_ids(&["i-off"])));
    world.run(secs(9));
    assert_eq!(world.unprotecting_writes().len(), 0);
}

#[test]
fn i14_what_the_leader_before_unprotected_and_said_so_is_not_unprotected_again_before_the_watch_tells() {
    let mut world = at_rest();
    world.instance("i-off", payg(true, &[]));
    world.lead(false);
    world.apply("off", disabled(by_ids(&["i-off"])));
    // The other leader has unprotected it and said so, and a person has made it protected again.
    world.store.get_mut("off").unwrap().carried_out = Some(1);
    // Nor does the answer to a status write tell.
    world.refuse_status("off", true);
    world.lead(true);
    world.run(INTERVAL * 3);
    assert_eq!(world.unprotecting_writes().len(), 0);
    world.refuse_status("off", false);
    world.relist();
    world.run(INTERVAL);
    assert_eq!(
        (world.unprotecting_writes().len(), world.says("off")),
        (0, (Status::False, Reason::DisabledAsAsked))
    );
}

#[test]
fn i38_a_spare_that_takes_over_leaves_standing_what_stands_until_it_has_read() {
    for idle in [secs(1), INTERVAL * 10] {
        let mut world = at_rest();
        world.lead(false);
        world.run(idle);
        let reports = so_far(&world).2;
        world.latency = secs(5);
        world.lead(true);
        world.run(secs(4));
        assert_eq!(so_far(&world).2, reports, "nothing is known yet");
        world.run(secs(20));
        assert_eq!(world.says("tagged"), (Status::True, Reason::AllProtected));
        assert_eq!(world.arrived.len(), 20);
    }
}

#[test]
fn i38_what_was_proven_to_be_missing_is_proven_again_before_anything_else_is_said() {
    let mut world = at_rest();
    world.apply("missing", enabled(by_ids(&["i-wrong"])));
    world.run(secs(30));
    assert_eq!(world.says("missing"), (Status::Unknown, Reason::NotFound));
    for restarts in [false, true] {
        if restarts {
            world.restart();
        } else {
            world.lead(false);
            world.lead(true);
        }
        for _ in 0..30 {
            world.run(secs(1));
            assert_eq!(world.says("missing"), (Status::Unknown, Reason::NotFound));
        }
    }
}

#[test]
fn i38_what_stays_unproven_for_two_sweeps_after_a_takeover_is_unknown_then_and_no_sooner() {
    for trouble in [Class::Transient, Class::Throttled, Class::Permission] {
        let mut world = at_rest();
        world.lead(false);
        world.run(INTERVAL * 10);
        world.cloud.mood.reads_fail = Some(trouble);
        world.lead(true);
        world.run((INTERVAL * 2).saturating_sub(secs(5)));
        for name in ["tagged", "named"] {
            assert_eq!(world.says(name), (Status::True, Reason::AllProtected), "{name} {trouble:?}");
        }
        world.run(secs(10));
        for name in ["tagged", "named"] {
            assert_eq!(world.says(name).0, Status::Unknown, "{name} {trouble:?}");
        }
        world.cloud.mood.reads_fail = None;
        world.run(secs(1300));
        for name in ["tagged", "named"] {
            assert_eq!(world.says(name), (Status::True, Reason::AllProtected), "{name} {trouble:?}");
        }
        assert_eq!(world.arrived.len(), 20);
    }
}

#[test]
fn i38_when_the_patience_is_spent_what_is_unproven_is_unknown_at_once() {
    let mut world = at_rest();
    world.lead(false);
    world.cloud.mood.reads_fail = Some(Class::Transient);
    world.lead(true);
    world.run(secs(1));
    assert_eq!(world.says("tagged"), (Status::True, Reason::AllProtected));
    world.patience(Duration::ZERO);
    world.run(secs(1));
    for name in ["tagged", "named"] {
        assert_eq!(world.says(name).0, Status::Unknown, "{name}");
    }
    // It was spent for this lead. A new one is told anew.
    world.cloud.mood.reads_fail = None;
    world.run(INTERVAL);
    world.cloud.mood.reads_fail = Some(Class::Transient);
    world.lead(false);
    world.lead(true);
    world.run(secs(30));
    assert_eq!(world.says("tagged"), (Status::True, Reason::AllProtected));
}

#[test]
fn i01_evidence_of_an_earlier_lead_is_no_evidence() {
    let mut world = at_rest();
    world.lead(false);
    // Whoever leads meanwhile, or a person, switches it off.
    world.flip("i-00003", false);
    world.cloud.mood.reads_fail = Some(Class::Transient);
    world.lead(true);
    world.patience(Duration::ZERO);
    world.run(secs(1));
    assert_eq!(world.says("named").0, Status::Unknown, "what was seen before says nothing");
}

#[test]
fn i03_only_a_complete_sweep_of_this_lead_proves_anything() {
    let mut world = World::new();
    assert_eq!(world.proven(), Proven::NothingWanted);
    world.cloud.page_size = 5;
    world.machines(20, &[("env", "prod")]);
    world.apply("tagged", enabled(by_tag("env", "prod")));
    world.run(Duration::from_millis(150));
    assert_eq!(world.proven(), Proven::NotYet, "one page of four");
    world.run(secs(5));
    let Proven::Since(first) = world.proven() else { panic!("{:?}", world.proven()) };
    world.run(INTERVAL + secs(5));
    let Proven::Since(second) = world.proven() else { panic!("{:?}", world.proven()) };
    assert!(second > first);
    world.cloud.mood.reads_fail = Some(Class::Transient);
    world.run(INTERVAL * 3);
    assert_eq!(world.proven(), Proven::Since(second), "it ages");
    world.lead(false);
    world.lead(true);
    assert_eq!(world.proven(), Proven::NotYet);
    world.cloud.mood.reads_fail = None;
    world.run(INTERVAL);
    assert!(matches!(world.proven(), Proven::Since(third) if third > second));
}

#[test]
fn i03_of_two_sorts_of_targets_the_older_evidence_counts() {
    let since = |seconds| Proven::Since(keeper_core::time::Moment::at(secs(seconds)));
    for (one, two, both) in [
        (since(5), since(9), since(5)),
        (since(5), Proven::NothingWanted, since(5)),
        (since(5), Proven::NotYet, Proven::NotYet),
        (Proven::NotYet, Proven::NothingWanted, Proven::NotYet),
        (Proven::NothingWanted, Proven::NothingWanted, Proven::NothingWanted),
    ] {
        assert_eq!((one.and(two), two.and(one)), (both, both), "{one:?} {two:?}");
    }
}

#[test]
fn i24_what_is_missing_is_looked_up_although_the_lead_is_lost_meanwhile() {
    for halves in 0..40 {
        let mut world = World::with(Settings { reads: Limit { per_minute: 60, burst: 1 }, ..settings() });
        world.machines(20, &[("env", "prod")]);
        world.apply("tagged", enabled(by_tag("env", "prod")));
        world.run(INTERVAL * 2);
        for name in ["i-00003", "i-00004", "i-00005"] {
            world.release(name);
        }
        // A sweep lacks them. It is asked for all of them, then for halves of what was refused, a second apart.
        world.cloud.mood.denies = true;
        world.run(INTERVAL + Duration::from_millis(500) * halves);
        world.lead(false);
        world.run(secs(1));
        world.lead(true);
        world.run(INTERVAL * 10);
        let said = (world.says("tagged"), world.part("tagged").counts.protected());
        assert_eq!(said, ((Status::True, Reason::AllProtected), 17), "after {halves} half seconds");
    }
}

#[test]
fn i04_i12_what_was_missing_in_an_earlier_term_is_not_taken_for_gone() {
    let mut world = World::new();
    world.machines(3, &[]);
    world.hide("i-00001", true);
    world.apply("one", enabled(by_ids(&["i-00001"])));
    world.apply("other", enabled(by_ids(&["i-00000"])));
    world.run(INTERVAL * 3);
    assert_eq!(world.says("one"), (Status::Unknown, Reason::NotFound));
    let mut aside = world.step_aside();
    world.hide("i-00001", false);
    world.run(INTERVAL * 3);
    assert_eq!(world.says("one").0, Status::True);
    world.inform(&mut aside);
    world.apply("one", disabled(by_ids(&["i-00001"])));
    world.come_back_informed(aside);
    world.run(INTERVAL * 5);
    assert!(!world.protected("i-00001"), "{:?}", world.says("one"));
    assert_eq!(world.says("one"), (Status::False, Reason::DisabledAsAsked));
}

#[test]
fn i50_each_loss_around_a_change_of_leader_is_told_once_by_name_or_by_number() {
    for pages in 1..12 {
        let mut world = World::new();
        world.machines(20, &[("env", "prod")]);
        world.apply("tagged", enabled(by_tag("env", "prod")));
        world.run(INTERVAL * 3);
        world.cloud.page_size = 4;
        world.latency = secs(1);
        world.run(INTERVAL * 2);
        world.tag("i-00000", &[]);
        let read = world.reads.len();
        while world.reads.len() < read + pages {
            world.run(Duration::from_millis(100));
        }
        // What is not told by then is known by number alone.
        let by_name = world.store["tagged"].told.len();
        let mut aside = world.step_aside();
        world.run(INTERVAL * 3);
        world.inform(&mut aside);
        world.tag("i-00001", &[]);
        world.come_back_informed(aside);
        world.run(INTERVAL * 5);
        let stored = &world.store["tagged"];
        let by_number = usize::try_from(stored.shrunk).unwrap();
        assert_eq!((stored.told.len(), by_number), (by_name, 2 - by_name), "{pages}: {:?}", stored.told);
    }
}
