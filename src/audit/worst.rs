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

/// How much a form of the report has room for.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub entries: usize,
    /// All of them together. Names and objects decide how long an entry is.
    pub bytes: usize,
}

/// As many as there is room for: the worst, and of equally bad ones of a kind those that were found first.
pub struct Worst {
    room: Room,
    kept: BTreeMap<(Rank, u64), String>,
    bytes: usize,
    /// The worst that has had no room. What is not worse has none either, however short it is.
    cut: Option<(Rank, u64)>,
    offered: u64,
    left_out: BTreeMap<Severity, u64>,
}

impl Worst {
    pub fn new(room: Room) -> Self {
        Self { room, kept: BTreeMap::new(), bytes: 0, cut: None, offered: 0, left_out: BTreeMap::new() }
    }

    /// Takes what is made, unless there is no room for it.
    pub fn offer(&mut self, rank: Rank, make: impl FnOnce() -> String) {
        self.offered += 1;
        let key = (rank, self.offered);
        if self.cut.is_some_and(|cut| cut < key) {
            *self.left_out.entry(rank.severity).or_default() += 1;
            return;
        }
        let text = make();
        self.bytes += text.len();
        self.kept.insert(key, text);
        while self.kept.len() > self.room.entries || self.bytes > self.room.bytes {
            let Some((last, dropped)) = self.kept.pop_last() else { return };
            self.bytes -= dropped.len();
            self.cut = Some(last);
            *self.left_out.entry(last.0.severity).or_default() += 1;
        }
    }

    /// What is kept, the worst first.
    pub fn kept(&self) -> impl ExactSizeIterator<Item = &str> {
        self.kept.values().map(String::as_str)
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

    fn rank(severity: Severity, ignored: bool, kind: Kind) -> Rank {
        Rank { severity, ignored, kind }
    }

    fn left_out(worst: &Worst) -> Vec<(Severity, u64)> {
        worst.left_out().clone().into_iter().collect()
    }

    #[test]
    fn the_worst_are_kept_in_order_and_the_rest_is_counted() {
        let mut worst = Worst::new(Room { entries: 3, bytes: 1000 });
        for (severity, ignored, kind, name) in [
            (Severity::Protected, false, Kind::Instance, "fine"),
            (Severity::AtRisk, true, Kind::Instance, "accepted"),
            (Severity::AtRisk, false, Kind::NetworkInterface, "risky"),
            (Severity::Unprotected, false, Kind::NetworkInterface, "lost first"),
            (Severity::Unprotected, false, Kind::NetworkInterface, "lost second"),
        ] {
            worst.offer(rank(severity, ignored, kind), || name.to_owned());
        }
        assert_eq!(worst.kept().collect::<Vec<_>>(), ["lost first", "lost second", "risky"]);
        assert_eq!(left_out(&worst), [(Severity::AtRisk, 1), (Severity::Protected, 1)]);
        worst.offer(rank(Severity::Protected, false, Kind::Instance), || {
            panic!("nobody makes what is not kept")
        });
        assert_eq!(left_out(&worst), [(Severity::AtRisk, 1), (Severity::Protected, 2)]);
        assert_eq!(worst.offered(), 6);
    }

    #[test]
    fn long_ones_leave_less_room_and_nothing_stands_behind_what_had_none() {
        let mut worst = Worst::new(Room { entries: 100, bytes: 10 });
        let instance = |severity| rank(severity, false, Kind::Instance);
        for (severity, text) in [
            (Severity::Unknown, "four"),
            (Severity::AtRisk, "seven.."),
            (Severity::Protected, "x"),
            (Severity::AtRisk, "y"),
            (Severity::Unprotected, "three"),
        ] {
            worst.offer(instance(severity), || text.to_owned());
        }
        // "four" made room for "seven..", which made room for "three" together with "y"; "x" would fit, and is not worse.
        assert_eq!(worst.kept().collect::<Vec<_>>(), ["three"]);
        assert_eq!(
            left_out(&worst),
            [(Severity::AtRisk, 2), (Severity::Unknown, 1), (Severity::Protected, 1)]
        );
        worst.offer(instance(Severity::Unprotected), || "longer than all".to_owned());
        assert_eq!(worst.kept().collect::<Vec<_>>(), ["three"]);
        assert_eq!((worst.bytes, worst.offered()), (5, 6));
    }
}
