//! What an object that retains interfaces knows of their hosts: which it selects, whether they are there, and what is on
//! them. And what it says, and remembers, while it does not know yet.

use std::time::Duration;

use keeper_core::call::Query;
use keeper_core::conditions::Status;
use keeper_core::failure::Class;
use keeper_core::instance::Instance;
use keeper_core::intent::{Intent, Selector};
use keeper_core::interface::{Interface, InterfaceType};
use keeper_core::loss::Cause;
use keeper_core::reason::Reason;
use keeper_core::retention::InterfacePhase;
use keeper_core::time::Moment;
use keeper_core::verdict::total;

use crate::world::{
    INSTANCES, INTERFACES, INTERVAL, Read, World, behind_nodes, by_ids, by_tag, filter, i, ids, on, secs,
    tagged, tags,
};

const CERTAIN: (Status, Reason) = (Status::True, Reason::AllProtected);

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Two hosts with two interfaces each, all of them protected.
fn kept() -> World {
    let mut world = World::new();
    for letter in ["a", "b"] {
        world.server(letter, &[("env", "prod")]);
    }
    for name in ["eni-a0", "eni-a1", "eni-b0", "eni-b1"] {
        world.flip(name, true);
    }
    world
}

/// Observes what is on the hosts with a tag. Nothing is protected, so nothing is remembered.
fn observed() -> World {
    let mut world = World::new();
    for letter in ["a", "b"] {
        world.server(letter, &[("env", "prod")]);
    }
    world.apply("a", observing(on(without(by_tag("env", "prod"), "keep", "no"))));
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::False, Reason::Unprotected));
    assert_eq!(world.part("a").counts.targets(), 4);
    world
}

fn observing(intent: Intent<Interface>) -> Intent<Interface> {
    Intent { observe: true, ..intent }
}

fn without(hosts: Selector<Instance>, key: &str, value: &str) -> Selector<Instance> {
    Selector { exclude_tags: vec![filter(key, value)], ..hosts }
}

fn losses(world: &World) -> Vec<(&str, Cause)> {
    world.store["a"].told.iter().map(|loss| (&*loss.id, loss.cause)).collect()
}

fn unknown(world: &World) -> u32 {
    total(&world.part("a").counts.unknown)
}

fn sweeps_of_interfaces(world: &World) -> Vec<Moment> {
    let sweep = |read: &Read| match read {
        Read::Interfaces(at, read) if read.query == Query::Region => Some(*at),
        _ => None,
    };
    world.reads.iter().filter_map(sweep).collect()
}

fn sweeps_of_hosts(world: &World) -> Vec<Moment> {
    let sweep = |read: &Read| match read {
        Read::Instances(at, read) if read.query == Query::Region => Some(*at),
        _ => None,
    };
    world.reads.iter().filter_map(sweep).collect()
}

// Which hosts are selected.

#[test]
fn i18_hosts_are_read_anew_before_a_tag_that_nobody_asked_for_decides() {
    let mut world = World::new();
    world.server("a", &[("env", "prod"), ("stage", "old")]);
    world.server("b", &[("env", "prod")]);
    world.apply("a", observing(on(by_tag("env", "prod"))));
    world.run(secs(30));
    // The interfaces are known already. The tags of their hosts were not kept.
    world.slow_instances = secs(5);
    world.apply("a", on(without(by_tag("env", "prod"), "stage", "old")));
    world.run(INTERVAL * 2);
    assert_eq!((world.writes_to("eni-a0"), world.writes_to("eni-b0")), (0, 1));
    assert_eq!(world.retained("a"), ["eni-b0", "eni-b1"]);
    assert_eq!(world.says("a"), CERTAIN);
}

#[test]
fn i50_a_host_whose_tags_can_not_be_read_keeps_what_is_on_it_selected() {
    let mut world = observed();
    world.alter("i-b", |machine| machine.facts.tags = None);
    world.run(INTERVAL * 4);
    assert_eq!((world.part("a").counts.targets(), unknown(&world), losses(&world)), (4, 2, vec![]));
    world.tag("i-b", &[("env", "prod")]);
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::False, Reason::Unprotected));
    assert_eq!((world.part("a").counts.targets(), losses(&world)), (4, vec![]));
}

