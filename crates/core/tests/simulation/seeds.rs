//! Which random schedules are run. `SIMULATION_SEED=n` runs one of them; `SIMULATION_SCHEDULES=n` sets how many are run,
//! `SIMULATION_FIRST=n` with which seed they begin.

use std::panic::catch_unwind;
use std::sync::Mutex;
use std::thread;

/// Whoever has found so many failures stops.
const ENOUGH: usize = 10;

/// Runs the schedules that the environment asks for, by itself this many, on all cores.
#[allow(clippy::disallowed_methods, reason = "a test is told its seeds by the environment")]
pub fn run(by_itself: u64, schedule: fn(u64)) {
    let number =
        |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a whole number"));
    if let Some(seed) = number("SIMULATION_SEED") {
        return schedule(seed);
    }
    let first = number("SIMULATION_FIRST").unwrap_or(0);
    let seeds = first..first + number("SIMULATION_SCHEDULES").unwrap_or(by_itself);
    let left = Mutex::new((seeds, Vec::new()));
    let next = || {
        let mut left = left.lock().unwrap();
        (left.1.len() < ENOUGH).then(|| left.0.next()).flatten()
    };
    let work = || {
        while let Some(seed) = next() {
            if catch_unwind(|| schedule(seed)).is_err() {
                left.lock().unwrap().1.push(seed);
            }
        }
    };
    let cores = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..cores).for_each(|_| drop(scope.spawn(work))));
    let failed = left.into_inner().unwrap().1;
    assert!(
        failed.is_empty(),
        "schedules {failed:?} failed; replay one with SIMULATION_SEED=n cargo test --package keeper-core --test {} i24_any",
        env!("CARGO_CRATE_NAME")
    );
}
