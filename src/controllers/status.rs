//! From a judgement to the status of the custom resource. Pure: no client and no clock here.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use keeper_core::conditions::{Condition as Judged, Judgement, Question, Summary, judge, unserved};
use keeper_core::reason::Reason;
use keeper_core::verdict::{Part, Row, State, total};
use keeper_core::wish::Generation;

use super::objects::Entry;
use super::route::{Route, generation};
use crate::api::{
    Counts, EcsInstanceProtectionStatus, InstanceState, InstanceStatus, MAX_LISTED_INSTANCES, MAX_MESSAGE,
    MAX_RISKS, ProtectionState, Risk,
};

/// The domain condition.
pub const PROTECTED: &str = "Protected";
/// Lists the ways in which targets can be lost all the same.
pub const AT_RISK: &str = "AtRisk";
/// Neither the operator nor a person has anything left to do.
pub const READY: &str = "Ready";
/// The operator has.
pub const RECONCILING: &str = "Reconciling";
/// A person has.
pub const STALLED: &str = "Stalled";

/// What is to be said of an object now.
#[derive(Debug)]
pub struct Report {
    /// The judgement.
    pub judgement: Judgement,
    /// All fleets' parts together.
    pub part: Part,
    nodes_ignored: u32,
}

/// Judges an object from all its parts. `None`: there is no evidence yet, and the status that stands may stay.
pub fn report(entry: &Entry) -> Option<Report> {
    let of = generation(&entry.seen.meta);
    let served = match &entry.route {
        Route::NotGranted => {
            return Some(silent(unserved(Reason::NotGranted, Reason::NotGranted.sentence())));
        }
        Route::Opaque(message) => return Some(silent(unserved(Reason::Undecodable, message))),
        Route::Served(served) => served,
    };
    let mut part = Part { settled: true, ..Part::default() };
    let fleets = entry.fleets();
    for fleet in &fleets {
        match entry.parts.get(fleet) {
            Some((judged, theirs)) if *judged == of => part.join(theirs),
            // A part that is missing is Unknown.
            _ => part.join(&Part { unlisted: Some(Reason::AwaitingEvidence), ..Part::default() }),
        }
    }
    let question = served.wishes.values().next().map_or_else(Question::default, Question::of);
    let unchanged = entry
        .seen
        .object
        .as_ref()
        .and_then(|object| object.status.as_ref())
        .is_some_and(|status| status.observed_generation == Some(of));
    if !part.settled && unchanged {
        return None;
    }
    Some(Report { judgement: judge(question, &part), part, nodes_ignored: served.nodes_ignored })
}

fn silent(judgement: Judgement) -> Report {
    Report { judgement, part: Part::default(), nodes_ignored: 0 }
}

/// The status that says it. Times stay where nothing changed, so that an equal status is equal.
pub fn status(
    report: &Report,
    old: Option<&EcsInstanceProtectionStatus>,
    of: Generation,
    now: Timestamp,
) -> EcsInstanceProtectionStatus {
    let judgement = &report.judgement;
    let old_conditions = old.map(|status| status.conditions.as_slice()).unwrap_or_default();
    let conditions = [
        (PROTECTED, &judgement.domain),
        (AT_RISK, &judgement.at_risk),
        (READY, &judgement.ready),
        (RECONCILING, &judgement.reconciling),
        (STALLED, &judgement.stalled),
    ]
    .map(|(name, judged)| condition(name, judged, old_conditions, of, now));
    let tally = &report.part.tally;
    let since: BTreeMap<&str, (&InstanceState, &Time)> = old
        .map(|status| status.instances.as_slice())
        .unwrap_or_default()
        .iter()
        .map(|row| (row.instance_id.as_str(), (&row.state, &row.since)))
        .collect();
    EcsInstanceProtectionStatus {
        observed_generation: Some(of),
        conditions: conditions.into(),
        protection_state: Some(state(judgement.summary)),
        counts: Some(Counts {
            targets: tally.targets(),
            safe: tally.safe(),
            weak: total(&tally.weak),
            not_applicable: tally.not_applicable(),
            unknown: total(&tally.unknown),
            at_risk: tally.at_risk,
            nodes_ignored: report.nodes_ignored,
        }),
        instances: report
            .part
            .rows
            .iter()
            .take(MAX_LISTED_INSTANCES)
            .map(|row| instance(row, &since, now))
            .collect(),
    }
}