#[test]
fn i01_i50_stale_tags_of_hosts_leave_their_interfaces_in_doubt() {
    for hosts in [by_tag("env", "prod"), without(by_ids(&["i-a", "i-b"]), "keep", "no")] {
        let mut world = World::new();
        for letter in ["a", "b"] {
            world.server(letter, &[("env", "prod")]);
        }
        world.apply("a", observing(on(hosts)));
        world.run(INTERVAL * 2);
        world.cloud.mood.only = Some(INSTANCES);
        world.cloud.mood.reads_fail = Some(Class::Transient);
        world.run(INTERVAL * 5);
        assert_eq!((world.part("a").counts.targets(), unknown(&world)), (4, 4));
        world.cloud.mood.reads_fail = None;
        world.run(INTERVAL * 3);
        assert_eq!(world.says("a"), (Status::False, Reason::Unprotected));
        assert_eq!((world.part("a").counts.targets(), losses(&world)), (4, vec![]));
    }
}

// Whether they are there, and why that can't be read.

#[test]
fn hosts_that_can_not_be_read_are_told_in_the_words_of_the_cloud() {
    for hosts in [by_tag("env", "prod"), by_ids(&["i-a", "i-b"]), behind_nodes(&["i-a", "i-b"])] {
        let mut world = kept();
        world.apply("a", on(hosts.clone()));
        world.run(secs(30));
        world.cloud.mood.only = Some(INSTANCES);
        world.cloud.mood.reads_fail = Some(Class::Permission);
        world.run(INTERVAL * 4);
        assert_eq!(world.says("a"), (Status::Unknown, Reason::PermissionDenied), "{hosts:?}");
        let message = &world.condition_set("a").domain.message;
        assert!(message.contains("Scripted"), "{message}");
        assert_eq!(world.condition_set("a").stalled.status, Status::True);
        // The interfaces can be read, and are kept all the same.
        assert_eq!(world.part("a").counts.protected(), 4);
        world.flip("eni-a0", false);
        world.run(INTERVAL + secs(10));
        assert!(world.protected("eni-a0"));
        world.cloud.mood.reads_fail = None;
        world.run(secs(900));
        assert_eq!(world.says("a"), CERTAIN, "{hosts:?}");
    }
}

#[test]
fn i07_the_ways_in_which_a_host_may_go_stand_beside_true() {
    for intent in [on(by_tag("env", "prod")), on(by_ids(&["i-a"])), ids(&["eni-a0", "eni-a1"])] {
        let mut world = kept();
        world.apply("a", intent.clone());
        world.run(secs(30));
        let risk = |world: &World| {
            let risks = world.part("a").counts.risks.keys().copied().collect::<Vec<_>>();
            (world.condition_set("a").at_risk.status, risks)
        };
        assert_eq!(risk(&world), (Status::False, vec![]), "{intent:?}");
        world.alter("i-a", |machine| machine.facts.auto_release = Some(Some("2027-01-01T00:00Z".into())));
        world.run(INTERVAL * 2);
        assert_eq!(world.says("a"), CERTAIN);
        assert_eq!(risk(&world), (Status::True, vec![Reason::ReleasePathUndocumented]), "{intent:?}");
        world.alter("i-a", |machine| machine.facts.auto_release = None);
        world.run(INTERVAL * 2);
        assert_eq!(risk(&world), (Status::Unknown, vec![Reason::RisksUnreadable]), "{intent:?}");
        world.alter("i-a", |machine| machine.facts.auto_release = Some(None));
        world.run(INTERVAL * 2);
        assert_eq!(risk(&world), (Status::False, vec![]), "{intent:?}");
    }
}

// Hosts that nothing selects.

#[test]
fn i19_the_last_host_is_asked_for_although_nothing_selects_it() {
    for intent in [ids(&["eni-a1", "eni-b0"]), tagged("keep", "on")] {
        for (restarts, host_first) in [(false, false), (false, true), (true, false)] {
            let mut world = kept();
            for name in ["eni-a1", "eni-b0"] {
                world.change(name, |card| card.facts.tags = Some(tags(&[("keep", "on")])));
            }
            world.apply("a", intent.clone());
            world.run(secs(90));
            if host_first {
                // The listing of interfaces lags behind.
                world.cloud.machines.remove(&i("i-a"));
                world.run(INTERVAL * 3);
            } else {
                world.detach("eni-a1");
                world.run(INTERVAL * 2);
                assert_eq!(world.row("a", "eni-a1").phase, InterfacePhase::Detached);
            }
            if restarts {
                world.restart();
                world.run(secs(5));
            }
            world.release("i-a");
            world.run(INTERVAL * 4);
            assert_eq!(world.available("a"), ["eni-a1"], "{intent:?} {restarts} {host_first}");
            assert_eq!(world.row("a", "eni-a1").last_instance, Some(i("i-a")));
        }
    }
}

