//! Random schedules: objects, machines and faults by the dice, each from a seed that is printed and can be replayed.

use std::time::Duration;

use keeper_core::budget::Limit;
use keeper_core::call::Identity;
use keeper_core::engine::Settings;
use keeper_core::failure::Class;
use keeper_core::instance::{ChargeType, Instance};
use keeper_core::wish::{DeletionPolicy, Selector, Wish};

use crate::seeds;
use crate::world::{
    Dice, Fault, INTERVAL, Mood, Refused, World, behind_nodes, by_ids, by_tag, disabled, enabled, payg, secs,
    settings,
};

/// One schedule: a few objects and machines, things that happen, a finite number of faults, and then peace.
fn schedule(seed: u64) {
    let mut dice = Dice::new(seed);
    // In one schedule of three, objects select whatever there is.
    let greedy = seed.is_multiple_of(3);
    let scarce = Limit { per_minute: 60, burst: 20 };
    let mut world = match dice.below(3) {
        0 => World::with(Settings { reads: scarce, writes: scarce, ..settings() }),
        _ => World::new(),
    };
    world.page_size = *dice.pick(&[1, 3, 100]);
    let machines: Vec<String> = (0..2 + dice.below(6)).map(|n| format!("i-{n}")).collect();
    for name in &machines {
        let mut facts = payg(dice.below(2) == 0, tags(&mut dice));
        facts.spot = Some(dice.below(8) == 0);
        if dice.below(10) == 0 {
            facts.charge_type = Some(ChargeType::PrePaid);
        }
        world.machine(name, facts);
    }
    for _ in 0..dice.below(6) {
        let fault = *dice.pick(&[
            Fault::LoseReply,
            Fault::LoseCall,
            Fault::Delay(secs(3)),
            Fault::Delay(secs(90)),
            Fault::Double,
            Fault::FailAfter,
            Fault::Fail(Class::Transient),
            Fault::Fail(Class::Throttled),
            Fault::Fail(Class::Permission),
            Fault::Crash,
            Fault::Crash,
        ]);
        world.faults.insert(dice.below(60), fault);
    }
    let objects = ["a", "b", "c"];
    for _ in 0..4 + dice.below(10) {
        happen(&mut dice, &mut world, &machines, &objects, greedy);
        world.run(secs(u64::try_from(dice.below(40)).unwrap()));
        world.check_all();
    }
    // Peace: what can't be read is mended, what was hidden shows, and no fault is left.
    world.mood = Mood::default();
    for name in &machines {
        world.hide(name, false);
    }
    world.faults = world.faults.split_off(&usize::MAX);
    for name in objects {
        if world.store.get(name).is_some_and(|s| !s.decodable) {
            world.apply(name, enabled(by_tag("env", "prod")));
        }
    }
    world.relist();
    // The longest wait is the ten minutes after a refusal, and a look after it.
    world.run(INTERVAL * 30);
    if let Err(why) = world.converged() {
        panic!(
            "I24: {why}; {:?} {:?} {:?}",
            world.now,
            &world.reads[world.reads.len().saturating_sub(12)..],
            world.store
        );
    }
    let (writes, effects, reads) = (world.arrived.len(), world.effects, world.reads.len());
    world.run(INTERVAL * 10);
    assert_eq!(world.arrived.len(), writes, "I18: a write at rest");
    assert_eq!(world.effects - effects, world.reads.len() - reads, "I37: a report or a question at rest");
    assert!(!world.store.values().any(|s| s.wish.deleting.is_some()), "I10: a deletion hangs");
}

fn tags(dice: &mut Dice) -> &'static [(&'static str, &'static str)] {
    let sets: [&'static [(&str, &str)]; 4] = [
        &[("env", "prod")],
        &[("env", "test")],
        &[("env", "prod"), ("keep", "off")],
        &[("team", "x"), ("env", "prod")],
    ];
    sets[dice.below(sets.len())]
}

fn selector(dice: &mut Dice, machines: &[String], greedy: bool) -> Selector<Instance> {
    let (one, two) = (dice.pick(machines).clone(), dice.pick(machines).clone());
    let mut selector = match dice.below(5) {
        0 | 1 => by_tag("env", "prod"),
        2 => by_tag("team", "x"),
        3 => behind_nodes(&[&one, &two]),
        _ => by_ids(&[&one, &two]),
    };
    if greedy && dice.below(2) == 0 {
        selector = Selector { all: true, ..if dice.below(2) == 0 { selector } else { Selector::default() } };
    }
    if dice.below(5) == 0 {
        selector.exclude_tags = by_tag("keep", "off").tags;
    }
    if dice.below(8) == 0 {
        selector.exclude_ids = by_ids(&[dice.pick(machines).as_str()]).ids;
    }
    selector
}

