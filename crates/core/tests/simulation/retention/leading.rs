//! What one leader remembers, and what another one has done meanwhile.

use keeper_core::conditions::Status;
use keeper_core::intent::{Intent, Selector};
use keeper_core::interface::InterfaceType;
use keeper_core::reason::Reason;

use crate::world::{INTERVAL, Replica, World, by_ids, by_tag, eni, filter, ids, on, secs, tags};

/// Another replica leads for so many seconds, and the one that stands by hears of all that status says.
fn led_by_another(world: &mut World, aside: &mut Replica, seconds: u64) {
    for _ in 0..seconds {
        world.run(secs(1));
        world.inform(aside);
    }
}

#[test]
fn i18_i20_what_another_leader_gave_up_is_remembered_no_more() {
    let mut world = World::new();
    world.server("a", &[("env", "prod")]);
    world.server("b", &[("env", "prod")]);
    world.apply("a", on(by_ids(&["i-a"])));
    world.run(INTERVAL * 3);
    let mut aside = world.step_aside();
    world.apply("a", Intent { protect: false, ..on(by_ids(&["i-a"])) });
    led_by_another(&mut world, &mut aside, 180);
    assert_eq!(world.says("a"), (Status::False, Reason::ReleasedAsAsked));
    world.apply("a", on(by_ids(&["i-b"])));
    led_by_another(&mut world, &mut aside, 180);
    world.come_back_informed(aside);
    world.run(INTERVAL * 3);
    assert_eq!(world.retained("a"), ["eni-b0", "eni-b1"]);
    assert!(!world.protected("eni-a1"), "nobody asks for it any more");
}

#[test]
fn i50_what_another_leader_has_told_of_is_not_told_again() {
    let mut world = World::new();
    world.server("a", &[("env", "prod")]);
    world.server("b", &[("env", "prod")]);
    world.apply("a", on(by_tag("env", "prod")));
    world.run(INTERVAL * 3);
    let mut aside = world.step_aside();
    world.run(INTERVAL);
    world.release("i-a");
    led_by_another(&mut world, &mut aside, 60);
    world.discard("eni-a1");
    led_by_another(&mut world, &mut aside, 180);
    let told = world.store["a"].told.len();
    world.come_back_informed(aside);
    world.run(INTERVAL * 5);
    assert_eq!(world.store["a"].told.len(), told, "{:?}", &world.store["a"].told[told..]);
}

#[test]
fn i04_i19_what_was_missing_in_an_earlier_term_stays_listed_until_it_is_looked_up_anew() {
    let mut world = World::new();
    world.server("a", &[("env", "prod")]);
    world.card("eni-x", None, InterfaceType::Secondary);
    world.hide("eni-x", true);
    world.apply("named", ids(&["eni-x"]));
    world.apply("other", ids(&["eni-a0"]));
    world.run(INTERVAL * 3);
    assert_eq!(world.says("named"), (Status::Unknown, Reason::NotFound));
    let mut aside = world.step_aside();
    world.hide("eni-x", false);
    led_by_another(&mut world, &mut aside, 180);
    assert_eq!(world.says("named"), (Status::True, Reason::AllProtected));
    let told = world.store["named"].told.len();
    world.latency = secs(5);
    world.come_back_informed(aside);
    for _ in 0..60 {
        world.run(secs(1));
        assert_eq!(world.says("named"), (Status::True, Reason::AllProtected), "{:?}", world.now);
        assert_eq!(world.retained("named"), ["eni-x"]);
    }
    assert_eq!(world.store["named"].told.len(), told);
}

