//! What is selected is kept, and what is kept is remembered.

use crate::world::{
    INTERVAL, World, behind_nodes, by_ids, by_tag, filter, ids, instances, on, secs, tagged, tags,
};
use keeper_core::conditions::Status;
use keeper_core::failure::Class;
use keeper_core::intent::{Intent, Selector};
use keeper_core::interface::{Interface, InterfaceType};
use keeper_core::loss::Cause;
use keeper_core::reason::Reason;
use keeper_core::resource::Types;
use keeper_core::retention::InterfacePhase;

#[test]
fn what_is_on_the_selected_instances_is_retained_within_seconds_and_then_nothing_happens() {
    for intent in [
        on(by_ids(&["i-a", "i-b"])),
        on(by_tag("env", "prod")),
        on(behind_nodes(&["i-a", "i-b"])),
        ids(&["eni-a0", "eni-a1", "eni-b0", "eni-b1"]),
        tagged("keep", "on"),
    ] {
        let mut world = World::new();
        for letter in ["a", "b"] {
            world.server(letter, &[("env", "prod")]);
            for n in 0..2 {
                world.change(&format!("eni-{letter}{n}"), |card| {
                    card.facts.tags = Some(tags(&[("keep", "on")]));
                });
            }
        }
        world.server("c", &[("env", "test")]);
        world.apply("a", intent.clone());
        world.run(secs(20));
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{intent:?}");
        assert_eq!(world.part("a").counts.protected(), 4);
        assert_eq!(world.retained("a"), ["eni-a0", "eni-a1", "eni-b0", "eni-b1"]);
        assert_eq!(world.row("a", "eni-a0").phase, InterfacePhase::Attached);
        assert_eq!(world.arrived.len(), 4);
        assert!(!world.protected("eni-c0") && !world.protected("eni-c1"));
        let (actions, reads) = (world.actions, world.reads.len());
        world.run(INTERVAL * 10);
        assert_eq!(world.arrived.len(), 4, "I18: no write at rest");
        assert_eq!(world.actions - actions, world.reads.len() - reads, "I37: no report at rest");
        assert!(world.reads.len() - reads <= 22, "two pages a sweep: {}", world.reads.len() - reads);
    }
}

#[test]
fn an_interface_that_comes_new_to_a_selected_instance_is_retained_with_the_next_sweep() {
    for intent in [on(by_ids(&["i-a"])), on(by_tag("env", "prod")), on(behind_nodes(&["i-a"]))] {
        let mut world = World::new();
        world.server("a", &[("env", "prod")]);
        world.card("eni-new", None, InterfaceType::Secondary);
        world.apply("a", intent);
        world.run(secs(90));
        assert_eq!(world.retained("a"), ["eni-a0", "eni-a1"]);
        world.attach_by_hand("eni-new", "i-a");
        world.run(INTERVAL + secs(15));
        assert!(world.protected("eni-new"));
        assert_eq!(world.retained("a"), ["eni-a0", "eni-a1", "eni-new"]);
        world.run(INTERVAL * 2);
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
        assert_eq!(world.part("a").counts.protected(), 3);
    }
}

#[test]
fn i19_what_outlives_its_instance_stays_listed_and_says_where_it_was() {
    for intent in [on(by_ids(&["i-a", "i-b"])), on(by_tag("env", "prod")), on(behind_nodes(&["i-a", "i-b"]))]
    {
        let mut world = World::new();
        world.server("a", &[("env", "prod")]);
        world.server("b", &[("env", "prod")]);
        world.apply("a", intent.clone());
        world.run(secs(30));
        world.release("i-a");
        world.run(INTERVAL * 4);
        assert_eq!(world.retained("a"), ["eni-a0", "eni-a1", "eni-b0", "eni-b1"]);
        assert_eq!(world.available("a"), ["eni-a0", "eni-a1"], "{intent:?} {:?}", world.retention("a").rows);
        let row = world.row("a", "eni-a0");
        assert_eq!(row.phase, InterfacePhase::Available);
        assert_eq!(row.last_instance.as_ref().unwrap().as_str(), "i-a");
        assert_eq!(
            row.interface_type,
            Some(InterfaceType::Secondary),
            "the primary one has become a secondary"
        );
        assert_eq!(row.belongings.private_ips.len(), 1);
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
        // Somebody else's mistake is put right on a survivor, too.
        world.flip("eni-a0", false);
        world.run(INTERVAL + secs(10));
        assert!(world.protected("eni-a0"));
        // And all of that is durable.
        world.restart();
        world.run(INTERVAL * 3);
        assert_eq!(world.available("a"), ["eni-a0", "eni-a1"]);
        assert_eq!(world.row("a", "eni-a0").last_instance.as_ref().unwrap().as_str(), "i-a");
    }
}

