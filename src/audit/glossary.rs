//! The reasons that a report for people names, and what each of them means.

use std::collections::BTreeMap;

use keeper_core::reason::Reason;
use keeper_core::verdict::State;

use super::row::{Kind, Row};
use super::words::sentence;

/// The reasons that were named.
#[derive(Default)]
pub struct Glossary {
    named: BTreeMap<(&'static str, Kind), Reason>,
}

/// What a reason means.
pub struct Meaning {
    pub reason: &'static str,
    /// The kind of targets that this is said of, where the word means another thing of others.
    pub of: Option<Kind>,
    pub sentence: &'static str,
}

impl Glossary {
    /// Takes the reasons of a row.
    pub fn note(&mut self, row: &Row<'_>) {
        if row.state != State::Protected {
            self.named.insert((row.reason.as_str(), row.kind), row.reason);
        }
        for risk in &row.risks {
            self.named.insert((risk.reason.as_str(), row.kind), risk.reason);
        }
    }

    /// The meanings by reason. One that is the same for every kind is told once.
    pub fn meanings(&self) -> Vec<Meaning> {
        let mut meanings: Vec<Meaning> = Vec::new();
        for ((name, kind), reason) in &self.named {
            let differs = Kind::ALL.iter().any(|other| sentence(*other, *reason) != sentence(*kind, *reason));
            let meaning =
                Meaning { reason: name, of: differs.then_some(*kind), sentence: sentence(*kind, *reason) };
            if differs || meanings.last().is_none_or(|last| last.reason != meaning.reason) {
                meanings.push(meaning);
            }
        }
        meanings
    }
}
