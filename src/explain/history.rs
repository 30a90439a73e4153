//! What an evidence log says of one target: how its flags changed, and when nobody looked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::switched_off::{Attribution, SwitchedOff};
use crate::evidence_log::SCHEMA;
use crate::scope::Scope;
use crate::visible_text::plain;

/// A longer line is none of the evidence log.
const LONGEST_LINE: u64 = 64 * 1024;

/// What the newest complete listing is older than at the end of a term. Heartbeats come every five minutes, listings more often.
const LISTED_WITHIN: SignedDuration = SignedDuration::from_mins(5);

/// Why the evidence log can't be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It can't be read.
    #[error("failed to read the evidence log {0}")]
    Read(String, #[source] io::Error),
    /// It is something else.
    #[error(
        "no line of {0} is one of the evidence log ({SCHEMA}): take what the operator's Pods write to standard output, one JSON object a \
         line"
    )]
    Other(String),
}

/// What the evidence log says of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct History {
    /// When its first line about the account and region was written; null: it has none.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub from: Option<Timestamp>,
    /// When the last one was.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub to: Option<Timestamp>,
    /// How the flags of the target changed, in the order in which that was seen.
    pub changes: Vec<Change>,
    /// Between the first line and the last: when a change would not have been seen.
    pub unwatched: Vec<Unwatched>,
}

/// A flag was seen at another value than before. As in the evidence log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The flag.
    pub flag: String,
    /// What was seen before; null: nothing was known of the target.
    pub from: Option<String>,
    /// What was seen then; null: nobody selects the target any more.
    pub to: Option<String>,
    /// When the last read was sent that showed what was before.
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub last_seen: Option<Timestamp>,
    /// When the answer came that showed the change.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub seen: Timestamp,
    /// RequestId of that read.
    pub request_id: Option<String>,
    /// The write of ecs-keeper that made it; null: it was somebody else.
    pub write: Option<Write>,
}

impl Change {
    /// Whoever can write to the log can write anything.
    fn fit_to_be_shown(self) -> Self {
        let shown = |text: Option<String>| text.map(|text| plain(&text));
        let write = self.write.map(|write| Write {
            kind: plain(&write.kind),
            namespace: plain(&write.namespace),
            name: plain(&write.name),
            reason: plain(&write.reason),
            request_id: shown(write.request_id),
            ..write
        });
        let (from, to, request_id) = (shown(self.from), shown(self.to), shown(self.request_id));
        Self { flag: plain(&self.flag), from, to, request_id, write, ..self }
    }
}

/// A write of ecs-keeper. As in the evidence log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Write {
    /// Kind of the object that asked for it.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its generation.
    pub generation: i64,
    /// Why.
    pub reason: String,
    /// RequestId of the write; null: its answer never came.
    pub request_id: Option<String>,
}

/// A time in which a change would not have been seen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Unwatched {
    /// From when.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub from: Timestamp,
    /// Until when.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub to: Timestamp,
    /// `NoLeader`: nobody led, or the new leader had not listed the region yet. `LinesMissing`: lines of the log are missing.
    /// `NotListed`: no listing was complete.
    pub why: Why,
}

/// Why a change would not have been seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub enum Why {
    /// Nobody led, or the new leader had not listed the region yet.
    NoLeader,
    /// Lines of the log are missing.
    LinesMissing,
    /// No listing was complete.
    NotListed,
}

/// What an evidence log says of one target, wherever that is.
#[derive(Debug, Default)]
pub struct EvidenceLog {
    scopes: BTreeMap<(String, String), Book>,
}

/// What it says of one account and region.
#[derive(Debug, Default)]
struct Book {
    changes: Vec<Change>,
    switched_off: Vec<SwitchedOff>,
    /// The lines of each process, by their numbers: they may come in any order, and more than once.
    boots: BTreeMap<String, BTreeMap<u64, Head>>,
}

/// What counts of each line.
#[derive(Debug)]
struct Head {
    time: Timestamp,
    /// Of a heartbeat: since when the process has led, and when its newest listing of the target's kind began.
    heartbeat: Option<(Timestamp, Option<Timestamp>)>,
}

/// A line, as far as it counts. What later versions of the schema add does not.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    event: String,
    schema: String,
    account: String,
    region: String,
    boot: String,
    sequence: u64,
    time: Timestamp,
    id: Option<String>,
    leading_since: Option<Timestamp>,
    #[serde(default)]
    sweeps: Vec<Sweep>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sweep {
    resource: String,
    complete_since: Option<Timestamp>,
}

impl EvidenceLog {
    /// Reads the log for what it says of a target of this kind; `-` is standard input. Lines of other logs are passed over.
    pub fn read(path: &Path, kind: &str, id: &str) -> Result<Self, LogError> {
        let standard_input = path == Path::new("-");
        let name = if standard_input { "standard input".to_owned() } else { path.display().to_string() };
        let failed = |error| LogError::Read(name.clone(), error);
        let log = if standard_input {
            Self::of(io::stdin().lock(), kind, id).map_err(failed)?
        } else {
            Self::of(BufReader::new(File::open(path).map_err(failed)?), kind, id).map_err(failed)?
        };
        if log.scopes.is_empty() {
            return Err(LogError::Other(name));
        }
        Ok(log)
    }

