//! I26, I27: the process is stopped after every single effect of a story and starts anew, or the reply to that effect is
//! lost; the end is the same, with as many writes to each target.
//!
//! One exception is stated here precisely. Between the moment in which status durably says `Requested` and the answer to
//! the call, nobody who comes after can tell whether the call was sent. So it is not sent (again): the intent ends `Attached`
//! where the one call came through, and else `Refused` as `AttachLost`. There is never a second call.

use keeper_core::conditions::Status;
use keeper_core::reason::Reason;
use keeper_core::retention::{AttachPhase, Record};
use keeper_core::wall_clock::WallTime;

use super::attaching::{attaching, to};
use crate::world::{Fault, INTERVAL, World, by_tag, on, secs};

const FAULTS: [Fault; 5] = [
    Fault::Crash,
    Fault::LoseReply,
    Fault::LoseCall,
    Fault::Double,
    Fault::Delay(std::time::Duration::from_secs(5)),
];

const CARDS: [&str; 5] = ["eni-a0", "eni-a1", "eni-b0", "eni-b1", "eni-c0"];

fn furnished() -> World {
    let mut world = World::new();
    for letter in ["a", "b", "c"] {
        world.server(letter, &[("env", if letter == "c" { "test" } else { "prod" })]);
    }
    world
}

/// From an empty cloud to what a released instance left.
fn retain_and_release(faults: &[(usize, Fault)]) -> World {
    let mut world = furnished();
    world.faults.extend(faults.iter().copied());
    world.apply("a", on(by_tag("env", "prod")));
    world.run(INTERVAL * 3);
    world.release("i-b");
    world.run(INTERVAL * 5);
    world
}

/// What status says durably, without its times.
fn record(world: &World) -> Record {
    let mut record = world.store["a"].record.clone();
    record.survived_since.values_mut().for_each(|since| *since = WallTime::default());
    record
}

#[test]
fn i20_i26_i27_retaining_and_outliving_end_the_same_whatever_single_effect_fails() {
    let calm = retain_and_release(&[]);
    assert_eq!(calm.says("a"), (Status::True, Reason::AllProtected));
    assert_eq!(calm.available("a"), ["eni-b0", "eni-b1"]);
    let ends_alike = |faults: &[(usize, Fault)]| {
        let world = retain_and_release(faults);
        assert_eq!(world.says("a"), calm.says("a"), "{faults:?}");
        assert_eq!(record(&world), record(&calm), "{faults:?}");
        assert_eq!(world.retention("a"), calm.retention("a"), "{faults:?}");
        for card in CARDS.iter().filter(|card| **card != "eni-c0") {
            assert_eq!(world.writes_to(card), 1, "{faults:?}: {card}");
        }
        assert_eq!(world.arrived.len(), 4, "{faults:?}");
    };
    for k in 0..calm.actions {
        for fault in FAULTS {
            // A call that never arrived is made again.
            if !(fault == Fault::LoseCall && calm.log[k].starts_with("write")) {
                ends_alike(&[(k, fault)]);
            }
        }
        ends_alike(&[(k, Fault::Crash), (k + 1 + k % 5, Fault::Crash)]);
    }
}

#[test]
fn i26_a_write_that_never_arrived_is_made_again_and_reaches_the_same_end() {
    let calm = retain_and_release(&[]);
    for k in (0..calm.actions).filter(|k| calm.log[*k].starts_with("write")) {
        let world = retain_and_release(&[(k, Fault::LoseCall)]);
        assert_eq!(record(&world), record(&calm));
        assert_eq!(world.arrived.len(), 4, "the lost one is not counted");
    }
}

/// `late`: for so long the cloud shows nothing of what it has accepted.
fn reattach(late: u64, faults: &[(usize, Fault)]) -> World {
    let mut world = furnished();
    world.cloud.mood.attach_late = secs(late);
    world.apply("a", on(by_tag("env", "prod")));
    world.run(INTERVAL);
    world.release("i-b");
    world.run(INTERVAL * 3);
    let begins = world.actions;
    world.faults.extend(faults.iter().map(|(k, fault)| (begins + k, *fault)));
    world.apply("a", attaching(on(by_tag("env", "prod")), &[to("eni-b0", "i-a")]));
    world.log.clear();
    world.run(INTERVAL * 6);
    world
}

#[test]
fn i23_i26_attaching_ends_the_same_whatever_single_effect_fails_and_is_never_asked_twice() {
    attaching_is_never_asked_twice(0);
    attaching_is_never_asked_twice(20);
}

fn attaching_is_never_asked_twice(late: u64) {
    let calm = reattach(late, &[]);
    assert_eq!(calm.stands("a", "eni-b0"), (AttachPhase::Attached, Reason::AttachDone));
    assert_eq!(calm.attached.len(), 1);
    let sent = calm.log.iter().position(|what| what.starts_with("attach")).unwrap();
    let requested = calm.log.iter().take(sent).rposition(|what| what.starts_with("report")).unwrap();
    let mut lost = 0;
    let mut check = |faults: &[(usize, Fault)], unsure: bool| {
        let world = reattach(late, faults);
        let (phase, reason) = world.stands("a", "eni-b0");
        assert!(world.attached.len() <= 1, "{faults:?}: never twice");
        assert_eq!(world.writes_to("eni-b0"), 1, "{faults:?}: the flag is left alone");
        if (phase, reason) == (AttachPhase::Refused, Reason::AttachLost) {
            assert!(unsure, "{faults:?}: {:?}", world.log);
            assert!(!world.attached.iter().any(|call| call.accepted), "{faults:?}");
            assert_eq!(world.on("eni-b0"), None, "{faults:?}");
            lost += 1;
        } else {
            assert_eq!((phase, reason), calm.stands("a", "eni-b0"), "{faults:?}");
            assert_eq!(record(&world), record(&calm), "{faults:?}");
            assert_eq!(world.attached.len(), 1, "{faults:?}");
        }
    };
    for k in 0..calm.log.len() {
        for fault in FAULTS {
            // The process that dies between the request's being durable and the answer, and the call that never arrived.
            let unsure = match fault {
                Fault::Crash => (requested..=sent).contains(&k),
                Fault::LoseCall => k == sent,
                _ => false,
            };
            check(&[(k, fault)], unsure);
        }
        for l in [k + 1, k + 3] {
            check(&[(k, Fault::Crash), (l, Fault::Crash)], true);
        }
    }
    assert!(lost > 0, "the exception is real");
}
