//! From verdicts to words.

pub mod conditions;
pub mod scaling_groups;
pub mod verdict;
