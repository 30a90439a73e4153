//! How the cloud misbehaves, when it is told to.
//!
//! A rule says to which calls it applies, how often, and what happens to them. Rules are asked in the order in which
//! they were made; the first that decides a call's answer decides it alone, all others add up.

mod plan;
mod rule;
mod rules;

#[cfg(test)]
pub(crate) use plan::Target;
pub(crate) use plan::{Instead, OddField, PageFaults, Plan};
pub(crate) use rule::Subject;
pub use rule::{Fault, Rule};
pub(crate) use rules::Faults;
