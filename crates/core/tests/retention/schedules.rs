//! Random schedules: objects of both kinds, machines, interfaces, people and faults by the dice, each from a seed that is
//! printed and can be replayed.

use keeper_core::budget::Limit;
use keeper_core::call::TagFilter;
use keeper_core::engine::Settings;
use keeper_core::failure::Class;
use keeper_core::instance::Instance;
use keeper_core::interface::{Interface, InterfaceType};
use keeper_core::owners::Power;
use keeper_core::retention::{AttachPhase, Types};
use keeper_core::wish::{DeletionPolicy, Selector, Wish};

use crate::attaching::to;
use crate::cloud::{Card, Mood, eni, filter, i, tags};
use crate::keeping::granted;
use crate::oracles::instances;
use crate::seeds;
use crate::world::{Dice, Fault, INTERVAL, World, secs, settings};

const OBJECTS: [&str; 3] = ["a", "b", "c"];

/// What there is to choose from.
struct Names {
    machines: Vec<String>,
    cards: Vec<String>,
}

/// One schedule: a few objects and machines, things that happen, a finite number of faults, and then peace.
fn schedule(seed: u64) {
    let mut dice = Dice::new(seed);
    let scarce = Limit { per_minute: 60, burst: 20 };
    let mut world = match dice.below(3) {
        0 => World::with(Settings { reads: scarce, writes: scarce, ..settings() }),
        _ => World::new(),
    };
    world.cloud.page_size = *dice.pick(&[1, 3, 100]);
    world.watch_lag = secs(u64::try_from(dice.below(3)).unwrap());
    let names = furnish(&mut dice, &mut world);
    // Half of them are about attaching: something has outlived its instance already.
    let attaching = dice.one_in(2);
    if attaching {
        bereave(&mut dice, &mut world, &names);
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
        world.faults.insert(world.effects + dice.below(80), fault);
    }
    for _ in 0..4 + dice.below(12) {
        if attaching && dice.one_in(3) {
            wish_to_attach(&mut dice, &mut world, &names);
        } else {
            happen(&mut dice, &mut world, &names);
        }
        world.run(secs(u64::try_from(dice.below(50)).unwrap()));
    }
    peace(&mut world, &names);
    // The longest wait is the ten minutes after a refusal, and a look after it.
    world.run(INTERVAL * 30);
    if let Err(why) = world.converged() {
        panic!("I24: {why}; {:?} {:#?} {:?}", world.now, world.store, world.cloud);
    }
    let (writes, attached) = (world.arrived.len(), world.attached.len());
    let (effects, reads) = (world.effects, world.reads);
    world.run(INTERVAL * 10);
    assert_eq!((world.arrived.len(), world.attached.len()), (writes, attached), "I18: a write at rest");
    assert_eq!(
        world.effects - effects,
        world.reads - reads,
        "I37: a report or a question at rest {:?}",
        world.log.iter().rev().filter(|what| !what.starts_with("read")).take(6).collect::<Vec<_>>()
    );
    assert!(!world.store.values().any(|s| s.spec.terminating()), "I10: a deletion hangs");
}

fn furnish(dice: &mut Dice, world: &mut World) -> Names {
    let letters = &["a", "b", "c", "d"][..2 + dice.below(3)];
    let mut names = Names { machines: Vec::new(), cards: Vec::new() };
    for letter in letters {
        world.server(letter, machine_tags(dice));
        names.machines.push(format!("i-{letter}"));
        names.cards.extend([format!("eni-{letter}0"), format!("eni-{letter}1")]);
        let zone = if dice.one_in(6) { "z-2" } else { "z-1" };
        world.alter(&format!("i-{letter}"), |machine| machine.zone = zone);
    }
    for n in 0..dice.below(3) {
        let name = format!("eni-free{n}");
        world.card(&name, None, InterfaceType::Secondary);
        names.cards.push(name);
    }
    for name in names.cards.clone() {
        let (pairs, safe) = (card_tags(dice), dice.one_in(2));
        let (odd, which) = (dice.one_in(10), dice.below(4));
        world.change(&name, |card| {
            card.facts.tags = Some(tags(pairs));
            card.facts.delete_on_release = Some(!safe);
            match which {
                0 if odd => card.facts.primary_retainable = false,
                1 if odd => card.facts.service_managed = Some(true),
                2 if odd => card.facts.interface_type = Some(InterfaceType::Trunk),
                3 if odd => card.refuses = Some(Class::NotApplicable),
                _ => {}
            }
        });
    }
    // Something that nobody touches: with an identity that sees nothing, nothing is ever concluded.
    world.server("witness", &[]);
    names
}