fn wish(dice: &mut Dice, machines: &[String], greedy: bool) -> Wish<Instance> {
    let selector = selector(dice, machines, greedy);
    let mut wish = if dice.below(3) == 0 { disabled(selector) } else { enabled(selector) };
    wish.observe = dice.below(6) == 0;
    if dice.below(3) == 0 {
        wish.deletion_policy = DeletionPolicy::Weaken;
    }
    wish
}

fn mood(dice: &mut Dice) -> Mood {
    let mut one_in = |n| dice.below(n) == 0;
    Mood {
        identity: Identity(u64::from(one_in(5))),
        restless: one_in(8),
        blind: one_in(6),
        stale_view: one_in(4),
        ignore_writes: one_in(10),
        unreadable: one_in(12),
        skips: one_in(6),
        odd_tags: one_in(12),
        ignores_ids: one_in(16),
        circles: one_in(20),
        poison: false,
        quota: None,
        late: secs(u64::try_from(dice.below(3)).unwrap() * 4),
        writes_fail: *dice.pick(&[
            None,
            None,
            None,
            None,
            Some(Class::Transient),
            Some(Class::Permission),
            Some(Class::NotApplicable),
            Some(Class::Gone),
        ]),
        reads_fail: *dice.pick(&[None, None, None, Some(Class::Transient)]),
        refuses: *dice.pick(&[None, None, None, None, Some(Refused::Filter), Some(Refused::Token)]),
    }
}

fn happen(dice: &mut Dice, world: &mut World, machines: &[String], objects: &[&str], greedy: bool) {
    let object = *dice.pick(objects);
    let machine = dice.pick(machines).clone();
    let terminating = world.store.get(object).is_some_and(|s| s.wish.deleting.is_some());
    match dice.below(17) {
        0..=4 if !terminating => {
            let wish = wish(dice, machines, greedy);
            world.apply(object, wish);
        }
        // A terminating object's spec may be edited, to let it go.
        0..=4 => {
            let mut wish = world.store[object].wish.clone();
            wish.deletion_policy = *dice.pick(&[DeletionPolicy::Keep, DeletionPolicy::Weaken]);
            wish.protect = dice.below(2) == 0;
            world.apply(object, wish);
        }
        5 => world.delete(object),
        6 => {
            let safe = dice.below(2) == 0;
            world.flip(&machine, safe);
        }
        7 => world.restart(),
        8 if !terminating => world.corrupt(object),
        9 => world.deliver(object),
        10 => world.tag(&machine, tags(dice)),
        11 => world.mood = mood(dice),
        12 => {
            // It is told of the loss, or only its lease ends.
            if dice.below(2) == 0 {
                world.lead(false);
            } else {
                world.lease(secs(1), Duration::ZERO);
            }
            world.run(secs(u64::try_from(dice.below(40)).unwrap()));
            world.lead(true);
        }
        13 => {
            let ids = [machine.as_str(), dice.pick(machines).as_str()];
            let few = dice.below(3);
            if world.store.get(object).is_some_and(|s| !s.wish.selector.node_ids.is_empty()) {
                world.nodes(object, &ids[..few]);
            }
        }
        14 => {
            let to = *dice.pick(&[ChargeType::PostPaid, ChargeType::PrePaid]);
            world.recharge(&machine, to);
        }
        15 => {
            let hidden = dice.below(2) == 0;
            world.hide(&machine, hidden);
        }
        16 => {
            // The watch breaks and lists anew, a few times in a row.
            for _ in 0..dice.below(4) {
                world.relist();
            }
        }
        _ => {}
    }
}

#[test]
fn i24_any_finite_trouble_ends_in_the_wished_state_and_then_in_silence() {
    seeds::run(1000, schedule);
}

#[test]
fn i26_i27_protection_reaches_the_same_end_whatever_single_effect_fails() {
    let run = |faults: &[(usize, Fault)]| {
        let mut world = World::new();
        for name in ["i-a", "i-b", "i-c"] {
            world.machine(name, payg(false, &[("env", "prod")]));
        }
        world.faults.extend(faults.iter().copied());
        world.apply("a", enabled(by_tag("env", "prod")));
        world.run(INTERVAL * 3);
        world.check_all();
        world
    };
    let calm = run(&[]);
    let all = [Fault::Crash, Fault::LoseReply, Fault::LoseCall, Fault::Double, Fault::Delay(secs(5))];
    for k in 0..calm.effects {
        for fault in all {
            let world = run(&[(k, fault)]);
            assert_eq!(world.says("a"), calm.says("a"), "{fault:?} at {k}");
            assert_eq!(world.part("a").rows, calm.part("a").rows, "{fault:?} at {k}");
            for machine in ["i-a", "i-b", "i-c"] {
                assert_eq!(world.writes_to(machine), 1, "{fault:?} at {k}: {machine}");
            }
        }
        for l in k + 1..calm.effects + 4 {
            let world = run(&[(k, Fault::Crash), (l, Fault::Crash)]);
            assert_eq!(world.says("a"), calm.says("a"), "crash at {k} and {l}");
        }
    }
}