#[test]
fn a_host_is_asked_for_as_long_as_something_is_on_it() {
    let mut world = kept();
    world.apply("a", ids(&["eni-a1"]));
    let asked = |world: &World| {
        let hosts = |read: &Read| match read {
            Read::Instances(_, read) => Some(read.query.clone()),
            Read::Interfaces(..) | Read::Members(..) => None,
        };
        world.reads.iter().rev().find_map(hosts).unwrap()
    };
    world.run(INTERVAL * 2);
    assert_eq!(asked(&world), Query::Ids(vec![i("i-a")]));
    world.detach("eni-a1");
    world.run(secs(5));
    world.attach_by_hand("eni-a1", "i-b");
    world.alter("i-b", |machine| machine.facts.auto_release = Some(Some("2027-01-01T00:00Z".into())));
    world.run(INTERVAL * 3);
    assert_eq!(asked(&world), Query::Ids(vec![i("i-b")]));
    assert!(world.part("a").counts.risks.contains_key(&Reason::ReleasePathUndocumented));
    // Free, it may yet outlive the host that it was on last.
    world.detach("eni-a1");
    world.run(INTERVAL * 3);
    assert_eq!(asked(&world), Query::Ids(vec![i("i-b")]));
    world.release("i-b");
    world.run(INTERVAL * 3);
    assert_eq!(world.available("a"), ["eni-a1"]);
    let reads = world.reads.iter().filter(|read| matches!(read, Read::Instances(..))).count();
    world.run(INTERVAL * 5);
    let now = world.reads.iter().filter(|read| matches!(read, Read::Instances(..))).count();
    assert_eq!(now, reads, "nobody asks for any host");
}

// What is on them.

#[test]
fn i21_a_host_that_can_not_be_seen_keeps_its_own_list() {
    let mut world = World::new();
    for letter in ["a", "b"] {
        world.server(letter, &[("env", "prod")]);
    }
    // Only its host tells where it is.
    world.change("eni-a1", |card| card.withheld = true);
    world.apply("a", observing(on(by_ids(&["i-a"]))));
    world.run(INTERVAL * 2);
    assert_eq!(world.part("a").counts.targets(), 2);
    world.cloud.mood.only = Some(INSTANCES);
    world.cloud.mood.reads_fail = Some(Class::Transient);
    for _ in 0..5 {
        world.run(INTERVAL);
        assert_eq!(world.part("a").counts.targets(), 2);
    }
    // Another host is asked for as well.
    world.apply("a", observing(on(by_ids(&["i-a", "i-b"]))));
    world.run(INTERVAL * 5);
    assert_eq!(world.part("a").counts.targets(), 4);
    world.cloud.mood.reads_fail = None;
    world.run(INTERVAL * 2);
    assert_eq!(world.part("a").counts.targets(), 4);
    // It says itself that it has it no more.
    world.change("eni-a1", |card| card.unlisted = true);
    world.run(INTERVAL * 2);
    assert_eq!(world.part("a").counts.targets(), 3);
}

#[test]
fn i21_true_needs_the_hosts_own_list() {
    let mut world = kept();
    world.apply("a", on(by_tag("env", "prod")));
    world.run(secs(30));
    assert_eq!(world.says("a"), CERTAIN);
    world.alter("i-a", |machine| machine.listless = true);
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::FieldUnreadable));
    world.alter("i-a", |machine| machine.listless = false);
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), CERTAIN);
}