/// What can't be read is mended, what was hidden shows, no fault is left, and nobody wants to attach anything for which
/// only a person can do something.
fn peace(world: &mut World, names: &Names) {
    world.cloud.mood = Mood::default();
    for name in &names.cards {
        world.change(name, |card| {
            (card.hidden, card.skipped, card.unlisted) = (false, false, false);
            // It would be tried again every ten minutes.
            card.refuses = None;
        });
    }
    for name in &names.machines {
        world.alter(name, |machine| (machine.hidden, machine.quota) = (false, 50));
    }
    world.faults.clear();
    for name in OBJECTS {
        if world.store.get(name).is_some_and(|s| !s.decodable) {
            world.apply(
                name,
                Wish::<Interface>::of(Selector { tags: vec![filter("keep", "on")], ..Selector::default() }),
            );
        }
    }
    if !world.leads {
        world.lead(true);
    }
    world.relist();
    world.run(INTERVAL * 3);
    for name in OBJECTS {
        let Some(stored) = world.store.get(name) else { continue };
        let Some(wish) = stored.retention().filter(|wish| !wish.reattach.is_empty()) else { continue };
        let refused = stored.record.attachments.iter().any(|row| row.phase == AttachPhase::Refused);
        if refused {
            // It would be tried again for ever.
            world.apply(name, Wish { reattach: Vec::new(), ..wish.clone() });
        }
    }
}

fn machine_tags(dice: &mut Dice) -> &'static [(&'static str, &'static str)] {
    let sets: [&'static [(&str, &str)]; 4] = [
        &[("env", "prod")],
        &[("env", "test")],
        &[("env", "prod"), ("stage", "old")],
        &[("env", "prod"), ("ack.aliyun.com", "c")],
    ];
    sets[dice.below(sets.len())]
}

fn card_tags(dice: &mut Dice) -> &'static [(&'static str, &'static str)] {
    let sets: [&'static [(&str, &str)]; 6] = [
        &[],
        &[("keep", "on")],
        &[("keep", "off")],
        &[("keep", "on"), ("team", "x")],
        &[("creator", "terway")],
        &[("terway.alibabacloud.com/excluded", "true")],
    ];
    sets[dice.below(sets.len())]
}

fn owners(dice: &mut Dice, names: &Names) -> Selector<Instance> {
    let some = [dice.pick(&names.machines).as_str(), dice.pick(&names.machines).as_str()];
    let mut owners = match dice.below(3) {
        0 => Selector { tags: vec![filter("env", "prod")], ..Selector::default() },
        1 => Selector { ids: instances(&some), ..Selector::default() },
        _ => Selector { node_ids: instances(&some), ..Selector::default() },
    };
    if dice.one_in(5) {
        owners.exclude_tags = vec![filter("stage", "old")];
    }
    if dice.one_in(8) {
        owners.exclude_ids = instances(&[dice.pick(&names.machines).as_str()]);
    }
    owners
}

fn wish(dice: &mut Dice, names: &Names) -> Wish<Interface> {
    let mut selector: Selector<Interface> = Selector::default();
    let mut through = None;
    match dice.below(5) {
        0 => {
            selector.ids =
                [eni(dice.pick(&names.cards).as_str()), eni(dice.pick(&names.cards).as_str())].into();
        }
        1 => selector.tags = vec![filter("keep", "on")],
        2 => selector.tags = vec![TagFilter { key: "team".into(), value: None }],
        _ => through = Some(Box::new(owners(dice, names))),
    }
    if through.is_some() && dice.one_in(4) {
        selector.ids = [eni(dice.pick(&names.cards).as_str())].into();
    }
    if dice.one_in(6) {
        selector.exclude_tags = vec![filter("keep", "off")];
    }
    if dice.one_in(8) {
        selector.exclude_ids = [eni(dice.pick(&names.cards).as_str())].into();
    }
    Wish {
        owners: through,
        types: *dice.pick(&[
            Types::default(),
            Types::default(),
            Types { primary: true, secondary: false },
            Types { primary: false, secondary: true },
        ]),
        protect: !dice.one_in(4),
        observe: dice.one_in(8),
        deletion_policy: *dice.pick(&[DeletionPolicy::Keep, DeletionPolicy::Keep, DeletionPolicy::Weaken]),
        ..granted(selector)
    }
}

/// Objects that retain, and instances that go.
fn bereave(dice: &mut Dice, world: &mut World, names: &Names) {
    let all: Vec<&str> = names.cards.iter().map(String::as_str).collect();
    let ids = all.iter().map(|name| eni(name)).collect();
    let by_id: Wish<Interface> = granted(Selector { ids, ..Selector::default() });
    let through = Wish { owners: Some(Box::new(owners(dice, names))), ..granted(Selector::default()) };
    world.apply("a", if dice.one_in(2) { by_id.clone() } else { through });
    if dice.one_in(2) {
        world.apply("b", by_id);
    }
    world.run(secs(40));
    world.release(&names.machines[0]);
    world.run(secs(u64::try_from(dice.below(200)).unwrap()));
}

