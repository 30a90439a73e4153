//! What is to be said of an object now.

use std::collections::{BTreeMap, BTreeSet};

use keeper_core::conditions::ConditionSet;
use keeper_core::id::{InstanceId, Region};
use keeper_core::lift::LiftReport;
use keeper_core::verdict::RegionReport;

use super::lagging::Lagging;

/// What is to be said of an object now.
#[derive(Debug)]
pub struct Report {
    pub condition_set: ConditionSet,
    pub part: RegionReport,
    /// The Nodes without a target, as they are noted from now on.
    pub lagging: Lagging,
    /// Whether every region has counted its targets: what is not counted is not zero.
    pub counted: bool,
    /// The regions that have spoken of this generation.
    pub spoken: BTreeSet<Region>,
    /// The instances for which the object steps aside for Karpenter.
    pub lifted: BTreeMap<(Region, InstanceId), LiftReport>,
}

impl Report {
    /// That an object is not served, and why.
    pub fn silent(condition_set: ConditionSet) -> Self {
        Self {
            condition_set,
            part: RegionReport::default(),
            lagging: Lagging::default(),
            counted: false,
            spoken: BTreeSet::new(),
            lifted: BTreeMap::new(),
        }
    }
}
