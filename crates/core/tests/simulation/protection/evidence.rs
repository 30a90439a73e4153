//! What the evidence log is told of: each change of a flag once, with who did it as far as that can be known.

use keeper_core::auto_release_time::AutoReleaseTime;
use keeper_core::deletion_protection::DeletionProtection;
use keeper_core::engine::Settings;
use keeper_core::exception::Exception;
use keeper_core::failure::Class;
use keeper_core::flag::Flag;
use keeper_core::id::Generation;
use keeper_core::intent::{DeletionPolicy, Intent, Rights, ScaleIn};
use keeper_core::lift::Removal;
use keeper_core::on_behalf::WriteReason;
use keeper_core::protected_from_scale_in::ProtectedFromScaleIn;
use keeper_core::transition::{FlagState, Transition};

use crate::world::{
    CALL_FAULTS, Fault, INTERVAL, World, behind_nodes, by_ids, by_tag, disabled, enabled, i, payg, secs,
    settings,
};
use FlagState::{Gone, Protected, Unprotected, Unreadable};

const FLAG: &str = DeletionProtection::NAME;

/// From, to, and on whose behalf: object, generation and reason of a write of ours.
type Line<'a> = (Option<FlagState>, Option<FlagState>, Option<(&'a str, Generation, WriteReason)>);

fn lines(told: &[Transition]) -> Vec<Line<'_>> {
    told.iter()
        .map(|it| {
            let write = it.write.as_ref().map(|write| &write.on_behalf);
            let write = write.map(|behalf| (behalf.object.name(), behalf.generation, behalf.reason));
            (it.from, it.to, write)
        })
        .collect()
}

fn ours(from: FlagState, to: FlagState, generation: Generation, reason: WriteReason) -> Line<'static> {
    (Some(from), Some(to), Some(("a", generation, reason)))
}

fn somebodys(from: FlagState, to: FlagState) -> Line<'static> {
    (Some(from), Some(to), None)
}

/// The object a keeps three instances protected.
fn fleet() -> World {
    let mut world = World::new();
    for name in ["i-a", "i-b", "i-c"] {
        world.machine(name, &[("env", "prod")]);
    }
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    world
}

#[test]
fn i50_each_change_of_a_flag_is_told_once_and_for_whom_we_made_it() {
    let mut world = fleet();
    let told = world.told_of_flag(FLAG, "i-a");
    assert_eq!(lines(&told), [ours(Unprotected, Protected, 1, WriteReason::Correcting)]);
    let request = told[0].write.as_ref().unwrap().request_id.as_ref().unwrap();
    assert!(request.as_str().starts_with("W-"), "{told:?}");

    world.flip("i-a", false);
    world.run(INTERVAL * 2);
    let told = world.told_of_flag(FLAG, "i-a");
    assert_eq!(
        lines(&told),
        [somebodys(Protected, Unprotected), ours(Unprotected, Protected, 1, WriteReason::Repairing)]
    );
    assert!(told[0].last_seen.as_ref().unwrap().request_id.is_some());
    // Somebody puts it right first.
    world.flip("i-b", false);
    world.cloud.mood.writes_fail = Some(Class::Transient);
    world.run(INTERVAL);
    world.flip("i-b", true);
    world.run(INTERVAL * 2);
    world.cloud.mood.writes_fail = None;
    let told = world.told_of_flag(FLAG, "i-b");
    assert_eq!(lines(&told), [somebodys(Protected, Unprotected), somebodys(Unprotected, Protected)]);

    world.run(INTERVAL * 10);
    assert_eq!(world.take_told(), [], "nothing has changed");
}