fn state(summary: Summary) -> ProtectionState {
    match summary {
        Summary::Safe => ProtectionState::Protected,
        Summary::SafeWhereApplicable => ProtectionState::ProtectedWhereApplicable,
        Summary::Weak => ProtectionState::Unprotected,
        Summary::AsAsked => ProtectionState::Disabled,
        Summary::NoTargets => ProtectionState::NoTargets,
        Summary::Unknown => ProtectionState::Unknown,
    }
}

fn condition(name: &str, judged: &Judged, old: &[Condition], of: Generation, now: Timestamp) -> Condition {
    let before = old.iter().find(|condition| condition.type_ == name);
    let since = before.filter(|condition| condition.status == judged.status.as_str());
    Condition {
        type_: name.to_owned(),
        status: judged.status.as_str().to_owned(),
        reason: judged.reason.as_str().to_owned(),
        message: cut(&judged.message, 32_768),
        observed_generation: Some(of),
        last_transition_time: since
            .map_or_else(|| whole_seconds(now), |before| before.last_transition_time.clone()),
    }
}

fn instance(row: &Row, since: &BTreeMap<&str, (&InstanceState, &Time)>, now: Timestamp) -> InstanceStatus {
    let state = match row.state {
        State::Safe => InstanceState::Safe,
        State::Weak => InstanceState::Weak,
        State::NotApplicable => InstanceState::NotApplicable,
        State::Unknown => InstanceState::Unknown,
    };
    let before = since.get(row.id.as_ref()).filter(|(was, _)| **was == state);
    let detail = row.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    InstanceStatus {
        instance_id: row.id.to_string(),
        since: before.map_or_else(|| whole_seconds(now), |(_, since)| (*since).clone()),
        reason: row_reason(row).to_owned(),
        message: cut(&format!("{}{detail}", row_sentence(row)), MAX_MESSAGE),
        risks: row.risks.iter().take(MAX_RISKS).map(risk).collect(),
        state,
    }
}

/// Of one target the reason of a safe flag is that it is safe, not that all are.
fn row_reason(row: &Row) -> &'static str {
    if row.state == State::Safe { PROTECTED } else { row.reason.as_str() }
}

fn row_sentence(row: &Row) -> &'static str {
    if row.state == State::Safe { "Release protection is on." } else { row.reason.sentence() }
}

fn risk(risk: &keeper_core::reason::Risk) -> Risk {
    let detail = risk.detail.as_ref().map(|detail| format!(" ({detail})")).unwrap_or_default();
    Risk {
        reason: risk.reason.as_str().to_owned(),
        message: cut(&format!("{}{detail}", risk.reason.sentence()), MAX_MESSAGE),
    }
}

/// Times in a Kubernetes object have whole seconds: what is finer would come back different from what was sent.
fn whole_seconds(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

/// The first characters of a text, so that it fits its field.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(3)).collect();
    short.push_str("...");
    short
}

/// Whether two statuses say the same in everything that we say. Conditions of other writers are theirs.
pub fn same(old: Option<&EcsInstanceProtectionStatus>, new: &EcsInstanceProtectionStatus) -> bool {
    let Some(old) = old else { return false };
    let ours = |status: &EcsInstanceProtectionStatus| -> Vec<Condition> {
        let named = new.conditions.iter().map(|condition| condition.type_.as_str());
        named
            .filter_map(|name| status.conditions.iter().find(|condition| condition.type_ == name).cloned())
            .collect()
    };
    old.observed_generation == new.observed_generation
        && old.protection_state == new.protection_state
        && old.counts == new.counts
        && old.instances == new.instances
        && ours(old) == ours(new)
}
