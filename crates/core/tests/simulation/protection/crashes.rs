//! I26, I27: the process is stopped after every single effect of a story, or the reply to that effect is lost; the end is
//! the same, with as many writes to each target.

use crate::world::{Fault, INTERVAL, World, by_tag, enabled, secs};

#[test]
fn i26_i27_protection_reaches_the_same_end_whatever_single_effect_fails() {
    let run = |faults: &[(usize, Fault)]| {
        let mut world = World::new();
        for name in ["i-a", "i-b", "i-c"] {
            world.machine(name, &[("env", "prod")]);
        }
        world.faults.extend(faults.iter().copied());
        world.apply("a", enabled(by_tag("env", "prod")));
        world.run(INTERVAL * 3);
        world.check_all();
        world
    };
    let calm = run(&[]);
    let all = [Fault::Crash, Fault::LoseReply, Fault::LoseCall, Fault::Double, Fault::Delay(secs(5))];
    for k in 0..calm.actions {
        for fault in all {
            let world = run(&[(k, fault)]);
            assert_eq!(world.says("a"), calm.says("a"), "{fault:?} at {k}");
            assert_eq!(world.part("a").rows, calm.part("a").rows, "{fault:?} at {k}");
            for machine in ["i-a", "i-b", "i-c"] {
                assert_eq!(world.writes_to(machine), 1, "{fault:?} at {k}: {machine}");
            }
        }
        for l in k + 1..calm.actions + 4 {
            let world = run(&[(k, Fault::Crash), (l, Fault::Crash)]);
            assert_eq!(world.says("a"), calm.says("a"), "crash at {k} and {l}");
        }
    }
}
