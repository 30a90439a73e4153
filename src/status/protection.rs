//! The status of an `EcsInstanceProtection`.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::jiff::Timestamp;
use keeper_core::conditions::Summary;
use keeper_core::id::Generation;
use keeper_core::verdict::{Row, State};

use super::api_conditions::same_conditions;
use super::fields::{counts, risks, sentence, whole_seconds};
use super::losses::{Lost, rows};
use super::report::Report;
use crate::api::{EcsInstanceProtectionStatus, InstanceState, InstanceStatus, ProtectionState};

/// The status that says what is to be said.
pub fn status(
    report: &Report,
    conditions: Vec<Condition>,
    old: Option<&EcsInstanceProtectionStatus>,
    lost: &[Lost],
    of: Generation,
    now: Timestamp,
) -> EcsInstanceProtectionStatus {
    let before = old.map(|status| status.instances.as_slice()).unwrap_or_default();
    let since: BTreeMap<&str, (InstanceState, &Time)> =
        before.iter().map(|row| (row.instance_id.as_str(), (row.state, &row.since))).collect();
    let targets = report.part.rows.iter();
    let mut instances: Vec<InstanceStatus> = targets.map(|row| instance(row, &since, now)).collect();
    instances.extend(rows(lost, before, &instances));
    EcsInstanceProtectionStatus {
        observed_generation: Some(of),
        conditions,
        protection_state: Some(state(report.condition_set.summary)),
        counts: counts(report),
        instances,
    }
}

/// Whether two statuses say the same in everything that we say.
pub fn same(old: &EcsInstanceProtectionStatus, new: &EcsInstanceProtectionStatus) -> bool {
    old.observed_generation == new.observed_generation
        && old.protection_state == new.protection_state
        && old.counts == new.counts
        && old.instances == new.instances
        && same_conditions(&old.conditions, &new.conditions)
}

fn state(summary: Summary) -> ProtectionState {
    match summary {
        Summary::Protected => ProtectionState::Protected,
        Summary::ProtectedWhereApplicable => ProtectionState::ProtectedWhereApplicable,
        Summary::Unprotected => ProtectionState::Unprotected,
        Summary::AsAsked => ProtectionState::Disabled,
        Summary::NoTargets => ProtectionState::NoTargets,
        Summary::Unknown => ProtectionState::Unknown,
    }
}

fn instance(row: &Row, since: &BTreeMap<&str, (InstanceState, &Time)>, now: Timestamp) -> InstanceStatus {
    let state = match row.state {
        State::Protected => InstanceState::Protected,
        State::Unprotected => InstanceState::Unprotected,
        State::NotApplicable => InstanceState::NotApplicable,
        State::Unknown => InstanceState::Unknown,
    };
    let before = since.get(row.id.as_ref()).filter(|(was, _)| *was == state);
    // Of one target the reason of a protected flag is that it is protected, not that all are.
    let (reason, text) = match row.state {
        State::Protected => ("Protected", "Release protection is on."),
        _ => (row.reason.as_str(), row.reason.sentence()),
    };
    InstanceStatus {
        instance_id: row.id.to_string(),
        since: before.map_or_else(|| whole_seconds(now), |(_, since)| (*since).clone()),
        reason: reason.to_owned(),
        message: sentence(text, row.detail.as_deref()),
        risks: risks(&row.risks),
        state,
    }
}