#[test]
fn what_is_detached_is_told_from_what_outlived_its_instance() {
    let mut world = World::new();
    world.server("a", &[]);
    world.server("witness", &[]);
    world.apply("a", on(by_ids(&["i-a"])));
    world.run(secs(30));
    world.detach("eni-a1");
    world.run(INTERVAL * 3);
    assert_eq!(world.row("a", "eni-a1").phase, InterfacePhase::Detached);
    assert_eq!(world.row("a", "eni-a1").last_instance.as_ref().unwrap().as_str(), "i-a");
    assert!(world.available("a").is_empty());
    world.release("i-a");
    world.run(INTERVAL * 4);
    assert_eq!(world.available("a"), ["eni-a0", "eni-a1"]);
    assert_eq!(world.row("a", "eni-a1").phase, InterfacePhase::Available);
}

#[test]
fn i19_what_loses_its_tag_or_its_instance_stays_listed_and_is_kept() {
    let mut world = World::new();
    world.server("a", &[("env", "prod")]);
    world.server("b", &[]);
    world.change("eni-b1", |card| card.facts.tags = Some(tags(&[("keep", "on")])));
    let mut intent = on(by_tag("env", "prod"));
    intent.selector.tags = vec![filter("keep", "on")];
    world.apply("a", intent);
    world.run(secs(30));
    assert_eq!(world.retained("a"), ["eni-a0", "eni-a1", "eni-b1"]);
    world.change("eni-b1", |card| card.facts.tags = Some(Vec::new()));
    world.alter("i-a", |machine| machine.facts.tags = Some(Vec::new()));
    world.run(INTERVAL * 3);
    assert_eq!(world.retained("a"), ["eni-a0", "eni-a1", "eni-b1"]);
    world.flip("eni-b1", false);
    world.flip("eni-a0", false);
    world.restart();
    world.run(INTERVAL * 2);
    assert!(world.protected("eni-b1") && world.protected("eni-a0"));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn types_are_judged_on_a_selected_instance_and_never_of_what_is_named_or_retained() {
    let mut world = World::new();
    world.server("a", &[]);
    world.server("b", &[]);
    let only = |primary, secondary| Intent { types: Types { primary, secondary }, ..on(by_ids(&["i-a"])) };
    let mut intent = only(true, false);
    intent.selector.ids = ids(&["eni-b1"]).selector.ids;
    world.apply("a", intent);
    world.run(secs(30));
    assert_eq!(world.retained("a"), ["eni-a0", "eni-b1"]);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert!(!world.protected("eni-a1"));
    world.apply("a", only(false, true));
    world.run(secs(90));
    assert_eq!(world.retained("a"), ["eni-a0", "eni-a1", "eni-b1"], "what was retained stays so");
}

#[test]
fn i19_what_the_spec_excludes_leaves_the_list_and_keeps_its_flag() {
    let exclude: [fn(&mut Intent<Interface>); 4] = [
        |intent| intent.selector.exclude_ids = ids(&["eni-a0", "eni-a1"]).selector.ids,
        |intent| intent.selector.exclude_tags = vec![filter("keep", "off")],
        |intent| intent.hosts.as_mut().unwrap().exclude_ids = instances(&["i-a"]),
        |intent| intent.hosts.as_mut().unwrap().exclude_tags = vec![filter("stage", "old")],
    ];
    for (n, exclude) in exclude.into_iter().enumerate() {
        let mut world = World::new();
        world.server("a", &[("env", "prod"), ("stage", "old")]);
        world.server("b", &[("env", "prod")]);
        for name in ["eni-a0", "eni-a1"] {
            world.change(name, |card| card.facts.tags = Some(tags(&[("keep", "off")])));
        }
        let intent = on(by_tag("env", "prod"));
        world.apply("a", intent.clone());
        world.run(secs(30));
        assert_eq!(world.retained("a").len(), 4);
        let mut narrower = intent.clone();
        exclude(&mut narrower);
        world.apply("a", narrower.clone());
        world.run(secs(60));
        assert_eq!(world.retained("a"), ["eni-b0", "eni-b1"], "way {n}");
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "way {n}");
        assert!(world.protected("eni-a0"), "its flag stays as it is");
        world.flip("eni-a0", false);
        world.run(INTERVAL * 2);
        assert!(!world.protected("eni-a0"), "it is left alone");
        // It is all the same which came first.
        let mut other = World::new();
        other.server("a", &[("env", "prod"), ("stage", "old")]);
        other.server("b", &[("env", "prod")]);
        for name in ["eni-a0", "eni-a1"] {
            other.change(name, |card| card.facts.tags = Some(tags(&[("keep", "off")])));
        }
        other.apply("a", narrower);
        other.run(secs(60));
        assert_eq!(other.says("a"), (Status::True, Reason::AllProtected), "way {n}");
        assert_eq!((other.writes_to("eni-a0"), other.retained("a").len()), (0, 2), "way {n}");
        // Taken back, it is retained again.
        world.apply("a", intent);
        world.run(secs(90));
        assert!(world.protected("eni-a0"), "way {n}");
        assert_eq!(world.retained("a").len(), 4, "way {n}");
    }
}

