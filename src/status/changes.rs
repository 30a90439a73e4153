//! The rows of flags that somebody else had switched off. Pure: no client here.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use keeper_core::attribution::{Finding, Outcome, Own};
use keeper_core::trail::TrailEvent;

use super::fields::whole_seconds;
use crate::api::{ChangeStatus, ChangedBy, MAX_ACCOUNT_ID, MAX_CHANGED_BY, MAX_CHANGES};
use crate::visible_text::plain;
use crate::who::Who;

/// What is known of one object in this term.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// Whether status shows it; otherwise what is there is taken out.
    pub shown: bool,
    /// The newest last.
    rows: Vec<ChangeStatus>,
}

impl Changes {
    /// Something more is known.
    pub fn add(&mut self, row: ChangeStatus) {
        self.rows.push(row);
        let over = self.rows.len().saturating_sub(MAX_CHANGES);
        self.rows.drain(..over);
    }

    /// Another term has begun: what status says stands.
    pub fn clear(&mut self) {
        self.rows.clear();
    }

    /// The rows, beside those that stand.
    pub fn beside(&self, old: &[ChangeStatus]) -> Vec<ChangeStatus> {
        if !self.shown {
            return Vec::new();
        }
        let mut seen = BTreeSet::new();
        let all = self.rows.iter().rev().chain(old);
        let mut rows: Vec<ChangeStatus> =
            all.filter(|row| seen.insert((&row.id, &row.flag, row.seen.0))).cloned().collect();
        rows.sort_by(|a, b| b.seen.0.cmp(&a.seen.0).then_with(|| a.id.cmp(&b.id)));
        rows.truncate(MAX_CHANGES);
        rows
    }
}

/// The row of what was found; `None`: nobody knows. `own`: who has asked.
pub fn row(finding: &Finding, own: &Own) -> Option<ChangeStatus> {
    let certainty = match &finding.outcome {
        Outcome::ChangedBy(_) => "Certain",
        Outcome::Candidates { .. } => "Candidate",
        Outcome::Unknown(_) => return None,
    };
    let calls = finding.outcome.calls();
    let not_listed = calls.len().saturating_sub(MAX_CHANGED_BY) + finding.outcome.left_out();
    let by = |call: &TrailEvent| ChangedBy {
        time: Time(call.at),
        identity: call.actor.kind.as_str().to_owned(),
        user: Who::of(call).name,
        user_account: own
            .other_account(&call.actor)
            .map(|id| plain(id).chars().take(MAX_ACCOUNT_ID).collect()),
        request_id: call.request_id.as_ref().map(ToString::to_string),
    };
    Some(ChangeStatus {
        id: finding.target.to_string(),
        flag: finding.flag.name().to_owned(),
        seen: whole_seconds(finding.seen),
        certainty: certainty.to_owned(),
        changed_by: calls.iter().take(MAX_CHANGED_BY).map(by).collect(),
        not_listed: i64::try_from(not_listed).ok().filter(|count| *count > 0),
    })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;
    use keeper_core::id::{ObjectId, Region};
    use keeper_core::on_behalf::{OnBehalf, WriteReason};
    use keeper_core::trail::{Actor, ActorKind, AskedValue, TrailedFlag};

    use super::*;

    fn change(id: &str, second: i64) -> ChangeStatus {
        let seen = Time(Timestamp::from_second(second).unwrap());
        ChangeStatus {
            id: id.to_owned(),
            flag: "DeletionProtection".to_owned(),
            seen,
            certainty: "Certain".to_owned(),
            changed_by: Vec::new(),
            not_listed: None,
        }
    }

    fn told(rows: &[ChangeStatus]) -> Vec<(&str, i64)> {
        rows.iter().map(|row| (row.id.as_str(), row.seen.0.as_second())).collect()
    }

    #[test]
    fn the_newest_twenty_stand_also_after_a_restart() {
        let mut changes = Changes { shown: true, ..Changes::default() };
        let old = [change("i-b", 7), change("i-a", 5)];
        assert_eq!(told(&changes.beside(&old)), [("i-b", 7), ("i-a", 5)]);
        changes.add(change("i-a", 9));
        changes.add(change("i-b", 7));
        let rows = changes.beside(&old);
        assert_eq!(told(&rows), [("i-a", 9), ("i-b", 7), ("i-a", 5)]);
        assert_eq!(changes.beside(&rows), rows, "status at rest stays as it is");
        (10..50).for_each(|second| changes.add(change("i-c", second)));
        let rows = changes.beside(&rows);
        assert_eq!((rows.len(), rows[0].seen.0.as_second(), rows[19].seen.0.as_second()), (20, 49, 30));
    }

    #[test]
    fn names_that_are_not_to_be_shown_any_more_are_taken_out() {
        let mut changes = Changes::default();
        changes.add(change("i-a", 9));
        assert_eq!(changes.beside(&[change("i-a", 5)]), []);
    }

    #[test]
    fn a_row_has_the_account_of_an_identity_that_is_none_of_the_own() {
        let call = |account: Option<&str>| TrailEvent {
            at: Timestamp::UNIX_EPOCH,
            request_id: None,
            targets: vec!["i-a".into()],
            asked: AskedValue::Unprotected,
            failed: false,
            actor: Actor {
                kind: ActorKind::RamUser,
                name: Some("ann".into()),
                account_id: account.map(Into::into),
            },
            source: None,
            user_agent: None,
        };
        let finding = |call| Finding {
            region: Region::new("cn-hangzhou"),
            flag: TrailedFlag::DeletionProtection,
            target: "i-a".into(),
            on_behalf: OnBehalf {
                object: ObjectId::new("n", "a", "u"),
                generation: 1,
                reason: WriteReason::Repairing,
            },
            last_seen: Timestamp::UNIX_EPOCH,
            seen: Timestamp::UNIX_EPOCH,
            outcome: Outcome::ChangedBy(call),
        };
        let own = Own { account_id: Some("1".into()), session: None };
        for (account, shown) in [
            (Some("1"), None),
            (None, None),
            (Some("2\u{1b}"), Some("2")),
            (Some(&*"3".repeat(40)), Some(&*"3".repeat(32))),
        ] {
            let row = row(&finding(call(account)), &own).unwrap();
            let [call] = &row.changed_by[..] else { panic!("{row:?}") };
            assert_eq!((call.user.as_deref(), call.user_account.as_deref()), (Some("ann"), shown));
        }
    }
}
