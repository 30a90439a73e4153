//! An account with machines of every sort.

use jiff::Timestamp;
use keeper_simulator::{Account, InterfaceSeed, LockReason, Seed};

use crate::program::HERE;

/// Instances by what is said of them: id, state and risks.
pub const INSTANCES: [(&str, &str, &[&str]); 7] = [
    ("i-bare", "Unprotected", &[]),
    ("i-safe", "Protected", &[]),
    ("i-timed", "Protected", &["AutoReleaseTimeSet"]),
    ("i-locked", "Protected", &["FinancialLock"]),
    ("i-member", "Protected", &["ScalingGroupMember"]),
    ("i-spot", "NotApplicable", &["SpotInstance"]),
    ("i-subscription", "NotApplicable", &[]),
];

/// The interfaces that have a name of their own, in the same way.
pub const INTERFACES: [(&str, &str, &[&str]); 5] = [
    ("eni-kept", "Protected", &[]),
    ("eni-lost", "Unprotected", &[]),
    ("eni-timed", "Protected", &["ReleasePathUndocumented"]),
    ("eni-free", "Protected", &[]),
    ("eni-terway", "NotApplicable", &[]),
];

pub fn seed(account: &Account) {
    let safe = |id: &str| Seed::new(HERE).id(id).protected(true);
    let kept = |id: &str| InterfaceSeed::secondary().id(id).delete_on_release(false);
    let timed = Seed {
        auto_release_time: Some("2030-01-01T00:00:00Z".parse::<Timestamp>().unwrap()),
        ..safe("i-timed").interface(kept("eni-timed"))
    };
    let lost = InterfaceSeed::secondary().id("eni-lost");
    for seed in [
        Seed::new(HERE).id("i-bare").name("bare").tag("env", "prod").interface(lost),
        safe("i-safe").tag("env", "test").interface(kept("eni-kept")),
        timed,
        Seed { locks: vec![LockReason::Financial], ..safe("i-locked") },
        safe("i-member").tag("acs:autoscaling:scalingGroupId", "asg-1"),
        Seed::spot(HERE).id("i-spot"),
        Seed::subscription(HERE).id("i-subscription"),
    ] {
        account.seed_one(&seed);
    }
    account.seed_interfaces(&InterfaceSeed::new(HERE).id("eni-free").delete_on_release(false));
    account.seed_interfaces(&InterfaceSeed::new(HERE).id("eni-terway").tag("creator", "terway"));
}