#[test]
fn observe_reports_remembers_and_writes_nothing() {
    let mut world = World::new();
    world.server("a", &[]);
    world.server("witness", &[]);
    world.flip("eni-a0", true);
    let mut intent = on(by_ids(&["i-a"]));
    intent.observe = true;
    world.apply("a", intent);
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::False, Reason::Unprotected));
    assert_eq!(world.condition_set("a").ready.status, Status::True);
    assert_eq!(world.retained("a"), ["eni-a0"]);
    world.release("i-a");
    world.run(INTERVAL * 4);
    assert_eq!(world.available("a"), ["eni-a0"]);
    assert!(world.arrived.is_empty());
}

#[test]
fn i07_what_can_not_be_retained_is_left_alone_with_a_reason() {
    use keeper_core::interface::InterfaceType::{Member, Trunk};
    type Change = fn(&mut crate::world::Card);
    let changes: [(Change, Reason); 9] = [
        (|card| card.facts.primary_retainable = false, Reason::PrimaryNotRetainable),
        (|card| card.facts.service_managed = Some(true), Reason::ServiceManaged),
        (
            |card| {
                card.facts.service_managed = Some(true);
                card.withheld = true;
            },
            Reason::ServiceManaged,
        ),
        (|card| card.facts.interface_type = Some(Trunk), Reason::TrunkOrMember),
        (|card| card.facts.interface_type = Some(Member), Reason::TrunkOrMember),
        (|card| card.facts.tags = Some(tags(&[("creator", "terway")])), Reason::TerwayOwned),
        (|card| card.facts.tags = Some(tags(&[("creator", "terway-controller")])), Reason::TerwayOwned),
        (|card| card.facts.tags = Some(tags(&[("cilium-eni-index", "2")])), Reason::CiliumOwned),
        (|card| card.facts.traffic_mode = Some("HighPerformance".into()), Reason::ErdmaOwned),
    ];
    for (change, reason) in changes {
        for (named_itself, excluding) in [(false, false), (true, false), (false, true), (true, true)] {
            let mut world = World::new();
            world.server("a", &[]);
            world.change("eni-a0", change);
            let mut intent = on(by_ids(&["i-a"]));
            if excluding {
                let exclude_ids = instances(&["i-z"]);
                let exclude_tags = vec![filter("stage", "old")];
                intent.hosts = Some(Box::new(Selector { exclude_ids, exclude_tags, ..by_ids(&["i-a"]) }));
            }
            if named_itself {
                intent.selector.ids = ids(&["eni-a0"]).selector.ids;
            }
            world.apply("a", intent);
            world.run(secs(40));
            assert_eq!(world.writes_to("eni-a0"), 0, "{reason:?}");
            assert!(world.protected("eni-a1"));
            assert_eq!(world.retained("a"), ["eni-a1"], "{reason:?}");
            let row = world.row("a", "eni-a0");
            assert_eq!((row.phase, row.reason), (InterfacePhase::NotApplicable, reason));
            let expected = if named_itself {
                (Status::False, Reason::NotApplicable)
            } else {
                (Status::True, Reason::ProtectedWhereApplicable)
            };
            assert_eq!(world.says("a"), expected, "{reason:?}");
            let ready = world.condition_set("a").ready.status == Status::True;
            assert_eq!(ready, !named_itself, "{reason:?}");
        }
    }
}

