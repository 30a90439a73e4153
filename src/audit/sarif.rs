//! The report as SARIF 2.1.0, for what shows findings of tools beside code: findings only, the worst first.
//!
//! A finding has no file. Tools that show findings ask for one, so each has the path that its target would have in a tree of the
//! account.

use std::collections::BTreeSet;
use std::io::{self, Write};

use keeper_core::reason::Reason;
use keeper_core::verdict::State;
use serde_json::{Value, json};

use super::form::{Form, Region};
use super::row::{Kind, Row, Severity};
use super::why::Why;
use super::words::{not_examined, sentence};
use super::worst::{Rank, Room, Worst};

/// What GitHub takes from one run: so many results, and an upload that has 10 MB when it is compressed (GitHub's page on SARIF support for code scanning).
const ROOM: Room = Room { entries: 5_000, bytes: 9_000_000 };

/// The vendor's own rule for release protection, in Cloud Config.
const RELEASE_PROTECTION: &str = "ecs-instance-deletion-protection-enabled";

/// The report as one SARIF log.
pub struct Sarif<W> {
    out: W,
    worst: Worst,
    rules: BTreeSet<(Kind, Reason)>,
    notifications: Vec<Value>,
    complete: bool,
    /// Whether the scaling groups of all regions were listed.
    all_groups: bool,
}

impl<W: Write> Sarif<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            worst: Worst::new(ROOM),
            rules: BTreeSet::new(),
            notifications: Vec::new(),
            complete: true,
            all_groups: true,
        }
    }

    fn add(&mut self, row: &Row<'_>, severity: Severity, reason: Reason, detail: Option<&str>) {
        self.rules.insert((row.kind, reason));
        let rank = Rank { severity, ..Rank::from(row) };
        self.worst.offer(rank, || result(row, severity, reason, detail).to_string());
    }
}

impl<W: Write> Form for Sarif<W> {
    fn row(&mut self, row: &Row<'_>) -> io::Result<()> {
        match row.state {
            State::Unprotected | State::Excepted => self.add(row, Severity::Unprotected, row.reason, None),
            State::Unknown => self.add(row, Severity::Unknown, row.reason, None),
            State::NotApplicable | State::Protected => {}
        }
        for risk in &row.risks {
            let severity = match risk.reason {
                Reason::RisksUnreadable => Severity::Unknown,
                _ => Severity::AtRisk,
            };
            self.add(row, severity, risk.reason, risk.detail.as_deref());
        }
        Ok(())
    }

    fn region(&mut self, region: &Region<'_>) -> io::Result<()> {
        let told = |level, why| {
            let text = format!("{} (account {}): {why}", region.scope.region, region.scope.account);
            notification(level, &text)
        };
        self.complete &= region.failure.is_none();
        self.notifications.extend(region.failure.map(|why| told("error", why)));
        self.notifications.extend(region.scaling_groups_failure.map(|why| told("warning", why)));
        self.all_groups &= region.scaling_groups.is_some();
        Ok(())
    }

    fn end(&mut self) -> io::Result<()> {
        let mut notifications = std::mem::take(&mut self.notifications);
        let left_out: u64 = self.worst.left_out().values().sum();
        if left_out > 0 {
            notifications.push(notification(
                "warning",
                &format!("{left_out} more findings were left out: a log has the worst ones, as many as there is room for"),
            ));
        }
        notifications.push(notification(
            "note",
            &format!("Not examined, so unknown: {}", not_examined(self.all_groups)),
        ));
        let rules: Vec<Value> = self.rules.iter().map(|(kind, reason)| rule(*kind, *reason)).collect();
        let driver =
            json!({ "name": "ecs-keeper", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules });
        let invocation =
            json!({ "executionSuccessful": self.complete, "toolExecutionNotifications": notifications });
        let properties = json!({ "findings": self.worst.offered(), "leftOut": left_out });
        write!(
            self.out,
            "{{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\",\"runs\":[{{\
             \"tool\":{{\"driver\":{driver}}},\"columnKind\":\"unicodeCodePoints\",\"invocations\":[{invocation}],\
             \"properties\":{properties},\"results\":["
        )?;
        for (number, result) in self.worst.kept().enumerate() {
            let between = if number == 0 { "\n" } else { ",\n" };
            write!(self.out, "{between}{result}")?;
        }
        self.out.write_all(b"]}]}\n")?;
        self.out.flush()
    }
}

