//! The scaling groups of which targets are members.

use std::collections::BTreeMap;

use crate::id::ScalingGroupId;

/// What the cloud has shown of the members of scaling groups among an object's targets, if the object asks anything of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct ScalingGroups {
    /// The groups of which at least one target is a member.
    pub counts: BTreeMap<ScalingGroupId, MemberCounts>,
    /// There may be more: the listing is not complete.
    pub unlisted: bool,
}

/// How many targets are members of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MemberCounts {
    /// All of them.
    pub members: u32,
    /// Those that were last seen protected from scale-in.
    pub protected: u32,
}

impl ScalingGroups {
    /// Counts one member.
    pub fn add(&mut self, group: &ScalingGroupId, protected: bool) {
        let counts = self.counts.entry(group.clone()).or_default();
        counts.members += 1;
        counts.protected += u32::from(protected);
    }

    /// Adds what another engine says.
    pub fn join(&mut self, other: &Self) {
        for (group, theirs) in &other.counts {
            let counts = self.counts.entry(group.clone()).or_default();
            counts.members += theirs.members;
            counts.protected += theirs.protected;
        }
        self.unlisted |= other.unlisted;
    }
}
