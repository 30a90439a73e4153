//! What ActionTrail has recorded of an account: calls that write, and what people do in the console.

use std::collections::VecDeque;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How long an event can be looked up.
pub(crate) const KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Events beyond this many push out the oldest.
const MOST: usize = 50_000;

/// Calls of LookupEvents in one second.
const RATE: usize = 2;

/// Somebody who works in the console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ConsoleUser {
    /// Name of the RAM user.
    pub user_name: String,
    /// Where the browser is.
    pub source_ip_address: String,
    /// What the browser says it is.
    pub user_agent: String,
}

impl Default for ConsoleUser {
    fn default() -> Self {
        Self {
            user_name: "console".to_owned(),
            source_ip_address: "203.0.113.7".to_owned(),
            user_agent: "ecs.console.aliyun.com".to_owned(),
        }
    }
}

/// A call that was recorded.
#[derive(Clone, Debug)]
pub(crate) struct TrailEvent {
    pub(crate) event_id: String,
    pub(crate) time: Timestamp,
    /// `ApiCall` or `ConsoleOperation`.
    pub(crate) event_type: &'static str,
    pub(crate) name: &'static str,
    pub(crate) service: &'static str,
    pub(crate) api_version: &'static str,
    pub(crate) region: String,
    /// The host that was called.
    pub(crate) source: String,
    pub(crate) request_id: String,
    pub(crate) parameters: Vec<(String, Value)>,
    /// Ids by type.
    pub(crate) resources: Vec<(&'static str, Vec<String>)>,
    /// Code and text of a call that was refused.
    pub(crate) error: Option<(String, String)>,
    pub(crate) identity: Identity,
    pub(crate) source_ip_address: String,
    pub(crate) user_agent: String,
}

/// Who made a recorded call.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) kind: &'static str,
    pub(crate) principal_id: String,
    pub(crate) user_name: String,
    /// Of a session of a role.
    pub(crate) role_name: Option<String>,
    /// None from the console.
    pub(crate) access_key_id: Option<String>,
}

impl TrailEvent {
    /// Ids of one type are joined by commas, the types by semicolons.
    pub(crate) fn resource_name(&self) -> String {
        self.resources.iter().map(|(_, ids)| ids.join(",")).collect::<Vec<_>>().join(";")
    }

    pub(crate) fn resource_type(&self) -> String {
        self.resources.iter().map(|(kind, _)| *kind).collect::<Vec<_>>().join(";")
    }
}

/// The record of one account.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    events: VecDeque<TrailEvent>,
    /// When it was looked up lately.
    lookups: VecDeque<Timestamp>,
}

impl Trail {
    pub(crate) fn record(&mut self, event: TrailEvent) {
        if self.events.len() == MOST {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// The events, oldest first.
    pub(crate) fn events(&self) -> impl Iterator<Item = &TrailEvent> {
        self.events.iter()
    }

    /// Whether one more look-up is within the documented rate. One that isn't doesn't count.
    pub(crate) fn may_look_up(&mut self, now: Timestamp) -> bool {
        let second = SignedDuration::from_secs(1);
        self.lookups.retain(|at| now.duration_since(*at).abs() < second);
        let may = self.lookups.len() < RATE;
        if may {
            self.lookups.push_back(now);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_look_ups_fit_into_any_second() {
        let at = |millis: i64| Timestamp::from_millisecond(1_800_000_000_000 + millis).expect("a time");
        let mut trail = Trail::default();
        let may = [0, 400, 999, 1000, 1399, 1400].map(|millis| trail.may_look_up(at(millis)));
        assert_eq!(may, [true, true, false, true, false, true]);
    }
}
