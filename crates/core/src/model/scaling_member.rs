//! Members of scaling groups: what a listing of them says. A member is an instance; it stands for itself, and hangs on the
//! instance, because it is listed and written by another product of the cloud.

use crate::id::{InstanceId, ScalingGroupId, Tag};
use crate::instance::SCALING_GROUP_TAG;
use crate::resource::{HostFacts, Place, Resource, Wanted};

/// The resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScalingMember;

/// Where a member stands between coming and going (`LifecycleState`).
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
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What DescribeScalingInstances says of one member. A field is `None` when the cloud's answer lacked it or had it in a form
/// that we do not know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberFacts {
    /// The instance.
    pub instance: InstanceId,
    /// Its group.
    pub group: Option<ScalingGroupId>,
    /// Where it stands.
    pub state: Option<LifecycleState>,
}

impl Resource for ScalingMember {
    type Id = InstanceId;
    type Facts = MemberFacts;

    const NAME: &'static str = "ScalingMember";
    const LISTING: &'static str = "DescribeScalingInstances";
    // The vendor states no maximum here; every other list of ids of the product ends at twenty.
    const IDS_PER_READ: usize = 20;
    const REPORTED: bool = false;

    fn tags(_: &MemberFacts) -> Option<&[Tag]> {
        Some(&[])
    }

    fn prune(_: &mut MemberFacts, _: Wanted<'_>) {}

    fn place(facts: &MemberFacts) -> Place<'_> {
        Place::On(&facts.instance)
    }

    // The instance's tag, or the listing: either makes it a member.
    fn unlisted(_: &MemberFacts) -> bool {
        true
    }

    fn listed(host: HostFacts<'_>) -> Option<&[InstanceId]> {
        let member = host.tags?.iter().any(|tag| tag.key.as_ref() == SCALING_GROUP_TAG);
        Some(if member { std::slice::from_ref(host.id) } else { &[] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::surroundings::Surroundings;

    #[test]
    fn i06_an_instance_is_a_member_by_its_tag_or_not_known_to_be_one() {
        let (id, surroundings) = (InstanceId::new("i-a"), Surroundings::default());
        let listed = |tags: Option<&[Tag]>| {
            let host = HostFacts { id: &id, tags, surroundings: &surroundings };
            ScalingMember::listed(host).map(<[InstanceId]>::len)
        };
        assert_eq!(listed(Some(&[Tag::new(SCALING_GROUP_TAG, "asg-1")])), Some(1));
        assert_eq!(listed(Some(&[Tag::new("env", "prod")])), Some(0));
        assert_eq!(listed(None), None);
    }

    #[test]
    fn i06_an_unknown_word_is_no_state() {
        for state in LifecycleState::ALL {
            assert_eq!(LifecycleState::parse(state.as_str()), Some(state));
        }
        assert_eq!(LifecycleState::parse("inservice"), None);
    }
}
