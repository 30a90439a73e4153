//! What the engine must know of a kind of cloud resource: a set of things on each of which one boolean must hold its
//! safe value.

use std::fmt::{Debug, Display};
use std::hash::Hash;

use crate::id::Tag;
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

/// A kind of target. A type without values: it only names its id, its facts and how they are read.
pub trait Kind: Debug + Clone + Copy + PartialEq + Eq + 'static {
    /// The cloud's id of one target.
    type Id: Debug + Display + Clone + PartialEq + Eq + PartialOrd + Ord + Hash;
    /// What a listing says of one target.
    type Facts: Debug + Clone + PartialEq + Eq;

    /// Whether the flag holds its safe value; `None` when the cloud's answer did not say so readably.
    fn safe(facts: &Self::Facts) -> Option<bool>;

    /// Whether the flag can be set on this target.
    fn applicability(facts: &Self::Facts) -> Applicability;

    /// Documented ways in which the target can be lost although its flag is safe.
    fn risks(facts: &Self::Facts) -> Vec<Risk>;

    /// The target's tags; `None` when they had an odd shape (missing ones are none at all).
    fn tags(facts: &Self::Facts) -> Option<&[Tag]>;

    /// Drops the tags that nobody asks for, so that memory follows what is selected and not what exists. Tags that
    /// tell of a risk stay.
    fn prune_tags(facts: &mut Self::Facts, wanted: &dyn Fn(&mut Tag) -> bool);
}
