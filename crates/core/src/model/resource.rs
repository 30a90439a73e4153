//! What the engine must know of a sort of cloud resource: how a listing shows it.

use std::fmt::{Debug, Display};
use std::hash::Hash;

use crate::id::{InstanceId, Tag};
use crate::surroundings::Surroundings;

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

/// An instance that targets may be on, as its own listing shows it.
#[derive(Debug, Clone, Copy)]
pub struct HostFacts<'a> {
    /// The instance.
    pub id: &'a InstanceId,
    /// Its tags; `None` when they had an odd shape.
    pub tags: Option<&'a [Tag]>,
    /// What is on it.
    pub surroundings: &'a Surroundings,
}

/// A sort of cloud resource. A type without values: it only names its id, its facts and how they are read.
pub trait Resource: Debug + Clone + Copy + PartialEq + Eq + 'static {
    /// The cloud's id of one target.
    type Id: AsRef<str> + Debug + Display + Clone + PartialEq + Eq + PartialOrd + Ord + Hash;
    /// What a listing says of one target.
    type Facts: Debug + Clone + PartialEq + Eq;

    /// The word for it in metrics and in the evidence log.
    const NAME: &'static str;

    /// The operation that lists targets, as the cloud and the operator's configuration name it.
    const LISTING: &'static str;

    /// Most ids in one read by id.
    const IDS_PER_READ: usize = 100;

    /// Whether an object is reported of because of what it asks of these. Where it asks for them beside something else, the
    /// report on that tells of them, too.
    const REPORTED: bool = true;

    /// Whether objects remember the targets that they have seen protected, and keep them wherever they go.
    const REMEMBERS: bool = false;

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

    /// The targets that are on an instance by its own word; `None` when that can't be read.
    fn listed(_host: HostFacts<'_>) -> Option<&[Self::Id]> {
        Some(&[])
    }
}