fn notification(level: &str, text: &str) -> Value {
    json!({ "level": level, "message": { "text": text } })
}

/// The id of a rule: the vendor's own where there is one. The same word may mean another thing of an instance than of what is on it.
fn rule_id(kind: Kind, reason: Reason) -> String {
    match (kind, reason) {
        (Kind::Instance, Reason::Unprotected) => RELEASE_PROTECTION.to_owned(),
        (kind, reason) => format!("{}/{}", kind.as_str(), reason.as_str()),
    }
}

fn rule(kind: Kind, reason: Reason) -> Value {
    let text = sentence(kind, reason);
    let short = text.split_inclusive(". ").next().unwrap_or(text).trim_end();
    json!({
        "id": rule_id(kind, reason),
        "name": format!("{}{}", kind.as_str(), reason.as_str()),
        "shortDescription": { "text": short },
        "fullDescription": { "text": text },
    })
}

fn result(row: &Row<'_>, severity: Severity, reason: Reason, detail: Option<&str>) -> Value {
    let (account, region, id) = (row.scope.account.as_str(), row.scope.region.as_str(), row.id);
    let rule = rule_id(row.kind, reason);
    let (what, folder) = (row.kind.label(), row.kind.plural().replace(' ', "-"));
    let level = match severity {
        Severity::Unprotected => "error",
        Severity::AtRisk => "warning",
        Severity::Unknown | Severity::NotApplicable | Severity::Protected => "note",
    };
    let name = row.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
    let on = row.instance().map(|instance| format!(" on {instance}")).unwrap_or_default();
    let detail = detail.map(|detail| format!(" {detail}")).unwrap_or_default();
    let held = row.claim.as_ref().filter(|claim| !claim.held_by.is_empty());
    let held = held.map(|claim| format!(" ({})", Why::Claim(claim))).unwrap_or_default();
    let text = format!("{what} {id}{name}{on} in {region}: {}{detail}{held}.", reason.as_str());
    let mut result = json!({
        "ruleId": rule,
        "level": level,
        "message": { "text": text_of_message(&text) },
        "locations": [{
            "physicalLocation": {
                "artifactLocation": { "uri": format!("alibabacloud/{account}/{region}/{folder}/{id}") },
                "region": { "startLine": 1 },
            },
            "logicalLocations": [{ "name": id, "fullyQualifiedName": format!("{account}/{region}/{id}"), "kind": "resource" }],
        }],
        "partialFingerprints": { "ecsKeeperTarget/v1": format!("{account}/{region}/{id}/{rule}") },
    });
    if let (Some(ignored), Some(fields)) = (row.ignored, result.as_object_mut()) {
        let why = format!("until {}: {}", ignored.until, ignored.reason);
        fields.insert("suppressions".to_owned(), json!([{ "kind": "external", "justification": why }]));
    }
    result
}

/// Brackets make links in a message, and braces stand for arguments (SARIF 2.1.0, 3.11.5 and 3.11.6).
fn text_of_message(text: &str) -> String {
    let mut message = String::with_capacity(text.len());
    for one in text.chars() {
        match one {
            '[' | ']' | '\\' => message.extend(['\\', one]),
            '{' | '}' => message.extend([one, one]),
            _ => message.push(one),
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_message_is_a_link_or_an_argument() {
        assert_eq!(text_of_message("[a](http://x) {0} \\ b"), "\\[a\\](http://x) {{0}} \\\\ b");
    }
}
