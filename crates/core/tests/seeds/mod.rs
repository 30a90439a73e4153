//! Which random schedules are run. `SIMULATION_SEED=n` runs one of them; `SIMULATION_SCHEDULES=n` sets how many are run,
//! `SIMULATION_FIRST=n` with which seed they begin.

/// Runs the schedules that the environment asks for, by itself this many.
#[allow(clippy::disallowed_methods, reason = "a test is told its seeds by the environment")]
pub fn run(by_itself: u64, schedule: fn(u64)) {
    let number =
        |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a whole number"));
    if let Some(seed) = number("SIMULATION_SEED") {
        return schedule(seed);
    }
    let first = number("SIMULATION_FIRST").unwrap_or(0);
    for seed in first..first + number("SIMULATION_SCHEDULES").unwrap_or(by_itself) {
        let passed = std::panic::catch_unwind(|| schedule(seed)).is_ok();
        assert!(
            passed,
            "schedule {seed} failed; replay it with SIMULATION_SEED={seed} cargo test --package keeper-core --test {} i24_any",
            env!("CARGO_CRATE_NAME")
        );
    }
}
