//! Exceptions: one target is left unprotected until a time, once for each entry, and protected again when it is over.

use keeper_core::conditions::Status;
use keeper_core::exception::{Exception, ExceptionPhase};
use keeper_core::failure::Class;
use keeper_core::instance::Instance;
use keeper_core::intent::{Intent, Rights, Selector};
use keeper_core::reason::Reason;
use keeper_core::wall_clock::WallTime;

use crate::world::{CALL_FAULTS, Fault, INTERVAL, World, by_ids, by_tag, enabled, i, secs};

fn excepting(selector: Selector<Instance>, entries: &[(&str, WallTime)]) -> Intent<Instance> {
    let entry = |(name, until): &(&str, WallTime)| {
        (i(name), Exception { until: *until, reason: "to be replaced".into() })
    };
    Intent { exceptions: entries.iter().map(entry).collect(), ..enabled(selector) }
}

fn prod() -> Selector<Instance> {
    by_tag("env", "prod")
}

/// The object a keeps three instances protected.
fn fleet() -> World {
    let mut world = World::new();
    for name in ["i-a", "i-b", "i-c"] {
        world.machine(name, &[("env", "prod")]);
    }
    world.apply("a", enabled(prod()));
    world.run(INTERVAL * 2);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    world
}

/// From now on i-a is excepted for so many seconds.
fn except(world: &mut World, seconds: i64) -> Intent<Instance> {
    let intent = excepting(prod(), &[("i-a", world.time_in(seconds))]);
    world.apply("a", intent.clone());
    intent
}

/// The writes of i-a so far: of the unprotected value, and of the protected one.
fn writes(world: &World) -> (usize, usize) {
    let of = |protected| world.arrived.iter().filter(|w| w.id == "i-a" && w.protected == protected).count();
    (of(false), of(true))
}

fn phase(world: &World, name: &str) -> (ExceptionPhase, Option<Reason>) {
    let (_, part, _) = world.store[name].status.as_ref().unwrap();
    let entry = part.exceptions.iter().find(|entry| entry.instance == i("i-a")).unwrap();
    (entry.phase, entry.reason)
}

/// Status and reason of Stalled, Reconciling and Ready.
fn tools(world: &World, name: &str) -> [(Status, Reason); 3] {
    let set = world.condition_set(name);
    [&set.stalled, &set.reconciling, &set.ready].map(|condition| (condition.status, condition.reason))
}

const CONTENT: [(Status, Reason); 3] = [
    (Status::False, Reason::NothingStalled),
    (Status::False, Reason::NothingUnderWay),
    (Status::True, Reason::Satisfied),
];

#[test]
fn i53_an_excepted_instance_is_unprotected_once_and_protected_again_when_its_time_is_over() {
    let mut world = fleet();
    // Between two sweeps.
    except(&mut world, 617);
    world.run(secs(60));
    assert!(!world.protected("i-a"));
    assert_eq!(writes(&world), (1, 1));
    assert_eq!(phase(&world, "a"), (ExceptionPhase::InForce, None));
    assert_eq!(world.says("a"), (Status::True, Reason::ProtectedButExceptions));
    assert_eq!(tools(&world, "a"), CONTENT);
    let (_, part, set) = world.store["a"].status.as_ref().unwrap();
    assert_eq!((part.counts.protected(), part.counts.excepted, part.counts.targets()), (2, 1, 3));
    assert_eq!((set.at_risk.status, set.at_risk.reason), (Status::True, Reason::RisksFound));
    let named = "Excepted: i-a until 1970-01-12T14:15:37Z.";
    assert!(set.domain.message.ends_with(named), "{}", set.domain.message);
    let (reports, actions, reads) = (world.store["a"].reports, world.actions, world.reads.len());
    world.run(secs(500));
    assert_eq!(world.store["a"].reports, reports, "I37");
    assert_eq!(world.actions - actions, world.reads.len() - reads, "nothing at rest");
    let over = world.now.after(secs(57));
    world.run(secs(62));
    assert!(world.protected("i-a"));
    let back = world.arrived.last().unwrap();
    assert!(back.at.since(over) < secs(2), "in the next moment: {over:?} {back:?}");
    assert_eq!(writes(&world), (1, 2));
    assert_eq!(phase(&world, "a"), (ExceptionPhase::Expired, None));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(world.arrived.iter().filter(|w| w.id != "i-a" && !w.protected).count(), 0);
    world.restart();
    world.run(INTERVAL * 5);
    assert_eq!((writes(&world), tools(&world, "a")), ((1, 2), CONTENT));
}