#[test]
fn i50_whoever_has_a_flag_switched_off_is_named_with_the_reason() {
    let mut world = fleet();
    world.told_of_flag(FLAG, "i-a");
    world.apply("a", disabled(by_tag("env", "prod")));
    world.run(INTERVAL * 2);
    let told = world.told_of_flag(FLAG, "i-a");
    assert_eq!(lines(&told), [ours(Protected, Unprotected, 2, WriteReason::Unprotecting)]);

    let mut world = fleet();
    let policy = DeletionPolicy::Unprotect;
    world.apply("a", Intent { deletion_policy: policy, ..enabled(by_tag("env", "prod")) });
    world.run(INTERVAL);
    world.told_of_flag(FLAG, "i-a");
    world.delete("a");
    world.run(INTERVAL * 2);
    let told = world.told_of_flag(FLAG, "i-a");
    let [line, end] = &lines(&told)[..] else { panic!("{told:?}") };
    assert!(
        matches!(line, (Some(Protected), Some(Unprotected), Some(("a", _, WriteReason::Deleting)))),
        "{told:?}"
    );
    assert_eq!(*end, (Some(Unprotected), None, None), "nobody selects it any more");

    let mut world = fleet();
    world.told_of_flag(FLAG, "i-a");
    let until = world.time_in(300);
    let exceptions = [(i("i-a"), Exception { until, reason: "to be replaced".into() })].into();
    world.apply("a", Intent { exceptions, ..enabled(by_tag("env", "prod")) });
    world.run(secs(600));
    let told = world.told_of_flag(FLAG, "i-a");
    assert_eq!(
        lines(&told),
        [
            ours(Protected, Unprotected, 2, WriteReason::Excepted),
            ours(Unprotected, Protected, 2, WriteReason::Correcting)
        ]
    );

    let mut world = World::new();
    world.machine("i-a", &[("karpenter.sh/nodepool", "default")]);
    world.machine("i-b", &[("karpenter.sh/nodepool", "default")]);
    world.apply("a", Intent { lift: true, ..enabled(behind_nodes(&["i-a", "i-b"])) });
    world.run(INTERVAL * 2);
    world.told_of_flag(FLAG, "i-a");
    world.karpenter("a", "i-a", Some(Removal::Due));
    world.run(INTERVAL);
    let told = world.told_of_flag(FLAG, "i-a");
    let [line] = &lines(&told)[..] else { panic!("{told:?}") };
    assert!(
        matches!(line, (Some(Protected), Some(Unprotected), Some(("a", _, WriteReason::Lifted)))),
        "{told:?}"
    );
}

#[test]
fn i50_what_vanishes_and_what_comes_back_is_told() {
    let mut world = fleet();
    world.apply("b", enabled(by_ids(&["i-a"])));
    world.run(INTERVAL);
    world.told_of_flag(FLAG, "i-a");
    let machine = world.cloud.machines[&i("i-a")].clone();
    world.release("i-a");
    world.run(INTERVAL * 3);
    let told = world.told_of_flag(FLAG, "i-a");
    assert_eq!(lines(&told), [somebodys(Protected, Gone)], "{told:?}");
    world.cloud.machines.insert(i("i-a"), machine);
    world.run(INTERVAL * 4);
    let told = world.told_of_flag(FLAG, "i-a");
    assert_eq!(lines(&told), [somebodys(Gone, Protected)], "{told:?}");
    // By tag alone it is known to nobody once it is gone.
    let machine = world.cloud.machines[&i("i-b")].clone();
    world.release("i-b");
    world.run(INTERVAL * 3);
    world.cloud.machines.insert(i("i-b"), machine);
    world.run(INTERVAL * 4);
    let told = world.told_of_flag(FLAG, "i-b");
    assert_eq!(lines(&told), [somebodys(Protected, Gone), (None, Some(Protected), None)], "{told:?}");
}

#[test]
fn i50_a_flag_that_can_not_be_read_is_neither_on_nor_off() {
    let mut world = fleet();
    world.told_of_flag(FLAG, "i-a");
    world.alter("i-a", |machine| machine.facts.deletion_protection = None);
    world.run(INTERVAL * 2);
    world.flip("i-a", true);
    world.run(INTERVAL * 2);
    let told = world.told_of_flag(FLAG, "i-a");
    assert_eq!(lines(&told), [somebodys(Protected, Unreadable), somebodys(Unreadable, Protected)]);
}

