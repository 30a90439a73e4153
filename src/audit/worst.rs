//! The worst of what is found, as much as a form of the report has room for. What is left out is counted.

use std::collections::BTreeMap;

use super::row::{Kind, Severity};

/// So many at most: the worst, and of equally bad ones of a kind those that were found first.
pub struct Worst<T> {
    most: usize,
    kept: BTreeMap<(Severity, Kind, u64), T>,
    offered: u64,
}

impl<T> Worst<T> {
    pub fn new(most: usize) -> Self {
        Self { most, kept: BTreeMap::new(), offered: 0 }
    }

    /// Takes what is made, unless there is no room for it.
    pub fn offer(&mut self, severity: Severity, kind: Kind, make: impl FnOnce() -> T) {
        self.offered += 1;
        let key = (severity, kind, self.offered);
        let full = self.kept.len() >= self.most;
        if full && self.kept.last_key_value().is_none_or(|(last, _)| *last < key) {
            return;
        }
        self.kept.insert(key, make());
        if full {
            self.kept.pop_last();
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

    /// How many had no room.
    pub fn left_out(&self) -> u64 {
        self.offered.saturating_sub(u64::try_from(self.kept.len()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_are_kept_in_order_and_the_rest_is_counted() {
        let mut worst = Worst::new(3);
        for (severity, kind, name) in [
            (Severity::Protected, Kind::Instance, "fine"),
            (Severity::AtRisk, Kind::NetworkInterface, "on it"),
            (Severity::AtRisk, Kind::Instance, "risky"),
            (Severity::Unprotected, Kind::NetworkInterface, "lost first"),
            (Severity::Unprotected, Kind::NetworkInterface, "lost second"),
        ] {
            worst.offer(severity, kind, || name);
        }
        assert_eq!(worst.kept().copied().collect::<Vec<_>>(), ["lost first", "lost second", "risky"]);
        assert_eq!((worst.offered(), worst.left_out()), (5, 2));
        worst.offer(Severity::Protected, Kind::Instance, || panic!("nobody makes what is not kept"));
    }
}
