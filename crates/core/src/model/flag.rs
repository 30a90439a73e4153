//! What the engine must know of a flag: one boolean that must hold its protected value on each target of a resource.

use std::fmt::Debug;
use std::time::Duration;

use crate::reason::{Reason, Risk};
use crate::resource::Resource;

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

/// The id of a target that carries the flag.
pub type Id<F> = <<F as Flag>::Of as Resource>::Id;

/// What a listing says of a target that carries the flag.
pub type Facts<F> = <<F as Flag>::Of as Resource>::Facts;

/// A flag. A type without values: it only says how the flag is read and what may stand against it.
pub trait Flag: Debug + Clone + Copy + PartialEq + Eq + 'static {
    /// The resource that carries it.
    type Of: Resource;

    /// What a refusal of the flag means.
    const REFUSAL: Refusal;

    /// The reason when an object's unprotecting was carried out.
    const UNPROTECTED: Reason;

    /// Whether the flag holds its protected value; `None` when the cloud's answer did not say so readably.
    fn protected(facts: &Facts<Self>) -> Option<bool>;

    /// Whether the flag can be set on this target.
    fn applicability(facts: &Facts<Self>) -> Applicability;

    /// Documented ways in which the target can be lost although its flag is, or would be, protected.
    fn risks(facts: &Facts<Self>) -> Vec<Risk>;

    /// Whether the unprotected value would put the target at stake now: nothing takes it along as long as it is free.
    fn at_stake(_facts: &Facts<Self>) -> bool {
        true
    }
}
