//! I50: nothing is lost silently.

use keeper_core::conditions::Status;
use keeper_core::engine::Settings;
use keeper_core::failure::Class;
use keeper_core::instance::InstanceFacts;
use keeper_core::intent::{Intent, Selector};
use keeper_core::loss::{Cause, Loss};
use keeper_core::reason::Reason;

use crate::world::{Fault, INTERVAL, World, by_ids, by_tag, disabled, enabled, payg, secs, settings};

/// Three protected machines that are selected by tag.
fn three() -> World {
    let mut world = World::new();
    world.machines(3, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    world
}

fn told(world: &World) -> Vec<(&str, Cause, bool)> {
    world.store["a"].told.iter().map(|loss| (&*loss.id, loss.cause, loss.grave)).collect()
}

fn only(world: &World) -> &Loss {
    let [loss] = world.store["a"].told.as_slice() else { panic!("{:?}", world.store["a"].told) };
    loss
}

#[test]
fn i50_what_is_switched_off_and_released_between_two_sweeps_is_told_once() {
    for selector in [by_tag("env", "prod"), by_ids(&["i-00000", "i-00001", "i-00002"])] {
        let mut world = three();
        world.apply("a", enabled(selector));
        world.run(INTERVAL * 2);
        let before = world.now;
        world.flip("i-00001", false);
        world.release("i-00001");
        world.run(INTERVAL * 20);
        let loss = only(&world);
        assert_eq!((&*loss.id, loss.cause, loss.grave), ("i-00001", Cause::Gone, true));
        let seen = loss.last_protected.as_ref().unwrap();
        assert!(seen.at <= before && before.since(seen.at) <= INTERVAL, "{seen:?}");
        assert_eq!(loss.last, Some((seen.clone(), Some(true))));
        assert_eq!(world.store["a"].shrunk, 0);
    }
}

#[test]
fn i50_what_is_seen_switched_off_and_then_goes_is_told_with_when_it_was_protected() {
    let mut world = three();
    world.cloud.mood.writes_fail = Some(Class::Permission);
    let flipped = world.now;
    world.flip("i-00001", false);
    world.run(INTERVAL * 3);
    world.release("i-00001");
    world.run(INTERVAL * 3);
    let loss = only(&world);
    let (last, flag) = loss.last.as_ref().unwrap();
    assert!(*flag == Some(false) && last.at > flipped && loss.grave, "{loss:?}");
    let protected = loss.last_protected.as_ref().unwrap();
    assert!(protected.at <= flipped && flipped.since(protected.at) <= INTERVAL, "{loss:?}");
}

#[test]
fn i50_what_loses_the_tag_that_selected_it_is_told_once_and_the_rest_of_its_life_is_nobodys() {
    let mut world = three();
    world.tag("i-00001", &[]);
    world.run(INTERVAL * 2);
    assert_eq!(told(&world), [("i-00001", Cause::TagLost, true)]);
    assert_eq!(world.part("a").counts.targets(), 2);
    world.release("i-00001");
    world.run(INTERVAL * 5);
    assert_eq!(told(&world).len(), 1);
    // The last tags are no exception: nothing is selected any more.
    world.tag("i-00000", &[]);
    world.tag("i-00002", &[("env", "test")]);
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NoTargets));
    assert_eq!(told(&world).len(), 3);
}

#[test]
fn i50_one_that_comes_as_another_goes_hides_nothing() {
    let mut world = three();
    world.release("i-00001");
    world.instance("i-00009", payg(true, &[("env", "prod")]));
    world.run(INTERVAL * 3);
    assert_eq!(world.part("a").counts.targets(), 3);
    assert_eq!(told(&world), [("i-00001", Cause::Gone, true)]);
}

#[test]
fn i50_what_the_spec_explains_or_could_never_be_protected_is_told_without_alarm() {
    let spot = InstanceFacts { spot: Some(true), ..payg(false, &[("env", "prod")]) };
    let mut world = three();
    world.instance("i-spot", spot);
    world.run(INTERVAL * 2);
    world.release("i-spot");
    world.run(INTERVAL * 3);
    assert_eq!(told(&world), [("i-spot", Cause::Gone, false)]);
    assert_eq!(only(&world).not_applicable, Some(Reason::SpotInstance));

    let mut world = three();
    let excluding = Selector { exclude_tags: by_tag("keep", "no").tags, ..by_tag("env", "prod") };
    world.apply("a", enabled(excluding));
    world.run(INTERVAL * 2);
    world.tag("i-00001", &[("env", "prod"), ("keep", "no")]);
    world.run(INTERVAL * 3);
    assert_eq!(told(&world), [("i-00001", Cause::TagExcluded, false)]);

    let mut world = three();
    world.apply("a", disabled(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    world.release("i-00001");
    world.run(INTERVAL * 3);
    assert_eq!(told(&world), [("i-00001", Cause::Gone, false)]);
}

#[test]
fn i04_i50_what_was_never_seen_or_is_hidden_for_a_while_is_not_lost() {
    let mut world = three();
    world.apply("a", enabled(by_ids(&["i-00000", "i-wrong"])));
    world.run(INTERVAL * 3);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NotFound));
    world.cloud.mood.blind = true;
    world.run(INTERVAL * 5);
    world.cloud.mood.blind = false;
    world.run(INTERVAL * 5);
    world.cloud.mood.odd_tags = true;
    world.run(INTERVAL * 5);
    assert_eq!(told(&world), []);
}