#[test]
fn i38_i50_a_start_and_a_change_of_leader_tell_nothing_again() {
    let mut world = fleet();
    world.flip("i-c", false);
    world.run(INTERVAL * 2);
    world.take_told();
    for _ in 0..3 {
        world.restart();
        world.run(INTERVAL * 2);
        world.relist();
        world.lead(false);
        world.run(secs(20));
        world.lead(true);
        world.run(INTERVAL * 2);
    }
    assert_eq!(world.take_told(), []);
    // What changes while nobody leads is seen by nobody; what was so is not guessed.
    world.lead(false);
    world.flip("i-a", false);
    world.run(secs(20));
    world.lead(true);
    world.run(INTERVAL * 2);
    let told = world.told_of_flag(FLAG, "i-a");
    assert_eq!(lines(&told), [ours(Unprotected, Protected, 1, WriteReason::Repairing)]);
    // Nor does another replica tell what this one has told.
    let aside = world.step_aside();
    world.run(INTERVAL * 2);
    world.flip("i-b", false);
    world.run(INTERVAL * 2);
    assert_eq!(world.told_of_flag(FLAG, "i-b").len(), 2);
    world.come_back(aside);
    world.run(INTERVAL * 2);
    assert_eq!(world.take_told(), []);
}

#[test]
fn i36_i50_the_first_sweep_tells_nothing_and_what_is_new_after_that_is_told() {
    let mut world = World::new();
    world.cloud.page_size = 7;
    for n in 0..100 {
        world.instance(&format!("i-{n:03}"), payg(true, &[("env", "prod")]));
    }
    world.apply("a", enabled(by_tag("env", "prod")));
    world.run(INTERVAL * 3);
    assert_eq!(world.take_told(), [], "a hundred targets at a start");
    world.instance("i-new", payg(true, &[("env", "prod")]));
    world.instance("i-other", payg(true, &[("env", "test")]));
    world.run(INTERVAL * 2);
    let told = world.take_told();
    let new: Vec<_> = told.iter().map(|it| (&*it.id, it.flag, it.from, it.to)).collect();
    let release_time = AutoReleaseTime::NAME;
    assert_eq!(new, [("i-new", FLAG, None, Some(Protected)), ("i-new", release_time, None, Some(Protected))]);
    // It loses the tag that selects it, and nobody looks at it any more.
    world.tag("i-new", &[]);
    world.run(INTERVAL * 2);
    let told = world.told_of_flag(FLAG, "i-new");
    assert_eq!(lines(&told), [(Some(Protected), None, None)]);
    assert!(told[0].last_seen.as_ref().unwrap().request_id.is_some() && told[0].seen.request_id.is_none());
    world.flip("i-new", false);
    world.run(INTERVAL * 2);
    assert_eq!(world.take_told(), []);
}

#[test]
fn i50_the_other_flags_of_instances_are_told_of_by_their_names() {
    let mut world = World::new();
    for name in ["i-a", "i-b"] {
        world.instance(name, payg(true, &[("env", "prod")]));
        world.join_group(name, "asg-1");
    }
    let spec = || Intent {
        cancel_release_times: true,
        scale_in: ScaleIn::Protect,
        ..enabled(by_tag("env", "prod"))
    };
    world.apply("a", spec());
    world.run(INTERVAL * 3);
    let told = world.told_of_flag(ProtectedFromScaleIn::NAME, "i-a");
    assert_eq!(lines(&told), [ours(Unprotected, Protected, 1, WriteReason::Correcting)]);
    world.set_release_time("i-a", Some("2030-01-01T00:00Z"));
    world.run(INTERVAL * 3);
    let told = world.told_of_flag(AutoReleaseTime::NAME, "i-a");
    assert_eq!(
        lines(&told),
        [somebodys(Protected, Unprotected), ours(Unprotected, Protected, 1, WriteReason::Repairing)]
    );
    world.apply("a", Intent { scale_in: ScaleIn::Unprotect, may: Rights::ALL, ..spec() });
    world.run(INTERVAL * 3);
    let told = world.told_of_flag(ProtectedFromScaleIn::NAME, "i-b");
    let written = told.last().unwrap().write.as_ref().unwrap();
    assert_eq!(written.on_behalf.reason, WriteReason::Unprotecting);
    assert!(written.request_id.as_ref().unwrap().as_str().starts_with("M-"), "{told:?}");
}