#[test]
fn i53_a_hold_that_has_fallen_is_no_conflict_any_more() {
    type Fall = fn(&mut World);
    let falls: [(&str, Fall); 3] = [
        ("the other object is deleted", |world| world.delete("b")),
        ("it selects something else", |world| {
            world.apply("b", enabled(by_ids(&["i-b"])));
        }),
        ("it gives up, too", |world| {
            world.apply("b", excepting(by_ids(&["i-a"]), &[("i-a", world.time_in(300))]));
        }),
    ];
    for (why, fall) in falls {
        let mut world = fleet();
        except(&mut world, 600);
        world.run(secs(60));
        world.apply("b", enabled(by_ids(&["i-a"])));
        world.run(secs(60));
        assert_eq!(phase(&world, "a"), (ExceptionPhase::InForce, Some(Reason::Conflict)), "{why}");
        assert_eq!(world.condition_set("a").stalled.status, Status::True, "{why}");
        fall(&mut world);
        world.run(secs(60));
        assert_eq!(phase(&world, "a"), (ExceptionPhase::InForce, None), "{why}");
        assert_eq!(tools(&world, "a"), CONTENT, "{why}");
    }
}

#[test]
fn i53_whatever_is_lost_or_crashes_it_is_unprotected_and_protected_again() {
    let calm = {
        let mut world = fleet();
        except(&mut world, 600);
        let actions = world.actions;
        world.run(secs(700));
        world.actions - actions
    };
    for number in 0..calm.min(40) {
        for fault in CALL_FAULTS.iter().chain(&[Fault::Crash, Fault::CrashTold]) {
            let mut world = fleet();
            let at = world.actions + number;
            except(&mut world, 600);
            world.faults.insert(at, *fault);
            world.run(secs(400));
            assert!(!world.protected("i-a"), "{fault:?} at {number}");
            assert_eq!(phase(&world, "a").0, ExceptionPhase::InForce, "{fault:?} at {number}");
            world.faults.clear();
            world.faults.insert(world.actions + number, *fault);
            world.run(secs(600));
            assert!(world.protected("i-a"), "{fault:?} at {number}");
            let (unprotected, protected) = writes(&world);
            assert!(unprotected <= 2 && protected <= 4, "{fault:?} at {number}: {:?}", world.arrived);
            assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{fault:?} at {number}");
        }
    }
}

#[test]
fn i53_it_ends_also_if_nobody_leads_or_another_one_does_by_then() {
    type Meanwhile = fn(&mut World);
    let cases: [(&str, Meanwhile); 4] = [
        ("nobody leads", |world| {
            world.lead(false);
            world.run(secs(700));
            assert!(!world.protected("i-a"));
            world.lead(true);
        }),
        ("another one leads", |world| {
            let aside = world.step_aside();
            world.run(secs(700));
            assert!(world.protected("i-a"));
            world.come_back(aside);
        }),
        ("another one leads in between", |world| {
            let aside = world.step_aside();
            world.run(secs(100));
            world.come_back_informed(aside);
            world.run(secs(100));
            assert!(!world.protected("i-a"), "nobody protects it before its time is over");
            world.run(secs(500));
        }),
        ("it crashes", |world| {
            world.run(secs(590));
            world.restart();
        }),
    ];
    for (why, meanwhile) in cases {
        let mut world = fleet();
        except(&mut world, 600);
        world.run(secs(60));
        assert!(!world.protected("i-a"), "{why}");
        meanwhile(&mut world);
        world.run(INTERVAL * 2);
        assert!(world.protected("i-a"), "{why}");
        assert_eq!(writes(&world), (1, 2), "{why}");
        assert_eq!(phase(&world, "a"), (ExceptionPhase::Expired, None), "{why}");
    }
}