/// A selector that asks for a tag that was not kept so far does not lose what has not got it.
#[test]
fn i50_an_edited_spec_loses_nothing() {
    let mut world = three();
    let narrower =
        Selector { tags: [by_tag("env", "prod").tags, by_tag("team", "x").tags].concat(), ..by_ids(&[]) };
    world.apply("a", enabled(narrower));
    world.run(INTERVAL * 3);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NoTargets));
    assert_eq!(told(&world), []);
    assert_eq!(world.store["a"].shrunk, 0);
}

#[test]
fn i50_many_that_lose_their_tag_at_once_are_told_together() {
    let mut world = World::with(Settings { reads_in_flight: 1, ..settings() });
    world.cloud.page_size = 20;
    world.machines(120, &[("env", "prod")]);
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    // Between two sweeps.
    world.run(secs(20));
    world.latency = secs(3);
    for n in 0..100 {
        world.tag(&format!("i-{n:05}"), &[]);
    }
    world.run(INTERVAL * 3);
    assert_eq!((told(&world).len(), world.store["a"].tellings), (100, 1));
}

#[test]
fn i50_what_went_while_nobody_led_is_known_by_number() {
    let mut world = three();
    world.lead(false);
    world.release("i-00001");
    world.tag("i-00002", &[]);
    world.run(INTERVAL);
    world.lead(true);
    world.run(INTERVAL * 3);
    assert_eq!((told(&world).len(), world.store["a"].shrunk), (0, 2));
    world.restart();
    world.run(INTERVAL * 3);
    assert_eq!((told(&world).len(), world.store["a"].shrunk), (0, 2), "told once");
}

#[test]
fn i50_a_loss_is_told_wherever_the_process_dies_and_not_again_after_that() {
    let gone = |world: &mut World| {
        world.release("i-00001");
    };
    let untagged = |world: &mut World| world.tag("i-00001", &[]);
    let ways: [&dyn Fn(&mut World); 2] = [&gone, &untagged];
    for lose in ways {
        let first = three().actions;
        let mut whole = three();
        lose(&mut whole);
        whole.run(INTERVAL * 3);
        assert_eq!(whole.store["a"].told.len(), 1);
        assert!(whole.actions > first);
        for number in first..whole.actions {
            for fault in [Fault::Crash, Fault::CrashTold, Fault::LoseCall] {
                let mut world = three();
                lose(&mut world);
                world.faults.insert(number, fault);
                if fault == Fault::LoseCall {
                    // It dies while it waits to try again.
                    world.faults.insert(number + 1, Fault::Crash);
                }
                world.run(INTERVAL * 5);
                let told = |world: &World| {
                    let stored = &world.store["a"];
                    (stored.told.len(), stored.shrunk)
                };
                let (named, counted) = told(&world);
                let once = [(1, 0), (0, 1)].contains(&(named, counted));
                // Who dies between the Event and status can't know that it was told.
                let dies = fault != Fault::LoseCall && world.log[number].starts_with("report");
                let twice = dies && (named, counted) == (1, 1);
                assert!(once || twice, "{fault:?} at {number}: {named} named, {counted} counted");
                world.restart();
                world.run(INTERVAL * 5);
                assert_eq!(told(&world), (named, counted), "{fault:?} at {number}: told again");
            }
        }
    }
}

/// While nothing is selected but what is gone, no sweep by id is complete. That must not pass for a pace when one is.
#[test]
fn i24_an_id_that_is_gone_needs_no_fresh_evidence() {
    let mut world = World::new();
    world.machines(2, &[]);
    let asked = enabled(by_ids(&["i-00000"]));
    world.apply("a", asked.clone());
    world.run(INTERVAL * 2);
    world.release("i-00000");
    world.run(secs(1200));
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NotFound));
    // Reads rest until somebody edits the spec: then the sweep is due at once, and has nothing to read.
    world.cloud.mood.reads_fail = Some(Class::Permission);
    world.apply("a", Intent { observe: true, ..asked.clone() });
    world.run(INTERVAL * 3);
    world.cloud.mood.reads_fail = None;
    world.apply("a", asked);
    world.run(INTERVAL * 20);
    assert_eq!(world.says("a"), (Status::Unknown, Reason::NotFound));
    assert_eq!(world.part("a").unlisted, None);
}