/// A listing of interfaces keeps nothing of what is on hosts that nobody selects.
#[test]
fn i21_a_listing_that_began_before_a_host_was_wanted_is_not_complete() {
    for by in ["id", "tag", "node"] {
        for moment in 0..16 {
            let mut world = kept();
            // The host's own list does not lead to this one.
            world.card("eni-b2", Some("i-b"), InterfaceType::Secondary);
            world.change("eni-b2", |card| card.unlisted = true);
            world.tag("i-b", &[]);
            let hosts = match by {
                "tag" => by_tag("env", "prod"),
                "node" => behind_nodes(&["i-a"]),
                _ => by_ids(&["i-a"]),
            };
            world.apply("a", on(hosts));
            world.run(secs(30));
            assert_eq!(world.says("a"), CERTAIN, "{by} {moment}");
            (world.cloud.page_size, world.slow_interfaces) = (1, secs(1));
            world.run(secs(25 + moment));
            match by {
                "tag" => world.tag("i-b", &[("env", "prod")]),
                "node" => world.nodes("a", &["i-a", "i-b"]),
                _ => world.apply("a", on(by_ids(&["i-a", "i-b"]))),
            }
            let mut known = false;
            for _ in 0..600 {
                world.run(millis(200));
                known |= world.part("a").counts.targets() > 2;
                assert!(!known || world.says("a") != CERTAIN, "{by} {moment} {:?}", world.part("a"));
            }
            assert_eq!(world.says("a"), (Status::Unknown, Reason::ListsDisagree), "{by} {moment}");
        }
    }
}

#[test]
fn i21_true_needs_a_complete_listing_of_hosts_and_one_of_interfaces() {
    for incomplete in [INSTANCES, INTERFACES] {
        let mut world = kept();
        world.apply("a", on(by_tag("env", "prod")));
        world.run(secs(30));
        world.cloud.mood.only = Some(incomplete);
        world.cloud.mood.unreadable = true;
        world.run(INTERVAL * 4);
        assert_eq!(world.says("a"), (Status::Unknown, Reason::ListingUnreadable), "{incomplete}");
        assert_eq!(world.part("a").counts.protected(), 4);
        world.cloud.mood.unreadable = false;
        world.run(INTERVAL * 2);
        assert_eq!(world.says("a"), CERTAIN, "{incomplete}");
    }
}

#[test]
fn i21_the_first_true_waits_for_the_last_page_of_both_listings() {
    for starts in [true, false] {
        for (hosts, interfaces) in [(4, 0), (0, 2), (4, 2)] {
            let mut world = kept();
            world.server("c", &[("env", "prod")]);
            world.server("witness", &[]);
            world.flip("eni-c0", true);
            world.flip("eni-c1", true);
            if !starts {
                world.apply("other", ids(&["eni-witness0"]));
                world.run(secs(30));
            }
            world.cloud.page_size = 1;
            (world.slow_instances, world.slow_interfaces) = (secs(hosts), secs(interfaces));
            world.apply("a", on(by_tag("env", "prod")));
            for _ in 0..240 {
                world.run(millis(500));
                let status = world.store["a"].status.as_ref();
                let claims = status.is_some_and(|(_, _, set)| set.domain.status == Status::True);
                assert!(!claims || world.part("a").counts.protected() == 6, "{starts} {hosts} {interfaces}");
            }
            assert_eq!(world.says("a"), CERTAIN, "{starts} {hosts} {interfaces}");
        }
    }
}

// What is said while they are not known yet.

#[test]
fn i38_after_a_start_status_stands_until_the_hosts_are_read() {
    for intent in [
        on(by_tag("env", "prod")),
        on(by_ids(&["i-a", "i-b"])),
        on(behind_nodes(&["i-a", "i-b"])),
        ids(&["eni-a0", "eni-b1"]),
        tagged("keep", "on"),
    ] {
        for fails in [false, true] {
            let mut world = kept();
            world.change("eni-a0", |card| card.facts.tags = Some(tags(&[("keep", "on")])));
            world.apply("a", intent.clone());
            world.run(INTERVAL * 2);
            let (status, reports) = (world.store["a"].status.clone(), world.store["a"].reports);
            world.restart();
            if fails {
                (world.cloud.mood.only, world.cloud.mood.reads_fail) =
                    (Some(INSTANCES), Some(Class::Transient));
            } else {
                world.slow_instances = secs(25);
            }
            for _ in 0..60 {
                world.run(secs(1));
                assert_eq!(world.store["a"].status, status, "{intent:?} {fails}");
            }
            world.cloud.mood.reads_fail = None;
            world.slow_instances = secs(0);
            world.run(INTERVAL * 3);
            assert_eq!((&world.store["a"].status, world.store["a"].reports), (&status, reports));
        }
    }
}

