//! What the engine must know of a flag: one boolean that must hold its protected value on each target of a resource.

use std::fmt::Debug;
use std::time::Duration;

use crate::intent::{Intent, Unprotecting};
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

    /// Stands for the possibility to unprotect it; [`Infallible`](std::convert::Infallible) where nothing ever may.
    type Unprotect: Debug + Clone + Copy + PartialEq + Eq;

    /// That it may be unprotected at all, if somebody asks for it.
    const UNPROTECT: Option<Self::Unprotect>;

    /// Whether it is a surprise that the flag is lost on a target which nobody holds, too. Many of them at once may mean that
    /// the listing is of others than those that are known.
    const ALARMS: bool;

    /// The attribute of the cloud's API.
    const NAME: &'static str;

    /// What a refusal of the flag means.
    const REFUSAL: Refusal;

    /// Most targets on which one call sets the flag.
    const PER_CALL: usize = 1;

    /// What those targets must have in common.
    fn in_call_with(_facts: &Facts<Self>) -> Option<&str> {
        None
    }

    /// Whether an intent is a hold on the flag: it wants the protected value on its targets.
    fn holds(intent: &Intent<Self::Of>) -> bool;

    /// Whether an intent has the protected value written on its targets.
    fn enforces(intent: &Intent<Self::Of>) -> bool {
        Self::holds(intent) && !intent.observe
    }

    /// The unprotecting of this flag that an intent asks for.
    fn unprotecting(intent: &Intent<Self::Of>) -> Option<Unprotecting>;

    /// Whether the flag holds its protected value; `None` when the cloud's answer did not say so readably.
    fn protected(facts: &Facts<Self>) -> Option<bool>;

    /// Whether the flag can be set on this target.
    fn applicability(facts: &Facts<Self>) -> Applicability;

    /// Whether the unprotected value would put the target at stake now: nothing takes it along as long as it is free.
    fn at_stake(_facts: &Facts<Self>) -> bool {
        true
    }
}

/// The flag of a resource that the custom resource is named after: its verdicts are the domain condition, and what was seen
/// of it tells a grave loss from another.
pub trait MainFlag: Flag {
    /// The reason when an object's unprotecting was carried out.
    const UNPROTECTED: Reason;

    /// Documented ways in which the target can be lost although its flag is, or would be, protected.
    fn risks(facts: &Facts<Self>) -> Vec<Risk>;
}
