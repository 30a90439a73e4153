//! What was asked of the cloud, and what it answered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Entries beyond this many push out the oldest; counters and the set of seen shapes stay exact.
const KEPT: usize = 200_000;

/// Values that a client should never have sent, and that don't belong into anybody's log: of parameters with these names, and
/// of members with them, such as `RemoteConnectionOptions.Password`.
const SECRET_PARAMETERS: &[&str] = &["OIDCToken", "Password", "SAMLAssertion", "UserData"];

/// One request.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogEntry {
    /// Position in the log, counted from 1 and never given twice.
    pub sequence: u64,
    /// When it arrived, on the cloud's clock.
    pub time: Timestamp,
    /// Account, when the signature was right.
    pub account: Option<String>,
    /// Key that the request named.
    pub access_key_id: Option<String>,
    /// The header `Host`: which endpoint the client asked.
    pub host: String,
    /// Operation.
    pub action: String,
    /// Parameters; passwords and user data are blotted out.
    pub parameters: BTreeMap<String, String>,
    /// The header `x-acs-date`, or the parameter `Timestamp`: when the client says it signed.
    pub acs_date: Option<String>,
    /// HTTP status of the answer.
    pub status: u16,
    /// Error code; `OK` for success, `Lost` for a connection that broke before the effect, `Answer` for an answer that
    /// a fault dictated.
    pub code: String,
    /// RequestId of the answer.
    pub request_id: String,
    /// Whether the call changed the state.
    pub mutated: bool,
    /// Whether the answer was thrown away instead of sent.
    pub lost: bool,
}

impl LogEntry {
    /// An entry about which nothing is known yet.
    pub(crate) fn unread(time: Timestamp) -> Self {
        Self {
            sequence: 0,
            time,
            account: None,
            access_key_id: None,
            host: String::new(),
            action: String::new(),
            parameters: BTreeMap::new(),
            acs_date: None,
            status: 200,
            code: "OK".to_owned(),
            request_id: String::new(),
            mutated: false,
            lost: false,
        }
    }
}

/// Numbers of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Count {
    /// Requests.
    pub calls: u64,
    /// Those that changed the state.
    pub mutations: u64,
    /// By code of the answer; `OK` for success.
    pub codes: BTreeMap<String, u64>,
}

/// An operation with the parameters that a client may send: lists as `Tag.N.Key`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Allowed {
    /// Operation.
    pub action: String,
    /// Parameters.
    pub parameters: Vec<String>,
}

impl Allowed {
    /// An operation and its parameters.
    pub fn new(action: &str, parameters: &[&str]) -> Self {
        Self { action: action.to_owned(), parameters: parameters.iter().map(|p| (*p).to_owned()).collect() }
    }
}

/// Whether a parameter holds what belongs into nobody's log.
pub(crate) fn is_secret(parameter: &str) -> bool {
    parameter.rsplit('.').next().is_some_and(|member| SECRET_PARAMETERS.contains(&member))
}

#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<LogEntry>,
    last: u64,
    /// By account (none: not authenticated) and operation.
    counts: BTreeMap<(Option<String>, String), Count>,
    shapes: BTreeSet<(Option<String>, String, String)>,
}

