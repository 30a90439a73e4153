//! What the evidence log keeps: that a flag was seen at another value than before, and the write of ours that lies between.

use crate::id::RequestId;
use crate::on_behalf::OnBehalf;
use crate::time::Moment;

/// What was seen of a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlagState {
    /// It holds the protected value.
    Protected,
    /// It holds the unprotected value.
    Unprotected,
    /// The cloud showed the target, and the flag was missing or had an unknown form.
    Unreadable,
    /// The cloud knows no such target: two look-ups by id, apart, lacked it.
    Gone,
}

impl FlagState {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Protected, Self::Unprotected, Self::Unreadable, Self::Gone];

    /// That of a target that was shown. `protected`: as [`Flag::protected`](crate::flag::Flag::protected) has it.
    pub const fn shown(protected: Option<bool>) -> Self {
        match protected {
            Some(true) => Self::Protected,
            Some(false) => Self::Unprotected,
            None => Self::Unreadable,
        }
    }

    /// The word in the log.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Protected => "Protected",
            Self::Unprotected => "Unprotected",
            Self::Unreadable => "Unreadable",
            Self::Gone => "Gone",
        }
    }
}

/// When something was seen, and in which request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// When.
    pub at: Moment,
    /// The cloud's id of the read; `None`: it is concluded from more than one, or from none.
    pub request_id: Option<RequestId>,
}

/// A write of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrote {
    /// On whose behalf.
    pub on_behalf: OnBehalf,
    /// The cloud's id of the write; `None`: its answer never came.
    pub request_id: Option<RequestId>,
}

/// A flag that was seen at another value than before. Both looks are of one term of leadership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transition {
    /// [`Resource::NAME`](crate::resource::Resource::NAME) of the target.
    pub resource: &'static str,
    /// [`Flag::NAME`](crate::flag::Flag::NAME).
    pub flag: &'static str,
    /// The target.
    pub id: Box<str>,
    /// What it was; `None`: nothing was known of the target.
    pub from: Option<FlagState>,
    /// What it is; `None`: nobody selects the target any more, so that what becomes of it is not seen.
    pub to: Option<FlagState>,
    /// When a read was sent that still showed the former value: the change came later.
    pub last_seen: Option<Look>,
    /// When the answer came that showed the new one: the change came earlier.
    pub seen: Look,
    /// The write of ours that set the new value, was not refused, and was sent when that value had not been seen yet.
    pub write: Option<Wrote>,
}