    /// What these lines say.
    pub fn of(mut lines: impl BufRead, kind: &str, id: &str) -> io::Result<Self> {
        let (mut log, mut line) = (Self::default(), Vec::new());
        loop {
            line.clear();
            if lines.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? == 0 {
                return Ok(log);
            }
            log.take(&line, kind, id);
        }
    }

    fn take(&mut self, text: &[u8], kind: &str, id: &str) {
        let Ok(line) = serde_json::from_slice::<Line>(text) else { return };
        if line.schema != SCHEMA {
            return;
        }
        let book = self.scopes.entry((line.account, line.region)).or_default();
        let swept = line.sweeps.iter().find(|sweep| sweep.resource == kind);
        let heartbeat = line.leading_since.map(|since| (since, swept.and_then(|sweep| sweep.complete_since)));
        let head = Head { time: line.time, heartbeat };
        let known = book.boots.entry(line.boot).or_default().insert(line.sequence, head).is_some();
        if known || line.id.as_deref() != Some(id) {
            return;
        }
        // What has the form of one.
        match line.event.as_str() {
            "Transition" => {
                book.changes.extend(serde_json::from_slice::<Change>(text).ok().map(Change::fit_to_be_shown));
            }
            "Attribution" => {
                let attribution = serde_json::from_slice::<Attribution>(text).ok();
                book.switched_off.extend(attribution.map(SwitchedOff::from));
            }
            _ => {}
        }
    }

    /// What it says of the target if it is there: how its flags changed, and who had switched them off.
    pub fn history(mut self, scope: &Scope) -> (History, Vec<SwitchedOff>) {
        let place = (scope.account.to_string(), scope.region.to_string());
        let Book { mut changes, switched_off, boots } = self.scopes.remove(&place).unwrap_or_default();
        changes.sort_by_key(|change| change.seen);
        let times = || boots.values().flat_map(BTreeMap::values).map(|head| head.time);
        let (from, to) = (times().min(), times().max());
        (History { from, to, changes, unwatched: unwatched(&boots) }, switched_off)
    }
}

/// A time in which one process led without a break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    /// When its first line was written.
    first: Timestamp,
    /// When its last one was.
    last: Timestamp,
    /// When its last heartbeat was written.
    last_heartbeat: Option<Timestamp>,
    /// When its first complete listing began, as far as heartbeats tell.
    first_listed: Option<Timestamp>,
    /// When its newest one did.
    last_listed: Option<Timestamp>,
}

/// When nobody would have seen a change, from the first line to the last.
fn unwatched(boots: &BTreeMap<String, BTreeMap<u64, Head>>) -> Vec<Unwatched> {
    let (mut terms, mut unwatched) = (Vec::new(), Vec::new());
    for lines in boots.values() {
        // Lines of a term may come before its first heartbeat.
        let begun: BTreeSet<Timestamp> =
            lines.values().filter_map(|head| head.heartbeat.map(|(since, _)| since)).collect();
        let term_of = |time: Timestamp| begun.range(..=time).next_back();
        let mut last: Option<(u64, Timestamp)> = None;
        let mut term: Option<Term> = None;
        for (sequence, Head { time, heartbeat }) in lines {
            let listed = heartbeat.and_then(|(_, listed)| listed);
            let same = last.is_some_and(|(_, before)| term_of(before) == term_of(*time));
            terms.extend(term.take_if(|_| !same));
            if let Some((_, before)) =
                last.filter(|(before, _)| same && before.saturating_add(1) != *sequence)
            {
                unwatched.push(Unwatched { from: before, to: *time, why: Why::LinesMissing });
            }
            let known = term.unwrap_or(Term {
                first: *time,
                last: *time,
                last_heartbeat: None,
                first_listed: None,
                last_listed: None,
            });
            term = Some(Term {
                last: *time,
                last_heartbeat: known.last_heartbeat.max(heartbeat.map(|_| *time)),
                first_listed: known.first_listed.or(listed),
                last_listed: known.last_listed.max(listed),
                ..known
            });
            last = Some((*sequence, *time));
        }
        terms.extend(term);
    }
    terms.sort();
    let mut watched_to: Option<Timestamp> = None;
    for term in terms {
        // What changed before its first listing has no line.
        let from = term.first_listed.unwrap_or(term.first);
        if let Some(before) = watched_to.filter(|before| *before < from) {
            unwatched.push(Unwatched { from: before, to: from, why: Why::NoLeader });
        }
        // Any later listing would have shown it. Only heartbeats tell of listings.
        let listed = term.last_listed.unwrap_or(from);
        if let Some(to) = term.last_heartbeat.filter(|at| at.duration_since(listed) > LISTED_WITHIN) {
            unwatched.push(Unwatched { from: listed, to, why: Why::NotListed });
        }
        watched_to = watched_to.max(Some(term.last));
    }
    unwatched.sort();
    unwatched
}

