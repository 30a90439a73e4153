//! From a judgement to the status of the custom resource. Pure: no client and no clock here.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use keeper_core::conditions::{Condition as Judged, Judgement, Question, Summary, judge, unserved};
use keeper_core::id::Region;
use keeper_core::reason::Reason;
use keeper_core::verdict::{Part, Progress, Row, State, tell, total};
use keeper_core::wish::Generation;

use super::objects::Entry;
use super::route::{Route, Served, generation};
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
    /// Selected Nodes that are not targets.
    pub nodes_ignored: u32,
    /// Whether every region has counted its targets: what is not counted is not zero.
    pub counted: bool,
}

/// Judges an object from all its parts. `None`: there is no evidence yet, and the status that stands may stay.
pub fn report(entry: &Entry) -> Option<Report> {
    let of = generation(&entry.seen.meta);
    let served = match &*entry.route {
        Route::NotGranted => {
            return Some(silent(unserved(Reason::NotGranted, Reason::NotGranted.sentence())));
        }
        Route::Opaque(message) => return Some(silent(unserved(Reason::Undecodable, message))),
        Route::Served(served) => served,
    };
    let mut part = Part { settled: true, ..Part::default() };
    let mut counted = true;
    let fleets = entry.fleets();
    for fleet in &fleets {
        match entry.parts.get(fleet) {
            Some((judged, theirs)) if *judged == of => part.join(theirs),
            _ => {
                counted = false;
                part.join(&missing(served, &fleet.region));
            }
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
    Some(Report { judgement: judge(question, &part), part, nodes_ignored: served.nodes_ignored, counted })
}

/// What is said of a region that has said nothing yet: it is Unknown, and nothing is carried out there.
fn missing(served: &Served, region: &Region) -> Part {
    let weakens = served.wishes.get(region).is_some_and(|wish| wish.weakening().is_some());
    let progress = weakens.then(|| {
        let mut progress = Progress::default();
        tell(&mut progress.waiting, Reason::AwaitingEvidence, region.as_str());
        progress
    });
    Part { unlisted: Some(Reason::AwaitingEvidence), progress, ..Part::default() }
}

fn silent(judgement: Judgement) -> Report {
    Report { judgement, part: Part::default(), nodes_ignored: 0, counted: false }
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
        counts: report.counted.then(|| Counts {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keeper_core::id::AccountName;
    use keeper_core::instance::Instance;
    use keeper_core::wish::{Selector, Wish};
    use serde_json::json;

    use super::*;
    use crate::api::EcsInstanceProtection;
    use crate::controllers::objects::Seen;
    use crate::fleet::FleetKey;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn wish(protect: bool) -> Wish<Instance> {
        Wish { protect, ..Wish::of(Selector::default()) }
    }

    fn fleet(region: &str) -> FleetKey {
        FleetKey { account: AccountName::new("default"), region: Region::new(region) }
    }

    fn entry(regions: &[&str], protect: bool) -> Entry {
        let object: EcsInstanceProtection = serde_json::from_value(json!({
            "metadata": { "name": "a", "namespace": "n", "uid": "u", "generation": 2 },
            "spec": { "targets": {} },
        }))
        .unwrap();
        Entry {
            seen: Seen { meta: object.metadata.clone(), object: Some(Arc::new(object)) },
            route: Arc::new(Route::Served(Served {
                account: AccountName::new("default"),
                wishes: regions.iter().map(|region| (Region::new(region), wish(protect))).collect(),
                nodes_ignored: 1,
                nodes: BTreeMap::new(),
            })),
            parts: BTreeMap::new(),
            told: None,
            announced: None,
        }
    }

    fn row(id: &str, state: State, reason: Reason) -> Row {
        Row { id: id.into(), state, reason, detail: None, risks: Vec::new() }
    }

    fn settled(rows: Vec<Row>) -> Arc<Part> {
        Arc::new(Part { settled: true, rows, ..Part::default() })
    }

    fn said(entry: &Entry) -> (String, String) {
        let report = report(entry).unwrap();
        let domain = report.judgement.domain;
        (domain.status.as_str().to_owned(), domain.reason.as_str().to_owned())
    }

    #[test]
    fn a_region_that_has_said_nothing_yet_is_unknown() {
        let mut entry = entry(&["cn-beijing", "cn-hangzhou"], true);
        entry.parts.insert(fleet("cn-beijing"), (2, settled(Vec::new())));
        assert_eq!(said(&entry), ("Unknown".to_owned(), "AwaitingEvidence".to_owned()));
        entry.parts.insert(fleet("cn-hangzhou"), (1, settled(Vec::new())));
        assert_eq!(said(&entry).1, "AwaitingEvidence", "what it said of an older generation does not count");
        entry.parts.insert(fleet("cn-hangzhou"), (2, settled(Vec::new())));
        assert_eq!(said(&entry).1, "NoTargets");
    }

    #[test]
    fn i12_weakening_is_not_carried_out_while_a_region_has_not_said_so() {
        let mut entry = entry(&["cn-beijing", "cn-hangzhou"], false);
        let done = Part {
            settled: true,
            progress: Some(Progress { done: true, ..Progress::default() }),
            ..Part::default()
        };
        entry.parts.insert(fleet("cn-beijing"), (2, Arc::new(done.clone())));
        let half = report(&entry).unwrap();
        assert!(!half.part.progress.unwrap().done);
        assert_ne!(half.judgement.domain.reason, Reason::DisabledAsAsked);
        entry.parts.insert(fleet("cn-hangzhou"), (2, Arc::new(done)));
        assert_eq!(said(&entry).1, "DisabledAsAsked");
    }

    #[test]
    fn i38_without_evidence_of_ones_own_the_status_that_stands_is_left_standing() {
        let mut entry = entry(&["cn-beijing"], true);
        assert!(report(&entry).is_some(), "a new object is told that it was seen");
        let mut object = entry.seen.object.as_deref().unwrap().clone();
        let standing =
            |of| Some(EcsInstanceProtectionStatus { observed_generation: Some(of), ..Default::default() });
        object.status = standing(2);
        entry.seen.object = Some(Arc::new(object.clone()));
        assert!(report(&entry).is_none());
        object.status = standing(1);
        entry.seen.object = Some(Arc::new(object));
        assert!(report(&entry).is_some(), "a status of an older generation is not left standing");
    }

    #[test]
    fn i37_times_stay_where_nothing_changed_and_an_equal_status_is_equal() {
        let mut entry = entry(&["cn-beijing"], true);
        let rows =
            vec![row("i-a", State::Safe, Reason::AllSafe), row("i-b", State::Weak, Reason::Correcting)];
        entry.parts.insert(fleet("cn-beijing"), (2, settled(rows)));
        let report = report(&entry).unwrap();
        let first = status(&report, None, 2, at(100));
        let mut stored = first.clone();
        stored.conditions.insert(0, condition("example.com/Audited", &report.judgement.ready, &[], 2, at(1)));
        let second = status(&report, Some(&stored), 2, at(500));
        assert_eq!(first, second);
        assert!(same(Some(&stored), &second), "conditions of other writers are theirs");
        let mut weaker = report;
        weaker.part.rows[0].state = State::Unknown;
        let third = status(&weaker, Some(&stored), 2, at(500));
        assert!(!same(Some(&stored), &third));
        assert_eq!(third.instances[0].since.0, at(500), "this row has changed");
        assert_eq!(third.instances[1].since.0, at(100), "this one has not");
        assert!(!same(Some(&stored), &status(&weaker, Some(&stored), 3, at(500))));
    }

    #[test]
    fn what_is_not_served_is_told_so_and_stalls() {
        let mut entry = entry(&[], true);
        for (route, reason) in [
            (Route::NotGranted, "NotGranted"),
            (Route::Opaque("spec.mode holds a word.".to_owned()), "Undecodable"),
        ] {
            entry.route = Arc::new(route);
            let report = report(&entry).unwrap();
            assert_eq!(report.judgement.domain.reason.as_str(), reason);
            assert_eq!(report.judgement.stalled.status.as_str(), "True");
            assert_eq!(report.judgement.ready.status.as_str(), "False");
        }
    }

    #[test]
    fn a_text_is_cut_to_its_field_between_characters() {
        assert_eq!(cut("short", 10), "short");
        assert_eq!(cut("äöüäöüäöü", 6), "äöü...");
    }
}