#[test]
fn i29_a_flag_that_is_refused_by_code_is_not_applicable_and_tried_once_in_ten_minutes() {
    use keeper_core::failure::Class;
    let mut world = World::new();
    world.server("a", &[]);
    world.change("eni-a0", |card| card.refuses = Some(Class::NotApplicable));
    world.apply("a", on(by_ids(&["i-a"])));
    world.run(secs(60));
    let row = world.row("a", "eni-a0");
    assert_eq!((row.phase, row.reason), (InterfacePhase::NotApplicable, Reason::RetentionRefused));
    assert_eq!(world.says("a"), (Status::True, Reason::ProtectedWhereApplicable));
    world.run(secs(3600));
    assert!(world.writes_to("eni-a0") <= 7, "{} writes in an hour", world.writes_to("eni-a0"));
    world.change("eni-a0", |card| card.refuses = None);
    world.run(secs(900));
    assert!(world.protected("eni-a0"));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(world.retained("a"), ["eni-a0", "eni-a1"]);
}

#[test]
fn i19_an_interface_seen_free_only_after_its_instance_is_proven_gone_has_outlived_it() {
    // The instance is looked up anew before the interfaces are.
    for tagged in [false, true] {
        let mut world = World::new();
        world.server("a", &[("env", "prod")]);
        world.server("b", &[("env", "prod")]);
        world.apply("a", on(if tagged { by_tag("env", "prod") } else { by_ids(&["i-a", "i-b"]) }));
        world.run(secs(30));
        // The list of interfaces lags behind: they are shown on the instance for a while.
        world.cloud.machines.remove(&crate::world::i("i-a"));
        world.run(INTERVAL * 3);
        world.release("i-a");
        world.run(INTERVAL * 3);
        assert_eq!(world.available("a"), ["eni-a0", "eni-a1"], "{:?}", world.retention("a").rows);
    }
}