#[test]
fn i53_a_hold_of_another_object_stands_against_it() {
    let mut world = fleet();
    world.apply("b", enabled(by_ids(&["i-a"])));
    world.run(secs(30));
    except(&mut world, 3000);
    world.run(INTERVAL * 2);
    assert!(world.protected("i-a"));
    assert_eq!(phase(&world, "a"), (ExceptionPhase::Waiting, Some(Reason::Conflict)));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "it is protected");
    let [stalled, reconciling, ready] = tools(&world, "a");
    assert_eq!(stalled, (Status::True, Reason::Conflict));
    assert_eq!((reconciling.0, ready), (Status::False, (Status::False, Reason::Conflict)));
    world.delete("b");
    world.run(INTERVAL * 2);
    assert!(!world.protected("i-a"));
    assert_eq!((phase(&world, "a").0, tools(&world, "a")), (ExceptionPhase::InForce, CONTENT));
    // A hold that comes later has it protected.
    world.apply("b", enabled(by_ids(&["i-a"])));
    world.run(INTERVAL);
    assert!(world.protected("i-a"));
    assert_eq!(writes(&world).0, 1);
    // The one that excepts it is told so.
    assert_eq!(phase(&world, "a"), (ExceptionPhase::InForce, Some(Reason::Conflict)));
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(tools(&world, "a")[0], (Status::True, Reason::Conflict));
}

#[test]
fn i53_what_nobody_sees_is_not_said_to_be_left_unprotected() {
    let mut world = fleet();
    let ids = by_ids(&["i-a", "i-none"]);
    world.apply("a", excepting(ids, &[("i-none", world.time_in(3000))]));
    world.run(INTERVAL * 3);
    let (_, part, _) = world.store["a"].status.as_ref().unwrap();
    let said: Vec<_> = part.exceptions.iter().map(|entry| (entry.phase, entry.reason)).collect();
    assert_eq!(said, [(ExceptionPhase::Waiting, Some(Reason::NotFound))]);
}

#[test]
fn i59_what_was_released_under_an_exception_is_not_said_to_be_left_unprotected() {
    let mut world = fleet();
    world.apply("a", excepting(by_ids(&["i-a", "i-b"]), &[("i-a", world.time_in(3000))]));
    world.run(secs(60));
    assert_eq!(phase(&world, "a").0, ExceptionPhase::InForce);
    let row = |world: &World| world.part("a").rows.iter().find(|row| *row.id == *"i-a").unwrap().reason;
    assert_eq!(row(&world), Reason::Excepted);
    world.release("i-a");
    // Who only looks has looked once, and knows nothing of the exception but what status says.
    let prospect = world.survey().instance(&i("i-a"));
    assert_eq!(prospect.objects[0].row.reason, Reason::Missing);
    let mut said = vec![Reason::Excepted];
    for _ in 0..600 {
        world.run(secs(1));
        said.push(row(&world));
    }
    said.dedup();
    assert_eq!(said, [Reason::Excepted, Reason::Missing, Reason::NotFound]);
}

#[test]
fn i14_whoever_empties_status_puts_nothing_off() {
    let mut world = fleet();
    except(&mut world, 400 * 24 * 3600);
    world.run(INTERVAL);
    let stands = world.store["a"].exceptions[&i("i-a")];
    world.run(secs(3000));
    world.store.get_mut("a").unwrap().exceptions.clear();
    world.store.get_mut("a").unwrap().version += 1;
    world.deliver("a");
    world.run(INTERVAL);
    assert_eq!(world.store["a"].exceptions[&i("i-a")], stands);
    assert_eq!(writes(&world).0, 1);
}

