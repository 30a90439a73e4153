//! Members of scaling groups, as a listing shows them, and what can be asked of them.

use std::fmt;
use std::sync::Arc;

use keeper_core::call::Identity;
use keeper_core::id::{InstanceId, RequestId};

use crate::identifier::is_identifier;

/// Most instances in one call about some of them.
pub const INSTANCES_PER_CALL: usize = 20;

/// Id of a scaling group, `asg-…`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScalingGroupId(Arc<str>);

impl ScalingGroupId {
    /// An id as the cloud gives it; `None` when the text can't be one.
    pub fn parse(text: &str) -> Option<Self> {
        is_identifier(text).then(|| Self(Arc::from(text)))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ScalingGroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a member stands between coming and going.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LifecycleState {
    /// Being added.
    Pending,
    /// Being added, and held up by a lifecycle hook.
    PendingWait,
    /// A member like any other.
    InService,
    /// Kept from scale-in.
    Protected,
    /// Set aside.
    Standby,
    /// Stopped in the economical mode.
    Stopped,
    /// Being removed.
    Removing,
    /// Being removed, and held up by a lifecycle hook.
    RemovingWait,
}

impl LifecycleState {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::PendingWait,
        Self::InService,
        Self::Protected,
        Self::Standby,
        Self::Stopped,
        Self::Removing,
        Self::RemovingWait,
    ];

    /// The vendor's word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::PendingWait => "Pending:Wait",
            Self::InService => "InService",
            Self::Protected => "Protected",
            Self::Standby => "Standby",
            Self::Stopped => "Stopped",
            Self::Removing => "Removing",
            Self::RemovingWait => "Removing:Wait",
        }
    }

    /// The state that a word stands for.
    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// A member of a scaling group. What isn't known is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScalingMember {
    /// The instance.
    pub instance: InstanceId,
    /// Its group.
    pub group: Option<ScalingGroupId>,
    /// Where it stands.
    pub lifecycle: Option<LifecycleState>,
}

impl ScalingMember {
    /// Whether it is kept from scale-in.
    pub fn protected_from_scale_in(&self) -> Option<bool> {
        self.lifecycle.map(|state| state == LifecycleState::Protected)
    }
}

/// Which members are asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberQuery {
    /// All of the region.
    Region,
    /// Those that stand there.
    InStates(Vec<LifecycleState>),
    /// These, as far as they are members; at most [`INSTANCES_PER_CALL`].
    Instances(Vec<InstanceId>),
}

/// One page of a listing of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRead {
    /// Which members.
    pub query: MemberQuery,
    /// Which page, counted from 1.
    pub page: u32,
}

/// A page of members. Pages by number are no snapshot: a [`MemberListing`](crate::MemberListing) tells whether some make a
/// whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberPage {
    /// Its number.
    pub number: u32,
    /// The members on it.
    pub members: Vec<ScalingMember>,
    /// Entries that can't be read.
    pub unreadable: usize,
    /// How many members there were in all when this page was made.
    pub total: u64,
    /// The cloud's id of the request.
    pub request_id: RequestId,
    /// To whom the answer was given.
    pub identity: Identity,
}

/// Members of one group that are to be kept from scale-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberProtection {
    group: ScalingGroupId,
    instances: Vec<InstanceId>,
}

impl MemberProtection {
    /// `None` without instances, and for more than [`INSTANCES_PER_CALL`].
    pub fn new(group: ScalingGroupId, mut instances: Vec<InstanceId>) -> Option<Self> {
        instances.sort();
        instances.dedup();
        (1..=INSTANCES_PER_CALL).contains(&instances.len()).then_some(Self { group, instances })
    }

    /// The group.
    pub fn group(&self) -> &ScalingGroupId {
        &self.group
    }

    /// The instances, each once.
    pub fn instances(&self) -> &[InstanceId] {
        &self.instances
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i58_one_call_protects_one_to_twenty_instances_each_once() {
        let group = ScalingGroupId::parse("asg-1").unwrap();
        let of = |numbers: Vec<usize>| {
            let ids = numbers.into_iter().map(|number| InstanceId::new(format!("i-{number:02}"))).collect();
            MemberProtection::new(group.clone(), ids).map(|protection| protection.instances().len())
        };
        assert_eq!(of(vec![]), None);
        assert_eq!(of(vec![1]), Some(1));
        assert_eq!(of(vec![2, 1, 2]), Some(2));
        assert_eq!(of((0..20).collect()), Some(20));
        assert_eq!(of((0..21).collect()), None);
    }

    #[test]
    fn i43_what_can_not_be_an_id_is_no_group() {
        for text in ["", "asg 1", "asg-1&Action=x", "asg-1/..", "网卡"] {
            assert_eq!(ScalingGroupId::parse(text), None, "{text}");
        }
    }
}