#[test]
fn what_is_named_by_id_and_excluded_by_tag_is_retained_when_the_tag_goes() {
    let mut world = World::new();
    world.server("a", &[]);
    let mut intent = ids(&["eni-a0", "eni-a1"]);
    intent.selector.exclude_tags = vec![filter("keep", "off")];
    world.apply("a", intent);
    world.run(secs(30));
    assert_eq!(world.retained("a"), ["eni-a0", "eni-a1"]);
    world.change("eni-a0", |card| card.facts.tags = Some(tags(&[("keep", "off")])));
    world.run(INTERVAL * 2);
    assert_eq!(world.retained("a"), ["eni-a1"]);
    world.flip("eni-a0", false);
    world.change("eni-a0", |card| card.facts.tags = Some(Vec::new()));
    world.run(INTERVAL * 2);
    assert!(world.protected("eni-a0"));
    assert_eq!(world.retained("a"), ["eni-a0", "eni-a1"]);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

#[test]
fn i08_an_intent_of_an_older_generation_that_comes_late_changes_nothing() {
    let mut world = World::new();
    world.server("a", &[]);
    world.server("b", &[]);
    world.server("c", &[]);
    world.apply("a", on(by_ids(&["i-a"])));
    let older = world.store["a"].clone();
    world.apply("a", ids(&["eni-b0"]));
    world.tell_of(older.id.clone(), older.generation, older.asked());
    world.run(secs(30));
    assert_eq!(world.retained("a"), ["eni-b0"]);
    // Instances are still asked after for it: that this one is gone is found out.
    world.release("i-b");
    world.run(INTERVAL * 4);
    assert_eq!(world.available("a"), ["eni-b0"]);
    assert_eq!(world.writes_to("eni-a0"), 0);
}

#[test]
fn i18_what_is_named_is_not_written_before_its_instance_is_known_not_to_be_excluded() {
    let mut world = World::new();
    for letter in ["a", "b", "c"] {
        world.server(letter, &[]);
    }
    world.server("z", &[("stage", "old")]);
    world.apply("other", ids(&["eni-b1"]));
    world.run(secs(30));
    // The interfaces are read by id at once; the listing of instances comes to the last one later.
    world.cloud.page_size = 1;
    let mut intent = ids(&["eni-a0", "eni-z0"]);
    let exclude_tags = vec![filter("stage", "old")];
    intent.hosts = Some(Box::new(Selector { exclude_tags, ..by_tag("env", "prod") }));
    world.apply("a", intent);
    world.run(INTERVAL * 2);
    assert_eq!((world.writes_to("eni-a0"), world.writes_to("eni-z0")), (1, 0));
    assert_eq!(world.retained("a"), ["eni-a0"]);
}

#[test]
fn i18_what_is_named_is_not_written_while_the_instance_that_may_exclude_it_is_hidden() {
    let mut world = World::new();
    world.server("a", &[]);
    world.server("c", &[("stage", "old")]);
    world.alter("i-c", |machine| machine.hidden = true);
    let mut intent = ids(&["eni-c1"]);
    let exclude_tags = vec![filter("stage", "old")];
    intent.hosts = Some(Box::new(Selector { exclude_tags, ..behind_nodes(&["i-a"]) }));
    world.apply("a", intent);
    world.run(INTERVAL * 3);
    assert_eq!(world.writes_to("eni-c1"), 0);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::ListsDisagree));
    world.alter("i-c", |machine| machine.hidden = false);
    world.run(INTERVAL * 2);
    assert_eq!(world.writes_to("eni-c1"), 0, "it is excluded");
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    world.alter("i-c", |machine| machine.facts.tags = Some(Vec::new()));
    world.run(INTERVAL * 2);
    assert!(world.protected("eni-c1"));
}

#[test]
fn i38_what_survives_its_instance_is_in_doubt_only_until_that_is_proven_to_be_gone() {
    for hosts in [by_ids(&["i-a"]), behind_nodes(&["i-a"]), by_tag("env", "prod")] {
        let mut world = World::new();
        world.server("a", &[("env", "prod")]);
        world.server("b", &[("env", "prod")]);
        let exclude_tags = vec![filter("stage", "old")];
        world.apply("a", on(Selector { exclude_tags, ..hosts }));
        world.run(secs(90));
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
        world.release("i-a");
        let mut words = Vec::new();
        for _ in 0..INTERVAL.as_secs() * 3 {
            world.run(secs(1));
            words.push(world.says("a"));
        }
        words.dedup();
        let certain = (Status::True, Reason::AllProtected);
        assert_eq!(words, [certain, (Status::Unknown, Reason::Missing), certain]);
        assert_eq!(world.available("a").len(), 2);
    }
}

/// While nothing is selected but what is gone, no sweep by id is complete. That must not pass for a pace when one is.
#[test]
fn i24_hosts_that_are_all_gone_need_no_fresh_evidence() {
    let mut world = World::new();
    world.server("a", &[]);
    world.server("b", &[]);
    world.apply("a", on(behind_nodes(&["i-a"])));
    world.run(secs(90));
    world.release("i-a");
    world.run(secs(1200));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    // Reads rest until somebody edits the spec: then the sweep is due at once, and has nothing to read.
    let primary = Types { primary: true, secondary: false };
    world.cloud.mood.reads_fail = Some(Class::Permission);
    world.apply("a", Intent { types: primary, ..on(behind_nodes(&["i-a"])) });
    world.run(INTERVAL * 3);
    world.cloud.mood.reads_fail = None;
    world.apply("a", on(behind_nodes(&["i-a"])));
    world.run(INTERVAL * 20);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(world.available("a").len(), 2);
}

