//! Random schedules: objects of both kinds, machines, interfaces, people and faults by the dice, each from a seed that is
//! printed and can be replayed.

use std::collections::BTreeMap;
use std::time::Duration;

use keeper_core::budget::Limit;
use keeper_core::call::Identity;
use keeper_core::engine::Settings;
use keeper_core::exception::Exception;
use keeper_core::failure::Class;
use keeper_core::id::{InstanceId, TagFilter};
use keeper_core::instance::{ChargeType, Instance};
use keeper_core::intent::{DeletionPolicy, Intent, ScaleIn, Selector};
use keeper_core::interface::{Interface, InterfaceType};
use keeper_core::lift::Removal;
use keeper_core::reason::Reason;
use keeper_core::resource::Types;
use keeper_core::retention::AttachPhase;
use keeper_core::scaling_member::LifecycleState;
use keeper_core::surroundings::Power;

use crate::retention::attaching::to;
use crate::seeds;
use crate::world::{
    Card, Dice, Fault, INTERVAL, Mood, Refused, Spec, World, behind_nodes, by_ids, by_tag, disabled, enabled,
    eni, filter, granted, i, instances, payg, secs, settings, tags,
};

const OBJECTS: [&str; 3] = ["a", "b", "c"];
const GROUPS: [&str; 2] = ["asg-1", "asg-2"];
/// The states of members, those that are written more often.
const STATES: [LifecycleState; 8] = [
    LifecycleState::InService,
    LifecycleState::InService,
    LifecycleState::InService,
    LifecycleState::Protected,
    LifecycleState::Protected,
    LifecycleState::Pending,
    LifecycleState::Standby,
    LifecycleState::Removing,
];

/// What there is to choose from.
#[allow(
    clippy::struct_excessive_bools,
    reason = "each makes the story another one, and any of them may come together"
)]
struct Cast {
    machines: Vec<String>,
    cards: Vec<String>,
    /// Which objects retain interfaces; the others protect instances.
    retaining: Vec<&'static str>,
    /// Objects select whatever there is.
    greedy: bool,
    /// The cloud misbehaves in every way that there is.
    odd: bool,
    /// Some instances are members of scaling groups.
    scaling: bool,
    /// It is about attaching: something has outlived its instance already.
    attaching: bool,
    /// It is about stepping aside: this object excepts a machine already, and another one is about to be released by Karpenter.
    aside: Option<&'static str>,
    /// What Karpenter is about to release it never does.
    hanging: bool,
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
    let retaining = match dice.below(4) {
        0 => Vec::new(),
        1 => OBJECTS.to_vec(),
        _ => OBJECTS.into_iter().filter(|_| dice.one_in(2)).collect(),
    };
    let cast = furnish(&mut dice, &mut world, retaining);
    if cast.attaching {
        bereave(&mut dice, &mut world, &cast);
    }
    if let Some(object) = cast.aside {
        except(&mut dice, &mut world, object, &cast);
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
            Fault::CrashTold,
        ]);
        world.faults.insert(world.actions + dice.below(80), fault);
    }
    for _ in 0..4 + dice.below(12) {
        if cast.attaching && dice.one_in(3) {
            intent_to_attach(&mut dice, &mut world, &cast);
        } else if let Some(object) = cast.aside.filter(|_| !dice.one_in(3)) {
            unsettle(&mut dice, &mut world, object, &cast);
        } else {
            happen(&mut dice, &mut world, &cast);
        }
        world.run(secs(u64::try_from(dice.below(50)).unwrap()));
    }
    peace(&mut world, &cast);
    // The longest wait is the ten minutes after a refusal, and a look after it; what is lifted in vain waits for as long again as
    // that may take, and a quarter of an hour.
    world.run(INTERVAL * if cast.hanging { 60 } else { 30 });
    if let Err(why) = world.converged() {
        panic!("I24: {why}; {:?} {:#?} {:?}", world.now, world.store, world.cloud);
    }
    if let Err(why) = world.evidence_agrees() {
        panic!("{why}; {:?}", world.now);
    }
    let contested = |world: &World| {
        let parts = world.store.values().filter_map(|stored| stored.status.as_ref());
        parts.into_iter().any(|(_, part, _)| part.counts.risks.contains_key(&Reason::Contested))
    };
    if contested(&world) {
        // For an hour it is told that somebody keeps setting a flag, and then that nobody does any more.
        world.run(secs(3600));
    }
    let written = |world: &World| {
        (world.arrived.len(), world.cancelled.len(), world.scale_in_calls.len(), world.attached.len())
    };
    let writes = written(&world);
    let (actions, reads) = (world.actions, world.reads.len());
    world.run(INTERVAL * 10);
    assert_eq!(written(&world), writes, "I18: a write at rest");
    assert_eq!(
        world.actions - actions,
        world.reads.len() - reads,
        "I37: a report or a question at rest {:?}",
        world.log.iter().rev().filter(|what| !what.starts_with("read")).take(6).collect::<Vec<_>>()
    );
    assert!(!world.store.values().any(|s| s.spec.terminating()), "I10: a deletion hangs");
    foresee(&mut dice, &mut world, &cast);
}

