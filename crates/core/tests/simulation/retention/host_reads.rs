//! When hosts are read, and what waits for that: sweeps, unprotecting, attaching, and edits of the spec.

use std::time::Duration;

use keeper_core::call::Query;
use keeper_core::conditions::Status;
use keeper_core::failure::Class;
use keeper_core::instance::Instance;
use keeper_core::intent::{DeletionPolicy, Intent, Selector};
use keeper_core::interface::InterfaceType;
use keeper_core::reason::Reason;
use keeper_core::retention::AttachPhase;
use keeper_core::time::Moment;

use super::attaching::{attaching, survivors, to};
use super::releasing::{giving_up, kept};
use crate::world::{
    INSTANCES, INTERVAL, Read, World, behind_nodes, by_ids, by_tag, filter, ids, on, secs, tags,
};

fn millis(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// When interfaces were read, and by how many ids; 0: all of the region.
fn reads_of_interfaces(world: &World) -> Vec<(Moment, usize)> {
    let told = |read: &Read| match read {
        Read::Interfaces(at, read) => Some(match &read.query {
            Query::Ids(ids) => (*at, ids.len()),
            Query::Region | Query::Tagged(_) => (*at, 0),
        }),
        Read::Instances(..) | Read::Members(..) => None,
    };
    world.reads.iter().filter_map(told).collect()
}

// Sweeps.

#[test]
fn the_first_sweep_of_interfaces_waits_for_their_hosts_for_ten_seconds() {
    for (slow, earliest, latest) in [(0, 0, 1), (5, 5, 6), (30, 10, 10)] {
        let mut world = World::new();
        world.server("a", &[("env", "prod")]);
        world.server("b", &[]);
        world.slow_instances = secs(slow);
        let start = world.now;
        world.apply("a", on(by_tag("env", "prod")));
        world.run(secs(50));
        let first = reads_of_interfaces(&world)[0];
        assert_eq!(first.1, 0, "a listing");
        let waited = first.0.since(start);
        assert!((secs(earliest)..=secs(latest)).contains(&waited), "{slow}: {waited:?}");
        let listings = reads_of_interfaces(&world).iter().filter(|(_, ids)| *ids == 0).count();
        assert_eq!(listings, if slow < 10 { 1 } else { 2 }, "{slow}: what is shown too early is read twice");
        assert!(world.protected("eni-a0") && world.protected("eni-a1"));
        assert!(!world.protected("eni-b0"));
    }
}

#[test]
fn what_needs_no_host_does_not_wait_for_one() {
    let mut world = World::new();
    world.server("a", &[]);
    world.slow_instances = secs(30);
    let start = world.now;
    world.apply("a", ids(&["eni-a0", "eni-a1"]));
    world.run(secs(5));
    assert!(reads_of_interfaces(&world)[0].0.since(start) < secs(1));
    assert!(world.protected("eni-a0") && world.protected("eni-a1"));
}

/// A host with so many interfaces, and somebody waits for them.
#[test]
fn up_to_a_hundred_unread_interfaces_are_read_by_id_and_more_by_a_sweep() {
    for count in [1, 100, 101] {
        let mut world = World::new();
        world.cloud.page_size = 500;
        world.server("a", &[]);
        world.machine("i-big", &[]);
        for n in 0..count {
            world.card(&format!("eni-{n:03}"), Some("i-big"), InterfaceType::Secondary);
        }
        world.apply("other", on(by_ids(&["i-a"])));
        world.run(secs(90));
        let (before, now) = (reads_of_interfaces(&world).len(), world.now);
        // A listing would show them, too, a second later.
        world.slow_interfaces = secs(1);
        world.apply("a", on(by_ids(&["i-big"])));
        world.run(millis(900));
        let reads = reads_of_interfaces(&world).split_off(before);
        let by_id: Vec<usize> = reads.iter().map(|(_, ids)| *ids).filter(|ids| *ids > 0).collect();
        assert_eq!(by_id, if count > 100 { vec![] } else { vec![count] }, "{count}: {reads:?}");
        assert!(reads.iter().any(|(at, ids)| *ids == 0 && at.since(now) < secs(1)), "{count}: {reads:?}");
        world.run(secs(30));
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{count}");
        assert_eq!(world.retained("a").len(), count);
    }
}

/// Nobody waits for them: a sweep of hosts shows a tag that was set.
#[test]
fn a_host_that_gets_its_tag_brings_the_next_sweep_of_interfaces_forward() {
    let mut world = World::new();
    world.server("a", &[("env", "prod")]);
    world.server("b", &[]);
    world.apply("a", on(by_tag("env", "prod")));
    world.run(INTERVAL * 3);
    world.slow_instances = secs(20);
    world.run(INTERVAL * 2);
    world.tag("i-b", &[("env", "prod")]);
    let hosts = |read: &Read| match read {
        Read::Instances(at, _) => Some(*at),
        Read::Interfaces(..) | Read::Members(..) => None,
    };
    let tagged = world.now;
    world.run(INTERVAL * 3);
    let shown = world.reads.iter().filter_map(hosts).find(|at| *at > tagged).unwrap().after(secs(20));
    for name in ["eni-b0", "eni-b1"] {
        let written = world.arrived.iter().find(|write| write.id == name).unwrap().at;
        assert!(written.since(shown) < secs(2), "{name}: {:?} later", written.since(shown));
    }
}

// Unprotecting.

#[test]
fn i10_i11_hosts_that_can_not_be_read_hold_a_release_up_and_no_deletion() {
    for intent in [on(by_tag("env", "prod")), on(by_ids(&["i-a"])), ids(&["eni-a0", "eni-a1"])] {
        for deletes in [false, true] {
            let mut world = kept();
            world.apply("a", Intent { deletion_policy: DeletionPolicy::Unprotect, ..intent.clone() });
            world.run(secs(90));
            (world.cloud.mood.only, world.cloud.mood.reads_fail) = (Some(INSTANCES), Some(Class::Permission));
            world.run(INTERVAL);
            if deletes {
                world.delete("a");
            } else {
                world.apply("a", giving_up(intent.clone()));
            }
            world.run(INTERVAL);
            assert!(world.unprotecting_writes().is_empty(), "{intent:?} {deletes}");
            if deletes {
                assert!(world.store.is_empty(), "{intent:?}: it is left protected");
                continue;
            }
            assert_eq!(world.says("a"), (Status::False, Reason::PermissionDenied), "{intent:?}");
            assert_eq!(world.condition_set("a").stalled.status, Status::True);
            world.cloud.mood.reads_fail = None;
            world.run(secs(900));
            assert_eq!(world.unprotecting_writes().len(), 2, "{intent:?}");
            assert_eq!(world.says("a"), (Status::False, Reason::ReleasedAsAsked));
        }
    }
}

/// The hold is as old as the release. After a start both are told at once, and hosts are read slowly.
#[test]
fn i09_after_a_start_a_hold_is_possible_until_its_hosts_are_known() {
    for slow in [0, 1, 4] {
        for hold in [by_tag("env", "test"), by_ids(&["i-b"]), behind_nodes(&["i-b"])] {
            let mut world = kept();
            world.apply("hold", on(hold));
            world.run(secs(30));
            (world.cloud.page_size, world.slow_instances) = (1, secs(slow));
            world.apply_unseen("a", giving_up(ids(&["eni-a0", "eni-b0"])));
            world.restart();
            world.run(INTERVAL * 5);
            assert_eq!(world.unprotecting_writes(), ["eni-a0"], "{slow}");
            assert_eq!(world.says("a"), (Status::False, Reason::Conflict), "{slow}");
        }
    }
}

/// The hold comes by an edit of what it asks of hosts, at each moment of the release. The oracle of unprotecting judges.
#[test]
fn i09_i11_a_hold_that_an_edit_of_its_hosts_makes_is_always_heard() {
    let new = || by_tag("stage", "new");
    let excluding = Selector { exclude_tags: vec![filter("team", "x")], ..new() };
    let edits: [(Selector<Instance>, Selector<Instance>); 5] = [
        (by_tag("stage", "old"), new()),
        (by_tag("stage", "old"), by_tag("team", "x")),
        (by_ids(&["i-b"]), by_ids(&["i-a"])),
        (behind_nodes(&["i-b"]), new()),
        (excluding, new()),
    ];
    for (before, after) in edits {
        for offset in 0..40 {
            let mut world = World::new();
            world.server("a", &[("stage", "new"), ("team", "x")]);
            world.server("b", &[]);
            for name in ["eni-a0", "eni-a1"] {
                world.flip(name, true);
            }
            world.apply("hold", on(before.clone()));
            world.apply("a", ids(&["eni-a0"]));
            world.run(secs(95));
            world.apply("a", giving_up(ids(&["eni-a0"])));
            world.run(millis(offset * 20));
            let writes = world.arrived.len();
            world.apply("hold", on(after.clone()));
            world.run(secs(30));
            let unprotecting = world.arrived[writes..].iter().any(|write| !write.protected);
            assert!(!unprotecting, "{after:?} {} ms", offset * 20);
        }
    }
}

#[test]
fn i12_an_edited_release_gives_up_only_what_it_still_selects() {
    for offset in 0..40 {
        let mut world = kept();
        world.apply("a", on(by_ids(&["i-a", "i-b"])));
        world.run(secs(95));
        world.apply("a", giving_up(on(by_ids(&["i-a", "i-b"]))));
        world.run(millis(offset * 20));
        let writes = world.arrived.len();
        world.apply("a", giving_up(on(by_tag("env", "test"))));
        world.run(INTERVAL * 3);
        let later = world.arrived[writes..].iter().filter(|write| write.id.starts_with("eni-a"));
        assert_eq!(later.count(), 0, "{} ms", offset * 20);
        assert!(!world.protected("eni-b0") && !world.protected("eni-b1"), "{} ms", offset * 20);
    }
}

#[test]
fn i11_a_host_that_hides_as_it_is_read_proves_nothing() {
    for moment in 0..20 {
        let mut world = kept();
        world.apply("a", ids(&["eni-a0", "eni-b0"]));
        world.run(secs(95));
        world.run(secs(3 * moment));
        world.alter("i-a", |machine| machine.hidden = true);
        world.apply("a", giving_up(ids(&["eni-a0", "eni-b0"])));
        world.run(secs(30));
        assert_eq!(world.unprotecting_writes(), ["eni-b0"], "{moment}");
        world.alter("i-a", |machine| machine.hidden = false);
        world.run(INTERVAL * 3);
        assert_eq!(world.unprotecting_writes(), ["eni-b0", "eni-a0"], "{moment}");
    }
}

// Attaching.

/// The intent waits for something else while the host is known to fit. Then it fits no more, or hides, and the intent goes
/// on before a sweep shows that.
#[test]
fn i11_i22_the_host_is_read_just_before_something_is_attached_to_it() {
    for hides in [false, true] {
        for moment in 0..20 {
            let mut world = survivors();
            world.cloud.mood.stale_view = true;
            world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-old0", "i-new")]));
            world.run(secs(70 + 3 * moment));
            assert_eq!(world.stands("a", "eni-old0").0, AttachPhase::Waiting);
            if hides {
                world.alter("i-new", |machine| machine.hidden = true);
            } else {
                world.alter("i-new", |machine| machine.zone = "z-2");
            }
            world.cloud.mood.stale_view = false;
            world.run(secs(100));
            assert!(world.attached.is_empty(), "{moment}");
            if hides {
                continue;
            }
            assert_eq!(world.stands("a", "eni-old0"), (AttachPhase::Refused, Reason::ZoneMismatch));
            world.alter("i-new", |machine| machine.zone = "z-1");
            world.run(INTERVAL * 3);
            assert_eq!(world.on("eni-old0"), Some("i-new"), "{moment}");
        }
    }
}

// Edits of the spec.

/// Reads under way were asked for another generation. Whenever the edit comes, only what it selects is written.
#[test]
fn i18_i31_an_edit_while_reads_are_under_way_comes_out_right() {
    let edits: [(Selector<Instance>, Selector<Instance>); 5] = [
        (by_tag("env", "prod"), by_ids(&["i-b"])),
        (by_tag("env", "prod"), by_tag("env", "test")),
        (by_ids(&["i-a"]), by_tag("env", "test")),
        (behind_nodes(&["i-a"]), behind_nodes(&["i-b"])),
        (
            by_tag("stage", "x"),
            Selector { exclude_tags: vec![filter("stage", "x")], ..by_ids(&["i-a", "i-b"]) },
        ),
    ];
    for (before, after) in edits {
        for (hosts, interfaces) in [(0, 0), (700, 0), (0, 700)] {
            for starts in [true, false] {
                for offset in 0..12 {
                    let mut world = World::new();
                    world.server("a", &[("env", "prod"), ("stage", "x")]);
                    world.server("b", &[("env", "test")]);
                    world.server("c", &[]);
                    if !starts {
                        world.apply("other", ids(&["eni-c0"]));
                        world.run(secs(70));
                    }
                    world.cloud.page_size = 2;
                    (world.slow_instances, world.slow_interfaces) = (millis(hosts), millis(interfaces));
                    world.apply("a", Intent { observe: true, ..on(before.clone()) });
                    world.run(millis(offset * 180));
                    world.apply("a", on(after.clone()));
                    world.run(INTERVAL * 2);
                    let story = format!("{after:?} {hosts} {interfaces} {starts} {offset}");
                    assert_eq!((world.writes_to("eni-b0"), world.writes_to("eni-b1")), (1, 1), "{story}");
                    assert_eq!((world.writes_to("eni-a0"), world.writes_to("eni-a1")), (0, 0), "{story}");
                    assert_eq!(world.retained("a"), ["eni-b0", "eni-b1"], "{story}");
                    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{story}");
                    let reports = world.store["a"].reports;
                    world.run(INTERVAL * 3);
                    assert_eq!(world.store["a"].reports, reports, "I37: {story}");
                }
            }
        }
    }
}

/// Nodes come and go while reads are under way, and the generation stays.
#[test]
fn i18_i31_nodes_that_change_while_reads_are_under_way_come_out_right() {
    for (hosts, interfaces) in [(0, 0), (700, 0), (0, 700)] {
        for offset in 0..12 {
            let mut world = World::new();
            for letter in ["a", "b", "c"] {
                world.server(letter, &[]);
            }
            world.change("eni-c0", |card| card.facts.tags = Some(tags(&[("keep", "on")])));
            world.apply("other", ids(&["eni-c0"]));
            world.run(secs(70));
            (world.slow_instances, world.slow_interfaces) = (millis(hosts), millis(interfaces));
            world.apply("a", on(behind_nodes(&[])));
            world.run(millis(offset * 50));
            world.nodes("a", &["i-a"]);
            world.run(millis(offset * 90));
            let written = world.writes_to("eni-a0");
            world.nodes("a", &["i-b"]);
            world.run(INTERVAL * 2);
            let story = format!("{hosts} {interfaces} {offset}");
            assert_eq!((world.writes_to("eni-b0"), world.writes_to("eni-b1")), (1, 1), "{story}");
            assert_eq!(world.writes_to("eni-a0"), written, "{story}");
            assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{story}");
        }
    }
}