#[test]
fn i19_a_standby_goes_by_status_and_not_by_an_absence_that_it_has_proven() {
    let mut world = World::new();
    world.server("a", &[("env", "prod")]);
    world.apply("named", ids(&["eni-a1"]));
    world.apply("a", on(by_tag("env", "prod")));
    world.run(INTERVAL * 3);
    world.hide("eni-a1", true);
    world.run(INTERVAL * 3);
    assert_eq!(world.retained("a"), ["eni-a0"]);
    let mut aside = world.step_aside();
    world.hide("eni-a1", false);
    led_by_another(&mut world, &mut aside, 180);
    assert_eq!(world.retained("a"), ["eni-a0", "eni-a1"]);
    world.detach("eni-a1");
    led_by_another(&mut world, &mut aside, 180);
    world.come_back_informed(aside);
    world.run(INTERVAL * 5);
    assert_eq!(world.retained("a"), ["eni-a0", "eni-a1"]);
}

#[test]
fn i19_a_standby_goes_by_status_and_not_by_an_exclusion_that_it_has_seen() {
    let mut world = World::new();
    world.server("a", &[("env", "prod"), ("skip", "yes")]);
    world.server("b", &[("env", "prod")]);
    world.apply("named", ids(&["eni-a1"]));
    world.apply("a", on(Selector { exclude_tags: vec![filter("skip", "yes")], ..by_tag("env", "prod") }));
    world.run(INTERVAL * 3);
    assert_eq!(world.retained("a"), ["eni-b0", "eni-b1"]);
    let mut aside = world.step_aside();
    world.tag("i-a", &[("env", "prod")]);
    led_by_another(&mut world, &mut aside, 60);
    let all = ["eni-a0", "eni-a1", "eni-b0", "eni-b1"];
    assert_eq!(world.retained("a"), all);
    world.detach("eni-a1");
    led_by_another(&mut world, &mut aside, 180);
    world.come_back_informed(aside);
    world.run(INTERVAL * 5);
    assert_eq!(world.retained("a"), all);
}

#[test]
fn i19_what_an_earlier_generation_excluded_stays_listed_if_status_was_never_told() {
    for informed in [false, true] {
        let mut world = World::new();
        world.server("a", &[("env", "prod")]);
        world.apply("a", on(by_ids(&["i-a"])));
        world.run(INTERVAL * 3);
        world.detach("eni-a1");
        world.run(INTERVAL * 3);
        world.refuse_status("a", true);
        let mut excluding = on(by_ids(&["i-a"]));
        excluding.selector.exclude_ids = [eni("eni-a1")].into();
        world.apply("a", excluding);
        world.run(secs(10));
        let aside = world.step_aside();
        world.apply("a", on(by_ids(&["i-a"])));
        world.refuse_status("a", false);
        world.run(secs(2000));
        assert_eq!(world.retained("a"), ["eni-a0", "eni-a1"]);
        if informed {
            world.come_back_informed(aside);
        } else {
            world.come_back(aside);
            world.run(secs(3));
            world.relist();
        }
        world.run(INTERVAL * 3);
        assert_eq!(world.retained("a"), ["eni-a0", "eni-a1"], "informed: {informed}");
    }
}

#[test]
fn i19_what_left_by_evidence_of_an_earlier_term_stays_listed_if_status_was_never_told() {
    let mut world = World::new();
    world.server("a", &[("env", "prod")]);
    let mut intent = on(by_ids(&["i-a"]));
    intent.selector.exclude_tags = vec![filter("skip", "yes")];
    world.apply("a", intent);
    world.run(INTERVAL * 3);
    world.detach("eni-a1");
    world.run(INTERVAL * 3);
    world.refuse_status("a", true);
    world.change("eni-a1", |card| card.facts.tags = Some(tags(&[("skip", "yes")])));
    world.run(INTERVAL * 3);
    let aside = world.step_aside();
    world.change("eni-a1", |card| card.facts.tags = Some(tags(&[])));
    world.refuse_status("a", false);
    world.run(secs(2000));
    assert_eq!(world.retained("a"), ["eni-a0", "eni-a1"]);
    world.come_back_informed(aside);
    world.run(INTERVAL * 3);
    assert_eq!(world.retained("a"), ["eni-a0", "eni-a1"]);
}