#[cfg(test)]
mod tests {
    use super::*;
    use keeper_core::id::{AccountName, Region};
    use serde_json::{Value, json};

    fn time(minute: u32) -> String {
        format!("2026-11-30T08:{minute:02}:00Z")
    }

    fn line(boot: &str, sequence: u64, minute: u32, rest: &Value) -> String {
        let mut line = json!({
            "schema": SCHEMA, "account": "default", "region": "cn-hangzhou", "boot": boot, "sequence": sequence, "time": time(minute),
        });
        let rest = rest.as_object().unwrap().clone();
        line.as_object_mut().unwrap().extend(rest);
        line.to_string()
    }

    fn heartbeat(boot: &str, sequence: u64, minute: u32, (leading, listed): (u32, u32)) -> String {
        let sweeps = json!([{"resource": "Instance", "completeSince": time(listed)}]);
        let rest = json!({"event": "Heartbeat", "leadingSince": time(leading), "sweeps": sweeps});
        line(boot, sequence, minute, &rest)
    }

    fn change(boot: &str, sequence: u64, minute: u32, id: &str, to: &str) -> String {
        let rest = json!({
            "event": "Transition", "resource": "Instance", "id": id, "flag": "DeletionProtection", "from": null, "to": to,
            "lastSeen": null, "lastSeenRequestId": null, "seen": time(minute), "requestId": "R", "write": null,
        });
        line(boot, sequence, minute, &rest)
    }

    fn history(lines: &[String]) -> History {
        let log = EvidenceLog::of(lines.join("\n").as_bytes(), "Instance", "i-a").unwrap();
        let scope = Scope { account: AccountName::new("default"), region: Region::new("cn-hangzhou") };
        log.history(&scope).0
    }

    fn spans(history: &History) -> Vec<(String, String, Why)> {
        history.unwatched.iter().map(|it| (it.from.to_string(), it.to.to_string(), it.why)).collect()
    }

    #[test]
    fn changes_of_the_target_are_found_whatever_else_is_there_and_in_any_order() {
        let lines = [
            "2026-11-30 INFO something else".to_owned(),
            change("b", 3, 2, "i-a", "Unprotected"),
            heartbeat("b", 1, 0, (0, 0)),
            change("b", 2, 1, "i-a", "Protected"),
            // Collected twice.
            change("b", 3, 2, "i-a", "Unprotected"),
            change("b", 4, 3, "i-b", "Protected"),
            json!({"schema": SCHEMA}).to_string(),
            "x".repeat(200_000),
            heartbeat("b", 5, 5, (0, 5)),
        ];
        let history = history(&lines);
        let seen: Vec<&str> = history.changes.iter().filter_map(|change| change.to.as_deref()).collect();
        assert_eq!(seen, ["Protected", "Unprotected"]);
        let ends = [history.from, history.to].map(|at| at.unwrap().to_string());
        assert_eq!(ends, [time(0), time(5)]);
        assert_eq!(spans(&history), []);
    }

    #[test]
    fn i50_it_is_told_when_nobody_would_have_seen_a_change() {
        let beats = |spans: &[(u64, u32, (u32, u32))]| -> Vec<String> {
            spans.iter().map(|(n, at, led)| heartbeat("b", *n, *at, *led)).collect()
        };
        let span = |from, to, why| vec![(time(from), time(to), why)];
        let lost = beats(&[(1, 0, (0, 0)), (2, 5, (0, 5)), (4, 15, (0, 15))]);
        assert_eq!(spans(&history(&lost)), span(5, 15, Why::LinesMissing));
        // What changes while a long listing is under way is shown by the next one.
        let slow = beats(&[(1, 0, (0, 0)), (2, 5, (0, 2)), (3, 10, (0, 2)), (4, 15, (0, 12))]);
        assert_eq!(spans(&history(&slow)), []);
        let stuck = beats(&[(1, 0, (0, 0)), (2, 5, (0, 2)), (3, 10, (0, 2))]);
        assert_eq!(spans(&history(&stuck)), span(2, 10, Why::NotListed));
        // A line that is no heartbeat does not tell when the newest listing began.
        let mut ends = beats(&[(1, 0, (0, 0)), (2, 5, (0, 4))]);
        ends.push(change("b", 3, 10, "i-a", "Protected"));
        assert_eq!(spans(&history(&ends)), []);
        let mut again = beats(&[(1, 0, (0, 0)), (2, 5, (0, 5)), (4, 22, (20, 21))]);
        assert_eq!(spans(&history(&again)), span(5, 21, Why::NoLeader));
        // A term tells of a change before its first heartbeat.
        again.push(change("b", 3, 21, "i-a", "Protected"));
        assert_eq!(spans(&history(&again)), span(5, 21, Why::NoLeader));
        let mut two = beats(&[(1, 0, (0, 0)), (2, 5, (0, 5))]);
        two.extend([heartbeat("c", 1, 12, (10, 11)), heartbeat("c", 2, 17, (10, 17))]);
        assert_eq!(spans(&history(&two)), span(5, 11, Why::NoLeader));
    }
}
