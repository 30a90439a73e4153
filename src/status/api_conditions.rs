//! From what was judged to the conditions in a status, as the Kubernetes API has them.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use k8s_openapi::jiff::Timestamp;
use keeper_core::conditions::Condition as Judged;
use keeper_core::id::Generation;

use super::fields::{cut, whole_seconds};
use super::report::Report;
use crate::api::Resource;

/// Lists the ways in which targets can be lost all the same.
pub const AT_RISK: &str = "AtRisk";
/// Neither the operator nor a person has anything left to do.
const READY: &str = "Ready";
/// The operator has.
pub const RECONCILING: &str = "Reconciling";
/// A person has.
pub const STALLED: &str = "Stalled";

const MAX_CONDITION_MESSAGE: usize = 32_768;

pub(super) fn conditions(
    resource: Resource,
    report: &Report,
    old: &[Condition],
    of: Generation,
    now: Timestamp,
) -> Vec<Condition> {
    let condition_set = &report.condition_set;
    [
        (resource.domain(), &condition_set.domain),
        (AT_RISK, &condition_set.at_risk),
        (READY, &condition_set.ready),
        (RECONCILING, &condition_set.reconciling),
        (STALLED, &condition_set.stalled),
    ]
    .map(|(name, judged)| condition(name, judged, old, of, now))
    .into()
}

pub(super) fn condition(
    name: &str,
    judged: &Judged,
    old: &[Condition],
    of: Generation,
    now: Timestamp,
) -> Condition {
    let before = old.iter().find(|condition| condition.type_ == name);
    let since = before.filter(|condition| condition.status == judged.status.as_str());
    Condition {
        type_: name.to_owned(),
        status: judged.status.as_str().to_owned(),
        reason: judged.reason.as_str().to_owned(),
        message: cut(&judged.message, MAX_CONDITION_MESSAGE),
        observed_generation: Some(of),
        last_transition_time: since
            .map_or_else(|| whole_seconds(now), |before| before.last_transition_time.clone()),
    }
}

/// Whether all of the new conditions stand there. Those of other writers are theirs.
pub(super) fn same_conditions(old: &[Condition], new: &[Condition]) -> bool {
    new.iter().all(|condition| old.iter().find(|old| old.type_ == condition.type_) == Some(condition))
}
