//! What is to be said of an object now.

use keeper_core::conditions::{ConditionSet, Question, judge};
use keeper_core::verdict::RegionReport;

use super::lagging::Lagging;

/// What is to be said of an object now.
#[derive(Debug)]
pub struct Report {
    pub condition_set: ConditionSet,
    /// What was judged; `None`: the object is not served.
    pub question: Option<Question>,
    pub part: RegionReport,
    /// The Nodes without a target, as they are noted from now on.
    pub lagging: Lagging,
    /// Whether every region has counted its targets: what is not counted is not zero.
    pub counted: bool,
}

impl Report {
    /// That an object is not served, and why.
    pub(super) fn silent(condition_set: ConditionSet) -> Self {
        Self {
            condition_set,
            question: None,
            part: RegionReport::default(),
            lagging: Lagging::default(),
            counted: false,
        }
    }

    /// Judges anew: the list of retained interfaces had to stop before one that nothing else leads to.
    pub(super) fn note_full(&mut self) {
        let Some(question) = self.question else { return };
        self.part.retention.get_or_insert_default().full = true;
        self.condition_set = judge(question, &self.part);
    }
}
