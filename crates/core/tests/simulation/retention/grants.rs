//! What the administrator has not granted is told, and not done (I41).

use keeper_core::conditions::Status;
use keeper_core::intent::{DeletionPolicy, Intent, Rights};
use keeper_core::interface::Interface;
use keeper_core::reason::Reason;
use keeper_core::retention::AttachPhase;

use super::attaching::{attaching, survivors, to};
use super::releasing::{giving_up, kept};
use crate::world::{INTERVAL, by_tag, on, secs};

fn confined(may: Rights, intent: Intent<Interface>) -> Intent<Interface> {
    Intent { may, ..intent }
}

#[test]
fn i41_whoever_may_not_attach_attaches_nothing_and_is_told_so() {
    let mut world = survivors();
    let intent = attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]);
    world.apply("a", confined(Rights { unprotect: true, attach: false }, intent.clone()));
    world.run(INTERVAL * 3);
    assert_eq!(world.stands("a", "eni-old0"), (AttachPhase::Refused, Reason::NotGranted));
    assert!(world.attached.is_empty());
    assert_eq!(world.condition_set("a").stalled.reason, Reason::NotGranted);
    world.apply("a", intent);
    world.run(secs(30));
    assert_eq!(world.on("eni-old0"), Some("i-new"));
}

#[test]
fn i09_i41_whoever_may_only_protect_gives_no_flag_up() {
    let confined = |intent| confined(Rights { unprotect: false, attach: true }, intent);
    let mut world = kept();
    world.apply("a", confined(giving_up(on(by_tag("env", "prod")))));
    world.run(INTERVAL * 3);
    assert_eq!(world.says("a"), (Status::False, Reason::NotGranted));
    assert!(world.unprotecting_writes().is_empty());

    let intent = Intent { deletion_policy: DeletionPolicy::Unprotect, ..on(by_tag("env", "prod")) };
    world.apply("a", confined(intent));
    world.run(INTERVAL);
    world.delete("a");
    world.run(secs(10));
    assert!(world.store.is_empty(), "it hangs");
    assert!(world.unprotecting_writes().is_empty());
}