#[test]
fn i53_two_objects_that_both_except_it_let_it_go() {
    let mut world = fleet();
    let both = excepting(by_ids(&["i-a"]), &[("i-a", world.time_in(600))]);
    world.apply("b", both);
    except(&mut world, 1200);
    world.run(secs(300));
    assert!(!world.protected("i-a"));
    assert_eq!(world.says("b"), (Status::False, Reason::Excepted), "nothing else is selected");
    assert_eq!(tools(&world, "b"), CONTENT);
    world.run(secs(400));
    assert!(world.protected("i-a"), "the first one holds it again");
    assert_eq!(writes(&world), (1, 2));
}

#[test]
fn i53_it_is_void_without_the_right_and_in_mode_observe() {
    type Change = fn(&mut Intent<Instance>);
    let cases: [(&str, Change, Option<Reason>, bool); 2] = [
        ("no right", |intent| intent.may = Rights::default(), Some(Reason::NotGranted), true),
        ("it only observes", |intent| intent.observe = true, None, false),
    ];
    for (why, change, reason, stalled) in cases {
        let mut world = fleet();
        let mut intent = excepting(prod(), &[("i-a", world.time_in(900))]);
        change(&mut intent);
        world.apply("a", intent.clone());
        world.run(INTERVAL * 2);
        assert!(world.protected("i-a"), "{why}");
        assert_eq!(phase(&world, "a"), (ExceptionPhase::Void, reason), "{why}");
        assert_eq!(world.says("a"), (Status::True, Reason::AllProtected), "{why}");
        assert_eq!(tools(&world, "a")[0].0 == Status::True, stalled, "{why}");
        // As it is a hold, nobody else unprotects it either.
        world.apply("b", crate::world::disabled(by_ids(&["i-a"])));
        world.run(INTERVAL * 2);
        assert!(world.protected("i-a"), "{why}");
        world.delete("b");
        // What is in force is void from when the right is gone.
        world.apply("a", excepting(prod(), &[("i-a", world.time_in(3000))]));
        world.run(INTERVAL);
        assert!(!world.protected("i-a"), "{why}");
        let mut intent = world.store["a"].protection().unwrap().clone();
        change(&mut intent);
        intent.observe = false;
        intent.may = Rights::default();
        world.apply("a", intent);
        world.run(INTERVAL);
        assert!(world.protected("i-a"), "{why}");
    }
}

#[test]
fn i53_only_what_the_spec_selects_is_excepted() {
    for (why, selector) in [
        ("another one is selected", by_ids(&["i-b"])),
        ("it is excluded", Selector { exclude_ids: [i("i-a")].into(), ..prod() }),
    ] {
        let mut world = fleet();
        world.apply("b", Intent { observe: true, ..enabled(by_ids(&["i-c"])) });
        world.apply("a", excepting(selector, &[("i-a", world.time_in(900))]));
        world.run(INTERVAL * 2);
        assert!(world.protected("i-a"), "{why}");
        assert_eq!(phase(&world, "a"), (ExceptionPhase::NotSelected, None), "{why}");
        assert_eq!(tools(&world, "a"), CONTENT, "{why}");
        // When the spec comes to select it, it is.
        world.apply("a", excepting(prod(), &[("i-a", world.time_in(900))]));
        world.run(INTERVAL);
        assert!(!world.protected("i-a"), "{why}");
    }
}

#[test]
fn i53_a_target_that_comes_to_be_selected_later_is_excepted_then() {
    let mut world = fleet();
    world.tag("i-a", &[("env", "test")]);
    world.run(INTERVAL * 2);
    except(&mut world, 3000);
    world.run(INTERVAL * 2);
    assert_eq!(phase(&world, "a"), (ExceptionPhase::NotSelected, None));
    world.tag("i-a", &[("env", "prod")]);
    world.run(INTERVAL * 2);
    assert!(!world.protected("i-a"));
    assert_eq!(phase(&world, "a"), (ExceptionPhase::InForce, None));
}

