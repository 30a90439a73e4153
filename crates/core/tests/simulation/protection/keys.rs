//! Keys that change, are missing or belong to somebody else.

use keeper_core::call::Identity;
use keeper_core::conditions::Status;
use keeper_core::failure::Class;
use keeper_core::reason::Reason;

use crate::world::{INTERVAL, World, by_ids, by_tag, enabled, payg, secs};

/// I40: what two have seen is no listing, however complete it looks.
#[test]
fn i40_pages_that_were_given_to_two_identities_are_no_listing() {
    let mut world = World::new();
    world.cloud.page_size = 10;
    world.machines(40, &[("env", "prod")]);
    world.cloud.mood.restless = true;
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(INTERVAL * 2 + secs(1));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::AwaitingListing));
    assert!(world.part("a").counts.protected() > 0, "what was seen was seen");
    world.cloud.mood.restless = false;
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(world.part("a").counts.protected(), 40);

    // A new key amid the rest costs one round, and no flag.
    let writes = world.arrived.len();
    world.cloud.mood.identity = Identity(1);
    world.run(INTERVAL * 2);
    assert_eq!((world.says("a"), world.arrived.len()), ((Status::True, Reason::AllProtected), writes));
}

/// I40: nor is a round by id.
#[test]
fn i40_a_round_by_id_that_was_given_to_two_identities_is_not_complete() {
    let mut world = World::new();
    world.cloud.page_size = 1;
    world.instance("i-a", payg(true, &[]));
    world.instance("i-b", payg(true, &[]));
    world.apply("a", enabled(by_ids(&["i-a", "i-b"])));
    world.run(secs(30));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    let proven = world.proven();
    world.cloud.mood.restless = true;
    world.run(INTERVAL * 3);
    assert_eq!(world.proven(), proven, "no round was completed");
}

/// I17, I29: nothing is sent to an account that is not the right one, so waiting costs nobody anything, and ends soon after
/// the right key has come.
#[test]
fn i17_a_key_that_may_not_be_used_is_told_and_heals_by_itself() {
    for (class, reason) in [
        (Class::NoKey, Reason::CredentialsMissing),
        (Class::WrongAccount, Reason::WrongAccount),
        (Class::NoIdentity, Reason::StsUnavailable),
        (Class::StsOutsideVpc, Reason::StsOutsideVpc),
    ] {
        let mut world = World::new();
        world.instance("i-a", payg(false, &[]));
        world.instance("i-b", payg(true, &[]));
        world.cloud.mood.reads_fail = Some(class);
        world.cloud.mood.writes_fail = Some(class);
        world.apply("a", enabled(by_ids(&["i-a"])));
        world.run(INTERVAL * 2 + secs(5));
        assert_eq!(world.says("a"), (Status::Unknown, reason));
        assert_eq!(world.condition_set("a").stalled.status == Status::True, reason.needs_person());
        (world.cloud.mood.reads_fail, world.cloud.mood.writes_fail) = (None, None);
        world.run(secs(40));
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{class:?}");

        // The key is swapped when everything is at rest, and somebody flips a flag meanwhile.
        world.cloud.mood.writes_fail = Some(class);
        world.flip("i-a", false);
        world.run(INTERVAL * 2);
        assert_eq!(world.says("a"), (Status::False, reason));
        world.cloud.mood.writes_fail = None;
        world.run(secs(30));
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{class:?}");
        assert_eq!(world.unprotecting_writes().len(), 0);
    }
}

/// What a key was refused is not held against the next one for ten minutes.
#[test]
fn i29_another_key_is_tried_at_once() {
    for class in [Class::Credentials, Class::Permission] {
        let mut world = World::new();
        world.instance("i-a", payg(false, &[]));
        (world.cloud.mood.reads_fail, world.cloud.mood.writes_fail) = (Some(class), Some(class));
        world.apply("a", enabled(by_ids(&["i-a"])));
        world.run(secs(121));
        assert_eq!(world.says("a"), (Status::Unknown, class.into()));
        (world.cloud.mood.reads_fail, world.cloud.mood.writes_fail) = (None, Some(class));
        world.key_changed();
        world.run(secs(20));
        assert_eq!(world.says("a"), (Status::False, class.into()));
        world.cloud.mood.writes_fail = None;
        world.run(secs(60));
        assert_eq!(world.says("a"), (Status::False, class.into()), "nobody has told of another key");
        world.key_changed();
        world.run(secs(20));
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{class:?}");
    }
}

/// I10: whoever is deleted while the key is of another account is not held by it.
#[test]
fn i10_a_wrong_account_leaves_what_is_deleted_protected() {
    let mut world = World::new();
    world.instance("i-a", payg(true, &[]));
    let mut intent = enabled(by_ids(&["i-a"]));
    intent.deletion_policy = keeper_core::intent::DeletionPolicy::Unprotect;
    world.apply("a", intent);
    world.run(secs(30));
    world.cloud.mood.writes_fail = Some(Class::WrongAccount);
    world.delete("a");
    world.run(secs(3700));
    assert!(!world.store.contains_key("a"), "it hangs");
    assert!(world.protected("i-a"));
}
