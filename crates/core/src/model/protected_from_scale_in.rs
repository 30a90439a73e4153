//! Protection of an instance from scale-in: the flag is that its membership of a scaling group is in the state `Protected`.
//! Release protection does not stop scale-in.

use std::time::Duration;

use crate::flag::{Applicability, Flag, Refusal};
use crate::intent::{Intent, Unprotecting};
use crate::reason::Reason;
use crate::scaling_member::{LifecycleState, MemberFacts, ScalingMember};

/// The flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtectedFromScaleIn;

impl Flag for ProtectedFromScaleIn {
    type Of = ScalingMember;
    type Unprotect = ();

    const UNPROTECT: Option<()> = Some(());
    // Whoever drives the group may take the protection from all of its members at once.
    const ALARMS: bool = false;
    const NAME: &'static str = "ProtectedFromScaleIn";
    // The vendor's page of SetInstancesProtection says of nothing that it can't be protected at all.
    const REFUSAL: Refusal =
        Refusal { settling: Reason::Busy, settles: Duration::MAX, settled: Reason::Busy };
    const PER_CALL: usize = 20;

    fn in_call_with(facts: &MemberFacts) -> Option<&str> {
        facts.group.as_ref().map(AsRef::as_ref)
    }

    fn holds(intent: &Intent<ScalingMember>) -> bool {
        intent.holds()
    }

    fn unprotecting(intent: &Intent<ScalingMember>) -> Option<Unprotecting> {
        intent.unprotecting()
    }

    fn protected(facts: &MemberFacts) -> Option<bool> {
        facts.state.map(|state| state == LifecycleState::Protected)
    }

    // Only settled states are written. What the cloud answers for the others no page says; and who set a member aside has put
    // it out of reach of scale-in already.
    fn applicability(facts: &MemberFacts) -> Applicability {
        use LifecycleState as State;
        let (Some(state), Some(_)) = (facts.state, &facts.group) else { return Applicability::Unreadable };
        match state {
            State::InService | State::Protected => Applicability::Yes,
            State::Pending | State::PendingWait => Applicability::No(Reason::ScalingPending),
            State::Standby => Applicability::No(Reason::ScalingStandby),
            State::Stopped => Applicability::No(Reason::ScalingStopped),
            State::Removing | State::RemovingWait => Applicability::No(Reason::ScalingRemoving),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{InstanceId, ScalingGroupId};

    #[test]
    fn i58_only_a_settled_member_whose_group_is_known_is_written() {
        let facts = |state, group: Option<&str>| MemberFacts {
            instance: InstanceId::new("i-a"),
            group: group.map(ScalingGroupId::new),
            state,
        };
        for state in LifecycleState::ALL {
            let settled = matches!(state, LifecycleState::InService | LifecycleState::Protected);
            let known = facts(Some(state), Some("asg-1"));
            assert_eq!(
                ProtectedFromScaleIn::applicability(&known) == Applicability::Yes,
                settled,
                "{state:?}"
            );
            let protected = state == LifecycleState::Protected;
            assert_eq!(ProtectedFromScaleIn::protected(&known), Some(protected), "{state:?}");
            let nowhere = ProtectedFromScaleIn::applicability(&facts(Some(state), None));
            assert_eq!(nowhere, Applicability::Unreadable, "{state:?}");
        }
        let odd = facts(None, Some("asg-1"));
        assert_eq!(ProtectedFromScaleIn::applicability(&odd), Applicability::Unreadable);
        assert_eq!(ProtectedFromScaleIn::protected(&odd), None);
    }
}
