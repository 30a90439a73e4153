//! What a flag that was seen at another value means for the questions.

use crate::on_behalf::WriteReason;
use crate::trail::TrailedFlag;
use crate::transition::{FlagState, Transition, Wrote};

/// What a transition means for the questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concern {
    /// Somebody else has switched the flag off.
    SwitchedOff,
    /// A write of ours that was to put it right is seen to have had its effect.
    Repaired,
    /// It is not off any more, whoever has seen to that.
    Ended,
}

impl Concern {
    /// That of a transition, and the flag; `None`: it means nothing for them.
    pub fn of(transition: &Transition) -> Option<(TrailedFlag, Self)> {
        let flag = TrailedFlag::named(transition.flag)?;
        let (from, to) = (transition.from, transition.to);
        let repairing = |write: &Wrote| write.on_behalf.reason == WriteReason::Repairing;
        let concern = match (to, &transition.write) {
            (Some(FlagState::Unprotected), None) if from == Some(FlagState::Protected) => Self::SwitchedOff,
            (Some(FlagState::Protected), Some(write)) if repairing(write) => Self::Repaired,
            _ if may_be_off(from) && !may_be_off(to) => Self::Ended,
            _ => return None,
        };
        Some((flag, concern))
    }
}

/// Of an unreadable flag it is not known whether it has been on.
const fn may_be_off(state: Option<FlagState>) -> bool {
    matches!(state, Some(FlagState::Unprotected | FlagState::Unreadable))
}
