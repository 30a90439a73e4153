//! More interfaces than a status can list.

use crate::world::{INTERVAL, World, by_ids, on, secs};
use keeper_core::conditions::Status;
use keeper_core::interface::InterfaceType;
use keeper_core::reason::Reason;
use keeper_core::retention::{Free, InterfacePhase, MAX_RETAINED, MAX_SURVIVORS};

/// An instance that carries so many interfaces, retained already: the cloud lets none carry as many, but whether they are
/// on one or on thousands is nothing to what is listed.
fn carrier(world: &mut World, letter: &str, count: usize) {
    let instance = format!("i-{letter}");
    world.machine(&instance, &[]);
    for n in 0..count {
        let card = world.card(&format!("eni-{letter}{n:04}"), Some(&instance), InterfaceType::Secondary);
        card.facts.delete_on_release = Some(false);
    }
}

/// A world in which one object retains what is on three instances, the last of which stays.
fn crowd(first: usize, second: usize) -> World {
    let mut world = World::new();
    world.cloud.page_size = 500;
    carrier(&mut world, "a", first);
    carrier(&mut world, "b", second);
    carrier(&mut world, "c", 1);
    world.apply("all", on(by_ids(&["i-a", "i-b", "i-c"])));
    world.run(INTERVAL + secs(30));
    world
}

fn stalled(world: &World) -> (Status, Reason) {
    let stalled = &world.condition_set("all").stalled;
    (stalled.status, stalled.reason)
}

#[test]
fn i19_i20_survivors_come_first_in_a_full_list_and_only_too_many_of_them_stall() {
    let mut world = crowd(MAX_RETAINED - 10, 20);
    assert_eq!(world.says("all"), (Status::True, Reason::AllProtected));
    let listed = |world: &World, letter: &str| {
        let retained = world.retained("all");
        retained.iter().filter(|id| id.starts_with(&format!("eni-{letter}"))).count()
    };
    assert_eq!((world.retained("all").len(), listed(&world, "b")), (MAX_RETAINED, 10));
    assert_eq!(stalled(&world), (Status::False, Reason::NothingStalled), "they are found on their instance");

    world.release("i-b");
    world.run(INTERVAL * 2);
    assert_eq!(world.available("all").len(), 20);
    assert_eq!((world.retained("all").len(), listed(&world, "b")), (MAX_RETAINED, 20));
    assert_eq!(stalled(&world), (Status::False, Reason::NothingStalled));

    // What was left out is kept all the same, and what is listed outlives the operator.
    world.restart();
    let left_out = format!("eni-a{:04}", MAX_RETAINED - 11);
    assert!(!world.retained("all").contains(&left_out.as_str()));
    world.flip("eni-b0019", false);
    world.flip(&left_out, false);
    world.run(INTERVAL + secs(30));
    assert_eq!(world.says("all"), (Status::True, Reason::AllProtected));
    assert_eq!(world.available("all").len(), 20);
    assert_eq!(world.row("all", "eni-b0019").last_instance.as_ref().unwrap().as_str(), "i-b");
    assert!(world.protected("eni-b0019") && world.protected(&left_out));
    assert_eq!(world.part("all").counts.protected(), u32::try_from(MAX_RETAINED + 11).unwrap());

    // More than can be listed: these are counted, and somebody has to do something about it.
    world.release("i-a");
    world.run(INTERVAL * 2);
    assert_eq!(world.available("all").len(), MAX_RETAINED);
    assert_eq!(world.retention("all").free, Free { available: 5010, detached: 0 });
    assert_eq!(stalled(&world), (Status::True, Reason::RecordFull));
    let (domain, sentence) =
        (&world.condition_set("all").domain, &world.condition_set("all").stalled.message);
    assert!(domain.message.contains("5010 are free and wait for reuse."), "{}", domain.message);
    for way_out in ["Delete", "spec.reattach", "spec.survivors.forgetAfter", "ecs-keeper eni export"] {
        assert!(sentence.contains(way_out), "{sentence}");
    }
    for n in 0..10 {
        world.discard(&format!("eni-a{n:04}"));
    }
    world.run(INTERVAL * 2);
    assert_eq!(stalled(&world), (Status::False, Reason::NothingStalled));
    assert_eq!(world.available("all").len(), MAX_RETAINED);
}

/// Rows end quietly: who has one keeps it, and the counts tell of the others.
#[test]
fn a_row_is_not_given_up_for_another_and_rows_that_are_missing_stall_nothing() {
    let mut world = crowd(30, MAX_SURVIVORS);
    world.release("i-b");
    world.run(INTERVAL * 4);
    let rows_of = |world: &World, letter: &str| {
        let rows = world.retention("all").rows.iter();
        rows.filter(|row| row.phase == InterfacePhase::Available)
            .filter(|row| row.id.as_str().starts_with(&format!("eni-{letter}")))
            .count()
    };
    assert_eq!(rows_of(&world, "b"), MAX_SURVIVORS);
    world.release("i-a");
    world.run(INTERVAL * 4);
    assert_eq!(world.available("all").len(), MAX_SURVIVORS + 30);
    assert_eq!((rows_of(&world, "a"), rows_of(&world, "b")), (0, MAX_SURVIVORS));
    assert_eq!(world.says("all"), (Status::True, Reason::AllProtected));
    assert_eq!(stalled(&world), (Status::False, Reason::NothingStalled));
    // Somebody switches the flag off on one that has no row: it is put back.
    world.flip("eni-a0000", false);
    world.run(INTERVAL * 2);
    assert!(world.protected("eni-a0000"));
    world.restart();
    world.run(INTERVAL * 3);
    assert_eq!(world.available("all").len(), MAX_SURVIVORS + 30);
    assert_eq!((rows_of(&world, "a"), rows_of(&world, "b")), (0, MAX_SURVIVORS));
}