#[test]
fn i12_what_somebody_protects_again_meanwhile_is_left_alone() {
    let mut world = fleet();
    let intent = except(&mut world, 3000);
    world.run(secs(60));
    world.flip("i-a", true);
    world.run(INTERVAL * 2);
    // Neither a restart nor an edit begins it anew.
    world.restart();
    world.run(INTERVAL * 2);
    world.apply("a", Intent { cancel_release_times: true, ..intent });
    world.run(INTERVAL * 2);
    assert!(world.protected("i-a"));
    assert_eq!(writes(&world).0, 1);
    // Another time is another entry.
    except(&mut world, 3000);
    world.run(INTERVAL);
    assert!(!world.protected("i-a"));
    assert_eq!(writes(&world).0, 2);
}

type Change = fn(&mut Intent<Instance>);

/// The right is withdrawn, or the object comes only to observe; and the spec selects the instance no more.
const VOIDING: [(&str, Change, ExceptionPhase); 4] = [
    ("no right", |intent| intent.may = Rights::default(), ExceptionPhase::Void),
    ("it only observes", |intent| intent.observe = true, ExceptionPhase::Void),
    ("not selected", |intent| intent.selector.exclude_ids = [i("i-a")].into(), ExceptionPhase::InForce),
    (
        "not selected, and no right",
        |intent| {
            intent.selector.exclude_ids = [i("i-a")].into();
            intent.may = Rights::default();
        },
        ExceptionPhase::NotSelected,
    ),
];

#[test]
fn i12_what_was_void_for_a_time_is_not_carried_out_again_whenever_it_restarts() {
    for (why, change, between) in VOIDING {
        // After which of the three steps.
        for restarts in 0..8 {
            let case = format!("{why}, restarts {restarts:03b}");
            let step = |world: &mut World, number: u32| {
                world.run(INTERVAL * 2);
                if restarts & (1 << number) != 0 {
                    world.restart();
                    world.run(INTERVAL * 2);
                }
            };
            let mut world = fleet();
            let intent = except(&mut world, 6000);
            step(&mut world, 0);
            assert!(!world.protected("i-a"), "{case}");
            let mut changed = intent.clone();
            change(&mut changed);
            let holds = !changed.observe && changed.selector.exclude_ids.is_empty();
            world.apply("a", changed);
            step(&mut world, 1);
            assert_eq!(phase(&world, "a").0, between, "{case}");
            assert_eq!(world.protected("i-a"), holds, "{case}");
            world.flip("i-a", true);
            world.apply("a", intent);
            step(&mut world, 2);
            assert_eq!(phase(&world, "a"), (ExceptionPhase::InForce, None), "{case}");
            assert!(world.protected("i-a"), "{case}: it was switched off once");
            assert_eq!(writes(&world).0, 1, "{case}");
            // Another time is another entry.
            except(&mut world, 9000);
            world.run(INTERVAL);
            assert_eq!((world.protected("i-a"), writes(&world).0), (false, 2), "{case}");
        }
    }
}

#[test]
fn i12_it_was_carried_out_also_if_it_is_void_before_status_says_so() {
    for restarts in [false, true] {
        let mut world = held_up(6000);
        let intent = world.store["a"].protection().unwrap().clone();
        world.refuse_status("a", true);
        world.cloud.mood.stale_view = false;
        world.run(INTERVAL);
        assert!(!world.protected("i-a"));
        world.apply("a", Intent { may: Rights::default(), ..intent.clone() });
        world.run(INTERVAL);
        world.refuse_status("a", false);
        world.run(INTERVAL);
        assert_eq!(phase(&world, "a"), (ExceptionPhase::Void, Some(Reason::NotGranted)));
        if restarts {
            world.restart();
        }
        world.apply("a", intent);
        world.run(INTERVAL * 2);
        assert!(world.protected("i-a"));
        assert_eq!((writes(&world).0, phase(&world, "a")), (1, (ExceptionPhase::InForce, None)));
    }
}

