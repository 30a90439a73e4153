//! Why a row is as it is, and what else can happen to its target: what every form for people says, in this order.

use std::fmt;

use keeper_core::reason::Reason;
use keeper_core::resource::Place;
use keeper_core::verdict::State;

use super::claim::Claim;
use super::ignore::Ignored;
use super::row::{Row, RowRisk};
use crate::zone::Zone;

/// One thing to say of a target.
pub enum Why<'a> {
    /// It is on this instance.
    On(&'a str),
    NotAttached,
    /// The reason of its state.
    Reason(Reason),
    Risk(&'a RowRisk),
    /// Who of the cluster holds it.
    Claim(&'a Claim),
    /// Somebody has accepted what is found of it.
    Ignored(&'a Ignored),
}

impl fmt::Display for Why<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On(instance) => write!(f, "on {instance}"),
            Self::NotAttached => f.write_str("not attached"),
            Self::Reason(reason) => f.write_str(reason.as_str()),
            Self::Risk(risk) => risk.fmt(f),
            Self::Claim(claim) => {
                let Claim { held_by, may_be_held_by, .. } = claim;
                match (held_by.as_slice(), may_be_held_by.as_slice()) {
                    ([], []) => f.write_str("unclaimed"),
                    ([], may) => write!(f, "may be held by {}", may.join(" ")),
                    (held, _) => write!(f, "held by {}", held.join(" ")),
                }
            }
            Self::Ignored(ignored) => write!(f, "ignored until {}: {}", ignored.until, ignored.reason),
        }
    }
}

impl Why<'_> {
    /// The same for who reads it in this zone.
    pub fn told(&self, zone: &Zone) -> String {
        match self {
            Self::Ignored(Ignored { until, reason }) => {
                format!("ignored until {}: {reason}", zone.time(*until))
            }
            other => other.to_string(),
        }
    }
}

/// Everything that there is to say of a target beside its state.
pub fn why<'a>(row: &'a Row<'_>) -> Vec<Why<'a>> {
    let mut parts = Vec::new();
    match row.place {
        Some(Place::On(instance)) => parts.push(Why::On(instance.as_str())),
        Some(Place::Free) => parts.push(Why::NotAttached),
        Some(Place::Unreadable) | None => {}
    }
    if matches!(row.state, State::Unknown | State::NotApplicable) {
        parts.push(Why::Reason(row.reason));
    }
    // A spot instance is both.
    let said = |reason| row.state == State::NotApplicable && row.reason == reason;
    parts.extend(row.risks.iter().filter(|risk| !said(risk.reason)).map(Why::Risk));
    let claim = row.claim.as_ref().filter(|claim| !claim.is_none() || row.unclaimed() == Some(true));
    parts.extend(claim.map(Why::Claim));
    parts.extend(row.ignored.map(Why::Ignored));
    parts
}
