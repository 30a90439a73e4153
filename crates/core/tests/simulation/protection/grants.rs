//! What the administrator has not granted is told, and not done (I9, I10, I41).

use keeper_core::conditions::Status;
use keeper_core::failure::Class;
use keeper_core::instance::Instance;
use keeper_core::intent::{DeletionPolicy, Intent, Rights};
use keeper_core::reason::Reason;

use crate::world::{INTERVAL, World, by_ids, by_tag, disabled, enabled, secs};

/// The intent of somebody who may only protect.
fn confined(intent: Intent<Instance>) -> Intent<Instance> {
    Intent { may: Rights::default(), ..intent }
}

fn protected(count: usize) -> World {
    let mut world = World::new();
    world.machines(count, &[("env", "prod")]);
    world.apply("keeper", enabled(by_tag("env", "prod")));
    world.run(secs(60));
    assert_eq!(world.says("keeper"), (Status::True, Reason::AllProtected));
    world.delete("keeper");
    world
}

#[test]
fn i09_i41_whoever_may_only_protect_switches_nothing_off_and_is_told_so() {
    let mut world = protected(5);
    world.apply("off", confined(disabled(by_tag("env", "prod"))));
    world.run(INTERVAL * 3);
    assert_eq!(world.says("off"), (Status::False, Reason::NotGranted));
    let stalled = &world.condition_set("off").stalled;
    assert_eq!((stalled.status, stalled.reason), (Status::True, Reason::NotGranted));
    assert_eq!(world.unprotecting_writes().len(), 0);

    // Protecting needs no further right, and the same object may ask for it.
    world.flip("i-00000", false);
    world.apply("off", confined(enabled(by_tag("env", "prod"))));
    world.run(INTERVAL);
    assert_eq!(world.says("off"), (Status::True, Reason::AllProtected));
    // With the right, the same intent is carried out.
    world.apply("off", disabled(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    assert_eq!(
        (world.says("off"), world.unprotecting_writes().len()),
        ((Status::False, Reason::DisabledAsAsked), 5)
    );
}

/// Not even an intent that is not carried out holds anything for the unprotected side, or stands in anybody's way.
#[test]
fn i41_an_intent_that_is_not_granted_is_no_hold() {
    let mut world = protected(3);
    world.apply("confined", confined(disabled(by_tag("env", "prod"))));
    world.apply("free", disabled(by_ids(&["i-00000"])));
    world.run(INTERVAL * 2);
    assert_eq!(world.says("free"), (Status::False, Reason::DisabledAsAsked));
    assert_eq!((world.unprotecting_writes().len(), world.protected("i-00001")), (1, true));
}

#[test]
fn i10_a_deletion_without_the_right_leaves_everything_protected_and_never_hangs() {
    for reads_fail in [None, Some(Class::Transient), Some(Class::Permission)] {
        let mut world = protected(5);
        let intent = Intent { deletion_policy: DeletionPolicy::Unprotect, ..enabled(by_tag("env", "prod")) };
        world.apply("gone", confined(intent));
        world.run(INTERVAL * 2);
        world.cloud.mood.reads_fail = reads_fail;
        world.run(INTERVAL * 3);
        world.delete("gone");
        world.run(secs(10));
        assert!(!world.store.contains_key("gone"), "it hangs, {reads_fail:?}");
        assert_eq!(world.unprotecting_writes().len(), 0);
    }
}

/// I31, I41: a grant that is taken away stops what has not been done yet.
#[test]
fn i41_a_right_that_is_revoked_amid_the_act_ends_it() {
    let slow = keeper_core::budget::Limit { per_minute: 12, burst: 1 };
    let mut world = World::with(keeper_core::engine::Settings { writes: slow, ..crate::world::settings() });
    world.machines(10, &[("env", "prod")]);
    world.apply("keeper", enabled(by_tag("env", "prod")));
    world.run(secs(120));
    world.delete("keeper");
    world.apply("off", disabled(by_tag("env", "prod")));
    world.run(secs(20));
    let begun = world.unprotecting_writes().len();
    assert!((1..10).contains(&begun), "{begun}");
    // A process that starts with another configuration gives the same generation fewer rights.
    world.store.get_mut("off").unwrap().protection_mut().unwrap().may = Rights::default();
    world.restart();
    world.run(INTERVAL * 3);
    assert_eq!(
        (world.unprotecting_writes().len(), world.says("off")),
        (begun, (Status::False, Reason::NotGranted))
    );
}