#[test]
fn i12_i53_whatever_crashes_while_it_is_void_it_is_not_carried_out_again() {
    let void = |fault: Option<(usize, Fault)>| {
        let mut world = fleet();
        let intent = except(&mut world, 6000);
        world.run(secs(60));
        assert_eq!(phase(&world, "a"), (ExceptionPhase::InForce, None));
        let before = world.actions;
        world.faults.extend(fault.map(|(number, fault)| (before + number, fault)));
        world.apply("a", Intent { may: Rights::default(), ..intent.clone() });
        world.run(secs(30));
        world.apply("a", intent);
        world.run(secs(600));
        (world.actions - before, writes(&world).0)
    };
    let (calm, _) = void(None);
    for number in 0..calm.min(40) {
        for fault in CALL_FAULTS.iter().chain(&[Fault::Crash, Fault::CrashTold]) {
            assert_eq!(void(Some((number, *fault))).1, 1, "{fault:?} at {number}");
        }
    }
}

#[test]
fn i14_whoever_writes_into_status_has_it_carried_out_no_second_time() {
    let mut world = fleet();
    let intent = except(&mut world, 6000);
    world.run(secs(60));
    world.apply("a", Intent { may: Rights::default(), ..intent.clone() });
    world.run(INTERVAL);
    world.forge_exception("a", "i-a", |record| record.carried_out = false);
    world.run(INTERVAL);
    assert!(world.store["a"].exceptions[&i("i-a")].carried_out, "it is put right");
    world.apply("a", intent);
    world.run(INTERVAL);
    assert_eq!(writes(&world).0, 1);
}

#[test]
fn i53_another_time_counts_at_once_and_without_the_flag_being_touched() {
    let mut world = fleet();
    except(&mut world, 600);
    world.run(secs(60));
    except(&mut world, 1200);
    world.run(secs(900));
    assert!(!world.protected("i-a"), "it is put off");
    assert_eq!(writes(&world), (1, 1));
    except(&mut world, 5);
    world.run(secs(30));
    assert!(world.protected("i-a"), "it is brought forward");
    assert_eq!(writes(&world), (1, 2));
}

#[test]
fn i53_without_the_entry_it_is_protected_at_once() {
    let mut world = fleet();
    except(&mut world, 6000);
    world.run(secs(60));
    world.apply("a", enabled(prod()));
    world.run(secs(5));
    assert!(world.protected("i-a"));
    assert_eq!(writes(&world), (1, 2));
    world.run(INTERVAL);
    assert!(world.store["a"].exceptions.is_empty());
}

#[test]
fn i53_an_entry_whose_time_is_over_is_harmless() {
    let mut world = fleet();
    except(&mut world, -10);
    world.run(INTERVAL * 2);
    assert_eq!(writes(&world), (0, 1));
    assert_eq!(phase(&world, "a"), (ExceptionPhase::Expired, None));
    assert_eq!(tools(&world, "a"), CONTENT);
}

#[test]
fn i53_it_ends_after_thirty_days_at_the_latest() {
    const DAY: i64 = 24 * 3600;
    let mut world = fleet();
    let ends = world.time_in(30 * DAY);
    except(&mut world, 400 * DAY);
    world.run(INTERVAL * 2);
    assert!(!world.protected("i-a"));
    let record = |world: &World| world.store["a"].exceptions[&i("i-a")];
    let stands = record(&world);
    assert!(stands.ends >= ends && stands.ends <= ends.after(secs(5)), "{stands:?}");
    world.restart();
    world.run(INTERVAL * 2);
    assert_eq!(record(&world), stands, "it is not put off");
    // Whoever writes into status can't put it off either.
    world.forge_exception("a", "i-a", |record| record.ends = record.until);
    world.run(INTERVAL * 2);
    assert!(record(&world).ends <= world.time_in(30 * DAY));
}

#[test]
fn i20_nothing_is_unprotected_before_its_end_is_durable() {
    let mut world = fleet();
    world.refuse_status("a", true);
    except(&mut world, 3000);
    world.run(INTERVAL * 2);
    assert_eq!(writes(&world), (0, 1));
    world.refuse_status("a", false);
    world.run(INTERVAL);
    assert_eq!(writes(&world), (1, 1));
}

