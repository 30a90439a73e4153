//! The worst of what is found, as much as a form of the report has room for. What is left out is counted.

use std::collections::BTreeMap;

use super::row::{Kind, Row, Severity};

/// Where a target stands, the worst first. What is ignored never crowds out what is equally bad and isn't.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    pub severity: Severity,
    pub ignored: bool,
    pub kind: Kind,
}

impl From<&Row<'_>> for Rank {
    fn from(row: &Row<'_>) -> Self {
        Self { severity: row.severity(), ignored: row.ignored.is_some(), kind: row.kind }
    }
}

/// So many at most: the worst, and of equally bad ones of a kind those that were found first.
pub struct Worst<T> {
    most: usize,
    kept: BTreeMap<(Rank, u64), T>,
    offered: u64,
    left_out: BTreeMap<Severity, u64>,
}

impl<T> Worst<T> {
    pub fn new(most: usize) -> Self {
        Self { most, kept: BTreeMap::new(), offered: 0, left_out: BTreeMap::new() }
    }

    /// Takes what is made, unless there is no room for it.
    pub fn offer(&mut self, rank: Rank, make: impl FnOnce() -> T) {
        self.offered += 1;
        let key = (rank, self.offered);
        let full = self.kept.len() >= self.most;
        if full && self.kept.last_key_value().is_none_or(|(last, _)| *last < key) {
            *self.left_out.entry(rank.severity).or_default() += 1;
            return;
        }
        self.kept.insert(key, make());
        if full && let Some(((last, _), _)) = self.kept.pop_last() {
            *self.left_out.entry(last.severity).or_default() += 1;
        }
    }

    /// What is kept, the worst first.
    pub fn kept(&self) -> impl ExactSizeIterator<Item = &T> {
        self.kept.values()
    }

    /// How many were offered.
    pub fn offered(&self) -> u64 {
        self.offered
    }

    /// How many of each severity had no room, the worst first.
    pub fn left_out(&self) -> &BTreeMap<Severity, u64> {
        &self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_are_kept_in_order_and_the_rest_is_counted() {
        let mut worst = Worst::new(3);
        let rank = |severity, ignored, kind| Rank { severity, ignored, kind };
        for (severity, ignored, kind, name) in [
            (Severity::Protected, false, Kind::Instance, "fine"),
            (Severity::AtRisk, true, Kind::Instance, "accepted"),
            (Severity::AtRisk, false, Kind::NetworkInterface, "risky"),
            (Severity::Unprotected, false, Kind::NetworkInterface, "lost first"),
            (Severity::Unprotected, false, Kind::NetworkInterface, "lost second"),
        ] {
            worst.offer(rank(severity, ignored, kind), || name);
        }
        assert_eq!(worst.kept().copied().collect::<Vec<_>>(), ["lost first", "lost second", "risky"]);
        let left_out = |worst: &Worst<_>| worst.left_out().clone().into_iter().collect::<Vec<_>>();
        assert_eq!(left_out(&worst), [(Severity::AtRisk, 1), (Severity::Protected, 1)]);
        worst.offer(rank(Severity::Protected, false, Kind::Instance), || {
            panic!("nobody makes what is not kept")
        });
        assert_eq!(left_out(&worst), [(Severity::AtRisk, 1), (Severity::Protected, 2)]);
        assert_eq!(worst.offered(), 6);
    }
}
