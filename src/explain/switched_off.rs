//! Who had switched off a flag of a target that ecs-keeper has switched on again, as the status of objects and the evidence log have it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use keeper_core::trail::{ActorKind, TrailedFlag};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::{ChangeStatus, ChangedBy};
use crate::object_ref::ObjectRef;
use crate::visible_text::plain;
use crate::who::{identity_in, taken_back};
use crate::zone::Zone;

/// A flag that somebody else had switched off.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwitchedOff {
    /// The flag.
    pub flag: String,
    /// When it was seen to be off.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub seen: Timestamp,
    /// As in the evidence log. `ChangedBy`: the call did it. `Candidates`: each of the calls may have done it, even if there is only one.
    /// Any other word is the reason why nobody knows.
    pub outcome: String,
    /// The calls, newest first; empty if nobody knows.
    pub calls: Vec<Call>,
    /// How many more calls may have done it.
    pub not_listed: u64,
    /// The object whose status says it; null: the evidence log does.
    pub object: Option<ObjectRef>,
}

/// A call that ActionTrail has recorded. Null: what tells of it leaves that out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// When the cloud received it.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
    /// What has made it: `RootAccount`, `RamUser`, `AssumedRole`, `Service` or `Unknown`.
    pub identity: String,
    /// Name of the user or of the service, or role and session, joined by a colon.
    pub user: Option<String>,
    /// Id of the account that the user belongs to. Status has it only if it is another one than that of the operator's identity.
    pub user_account: Option<String>,
    /// Address that the call came from, or the name of a cloud service.
    pub source: Option<String>,
    /// RequestId of the call.
    pub request_id: Option<String>,
}

/// What a line of the evidence log says of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribution {
    flag: String,
    seen: Timestamp,
    outcome: String,
    calls: Vec<Call>,
    not_listed: u64,
}

impl From<Attribution> for SwitchedOff {
    fn from(line: Attribution) -> Self {
        let Attribution { flag, seen, outcome, calls, not_listed } = line;
        let calls = calls.into_iter().map(Call::fit_to_be_shown).collect();
        Self { flag: plain(&flag), seen, outcome: plain(&outcome), calls, not_listed, object: None }
    }
}

impl Call {
    /// Whoever can write to the log or to status can write anything.
    fn fit_to_be_shown(self) -> Self {
        let shown = |text: Option<String>| text.map(|text| plain(&text));
        Self {
            time: self.time,
            identity: plain(&self.identity),
            user: shown(self.user),
            user_account: shown(self.user_account),
            source: shown(self.source),
            request_id: shown(self.request_id),
        }
    }

    /// Who, when, from where and in which request.
    fn sentence(&self, zone: &Zone) -> String {
        let kind = ActorKind::named(&self.identity).unwrap_or(ActorKind::Unknown);
        let account = self.user_account.as_ref().map(|id| format!("the account {id}"));
        let who = identity_in(kind, self.user.as_deref(), account.as_deref());
        let source = self.source.as_ref().map(|source| format!(" from {source}")).unwrap_or_default();
        let request = self.request_id.as_ref().map(|id| format!(" (request {id})")).unwrap_or_default();
        format!("{who} at {}{source}{request}", zone.time(self.time))
    }
}

impl SwitchedOff {
    /// A row of the status of an object.
    pub fn of_row(row: &ChangeStatus, object: ObjectRef) -> Self {
        let call = |call: &ChangedBy| Call {
            time: call.time.0,
            identity: call.identity.clone(),
            user: call.user.clone(),
            user_account: call.user_account.clone(),
            source: None,
            request_id: call.request_id.clone(),
        };
        Self {
            flag: plain(&row.flag),
            seen: row.seen.0,
            outcome: if row.certainty == "Certain" { "ChangedBy" } else { "Candidates" }.to_owned(),
            calls: row.changed_by.iter().map(call).map(Call::fit_to_be_shown).collect(),
            not_listed: row.not_listed.and_then(|count| u64::try_from(count).ok()).unwrap_or_default(),
            object: Some(object),
        }
    }

    /// What is known of it, if it is a flag of this target.
    pub fn sentence(&self, target: &str, zone: &Zone) -> String {
        let says = self.object.as_ref().map_or_else(|| "the evidence log".to_owned(), ToString::to_string);
        let (what, verb) = match TrailedFlag::named(&self.flag) {
            Some(flag) => taken_back(flag, target),
            None => (format!("The flag {} of {target}", self.flag), "changed"),
        };
        let off = format!("{what} was seen {verb} at {}", zone.time(self.seen));
        let calls: Vec<String> = self.calls.iter().map(|call| call.sentence(zone)).collect();
        let others =
            if self.not_listed > 0 { format!("; and {} more", self.not_listed) } else { String::new() };
        match (self.outcome.as_str(), calls.as_slice()) {
            (reason, []) => format!("{off}, and it is not known by whom ({reason}), as {says} says."),
            ("ChangedBy", [call]) => format!("{off}, by {call}, as {says} says."),
            (_, [call]) if others.is_empty() => {
                format!(
                    "{off}. It is not certain by whom; this call may have done it, as {says} says: {call}."
                )
            }
            (_, calls) => format!(
                "{off}. It is not certain by whom; each of these calls may have done it, as {says} says: {}{others}.",
                calls.join("; ")
            ),
        }
    }
}

/// All of them, newest first, each once: the evidence log says more than status.
pub fn merged(from_log: Vec<SwitchedOff>, from_status: Vec<SwitchedOff>) -> Vec<SwitchedOff> {
    let mut known = BTreeSet::new();
    let mut all: Vec<SwitchedOff> = from_log.into_iter().chain(from_status).collect();
    // Status has whole seconds.
    all.retain(|it| known.insert((it.flag.clone(), it.seen.as_second())));
    all.sort_by_key(|it| std::cmp::Reverse(it.seen));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_of_another_account_is_not_taken_for_one_of_the_own() {
        let said = |kind: ActorKind, account: Option<&str>| {
            let call = Call {
                time: Timestamp::UNIX_EPOCH,
                identity: kind.as_str().to_owned(),
                user: Some("ann".to_owned()),
                user_account: account.map(str::to_owned),
                source: None,
                request_id: None,
            };
            call.sentence(&Zone::utc())
        };
        for (kind, account, who) in [
            (ActorKind::RamUser, Some("2"), "the RAM user ann of the account 2"),
            (ActorKind::RootAccount, Some("2"), "the account 2 itself"),
            (ActorKind::RootAccount, None, "the account itself"),
        ] {
            assert_eq!(said(kind, account), format!("{who} at 1970-01-01T00:00:00Z"));
        }
    }
}
