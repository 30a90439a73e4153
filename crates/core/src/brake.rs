//! The brake: when more vanishes or flips at once than people do by hand, something is wrong with the view, and
//! nothing is concluded from absence and nothing is weakened until two complete sweeps agree (I16).

/// Counts what vanished or flipped since the last complete sweep.
#[derive(Debug, Default)]
pub struct Brake {
    surprises: usize,
    /// Complete sweeps that agreed since it was pulled; `None`: it is off.
    agreeing: Option<u32>,
}

impl Brake {
    /// A target that was known vanished, or its flag turned weak without our doing.
    pub fn surprise(&mut self, known: usize) {
        self.surprises += 1;
        if self.surprises > limit(known) {
            self.agreeing = Some(0);
        }
    }

    /// A complete sweep ended.
    pub fn swept(&mut self) {
        if let Some(agreeing) = self.agreeing {
            // The first sweep to end after the pull is the one in which the surprises came, or its remainder.
            self.agreeing = (agreeing < 2).then_some(agreeing + 1);
        }
        self.surprises = 0;
    }

    /// Whether it is on.
    pub fn on(&self) -> bool {
        self.agreeing.is_some()
    }
}

/// Most surprises between two sweeps that pass as everyday life: 50, or 5 % of what is known.
fn limit(known: usize) -> usize {
    (known / 20).max(50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i16_more_than_fifty_or_five_percent_at_once_pulls_the_brake_until_two_sweeps_agree() {
        for (known, allowed) in [(10, 50), (1000, 50), (2000, 100), (100_000, 5000)] {
            let mut brake = Brake::default();
            for _ in 0..allowed {
                brake.surprise(known);
            }
            assert!(!brake.on(), "{allowed} of {known}");
            brake.surprise(known);
            assert!(brake.on());
            brake.swept();
            assert!(brake.on(), "the sweep that saw it");
            brake.swept();
            assert!(brake.on(), "one that agrees");
            brake.swept();
            assert!(!brake.on(), "two that agree");
        }
    }

    #[test]
    fn i16_few_surprises_in_each_of_many_sweeps_do_not_add_up() {
        let mut brake = Brake::default();
        for _ in 0..100 {
            for _ in 0..40 {
                brake.surprise(1000);
            }
            brake.swept();
            assert!(!brake.on());
        }
    }
}