/// Only what is to be attached changes, most often to something that is free.
fn wish_to_attach(dice: &mut Dice, world: &mut World, names: &Names) {
    let object = *dice.pick(&OBJECTS);
    let old = world.store.get(object).filter(|s| s.decodable && !s.spec.terminating());
    let Some(old) = old.and_then(|s| s.retention().cloned()) else { return };
    let free: Vec<String> = names
        .cards
        .iter()
        .filter(|name| world.cloud.cards.get(&eni(name)).is_some_and(Card::free))
        .cloned()
        .collect();
    let mut reattach = std::collections::BTreeMap::new();
    for _ in 0..dice.below(3) {
        let from = if free.is_empty() || dice.one_in(5) { &names.cards } else { &free };
        let (card, machine) = (dice.pick(from).clone(), dice.pick(&names.machines).clone());
        reattach.insert(card.clone(), to(&card, &machine));
    }
    world.apply(object, Wish { reattach: reattach.into_values().collect(), ..old });
}

fn mood(dice: &mut Dice) -> Mood {
    Mood {
        blind: dice.one_in(6),
        stale_view: dice.one_in(4),
        denies: dice.one_in(4),
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
        reads_fail: *dice.pick(&[None, None, None, None, Some(Class::Transient)]),
        attach_late: secs(*dice.pick(&[0, 0, 0, 5, 20])),
        attach_takes: secs(*dice.pick(&[1, 3, 3, 40, 200])),
        attach_fails: dice.one_in(5),
        attach_refused: *dice.pick(&[
            None,
            None,
            None,
            Some((Class::Locked, "EniPerInstanceLimitExceeded")),
            Some((Class::Busy, "InvalidOperation.InvalidEcsState")),
            Some((Class::Transient, "ServiceUnavailable")),
        ]),
        attach_resets: dice.one_in(4),
    }
}

fn happen(dice: &mut Dice, world: &mut World, names: &Names) {
    let object = *dice.pick(&OBJECTS);
    let card = dice.pick(&names.cards).clone();
    let machine = dice.pick(&names.machines).clone();
    let terminating = world.store.get(object).is_some_and(|s| s.spec.terminating());
    match dice.below(26) {
        0..=5 if !terminating => {
            let wish = wish(dice, names);
            world.apply(object, wish);
        }
        // A terminating object's spec may be edited, to let it go.
        0..=5 => {
            if let Some(wish) = world.store[object].retention().cloned() {
                let deletion_policy = *dice.pick(&[DeletionPolicy::Keep, DeletionPolicy::Weaken]);
                world.apply(object, Wish { deletion_policy, ..wish });
            }
        }
        6 | 7 => wish_to_attach(dice, world, names),
        8 => world.delete(object),
        9 => {
            let safe = dice.one_in(2);
            world.flip(&card, safe);
        }
        10 => world.restart(),
        11 if !terminating => world.corrupt(object),
        12 => world.deliver(object),
        13 => {
            let pairs = card_tags(dice);
            world.change(&card, |card| card.facts.tags = Some(tags(pairs)));
        }
        14 => {
            let pairs = machine_tags(dice);
            world.alter(&machine, |machine| machine.facts.tags = Some(tags(pairs)));
        }
        15 => world.cloud.mood = mood(dice),
        16 => {
            world.lead(false);
            world.run(secs(u64::try_from(dice.below(40)).unwrap()));
            world.lead(true);
        }
        17 => {
            let ids = [machine.as_str(), dice.pick(&names.machines).as_str()];
            let few = dice.below(3);
            let by_node = world.store.get(object).and_then(|s| s.retention()?.owners.as_ref());
            if by_node.is_some_and(|owners| !owners.node_ids.is_empty()) {
                world.nodes(object, &ids[..few]);
            }
        }
        18 => {
            let hidden = dice.one_in(2);
            world.hide(&card, hidden);
        }
        19 => {
            let which = dice.below(3);
            world.change(&card, |card| match which {
                0 => card.skipped = !card.skipped,
                1 => card.unlisted = !card.unlisted,
                _ => (card.skipped, card.unlisted) = (false, false),
            });
        }
        20 => world.release(&machine),
        21 => world.detach(&card),
        22 => world.attach_by_hand(&card, &machine),
        23 => world.discard(&card),
        24 => {
            let power = *dice.pick(&[Power::Running, Power::Stopped, Power::Between]);
            let hidden = dice.one_in(3);
            let quota = 1 + dice.below(5);
            world.alter(&machine, |machine| {
                (machine.power, machine.hidden, machine.quota) = (power, hidden, quota);
            });
        }
        // A released machine's name never comes back; a new one may come.
        25 if !world.cloud.machines.contains_key(&i("i-late")) => {
            let pairs = machine_tags(dice);
            world.machine("i-late", pairs);
            world.card("eni-late0", Some("i-late"), InterfaceType::Primary);
        }
        _ => {}
    }
}

#[test]
fn i24_any_finite_trouble_ends_in_the_wished_state_and_then_in_silence() {
    seeds::run(400, schedule);
}
