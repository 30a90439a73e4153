//! The fuzzer of each decoder of what strangers write: libFuzzer, with a mutation that knows JSON. It is built by `make fuzz` alone, which
//! gives the name of a target in the variable `FUZZ_TARGET`; in any other build it does nothing.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
mod mutation;

#[cfg(fuzzing)]
mod target {
    use std::sync::LazyLock;

    use libfuzzer_sys::{fuzz_mutator, fuzz_target};

    use crate::mutation::mutate;

    #[expect(
        clippy::disallowed_methods,
        reason = "libFuzzer has the command line, and a wrong name must not pass for a run"
    )]
    static TARGET: LazyLock<fn(&[u8])> = LazyLock::new(|| {
        let wanted = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let mut all = ecs_keeper::fuzz::TARGETS.into_iter().chain(keeper_alicloud::fuzz::TARGETS);
        let found = all.find(|(name, _)| *name == wanted);
        found.map_or_else(|| panic!("no target is called {wanted:?}"), |(_, target)| target)
    });

    fuzz_target!(|input: &[u8]| TARGET(input));

    fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
        mutate(data, size, max_size, seed)
    });
}

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("keeper-fuzz: this build has no fuzzer in it; run `make fuzz`.");
    std::process::exit(1);
}
