//! Targets, each counted once: by the worst that is known of it.

use std::collections::BTreeMap;

use crate::audit::row::Severity;

/// How many of each severity, and how many of those are ignored.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    all: BTreeMap<Severity, u64>,
    ignored: BTreeMap<Severity, u64>,
}

impl Tally {
    pub fn add(&mut self, severity: Severity, ignored: bool) {
        *self.all.entry(severity).or_default() += 1;
        *self.ignored.entry(severity).or_default() += u64::from(ignored);
    }

    pub fn add_all(&mut self, other: &Self) {
        for (severity, count) in &other.all {
            *self.all.entry(*severity).or_default() += count;
        }
        for (severity, count) in &other.ignored {
            *self.ignored.entry(*severity).or_default() += count;
        }
    }

    pub fn of(&self, severity: Severity) -> u64 {
        self.all.get(&severity).copied().unwrap_or_default()
    }

    /// How many of these are ignored.
    pub fn ignored(&self, severity: Severity) -> u64 {
        self.ignored.get(&severity).copied().unwrap_or_default()
    }

    pub fn total(&self) -> u64 {
        self.all.values().sum()
    }
}
