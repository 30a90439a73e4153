//! From verdicts to words.

pub mod conditions;
pub mod verdict;
