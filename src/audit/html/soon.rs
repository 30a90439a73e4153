//! What comes to its end soon: after it, something is lost or counts again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use keeper_core::reason::Reason;

use crate::audit::row::{Kind, Row};
use crate::scope::Scope;

/// How far ahead the list goes.
pub const DAYS: i64 = 30;
/// Most entries.
const MOST: usize = 100;

/// One end.
pub struct Ending {
    pub at: Timestamp,
    pub what: &'static str,
    pub kind: Kind,
    pub id: String,
    pub scope: Scope,
    /// What somebody wrote about it.
    pub remark: Option<String>,
}

/// The next ends, as many as can be read.
pub struct Soon {
    now: Timestamp,
    next: BTreeMap<(Timestamp, u64), Ending>,
    noted: u64,
    unreadable: u64,
}

impl Soon {
    pub fn new(now: Timestamp) -> Self {
        Self { now, next: BTreeMap::new(), noted: 0, unreadable: 0 }
    }

    /// Takes the ends of a row.
    pub fn note(&mut self, row: &Row<'_>) {
        let mut unreadable =
            row.kind == Kind::Instance && row.risks.iter().any(|risk| risk.reason == Reason::RisksUnreadable);
        for risk in row.risks.iter().filter(|risk| risk.reason == Reason::AutoReleaseTimeSet) {
            let time = risk.detail.as_deref().unwrap_or_default().parse();
            unreadable = time.is_err();
            if let Ok(at) = time {
                self.add(row, at, "Automatic release time", None);
            }
        }
        for (object, until) in row.claim.iter().flat_map(|claim| &claim.aside) {
            self.add(row, *until, "Exception", Some(object.clone()));
        }
        self.unreadable += u64::from(unreadable);
        if let Some(ignored) = row.ignored {
            self.add(row, ignored.until, "Ignored until", Some(ignored.reason.clone()));
        }
    }

    fn add(&mut self, row: &Row<'_>, at: Timestamp, what: &'static str, remark: Option<String>) {
        if at.duration_since(self.now) > SignedDuration::from_hours(24 * DAYS) {
            return;
        }
        self.noted += 1;
        let (kind, id, scope) = (row.kind, row.id.to_owned(), row.scope.clone());
        self.next.insert((at, self.noted), Ending { at, what, kind, id, scope, remark });
        if self.next.len() > MOST {
            self.next.pop_last();
        }
    }

    /// The ends, the next one first.
    pub fn endings(&self) -> impl ExactSizeIterator<Item = &Ending> {
        self.next.values()
    }

    /// How many more there are in that time.
    pub fn left_out(&self) -> u64 {
        self.noted.saturating_sub(u64::try_from(self.next.len()).unwrap_or(u64::MAX))
    }

    /// How many instances may have a release time that can't be read.
    pub fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// How soon an end is.
    pub fn within(&self, ending: &Ending) -> &'static str {
        let hours = ending.at.duration_since(self.now).as_hours();
        match hours {
            _ if ending.at <= self.now => "over",
            ..24 => "within a day",
            24..168 => "within a week",
            _ => "within a month",
        }
    }
}

#[cfg(test)]
mod tests {
    use keeper_core::id::{AccountName, Region};
    use keeper_core::verdict::State;

    use super::*;
    use crate::audit::row::RowRisk;

    const NOW: &str = "2026-11-30T12:00:00Z";

    fn ends(details: &[&str]) -> Soon {
        noted(Reason::AutoReleaseTimeSet, details)
    }

    fn noted(reason: Reason, details: &[&str]) -> Soon {
        let scope = Scope { account: AccountName::new("default"), region: Region::new("cn-hangzhou") };
        let mut soon = Soon::new(NOW.parse().unwrap());
        for detail in details {
            let detail = Some((*detail).to_owned());
            soon.note(&Row {
                scope: &scope,
                kind: Kind::Instance,
                id: "i-timed",
                name: None,
                place: None,
                state: State::Protected,
                reason: Reason::AllProtected,
                risks: vec![RowRisk { reason, detail }],
                claim: None,
                seen: NOW.parse().unwrap(),
                ignored: None,
            });
        }
        soon
    }

    #[test]
    fn release_times_are_read_as_the_cloud_writes_them_and_told_the_next_one_first() {
        let soon = ends(&[
            "2026-12-30T12:00Z",
            "2026-11-30T12:30Z",
            "2026-12-30T12:01Z",
            "2026-12-03T12:00:00Z",
            "soon",
            "2026-11-30T11:59Z",
        ]);
        let told: Vec<_> =
            soon.endings().map(|ending| (ending.at.to_string(), soon.within(ending))).collect();
        assert_eq!(
            told,
            [
                ("2026-11-30T11:59:00Z".to_owned(), "over"),
                ("2026-11-30T12:30:00Z".to_owned(), "within a day"),
                ("2026-12-03T12:00:00Z".to_owned(), "within a week"),
                ("2026-12-30T12:00:00Z".to_owned(), "within a month"),
            ]
        );
        assert_eq!(soon.left_out(), 0);
        assert_eq!(soon.unreadable(), 1, "\"soon\" is no time");
    }

    #[test]
    fn an_instance_whose_risks_can_not_be_read_may_have_a_release_time() {
        assert_eq!(noted(Reason::RisksUnreadable, &["AutoReleaseTime"]).unreadable(), 1);
        assert_eq!(ends(&["2027-12-30T12:00Z"]).unreadable(), 0, "it is known, and later");
    }

    #[test]
    fn what_ends_first_is_kept_and_the_rest_is_counted() {
        let later = ["2026-12-02T12:00Z"; 150];
        let soon = ends(&[&later[..], &["2026-12-01T12:00Z"]].concat());
        assert_eq!((soon.endings().len(), soon.left_out()), (100, 51));
        assert_eq!(soon.endings().next().unwrap().at.to_string(), "2026-12-01T12:00:00Z");
    }
}