fn lost(world: &World) -> Vec<(&str, Cause, bool)> {
    world.store["a"].told.iter().map(|loss| (&*loss.id, loss.cause, loss.grave)).collect()
}

/// Observes what is on the instances with a tag: nothing of it is protected, so nothing is remembered.
fn observed() -> World {
    let mut world = World::new();
    for letter in ["a", "b"] {
        world.server(letter, &[("env", "prod")]);
    }
    world.change("eni-b1", |card| card.facts.service_managed = Some(true));
    let mut hosts = by_tag("env", "prod");
    hosts.exclude_tags = by_tag("keep", "no").tags;
    world.apply("a", Intent { observe: true, ..on(hosts) });
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::False, Reason::Unprotected));
    assert_eq!((world.part("a").counts.targets(), lost(&world)), (4, vec![]));
    world
}

#[test]
fn i50_what_is_on_a_host_is_lost_aloud_though_its_tags_were_not_readable_before() {
    for readable in [false, true] {
        let mut world = observed();
        if readable {
            // Nothing is read for longer than evidence lives.
            world.cloud.mood.reads_fail = Some(Class::Transient);
        } else {
            world.alter("i-a", |machine| machine.facts.tags = None);
        }
        world.run(secs(600));
        world.cloud.mood.reads_fail = None;
        world.tag("i-a", &[]);
        world.run(secs(600));
        let left = |id| (id, Cause::HostLeft);
        let told: Vec<(&str, Cause)> = lost(&world).into_iter().map(|(id, cause, _)| (id, cause)).collect();
        assert_eq!(told, ["eni-a0", "eni-a1"].map(left), "readable: {readable}");
        assert_eq!(world.part("a").counts.targets(), 2);
    }
}

#[test]
fn i50_what_leaves_because_the_instance_that_it_is_on_does_is_told_once() {
    let mut world = observed();
    world.alter("i-b", |machine| machine.facts.tags = Some(tags(&[("env", "test")])));
    world.run(INTERVAL * 4);
    assert_eq!(lost(&world), [("eni-b0", Cause::HostLeft, true), ("eni-b1", Cause::HostLeft, false)]);
    let managed = &world.store["a"].told[1];
    assert_eq!(managed.not_applicable, Some(Reason::ServiceManaged));
    assert!(managed.last.as_ref().is_some_and(|(_, flag)| *flag == Some(false)), "{managed:?}");
    assert_eq!(world.part("a").counts.targets(), 2);
    // It is nobody's any more, whatever becomes of it.
    world.release("i-b");
    world.run(INTERVAL * 4);
    assert_eq!(lost(&world).len(), 2);

    // With the instance goes what is on it.
    let mut world = observed();
    world.release("i-b");
    world.run(INTERVAL * 4);
    let mut told = lost(&world);
    told.sort_unstable();
    assert_eq!(told, [("eni-b0", Cause::Gone, true), ("eni-b1", Cause::Gone, false)]);
}

#[test]
fn i50_what_is_on_an_instance_that_the_spec_excludes_is_told_without_alarm() {
    let mut world = observed();
    world.alter("i-b", |machine| machine.facts.tags = Some(tags(&[("env", "prod"), ("keep", "no")])));
    world.run(INTERVAL * 4);
    assert_eq!(
        lost(&world),
        [("eni-b0", Cause::HostExcluded, false), ("eni-b1", Cause::HostExcluded, false)]
    );
}

#[test]
fn i19_i50_what_is_retained_is_not_lost_with_its_instance_nor_by_an_edit() {
    let mut world = World::new();
    for letter in ["a", "b", "c"] {
        world.server(letter, &[("env", "prod")]);
    }
    world.apply("a", on(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    world.alter("i-b", |machine| machine.facts.tags = Some(Vec::new()));
    world.release("i-c");
    world.run(INTERVAL * 4);
    assert_eq!((world.retained("a").len(), lost(&world)), (6, vec![]));

    let mut world = observed();
    world.apply("a", Intent { observe: true, ..on(by_ids(&["i-a"])) });
    world.run(INTERVAL * 4);
    assert_eq!((world.part("a").counts.targets(), lost(&world)), (2, vec![]));
}
