//! What is on any instance of the region is retained.

use keeper_core::call::Query;
use keeper_core::conditions::Status;
use keeper_core::intent::Selector;
use keeper_core::interface::InterfaceType;
use keeper_core::reason::Reason;

use crate::world::{INTERVAL, Read, World, everything, filter, instances, on, secs, tags};

fn retained(world: &World) -> Vec<&str> {
    world.retained("a")
}

#[test]
fn what_is_on_any_instance_is_retained_tomorrows_included_and_what_is_excluded_is_left_alone() {
    let mut world = World::new();
    world.server("a", &[("env", "prod")]);
    world.server("b", &[]);
    world.server("c", &[("keep", "off")]);
    world.server("d", &[]);
    world.server("e", &[]);
    world.change("eni-e1", |card| card.facts.tags = Some(tags(&[("keep", "off")])));
    world.card("eni-free", None, InterfaceType::Secondary);
    let hosts = Selector {
        exclude_ids: instances(&["i-d"]),
        exclude_tags: vec![filter("keep", "off")],
        ..everything()
    };
    let mut intent = on(hosts);
    intent.selector.exclude_tags = vec![filter("keep", "off")];
    world.apply("a", intent);
    world.run(secs(20));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(retained(&world), ["eni-a0", "eni-a1", "eni-b0", "eni-b1", "eni-e0"]);
    world.server("f", &[]);
    world.run(INTERVAL * 2);
    assert!(world.protected("eni-f0") && world.protected("eni-f1"));
    assert_eq!(retained(&world).len(), 7);
    for left_alone in ["eni-c0", "eni-c1", "eni-d0", "eni-d1", "eni-e1", "eni-free"] {
        assert!(!world.protected(left_alone), "{left_alone}");
    }
    world.release("i-a");
    world.run(INTERVAL * 4);
    assert_eq!(world.available("a"), ["eni-a0", "eni-a1"], "nothing selects the instance any more");
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
}

/// One page of instances and one of interfaces are all there is.
#[test]
fn i39_to_know_of_all_instances_costs_what_their_listing_costs() {
    let mut world = World::new();
    for letter in ["a", "b", "c", "d", "e", "f"] {
        world.server(letter, &[]);
    }
    world.apply("a", on(everything()));
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    let (reads, actions) = (world.reads.len(), world.actions);
    world.run(INTERVAL * 10);
    let at_rest = &world.reads[reads..];
    assert!(at_rest.len() <= 22, "two pages a sweep: {}", at_rest.len());
    assert_eq!(world.actions - actions, at_rest.len(), "I37: no report at rest");
    let by_id = |read: &&Read| match read {
        Read::Instances(_, read) => matches!(read.query, Query::Ids(_)),
        Read::Interfaces(_, read) => matches!(read.query, Query::Ids(_)),
        Read::Members(..) => false,
    };
    assert_eq!(at_rest.iter().filter(by_id).count(), 0, "{at_rest:?}");
}
