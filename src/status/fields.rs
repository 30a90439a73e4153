//! What the statuses of all resources have in common.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use keeper_core::verdict::total;

use super::report::Report;
use crate::api::{Counts, MAX_MESSAGE, MAX_RISKS, Risk};

/// How many targets are in which state, once that is known of every region.
pub(super) fn counts(report: &Report) -> Option<Counts> {
    let counts = &report.part.counts;
    report.counted.then(|| Counts {
        targets: counts.targets(),
        protected: counts.protected(),
        unprotected: total(&counts.unprotected),
        not_applicable: counts.not_applicable(),
        unknown: total(&counts.unknown),
        excepted: counts.excepted,
        at_risk: counts.at_risk,
        nodes_ignored: report.part.nodes.ignored,
    })
}

pub(super) fn risks(risks: &[keeper_core::reason::Risk]) -> Vec<Risk> {
    let risk = |risk: &keeper_core::reason::Risk| Risk {
        reason: risk.reason.as_str().to_owned(),
        message: sentence(risk.reason.sentence(), risk.detail.as_deref()),
    };
    risks.iter().take(MAX_RISKS).map(risk).collect()
}

/// A sentence about one target, with what the cloud said of it.
pub(super) fn sentence(text: &str, detail: Option<&str>) -> String {
    let detail = detail.map(|detail| format!(" ({detail})")).unwrap_or_default();
    cut(&format!("{text}{detail}"), MAX_MESSAGE)
}

/// Times in a Kubernetes object have whole seconds: what is finer would come back different from what was sent.
pub(super) fn whole_seconds(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}

/// The first characters of a text, so that it fits its field.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(3)).collect();
    short.push_str("...");
    short
}
