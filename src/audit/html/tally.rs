//! Targets, each counted once: by the worst that is known of it.

use std::collections::BTreeMap;

use crate::audit::row::Severity;

/// How many of each severity.
#[derive(Debug, Clone, Default)]
pub struct Tally(BTreeMap<Severity, u64>);

impl Tally {
    pub fn add(&mut self, severity: Severity) {
        *self.0.entry(severity).or_default() += 1;
    }

    pub fn add_all(&mut self, other: &Self) {
        for (severity, count) in &other.0 {
            *self.0.entry(*severity).or_default() += count;
        }
    }

    pub fn of(&self, severity: Severity) -> u64 {
        self.0.get(&severity).copied().unwrap_or_default()
    }

    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }
}