/// Who only looks says what status says, and knows what will be done when flags are switched off and specs are edited. It knows as
/// much as an operator that has just started.
fn foresee(dice: &mut Dice, world: &mut World, cast: &Cast) {
    let said = |world: &World| -> Vec<_> {
        let told = world.store.iter().filter_map(|(name, stored)| Some((name, stored.status.as_ref()?)));
        told.map(|(name, (_, part, set))| {
            let conditions = [&set.domain, &set.stalled, &set.reconciling, &set.ready, &set.at_risk];
            let exceptions: Vec<_> =
                part.exceptions.iter().map(|entry| (entry.phase, entry.reason)).collect();
            (name.clone(), conditions.map(|condition| (condition.status, condition.reason)), exceptions)
        })
        .collect()
    };
    let before = said(world);
    world.restart();
    world.run(INTERVAL * 10);
    assert_eq!(said(world), before, "what was said is what is said anew");
    world.check_survey();
    assert_eq!(world.foreseen(), [].into(), "I59: a write at rest {:#?}", world.store);
    for name in OBJECTS {
        let Some(stored) = world.store.get(name).filter(|_| dice.one_in(3)) else { continue };
        match stored.spec.clone() {
            Spec::Protection(intent) => world.apply(name, disabled(intent.selector)),
            Spec::Retention(intent) => world.apply(name, Intent { protect: !intent.protect, ..intent }),
        }
    }
    for name in cast.machines.iter().chain(&cast.cards).filter(|_| dice.one_in(2)) {
        world.flip(name, false);
        world.set_release_time(name, Some("2029-01-01T00:00Z"));
        world.change_member(name, |member| {
            if member.state == LifecycleState::Protected {
                member.state = LifecycleState::InService;
            }
        });
    }
    let (foreseen, then) = (world.foreseen(), world.now);
    world.run(INTERVAL * 10);
    assert_eq!(world.written_since(then), foreseen, "I59: {:#?} {:?}", world.store, world.cloud);
}