#[test]
fn i15_i50_whatever_becomes_of_an_answer_a_change_is_one_line_and_ours_are_ours() {
    let run = |fault: Option<(usize, Fault)>| {
        let mut world = World::new();
        world.cloud.page_size = 1;
        world.instance("i-a", payg(true, &[("env", "prod")]));
        world.instance("i-b", payg(true, &[("env", "prod")]));
        world.faults.extend(fault);
        world.apply("a", enabled(by_tag("env", "prod")));
        world.run(INTERVAL * 2);
        let begun = world.actions;
        world.flip("i-a", false);
        world.run(INTERVAL * 6);
        let told = world.told_of_flag(FLAG, "i-a");
        (world.actions, begun, told)
    };
    let repaired =
        [somebodys(Protected, Unprotected), ours(Unprotected, Protected, 1, WriteReason::Repairing)];
    let (all, begun, told) = run(None);
    assert_eq!(lines(&told), repaired);
    for k in begun..all {
        for fault in CALL_FAULTS {
            let (.., told) = run(Some((k, fault)));
            assert_eq!(lines(&told), repaired, "{fault:?} at {k}");
        }
    }
}

#[test]
fn i50_a_line_waits_for_the_answer_to_the_write_that_it_tells_of() {
    let run = |fault: Option<usize>| {
        let mut world = World::with(Settings { sweep_interval: secs(10), ..settings() });
        world.machine("i-a", &[("env", "prod")]);
        world.apply("a", enabled(by_tag("env", "prod")));
        world.run(secs(45));
        world.take_told();
        world.flip("i-a", false);
        // The next sweeps show the effect of the repair before it is answered.
        world.faults.extend(fault.map(|write| (write, Fault::Delay(secs(25)))));
        world.run(secs(60));
        world
    };
    let write = run(None).log.iter().rposition(|what| what == "write i-a true").unwrap();
    let mut world = run(Some(write));
    assert_eq!(
        world.log.iter().filter(|what| *what == "write i-a true").count(),
        2,
        "the first one, and the repair"
    );
    let told = world.told_of_flag(FLAG, "i-a");
    assert_eq!(
        lines(&told),
        [somebodys(Protected, Unprotected), ours(Unprotected, Protected, 1, WriteReason::Repairing)]
    );
    let request = told[1].write.as_ref().unwrap().request_id.as_ref();
    assert!(request.is_some_and(|id| id.as_str().starts_with("W-")), "{told:?}");
}

#[test]
fn i50_a_write_whose_effect_was_seen_explains_nothing_that_comes_later() {
    let mut world = fleet();
    world.flip("i-a", false);
    world.run(INTERVAL * 2);
    world.apply("a", Intent { observe: true, ..enabled(by_tag("env", "prod")) });
    world.run(INTERVAL);
    world.take_told();
    for protected in [false, true] {
        world.flip("i-a", protected);
        world.run(INTERVAL * 2);
    }
    let told = world.told_of_flag(FLAG, "i-a");
    assert_eq!(lines(&told), [somebodys(Protected, Unprotected), somebodys(Unprotected, Protected)]);
}
