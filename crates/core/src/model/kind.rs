//! What the engine must know of a kind of cloud resource: a set of things on each of which one boolean must hold its
//! protected value.

use std::fmt::{Debug, Display};
use std::hash::Hash;
use std::time::Duration;

use crate::id::{InstanceId, Tag};
use crate::owners::Surroundings;
use crate::reason::{Reason, Risk};

/// Whether the flag can be set on a target at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applicability {
    /// It can.
    Yes,
    /// It can't, for this documented reason.
    No(Reason),
    /// A field that decides it was missing or odd.
    Unreadable,
}

/// Where a target is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// On no instance.
    Free,
    /// On this one.
    On(&'a InstanceId),
    /// The cloud's answer did not say so readably.
    Unreadable,
}

impl<'a> Place<'a> {
    /// The instance.
    pub fn instance(self) -> Option<&'a InstanceId> {
        match self {
            Self::On(instance) => Some(instance),
            Self::Free | Self::Unreadable => None,
        }
    }
}

/// What it means that the cloud refuses the flag for a target of which evidence says that it can carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The reason while it may still settle.
    pub settling: Reason,
    /// How long that may take.
    pub settles: Duration,
    /// The reason after that: the target can't carry the flag.
    pub settled: Reason,
}

/// What is kept of an answer.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Whether a selector asks for this tag.
    pub tag: &'a dyn Fn(&mut Tag) -> bool,
    /// Whether somebody asks for what is on an instance.
    pub surroundings: bool,
}

/// Which interfaces of a selected instance are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Types {
    /// The primary one.
    pub primary: bool,
    /// The secondary ones.
    pub secondary: bool,
}

impl Default for Types {
    fn default() -> Self {
        Self { primary: true, secondary: true }
    }
}

/// A kind of target. A type without values: it only names its id, its facts and how they are read.
pub trait Kind: Debug + Clone + Copy + PartialEq + Eq + 'static {
    /// The cloud's id of one target.
    type Id: Debug + Display + Clone + PartialEq + Eq + PartialOrd + Ord + Hash;
    /// What a listing says of one target.
    type Facts: Debug + Clone + PartialEq + Eq;

    /// Whether the flag holds its protected value; `None` when the cloud's answer did not say so readably.
    fn protected(facts: &Self::Facts) -> Option<bool>;

    /// Whether the flag can be set on this target.
    fn applicability(facts: &Self::Facts) -> Applicability;

    /// The operation that lists targets, as the cloud and the operator's configuration name it.
    const LISTING: &'static str;

    /// What a refusal of the flag means.
    const REFUSAL: Refusal;

    /// Whether objects remember the targets that they have seen protected, and keep them wherever they go.
    const REMEMBERS: bool = false;

    /// The reason when an object's unprotecting was carried out.
    const UNPROTECTED: Reason;

    /// Documented ways in which the target can be lost although its flag is, or would be, protected.
    fn risks(facts: &Self::Facts) -> Vec<Risk>;

    /// The target's tags; `None` when they had an odd shape (missing ones are none at all).
    fn tags(facts: &Self::Facts) -> Option<&[Tag]>;

    /// Drops what nobody asks for, so that memory follows what is selected and not what exists. Tags that tell of a risk
    /// stay.
    fn prune(facts: &mut Self::Facts, wanted: Wanted<'_>);

    /// Where the target is.
    fn place(_facts: &Self::Facts) -> Place<'_> {
        Place::Free
    }

    /// Whether the target is of one of these types, among those on a selected instance; `None` when the cloud's answer did
    /// not say so readably.
    fn of_types(_facts: &Self::Facts, _types: Types) -> Option<bool> {
        Some(true)
    }

    /// Whether the target is on some instance, and can't be told on which.
    fn misplaced(_facts: &Self::Facts) -> bool {
        false
    }

    /// Whether the cloud's two lists, the instance's own and that of targets, need not agree about this target.
    fn unlisted(_facts: &Self::Facts) -> bool {
        false
    }

    /// Whether the unprotected value would put the target at stake now: nothing takes it along as long as it is free.
    fn at_stake(_facts: &Self::Facts) -> bool {
        true
    }

    /// The targets that an instance's own list holds; `None` when it can't be read.
    fn listed(_surroundings: &Surroundings) -> Option<&[Self::Id]> {
        Some(&[])
    }
}