impl Log {
    pub(crate) fn record(&mut self, mut entry: LogEntry) {
        self.last += 1;
        entry.sequence = self.last;
        for (name, value) in &mut entry.parameters {
            if is_secret(name) {
                "***".clone_into(value);
            }
        }
        let who = (entry.account.clone(), entry.action.clone());
        for name in entry.parameters.keys() {
            self.shapes.insert((who.0.clone(), who.1.clone(), shape(name)));
        }
        let count = self.counts.entry(who).or_default();
        count.calls += 1;
        count.mutations += u64::from(entry.mutated);
        *count.codes.entry(entry.code.clone()).or_default() += 1;
        if self.entries.len() == KEPT {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn clear(&mut self, account: Option<&str>) {
        let Some(account) = account else {
            *self = Self { last: self.last, ..Self::default() };
            return;
        };
        let other = |found: &Option<String>| found.as_deref() != Some(account);
        self.entries.retain(|entry| other(&entry.account));
        self.counts.retain(|(found, _), _| other(found));
        self.shapes.retain(|(found, ..)| other(found));
    }

    /// Entries after a position, of one account and operation or of all.
    pub(crate) fn entries(
        &self,
        account: Option<&str>,
        action: Option<&str>,
        after: u64,
    ) -> impl Iterator<Item = &LogEntry> {
        self.entries.iter().filter(move |entry| {
            entry.sequence > after
                && account.is_none_or(|account| entry.account.as_deref() == Some(account))
                && action.is_none_or(|action| entry.action == action)
        })
    }

    pub(crate) fn counts(&self, account: Option<&str>) -> BTreeMap<String, Count> {
        let mut sums: BTreeMap<String, Count> = BTreeMap::new();
        for ((found, action), count) in &self.counts {
            if account.is_some() && found.as_deref() != account {
                continue;
            }
            let sum = sums.entry(action.clone()).or_default();
            sum.calls += count.calls;
            sum.mutations += count.mutations;
            for (code, number) in &count.codes {
                *sum.codes.entry(code.clone()).or_default() += number;
            }
        }
        sums
    }

    /// Sentences about everything that was asked outside an allow-list.
    pub(crate) fn violations(&self, account: Option<&str>, allowed: &[Allowed]) -> Vec<String> {
        let permits = |action: &str, parameter: Option<&str>| {
            allowed.iter().filter(|entry| entry.action == action).any(|entry| {
                parameter
                    .is_none_or(|parameter| entry.parameters.iter().any(|permitted| permitted == parameter))
            })
        };
        let mine = |found: &Option<String>| account.is_none() || found.as_deref() == account;
        let actions = self
            .counts
            .keys()
            .filter(|(found, action)| mine(found) && !permits(action, None))
            .map(|(_, action)| format!("{action} was called"));
        let parameters = self
            .shapes
            .iter()
            .filter(|(found, action, parameter)| {
                mine(found) && permits(action, None) && !permits(action, Some(parameter))
            })
            .map(|(_, action, parameter)| format!("{action} was called with {parameter}"));
        actions.chain(parameters).collect()
    }
}

/// `Tag.12.Key` → `Tag.N.Key`.
fn shape(name: &str) -> String {
    let numbered = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    name.split('.').map(|part| if numbered(part) { "N" } else { part }).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(account: &str, action: &str, parameters: &[(&str, &str)]) -> LogEntry {
        LogEntry {
            sequence: 0,
            time: Timestamp::UNIX_EPOCH,
            account: Some(account.to_owned()),
            access_key_id: None,
            host: String::new(),
            action: action.to_owned(),
            parameters: parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect(),
            acs_date: None,
            status: 200,
            code: "OK".to_owned(),
            request_id: String::new(),
            mutated: false,
            lost: false,
        }
    }

    #[test]
    fn calls_and_parameters_outside_the_allow_list_are_told() {
        let mut log = Log::default();
        log.record(entry(
            "1",
            "DescribeInstances",
            &[("RegionId", "r"), ("Tag.1.Key", "k"), ("Tag.20.Key", "k")],
        ));
        log.record(entry("1", "ModifyInstanceAttribute", &[("InstanceId", "i"), ("Password", "hunter2")]));
        log.record(entry("1", "DeleteInstance", &[("InstanceId", "i")]));
        log.record(entry("2", "RunInstances", &[]));
        let allowed = [
            Allowed::new("DescribeInstances", &["RegionId", "Tag.N.Key"]),
            Allowed::new("ModifyInstanceAttribute", &["InstanceId", "DeletionProtection"]),
        ];
        assert_eq!(
            log.violations(Some("1"), &allowed),
            ["DeleteInstance was called", "ModifyInstanceAttribute was called with Password"]
        );
        assert_eq!(log.violations(None, &allowed).len(), 3);
    }

    #[test]
    fn passwords_never_enter_the_log() {
        let mut log = Log::default();
        log.record(entry(
            "1",
            "ModifyInstanceAttribute",
            &[
                ("Password", "hunter2"),
                ("RemoteConnectionOptions.Password", "hunter2"),
                ("UserData", "c2VjcmV0"),
            ],
        ));
        let text = format!("{log:?}");
        assert!(!text.contains("hunter2") && !text.contains("c2VjcmV0"), "{text}");
    }

    #[test]
    fn clearing_one_account_leaves_the_others() {
        let mut log = Log::default();
        log.record(entry("1", "A", &[("P", "")]));
        log.record(entry("2", "A", &[("P", "")]));
        log.clear(Some("1"));
        assert_eq!(log.entries(None, None, 0).map(|entry| entry.sequence).collect::<Vec<_>>(), [2]);
        assert_eq!(log.counts(None)["A"].calls, 1);
        log.clear(None);
        log.record(entry("1", "A", &[]));
        assert_eq!(log.entries(None, None, 0).map(|entry| entry.sequence).collect::<Vec<_>>(), [3]);
    }
}
