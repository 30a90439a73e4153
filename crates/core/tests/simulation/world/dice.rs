//! Chance, from a seed.

use keeper_core::backoff::Jitter;

/// Numbers for random schedules.
pub struct Dice(Jitter);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(Jitter::new(seed))
    }

    pub fn below(&mut self, n: usize) -> usize {
        let n = u64::try_from(n.max(1)).unwrap();
        usize::try_from(self.0.next_u64() % n).unwrap()
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}