#[test]
fn i38_i49_a_host_that_was_gone_is_proven_gone_again_before_another_word() {
    for hosts in [behind_nodes(&["i-a", "i-bare"]), by_ids(&["i-a", "i-bare"])] {
        let mut world = kept();
        world.machine("i-bare", &[]);
        world.apply("a", on(hosts));
        world.run(INTERVAL);
        world.release("i-bare");
        world.run(INTERVAL * 3);
        let (said, reports) = (world.says("a"), world.store["a"].reports);
        assert!(matches!(said.1, Reason::NodeInstanceGone | Reason::NotFound), "{said:?}");
        world.restart();
        for _ in 0..90 {
            world.run(secs(1));
            assert_eq!((world.says("a"), world.store["a"].reports), (said, reports));
        }
    }
}

// What is remembered when they go.

/// One answer shows the interface protected, another one its host without the tag that selected it. Whichever is taken
/// first, the interface is remembered or told to be lost, and it is remembered if it was a target by then.
#[test]
fn i19_i50_what_is_found_protected_as_its_host_leaves_is_remembered_or_told() {
    let (mut before, mut together, mut after) = (0, 0, 0);
    for slow in 0..8 {
        let mut world = observed();
        world.slow_instances = millis(slow * 50);
        world.run(INTERVAL + secs(30));
        world.flip("eni-b0", true);
        world.tag("i-b", &[("env", "test")]);
        let now = world.now;
        world.run(INTERVAL * 3);
        let first = |sweeps: Vec<Moment>| sweeps.into_iter().find(|at| *at > now).unwrap();
        let host = first(sweeps_of_hosts(&world)).after(world.slow_instances);
        let interface = first(sweeps_of_interfaces(&world));
        before += u32::from(interface < host);
        together += u32::from(interface == host);
        after += u32::from(interface > host);
        let remembered = (vec!["eni-b0"], vec![("eni-b1", Cause::HostLeft)]);
        let told = (vec![], vec![("eni-b0", Cause::HostLeft), ("eni-b1", Cause::HostLeft)]);
        let outcome = (world.retained("a"), losses(&world));
        assert!(outcome == remembered || (interface >= host && outcome == told), "{slow}: {outcome:?}");
    }
    assert!(before > 0 && together > 0 && after > 0, "{before} {together} {after}");
}

#[test]
fn i19_what_left_its_host_before_a_tag_excluded_that_stays_listed() {
    for (hosts, interfaces) in [(0, 0), (0, 10), (10, 0)] {
        for moment in 0..12 {
            let mut world = kept();
            world.apply("a", on(without(by_tag("env", "prod"), "keep", "no")));
            world.run(secs(30));
            assert_eq!(world.retained("a").len(), 4);
            world.run(secs(5 * moment));
            (world.slow_instances, world.slow_interfaces) = (secs(hosts), secs(interfaces));
            world.detach("eni-a1");
            world.run(secs(3));
            world.tag("i-a", &[("env", "prod"), ("keep", "no")]);
            world.run(INTERVAL * 4);
            assert_eq!(world.retained("a"), ["eni-a1", "eni-b0", "eni-b1"], "{hosts} {interfaces} {moment}");
            assert_eq!(world.says("a"), CERTAIN);
        }
    }
}

/// Whether it is free and whether its host is gone is learned in either order, and as late as may be.
#[test]
fn i19_free_is_not_available_before_its_host_is_proven_gone() {
    for intent in [on(by_tag("env", "prod")), on(by_ids(&["i-a"])), ids(&["eni-a1"])] {
        let mut world = kept();
        world.apply("a", intent.clone());
        world.run(secs(30));
        world.cloud.mood.only = Some(INSTANCES);
        world.cloud.mood.reads_fail = Some(Class::Transient);
        world.release("i-a");
        world.run(INTERVAL * 3);
        assert!(world.retained("a").contains(&"eni-a1"));
        assert_eq!(world.row("a", "eni-a1").phase, InterfacePhase::Detached, "{intent:?}");
        world.cloud.mood.reads_fail = None;
        world.run(INTERVAL * 4);
        assert_eq!(world.row("a", "eni-a1").phase, InterfacePhase::Available, "{intent:?}");
        assert_eq!(world.says("a"), CERTAIN, "{intent:?}");
    }
}