#[test]
fn i35_a_clock_that_is_set_can_only_end_it_early() {
    for (why, ahead, after, protected) in [
        ("set back", -500, 650, true),
        ("set back, and its time is not over", -500, 500, false),
        ("set forward", 500, 150, true),
        ("set forward, and its time is not over", 500, 50, false),
    ] {
        let mut world = fleet();
        except(&mut world, 600);
        world.run(secs(20));
        assert!(!world.protected("i-a"), "{why}");
        world.set_clock(ahead);
        world.run(secs(after));
        assert_eq!(world.protected("i-a"), protected, "{why}");
        // What was over is so also when the clock is put right.
        world.set_clock(0);
        world.run(secs(20));
        world.restart();
        world.run(INTERVAL);
        assert!(world.protected("i-a") == protected || after == 500, "{why}");
        if protected {
            world.flip("i-a", false);
            world.run(INTERVAL * 2);
            assert!(world.protected("i-a"), "{why}: it is kept like all others");
        }
    }
}

#[test]
fn i50_what_is_released_under_an_exception_is_no_grave_loss() {
    let mut world = fleet();
    except(&mut world, 600);
    world.run(secs(60));
    world.release("i-a");
    world.release("i-b");
    world.run(INTERVAL * 4);
    let told: Vec<(&str, bool)> =
        world.store["a"].told.iter().map(|loss| (loss.id.as_ref(), loss.grave)).collect();
    assert_eq!(told, [("i-a", false), ("i-b", true)]);
    assert_eq!(world.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(phase(&world, "a"), (ExceptionPhase::InForce, None));
    world.run(secs(600));
    assert_eq!(phase(&world, "a"), (ExceptionPhase::Expired, None));
}

#[test]
fn i58_no_flag_of_an_excepted_instance_is_kept() {
    let mut world = fleet();
    let intent = excepting(prod(), &[("i-a", world.time_in(600))]);
    world.apply("a", Intent { cancel_release_times: true, ..intent });
    world.run(secs(60));
    for name in ["i-a", "i-b"] {
        world.set_release_time(name, Some("2030-01-01T00:00Z"));
    }
    world.run(secs(200));
    let cancelled: Vec<&str> = world.cancelled.iter().map(|(_, id, _)| id.as_str()).collect();
    assert_eq!(cancelled, ["i-b"]);
    assert_eq!(tools(&world, "a"), CONTENT);
    world.run(secs(400));
    assert_eq!(world.cancelled.len(), 2, "and it is kept again when the time is over");
}

#[test]
fn i25_i53_at_its_end_protecting_does_not_wait_for_what_unprotecting_was_refused() {
    let mut world = fleet();
    world.cloud.mood.writes_fail = Some(Class::Permission);
    except(&mut world, 120);
    world.run(secs(60));
    assert_eq!(phase(&world, "a"), (ExceptionPhase::Waiting, Some(Reason::PermissionDenied)));
    world.cloud.mood.writes_fail = None;
    world.flip("i-a", false);
    world.run(secs(70));
    assert!(world.protected("i-a"), "not ten minutes after the refusal");
    assert_eq!(writes(&world), (0, 2));
}

#[test]
fn i09_an_object_that_cannot_be_read_stands_against_it() {
    let mut world = fleet();
    world.apply("b", enabled(by_ids(&["i-c"])));
    world.run(secs(10));
    world.corrupt("b");
    except(&mut world, 6000);
    world.run(INTERVAL * 2);
    assert!(world.protected("i-a"));
    assert_eq!(phase(&world, "a"), (ExceptionPhase::Waiting, Some(Reason::OpaqueRival)));
    assert_eq!(tools(&world, "a")[0], (Status::True, Reason::OpaqueRival));
}

/// The object a has an exception that is durable, and the API server's answer keeps the flag from being switched off yet.
fn held_up(seconds: i64) -> World {
    let mut world = fleet();
    world.cloud.mood.stale_view = true;
    except(&mut world, seconds);
    world.run(secs(60));
    assert_eq!((writes(&world).0, phase(&world, "a").0), (0, ExceptionPhase::Waiting));
    world
}

#[test]
fn i12_what_another_leader_carried_out_is_not_done_again_by_who_has_not_heard_of_it() {
    let mut world = held_up(6000);
    let aside = world.step_aside();
    world.cloud.mood.stale_view = false;
    world.run(INTERVAL);
    assert!(!world.protected("i-a"));
    world.flip("i-a", true);
    world.watch_lag = secs(3000);
    world.come_back(aside);
    world.run(INTERVAL * 3);
    assert!(world.protected("i-a"));
    assert_eq!(writes(&world).0, 1);
}

/// It is carried out and status does not say so, when this happens to the object; then it is as before.
fn is_done_once(why: &str, happen: impl FnOnce(&mut World)) {
    let mut world = held_up(6000);
    let intent = world.store["a"].protection().unwrap().clone();
    world.refuse_status("a", true);
    world.cloud.mood.stale_view = false;
    world.run(INTERVAL);
    assert!(!world.protected("i-a"), "{why}");
    happen(&mut world);
    world.run(INTERVAL);
    world.flip("i-a", true);
    world.refuse_status("a", false);
    world.apply("a", intent);
    world.run(INTERVAL * 2);
    assert!(world.protected("i-a"), "{why}");
    assert_eq!((writes(&world).0, phase(&world, "a")), (1, (ExceptionPhase::InForce, None)), "{why}");
    // Another time is another entry.
    except(&mut world, 9000);
    world.run(INTERVAL);
    assert_eq!((world.protected("i-a"), writes(&world).0), (false, 2), "{why}");
}

#[test]
fn i12_it_was_carried_out_also_if_the_object_is_away_before_status_says_so() {
    is_done_once("it can't be read", |world| world.corrupt("a"));
    is_done_once("it asks nothing here", |world| world.withdraw("a"));
    is_done_once("both", |world| {
        world.corrupt("a");
        world.run(secs(10));
        world.withdraw("a");
    });
}

#[test]
fn i12_it_was_carried_out_also_if_status_is_made_to_say_otherwise_while_the_object_is_away() {
    let mut world = fleet();
    let intent = except(&mut world, 6000);
    world.run(secs(60));
    assert!(!world.protected("i-a"));
    world.corrupt("a");
    world.run(secs(10));
    world.flip("i-a", true);
    world.forge_exception("a", "i-a", |record| {
        (record.carried_out, record.phase) = (false, ExceptionPhase::Waiting);
    });
    world.apply("a", intent);
    world.run(INTERVAL * 3);
    assert!(world.protected("i-a"));
    assert_eq!((writes(&world).0, phase(&world, "a")), (1, (ExceptionPhase::InForce, None)));
}

#[test]
fn i12_it_is_done_once_though_status_can_not_say_so() {
    let mut world = held_up(6000);
    world.refuse_status("a", true);
    world.cloud.mood.stale_view = false;
    world.run(INTERVAL);
    assert!(!world.protected("i-a"));
    world.flip("i-a", true);
    world.run(INTERVAL * 3);
    // An edit of anything else begins it anew no more.
    let intent = world.store["a"].protection().unwrap().clone();
    world.apply("a", Intent { cancel_release_times: true, ..intent });
    world.run(INTERVAL * 3);
    assert!(world.protected("i-a"));
    assert_eq!(writes(&world).0, 1);
}

#[test]
fn i20_the_end_of_another_entry_is_not_that_of_this_one() {
    let mut world = held_up(600);
    world.refuse_status("a", true);
    except(&mut world, 6000);
    world.cloud.mood.stale_view = false;
    world.run(INTERVAL * 2);
    assert_eq!(writes(&world).0, 0);
    world.refuse_status("a", false);
    world.run(INTERVAL);
    assert_eq!(writes(&world).0, 1);
}
