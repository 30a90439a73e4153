//! What the findings mean for whoever started the audit: the exit code.

use super::claim::Claim;
use super::row::{Kind, Row, Severity};
use crate::cli::FailOn;

/// How many findings count: those of targets that ecs-keeper protects, unless somebody has accepted them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    unprotected: u64,
    at_risk: u64,
    unclear: u64,
    unclaimed: u64,
    /// Those of which it is not known whether somebody claims them.
    claim_unclear: u64,
}

/// How an audit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing that was asked for was found.
    Clean,
    /// This was found.
    Found(FailOn),
    /// Something could not be read, so that nobody knows.
    Unknown,
}

impl Outcome {
    /// The exit code of the process.
    pub const fn code(self) -> u8 {
        match self {
            Self::Clean => 0,
            Self::Unknown => 1,
            Self::Found(FailOn::Unprotected) => 3,
            Self::Found(FailOn::AtRisk) => 4,
            Self::Found(FailOn::Unclaimed) => 5,
        }
    }
}

impl Found {
    pub fn add(&mut self, row: &Row<'_>) {
        if row.ignored.is_some() || row.kind == Kind::ScalingGroup {
            return;
        }
        self.unprotected += u64::from(row.severity() == Severity::Unprotected);
        self.at_risk += u64::from(row.at_risk());
        self.unclear += u64::from(row.unclear());
        self.unclaimed += u64::from(row.unclaimed() == Some(true));
        let in_doubt = |claim: &Claim| claim.held_by.is_empty() && !claim.may_be_held_by.is_empty();
        self.claim_unclear += u64::from(row.claim.as_ref().is_some_and(in_doubt));
    }

    /// `complete`: whether everything was listed. What is not known is nothing that would be in order, so whoever asks hears of it.
    pub fn outcome(self, asked: &[FailOn], complete: bool) -> Outcome {
        let found = |what: FailOn, count| asked.contains(&what) && count > 0;
        if !complete {
            Outcome::Unknown
        } else if found(FailOn::Unprotected, self.unprotected) {
            Outcome::Found(FailOn::Unprotected)
        } else if found(FailOn::AtRisk, self.at_risk) {
            Outcome::Found(FailOn::AtRisk)
        } else if found(FailOn::Unclaimed, self.unclaimed) {
            Outcome::Found(FailOn::Unclaimed)
        } else if !asked.is_empty() && self.unclear > 0 || found(FailOn::Unclaimed, self.claim_unclear) {
            Outcome::Unknown
        } else {
            Outcome::Clean
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i59_the_worst_that_was_asked_for_decides_and_what_is_not_known_is_not_clean() {
        const BOTH: &[FailOn] = &[FailOn::AtRisk, FailOn::Unprotected];
        const ALL: &[FailOn] = &[FailOn::Unclaimed, FailOn::AtRisk, FailOn::Unprotected];
        let found =
            |unprotected, at_risk, unclear| Found { unprotected, at_risk, unclear, ..Found::default() };
        for (found, asked, complete, code) in [
            (found(0, 0, 0), BOTH, true, 0),
            (found(0, 0, 0), &[], false, 1),
            (found(9, 9, 9), &[], true, 0),
            (found(1, 1, 1), BOTH, true, 3),
            (found(1, 1, 1), BOTH, false, 1),
            (found(0, 1, 1), BOTH, true, 4),
            (found(1, 1, 0), &[FailOn::AtRisk], true, 4),
            (found(1, 0, 0), &[FailOn::AtRisk], true, 0),
            (found(0, 1, 0), &[FailOn::Unprotected], true, 0),
            (found(0, 0, 1), &[FailOn::Unprotected], true, 1),
        ] {
            assert_eq!(found.outcome(asked, complete).code(), code, "{found:?} {asked:?} {complete}");
        }
        for (found, asked, code) in [
            (Found { unclaimed: 1, ..Found::default() }, ALL, 5),
            (Found { unclaimed: 1, ..Found::default() }, BOTH, 0),
            (Found { unclaimed: 1, at_risk: 1, ..Found::default() }, ALL, 4),
            (Found { claim_unclear: 1, ..Found::default() }, ALL, 1),
            (Found { claim_unclear: 1, ..Found::default() }, BOTH, 0),
        ] {
            assert_eq!(found.outcome(asked, true).code(), code, "{found:?} {asked:?}");
        }
    }
}