fn furnish(dice: &mut Dice, world: &mut World, retaining: Vec<&'static str>) -> Cast {
    let letters =
        &["a", "b", "c", "d", "e", "f", "g"][..2 + dice.below(if retaining.is_empty() { 6 } else { 3 })];
    let mut cast = Cast {
        machines: Vec::new(),
        cards: Vec::new(),
        greedy: dice.one_in(3),
        odd: dice.one_in(2),
        scaling: dice.one_in(2),
        attaching: !retaining.is_empty() && dice.one_in(2),
        aside: OBJECTS.into_iter().find(|object| !retaining.contains(object)).filter(|_| dice.one_in(3)),
        hanging: dice.one_in(3),
        retaining,
    };
    for letter in letters {
        let name = format!("i-{letter}");
        let mut facts = payg(dice.one_in(2), machine_tags(dice));
        facts.spot = Some(dice.one_in(8));
        if dice.one_in(10) {
            facts.charge_type = Some(ChargeType::PrePaid);
        }
        if dice.one_in(4) {
            facts.auto_release = Some(Some("2029-01-01T00:00Z".into()));
        }
        let zone = if dice.one_in(6) { "z-2" } else { "z-1" };
        world.instance(&name, facts).zone = zone;
        if cast.scaling && !dice.one_in(4) {
            world.join_group(&name, GROUPS[dice.below(2)]);
            let state = *dice.pick(&STATES);
            world.change_member(&name, |member| member.state = state);
        }
        if !cast.retaining.is_empty() {
            for (n, of) in [InterfaceType::Primary, InterfaceType::Secondary].into_iter().enumerate() {
                let card = format!("eni-{letter}{n}");
                world.card(&card, Some(&name), of);
                cast.cards.push(card);
            }
        }
        cast.machines.push(name);
    }
    if !cast.retaining.is_empty() {
        for n in 0..dice.below(3) {
            let name = format!("eni-free{n}");
            world.card(&name, None, InterfaceType::Secondary);
            cast.cards.push(name);
        }
    }
    for name in cast.cards.clone() {
        let (pairs, protected) = (card_tags(dice), dice.one_in(2));
        let (odd, which) = (dice.one_in(10), dice.below(4));
        world.change(&name, |card| {
            card.facts.tags = Some(tags(pairs));
            card.facts.delete_on_release = Some(!protected);
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
    world.join_group("i-witness", "asg-witness");
    cast
}

fn check_protected_soon(world: &World) {
    if let Err(why) = world.protected_soon() {
        panic!("I25: {why}; {:?} {:#?} {:?}", world.now, world.store, world.refused);
    }
}

/// What can't be read is mended, what was hidden shows, no fault is left, and nobody wants to attach anything for which
/// only a person can do something.
fn peace(world: &mut World, cast: &Cast) {
    world.cloud.mood = Mood::default();
    for name in &cast.cards {
        world.change(name, |card| {
            (card.hidden, card.skipped, card.unlisted) = (false, false, false);
            // It would be tried again every ten minutes.
            card.refuses = None;
        });
    }
    for name in &cast.machines {
        world.alter(name, |machine| (machine.hidden, machine.quota) = (false, 50));
        world.change_member(name, |member| (member.hidden, member.refuses) = (false, false));
    }
    world.faults.clear();
    for name in OBJECTS {
        if world.store.contains_key(name) {
            world.refuse_status(name, false);
        }
        if world.store.get(name).is_some_and(|s| !s.decodable) {
            if cast.retaining.contains(&name) {
                world.apply(
                    name,
                    granted(Selector { tags: vec![filter("keep", "on")], ..Selector::default() }),
                );
            } else {
                world.apply(name, enabled(by_tag("env", "prod")));
            }
        }
    }
    for name in OBJECTS {
        // What was to go is gone by now, or stays.
        let removals =
            world.store.get(name).map(|stored| stored.removals.keys().cloned().collect::<Vec<_>>());
        for id in removals.into_iter().flatten() {
            let removal = world.store[name].removals[&id].0;
            if !(cast.hanging && removal == Removal::Due) {
                world.karpenter(name, id.as_str(), None);
            }
        }
    }
    world.lead(true);
    world.relist();
    world.run(INTERVAL * 3);
    check_protected_soon(world);
    for name in OBJECTS {
        let Some(stored) = world.store.get(name) else { continue };
        let Some(intent) = stored.retention().filter(|intent| !intent.reattach.is_empty()) else { continue };
        let refused = stored.record.attachments.iter().any(|row| row.phase == AttachPhase::Refused);
        if refused {
            // It would be tried again for ever.
            world.apply(name, Intent { reattach: Vec::new(), ..intent.clone() });
        }
    }
}

fn machine_tags(dice: &mut Dice) -> &'static [(&'static str, &'static str)] {
    let sets: [&'static [(&str, &str)]; 7] = [
        &[("env", "prod")],
        &[("env", "prod"), ("karpenter.sh/nodepool", "default")],
        &[("team", "x"), ("karpenter.sh/nodepool", "default")],
        &[("env", "test")],
        &[("env", "prod"), ("keep", "off")],
        &[("team", "x"), ("env", "prod")],
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

fn hosts(dice: &mut Dice, cast: &Cast) -> Selector<Instance> {
    let some = [dice.pick(&cast.machines).as_str(), dice.pick(&cast.machines).as_str()];
    let mut selector = match dice.below(5) {
        0 | 1 => by_tag("env", "prod"),
        2 => by_tag("team", "x"),
        3 => behind_nodes(&some),
        _ => by_ids(&some),
    };
    if dice.one_in(5) {
        selector.exclude_tags = vec![filter("keep", "off")];
    }
    if dice.one_in(8) {
        selector.exclude_ids = instances(&[dice.pick(&cast.machines).as_str()]);
    }
    selector
}

/// Some instances, or all of them.
fn hosts_or_all(dice: &mut Dice, cast: &Cast) -> Selector<Instance> {
    let selector = hosts(dice, cast);
    if cast.greedy && dice.one_in(2) {
        let narrower = if dice.one_in(2) { selector } else { Selector::default() };
        return Selector { all: true, ..narrower };
    }
    selector
}

fn protecting(dice: &mut Dice, cast: &Cast) -> Intent<Instance> {
    let selector = hosts_or_all(dice, cast);
    let intent = if dice.one_in(3) { disabled(selector) } else { enabled(selector) };
    Intent {
        observe: dice.one_in(6),
        cancel_release_times: dice.one_in(2),
        scale_in: *dice.pick(&[ScaleIn::Report, ScaleIn::Protect, ScaleIn::Protect, ScaleIn::Unprotect]),
        deletion_policy: *dice.pick(&[DeletionPolicy::Keep, DeletionPolicy::Keep, DeletionPolicy::Unprotect]),
        ..intent
    }
}

/// Leaves some of the machines unprotected for a time, as before or anew, and steps aside for Karpenter.
fn excepting(dice: &mut Dice, world: &World, object: &str, mut intent: Intent<Instance>) -> Intent<Instance> {
    if !intent.protect || dice.one_in(2) {
        return intent;
    }
    intent.lift = dice.one_in(2);
    if let Some(before) = world.store.get(object).and_then(|stored| stored.protection()) {
        intent.exceptions.clone_from(&before.exceptions);
    }
    let machines: Vec<InstanceId> = world.cloud.machines.keys().cloned().collect();
    for _ in 0..dice.below(3) {
        let until = world.time_in(*dice.pick(&[-30, 15, 60, 200, 4_000_000]));
        let exception = Exception { until, reason: "to be replaced".into() };
        intent.exceptions.insert(dice.pick(&machines).clone(), exception);
    }
    intent.may.unprotect = !dice.one_in(6);
    intent
}

fn retaining(dice: &mut Dice, cast: &Cast) -> Intent<Interface> {
    let mut selector: Selector<Interface> = Selector::default();
    let mut through = None;
    match dice.below(5) {
        0 => {
            let some = [eni(dice.pick(&cast.cards).as_str()), eni(dice.pick(&cast.cards).as_str())];
            selector.ids = some.into();
        }
        1 => selector.tags = vec![filter("keep", "on")],
        2 => selector.tags = vec![TagFilter { key: "team".into(), value: None }],
        _ => through = Some(Box::new(hosts_or_all(dice, cast))),
    }
    // What has a tag of its own, unless the instance that it is on excludes it.
    if !selector.tags.is_empty() && dice.one_in(3) {
        through = Some(Box::new(hosts_or_all(dice, cast)));
    }
    if through.is_some() && dice.one_in(4) {
        selector.ids = [eni(dice.pick(&cast.cards).as_str())].into();
    }
    if dice.one_in(6) {
        selector.exclude_tags = vec![filter("keep", "off")];
    }
    if dice.one_in(8) {
        selector.exclude_ids = [eni(dice.pick(&cast.cards).as_str())].into();
    }
    Intent {
        hosts: through,
        types: *dice.pick(&[
            Types::default(),
            Types::default(),
            Types { primary: true, secondary: false },
            Types { primary: false, secondary: true },
        ]),
        protect: !dice.one_in(4),
        observe: dice.one_in(8),
        forget_after: *dice.pick(&[None, None, Some(secs(60)), Some(secs(300))]),
        deletion_policy: *dice.pick(&[DeletionPolicy::Keep, DeletionPolicy::Keep, DeletionPolicy::Unprotect]),
        ..granted(selector)
    }
}

/// Objects that retain, and instances that go.
fn bereave(dice: &mut Dice, world: &mut World, cast: &Cast) {
    let all: Vec<&str> = cast.cards.iter().map(String::as_str).collect();
    let by_id: Intent<Interface> =
        granted(Selector { ids: all.iter().map(|name| eni(name)).collect(), ..Selector::default() });
    let forget_after = *dice.pick(&[None, Some(secs(60))]);
    let hosts = Some(Box::new(hosts_or_all(dice, cast)));
    let through = Intent { hosts, forget_after, ..granted(Selector::default()) };
    world.apply(cast.retaining[0], if dice.one_in(2) { by_id.clone() } else { through });
    if let Some(second) = cast.retaining.get(1).filter(|_| dice.one_in(2)) {
        world.apply(second, by_id);
    }
    world.run(secs(40));
    world.release(&cast.machines[0]);
    world.run(secs(u64::try_from(dice.below(200)).unwrap()));
}

/// An object that excepts the first machine, and that steps aside for the second one, which Karpenter is about to release.
fn except(dice: &mut Dice, world: &mut World, object: &str, cast: &Cast) {
    for name in &cast.machines[..2] {
        let facts = payg(true, &[("env", "prod"), ("karpenter.sh/nodepool", "default")]);
        world.instance(name, facts);
    }
    let until = world.time_in(*dice.pick(&[60, 200, 4_000_000, 4_000_000]));
    let exception = Exception { until, reason: "to be replaced".into() };
    let exceptions = [(i(&cast.machines[0]), exception)].into();
    let lift = dice.one_in(2);
    let selector = Selector { node_ids: instances(&[&cast.machines[1]]), ..by_tag("env", "prod") };
    world.apply(object, Intent { exceptions, lift, ..enabled(selector) });
    let refused = dice.one_in(4);
    if refused {
        world.cloud.mood.writes_fail = Some(*dice.pick(&[Class::Permission, Class::Transient]));
    }
    if lift {
        world.karpenter(object, &cast.machines[1], Some(Removal::Due));
    }
    world.run(secs(u64::try_from(dice.below(60)).unwrap()));
    world.cloud.mood.writes_fail = None;
    if refused && dice.one_in(2) {
        // Somebody else does what ecs-keeper may not.
        world.flip(&cast.machines[dice.below(2)], false);
        world.run(secs(240));
        check_protected_soon(world);
    }
}

/// Something happens that has an object step aside no more, or again, or that forgets that it has.
fn unsettle(dice: &mut Dice, world: &mut World, object: &'static str, cast: &Cast) {
    let machine = cast.machines[dice.below(2)].clone();
    match dice.below(10) {
        0..=2 => change_rights(dice, world, object),
        3 | 4 => world.restart(),
        5 => lose_the_lead(dice, world, cast),
        6 => karpenter(dice, world, (object, false), &machine),
        7 if world.store.contains_key(object) => {
            let refuse = dice.one_in(2);
            world.refuse_status(object, refuse);
        }
        8 if world.store.get(object).is_some_and(|stored| stored.decodable) => {
            world.withdraw(object);
            world.run(secs(u64::try_from(dice.below(40)).unwrap()));
            world.deliver(object);
        }
        _ => {
            let protected = dice.one_in(2);
            world.flip(&machine, protected);
        }
    }
    // What Karpenter does not release is protected again after a quarter of an hour.
    if dice.one_in(6) {
        // What the cloud calls not applicable for as long is taken for that.
        world.cloud.mood.writes_fail.take_if(|class| *class == Class::NotApplicable);
        world.run(secs(960));
    }
}

/// Only what is to be attached changes, most often to something that is free.
fn intent_to_attach(dice: &mut Dice, world: &mut World, cast: &Cast) {
    let object = *dice.pick(&OBJECTS);
    let old = world.store.get(object).filter(|s| s.decodable && !s.spec.terminating());
    let Some(old) = old.and_then(|s| s.retention().cloned()) else { return };
    let free: Vec<String> = cast
        .cards
        .iter()
        .filter(|name| world.cloud.cards.get(&eni(name)).is_some_and(Card::free))
        .cloned()
        .collect();
    let mut reattach = BTreeMap::new();
    for _ in 0..dice.below(3) {
        let from = if free.is_empty() || dice.one_in(5) { &cast.cards } else { &free };
        let (card, machine) = (dice.pick(from).clone(), dice.pick(&cast.machines).clone());
        reattach.insert(card.clone(), to(&card, &machine));
    }
    world.apply(object, Intent { reattach: reattach.into_values().collect(), ..old });
}

fn mood(dice: &mut Dice, odd: bool) -> Mood {
    let calm = Mood {
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
        ..Mood::default()
    };
    if !odd {
        return calm;
    }
    Mood {
        identity: Identity(u64::from(dice.one_in(5))),
        restless: dice.one_in(8),
        ignore_writes: dice.one_in(10),
        unreadable: dice.one_in(12),
        skips: dice.one_in(6),
        odd_tags: dice.one_in(12),
        ignores_ids: dice.one_in(16),
        circles: dice.one_in(20),
        token_life: dice.one_in(12).then_some(secs(5)),
        refuses: *dice.pick(&[None, None, None, None, Some(Refused::Filter), Some(Refused::Token)]),
        ..calm
    }
}

/// A little of what may happen, while another replica leads.
fn happen_meanwhile(dice: &mut Dice, world: &mut World, cast: &Cast) {
    let object = *dice.pick(&OBJECTS);
    let retains = cast.retaining.contains(&object);
    let machine = dice.pick(&cast.machines).clone();
    let name = if cast.cards.is_empty() || dice.one_in(2) { &machine } else { dice.pick(&cast.cards) };
    match dice.below(6) {
        0 | 1 if !world.store.get(object).is_some_and(|s| s.spec.terminating()) => {
            let spec: Spec =
                if retains { retaining(dice, cast).into() } else { protecting(dice, cast).into() };
            world.apply(object, spec);
        }
        2 => {
            let hidden = dice.one_in(2);
            world.hide(name, hidden);
        }
        3 => world.release(&machine),
        4 => world.delete(object),
        _ => {
            let protected = dice.one_in(2);
            world.flip(name, protected);
        }
    }
}

/// The lead is lost: another one leads meanwhile, or nobody does. This one is told of the loss, or only its lease ends.
fn lose_the_lead(dice: &mut Dice, world: &mut World, cast: &Cast) {
    let span = secs(u64::try_from(dice.below(40)).unwrap());
    match dice.below(3) {
        0 => {
            let mut aside = world.step_aside();
            for _ in 0..dice.below(4) {
                world.run(span);
                happen_meanwhile(dice, world, cast);
                world.inform(&mut aside);
            }
            world.run(span);
            if dice.one_in(2) {
                world.come_back_informed(aside);
            } else {
                // Its watch lags behind, but not for ever.
                world.come_back(aside);
                world.run(secs(3));
                world.relist();
            }
        }
        led => {
            if led == 1 {
                world.lead(false);
            } else {
                world.lease(secs(1), Duration::ZERO);
            }
            world.run(span);
            world.lead(true);
        }
    }
}

/// Another spec of the object.
fn anew(dice: &mut Dice, world: &World, (object, retains): (&str, bool), cast: &Cast) -> Spec {
    if retains {
        return retaining(dice, cast).into();
    }
    let intent = protecting(dice, cast);
    excepting(dice, world, object, intent).into()
}

/// The right to unprotect is withdrawn or given back, or the mode changes, and the rest of the spec stays.
fn change_rights(dice: &mut Dice, world: &mut World, object: &str) {
    let stored = world.store.get(object).filter(|stored| stored.decodable);
    let Some(mut intent) = stored.and_then(|stored| stored.protection()).cloned() else { return };
    if dice.one_in(2) {
        intent.observe = !intent.observe;
    } else {
        intent.may.unprotect = !intent.may.unprotect;
    }
    world.apply(object, intent);
}

/// Karpenter goes on with the removal of a machine, or it comes to nothing.
fn karpenter(dice: &mut Dice, world: &mut World, (object, retains): (&str, bool), machine: &str) {
    let due = Some(Removal::Due);
    let unknown = Some(Removal::Unknown);
    let rest = [Removal::Going, Removal::Withdrawn, Removal::Pending].map(Some);
    let removal = *dice.pick(&[&[due, due, None, unknown, unknown], &rest[..]].concat());
    let Some(stored) = world.store.get(object).filter(|_| !retains) else { return };
    let before = stored.removals.get(&i(machine)).map(|(removal, _)| *removal);
    world.karpenter(object, machine, removal);
    if removal == unknown && dice.one_in(2) {
        // The NodeClaims are listed again soon, and say what they said.
        if dice.one_in(2) {
            world.restart();
        }
        world.run(secs(u64::try_from(dice.below(90)).unwrap()));
        if world.store.contains_key(object) {
            world.karpenter(object, machine, before);
        }
    }
}

/// Somebody sets the automatic release time of a machine, or takes it away.
fn set_release_time(dice: &mut Dice, world: &mut World, machine: &str) {
    let time = ["2030-01-01T00:00Z", "2031-01-01T00:00Z"][dice.below(2)];
    let set = !dice.one_in(4);
    world.set_release_time(machine, set.then_some(time));
}

/// What happens to the membership of an instance.
fn scale(dice: &mut Dice, world: &mut World, machine: &str) {
    match dice.below(8) {
        0 | 1 => {
            let protected = dice.one_in(2);
            world.cloud.set_member(&i(machine), protected);
        }
        2 => {
            let state = *dice.pick(&STATES);
            world.change_member(machine, |member| member.state = state);
        }
        3 if world.cloud.machines.contains_key(&i(machine)) => {
            world.join_group(machine, GROUPS[dice.below(2)]);
        }
        4 => world.leave_group(machine),
        5 => {
            let hidden = dice.one_in(2);
            world.change_member(machine, |member| member.hidden = hidden);
        }
        6 => {
            let refuses = dice.one_in(2);
            world.change_member(machine, |member| member.refuses = refuses);
        }
        _ => world.scale_in(GROUPS[dice.below(2)]),
    }
}

fn happen(dice: &mut Dice, world: &mut World, cast: &Cast) {
    let object = *dice.pick(&OBJECTS);
    let retains = cast.retaining.contains(&object);
    let machine = dice.pick(&cast.machines).clone();
    let card = if cast.cards.is_empty() { String::new() } else { dice.pick(&cast.cards).clone() };
    let terminating = world.store.get(object).is_some_and(|s| s.spec.terminating());
    // What is about interfaces comes last.
    if cast.scaling && dice.one_in(4) {
        return scale(dice, world, &machine);
    }
    match dice.below(if cast.cards.is_empty() { 22 } else { 33 }) {
        0..=5 if !terminating => {
            let spec = anew(dice, world, (object, retains), cast);
            world.apply(object, spec);
        }
        // A terminating object's spec may be edited, to let it go.
        0..=5 => {
            let mut spec = world.store[object].spec.clone();
            spec.set_deletion_policy(*dice.pick(&[DeletionPolicy::Keep, DeletionPolicy::Unprotect]));
            if let Spec::Protection(intent) = &mut spec {
                intent.protect = dice.one_in(2);
            }
            world.apply(object, spec);
        }
        6 => world.delete(object),
        7 | 8 => {
            let protected = dice.one_in(2);
            world.flip(&machine, protected);
        }
        9 => world.restart(),
        10 if !terminating => world.corrupt(object),
        11 => world.deliver(object),
        12 => world.tag(&machine, machine_tags(dice)),
        13 => world.cloud.mood = mood(dice, cast.odd),
        14 => lose_the_lead(dice, world, cast),
        15 => {
            let ids = [machine.as_str(), dice.pick(&cast.machines).as_str()];
            let few = dice.below(3);
            let selector = world.store.get(object).and_then(|s| s.spec.instances());
            if selector.is_some_and(|selector| !selector.node_ids.is_empty()) {
                world.nodes(object, &ids[..few]);
            }
        }
        16 => {
            let to = *dice.pick(&[ChargeType::PostPaid, ChargeType::PrePaid]);
            world.recharge(&machine, to);
        }
        17 => {
            let hidden = dice.one_in(2);
            world.hide(&machine, hidden);
        }
        18 => {
            // The watch breaks and lists anew, a few times in a row.
            for _ in 0..dice.below(4) {
                world.relist();
            }
        }
        19 => world.release(&machine),
        // A released machine's name never comes back; a new one may come.
        20 if !world.cloud.machines.contains_key(&i("i-late")) => {
            let pairs = machine_tags(dice);
            world.machine("i-late", pairs);
            if !cast.cards.is_empty() {
                world.card("eni-late0", Some("i-late"), InterfaceType::Primary);
            }
        }
        21 => match dice.below(3) {
            0 => karpenter(dice, world, (object, retains), &machine),
            1 if !terminating => change_rights(dice, world, object),
            _ => set_release_time(dice, world, &machine),
        },
        22 | 23 => intent_to_attach(dice, world, cast),
        24 => {
            let protected = dice.one_in(2);
            world.flip(&card, protected);
        }
        25 => {
            let pairs = card_tags(dice);
            world.change(&card, |card| card.facts.tags = Some(tags(pairs)));
        }
        26 => {
            let hidden = dice.one_in(2);
            world.hide(&card, hidden);
        }
        27 => {
            let which = dice.below(3);
            world.change(&card, |card| match which {
                0 => card.skipped = !card.skipped,
                1 => card.unlisted = !card.unlisted,
                _ => (card.skipped, card.unlisted) = (false, false),
            });
        }
        28 => world.detach(&card),
        29 => world.attach_by_hand(&card, &machine),
        30 => world.discard(&card),
        31 => {
            let power = *dice.pick(&[Power::Running, Power::Stopped, Power::Between]);
            let quota = 1 + dice.below(5);
            world.alter(&machine, |machine| (machine.power, machine.quota) = (power, quota));
        }
        32 => world.set_clock(*dice.pick(&[-20, 0, 20])),
        _ => {}
    }
}

#[test]
fn i24_any_finite_trouble_ends_in_the_desired_state_and_then_in_silence() {
    seeds::run(600, schedule);
}
