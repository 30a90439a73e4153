//! What is said of one target, and how many are alike.

use std::fmt;

use jiff::Timestamp;
use keeper_core::engine::Observation;
use keeper_core::id::InstanceId;
use keeper_core::reason::{Reason, Risk};
use keeper_core::resource::Place;
use keeper_core::verdict::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::claim::Claim;
use super::ignore::Ignored;
use crate::scope::Scope;
use crate::visible_text::plain;

/// A sort of target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Instance,
    NetworkInterface,
    /// For the report alone: nobody protects it.
    ScalingGroup,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Instance, Self::NetworkInterface, Self::ScalingGroup];

    /// For people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Instance => "Instance",
            Self::NetworkInterface => "Network interface",
            Self::ScalingGroup => "Scaling group",
        }
    }

    /// Several, for people.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Instance => "instances",
            Self::NetworkInterface => "network interfaces",
            Self::ScalingGroup => "scaling groups",
        }
    }

    /// For programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Instance => "Instance",
            Self::NetworkInterface => "NetworkInterface",
            Self::ScalingGroup => "ScalingGroup",
        }
    }
}

/// How much a target needs attention, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// One call takes it.
    Unprotected,
    /// It can be lost although its flag is, or would be, protected.
    AtRisk,
    /// Its verdict or its risks are not known.
    Unknown,
    /// It can't carry the flag.
    NotApplicable,
    /// Nothing is known that would take it.
    Protected,
}

impl Severity {
    pub const ALL: [Self; 5] =
        [Self::Unprotected, Self::AtRisk, Self::Unknown, Self::NotApplicable, Self::Protected];

    /// For people.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unprotected => "Unprotected",
            Self::AtRisk => "At risk",
            Self::Unknown => "Unknown",
            Self::NotApplicable => "Not applicable",
            Self::Protected => "Protected",
        }
    }
}

/// What is said of one target. What strangers wrote is fit to be shown.
pub struct Row<'a> {
    pub scope: &'a Scope,
    pub kind: Kind,
    pub id: &'a str,
    pub name: Option<String>,
    /// Where a network interface is.
    pub place: Option<Place<'a>>,
    pub state: State,
    pub reason: Reason,
    pub risks: Vec<RowRisk>,
    /// Who holds it; `None` if no cluster was asked, and of what nobody can hold.
    pub claim: Option<Claim>,
    /// When the cloud was asked.
    pub seen: Timestamp,
    pub ignored: Option<&'a Ignored>,
}

/// A documented way in which a target can be lost although its flag is, or would be, protected.
pub struct RowRisk {
    pub reason: Reason,
    pub detail: Option<String>,
}

impl From<Risk> for RowRisk {
    fn from(risk: Risk) -> Self {
        Self { reason: risk.reason, detail: risk.detail.as_deref().map(plain) }
    }
}

impl fmt::Display for RowRisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.detail {
            Some(detail) => write!(f, "{} {detail}", self.reason.as_str()),
            None => write!(f, "{}", self.reason.as_str()),
        }
    }
}

/// What core says of a target.
pub struct Said {
    state: State,
    reason: Reason,
    risks: Vec<RowRisk>,
}

impl From<Observation> for Said {
    fn from(said: Observation) -> Self {
        let risks = said.risks.into_iter().map(RowRisk::from).collect();
        Self { state: said.verdict.state(), reason: said.verdict.reason(), risks }
    }
}

impl From<(State, Reason)> for Said {
    fn from((state, reason): (State, Reason)) -> Self {
        Self { state, reason, risks: Vec::new() }
    }
}

impl<'a> Row<'a> {
    pub fn new(
        (scope, kind, id): (&'a Scope, Kind, &'a str),
        name: Option<&str>,
        place: Option<Place<'a>>,
        said: Said,
        claim: Option<Claim>,
        (seen, ignored): (Timestamp, Option<&'a Ignored>),
    ) -> Self {
        let Said { state, reason, risks } = said;
        Self { scope, kind, id, name: name.map(plain), place, state, reason, risks, claim, seen, ignored }
    }

    /// The instance that a network interface is on.
    pub fn instance(&self) -> Option<&'a str> {
        self.place.and_then(Place::instance).map(InstanceId::as_str)
    }

    /// Whether a documented way is known in which it can be lost.
    pub fn at_risk(&self) -> bool {
        self.risks.iter().any(|risk| risk.reason != Reason::RisksUnreadable)
    }

    /// Whether something is not known of it that could be bad.
    pub fn unclear(&self) -> bool {
        self.state == State::Unknown || self.risks.iter().any(|risk| risk.reason == Reason::RisksUnreadable)
    }

    /// Whether it carries the flag, and nobody claims it. `None`: it is not known.
    pub fn unclaimed(&self) -> Option<bool> {
        let carries = !matches!(self.state, State::NotApplicable | State::Unknown);
        self.claim.as_ref().map(|claim| carries && claim.is_none())
    }

    pub fn severity(&self) -> Severity {
        match self.state {
            State::Unprotected | State::Excepted => Severity::Unprotected,
            _ if self.at_risk() => Severity::AtRisk,
            _ if self.unclear() => Severity::Unknown,
            State::NotApplicable | State::Unknown => Severity::NotApplicable,
            State::Protected => Severity::Protected,
        }
    }
}

/// Targets, counted. One that is at risk is also counted by its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// All.
    pub total: u64,
    /// The flag holds its protected value.
    pub protected: u64,
    /// The flag does not hold its protected value.
    pub unprotected: u64,
    /// The target can't carry the flag.
    pub not_applicable: u64,
    /// It is not known.
    pub unknown: u64,
    /// Whatever the state, a documented way is known in which the target can be lost.
    pub at_risk: u64,
    /// Whatever the state, it is not known whether there is such a way.
    pub risks_unknown: u64,
    /// Of all of them, those that the file of ignored targets names. They don't count for --fail-on.
    pub ignored: u64,
    /// Of those that are protected or unprotected, those that no object of the cluster holds; absent if no cluster was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unclaimed: Option<u64>,
}

impl Counts {
    pub fn add(&mut self, row: &Row<'_>) {
        self.total += 1;
        *match row.state {
            State::Protected => &mut self.protected,
            State::Unprotected | State::Excepted => &mut self.unprotected,
            State::NotApplicable => &mut self.not_applicable,
            State::Unknown => &mut self.unknown,
        } += 1;
        self.at_risk += u64::from(row.at_risk());
        let unreadable = row.risks.iter().any(|risk| risk.reason == Reason::RisksUnreadable);
        self.risks_unknown += u64::from(unreadable);
        self.ignored += u64::from(row.ignored.is_some());
        if let Some(unclaimed) = row.unclaimed() {
            *self.unclaimed.get_or_insert_default() += u64::from(unclaimed);
        }
    }
}
